// Command measure prints where the code stands: comments, lengths of functions,
// tests. The numbers are to be proud of or to be worked on; no test holds
// anybody to them.
//
// It reads the Go files below one folder and nothing else; generated files,
// vendored files and test data are left out. It fails on a file that does not
// parse.
package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	root := "."
	if len(os.Args) > 1 {
		root = os.Args[1]
	}
	m, err := measure(root)
	if err != nil {
		fmt.Fprintln(os.Stderr, "measure:", err)
		os.Exit(1)
	}
	m.print(os.Stdout)
}

// measures are the counts of one tree.
type measures struct {
	packages   map[string]bool // folder: has a package comment
	exported   int
	documented int
	functions  []function // outside tests
	interfaces int
	inits      int
	variables  int // package variables that hold no error
	code, test int // lines that are neither blank nor comment
	longest    []file
}

type function struct {
	name  string
	lines int
}

type file struct {
	name  string
	lines int
}

func measure(root string) (*measures, error) {
	m := &measures{packages: map[string]bool{}}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && skipped(d.Name()):
			return fs.SkipDir
		case d.IsDir() || filepath.Ext(path) != ".go":
			return nil
		}
		return m.file(path)
	})
	return m, err
}

func skipped(dir string) bool {
	return strings.HasPrefix(dir, ".") || slices.Contains([]string{"vendor", "testdata", "tools", "node_modules", "data"}, dir)
}

func (m *measures) file(path string) error {
	src, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, path, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	if ast.IsGenerated(f) {
		return nil
	}
	n := codeLines(set, f, src)
	if strings.HasSuffix(path, "_test.go") {
		m.test += n
		return nil
	}
	m.code += n
	m.longest = append(m.longest, file{path, strings.Count(string(src), "\n")})
	dir := filepath.Dir(path)
	m.packages[dir] = m.packages[dir] || f.Doc != nil
	for _, d := range f.Decls {
		m.declaration(set, path, d)
	}
	return nil
}

// codeLines counts the lines on which a token of the program stands.
func codeLines(set *token.FileSet, f *ast.File, src []byte) int {
	comment := map[int]bool{}
	for _, g := range f.Comments {
		for line := set.Position(g.Pos()).Line; line <= set.Position(g.End()).Line; line++ {
			comment[line] = true
		}
	}
	n := 0
	for i, line := range strings.Split(string(src), "\n") {
		text := strings.TrimSpace(line)
		whole := strings.HasPrefix(text, "//") || strings.HasPrefix(text, "/*")
		if text != "" && (!whole || !comment[i+1]) {
			n++
		}
	}
	return n
}

func (m *measures) declaration(set *token.FileSet, path string, d ast.Decl) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		m.function(set, path, d)
	case *ast.GenDecl:
		for _, s := range d.Specs {
			m.spec(d, s)
		}
	}
}

func (m *measures) function(set *token.FileSet, path string, d *ast.FuncDecl) {
	if d.Recv == nil && d.Name.Name == "init" {
		m.inits++
	}
	if d.Name.IsExported() && (d.Recv == nil || receiverExported(d.Recv)) {
		m.count(d.Doc != nil)
	}
	if d.Body != nil {
		lines := set.Position(d.End()).Line - set.Position(d.Pos()).Line + 1
		m.functions = append(m.functions, function{path + ": " + d.Name.Name, lines})
	}
}

func receiverExported(fields *ast.FieldList) bool {
	t := fields.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return false
		}
	}
}

func (m *measures) spec(d *ast.GenDecl, s ast.Spec) {
	switch s := s.(type) {
	case *ast.TypeSpec:
		if _, ok := s.Type.(*ast.InterfaceType); ok {
			m.interfaces++
		}
		if s.Name.IsExported() {
			m.count(s.Doc != nil || d.Doc != nil)
		}
	case *ast.ValueSpec:
		for _, name := range s.Names {
			if name.IsExported() {
				m.count(s.Doc != nil || s.Comment != nil || d.Doc != nil)
			}
			if d.Tok == token.VAR && name.Name != "_" && !isError(name.Name) {
				m.variables++
			}
		}
	}
}

// isError goes by the name, which the linters keep honest (ErrX, errX).
func isError(name string) bool {
	return strings.HasPrefix(name, "Err") || strings.HasPrefix(name, "err")
}

func (m *measures) count(documented bool) {
	m.exported++
	if documented {
		m.documented++
	}
}

func (m *measures) print(w io.Writer) {
	commented := 0
	for _, ok := range m.packages {
		if ok {
			commented++
		}
	}
	slices.SortFunc(m.functions, func(a, b function) int { return b.lines - a.lines })
	slices.SortFunc(m.longest, func(a, b file) int { return b.lines - a.lines })
	row := func(name string, value any, aim string) { fmt.Fprintf(w, "%-34s %10v   %s\n", name, value, aim) }
	row("measure", "here", "we aim at")
	row("packages", len(m.packages), "")
	row("packages with a comment", percent(commented, len(m.packages)), "100 %")
	row("exported names with a comment", percent(m.documented, m.exported), "100 %")
	row("function lines, median", m.quantile(0.5), "10 at most")
	row("function lines, p95", m.quantile(0.95), "45 at most")
	row("function lines, max", m.quantile(1), "90 at most")
	row("file lines, max", first(m.longest), "600 at most")
	row("interfaces", m.interfaces, "")
	row("init functions", m.inits, "0")
	row("package variables (no errors)", m.variables, "")
	row("lines of code, tests left out", m.code, "")
	row("lines of tests", m.test, "")
	row("test lines per code line", fmt.Sprintf("%.2f", float64(m.test)/float64(max(m.code, 1))), "about 1")
	fmt.Fprintln(w, "\nlongest functions:")
	for _, f := range m.functions[:min(5, len(m.functions))] {
		fmt.Fprintf(w, "%5d  %s\n", f.lines, f.name)
	}
	m.bare(w)
}

// bare names the packages that nobody introduced.
func (m *measures) bare(w io.Writer) {
	var names []string
	for dir, ok := range m.packages {
		if !ok {
			names = append(names, dir)
		}
	}
	slices.Sort(names)
	if len(names) > 0 {
		fmt.Fprintln(w, "\npackages without a comment:", strings.Join(names, ", "))
	}
}

func first(files []file) int {
	if len(files) == 0 {
		return 0
	}
	return files[0].lines
}

// quantile expects the functions sorted, the longest first.
func (m *measures) quantile(q float64) int {
	if len(m.functions) == 0 {
		return 0
	}
	i := int((1 - q) * float64(len(m.functions)-1))
	return m.functions[i].lines
}

func percent(n, of int) string {
	if of == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f %%", 100*float64(n)/float64(of))
}
