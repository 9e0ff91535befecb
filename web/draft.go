package web

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/go-chi/chi/v5"

	"parapheur/circuits"
	"parapheur/dossiers"
)

// start sends a draft, or what was withdrawn, along its circuit.
func (s *server) start(v *visit, w http.ResponseWriter, r *http.Request) error {
	d, err := s.Office.Start(r.Context(), v.viewer, dossiers.ID(chi.URLParam(r, "id")))
	if err != nil {
		return err
	}
	return goTo(w, r, follow(d.ID))
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
	p := newCorrectPage(d, s.calendar())
	p.frame = s.frame(v, "Corriger la lettre", "bannettes")
	p.MaxBytes, p.MaxSize, p.Scripts = s.Office.MaxBytes, size(s.Office.MaxBytes), []string{"js/upload.js"}
	return p
}

func newCorrectPage(d dossiers.View, c calendar) *correctPage {
	p := &correctPage{ID: string(d.ID), Back: follow(d.ID), Letter: d.Title, Restarts: d.State.Phase != circuits.Draft}
	for _, st := range d.Path {
		if x := st.Decision; x != nil && x.Verdict == circuits.Refuses {
			p.Refusal = &stop{Title: "Refusée par " + named(x.By.Name, x.By.Quality), Reason: x.Reason, Lines: []string{c.moment(x.At)}}
		}
	}
	return p
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
	p.Stamp = stampFrom(up.fields)
	letter, _, err := s.Office.Compose(r.Context(), v.tenant, main[0], nil, dossiers.Additions{Stamp: p.Stamp.asked()})
	if err == nil {
		_, err = s.Office.Correct(r.Context(), v.viewer, d.ID, letter)
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
