package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"parapheur/internal/browsertest"
)

// A journey is one run of the demonstration with those who take part.
type journey struct {
	*program
	out  string // PARAPHEUR_E2E_OUT
	axe  string
	shot int
}

func setOut(t *testing.T) *journey {
	t.Helper()
	axe, err := os.ReadFile("../web/testdata/axe.min.js")
	if err != nil {
		t.Fatal(err)
	}
	j := &journey{axe: string(axe), out: os.Getenv("PARAPHEUR_E2E_OUT")}
	if j.out != "" {
		if err := os.MkdirAll(j.out, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	j.program = startDemo(t)
	return j
}

const title = "Réfection du trottoir, rue des Mariniers"

// A letter is deposited by the drafter, sent back once by the DGS, corrected,
// visaed, signed by the Mayor on a phone, and comes back signed to the drafter
// and to the GEC with its evidence.
func TestJourney(t *testing.T) {
	j := setOut(t)
	browser := browsertest.Open(t)
	began := time.Now()

	drafter := arrive(t, browser, j, "rédactrice", 1440, 900)
	j.enrol(drafter, "Rédactrice", "enrolement-redactrice")
	letter := j.deposit(drafter)

	dgs := arrive(t, browser, j, "DGS", 1440, 900)
	j.enrol(dgs, "Directeur général", "")
	j.signInAgain(dgs)
	j.openFromTray(dgs, letter, "a-traiter-dgs", "lettre-dgs")
	j.refuse(dgs, "Ajoutez la date de fin du chantier.")

	j.correct(drafter, letter)

	dgs.open(letter)
	j.visa(dgs)

	drafter.open(letter)
	drafter.sees("the circuit at the Mayor's desk", `document.querySelector("#circuit .now").innerText.includes("Maire")`)

	mayor := arrive(t, browser, j, "Maire", 390, 844)
	j.enrol(mayor, "Maire", "enrolement-maire-telephone")
	j.openFromTray(mayor, letter, "a-traiter-maire-telephone", "lettre-maire-telephone")
	j.sign(mayor)

	took := drafter.sees("the signature, without a reload", `document.querySelector("[data-signed]") !== null`)
	t.Logf("the drafter's page shows the signature %v after the Mayor's", took.Round(time.Millisecond))
	drafter.accessible("lettre-signee-redactrice")
	j.visitOthers(t, browser, drafter, mayor)
	j.collect(t, drafter, letter)
	t.Logf("the journey took %v", time.Since(began).Round(time.Second))
}

func (j *journey) enrol(p *somebody, role, picture string) {
	p.t.Helper()
	link, ok := j.links[role]
	if !ok {
		p.t.Fatalf("the welcome has no link for %s: %v", role, j.links)
	}
	p.open(link)
	p.sees("the invitation", `document.querySelector("[data-enrol]") !== null`)
	if picture != "" {
		p.accessible(picture)
	}
	p.write("#libelle", "Mon appareil")
	p.click(`[data-go="enrol"]`)
	p.stage("done")
	p.click("[data-enrolled]")
	p.sees("the bins", `document.querySelector("#bins") !== null`)
}

// signInAgain leaves and comes back with the passkey. Presence is withheld
// until the button: the page offers the passkey by itself, and a software
// authenticator would accept at once.
func (j *journey) signInAgain(p *somebody) {
	p.t.Helper()
	p.present(false)
	p.click(`[data-nav="quitter"]`)
	p.sees("the door", `document.querySelector("[data-signin]") !== null`)
	p.accessible("connexion")
	p.click(`[data-go="signin"]`)
	p.present(true)
	p.sees("the bins", `document.querySelector("#bins") !== null`)
}

func (j *journey) deposit(p *somebody) (letter string) {
	p.t.Helper()
	p.click(`[data-nav="deposer"]`)
	p.sees("the form", `document.querySelector("#depot") !== null`)
	p.choose("#document", filepath.Join(j.sample, "lettre-rue-des-mariniers.pdf"))
	p.choose("#annexes", filepath.Join(j.sample, "annexe-plan-du-chantier.pdf"))
	p.write("#title", title)
	p.write("#recipient", "M. et Mme Lefèvre")
	p.click(`input[value="courrier-simple"]`)
	p.sees("who will act", `[...document.querySelectorAll('[data-for="courrier-simple"]')].some((e) => e.offsetParent && e.innerText.includes("Philippe Rousseau") && e.innerText.includes("Hélène Garnier"))`)
	p.accessible("depot")
	p.click(`[data-go="start"]`)
	p.sees("the letter in its circuit", `document.querySelector("main[data-dossier]") !== null && document.querySelector("#entete")?.dataset.phase === "running"`)
	p.accessible("lettre-deposee")
	return evaluate[string](p, `location.href`)
}

// openFromTray finds the letter under « À traiter » and reads it.
func (j *journey) openFromTray(p *somebody, letter, tray, page string) {
	p.t.Helper()
	p.open(j.origin + "/bannettes")
	p.sees("the letter in the tray", fmt.Sprintf(`document.querySelector("#lettres").innerText.includes(%q)`, title))
	p.accessible(tray)
	p.click("[data-open]")
	took := p.sees("the first page", `(() => { const i = document.querySelector("[data-leaf] img"); return i && i.complete && i.naturalWidth > 300; })()`)
	p.t.Logf("%s: first page image after %v", p.name, took.Round(time.Millisecond))
	if got := evaluate[string](p, `location.href`); !strings.HasPrefix(got, letter) {
		p.t.Fatalf("%s opened %s, not %s", p.name, got, letter)
	}
	p.accessible(page)
}

func (j *journey) refuse(p *somebody, reason string) {
	p.t.Helper()
	p.click(`[data-verb="refuse"]`)
	p.click(`[data-go="refuse"]`)
	p.sees("the motive is asked for", `document.querySelector("#motif-e").offsetParent !== null`)
	p.write("#motif", reason)
	p.accessible("refus")
	p.click(`[data-go="refuse"]`)
	p.stage("done")
	p.accessible("refus-enregistre")
}

// correct deposits a new version after the refusal.
func (j *journey) correct(p *somebody, letter string) {
	p.t.Helper()
	p.open(j.origin + "/bannettes?bannette=rejetes")
	p.sees("the motive", `document.querySelector("#lettres").innerText.includes("date de fin du chantier")`)
	p.accessible("rejetes")
	p.open(letter)
	p.click(`[data-verb="correct"]`)
	p.sees("the form", `document.querySelector("input[type=file]") !== null`)
	p.choose("input[type=file]", filepath.Join(j.sample, "lettre-rue-des-mariniers-corrigee.pdf"))
	p.accessible("correction")
	p.click(`[data-go="correct"]`)
	p.sees("the circuit restarted", `document.querySelector("#entete")?.dataset.phase === "running" && document.querySelector("#journal").innerText.includes("ersion")`)
}

func (j *journey) visa(p *somebody) {
	p.t.Helper()
	p.click(`[data-verb="visa"]`)
	p.click(`[data-go="visa"]`)
	p.stage("done")
	p.accessible("visa-donne")
}

// sign is three taps and a gesture: open, « Signer », « Signer avec ma clé ».
func (j *journey) sign(p *somebody) {
	p.t.Helper()
	p.click(`[data-verb="sign"]`)
	p.sees("the panel", `document.querySelector('[data-go="sign"]')?.offsetParent !== null`)
	p.accessible("signature-telephone")
	p.click(`[data-go="sign"]`)
	p.stage("done")
	decided := time.Now()
	p.sees("the letter is signed", `document.querySelector("[data-done]").textContent.includes("Lettre signée")`)
	p.click("[data-see]")
	p.sees("the signed letter", `document.querySelector("[data-signed]") !== null`)
	p.t.Logf("the signed letter shows %v after the decision", time.Since(decided).Round(time.Millisecond))
	p.accessible("lettre-signee-telephone")
}

// visitOthers looks at the pages that the journey does not need.
func (j *journey) visitOthers(t *testing.T, browser context.Context, drafter, mayor *somebody) {
	t.Helper()
	mayor.open(j.origin + "/mes-cles")
	mayor.accessible("mes-cles-telephone")
	drafter.open(j.origin + "/bannettes?bannette=en-fin-de-circuit")
	drafter.sees("the signed letter", fmt.Sprintf(`document.querySelector("#lettres").innerText.includes(%q)`, title))
	drafter.accessible("en-fin-de-circuit")
	administrator := arrive(t, browser, j, "administrateur", 1440, 900)
	j.enrol(administrator, "Administrateur", "")
	for _, page := range []string{"", "/bureaux", "/circuits", "/applications", "/journal"} {
		administrator.open(j.origin + "/administration" + page)
		administrator.accessible("administration" + strings.ReplaceAll(page, "/", "-"))
	}
	drafter.open(j.origin + "/accessibilite")
	drafter.accessible("accessibilite")
}
