package web_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/towntest"
	"parapheur/internal/wiring"
	"parapheur/web"
)

// A paneled town has a letter deposited by its GEC, and a clock that moves.
type paneled struct {
	*towntest.Town
	handler http.Handler
	grant   dossiers.Grant
	letter  dossiers.Dossier
	ahead   time.Duration
}

func newPaneled(t *testing.T) *paneled {
	t.Helper()
	x := &paneled{}
	x.Town = towntest.New(t, func(c *wiring.Config) { c.Now = func() time.Time { return time.Now().Add(x.ahead) } })
	x.handler = web.New(web.Options{Office: x.Office, Live: x.Hub, Log: x.Config.Log})
	x.Person(t, demo.DGS) // who can then act
	x.letter = x.Deposit(t)
	x.frames(t, "https://gec.mairie.example", "http://gec.lan:8000")
	v, scopes, err := x.Office.Authenticate(t.Context(), x.Tenant, x.Founded.APIKeys[demo.GEC])
	if err != nil {
		t.Fatal(err)
	}
	id, _, _ := strings.Cut(strings.TrimPrefix(x.Founded.APIKeys[demo.GEC], "pk_"), "_")
	v.All = true
	x.grant = dossiers.Grant{Viewer: v, Credential: id, Scopes: scopes}
	return x
}

// frames says where the panels of the GEC may be shown.
func (x *paneled) frames(t *testing.T, origins ...string) {
	t.Helper()
	admin := x.Person(t, demo.Administrator).Viewer(t)
	apps, err := x.Office.Applications(t.Context(), admin)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range apps {
		if a.Name == demo.GEC {
			err = x.Office.SetApplication(t.Context(), admin, a.ID, dossiers.Reach{Frames: origins})
			x.grant.Application = &a
			a.Frames = origins
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (x *paneled) token(t *testing.T, origins ...string) string {
	t.Helper()
	token, _, err := x.Office.PanelToken(t.Context(), x.grant, x.letter.ID, origins, 10*time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func (x *paneled) get(token, host string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/panneau/"+token, nil)
	r.Host = host
	w := httptest.NewRecorder()
	x.handler.ServeHTTP(w, r)
	return w
}

const here = "localhost:8080"

// TestPanel shows a letter inside the pages of the origins that were named,
// with nothing to do but to go to the parapheur.
func TestPanel(t *testing.T) {
	t.Parallel()
	x := newPaneled(t)
	w := x.get(x.token(t, "https://gec.mairie.example", "http://gec.lan:8000"), here)
	body := w.Body.String()
	if w.Code != http.StatusOK {
		t.Fatalf("%d: %s", w.Code, body)
	}
	for _, says := range []string{"Réfection du trottoir, rue des Mariniers", "Le chemin de la lettre", "Attend ", x.Tenant.Origin + "/dossiers/" + string(x.letter.ID), `target="_blank"`} {
		if !strings.Contains(body, says) {
			t.Errorf("without %q: %s", says, body)
		}
	}
	for _, never := range []string{"<form", "data-verb", "/signer", "/viser", "/refuser", "csrf-"} {
		if strings.Contains(body, never) {
			t.Errorf("with %q", never)
		}
	}
	h := w.Header()
	if got := h.Get("Content-Security-Policy"); !strings.HasSuffix(got, "; frame-ancestors https://gec.mairie.example http://gec.lan:8000") || !strings.HasPrefix(got, "default-src 'none'; script-src 'self'") {
		t.Errorf("policy %q", got)
	}
	if h.Get("X-Frame-Options") != "" || h.Get("Referrer-Policy") != "no-referrer" || !strings.HasPrefix(h.Get("Permissions-Policy"), "publickey-credentials-get=(), ") || h.Get("Set-Cookie") != "" {
		t.Errorf("headers %v", h)
	}
	if h := x.get(x.token(t), here).Header(); !strings.HasSuffix(h.Get("Content-Security-Policy"), "frame-ancestors https://gec.mairie.example http://gec.lan:8000") {
		t.Errorf("not every page of the application may hold it: %v", h)
	}
	token := x.token(t, "https://gec.mairie.example")
	x.frames(t, "http://gec.lan:8000") // from then on, for what was asked before too
	if h := x.get(token, here).Header(); !strings.HasSuffix(h.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
		t.Errorf("an origin that was taken away may still hold it: %v", h)
	}
	// Where nothing was allowed it is a link: no page may hold it.
	x.frames(t)
	if h := x.get(x.token(t), here).Header(); !strings.HasSuffix(h.Get("Content-Security-Policy"), "frame-ancestors 'none'") || h.Get("X-Frame-Options") != "DENY" {
		t.Errorf("a link may be framed: %v", h)
	}
}

// TestPanelEnds opens what shows nothing, or not any more.
func TestPanelEnds(t *testing.T) {
	t.Parallel()
	x := newPaneled(t)
	other := x.Neighbour(t)
	token := x.token(t, "https://gec.mairie.example")
	altered := []byte(token)
	altered[len(altered)/2] ^= 1
	for name, one := range map[string]struct{ token, host string }{
		"altered": {string(altered), here}, "cut": {token[:40], here}, "made up": {"AAAA", here}, "too long": {strings.Repeat("A", 5000), here},
		"of another town": {token, strings.TrimPrefix(other.Tenant.Origin, "http://")},
	} {
		w := x.get(one.token, one.host)
		if w.Code != http.StatusGone || !strings.HasSuffix(w.Header().Get("Content-Security-Policy"), "frame-ancestors 'none'") || strings.Contains(w.Body.String(), "Mariniers") {
			t.Errorf("%s: %d, %s: %.200s", name, w.Code, w.Header().Get("Content-Security-Policy"), w.Body)
		}
	}
	expired := func(name string) {
		t.Helper()
		w := x.get(token, here)
		// The page that holds the frame is told, and still no other.
		if w.Code != http.StatusGone || !strings.HasSuffix(w.Header().Get("Content-Security-Policy"), "frame-ancestors https://gec.mairie.example") ||
			strings.Contains(w.Body.String(), "Mariniers") || !strings.Contains(w.Body.String(), "Ce panneau n’est plus valable") {
			t.Errorf("%s: %d, %s", name, w.Code, w.Body)
		}
	}
	if w := x.get(token, here); w.Code != http.StatusOK {
		t.Fatalf("%d", w.Code)
	}
	x.ahead = 10*time.Minute + time.Second
	expired("ten minutes later")
	x.ahead = 0
	if err := x.Office.RevokeAPIKey(t.Context(), x.Person(t, demo.Administrator).Viewer(t), x.grant.Credential); err != nil {
		t.Fatal(err)
	}
	expired("its key was revoked")
}

// TestPanelsAreAskedRightly refuses what could widen who may frame a page, or
// for how long, and letters that the application may not see.
func TestPanelsAreAskedRightly(t *testing.T) {
	t.Parallel()
	x := newPaneled(t)
	ask := func(g dossiers.Grant, life time.Duration, origins ...string) error {
		_, _, err := x.Office.PanelToken(t.Context(), g, x.letter.ID, origins, life)
		return err
	}
	if err := ask(x.grant, 0, "https://ailleurs.example"); !errors.Is(err, dossiers.ErrInvalid) {
		t.Errorf("a page that the administrator did not name may show it: %v", err)
	}
	admin := x.Person(t, demo.Administrator).Viewer(t)
	allow := func(origin string) error {
		return x.Office.SetApplication(t.Context(), admin, x.grant.Application.ID, dossiers.Reach{Frames: []string{origin}})
	}
	for _, good := range []string{"https://gec.mairie.example", "https://GEC.mairie.example:8443", "https://gec.mairie.example/", "http://localhost:3000", "http://10.1.2.3", "http://gec", "http://gec.local"} {
		if err := allow(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{
		"*", "https://*", "https://*.example", "http://gec.mairie.example", "https:", "https://", "https://.", "gec.mairie.example", "https://gec.example/chemin",
		"https://gec.example?x", "https://gec.example;script-src *", "https://gec.example 'unsafe-inline'", "https://a@gec.example", "data:text/html,x", "'self'", "null", "https://gec.example:", "",
	} {
		if ask(x.grant, 0, bad) == nil || allow(bad) == nil {
			t.Errorf("%q may frame", bad)
		}
	}
	if x.Office.SetApplication(t.Context(), admin, x.grant.Application.ID, dossiers.Reach{Frames: make([]string, 21)}) == nil || ask(x.grant, time.Hour+time.Second) == nil {
		t.Error("too many origins, or too long a life, are accepted")
	}
	narrow := x.grant
	narrow.All = false // this letter was deposited by a person
	if ask(narrow, 0) == nil {
		t.Error("a panel of a letter that the application may not see")
	}
}
