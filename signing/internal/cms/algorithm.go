package cms

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	_ "crypto/sha256" // crypto.SHA256
	_ "crypto/sha512" // crypto.SHA384, crypto.SHA512
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"time"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Errors of this package, wrapped with what they concern.
var (
	// ErrWeakKey refuses a key that ETSI TS 119 312 no longer recommends, or one of another type.
	ErrWeakKey = errors.New("cms: key not acceptable for an advanced signature")
	// ErrValidity refuses a certificate outside its validity period.
	ErrValidity = errors.New("cms: certificate outside its validity period")
	// ErrKeyUsage refuses a certificate whose key usage does not allow signatures.
	ErrKeyUsage = errors.New("cms: certificate not usable for signatures")
	// ErrAlgorithm refuses a hash or a signature algorithm.
	ErrAlgorithm = errors.New("cms: algorithm not accepted")
	// ErrSignature says that a signature value does not verify with the certificate.
	ErrSignature = errors.New("cms: signature does not verify")
	// ErrMalformed says that a structure is not the DER that it should be.
	ErrMalformed = errors.New("cms: malformed structure")
	// ErrImprint says that a time-stamp token covers something else.
	ErrImprint = errors.New("cms: time-stamp token over other data")
)

// minRSA is the smallest RSA modulus, in bits (TS 119 312: 3072 from 2026 on).
const minRSA = 3072

// CheckCertificate tells whether cert may sign at the given time: acceptable key, validity, key
// usage digitalSignature or contentCommitment present (RFC 5280, 4.2.1.3).
func CheckCertificate(cert *x509.Certificate, at time.Time) error {
	if err := checkKey(cert.PublicKey); err != nil {
		return err
	}
	if at.Before(cert.NotBefore) || at.After(cert.NotAfter) {
		return fmt.Errorf("%w: %s to %s", ErrValidity, cert.NotBefore.Format(time.RFC3339), cert.NotAfter.Format(time.RFC3339))
	}
	if cert.KeyUsage&(x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment) == 0 {
		return ErrKeyUsage
	}
	return nil
}

func checkKey(key any) error {
	switch k := key.(type) {
	case *rsa.PublicKey:
		if k.N.BitLen() < minRSA {
			return fmt.Errorf("%w: RSA of %d bits", ErrWeakKey, k.N.BitLen())
		}
		return nil
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() && k.Curve != elliptic.P384() {
			return fmt.Errorf("%w: curve %s", ErrWeakKey, k.Curve.Params().Name)
		}
		return nil
	}
	return fmt.Errorf("%w: %T", ErrWeakKey, key)
}

// HashFor returns the hash that suits the key of cert: SHA-384 for P-384, otherwise SHA-256.
func HashFor(cert *x509.Certificate) crypto.Hash {
	if k, ok := cert.PublicKey.(*ecdsa.PublicKey); ok && k.Curve == elliptic.P384() {
		return crypto.SHA384
	}
	return crypto.SHA256
}

// MaxSignature is the longest signature value, in bytes, that the key of cert makes.
func MaxSignature(cert *x509.Certificate) int {
	switch k := cert.PublicKey.(type) {
	case *rsa.PublicKey:
		return k.Size()
	case *ecdsa.PublicKey:
		return 2*((k.Curve.Params().BitSize+7)/8) + 9 // two INTEGERs with their sign bytes
	}
	return 0
}

// Verify checks a signature value over tbs with the key of cert.
func Verify(cert *x509.Certificate, h crypto.Hash, pss bool, tbs, sig []byte) error {
	var alg x509.SignatureAlgorithm
	switch cert.PublicKey.(type) {
	case *rsa.PublicKey:
		alg = map[crypto.Hash]x509.SignatureAlgorithm{crypto.SHA256: x509.SHA256WithRSA, crypto.SHA384: x509.SHA384WithRSA, crypto.SHA512: x509.SHA512WithRSA}[h]
		if pss {
			alg = map[crypto.Hash]x509.SignatureAlgorithm{crypto.SHA256: x509.SHA256WithRSAPSS, crypto.SHA384: x509.SHA384WithRSAPSS, crypto.SHA512: x509.SHA512WithRSAPSS}[h]
		}
	case *ecdsa.PublicKey:
		alg = map[crypto.Hash]x509.SignatureAlgorithm{crypto.SHA256: x509.ECDSAWithSHA256, crypto.SHA384: x509.ECDSAWithSHA384, crypto.SHA512: x509.ECDSAWithSHA512}[h]
	}
	if alg == x509.UnknownSignatureAlgorithm {
		return fmt.Errorf("%w: %v with %T", ErrAlgorithm, h, cert.PublicKey)
	}
	if err := cert.CheckSignature(alg, tbs, sig); err != nil {
		return fmt.Errorf("%w: %w", ErrSignature, err)
	}
	return nil
}

func oid(n ...int) asn1.ObjectIdentifier { return n }

// Object identifiers are functions of their name, so that no variable can be changed.
func oidData() asn1.ObjectIdentifier          { return oid(1, 2, 840, 113549, 1, 7, 1) }
func oidSignedData() asn1.ObjectIdentifier    { return oid(1, 2, 840, 113549, 1, 7, 2) }
func oidContentType() asn1.ObjectIdentifier   { return oid(1, 2, 840, 113549, 1, 9, 3) }
func oidMessageDigest() asn1.ObjectIdentifier { return oid(1, 2, 840, 113549, 1, 9, 4) }
func oidSigningTime() asn1.ObjectIdentifier   { return oid(1, 2, 840, 113549, 1, 9, 5) }
func oidTSTInfo() asn1.ObjectIdentifier       { return oid(1, 2, 840, 113549, 1, 9, 16, 1, 4) }
func oidSigningCertV1() asn1.ObjectIdentifier { return oid(1, 2, 840, 113549, 1, 9, 16, 2, 12) }
func oidTimestamp() asn1.ObjectIdentifier     { return oid(1, 2, 840, 113549, 1, 9, 16, 2, 14) }
func oidSigningCertV2() asn1.ObjectIdentifier { return oid(1, 2, 840, 113549, 1, 9, 16, 2, 47) }
func oidRSA() asn1.ObjectIdentifier           { return oid(1, 2, 840, 113549, 1, 1, 1) }
func oidMGF1() asn1.ObjectIdentifier          { return oid(1, 2, 840, 113549, 1, 1, 8) }
func oidPSS() asn1.ObjectIdentifier           { return oid(1, 2, 840, 113549, 1, 1, 10) }

// hashOID returns nil for a hash that is not accepted.
func hashOID(h crypto.Hash) asn1.ObjectIdentifier {
	switch h {
	case crypto.SHA256:
		return oid(2, 16, 840, 1, 101, 3, 4, 2, 1)
	case crypto.SHA384:
		return oid(2, 16, 840, 1, 101, 3, 4, 2, 2)
	case crypto.SHA512:
		return oid(2, 16, 840, 1, 101, 3, 4, 2, 3)
	}
	return nil
}

func hashOf(id asn1.ObjectIdentifier) (crypto.Hash, error) {
	for _, h := range []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512} {
		if hashOID(h).Equal(id) {
			return h, nil
		}
	}
	return 0, fmt.Errorf("%w: hash %s", ErrAlgorithm, id)
}

// ecdsaOID is ecdsa-with-SHA256, -384 or -512 (RFC 5758).
func ecdsaOID(h crypto.Hash) asn1.ObjectIdentifier {
	return oid(1, 2, 840, 10045, 4, 3, map[crypto.Hash]int{crypto.SHA256: 2, crypto.SHA384: 3, crypto.SHA512: 4}[h])
}

// rsaHashOID is sha256WithRSAEncryption and its kin (RFC 4055).
func rsaHashOID(h crypto.Hash) asn1.ObjectIdentifier {
	return oid(1, 2, 840, 113549, 1, 1, map[crypto.Hash]int{crypto.SHA256: 11, crypto.SHA384: 12, crypto.SHA512: 13}[h])
}

func addHash(b *cryptobyte.Builder, h crypto.Hash, null bool) {
	b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(hashOID(h))
		if null {
			b.AddASN1NULL()
		}
	})
}

// addSignatureAlgorithm writes ecdsa-with-SHA2, rsaEncryption or id-RSASSA-PSS with a salt as
// long as the hash (RFC 5754, RFC 4056).
func addSignatureAlgorithm(b *cryptobyte.Builder, key any, h crypto.Hash, pss bool) {
	b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		if _, ok := key.(*ecdsa.PublicKey); ok {
			b.AddASN1ObjectIdentifier(ecdsaOID(h))
			return
		}
		if !pss {
			b.AddASN1ObjectIdentifier(oidRSA())
			b.AddASN1NULL()
			return
		}
		b.AddASN1ObjectIdentifier(oidPSS())
		b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(explicit(0), func(b *cryptobyte.Builder) { addHash(b, h, true) })
			b.AddASN1(explicit(1), func(b *cryptobyte.Builder) {
				b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1ObjectIdentifier(oidMGF1())
					addHash(b, h, true)
				})
			})
			b.AddASN1(explicit(2), func(b *cryptobyte.Builder) { b.AddASN1Int64(int64(h.Size())) })
		})
	})
}

// explicit is the constructed context-specific tag n.
func explicit(n uint8) casn1.Tag { return casn1.Tag(n).Constructed().ContextSpecific() }
