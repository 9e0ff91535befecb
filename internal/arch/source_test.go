package arch

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestEveryPackageIsExplained checks that each package says what it is for.
func TestEveryPackageIsExplained(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		if len(p.GoFiles) == 0 {
			continue
		}
		explained := false
		for _, name := range p.GoFiles {
			f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.ParseComments|parser.PackageClauseOnly)
			if err != nil {
				t.Fatal(err)
			}
			explained = explained || f.Doc != nil && len(strings.TrimSpace(f.Doc.Text())) >= 40
		}
		if !explained {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}

// TestPure checks that the pure packages ask nothing of the world: no clock,
// no goroutine, no channel, no package variable but errors.
func TestPure(t *testing.T) {
	t.Parallel()
	for _, dir := range []string{"../../circuits", "../../journal"} {
		names, err := filepath.Glob(dir + "/*.go")
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: no file, %v", dir, err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			fset := token.NewFileSet()
			f, err := parser.ParseFile(fset, name, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, fault := range slices.Concat(variables(fset, f), effects(fset, f)) {
				t.Error(fault)
			}
		}
	}
}

// TestPureFails makes the check fail, so that it is known to be able to.
func TestPureFails(t *testing.T) {
	t.Parallel()
	const src = `package p; import "time"; var n int; func f(c chan int) { go f(c); c <- time.Now().Second(); <-c; time.Sleep(1) }`
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "p.go", src, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(variables(fset, f)) + len(effects(fset, f)); got != 7 {
		t.Errorf("%d faults found, want 7", got)
	}
}

// variables finds package variables which are not errors.
func variables(fset *token.FileSet, f *ast.File) (faults []string) {
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.VAR {
			continue
		}
		for _, s := range g.Specs {
			for _, n := range s.(*ast.ValueSpec).Names {
				if !strings.HasPrefix(n.Name, "Err") && n.Name != "_" {
					faults = append(faults, fmt.Sprintf("%s: package variable %s", fset.Position(n.Pos()), n.Name))
				}
			}
		}
	}
	return faults
}

// effects finds concurrency and readings of the clock.
func effects(fset *token.FileSet, f *ast.File) (faults []string) {
	clock := []string{"Now", "Since", "Until", "Sleep", "After", "NewTimer", "NewTicker", "Tick", "AfterFunc"}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt, *ast.SendStmt, *ast.SelectStmt, *ast.ChanType:
			faults = append(faults, fmt.Sprintf("%s: concurrency in a pure package", fset.Position(n.Pos())))
		case *ast.UnaryExpr:
			if n.Op == token.ARROW {
				faults = append(faults, fmt.Sprintf("%s: concurrency in a pure package", fset.Position(n.Pos())))
			}
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains(clock, n.Sel.Name) {
				faults = append(faults, fmt.Sprintf("%s: time.%s in a pure package", fset.Position(n.Pos()), n.Sel.Name))
			}
		}
		return true
	})
	return faults
}
