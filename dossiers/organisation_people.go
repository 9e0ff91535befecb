package dossiers

import (
	"context"
	"fmt"

	"parapheur/circuits"
)

// manyLetters bounds how many letters are counted at a desk.
const manyLetters = 1000

// An Expectation is what would stop if somebody could act no more.
type Expectation struct {
	Desk    string // name of the desk; empty: what was asked of the person by name
	Letters int    // that wait there, up to 1000
	Alone   bool   // nobody else who may act holds the desk
}

// Expected says what waits for a person, desk by desk, for administrators:
// numbers, never the letters.
func (o *Office) Expected(ctx context.Context, v Viewer, person circuits.PersonID) (out []Expectation, err error) {
	if err := v.administers(); err != nil {
		return nil, err
	}
	if _, err := o.Store.Person(ctx, v.Tenant.ID, person); err != nil {
		return nil, err
	}
	desks, err := o.Store.Desks(ctx, v.Tenant.ID)
	if err != nil {
		return nil, err
	}
	asked, err := o.Store.Waiting(ctx, v.Tenant.ID, string(person), "", manyLetters)
	if err != nil {
		return nil, fmt.Errorf("what waits for %s: %w", person, err)
	}
	if len(asked) > 0 {
		out = append(out, Expectation{Letters: len(asked), Alone: true})
	}
	for _, d := range desks {
		held, others := false, false
		for _, h := range d.Holders {
			held = held || h.Person == person
			others = others || h.Person != person && h.Able
		}
		if !held {
			continue
		}
		there, err := o.Store.Waiting(ctx, v.Tenant.ID, string(d.ID), "", manyLetters)
		if err != nil {
			return nil, fmt.Errorf("what waits at %s: %w", d.ID, err)
		}
		out = append(out, Expectation{Desk: d.Name, Letters: len(there), Alone: !others})
	}
	return out, nil
}

// PasskeysOf lists the passkeys in force of a person, for administrators.
func (o *Office) PasskeysOf(ctx context.Context, v Viewer, person circuits.PersonID) (out []Credential, err error) {
	if err := v.administers(); err != nil {
		return nil, err
	}
	if _, err := o.Store.Person(ctx, v.Tenant.ID, person); err != nil {
		return nil, err
	}
	all, err := o.Store.Credentials(ctx, v.Tenant.ID, person)
	for _, c := range all {
		if c.RevokedAt.IsZero() {
			out = append(out, c)
		}
	}
	return out, err
}
