package problem

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/intake"
)

// TestEverySentinelHasARow reads the packages whose errors reach people, and
// the source of the table: a new Err without a row fails here.
func TestEverySentinelHasARow(t *testing.T) {
	t.Parallel()
	rows := selectors(t, "table.go")
	for _, dir := range []string{"dossiers", "circuits", "approvals", "internal/intake", "internal/blobs"} {
		names := sentinels(t, "../../"+dir)
		if len(names) == 0 {
			t.Errorf("%s: no sentinel found", dir)
		}
		pkg := dir[strings.LastIndex(dir, "/")+1:]
		for _, n := range names {
			if !slices.Contains(rows, pkg+"."+n) {
				t.Errorf("%s.%s has no row in the table", pkg, n)
			}
		}
	}
}

// sentinels lists the exported package variables named Err… of a folder.
func sentinels(t *testing.T, dir string) (names []string) {
	t.Helper()
	pkgs, err := parser.ParseDir(token.NewFileSet(), dir, nil, 0) //nolint:staticcheck // the files of one folder, build tags do not matter
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pkgs {
		for file, f := range p.Files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			for _, d := range f.Decls {
				g, ok := d.(*ast.GenDecl)
				if !ok || g.Tok != token.VAR {
					continue
				}
				for _, s := range g.Specs {
					for _, n := range s.(*ast.ValueSpec).Names {
						if strings.HasPrefix(n.Name, "Err") {
							names = append(names, n.Name)
						}
					}
				}
			}
		}
	}
	return names
}

// selectors lists the pkg.Name expressions of a file.
func selectors(t *testing.T, file string) (found []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok {
				found = append(found, x.Name+"."+s.Sel.Name)
			}
		}
		return true
	})
	return found
}

func TestEveryRowIsFitToShow(t *testing.T) {
	t.Parallel()
	slug := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	status, title := map[string]int{}, map[string]string{}
	for _, r := range append(Table(), Row{Problem: internal()}, Row{Problem: busy()}, Row{Problem: Invalid()}) {
		if r.Err != nil && For(fmt.Errorf("doing it: %w", r.Err)).Type != r.Type {
			t.Errorf("%v is shadowed by another row", r.Err)
		}
		if !slug.MatchString(r.Type) || r.Title == "" || r.Detail == "" || r.Status < 400 || r.Status > 599 {
			t.Errorf("%v: %+v is not complete", r.Err, r.Problem)
		}
		if strings.ContainsAny(r.Title+r.Detail, "'\"") {
			t.Errorf("%s: straight quotes in French: %s %s", r.Type, r.Title, r.Detail)
		}
		if strings.HasSuffix(r.Title, ".") || !strings.HasSuffix(r.Detail, ".") {
			t.Errorf("%s: a title has no full stop, a detail has one", r.Type)
		}
		if s, ok := status[r.Type]; ok && s != r.Status {
			t.Errorf("%s is both %d and %d", r.Type, s, r.Status)
		}
		status[r.Type] = r.Status
		if old, ok := title[r.Type]; ok && old != r.Title {
			t.Errorf("%s has two titles: %s, %s", r.Type, old, r.Title)
		}
		title[r.Type] = r.Title
	}
}

func TestFor(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		err    error
		status int
		slug   string
	}{
		{"a field", &dossiers.InvalidError{Field: "title", Reason: "Ce champ est nécessaire."}, 422, "invalid-input"},
		{"wrapped twice", fmt.Errorf("a: %w", fmt.Errorf("b: %w", circuits.ErrSigned)), 409, "already-signed"},
		{"joined", errors.Join(errors.New("close"), intake.ErrEncrypted), 422, "document-encrypted"},
		{"body over the cap", &http.MaxBytesError{Limit: 1}, 413, "request-too-large"},
		{"out of time", fmt.Errorf("read: %w", context.DeadlineExceeded), 503, "unavailable"},
		{"unknown", errors.New("pq: password authentication failed for user secret"), 500, "internal"},
		{"nil", nil, 500, "internal"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p := For(tc.err)
			if p.Status != tc.status || p.Type != tc.slug {
				t.Errorf("got %d %s, want %d %s", p.Status, p.Type, tc.status, tc.slug)
			}
			if strings.Contains(fmt.Sprint(p), "secret") {
				t.Errorf("tells too much: %+v", p)
			}
		})
	}
	if f := For(&dossiers.InvalidError{Field: "title", Reason: "Non."}).Fields; len(f) != 1 || f[0] != (Field{"title", "Non."}) {
		t.Errorf("fields %+v", f)
	}
}

func TestOf(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 401, 403, 404, 405, 406, 409, 410, 412, 413, 415, 418, 422, 428, 429, 500, 502, 503} {
		p := Of(status)
		if p.Title == "" || p.Detail == "" || p.Type == "" {
			t.Errorf("%d: %+v", status, p)
		}
		if status < 500 && p.Status != status {
			t.Errorf("%d answers %d", status, p.Status)
		}
	}
}

func TestAllNamesEachTypeOnce(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, p := range All() {
		if seen[p.Type] {
			t.Errorf("%s twice", p.Type)
		}
		seen[p.Type] = true
	}
	for _, r := range Table() {
		if !seen[r.Type] {
			t.Errorf("%s is not listed", r.Type)
		}
	}
}

// TestUnreachable: a database or a store that does not answer is a 503 to try
// again, not a fault of ours.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	_, err := (&net.Dialer{}).DialContext(t.Context(), "unix", filepath.Join(t.TempDir(), "nobody"))
	p := For(fmt.Errorf("session: %w", err))
	if p.Status != http.StatusServiceUnavailable || p.RetryAfter == 0 {
		t.Errorf("%v: %+v", err, p)
	}
	for code, want := range map[string]int{"57P01": 503, "57P03": 503, "53300": 503, "08006": 503, "57014": 500, "23505": 500} {
		if p := For(fmt.Errorf("session: %w", state(code))); p.Status != want {
			t.Errorf("SQLSTATE %s: %d, want %d", code, p.Status, want)
		}
	}
	for _, cut := range []error{io.ErrUnexpectedEOF, unsent{}} {
		if p := For(fmt.Errorf("session: %w", cut)); p.Status != http.StatusServiceUnavailable {
			t.Errorf("%v: %+v", cut, p)
		}
	}
	if p := For(errors.New("something else")); p.Status != http.StatusInternalServerError {
		t.Errorf("an unknown error: %+v", p)
	}
}

// unsent is the error of a query on a connection that was lost before.
type unsent struct{}

func (unsent) Error() string     { return "conn closed" }
func (unsent) SafeToRetry() bool { return true }

// state is an error as the driver of PostgreSQL makes them.
type state string

func (s state) Error() string    { return "SQLSTATE " + string(s) }
func (s state) SQLState() string { return string(s) }
