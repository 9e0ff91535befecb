package appearance

import (
	"bytes"
	"fmt"
	"image/color"
	"os"
	"testing"
)

// lying is one of the eight photographs of the same picture, whose pixels lie in each of the ways of EXIF.
func lying(t testing.TB, n int) []byte {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("testdata/orientation/%d.jpg", n))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Of the eight ways to hold a telephone each gives the same picture: drawn from the file as it came and as it is kept,
// without who took it and where.
func TestPhotographsStandUpright(t *testing.T) {
	t.Parallel()
	for n := 1; n <= 8; n++ {
		file := lying(t, n)
		kept, err := Rewrite(file, false)
		if err != nil {
			t.Fatal(n, err)
		}
		for _, private := range []string{"Exif", "Marque", "Martine"} {
			if bytes.Contains(kept, []byte(private)) || !bytes.Contains(file, []byte(private)) {
				t.Errorf("%d: %q is kept, or was never there", n, private)
			}
		}
		for how, b := range map[string][]byte{"as it came": file, "as it is kept": kept} {
			p, err := NewPicture(b)
			if err != nil {
				t.Fatal(n, how, err)
			}
			if got := p.pix.Rect.Size(); got.X != 96 || got.Y != 64 {
				t.Errorf("%d, %s: %v", n, how, got)
				continue
			}
			for _, corner := range []struct {
				x, y int
				want color.NRGBA
			}{
				{10, 10, color.NRGBA{R: 0xC0, G: 0x20, B: 0x20}},
				{85, 10, color.NRGBA{R: 0x20, G: 0xA0, B: 0x20}},
				{85, 54, color.NRGBA{R: 0x20, G: 0x20, B: 0xC0}},
				{10, 54, color.NRGBA{R: 0xE0, G: 0xD0, B: 0x20}},
			} {
				got := p.pix.NRGBAAt(corner.x, corner.y)
				if far(got.R, corner.want.R) || far(got.G, corner.want.G) || far(got.B, corner.want.B) {
					t.Errorf("%d, %s: %v at %d,%d", n, how, got, corner.x, corner.y)
				}
			}
		}
	}
}

func far(a, b uint8) bool { return max(a, b)-min(a, b) > 12 }

// A handwriting stands upright too, whose paper is left out: a photograph that lies on its side gives the hand on its
// side, and its tag puts it back.
func TestHandwritingStandsUpright(t *testing.T) {
	t.Parallel()
	for n, wide := range map[int]bool{1: true, 3: true, 6: false, 8: false} {
		kept, err := Rewrite(tagged(t, "testdata/photos/thumb.jpg", n), true)
		if err != nil {
			t.Fatal(err)
		}
		p, err := NewPicture(kept)
		if err != nil {
			t.Fatal(err)
		}
		if s := p.pix.Rect.Size(); s.X > s.Y != wide {
			t.Errorf("%d: %v", n, s)
		}
	}
}

// tagged adds to a JPEG without EXIF the tag of an orientation.
func tagged(t *testing.T, path string, n int) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	tag := exif("MM\x00\x2A\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00" + string(rune(n)) + "\x00\x00")
	return append(tag, b[2:]...)
}

// exif is a JPEG of nothing but a TIFF structure.
func exif(tiff string) []byte {
	return fmt.Appendf([]byte("\xFF\xD8\xFF\xE1"), "%c%c%s%s", 0, len(tiff)+8, "Exif\x00\x00", tiff)
}

// What is damaged or foreign turns nothing: the picture is shown as its pixels are.
func TestOrientationReadsNothingElse(t *testing.T) {
	t.Parallel()
	const head, six = "MM\x00\x2A\x00\x00\x00\x08", "\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00"
	const other = "\x01\x10\x00\x03\x00\x00\x00\x01\x00\x02\x00\x00"
	for name, c := range map[string]struct {
		file []byte
		want int
	}{
		"as the norm says":            {exif(head + "\x00\x01" + six), 6},
		"after another entry":         {exif(head + "\x00\x02" + other + six), 6},
		"little end first":            {exif("II\x2A\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00\x08\x00\x00\x00"), 8},
		"padding before the marker":   {append([]byte("\xFF\xD8\xFF\xFF"), exif(head + "\x00\x01" + six)[2:]...), 6},
		"after another segment":       {append([]byte("\xFF\xD8\xFF\xE1\x00\x06http"), exif(head + "\x00\x01" + six)[2:]...), 6},
		"fewer entries than it says":  {exif(head + "\xFF\xFF" + other + six), 6},
		"orientation 0":               {exif(head + "\x00\x01" + six[:9] + "\x00\x00\x00"), 1},
		"orientation 9":               {exif(head + "\x00\x01" + six[:9] + "\x09\x00\x00"), 1},
		"a long number":               {exif(head + "\x00\x01\x01\x12\x00\x04" + six[4:]), 1},
		"two numbers":                 {exif(head + "\x00\x01\x01\x12\x00\x03\x00\x00\x00\x02" + six[8:]), 1},
		"beyond the count":            {exif(head + "\x00\x01" + other + six), 1},
		"a cut entry":                 {exif(head + "\x00\x01" + six[:11]), 1},
		"no directory":                {exif(head), 1},
		"a directory in the header":   {exif("MM\x00\x2A\x00\x00\x00\x04\x00\x01" + six), 1},
		"a directory past the end":    {exif("MM\x00\x2A\xFF\xFF\xFF\xFF\x00\x01" + six), 1},
		"no TIFF":                     {exif("XX\x00\x2A\x00\x00\x00\x08\x00\x01" + six), 1},
		"another number than 42":      {exif("MM\x00\x2B\x00\x00\x00\x08\x00\x01" + six), 1},
		"a TIFF of nothing":           {exif(""), 1},
		"a segment longer than there": {exif(head + "\x00\x01" + six)[:30], 1},
		"a segment of no length":      {[]byte("\xFF\xD8\xFF\xE1\x00\x00Exif\x00\x00"), 1},
		"after the pixels began":      {append([]byte("\xFF\xD8\xFF\xDA\x00\x04ab"), exif(head + "\x00\x01" + six)[2:]...), 1},
		"a PNG":                       {[]byte("\x89PNG\r\n\x1a\n"), 1},
		"nothing":                     {nil, 1},
	} {
		if got := orientation(c.file); got != c.want {
			t.Errorf("%s: %d", name, got)
		}
	}
}

// FuzzOrientation: no bytes crash the reader, and it never answers anything but a way to hold a picture.
func FuzzOrientation(f *testing.F) {
	for n := 1; n <= 8; n++ {
		f.Add(lying(f, n))
	}
	f.Add(exif("II\x2A\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00\x08\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if n := orientation(b); n < 1 || n > 8 {
			t.Fatal(n)
		}
	})
}
