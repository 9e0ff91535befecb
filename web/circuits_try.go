package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"parapheur/circuits"
	"parapheur/circuits/delegation"
	"parapheur/dossiers"
	"parapheur/internal/conditions"
	"parapheur/internal/trial"
)

// An attempt is a letter with which the circuit was tried, and where it went.
type attempt struct {
	trial.Case
	on   delegation.Date
	path *trial.Path
}

// newTryPanel fills the form of the letter that does not exist.
func newTryPanel(x dossiers.Trial, see shown, c calendar) tryPanel {
	a := attempt{on: delegation.DateOf(c.now)}
	if see.try != nil {
		a = *see.try
	}
	p := tryPanel{On: string(a.on), Name: a.Name}
	if see.about == "essai" {
		p.Problem = see.problem
	}
	letter := x.Letter(a.Type)
	if len(x.Takers) > 1 {
		for _, y := range x.Takers {
			p.Kinds = append(p.Kinds, pick{Value: y.Code, Label: y.Name, On: y.Code == letter.Type})
		}
	}
	for _, f := range letter.Schema {
		p.Fields = append(p.Fields, newTryField(f, a.Values[f.Name]))
	}
	for _, m := range x.Drafters() {
		p.Drafters = append(p.Drafters, pick{Value: string(m.ID), Label: m.Name(), On: m.ID == a.Drafter})
	}
	for _, st := range x.Definition.Steps {
		for _, r := range st.Actors {
			if r.Rule != circuits.ChosenAtStart {
				continue
			}
			f := tryField{Name: string(st.ID), Label: st.Title}
			for _, d := range x.Desks() {
				if slices.Contains(r.Among, d.ID) {
					f.Options = append(f.Options, pick{Value: string(d.ID), Label: d.Name, On: a.Chosen[st.ID] == d.ID})
				}
			}
			p.Choices = append(p.Choices, f)
		}
	}
	if a.path != nil {
		p.Result = newTryResult(*a.path, letter)
	}
	return p
}

func newTryField(v conditions.Variable, value string) tryField {
	f := tryField{Name: v.Name, Label: v.Label, Value: value, Type: "text"}
	switch v.Type {
	case conditions.List:
		f.Options = chosen(append([]pick{{Value: "", Label: "Non renseigné"}}, options(v.Values)...), value)
	case conditions.Boolean:
		f.Options = chosen([]pick{{Value: "", Label: "Non renseigné"}, {Value: "true", Label: "Oui"}, {Value: "false", Label: "Non"}}, value)
	case conditions.Date:
		f.Type = "date"
	case conditions.Integer, conditions.Decimal:
		f.Type = "number"
		if value != "" {
			f.Value = trial.Shown(v, value)
		}
	case conditions.Text, conditions.Lists:
	}
	return f
}

func options(values []string) (out []pick) {
	for _, v := range values {
		out = append(out, pick{Value: v, Label: v})
	}
	return out
}

// newTryResult tells the path: who acts when, what is skipped and why.
func newTryResult(p trial.Path, l trial.Letter) *tryResult {
	r := &tryResult{Complete: p.Complete, Summary: typeset(p.Stop)}
	if p.Complete {
		r.Summary = typeset(fmt.Sprintf("La lettre va au bout, au plus tard %s : %s.", dated(p.Ends), count(p.Days, "jour ouvré", "jours ouvrés")))
	}
	r.Stops = append(r.Stops, stop{State: "done", Title: "Dépôt", Lines: []string{capital(dated(p.Starts))}})
	for _, st := range p.Steps {
		one := stop{State: "todo", Title: st.Step.Title}
		switch st.Outcome {
		case trial.Taken:
			one.State = "done"
			one.Lines = append(who(st), "Au plus tard "+dated(st.Until))
		case trial.Skipped:
			one.Lines = []string{typeset("Passée : " + trial.Words(st.Step.When, l.Schema) + ", ce n’est pas le cas.")}
		case trial.Stopped:
			one.State = "stop"
			one.Lines = []string{typeset(p.Stop)}
		case trial.NotReached:
			one.Lines = []string{"La lettre n’arrive pas jusqu’ici."}
		}
		if st.Step.When != "" && st.Outcome == trial.Taken {
			one.Lines = append(one.Lines, typeset("Car : "+trial.Words(st.Step.When, l.Schema)))
		}
		r.Stops = append(r.Stops, one)
	}
	return r
}

// who says who would act at a step that opens.
func who(st trial.PathStep) (out []string) {
	if st.Step.Auto {
		return []string{"Le parapheur appose le cachet"}
	}
	if st.Step.Kind == circuits.Information {
		return []string{"Informe, sans attendre"}
	}
	for _, t := range st.Turns {
		if t.Personal != "" {
			out = append(out, t.Personal)
			continue
		}
		var names []string
		for _, p := range t.Powers {
			name := p.Name
			switch {
			case p.Principal != nil && p.Mention != "":
				name += " («" + nbsp + p.Mention + nbsp + "»)"
			case p.Away:
				name += " (en congé)"
			}
			names = append(names, name)
		}
		out = append(out, t.Desk+nbsp+": "+anyOf(names))
	}
	return out
}

// dated is a day with its name: "vendredi 27 novembre 2026".
func dated(t time.Time) string {
	return weekday(t.Weekday()) + " " + dayMonth(t) + " " + strconv.Itoa(t.Year())
}

func capital(s string) string {
	for i := range s {
		if i > 0 {
			return strings.ToUpper(s[:i]) + s[i:]
		}
	}
	return s
}

// readCase reads the letter that does not exist. Fields of another type are
// left out.
func readCase(f url.Values, x dossiers.Trial) trial.Case {
	c := trial.Case{
		Name: strings.TrimSpace(f.Get("name")), Type: f.Get("type"), Drafter: circuits.PersonID(f.Get("drafter")),
		Values: conditions.Values{}, Chosen: map[circuits.StepID]circuits.DeskID{},
	}
	for _, v := range x.Letter(c.Type).Schema {
		if raw := strings.TrimSpace(f.Get("v_" + v.Name)); raw != "" {
			c.Values[v.Name] = raw
		}
	}
	for _, st := range x.Definition.Steps {
		if desk := f.Get("choice_" + string(st.ID)); desk != "" {
			c.Chosen[st.ID] = circuits.DeskID(desk)
		}
	}
	return c
}

// tryCircuit walks the letter and shows where it goes.
func (s *server) tryCircuit(v *visit, w http.ResponseWriter, r *http.Request) error {
	code, f := chi.URLParam(r, "code"), r.PostForm
	x, err := s.Office.Trial(r.Context(), v.viewer, code)
	if err != nil {
		return err
	}
	a := &attempt{Case: readCase(f, x), on: delegation.Date(f.Get("on"))}
	see := shown{step: circuits.StepID(f.Get("etape")), about: "essai", try: a}
	path, err := s.Office.Rehearse(r.Context(), v.viewer, code, a.Case, a.on)
	if invalid, ok := isField(err); ok {
		see.problem = typeset(invalid.Reason)
		if i := slices.IndexFunc(x.Fields(), func(f conditions.Variable) bool { return invalid.Field == "metadata."+f.Name }); i >= 0 {
			see.problem = typeset("« " + x.Fields()[i].Label + " » : " + invalid.Reason)
		}
		return s.showCircuit(v, w, r, http.StatusUnprocessableEntity, see)
	}
	if err != nil {
		return err
	}
	a.path = &path
	return s.showCircuit(v, w, r, http.StatusOK, see)
}

// circuitCase keeps a case, takes its new path for granted, or forgets it.
func (s *server) circuitCase(v *visit, w http.ResponseWriter, r *http.Request) error {
	code, f := chi.URLParam(r, "code"), r.PostForm
	ctx := r.Context()
	if f.Get("op") == "oublier" {
		if err := s.Office.DropCase(ctx, v.viewer, code, f.Get("name")); err != nil {
			return err
		}
		http.Redirect(w, r, circuitPath(code)+"?dit=oublie#cas", http.StatusSeeOther)
		return nil
	}
	x, err := s.Office.Trial(ctx, v.viewer, code)
	if err != nil {
		return err
	}
	c := readCase(f, x)
	if f.Get("op") == "accepter" {
		i := slices.IndexFunc(x.Cases, func(k trial.Case) bool { return k.Name == c.Name })
		if i < 0 {
			return dossiers.ErrConflict
		}
		c = x.Cases[i]
	}
	path, err := s.Office.KeepCase(ctx, v.viewer, code, c)
	if invalid, ok := isField(err); ok {
		see := shown{about: "essai", problem: typeset(invalid.Reason), try: &attempt{Case: c, on: delegation.Date(f.Get("on"))}}
		if len(path.Steps) > 0 {
			see.try.path = &path
		}
		return s.showCircuit(v, w, r, http.StatusUnprocessableEntity, see)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, circuitPath(code)+"?dit=garde#cas", http.StatusSeeOther)
	return nil
}

// caseLines are the kept cases and what becomes of them today.
func caseLines(x dossiers.Trial) (out []caseLine) {
	titles := func(ids []circuits.StepID) string {
		var names []string
		for _, id := range ids {
			if i := x.Definition.Step(id); i >= 0 {
				names = append(names, x.Definition.Steps[i].Title)
			} else {
				names = append(names, "étape retirée")
			}
		}
		return strings.Join(names, ", puis ")
	}
	for i, r := range x.Results {
		l := caseLine{N: i + 1, Name: r.Name, Path: titles(r.Taken()), OK: r.OK, Stop: typeset(r.Stop)}
		if !r.OK && r.Complete {
			l.Expected = titles(r.Expect)
		}
		out = append(out, l)
	}
	return out
}

// coverageLines are the branches that no case takes.
func coverageLines(x dossiers.Trial) (out []caseLine) {
	for i, c := range x.Coverage {
		l := caseLine{N: i + 1, Name: c.Step.Title, OK: c.Whole(), Path: count(len(c.Taken), "cas y passe", "cas y passent")}
		switch {
		case len(c.Taken) == 0:
			l.Path = "Aucun cas n’y passe"
		case !c.Whole():
			l.Path += ", aucun ne la saute"
		case c.Step.When != "":
			l.Path += ", " + count(len(c.Skipped), "la saute", "la sautent")
		}
		out = append(out, l)
	}
	return out
}

// covered counts the steps whose branches are all taken.
func covered(x dossiers.Trial) string {
	n := 0
	for _, c := range x.Coverage {
		if c.Whole() {
			n++
		}
	}
	return fmt.Sprintf("%d sur %s", n, count(len(x.Coverage), "étape", "étapes"))
}
