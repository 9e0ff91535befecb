package appearance

import (
	"math"

	"parapheur/signing/internal/pdf"
)

// Limits of the interpreter: beyond them the rest of the page counts as blank, and
// a block may then cover it. They keep a hostile page from costing more than a few
// tens of milliseconds.
const (
	maxContent   = 4 << 20 // decoded bytes of content, forms included
	maxOperators = 200_000
	maxForms     = 6 // forms nested in forms
	maxStates    = 64
	maxDrawn     = 20_000 // rectangles kept
	maxOperands  = 64
)

// matrix is [a b c d e f] (ISO 32000-2, 8.3.4).
type matrix [6]float64

var identity = matrix{1, 0, 0, 1, 0, 0}

// times returns the matrix that applies m, then n.
func (m matrix) times(n matrix) matrix {
	return matrix{
		m[0]*n[0] + m[1]*n[2], m[0]*n[1] + m[1]*n[3],
		m[2]*n[0] + m[3]*n[2], m[2]*n[1] + m[3]*n[3],
		m[4]*n[0] + m[5]*n[2] + n[4], m[4]*n[1] + m[5]*n[3] + n[5],
	}
}

// bound returns the rectangle around the image of r.
func (m matrix) bound(r pdf.Rect) pdf.Rect {
	out := pdf.Rect{X0: math.Inf(1), Y0: math.Inf(1), X1: math.Inf(-1), Y1: math.Inf(-1)}
	for _, p := range [4][2]float64{{r.X0, r.Y0}, {r.X1, r.Y0}, {r.X0, r.Y1}, {r.X1, r.Y1}} {
		x, y := m[0]*p[0]+m[2]*p[1]+m[4], m[1]*p[0]+m[3]*p[1]+m[5]
		out = pdf.Rect{X0: math.Min(out.X0, x), Y0: math.Min(out.Y0, y), X1: math.Max(out.X1, x), Y1: math.Max(out.Y1, y)}
	}
	return out
}

// textState is the part of the graphics state that q and Q save and text needs.
type textState struct {
	ctm           matrix
	size, leading float64
	scale         float64 // horizontal scaling, 1 = 100 %
	rise          float64
}

// interpreter follows the operators that move or draw and keeps where they draw.
type interpreter struct {
	doc       *pdf.Doc
	cache     map[pdf.Ref]pdf.Object // forms, images and their lists, read once
	page      pdf.Rect               // visible part
	out       []pdf.Rect
	bytes     int // of content still allowed
	operators int // still allowed
	textState
	saved        []textState
	text, line   matrix
	path         pdf.Rect
	drawing      bool // the current path has a point
	operands     []float64
	name         string
	shown        int // bytes of the strings among the operands
	displacement float64
}

// drawnRects returns the rectangles of what the page content draws, in default
// user space: text, images and paths, not the backgrounds that span most of the
// page. It is a best effort: glyph widths are estimated, clipping and colour are
// ignored, an unreadable stream counts as blank.
func drawnRects(doc *pdf.Doc, page pdf.Page) []pdf.Rect {
	in := &interpreter{doc: doc, cache: map[pdf.Ref]pdf.Object{}, page: page.CropBox, bytes: maxContent, operators: maxOperators}
	in.textState = textState{ctm: identity, scale: 1}
	resources, err := doc.Dict(page.Resources)
	if err != nil {
		return nil
	}
	in.run(in.pageContent(page), resources, 0)
	return in.out
}

// pageContent joins the content streams of the page, within the limit.
func (in *interpreter) pageContent(page pdf.Page) []byte {
	contents, err := in.doc.Resolve(page.Dict.Get("Contents"))
	if err != nil {
		return nil
	}
	parts, ok := contents.(pdf.Array)
	if !ok {
		parts = pdf.Array{contents}
	}
	var all []byte
	for _, p := range parts {
		all = append(append(all, in.decode(p)...), '\n')
	}
	return all
}

func (in *interpreter) decode(v pdf.Object) []byte {
	v, err := in.doc.Resolve(v)
	s, ok := v.(*pdf.Stream)
	if err != nil || !ok || in.bytes <= 0 {
		return nil
	}
	b, err := in.doc.Decode(s, in.bytes)
	if err != nil {
		return nil
	}
	in.bytes -= len(b)
	return b
}

func (in *interpreter) run(content []byte, resources *pdf.Dict, depth int) {
	s := &scanner{b: content}
	array := 0
	for in.operators > 0 && len(in.out) < maxDrawn {
		switch t := s.next(); t.kind {
		case endOfContent:
			return
		case numberToken:
			if array > 0 { // TJ: thousandths of text space, to the left
				in.displacement += t.number
			} else if len(in.operands) < maxOperands {
				in.operands = append(in.operands, t.number)
			}
		case stringToken:
			in.shown += t.length
		case nameToken:
			in.name = t.text
		case openArray:
			array++
		case closeArray:
			array = max(0, array-1)
		case operatorToken:
			in.operators--
			switch t.text {
			case "ID":
				s.skipInlineImage()
				in.add(in.ctm.bound(pdf.Rect{X1: 1, Y1: 1}))
			case "Do":
				in.draw(resources, depth)
			default:
				in.operator(t.text)
			}
			in.operands, in.shown, in.displacement, array = in.operands[:0], 0, 0, 0
		case otherToken: // nothing that moves the pen
		}
	}
}

// operator dispatches by family; unknown operators do nothing.
func (in *interpreter) operator(op string) {
	if !in.stateOperator(op) && !in.textOperator(op) {
		in.pathOperator(op)
	}
}

// arguments returns the last n operands.
func (in *interpreter) arguments(n int) ([]float64, bool) {
	if len(in.operands) < n {
		return nil, false
	}
	return in.operands[len(in.operands)-n:], true
}

func (in *interpreter) stateOperator(op string) bool {
	switch op {
	case "q":
		if len(in.saved) < maxStates {
			in.saved = append(in.saved, in.textState)
		}
	case "Q":
		if n := len(in.saved); n > 0 {
			in.textState, in.saved = in.saved[n-1], in.saved[:n-1]
		}
	case "cm":
		if a, ok := in.arguments(6); ok {
			in.ctm = matrix(a).times(in.ctm)
		}
	case "Tf", "TL", "Tz", "Ts":
		if a, ok := in.arguments(1); ok {
			switch op {
			case "Tf":
				in.size = a[0]
			case "TL":
				in.leading = a[0]
			case "Tz":
				in.scale = a[0] / 100
			case "Ts":
				in.rise = a[0]
			}
		}
	default:
		return false
	}
	return true
}

func (in *interpreter) textOperator(op string) bool {
	switch op {
	case "BT":
		in.text, in.line = identity, identity
	case "Tm":
		if a, ok := in.arguments(6); ok {
			in.text, in.line = matrix(a), matrix(a)
		}
	case "Td", "TD":
		if a, ok := in.arguments(2); ok {
			if op == "TD" {
				in.leading = -a[1]
			}
			in.move(a[0], a[1])
		}
	case "T*":
		in.move(0, -in.leading)
	case "Tj", "TJ":
		in.show()
	case "'", "\"":
		in.move(0, -in.leading)
		in.show()
	default:
		return false
	}
	return true
}

func (in *interpreter) move(x, y float64) {
	in.line = matrix{1, 0, 0, 1, x, y}.times(in.line)
	in.text = in.line
}

// emPerByte is the width taken for one byte of a string: generous for Latin text,
// ample for two-byte codes.
const emPerByte = 0.56

// show keeps the rectangle of a string, from below its baseline to its capitals.
func (in *interpreter) show() {
	if in.shown == 0 {
		return
	}
	width := (float64(in.shown)*emPerByte*in.size - in.displacement/1000*in.size) * in.scale
	low, high := math.Min(-0.25*in.size, 0.85*in.size), math.Max(-0.25*in.size, 0.85*in.size)
	box := pdf.Rect{X0: math.Min(0, width), Y0: in.rise + low, X1: math.Max(0, width), Y1: in.rise + high}
	in.add(in.text.times(in.ctm).bound(box))
	in.text = matrix{1, 0, 0, 1, width, 0}.times(in.text)
}

func (in *interpreter) pathOperator(op string) {
	switch op {
	case "m", "l", "c", "v", "y":
		for i := 0; i+1 < len(in.operands); i += 2 {
			in.point(in.operands[i], in.operands[i+1])
		}
	case "re":
		if a, ok := in.arguments(4); ok {
			in.point(a[0], a[1])
			in.point(a[0]+a[2], a[1]+a[3])
			in.point(a[0]+a[2], a[1])
			in.point(a[0], a[1]+a[3])
		}
	case "S", "s", "f", "F", "f*", "B", "B*", "b", "b*":
		if in.drawing {
			in.path.X1, in.path.Y1 = in.path.X1+0.5, in.path.Y1+0.5 // a line has no area
			in.add(in.path)
		}
		in.drawing = false
	case "n":
		in.drawing = false
	}
}

func (in *interpreter) point(x, y float64) {
	p := in.ctm.bound(pdf.Rect{X0: x, Y0: y, X1: x, Y1: y})
	if !in.drawing {
		in.path, in.drawing = p, true
		return
	}
	in.path = pdf.Rect{
		X0: math.Min(in.path.X0, p.X0), Y0: math.Min(in.path.Y0, p.Y0),
		X1: math.Max(in.path.X1, p.X1), Y1: math.Max(in.path.Y1, p.Y1),
	}
}

// draw follows the Do operator: an image fills the unit square, a form is run.
func (in *interpreter) draw(resources *pdf.Dict, depth int) {
	list, ok := in.resolve(resources.Get("XObject")).(*pdf.Dict)
	if !ok {
		return
	}
	s, ok := in.resolve(list.Get(pdf.Name(in.name))).(*pdf.Stream)
	if !ok {
		return
	}
	if sub, _ := s.Dict.Get("Subtype").(pdf.Name); !sub.Is("Form") {
		in.add(in.ctm.bound(pdf.Rect{X1: 1, Y1: 1}))
		return
	}
	if depth >= maxForms {
		return
	}
	own, ok := in.resolve(s.Dict.Get("Resources")).(*pdf.Dict)
	if !ok {
		own = resources
	}
	state, saved := in.textState, in.saved
	in.saved = nil
	in.ctm = in.formMatrix(s.Dict).times(in.ctm)
	in.operands = in.operands[:0]
	in.run(in.decode(s), own, depth+1)
	in.textState, in.saved = state, saved
}

// resolve reads an object once, however often the content draws it; what cannot be read is nil.
func (in *interpreter) resolve(v pdf.Object) pdf.Object {
	ref, isRef := v.(pdf.Ref)
	if !isRef {
		return v
	}
	if o, ok := in.cache[ref]; ok {
		return o
	}
	o, err := in.doc.Resolve(v)
	if err != nil {
		o = nil
	}
	in.cache[ref] = o
	return o
}

func (in *interpreter) formMatrix(d *pdf.Dict) matrix {
	a, err := in.doc.Array(d.Get("Matrix"))
	if err != nil || len(a) != 6 {
		return identity
	}
	var m matrix
	for i := range m {
		raw, _ := a[i].(pdf.Raw)
		m[i], _ = raw.Float()
	}
	return m
}

// mostOfPage is the share of the page beyond which a drawing is a background.
const mostOfPage = 0.6

// add keeps the visible part of r.
func (in *interpreter) add(r pdf.Rect) {
	r = r.Intersect(in.page)
	if r.Empty() || r != r { // the second test refuses NaN
		return
	}
	if r.Width()*r.Height() < mostOfPage*in.page.Width()*in.page.Height() {
		in.out = append(in.out, r)
	}
}
