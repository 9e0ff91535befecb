package dossiers

import (
	"time"

	"parapheur/circuits"
)

// A View is a dossier as one viewer may see it, with what they may do now.
type View struct {
	Dossier
	Path    []PathStep // the circuit, drawn; empty for a draft without type
	History []Happening
	// Can says which verbs the viewer has now.
	Can Verbs
	// As is the seat from which the viewer would decide, when Can.Decide.
	As Seat
	// Step is the index of the step the viewer would decide, or -1.
	Step int
	// Opened reports that the viewer opened the current bytes before.
	Opened bool
	// Previous and Next are the neighbours in the viewer's in-tray.
	Previous, Next ID
	Place, Tray    int // 1-based place in the in-tray and its size; 0 when not in it
}

// Verbs says what a viewer may do with a dossier now.
type Verbs struct {
	Visa, Sign, Refuse, Undo, Start, Withdraw, Correct bool
}

// Decide reports whether the dossier waits for the viewer.
func (v Verbs) Decide() bool { return v.Visa || v.Sign }

// A PathStep is one eyelet of the circuit as people see it.
type PathStep struct {
	Step     circuits.Step
	Desk     string   // name of the desk
	Holders  []Holder // who could act
	Status   circuits.Status
	Awaiting string
	Decision *circuits.Decision // the one that holds, if any
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
	Decision string // visa, signature, refus, remords
	Reason   string // of a refusal
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
