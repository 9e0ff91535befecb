package dossiers

import (
	"time"

	"parapheur/circuits"
	"parapheur/internal/conditions"
)

// A View is a dossier as one viewer may see it, with what they may do now.
type View struct {
	Dossier
	Filing  Filing     // metadata and number
	Path    []PathStep // the circuit, drawn; empty for a draft without type
	History []Happening
	// Can says which verbs the viewer has now.
	Can Verbs
	// As is the seat from which the viewer would decide, when Can.Decide.
	As Seat
	// By is who they would be then: for themselves or for somebody.
	By circuits.Actor
	// Step is the index of the step the viewer would decide, or -1.
	Step int
	// Why says what keeps the viewer from a decision that waits at one of
	// their desks, or of those whose place they could take; nil otherwise.
	Why error
	// Returns are the earlier steps to which a refusal may send the dossier.
	Returns []circuits.Step
	// Restarts are the steps from which a correction may make the circuit
	// decide again.
	Restarts []circuits.Step
	// Question is the opinion that the viewer is asked for, as Answers.
	Question *circuits.OpenQuestion
	Answers  circuits.Actor
	// Opened reports that the viewer opened the current bytes before.
	Opened bool
	// Previous and Next are the neighbours in the viewer's in-tray.
	Previous, Next ID
	Place, Tray    int // 1-based place in the bin and its size; 0 when not in it
	Bin            Bin // of these neighbours

	circumstances circumstances
	reader        *Person
}

// Fields are the metadata of the dossier's type, as forms show them.
func (v View) Fields() []Field { return v.circumstances.kind.Metadata }

// Schema is what conditions of the circuit may name.
func (v View) Schema() conditions.Schema { return v.circumstances.kind.Schema() }

// Verbs says what a viewer may do with a dossier now.
type Verbs struct {
	Visa, Sign, Refuse, Undo, Start, Withdraw, Correct bool
	Seal                                               bool // put the town's seal
	Advise                                             bool // answer a consultative step
	Record                                             bool // record an act done outside
	Answer                                             bool // an opinion that was asked
	Ask, Transfer, Recuse                              bool
	CorrectMinor                                       bool // with the visas maintained
	Recycle, Supersede                                 bool
	Bypass                                             bool // administrators
}

// Decide reports whether the dossier waits for the viewer.
func (v Verbs) Decide() bool { return v.Visa || v.Sign || v.Seal || v.Advise || v.Record }

// A PathStep is one eyelet of the circuit as people see it.
type PathStep struct {
	Step     circuits.Step
	State    circuits.StepState
	Desk     string   // names of the desks
	Holders  []Holder // who could act
	Turns    []PathTurn
	Status   circuits.Status
	Awaiting string
	Decision *circuits.Decision // the last one that counts, if any
	// Decisions are all those that count.
	Decisions []circuits.Decision
}

// A PathTurn is what one desk, or one person, has to do at a step.
type PathTurn struct {
	circuits.Turn
	Desk    string // its name
	Holders []Holder
}

// A Happening is one line of a dossier's history, newest last.
type Happening struct {
	Seq   int64 // in the journal of the town
	At    time.Time
	Event circuits.Event
}

// A DecisionItem is one decision somebody is about to take.
type DecisionItem struct {
	Dossier  ID
	Decision string            // a proof.Decision
	Reason   string            // of a refusal or of a bypass
	Advice   *circuits.Advice  `json:",omitempty"` // of an opinion
	Outside  *circuits.Outside `json:",omitempty"` // of an external act
	Return   circuits.Return   // of a refusal: where to, empty for what the circuit says
	// Seen is the SHA-256 of the bytes the browser rendered.
	Seen circuits.Digest
}

// A DecisionRequest is what the browser needs for the gesture. Its bytes are
// those that will be verified; the browser recomputes the challenge from them.
type DecisionRequest struct {
	Ceremony   []byte // its identifier
	Options    []byte // PublicKeyCredentialRequestOptions, JSON
	Statements [][]byte
	Set        []byte
	Expires    time.Time
}

// An Outcome is what became of one item of a decision.
type Outcome struct {
	Dossier  Dossier
	Decision string
	Err      error // why this one was not taken; the others stand
}
