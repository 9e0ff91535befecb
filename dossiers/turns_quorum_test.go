package dossiers_test

import (
	"errors"
	"strings"
	"testing"

	"parapheur/approvals/proof"
	"parapheur/circuits"
	"parapheur/circuits/delegation"
	"parapheur/dossiers"
	"parapheur/internal/conditions"
	"parapheur/internal/demo"
)

// Two of three must agree; somebody who decided for another does not count a
// second time, neither in their own name nor through the one they acted for.
func TestQuorumCountsEachOnce(t *testing.T) {
	t.Parallel()
	h := newHall(t, 0)
	finances, legal := h.holder(t, "finances@essai.fr", "Finances"), h.holder(t, "juriste@essai.fr", "Juridique")
	step := h.visa(t, "comite", demo.DeskDGS, "Finances", "Juridique")
	step.Need = circuits.Need{Mode: circuits.Quorum, N: 2}
	h.publish(t, circuits.Definition{Steps: []circuits.Step{step, h.signature(t)}})
	h.amend(t, dossiers.AbsenceSet{Absence: delegation.Absence{
		Person: id(t, finances), Replacement: id(t, h.Person(t, demo.DGS)), From: "2026-03-01", To: "2026-03-20", Tray: delegation.ShareTray,
	}})
	d := h.letter(t, nil)
	dgs := h.Person(t, demo.DGS)
	got := h.decide(t, dgs, d.ID, "visa", "")
	if got.State.Steps[0].Status != circuits.Open {
		t.Fatalf("one visa of two: %s", got.State.Steps[0].Status)
	}
	if _, err := dgs.Decide(t, d.ID, "visa", ""); !errors.Is(err, circuits.ErrTwice) {
		t.Errorf("the DGS again, for the finances: %v", err)
	}
	got = h.decide(t, legal, d.ID, "visa", "")
	if got.State.Steps[0].Status != circuits.Done || got.State.Steps[0].Turns[1].Status != circuits.Released || got.State.Steps[1].Status != circuits.Open {
		t.Fatalf("two visas of three: %+v", got.State.Steps)
	}
	if h.holds(t, finances, d.ID) {
		t.Error("the third still finds it in the tray")
	}
	h.proves(t, d.ID)
}

// One member of the quorum says no: the others are enough, and the refusal
// stays in the trace with its motive.
func TestQuorumGoesOnAfterARefusal(t *testing.T) {
	t.Parallel()
	h := newHall(t, 0)
	finances, legal := h.holder(t, "finances@essai.fr", "Finances"), h.holder(t, "juriste@essai.fr", "Juridique")
	step := h.visa(t, "comite", demo.DeskDGS, "Finances", "Juridique")
	step.Need = circuits.Need{Mode: circuits.Quorum, N: 2}
	h.publish(t, circuits.Definition{Steps: []circuits.Step{step, h.signature(t)}})
	d := h.letter(t, nil)
	if got := h.decide(t, finances, d.ID, "refus", "Hors budget"); got.State.Phase != circuits.Running {
		t.Fatalf("refused by one of three: %s", got.State.Phase)
	}
	h.decide(t, legal, d.ID, "visa", "")
	got := h.decide(t, h.Person(t, demo.DGS), d.ID, "visa", "")
	if got.State.Steps[0].Status != circuits.Done {
		t.Fatalf("%+v", got.State.Steps[0])
	}
	rep := h.proves(t, d.ID)
	if text := said(t, rep); !strings.Contains(text, "Motif : « Hors budget »") {
		t.Error(text)
	}
}

// The metadata choose the steps; a step that is skipped says why, and a field
// that nobody filled is named.
func TestConditionsChooseSteps(t *testing.T) {
	t.Parallel()
	h := newHall(t, 0)
	h.holder(t, "finances@essai.fr", "Finances")
	above := h.visa(t, "finances", "Finances")
	above.When = "montant > 1000.0"
	h.publish(t, circuits.Definition{Steps: []circuits.Step{above, h.visa(t, "dgs", demo.DeskDGS), h.signature(t)}},
		dossiers.Field{Name: "montant", Label: "Montant", Type: conditions.Decimal})
	small := h.letter(t, conditions.Values{"montant": "250.00"})
	if s := small.State.Steps; s[0].Status != circuits.Skipped || s[1].Status != circuits.Open || h.count(t, small.ID, circuits.KindSkipped) != 1 {
		t.Errorf("small: %+v", s)
	}
	large := h.letter(t, conditions.Values{"montant": "25000.00"})
	if s := large.State.Steps; s[0].Status != circuits.Open {
		t.Errorf("large: %+v", s)
	}
	_, _, err := h.Office.Deposit(t.Context(), h.Person(t, demo.Drafter).Viewer(t), dossiers.Draft{
		Title: "Sans montant", Recipient: "X", TypeCode: "essai", Main: h.Letter(t), Start: true,
	})
	var wrong *dossiers.InvalidError
	if !errors.As(err, &wrong) || wrong.Field != "metadata.montant" {
		t.Errorf("without the amount: %v", err)
	}
}

// A step asks for metadata: its decision is refused, in French, with the field
// named, until somebody fills it.
func TestMissingMetadata(t *testing.T) {
	t.Parallel()
	h := newHall(t, 0)
	step := h.visa(t, "dgs", demo.DeskDGS)
	step.Fields = []circuits.FieldRule{{Field: "imputation"}}
	step.OnRefusalFields = []circuits.FieldRule{{Field: "cause", Label: "Cause du refus"}}
	h.publish(t, circuits.Definition{Steps: []circuits.Step{step, h.signature(t)}},
		dossiers.Field{Name: "imputation", Label: "Imputation", Type: conditions.Text},
		dossiers.Field{Name: "cause", Label: "Cause", Type: conditions.Text})
	d := h.letter(t, nil)
	dgs := h.Person(t, demo.DGS)
	for decision, want := range map[string]string{"visa": "« Imputation »", "refus": "« Cause"} {
		reason := ""
		if decision == "refus" {
			reason = "Non"
		}
		_, err := dgs.Decide(t, d.ID, decision, reason)
		var wrong *dossiers.InvalidError
		if !errors.As(err, &wrong) || !strings.Contains(wrong.Reason, want) {
			t.Errorf("%s: %v", decision, err)
		}
	}
	if _, err := h.Office.SetMetadata(t.Context(), dgs.Viewer(t), d.ID, conditions.Values{"imputation": "6156"}); err != nil {
		t.Fatal(err)
	}
	h.decide(t, dgs, d.ID, "visa", "")
}

// Nobody decides at a step with mandatory reading before having read.
func TestMandatoryReading(t *testing.T) {
	t.Parallel()
	h := newHall(t, 0)
	step := h.visa(t, "dgs", demo.DeskDGS)
	step.MustRead = true
	h.publish(t, circuits.Definition{Steps: []circuits.Step{step, h.signature(t)}})
	d := h.letter(t, nil)
	dgs := h.Person(t, demo.DGS)
	if _, err := dgs.Decide(t, d.ID, "visa", ""); !errors.Is(err, circuits.ErrMustRead) {
		t.Errorf("unread: %v", err)
	}
	for range 2 { // read twice is read once
		if _, err := h.Office.Acknowledge(t.Context(), dgs.Viewer(t), d.ID, d.Main().Revision.SHA256); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := h.Office.Acknowledge(t.Context(), dgs.Viewer(t), d.ID, circuits.Digest{9}); err == nil {
		t.Error("another document counts as read")
	}
	h.decide(t, dgs, d.ID, "visa", "")
	if n := h.count(t, d.ID, circuits.KindRead); n != 1 {
		t.Errorf("%d receipts", n)
	}
	if rep := h.proves(t, d.ID); rep.Decisions[0].Verdict != proof.Visa {
		t.Error(rep.Decisions)
	}
}
