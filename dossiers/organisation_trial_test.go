package dossiers_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/conditions"
	"parapheur/internal/demo"
	"parapheur/internal/trial"
)

// A file publishes no circuit that a letter would stumble on, nor one whose
// kept case fails; passkeys that are still to come may be let through, and
// nothing else.
func TestASetupIsTriedBeforeItIsApplied(t *testing.T) {
	t.Parallel()
	town, admin := still(t)
	ctx, o := t.Context(), town.Office
	setup := func(when string) dossiers.Setup {
		s := organisationOf(t, town).Setup()
		i := slices.IndexFunc(s.Circuits, func(c circuits.Definition) bool { return c.Code == "courrier-simple" })
		s.Circuits[i].Steps = slices.Clone(s.Circuits[i].Steps)
		s.Circuits[i].Steps[0].When = when
		return s
	}
	refusal := func(s dossiers.Setup, terms dossiers.Terms) string {
		t.Helper()
		before, _ := town.Store.JournalHead(ctx, town.Tenant.ID)
		var unready *dossiers.UnreadyError
		if _, err := o.ApplySetup(ctx, admin, s, terms); !errors.As(err, &unready) {
			t.Fatalf("applied: %v", err)
		}
		if after, _ := town.Store.JournalHead(ctx, town.Tenant.ID); after.Seq != before.Seq {
			t.Error("something was written")
		}
		return unready.Reasons[0].Reason
	}
	if why := refusal(setup("annexes > 0"), dossiers.Terms{}); !strings.Contains(why, "Circuit « courrier-simple » : ") || !strings.Contains(why, "clé d’accès") {
		t.Errorf("nobody has a passkey: %s", why)
	}
	if why := refusal(setup("annexes < 0 && annexes > 0"), dossiers.Terms{Founding: true}); !strings.Contains(why, "jamais remplie") {
		t.Errorf("a condition that never holds: %s", why)
	}
	if _, err := o.ApplySetup(ctx, admin, setup("annexes > 0"), dossiers.Terms{Founding: true}); err != nil {
		t.Fatalf("a town that begins: %v", err)
	}

	town.Person(t, demo.DGS)
	town.Person(t, demo.Mayor)
	if _, err := o.KeepCase(ctx, admin, "courrier-simple", trial.Case{Name: "sans annexe", Values: conditions.Values{"annexes": "0"}}); err != nil {
		t.Fatal(err)
	}
	plan, err := o.PlanSetup(ctx, admin, setup(""))
	if err != nil || plan.Refusal(true) == nil || !slices.ContainsFunc(plan.Findings, func(f dossiers.ReformFinding) bool { return f.Code == dossiers.FindingCase && f.Blocks(true) }) {
		t.Errorf("a case that fails: %+v, %v", plan.Findings, err)
	}
	if why := refusal(setup(""), dossiers.Terms{Founding: true}); !strings.Contains(why, "Le cas « sans annexe » ne prend plus") {
		t.Errorf("a case that fails: %s", why)
	}
	// A desk that empties makes a circuit stumble that the file does not publish.
	s := organisationOf(t, town).Setup()
	s.Circuits = nil
	for i := range s.Desks {
		if s.Desks[i].Name == demo.DeskMayor {
			s.Desks[i].Holders = nil
		}
	}
	plan, err = o.PlanSetup(ctx, admin, s)
	if err != nil || plan.Refusal(false) != nil || len(plan.Findings) == 0 || !plan.Findings[0].Elsewhere || plan.Findings[0].Code != "desk_empty" {
		t.Errorf("%+v, %v", plan.Findings, err)
	}
	if _, err := o.ApplySetup(ctx, admin, s, dossiers.Terms{Shown: plan.Digest()}); err != nil {
		t.Error(err)
	}
}
