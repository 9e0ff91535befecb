package signtest

import (
	"crypto"
	"crypto/rand"
	"crypto/x509/pkix"
	"encoding/asn1"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"
)

// The parts of an OCSP answer (RFC 6960, 4.2.1).
type (
	ocspResponse struct {
		Status asn1.Enumerated
		Bytes  ocspBytes `asn1:"explicit,tag:0"`
	}
	ocspBytes struct {
		Type  asn1.ObjectIdentifier
		Basic []byte
	}
	ocspBasic struct {
		Data         asn1.RawValue
		Algorithm    pkix.AlgorithmIdentifier
		Signature    asn1.BitString
		Certificates asn1.RawValue `asn1:"explicit,tag:0,optional"`
	}
	ocspData struct {
		Responder asn1.RawValue
		Produced  time.Time `asn1:"generalized"`
		Responses asn1.RawValue
	}
)

// Answer is the OCSP answer a of by in the name of authority, produced at Now:
// ocsp.CreateResponse dates all it makes by the clock of the machine, and a
// test would hold until that has passed what it expects. Keys of P-256 and RSA
// alone: it signs with SHA-256.
func Answer(t testing.TB, authority, by Entity, a ocsp.Response) []byte {
	t.Helper()
	der, err := ocsp.CreateResponse(authority.Certificate, by.Certificate, a, by.Key)
	if err != nil {
		t.Fatal(err)
	}
	var response ocspResponse
	var basic ocspBasic
	var data ocspData
	read(t, der, &response)
	read(t, response.Bytes.Basic, &basic)
	read(t, basic.Data.FullBytes, &data)
	data.Produced = Now().Truncate(time.Minute).UTC()
	basic.Data = asn1.RawValue{FullBytes: written(t, data)}
	h := crypto.SHA256.New()
	h.Write(basic.Data.FullBytes)
	signature, err := by.Key.Sign(rand.Reader, h.Sum(nil), crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	basic.Signature = asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}
	response.Bytes.Basic = written(t, basic)
	der = written(t, response)
	if back, err := ocsp.ParseResponse(der, nil); err != nil || !back.ProducedAt.Equal(data.Produced) {
		t.Fatalf("an answer of our own: %v", err)
	}
	return der
}

func read(t testing.TB, der []byte, into any) {
	t.Helper()
	if rest, err := asn1.Unmarshal(der, into); err != nil || len(rest) > 0 {
		t.Fatalf("read %T: %v", into, err)
	}
}

func written(t testing.TB, v any) []byte {
	t.Helper()
	der, err := asn1.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return der
}
