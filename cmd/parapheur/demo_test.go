package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"parapheur/internal/pgtest"
	"parapheur/migrations"
)

// welcomed starts "parapheur demo" in this process, over a database and a
// folder, and answers what it says until it serves. stop ends it.
func welcomed(t *testing.T, dsn, data string) (said string, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	var errs bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		code := run(ctx, []string{"demo", "--listen", "127.0.0.1:0", "--database-url", dsn, "--data", data}, in, &errs)
		_ = in.Close()
		ended <- code
	}()
	stop = func() {
		cancel()
		select {
		case code := <-ended:
			ended <- code
			if code != exitOK {
				t.Errorf("the demonstration ends with %d: %s", code, &errs)
			}
		case <-time.After(time.Minute):
			t.Error("the demonstration does not end")
		}
	}
	t.Cleanup(stop)
	var all strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		all.WriteString(lines.Text() + "\n")
		if strings.Contains(lines.Text(), "Ctrl+C") {
			go io.Copy(io.Discard, out) //nolint:errcheck // whatever else it says
			return all.String(), stop
		}
	}
	stop()
	t.Fatalf("the demonstration ended before its welcome: %s", &errs)
	return "", nil
}

// caught is what a pattern catches in the welcome.
func caught(t *testing.T, said, pattern string) string {
	t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(said)
	if m == nil {
		t.Fatalf("no %s in\n%s", pattern, said)
	}
	return m[1]
}

// get asks a page or an operation of a town of the demonstration, at this
// machine's address and under its own name.
func get(t *testing.T, origin, path, key string) (int, string) {
	t.Helper()
	host := strings.TrimPrefix(origin, "http://")
	_, port, _ := strings.Cut(host, ":")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:"+port+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = host
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // read only
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// TestDemoHasASandbox asks both towns of a demonstration what only one of them
// answers, and finds the sandbox again with the same key after a restart.
func TestDemoHasASandbox(t *testing.T) {
	t.Parallel()
	dsn, data := pgtest.DSN(t, migrations.Apply), t.TempDir()
	said, stop := welcomed(t, dsn, data)
	town, box := caught(t, said, `\(démonstration\) : (http\S+)`), caught(t, said, `\(spécimens sans valeur\) : (http\S+)`)
	gec, key := caught(t, said, `Clé d’API \(GEC\)\s+(pk_\S+)`), caught(t, said, `Clé d’API \(essais\)\s+(pk_\S+)`)
	if !strings.HasPrefix(box, "http://bac-a-sable.localhost:") {
		t.Errorf("the sandbox is at %s", box)
	}
	for _, test := range []struct {
		origin, path, key string
		status            int
		want              string
	}{
		{box, "/api/v1/me", key, 200, `"sandbox:play"`},
		{box, "/api/v1/sandbox/persons", key, 200, `"maire"`},
		{box, "/api/v1/sandbox/clock", key, 200, `"ahead_seconds":0`},
		{box, "/api/v1/me", gec, 401, "key-needed"},
		{town, "/api/v1/me", key, 401, "key-needed"},
		{town, "/api/v1/me", gec, 200, `"dossiers:write"`},
		{town, "/api/v1/sandbox/clock", gec, 403, "insufficient-scope"},
	} {
		if status, body := get(t, test.origin, test.path, test.key); status != test.status || !strings.Contains(body, test.want) {
			t.Errorf("%s%s: %d, want %d with %s: %.300s", test.origin, test.path, status, test.status, test.want, body)
		}
	}
	// Each page says what its town is, in one line.
	const sandboxed, demonstrated = "<strong>Bac à sable</strong>&nbsp;: spécimens sans valeur.", "Démonstration&nbsp;: clés et signatures d’essai, sans valeur légale."
	invitation := caught(t, said, regexp.QuoteMeta(box)+`(/enrolement/\S+)`)
	for _, path := range []string{"/connexion", "/verifier", "/accessibilite", invitation} {
		status, body := get(t, box, path, "")
		if status != 200 || strings.Count(body, sandboxed) != 1 || strings.Count(body, `<aside class="demo"`) != 1 {
			t.Errorf("%s of the sandbox: %d, with %d banners", path, status, strings.Count(body, `<aside class="demo"`))
		}
	}
	if status, body := get(t, town, "/connexion", ""); status != 200 || strings.Contains(body, "Bac à sable") || !strings.Contains(body, demonstrated) {
		t.Errorf("the real town: %d", status)
	}
	stop()

	said, stop = welcomed(t, dsn, data)
	box = caught(t, said, `\(spécimens sans valeur\) : (http\S+)`)
	if again := caught(t, said, `Clé d’API \(essais\)\s+(pk_\S+)`); again != key {
		t.Error("another key after a restart")
	}
	if status, body := get(t, box, "/api/v1/sandbox/clock", key); status != 200 {
		t.Errorf("after a restart: %d %s", status, body)
	}
	stop()
}
