package appearance

import (
	"bytes"
	"image"
	"image/jpeg"
	"os"
	"testing"
)

// Of a photographed hand the ink is kept and nothing else: neither the sheet, nor what is printed on it, nor what lies
// around, nor shadows; and all of the ink, wherever it goes.
func TestInkAlone(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]struct {
		ratio float64 // of the hand, width to height
		ink   float64 // its share of the pixels
	}{
		"squares": {3.6, 0.066},
		"shadow":  {3.6, 0.027},
		"table":   {3.2, 0.094},
		"thumb":   {3.6, 0.066},
		"close":   {3.6, 0.147},
	} {
		b, err := os.ReadFile("testdata/photos/" + name + ".jpg")
		if err != nil {
			t.Fatal(err)
		}
		for _, side := range []int{1000, 280} {
			size, ink := inkOf(t, shrunk(t, b, side))
			if ratio := float64(size.X) / float64(size.Y); ratio < 0.95*want.ratio || ratio > 1.05*want.ratio || ink < 0.8*want.ink || ink > 1.2*want.ink {
				t.Errorf("%s, %d wide: %v, ratio %.2f, ink %.4f", name, side, size, ratio, ink)
			}
		}
	}
}

// shrunk is a photograph as another telephone would have it.
func shrunk(t *testing.T, photo []byte, side int) []byte {
	t.Helper()
	d, err := decodePicture(photo)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, d.reduced(side), nil); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// inkOf rewrites a photograph and returns what is kept: its size, and how much of it is ink.
func inkOf(t *testing.T, photo []byte) (size image.Point, ink float64) {
	t.Helper()
	kept, err := Rewrite(photo, true)
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewPicture(kept)
	if err != nil {
		t.Fatal(err)
	}
	for i := 3; i < len(p.pix.Pix); i += 4 {
		ink += float64(p.pix.Pix[i]) / 255
	}
	size = p.pix.Rect.Size()
	return size, ink / float64(size.X*size.Y)
}
