//go:build slow

package intake

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"parapheur/internal/tooltest"
)

// TestVeraPDF has veraPDF judge PDF/A files before and after they were repaired, stamped and joined: what it accepted it
// still accepts, in the same flavour. The judge is the one of signing/conformance, in the same cache.
func TestVeraPDF(t *testing.T) {
	samples, err := filepath.Glob("../../signing/conformance/testdata/*pdfa*.pdf")
	if err != nil || len(samples) == 0 {
		t.Fatalf("no PDF/A samples, %v", err)
	}
	stamps := []Stamp{{Page: 1, X: 0.5, Y: 0.02, W: 0.48, H: 0.05, Lines: []string{"Chrono 2026-0123", "Haÿ-l’Œuvre, le 1er été"}}}
	var asked []string
	from := map[string]string{} // what was made, and of what
	add := func(sample, what string, path string, err error) {
		if err != nil {
			t.Fatalf("%s, %s: %v", sample, what, err)
		}
		asked, from[path] = append(asked, path), sample
	}
	for _, sample := range samples {
		b, err := os.ReadFile(sample)
		if err != nil {
			t.Fatal(err)
		}
		asked = append(asked, sample)
		repaired, err := rewritten(t, write(t, append(b, make([]byte, 500)...)), nil)
		add(sample, "repaired", repaired, err)
		stamped, err := rewritten(t, sample, stamps)
		add(sample, "stamped", stamped, err)
		add(sample, "specimen", specimen(t, sample), nil)
		joined, err := rewritten(t, sample, stamps, sample)
		if !errors.Is(err, ErrArchival) { // of level A: its structure would not cover the annex
			add(sample, "joined", joined, err)
		}
	}
	said := vera(t, asked)
	for _, path := range asked {
		if sample := from[path]; said[path] == "" || sample != "" && said[path] != said[sample] {
			t.Errorf("%s, made of %s (%q): %q", path, sample, said[sample], said[path])
		}
	}
}

// vera answers the flavour of each file that veraPDF accepts.
func vera(t *testing.T, paths []string) map[string]string {
	t.Helper()
	_, jars := tooltest.Maven(t, "verapdf", "../../signing/conformance/judge/verapdf.xml")
	args := []string{"-cp", filepath.Join(jars, "*"), "org.verapdf.apps.GreenfieldCliWrapper", "--format", "text", "--flavour", "0", "--defaultflavour", "2b"}
	names := map[string]string{}
	for _, path := range paths {
		whole, err := filepath.Abs(path)
		if err != nil {
			t.Fatal(err)
		}
		names[whole], args = path, append(args, whole)
	}
	out, _ := exec.CommandContext(t.Context(), "java", args...).Output() // fails when a file does, which is said below
	said := map[string]string{}
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "PASS" {
			said[names[f[1]]] = f[2]
		}
	}
	t.Logf("%s", out)
	return said
}
