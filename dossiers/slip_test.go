package dossiers_test

import (
	"bytes"
	"strings"
	"testing"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/tooltest"
)

// The slip tells where the letter is: who acted and when, turn by turn, whose
// part was not needed, and whom it waits for.
func TestSlipTellsThePlace(t *testing.T) {
	t.Parallel()
	h := newHall(t, 0)
	finances, legal := h.holder(t, "finances@essai.fr", "Finances"), h.holder(t, "juriste@essai.fr", "Juridique")
	step, sign := h.visa(t, "comite", demo.DeskDGS, "Finances", "Juridique"), h.signature(t)
	step.Need, sign.Days = circuits.Need{Mode: circuits.Quorum, N: 2}, 3
	h.publish(t, circuits.Definition{Steps: []circuits.Step{step, sign}})
	h.amend(t, dossiers.TerritorySet{Territory: dossiers.Territory{Region: "reunion"}})
	d := h.letter(t, nil)
	h.decide(t, finances, d.ID, "visa", "")
	h.decide(t, legal, d.ID, "visa", "")
	var pdf bytes.Buffer
	v := h.Person(t, demo.Drafter).Viewer(t)
	var err error
	if v.Tenant, err = h.Store.Tenant(t.Context(), h.Tenant.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Office.Slip(t.Context(), v, d.ID, &pdf); err != nil {
		t.Fatal(err)
	}
	out := tooltest.Text(t, pdf.Bytes())
	said := strings.Join(strings.Fields(out), " ")
	for _, want := range []string{"Il en faut 2 sur 3", "finances@essai.fr", "le 02/03/2026 à 13:00", "les autres ont suffi", "en attente", "Attend Maire, pour le 05/03/2026"} {
		if !strings.Contains(said, want) {
			t.Errorf("the slip does not say %q:\n%s", want, out)
		}
	}
}
