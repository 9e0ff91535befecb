package pdf_test

import (
	"bytes"
	"errors"
	"runtime"
	"testing"
	"time"

	"parapheur/signing/internal/pdf"
	"parapheur/signing/internal/pdftest"
)

// survey asks for everything that a signature or a check asks for.
func survey(b []byte) error {
	d, err := pdf.Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return err
	}
	var all []error
	note := func(err error) { all = append(all, err) }
	_, err = d.LastPage()
	note(err)
	_, err = d.Signatures()
	note(err)
	for i := range d.Revisions() {
		if i < 3 {
			_, err = d.At(i).PageCount()
			note(err)
		}
	}
	for n := range min(d.MaxObject()+1, 50) {
		v, err := d.Object(n)
		note(err)
		if s, ok := v.(*pdf.Stream); ok {
			_, err = d.Decode(s, 1<<20)
			note(err)
		}
		_, _, err = d.Extent(n)
		if !errors.Is(err, pdf.ErrNotFound) {
			note(err)
		}
	}
	u, err := d.NewUpdate()
	note(err)
	if err == nil {
		note(u.AddField(u.Alloc()))
		_, _, err = u.Finish()
		note(err)
	}
	return errors.Join(all...)
}

// Every hostile file is refused or surveyed within a second and with bounded memory. Not parallel:
// the memory of one file is measured at a time.
func TestHostileFilesCostLittle(t *testing.T) {
	for name, b := range pdftest.Hostile() {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			start := time.Now()
			err := survey(b)
			took := time.Since(start)
			runtime.ReadMemStats(&after)
			limit := time.Second
			if raceEnabled {
				limit *= 10
			}
			if took > limit {
				t.Errorf("took %v", took)
			}
			if mb := (after.TotalAlloc - before.TotalAlloc) >> 20; mb > 256 {
				t.Errorf("allocated %d MB", mb)
			}
			var msg string
			if err != nil {
				msg = err.Error()
			}
			t.Logf("%v, %d KB: %.150s", took.Round(time.Microsecond), (after.TotalAlloc-before.TotalAlloc)>>10, msg)
		})
	}
}

// Files that cannot be read must be refused, not half read.
func TestBrokenFilesAreRefused(t *testing.T) {
	t.Parallel()
	files := pdftest.Hostile()
	for name, want := range map[string]error{
		"cut at 60 %": pdf.ErrSyntax, "no startxref": pdf.ErrSyntax, "100 bytes before the header": pdf.ErrSyntax,
		"5000 trailing zeros": pdf.ErrSyntax, "empty": pdf.ErrSyntax, "not a PDF": pdf.ErrSyntax, "startxref +1": pdf.ErrSyntax,
		"/Prev loop": pdf.ErrSyntax, "huge /Size": pdf.ErrLimit, "subsection of 2^31 entries": pdf.ErrLimit,
		"5000 revisions": pdf.ErrLimit, "cross-reference stream as a zip bomb": pdf.ErrLimit, "W [0 0 0]": pdf.ErrSyntax,
	} {
		b, ok := files[name]
		if !ok {
			t.Fatalf("no file %q", name)
		}
		if _, err := pdf.Open(bytes.NewReader(b), int64(len(b))); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", name, err, want)
		}
	}
}
