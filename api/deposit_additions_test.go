package api

import (
	"net/http"
	"strings"
	"testing"

	"parapheur/internal/pdftest"
	"parapheur/internal/towntest"
)

// withAction is a letter whose first page does something when it is clicked.
func withAction(action string) []byte {
	return pdftest.File("<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>",
		"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Annots[4 0 R]>>",
		pdftest.Object("<</Type/Annot/Subtype/Link/Rect[9 9 99 99]/A "+action+">>"))
}

func codes(d Dossier) string {
	var all []string
	for _, w := range d.Warnings {
		all = append(all, w.Code)
		if w.Message == "" || strings.Contains(w.Message, "%!") {
			all = append(all, "without words")
		}
	}
	return strings.Join(all, " ")
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	good := metaPart(t, letterMeta())
	d := h.send(t, "actif-01", []part{good, {"document", withAction("<</S/JavaScript/JS(app.alert\\(1\\))>>")}}).is(http.StatusCreated).dossier()
	if codes(d) != "javascript" || d.Warnings[0].Page != 1 || d.Warnings[0].Document != 1 || !strings.Contains(d.Warnings[0].Message, "page") {
		t.Errorf("warnings %+v", d.Warnings)
	}
	refused := h.send(t, "actif-02", []part{good, {"document", withAction("<</S/Launch/F(calc.exe)>>")}}).is(http.StatusUnprocessableEntity, "active-content")
	if body := string(refused.body); !strings.Contains(body, "programme") || strings.Contains(body, "calc.exe") {
		t.Errorf("the refusal says %s", body)
	}
	untidy := append(towntest.Sample(t, sample), make([]byte, 500)...)
	d = h.send(t, "actif-03", []part{good, {"document", untidy}}).is(http.StatusCreated).dossier()
	if codes(d) != "repaired" {
		t.Errorf("warnings %+v", d.Warnings)
	}
}

func TestAdditions(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	pdf, annex := towntest.Sample(t, sample), towntest.Sample(t, "annexe-plan-du-chantier.pdf")
	plain := h.send(t, "ajouts-0", []part{metaPart(t, letterMeta()), {"document", pdf}, {"annex", annex}}).is(http.StatusCreated).dossier()
	with := func(set func(map[string]any)) []part {
		m := letterMeta()
		set(m)
		return []part{metaPart(t, m), {"document", pdf}, {"annex", annex}}
	}
	both := with(func(m map[string]any) {
		m["merge_annexes"], m["stamp"] = []int{1}, map[string]any{"text": "Chrono 2026-0123", "town": true, "date": true}
	})
	d := h.send(t, "ajouts-1", both).is(http.StatusCreated).dossier()
	if len(d.Documents) != 1 || d.Documents[0].Pages != plain.Documents[0].Pages+plain.Documents[1].Pages || codes(d) != "annex_joined stamped" {
		t.Errorf("documents %+v, warnings %+v", d.Documents, d.Warnings)
	}
	if again := h.send(t, "ajouts-1", both).is(http.StatusCreated); again.dossier().ID != d.ID || again.header.Get("Idempotency-Replayed") != "true" {
		t.Error("the same request made another dossier")
	}
	// Another option is another request.
	h.send(t, "ajouts-1", with(func(m map[string]any) { m["merge_annexes"] = []int{1} })).is(http.StatusUnprocessableEntity, "idempotency-key-reused")
	for name, set := range map[string]func(map[string]any){
		"an annex that is not there": func(m map[string]any) { m["merge_annexes"] = []int{2} },
		"an annex before the first":  func(m map[string]any) { m["merge_annexes"] = []int{0} },
		"an empty stamp":             func(m map[string]any) { m["stamp"] = map[string]any{"pages": "all"} },
		"letters without a glyph":    func(m map[string]any) { m["stamp"] = map[string]any{"text": "Хроно"} },
		"pages nobody knows":         func(m map[string]any) { m["stamp"] = map[string]any{"text": "x", "pages": "last"} },
	} {
		h.send(t, "ajouts-refus-"+strings.ReplaceAll(name, " ", "-"), with(set)).is(http.StatusUnprocessableEntity, "invalid-input")
	}
}
