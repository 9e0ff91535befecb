package appearance

import (
	"image"
	"slices"
)

// A photograph shows more than the sheet: the table around it, a thumb. They are told from the sheet by cells, small
// enough to follow its edges and large enough that a stroke of the pen does not fill one.
const (
	sheetCells = 96 // along the longest side
	// smooth is how much darker the next cell may be on the same thing: light fades slowly.
	smooth = 0.9
	// sharp is how dark the darkest of nine cells is, in parts of the lightest, where an edge goes through them.
	sharp = 0.8
	// alike is how dark one side of a stroke is at most, in parts of the other; of the edge of a sheet it is darker.
	alike = 0.85
	// strokeCells is how broad a stroke is at most, edges included: one that crosses the picture cuts the sheet in two.
	strokeCells = 8
	// foreignCells is how broad a thing is that is no stroke, with as much beyond the border of the picture as foreignBeyond.
	foreignCells, foreignBeyond = 6, 3
	// edgeCells are left out with a thing beside the sheet: its shadow, and the blur of the edge.
	edgeCells = 3
)

// cells are the shades of an image, cell by cell.
type cells struct {
	side, w, h int // pixels of a cell; cells each way
	shade      []float64
	edge       []bool // an edge goes through it
	thing      []int  // what it is of, from 0; each edge is a thing
	sizes      []int  // cells of each thing
	medians    []float64
}

// sheetOnly clears what lies around the sheet in a photograph; the image is changed.
func sheetOnly(pix *image.NRGBA) {
	c := newCells(pix)
	sheet := -1
	for i, size := range c.sizes {
		if size*10 >= c.w*c.h && (sheet < 0 || c.medians[i] > c.medians[sheet]) {
			sheet = i
		}
	}
	if sheet < 0 {
		return
	}
	foreign := c.broad(c.sheet(sheet))
	seen := make([]bool, len(foreign))
	for from := range foreign {
		if x, y := from%c.w, from/c.w; x > 0 && y > 0 && x < c.w-1 && y < c.h-1 {
			continue // what begins within the sheet is ink
		}
		c.walk(from, func(i int) bool {
			if seen[i] || !foreign[i] {
				return false
			}
			seen[i] = true
			c.clear(pix, i%c.w, i/c.w)
			return true
		})
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
	n := c.w * c.h
	c.shade, c.edge, c.thing = make([]float64, n), make([]bool, n), make([]int, n)
	for i := range n {
		x, y := i%c.w*c.side, i/c.w*c.side
		c.shade[i] = max(1, lightest(pix, image.Rect(x, y, x+c.side, y+c.side).Intersect(pix.Rect)))
		c.thing[i] = -1
	}
	for i := range n {
		least, most := c.shade[i], c.shade[i]
		for _, j := range c.around(i) {
			least, most = min(least, c.shade[j]), max(most, c.shade[j])
		}
		c.edge[i] = least < sharp*most
	}
	for i := range n {
		if c.thing[i] < 0 {
			c.spread(i)
		}
	}
	return c
}

// around returns the cells that touch one.
func (c *cells) around(i int) []int {
	out := make([]int, 0, 8)
	x, y := i%c.w, i/c.w
	for v := max(0, y-1); v <= min(c.h-1, y+1); v++ {
		for u := max(0, x-1); u <= min(c.w-1, x+1); u++ {
			if j := v*c.w + u; j != i {
				out = append(out, j)
			}
		}
	}
	return out
}

// walk goes from a cell to those around it as long as visit says so.
func (c *cells) walk(from int, visit func(i int) bool) {
	if !visit(from) {
		return
	}
	for todo := []int{from}; len(todo) > 0; {
		i := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, j := range c.around(i) {
			if visit(j) {
				todo = append(todo, j)
			}
		}
	}
}

// spread makes a thing of a cell and of all those that a slow change of shade leads to.
func (c *cells) spread(from int) {
	n := len(c.sizes)
	c.thing[from] = n
	shades := []float64{c.shade[from]}
	for todo := []int{from}; len(todo) > 0 && !c.edge[from]; {
		i := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, j := range c.around(i) {
			if c.thing[j] < 0 && !c.edge[j] && like(c.shade[i], c.shade[j]) >= smooth {
				c.thing[j] = n
				todo, shades = append(todo, j), append(shades, c.shade[j])
			}
		}
	}
	slices.Sort(shades)
	c.sizes, c.medians = append(c.sizes, len(shades)), append(c.medians, shades[len(shades)/2])
}

// like is the darker of two shades in parts of the lighter.
func like(a, b float64) float64 { return min(a, b) / max(a, b) }

// sheet returns the cells of the sheet, of which one thing is a part: what lies on the other side of a stroke is as
// light as this side, and so is paper beside a stroke.
func (c *cells) sheet(main int) []bool {
	joined := map[int]bool{main: true}
	sides := c.sides()
	for grown := true; grown; {
		grown = false
		for pair, s := range sides {
			if joined[pair[0]] && !joined[pair[1]] && s.sum >= alike*s.n {
				joined[pair[1]], grown = true, true
			}
		}
	}
	on := make([]bool, len(c.thing))
	for i := range on {
		on[i] = joined[c.thing[i]]
	}
	out := slices.Clone(on)
	for i := range on {
		for _, j := range c.around(i) {
			if on[j] && c.shade[i] >= alike*c.shade[j] {
				out[i] = true
			}
		}
	}
	return out
}

// likeness adds up how like the cells on both sides of an edge are.
type likeness struct{ sum, n float64 }

// sides compares any two things with a stroke between them at most, across it.
func (c *cells) sides() map[[2]int]likeness {
	out := map[[2]int]likeness{}
	scan := func(n, first, step int) {
		last, at := -1, 0
		for k := range n {
			i := first + k*step
			if c.edge[i] {
				continue
			}
			if last >= 0 && c.thing[i] != c.thing[last] && k-at <= strokeCells {
				for _, pair := range [][2]int{{c.thing[i], c.thing[last]}, {c.thing[last], c.thing[i]}} {
					l := out[pair]
					out[pair] = likeness{l.sum + like(c.shade[i], c.shade[last]), l.n + 1}
				}
			}
			last, at = i, k
		}
	}
	for y := range c.h {
		scan(c.w, y*c.w, 1)
	}
	for x := range c.w {
		scan(c.h, x, c.w)
	}
	return out
}

// broad returns the cells beside the sheet that no pen could have filled.
func (c *cells) broad(sheet []bool) []bool {
	out := make([]bool, len(sheet))
	for y := -foreignBeyond; y+foreignCells <= c.h+foreignBeyond; y++ {
		for x := -foreignBeyond; x+foreignCells <= c.w+foreignBeyond; x++ {
			box := image.Rect(x, y, x+foreignCells, y+foreignCells).Intersect(image.Rect(0, 0, c.w, c.h))
			if !c.every(box, func(i int) bool { return !sheet[i] }) {
				continue
			}
			c.every(box, func(i int) bool { out[i] = true; return true })
		}
	}
	return out
}

// every reports whether something is so of every cell of a box.
func (c *cells) every(box image.Rectangle, so func(i int) bool) bool {
	for y := box.Min.Y; y < box.Max.Y; y++ {
		for x := box.Min.X; x < box.Max.X; x++ {
			if !so(y*c.w + x) {
				return false
			}
		}
	}
	return true
}
