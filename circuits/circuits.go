// Package circuits decides how a dossier travels from its drafter to the
// Mayor. It is a state machine and nothing else: every command is a method on
// a value, takes the time as an argument, performs no I/O, and answers with
// the events that happened or the reason why none did.
//
//	Draft ──start──▶ Running: step 1 ──visa──▶ … ──sign──▶ step Sealing ──seal──▶ next step, or Completed
//	                    │  ▲
//	             refuse │  │ correct (new version), recycle, undo (while nobody acted since)
//	                    ▼  │
//	                  Refused            withdraw (drafter) ──▶ Withdrawn ──start, correct, recycle──▶ Running
//
// A step opens with one turn or several. Who has them is found then, by the
// rules of the circuit over the Facts handed in, and recorded: dossier.step_opened,
// step_skipped when its condition does not hold, step_blocked when nobody can
// act. A turn has one holder, who decides, asks for an opinion, transfers it.
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

	Skipped  Status = "skipped"  // its condition did not hold when its turn came
	Bypassed Status = "bypassed" // an administrator let the dossier pass, and said why
	Blocked  Status = "blocked"  // its turn came and nobody can act
	Released Status = "released" // of a turn: the others were enough
)

// A Verdict is what a person decided at a step.
type Verdict string

// The verdicts. A visa and a signature are never conflated.
const (
	GivesVisa Verdict = "visa"
	Signs     Verdict = "signature"
	Refuses   Verdict = "refus"
	Seals     Verdict = "cachet"
	Advises   Verdict = "avis"
	Records   Verdict = "externe"       // recorded an act done outside, with its proof
	Bypasses  Verdict = "contournement" // let the dossier pass a step that was stuck
)

// A Standing says what a past decision is worth today.
type Standing string

// The standings of a decision.
const (
	Holds  Standing = "holds"
	Lapsed Standing = "lapsed" // caduque: the document or the round it was about is gone
	Undone Standing = "undone" // taken back by its author (droit de remords)
	// Maintained (maintenue): it was given on an earlier version, which a
	// correction replaced, and the circuit lets it count.
	Maintained Standing = "maintained"
)

// Refusals. Match them with errors.Is.
var (
	ErrState     = errors.New("the dossier is not in a state that allows this")
	ErrDesk      = errors.New("not the desk of this step")
	ErrStep      = errors.New("this step is not open")
	ErrKind      = errors.New("the step asks for another kind of decision")
	ErrStale     = errors.New("the document is not the one that was read")
	ErrReason    = errors.New("a refusal needs its reason")
	ErrDrafter   = errors.New("only the drafter may do this")
	ErrAuthor    = errors.New("only the author of a decision may take it back")
	ErrActed     = errors.New("somebody acted since")
	ErrSigned    = errors.New("a signature exists")
	ErrEvidence  = errors.New("a decision needs its evidence")
	ErrCircuit   = errors.New("the circuit is not sound")
	ErrSame      = errors.New("the new version is the same document")
	ErrFacts     = errors.New("a condition of the circuit was not evaluated")
	ErrChoice    = errors.New("a desk that the circuit lets choose was not chosen among those allowed")
	ErrTwice     = errors.New("this person, or the one they act for, already acted at this step")
	ErrMandate   = errors.New("nothing allows this person to act for that one here")
	ErrRecused   = errors.New("this person declared a conflict of interest")
	ErrMustRead  = errors.New("this step asks to read before deciding")
	ErrAssurance = errors.New("this step asks for a stronger authenticator")
	ErrFields    = errors.New("metadata that the step asks for is missing")
	ErrNoRefusal = errors.New("this step cannot be refused")
	ErrReturn    = errors.New("a refusal of this step cannot return there")
	ErrRecipient = errors.New("the turn cannot go there")
	ErrOpinion   = errors.New("an opinion that was asked is awaited, or is not this person's to give")
	ErrPolicy    = errors.New("the circuit does not allow this correction")
	ErrKnown     = errors.New("already recorded")
)
