package signing

import (
	"bytes"
	"encoding/asn1"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Covers returns nil when p is the signature of exactly the document whose hash state is given:
// the document has the size that p was laid out for, and the digest of its /ByteRange, hence what
// the key is asked to sign, is that of this document followed by the bytes that p appends. A key
// that knows the digest of an approved document thereby knows what it signs, without reading the
// document and without trusting whoever prepared the signature. The error is [ErrPrepared].
func (p *Prepared) Covers(document HashState) error {
	if n := document.Length(); n != p.base {
		return fmt.Errorf("%w: laid out after %d bytes, the document has %d", ErrPrepared, p.base, n)
	}
	w, err := document.open(p.hash)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrPrepared, err)
	}
	w.Write(p.tail[:p.hole.Start])
	w.Write(p.tail[p.hole.End:])
	if !bytes.Equal(w.Sum(nil), p.digest) {
		return fmt.Errorf("%w: it covers another document", ErrPrepared)
	}
	return nil
}

// MessageDigest returns the one messageDigest among DER signed attributes (RFC 5652, 11.2): what a
// signature of these attributes is about. The error is [ErrPrepared].
func MessageDigest(attributes []byte) ([]byte, error) {
	in, set := cryptobyte.String(attributes), cryptobyte.String(nil)
	if !in.ReadASN1(&set, casn1.SET) || !in.Empty() {
		return nil, fmt.Errorf("%w: not signed attributes", ErrPrepared)
	}
	var found []byte
	for !set.Empty() {
		var attribute, values cryptobyte.String
		var id asn1.ObjectIdentifier
		if !set.ReadASN1(&attribute, casn1.SEQUENCE) || !attribute.ReadASN1ObjectIdentifier(&id) ||
			!attribute.ReadASN1(&values, casn1.SET) || !attribute.Empty() {
			return nil, fmt.Errorf("%w: malformed signed attribute", ErrPrepared)
		}
		if !id.Equal(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}) {
			continue
		}
		if found != nil || !values.ReadASN1Bytes(&found, casn1.OCTET_STRING) || !values.Empty() {
			return nil, fmt.Errorf("%w: messageDigest is not one octet string", ErrPrepared)
		}
	}
	if found == nil {
		return nil, fmt.Errorf("%w: no messageDigest", ErrPrepared)
	}
	return found, nil
}
