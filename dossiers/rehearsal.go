package dossiers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"parapheur/circuits"
	"parapheur/circuits/delegation"
	"parapheur/internal/conditions"
	"parapheur/internal/trial"
)

// Trials keep what circuits are tried with. It is part of Store, under the
// same rules.
type Trials interface {
	// Underway counts the running dossiers of each version of each circuit.
	Underway(ctx context.Context, t TenantID) ([]Underway, error)
	// Travelling lists the running dossiers of a circuit, oldest first, limit
	// at most.
	Travelling(ctx context.Context, t TenantID, code string, limit int) ([]Travelling, error)
}

// Underway is how many dossiers travel a version of a circuit.
type Underway struct {
	Code     string
	Version  int
	Dossiers int
}

// A Travelling is a running dossier as the administrator of its circuit sees
// it: nothing of the letter itself.
type Travelling struct {
	ID      ID
	Number  int64
	Version int    // of the circuit
	Step    string // title of the open step, or empty
	Since   time.Time
}

// A CircuitLine is a circuit in the list of those who draw them.
type CircuitLine struct {
	CircuitSetup
	Name     string      // of the draft, else of the version in force, else the code
	Dossiers map[int]int // running, by version
	Types    []string    // names of the types that take it
	Stops    []string    // names of the desks where a letter of the version in force would stop today
}

// A Trial is a circuit with all that whoever draws it must know today.
type Trial struct {
	CircuitLine
	// Definition is what is tried: the draft, with the version that its
	// publication would make, or the version in force when there is none.
	Definition circuits.Definition
	Drafted    bool
	// Edition names the draft as it was read. A change is made from it.
	Edition  string
	Town     trial.Town
	Takers   []TypeSetup // types that take the circuit, with what they inherit
	Findings []trial.Finding
	Standing [][]trial.Standing // of each step
	Results  []trial.Result     // of the kept cases, in order
	Coverage []trial.Coverage
	setup    Organisation
}

// Ready reports whether nothing keeps the draft from being published.
func (x Trial) Ready() bool { return x.Drafted && x.refusal() == nil }

// refusal says what keeps a circuit from being published.
func (x Trial) refusal() error {
	e := &UnreadyError{}
	for _, f := range x.Findings {
		if f.Gravity == trial.Blocking {
			e.Reasons = append(e.Reasons, InvalidError{Field: "steps." + string(f.Step), Reason: f.Text})
		}
	}
	for _, r := range x.Results {
		if !r.OK {
			e.Reasons = append(e.Reasons, InvalidError{Field: "cases." + r.Name, Reason: "Le cas « " + r.Name + " » ne prend plus le chemin attendu."})
		}
	}
	if len(e.Reasons) == 0 {
		return nil
	}
	return e
}

// ErrUnready refuses to publish a circuit. It comes as an *UnreadyError.
var ErrUnready = errors.New("the circuit is not ready to be published")

// An UnreadyError says what keeps a circuit from being published.
type UnreadyError struct{ Reasons []InvalidError }

// Error implements error.
func (e *UnreadyError) Error() string { return fmt.Sprintf("%v: %v", ErrUnready, e.Reasons) }

// Is makes every UnreadyError match ErrUnready.
func (e *UnreadyError) Is(target error) bool { return target == ErrUnready }

// tries says whether v may read and try circuits: administrators, and programs,
// of which the interface asks the scope.
func (v Viewer) tries() error {
	if v.Application != nil {
		return nil
	}
	return v.administers()
}

// Circuits lists the circuits of the town, drafts and retired ones included.
func (o *Office) Circuits(ctx context.Context, v Viewer) ([]CircuitLine, error) {
	if err := v.tries(); err != nil {
		return nil, err
	}
	g, err := o.Store.Organisation(ctx, v.Tenant.ID)
	if err != nil {
		return nil, err
	}
	travelling, err := o.Store.Underway(ctx, v.Tenant.ID)
	if err != nil {
		return nil, err
	}
	out := make([]CircuitLine, len(g.Circuits))
	for i, c := range g.Circuits {
		out[i] = g.line(c, travelling)
		if n := len(c.Versions); n > 0 && c.Published == nil && c.Draft == nil {
			last, err := o.Store.Circuit(ctx, v.Tenant.ID, c.Code, c.Versions[n-1].Version)
			if err != nil {
				return nil, err
			}
			out[i].Name = last.Name
		}
	}
	return out, nil
}

func (g Organisation) line(c CircuitSetup, travelling []Underway) CircuitLine {
	l := CircuitLine{CircuitSetup: c, Name: c.Code, Dossiers: map[int]int{}, Stops: g.stops(c)}
	switch {
	case c.Draft != nil:
		l.Name = c.Draft.Name
	case c.Published != nil:
		l.Name = c.Published.Name
	}
	for _, u := range travelling {
		if u.Code == c.Code {
			l.Dossiers[u.Version] = u.Dossiers
		}
	}
	for _, y := range g.takers(c.Code) {
		l.Types = append(l.Types, y.Name)
	}
	return l
}

// takers are the types whose letters take a circuit.
func (g Organisation) takers(code string) (out []TypeSetup) {
	for _, y := range g.Types {
		full, _ := g.Type(y.Code)
		if !full.Inactive && (full.Circuit == code || slices.ContainsFunc(full.Rules, func(r CircuitRule) bool { return r.Circuit == code })) {
			out = append(out, full)
		}
	}
	return out
}

// Trial tries a circuit on the town as it is today.
func (o *Office) Trial(ctx context.Context, v Viewer, code string) (Trial, error) {
	if err := v.tries(); err != nil {
		return Trial{}, err
	}
	g, err := o.Store.Organisation(ctx, v.Tenant.ID)
	if err != nil {
		return Trial{}, err
	}
	travelling, err := o.Store.Underway(ctx, v.Tenant.ID)
	if err != nil {
		return Trial{}, err
	}
	found, err := o.resources(ctx, v.Tenant, g, g.tried(code))
	if err != nil {
		return Trial{}, err
	}
	return g.Try(code, found, travelling, o.here(g.Territory))
}

// Resources are what the people of a town were found to act with.
type Resources struct {
	People   map[circuits.PersonID]trial.Means
	Sealless bool // the seal of the town could not be used
}

// Try tries a circuit in a set-up, at an instant of the town.
func (g Organisation) Try(code string, found Resources, travelling []Underway, at time.Time) (Trial, error) {
	c, ok := g.Circuit(code)
	if !ok {
		return Trial{}, fmt.Errorf("circuit %s: %w", code, ErrNotFound)
	}
	x := Trial{CircuitLine: g.line(c, travelling), Takers: g.takers(code), Town: g.trialTown(found, at.Location()), setup: g}
	x.Definition, x.Drafted = c.tried(g)
	if x.Drafted {
		x.Edition = edition(*c.Draft)
	}
	letters := x.letters()
	for _, l := range letters {
		for _, f := range trial.Lint(x.Definition, x.Town, l, at) {
			if !slices.Contains(x.Findings, f) {
				x.Findings = append(x.Findings, f)
			}
		}
	}
	slices.SortStableFunc(x.Findings, func(a, b trial.Finding) int { return strings.Compare(string(b.Gravity), string(a.Gravity)) })
	x.Standing = trial.Stand(x.Definition, x.Town, letters[0], at)
	x.Results, x.Coverage = trial.Cover(x.Definition, x.Town, func(c trial.Case) trial.Letter { return x.Letter(c.Type) }, c.Cases, at)
	return x, nil
}

// tried is what a trial is about: the draft as it would be published, else the
// version in force. It is empty when the circuit is retired.
func (c CircuitSetup) tried(g Organisation) (d circuits.Definition, draft bool) {
	switch {
	case c.Draft != nil:
		d = *c.Draft
		d.Version = g.nextVersion(c.Code)
		return d, true
	case c.Published != nil:
		return *c.Published, false
	}
	return circuits.Definition{Code: c.Code, Name: c.Code}, false
}

// letters are the kinds of letters that take the circuit; one that has the
// fields of every type when none does.
func (x Trial) letters() (out []trial.Letter) {
	for _, y := range x.Takers {
		out = append(out, x.setup.letter(y))
	}
	if len(out) == 0 {
		out = append(out, x.setup.letter(TypeSetup{Class: delegation.Letter, Metadata: x.setup.everyField()}))
	}
	return out
}

// Letter is the kind of letter of a type, the first when it takes another
// circuit.
func (x Trial) Letter(code string) trial.Letter {
	all := x.letters()
	if i := slices.IndexFunc(all, func(l trial.Letter) bool { return l.Type == code }); i >= 0 {
		return all[i]
	}
	return all[0]
}

// Fields are the metadata that a condition of the circuit may name, those of
// any dossier first.
func (x Trial) Fields() conditions.Schema { return x.letters()[0].Schema }

func (g Organisation) letter(y TypeSetup) trial.Letter {
	l := trial.Letter{Type: y.Code, Within: g.Within(y.Code), Class: y.Class, Council: y.CouncilMatter, Schema: y.Schema()}
	for _, f := range builtin() {
		l.Required = append(l.Required, f.Name)
	}
	for _, f := range y.Metadata {
		if f.AtDeposit {
			l.Required = append(l.Required, f.Name)
		}
	}
	return l
}

// tried is what a trial of a circuit is about, by itself.
func (g Organisation) tried(code string) circuits.Definition {
	c, _ := g.Circuit(code)
	d, _ := c.tried(g)
	return d
}

// resources looks up the passkeys of people, and the keys that the signatures and
// the seals of circuits need. It uses no key. Who is only in g, as the set-up
// that a file would make, has nothing.
func (o *Office) resources(ctx context.Context, t Tenant, g Organisation, list ...circuits.Definition) (Resources, error) {
	m := Resources{People: map[circuits.PersonID]trial.Means{}}
	people, err := o.Store.People(ctx, t.ID)
	if err != nil {
		return m, err
	}
	for _, p := range people {
		m.People[p.ID] = trial.Means{Passkey: p.Active && p.Passkeys > 0}
	}
	usable := func(p circuits.PersonID) (bool, error) {
		r, err := o.Keys.Readiness(ctx, t, p)
		if err != nil {
			return false, fmt.Errorf("key of %q: %w", p, err)
		}
		return r.Usable, nil
	}
	var signatories []circuits.PersonID
	sealed := false
	for _, d := range list {
		signatories = append(signatories, g.signatories(d, o.today(g.Territory))...)
		sealed = sealed || slices.ContainsFunc(d.Steps, func(st circuits.Step) bool { return st.Kind == circuits.Seal })
	}
	slices.Sort(signatories)
	for _, p := range slices.Compact(signatories) {
		can, there := m.People[p]
		if !there {
			continue
		}
		if can.Certificate, err = usable(p); err != nil {
			return m, err
		}
		m.People[p] = can
	}
	if sealed {
		ready, err := usable("")
		if err != nil {
			return m, err
		}
		m.Sealless = !ready
	}
	return m, nil
}

// signatories are those who could take the signatures of a circuit today.
func (g Organisation) signatories(d circuits.Definition, today delegation.Date) (out []circuits.PersonID) {
	s := g.Snapshot()
	for _, st := range d.Steps {
		if st.Kind != circuits.Signature {
			continue
		}
		desks(&st, func(id circuits.DeskID) circuits.DeskID {
			for _, p := range s.Powers(id, delegation.Act{Internal: true}, today).Powers {
				if !slices.Contains(out, p.Person) {
					out = append(out, p.Person)
				}
			}
			return id
		})
	}
	return out
}

// trialTown is the town as trials know it.
func (g Organisation) trialTown(found Resources, zone *time.Location) trial.Town {
	t := trial.Town{
		Snapshot: g.Snapshot(), Desks: map[circuits.DeskID]trial.Desk{}, Able: found.People, Sealless: found.Sealless,
		Calendar: g.Calendar(zone), Circuits: map[string]bool{},
	}
	for _, d := range g.Desks {
		t.Desks[d.ID] = trial.Desk{Code: d.Code, Name: d.Name, Parent: d.Parent, Closed: d.Inactive}
	}
	for _, c := range g.Circuits {
		if c.Published != nil {
			t.Circuits[c.Code] = true
		}
	}
	return t
}

// Rehearse walks a letter that does not exist through a circuit, on a day. The
// values are checked as at a deposit, but nothing is asked to be filled.
func (o *Office) Rehearse(ctx context.Context, v Viewer, code string, c trial.Case, on delegation.Date) (trial.Path, error) {
	x, err := o.Trial(ctx, v, code)
	if err != nil {
		return trial.Path{}, err
	}
	at, err := o.morning(v.Tenant, on)
	if err != nil {
		return trial.Path{}, err
	}
	if c, err = x.normal(c); err != nil {
		return trial.Path{}, err
	}
	return trial.Rehearse(x.Definition, x.Town, x.Letter(c.Type), c, at), nil
}

// morning is when the town hall opens on a day; empty: now.
func (o *Office) morning(t Tenant, on delegation.Date) (time.Time, error) {
	now := o.here(t.Territory)
	if on == "" || on == delegation.DateOf(now) {
		return now, nil
	}
	day, err := time.ParseInLocation(time.DateOnly, string(on), now.Location())
	if err != nil {
		return now, &InvalidError{"on", "Indiquez un jour qui existe, comme 2026-05-15."}
	}
	return day.Add(9 * time.Hour), nil
}

// normal puts the values of a case in their canonical form, and finds the desk
// of its drafter.
func (x Trial) normal(c trial.Case) (trial.Case, error) {
	schema := x.Letter(c.Type).Schema
	values := conditions.Values{"annexes": "0", "pages": "1"}
	for name, raw := range c.Values {
		i := slices.IndexFunc(schema, func(f conditions.Variable) bool { return f.Name == name })
		if i < 0 {
			return c, &InvalidError{"metadata." + name, "Ce type de courrier n’a pas de champ « " + name + " »."}
		}
		value, problem := schema[i].Normal(raw)
		if problem != "" {
			return c, &InvalidError{"metadata." + name, problem}
		}
		values[name] = value
	}
	c.Values = values
	if c.Drafter != "" {
		if _, ok := x.setup.Member(c.Drafter); !ok {
			return c, &InvalidError{"drafter", "Choisissez une personne de la liste."}
		}
		c.DrafterDesk = circumstances{town: x.setup}.deskOf(c.Drafter)
	}
	return c, nil
}

// Drafters are the people who may deposit letters, to try a circuit with.
func (x Trial) Drafters() (out []Member) {
	for _, m := range x.setup.People {
		if m.Drafter && !m.Inactive {
			out = append(out, m)
		}
	}
	return out
}

// Desks are those in use, in the order of pages.
func (x Trial) Desks() (out []DeskSetup) {
	for _, d := range x.setup.Desks {
		if !d.Inactive {
			out = append(out, d)
		}
	}
	return out
}

// Others are the circuits that one may be chained into: published, and not it.
func (x Trial) Others() (out []CircuitSetup) {
	for _, c := range x.setup.Circuits {
		if c.Published != nil && c.Code != x.Code {
			out = append(out, c)
		}
	}
	return out
}

// Kinds are the types of letters that could take the circuit: those in use
// that hold letters, or could.
func (x Trial) Kinds() (out []TypeSetup) {
	for _, y := range x.setup.Types {
		if !y.Inactive && len(y.Rules) == 0 {
			out = append(out, y)
		}
	}
	return out
}
