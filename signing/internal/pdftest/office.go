package pdftest

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"strings"
)

// Word is a letter with the structure that Microsoft Word writes: a complete table that marks the
// objects of an object stream free, and after its end-of-file marker a second, empty table whose
// trailer leads to the first by /Prev and to a cross-reference stream by /XRefStm. The structure
// tree is in the object stream; lines end with CR LF.
func Word() []byte {
	content := "BT /F1 11 Tf 70 760 Td 14 TL (Madame, Monsieur,) Tj T* (Veuillez agr\\351er nos salutations.) Tj ET"
	inStream := []string{
		"<</Type/StructTreeRoot/RoleMap<</Footnote/Note>>/ParentTree 10 0 R/K[11 0 R]/ParentTreeNextKey 1>>",
		"<</Nums[0 [12 0 R]]>>",
		"<</P 9 0 R/S/Document/Type/StructElem/K[12 0 R]>>",
		"<</P 11 0 R/S/P/Type/StructElem/K 0/Pg 3 0 R/Lang(fr-FR)>>",
	}
	var head, body string
	for i, o := range inStream {
		head += fmt.Sprintf("%d %d ", 9+i, len(body))
		body += o + " "
	}
	packed := Deflate([]byte(head + body))
	objects := map[int]string{
		1: "<</Type/Catalog/Pages 2 0 R/Lang(fr) /StructTreeRoot 9 0 R/MarkInfo<</Marked true>>/ViewerPreferences 8 0 R>>",
		2: "<</Type/Pages/Count 1/Kids[ 3 0 R] >>",
		3: "<</Type/Page/Parent 2 0 R/Resources<</Font<</F1 5 0 R>>/ProcSet[/PDF/Text/ImageB/ImageC/ImageI] >>/MediaBox[ 0 0 595.32 841.92] " +
			"/Contents 4 0 R/Group<</Type/Group/S/Transparency/CS/DeviceRGB>>/Tabs/S/StructParents 0>>",
		4: fmt.Sprintf("<</Length %d>>\r\nstream\r\n%s\r\nendstream", len(content), content),
		5: "<</Type/Font/Subtype/TrueType/Name/F1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
		6: "<</Author(DGS) /Creator<FEFF004D006900630072006F0073006F0066007400AE00200057006F0072006400200032003000310039> /CreationDate(D:20261123104500+01'00') >>",
		7: fmt.Sprintf("<</Type/ObjStm/N %d/First %d/Filter/FlateDecode/Length %d>>\r\nstream\r\n%s\r\nendstream", len(inStream), len(head), len(packed), packed),
		8: "<</DisplayDocTitle true>>",
	}
	return wordFile(objects, 9, 9+len(inStream))
}

// wordFile writes objects 1 to n-1, then the two sections; the objects n to size-1 are in object stream 7.
func wordFile(objects map[int]string, n, size int) []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.7\r\n%\xB5\xB5\xB5\xB5\r\n")
	off := map[int]int{}
	put := func(i int, o string) {
		off[i] = b.Len()
		fmt.Fprintf(&b, "%d 0 obj\r\n%s\r\nendobj\r\n", i, o)
	}
	for i := 1; i < n; i++ {
		put(i, objects[i])
	}
	rows := Row(0, 0, 255)
	for i := 1; i < n; i++ {
		rows = append(rows, Row(1, off[i], 0)...)
	}
	for i := n; i < size; i++ {
		rows = append(rows, Row(2, 7, byte(i-n))...)
	}
	rows = append(rows, Row(1, b.Len(), 0)...)
	const trailer = "/Root 1 0 R/Info 6 0 R/ID[<00112233445566778899AABBCCDDEEFF><00112233445566778899AABBCCDDEEFF>]"
	data := Deflate(rows)
	put(size, fmt.Sprintf("<</Type/XRef/Size %d/W[ 1 4 1] %s/Filter/FlateDecode/Length %d>>\r\nstream\r\n%s\r\nendstream", size+1, trailer, len(data), data))
	first := b.Len()
	fmt.Fprintf(&b, "xref\r\n0 %d\r\n%010d 65535 f\r\n", size+1, n)
	for i := 1; i < n; i++ {
		fmt.Fprintf(&b, "%010d 00000 n\r\n", off[i])
	}
	for i := n; i < size; i++ {
		fmt.Fprintf(&b, "%010d 65535 f\r\n", (i+1)%size)
	}
	fmt.Fprintf(&b, "%010d 00000 n\r\ntrailer\r\n<</Size %d%s >>\r\nstartxref\r\n%d\r\n%%%%EOF\r\n", off[size], size+1, trailer, first)
	second := b.Len()
	fmt.Fprintf(&b, "xref\r\n0 0\r\ntrailer\r\n<</Size %d%s /Prev %d/XRefStm %d>>\r\nstartxref\r\n%d\r\n%%%%EOF", size+1, trailer, first, off[size], second)
	return b.Bytes()
}

// Acrobat is a letter of Word that Acrobat saved again: a revision of two sections, of which the first has neither
// startxref nor marker, and runs into the second, empty, that names a stream for the objects of object streams.
func Acrobat() []byte {
	b := bytes.NewBuffer(Word())
	word := Word()
	prev := word[bytes.LastIndex(word, []byte("startxref\r\n"))+len("startxref\r\n"):]
	prev = prev[:bytes.IndexByte(prev, '\r')]
	b.WriteString("\r\n")
	const trailer = "/Root 1 0 R/Info 6 0 R/ID[<00112233445566778899AABBCCDDEEFF><FFEEDDCCBBAA99887766554433221100>]"
	packed := Deflate([]byte("15 0 (Annot\351 par Acrobat)"))
	hidden, rows := b.Len(), []byte{}
	stream := func(n int, dict string, data []byte) {
		fmt.Fprintf(b, "%d 0 obj\r<<%s/Filter/FlateDecode/Length %d>>stream\r\n%s\r\nendstream\rendobj\r", n, dict, len(data), data)
	}
	rows = append(rows, Row(2, 16, 0)...)
	stream(14, "/Type/XRef/Size 17/W[1 4 1]/Index[15 1]"+trailer, Deflate(rows))
	objstm := b.Len()
	stream(16, "/Type/ObjStm/N 1/First 5", packed)
	info := b.Len()
	b.WriteString("6 0 obj\r<</Author(DGS)/Title 15 0 R/ModDate(D:20261123110000+01'00')>>\rendobj\r\n")
	first := b.Len()
	fmt.Fprintf(b, "xref\r\n6 1\r\n%010d 00000 n\r\n14 1\r\n%010d 00000 n\r\n16 1\r\n%010d 00000 n\r\ntrailer\r\n<</Size 17/Prev %s%s>>\r\n", info, hidden, objstm, prev, trailer)
	second := b.Len()
	fmt.Fprintf(b, "xref\r\n0 0\r\ntrailer\r\n<</Size 17/Prev %d/XRefStm %d%s>>\r\nstartxref\r\n%d\r\n%%%%EOF\r\n", first, hidden, trailer, second)
	return b.Bytes()
}

// Scan is what a scanner makes: pages that are one JPEG image each, no font, no text.
func Scan(pages int) []byte {
	img := image.NewGray(image.Rect(0, 0, 413, 585)) // 50 dots to the inch
	for y := range 585 {
		for x := range 413 {
			ink := y%24 < 10 && x > 40 && x < 370 && (x*7+y*3)%11 < 5 && y > 40 && y < 400
			img.SetGray(x, y, color.Gray{Y: map[bool]uint8{true: 40, false: 246}[ink]})
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		panic(err)
	}
	kids, objects := "", []string{Catalog, ""}
	for range pages {
		n := len(objects) + 1
		kids += fmt.Sprintf("%d 0 R ", n)
		const content = "q 595 0 0 842 0 0 cm /Im0 Do Q"
		objects = append(objects,
			fmt.Sprintf("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /XObject << /Im0 %d 0 R >> >> /Contents %d 0 R >>", n+1, n+2),
			fmt.Sprintf("<< /Type /XObject /Subtype /Image /Width 413 /Height 585 /ColorSpace /DeviceGray /BitsPerComponent 8 /Filter /DCTDecode /Length %d >>\nstream\n%s\nendstream", b.Len(), b.Bytes()),
			fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", len(content), content))
	}
	objects[1] = fmt.Sprintf("<< /Type /Pages /Kids [%s] /Count %d >>", kids, pages)
	return Table("", objects...)
}

// XRefStream is a file whose only section is a compressed cross-reference stream with a PNG
// predictor, as most programs write since PDF 1.5.
func XRefStream() []byte {
	rows := func(offsets []int) []byte {
		prev := make([]byte, 6)
		var out []byte
		for i := range len(offsets) + 1 {
			row := Row(0, 0, 255)
			if i > 0 {
				row = Row(1, offsets[i-1], 0)
			}
			out = append(out, 2) // the predictor « up »
			for k := range row {
				out = append(out, row[k]-prev[k])
			}
			prev = row
		}
		return Deflate(out)
	}
	return Stream("/Size 5 /W [1 4 1] /Filter /FlateDecode /DecodeParms << /Predictor 12 /Columns 6 >>", rows, Catalog, Pages, Page)
}

// Version is a file of one empty page that declares a version in its header.
func Version(v string) []byte {
	return bytes.Replace(Table("", Catalog, Pages, Page), []byte("%PDF-1.7"), []byte("%PDF-"+v), 1)
}

// NewerCatalog declares 1.4 in its header and 1.7 in its catalog, which prevails (ISO 32000-2, 7.2.2).
func NewerCatalog() []byte {
	return bytes.Replace(Table("", strings.Replace(Catalog, "/Catalog", "/Catalog /Version /1.7", 1), Pages, Page), []byte("%PDF-1.7"), []byte("%PDF-1.4"), 1)
}

// EmptyField is a page with an empty signature field of that name, as a template has it.
func EmptyField(name string) []byte {
	return Table("", "<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [4 0 R] >> >>", Pages,
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Annots [4 0 R] >>",
		fmt.Sprintf("<< /Type /Annot /Subtype /Widget /FT /Sig /T (%s) /Rect [300 60 520 130] /P 3 0 R /F 4 >>", name))
}

// ManyPages is a document of n pages in a balanced tree of nodes of at most 50.
func ManyPages(n int) []byte {
	content := "BT /F1 11 Tf 70 760 Td (Page d'un recueil) Tj ET"
	objects := []string{
		Catalog, "", "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
		fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", len(content), content),
	}
	nodes := ""
	for from := 0; from < n; from += 50 {
		count := min(50, n-from)
		node := len(objects) + 1
		nodes += fmt.Sprintf("%d 0 R ", node)
		kids := ""
		for i := range count {
			kids += fmt.Sprintf("%d 0 R ", node+1+i)
		}
		objects = append(objects, fmt.Sprintf("<< /Type /Pages /Parent 2 0 R /Kids [%s] /Count %d >>", kids, count))
		for range count {
			objects = append(objects, fmt.Sprintf("<< /Type /Page /Parent %d 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R >> >> /Contents 4 0 R >>", node))
		}
	}
	objects[1] = fmt.Sprintf("<< /Type /Pages /Kids [%s] /Count %d >>", nodes, n)
	return Table("", objects...)
}
