package web_test

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"parapheur/dossiers"
	"parapheur/internal/browsertest"
	"parapheur/internal/demo"
	"parapheur/internal/wiring"
	"parapheur/web"
)

// centreOf serves a hosting centre beside a town, on a port of its own.
func centreOf(t *testing.T, at *town) (*wiring.Host, string) {
	t.Helper()
	srv := httptest.NewUnstartedServer(nil)
	_, port, _ := strings.Cut(srv.Listener.Addr().String(), ":")
	origin := "http://centre.localhost:" + port
	h, err := wiring.OpenHost(t.Context(), wiring.HostConfig{DatabaseURL: at.dsn, Origin: origin, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	srv.Config.Handler = web.NewHost(web.HostOptions{Centre: h.Centre, Log: slog.New(slog.DiscardHandler), Version: "essai"})
	srv.Start()
	t.Cleanup(func() { srv.CloseClientConnections(); srv.Close(); h.Close() })
	return h, origin
}

// TestCentreInBrowser creates a town from the page of the centre, whose
// administrator then enrols; somebody of another town says that they are that
// administrator too, goes from one to the other, and the centre suspends it.
func TestCentreInBrowser(t *testing.T) {
	at := newTown(t)
	h, origin := centreOf(t, at)
	browser := browsertest.Open(t)
	p := at.person(t, browser, 1440, 900)
	link, _, err := h.Centre.Invite(t.Context(), "Zoé Lambert", "zoe@centre.example")
	if err != nil {
		t.Fatal(err)
	}
	goTo := func(address string) {
		t.Helper()
		if err := chromedp.Do(p.ctx, chromedp.Navigate(address)); err != nil {
			t.Fatal(err)
		}
	}
	goTo(link)
	p.tap("[data-go=enrol]")
	p.until("enrolled at the centre", `!document.querySelector("[data-state=done]").hidden`)
	p.tap("[data-enrolled]")
	p.until("the list", `document.querySelector("[data-town-card='`+at.tenant.SIRET+`']") !== null`)
	neuve := strings.Replace(at.origin, "localhost", "neuve.localhost", 1)
	invitation := p.createsTown(neuve, goTo, origin)

	// Its administrator opens the link, on the same device.
	goTo(invitation)
	p.tap("[data-go=enrol]")
	p.until("enrolled in the town", `!document.querySelector("[data-state=done]").hidden`)
	p.enrol(demo.Administrator) // who is also somebody in the demonstration's town
	p.serveBoth(neuve)

	goTo(origin + "/")
	p.until("no link to make again", `document.querySelector("[data-town-card='21490888800008']") !== null && document.querySelector("[data-town-card='21490888800008'] [data-go=reinvite]") === null`)
	p.eval(`document.querySelector("[data-town-card='21490888800008'] details").open = true`)
	p.tap("[data-town-card='21490888800008'] [data-go=suspend]")
	p.until("a reason is asked", `document.querySelector("#reason-21490888800008[aria-invalid=true]") !== null`)
	p.accessible("the refusal of a suspension")
	p.fill("#reason-21490888800008", "Convention échue")
	p.tap("[data-town-card='21490888800008'] [data-go=suspend]")
	p.until("suspended", `location.search === "?dit=suspendue" && document.querySelector("[data-go=resume]") !== null`)
	p.shoot("centre-suspendue")
	goTo(neuve + "/bannettes")
	p.until("nobody enters", `document.body.innerText.includes("Ce parapheur est suspendu")`)
	p.accessible("a suspended town")
	p.shoot("collectivite-suspendue")
	goTo(origin + "/")
	p.tap("[data-go=resume]")
	p.until("resumed", `location.search === "?dit=reprise"`)
	goTo(origin + "/journal")
	p.until("the journal", `document.querySelectorAll("[data-seq]").length === 7 && document.querySelector("[data-seq='4']").innerText.includes("d’un geste, vérifié")`)
	p.accessible("the journal of the centre")
	p.shoot("centre-journal")
}

// createsTown fills the form of the centre, wrong then right, and returns the
// link that it shows once.
func (p *person) createsTown(neuve string, goTo func(string), origin string) string {
	p.t.Helper()
	p.tap("[data-go=new-town]")
	p.until("the form", `document.querySelector("#siret") !== null`)
	for field, value := range map[string]string{
		"name": "Ville Neuve", "place": "Ville Neuve", "siret": "21490888800007", "origin": neuve, "given_name": "Anne", "family_name": "Petit", "email": "anne@neuve.example",
	} {
		p.fill("#"+field, value)
	}
	p.tap("[data-go=create]")
	p.until("what is wrong is at its field", `document.querySelector("#siret[aria-invalid=true]") === document.activeElement && document.querySelector("#siret-e").innerText.includes("SIRET valable") && document.querySelector("#name").value === "Ville Neuve"`)
	p.accessible("a form refused")
	p.shoot("centre-nouvelle-erreur")
	p.fill("#siret", "21490888800008")
	p.tap("[data-go=create]")
	p.until("the link", `document.querySelector("[data-link]").value.startsWith("`+neuve+`/enrolement/")`)
	p.accessible("the link shown once")
	p.shoot("centre-lien")
	first := p.eval(`document.querySelector("[data-link]").value`)
	goTo(origin + "/")
	p.until("it waits", `document.querySelector("[data-town-card='21490888800008']").innerText.includes("Attend son administrateur")`)
	p.shoot("centre-liste")
	p.eval(`document.querySelector("[data-town-card='21490888800008'] details").open = true`)
	p.tap("[data-go=reinvite]")
	p.until("another link", `document.querySelector("[data-town-card='21490888800008'] [data-link]").value.startsWith("`+neuve+`/enrolement/")`)
	second := p.eval(`document.querySelector("[data-town-card='21490888800008'] [data-link]").value`)
	if first == second {
		p.t.Error("the same link twice")
	}
	return second
}

// serveBoth links the two accounts of the person, with a gesture in each town,
// and goes from one to the other by the header.
func (p *person) serveBoth(neuve string) {
	p.t.Helper()
	p.open("/mes-cles")
	p.tap("[data-go=elsewhere]")
	p.until("the page", `document.querySelector("#origin") !== null`)
	p.fill("#origin", "https://inconnue.example")
	p.tap("[data-go=link]")
	p.until("no such town", `document.querySelector("#origin-e").innerText.includes("Aucune collectivité")`)
	p.accessible("a link refused")
	p.fill("#origin", neuve)
	p.tap("[data-go=link]")
	p.until("the other town asks", `location.origin === "`+neuve+`" && document.body.innerText.includes("Anne Petit")`)
	p.accessible("the offer")
	p.shoot("relier")
	p.tap("[data-go=answer]")
	p.until("back, linked", `location.origin === "`+p.at.origin+`" && location.search === "?dit=reliee" && document.querySelector("[data-side]") !== null`)
	p.accessible("linked")
	p.shoot("mes-collectivites")
	p.open("/bannettes")
	p.eval(`document.querySelector("[data-nav=collectivites]").click()`)
	p.until("the switch is open", `document.querySelector("a[data-door]").offsetParent !== null`)
	p.accessible("the switch")
	p.shoot("changer")
	if _, err := chromedp.Run(p.ctx, chromedp.EmulateViewport(390, 844)); err != nil {
		p.t.Fatal(err)
	}
	p.eval(`document.querySelector("[data-menu]").click()`)
	p.shoot("changer-telephone")
	if _, err := chromedp.Run(p.ctx, chromedp.EmulateViewport(1440, 900)); err != nil {
		p.t.Fatal(err)
	}
	p.tap("a[data-door]")
	p.until("in the other town", `location.origin === "`+neuve+`" && document.querySelector("h1") !== null`)
}

// TestCentreDoors holds each surface to its own: nobody of a town has the
// pages of the centre, and no form of elsewhere does.
func TestCentreDoors(t *testing.T) {
	t.Parallel()
	at := newTown(t)
	h, origin := centreOf(t, at)
	u, err := url.Parse(origin)
	if err != nil {
		t.Fatal(err)
	}
	if !h.Centre.Serves(u.Host) || h.Centre.Serves(at.host) {
		t.Error("the centre serves the wrong host")
	}
	if _, err := at.system.Office.Tenant(t.Context(), u.Host); !errors.Is(err, dossiers.ErrNotFound) {
		t.Errorf("the centre as a town: %v", err)
	}
	pages := web.NewHost(web.HostOptions{Centre: h.Centre, Log: slog.New(slog.DiscardHandler)})
	ask := func(method, path string, header map[string]string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, path, strings.NewReader("{}"))
		r.Host = u.Host
		for k, v := range header {
			r.Header.Set(k, v)
		}
		w := httptest.NewRecorder()
		pages.ServeHTTP(w, r)
		return w
	}
	fromHere := map[string]string{"Origin": origin, "Content-Type": "application/json"}
	for _, c := range []struct {
		what, method, path string
		header             map[string]string
		want               int
	}{
		{"the list, to a stranger", "GET", "/", nil, 303},
		{"the form, to a stranger", "GET", "/collectivites/nouvelle", nil, 303},
		{"the journal, to a stranger", "GET", "/journal/export", nil, 303},
		{"no such page", "GET", "/bannettes", nil, 404},
		{"the door", "GET", "/connexion", nil, 200},
		{"no such link", "GET", "/enrolement/x", nil, 410},
		{"a creation, by a stranger", "POST", "/ceremonies/creation/debut", fromHere, 401},
		{"a suspension, by a stranger", "POST", "/ceremonies/suspension/fin", fromHere, 401},
		{"a sign-in from elsewhere", "POST", "/ceremonies/connexion/debut", map[string]string{"Origin": at.origin, "Content-Type": "application/json"}, 403},
		{"a form of elsewhere", "POST", "/quitter", map[string]string{"Origin": at.origin}, 403},
		{"a file", "GET", "/robots.txt", nil, 200},
	} {
		if w := ask(c.method, c.path, c.header); w.Code != c.want {
			t.Errorf("%s: %d, want %d: %.200s", c.what, w.Code, c.want, w.Body)
		}
	}
	// What a town has under the same address is not the centre's.
	r := httptest.NewRequest(http.MethodGet, "/collectivites/nouvelle", nil)
	r.Host = at.host
	w := httptest.NewRecorder()
	if at.handler.ServeHTTP(w, r); w.Code != http.StatusNotFound {
		t.Errorf("the page of the centre in a town: %d", w.Code)
	}
}
