package appearance

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"testing"
	"time"
)

// inkBlot is a small picture with an edge and some transparency.
func inkBlot() *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, 40, 20))
	for y := range 20 {
		for x := range 40 {
			if (x-20)*(x-20)+4*(y-10)*(y-10) < 300 {
				m.SetNRGBA(x, y, color.NRGBA{R: 20, G: 30, B: uint8(6 * x), A: uint8(100 + 7*y)})
			}
		}
	}
	return m
}

// FuzzPicture: no bytes crash the decoder or take it long, and what is accepted can be embedded both ways.
func FuzzPicture(f *testing.F) {
	var p, j bytes.Buffer
	if err := errors.Join(png.Encode(&p, inkBlot()), jpeg.Encode(&j, inkBlot(), nil)); err != nil {
		f.Fatal(err)
	}
	for _, seed := range [][]byte{p.Bytes(), j.Bytes(), p.Bytes()[:60], j.Bytes()[:200], {0xFF, 0xD8}, nil} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		start := time.Now()
		for _, ink := range []bool{false, true} {
			kept, err := Rewrite(b, ink)
			if err != nil && !errors.Is(err, ErrPicture) {
				t.Errorf("rewritten, ink %t: %v", ink, err)
			}
			if _, again := NewPicture(kept); err == nil && again != nil {
				t.Errorf("kept, ink %t, and cannot be drawn: %v", ink, again)
			}
		}
		picture, err := NewPicture(b)
		if err == nil {
			for _, flat := range []bool{false, true} {
				if objects, err := picture.objects(0, flat); err != nil || flat && len(objects) != 1 {
					t.Fatalf("flat %v: %d objects, %v", flat, len(objects), err)
				}
			}
		} else if !errors.Is(err, ErrPicture) {
			t.Fatal(err)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Fatalf("took %v", took)
		}
	})
}

// A picture of 600 KB that would take 128 MB once decoded is refused before that.
func TestDeepPictureIsRefused(t *testing.T) {
	t.Parallel()
	m := image.NewNRGBA64(image.Rect(0, 0, 4096, 2100))
	for i := range m.Pix {
		m.Pix[i] = byte(i >> 9)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	if _, err := NewPicture(b.Bytes()); !errors.Is(err, ErrPicture) {
		t.Errorf("got %v", err)
	}
}
