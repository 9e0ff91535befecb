package api

import (
	"net/http"
	"strings"
	"testing"

	"parapheur/dossiers"
	"parapheur/internal/demo"
)

// write sends a change of a dossier under what was read of it.
func (h *hall) write(t *testing.T, method, path, match, body string, headers ...string) answer {
	t.Helper()
	return h.ask(t, method, path, strings.NewReader(body), append([]string{"If-Match", match, "Content-Type", "application/json"}, headers...)...)
}

// An application changes the metadata of its letter, and what the type does not
// know is refused.
func TestFilingADossier(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	h.replace(t, "/organisation/types/courrier-simple", object{
		"code": "courrier-simple", "name": "Courrier simple", "circuit": "courrier-simple",
		"metadata": []object{{"name": "montant", "label": "Montant", "type": "decimal"}, {"name": "rue", "label": "Rue", "type": "text"}},
	}, "If-Match", "*").is(200)
	d := h.put(t, "cle-0001", nil)
	tag := h.ask(t, http.MethodGet, d.URL, nil).header.Get("ETag")
	path, body := d.URL+"/metadata", `{"metadata":{"montant":"1200.5","rue":"des Mariniers"}}`
	h.write(t, http.MethodPatch, path, "", body).is(428, "precondition-required")
	h.write(t, http.MethodPatch, path, `"999"`, body).is(412, "stale-version")
	h.write(t, http.MethodPatch, path, tag, `{"metadata":{"montant":"beaucoup"}}`).is(422, "invalid-input")
	h.write(t, http.MethodPatch, path, tag, `{"metadata":{"inconnu":"x"}}`).is(422, "invalid-input")
	var f Filed
	a := h.write(t, http.MethodPatch, path, tag, body, "Idempotency-Key", "metadonnees-1").is(200)
	a.into(&f)
	if f.Metadata["montant"] != "1200.50" && f.Metadata["montant"] != "1200.5" || f.Metadata["rue"] != "des Mariniers" {
		t.Errorf("%+v", f)
	}
	before := h.entries(t)
	if again := h.write(t, http.MethodPatch, path, tag, body, "Idempotency-Key", "metadonnees-1").is(200); again.header.Get("Idempotency-Replayed") != "true" || h.entries(t) != before {
		t.Error("filed twice")
	}
	var kept Filed
	h.write(t, http.MethodPatch, path, "*", `{"metadata":{"rue":""}}`).is(200).into(&kept)
	if kept.Metadata["rue"] != "" || kept.Metadata["montant"] != f.Metadata["montant"] {
		t.Errorf("%+v", kept)
	}
}

// A letter is taken out because another replaces it; it says which, and nothing
// is decided on it any more.
func TestReplacingADossierByAnother(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	d := h.put(t, "cle-0001", nil)
	by := h.put(t, "cle-0002", func(m map[string]any) { m["external_reference"] = "GEC-2" })
	theirs := h.Deposit(t)
	tag := h.ask(t, http.MethodGet, d.URL, nil).header.Get("ETag")
	path, body := d.URL+"/supersede", `{"by":"`+by.ID+`","reason":"La rue était fausse"}`
	h.write(t, http.MethodPost, path, "", body).is(428, "precondition-required")
	h.write(t, http.MethodPost, path, `"999"`, body).is(412, "stale-version")
	h.write(t, http.MethodPost, path, tag, `{"by":"`+d.ID+`"}`).is(422, "invalid-input")
	h.write(t, http.MethodPost, path, tag, `{"by":"`+string(theirs.ID)+`"}`).is(404, "not-found")
	a := h.write(t, http.MethodPost, path, tag, body, "Idempotency-Key", "remplacement-1").is(200)
	if out := a.dossier(); out.Phase == "running" || a.header.Get("ETag") == tag {
		t.Errorf("%+v", out.Summary)
	}
	if again := h.write(t, http.MethodPost, path, tag, body, "Idempotency-Key", "remplacement-1").is(200); again.header.Get("Idempotency-Replayed") != "true" {
		t.Error("replaced twice")
	}
	h.write(t, http.MethodPost, path, "*", body).is(409, "state-conflict")
	if _, err := h.Person(t, demo.DGS).Decide(t, dossiers.ID(d.ID), "visa", ""); err == nil {
		t.Error("a letter that was replaced is decided")
	}
	var f Feed
	h.ask(t, http.MethodGet, base+"/events?limit=500", nil).is(200).into(&f)
	told := false
	for _, e := range f.Data {
		told = told || e.Type == "dossier.superseded" && e.Data.Dossier == d.ID
	}
	if !told {
		t.Error("the replacement is in no event")
	}
}

// A letter that was refused goes along its circuit again, as it is.
func TestRecyclingADossier(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	d := h.put(t, "cle-0001", nil)
	path := d.URL + "/recycle"
	h.write(t, http.MethodPost, path, "*", `{}`).is(409, "state-conflict") // it is under way
	if _, err := h.Person(t, demo.DGS).Decide(t, dossiers.ID(d.ID), "refus", "Il manque la date"); err != nil {
		t.Fatal(err)
	}
	tag := h.ask(t, http.MethodGet, d.URL, nil).is(200).header.Get("ETag")
	h.write(t, http.MethodPost, path, "", `{}`).is(428, "precondition-required")
	h.write(t, http.MethodPost, path, `"1"`, `{}`).is(412, "stale-version")
	a := h.write(t, http.MethodPost, path, tag, `{}`, "Idempotency-Key", "recyclage-1").is(200)
	if out := a.dossier(); out.Phase != "running" || out.Steps[0].Status != "open" || len(out.Decisions) != 1 || out.Decisions[0].Standing != "lapsed" && out.Decisions[0].Verdict != "refus" {
		t.Errorf("%+v", out)
	}
	if again := h.write(t, http.MethodPost, path, tag, `{}`, "Idempotency-Key", "recyclage-1").is(200); again.header.Get("Idempotency-Replayed") != "true" {
		t.Error("sent again twice")
	}
	if _, err := h.Person(t, demo.DGS).Decide(t, dossiers.ID(d.ID), "visa", ""); err != nil {
		t.Errorf("what was recycled cannot be decided: %v", err)
	}
}
