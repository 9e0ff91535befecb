package pdf_test

import (
	"bytes"
	"encoding/ascii85"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"parapheur/signing/internal/pdf"
	"parapheur/signing/internal/pdftest"
)

func open(t testing.TB, b []byte) *pdf.Doc {
	t.Helper()
	d, err := pdf.Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// update appends one update made by change.
func update(t testing.TB, b []byte, change func(*pdf.Update)) []byte {
	t.Helper()
	u, err := open(t, b).NewUpdate()
	if err != nil {
		t.Fatal(err)
	}
	change(u)
	tail, _, err := u.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return append(bytes.Clone(b), tail...)
}

// Every structure of file gives the same page.
func TestPageIsFoundInEveryStructure(t *testing.T) {
	t.Parallel()
	for name, b := range pdftest.Sound() {
		d := open(t, b)
		p, err := d.LastPage()
		if err != nil {
			t.Fatal(name, err)
		}
		n, err := d.PageCount()
		if err != nil || n != p.Number || p.Dict.Get("Type") != pdf.Name("Page") {
			t.Errorf("%s: page %d of %d, %v", name, p.Number, n, err)
		}
		if q, err := d.Page(p.Number); err != nil || q.Ref != p.Ref {
			t.Errorf("%s: %v, %v", name, q.Ref, err)
		}
		if _, err := d.Page(n + 1); !errors.Is(err, pdf.ErrNotFound) {
			t.Errorf("%s: page after the last: %v", name, err)
		}
		revs := d.Revisions()
		if last := revs[len(revs)-1]; len(revs) != firstRevisions(name) || last.End != int64(len(b)) {
			t.Errorf("%s: %d revisions, end %d of %d", name, len(revs), last.End, len(b))
		}
	}
}

// firstRevisions is how many revisions a sound file has: Word writes two, Acrobat adds one.
func firstRevisions(name string) int {
	switch name {
	case "word":
		return 2
	case "acrobat":
		return 3
	}
	return 1
}

// Boxes and rotation are inherited; the visible box stays inside the medium.
func TestInheritedAttributes(t *testing.T) {
	t.Parallel()
	p, err := open(t, pdftest.Rotated(-90)).LastPage()
	if err != nil {
		t.Fatal(err)
	}
	if p.Rotate != 270 || p.MediaBox != (pdf.Rect{X0: -20, Y0: -30, X1: 595, Y1: 842}) || p.CropBox != (pdf.Rect{X0: 10, Y0: 20, X1: 585, Y1: 822}) {
		t.Errorf("%+v", p)
	}
}

// Each revision answers for itself, in the flavour of the file, and no object is lost.
func TestRevisions(t *testing.T) {
	t.Parallel()
	for name, b := range pdftest.Sound() {
		states := [][]byte{b}
		for i := range 3 {
			b = update(t, b, func(u *pdf.Update) { u.SetCatalog("Lang", pdf.EncodeText(fmt.Sprint("v", i))) })
			states = append(states, b)
		}
		d := open(t, b)
		revs := d.Revisions()
		earlier := firstRevisions(name) - 1
		if len(revs) != earlier+len(states) {
			t.Fatalf("%s: %d revisions", name, len(revs))
		}
		revs = revs[earlier:]
		for i, s := range states {
			// A file without a final end-of-line gets one from the update that follows.
			if n := int64(len(s)); revs[i].EOF > n || revs[i].End < n || revs[i].Stream != revs[0].Stream {
				t.Errorf("%s: revision %d ends at %d of %d, stream %v", name, i, revs[i].End, len(s), revs[i].Stream)
			}
			at := d.At(earlier + i)
			_, cat, err := at.Catalog()
			if err != nil {
				t.Fatal(name, err)
			}
			_, own, err := open(t, s).Catalog()
			if err != nil {
				t.Fatal(name, err)
			}
			if diff := cmp.Diff(string(pdf.Append(nil, own)), string(pdf.Append(nil, cat))); diff != "" {
				t.Errorf("%s: revision %d: %s", name, i, diff)
			}
			if _, err := at.LastPage(); err != nil {
				t.Errorf("%s: revision %d: %v", name, i, err)
			}
		}
		if got := revs[3].Numbers(); !slices.Contains(got, 1) || slices.Contains(got, 2) {
			t.Errorf("%s: the last revision lists %v", name, got)
		}
	}
}

// An older revision cannot be made to read what was appended after it.
func TestOldRevisionIsBounded(t *testing.T) {
	t.Parallel()
	b := pdftest.Table("", pdftest.Catalog, pdftest.Pages, pdftest.Page, "null")
	at := int64(len(b))
	forged := bytes.Replace(b, fmt.Appendf(nil, "%010d 00000 n \ntrailer", bytes.Index(b, []byte("4 0 obj"))), fmt.Appendf(nil, "%010d 00000 n \ntrailer", at), 1)
	forged = append(forged, "4 0 obj\n(later)\nendobj\n"...)
	forged = fmt.Appendf(forged, "xref\n0 0\ntrailer\n<< /Root 1 0 R /Size 5 /Prev %d >>\nstartxref\n%d\n%%%%EOF\n", bytes.LastIndex(b, []byte("\nxref"))+1, len(forged))
	d := open(t, forged)
	if v, err := d.Object(4); err != nil || v != pdf.Raw("(later)") {
		t.Fatal(v, err)
	}
	if v, err := d.At(0).Object(4); !errors.Is(err, pdf.ErrSyntax) {
		t.Errorf("read %v, %v", v, err)
	}
}

// What is read comes back token for token.
func TestTokensAreKept(t *testing.T) {
	t.Parallel()
	b := pdftest.Escapes()
	after := update(t, b, func(u *pdf.Update) { u.SetCatalog("New", pdf.Raw("true")) })
	want := []string{`/Lang (fr\)FR)`, `/A (A\\\()`, "/My#20Key (x\\101\\\ny)", "/H <fe ff 00e9>", "/R -.5", "/N#2FX /a#23b"}
	tail := string(after[len(b):])
	for _, w := range want {
		if !strings.Contains(tail, w) {
			t.Errorf("%s lost in %s", w, tail)
		}
	}
	_, cat, err := open(t, after).Catalog()
	if err != nil {
		t.Fatal(err)
	}
	if got := cat.Get("My Key").(pdf.Raw).Text(); got != "xAy" {
		t.Errorf("got %q", got)
	}
	if got := cat.Get("H").(pdf.Raw).Text(); got != "é" {
		t.Errorf("got %q", got)
	}
	if got := cat.Get("N/X"); got != pdf.Name("a#23b") || got.(pdf.Name).Decoded() != "a#b" {
		t.Errorf("got %v", got)
	}
}

// A key spelled twice, or spelled with escapes, cannot hide from the reader.
func TestDuplicateKeysAreSeen(t *testing.T) {
	t.Parallel()
	b := pdftest.Table("", pdftest.Catalog, pdftest.Pages, pdftest.Page, "<< /ByteRange [0 1 2 3] /Byte#52ange [4 5 6 7] /Contents <00> >>")
	v, err := open(t, b).Object(4)
	if err != nil {
		t.Fatal(err)
	}
	all := v.(*pdf.Dict).All("ByteRange")
	if len(all) != 2 || string(b[all[1].Start:all[1].End]) != "[4 5 6 7]" {
		t.Errorf("got %v", all)
	}
	c := v.(*pdf.Dict).All("Contents")
	if len(c) != 1 || string(b[c[0].Start:c[0].End]) != "<00>" {
		t.Errorf("got %v", c)
	}
}

// Offsets of an object and of its stream are exact.
func TestExtent(t *testing.T) {
	t.Parallel()
	b := pdftest.Letter(1)
	d := open(t, b)
	for n := 1; n <= d.MaxObject(); n++ {
		from, to, err := d.Extent(n)
		if err != nil {
			t.Fatal(err)
		}
		if s := string(b[from:to]); !strings.HasPrefix(s, fmt.Sprintf("%d 0 obj", n)) || !strings.HasSuffix(s, "endobj") || strings.Count(s, "endobj") != 1 {
			t.Errorf("object %d: %q", n, s)
		}
	}
	if _, _, err := d.Extent(99); !errors.Is(err, pdf.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	if _, _, err := open(t, pdftest.ObjectStream()).Extent(3); !errors.Is(err, pdf.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

func TestTextStrings(t *testing.T) {
	t.Parallel()
	for token, want := range map[pdf.Raw]string{
		`(a\(b\)c\\)`: `a(b)c\`, `(\351\t\12x)`: "é\t\nx", "(a\\\r\nb\rc)": "ab\nc", `(\1234)`: "S4", `(\9)`: "9",
		"<FEFF00E9>": "é", "<fe ff d83d de00>": "😀", "<EFBBBFC3A9>": "é", "<4>": "@", "(\x80\xa0)": "•€", "()": "", "<>": "",
	} {
		if got := token.Text(); got != want {
			t.Errorf("%s: got %q, want %q", token, got, want)
		}
	}
	for _, s := range []string{"", "abc", `a\(b`, "été", "日本", "😀", "a\nb", ")("} {
		if got := pdf.EncodeText(s).Text(); got != s {
			t.Errorf("%q comes back as %q", s, got)
		}
	}
}

func TestDates(t *testing.T) {
	t.Parallel()
	for _, at := range []time.Time{
		time.Date(2026, 11, 23, 10, 47, 3, 0, time.FixedZone("", 3600)),
		time.Date(2026, 7, 1, 0, 0, 0, 0, time.FixedZone("", -(3*3600+1800))),
		time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC),
	} {
		if got, ok := pdf.EncodeDate(at).Time(); !ok || !got.Equal(at) {
			t.Errorf("%v comes back as %v from %s", at, got, pdf.EncodeDate(at))
		}
	}
	for token, want := range map[pdf.Raw]bool{"(D:20261123)": true, "(D:20261123104500Z00'00')": true, "(hier)": false, "null": false} {
		if _, ok := token.Time(); ok != want {
			t.Errorf("%s: %v", token, ok)
		}
	}
}

func base85(b []byte) string {
	out := make([]byte, ascii85.MaxEncodedLen(len(b)))
	return string(out[:ascii85.Encode(out, b)]) + "~>"
}

// Filters are decoded up to the limit given.
func TestDecode(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("salutations ", 50)
	rows := append([]byte{0, 10, 20, 30}, 2, 1, 1, 1)
	rows = append(rows, 1, 5, 1, 1)
	rows = append(rows, 4, 1, 1, 1)
	rows = append(rows, 3, 2, 2, 2)
	for _, c := range []struct{ name, dict, data, want string }{
		{"none", "", text, text},
		{"flate", "/Filter /FlateDecode", string(pdftest.Deflate([]byte(text))), text},
		{"array", "/Filter [/FlateDecode] /DecodeParms [null]", string(pdftest.Deflate([]byte(text))), text},
		{"hexadecimal", "/Filter /ASCIIHexDecode", "616 26>", "ab`"},
		{"base 85 and flate", "/Filter [/ASCII85Decode /FlateDecode]", base85(pdftest.Deflate([]byte(text))), text},
		{
			"predictors", "/Filter /FlateDecode /DecodeParms << /Predictor 15 /Columns 3 >>", string(pdftest.Deflate(rows)),
			string([]byte{10, 20, 30, 11, 21, 31, 5, 6, 7, 6, 7, 8, 5, 8, 10}),
		},
	} {
		b := pdftest.Table("", pdftest.Catalog, pdftest.Pages, pdftest.Page, fmt.Sprintf("<< %s /Length %d >>\nstream\n%s\nendstream", c.dict, len(c.data), c.data))
		d := open(t, b)
		v, err := d.Object(4)
		if err != nil {
			t.Fatal(c.name, err)
		}
		got, err := d.Decode(v.(*pdf.Stream), 1<<20)
		if err != nil || string(got) != c.want {
			t.Errorf("%s: got %q, %v, want %q", c.name, got, err, c.want)
		}
		if _, err := d.Decode(v.(*pdf.Stream), 1); !errors.Is(err, pdf.ErrLimit) {
			t.Errorf("%s: beyond the limit: %v", c.name, err)
		}
		if r, err := d.StreamData(v.(*pdf.Stream)); err != nil {
			t.Error(err)
		} else if raw, err := io.ReadAll(r); err != nil || string(raw) != c.data {
			t.Errorf("%s: raw data %q, %v", c.name, raw, err)
		}
	}
}

// The whole form is found: names through parents, types and values that are inherited, widgets.
func TestFields(t *testing.T) {
	t.Parallel()
	b := pdftest.Table("", "<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [4 0 R 7 0 R] >> >>", pdftest.Pages, pdftest.Page,
		"<< /T (a) /FT /Sig /Kids [5 0 R 6 0 R] >>", "<< /T (b) /V 8 0 R /Subtype /Widget >>", "<< /T <FEFF00E9> /Kids [9 0 R] >>",
		"<< /T (texte) /FT /Tx /V (x) /Subtype /Widget >>", "<< /Type /Sig /Contents <00> /ByteRange [0 0 0 0] >>", "<< /Subtype /Widget >>")
	d := open(t, b)
	fields, err := d.Fields()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range fields {
		got = append(got, fmt.Sprintf("%s %s %v %v", f.Name, f.Type, f.Terminal, f.Widgets))
	}
	want := []string{"a Sig false []", "a.b Sig true [5 0 R]", "a.é Sig true [9 0 R]", "texte Tx true [7 0 R]"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	sigs, err := d.Signatures()
	if err != nil || len(sigs) != 1 || sigs[0].Field.Name != "a.b" || sigs[0].Ref.Number != 8 || len(sigs[0].Contents) != 1 {
		t.Errorf("%+v, %v", sigs, err)
	}
}

// A signature whose value is broken is still a signature.
func TestBrokenSignatureIsNotDropped(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"(x)", "[]", "<< >>", "<< /Contents null >>", "12"} {
		b := pdftest.Table("", "<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [4 0 R] >> >>", pdftest.Pages, pdftest.Page, "<< /T (a) /FT /Sig /V "+value+" >>")
		if sigs, err := open(t, b).Signatures(); err != nil || len(sigs) != 1 {
			t.Errorf("%s: %d signatures, %v", value, len(sigs), err)
		}
	}
}

func TestRectOverlap(t *testing.T) {
	t.Parallel()
	a := pdf.Rect{X0: 0, Y0: 0, X1: 10, Y1: 10}
	for _, c := range []struct {
		b    pdf.Rect
		want bool
	}{{pdf.Rect{X0: 5, Y0: 5, X1: 15, Y1: 15}, true}, {pdf.Rect{X0: 10, Y0: 0, X1: 20, Y1: 10}, false}, {pdf.Rect{X0: 2, Y0: 2, X1: 3, Y1: 3}, true}} {
		if a.Overlaps(c.b) != c.want || c.b.Overlaps(a) != c.want || a.Intersect(c.b).Empty() == c.want {
			t.Errorf("%v", c.b)
		}
	}
}

// Two answers for one object in one section are refused.
func TestOverlappingSubsectionsAreRefused(t *testing.T) {
	t.Parallel()
	b := pdftest.Table("", pdftest.Catalog, pdftest.Pages, pdftest.Page)
	b = bytes.Replace(b, []byte("trailer\n"), []byte("2 1\n0000000015 00000 n \ntrailer\n"), 1)
	if _, err := pdf.Open(bytes.NewReader(b), int64(len(b))); !errors.Is(err, pdf.ErrSyntax) {
		t.Errorf("got %v", err)
	}
}
