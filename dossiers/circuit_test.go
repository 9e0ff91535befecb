package dossiers_test

import (
	"errors"
	"testing"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/towntest"
)

// rows lists a bin of a viewer.
func rows(t *testing.T, town *towntest.Town, v dossiers.Viewer, b dossiers.Bin) []dossiers.Row {
	t.Helper()
	got, _, err := town.Office.List(t.Context(), v, b, dossiers.Page{})
	if err != nil {
		t.Fatal(err)
	}
	n, err := town.Office.Bins(t.Context(), v)
	if err != nil || n[b] != len(got) {
		t.Errorf("bin %s lists %d and counts %d, %v", b, len(got), n[b], err)
	}
	return got
}

// A refusal returns to the drafter with its reason; a new version makes the
// earlier decisions lapse, and the circuit starts again.
func TestRefusedAndCorrected(t *testing.T) {
	t.Parallel()
	town := towntest.New(t)
	drafter, dgs, mayor := town.Person(t, demo.Drafter), town.Person(t, demo.DGS), town.Person(t, demo.Mayor)
	const reason = "Le numéro de la rue est faux."
	d := town.Deposit(t)
	if _, err := dgs.Decide(t, d.ID, "visa", ""); err != nil {
		t.Fatal(err)
	}
	town.Read(t, mayor.Viewer(t), d.ID, 1, "")
	if _, err := mayor.Decide(t, d.ID, "refus", reason); err != nil {
		t.Fatal(err)
	}
	returned := rows(t, town, drafter.Viewer(t), dossiers.BinReturned)
	if len(returned) != 1 || returned[0].LastRefusal != reason || len(rows(t, town, mayor.Viewer(t), dossiers.BinToDo)) != 0 {
		t.Fatalf("the drafter finds %+v", returned)
	}
	if _, err := town.Office.Correct(t.Context(), drafter.Viewer(t), d.ID, town.Letter(t)); !errors.Is(err, circuits.ErrSame) {
		t.Errorf("corrected by the same bytes: %v", err)
	}
	if _, err := town.Office.Correct(t.Context(), drafter.Viewer(t), d.ID, dossiers.Received{}); !errors.Is(err, dossiers.ErrInvalid) {
		t.Errorf("corrected by nothing: %v", err)
	}
	c, err := town.Office.Correct(t.Context(), drafter.Viewer(t), d.ID, town.Annex(t))
	if err != nil {
		t.Fatal(err)
	}
	if c.State.Version != 2 || c.State.Phase != circuits.Running || c.State.Steps[0].Status != circuits.Open || c.Main().Revision.Version != 2 {
		t.Errorf("corrected: version %d, phase %s, steps %+v", c.State.Version, c.State.Phase, c.State.Steps)
	}
	for _, x := range c.State.Decisions {
		if x.Standing != circuits.Lapsed {
			t.Errorf("the %s still %s", x.Verdict, x.Standing)
		}
	}
	// Both versions can be read; the Mayor has not opened the second one.
	v := mayor.Viewer(t)
	if string(town.Read(t, v, d.ID, 1, "v1")) == string(town.Read(t, v, d.ID, 1, "v2")) {
		t.Error("versions 1 and 2 are the same bytes")
	}
	for _, step := range []struct {
		who      *towntest.Person
		decision string
	}{{dgs, "visa"}, {mayor, "signature"}} {
		if _, err := step.who.Decide(t, d.ID, step.decision, ""); err != nil {
			t.Fatal(err)
		}
	}
	signed := town.Await(t, d.ID, completed)
	if n := len(evidenceOf(t, town, d.ID)); n != 4 || signed.State.Version != 2 {
		t.Errorf("%d pieces of evidence, version %d", n, signed.State.Version)
	}
	if got := rows(t, town, drafter.Viewer(t), dossiers.BinCompleted); len(got) != 1 || len(rows(t, town, v, dossiers.BinCompleted)) != 1 {
		t.Errorf("the drafter finds %v at the end of the circuit", got)
	}
}

// "Opened" is about the bytes that are there now, not about a former version.
func TestOpenedIsOfTheVersion(t *testing.T) {
	t.Parallel()
	town := towntest.New(t)
	dgs, drafter := town.Person(t, demo.DGS).Viewer(t), town.Person(t, demo.Drafter).Viewer(t)
	d := town.Deposit(t)
	opened := func() bool { return rows(t, town, dgs, dossiers.BinToDo)[0].Opened }
	if opened() {
		t.Error("opened before anybody read it")
	}
	town.Read(t, dgs, d.ID, 1, "")
	if view, err := town.Office.View(t.Context(), dgs, d.ID); err != nil || !view.Opened || !opened() {
		t.Errorf("read and not opened: %v", err)
	}
	if _, err := town.Office.Correct(t.Context(), drafter, d.ID, town.Annex(t)); err != nil {
		t.Fatal(err)
	}
	if opened() {
		t.Error("the new version counts as opened")
	}
}

// Whoever decided may take it back while nobody acted since, and nobody else.
func TestUndo(t *testing.T) {
	t.Parallel()
	town := towntest.New(t)
	dgs, mayor := town.Person(t, demo.DGS), town.Person(t, demo.Mayor)
	d := town.Deposit(t)
	if _, err := dgs.Decide(t, d.ID, "visa", ""); err != nil {
		t.Fatal(err)
	}
	if got := rows(t, town, dgs.Viewer(t), dossiers.BinUndoable); len(got) != 1 {
		t.Errorf("the DGS may take back %v", got)
	}
	if _, err := mayor.Decide(t, d.ID, "remords", ""); !errors.Is(err, circuits.ErrAuthor) {
		t.Errorf("the Mayor takes the visa back: %v", err)
	}
	back, err := dgs.Decide(t, d.ID, "remords", "")
	if err != nil || back.State.Steps[0].Status != circuits.Open || len(rows(t, town, dgs.Viewer(t), dossiers.BinToDo)) != 1 {
		t.Fatalf("taken back: %+v, %v", back.State.Steps, err)
	}
	if _, err := dgs.Decide(t, d.ID, "visa", ""); err != nil {
		t.Fatal(err)
	}
	late := ready(t, dgs, d.ID, "remords", "")
	if _, err := mayor.Decide(t, d.ID, "refus", "Ton trop sec."); err != nil {
		t.Fatal(err)
	}
	if _, err := dgs.Finish(t, late.req, late.response); !errors.Is(err, circuits.ErrActed) {
		t.Errorf("taken back after the Mayor acted: %v", err)
	}
	// The Mayor takes her refusal back, then signs; a signature stays.
	for _, decision := range []string{"remords", "signature"} {
		if _, err := mayor.Decide(t, d.ID, decision, ""); err != nil {
			t.Fatalf("%s: %v", decision, err)
		}
	}
	town.Await(t, d.ID, completed)
	if _, err := mayor.Decide(t, d.ID, "remords", ""); !errors.Is(err, circuits.ErrState) {
		t.Errorf("a signature taken back: %v", err)
	}
}

// A withdrawn letter leaves every in-tray, and starts again from its first
// step when its drafter wants.
func TestWithdraw(t *testing.T) {
	t.Parallel()
	town := towntest.New(t)
	drafter, dgs := town.Person(t, demo.Drafter).Viewer(t), town.Person(t, demo.DGS)
	d := town.Deposit(t)
	if _, err := dgs.Decide(t, d.ID, "visa", ""); err != nil {
		t.Fatal(err)
	}
	o, ctx := town.Office, t.Context()
	if _, err := o.Withdraw(ctx, drafter, d.ID, "", d.Rev()); !errors.Is(err, dossiers.ErrConflict) {
		t.Errorf("withdrawn on a former revision: %v", err)
	}
	if _, err := o.Withdraw(ctx, drafter, d.ID, "Envoyée par erreur", d.Rev()+1); err != nil {
		t.Fatal(err)
	}
	mayor := town.Person(t, demo.Mayor).Viewer(t)
	if len(rows(t, town, mayor, dossiers.BinToDo)) != 0 || len(rows(t, town, drafter, dossiers.BinDrafts)) != 1 {
		t.Error("a withdrawn letter is in the wrong bins")
	}
	again, err := o.Start(ctx, drafter, d.ID)
	if err != nil || again.State.Steps[0].Status != circuits.Open || len(rows(t, town, dgs.Viewer(t), dossiers.BinToDo)) != 1 {
		t.Errorf("started again: %+v, %v", again.State.Steps, err)
	}
	if len(rows(t, town, drafter, dossiers.BinFollowed)) != 1 || len(rows(t, town, dgs.Viewer(t), dossiers.BinFollowed)) != 1 {
		t.Error("those who took part do not follow it")
	}
}
