package docs

import (
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// Every module that go.mod requires directly has its line, and no line speaks
// of a module that is gone.
func TestDependenciesAreExplained(t *testing.T) {
	t.Parallel()
	raw, err := exec.CommandContext(t.Context(), "go", "mod", "edit", "-json", "../go.mod").Output()
	if err != nil {
		t.Fatal(err)
	}
	var mod struct {
		Require []struct {
			Path     string
			Indirect bool
		}
	}
	if err := json.Unmarshal(raw, &mod); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	var explained []string
	for line := range strings.Lines(string(page)) {
		if name, _, ok := strings.Cut(strings.TrimPrefix(line, "| `"), "`"); ok && strings.HasPrefix(line, "| `") {
			explained = append(explained, name)
		}
	}
	for _, r := range mod.Require {
		if i := slices.Index(explained, r.Path); i >= 0 {
			explained = slices.Delete(explained, i, i+1)
		} else if !r.Indirect {
			t.Errorf("docs/dependencies.md does not explain %s", r.Path)
		}
	}
	for _, name := range explained {
		t.Errorf("docs/dependencies.md explains %s, which go.mod does not require", name)
	}
}
