package api

import (
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"parapheur/internal/pdftest"
	"parapheur/internal/towntest"
)

func TestDeposit(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	m := letterMeta()
	m["external_reference"], m["note"] = "GEC-2026-00123", "Merci de regarder la page 2."
	pdf, annex := towntest.Sample(t, sample), towntest.Sample(t, "annexe-plan-du-chantier.pdf")
	parts := []part{metaPart(t, m), {"document", pdf}, {"annex", annex}}
	a := h.send(t, "cle-0001", parts).is(http.StatusCreated)
	d := a.dossier()
	if a.header.Get("Location") != d.URL || a.header.Get("ETag") != etag(d.Revision) || a.header.Get("Idempotency-Replayed") != "" {
		t.Errorf("headers %v", a.header)
	}
	if d.Phase != "running" || len(d.Documents) != 2 || d.Documents[0].Bytes != int64(len(pdf)) || d.Documents[0].Pages < 1 ||
		d.Documents[0].Name != "Réponse à l’usager.pdf" || d.ExternalReference != "GEC-2026-00123" || len(d.Steps) != 2 || d.Steps[0].Status != "open" {
		t.Errorf("dossier %+v", d)
	}

	t.Run("the same key and request answer the same dossier", func(t *testing.T) {
		for _, key := range []string{"cle-0001", `"cle-0001"`} {
			b := h.send(t, key, parts).is(http.StatusCreated)
			if b.dossier().ID != d.ID || b.header.Get("Idempotency-Replayed") != "true" {
				t.Errorf("replay made %s, header %q", b.dossier().ID, b.header.Get("Idempotency-Replayed"))
			}
		}
	})
	t.Run("the same key and another request are refused", func(t *testing.T) {
		h.send(t, "cle-0001", parts[:2]).is(http.StatusUnprocessableEntity, "idempotency-key-reused")
		m["title"] = "Un autre objet"
		h.send(t, "cle-0001", []part{metaPart(t, m), parts[1], parts[2]}).is(http.StatusUnprocessableEntity, "idempotency-key-reused")
		h.send(t, "cle-0001", []part{parts[0], {"document", annex}, {"annex", pdf}}).is(http.StatusUnprocessableEntity, "idempotency-key-reused")
	})
	t.Run("another key and the same reference meet the first dossier", func(t *testing.T) {
		b := h.send(t, "cle-0002", parts).is(http.StatusConflict, "reference-used")
		if b.header.Get("Location") != d.URL {
			t.Errorf("Location %q", b.header.Get("Location"))
		}
	})
	t.Run("the key of another application is another key", func(t *testing.T) {
		other := h.newKey(t, "Autre", "dossiers:write")
		b := h.send(t, "cle-0001", parts, "Authorization", "Bearer "+other).is(http.StatusCreated)
		if b.dossier().ID == d.ID {
			t.Error("an application got the dossier of another")
		}
	})
	t.Run("a draft stays a draft", func(t *testing.T) {
		if got := h.put(t, "cle-0003", func(m map[string]any) { m["start"] = false }).Phase; got != "draft" {
			t.Errorf("phase %s", got)
		}
	})
}

func TestRefusedDepositsLeaveNothing(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	good, pdf := metaPart(t, letterMeta()), towntest.Sample(t, sample)
	with := func(field string, v any) []part {
		m := letterMeta()
		m[field] = v
		return []part{metaPart(t, m), {"document", pdf}}
	}
	huge := pdftest.Pages(pdftest.Stream("", bytes.Repeat([]byte(" "), maxDocument)))
	secret := "valeur-confidentielle"
	before := h.stored(t)
	for _, tc := range []struct {
		name   string
		parts  []part
		status int
		kind   string
	}{
		{"an executable", []part{good, {"document", []byte("MZ executable " + secret)}}, 415, "document-not-pdf"},
		{"an encrypted PDF", []part{good, {"document", encrypted(t)}}, 422, "document-encrypted"},
		{"a truncated PDF", []part{good, {"document", pdf[:len(pdf)/2]}}, 422, "document-truncated"},
		{"a broken PDF", []part{good, {"document", []byte("%PDF-1.7\n" + secret + "\nstartxref\n9\n%%EOF\n")}}, 422, ""},
		{"an empty document", []part{good, {"document", nil}}, 415, "document-not-pdf"},
		{"a document above the limit", []part{good, {"document", huge}}, 413, "document-too-large"},
		{"a body above the limit", []part{good, {"document", bytes.Repeat([]byte("%PDF-1.7 "), maxUpload/8)}}, 413, ""},
		{"a bad annex", []part{good, {"document", pdf}, {"annex", []byte(secret)}}, 415, "document-not-pdf"},
		{"the document first", []part{{"document", pdf}, good}, 422, "invalid-input"},
		{"no document", []part{good}, 422, "invalid-input"},
		{"nothing", nil, 422, "invalid-input"},
		{"two documents", []part{good, {"document", pdf}, {"document", pdf}}, 422, "invalid-input"},
		{"an unknown part", []part{good, {"document", pdf}, {secret, pdf}}, 422, "invalid-input"},
		{"bad JSON", []part{{"dossier", []byte(`{"title":"` + secret)}, {"document", pdf}}, 400, "bad-request"},
		{"two JSON texts", []part{{"dossier", append(bytes.Clone(good.body), good.body...)}, {"document", pdf}}, 400, "bad-request"},
		{"too much JSON", []part{{"dossier", bytes.Repeat([]byte(" "), maxBody+1)}, {"document", pdf}}, 413, "request-too-large"},
		{"an unknown field", with("champ", secret), 422, "invalid-input"},
		{"a number for a title", with("title", 42), 422, "invalid-input"},
		{"an empty title", with("title", ""), 422, "invalid-input"},
		{"a blank title", with("title", "   "), 422, "invalid-input"},
		{"a long title", with("title", strings.Repeat(secret, 20)), 422, "invalid-input"},
		{"an unknown type", with("type", secret), 422, "invalid-input"},
		{"an unknown drafter", with("drafter", secret+"@exemple.fr"), 422, "invalid-input"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := h.send(t, "cle-"+strings.ReplaceAll(tc.name, " ", "-"), tc.parts).is(tc.status)
			if tc.kind != "" {
				a.is(tc.status, tc.kind)
			}
		})
	}
	t.Run("no idempotency key", func(t *testing.T) {
		for _, key := range []string{"", "court", strings.Repeat("k", 256), `"short"`} {
			h.send(t, key, []part{good, {"document", pdf}}).is(http.StatusBadRequest, "bad-request")
		}
	})
	t.Run("JSON instead of a form", func(t *testing.T) {
		h.ask(t, http.MethodPost, "/api/v1/dossiers", bytes.NewReader(good.body), "Content-Type", "application/json", "Idempotency-Key", "cle-json").
			is(http.StatusUnsupportedMediaType)
	})
	t.Run("a connection cut in the document", func(t *testing.T) {
		body, media := form(t, good, part{"document", pdf})
		body.Truncate(body.Len() - len(pdf)/2)
		h.ask(t, http.MethodPost, "/api/v1/dossiers", body, "Content-Type", media, "Idempotency-Key", "cle-coupee").is(http.StatusBadRequest)
	})
	var l List
	h.ask(t, http.MethodGet, "/api/v1/dossiers", nil).is(http.StatusOK).into(&l)
	if len(l.Data) != 0 {
		t.Errorf("%d dossiers exist", len(l.Data))
	}
	// The letter itself is stored once: parts refused after it leave a blob
	// that no fact names, as any crash may.
	if after := h.stored(t); after > before+1 {
		t.Errorf("%d files more than before", after-before)
	}
	if h.log.Len() != 0 {
		t.Errorf("refusals are logged as ours: %s", h.log)
	}
}

// encrypted is a PDF that qpdf protected.
func encrypted(t *testing.T) []byte {
	t.Helper()
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.pdf"), filepath.Join(dir, "out.pdf")
	if err := os.WriteFile(in, pdftest.Pages(pdftest.Text("bonjour")), 0o600); err != nil {
		t.Fatal(err)
	}
	if b, err := exec.CommandContext(t.Context(), "qpdf", "--encrypt", "secret", "owner", "256", "--", in, out).CombinedOutput(); err != nil {
		t.Fatalf("qpdf: %v: %s", err, b)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
