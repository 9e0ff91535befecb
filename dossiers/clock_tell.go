package dossiers

import (
	"context"
	"fmt"
	"slices"
	"time"

	"parapheur/circuits"
	"parapheur/circuits/calendar"
	"parapheur/circuits/delegation"
)

// A TellingKind is what there is to tell somebody of a dossier.
type TellingKind string

// What there is to tell.
const (
	TellWaiting    TellingKind = "waiting"    // it waits for them
	TellReminder   TellingKind = "reminder"   // it waits for them, and its deadline comes or is past
	TellEscalated  TellingKind = "escalated"  // it waits for somebody else, for too long
	TellAsked      TellingKind = "asked"      // somebody wants their opinion
	TellAnswered   TellingKind = "answered"   // the opinion they asked for came
	TellRefused    TellingKind = "refused"    // somebody refused it
	TellBlocked    TellingKind = "blocked"    // nobody can act on it
	TellInformed   TellingKind = "informed"   // it passed, for their information
	TellOverdue    TellingKind = "overdue"    // its whole circuit is late
	TellCompleted  TellingKind = "completed"  // it came to its end
	TellSuperseded TellingKind = "superseded" // another one replaced it
)

// A Telling is one thing to tell one person of a dossier.
type Telling struct {
	Kind   TellingKind
	Person Person
	Step   string    // title of the step it is about
	Verb   string    // what is wanted of them: "à signer", "à viser"
	By     string    // who refused, asked or answered
	Text   string    // motive, question or answer
	Next   string    // of a refusal: where it goes
	Due    time.Time // zero: none
}

// toTell are the facts of a change, not yet people.
type toTell struct {
	Telling
	who    circuits.PersonID
	to     circuits.Recipient
	admins bool
}

// Tellings says what the facts of a dossier from one number to another, in its
// journal, are to tell and to whom: those who may act today where it waits. It
// reads the journal again, and answers the same as long as nobody's powers
// change. People who are not active are told nothing.
func (o *Office) Tellings(ctx context.Context, t TenantID, id ID, from, to int) (Dossier, []Telling, error) {
	entries, err := o.Store.JournalOf(ctx, t, id)
	if err != nil {
		return Dossier{}, nil, err
	}
	if from < 0 || to > len(entries) || from >= to {
		return Dossier{}, nil, fmt.Errorf("facts %d to %d of %s: %w", from, to, id, ErrNotFound)
	}
	var s circuits.State
	var before circuits.State
	var facts []toTell
	for i, x := range entries[:to] {
		e, err := circuits.Decode(x.Kind, x.Body)
		if err != nil {
			return Dossier{}, nil, fmt.Errorf("fact %d of %s: %w", i, id, err)
		}
		if i == from {
			before = s
		}
		if i >= from {
			facts = append(facts, tells(s, e)...)
		}
		s = s.Apply(e)
	}
	facts = append(facts, waits(before, s)...)
	m, err := o.Store.Matter(ctx, t, id)
	if err != nil {
		return Dossier{}, nil, err
	}
	c, err := o.circumstances(ctx, t, m)
	if err != nil {
		return Dossier{}, nil, err
	}
	people, err := o.Store.People(ctx, t)
	if err != nil {
		return Dossier{}, nil, err
	}
	return m.Dossier, c.tellings(facts, people), nil
}

// tells says what one fact has to tell.
func tells(s circuits.State, e circuits.Event) (out []toTell) {
	step := func(i int) string {
		if i < 0 || i >= len(s.Circuit.Steps) {
			return ""
		}
		return s.Circuit.Steps[i].Title
	}
	each := func(kind TellingKind, i int, to []circuits.Recipient, x Telling) {
		for _, r := range to {
			x.Kind, x.Step = kind, step(i)
			out = append(out, toTell{Telling: x, to: r})
		}
	}
	one := func(kind TellingKind, i int, p circuits.PersonID, x Telling) {
		x.Kind, x.Step = kind, step(i)
		out = append(out, toTell{Telling: x, who: p})
	}
	switch e := e.(type) {
	case circuits.Reminded:
		each(TellReminder, e.Step, e.To, Telling{Due: e.Due, Verb: wanted(s, e.Step)})
	case circuits.Escalated:
		if !e.Moved {
			each(TellEscalated, e.Step, []circuits.Recipient{e.To}, Telling{Due: e.Due})
		}
	case circuits.OpinionAsked:
		each(TellAsked, e.Step, e.To, Telling{By: e.By.Name, Text: e.Question, Due: e.Due})
	case circuits.OpinionGiven:
		one(TellAnswered, e.Step, e.To.Person, Telling{By: e.By.Name, Text: e.Advice.Said()})
	case circuits.StepRefused:
		next := "Il revient à son rédacteur, qui peut le corriger, le remettre dans le circuit ou y renoncer."
		if e.BackTo > 0 {
			next = "Il revient à l’étape « " + step(e.BackTo-1) + " »."
		}
		for _, p := range e.Told {
			one(TellRefused, e.Step, p, Telling{By: signed(e.By), Text: e.Reason, Next: next})
		}
	case circuits.TurnRefused:
		one(TellRefused, e.Step, s.Drafter, Telling{By: signed(e.By), Text: e.Reason, Next: "Il continue : les autres personnes de l’étape suffisent."})
	case circuits.StepBlocked:
		out = append(out, toTell{Telling: Telling{Kind: TellBlocked, Step: step(e.Step)}, admins: true})
		one(TellBlocked, e.Step, s.Drafter, Telling{})
	case circuits.StepOpened:
		if e.Step >= 0 && e.Step < len(s.Circuit.Steps) && s.Circuit.Steps[e.Step].Kind == circuits.Information {
			each(TellInformed, e.Step, e.Turns, Telling{})
		}
	case circuits.WentOverdue:
		one(TellOverdue, -1, s.Drafter, Telling{Due: e.Due})
	case circuits.CircuitCompleted:
		one(TellCompleted, -1, s.Drafter, Telling{})
	case circuits.Superseded:
		for _, x := range s.Decisions {
			one(TellSuperseded, -1, x.By.Person, Telling{By: e.By.Name, Text: e.Reason})
		}
	}
	return out
}

// signed is how a mail names who decided.
func signed(a circuits.Actor) string {
	if a.Quality == "" {
		return a.Name
	}
	return a.Name + ", " + a.Quality
}

// wanted is what a step asks of those who hold its turns.
func wanted(s circuits.State, i int) string {
	if i < 0 || i >= len(s.Circuit.Steps) {
		return "à traiter"
	}
	switch s.Circuit.Steps[i].Kind {
	case circuits.Visa:
		return "à viser"
	case circuits.Signature:
		return "à signer"
	case circuits.Seal:
		return "à sceller du cachet"
	case circuits.Opinion:
		return "sur lequel donner votre avis"
	case circuits.External, circuits.Information:
	}
	return "à traiter"
}

// waits says which turns wait for somebody since the facts between two states.
func waits(before, after circuits.State) (out []toTell) {
	same := func(a circuits.OpenTurn) bool {
		return before.Round == after.Round && slices.ContainsFunc(before.OpenTurns(), func(b circuits.OpenTurn) bool {
			return a.Step == b.Step && a.Turn == b.Turn && a.Desk == b.Desk && a.Person == b.Person && a.Since.Equal(b.Since)
		})
	}
	for _, turn := range after.OpenTurns() {
		if !same(turn) {
			out = append(out, toTell{
				Telling: Telling{Kind: TellWaiting, Step: after.Circuit.Steps[turn.Step].Title, Verb: wanted(after, turn.Step), Due: turn.Due},
				to:      circuits.Recipient{Desk: turn.Desk, Person: turn.Person},
			})
		}
	}
	return out
}

// tellings finds the people, each told one thing once.
func (c circumstances) tellings(facts []toTell, people []Person) (out []Telling) {
	for _, f := range facts {
		for _, p := range people {
			if !p.Active || !c.concerns(f, p) {
				continue
			}
			f.Person = p
			if !slices.ContainsFunc(out, func(x Telling) bool { return x.Kind == f.Kind && x.Person.ID == p.ID && x.Step == f.Step }) {
				out = append(out, f.Telling)
			}
		}
	}
	return out
}

// concerns says whether p is one of those a fact is told to. At a desk they
// are its holders who are there, else whoever may act in their place.
func (c circumstances) concerns(f toTell, p Person) bool {
	switch {
	case f.admins:
		return p.Admin
	case f.to == circuits.Recipient{}:
		return p.ID == f.who
	case f.to.Person != "":
		return p.ID == f.to.Person
	}
	act := c.act
	act.Internal = true
	powers := c.snapshot.Powers(f.to.Desk, act, c.today()).Powers
	present := false
	for _, x := range powers {
		if x.Principal == nil && !x.Away {
			if present = true; x.Person == p.ID {
				return true
			}
		}
	}
	return !present && slices.ContainsFunc(powers, func(x delegation.Power) bool { return x.Person == p.ID })
}

// A Morning is what waits for somebody at the beginning of a working day.
type Morning struct {
	Person     Person
	ToDo, Late int
}

// Mornings lists the active people for whom something waits and who want to be
// told of it, or nobody on a day when the town does not work. digest is what
// those want who did not choose.
func (o *Office) Mornings(ctx context.Context, t Tenant, digest bool) ([]Morning, error) {
	revision, err := o.Store.OrganisationRevision(ctx, t.ID)
	if err != nil {
		return nil, err
	}
	g, err := o.setUp(ctx, t.ID, revision)
	if err != nil {
		return nil, err
	}
	zone := o.LocationOf(g.Territory)
	if !g.Calendar(zone).Working(calendar.On(o.Now().In(zone))) {
		return nil, nil
	}
	people, err := o.Store.People(ctx, t.ID)
	if err != nil {
		return nil, err
	}
	var out []Morning
	for _, p := range people {
		if !p.Active || !p.Mails.WantsMorning(digest) {
			continue
		}
		n, err := o.Bins(ctx, Viewer{Tenant: t, Person: &p})
		if err != nil {
			return nil, fmt.Errorf("morning of %s: %w", p.ID, err)
		}
		if n[BinToDo] > 0 {
			out = append(out, Morning{Person: p, ToDo: n[BinToDo], Late: n[BinLate]})
		}
	}
	return out, nil
}
