// Package pdftest makes small PDF files for tests, healthy or hostile, object by object. It is for tests only.
package pdftest

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"hash/adler32"
	"strings"
)

// Object is one PDF object without its "N 0 obj".
type Object string

// Stream is a stream object; dict is what its dictionary holds beside the length.
func Stream(dict string, body []byte) Object {
	return Object(fmt.Sprintf("<<%s/Length %d>>stream\n%s\nendstream", dict, len(body), body))
}

// Deflated is a compressed stream.
func Deflated(body []byte) Object {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	_, _ = w.Write(body) // into memory
	_ = w.Close()
	return Stream("/Filter/FlateDecode", b.Bytes())
}

// Repeated is a compressed stream of the same chunk many times over, made without compressing it as often: a bomb of
// gigabytes takes milliseconds. The chunk must be at least 32 KiB, the window of the compression.
func Repeated(chunk []byte, times int) Object {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	var marks [2]int
	for i := range marks { // the second block refers to the first chunk only, which is also what precedes a third
		_, _ = w.Write(chunk) // into memory
		_ = w.Flush()
		marks[i] = b.Len()
	}
	out := bytes.Clone(b.Bytes())
	out = append(out, bytes.Repeat(out[marks[0]:marks[1]], times-len(marks))...)
	sum := adler32.New()
	for range times {
		_, _ = sum.Write(chunk)
	}
	out = append(out, 0x01, 0x00, 0x00, 0xff, 0xff) // the final block, empty
	return Stream("/Filter/FlateDecode", sum.Sum(out))
}

// File joins objects 1, 2, 3… under a correct cross-reference table; object 1 is the catalog.
func File(objects ...Object) []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
	var offsets []int
	for i, o := range objects {
		offsets = append(offsets, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	start := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for _, offset := range offsets {
		fmt.Fprintf(&b, "%010d 00000 n \n", offset)
	}
	fmt.Fprintf(&b, "trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, start)
	return b.Bytes()
}

// Pages makes a file of A4 pages with the given content streams, Helvetica as /F under WinAnsi.
func Pages(contents ...Object) []byte {
	objects := []Object{"<</Type/Catalog/Pages 2 0 R>>", "", "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>"}
	var kids strings.Builder
	for _, content := range contents {
		n := len(objects) + 1
		fmt.Fprintf(&kids, "%d 0 R ", n)
		objects = append(objects, Object(fmt.Sprintf("<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F 3 0 R>>>>/Contents %d 0 R>>", n+1)), content)
	}
	objects[1] = Object(fmt.Sprintf("<</Type/Pages/Kids[%s]/Count %d>>", kids.String(), len(contents)))
	return File(objects...)
}

// Text is a page content that writes one line near the top, in WinAnsi.
func Text(winAnsi string) Object {
	return Stream("", []byte("BT /F 24 Tf 72 700 Td ("+winAnsi+") Tj ET"))
}
