package web

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"parapheur/circuits"
	"parapheur/dossiers"
)

// start sends a draft, or what was withdrawn, along its circuit.
func (s *server) start(v *visit, w http.ResponseWriter, r *http.Request) error {
	id := dossiers.ID(chi.URLParam(r, "id"))
	_, err := s.Office.Start(r.Context(), v.viewer, id)
	if invalid, ok := isField(err); ok && strings.HasPrefix(invalid.Field, metadataPrefix) {
		return goTo(w, r, follow(id)+"/informations?manque="+url.QueryEscape(strings.TrimPrefix(invalid.Field, metadataPrefix)))
	}
	if errors.Is(err, circuits.ErrChoice) {
		return goTo(w, r, follow(id)+"/partir")
	}
	if err != nil {
		return err
	}
	return goTo(w, r, follow(id))
}

// withdrawForm asks before a letter leaves its circuit.
func (s *server) withdrawForm(v *visit, w http.ResponseWriter, r *http.Request) error {
	d, err := s.view(v, r)
	if err != nil {
		return err
	}
	if !d.Can.Withdraw {
		return circuits.ErrState
	}
	return s.show(w, r, http.StatusOK, s.withdrawPage(v, d, "", ""))
}

func (s *server) withdrawPage(v *visit, d dossiers.View, reason, problem string) *withdrawPage {
	p := &withdrawPage{
		frame: s.frame(v, "Retirer la lettre", "bannettes"), ID: string(d.ID), Back: follow(d.ID), Letter: d.Title,
		Rev: d.Rev(), Reason: field{Value: reason}, Problem: problem, Draft: d.State.Phase == circuits.Draft,
	}
	p.Body = "sheet-page"
	return p
}

// withdraw takes the letter out, unless it moved since it was read.
func (s *server) withdraw(v *visit, w http.ResponseWriter, r *http.Request) error {
	id, reason := dossiers.ID(chi.URLParam(r, "id")), r.PostForm.Get("reason")
	rev, err := strconv.Atoi(r.PostForm.Get("rev"))
	if err != nil {
		return dossiers.ErrConflict
	}
	_, err = s.Office.Withdraw(r.Context(), v.viewer, id, reason, rev)
	if _, ok := isField(err); ok || errors.Is(err, dossiers.ErrConflict) {
		d, readErr := s.view(v, r)
		if readErr != nil {
			return readErr
		}
		told := problemOf(err)
		return s.show(w, r, told.Status, s.withdrawPage(v, d, reason, told.Title+". "+told.Detail))
	}
	if err != nil {
		return err
	}
	return goTo(w, r, follow(id))
}

// correctForm asks for a new version of the letter.
func (s *server) correctForm(v *visit, w http.ResponseWriter, r *http.Request) error {
	d, err := s.view(v, r)
	if err != nil {
		return err
	}
	if !d.Can.Correct {
		return circuits.ErrState
	}
	return s.show(w, r, http.StatusOK, s.correctPage(v, d))
}

func (s *server) correctPage(v *visit, d dossiers.View) *correctPage {
	p := newCorrectPage(d, s.calendar(v))
	p.frame = s.frame(v, "Corriger la lettre", "bannettes")
	p.MaxBytes, p.MaxSize, p.Scripts = s.Office.MaxBytes, size(s.Office.MaxBytes), []string{"js/upload.js"}
	return p
}

func newCorrectPage(d dossiers.View, c calendar) *correctPage {
	p := &correctPage{ID: string(d.ID), Back: follow(d.ID), Letter: d.Title, Restarts: d.State.Phase != circuits.Draft}
	for _, st := range d.Path {
		if x := st.Decision; x != nil && x.Verdict == circuits.Refuses {
			p.Refusal = &stop{Title: "Refusée par " + acting(x.By), Reason: x.Reason, Lines: []string{c.moment(x.At)}}
		}
	}
	p.Natures = natures(d)
	return p
}

// natures are the corrections that the circuit allows; the whole circuit again
// is always one of them, and alone it asks for no choice.
func natures(d dossiers.View) []listed {
	if d.State.Phase == circuits.Draft {
		return nil
	}
	out := []listed{{Value: "", Label: "Substantielle, tout est à revoir", Hint: "Le circuit reprend du début. Les décisions prises deviennent caduques.", Chosen: true}}
	for _, st := range d.Restarts {
		if len(d.State.Circuit.Steps) > 0 && st.ID != d.State.Circuit.Steps[0].ID {
			out = append(out, listed{Value: "from:" + string(st.ID), Label: "Substantielle, à partir de «\u00a0" + st.Title + "\u00a0»", Hint: "Les décisions d’avant sont maintenues."})
		}
	}
	if d.Can.CorrectMinor {
		out = append(out, listed{Value: string(circuits.Minor), Label: "Mineure", Hint: "Une faute de frappe, une virgule\u00a0: les visas donnés sont maintenus. Une signature, elle, est à refaire."})
	}
	if len(out) < 2 {
		return nil
	}
	return out
}

// choose keeps what was chosen when the form comes back.
func (p *correctPage) choose(nature string) {
	for i := range p.Natures {
		p.Natures[i].Chosen = p.Natures[i].Value == nature
	}
}

// correctionFrom reads what a correction changes.
func correctionFrom(f map[string]string) dossiers.Correction {
	c := dossiers.Correction{Reason: f["reason"]}
	if from, ok := strings.CutPrefix(f["nature"], "from:"); ok {
		c.From = circuits.StepID(from)
	} else {
		c.Nature = circuits.Nature(f["nature"])
	}
	return c
}

// correct replaces the letter by a new version.
func (s *server) correct(v *visit, w http.ResponseWriter, r *http.Request) error {
	d, err := s.view(v, r)
	if err != nil {
		return err
	}
	up, err := s.receive(v, r)
	if err != nil {
		return err
	}
	p := s.correctPage(v, d)
	main := up.files["document"]
	switch {
	case up.refused["document"] != "":
		p.File.Error = up.refused["document"]
		return s.show(w, r, http.StatusUnprocessableEntity, p)
	case len(main) == 0:
		p.File.Error = "Joignez la lettre corrigée, en PDF."
		return s.show(w, r, http.StatusUnprocessableEntity, p)
	}
	p.Stamp, p.Reason.Value = stampFrom(up.fields), up.fields["reason"]
	p.choose(up.fields["nature"])
	letter, _, err := s.Office.Compose(r.Context(), v.tenant, main[0], nil, dossiers.Additions{Stamp: p.Stamp.asked()})
	if err == nil {
		_, err = s.Office.CorrectAs(r.Context(), v.viewer, d.ID, letter, correctionFrom(up.fields))
	}
	if invalid, ok := isField(err); ok && invalid.Field == "stamp" {
		p.Stamp.Text.Error = invalid.Reason
		return s.show(w, r, http.StatusUnprocessableEntity, p)
	}
	if err != nil {
		told := problemOf(err)
		if told.Status >= http.StatusInternalServerError {
			return err
		}
		p.Problem = told.Title + ". " + told.Detail
		return s.show(w, r, told.Status, p)
	}
	return goTo(w, r, follow(d.ID))
}
