//go:build slow

package api

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"parapheur/internal/tooltest"
	"parapheur/internal/towntest"
)

// TestTypesAreCurrent makes the TypeScript types from the document, and holds
// the file that integrators take to them.
func TestTypesAreCurrent(t *testing.T) {
	t.Parallel()
	tooltest.Need(t, "npx")
	const golden = "../docs/integration/typescript/parapheur.d.ts"
	made := golden
	if !*update {
		made = filepath.Join(t.TempDir(), "parapheur.d.ts")
	}
	if out, err := exec.CommandContext(t.Context(), "npx", "-y", "openapi-typescript@7.13.0", "../docs/openapi.yaml", "-o", made).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	got, err := os.ReadFile(made)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error(golden + " is not what the document says: run make generate")
	}
}

// TestNothingBreaks compares the document with that of the last release. What
// would stop a program that works today is refused; it is deprecated first.
func TestNothingBreaks(t *testing.T) {
	t.Parallel()
	breaking := func(was, is string) (string, error) {
		cmd := exec.CommandContext(t.Context(), "go", "run", "github.com/oasdiff/oasdiff@v1.35.0", "breaking", "--fail-on", "ERR", was, is)
		cmd.Env = append(os.Environ(), "GOFLAGS=")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	const now, released = "../docs/openapi.yaml", "../docs/openapi.released.yaml"
	if out, err := breaking(released, now); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	// And it can fail: an operation that went is found.
	raw, err := os.ReadFile(now)
	if err != nil {
		t.Fatal(err)
	}
	less := filepath.Join(t.TempDir(), "less.yaml")
	if err := os.WriteFile(less, bytes.Replace(raw, []byte("\n  /me:\n"), []byte("\n  /moi:\n"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := breaking(released, less); err == nil || !strings.Contains(out, "/me") {
		t.Errorf("an operation that went is not found: %v: %s", err, out)
	}
}

const (
	schemathesis = "schemathesis==4.32.5"
	// fuzzSeconds is how long the interface is fuzzed, FUZZTIME apart.
	fuzzSeconds = "120"
)

// TestFuzzing lets schemathesis make up requests from the document, single and
// chained (what one answers goes into the next), against a real town. It finds
// no 5xx, no answer that the document does not describe, and no resource that
// outlives its removal.
//
// Not asked of it: Allow, because the letter's own address is described beside
// that of any document and the server rightly answers for both.
func TestFuzzing(t *testing.T) {
	t.Parallel()
	tooltest.Need(t, "python3")
	st := installed(t)
	h := newHall(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Host = strings.TrimPrefix(towntest.Origin, "http://")
		h.handler.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	for n := range 5 {
		h.put(t, "graine-000"+string(rune('0'+n)), nil) // something to find
	}
	seconds := os.Getenv("FUZZTIME")
	if seconds == "" {
		seconds = fuzzSeconds
	}
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, st, "run", server.URL+"/api/v1/openapi.json", "--origin", server.URL, "-H", "Authorization: Bearer "+h.key,
		"--max-time", strings.TrimSuffix(seconds, "s"), "--request-timeout", "60", "--continue-on-failure", "--warnings", "off", "--no-color", "--checks",
		"not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance,use_after_free,ignored_auth")
	cmd.Dir = t.TempDir()
	for name, body := range map[string][]byte{
		"schemathesis.toml": []byte("hooks = \"hooks.py\"\n"), "hooks.py": []byte(pdfHooks), "lettre.pdf": towntest.Sample(t, sample),
	} {
		if err := os.WriteFile(filepath.Join(cmd.Dir, name), body, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd.Env = append(os.Environ(), "SCHEMATHESIS_HOOKS=hooks.py")
	out, err := cmd.CombinedOutput()
	text := string(out)
	if err != nil && (strings.Contains(text, "\nFailures:") || !strings.Contains(text, "Test cases:")) {
		t.Fatalf("%v: %s", err, text)
	}
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if !strings.Contains(text, "Stateful (in") {
		t.Errorf("requests were not chained: %s", text)
	}
	if strings.Contains(h.log.String(), "level=ERROR") {
		t.Error("the interface logged an error") // newHall shows the log
	}
	_, summary, _ := strings.Cut(text, "SUMMARY")
	t.Log(summary)
}

// pdfHooks give schemathesis bodies of application/pdf and application/zip,
// which it does not know how to make up: a letter, and what is none.
const pdfHooks = `import schemathesis
from hypothesis import strategies as st

with open("lettre.pdf", "rb") as f:
    letter = f.read()


@schemathesis.hook
def before_load_schema(context, raw_schema):
    # The example of a PDF is a text that stands for one.
    for item in raw_schema["paths"].values():
        for operation in item.values():
            content = operation.get("requestBody", {}).get("content", {}) if isinstance(operation, dict) else {}
            content.get("application/pdf", {}).pop("example", None)


schemathesis.openapi.media_type("application/pdf", st.sampled_from([letter, letter[:1000], b"%PDF-1.7", b"x"]))


schemathesis.openapi.media_type("application/zip", st.sampled_from([b"PK\x05\x06" + bytes(18), b"PK\x03\x04", b"x"]))


@schemathesis.serializer("application/pdf", "application/zip")
def binary(ctx, value):
    return value if isinstance(value, bytes) else str(value).encode()
`

// installed returns schemathesis, in an environment of its own beside the
// caches of the user.
func installed(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "parapheur", strings.ReplaceAll(schemathesis, "==", "-"))
	program := filepath.Join(dir, "bin", "schemathesis")
	if _, err := os.Stat(program); err == nil {
		return program
	}
	for _, args := range [][]string{{"python3", "-m", "venv", dir}, {filepath.Join(dir, "bin", "pip"), "install", "-q", schemathesis}} {
		if out, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v: %s", args, err, out)
		}
	}
	return program
}
