package revisions

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"parapheur/signing/internal/pdf"
)

// FuzzCompare appends a revision whose objects are any bytes: nothing crashes or takes long, and a
// page whose content changed is always told.
func FuzzCompare(f *testing.F) {
	objects := []string{
		"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[5 0 R]>>>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>",
		"<</Type/Page/Parent 2 0 R/Contents 4 0 R/Annots[5 0 R]>>", "<</Length 3>>\nstream\nq Q\nendstream",
		"<</FT/Tx/T(a)/V(b)/Subtype/Widget/Rect[0 0 9 9]>>",
	}
	first := file(objects...)
	f.Add(byte(1), objects[0], objects[1], objects[2])
	f.Add(byte(3), "<</Type/Page/Parent 2 0 R/Contents 9 0 R/Annots[5 0 R]>>", objects[3], objects[4])
	f.Add(byte(4), "<</Length 3>>\nstream\nq q\nendstream", "<</FT/Tx/T(a)/V(c)/Subtype/Widget/Rect[0 0 9 9]>>", "[6 0 R]")
	f.Add(byte(5), "<</FT/Sig/T(s)/V 6 0 R>>", "<</Type/Sig/Contents<00>/ByteRange[0 1 2 3]>>", "<</DSS 5 0 R>>")
	f.Fuzz(func(t *testing.T, from byte, a, b, c string) {
		start := time.Now()
		bytesOf := revise(first, int(from%8)+1, a, b, c)
		doc, err := pdf.Open(bytes.NewReader(bytesOf), int64(len(bytesOf)))
		if err != nil {
			return
		}
		diffs, err := Compare(doc, 0)
		if took := time.Since(start); took > 2*time.Second {
			t.Fatalf("took %v", took)
		}
		if err != nil || len(doc.Revisions()) != 2 {
			return
		}
		was, errWas := doc.At(0).Object(4)
		is, errIs := doc.Object(4)
		if errors.Join(errWas, errIs) == nil && len(diffs[0].Changes) == 0 && !bytes.Equal(pdf.Append(nil, was), pdf.Append(nil, is)) {
			t.Fatalf("the content became %s and nothing is told", pdf.Append(nil, is))
		}
	})
}
