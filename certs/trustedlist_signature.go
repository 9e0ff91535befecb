package certs

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
)

// ErrTrustedListSignature says that a list is not signed by who was named, or
// not whole: nothing of it is to be used.
var ErrTrustedListSignature = errors.New("certs: signature of the trusted list refused")

// xmldsigSpace is the name space of XML signatures.
const xmldsigSpace = "http://www.w3.org/2000/09/xmldsig#"

// ParseSignedTrustedList verifies the XML signature of a list (TS 119 612, 5.7:
// XAdES, enveloped, over the whole list), made with one of these certificates,
// in its dates at a given time, then reads it. What is read is what was
// verified, in its canonical form, and nothing else of the file: a signed list
// wrapped in another one is refused. RSA PKCS #1 v1.5 and ECDSA with SHA-256,
// SHA-384 or SHA-512 are known. Beside the errors of [ParseTrustedList]:
// [ErrTrustedListSignature].
func ParseSignedTrustedList(r io.Reader, signers []*x509.Certificate, now time.Time) (*TrustedList, error) {
	raw, err := io.ReadAll(io.LimitReader(r, maxTrustedList+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTrustedList, err)
	}
	// Bounds first: what verifies the signature has none.
	if _, err := ParseTrustedList(bytes.NewReader(raw)); err != nil {
		return nil, err
	}
	doc := etree.NewDocument()
	if err := doc.ReadFromBytes(raw); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTrustedList, err)
	}
	signer, err := listSigner(doc.Root(), signers, now)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTrustedListSignature, err)
	}
	ctx := dsig.NewDefaultValidationContext(&dsig.MemoryX509CertificateStore{Roots: []*x509.Certificate{signer}})
	ctx.IdAttribute, ctx.Clock = "Id", dsig.NewFakeClockAt(now)
	verified, err := ctx.Validate(doc.Root())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTrustedListSignature, err)
	}
	sound := etree.NewDocument()
	sound.SetRoot(verified)
	canonical, err := sound.WriteToBytes()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTrustedListSignature, err)
	}
	l, err := ParseTrustedList(bytes.NewReader(canonical))
	if err != nil {
		return nil, err
	}
	l.Signer = signer
	return l, nil
}

// listSigner holds the signature of a list to the shape that it must have, and
// returns which of the certificates it names.
func listSigner(root *etree.Element, signers []*x509.Certificate, now time.Time) (*x509.Certificate, error) {
	sig, err := onlyChild(root, "Signature")
	if err != nil {
		return nil, err
	}
	if err := checkSignedInfo(root, sig); err != nil {
		return nil, err
	}
	signer, err := namedSigner(sig, signers)
	switch {
	case err != nil:
		return nil, err
	case now.Before(signer.NotBefore) || now.After(signer.NotAfter):
		return nil, fmt.Errorf("the certificate of the signer serves from %s to %s", signer.NotBefore.Format(time.DateOnly), signer.NotAfter.Format(time.DateOnly))
	}
	if key, ok := signer.PublicKey.(*ecdsa.PublicKey); ok {
		return signer, rewriteECDSA(sig, (key.Curve.Params().N.BitLen()+7)/8)
	}
	return signer, nil
}

// onlyChild returns the one child of a name in the space of signatures.
func onlyChild(of *etree.Element, name string) (*etree.Element, error) {
	var found []*etree.Element
	for _, c := range of.ChildElements() {
		if c.Tag == name && c.NamespaceURI() == xmldsigSpace {
			found = append(found, c)
		}
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("%d elements %s in %s", len(found), name, of.Tag)
	}
	return found[0], nil
}

// checkSignedInfo wants algorithms that hold, and one reference to the whole
// list, transformed by nothing but the removal of the signature and the
// canonical form.
func checkSignedInfo(root, sig *etree.Element) error {
	info, err := onlyChild(sig, "SignedInfo")
	if err != nil {
		return err
	}
	strong := func(e *etree.Element) error {
		a := e.SelectAttrValue("Algorithm", "")
		for _, ok := range []string{"sha256", "sha384", "sha512"} {
			if strings.HasSuffix(a, "#"+ok) || strings.HasSuffix(a, "-"+ok) {
				return nil
			}
		}
		return fmt.Errorf("algorithm %q of %s", a, e.Tag)
	}
	method, err := onlyChild(info, "SignatureMethod")
	if err != nil {
		return err
	}
	if err := strong(method); err != nil {
		return err
	}
	id, whole := root.SelectAttrValue("Id", ""), 0
	for _, ref := range info.ChildElements() {
		if ref.Tag != "Reference" {
			continue
		}
		uri := ref.SelectAttr("URI")
		if uri == nil || uri.Value != "" && !strings.HasPrefix(uri.Value, "#") {
			return errors.New("a reference to something else than this file")
		}
		digest, err := onlyChild(ref, "DigestMethod")
		if err != nil {
			return err
		}
		if err := strong(digest); err != nil {
			return err
		}
		if uri.Value == "" || uri.Value == "#"+id {
			whole++
		}
	}
	if whole != 1 {
		return fmt.Errorf("%d references to the whole list", whole)
	}
	return nil
}

// namedSigner is the certificate that the signature says to be made with, when
// it is one of those given. Without any it is the one given.
func namedSigner(sig *etree.Element, signers []*x509.Certificate) (*x509.Certificate, error) {
	var named []*x509.Certificate
	for _, e := range sig.FindElements("./KeyInfo/X509Data/X509Certificate") {
		der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(e.Text()), ""))
		if err != nil {
			return nil, errors.New("an unreadable certificate in the signature")
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, errors.New("an unreadable certificate in the signature")
		}
		named = append(named, c)
	}
	if len(named) == 0 {
		return nil, errors.New("the signature names no certificate")
	}
	if !slices.ContainsFunc(signers, named[0].Equal) {
		return nil, fmt.Errorf("made by %s, who is not one of the signers given", named[0].Subject)
	}
	return named[0], nil
}

// rewriteECDSA gives a value of ECDSA, which XML writes as two numbers of n
// bytes one after the other (RFC 4050, 3.3; XMLDSig 1.1, 6.4.3), the form that
// X.509 libraries verify. The value is not among what is signed.
func rewriteECDSA(sig *etree.Element, n int) error {
	value, err := onlyChild(sig, "SignatureValue")
	if err != nil {
		return err
	}
	raw, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(value.Text()), ""))
	if err != nil || len(raw) != 2*n {
		return errors.New("an unreadable value")
	}
	der, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(raw[:n]), new(big.Int).SetBytes(raw[n:])})
	if err != nil {
		return err
	}
	value.SetText(base64.StdEncoding.EncodeToString(der))
	return nil
}
