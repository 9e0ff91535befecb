package api

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/towntest"
)

// TestTheTenMinuteStart runs every command of the pages for integrators, in
// both languages, as they are written, against a real server: each is answered
// with success, and as the OpenAPI document says.
func TestTheTenMinuteStart(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"curl", "bash"} {
		if _, err := exec.LookPath(name); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal(err)
			}
			t.Skip(name + " is not installed")
		}
	}
	for page, key := range map[string]string{"README.md": "CLE", "README.en.md": "KEY"} {
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			raw, err := os.ReadFile("../docs/integration/" + page)
			if err != nil {
				t.Fatal(err)
			}
			newReader(t, key).follow(t, string(raw))
		})
	}
}

// A reader is somebody who types what a page shows.
type reader struct {
	*hall
	env   []string
	dir   string
	asked []string // operations that were reached, in order
}

func newReader(t *testing.T, key string) *reader {
	t.Helper()
	r := &reader{hall: newHall(t), dir: t.TempDir()}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		seen := httptest.NewRecorder()
		ask := q.Clone(q.Context())
		ask.Host = strings.TrimPrefix(towntest.Origin, "http://")
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
	r.env = append(os.Environ(), "URL="+server.URL, key+"="+r.key)
	return r
}

// follow runs the commands of a page, one block after the other. Once a letter
// is there, people decide on it as the page supposes.
func (r *reader) follow(t *testing.T, page string) {
	t.Helper()
	blocks := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(page, -1)
	commands, deposited := 0, false
	for _, block := range blocks {
		script := regexp.MustCompile(`(?m)^export .*$`).ReplaceAllString(block[1], "")
		if !strings.Contains(script, "curl") {
			continue
		}
		commands += strings.Count(script, "curl ")
		cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", script)
		cmd.Dir, cmd.Env = r.dir, r.env
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s\n%s", err, script, out)
		}
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
