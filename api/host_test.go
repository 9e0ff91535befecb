package api

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"parapheur/internal/hosting"
	"parapheur/internal/pgtest"
	"parapheur/internal/postgres"
	"parapheur/migrations"
)

// asking is a hosting centre with a program that has a key.
type asking struct {
	t      *testing.T
	h      http.Handler
	centre *hosting.Centre
	secret string
}

func programOfCentre(t *testing.T) *asking {
	t.Helper()
	pool, err := postgres.HostPool(t.Context(), pgtest.DSN(t, migrations.Apply))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	c, err := hosting.Open(hosting.Parts{
		Store: postgres.NewHost(pool), Origin: "https://centre.example", Domain: "parapheur.example", Now: time.Now, Rand: rand.Reader,
	})
	if err != nil {
		t.Fatal(err)
	}
	secret, _, err := c.AddKey(t.Context(), "Guichet", 30)
	if err != nil {
		t.Fatal(err)
	}
	return &asking{t, NewHost(HostOptions{Centre: c, Log: slog.New(slog.DiscardHandler)}), c, secret}
}

// ask sends a request and reads its answer into out.
func (a *asking) ask(method, path, body string, out any, header ...string) (int, http.Header) {
	a.t.Helper()
	r := httptest.NewRequestWithContext(a.t.Context(), method, hostBase+path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+a.secret)
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	a.h.ServeHTTP(w, r)
	if out != nil {
		if err := json.Unmarshal(w.Body.Bytes(), out); err != nil {
			a.t.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
		}
	}
	return w.Code, w.Header()
}

const wish = `{"siret":"21490999900010","name":"Ville Neuve","place":"Ville Neuve","origin":"neuve","given_name":"Anne","family_name":"Petit","email":"anne@neuve.example"}`

// A program creates a town once, sees it in the list, and makes its link again.
func TestHostProgram(t *testing.T) {
	t.Parallel()
	a := programOfCentre(t)
	type answer struct {
		Town       HostedTown  `json:"town"`
		Invitation *HostedLink `json:"invitation"`
	}
	var made, again answer
	if code, h := a.ask("POST", "/towns", wish, &made, "Idempotency-Key", "creation-1"); code != 201 || h.Get("Location") != "/api/host/v1/towns/21490999900010" || h.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %v %+v", code, h, made)
	}
	if made.Town.Origin != "https://neuve.parapheur.example" || made.Town.RPID != "neuve.parapheur.example" || made.Town.State != "awaiting" || made.Town.SIREN != "214909999" ||
		made.Invitation == nil || !strings.HasPrefix(made.Invitation.Link, made.Town.Origin+"/enrolement/") {
		t.Errorf("%+v %+v", made.Town, made.Invitation)
	}
	if code, h := a.ask("POST", "/towns", wish, &again, "Idempotency-Key", `"creation-1"`); code != 200 || h.Get("Idempotency-Replayed") != "true" || again.Invitation != nil || again.Town.SIRET != made.Town.SIRET {
		t.Errorf("again: %d %+v", code, again)
	}
	var list struct {
		Towns []HostedTown `json:"towns"`
	}
	if code, _ := a.ask("GET", "/towns", "", &list); code != 200 || len(list.Towns) != 1 || list.Towns[0].Name != "Ville Neuve" {
		t.Errorf("%d %+v", code, list)
	}
	var one HostedTown
	if code, _ := a.ask("GET", "/towns/21490999900010", "", &one); code != 200 || one.Origin != made.Town.Origin {
		t.Errorf("%d %+v", code, one)
	}
	var link HostedLink
	if code, _ := a.ask("POST", "/towns/21490999900010/invitation", "", &link); code != 200 || link.Link == "" || link.Link == made.Invitation.Link {
		t.Errorf("%d %+v", code, link)
	}
}

// What is refused is a problem that names what is wrong and repeats nothing.
func TestHostProgramRefused(t *testing.T) {
	t.Parallel()
	a := programOfCentre(t)
	a.ask("POST", "/towns", wish, nil, "Idempotency-Key", "creation-1")
	other := strings.Replace(wish, "Anne", "Zoé", 1)
	for _, c := range []struct {
		what, method, path, body, key string
		status                        int
		location                      string
	}{
		{"no name for the request", "POST", "/towns", wish, "", 422, "header.Idempotency-Key"},
		{"too short a name", "POST", "/towns", wish, "x", 400, ""},
		{"something else under the same name", "POST", "/towns", other, "creation-1", 422, ""},
		{"a town that is there", "POST", "/towns", wish, "creation-2", 422, "body.siret"},
		{"no SIRET", "POST", "/towns", strings.Replace(wish, "21490999900010", "21490999900011", 1), "creation-3", 422, "body.siret"},
		{"no address", "POST", "/towns", strings.Replace(wish, `"neuve"`, `"http://neuve.fr"`, 1), "creation-4", 422, ""},
		{"no JSON", "POST", "/towns", "{", "creation-5", 400, ""},
		{"something unheard of", "POST", "/towns", strings.Replace(wish, "{", `{"demo":true,`, 1), "creation-6", 422, "body.demo"},
		{"no such town", "GET", "/towns/21490888800008", "", "", 404, ""},
		{"no such operation", "DELETE", "/towns/21490999900010", "", "", 405, ""},
		{"no such page", "GET", "/people", "", "", 404, ""},
	} {
		var p Problem
		header := []string{}
		if c.key != "" {
			header = []string{"Idempotency-Key", c.key}
		}
		code, h := a.ask(c.method, c.path, c.body, &p, header...)
		if code != c.status || !strings.HasPrefix(h.Get("Content-Type"), "application/problem+json") || p.Detail == "" || p.TraceID == "" {
			t.Errorf("%s: %d %s %+v", c.what, code, h.Get("Content-Type"), p)
		}
		if c.location != "" && (len(p.Errors) == 0 || p.Errors[0].Location != c.location) {
			t.Errorf("%s: %+v", c.what, p.Errors)
		}
	}
	for what, shown := range map[string]string{"no key": "", "a key of a town": "Bearer pk_x_y", "a wrong secret": "Bearer " + a.secret + "x", "another scheme": "Basic eA=="} {
		code, h := a.ask("GET", "/towns", "", nil, "Authorization", shown)
		if code != 401 || !strings.Contains(h.Get("WWW-Authenticate"), `realm="parapheur-host"`) {
			t.Errorf("%s: %d %q", what, code, h.Get("WWW-Authenticate"))
		}
	}
	keys, err := a.centre.Store.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := a.centre.RevokeKey(t.Context(), keys[0].ID); err != nil {
		t.Fatal(err)
	}
	if code, _ := a.ask("GET", "/towns", "", nil); code != 401 {
		t.Errorf("revoked: %d", code)
	}
}

func TestHostOpenAPIFileIsCurrent(t *testing.T) {
	t.Parallel()
	s := newHostServer(HostOptions{Centre: &hosting.Centre{}, Log: slog.New(slog.DiscardHandler)})
	res := httptest.NewRecorder()
	s.handler.ServeHTTP(res, httptest.NewRequest(http.MethodGet, hostBase+"/openapi.yaml", nil))
	const golden = "../docs/openapi-host.yaml"
	if *update {
		if err := os.WriteFile(golden, res.Body.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(res.Body.Bytes(), want) {
		t.Error("docs/openapi-host.yaml is not what the interface says of itself: run go test ./api -update, and read the difference")
	}
	for path, item := range s.spec.openapi.Paths {
		for _, op := range operations(item) {
			if op.Summary == "" || op.Description == "" || len(op.Security) != 1 || op.Security[0][scheme] == nil {
				t.Errorf("%s is not explained, or open to anyone", path)
			}
		}
	}
}
