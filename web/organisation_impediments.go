package web

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/go-chi/chi/v5"

	"parapheur/circuits"
	"parapheur/circuits/delegation"
	"parapheur/dossiers"
)

// impedimentPage builds the form of a declared impediment.
func impedimentPage(g dossiers.Organisation, i delegation.Impediment, values url.Values, wrong error) *formPage {
	f := newFiche(values, wrong)
	elected := memberOptions(g, "Choisir…", func(m dossiers.Member) bool { return active(m) && m.Rank > 0 })
	p := &formPage{
		Nav: "delegations", Back: choice{"/administration/delegations", "Les délégations"}, Submit: "Déclarer l’empêchement", Heading: "Déclarer un empêchement", Action: "/administration/empechements/" + newID,
		Lead: typeset("La suppléance (CGCT, article L2122-17) suppose un empêchement réel et prouvé. Un maire que l’on peut joindre n’est pas empêché : planifiez alors une absence."),
	}
	if i.ID != "" {
		p.Submit, p.Heading, p.Action = "Enregistrer", "Empêchement de "+memberName(g, i.Person), "/administration/empechements/"+string(i.ID)
	}
	p.Parts = []formPart{{ID: "empechement", Title: "L’empêchement", Controls: []setting{
		must(f.one("select", "person", "Qui est empêché", "Le maire, ou un adjoint qui devait le suppléer.", elected)), must(f.text("motive", "Motif", "« Hospitalisation », « Suspension », « Décès ».", 300)),
		must(f.text("proof", "Ce qui le prouve", "« Certificat médical du 3 mars 2026 ».", 300)), must(f.date("from", "Depuis le", "")), f.date("to", "Dernier jour", "Vide : jusqu’à ce que l’empêchement prenne fin."),
	}}}
	p.Problem = f.problem(wrong)
	return p
}

func pickImpediment(g dossiers.Organisation, r *http.Request) (delegation.Impediment, error) {
	id := delegation.ID(chi.URLParam(r, "id"))
	if id == newID {
		return delegation.Impediment{}, nil
	}
	i := slices.IndexFunc(g.Impediments, func(x delegation.Impediment) bool { return x.ID == id })
	if i < 0 {
		return delegation.Impediment{}, dossiers.ErrNotFound
	}
	return g.Impediments[i], nil
}

func (s *server) showImpediment(v *visit, w http.ResponseWriter, r *http.Request, status int, p *formPage) error {
	p.frame = s.frame(v, p.Heading, "administration")
	return s.show(w, r, status, p)
}

func (s *server) impedimentForm(v *visit, w http.ResponseWriter, r *http.Request) error {
	g, err := s.setup(v, r)
	if err != nil {
		return err
	}
	i, err := pickImpediment(g, r)
	if err != nil {
		return err
	}
	values := url.Values{"person": {string(i.Person)}, "motive": {i.Motive}, "proof": {i.Proof}, "from": {string(i.From)}, "to": {string(i.To)}}
	return s.showImpediment(v, w, r, http.StatusOK, impedimentPage(g, i, values, nil))
}

func (s *server) setImpediment(v *visit, w http.ResponseWriter, r *http.Request) error {
	g, err := s.setup(v, r)
	if err != nil {
		return err
	}
	i, err := pickImpediment(g, r)
	if err != nil {
		return err
	}
	was := i
	f := r.PostForm
	i.Person, i.Motive, i.Proof = circuits.PersonID(f.Get("person")), trimmed(f, "motive"), trimmed(f, "proof")
	i.From, i.To = delegation.Date(trimmed(f, "from")), delegation.Date(trimmed(f, "to"))
	_, err = s.Office.DeclareImpediment(r.Context(), v.viewer, i)
	if status, told := again(err); told {
		return s.showImpediment(v, w, r, status, impedimentPage(g, was, f, err))
	}
	if err != nil {
		return err
	}
	return saying(w, r, "/administration/delegations", "empechement")
}
