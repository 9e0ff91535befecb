package dossiers

import (
	"context"
	"errors"
	"maps"
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

// KindDepositRulesSet is the kind of the entry of a change.
const KindDepositRulesSet = "deposit_rules.set"

// DepositRulesSet changes what the PDFs deposited from now on may carry.
type DepositRulesSet struct {
	Rules DepositRules `json:"refused"` // one for each of Contents
}

// Kind implements Amendment.
func (DepositRulesSet) Kind() string { return KindDepositRulesSet }

// Subject implements Amendment.
func (DepositRulesSet) Subject() string { return "deposit_rules" }

func (a DepositRulesSet) identified(func() (string, error)) (Amendment, error) { return a, nil }
func (DepositRulesSet) check(Organisation) error                               { return nil } // of over

func (a DepositRulesSet) apply(g Organisation) Organisation {
	g.Deposits = a.Rules
	return g
}

// complete are the rules in force where only some were set.
func (r DepositRules) complete() DepositRules {
	out := DefaultDepositRules()
	for code := range out {
		if refused, ok := r[code]; ok {
			out[code] = refused
		}
	}
	return out
}

// over are the rules in force once r is said over before. It refuses a content
// that is none.
func (r DepositRules) over(before DepositRules) (DepositRules, error) {
	out := before.complete()
	for code, refused := range r {
		if _, known := out[code]; !known {
			return nil, &InvalidError{"refused_contents", "« " + string(code) + " » n’est pas un contenu que l’on refuse ou signale : launch, executable, javascript…"}
		}
		out[code] = refused
	}
	return out, nil
}

// depositsPlanned compares the rules of deposit.
func depositsPlanned(g Organisation, s Setup, r *Reform) error {
	before := g.Deposits.complete()
	after, err := s.Refused.over(before)
	if err != nil || maps.Equal(before, after) {
		return err
	}
	line := ReformLine{Sign: "~", What: "règles de dépôt"}
	for _, c := range Contents() {
		if before[c] != after[c] {
			said := map[bool]string{true: "refusé", false: "signalé"}
			line.Details = append(line.Details, string(c)+" : "+said[before[c]]+" → "+said[after[c]])
		}
	}
	r.Lines, r.amendments = append(r.Lines, line), append(r.amendments, DepositRulesSet{after})
	return nil
}

// rules are those in force in a town, complete.
func (o *Office) rules(ctx context.Context, t Tenant) (DepositRules, error) {
	set, err := o.Store.DepositRules(ctx, t.ID)
	return set.complete(), err
}

// DepositRules are those in force in the town, one for each of Contents.
// Whoever deposits may know them.
func (o *Office) DepositRules(ctx context.Context, v Viewer) (DepositRules, error) {
	return o.rules(ctx, v.Tenant)
}

// SetDepositRules changes the rules for the letters deposited from now on, and
// journals who did. Naming the rules in force changes nothing. still is asked
// under the lock about those in force: its error is answered as it is.
func (o *Office) SetDepositRules(ctx context.Context, v Viewer, r DepositRules, still func(now DepositRules) error) error {
	if err := v.manages(); err != nil {
		return err
	}
	return o.organise(ctx, v, func(g Organisation) ([]Amendment, error) {
		before := g.Deposits.complete()
		if err := still(before); err != nil {
			return nil, err
		}
		after, err := r.over(before)
		if err != nil || maps.Equal(before, after) {
			return nil, err
		}
		return []Amendment{DepositRulesSet{after}}, nil
	})
}
