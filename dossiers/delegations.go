package dossiers

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"parapheur/circuits"
	"parapheur/circuits/delegation"
)

// Powers says who may act at a desk on a dossier today, in which capacity and
// with which mention, and why others may not. internal is true at a step that
// puts no signature.
func (o *Office) Powers(ctx context.Context, t TenantID, d Dossier, desk circuits.DeskID, internal bool) (delegation.Resolution, error) {
	g, err := o.Store.Organisation(ctx, t)
	if err != nil {
		return delegation.Resolution{}, err
	}
	act, err := o.act(ctx, t, g, d)
	if err != nil {
		return delegation.Resolution{}, err
	}
	act.Internal = internal
	return g.Snapshot().Powers(desk, act, o.today(g.Territory)), nil
}

// act is the dossier as the law of delegation reads it.
func (o *Office) act(ctx context.Context, t TenantID, g Organisation, d Dossier) (delegation.Act, error) {
	f, err := o.Store.Filing(ctx, t, d.ID)
	if err != nil {
		return delegation.Act{}, err
	}
	recusals, err := o.Store.Recusals(ctx, t, d.ID)
	if err != nil {
		return delegation.Act{}, err
	}
	a := g.Act(d.TypeCode, f)
	a.Recusals = recusals
	return a, nil
}

// Act is a letter of a type, with its metadata, as the law of delegation reads
// it.
func (g Organisation) Act(code string, f Filing) delegation.Act {
	y, _ := g.Type(code)
	return delegation.Act{Type: code, Within: g.Within(code), Class: y.Class, Amounts: y.Amounts(f.Values), Council: y.CouncilMatter}
}

// PlanAbsence plans an absence of the viewer, or of somebody else by an
// administrator, changes it or cancels it.
func (o *Office) PlanAbsence(ctx context.Context, v Viewer, a delegation.Absence) (delegation.Absence, error) {
	if v.Person == nil || a.Person != v.Person.ID {
		if err := v.manages(); err != nil {
			return a, err
		}
	}
	made, err := AbsenceSet{Absence: a}.identified(o.newID)
	if err != nil {
		return a, err
	}
	plan := made.(AbsenceSet)
	return plan.Absence, o.organise(ctx, v, func(g Organisation) ([]Amendment, error) {
		before, known := find(g.Absences, func(x delegation.Absence) bool { return x.ID == plan.Absence.ID })
		if known && before.Person != a.Person {
			return nil, fmt.Errorf("absence %s: %w", a.ID, ErrNotFound)
		}
		return []Amendment{plan}, nil
	})
}

// DeclareImpediment declares that the mayor is impeded (CGCT L2122-17), or
// ends it by its last day. It is an act of an administrator, under their name,
// with a motive and a proof: never the effect of a calendar.
func (o *Office) DeclareImpediment(ctx context.Context, v Viewer, i delegation.Impediment) (delegation.Impediment, error) {
	if err := v.administers(); err != nil {
		return i, err
	}
	i.DeclaredBy = v.Person.ID
	made, err := o.Amend(ctx, v, ImpedimentSet{Impediment: i})
	if err != nil {
		return i, err
	}
	return made[0].(ImpedimentSet).Impediment, nil
}

func (a DelegationSet) check(g Organisation) error {
	d := a.Delegation
	delegate, ok := g.Member(d.Delegate.Person)
	if !ok {
		return &InvalidError{"delegate", "Choisissez une personne de la collectivité."}
	}
	if _, ok := g.Member(d.Delegator.Person); !ok {
		return &InvalidError{"delegator", "Choisissez une personne de la collectivité."}
	}
	if err := d.Check(delegate.Rank > 0); err != nil {
		return flawed(err)
	}
	for _, code := range d.Scope.Types {
		if _, ok := g.Type(code); !ok {
			return &InvalidError{"scope", "Le type « " + code + " » n’existe pas."}
		}
	}
	for _, desk := range d.Scope.Desks {
		if _, ok := g.Desk(desk); !ok {
			return &InvalidError{"scope", "Un bureau de la délégation n’existe pas."}
		}
	}
	if l := d.Scope.Limit; l != nil && !g.hasAmount(l.Field) {
		return &InvalidError{"limit", "Aucun type de courrier n’a de champ « " + l.Field + " » qui soit un nombre."}
	}
	same := func(x delegation.Delegation) bool {
		return x.ID != d.ID && x.Number == d.Number && x.Delegate.Person == d.Delegate.Person
	}
	if slices.ContainsFunc(g.Delegations, same) {
		return &InvalidError{"number", "Cet arrêté délègue déjà à cette personne."}
	}
	return nil
}

// hasAmount reports whether some type has a number under this name.
func (g Organisation) hasAmount(field string) bool {
	for _, y := range g.Types {
		if slices.ContainsFunc(y.Metadata, func(f Field) bool { return f.Name == field && (f.Type == "decimal" || f.Type == "integer") }) {
			return true
		}
	}
	return false
}

// flawed turns a flaw of a delegation into one of an input.
func flawed(err error) error {
	if f, ok := err.(*delegation.Flaw); ok { //nolint:errorlint // Check answers it unwrapped
		return &InvalidError{f.Field, f.Reason}
	}
	return err
}

func (a AbsenceSet) check(g Organisation) error {
	x := a.Absence
	if _, ok := g.Member(x.Person); !ok {
		return &InvalidError{"person", "Choisissez une personne de la collectivité."}
	}
	switch {
	case !x.From.Valid() || !x.To.Valid():
		return &InvalidError{"from", "Indiquez le premier et le dernier jour de l’absence, comme 2026-07-14."}
	case x.To < x.From:
		return &InvalidError{"to", "L’absence finit avant de commencer."}
	case x.Replacement == x.Person:
		return &InvalidError{"replacement", "Une personne absente ne se remplace pas elle-même."}
	case x.Tray != "" && !slices.Contains(delegation.Trays(), x.Tray):
		return &InvalidError{"tray", "Dites ce que devient la bannette : elle attend, elle est partagée ou elle est transmise."}
	case x.Replacement == "" && x.Tray != "" && x.Tray != delegation.KeepTray:
		return &InvalidError{"replacement", "Nommez la personne à qui va la bannette."}
	case x.Replacement != "":
		if r, ok := g.Member(x.Replacement); !ok || r.Inactive {
			return &InvalidError{"replacement", "Choisissez une personne active de la collectivité."}
		}
	}
	return nil
}

func (a ImpedimentSet) check(g Organisation) error {
	i := a.Impediment
	m, ok := g.Member(i.Person)
	switch {
	case !ok:
		return &InvalidError{"person", "Choisissez une personne de la collectivité."}
	case m.Rank == 0:
		return &InvalidError{"person", "La suppléance (article L2122-17) est celle du maire, ou d’un adjoint qui devait le suppléer : pour un agent, donnez délégation ou planifiez une absence."}
	case strings.TrimSpace(i.Motive) == "":
		return &InvalidError{"motive", "Dites pourquoi la personne est empêchée."}
	case strings.TrimSpace(i.Proof) == "" && i.Document.IsZero():
		return &InvalidError{"proof", "Dites ce qui prouve l’empêchement : il doit être réel et établi. Un maire que l’on peut joindre n’est pas empêché."}
	case !i.From.Valid() || i.To != "" && !i.To.Valid():
		return &InvalidError{"from", "Indiquez des jours qui existent, comme 2026-07-14."}
	case i.To != "" && i.To < i.From:
		return &InvalidError{"to", "L’empêchement finit avant de commencer."}
	}
	return nil
}

func (a RecusalSet) check(g Organisation) error {
	r := a.Recusal
	if _, ok := g.Member(r.Person); !ok {
		return &InvalidError{"person", "Choisissez une personne de la collectivité."}
	}
	switch {
	case strings.TrimSpace(r.Motive) == "":
		return &InvalidError{"motive", "Dites en quelques mots pourquoi : le journal du dossier le gardera."}
	case !r.On.Valid():
		return &InvalidError{"on", "Indiquez un jour qui existe, comme 2026-07-14."}
	case r.Substitute == r.Person:
		return &InvalidError{"substitute", "Une personne qui se déporte ne se désigne pas elle-même."}
	case r.Substitute != "":
		if _, ok := g.Member(r.Substitute); !ok {
			return &InvalidError{"substitute", "Choisissez une personne de la collectivité."}
		}
	}
	return nil
}
