package dossiers

import (
	"slices"

	"parapheur/circuits"
	"parapheur/circuits/delegation"
	"parapheur/internal/trial"
)

// An Amendment is one change of a town's set-up, and its entry in the journal.
// The set is closed.
type Amendment interface {
	// Kind is the name of the entry in the journal, written once and never
	// changed.
	Kind() string
	// Subject is what the entry is about: an identifier, or "type/courrier".
	Subject() string
	// apply returns the set-up after the amendment.
	apply(g Organisation) Organisation
	// identified returns the amendment with its identifier, drawn if it had
	// none.
	identified(draw func() (string, error)) (Amendment, error)
	// check says whether the amendment is sound in the set-up it leads to.
	check(g Organisation) error
}

// MemberSet makes a person known, or changes them. Deactivation closes their
// sessions and invitations.
type MemberSet struct {
	Member Member `json:"person"`
	Handle []byte `json:"-"` // 64 random bytes, of somebody new
}

// DeskSet makes a desk or changes it, its people included.
type DeskSet struct {
	Desk DeskSetup `json:"desk"`
}

// SequenceSet makes a sequence of numbers or changes how it is written. What
// was drawn stays drawn.
type SequenceSet struct {
	Sequence Sequence `json:"sequence"`
}

// TypeSet makes a type of letters or changes it.
type TypeSet struct {
	Type TypeSetup `json:"type"`
}

// CircuitDrafted keeps the draft of a circuit, which nothing takes.
type CircuitDrafted struct {
	Circuit circuits.Definition `json:"circuit"`
}

// CircuitDraftDropped throws a draft away.
type CircuitDraftDropped struct {
	Code string `json:"code"`
}

// CircuitPublished makes a version that new dossiers take; the draft is gone.
type CircuitPublished struct {
	Circuit circuits.Definition `json:"circuit"`
	SHA256  circuits.Digest     `json:"circuit_sha256"`
}

// CircuitRetired keeps new dossiers from taking a version.
type CircuitRetired struct {
	Code    string `json:"code"`
	Version int    `json:"version"`
}

// CasesSet replaces the cases kept with a circuit as its tests.
type CasesSet struct {
	Code  string       `json:"code"`
	Cases []trial.Case `json:"cases,omitempty"`
}

// DelegationSet records a delegation, its formalities or its withdrawal.
type DelegationSet struct {
	Delegation delegation.Delegation `json:"delegation"`
}

// AbsenceSet plans an absence, changes it or cancels it.
type AbsenceSet struct {
	Absence delegation.Absence `json:"absence"`
}

// ImpedimentSet declares the impediment of the mayor, or ends it.
type ImpedimentSet struct {
	Impediment delegation.Impediment `json:"impediment"`
}

// RecusalSet keeps a person away from one dossier.
type RecusalSet struct {
	Dossier ID                 `json:"dossier"`
	Recusal delegation.Recusal `json:"recusal"`
}

// ClosureSet closes the town hall on a day.
type ClosureSet struct {
	Closure Closure `json:"closure"`
}

// ClosureRemoved opens it again.
type ClosureRemoved struct {
	On delegation.Date `json:"on"`
}

// ApplicationSet makes a program known, or changes it. Keys are made apart.
type ApplicationSet struct {
	Application ApplicationSetup `json:"application"`
}

// The kinds of amendments, as the journal knows them.
const (
	KindMemberSet      = "person.set"
	KindDeskSet        = "desk.set"
	KindSequenceSet    = "sequence.set"
	KindTypeSet        = "type.set"
	KindDrafted        = "circuit.drafted"
	KindDraftDropped   = "circuit.draft_dropped"
	KindPublished      = "circuit.published"
	KindRetired        = "circuit.retired"
	KindCasesSet       = "circuit.cases_set"
	KindDelegationSet  = "delegation.set"
	KindAbsenceSet     = "absence.set"
	KindImpedimentSet  = "impediment.set"
	KindRecusalSet     = "recusal.set"
	KindClosureSet     = "closure.set"
	KindClosureRemoved = "closure.removed"
	KindApplicationSet = "application.set"
)

// Kind implements Amendment.
func (MemberSet) Kind() string { return KindMemberSet }

// Kind implements Amendment.
func (DeskSet) Kind() string { return KindDeskSet }

// Kind implements Amendment.
func (SequenceSet) Kind() string { return KindSequenceSet }

// Kind implements Amendment.
func (TypeSet) Kind() string { return KindTypeSet }

// Kind implements Amendment.
func (CircuitDrafted) Kind() string { return KindDrafted }

// Kind implements Amendment.
func (CircuitDraftDropped) Kind() string { return KindDraftDropped }

// Kind implements Amendment.
func (CircuitPublished) Kind() string { return KindPublished }

// Kind implements Amendment.
func (CircuitRetired) Kind() string { return KindRetired }

// Kind implements Amendment.
func (CasesSet) Kind() string { return KindCasesSet }

// Kind implements Amendment.
func (DelegationSet) Kind() string { return KindDelegationSet }

// Kind implements Amendment.
func (AbsenceSet) Kind() string { return KindAbsenceSet }

// Kind implements Amendment.
func (ImpedimentSet) Kind() string { return KindImpedimentSet }

// Kind implements Amendment.
func (RecusalSet) Kind() string { return KindRecusalSet }

// Kind implements Amendment.
func (ClosureSet) Kind() string { return KindClosureSet }

// Kind implements Amendment.
func (ClosureRemoved) Kind() string { return KindClosureRemoved }

// Kind implements Amendment.
func (ApplicationSet) Kind() string { return KindApplicationSet }

// Subject implements Amendment.
func (a MemberSet) Subject() string { return string(a.Member.ID) }

// Subject implements Amendment.
func (a DeskSet) Subject() string { return string(a.Desk.ID) }

// Subject implements Amendment.
func (a SequenceSet) Subject() string { return "sequence/" + a.Sequence.Code }

// Subject implements Amendment.
func (a TypeSet) Subject() string { return "type/" + a.Type.Code }

// Subject implements Amendment.
func (a CircuitDrafted) Subject() string { return "circuit/" + a.Circuit.Code }

// Subject implements Amendment.
func (a CircuitDraftDropped) Subject() string { return "circuit/" + a.Code }

// Subject implements Amendment.
func (a CircuitPublished) Subject() string { return "circuit/" + a.Circuit.Code }

// Subject implements Amendment.
func (a CircuitRetired) Subject() string { return "circuit/" + a.Code }

// Subject implements Amendment.
func (a CasesSet) Subject() string { return "circuit/" + a.Code }

// Subject implements Amendment.
func (a DelegationSet) Subject() string { return "delegation/" + string(a.Delegation.ID) }

// Subject implements Amendment: the absence of a person is about that person.
func (a AbsenceSet) Subject() string { return string(a.Absence.Person) }

// Subject implements Amendment.
func (a ImpedimentSet) Subject() string { return string(a.Impediment.Person) }

// Subject implements Amendment: a recusal shows in the dossier's journal.
func (a RecusalSet) Subject() string { return string(a.Dossier) + "/recusal" }

// Subject implements Amendment.
func (a ClosureSet) Subject() string { return "closure/" + string(a.Closure.On) }

// Subject implements Amendment.
func (a ClosureRemoved) Subject() string { return "closure/" + string(a.On) }

// Subject implements Amendment.
func (a ApplicationSet) Subject() string { return a.Application.ID }

// put replaces the item that is the same, or adds it, in a copy of list.
func put[T any](list []T, item T, same func(T) bool) []T {
	list = slices.Clone(list)
	if i := slices.IndexFunc(list, same); i >= 0 {
		list[i] = item
		return list
	}
	return append(list, item)
}

func (a MemberSet) apply(g Organisation) Organisation {
	g.People = put(g.People, a.Member, func(m Member) bool { return m.ID == a.Member.ID })
	return g
}

func (a DeskSet) apply(g Organisation) Organisation {
	g.Desks = put(g.Desks, a.Desk, func(d DeskSetup) bool { return d.ID == a.Desk.ID })
	return g
}

func (a SequenceSet) apply(g Organisation) Organisation {
	g.Sequences = put(g.Sequences, a.Sequence, func(s Sequence) bool { return s.Code == a.Sequence.Code })
	return g
}

func (a TypeSet) apply(g Organisation) Organisation {
	g.Types = put(g.Types, a.Type, func(y TypeSetup) bool { return y.Code == a.Type.Code })
	return g
}

// circuit changes one circuit of the set-up, made if it is not there.
func (g Organisation) circuit(code string, change func(*CircuitSetup)) Organisation {
	c, _ := g.Circuit(code)
	c.Code = code
	change(&c)
	g.Circuits = put(g.Circuits, c, func(x CircuitSetup) bool { return x.Code == code })
	return g
}

func (a CircuitDrafted) apply(g Organisation) Organisation {
	return g.circuit(a.Circuit.Code, func(c *CircuitSetup) { c.Draft = &a.Circuit })
}

func (a CircuitDraftDropped) apply(g Organisation) Organisation {
	return g.circuit(a.Code, func(c *CircuitSetup) { c.Draft = nil })
}

func (a CircuitPublished) apply(g Organisation) Organisation {
	return g.circuit(a.Circuit.Code, func(c *CircuitSetup) {
		c.Draft, c.Published = nil, &a.Circuit
		c.Versions = append(slices.Clone(c.Versions), CircuitVersion{Version: a.Circuit.Version, SHA256: a.SHA256})
	})
}

func (a CircuitRetired) apply(g Organisation) Organisation {
	return g.circuit(a.Code, func(c *CircuitSetup) {
		c.Versions = slices.Clone(c.Versions)
		for i := range c.Versions {
			if c.Versions[i].Version == a.Version {
				c.Versions[i].Retired = true
			}
		}
		if c.Published != nil && c.Published.Version == a.Version {
			c.Published = nil
		}
	})
}

func (a CasesSet) apply(g Organisation) Organisation {
	return g.circuit(a.Code, func(c *CircuitSetup) { c.Cases = a.Cases })
}

func (a DelegationSet) apply(g Organisation) Organisation {
	g.Delegations = put(g.Delegations, a.Delegation, func(d delegation.Delegation) bool { return d.ID == a.Delegation.ID })
	return g
}

func (a AbsenceSet) apply(g Organisation) Organisation {
	g.Absences = put(g.Absences, a.Absence, func(x delegation.Absence) bool { return x.ID == a.Absence.ID })
	return g
}

func (a ImpedimentSet) apply(g Organisation) Organisation {
	g.Impediments = put(g.Impediments, a.Impediment, func(x delegation.Impediment) bool { return x.ID == a.Impediment.ID })
	return g
}

func (RecusalSet) apply(g Organisation) Organisation { return g } // it is of a dossier

func (a ClosureSet) apply(g Organisation) Organisation {
	g.Closures = put(g.Closures, a.Closure, func(c Closure) bool { return c.On == a.Closure.On })
	return g
}

func (a ClosureRemoved) apply(g Organisation) Organisation {
	g.Closures = slices.DeleteFunc(slices.Clone(g.Closures), func(c Closure) bool { return c.On == a.On })
	return g
}

func (a ApplicationSet) apply(g Organisation) Organisation {
	g.Applications = put(g.Applications, a.Application, func(x ApplicationSetup) bool { return x.ID == a.Application.ID })
	return g
}

// drawn fills an empty identifier.
func drawn[S ~string](id *S, draw func() (string, error)) error {
	if *id != "" {
		return nil
	}
	made, err := draw()
	*id = S(made)
	return err
}

func (a MemberSet) identified(draw func() (string, error)) (Amendment, error) {
	err := drawn(&a.Member.ID, draw)
	return a, err
}

func (a DeskSet) identified(draw func() (string, error)) (Amendment, error) {
	err := drawn(&a.Desk.ID, draw)
	return a, err
}

func (a DelegationSet) identified(draw func() (string, error)) (Amendment, error) {
	err := drawn(&a.Delegation.ID, draw)
	return a, err
}

func (a AbsenceSet) identified(draw func() (string, error)) (Amendment, error) {
	err := drawn(&a.Absence.ID, draw)
	return a, err
}

func (a ImpedimentSet) identified(draw func() (string, error)) (Amendment, error) {
	err := drawn(&a.Impediment.ID, draw)
	return a, err
}

func (a ApplicationSet) identified(draw func() (string, error)) (Amendment, error) {
	err := drawn(&a.Application.ID, draw)
	return a, err
}

func (a SequenceSet) identified(func() (string, error)) (Amendment, error)         { return a, nil }
func (a TypeSet) identified(func() (string, error)) (Amendment, error)             { return a, nil }
func (a CircuitDrafted) identified(func() (string, error)) (Amendment, error)      { return a, nil }
func (a CircuitDraftDropped) identified(func() (string, error)) (Amendment, error) { return a, nil }
func (a CircuitPublished) identified(func() (string, error)) (Amendment, error)    { return a, nil }
func (a CircuitRetired) identified(func() (string, error)) (Amendment, error)      { return a, nil }
func (a CasesSet) identified(func() (string, error)) (Amendment, error)            { return a, nil }
func (a RecusalSet) identified(func() (string, error)) (Amendment, error)          { return a, nil }
func (a ClosureSet) identified(func() (string, error)) (Amendment, error)          { return a, nil }
func (a ClosureRemoved) identified(func() (string, error)) (Amendment, error)      { return a, nil }
