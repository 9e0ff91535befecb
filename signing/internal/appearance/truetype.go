package appearance

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// errFont reports a font file that is not the plain TrueType this package reads:
// only a damaged binary can cause it.
var errFont = errors.New("appearance: damaged embedded font")

// face is one parsed TrueType font; its slices alias the font file.
type face struct {
	name   string // PostScript name, without the subset tag
	weight int    // StemV of the font descriptor, in 1/1000 em
	tables map[string][]byte

	unitsPerEm, numGlyphs, numHMetrics int
	longLoca                           bool
	ascent, descent, capHeight         int // in font units
	box                                [4]int
	cmap                               []byte // a format 4 subtable
}

// parseFace reads the tables that subsetting needs (OpenType 1.9, "Font file").
func parseFace(name string, weight int, file []byte) (*face, error) {
	f := &face{name: name, weight: weight, tables: map[string][]byte{}}
	if len(file) < 12 {
		return nil, errFont
	}
	for i := range int(binary.BigEndian.Uint16(file[4:])) {
		at := 12 + 16*i
		if at+16 > len(file) {
			return nil, errFont
		}
		off, n := uint64(binary.BigEndian.Uint32(file[at+8:])), uint64(binary.BigEndian.Uint32(file[at+12:]))
		if off+n > uint64(len(file)) {
			return nil, errFont
		}
		f.tables[string(file[at:at+4])] = file[off : off+n]
	}
	for _, need := range []struct {
		tag   string
		least int
	}{{"head", 54}, {"hhea", 36}, {"maxp", 32}, {"OS/2", 90}, {"hmtx", 4}, {"loca", 4}, {"glyf", 1}, {"cmap", 4}} {
		if len(f.tables[need.tag]) < need.least {
			return nil, fmt.Errorf("%w: table %s", errFont, need.tag)
		}
	}
	f.readMetrics()
	if f.unitsPerEm == 0 || f.numHMetrics == 0 || len(f.tables["hmtx"]) < 4*f.numHMetrics {
		return nil, fmt.Errorf("%w: metrics", errFont)
	}
	return f, f.findCmap()
}

func (f *face) readMetrics() {
	head, hhea, os2 := f.tables["head"], f.tables["hhea"], f.tables["OS/2"]
	f.unitsPerEm = int(binary.BigEndian.Uint16(head[18:]))
	for i := range f.box {
		f.box[i] = signed16(head[36+2*i:])
	}
	f.longLoca = binary.BigEndian.Uint16(head[50:]) == 1
	f.numHMetrics = int(binary.BigEndian.Uint16(hhea[34:]))
	f.numGlyphs = int(binary.BigEndian.Uint16(f.tables["maxp"][4:]))
	f.ascent, f.descent = signed16(os2[68:]), signed16(os2[70:])
	f.capHeight = signed16(os2[88:])
}

// findCmap keeps the Windows Unicode BMP subtable (platform 3, encoding 1).
func (f *face) findCmap() error {
	t := f.tables["cmap"]
	for i := range int(binary.BigEndian.Uint16(t[2:])) {
		at := 4 + 8*i
		if at+8 > len(t) {
			break
		}
		off := int(binary.BigEndian.Uint32(t[at+4:]))
		if binary.BigEndian.Uint32(t[at:]) != 3<<16|1 || off < 0 || off+16 > len(t) {
			continue
		}
		if sub := t[off:]; binary.BigEndian.Uint16(sub) == 4 {
			f.cmap = sub
			return nil
		}
	}
	return fmt.Errorf("%w: no Unicode cmap", errFont)
}

// glyph returns the glyph of r, or 0 (the empty box) when the font has none.
func (f *face) glyph(r rune) int {
	if r > 0xFFFF {
		return 0
	}
	t, c := f.cmap, int(r)
	segments := int(binary.BigEndian.Uint16(t[6:])) / 2
	for i := range segments {
		ends := 14 + 2*i
		starts := ends + 2*segments + 2
		deltas, ranges := starts+2*segments, starts+4*segments
		if ranges+2 > len(t) {
			return 0
		}
		if c > u16(t[ends:]) {
			continue
		}
		start := u16(t[starts:])
		if c < start {
			return 0
		}
		if u16(t[ranges:]) == 0 {
			return (c + u16(t[deltas:])) & 0xFFFF
		}
		at := ranges + u16(t[ranges:]) + 2*(c-start)
		if at+2 > len(t) || u16(t[at:]) == 0 {
			return 0
		}
		return (u16(t[at:]) + u16(t[deltas:])) & 0xFFFF
	}
	return 0
}

// advance returns the width of a glyph in font units.
func (f *face) advance(gid int) int {
	return u16(f.tables["hmtx"][4*min(gid, f.numHMetrics-1):])
}

// bearing returns the left side bearing of a glyph in font units.
func (f *face) bearing(gid int) int {
	t := f.tables["hmtx"]
	at := 4*gid + 2
	if gid >= f.numHMetrics {
		at = 4*f.numHMetrics + 2*(gid-f.numHMetrics)
	}
	if at+2 > len(t) {
		return 0
	}
	return signed16(t[at:])
}

// outline returns the glyf entry of a glyph; it is empty for a blank glyph.
func (f *face) outline(gid int) ([]byte, error) {
	loca, glyf := f.tables["loca"], f.tables["glyf"]
	var from, to int
	switch {
	case gid < 0 || gid >= f.numGlyphs:
		return nil, fmt.Errorf("%w: glyph %d", errFont, gid)
	case f.longLoca && 4*gid+8 <= len(loca):
		from, to = int(binary.BigEndian.Uint32(loca[4*gid:])), int(binary.BigEndian.Uint32(loca[4*gid+4:]))
	case !f.longLoca && 2*gid+4 <= len(loca):
		from, to = 2*u16(loca[2*gid:]), 2*u16(loca[2*gid+2:])
	default:
		return nil, fmt.Errorf("%w: loca", errFont)
	}
	if from < 0 || from > to || to > len(glyf) {
		return nil, fmt.Errorf("%w: glyph %d", errFont, gid)
	}
	return glyf[from:to], nil
}

func u16(b []byte) int      { return int(binary.BigEndian.Uint16(b)) }
func signed16(b []byte) int { return int(int16(binary.BigEndian.Uint16(b))) }
