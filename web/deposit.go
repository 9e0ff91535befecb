package web

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"parapheur/dossiers"
)

// depositForm is an empty /deposer.
func (s *server) depositForm(v *visit, w http.ResponseWriter, r *http.Request) error {
	if !v.viewer.Person.Drafter {
		return dossiers.ErrForbidden
	}
	return s.showDeposit(v, w, r, http.StatusOK, &depositPage{})
}

// showDeposit completes p with the types of the town and sends it.
func (s *server) showDeposit(v *visit, w http.ResponseWriter, r *http.Request, status int, p *depositPage) error {
	types, err := s.Office.Forms(r.Context(), v.viewer)
	if err != nil {
		return err
	}
	p.frame = s.frame(v, "Déposer une lettre", "deposer")
	p.Scripts = []string{"js/upload.js"}
	p.MaxBytes, p.MaxSize = s.Office.MaxBytes, size(s.Office.MaxBytes)
	p.Types = formChoices(types, p, v.viewer.Person.Name())
	return s.show(w, r, status, p)
}

// formChoices are the types with the fields of each, as they were filled.
func formChoices(types []dossiers.TypeForm, p *depositPage, drafter string) []typeChoice {
	views := make([]dossiers.TypeView, len(types))
	for i, y := range types {
		views[i] = y.TypeView
	}
	out := typeChoices(views, p.Type.Value, drafter)
	for i, y := range types {
		c := &out[i]
		c.Varies = y.Varies
		for _, f := range y.Fields {
			c.Fields = append(c.Fields, p.keep(c, metadataControl(f, f.Default, f.AtDeposit)))
		}
		for _, x := range y.Choices {
			c.Fields = append(c.Fields, p.keep(c, choiceControl(x, "")))
		}
	}
	return out
}

// keep gives a field of the chosen type what was typed in it and what is wrong
// with it, and a name of its own: two types may have a field in common.
func (p *depositPage) keep(y *typeChoice, c control) control {
	if typed, ok := p.typed[c.Name]; y.Chosen && ok {
		c.Value = typed[0]
		c.choose(typed...)
	}
	if y.Chosen {
		c.Error = p.wrong[c.Name]
	}
	c.Name = y.Code + "/" + c.Name
	return c
}

// ofType keeps the fields of one type, under their own names.
func ofType(code string, form url.Values) url.Values {
	out := url.Values{}
	for name, values := range form {
		if own, ok := strings.CutPrefix(name, code+"/"); ok && code != "" {
			out[own] = values
		}
	}
	return out
}

// typeChoices draws the circuit of each type. A single type is chosen.
func typeChoices(types []dossiers.TypeView, chosen, drafter string) []typeChoice {
	var out []typeChoice
	for _, y := range types {
		c := typeChoice{Code: y.Code, Name: y.Name, Hint: y.Hint, Chosen: y.Code == chosen || len(types) == 1}
		c.Stops = []stop{{State: "now", Title: "Vous, " + drafter, Lines: []string{"Dépôt, aujourd’hui"}}}
		for _, st := range y.Path {
			one := stop{State: "todo", Title: st.Step.Title, Rule: needed(st.Step, len(st.Turns)), Lines: []string{expected(st)}}
			if st.Step.When != "" {
				one.Rule = strings.TrimPrefix(one.Rule+", selon les informations", ", ")
			}
			if st.Step.Days > 0 {
				one.Due = "Sous " + count(st.Step.Days, "jour ouvré", "jours ouvrés")
			}
			c.Stops = append(c.Stops, one)
			if fixed(st.Step) && !someoneAble(st.Holders) {
				c.Warning = "«\u00a0" + st.Desk + "\u00a0» n’a personne pour agir\u00a0: la lettre s’y arrêterait. Prévenez l’administrateur."
			}
		}
		c.Ahead = aheadInWords(y.Ahead)
		out = append(out, c)
	}
	return out
}

func someoneAble(holders []dossiers.Holder) bool {
	for _, h := range holders {
		if h.Able {
			return true
		}
	}
	return false
}

// deposit makes a dossier of what was sent, or shows the form again as it was
// filled, each trouble beside its field.
func (s *server) deposit(v *visit, w http.ResponseWriter, r *http.Request) error {
	if !v.viewer.Person.Drafter {
		return dossiers.ErrForbidden
	}
	up, err := s.receive(v, r)
	if err != nil {
		return err
	}
	f := up.fields
	stamp := stampFrom(f)
	where := whereFrom(f)
	p := &depositPage{
		Stamp: stamp, Where: where, LetterTitle: field{Value: f["title"]}, Recipient: field{Value: f["recipient"]}, Type: field{Value: f["type"]},
		Reference: field{Value: f["reference"]}, Note: field{Value: f["note"]},
		File: field{Error: up.refused["document"]}, Annexes: field{Error: up.refused["annexes"]},
	}
	p.typed, p.wrong = ofType(f["type"], up.values), map[string]string{}
	if len(up.refused) > 0 {
		return s.showDeposit(v, w, r, http.StatusUnprocessableEntity, p)
	}
	draft := dossiers.Draft{
		Title: f["title"], Recipient: f["recipient"], TypeCode: f["type"], ExternalReference: f["reference"],
		Note: f["note"], Annexes: up.files["annexes"], Start: f["action"] != "draft",
		Metadata: metadataFrom(p.typed), Chosen: choicesFrom(p.typed),
		Additions: dossiers.Additions{Stamp: stamp.asked(), Join: up.joined()}, Places: where.asked(),
	}
	if main := up.files["document"]; len(main) > 0 {
		draft.Main = main[0]
	}
	d, _, err := s.Office.Deposit(r.Context(), v.viewer, draft)
	if err != nil {
		if status := p.blame(err); status != 0 {
			return s.showDeposit(v, w, r, status, p)
		}
		return err
	}
	return goTo(w, r, follow(d.ID))
}

// blame puts what is wrong beside its field and returns the status of the
// page, or 0 when the trouble is not of the form.
func (p *depositPage) blame(err error) int {
	if errors.Is(err, dossiers.ErrReference) {
		p.Reference.Error = "Cette référence est déjà utilisée par une autre lettre."
		return http.StatusConflict
	}
	if invalid, ok := isField(err); ok {
		fields := map[string]*field{
			"title": &p.LetterTitle, "recipient": &p.Recipient, "type": &p.Type, "note": &p.Note,
			"external_reference": &p.Reference, "document": &p.File, "annexes": &p.Annexes,
			"merge_annexes": &p.Annexes, "stamp": &p.Stamp.Text, "signature_places": &p.Where.Page,
		}
		if f := fields[invalid.Field]; f != nil {
			f.Error = invalid.Reason
		} else if strings.HasPrefix(invalid.Field, metadataPrefix) && p.wrong != nil {
			p.wrong[invalid.Field] = typeset(invalid.Reason)
		} else {
			p.Problem = invalid.Reason
		}
		return http.StatusUnprocessableEntity
	}
	if told := problemOf(err); told.Status < http.StatusInternalServerError && told.Status != http.StatusUnauthorized {
		p.Problem = told.Title + ". " + told.Detail
		return told.Status
	}
	return 0
}

// goTo leads the browser on after a form. A script that sent it is told
// where, and goes by itself.
func goTo(w http.ResponseWriter, r *http.Request, path string) error {
	if r.Header.Get("X-Sent-By") == "script" {
		w.Header().Set("Location", path)
		w.WriteHeader(http.StatusCreated)
		return nil
	}
	http.Redirect(w, r, path, http.StatusSeeOther)
	return nil
}
