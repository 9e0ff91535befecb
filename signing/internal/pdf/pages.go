package pdf

import (
	"errors"
	"fmt"
	"math"
)

// Rect is a rectangle in default user space, in points, with X0 <= X1 and Y0 <= Y1.
type Rect struct{ X0, Y0, X1, Y1 float64 }

// Width is the horizontal extent in points.
func (r Rect) Width() float64 { return r.X1 - r.X0 }

// Height is the vertical extent in points.
func (r Rect) Height() float64 { return r.Y1 - r.Y0 }

// Empty reports whether the rectangle has no area.
func (r Rect) Empty() bool { return r.X1 <= r.X0 || r.Y1 <= r.Y0 }

// Overlaps reports whether the two rectangles share an area.
func (r Rect) Overlaps(o Rect) bool {
	return r.X0 < o.X1 && o.X0 < r.X1 && r.Y0 < o.Y1 && o.Y0 < r.Y1
}

// Intersect returns the part common to both rectangles; it may be Empty.
func (r Rect) Intersect(o Rect) Rect {
	return Rect{math.Max(r.X0, o.X0), math.Max(r.Y0, o.Y0), math.Min(r.X1, o.X1), math.Min(r.Y1, o.Y1)}
}

// Array returns the rectangle as the four numbers of a PDF array.
func (r Rect) Array() Array { return Array{r.X0, r.Y0, r.X1, r.Y1} }

// Rect resolves v to a rectangle.
func (d *Doc) Rect(v Object) (Rect, error) {
	a, err := d.Array(v)
	if err != nil {
		return Rect{}, err
	}
	if len(a) != 4 {
		return Rect{}, fmt.Errorf("%w: rectangle of %d numbers", ErrSyntax, len(a))
	}
	var n [4]float64
	for i := range n {
		v, err := d.Resolve(a[i])
		if err != nil {
			return Rect{}, err
		}
		raw, _ := v.(Raw)
		f, ok := raw.Float()
		if !ok || math.Abs(f) > 1e7 {
			return Rect{}, fmt.Errorf("%w: coordinate of a rectangle", ErrSyntax)
		}
		n[i] = f
	}
	return Rect{math.Min(n[0], n[2]), math.Min(n[1], n[3]), math.Max(n[0], n[2]), math.Max(n[1], n[3])}, nil
}

// Page is a page with the attributes it inherits.
type Page struct {
	Number    int // 1 is the first page
	Ref       Ref
	Dict      *Dict
	Resources Object // own or inherited, not resolved; nil when absent
	MediaBox  Rect
	CropBox   Rect // never outside MediaBox
	Rotate    int  // 0, 90, 180 or 270, clockwise
}

// errStop ends a walk before its end.
var errStop = errors.New("pdf: stop")

// Pages calls yield for each page in order until it returns false.
func (d *Doc) Pages(yield func(Page) bool) error {
	_, cat, err := d.Catalog()
	if err != nil {
		return err
	}
	w := pageWalk{doc: d, path: map[int]bool{}, yield: yield}
	if err := w.node(cat.Get("Pages"), Page{MediaBox: Rect{0, 0, 612, 792}}, false, 0); err != nil && !errors.Is(err, errStop) {
		return fmt.Errorf("walking the page tree: %w", err)
	}
	return nil
}

// Page returns page n (1 is the first), or [ErrNotFound].
func (d *Doc) Page(n int) (Page, error) {
	var found Page
	err := d.Pages(func(p Page) bool {
		found = p
		return p.Number != n
	})
	if err != nil {
		return Page{}, err
	}
	if n < 1 || found.Number != n {
		return Page{}, fmt.Errorf("%w: page %d of %d", ErrNotFound, n, found.Number)
	}
	return found, nil
}

// LastPage returns the last page, or [ErrNotFound] when the document has none.
func (d *Doc) LastPage() (Page, error) {
	var last Page
	if err := d.Pages(func(p Page) bool { last = p; return true }); err != nil {
		return Page{}, err
	}
	if last.Number == 0 {
		return Page{}, fmt.Errorf("%w: no page", ErrNotFound)
	}
	return last, nil
}

// PageCount walks the tree: the /Count of a hostile file says anything.
func (d *Doc) PageCount() (int, error) {
	n := 0
	err := d.Pages(func(Page) bool { n++; return true })
	return n, err
}

type pageWalk struct {
	doc     *Doc
	path    map[int]bool // tree nodes visited: one that is reached twice makes the walk exponential
	visited int
	pages   int
	yield   func(Page) bool
}

// node visits a node of the tree; p carries what it inherits, crop whether a CropBox is among it.
func (w *pageWalk) node(v Object, p Page, crop bool, depth int) error {
	ref, ok := v.(Ref)
	if w.visited++; depth > maxTreeDepth || w.visited > maxTreeNodes {
		return fmt.Errorf("%w: page tree", ErrLimit)
	}
	if !ok {
		return nil // a direct page can be neither referred to nor signed
	}
	obj, err := w.doc.Resolve(v)
	if err != nil {
		return err
	}
	dict, ok := obj.(*Dict)
	if !ok {
		return nil
	}
	if crop, err = w.inherit(&p, dict, crop); err != nil {
		return err
	}
	kids, err := w.doc.Array(dict.Get("Kids"))
	if err != nil {
		return err
	}
	if kids == nil {
		return w.leaf(ref, dict, p, crop)
	}
	if w.path[ref.Number] {
		return fmt.Errorf("%w: node %d twice in the page tree", ErrSyntax, ref.Number)
	}
	w.path[ref.Number] = true
	for _, k := range kids {
		if err := w.node(k, p, crop, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (w *pageWalk) leaf(ref Ref, dict *Dict, p Page, crop bool) error {
	w.pages++
	p.Number, p.Ref, p.Dict = w.pages, ref, dict
	if !crop {
		p.CropBox = p.MediaBox
	} else if c := p.CropBox.Intersect(p.MediaBox); !c.Empty() {
		p.CropBox = c
	} else {
		p.CropBox = p.MediaBox
	}
	if !w.yield(p) {
		return errStop
	}
	return nil
}

// inherit takes the inheritable attributes of a node (ISO 32000-2, table 31). A malformed box or
// rotation is ignored, as readers do.
func (w *pageWalk) inherit(p *Page, dict *Dict, crop bool) (bool, error) {
	if v := dict.Get("Resources"); v != nil {
		p.Resources = v
	}
	if v := dict.Get("MediaBox"); v != nil {
		r, err := w.doc.Rect(v)
		if isLimit(err) {
			return crop, err
		}
		if err == nil && !r.Empty() {
			p.MediaBox = r
		}
	}
	if v := dict.Get("CropBox"); v != nil {
		r, err := w.doc.Rect(v)
		if isLimit(err) {
			return crop, err
		}
		if err == nil && !r.Empty() {
			p.CropBox, crop = r, true
		}
	}
	if v := dict.Get("Rotate"); v != nil {
		n, err := w.doc.Int(v)
		if isLimit(err) {
			return crop, err
		}
		if err == nil && n%90 == 0 {
			p.Rotate = int((n%360 + 360) % 360)
		}
	}
	return crop, nil
}
