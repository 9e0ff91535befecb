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
	side := keptSide
	if ink {
		side = inkSide
	}
	pix := d.reduced(side)
	if ink && pix != nil {
		pix = reduced(lift(pix), keptSide)
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
	// paperTiles is how many square tiles, along the longest side, the shade of the paper is measured in: a photograph is
	// darker on one side, and under the hand that took it. A tile is broader than any stroke.
	paperTiles = 20
	// Ink is fully ink when it is this much darker than the paper around it, and paper when less than the other: in
	// parts of the shade of the paper.
	inkFull, inkLeast = 0.5, 0.14
	// strokePeak is how opaque a stroke is somewhere, of 255: the faintest pencil is.
	strokePeak = 90
)

// lift makes all but the ink of an opaque image transparent; the image is used up. One that is transparent already is
// returned as it is.
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
	sheetOnly(pix)
	paper := papers(pix)
	out := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := pix.NRGBAAt(x, y)
			if c.A == 0 {
				continue
			}
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
	dropFaint(out)
	return out
}

// dropFaint clears what is nowhere dark enough for a stroke: the squares of the paper, the edge of a shadow, dust.
func dropFaint(pix *image.NRGBA) {
	w, h := pix.Rect.Dx(), pix.Rect.Dy()
	seen := make([]bool, w*h)
	alpha := func(i int) uint8 { return pix.Pix[4*i+3] }
	var part, todo []int
	for from := range seen {
		if seen[from] || alpha(from) == 0 {
			continue
		}
		seen[from] = true
		peak := uint8(0)
		for part, todo = part[:0], append(todo[:0], from); len(todo) > 0; {
			i := todo[len(todo)-1]
			todo = todo[:len(todo)-1]
			part, peak = append(part, i), max(peak, alpha(i))
			x, y := i%w, i/w
			for v := max(0, y-1); v <= min(h-1, y+1); v++ {
				for u := max(0, x-1); u <= min(w-1, x+1); u++ {
					if j := v*w + u; !seen[j] && alpha(j) > 0 {
						seen[j] = true
						todo = append(todo, j)
					}
				}
			}
		}
		if peak >= strokePeak {
			continue
		}
		for _, i := range part {
			clear(pix.Pix[4*i : 4*i+4])
		}
	}
}

// shade is the luminance of a pixel on white, from 0 to 255.
func shade(c color.NRGBA) float64 {
	a := float64(c.A) / 255
	return a*(0.2126*float64(c.R)+0.7152*float64(c.G)+0.0722*float64(c.B)) + 255*(1-a)
}

// A paperShade is the luminance of the paper, tile by tile; there are two at least each way.
type paperShade struct {
	w, h  int
	shade []float64
}

// papers takes for the paper of a tile what is as light as nine tenths of its pixels, and never much darker than that of
// the whole image: a tile may be full of ink.
func papers(pix *image.NRGBA) *paperShade {
	whole := lightest(pix, pix.Rect)
	w, h := pix.Rect.Dx(), pix.Rect.Dy()
	tiles := func(side int) int { return max(2, (side*paperTiles+max(w, h)-1)/max(w, h)) }
	p := &paperShade{w: tiles(w), h: tiles(h)}
	for j := range p.h {
		for i := range p.w {
			tile := image.Rect(i*w/p.w, j*h/p.h, (i+1)*w/p.w, (j+1)*h/p.h)
			p.shade = append(p.shade, max(1, 0.6*whole, lightest(pix, tile)))
		}
	}
	return p
}

// lightest is the ninth decile of the luminance of what is not transparent in a rectangle; 0 when all is.
func lightest(pix *image.NRGBA, box image.Rectangle) float64 {
	var all []float64
	step := max(1, box.Dx()*box.Dy()/4096)
	for n := 0; n < box.Dx()*box.Dy(); n += step {
		if c := pix.NRGBAAt(box.Min.X+n%box.Dx(), box.Min.Y+n/box.Dx()); c.A > 0 {
			all = append(all, shade(c))
		}
	}
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[len(all)*9/10]
}

// at interpolates between the middles of the tiles; x and y go from 0 to 1.
func (p *paperShade) at(x, y float64) float64 {
	pos := func(v float64, tiles int) (int, float64) {
		v = min(float64(tiles-1), max(0, v*float64(tiles)-0.5))
		i := min(tiles-2, int(v))
		return i, v - float64(i)
	}
	i, u := pos(x, p.w)
	j, v := pos(y, p.h)
	row := func(j int) float64 { return p.shade[j*p.w+i]*(1-u) + p.shade[j*p.w+i+1]*u }
	return row(j)*(1-v) + row(j+1)*v
}
