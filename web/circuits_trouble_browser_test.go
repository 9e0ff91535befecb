package web_test

import (
	"slices"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	cdpnetwork "github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/browsertest"
	"parapheur/internal/demo"
)

// sessionEnds makes a browser forget its session, as time does.
func (p *person) sessionEnds() {
	p.t.Helper()
	if _, err := chromedp.Call(p.ctx, cdpnetwork.ClearBrowserCookies, cdp.Empty{}); err != nil {
		p.t.Fatalf("forget the session: %v", err)
	}
}

// A rival is another administrator who changes the same things.
func rival(t *testing.T, at *town) dossiers.Viewer {
	t.Helper()
	v, err := at.system.Office.Viewer(t.Context(), at.tenant, at.client(t, demo.Administrator).session)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// revise changes the draft behind the back of who looks at it.
func revise(t *testing.T, at *town, v dossiers.Viewer, code string, change func(*circuits.Definition)) {
	t.Helper()
	_, edition, err := at.system.Office.WrittenCircuit(t.Context(), v, code, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := at.system.Office.ReviseCircuit(t.Context(), v, code, edition, func(d *circuits.Definition) error { change(d); return nil }); err != nil {
		t.Fatal(err)
	}
}

// drawn opens a new circuit of two steps, the first chosen.
func drawn(t *testing.T, at *town, p *person) string {
	t.Helper()
	p.enrol(demo.Administrator)
	p.open("/administration/circuits")
	p.fill("#name", "Difficile")
	p.tap("[data-go=new-circuit]")
	p.until("the drawing opens", `location.pathname === "/administration/circuits/difficile"`)
	p.tap("[data-key=ajouter-visa]")
	p.until("a visa", steps+` === "visa-1"`)
	p.tap("[data-key=ajouter-signature]")
	p.until("a signature", steps+` === "visa-1,signature-1"`)
	p.tap("[data-choose=visa-1]")
	p.until("the visa is chosen", `document.querySelector("[data-panel] [name=etape]")?.value === "visa-1"`)
	return "difficile"
}

// TestCircuitConditionWrittenInBrowser: a condition is written by hand where
// there was none; choosing to write it saves nothing yet.
func TestCircuitConditionWrittenInBrowser(t *testing.T) {
	at := newTown(t)
	p := at.person(t, browsertest.Open(t), 1440, 900)
	drawn(t, at, p)
	p.click("[name=when][value=libre]")
	p.until("there is where to write", `document.querySelector("#cel").offsetParent`)
	p.click("#cel")
	p.write("annexes > 3 && annexes < 2")
	p.key("Tab", "", 9, 0)
	p.until("it is kept, and judged", `document.querySelector("#lint-t").parentElement.innerText.includes("jamais remplie")`)
	p.choosing("#actor-1", demo.DeskDGS)
	p.until("the condition stayed", `document.querySelector("#lint-t").parentElement.innerText.includes("jamais remplie") && document.querySelector("[data-step=visa-1]").innerText.includes("Philippe")`)
	p.click("[name=when][value='']")
	p.until("always again", `!document.querySelector("#lint-t").parentElement.innerText.includes("jamais remplie")`)
	p.click("[name=when][value=libre]")
	p.click("#title")
	p.write(" x")
	p.key("Tab", "", 9, 0)
	p.until("nothing written is said", `document.querySelector("[data-refused]").innerText.includes("Écrivez-la")`)
}

// TestCircuitWithTwoAdministratorsInBrowser: what another changes elsewhere is
// taken; what they change at the same step is told before it is replaced; a
// draft that is gone is said to be.
func TestCircuitWithTwoAdministratorsInBrowser(t *testing.T) {
	at := newTown(t)
	p := at.person(t, browsertest.Open(t), 1440, 900)
	code := drawn(t, at, p)
	other := rival(t, at)
	retitle := func(i int, title string) {
		revise(t, at, other, code, func(d *circuits.Definition) { d.Steps[i].Title = title })
	}

	retitle(1, "Signature de la Maire")
	p.fill("#title", "Visa du DGS")
	p.until("both changes are there", `document.querySelector("[data-step=visa-1]").innerText.includes("Visa du DGS") && document.querySelector("[data-step=signature-1]").innerText.includes("Signature de la Maire")`)
	p.until("it is saved", `document.querySelector("[data-saved]").innerText === "Enregistré"`)

	retitle(0, "Visa de la direction")
	p.fill("#title", "Mon visa")
	p.until("it is told", `document.querySelector("[data-refused]").innerText.includes("d’autres réglages")`)
	p.until("nothing typed is lost, theirs is drawn", `document.querySelector("#title").value === "Mon visa" && document.querySelector("[data-step=visa-1]").innerText.includes("Visa de la direction")`)
	p.accessible("a circuit that two people change")
	p.shoot("circuit-a-deux")
	p.click("[data-refused] button")
	p.until("mine replaced it, knowingly", `document.querySelector("[data-step=visa-1]").innerText.includes("Mon visa")`)

	retitle(1, "Signature")
	p.click("[data-key='ajouter-avis']")
	p.until("an order is not guessed", `document.querySelector("[data-refused]").innerText.includes("refaites-le")`)
	if got := p.eval(steps); got != "visa-1,signature-1" {
		t.Errorf("steps: %s", got)
	}

	if err := at.system.Office.DropDraft(t.Context(), other, code, ""); err != nil {
		t.Fatal(err)
	}
	p.fill("#title", "Trop tard")
	p.until("the draft is gone", `document.querySelector("[data-refused]").innerText.includes("Ce brouillon n’existe plus")`)
}

// TestCircuitWithoutSessionInBrowser: a session that ends in the middle of the
// drawing loses nothing; nor does one that ends in a long form.
func TestCircuitWithoutSessionInBrowser(t *testing.T) {
	at := newTown(t)
	p := at.person(t, browsertest.Open(t), 390, 844)
	drawn(t, at, p)
	p.sessionEnds()
	p.fill("#title", "Écrit après la fin")
	p.until("the door opens here", `document.querySelector("dialog[data-door][open]")`)
	p.accessible("signing in again over a page")
	p.shoot("session-reprise")
	p.tap("dialog[data-door] .act")
	p.until("what was typed is saved", `document.querySelector("[data-step=visa-1]").innerText.includes("Écrit après la fin") && !document.querySelector("dialog[data-door]")`)

	p.open("/administration/bureaux/nouveau")
	p.fill("[name=name]", "Bureau des longueurs")
	p.fill("[name=code]", "longueurs")
	p.sessionEnds()
	p.tap("[data-go=keep]")
	p.until("the door opens here too", `document.querySelector("dialog[data-door][open]")`)
	p.tap("dialog[data-door] .quiet")
	p.until("it may wait", `!document.querySelector("dialog[data-door]") && document.querySelector("[name=name]").value === "Bureau des longueurs"`)
	p.tap("[data-go=keep]")
	p.until("it is asked again", `document.querySelector("dialog[data-door][open]")`)
	p.tap("dialog[data-door] .act")
	p.until("the form has left", `location.pathname === "/administration/bureaux" && document.body.innerText.includes("Bureau des longueurs")`)
}

// TestCircuitLongDragInBrowser: a step held near the edge of the screen goes
// further than the screen shows; publishing twice says so.
func TestCircuitLongDragInBrowser(t *testing.T) {
	at := newTown(t)
	browser := browsertest.Open(t)
	at.person(t, browser, 390, 844).enrol(demo.Mayor)
	p := at.person(t, browser, 1440, 900)
	code := drawn(t, at, p)
	other := rival(t, at)
	g, err := at.system.Office.Organisation(t.Context(), other)
	if err != nil {
		t.Fatal(err)
	}
	desk := g.Desks[slices.IndexFunc(g.Desks, func(d dossiers.DeskSetup) bool { return d.Name == demo.DeskMayor })].ID
	revise(t, at, other, code, func(d *circuits.Definition) {
		last := d.Steps[1]
		last.Desk = desk
		d.Steps = nil
		for i := range 30 {
			d.Steps = append(d.Steps, circuits.Step{ID: circuits.StepID("lu-" + string(rune('a'+i))), Kind: circuits.Information, Title: "Information", Desk: desk})
		}
		d.Steps = append(d.Steps, last)
	})
	p.open("/administration/circuits/" + code)
	x, y := p.place("[data-step=signature-1] [data-grip]")
	p.pointer("mouseMoved", x, y, 0)
	p.pointer("mousePressed", x, y, 1)
	p.pointer("mouseMoved", x, 6, 1)
	p.until("it scrolls to the first step", `document.querySelector("[data-flow] [data-step]").matches(".drop-here")`)
	p.pointer("mouseReleased", x, 6, 0)
	p.until("it is first", steps+`.startsWith("signature-1,lu-a")`)

	p.open("/administration/circuits/" + code + "/publier")
	if _, err := at.system.Office.PublishCircuit(t.Context(), other, code, dossiers.Publication{}); err != nil {
		t.Fatal(err)
	}
	p.tap("[data-go=publish]")
	p.until("it says what happened", `location.search === "?dit=deja" && document.body.innerText.includes("déjà été publié")`)
}

// TestLetterWithoutSessionInBrowser: neither a letter being deposited nor the
// motive of a refusal is lost with the session.
func TestLetterWithoutSessionInBrowser(t *testing.T) {
	at := newTown(t)
	browser := browsertest.Open(t)
	drafter, manager := at.person(t, browser, 1440, 900), at.person(t, browser, 390, 844)
	drafter.enrol(demo.Drafter)
	manager.enrol(demo.DGS)
	at.person(t, browser, 390, 844).enrol(demo.Mayor)
	again := func(p *person) {
		t.Helper()
		p.until("the door opens", `document.querySelector("dialog[data-door][open]")`)
		p.tap("dialog[data-door] .act")
	}
	drafter.open("/deposer")
	drafter.choose("#document", sampleLetter(t))
	drafter.until("the file was looked at", `document.querySelector("#title").value !== ""`)
	drafter.fill("#recipient", "M. et Mme Lefèvre")
	drafter.tap("input[name=type][value=courrier-simple]")
	drafter.sessionEnds()
	drafter.tap("[data-go=start]")
	again(drafter)
	drafter.until("the letter left", `location.pathname.startsWith("/dossiers/")`)

	manager.open(drafter.eval("location.pathname"))
	manager.tap("[data-verb=refuse]")
	manager.until("the sheet", `document.querySelector("#sheet[open] [name=reason]")`)
	manager.fill("#sheet [name=reason]", "Il manque l’adresse.")
	manager.sessionEnds()
	manager.tap("#sheet [data-go=refuse]")
	again(manager)
	manager.until("it is refused, with its motive", `document.body.innerText.includes("Il manque l’adresse.") && document.body.innerText.includes("Lettre renvoyée")`)
}
