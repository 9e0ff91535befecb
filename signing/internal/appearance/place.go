package appearance

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"parapheur/signing/internal/content"
	"parapheur/signing/internal/pdf"
)

// ErrNoRoom says that no position of the page is free.
var ErrNoRoom = errors.New("appearance: no room for the signature block on page")

// Placement is where a block goes on a page.
type Placement struct {
	// Rect is the /Rect of the widget, in default user space.
	Rect pdf.Rect
	// Matrix is the /Matrix of the form XObject: it turns the block upright on a page
	// whose /Rotate is not 0.
	Matrix [6]float64
	// Scale is 1, or less when the block had to shrink to fit.
	Scale float64
	// Moved is true when the block is not where its anchor wanted it.
	Moved bool
}

// White kept around a block and along the edges of the page, in points.
const (
	pageMargin = 36.0
	blockGap   = 10.0
	textGap    = 14.0
	tightGap   = 3.0 // beside an anchor, which somebody chose
)

// shrinking are the scales that are tried: under the last one, small print cannot be read.
var shrinking = [...]float64{1, 0.85}

// Surface is a page on which blocks are placed, with what they must not cover.
type Surface struct {
	Page        pdf.Page
	view        view
	annotations []pdf.Rect // as the page is seen
	drawn       []pdf.Rect
	text        []pdf.Rect
	complete    bool // everything the page shows is known
}

// NewSurface reads what a page shows. Errors of the reader are wrapped.
func NewSurface(doc *pdf.Doc, r *content.Reader, page pdf.Page) (*Surface, error) {
	s := &Surface{Page: page, view: newView(page)}
	annotations, err := annotationRects(doc, page)
	if err != nil {
		return nil, fmt.Errorf("reading the annotations of page %d: %w", page.Number, err)
	}
	shown := r.Page(page)
	s.annotations, s.complete = s.view.upright(annotations), shown.Complete
	s.drawn, s.text = s.view.upright(shown.Drawn), s.view.upright(shown.Text)
	s.view.margins(s.text, s.drawn)
	return s, nil
}

// taken is all that a block must not cover.
func (s *Surface) taken() []pdf.Rect {
	return slices.Concat(s.annotations, s.drawn, s.text)
}

// Free finds a free rectangle for a block of width x height points: under the last text, at the right
// if it can, shrunk a little when it must. It never covers text, a drawing or an annotation: it fails
// with [ErrNoRoom], also when a part of the page could not be read.
func (s *Surface) Free(width, height float64) (Placement, error) {
	if !s.complete {
		return Placement{}, fmt.Errorf("%w: page %d could not be read entirely", ErrNoRoom, s.Page.Number)
	}
	taken := s.taken()
	for _, scale := range shrinking {
		if r, ok := s.view.find(taken, width*scale, height*scale); ok {
			return s.view.placement(r, scale), nil
		}
	}
	return Placement{}, fmt.Errorf("%w %d", ErrNoRoom, s.Page.Number)
}

// At places a block with its upper left corner at a point of the page as it is seen, in points from
// its upper left corner, or as near as it can: see [Surface.near].
func (s *Surface) At(x, y, width, height float64) (Placement, error) {
	return s.near(pdf.Rect{X0: x, Y0: s.view.height - y, X1: x, Y1: s.view.height - y}, s.taken(), width, height)
}

// On places a block over a rectangle of default user space, such as a tag, that it may cover: its
// upper left corner on that of the rectangle, or as near as it can.
func (s *Surface) On(tag pdf.Rect, width, height float64) (Placement, error) {
	seen := s.view.upright([]pdf.Rect{tag})
	if len(seen) == 0 {
		return Placement{}, fmt.Errorf("%w: off page %d", ErrNoRoom, s.Page.Number)
	}
	a := seen[0]
	var taken []pdf.Rect
	for _, r := range s.taken() {
		// The run of text that holds the tag is not in its way, but what stands beside it on the line is.
		if c := r.Intersect(a); !c.Empty() && c.Height() > 0.5*r.Height() && r.Height() < 1.5*a.Height() {
			left, right := r, r
			left.X1, right.X0 = a.X0, a.X1
			for _, rest := range []pdf.Rect{left, right} {
				if rest.Width() > 1 {
					taken = append(taken, rest)
				}
			}
			continue
		}
		taken = append(taken, r)
	}
	return s.near(a, taken, width, height)
}

// near tries the positions where a reader expects a block that somebody anchored: hanging from the
// anchor to the right, to the left, centred under it, or standing on it; then the free position of
// the page that is nearest to it.
func (s *Surface) near(a pdf.Rect, taken []pdf.Rect, width, height float64) (Placement, error) {
	for _, scale := range shrinking {
		if r, first, ok := s.view.anchored(a, taken, width*scale, height*scale); ok {
			p := s.view.placement(r, scale)
			p.Moved = !first && a.Width() == 0 // a point was asked for, and not a tag
			return p, nil
		}
	}
	for _, scale := range shrinking {
		if !s.complete {
			break // what was not read may be anywhere but where somebody anchored the block
		}
		if r, ok := s.view.nearest(a, taken, width*scale, height*scale); ok {
			p := s.view.placement(r, scale)
			p.Moved = true
			return p, nil
		}
	}
	return Placement{}, fmt.Errorf("%w %d", ErrNoRoom, s.Page.Number)
}

// Covers says what a rectangle of default user space would cover.
func (s *Surface) Covers(r pdf.Rect) (annotation, text bool) {
	for _, seen := range s.view.upright([]pdf.Rect{r}) {
		return !isClear(s.annotations, seen, 0), !isClear(s.text, seen, -1)
	}
	return false, false
}

// Upright is the form matrix that turns a block upright on a page with that rotation.
func Upright(rotate int) [6]float64 {
	switch rotate {
	case 90:
		return [6]float64{0, 1, -1, 0, 0, 0}
	case 180:
		return [6]float64{-1, 0, 0, -1, 0, 0}
	case 270:
		return [6]float64{0, -1, 1, 0, 0, 0}
	}
	return [6]float64{1, 0, 0, 1, 0, 0}
}

// Seen returns the size of the page as it is seen, in points.
func (s *Surface) Seen() (width, height float64) { return s.view.width, s.view.height }

// Seen returns the width and the height of a rectangle on a page with that rotation as it is seen.
func Seen(rotate int, r pdf.Rect) (width, height float64) {
	if rotate == 90 || rotate == 270 {
		return r.Height(), r.Width()
	}
	return r.Width(), r.Height()
}

// isClear reports whether r keeps a gap to every rectangle.
func isClear(taken []pdf.Rect, r pdf.Rect, gap float64) bool {
	r = pdf.Rect{X0: r.X0 - gap, Y0: r.Y0 - gap, X1: r.X1 + gap, Y1: r.Y1 + gap}
	return !slices.ContainsFunc(taken, func(t pdf.Rect) bool { return t.Overlaps(r) })
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
func (v *view) margins(drawn ...[]pdf.Rect) {
	least := math.Inf(1)
	for _, list := range drawn {
		for _, r := range list {
			least = math.Min(least, r.X0)
		}
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
func (v view) placement(r pdf.Rect, scale float64) Placement {
	p := Placement{Scale: scale, Matrix: Upright(v.rotate)}
	b := v.box
	switch v.rotate {
	case 90:
		p.Rect = pdf.Rect{X0: b.X1 - r.Y1, Y0: b.Y0 + r.X0, X1: b.X1 - r.Y0, Y1: b.Y0 + r.X1}
	case 180:
		p.Rect = pdf.Rect{X0: b.X1 - r.X1, Y0: b.Y1 - r.Y1, X1: b.X1 - r.X0, Y1: b.Y1 - r.Y0}
	case 270:
		p.Rect = pdf.Rect{X0: b.X0 + r.Y0, Y0: b.Y1 - r.X1, X1: b.X0 + r.Y1, Y1: b.Y1 - r.X0}
	default:
		p.Rect = pdf.Rect{X0: b.X0 + r.X0, Y0: b.Y0 + r.Y0, X1: b.X0 + r.X1, Y1: b.Y0 + r.Y1}
	}
	return p
}

// edge is the white kept around a block that somebody placed near the edge of the page.
const edge = 8.0

// anchored tries the positions around an anchor, first within the margins of the text when the anchor
// is a tag within them, then up to the edge of the page. first tells the position that hangs from the
// anchor to the right.
func (v view) anchored(a pdf.Rect, taken []pdf.Rect, w, h float64) (r pdf.Rect, first, ok bool) {
	margins := []float64{edge}
	if a.Width() > 0 && a.X0 >= v.side-1 && a.X1 <= v.width-v.side+1 && w <= v.width-2*v.side {
		margins = []float64{v.side, edge}
	}
	middle := (a.X0 + a.X1) / 2
	for _, margin := range margins {
		for i, corner := range [][2]float64{
			{a.X0, a.Y1 - h}, {a.X1 - w, a.Y1 - h}, {middle - w/2, a.Y1 - h}, {a.X0, a.Y0}, {a.X1 - w, a.Y0}, {middle - w/2, a.Y0},
		} {
			if r := v.inside(corner[0], corner[1], w, h, margin); v.holds(r) && isClear(taken, r, tightGap) {
				return r, i == 0, true
			}
		}
	}
	return pdf.Rect{}, false, false
}

// inside moves a rectangle onto the page, within a margin at the left and at the right.
func (v view) inside(x, y, w, h, margin float64) pdf.Rect {
	x = max(margin, min(x, v.width-margin-w))
	y = max(edge, min(y, v.height-edge-h))
	return pdf.Rect{X0: x, Y0: y, X1: x + w, Y1: y + h}
}

func (v view) holds(r pdf.Rect) bool {
	return r.X0 >= 0 && r.Y0 >= 0 && r.X1 <= v.width && r.Y1 <= v.height
}

// nearest finds the free position whose corner is nearest to that of the anchor; one aligned with the
// anchor or with the margins is worth a detour. The candidates lie against what is taken.
func (v view) nearest(a pdf.Rect, taken []pdf.Rect, w, h float64) (pdf.Rect, bool) {
	aligned := []float64{a.X0, a.X1 - w, v.side, v.width - v.side - w}
	xs, ys := slices.Clone(aligned), []float64{a.Y1 - h, a.Y0}
	most := maxCandidates
	if len(taken) > 3000 { // only a hostile page has so much
		most = maxCandidates * 3000 / len(taken)
	}
	for _, t := range taken {
		if len(ys) < most {
			ys = append(ys, t.Y0-tightGap-h-0.5, t.Y1+tightGap+0.5)
		}
		if len(xs) < maxCandidates/8 {
			xs = append(xs, t.X0-tightGap-w-0.5, t.X1+tightGap+0.5)
		}
	}
	aligned = unique(aligned)
	var best pdf.Rect
	least := math.Inf(1)
	for _, y := range unique(ys) {
		for _, x := range unique(xs) {
			r := v.inside(x, y, w, h, edge)
			d := math.Hypot(r.X0-a.X0, r.Y1-a.Y1)
			if !slices.Contains(aligned, x) {
				d += detour
			}
			if d < least && v.holds(r) && isClear(taken, r, tightGap) {
				best, least = r, d
			}
		}
	}
	return best, !math.IsInf(least, 1)
}

// detour is what an aligned position is worth, in points.
const detour = 60.0

// maxCandidates bounds the positions that nearest tries.
const maxCandidates = 400

// unique sorts the numbers to the half point.
func unique(v []float64) []float64 {
	for i := range v {
		v[i] = math.Round(v[i]*2) / 2
	}
	slices.Sort(v)
	return slices.Compact(v)
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
