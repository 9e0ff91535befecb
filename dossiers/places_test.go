package dossiers_test

import (
	"bytes"
	"errors"
	"math"
	"strconv"
	"strings"
	"testing"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/pdftest"
	"parapheur/internal/towntest"
	"parapheur/internal/wiring"
	"parapheur/signing"
)

// ask is a place of a block on a page, for a step or for any.
func ask(step string, page int, x, y float64) dossiers.Place {
	return dossiers.Place{Step: circuits.StepID(step), Kind: dossiers.PlaceSignature, Page: page, X: x, Y: y}
}

// The block goes where it was asked for at the deposit, before any tag or
// field; the place of the step before that of any; on the last page for 0. A
// page that is not there asks for nothing.
func TestPlacesAsked(t *testing.T) {
	t.Parallel()
	town := towntest.New(t, func(c *wiring.Config) { c.Workers = 0 })
	letter := pdftest.Pages(pdftest.Text("Lettre"), pdftest.Text("#signature#"), pdftest.Text("Fin"))
	upper := func(r signing.Rect) bool { return r.Y0 > 500 }
	left := func(r signing.Rect) bool { return r.X0 < 200 }
	for _, x := range []struct {
		name        string
		asked       []dossiers.Place
		page        int
		upper, left bool
	}{
		{"upper right of the first", []dossiers.Place{ask("", 1, 55, 20)}, 1, true, false},
		{"lower left of the last", []dossiers.Place{ask("", 0, 7, 82)}, 3, false, true},
		{"the step before any", []dossiers.Place{ask("", 1, 55, 82), ask("signature-maire", 2, 7, 82)}, 2, false, true},
		{"off the edge comes back", []dossiers.Place{ask("", 1, 100, 100)}, 1, false, false},
	} {
		p := placed(t, town, letter, x.asked...)
		if p.Page != x.page || upper(p.Rect) != x.upper || left(p.Rect) != x.left {
			t.Errorf("%s: %+v", x.name, p)
		}
	}
	id, p := laid(t, town, letter, []dossiers.Place{ask("", 9, 50, 50)})
	if p.Page != 2 {
		t.Errorf("a page that is not there: %+v, want the tag", p)
	}
	blocks, err := town.Office.Blocks(t.Context(), town.Person(t, demo.Drafter).Viewer(t), id)
	if err != nil || len(blocks) != 1 || blocks[0].Page != 2 || blocks[0].Notice != signing.NoticeOtherPage {
		t.Errorf("told %+v, %v", blocks, err)
	}
}

// What gives way is told at the deposit, and once the letter is signed; who may
// not see the letter is told nothing.
func TestPlacesTaken(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	town := towntest.New(t, func(c *wiring.Config) { c.Workers = 0 })
	o, drafter := town.Office, town.Person(t, demo.Drafter).Viewer(t)
	full := strings.Repeat("Une ligne de la lettre qui remplit la page. ", 3)
	var lines strings.Builder
	for y := 800; y > 20; y -= 12 {
		lines.WriteString("BT /F1 9 Tf 1 0 0 1 20 " + strconv.Itoa(y) + " Tm (" + full + ") Tj ET\n")
	}
	taken := pdftest.Pages(pdftest.Stream("", []byte(lines.String())), pdftest.Text("Fin"))
	id, p := laid(t, town, taken, []dossiers.Place{ask("", 1, 20, 40)})
	if p.Notice == signing.NoticeNone {
		t.Fatalf("laid out over text: %+v", p)
	}
	told, err := o.Notices(ctx, drafter, id)
	if err != nil || len(told) != 1 || !strings.HasPrefix(string(told[0].Code), "block_") || !told[0].Warns() || !strings.Contains(told[0].French(), "bloc de signature") {
		t.Errorf("at the deposit: %+v, %v", told, err)
	}
	blocks, err := o.Blocks(ctx, drafter, id)
	if err != nil || len(blocks) != 1 || blocks[0].Notice != p.Notice || blocks[0].Step != "signature-maire" {
		t.Errorf("once signed: %+v, %v", blocks, err)
	}
	if _, err := o.Blocks(ctx, town.Person(t, demo.Administrator).Viewer(t), id); !errors.Is(err, dossiers.ErrNotFound) {
		t.Errorf("to a stranger: %v", err)
	}
}

// A place on no page, of no step that signs, or given twice is refused, and
// nothing is deposited.
func TestPlacesRefused(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	town := towntest.New(t, func(c *wiring.Config) { c.Workers = 0 })
	o, drafter := town.Office, town.Person(t, demo.Drafter).Viewer(t)
	in, err := o.Receive(ctx, town.Tenant, "lettre.pdf", bytes.NewReader(pdftest.Pages(pdftest.Text("Lettre"))))
	if err != nil {
		t.Fatal(err)
	}
	date := ask("", 1, 1, 1)
	date.Kind = dossiers.PlaceDate
	for name, asked := range map[string][]dossiers.Place{
		"page -1": {ask("", -1, 1, 1)}, "beyond the edge": {ask("", 1, 101, 1)}, "not a number": {ask("", 1, math.NaN(), 1)}, "twice": {ask("", 1, 1, 1), ask("", 2, 1, 1)},
		"an unknown step": {ask("visa-inconnu", 1, 1, 1)}, "a date": {date}, "too many": make([]dossiers.Place, 31),
	} {
		var invalid *dossiers.InvalidError
		_, _, err := o.Deposit(ctx, drafter, dossiers.Draft{Title: "Une lettre", Recipient: "Quelqu’un", TypeCode: "courrier-cabinet", Main: in, Start: true, Places: asked})
		if !errors.As(err, &invalid) || invalid.Field != "signature_places" || invalid.Reason == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}
