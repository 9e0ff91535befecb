package appearance

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"
)

// Component flags of composite glyphs (OpenType 1.9, "glyf", Composite glyph description).
const (
	flagWords        = 0x0001
	flagScale        = 0x0008
	flagMore         = 0x0020
	flagScaleXY      = 0x0040
	flagTwoByTwo     = 0x0080
	flagInstructions = 0x0100
)

// subset gives each distinct character its own glyph number, so that the text
// extracted from the file is exactly the text written in it, even when several
// characters share an outline (a space and a no-break space).
// Characters are numbered in the order of their first use: deterministic.
type subset struct {
	face  *face
	codes map[rune]int // character to glyph number in the subset, 1..len(chars)
	chars []rune       // inverse of codes: chars[i] has number i+1
}

func newSubset(f *face) *subset { return &subset{face: f, codes: map[rune]int{}} }

// code returns the subset glyph number of r, allotting one at its first use.
func (s *subset) code(r rune) int {
	c, ok := s.codes[r]
	if !ok {
		s.chars = append(s.chars, r)
		c = len(s.chars)
		s.codes[r] = c
	}
	return c
}

// drawn is the character whose outline stands for r. Narrow spaces and the
// non-breaking hyphen have no glyph in many fonts, and look like their cousins.
func drawn(r rune) rune {
	switch r {
	case '\u00A0', '\u202F', '\u2009':
		return ' '
	case '\u2011':
		return '-'
	}
	return r
}

// width returns the advance of r in thousandths of an em.
func (f *face) width(r rune) float64 {
	w := float64(f.advance(f.glyph(drawn(r)))) * 1000 / float64(f.unitsPerEm)
	if r == '\u202F' || r == '\u2009' { // the narrow spaces
		w *= 0.7
	}
	return math.Round(w)
}

// textWidth returns the width of s at one point of size.
func (f *face) textWidth(s string) float64 {
	var w float64
	for _, r := range s {
		w += f.width(r)
	}
	return w / 1000
}

// build writes the subset as a TrueType file with the tables that a PDF CIDFontType2
// needs (ISO 32000-2, 9.9.1): glyph 0, one glyph a character, then the components
// of the accented ones. Hinting is dropped: it doubles the size and PDF viewers
// render outlines. It also returns how many glyphs there are.
func (s *subset) build() (file []byte, glyphs int, err error) {
	sources := make([]int, 1, 2*len(s.chars)+1) // subset glyph number to font glyph
	for _, r := range s.chars {
		sources = append(sources, s.face.glyph(drawn(r)))
	}
	components := map[int]int{}
	var glyf, hmtx []byte
	loca := binary.BigEndian.AppendUint32(nil, 0)
	for i := 0; i < len(sources); i++ { // grows while components are met
		outline, err := s.face.outline(sources[i])
		if err != nil {
			return nil, 0, err
		}
		outline, err = unhinted(outline, func(gid int) int {
			if _, ok := components[gid]; !ok {
				components[gid] = len(sources)
				sources = append(sources, gid)
			}
			return components[gid]
		})
		if err != nil {
			return nil, 0, fmt.Errorf("%w: glyph %d", err, sources[i])
		}
		for len(outline)%4 != 0 {
			outline = append(outline, 0)
		}
		glyf = append(glyf, outline...)
		loca = binary.BigEndian.AppendUint32(loca, uint32(len(glyf)))
		hmtx = binary.BigEndian.AppendUint16(hmtx, uint16(s.advanceUnits(i, sources[i])))
		hmtx = binary.BigEndian.AppendUint16(hmtx, uint16(s.face.bearing(sources[i])))
	}
	return s.assemble(len(sources), glyf, loca, hmtx), len(sources), nil
}

// advanceUnits keeps the advances of the file equal to the /W array of the PDF
// font, which PDF/A requires (ISO 19005-2, 6.2.11.5).
func (s *subset) advanceUnits(i, gid int) int {
	if i == 0 || i > len(s.chars) {
		return s.face.advance(gid)
	}
	return int(math.Round(s.face.width(s.chars[i-1]) * float64(s.face.unitsPerEm) / 1000))
}

func (s *subset) assemble(glyphs int, glyf, loca, hmtx []byte) []byte {
	head := slices.Clone(s.face.tables["head"])
	binary.BigEndian.PutUint32(head[8:], 0)  // checkSumAdjustment, set below
	binary.BigEndian.PutUint16(head[50:], 1) // long loca
	hhea := slices.Clone(s.face.tables["hhea"])
	binary.BigEndian.PutUint16(hhea[34:], uint16(glyphs))
	maxp := slices.Clone(s.face.tables["maxp"])
	binary.BigEndian.PutUint16(maxp[4:], uint16(glyphs))
	for _, at := range []int{18, 20, 22, 24, 26} { // storage, functions, stack, instructions
		binary.BigEndian.PutUint16(maxp[at:], 0)
	}
	file := sfntFile(map[string][]byte{"glyf": glyf, "head": head, "hhea": hhea, "hmtx": hmtx, "loca": loca, "maxp": maxp})
	return file
}

// sfntFile writes the table directory, in tag order, and the tables with their checksums.
func sfntFile(tables map[string][]byte) []byte {
	tags := slices.Sorted(maps.Keys(tables))
	log := int(math.Log2(float64(len(tags))))
	file := binary.BigEndian.AppendUint32(nil, 0x00010000)
	for _, v := range []int{len(tags), 16 << log, log, 16*len(tags) - 16<<log} {
		file = binary.BigEndian.AppendUint16(file, uint16(v))
	}
	at, headAt := 12+16*len(tags), 0
	for _, tag := range tags {
		t := tables[tag]
		file = append(file, tag...)
		for _, v := range []int{int(checksum(t)), at, len(t)} {
			file = binary.BigEndian.AppendUint32(file, uint32(v))
		}
		if tag == "head" {
			headAt = at
		}
		at += (len(t) + 3) &^ 3
	}
	for _, tag := range tags {
		file = append(file, tables[tag]...)
		for len(file)%4 != 0 {
			file = append(file, 0)
		}
	}
	binary.BigEndian.PutUint32(file[headAt+8:], 0xB1B0AFBA-checksum(file))
	return file
}

func checksum(b []byte) uint32 {
	var sum uint32
	for len(b) >= 4 {
		sum += binary.BigEndian.Uint32(b)
		b = b[4:]
	}
	var last [4]byte
	copy(last[:], b)
	return sum + binary.BigEndian.Uint32(last[:])
}

// unhinted copies a glyf entry without its instructions, renumbering the
// components of a composite glyph.
func unhinted(g []byte, renumber func(gid int) int) ([]byte, error) {
	if len(g) == 0 {
		return nil, nil
	}
	if len(g) < 12 {
		return nil, errFont
	}
	if contours := signed16(g); contours >= 0 {
		at := 10 + 2*contours
		if at+2 > len(g) || at+2+u16(g[at:]) > len(g) {
			return nil, errFont
		}
		out := append(slices.Clone(g[:at]), 0, 0)
		return append(out, g[at+2+u16(g[at:]):]...), nil
	}
	out := slices.Clone(g)
	for at := 10; ; {
		if at+4 > len(out) {
			return nil, errFont
		}
		flags := u16(out[at:])
		binary.BigEndian.PutUint16(out[at:], uint16(flags&^flagInstructions))
		binary.BigEndian.PutUint16(out[at+2:], uint16(renumber(u16(out[at+2:]))))
		at += componentSize(flags)
		if flags&flagMore == 0 {
			if at > len(out) {
				return nil, errFont
			}
			return out[:at], nil
		}
	}
}

func componentSize(flags int) int {
	n := 4 + 2
	if flags&flagWords != 0 {
		n += 2
	}
	switch {
	case flags&flagScale != 0:
		n += 2
	case flags&flagScaleXY != 0:
		n += 4
	case flags&flagTwoByTwo != 0:
		n += 8
	}
	return n
}
