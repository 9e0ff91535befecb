package circuits

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Question asks for an opinion from an open turn, which stays with who asks.
type Question struct {
	By    Actor
	Step  int
	To    []Recipient
	Text  string
	Waits bool // By does not decide before the answers, or their date
	Days  int  // working days to answer; 0: no date
	At    time.Time
}

// AskOpinion asks others what they think (avis complémentaire). Of the Facts
// it reads the Calendar.
func (s State) AskOpinion(q Question, f Facts) ([]Event, error) {
	turn, err := s.holds(q.Step, q.By)
	if err != nil {
		return nil, fmt.Errorf("ask opinion: %w", err)
	}
	switch {
	case strings.TrimSpace(q.Text) == "":
		return nil, fmt.Errorf("ask opinion: %w", ErrReason)
	case len(q.To) == 0 || q.Days < 0:
		return nil, fmt.Errorf("ask opinion: %w", ErrRecipient)
	}
	for k, to := range q.To {
		if to == (Recipient{}) || to.is(q.By) || s.recused(to.Person) || slices.Contains(q.To[:k], to) {
			return nil, fmt.Errorf("ask opinion: %w", ErrRecipient)
		}
	}
	return []Event{OpinionAsked{
		Step: q.Step, Turn: turn, By: q.By, To: q.To, Question: q.Text, Waits: q.Waits, Due: f.due(q.At, q.Days), At: q.At,
	}}, nil
}

// An Answer gives an opinion that was asked. No gesture is needed; its
// evidence is recorded when there is one.
type Answer struct {
	By       Actor
	Step     int
	Advice   Advice
	Seen     Digest
	Evidence Digest
	At       time.Time
}

// GiveOpinion answers the first question of a step that is By's to answer. It
// returns to who asked.
func (s State) GiveOpinion(a Answer) ([]Event, error) {
	if s.Phase != Running {
		return nil, fmt.Errorf("give opinion: %w", ErrState)
	}
	if err := a.Advice.check(); err != nil {
		return nil, fmt.Errorf("give opinion: %w", err)
	}
	for _, q := range s.OpenQuestions() {
		if q.Step != a.Step || !q.To.is(a.By) {
			continue
		}
		switch {
		case s.mandated(a.By, Opinion) != nil:
			return nil, fmt.Errorf("give opinion: %w", s.mandated(a.By, Opinion))
		case a.Seen != s.LastSealed():
			return nil, fmt.Errorf("give opinion: %w", ErrStale)
		}
		return []Event{OpinionGiven{
			Step: q.Step, Asked: q.Asked, By: a.By, To: q.By, Advice: a.Advice, Document: a.Seen, Evidence: a.Evidence, At: a.At,
		}}, nil
	}
	return nil, fmt.Errorf("give opinion: %w", ErrOpinion)
}

// Transfer gives an open turn to another desk or person, for good: who gives
// it has it no more.
func (s State) Transfer(by Actor, step int, to Recipient, reason string, at time.Time) ([]Event, error) {
	turn, err := s.holds(step, by)
	if err == nil {
		err = s.mayReceive(step, turn, to)
	}
	if err != nil {
		return nil, fmt.Errorf("transfer: %w", err)
	}
	return []Event{Transferred{Step: step, Turn: turn, By: by, To: to, Reason: reason, At: at}}, nil
}

// Redirect passes a turn that is open, or waits for its order, to the
// substitute of who is absent, or back. It is the absence's and not a
// decision: it leaves the undoing of earlier decisions as it was. A step that
// was blocked opens when somebody can act again. by is the absent person, an
// administrator, or nobody; the caller has checked that the absence is real.
func (s State) Redirect(by Actor, step, turn int, to Recipient, reason string, f Facts, at time.Time) ([]Event, error) {
	switch {
	case s.Phase != Running:
		return nil, fmt.Errorf("redirect: %w", ErrState)
	case step < 0 || step >= len(s.Steps) || s.Steps[step].Status != Open && s.Steps[step].Status != Blocked:
		return nil, fmt.Errorf("redirect: %w", ErrStep)
	}
	turns := s.turns(step)
	if turn < 0 || turn >= len(turns) || turns[turn].Status != Open && turns[turn].Status != Ahead {
		return nil, fmt.Errorf("redirect: %w", ErrStep)
	}
	if err := s.mayReceive(step, turn, to); err != nil {
		return nil, fmt.Errorf("redirect: %w", err)
	}
	e := Redirected{Step: step, Turn: turn, By: by, To: to, Reason: reason, At: at}
	if s.Steps[step].Status == Blocked {
		var after []Recipient
		for k, t := range turns {
			if k == turn {
				t.Desk, t.Person = to.Desk, to.Person
			}
			after = append(after, Recipient{t.Desk, t.Person})
		}
		if s.missing(s.Circuit.Steps[step], after, f) == nil {
			e.Opens, e.Due = true, f.due(at, s.Circuit.Steps[step].Days)
		}
	}
	return []Event{e}, nil
}

// Recuse records that by declared a conflict of interest (déport): they act no
// more in this dossier. Open turns that are theirs alone go to a substitute,
// and without one the step is blocked; turns of a desk stay with its other
// holders, which Facts.Holders tells.
func (s State) Recuse(by Actor, reason string, to Recipient, f Facts, at time.Time) ([]Event, error) {
	switch {
	case s.Phase != Running && s.Phase != Refused && s.Phase != Draft:
		return nil, fmt.Errorf("recuse: %w", ErrState)
	case by.Person == "" || by.For != nil:
		return nil, fmt.Errorf("recuse: %w", ErrDesk)
	case s.recused(by.Person):
		return nil, fmt.Errorf("recuse: %w", ErrKnown)
	case s.SealingStep() >= 0 && s.sealer(by.Person):
		return nil, fmt.Errorf("recuse: %w", ErrSigned)
	case to.Person == by.Person || s.recused(to.Person):
		return nil, fmt.Errorf("recuse: %w", ErrRecipient)
	}
	e := Recused{By: by, Reason: reason, At: at}
	events := []Event{e}
	if i := s.at(); s.Phase == Running && i < len(s.Steps) && (s.Steps[i].Status == Open || s.Steps[i].Status == Blocked) {
		e.Step, e.Turns = i, s.alone(i, by, to, f)
		if len(e.Turns) > 0 && to != (Recipient{}) {
			if err := s.mayReceive(i, e.Turns[0], to); err != nil {
				return nil, fmt.Errorf("recuse: %w", err)
			}
			e.To, e.Turns = to, e.Turns[:1] // nobody has two turns
		} else {
			e.Turns = nil
		}
		events[0] = e
		if b := s.Apply(e).stuck(i, f); b != nil && s.Steps[i].Status == Open {
			b.Step, b.At = i, at
			events = append(events, *b)
		}
	}
	return events, nil
}

func (s State) sealer(p PersonID) bool {
	d, ok := s.Sealer()
	return ok && d.By.Person == p
}

// alone returns the open turns of step i that only by could take.
func (s State) alone(i int, by Actor, to Recipient, f Facts) []int {
	var out []int
	for k, t := range s.turns(i) {
		if t.Status != Open && t.Status != Ahead {
			continue
		}
		others := slices.DeleteFunc(slices.Clone(f.Holders[t.Desk]), func(p PersonID) bool { return p == by.Person || s.recused(p) })
		switch {
		case t.Person == by.Person,
			t.Person == "" && slices.Contains(f.Holders[t.Desk], by.Person) && len(others) == 0,
			t.Person == "" && f.Holders == nil && t.Desk == by.Desk && to != (Recipient{}):
			out = append(out, k)
		}
	}
	return out
}

// stuck says why the turns left at an open step no longer suffice, or nil.
func (s State) stuck(i int, f Facts) *StepBlocked {
	st := s.Circuit.Steps[i]
	need := st.needed(len(s.turns(i)))
	for _, t := range s.turns(i) {
		if t.Status == Done {
			need--
		}
	}
	for _, r := range s.left(i) {
		if s.staffed(r, f) {
			need--
		}
	}
	if need > 0 && !st.Auto {
		return &StepBlocked{Why: NoHolder}
	}
	return nil
}

// Read records that a person read the document as it stands (reading
// receipt, mandatory reading). The same reading twice is ErrKnown.
func (s State) Read(by Actor, seen Digest, at time.Time) ([]Event, error) {
	switch {
	case s.Phase == "":
		return nil, fmt.Errorf("read: %w", ErrState)
	case by.Person == "":
		return nil, fmt.Errorf("read: %w", ErrDesk)
	case seen != s.LastSealed():
		return nil, fmt.Errorf("read: %w", ErrStale)
	case slices.ContainsFunc(s.Reads, func(r Receipt) bool { return r.Person == by.Person && r.Document == seen }):
		return nil, fmt.Errorf("read: %w", ErrKnown)
	}
	return []Event{DocumentRead{by, seen, at}}, nil
}

// holds returns the open turn of a step that is by's, or why none is.
func (s State) holds(step int, by Actor) (int, error) {
	switch {
	case s.Phase != Running:
		return 0, ErrState
	case step < 0 || step >= len(s.Steps) || s.Steps[step].Status != Open:
		return 0, ErrStep
	}
	turn := s.turnOf(step, by)
	if turn < 0 {
		return 0, s.notTurn(step, by)
	}
	return turn, s.mandated(by, s.Circuit.Steps[step].Kind)
}

// mayReceive refuses to give a turn to nobody, to who has it or another turn
// of the step, or to who declared a conflict.
func (s State) mayReceive(step, turn int, to Recipient) error {
	if to == (Recipient{}) {
		return ErrRecipient
	}
	if s.recused(to.Person) {
		return ErrRecused
	}
	for k, t := range s.turns(step) {
		sameDesk := t.Person == "" && to.Person == "" && t.Desk == to.Desk
		samePerson := t.Person != "" && t.Person == to.Person
		if (sameDesk || samePerson) && (k == turn || t.Status != Released) {
			return ErrRecipient
		}
	}
	return nil
}
