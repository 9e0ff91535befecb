package api

import (
	"context"
	"net/http"
	"slices"

	"parapheur/dossiers"
)

// A shelf is one list of the set-up, whose items are read and written one by
// one under a name of their own.
type shelf[T any] struct {
	list func(SetupTown) []T
	name func(T) string
	one  func(T) SetupTown // the set-up that holds it alone
}

func deskShelf() shelf[SetupDesk] {
	return shelf[SetupDesk]{
		func(t SetupTown) []SetupDesk { return t.Desks }, func(d SetupDesk) string { return d.Code },
		func(d SetupDesk) SetupTown { return SetupTown{Desks: []SetupDesk{d}} },
	}
}

func sequenceShelf() shelf[SetupSequence] {
	return shelf[SetupSequence]{
		func(t SetupTown) []SetupSequence { return t.Sequences }, func(q SetupSequence) string { return q.Code },
		func(q SetupSequence) SetupTown { return SetupTown{Sequences: []SetupSequence{q}} },
	}
}

func typeShelf() shelf[SetupType] {
	return shelf[SetupType]{
		func(t SetupTown) []SetupType { return t.Types }, func(y SetupType) string { return y.Code },
		func(y SetupType) SetupTown { return SetupTown{Types: []SetupType{y}} },
	}
}

func closureShelf() shelf[SetupClosure] {
	return shelf[SetupClosure]{
		func(t SetupTown) []SetupClosure { return t.Closures }, func(c SetupClosure) string { return c.On },
		func(c SetupClosure) SetupTown { return SetupTown{Closures: []SetupClosure{c}} },
	}
}

func applicationShelf() shelf[SetupApplication] {
	return shelf[SetupApplication]{
		func(t SetupTown) []SetupApplication { return t.Applications }, func(a SetupApplication) string { return a.Name },
		func(a SetupApplication) SetupTown { return SetupTown{Applications: []SetupApplication{a}} },
	}
}

// personShelf names people by the identifier of the directory.
func personShelf() shelf[SetupPerson] {
	return shelf[SetupPerson]{
		func(t SetupTown) []SetupPerson { return t.People }, func(p SetupPerson) string { return p.ExternalID },
		func(p SetupPerson) SetupTown { return SetupTown{People: []SetupPerson{p}} },
	}
}

// find looks for an item under its name.
func (x shelf[T]) find(t SetupTown, name string) (item T, ok bool) {
	all := x.list(t)
	if i := slices.IndexFunc(all, func(y T) bool { return x.name(y) == name }); i >= 0 && name != "" {
		return all[i], true
	}
	return item, false
}

// A ListOf is a whole list.
type ListOf[T any] struct {
	Data []T `json:"data"`
}

type listed[T any] struct {
	Body ListOf[T]
}

// An itemOut is one item, with what If-Match wants.
type itemOut[T any] struct {
	Status int
	ETag   string `header:"ETag" doc:"Étiquette de ce qui est lu, à rendre dans If-Match pour le changer"`
	Body   T
}

// itemTag is the strong entity tag of an item: what it says.
func itemTag(v any) string { return listTag(v)[2:] }

// Conditions say what the caller read of what it writes.
type Conditions struct {
	IfMatch     string `header:"If-Match" doc:"Étiquette lue ; obligatoire pour changer ce qui existe, « * » pour n’importe laquelle" example:"\"1z4k9q\""`
	IfNoneMatch string `header:"If-None-Match" doc:"« * » : seulement si cela n’existe pas encore"`
}

// allow holds a write to what the caller read (RFC 9110, 13; RFC 6585, 3).
func (c Conditions) allow(there bool, tag string) error {
	switch {
	case !there && c.IfMatch != "", there && c.IfNoneMatch != "" && matches(c.IfNoneMatch, tag, true):
		return refused(http.StatusPreconditionFailed, "")
	case !there:
		return nil
	case c.IfMatch == "":
		return refused(http.StatusPreconditionRequired, "")
	case !matches(c.IfMatch, tag, false):
		return refused(http.StatusPreconditionFailed, "")
	}
	return nil
}

// listItems reads a whole list.
func listItems[T any](ctx context.Context, s *server, c caller, x shelf[T]) (*listed[T], error) {
	t, err := s.town(ctx, c)
	if err != nil {
		return nil, err
	}
	out := &listed[T]{}
	out.Body.Data = append([]T{}, x.list(t)...)
	return out, nil
}

// town reads the set-up on the wire.
func (s *server) town(ctx context.Context, c caller) (SetupTown, error) {
	g, err := s.Office.Organisation(ctx, c.viewer)
	if err != nil {
		return SetupTown{}, err
	}
	return townOf(g.Setup())
}

func getItem[T any](ctx context.Context, s *server, c caller, x shelf[T], name string) (*itemOut[T], error) {
	t, err := s.town(ctx, c)
	if err != nil {
		return nil, err
	}
	item, ok := x.find(t, name)
	if !ok {
		return nil, dossiers.ErrNotFound
	}
	return &itemOut[T]{Status: http.StatusOK, ETag: itemTag(item), Body: item}, nil
}

// putItem makes an item, or replaces it as a whole.
func putItem[T any](ctx context.Context, s *server, c caller, x shelf[T], name string, when Conditions, item T) (*itemOut[T], error) {
	setup, err := x.one(item).setup()
	if err != nil {
		return nil, err
	}
	made := false
	_, err = s.Office.MergeSetup(ctx, c.viewer, setup, func(now dossiers.Setup) error {
		t, err := townOf(now)
		if err != nil {
			return err
		}
		was, there := x.find(t, name)
		made = !there
		return when.allow(there, itemTag(was))
	})
	if err != nil {
		return nil, err
	}
	out, err := getItem(ctx, s, c, x, name)
	if err == nil && made {
		out.Status = http.StatusCreated
	}
	return out, err
}

// ByCode names an item of the set-up.
type ByCode struct {
	caller
	Code string `path:"code" minLength:"1" maxLength:"60" doc:"Son code"`
}

// itemErrors are those of a write under Conditions.
func itemErrors(more ...int) []int {
	return append(more, http.StatusBadRequest, http.StatusPreconditionFailed, http.StatusPreconditionRequired, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
}

const putText = " Remplace la fiche entière ; la même demande, une seconde fois, ne change rien et n’écrit rien au journal. Créer : sans condition, ou avec « If-None-Match: * ». Changer : If-Match est obligatoire."

// writes describes the PUT of an item.
func writes(id, path, summary, text string) operation {
	return operation{
		id: id, method: http.MethodPut, path: path, tag: tagOrganisation, scope: dossiers.ScopeOrganisationManage,
		summary: summary, description: text + putText, errors: itemErrors(), body: maxSetup,
	}
}

// reads describes the reading of an item, or of a list.
func reads(id, path, summary, text string) operation {
	return operation{id: id, method: http.MethodGet, path: path, tag: tagOrganisation, scope: dossiers.ScopeOrganisationRead, summary: summary, description: text}
}

func (s *server) registerItems() {
	s.registerPersonItem()
	coded(s, deskShelf(), "/organisation/desks", "TownDesk", "un bureau", "Sa place, et qui le tient, prépare sa bannette ou le supervise ; « inactive » le met hors d’usage.")
	listing(s, sequenceShelf(), "listSequences", "/organisation/sequences", "Lister les suites de numéros", "Comment les lettres sont numérotées au registre.")
	coded(s, sequenceShelf(), "/organisation/sequences", "Sequence", "une suite de numéros", "Ce qui est tiré reste tiré : seule l’écriture des prochains numéros change.")
	listing(s, typeShelf(), "listTownTypes", "/organisation/types", "Lister les types de courrier, tels que réglés", "Avec leurs métadonnées, leurs règles et leurs permissions, sans ce dont un sous-type hérite.")
	coded(s, typeShelf(), "/organisation/types", "TownType", "un type de courrier", "Métadonnées, règles et permissions comprises ; « inactive » le met hors d’usage.")
	s.registerClosures()
	s.registerApplicationItems()
	s.registerTerritory()
	s.registerArms()
	s.registerDepositRules()
}

// territoryShelf holds one item, whose name is fixed.
func territoryShelf() shelf[SetupTerritory] {
	return shelf[SetupTerritory]{
		func(t SetupTown) []SetupTerritory {
			if t.Territory == nil {
				return []SetupTerritory{{}}
			}
			return []SetupTerritory{*t.Territory}
		},
		func(SetupTerritory) string { return "territory" },
		func(x SetupTerritory) SetupTown { return SetupTown{Territory: &x} },
	}
}

func (s *server) registerTerritory() {
	const path = "/organisation/territory"
	add(s, reads("getTerritory", path, "Lire le territoire", "Les jours fériés et les heures de la collectivité."), func(ctx context.Context, in *struct{ caller }) (*itemOut[SetupTerritory], error) {
		return getItem(ctx, s, in.caller, territoryShelf(), "territory")
	})
	add(s, changes("putTerritory", path, "Régler le territoire", "Les échéances en cours gardent leur instant : il a été annoncé."), func(ctx context.Context, in *struct {
		caller
		Guard
		Body SetupTerritory
	},
	) (*itemOut[SetupTerritory], error) {
		return putItem(ctx, s, in.caller, territoryShelf(), "territory", Conditions{IfMatch: in.IfMatch}, in.Body)
	})
}

// listing registers the list of a shelf.
func listing[T any](s *server, x shelf[T], id, path, summary, text string) {
	add(s, reads(id, path, summary, text), func(ctx context.Context, in *struct{ caller }) (*listed[T], error) {
		return listItems(ctx, s, in.caller, x)
	})
}

// A codedItem is one whose name in the address is also in it.
type codedItem interface {
	SetupDesk | SetupSequence | SetupType
}

// coded registers the reading and the writing of the items of a shelf, under
// their code.
func coded[T codedItem](s *server, x shelf[T], path, what, words, text string) {
	path += "/{code}"
	add(s, reads("get"+what, path, "Lire "+words, "Telle que la page la montre, avec son étiquette."), func(ctx context.Context, in *ByCode) (*itemOut[T], error) {
		return getItem(ctx, s, in.caller, x, in.Code)
	})
	add(s, writes("put"+what, path, "Ajouter ou remplacer "+words, text), func(ctx context.Context, in *struct {
		ByCode
		Conditions
		Body T
	},
	) (*itemOut[T], error) {
		if x.name(in.Body) != in.Code {
			return nil, wrong("body.code", "Le code est celui de l’adresse.")
		}
		return putItem(ctx, s, in.caller, x, in.Code, in.Conditions, in.Body)
	})
	s.alsoMakes(path)
}

// alsoMakes documents that a PUT answers 201 for what is new.
func (s *server) alsoMakes(path string) {
	responses := s.api.OpenAPI().Paths[path].Put.Responses
	made := *responses["200"]
	made.Description = http.StatusText(http.StatusCreated)
	responses["201"] = &made
}

// ByDirectory names a person by the identifier of the directory.
type ByDirectory struct {
	caller
	External string `path:"external_id" minLength:"1" maxLength:"200" doc:"Identifiant de la personne dans l’annuaire"`
}

func (s *server) registerPersonItem() {
	const path = "/organisation/people/{external_id}"
	add(s, reads("getPerson", path, "Lire une personne de l’annuaire", "Par son identifiant dans l’annuaire ; les autres se lisent par leur adresse, dans la liste."),
		func(ctx context.Context, in *ByDirectory) (*itemOut[SetupPerson], error) {
			return getItem(ctx, s, in.caller, personShelf(), in.External)
		})
	add(s, writes("replacePerson", path, "Ajouter ou remplacer une personne de l’annuaire", "« inactive » ferme ses sessions et ses invitations aussitôt ; ce qu’elle a décidé reste. Son adresse la désigne partout : elle ne change que par POST."),
		func(ctx context.Context, in *struct {
			ByDirectory
			Conditions
			Body SetupPerson
		},
		) (*itemOut[SetupPerson], error) {
			return s.replacePerson(ctx, in.ByDirectory, in.Conditions, in.Body)
		})
	s.alsoMakes(path)
}

func (s *server) replacePerson(ctx context.Context, in ByDirectory, when Conditions, p SetupPerson) (*itemOut[SetupPerson], error) {
	if p.ExternalID == "" {
		p.ExternalID = in.External
	}
	if p.ExternalID != in.External {
		return nil, wrong("body.external_id", "L’identifiant est celui de l’adresse.")
	}
	t, err := s.town(ctx, in.caller)
	if err != nil {
		return nil, err
	}
	if was, there := personShelf().find(t, in.External); there && was.Email != p.Email {
		return nil, wrong("body.email", "L’adresse d’une personne connue change par POST /organisation/people.")
	}
	return putItem(ctx, s, in.caller, personShelf(), in.External, when, p)
}

// ByDay names a closure.
type ByDay struct {
	caller
	On string `path:"on" pattern:"^[0-9]{4}-[0-9]{2}-[0-9]{2}$" doc:"Le jour, comme 2026-05-15"`
}

// A SetupClosureReason is why the town hall is closed on a day.
type SetupClosureReason struct {
	Label string `json:"label,omitempty" maxLength:"120" example:"Pont de l’Ascension"`
}

func (s *server) registerClosures() {
	const path = "/organisation/closures/{on}"
	listing(s, closureShelf(), "listClosures", "/organisation/closures", "Lister les fermetures", "Les jours qu’aucun délai ne compte, en plus des dimanches et des jours fériés.")
	add(s, reads("getClosure", path, "Lire une fermeture", "Un jour, avec son étiquette."), func(ctx context.Context, in *ByDay) (*itemOut[SetupClosure], error) {
		return getItem(ctx, s, in.caller, closureShelf(), in.On)
	})
	add(s, writes("putClosure", path, "Inscrire une fermeture", "Aucun délai ne compte ce jour ; les échéances en cours sont calculées de nouveau."), func(ctx context.Context, in *struct {
		ByDay
		Conditions
		Body SetupClosureReason
	},
	) (*itemOut[SetupClosure], error) {
		return putItem(ctx, s, in.caller, closureShelf(), in.On, in.Conditions, SetupClosure{On: in.On, Label: in.Body.Label})
	})
	s.alsoMakes(path)
	op := writes("removeClosure", path, "Lever une fermeture", "Le jour compte de nouveau dans les délais.")
	op.method, op.status, op.description = http.MethodDelete, http.StatusNoContent, "Le jour compte de nouveau dans les délais."
	add(s, op, s.removeClosure)
}

func (s *server) removeClosure(ctx context.Context, in *struct {
	ByDay
	IfMatch string `header:"If-Match" doc:"Étiquette lue ; obligatoire, « * » pour n’importe laquelle"`
},
) (*noContent, error) {
	_, err := s.Office.AmendIf(ctx, in.viewer, func(g dossiers.Organisation) error {
		t, err := townOf(g.Setup())
		if err != nil {
			return err
		}
		was, there := closureShelf().find(t, in.On)
		if !there {
			return dossiers.ErrNotFound
		}
		return Conditions{IfMatch: in.IfMatch}.allow(true, itemTag(was))
	}, dossiers.ClosureRemoved{On: day(in.On)})
	return &noContent{}, err
}

// ByName names an application.
type ByName struct {
	caller
	Name string `path:"name" minLength:"1" maxLength:"80" doc:"Nom de l’application"`
}

// A SetupApplicationTerms is what is set of an application here.
type SetupApplicationTerms struct {
	DefaultDrafter string   `json:"default_drafter" maxLength:"254" doc:"Adresse de la personne à qui reviennent les refus de ses lettres"`
	Frames         []string `json:"panel_origins,omitempty" maxItems:"20" doc:"Origines des pages qui peuvent montrer ses panneaux ; aucune, ou le champ absent : aucun site ne le peut" example:"[\"https://gec.mairie.fr\"]"`
}

func (s *server) registerApplicationItems() {
	const path = "/organisation/applications/{name}"
	listing(s, applicationShelf(), "listApplications", "/organisation/applications", "Lister les applications", "Sans leurs clés : une clé se crée sur la page, ou se renouvelle par l’application elle-même.")
	add(s, reads("getApplication", path, "Lire une application", "Avec son étiquette."), func(ctx context.Context, in *ByName) (*itemOut[SetupApplication], error) {
		return getItem(ctx, s, in.caller, applicationShelf(), in.Name)
	})
	add(s, writes("putApplication", path, "Ajouter ou remplacer une application", "Elle ne peut rien avant qu’un administrateur lui ait créé une clé."), func(ctx context.Context, in *struct {
		ByName
		Conditions
		Body SetupApplicationTerms
	},
	) (*itemOut[SetupApplication], error) {
		return putItem(ctx, s, in.caller, applicationShelf(), in.Name, in.Conditions, SetupApplication{Name: in.Name, DefaultDrafter: in.Body.DefaultDrafter, Frames: in.Body.Frames})
	})
	s.alsoMakes(path)
}

// SetupDepositRules say which contents of a PDF the town refuses.
type SetupDepositRules struct {
	Refused map[string]bool `json:"refused" doc:"Par contenu : true refuse le dépôt, false le signale seulement. Un contenu absent reste comme il est" example:"{\"javascript\":true}"`
}

func (s *server) registerDepositRules() {
	const path = "/organisation/deposit-rules"
	add(s, reads("getDepositRules", path, "Lire les règles de dépôt", "Quels contenus actifs d’un PDF sont refusés, et lesquels sont signalés au dépôt."), func(ctx context.Context, in *struct{ caller }) (*itemOut[SetupDepositRules], error) {
		return s.depositRules(ctx, in.caller)
	})
	op := writes("putDepositRules", path, "Changer les règles de dépôt", "")
	op.description = "Elles valent pour les prochains dépôts. If-Match est obligatoire."
	add(s, op, func(ctx context.Context, in *struct {
		caller
		IfMatch string `header:"If-Match" doc:"Étiquette lue ; obligatoire, « * » pour n’importe laquelle"`
		Body    SetupDepositRules
	},
	) (*itemOut[SetupDepositRules], error) {
		rules := dossiers.DepositRules{}
		for code, no := range in.Body.Refused {
			rules[dossiers.NoticeCode(code)] = no
		}
		still := func(now dossiers.DepositRules) error {
			return Conditions{IfMatch: in.IfMatch}.allow(true, rulesOut(now).ETag)
		}
		if err := s.Office.SetDepositRules(ctx, in.viewer, rules, still); err != nil {
			return nil, err
		}
		return s.depositRules(ctx, in.caller)
	})
}

func (s *server) depositRules(ctx context.Context, c caller) (*itemOut[SetupDepositRules], error) {
	rules, err := s.Office.DepositRules(ctx, c.viewer)
	if err != nil {
		return nil, err
	}
	return rulesOut(rules), nil
}

func rulesOut(rules dossiers.DepositRules) *itemOut[SetupDepositRules] {
	out := SetupDepositRules{Refused: map[string]bool{}}
	for code, no := range rules {
		out.Refused[string(code)] = no
	}
	return &itemOut[SetupDepositRules]{Status: http.StatusOK, ETag: itemTag(out), Body: out}
}
