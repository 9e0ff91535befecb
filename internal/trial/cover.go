package trial

import (
	"reflect"
	"slices"
	"time"

	"parapheur/circuits"
)

// A Coverage says which branches a set of cases takes: for each step, which
// cases take it and, for one with a condition, which pass it by.
type Coverage struct {
	Step    circuits.Step
	Taken   []string // names of the cases
	Skipped []string
}

// Whole reports whether the cases show all that the step can do.
func (c Coverage) Whole() bool {
	return len(c.Taken) > 0 && (c.Step.When == "" || len(c.Skipped) > 0)
}

// A Result is what became of a case.
type Result struct {
	Case
	Path
	// OK says that the letter came to its end, by the path that was expected.
	OK bool
}

// Cover rehearses every case, as the kind of letter that letter answers for it,
// and says which branches they take.
func Cover(d circuits.Definition, t Town, letter func(Case) Letter, cases []Case, at time.Time) ([]Result, []Coverage) {
	coverage := make([]Coverage, len(d.Steps))
	for i, st := range d.Steps {
		coverage[i].Step = st
	}
	var results []Result
	for _, c := range cases {
		p := Rehearse(d, t, letter(c), c, at)
		results = append(results, Result{Case: c, Path: p, OK: p.Complete && p.As(c)})
		for i, st := range p.Steps {
			switch st.Outcome {
			case Taken:
				coverage[i].Taken = append(coverage[i].Taken, c.Name)
			case Skipped:
				coverage[i].Skipped = append(coverage[i].Skipped, c.Name)
			case Stopped, NotReached:
			}
		}
	}
	return results, coverage
}

// A Change is what became of a step between two versions.
type Change string

// The changes.
const (
	Same    Change = "same"
	Added   Change = "added"
	Removed Change = "removed"
	Altered Change = "altered"
	Moved   Change = "moved" // the same, at another place
)

// A Difference is one line of two versions side by side.
type Difference struct {
	Change Change
	Before *circuits.Step // nil when added
	After  *circuits.Step // nil when removed
	// Fields names what changed in an Altered step, in French.
	Fields []string
}

// Compare sets two versions of a circuit side by side, in the order of the
// second; what was removed stands where it was.
func Compare(before, after circuits.Definition) []Difference {
	var out []Difference
	common := longest(before.Steps, after.Steps)
	next := 0 // in before
	for i := range after.Steps {
		st := &after.Steps[i]
		k := before.Step(st.ID)
		if slices.Contains(common, st.ID) {
			for ; next < k; next++ {
				if after.Step(before.Steps[next].ID) < 0 {
					out = append(out, Difference{Change: Removed, Before: &before.Steps[next]})
				}
			}
			next = k + 1
		}
		out = append(out, difference(before, k, st, common))
	}
	for ; next < len(before.Steps); next++ {
		if after.Step(before.Steps[next].ID) < 0 {
			out = append(out, Difference{Change: Removed, Before: &before.Steps[next]})
		}
	}
	return out
}

func difference(before circuits.Definition, k int, st *circuits.Step, common []circuits.StepID) Difference {
	if k < 0 {
		return Difference{Change: Added, After: st}
	}
	d := Difference{Change: Same, Before: &before.Steps[k], After: st, Fields: altered(before.Steps[k], *st)}
	switch {
	case len(d.Fields) > 0:
		d.Change = Altered
	case !slices.Contains(common, st.ID):
		d.Change = Moved
	}
	return d
}

// longest is the longest run of steps that both versions have in one order.
func longest(a, b []circuits.Step) []circuits.StepID {
	length := make([][]int, len(a)+1)
	for i := range length {
		length[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i].ID == b[j].ID {
				length[i][j] = length[i+1][j+1] + 1
			} else {
				length[i][j] = max(length[i+1][j], length[i][j+1])
			}
		}
	}
	var out []circuits.StepID
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i].ID == b[j].ID:
			out = append(out, a[i].ID)
			i, j = i+1, j+1
		case length[i+1][j] >= length[i][j+1]:
			i++
		default:
			j++
		}
	}
	return out
}

// same compares two values of one type, whatever they hold.
func same(a, b any) bool { return reflect.DeepEqual(a, b) }

// altered names what differs between two versions of a step.
func altered(a, b circuits.Step) []string {
	var out []string
	differs := func(name string, x, y any) {
		if !same(x, y) {
			out = append(out, name)
		}
	}
	differs("le nom", a.Title, b.Title)
	differs("l’acte demandé", a.Kind, b.Kind)
	differs("qui agit", rules(a), rules(b))
	differs("combien agissent", a.Need, b.Need)
	differs("la condition", a.When, b.When)
	differs("le délai", a.Days, b.Days)
	differs("les relances", [2][]int{a.RemindBefore, a.RemindAfter}, [2][]int{b.RemindBefore, b.RemindAfter})
	differs("ce qui suit un retard", a.Escalate, b.Escalate)
	differs("le niveau de signature", a.Level, b.Level)
	differs("la clé d’accès demandée", a.Assurance, b.Assurance)
	differs("le cachet automatique", a.Auto, b.Auto)
	differs("la lecture obligatoire", a.MustRead, b.MustRead)
	differs("le refus", [2]any{a.NoRefusal, a.RefuseTo}, [2]any{b.NoRefusal, b.RefuseTo})
	differs("les champs demandés", [2]any{a.Fields, a.OnRefusalFields}, [2]any{b.Fields, b.OnRefusalFields})
	return out
}
