package appearance

import (
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
		kept, err := Rewrite(b, true)
		if err != nil {
			t.Error(name, err)
			continue
		}
		p, err := NewPicture(kept)
		if err != nil {
			t.Fatal(name, err)
		}
		ink := 0.0
		for i := 3; i < len(p.pix.Pix); i += 4 {
			ink += float64(p.pix.Pix[i]) / 255
		}
		size := p.pix.Rect.Size()
		ratio, ink := float64(size.X)/float64(size.Y), ink/float64(size.X*size.Y)
		if ratio < 0.95*want.ratio || ratio > 1.05*want.ratio || ink < 0.9*want.ink || ink > 1.1*want.ink {
			t.Errorf("%s: %v, ratio %.2f, ink %.4f", name, size, ratio, ink)
		}
	}
}
