package circuits

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// An Event is a fact about one dossier. The set is closed.
type Event interface {
	// Kind is the name of the fact in the journal and in the event feed,
	// written once and never changed: old journals must stay readable.
	Kind() string
	// When is the instant of the fact.
	When() time.Time
	apply(s *State)
}

// Deposited says that a document and its annexes exist as a draft.
type Deposited struct {
	By       Actor     `json:"by"`
	Drafter  PersonID  `json:"drafter"`
	Document Digest    `json:"document"`
	Bytes    int64     `json:"bytes"`
	Annexes  []Digest  `json:"annexes,omitempty"`
	At       time.Time `json:"at"`
}

// Started says that the dossier entered a circuit, frozen here.
type Started struct {
	By          Actor      `json:"by"`
	Circuit     Definition `json:"circuit"`
	CircuitHash Digest     `json:"circuit_sha256"`
	At          time.Time  `json:"at"`
}

// StepDecided says that the holder of a step gave a visa or decided to sign,
// on which document and on what evidence.
type StepDecided struct {
	Step     int       `json:"step"`
	Verdict  Verdict   `json:"verdict"`
	By       Actor     `json:"by"`
	Document Digest    `json:"document"`
	Evidence Digest    `json:"evidence"`
	At       time.Time `json:"at"`
}

// StepRefused says that the holder of a step refused, and why.
type StepRefused struct {
	Step     int       `json:"step"`
	By       Actor     `json:"by"`
	Reason   string    `json:"reason"`
	Document Digest    `json:"document"`
	Evidence Digest    `json:"evidence"`
	At       time.Time `json:"at"`
}

// TimestampAwaited says that a decided signature waits for a time-stamping
// authority: nothing is lost, nothing is downgraded.
type TimestampAwaited struct {
	Step int       `json:"step"`
	At   time.Time `json:"at"`
}

// StepSealed says that the signed document of a decided step exists.
type StepSealed struct {
	Step        int       `json:"step"`
	Signed      Digest    `json:"signed"` // of the whole signed document
	Bytes       int64     `json:"bytes"`
	Level       string    `json:"level"`       // "PAdES-BASELINE-T"
	Certificate Digest    `json:"certificate"` // of the DER of the signer's certificate
	At          time.Time `json:"at"`
}

// DecisionUndone says that somebody took the last decision back.
type DecisionUndone struct {
	Step     int       `json:"step"`
	By       Actor     `json:"by"`
	Evidence Digest    `json:"evidence"`
	At       time.Time `json:"at"`
}

// DossierWithdrawn says that the drafter, or the application that deposited,
// took the dossier out of its circuit.
type DossierWithdrawn struct {
	By     Actor     `json:"by"`
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at"`
}

// Corrected says that a new version of the document replaced the previous
// one: decisions about the old one lapse and a circuit under way restarts.
type Corrected struct {
	By       Actor     `json:"by"`
	Version  int       `json:"version"`
	Document Digest    `json:"document"`
	Bytes    int64     `json:"bytes"`
	At       time.Time `json:"at"`
}

// CircuitCompleted says that every step said yes.
type CircuitCompleted struct {
	Signed Digest    `json:"signed"`
	At     time.Time `json:"at"`
}

// The kinds of events, as the journal and the feed know them.
const (
	KindDeposited        = "dossier.deposited"
	KindStarted          = "dossier.started"
	KindDecided          = "dossier.step_decided"
	KindRefused          = "dossier.refused"
	KindTimestampAwaited = "dossier.timestamp_awaited"
	KindSealed           = "dossier.signed"
	KindUndone           = "dossier.decision_undone"
	KindWithdrawn        = "dossier.withdrawn"
	KindCorrected        = "dossier.corrected"
	KindCompleted        = "dossier.completed"
)

// Kind implements Event.
func (Deposited) Kind() string { return KindDeposited }

// Kind implements Event.
func (Started) Kind() string { return KindStarted }

// Kind implements Event.
func (StepDecided) Kind() string { return KindDecided }

// Kind implements Event.
func (StepRefused) Kind() string { return KindRefused }

// Kind implements Event.
func (TimestampAwaited) Kind() string { return KindTimestampAwaited }

// Kind implements Event.
func (StepSealed) Kind() string { return KindSealed }

// Kind implements Event.
func (DecisionUndone) Kind() string { return KindUndone }

// Kind implements Event.
func (DossierWithdrawn) Kind() string { return KindWithdrawn }

// Kind implements Event.
func (Corrected) Kind() string { return KindCorrected }

// Kind implements Event.
func (CircuitCompleted) Kind() string { return KindCompleted }

// When implements Event.
func (e Deposited) When() time.Time { return e.At }

// When implements Event.
func (e Started) When() time.Time { return e.At }

// When implements Event.
func (e StepDecided) When() time.Time { return e.At }

// When implements Event.
func (e StepRefused) When() time.Time { return e.At }

// When implements Event.
func (e TimestampAwaited) When() time.Time { return e.At }

// When implements Event.
func (e StepSealed) When() time.Time { return e.At }

// When implements Event.
func (e DecisionUndone) When() time.Time { return e.At }

// When implements Event.
func (e DossierWithdrawn) When() time.Time { return e.At }

// When implements Event.
func (e Corrected) When() time.Time { return e.At }

// When implements Event.
func (e CircuitCompleted) When() time.Time { return e.At }

// Decode reads the event of the given kind back from its JSON.
func Decode(kind string, body []byte) (Event, error) {
	switch kind {
	case KindDeposited:
		return decode[Deposited](body)
	case KindStarted:
		return decode[Started](body)
	case KindDecided:
		return decode[StepDecided](body)
	case KindRefused:
		return decode[StepRefused](body)
	case KindTimestampAwaited:
		return decode[TimestampAwaited](body)
	case KindSealed:
		return decode[StepSealed](body)
	case KindUndone:
		return decode[DecisionUndone](body)
	case KindWithdrawn:
		return decode[DossierWithdrawn](body)
	case KindCorrected:
		return decode[Corrected](body)
	case KindCompleted:
		return decode[CircuitCompleted](body)
	}
	return nil, fmt.Errorf("unknown event kind %q", kind)
}

func decode[E Event](body []byte) (Event, error) {
	var e E
	if err := json.Unmarshal(body, &e); err != nil {
		return nil, fmt.Errorf("decode %s: %w", e.Kind(), err)
	}
	return e, nil
}

// Apply returns s after e. It never refuses: what happened, happened. The
// receiver is left as it was.
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
		s = s.Apply(e)
	}
	return s
}

func (e Deposited) apply(s *State) {
	s.Phase, s.Depositor, s.Drafter = Draft, e.By, e.Drafter
	s.Version, s.Document, s.Bytes = 1, e.Document, e.Bytes
}

func (e Started) apply(s *State) {
	s.Circuit = e.Circuit
	s.restart()
}

func (e StepDecided) apply(s *State) {
	s.Decisions = append(s.Decisions, Decision{
		Step: e.Step, Verdict: e.Verdict, By: e.By, Evidence: e.Evidence,
		Document: e.Document, Version: s.Version, At: e.At, Standing: Holds,
	})
	if e.Verdict == Signs {
		s.Steps[e.Step].Status = Sealing
		return
	}
	s.Steps[e.Step].Status = Done
	s.openNext()
}

func (e StepRefused) apply(s *State) {
	s.Decisions = append(s.Decisions, Decision{
		Step: e.Step, Verdict: Refuses, By: e.By, Reason: e.Reason, Evidence: e.Evidence,
		Document: e.Document, Version: s.Version, At: e.At, Standing: Holds,
	})
	s.Steps[e.Step].Status = Rejects
	s.Phase = Refused
}

func (e TimestampAwaited) apply(s *State) { s.Steps[e.Step].Awaiting = AwaitsTimestamp }

func (e StepSealed) apply(s *State) {
	s.Steps[e.Step] = StepState{Status: Done, Sealed: e.Signed}
	s.openNext()
}

func (e DecisionUndone) apply(s *State) {
	s.Decisions[s.lastHolding()].Standing = Undone
	for i := range s.Steps {
		if i > e.Step {
			s.Steps[i] = StepState{Status: Ahead}
		}
	}
	s.Steps[e.Step] = StepState{Status: Open}
	s.Phase = Running
	s.Round++
}

func (e DossierWithdrawn) apply(s *State) { s.Phase = Withdrawn }

func (e Corrected) apply(s *State) {
	s.Version, s.Document, s.Bytes = e.Version, e.Document, e.Bytes
	if s.Phase != Draft {
		s.restart()
	}
}

func (e CircuitCompleted) apply(s *State) { s.Phase = Completed }

// restart opens the first step and lets every earlier decision lapse.
func (s *State) restart() {
	for i := range s.Decisions {
		if s.Decisions[i].Standing == Holds {
			s.Decisions[i].Standing = Lapsed
		}
	}
	s.Steps = make([]StepState, len(s.Circuit.Steps))
	for i := range s.Steps {
		s.Steps[i].Status = Ahead
	}
	s.Phase = Running
	s.Round++
	s.openNext()
}

// openNext opens the first step ahead once no step is open or sealing.
func (s *State) openNext() {
	for i := range s.Steps {
		switch s.Steps[i].Status {
		case Open, Sealing, Rejects:
			return
		case Ahead:
			s.Steps[i].Status = Open
			return
		case Done:
		}
	}
}

// lastHolding returns the index of the last decision that holds, or -1.
func (s *State) lastHolding() int {
	for i := len(s.Decisions) - 1; i >= 0; i-- {
		if s.Decisions[i].Standing == Holds {
			return i
		}
	}
	return -1
}
