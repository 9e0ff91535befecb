package api

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/tooltest"
	"parapheur/internal/towntest"
)

// TestTheTenMinuteStart runs every command of the pages for integrators, in
// both languages, as they are written, against a real server: each is answered
// with success, and as the OpenAPI document says.
func TestTheTenMinuteStart(t *testing.T) {
	t.Parallel()
	tooltest.Need(t, "curl", "bash")
	for page, key := range map[string]string{"README.md": "CLE", "README.en.md": "KEY"} {
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			newReader(t, newHall(t), towntest.Origin, key).follow(t, pageOf(t, page))
		})
	}
}

// TestTheSandboxPage does the same with the page of the sandbox, where a program
// plays who decides, up to the signed letter.
func TestTheSandboxPage(t *testing.T) {
	t.Parallel()
	tooltest.Need(t, "curl", "bash")
	p := newPlayer(t)
	r := newReader(t, p.hall, p.box.Tenant.Origin, "CLE")
	for _, script := range scripts(pageOf(t, "bac-a-sable.md")) {
		r.run(t, script)
	}
	signed, err := os.ReadFile(filepath.Join(r.dir, "signee.pdf"))
	if err != nil || !bytes.Contains(signed, []byte("/ETSI.CAdES.detached")) {
		t.Errorf("what was downloaded is not signed: %v", err)
	}
	for _, want := range []string{"GET /sandbox/persons", "PUT /sandbox/clock", "GET /events"} {
		method, path, _ := strings.Cut(want, " ")
		if !slices.Contains(r.asked, method+" "+base+path) {
			t.Errorf("the page does not ask %s: %q", want, r.asked)
		}
	}
	if len(r.asked) < 8 {
		t.Errorf("the page reached %q", r.asked)
	}
}

func pageOf(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile("../docs/integration/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// A reader is somebody who types what a page shows.
type reader struct {
	*hall
	env   []string
	dir   string
	asked []string // operations that were reached, in order
}

// newReader is somebody with a key of the town that is served at origin, in the
// variables that the pages name.
func newReader(t *testing.T, h *hall, origin, key string) *reader {
	t.Helper()
	r := &reader{hall: h, dir: t.TempDir()}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		seen := httptest.NewRecorder()
		ask := q.Clone(q.Context())
		ask.Host = strings.TrimPrefix(origin, "http://")
		r.handler.ServeHTTP(seen, ask)
		a := answer{t: t, status: seen.Code, header: seen.Result().Header, body: seen.Body.Bytes()}
		if strings.HasPrefix(q.URL.Path, base+"/") {
			r.conforms(t, q, a)
		}
		r.asked = append(r.asked, q.Method+" "+q.URL.Path)
		if seen.Code >= 300 {
			t.Errorf("%s %s: %d %s", q.Method, q.URL.Path, seen.Code, seen.Body)
		}
		for k, v := range a.header {
			w.Header()[k] = v
		}
		w.WriteHeader(seen.Code)
		_, _ = w.Write(a.body)
	}))
	t.Cleanup(server.Close)
	for name, sample := range map[string]string{"lettre.pdf": sample, "plan.pdf": "annexe-plan-du-chantier.pdf"} {
		if err := os.WriteFile(filepath.Join(r.dir, name), towntest.Sample(t, sample), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r.env = append(os.Environ(), "URL="+server.URL, "BAC="+server.URL+base, key+"="+r.key)
	return r
}

// follow runs the commands of a page, one block after the other. Once a letter
// is there, people decide on it as the page supposes.
func (r *reader) follow(t *testing.T, page string) {
	t.Helper()
	commands, deposited := 0, false
	for _, script := range scripts(page) {
		commands += strings.Count(script, "curl ")
		out := r.run(t, script)
		var d Dossier
		if !deposited && json.Unmarshal(out, &d) == nil && d.Title != "" && d.ID != "" {
			deposited = true
			r.env = append(r.env, "ID="+d.ID)
			r.decided(t, dossiers.ID(d.ID))
		}
	}
	if len(r.asked) != commands || commands < 10 || !deposited {
		t.Errorf("%d commands on the page reached %q", commands, r.asked)
	}
}

// scripts are the blocks of a page that ask something, without the variables
// that they would have set.
func scripts(page string) (out []string) {
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(page, -1) {
		if script := regexp.MustCompile(`(?m)^export .*$`).ReplaceAllString(block[1], ""); strings.Contains(script, "curl") {
			out = append(out, script)
		}
	}
	return out
}

// run types one block, in the order that it shows.
func (r *reader) run(t *testing.T, script string) []byte {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute) // a page may wait for what never comes
	defer stop()
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", script)
	cmd.Dir, cmd.Env = r.dir, r.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s\n%s", err, script, out)
	}
	return out
}

func (r *reader) decided(t *testing.T, id dossiers.ID) {
	t.Helper()
	if _, err := r.Person(t, demo.DGS).Decide(t, id, "visa", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Person(t, demo.Mayor).Decide(t, id, "signature", ""); err != nil {
		t.Fatal(err)
	}
	r.Await(t, id, func(d dossiers.Dossier) bool { return d.State.Phase == circuits.Completed })
}
