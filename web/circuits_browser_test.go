package web_test

import (
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/browsertest"
	"parapheur/internal/demo"
)

// key presses one key, with what it writes.
func (p *person) key(name, text string, code, modifiers int64) {
	p.t.Helper()
	for _, kind := range []input.DispatchKeyEventType{"keyDown", "keyUp"} {
		e := input.DispatchKeyEventParams{Type: kind, Key: name, Code: name, WindowsVirtualKeyCode: code, Modifiers: modifiers}
		if kind == "keyDown" {
			e.Text = text
		}
		if _, err := chromedp.Call(p.ctx, input.DispatchKeyEvent, e); err != nil {
			p.t.Fatalf("press %s: %v", name, err)
		}
	}
}

// tabTo presses Tab, or Shift and Tab, until what is wanted has the focus.
func (p *person) tabTo(selector string, back ...bool) {
	p.t.Helper()
	shift := int64(0)
	if len(back) > 0 {
		shift = 8
	}
	for range 250 {
		if p.eval("Boolean(document.activeElement?.matches("+quote(selector)+"))") == "true" {
			return
		}
		p.key("Tab", "", 9, shift)
	}
	p.shoot("echec")
	p.t.Fatalf("Tab never reaches %s", selector)
}

func (p *person) enter() { p.t.Helper(); p.key("Enter", "\r", 13, 0) }

func (p *person) write(text string) {
	p.t.Helper()
	for _, r := range text {
		p.key(string(r), string(r), 0, 0)
	}
}

// place is the middle of what is shown.
func (p *person) place(selector string) (x, y float64) {
	p.t.Helper()
	p.until("see "+selector, "document.querySelector("+quote(selector)+")?.getBoundingClientRect().height")
	at := p.eval(`(() => { const e = document.querySelector(` + quote(selector) + `); e.scrollIntoView({block: "center"}); const b = e.getBoundingClientRect(); return (b.x + b.width / 2) + " " + (b.y + b.height / 2); })()`)
	if _, err := fmt.Sscan(at, &x, &y); err != nil {
		p.t.Fatal(err)
	}
	return x, y
}

func (p *person) pointer(kind input.DispatchMouseEventType, x, y float64, buttons int64) {
	p.t.Helper()
	e := input.DispatchMouseEventParams{Type: kind, X: x, Y: y, Button: input.MouseButtonLeft, Buttons: buttons, ClickCount: 1}
	if _, err := chromedp.Call(p.ctx, input.DispatchMouseEvent, e); err != nil {
		p.t.Fatalf("%s: %v", kind, err)
	}
}

// click presses the mouse on the middle of something.
func (p *person) click(selector string) {
	p.t.Helper()
	x, y := p.place(selector)
	p.pointer("mouseMoved", x, y, 0)
	p.pointer("mousePressed", x, y, 1)
	p.pointer("mouseReleased", x, y, 0)
}

// drag carries something above something else.
func (p *person) drag(what, above string) {
	p.t.Helper()
	x, y := p.place(what)
	p.pointer("mouseMoved", x, y, 0)
	p.pointer("mousePressed", x, y, 1)
	to := p.eval(`document.querySelector(` + quote(above) + `).getBoundingClientRect().top`)
	var top float64
	if _, err := fmt.Sscan(to, &top); err != nil {
		p.t.Fatal(err)
	}
	p.pointer("mouseMoved", x, (y+top)/2, 1)
	p.pointer("mouseMoved", x, top+4, 1)
	p.until("the place is shown", `document.querySelector(".drop-here")`)
	p.shoot("circuit-glisse")
	p.pointer("mouseReleased", x, top+4, 0)
}

// choosing takes an option of a select with the mouse: a browser shows its own
// list, which no page sees.
func (p *person) choosing(selector, label string) {
	p.t.Helper()
	p.until("see "+selector, "document.querySelector("+quote(selector)+")")
	p.eval(`(() => { const e = document.querySelector(` + quote(selector) + `); e.focus(); e.value = [...e.options].find((o) => o.text === ` + quote(label) + `).value; e.dispatchEvent(new Event("change", {bubbles: true})); })()`)
}

const steps = `[...document.querySelectorAll("[data-flow] [data-step]")].map((e) => e.dataset.step).join()`

// A drawing hall is a town with somebody at a third desk, where an
// administrator is about to draw a circuit.
func drawingHall(t *testing.T) (at *town, admin, manager, mayor, drafter *person) {
	t.Helper()
	at = newTown(t)
	browser := browsertest.Open(t)
	admin, manager, mayor, drafter = at.person(t, browser, 1440, 900), at.person(t, browser, 1440, 900), at.person(t, browser, 390, 844), at.person(t, browser, 1440, 900)
	manager.enrol(demo.DGS)
	mayor.enrol(demo.Mayor)
	drafter.enrol(demo.Drafter)
	at.person(t, browser, 390, 844).enrol(demo.Preparer)
	v, err := at.system.Office.Viewer(t.Context(), at.tenant, at.client(t, demo.Administrator).session)
	if err != nil {
		t.Fatal(err)
	}
	desk := dossiers.DeskSetup{Code: "cabinet", Name: "Cabinet", Holders: []dossiers.SeatSetup{{Person: at.personID(t, demo.Preparer), Quality: "Cheffe de cabinet"}}}
	if _, err := at.system.Office.Amend(t.Context(), v, dossiers.DeskSet{Desk: desk}); err != nil {
		t.Fatal(err)
	}
	admin.enrol(demo.Administrator)
	return at, admin, manager, mayor, drafter
}

// travels sends a letter along the circuit that was drawn, to its end.
func travels(t *testing.T, at *town, manager, mayor, drafter *person) {
	t.Helper()
	path := drafter.deposit(sampleLetter(t), "Réfection du trottoir")
	manager.decide(path, "visa")
	mayor.decide(path, "sign")
	arrived(t, at, path)
}

// arrived checks which way a letter took.
func arrived(t *testing.T, at *town, path string) {
	t.Helper()
	id := dossiers.ID(path[len("/dossiers/"):])
	d, err := at.system.Store.Dossier(t.Context(), at.tenant.ID, id)
	if err != nil {
		t.Fatal(err)
	}
	if d.State.Circuit.Code != "lettre-simple" || d.State.Circuit.Version != 1 || d.State.Steps[1].Status != circuits.Skipped {
		t.Errorf("the letter took %s, version %d: %+v", d.State.Circuit.Code, d.State.Circuit.Version, d.State.Steps)
	}
}

// TestCircuitDrawnWithTheMouseInBrowser: an administrator builds a circuit from
// nothing, corrects what is wrong with it, tries it, publishes it, and a letter
// travels it.
func TestCircuitDrawnWithTheMouseInBrowser(t *testing.T) {
	at, p, manager, mayor, drafter := drawingHall(t)
	p.open("/administration/circuits")
	p.accessible("the list of circuits")
	p.shoot("circuits")
	p.click("#name")
	p.write("Lettre simple")
	p.click("[data-go=new-circuit]")
	p.until("the drawing opens", `location.pathname === "/administration/circuits/lettre-simple"`)
	p.shoot("circuit-vide")
	p.accessible("an empty circuit")

	p.click("[data-key=ajouter-visa]")
	p.until("the step has a panel", `document.activeElement.id === "title"`)
	p.write("Visa de la direction générale")
	p.choosing("#actor-1", demo.DeskDGS)
	p.until("who acts is shown", `document.querySelector("[data-step=visa-1]").innerText.includes("Philippe Rousseau")`)
	p.click("[data-key=ajouter-signature]")
	p.until("the signature is there", steps+` === "visa-1,signature-1"`)
	p.until("what is missing is said", `document.querySelector("[data-finding=bloquant]").innerText.includes("Signature")`)
	p.choosing("#actor-1", demo.DeskMayor)
	p.until("nothing blocks", `!document.querySelector("[data-finding=bloquant]")`)
	p.click("[data-key='ajouter-avis']")
	p.until("the opinion comes last", steps+` === "visa-1,signature-1,avis-1"`)
	p.choosing("#actor-1", "Cabinet")
	p.until("the desk is kept", `document.querySelector("[data-step=avis-1]").innerText.includes("Nadia Ferreira")`)
	p.drag("[data-step=avis-1] [data-grip]", "[data-step=signature-1]")
	p.until("it was dragged above the signature", steps+` === "visa-1,avis-1,signature-1"`)

	p.click("[name=when][value=si]")
	p.until("the condition is to be completed", `document.querySelector("[data-refused]").innerText.includes("compléter")`)
	p.choosing("#c-field-1", "Nombre d’annexes")
	p.click("#c-value-1")
	p.write("0")
	p.click("#days")
	p.until("the condition is drawn", `document.querySelector("[data-step=avis-1]").innerText.replace(/\s/g, " ").includes("Si Nombre d’annexes dépasse 0")`)
	p.write("2")
	p.click("#title")
	p.until("the delay is drawn", `document.querySelector("[data-step=avis-1]").innerText.replace(/\s/g, " ").includes("2 jours ouvrés")`)
	p.accessible("a whole circuit")
	p.eval("scrollTo(0, 0)")
	p.shoot("circuit-dessine")
	p.eval(`document.querySelector("#reglages").scrollIntoView()`)
	p.shoot("circuit-reglages")

	for _, c := range []struct{ annexes, name, says string }{
		{"1", "Avec annexe", "Car : Nombre d’annexes dépasse 0"}, {"0", "Sans annexe", "Passée : Nombre d’annexes dépasse 0, ce n’est pas le cas."},
	} {
		p.fill("#v-annexes", c.annexes)
		p.click("[data-key=essayer]")
		p.until("the path is told", `document.querySelector("[data-result=fini]")?.innerText.replace(/\s/g, " ").includes(`+quote(c.says)+`)`)
		p.eval(`document.querySelector("[data-result]").scrollIntoView()`)
		p.shoot("circuit-essai-" + c.annexes)
		p.fill("#t-name", c.name)
		p.click("[data-key=garder]")
		p.until("the case is kept", `document.querySelector("[data-case='`+c.name+`']")`)
	}
	p.until("every branch is covered", `document.querySelector("#cas").innerText.replace(/\s/g, " ").includes("3 sur 3 étapes")`)
	p.click("[data-go=to-publish]")
	p.until("it is confirmed", `location.pathname.endsWith("/publier") && document.querySelector("[data-go=publish]")`)
	p.accessible("the confirmation")
	p.click("[name=types][value=courrier-simple]")
	p.shoot("circuit-publier")
	p.click("[data-go=publish]")
	p.until("it is published", `document.body.innerText.includes("C’est publié")`)
	p.accessible("a published circuit")
	p.shoot("circuit-publie")
	travels(t, at, manager, mayor, drafter)
}

// TestCircuitDrawnWithTheKeyboardInBrowser is the same with nothing but keys.
func TestCircuitDrawnWithTheKeyboardInBrowser(t *testing.T) {
	at, p, manager, mayor, drafter := drawingHall(t)
	p.open("/administration/circuits")
	p.tabTo("#name")
	p.write("Lettre simple")
	p.enter()
	p.until("the drawing opens", `location.pathname === "/administration/circuits/lettre-simple"`)
	p.tabTo("[data-key=ajouter-visa]")
	p.enter()
	p.until("the step has a panel", `document.activeElement.id === "title"`)
	p.write("Visa de la direction générale")
	p.tabTo("#actor-1")
	p.write("Dir")
	p.until("who acts is shown", `document.querySelector("[data-step=visa-1]").innerText.includes("Philippe Rousseau")`)
	p.until("the focus stayed", `document.activeElement.id === "actor-1"`)
	p.tabTo("[data-key=ajouter-signature]", true)
	p.enter()
	p.until("the signature is there", steps+` === "visa-1,signature-1" && document.activeElement.id === "title"`)
	p.tabTo("#actor-1")
	p.write("Mai")
	p.until("nothing blocks", `!document.querySelector("[data-finding=bloquant]")`)
	p.tabTo("[data-key=ajouter-avis]", true)
	p.enter()
	p.until("the opinion comes last", steps+` === "visa-1,signature-1,avis-1" && document.activeElement.id === "title"`)
	p.tabTo("#actor-1")
	p.write("Cab")
	p.until("the desk is kept", `document.querySelector("[data-step=avis-1]").innerText.includes("Nadia Ferreira")`)
	p.tabTo(`[data-key="monter avis-1"]`, true)
	p.enter()
	p.until("it went up", steps+` === "visa-1,avis-1,signature-1"`)
	p.until("the focus went with it", `document.activeElement.dataset.key === "monter avis-1"`)
	p.until("it is said aloud", `document.querySelector("[data-said]").innerText.includes("étape 2 sur 3")`)

	p.tabTo("[name=when]:checked")
	p.key("ArrowDown", "", 40, 0)
	p.until("the condition is to be completed", `document.querySelector("[data-refused]").innerText.includes("compléter")`)
	p.tabTo("#c-field-1")
	p.write("Nombre d’a")
	p.tabTo("#c-value-1")
	p.write("0")
	p.key("Tab", "", 9, 0)
	p.until("the condition is drawn", `document.querySelector("[data-step=avis-1]").innerText.replace(/\s/g, " ").includes("Si Nombre d’annexes dépasse 0")`)
	p.accessible("a circuit drawn by keys")
	p.shoot("circuit-clavier")

	p.tabTo("[data-key=essayer]")
	p.enter()
	p.until("the path is told", `document.querySelector("[data-result=fini]")?.innerText.includes("ce n’est pas le cas")`)
	p.until("the focus stayed", `document.activeElement.dataset.key === "essayer"`)
	p.tabTo("#t-name")
	p.write("Sans annexe")
	p.tabTo("[data-key=garder]")
	p.enter()
	p.until("the case is kept", `document.querySelector("[data-case='Sans annexe']")`)
	p.tabTo("[data-go=to-publish]")
	p.enter()
	p.until("it is confirmed", `location.pathname.endsWith("/publier") && document.querySelector("[data-go=publish]")`)
	p.tabTo("[name=types][value=courrier-simple]")
	p.key(" ", " ", 32, 0)
	p.tabTo("[data-go=publish]")
	p.enter()
	p.until("it is published", `document.body.innerText.includes("C’est publié")`)

	// The letter travels it by keys too: only the file is handed to the
	// browser, whose own window no page sees.
	drafter.open("/deposer")
	drafter.choose("#document", sampleLetter(t))
	drafter.until("the file was looked at", `document.querySelector("#title").value !== ""`)
	drafter.tabTo("#recipient")
	drafter.write("M. et Mme Lefèvre")
	drafter.tabTo("input[name=type]")
	drafter.key(" ", " ", 32, 0)
	drafter.accessible("a deposit by keys")
	drafter.tabTo("[data-go=start]")
	drafter.enter()
	drafter.until("the letter opens", `location.pathname.startsWith("/dossiers/")`)
	path := drafter.eval("location.pathname")
	manager.byKeys(path, "visa")
	mayor.byKeys(path, "sign")
	arrived(t, at, path)
}

// byKeys opens the sheet of a decision and makes its gesture with Tab and
// Enter alone.
func (p *person) byKeys(path, verb string) {
	p.t.Helper()
	p.open(path)
	p.tabTo("[data-verb=" + verb + "]")
	p.enter()
	p.until("the sheet", `document.querySelector("#sheet[open] [data-state=ready]")`)
	p.tabTo("#sheet [data-go=" + verb + "]")
	p.enter()
	p.until("decided", `!document.querySelector("#sheet [data-state=done]").hidden`)
}
