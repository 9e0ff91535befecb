package appearance

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"parapheur/signing/internal/pdf"
)

// ErrNoRoom says that no position of the page is free of other annotations.
var ErrNoRoom = errors.New("appearance: no room for the signature block on the page")

// Placement is where a block goes on a page.
type Placement struct {
	// Rect is the /Rect of the widget, in default user space.
	Rect pdf.Rect
	// Matrix is the /Matrix of the form XObject: it turns the block upright on a page
	// whose /Rotate is not 0.
	Matrix [6]float64
	// Scale is 1, or less when the block had to shrink to fit.
	Scale float64
	// Clear is false when the block covers text or drawings because the page has no
	// free place left; it never covers another annotation.
	Clear bool
}

// White kept around a block and along the edges of the page, in points.
const (
	pageMargin = 36.0
	blockGap   = 10.0
	textGap    = 14.0
)

// Place finds a free rectangle for a block of width x height points on a page:
// under the last text, at the right if it can; else shrunk to 70 %; else, as a
// last resort, over text at the foot. It never overlaps an annotation: when it
// cannot avoid that it fails with [ErrNoRoom]. Errors of the reader are wrapped.
func Place(doc *pdf.Doc, page pdf.Page, width, height float64) (Placement, error) {
	v := newView(page)
	annotations, err := annotationRects(doc, page)
	if err != nil {
		return Placement{}, fmt.Errorf("place a signature on page %d: %w", page.Number, err)
	}
	annotations = v.upright(annotations)
	drawn := v.upright(drawnRects(doc, page))
	v.margins(drawn)
	for _, scale := range []float64{1, 0.85, 0.7} {
		if r, ok := v.find(append(slices.Clone(annotations), drawn...), width*scale, height*scale); ok {
			return v.placement(r, scale, true), nil
		}
	}
	for _, scale := range []float64{1, 0.7, 0.5} {
		if r, ok := v.find(annotations, width*scale, height*scale); ok {
			return v.placement(r, scale, false), nil
		}
	}
	return Placement{}, ErrNoRoom
}

// annotationRects returns the rectangles of the annotations that show something.
func annotationRects(doc *pdf.Doc, page pdf.Page) ([]pdf.Rect, error) {
	list, err := doc.Array(page.Dict.Get("Annots"))
	if err != nil {
		return nil, err
	}
	var out []pdf.Rect
	for _, a := range list {
		d, err := doc.Dict(a)
		if err != nil {
			return nil, err
		}
		if r, err := doc.Rect(d.Get("Rect")); err == nil && !r.Empty() {
			out = append(out, r)
		} else if errors.Is(err, pdf.ErrLimit) {
			return nil, err
		}
	}
	return out, nil
}

// view is the page as the reader sees it: upright, its origin at the lower left.
type view struct {
	box           pdf.Rect // the visible part, in default user space
	rotate        int
	width, height float64
	margin        float64 // white kept at the edges
	side          float64 // white kept at the left and at the right, when it can be: that of the text
}

func newView(page pdf.Page) view {
	v := view{box: page.CropBox, rotate: page.Rotate, width: page.CropBox.Width(), height: page.CropBox.Height()}
	if v.rotate == 90 || v.rotate == 270 {
		v.width, v.height = v.height, v.width
	}
	v.margin = math.Min(pageMargin, math.Min(v.width, v.height)/12)
	v.side = v.margin
	return v
}

// maxSide is the widest side margin that a block respects, in points.
const maxSide = 100.0

// margins takes the left margin of what is drawn as that of both sides, so that a block at the
// right ends where the lines of a letter do.
func (v *view) margins(drawn []pdf.Rect) {
	least := math.Inf(1)
	for _, r := range drawn {
		least = math.Min(least, r.X0)
	}
	if least > v.margin && least <= maxSide {
		v.side = least
	}
}

// upright maps rectangles of default user space to the view, leaving out those
// that are not on the page.
func (v view) upright(rects []pdf.Rect) []pdf.Rect {
	var out []pdf.Rect
	for _, r := range rects {
		if r = r.Intersect(v.box); r.Empty() {
			continue
		}
		left, right := r.X0-v.box.X0, v.box.X1-r.X1
		below, above := r.Y0-v.box.Y0, v.box.Y1-r.Y1
		w, h := r.Width(), r.Height()
		switch v.rotate {
		case 90: // the left edge of user space is the upper one on screen
			out = append(out, pdf.Rect{X0: below, Y0: right, X1: below + h, Y1: right + w})
		case 180:
			out = append(out, pdf.Rect{X0: right, Y0: above, X1: right + w, Y1: above + h})
		case 270:
			out = append(out, pdf.Rect{X0: above, Y0: left, X1: above + h, Y1: left + w})
		default:
			out = append(out, pdf.Rect{X0: left, Y0: below, X1: left + w, Y1: below + h})
		}
	}
	return out
}

// placement maps a rectangle of the view back to default user space.
func (v view) placement(r pdf.Rect, scale float64, clear bool) Placement {
	p := Placement{Scale: scale, Clear: clear}
	b := v.box
	switch v.rotate {
	case 90:
		p.Matrix = [6]float64{0, 1, -1, 0, 0, 0}
		p.Rect = pdf.Rect{X0: b.X1 - r.Y1, Y0: b.Y0 + r.X0, X1: b.X1 - r.Y0, Y1: b.Y0 + r.X1}
	case 180:
		p.Matrix = [6]float64{-1, 0, 0, -1, 0, 0}
		p.Rect = pdf.Rect{X0: b.X1 - r.X1, Y0: b.Y1 - r.Y1, X1: b.X1 - r.X0, Y1: b.Y1 - r.Y0}
	case 270:
		p.Matrix = [6]float64{0, -1, 1, 0, 0, 0}
		p.Rect = pdf.Rect{X0: b.X0 + r.Y0, Y0: b.Y1 - r.X1, X1: b.X0 + r.Y1, Y1: b.Y1 - r.X0}
	default:
		p.Matrix = [6]float64{1, 0, 0, 1, 0, 0}
		p.Rect = pdf.Rect{X0: b.X0 + r.X0, Y0: b.Y0 + r.Y0, X1: b.X0 + r.X1, Y1: b.Y0 + r.Y1}
	}
	return p
}

// find tries the right column, the left one, then those between, and takes in each
// the lowest gap that is high enough: after the last text, above the footer.
func (v view) find(taken []pdf.Rect, w, h float64) (pdf.Rect, bool) {
	right, left := v.width-v.margin-w, v.margin
	if right < left {
		return pdf.Rect{}, false
	}
	columns := []float64{right, left, (left + right) / 2, left + (right-left)*0.75, left + (right-left)*0.25}
	if inner := v.width - v.side - w; inner > v.side {
		columns = append([]float64{inner, v.side}, columns...)
	}
	for _, x := range columns {
		if y, ok := v.lowestGap(taken, x, w, h); ok {
			return pdf.Rect{X0: x, Y0: y, X1: x + w, Y1: y + h}, true
		}
	}
	return pdf.Rect{}, false
}

// lowestGap scans the column [x, x+w] from the foot of the page and returns the
// lower edge of a block of height h in the first gap that holds it. Under text the
// block keeps near it; on an empty column it stays at the foot.
func (v view) lowestGap(taken []pdf.Rect, x, w, h float64) (float64, bool) {
	column := pdf.Rect{X0: x - blockGap, X1: x + w + blockGap, Y0: 0, Y1: v.height}
	var in []pdf.Rect
	for _, r := range taken {
		if r.Overlaps(column) {
			in = append(in, r)
		}
	}
	slices.SortFunc(in, func(a, b pdf.Rect) int {
		switch {
		case a.Y0 < b.Y0:
			return -1
		case a.Y0 > b.Y0:
			return 1
		}
		return 0
	})
	floor := v.margin
	for _, r := range in {
		if r.Y0-blockGap-floor >= h {
			return max(floor, r.Y0-textGap-h), true
		}
		floor = max(floor, r.Y1+blockGap)
	}
	return floor, v.height-v.margin-floor >= h
}
