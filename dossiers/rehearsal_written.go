package dossiers

import (
	"context"
	"fmt"
	"strings"

	"parapheur/circuits"
	"parapheur/circuits/delegation"
	"parapheur/internal/trial"
)

// WrittenCircuit returns a definition as files and programs write it, desks
// named by their code: the version asked for, else the draft with its edition,
// else the version in force.
func (o *Office) WrittenCircuit(ctx context.Context, v Viewer, code string, version int) (d circuits.Definition, from string, err error) {
	if err := v.consults(); err != nil {
		return d, "", err
	}
	g, err := o.Store.Organisation(ctx, v.Tenant.ID)
	if err != nil {
		return d, "", err
	}
	c, ok := g.Circuit(code)
	switch {
	case version > 0:
		d, err = o.Store.Circuit(ctx, v.Tenant.ID, code, version)
	case c.Draft != nil:
		d, from = *c.Draft, edition(*c.Draft)
	case c.Published != nil:
		d = *c.Published
	case ok && len(c.Versions) > 0:
		d, err = o.Store.Circuit(ctx, v.Tenant.ID, code, c.Versions[len(c.Versions)-1].Version)
	default:
		err = fmt.Errorf("circuit %s: %w", code, ErrNotFound)
	}
	if err != nil {
		return d, "", err
	}
	desks(&d, func(id circuits.DeskID) circuits.DeskID {
		k, _ := g.Desk(id)
		return circuits.DeskID(k.Code)
	})
	return d, from, nil
}

// WriteCircuit keeps a draft whose desks are named by their code. from is the
// edition that was read; empty: whatever is there is replaced.
func (o *Office) WriteCircuit(ctx context.Context, v Viewer, d circuits.Definition, from string) error {
	if err := v.manages(); err != nil {
		return err
	}
	if err := drawable(d); err != nil {
		return err
	}
	return o.organise(ctx, v, func(g Organisation) ([]Amendment, error) {
		c, _ := g.Circuit(d.Code)
		if from != "" && (c.Draft == nil || edition(*c.Draft) != from) {
			return nil, fmt.Errorf("draft of circuit %s: %w", d.Code, ErrConflict)
		}
		unknown := ""
		desks(&d, func(code circuits.DeskID) circuits.DeskID {
			id, ok := g.coded(string(code))
			if !ok {
				unknown = string(code)
			}
			return id
		})
		if unknown != "" {
			return nil, &InvalidError{"definition", "Le bureau « " + unknown + " » n’existe pas."}
		}
		return []Amendment{CircuitDrafted{Circuit: d}}, nil
	})
}

// coded finds a desk by its code.
func (g Organisation) coded(code string) (circuits.DeskID, bool) {
	d, ok := find(g.Desks, func(d DeskSetup) bool { return d.Code == code })
	return d.ID, ok
}

// RehearseNamed is Rehearse for programs: the drafter is named by their
// address, the desks chosen at start by their code.
func (o *Office) RehearseNamed(ctx context.Context, v Viewer, code string, c trial.Case, drafter string, on delegation.Date) (trial.Path, error) {
	if err := v.tries(); err != nil {
		return trial.Path{}, err
	}
	c, err := o.named(ctx, v, c, drafter)
	if err != nil {
		return trial.Path{}, err
	}
	return o.Rehearse(ctx, v, code, c, on)
}

// KeepNamedCase is KeepCase under the same names.
func (o *Office) KeepNamedCase(ctx context.Context, v Viewer, code string, c trial.Case, drafter string) (trial.Path, error) {
	if err := v.manages(); err != nil {
		return trial.Path{}, err
	}
	c, err := o.named(ctx, v, c, drafter)
	if err != nil {
		return trial.Path{}, err
	}
	return o.KeepCase(ctx, v, code, c)
}

// named finds the drafter and the desks that a case names.
func (o *Office) named(ctx context.Context, v Viewer, c trial.Case, drafter string) (trial.Case, error) {
	g, err := o.Store.Organisation(ctx, v.Tenant.ID)
	if err != nil {
		return c, err
	}
	if drafter != "" {
		m, ok := find(g.People, func(m Member) bool { return strings.EqualFold(m.Email, drafter) })
		if !ok {
			return c, &InvalidError{"drafter", "Aucune personne n’a cette adresse."}
		}
		c.Drafter = m.ID
	}
	for step, desk := range c.Chosen {
		id, ok := g.coded(string(desk))
		if !ok {
			return c, &InvalidError{"chosen", "Le bureau « " + string(desk) + " » n’existe pas."}
		}
		c.Chosen[step] = id
	}
	return c, nil
}
