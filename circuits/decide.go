package circuits

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Choice is what a decision at a step rests on: who, which step, the
// document that was read and the evidence of the gesture. The turn is the
// first open one of that step that is By's.
type Choice struct {
	By       Actor
	Step     int
	Seen     Digest // SHA-256 of the bytes that were shown
	Evidence Digest
	// Assurance of the authenticator that made the gesture, "synced",
	// "device_bound" or "attested", from weak to strong; or another word, which
	// only satisfies a step that asks for that very word.
	Assurance string
	At        time.Time
}

// Visa approves an open visa step.
func (s State) Visa(c Choice, f Facts) ([]Event, error) {
	return s.say("visa", c, StepDecided{Verdict: GivesVisa}, Visa, f)
}

// Sign decides an open signature step. The key is used afterwards, once the
// decision is durable; Seal records that it was.
func (s State) Sign(c Choice, f Facts) ([]Event, error) {
	return s.say("sign", c, StepDecided{Verdict: Signs}, Signature, f)
}

// Cachet decides, in person, an open seal step. As after Sign, the key is used
// afterwards and Seal records it.
func (s State) Cachet(c Choice, f Facts) ([]Event, error) {
	if c.Step >= 0 && c.Step < len(s.Circuit.Steps) && s.Circuit.Steps[c.Step].Auto {
		return nil, fmt.Errorf("seal in person: %w", ErrKind)
	}
	return s.say("seal in person", c, StepDecided{Verdict: Seals}, Seal, f)
}

// Machine is the Application of an Actor that is the product itself.
const Machine = "parapheur"

// AutoSeal decides an open seal step that is the machine's. No gesture is its
// evidence but the circuit that was started, whose hash is recorded as such.
func (s State) AutoSeal(step int, at time.Time) ([]Event, error) {
	if s.Phase != Running || s.AutoStep() != step || step < 0 {
		return nil, fmt.Errorf("automatic seal: %w", ErrStep)
	}
	by := Actor{Name: "Cachet automatique", Application: Machine}
	return []Event{StepDecided{Step: step, Verdict: Seals, By: by, Document: s.LastSealed(), Evidence: s.Circuit.Hash(), At: at}}, nil
}

// Opinion answers an open consultative step. Whatever its sense, the dossier
// goes on; anything but a favourable one says why (ErrReason).
func (s State) Opinion(c Choice, a Advice, f Facts) ([]Event, error) {
	if err := a.check(); err != nil {
		return nil, fmt.Errorf("opinion: %w", err)
	}
	return s.say("opinion", c, StepDecided{Verdict: Advises, Advice: &a}, Opinion, f)
}

func (a Advice) check() error {
	switch {
	case !slices.Contains([]Sense{Favourable, Reserved, Unfavourable}, a.Sense):
		return ErrKind
	case a.Sense != Favourable && strings.TrimSpace(a.Text) == "":
		return ErrReason
	}
	return nil
}

// External records, at an open external step, an act done outside and its
// proof. Without proof it is ErrEvidence.
func (s State) External(c Choice, o Outside, f Facts) ([]Event, error) {
	switch {
	case o.Means != "paper" && o.Means != "registered_mail" && o.Means != "other":
		return nil, fmt.Errorf("external act by %q: %w", o.Means, ErrKind)
	case o.Proof.IsZero():
		return nil, fmt.Errorf("external act: %w", ErrEvidence)
	}
	o.On = o.On.UTC()
	return s.say("external act", c, StepDecided{Verdict: Records, Outside: &o}, External, f)
}

// say takes a decision of yes at a step of one kind.
func (s State) say(what string, c Choice, e StepDecided, kind Kind, f Facts) ([]Event, error) {
	turn, err := s.mayDecide(c, kind)
	if err == nil {
		err = s.Circuit.Steps[c.Step].filled(s.Circuit.Steps[c.Step].Fields, f)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	e.Step, e.Turn, e.By, e.Document, e.Evidence, e.At = c.Step, turn, c.By, c.Seen, c.Evidence, c.At
	events, err := s.route([]Event{e}, f, c.At)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return events, nil
}

func (st Step) filled(rules []FieldRule, f Facts) error {
	for _, r := range rules {
		if !f.Filled[r.Field] {
			return fmt.Errorf("field %q: %w", r.Field, ErrFields)
		}
	}
	return nil
}

// A Return is where a refusal sends the dossier: To is ToDrafter, ToPrevious
// or ToChosen with its Step, or empty for the policy of the step.
type Return struct {
	To   string
	Step StepID
}

// Refuse refuses an open step and returns the dossier to its drafter, or to an
// earlier step where the circuit allows it. Where a quorum can still be
// reached without this turn, the step goes on instead (TurnRefused).
func (s State) Refuse(c Choice, reason string, to Return, f Facts) ([]Event, error) {
	events, err := s.refuse(c, reason, to, f)
	if err != nil {
		return nil, fmt.Errorf("refuse: %w", err)
	}
	return events, nil
}

func (s State) refuse(c Choice, reason string, to Return, f Facts) ([]Event, error) {
	turn, err := s.mayDecide(c, "")
	if err != nil {
		return nil, err
	}
	st := s.Circuit.Steps[c.Step]
	back, errBack := s.target(c.Step, to)
	switch {
	case st.NoRefusal || st.Kind == Opinion || st.Auto:
		return nil, ErrNoRefusal
	case strings.TrimSpace(reason) == "":
		return nil, ErrReason
	case errBack != nil:
		return nil, errBack
	}
	if err := st.filled(st.OnRefusalFields, f); err != nil {
		return nil, err
	}
	if s.goesOnWithout(c.Step, turn) {
		return s.route([]Event{TurnRefused{c.Step, turn, c.By, reason, c.Seen, c.Evidence, c.At}}, f, c.At)
	}
	return s.route([]Event{StepRefused{
		Step: c.Step, By: c.By, Reason: reason, Document: c.Seen, Evidence: c.Evidence, At: c.At,
		Turn: turn, BackTo: back + 1, Told: s.told(c.By),
	}}, f, c.At)
}

// goesOnWithout reports whether a quorum can still be reached when a turn says
// no.
func (s State) goesOnWithout(i, turn int) bool {
	st := s.Circuit.Steps[i]
	if st.Need.Mode != Quorum {
		return false
	}
	left := 0
	for k, t := range s.turns(i) {
		if k != turn && (t.Status == Done || t.Status == Open || t.Status == Ahead) {
			left++
		}
	}
	return left >= st.Need.N
}

// target returns the index of the step a refusal returns to, or -1 for the
// drafter.
func (s State) target(from int, to Return) (int, error) {
	policy := s.Circuit.Steps[from].RefuseTo
	if to.To == "" {
		to.To = policy.To
		if to.Step != "" {
			to.To = ToChosen
		}
	}
	switch {
	case to.To == "" || to.To == ToDrafter || to.To == ToChosen && to.Step == "":
		return -1, nil
	case to.To == ToPrevious && policy.To != "" && policy.To != ToDrafter:
		for i := from - 1; i >= 0; i-- {
			if s.took(i) {
				return i, s.returnable(i, from)
			}
		}
		return -1, nil // nobody decided before: the drafter
	case to.To == ToChosen && policy.To == ToChosen:
		i := s.Circuit.Step(to.Step)
		if i < 0 || i >= from || !s.took(i) || len(policy.Allowed) > 0 && !slices.Contains(policy.Allowed, to.Step) {
			return -1, ErrReturn
		}
		return i, s.returnable(i, from)
	}
	return -1, ErrReturn
}

// took reports whether somebody's decision carries step i.
func (s State) took(i int) bool {
	return slices.ContainsFunc(s.Decisions, func(d Decision) bool { return d.counts() && d.Step == i && d.Verdict != Bypasses })
}

// returnable refuses to go back over a signature.
func (s State) returnable(i, from int) error {
	if s.firstSigned() < len(s.Steps) && slices.ContainsFunc(s.Steps[i:from+1], func(st StepState) bool { return !st.Sealed.IsZero() }) {
		return ErrSigned
	}
	return nil
}

// told are the drafter and everybody whose decision counts, but for by.
func (s State) told(by Actor) []PersonID {
	out := []PersonID{}
	add := func(p PersonID) {
		if p != "" && p != by.Person && !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	add(s.Drafter)
	for _, d := range s.Decisions {
		if d.counts() {
			add(d.By.Person)
			if d.By.For != nil {
				add(d.By.For.Person)
			}
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// mayDecide returns the turn that is c's to take, or why none is.
func (s State) mayDecide(c Choice, kind Kind) (int, error) {
	switch {
	case s.Phase != Running:
		return 0, ErrState
	case c.Step < 0 || c.Step >= len(s.Steps) || s.Steps[c.Step].Status != Open:
		return 0, ErrStep
	case kind != "" && s.Circuit.Steps[c.Step].Kind != kind:
		return 0, ErrKind
	}
	if err := s.mandated(c.By, s.Circuit.Steps[c.Step].Kind); err != nil {
		return 0, err
	}
	turn := s.turnOf(c.Step, c.By)
	switch {
	case turn < 0:
		return 0, s.notTurn(c.Step, c.By)
	case c.Seen != s.LastSealed():
		return 0, ErrStale
	case c.Evidence.IsZero():
		return 0, ErrEvidence
	}
	return turn, s.mayAct(c)
}

// mayAct holds the conditions of a step that are about the person.
func (s State) mayAct(c Choice) error {
	st := s.Circuit.Steps[c.Step]
	switch {
	case s.repeats(c.Step, c.By):
		return ErrTwice
	case st.MustRead && !slices.ContainsFunc(s.Reads, func(r Receipt) bool { return r.Person == c.By.Person && r.Document == s.LastSealed() }):
		return ErrMustRead
	case !assured(c.Assurance, st.Assurance):
		return ErrAssurance
	}
	for _, q := range s.Steps[c.Step].Asked {
		if q.Waits && q.Answer == nil && q.By.Person == c.By.Person && (q.Due.IsZero() || c.At.Before(q.Due)) {
			return ErrOpinion
		}
	}
	return nil
}

// mandated refuses who declared a conflict, and who acts for somebody without
// a ground that this kind of step accepts.
func (s State) mandated(by Actor, kind Kind) error {
	if s.recused(by.Person) {
		return ErrRecused
	}
	p := by.For
	switch {
	case p == nil:
		return nil
	case p.Person == "" || p.Person == by.Person || p.Name == "" || p.Reference == "":
		return ErrMandate
	case s.recused(p.Person) && p.Mandate != Recusing && p.Mandate != Substitutes:
		return ErrRecused // who declared a conflict gives no instruction, a delegation is one
	case p.Mandate == Absence && !kind.seals():
		return nil
	case (p.Mandate == Delegated || p.Mandate == Substitutes || p.Mandate == Recusing) && (p.Mention != "" || !kind.seals()):
		return nil
	}
	return ErrMandate
}

// repeats reports whether by, or who they act for, already decided at step i.
func (s State) repeats(i int, by Actor) bool {
	if s.Circuit.Steps[i].Need.Cumulate {
		return false
	}
	for _, d := range s.Decisions {
		if d.Step != i || !d.counts() {
			continue
		}
		for _, p := range d.By.persons() {
			if slices.Contains(by.persons(), p) {
				return true
			}
		}
	}
	return false
}

// persons are who a decision of a counts for: the person and the principal.
func (a Actor) persons() []PersonID {
	if a.For != nil {
		return []PersonID{a.Person, a.For.Person}
	}
	return []PersonID{a.Person}
}

// assured reports whether an authenticator of assurance got meets want.
func assured(got, want string) bool {
	ladder := []string{"", "synced", "device_bound", "attested"}
	g, w := slices.Index(ladder, got), slices.Index(ladder, want)
	return got == want || g >= 0 && w >= 0 && g > w
}

// turnOf returns the open turn of step i that is by's, or -1.
func (s State) turnOf(i int, by Actor) int {
	return slices.IndexFunc(s.turns(i), func(t Turn) bool { return t.Status == Open && t.of(by) })
}

// notTurn says why no open turn of step i is by's: they had one already, or
// they have none.
func (s State) notTurn(i int, by Actor) error {
	if by.Person != "" && len(s.turns(i)) > 1 && s.repeats(i, by) {
		return ErrTwice
	}
	return ErrDesk
}

// of reports whether a turn is by's to take.
func (t Turn) of(by Actor) bool { return Recipient{t.Desk, t.Person}.is(by) }

// is reports whether by is the recipient: that person, or their delegate, or
// whoever acts from that desk.
func (r Recipient) is(by Actor) bool {
	switch {
	case by.Person == "":
		return false
	case r.Person != "":
		return slices.Contains(by.persons(), r.Person)
	}
	return r.Desk != "" && by.Desk == r.Desk
}
