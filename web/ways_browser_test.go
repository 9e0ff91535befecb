package web_test

import (
	"os"
	"path/filepath"
	"testing"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/browsertest"
	"parapheur/internal/demo"
)

// rare opens a verb of the letter's menu, and waits for its sheet.
func (p *person) rare(path, verb string) {
	p.t.Helper()
	p.open(path)
	if p.eval(`Boolean(document.querySelector(".more [data-verb=`+verb+`]"))`) == "true" {
		p.tap("[data-more]")
	}
	p.tap("[data-verb=" + verb + "]")
	p.until("the sheet of "+verb, `document.querySelector("#sheet[open] [data-fragment]")`)
}

// sends fills in the form of a sheet, asks axe-core about it, and sends it.
func (p *person) sends(what string, fields map[string]string) {
	p.t.Helper()
	for name, value := range fields {
		p.fill("#sheet [name="+name+"]", value)
	}
	p.accessible("the sheet of " + what)
	p.shoot("feuille-" + what)
	p.eval(`document.body.dataset.before = "1"`)
	p.tap("#sheet button[data-go]")
	p.until(what+" is done", `!document.body.dataset.before && document.querySelector(".note.ok")`)
}

// decides makes the gesture of a sheet that is open, once it was filled in.
func (p *person) decides(verb string) {
	p.t.Helper()
	p.until("ready", `document.querySelector("#sheet[open] [data-state=ready]")`)
	p.accessible("the sheet of " + verb)
	p.shoot("feuille-" + verb)
	p.tap("#sheet [data-go=" + verb + "]")
	p.until("decided", `!document.querySelector("#sheet [data-state=done]").hidden`)
}

// ways is the circuit of these tests: a visa, an act done outside, the
// signature, the seal put by a person.
func (s *set) ways(t *testing.T) {
	t.Helper()
	s.publish(t, circuits.Definition{Code: "voies", Name: "Toutes les voies", Steps: []circuits.Step{
		{ID: "visa", Kind: circuits.Visa, Desk: s.desks["Finances"], Title: "Visa des finances"},
		{ID: "papier", Kind: circuits.External, Desk: s.desks[demo.DeskDGS], Title: "Signature sur papier de l’État", RefuseTo: circuits.RefusePolicy{To: circuits.ToPrevious}},
		{ID: "signature", Kind: circuits.Signature, Desk: s.desks[demo.DeskMayor], Title: "Signature de la Maire", RefuseTo: circuits.RefusePolicy{To: circuits.ToChosen, Allowed: []circuits.StepID{"visa", "papier"}}},
		{ID: "cachet", Kind: circuits.Seal, Desk: s.desks["Juridique"], Title: "Cachet de la Ville"},
	}})
}

func (s *set) state(t *testing.T, path string) circuits.State {
	t.Helper()
	d, err := s.system.Store.Dossier(t.Context(), s.tenant.ID, dossiers.ID(path[len("/dossiers/"):]))
	if err != nil {
		t.Fatal(err)
	}
	return d.State
}

// scan is what a clerk scanned: the letter signed by hand.
func scan(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "lettre signée.pdf")
	if err := os.WriteFile(path, readSample(t), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestWaysBackInBrowser: an opinion asked and given, a visa taken back and given again,
// an act done outside with its scanned proof, then refusals to a chosen step,
// to the previous one, and to the drafter.
func TestWaysBackInBrowser(t *testing.T) {
	s := newSet(t)
	s.ways(t)
	browser := browsertest.Open(t)
	finances, manager, mayor := s.person(t, browser, 1440, 900), s.person(t, browser, 1440, 900), s.person(t, browser, 390, 844)
	finances.enrol(demo.Preparer)
	manager.enrol(demo.DGS)
	mayor.enrol(demo.Mayor)
	drafter := s.client(t, demo.Drafter)
	path := drafter.sent(t, "voies", nil)

	finances.rare(path, "ask")
	finances.sends("avis-demande", map[string]string{"to": "personne:" + string(s.ids[demo.DGS]), "question": "Est-ce budgété ?"})
	manager.open(path)
	manager.until("the question is put", `document.body.innerText.includes("Est-ce budgété")`)
	manager.accessible("a letter on which one is asked")
	manager.tap("[data-verb=answer]")
	manager.until("the sheet", `document.querySelector("#sheet[open] [data-fragment]")`)
	manager.sends("avis-rendu", map[string]string{"advice": "Oui, au chapitre 11."})
	finances.open(path)
	finances.until("the answer is read", `document.querySelector("#circuit").innerText.includes("Oui, au chapitre 11")`)
	finances.decide(path, "visa")
	finances.rare(path, "undo")
	finances.decides("undo")
	if x := s.state(t, path); x.Steps[0].Status != circuits.Open || len(x.Decisions) != 1 || x.Decisions[0].Standing != circuits.Undone {
		t.Errorf("taken back: %+v", x.Decisions)
	}
	finances.decide(path, "visa")

	manager.open(path)
	manager.tap("[data-verb=record]")
	manager.until("the sheet", `document.querySelector("#sheet[open] [data-proof]")`)
	manager.tap("#sheet [data-go=record]")
	manager.until("the proof is asked for", `!document.querySelector("#sheet #motif-e").hidden`)
	manager.choose("#sheet [data-proof]", scan(t))
	manager.until("the proof was received", `document.querySelector("#sheet [data-picked]").innerText.includes("lettre signée.pdf")`)
	manager.fill("#sheet #x-by", "Monsieur le Préfet")
	manager.decides("record")
	manager.open(path)
	manager.until("the act is told", `document.querySelector("#circuit").innerText.includes("Monsieur le Préfet")`)
	if got := manager.eval(`fetch(document.querySelector("[data-download=piece]").href).then((r) => r.blob()).then((b) => b.slice(0, 5).text())`); got != "%PDF-" {
		t.Errorf("the proof begins with %q", got)
	}
	manager.open(path + "/chemin")
	manager.until("the way is drawn", `document.querySelectorAll("[data-drawing] svg").length === 2`)
	manager.accessible("the way of a letter")
	manager.shoot("chemin")

	// Refused by the Mayor, to the step that she chooses.
	mayor.open(path)
	mayor.tap("[data-verb=refuse]")
	mayor.until("the sheet", `document.querySelector("#sheet[open] [data-returns]")`)
	mayor.fill("#sheet #motif", "Le montant a changé.")
	mayor.eval(`document.querySelector("#sheet [name=return][value='chosen:visa']").click()`)
	mayor.decides("refuse")
	if x := s.state(t, path); x.Phase != circuits.Running || x.Steps[0].Status != circuits.Open {
		t.Fatalf("back at the visa: %s, %+v", x.Phase, x.Steps)
	}
	finances.open("/bannettes")
	finances.until("back in the tray", `document.querySelector("[data-dossier='`+path[len("/dossiers/"):]+`']")`)
	for _, who := range []*person{finances, manager} { // everybody who acted reads why
		who.open(path)
		who.until("the motive is read", `document.body.innerText.includes("Le montant a changé.")`)
	}
	finances.decide(path, "visa")

	// To the previous step, as its circuit proposes; then to the drafter.
	manager.open(path)
	manager.tap("[data-verb=refuse]")
	manager.until("the previous step is proposed", `document.querySelector("#sheet[open] [name=return][value=previous]:checked")`)
	manager.fill("#sheet #motif", "Le papier manque.")
	manager.decides("refuse")
	finances.open(path)
	finances.tap("[data-verb=refuse]")
	finances.until("the sheet", `document.querySelector("#sheet[open] #motif")`)
	finances.fill("#sheet #motif", "À reprendre.")
	finances.decides("refuse")
	has(t, "the drafter's letter", drafter.get(path).Body.String(), "À reprendre.")
	if x := s.state(t, path); x.Phase != circuits.Refused {
		t.Errorf("refused to the drafter: %s", x.Phase)
	}
}

// TestWaysRoundInBrowser: a transfer, a recusal that leaves nobody, its step bypassed by
// the administrator with a passkey and a motive, and the seal put by a person.
func TestWaysRoundInBrowser(t *testing.T) {
	s := newSet(t)
	s.ways(t)
	browser := browsertest.Open(t)
	finances, manager, mayor, admin := s.person(t, browser, 1440, 900), s.person(t, browser, 1440, 900), s.person(t, browser, 1440, 900), s.person(t, browser, 390, 844)
	finances.enrol(demo.Preparer)
	manager.enrol(demo.DGS)
	mayor.enrol(demo.Mayor)
	admin.enrol(demo.Administrator)
	drafter := s.client(t, demo.Drafter)

	given := drafter.sent(t, "voies", nil)
	finances.rare(given, "transfer")
	finances.sends("transfert", map[string]string{"to": "bureau:" + string(s.desks["Juridique"]), "reason": "C’est une affaire de droit."})
	admin.open(given)
	admin.until("told in the path", `document.querySelector("#circuit").innerText.includes("Au lieu de Finances")`)
	admin.accessible("a letter that was transferred")
	admin.decide(given, "visa")

	path := drafter.sent(t, "voies", nil)
	finances.rare(path, "recuse")
	finances.sends("deport", map[string]string{"motive": "Mon frère habite cette rue."})
	if x := s.state(t, path); x.Steps[0].Status != circuits.Blocked {
		t.Fatalf("nobody is left: %+v", x.Steps[0])
	}
	admin.open(path)
	admin.until("it is said", `document.body.innerText.includes("Étape bloquée")`)
	admin.accessible("a letter that nobody can take")
	admin.shoot("bloquee")
	admin.rare(path, "bypass")
	admin.tap("#sheet [data-go=bypass]")
	admin.until("the motive is asked for", `!document.querySelector("#sheet #motif-e").hidden`)
	admin.fill("#sheet #motif", "Seule titulaire, déportée.")
	admin.decides("bypass")
	x := s.state(t, path)
	if last := x.Decisions[len(x.Decisions)-1]; x.Steps[0].Status != circuits.Bypassed || last.Verdict != circuits.Bypasses || last.Reason != "Seule titulaire, déportée." || last.Evidence.IsZero() {
		t.Errorf("bypassed: %+v", last)
	}

	manager.open(path)
	manager.tap("[data-verb=record]")
	manager.until("the sheet", `document.querySelector("#sheet[open] [data-proof]")`)
	manager.choose("#sheet [data-proof]", scan(t))
	manager.until("the proof was received", `document.querySelector("#sheet [data-picked]").innerText.includes("lettre signée.pdf")`)
	manager.tap("#sheet [data-go=record]")
	manager.until("recorded", `!document.querySelector("#sheet [data-state=done]").hidden`)
	mayor.decide(path, "sign")
	mayor.until("signed", `document.querySelector("[data-done]").textContent === "Lettre signée"`)
	admin.open(path)
	admin.tap("[data-verb=seal]")
	admin.until("the sheet", `document.querySelector("#sheet[open] [data-state=ready]")`)
	admin.decides("seal")
	admin.open(path)
	admin.until("the circuit is over", `document.querySelector("#entete").dataset.phase === "completed" && document.querySelector("#circuit").innerText.includes("Contournée par Marc Delattre")`)
	admin.shoot("cachet-pose")
	admin.accessible("a letter that was sealed")
}
