package dossiers_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/towntest"
)

// sealStep asks for the seal of the town.
func (h *hall) sealStep(t *testing.T, auto bool) circuits.Step {
	t.Helper()
	st := circuits.Step{ID: "cachet", Kind: circuits.Seal, Title: "Cachet de la ville", Auto: auto}
	if !auto {
		st.Desk = h.desk(t, demo.DeskDGS)
	}
	return st
}

// The machine puts the seal of the town once its turn comes: nobody's gesture,
// a block that says « Cachet », and an offline proof that says so too.
func TestAutomaticSeal(t *testing.T) {
	t.Parallel()
	h := newHall(t, 2)
	h.publish(t, circuits.Definition{Steps: []circuits.Step{h.visa(t, "dgs", demo.DeskDGS), h.sealStep(t, true), h.signature(t)}})
	d := h.letter(t, nil)
	h.decide(t, h.Person(t, demo.DGS), d.ID, "visa", "")
	h.Await(t, d.ID, func(d dossiers.Dossier) bool { return d.State.Steps[1].Status == circuits.Done })
	h.decide(t, h.Person(t, demo.Mayor), d.ID, "signature", "")
	h.Await(t, d.ID, completed)
	s := h.signatures(t, d.ID)
	if len(s) != 2 || !s[0].Seal || s[1].Seal || !strings.Contains(s[0].Name, "Saint-Aubin") {
		t.Fatalf("%+v", s)
	}
	rep := h.proves(t, d.ID)
	x := rep.Decisions[1]
	if !x.Automatic || x.Signature == nil || *x.Signature != 0 || x.Folder != "" || x.Evidence != h.state(t, d.ID).Circuit.Hash() {
		t.Errorf("%+v", x)
	}
	text := said(t, rep)
	for _, want := range []string{"Cachet automatique : personne n’a décidé", "Le cachet 1 de la lettre", "Cachet 1 : "} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if block := h.block(t, d.ID); !strings.Contains(block, "Cachet") || !strings.Contains(block, "Ville de Saint-Aubin-sur-Loire") {
		t.Error(block)
	}
}

// The gate of the seal opens for a step of the machine alone, and for its
// dossier alone.
func TestAutomaticSealGate(t *testing.T) {
	t.Parallel()
	h := newHall(t, 0)
	h.publish(t, circuits.Definition{Steps: []circuits.Step{h.visa(t, "dgs", demo.DeskDGS), h.sealStep(t, true), h.signature(t)}})
	waiting, decided := h.letter(t, nil), h.letter(t, nil)
	h.decide(t, h.Person(t, demo.DGS), decided.ID, "visa", "")
	for name, of := range map[string]dossiers.ID{"before its turn": waiting.ID, "what was not laid out": decided.ID} {
		s, err := h.Ring.AutoSealer(t.Context(), h.Tenant, of)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Sign(t.Context(), bytes.Repeat([]byte{1}, 80), 5); err == nil {
			t.Errorf("%s: the key was used", name)
		}
	}
	h.seal(t, decided.ID)
	s, err := h.Ring.AutoSealer(t.Context(), h.Tenant, decided.ID)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := h.Store.Sealing(t.Context(), h.Tenant.ID, decided.ID, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Sign(t.Context(), kept.Prepared, 5); err == nil {
		t.Error("the key was used again once the seal is put")
	}
}

// A person has the seal put: a gesture for the seal, never shown as theirs.
func TestSealByAPerson(t *testing.T) {
	t.Parallel()
	h := newHall(t, 0)
	h.publish(t, circuits.Definition{Steps: []circuits.Step{h.sealStep(t, false), h.signature(t)}})
	d := h.letter(t, nil)
	dgs := h.Person(t, demo.DGS)
	if _, err := dgs.Decide(t, d.ID, "signature", ""); !errors.Is(err, circuits.ErrKind) {
		t.Errorf("a signature at a step of the seal: %v", err)
	}
	h.decide(t, dgs, d.ID, "cachet", "")
	h.seal(t, d.ID)
	s := h.signatures(t, d.ID)
	if len(s) != 1 || !s[0].Seal {
		t.Fatalf("%+v", s)
	}
	text := said(t, h.proves(t, d.ID))
	if !strings.Contains(text, "Décision d’apposer le cachet, par Philippe Rousseau") || !strings.Contains(text, "Le cachet 1 de la lettre a été apposé pour cette décision") {
		t.Error(text)
	}
	if block := h.block(t, d.ID); strings.Contains(block, "Rousseau") {
		t.Error("the block of the seal names a person: " + block)
	}
}

// Two people sign in one step: the keys are used one after the other, and the
// second signs what the first signed.
func TestTwoSignaturesInAStep(t *testing.T) {
	t.Parallel()
	for _, ordered := range []bool{false, true} {
		h := newHall(t, 0)
		adjoint, mayor := h.holder(t, "adjoint@essai.fr", "Adjoint"), h.Person(t, demo.Mayor)
		h.key(t, adjoint, "Adjointe")
		step := h.visa(t, "elus", "Adjoint", demo.DeskMayor)
		step.Kind, step.Need = circuits.Signature, circuits.Need{Mode: circuits.All, Ordered: ordered}
		h.publish(t, circuits.Definition{Steps: []circuits.Step{step}})
		d := h.letter(t, nil)
		if _, err := mayor.Decide(t, d.ID, "signature", ""); ordered && err == nil {
			t.Error("the Mayor signs before the adjoint")
		} else if !ordered && err != nil {
			t.Fatal(err)
		}
		people := []*towntest.Person{mayor, adjoint}
		if ordered {
			people = []*towntest.Person{adjoint, mayor}
			h.decide(t, adjoint, d.ID, "signature", "")
		}
		if _, err := people[1].Decide(t, d.ID, "signature", ""); err == nil {
			t.Error("the second signs while the key of the first is at work")
		}
		if got := h.seal(t, d.ID); got.State.Phase != circuits.Running {
			t.Fatalf("completed by one of two: %+v", got.State.Steps)
		}
		h.decide(t, people[1], d.ID, "signature", "")
		if got := h.seal(t, d.ID); got.State.Phase != circuits.Completed {
			t.Fatalf("%+v", got.State)
		}
		if s := h.signatures(t, d.ID); len(s) != 2 || s[0].Name == s[1].Name {
			t.Fatalf("%+v", s)
		}
		rep := h.proves(t, d.ID)
		for i, x := range rep.Decisions {
			if x.Signature == nil || i > 0 && *x.Signature <= *rep.Decisions[i-1].Signature {
				t.Errorf("decision %d: %+v", i, x.Signature)
			}
		}
	}
}

// An act done outside is recorded with its proof, which travels with the
// evidence.
func TestOutsideAct(t *testing.T) {
	t.Parallel()
	h := newHall(t, 0)
	step := h.visa(t, "papier", demo.DeskDGS)
	step.Kind = circuits.External
	h.publish(t, circuits.Definition{Steps: []circuits.Step{step, h.signature(t)}})
	d := h.letter(t, nil)
	dgs := h.Person(t, demo.DGS)
	item := dossiers.DecisionItem{Dossier: d.ID, Decision: "externe", Outside: &circuits.Outside{
		Means: "paper", Reference: "R-12", By: "M. Lefèvre, riverain", On: h.Now(), Proof: circuits.Digest{3},
	}}
	if _, err := h.act(t, dgs, item); !errors.Is(err, dossiers.ErrInvalid) {
		t.Errorf("without its proof: %v", err)
	}
	scan := towntest.Sample(t, "annexe-plan-du-chantier.pdf")
	kept, err := h.Office.KeepProof(t.Context(), dgs.Viewer(t), d.ID, bytes.NewReader(scan))
	if err != nil {
		t.Fatal(err)
	}
	item.Outside.Proof = kept.SHA256
	h.citesNoOther(t, dgs, item, scan)
	got, err := h.act(t, dgs, item)
	if err != nil || got.State.Steps[0].Status != circuits.Done {
		t.Fatalf("%+v, %v", got.State.Steps, err)
	}
	rep := h.proves(t, d.ID)
	for _, f := range rep.Findings {
		if f.Code == "outside_proof_absent" {
			t.Error("the proof is not in the package")
		}
	}
	text := said(t, rep)
	for _, want := range []string{"Acte externe constaté", "Signature sur papier, numérisée", "Par M. Lefèvre, riverain", "Référence : R-12", kept.SHA256.String()} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// citesNoOther tries to record acts with a proof that was handed in for
// another step, by somebody else, or for nothing.
func (h *hall) citesNoOther(t *testing.T, dgs *towntest.Person, item dossiers.DecisionItem, scan []byte) {
	t.Helper()
	refused := func(what string, p *towntest.Person, i dossiers.DecisionItem) {
		t.Helper()
		var why *dossiers.InvalidError
		if _, err := h.act(t, p, i); !errors.As(err, &why) || why.Field != "outside" {
			t.Errorf("%s: %v", what, err)
		}
	}
	other := item
	other.Dossier = h.letter(t, nil).ID
	refused("the proof of another dossier", dgs, other)
	refused("the proof of somebody else", h.holder(t, "autre@essai.fr", demo.DeskDGS), item)
	kept := *item.Outside
	kept.Proof = h.Item(t, item.Dossier, "", "").Seen
	other = item
	other.Outside = &kept
	refused("the letter itself, which is kept", dgs, other)
	if _, err := h.Office.KeepProof(t.Context(), dgs.Viewer(t), item.Dossier, bytes.NewReader(scan)); err != nil {
		t.Errorf("handed in twice: %v", err)
	}
	if n := h.filed(t, item.Dossier); n != 1 {
		t.Errorf("%d entries for one proof", n)
	}
}

// filed is how many proofs were handed in for a dossier, by the journal.
func (h *hall) filed(t *testing.T, id dossiers.ID) (n int) {
	t.Helper()
	entries, err := h.Store.JournalOf(t.Context(), h.Tenant.ID, id+"/proof")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Kind == dossiers.KindProofFiled {
			n++
		}
	}
	return n
}

// A circuit is followed by another: the steps go on after those that are done,
// under one evidence.
func TestChain(t *testing.T) {
	t.Parallel()
	h := newHall(t, 2)
	finances := h.holder(t, "finances@essai.fr", "Finances")
	next := circuits.Definition{Code: "suite", Name: "Suite", Version: 1, Steps: []circuits.Step{h.visa(t, "dgs", "Finances"), h.sealStep(t, true)}}
	h.amend(t, dossiers.CircuitPublished{Circuit: next, SHA256: next.Hash()})
	h.publish(t, circuits.Definition{Then: "suite", Steps: []circuits.Step{h.visa(t, "dgs", demo.DeskDGS), h.signature(t)}})
	d := h.letter(t, nil)
	h.decide(t, h.Person(t, demo.DGS), d.ID, "visa", "")
	h.decide(t, h.Person(t, demo.Mayor), d.ID, "signature", "")
	chained := h.Await(t, d.ID, func(d dossiers.Dossier) bool { return len(d.State.Steps) == 4 })
	if chained.State.Phase != circuits.Running || h.count(t, d.ID, circuits.KindChained) != 1 || chained.State.Circuit.Steps[2].ID != "dgs-2" {
		t.Fatalf("%+v", chained.State.Circuit.Steps)
	}
	h.decide(t, finances, d.ID, "visa", "")
	h.Await(t, d.ID, completed)
	if s := h.signatures(t, d.ID); len(s) != 2 || s[0].Seal || !s[1].Seal {
		t.Errorf("%+v", s)
	}
	h.proves(t, d.ID)
}
