package cms

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Builder makes one detached CAdES baseline SignedData with one signer. It is a value: it keeps no
// state between its two phases.
type Builder struct {
	Hash        crypto.Hash         // SHA-256, SHA-384 or SHA-512, of the content and of the attributes
	Certificate *x509.Certificate   // of the signer
	Chain       []*x509.Certificate // its issuers, root optional
	PSS         bool                // RSASSA-PSS instead of PKCS #1 v1.5, for an RSA key
	// SigningTime adds the signing-time attribute, in whole seconds. CAdES baseline requires it and
	// PAdES baseline forbids it: zero means absent.
	SigningTime time.Time
}

func attribute(id asn1.ObjectIdentifier, value func(b *cryptobyte.Builder)) ([]byte, error) {
	var b cryptobyte.Builder
	b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(id)
		b.AddASN1(casn1.SET, value)
	})
	return b.Bytes()
}

// addSetOf writes a SET OF in DER order (X.690, 11.6).
func addSetOf(b *cryptobyte.Builder, tag casn1.Tag, items [][]byte) {
	items = slices.Clone(items)
	slices.SortFunc(items, bytes.Compare)
	b.AddASN1(tag, func(b *cryptobyte.Builder) {
		for _, it := range items {
			b.AddBytes(it)
		}
	})
}

// SignedAttributes returns the DER SET OF attributes that the key signs: content-type id-data,
// message-digest, one signing-certificate-v2, and signing-time when there is one.
func (c Builder) SignedAttributes(messageDigest []byte) ([]byte, error) {
	if hashOID(c.Hash) == nil || len(messageDigest) != c.Hash.Size() {
		return nil, fmt.Errorf("%w: %v of %d bytes", ErrAlgorithm, c.Hash, len(messageDigest))
	}
	contentType, err := attribute(oidContentType(), func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oidData()) })
	if err != nil {
		return nil, err
	}
	digest, err := attribute(oidMessageDigest(), func(b *cryptobyte.Builder) { b.AddASN1OctetString(messageDigest) })
	if err != nil {
		return nil, err
	}
	signingCert, err := attribute(oidSigningCertV2(), c.addSigningCertificate)
	if err != nil {
		return nil, err
	}
	items := [][]byte{contentType, digest, signingCert}
	if !c.SigningTime.IsZero() {
		at, err := attribute(oidSigningTime(), c.addSigningTime)
		if err != nil {
			return nil, err
		}
		items = append(items, at)
	}
	var b cryptobyte.Builder
	addSetOf(&b, casn1.SET, items)
	return b.Bytes()
}

// addSigningTime writes UTCTime until 2049 and GeneralizedTime after (RFC 5652, 11.3).
func (c Builder) addSigningTime(b *cryptobyte.Builder) {
	at := c.SigningTime.UTC().Truncate(time.Second)
	if y := at.Year(); y >= 1950 && y < 2050 {
		b.AddASN1UTCTime(at)
		return
	}
	b.AddASN1GeneralizedTime(at)
}

// addSigningCertificate writes SigningCertificateV2 (RFC 5035, 4). The hash algorithm is left out
// when it is the default, SHA-256, as DER wants.
func (c Builder) addSigningCertificate(b *cryptobyte.Builder) {
	h := c.Hash.New()
	h.Write(c.Certificate.Raw)
	seq := func(b *cryptobyte.Builder, f cryptobyte.BuilderContinuation) { b.AddASN1(casn1.SEQUENCE, f) }
	seq(b, func(b *cryptobyte.Builder) { // SigningCertificateV2
		seq(b, func(b *cryptobyte.Builder) { // certs
			seq(b, func(b *cryptobyte.Builder) { // ESSCertIDv2
				if c.Hash != crypto.SHA256 {
					addHash(b, c.Hash, false)
				}
				b.AddASN1OctetString(h.Sum(nil))
				seq(b, func(b *cryptobyte.Builder) { // IssuerSerial
					seq(b, func(b *cryptobyte.Builder) { // GeneralNames
						b.AddASN1(explicit(4), func(b *cryptobyte.Builder) { b.AddBytes(c.Certificate.RawIssuer) })
					})
					b.AddASN1BigInt(c.Certificate.SerialNumber)
				})
			})
		})
	})
}

// Assemble returns the detached SignedData around attributes, as SignedAttributes made them, and
// their signature value. token is a time-stamp token over that value, or nil.
func (c Builder) Assemble(attributes, signature, token []byte) ([]byte, error) {
	if len(attributes) == 0 || attributes[0] != 0x31 {
		return nil, fmt.Errorf("%w: signed attributes", ErrMalformed)
	}
	certs := [][]byte{c.Certificate.Raw}
	for _, x := range c.Chain {
		if !slices.ContainsFunc(certs, func(raw []byte) bool { return bytes.Equal(raw, x.Raw) }) {
			certs = append(certs, x.Raw)
		}
	}
	var b cryptobyte.Builder
	b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) { // ContentInfo
		b.AddASN1ObjectIdentifier(oidSignedData())
		b.AddASN1(explicit(0), func(b *cryptobyte.Builder) {
			b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) { // SignedData
				b.AddASN1Int64(1)
				b.AddASN1(casn1.SET, func(b *cryptobyte.Builder) { addHash(b, c.Hash, false) })
				b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oidData()) })
				addSetOf(b, explicit(0), certs)
				b.AddASN1(casn1.SET, func(b *cryptobyte.Builder) { c.addSignerInfo(b, attributes, signature, token) })
			})
		})
	})
	return b.Bytes()
}

func (c Builder) addSignerInfo(b *cryptobyte.Builder, attributes, signature, token []byte) {
	b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(1)
		b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) { // IssuerAndSerialNumber
			b.AddBytes(c.Certificate.RawIssuer)
			b.AddASN1BigInt(c.Certificate.SerialNumber)
		})
		addHash(b, c.Hash, false)
		// [0] IMPLICIT replaces the tag of the SET that was signed (RFC 5652, 5.4).
		b.AddBytes([]byte{0xA0})
		b.AddBytes(attributes[1:])
		addSignatureAlgorithm(b, c.Certificate.PublicKey, c.Hash, c.PSS)
		b.AddASN1OctetString(signature)
		if token == nil {
			return
		}
		b.AddASN1(explicit(1), func(b *cryptobyte.Builder) {
			a, err := attribute(oidTimestamp(), func(b *cryptobyte.Builder) { b.AddBytes(token) })
			if err != nil {
				b.SetError(err)
				return
			}
			b.AddBytes(a)
		})
	})
}
