package cms

import (
	"bytes"
	"crypto"
	"crypto/sha1" // the certificate identifier of older time-stamp tokens, RFC 2634
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"math/big"
	"time"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// maxCertificates bounds the certificates of one structure.
const maxCertificates = 64

// SignedData is a parsed SignedData with exactly one signer, as CAdES baseline wants it.
type SignedData struct {
	Certificates []*x509.Certificate
	ContentType  asn1.ObjectIdentifier
	Content      []byte // eContent, nil when detached
	Hash         crypto.Hash
	PSS          bool
	Issuer       []byte // raw name, with Serial the identity of the signer
	Serial       *big.Int
	KeyID        []byte // subjectKeyIdentifier instead of Issuer and Serial, else nil
	// SignedAttrs is the DER that was signed, tag SET restored.
	SignedAttrs []byte
	Signed      []Attribute
	Unsigned    []Attribute
	Signature   []byte
	// Deviations names what departs from the baseline profiles without weakening the signature: "version",
	// "digestAlgorithms", "order" of the signed attributes.
	Deviations []string
}

// Attribute is one attribute: its type and the DER of each of its values.
type Attribute struct {
	Type   asn1.ObjectIdentifier
	Values [][]byte
}

func malformed(what string) error { return fmt.Errorf("%w: %s", ErrMalformed, what) }

// Parse reads a ContentInfo that holds a SignedData with one SignerInfo and signed attributes. der
// may be followed by zeros, the padding of a PDF /Contents, and by nothing else. It fails with
// [ErrMalformed] or [ErrAlgorithm]; it verifies nothing.
func Parse(der []byte) (*SignedData, error) {
	in := cryptobyte.String(der)
	var info, wrap, sd cryptobyte.String
	var id asn1.ObjectIdentifier
	if !in.ReadASN1(&info, casn1.SEQUENCE) || len(bytes.Trim(in, "\x00")) > 0 {
		return nil, malformed("ContentInfo")
	}
	if !info.ReadASN1ObjectIdentifier(&id) || !id.Equal(oidSignedData()) || !info.ReadASN1(&wrap, explicit(0)) ||
		!wrap.ReadASN1(&sd, casn1.SEQUENCE) {
		return nil, malformed("SignedData")
	}
	var version int64
	var digests, encap, certs, signers, signer cryptobyte.String
	if !sd.ReadASN1Integer(&version) || !sd.ReadASN1(&digests, casn1.SET) || !sd.ReadASN1(&encap, casn1.SEQUENCE) ||
		!sd.ReadOptionalASN1(&certs, nil, explicit(0)) || !sd.SkipOptionalASN1(explicit(1)) ||
		!sd.ReadASN1(&signers, casn1.SET) || !sd.Empty() {
		return nil, malformed("SignedData")
	}
	if !signers.ReadASN1(&signer, casn1.SEQUENCE) || !signers.Empty() {
		return nil, malformed("exactly one SignerInfo expected")
	}
	s := &SignedData{}
	if err := s.readContent(encap); err != nil {
		return nil, err
	}
	if err := s.readCertificates(certs); err != nil {
		return nil, err
	}
	if err := s.readSigner(signer); err != nil {
		return nil, err
	}
	s.findDeviations(version, digests)
	return s, nil
}

// findDeviations looks for what RFC 5652, 5.1 and 5.3, and DER want of a SignedData.
func (s *SignedData) findDeviations(version int64, digests cryptobyte.String) {
	if s.ContentType.Equal(oidData()) && s.KeyID == nil && version != 1 {
		s.Deviations = append(s.Deviations, "version")
	}
	declared := false
	for !digests.Empty() {
		var alg cryptobyte.String
		var id asn1.ObjectIdentifier
		if !digests.ReadASN1(&alg, casn1.SEQUENCE) || !alg.ReadASN1ObjectIdentifier(&id) {
			break
		}
		declared = declared || id.Equal(hashOID(s.Hash))
	}
	if !declared {
		s.Deviations = append(s.Deviations, "digestAlgorithms")
	}
	var set, last cryptobyte.String
	whole := cryptobyte.String(s.SignedAttrs)
	for ok := whole.ReadASN1(&set, casn1.SET); ok && !set.Empty(); {
		var one cryptobyte.String
		if ok = set.ReadASN1Element(&one, casn1.SEQUENCE); bytes.Compare(last, one) > 0 {
			s.Deviations = append(s.Deviations, "order")
			break
		}
		last = one
	}
}

func (s *SignedData) readContent(in cryptobyte.String) error {
	if !in.ReadASN1ObjectIdentifier(&s.ContentType) {
		return malformed("EncapsulatedContentInfo")
	}
	if in.Empty() {
		return nil
	}
	var wrap, content cryptobyte.String
	if !in.ReadASN1(&wrap, explicit(0)) || !wrap.ReadASN1(&content, casn1.OCTET_STRING) || !wrap.Empty() {
		return malformed("eContent")
	}
	s.Content = content
	return nil
}

func (s *SignedData) readCertificates(in cryptobyte.String) error {
	for !in.Empty() {
		var raw cryptobyte.String
		var tag casn1.Tag
		if !in.ReadAnyASN1Element(&raw, &tag) || len(s.Certificates) == maxCertificates {
			return malformed("certificates")
		}
		if tag != casn1.SEQUENCE { // attribute certificates and other formats
			continue
		}
		c, err := x509.ParseCertificate(raw)
		if err != nil {
			return fmt.Errorf("%w: certificate: %w", ErrMalformed, err)
		}
		s.Certificates = append(s.Certificates, c)
	}
	return nil
}

func (s *SignedData) readSigner(in cryptobyte.String) error {
	var version int64
	var digest, attrs, alg, unsigned cryptobyte.String
	var hasUnsigned bool
	if !in.ReadASN1Integer(&version) || !s.readSignerID(&in) || !in.ReadASN1(&digest, casn1.SEQUENCE) ||
		!in.ReadASN1Element(&attrs, explicit(0)) || !in.ReadASN1(&alg, casn1.SEQUENCE) ||
		!in.ReadASN1Bytes(&s.Signature, casn1.OCTET_STRING) ||
		!in.ReadOptionalASN1(&unsigned, &hasUnsigned, explicit(1)) || !in.Empty() {
		return malformed("SignerInfo")
	}
	var id asn1.ObjectIdentifier
	if !digest.ReadASN1ObjectIdentifier(&id) {
		return malformed("digestAlgorithm")
	}
	var err error
	if s.Hash, err = hashOf(id); err != nil {
		return err
	}
	if err := s.readAlgorithm(alg); err != nil {
		return err
	}
	s.SignedAttrs = append([]byte{0x31}, attrs[1:]...)
	inner := cryptobyte.String(s.SignedAttrs)
	if !inner.ReadASN1(&attrs, casn1.SET) {
		return malformed("signedAttrs")
	}
	if s.Signed, err = readAttributes(attrs); err != nil {
		return err
	}
	s.Unsigned, err = readAttributes(unsigned)
	return err
}

func (s *SignedData) readSignerID(in *cryptobyte.String) bool {
	tag := casn1.Tag(0).ContextSpecific()
	if in.PeekASN1Tag(tag) {
		return in.ReadASN1Bytes(&s.KeyID, tag)
	}
	var sid, name cryptobyte.String
	s.Serial = new(big.Int)
	if !in.ReadASN1(&sid, casn1.SEQUENCE) || !sid.ReadASN1Element(&name, casn1.SEQUENCE) || !sid.ReadASN1Integer(s.Serial) {
		return false
	}
	s.Issuer = name
	return sid.Empty()
}

// readAlgorithm accepts what the hash of the SignerInfo implies, and nothing else.
func (s *SignedData) readAlgorithm(in cryptobyte.String) error {
	var id asn1.ObjectIdentifier
	if !in.ReadASN1ObjectIdentifier(&id) {
		return malformed("signatureAlgorithm")
	}
	switch {
	case id.Equal(oidPSS()):
		s.PSS = true
		return s.checkPSS(in)
	case id.Equal(oidRSA()), id.Equal(rsaHashOID(s.Hash)), id.Equal(ecdsaOID(s.Hash)):
		return nil
	}
	return fmt.Errorf("%w: signature %s with %v", ErrAlgorithm, id, s.Hash)
}

func (s *SignedData) checkPSS(in cryptobyte.String) error {
	var params, h, seq cryptobyte.String
	var id asn1.ObjectIdentifier
	if !in.ReadASN1(&params, casn1.SEQUENCE) || !params.ReadASN1(&h, explicit(0)) || !h.ReadASN1(&seq, casn1.SEQUENCE) ||
		!seq.ReadASN1ObjectIdentifier(&id) || !id.Equal(hashOID(s.Hash)) {
		return fmt.Errorf("%w: RSASSA-PSS parameters", ErrAlgorithm)
	}
	return nil
}

func readAttributes(in cryptobyte.String) ([]Attribute, error) {
	var out []Attribute
	for !in.Empty() {
		var seq, set cryptobyte.String
		var a Attribute
		if !in.ReadASN1(&seq, casn1.SEQUENCE) || !seq.ReadASN1ObjectIdentifier(&a.Type) || !seq.ReadASN1(&set, casn1.SET) || !seq.Empty() {
			return nil, malformed("attribute")
		}
		for !set.Empty() {
			var v cryptobyte.String
			var tag casn1.Tag
			if !set.ReadAnyASN1Element(&v, &tag) {
				return nil, malformed("attribute value")
			}
			a.Values = append(a.Values, v)
		}
		out = append(out, a)
	}
	return out, nil
}

// Signer returns the certificate of the signer among the embedded ones, by issuer and serial or by
// key identifier: DER order may put an authority first.
func (s *SignedData) Signer() (*x509.Certificate, error) {
	for _, c := range s.Certificates {
		if s.designates(c) {
			return c, nil
		}
	}
	return nil, malformed("certificate of the signer absent")
}

// designates reports whether the signer identifier designates c.
func (s *SignedData) designates(c *x509.Certificate) bool {
	if s.KeyID != nil {
		return bytes.Equal(c.SubjectKeyId, s.KeyID)
	}
	return bytes.Equal(c.RawIssuer, s.Issuer) && c.SerialNumber.Cmp(s.Serial) == 0
}

// values returns the values of all the attributes of type id.
func values(attrs []Attribute, id asn1.ObjectIdentifier) [][]byte {
	var out [][]byte
	for _, a := range attrs {
		if a.Type.Equal(id) {
			out = append(out, a.Values...)
		}
	}
	return out
}

// MessageDigest returns the single message-digest attribute.
func (s *SignedData) MessageDigest() ([]byte, error) {
	v := values(s.Signed, oidMessageDigest())
	if len(v) != 1 {
		return nil, malformed("exactly one message-digest expected")
	}
	in := cryptobyte.String(v[0])
	var out cryptobyte.String
	if !in.ReadASN1(&out, casn1.OCTET_STRING) || !in.Empty() {
		return nil, malformed("message-digest")
	}
	return out, nil
}

// SigningTime returns the signing-time attribute, which PAdES baseline forbids and CAdES baseline
// requires; ok is false when it is absent or malformed.
func (s *SignedData) SigningTime() (at time.Time, ok bool) {
	v := values(s.Signed, oidSigningTime())
	if len(v) != 1 {
		return time.Time{}, false
	}
	in := cryptobyte.String(v[0])
	if in.PeekASN1Tag(casn1.UTCTime) {
		ok = in.ReadASN1UTCTime(&at)
	} else {
		ok = in.ReadASN1GeneralizedTime(&at)
	}
	return at, ok
}

// HasSigningTime reports any signing-time attribute, malformed ones too.
func (s *SignedData) HasSigningTime() bool { return len(values(s.Signed, oidSigningTime())) > 0 }

// Tokens returns the signature-time-stamp tokens.
func (s *SignedData) Tokens() [][]byte { return values(s.Unsigned, oidTimestamp()) }

// DeclaresContent reports whether the content-type attribute, when there is one, is that of the content.
func (s *SignedData) DeclaresContent() bool {
	for _, v := range values(s.Signed, oidContentType()) {
		in := cryptobyte.String(v)
		var id asn1.ObjectIdentifier
		if !in.ReadASN1ObjectIdentifier(&id) || !id.Equal(s.ContentType) {
			return false
		}
	}
	return true
}

// Verify checks the signature value over the signed attributes, that they hold the digest of the
// content, its type, and that one signing-certificate attribute designates cert (RFC 5035).
func (s *SignedData) Verify(cert *x509.Certificate, digest []byte) error {
	got, err := s.MessageDigest()
	if err != nil {
		return err
	}
	if !bytes.Equal(got, digest) {
		return fmt.Errorf("%w: message-digest of other data", ErrSignature)
	}
	types := values(s.Signed, oidContentType())
	var id asn1.ObjectIdentifier
	if len(types) != 1 {
		return malformed("exactly one content-type expected")
	}
	if in := cryptobyte.String(types[0]); !in.ReadASN1ObjectIdentifier(&id) || !id.Equal(s.ContentType) {
		return malformed("content-type")
	}
	if err := s.checkSigningCertificate(cert); err != nil {
		return err
	}
	if !s.designates(cert) {
		return fmt.Errorf("%w: SignerInfo designates another certificate", ErrSignature)
	}
	return Verify(cert, s.Hash, s.PSS, s.SignedAttrs, s.Signature)
}

// checkSigningCertificate compares the first ESSCertIDv2 with the certificate. The SHA-1 form of
// RFC 2634 counts as absent, except in a time-stamp token, where RFC 3161 asks for it.
func (s *SignedData) checkSigningCertificate(cert *x509.Certificate) error {
	v := values(s.Signed, oidSigningCertV2())
	if v1 := values(s.Signed, oidSigningCertV1()); len(v) == 0 && len(v1) == 1 && s.ContentType.Equal(oidTSTInfo()) {
		sum := sha1.Sum(cert.Raw)
		in := cryptobyte.String(v1[0])
		var sc, certs, ess, hash cryptobyte.String
		if !in.ReadASN1(&sc, casn1.SEQUENCE) || !sc.ReadASN1(&certs, casn1.SEQUENCE) || !certs.ReadASN1(&ess, casn1.SEQUENCE) ||
			!ess.ReadASN1(&hash, casn1.OCTET_STRING) || !bytes.Equal(hash, sum[:]) {
			return fmt.Errorf("%w: signing-certificate designates another certificate", ErrSignature)
		}
		return nil
	}
	if len(v) != 1 {
		return malformed("exactly one signing-certificate-v2 expected")
	}
	in := cryptobyte.String(v[0])
	var sc, certs, ess, alg, hash cryptobyte.String
	var hasAlg bool
	if !in.ReadASN1(&sc, casn1.SEQUENCE) || !sc.ReadASN1(&certs, casn1.SEQUENCE) || !certs.ReadASN1(&ess, casn1.SEQUENCE) ||
		!ess.ReadOptionalASN1(&alg, &hasAlg, casn1.SEQUENCE) || !ess.ReadASN1(&hash, casn1.OCTET_STRING) {
		return malformed("signing-certificate-v2")
	}
	h := crypto.SHA256
	if hasAlg {
		var id asn1.ObjectIdentifier
		if !alg.ReadASN1ObjectIdentifier(&id) {
			return malformed("signing-certificate-v2")
		}
		var err error
		if h, err = hashOf(id); err != nil {
			return err
		}
	}
	w := h.New()
	w.Write(cert.Raw)
	if !bytes.Equal(w.Sum(nil), hash) {
		return fmt.Errorf("%w: signing-certificate-v2 designates another certificate", ErrSignature)
	}
	return nil
}

// Token is the information of a time-stamp token (RFC 3161, TSTInfo).
type Token struct {
	SignedData *SignedData
	Hash       crypto.Hash
	Imprint    []byte
	Time       time.Time
}

// ParseToken reads a TimeStampToken. It does not verify it; see [SignedData.Verify].
func ParseToken(der []byte) (*Token, error) {
	sd, err := Parse(der)
	if err != nil {
		return nil, fmt.Errorf("time-stamp token: %w", err)
	}
	if !sd.ContentType.Equal(oidTSTInfo()) {
		return nil, malformed("time-stamp token: content type")
	}
	in := cryptobyte.String(sd.Content)
	var tst, imprint, alg, hash cryptobyte.String
	var version int64
	var policy, id asn1.ObjectIdentifier
	t := &Token{SignedData: sd}
	serial := new(big.Int)
	if !in.ReadASN1(&tst, casn1.SEQUENCE) || !tst.ReadASN1Integer(&version) || !tst.ReadASN1ObjectIdentifier(&policy) ||
		!tst.ReadASN1(&imprint, casn1.SEQUENCE) || !tst.ReadASN1Integer(serial) {
		return nil, malformed("TSTInfo")
	}
	if !imprint.ReadASN1(&alg, casn1.SEQUENCE) || !alg.ReadASN1ObjectIdentifier(&id) || !imprint.ReadASN1(&hash, casn1.OCTET_STRING) {
		return nil, malformed("messageImprint")
	}
	if t.Hash, err = hashOf(id); err != nil {
		return nil, err
	}
	t.Imprint = hash
	return t, t.readTime(tst)
}

// readTime reads genTime, which may have fractions of a second that cryptobyte refuses.
func (t *Token) readTime(in cryptobyte.String) error {
	var raw cryptobyte.String
	if !in.ReadASN1(&raw, casn1.GeneralizedTime) {
		return malformed("genTime")
	}
	at, err := time.Parse("20060102150405.999999999Z0700", string(raw))
	if err != nil {
		return malformed("genTime")
	}
	t.Time = at
	return nil
}

// Check says whether the token is a sound signature of its own embedded certificate over digest.
// Trust in that certificate is for the caller to establish.
func (t *Token) Check(h crypto.Hash, digest []byte) error {
	if t.Hash != h || !bytes.Equal(t.Imprint, digest) {
		return ErrImprint
	}
	cert, err := t.SignedData.Signer()
	if err != nil {
		return fmt.Errorf("time-stamp token: %w", err)
	}
	w := t.SignedData.Hash.New()
	w.Write(t.SignedData.Content)
	if err := t.SignedData.Verify(cert, w.Sum(nil)); err != nil {
		return fmt.Errorf("time-stamp token: %w", err)
	}
	return nil
}
