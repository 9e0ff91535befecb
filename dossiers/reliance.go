package dossiers

import (
	"context"
	"fmt"
	"slices"

	"parapheur/circuits"
)

// A Reliance is what would stop if nobody acted at a desk any more.
type Reliance struct {
	Letters  int      // that wait there now
	Circuits []string // names of those in force that name it
}

// Reliance says what rests on a desk, for administrators: a number, never the
// letters.
func (o *Office) Reliance(ctx context.Context, v Viewer, desk circuits.DeskID) (r Reliance, err error) {
	if err := v.administers(); err != nil {
		return r, err
	}
	g, err := o.Store.Organisation(ctx, v.Tenant.ID)
	if err != nil {
		return r, err
	}
	there, err := o.Store.Waiting(ctx, v.Tenant.ID, string(desk), "", manyLetters)
	if err != nil {
		return r, fmt.Errorf("what waits at %s: %w", desk, err)
	}
	r.Letters = len(there)
	for _, c := range g.Circuits {
		if c.Published != nil && slices.Contains(namedBy(*c.Published), desk) {
			r.Circuits = append(r.Circuits, c.Published.Name)
		}
	}
	return r, nil
}

// namedBy are the desks that a circuit names as the ones who act; those among
// which one is chosen at start are no promise.
func namedBy(d circuits.Definition) (out []circuits.DeskID) {
	for _, st := range d.Steps {
		if st.Kind == circuits.Information {
			continue
		}
		if st.Desk != "" {
			out = append(out, st.Desk)
		}
		for _, a := range st.Actors {
			if a.Rule == circuits.NamedDesk {
				out = append(out, a.Desk)
			}
		}
	}
	return out
}

// stops names the desks of the version in force where a letter would stop
// today: closed, or without a holder.
func (g Organisation) stops(c CircuitSetup) (out []string) {
	if c.Published == nil {
		return nil
	}
	for _, id := range namedBy(*c.Published) {
		if d, ok := g.Desk(id); ok && (d.Inactive || len(d.Holders) == 0) && !slices.Contains(out, d.Name) {
			out = append(out, d.Name)
		}
	}
	return out
}
