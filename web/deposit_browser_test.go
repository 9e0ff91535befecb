package web_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"

	"parapheur/internal/browsertest"
	"parapheur/internal/demo"
	"parapheur/internal/pdftest"
	"parapheur/internal/towntest"
)

// active is a letter with a script behind a link of its first page.
func active(action string) []byte {
	return pdftest.File("<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>",
		"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Annots[4 0 R]>>",
		pdftest.Object("<</Type/Annot/Subtype/Link/Rect[9 9 99 99]/A "+action+">>"))
}

// TestDepositInBrowser deposits letters that carry more than paper, with
// annexes and a stamp, as a drafter does on a laptop and on a phone.
func TestDepositInBrowser(t *testing.T) {
	at := newTown(t)
	browser := browsertest.Open(t)
	dir := t.TempDir()
	file := func(name string, pdf []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pdf, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	scripted, launching := file("formulaire.pdf", active("<</S/JavaScript/JS(app.alert\\(1\\))>>")), file("affiche.pdf", active("<</S/Launch/F(calc.exe)>>"))
	plan, untidy := file("plan du chantier.pdf", towntest.Sample(t, "annexe-plan-du-chantier.pdf")), file("devis.pdf", append(towntest.Sample(t, "annexe-plan-du-chantier.pdf"), make([]byte, 300)...))
	p := at.person(t, browser, 1440, 900)
	p.enrol(demo.Drafter)
	for _, size := range []struct {
		name          string
		width, height int64
	}{{"bureau", 1440, 900}, {"telephone", 390, 844}} {
		if _, err := chromedp.Run(p.ctx, chromedp.EmulateViewport(size.width, size.height)); err != nil {
			t.Fatal(err)
		}
		p.open("/deposer")
		p.shoot("depot-vide-" + size.name)
		p.choose("#document", launching)
		p.until("the refusal is told before sending", `document.querySelector("#document-e:not([hidden])")?.textContent.includes("programme")`)
		p.shoot("depot-refus-" + size.name)
		p.choose("#document", scripted)
		p.until("the script is told before sending", `document.querySelector("[data-checked=document] .warn")?.textContent.includes("JavaScript")`)
		p.until("the refusal is gone", `document.querySelector("#document-e").hidden`)
		p.choose("#annexes", plan, untidy)
		p.until("both annexes are checked", `document.querySelectorAll("[data-annexes] .notices").length === 2`)
		p.eval(`document.querySelector("[data-annexes] input").click()`)
		p.until("the subject follows the file", `document.querySelector("#title").value === "formulaire"`)
		p.eval(`document.querySelector("[data-stamp] summary").click()`)
		p.fill("#stamp", "Chrono 2026-0123")
		p.eval(`document.querySelector("[name=stamp_town]").click()`)
		p.eval(`document.querySelector("[name=stamp_date]").click()`)
		p.eval(`document.querySelector("[data-where] summary").click()`)
		p.until("the page is asked for only when chosen", `document.querySelector("#where_page").offsetParent === null`)
		p.eval(`document.querySelector("[name=where][value=page]").click()`)
		p.fill("#where_page", "1")
		p.eval(`document.querySelector("#where_at").value = "haut-gauche"`)
		p.eval(`document.querySelector("[data-where]").scrollIntoView()`)
		p.shoot("depot-place-" + size.name)
		p.accessible("the deposit page with everything on it")
		p.shoot("depot-complet-" + size.name)
		p.eval(`document.querySelector("#annexes").closest("section").scrollIntoView()`)
		p.shoot("depot-annexes-" + size.name)
		p.fill("#recipient", "M. et Mme Lefèvre")
		p.tap("input[name=type]")
		p.tap("[data-go=start]")
		p.until("the letter opens", `location.pathname.startsWith("/dossiers/")`)
		p.until("what was noted is there", `document.querySelectorAll("[data-notices] li").length === 4`)
		p.shoot("depot-fait-" + size.name)
		p.accessible("the letter with what its deposit noted")
	}
}
