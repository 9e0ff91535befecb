package dossiers_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"parapheur/approvals/proof"
	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/towntest"
	"parapheur/internal/wiring"
)

// TestExamine verifies, as a stranger may ask, what the town signed and what somebody did to it.
func TestExamine(t *testing.T) {
	t.Parallel()
	const limit = 1 << 20
	town := towntest.New(t, func(c *wiring.Config) { c.MaxDocument = limit })
	dgs, mayor := town.Person(t, demo.DGS), town.Person(t, demo.Mayor)
	d := town.Deposit(t)
	if _, err := dgs.Decide(t, d.ID, "visa", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := mayor.Decide(t, d.ID, "signature", ""); err != nil {
		t.Fatal(err)
	}
	town.Await(t, d.ID, func(d dossiers.Dossier) bool { return d.State.Phase == circuits.Completed })
	letter := town.Read(t, mayor.Viewer(t), d.ID, 1, "")
	var zip bytes.Buffer
	if err := town.Office.Evidence(t.Context(), mayor.Viewer(t), d.ID, &zip); err != nil {
		t.Fatal(err)
	}
	altered := bytes.Clone(letter)
	altered[len(towntest.Sample(t, "lettre-rue-des-mariniers.pdf"))/2] ^= 1
	before := len(files(t, town))
	for name, one := range map[string]struct {
		letter, pkg []byte
		want        proof.Outcome
		demo        bool
		decisions   int
	}{
		"signed":                  {letter, nil, proof.Valid, true, 0},
		"signed, with evidence":   {letter, zip.Bytes(), proof.Valid, true, 2},
		"altered":                 {altered, nil, proof.Invalid, true, 0},
		"altered, with evidence":  {altered, zip.Bytes(), proof.Invalid, true, 2},
		"unsigned":                {towntest.Sample(t, "lettre-rue-des-mariniers.pdf"), nil, proof.Unverifiable, false, 0},
		"evidence that is no zip": {letter, letter, proof.Invalid, true, 0},
		"cut":                     {letter[:300], nil, proof.Unverifiable, false, 0},
	} {
		v, err := examine(t.Context(), t, town.Office, one.letter, one.pkg)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if v.Outcome != one.want || v.Demonstration != one.demo || len(v.Decisions) != one.decisions {
			t.Errorf("%s: %s, demonstration %v, %d decisions: %+v", name, v.Outcome, v.Demonstration, len(v.Decisions), v.Findings)
		}
	}
	if _, err := examine(t.Context(), t, town.Office, []byte("PK\x03\x04"), nil); !errors.As(err, new(*dossiers.InvalidError)) {
		t.Errorf("no PDF: %v", err)
	}
	if _, err := town.Office.Hold(bytes.NewReader(make([]byte, limit+1))); !errors.Is(err, dossiers.ErrTooLarge) {
		t.Errorf("oversized: %v", err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := examine(gone, t, town.Office, letter, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("nobody waits: %v", err)
	}
	if after := len(files(t, town)); after != before {
		t.Errorf("%d files are left", after-before)
	}
	stranger := dossiers.Open(town.Office.Parts)
	stranger.Trust.Roots = nil
	if v, err := examine(t.Context(), t, stranger, letter, nil); err != nil || v.Outcome != proof.Unverifiable || !v.Demonstration {
		t.Errorf("without roots: %v, %v", v, err)
	}
}

func examine(ctx context.Context, t *testing.T, o *dossiers.Office, letter, pkg []byte) (*dossiers.Verification, error) {
	t.Helper()
	hold := func(b []byte) *dossiers.Held {
		h, err := o.Hold(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { h.Close() }) //nolint:errcheck // nothing is left of it anyway
		return h
	}
	if pkg == nil {
		return o.Examine(ctx, hold(letter), nil)
	}
	return o.Examine(ctx, hold(letter), hold(pkg))
}
