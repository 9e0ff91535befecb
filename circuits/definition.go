package circuits

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
)

// A Kind is what a step asks of those who hold its turns.
type Kind string

// The kinds of steps.
const (
	Visa        Kind = "visa"
	Signature   Kind = "signature"
	Seal        Kind = "cachet"      // the seal of the town, put by a person or, Auto, by the machine
	Opinion     Kind = "avis"        // consultative: favourable or not, it goes on
	External    Kind = "externe"     // done outside and recorded with its proof
	Information Kind = "information" // told to its desks, done as soon as it opens
)

// Kinds of steps that put a key to work once they are decided.
func (k Kind) seals() bool { return k == Signature || k == Seal }

// Verdict returns the decision that satisfies a step of kind k. Nobody decides
// at an Information step: its verdict is empty.
func (k Kind) Verdict() Verdict {
	switch k {
	case Signature:
		return Signs
	case Seal:
		return Seals
	case Opinion:
		return Advises
	case External:
		return Records
	case Information:
		return ""
	case Visa:
	}
	return GivesVisa
}

// A Rule says how the desk, or the person, of a turn is found when its step
// opens.
type Rule string

// The rules.
const (
	NamedDesk      Rule = "desk"             // the desk named by the rule
	TheDrafter     Rule = "drafter"          // the drafter in person
	HeadOfDrafter  Rule = "head_of_drafter"  // the parent of the drafter's desk
	HeadOfPrevious Rule = "head_of_previous" // the parent of the desk that decided last
	FromMetadata   Rule = "metadata"         // the desk that a metadata field names
	ChosenAtStart  Rule = "choice"           // chosen by who starts, among the rule's desks
)

// An ActorRule finds one turn of a step.
type ActorRule struct {
	Rule  Rule     `json:"rule"`
	Desk  DeskID   `json:"desk,omitempty"`  // of NamedDesk
	Field string   `json:"field,omitempty"` // of FromMetadata
	Among []DeskID `json:"among,omitempty"` // allowed desks: needed by ChosenAtStart, optional for FromMetadata
}

// A Mode says how many turns of a step must say yes.
type Mode string

// The modes.
const (
	One    Mode = ""       // the single turn
	All    Mode = "all"    // ET: every turn
	Any    Mode = "any"    // OU: the first who acts, whatever they decide
	Quorum Mode = "quorum" // n of the turns; a refusal counts until the others no longer suffice
)

// A Need is how many of the turns of a step must say yes, and in which order.
type Need struct {
	Mode    Mode `json:"mode,omitempty"`
	N       int  `json:"n,omitempty"`       // of Quorum
	Ordered bool `json:"ordered,omitempty"` // one turn after the other, in the order of the rules
	// Cumulate lets one person act for several desks of a step that asks all
	// of them. A quorum counts each person once, whatever the circuit says.
	Cumulate bool `json:"cumulate,omitempty"`
}

// The rungs of an escalation.
const (
	RungReminder   = "reminder"   // those who must act are told again
	RungSubstitute = "substitute" // the turn goes to the desk's substitute
	RungHead       = "head"       // the turn goes to the parent of the desk
)

// A Rung is one step of an escalation ladder. The turn of a signature or of a
// seal never moves by the clock alone: there the substitute or the head is
// told, and no more.
type Rung struct {
	After int    `json:"after"` // working days after the deadline of the step
	To    string `json:"to"`    // RungReminder, RungSubstitute or RungHead
}

// An Escalation is what happens, in order, when a deadline is not held.
type Escalation []Rung

// Where a refusal may send a dossier back to.
const (
	ToDrafter  = "drafter"
	ToPrevious = "previous" // the nearest earlier step at which somebody decided
	ToChosen   = "chosen"   // an earlier step that the person who refuses names
)

// A RefusePolicy is where refusals of a step may go. The drafter is always
// allowed. To is the default: zero is ToDrafter, and so is ToChosen when no
// step is named.
type RefusePolicy struct {
	To      string   `json:"to,omitempty"`
	Allowed []StepID `json:"allowed,omitempty"` // of ToChosen; none means any earlier step
}

// A FieldRule asks for metadata before a decision at a step. Facts.Filled says
// what is filled.
type FieldRule struct {
	Field string `json:"field"`
	// Label names the field for people, when the circuit calls it otherwise
	// than its type does.
	Label string `json:"label,omitempty"`
}

// A Step is what one desk, or several, must do. A step with its Desk alone is
// the plain form: one turn, for any holder of that desk.
type Step struct {
	ID    StepID `json:"id"`
	Kind  Kind   `json:"kind"`
	Desk  DeskID `json:"desk,omitempty"` // short for one rule NamedDesk
	Title string `json:"title"`          // as people read it: "Visa de la direction générale"

	Actors []ActorRule `json:"actors,omitempty"` // when Desk is empty
	Need   Need        `json:"need,omitzero"`
	// When is a condition over the metadata, in CEL. It is evaluated by the
	// caller, who hands the answer in as Facts.Conditions.
	When string `json:"when,omitempty"`

	Days         int        `json:"days,omitempty"`          // working days to act; 0: no deadline
	RemindBefore []int      `json:"remind_before,omitempty"` // working days before the deadline
	RemindAfter  []int      `json:"remind_after,omitempty"`  // working days after it
	Escalate     Escalation `json:"escalate,omitempty"`

	Level     string `json:"level,omitempty"`     // required level of the signature; empty: the town's
	Assurance string `json:"assurance,omitempty"` // required assurance of the authenticator; see Choice.Assurance
	Auto      bool   `json:"auto,omitempty"`      // a Seal that the machine puts when its turn comes

	MustRead  bool         `json:"must_read,omitempty"`  // nobody decides before having read: State.Read
	NoRefusal bool         `json:"no_refusal,omitempty"` // this step has no refuse button
	RefuseTo  RefusePolicy `json:"refuse_to,omitzero"`

	Fields          []FieldRule `json:"fields,omitempty"`            // mandatory to say yes here
	OnRefusalFields []FieldRule `json:"on_refusal_fields,omitempty"` // mandatory to refuse here
}

// plain reports whether the step is one that journals knew before turns were
// recorded: its desk alone says who acts, and nothing else is asked of facts.
func (st Step) plain() bool {
	return (st.Kind == Visa || st.Kind == Signature) && st.Desk != "" && st.When == "" && st.Days == 0
}

// rules returns the rules of the turns, the short form spelled out.
func (st Step) rules() []ActorRule {
	if st.Desk != "" {
		return []ActorRule{{Rule: NamedDesk, Desk: st.Desk}}
	}
	return st.Actors
}

// needed is how many of n turns must say yes.
func (st Step) needed(n int) int {
	switch st.Need.Mode {
	case Any:
		return 1
	case Quorum:
		return st.Need.N
	case One, All:
	}
	return n
}

// A CorrectionPolicy says what a correction of the document does in this
// circuit. The zero policy: the drafter corrects, every decision lapses, and
// the circuit restarts from its first step.
type CorrectionPolicy struct {
	Actors bool     `json:"actors,omitempty"` // whoever decided in this round may correct too
	Desks  []DeskID `json:"desks,omitempty"`  // and whoever acts from one of these desks
	// Minor allows corrections that keep the visas given so far (maintenus).
	Minor bool `json:"minor,omitempty"`
	// Partial allows corrections that restart from a later step than the first.
	Partial bool `json:"partial,omitempty"`
}

// A Definition is one immutable version of a circuit. Steps open one after
// the other, in order.
type Definition struct {
	Code    string `json:"code"`
	Version int    `json:"version"`
	Name    string `json:"name"`
	Steps   []Step `json:"steps"`

	Correction CorrectionPolicy `json:"correction,omitzero"`
	Then       string           `json:"then,omitempty"` // code of the circuit that follows at the end
	Days       int              `json:"days,omitempty"` // working days for the whole circuit; 0: no deadline
}

// Step returns the index of the step with an identifier, or -1.
func (d Definition) Step(id StepID) int {
	for i, st := range d.Steps {
		if st.ID == id {
			return i
		}
	}
	return -1
}

// Canonical returns the bytes by which d is known: JSON, fields in the order
// of the type, absent when zero (but for code, version, name, steps, and id,
// kind and title of a step), no HTML escaping, no final newline.
func (d Definition) Canonical() []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(d); err != nil {
		panic(err) // strings, booleans and integers always encode
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}

// Hash returns the SHA-256 of Canonical: what decisions name as
// circuit_sha256.
func (d Definition) Hash() Digest { return sha256.Sum256(d.Canonical()) }
