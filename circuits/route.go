package circuits

import (
	"fmt"
	"slices"
	"time"
)

// route adds to the events of a command what follows from them: the next step
// opened, skipped or blocked, and the end. It answers ErrFacts when a
// condition on the way was not evaluated; nothing has happened then.
func (s State) route(events []Event, f Facts, at time.Time) ([]Event, error) {
	after := s
	for _, e := range events {
		after = after.Apply(e)
	}
	for after.Phase == Running && after.Next == "" {
		e, err := after.following(f, at)
		if err != nil {
			return nil, err
		}
		if e == nil {
			break
		}
		events, after = append(events, e), after.Apply(e)
	}
	return events, nil
}

// following returns the one event that follows from the state alone, or nil
// when somebody must act.
func (s State) following(f Facts, at time.Time) (Event, error) {
	switch i := s.nextStep(); {
	case i < 0:
		if k := s.unannounced(); k >= 0 && f.known() {
			return s.opening(k, f, at)
		}
		return nil, nil
	case i == len(s.Steps):
		if s.Circuit.Then != "" {
			return CircuitEnded{Signed: s.LastSealed(), Next: s.Circuit.Then, At: at}, nil
		}
		return CircuitCompleted{s.LastSealed(), at}, nil
	default:
		return s.opening(i, f, at)
	}
}

// unannounced returns the plain step that the last event opened by itself, or
// -1.
func (s State) unannounced() int {
	for i, st := range s.Steps {
		if st.Status == Open && st.Implied && st.Opened == s.Events-1 {
			return i
		}
	}
	return -1
}

// opening returns the event by which step i opens, is skipped or is blocked.
func (s State) opening(i int, f Facts, at time.Time) (Event, error) {
	st := s.Circuit.Steps[i]
	if st.When != "" {
		holds, known := f.Conditions[st.ID]
		if !known {
			return nil, fmt.Errorf("condition of step %s: %w", st.ID, ErrFacts)
		}
		if !holds {
			return StepSkipped{Step: i, Condition: st.When, At: at}, nil
		}
	}
	turns, blocked := s.resolve(i, f)
	if m := st.Need.Mode; (m == Any || m == Quorum) && len(turns) >= st.needed(len(turns)) {
		blocked = nil // those who were found suffice
	}
	if st.Kind == Information { // never blocks: who is found is told
		return StepOpened{Step: i, Turns: turns, At: at}, nil
	}
	if blocked == nil {
		blocked = s.missing(st, turns, f)
	}
	if blocked != nil {
		blocked.Step, blocked.Turns, blocked.At = i, turns, at
		return *blocked, nil
	}
	return StepOpened{Step: i, Turns: turns, Due: f.due(at, st.Days), At: at}, nil
}

// resolve finds who has the turns of step i, or why one is nobody's. The same
// desk found twice has one turn.
func (s State) resolve(i int, f Facts) (turns []Recipient, blocked *StepBlocked) {
	for _, r := range s.Circuit.Steps[i].rules() {
		to, why := s.actor(i, r, f)
		if why != nil {
			blocked = why
			continue
		}
		if !slices.Contains(turns, to) {
			turns = append(turns, to)
		}
	}
	return turns, blocked
}

// actor finds the turn of one rule.
func (s State) actor(i int, r ActorRule, f Facts) (Recipient, *StepBlocked) {
	head := func(of DeskID) (Recipient, *StepBlocked) {
		if h := f.Heads[of]; h != "" {
			return Recipient{Desk: h}, nil
		}
		return Recipient{}, &StepBlocked{Why: NoActor, Desk: of}
	}
	switch r.Rule {
	case TheDrafter:
		return Recipient{Desk: f.DrafterDesk, Person: s.Drafter}, nil
	case HeadOfDrafter:
		return head(f.DrafterDesk)
	case HeadOfPrevious:
		return head(s.previousDesk(i))
	case FromMetadata:
		d := f.Values[r.Field]
		if d == "" || len(r.Among) > 0 && !slices.Contains(r.Among, d) {
			return Recipient{}, &StepBlocked{Why: NoActor, Field: r.Field}
		}
		return Recipient{Desk: d}, nil
	case ChosenAtStart:
		if d := s.Chosen[s.Circuit.Steps[i].ID]; d != "" {
			return Recipient{Desk: d}, nil
		}
		return Recipient{}, &StepBlocked{Why: NoActor}
	case NamedDesk:
	}
	return Recipient{Desk: r.Desk}, nil
}

// previousDesk is the desk of the last decision taken before step i.
func (s State) previousDesk(i int) DeskID {
	for k := len(s.Decisions) - 1; k >= 0; k-- {
		if d := s.Decisions[k]; d.counts() && d.Step >= 0 && d.Step < i && d.By.Desk != "" {
			return d.By.Desk
		}
	}
	return ""
}

// missing says why the turns found do not suffice: nobody is there today, or
// too few desks are left for the number asked.
func (s State) missing(st Step, turns []Recipient, f Facts) *StepBlocked {
	if st.Auto {
		return nil
	}
	need := st.needed(len(turns))
	if len(turns) == 0 || len(turns) < need {
		return &StepBlocked{Why: NoQuorum}
	}
	able := 0
	var empty DeskID
	for _, t := range turns {
		if s.staffed(t, f) {
			able++
		} else if empty == "" {
			empty = t.Desk
		}
	}
	if able < need {
		return &StepBlocked{Why: NoHolder, Desk: empty}
	}
	return nil
}

// staffed reports whether somebody may take a turn today, as far as is known.
func (s State) staffed(t Recipient, f Facts) bool {
	if t.Person != "" {
		return !s.recused(t.Person)
	}
	if f.Holders == nil {
		return true
	}
	return slices.ContainsFunc(f.Holders[t.Desk], func(p PersonID) bool { return !s.recused(p) })
}

// begun reports whether somebody already decided at step i in this round: it
// is not opened anew then.
func (s State) begun(i int) bool {
	return slices.ContainsFunc(s.turns(i), func(t Turn) bool { return t.Decision > 0 })
}

// left are the turns of step i that nobody took yet.
func (s State) left(i int) []Recipient {
	var out []Recipient
	for _, t := range s.turns(i) {
		if t.Status == Open || t.Status == Ahead {
			out = append(out, Recipient{t.Desk, t.Person})
		}
	}
	return out
}
