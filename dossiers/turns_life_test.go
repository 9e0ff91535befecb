package dossiers_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"parapheur/approvals/proof"
	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/demo"
)

// An opinion step asks, and goes on whatever is answered.
func TestOpinionStep(t *testing.T) {
	t.Parallel()
	h := newHall(t, 0)
	legal := h.holder(t, "juriste@essai.fr", "Juridique")
	step := h.visa(t, "avis", "Juridique")
	step.Kind = circuits.Opinion
	h.publish(t, circuits.Definition{Steps: []circuits.Step{step, h.signature(t)}})
	d := h.letter(t, nil)
	if _, err := legal.Decide(t, d.ID, "visa", ""); !errors.Is(err, circuits.ErrKind) {
		t.Errorf("a visa at an opinion step: %v", err)
	}
	unfavourable := dossiers.DecisionItem{Dossier: d.ID, Decision: "avis", Advice: &circuits.Advice{Sense: circuits.Unfavourable}}
	if _, err := h.act(t, legal, unfavourable); !errors.Is(err, dossiers.ErrInvalid) {
		t.Errorf("unfavourable without why: %v", err)
	}
	unfavourable.Advice.Text = "Le délai de recours court encore.\nAttendre lundi."
	got, err := h.act(t, legal, unfavourable)
	if err != nil || got.State.Steps[1].Status != circuits.Open {
		t.Fatalf("%+v, %v", got.State.Steps, err)
	}
	rep := h.proves(t, d.ID)
	if text := said(t, rep); !strings.Contains(text, "Avis défavorable") || !strings.Contains(text, "Attendre lundi.") {
		t.Error(text)
	}
}

// Who holds a turn asks what somebody thinks, and waits for it.
func TestAskedOpinion(t *testing.T) {
	t.Parallel()
	h := newHall(t, 0)
	legal, dgs := h.holder(t, "juriste@essai.fr", "Juridique"), h.Person(t, demo.DGS)
	h.publish(t, circuits.Definition{Steps: []circuits.Step{h.visa(t, "dgs", demo.DeskDGS), h.signature(t)}})
	d := h.letter(t, nil)
	ask := dossiers.Consultation{To: []circuits.Recipient{{Desk: h.desk(t, "Juridique")}}, Question: "Avons-nous compétence ?", Waits: true, Days: 3}
	if _, err := h.Office.AskOpinion(t.Context(), legal.Viewer(t), d.ID, ask); err == nil {
		t.Error("somebody without a turn asks")
	}
	if _, err := h.Office.AskOpinion(t.Context(), dgs.Viewer(t), d.ID, ask); err != nil {
		t.Fatal(err)
	}
	if !h.holds(t, legal, d.ID) || !h.holds(t, dgs, d.ID) {
		t.Error("the question is not in the tray, or the turn left it")
	}
	if _, err := dgs.Decide(t, d.ID, "visa", ""); !errors.Is(err, circuits.ErrOpinion) {
		t.Errorf("decided without the opinion: %v", err)
	}
	answer := circuits.Advice{Sense: circuits.Reserved, Text: "Oui, sauf la voirie départementale."}
	if _, err := h.Office.GiveOpinion(t.Context(), legal.Viewer(t), d.ID, answer, d.Main().Revision.SHA256); err != nil {
		t.Fatal(err)
	}
	if h.holds(t, legal, d.ID) {
		t.Error("the question is still in the tray")
	}
	h.decide(t, dgs, d.ID, "visa", "")
	h.proves(t, d.ID)
}

// The opinion that was waited for did not come by its date: the asker decides.
func TestAskedOpinionLate(t *testing.T) {
	t.Parallel()
	h := newHall(t, 0)
	h.holder(t, "juriste@essai.fr", "Juridique")
	dgs := h.Person(t, demo.DGS)
	h.publish(t, circuits.Definition{Steps: []circuits.Step{h.visa(t, "dgs", demo.DeskDGS), h.signature(t)}})
	d := h.letter(t, nil)
	ask := dossiers.Consultation{To: []circuits.Recipient{{Desk: h.desk(t, "Juridique")}}, Question: "Un avis ?", Waits: true, Days: 2}
	if _, err := h.Office.AskOpinion(t.Context(), dgs.Viewer(t), d.ID, ask); err != nil {
		t.Fatal(err)
	}
	h.at(t, "2026-03-09 10:00")
	h.decide(t, dgs, d.ID, "visa", "")
}

// A turn is given away for good.
func TestTransfer(t *testing.T) {
	t.Parallel()
	h := newHall(t, 0)
	finances, dgs := h.holder(t, "finances@essai.fr", "Finances"), h.Person(t, demo.DGS)
	h.publish(t, circuits.Definition{Steps: []circuits.Step{h.visa(t, "dgs", demo.DeskDGS), h.signature(t)}})
	d := h.letter(t, nil)
	if _, err := h.Office.Transfer(t.Context(), dgs.Viewer(t), d.ID, circuits.Recipient{Desk: "00000000-0000-4000-8000-000000000000"}, ""); !errors.Is(err, dossiers.ErrInvalid) {
		t.Errorf("to nobody: %v", err)
	}
	if _, err := h.Office.Transfer(t.Context(), dgs.Viewer(t), d.ID, circuits.Recipient{Desk: h.desk(t, "Finances")}, "C’est un marché"); err != nil {
		t.Fatal(err)
	}
	if _, err := dgs.Decide(t, d.ID, "visa", ""); err == nil {
		t.Error("the DGS decides what he gave away")
	}
	h.decide(t, finances, d.ID, "visa", "")
	h.proves(t, d.ID)
}

// A refusal goes back to a chosen earlier step, or to the drafter; everybody
// who acted is told by the fact itself.
func TestRefusalGoesBack(t *testing.T) {
	t.Parallel()
	h := newHall(t, 0)
	finances, dgs, mayor := h.holder(t, "finances@essai.fr", "Finances"), h.Person(t, demo.DGS), h.Person(t, demo.Mayor)
	sign := h.signature(t)
	sign.RefuseTo = circuits.RefusePolicy{To: circuits.ToChosen}
	h.publish(t, circuits.Definition{Steps: []circuits.Step{h.visa(t, "finances", "Finances"), h.visa(t, "dgs", demo.DeskDGS), sign}})
	d := h.letter(t, nil)
	h.decide(t, finances, d.ID, "visa", "")
	h.decide(t, dgs, d.ID, "visa", "")
	got, err := h.act(t, mayor, dossiers.DecisionItem{
		Dossier: d.ID, Decision: "refus", Reason: "Montant à revoir", Return: circuits.Return{To: circuits.ToChosen, Step: "finances"},
	})
	if err != nil || got.State.Steps[0].Status != circuits.Open || !h.holds(t, finances, d.ID) {
		t.Fatalf("%+v, %v", got.State.Steps, err)
	}
	told := func() []circuits.PersonID {
		entries, err := h.Store.JournalOf(t.Context(), h.Tenant.ID, d.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range slices.Backward(entries) {
			if ev, err := circuits.Decode(e.Kind, e.Body); err == nil {
				if refused, ok := ev.(circuits.StepRefused); ok {
					return refused.Told
				}
			}
		}
		return nil
	}
	for _, p := range []string{demo.Drafter, demo.DGS, "finances@essai.fr"} {
		if !slices.Contains(told(), id(t, h.Person(t, p))) {
			t.Errorf("%s is not told", p)
		}
	}
	h.decide(t, finances, d.ID, "visa", "")
	h.decide(t, dgs, d.ID, "visa", "")
	if got := h.decide(t, mayor, d.ID, "refus", "Décidément non"); got.State.Phase != circuits.Refused {
		t.Errorf("to the drafter: %s", got.State.Phase)
	}
	if text := said(t, h.proves(t, d.ID)); strings.Count(text, "Caduque") != 3 {
		t.Error(text)
	}
}

// A slip of the pen keeps the visas; a substantial correction makes those from
// its step on lapse, and no others.
func TestCorrections(t *testing.T) {
	t.Parallel()
	h := newHall(t, 0)
	finances, dgs := h.holder(t, "finances@essai.fr", "Finances"), h.Person(t, demo.DGS)
	drafter := h.Person(t, demo.Drafter).Viewer(t)
	h.publish(t, circuits.Definition{
		Correction: circuits.CorrectionPolicy{Minor: true, Partial: true},
		Steps:      []circuits.Step{h.visa(t, "finances", "Finances"), h.visa(t, "dgs", demo.DeskDGS), h.signature(t)},
	})
	standings := func(s circuits.State) (out []circuits.Standing) {
		for _, d := range s.Decisions {
			out = append(out, d.Standing)
		}
		return out
	}
	both := func() dossiers.Dossier {
		d := h.letter(t, nil)
		h.decide(t, finances, d.ID, "visa", "")
		return h.decide(t, dgs, d.ID, "visa", "")
	}
	d := both()
	minor, err := h.Office.CorrectAs(t.Context(), drafter, d.ID, h.Annex(t), dossiers.Correction{Nature: circuits.Minor, Reason: "Une virgule"})
	if err != nil || !slices.Equal(standings(minor.State), []circuits.Standing{circuits.Maintained, circuits.Maintained}) || minor.State.Steps[2].Status != circuits.Open {
		t.Fatalf("minor: %v %+v, %v", standings(minor.State), minor.State.Steps, err)
	}
	h.decide(t, h.Person(t, demo.Mayor), d.ID, "signature", "")
	h.seal(t, d.ID)
	if text := said(t, h.proves(t, d.ID)); strings.Count(text, "Maintenue : elle porte sur une version antérieure") != 2 {
		t.Error(text)
	}
	d = both()
	partial, err := h.Office.CorrectAs(t.Context(), drafter, d.ID, h.Annex(t), dossiers.Correction{From: "dgs", Reason: "Le montant"})
	if err != nil || !slices.Equal(standings(partial.State), []circuits.Standing{circuits.Maintained, circuits.Lapsed}) || partial.State.Steps[1].Status != circuits.Open {
		t.Fatalf("partial: %v, %v", standings(partial.State), err)
	}
	if h.holds(t, finances, d.ID) || !h.holds(t, dgs, d.ID) {
		t.Error("in the wrong trays")
	}
	h.proves(t, d.ID)
}

// An administrator passes a step that is stuck, with a passkey and a motive;
// never a signature.
func TestBypass(t *testing.T) {
	t.Parallel()
	h := newHall(t, 0)
	h.publish(t, circuits.Definition{Steps: []circuits.Step{h.visa(t, "finances", "Finances"), h.signature(t)}, Days: 30})
	d := h.letter(t, nil) // nobody holds the finances
	if s := h.state(t, d.ID); s.Steps[0].Status != circuits.Blocked || s.Steps[0].Blocked != circuits.NoHolder {
		t.Fatalf("%+v", s.Steps[0])
	}
	if _, err := h.Person(t, demo.Drafter).Decide(t, d.ID, "contournement", "Je suis pressée"); err == nil {
		t.Error("the drafter passes the step")
	}
	if _, err := h.admin.Decide(t, d.ID, "contournement", ""); err == nil {
		t.Error("passed without a motive")
	}
	got := h.decide(t, h.admin, d.ID, "contournement", "Poste vacant depuis janvier")
	if got.State.Steps[0].Status != circuits.Bypassed || got.State.Steps[1].Status != circuits.Open {
		t.Fatalf("%+v", got.State.Steps)
	}
	if _, err := h.admin.Decide(t, d.ID, "contournement", "Et la Maire aussi"); !errors.Is(err, circuits.ErrKind) {
		t.Errorf("a signature passed: %v", err)
	}
	rep := h.proves(t, d.ID)
	if text := said(t, rep); !strings.Contains(text, "Étape contournée") || !strings.Contains(text, "Poste vacant depuis janvier") || rep.Decisions[0].Verdict != proof.Bypass {
		t.Error(text)
	}
}

// What was refused starts again with the same document.
func TestRecycle(t *testing.T) {
	t.Parallel()
	h := newHall(t, 0)
	dgs, drafter := h.Person(t, demo.DGS), h.Person(t, demo.Drafter).Viewer(t)
	h.publish(t, circuits.Definition{Steps: []circuits.Step{h.visa(t, "dgs", demo.DeskDGS), h.signature(t)}})
	d := h.letter(t, nil)
	h.decide(t, dgs, d.ID, "refus", "Pas le bon circuit")
	again, err := h.Office.Depart(t.Context(), drafter, d.ID, dossiers.Departure{Again: true})
	if err != nil || again.State.Phase != circuits.Running || h.count(t, d.ID, circuits.KindRecycled) != 1 {
		t.Fatalf("%s, %v", again.State.Phase, err)
	}
	h.decide(t, dgs, d.ID, "visa", "")
	h.proves(t, d.ID)
}

// Another letter replaces this one: nothing moves here any more.
func TestSupersede(t *testing.T) {
	t.Parallel()
	h := newHall(t, 0)
	dgs, drafter := h.Person(t, demo.DGS), h.Person(t, demo.Drafter).Viewer(t)
	h.publish(t, circuits.Definition{Steps: []circuits.Step{h.visa(t, "dgs", demo.DeskDGS), h.signature(t)}})
	old, other := h.letter(t, nil), h.letter(t, nil)
	if _, err := h.Office.Supersede(t.Context(), dgs.Viewer(t), old.ID, other.ID, "Non"); !errors.Is(err, circuits.ErrDrafter) {
		t.Errorf("by the DGS: %v", err)
	}
	got, err := h.Office.Supersede(t.Context(), drafter, old.ID, other.ID, "Mauvaise pièce")
	if err != nil || got.State.SupersededBy != string(other.ID) || h.holds(t, dgs, old.ID) {
		t.Fatalf("%+v, %v", got.State.SupersededBy, err)
	}
	if _, err := h.Office.Depart(t.Context(), drafter, old.ID, dossiers.Departure{Again: true}); !errors.Is(err, circuits.ErrState) {
		t.Errorf("it starts again: %v", err)
	}
	h.proves(t, old.ID)
}

// A running dossier passes to a new version of its circuit: what was decided
// at a step that stays, stands.
func TestMigrate(t *testing.T) {
	t.Parallel()
	h := newHall(t, 0)
	finances, dgs := h.holder(t, "finances@essai.fr", "Finances"), h.Person(t, demo.DGS)
	h.publish(t, circuits.Definition{Steps: []circuits.Step{h.visa(t, "dgs", demo.DeskDGS), h.signature(t)}})
	d := h.letter(t, nil)
	h.decide(t, dgs, d.ID, "visa", "")
	h.publish(t, circuits.Definition{Version: 2, Steps: []circuits.Step{h.visa(t, "dgs", demo.DeskDGS), h.visa(t, "finances", "Finances"), h.signature(t)}})
	if s := h.state(t, d.ID); len(s.Steps) != 2 {
		t.Fatal("a running dossier did not keep its version")
	}
	if _, err := h.Office.Migrate(t.Context(), h.admin.Viewer(t), d.ID, "essai", 0, ""); !errors.Is(err, dossiers.ErrInvalid) {
		t.Errorf("without a motive: %v", err)
	}
	got, err := h.Office.Migrate(t.Context(), h.admin.Viewer(t), d.ID, "essai", 0, "Le contrôle des finances devient obligatoire")
	if err != nil || got.State.Steps[0].Status != circuits.Done || got.State.Steps[1].Status != circuits.Open || got.State.Circuit.Version != 2 {
		t.Fatalf("%+v, %v", got.State.Steps, err)
	}
	h.decide(t, finances, d.ID, "visa", "")
	h.decide(t, h.Person(t, demo.Mayor), d.ID, "signature", "")
	h.seal(t, d.ID)
	h.proves(t, d.ID)
}
