package content

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"parapheur/signing/internal/pdf"
	"parapheur/signing/internal/pdftest"
)

const a4 = "/MediaBox[0 0 595 842]"

// letter makes a one-page file; page is added to the page dictionary, more are further objects from
// number 6.
func letter(page, content string, more ...string) []byte {
	return pdftest.Table("", append([]string{
		"<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>",
		"<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>/XObject<</Fm 6 0 R/Im 7 0 R>>>>" + page + ">>",
		fmt.Sprintf("<</Length %d>>\nstream\n%s\nendstream", len(content), content),
		"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
	}, more...)...)
}

func read(t testing.TB, file []byte) Page {
	t.Helper()
	doc, err := pdf.Open(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	page, err := doc.LastPage()
	if err != nil {
		t.Fatal(err)
	}
	return NewReader(doc).Page(page)
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
		p := read(t, file)
		got := append(p.Text, p.Drawn...)
		if len(got) != 1 || math.Abs(got[0].X0-c.want.X0)+math.Abs(got[0].Y0-c.want.Y0)+math.Abs(got[0].X1-c.want.X1)+math.Abs(got[0].Y1-c.want.Y1) > 1e-6 {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
	}
}

// A page whose form draws itself, or that draws without end, costs bounded time.
func TestHostilePagesAreBounded(t *testing.T) {
	t.Parallel()
	loop := strings.Repeat("/Fm Do ", 5000)
	form := fmt.Sprintf("<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</Fm 6 0 R>>>>/Length %d>>\nstream\n%s\nendstream", len(loop), loop)
	for name, file := range map[string][]byte{
		"form in itself": letter(a4, loop, form),
		"many lines":     letter(a4, strings.Repeat("0 0 m 1 1 l S ", 200_000)),
		"deep q":         letter(a4, strings.Repeat("q ", 500_000)),
		"open string":    letter(a4, "("+strings.Repeat("\\(", 500_000)),
		"inline images":  letter(a4, strings.Repeat("BI ID ", 100_000)),
	} {
		start := time.Now()
		read(t, file)
		if d := time.Since(start); d > 10*time.Second && !raceEnabled {
			t.Errorf("%s: %v", name, d)
		}
	}
}
