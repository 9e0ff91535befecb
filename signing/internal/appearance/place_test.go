package appearance

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"parapheur/signing/internal/content"
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
	s, err := NewSurface(doc, content.NewReader(doc), page)
	if err != nil {
		return Placement{}, page, err
	}
	p, err := s.Free(w, h)
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
	if err != nil || p.Scale != 1 {
		t.Fatalf("%+v, %v", p, err)
	}
	if p.Rect.Y1 > 400-0.25*11 || p.Rect.Y1 < 360 || p.Rect.X1 != 595-60 {
		t.Errorf("not at the right under the last line: %+v", p.Rect)
	}
}

func TestBlockShrinksRatherThanCoversText(t *testing.T) {
	t.Parallel()
	p, _, err := place(t, letter(a4, body(120)), 220, 70)
	if err != nil || p.Scale >= 1 || p.Rect.Y1 > 120-2 || p.Rect.Y0 < 36 {
		t.Fatalf("%+v, %v", p, err)
	}
}

func TestFullPageHasNoRoom(t *testing.T) {
	t.Parallel()
	if p, _, err := place(t, letter(a4, body(50)), 220, 70); !errors.Is(err, ErrNoRoom) {
		t.Fatalf("%+v, %v", p, err)
	}
}

// What could not be read may be anywhere: such a page has no free space.
func TestUnreadablePageHasNoRoom(t *testing.T) {
	t.Parallel()
	file := bytes.Replace(letter(a4, "0 g"), []byte("<</Length 3>>"), []byte("<</Length 3/Filter/JBIG2Decode>>"), 1)
	if p, _, err := place(t, moved(file), 220, 70); !errors.Is(err, ErrNoRoom) {
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
		if got := v.placement(v.upright([]pdf.Rect{r})[0], 1).Rect; got != r {
			t.Errorf("rotate %d: %+v", rotate, got)
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

func FuzzFree(f *testing.F) {
	f.Add([]byte(body(400)))
	f.Add([]byte("q 1 0 0 1 0 0 cm BI ID x EI Q (a\\(b) Tj [ 1 (a) ] TJ <4> ' T* \" /x Do"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		if bytes.Contains(stream, []byte("endstream")) {
			t.Skip("would end the stream of the fixture")
		}
		p, page, err := place(t, letter(a4, string(stream)), 200, 60)
		if errors.Is(err, ErrNoRoom) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if p.Rect.Intersect(page.CropBox) != p.Rect || p.Rect.Empty() {
			t.Fatalf("%+v", p)
		}
	})
}
