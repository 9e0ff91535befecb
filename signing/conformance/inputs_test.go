//go:build slow

package conformance_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"parapheur/signing/internal/pdftest"
)

// input is a document to sign.
type input struct {
	name     string
	file     []byte
	field    string // that the first signature fills
	foreign  int    // signatures of another program that it has already
	pdfa     bool   // veraPDF must accept it before and after
	once     bool   // signed by one person alone
	pictures        // in the blocks
}

func letter() input { return input{name: "letter", file: pdftest.Letter(2)} }

// inputs are the samples of testdata, which other programs made, and the structures of pdftest.
func inputs(t *testing.T) []input {
	t.Helper()
	var out []input
	samples, err := filepath.Glob("testdata/*.pdf")
	if err != nil || len(samples) == 0 {
		t.Fatal("no samples in testdata", err)
	}
	for _, path := range samples {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(path), ".pdf")
		out = append(out, input{name: name, file: b, pdfa: strings.Contains(name, "pdfa")})
	}
	for name, b := range pdftest.Sound() {
		in := input{name: name, file: b}
		switch name {
		case "empty field":
			in.field = "visa"
		case "form":
			filled := in
			filled.name, filled.field = "form, its field filled", "maire.visa"
			out = append(out, filled)
		}
		out = append(out, in)
	}
	out = append(out,
		input{name: "500 pages", file: pdftest.ManyPages(500)},
		input{name: "5000 pages", file: pdftest.ManyPages(5000), once: true},
		input{name: "10 MB", file: pdftest.Big(10 << 20), once: true},
		input{name: "200 MB", file: pdftest.Big(200 << 20), once: true})
	slices.SortFunc(out, func(a, b input) int { return strings.Compare(a.name, b.name) })
	return out
}

// presigned is a letter that pyHanko signed before us at a level, B-B or B-T.
func (w *world) presigned(t *testing.T, j *judges, level string) input {
	t.Helper()
	dir := t.TempDir()
	key, err := x509.MarshalPKCS8PrivateKey(w.foreign.Key)
	if err != nil {
		t.Fatal(err)
	}
	var chain bytes.Buffer
	for _, s := range w.signers[:1] {
		id, err := s.Identity(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range id.Chain {
			if err := pem.Encode(&chain, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, b := range map[string][]byte{
		"in.pdf": pdftest.Letter(2), "chain.pem": chain.Bytes(),
		"key.pem":  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
		"cert.pem": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.foreign.Certificate.Raw}),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{"judge/presign.py", dir}
	if level == "B-T" {
		args = append(args, w.serveTSA(t))
	}
	must(t, j.python, args...)
	b, err := os.ReadFile(filepath.Join(dir, "out.pdf"))
	if err != nil {
		t.Fatal(err)
	}
	return input{name: "signed before by pyHanko " + level, file: b, foreign: 1}
}
