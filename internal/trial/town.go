// Package trial tries a circuit before it is trusted.
//
//	Lint      says what is wrong with it, in the words of an administrator
//	Rehearse  walks a letter through it: the path, who acts, the likely end
//	Cover     says which branches a set of cases takes, and which none does
//	Compare   sets two versions side by side
//	Stand     says of each step who acts today, for whoever draws it
//	Express   writes a condition from fields, operators and values
//
// A rehearsal runs the engine of package circuits itself, on the town as it is
// set up, with the delegations of the day: what it shows is what would happen.
// The package must not read a clock, hold a context or touch storage: the town
// and the day are arguments.
//
// # Failure handling
//
// Nothing here fails because a circuit is bad: that is a Finding, or a Path
// that stops. Every sentence is French, for who draws the circuit.
package trial

import (
	"maps"
	"slices"
	"time"

	"parapheur/circuits"
	"parapheur/circuits/calendar"
	"parapheur/circuits/delegation"
	"parapheur/internal/conditions"
	"parapheur/internal/facts"
)

// A Town is what a circuit is tried on.
type Town struct {
	delegation.Snapshot
	Desks map[circuits.DeskID]Desk
	// Able says what each person has to act with; somebody absent has nothing.
	Able map[circuits.PersonID]Means
	// Sealless says that the seal of the town could not be used today.
	Sealless bool
	Calendar calendar.Calendar
	// Circuits are the codes of those published, for what a circuit leads to.
	Circuits map[string]bool
}

// A Desk is a desk, by its name and the desk above.
type Desk struct {
	Code   string
	Name   string
	Parent circuits.DeskID // empty at the top
	Closed bool            // no longer in use
}

// Means are what a person has to act with.
type Means struct {
	Passkey     bool
	Certificate bool // a signing key that can be used today
}

// A Letter is the kind of letter that takes the circuit.
type Letter struct {
	Type   string   // code
	Within []string // the types it belongs to
	Class  delegation.Class
	// Council says that the council delegated the matter to the mayor.
	Council bool
	Schema  conditions.Schema
	// Required are the fields that are filled from the deposit on.
	Required []string
}

// act is the letter as the law of delegation sees it.
func (l Letter) act(values conditions.Values, internal bool) delegation.Act {
	a := delegation.Act{Type: l.Type, Within: l.Within, Class: l.Class, Council: l.Council, Internal: internal, Amounts: map[string]delegation.Amount{}}
	for _, v := range l.Schema {
		if v.Type != conditions.Decimal && v.Type != conditions.Integer || values[v.Name] == "" {
			continue
		}
		if sum, err := delegation.ParseAmount(values[v.Name]); err == nil {
			a.Amounts[v.Name] = sum
		}
	}
	return a
}

// label names a field as people know it.
func (l Letter) label(field string) string {
	for _, v := range l.Schema {
		if v.Name == field && v.Label != "" {
			return v.Label
		}
	}
	return field
}

func (l Letter) has(field string) bool {
	return slices.ContainsFunc(l.Schema, func(v conditions.Variable) bool { return v.Name == field })
}

// deskName is how messages name a desk.
func (t Town) deskName(d circuits.DeskID) string {
	if known, ok := t.Desks[d]; ok {
		return known.Name
	}
	return string(d)
}

// known is the town as the engine is told of it: by the same function as for
// the letters that travel.
func (t Town) known() facts.Town {
	out := facts.Town{Snapshot: t.Snapshot, Calendar: t.Calendar}
	for _, id := range slices.Sorted(maps.Keys(t.Desks)) {
		d := t.Desks[id]
		out.Desks = append(out.Desks, facts.Desk{ID: id, Code: d.Code, Name: d.Name, Parent: d.Parent, Closed: d.Closed})
	}
	return out
}

// day is the day of an instant in the town.
func (t Town) day(at time.Time) delegation.Date {
	if t.Calendar.Zone != nil {
		at = at.In(t.Calendar.Zone)
	}
	return delegation.DateOf(at)
}

// rules are the actors of a step, its short form spelled out.
func rules(st circuits.Step) []circuits.ActorRule {
	if st.Desk != "" {
		return []circuits.ActorRule{{Rule: circuits.NamedDesk, Desk: st.Desk}}
	}
	return st.Actors
}

// seals reports whether a step puts a key to work.
func seals(k circuits.Kind) bool { return k == circuits.Signature || k == circuits.Seal }
