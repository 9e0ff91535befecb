package circuits

import (
	"fmt"
	"slices"
	"strings"
)

// maxDays bounds every delay of a circuit: ten years of working days.
const maxDays = 2600

// An UnsoundError says why no dossier may travel a circuit. It is ErrCircuit.
type UnsoundError struct {
	Step int    // from 1; 0 when it is of the circuit as a whole
	Why  string // "no title"; what a circuit named is quoted as Go does
}

// Error implements error.
func (e *UnsoundError) Error() string {
	if e.Step == 0 {
		return fmt.Sprintf("%s: %v", e.Why, ErrCircuit)
	}
	return fmt.Sprintf("step %d: %s: %v", e.Step, e.Why, ErrCircuit)
}

// Is makes every UnsoundError match ErrCircuit.
func (e *UnsoundError) Is(target error) bool { return target == ErrCircuit }

// Check says whether a dossier may travel d: steps with distinct identifiers,
// known kinds, somebody to act at each, delays that can be counted, and at
// least one signature, seal or external act, unless another circuit follows.
// It answers an UnsoundError.
func (d Definition) Check() error {
	seen := map[StepID]bool{}
	final := d.Then != ""
	for i, st := range d.Steps {
		if st.ID == "" || seen[st.ID] {
			return &UnsoundError{Step: i + 1, Why: fmt.Sprintf("identifier %q empty or repeated", st.ID)}
		}
		if why := st.unsound(seen); why != "" {
			return &UnsoundError{Step: i + 1, Why: why}
		}
		seen[st.ID] = true
		final = final || st.Kind.seals() || st.Kind == External
	}
	switch {
	case d.Code == "" || d.Version < 1:
		return &UnsoundError{Why: fmt.Sprintf("code %q, version %d", d.Code, d.Version)}
	case !final || len(d.Steps) == 0:
		return &UnsoundError{Why: "no signature step"}
	case d.Days < 0 || d.Days > maxDays:
		return &UnsoundError{Why: fmt.Sprintf("%d days", d.Days)}
	}
	return nil
}

// unsound says what is wrong with a step that comes after earlier ones.
func (st Step) unsound(earlier map[StepID]bool) string {
	kinds := []Kind{Visa, Signature, Seal, Opinion, External, Information}
	rules := st.rules()
	switch {
	case !slices.Contains(kinds, st.Kind):
		return fmt.Sprintf("kind %q", st.Kind)
	case strings.TrimSpace(st.Title) == "":
		return "no title"
	case st.Desk != "" && len(st.Actors) > 0:
		return "a desk and actors"
	case st.Auto && (st.Kind != Seal || len(rules) > 0):
		return "only a seal is put by the machine, and nobody's desk with it"
	case !st.Auto && len(rules) == 0:
		return "no desk"
	}
	for _, r := range rules {
		if why := r.unsound(); why != "" {
			return why
		}
	}
	if why := st.Need.unsound(len(rules), st.Kind == Information || st.Auto); why != "" {
		return why
	}
	if why := st.times(); why != "" {
		return why
	}
	return st.refusals(earlier)
}

func (r ActorRule) unsound() string {
	switch r.Rule {
	case NamedDesk:
		if r.Desk == "" {
			return "no desk"
		}
	case FromMetadata:
		if r.Field == "" {
			return "no metadata field"
		}
	case ChosenAtStart:
		if len(r.Among) == 0 {
			return "a choice among no desk"
		}
	case TheDrafter, HeadOfDrafter, HeadOfPrevious:
	default:
		return fmt.Sprintf("actor rule %q", r.Rule)
	}
	return ""
}

// unsound says what is wrong with a need over turns; free steps ask nobody.
func (n Need) unsound(turns int, free bool) string {
	switch {
	case free && n != Need{}:
		return "nobody is asked to act, in whatever number"
	case free:
	case n.Mode == One && turns != 1:
		return fmt.Sprintf("%d actors for one turn: say all, any or quorum", turns)
	case n.Mode == Quorum && (n.N < 1 || n.N > turns):
		return fmt.Sprintf("quorum of %d among %d", n.N, turns)
	case n.Mode != Quorum && n.N != 0:
		return "a number without quorum"
	case n.Cumulate && n.Mode != All:
		return "one person counts once, but where all desks are asked"
	case n.Mode == Any && n.Ordered:
		return "the first who acts, in order"
	case !slices.Contains([]Mode{One, All, Any, Quorum}, n.Mode):
		return fmt.Sprintf("need %q", n.Mode)
	}
	return ""
}

// times says what is wrong with the delays of a step.
func (st Step) times() string {
	delays := slices.Concat(st.RemindBefore, st.RemindAfter)
	for i, r := range st.Escalate {
		if i > 0 && r.After < st.Escalate[i-1].After {
			return "escalation not in order"
		}
		if !slices.Contains([]string{RungReminder, RungSubstitute, RungHead}, r.To) {
			return fmt.Sprintf("escalation to %q", r.To)
		}
		delays = append(delays, max(r.After, 1)) // on the day itself is allowed
	}
	switch {
	case st.Days < 0 || st.Days > maxDays:
		return fmt.Sprintf("%d days", st.Days)
	case st.Days == 0 && len(delays) > 0:
		return "reminders without a deadline"
	case slices.ContainsFunc(delays, func(n int) bool { return n < 1 || n > maxDays }):
		return "a reminder that no day answers to"
	case slices.ContainsFunc(st.Escalate, func(r Rung) bool { return r.After < 0 }):
		return "an escalation before the deadline"
	}
	return ""
}

// refusals says what is wrong with where a step may send a dossier back, and
// with the metadata it asks for.
func (st Step) refusals(earlier map[StepID]bool) string {
	to := st.RefuseTo
	switch {
	case !slices.Contains([]string{"", ToDrafter, ToPrevious, ToChosen}, to.To):
		return fmt.Sprintf("refusal to %q", to.To)
	case to.To != ToChosen && len(to.Allowed) > 0:
		return "steps to refuse to, and no choice among them"
	case slices.ContainsFunc(to.Allowed, func(id StepID) bool { return !earlier[id] }):
		return "refusal to a step that does not come before"
	case slices.ContainsFunc(slices.Concat(st.Fields, st.OnRefusalFields), func(f FieldRule) bool { return f.Field == "" }):
		return "a metadata field without name"
	}
	return ""
}
