package circuits

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// Admits says whether e may follow in s: whether a command of this package,
// given some facts, answers it. What facts made (who was found for a step, a
// deadline, a condition that did not hold) is taken from e and held against
// the circuit. It is how a journal is replayed by those who have no facts: each
// event is admitted, then applied, and Settled at the end. It answers the
// sentinel of the command, or ErrState.
func (s State) Admits(e Event) error {
	if err := s.admits(e); err != nil {
		return fmt.Errorf("%s: %w", e.Kind(), err)
	}
	return nil
}

// Settled reports whether nothing follows from s by itself: no step waits to
// be opened and no end to be said. Between two commands a journal is settled.
func (s State) Settled() bool { return s.Phase != Running || s.Next != "" || s.nextStep() < 0 }

// admits sorts the events that follow by themselves from those that answer a
// command.
func (s State) admits(e Event) error {
	switch e := e.(type) {
	case StepOpened:
		return s.admitsOpened(e)
	case StepSkipped:
		if !s.openable(e.Step) || s.begun(e.Step) || s.Circuit.Steps[e.Step].When == "" || s.Circuit.Steps[e.Step].When != e.Condition {
			return ErrStep
		}
		return nil
	case StepBlocked:
		return s.admitsBlocked(e)
	case CircuitEnded:
		if !s.ended() || s.Circuit.Then == "" || e.Next != s.Circuit.Then || e.Signed != s.LastSealed() {
			return ErrState
		}
		return nil
	case CircuitCompleted:
		if e.Signed != s.LastSealed() || (s.Phase != Running || s.Next == "") && (!s.ended() || s.Circuit.Then != "") {
			return ErrState
		}
		return nil
	}
	if !s.Settled() {
		return fmt.Errorf("a step waits to be opened: %w", ErrState)
	}
	answers, err := s.answer(e)
	if err != nil {
		return err
	}
	if len(answers) == 0 || !alike(answers[0], e) {
		return fmt.Errorf("not what the circuit answers: %w", ErrState)
	}
	return nil
}

// ended reports whether every step of a running circuit is behind.
func (s State) ended() bool {
	return s.Phase == Running && s.Next == "" && len(s.Steps) > 0 && s.nextStep() == len(s.Steps)
}

// openable reports whether step i is the one whose turn has come: ahead, opened
// by the event before, or blocked.
func (s State) openable(i int) bool {
	if s.Phase != Running || s.Next != "" || i < 0 || i >= len(s.Steps) {
		return false
	}
	return s.nextStep() == i || s.unannounced() == i || s.Steps[i].Status == Blocked
}

func (s State) admitsOpened(e StepOpened) error {
	if !s.openable(e.Step) {
		return ErrStep
	}
	if s.begun(e.Step) {
		if s.Steps[e.Step].Status != Blocked || !slices.Equal(e.Turns, s.left(e.Step)) || !e.Due.Equal(s.Steps[e.Step].Due) {
			return ErrStep
		}
		return nil
	}
	st := s.Circuit.Steps[e.Step]
	if !st.Auto && st.Kind != Information && (len(e.Turns) == 0 || len(e.Turns) < st.needed(len(e.Turns))) || len(e.Turns) > len(st.rules()) {
		return ErrDesk
	}
	if (st.Kind == Information || st.Days == 0) && !e.Due.IsZero() || st.Kind != Information && st.Days > 0 && !e.Due.After(e.At) {
		return ErrStep
	}
	return s.plausible(e.Step, e.Turns)
}

func (s State) admitsBlocked(e StepBlocked) error {
	if !slices.Contains([]string{NoHolder, NoActor, NoQuorum}, e.Why) || e.Step < 0 || e.Step >= len(s.Steps) {
		return ErrStep
	}
	open := s.Phase == Running && s.Steps[e.Step].Status == Open && len(e.Turns) == 0 // its last holder recused
	if !s.openable(e.Step) && !open || s.Circuit.Steps[e.Step].Kind == Information {
		return ErrStep
	}
	return s.plausible(e.Step, e.Turns)
}

// plausible holds turns that were recorded against the rules of their step:
// each must be what one of them can find.
func (s State) plausible(i int, turns []Recipient) error {
	rules := s.Circuit.Steps[i].rules()
	for k, t := range turns {
		fits := func(r ActorRule) bool {
			switch r.Rule {
			case NamedDesk:
				return t == Recipient{Desk: r.Desk}
			case TheDrafter:
				return t.Person == s.Drafter
			case ChosenAtStart:
				return t == Recipient{Desk: s.Chosen[s.Circuit.Steps[i].ID]}
			case FromMetadata:
				return t.Person == "" && t.Desk != "" && (len(r.Among) == 0 || slices.Contains(r.Among, t.Desk))
			case HeadOfDrafter, HeadOfPrevious:
			}
			return t.Person == "" && t.Desk != ""
		}
		if !slices.ContainsFunc(rules, fits) || slices.Contains(turns[:k], t) {
			return ErrDesk
		}
	}
	return nil
}

// alike compares events by their form in the journal. Refusals of journals
// that did not say who is told are alike without it.
func alike(a, b Event) bool {
	x, okX := a.(StepRefused)
	if y, okY := b.(StepRefused); okX && okY && len(y.Told) == 0 {
		x.Told = nil
		a = x
	}
	m, errM := json.Marshal(a)
	n, errN := json.Marshal(b)
	return a.Kind() == b.Kind() && errM == nil && errN == nil && bytes.Equal(m, n)
}
