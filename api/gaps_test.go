package api

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/towntest"
)

// partly downloads a file in part, out of its range, and not again.
func partly(t *testing.T, h *hall, path string) {
	t.Helper()
	whole := h.ask(t, http.MethodGet, path, nil).is(200)
	tag := whole.header.Get("ETag")
	if tag == "" || whole.header.Get("Accept-Ranges") == "" {
		t.Errorf("%s cannot be resumed: %v", path, whole.header)
	}
	h.ask(t, http.MethodGet, path, nil, "Range", "bytes=99999999-").is(416, "range-not-satisfiable")
	rest := h.ask(t, http.MethodGet, path, nil, "Range", "bytes=10-", "If-Range", tag).is(206)
	if digest := rest.header.Get("Repr-Digest"); digest != whole.header.Get("Repr-Digest") || digest == "" {
		t.Errorf("%s: digest %q", path, digest)
	}
	if !bytes.Equal(rest.body, whole.body[10:]) {
		t.Errorf("%s: what was resumed is not the rest", path)
	}
	h.ask(t, http.MethodGet, path, nil, "If-None-Match", tag).is(304)
}

// TestWhatIsOverStays asks to change a letter whose circuit is over, and one
// that changed meanwhile; and repeats what was asked.
func TestWhatIsOverStays(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	d := h.putBoth(t, "cle-0001", func(m map[string]any) { m["start"] = false })
	pdf := towntest.Sample(t, sample)
	put := func(path, match string) answer {
		return h.ask(t, http.MethodPut, d.URL+path, bytes.NewReader(pdf), "If-Match", match, "Content-Type", "application/pdf")
	}
	put("/documents/1/content", `"99"`).is(412, "stale-version")
	for _, file := range []string{"/documents/1/content", "/documents/2/content"} {
		h.ask(t, http.MethodPut, d.URL+file, bytes.NewReader(pdf), "If-Match", "*", "Content-Type", "application/pdf", "Idempotency-Key", "court").is(400, "bad-request")
		h.ask(t, http.MethodPut, d.URL+file, bytes.NewReader(bytes.Repeat([]byte("%PDF-1.7 "), maxUpload/8)), "If-Match", "*", "Content-Type", "application/pdf").is(413)
	}
	h.ask(t, http.MethodPost, d.URL+"/documents", bytes.NewReader(pdf), "If-Match", "*", "Content-Type", "application/pdf").is(201)
	for range 2 {
		h.ask(t, http.MethodPatch, d.URL, strings.NewReader(`{"note":"Urgent"}`), "If-Match", "*", "Content-Type", jsonMedia, "Idempotency-Key", "decrire-01").is(200)
	}
	h.ask(t, http.MethodPost, d.URL+"/start", nil, "If-Match", "*").is(200)
	other := h.put(t, "cle-0002", nil)
	for range 2 {
		h.ask(t, http.MethodPost, other.URL+"/withdraw", strings.NewReader(`{}`), "If-Match", "*", "Content-Type", jsonMedia, "Idempotency-Key", "retirer-01").is(200)
	}
	id := dossiers.ID(d.ID)
	if _, err := h.Person(t, demo.DGS).Decide(t, id, "visa", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Person(t, demo.Mayor).Decide(t, id, "signature", ""); err != nil {
		t.Fatal(err)
	}
	h.Await(t, id, func(x dossiers.Dossier) bool { return x.State.Phase == circuits.Completed })
	put("/documents/1/content", "*").is(409, "state-conflict")
	put("/documents/2/content", "*").is(409, "state-conflict")
	h.ask(t, http.MethodPut, d.URL+"/documents", strings.NewReader(`{"annexes":[3,2]}`), "If-Match", "*", "Content-Type", jsonMedia).is(409, "state-conflict")
	h.ask(t, http.MethodPatch, d.URL+"/metadata", strings.NewReader(`{"metadata":{}}`), "If-Match", "*", "Content-Type", jsonMedia).is(409, "state-conflict")
	partly(t, h, d.URL+"/documents/1/content")
	partly(t, h, d.URL+"/slip")
	partly(t, h, d.URL+"/evidence")
	evidenceIsResumed(t, h, d)
}

// evidenceIsResumed: an archive that was cut short goes on from another node,
// and never with the rest of another archive.
func evidenceIsResumed(t *testing.T, h *hall, d Dossier) {
	t.Helper()
	other := &towntest.Town{Config: h.Config, Tenant: h.Tenant}
	other.Open(t)
	elsewhere := *h
	elsewhere.handler = New(Options{Office: other.Office, Hub: h.Hub, Log: slog.New(slog.DiscardHandler), Version: "test", Rate: 1e6, Burst: 1e6, Spool: t.TempDir()})
	path := d.URL + "/evidence"
	begun := h.ask(t, http.MethodGet, path, nil, "Range", "bytes=0-999").is(206)
	tag := begun.header.Get("ETag")
	rest := elsewhere.ask(t, http.MethodGet, path, nil, "Range", "bytes=1000-", "If-Range", tag).is(206)
	whole := h.ask(t, http.MethodGet, path, nil).is(200)
	if !bytes.Equal(append(begun.body, rest.body...), whole.body) || rest.header.Get("Repr-Digest") != whole.header.Get("Repr-Digest") {
		t.Error("what was resumed on another node is not the rest")
	}
	h.tell(t, strings.TrimPrefix(d.URL, base)+"/dispatches", object{"channel": "recommande", "status": "sent"}, "Idempotency-Key", "preuve-01").is(201)
	h.ask(t, http.MethodGet, path, nil, "Range", "bytes=1000-", "If-Range", tag).is(206) // what is said beside the circuit proves nothing
}
