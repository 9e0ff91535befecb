package circuits

import (
	"slices"
	"time"
)

// answer gives the command that e answers to s, and returns what it answers,
// the events that open steps left out.
func (s State) answer(e Event) ([]Event, error) {
	switch e := e.(type) {
	case Deposited:
		return s.Deposit(e)
	case Started:
		return s.reenter(e, s.Phase == Draft || s.Phase == Withdrawn, func(x Started) Event { return x })
	case Recycled:
		return s.reenter(Started(e), s.Phase == Refused || s.Phase == Withdrawn, func(x Started) Event { return Recycled(x) })
	case Chained:
		return s.rechain(e)
	case Migrated:
		return s.remigrate(e)
	case DossierWithdrawn:
		return s.Withdraw(e.By, e.Reason, e.At)
	case Superseded:
		return s.Supersede(e.By, e.Other, e.Reason, e.At)
	case Corrected:
		return s.recorrect(e)
	case AnnexesChanged:
		return s.rechange(e)
	case WentOverdue:
		if s.Phase != Running || s.Overdue || s.Deadline.IsZero() || e.At.Before(s.Deadline) {
			return nil, ErrState
		}
		return []Event{WentOverdue{s.Deadline, e.At}}, nil
	case TimestampAwaited:
		return s.Await(e.Step, AwaitsTimestamp, e.At)
	case SealingAwaited:
		return s.Await(e.Step, e.Why, e.At)
	case SignatureRenewed:
		return s.Renew(e)
	case DossierArchived:
		return s.Archive(e.By, e.Reference, e.At)
	}
	return s.answerAtStep(e)
}

// answerAtStep is answer for the commands that are about one step.
func (s State) answerAtStep(e Event) ([]Event, error) {
	every := s.every()
	switch e := e.(type) {
	case StepDecided:
		return s.redecide(e, every)
	case StepRefused:
		return s.rerefuse(e, every)
	case TurnRefused:
		c := Choice{By: e.By, Step: e.Step, Seen: e.Document, Evidence: e.Evidence, At: e.At, Assurance: s.assurance(e.Step)}
		return s.unrouted(func(f Facts) ([]Event, error) { return s.Refuse(c, e.Reason, Return{To: ToDrafter}, f) })
	case StepSealed:
		if i := s.SealingStep(); i < 0 || i != e.Step {
			return nil, ErrState
		}
		return []Event{e}, nil
	case DecisionUndone:
		return s.Undo(e.By, e.Evidence, e.At)
	case StepBypassed:
		return s.unrouted(func(f Facts) ([]Event, error) { return s.Bypass(e.Step, e.By, e.Reason, e.Evidence, f, e.At) })
	case DocumentRead:
		return s.Read(e.By, e.Document, e.At)
	case OpinionAsked:
		events, err := s.AskOpinion(Question{By: e.By, Step: e.Step, To: e.To, Text: e.Question, Waits: e.Waits, At: e.At}, every)
		if err == nil && !e.Due.IsZero() && e.Due.After(e.At) {
			asked, _ := events[0].(OpinionAsked)
			asked.Due = e.Due
			events[0] = asked
		}
		return events, err
	case OpinionGiven:
		return s.GiveOpinion(Answer{By: e.By, Step: e.Step, Advice: e.Advice, Seen: e.Document, Evidence: e.Evidence, At: e.At})
	case Transferred:
		return s.Transfer(e.By, e.Step, e.To, e.Reason, e.At)
	case Redirected:
		return s.reredirect(e)
	case Recused:
		return s.rerecuse(e)
	}
	return s.answerClock(e)
}

// answerClock is answer for what the clock brings about.
func (s State) answerClock(e Event) ([]Event, error) {
	late := func(step int, due time.Time) bool {
		return s.Phase == Running && step >= 0 && step < len(s.Steps) && (s.Steps[step].Status == Open || s.Steps[step].Status == Blocked) &&
			!s.Steps[step].Due.IsZero() && s.Steps[step].Due.Equal(due)
	}
	switch e := e.(type) {
	case Reminded:
		days := slices.Clone(s.Circuit.at(e.Step).RemindAfter)
		for _, n := range s.Circuit.at(e.Step).RemindBefore {
			days = append(days, -n)
		}
		if !late(e.Step, e.Due) || !slices.Contains(days, e.Days) || len(s.Steps[e.Step].Reminded) > 0 && e.Days <= slices.Max(s.Steps[e.Step].Reminded) ||
			e.Days > 0 && e.At.Before(e.Due) {
			return nil, ErrStep
		}
		e.To = s.recipients(e.Step)
		return []Event{e}, nil
	case Escalated:
		ladder := s.Circuit.at(e.Step).Escalate
		// A rung is an event for each open turn: it may be said again.
		if !late(e.Step, e.Due) || e.At.Before(e.Due) || e.Rung < 1 || e.Rung > len(ladder) || ladder[e.Rung-1].To != e.Means ||
			e.Rung != s.Steps[e.Step].Rungs && e.Rung != s.Steps[e.Step].Rungs+1 {
			return nil, ErrStep
		}
		if e.Moved && (s.Circuit.at(e.Step).Kind.seals() || s.mayReceive(e.Step, e.Turn, e.To) != nil || e.Means == RungReminder) {
			return nil, ErrRecipient
		}
		return []Event{e}, nil
	case OpinionExpired:
		if !late(e.Step, e.Due) || e.At.Before(e.Due) || s.Circuit.at(e.Step).Kind != Opinion {
			return nil, ErrStep
		}
		return []Event{e}, nil
	}
	return nil, ErrState
}

// every are facts that satisfy whatever a step asks of metadata.
func (s State) every() Facts {
	f := Facts{Filled: map[string]bool{}, Conditions: map[StepID]bool{}}
	for _, st := range s.Circuit.Steps {
		f.Conditions[st.ID] = true
		for _, r := range slices.Concat(st.Fields, st.OnRefusalFields) {
			f.Filled[r.Field] = true
		}
	}
	return f
}

// unrouted gives a command with facts of no consequence and keeps its first
// answer.
func (s State) unrouted(command func(Facts) ([]Event, error)) ([]Event, error) {
	events, err := command(s.every())
	if err != nil {
		return nil, err
	}
	return events[:1], nil
}

// assurance is what a step asks of the authenticator: the journal does not say
// what it was, the evidence does.
func (s State) assurance(i int) string { return s.Circuit.at(i).Assurance }

func (s State) redecide(e StepDecided, every Facts) ([]Event, error) {
	c := Choice{By: e.By, Step: e.Step, Seen: e.Document, Evidence: e.Evidence, At: e.At, Assurance: s.assurance(e.Step)}
	return s.unrouted(func(Facts) ([]Event, error) {
		switch {
		case e.Verdict == GivesVisa:
			return s.Visa(c, every)
		case e.Verdict == Signs:
			return s.Sign(c, every)
		case e.Verdict == Seals && s.Circuit.at(e.Step).Auto:
			return s.AutoSeal(e.Step, e.At)
		case e.Verdict == Seals:
			return s.Cachet(c, every)
		case e.Verdict == Advises && e.Advice != nil:
			return s.Opinion(c, *e.Advice, every)
		case e.Verdict == Records && e.Outside != nil:
			return s.External(c, *e.Outside, every)
		}
		return nil, ErrKind
	})
}

func (s State) rerefuse(e StepRefused, every Facts) ([]Event, error) {
	c := Choice{By: e.By, Step: e.Step, Seen: e.Document, Evidence: e.Evidence, At: e.At, Assurance: s.assurance(e.Step)}
	to := Return{To: ToDrafter}
	if e.BackTo > 0 {
		to = Return{To: ToPrevious}
		if s.Circuit.at(e.Step).RefuseTo.To == ToChosen {
			to = Return{To: ToChosen, Step: s.Circuit.at(e.BackTo - 1).ID}
			// The nearest step may be gone back to without being in the list of
			// those that may be chosen.
			if again, err := s.Refuse(c, e.Reason, to, every); err != nil || !alike(again[0], e) {
				to = Return{To: ToPrevious}
			}
		}
	}
	return s.unrouted(func(Facts) ([]Event, error) { return s.Refuse(c, e.Reason, to, every) })
}

// reenter admits a start: the desks chosen and the deadline are the event's.
func (s State) reenter(e Started, allowed bool, as func(Started) Event) ([]Event, error) {
	if !allowed {
		return nil, ErrState
	}
	x, err := s.entry(e.By, e.Circuit, Facts{Chosen: e.Chosen}, e.At)
	if err != nil {
		return nil, err
	}
	if x.Due, err = deadline(e.Circuit, e.Due, e.At); err != nil {
		return nil, err
	}
	return []Event{as(x)}, nil
}

func (s State) rechain(e Chained) ([]Event, error) {
	if s.Phase != Running || s.Next == "" || len(e.Circuit.Steps) < len(s.Steps) {
		return nil, ErrState
	}
	if err := e.Circuit.Check(); err != nil {
		return nil, err
	}
	for i, st := range s.Circuit.Steps {
		if !same(st, e.Circuit.Steps[i]) {
			return nil, ErrCircuit
		}
	}
	chosen, err := chosenFor(Definition{Steps: e.Circuit.Steps[len(s.Steps):]}, Facts{Chosen: e.Chosen})
	if err != nil {
		return nil, err
	}
	e.Chosen, e.CircuitHash = chosen, e.Circuit.Hash()
	if e.Due, err = deadline(e.Circuit, e.Due, e.At); err != nil {
		return nil, err
	}
	return []Event{e}, nil
}

// deadline returns what an event says of the deadline of a circuit, when the
// circuit has one.
func deadline(d Definition, due, at time.Time) (time.Time, error) {
	if (d.Days > 0) != due.After(at) {
		return due, ErrState
	}
	return due, nil
}

func (s State) remigrate(e Migrated) ([]Event, error) {
	f := s.every()
	f.Chosen = e.Chosen
	for _, st := range e.Circuit.Steps {
		f.Conditions[st.ID] = true
	}
	events, err := s.Migrate(e.By, e.Circuit, e.Reason, f, e.At)
	if err != nil {
		return nil, err
	}
	return events[:1], nil
}

func (s State) recorrect(e Corrected) ([]Event, error) {
	c := Correction{By: e.By, Document: e.Document, Bytes: e.Bytes, Nature: e.Nature, Reason: e.Reason, At: e.At}
	if e.Nature != Minor && e.From != 0 {
		c.From = s.Circuit.at(e.From).ID
	}
	x, err := s.correct(c)
	if err != nil {
		return nil, err
	}
	return []Event{x}, nil
}

func (s State) rechange(e AnnexesChanged) ([]Event, error) {
	c := AnnexChange{By: e.By, Annexes: e.Annexes, Nature: e.Nature, Reason: e.Reason, At: e.At}
	if e.Nature != Minor && e.From != 0 {
		c.From = s.Circuit.at(e.From).ID
	}
	x, err := s.changeAnnexes(c)
	if err != nil {
		return nil, err
	}
	return []Event{x}, nil
}

func (s State) reredirect(e Redirected) ([]Event, error) {
	events, err := s.Redirect(e.By, e.Step, e.Turn, e.To, e.Reason, Facts{}, e.At)
	if err != nil {
		return nil, err
	}
	x, _ := events[0].(Redirected)
	x.Opens, x.Due = e.Opens && s.Steps[e.Step].Status == Blocked, e.Due
	return []Event{x}, nil
}

// rerecuse admits a recusal: which turns were by's alone is the event's to say.
func (s State) rerecuse(e Recused) ([]Event, error) {
	if _, err := s.Recuse(e.By, e.Reason, Recipient{}, Facts{}, e.At); err != nil {
		return nil, err
	}
	for _, k := range e.Turns {
		if e.Step < 0 || e.Step >= len(s.Steps) || k < 0 || k >= len(s.turns(e.Step)) || s.mayReceive(e.Step, k, e.To) != nil {
			return nil, ErrRecipient
		}
	}
	return []Event{e}, nil
}
