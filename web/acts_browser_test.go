package web_test

import (
	"testing"

	"github.com/chromedp/chromedp"

	"parapheur/circuits/delegation"
	"parapheur/dossiers"
	"parapheur/internal/browsertest"
	"parapheur/internal/demo"
)

// press follows the keyboard: it focuses what is named, as tabbing to it does,
// and hits a key.
func (p *person) press(selector, key string) {
	p.t.Helper()
	p.until("see "+selector, "document.querySelector("+quote(selector)+")?.offsetParent || document.querySelector("+quote(selector)+")?.closest('dialog[open]')")
	p.eval("(() => { const e = document.querySelector(" + quote(selector) + "); e.focus(); if (document.activeElement !== e) throw new Error('no focus'); })()")
	if err := chromedp.Do(p.ctx, chromedp.KeyEvent(key)); err != nil {
		p.t.Fatalf("press %s: %v", selector, err)
	}
}

const enter = "\r"

// gesture opens the page of a decision with the keyboard and decides.
func (p *person) gesture(path, verb string, before func()) {
	p.t.Helper()
	p.open(path)
	p.press("[data-verb="+verb+"]", enter)
	p.until("the sheet", `document.querySelector("#sheet[open] [data-state=ready]")`)
	if before != nil {
		before()
	}
	p.accessible("the sheet of " + verb)
	p.press("#sheet [data-go="+verb+"]", enter)
	p.until("decided", `!document.querySelector("#sheet [data-state=done]").hidden`)
}

// TestDelegateSignsInBrowser follows a letter through an opinion, a quorum of visas and
// the signature of the delegate of the mayor, with the keyboard.
func TestDelegateSignsInBrowser(t *testing.T) {
	s := newSet(t)
	s.delegates(t, demo.DGS, delegation.Scope{Types: []string{"marche"}})
	browser := browsertest.Open(t)
	finances, legal, manager := s.person(t, browser, 1440, 900), s.person(t, browser, 1440, 900), s.person(t, browser, 390, 844)
	finances.enrol(demo.Preparer)
	legal.enrol(demo.Administrator)
	manager.enrol(demo.DGS)
	path := s.client(t, demo.Drafter).sent(t, "marche", nil)

	finances.gesture(path, "advise", func() {
		finances.eval(`document.querySelector("#sheet [value=reserve]").click()`)
		finances.press("#sheet [data-go=advise]", enter)
		finances.until("a reserved opinion needs words", `!document.querySelector("#sheet #motif-e").hidden`)
		finances.fill("#sheet #motif", "Sous réserve du vote du budget.")
		finances.shoot("avis")
	})
	finances.gesture(path, "visa", nil)
	legal.open(path)
	legal.until("the quorum is drawn", `document.querySelectorAll("#circuit .turns li").length === 3`)
	legal.shoot("quorum")
	legal.accessible("a letter with a quorum")
	legal.gesture(path, "visa", nil)

	manager.open("/bannettes?bannette=en-delegation")
	manager.until("in the bin of delegations", `document.querySelector("[data-dossier]")?.innerText.includes("Pour Hélène Garnier")`)
	manager.shoot("en-delegation")
	manager.accessible("the bin of delegations")
	manager.open(path)
	manager.until("the banner", `document.querySelector("[data-banner=deleg]")?.innerText.includes("Vous agissez pour Hélène Garnier, Maire")`)
	manager.shoot("pour-la-maire")
	manager.accessible("a letter in somebody's place")
	manager.gesture(path, "sign", func() {
		manager.until("said on the sheet too", `document.querySelector("#sheet [data-deleg]").innerText.includes("par délégation")`)
		manager.shoot("signer-pour-la-maire")
	})
	manager.open(path)
	manager.until("told in the path", `document.querySelector("#circuit").innerText.includes("pour Hélène Garnier, Maire")`)
	manager.shoot("signee-pour-la-maire")

	d, err := s.system.Store.Dossier(t.Context(), s.tenant.ID, dossiers.ID(path[len("/dossiers/"):]))
	if err != nil {
		t.Fatal(err)
	}
	last := d.State.Decisions[len(d.State.Decisions)-1]
	if len(d.State.Decisions) != 4 || last.By.For == nil || last.By.For.Mention != "Pour le Maire et par délégation, le Directeur général des services" && last.By.For.Mention != "Pour la Maire et par délégation, le Directeur général des services" {
		t.Errorf("decided %+v", d.State.Decisions)
	}
}
