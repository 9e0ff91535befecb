package dossiers

import (
	"context"
	"fmt"
	"slices"

	"parapheur/circuits/delegation"
)

// An AbsencePlan is what a person sees to plan their own absences.
type AbsencePlan struct {
	Absences []delegation.Absence
	// Impediments are those declared about the person: declared by others.
	Impediments []delegation.Impediment
	Colleagues  []Person // who may replace them: names only
}

// MyAbsences reads the absences of the viewer, and who may replace them.
func (o *Office) MyAbsences(ctx context.Context, v Viewer) (AbsencePlan, error) {
	p, err := v.person()
	if err != nil {
		return AbsencePlan{}, fmt.Errorf("absences: %w", err)
	}
	g, err := o.Store.Organisation(ctx, v.Tenant.ID)
	if err != nil {
		return AbsencePlan{}, err
	}
	out := AbsencePlan{Absences: slices.DeleteFunc(slices.Clone(g.Absences), func(a delegation.Absence) bool { return a.Person != p.ID })}
	for _, i := range g.Impediments {
		if i.Person == p.ID {
			out.Impediments = append(out.Impediments, i)
		}
	}
	for _, m := range g.People {
		if m.ID != p.ID && !m.Inactive {
			out.Colleagues = append(out.Colleagues, Person{ID: m.ID, Civility: m.Civility, GivenName: m.GivenName, FamilyName: m.FamilyName})
		}
	}
	return out, nil
}
