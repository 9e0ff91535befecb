package dossiers_test

import (
	"bytes"
	"fmt"
	"os"
	"testing"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/child"
	"parapheur/internal/demo"
	"parapheur/internal/towntest"
	"parapheur/internal/wiring"
	"parapheur/journal"
)

func TestMain(m *testing.M) {
	child.Main(wiring.Jobs()...)
	if file := os.Getenv(doomed); file != "" {
		fmt.Println(die(file))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// A letter goes from drafter to DGS to Mayor and comes back signed.
func TestJourney(t *testing.T) {
	t.Parallel()
	town := towntest.New(t)
	dgs, mayor := town.Person(t, demo.DGS), town.Person(t, demo.Mayor)
	d := town.Deposit(t)

	rows, _, err := town.Office.List(t.Context(), dgs.Viewer(t), dossiers.BinToDo, dossiers.Page{})
	if err != nil || len(rows) != 1 || rows[0].ID != d.ID {
		t.Fatalf("the DGS finds %v, %v under « À traiter »", rows, err)
	}
	if _, err := mayor.Decide(t, d.ID, "signature", ""); err == nil {
		t.Fatal("the Mayor signed before the visa")
	}
	if _, err := dgs.Decide(t, d.ID, "visa", ""); err != nil {
		t.Fatalf("visa: %v", err)
	}
	if _, err := mayor.Decide(t, d.ID, "signature", ""); err != nil {
		t.Fatalf("signature: %v", err)
	}
	signed := town.Await(t, d.ID, func(d dossiers.Dossier) bool { return d.State.Phase == circuits.Completed })
	letter := town.Read(t, mayor.Viewer(t), d.ID, 1, "")
	approved := town.Read(t, mayor.Viewer(t), d.ID, 1, "approved")
	if !signed.Main().Signed() || !bytes.HasPrefix(letter, approved) || len(letter) <= len(approved) {
		t.Fatal("the signed letter does not begin with the approved one")
	}
	entries, err := town.Store.Journal(t.Context(), town.Tenant.ID, 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	head := journal.Genesis(town.Tenant.SIRET)
	for _, e := range entries {
		if err := journal.Check(head, e); err != nil {
			t.Errorf("the journal of the town: %v (%s)", err, e.Kind)
		}
		head = e
	}
	if out := os.Getenv("PARAPHEUR_JOURNEY_OUT"); out != "" {
		if err := os.WriteFile(out, letter, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
