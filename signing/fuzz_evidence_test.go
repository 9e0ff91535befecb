package signing

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"math/big"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"parapheur/signing/internal/signtest"
)

// FuzzEvidence reads any bytes as the certificates, lists and answers of a /DSS: nothing crashes or takes
// long, and nothing proves or revokes a certificate but what its issuer signed.
func FuzzEvidence(f *testing.F) {
	pki := signtest.New(f)
	mayor := pki.Signer(f, "Maire", signtest.P256(f), nil).Certificate
	issuer := pki.Issuing
	list := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: signtest.Now(), NextUpdate: signtest.Now().AddDate(0, 1, 0)}
	crl, err := x509.CreateRevocationList(rand.Reader, list, issuer.Certificate, issuer.Key)
	if err != nil {
		f.Fatal(err)
	}
	answer := signtest.Answer(f, issuer, issuer, ocsp.Response{
		Status: ocsp.Good, SerialNumber: mayor.SerialNumber, ThisUpdate: signtest.Now(), NextUpdate: signtest.Now().Add(time.Hour),
	})
	f.Add(crl, answer, mayor.Raw)
	f.Add(crl[:90], answer[:90], mayor.Raw[:90])
	f.Add([]byte(nil), answer, []byte{0x30, 0})
	f.Fuzz(func(t *testing.T, crl, answer, cert []byte) {
		start := time.Now()
		p := newProofs(signtest.Now())
		p.takeCertificate(cert)
		p.takeList(crl)
		p.takeResponse(answer)
		proven := p.proven(mayor, issuer.Certificate, signtest.Now(), 0)
		if p.revoked([]*x509.Certificate{mayor, issuer.Certificate}, signtest.Now()) {
			t.Fatal("revoked by what nobody signed")
		}
		if took := time.Since(start); took > 2*time.Second {
			t.Fatalf("took %v", took)
		}
		if !proven {
			return
		}
		l, err := x509.ParseRevocationList(crl)
		byList := err == nil && bytes.Equal(l.RawIssuer, issuer.Certificate.RawSubject) && l.CheckSignatureFrom(issuer.Certificate) == nil
		if _, err := ocsp.ParseResponseForCert(answer, mayor, issuer.Certificate); err != nil && !byList {
			t.Fatal("proven by what nobody signed")
		}
	})
}
