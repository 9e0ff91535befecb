package appearance

import (
	"image"
	"slices"
)

// A photograph shows more than the sheet: the table around it, a thumb. They are told from the sheet by cells, small
// enough to follow its edges and large enough that a stroke of the pen does not fill one.
const (
	sheetCells = 96 // along the longest side
	// smooth is how much darker the next cell may be on the same thing: light fades slowly, edges are sharp.
	smooth = 0.86
	// foreignShade is how dark, in parts of the shade of the sheet, a thing beside it is at most: the other side of a
	// long stroke is as light as this one.
	foreignShade = 0.8
	// foreignCells is how broad a thing is at least, in cells: no pen is as broad.
	foreignCells = 4
	// edgeCells are left out with a thing beside the sheet: its shadow, and the blur of the edge.
	edgeCells = 2
)

// cells are the shades of an image, cell by cell, and what thing each cell is of.
type cells struct {
	side, w, h int // pixels of a cell; cells each way
	shade      []float64
	thing      []int // from 0
	things     []thing
}

// A thing is a part of the image whose shade changes slowly alone.
type thing struct {
	size   int
	shade  float64 // median
	border bool    // it goes on beyond the image
	broad  bool
}

// sheetOnly clears what lies around the sheet in a photograph; the image is changed.
func sheetOnly(pix *image.NRGBA) {
	c := newCells(pix)
	sheet := -1
	for i, t := range c.things {
		if t.size*10 >= c.w*c.h && (sheet < 0 || t.shade > c.things[sheet].shade) {
			sheet = i
		}
	}
	if sheet < 0 {
		return
	}
	for i := range c.thing {
		t := c.things[c.thing[i]]
		if t.border && t.broad && t.shade < foreignShade*c.things[sheet].shade {
			c.clear(pix, i%c.w, i/c.w)
		}
	}
}

// clear makes a cell transparent, with those around it.
func (c *cells) clear(pix *image.NRGBA, x, y int) {
	box := image.Rect((x-edgeCells)*c.side, (y-edgeCells)*c.side, (x+1+edgeCells)*c.side, (y+1+edgeCells)*c.side).Intersect(pix.Rect)
	for j := box.Min.Y; j < box.Max.Y; j++ {
		clear(pix.Pix[pix.PixOffset(box.Min.X, j) : pix.PixOffset(box.Max.X-1, j)+4])
	}
}

func newCells(pix *image.NRGBA) *cells {
	size := pix.Rect.Size()
	c := &cells{side: max(1, (max(size.X, size.Y)+sheetCells-1)/sheetCells)}
	c.w, c.h = (size.X+c.side-1)/c.side, (size.Y+c.side-1)/c.side
	c.shade, c.thing = make([]float64, c.w*c.h), make([]int, c.w*c.h)
	for i := range c.shade {
		x, y := i%c.w*c.side, i/c.w*c.side
		c.shade[i] = max(1, lightest(pix, image.Rect(x, y, x+c.side, y+c.side).Intersect(pix.Rect)))
		c.thing[i] = -1
	}
	for i := range c.thing {
		if c.thing[i] < 0 {
			c.spread(i)
		}
	}
	for i, n := range c.thing {
		if c.square(i%c.w, i/c.w) {
			c.things[n].broad = true
		}
	}
	return c
}

// spread makes a thing of a cell and of all those that a slow change of shade leads to.
func (c *cells) spread(from int) {
	t, n := thing{}, len(c.things)
	var shades []float64
	c.thing[from] = n
	for todo := []int{from}; len(todo) > 0; {
		i := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		shades = append(shades, c.shade[i])
		x, y := i%c.w, i/c.w
		for _, next := range []image.Point{{X: x - 1, Y: y}, {X: x + 1, Y: y}, {X: x, Y: y - 1}, {X: x, Y: y + 1}} {
			if next.X < 0 || next.Y < 0 || next.X >= c.w || next.Y >= c.h {
				t.border = true
				continue
			}
			j := next.Y*c.w + next.X
			if c.thing[j] < 0 && min(c.shade[i], c.shade[j]) >= smooth*max(c.shade[i], c.shade[j]) {
				c.thing[j] = n
				todo = append(todo, j)
			}
		}
	}
	slices.Sort(shades)
	t.size, t.shade = len(shades), shades[len(shades)/2]
	c.things = append(c.things, t)
}

// square reports whether a square of cells, whose top left is one, is of one thing.
func (c *cells) square(x, y int) bool {
	if x+foreignCells > c.w || y+foreignCells > c.h {
		return false
	}
	for j := range foreignCells {
		for i := range foreignCells {
			if c.thing[(y+j)*c.w+x+i] != c.thing[y*c.w+x] {
				return false
			}
		}
	}
	return true
}
