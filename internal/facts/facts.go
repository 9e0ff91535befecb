// Package facts gathers what the engine must know of a town and of a letter on
// a day: who holds which desk, which desks the metadata name, which conditions
// hold, when the town works.
//
//	letters that travel (dossiers) ──┐
//	                                 ├──▶ Town.Of ──▶ circuits.Facts
//	letters that are tried (trial) ──┘
//
// It is one function for both, so that what a trial foresees is what the engine
// will be told. The package must not read a clock or storage, nor decide. It
// cannot fail: what is not known is left out, and the engine says that it misses
// it.
package facts

import (
	"slices"
	"strings"

	"parapheur/circuits"
	"parapheur/circuits/calendar"
	"parapheur/circuits/delegation"
)

// A Desk is a desk of a town, by all that names it.
type Desk struct {
	ID         circuits.DeskID
	Code, Name string
	Parent     circuits.DeskID // empty at the top
	Closed     bool            // no longer in use
}

// A Town is who may act in it, its desks and its working days.
type Town struct {
	delegation.Snapshot
	Desks    []Desk
	Calendar calendar.Calendar
}

// A Letter is what is known of one.
type Letter struct {
	Fields []string          // of its metadata
	Values map[string]string // by field; those derived from its documents may be there too
	Act    delegation.Act    // as the law of delegation reads it
	// DrafterDesk is the desk from which it is drafted, and Chosen the desks
	// picked where its circuit lets one choose.
	DrafterDesk circuits.DeskID
	Chosen      map[circuits.StepID]circuits.DeskID
	// Holds evaluates the condition of a step; an error says that a value is
	// not there yet.
	Holds func(circuits.Step) (bool, error)
}

// Plain reports whether a circuit asks nothing of the town but who holds its
// desks: its steps then open without an event of their own.
func Plain(d circuits.Definition) bool {
	return d.Then == "" && d.Days == 0 && !slices.ContainsFunc(d.Steps, func(st circuits.Step) bool {
		return st.Desk == "" || st.When != "" || st.Days > 0 || st.Kind != circuits.Visa && st.Kind != circuits.Signature
	})
}

// Of is what the engine must know to move l along d on a day. The conditions
// that cannot be evaluated are absent.
func (t Town) Of(d circuits.Definition, l Letter, on delegation.Date) circuits.Facts {
	f := circuits.Facts{Filled: map[string]bool{}, Calendar: t.Calendar}
	for _, name := range l.Fields {
		f.Filled[name] = l.Values[name] != ""
	}
	if Plain(d) {
		return f
	}
	f.Conditions, f.Chosen, f.Heads, f.DrafterDesk = map[circuits.StepID]bool{}, l.Chosen, t.Heads(), l.DrafterDesk
	for _, st := range d.Steps {
		if st.When == "" {
			continue
		}
		if holds, err := l.Holds(st); err == nil {
			f.Conditions[st.ID] = holds
		}
	}
	f.Values = map[string]circuits.DeskID{}
	for _, name := range l.Fields {
		if desk, ok := t.Named(l.Values[name]); ok {
			f.Values[name] = desk
		}
	}
	f.Holders, f.Substitutes = map[circuits.DeskID][]circuits.PersonID{}, map[circuits.DeskID]circuits.Recipient{}
	act := l.Act
	act.Internal = true
	for _, desk := range t.Desks {
		for _, p := range t.Powers(desk.ID, act, on).Powers {
			f.Holders[desk.ID] = append(f.Holders[desk.ID], p.Person)
			if _, has := f.Substitutes[desk.ID]; !has && p.Principal != nil {
				f.Substitutes[desk.ID] = circuits.Recipient{Desk: desk.ID, Person: p.Person}
			}
		}
	}
	return f
}

// Named finds the desk in use that a value of metadata names: by its code, or
// else by its name.
func (t Town) Named(value string) (circuits.DeskID, bool) {
	if value == "" {
		return "", false
	}
	for _, same := range []func(Desk) bool{
		func(d Desk) bool { return strings.EqualFold(d.Code, value) },
		func(d Desk) bool { return d.Name == value },
	} {
		if i := slices.IndexFunc(t.Desks, func(d Desk) bool { return !d.Closed && same(d) }); i >= 0 {
			return t.Desks[i].ID, true
		}
	}
	return "", false
}

// Heads are the desks above each desk.
func (t Town) Heads() map[circuits.DeskID]circuits.DeskID {
	heads := map[circuits.DeskID]circuits.DeskID{}
	for _, d := range t.Desks {
		if d.Parent != "" {
			heads[d.ID] = d.Parent
		}
	}
	return heads
}
