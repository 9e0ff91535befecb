package dossiers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"parapheur/approvals/proof"
	"parapheur/circuits"
	"parapheur/circuits/calendar"
	"parapheur/circuits/delegation"
	"parapheur/internal/conditions"
	"parapheur/internal/facts"
)

// A Matter is a dossier with what a command must know of it, read at one
// instant.
type Matter struct {
	Dossier  Dossier
	Filing   Filing
	Recusals []delegation.Recusal
	Revision int64 // of the set-up of the town
}

// circumstances are what a command must know of the town on its day: who may
// act and in which capacity, what the metadata say, when the town works.
type circumstances struct {
	town     Organisation
	snapshot delegation.Snapshot
	kind     TypeSetup
	act      delegation.Act
	values   conditions.Values // those derived from the documents included
	calendar calendar.Calendar
	now      time.Time // in the town
}

// setUp is the set-up of a town, read again when it changed. It must not be
// written to.
func (o *Office) setUp(ctx context.Context, t TenantID, revision int64) (Organisation, error) {
	if kept, ok := o.towns.Load(t); ok && kept.(Organisation).Revision == revision {
		return kept.(Organisation), nil
	}
	g, err := o.Store.Organisation(ctx, t)
	if err != nil {
		return g, err
	}
	o.towns.Store(t, g)
	return g, nil
}

// circumstances gathers what a command on m must know today.
func (o *Office) circumstances(ctx context.Context, t TenantID, m Matter) (circumstances, error) {
	g, err := o.setUp(ctx, t, m.Revision)
	if err != nil {
		return circumstances{}, err
	}
	kind, _ := g.Type(m.Dossier.TypeCode) // a type that is gone asks for nothing
	c := circumstances{
		town: g, snapshot: g.Snapshot(), kind: kind, act: g.Act(m.Dossier.TypeCode, m.Filing), calendar: g.Calendar(o.LocationOf(g.Territory)),
		values: derived(m.Filing.Values, len(m.Dossier.Documents)-1, m.Dossier.Main().Pages), now: o.here(g.Territory),
	}
	c.act.Recusals = m.Recusals
	return c, nil
}

// Calendar is that of the town: its holidays, its closures, and where its days
// begin.
func (g Organisation) Calendar(zone *time.Location) calendar.Calendar {
	c := calendar.Calendar{Region: g.Territory.Region, Zone: zone}
	for _, x := range g.Closures {
		var day calendar.Date
		if day.UnmarshalText([]byte(x.On)) == nil {
			c.Closures = append(c.Closures, calendar.Closure{From: day, To: day, Name: x.Label})
		}
	}
	return c
}

// facts are what the engine asks of the town for a dossier in circuit d.
func (c circumstances) facts(s circuits.State, d circuits.Definition, chosen map[circuits.StepID]circuits.DeskID) circuits.Facts {
	l := facts.Letter{Values: c.values, Act: c.act, DrafterDesk: c.deskOf(s.Drafter), Chosen: chosen, Holds: c.condition}
	for _, x := range c.kind.Metadata {
		l.Fields = append(l.Fields, x.Name)
	}
	town := facts.Town{Snapshot: c.snapshot, Calendar: c.calendar, Desks: c.town.namedDesks()}
	return town.Of(d, l, c.today())
}

// namedDesks are the desks of the town by all that names them.
func (g Organisation) namedDesks() []facts.Desk {
	out := make([]facts.Desk, len(g.Desks))
	for i, d := range g.Desks {
		out[i] = facts.Desk{ID: d.ID, Code: d.Code, Name: d.Name, Parent: d.Parent, Closed: d.Inactive}
	}
	return out
}

func (c circumstances) today() delegation.Date { return delegation.DateOf(c.now) }

// condition evaluates the condition of a step; an error names the field that
// is not filled.
func (c circumstances) condition(st circuits.Step) (bool, error) {
	if st.When == "" {
		return true, nil
	}
	return c.kind.holds(st.When, c.values, c.now)
}

// explain turns what the engine could not decide into what the person can do
// about it.
func (c circumstances) explain(err error, d circuits.Definition) error {
	switch {
	case errors.Is(err, circuits.ErrFacts):
		for _, st := range d.Steps {
			if _, why := c.condition(st); why != nil {
				return why
			}
		}
	case errors.Is(err, circuits.ErrFields):
		for _, st := range d.Steps {
			for _, f := range slices.Concat(st.Fields, st.OnRefusalFields) {
				if c.values[f.Field] == "" && strings.Contains(err.Error(), `"`+f.Field+`"`) {
					return &InvalidError{"metadata." + f.Field, "Renseignez « " + c.label(f) + " » : cette étape le demande."}
				}
			}
		}
	}
	return err
}

func (c circumstances) label(f circuits.FieldRule) string {
	for _, x := range c.kind.Metadata {
		if x.Name == f.Field && f.Label == "" {
			return x.Label
		}
	}
	if f.Label == "" {
		return f.Field
	}
	return f.Label
}

// deskOf is the desk from which somebody drafts: the first they hold, else the
// first they prepare.
func (c circumstances) deskOf(p circuits.PersonID) circuits.DeskID {
	at := func(list []SeatSetup) bool {
		return slices.ContainsFunc(list, func(s SeatSetup) bool { return s.Person == p })
	}
	for _, d := range c.town.Desks {
		if !d.Inactive && at(d.Holders) {
			return d.ID
		}
	}
	for _, d := range c.town.Desks {
		if !d.Inactive && at(d.Preparers) {
			return d.ID
		}
	}
	return ""
}

// capacity says in which right p takes a turn: their own, or that of somebody
// for whom the law lets them act. It answers circuits.ErrDesk when nothing
// ties them to it, else a *delegation.Refusal.
func (c circumstances) capacity(p Person, turn circuits.OpenTurn, k circuits.Kind) (circuits.Actor, error) {
	if turn.Desk == "" {
		if turn.Person == p.ID {
			return c.personal(p, ""), nil
		}
		return circuits.Actor{}, circuits.ErrDesk
	}
	act := c.act
	act.Internal = k != circuits.Signature && k != circuits.Seal
	power, err := c.snapshot.Powers(turn.Desk, act, c.today()).Of(p.ID)
	switch {
	case turn.Person == p.ID && (err != nil || power.Principal == nil):
		return c.personal(p, turn.Desk), nil // it was given to them
	case turn.Person == p.ID:
		return power.Actor(turn.Desk), nil
	case err != nil:
		return circuits.Actor{}, err
	case turn.Person != "" && (power.Principal == nil || power.Principal.Person != turn.Person):
		return circuits.Actor{}, circuits.ErrDesk // another person's own turn
	}
	if _, seated := p.Seat(turn.Desk); power.Principal == nil && !seated {
		return circuits.Actor{}, circuits.ErrDesk // unseated a moment ago
	}
	return power.Actor(turn.Desk), nil
}

// personal is how somebody acts whose own turn it is.
func (c circumstances) personal(p Person, desk circuits.DeskID) circuits.Actor {
	a := circuits.Actor{Person: p.ID, Name: p.Name(), Desk: desk, Quality: "Rédacteur"}
	if seat, ok := p.Seat(desk); ok {
		a.Quality = seat.Quality
	} else if len(p.Seats) > 0 {
		a.Quality = p.Seats[0].Quality
	}
	return a
}

// ground is what a statement says of the act by which somebody decides for
// another, or nothing.
func (c circumstances) ground(a circuits.Actor) string {
	if a.For == nil {
		return ""
	}
	ref := delegation.ID(a.For.Reference)
	switch a.For.Mandate {
	case circuits.Delegated:
		d, _ := find(c.town.Delegations, func(d delegation.Delegation) bool { return d.ID == ref })
		return proof.ByArrete(d.Number, proof.Digest(d.Arrete))
	case circuits.Substitutes:
		i, _ := find(c.town.Impediments, func(i delegation.Impediment) bool { return i.ID == ref })
		return proof.ByImpediment(string(i.ID), proof.Digest(i.Document))
	case circuits.Recusing:
		return proof.ByRecusal(a.For.Reference)
	case circuits.Absence:
	}
	return proof.ByAbsence(a.For.Reference)
}

// follow adds to a change what the machine does at once: the seal that nobody
// puts, the circuit that comes next. It says whether a key is to be used.
func (c circumstances) follow(s circuits.State, change Change, at time.Time) (Change, error) {
	change.Calendar = c.calendar
	sealing := s.SealingStep()
	for _, e := range change.Events {
		s = s.Apply(e)
	}
	for range len(s.Circuit.Steps) + maxChain {
		events, err := c.consequence(s, at)
		if err != nil {
			return change, err
		}
		if len(events) == 0 {
			break
		}
		change.Events = append(change.Events, events...)
		for _, e := range events {
			s = s.Apply(e)
		}
	}
	change.Seal = change.Seal || s.SealingStep() >= 0 && s.SealingStep() != sealing
	return change, nil
}

// maxChain bounds how many circuits follow one another at once.
const maxChain = 5

func (c circumstances) consequence(s circuits.State, at time.Time) ([]circuits.Event, error) {
	if i := s.AutoStep(); i >= 0 {
		return s.AutoSeal(i, at)
	}
	if s.Phase != circuits.Running || s.Next == "" {
		return nil, nil
	}
	next, _ := c.town.Circuit(s.Next)
	if next.Published == nil {
		return s.EndChain(at)
	}
	machine := circuits.Actor{Name: "Enchaînement", Application: "parapheur"}
	whole := s.Continued(*next.Published)
	events, err := s.Chain(machine, *next.Published, c.facts(s, whole, nil), at)
	if errors.Is(err, circuits.ErrFacts) || errors.Is(err, circuits.ErrChoice) {
		return nil, nil // an administrator or the drafter chooses; it waits
	}
	if err != nil {
		return nil, fmt.Errorf("chain into %s: %w", s.Next, err)
	}
	return events, nil
}

// errMoved says that the set-up of the town changed under a command.
var errMoved = errors.New("the set-up of the town changed meanwhile")

// move runs one command on a dossier, under its lock, with the circumstances
// of the day. When the set-up of the town changes meanwhile it looks again.
func (o *Office) move(ctx context.Context, v Viewer, id ID, what string, decide func(Work, circumstances) (Change, error)) (Dossier, error) {
	for range 5 {
		m, err := o.Store.Matter(ctx, v.Tenant.ID, id)
		if err != nil {
			return Dossier{}, err
		}
		c, err := o.circumstances(ctx, v.Tenant.ID, m)
		if err != nil {
			return Dossier{}, err
		}
		d, err := o.Store.Update(ctx, v.Tenant.ID, id, v.personID(), func(w Work) (Change, error) {
			if w.Revision != c.town.Revision {
				return Change{}, errMoved
			}
			change, err := decide(w, c)
			if err != nil {
				return Change{}, c.explain(err, w.Dossier.State.Circuit)
			}
			return c.follow(w.Dossier.State, change, o.now())
		})
		switch {
		case err == nil:
			return d, nil
		case !errors.Is(err, errMoved):
			return d, fmt.Errorf("%s %s: %w", what, id, err)
		}
	}
	return Dossier{}, fmt.Errorf("%s %s: %w", what, id, ErrConflict)
}

// matter reads a dossier that v may see, with its circumstances.
func (o *Office) matter(ctx context.Context, v Viewer, id ID) (Matter, circumstances, error) {
	m, err := o.Store.Matter(ctx, v.Tenant.ID, id)
	if err != nil {
		return m, circumstances{}, err
	}
	c, err := o.circumstances(ctx, v.Tenant.ID, m)
	if err != nil {
		return m, c, err
	}
	if !c.sees(v, m.Dossier) {
		return Matter{}, c, fmt.Errorf("dossier %s: %w", id, ErrNotFound)
	}
	return m, c, nil
}
