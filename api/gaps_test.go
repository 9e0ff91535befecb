package api

import (
	"bytes"
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
	evidenceIsMadeAnew(t, h, d.URL+"/evidence")
}

// evidenceIsMadeAnew: the archive is sealed at each download, so that what was
// cut short is begun again, and never continued with the rest of another.
func evidenceIsMadeAnew(t *testing.T, h *hall, path string) {
	t.Helper()
	tag := h.ask(t, http.MethodGet, path, nil).is(200).header.Get("ETag")
	h.ask(t, http.MethodGet, path, nil, "Range", "bytes=99999999-").is(416)
	h.ask(t, http.MethodGet, path, nil, "Range", "bytes=10-").is(206)
	h.ask(t, http.MethodGet, path, nil, "Range", "bytes=10-", "If-Range", tag).is(200)
	h.ask(t, http.MethodGet, path, nil, "If-None-Match", tag).is(200)
	h.ask(t, http.MethodGet, path, nil, "If-None-Match", "*").is(304)
}
