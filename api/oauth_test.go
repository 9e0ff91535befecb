package api

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/towntest"
)

// form posts a form to an OAuth 2 address.
func (h *hall) form(t *testing.T, path string, v url.Values, change ...func(*http.Request)) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, towntest.Origin+path, strings.NewReader(v.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, c := range change {
		c(r)
	}
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, r)
	return w
}

type tokenAnswer struct {
	Token   string `json:"access_token"`
	Type    string `json:"token_type"`
	Expires int    `json:"expires_in"`
	Scope   string `json:"scope"`
	Error   string `json:"error"`

	Description string `json:"error_description"`
}

func (h *hall) token(t *testing.T, want int, v url.Values, change ...func(*http.Request)) tokenAnswer {
	t.Helper()
	w := h.form(t, TokenPath, v, change...)
	var a tokenAnswer
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || w.Code != want {
		t.Fatalf("%d, %v: %s", w.Code, err, w.Body)
	}
	if w.Header().Get("Cache-Control") != "no-store" {
		t.Error("a token may be cached")
	}
	return a
}

func clientOf(key string) (id, secret string) {
	id, secret, _ = strings.Cut(strings.TrimPrefix(key, "pk_"), "_")
	return id, secret
}

func basic(id, secret string) func(*http.Request) {
	return func(r *http.Request) { r.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret)) }
}

func grantType() url.Values { return url.Values{"grant_type": {"client_credentials"}} }

func with(pairs ...string) url.Values {
	v := grantType()
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return v
}

func TestClientCredentials(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	id, secret := clientOf(h.key)
	a := h.token(t, 200, grantType(), basic(id, secret))
	if a.Type != "Bearer" || a.Expires < 1700 || a.Expires > 1800 || !strings.Contains(a.Scope, dossiers.ScopeDossiersRead) {
		t.Errorf("%+v", a)
	}
	h.ask(t, http.MethodGet, "/api/v1/me", nil, "Authorization", "Bearer "+a.Token).is(200)
	b := h.token(t, 200, with("client_id", id, "client_secret", h.key, "scope", dossiers.ScopeEventsRead))
	if b.Scope != dossiers.ScopeEventsRead || b.Token == a.Token {
		t.Errorf("%+v", b)
	}
	h.ask(t, http.MethodGet, "/api/v1/events", nil, "Authorization", "Bearer "+b.Token).is(200)
	h.ask(t, http.MethodGet, "/api/v1/dossiers", nil, "Authorization", "Bearer "+b.Token).is(403, "insufficient-scope")

	for name, tc := range map[string]struct {
		status int
		code   string
		form   url.Values
		change func(*http.Request)
	}{
		"a wrong secret":     {401, "invalid_client", grantType(), basic(id, "faux")},
		"an unknown client":  {401, "invalid_client", grantType(), basic("inconnu", secret)},
		"nobody":             {401, "invalid_client", grantType(), func(*http.Request) {}},
		"two ways":           {400, "invalid_request", with("client_id", id, "client_secret", secret), basic(id, secret)},
		"another grant":      {400, "unsupported_grant_type", url.Values{"grant_type": {"password"}}, basic(id, secret)},
		"too wide a scope":   {400, "invalid_scope", with("scope", dossiers.ScopeDossiersAll), basic(id, secret)},
		"a repeated element": {400, "invalid_request", url.Values{"grant_type": {"client_credentials", "x"}}, basic(id, secret)},
		"JSON":               {400, "invalid_request", grantType(), func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }},
		"an endless form":    {400, "invalid_request", with("x", strings.Repeat("x", 1<<16)), basic(id, secret)},
	} {
		if got := h.token(t, tc.status, tc.form, tc.change); got.Error != tc.code {
			t.Errorf("%s: %s", name, got.Error)
		}
	}

	// Revoked by its client, and by nobody else.
	other, otherSecret := clientOf(h.newKey(t, "Autre", dossiers.Scopes()...))
	if w := h.form(t, RevokePath, url.Values{"token": {a.Token}}, basic(other, otherSecret)); w.Code != 200 {
		t.Errorf("revocation of another's token says %d", w.Code)
	}
	h.ask(t, http.MethodGet, "/api/v1/me", nil, "Authorization", "Bearer "+a.Token).is(200)
	if w := h.form(t, RevokePath, url.Values{"token": {a.Token}}, basic(id, secret)); w.Code != 200 {
		t.Errorf("revocation says %d", w.Code)
	}
	h.ask(t, http.MethodGet, "/api/v1/me", nil, "Authorization", "Bearer "+a.Token).is(401, "key-needed")
	if w := h.form(t, RevokePath, url.Values{"token": {"pt_inconnu"}}, basic(id, "faux")); w.Code != 401 {
		t.Errorf("revocation by nobody says %d", w.Code)
	}

	// With its key, a token ends.
	admin := h.Person(t, demo.Administrator).Viewer(t)
	if err := h.Office.RevokeAPIKey(t.Context(), admin, id); err != nil {
		t.Fatal(err)
	}
	h.ask(t, http.MethodGet, "/api/v1/events", nil, "Authorization", "Bearer "+b.Token).is(401, "key-needed")
	h.token(t, 401, grantType(), basic(id, secret))
}

func TestTokensExpire(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	a := h.token(t, 200, grantType(), basic(clientOf(h.key)))
	h.Office.Now = func() time.Time { return time.Now().Add(31 * time.Minute) }
	h.ask(t, http.MethodGet, "/api/v1/me", nil, "Authorization", "Bearer "+a.Token).is(401, "key-needed")
}

func TestPrivateKeyJWT(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	admin := h.Person(t, demo.Administrator).Viewer(t)
	apps, err := h.Office.Applications(t.Context(), admin)
	if err != nil {
		t.Fatal(err)
	}
	jwks := []byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k1","x":"` + base64.RawURLEncoding.EncodeToString(public) + `"}]}`)
	if _, err := h.Office.AddKeySet(t.Context(), admin, apps[0].ID, dossiers.Scopes(), time.Time{}, []byte(`{}`)); err == nil {
		t.Error("an empty set is accepted")
	}
	key, err := h.Office.AddKeySet(t.Context(), admin, apps[0].ID, dossiers.Scopes(), time.Time{}, jwks)
	if err != nil {
		t.Fatal(err)
	}
	assertion := func(jti, audience string) string {
		token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.RegisteredClaims{
			Issuer: key.ID, Subject: key.ID, Audience: jwt.ClaimStrings{audience}, ID: jti, ExpiresAt: jwt.NewNumericDate(time.Now().Add(time.Minute)),
		})
		token.Header["kid"] = "k1"
		s, err := token.SignedString(private)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	show := func(a string) url.Values {
		return with("client_assertion_type", assertionType, "client_assertion", a)
	}
	first := assertion("j1", towntest.Origin+TokenPath)
	a := h.token(t, 200, show(first))
	h.ask(t, http.MethodGet, "/api/v1/me", nil, "Authorization", "Bearer "+a.Token).is(200)
	if got := h.token(t, 401, show(first)); got.Error != "invalid_client" {
		t.Errorf("a replayed assertion: %+v", got)
	}
	if got := h.token(t, 401, show(assertion("j2", "https://ailleurs.exemple"))); !strings.Contains(got.Description, "aud") {
		t.Errorf("for another: %+v", got)
	}
	if got := h.token(t, 401, show(first)); !strings.Contains(got.Description, "jti") {
		t.Errorf("a replayed assertion: %+v", got)
	}
	if got := h.token(t, 400, with("grant_type", "")); got.Error != "invalid_request" {
		t.Errorf("no grant: %+v", got)
	}
	// What is no text names no client: refused as unknown, not a failure of ours.
	h.token(t, 401, with("client_id", "a\x00", "client_secret", "x"))
	h.token(t, 401, with("client_id", "a\xff", "client_secret", "x"))
	h.token(t, 401, show("eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhXHUwMDAwIn0.eHh4"))
	h.ask(t, http.MethodGet, "/api/v1/me", nil, "Authorization", "Bearer pk_\xff\xfe_x").is(401, "key-needed")
	h.token(t, 401, show("a.b.c"))
	h.token(t, 200, show(assertion("j3", towntest.Origin)))
	// The set has no secret: nothing else of it opens.
	h.token(t, 401, grantType(), basic(key.ID, ""))
	h.ask(t, http.MethodGet, "/api/v1/me", nil, "Authorization", "Bearer pk_"+key.ID+"_").is(401, "key-needed")
}

func TestMetadata(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, towntest.Origin+MetadataPath, nil))
	var m map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &m); err != nil || m["issuer"] != towntest.Origin || m["token_endpoint"] != towntest.Origin+TokenPath {
		t.Errorf("%v: %s", err, w.Body)
	}
}

// A key is replaced without a pause: two are in force, then one.
func TestKeysRotateWithoutAPause(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	admin := h.Person(t, demo.Administrator).Viewer(t)
	apps, err := h.Office.Applications(t.Context(), admin)
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for range 2 {
		secret, _, err := h.Office.AddAPIKey(t.Context(), admin, apps[0].ID, dossiers.Scopes(), time.Now().Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, "Bearer "+secret)
	}
	for _, k := range keys {
		h.ask(t, http.MethodGet, "/api/v1/me", nil, "Authorization", k).is(200)
	}
	id, _ := clientOf(strings.TrimPrefix(keys[0], "Bearer "))
	if err := h.Office.RevokeAPIKey(t.Context(), admin, id); err != nil {
		t.Fatal(err)
	}
	h.ask(t, http.MethodGet, "/api/v1/me", nil, "Authorization", keys[0]).is(401, "key-needed")
	h.ask(t, http.MethodGet, "/api/v1/me", nil, "Authorization", keys[1]).is(200)
	h.Office.Now = func() time.Time { return time.Now().Add(2 * time.Hour) }
	h.ask(t, http.MethodGet, "/api/v1/me", nil, "Authorization", keys[1]).is(401, "key-needed")
}

// An application held to addresses and to types gets no further, and all it
// asked is in its journal of access.
func TestAnApplicationIsHeldToItsAddressesAndTypes(t *testing.T) {
	t.Parallel()
	from := "192.0.2.10"
	h := newHall(t, func(o *Options) {
		o.ClientAddress = func(*http.Request) netip.Addr { return netip.MustParseAddr(from) }
	})
	d := h.put(t, "cle-0001", nil)
	admin := h.Person(t, demo.Administrator).Viewer(t)
	var me dossiers.Application
	apps, err := h.Office.Applications(t.Context(), admin)
	if err != nil {
		t.Fatal(err)
	}
	var types Types
	h.ask(t, http.MethodGet, "/api/v1/types", nil).is(200).into(&types)
	other := ""
	for _, y := range types.Data {
		if y.Code != d.Type {
			other = y.Code
		}
	}
	for _, a := range apps {
		if a.Name == "GEC" {
			me = a
		}
	}
	set := func(networks, kinds []string) {
		t.Helper()
		if err := h.Office.SetApplication(t.Context(), admin, me.ID, dossiers.Reach{Networks: networks, Types: kinds}); err != nil {
			t.Fatal(err)
		}
	}
	set([]string{"192.0.2.0/24", "2001:db8::/32"}, []string{other})
	h.ask(t, http.MethodGet, d.URL, nil).is(404, "not-found")
	var l List
	h.ask(t, http.MethodGet, "/api/v1/dossiers", nil).is(200).into(&l)
	var f Feed
	h.ask(t, http.MethodGet, "/api/v1/events", nil).is(200).into(&f)
	h.ask(t, http.MethodGet, "/api/v1/types", nil).is(200).into(&types)
	if len(l.Data) != 0 || len(f.Data) != 0 || len(types.Data) != 1 {
		t.Errorf("%d dossiers, %d events, %d types", len(l.Data), len(f.Data), len(types.Data))
	}
	h.send(t, "cle-0002", []part{metaPart(t, letterMeta()), {"document", towntest.Sample(t, sample)}}).is(403, "forbidden")
	from = "198.51.100.7"
	h.ask(t, http.MethodGet, "/api/v1/me", nil).is(403, "address-refused")
	h.token(t, 403, grantType(), basic(clientOf(h.key)))
	from = "2001:db8::1"
	h.ask(t, http.MethodGet, "/api/v1/me", nil).is(200)
	set(nil, nil)
	from = "198.51.100.7"
	h.ask(t, http.MethodGet, d.URL, nil, "X-Request-Id", "gec-2026-0001").is(200)
	for _, bad := range [][]string{{"localhost"}, {"300.0.0.1"}, {"10.0.0.0/99"}} {
		if err := h.Office.SetApplication(t.Context(), admin, me.ID, dossiers.Reach{Networks: bad}); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
	calls, _, err := h.Office.Calls(context.Background(), admin, me.ID, dossiers.Page{})
	if err != nil || len(calls) != 10 {
		t.Fatalf("%d calls, %v", len(calls), err)
	}
	if c := calls[0]; c.Request != "gec-2026-0001" || c.Operation != "getDossier" || c.Status != 200 || c.Address != from || c.Path != d.URL || c.Credential == "" {
		t.Errorf("%+v", c)
	}
	if c := calls[2]; c.Status != 403 || c.Address != from {
		t.Errorf("%+v", c)
	}
}

// Who is not known may not go on asking, whatever the key tried.
func TestStrangersMayNotAskTooOften(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	h := newHall(t, func(o *Options) { o.StrangerBurst, o.Now = 3, func() time.Time { return now } })
	h.ask(t, http.MethodGet, "/api/v1/me", nil, "Authorization", "").is(401)
	h.ask(t, http.MethodGet, "/api/v1/me", nil, "Authorization", "Bearer pk_a_b").is(401)
	h.token(t, 401, grantType(), basic("x", "y"))
	a := h.ask(t, http.MethodGet, "/api/v1/me", nil, "Authorization", "").is(429, "too-many-requests")
	if a.header.Get("Retry-After") != "1" {
		t.Errorf("Retry-After %q", a.header.Get("Retry-After"))
	}
	if w := h.form(t, TokenPath, grantType(), basic("x", "y")); w.Code != 429 || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	h.ask(t, http.MethodGet, "/api/v1/me", nil).is(200) // a key in force is not shut out
	now = now.Add(time.Second)
	h.ask(t, http.MethodGet, "/api/v1/me", nil, "Authorization", "").is(401)
}
