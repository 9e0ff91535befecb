package pdf_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"parapheur/signing/internal/pdf"
	"parapheur/signing/internal/pdftest"
)

// FuzzReader: no file makes the reader crash, hang, or write an update that it cannot read back.
func FuzzReader(f *testing.F) {
	for _, b := range pdftest.Sound() {
		f.Add(b)
	}
	for _, b := range pdftest.Hostile() {
		if len(b) < 16<<10 {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		start := time.Now()
		err := survey(b)
		if took := time.Since(start); took > 5*time.Second {
			t.Fatalf("took %v: %v", took, err)
		}
		d, err := pdf.Open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		u, err := d.NewUpdate()
		if err != nil {
			return
		}
		ref := u.Alloc()
		u.Put(ref, pdf.EncodeText("é"))
		u.SetCatalog("Test", ref)
		tail, _, err := u.Finish()
		if err != nil {
			return
		}
		next := append(bytes.Clone(b), tail...)
		after, err := pdf.Open(bytes.NewReader(next), int64(len(next)))
		if err != nil {
			t.Fatalf("update unreadable: %v", err)
		}
		_, cat, err := after.Catalog()
		if err != nil {
			t.Fatalf("catalog unreadable: %v", err)
		}
		if v, err := after.Resolve(cat.Get("Test")); err != nil || v != pdf.EncodeText("é") {
			t.Fatalf("got %v, %v", v, err)
		}
	})
}

// FuzzValue: what is read as a value is written back as tokens that read as the same value.
func FuzzValue(f *testing.F) {
	for _, s := range []string{"<< /A [1 0 R (x\\)) <00> -.5 true null] /B#20 << >> >>", "[[[]]]", "(a(b)c)", "1 0 R", "/", "<</ /a>>", "[1 2 R]"} {
		f.Add(s)
	}
	read := func(s string) (pdf.Object, error) {
		b := pdftest.Table("", pdftest.Catalog, pdftest.Pages, pdftest.Page, s)
		d, err := pdf.Open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return nil, err
		}
		return d.Object(4)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := read(s)
		if err != nil {
			return
		}
		once := string(pdf.Append(nil, v))
		again, err := read(once)
		if err != nil {
			t.Fatalf("%q is written as %q: %v", s, once, err)
		}
		if twice := string(pdf.Append(nil, again)); twice != once {
			t.Fatalf("%q, then %q", once, twice)
		}
	})
}

// FuzzDecode: no filter, predictor or length makes a stream decode to more than its bound.
func FuzzDecode(f *testing.F) {
	f.Add("/Filter /FlateDecode", pdftest.Deflate([]byte("bonjour")))
	f.Add("/Filter /FlateDecode /DecodeParms << /Predictor 12 /Columns 5 >>", pdftest.Deflate([]byte("\x02bonjo\x01bonjo")))
	f.Add("/Filter [/ASCIIHexDecode /FlateDecode]", []byte("789c03>"))
	f.Add("/Filter /ASCII85Decode", []byte("87cURD]i,\"Ebo80~>"))
	f.Add("/Filter /LZWDecode /DecodeParms << /EarlyChange 0 >>", []byte{0x80, 0x0b, 0x60, 0x50, 0x22, 0x0c, 0x0c, 0x85, 0x01})
	f.Add("/Filter /RunLengthDecode", []byte{2, 'a', 'b', 'c', 254, 'd', 128})
	f.Add("/Filter [/FlateDecode /FlateDecode /FlateDecode]", pdftest.Deflate(pdftest.Deflate(make([]byte, 1<<16))))
	f.Fuzz(func(t *testing.T, dict string, data []byte) {
		const limit = 1 << 16
		b := pdftest.Table("", pdftest.Catalog, pdftest.Pages, pdftest.Page, fmt.Sprintf("<< /Length %d %s >>\nstream\n%s\nendstream", len(data), dict, data))
		d, err := pdf.Open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		v, err := d.Object(4)
		st, ok := v.(*pdf.Stream)
		if err != nil || !ok {
			return
		}
		start := time.Now()
		out, err := d.Decode(st, limit)
		if took := time.Since(start); took > 2*time.Second || len(out) > limit {
			t.Fatalf("%d bytes in %v: %v", len(out), took, err)
		}
	})
}

// FuzzXRefStream: no dictionary or data of a cross-reference stream makes the reader crash or hang.
func FuzzXRefStream(f *testing.F) {
	rows := bytes.Join([][]byte{pdftest.Row(0, 0, 0), pdftest.Row(1, 15, 0), pdftest.Row(1, 64, 0), pdftest.Row(1, 121, 0)}, nil)
	f.Add("/Size 5 /W [1 4 1]", rows)
	f.Add("/Size 5 /W [1 4 1] /Index [0 2 3 1] /Prev 0", rows)
	f.Add("/Size 5 /W [1 4 1] /Filter /FlateDecode /DecodeParms << /Predictor 15 /Columns 6 >>", pdftest.Deflate(rows))
	f.Add("/Size 2147483648 /W [0 0 0] /Index [0 2147483648]", rows)
	f.Fuzz(func(t *testing.T, dict string, data []byte) {
		b := pdftest.Stream(dict, func([]int) []byte { return data }, pdftest.Catalog, pdftest.Pages, pdftest.Page)
		start := time.Now()
		err := survey(b)
		if took := time.Since(start); took > 2*time.Second {
			t.Fatalf("took %v: %v", took, err)
		}
	})
}
