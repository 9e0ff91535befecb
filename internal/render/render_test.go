package render

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"parapheur/internal/child"
	"parapheur/internal/pdftest"
	"parapheur/internal/tooltest"
)

func TestMain(m *testing.M) {
	child.Main(Job())
	os.Exit(m.Run())
}

// renderer shares one cache between the tests of a run, so that the engine is compiled once.
func renderer(t testing.TB, o Options) *Renderer {
	t.Helper()
	o.CacheDir = tooltest.EngineCache()
	r, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Warm(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r
}

// letter says "Réponse à M. Œuvrard" in WinAnsi on its first page.
func letter() []byte {
	return pdftest.Pages(pdftest.Text("R\xe9ponse \xe0 M. \x8cuvrard"), pdftest.Text("Page deux"))
}

func decode(t *testing.T, b []byte) *image.Paletted {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	paletted, ok := img.(*image.Paletted)
	if !ok {
		t.Fatalf("the image is a %T", img)
	}
	return paletted
}

func TestPreviewOfALetter(t *testing.T) {
	t.Parallel()
	p, err := renderer(t, Options{}).Preview(t.Context(), bytes.NewReader(letter()))
	if err != nil {
		t.Fatal(err)
	}
	if p.Pages != 2 || len(p.Text) != 2 || strings.TrimSpace(p.Text[0]) != "Réponse à M. Œuvrard" || strings.TrimSpace(p.Text[1]) != "Page deux" {
		t.Fatalf("%d pages, text %q", p.Pages, p.Text)
	}
	img := decode(t, p.FirstPNG)
	if size := img.Bounds().Size(); size.X < DefaultWidth-1 || size.X > DefaultWidth || math.Abs(float64(size.Y)/float64(size.X)-842.0/595) > 0.01 {
		t.Fatalf("image of %v", size)
	}
	if len(img.Palette) != greys {
		t.Fatalf("a page without colour has a palette of %d", len(img.Palette))
	}
	dark := 0
	for _, i := range img.Pix {
		if i == 0 {
			dark++
		}
	}
	if dark < 500 {
		t.Fatalf("%d black pixels: the text is not drawn", dark)
	}
}

func TestPageTextAndInfo(t *testing.T) {
	t.Parallel()
	r := renderer(t, Options{})
	path := filepath.Join(t.TempDir(), "letter.pdf")
	if err := os.WriteFile(path, letter(), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got, err := r.Text(t.Context(), f, 2); err != nil || strings.TrimSpace(got) != "Page deux" {
		t.Errorf("text of page 2: %q, %v", got, err)
	}
	if n, sizes, err := r.Info(t.Context(), f); err != nil || n != 2 || len(sizes) != 2 || sizes[1] != (Size{595, 842}) {
		t.Errorf("info: %d, %v, %v", n, sizes, err)
	}
	if b, err := r.Page(t.Context(), f, 2, 300); err != nil || decode(t, b).Bounds().Dx() > 300 {
		t.Errorf("page 2: %d bytes, %v", len(b), err)
	}
	for _, page := range []int{-1, 0, 3, math.MaxInt32} {
		if _, err := r.Page(t.Context(), f, page, 300); !errors.Is(err, ErrPage) {
			t.Errorf("page %d: %v, want ErrPage", page, err)
		}
	}
	if b, err := r.Page(t.Context(), f, 1, 1_000_000); err != nil || decode(t, b).Bounds().Dx() > MaxWidth {
		t.Errorf("an absurd width: %d bytes, %v", len(b), err)
	}
}

func TestColourIsKept(t *testing.T) {
	t.Parallel()
	// A tricolour coat of arms of two centimetres on a white page.
	content := "0 0.33 0.64 rg 72 700 20 57 re f 0.94 0.25 0.21 rg 112 700 20 57 re f"
	b, err := renderer(t, Options{}).Page(t.Context(), bytes.NewReader(pdftest.Pages(pdftest.Stream("", []byte(content)))), 1, DefaultWidth)
	if err != nil {
		t.Fatal(err)
	}
	img := decode(t, b)
	scale := float64(img.Bounds().Dx()) / 595
	for _, want := range []struct {
		x, y float64
		c    color.RGBA
	}{{82, 720, color.RGBA{0, 84, 163, 255}}, {122, 720, color.RGBA{240, 64, 54, 255}}, {300, 300, color.RGBA{255, 255, 255, 255}}} {
		r, g, b, _ := img.At(int(want.x*scale), int((842-want.y)*scale)).RGBA()
		for got, exact := range map[uint32]uint8{r >> 8: want.c.R, g >> 8: want.c.G, b >> 8: want.c.B} {
			if math.Abs(float64(got)-float64(exact)) > 10 {
				t.Errorf("at %v, %v: %d %d %d, want %v", want.x, want.y, r>>8, g>>8, b>>8, want.c)
			}
		}
	}
}

func TestSignatureBlocksAreDrawn(t *testing.T) {
	t.Parallel()
	pdf := pdftest.File(
		"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[4 0 R]/SigFlags 3>>>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>",
		"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Annots[4 0 R]>>",
		"<</Type/Annot/Subtype/Widget/FT/Sig/T(s)/F 132/Rect[100 100 300 200]/AP<</N 5 0 R>>>>",
		pdftest.Stream("/Type/XObject/Subtype/Form/BBox[0 0 200 100]", []byte("0 g 0 0 200 100 re f")))
	b, err := renderer(t, Options{}).Page(t.Context(), bytes.NewReader(pdf), 1, 595)
	if err != nil {
		t.Fatal(err)
	}
	if grey, _, _, _ := decode(t, b).At(200, 842-150).RGBA(); grey != 0 {
		t.Fatalf("the middle of the signature block has grey %d: it is not shown", grey>>8)
	}
}

func TestHostileFilesEndTheChildOnly(t *testing.T) {
	t.Parallel()
	patient, hasty := renderer(t, Options{Timeout: time.Minute}), renderer(t, Options{Timeout: 2 * time.Second})
	operators := []byte(strings.Repeat("0 0 m 595 842 l 0 842 l 595 0 l S\n", 10_000))
	for _, c := range []struct {
		name string
		pdf  []byte
		want []error // nil among them: a blank page will do
	}{
		{"empty", nil, []error{ErrRefused}},
		{"no PDF", []byte("Bonjour, ceci est un texte."), []error{ErrRefused}},
		{"cut at 60 %", letter()[:len(letter())*6/10], []error{nil, ErrRefused, ErrPage}},
		{"ten million operators", pdftest.Pages(pdftest.Repeated(operators, 300)), []error{ErrRefused, ErrTimeout}},
		{"dashes without end", pdftest.Pages(pdftest.Stream("", []byte("0.01 w [0.02 0.02] 0 d 0 0 m 595 842 l S\n"+strings.Repeat("0 0 m 100 900 500 -100 595 842 c S\n", 20000)))), []error{ErrTimeout}},
		{"zip bomb", pdftest.Pages(pdftest.Repeated(make([]byte, 1<<20), 1024)), []error{nil, ErrRefused}},
		{"page tree in itself", pdftest.File("<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[2 0 R 2 0 R]/Count 2>>"), []error{ErrPage, ErrRefused}},
		{"huge page", pdftest.File("<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>", "<</Type/Page/Parent 2 0 R/MediaBox[0 0 1 99999999]>>"), []error{nil, ErrPage}},
		{"a page count that lies", pdftest.File("<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[]/Count 2000000000>>"), []error{ErrPage, ErrRefused}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			r := patient
			if slices.Contains(c.want, ErrTimeout) {
				r = hasty
			}
			_, err := r.Preview(t.Context(), bytes.NewReader(c.pdf))
			expected := false
			for _, want := range c.want {
				expected = expected || errors.Is(err, want) && (want != nil || err == nil)
			}
			if !expected {
				t.Errorf("got %v, want one of %v", err, c.want)
			}
			t.Logf("%d bytes, %s: %v", len(c.pdf), time.Since(began).Round(time.Millisecond), err)
		})
	}
}

func TestTooLargeIsRefusedBeforeAnythingRuns(t *testing.T) {
	t.Parallel()
	r := renderer(t, Options{MaxBytes: 100})
	if _, err := r.Preview(t.Context(), bytes.NewReader(letter())); !errors.Is(err, ErrRefused) {
		t.Fatalf("a stream: %v", err)
	}
	path := filepath.Join(t.TempDir(), "letter.pdf")
	if err := os.WriteFile(path, letter(), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := r.Preview(t.Context(), f); !errors.Is(err, ErrRefused) {
		t.Fatalf("a file: %v", err)
	}
}

func TestCallerMayGiveUp(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	r := renderer(t, Options{})
	cancel()
	if _, err := r.Preview(ctx, bytes.NewReader(letter())); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
}

func TestCacheOpenToOthersIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Options{CacheDir: dir}); err == nil {
		t.Fatal("machine code would be run from a folder that anybody can write to")
	}
}

func TestPaletteOfManyColours(t *testing.T) {
	t.Parallel()
	src := image.NewRGBA(image.Rect(0, 0, 256, 256))
	for y := range 256 {
		for x := range 256 {
			src.SetRGBA(x, y, color.RGBA{uint8(x), uint8(y), uint8(x ^ y), 255})
		}
	}
	b, err := encode(src)
	if err != nil {
		t.Fatal(err)
	}
	img := decode(t, b)
	if len(img.Palette) != maxColours {
		t.Fatalf("%d colours", len(img.Palette))
	}
	var sum float64
	for y := range 256 {
		for x := range 256 {
			r, g, b, _ := img.At(x, y).RGBA()
			sum += math.Abs(float64(r>>8)-float64(x)) + math.Abs(float64(g>>8)-float64(y)) + math.Abs(float64(b>>8)-float64(x^y))
		}
	}
	if mean := sum / (3 * 256 * 256); mean > 24 {
		t.Fatalf("mean error %.1f of 255", mean)
	}
}

func BenchmarkPreview(b *testing.B) {
	r := renderer(b, Options{})
	pdf := letter()
	for b.Loop() {
		if _, err := r.Preview(b.Context(), bytes.NewReader(pdf)); err != nil {
			b.Fatal(err)
		}
	}
}
