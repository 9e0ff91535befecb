package dossiers

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"parapheur/circuits"
	"parapheur/circuits/delegation"
)

// maxSweep is how many dossiers one sweep of a town moves; the next one takes
// the rest.
const maxSweep = 500

// A Swept counts what a sweep of a town brought about.
type Swept struct {
	Reminded   int // dossiers at which the clock had something to say
	Resumed    int // blocked dossiers that go on
	Redirected int // turns passed to who replaces somebody absent
	Mandates   int // people whose mandate ended
}

// Sweep does in a town what the clock alone brings about: reminders,
// escalation, deadlines, opinions that did not come, trays of absent people
// that go to their replacement, dossiers that were blocked and can go on,
// mandates that ended. It may run any number of times, on any node: what was
// said is not said again.
func (o *Office) Sweep(ctx context.Context, t TenantID) (n Swept, err error) {
	tenant, err := o.Store.Tenant(ctx, t)
	if err != nil {
		return n, err
	}
	if n.Mandates, err = o.EndMandates(ctx, t); err != nil {
		return n, err
	}
	v := Viewer{Tenant: tenant}
	if n.Redirected, err = o.redirect(ctx, v); err != nil {
		return n, fmt.Errorf("sweep %s: %w", t, err)
	}
	blocked, err := o.Store.Blocked(ctx, t, maxSweep)
	if err != nil {
		return n, err
	}
	n.Resumed, err = o.sweep(ctx, v, blocked, "resume", func(w Work, c circumstances) (Change, error) {
		s := w.Dossier.State
		events, err := s.Resume(c.facts(s, s.Circuit, nil), o.now())
		if errors.Is(err, circuits.ErrKnown) || errors.Is(err, circuits.ErrStep) || errors.Is(err, circuits.ErrFacts) {
			return Change{}, nil // still blocked
		}
		return Change{Events: events}, err
	})
	if err != nil {
		return n, err
	}
	due, err := o.Store.Ticking(ctx, t, o.now(), maxSweep)
	if err != nil {
		return n, err
	}
	n.Reminded, err = o.sweep(ctx, v, due, "clock", func(w Work, c circumstances) (Change, error) {
		s := w.Dossier.State
		events, err := s.Due(o.now(), c.facts(s, s.Circuit, nil))
		return Change{Events: events}, err
	})
	return n, err
}

// sweep moves each dossier in a transaction of its own. One that cannot move
// does not keep the others from it; the errors are joined.
func (o *Office) sweep(ctx context.Context, v Viewer, ids []ID, what string, decide func(Work, circumstances) (Change, error)) (moved int, err error) {
	var errs []error
	for _, id := range ids {
		if err := ctx.Err(); err != nil {
			return moved, err
		}
		acted := false
		_, err := o.move(ctx, v, id, what, func(w Work, c circumstances) (Change, error) {
			change, err := decide(w, c)
			acted = err == nil && len(change.Events) > 0
			return change, err
		})
		if err != nil {
			errs = append(errs, err)
		} else if acted {
			moved++
		}
	}
	return moved, errors.Join(errs...)
}

// redirect passes to the replacement what waits for people whose absence moves
// their tray, when nobody else holds the desk.
func (o *Office) redirect(ctx context.Context, v Viewer) (moved int, err error) {
	revision, err := o.Store.OrganisationRevision(ctx, v.Tenant.ID)
	if err != nil {
		return 0, err
	}
	g, err := o.setUp(ctx, v.Tenant.ID, revision)
	if err != nil {
		return 0, err
	}
	today := o.today()
	for _, a := range g.Absences {
		if a.Tray != delegation.MoveTray || a.Cancelled || a.Replacement == "" || today < a.From || today > a.To {
			continue
		}
		n, err := o.moveTray(ctx, v, g, a)
		if moved += n; err != nil {
			return moved, err
		}
	}
	return moved, nil
}

// moveTray redirects the turns of one absent person.
func (o *Office) moveTray(ctx context.Context, v Viewer, g Organisation, a delegation.Absence) (int, error) {
	holders := []string{string(a.Person)}
	for _, d := range g.Desks {
		if len(d.Holders) == 1 && d.Holders[0].Person == a.Person && !d.Inactive {
			holders = append(holders, string(d.ID))
		}
	}
	var ids []ID
	for _, h := range holders {
		found, err := o.Store.Waiting(ctx, v.Tenant.ID, h, maxSweep)
		if err != nil {
			return 0, err
		}
		ids = append(ids, found...)
	}
	slices.Sort(ids)
	who, _ := g.Member(a.Person)
	absent := circuits.Actor{Person: a.Person, Name: who.Name()}
	return o.sweep(ctx, v, slices.Compact(ids), "redirect", func(w Work, c circumstances) (Change, error) {
		var all []circuits.Event
		s := w.Dossier.State
		for _, turn := range s.OpenTurns() {
			kind := s.Circuit.Steps[turn.Step].Kind
			mine := turn.Person == a.Person || turn.Person == "" && slices.Contains(holders, string(turn.Desk))
			if !mine || kind == circuits.Signature || kind == circuits.Seal {
				continue // who replaces somebody does not sign by that alone
			}
			to := circuits.Recipient{Desk: turn.Desk, Person: a.Replacement}
			events, err := s.Redirect(absent, turn.Step, turn.Turn, to, "Absence", c.facts(s, s.Circuit, nil), o.now())
			if errors.Is(err, circuits.ErrRecipient) || errors.Is(err, circuits.ErrRecused) {
				continue
			}
			if err != nil {
				return Change{}, err
			}
			for _, e := range events {
				s = s.Apply(e)
			}
			all = append(all, events...)
		}
		return Change{Events: all}, nil
	})
}
