package content

import (
	"math"
	"strings"
	"unicode/utf16"

	"parapheur/signing/internal/pdf"
)

// font is what showing text needs: how to cut a string into codes, how wide each is, what it means.
type font struct {
	wide    bool // two bytes a code (Identity-H and its kind)
	widths  map[int]float64
	missing float64 // width of the others, in thousandths of an em
	em      float64 // 1, or the scale of the glyph space of a Type 3 font
	low     float64 // below and above the baseline, in ems
	high    float64
	simple  *[256]string
	cmap    *cmap // of /ToUnicode; nil when there is none
	known   map[int]*meaning
}

// meaning is what a code is, worked out once.
type meaning struct {
	width   float64 // in ems
	letters []rune  // without blanks nor case; none when the font does not tell
	blank   bool
	space   bool // the single-byte code 32, to which word spacing applies
}

func (f *font) meaning(code int) *meaning {
	if m := f.known[code]; m != nil {
		return m
	}
	text := f.text(code)
	m := &meaning{
		width: f.width(code), letters: []rune(folded(text)), blank: text != "" && strings.TrimSpace(text) == "",
		space: code == ' ' && !f.wide,
	}
	f.known[code] = m
	return m
}

// plainWidth is generous for Latin text.
const plainWidth = 560.0

// plainFont stands for a font that cannot be read: single bytes, each as wide.
func plainFont() *font {
	return &font{missing: plainWidth, em: 1, low: -0.25, high: 0.85, simple: encoding("", nil), known: map[int]*meaning{}}
}

// text returns the characters of a code, "" when nobody can tell.
func (f *font) text(code int) string {
	if f.cmap != nil {
		if s, ok := f.cmap.text(code); ok {
			return s
		}
	}
	if f.simple != nil && code < 256 {
		return f.simple[code]
	}
	return ""
}

// width is in ems.
func (f *font) width(code int) float64 {
	if w, ok := f.widths[code]; ok {
		return w * f.em / 1000
	}
	return f.missing * f.em / 1000
}

// face reads a font once.
func (r *Reader) face(v pdf.Object) *font {
	ref, isRef := v.(pdf.Ref)
	if f := r.fonts[ref]; isRef && f != nil {
		return f
	}
	d, ok := r.resolve(v).(*pdf.Dict)
	if !ok || len(r.fonts) >= maxFonts {
		return plainFont()
	}
	f := r.readFont(d)
	if isRef {
		r.fonts[ref] = f
	}
	return f
}

func (r *Reader) readFont(d *pdf.Dict) *font {
	f := plainFont()
	subtype, _ := r.resolve(d.Get("Subtype")).(pdf.Name)
	if s, ok := r.resolve(d.Get("ToUnicode")).(*pdf.Stream); ok {
		if b, err := r.doc.Decode(s, maxFontFile); err == nil {
			f.cmap = readCMap(b)
		}
	}
	switch {
	case subtype.Is("Type0"):
		r.composite(f, d)
	default:
		r.simpleFont(f, d, subtype.Is("Type3"))
	}
	return f
}

// composite reads a Type 0 font (ISO 32000-2, 9.7).
func (r *Reader) composite(f *font, d *pdf.Dict) {
	f.simple, f.wide, f.missing = nil, true, 1000
	if s, ok := r.resolve(d.Get("Encoding")).(*pdf.Stream); ok { // an embedded CMap says how long codes are
		if b, err := r.doc.Decode(s, maxFontFile); err == nil {
			f.wide = readCMap(b).codeBytes != 1
		}
	}
	kids, _ := r.resolve(d.Get("DescendantFonts")).(pdf.Array)
	if len(kids) == 0 {
		return
	}
	cid, _ := r.resolve(kids[0]).(*pdf.Dict)
	if w, ok := r.number(cid.Get("DW")); ok {
		f.missing = w
	}
	list, _ := r.resolve(cid.Get("W")).(pdf.Array)
	f.widths = r.cidWidths(list)
}

// cidWidths reads "c [w1 w2]" and "first last w" (ISO 32000-2, 9.7.4.3).
func (r *Reader) cidWidths(list pdf.Array) map[int]float64 {
	out := map[int]float64{}
	for i := 0; i+1 < len(list) && len(out) < maxMappings; {
		first, _ := r.number(list[i])
		next := r.resolve(list[i+1])
		if some, ok := next.(pdf.Array); ok {
			for k, v := range some {
				out[int(first)+k], _ = r.number(v)
			}
			i += 2
			continue
		}
		if i+2 >= len(list) {
			break
		}
		last, _ := r.number(next)
		w, _ := r.number(list[i+2])
		for c := int(first); c <= int(last) && c <= 0xFFFF && len(out) < maxMappings; c++ {
			out[c] = w
		}
		i += 3
	}
	return out
}

// simpleFont reads a Type 1, TrueType or Type 3 font (ISO 32000-2, 9.6).
func (r *Reader) simpleFont(f *font, d *pdf.Dict, type3 bool) {
	base := ""
	var differences pdf.Array
	switch e := r.resolve(d.Get("Encoding")).(type) {
	case pdf.Name:
		base = e.Decoded()
	case *pdf.Dict:
		n, _ := r.resolve(e.Get("BaseEncoding")).(pdf.Name)
		base = n.Decoded()
		differences, _ = r.resolve(e.Get("Differences")).(pdf.Array)
	}
	f.simple = encoding(base, r.resolved(differences))
	first, _ := r.number(d.Get("FirstChar"))
	widths, _ := r.resolve(d.Get("Widths")).(pdf.Array)
	if len(widths) > 0 {
		f.widths = make(map[int]float64, len(widths))
		f.missing = 0
		if descriptor, ok := r.resolve(d.Get("FontDescriptor")).(*pdf.Dict); ok {
			f.missing, _ = r.number(descriptor.Get("MissingWidth"))
		}
	} else if name, _ := r.resolve(d.Get("BaseFont")).(pdf.Name); isCourier(name) {
		f.missing = 600
	}
	for i, v := range widths {
		if i >= 256 {
			break
		}
		f.widths[int(first)+i], _ = r.number(v)
	}
	if type3 {
		r.glyphSpace(f, d)
	}
}

func isCourier(n pdf.Name) bool {
	s := n.Decoded()
	return len(s) >= 7 && s[:7] == "Courier"
}

// glyphSpace takes the scale of a Type 3 font from its matrix.
func (r *Reader) glyphSpace(f *font, d *pdf.Dict) {
	m := r.matrix(d.Get("FontMatrix"), matrix{0.001, 0, 0, 0.001, 0, 0})
	if m[0] != 0 {
		f.em = math.Abs(m[0]) * 1000
	}
	box, err := r.doc.Rect(d.Get("FontBBox"))
	if err != nil || box.Empty() {
		return
	}
	low, high := box.Y0*m[3], box.Y1*m[3]
	if low, high = math.Min(low, high), math.Max(low, high); high-low > 0.1 && high-low < 10 {
		f.low, f.high = low, high
	}
}

// resolved returns the elements without indirection.
func (r *Reader) resolved(a pdf.Array) pdf.Array {
	out := make(pdf.Array, len(a))
	for i := range a {
		out[i] = r.resolve(a[i])
	}
	return out
}

// cmap maps codes to characters (ISO 32000-2, 9.10.3; Adobe Technical Note 5411).
type cmap struct {
	codeBytes int
	one       map[int]string
	ranges    []cmapRange
}

type cmapRange struct {
	first, last int
	to          []uint16
}

func (m *cmap) text(code int) (string, bool) {
	if s, ok := m.one[code]; ok {
		return s, true
	}
	for _, r := range m.ranges {
		if code >= r.first && code <= r.last && len(r.to) > 0 {
			to := append([]uint16(nil), r.to...)
			to[len(to)-1] += uint16(code - r.first)
			return string(utf16.Decode(to)), true
		}
	}
	return "", false
}

// readCMap reads the operators that map codes; it skips the rest.
func readCMap(b []byte) *cmap {
	m := &cmap{one: map[int]string{}}
	s := &scanner{b: b}
	var operands [][]byte
	var depth int
	list := [][]byte(nil)
	for {
		t := s.next()
		switch t.kind {
		case endOfContent:
			return m
		case stringToken:
			if depth > 0 {
				list = append(list, t.data)
			} else if len(operands) < maxMappings {
				operands = append(operands, t.data)
			}
		case openArray:
			depth++
		case closeArray:
			if depth = max(0, depth-1); depth == 0 && len(operands) >= 2 {
				m.list(operands[len(operands)-2], list)
				operands, list = operands[:len(operands)-2], nil
			}
		case operatorToken:
			m.operator(t.text, operands)
			operands = operands[:0]
		case numberToken, nameToken, otherToken:
		}
	}
}

func (m *cmap) operator(op string, operands [][]byte) {
	switch op {
	case "endcodespacerange":
		for _, o := range operands {
			m.codeBytes = max(m.codeBytes, len(o))
		}
	case "endbfchar":
		for i := 0; i+1 < len(operands) && len(m.one) < maxMappings; i += 2 {
			m.one[codeOf(operands[i])] = characters(operands[i+1])
		}
	case "endbfrange":
		for i := 0; i+2 < len(operands) && len(m.ranges) < 4096; i += 3 {
			m.ranges = append(m.ranges, cmapRange{codeOf(operands[i]), codeOf(operands[i+1]), units(operands[i+2])})
		}
	}
}

// list maps the codes from first to the characters of an array, one each.
func (m *cmap) list(first []byte, to [][]byte) {
	for i, t := range to {
		if len(m.one) < maxMappings {
			m.one[codeOf(first)+i] = characters(t)
		}
	}
}

func codeOf(b []byte) int {
	n := 0
	for _, c := range b[:min(len(b), 4)] {
		n = n<<8 | int(c)
	}
	return n
}

func units(b []byte) []uint16 {
	out := make([]uint16, 0, len(b)/2)
	for i := 0; i+1 < len(b) && i < 64; i += 2 {
		out = append(out, uint16(b[i])<<8|uint16(b[i+1]))
	}
	return out
}

func characters(b []byte) string { return string(utf16.Decode(units(b))) }
