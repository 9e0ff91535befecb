// Package circuits decides how a dossier travels from its drafter to the
// Mayor. It is a state machine and nothing else: every command is a method on
// a value, takes the time as an argument, performs no I/O, and answers with
// the events that happened or the reason why none did.
//
//	Draft ──start──▶ Running: step 1 ──visa──▶ … ──sign──▶ step Sealing ──seal──▶ next step, or Completed
//	  ▲                 │  ▲
//	  │          refuse │  │ correct (new version, circuit restarts), undo (while nobody acted since)
//	  │                 ▼  │
//	  │               Refused            withdraw (drafter) ──▶ Withdrawn ──start, correct──▶ Running
//
// A State is the fold of its events: the events are the record and the State
// is only a reading of them (State.Apply). The package must not read a clock,
// hold a context, know people's rights or touch storage: who holds a desk and
// whether a passkey gesture is genuine are facts its caller has established.
//
// It fails by refusal only: a command that does not belong answers one of the
// sentinel errors of this package and no event. The full table state ×
// command is generated into docs/circuits-table.md and compared by a test.
package circuits

import (
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

// A PersonID names a person of a town.
type PersonID string

// A DeskID names a desk (bureau): a function that people hold.
type DeskID string

// A StepID names a step inside its circuit, "visa-dgs" for instance.
type StepID string

// A Digest is the SHA-256 of a document, of a circuit or of a piece of
// evidence. Its text form is 64 lower-case hexadecimal digits.
type Digest [32]byte

// String returns the digest in hexadecimal.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// IsZero reports whether d was never set.
func (d Digest) IsZero() bool { return d == Digest{} }

// MarshalText implements encoding.TextMarshaler.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Digest) UnmarshalText(b []byte) error {
	if len(b) != 64 {
		return fmt.Errorf("digest of %d characters, want 64", len(b))
	}
	_, err := hex.Decode(d[:], b)
	return err
}

// A Phase is where a dossier as a whole stands.
type Phase string

// The phases, each with whoever acts next. The zero Phase is a dossier that
// was never deposited.
const (
	Draft     Phase = "draft"     // the drafter starts
	Running   Phase = "running"   // the holders of the open steps act, or the sealer
	Refused   Phase = "refused"   // the drafter corrects
	Withdrawn Phase = "withdrawn" // the drafter starts again, corrects, or lets it rest
	Completed Phase = "completed" // nobody: the end
)

// A Status is where one step stands.
type Status string

// The statuses of a step.
const (
	Ahead   Status = "ahead"   // its turn has not come
	Open    Status = "open"    // its desk must act
	Sealing Status = "sealing" // decided; the key is at work (or waits for a timestamp)
	Done    Status = "done"    // it said yes
	Rejects Status = "refused" // it said no
)

// A Verdict is what a person decided at a step.
type Verdict string

// The verdicts. A visa and a signature are never conflated.
const (
	GivesVisa Verdict = "visa"
	Signs     Verdict = "signature"
	Refuses   Verdict = "refus"
)

// A Standing says what a past decision is worth today.
type Standing string

// The standings of a decision.
const (
	Holds  Standing = "holds"
	Lapsed Standing = "lapsed" // caduque: the document or the round it was about is gone
	Undone Standing = "undone" // taken back by its author (droit de remords)
)

// An Actor is a named person acting from a desk, or an application of the
// town acting for nobody (deposits and withdrawals only).
type Actor struct {
	Person      PersonID `json:"person,omitempty"`
	Name        string   `json:"name"`
	Desk        DeskID   `json:"desk,omitempty"`
	Quality     string   `json:"quality,omitempty"`
	Application string   `json:"application,omitempty"`
}

// A Decision is one verdict with everything the trace must say about it.
type Decision struct {
	Step     int       `json:"step"`
	Verdict  Verdict   `json:"verdict"`
	By       Actor     `json:"by"`
	Reason   string    `json:"reason,omitempty"`
	Evidence Digest    `json:"evidence"`
	Document Digest    `json:"document"`
	Version  int       `json:"version"`
	At       time.Time `json:"at"`
	Standing Standing  `json:"standing"`
}

// A StepState is the progress of the step with the same index in the circuit.
type StepState struct {
	Status Status `json:"status"`
	// Awaiting names what a Sealing step waits for ("timestamp"), or is empty.
	Awaiting string `json:"awaiting,omitempty"`
	// Sealed is the digest of the whole signed document, for a signature step
	// that is Done.
	Sealed Digest `json:"sealed,omitzero"`
}

// A State is a dossier's way through its circuit, folded from its events.
type State struct {
	Phase     Phase       `json:"phase"`
	Depositor Actor       `json:"depositor"`           // who or what deposited
	Drafter   PersonID    `json:"drafter"`             // to whom refusals return
	Version   int         `json:"version"`             // of the main document, from 1
	Document  Digest      `json:"document"`            // the frozen bytes of that version
	Bytes     int64       `json:"bytes"`               // their length
	Round     int         `json:"round"`               // starts, corrections and undos so far
	Circuit   Definition  `json:"circuit,omitzero"`    // frozen at start
	Steps     []StepState `json:"steps,omitempty"`     // same length as Circuit.Steps
	Decisions []Decision  `json:"decisions,omitempty"` // in order, lapsed ones included
	Events    int         `json:"events"`              // applied so far
}

// Refusals. Match them with errors.Is.
var (
	ErrState    = errors.New("the dossier is not in a state that allows this")
	ErrDesk     = errors.New("not the desk of this step")
	ErrStep     = errors.New("this step is not open")
	ErrKind     = errors.New("the step asks for another kind of decision")
	ErrStale    = errors.New("the document is not the one that was read")
	ErrReason   = errors.New("a refusal needs its reason")
	ErrDrafter  = errors.New("only the drafter may do this")
	ErrAuthor   = errors.New("only the author of a decision may take it back")
	ErrActed    = errors.New("somebody acted since")
	ErrSigned   = errors.New("a signature exists")
	ErrEvidence = errors.New("a decision needs its evidence")
	ErrCircuit  = errors.New("the circuit is not sound")
	ErrSame     = errors.New("the new version is the same document")
)

// OpenSteps returns the indexes of the steps whose desks must act, in order.
func (s State) OpenSteps() []int {
	var open []int
	for i, st := range s.Steps {
		if s.Phase == Running && st.Status == Open {
			open = append(open, i)
		}
	}
	return open
}

// SealingStep returns the index of the step whose key is at work, or -1.
func (s State) SealingStep() int {
	for i, st := range s.Steps {
		if s.Phase == Running && st.Status == Sealing {
			return i
		}
	}
	return -1
}

// LastSealed returns the digest of the document with the last signature put
// on this version, or the document itself when none was.
func (s State) LastSealed() Digest {
	for i := len(s.Steps) - 1; i >= 0; i-- {
		if d := s.Steps[i].Sealed; !d.IsZero() {
			return d
		}
	}
	return s.Document
}

// signed reports whether the current version carries a signature or is
// receiving one: from then on its bytes may only grow.
func (s State) signed() bool {
	for _, st := range s.Steps {
		if st.Status == Sealing || !st.Sealed.IsZero() {
			return true
		}
	}
	return false
}
