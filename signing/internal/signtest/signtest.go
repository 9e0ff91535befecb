// Package signtest makes throw-away certificates and a time-stamping authority for the tests of
// signing: a root, an issuing authority, signers with any key, and a TSA in the same process.
//
// It is for tests only: keys live in memory, and it fails the test instead of returning errors.
package signtest

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"sync/atomic"
	"testing"
	"time"

	"github.com/digitorus/timestamp"
)

// Now is the time at which the tests sign; every certificate is valid around it.
func Now() time.Time {
	return time.Date(2026, 11, 23, 10, 47, 3, 0, time.FixedZone("CET", 3600))
}

// Entity is a certificate with its key.
type Entity struct {
	Certificate *x509.Certificate
	Key         crypto.Signer
}

// PKI is a hierarchy made for one test; its subtests may issue and stamp in parallel.
type PKI struct {
	Root, Issuing, Unit Entity // Unit signs the time-stamps
	serial              atomic.Int64
}

// New makes a root, an issuing authority and a time-stamping unit.
func New(t testing.TB) *PKI {
	t.Helper()
	p := &PKI{}
	p.serial.Store(1000)
	ca := func(c *x509.Certificate) {
		c.IsCA, c.BasicConstraintsValid = true, true
		c.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	}
	p.Root = p.issue(t, "Racine de test", P256(t), Entity{}, ca)
	p.Issuing = p.issue(t, "Autorité de test", P256(t), p.Root, ca)
	p.Unit = p.issue(t, "Horodatage de test", P256(t), p.Root, func(c *x509.Certificate) {
		c.KeyUsage = x509.KeyUsageDigitalSignature
		// The extension must be critical (RFC 3161, 2.3), which x509 does not do by itself.
		eku, err := asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 8}})
		if err != nil {
			t.Fatal(err)
		}
		c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: eku}}
	})
	return p
}

// Signer issues the certificate of a person; change, when not nil, alters the template.
func (p *PKI) Signer(t testing.TB, name string, key crypto.Signer, change func(*x509.Certificate)) Entity {
	t.Helper()
	return p.issue(t, name, key, p.Issuing, func(c *x509.Certificate) {
		c.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment
		c.UnknownExtKeyUsage = []asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 36}} // documentSigning, RFC 9336
		if change != nil {
			change(c)
		}
	})
}

// Chain is the path of a person's certificate to the root.
func (p *PKI) Chain() []*x509.Certificate {
	return []*x509.Certificate{p.Issuing.Certificate, p.Root.Certificate}
}

// RootPEM is the trust anchor for external tools.
func (p *PKI) RootPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.Root.Certificate.Raw})
}

func (p *PKI) issue(t testing.TB, name string, key crypto.Signer, parent Entity, change func(*x509.Certificate)) Entity {
	t.Helper()
	c := &x509.Certificate{
		SerialNumber: big.NewInt(p.serial.Add(1)),
		Subject:      pkix.Name{CommonName: name, Organization: []string{"Mairie de test"}, Country: []string{"FR"}},
		NotBefore:    Now().AddDate(-10, 0, 0),
		NotAfter:     Now().AddDate(20, 0, 0),
	}
	if parent.Certificate != nil { // addresses that nobody answers: validators only want to see them
		c.IssuingCertificateURL = []string{"http://pki.exemple.fr/autorite.cer"}
		c.CRLDistributionPoints = []string{"http://pki.exemple.fr/autorite.crl"}
	}
	change(c)
	if parent.Certificate == nil {
		parent = Entity{c, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent.Certificate, key.Public(), parent.Key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return Entity{cert, key}
}

// P256 makes a key.
func P256(t testing.TB) crypto.Signer { return EC(t, elliptic.P256()) }

// P384 makes a key.
func P384(t testing.TB) crypto.Signer { return EC(t, elliptic.P384()) }

// EC makes a key on a curve.
func EC(t testing.TB, curve elliptic.Curve) crypto.Signer {
	t.Helper()
	k, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// RSA makes a key of that many bits.
func RSA(t testing.TB, bits int) crypto.Signer {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// Timestamp answers as a time-stamping authority at [Now] would, without a network.
func (p *PKI) Timestamp(_ context.Context, h crypto.Hash, digest []byte) ([]byte, error) {
	ts := timestamp.Timestamp{
		HashAlgorithm: h, HashedMessage: digest, Time: Now(), Policy: asn1.ObjectIdentifier{1, 2, 3, 4},
		AddTSACertificate: true, Certificates: []*x509.Certificate{p.Root.Certificate},
	}
	resp, err := ts.CreateResponseWithOpts(p.Unit.Certificate, p.Unit.Key, crypto.SHA256)
	if err != nil {
		return nil, err
	}
	parsed, err := timestamp.ParseResponse(resp)
	if err != nil {
		return nil, err
	}
	return parsed.RawToken, nil
}
