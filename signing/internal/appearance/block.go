package appearance

import (
	"bytes"
	_ "embed" // the two faces
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Tone is the shade of a line.
type Tone int

// The three shades of a block, from most to least contrast; all pass 4.5:1 on white.
const (
	Ink    Tone = iota // almost black: the words that matter
	Accent             // deep blue: the heading
	Muted              // grey: motto and small print
)

// Line is one line of text of a block; Size is in points.
type Line struct {
	Text string
	Size float64
	Bold bool
	Tone Tone
	// Before is additional white above the line, in points.
	Before float64
	// Rule draws a hairline in the middle of that white.
	Rule bool
	// Picture stands on the line instead of text, PictureWidth points wide and Size points high.
	Picture      *Picture
	PictureWidth float64
}

// Block is a laid-out signature block; Width and Height are in points.
type Block struct {
	Lines         []Line
	Width, Height float64
	// Arms stands at the left of the lines, ArmsWidth x ArmsHeight points; nil for none.
	Arms                  *Picture
	ArmsWidth, ArmsHeight float64
	// Flat draws pictures without transparency, for documents that may not have any.
	Flat bool
}

// Object is one PDF object that the form needs besides itself. Dict returns its
// complete dictionary, `/Length` and `/Filter` included when Stream is not nil;
// ref(i) must give the reference ("12 0 R") of the i-th object of [Objects].Extra.
type Object struct {
	Dict   func(ref func(i int) string) string
	Stream []byte
}

// Objects is a block as PDF material. Form is the uncompressed content of the
// form XObject, whose /BBox is [0 0 Width Height]; Resources returns its
// /Resources dictionary.
type Objects struct {
	Form          []byte
	Resources     func(ref func(i int) string) string
	Extra         []Object
	Width, Height float64
}

var (
	//go:embed font/PublicSans-Regular.ttf
	regularFile []byte
	//go:embed font/PublicSans-Bold.ttf
	boldFile []byte
)

// faces returns the two embedded fonts: regular, then bold. They are parsed once and never change.
var faces = sync.OnceValues(parseFaces)

func parseFaces() ([2]*face, error) {
	regular, err := parseFace("PublicSans-Regular", 84, regularFile)
	if err != nil {
		return [2]*face{}, fmt.Errorf("regular face: %w", err)
	}
	bold, err := parseFace("PublicSans-Bold", 146, boldFile)
	if err != nil {
		return [2]*face{}, fmt.Errorf("bold face: %w", err)
	}
	return [2]*face{regular, bold}, nil
}

// Geometry of the block, in points.
const (
	barWidth   = 2.5  // the blue rule at the left
	padLeft    = 10.0 // from the left edge to the text
	padRight   = 9.0
	padTop     = 7.5
	padBottom  = 7.5
	armsGap    = 9.0  // between the coat of arms and the text
	leading    = 1.28 // line height, in sizes
	frameWidth = 0.5
)

// Colours are CalRGB (ISO 32000-2, 8.6.5.3): device independent, hence allowed in
// PDF/A whatever the output intent of the document is.
const calRGB = "[/CalRGB<</WhitePoint[0.9505 1 1.089]/Gamma[2.2 2.2 2.2]" +
	"/Matrix[0.4124 0.2126 0.0193 0.3576 0.7152 0.1192 0.1805 0.0722 0.9505]>>]"

// Build draws the block. The same block gives the same bytes.
func (b Block) Build() (Objects, error) {
	both, err := faces()
	if err != nil {
		return Objects{}, err
	}
	subsets := [2]*subset{newSubset(both[0]), newSubset(both[1])}
	form := b.content(subsets)
	out := Objects{Form: form, Width: b.Width, Height: b.Height}
	fonts := make([]func(ref func(int) string) string, 0, 2)
	for i, s := range subsets {
		if len(s.chars) == 0 {
			continue
		}
		base := len(out.Extra)
		objects, err := s.objects(base)
		if err != nil {
			return Objects{}, fmt.Errorf("embed %s: %w", s.face.name, err)
		}
		out.Extra = append(out.Extra, objects...)
		fonts = append(fonts, func(ref func(int) string) string { return fmt.Sprintf("/F%d %s", i, ref(base+type0At)) })
	}
	images, err := b.images(&out)
	if err != nil {
		return Objects{}, err
	}
	out.Resources = func(ref func(int) string) string {
		var names strings.Builder
		for _, f := range fonts {
			names.WriteString(f(ref))
		}
		return "<</ColorSpace<</CS0 " + calRGB + ">>/Font<<" + names.String() + ">>" + images(ref) + ">>"
	}
	return out, nil
}

// pictures returns those of the block, the arms first: their order gives their names.
func (b Block) pictures() []*Picture {
	var out []*Picture
	if b.Arms != nil {
		out = append(out, b.Arms)
	}
	for _, l := range b.Lines {
		if l.Picture != nil {
			out = append(out, l.Picture)
		}
	}
	return out
}

// images adds the pictures to the objects and returns the entry of the resources that names them.
func (b Block) images(out *Objects) (func(ref func(int) string) string, error) {
	var bases []int
	for _, p := range b.pictures() {
		objects, err := p.objects(len(out.Extra), b.Flat)
		if err != nil {
			return nil, err
		}
		bases = append(bases, len(out.Extra))
		out.Extra = append(out.Extra, objects...)
	}
	return func(ref func(int) string) string {
		if len(bases) == 0 {
			return ""
		}
		var names strings.Builder
		for i, base := range bases {
			fmt.Fprintf(&names, "/I%d %s", i, ref(base))
		}
		return "/XObject<<" + names.String() + ">>"
	}, nil
}

// Missing returns the characters of the block that the embedded faces lack, in
// order and once each: they are drawn as empty boxes.
func (b Block) Missing() ([]rune, error) {
	both, err := faces()
	if err != nil {
		return nil, err
	}
	var missing []rune
	for _, l := range b.Lines {
		for _, r := range l.Text {
			if both[l.faceIndex()].glyph(drawn(r)) == 0 && !slices.Contains(missing, r) {
				missing = append(missing, r)
			}
		}
	}
	return missing, nil
}

func (l Line) faceIndex() int {
	if l.Bold {
		return 1
	}
	return 0
}

func (l Line) height() float64 {
	if l.Picture != nil {
		return l.Before + l.Size
	}
	return l.Before + leading*l.Size
}

// textLeft is where the lines begin.
func (b Block) textLeft() float64 {
	if b.Arms == nil {
		return padLeft
	}
	return padLeft + b.ArmsWidth + armsGap
}

// content writes the content stream: paper, rule, frame, pictures, then the lines from the top.
func (b Block) content(subsets [2]*subset) []byte {
	var c bytes.Buffer
	half := frameWidth / 2
	fmt.Fprintf(&c, "q\n/CS0 cs /CS0 CS\n1 1 1 sc 0 0 %s %s re f\n", num(b.Width), num(b.Height))
	fmt.Fprintf(&c, "0.72 0.76 0.82 SC %s w %s %s %s %s re S\n", num(frameWidth),
		num(half), num(half), num(b.Width-frameWidth), num(b.Height-frameWidth))
	fmt.Fprintf(&c, "%s sc 0 0 %s %s re f\n", Accent.colour(), num(barWidth), num(b.Height))
	b.rules(&c)
	b.drawPictures(&c)
	y := b.Height - padTop
	c.WriteString("BT\n")
	for _, l := range b.Lines {
		y -= l.height()
		if l.Picture != nil {
			continue
		}
		s := subsets[l.faceIndex()]
		fmt.Fprintf(&c, "%s sc /F%d %s Tf 1 0 0 1 %s %s Tm <", l.Tone.colour(), l.faceIndex(), num(l.Size),
			num(b.textLeft()), num(y+0.3*l.Size))
		for _, r := range l.Text {
			fmt.Fprintf(&c, "%04X", s.code(r))
		}
		c.WriteString("> Tj\n")
	}
	c.WriteString("ET\nQ\n")
	return c.Bytes()
}

// drawPictures draws the arms against the top of the block, and the other pictures on their line.
func (b Block) drawPictures(c *bytes.Buffer) {
	n := 0
	draw := func(x, y, w, h float64) {
		fmt.Fprintf(c, "q %s 0 0 %s %s %s cm /I%d Do Q\n", num(w), num(h), num(x), num(y), n)
		n++
	}
	if b.Arms != nil {
		draw(padLeft, b.Height-padTop-1.5-b.ArmsHeight, b.ArmsWidth, b.ArmsHeight)
	}
	y := b.Height - padTop
	for _, l := range b.Lines {
		y -= l.height()
		if l.Picture != nil {
			draw(b.textLeft(), y, l.PictureWidth, l.Size)
		}
	}
}

// rules draws the hairlines; a line that opens the block has none.
func (b Block) rules(c *bytes.Buffer) {
	y := b.Height - padTop
	for i, l := range b.Lines {
		if at := y - l.Before/2; l.Rule && i > 0 {
			fmt.Fprintf(c, "0.85 0.87 0.9 SC %s %s m %s %s l S\n", num(b.textLeft()), num(at), num(b.Width-padRight), num(at))
		}
		y -= l.height()
	}
}

func (t Tone) colour() string {
	switch t {
	case Accent:
		return "0.09 0.23 0.45"
	case Muted:
		return "0.36 0.39 0.44"
	default:
		return "0.08 0.09 0.11"
	}
}

// num writes a coordinate with at most two decimals.
func num(v float64) string {
	s := strings.TrimRight(fmt.Sprintf("%.2f", v), "0")
	return strings.TrimSuffix(s, ".")
}
