package content

import (
	"math"

	"parapheur/signing/internal/pdf"
)

// glyph is one character code as it is shown: its meaning, and where it is along the baseline of the
// text space m of its string.
type glyph struct {
	*meaning
	m        *matrix
	x, next  float64
	rise, em float64
	low      float64
	high     float64
}

// origin is where the glyph begins, end where the next one goes, in default user space.
func (g *glyph) origin() (x, y float64) { return g.m.point(g.x, g.rise) }
func (g *glyph) end() (x, y float64)    { return g.m.point(g.next, g.rise) }

// size is the height of its em in default user space.
func (g *glyph) size() float64 { return g.em * math.Hypot(g.m[2], g.m[3]) }

func (g *glyph) box() pdf.Rect {
	return g.m.bound(pdf.Rect{X0: math.Min(g.x, g.next), Y0: g.low, X1: math.Max(g.x, g.next), Y1: g.high})
}

// Page is what one page shows, in default user space.
type Page struct {
	Text     []pdf.Rect // one for each run of text, blanks at its ends left out
	Drawn    []pdf.Rect // images and paths, not the backgrounds that span most of the page
	Complete bool       // everything was read

	glyphs []glyph // in the order of the content, when they are wanted
}

// Reader reads pages of one document within one budget. It belongs to one goroutine.
type Reader struct {
	doc       *pdf.Doc
	cache     map[pdf.Ref]pdf.Object // resources, forms and images, read once
	fonts     map[pdf.Ref]*font
	bytes     int // of content still allowed
	operators int // still allowed
	pixels    int // of images looked into, still allowed
}

// NewReader returns a reader of doc.
func NewReader(doc *pdf.Doc) *Reader {
	return &Reader{
		doc: doc, cache: map[pdf.Ref]pdf.Object{}, fonts: map[pdf.Ref]*font{}, bytes: maxContent, operators: maxOperators, pixels: maxAllPixels,
	}
}

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

// point returns the image of a point.
func (m matrix) point(x, y float64) (float64, float64) {
	return m[0]*x + m[2]*y + m[4], m[1]*x + m[3]*y + m[5]
}

// bound returns the rectangle around the image of r.
func (m matrix) bound(r pdf.Rect) pdf.Rect {
	out := pdf.Rect{X0: math.Inf(1), Y0: math.Inf(1), X1: math.Inf(-1), Y1: math.Inf(-1)}
	for _, p := range [4][2]float64{{r.X0, r.Y0}, {r.X1, r.Y0}, {r.X0, r.Y1}, {r.X1, r.Y1}} {
		x, y := m.point(p[0], p[1])
		out = pdf.Rect{X0: math.Min(out.X0, x), Y0: math.Min(out.Y0, y), X1: math.Max(out.X1, x), Y1: math.Max(out.Y1, y)}
	}
	return out
}

// textState is the part of the graphics state that q and Q save and text needs.
type textState struct {
	ctm           matrix
	font          *font
	size, leading float64
	scale         float64 // horizontal scaling, 1 = 100 %
	rise          float64
	char, word    float64 // spacing
}

// interpreter follows the operators that move or draw and keeps where they draw.
type interpreter struct {
	*Reader
	visible   pdf.Rect
	out       Page
	glyphs    bool // wanted
	left      int  // operators of this page still allowed
	leftBytes int
	textState
	saved      []textState
	text, line matrix
	path       pdf.Rect
	drawing    bool // the current path has a point
	operands   []float64
	name       string
	shown      []piece // operands of a Tj or TJ
}

// piece is a string of a TJ array, or the displacement between two.
type piece struct {
	text []byte
	by   float64 // thousandths of an em, to the left
}

// Page reads a page.
func (r *Reader) Page(page pdf.Page) Page { return r.page(page, false) }

// page reads a page; glyphs says whether its characters are wanted.
func (r *Reader) page(page pdf.Page, glyphs bool) Page {
	in := &interpreter{Reader: r, visible: page.CropBox, glyphs: glyphs, left: maxPageOps, leftBytes: maxPage}
	in.out.Complete = true
	in.textState = textState{ctm: identity, scale: 1, font: plainFont()}
	resources, _ := r.resolve(page.Resources).(*pdf.Dict)
	in.run(in.pageContent(page), resources, 0)
	return in.out
}

// pageContent joins the content streams of the page, within the limit.
func (in *interpreter) pageContent(page pdf.Page) []byte {
	contents := in.resolve(page.Dict.Get("Contents"))
	parts, ok := contents.(pdf.Array)
	if !ok {
		parts = pdf.Array{contents}
	}
	var all []byte
	for _, p := range parts {
		if s, ok := in.resolve(p).(*pdf.Stream); ok {
			all = append(append(all, in.decode(s)...), '\n')
		}
	}
	return all
}

func (in *interpreter) decode(s *pdf.Stream) []byte {
	limit := min(in.bytes, in.leftBytes)
	if limit <= 0 {
		in.out.Complete = false
		return nil
	}
	b, err := in.doc.Decode(s, limit)
	if err != nil {
		in.out.Complete = false
		return nil
	}
	in.bytes -= len(b)
	in.leftBytes -= len(b)
	return b
}

// exhausted says that the rest of the page stays unread.
func (in *interpreter) exhausted() bool {
	if in.left > 0 && in.operators > 0 && len(in.out.Drawn)+len(in.out.Text) < maxDrawn && len(in.out.glyphs) < maxGlyphs {
		return false
	}
	in.out.Complete = false
	return true
}

func (in *interpreter) run(content []byte, resources *pdf.Dict, depth int) {
	s := &scanner{b: content}
	array := 0
	for !in.exhausted() {
		switch t := s.next(); t.kind {
		case endOfContent:
			return
		case numberToken:
			if array > 0 {
				in.shown = append(in.shown, piece{by: t.number})
			} else if len(in.operands) < maxOperands {
				in.operands = append(in.operands, t.number)
			}
		case stringToken:
			in.shown = append(in.shown, piece{text: t.data})
		case nameToken:
			in.name = t.text
		case openArray:
			array++
		case closeArray:
			array = max(0, array-1)
		case operatorToken:
			in.left--
			in.operators--
			switch t.text {
			case "ID":
				s.skipInlineImage()
				in.add(in.ctm.bound(pdf.Rect{X1: 1, Y1: 1}))
			case "Do":
				in.draw(resources, depth)
			case "Tf":
				in.setFont(resources)
			case "gs":
				in.graphicsState(resources)
			default:
				in.operator(t.text)
			}
			in.operands, in.shown, array = in.operands[:0], in.shown[:0], 0
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
		} else {
			in.out.Complete = false
		}
	case "Q":
		if n := len(in.saved); n > 0 {
			in.textState, in.saved = in.saved[n-1], in.saved[:n-1]
		}
	case "cm":
		if a, ok := in.arguments(6); ok {
			in.ctm = matrix(a).times(in.ctm)
		}
	case "TL", "Tz", "Ts", "Tc", "Tw":
		if a, ok := in.arguments(1); ok {
			in.spacing(op, a[0])
		}
	default:
		return false
	}
	return true
}

func (in *interpreter) spacing(op string, v float64) {
	switch op {
	case "TL":
		in.leading = v
	case "Tz":
		in.scale = v / 100
	case "Ts":
		in.rise = v
	case "Tc":
		in.char = v
	case "Tw":
		in.word = v
	}
}

// setFont follows Tf.
func (in *interpreter) setFont(resources *pdf.Dict) {
	if a, ok := in.arguments(1); ok {
		in.size = a[0]
	}
	list, _ := in.resolve(resources.Get("Font")).(*pdf.Dict)
	in.font = in.face(list.Get(pdf.Name(in.name)))
}

// graphicsState follows gs: it may set the font (ISO 32000-2, table 57).
func (in *interpreter) graphicsState(resources *pdf.Dict) {
	list, _ := in.resolve(resources.Get("ExtGState")).(*pdf.Dict)
	state, _ := in.resolve(list.Get(pdf.Name(in.name))).(*pdf.Dict)
	if a, ok := in.resolve(state.Get("Font")).(pdf.Array); ok && len(a) == 2 {
		in.font = in.face(a[0])
		in.size, _ = in.number(a[1])
	}
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
		if a, ok := in.arguments(2); ok && op == "\"" {
			in.word, in.char = a[0], a[1]
		}
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

// show keeps the rectangle of the strings, from below their baseline to their capitals, and their
// characters when they are wanted.
func (in *interpreter) show() {
	from, to := math.Inf(1), math.Inf(-1) // of what is not blank, along the baseline
	var space *matrix
	x := 0.0
	for _, p := range in.shown {
		x -= p.by / 1000 * in.size * in.scale
		for i := 0; i < len(p.text); {
			code := int(p.text[i])
			if i++; in.font.wide {
				if i == len(p.text) {
					break
				}
				code = code<<8 | int(p.text[i])
				i++
			}
			m := in.font.meaning(code)
			next := x + in.advance(m)
			in.left-- // a character costs as much as an operator
			in.operators--
			if !m.blank {
				from, to = math.Min(from, math.Min(x, next)), math.Max(to, math.Max(x, next))
			}
			if in.glyphs && len(in.out.glyphs) < maxGlyphs {
				if space == nil {
					now := in.text.times(in.ctm)
					space = &now
				}
				in.keep(m, space, x, next)
			}
			x = next
		}
	}
	if to > from {
		if r := in.text.times(in.ctm).bound(in.strip(from, to)).Intersect(in.visible); !r.Empty() {
			in.out.Text = append(in.out.Text, r)
		}
	}
	in.text = matrix{1, 0, 0, 1, x, 0}.times(in.text)
}

func (in *interpreter) advance(m *meaning) float64 {
	w := m.width*in.size + in.char
	if m.space {
		w += in.word
	}
	return w * in.scale
}

// strip is the rectangle of text between two points of the baseline, in text space.
func (in *interpreter) strip(from, to float64) pdf.Rect {
	low, high := in.font.low*in.size, in.font.high*in.size
	return pdf.Rect{X0: from, Y0: in.rise + math.Min(low, high), X1: to, Y1: in.rise + math.Max(low, high)}
}

func (in *interpreter) keep(m *meaning, space *matrix, x, next float64) {
	strip := in.strip(x, next)
	in.out.glyphs = append(in.out.glyphs, glyph{
		meaning: m, m: space, x: x, next: next, rise: in.rise, em: math.Abs(in.size), low: strip.Y0, high: strip.Y1,
	})
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
	list, _ := in.resolve(resources.Get("XObject")).(*pdf.Dict)
	s, ok := in.resolve(list.Get(pdf.Name(in.name))).(*pdf.Stream)
	if !ok {
		return
	}
	if sub, _ := in.resolve(s.Dict.Get("Subtype")).(pdf.Name); !sub.Is("Form") {
		in.image(s)
		return
	}
	if depth >= maxForms {
		in.out.Complete = false
		return
	}
	own, ok := in.resolve(s.Dict.Get("Resources")).(*pdf.Dict)
	if !ok {
		own = resources
	}
	state, saved, text, line := in.textState, in.saved, in.text, in.line
	in.saved = nil
	in.ctm = in.matrix(s.Dict.Get("Matrix"), identity).times(in.ctm)
	in.operands, in.shown = in.operands[:0], in.shown[:0]
	in.run(in.decode(s), own, depth+1)
	in.textState, in.saved, in.text, in.line = state, saved, text, line
}

// resolve reads an object once, however often the content draws it; what cannot be read is nil.
func (r *Reader) resolve(v pdf.Object) pdf.Object {
	ref, isRef := v.(pdf.Ref)
	if !isRef {
		return v
	}
	if o, ok := r.cache[ref]; ok {
		return o
	}
	o, err := r.doc.Resolve(v)
	if err != nil {
		o = nil
	}
	r.cache[ref] = o
	return o
}

func (r *Reader) number(v pdf.Object) (float64, bool) {
	raw, _ := r.resolve(v).(pdf.Raw)
	f, ok := raw.Float()
	if !ok || math.Abs(f) > 1e9 {
		return 0, false
	}
	return f, true
}

func (r *Reader) matrix(v pdf.Object, otherwise matrix) matrix {
	a, _ := r.resolve(v).(pdf.Array)
	if len(a) != 6 {
		return otherwise
	}
	var m matrix
	for i := range m {
		m[i], _ = r.number(a[i])
	}
	return m
}

// mostOfPage is the share of the page beyond which a drawing is a background.
const mostOfPage = 0.6

func (in *interpreter) isBackground(r pdf.Rect) bool {
	return r.Width()*r.Height() >= mostOfPage*in.visible.Width()*in.visible.Height()
}

// add keeps the visible part of a drawing.
func (in *interpreter) add(r pdf.Rect) {
	r = r.Intersect(in.visible)
	if r.Empty() || r != r || in.isBackground(r) { // the second test refuses NaN
		return
	}
	in.out.Drawn = append(in.out.Drawn, r)
}
