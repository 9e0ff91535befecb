// Package pdftest makes PDF files in code for the tests of signing and of its parts: sound files of
// every structure, the inputs that once lost data, and the hostile files that once killed a reader.
//
// It is for tests only and fails by panicking.
package pdftest

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"strings"
)

// Parts of a document of one empty A4 page; the catalog is object 1, the page object 3.
const (
	Catalog = "<< /Type /Catalog /Pages 2 0 R >>"
	Pages   = "<< /Type /Pages /Kids [3 0 R] /Count 1 >>"
	Page    = "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>"
)

// Table builds a file with a cross-reference table from objects numbered 1, 2, 3... A trailer that
// is not empty replaces the default /Size.
func Table(trailer string, objects ...string) []byte {
	if trailer == "" {
		trailer = fmt.Sprintf("/Size %d", len(objects)+1)
	}
	var b bytes.Buffer
	b.WriteString("%PDF-1.7\n%\xE2\xE3\xCF\xD3\n")
	xref := fmt.Sprintf("xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for n, o := range objects {
		xref += fmt.Sprintf("%010d 00000 n \n", b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", n+1, o)
	}
	start := b.Len()
	fmt.Fprintf(&b, "%strailer\n<< /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF\n", xref, trailer, start)
	return b.Bytes()
}

// Stream builds a file whose only section is a cross-reference stream, numbered after the
// objects. rows makes its data from the offsets of the objects and of the stream itself; dict
// completes its dictionary.
func Stream(dict string, rows func(offsets []int) []byte, objects ...string) []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.7\n%\xE2\xE3\xCF\xD3\n")
	var offsets []int
	for n, o := range objects {
		offsets = append(offsets, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", n+1, o)
	}
	start := b.Len()
	data := rows(append(offsets, start))
	fmt.Fprintf(&b, "%d 0 obj\n<< /Type /XRef /Root 1 0 R /Length %d %s >>\nstream\n", len(objects)+1, len(data), dict)
	b.Write(data)
	fmt.Fprintf(&b, "\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n", start)
	return b.Bytes()
}

// Row is an entry of a cross-reference stream with /W [1 4 1].
func Row(kind byte, field2 int, field3 byte) []byte {
	return []byte{kind, byte(field2 >> 24), byte(field2 >> 16), byte(field2 >> 8), byte(field2), field3}
}

// Compressed puts page 3 in object stream 4, whose dictionary dict begins, so that it can override; entry chooses how the
// section finds that object stream.
func Compressed(dict string, entry func(offset int) []byte) []byte {
	body := "3 0 " + Page
	return Stream("/Size 6 /W [1 4 1]", func(off []int) []byte {
		return bytes.Join([][]byte{Row(0, 0, 0), Row(1, off[0], 0), Row(1, off[1], 0), Row(2, 4, 0), entry(off[3]), Row(1, off[4], 0)}, nil)
	}, Catalog, Pages, "null", fmt.Sprintf("<< /Type /ObjStm %s /N 1 /First 4 >>\nstream\n%s\nendstream", dict, body))
}

// ObjectStream is a sound file whose page is in an object stream.
func ObjectStream() []byte {
	return Compressed(fmt.Sprintf("/Length %d", len("3 0 "+Page)), func(o int) []byte { return Row(1, o, 0) })
}

// Hybrid is a file whose table marks page 3 free, while the stream of /XRefStm finds it in an
// object stream (ISO 32000-2, 7.5.8.4).
func Hybrid() []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.5\n%\xE2\xE3\xCF\xD3\n")
	off := map[int]int{}
	put := func(n int, s string) {
		off[n] = b.Len()
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", n, s)
	}
	put(1, Catalog)
	put(2, Pages)
	body := "3 0 " + Page
	put(4, fmt.Sprintf("<< /Type /ObjStm /N 1 /First 4 /Length %d >>\nstream\n%s\nendstream", len(body), body))
	rows := bytes.Join([][]byte{Row(2, 4, 0), Row(1, off[4], 0)}, nil)
	put(5, fmt.Sprintf("<< /Type /XRef /Size 6 /W [1 4 1] /Index [3 2] /Length %d >>\nstream\n%s\nendstream", len(rows), rows))
	start := b.Len()
	fmt.Fprintf(&b, "xref\n0 6\n0000000003 65535 f \n%010d 00000 n \n%010d 00000 n \n0000000004 65535 f \n0000000000 65535 f \n%010d 00000 n \n",
		off[1], off[2], off[5])
	fmt.Fprintf(&b, "trailer\n<< /Root 1 0 R /Size 6 /XRefStm %d >>\nstartxref\n%d\n%%%%EOF\n", off[5], start)
	return b.Bytes()
}

// Letter is a letter as an office suite writes it: text, a font, outlines, information, language.
func Letter(pages int) []byte {
	content := "BT /F1 11 Tf 70 760 Td 14 TL (Madame, Monsieur,) Tj T* (Veuillez agr\\351er nos salutations.) Tj ET"
	kids, objects := "", []string{
		"", "", "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
		fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", len(content), content),
	}
	for range pages {
		objects = append(objects, "<< /Type /Page /Parent 2 0 R /Resources << /Font << /F1 3 0 R >> /ProcSet [/PDF /Text] >> "+
			"/Contents 4 0 R /Group << /S /Transparency /CS /DeviceRGB /I true >> /MediaBox [0 0 595.303937007874 841.889763779528] >>")
		kids += fmt.Sprintf("%d 0 R ", len(objects))
	}
	objects[0] = "<</Type/Catalog/Pages 2 0 R\n/OpenAction[5 0 R /XYZ null null 0]\n/ViewerPreferences<</DisplayDocTitle true\n>>\n/Lang(fr-FR)\n>>"
	objects[1] = fmt.Sprintf("<< /Type /Pages /Kids [%s] /Count %d >>", kids, pages)
	objects = append(objects, "<< /Creator <FEFF005700720069007400650072> /Producer (LibreOffice \\(7.4\\)) /CreationDate (D:20261123104500+01'00') >>")
	n := len(objects)
	return Table(fmt.Sprintf("/Size %d /Info %d 0 R /ID [<00112233445566778899AABBCCDDEEFF> <00112233445566778899AABBCCDDEEFF>] /DocChecksum /0123456789ABCDEF0123456789ABCDEF", n+1, n), objects...)
}

// Big is a letter of about size bytes: a scanned page in an uncompressed image.
func Big(size int) []byte {
	img := bytes.Repeat([]byte("\x7F\x12\x80image data of a scan "), size/24)
	return Table("", Catalog, Pages,
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /XObject << /Im 4 0 R >> >> >>",
		fmt.Sprintf("<< /Type /XObject /Subtype /Image /Width 1 /Height 1 /ColorSpace /DeviceGray /BitsPerComponent 8 /Length %d >>\nstream\n%s\nendstream", len(img), img))
}

// Form has every entry of a form that a careless writer loses: /DA, /DR, /NeedAppearances, /Q, an
// empty signature field nested under a parent, indirect /Annots and /Fields, spaces in names.
func Form() []byte {
	return Table("",
		"<< /Type /Catalog /Pages 2 0 R /AcroForm 4 0 R /Lang (fr\\)FR) /PieceInfo << /App << /Private (A\\\\\\() >> >> /My#20Key (kept) >>",
		Pages,
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Annots 6 0 R >>",
		"<< /Fields 5 0 R /DA (/Helv 0 Tf 0 g) /DR << /Font << /Helv 9 0 R >> >> /NeedAppearances false /Q 1 >>",
		"[7 0 R 10 0 R]",
		"[8 0 R 10 0 R << /Type /Annot /Subtype /Link /Rect [10 10 60 20] /Border [0 0 0] /A << /S /URI /URI (https://exemple.fr/a\\(b) >> >>]",
		"<< /T (maire) /Kids [8 0 R] >>",
		"<< /Type /Annot /Subtype /Widget /FT /Sig /T (visa) /Parent 7 0 R /Rect [300 60 520 130] /P 3 0 R /F 4 /MK << /BG [1] >> >>",
		"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
		"<< /Type /Annot /Subtype /Widget /FT /Tx /T (objet) /V (Voirie) /Rect [50 700 250 720] /P 3 0 R /F 4 >>")
}

// DirectAnnotations has link dictionaries written directly in /Annots.
func DirectAnnotations() []byte {
	return Table("", Catalog, Pages, "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Annots "+
		"[<< /Type /Annot /Subtype /Link /Rect [0 0 9 9] /A << /S /URI /URI (https://exemple.fr) >> >> "+
		"<< /Type /Annot /Subtype /Link /Rect [20 20 29 29] /Dest [3 0 R /Fit] >>] >>")
}

// Escapes has strings and names in the catalog that must be copied token for token.
func Escapes() []byte {
	return Table("", "<< /Type /Catalog /Pages 2 0 R /Lang (fr\\)FR) /A (A\\\\\\() /My#20Key (x\\101\\\ny) /H <fe ff 00e9> /R -.5 /N#2FX /a#23b >>", Pages, Page)
}

// Rotated is a page turned by degrees with a crop box that does not start at the origin.
func Rotated(degrees int) []byte {
	return Table("", Catalog, fmt.Sprintf("<< /Type /Pages /Kids [3 0 R] /Count 1 /Rotate %d /MediaBox [-20 -30 595 842] >>", degrees),
		"<< /Type /Page /Parent 2 0 R /CropBox [10 20 585 822] >>")
}

// Deflate compresses data as FlateDecode wants it.
func Deflate(data []byte) []byte {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	if _, err := w.Write(data); err != nil {
		panic(err)
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// Sound returns the files that must be signed without any loss, by name.
func Sound() map[string][]byte {
	m := map[string][]byte{
		"table":              Table("", Catalog, Pages, Page),
		"pdf 1.4":            bytes.Replace(Table("", Catalog, Pages, Page), []byte("%PDF-1.7"), []byte("%PDF-1.4"), 1),
		"object stream":      ObjectStream(),
		"hybrid":             Hybrid(),
		"office letter":      Letter(3),
		"form":               Form(),
		"direct annotations": DirectAnnotations(),
		"escapes":            Escapes(),
		"no final newline":   bytes.TrimRight(Table("", Catalog, Pages, Page), "\n"),
		"word":               Word(),
		"acrobat":            Acrobat(),
		"scan":               Scan(2),
		"xref stream":        XRefStream(),
		"pdf 1.3":            Version("1.3"),
		"pdf 2.0":            Version("2.0"),
		"version in catalog": NewerCatalog(),
		"empty field":        EmptyField("visa"),
		"carriage returns":   []byte(strings.ReplaceAll(string(Table("", Catalog, Pages, Page)), "startxref\n", "startxref\r")),
	}
	for _, r := range []int{90, 180, 270} {
		m[fmt.Sprintf("rotated %d", r)] = Rotated(r)
	}
	return m
}
