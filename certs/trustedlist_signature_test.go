package certs

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"parapheur/internal/tooltest"
)

// A supervisor signs lists with xmlsec1, which is none of ours.
type supervisor struct {
	dir  string
	name string
	cert *x509.Certificate
}

func newSupervisor(t *testing.T, dir, name string, key ...string) supervisor {
	t.Helper()
	tooltest.Output(t, dir, "openssl", append([]string{"req", "-x509", "-nodes", "-keyout", name + ".key", "-out", name + ".pem", "-days", "30", "-subj", "/C=FR/O=Superviseur/CN=" + name, "-newkey"}, key...)...)
	raw, err := os.ReadFile(filepath.Join(dir, name+".pem"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(raw)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return supervisor{dir, name, cert}
}

// sign writes a list signed as supervisors sign them: XAdES, enveloped, with a
// reference to the whole list and one to the properties of the signature.
func (s supervisor) sign(t *testing.T, list, method, digest string) string {
	t.Helper()
	list = strings.Replace(list, "<ns2:Signature/>", "", 1)
	uri := ""
	if strings.Contains(list, ` Id="list"`) {
		uri = "#list"
	}
	const c14n = "http://www.w3.org/2001/10/xml-exc-c14n#"
	template := `<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#" Id="sig"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm="` + c14n + `"/>
<ds:SignatureMethod Algorithm="` + method + `"/><ds:Reference URI="` + uri + `"><ds:Transforms><ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>
<ds:Transform Algorithm="` + c14n + `"/></ds:Transforms><ds:DigestMethod Algorithm="` + digest + `"/><ds:DigestValue/></ds:Reference>
<ds:Reference URI="#xades" Type="http://uri.etsi.org/01903#SignedProperties"><ds:Transforms><ds:Transform Algorithm="` + c14n + `"/></ds:Transforms>
<ds:DigestMethod Algorithm="` + digest + `"/><ds:DigestValue/></ds:Reference></ds:SignedInfo><ds:SignatureValue/>
<ds:KeyInfo><ds:X509Data><ds:X509Certificate/></ds:X509Data></ds:KeyInfo>
<ds:Object><xades:QualifyingProperties xmlns:xades="http://uri.etsi.org/01903/v1.3.2#" Target="#sig"><xades:SignedProperties Id="xades"><xades:SignedSignatureProperties>
<xades:SigningTime>2026-01-02T03:04:05Z</xades:SigningTime></xades:SignedSignatureProperties></xades:SignedProperties></xades:QualifyingProperties></ds:Object></ds:Signature></TrustServiceStatusList>`
	in := filepath.Join(s.dir, s.name+"-in.xml")
	if err := os.WriteFile(in, []byte(strings.Replace(list, "</TrustServiceStatusList>", template, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(s.dir, s.name+"-out.xml")
	tooltest.Output(t, s.dir, "xmlsec1", "--sign", "--privkey-pem", s.name+".key,"+s.name+".pem", "--id-attr:Id", "http://uri.etsi.org/01903/v1.3.2#:SignedProperties",
		"--id-attr:Id", "http://uri.etsi.org/02231/v2#:TrustServiceStatusList", "--output", out, in)
	raw, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

const (
	rsaSHA256   = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
	rsaSHA512   = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512"
	rsaSHA1     = "http://www.w3.org/2000/09/xmldsig#rsa-sha1"
	ecdsaSHA256 = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
	ecdsaSHA384 = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384"
	sha256XML   = "http://www.w3.org/2001/04/xmlenc#sha256"
	sha512XML   = "http://www.w3.org/2001/04/xmlenc#sha512"
	sha1XML     = "http://www.w3.org/2000/09/xmldsig#sha1"
)

// Lists that xmlsec1 signed are read, and only under the certificate that signed them.
func TestSignedTrustedList(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	service := listed{kind: CAQC, cert: authorityOf(t).Certificate(), status: "granted", since: time.Now().Add(-30 * day)}
	list := trustedList(service)
	stranger := newSupervisor(t, dir, "autre", "rsa:3072")
	for name, x := range map[string]struct {
		key            []string
		method, digest string
	}{
		"RSA":         {[]string{"rsa:3072"}, rsaSHA256, sha256XML},
		"RSA-SHA-512": {[]string{"rsa:3072"}, rsaSHA512, sha512XML},
		"P-256":       {[]string{"ec", "-pkeyopt", "ec_paramgen_curve:P-256"}, ecdsaSHA256, sha256XML},
		"P-384":       {[]string{"ec", "-pkeyopt", "ec_paramgen_curve:P-384"}, ecdsaSHA384, sha512XML},
	} {
		s := newSupervisor(t, dir, name, x.key...)
		signed := s.sign(t, list, x.method, x.digest)
		l, err := ParseSignedTrustedList(strings.NewReader(signed), []*x509.Certificate{stranger.cert, s.cert}, time.Now())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if l.Sequence != 17 || len(l.Services) != 1 || !l.Signer.Equal(s.cert) || l.Operator != "Superviseur d’essai" {
			t.Errorf("%s: read %+v", name, l)
		}
		for why, err := range map[string]error{
			"another signer":  parsed(signed, stranger.cert, time.Now()),
			"no signer":       parsed(signed, nil, time.Now()),
			"expired":         parsed(signed, s.cert, time.Now().Add(60*day)),
			"one word":        parsed(strings.Replace(signed, "granted", "withdrawn", 1), s.cert, time.Now()),
			"the sequence":    parsed(strings.Replace(signed, ">17<", ">18<", 1), s.cert, time.Now()),
			"no signature":    parsed(list, s.cert, time.Now()),
			"two signatures":  parsed(twice(signed), s.cert, time.Now()),
			"cut in the text": parsed(strings.Replace(signed, "FR<", "F<!-- -->R<", 1)+" ", s.cert, time.Now()),
		} {
			if why == "cut in the text" { // comments are no part of what is signed, nor of what is read
				if err != nil {
					t.Errorf("%s, a comment: %v", name, err)
				}
				continue
			}
			if !errors.Is(err, ErrTrustedListSignature) {
				t.Errorf("%s, %s: %v", name, why, err)
			}
		}
	}
}

func parsed(list string, signer *x509.Certificate, at time.Time) error {
	var signers []*x509.Certificate
	if signer != nil {
		signers = append(signers, signer)
	}
	_, err := ParseSignedTrustedList(strings.NewReader(list), signers, at)
	return err
}

// twice repeats the signature of a list.
func twice(signed string) string {
	a, b := strings.Index(signed, "<ds:Signature "), strings.Index(signed, "</ds:Signature>")+len("</ds:Signature>")
	return signed[:b] + signed[a:]
}

// What is parsed is what was verified: a sound list inside a false one, or a
// signature over a part, or weak, makes nothing of the false one true.
func TestWrappedTrustedList(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := newSupervisor(t, dir, "superviseur", "rsa:3072")
	forger := listed{kind: CAQC, cert: authorityOf(t).Certificate(), status: "granted", since: time.Now().Add(-30 * day)}
	forged := strings.Replace(trustedList(forger), "<ns2:Signature/>", "", 1)
	sound := s.sign(t, trustedList(), rsaSHA256, sha256XML)
	a, b := strings.Index(sound, "<ds:Signature "), strings.Index(sound, "</ds:Signature>")+len("</ds:Signature>")
	signature := sound[a:b]
	root := sound[strings.Index(sound, "<TrustServiceStatusList"):]
	end := "</TrustServiceStatusList>"
	inside := strings.Replace(signature, "<ds:Object>", "<ds:Object>"+strings.Replace(root, signature, "", 1), 1)
	named := func(list, id string) string {
		return strings.Replace(list, "<TrustServiceStatusList", `<TrustServiceStatusList Id="`+id+`"`, 1)
	}
	byID := s.sign(t, named(trustedList(), "list"), rsaSHA256, sha256XML)
	if err := parsed(byID, s.cert, time.Now()); err != nil {
		t.Errorf("a reference by Id: %v", err)
	}
	c, d := strings.Index(byID, "<ds:Signature "), strings.Index(byID, "</ds:Signature>")+len("</ds:Signature>")
	whole := strings.Replace(byID[strings.Index(byID, "<TrustServiceStatusList"):], byID[c:d], "", 1)
	byInside := strings.Replace(byID[c:d], "<ds:Object>", "<ds:Object>"+whole+"</ds:Object><ds:Object>", 1)
	for name, file := range map[string]string{
		"a root without the Id":                 strings.Replace(forged, end, byInside+end, 1),
		"a root with another Id":                strings.Replace(named(forged, "other"), end, byInside+end, 1),
		"a root with the same Id":               strings.Replace(named(forged, "list"), end, byInside+end, 1),
		"its signature on another list":         strings.Replace(forged, end, signature+end, 1),
		"the whole sound list inside":           strings.Replace(forged, end, root+end, 1),
		"the sound list in an object":           strings.Replace(forged, end, inside+end, 1),
		"a signature deeper":                    strings.Replace(forged, end, "<X>"+signature+"</X>"+end, 1),
		"the sound list first, then the forged": strings.Replace(sound, end, forged[strings.Index(forged, "<SchemeInformation"):], 1),
		"weak signature":                        s.sign(t, forged, rsaSHA1, sha256XML),
		"weak digest":                           s.sign(t, forged, rsaSHA256, sha1XML),
		"a digest of another transform":         strings.Replace(sound, "enveloped-signature", "enveloped-signaturf", 1),
	} {
		l, err := ParseSignedTrustedList(strings.NewReader(file), []*x509.Certificate{s.cert}, time.Now())
		if !errors.Is(err, ErrTrustedListSignature) && !errors.Is(err, ErrTrustedList) {
			t.Errorf("%s: %v", name, err)
		}
		if l != nil {
			t.Errorf("%s: read %d services", name, len(l.Services))
		}
	}
	if _, err := ParseSignedTrustedList(bytes.NewReader(make([]byte, maxTrustedList+1)), []*x509.Certificate{s.cert}, time.Now()); !errors.Is(err, ErrTrustedList) {
		t.Errorf("too large: %v", err)
	}
}

// FuzzSignedTrustedList: no input panics, hangs, or is read without its signature.
func FuzzSignedTrustedList(f *testing.F) {
	f.Add(trustedList())
	f.Add(`<TrustServiceStatusList xmlns="http://uri.etsi.org/02231/v2#"><Signature xmlns="http://www.w3.org/2000/09/xmldsig#"><SignedInfo/></Signature></TrustServiceStatusList>`)
	signer := &x509.Certificate{Raw: []byte("nobody")}
	f.Fuzz(func(t *testing.T, list string) {
		if l, err := ParseSignedTrustedList(strings.NewReader(list), []*x509.Certificate{signer}, time.Now()); err == nil {
			t.Errorf("read %+v under nobody's signature", l)
		}
	})
}
