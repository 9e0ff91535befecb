package dossiers_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"parapheur/approvals/proof"
	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/demo"
	offline "parapheur/internal/evidence"
	"parapheur/internal/towntest"
)

// TestEvidence exports the evidence of a letter that was visaed, taken back, refused, and of one that was signed, and
// verifies each as a stranger would, with the letter and the journal of the town.
func TestEvidence(t *testing.T) {
	t.Parallel()
	town := towntest.New(t)
	dgs, mayor, admin := town.Person(t, demo.DGS), town.Person(t, demo.Mayor), town.Person(t, demo.Administrator)
	refused, signed := town.Deposit(t), town.Deposit(t)
	for _, step := range []struct {
		by               *towntest.Person
		id               dossiers.ID
		decision, reason string
	}{
		{dgs, refused.ID, "visa", ""},
		{dgs, signed.ID, "visa", ""},
		{dgs, refused.ID, "remords", ""},
		{dgs, refused.ID, "refus", "L’annexe n’est pas la bonne.\nVoir avec l’urbanisme."},
		{mayor, signed.ID, "signature", ""},
	} {
		if _, err := step.by.Decide(t, step.id, step.decision, step.reason); err != nil {
			t.Fatalf("%s: %v", step.decision, err)
		}
	}
	town.Await(t, signed.ID, func(d dossiers.Dossier) bool { return d.State.Phase == circuits.Completed })
	var journal bytes.Buffer
	if err := town.Office.ExportJournal(t.Context(), admin.Viewer(t), &journal); err != nil {
		t.Fatal(err)
	}
	for id, decisions := range map[dossiers.ID]int{refused.ID: 3, signed.ID: 2} {
		rep := stranger(t, town, dgs.Viewer(t), id, journal.Bytes())
		if len(rep.Decisions) != decisions || !rep.Package.Compared || !rep.Package.Sealed {
			t.Errorf("%s: %d decisions, %+v", id, len(rep.Decisions), rep.Package)
		}
	}
}

// stranger verifies what a viewer exports and reads, and wants it valid.
func stranger(t *testing.T, town *towntest.Town, v dossiers.Viewer, id dossiers.ID, journal []byte) *offline.Report {
	t.Helper()
	var zip bytes.Buffer
	if err := town.Office.Evidence(t.Context(), v, id, &zip); err != nil {
		t.Fatal(err)
	}
	letter := town.Read(t, v, id, 1, "")
	rep, err := offline.Verify(t.Context(), bytes.NewReader(zip.Bytes()), int64(zip.Len()), bytes.NewReader(letter), int64(len(letter)),
		offline.Options{Roots: town.Roots(), At: time.Now(), Journal: bytes.NewReader(journal)})
	if err != nil {
		t.Fatal(err)
	}
	if rep.Outcome != proof.Valid {
		findings, err := json.MarshalIndent(rep.Findings, "", " ")
		t.Errorf("%s: %s (%v)", rep.Outcome, findings, err)
	}
	return rep
}

// TestEvidenceIsNotEverybodys refuses whoever may not see the dossier, and the journal to who does not administer.
func TestEvidenceIsNotEverybodys(t *testing.T) {
	t.Parallel()
	town := towntest.New(t)
	dgs, admin := town.Person(t, demo.DGS), town.Person(t, demo.Administrator)
	d := town.Deposit(t)
	var out bytes.Buffer
	if err := town.Office.Evidence(t.Context(), admin.Viewer(t), d.ID, &out); !errors.Is(err, dossiers.ErrNotFound) {
		t.Errorf("evidence: %v", err)
	}
	if err := town.Office.ExportJournal(t.Context(), dgs.Viewer(t), &out); !errors.Is(err, dossiers.ErrForbidden) {
		t.Errorf("journal: %v", err)
	}
	if out.Len() > 0 {
		t.Errorf("%d bytes written", out.Len())
	}
}
