package dossiers_test

import (
	"bytes"
	"context"
	"sync"
	"testing"
	"time"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/towntest"
)

// packed is the evidence package of a dossier, from one node.
func packed(t *testing.T, o *dossiers.Office, v dossiers.Viewer, id dossiers.ID) []byte {
	t.Helper()
	var zip bytes.Buffer
	if err := o.Evidence(t.Context(), v, id, &zip); err != nil {
		t.Fatal(err)
	}
	return zip.Bytes()
}

// The package of a letter that does not move is the same bytes on every node,
// whatever happens to other letters, and another once something happens to it,
// once it is a day old, and once what seals it is lost. Each verifies.
func TestEvidenceIsTheSameTwice(t *testing.T) {
	t.Parallel()
	town := towntest.New(t)
	dgs, mayor, admin := town.Person(t, demo.DGS), town.Person(t, demo.Mayor), town.Person(t, demo.Administrator)
	d := town.Deposit(t)
	v := dgs.Viewer(t)
	node := func() *dossiers.Office {
		other := &towntest.Town{Config: town.Config, Tenant: town.Tenant}
		other.Open(t)
		return other.Office
	}
	elsewhere := node()
	if _, err := dgs.Decide(t, d.ID, "visa", ""); err != nil {
		t.Fatal(err)
	}
	first := packed(t, town.Office, v, d.ID)
	town.Deposit(t)
	if again := packed(t, elsewhere, v, d.ID); !bytes.Equal(first, again) {
		t.Error("on another node, after a letter of others: another package")
	}
	var journal bytes.Buffer
	if err := town.Office.ExportJournal(t.Context(), admin.Viewer(t), &journal); err != nil {
		t.Fatal(err)
	}
	stranger(t, town, v, d.ID, journal.Bytes())

	if _, err := mayor.Decide(t, d.ID, "signature", ""); err != nil {
		t.Fatal(err)
	}
	town.Await(t, d.ID, func(d dossiers.Dossier) bool { return d.State.Phase == circuits.Completed })
	signed := packed(t, elsewhere, v, d.ID)
	if bytes.Equal(first, signed) {
		t.Error("once signed: the package from before")
	}
	journal.Reset()
	if err := town.Office.ExportJournal(t.Context(), admin.Viewer(t), &journal); err != nil {
		t.Fatal(err)
	}
	stranger(t, town, v, d.ID, journal.Bytes())
	if !bytes.Equal(signed, packed(t, town.Office, v, d.ID)) {
		t.Error("signed, on the first node: another package")
	}

	late := node()
	late.Wall = func() time.Time { return time.Now().Add(dossiers.EvidenceLife + time.Second) }
	town.Deposit(t) // so that the head, which packages tell, is another
	aged := packed(t, late, v, d.ID)
	if bytes.Equal(aged, signed) {
		t.Error("a day later: the package of the day before")
	}
	if err := town.Store.Sweep(t.Context(), time.Now().Add(3*dossiers.EvidenceLife)); err != nil {
		t.Fatal(err)
	}
	town.Deposit(t)
	if swept := packed(t, town.Office, v, d.ID); bytes.Equal(swept, aged) {
		t.Error("what was swept is there")
	}
}

// Downloads that begin together, on two nodes, are of one package.
func TestEvidenceOfSeveralAtOnce(t *testing.T) {
	t.Parallel()
	town := towntest.New(t)
	d := town.Deposit(t)
	v := town.Person(t, demo.DGS).Viewer(t)
	other := &towntest.Town{Config: town.Config, Tenant: town.Tenant}
	other.Open(t)
	var got [6][]byte
	var wg sync.WaitGroup
	for i := range got {
		o := []*dossiers.Office{town.Office, other.Office}[i%2]
		wg.Go(func() {
			var zip bytes.Buffer
			if err := o.Evidence(context.WithoutCancel(t.Context()), v, d.ID, &zip); err != nil {
				t.Error(err)
			}
			got[i] = zip.Bytes()
		})
	}
	wg.Wait()
	for i := range got {
		if !bytes.Equal(got[0], got[i]) {
			t.Errorf("download %d is of another package", i)
		}
	}
}
