package web

import (
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

// newStepPanel fills the form of one step.
func newStepPanel(x dossiers.Trial, i int) stepPanel {
	st := x.Definition.Steps[i]
	p := stepPanel{
		N: i + 1, ID: string(st.ID), Title: st.Title, Kinds: kindOptions(st.Kind), Quorum: max(st.Need.N, 1), Ordered: st.Need.Ordered, Cumulate: st.Need.Cumulate,
		Automatic: st.Auto, CanAutomate: st.Kind == circuits.Seal, Acts: !st.Auto, Signs: st.Kind == circuits.Signature || st.Kind == circuits.Seal,
		Days: positive(st.Days), Before: numbers(st.RemindBefore), After: numbers(st.RemindAfter),
		Bound: st.Assurance == deviceBound, MustRead: st.MustRead, NoRefusal: st.NoRefusal,
		Levels: chosen([]pick{{Value: "", Label: "Celui de la collectivité"}, {Value: "B-B", Label: "Signature simple (B-B)"}, {Value: "B-T", Label: "Avec horodatage (B-T)"}, {Value: "B-LT", Label: "Vérifiable longtemps (B-LT)"}, {Value: "B-LTA", Label: "Archivable (B-LTA)"}}, st.Level),
	}
	p.actors(x, st)
	p.conditions(x, st)
	p.refusals(x, i)
	for n, r := range append(slices.Clone(st.Escalate), circuits.Rung{After: -1}) {
		after := ""
		if r.After >= 0 {
			after = strconv.Itoa(r.After)
		}
		p.Rungs = append(p.Rungs, rungRow{n + 1, after, chosen([]pick{
			{Value: circuits.RungReminder, Label: "Nouvelle relance"}, {Value: circuits.RungSubstitute, Label: "Passer au suppléant"}, {Value: circuits.RungHead, Label: "Passer au bureau du dessus"},
		}, r.To)})
	}
	for _, v := range x.Fields() {
		if v.Name == "annexes" || v.Name == "pages" {
			continue
		}
		asked := func(list []circuits.FieldRule) bool {
			return slices.ContainsFunc(list, func(f circuits.FieldRule) bool { return f.Field == v.Name })
		}
		p.Fields = append(p.Fields, pick{Value: v.Name, Label: v.Label, On: asked(st.Fields)})
		p.RefusalFields = append(p.RefusalFields, pick{Value: v.Name, Label: v.Label, On: asked(st.OnRefusalFields)})
	}
	return p
}

// deviceBound is the assurance of a passkey that does not leave its device.
const deviceBound = "device_bound"

func chosen(all []pick, value string) []pick {
	for i := range all {
		all[i].On = all[i].Value == value
	}
	return all
}

func positive(n int) string {
	if n <= 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func numbers(list []int) string {
	out := make([]string, len(list))
	for i, n := range list {
		out[i] = strconv.Itoa(n)
	}
	return strings.Join(out, ", ")
}

func actorsOf(st circuits.Step) []circuits.ActorRule {
	if st.Desk != "" {
		return []circuits.ActorRule{{Rule: circuits.NamedDesk, Desk: st.Desk}}
	}
	return st.Actors
}

// actorValue names an actor in a form: "desk:…", "field:…" or the rule.
func actorValue(r circuits.ActorRule) string {
	switch r.Rule {
	case circuits.NamedDesk:
		return "desk:" + string(r.Desk)
	case circuits.FromMetadata:
		return "field:" + r.Field
	case circuits.TheDrafter, circuits.HeadOfDrafter, circuits.HeadOfPrevious, circuits.ChosenAtStart:
	}
	return string(r.Rule)
}

func (p *stepPanel) actors(x dossiers.Trial, st circuits.Step) {
	rules := actorsOf(st)
	for n, r := range append(slices.Clone(rules), circuits.ActorRule{}) {
		row := actorRow{N: n + 1, Blank: n == len(rules)}
		for _, d := range x.Desks() {
			row.Desks = append(row.Desks, pick{Value: "desk:" + string(d.ID), Label: d.Name})
		}
		row.Rules = []pick{
			{Value: string(circuits.TheDrafter), Label: "Le rédacteur"},
			{Value: string(circuits.HeadOfDrafter), Label: "Le chef du rédacteur"},
			{Value: string(circuits.HeadOfPrevious), Label: "Le chef du bureau précédent"},
			{Value: string(circuits.ChosenAtStart), Label: "Au choix, au départ"},
		}
		for _, f := range x.Fields() {
			if f.Type == conditions.List || f.Type == conditions.Text {
				row.Rules = append(row.Rules, pick{Value: "field:" + f.Name, Label: typeset("Le bureau du champ « " + f.Label + " »")})
			}
		}
		if !row.Blank {
			chosen(row.Desks, actorValue(r))
			chosen(row.Rules, actorValue(r))
		}
		p.Rows = append(p.Rows, row)
		if r.Rule == circuits.ChosenAtStart {
			p.Choice = true
			for _, d := range x.Desks() {
				p.Among = append(p.Among, pick{Value: string(d.ID), Label: d.Name, On: slices.Contains(r.Among, d.ID)})
			}
		}
	}
	p.Several = len(rules) > 1 && st.Kind != circuits.Information
	p.Modes = chosen([]pick{
		{Value: string(circuits.All), Label: "Tous (ET)", Hint: "Chacun donne son accord."},
		{Value: string(circuits.Any), Label: "L’un d’eux (OU)", Hint: "Le premier qui agit décide."},
		{Value: string(circuits.Quorum), Label: "Un nombre d’accords", Hint: "Une personne compte une fois."},
	}, string(st.Need.Mode))
}

func (p *stepPanel) conditions(x dossiers.Trial, st circuits.Step) {
	p.CEL = st.When
	clauses, anyOf, ok := trial.Clauses(st.When, x.Fields())
	switch {
	case st.When == "":
		clauses, anyOf = nil, false
	case ok:
		p.When = "si"
	default:
		p.When, clauses = "libre", nil
	}
	for n, c := range append(clauses, trial.Clause{}) {
		row := clauseRow{N: n + 1, Value: c.Value}
		for _, f := range x.Fields() {
			row.Fields = append(row.Fields, pick{Value: f.Name, Label: f.Label, On: f.Name == c.Field, Kind: string(f.Type)})
		}
		for _, o := range []trial.Operator{trial.Above, trial.AtLeast, trial.Below, trial.AtMost, trial.Equal, trial.Unequal, trial.Contains, trial.Filled, trial.Empty} {
			var kinds []string
			for _, k := range conditions.Types() {
				if slices.Contains(trial.Operators(k), o) {
					kinds = append(kinds, string(k))
				}
			}
			row.Operators = append(row.Operators, pick{Value: string(o), Label: o.French(), On: o == c.Operator, Kind: strings.Join(kinds, " ")})
		}
		for _, f := range x.Fields() {
			if f.Name == c.Field && c.Operator.Valued() && (f.Type == conditions.Boolean || f.Type == conditions.Date || f.Type == conditions.Decimal) {
				row.Value = trial.Shown(f, c.Value)
			}
		}
		p.Clauses = append(p.Clauses, row)
	}
	p.Joins = []pick{{Value: "et", Label: "Toutes ces conditions (ET)", On: !anyOf}, {Value: "ou", Label: "Au moins une (OU)", On: anyOf}}
}

func (p *stepPanel) refusals(x dossiers.Trial, i int) {
	st := x.Definition.Steps[i]
	to := st.RefuseTo.To
	if to == "" {
		to = circuits.ToDrafter
	}
	p.RefuseTo = chosen([]pick{
		{Value: circuits.ToDrafter, Label: "Au rédacteur, pour correction"},
		{Value: circuits.ToPrevious, Label: "À l’étape précédente"},
		{Value: circuits.ToChosen, Label: "À une étape choisie par la personne"},
	}, to)
	for _, e := range x.Definition.Steps[:i] {
		p.Earlier = append(p.Earlier, pick{Value: string(e.ID), Label: e.Title, On: slices.Contains(st.RefuseTo.Allowed, e.ID)})
	}
}

func newWholePanel(x dossiers.Trial) wholePanel {
	d := x.Definition
	p := wholePanel{Name: d.Name, Days: positive(d.Days), Minor: d.Correction.Minor, Partial: d.Correction.Partial, Actors: d.Correction.Actors}
	p.Then = []pick{{Value: "", Label: typeset("Aucun : la lettre est finie")}}
	for _, c := range x.Others() {
		p.Then = append(p.Then, pick{Value: c.Code, Label: c.Published.Name})
	}
	if d.Then != "" && !slices.ContainsFunc(p.Then, func(o pick) bool { return o.Value == d.Then }) {
		p.Then = append(p.Then, pick{Value: d.Then, Label: d.Then + " (non publié)"})
	}
	chosen(p.Then, d.Then)
	for _, k := range x.Desks() {
		p.Desks = append(p.Desks, pick{Value: string(k.ID), Label: k.Name, On: slices.Contains(d.Correction.Desks, k.ID)})
	}
	return p
}

// revised saves a change of the draft and goes back to the step that is
// looked at. What does not fit is said beside the form.
func (s *server) revised(v *visit, w http.ResponseWriter, r *http.Request, step *circuits.StepID, about string, change func(*circuits.Definition) error) error {
	code := chi.URLParam(r, "code")
	_, err := s.Office.ReviseCircuit(r.Context(), v.viewer, code, r.PostForm.Get("edition"), change)
	if invalid, ok := isField(err); ok && !wantsJSON(r) {
		return s.showCircuit(v, w, r, http.StatusUnprocessableEntity, shown{step: *step, problem: typeset(invalid.Reason), about: about})
	}
	if err != nil {
		return err
	}
	where := circuitPath(code)
	if *step != "" {
		where += "?etape=" + url.QueryEscape(string(*step))
	}
	http.Redirect(w, r, where, http.StatusSeeOther)
	return nil
}

// arrange adds, moves, copies or removes a step.
func (s *server) arrange(v *visit, w http.ResponseWriter, r *http.Request) error {
	f := r.PostForm
	at := circuits.StepID(f.Get("etape"))
	see := at
	return s.revised(v, w, r, &see, "", func(d *circuits.Definition) error {
		op := f.Get("op")
		if kind, adds := strings.CutPrefix(op, "ajouter-"); adds {
			st, err := newStep(*d, circuits.Kind(kind))
			if err != nil {
				return err
			}
			k := d.Step(at) + 1
			if k == 0 {
				k = len(d.Steps)
			}
			d.Steps, see = slices.Insert(d.Steps, k, st), st.ID
			return nil
		}
		i := d.Step(at)
		if i < 0 {
			return dossiers.ErrConflict // somebody removed it
		}
		switch op {
		case "monter":
			move(d, i, i-1)
		case "descendre":
			move(d, i, i+1)
		case "deplacer":
			to := d.Step(circuits.StepID(f.Get("avant")))
			switch {
			case to < 0:
				to = len(d.Steps) - 1
			case to > i:
				to--
			}
			move(d, i, to)
		case "retirer":
			d.Steps = slices.Delete(d.Steps, i, i+1)
			see = ""
		default:
			return dossiers.ErrNotFound
		}
		orderly(d)
		return nil
	})
}

func move(d *circuits.Definition, from, to int) {
	if to < 0 || to >= len(d.Steps) {
		return
	}
	st := d.Steps[from]
	d.Steps = slices.Insert(slices.Delete(d.Steps, from, from+1), to, st)
}

// orderly forgets refusals to steps that no longer come before.
func orderly(d *circuits.Definition) {
	for i := range d.Steps {
		to := &d.Steps[i].RefuseTo
		to.Allowed = slices.DeleteFunc(slices.Clone(to.Allowed), func(id circuits.StepID) bool {
			k := d.Step(id)
			return k < 0 || k >= i
		})
	}
}

// newStep is a step of a kind, ready to be described.
func newStep(d circuits.Definition, kind circuits.Kind) (circuits.Step, error) {
	st := circuits.Step{Kind: kind}
	for _, o := range kindOptions(kind) {
		if o.On {
			st.Title = o.Label
		}
	}
	if st.Title == "" {
		return st, dossiers.ErrNotFound
	}
	for n := 1; ; n++ {
		st.ID = circuits.StepID(fmt.Sprintf("%s-%d", kind, n))
		if d.Step(st.ID) < 0 {
			return st, nil
		}
	}
}

// setCircuit changes what is of the circuit as a whole.
func (s *server) setCircuit(v *visit, w http.ResponseWriter, r *http.Request) error {
	f := r.PostForm
	see := circuits.StepID(f.Get("etape"))
	return s.revised(v, w, r, &see, "", func(d *circuits.Definition) (err error) {
		d.Name = strings.TrimSpace(f.Get("name"))
		if d.Days, err = whole("days", f.Get("days")); err != nil {
			return err
		}
		d.Then = f.Get("then")
		d.Correction = circuits.CorrectionPolicy{Actors: f.Has("actors"), Minor: f.Has("minor"), Partial: f.Has("partial")}
		for _, id := range f["desks"] {
			d.Correction.Desks = append(d.Correction.Desks, circuits.DeskID(id))
		}
		return nil
	})
}

// checkCondition says in JSON what is wrong with a condition being typed.
func (s *server) checkCondition(v *visit, w http.ResponseWriter, r *http.Request) error {
	err := s.Office.CheckCondition(r.Context(), v.viewer, chi.URLParam(r, "code"), r.PostForm.Get("cel"))
	told, ok := conditionProblem(err)
	if !ok && err != nil {
		return err
	}
	return reply(w, http.StatusOK, map[string]string{"problem": told})
}
