package content

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"parapheur/signing/internal/pdf"
	"parapheur/signing/internal/pdftest"
)

func open(t testing.TB, name string) Page {
	t.Helper()
	file, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return read(t, file)
}

// In a scan, the ink is where the text of the same letter is, and nowhere else.
func TestInkOfScans(t *testing.T) {
	t.Parallel()
	text := open(t, "chrome.pdf").Text
	for _, name := range []string{"scan-g4.pdf", "scan-jpeg.pdf"} {
		p := open(t, name)
		if !p.Complete || len(p.Drawn) == 0 {
			t.Fatalf("%s: %d drawings, complete %v", name, len(p.Drawn), p.Complete)
		}
		covered := 0
		for _, d := range p.Drawn {
			wide := pdf.Rect{X0: d.X0 - 8, Y0: d.Y0 - 8, X1: d.X1 + 8, Y1: d.Y1 + 8}
			near := false
			for _, r := range text {
				near = near || r.Overlaps(wide)
			}
			if !near {
				t.Errorf("%s: ink at %+v, where there is no text", name, d)
			}
		}
		for _, r := range text {
			for _, d := range p.Drawn {
				if d.Overlaps(r) {
					covered++
					break
				}
			}
		}
		if covered < len(text)-40 { // the white tags, a run for each character
			t.Errorf("%s: ink on %d of %d runs of text", name, covered, len(text))
		}
	}
}

// Samples of every kind that is read: the ink of an image whose lower left quarter is black.
func TestInkOfSamples(t *testing.T) {
	t.Parallel()
	grey := func(n int, black, white byte) []byte { // 4 x 4, n components
		var b []byte
		for y := range 4 {
			for x := range 4 {
				v := white
				if y >= 2 && x < 2 {
					v = black
				}
				b = append(b, bytes.Repeat([]byte{v}, n)...)
			}
		}
		return b
	}
	bits := []byte{0xF0, 0xF0, 0x30, 0x30}
	for name, c := range map[string]struct {
		dict string
		data []byte
		ok   bool
	}{
		"grey":             {"/BitsPerComponent 8/ColorSpace/DeviceGray", grey(1, 0, 255), true},
		"inverted":         {"/BitsPerComponent 8/ColorSpace/DeviceGray/Decode[1 0]", grey(1, 255, 0), true},
		"RGB":              {"/BitsPerComponent 8/ColorSpace/DeviceRGB", grey(3, 20, 250), true},
		"calibrated":       {"/BitsPerComponent 8/ColorSpace[/CalRGB<</WhitePoint[1 1 1]>>]", grey(3, 20, 250), true},
		"palette":          {"/BitsPerComponent 8/ColorSpace[/Indexed/DeviceRGB 1<FFFFFF102030>]", grey(1, 1, 0), true},
		"bits":             {"/BitsPerComponent 1/ColorSpace/DeviceGray", bits, true},
		"palette of bits":  {"/BitsPerComponent 1/ColorSpace[/Indexed/DeviceGray 1<00FF>]", bits, true},
		"CMYK":             {"/BitsPerComponent 8/ColorSpace/DeviceCMYK", grey(4, 255, 0), false},
		"sixteen bits":     {"/BitsPerComponent 16/ColorSpace/DeviceGray", grey(2, 0, 255), false},
		"too short":        {"/BitsPerComponent 8/ColorSpace/DeviceRGB", grey(1, 0, 255), false},
		"palette of one":   {"/BitsPerComponent 8/ColorSpace[/Indexed[/Indexed/DeviceRGB 0<00>]0<00>]", grey(1, 0, 255), false},
		"broken JPEG":      {"/BitsPerComponent 8/ColorSpace/DeviceGray/Filter/DCTDecode", grey(1, 0, 255), false},
		"unknown coding":   {"/BitsPerComponent 8/ColorSpace/DeviceGray/Filter/JPXDecode", grey(1, 0, 255), false},
		"mixed fax":        {"/BitsPerComponent 1/ColorSpace/DeviceGray/Filter/CCITTFaxDecode/DecodeParms<</K 4/Columns 4>>", bits, false},
		"broken fax":       {"/BitsPerComponent 1/ColorSpace/DeviceGray/Filter/CCITTFaxDecode/DecodeParms<</K -1/Columns 4>>", make([]byte, 4), false},
		"no size":          {"/Width 0", nil, false},
		"a million pixels": {"/Width 99999/Height 99999/BitsPerComponent 1/ColorSpace/DeviceGray", nil, false},
	} {
		content := "q 595 0 0 842 0 0 cm /Im Do Q"
		image := fmt.Sprintf("<<%s/Type/XObject/Subtype/Image/Width 4/Height 4/Length %d>>\nstream\n%s\nendstream", c.dict, len(c.data), c.data)
		p := read(t, letter(a4, content, "null", image))
		if p.Complete != c.ok || (len(p.Drawn) > 0) != c.ok {
			t.Errorf("%s: complete %v, %d drawings", name, p.Complete, len(p.Drawn))
		}
		for _, d := range p.Drawn {
			if d.X1 > 598/2.0 || d.Y1 > 843/2.0 {
				t.Errorf("%s: ink at %+v", name, d)
			}
		}
	}
	masked := pdftest.Table("", "<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>",
		"<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<</XObject<</Im 5 0 R>>>>"+a4+">>",
		"<</Length 29>>\nstream\nq 595 0 0 842 0 0 cm /Im Do Q\nendstream",
		"<</Type/XObject/Subtype/Image/Width 2/Height 1/BitsPerComponent 8/ColorSpace/DeviceGray/SMask 6 0 R/Length 2>>\nstream\n\x00\x00\nendstream",
		"<</Type/XObject/Subtype/Image/Width 2/Height 1/BitsPerComponent 8/ColorSpace/DeviceGray/Length 2>>\nstream\n\x00\xff\nendstream")
	for _, d := range read(t, masked).Drawn {
		if d.X0 < 297 {
			t.Errorf("ink under the mask: %+v", d)
		}
	}
}

// A page that draws a large image without end costs the time of a few.
func TestImagesAreBounded(t *testing.T) {
	t.Parallel()
	data := pdftest.Deflate(make([]byte, 8000*5000/8))
	image := fmt.Sprintf("<</Type/XObject/Subtype/Image/Width 8000/Height 5000/BitsPerComponent 1/ColorSpace/DeviceGray/Filter/FlateDecode/Length %d>>\nstream\n%s\nendstream", len(data), data)
	p := read(t, letter(a4, "q 595 0 0 842 0 0 cm "+strings.Repeat("/Im Do ", 50_000)+"Q", "null", image))
	if p.Complete {
		t.Error("every image was looked into")
	}
}
