package web_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"parapheur/dossiers"
	"parapheur/internal/demo"
)

// A client is a browser without a screen: a session and the headers that a
// browser sends.
type client struct {
	at      *town
	token   string
	session dossiers.Session
}

// client opens a session for somebody of the town, as signing in does.
func (at *town) client(t *testing.T, email string) *client {
	t.Helper()
	c := &client{at: at, token: "jeton-" + email, session: dossiers.Session{ID: "session-" + email, CSRF: "csrf-" + email, Expires: time.Now().Add(time.Hour)}}
	for _, p := range at.founded.People {
		if p.Email == email {
			c.session.Person = p.ID
		}
	}
	if err := at.system.Store.OpenSession(t.Context(), at.tenant.ID, sha256.Sum256([]byte(c.token)), c.session); err != nil {
		t.Fatal(err)
	}
	return c
}

// A change alters a request before it leaves.
type change func(*http.Request)

func (c *client) do(method, path, kind string, body io.Reader, changes ...change) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, body)
	r.Host = c.at.host
	r.Header.Set("Accept", "text/html")
	if c.token != "" {
		r.AddCookie(&http.Cookie{Name: "parapheur", Value: c.token})
	}
	if method != http.MethodGet {
		r.Header.Set("Content-Type", kind)
		r.Header.Set("Origin", c.at.origin)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for _, f := range changes {
		f(r)
	}
	w := httptest.NewRecorder()
	c.at.handler.ServeHTTP(w, r)
	return w
}

func (c *client) get(path string, changes ...change) *httptest.ResponseRecorder {
	return c.do(http.MethodGet, path, "", nil, changes...)
}

func (c *client) post(path string, form url.Values, changes ...change) *httptest.ResponseRecorder {
	if form == nil {
		form = url.Values{}
	}
	if !form.Has("csrf") {
		form.Set("csrf", c.session.CSRF)
	}
	return c.do(http.MethodPost, path, "application/x-www-form-urlencoded", strings.NewReader(form.Encode()), changes...)
}

// deposit sends the multipart form as a browser without script does.
func (c *client) deposit(fields map[string]string, file []byte, changes ...change) *httptest.ResponseRecorder {
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	if fields["csrf"] == "" {
		fields["csrf"] = c.session.CSRF
	}
	_ = m.WriteField("csrf", fields["csrf"])
	if file != nil {
		w, _ := m.CreateFormFile("document", "lettre.pdf")
		_, _ = w.Write(file)
	}
	for k, v := range fields {
		if k != "csrf" {
			_ = m.WriteField(k, v)
		}
	}
	_ = m.Close()
	return c.do(http.MethodPost, "/deposer", m.FormDataContentType(), &b, changes...)
}

func readSample(t *testing.T) []byte {
	t.Helper()
	raw, err := demo.Samples().Open("lettre-rue-des-mariniers.pdf")
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close() //nolint:errcheck // read only
	b, err := io.ReadAll(raw)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestRealPages asks the real office for every page, as each kind of person:
// who may see what is one table.
func TestRealPages(t *testing.T) {
	at := newTown(t)
	nobody := &client{at: at}
	drafter, manager, admin := at.client(t, demo.Drafter), at.client(t, demo.DGS), at.client(t, demo.Administrator)
	w := drafter.deposit(map[string]string{"title": "Trottoir", "recipient": "Mme Aubry", "type": "courrier-simple", "action": "start"}, readSample(t))
	if w.Code != http.StatusSeeOther {
		t.Fatalf("deposit: %d %s", w.Code, w.Body)
	}
	path := w.Header().Get("Location")
	invitation := at.founded.Invitations[demo.Mayor]
	for _, one := range []struct {
		path                            string
		nobody, drafter, manager, admin int
	}{
		{"/", 303, 200, 200, 200},
		{"/bannettes?bannette=suivis", 303, 200, 200, 200},
		{"/bannettes?bannette=inconnue", 303, 404, 404, 404},
		{"/connexion", 200, 303, 303, 303},
		{"/enrolement/" + invitation, 200, 200, 200, 200},
		{"/enrolement/faux", 410, 410, 410, 410},
		{"/verifier", 200, 200, 200, 200},
		{"/accessibilite", 200, 200, 200, 200},
		{"/manifest.webmanifest", 200, 200, 200, 200},
		{"/favicon.ico", 200, 200, 200, 200},
		{"/robots.txt", 200, 200, 200, 200},
		{path, 303, 200, 200, 404},
		{path + "/viser", 303, 409, 200, 404},
		{path + "/signer", 303, 409, 409, 404},
		{path + "/refuser", 303, 409, 200, 404},
		{path + "/remords", 303, 409, 409, 404},
		{path + "/etat", 303, 200, 200, 404},
		{path + "/retirer", 303, 200, 409, 404},
		{path + "/corriger", 303, 200, 409, 404},
		{path + "/documents/1/contenu", 303, 200, 200, 404},
		{path + "/documents/1/texte", 303, 200, 200, 404},
		{path + "/documents/1/pages/1.png", 303, 200, 200, 404},
		{path + "/documents/9/contenu", 303, 404, 404, 404},
		{path + "/documents/zero/contenu", 303, 404, 404, 404},
		{"/dossiers/pas-un-uuid", 303, 404, 404, 404},
		{"/deposer", 303, 200, 403, 403},
		{"/mes-cles", 303, 200, 200, 200},
		{"/ma-griffe", 303, 200, 200, 200},
		{"/ma-griffe/apercu.png", 303, 200, 200, 200},
		{"/mes-courriels", 303, 200, 200, 200},
		{"/administration", 303, 403, 403, 200},
		{"/administration/bureaux", 303, 403, 403, 200},
		{"/administration/circuits", 303, 403, 403, 200},
		{"/administration/certificats", 303, 403, 403, 200},
		{"/administration/armoiries", 303, 403, 403, 200},
		{"/administration/armoiries/apercu.png", 303, 403, 403, 200},
		{"/administration/applications", 303, 403, 403, 200},
		{"/administration/connecteurs", 303, 403, 403, 200},
		{"/administration/journal", 303, 403, 403, 200},
		{"/administration/depot", 303, 403, 403, 200},
		{"/rien", 404, 404, 404, 404},
	} {
		for who, want := range map[*client]int{nobody: one.nobody, drafter: one.drafter, manager: one.manager, admin: one.admin} {
			w := who.get(one.path)
			if w.Code != want {
				t.Errorf("%s as %q: %d, want %d", one.path, who.session.ID, w.Code, want)
			}
			headers(t, one.path, w)
		}
	}
}

// headers holds every answer, refusals included, to the strict policy.
func headers(t *testing.T, path string, w *httptest.ResponseRecorder) {
	t.Helper()
	for name, want := range map[string]string{
		"Content-Security-Policy": "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self' blob:; font-src 'self'; connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
		"X-Content-Type-Options":  "nosniff", "Referrer-Policy": "same-origin",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %s is %q", path, name, got)
		}
	}
	if got := w.Header().Get("Permissions-Policy"); !strings.HasPrefix(got, "publickey-credentials-get=(self), publickey-credentials-create=(self)") {
		t.Errorf("%s: Permissions-Policy is %q", path, got)
	}
}

// TestForgeriesAreRefused sends what another site, or a stale page, could.
func TestForgeriesAreRefused(t *testing.T) {
	at := newTown(t)
	drafter := at.client(t, demo.Drafter)
	w := drafter.deposit(map[string]string{"title": "Trottoir", "recipient": "Mme Aubry", "type": "courrier-simple", "action": "draft"}, readSample(t))
	path := w.Header().Get("Location")
	set := func(name, value string) change { return func(r *http.Request) { r.Header.Set(name, value) } }
	drop := func(names ...string) change {
		return func(r *http.Request) {
			for _, n := range names {
				r.Header.Del(n)
			}
		}
	}
	for _, one := range []struct {
		name   string
		form   url.Values
		change change
		want   int
	}{
		{"another site by fetch metadata", nil, set("Sec-Fetch-Site", "cross-site"), 403},
		{"a sibling site", nil, set("Sec-Fetch-Site", "same-site"), 403},
		{"another origin", nil, set("Origin", "https://evil.example"), 403},
		{"an opaque origin", nil, set("Origin", "null"), 403},
		{"no origin at all", nil, drop("Origin", "Sec-Fetch-Site"), 403},
		{"no token", url.Values{"csrf": {""}}, nil, 403},
		{"another session's token", url.Values{"csrf": {"csrf-autre"}}, nil, 403},
		{"no session", nil, drop("Cookie"), 401},
		{"an older browser, with its origin", nil, drop("Sec-Fetch-Site"), 303},
	} {
		var changes []change
		if one.change != nil {
			changes = append(changes, one.change)
		}
		w := drafter.post(path+"/envoyer", one.form, changes...)
		if w.Code != one.want {
			t.Errorf("%s: %d, want %d", one.name, w.Code, one.want)
		}
		headers(t, one.name, w)
	}
	if w := drafter.deposit(map[string]string{"csrf": "faux", "title": "x"}, readSample(t)); w.Code != http.StatusForbidden {
		t.Errorf("an upload with a false token: %d", w.Code)
	}
	if w := drafter.do(http.MethodPost, "/ceremonies/decision/debut", "text/plain", strings.NewReader("{}"), set("X-CSRF-Token", drafter.session.CSRF)); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("a ceremony in plain text: %d", w.Code)
	}
	if w := drafter.do(http.MethodPost, "/ceremonies/decision/debut", "application/json", strings.NewReader(`{"items":[]}`)); w.Code != http.StatusForbidden {
		t.Errorf("a ceremony without token: %d", w.Code)
	}
	if w := drafter.get("/", func(r *http.Request) { r.Host = "autre.example" }); w.Code != http.StatusNotFound {
		t.Errorf("an unknown host: %d", w.Code)
	}
}

// TestDepositKeepsWhatWasTyped sends forms that do not do.
func TestDepositKeepsWhatWasTyped(t *testing.T) {
	at := newTown(t)
	drafter := at.client(t, demo.Drafter)
	good := readSample(t)
	for _, one := range []struct {
		name   string
		fields map[string]string
		file   []byte
		says   string
	}{
		{"no file", map[string]string{"title": "Objet gardé", "recipient": "Mme Aubry", "type": "courrier-simple"}, nil, "Joignez la lettre"},
		{"no title", map[string]string{"recipient": "Destinataire gardé", "type": "courrier-simple"}, good, "Ce champ est nécessaire"},
		{"not a PDF", map[string]string{"title": "Objet gardé", "recipient": "Mme Aubry", "type": "courrier-simple"}, []byte("bonjour"), "lettre.pdf"},
		{"an unknown type", map[string]string{"title": "Objet gardé", "recipient": "Mme Aubry", "type": "autre"}, good, "Choisissez un type"},
		{"too large", map[string]string{"title": "Objet gardé", "recipient": "Mme Aubry", "type": "courrier-simple"}, append(bytes.Clone(good), make([]byte, 4<<20)...), "lettre.pdf"},
	} {
		w := drafter.deposit(one.fields, one.file)
		body := w.Body.String()
		if w.Code < 400 || w.Code >= 500 || !strings.Contains(body, one.says) {
			t.Errorf("%s: %d, without %q", one.name, w.Code, one.says)
		}
		for _, key := range []string{"title", "recipient"} {
			if v := one.fields[key]; v != "" && !strings.Contains(body, fmt.Sprintf("value=%q", v)) {
				t.Errorf("%s: %q was lost", one.name, v)
			}
		}
	}
}

// TestCeremoniesAreCounted asks too fast.
func TestCeremoniesAreCounted(t *testing.T) {
	at := newTown(t)
	nobody := &client{at: at}
	for i := range 400 {
		w := nobody.do(http.MethodPost, "/ceremonies/connexion/debut", "application/json", strings.NewReader("{}"))
		if w.Code == http.StatusTooManyRequests {
			if w.Header().Get("Retry-After") == "" || w.Header().Get("Content-Type") != "application/json" {
				t.Errorf("headers %v", w.Header())
			}
			return
		}
		if w.Code != http.StatusOK {
			t.Fatalf("request %d: %d %s", i, w.Code, w.Body)
		}
	}
	t.Error("400 ceremonies in a row were let through")
}

// TestPagesAreRevalidated gets a page twice.
func TestPagesAreRevalidated(t *testing.T) {
	at := newTown(t)
	drafter := at.client(t, demo.Drafter)
	first := drafter.get("/")
	tag := first.Header().Get("ETag")
	if tag == "" || first.Header().Get("Cache-Control") != "private, no-cache" {
		t.Fatalf("headers %v", first.Header())
	}
	again := drafter.get("/", func(r *http.Request) { r.Header.Set("If-None-Match", tag) })
	if again.Code != http.StatusNotModified || again.Body.Len() != 0 {
		t.Errorf("again: %d, %d bytes", again.Code, again.Body.Len())
	}
	headers(t, "304", again)
}

// TestSignOutClosesTheSession leaves, and comes back with the same cookie.
func TestSignOutClosesTheSession(t *testing.T) {
	at := newTown(t)
	drafter := at.client(t, demo.Drafter)
	if w := drafter.post("/quitter", nil); w.Code != http.StatusSeeOther || w.Header().Get("Clear-Site-Data") == "" {
		t.Fatalf("sign out: %d %v", w.Code, w.Header())
	}
	w := drafter.get("/mes-cles")
	if got := w.Header().Get("Location"); w.Code != http.StatusSeeOther || got != "/connexion?fin=1&retour=%2Fmes-cles" {
		t.Errorf("after: %d to %q", w.Code, got)
	}
}

// TestEventsSayWhichLetterMoved listens as a page does, and asks as nobody.
func TestEventsSayWhichLetterMoved(t *testing.T) {
	at := newTown(t)
	manager, drafter := at.client(t, demo.DGS), at.client(t, demo.Drafter)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at.origin+"/evenements", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/event-stream")
	if w, err := http.DefaultClient.Do(r); err != nil || w.StatusCode != http.StatusUnauthorized {
		t.Fatalf("as nobody: %v %v", w, err)
	}
	r.AddCookie(&http.Cookie{Name: "parapheur", Value: manager.token})
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Body.Close() //nolint:errcheck // read only
	if got := w.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Fatalf("content type %q", got)
	}
	lines := bufio.NewScanner(w.Body)
	lines.Scan() // the first line says that the subscription stands
	made := drafter.deposit(map[string]string{"title": "Trottoir", "recipient": "Mme Aubry", "type": "courrier-simple", "action": "start"}, readSample(t))
	want := "data: " + strings.TrimPrefix(made.Header().Get("Location"), "/dossiers/")
	for lines.Scan() {
		if lines.Text() == want {
			return
		}
	}
	t.Errorf("the stream ended without %q: %v", want, lines.Err())
}

// TestStaleBytesAreNotSent asks for the bytes of a version that is no more.
func TestStaleBytesAreNotSent(t *testing.T) {
	at := newTown(t)
	drafter := at.client(t, demo.Drafter)
	letter := readSample(t)
	made := drafter.deposit(map[string]string{"title": "Trottoir", "recipient": "Mme Aubry", "type": "courrier-simple", "action": "start"}, letter)
	path := made.Header().Get("Location") + "/documents/1/contenu"
	mark := fmt.Sprintf("%x", sha256.Sum256(letter))[:16]
	if w := drafter.get(path + "?v=" + mark); w.Code != http.StatusOK || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") || !bytes.Equal(w.Body.Bytes(), letter) {
		t.Errorf("the version shown: %d %v", w.Code, w.Header())
	}
	if w := drafter.get(path + "?v=0000000000000000"); w.Code != http.StatusConflict {
		t.Errorf("another version: %d", w.Code)
	}
	w := drafter.get(path+"?telecharger=1", func(r *http.Request) { r.Header.Set("Range", "bytes=0-4") })
	if w.Code != http.StatusPartialContent || w.Body.String() != "%PDF-" || !strings.HasPrefix(w.Header().Get("Content-Disposition"), "attachment") {
		t.Errorf("a part to download: %d %q %v", w.Code, w.Body, w.Header())
	}
}
