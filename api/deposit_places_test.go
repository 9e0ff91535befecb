package api

import (
	"net/http"
	"strings"
	"testing"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/towntest"
)

// Where blocks go is said at the deposit, per step or for all; the dossier says
// where they went and what gave way, and a place on no page is refused.
func TestSignaturePlaces(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	place := func(step string, page, x, y any) map[string]any {
		p := map[string]any{"page": page, "x": x, "y": y}
		if step != "" {
			p["step"] = step
		}
		return p
	}
	put := func(key string, places ...any) Dossier {
		return h.put(t, key, func(m map[string]any) { m["signature_places"] = places })
	}
	plain := h.put(t, "places-0", nil)
	var signs string
	for _, st := range plain.Steps {
		if st.Kind == "signature" {
			signs = st.ID
		}
	}
	d := put("places-1", place(signs, 0, 57, 80), place("", 1, 7, 7))
	if d.Steps[1].Block != nil {
		t.Errorf("a block before any signature: %+v", d.Steps)
	}
	for _, x := range []struct{ who, decision string }{{demo.DGS, "visa"}, {demo.Mayor, "signature"}} {
		if _, err := h.Person(t, x.who).Decide(t, dossiers.ID(d.ID), x.decision, ""); err != nil {
			t.Fatal(err)
		}
	}
	h.Await(t, dossiers.ID(d.ID), func(d dossiers.Dossier) bool { return d.State.Phase == circuits.Completed })
	d = h.ask(t, http.MethodGet, d.URL, nil).is(http.StatusOK).dossier()
	if b := d.Steps[1].Block; b == nil || b.Page != d.Documents[0].Pages || (b.Notice == "") != (b.Message == "") {
		t.Errorf("the block of %s: %+v", signs, b)
	}
	// The heading of the sample letter is at the upper left.
	if taken := put("places-2", place("", 1, 7, 3)); codes(taken) != "block_moved" || !strings.Contains(taken.Warnings[0].Message, "au plus près") {
		t.Errorf("over the heading: %+v", taken.Warnings)
	}
	for name, bad := range map[string]any{
		"beyond the edge": place("", 1, 101, 0), "before the first page": place("", -1, 1, 1), "an unknown step": place("visa-fantome", 1, 1, 1), "a step that signs nothing": place(plain.Steps[0].ID, 1, 1, 1),
	} {
		m := letterMeta()
		m["signature_places"] = []any{bad}
		h.send(t, "places-refus-"+strings.ReplaceAll(name, " ", "-"), []part{metaPart(t, m), {"document", towntest.Sample(t, sample)}}).is(http.StatusUnprocessableEntity, "invalid-input")
	}
}
