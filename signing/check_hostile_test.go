package signing_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"parapheur/signing"
	"parapheur/signing/internal/pdftest"
)

// Sound files of every flavour stay Valid through three signatures.
func TestNoFalsePositive(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	for name, doc := range pdftest.Sound() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cur := doc
			for i, who := range []signing.Signer{o.drafter, o.mayor, o.drafter} {
				cur = o.sign(t, cur, who, signing.Level(i%2))
				if r := o.check(t, cur); r.Verdict != signing.Valid || len(r.Signatures) != i+1 {
					t.Fatalf("after %d signatures: %s", i+1, show(r))
				}
			}
		})
	}
}

// An existing empty field that is filled is an allowed change.
func TestFilledFieldIsValid(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	letter := letterObjects()
	letter[8] = "<</Fields[12 0 R 14 0 R]>>"
	letter[14] = "<</FT/Sig/T(accord)/Type/Annot/Subtype/Widget/Rect[72 100 250 180]/P 3 0 R>>"
	letter[3] = string(bytes.Replace([]byte(letter[3]), []byte("12 0 R]"), []byte("12 0 R 14 0 R]"), 1))
	once := o.sign(t, base(letter), o.drafter, signing.BB)
	c := signing.Claims{Name: "Maire", Time: o.options().At}
	tail, err := signing.Sign(t.Context(), bytes.NewReader(once), signing.Options{Claims: c, Field: signing.Field{Name: "accord"}}, o.mayor, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r := o.check(t, append(once, tail...)); r.Verdict != signing.Valid || len(r.Signatures) != 2 {
		t.Error(show(r))
	}
}

func TestHostileFilesAreBounded(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	for name, file := range pdftest.Hostile() {
		start := time.Now()
		r, err := signing.Check(bytes.NewReader(file), int64(len(file)), o.options())
		if err == nil && r.Verdict == signing.Valid {
			t.Errorf("%s: %s", name, show(r))
		}
		if d := time.Since(start); d > 10*time.Second {
			t.Errorf("%s: %v", name, d)
		}
	}
}

// FuzzCheck patches a file with two sound signatures and appends to it: nothing crashes, and what is
// Valid has kept every byte outside the two values.
func FuzzCheck(f *testing.F) {
	o := newOffice(f)
	_, file := o.twice(f)
	tail := func(b []byte) []byte { return b[len(file):] }
	f.Add(uint(0), []byte("%PDF"), []byte(nil))
	f.Add(uint(600), []byte("/Contents null"), tail(revise(file, map[int]string{3: letterObjects()[3]}, "")))
	f.Add(uint(1200), []byte("<FFFF>"), tail(revise(file, map[int]string{
		8:  letterObjects()[8],
		50: "<</FT/Sig/T(x)/V 51 0 R>>", 51: "<</Contents<00>/ByteRange[0 1 2 3]>>",
	}, "/Info 5 0 R")))
	f.Add(uint(len(file)-300), []byte("/Prev 0"), tail(xrefOnly(file, 4, 100)))
	f.Add(uint(len(file)/2), []byte("endobj 1 0 obj"), tail(skip(f, file, letterObjects())))
	holes := [2][2]int64{}
	for i := range holes {
		c := signatureAt(f, file, i).Contents[0]
		holes[i] = [2]int64{c.Start, c.End}
	}
	blank := func(b []byte) []byte {
		b = bytes.Clone(b)
		for _, h := range holes {
			clear(b[h[0]:min(h[1], int64(len(b)))])
		}
		return b
	}
	f.Fuzz(func(t *testing.T, at uint, patch, more []byte) {
		b := bytes.Clone(file)
		copy(b[at%uint(len(b)):], patch)
		b = append(b, more...)
		start := time.Now()
		r, err := signing.Check(bytes.NewReader(b), int64(len(b)), o.options())
		if d := time.Since(start); d > 5*time.Second {
			t.Fatalf("took %v", d)
		}
		if err != nil {
			return
		}
		if _, err := json.Marshal(r); err != nil {
			t.Fatal(err)
		}
		if r.Verdict == signing.Valid && len(r.Signatures) <= 2 && !bytes.HasPrefix(blank(b), blank(file)) {
			t.Fatalf("valid over other bytes: %s", show(r))
		}
	})
}
