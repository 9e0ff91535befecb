package pdf_test

import (
	"bytes"
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
