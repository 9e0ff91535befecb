package slip

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"

	xfont "golang.org/x/image/font"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
)

// font is the embedded font. Glyphs are written by their index, so that every
// letter of a name that the font has can be drawn.
type font struct {
	sfnt  *sfnt.Font
	buf   sfnt.Buffer
	units fixed.Int26_6 // of the em
	used  map[sfnt.GlyphIndex]rune
}

func openFont() (*font, error) {
	parsed, err := sfnt.Parse(goregular.TTF)
	if err != nil {
		return nil, fmt.Errorf("slip: font: %w", err)
	}
	return &font{sfnt: parsed, units: fixed.I(int(parsed.UnitsPerEm())), used: map[sfnt.GlyphIndex]rune{}}, nil
}

// glyph returns the glyph of r, or the question mark's.
func (f *font) glyph(r rune) sfnt.GlyphIndex {
	switch r {
	case '\u202f', '\u00a0', '\t':
		r = ' '
	case '\u2011':
		r = '-'
	}
	g, err := f.sfnt.GlyphIndex(&f.buf, r)
	if err != nil || g == 0 {
		r = '?'
		g, _ = f.sfnt.GlyphIndex(&f.buf, r) // the font has it
	}
	f.used[g] = r
	return g
}

// encode writes s as glyph indexes, in hexadecimal.
func (f *font) encode(s string) string {
	var b strings.Builder
	for _, r := range s {
		fmt.Fprintf(&b, "%04X", uint16(f.glyph(r)))
	}
	return b.String()
}

// advance is the width of a glyph in thousandths of the size.
func (f *font) advance(g sfnt.GlyphIndex) float64 {
	a, err := f.sfnt.GlyphAdvance(&f.buf, g, f.units, xfont.HintingNone)
	if err != nil {
		return 500
	}
	return float64(a) * 1000 / float64(f.units)
}

func (f *font) width(s string, size float64) (w float64) {
	for _, r := range s {
		w += f.advance(f.glyph(r))
	}
	return w * size / 1000
}

// embed writes the font as a composite font (ISO 32000-1, 9.7) with the map
// back to text that copying, searching and reading aloud need.
func (f *font) embed(out *file, n int) {
	const name = "GoRegular"
	program := out.stream(fmt.Sprintf("/Length1 %d", len(goregular.TTF)), goregular.TTF)
	descriptor := out.object(fmt.Sprintf("<</Type/FontDescriptor/FontName/%s/Flags 32/FontBBox[-440 -432 1148 1075]/ItalicAngle 0/Ascent 945/Descent -211/CapHeight 723/StemV 90/FontFile2 %d 0 R>>", name, program))
	glyphs := make([]sfnt.GlyphIndex, 0, len(f.used))
	for g := range f.used {
		glyphs = append(glyphs, g)
	}
	slices.Sort(glyphs)
	var widths, back strings.Builder
	for _, g := range glyphs {
		fmt.Fprintf(&widths, "%d[%.0f]", g, f.advance(g))
	}
	for chunk := range slices.Chunk(glyphs, 100) {
		fmt.Fprintf(&back, "%d beginbfchar\n", len(chunk))
		for _, g := range chunk {
			fmt.Fprintf(&back, "<%04X> <%s>\n", uint16(g), utf16Hex(string(f.used[g])))
		}
		back.WriteString("endbfchar\n")
	}
	descendant := out.object(fmt.Sprintf("<</Type/Font/Subtype/CIDFontType2/BaseFont/%s/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>/CIDToGIDMap/Identity/FontDescriptor %d 0 R/W[%s]>>", name, descriptor, widths.String()))
	unicode := out.stream("", []byte("/CIDInit /ProcSet findresource begin 12 dict begin begincmap\n/CIDSystemInfo <</Registry (Adobe)/Ordering (UCS)/Supplement 0>> def\n/CMapName /Adobe-Identity-UCS def /CMapType 2 def\n1 begincodespacerange <0000> <FFFF> endcodespacerange\n"+back.String()+"endcmap CMapName currentdict /CMap defineresource pop end end"))
	out.set(n, fmt.Sprintf("<</Type/Font/Subtype/Type0/BaseFont/%s/Encoding/Identity-H/DescendantFonts[%d 0 R]/ToUnicode %d 0 R>>", name, descendant, unicode))
}

func utf16Hex(s string) string {
	var b strings.Builder
	for _, u := range utf16.Encode([]rune(s)) {
		fmt.Fprintf(&b, "%04X", u)
	}
	return b.String()
}

// textString is a text string of the file's own information (ISO 32000-1, 7.9.2.2).
func textString(s string) string { return "<FEFF" + utf16Hex(s) + ">" }
