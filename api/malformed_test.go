package api

import (
	"bytes"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
)

// TestEveryOperationRefusesWhatIsMalformed sends each operation what no client
// should: a parameter that does not exist, a body of another kind, one that is
// too long, one that is no JSON, a key that is none. Each is told so, and
// nothing is done.
func TestEveryOperationRefusesWhatIsMalformed(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	d := h.putBoth(t, "cle-0001", nil)
	o := newServer(Options{Office: h.Office, Log: slog.New(slog.DiscardHandler)}).spec.openapi
	for _, path := range sortedKeys(o.Paths) {
		if strings.HasPrefix(path, "/sandbox") {
			continue // refused at the door of a town that is none: TestTheSandboxRefusesWhatIsMalformed
		}
		for _, op := range operations(o.Paths[path]) {
			target := base + strings.NewReplacer("{id}", d.ID, "{n}", "2", "{message}", "msg_1").Replace(path)
			malformed(t, op, func(query, media string, body []byte, headers ...string) int {
				return h.ask(t, op.Method, target+query, bytes.NewReader(body), append([]string{"Content-Type", media, "If-Match", "*"}, headers...)...).status
			})
		}
	}
	if h.log.Len() != 0 {
		t.Errorf("refusals are logged as ours: %s", h.log)
	}
	if got := h.ask(t, http.MethodGet, d.URL, nil).dossier(); got.Revision != d.Revision {
		t.Errorf("something was done: %+v", got)
	}
}

// malformed sends an operation what no client should.
func malformed(t *testing.T, op *huma.Operation, ask func(query, media string, body []byte, headers ...string) int) {
	t.Helper()
	refused := func(what string, got int, want ...int) {
		t.Helper()
		if !slices.Contains(want, got) {
			t.Errorf("%s, %s: %d, want one of %v", op.OperationID, what, got, want)
		}
	}
	media := jsonMedia
	if op.RequestBody != nil && op.RequestBody.Content[media] == nil {
		media = sortedKeys(op.RequestBody.Content)[0]
	}
	refused("a parameter that does not exist", ask("?inconnu=1", media, []byte("{}")), 422)
	if slices.Contains(paramNames(op.Parameters), "Idempotency-Key") {
		refused("a key that is none", ask("", media, nil, "Idempotency-Key", "court"), 400, 404, 409, 415, 422)
	}
	if op.RequestBody == nil || media != jsonMedia {
		return
	}
	refused("a body of another kind", ask("", "text/plain", []byte("x")), 415)
	refused("a body that is no JSON", ask("", media, []byte("{")), 400)
	refused("a body too long", ask("", media, bytes.Repeat([]byte(" "), int(maxWholeSetup)+2)), 413)
}

// TestTheSandboxRefusesWhatIsMalformed is the same for what only a sandbox
// answers.
func TestTheSandboxRefusesWhatIsMalformed(t *testing.T) {
	t.Parallel()
	p := newPlayer(t)
	d := p.depositHere(t)
	o := newServer(Options{Office: p.Office, Log: slog.New(slog.DiscardHandler)}).spec.openapi
	n := 0
	for _, path := range sortedKeys(o.Paths) {
		for _, op := range operations(o.Paths[path]) {
			if op.Tags[0] != tagSandbox {
				continue
			}
			n++
			target := strings.ReplaceAll(path, "{id}", d.ID)
			malformed(t, op, func(query, media string, body []byte, headers ...string) int {
				return p.call(t, op.Method, target+query, string(body), append([]string{"Content-Type", media}, headers...)...).status
			})
		}
	}
	if n != 4 {
		t.Errorf("%d operations of a sandbox", n)
	}
}

func paramNames(all []*huma.Param) (out []string) {
	for _, p := range all {
		out = append(out, p.Name)
	}
	return out
}
