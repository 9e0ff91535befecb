package appearance

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"parapheur/signing/internal/pdf"
)

// letter makes a one-page file; page is added to the page dictionary, more are
// further objects from number 6.
func letter(page, content string, more ...string) []byte {
	return pdfFile(append([]string{
		"<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>",
		"<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>" + page + ">>",
		fmt.Sprintf("<</Length %d>>\nstream\n%s\nendstream", len(content), content),
		"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
	}, more...))
}

func place(t testing.TB, file []byte, w, h float64) (Placement, pdf.Page, error) {
	t.Helper()
	doc, err := pdf.Open(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	page, err := doc.LastPage()
	if err != nil {
		t.Fatal(err)
	}
	p, err := Place(doc, page, w, h)
	return p, page, err
}

const a4 = "/MediaBox[0 0 595 842]"

// body is text from the top of an A4 page down to y, then a footer at 30.
func body(y int) string {
	var b strings.Builder
	b.WriteString("1 1 1 rg 0 0 595 842 re f 0 g\n")
	for at := 780; at >= y; at -= 20 {
		fmt.Fprintf(&b, "BT /F1 11 Tf 60 %d Td (Monsieur le Directeur, veuillez agr\\351er l'expression de mes sentiments distingu\\351s) Tj ET\n", at)
	}
	b.WriteString("BT /F1 8 Tf 1 0 0 1 150 30 Tm [(H\\364tel de ville) -250 (1 place de la R\\351publique - 45000)] TJ ET\n")
	return b.String()
}

func TestBlockGoesUnderTheText(t *testing.T) {
	t.Parallel()
	p, _, err := place(t, letter(a4, body(400)), 220, 70)
	if err != nil || !p.Clear || p.Scale != 1 {
		t.Fatalf("%+v, %v", p, err)
	}
	if p.Rect.Y1 > 400-0.25*11 || p.Rect.Y1 < 360 || p.Rect.X1 != 595-60 {
		t.Errorf("not at the right under the last line: %+v", p.Rect)
	}
}

func TestBlockShrinksRatherThanCoversText(t *testing.T) {
	t.Parallel()
	p, _, err := place(t, letter(a4, body(120)), 220, 70)
	if err != nil || !p.Clear || p.Scale >= 1 || p.Rect.Y1 > 120-2 || p.Rect.Y0 < 36 {
		t.Fatalf("%+v, %v", p, err)
	}
}

func TestFullPageIsReported(t *testing.T) {
	t.Parallel()
	p, _, err := place(t, letter(a4, body(50)), 220, 70)
	if err != nil || p.Clear {
		t.Fatalf("%+v, %v", p, err)
	}
}

func TestBlocksNeverOverlapAnnotations(t *testing.T) {
	t.Parallel()
	for _, rotate := range []int{0, 90, 180, 270, -90} {
		var annotations []pdf.Rect
		for n := range 14 {
			var list, more strings.Builder
			for _, r := range annotations {
				fmt.Fprintf(&list, "<</Type/Annot/Subtype/Widget/Rect[%f %f %f %f]>>", r.X0, r.Y0, r.X1, r.Y1)
			}
			file := letter(fmt.Sprintf("/MediaBox[-20 10 575 852]/Rotate %d/Annots[%s]%s", rotate, list.String(), more.String()), "")
			p, page, err := place(t, file, 220, 70)
			if err != nil {
				t.Fatalf("rotate %d, block %d: %v", rotate, n, err)
			}
			if p.Rect.Intersect(page.CropBox) != p.Rect {
				t.Errorf("rotate %d: %+v is out of the page", rotate, p.Rect)
			}
			for _, r := range annotations {
				if r.Overlaps(p.Rect) {
					t.Errorf("rotate %d: %+v overlaps %+v", rotate, p.Rect, r)
				}
			}
			if wide := p.Rect.Width() > p.Rect.Height(); wide != (rotate%180 == 0) {
				t.Errorf("rotate %d: block of %g x %g", rotate, p.Rect.Width(), p.Rect.Height())
			}
			annotations = append(annotations, p.Rect)
		}
	}
}

func TestNoRoomIsRefused(t *testing.T) {
	t.Parallel()
	file := letter(a4+"/Annots[<</Subtype/Stamp/Rect[0 0 595 842]>>]", "")
	if _, _, err := place(t, file, 220, 70); !errors.Is(err, ErrNoRoom) {
		t.Errorf("got %v", err)
	}
	if _, _, err := place(t, letter("/MediaBox[0 0 20 20]", ""), 220, 70); !errors.Is(err, ErrNoRoom) {
		t.Errorf("tiny page: got %v", err)
	}
}

func TestUprightAndPlacementAreInverse(t *testing.T) {
	t.Parallel()
	for _, rotate := range []int{0, 90, 180, 270} {
		v := newView(pdf.Page{CropBox: pdf.Rect{X0: 10, Y0: 20, X1: 610, Y1: 812}, Rotate: rotate})
		r := pdf.Rect{X0: 30, Y0: 50, X1: 130, Y1: 90}
		if got := v.placement(v.upright([]pdf.Rect{r})[0], 1, true).Rect; got != r {
			t.Errorf("rotate %d: %+v", rotate, got)
		}
	}
}

// Every way to draw leaves its rectangle.
func TestDrawnRects(t *testing.T) {
	t.Parallel()
	form := "<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Matrix[2 0 0 2 100 100]/Length 21>>\nstream\n0 0 5 5 re f 1 0 0 rg\nendstream"
	image := "<</Type/XObject/Subtype/Image/Width 1/Height 1/ColorSpace/DeviceGray/BitsPerComponent 8/Length 1>>\nstream\nx\nendstream"
	for name, c := range map[string]struct {
		content string
		want    pdf.Rect
	}{
		"Tj after Td":         {"BT /F1 10 Tf 50 60 Td (abcd) Tj ET", pdf.Rect{X0: 50, Y0: 57.5, X1: 72.4, Y1: 68.5}},
		"escapes count once":  {"BT /F1 10 Tf 50 60 Td (\\(\\351b(d) Tj) Tj ET", pdf.Rect{X0: 50, Y0: 57.5, X1: 50 + 9*5.6, Y1: 68.5}},
		"T* after TD":         {"BT /F1 10 Tf 50 60 TD 0 -20 TD T* <6162> Tj ET", pdf.Rect{X0: 50, Y0: 17.5, X1: 61.2, Y1: 28.5}},
		"Tm under cm":         {"q 2 0 0 2 10 10 cm BT /F1 10 Tf 1 0 0 1 50 60 Tm [(a) -100 (b)] TJ ET Q", pdf.Rect{X0: 110, Y0: 125, X1: 134.4, Y1: 147}},
		"rectangle":           {"10 20 30 40 re f", pdf.Rect{X0: 10, Y0: 20, X1: 40.5, Y1: 60.5}},
		"line":                {"10 20 m 90 20 l S", pdf.Rect{X0: 10, Y0: 20, X1: 90.5, Y1: 20.5}},
		"image":               {"q 50 0 0 40 100 200 cm /Im Do Q", pdf.Rect{X0: 100, Y0: 200, X1: 150, Y1: 240}},
		"form":                {"/Fm Do", pdf.Rect{X0: 100, Y0: 100, X1: 110.5, Y1: 110.5}},
		"inline image":        {"q 50 0 0 40 100 200 cm BI /W 1 /H 1 ID (xEIx EI Q", pdf.Rect{X0: 100, Y0: 200, X1: 150, Y1: 240}},
		"after a comment":     {"% ( unbalanced\n10 20 30 40 re f", pdf.Rect{X0: 10, Y0: 20, X1: 40.5, Y1: 60.5}},
		"clip path is no ink": {"0 0 300 300 re W n 10 20 30 40 re f", pdf.Rect{X0: 10, Y0: 20, X1: 40.5, Y1: 60.5}},
	} {
		file := letter(a4, c.content, form, image)
		file = bytes.Replace(file, []byte("/Resources<<"), []byte("/Resources<</XObject<</Fm 6 0 R/Im 7 0 R>>"), 1)
		got := drawnOf(t, moved(file))
		if len(got) != 1 || math.Abs(got[0].X0-c.want.X0)+math.Abs(got[0].Y0-c.want.Y0)+math.Abs(got[0].X1-c.want.X1)+math.Abs(got[0].Y1-c.want.Y1) > 1e-6 {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
	}
}

// moved rebuilds the cross-reference table of a file whose objects were edited.
func moved(file []byte) []byte {
	at := bytes.LastIndex(file, []byte("\nxref\n")) + 1
	var objects []string
	for n := 1; ; n++ {
		_, rest, ok := bytes.Cut(file[:at], fmt.Appendf(nil, "\n%d 0 obj\n", n))
		if !ok {
			return pdfFile(objects)
		}
		o, _, _ := bytes.Cut(rest, []byte("\nendobj\n"))
		objects = append(objects, string(o))
	}
}

func drawnOf(t testing.TB, file []byte) []pdf.Rect {
	t.Helper()
	doc, err := pdf.Open(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	page, err := doc.LastPage()
	if err != nil {
		t.Fatal(err)
	}
	return drawnRects(doc, page)
}

// A page whose form draws itself, or that draws without end, costs bounded time.
func TestHostilePagesAreBounded(t *testing.T) {
	t.Parallel()
	loop := strings.Repeat("/Fm Do ", 5000)
	form := fmt.Sprintf("<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</Fm 6 0 R>>>>/Length %d>>\nstream\n%s\nendstream", len(loop), loop)
	self := bytes.Replace(letter(a4, loop, form), []byte("/Resources<<"), []byte("/Resources<</XObject<</Fm 6 0 R>>"), 1)
	for name, file := range map[string][]byte{
		"form in itself": moved(self),
		"many lines":     letter(a4, strings.Repeat("0 0 m 1 1 l S ", 200_000)),
		"deep q":         letter(a4, strings.Repeat("q ", 500_000)),
		"open string":    letter(a4, "("+strings.Repeat("\\(", 500_000)),
		"inline images":  letter(a4, strings.Repeat("BI ID ", 100_000)),
	} {
		start := time.Now()
		drawnOf(t, file)
		if d := time.Since(start); d > 10*time.Second {
			t.Errorf("%s: %v", name, d)
		}
	}
}

func FuzzDrawn(f *testing.F) {
	f.Add([]byte(body(400)))
	f.Add([]byte("q 1 0 0 1 0 0 cm BI ID x EI Q (a\\(b) Tj [ 1 (a) ] TJ <4> ' T* \" /x Do"))
	f.Fuzz(func(t *testing.T, content []byte) {
		if bytes.Contains(content, []byte("endstream")) {
			t.Skip("would end the stream of the fixture")
		}
		p, page, err := place(t, letter(a4, string(content)), 200, 60)
		if err != nil {
			t.Fatal(err)
		}
		if p.Rect.Intersect(page.CropBox) != p.Rect || p.Rect.Empty() {
			t.Fatalf("%+v", p)
		}
	})
}
