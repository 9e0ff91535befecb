package dossiers_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/pdftest"
	"parapheur/internal/towntest"
	"parapheur/internal/wiring"
	"parapheur/signing"
)

// template is a page with empty signature fields of these names.
func template(names ...string) []byte {
	fields, widgets := "", []pdftest.Object{}
	for i, name := range names {
		fields += fmt.Sprintf("%d 0 R ", 4+i)
		y := 60 + 120*i
		widgets = append(widgets, pdftest.Object(fmt.Sprintf("<</Type/Annot/Subtype/Widget/FT/Sig/T(%s)/Rect[300 %d 520 %d]/P 3 0 R/F 4>>", name, y, y+70)))
	}
	return pdftest.File(append([]pdftest.Object{
		pdftest.Object("<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[" + fields + "]>>>>"),
		"<</Type/Pages/Kids[3 0 R]/Count 1>>",
		pdftest.Object("<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Annots[" + fields + "]>>"),
	}, widgets...)...)
}

// placed deposits a letter along the Mayor's circuit, has it signed, and says
// where the block was laid out.
func placed(t *testing.T, town *towntest.Town, letter []byte, asked ...dossiers.Place) signing.Placement {
	t.Helper()
	_, p := laid(t, town, letter, asked)
	return p
}

// laid is placed, with the letter.
func laid(t *testing.T, town *towntest.Town, letter []byte, asked []dossiers.Place) (dossiers.ID, signing.Placement) {
	t.Helper()
	ctx, o := t.Context(), town.Office
	in, err := o.Receive(ctx, town.Tenant, "lettre.pdf", bytes.NewReader(letter))
	if err != nil {
		t.Fatal(err)
	}
	d, _, err := o.Deposit(ctx, town.Person(t, demo.Drafter).Viewer(t), dossiers.Draft{
		Title: "Une lettre", Recipient: "Quelqu’un", TypeCode: "courrier-cabinet", Main: in, Start: true, Places: asked,
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := town.Person(t, demo.Mayor).Decide(t, d.ID, "signature", ""); err != nil {
		t.Fatal(err)
	}
	if err := o.Seal(ctx, town.Tenant.ID, d.ID); err != nil {
		t.Fatal(err)
	}
	signatureOf(t, town, d.ID)
	kept, err := town.Store.Sealing(ctx, town.Tenant.ID, d.ID, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	var p signing.Prepared
	if err := p.UnmarshalBinary(kept.Prepared); err != nil {
		t.Fatal(err)
	}
	field, page, rect := p.Placement()
	return d.ID, signing.Placement{Field: field, Page: page, Rect: rect, Notice: p.Notice()}
}

// The block goes on the tag of the step, else on that of any signature, else in
// the field that the template left, else in free space of the last page.
func TestSignaturePlace(t *testing.T) {
	t.Parallel()
	town := towntest.New(t, func(c *wiring.Config) { c.Workers = 0 })
	text := pdftest.Text
	for _, test := range []struct {
		name   string
		letter []byte
		page   int
		field  string
	}{
		{"the step, before any signature", pdftest.Pages(text("#signature#"), text("#signature:signature-maire#"), text("Fin")), 2, "Signature1"},
		{"any signature", pdftest.Pages(text("#Signature#"), text("Suite"), text("Fin")), 1, "Signature1"},
		{"of another step, of a seal", pdftest.Pages(text("#signature:dgs#"), text("#cachet#"), text("Fin")), 3, "Signature1"},
		{"the field of the step", template("autre", "Signature-Maire"), 1, "Signature-Maire"},
		{"any empty field but that of a seal", template("cachet", "Signature7"), 1, "Signature7"},
		{"nothing said", pdftest.Pages(text("Lettre"), text("Fin")), 2, "Signature1"},
	} {
		if p := placed(t, town, test.letter); p.Page != test.page || p.Field != test.field || p.Rect == (signing.Rect{}) {
			t.Errorf("%s: %+v", test.name, p)
		}
	}
}

// A step may require more than its node and its type, and never less.
func TestStepRequiresItsLevel(t *testing.T) {
	t.Parallel()
	lower := signing.BT
	town := towntest.New(t, func(c *wiring.Config) { c.Workers, c.Level = 0, &lower })
	types, err := town.Store.Types(t.Context(), town.Tenant.ID)
	if err != nil {
		t.Fatal(err)
	}
	for i, x := range []struct {
		asked string
		want  signing.Level
	}{{"B-LTA", signing.BLTA}, {"B-B", signing.BT}, {"PAdES-BASELINE-LT", signing.BLT}} {
		asked, want := x.asked, x.want
		for _, y := range types {
			if y.Code == "courrier-simple" {
				y.Circuit.Version = 2 + i
				y.Circuit.Steps = append([]circuits.Step(nil), y.Circuit.Steps...)
				y.Circuit.Steps[1].Level = asked
				if err := town.Store.PublishType(t.Context(), town.Tenant.ID, y, circuits.Actor{Name: "test"}, time.Now()); err != nil {
					t.Fatal(err)
				}
			}
		}
		d := decided(t, town)
		if err := town.Office.Seal(t.Context(), town.Tenant.ID, d.ID); err != nil {
			t.Fatal(err)
		}
		if s := signatureOf(t, town, d.ID); s.Level != want.String() {
			t.Errorf("a step of level %s sealed at %s", asked, s.Level)
		}
	}
}
