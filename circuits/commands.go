package circuits

import (
	"fmt"
	"strings"
	"time"
)

// AwaitsTimestamp is what a Sealing step awaits when no time-stamping
// authority answers.
const AwaitsTimestamp = "timestamp"

// A Choice is what a decision at a step rests on: who, which step, the
// document that was read and the evidence of the gesture.
type Choice struct {
	By       Actor
	Step     int
	Seen     Digest // SHA-256 of the bytes that were shown
	Evidence Digest
	At       time.Time
}

// Deposit creates the draft. document and bytes are those of the frozen main
// document.
func (s State) Deposit(e Deposited) ([]Event, error) {
	if s.Phase != "" {
		return nil, fmt.Errorf("deposit: %w", ErrState)
	}
	return []Event{e}, nil
}

// Start sends a draft, or what was withdrawn, along a circuit. What was
// withdrawn after a signature only leaves again corrected: the bytes of this
// version carry the signature, and a new round would ask people to decide on
// bytes that are gone.
func (s State) Start(by Actor, d Definition, at time.Time) ([]Event, error) {
	switch {
	case s.Phase != Draft && s.Phase != Withdrawn:
		return nil, fmt.Errorf("start: %w", ErrState)
	case !s.mayDraft(by):
		return nil, fmt.Errorf("start: %w", ErrDrafter)
	case s.signed():
		return nil, fmt.Errorf("start: %w", ErrSigned)
	}
	if err := d.Check(); err != nil {
		return nil, fmt.Errorf("start: %w", err)
	}
	return []Event{Started{By: by, Circuit: d, CircuitHash: d.Hash(), At: at}}, nil
}

// Visa approves an open visa step.
func (s State) Visa(c Choice) ([]Event, error) {
	if err := s.mayDecide(c, Visa); err != nil {
		return nil, fmt.Errorf("visa: %w", err)
	}
	return s.finish([]Event{StepDecided{c.Step, GivesVisa, c.By, c.Seen, c.Evidence, c.At}}, c.At), nil
}

// Sign decides an open signature step. The key is used afterwards, once the
// decision is durable; Seal records that it was.
func (s State) Sign(c Choice) ([]Event, error) {
	if err := s.mayDecide(c, Signature); err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return []Event{StepDecided{c.Step, Signs, c.By, c.Seen, c.Evidence, c.At}}, nil
}

// Refuse refuses an open step and returns the dossier to its drafter.
func (s State) Refuse(c Choice, reason string) ([]Event, error) {
	if err := s.mayDecide(c, ""); err != nil {
		return nil, fmt.Errorf("refuse: %w", err)
	}
	if strings.TrimSpace(reason) == "" {
		return nil, fmt.Errorf("refuse: %w", ErrReason)
	}
	return []Event{StepRefused{c.Step, c.By, reason, c.Seen, c.Evidence, c.At}}, nil
}

// AwaitTimestamp records that the key did its work and the time-stamping
// authority did not answer. Saying it twice is refused by state.
func (s State) AwaitTimestamp(step int, at time.Time) ([]Event, error) {
	if i := s.SealingStep(); i < 0 || i != step || s.Steps[step].Awaiting != "" {
		return nil, fmt.Errorf("await timestamp: %w", ErrState)
	}
	return []Event{TimestampAwaited{step, at}}, nil
}

// Seal records that the signed document of a Sealing step exists. A second
// run for the same step is refused by state: nothing is ever signed twice.
func (s State) Seal(e StepSealed) ([]Event, error) {
	if i := s.SealingStep(); i < 0 || i != e.Step {
		return nil, fmt.Errorf("seal: %w", ErrState)
	}
	return s.finish([]Event{e}, e.At), nil
}

// Undo takes back the last decision (droit de remords): by its author, while
// the next step, or the drafter after a refusal, has not acted. A signature
// cannot be undone: its key may already have been used.
func (s State) Undo(by Actor, evidence Digest, at time.Time) ([]Event, error) {
	if s.Phase != Running && s.Phase != Refused {
		return nil, fmt.Errorf("undo: %w", ErrState)
	}
	i := s.lastHolding()
	if i < 0 {
		return nil, fmt.Errorf("undo: no decision: %w", ErrState)
	}
	switch d := s.Decisions[i]; {
	case d.Verdict == Signs:
		return nil, fmt.Errorf("undo: %w", ErrSigned)
	case d.By.Person != by.Person || by.Person == "":
		if s.decided(by.Person) {
			return nil, fmt.Errorf("undo: %w", ErrActed)
		}
		return nil, fmt.Errorf("undo: %w", ErrAuthor)
	case evidence.IsZero():
		return nil, fmt.Errorf("undo: %w", ErrEvidence)
	default:
		return []Event{DecisionUndone{d.Step, by, evidence, at}}, nil
	}
}

// UndoableBy returns who may take the last decision back now, or nobody.
func (s State) UndoableBy() PersonID {
	i := s.lastHolding()
	if i < 0 || (s.Phase != Running && s.Phase != Refused) || s.Decisions[i].Verdict == Signs {
		return ""
	}
	return s.Decisions[i].By.Person
}

// Withdraw takes the dossier out of its circuit, for its drafter or for the
// application that deposited it, unless a signature was decided and the
// circuit still runs.
func (s State) Withdraw(by Actor, reason string, at time.Time) ([]Event, error) {
	switch {
	case s.Phase != Running && s.Phase != Refused && s.Phase != Draft:
		return nil, fmt.Errorf("withdraw: %w", ErrState)
	case !s.mayDraft(by):
		return nil, fmt.Errorf("withdraw: %w", ErrDrafter)
	case s.Phase == Running && s.signed():
		return nil, fmt.Errorf("withdraw: %w", ErrSigned)
	}
	return []Event{DossierWithdrawn{by, reason, at}}, nil
}

// Correct replaces the document by a new version. Previous decisions lapse
// and a circuit that had started restarts from its first step. While a circuit
// runs past a signature the bytes may only grow: ErrSigned.
func (s State) Correct(by Actor, document Digest, bytes int64, at time.Time) ([]Event, error) {
	switch {
	case s.Phase == "" || s.Phase == Completed:
		return nil, fmt.Errorf("correct: %w", ErrState)
	case !s.mayDraft(by):
		return nil, fmt.Errorf("correct: %w", ErrDrafter)
	case s.Phase == Running && s.signed():
		return nil, fmt.Errorf("correct: %w", ErrSigned)
	case s.Phase == Withdrawn && len(s.Circuit.Steps) == 0:
		return nil, fmt.Errorf("correct: withdrawn before any start: %w", ErrState)
	case document == s.Document:
		return nil, fmt.Errorf("correct: %w", ErrSame)
	}
	return []Event{Corrected{by, s.Version + 1, document, bytes, at}}, nil
}

// finish adds CircuitCompleted when events leave no step to do.
func (s State) finish(events []Event, at time.Time) []Event {
	after := s
	for _, e := range events {
		after = after.Apply(e)
	}
	for _, st := range after.Steps {
		if st.Status != Done {
			return events
		}
	}
	return append(events, CircuitCompleted{after.LastSealed(), at})
}

func (s State) mayDecide(c Choice, kind Kind) error {
	switch {
	case s.Phase != Running:
		return ErrState
	case c.Step < 0 || c.Step >= len(s.Steps) || s.Steps[c.Step].Status != Open:
		return ErrStep
	case kind != "" && s.Circuit.Steps[c.Step].Kind != kind:
		return ErrKind
	case c.By.Desk != s.Circuit.Steps[c.Step].Desk || c.By.Person == "":
		return ErrDesk
	case c.Seen != s.LastSealed():
		return ErrStale
	case c.Evidence.IsZero():
		return ErrEvidence
	}
	return nil
}

func (s State) mayDraft(by Actor) bool {
	if by.Person != "" {
		return by.Person == s.Drafter
	}
	return by.Application != "" && by.Application == s.Depositor.Application
}

func (s State) decided(p PersonID) bool {
	for _, d := range s.Decisions {
		if d.By.Person == p && d.Standing == Holds && p != "" {
			return true
		}
	}
	return false
}
