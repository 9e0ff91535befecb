package appearance

import (
	"bytes"
	"compress/zlib"
	"crypto/sha256"
	"fmt"
	"strings"
	"sync"
	"unicode/utf16"
)

// The six objects of an embedded face, in this order from its base index.
const (
	type0At = iota
	cidFontAt
	descriptorAt
	fontFileAt
	toUnicodeAt
	cidSetAt
	objectsPerFace
)

// objects returns the PDF objects of the subset (ISO 32000-2, 9.7.4 and 9.9):
// Type0 font with Identity-H, CIDFontType2, descriptor, FontFile2, ToUnicode, CIDSet.
// base is the index of the first of them among [Objects].Extra.
func (s *subset) objects(base int) ([]Object, error) {
	e, err := s.embedded()
	if err != nil {
		return nil, err
	}
	name := e.name
	out := make([]Object, objectsPerFace)
	out[type0At].Dict = func(ref func(int) string) string {
		return fmt.Sprintf("<</Type/Font/Subtype/Type0/BaseFont/%s/Encoding/Identity-H/DescendantFonts[%s]/ToUnicode %s>>",
			name, ref(base+cidFontAt), ref(base+toUnicodeAt))
	}
	out[cidFontAt].Dict = func(ref func(int) string) string {
		return fmt.Sprintf("<</Type/Font/Subtype/CIDFontType2/BaseFont/%s/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>"+
			"/FontDescriptor %s/CIDToGIDMap/Identity/DW 0/W[1[%s]]>>", name, ref(base+descriptorAt), e.widths)
	}
	out[descriptorAt].Dict = func(ref func(int) string) string { return s.descriptor(name, ref(base+fontFileAt), ref(base+cidSetAt)) }
	out[fontFileAt] = streamObject(e.file, fmt.Sprintf("/Length1 %d", e.length))
	out[toUnicodeAt] = streamObject(e.toUnicode, "")
	out[cidSetAt] = streamObject(e.cidSet, "")
	return out, nil
}

// embedding is what a file needs of a subset; it depends on the face and the characters alone, and
// nobody changes it.
type embedding struct {
	name                    string // PostScript name with its tag
	file, toUnicode, cidSet []byte // deflated
	length                  int    // of the file before
	widths                  string
}

// maxEmbeddings bounds the memory of the subsets kept, some 15 KB each: a batch of letters signed
// by the same person on the same day needs two.
const maxEmbeddings = 32

var (
	embeddingsMu sync.Mutex
	embeddings   = map[string]*embedding{} // by name of the face and characters in order
)

// embedded builds the subset, or finds it again: deflating two fonts takes longer than signing.
func (s *subset) embedded() (*embedding, error) {
	key := s.face.name + " " + string(s.chars)
	embeddingsMu.Lock()
	e := embeddings[key]
	embeddingsMu.Unlock()
	if e != nil {
		return e, nil
	}
	file, glyphs, err := s.build()
	if err != nil {
		return nil, err
	}
	e = &embedding{
		name: subsetTag(file) + "+" + s.face.name, file: deflate(file), toUnicode: deflate(s.toUnicode()), cidSet: deflate(cidSet(glyphs)),
		length: len(file), widths: s.widths(),
	}
	embeddingsMu.Lock()
	defer embeddingsMu.Unlock()
	if len(embeddings) >= maxEmbeddings {
		clear(embeddings)
	}
	embeddings[key] = e
	return e, nil
}

func (s *subset) widths() string {
	w := make([]string, len(s.chars))
	for i, r := range s.chars {
		w[i] = fmt.Sprintf("%.0f", s.face.width(r))
	}
	return strings.Join(w, " ")
}

// descriptor is the font descriptor (ISO 32000-2, 9.8): /Flags 4 says symbolic,
// as every Identity-H subset is.
func (s *subset) descriptor(name, fontFile, cidSet string) string {
	em := func(v int) int { return v * 1000 / s.face.unitsPerEm }
	b := s.face.box
	return fmt.Sprintf("<</Type/FontDescriptor/FontName/%s/Flags 4/FontBBox[%d %d %d %d]/ItalicAngle 0/Ascent %d/Descent %d/CapHeight %d/StemV %d/FontFile2 %s/CIDSet %s>>",
		name, em(b[0]), em(b[1]), em(b[2]), em(b[3]), em(s.face.ascent), em(s.face.descent), em(s.face.capHeight), s.face.weight, fontFile, cidSet)
}

// cidSet says that the subset holds every glyph from 0 up: PDF/A-1 wants it (ISO 19005-1, 6.3.5), and
// PDF/A-2 wants it complete where it is given.
func cidSet(glyphs int) []byte {
	b := bytes.Repeat([]byte{0xFF}, glyphs/8)
	if rest := glyphs % 8; rest > 0 {
		b = append(b, 0xFF<<(8-rest))
	}
	return b
}

// toUnicode is the CMap that gives the text back to search, copy and screen
// readers (ISO 32000-2, 9.10.3); a bfchar block holds at most 100 entries.
func (s *subset) toUnicode() []byte {
	var b bytes.Buffer
	b.WriteString("/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n" +
		"/CIDSystemInfo <</Registry (Adobe)/Ordering (UCS)/Supplement 0>> def\n" +
		"/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n")
	for from := 0; from < len(s.chars); from += 100 {
		chunk := s.chars[from:min(from+100, len(s.chars))]
		fmt.Fprintf(&b, "%d beginbfchar\n", len(chunk))
		for i, r := range chunk {
			fmt.Fprintf(&b, "<%04X> <", from+i+1)
			for _, u := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(&b, "%04X", u)
			}
			b.WriteString(">\n")
		}
		b.WriteString("endbfchar\n")
	}
	b.WriteString("endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n")
	return b.Bytes()
}

func streamObject(data []byte, more string) Object {
	return Object{
		Dict: func(func(int) string) string {
			return fmt.Sprintf("<</Length %d/Filter/FlateDecode%s>>", len(data), more)
		},
		Stream: data,
	}
}

// subsetTag derives the six capitals of a subset name (ISO 32000-2, 9.9.2) from
// its bytes: two different subsets never share a name in one file, and the same
// one always has the same name.
func subsetTag(file []byte) string {
	sum := sha256.Sum256(file)
	tag := make([]byte, 6)
	for i := range tag {
		tag[i] = 'A' + sum[i]%26
	}
	return string(tag)
}

// deflaters keeps the writers, whose tables take 800 KB each.
var deflaters = sync.Pool{New: func() any {
	w, err := zlib.NewWriterLevel(nil, zlib.BestCompression)
	if err != nil { // only an invalid level can fail
		panic(err)
	}
	return w
}}

func deflate(b []byte) []byte {
	var out bytes.Buffer
	w := deflaters.Get().(*zlib.Writer)
	w.Reset(&out)
	_, _ = w.Write(b) // a bytes.Buffer accepts everything
	_ = w.Close()
	deflaters.Put(w)
	return out.Bytes()
}
