package main

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"parapheur/internal/metrics"
	"parapheur/internal/pgtest"
	"parapheur/internal/towntest"
	"parapheur/internal/wiring"
	"parapheur/migrations"
)

const centreOrigin = "http://centre.localhost:8080"

// The operator lets people and programs in at the centre, and out.
func TestHostCommands(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t, migrations.Apply)
	host := func(want int, args ...string) (string, string) {
		return parapheur(t, want, append(append([]string{"host"}, args...), "--database-url", dsn, "--host-origin", centreOrigin)...)
	}
	link := regexp.MustCompile(`http://centre\.localhost:8080/enrolement/\S{20,}`)
	out, _ := host(exitOK, "invite", "--name", "Zoé Lambert", "--email", "zoe@centre.example")
	if !link.MatchString(out) {
		t.Errorf("no link in:\n%s", out)
	}
	if out, _ = host(exitOK, "list"); !strings.Contains(out, "Zoé Lambert") || !strings.Contains(out, "0 clé") {
		t.Error(out)
	}
	out, _ = host(exitOK, "key", "add", "--name", "Guichet", "--days", "30")
	key := regexp.MustCompile(`hk_([0-9a-f]{16})_\S{40,}`).FindStringSubmatch(out)
	if key == nil {
		t.Fatalf("no key in:\n%s", out)
	}
	if out, _ = host(exitOK, "key", "list"); !strings.Contains(out, key[1]+"  Guichet") || strings.Contains(out, key[0]) {
		t.Error(out)
	}
	host(exitOK, "key", "revoke", "--id", key[1])
	host(exitOK, "dismiss", "--email", "ZOE@centre.example")
	if out, _ = host(exitOK, "list"); !strings.Contains(out, "révoquée") {
		t.Error(out)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"invite", "--email", "zoe@centre.example"}, "--email : Cette personne a été révoquée"},
		{[]string{"invite", "--email", "nul", "--name", "Nul"}, "--email"},
		{[]string{"invite", "--email", "paul@centre.example"}, "--name"},
		{[]string{"dismiss", "--email", "paul@centre.example"}, "host list"},
		{[]string{"key", "add", "--days", "30"}, "--name"},
		{[]string{"key", "add", "--name", "x", "--days", "0"}, "--days"},
		{[]string{"key", "revoke", "--id", key[1]}, "déjà révoquée"},
		{[]string{"key", "revoke", "--id", "x"}, "aucune clé"},
	} {
		if _, said := host(exitError, c.args...); !strings.Contains(said, c.want) {
			t.Errorf("%q: %s", c.args, said)
		}
	}
	for _, origin := range []string{"", "http://centre.example"} {
		if _, said := parapheur(t, exitUsage, "host", "list", "--database-url", dsn, "--host-origin", origin); !strings.Contains(said, "--host-origin") {
			t.Error(said)
		}
	}
}

// One node serves towns and centre, each at its own name and nowhere else.
func TestCentreAtItsOrigin(t *testing.T) {
	t.Parallel()
	town := towntest.New(t)
	h, err := wiring.OpenHost(t.Context(), wiring.HostConfig{DatabaseURL: town.DSN, Origin: centreOrigin, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	s := &server{system: town.System, log: slog.New(slog.DiscardHandler), metrics: metrics.New(town.Pool, "test"), limit: 1 << 20, centre: h}
	srv := httptest.NewServer(s.handler(false))
	t.Cleanup(srv.Close)
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	ask := func(host, path, key string) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		if key != "" {
			r.Header.Set("Authorization", "Bearer "+key)
		}
		res, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close() //nolint:errcheck // read only
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(body)
	}
	secret, _, err := h.Centre.AddKey(t.Context(), "Guichet", 1)
	if err != nil {
		t.Fatal(err)
	}
	const atCentre, atTown = "centre.localhost:8080", "localhost:8080"
	for _, c := range []struct {
		host, path, key string
		want            int
	}{
		{atCentre, "/connexion", "", 200},
		{atCentre, "/", "", 303},
		{atCentre, "/bannettes", "", 404},
		{atCentre, "/verifier", "", 404},
		{atCentre, "/healthz", "", 200},
		{atCentre, "/readyz", "", 200},
		{atCentre, "/api/host/v1/towns", "", 401},
		{atCentre, "/api/host/v1/towns", secret, 200},
		{atCentre, "/api/host/v1/openapi.json", "", 200},
		{atCentre, "/api/v1/me", secret, 404},
		{atTown, "/api/host/v1/towns", secret, 404},
		{atTown, "/api/v1/me", secret, 401},
		{atTown, "/collectivites/nouvelle", "", 404},
		{"inconnu.localhost:8080", "/api/host/v1/towns", secret, 404},
	} {
		if code, body := ask(c.host, c.path, c.key); code != c.want {
			t.Errorf("%s%s: %d, want %d: %.200s", c.host, c.path, code, c.want, body)
		}
	}
	var list struct{ Towns []struct{ SIRET string } }
	if _, body := ask(atCentre, "/api/host/v1/towns", secret); json.Unmarshal([]byte(body), &list) != nil || len(list.Towns) != 1 || list.Towns[0].SIRET != town.Tenant.SIRET {
		t.Error(body)
	}
	for app, key := range town.Founded.APIKeys {
		if code, _ := ask(atCentre, "/api/host/v1/towns", key); code != http.StatusUnauthorized {
			t.Errorf("the key of %s opens the centre: %d", app, code)
		}
	}
	// A suspended town answers its programs and its people that it is.
	if _, err := town.Owner(t).Exec(t.Context(), `update tenant set suspended_at = now(), suspended_for = 'x'`); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/", "/connexion", "/api/v1/me"} {
		if code, body := ask(atTown, path, ""); code != http.StatusServiceUnavailable || !strings.Contains(body, "suspendu") {
			t.Errorf("%s of a suspended town: %d %.200s", path, code, body)
		}
	}
}
