package web

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/trial"
)

// publishForm is /administration/circuits/{code}/publier: what changes, for
// whom, before it does.
func (s *server) publishForm(v *visit, w http.ResponseWriter, r *http.Request) error {
	return s.showPublication(v, w, r, http.StatusOK, "")
}

func (s *server) showPublication(v *visit, w http.ResponseWriter, r *http.Request, status int, problem string) error {
	if err := administers(v); err != nil {
		return err
	}
	x, err := s.Office.Trial(r.Context(), v.viewer, chi.URLParam(r, "code"))
	if err != nil {
		return err
	}
	if !x.Drafted {
		http.Redirect(w, r, circuitPath(x.Code), http.StatusSeeOther)
		return nil
	}
	p := &publishPage{Edition: x.Edition, Next: x.Definition.Version, First: x.Published == nil, Cases: caseLines(x), Ready: x.Ready(), Types: list(x.Types), Problem: problem}
	p.frame = s.frame(v, "Publier «"+nbsp+x.Name+nbsp+"»", "administration")
	p.Code, p.Name = x.Code, x.Name
	for _, f := range findingNotes(x) {
		if f.Blocking {
			p.Blocking = append(p.Blocking, f)
		}
	}
	if x.Published != nil {
		p.fill(x, *x.Published, x.Definition, fmt.Sprintf("Version"+nbsp+"%d, en service", x.Published.Version), fmt.Sprintf("Version"+nbsp+"%d, à publier", p.Next))
	}
	n := 0
	for _, d := range x.Dossiers {
		n += d
	}
	if n > 0 {
		p.Running = count(n, "dossier en route", "dossiers en route")
	}
	for _, y := range x.Kinds() {
		if !slices.Contains(x.Types, y.Name) {
			p.Kinds = append(p.Kinds, pick{Value: y.Code, Label: y.Name, Hint: y.Hint})
		}
	}
	return s.show(w, r, status, p)
}

// publish makes the draft the version that new dossiers take.
func (s *server) publish(v *visit, w http.ResponseWriter, r *http.Request) error {
	code, f := chi.URLParam(r, "code"), r.PostForm
	_, err := s.Office.PublishCircuit(r.Context(), v.viewer, code, dossiers.Publication{Edition: f.Get("edition"), Types: f["types"]})
	switch told := problemOf(err); {
	case err == nil:
		http.Redirect(w, r, circuitPath(code)+"?dit=publie", http.StatusSeeOther)
		return nil
	case errors.Is(err, dossiers.ErrNoDraft): // a second click, a page gone back to
		http.Redirect(w, r, circuitPath(code)+"?dit=deja", http.StatusSeeOther)
		return nil
	case told.Status >= http.StatusInternalServerError, told.Status == http.StatusForbidden, told.Status == http.StatusNotFound:
		return err
	case told.Type == "conflict":
		return s.showPublication(v, w, r, told.Status, "Le brouillon a changé depuis que cette page est ouverte : relisez ce qui suit avant de publier.")
	default:
		problem := told.Title + ". " + told.Detail
		return s.showPublication(v, w, r, told.Status, problem)
	}
}

// compare is /administration/circuits/{code}/comparer.
func (s *server) compare(v *visit, w http.ResponseWriter, r *http.Request) error {
	if err := administers(v); err != nil {
		return err
	}
	ctx, code := r.Context(), chi.URLParam(r, "code")
	x, err := s.Office.Trial(ctx, v.viewer, code)
	if err != nil {
		return err
	}
	left, right := defaults(x)
	if n, err := strconv.Atoi(r.URL.Query().Get("a")); err == nil {
		left = n
	}
	if n, err := strconv.Atoi(r.URL.Query().Get("b")); err == nil {
		right = n
	}
	before, err := s.Office.CircuitVersion(ctx, v.viewer, code, left)
	if err != nil {
		return err
	}
	after, err := s.Office.CircuitVersion(ctx, v.viewer, code, right)
	if err != nil {
		return err
	}
	p := &comparePage{frame: s.frame(v, "Comparer deux versions", "administration"), Code: x.Code, Name: x.Name, Left: versionOptions(x, left), Right: versionOptions(x, right)}
	p.fill(x, before, after, versionName(left), versionName(right))
	return s.show(w, r, http.StatusOK, p)
}

func versionName(n int) string {
	if n == 0 {
		return "Brouillon"
	}
	return fmt.Sprintf("Version"+nbsp+"%d", n)
}

// defaults are the two versions that one most likely wants to compare.
func defaults(x dossiers.Trial) (left, right int) {
	n := len(x.Versions)
	switch {
	case x.Drafted && n == 0:
		return 0, 0
	case x.Drafted:
		return x.Versions[n-1].Version, 0
	case n > 1:
		return x.Versions[n-2].Version, x.Versions[n-1].Version
	case n == 1:
		return x.Versions[0].Version, x.Versions[0].Version
	}
	return 0, 0
}

func versionOptions(x dossiers.Trial, on int) (out []pick) {
	for _, ver := range x.Versions {
		out = append(out, pick{Value: strconv.Itoa(ver.Version), Label: versionName(ver.Version), On: ver.Version == on})
	}
	if x.Drafted {
		out = append(out, pick{Value: "0", Label: "Brouillon", On: on == 0})
	}
	return out
}

// fill sets two versions side by side.
func (p *comparePage) fill(x dossiers.Trial, before, after circuits.Definition, left, right string) {
	p.Before, p.After, p.Same = left, right, true
	if changed := trial.CompareWhole(before, after); len(changed) > 0 {
		p.Whole, p.Same = list(changed), false
	}
	l := x.Letter("")
	side := func(st *circuits.Step) *sideStep {
		if st == nil {
			return nil
		}
		out := &sideStep{Title: st.Title}
		for _, line := range trial.Describe(*st, x.Town, l) {
			out.Lines = append(out.Lines, typeset(line))
		}
		return out
	}
	for _, d := range trial.Compare(before, after) {
		line := sideBySide{Before: side(d.Before), After: side(d.After), Fields: list(d.Fields)}
		switch d.Change {
		case trial.Added:
			line.Tag = tag{"ok", "plus", "Ajoutée"}
		case trial.Removed:
			line.Tag = tag{"urgent", "minus", "Retirée"}
		case trial.Altered:
			line.Tag = tag{"late", "pen-line", "Modifiée"}
		case trial.Moved:
			line.Tag = tag{"deleg", "route", "Déplacée"}
		case trial.Same:
			line.Tag = tag{"", "check", "Identique"}
		}
		p.Same = p.Same && d.Change == trial.Same
		p.Lines = append(p.Lines, line)
	}
}

// travelling is /administration/circuits/{code}/dossiers.
func (s *server) travelling(v *visit, w http.ResponseWriter, r *http.Request) error {
	return s.showTravelling(v, w, r, http.StatusOK, &migrationPage{}, nil)
}

func (s *server) showTravelling(v *visit, w http.ResponseWriter, r *http.Request, status int, p *migrationPage, failed map[dossiers.ID]string) error {
	if err := administers(v); err != nil {
		return err
	}
	ctx, code := r.Context(), chi.URLParam(r, "code")
	x, err := s.Office.Trial(ctx, v.viewer, code)
	if err != nil {
		return err
	}
	all, err := s.Office.Travelling(ctx, v.viewer, code)
	if err != nil {
		return err
	}
	p.frame, p.Code, p.Name = s.frame(v, "Dossiers en route", "administration"), x.Code, x.Name
	if x.Published != nil {
		p.InForce = x.Published.Version
	}
	for _, d := range all {
		l := migrationLine{
			ID: string(d.ID), Number: strconv.FormatInt(d.Number, 10), Version: strconv.Itoa(d.Version), Step: d.Step, Since: capital(s.calendar(v).full(d.Since)),
			Older: p.InForce > 0 && d.Version != p.InForce, Problem: failed[d.ID],
		}
		if l.Older {
			p.Older++
		}
		p.Lines = append(p.Lines, l)
	}
	return s.show(w, r, status, p)
}

// migrate passes dossiers to the version in force: those ticked, or all.
func (s *server) migrate(v *visit, w http.ResponseWriter, r *http.Request) error {
	f := r.PostForm
	p := &migrationPage{Reason: field{Value: f.Get("reason")}}
	var ids []dossiers.ID
	for _, id := range f["dossier"] {
		ids = append(ids, dossiers.ID(id))
	}
	if len(ids) == 0 && f.Get("op") != "tous" {
		p.Problem = "Cochez au moins un dossier."
		return s.showTravelling(v, w, r, http.StatusUnprocessableEntity, p, nil)
	}
	if f.Get("op") == "tous" {
		ids = nil
	}
	done, err := s.Office.MigrateAll(r.Context(), v.viewer, chi.URLParam(r, "code"), ids, f.Get("reason"))
	if invalid, ok := isField(err); ok {
		p.Reason.Error = invalid.Reason
		return s.showTravelling(v, w, r, http.StatusUnprocessableEntity, p, nil)
	}
	if err != nil {
		return err
	}
	failed, moved := map[dossiers.ID]string{}, 0
	for _, m := range done {
		if m.Err == nil {
			moved++
			continue
		}
		told := problemOf(m.Err)
		failed[m.ID] = strings.TrimSuffix(told.Title, ".") + ". " + told.Detail
	}
	p.Reason.Value = ""
	p.Said = capital(count(moved, "dossier prend", "dossiers prennent")) + " maintenant la version en service."
	if len(failed) > 0 {
		p.Problem = capital(count(len(failed), "dossier reste", "dossiers restent")) + " sur sa version : la raison est dite en face."
		p.Problem = typeset(p.Problem)
	}
	return s.showTravelling(v, w, r, http.StatusOK, p, failed)
}
