package dossiers

import (
	"bytes"
	"fmt"
	"image"
	_ "image/png" // what pages are drawn as
)

// Sizes of stamps, in points but for the picture.
const (
	stampRune    = 5.2 // width of a character at 9 points, on the wide side
	stampLine    = 11.5
	stampMargin  = 4    // left free around the text
	stampEdge    = 17   // from the edges of the sheet (6 mm): printers cut
	stampPicture = 420  // width in pixels at which room is looked for
	stampWithin  = 0.24 // of the height of the page: below, letters begin
)

// An area is part of a page, in fractions from its top left.
type area struct{ x, y, w, h float64 }

// freeArea finds room of the size of want at the top of a drawn page: as high
// as it can, and there as far right as it can, where chronos are looked for.
// Paper may be gray, as scanners see it: free is what differs little from it.
func freeArea(picture []byte, want area, edgeX, edgeY float64) (area, bool, error) {
	img, _, err := image.Decode(bytes.NewReader(picture))
	if err != nil {
		return want, false, fmt.Errorf("decode the picture of a page: %w", err)
	}
	b := img.Bounds()
	width, height := b.Dx(), min(int(stampWithin*float64(b.Dy())), b.Dy())
	w, h := int(want.w*float64(width))+1, int(want.h*float64(b.Dy()))+1
	left, top := int(edgeX*float64(width)), int(edgeY*float64(b.Dy()))
	ink := inkSums(img, width, height)
	const step = 2
	for y := top; y+h <= height; y += step {
		for x := width - left - w; x >= left; x -= step {
			if ink.sum(x, y, x+w, y+h) <= w*h/2000 { // specks of a scanner
				want.x, want.y = float64(x)/float64(width), float64(y)/float64(b.Dy())
				return want, true, nil
			}
		}
	}
	return want, false, nil
}

// sums answers how many pixels of a rectangle are inked, in constant time.
type sums struct {
	width int
	table []int // (width+1) x (height+1): inked pixels above and to the left
}

func (s sums) sum(x0, y0, x1, y1 int) int {
	n := s.width + 1
	return s.table[y1*n+x1] - s.table[y0*n+x1] - s.table[y1*n+x0] + s.table[y0*n+x0]
}

// inkSums takes the most frequent shade for the paper's; what is 24 of 255
// away from it is ink.
func inkSums(img image.Image, width, height int) sums {
	b := img.Bounds()
	shades := make([]int, width*height)
	var histogram [256]int
	for y := range height {
		for x := range width {
			red, green, blue, _ := img.At(b.Min.X+x, b.Min.Y+y).RGBA()
			shade := int((299*red + 587*green + 114*blue) / 1000 >> 8)
			shades[y*width+x] = shade
			histogram[shade]++
		}
	}
	paper := 255
	for shade, n := range histogram {
		if n > histogram[paper] {
			paper = shade
		}
	}
	s := sums{width: width, table: make([]int, (width+1)*(height+1))}
	for y := range height {
		for x := range width {
			inked := 0
			if d := shades[y*width+x] - paper; d > 24 || d < -24 {
				inked = 1
			}
			n := width + 1
			s.table[(y+1)*n+x+1] = inked + s.table[y*n+x+1] + s.table[(y+1)*n+x] - s.table[y*n+x]
		}
	}
	return s
}
