package dossiers_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"

	"parapheur/certs"
	"parapheur/circuits"
	"parapheur/circuits/delegation"
	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/tooltest"
	"parapheur/internal/towntest"
)

// key gives somebody a demonstration key in their own name.
func (h *hall) key(t *testing.T, p *towntest.Person, quality string) {
	t.Helper()
	who := p.Viewer(t).Person
	k, err := h.Demo.Person(certs.DemoPerson{Name: who.Name(), Quality: quality, Town: h.Tenant.Name})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Ring.Add(t.Context(), h.Tenant, uuid.NewString(), who.ID, "Clé", k, circuits.Actor{Name: "test"}); err != nil {
		t.Fatal(err)
	}
}

// member changes who somebody is in the council.
func (h *hall) member(t *testing.T, p *towntest.Person, change func(*dossiers.Member)) {
	t.Helper()
	m := member(t, organisationOf(t, h.Town), p.Email)
	change(&m)
	h.amend(t, dossiers.MemberSet{Member: m})
}

// seal uses the keys of every decision that waits for one.
func (h *hall) seal(t *testing.T, id dossiers.ID) dossiers.Dossier {
	t.Helper()
	if err := h.Office.Seal(t.Context(), h.Tenant.ID, id); err != nil {
		t.Fatal(err)
	}
	d, err := h.Store.Dossier(t.Context(), h.Tenant.ID, id)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// block is the text of the signed letter as a reader of PDF shows it, the
// signature blocks included.
func (h *hall) block(t *testing.T, id dossiers.ID) string {
	t.Helper()
	text := tooltest.On(t, h.Read(t, h.Person(t, demo.Drafter).Viewer(t), id, 1, ""), "pdftotext", "FILE", "-")
	return strings.Join(strings.Fields(text), " ")
}

// A delegate signs under the arrêté: statement, block, trace and offline proof
// all name the principal and the act.
func TestSignedByDelegation(t *testing.T) {
	t.Parallel()
	h := newHall(t, 0)
	dgs := h.Person(t, demo.DGS)
	h.key(t, dgs, "DGS")
	h.publish(t, circuits.Definition{Steps: []circuits.Step{h.signature(t)}})
	h.delegate(t, dgs, delegation.Scope{})
	d := h.letter(t, nil)
	h.decide(t, dgs, d.ID, "signature", "")
	got := h.seal(t, d.ID)
	if got.State.Phase != circuits.Completed {
		t.Fatalf("%s", got.State.Phase)
	}
	by := got.State.Decisions[0].By
	const mention = "Pour la Maire et par délégation, le Directeur général des services"
	if by.For == nil || by.For.Mention != mention || by.For.Name != "Hélène Garnier" || by.Name != "Philippe Rousseau" {
		t.Fatalf("%+v, %+v", by, by.For)
	}
	rep := h.proves(t, d.ID)
	if x := rep.Decisions[0]; !strings.HasPrefix(x.Delegation, "arrêté 2026-041 sha256:0700") || x.For == nil {
		t.Errorf("%+v", x)
	}
	if text := said(t, rep); !strings.Contains(text, mention) || !strings.Contains(text, "par délégation de signature") || !strings.Contains(text, "arrêté 2026-041") {
		t.Error(text)
	}
	if s := h.signatures(t, d.ID); len(s) != 1 || !strings.Contains(s[0].Name, "Rousseau") {
		t.Errorf("%+v", s)
	}
	if text := h.block(t, d.ID); !strings.Contains(text, mention) || !strings.Contains(text, "Philippe Rousseau") {
		t.Error("the block does not say by delegation: " + text)
	}
}

// An act outside the scope of the arrêté is refused, in French, and why.
func TestOutOfScope(t *testing.T) {
	t.Parallel()
	h := newHall(t, 0)
	dgs := h.Person(t, demo.DGS)
	h.publish(t, circuits.Definition{Steps: []circuits.Step{h.visa(t, "dgs", demo.DeskDGS), h.signature(t)}})
	made := h.delegate(t, dgs, delegation.Scope{Types: []string{"courrier-simple"}})
	d := h.letter(t, nil)
	h.decide(t, dgs, d.ID, "visa", "")
	_, err := dgs.Decide(t, d.ID, "signature", "")
	var refused *delegation.Refusal
	if !errors.As(err, &refused) || refused.French() != "La délégation ne couvre pas ce type de courrier." {
		t.Fatalf("%v", err)
	}
	made.Scope.Types, made.Withdrawn = nil, "2026-02-20"
	h.amend(t, dossiers.DelegationSet{Delegation: made})
	if _, err = dgs.Decide(t, d.ID, "signature", ""); !errors.As(err, &refused) || refused.French() != "La délégation est retirée depuis le 20 février 2026." {
		t.Errorf("after the arrêté was withdrawn: %v", err)
	}
}

// A delegation that ends while a letter waits opens its last day and no more,
// not even to a gesture asked for before midnight; the letter stays the
// Mayor's.
func TestDelegationEndsDuringATurn(t *testing.T) {
	t.Parallel()
	h := newHall(t, 0)
	dgs := h.Person(t, demo.DGS)
	h.key(t, dgs, "DGS")
	h.publish(t, circuits.Definition{Steps: []circuits.Step{h.signature(t)}})
	made := h.delegate(t, dgs, delegation.Scope{})
	made.To = "2026-03-05"
	h.amend(t, dossiers.DelegationSet{Delegation: made})
	first, second := h.letter(t, nil), h.letter(t, nil)
	h.at(t, "2026-03-05 23:58")
	h.decide(t, dgs, first.ID, "signature", "")
	req, err := dgs.Begin(t, second.ID, "signature", "")
	if err != nil {
		t.Fatalf("on the last day: %v", err)
	}
	gesture := dgs.Gesture(t, req)
	h.at(t, "2026-03-06 00:01")
	var refused *delegation.Refusal
	if _, err := dgs.Finish(t, req, gesture); !errors.As(err, &refused) || !strings.Contains(refused.French(), "5 mars 2026") {
		t.Errorf("a gesture that arrives after the end: %v", err)
	}
	if _, err := dgs.Begin(t, second.ID, "signature", ""); !errors.Is(err, dossiers.ErrNotFound) {
		t.Errorf("the day after, the letter is not theirs to see: %v", err)
	}
	h.decide(t, h.Person(t, demo.Mayor), second.ID, "signature", "")
}

// The Mayor is impeded: the first adjoint acts by suppléance, and says so; it
// is no delegation. It ends with the impediment.
func TestSuppleance(t *testing.T) {
	t.Parallel()
	h := newHall(t, 0)
	adjoint := h.holder(t, "adjoint@essai.fr", "Adjoint")
	h.key(t, adjoint, "Adjointe")
	h.member(t, h.Person(t, demo.Mayor), func(m *dossiers.Member) { m.Rank = 1 })
	h.member(t, adjoint, func(m *dossiers.Member) { m.Rank, m.Adjoint = 2, true })
	h.publish(t, circuits.Definition{Steps: []circuits.Step{h.signature(t)}})
	d := h.letter(t, nil)
	if _, err := adjoint.Decide(t, d.ID, "signature", ""); err == nil {
		t.Fatal("the adjoint signs without any impediment")
	}
	i, err := h.Office.DeclareImpediment(t.Context(), h.admin.Viewer(t), delegation.Impediment{
		Person: id(t, h.Person(t, demo.Mayor)), Motive: "Hospitalisation", Proof: "Certificat du 1er mars 2026", From: "2026-03-01",
	})
	if err != nil {
		t.Fatal(err)
	}
	h.decide(t, adjoint, d.ID, "signature", "")
	got := h.seal(t, d.ID)
	by := got.State.Decisions[0].By
	if by.For == nil || by.For.Mandate != circuits.Substitutes || strings.Contains(by.For.Mention, "délégation") {
		t.Fatalf("%+v", by.For)
	}
	if text := said(t, h.proves(t, d.ID)); !strings.Contains(text, "suppléance") || !strings.Contains(text, by.For.Mention) || !strings.Contains(text, "empêchement "+string(i.ID)) {
		t.Error(text)
	}
	if text := h.block(t, d.ID); !strings.Contains(text, by.For.Mention) {
		t.Error(text)
	}
	i.To = "2026-03-05"
	if _, err := h.Office.DeclareImpediment(t.Context(), h.admin.Viewer(t), i); err != nil {
		t.Fatal(err)
	}
	h.at(t, "2026-03-06 09:00")
	if _, err := adjoint.Decide(t, h.letter(t, nil).ID, "signature", ""); err == nil {
		t.Error("the adjoint signs after the Mayor came back")
	}
}

// Who declared a conflict acts no more, not even through a delegate; the
// substitute whom the arrêté designates does, and all of it is proven.
func TestRecusal(t *testing.T) {
	t.Parallel()
	h := newHall(t, 0)
	mayor, dgs := h.Person(t, demo.Mayor), h.Person(t, demo.DGS)
	adjoint := h.holder(t, "adjoint@essai.fr", "Adjoint")
	h.key(t, adjoint, "Adjointe")
	h.key(t, dgs, "DGS")
	h.delegate(t, dgs, delegation.Scope{})
	h.publish(t, circuits.Definition{Steps: []circuits.Step{h.signature(t)}})
	d := h.letter(t, nil)
	err := h.Office.Recuse(t.Context(), mayor.Viewer(t), d.ID, delegation.Recusal{
		Person: id(t, mayor), Motive: "Sa sœur habite la rue", Substitute: id(t, adjoint), Number: "2026-050",
	})
	if err != nil {
		t.Fatal(err)
	}
	for who, p := range map[string]*towntest.Person{"the Mayor": mayor, "her delegate": dgs} {
		if _, err := p.Decide(t, d.ID, "signature", ""); err == nil {
			t.Errorf("%s signs all the same", who)
		}
	}
	if h.holds(t, mayor, d.ID) || !h.holds(t, adjoint, d.ID) {
		t.Error("it is not in the tray of the substitute alone")
	}
	h.decide(t, adjoint, d.ID, "signature", "")
	got := h.seal(t, d.ID)
	by := got.State.Decisions[0].By
	if by.Name != "Camille adjoint@essai.fr" || by.For == nil || by.For.Mandate != circuits.Recusing {
		t.Fatalf("%+v %+v", by, by.For)
	}
	text := said(t, h.proves(t, d.ID))
	if !strings.Contains(text, "déport") {
		t.Error(text)
	}
	if h.count(t, d.ID, circuits.KindRecused) != 1 {
		t.Error("the journal does not say it")
	}
}
