package web

import (
	"net/http"

	"parapheur/dossiers"
)

// rules is /administration/depot.
func (s *server) rules(v *visit, w http.ResponseWriter, r *http.Request) error {
	if !v.viewer.Person.Admin {
		return dossiers.ErrForbidden
	}
	rules, err := s.Office.DepositRules(r.Context(), v.viewer)
	if err != nil {
		return err
	}
	p := newRulesPage(rules)
	p.frame = s.frame(v, "Les règles de dépôt", "administration")
	if r.URL.Query().Get("dit") == "regles" {
		p.Said = "Les règles sont enregistrées. Elles valent pour les prochains dépôts."
	}
	return s.show(w, r, http.StatusOK, p)
}

func newRulesPage(rules dossiers.DepositRules) *rulesPage {
	p := &rulesPage{}
	usual := dossiers.DefaultDepositRules()
	for _, c := range dossiers.Contents() {
		p.Rules = append(p.Rules, ruleLine{Code: string(c), Name: c.French(), Why: c.Meaning(), Refused: rules[c], Usual: usual[c]})
	}
	return p
}

// setRules keeps what the administrator chose.
func (s *server) setRules(v *visit, w http.ResponseWriter, r *http.Request) error {
	chosen := dossiers.DepositRules{}
	for _, c := range dossiers.Contents() {
		switch r.PostForm.Get(string(c)) {
		case "refuse":
			chosen[c] = true
		case "report":
			chosen[c] = false
		}
	}
	if err := s.Office.SetDepositRules(r.Context(), v.viewer, chosen, func(dossiers.DepositRules) error { return nil }); err != nil {
		return err
	}
	http.Redirect(w, r, "/administration/depot?dit=regles", http.StatusSeeOther)
	return nil
}
