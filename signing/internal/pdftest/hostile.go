package pdftest

import (
	"bytes"
	"fmt"
	"strings"
)

// Hostile returns files that each made some reader hang, exhaust the memory or crash, by the name
// of the attack. Every one must be refused or handled within a second and with bounded memory.
func Hostile() map[string][]byte {
	m := map[string][]byte{
		"page tree whose nodes list themselves": Table("", Catalog, "<< /Type /Pages /Kids [2 0 R 2 0 R 2 0 R] >>", Page),
		"page tree as a ladder of shared nodes": Table("", ladder()...),
		"field tree whose nodes list themselves": Table("", "<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [4 0 R] >> >>", Pages, Page,
			"<< /T (a) /Kids [4 0 R 4 0 R] >>"),
		"unterminated array in an object":  Table("", Catalog, Pages, "<< /Type /Page /MediaBox [0 0 9 9"),
		"unterminated string in an object": Table("", Catalog, Pages, "<< /Type /Page /T (never closed"),
		"huge /Size":                       Table("/Size 9000000000000", Catalog, Pages, Page),
		"/Prev into the header":            Table("/Size 4 /Prev 1", Catalog, Pages, Page),
		"100000 nested arrays":             Table("", Catalog, Pages, strings.Repeat("[", 100000)),
		"100000 nested dictionaries":       Table("", Catalog, Pages, strings.Repeat("<</A", 100000)),
		"reference loop":                   Table("", Catalog, "2 0 R", Page),
		"reference to itself through /Kids": Table("", Catalog, "<< /Type /Pages /Kids 2 0 R /Count 1 >>",
			Page),
		"form that is its own field list": Table("", "<< /Type /Catalog /Pages 2 0 R /AcroForm 4 0 R >>", Pages, Page, "<< /Fields 4 0 R >>"),
		"count of two thousand million":   Table("", Catalog, "<< /Type /Pages /Kids [3 0 R] /Count 2000000000 >>", Page),
		"a million values in one array":   Table("", Catalog, Pages, "<< /Type /Page /MediaBox ["+strings.Repeat("0 ", 3<<20)+"] >>"),
		"the same page a million times":   Table("", Catalog, "<< /Type /Pages /Kids ["+strings.Repeat("3 0 R ", 900_000)+"] >>", Page),
		"subsection of 2^31 entries": bytes.Replace(Table("", Catalog, Pages, Page), []byte("xref\n0 4"),
			[]byte("xref\n0 2000000000"), 1),
	}
	hostileStreams(m)
	hostileChains(m)
	broken(m)
	return m
}

func hostileStreams(m map[string][]byte) {
	length := len("3 0 " + Page)
	none := func([]int) []byte { return nil }
	few := func([]int) []byte { return []byte{1, 2, 3} }
	m["W [0 0 0]"] = Stream("/Size 9 /W [0 0 0] /Index [0 2000000000]", none, Catalog, Pages, Page)
	m["W of 2^60 bytes"] = Stream("/Size 9 /W [1152921504606846976 1 1]", few, Catalog, Pages, Page)
	m["negative W"] = Stream("/Size 9 /W [-1 1 1]", few, Catalog, Pages, Page)
	m["negative Index"] = Stream("/Size 9 /W [1 1 1] /Index [-5 1]", few, Catalog, Pages, Page)
	m["negative predictor columns"] = Stream("/Size 9 /W [1 4 1] /Filter /FlateDecode /DecodeParms << /Predictor 12 /Columns -1 >>",
		func([]int) []byte { return Deflate([]byte{1, 2, 3}) }, Catalog, Pages, Page)
	m["predictor columns of 2^62"] = Stream("/Size 9 /W [1 4 1] /Filter /FlateDecode /DecodeParms << /Predictor 12 /Columns 4611686018427387904 >>",
		func([]int) []byte { return Deflate([]byte{1, 2, 3}) }, Catalog, Pages, Page)
	m["cross-reference stream as a zip bomb"] = Stream("/Size 8000000 /W [1 4 1] /Filter /FlateDecode",
		func([]int) []byte { return Deflate(make([]byte, 24<<20)) }, Catalog, Pages, Page)
	m["object stream inside itself"] = Compressed(fmt.Sprintf("/Length %d", length), func(int) []byte { return Row(2, 4, 0) })
	m["object stream length inside itself"] = Compressed("/Length 3 0 R", func(o int) []byte { return Row(1, o, 0) })
	m["object stream length is the stream"] = Compressed("/Length 4 0 R", func(o int) []byte { return Row(1, o, 0) })
	m["object stream header inside itself"] = Compressed(fmt.Sprintf("/Length %d /First 3 0 R", length), func(o int) []byte { return Row(1, o, 0) })
	m["object stream with N = 2^62"] = Compressed(fmt.Sprintf("/Length %d /N 4611686018427387904", length), func(o int) []byte { return Row(1, o, 0) })
	m["object stream with a negative length"] = Compressed("/Length -9223372036854775808", func(o int) []byte { return Row(1, o, 0) })
	bomb := Deflate(make([]byte, 24<<20))
	m["object stream as a zip bomb"] = Stream("/Size 6 /W [1 4 1]", func(off []int) []byte {
		return bytes.Join([][]byte{Row(0, 0, 0), Row(1, off[0], 0), Row(1, off[1], 0), Row(2, 4, 0), Row(1, off[3], 0), Row(1, off[4], 0)}, nil)
	}, Catalog, Pages, "null", fmt.Sprintf("<< /Type /ObjStm /N 1 /First 4 /Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream", len(bomb), bomb))
}

func hostileChains(m map[string][]byte) {
	prev := Table("/Size 4 /Prev 0000", Catalog, Pages, Page)
	at := bytes.LastIndex(prev, []byte("\nxref")) + 1
	m["/Prev loop"] = bytes.Replace(prev, []byte("/Prev 0000"), fmt.Appendf(nil, "/Prev %04d", at), 1)
	hidden := Table("/Size 4 /XRefStm 0000", Catalog, Pages, Page)
	at = bytes.LastIndex(hidden, []byte("\nxref")) + 1
	m["/XRefStm on its own table"] = bytes.Replace(hidden, []byte("/XRefStm 0000"), fmt.Appendf(nil, "/XRefStm %04d", at), 1)
	m["5000 revisions"] = manyRevisions(5000)
}

// manyRevisions appends n empty tables, each with its /Prev.
func manyRevisions(n int) []byte {
	b := Table("", Catalog, Pages, Page)
	at := bytes.LastIndex(b, []byte("\nxref")) + 1
	for range n {
		start := len(b)
		b = fmt.Appendf(b, "xref\n0 0\ntrailer\n<< /Root 1 0 R /Size 4 /Prev %d >>\nstartxref\n%d\n%%%%EOF\n", at, start)
		at = start
	}
	return b
}

func broken(m map[string][]byte) {
	b := Letter(1)
	m["cut at 60 %"] = b[:len(b)*6/10]
	m["no startxref"] = bytes.Replace(b, []byte("startxref"), []byte("startxxxx"), 1)
	m["100 bytes before the header"] = append(bytes.Repeat([]byte{' '}, 100), b...)
	m["5000 trailing zeros"] = append(bytes.Clone(b), make([]byte, 5000)...)
	m["empty"] = nil
	m["not a PDF"] = []byte("Bonjour")
	at := bytes.LastIndex(b, []byte("\nxref")) + 1
	for _, d := range []int{-1, 1} {
		m[fmt.Sprintf("startxref %+d", d)] = bytes.Replace(b, fmt.Appendf(nil, "startxref\n%d", at), fmt.Appendf(nil, "startxref\n%d", at+d), 1)
	}
}

// ladder: 40 levels, each node listing the next one twice: 2^40 paths.
func ladder() []string {
	o := []string{Catalog}
	for n := 2; n < 42; n++ {
		o = append(o, fmt.Sprintf("<< /Type /Pages /Kids [%d 0 R %d 0 R] >>", n+1, n+1))
	}
	return append(o, "<< /Type /Pages /Kids [] >>")
}
