package signing_test

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"slices"
	"testing"

	"parapheur/signing/internal/pdf"
	"parapheur/signing/internal/signtest"
)

// view is a signature as the clauses look at it: the dictionary, and the CMS read with the standard
// library alone, so that a clause does not repeat the mistakes of the product.
type view struct {
	file []byte
	sig  pdf.Signature
	doc  *pdf.Doc
	der  []byte // of the hole, zeros left out
	sd   signedData
	info signerInfo
	root *x509.CertPool
}

type signedData struct {
	Version          int
	DigestAlgorithms []pkix.AlgorithmIdentifier `asn1:"set"`
	Encapsulated     struct {
		Type    asn1.ObjectIdentifier
		Content asn1.RawValue `asn1:"optional,explicit,tag:0"`
	}
	Certificates asn1.RawValue `asn1:"optional,tag:0"`
	Lists        asn1.RawValue `asn1:"optional,tag:1"`
	Infos        []signerInfo  `asn1:"set"`
}

type signerInfo struct {
	Version   int
	Signer    issuerAndSerial
	Digest    pkix.AlgorithmIdentifier
	Signed    asn1.RawValue `asn1:"optional,tag:0"`
	Algorithm pkix.AlgorithmIdentifier
	Value     []byte
	Unsigned  asn1.RawValue `asn1:"optional,tag:1"`
}

type issuerAndSerial struct {
	Issuer asn1.RawValue
	Serial asn1.RawValue
}

// viewOf reads signature i of a file; the CMS may be anything.
func viewOf(t testing.TB, o *office, file []byte, i int) *view {
	t.Helper()
	v := &view{file: file, doc: openDoc(t, file), sig: signatureAt(t, file, i), root: o.options().Roots}
	if len(v.sig.Contents) == 0 {
		return v
	}
	c := slices.MaxFunc(v.sig.Contents, func(a, b pdf.Entry) int { return int(a.End - a.Start - b.End + b.Start) })
	raw, err := hex.DecodeString(string(file[c.Start+1 : c.End-1]))
	if err != nil {
		return v
	}
	var whole asn1.RawValue
	if _, err := asn1.Unmarshal(raw, &whole); err != nil {
		return v
	}
	v.der = whole.FullBytes
	var content struct {
		Type asn1.ObjectIdentifier
		Data asn1.RawValue `asn1:"explicit,tag:0"`
	}
	if _, err := asn1.Unmarshal(v.der, &content); err == nil {
		if _, err := asn1.Unmarshal(content.Data.Bytes, &v.sd); err == nil && len(v.sd.Infos) > 0 {
			v.info = v.sd.Infos[0]
		}
	}
	return v
}

// attributes reads a SET OF Attribute.
func attributes(set asn1.RawValue) []signtest.Attribute {
	var out []signtest.Attribute
	for rest := set.Bytes; len(rest) > 0; {
		var a struct {
			Type   asn1.ObjectIdentifier
			Values asn1.RawValue
		}
		var err error
		if rest, err = asn1.Unmarshal(rest, &a); err != nil {
			return out
		}
		found := signtest.Attribute{Type: a.Type}
		for values := a.Values.Bytes; len(values) > 0; {
			var one asn1.RawValue
			if values, err = asn1.Unmarshal(values, &one); err != nil {
				break
			}
			found.Values = append(found.Values, one.FullBytes)
		}
		out = append(out, found)
	}
	return out
}

// values are those of all the attributes of that type.
func values(set asn1.RawValue, id ...int) [][]byte {
	var out [][]byte
	for _, a := range attributes(set) {
		if a.Type.Equal(id) {
			out = append(out, a.Values...)
		}
	}
	return out
}

// certificates of the SignedData.
func (v *view) certificates() []*x509.Certificate {
	list, err := x509.ParseCertificates(v.sd.Certificates.Bytes)
	if err != nil {
		return nil
	}
	return list
}

// signer is the certificate that the SignerInfo names, nil when the CMS does not hold it.
func (v *view) signer() *x509.Certificate {
	i := slices.IndexFunc(v.certificates(), func(c *x509.Certificate) bool {
		return bytes.Equal(c.RawIssuer, v.info.Signer.Issuer.FullBytes) && bytes.Equal(signtest.Marshal(c.SerialNumber), v.info.Signer.Serial.FullBytes)
	})
	if i < 0 {
		return nil
	}
	return v.certificates()[i]
}

// ranges is /ByteRange.
func (v *view) ranges() []int64 {
	var out []int64
	if len(v.sig.ByteRange) != 1 {
		return nil
	}
	list, _ := v.sig.ByteRange[0].Value.(pdf.Array)
	for _, e := range list {
		raw, _ := e.(pdf.Raw)
		n, _ := raw.Int()
		out = append(out, n)
	}
	return out
}

// content is what the signature covers.
func (v *view) content() []byte {
	r := v.ranges()
	if len(r) != 4 || r[0] != 0 || r[1] < 0 || r[2] < r[1] || r[2]+r[3] > int64(len(v.file)) {
		return nil
	}
	return slices.Concat(v.file[:r[1]], v.file[r[2]:r[2]+r[3]])
}

// store reads a list of the /DSS.
func (v *view) store(key pdf.Name) ([][]byte, error) {
	_, cat, err := v.doc.Catalog()
	if err != nil {
		return nil, err
	}
	dss, err := v.doc.Dict(cat.Get("DSS"))
	if err != nil || dss == nil {
		return nil, fmt.Errorf("no /DSS: %w", err)
	}
	list, err := v.doc.Array(dss.Get(key))
	if err != nil {
		return nil, err
	}
	var out [][]byte
	for _, e := range list {
		o, err := v.doc.Resolve(e)
		if err != nil {
			return nil, err
		}
		st, ok := o.(*pdf.Stream)
		if !ok {
			return nil, fmt.Errorf("/%s holds %T", key, o)
		}
		der, err := v.doc.Decode(st, 1<<20)
		if err != nil {
			return nil, err
		}
		out = append(out, der)
	}
	return out, nil
}
