package web

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"parapheur/circuits"
	"parapheur/circuits/delegation"
	"parapheur/dossiers"
)

// organisationRoutes lists the pages on which an administrator sets the town
// up.
func (s *server) organisationRoutes(r chi.Router) {
	r.Get("/personnes/{id}", s.someone(s.personForm))
	r.Post("/personnes/{id}", s.someone(s.setPerson))
	r.Get("/bureaux/{id}", s.someone(s.deskForm))
	r.Post("/bureaux/{id}", s.someone(s.setDesk))
	r.Get("/types", s.someone(s.types))
	r.Get("/types/{code}", s.someone(s.typeForm))
	r.Post("/types/{code}", s.someone(s.setType))
	r.Get("/suites/{code}", s.someone(s.sequenceForm))
	r.Post("/suites/{code}", s.someone(s.setSequence))
	r.Get("/delegations", s.someone(s.delegations))
	r.Post("/delegations/apercu", s.someone(s.previewMention))
	r.Get("/delegations/{id}", s.someone(s.delegationForm))
	r.Post("/delegations/{id}", s.uploader(s.setDelegation))
	r.Get("/delegations/{id}/arrete", s.someone(s.arrete))
	r.Post("/delegations/{id}/retrait", s.someone(s.withdrawDelegation))
	r.Get("/empechements/{id}", s.someone(s.impedimentForm))
	r.Post("/empechements/{id}", s.uploader(s.setImpediment))
	r.Get("/empechements/{id}/preuve", s.someone(s.impedimentProof))
	r.Get("/absences", s.someone(s.absences))
	r.Get("/absences/{id}", s.someone(s.absenceForm))
	r.Post("/absences/{id}", s.someone(s.setAbsence))
	r.Get("/fermetures", s.someone(s.closures))
	r.Post("/fermetures", s.someone(s.setClosure))
	r.Post("/fermetures/levee", s.someone(s.removeClosure))
	r.Post("/fermetures/territoire", s.someone(s.setTerritory))
	r.Get("/fichier", s.someone(s.townFile))
	r.Get("/fichier/organisation.yaml", s.someone(s.exportTown))
	r.Post("/fichier", s.uploader(s.planTown))
}

// absenceRoutes lists the pages on which people plan their own absences.
func (s *server) absenceRoutes(r chi.Router) {
	r.Get("/", s.someone(s.myAbsences))
	r.Get("/{id}", s.someone(s.myAbsenceForm))
	r.Get("/empechements/{id}/preuve", s.someone(s.impedimentProof))
	r.Post("/{id}", s.someone(s.setMyAbsence))
}

// newID is the last element of the address of what does not exist yet.
const newID = "nouveau"

// setup reads the set-up of the town, for its administrators.
func (s *server) setup(v *visit, r *http.Request) (dossiers.Organisation, error) {
	if err := administers(v); err != nil {
		return dossiers.Organisation{}, err
	}
	return s.Office.Organisation(r.Context(), v.viewer)
}

// today is the day in the town.
func (s *server) today(v *visit) delegation.Date { return delegation.DateOf(s.now(v)) }

// saying goes back to a page, which says what was done.
func saying(w http.ResponseWriter, r *http.Request, path, said string) error {
	http.Redirect(w, r, path+"?"+url.Values{"dit": {said}}.Encode(), http.StatusSeeOther)
	return nil
}

// memberOptions lists people to choose, those who may act first.
func memberOptions(g dossiers.Organisation, none string, fits func(dossiers.Member) bool) []option {
	out := []option{}
	if none != "" {
		out = append(out, option{Label: none})
	}
	for _, m := range g.People {
		if fits(m) {
			out = append(out, option{Value: string(m.ID), Label: m.Name()})
		}
	}
	return out
}

func active(m dossiers.Member) bool { return !m.Inactive }

func deskOptions(g dossiers.Organisation, none string) []option {
	out := []option{}
	if none != "" {
		out = append(out, option{Label: none})
	}
	for _, d := range g.Desks {
		label := d.Name
		if d.Inactive {
			label += " (ne sert plus)"
		}
		out = append(out, option{Value: string(d.ID), Label: label})
	}
	return out
}

func typeOptions(g dossiers.Organisation, none string) []option {
	out := []option{}
	if none != "" {
		out = append(out, option{Label: none})
	}
	for _, y := range typeTree(g) {
		out = append(out, option{Value: y.Code, Label: strings.Repeat("— ", y.depth) + y.Name})
	}
	return out
}

// memberName names somebody of the set-up.
func memberName(g dossiers.Organisation, id circuits.PersonID) string {
	m, ok := g.Member(id)
	if !ok {
		return "Une personne retirée"
	}
	return m.Name()
}

func deskName(g dossiers.Organisation, id circuits.DeskID) string {
	d, ok := g.Desk(id)
	if !ok {
		return "Un bureau supprimé"
	}
	return d.Name
}

// A personAside is what stands beside the form of a person.
type personAside struct {
	ID, CSRF string
	Active   bool
	Oneself  bool
	Keys     []keyCard
	Reminder string
	Waits    []string
}

// memberValues are the fields of a person's form.
func memberValues(m dossiers.Member) url.Values {
	rank := ""
	if m.Rank > 0 {
		rank = strconv.Itoa(m.Rank)
	}
	return url.Values{
		"civility": {m.Civility}, "given_name": {m.GivenName}, "family_name": {m.FamilyName}, "email": {m.Email}, "drafter": {flag(m.Drafter)},
		"admin": {flag(m.Admin)}, "rank": {rank}, "adjoint": {flag(m.Adjoint)}, "mandate_end": {string(m.MandateEnd)},
	}
}

// memberFrom reads the form over what is not in it.
func memberFrom(values url.Values, m dossiers.Member) (dossiers.Member, error) {
	m.Civility, m.GivenName, m.FamilyName = values.Get("civility"), trimmed(values, "given_name"), trimmed(values, "family_name")
	m.Email, m.MandateEnd = trimmed(values, "email"), delegation.Date(trimmed(values, "mandate_end"))
	m.Drafter, m.Admin, m.Adjoint = values.Get("drafter") != "", values.Get("admin") != "", values.Get("adjoint") != ""
	m.Rank = 0
	if rank := trimmed(values, "rank"); rank != "" {
		n, err := strconv.Atoi(rank)
		if err != nil {
			return m, &dossiers.InvalidError{Field: "rank", Reason: "Écrivez le rang en chiffres : 1 pour le maire, 2 pour le premier adjoint."}
		}
		m.Rank = n
	}
	return m, nil
}

func (s *server) personForm(v *visit, w http.ResponseWriter, r *http.Request) error {
	g, err := s.setup(v, r)
	if err != nil {
		return err
	}
	m, ok := g.Member(circuits.PersonID(chi.URLParam(r, "id")))
	if !ok {
		return dossiers.ErrNotFound
	}
	p := personPage(memberValues(m), nil)
	p.from(m, url.Values{}, memberValues(m), nil)
	if r.URL.Query().Get("dit") == "gardee" {
		p.Said = "La fiche est enregistrée."
	}
	return s.showPerson(v, w, r, http.StatusOK, m, p)
}

func personPage(values url.Values, wrong error) *formPage {
	f := newFiche(values, wrong)
	civility := []option{{Label: "Ne pas dire"}, {Value: "Mme", Label: "Mme"}, {Value: "M.", Label: "M."}}
	p := &formPage{Nav: "personnes", Back: choice{"/administration", "Les personnes"}, Submit: "Enregistrer"}
	p.Parts = []formPart{
		{ID: "identite", Title: "Identité", Controls: []setting{
			f.one("select", "civility", "Civilité", "Donne leur genre aux mentions de signature.", civility),
			must(f.text("given_name", "Prénom", "", 80)), must(f.text("family_name", "Nom", "", 80)),
			must(f.text("email", "Adresse électronique", "", 200)),
		}},
		{ID: "roles", Title: "Ce que cette personne fait ici", Controls: []setting{
			f.check("drafter", "Dépose des lettres", ""), f.check("admin", "Administre le parapheur", "Sans voir aucune lettre pour autant.", "admin"),
		}},
		{ID: "mandat", Title: "Mandat", Hint: typeset("Pour les élus : c’est d’après ce rang que la suppléance est calculée (CGCT, article L2122-17)."), Controls: []setting{
			f.text("rank", "Rang au tableau du conseil", "1 : le maire ; 2 : le premier adjoint. Vide pour un agent.", 3),
			f.check("adjoint", "Adjoint ou adjointe au maire", "Peut suppléer un maire empêché."),
			f.date("mandate_end", "Dernier jour du mandat ou des fonctions", "Dès le lendemain, ses bureaux et ses délégations, données ou reçues, ne valent plus rien."),
		}},
	}
	p.Problem = f.problem(wrong)
	return p
}

// showPerson adds what stands beside the form.
func (s *server) showPerson(v *visit, w http.ResponseWriter, r *http.Request, status int, m dossiers.Member, p *formPage) error {
	keys, err := s.Office.PasskeysOf(r.Context(), v.viewer, m.ID)
	if err != nil {
		return err
	}
	waits, err := s.Office.Expected(r.Context(), v.viewer, m.ID)
	if err != nil {
		return err
	}
	p.frame = s.frame(v, m.Name(), "administration")
	p.Heading, p.Action = m.Name(), "/administration/personnes/"+string(m.ID)
	p.Person = newPersonAside(m, keys, waits, s.calendar(v))
	p.Person.CSRF, p.Person.Oneself = v.session.CSRF, v.viewer.Person.ID == m.ID
	return s.show(w, r, status, p)
}

func newPersonAside(m dossiers.Member, keys []dossiers.Credential, waits []dossiers.Expectation, c calendar) *personAside {
	a := &personAside{ID: string(m.ID), Active: !m.Inactive, Keys: newKeysPage(keys, c).Keys, Waits: inWords(waits)}
	bound := slices.ContainsFunc(keys, func(k dossiers.Credential) bool { return !k.BackupEligible })
	switch {
	case len(keys) == 1:
		a.Reminder = "Une seule clé : si l’appareil se perd, cette personne ne pourra plus décider. Rappelez-lui d’en ajouter une seconde, dans « Mes clés »."
	case len(keys) > 1 && !bound:
		a.Reminder = "Toutes ses clés sont synchronisées : un type de courrier qui demande une clé liée à un appareil ne pourra pas être signé avec elles."
	}
	a.Reminder = typeset(a.Reminder)
	return a
}

// inWords says what stops if somebody leaves.
func inWords(waits []dossiers.Expectation) (out []string) {
	for _, x := range waits {
		letters := count(x.Letters, "lettre l’attend", "lettres l’attendent")
		switch {
		case x.Desk == "":
			out = append(out, letters+" nommément, et s’arrêteraient.")
		case x.Alone && x.Letters == 0:
			out = append(out, typeset("Bureau « "+x.Desk+" » : personne d’autre n’y peut agir. Toute lettre s’y arrêterait."))
		case x.Alone:
			out = append(out, typeset("Bureau « "+x.Desk+" » : "+count(x.Letters, "lettre y attend", "lettres y attendent")+", et personne d’autre n’y peut agir."))
		case x.Letters > 0:
			out = append(out, typeset("Bureau « "+x.Desk+" » : "+count(x.Letters, "lettre y attend", "lettres y attendent")+" ; une autre personne tient aussi ce bureau."))
		}
	}
	return out
}

func (s *server) setPerson(v *visit, w http.ResponseWriter, r *http.Request) error {
	g, err := s.setup(v, r)
	if err != nil {
		return err
	}
	was, ok := g.Member(circuits.PersonID(chi.URLParam(r, "id")))
	if !ok {
		return dossiers.ErrNotFound
	}
	m, err := memberFrom(r.PostForm, was)
	if err == nil {
		_, err = s.Office.AmendIf(r.Context(), v.viewer, unmoved(r.PostForm, func(g dossiers.Organisation) any {
			m, _ := g.Member(was.ID)
			return m
		}), dossiers.MemberSet{Member: m})
	}
	if status, told := again(err); told {
		p := personPage(r.PostForm, err)
		p.from(was, r.PostForm, memberValues(was), err)
		return s.showPerson(v, w, r, status, was, p)
	}
	if err != nil {
		return err
	}
	return saying(w, r, "/administration/personnes/"+string(m.ID), "gardee")
}
