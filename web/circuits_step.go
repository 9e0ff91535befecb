package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/conditions"
	"parapheur/internal/trial"
)

// setStep changes one step from its form.
func (s *server) setStep(v *visit, w http.ResponseWriter, r *http.Request) error {
	f := r.PostForm
	see := circuits.StepID(f.Get("etape"))
	x, err := s.Office.Trial(r.Context(), v.viewer, chi.URLParam(r, "code"))
	if err != nil {
		return err
	}
	return s.revised(v, w, r, &see, "etape", func(d *circuits.Definition) error {
		i := d.Step(see)
		if i < 0 {
			return dossiers.ErrConflict
		}
		st, err := readStep(f, d.Steps[i], x.Fields())
		if err != nil {
			return err
		}
		d.Steps[i] = st
		orderly(d)
		return nil
	})
}

// readStep reads the form of a step over what the step was.
func readStep(f url.Values, was circuits.Step, fields conditions.Schema) (circuits.Step, error) {
	st := circuits.Step{
		ID: was.ID, Kind: circuits.Kind(f.Get("kind")), Title: strings.TrimSpace(f.Get("title")), Level: f.Get("level"),
		MustRead: f.Has("must_read"), NoRefusal: f.Has("no_refusal"), Auto: f.Get("kind") == string(circuits.Seal) && f.Has("auto"),
	}
	if f.Has("bound") {
		st.Assurance = deviceBound
	}
	if st.Kind != circuits.Signature && st.Kind != circuits.Seal {
		st.Level = ""
	}
	if !st.Auto {
		readActors(f, was, &st)
	}
	if err := readCondition(f, &st, fields); err != nil {
		return st, err
	}
	if err := readTimes(f, &st); err != nil {
		return st, err
	}
	readRefusals(f, &st)
	st.Fields, st.OnRefusalFields = readFields(f["fields"], was.Fields), readFields(f["refusal_fields"], was.OnRefusalFields)
	return st, nil
}

// readActors reads who acts and how many. One desk is written the short way.
func readActors(f url.Values, was circuits.Step, st *circuits.Step) {
	for _, value := range f["actor"] {
		var a circuits.ActorRule
		switch name, id, named := strings.Cut(value, ":"); {
		case value == "":
			continue
		case named && name == "desk":
			a = circuits.ActorRule{Rule: circuits.NamedDesk, Desk: circuits.DeskID(id)}
		case named && name == "field":
			a = circuits.ActorRule{Rule: circuits.FromMetadata, Field: id, Among: among(was, circuits.FromMetadata, id)}
		case value == string(circuits.ChosenAtStart):
			a = circuits.ActorRule{Rule: circuits.ChosenAtStart}
			for _, id := range f["among"] {
				a.Among = append(a.Among, circuits.DeskID(id))
			}
		default:
			a = circuits.ActorRule{Rule: circuits.Rule(value)}
		}
		if !slices.ContainsFunc(st.Actors, func(b circuits.ActorRule) bool { return actorValue(a) == actorValue(b) }) {
			st.Actors = append(st.Actors, a)
		}
	}
	if len(st.Actors) == 1 && st.Actors[0].Rule == circuits.NamedDesk {
		st.Desk, st.Actors = st.Actors[0].Desk, nil
	}
	if len(st.Actors) < 2 || st.Kind == circuits.Information {
		return
	}
	st.Need = circuits.Need{Mode: circuits.Mode(f.Get("mode")), Ordered: f.Has("ordered"), Cumulate: f.Has("cumulate")}
	switch st.Need.Mode {
	case circuits.Quorum:
		n, err := strconv.Atoi(strings.TrimSpace(f.Get("quorum")))
		if err != nil {
			n = 1
		}
		st.Need.N, st.Need.Cumulate = n, false
	case circuits.Any:
		st.Need.Ordered, st.Need.Cumulate = false, false
	case circuits.One, circuits.All:
		st.Need.Mode = circuits.All
	}
}

// among is what a rule that forms do not edit allowed before.
func among(was circuits.Step, rule circuits.Rule, field string) []circuits.DeskID {
	for _, a := range was.Actors {
		if a.Rule == rule && a.Field == field {
			return a.Among
		}
	}
	return nil
}

func readCondition(f url.Values, st *circuits.Step, fields conditions.Schema) error {
	switch f.Get("when") {
	case "libre":
		if st.When = strings.TrimSpace(f.Get("cel")); st.When == "" {
			return &dossiers.InvalidError{Field: "when", Reason: "Condition à compléter. Écrivez-la, par exemple : montant > 25000.0"}
		}
	case "si":
		var clauses []trial.Clause
		for i, name := range f["c_field"] {
			if name == "" {
				continue
			}
			clauses = append(clauses, trial.Clause{Field: name, Operator: trial.Operator(nth(f["c_op"], i)), Value: nth(f["c_value"], i)})
		}
		expression, problem := trial.Express(clauses, f.Get("join") == "ou", fields)
		if problem == "" && len(clauses) == 0 {
			problem = "Choisissez un champ et ce qu’on en compare."
		}
		if problem != "" {
			return &dossiers.InvalidError{Field: "when", Reason: "Condition à compléter. " + problem}
		}
		st.When = expression
	}
	return nil
}

func nth(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return ""
}

func readTimes(f url.Values, st *circuits.Step) (err error) {
	if st.Days, err = whole("days", f.Get("days")); err != nil || st.Days == 0 {
		return err // without a deadline nothing is late
	}
	if st.RemindBefore, err = wholes("before", f.Get("before")); err != nil {
		return err
	}
	if st.RemindAfter, err = wholes("after", f.Get("after")); err != nil {
		return err
	}
	for i, after := range f["esc_after"] {
		if strings.TrimSpace(after) == "" {
			continue
		}
		n, err := whole("esc_after", after)
		if err != nil {
			return err
		}
		st.Escalate = append(st.Escalate, circuits.Rung{After: n, To: nth(f["esc_to"], i)})
	}
	slices.SortStableFunc(st.Escalate, func(a, b circuits.Rung) int { return a.After - b.After })
	return nil
}

// whole reads a number of days; nothing is 0.
func whole(name, text string) (int, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > 2600 {
		return 0, &dossiers.InvalidError{Field: name, Reason: fmt.Sprintf("« %s » n’est pas un nombre de jours : écrivez par exemple 3.", text)}
	}
	return n, nil
}

func wholes(name, text string) (out []int, err error) {
	for part := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r == ' ' || r == ';' }) {
		n, err := whole(name, part)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			out = append(out, n)
		}
	}
	return out, nil
}

func readRefusals(f url.Values, st *circuits.Step) {
	st.RefuseTo.To = f.Get("refuse_to")
	if st.RefuseTo.To == circuits.ToDrafter {
		st.RefuseTo.To = ""
	}
	if st.RefuseTo.To != circuits.ToChosen {
		return
	}
	for _, id := range f["allowed"] {
		st.RefuseTo.Allowed = append(st.RefuseTo.Allowed, circuits.StepID(id))
	}
}

// readFields keeps the labels that a circuit gave of its own.
func readFields(names []string, was []circuits.FieldRule) (out []circuits.FieldRule) {
	for _, name := range names {
		rule := circuits.FieldRule{Field: name}
		if i := slices.IndexFunc(was, func(f circuits.FieldRule) bool { return f.Field == name }); i >= 0 {
			rule = was[i]
		}
		out = append(out, rule)
	}
	return out
}

// conditionProblem is what an error says of a condition, if it does.
func conditionProblem(err error) (string, bool) {
	var told *conditions.Error
	if !errors.As(err, &told) {
		return "", false
	}
	if told.Column > 0 {
		return typeset(fmt.Sprintf("%s (caractère %d)", told.French, told.Column)), true
	}
	return typeset(told.French), true
}
