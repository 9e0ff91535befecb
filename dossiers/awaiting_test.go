package dossiers_test

import (
	"testing"
	"time"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/towntest"
)

// No time-stamping authority answers: the signature waits, says so once, is
// not downgraded, and completes by itself.
func TestAwaitingTimestamp(t *testing.T) {
	t.Parallel()
	town := towntest.New(t)
	dgs, mayor := town.Person(t, demo.DGS), town.Person(t, demo.Mayor)
	town.Demo.TSA().SetAvailable(false)
	d := town.Deposit(t)
	if _, err := dgs.Decide(t, d.ID, "visa", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := mayor.Decide(t, d.ID, "signature", ""); err != nil {
		t.Fatal(err)
	}
	waiting := town.Await(t, d.ID, func(d dossiers.Dossier) bool { return d.State.Steps[1].Awaiting != "" })
	if waiting.State.Phase != circuits.Running || waiting.State.Steps[1].Status != circuits.Sealing || waiting.Main().Signed() {
		t.Fatalf("while it waits: phase %s, step %+v", waiting.State.Phase, waiting.State.Steps[1])
	}
	view, err := town.Office.View(t.Context(), mayor.Viewer(t), d.ID)
	if err != nil || view.Path[1].Awaiting != circuits.AwaitsTimestamp {
		t.Errorf("the Mayor is shown %+v, %v", view.Path[1], err)
	}
	kept := signatureValue(t, town, d.ID)

	// One more attempt fails: the first retry comes after a second.
	attempts(t, town, 2)
	if n := kinds(t, town, d.ID); n[circuits.KindTimestampAwaited] != 1 {
		t.Errorf("the wait was told %d times", n[circuits.KindTimestampAwaited])
	}
	town.Demo.TSA().SetAvailable(true)
	signed := town.Await(t, d.ID, completed)
	signedOnce(t, town, signed)
	if string(kept) == "" || string(kept) != string(signatureValue(t, town, d.ID)) {
		t.Error("the key was used again after the wait")
	}
	if n := kinds(t, town, d.ID); n[circuits.KindTimestampAwaited] != 1 || signed.State.Steps[1].Awaiting != "" {
		t.Errorf("after the wait: %v, %+v", n, signed.State.Steps[1])
	}
}

// attempts waits until the sealing job failed n times.
func attempts(t *testing.T, town *towntest.Town, n int) {
	t.Helper()
	owner := town.Owner(t)
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		var failed int
		err := owner.QueryRow(t.Context(), `select coalesce(max(cardinality(errors)), 0) from river_job where kind = 'seal'`).Scan(&failed)
		if err != nil {
			t.Fatal(err)
		}
		if failed >= n {
			return
		}
	}
	t.Fatalf("the job did not fail %d times", n)
}
