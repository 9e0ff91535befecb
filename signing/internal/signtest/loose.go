package signtest

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"slices"
	"testing"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Attribute is a CMS attribute with its values in DER.
type Attribute struct {
	Type   asn1.ObjectIdentifier
	Values [][]byte
}

// CMS is a SignedData to write, sound or not: each field breaks one rule and leaves the others
// alone. It shares no code with the product.
type CMS struct {
	Signer       Entity
	Version      int64                          // of the SignedData, 1 in a baseline signature
	Certificates []*x509.Certificate            // the signer's too
	ContentType  asn1.ObjectIdentifier          // of the EncapsulatedContentInfo
	Content      []byte                         // inside, nil for a detached signature
	Signed       []Attribute                    // signed attributes, in the order given when Unsorted
	Unsorted     bool                           // no DER order
	Infos        int                            // how many times the SignerInfo is there
	Hash         crypto.Hash                    // of the attributes
	Declared     crypto.Hash                    // in digestAlgorithms, Hash when 0
	Unsigned     func(value []byte) []Attribute // may be nil
}

// ID makes an object identifier.
func ID(n ...int) asn1.ObjectIdentifier { return n }

// Identifiers of the attributes that the rules name.
func (CMS) ids() (data, contentType, digest, signingCertificate asn1.ObjectIdentifier) {
	return ID(1, 2, 840, 113549, 1, 7, 1), ID(1, 2, 840, 113549, 1, 9, 3), ID(1, 2, 840, 113549, 1, 9, 4), ID(1, 2, 840, 113549, 1, 9, 16, 2, 47)
}

// Baseline is a sound CMS of B-B over content of that SHA-256, to be changed.
func (p *PKI) Baseline(e Entity, digest []byte) CMS {
	c := CMS{Signer: e, Version: 1, Certificates: append([]*x509.Certificate{e.Certificate}, p.Chain()...), Infos: 1, Hash: crypto.SHA256}
	data, contentType, messageDigest, signingCertificate := c.ids()
	c.ContentType = data
	c.Signed = []Attribute{
		{contentType, [][]byte{Marshal(data)}},
		{messageDigest, [][]byte{Marshal(digest)}},
		{signingCertificate, [][]byte{SigningCertificate(e.Certificate, crypto.SHA256, false)}},
	}
	return c
}

// Attribute returns the signed attribute of that type.
func (c *CMS) Attribute(id asn1.ObjectIdentifier) *Attribute {
	i := slices.IndexFunc(c.Signed, func(a Attribute) bool { return a.Type.Equal(id) })
	if i < 0 {
		panic("no attribute " + id.String())
	}
	return &c.Signed[i]
}

// Without removes a signed attribute.
func (c *CMS) Without(id asn1.ObjectIdentifier) {
	c.Signed = slices.DeleteFunc(c.Signed, func(a Attribute) bool { return a.Type.Equal(id) })
}

// Marshal is asn1.Marshal for values that cannot fail.
func Marshal(v any) []byte {
	der, err := asn1.Marshal(v)
	if err != nil {
		panic(err)
	}
	return der
}

// SigningCertificate is the value of signing-certificate-v2 (RFC 5035); explicit writes the hash
// algorithm even when it is the default.
func SigningCertificate(cert *x509.Certificate, h crypto.Hash, explicit bool) []byte {
	w := h.New()
	w.Write(cert.Raw)
	var b cryptobyte.Builder
	seq := func(b *cryptobyte.Builder, f cryptobyte.BuilderContinuation) { b.AddASN1(casn1.SEQUENCE, f) }
	seq(&b, func(b *cryptobyte.Builder) {
		seq(b, func(b *cryptobyte.Builder) {
			seq(b, func(b *cryptobyte.Builder) {
				if explicit || h != crypto.SHA256 {
					seq(b, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(hashID(h)) })
				}
				b.AddASN1OctetString(w.Sum(nil))
			})
		})
	})
	return b.BytesOrPanic()
}

func hashID(h crypto.Hash) asn1.ObjectIdentifier {
	switch h {
	case crypto.SHA1:
		return ID(1, 3, 14, 3, 2, 26)
	case crypto.SHA256:
		return ID(2, 16, 840, 1, 101, 3, 4, 2, 1)
	case crypto.SHA384:
		return ID(2, 16, 840, 1, 101, 3, 4, 2, 2)
	}
	panic("hash without identifier in the tests")
}

func set(tag casn1.Tag, items [][]byte, sorted bool) []byte {
	if sorted {
		items = slices.Clone(items)
		slices.SortFunc(items, bytes.Compare)
	}
	var b cryptobyte.Builder
	b.AddASN1(tag, func(b *cryptobyte.Builder) { b.AddBytes(bytes.Join(items, nil)) })
	return b.BytesOrPanic()
}

func encode(list []Attribute) [][]byte {
	var out [][]byte
	for _, a := range list {
		var b cryptobyte.Builder
		b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(a.Type)
			b.AddBytes(set(casn1.SET, a.Values, true))
		})
		out = append(out, b.BytesOrPanic())
	}
	return out
}

// Encode signs the attributes with the ECDSA key of the signer and returns the ContentInfo.
func (c CMS) Encode(t testing.TB) []byte {
	t.Helper()
	attrs := set(casn1.SET, encode(c.Signed), !c.Unsorted)
	w := c.Hash.New()
	w.Write(attrs)
	value, err := c.Signer.Key.Sign(rand.Reader, w.Sum(nil), c.Hash)
	if err != nil {
		t.Fatal(err)
	}
	declared := c.Declared
	if declared == 0 {
		declared = c.Hash
	}
	algorithm := func(id asn1.ObjectIdentifier) cryptobyte.BuilderContinuation {
		return func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(id) }
	}
	var info cryptobyte.Builder
	info.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(1)
		b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddBytes(c.Signer.Certificate.RawIssuer)
			b.AddASN1BigInt(c.Signer.Certificate.SerialNumber)
		})
		b.AddASN1(casn1.SEQUENCE, algorithm(hashID(c.Hash)))
		b.AddBytes(append([]byte{0xA0}, attrs[1:]...))
		b.AddASN1(casn1.SEQUENCE, algorithm(map[crypto.Hash]asn1.ObjectIdentifier{
			crypto.SHA1: ID(1, 2, 840, 10045, 4, 1), crypto.SHA256: ID(1, 2, 840, 10045, 4, 3, 2), crypto.SHA384: ID(1, 2, 840, 10045, 4, 3, 3),
		}[c.Hash]))
		b.AddASN1OctetString(value)
		if c.Unsigned != nil {
			b.AddBytes(set(casn1.Tag(1).ContextSpecific().Constructed(), encode(c.Unsigned(value)), true))
		}
	})
	return c.contentInfo(slices.Repeat([][]byte{info.BytesOrPanic()}, c.Infos), declared)
}

func (c CMS) contentInfo(infos [][]byte, declared crypto.Hash) []byte {
	explicit := casn1.Tag(0).ContextSpecific().Constructed()
	var certs [][]byte
	for _, x := range c.Certificates {
		certs = append(certs, x.Raw)
	}
	var b cryptobyte.Builder
	b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(ID(1, 2, 840, 113549, 1, 7, 2))
		b.AddASN1(explicit, func(b *cryptobyte.Builder) {
			b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1Int64(c.Version)
				b.AddASN1(casn1.SET, func(b *cryptobyte.Builder) {
					b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(hashID(declared)) })
				})
				b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1ObjectIdentifier(c.ContentType)
					if c.Content != nil {
						b.AddASN1(explicit, func(b *cryptobyte.Builder) { b.AddASN1OctetString(c.Content) })
					}
				})
				if len(certs) > 0 {
					b.AddBytes(set(explicit, certs, true))
				}
				b.AddBytes(set(casn1.SET, infos, false))
			})
		})
	})
	return b.BytesOrPanic()
}
