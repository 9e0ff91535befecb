package dossiers

import (
	"context"
	"fmt"
	"slices"

	"parapheur/circuits"
	"parapheur/circuits/delegation"
)

const (
	maxTray   = 100 // how far a bin is read to place a dossier in it
	maxJudged = 50  // up to so many lines, those that no power covers are not counted
	maxSought = 20  // pages read to find one line that a power covers
)

// inPlaceOf lists the people in whose place p may act for some dossiers, and
// their desks that p does not hold: more than the law allows on each dossier,
// never less.
func (g Organisation) inPlaceOf(p Person, today delegation.Date) (out []string) {
	for _, who := range g.principals(p, today) {
		out = append(out, string(who))
		for _, d := range g.Desks {
			_, holds := p.Seat(d.ID)
			if !d.Inactive && !holds && slices.ContainsFunc(d.Holders, func(h SeatSetup) bool { return h.Person == who }) {
				out = append(out, string(d.ID))
			}
		}
	}
	return out
}

func (g Organisation) principals(p Person, today delegation.Date) (out []circuits.PersonID) {
	add := func(who circuits.PersonID) {
		if who != p.ID && !slices.Contains(out, who) {
			out = append(out, who)
		}
	}
	current := func(from, to delegation.Date) bool { return from <= today && (to == "" || today <= to) }
	for _, d := range g.Delegations {
		if d.Delegate.Person == p.ID && d.Withdrawn == "" && current(d.From, d.To) {
			add(d.Delegator.Person)
		}
	}
	for _, a := range g.Absences {
		if a.Replacement == p.ID && !a.Cancelled && a.Tray != delegation.KeepTray && current(a.From, a.To) {
			add(a.Person)
		}
	}
	if m, ok := g.Member(p.ID); ok && m.Adjoint {
		for _, i := range g.Impediments {
			if current(i.From, i.To) {
				add(i.Person)
			}
		}
	}
	return out
}

// readerOf is v as lists read them.
func (o *Office) readerOf(ctx context.Context, v Viewer) (Reader, error) {
	p, err := v.person()
	if err != nil {
		return Reader{}, err
	}
	revision, err := o.Store.OrganisationRevision(ctx, v.Tenant.ID)
	if err != nil {
		return Reader{}, err
	}
	g, err := o.setUp(ctx, v.Tenant.ID, revision)
	return Reader{Person: p, InPlaceOf: g.inPlaceOf(p, o.today(g.Territory)), Now: o.now()}, err
}

// Bins counts what waits in each of the viewer's bins. BinDelegated is counted
// as it lists while it is short, and may count more than that beyond.
func (o *Office) Bins(ctx context.Context, v Viewer) (map[Bin]int, error) {
	r, err := o.readerOf(ctx, v)
	if err != nil {
		return nil, fmt.Errorf("bins: %w", err)
	}
	counts, err := o.Store.Count(ctx, v.Tenant.ID, r)
	if n := counts[BinDelegated]; err == nil && n > 0 && n <= maxJudged {
		rows, _, err := o.delegated(ctx, v, r, Page{Limit: maxJudged})
		if err != nil {
			return nil, err
		}
		counts[BinDelegated] = len(rows)
	}
	return counts, err
}

// List reads one of the viewer's bins.
func (o *Office) List(ctx context.Context, v Viewer, b Bin, p Page) ([]Row, string, error) {
	r, err := o.readerOf(ctx, v)
	if err != nil {
		return nil, "", fmt.Errorf("list %s: %w", b, err)
	}
	p = clamp(p)
	if b == BinDelegated {
		return o.delegated(ctx, v, r, p)
	}
	return o.Store.List(ctx, v.Tenant.ID, r, b, p)
}

// delegated lists what r may decide in somebody's place: of what waits for
// those people, the dossiers that the law of today lets r take. A page may be
// shorter than asked.
func (o *Office) delegated(ctx context.Context, v Viewer, r Reader, p Page) (out []Row, next string, err error) {
	if len(r.InPlaceOf) == 0 {
		return nil, "", nil
	}
	for range maxSought {
		rows, after, err := o.Store.List(ctx, v.Tenant.ID, r, BinDelegated, p)
		if err != nil {
			return nil, "", err
		}
		for _, row := range rows {
			m, err := o.Store.Matter(ctx, v.Tenant.ID, row.ID)
			if err != nil {
				return nil, "", err
			}
			c, err := o.circumstances(ctx, v.Tenant.ID, m)
			if err != nil {
				return nil, "", err
			}
			if by, step, ok := c.inPlace(r.Person, m.Dossier.State); ok {
				row.For, row.StepKind = by.For.Name, step.Kind
				out = append(out, row)
			}
		}
		if p.After, next = after, after; after == "" || len(out) > 0 {
			break
		}
	}
	return out, next, nil
}

// inPlace finds the open turn that p may take in somebody's place, and no turn
// of their own comes before.
func (c circumstances) inPlace(p Person, s circuits.State) (circuits.Actor, circuits.Step, bool) {
	for _, turn := range s.OpenTurns() {
		st := s.Circuit.Steps[turn.Step]
		if by, err := c.capacity(p, turn, st.Kind); err == nil {
			return by, st, by.For != nil
		}
	}
	return circuits.Actor{}, circuits.Step{}, false
}

// place finds the dossier's neighbours in a bin of the viewer: by default the
// one where it waits for them.
func (o *Office) place(ctx context.Context, v Viewer, out *View, b Bin) error {
	if b == "" && out.By.For != nil {
		b = BinDelegated
	} else if b == "" {
		b = BinToDo
	}
	rows, _, err := o.List(ctx, v, b, Page{Limit: maxTray})
	if err != nil {
		return err
	}
	out.Bin = b
	i := slices.IndexFunc(rows, func(r Row) bool { return r.ID == out.ID })
	if i < 0 {
		if len(rows) > 0 {
			out.Next = rows[0].ID
		}
		return nil
	}
	out.Place, out.Tray = i+1, len(rows)
	if i > 0 {
		out.Previous = rows[i-1].ID
	}
	if i+1 < len(rows) {
		out.Next = rows[i+1].ID
	}
	return nil
}
