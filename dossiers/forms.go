package dossiers

import (
	"context"
	"fmt"
	"slices"

	"parapheur/circuits"
)

// A TypeForm is a type that somebody may deposit under, with what its form
// asks for.
type TypeForm struct {
	TypeView
	Fields  []Field
	Choices []DeskChoice
	// Varies says that the metadata may choose another circuit than Path.
	Varies bool
}

// A DeskChoice is a step whose desk is picked when the letter leaves.
type DeskChoice struct {
	Step  circuits.StepID
	Title string
	Among []Desk
	// Always: the step is in every circuit that the letter may take.
	Always bool
}

// Forms lists the types that v may use, with their fields and choices.
func (o *Office) Forms(ctx context.Context, v Viewer) ([]TypeForm, error) {
	types, err := o.Types(ctx, v)
	if err != nil {
		return nil, err
	}
	g, desks, err := o.townOf(ctx, v)
	if err != nil {
		return nil, err
	}
	var out []TypeForm
	for _, y := range types {
		kind, ok := g.Type(y.Code)
		if !ok || kind.Inactive || !kind.Permissions.allows(v) {
			continue
		}
		f := TypeForm{TypeView: y, Fields: kind.Metadata, Varies: len(kind.Rules) > 0}
		taken := []circuits.Definition{y.Circuit}
		for _, r := range kind.Rules {
			if c, _ := g.Circuit(r.Circuit); c.Published != nil {
				taken = append(taken, *c.Published)
			}
		}
		f.Choices = choices(taken, desks)
		out = append(out, f)
	}
	return out, nil
}

// townOf reads the set-up of the town of v, and its desks with who is able
// there.
func (o *Office) townOf(ctx context.Context, v Viewer) (Organisation, []Desk, error) {
	revision, err := o.Store.OrganisationRevision(ctx, v.Tenant.ID)
	if err != nil {
		return Organisation{}, nil, err
	}
	g, err := o.setUp(ctx, v.Tenant.ID, revision)
	if err != nil {
		return g, nil, err
	}
	desks, err := o.Store.Desks(ctx, v.Tenant.ID)
	return g, desks, err
}

// choices are what circuits let choose, each step once.
func choices(taken []circuits.Definition, desks []Desk) (out []DeskChoice) {
	for _, d := range taken {
		for _, st := range d.Steps {
			for _, r := range st.Actors {
				if r.Rule != circuits.ChosenAtStart || slices.ContainsFunc(out, func(c DeskChoice) bool { return c.Step == st.ID }) {
					continue
				}
				one := DeskChoice{Step: st.ID, Title: st.Title, Always: !slices.ContainsFunc(taken, func(x circuits.Definition) bool { return x.Step(st.ID) < 0 })}
				for _, desk := range desks {
					if slices.Contains(r.Among, desk.ID) {
						one.Among = append(one.Among, desk)
					}
				}
				out = append(out, one)
			}
		}
	}
	return out
}

// Departing says what a start of the dossier asks today: the desks to choose,
// and the first reason why it could not leave.
func (o *Office) Departing(ctx context.Context, v Viewer, id ID) ([]DeskChoice, error) {
	_, c, err := o.matter(ctx, v, id)
	if err != nil {
		return nil, err
	}
	circuit, err := c.town.CircuitFor(c.kind, c.values, c.now)
	if err != nil {
		return nil, fmt.Errorf("departure of %s: %w", id, err)
	}
	desks, err := o.Store.Desks(ctx, v.Tenant.ID)
	return choices([]circuits.Definition{circuit}, desks), err
}

// wanted are the metadata that a step asks for to say yes, or to refuse: its
// own, and those that the type of the dossier asks for there.
func (c circumstances) wanted(st circuits.Step, refusal bool) (out []Field) {
	rules := st.Fields
	if refusal {
		rules = st.OnRefusalFields
	}
	for _, f := range c.kind.Metadata {
		asked := slices.ContainsFunc(rules, func(r circuits.FieldRule) bool { return r.Field == f.Name })
		if asked || refusal && f.demanded(Demand{Refusal: true}) || !refusal && f.demanded(Demand{Step: st.ID}) {
			out = append(out, f)
		}
	}
	return out
}

// Wanted are the metadata that the viewer's decision asks for, at the step
// that waits for them: those to fill first.
func (v View) Wanted(refusal bool) []Field {
	if v.Step < 0 {
		return nil
	}
	return v.circumstances.wanted(v.State.Circuit.Steps[v.Step], refusal)
}

// Unread reports whether the step that waits for the viewer asks them to read
// the letter first, and no receipt says that they did.
func (v View) Unread() bool {
	if v.Step < 0 || v.reader == nil || !v.State.Circuit.Steps[v.Step].MustRead {
		return false
	}
	return !slices.ContainsFunc(v.State.Reads, func(r circuits.Receipt) bool {
		return r.Person == v.reader.ID && r.Document == v.State.LastSealed()
	})
}

// Files reports whether the viewer may change the metadata now.
func (v View) Files() bool {
	return v.reader != nil && v.State.Phase != circuits.Completed && len(v.Fields()) > 0 &&
		v.circumstances.files(Viewer{Person: v.reader}, v.Dossier)
}

// NameOf names a person or a desk of the town, as the set-up knows them now;
// empty when it does not.
func (v View) NameOf(to circuits.Recipient) string {
	if m, ok := v.circumstances.town.Member(to.Person); ok {
		return m.Name()
	}
	if d, ok := v.circumstances.town.Desk(to.Desk); ok {
		return d.Name
	}
	return ""
}

// CircuitName names a circuit by its code, or answers the code.
func (v View) CircuitName(code string) string {
	if c, ok := v.circumstances.town.Circuit(code); ok && c.Published != nil {
		return c.Published.Name
	}
	return code
}

// missing says which metadata the decision asks for and nobody filled.
func (c circumstances) missing(st circuits.Step, refusal bool) error {
	for _, f := range c.wanted(st, refusal) {
		if c.values[f.Name] == "" {
			return &InvalidError{"metadata." + f.Name, "Renseignez « " + f.Label + " » : cette étape le demande."}
		}
	}
	return nil
}
