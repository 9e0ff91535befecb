package circuits

import (
	"slices"
	"time"
)

// Apply returns s after e. It never refuses: what happened, happened. The
// receiver is left as it was. An event that no command of this package can
// have answered (Admits says so) leaves a state without meaning, no panic.
func (s State) Apply(e Event) State {
	s.Steps = slices.Clone(s.Steps)
	s.Decisions = slices.Clone(s.Decisions)
	e.apply(&s)
	s.Events++
	return s
}

// Fold returns the state that the events, in order, lead to.
func Fold(events []Event) State {
	var s State
	for _, e := range events {
		e.apply(&s) // in place: nobody else has this state
		s.Events++
	}
	return s
}

// step returns step i to change, its turns its own; a scrap when there is none.
func (s *State) step(i int) *StepState {
	if i < 0 || i >= len(s.Steps) {
		return &StepState{}
	}
	s.Steps[i].Turns = slices.Clone(s.turns(i))
	return &s.Steps[i]
}

// turn returns turn k to change; a scrap when there is none.
func (st *StepState) turn(k int) *Turn {
	if k < 0 || k >= len(st.Turns) {
		return &Turn{}
	}
	return &st.Turns[k]
}

// at returns the definition of step i, or none.
func (d Definition) at(i int) Step {
	if i < 0 || i >= len(d.Steps) {
		return Step{}
	}
	return d.Steps[i]
}

func (e Deposited) apply(s *State) {
	s.Phase, s.Depositor, s.Drafter = Draft, e.By, e.Drafter
	s.Version, s.Document, s.Bytes = 1, e.Document, e.Bytes
}

func (e Started) apply(s *State) {
	s.leave(e.Circuit)
	s.Circuit, s.Chosen, s.Deadline, s.Overdue, s.Next = e.Circuit, e.Chosen, e.Due, false, ""
	s.restart(0, e.At)
}

func (e Recycled) apply(s *State) { Started(e).apply(s) }

func (e Chained) apply(s *State) {
	s.Circuit, s.Next, s.Deadline, s.Overdue = e.Circuit, "", e.Due, false
	s.Chosen = merged(s.Chosen, e.Chosen)
	for len(s.Steps) < len(s.Circuit.Steps) {
		s.Steps = append(s.Steps, StepState{Status: Ahead})
	}
	s.acted()
	s.openNext(e.At)
}

func (e Migrated) apply(s *State) {
	steps, lapsed := s.migration(e.Circuit)
	s.leave(e.Circuit)
	for i := range s.Decisions {
		if d := &s.Decisions[i]; d.counts() && lapsed[i] {
			d.Standing = Lapsed
		}
	}
	s.Circuit, s.Steps = e.Circuit, steps
	s.Chosen = merged(s.Chosen, e.Chosen)
	s.acted()
	s.openNext(e.At)
}

func merged(a, b map[StepID]DeskID) map[StepID]DeskID {
	if len(b) == 0 {
		return a
	}
	out := make(map[StepID]DeskID, len(a)+len(b))
	for id, desk := range a {
		out[id] = desk
	}
	for id, desk := range b {
		out[id] = desk
	}
	return out
}

// leave numbers the steps of past decisions as circuit d does.
func (s *State) leave(d Definition) {
	if len(s.Circuit.Steps) == 0 {
		return
	}
	for i := range s.Decisions {
		x := &s.Decisions[i]
		if x.StepID == "" {
			x.StepID = s.Circuit.at(x.Step).ID
		}
		x.Step = d.Step(x.StepID)
	}
}

func (e StepOpened) apply(s *State) {
	st := s.step(e.Step)
	if st.Status == Blocked && s.begun(e.Step) { // it goes on where it was
		st.Status, st.Blocked = Open, ""
		return
	}
	*st = StepState{Status: Open, OpenedAt: e.At, Due: e.Due, Opened: s.Events}
	st.Turns = opened(e.Turns, s.Circuit.at(e.Step).Need.Ordered)
	if s.Circuit.at(e.Step).Kind == Information {
		st.Status = Done
		for k := range st.Turns {
			st.Turns[k].Status = Done
		}
		s.openNext(e.At)
	}
}

// opened are the turns of a step that opens.
func opened(to []Recipient, ordered bool) []Turn {
	var out []Turn
	for k, r := range to {
		t := Turn{Desk: r.Desk, Person: r.Person, Status: Open}
		if ordered && k > 0 {
			t.Status = Ahead
		}
		out = append(out, t)
	}
	return out
}

func (e StepSkipped) apply(s *State) {
	*s.step(e.Step) = StepState{Status: Skipped, OpenedAt: e.At, Opened: s.Events}
	s.openNext(e.At)
}

func (e StepBlocked) apply(s *State) {
	st := s.step(e.Step)
	if st.Status == Open && len(st.Turns) > 0 && len(e.Turns) == 0 { // it was open, and lost who held it
		st.Status, st.Blocked = Blocked, e.Why
		return
	}
	*st = StepState{Status: Blocked, Blocked: e.Why, OpenedAt: e.At, Opened: s.Events, Turns: opened(e.Turns, s.Circuit.at(e.Step).Need.Ordered)}
}

func (e StepDecided) apply(s *State) {
	n := s.decide(Decision{
		Step: e.Step, Verdict: e.Verdict, By: e.By, Evidence: e.Evidence, Document: e.Document, At: e.At,
		Standing: Holds, Turn: e.Turn, Advice: e.Advice, Outside: e.Outside,
	})
	st := s.step(e.Step)
	t := st.turn(e.Turn)
	t.Decision = n
	if e.Verdict == Signs || e.Verdict == Seals {
		st.Status, t.Status = Sealing, Sealing
		return
	}
	t.Status = Done
	s.settle(e.Step, e.At)
}

// decide adds a decision to the trace and returns its number, from 1.
func (s *State) decide(d Decision) int {
	d.Version, d.Event, d.StepID = s.Version, s.Events, s.Circuit.at(d.Step).ID
	s.Decisions, s.SentBack = append(s.Decisions, d), nil
	return len(s.Decisions)
}

// settle ends a step that has what it needs, or gives the turn to the next.
func (s *State) settle(i int, at time.Time) {
	st, def := s.step(i), s.Circuit.at(i)
	done, next := 0, -1
	for k, t := range st.Turns {
		switch {
		case t.Status == Done:
			done++
		case t.Status == Ahead && next < 0:
			next = k
		}
	}
	if done >= def.needed(len(st.Turns)) {
		st.Status = Done
		for k := range st.Turns {
			if t := &st.Turns[k]; t.Status == Open || t.Status == Ahead {
				t.Status = Released
			}
		}
		s.openNext(at)
		return
	}
	st.Status = Open
	if def.Need.Ordered && next >= 0 && !slices.ContainsFunc(st.Turns, func(t Turn) bool { return t.Status == Open }) {
		st.Turns[next].Status = Open
	}
}

func (e TurnRefused) apply(s *State) {
	n := s.decide(Decision{
		Step: e.Step, Verdict: Refuses, By: e.By, Reason: e.Reason, Evidence: e.Evidence, Document: e.Document, At: e.At,
		Standing: Holds, Turn: e.Turn,
	})
	t := s.step(e.Step).turn(e.Turn)
	t.Status, t.Decision = Rejects, n
	s.settle(e.Step, e.At)
}

func (e StepRefused) apply(s *State) {
	back, before := e.BackTo-1, slices.Clone(s.Steps)
	n := s.decide(Decision{
		Step: e.Step, Verdict: Refuses, By: e.By, Reason: e.Reason, Evidence: e.Evidence, Document: e.Document, At: e.At,
		Standing: Holds, Turn: e.Turn,
	})
	if back < 0 || back > e.Step || e.Step >= len(s.Steps) {
		st := s.step(e.Step)
		st.Status = Rejects
		t := st.turn(e.Turn)
		t.Status, t.Decision = Rejects, n
		s.Phase = Refused
		return
	}
	kept := &SentBack{Decision: n - 1, First: back, Steps: before[back : e.Step+1]}
	for i := range s.Decisions {
		if d := &s.Decisions[i]; d.counts() && d.Step >= back && d.Step <= e.Step {
			if i != n-1 {
				kept.Lapsed = append(kept.Lapsed, LapsedBefore{i, d.Standing})
			}
			d.Standing = Lapsed
		}
	}
	for i := back; i <= e.Step; i++ {
		s.Steps[i] = StepState{Status: Ahead}
	}
	s.SentBack = kept
	s.Round++
	s.openNext(e.At)
}

func (e TimestampAwaited) apply(s *State) { s.step(e.Step).Awaiting = AwaitsTimestamp }

func (e SealingAwaited) apply(s *State) { s.step(e.Step).Awaiting = e.Why }

func (e StepSealed) apply(s *State) {
	st := s.step(e.Step)
	st.Sealed, st.Awaiting = e.Signed, ""
	for k := range st.Turns {
		if st.Turns[k].Status == Sealing {
			st.Turns[k].Status = Done
		}
	}
	s.acted()
	s.settle(e.Step, e.At)
}

func (e DecisionUndone) apply(s *State) {
	i := s.lastDecision()
	if i < 0 {
		return
	}
	d := &s.Decisions[i]
	if b := s.SentBack; b != nil {
		for _, x := range b.Lapsed {
			s.Decisions[x.Decision].Standing = x.Standing
		}
		for k, st := range b.Steps {
			*s.step(b.First + k) = st
		}
	} else {
		s.reopen(i)
	}
	for k := range s.Steps {
		if k != d.Step && (d.Event > 0 && s.Steps[k].Opened >= d.Event || d.Event == 0 && k > d.Step) {
			s.Steps[k] = StepState{Status: Ahead}
		}
	}
	d.Standing, s.SentBack, s.Phase = Undone, nil, Running
	s.Round++
}

// reopen gives the turn of decision i back to who had it.
func (s *State) reopen(i int) {
	st, ordered := s.step(s.Decisions[i].Step), s.Circuit.at(s.Decisions[i].Step).Need.Ordered
	for k := range st.Turns {
		switch t := &st.Turns[k]; {
		case t.Decision == i+1 || t.Status == Rejects && t.Decision == 0:
			t.Status, t.Decision = Open, 0
		case t.Status == Released && !ordered:
			t.Status = Open
		case t.Status == Released || t.Status == Open && ordered:
			t.Status = Ahead
		}
	}
	if len(st.Turns) == 1 && st.Turns[0].Decision == 0 { // of a state older than turns
		st.Turns[0].Status = Open
	}
	st.Status = Open
}

func (e StepBypassed) apply(s *State) {
	s.decide(Decision{
		Step: e.Step, Verdict: Bypasses, By: e.By, Reason: e.Reason, Evidence: e.Evidence, Document: e.Document, At: e.At, Standing: Holds,
	})
	st := s.step(e.Step)
	st.Status, st.Blocked = Bypassed, ""
	for k := range st.Turns {
		if t := &st.Turns[k]; t.Status == Open || t.Status == Ahead {
			t.Status = Released
		}
	}
	s.acted()
	s.Acted++ // not to be undone either
	s.openNext(e.At)
}

func (e DocumentRead) apply(s *State) {
	reads := slices.DeleteFunc(slices.Clone(s.Reads), func(r Receipt) bool { return r.Person == e.By.Person })
	s.Reads = append(reads, Receipt{e.By.Person, e.Document, e.At})
}

func (e OpinionAsked) apply(s *State) {
	st := s.step(e.Step)
	st.Asked = slices.Clone(st.Asked)
	for _, to := range e.To {
		st.Asked = append(st.Asked, Consultation{To: to, By: e.By, Question: e.Question, Waits: e.Waits, Due: e.Due, At: e.At})
	}
	s.acted()
}

func (e OpinionGiven) apply(s *State) {
	st := s.step(e.Step)
	st.Asked = slices.Clone(st.Asked)
	if e.Asked >= 0 && e.Asked < len(st.Asked) {
		st.Asked[e.Asked].Answer, st.Asked[e.Asked].From = &e.Advice, &e.By
	}
	s.acted()
}

func (e OpinionExpired) apply(s *State) {
	st := s.step(e.Step)
	st.Status, st.Blocked = Done, ""
	for k := range st.Turns {
		if t := &st.Turns[k]; t.Status == Open || t.Status == Ahead {
			t.Status = Released
		}
	}
	s.acted()
	s.openNext(e.At)
}

func (e Transferred) apply(s *State) {
	s.step(e.Step).turn(e.Turn).give(e.To)
	s.acted()
}

func (e Redirected) apply(s *State) {
	st := s.step(e.Step)
	st.turn(e.Turn).give(e.To)
	if e.Opens {
		st.Status, st.Blocked, st.Due = Open, "", e.Due
	}
}

// give makes r the holder of t, and remembers the first.
func (t *Turn) give(r Recipient) {
	if t.From == nil {
		t.From = &Recipient{t.Desk, t.Person}
	}
	t.Desk, t.Person = r.Desk, r.Person
}

func (e Recused) apply(s *State) {
	s.Recused = append(slices.Clone(s.Recused), Recusal{e.By.Person, e.At})
	st := s.step(e.Step)
	for _, k := range e.Turns {
		st.turn(k).give(e.To)
	}
}

func (e DossierWithdrawn) apply(s *State) {
	s.Phase = Withdrawn
	s.acted()
}

func (e Superseded) apply(s *State) {
	s.Phase, s.SupersededBy = Withdrawn, e.Other
	s.acted()
}

func (e Reminded) apply(s *State) {
	st := s.step(e.Step)
	st.Reminded = append(slices.Clone(st.Reminded), e.Days)
}

func (e Escalated) apply(s *State) {
	st := s.step(e.Step)
	st.Rungs = e.Rung
	if e.Moved {
		st.turn(e.Turn).give(e.To)
	}
}

func (e WentOverdue) apply(s *State) { s.Overdue = true }

func (e CircuitEnded) apply(s *State) {
	s.Next = e.Next
	s.acted()
}

func (e CircuitCompleted) apply(s *State) { s.Phase, s.Next = Completed, "" }

func (e SignatureRenewed) apply(s *State) {
	s.Renewed = e.Signed
	s.Renewals++
}

func (e DossierArchived) apply(s *State) { s.Archived = e.Reference }

// acted closes the undoing of every decision before this event.
func (s *State) acted() { s.Acted, s.SentBack = s.Events, nil }

// restart opens step from anew, lets what was decided from there on lapse and
// maintains what was decided before it.
func (s *State) restart(from int, at time.Time) {
	for i := range s.Decisions {
		switch d := &s.Decisions[i]; {
		case !d.counts():
		case d.Step >= from || d.Step < 0:
			d.Standing = Lapsed
		default:
			d.Standing = Maintained
		}
	}
	if from == 0 {
		s.Steps = make([]StepState, len(s.Circuit.Steps))
	}
	for i := from; i < len(s.Steps); i++ {
		s.Steps[i] = StepState{Status: Ahead}
	}
	s.Phase = Running
	s.Round++
	s.acted()
	s.openNext(at)
}

// openNext opens the first step ahead once no step is at work, if it is plain:
// the others open by an event of their own.
func (s *State) openNext(at time.Time) {
	i := s.nextStep()
	if i < 0 || i == len(s.Steps) || !s.Circuit.at(i).plain() {
		return
	}
	s.Steps[i] = StepState{
		Status: Open, OpenedAt: at, Opened: s.Events, Implied: true, Turns: []Turn{{Desk: s.Circuit.Steps[i].Desk, Status: Open}},
	}
}

// nextStep returns the step whose turn has come and that no event has opened
// yet, the number of steps at the end, or -1 while a step is at work.
func (s State) nextStep() int {
	for i, st := range s.Steps {
		switch st.Status {
		case Open, Sealing, Rejects, Blocked:
			return -1
		case Ahead:
			return i
		case Done, Skipped, Bypassed, Released:
		}
	}
	return len(s.Steps)
}

// lastDecision returns the index of the decision that an undo would take
// back, or -1.
func (s State) lastDecision() int {
	if s.SentBack != nil && s.SentBack.Decision < len(s.Decisions) {
		return s.SentBack.Decision
	}
	for i := len(s.Decisions) - 1; i >= 0; i-- {
		if s.Decisions[i].counts() {
			return i
		}
	}
	return -1
}
