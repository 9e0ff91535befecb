package dossiers

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"parapheur/circuits"
	"parapheur/circuits/delegation"
)

// maxSweep is how many dossiers of a town are listed at once.
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
// said is not said again. What cannot be done keeps nothing else from being
// done: the errors are joined.
func (o *Office) Sweep(ctx context.Context, t TenantID) (n Swept, err error) {
	tenant, err := o.Store.Tenant(ctx, t)
	if err != nil {
		return n, err
	}
	v := Viewer{Tenant: tenant}
	var errs [4]error
	n.Mandates, errs[0] = o.EndMandates(ctx, t)
	n.Redirected, errs[1] = o.redirect(ctx, v)
	n.Reminded, errs[2] = o.tick(ctx, v)
	n.Resumed, errs[3] = o.resume(ctx, v)
	if err := errors.Join(errs[:]...); err != nil {
		return n, fmt.Errorf("sweep %s: %w", t, err)
	}
	return n, nil
}

// tick says what is due in the dossiers at which the clock has something to
// say. Those that cannot move stay first in the list: it is asked beyond them.
func (o *Office) tick(ctx context.Context, v Viewer) (moved int, err error) {
	seen := map[ID]bool{}
	var errs []error
	for {
		due, err := o.Store.Ticking(ctx, v.Tenant.ID, o.now(), maxSweep+len(seen))
		if err != nil {
			return moved, errors.Join(append(errs, err)...)
		}
		due = slices.DeleteFunc(due, func(id ID) bool { return seen[id] })
		if len(due) == 0 {
			return moved, errors.Join(errs...)
		}
		for _, id := range due {
			seen[id] = true
		}
		n, err := o.sweep(ctx, v, due, "clock", func(w Work, c circumstances) (Change, error) {
			s := w.Dossier.State
			events, err := s.Due(o.now(), c.facts(s, s.Circuit, nil))
			return Change{Events: events}, err
		})
		moved, errs = moved+n, append(errs, err)
		if ctx.Err() != nil {
			return moved, errors.Join(errs...)
		}
	}
}

// resume looks again at the dossiers that nobody could act on.
func (o *Office) resume(ctx context.Context, v Viewer) (moved int, err error) {
	var errs []error
	for after := ID(""); ; {
		blocked, err := o.Store.Blocked(ctx, v.Tenant.ID, after, maxSweep)
		if err != nil || len(blocked) == 0 {
			return moved, errors.Join(append(errs, err)...)
		}
		after = blocked[len(blocked)-1]
		n, err := o.sweep(ctx, v, blocked, "resume", func(w Work, c circumstances) (Change, error) {
			s := w.Dossier.State
			events, err := s.Resume(c.facts(s, s.Circuit, nil), o.now())
			if errors.Is(err, circuits.ErrKnown) || errors.Is(err, circuits.ErrStep) || errors.Is(err, circuits.ErrFacts) {
				return Change{}, nil // still blocked
			}
			return Change{Events: events}, err
		})
		moved, errs = moved+n, append(errs, err)
		if ctx.Err() != nil {
			return moved, errors.Join(errs...)
		}
	}
}

// sweep moves each dossier in a transaction of its own. One that cannot move
// does not keep the others from it; the errors are joined.
func (o *Office) sweep(ctx context.Context, v Viewer, ids []ID, what string, decide func(Work, circumstances) (Change, error)) (moved int, err error) {
	var errs []error
	for _, id := range ids {
		if err := ctx.Err(); err != nil {
			return moved, errors.Join(append(errs, err)...)
		}
		acted := false
		_, err := o.move(ctx, v, id, what, func(w Work, c circumstances) (Change, error) {
			change, err := decide(w, c)
			acted = err == nil && len(change.Events) > 0
			return change, err
		})
		if err != nil {
			errs = append(errs, fmt.Errorf("%s %s: %w", what, id, err))
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
	today := o.today(g.Territory)
	var errs []error
	for _, a := range g.Absences {
		if a.Tray != delegation.MoveTray || a.Cancelled || a.Replacement == "" || today < a.From || today > a.To {
			continue
		}
		n, err := o.moveTray(ctx, v, g, a)
		moved, errs = moved+n, append(errs, err)
	}
	return moved, errors.Join(errs...)
}

// moveTray redirects the turns of one absent person.
func (o *Office) moveTray(ctx context.Context, v Viewer, g Organisation, a delegation.Absence) (int, error) {
	holders := []string{string(a.Person)}
	for _, d := range g.Desks {
		if len(d.Holders) == 1 && d.Holders[0].Person == a.Person && !d.Inactive {
			holders = append(holders, string(d.ID))
		}
	}
	who, _ := g.Member(a.Person)
	absent := circuits.Actor{Person: a.Person, Name: who.Name()}
	moved, errs := 0, []error(nil)
	for _, h := range holders {
		for after := ID(""); ctx.Err() == nil; {
			ids, err := o.Store.Waiting(ctx, v.Tenant.ID, h, after, maxSweep)
			if err != nil || len(ids) == 0 {
				errs = append(errs, err)
				break
			}
			after = ids[len(ids)-1]
			n, err := o.sweep(ctx, v, ids, "redirect", o.redirected(absent, a.Replacement, holders))
			moved, errs = moved+n, append(errs, err)
		}
	}
	return moved, errors.Join(append(errs, ctx.Err())...)
}

// redirected passes the turns of somebody absent, in one dossier, to who
// replaces them.
func (o *Office) redirected(absent circuits.Actor, replacement circuits.PersonID, holders []string) func(Work, circumstances) (Change, error) {
	return func(w Work, c circumstances) (Change, error) {
		var all []circuits.Event
		s := w.Dossier.State
		for _, turn := range s.OpenTurns() {
			kind := s.Circuit.Steps[turn.Step].Kind
			mine := turn.Person == absent.Person || turn.Person == "" && slices.Contains(holders, string(turn.Desk))
			if !mine || kind == circuits.Signature || kind == circuits.Seal {
				continue // who replaces somebody does not sign by that alone
			}
			to := circuits.Recipient{Desk: turn.Desk, Person: replacement}
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
	}
}
