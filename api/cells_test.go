package api

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"

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
		"429": "admission counts every request before any operation is reached: TestTooManyRequests",
		"500": "what is ours says nothing, whichever operation meets it: TestAnErrorOfOursSaysNothing",
		"503": "the places of uploads are taken in one function: TestUploadsWaitForTheirTurn",
	}
}

// unreached says why a cell of an operation need not be filled, or nothing.
func unreached(op *huma.Operation, cell string) string {
	sets := slices.Contains(op.Tags, tagOrganisation) || slices.Contains(op.Tags, tagCircuits)
	named := func(name string) bool { return strings.HasSuffix(op.OperationID, name) }
	switch {
	case cell == "409" && sets:
		return "only a change of the set-up between its reading and its writing, or a repetition under way, is a conflict; both are made in one place: TestSetUpsAtOnce of dossiers, TestManyAtOnceUnderOneKey"
	case cell == "409" && (op.OperationID == "addComment" || op.OperationID == "renewKey"):
		return "only a repetition under way is a conflict, made in one place: TestManyAtOnceUnderOneKey"
	case (cell == "412" || cell == "428") && named("CircuitCase"):
		return "writes of the set-up share their list of statuses, and a case has no entity tag"
	case cell == "403" && op.Security[1][oauth] == nil || cell == "403" && len(op.Security[1][oauth]) == 0:
		return "without a scope to lack, only an address that is not on the application's list is refused, at admission: TestNetworks"
	}
	return ""
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
// exercised, when it is asked to (make cells). A run of some tests only says
// nothing about the others.
func everyCell(code int, w io.Writer) int {
	for _, arg := range os.Args[1:] {
		for _, only := range []string{"-test.run=", "-test.skip=", "-test.list=", "-test.fuzz=", "-test.bench=", "-test.short"} {
			if strings.HasPrefix(arg, only) && arg != only {
				return code
			}
		}
	}
	if code != 0 || os.Getenv("EVERY_CELL") != "true" {
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
