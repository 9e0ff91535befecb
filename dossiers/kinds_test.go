package dossiers_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"parapheur/dossiers"
)

// Every kind of event that the circuits know is told to programs: a new one
// that is forgotten here would be read past in silence.
func TestEventKindsAreAllOfThem(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("../circuits/*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			v, ok := n.(*ast.ValueSpec)
			if !ok || len(v.Names) != 1 || !strings.HasPrefix(v.Names[0].Name, "Kind") || len(v.Values) != 1 {
				return true
			}
			lit, ok := v.Values[0].(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return true
			}
			kind, err := strconv.Unquote(lit.Value)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(kind, "dossier.") {
				found++
				if !slices.Contains(dossiers.EventKinds(), kind) {
					t.Errorf("circuits.%s (%s) is missing from EventKinds", v.Names[0].Name, kind)
				}
			}
			return true
		})
	}
	if found < 10 {
		t.Errorf("%d kinds found", found)
	}
}
