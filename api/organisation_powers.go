package api

import (
	"context"
	"net/http"
	"slices"

	"parapheur/circuits"
	"parapheur/circuits/delegation"
	"parapheur/dossiers"
)

// day reads a day of the wire; the office says what is wrong with it.
func day(s string) delegation.Date { return delegation.Date(s) }

// A TownDelegation is an arrêté of delegation, with its identifier.
type TownDelegation struct {
	ID string `json:"id" format:"uuid"`
	SetupDelegation
}

// An Absence is planned, and says what becomes of the tray meanwhile.
type Absence struct {
	ID        string `json:"id" format:"uuid"`
	Cancelled bool   `json:"cancelled" doc:"Elle n’aura pas lieu"`
	SetupAbsence
}

// A SetupAbsence is what is said of an absence.
type SetupAbsence struct {
	Person      string `json:"person" maxLength:"254" doc:"Adresse de la personne absente" example:"philippe.rousseau@ville.fr"`
	From        string `json:"from" doc:"Premier jour" example:"2026-07-13"`
	To          string `json:"to" doc:"Dernier jour" example:"2026-07-24"`
	Replacement string `json:"replacement,omitempty" maxLength:"254" doc:"Adresse de qui vise entre-temps ; pour signer, il faut une délégation"`
	Tray        string `json:"tray,omitempty" enum:"keep,share,move," doc:"Ce que devient la bannette : elle attend, elle est partagée, elle est transmise pour de bon"`
	Note        string `json:"note,omitempty" maxLength:"200"`
}

// An Impediment opens suppléance (CGCT, article L2122-17).
type Impediment struct {
	ID string `json:"id" format:"uuid"`
	SetupImpediment
}

// A SetupImpediment is what is declared of an impediment.
type SetupImpediment struct {
	Person     string `json:"person" maxLength:"254" doc:"Adresse du maire, ou de l’adjoint qui devait le suppléer"`
	DeclaredBy string `json:"declared_by" maxLength:"254" doc:"Adresse de l’administrateur qui le déclare : l’application ne fait que le transmettre"`
	Motive     string `json:"motive" maxLength:"300" example:"Hospitalisation"`
	Proof      string `json:"proof,omitempty" maxLength:"300" doc:"Ce qui le prouve" example:"Certificat médical du 3 mars 2026"`
	Document   string `json:"document_sha256,omitempty" doc:"Empreinte du PDF qui le prouve, reçu par POST /organisation/documents"`
	From       string `json:"from" example:"2026-03-03"`
	To         string `json:"to,omitempty" doc:"Dernier jour ; absent : jusqu’à ce qu’il prenne fin"`
}

// A Recusal keeps a person away from one dossier.
type Recusal struct {
	SetupRecusal
	On string `json:"on" doc:"Jour du déport"`
}

// A SetupRecusal is what is said of a recusal (déport).
type SetupRecusal struct {
	Person     string `json:"person" maxLength:"254" doc:"Adresse de la personne que l’affaire intéresse"`
	Motive     string `json:"motive" maxLength:"2000" doc:"En quelques mots : le journal du dossier le gardera"`
	Substitute string `json:"substitute,omitempty" maxLength:"254" doc:"Adresse de qui l’arrêté de déport désigne"`
	Number     string `json:"number,omitempty" maxLength:"60" doc:"Numéro de l’arrêté de déport"`
}

// names turns identifiers of a town into what the wire writes, and back.
type names struct{ dossiers.Organisation }

func (s *server) names(ctx context.Context, c caller) (names, error) {
	g, err := s.Office.Organisation(ctx, c.viewer)
	return names{g}, err
}

// email is the address of a person, or nothing.
func (n names) email(id circuits.PersonID) string {
	m, _ := n.Member(id)
	return m.Email
}

// person finds who has an address; none is nobody.
func (n names) person(field, email string) (circuits.PersonID, error) {
	if email == "" {
		return "", nil
	}
	i := slices.IndexFunc(n.People, func(m dossiers.Member) bool { return m.Email == email })
	if i < 0 {
		return "", wrong("body."+field, "Aucune personne de la collectivité n’a cette adresse.")
	}
	return n.People[i].ID, nil
}

// delegations lists them with their identifiers.
func (n names) delegations() ([]TownDelegation, error) {
	t, err := townOf(n.Setup())
	if err != nil {
		return nil, err
	}
	out := []TownDelegation{}
	for _, w := range t.Delegations {
		i := slices.IndexFunc(n.Delegations, func(d delegation.Delegation) bool {
			return d.Number == w.Number && n.email(d.Delegate.Person) == w.Delegate.Person
		})
		out = append(out, TownDelegation{string(n.Delegations[i].ID), w})
	}
	return out, nil
}

func (n names) delegation(id string) (TownDelegation, bool, error) {
	all, err := n.delegations()
	return pick(all, err, func(d TownDelegation) bool { return d.ID == id })
}

func pick[T any](all []T, err error, is func(T) bool) (found T, ok bool, _ error) {
	if i := slices.IndexFunc(all, is); err == nil && i >= 0 {
		return all[i], true, nil
	}
	return found, false, err
}

func (n names) absences() []Absence {
	out := []Absence{}
	for _, a := range n.Absences {
		out = append(out, Absence{string(a.ID), a.Cancelled, SetupAbsence{
			Person: n.email(a.Person), From: string(a.From), To: string(a.To), Replacement: n.email(a.Replacement), Tray: string(a.Tray), Note: a.Note,
		}})
	}
	return out
}

func (n names) absence(id string) (Absence, bool) {
	a, ok, _ := pick(n.absences(), nil, func(a Absence) bool { return a.ID == id })
	return a, ok
}

// read makes the absence of the domain from the wire.
func (n names) read(id string, cancelled bool, w SetupAbsence) (a delegation.Absence, err error) {
	a = delegation.Absence{ID: delegation.ID(id), From: day(w.From), To: day(w.To), Tray: delegation.Tray(w.Tray), Note: w.Note, Cancelled: cancelled}
	if a.Person, err = n.person("person", w.Person); err == nil {
		a.Replacement, err = n.person("replacement", w.Replacement)
	}
	return a, err
}

func (n names) impediments() []Impediment {
	out := []Impediment{}
	for _, i := range n.Impediments {
		w := SetupImpediment{Person: n.email(i.Person), DeclaredBy: n.email(i.DeclaredBy), Motive: i.Motive, Proof: i.Proof, From: string(i.From), To: string(i.To)}
		if !i.Document.IsZero() {
			w.Document = i.Document.String()
		}
		out = append(out, Impediment{string(i.ID), w})
	}
	return out
}

func (n names) impediment(id string) (Impediment, bool) {
	i, ok, _ := pick(n.impediments(), nil, func(i Impediment) bool { return i.ID == id })
	return i, ok
}

// declared makes the impediment of the domain from the wire. Whoever declares
// it administers the town.
func (n names) declared(id string, w SetupImpediment) (i delegation.Impediment, err error) {
	i = delegation.Impediment{ID: delegation.ID(id), Motive: w.Motive, Proof: w.Proof, From: day(w.From), To: day(w.To)}
	if i.Person, err = n.person("person", w.Person); err != nil {
		return i, err
	}
	if i.DeclaredBy, err = n.person("declared_by", w.DeclaredBy); err != nil {
		return i, err
	}
	if by, ok := n.Member(i.DeclaredBy); !ok || !by.Admin || by.Inactive {
		return i, wrong("body.declared_by", "Nommez l’administrateur de la collectivité qui déclare l’empêchement.")
	}
	if w.Document != "" && i.Document.UnmarshalText([]byte(w.Document)) != nil {
		return i, wrong("body.document_sha256", "Ce n’est pas une empreinte SHA-256, en hexadécimal.")
	}
	return i, nil
}

// OfPower names a delegation, an absence or an impediment.
type OfPower struct {
	caller
	ID string `path:"id" doc:"Son identifiant (UUID)"`
}

// A madeOut is something made, and where to read it again.
type madeOut[T any] struct {
	Replayable
	Location string `header:"Location" doc:"Où le relire"`
	ETag     string `header:"ETag" doc:"À rendre dans If-Match pour le changer"`
	Body     T
}

// makes describes a POST that may be repeated under a key.
func makes(id, path, summary, text string) operation {
	return operation{
		id: id, method: http.MethodPost, path: path, tag: tagOrganisation, scope: dossiers.ScopeOrganisationManage, status: http.StatusCreated,
		summary: summary, description: text, errors: []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType},
	}
}

// changes describes the PUT of something that is there.
func changes(id, path, summary, text string) operation {
	op := writes(id, path, summary, "")
	op.description = text + " If-Match est obligatoire."
	return op
}

func (s *server) registerPowers() {
	s.registerDelegations()
	s.registerAbsences()
	s.registerImpediments()
	s.registerRecusals()
	s.registerSetupDocuments()
}

func (s *server) registerAbsences() {
	const path = "/organisation/absences"
	add(s, reads("listAbsences", path, "Lister les absences", "Passées, en cours et à venir, annulées comprises."), func(ctx context.Context, in *struct{ caller }) (*listed[Absence], error) {
		n, err := s.names(ctx, in.caller)
		out := &listed[Absence]{}
		out.Body.Data = n.absences()
		return out, err
	})
	add(s, makes("planAbsence", path, "Planifier une absence", "Comme le fait l’administrateur de la personne. Un remplaçant vise ; il ne signe pas. Qui a annoncé une absence peut toujours agir."), s.planAbsence)
	add(s, reads("getAbsence", path+"/{id}", "Lire une absence", "Avec son étiquette."), func(ctx context.Context, in *OfPower) (*itemOut[Absence], error) {
		n, err := s.names(ctx, in.caller)
		return itemOf(n.absence(in.ID))(err)
	})
	add(s, changes("changeAbsence", path+"/{id}", "Changer une absence", "La personne ne change pas."), s.changeAbsence)
	op := changes("cancelAbsence", path+"/{id}", "Annuler une absence", "Elle n’aura pas lieu : plus rien n’est redirigé. Ce qui a été transmis ne revient pas seul.")
	op.method = http.MethodDelete
	add(s, op, s.cancelAbsence)
}

// itemOf answers an item that was looked for.
func itemOf[T any](item T, ok bool) func(error) (*itemOut[T], error) {
	return func(err error) (*itemOut[T], error) {
		if err == nil && !ok {
			err = dossiers.ErrNotFound
		}
		if err != nil {
			return nil, err
		}
		return &itemOut[T]{Status: http.StatusOK, ETag: itemTag(item), Body: item}, nil
	}
}

func (s *server) planAbsence(ctx context.Context, in *struct {
	caller
	Repeatable
	Body SetupAbsence
},
) (*madeOut[Absence], error) {
	return atMostOnce(ctx, s, in.caller, in.Key, in.Body, func(string) (*madeOut[Absence], error) {
		n, err := s.names(ctx, in.caller)
		if err != nil {
			return nil, err
		}
		a, err := n.read("", false, in.Body)
		if err != nil {
			return nil, err
		}
		if a, err = s.Office.PlanAbsence(ctx, in.viewer, a); err != nil {
			return nil, err
		}
		out := Absence{ID: string(a.ID), SetupAbsence: in.Body}
		return &madeOut[Absence]{Location: base + "/organisation/absences/" + out.ID, ETag: itemTag(out), Body: out}, nil
	})
}

// Guard is If-Match, where there is always something to match.
type Guard struct {
	IfMatch string `header:"If-Match" doc:"Étiquette lue ; obligatoire, « * » pour n’importe laquelle"`
}

// still holds a write to what was read of one item of a town.
func still[T any](g Guard, of func(names) (T, bool)) func(dossiers.Organisation) error {
	return func(now dossiers.Organisation) error {
		item, ok := of(names{now})
		if !ok {
			return dossiers.ErrNotFound
		}
		return Conditions{IfMatch: g.IfMatch}.allow(true, itemTag(item))
	}
}

func (s *server) changeAbsence(ctx context.Context, in *struct {
	OfPower
	Guard
	Body SetupAbsence
},
) (*itemOut[Absence], error) {
	return s.setAbsence(ctx, in.OfPower, in.Guard, func(was Absence) (SetupAbsence, bool, error) {
		if in.Body.Person != was.Person {
			return was.SetupAbsence, false, wrong("body.person", "L’absence reste celle de la même personne : annulez-la et planifiez l’autre.")
		}
		return in.Body, was.Cancelled, nil
	})
}

func (s *server) cancelAbsence(ctx context.Context, in *struct {
	OfPower
	Guard
},
) (*itemOut[Absence], error) {
	return s.setAbsence(ctx, in.OfPower, in.Guard, func(was Absence) (SetupAbsence, bool, error) { return was.SetupAbsence, true, nil })
}

func (s *server) setAbsence(ctx context.Context, in OfPower, guard Guard, change func(Absence) (SetupAbsence, bool, error)) (*itemOut[Absence], error) {
	n, err := s.names(ctx, in.caller)
	if err != nil {
		return nil, err
	}
	was, ok := n.absence(in.ID)
	if !ok {
		return nil, dossiers.ErrNotFound
	}
	w, cancelled, err := change(was)
	if err != nil {
		return nil, err
	}
	a, err := n.read(in.ID, cancelled, w)
	if err != nil {
		return nil, err
	}
	if _, err := s.Office.AmendIf(ctx, in.viewer, still(guard, func(n names) (Absence, bool) { return n.absence(in.ID) }), dossiers.AbsenceSet{Absence: a}); err != nil {
		return nil, err
	}
	return itemOf(Absence{in.ID, cancelled, w}, true)(nil)
}

func (s *server) registerImpediments() {
	const path = "/organisation/impediments"
	add(s, reads("listImpediments", path, "Lister les empêchements", "Ceux qui ouvrent ou ont ouvert la suppléance (CGCT, article L2122-17)."), func(ctx context.Context, in *struct{ caller }) (*listed[Impediment], error) {
		n, err := s.names(ctx, in.caller)
		out := &listed[Impediment]{}
		out.Body.Data = n.impediments()
		return out, err
	})
	add(s, makes("declareImpediment", path, "Déclarer un empêchement", "Il est réel et prouvé ; un maire que l’on peut joindre n’est pas empêché. Un administrateur le déclare (declared_by) ; le journal nomme aussi l’application."), s.declareImpediment)
	add(s, reads("getImpediment", path+"/{id}", "Lire un empêchement", "Avec son étiquette."), func(ctx context.Context, in *OfPower) (*itemOut[Impediment], error) {
		n, err := s.names(ctx, in.caller)
		return itemOf(n.impediment(in.ID))(err)
	})
	add(s, changes("changeImpediment", path+"/{id}", "Changer ou terminer un empêchement", "« to » en donne le dernier jour."), s.changeImpediment)
	s.registerImpedimentProof(path + "/{id}/proof")
}

func (s *server) declareImpediment(ctx context.Context, in *struct {
	caller
	Repeatable
	Body SetupImpediment
},
) (*madeOut[Impediment], error) {
	return atMostOnce(ctx, s, in.caller, in.Key, in.Body, func(string) (*madeOut[Impediment], error) {
		i, err := s.readImpediment(ctx, in.caller, "", in.Body)
		if err != nil {
			return nil, err
		}
		made, err := s.Office.AmendIf(ctx, in.viewer, func(dossiers.Organisation) error { return nil }, dossiers.ImpedimentSet{Impediment: i})
		if err != nil {
			return nil, err
		}
		out := Impediment{string(made[0].(dossiers.ImpedimentSet).Impediment.ID), in.Body} //nolint:forcetypeassert // what was asked, identified
		return &madeOut[Impediment]{Location: base + "/organisation/impediments/" + out.ID, ETag: itemTag(out), Body: out}, nil
	})
}

// readImpediment reads one from the wire; its document was received here.
func (s *server) readImpediment(ctx context.Context, c caller, id string, w SetupImpediment) (delegation.Impediment, error) {
	n, err := s.names(ctx, c)
	if err != nil {
		return delegation.Impediment{}, err
	}
	i, err := n.declared(id, w)
	if err == nil {
		err = s.kept(ctx, c, "body.document_sha256", i.Document)
	}
	return i, err
}

func (s *server) changeImpediment(ctx context.Context, in *struct {
	OfPower
	Guard
	Body SetupImpediment
},
) (*itemOut[Impediment], error) {
	n, err := s.names(ctx, in.caller)
	if err != nil {
		return nil, err
	}
	if _, ok := n.impediment(in.ID); !ok {
		return nil, dossiers.ErrNotFound
	}
	i, err := s.readImpediment(ctx, in.caller, in.ID, in.Body)
	if err != nil {
		return nil, err
	}
	if _, err := s.Office.AmendIf(ctx, in.viewer, still(in.Guard, func(n names) (Impediment, bool) { return n.impediment(in.ID) }), dossiers.ImpedimentSet{Impediment: i}); err != nil {
		return nil, err
	}
	return itemOf(Impediment{in.ID, in.Body}, true)(nil)
}

func (s *server) registerRecusals() {
	const path = "/dossiers/{id}/recusals"
	add(s, operation{
		id: "listRecusals", method: http.MethodGet, path: path, tag: tagDossiers, scope: dossiers.ScopeOrganisationRead,
		summary: "Lister les déports d’un dossier", description: "Qui est tenu à l’écart de ce dossier, et qui le remplace.",
	}, s.recusals)
	op := makes("recordRecusal", path, "Inscrire un déport", "La personne n’agit plus sur ce dossier, pour de bon ; son tour va à qui l’arrêté désigne. L’application doit voir le dossier. Une personne se déporte elle-même sur la page.")
	op.tag = tagDossiers
	add(s, op, s.recordRecusal)
}

func (s *server) recusals(ctx context.Context, in *OfDossier) (*listed[Recusal], error) {
	all, err := s.Office.RecusalsOf(ctx, in.viewer, dossiers.ID(in.ID))
	if err != nil {
		return nil, err
	}
	n, err := s.names(ctx, in.caller)
	if err != nil {
		return nil, err
	}
	out := &listed[Recusal]{}
	out.Body.Data = []Recusal{}
	for _, r := range all {
		out.Body.Data = append(out.Body.Data, Recusal{SetupRecusal{n.email(r.Person), r.Motive, n.email(r.Substitute), r.Number}, string(r.On)})
	}
	return out, nil
}

func (s *server) recordRecusal(ctx context.Context, in *struct {
	OfDossier
	Repeatable
	Body SetupRecusal
},
) (*struct {
	Replayable
	Body Recusal
}, error,
) {
	type out = struct {
		Replayable
		Body Recusal
	}
	return atMostOnce(ctx, s, in.caller, in.Key, in.Body, func(string) (*out, error) {
		if _, err := s.Office.RecusalsOf(ctx, in.viewer, dossiers.ID(in.ID)); err != nil {
			return nil, err // not theirs to see: nothing is said of anybody
		}
		n, err := s.names(ctx, in.caller)
		if err != nil {
			return nil, err
		}
		r := delegation.Recusal{Motive: in.Body.Motive, Number: in.Body.Number, On: s.Office.Today(in.viewer.Tenant)}
		if r.Person, err = n.person("person", in.Body.Person); err != nil {
			return nil, err
		}
		if r.Substitute, err = n.person("substitute", in.Body.Substitute); err != nil {
			return nil, err
		}
		if err := s.Office.Recuse(ctx, in.viewer, dossiers.ID(in.ID), r); err != nil {
			return nil, err
		}
		return &out{Body: Recusal{in.Body, string(r.On)}}, nil
	})
}
