//go:build slow

package api

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"parapheur/internal/tooltest"
)

// TestLinters has two linters read the OpenAPI document: neither finds an
// error, nor anything to warn of.
func TestLinters(t *testing.T) {
	t.Parallel()
	tooltest.Need(t, "npx")
	document, err := filepath.Abs("../docs/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, ".spectral.yaml"), []byte("extends: [\"spectral:oas\"]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		args  []string
		clean string
	}{
		"redocly":  {[]string{"@redocly/cli@2.77.0", "lint", document}, "Your API description is valid"},
		"spectral": {[]string{"@stoplight/spectral-cli@6.16.3", "lint", "--fail-severity=warn", "-r", ".spectral.yaml", document}, "No results"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), "npx", append([]string{"-y"}, tc.args...)...)
			cmd.Dir = dir
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), tc.clean) || strings.Contains(string(out), "warning.") {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}
