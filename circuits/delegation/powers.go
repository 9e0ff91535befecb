package delegation

import (
	"cmp"
	"errors"
	"slices"

	"parapheur/circuits"
)

// A Person is what the law needs to know of somebody.
type Person struct {
	Name     string // "Hélène Garnier"
	Civility string // "M.", "Mme" or empty: gives mentions their gender
	Active   bool
	// Rank is the place in the tableau of the council: 1 the mayor, 2 the
	// first adjoint; 0 for who is not of it.
	Rank int
	// Adjoint is set for those among whom the tableau finds a substitute.
	Adjoint bool
	// MandateEnd is the last day of a mandate or of a post; empty: none known.
	MandateEnd Date
}

// A Holder holds a desk.
type Holder struct {
	Person  circuits.PersonID
	Quality string // "Maire"
}

// A Snapshot is a town on some day, with everything that says who may act.
type Snapshot struct {
	People      map[circuits.PersonID]Person
	Holders     map[circuits.DeskID][]Holder
	Delegations []Delegation
	Absences    []Absence
	Impediments []Impediment
}

// A Capacity is in what right somebody acts.
type Capacity string

// The capacities.
const (
	Holding     Capacity = "holder"      // in his own right
	Delegated   Capacity = "delegate"    // by delegation of the holder
	Substituted Capacity = "substitute"  // suppléance, or designated by an arrêté of déport
	Replaced    Capacity = "replacement" // for an absence, on visas
)

// A Principal is in whose name somebody else acts.
type Principal struct {
	Person  circuits.PersonID
	Name    string
	Quality string
}

// A Power is one person who may act at a desk.
type Power struct {
	Person   circuits.PersonID
	Name     string
	Quality  string // under which that person acts
	Capacity Capacity
	// Principal is set unless Capacity is Holding.
	Principal *Principal
	// Record is the delegation, the impediment or the absence it rests on;
	// Number is the arrêté's, if there is one.
	Record ID
	Number string
	// Mention is what the signature block says before the name, empty for who
	// holds the desk: "Pour le Maire et par délégation, le Directeur général
	// des services".
	Mention string
	Away    bool // a holder who announced an absence, and may act all the same
}

// Actor returns how the trace names who has the power, acting from desk.
func (p Power) Actor(desk circuits.DeskID) circuits.Actor {
	a := circuits.Actor{Person: p.Person, Name: p.Name, Desk: desk, Quality: p.Quality}
	if p.Principal == nil {
		return a
	}
	reference := string(p.Record)
	if reference == "" {
		reference = p.Number
	}
	a.For = &circuits.Principal{
		Person: p.Principal.Person, Name: p.Principal.Name, Quality: p.Principal.Quality,
		Mandate: p.mandate(), Reference: reference, Mention: p.Mention,
	}
	return a
}

// mandate is the ground of a power, as a circuit knows it.
func (p Power) mandate() circuits.Mandate {
	switch {
	case p.Capacity == Delegated:
		return circuits.Delegated
	case p.Capacity == Substituted && p.Record == "":
		return circuits.Recusing
	case p.Capacity == Substituted:
		return circuits.Substitutes
	}
	return circuits.Absence
}

// A Refused is somebody who would act if it were not for Why.
type Refused struct {
	Person   circuits.PersonID
	Name     string
	Capacity Capacity
	Record   ID
	Why      *Refusal
}

// A Resolution is who may act, in the order in which they should be asked,
// and who may not, with the reason.
type Resolution struct {
	Powers  []Power
	Refused []Refused
}

// Of returns the power of p, or why p has none: the most telling refusal, or
// circuits.ErrDesk when nothing ties p to the desk.
func (r Resolution) Of(p circuits.PersonID) (Power, error) {
	for _, x := range r.Powers {
		if x.Person == p {
			return x, nil
		}
	}
	for _, x := range r.Refused {
		if x.Person == p {
			return Power{}, x.Why
		}
	}
	return Power{}, circuits.ErrDesk
}

// Powers says who may act at desk on act, on day at.
//
// The holders come first, then the substitutes, the delegates by priority, the
// replacements; each person once, in the first capacity that is open to them.
func (s Snapshot) Powers(desk circuits.DeskID, act Act, at Date) Resolution {
	r := resolving{Snapshot: s, desk: desk, act: act, at: at}
	holders := s.Holders[desk]
	for _, h := range holders {
		r.holder(h)
	}
	for _, h := range holders {
		r.substitute(h)
		r.designated(h)
		r.delegates(h)
		if act.Internal {
			r.replacements(h)
		}
	}
	r.drop()
	return r.out
}

// A resolving is a resolution under way.
type resolving struct {
	Snapshot
	desk circuits.DeskID
	act  Act
	at   Date
	out  Resolution
}

// grant adds a power, unless its person has one.
func (r *resolving) grant(p Power) {
	if !slices.ContainsFunc(r.out.Powers, func(x Power) bool { return x.Person == p.Person }) {
		p.Name = r.People[p.Person].Name
		r.out.Powers = append(r.out.Powers, p)
	}
}

// deny records why somebody may not act.
func (r *resolving) deny(p circuits.PersonID, c Capacity, record ID, err error) {
	var why *Refusal
	if errors.As(err, &why) {
		r.out.Refused = append(r.out.Refused, Refused{Person: p, Name: r.People[p].Name, Capacity: c, Record: record, Why: why})
	}
}

// drop forgets the refusals of those who may act in another capacity.
func (r *resolving) drop() {
	r.out.Refused = slices.DeleteFunc(r.out.Refused, func(x Refused) bool {
		return slices.ContainsFunc(r.out.Powers, func(p Power) bool { return p.Person == x.Person })
	})
}

// able says whether a person may act at all on this dossier and day. Absence
// is not looked at: who announced one and acts is there.
func (r *resolving) able(p circuits.PersonID) error {
	who := r.People[p]
	switch {
	case !who.Active:
		return refuse(Inactive, "", who.Name)
	case r.gone(p):
		return refuse(MandateEnded, who.MandateEnd, who.Name)
	case r.recused(p):
		return refuse(Recused, "", who.Name)
	}
	if _, ok := r.impediment(p); ok {
		return refuse(Impeded, "", who.Name)
	}
	return nil
}

func (r *resolving) gone(p circuits.PersonID) bool {
	end := r.People[p].MandateEnd
	return end != "" && end < r.at
}

func (r *resolving) recused(p circuits.PersonID) bool {
	return slices.ContainsFunc(r.act.Recusals, func(x Recusal) bool { return x.Person == p })
}

func (s Snapshot) impedimentOf(p circuits.PersonID, at Date) (Impediment, bool) {
	for _, i := range s.Impediments {
		if i.Person == p && covers(i.From, i.To, at) {
			return i, true
		}
	}
	return Impediment{}, false
}

func (r *resolving) impediment(p circuits.PersonID) (Impediment, bool) {
	return r.impedimentOf(p, r.at)
}

// AbsenceOf returns the absence of p that covers the day, and whether there is
// one.
func (s Snapshot) AbsenceOf(p circuits.PersonID, at Date) (Absence, bool) {
	for _, a := range s.Absences {
		if a.Person == p && !a.Cancelled && covers(a.From, a.To, at) {
			return a, true
		}
	}
	return Absence{}, false
}

// holder lets who holds the desk act.
func (r *resolving) holder(h Holder) {
	if err := r.able(h.Person); err != nil {
		r.deny(h.Person, Holding, "", err)
		return
	}
	_, away := r.AbsenceOf(h.Person, r.at)
	r.grant(Power{Person: h.Person, Quality: h.Quality, Capacity: Holding, Away: away})
}

func (r *resolving) principal(h Holder) *Principal {
	return &Principal{Person: h.Person, Name: r.People[h.Person].Name, Quality: h.Quality}
}

// substitute finds the next adjoint of the tableau for an impeded mayor
// (L2122-17). A mayor whose mandate ended has successors, not substitutes.
func (r *resolving) substitute(h Holder) {
	i, impeded := r.impediment(h.Person)
	if !impeded || r.People[h.Person].Rank != 1 || r.gone(h.Person) || r.recused(h.Person) {
		return
	}
	for _, next := range r.tableau() {
		if err := r.able(next); err != nil {
			r.deny(next, Substituted, i.ID, err)
			continue
		}
		if a, away := r.AbsenceOf(next, r.at); away {
			r.deny(next, Substituted, i.ID, refuse(Away, a.To, r.People[next].Name))
			continue
		}
		who := r.People[next]
		r.grant(Power{
			Person: next, Quality: feminine(who, "adjoint suppléant", "adjointe suppléante"), Capacity: Substituted, Principal: r.principal(h),
			Record: i.ID, Mention: substitution(h, r.People[h.Person], who),
		})
		return
	}
}

// tableau lists the adjoints in the order of the tableau.
func (r *resolving) tableau() (order []circuits.PersonID) {
	for id, p := range r.People {
		if p.Adjoint && p.Rank > 1 {
			order = append(order, id)
		}
	}
	slices.SortFunc(order, func(a, b circuits.PersonID) int {
		return cmp.Or(cmp.Compare(r.People[a].Rank, r.People[b].Rank), cmp.Compare(a, b))
	})
	return order
}

// designated lets act whom the arrêté of déport of a holder names (décret
// 2014-90, article 5).
func (r *resolving) designated(h Holder) {
	for _, x := range r.act.Recusals {
		if x.Person != h.Person || x.Substitute == "" {
			continue
		}
		if err := r.able(x.Substitute); err != nil {
			r.deny(x.Substitute, Substituted, "", err)
			continue
		}
		who := r.People[x.Substitute]
		r.grant(Power{
			Person: x.Substitute, Quality: feminine(who, "suppléant désigné", "suppléante désignée"), Capacity: Substituted, Principal: r.principal(h),
			Number: x.Number, Mention: recusal(h, r.People[h.Person], who),
		})
	}
}

// delegates lets act those to whom a holder delegated, by priority.
func (r *resolving) delegates(h Holder) {
	var given []Delegation
	for _, d := range r.Delegations {
		if d.Delegator.Person == h.Person {
			given = append(given, d)
		}
	}
	slices.SortStableFunc(given, func(a, b Delegation) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.Number, b.Number), cmp.Compare(a.ID, b.ID))
	})
	first := Delegation{} // of those who may act: the one before whom others yield
	for _, d := range given {
		err := r.delegate(h, d)
		if err == nil && first.Number != "" && d.Priority > first.Priority && first.Delegate.Person != d.Delegate.Person {
			err = refuse(EarlierPresent, "", r.People[first.Delegate.Person].Name)
		}
		if err != nil {
			r.deny(d.Delegate.Person, Delegated, d.ID, err)
			continue
		}
		if first.Number == "" {
			first = d
		}
		r.grant(Power{
			Person: d.Delegate.Person, Quality: d.Delegate.Quality, Capacity: Delegated, Principal: r.principal(h), Record: d.ID,
			Number: d.Number, Mention: mention(d, r.People[h.Person], r.People[d.Delegate.Person]),
		})
	}
	r.chained(h)
}

// delegate says whether d lets its delegate act for h.
func (r *resolving) delegate(h Holder, d Delegation) error {
	if err := Allows(d, r.act, r.desk, r.at); err != nil {
		return err
	}
	principal := r.People[h.Person]
	_, impeded := r.impediment(h.Person)
	_, away := r.AbsenceOf(h.Person, r.at)
	switch {
	case r.gone(h.Person):
		return refuse(PrincipalGone, principal.MandateEnd, principal.Name)
	case !principal.Active:
		return refuse(Inactive, "", principal.Name)
	case r.recused(h.Person):
		return refuse(PrincipalRecused, "", principal.Name)
	case d.AbsenceOnly && !impeded && !away:
		return refuse(PrincipalPresent, "", principal.Name)
	}
	if err := r.able(d.Delegate.Person); err != nil {
		return err
	}
	if a, absent := r.AbsenceOf(d.Delegate.Person, r.at); absent {
		return refuse(Away, a.To, r.People[d.Delegate.Person].Name)
	}
	return nil
}

// chained says why a delegate of a delegate of h may not act: what is
// delegated is not delegated again (L2122-18 to L2122-20; L2122-23 lets the
// mayor sub-delegate, nobody else).
func (r *resolving) chained(h Holder) {
	for _, d := range r.Delegations {
		if d.Delegator.Person != h.Person || d.inForce(r.at) != nil {
			continue
		}
		for _, next := range r.Delegations {
			holds := slices.ContainsFunc(r.Holders[r.desk], func(x Holder) bool { return x.Person == next.Delegator.Person })
			if next.Delegator.Person == d.Delegate.Person && !holds {
				r.deny(next.Delegate.Person, Delegated, next.ID, refuse(Chained, "", r.People[d.Delegate.Person].Name))
			}
		}
	}
}

// replacements lets act, on visas, whom an absent holder named.
func (r *resolving) replacements(h Holder) {
	a, away := r.AbsenceOf(h.Person, r.at)
	if !away || a.Replacement == "" || a.Tray == KeepTray {
		return
	}
	err := r.able(a.Replacement)
	if other, absent := r.AbsenceOf(a.Replacement, r.at); err == nil && absent {
		err = refuse(Away, other.To, r.People[a.Replacement].Name)
	}
	switch {
	case err != nil:
	case r.gone(h.Person):
		err = refuse(PrincipalGone, r.People[h.Person].MandateEnd, r.People[h.Person].Name)
	case r.recused(h.Person):
		err = refuse(PrincipalRecused, "", r.People[h.Person].Name)
	}
	if err != nil {
		r.deny(a.Replacement, Replaced, a.ID, err)
		return
	}
	r.grant(Power{
		Person: a.Replacement, Quality: h.Quality + " par remplacement", Capacity: Replaced, Principal: r.principal(h), Record: a.ID,
		Mention: "En l’absence de " + r.People[h.Person].Name,
	})
}
