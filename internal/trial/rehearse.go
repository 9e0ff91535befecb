package trial

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"parapheur/circuits"
	"parapheur/circuits/delegation"
	"parapheur/internal/conditions"
	"parapheur/internal/facts"
)

// A Case is a letter to try a circuit with. Kept with a circuit it is one of
// its tests: Expect is then the path that it must take.
type Case struct {
	Name        string                              `json:"name"`
	Type        string                              `json:"type,omitempty"` // code of the type of the letter; empty: the first that takes the circuit
	Values      conditions.Values                   `json:"values,omitempty"`
	Drafter     circuits.PersonID                   `json:"drafter,omitempty"`
	DrafterDesk circuits.DeskID                     `json:"drafter_desk,omitempty"`
	Chosen      map[circuits.StepID]circuits.DeskID `json:"chosen,omitempty"`
	Expect      []circuits.StepID                   `json:"expect,omitempty"` // steps taken, in order; empty: not compared
}

// An Outcome is what becomes of a step in a rehearsal.
type Outcome string

// The outcomes.
const (
	Taken      Outcome = "taken"
	Skipped    Outcome = "skipped"     // its condition does not hold
	Stopped    Outcome = "stopped"     // blocked: the letter waits there
	NotReached Outcome = "not_reached" // the letter stopped before
)

// A Path is where a case goes.
type Path struct {
	Steps []PathStep
	// Starts and Ends are when the letter leaves and, Complete, when the last
	// step is done at the latest: each step takes the working days it has, or
	// one when it has no deadline.
	Starts, Ends time.Time
	Days         int  // working days from one to the other
	Complete     bool // it went to the end
	// Stop says in French why it did not, or is empty.
	Stop string
	// Missing is the field whose value was needed, if that is why.
	Missing string
}

// A PathStep is one step of a path.
type PathStep struct {
	Step    circuits.Step
	Outcome Outcome
	Turns   []PathTurn
	Opens   time.Time
	Until   time.Time // when it is done at the latest
}

// A PathTurn is one desk of a step, with who may act there on that day.
type PathTurn struct {
	Desk     string
	Powers   []delegation.Power
	Refused  []delegation.Refused
	Personal string // the one person whose turn it is, or empty
}

// Taken lists the steps that a path takes.
func (p Path) Taken() []circuits.StepID {
	var out []circuits.StepID
	for _, st := range p.Steps {
		if st.Outcome == Taken {
			out = append(out, st.Step.ID)
		}
	}
	return out
}

// As reports whether the path is the one that c expects.
func (p Path) As(c Case) bool {
	return len(c.Expect) == 0 || slices.Equal(c.Expect, p.Taken())
}

// Rehearse walks a letter through a circuit, from an instant on, everybody
// saying yes. It runs the engine itself.
func Rehearse(d circuits.Definition, t Town, l Letter, c Case, at time.Time) Path {
	r := &rehearsal{Definition: d, town: t, letter: l, test: c, now: at, path: Path{Starts: at}}
	for _, st := range d.Steps {
		r.path.Steps = append(r.path.Steps, PathStep{Step: st, Outcome: NotReached})
	}
	if err := r.run(); err != nil {
		r.stop(err)
	}
	r.path.Complete = r.state.Phase == circuits.Completed || r.state.Next != ""
	r.path.Ends, r.path.Days = r.now, t.Calendar.Between(at, r.now)
	return r.path
}

// A rehearsal is one walk.
type rehearsal struct {
	circuits.Definition
	town   Town
	letter Letter
	test   Case
	now    time.Time
	state  circuits.State
	path   Path
	gone   int // gestures so far: each has an evidence of its own
}

// errStuck ends a walk that cannot go on; the path says why.
var errStuck = errors.New("nobody can act")

func (r *rehearsal) run() error {
	drafter := circuits.Actor{Person: r.test.Drafter, Name: r.town.People[r.test.Drafter].Name}
	if drafter.Person == "" {
		drafter = circuits.Actor{Person: "redacteur", Name: "Le rédacteur"}
	}
	events, err := r.state.Deposit(circuits.Deposited{By: drafter, Drafter: drafter.Person, Document: digest("lettre"), Bytes: 1, At: r.now})
	if err := r.apply(events, err); err != nil {
		return err
	}
	events, err = r.state.Start(drafter, r.Definition, r.facts(), r.now)
	if err := r.apply(events, err); err != nil {
		return err
	}
	for range 3 * len(r.Steps) * maxTurns {
		if r.state.Phase != circuits.Running || r.state.Next != "" {
			return nil
		}
		if err := r.advance(); err != nil {
			return err
		}
	}
	return errStuck
}

// maxTurns bounds a walk: no step has more turns.
const maxTurns = 50

// advance makes whoever has the next turn act.
func (r *rehearsal) advance() error {
	if i := r.state.SealingStep(); i >= 0 {
		sealed := digest(fmt.Sprint("signée", i, r.gone))
		events, err := r.state.Seal(circuits.StepSealed{Step: i, Signed: sealed, Bytes: 2, At: r.now}, r.facts())
		return r.apply(events, err)
	}
	if i := r.state.AutoStep(); i >= 0 {
		events, err := r.state.AutoSeal(i, r.now)
		return r.apply(events, err)
	}
	if i := r.state.BlockedStep(); i >= 0 {
		r.path.Steps[i].Outcome, r.path.Steps[i].Opens = Stopped, r.now
		r.path.Stop = r.blocked(i)
		return errStuck
	}
	turns := r.state.OpenTurns()
	if len(turns) == 0 {
		return errStuck
	}
	return r.act(turns[0])
}

// act lets the first person who may take a turn, at the latest moment.
func (r *rehearsal) act(turn circuits.OpenTurn) error {
	st := &r.path.Steps[turn.Step]
	if st.Until.IsZero() || st.Until.Before(r.now) {
		st.Until = r.town.Calendar.Add(r.now, max(st.Step.Days, 1)).Add(-time.Second)
	}
	by, ok := r.actor(turn, st.Step.Kind)
	if !ok {
		st.Outcome = Stopped
		r.path.Stop = fmt.Sprintf("« %s » : personne ne peut agir au bureau « %s » à cette date.", st.Step.Title, r.town.deskName(turn.Desk))
		return errStuck
	}
	r.now = st.Until
	r.gone++
	choice := circuits.Choice{
		By: by, Step: turn.Step, Seen: r.state.LastSealed(), Evidence: digest(fmt.Sprint("geste", r.gone)), Assurance: st.Step.Assurance, At: r.now,
	}
	if st.Step.MustRead {
		events, err := r.state.Read(by, choice.Seen, r.now)
		if err := r.apply(events, err); err != nil && !errors.Is(err, circuits.ErrKnown) {
			return err
		}
	}
	return r.apply(r.decide(st.Step.Kind, choice, r.facts()))
}

func (r *rehearsal) decide(k circuits.Kind, c circuits.Choice, f circuits.Facts) ([]circuits.Event, error) {
	switch k {
	case circuits.Signature:
		return r.state.Sign(c, f)
	case circuits.Seal:
		return r.state.Cachet(c, f)
	case circuits.Opinion:
		return r.state.Opinion(c, circuits.Advice{Sense: circuits.Favourable}, f)
	case circuits.External:
		return r.state.External(c, circuits.Outside{Means: "paper", Proof: digest("acte"), On: r.now}, f)
	case circuits.Information, circuits.Visa:
	}
	return r.state.Visa(c, f)
}

// actor is the first person who may take a turn, in the capacity they have,
// and who did not act at the step already.
func (r *rehearsal) actor(turn circuits.OpenTurn, k circuits.Kind) (circuits.Actor, bool) {
	if turn.Person != "" {
		name := r.town.People[turn.Person].Name
		if name == "" {
			name = "Le rédacteur"
		}
		return circuits.Actor{Person: turn.Person, Name: name, Desk: turn.Desk}, true
	}
	powers := r.powers(turn.Desk, k)
	for _, present := range []bool{true, false} { // who announced an absence comes last
		for _, p := range powers.Powers {
			if p.Away == present || r.acted(turn.Step, p.Person) {
				continue
			}
			return p.Actor(turn.Desk), true
		}
	}
	return circuits.Actor{}, false
}

func (r *rehearsal) acted(step int, p circuits.PersonID) bool {
	return slices.ContainsFunc(r.state.Decisions, func(d circuits.Decision) bool {
		return d.Step == step && d.By.Person == p && !r.Steps[step].Need.Cumulate
	})
}

func (r *rehearsal) powers(desk circuits.DeskID, k circuits.Kind) delegation.Resolution {
	return r.town.Powers(desk, r.letter.act(r.test.Values, !seals(k)), r.town.day(r.now))
}

// facts are what the engine is told of the town and of the letter.
func (r *rehearsal) facts() circuits.Facts {
	l := facts.Letter{
		Values: r.test.Values, Act: r.letter.act(r.test.Values, true), DrafterDesk: r.test.DrafterDesk, Chosen: r.test.Chosen, Holds: r.holds,
	}
	for _, v := range r.letter.Schema {
		l.Fields = append(l.Fields, v.Name)
	}
	return r.town.known().Of(r.Definition, l, r.town.day(r.now))
}

// holds evaluates the condition of a step on the values of the trial.
func (r *rehearsal) holds(st circuits.Step) (bool, error) {
	c, err := conditions.Compile(st.When, r.letter.Schema)
	if err != nil {
		return false, fmt.Errorf("« %s » : %w", st.Title, err)
	}
	holds, err := c.Eval(r.test.Values, r.now)
	if err != nil {
		return false, fmt.Errorf("« %s » : %w", st.Title, err)
	}
	return holds, nil
}

// missing turns what the engine could not decide into the condition that lacks
// a value.
func (r *rehearsal) missing(err error) error {
	if !errors.Is(err, circuits.ErrFacts) {
		return err
	}
	for i, st := range r.Steps {
		if st.When == "" || i < len(r.state.Steps) && r.state.Steps[i].Status != circuits.Ahead {
			continue
		}
		if _, why := r.holds(st); why != nil {
			return why
		}
	}
	return err
}

// apply takes events in, and notes on the path what they say of its steps.
func (r *rehearsal) apply(events []circuits.Event, err error) error {
	if err != nil {
		return r.missing(err)
	}
	for _, e := range events {
		r.state = r.state.Apply(e)
	}
	for i, st := range r.state.Steps {
		at := &r.path.Steps[i]
		switch st.Status {
		case circuits.Skipped:
			at.Outcome = Skipped
		case circuits.Open, circuits.Sealing, circuits.Done:
			if at.Opens.IsZero() {
				at.Opens, at.Turns = r.now, r.turns(st, at.Step)
			}
			if st.Status == circuits.Done && at.Outcome != Taken {
				at.Outcome, at.Until = Taken, r.now
			}
		default:
		}
	}
	return nil
}

// turns tells who may act at a step that opened.
func (r *rehearsal) turns(st circuits.StepState, def circuits.Step) []PathTurn {
	var out []PathTurn
	all := st.Turns
	if len(all) == 0 && def.Desk != "" {
		all = []circuits.Turn{{Desk: def.Desk}}
	}
	for _, t := range all {
		turn := PathTurn{Desk: r.town.deskName(t.Desk)}
		if t.Person != "" {
			turn.Personal = r.town.People[t.Person].Name
			if turn.Personal == "" {
				turn.Personal = "Le rédacteur"
			}
		} else {
			found := r.powers(t.Desk, def.Kind)
			turn.Powers, turn.Refused = found.Powers, found.Refused
		}
		out = append(out, turn)
	}
	return out
}

// blocked says why a step is blocked.
func (r *rehearsal) blocked(i int) string {
	title := r.Steps[i].Title
	switch why := r.state.Steps[i].Blocked; why {
	case circuits.NoHolder:
		return "« " + title + " » : personne ne peut agir à cette date. La lettre s’y arrête."
	case circuits.NoQuorum:
		return "« " + title + " » : trop peu de bureaux sont désignés pour le nombre d’accords demandé."
	case circuits.NoActor:
		return "« " + title + " » : le bureau qui doit agir n’a pas pu être trouvé (champ non rempli, ou pas de bureau au-dessus)."
	default:
		return "« " + title + " » : l’étape est bloquée."
	}
}

// stop says why the walk ended before its end.
func (r *rehearsal) stop(err error) {
	var told *conditions.Error
	switch {
	case r.path.Stop != "":
	case errors.As(err, &told):
		r.path.Stop, r.path.Missing = told.French, told.Missing
	case errors.Is(err, circuits.ErrFields):
		r.path.Stop = "Un champ demandé à cette étape n’est pas rempli."
	case errors.Is(err, circuits.ErrChoice):
		r.path.Stop = "Le bureau à choisir au départ n’est pas choisi."
	case errors.Is(err, circuits.ErrCircuit):
		r.path.Stop = "Avec ces valeurs, aucune étape n’a lieu, ou le circuit n’est pas complet."
	case errors.Is(err, circuits.ErrMandate):
		r.path.Stop = "La seule personne présente agit par simple remplacement, qui ne suffit pas pour signer."
	default:
		r.path.Stop = "La lettre s’arrête : " + err.Error() + "."
	}
}

func digest(s string) circuits.Digest { return sha256.Sum256([]byte(s)) }
