package dossiers_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/towntest"
)

// numbers are those of the annexes, in order.
func numbers(d dossiers.Dossier) (out []int) {
	for _, a := range d.Annexes() {
		out = append(out, a.N)
	}
	return out
}

// TestAnnexes changes the annexes of a letter, as a draft and on its way: what
// was decided with others lapses, and the evidence says with which each
// decision was taken.
func TestAnnexes(t *testing.T) {
	t.Parallel()
	town := towntest.New(t)
	drafter, dgs, mayor := town.Person(t, demo.Drafter), town.Person(t, demo.DGS), town.Person(t, demo.Mayor)
	v, plan, letter := drafter.Viewer(t), town.Annex(t), town.Letter(t)
	d, _, err := town.Office.Deposit(t.Context(), v, dossiers.Draft{Title: "Avec annexes", Recipient: "M. Dupont", TypeCode: "courrier-simple", Main: letter, Annexes: []dossiers.Received{plan}})
	if err != nil {
		t.Fatal(err)
	}
	how := dossiers.Correction{}
	check := func(want ...int) func(dossiers.Dossier, error) {
		return func(got dossiers.Dossier, err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
			read, err := town.Store.Dossier(t.Context(), town.Tenant.ID, d.ID)
			if err != nil || !slices.Equal(numbers(got), want) || !slices.Equal(numbers(read), want) || got.Numbered != read.Numbered {
				t.Fatalf("annexes %v, read again %v, %v; want %v", numbers(got), numbers(read), err, want)
			}
			d = got
		}
	}
	got, n, err := town.Office.AddAnnex(t.Context(), v, d.ID, letter, how)
	check(2, 3)(got, err)
	if n != 3 || d.State.Phase != circuits.Draft {
		t.Fatalf("added as %d, phase %s", n, d.State.Phase)
	}
	check(3, 2)(town.Office.OrderAnnexes(t.Context(), v, d.ID, []int{3, 2}, how))
	check(2)(town.Office.RemoveAnnex(t.Context(), v, d.ID, 3, how))
	got, n, err = town.Office.AddAnnex(t.Context(), v, d.ID, letter, how)
	if check(2, 4)(got, err); n != 4 {
		t.Errorf("a number was given twice: %d", n)
	}
	for name, tc := range map[string]struct {
		err  error
		want error
	}{
		"an annex that left":       {ofAnnexes(town.Office.RemoveAnnex(t.Context(), v, d.ID, 3, how)), dossiers.ErrNotFound},
		"the letter":               {ofAnnexes(town.Office.RemoveAnnex(t.Context(), v, d.ID, 1, how)), dossiers.ErrNotFound},
		"the same bytes":           {ofAnnexes(town.Office.ReplaceAnnex(t.Context(), v, d.ID, 2, plan, how)), circuits.ErrSame},
		"the same order":           {ofAnnexes(town.Office.OrderAnnexes(t.Context(), v, d.ID, []int{2, 4}, how)), circuits.ErrSame},
		"an order without one":     {ofAnnexes(town.Office.OrderAnnexes(t.Context(), v, d.ID, []int{4}, how)), dossiers.ErrInvalid},
		"an order with one twice":  {ofAnnexes(town.Office.OrderAnnexes(t.Context(), v, d.ID, []int{4, 4}, how)), dossiers.ErrInvalid},
		"by somebody without part": {ofAnnexes(town.Office.RemoveAnnex(t.Context(), mayor.Viewer(t), d.ID, 2, how)), dossiers.ErrNotFound},
	} {
		if !errors.Is(tc.err, tc.want) {
			t.Errorf("%s: %v, want %v", name, tc.err, tc.want)
		}
	}
	if d, err = town.Office.Start(t.Context(), v, d.ID); err != nil {
		t.Fatal(err)
	}
	if d, err = dgs.Decide(t, d.ID, "visa", ""); err != nil {
		t.Fatal(err)
	}
	signing := ready(t, mayor, d.ID, "signature", "")
	if _, err := town.Office.RemoveAnnex(t.Context(), dgs.Viewer(t), d.ID, 4, how); !errors.Is(err, circuits.ErrDrafter) {
		t.Errorf("somebody else changes the annexes: %v", err)
	}
	check(2, 4)(town.Office.ReplaceAnnex(t.Context(), v, d.ID, 4, plan, dossiers.Correction{Reason: "La bonne facture"}))
	if d.State.Decisions[0].Standing != circuits.Lapsed || d.State.Phase != circuits.Running || d.State.Version != 1 {
		t.Errorf("after another annex: %+v", d.State)
	}
	if old := town.Read(t, v, d.ID, 4, "v1"); !bytes.Equal(old, town.Read(t, v, d.ID, 1, "")) {
		t.Error("the annex that was replaced cannot be read any more")
	}
	if _, err := mayor.Finish(t, signing.req, signing.response); err == nil {
		t.Error("a gesture over the annexes that were signs")
	}
	for _, step := range []struct {
		who      *towntest.Person
		decision string
	}{{dgs, "visa"}, {mayor, "signature"}} {
		if _, err := step.who.Decide(t, d.ID, step.decision, ""); err != nil {
			t.Fatalf("%s: %v", step.decision, err)
		}
	}
	town.Await(t, d.ID, func(d dossiers.Dossier) bool { return d.State.Phase == circuits.Completed })
	if _, err := town.Office.RemoveAnnex(t.Context(), v, d.ID, 4, how); !errors.Is(err, circuits.ErrState) {
		t.Errorf("the annexes of a signed letter change: %v", err)
	}
	var journal bytes.Buffer
	if err := town.Office.ExportJournal(t.Context(), town.Person(t, demo.Administrator).Viewer(t), &journal); err != nil {
		t.Fatal(err)
	}
	if rep := stranger(t, town, v, d.ID, journal.Bytes()); len(rep.Decisions) != 3 {
		t.Errorf("%d decisions", len(rep.Decisions))
	}
}

func ofAnnexes(_ dossiers.Dossier, err error) error { return err }
