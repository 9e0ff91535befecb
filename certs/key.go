package certs

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"io"
	"slices"
	"time"
)

// Key is a private key in memory with its certificate chain. Its signing method
// is not exported: outside this package it is only usable through a
// [KeyProvider], hence through a [Gate]. It prints as its certificate's subject.
type Key struct {
	chain  []*x509.Certificate // the key's own first, then issuers; never empty
	signer crypto.Signer       // its public key is that of chain[0]
}

// NewKey joins a key and the certificates it came with, in any order. It keeps
// the certificate of the key and the issuers reachable from it, and refuses
// what [CheckUsable] refuses except dates.
func NewKey(signer crypto.Signer, certs []*x509.Certificate) (*Key, error) {
	if signer == nil {
		return nil, ErrNoKey
	}
	leaf := leafOf(signer.Public(), certs)
	if leaf == nil {
		return nil, ErrNoCertificate
	}
	if err := checkPublicKey(signer.Public(), leaf.NotAfter); err != nil {
		return nil, err
	}
	return &Key{chain: orderChain(leaf, certs), signer: signer}, nil
}

// Certificate is the one of the key.
func (k *Key) Certificate() *x509.Certificate { return k.chain[0] }

// Chain is the key's certificate followed by its issuers, the root included if it was given.
func (k *Key) Chain() []*x509.Certificate { return slices.Clone(k.chain) }

// String names the holder; it never shows key material.
func (k *Key) String() string { return "key of " + k.chain[0].Subject.String() }

// GoString is [Key.String]: %#v must not print the key either.
func (k *Key) GoString() string { return k.String() }

// sign hashes tbs with h, signs, and verifies what came back. A nil random
// source makes ECDSA deterministic (RFC 6979) for a key in memory; RSA PKCS#1
// v1.5 is by nature. pss asks an RSA key for RSASSA-PSS, which draws a salt.
func (k *Key) sign(tbs []byte, h crypto.Hash, pss bool) ([]byte, error) {
	var random io.Reader
	var opts crypto.SignerOpts = h
	if _, isRSA := k.chain[0].PublicKey.(*rsa.PublicKey); isRSA && pss {
		random, opts = rand.Reader, pssOptions(h)
	}
	sig, err := k.signer.Sign(random, digestOf(tbs, h), opts)
	if err != nil {
		return nil, err
	}
	return sig, verifySignature(k.chain[0], tbs, sig, h, pss)
}

// pssOptions is the only form of RSASSA-PSS that is used: salt as long as the
// hash, MGF1 of the same hash.
func pssOptions(h crypto.Hash) *rsa.PSSOptions {
	return &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: h}
}

func digestOf(tbs []byte, h crypto.Hash) []byte {
	d := h.New()
	d.Write(tbs)
	return d.Sum(nil)
}

// VerifySignature checks that sig is a signature of tbs under hash h by the key
// of cert: ASN.1 DER for ECDSA, PKCS#1 v1.5 for RSA. The refusal is [ErrBadSignature].
func VerifySignature(cert *x509.Certificate, tbs, sig []byte, h crypto.Hash) error {
	return verifySignature(cert, tbs, sig, h, false)
}

// verifySignature is VerifySignature; pss says that an RSA signature is RSASSA-PSS.
func verifySignature(cert *x509.Certificate, tbs, sig []byte, h crypto.Hash, pss bool) error {
	if err := checkHash(h); err != nil {
		return err
	}
	digest := digestOf(tbs, h)
	switch pub := cert.PublicKey.(type) {
	case *ecdsa.PublicKey:
		if !ecdsa.VerifyASN1(pub, digest, sig) {
			return fmt.Errorf("%w: ECDSA, %s", ErrBadSignature, cert.Subject)
		}
	case *rsa.PublicKey:
		err := rsa.VerifyPKCS1v15(pub, h, digest, sig)
		if pss {
			err = rsa.VerifyPSS(pub, h, digest, sig, pssOptions(h))
		}
		if err != nil {
			return fmt.Errorf("%w: RSA, %s", ErrBadSignature, cert.Subject)
		}
	default:
		return fmt.Errorf("%w: %T", ErrWeakKey, pub)
	}
	return nil
}

// CheckUsable says whether cert may sign documents at a given time: strength,
// key usage (digitalSignature or contentCommitment, no CA), validity.
func CheckUsable(cert *x509.Certificate, at time.Time) error {
	if err := checkPublicKey(cert.PublicKey, cert.NotAfter); err != nil {
		return err
	}
	if err := checkCertificateSignature(cert); err != nil {
		return err
	}
	if cert.IsCA {
		return fmt.Errorf("%w: it is an authority", ErrKeyUsage)
	}
	// No usage at all means no restriction (RFC 5280, 4.2.1.3).
	const sign = x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment
	if cert.KeyUsage != 0 && cert.KeyUsage&sign == 0 {
		return fmt.Errorf("%w: key usage", ErrKeyUsage)
	}
	return checkValidity(cert, at)
}

func checkValidity(cert *x509.Certificate, at time.Time) error {
	if at.After(cert.NotAfter) {
		return fmt.Errorf("%w on %s: %s", ErrExpired, cert.NotAfter.Format(time.DateOnly), cert.Subject)
	}
	if at.Before(cert.NotBefore) {
		return fmt.Errorf("%w before %s: %s", ErrNotYetValid, cert.NotBefore.Format(time.DateOnly), cert.Subject)
	}
	return nil
}

// rsa3072From is when RSA below 3072 bits stops being acceptable (RGS B1, ETSI
// TS 119 312): certificates that outlive it must already be stronger.
func rsa3072From() time.Time { return time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC) }

// checkPublicKey accepts P-256, P-384, P-521 and RSA of at least 2048 bits, 3072
// if used beyond 2030. Ed25519 is refused: common PDF readers reject it.
func checkPublicKey(pub crypto.PublicKey, notAfter time.Time) error {
	switch p := pub.(type) {
	case *ecdsa.PublicKey:
		switch p.Curve {
		case elliptic.P256(), elliptic.P384(), elliptic.P521():
			return nil
		}
		return fmt.Errorf("%w: curve %s", ErrWeakKey, p.Curve.Params().Name)
	case *rsa.PublicKey:
		bits := p.N.BitLen()
		if bits < 2048 || bits < 3072 && notAfter.After(rsa3072From()) {
			return fmt.Errorf("%w: RSA %d bits", ErrWeakKey, bits)
		}
		return nil
	}
	return fmt.Errorf("%w: %T", ErrWeakKey, pub)
}

func checkCertificateSignature(cert *x509.Certificate) error {
	switch cert.SignatureAlgorithm {
	case x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.DSAWithSHA256, x509.ECDSAWithSHA1:
		return fmt.Errorf("%w: certificate signed with %s", ErrWeakKey, cert.SignatureAlgorithm)
	}
	return nil
}

// checkHash accepts what PAdES may use (ETSI TS 119 312).
func checkHash(h crypto.Hash) error {
	switch h {
	case crypto.SHA256, crypto.SHA384, crypto.SHA512:
		return nil
	}
	return fmt.Errorf("%w: hash %d", ErrWeakKey, int(h))
}

// leafOf finds the certificate of a public key.
func leafOf(pub crypto.PublicKey, certs []*x509.Certificate) *x509.Certificate {
	p, ok := pub.(interface{ Equal(crypto.PublicKey) bool })
	if !ok {
		return nil
	}
	for _, c := range certs {
		if p.Equal(c.PublicKey) {
			return c
		}
	}
	return nil
}

// orderChain walks from leaf to its issuers among certs. It ends at a
// self-issued certificate or when the issuer is not there.
func orderChain(leaf *x509.Certificate, certs []*x509.Certificate) []*x509.Certificate {
	chain := []*x509.Certificate{leaf}
	for len(chain) <= len(certs) {
		last := chain[len(chain)-1]
		if bytes.Equal(last.RawIssuer, last.RawSubject) {
			return chain
		}
		i := slices.IndexFunc(certs, func(c *x509.Certificate) bool {
			return bytes.Equal(c.RawSubject, last.RawIssuer) && last.CheckSignatureFrom(c) == nil
		})
		if i < 0 {
			return chain
		}
		chain = append(chain, certs[i])
	}
	return chain
}
