package certs

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	_ "crypto/sha1" // ESSCertID of older authorities, RFC 5035, 5
	_ "crypto/sha256"
	_ "crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"
)

// Token is a verified RFC 3161 time-stamp token.
type Token struct {
	// Raw is the ContentInfo in DER, as it goes into a signature.
	Raw []byte
	// Time is genTime, UTC.
	Time time.Time
	// Policy is the one the authority stamped under.
	Policy asn1.ObjectIdentifier
	// Serial is unique for this authority.
	Serial *big.Int
	// Chain goes from the time-stamping unit to a trusted root, root included.
	Chain []*x509.Certificate
}

// Expect says what a token must be about.
type Expect struct {
	// Hash and Digest are the imprint.
	Hash   crypto.Hash
	Digest []byte
	// Nonce must come back unchanged; nil when the request had none or is long past.
	Nonce *big.Int
	// Policy is required if set.
	Policy asn1.ObjectIdentifier
	// Trust are the roots of time-stamping authorities. Required.
	Trust *Trust
}

// VerifyToken accepts a token only if all of this holds, and returns
// [ErrTSAInvalid] with the reason otherwise (RFC 3161, 2.4.2; RFC 5816; EN 319 422):
// one signer, the signed attributes bind the content, the ESS attribute names
// the signer's certificate, the imprint, nonce and policy are those expected,
// the certificate is for time-stamping alone, critically, and its path leads
// to a trusted root at genTime.
func VerifyToken(raw []byte, want Expect) (*Token, error) {
	t, err := verifyToken(raw, want)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTSAInvalid, err)
	}
	return t, nil
}

func verifyToken(raw []byte, want Expect) (*Token, error) {
	if want.Trust == nil {
		return nil, errors.New("no trusted time-stamping root configured")
	}
	cms, err := parseCMS(raw)
	if err != nil {
		return nil, err
	}
	var info tstInfo
	if err := unmarshalAll(cms.content, &info); err != nil {
		return nil, fmt.Errorf("TSTInfo: %w", err)
	}
	if err := info.matches(want); err != nil {
		return nil, err
	}
	tsu, err := cms.verifySigner()
	if err != nil {
		return nil, err
	}
	if err := onlyTimeStamping(tsu); err != nil {
		return nil, err
	}
	chain, err := want.Trust.Verify(tsu, cms.certs, info.Time, x509.ExtKeyUsageTimeStamping)
	if err != nil {
		return nil, err
	}
	return &Token{Raw: raw, Time: info.Time.UTC(), Policy: info.Policy, Serial: info.Serial, Chain: chain}, nil
}

// tstInfo is RFC 3161, 2.4.2.
type tstInfo struct {
	Version    int
	Policy     asn1.ObjectIdentifier
	Imprint    imprint
	Serial     *big.Int
	Time       time.Time        `asn1:"generalized"`
	Accuracy   accuracy         `asn1:"optional"`
	Ordering   bool             `asn1:"optional"`
	Nonce      *big.Int         `asn1:"optional"`
	TSA        asn1.RawValue    `asn1:"optional,explicit,tag:0"`
	Extensions []pkix.Extension `asn1:"optional,tag:1"`
}

type imprint struct {
	Algorithm pkix.AlgorithmIdentifier
	Digest    []byte
}

type accuracy struct {
	Seconds int `asn1:"optional"`
	Millis  int `asn1:"optional,tag:0"`
	Micros  int `asn1:"optional,tag:1"`
}

func (i *tstInfo) matches(want Expect) error {
	if i.Version != 1 {
		return fmt.Errorf("TSTInfo version %d", i.Version)
	}
	if h, _ := hashOf(i.Imprint.Algorithm.Algorithm); h != want.Hash || !bytes.Equal(i.Imprint.Digest, want.Digest) {
		return errors.New("imprint of something else")
	}
	if want.Nonce != nil && (i.Nonce == nil || i.Nonce.Cmp(want.Nonce) != 0) {
		return errors.New("nonce differs from the request")
	}
	if want.Policy != nil && !i.Policy.Equal(want.Policy) {
		return fmt.Errorf("policy %s, requested %s", i.Policy, want.Policy)
	}
	for _, e := range i.Extensions {
		if e.Critical {
			return fmt.Errorf("unknown critical extension %s", e.Id)
		}
	}
	return nil
}

// onlyTimeStamping checks RFC 3161, 2.3: one extended usage, critical.
func onlyTimeStamping(c *x509.Certificate) error {
	i := slices.IndexFunc(c.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 37}) })
	alone := len(c.UnknownExtKeyUsage) == 0 && slices.Equal(c.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping})
	if i < 0 || !c.Extensions[i].Critical || !alone {
		return errors.New("certificate is not, critically, for time-stamping alone")
	}
	return errors.Join(checkPublicKey(c.PublicKey, time.Time{}), checkCertificateSignature(c))
}

// cms is the part of a SignedData (RFC 5652, 5) with one signer that matters here.
type cms struct {
	content []byte // DER of TSTInfo
	certs   []*x509.Certificate
	signer  signerInfo
	hash    crypto.Hash              // the signer's, known once verifySigner began
	attrs   map[string]asn1.RawValue // by attribute OID: the single value
}

type signerInfo struct {
	Version   int
	SID       asn1.RawValue
	Digest    pkix.AlgorithmIdentifier
	Signed    asn1.RawValue `asn1:"optional,tag:0"`
	Algorithm pkix.AlgorithmIdentifier
	Signature []byte
	Unsigned  asn1.RawValue `asn1:"optional,tag:1"`
}

func parseCMS(raw []byte) (*cms, error) {
	var ci struct {
		Type    asn1.ObjectIdentifier
		Content asn1.RawValue `asn1:"explicit,tag:0"`
	}
	if err := unmarshalAll(raw, &ci); err != nil {
		return nil, fmt.Errorf("ContentInfo: %w", err)
	}
	if !ci.Type.Equal(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}) {
		return nil, fmt.Errorf("content type %s, want signed data", ci.Type)
	}
	var sd struct {
		Version int
		Digests []pkix.AlgorithmIdentifier `asn1:"set"`
		Encap   struct {
			Type    asn1.ObjectIdentifier
			Content asn1.RawValue `asn1:"explicit,tag:0"`
		}
		Certs   asn1.RawValue `asn1:"optional,tag:0"`
		CRLs    asn1.RawValue `asn1:"optional,tag:1"`
		Signers []signerInfo  `asn1:"set"`
	}
	if err := unmarshalAll(ci.Content.Bytes, &sd); err != nil {
		return nil, fmt.Errorf("SignedData: %w", err)
	}
	if !sd.Encap.Type.Equal(oidTSTInfo()) {
		return nil, fmt.Errorf("encapsulated type %s, want TSTInfo", sd.Encap.Type)
	}
	if len(sd.Signers) != 1 {
		return nil, fmt.Errorf("%d signers, want one", len(sd.Signers))
	}
	out := &cms{signer: sd.Signers[0]}
	if err := unmarshalAll(sd.Encap.Content.Bytes, &out.content); err != nil {
		return nil, fmt.Errorf("encapsulated content: %w", err)
	}
	var err error
	if out.certs, err = x509.ParseCertificates(sd.Certs.Bytes); err != nil {
		return nil, fmt.Errorf("certificates: %w", err)
	}
	out.attrs, err = parseAttributes(out.signer.Signed.Bytes)
	return out, err
}

func oidTSTInfo() asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}
}

// parseAttributes reads SET OF Attribute, each type once with one value.
func parseAttributes(der []byte) (map[string]asn1.RawValue, error) {
	attrs := map[string]asn1.RawValue{}
	for len(der) > 0 {
		var a struct {
			Type   asn1.ObjectIdentifier
			Values []asn1.RawValue `asn1:"set"`
		}
		rest, err := asn1.Unmarshal(der, &a)
		if err != nil {
			return nil, fmt.Errorf("signed attributes: %w", err)
		}
		if _, twice := attrs[a.Type.String()]; twice || len(a.Values) != 1 {
			return nil, fmt.Errorf("signed attribute %s is not there exactly once", a.Type)
		}
		attrs[a.Type.String()] = a.Values[0]
		der = rest
	}
	return attrs, nil
}

// verifySigner checks the signature and returns the certificate that made it.
func (c *cms) verifySigner() (*x509.Certificate, error) {
	h, ok := hashOf(c.signer.Digest.Algorithm)
	if !ok {
		return nil, fmt.Errorf("digest algorithm %s", c.signer.Digest.Algorithm)
	}
	c.hash = h
	tsu := c.findSigner()
	if tsu == nil {
		return nil, errors.New("the signer's certificate is not in the token")
	}
	if err := c.checkContentAttributes(); err != nil {
		return nil, err
	}
	if err := c.checkESS(tsu); err != nil {
		return nil, err
	}
	// What is signed is the attributes as a SET, not as [0] (RFC 5652, 5.4).
	tbs := slices.Clone(c.signer.Signed.FullBytes)
	tbs[0] = 0x31
	return tsu, verifyCMSSignature(tsu, c.hash, c.signer, tbs)
}

func (c *cms) findSigner() *x509.Certificate {
	var id struct {
		Issuer asn1.RawValue
		Serial *big.Int
	}
	sid := c.signer.SID
	byIssuer := sid.Class == asn1.ClassUniversal && unmarshalAll(sid.FullBytes, &id) == nil
	for _, cert := range c.certs {
		if byIssuer && bytes.Equal(cert.RawIssuer, id.Issuer.FullBytes) && cert.SerialNumber.Cmp(id.Serial) == 0 {
			return cert
		}
		if sid.Class == asn1.ClassContextSpecific && sid.Tag == 0 && len(sid.Bytes) > 0 && bytes.Equal(cert.SubjectKeyId, sid.Bytes) {
			return cert
		}
	}
	return nil
}

// checkContentAttributes: content-type and message-digest (RFC 5652, 11.1 and 11.2).
func (c *cms) checkContentAttributes() error {
	var typ asn1.ObjectIdentifier
	if err := unmarshalAll(c.attrs["1.2.840.113549.1.9.3"].FullBytes, &typ); err != nil || !typ.Equal(oidTSTInfo()) {
		return errors.New("content-type attribute is not TSTInfo")
	}
	d := c.hash.New()
	d.Write(c.content)
	var got []byte
	if err := unmarshalAll(c.attrs["1.2.840.113549.1.9.4"].FullBytes, &got); err != nil || !bytes.Equal(got, d.Sum(nil)) {
		return errors.New("message-digest attribute does not match the content")
	}
	return nil
}

// checkESS: the first certificate named by signing-certificate-v2 (RFC 5035),
// or by its SHA-1 ancestor that many authorities still use, is the signer's.
func (c *cms) checkESS(tsu *x509.Certificate) error {
	type essCert struct {
		Algorithm pkix.AlgorithmIdentifier `asn1:"optional"`
		Hash      []byte
		Issuer    asn1.RawValue `asn1:"optional"`
	}
	var ess struct {
		Certs    []essCert
		Policies asn1.RawValue `asn1:"optional"`
	}
	attr, v2 := c.attrs["1.2.840.113549.1.9.16.2.47"]
	h := crypto.SHA256 // the default of ESSCertIDv2
	if !v2 {
		attr, h = c.attrs["1.2.840.113549.1.9.16.2.12"], crypto.SHA1
	}
	if err := unmarshalAll(attr.FullBytes, &ess); err != nil || len(ess.Certs) == 0 {
		return errors.New("no ESS signing-certificate attribute")
	}
	if alg := ess.Certs[0].Algorithm.Algorithm; v2 && len(alg) > 0 {
		var ok bool
		if h, ok = hashOf(alg); !ok {
			return fmt.Errorf("ESS hash algorithm %s", alg)
		}
	}
	d := h.New()
	d.Write(tsu.Raw)
	if !bytes.Equal(ess.Certs[0].Hash, d.Sum(nil)) {
		return errors.New("ESS attribute names another certificate")
	}
	return nil
}

func verifyCMSSignature(cert *x509.Certificate, h crypto.Hash, s signerInfo, tbs []byte) error {
	pub, isRSA := cert.PublicKey.(*rsa.PublicKey)
	if isRSA && s.Algorithm.Algorithm.Equal(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}) { // RSASSA-PSS
		d := h.New()
		d.Write(tbs)
		if err := rsa.VerifyPSS(pub, h, d.Sum(nil), s.Signature, nil); err != nil {
			return fmt.Errorf("%w: RSA-PSS, %s", ErrBadSignature, cert.Subject)
		}
		return nil
	}
	return VerifySignature(cert, tbs, s.Signature, h)
}

// hashOf knows the hashes accepted in tokens; SHA-1 is not one.
func hashOf(oid asn1.ObjectIdentifier) (crypto.Hash, bool) {
	switch oid.String() {
	case "2.16.840.1.101.3.4.2.1":
		return crypto.SHA256, true
	case "2.16.840.1.101.3.4.2.2":
		return crypto.SHA384, true
	case "2.16.840.1.101.3.4.2.3":
		return crypto.SHA512, true
	}
	return 0, false
}

// unmarshalAll is asn1.Unmarshal that refuses trailing bytes and empty input.
func unmarshalAll(der []byte, v any) error {
	rest, err := asn1.Unmarshal(der, v)
	if err == nil && len(rest) > 0 {
		return errors.New("trailing bytes")
	}
	return err
}
