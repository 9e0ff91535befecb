package circuits

import "time"

// An Event is a fact about one dossier. The set is closed: Kinds lists it.
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
	By          Actor             `json:"by"`
	Circuit     Definition        `json:"circuit"`
	CircuitHash Digest            `json:"circuit_sha256"`
	At          time.Time         `json:"at"`
	Chosen      map[StepID]DeskID `json:"chosen,omitempty"` // desks picked for the rules "choice"
	Due         time.Time         `json:"due,omitzero"`     // of the whole circuit
}

// Recycled says that a refused or withdrawn dossier started again, maybe in
// another circuit: earlier decisions lapse.
type Recycled Started

// Chained says that the circuit announced by CircuitEnded, or another, follows:
// its steps come after those done. Circuit is the whole, the steps done
// included; CircuitHash is its hash.
type Chained Started

// Migrated says that a running dossier passed to another version of its
// circuit: steps are matched by their identifiers, and what was decided at a
// step of the same kind stands.
type Migrated struct {
	By          Actor             `json:"by"`
	Circuit     Definition        `json:"circuit"`
	CircuitHash Digest            `json:"circuit_sha256"`
	Reason      string            `json:"reason,omitempty"`
	Chosen      map[StepID]DeskID `json:"chosen,omitempty"`
	At          time.Time         `json:"at"`
}

// StepOpened says who must act at a step, found on that day, and until when.
// An Information step is done by this event: its turns are those who are told.
type StepOpened struct {
	Step  int         `json:"step"`
	Turns []Recipient `json:"turns,omitempty"` // none at a step of the machine
	Due   time.Time   `json:"due,omitzero"`
	At    time.Time   `json:"at"`
}

// StepSkipped says that a step was passed over because its condition did not
// hold.
type StepSkipped struct {
	Step      int       `json:"step"`
	Condition string    `json:"condition"`
	At        time.Time `json:"at"`
}

// Why a step is blocked.
const (
	NoHolder = "no_holder" // nobody may act today from Desk
	NoActor  = "no_actor"  // the rule found no desk: no head, no value in Field, nobody decided before
	NoQuorum = "no_quorum" // too few desks are left for the number asked
)

// StepBlocked says that the turn of a step came and that nobody can act: it
// waits for Resume, Redirect, Bypass, a correction or a withdrawal, and is
// never passed over in silence.
type StepBlocked struct {
	Step  int         `json:"step"`
	Why   string      `json:"why"`
	Desk  DeskID      `json:"desk,omitempty"`  // of NoHolder; of NoActor, the desk without head
	Field string      `json:"field,omitempty"` // of NoActor by metadata
	Turns []Recipient `json:"turns,omitempty"` // found so far
	At    time.Time   `json:"at"`
}

// StepDecided says that the holder of a turn decided: visa, decision to sign
// or to seal, opinion, or record of an outside act; on which document and on
// what evidence.
type StepDecided struct {
	Step     int       `json:"step"`
	Verdict  Verdict   `json:"verdict"`
	By       Actor     `json:"by"`
	Document Digest    `json:"document"`
	Evidence Digest    `json:"evidence"`
	At       time.Time `json:"at"`
	Turn     int       `json:"turn,omitempty"`
	Advice   *Advice   `json:"advice,omitempty"`
	Outside  *Outside  `json:"outside,omitempty"`
}

// StepRefused says that the holder of a turn refused, why, and where the
// dossier goes: back to its drafter, or to an earlier step.
type StepRefused struct {
	Step     int       `json:"step"`
	By       Actor     `json:"by"`
	Reason   string    `json:"reason"`
	Document Digest    `json:"document"`
	Evidence Digest    `json:"evidence"`
	At       time.Time `json:"at"`
	Turn     int       `json:"turn,omitempty"`
	// BackTo is the number, from 1, of the step the dossier returns to; 0 is
	// its drafter.
	BackTo int `json:"back_to,omitempty"`
	// Told are all who must hear of it: the drafter and who decided in this
	// round.
	Told []PersonID `json:"told,omitempty"`
}

// TurnRefused says that one member of a quorum refused, and that the others
// still suffice: the step goes on.
type TurnRefused struct {
	Step     int       `json:"step"`
	Turn     int       `json:"turn"`
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

// SealingAwaited says that a decided signature waits for something else than
// a time-stamp: a remote key, a certificate, revocation data.
type SealingAwaited struct {
	Step int       `json:"step"`
	Why  string    `json:"why"`
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

// StepBypassed says that an administrator let the dossier pass a step where it
// was stuck, on what evidence and why. Never a signature, a seal or a proof.
type StepBypassed struct {
	Step     int       `json:"step"`
	By       Actor     `json:"by"`
	Reason   string    `json:"reason"`
	Document Digest    `json:"document"`
	Evidence Digest    `json:"evidence"`
	At       time.Time `json:"at"`
}

// DocumentRead is a reading receipt.
type DocumentRead struct {
	By       Actor     `json:"by"`
	Document Digest    `json:"document"`
	At       time.Time `json:"at"`
}

// OpinionAsked says that the holder of a turn asked others what they think.
type OpinionAsked struct {
	Step     int         `json:"step"`
	Turn     int         `json:"turn,omitempty"`
	By       Actor       `json:"by"`
	To       []Recipient `json:"to"`
	Question string      `json:"question"`
	Waits    bool        `json:"waits,omitempty"`
	Due      time.Time   `json:"due,omitzero"`
	At       time.Time   `json:"at"`
}

// OpinionGiven answers OpinionAsked: it returns to who asked.
type OpinionGiven struct {
	Step     int       `json:"step"`
	Asked    int       `json:"asked"` // index in StepState.Asked
	By       Actor     `json:"by"`
	To       Actor     `json:"to"` // who asked
	Advice   Advice    `json:"advice"`
	Document Digest    `json:"document"`
	Evidence Digest    `json:"evidence,omitzero"`
	At       time.Time `json:"at"`
}

// OpinionExpired says that a consultative step reached its date: the dossier
// goes on without the opinions that did not come.
type OpinionExpired struct {
	Step int       `json:"step"`
	Due  time.Time `json:"due"`
	At   time.Time `json:"at"`
}

// Transferred says that the holder of a turn gave it to somebody else, for
// good.
type Transferred struct {
	Step   int       `json:"step"`
	Turn   int       `json:"turn,omitempty"`
	By     Actor     `json:"by"`
	To     Recipient `json:"to"`
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at"`
}

// Redirected says that a turn went to the substitute of somebody absent, or
// came back from there.
type Redirected struct {
	Step   int       `json:"step"`
	Turn   int       `json:"turn,omitempty"`
	By     Actor     `json:"by"` // the absent person, an administrator, or nobody when the absence began by itself
	To     Recipient `json:"to"`
	Reason string    `json:"reason,omitempty"`
	// Opens says that the step was blocked and is open now, until Due.
	Opens bool      `json:"opens,omitempty"`
	Due   time.Time `json:"due,omitzero"`
	At    time.Time `json:"at"`
}

// Recused says that somebody declared a conflict of interest in this dossier,
// and what became of the turns that were theirs alone.
type Recused struct {
	By     Actor     `json:"by"`
	Reason string    `json:"reason,omitempty"`
	Step   int       `json:"step,omitempty"`
	Turns  []int     `json:"turns,omitempty"` // of Step, which go To
	To     Recipient `json:"to,omitzero"`
	At     time.Time `json:"at"`
}

// DossierWithdrawn says that the drafter, or the application that deposited,
// took the dossier out of its circuit.
type DossierWithdrawn struct {
	By     Actor     `json:"by"`
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at"`
}

// Superseded says that another dossier replaced this one: nothing moves here
// any more.
type Superseded struct {
	By     Actor     `json:"by"`
	Other  string    `json:"other"` // its identifier
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at"`
}

// Corrected says that a new version of the document replaced the previous
// one. Decisions before step From are maintained, the others lapse, and the
// circuit goes on from there.
type Corrected struct {
	By       Actor     `json:"by"`
	Version  int       `json:"version"`
	Document Digest    `json:"document"`
	Bytes    int64     `json:"bytes"`
	At       time.Time `json:"at"`
	// Nature is empty in journals that knew no other than Substantial.
	Nature Nature `json:"nature,omitempty"`
	From   int    `json:"from,omitempty"` // index of the step the circuit restarts from
	Reason string `json:"reason,omitempty"`
}

// AnnexesChanged says that these are the annexes from now on, in this order:
// statements bind them. In a draft nothing else follows; later the circuit goes
// on as after a correction of the letter, which stays the same.
type AnnexesChanged struct {
	By      Actor     `json:"by"`
	Annexes []Digest  `json:"annexes"`
	At      time.Time `json:"at"`
	Nature  Nature    `json:"nature,omitempty"`
	From    int       `json:"from,omitempty"` // as in Corrected
	Reason  string    `json:"reason,omitempty"`
}

// Reminded says that those who hold the turns of a step were reminded of its
// deadline.
type Reminded struct {
	Step int         `json:"step"`
	Days int         `json:"days"` // working days from the deadline: negative before it
	Due  time.Time   `json:"due"`
	To   []Recipient `json:"to,omitempty"`
	At   time.Time   `json:"at"`
}

// Escalated says that a deadline was not held and what its ladder did: To is
// who is told, and Moved says that the open turn From Turn is theirs now.
type Escalated struct {
	Step  int       `json:"step"`
	Turn  int       `json:"turn,omitempty"`
	Rung  int       `json:"rung"` // from 1
	Means string    `json:"means"`
	To    Recipient `json:"to,omitzero"` // zero when the town has nobody to name
	Moved bool      `json:"moved,omitempty"`
	Due   time.Time `json:"due"`
	At    time.Time `json:"at"`
}

// WentOverdue says that the deadline of the whole circuit has passed.
type WentOverdue struct {
	Due time.Time `json:"due"`
	At  time.Time `json:"at"`
}

// CircuitEnded says that every step said yes and that another circuit follows.
type CircuitEnded struct {
	Signed Digest    `json:"signed"`
	Next   string    `json:"next"` // its code
	At     time.Time `json:"at"`
}

// CircuitCompleted says that every step said yes, was skipped or bypassed.
type CircuitCompleted struct {
	Signed Digest    `json:"signed"`
	At     time.Time `json:"at"`
}

// SignatureRenewed says that the proof of a completed document was renewed
// (archive time-stamp): the document grew and decides nothing new.
type SignatureRenewed struct {
	Signed Digest    `json:"signed"` // of the whole document
	Bytes  int64     `json:"bytes"`
	Level  string    `json:"level"`
	At     time.Time `json:"at"`
}

// DossierArchived says that an archive took the dossier, under a reference of
// its own.
type DossierArchived struct {
	By        Actor     `json:"by"`
	Reference string    `json:"reference"`
	At        time.Time `json:"at"`
}
