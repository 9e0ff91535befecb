package circuits

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Deposit creates the draft. document and bytes are those of the frozen main
// document.
func (s State) Deposit(e Deposited) ([]Event, error) {
	if s.Phase != "" {
		return nil, fmt.Errorf("deposit: %w", ErrState)
	}
	return []Event{e}, nil
}

// Start sends a draft, or what was withdrawn, along a circuit. What was
// withdrawn after a signature only leaves again corrected: the bytes of this
// version carry the signature, and a new round would ask people to decide on
// bytes that are gone. Facts.Chosen holds the desks picked where the circuit
// lets choose.
func (s State) Start(by Actor, d Definition, f Facts, at time.Time) ([]Event, error) {
	if s.Phase != Draft && s.Phase != Withdrawn {
		return nil, fmt.Errorf("start: %w", ErrState)
	}
	e, err := s.entry(by, d, f, at)
	if err != nil {
		return nil, fmt.Errorf("start: %w", err)
	}
	return s.depart("start", e, f, at)
}

// Recycle starts a refused or withdrawn dossier again, with the same document,
// maybe in another circuit. Earlier decisions lapse. What was signed is
// corrected first: ErrSigned.
func (s State) Recycle(by Actor, d Definition, f Facts, at time.Time) ([]Event, error) {
	if s.Phase != Refused && s.Phase != Withdrawn {
		return nil, fmt.Errorf("recycle: %w", ErrState)
	}
	e, err := s.entry(by, d, f, at)
	if err != nil {
		return nil, fmt.Errorf("recycle: %w", err)
	}
	return s.depart("recycle", Recycled(e), f, at)
}

// Chain makes another circuit follow the one that ended (State.Next says which
// is expected; the caller may bring another). It is given by the machine or by
// an administrator, as the caller has it. The steps of d come after those
// done; see Continued.
func (s State) Chain(by Actor, d Definition, f Facts, at time.Time) ([]Event, error) {
	if s.Phase != Running || s.Next == "" {
		return nil, fmt.Errorf("chain: %w", ErrState)
	}
	if err := d.Check(); err != nil {
		return nil, fmt.Errorf("chain: %w", err)
	}
	whole := s.Continued(d)
	chosen, err := chosenFor(Definition{Steps: whole.Steps[len(s.Steps):]}, f)
	if err != nil {
		return nil, fmt.Errorf("chain: %w", err)
	}
	return s.depart("chain", Chained{
		By: by, Circuit: whole, CircuitHash: whole.Hash(), At: at, Chosen: chosen, Due: f.due(at, d.Days),
	}, f, at)
}

// EndChain completes a dossier whose next circuit is not to be started.
func (s State) EndChain(at time.Time) ([]Event, error) {
	if s.Phase != Running || s.Next == "" {
		return nil, fmt.Errorf("end chain: %w", ErrState)
	}
	return []Event{CircuitCompleted{s.LastSealed(), at}}, nil
}

// Continued returns the circuit that s travels when d follows it: the steps
// done, then those of d, under d's name. A step of d whose identifier is taken
// gets "-2", "-3"… after it: Facts given to Chain use these identifiers.
func (s State) Continued(d Definition) Definition {
	steps := slices.Clone(s.Circuit.Steps)
	for _, st := range d.Steps {
		id := st.ID
		for n := 2; (Definition{Steps: steps}).Step(st.ID) >= 0; n++ {
			st.ID = StepID(fmt.Sprintf("%s-%d", id, n))
		}
		steps = append(steps, st)
	}
	d.Steps = steps
	return d
}

// entry checks what every start needs.
func (s State) entry(by Actor, d Definition, f Facts, at time.Time) (Started, error) {
	switch {
	case s.SupersededBy != "":
		return Started{}, ErrState
	case !s.mayDraft(by):
		return Started{}, ErrDrafter
	case s.signed():
		return Started{}, ErrSigned
	}
	if err := d.Check(); err != nil {
		return Started{}, err
	}
	chosen, err := chosenFor(d, f)
	if err != nil {
		return Started{}, err
	}
	return Started{By: by, Circuit: d, CircuitHash: d.Hash(), At: at, Chosen: chosen, Due: f.due(at, d.Days)}, nil
}

// chosenFor keeps of f.Chosen what d lets choose, and refuses a choice that is
// missing or not allowed.
func chosenFor(d Definition, f Facts) (map[StepID]DeskID, error) {
	var out map[StepID]DeskID
	for _, st := range d.Steps {
		for _, r := range st.rules() {
			if r.Rule != ChosenAtStart {
				continue
			}
			if !slices.Contains(r.Among, f.Chosen[st.ID]) {
				return nil, fmt.Errorf("step %s: %w", st.ID, ErrChoice)
			}
			out = merged(out, map[StepID]DeskID{st.ID: f.Chosen[st.ID]})
		}
	}
	return out, nil
}

// depart routes a start. A circuit all of whose steps are skipped takes the
// dossier nowhere: ErrCircuit.
func (s State) depart(what string, e Event, f Facts, at time.Time) ([]Event, error) {
	events, err := s.route([]Event{e}, f, at)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	after := s
	for _, e := range events {
		after = after.Apply(e)
	}
	if _, chained := e.(Chained); !chained && (after.Phase == Completed || after.Next != "") {
		return nil, fmt.Errorf("%s: every step is skipped: %w", what, ErrCircuit)
	}
	return events, nil
}

// Resume looks again at who may act, for a dossier that is blocked: desks,
// holders or metadata have changed. Nothing changed is ErrKnown.
func (s State) Resume(f Facts, at time.Time) ([]Event, error) {
	i := s.BlockedStep()
	if i < 0 {
		return nil, fmt.Errorf("resume: %w", ErrStep)
	}
	if s.begun(i) {
		if b := s.stuck(i, f); b != nil {
			return nil, fmt.Errorf("resume: still %s: %w", b.Why, ErrKnown)
		}
		return []Event{StepOpened{Step: i, Turns: s.left(i), Due: s.Steps[i].Due, At: at}}, nil
	}
	e, err := s.opening(i, f, at)
	if err != nil {
		return nil, fmt.Errorf("resume: %w", err)
	}
	if b, still := e.(StepBlocked); still && b.Why == s.Steps[i].Blocked {
		return nil, fmt.Errorf("resume: still %s: %w", b.Why, ErrKnown)
	}
	return s.route([]Event{e}, f, at)
}

// Withdraw takes the dossier out of its circuit, for its drafter or for the
// application that deposited it, unless a signature was decided and the
// circuit still runs.
func (s State) Withdraw(by Actor, reason string, at time.Time) ([]Event, error) {
	switch {
	case s.Phase != Running && s.Phase != Refused && s.Phase != Draft:
		return nil, fmt.Errorf("withdraw: %w", ErrState)
	case !s.mayDraft(by):
		return nil, fmt.Errorf("withdraw: %w", ErrDrafter)
	case s.Phase == Running && s.signed():
		return nil, fmt.Errorf("withdraw: %w", ErrSigned)
	}
	return []Event{DossierWithdrawn{by, reason, at}}, nil
}

// Supersede takes the dossier out for good, because another one replaces it.
// As for Withdraw, a running circuit that has begun to sign goes to its end.
func (s State) Supersede(by Actor, other, reason string, at time.Time) ([]Event, error) {
	switch {
	case s.Phase == "" || s.Phase == Completed || s.SupersededBy != "" || other == "":
		return nil, fmt.Errorf("supersede: %w", ErrState)
	case !s.mayDraft(by):
		return nil, fmt.Errorf("supersede: %w", ErrDrafter)
	case s.Phase == Running && s.signed():
		return nil, fmt.Errorf("supersede: %w", ErrSigned)
	}
	return []Event{Superseded{by, other, reason, at}}, nil
}

// A Nature says what a correction changes.
type Nature string

// The natures of a correction.
const (
	Substantial Nature = "substantial" // decide again, from a step on
	Minor       Nature = "minor"       // a slip of the pen: the visas are maintained
)

// A Correction is a new version of the document.
type Correction struct {
	By       Actor
	Document Digest
	Bytes    int64
	Nature   Nature // empty is Substantial
	From     StepID // of a Substantial one: the first step that decides again; empty: the first of the circuit
	Reason   string // what changed, for those who decided
	At       time.Time
}

// Correct replaces the document by a new version. By the circuit's own policy,
// previous decisions lapse from a step on, or are maintained when the
// correction is minor; a signature is never maintained. While a circuit runs
// past a signature the bytes may only grow: ErrSigned.
func (s State) Correct(c Correction, f Facts) ([]Event, error) {
	e, err := s.correct(c)
	if err != nil {
		return nil, fmt.Errorf("correct: %w", err)
	}
	events, err := s.route([]Event{e}, f, c.At)
	if err != nil {
		return nil, fmt.Errorf("correct: %w", err)
	}
	return events, nil
}

func (s State) correct(c Correction) (Corrected, error) {
	if err := s.correctable(c.By); err != nil {
		return Corrected{}, err
	}
	if c.Document == s.Document {
		return Corrected{}, ErrSame
	}
	e := Corrected{By: c.By, Version: s.Version + 1, Document: c.Document, Bytes: c.Bytes, Nature: c.Nature, Reason: c.Reason, At: c.At}
	if s.Phase == Draft {
		e.Nature = ""
		return e, nil
	}
	from, err := s.restartAt(c)
	e.From = from
	return e, err
}

// correctable says why by may not change what is decided on, or nothing.
func (s State) correctable(by Actor) error {
	switch {
	case s.Phase == "" || s.Phase == Completed || s.SupersededBy != "" || s.Next != "":
		return ErrState
	case !s.mayCorrect(by):
		return ErrDrafter
	case s.Phase == Running && s.signed():
		return ErrSigned
	case s.Phase == Withdrawn && len(s.Circuit.Steps) == 0:
		return fmt.Errorf("withdrawn before any start: %w", ErrState)
	}
	return nil
}

// restartAt returns the step from which a correction restarts the circuit.
// For a minor one it is the step at work; what was signed is signed again.
func (s State) restartAt(c Correction) (int, error) {
	policy := s.Circuit.Correction
	if c.Nature == Minor {
		if !policy.Minor || c.From != "" {
			return 0, ErrPolicy
		}
		return min(s.at(), s.firstSigned()), nil
	}
	if c.Nature != "" && c.Nature != Substantial {
		return 0, ErrPolicy
	}
	if c.From == "" {
		return 0, nil
	}
	from := s.Circuit.Step(c.From)
	switch {
	case from < 0 || from > s.at():
		return 0, ErrStep
	case from > 0 && !policy.Partial:
		return 0, ErrPolicy
	case from > s.firstSigned():
		return 0, ErrSigned
	}
	return from, nil
}

// An AnnexChange replaces the list of annexes. Nature, From and Reason are as
// in a Correction.
type AnnexChange struct {
	By      Actor
	Annexes []Digest
	Nature  Nature
	From    StepID
	Reason  string
	At      time.Time
}

// ChangeAnnexes replaces the annexes, under the rules of Correct: what was
// decided was decided with the others. The letter stays, so that what carries a
// signature is corrected first: ErrSigned. The caller knows the present list.
func (s State) ChangeAnnexes(c AnnexChange, f Facts) ([]Event, error) {
	e, err := s.changeAnnexes(c)
	if err != nil {
		return nil, fmt.Errorf("change annexes: %w", err)
	}
	events, err := s.route([]Event{e}, f, c.At)
	if err != nil {
		return nil, fmt.Errorf("change annexes: %w", err)
	}
	return events, nil
}

func (s State) changeAnnexes(c AnnexChange) (AnnexesChanged, error) {
	if err := s.correctable(c.By); err != nil {
		return AnnexesChanged{}, err
	}
	if s.signed() {
		return AnnexesChanged{}, ErrSigned
	}
	e := AnnexesChanged{By: c.By, Annexes: c.Annexes, Nature: c.Nature, Reason: c.Reason, At: c.At}
	if e.Annexes == nil {
		e.Annexes = []Digest{}
	}
	if s.Phase == Draft {
		e.Nature = ""
		return e, nil
	}
	from, err := s.restartAt(Correction{Nature: c.Nature, From: c.From})
	e.From = from
	return e, err
}

// at returns the step where the dossier stands: at work, refused, blocked or
// next, or the last.
func (s State) at() int {
	for i, st := range s.Steps {
		switch st.Status {
		case Ahead, Open, Sealing, Rejects, Blocked:
			return i
		case Done, Skipped, Bypassed, Released:
		}
	}
	return max(len(s.Steps)-1, 0)
}

// mayCorrect reports whether by may bring a new version, as the circuit says.
func (s State) mayCorrect(by Actor) bool {
	policy := s.Circuit.Correction
	switch {
	case s.mayDraft(by):
		return true
	case by.Person == "" || s.Phase == Draft || s.recused(by.Person):
		return false
	case slices.Contains(policy.Desks, by.Desk):
		return true
	}
	return policy.Actors && s.decided(by.Person)
}

func (e Corrected) apply(s *State) {
	s.Version, s.Document, s.Bytes, s.Reads = e.Version, e.Document, e.Bytes, nil
	s.again(e.Nature, max(e.From, 0), e.At)
}

func (e AnnexesChanged) apply(s *State) {
	s.Reads = nil
	s.again(e.Nature, max(e.From, 0), e.At)
}

// again takes the circuit up after a correction, at step from.
func (s *State) again(n Nature, from int, at time.Time) {
	switch {
	case s.Phase == Draft:
	case n == Minor && from < len(s.Steps) && s.Steps[from].Sealed.IsZero():
		s.resume(from)
	default:
		s.restart(from, at)
	}
}

// resume takes the circuit up at step i after a minor correction: what was
// decided there and before is maintained, but for a refusal.
func (s *State) resume(i int) {
	for k := range s.Decisions {
		switch d := &s.Decisions[k]; {
		case !d.counts():
		case d.Verdict == Refuses:
			d.Standing = Lapsed
		default:
			d.Standing = Maintained
		}
	}
	st := s.step(i)
	for k := range st.Turns {
		if t := &st.Turns[k]; t.Status == Rejects {
			t.Status, t.Decision = Open, 0
		}
	}
	if st.Status == Rejects {
		st.Status = Open
	}
	s.Phase = Running
	s.Round++
	s.acted()
}

// Migrate passes a running dossier to another version of its circuit. Steps
// are matched by identifier; a decision taken at a step of the same kind
// stands, the step at work goes on as it was when its definition is the same
// and starts anew otherwise. A step that was signed must be there still, with
// everything before it done: ErrSigned. The caller has checked that by may.
func (s State) Migrate(by Actor, d Definition, reason string, f Facts, at time.Time) ([]Event, error) {
	switch {
	case s.Phase != Running || s.Next != "":
		return nil, fmt.Errorf("migrate: %w", ErrState)
	case s.SealingStep() >= 0:
		return nil, fmt.Errorf("migrate: a key is at work: %w", ErrSigned)
	case d.Hash() == s.Circuit.Hash():
		return nil, fmt.Errorf("migrate: the same circuit: %w", ErrKnown)
	}
	if err := d.Check(); err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	f.Chosen = merged(s.Chosen, f.Chosen)
	chosen, err := chosenFor(d, f)
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	if err := s.migratable(d); err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	events, err := s.route([]Event{Migrated{By: by, Circuit: d, CircuitHash: d.Hash(), Reason: reason, Chosen: chosen, At: at}}, f, at)
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	return events, nil
}

// migratable refuses a circuit that would leave a signature without its step,
// or before something still to do.
func (s State) migratable(d Definition) error {
	steps, _ := s.migration(d)
	for i, st := range s.Steps {
		if st.Sealed.IsZero() {
			continue
		}
		j := d.Step(s.Circuit.Steps[i].ID)
		if j < 0 || steps[j].Sealed.IsZero() {
			return ErrSigned
		}
		for k := range j {
			if steps[k].Status == Ahead && d.Steps[k].Kind != Information {
				return fmt.Errorf("step %s would come before a signature: %w", d.Steps[k].ID, ErrSigned)
			}
		}
	}
	return nil
}

// migration returns the steps of s in circuit d, and the decisions that lapse.
func (s State) migration(d Definition) (steps []StepState, lapsed map[int]bool) {
	steps, lapsed = make([]StepState, len(d.Steps)), map[int]bool{}
	kept := map[int]bool{}
	for j, st := range d.Steps {
		steps[j] = StepState{Status: Ahead}
		i := s.Circuit.Step(st.ID)
		if i < 0 || i >= len(s.Steps) || s.Circuit.Steps[i].Kind != st.Kind {
			continue
		}
		switch s.Steps[i].Status {
		case Done, Bypassed:
		case Skipped:
			if s.Circuit.Steps[i].When != st.When {
				continue
			}
		case Open, Blocked:
			before := slices.ContainsFunc(steps[:j], func(x StepState) bool { return x.Status == Ahead })
			if before || !same(s.Circuit.Steps[i], st) {
				continue
			}
		case Ahead, Sealing, Rejects, Released:
			continue
		}
		steps[j], kept[i] = s.Steps[i], true
	}
	for k, x := range s.Decisions {
		lapsed[k] = !kept[x.Step]
	}
	return steps, lapsed
}

// same reports whether two steps ask for the same in the same way.
func same(a, b Step) bool {
	return string(Definition{Steps: []Step{a}}.Canonical()) == string(Definition{Steps: []Step{b}}.Canonical())
}

// Bypass lets the dossier pass the step where it stands, open or blocked, on
// the evidence of an administrator's gesture and for a reason. Never a
// signature, a seal or an outside act: ErrKind. The caller has checked that by
// is an administrator.
func (s State) Bypass(step int, by Actor, reason string, evidence Digest, f Facts, at time.Time) ([]Event, error) {
	switch {
	case s.Phase != Running:
		return nil, fmt.Errorf("bypass: %w", ErrState)
	case step < 0 || step >= len(s.Steps) || s.Steps[step].Status != Open && s.Steps[step].Status != Blocked:
		return nil, fmt.Errorf("bypass: %w", ErrStep)
	case s.Circuit.Steps[step].Kind.seals() || s.Circuit.Steps[step].Kind == External:
		return nil, fmt.Errorf("bypass: %w", ErrKind)
	case by.Person == "":
		return nil, fmt.Errorf("bypass: %w", ErrDesk)
	case s.recused(by.Person):
		return nil, fmt.Errorf("bypass: %w", ErrRecused)
	case strings.TrimSpace(reason) == "":
		return nil, fmt.Errorf("bypass: %w", ErrReason)
	case evidence.IsZero():
		return nil, fmt.Errorf("bypass: %w", ErrEvidence)
	}
	events, err := s.route([]Event{StepBypassed{step, by, reason, s.LastSealed(), evidence, at}}, f, at)
	if err != nil {
		return nil, fmt.Errorf("bypass: %w", err)
	}
	return events, nil
}

func (s State) mayDraft(by Actor) bool {
	if by.Person != "" {
		return by.Person == s.Drafter
	}
	return by.Application != "" && by.Application == s.Depositor.Application
}

func (s State) decided(p PersonID) bool {
	for _, d := range s.Decisions {
		if d.By.Person == p && d.counts() && p != "" {
			return true
		}
	}
	return false
}
