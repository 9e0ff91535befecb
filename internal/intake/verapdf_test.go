//go:build slow

package intake

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestVeraPDF has veraPDF judge PDF/A files before and after they were repaired, stamped and joined: what it accepted it
// still accepts, in the same flavour. The judge is the one of signing/conformance, in the same cache.
func TestVeraPDF(t *testing.T) {
	samples, err := filepath.Glob("../../signing/conformance/testdata/*pdfa*.pdf")
	if err != nil || len(samples) == 0 {
		t.Fatalf("no PDF/A samples, %v", err)
	}
	stamps := []Stamp{{Page: 1, X: 0.5, Y: 0.02, W: 0.48, H: 0.05, Lines: []string{"Chrono 2026-0123", "Haÿ-l’Œuvre, le 1er été"}}}
	for _, sample := range samples {
		b, err := os.ReadFile(sample)
		if err != nil {
			t.Fatal(err)
		}
		before := vera(t, sample)
		if !strings.HasPrefix(before, "PASS") {
			t.Fatalf("%s: %s before anything", sample, before)
		}
		repaired, err := rewritten(t, write(t, append(b, make([]byte, 500)...)), nil)
		if err != nil {
			t.Fatal(err)
		}
		stamped, err := rewritten(t, sample, stamps)
		if err != nil {
			t.Fatal(err)
		}
		made := map[string]string{"repaired": repaired, "stamped": stamped}
		if !strings.HasSuffix(before, "a") { // whose structure would not cover the annex
			if made["joined"], err = rewritten(t, sample, stamps, sample); err != nil {
				t.Fatal(err)
			}
		}
		for what, path := range made {
			if after := vera(t, path); after != before {
				t.Errorf("%s: %s before, %s once %s", filepath.Base(sample), before, after, what)
			}
		}
	}
}

// vera answers "PASS 2b" or what veraPDF says instead.
func vera(t *testing.T, path string) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	jars, err := filepath.Glob(filepath.Join(cache, "parapheur-conformance", "verapdf-*"))
	if err != nil || len(jars) == 0 {
		t.Skip("veraPDF is not installed: make conformance downloads it")
	}
	//nolint:errcheck // it fails when the file does, which its words say
	out, _ := exec.CommandContext(t.Context(), "java", "-cp", filepath.Join(jars[len(jars)-1], "*"), "org.verapdf.apps.GreenfieldCliWrapper",
		"--format", "text", "--flavour", "0", "--defaultflavour", "2b", "-v", path).Output()
	first, _, _ := strings.Cut(string(out), "\n")
	if f := strings.Fields(first); len(f) == 3 && f[0] == "PASS" {
		return "PASS " + f[2]
	}
	return string(out)
}
