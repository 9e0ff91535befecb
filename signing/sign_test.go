package signing_test

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/digitorus/pdfsign"
	"github.com/pdfcpu/pdfcpu/pkg/api"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"

	"parapheur/internal/tooltest"
	"parapheur/signing"
	"parapheur/signing/internal/pdf"
	"parapheur/signing/internal/pdftest"
	"parapheur/signing/internal/signtest"
)

// Three people sign every sound file, one after the other, at both levels and with and without a
// visible block; poppler, qpdf and OpenSSL accept each signature.
func TestThreeSignersOnEveryKindOfFile(t *testing.T) {
	t.Parallel()
	pki := signtest.New(t)
	people := []person{newPerson(t, pki, "Rédactrice", signtest.P256(t)), newPerson(t, pki, "DGS", signtest.P384(t)), newPerson(t, pki, "Maire", signtest.P256(t))}
	files := pdftest.Sound()
	maps.Copy(files, rewritten(t))
	for name, doc := range files {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cur := doc
			for i, p := range people {
				opt := signing.Options{Claims: claims(), Level: signing.Level(i % 2), Field: signing.Field{Invisible: i == 1}}
				next := signed(t, cur, opt, p, pki)
				if !bytes.HasPrefix(next, cur) {
					t.Fatal("earlier bytes changed")
				}
				checkKept(t, cur, next)
				cur = next
			}
			checkTools(t, pki, cur, len(people))
		})
	}
}

// rewritten returns a letter as other producers structure it.
func rewritten(t testing.TB) map[string][]byte {
	out := map[string][]byte{}
	for name, args := range map[string][]string{
		"qpdf linearized":                {"--linearize"},
		"qpdf object streams":            {"--object-streams=generate"},
		"qpdf linearized object streams": {"--linearize", "--object-streams=generate"},
		"qpdf qdf":                       {"--qdf"},
		"qpdf 1.4":                       {"--force-version=1.4", "--object-streams=disable"},
	} {
		dst := filepath.Join(t.TempDir(), "out.pdf")
		tooltest.On(t, pdftest.Letter(2), "qpdf", append(args, "FILE", dst)...)
		b, err := os.ReadFile(dst)
		if err != nil {
			t.Fatal(err)
		}
		out[name] = b
	}
	dst := filepath.Join(t.TempDir(), "cairo.pdf")
	tooltest.On(t, pdftest.Letter(2), "pdftocairo", "-pdf", "FILE", dst)
	cairo, err := os.ReadFile(dst)
	if err != nil {
		t.Fatal(err)
	}
	out["cairo"] = cairo
	api.DisableConfigDir()
	conf := model.NewDefaultConfiguration()
	conf.ValidationMode, conf.Offline = model.ValidationRelaxed, true
	var b bytes.Buffer
	if err := api.Optimize(bytes.NewReader(pdftest.Letter(2)), &b, conf); err != nil {
		t.Fatal(err)
	}
	out["pdfcpu"] = b.Bytes()
	return out
}

// checkKept compares every object of the document before and after: only the ones that a
// signature must touch may differ, and those keep every entry they had.
func checkKept(t *testing.T, before, after []byte) {
	t.Helper()
	a, b := open(t, before), open(t, after)
	for n := 1; n <= a.MaxObject(); n++ {
		old, err := a.Object(n)
		if err != nil {
			t.Fatal(err)
		}
		cur, err := b.Object(n)
		if err != nil {
			t.Fatal(err)
		}
		was, is := pdf.Append(nil, old), pdf.Append(nil, cur)
		if bytes.Equal(was, is) {
			continue
		}
		switch x := old.(type) {
		case *pdf.Dict:
			keptEntries(t, n, x, cur.(*pdf.Dict))
		case pdf.Array:
			if !slices.EqualFunc(x, cur.(pdf.Array)[:len(x)], func(p, q pdf.Object) bool { return sameElement(b, p, q) }) {
				t.Errorf("object %d: %s became %s", n, was, is)
			}
		default:
			t.Errorf("object %d: %s became %s", n, was, is)
		}
	}
	for _, e := range a.Trailer().Entries {
		if !slices.Contains([]pdf.Name{"Size", "Prev", "ID", "XRefStm", "Index", "W", "Length", "Filter", "DecodeParms", "Type"}, e.Key) {
			if got := pdf.Append(nil, b.Trailer().Get(e.Key)); !bytes.Equal(got, pdf.Append(nil, e.Value)) {
				t.Errorf("trailer entry %s became %s", e.Key, got)
			}
		}
	}
}

// sameElement compares an element of an array: a direct annotation may have become an object.
func sameElement(after *pdf.Doc, old, cur pdf.Object) bool {
	if _, ok := old.(*pdf.Dict); ok {
		cur, _ = after.Resolve(cur)
	}
	return bytes.Equal(pdf.Append(nil, old), pdf.Append(nil, cur))
}

func keptEntries(t *testing.T, n int, old, cur *pdf.Dict) {
	t.Helper()
	for i, e := range old.Entries {
		if e.Key == "AcroForm" || e.Key == "Annots" || e.Key == "Fields" || e.Key == "SigFlags" {
			continue
		}
		if c := cur.Entries[i]; c.Key != e.Key || !bytes.Equal(pdf.Append(nil, c.Value), pdf.Append(nil, e.Value)) {
			t.Errorf("object %d: entry %s became %s %s", n, e.Key, c.Key, pdf.Append(nil, c.Value))
		}
	}
}

func open(t testing.TB, b []byte) *pdf.Doc {
	t.Helper()
	d, err := pdf.Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Each kind of key and hash is accepted by the external verifiers.
func TestKeysAndHashes(t *testing.T) {
	t.Parallel()
	pki := signtest.New(t)
	rsa := signtest.RSA(t, 3072)
	for _, c := range []struct {
		name string
		key  crypto.Signer
		pss  bool
		hash crypto.Hash
		want crypto.Hash
	}{
		{"P-256 with its own hash", signtest.P256(t), false, 0, crypto.SHA256},
		{"P-384 with its own hash", signtest.P384(t), false, 0, crypto.SHA384},
		{"P-256 SHA-512", signtest.P256(t), false, crypto.SHA512, crypto.SHA512},
		{"RSA PKCS #1", rsa, false, 0, crypto.SHA256},
		{"RSA PKCS #1 SHA-512", rsa, false, crypto.SHA512, crypto.SHA512},
		{"RSA PSS", rsa, true, 0, crypto.SHA256},
		{"RSA PSS SHA-384", rsa, true, crypto.SHA384, crypto.SHA384},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e := pki.Signer(t, "Maire", c.key, nil)
			s, err := signing.NewSigner(e.Key, signing.Identity{Certificate: e.Certificate, Chain: pki.Chain(), PSS: c.pss})
			if err != nil {
				t.Fatal(err)
			}
			doc := signed(t, pdftest.Letter(1), signing.Options{Claims: claims(), Level: signing.BT, Hash: c.hash}, s, pki)
			checkTools(t, pki, doc, 1)
			out := tooltest.On(t, doc, "pdfsig", "-nocert", "FILE")
			if want := strings.ReplaceAll(c.want.String(), "SHA-", "SHA-"); !strings.Contains(out, want) {
				t.Errorf("hash %s expected:\n%s", want, out)
			}
		})
	}
}

// The independent Go reader finds and accepts three signatures with their names.
func TestSecondReaderAgrees(t *testing.T) {
	t.Parallel()
	pki := signtest.New(t)
	doc := pdftest.Letter(1)
	for i := range 3 {
		// That reader takes the first embedded certificate for the signer's, while DER order may put
		// an authority first: it is given the one certificate.
		e := pki.Signer(t, fmt.Sprintf("Signataire %d", i), signtest.P256(t), nil)
		s, err := signing.NewSigner(e.Key, signing.Identity{Certificate: e.Certificate})
		if err != nil {
			t.Fatal(err)
		}
		doc = signed(t, doc, signing.Options{Claims: claims(), Level: signing.BT}, s, pki)
	}
	d, err := pdfsign.Open(bytes.NewReader(doc), int64(len(doc)))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(pki.Root.Certificate)
	roots.AddCert(pki.Issuing.Certificate)
	v := d.Verify().TrustedRoots(roots).SkipRevocationCheck(true).ValidateTimestampCertificates(true)
	if !v.Valid() || v.Count() != 3 || v.Err() != nil {
		t.Errorf("valid %v, %d signatures, %v", v.Valid(), v.Count(), v.Err())
	}
	for _, s := range v.Signatures() {
		if !s.Valid || !s.TimestampValid || s.Timestamp == nil {
			t.Errorf("valid %v, time-stamp %v valid %v: %v %v", s.Valid, s.Timestamp, s.TimestampValid, s.Errors, s.Warnings)
		}
		if s.Reason != claims().Reason || s.SignerName != claims().Name {
			t.Errorf("reads name %q, reason %q", s.SignerName, s.Reason)
		}
	}
}

// The accents, parentheses and backslashes of the claims come back as they were given.
func TestTextStringsSurvive(t *testing.T) {
	t.Parallel()
	pki := signtest.New(t)
	p := newPerson(t, pki, "Maire", signtest.P256(t))
	for _, text := range []string{"été (x", `a\(b)c\`, "plain (ASCII", "Œuvre – « n° 3 »", "\U0001F600", ")(", "line\nbreak"} {
		c := claims()
		c.Name, c.Reason, c.Place = text, text, text
		doc := signed(t, pdftest.Letter(1), signing.Options{Claims: c, Field: signing.Field{Name: strings.ReplaceAll(text, ".", "")}}, p, nil)
		sigs, err := open(t, doc).Signatures()
		if err != nil || len(sigs) != 1 {
			t.Fatal(err, len(sigs))
		}
		for _, k := range []pdf.Name{"Name", "Reason", "Location"} {
			if got := sigs[0].Dict.Get(k).(pdf.Raw).Text(); got != text {
				t.Errorf("%s: got %q, want %q", k, got, text)
			}
		}
		if sigs[0].Field.Name != text {
			t.Errorf("field %q, want %q", sigs[0].Field.Name, text)
		}
		if out := tooltest.On(t, doc, "qpdf", "--check", "FILE"); strings.Contains(out, "WARNING") {
			t.Error(out)
		}
	}
}

// An empty field of the document, nested under a parent, is filled and keeps its entries.
func TestExistingFieldIsFilled(t *testing.T) {
	t.Parallel()
	pki := signtest.New(t)
	p := newPerson(t, pki, "Maire", signtest.P256(t))
	opt := signing.Options{Claims: claims(), Field: signing.Field{Name: "maire.visa"}}
	doc := signed(t, pdftest.Form(), opt, p, nil)
	checkTools(t, pki, doc, 1)
	widget, err := open(t, doc).Object(8)
	if err != nil {
		t.Fatal(err)
	}
	d := widget.(*pdf.Dict)
	if d.Get("Parent") != (pdf.Ref{Number: 7}) || d.Get("AP") == nil {
		t.Errorf("widget became %s", pdf.Append(nil, d))
	}
	_, err = signing.Prepare(t.Context(), source(doc), withIdentity(opt, p))
	wantErr(t, err, signing.ErrField)
	opt.Field.Name = "objet"
	_, err = signing.Prepare(t.Context(), source(doc), withIdentity(opt, p))
	wantErr(t, err, signing.ErrField)
}

func withIdentity(o signing.Options, p person) signing.Options {
	o.Identity = p.id
	return o
}

// New fields take the first free number; their blocks never overlap.
func TestFieldsAreUniqueAndApart(t *testing.T) {
	t.Parallel()
	pki := signtest.New(t)
	p := newPerson(t, pki, "Maire", signtest.P256(t))
	doc := pdftest.Letter(1)
	for range 6 {
		doc = signed(t, doc, signing.Options{Claims: claims()}, p, nil)
	}
	d := open(t, doc)
	fields, err := d.Fields()
	if err != nil {
		t.Fatal(err)
	}
	var rects []pdf.Rect
	for i, f := range fields {
		if want := fmt.Sprintf("Signature%d", i+1); f.Name != want {
			t.Errorf("field %q, want %q", f.Name, want)
		}
		r, err := d.Rect(f.Dict.Get("Rect"))
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(rects, r.Overlaps) || r.Intersect(pdf.Rect{X1: 595, Y1: 842}) != r {
			t.Errorf("%s at %v, others at %v", f.Name, r, rects)
		}
		rects = append(rects, r)
	}
}
