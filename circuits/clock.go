package circuits

import (
	"fmt"
	"slices"
	"time"
)

// Due returns what the clock alone brings about at now: reminders, rungs of
// escalation, opinions that did not come, the deadline of the circuit. Each is
// said once, whenever it is asked: a sweep that was down for a week sends one
// reminder, the latest. No event means that nothing is due. Of the Facts it
// reads Calendar, Heads and Substitutes, and what opening a step needs when an
// opinion expires.
func (s State) Due(now time.Time, f Facts) ([]Event, error) {
	if s.Phase != Running {
		return nil, nil
	}
	var events []Event
	if !s.Overdue && !s.Deadline.IsZero() && !now.Before(s.Deadline) {
		events = append(events, WentOverdue{s.Deadline, now})
	}
	for i, st := range s.Steps {
		switch {
		case st.Status != Open && st.Status != Blocked || st.Due.IsZero():
		case s.Circuit.Steps[i].Kind == Opinion && !now.Before(st.Due):
			events = append(events, OpinionExpired{i, st.Due, now}) // last: the next step opens after it
		default:
			events = append(events, s.reminder(i, now, f)...)
			events = append(events, s.escalation(i, now, f)...)
		}
	}
	if len(events) == 0 {
		return nil, nil
	}
	events, err := s.route(events, f, now)
	if err != nil {
		return nil, fmt.Errorf("due: %w", err)
	}
	return events, nil
}

// reminder returns the latest reminder of step i that is due and later than
// those sent.
func (s State) reminder(i int, now time.Time, f Facts) []Event {
	st, def := s.Steps[i], s.Circuit.Steps[i]
	latest, sent := 0, st.Reminded
	consider := func(days int, from time.Time) {
		if now.Before(from) || len(sent) > 0 && days <= slices.Max(sent) || latest != 0 && days <= latest {
			return
		}
		latest = days
	}
	for _, n := range def.RemindBefore {
		if now.Before(st.Due) {
			consider(-n, f.Calendar.Back(st.Due, n))
		}
	}
	for _, n := range def.RemindAfter {
		consider(n, f.Calendar.After(st.Due, n))
	}
	if latest == 0 {
		return nil
	}
	return []Event{Reminded{Step: i, Days: latest, Due: st.Due, To: s.recipients(i), At: now}}
}

// recipients are who hold the open turns of step i.
func (s State) recipients(i int) []Recipient {
	var out []Recipient
	for _, t := range s.turns(i) {
		if t.Status == Open {
			out = append(out, Recipient{t.Desk, t.Person})
		}
	}
	return out
}

// escalation returns the rungs of step i that are due and not climbed yet.
// Each names one recipient: a rung of a step with several open turns is an
// event for each.
func (s State) escalation(i int, now time.Time, f Facts) []Event {
	st, def := s.Steps[i], s.Circuit.Steps[i]
	var events []Event
	after := s
	for r := st.Rungs; r < len(def.Escalate); r++ {
		rung := def.Escalate[r]
		if now.Before(st.Due) || now.Before(f.Calendar.After(st.Due, rung.After)) {
			break
		}
		said := false
		for k, t := range after.turns(i) {
			if t.Status != Open {
				continue
			}
			e := after.climb(i, k, rung, f)
			e.Rung, e.Due, e.At = r+1, st.Due, now
			events, after, said = append(events, e), after.Apply(e), true
		}
		if !said {
			e := Escalated{Step: i, Rung: r + 1, Means: rung.To, Due: st.Due, At: now}
			events, after = append(events, e), after.Apply(e)
		}
	}
	return events
}

// climb says what a rung does with one turn.
func (s State) climb(i, k int, rung Rung, f Facts) Escalated {
	t := s.turns(i)[k]
	e := Escalated{Step: i, Turn: k, Means: rung.To, To: Recipient{t.Desk, t.Person}}
	switch rung.To {
	case RungSubstitute:
		e.To = f.Substitutes[t.Desk]
	case RungHead:
		e.To = Recipient{Desk: f.Heads[t.Desk]}
	default:
		return e
	}
	kind := s.Circuit.Steps[i].Kind
	e.Moved = !kind.seals() && s.Steps[i].Status == Open && s.mayReceive(i, k, e.To) == nil
	return e
}
