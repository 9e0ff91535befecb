package main

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"parapheur/internal/metrics"
	"parapheur/internal/towntest"
	"parapheur/internal/wiring"
)

// node serves the demonstration town in this process.
func node(t *testing.T) (*server, *httptest.Server) {
	t.Helper()
	town := towntest.New(t, func(c *wiring.Config) { c.Workers = 0 })
	s := &server{
		system: town.System, log: slog.New(slog.DiscardHandler), metrics: metrics.New(town.Pool, "test"),
		limit: 1 << 20, elsewhere: towntest.Origin,
	}
	srv := httptest.NewServer(s.handler(false))
	t.Cleanup(srv.Close)
	return s, srv
}

// TestRoutes asks what a proxy, an orchestrator and a newcomer ask.
func TestRoutes(t *testing.T) {
	t.Parallel()
	s, srv := node(t)
	const name = "localhost:8080"
	for _, test := range []struct {
		method, host, path string
		status             int
		want               string // in the body, or the end of Location
	}{
		{"GET", "any.example", "/healthz", 200, "ok"},
		{"HEAD", "any.example", "/healthz", 200, ""},
		{"GET", "any.example", "/readyz", 200, "ready"},
		{"HEAD", "any.example", "/readyz", 200, ""},
		{"GET", name, "/connexion", 200, "Se connecter"},
		{"HEAD", name, "/connexion", 200, ""},
		{"HEAD", name, "/api/docs", 200, ""},
		{"HEAD", name, "/api/v1/openapi.json", 200, ""},
		{"GET", name, "/api/v1/me", 401, "application"},
		{"GET", "evil.example", "/connexion", 404, "Aucune mairie"},
		{"GET", "evil.example", "/api/v1/me", 404, ""},
		{"GET", "127.0.0.1:8080", "/deposer?a=b", 307, towntest.Origin + "/deposer?a=b"},
		{"GET", "[::1]:8080", "/", 307, towntest.Origin + "/"},
		{"POST", "127.0.0.1:8080", "/quitter", 404, ""},
		{"GET", "192.0.2.1:8080", "/", 404, "Aucune mairie"},
		{"GET", name, "/metrics", 404, ""},
		{"TRACE", name, "/", 405, ""},
		{"PROPFIND", name, "/", 405, "Cette adresse ne s’ouvre pas ainsi"},
		{"PROPFIND", name, "/api/v1/me", 405, "method-not-allowed"},
		{"PROPFIND", name, "/api/v1/nulle-part", 404, "not-found"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), test.method, srv.URL+test.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = test.host
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != test.status {
			t.Errorf("%s %s%s: %d, want %d", test.method, test.host, test.path, resp.StatusCode, test.status)
		}
		if got := string(body) + resp.Header.Get("Location"); !strings.Contains(got, test.want) {
			t.Errorf("%s %s%s: no %q in %.300s", test.method, test.host, test.path, test.want, got)
		}
	}
	s.leaving.Store(true)
	resp, err := http.Get(srv.URL + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a node that leaves is ready: %d", resp.StatusCode)
	}
}

// TestMetrics holds routes to patterns: no path, no token, no identifier.
func TestMetrics(t *testing.T) {
	t.Parallel()
	s, srv := node(t)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+"/enrolement/a-secret-token", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "localhost:8080"
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	// A job that waits, as a deciding transaction leaves it.
	tx, err := s.system.Pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.system.Queue.EnqueueSeal(t.Context(), tx, "town", "dossier"); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	side := httptest.NewServer(s.metrics.Handler())
	t.Cleanup(side.Close)
	for path, status := range map[string]int{"/metrics": 200, "/": 404, "/healthz": 404} {
		resp, err := http.Get(side.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != status {
			t.Errorf("%s: %d, want %d", path, resp.StatusCode, status)
		}
		if path != "/metrics" {
			continue
		}
		if !strings.Contains(string(body), `route="/enrolement/{token}"`) || strings.Contains(string(body), "a-secret-token") {
			t.Errorf("metrics:\n%s", body)
		}
		if !strings.Contains(string(body), `parapheur_jobs{kind="seal",state="available"} 1`) {
			t.Errorf("the waiting job is not counted:\n%s", body)
		}
	}
}
