package dossiers

import (
	"context"
	"fmt"

	"parapheur/circuits"
)

// DraftCircuit keeps the draft of a circuit. Nothing takes it before it is
// published, and it may be incomplete meanwhile.
func (o *Office) DraftCircuit(ctx context.Context, v Viewer, d circuits.Definition) error {
	_, err := o.Amend(ctx, v, CircuitDrafted{Circuit: d})
	return err
}

// PublishCircuit makes the draft of a circuit the version that new dossiers
// take, and answers it. Those that are under way keep theirs. The definition
// and the conditions of its steps are checked against the metadata of every
// type that takes it.
func (o *Office) PublishCircuit(ctx context.Context, v Viewer, code string) (d circuits.Definition, err error) {
	if err := v.manages(); err != nil {
		return d, err
	}
	err = o.organise(ctx, v, func(g Organisation) ([]Amendment, error) {
		c, _ := g.Circuit(code)
		if c.Draft == nil {
			return nil, fmt.Errorf("draft of circuit %s: %w", code, ErrNotFound)
		}
		d = *c.Draft
		d.Version = g.nextVersion(code)
		return []Amendment{CircuitPublished{Circuit: d, SHA256: d.Hash()}}, nil
	})
	return d, err
}

// RetireCircuit keeps new dossiers from taking a version; those under way keep
// theirs. A circuit whose newest version is retired is out of use until
// another is published.
func (o *Office) RetireCircuit(ctx context.Context, v Viewer, code string, version int) error {
	_, err := o.Amend(ctx, v, CircuitRetired{Code: code, Version: version})
	return err
}
