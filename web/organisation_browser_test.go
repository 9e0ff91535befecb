package web_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"parapheur/internal/browsertest"
	"parapheur/internal/demo"
)

// TestOrganisationInBrowser inscribes an arrêté with the mention beside it as
// it is typed, walks the tree of desks with the arrows, and plans an absence,
// as an administrator does on a laptop and on a phone.
func TestOrganisationInBrowser(t *testing.T) {
	at := newTown(t)
	browser := browsertest.Open(t)
	if _, err := demo.Furnish(t.Context(), at.system.Office, at.tenant); err != nil {
		t.Fatal(err)
	}
	p := at.person(t, browser, 1440, 900)
	p.enrol(demo.Administrator)
	for i, size := range []struct {
		name          string
		width, height int64
	}{{"bureau", 1440, 900}, {"telephone", 390, 844}} {
		if _, err := chromedp.Run(p.ctx, chromedp.EmulateViewport(size.width, size.height)); err != nil {
			t.Fatal(err)
		}
		p.inscribes(fmt.Sprintf("2026-1%d", i), size.name)
		p.walksTheTree(size.name)
		for _, page := range []string{"", "/types", "/types/subvention", "/delegations", "/absences", "/absences/nouveau", "/fermetures", "/fichier", "/journal"} {
			p.open("/administration" + page)
			p.until("the page stands", `document.querySelector("h1") !== null`)
			p.accessible("/administration" + page + " on " + size.name)
			p.shoot("organisation" + strings.ReplaceAll(page, "/", "-") + "-" + size.name)
		}
	}
}

// inscribes fills the form of an arrêté, and sees its mention before keeping it.
func (p *person) inscribes(number, size string) {
	p.t.Helper()
	p.open("/administration/delegations/nouveau")
	p.accessible("the form of an arrêté on " + size)
	p.fill("#f-number", number)
	p.eval(`document.querySelector("[name=basis][value='L2122-18']").click()`)
	p.eval(`(() => { const s = document.querySelector("#f-delegate"); s.value = [...s.options].find((o) => o.text.includes("Bonnet")).value; s.dispatchEvent(new Event("input", {bubbles: true})); })()`)
	p.fill("#f-delegate_quality", "Adjoint à la culture")
	p.until("the mention is told", `document.querySelector("[data-mention-text]").innerText.includes("Pour la Maire et par délégation, l’adjoint délégué")`)
	p.until("and what is missing", `document.querySelector("[data-mention-text]").innerText.includes("la publication")`)
	p.tap("[data-go=keep]")
	p.until("what is wrong is at its field", `document.querySelector("#f-signed[aria-invalid=true]") !== null && document.querySelector("#f-number").value === "`+number+`"`)
	p.shoot("delegation-erreur-" + size)
	for field, day := range map[string]string{"signed": "2026-11-02", "from": "2026-11-15"} {
		p.eval(`document.querySelector("#f-` + field + `").value = "` + day + `"`)
	}
	p.tap("[data-go=keep]")
	p.until("the list", `location.pathname === "/administration/delegations" && document.querySelector("[data-stage=incomplete]").innerText.includes("`+number+`")`)
	p.eval(`document.querySelector("#f-bureau").value = [...document.querySelector("#f-bureau").options].find((o) => o.text === "Maire").value`)
	p.tap("[data-go=simulate]")
	p.until("who may sign", `document.querySelector("[data-answer]")?.innerText.includes("Hélène Garnier") && document.querySelector("[data-answer] .refused").innerText.includes("Julien Bonnet")`)
	p.shoot("delegations-" + size)
	p.accessible("the answer of the simulator on " + size)
}

// walksTheTree goes from desk to desk with the keyboard alone, and opens one.
func (p *person) walksTheTree(size string) {
	p.t.Helper()
	p.open("/administration/bureaux")
	p.accessible("the tree on " + size)
	p.shoot("organigramme-" + size)
	at := func(name string) { p.until("on "+name, `document.activeElement.innerText === "`+name+`"`) }
	press := func(key string) {
		p.eval(`document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {key: "` + key + `", bubbles: true, cancelable: true}))`)
	}
	p.eval(`document.querySelector("[data-node]").focus()`)
	at("Maire")
	press("ArrowRight")
	at("Direction générale des services")
	press("ArrowDown")
	at("Affaires culturelles et sport")
	press("ArrowLeft")
	at("Direction générale des services")
	press("Home")
	at("Maire")
	press("End")
	press("ArrowUp")
	p.eval(`document.activeElement.click()`)
	p.until("a desk opens", `location.pathname.startsWith("/administration/bureaux/") && document.querySelector("#f-code") !== null`)
	p.eval(`document.querySelector("button[value='ajouter:holders']").click()`)
	p.until("one more line, where the focus is", `document.activeElement.name?.startsWith("holders-") && document.activeElement.name.endsWith("-person")`)
	p.accessible("the form of a desk on " + size)
	p.shoot("bureau-" + size)
}
