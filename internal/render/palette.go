package render

import (
	"bytes"
	"cmp"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"slices"
)

const (
	greys      = 16
	maxColours = 64
	// visible is how far two of a pixel's channels must be apart to be seen as a colour rather than as a warm grey.
	visible = 32
	// One pixel in rare makes the page a coloured one: a line of blue ink is about one in a thousand.
	rare = 10_000
)

// encode writes the image with 16 greys (30 to 60 KB for a letter), or with a palette of its own colours when somebody
// would miss them: a coat of arms, a red notice, blue ink.
func encode(src *image.RGBA) ([]byte, error) {
	var indexed *image.Paletted
	if hasColour(src) {
		indexed = toPalette(src)
	} else {
		indexed = toGreys(src)
	}
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.DefaultCompression}).Encode(&out, indexed); err != nil {
		return nil, fmt.Errorf("write the image: %w", err)
	}
	return out.Bytes(), nil
}

func hasColour(src *image.RGBA) bool {
	coloured, pixels := 0, src.Rect.Dx()*src.Rect.Dy()
	for y := range src.Rect.Dy() {
		row := src.Pix[y*src.Stride:][:src.Rect.Dx()*4]
		for x := 0; x < len(row); x += 4 {
			r, g, b := row[x], row[x+1], row[x+2]
			if max(r, g, b)-min(r, g, b) >= visible {
				coloured++
			}
		}
	}
	return coloured*rare > pixels
}

func toGreys(src *image.RGBA) *image.Paletted {
	palette := make(color.Palette, greys)
	for i := range palette {
		palette[i] = color.Gray{uint8(i * 255 / (greys - 1))}
	}
	dst := image.NewPaletted(image.Rect(0, 0, src.Rect.Dx(), src.Rect.Dy()), palette)
	for y := range src.Rect.Dy() {
		row := src.Pix[y*src.Stride:][:src.Rect.Dx()*4]
		for x := range src.Rect.Dx() {
			// The luma of JFIF, in 16-bit integers.
			luma := (19595*uint32(row[4*x]) + 38470*uint32(row[4*x+1]) + 7471*uint32(row[4*x+2]) + 1<<15) >> 16
			dst.Pix[y*dst.Stride+x] = uint8((luma + 8) / 17)
		}
	}
	return dst
}

// shade is a cell of the colour cube of 5 bits a channel, with the pixels that fall into it.
type shade struct {
	channel [3]uint8 // 0 to 31
	pixels  int
}

func cellOf(r, g, b uint8) int { return int(r>>3)<<10 | int(g>>3)<<5 | int(b>>3) }

// toPalette reduces the page to at most maxColours by median cut. There is no dithering: it would blur text and double
// the size.
func toPalette(src *image.RGBA) *image.Paletted {
	var counts [1 << 15]int
	each(src, func(_, cell int) { counts[cell]++ })
	var shades []shade
	for cell, n := range counts {
		if n > 0 {
			shades = append(shades, shade{[3]uint8{uint8(cell >> 10), uint8(cell >> 5 & 31), uint8(cell & 31)}, n})
		}
	}
	var palette color.Palette
	var index [1 << 15]uint8
	for i, box := range medianCut(shades, maxColours) {
		palette = append(palette, average(box))
		for _, s := range box {
			index[int(s.channel[0])<<10|int(s.channel[1])<<5|int(s.channel[2])] = uint8(i)
		}
	}
	dst := image.NewPaletted(image.Rect(0, 0, src.Rect.Dx(), src.Rect.Dy()), palette)
	each(src, func(at, cell int) { dst.Pix[at] = index[cell] })
	return dst
}

// each visits the pixels in order; dst.Stride is the width, so at indexes a new paletted image directly.
func each(src *image.RGBA, visit func(at, cell int)) {
	at := 0
	for y := range src.Rect.Dy() {
		row := src.Pix[y*src.Stride:][:src.Rect.Dx()*4]
		for x := 0; x < len(row); x += 4 {
			visit(at, cellOf(row[x], row[x+1], row[x+2]))
			at++
		}
	}
}

// medianCut splits the shades into at most n boxes, always the one whose widest channel weighs most.
func medianCut(shades []shade, n int) [][]shade {
	boxes := [][]shade{shades}
	for len(boxes) < n {
		best, bestWeight, bestChannel := -1, 0, 0
		for i, box := range boxes {
			channel, width := widest(box)
			// The square root of the count would be the textbook weight; width counts more, so that a small coat of
			// arms keeps its colours on a large white page.
			if weight := width * width * len(box); width > 0 && weight > bestWeight {
				best, bestWeight, bestChannel = i, weight, channel
			}
		}
		if best < 0 {
			break
		}
		low, high := split(boxes[best], bestChannel)
		boxes[best] = low
		boxes = append(boxes, high)
	}
	return boxes
}

func widest(box []shade) (channel, width int) {
	for c := range 3 {
		low, high := uint8(31), uint8(0)
		for _, s := range box {
			low, high = min(low, s.channel[c]), max(high, s.channel[c])
		}
		if int(high)-int(low) > width {
			channel, width = c, int(high)-int(low)
		}
	}
	return channel, width
}

// split cuts a box of at least two shades in the middle of its channel.
func split(box []shade, channel int) (low, high []shade) {
	slices.SortFunc(box, func(a, b shade) int { return cmp.Compare(a.channel[channel], b.channel[channel]) })
	middle := (int(box[0].channel[channel]) + int(box[len(box)-1].channel[channel])) / 2
	at, _ := slices.BinarySearchFunc(box, middle+1, func(s shade, want int) int {
		return cmp.Compare(int(s.channel[channel]), want)
	})
	return box[:at], box[at:]
}

// average weighs the shades of a box by their pixels; pure black and white stay pure.
func average(box []shade) color.Color {
	var sum [3]int
	total := 0
	for _, s := range box {
		for c := range sum {
			sum[c] += int(s.channel[c]) * s.pixels
		}
		total += s.pixels
	}
	if total == 0 {
		return color.White // an empty image
	}
	scale := func(c int) uint8 { return uint8((sum[c]*255/31 + total/2) / total) }
	return color.RGBA{scale(0), scale(1), scale(2), 255}
}
