package intake

import (
	"fmt"
	"math"

	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/types"
)

// page is one leaf of the page tree with what it inherits (ISO 32000-2, 7.7.3.4).
type page struct {
	number    int
	dict      types.Dict
	box       [4]float64 // what is shown, in user space: left, bottom, right, top
	rotate    int        // 0, 90, 180, 270, clockwise
	resources types.Object
}

// size is the width and the height of the page as it is shown, in points.
func (p page) size() (width, height float64) {
	width, height = p.box[2]-p.box[0], p.box[3]-p.box[1]
	if p.rotate%180 != 0 {
		return height, width
	}
	return width, height
}

// shown is the matrix from the page as it is shown, origin at its bottom left, to user space.
func (p page) shown() [6]float64 {
	b := p.box
	switch p.rotate {
	case 90:
		return [6]float64{0, 1, -1, 0, b[2], b[1]}
	case 180:
		return [6]float64{-1, 0, 0, -1, b[2], b[3]}
	case 270:
		return [6]float64{0, -1, 1, 0, b[0], b[3]}
	}
	return [6]float64{1, 0, 0, 1, b[0], b[1]}
}

// inherited is what the nodes above give to a page.
type inherited struct{ media, crop, rotate, resources types.Object }

// pagesOf walks the page tree once, however it is shaped.
func pagesOf(doc *model.Context, most int) ([]page, error) {
	catalog, err := doc.Catalog()
	if err != nil {
		return nil, refuse("damaged", err.Error())
	}
	w := &treeWalk{doc: doc, most: most, above: map[int]bool{}}
	err = w.node(catalog["Pages"], inherited{}, 0)
	return w.pages, err
}

type treeWalk struct {
	doc   *model.Context
	most  int
	above map[int]bool // objects between the root and here
	pages []page
}

func (w *treeWalk) node(o types.Object, from inherited, depth int) error {
	if ref, ok := o.(types.IndirectRef); ok {
		number := ref.ObjectNumber.Value()
		if w.above[number] {
			return refuse("damaged", "a page tree within itself")
		}
		w.above[number] = true
		defer delete(w.above, number)
	}
	d, err := w.doc.DereferenceDict(o)
	if err != nil || d == nil || depth > maxDepth {
		return refuse("damaged", "page tree")
	}
	for key, slot := range map[string]*types.Object{"MediaBox": &from.media, "CropBox": &from.crop, "Rotate": &from.rotate, "Resources": &from.resources} {
		if v, ok := d.Find(key); ok {
			*slot = v
		}
	}
	if _, inner := d.Find("Kids"); !inner {
		return w.leaf(d, from)
	}
	kids, err := w.doc.DereferenceArray(d["Kids"])
	if err != nil {
		return refuse("damaged", "page tree: "+err.Error())
	}
	for _, kid := range kids {
		if err := w.node(kid, from, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (w *treeWalk) leaf(d types.Dict, from inherited) error {
	if len(w.pages) >= w.most {
		return refuse("pages", fmt.Sprintf("more than %d pages", w.most))
	}
	p := page{number: len(w.pages) + 1, dict: d, resources: from.resources, box: [4]float64{0, 0, 612, 792}}
	if media, ok := rectangle(w.doc, from.media); ok {
		p.box = media
	}
	if crop, ok := rectangle(w.doc, from.crop); ok {
		if both, ok := meet(p.box, crop); ok {
			p.box = both
		}
	}
	if turn, err := w.doc.DereferenceInteger(from.rotate); err == nil && turn != nil {
		p.rotate = ((turn.Value()%360 + 360) % 360) / 90 * 90
	}
	w.pages = append(w.pages, p)
	return nil
}

// meet is what two rectangles have in common.
func meet(a, b [4]float64) (c [4]float64, ok bool) {
	c = [4]float64{max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])}
	return c, c[0] < c[2] && c[1] < c[3]
}

// rectangle reads four numbers, corners in any order.
func rectangle(doc *model.Context, o types.Object) (r [4]float64, ok bool) {
	a, err := doc.DereferenceArray(o)
	if err != nil || len(a) != 4 {
		return r, false
	}
	for i, x := range a {
		x, err := doc.Dereference(x)
		if err != nil {
			return r, false
		}
		switch x := x.(type) {
		case types.Integer:
			r[i] = float64(x)
		case types.Float:
			r[i] = float64(x)
		default:
			return r, false
		}
		if math.IsNaN(r[i]) || math.Abs(r[i]) > 1e6 {
			return r, false
		}
	}
	r = [4]float64{min(r[0], r[2]), min(r[1], r[3]), max(r[0], r[2]), max(r[1], r[3])}
	return r, r[0] < r[2] && r[1] < r[3]
}

// kidsCycle says that some tree of the file, of pages, fields, names or numbers, holds itself, or is deeper than any.
func kidsCycle(doc *model.Context) bool {
	w := &kidsWalk{doc: doc, done: map[int]bool{}, above: map[int]bool{}}
	for number, entry := range doc.Table {
		if entry != nil && !entry.Free && w.cyclic(number, entry.Object, 0) {
			return true
		}
	}
	return false
}

type kidsWalk struct {
	doc         *model.Context
	done, above map[int]bool
}

func (w *kidsWalk) cyclic(number int, o types.Object, depth int) bool {
	if w.above[number] || depth > maxDepth {
		return true
	}
	d, isDict := o.(types.Dict)
	if w.done[number] || !isDict {
		return false
	}
	kids, err := w.doc.DereferenceArray(d["Kids"])
	if err != nil {
		return false // validation says what is wrong
	}
	w.above[number] = true
	defer func() { delete(w.above, number); w.done[number] = true }()
	for _, kid := range kids {
		ref, ok := kid.(types.IndirectRef)
		if !ok {
			continue
		}
		if entry, found := w.doc.Find(ref.ObjectNumber.Value()); found && entry != nil && w.cyclic(ref.ObjectNumber.Value(), entry.Object, depth+1) {
			return true
		}
	}
	return false
}
