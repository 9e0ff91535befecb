package web

import (
	"io"
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
		Nav: "delegations", File: true, Back: choice{"/administration/delegations", "Les délégations"}, Submit: "Déclarer l’empêchement", Heading: "Déclarer un empêchement", Action: "/administration/empechements/" + newID,
		Lead: typeset("La suppléance (CGCT, article L2122-17) suppose un empêchement réel et prouvé. Un maire que l’on peut joindre n’est pas empêché : planifiez alors une absence."),
	}
	if i.ID != "" {
		p.Submit, p.Heading, p.Action = "Enregistrer", "Empêchement de "+memberName(g, i.Person), "/administration/empechements/"+string(i.ID)
	}
	p.Parts = []formPart{{ID: "empechement", Title: "L’empêchement", Controls: []setting{
		must(f.one("select", "person", "Qui est empêché", "Le maire, ou un adjoint qui devait le suppléer.", elected)), must(f.text("motive", "Motif", "« Hospitalisation », « Suspension », « Décès ».", 300)),
		must(f.text("proof", "Ce qui le prouve", "« Certificat médical du 3 mars 2026 ».", 300)), must(f.date("from", "Depuis le", "")), f.date("to", "Dernier jour", "Vide : jusqu’à ce que l’empêchement prenne fin."),
	}}, proofPart(f)}
	if !i.Document.IsZero() {
		p.Document = p.Action + "/preuve"
	}
	p.Problem = f.problem(wrong)
	return p
}

// proofPart is the PDF of what proves the impediment.
func proofPart(f *fiche) formPart {
	hint := "Facultatif. Gardé à l’octet près ; seuls les administrateurs et la personne empêchée le lisent."
	if f.values.Get("pdf_sha256") != "" {
		hint = "Un PDF est déjà joint. En choisir un autre le remplace."
	}
	return formPart{ID: "preuve", Title: "Le PDF de la preuve", Controls: []setting{{Kind: "hidden", Name: "pdf_sha256", Value: f.values.Get("pdf_sha256")}, f.control("file", "pdf", "Fichier", hint)}}
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
	if !i.Document.IsZero() {
		values.Set("pdf_sha256", i.Document.String())
	}
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
	f, wrong, err := s.receiveForm(v, r, "pdf_sha256")
	if err != nil {
		return err
	}
	i.Person, i.Motive, i.Proof = circuits.PersonID(f.Get("person")), trimmed(f, "motive"), trimmed(f, "proof")
	i.From, i.To = delegation.Date(trimmed(f, "from")), delegation.Date(trimmed(f, "to"))
	i.Document = digestIn(f, "pdf_sha256")
	if wrong == nil && i.Document != was.Document && !i.Document.IsZero() {
		wrong = s.onlyKept(v, r, i.Document)
	}
	if wrong == nil {
		_, wrong = s.Office.DeclareImpediment(r.Context(), v.viewer, i)
	}
	if status, told := again(wrong); told {
		return s.showImpediment(v, w, r, status, impedimentPage(g, was, f, wrong))
	}
	if wrong != nil {
		return wrong
	}
	return saying(w, r, "/administration/delegations", "empechement")
}

// impedimentProof sends the PDF that proves an impediment, as it was received.
func (s *server) impedimentProof(v *visit, w http.ResponseWriter, r *http.Request) error {
	b, i, err := s.Office.ImpedimentProof(r.Context(), v.viewer, delegation.ID(chi.URLParam(r, "id")))
	if err != nil {
		return err
	}
	defer b.Close() //nolint:errcheck // read only
	return s.download(w, r, "application/pdf", "preuve-empechement-"+string(i.From)+".pdf", func(out io.Writer) error {
		_, err := io.Copy(out, io.NewSectionReader(b, 0, b.Size()))
		return err
	})
}
