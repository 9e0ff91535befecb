package signing_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"parapheur/signing"
	"parapheur/signing/internal/pdftest"
)

// What is appended after two sound signatures without the form of an honest revision (« incremental
// saving attack » and its kin: Mladenov, Mainka and others, « 1 Trillion Dollar Refund », 2019).
func TestAppendedWithoutForm(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	_, file := o.twice(t)
	prev := lastXRef(file)
	payment := "4 0 obj\n" + stream("", "(Payer 900 euros) Tj") + "\nendobj\n"
	at := len(file)
	table := fmt.Sprintf("xref\n4 1\n%010d 00000 n \n", at)
	trailer := fmt.Sprintf("trailer\n<</Size 200/Root 1 0 R/ID[<01><02>]/Prev %d>>\n", prev)
	end := fmt.Sprintf("startxref\n%d\n%%%%EOF\n", at+len(payment))
	for name, c := range map[string]struct {
		tail string
		code signing.Code // of the first signature, or of the file
	}{
		"body only":                          {payment, signing.TrailingBytes},
		"body and end-of-file marker":        {payment + "%%EOF\n", signing.TrailingBytes},
		"body, table, trailer, no startxref": {payment + table + trailer, signing.TrailingBytes},
		"complete":                           {payment + table + trailer + end, signing.ObjectModified},
		"no end-of-file marker":              {payment + table + trailer + strings.TrimSuffix(end, "%%EOF\n"), signing.ObjectModified},
		"startxref of the last revision":     {payment + fmt.Sprintf("startxref\n%d\n%%%%EOF\n", prev), signing.TrailingBytes},
	} {
		b := append(bytes.Clone(file), c.tail...)
		r, err := signing.Check(bytes.NewReader(b), int64(len(b)), o.options())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		named := slices.Contains(codes(r.Reasons), c.code) || has(r, 0, c.code)
		if r.Verdict != signing.Invalid || !named {
			t.Errorf("%s: %s", name, show(r))
		}
	}
}

func hiddenStream(file []byte) int { return bytes.Index(file, []byte("10 0 obj")) }

// A cross-reference stream prepared in the letter before it is signed, and reached afterwards through
// /XRefStm as Word's files do, is named; before the signature the same shape is Word's and sound.
func TestHiddenStreamReachedAfterwards(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	letter := letterObjects()
	rows := pdftest.Row(1, 20, 0)
	letter[10] = fmt.Sprintf("<</Type/XRef/Size 200/W[1 4 1]/Index[4 1]/Length %d>>\nstream\n%s\nendstream", len(rows), rows)
	file := o.sign(t, base(letter), o.mayor, signing.BB)
	section := fmt.Appendf(bytes.Clone(file), "xref\n0 0\ntrailer\n<</Size 200/Root 1 0 R/ID[<01><02>]/Prev %d/XRefStm %d>>\nstartxref\n%d\n%%%%EOF\n",
		lastXRef(file), hiddenStream(file), len(file))
	if r := o.check(t, section); !has(r, 0, signing.RevisionOrder) {
		t.Error(show(r))
	}
	if r := o.check(t, o.sign(t, pdftest.Word(), o.mayor, signing.BT)); r.Verdict != signing.Valid {
		t.Errorf("Word: %s", show(r))
	}
}

// Two sections that run into each other, as Acrobat writes them, are one revision: after a signature
// it is compared as any other, and the older section cannot be one that the signed bytes hold.
func TestSectionsThatRunIntoEachOther(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	acrobat := pdftest.Acrobat()
	if r := o.check(t, o.sign(t, acrobat, o.mayor, signing.BT)); r.Verdict != signing.Valid || len(r.Revisions) != 4 {
		t.Errorf("Acrobat: %s", show(r))
	}
	page := "4 0 obj " + stream("", "BT /F1 40 Tf 60 400 Td (Le Maire accorde tout.) Tj ET") + " endobj\n"
	two := func(at, prev int) []byte { // what is written at this offset
		first := at + len(page)
		out := fmt.Appendf(nil, "%sxref\n4 1\n%010d 00000 n \ntrailer\n<</Size 200/Root 1 0 R/ID[<01><02>]/Prev %010d>>\n", page, at, prev)
		return fmt.Appendf(out, "xref\n0 0\ntrailer\n<</Size 200/Root 1 0 R/ID[<01><02>]/Prev %010d>>\nstartxref\n%010d\n%%%%EOF\n", first, at+len(out))
	}
	file := o.sign(t, base(letterObjects()), o.mayor, signing.BB)
	if r := o.check(t, append(bytes.Clone(file), two(len(file), lastXRef(file))...)); r.Verdict != signing.Invalid || r.Signatures[0].Verdict != signing.Invalid || has(r, 0, signing.RevisionOrder) {
		t.Errorf("the page replaced: %s", show(r))
	}
	// The same two sections inside the letter, reached after it was signed.
	at, prev := 0, 0
	for range 3 { // the later passes know where the first one put it
		hidden := two(at, prev)
		file = o.sign(t, base(with(map[int]string{10: stream("", string(hidden))})), o.mayor, signing.BB)
		at, prev = bytes.Index(file, []byte(page)), lastXRef(file)
	}
	reached := fmt.Appendf(bytes.Clone(file), "startxref\n%d\n%%%%EOF\n", at+bytes.Index(two(at, prev), []byte("xref\n0 0")))
	if r := o.check(t, reached); r.Verdict != signing.Invalid || !has(r, 0, signing.RevisionOrder) {
		t.Errorf("reached afterwards: %s", show(r))
	}
}

// The value of a signature cut, overwritten in part, or moved into the other hole.
func TestDamagedValues(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	_, file := o.twice(t)
	hole := func(i int) (int64, int64) {
		c := signatureAt(t, file, i).Contents[0]
		return c.Start + 1, c.End - 1
	}
	a, b := hole(0)
	x, y := hole(1)
	der := len(bytes.TrimRight(file[a:b], "0"))
	for name, c := range map[string]struct {
		file []byte
		of   int // the signature concerned
		code signing.Code
	}{
		"cut in half":             {overwrite(file, a+int64(der/2), strings.Repeat("0", der/2)), 0, signing.CMSMalformed},
		"last byte cut":           {overwrite(file, a+int64(der)-2, "00"), 0, ""},
		"tag changed":             {overwrite(file, a, "31"), 0, signing.CMSMalformed},
		"indefinite length":       {overwrite(file, a+2, "80"), 0, signing.CMSMalformed},
		"length beyond the hole":  {overwrite(file, a+2, "84FFFFFFFF"), 0, signing.CMSMalformed},
		"value of the other hole": {overwrite(file, x, string(file[a:b])+strings.Repeat("0", int(y-x-(b-a)))), 1, signing.DigestMismatch},
		"text in the hole":        {overwrite(file, a, "ZZ"), 0, signing.ContentsMissing},
	} {
		r := o.check(t, c.file)
		s := r.Signatures[c.of]
		if s.Verdict != signing.Invalid || r.Verdict != signing.Invalid || c.code != "" && !slices.Contains(codes(s.Reasons), c.code) {
			t.Errorf("%s: %s", name, show(r))
		}
	}
}

// Objects replaced through an object stream and a cross-reference stream, the other flavour than that
// of the file.
func TestReplacedThroughAnObjectStream(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	_, file := o.twice(t)
	body := "3 0 <</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 10 0 R/Annots[7 0 R 12 0 R]>>"
	b := bytes.NewBuffer(bytes.Clone(file))
	objects := b.Len()
	fmt.Fprintf(b, "190 0 obj\n<</Type/ObjStm/N 1/First 4/Length %d>>\nstream\n%s\nendstream\nendobj\n", len(body), body)
	at := b.Len()
	rows := bytes.Join([][]byte{pdftest.Row(2, 190, 0), pdftest.Row(1, objects, 0), pdftest.Row(1, at, 0)}, nil)
	fmt.Fprintf(b, "191 0 obj\n<</Type/XRef/Size 200/Root 1 0 R/ID[<01><02>]/W[1 4 1]/Index[3 1 190 2]/Prev %d/Length %d>>\nstream\n%s\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n",
		lastXRef(file), len(rows), rows, at)
	r := o.check(t, b.Bytes())
	for i := range 2 {
		if !has(r, i, signing.ObjectModified) {
			t.Errorf("signature %d: %s", i, show(r))
		}
	}
}
