package appearance

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"slices"
)

// Rewrite decodes an image within limits and writes it anew, as it is to be kept: without margins, no larger than a
// block shows, and without anything that its file carried beside its pixels (place, device, author). A JPEG stays one.
// With ink, what is kept is the handwriting: the paper that was scanned or photographed with it becomes transparent, and
// the result is a PNG. It fails with [ErrPicture].
func Rewrite(file []byte, ink bool) ([]byte, error) {
	if len(file) > maxPictureBytes {
		return nil, fmt.Errorf("%w: %d bytes, %d allowed", ErrPicture, len(file), maxPictureBytes)
	}
	d, err := decodePicture(file)
	if err != nil {
		return nil, err
	}
	pix := d.reduced(keptSide)
	if ink {
		if pix = d.reduced(inkSide); pix != nil {
			pix = reduced(lift(pix), keptSide)
		}
	}
	if pix == nil {
		return nil, fmt.Errorf("%w: blank", ErrPicture)
	}
	var out bytes.Buffer
	if d.jpeg && !ink {
		err = jpeg.Encode(&out, pix, &jpeg.Options{Quality: 90})
	} else {
		err = (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, pix)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPicture, err)
	}
	// What is kept will be drawn: a signature never waits for an image that became blank on its way.
	if _, err := NewPicture(out.Bytes()); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

const (
	// inkSide is the longest side, in pixels, at which ink is told from paper.
	inkSide = 1400
	// paperTiles is how many tiles, each way, the shade of the paper is measured in: a photograph is darker on one side.
	paperTiles = 12
	// Ink is fully ink when it is this much darker than the paper around it, and paper when less than the other: in
	// parts of the shade of the paper.
	inkFull, inkLeast = 0.5, 0.14
)

// lift makes the paper of an opaque image transparent. One that is transparent already is returned as it is.
func lift(pix *image.NRGBA) *image.NRGBA {
	w, h := pix.Rect.Dx(), pix.Rect.Dy()
	clear := 0
	for i := 3; i < len(pix.Pix); i += 4 {
		if pix.Pix[i] < 128 {
			clear++
		}
	}
	if clear*20 > w*h {
		return pix
	}
	paper := papers(pix)
	out := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := pix.NRGBAAt(x, y)
			light := paper.at(float64(x)/float64(w), float64(y)/float64(h))
			a := min(1, max(0, ((light-shade(c))/light-inkLeast)/(inkFull-inkLeast)))
			if a == 0 {
				continue
			}
			// What the ink would be alone: the pixel without the paper that shows through.
			alone := func(v uint8) uint8 { return uint8(min(255, max(0, (float64(v)-(1-a)*light)/a))) }
			out.SetNRGBA(x, y, color.NRGBA{R: alone(c.R), G: alone(c.G), B: alone(c.B), A: uint8(255*a + 0.5)})
		}
	}
	return out
}

// shade is the luminance of a pixel on white, from 0 to 255.
func shade(c color.NRGBA) float64 {
	a := float64(c.A) / 255
	return a*(0.2126*float64(c.R)+0.7152*float64(c.G)+0.0722*float64(c.B)) + 255*(1-a)
}

// A paperShade is the luminance of the paper, tile by tile.
type paperShade [paperTiles][paperTiles]float64

// papers takes for the paper of a tile what is as light as nine tenths of its pixels, and never much darker than that of
// the whole image: a tile may be full of ink.
func papers(pix *image.NRGBA) *paperShade {
	var out paperShade
	whole := lightest(pix, pix.Rect)
	w, h := pix.Rect.Dx(), pix.Rect.Dy()
	for j := range paperTiles {
		for i := range paperTiles {
			tile := image.Rect(i*w/paperTiles, j*h/paperTiles, (i+1)*w/paperTiles, (j+1)*h/paperTiles)
			out[j][i] = max(1, 0.6*whole, lightest(pix, tile))
		}
	}
	return &out
}

// lightest is the ninth decile of the luminance in a rectangle.
func lightest(pix *image.NRGBA, box image.Rectangle) float64 {
	var all []float64
	step := max(1, box.Dx()*box.Dy()/4096)
	for n := 0; n < box.Dx()*box.Dy(); n += step {
		all = append(all, shade(pix.NRGBAAt(box.Min.X+n%box.Dx(), box.Min.Y+n/box.Dx())))
	}
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[len(all)*9/10]
}

// at interpolates between the middles of the tiles; x and y go from 0 to 1.
func (p *paperShade) at(x, y float64) float64 {
	pos := func(v float64) (int, float64) {
		v = min(paperTiles-1, max(0, v*paperTiles-0.5))
		i := min(paperTiles-2, int(v))
		return i, v - float64(i)
	}
	i, u := pos(x)
	j, v := pos(y)
	top := p[j][i]*(1-u) + p[j][i+1]*u
	bottom := p[j+1][i]*(1-u) + p[j+1][i+1]*u
	return top*(1-v) + bottom*v
}
