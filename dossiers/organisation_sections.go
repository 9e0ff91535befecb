package dossiers

import (
	"parapheur/circuits"
	"parapheur/circuits/delegation"
)

func peopleSection(s, have Setup, k *keyed) section[Member] {
	return section[Member]{
		want: s.People, have: have.People, key: func(m Member) string { return m.Email },
		what: func(m Member) string { return "personne « " + m.Email + " » (" + m.Name() + ")" },
		amend: func(m Member) (Amendment, error) {
			m.ID = k.people[circuits.PersonID(m.Email)]
			return MemberSet{Member: m}, nil
		},
		gone: func(m Member) Amendment {
			if m.Inactive {
				return nil
			}
			m.ID, m.Inactive = k.people[circuits.PersonID(m.Email)], true
			return MemberSet{Member: m}
		},
	}
}

func desksSection(s, have Setup, k *keyed, renamed map[string]string) section[DeskSetup] {
	return section[DeskSetup]{
		want: s.Desks, have: have.Desks, key: func(d DeskSetup) string { return d.Code },
		what: func(d DeskSetup) string { return "bureau « " + d.Code + " » (" + d.Name + ")" },
		also: func(d DeskSetup) []string {
			if old := renamed[d.Code]; old != "" {
				return []string{`code : "` + old + `" → "` + d.Code + `"`}
			}
			return nil
		},
		amend: func(d DeskSetup) (Amendment, error) {
			d.ID = k.desks[circuits.DeskID(d.Code)]
			return DeskSet{Desk: d}, nil
		},
		gone: func(d DeskSetup) Amendment {
			if d.Inactive {
				return nil
			}
			d.ID, d.Inactive = k.desks[circuits.DeskID(d.Code)], true
			return DeskSet{Desk: d}
		},
	}
}

func sequencesSection(s, have Setup) section[Sequence] {
	return section[Sequence]{
		want: s.Sequences, have: have.Sequences, key: func(x Sequence) string { return x.Code },
		what:  func(x Sequence) string { return "suite de numéros « " + x.Code + " »" },
		amend: func(x Sequence) (Amendment, error) { return SequenceSet{Sequence: x}, nil },
	}
}

func circuitsSection(g Organisation, s, have Setup) section[circuits.Definition] {
	return section[circuits.Definition]{
		want: s.Circuits, have: have.Circuits, key: func(d circuits.Definition) string { return d.Code },
		what: func(d circuits.Definition) string { return "circuit « " + d.Code + " » (" + d.Name + ")" },
		amend: func(d circuits.Definition) (Amendment, error) {
			d.Version = g.nextVersion(d.Code)
			return CircuitPublished{Circuit: d, SHA256: d.Hash()}, nil
		},
		gone: func(d circuits.Definition) Amendment {
			c, _ := g.Circuit(d.Code)
			return CircuitRetired{Code: d.Code, Version: c.Published.Version}
		},
	}
}

// nextVersion is the version that the circuit's next publication makes.
func (g Organisation) nextVersion(code string) int {
	last := 0
	c, _ := g.Circuit(code)
	for _, v := range c.Versions {
		last = max(last, v.Version)
	}
	return last + 1
}

func typesSection(s, have Setup) section[TypeSetup] {
	return section[TypeSetup]{
		want: s.Types, have: have.Types, key: func(y TypeSetup) string { return y.Code },
		what:  func(y TypeSetup) string { return "type « " + y.Code + " » (" + y.Name + ")" },
		amend: func(y TypeSetup) (Amendment, error) { return TypeSet{Type: y}, nil },
		gone: func(y TypeSetup) Amendment {
			if y.Inactive {
				return nil
			}
			y.Inactive = true
			return TypeSet{Type: y}
		},
	}
}

func delegationsSection(g Organisation, s, have Setup, today delegation.Date, draw func() (string, error)) section[delegation.Delegation] {
	id := func(d delegation.Delegation) (delegation.ID, error) {
		for _, x := range g.Delegations {
			if x.Number == d.Number && x.Delegate.Person == d.Delegate.Person {
				return x.ID, nil
			}
		}
		made, err := draw()
		return delegation.ID(made), err
	}
	return section[delegation.Delegation]{
		want: s.Delegations, have: have.Delegations,
		key: func(d delegation.Delegation) string { return d.Number + " " + string(d.Delegate.Person) },
		what: func(d delegation.Delegation) string {
			return "délégation " + d.Number + " à « " + string(d.Delegate.Person) + " »"
		},
		amend: func(d delegation.Delegation) (Amendment, error) {
			var err error
			d.ID, err = id(d)
			return DelegationSet{Delegation: d}, err
		},
		gone: func(d delegation.Delegation) Amendment {
			if d.Withdrawn != "" {
				return nil
			}
			d.ID, _ = id(d) // it is there
			d.Withdrawn = today
			return DelegationSet{Delegation: d}
		},
	}
}

func closuresSection(s, have Setup) section[Closure] {
	return section[Closure]{
		want: s.Closures, have: have.Closures, key: func(c Closure) string { return string(c.On) },
		what:  func(c Closure) string { return "fermeture du " + c.On.French() },
		amend: func(c Closure) (Amendment, error) { return ClosureSet{Closure: c}, nil },
		gone:  func(c Closure) Amendment { return ClosureRemoved{On: c.On} },
	}
}

func applicationsSection(g Organisation, s, have Setup) section[ApplicationSetup] {
	return section[ApplicationSetup]{
		want: s.Applications, have: have.Applications, key: func(a ApplicationSetup) string { return a.Name },
		what: func(a ApplicationSetup) string { return "application « " + a.Name + " »" },
		amend: func(a ApplicationSetup) (Amendment, error) {
			known, _ := find(g.Applications, func(x ApplicationSetup) bool { return x.Name == a.Name })
			a.ID = known.ID
			return ApplicationSet{Application: a}, nil
		},
	}
}
