package api

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/towntest"
)

// verify asks for the verification of the parts.
func (h *hall) verify(t *testing.T, parts ...part) answer {
	t.Helper()
	body, media := form(t, parts...)
	return h.ask(t, http.MethodPost, "/api/v1/verifications", body, "Content-Type", media)
}

// signed returns a letter that went through its circuit, and its evidence.
func (h *hall) signed(t *testing.T) (letter, evidence []byte) {
	t.Helper()
	d := h.Deposit(t)
	mayor := h.Person(t, demo.Mayor)
	if _, err := h.Person(t, demo.DGS).Decide(t, d.ID, "visa", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := mayor.Decide(t, d.ID, "signature", ""); err != nil {
		t.Fatal(err)
	}
	h.Await(t, d.ID, func(d dossiers.Dossier) bool { return d.State.Phase == circuits.Completed })
	var zip bytes.Buffer
	if err := h.Office.Evidence(t.Context(), mayor.Viewer(t), d.ID, &zip); err != nil {
		t.Fatal(err)
	}
	return h.Read(t, mayor.Viewer(t), d.ID, 1, ""), zip.Bytes()
}

func TestVerification(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	letter, zip := h.signed(t)
	plain := towntest.Sample(t, sample)
	altered := bytes.Clone(letter)
	altered[len(plain)/2] ^= 1
	cut := zip[:len(zip)/2]
	before := h.stored(t)
	for _, tc := range []struct {
		name      string
		parts     []part
		outcome   string
		decisions int
		finding   string
	}{
		{"a signed letter", []part{{"document", letter}}, "valid", 0, ""},
		{"with its evidence", []part{{"document", letter}, {"evidence", zip}}, "valid", 2, ""},
		{"evidence first", []part{{"evidence", zip}, {"document", letter}}, "valid", 2, ""},
		{"altered", []part{{"document", altered}}, "invalid", 0, "signature_invalid"},
		{"altered, with evidence", []part{{"document", altered}, {"evidence", zip}}, "invalid", 2, "letter_differs"},
		{"bad evidence", []part{{"document", letter}, {"evidence", cut}}, "invalid", 0, "package_unreadable"},
		{"unsigned", []part{{"document", plain}}, "unverifiable", 0, "no_signature"},
		{"a damaged PDF", []part{{"document", []byte("%PDF-1.7\nvaleur-confidentielle")}}, "unverifiable", 0, "letter_unreadable"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got struct {
				Schema        string
				Outcome       string
				Demonstration bool
				Letter        struct{ Bytes int }
				Decisions     []struct{ Outcome string }
				Findings      []struct{ Code string }
			}
			a := h.verify(t, tc.parts...).is(http.StatusOK)
			a.into(&got)
			found := tc.finding == ""
			for _, f := range got.Findings {
				found = found || f.Code == tc.finding
			}
			if got.Outcome != tc.outcome || got.Schema != "parapheur.evidence-report.v1" || len(got.Decisions) != tc.decisions || !found || got.Letter.Bytes == 0 {
				t.Errorf("%s", a.body)
			}
			if tc.outcome != "unverifiable" && !got.Demonstration {
				t.Error("the demonstration's certificates pass for real ones")
			}
			if !json.Valid(a.body) || bytes.Contains(a.body, []byte("valeur-confidentielle")) {
				t.Errorf("%s", a.body)
			}
		})
	}
	if after := h.stored(t); after != before {
		t.Errorf("%d files are left", after-before)
	}
}

func TestVerificationsRefused(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	pdf := towntest.Sample(t, sample)
	before := h.stored(t)
	huge := append(bytes.Clone(pdf), make([]byte, maxDocument)...)
	for _, tc := range []struct {
		name   string
		parts  []part
		status int
		kind   string
	}{
		{"not a PDF", []part{{"document", []byte("PK\x03\x04 valeur-confidentielle")}}, 422, "invalid-input"},
		{"empty", []part{{"document", nil}}, 422, "invalid-input"},
		{"oversized", []part{{"document", huge}}, 413, "document-too-large"},
		{"oversized evidence", []part{{"document", pdf}, {"evidence", huge}}, 413, "document-too-large"},
		{"no document", []part{{"evidence", pdf}}, 422, "invalid-input"},
		{"nothing", nil, 422, "invalid-input"},
		{"two documents", []part{{"document", pdf}, {"document", pdf}}, 422, "invalid-input"},
		{"an unknown part", []part{{"document", pdf}, {"valeur-confidentielle", pdf}}, 422, "invalid-input"},
	} {
		t.Run(tc.name, func(t *testing.T) { h.verify(t, tc.parts...).is(tc.status, tc.kind) })
	}
	h.ask(t, http.MethodPost, "/api/v1/verifications", bytes.NewReader(pdf), "Content-Type", "application/pdf").is(415, "unsupported-media-type")
	body, media := form(t, part{"document", pdf})
	h.ask(t, http.MethodPost, "/api/v1/verifications", bytes.NewReader(body.Bytes()[:body.Len()/2]), "Content-Type", media).is(400, "bad-request")
	other := "Bearer " + h.newKey(t, "Autre", dossiers.ScopeEventsRead)
	h.ask(t, http.MethodPost, "/api/v1/verifications", body, "Content-Type", media, "Authorization", other).is(403, "insufficient-scope")
	if after := h.stored(t); after != before {
		t.Errorf("%d files are left", after-before)
	}
}
