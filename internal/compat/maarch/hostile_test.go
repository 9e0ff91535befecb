package maarch_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/heaptest"
	"parapheur/internal/towntest"
)

// What a client could send to fill the memory is refused, with an answer that
// it understands, and in little of it.
func TestHostileRequests(t *testing.T) {
	h := newHall(t)
	h.numbers(t) // the secret is known from here on: hashing it takes 19 MiB
	bomb := h.letter(t)
	bomb["encodedDocument"] = zipped(t, "bombe.pdf", append([]byte("%PDF-1.7\n"), make([]byte, 300<<20)...))
	raw, err := json.Marshal(bomb)
	if err != nil {
		t.Fatal(err)
	}
	for name, one := range map[string]struct {
		body   func() io.Reader
		status int
	}{
		"a zip bomb": {func() io.Reader { return strings.NewReader(string(raw)) }, 400},
		"a gigabyte of base64": {func() io.Reader {
			return io.MultiReader(strings.NewReader(`{"title":"x","encodedDocument":"`), io.LimitReader(heaptest.Endless('A'), 1<<30), strings.NewReader(`"}`))
		}, 413},
		"a gigabyte of title": {func() io.Reader {
			return io.MultiReader(strings.NewReader(`{"title":"`), io.LimitReader(heaptest.Endless('!'), 1<<30), strings.NewReader(`"}`))
		}, 413},
		"ISO-8859-1":   {func() io.Reader { return strings.NewReader("{\"title\":\"R\xe9ponse\"}") }, 422},
		"deep nesting": {func() io.Reader { return strings.NewReader(`{"metadata":` + strings.Repeat("[", 500000)) }, 422},
	} {
		var w *httptest.ResponseRecorder
		body := one.body()
		grown := heaptest.Grown(func() { w = h.send("POST", "/documents", body) })
		out := map[string]any{}
		if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || w.Code != one.status || out["errors"] == nil {
			t.Errorf("%s: %d %.300s", name, w.Code, w.Body)
		}
		if grown > 24<<20 {
			t.Errorf("%s: the heap grew by %d MiB", name, grown>>20)
		}
		t.Logf("%s: heap +%d KiB", name, grown>>10)
	}
}

// Who may not come in: turned off, from elsewhere, without the secret, too
// often; and what each leaves in the journal of access.
func TestComingIn(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	admin := h.Person(t, demo.Administrator).Viewer(t)
	status := func(changes ...func(*http.Request)) int { return h.send("GET", "/users", nil, changes...).Code }
	if got := status(); got != 200 {
		t.Errorf("with the secret: %d", got)
	}
	if got := status(func(r *http.Request) { r.Header.Del("Authorization") }); got != 401 {
		t.Errorf("without: %d", got)
	}
	if got := status(func(r *http.Request) { r.SetBasicAuth("inconnu", h.secret) }); got != 401 {
		t.Errorf("unknown: %d", got)
	}
	if got := status(func(r *http.Request) { r.RemoteAddr = "203.0.113.1:1" }); got != 403 {
		t.Errorf("from elsewhere: %d", got)
	}
	calls, _, err := h.Office.Calls(t.Context(), admin, h.application, dossiers.Page{Limit: 10})
	if err != nil || len(calls) != 2 || calls[1].Operation != "maarch.listUsers" || calls[1].Credential != "maarch:"+h.login || calls[0].Status != 403 {
		t.Errorf("journal: %+v, %v", calls, err)
	}
	old := h.secret
	if _, h.secret, err = h.Office.RotateConnector(t.Context(), admin, h.id); err != nil {
		t.Fatal(err)
	}
	if got := status(func(r *http.Request) { r.SetBasicAuth(h.login, old) }); got != 401 {
		t.Errorf("the old secret: %d", got)
	}
	if got := status(); got != 200 {
		t.Errorf("the new secret: %d", got)
	}
	codes := map[int]int{}
	for i := range 30 {
		codes[status(func(r *http.Request) { r.RemoteAddr = "192.0.2.99:1"; r.SetBasicAuth(h.login, fmt.Sprint("faux", i)) })]++
	}
	if codes[429] == 0 || codes[401] < 15 {
		t.Errorf("guesses: %v", codes)
	}
	if _, err := h.Office.SetConnector(t.Context(), admin, h.id, dossiers.ConnectorRequest{Login: h.login, Networks: []string{"192.0.2.0/24"}}); err != nil {
		t.Fatal(err)
	}
	if got := status(); got != 404 {
		t.Errorf("turned off: %d", got)
	}
	if _, err := h.Office.SetConnector(t.Context(), admin, h.id, dossiers.ConnectorRequest{Login: h.login, Enabled: true}); err == nil {
		t.Error("turned on for the whole world")
	}
	raw, err := json.Marshal(journalOf(t, h))
	if err != nil || strings.Contains(string(raw), h.secret) || strings.Contains(string(raw), base64.StdEncoding.EncodeToString([]byte("$argon2id"))[:12]) {
		t.Error("the journal holds a secret")
	}
}

func journalOf(t *testing.T, h *hall) any {
	t.Helper()
	all, err := h.Store.Journal(t.Context(), h.Tenant.ID, 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Another town, on the same node, has nothing of it.
func TestAnotherTown(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	other := h.Neighbour(t)
	w := h.send("GET", "/users", nil, func(r *http.Request) { r.Host = strings.TrimPrefix(other.Tenant.Origin, "http://") })
	if w.Code != 404 || strings.Contains(w.Body.String(), "Garnier") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if towntest.Origin == other.Tenant.Origin {
		t.Fatal("the same town")
	}
}
