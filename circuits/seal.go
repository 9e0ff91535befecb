package circuits

import (
	"fmt"
	"time"
)

// AwaitsTimestamp is what a Sealing step awaits when no time-stamping
// authority answers.
const AwaitsTimestamp = "timestamp"

// AwaitTimestamp records that the key did its work and the time-stamping
// authority did not answer. Saying it twice is refused by state.
func (s State) AwaitTimestamp(step int, at time.Time) ([]Event, error) {
	return s.Await(step, AwaitsTimestamp, at)
}

// Await records what a decided signature waits for: AwaitsTimestamp, or
// another short word of the caller's ("remote_key", "revocation"). The same
// wait twice is refused by state, another wait replaces the first.
func (s State) Await(step int, why string, at time.Time) ([]Event, error) {
	if i := s.SealingStep(); i < 0 || i != step || why == "" || s.Steps[step].Awaiting == why {
		return nil, fmt.Errorf("await %s: %w", why, ErrState)
	}
	if why == AwaitsTimestamp {
		return []Event{TimestampAwaited{step, at}}, nil
	}
	return []Event{SealingAwaited{step, why, at}}, nil
}

// Seal records that the signed document of a Sealing step exists. A second
// run for the same step is refused by state: nothing is ever signed twice.
func (s State) Seal(e StepSealed, f Facts) ([]Event, error) {
	if i := s.SealingStep(); i < 0 || i != e.Step {
		return nil, fmt.Errorf("seal: %w", ErrState)
	}
	events, err := s.route([]Event{e}, f, e.At)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return events, nil
}

// Renew records that the proof of a completed document was renewed.
func (s State) Renew(e SignatureRenewed) ([]Event, error) {
	switch {
	case s.Phase != Completed:
		return nil, fmt.Errorf("renew: %w", ErrState)
	case e.Signed == s.LastSealed():
		return nil, fmt.Errorf("renew: %w", ErrSame)
	}
	return []Event{e}, nil
}

// Archive records that an archive took a completed dossier, under its own
// reference. It does so once.
func (s State) Archive(by Actor, reference string, at time.Time) ([]Event, error) {
	switch {
	case s.Phase != Completed || reference == "":
		return nil, fmt.Errorf("archive: %w", ErrState)
	case s.Archived != "":
		return nil, fmt.Errorf("archive: %w", ErrKnown)
	}
	return []Event{DossierArchived{by, reference, at}}, nil
}

// Undo takes back the last decision (droit de remords): by its author, while
// nobody acted since and no key was used. The step, its other turns and the
// phase are as before the decision; a refusal that went back to an earlier
// step is as if it had not been.
func (s State) Undo(by Actor, evidence Digest, at time.Time) ([]Event, error) {
	if s.Phase != Running && s.Phase != Refused {
		return nil, fmt.Errorf("undo: %w", ErrState)
	}
	i := s.lastDecision()
	if i < 0 {
		return nil, fmt.Errorf("undo: no decision: %w", ErrState)
	}
	switch d := s.Decisions[i]; {
	case d.Verdict == Signs || d.Verdict == Seals:
		return nil, fmt.Errorf("undo: %w", ErrSigned)
	case d.By.Person != by.Person || by.Person == "":
		if s.decided(by.Person) {
			return nil, fmt.Errorf("undo: %w", ErrActed)
		}
		return nil, fmt.Errorf("undo: %w", ErrAuthor)
	case d.Event < s.Acted:
		return nil, fmt.Errorf("undo: %w", ErrActed)
	case s.recused(by.Person):
		return nil, fmt.Errorf("undo: %w", ErrRecused)
	case evidence.IsZero():
		return nil, fmt.Errorf("undo: %w", ErrEvidence)
	default:
		return []Event{DecisionUndone{d.Step, by, evidence, at}}, nil
	}
}

// UndoableBy returns who may take the last decision back now, or nobody.
func (s State) UndoableBy() PersonID {
	i := s.lastDecision()
	if i < 0 {
		return ""
	}
	p := s.Decisions[i].By.Person
	if _, err := s.Undo(Actor{Person: p}, Digest{1}, s.Decisions[i].At); err != nil {
		return ""
	}
	return p
}
