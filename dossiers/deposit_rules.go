package dossiers

import (
	"context"
	"errors"
	"fmt"
)

// ErrContent says that a PDF carries something that the town refuses.
var ErrContent = errors.New("active content refused by the rules of the town")

// DepositRules say which active contents a town refuses: true refuses a PDF
// that has it, false reports it to the depositor. What is not named follows
// DefaultDepositRules.
type DepositRules map[NoticeCode]bool

// DefaultDepositRules refuse what starts or is a program, and report the rest.
func DefaultDepositRules() DepositRules {
	out := DepositRules{}
	for _, c := range Contents() {
		out[c] = c == ContentLaunch || c == ContentExecutable
	}
	return out
}

// admit refuses what was found and is refused.
func (r DepositRules) admit(found []Notice) error {
	var bad []Notice
	for _, f := range found {
		if r[f.Code] {
			bad = append(bad, f)
		}
	}
	if len(bad) == 0 {
		return nil
	}
	return &ContentError{bad}
}

// rules are those in force in a town, complete.
func (o *Office) rules(ctx context.Context, t Tenant) (DepositRules, error) {
	set, err := o.Store.DepositRules(ctx, t.ID)
	if err != nil {
		return nil, err
	}
	out := DefaultDepositRules()
	for code := range out {
		if refused, ok := set[code]; ok {
			out[code] = refused
		}
	}
	return out, nil
}

// DepositRules are those in force in the town, one for each of Contents.
// Whoever deposits may know them.
func (o *Office) DepositRules(ctx context.Context, v Viewer) (DepositRules, error) {
	return o.rules(ctx, v.Tenant)
}

// SetDepositRules changes the rules for the letters deposited from now on, and
// journals who did. Naming the rules in force changes nothing.
func (o *Office) SetDepositRules(ctx context.Context, v Viewer, r DepositRules) error {
	if err := v.manages(); err != nil {
		return err
	}
	before, err := o.rules(ctx, v.Tenant)
	if err != nil {
		return err
	}
	changed := false
	for code, refused := range r {
		was, known := before[code]
		if !known {
			return &InvalidError{"rules", "Cette règle n’existe pas."}
		}
		changed = changed || was != refused
		before[code] = refused
	}
	if !changed {
		return nil
	}
	if err := o.Store.SetDepositRules(ctx, v.Tenant.ID, before, v.Actor(""), o.now()); err != nil {
		return fmt.Errorf("set the deposit rules: %w", err)
	}
	return nil
}
