package signing_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"parapheur/internal/tooltest"
	"parapheur/signing/internal/cms"
	"parapheur/signing/internal/pdf"
	"parapheur/signing/internal/signtest"
)

// forgery is a signature written with the parts of the product but none of its care, so that
// each rule can be broken alone.
type forgery struct {
	name    pdf.Raw     // of the field, (forged) when empty
	entries []pdf.Entry // more entries of the signature dictionary
	kind    pdf.Name    // /Type, Sig when empty
	filter  pdf.Name    // /SubFilter, ETSI.CAdES.detached when empty
	noTime  bool        // no /M
	drop    pdf.Name    // another entry to leave out
	certify int         // /P of a DocMDP transform, 0 for none
	dss     [][2]string // new streams of the /DSS: their key and their data
	value   func(digest []byte) []byte
}

// apply appends the forged signature to file.
func (f forgery) apply(t testing.TB, file []byte) []byte {
	t.Helper()
	doc := openDoc(t, file)
	u, err := doc.NewUpdate()
	if err != nil {
		t.Fatal(err)
	}
	sig, field := u.Alloc(), u.Alloc()
	u.PutSignature(sig, f.dictionary(), 8000)
	page, err := doc.LastPage()
	if err != nil {
		t.Fatal(err)
	}
	name := f.name
	if name == "" {
		name = "(forged)"
	}
	u.Put(field, pdf.NewDict([]pdf.Entry{
		{Key: "Type", Value: pdf.Name("Annot")},
		{Key: "Subtype", Value: pdf.Name("Widget")},
		{Key: "FT", Value: pdf.Name("Sig")},
		{Key: "T", Value: name},
		{Key: "V", Value: sig},
		{Key: "Rect", Value: pdf.Array{0, 0, 0, 0}},
		{Key: "P", Value: page.Ref},
	}...))
	if err := u.AddAnnotation(page, field); err != nil {
		t.Fatal(err)
	}
	if err := u.AddField(field); err != nil {
		t.Fatal(err)
	}
	f.evidence(u)
	if f.certify > 0 {
		u.SetCatalog("Perms", pdf.NewDict(pdf.Entry{Key: "DocMDP", Value: sig}))
	}
	tail, hole, err := u.Finish()
	if err != nil {
		t.Fatal(err)
	}
	w := crypto.SHA256.New()
	w.Write(file)
	w.Write(tail[:hole.Start])
	w.Write(tail[hole.End:])
	hex.Encode(tail[hole.Start+1:], f.value(w.Sum(nil)))
	return append(bytes.Clone(file), tail...)
}

func (f forgery) dictionary() *pdf.Dict {
	kind, filter := f.kind, f.filter
	if kind == "" {
		kind = "Sig"
	}
	if filter == "" {
		filter = "ETSI.CAdES.detached"
	}
	d := pdf.NewDict(pdf.Entry{Key: "Type", Value: kind}, pdf.Entry{Key: "Filter", Value: pdf.Name("Adobe.PPKLite")},
		pdf.Entry{Key: "SubFilter", Value: filter})
	if !f.noTime {
		d.Entries = append(d.Entries, pdf.Entry{Key: "M", Value: pdf.EncodeDate(signtest.Now())})
	}
	if f.certify > 0 {
		d.Set("Reference", pdf.Array{pdf.NewDict(pdf.Entry{Key: "TransformMethod", Value: pdf.Name("DocMDP")},
			pdf.Entry{Key: "TransformParams", Value: pdf.NewDict(pdf.Entry{Key: "P", Value: f.certify})})})
	}
	d.Entries = append(d.Entries, f.entries...)
	d.Entries = slices.DeleteFunc(d.Entries, func(e pdf.Entry) bool { return e.Key == f.drop })
	return d
}

func (f forgery) evidence(u *pdf.Update) {
	if len(f.dss) == 0 {
		return
	}
	dss := pdf.NewDict()
	for _, e := range f.dss {
		r := u.Alloc()
		u.PutStream(r, pdf.NewDict(), []byte(e[1]))
		list, _ := dss.Get(pdf.Name(e[0])).(pdf.Array)
		dss.Set(pdf.Name(e[0]), append(list, r))
	}
	u.SetCatalog("DSS", dss)
}

func openDoc(t testing.TB, file []byte) *pdf.Doc {
	t.Helper()
	doc, err := pdf.Open(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// cmsOf signs a digest with an entity, as the product does.
func (o *office) cmsOf(t testing.TB, e signtest.Entity, b cms.Builder, digest []byte, token func(sig []byte) []byte) []byte {
	t.Helper()
	if b.Hash == 0 {
		b.Hash = crypto.SHA256
	}
	if b.Certificate == nil {
		b.Certificate = e.Certificate
	}
	b.Chain = o.pki.Chain()
	attrs, err := b.SignedAttributes(digest)
	if err != nil {
		t.Fatal(err)
	}
	return o.assemble(t, e, b, attrs, token)
}

// builder is that of an entity.
func (o *office) builder(e signtest.Entity) cms.Builder {
	return cms.Builder{Certificate: e.Certificate}
}

// stampedCMS is a sound B-T value of a new signer.
func (o *office) stampedCMS(t testing.TB, digest []byte) []byte {
	t.Helper()
	return o.cmsOf(t, o.pki.Signer(t, "Certificateur", signtest.P256(t), nil), cms.Builder{}, digest, func(sig []byte) []byte { return o.stamp(t, sig) })
}

// assemble signs attributes, sound or not.
func (o *office) assemble(t testing.TB, e signtest.Entity, b cms.Builder, attrs []byte, token func(sig []byte) []byte) []byte {
	t.Helper()
	w := b.Hash.New()
	w.Write(attrs)
	sig, err := e.Key.Sign(rand.Reader, w.Sum(nil), b.Hash)
	if err != nil {
		t.Fatal(err)
	}
	var tst []byte
	if token != nil {
		tst = token(sig)
	}
	b.Certificate = e.Certificate
	der, err := b.Assemble(attrs, sig, tst)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// stamp is the token of the office's authority over the SHA-256 of data.
func (o *office) stamp(t testing.TB, data []byte) []byte {
	t.Helper()
	w := crypto.SHA256.New()
	w.Write(data)
	return o.stampDigest(t, w.Sum(nil))
}

func (o *office) stampDigest(t testing.TB, digest []byte) []byte {
	t.Helper()
	token, err := o.pki.Timestamp(t.Context(), crypto.SHA256, digest)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// signatureAt returns signature i of a file as it is parsed.
func signatureAt(t testing.TB, file []byte, i int) pdf.Signature {
	t.Helper()
	list, err := openDoc(t, file).Signatures()
	if err != nil {
		t.Fatal(err)
	}
	return list[i]
}

// undesignated signs without signing-certificate-v2: its type is changed to one that nobody knows.
func (o *office) undesignated(t testing.TB, e signtest.Entity, digest []byte) []byte {
	t.Helper()
	b := cms.Builder{Hash: crypto.SHA256, Certificate: e.Certificate, Chain: o.pki.Chain()}
	attrs, err := b.SignedAttributes(digest)
	if err != nil {
		t.Fatal(err)
	}
	id := []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x02, 0x2f}
	attrs[bytes.Index(attrs, id)+len(id)-1] = 0x2e
	return o.assemble(t, e, b, attrs, nil)
}

// byOpenSSL is a CMS over other content, with signing-time and without signing-certificate-v2.
func byOpenSSL(t testing.TB, e signtest.Entity, args ...string) []byte {
	t.Helper()
	dir := t.TempDir()
	key, err := x509.MarshalPKCS8PrivateKey(e.Key)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: e.Certificate.Raw}, "key.pem": {Type: "PRIVATE KEY", Bytes: key}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out := filepath.Join(dir, "out")
	tooltest.On(t, []byte("content"), "openssl", append([]string{
		"cms", "-sign", "-binary", "-outform", "DER", "-in", "FILE", "-signer",
		filepath.Join(dir, "cert.pem"), "-inkey", filepath.Join(dir, "key.pem"), "-out", out,
	}, args...)...)
	der, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return der
}
