package signing_test

import (
	"bytes"
	"crypto"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"parapheur/internal/tooltest"
	"parapheur/signing"
	"parapheur/signing/internal/pdf"
	"parapheur/signing/internal/signtest"
)

// person is a signer of the tests.
type person struct {
	signtest.Entity
	id signing.Identity
	signing.Signer
}

func newPerson(t testing.TB, pki *signtest.PKI, name string, key crypto.Signer) person {
	t.Helper()
	e := pki.Signer(t, name, key, nil)
	id := signing.Identity{Certificate: e.Certificate, Chain: pki.Chain()}
	s, err := signing.NewSigner(e.Key, id)
	if err != nil {
		t.Fatal(err)
	}
	return person{e, id, s}
}

func claims() signing.Claims {
	return signing.Claims{
		Name: "Élise Préfète-Gœury (maire) \\ L’Haÿ", Quality: "Maire", Town: "Saint-Aubin-sur-Loire",
		Reason: "Décision no 12 : été (x", Place: "Saint-Aubin (71)", ContactInfo: "mairie@exemple.fr", Time: signtest.Now(),
	}
}

// source is a document in memory.
func source(b []byte) signing.Source { return bytes.NewReader(b) }

// signed appends one signature to the document and checks the prefix property.
func signed(t testing.TB, doc []byte, opt signing.Options, s signing.Signer, tsa signing.Timestamper) []byte {
	t.Helper()
	tail, err := signing.Sign(t.Context(), source(doc), opt, s, tsa)
	if err != nil {
		t.Fatal(err)
	}
	return append(bytes.Clone(doc), tail...)
}

// checkTools lets poppler, qpdf and OpenSSL judge a file with n signatures, the last of which
// covers the whole file.
func checkTools(t *testing.T, pki *signtest.PKI, file []byte, n int) {
	t.Helper()
	out := tooltest.On(t, file, "pdfsig", "-nocert", "FILE")
	if got := strings.Count(out, "Signature is Valid."); got != n {
		t.Errorf("pdfsig finds %d valid signatures of %d:\n%s", got, n, out)
	}
	if got := strings.Count(out, "Total document signed"); got != 1 {
		t.Errorf("pdfsig: the last signature should cover the whole file:\n%s", out)
	}
	if strings.Contains(out, "Syntax") {
		t.Errorf("pdfsig complains:\n%s", out)
	}
	out = tooltest.On(t, file, "qpdf", "--check", "FILE")
	if strings.Contains(out, "WARNING") || !strings.Contains(out, "No syntax or stream encoding errors") {
		t.Errorf("qpdf complains:\n%s", out)
	}
	for i, s := range parts(t, file) {
		openssl(t, pki, s, i)
	}
}

// part is one signature as the file holds it.
type part struct{ cms, content []byte }

func parts(t testing.TB, file []byte) []part {
	t.Helper()
	d, err := pdf.Open(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	sigs, err := d.Signatures()
	if err != nil {
		t.Fatal(err)
	}
	var out []part
	for _, s := range sigs {
		var n [4]int64
		for i, v := range s.ByteRange[0].Value.(pdf.Array) {
			n[i], _ = v.(pdf.Raw).Int()
		}
		c := s.Contents[0]
		if n[0] != 0 || n[1] != c.Start || n[2] != c.End {
			t.Fatalf("byte range %v around contents %d to %d", n, c.Start, c.End)
		}
		der, err := hex.DecodeString(string(file[c.Start+1 : c.End-1]))
		if err != nil {
			t.Fatal(err)
		}
		content := append(bytes.Clone(file[:n[1]]), file[n[2]:n[2]+n[3]]...)
		out = append(out, part{der, content})
	}
	return out
}

func openssl(t *testing.T, pki *signtest.PKI, p part, i int) {
	t.Helper()
	dir := t.TempDir()
	for name, b := range map[string][]byte{"root.pem": pki.RootPEM(), "content": p.content, "sig": trimDER(t, p.cms)} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tooltest.On(t, nil, "openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", filepath.Join(dir, "sig"),
		"-content", filepath.Join(dir, "content"), "-CAfile", filepath.Join(dir, "root.pem"), "-purpose", "any", "-out", filepath.Join(dir, "out"))
	out := tooltest.On(t, nil, "openssl", "cms", "-cmsout", "-print", "-noout", "-inform", "DER", "-in", filepath.Join(dir, "sig"))
	out, _, _ = strings.Cut(out, "unsignedAttrs:") // the token has a signing-time of its own
	if strings.Contains(out, "signingTime") {
		t.Errorf("signature %d has a signing-time", i)
	}
	if got := strings.Count(out, "id-smime-aa-signingCertificateV2"); got != 1 {
		t.Errorf("signature %d should have one signing-certificate-v2:\n%s", i, out)
	}
}

// trimDER removes the zeros that fill the hole, by the length that the DER announces.
func trimDER(t testing.TB, b []byte) []byte {
	t.Helper()
	if len(b) < 4 || b[0] != 0x30 || b[1] != 0x82 {
		t.Fatalf("not a CMS of usual length: %x", b[:min(4, len(b))])
	}
	return b[:4+int(b[2])<<8+int(b[3])]
}

// wantErr fails unless err is want.
func wantErr(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
}
