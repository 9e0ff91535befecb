package circuits

import (
	"strings"
	"time"
)

// A Mandate is the ground on which somebody acts for somebody else.
type Mandate string

// The mandates, each with its own mention on the letter.
const (
	Delegated   Mandate = "delegation" // délégation de signature ou de fonctions (CGCT L2122-18, L2122-19)
	Substitutes Mandate = "suppleance" // suppléance of a prevented mayor (CGCT L2122-17)
	Recusing    Mandate = "deport"     // substitute of somebody who declared a conflict (décret 2014-90)
	Absence     Mandate = "absence"    // replacement inside the town hall: no signature by it
)

// A Principal is the person for whom an actor acts.
type Principal struct {
	Person  PersonID `json:"person"`
	Name    string   `json:"name"`
	Quality string   `json:"quality,omitempty"`
	// Mandate is the ground, and Reference the act that gives it: the
	// identifier of a delegation, of an impediment, of an absence.
	Mandate   Mandate `json:"mandate"`
	Reference string  `json:"reference"`
	// Mention is what is written above the name: "Pour le Maire et par
	// délégation, le Directeur général des services".
	Mention string `json:"mention,omitempty"`
}

// An Actor is a named person acting from a desk, for themselves or For
// somebody, or an application of the town acting for nobody (deposits,
// withdrawals, automatic seals).
type Actor struct {
	Person      PersonID   `json:"person,omitempty"`
	Name        string     `json:"name"`
	Desk        DeskID     `json:"desk,omitempty"` // of the principal, when For is set
	Quality     string     `json:"quality,omitempty"`
	Application string     `json:"application,omitempty"`
	For         *Principal `json:"for,omitempty"`
}

// A Recipient is a desk, or one person, to whom a turn or a question goes.
// With both, the person acts and the desk is where the matter belongs.
type Recipient struct {
	Desk   DeskID   `json:"desk,omitempty"`
	Person PersonID `json:"person,omitempty"`
}

// A Sense is which way an opinion goes.
type Sense string

// The senses of an opinion.
const (
	Favourable   Sense = "favorable"
	Reserved     Sense = "reserve" // favourable with reservations: the text says which
	Unfavourable Sense = "defavorable"
)

// An Advice is an opinion, in a few words.
type Advice struct {
	Sense Sense  `json:"sense"`
	Text  string `json:"text,omitempty"`
}

// Said is the text whose digest the evidence of an opinion carries: the sense,
// then what was written under it.
func (a Advice) Said() string { return strings.TrimSuffix(string(a.Sense)+"\n"+a.Text, "\n") }

// An Outside is an act done outside of the product and recorded with its
// proof, whose bytes the caller keeps.
type Outside struct {
	Means     string    `json:"means"` // "paper" (signature scanned in), "registered_mail", "other"
	Proof     Digest    `json:"proof"`
	Reference string    `json:"reference,omitempty"` // number of the registered letter, for instance
	By        string    `json:"by,omitempty"`        // who acted outside, as people write it
	On        time.Time `json:"on,omitzero"`         // when they did
}

// Said is the text whose digest the evidence of an external act carries: means,
// reference, who acted, day and SHA-256 of the proof, a line each.
func (o Outside) Said() string {
	return strings.Join([]string{o.Means, o.Reference, o.By, o.On.UTC().Format(time.DateOnly), o.Proof.String()}, "\n")
}

// A Decision is one verdict with everything the trace must say about it.
type Decision struct {
	Step     int       `json:"step"` // in the circuit of today; -1 when it has that step no more
	Verdict  Verdict   `json:"verdict"`
	By       Actor     `json:"by"`
	Reason   string    `json:"reason,omitempty"`
	Evidence Digest    `json:"evidence"`
	Document Digest    `json:"document"`
	Version  int       `json:"version"`
	At       time.Time `json:"at"`
	Standing Standing  `json:"standing"`
	StepID   StepID    `json:"step_id,omitempty"`
	Turn     int       `json:"turn,omitempty"` // in the step, from 0
	Advice   *Advice   `json:"advice,omitempty"`
	Outside  *Outside  `json:"outside,omitempty"`
	Event    int       `json:"event,omitempty"` // how many events of the dossier came before
}

// Automatic reports whether nobody took the decision: the machine put the seal
// of the town because the circuit says so, and Evidence is the hash of the
// circuit.
func (d Decision) Automatic() bool {
	return d.Verdict == Seals && d.By.Person == "" && d.By.Application == Machine
}

// counts reports whether a decision still carries its step.
func (d Decision) counts() bool { return d.Standing == Holds || d.Standing == Maintained }

// A Turn is the part of a step that one desk, or one person, has to do. It
// has one holder at a time.
type Turn struct {
	Desk   DeskID   `json:"desk,omitempty"`
	Person PersonID `json:"person,omitempty"` // when it is one person's and not the desk's
	Status Status   `json:"status"`           // Ahead, Open, Sealing, Done, Rejects or Released
	// Decision is the number of the decision that took the turn, from 1, or 0.
	Decision int `json:"decision,omitempty"`
	// From is where the turn was before it was transferred, redirected or
	// escalated for the first time.
	From *Recipient `json:"from,omitempty"`
}

// A Consultation is an opinion asked by who holds a turn, which returns to
// them.
type Consultation struct {
	To       Recipient `json:"to"`
	By       Actor     `json:"by"` // who asked
	Question string    `json:"question"`
	Waits    bool      `json:"waits,omitempty"` // who asked does not decide before the answer, or its date
	Due      time.Time `json:"due,omitzero"`
	At       time.Time `json:"at"`
	Answer   *Advice   `json:"answer,omitempty"`
	From     *Actor    `json:"from,omitempty"` // who answered
}

// A StepState is the progress of the step with the same index in the circuit.
type StepState struct {
	Status Status `json:"status"`
	// Awaiting names what a Sealing step waits for ("timestamp"), or is empty.
	Awaiting string `json:"awaiting,omitempty"`
	// Sealed is the digest of the whole signed document after the last
	// signature of this step.
	Sealed   Digest         `json:"sealed,omitzero"`
	Turns    []Turn         `json:"turns,omitempty"` // none before the step opens
	OpenedAt time.Time      `json:"opened_at,omitzero"`
	Due      time.Time      `json:"due,omitzero"`
	Blocked  string         `json:"blocked,omitempty"` // why a Blocked step cannot go on; see StepBlocked
	Asked    []Consultation `json:"asked,omitempty"`
	Reminded []int          `json:"reminded,omitempty"` // days of the reminders sent: -2 is two days before
	Rungs    int            `json:"rungs,omitempty"`    // of the escalation, climbed so far
	Opened   int            `json:"opened,omitempty"`   // how many events of the dossier came before it opened
	// Implied says that a plain step opened without an event of its own.
	Implied bool `json:"implied,omitempty"`
}

// A Receipt says that somebody read the document.
type Receipt struct {
	Person   PersonID  `json:"person"`
	Document Digest    `json:"document"`
	At       time.Time `json:"at"`
}

// A Recusal says that somebody declared a conflict of interest (déport): they
// act no more in this dossier.
type Recusal struct {
	Person PersonID  `json:"person"`
	At     time.Time `json:"at"`
}

// A SentBack is what a refusal to an earlier step replaced, kept so that its
// author may take it back.
type SentBack struct {
	Decision int            `json:"decision"` // its index
	First    int            `json:"first"`    // index of Steps[0]
	Steps    []StepState    `json:"steps"`
	Lapsed   []LapsedBefore `json:"lapsed,omitempty"`
}

// A LapsedBefore is what a decision that lapsed was worth before.
type LapsedBefore struct {
	Decision int      `json:"decision"` // its index
	Standing Standing `json:"standing"`
}

// A State is a dossier's way through its circuit, folded from its events.
type State struct {
	Phase     Phase       `json:"phase"`
	Depositor Actor       `json:"depositor"`           // who or what deposited
	Drafter   PersonID    `json:"drafter"`             // to whom refusals return
	Version   int         `json:"version"`             // of the main document, from 1
	Document  Digest      `json:"document"`            // the frozen bytes of that version
	Bytes     int64       `json:"bytes"`               // their length
	Round     int         `json:"round"`               // starts, corrections, returns and undos so far
	Circuit   Definition  `json:"circuit,omitzero"`    // frozen at start
	Steps     []StepState `json:"steps,omitempty"`     // same length as Circuit.Steps
	Decisions []Decision  `json:"decisions,omitempty"` // in order, lapsed ones included
	Events    int         `json:"events"`              // applied so far

	Chosen       map[StepID]DeskID `json:"chosen,omitempty"`        // picked at start
	Deadline     time.Time         `json:"deadline,omitzero"`       // of the whole circuit
	Overdue      bool              `json:"overdue,omitempty"`       // said so
	Next         string            `json:"next,omitempty"`          // code of the circuit that must follow now
	SupersededBy string            `json:"superseded_by,omitempty"` // the dossier that replaced this one: nothing moves any more
	Reads        []Receipt         `json:"reads,omitempty"`         // the last of each person, of this version
	Recused      []Recusal         `json:"recused,omitempty"`
	Renewed      Digest            `json:"renewed,omitzero"` // the completed document with its last renewal
	Renewals     int               `json:"renewals,omitempty"`
	Archived     string            `json:"archived,omitempty"`  // reference given by the archive
	Acted        int               `json:"acted,omitempty"`     // decisions of earlier events can no longer be undone
	SentBack     *SentBack         `json:"sent_back,omitempty"` // by the last decision
}

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

// An OpenTurn is a turn that waits for somebody: a line of an in-tray.
type OpenTurn struct {
	Step, Turn int
	Desk       DeskID   // anybody who may act from it; empty for a turn of one person without desk
	Person     PersonID // or this person alone
	Since      time.Time
	Due        time.Time // zero: no deadline
}

// OpenTurns returns the turns that wait for somebody, in order. None does
// while a key is at work, at a step that is blocked, or for the machine.
func (s State) OpenTurns() []OpenTurn {
	var open []OpenTurn
	for _, i := range s.OpenSteps() {
		for k, t := range s.turns(i) {
			if t.Status == Open {
				open = append(open, OpenTurn{Step: i, Turn: k, Desk: t.Desk, Person: t.Person, Since: s.Steps[i].OpenedAt, Due: s.Steps[i].Due})
			}
		}
	}
	return open
}

// An OpenQuestion is an opinion that was asked and not yet given.
type OpenQuestion struct {
	Step, Asked int // Asked is the index in StepState.Asked
	To          Recipient
	By          Actor // who asked
	Question    string
	Since       time.Time
	Due         time.Time // zero: no date
}

// OpenQuestions returns the opinions that wait for somebody, in order.
func (s State) OpenQuestions() []OpenQuestion {
	var open []OpenQuestion
	for _, i := range s.OpenSteps() {
		for k, q := range s.Steps[i].Asked {
			if q.Answer == nil {
				open = append(open, OpenQuestion{Step: i, Asked: k, To: q.To, By: q.By, Question: q.Question, Since: q.At, Due: q.Due})
			}
		}
	}
	return open
}

// SealingStep returns the index of the step whose key is at work, or -1.
func (s State) SealingStep() int { return s.stepIn(Sealing) }

// BlockedStep returns the index of the step that cannot go on, or -1.
func (s State) BlockedStep() int { return s.stepIn(Blocked) }

// AutoStep returns the index of the open step at which the machine puts the
// seal (AutoSeal), or -1.
func (s State) AutoStep() int {
	for _, i := range s.OpenSteps() {
		if s.Circuit.Steps[i].Auto {
			return i
		}
	}
	return -1
}

func (s State) stepIn(status Status) int {
	for i, st := range s.Steps {
		if s.Phase == Running && st.Status == status {
			return i
		}
	}
	return -1
}

// Sealer returns the decision for which a key is at work and true, or false
// when none is.
func (s State) Sealer() (Decision, bool) {
	i := s.SealingStep()
	if i < 0 {
		return Decision{}, false
	}
	for k := len(s.Decisions) - 1; k >= 0; k-- {
		if d := s.Decisions[k]; d.Step == i && d.Standing == Holds && (d.Verdict == Signs || d.Verdict == Seals) {
			return d, true
		}
	}
	return Decision{}, false
}

// StepOf returns the step at which a decision was taken, and false when the
// circuit of today has it no more.
func (s State) StepOf(d Decision) (Step, bool) {
	if d.Step < 0 || d.Step >= len(s.Circuit.Steps) {
		return Step{ID: d.StepID}, false
	}
	return s.Circuit.Steps[d.Step], true
}

// LastSealed returns the digest of the document with the last signature put
// on this version, or the document itself when none was.
func (s State) LastSealed() Digest {
	if !s.Renewed.IsZero() {
		return s.Renewed
	}
	for i := len(s.Steps) - 1; i >= 0; i-- {
		if d := s.Steps[i].Sealed; !d.IsZero() {
			return d
		}
	}
	return s.Document
}

// signed reports whether the current version carries a signature or is
// receiving one: from then on its bytes may only grow.
func (s State) signed() bool { return s.firstSigned() < len(s.Steps) }

// firstSigned returns the index of the first step that was signed or is being
// signed, or the number of steps.
func (s State) firstSigned() int {
	for i, st := range s.Steps {
		if st.Status == Sealing || !st.Sealed.IsZero() {
			return i
		}
	}
	return len(s.Steps)
}

// turns returns the turns of a step. States kept before turns were recorded
// have one, that of the step's desk.
func (s State) turns(i int) []Turn {
	st := s.Steps[i]
	if len(st.Turns) == 0 && st.Status != Ahead && i < len(s.Circuit.Steps) && s.Circuit.Steps[i].Desk != "" {
		return []Turn{{Desk: s.Circuit.Steps[i].Desk, Status: st.Status}}
	}
	return st.Turns
}

// recused reports whether a person declared a conflict.
func (s State) recused(p PersonID) bool {
	for _, r := range s.Recused {
		if r.Person == p && p != "" {
			return true
		}
	}
	return false
}
