package dossiers_test

import (
	"errors"
	"testing"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/conditions"
	"parapheur/internal/demo"
	"parapheur/internal/towntest"
	"parapheur/internal/trial"
)

// drawn begins a circuit of the town, a visa then a signature, from nothing.
func drawn(t *testing.T, town *towntest.Town, admin dossiers.Viewer) (code, edition string) {
	t.Helper()
	ctx, o := t.Context(), town.Office
	code, err := o.NewCircuit(ctx, admin, "Élus : « réponse » à l’électeur", "")
	if err != nil || code != "elus-reponse-a-l-electeur" {
		t.Fatalf("code %q, %v", code, err)
	}
	edition, err = o.ReviseCircuit(ctx, admin, code, trialOf(t, town, admin, code).Edition, func(d *circuits.Definition) error {
		d.Steps = []circuits.Step{
			{ID: "visa", Kind: circuits.Visa, Desk: town.Desk(t, demo.DeskDGS).ID, Title: "Visa", When: "annexes > 0"},
			{ID: "signature", Kind: circuits.Signature, Desk: town.Desk(t, demo.DeskMayor).ID, Title: "Signature"},
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return code, edition
}

func trialOf(t *testing.T, town *towntest.Town, v dossiers.Viewer, code string) dossiers.Trial {
	t.Helper()
	x, err := town.Office.Trial(t.Context(), v, code)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// A draft is changed from what was read of it, and by nobody else meanwhile.
func TestDraftsKeepTheirEdition(t *testing.T) {
	t.Parallel()
	town, admin := still(t)
	ctx, o := t.Context(), town.Office
	code, edition := drawn(t, town, admin)
	rename := func(name string) func(*circuits.Definition) error {
		return func(d *circuits.Definition) error { d.Name = name; return nil }
	}
	next, err := o.ReviseCircuit(ctx, admin, code, edition, rename("Réponse"))
	if err != nil || next == edition {
		t.Fatalf("%q, %v", next, err)
	}
	if _, err := o.ReviseCircuit(ctx, admin, code, edition, rename("Autre")); !errors.Is(err, dossiers.ErrConflict) {
		t.Errorf("an older draft is written over: %v", err)
	}
	head, _ := town.Store.JournalHead(ctx, town.Tenant.ID)
	if same, err := o.ReviseCircuit(ctx, admin, code, next, rename("Réponse")); err != nil || same != next {
		t.Errorf("%q, %v", same, err)
	}
	if now, _ := town.Store.JournalHead(ctx, town.Tenant.ID); now.Seq != head.Seq {
		t.Error("what changes nothing is in the journal")
	}
	if _, err := o.ReviseCircuit(ctx, town.Person(t, demo.DGS).Viewer(t), code, next, rename("X")); !errors.Is(err, dossiers.ErrForbidden) {
		t.Errorf("somebody else draws: %v", err)
	}
	if _, err := o.Trial(ctx, town.Person(t, demo.DGS).Viewer(t), code); !errors.Is(err, dossiers.ErrForbidden) {
		t.Errorf("somebody else tries: %v", err)
	}
	copied, err := o.NewCircuit(ctx, admin, "Réponse", code)
	if x := trialOf(t, town, admin, copied); err != nil || copied == code || len(x.Definition.Steps) != 2 {
		t.Errorf("copied as %s: %+v, %v", copied, x.Definition, err)
	}
	if err := o.DropDraft(ctx, admin, copied, ""); err != nil {
		t.Error(err)
	}
	if _, err := o.Trial(ctx, admin, copied); !errors.Is(err, dossiers.ErrNotFound) {
		t.Errorf("a draft thrown away: %v", err)
	}
}

// Cases are run again before a publication: one that takes another path keeps
// the circuit from it. Nothing blocks a circuit that was put right.
func TestCasesGuardPublication(t *testing.T) {
	t.Parallel()
	town, admin := still(t)
	town.Person(t, demo.DGS)
	town.Person(t, demo.Mayor)
	ctx, o := t.Context(), town.Office
	code, edition := drawn(t, town, admin)
	for name, annexes := range map[string]string{"avec": "2", "sans": "0"} {
		if _, err := o.KeepCase(ctx, admin, code, trial.Case{Name: name, Values: conditions.Values{"annexes": annexes}}); err != nil {
			t.Fatal(err)
		}
	}
	x := trialOf(t, town, admin, code)
	if !x.Ready() || len(x.Cases) != 2 || !x.Coverage[0].Whole() || x.Edition != edition {
		t.Fatalf("%+v, %+v", x.Findings, x.Coverage)
	}
	edition, err := o.ReviseCircuit(ctx, admin, code, edition, func(d *circuits.Definition) error { d.Steps[0].When = "annexes > 5"; return nil })
	if err != nil {
		t.Fatal(err)
	}
	var unready *dossiers.UnreadyError
	if _, err := o.PublishCircuit(ctx, admin, code, dossiers.Publication{}); !errors.As(err, &unready) || len(unready.Reasons) != 1 || unready.Reasons[0].Field != "cases.avec" {
		t.Fatalf("a case that fails: %v", err)
	}
	if _, err := o.KeepCase(ctx, admin, code, trial.Case{Name: "avec", Values: conditions.Values{"annexes": "6"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := o.PublishCircuit(ctx, admin, code, dossiers.Publication{Edition: "older"}); !errors.Is(err, dossiers.ErrConflict) {
		t.Errorf("a draft that was not shown: %v", err)
	}
	d, err := o.PublishCircuit(ctx, admin, code, dossiers.Publication{Edition: edition, Types: []string{"courrier-simple"}})
	if err != nil || d.Version != 1 {
		t.Fatalf("%+v, %v", d, err)
	}
	if got := town.Deposit(t); got.State.Circuit.Code != code {
		t.Errorf("a letter takes %s", got.State.Circuit.Code)
	}
	if err := o.DropCase(ctx, admin, code, "avec"); err != nil {
		t.Error(err)
	}
	if err := o.DropCase(ctx, admin, code, "avec"); !errors.Is(err, dossiers.ErrNotFound) {
		t.Errorf("forgotten twice: %v", err)
	}
	if _, err := o.KeepCase(ctx, admin, code, trial.Case{Name: "mal", Values: conditions.Values{"annexes": "beaucoup"}}); !errors.Is(err, dossiers.ErrInvalid) {
		t.Errorf("a value that is none: %v", err)
	}
}

// Running dossiers keep their version; an administrator passes them to the
// newest, with a reason that each journal keeps.
func TestMigrateAll(t *testing.T) {
	t.Parallel()
	town, admin := still(t)
	town.Person(t, demo.DGS)
	town.Person(t, demo.Mayor)
	ctx, o := t.Context(), town.Office
	first, second := town.Deposit(t), town.Deposit(t)
	if err := o.OpenDraft(ctx, admin, "courrier-simple"); err != nil {
		t.Fatal(err)
	}
	x := trialOf(t, town, admin, "courrier-simple")
	if x.Dossiers[1] != 2 || x.Definition.Version != 2 {
		t.Fatalf("%+v", x.Dossiers)
	}
	if _, err := o.ReviseCircuit(ctx, admin, x.Code, x.Edition, func(d *circuits.Definition) error { d.Steps[0].Days = 3; return nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := o.PublishCircuit(ctx, admin, x.Code, dossiers.Publication{}); err != nil {
		t.Fatal(err)
	}
	if _, err := o.MigrateAll(ctx, admin, x.Code, nil, " "); !errors.Is(err, dossiers.ErrInvalid) {
		t.Errorf("without a reason: %v", err)
	}
	done, err := o.MigrateAll(ctx, admin, x.Code, []dossiers.ID{first.ID}, "Délai ajouté")
	if err != nil || len(done) != 1 || done[0].Err != nil {
		t.Fatalf("%+v, %v", done, err)
	}
	all, err := o.Travelling(ctx, admin, x.Code)
	if err != nil || len(all) != 2 || all[0].Version != 2 || all[1].Version != 1 || all[1].ID != second.ID || all[1].Step == "" {
		t.Errorf("%+v, %v", all, err)
	}
	if done, err := o.MigrateAll(ctx, admin, x.Code, nil, "Délai ajouté"); err != nil || len(done) != 1 {
		t.Errorf("%+v, %v", done, err)
	}
	if x := trialOf(t, town, admin, x.Code); x.Dossiers[1] != 0 || x.Dossiers[2] != 2 {
		t.Errorf("%+v", x.Dossiers)
	}
	entries, err := town.Store.JournalOf(ctx, town.Tenant.ID, second.ID)
	if err != nil {
		t.Fatal(err)
	}
	told := false
	for _, e := range entries {
		told = told || e.Kind == circuits.KindMigrated
	}
	if !told {
		t.Error("the journal of the dossier does not say it")
	}
}
