package api

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"parapheur/dossiers"
)

// What is asked of every operation beside its documented statuses.
const (
	cellSuccess  = "success"
	cellForeign  = "another town"
	cellScope    = "wrong scope"
	cellStale    = "stale ETag"
	cellReplayed = "replayed key"
)

// exercised are the cells that the tests of this package filled, written by the
// client that validates every answer and read once, after the last test.
var exercised sync.Map

// note records what an answer shows of an operation.
func (a answer) note(operation string, r *http.Request, abroad string) {
	fill := func(cell string) { exercised.Store(operation+" "+cell, true) }
	fill(fmt.Sprint(a.status))
	if a.status < 300 {
		fill(cellSuccess)
	}
	if abroad != "" && r.Header.Get("Authorization") == "Bearer "+abroad && a.status >= 400 {
		fill(cellForeign)
	}
	if a.status == http.StatusForbidden && strings.Contains(string(a.body), problems+"insufficient-scope") {
		fill(cellScope)
	}
	if match := r.Header.Get("If-Match"); match != "" && match != "*" && (a.status == http.StatusPreconditionFailed || a.status == http.StatusConflict) {
		fill(cellStale)
	}
	if a.header.Get("Idempotency-Replayed") == "true" {
		fill(cellReplayed)
	}
}

// everywhere says why a status that operations document needs no answer of
// each: one place makes it for all of them, and a test drives that place.
func everywhere() map[string]string {
	return map[string]string{
		"429": "admission counts every request before any operation is reached: TestAKeyMayNotAskTooOften, TestStrangersMayNotAskTooOften",
		"500": "what is ours says nothing, whichever operation meets it: TestAnErrorOfOursSaysNothing",
		"503": "the places of uploads are taken in one function: TestUploadsTakeTurns",
	}
}

// freely says why an operation without a scope needs no answer to one that
// lacks it.
const freely = "without a scope to lack, only an address that is not on the application's list is refused, at admission: TestAnApplicationIsHeldToItsAddressesAndTypes"

// unreached says why a cell of an operation need not be filled, or nothing.
func unreached(op *huma.Operation, cell string) string {
	if cell == "403" && (len(op.Security) < 2 || len(op.Security[1][oauth]) == 0) {
		return freely
	}
	return ""
}

// TestReasonsNameTests holds what is said instead of a test to tests that exist.
func TestReasonsNameTests(t *testing.T) {
	t.Parallel()
	known := testNames(t)
	for _, reason := range append(slices.Collect(maps.Values(everywhere())), freely) {
		names := regexp.MustCompile(`\bTest[A-Z]\w*`).FindAllString(reason, -1)
		if len(names) == 0 {
			t.Errorf("« %s » names no test", reason)
		}
		for _, name := range names {
			if !slices.Contains(known, name) {
				t.Errorf("« %s » names %s, which is not a test of this package", reason, name)
			}
		}
	}
}

// testNames lists the tests of the package that every run takes.
func testNames(t *testing.T) (names []string) {
	t.Helper()
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		tagged := slices.ContainsFunc(f.Comments, func(g *ast.CommentGroup) bool {
			return g.Pos() < f.Package && strings.HasPrefix(g.List[0].Text, "//go:build")
		})
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && !tagged && fn.Recv == nil && strings.HasPrefix(fn.Name.Name, "Test") {
				names = append(names, fn.Name.Name)
			}
		}
	}
	return names
}

// cells lists what must have been exercised of an operation.
func cells(op *huma.Operation) []string {
	out := []string{cellSuccess, cellForeign}
	if len(op.Security) > 1 && len(op.Security[1][oauth]) > 0 {
		out = append(out, cellScope)
	}
	for _, p := range op.Parameters {
		switch p.Name {
		case "If-Match":
			out = append(out, cellStale)
		case "Idempotency-Key":
			out = append(out, cellReplayed)
		}
	}
	for status := range op.Responses {
		if status >= "300" && everywhere()[status] == "" && status != "default" {
			out = append(out, status)
		}
	}
	slices.Sort(out)
	return out
}

// missing lists the cells that no test filled, one sentence each.
func missing() (out []string) {
	o := newServer(Options{Office: &dossiers.Office{}, Log: slog.New(slog.DiscardHandler)}).spec.openapi
	for _, path := range sortedKeys(o.Paths) {
		for _, op := range operations(o.Paths[path]) {
			for _, cell := range cells(op) {
				key := op.OperationID + " " + cell
				_, filled := exercised.Load(key)
				if !filled && unreached(op, cell) == "" {
					out = append(out, fmt.Sprintf("%s (%s %s): no test of this package ever got « %s »: drive it over HTTP with hall.ask, or say in unreached why it cannot be", op.OperationID, op.Method, path, cell))
				}
			}
		}
	}
	return out
}

// everyCell ends a run of the whole package as failed when a cell was never
// exercised. A run of some tests, or where none could have a town, says nothing
// about the others.
func everyCell(code int, w io.Writer) int {
	for _, arg := range os.Args[1:] {
		for _, only := range []string{"-test.run=", "-test.skip=", "-test.list=", "-test.fuzz=", "-test.bench=", "-test.short"} {
			if strings.HasPrefix(arg, only) && arg != only {
				return code
			}
		}
	}
	driven := false // not where PostgreSQL is missing
	exercised.Range(func(any, any) bool { driven = true; return false })
	if code != 0 || !driven {
		return code
	}
	all := missing()
	for _, one := range all {
		fmt.Fprintln(w, one)
	}
	if len(all) > 0 {
		fmt.Fprintf(w, "FAIL: %d cells of operations were never exercised\n", len(all))
		return 1
	}
	return code
}
