package signing_test

import (
	"bytes"
	"errors"
	"math/rand"
	"testing"
	"time"

	"parapheur/signing"
	"parapheur/signing/internal/pdf"
	"parapheur/signing/internal/pdftest"
	"parapheur/signing/internal/signtest"
)

// Every hostile file is refused with a reason, or signed, in under a second.
func TestHostileFiles(t *testing.T) {
	pki := signtest.New(t)
	p := newPerson(t, pki, "Maire", signtest.P256(t))
	for name, doc := range pdftest.Hostile() {
		for _, field := range []signing.Field{{}, {Invisible: true}, {Name: "absent"}, {Name: "a"}, {Page: 1}} {
			start := time.Now()
			_, err := signing.Prepare(t.Context(), source(doc), withIdentity(signing.Options{Claims: claims(), Field: field}, p))
			if took := time.Since(start); took > timeLimit {
				t.Errorf("%s, field %+v: took %v", name, field, took)
			}
			if err != nil && !known(err) {
				t.Errorf("%s, field %+v: %v", name, field, err)
			}
		}
	}
}

// known reports whether the refusal has a sentinel of this package.
func known(err error) bool {
	for _, want := range []error{signing.ErrMalformed, signing.ErrLimit, signing.ErrNotFound, signing.ErrField, signing.ErrPlace, signing.ErrEncrypted, signing.ErrFilter} {
		if errors.Is(err, want) {
			return true
		}
	}
	return false
}

// Random changes of sound files never crash nor hang; what is signed can be opened again and holds
// the signature.
func TestMutatedFiles(t *testing.T) {
	t.Parallel()
	pki := signtest.New(t)
	p := newPerson(t, pki, "Maire", signtest.P256(t))
	r := rand.New(rand.NewSource(1))
	var seeds [][]byte
	for _, name := range []string{"table", "object stream", "hybrid", "form", "direct annotations"} {
		seeds = append(seeds, pdftest.Sound()[name])
	}
	signedFiles := 0
	for n := range 2000 {
		doc := bytes.Clone(seeds[n%len(seeds)])
		for range 1 + r.Intn(5) {
			doc[r.Intn(len(doc))] = "<>[]()/ R0123456789\x00\xff"[r.Intn(21)]
		}
		start := time.Now()
		pr, err := signing.Prepare(t.Context(), source(doc), withIdentity(signing.Options{Claims: claims(), Field: signing.Field{Invisible: true}}, p))
		if took := time.Since(start); took > timeLimit {
			t.Fatalf("%v for %q", took, doc)
		}
		if err != nil {
			if !known(err) {
				t.Fatalf("%v for %q", err, doc)
			}
			continue
		}
		signedFiles++
		next := append(doc, finish(t, p, pr)...)
		d, err := pdf.Open(bytes.NewReader(next), int64(len(next)))
		if err != nil {
			t.Fatalf("%v after signing %q", err, next)
		}
		name, _, _ := pr.Placement()
		sigs, err := d.Signatures()
		if err != nil || len(sigs) == 0 || sigs[len(sigs)-1].Field.Name != name {
			t.Fatalf("%d signatures, %v after signing %q", len(sigs), err, next)
		}
	}
	if signedFiles < 150 {
		t.Errorf("only %d files signed", signedFiles)
	}
}
