package demo_test

import (
	"testing"

	"parapheur/circuits/delegation"
	"parapheur/dossiers"
	"parapheur/internal/conditions"
	"parapheur/internal/demo"
	"parapheur/internal/towntest"
)

// The demonstration town is furnished once, and what Seed made stays.
func TestFurnish(t *testing.T) {
	t.Parallel()
	town := towntest.New(t)
	ctx := t.Context()
	before, err := town.Store.Organisation(ctx, town.Tenant.ID)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{true, false} {
		if made, err := demo.Furnish(ctx, town.Office, town.Tenant); err != nil || made != want {
			t.Fatalf("time %d: %t, %v", i+1, made, err)
		}
	}
	g, err := town.Store.Organisation(ctx, town.Tenant.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range before.Circuits {
		now, _ := g.Circuit(c.Code)
		if now.Published == nil || now.Published.Hash() != c.Published.Hash() {
			t.Errorf("circuit %s changed", c.Code)
		}
	}
	y, _ := g.Type(demo.Subsidy)
	for sum, want := range map[string]string{"": "subvention-courante", "900.00": "subvention-courante", "20000.00": "subvention-importante"} {
		d, err := g.CircuitFor(y, conditions.Values{"montant": sum}, town.Config.Now())
		if err != nil || d.Code != want {
			t.Errorf("a subsidy of %q goes along %q, %v", sum, d.Code, err)
		}
	}
	desk := town.Desk(t, demo.DeskMayor).ID
	for sum, want := range map[string]int{"900.00": 2, "6000.00": 1} {
		act := g.Act(demo.Subsidy, dossiers.Filing{Values: conditions.Values{"montant": sum}})
		if got := g.Snapshot().Powers(desk, act, "2026-11-23"); len(got.Powers) != want {
			t.Errorf("a subsidy of %s has %d signatories: %+v", sum, len(got.Powers), got)
		}
	}
	if got := g.Snapshot().Powers(desk, g.Act("courrier-simple", dossiers.Filing{}), delegation.Date("2026-11-23")); len(got.Powers) != 1 {
		t.Errorf("the letters of before have %d signatories", len(got.Powers))
	}
}
