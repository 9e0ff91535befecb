package signing

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"

	"parapheur/signing/internal/cms"
	"parapheur/signing/internal/pdf"
)

// verifyAll verifies the value of every signature whose bytes are known: the document time-stamps,
// which prove when the others existed, then the signatures. All are read first, in the order of the
// offsets, so that the file is hashed once and not once for each signature.
func (c *checker) verifyAll() error {
	order := slices.Clone(c.found)
	slices.SortStableFunc(order, func(x, y *candidate) int { return cmp.Compare(x.a, y.a) })
	d := digester{r: c.r, running: map[crypto.Hash]*runningHash{}}
	for _, s := range order {
		if s.cms == nil || s.rep.Revision < 0 {
			continue
		}
		if err := c.read(s, &d); err != nil {
			return err
		}
	}
	for _, s := range order {
		if s.token != nil {
			c.documentTimestamp(s, s.token, s.digest)
		}
	}
	for _, s := range order {
		if s.signed != nil {
			c.verify(s)
		}
	}
	return nil
}

// read parses one value, a document time-stamp or a CMS signature, and hashes what it covers.
func (c *checker) read(s *candidate, d *digester) error {
	sub := s.rep.SubFilter
	var err error
	switch {
	case s.rep.Kind == KindDocumentTimestamp && sub == "ETSI.RFC3161":
		if s.token, err = cms.ParseToken(s.cms); err != nil {
			s.add(TimestampMalformed, "")
			return nil //nolint:nilerr // a malformed token is a finding
		}
		s.digest, err = d.sum(s.token.Hash, s.a, s.b, s.end)
		return err
	case s.rep.Kind == KindSignature && sub == "ETSI.CAdES.detached":
		c.entries(s)
	case s.rep.Kind == KindSignature && sub == "adbe.pkcs7.detached":
		s.add(NotPAdES, "")
	default:
		s.add(SubFilterUnknown, sub)
		return nil
	}
	if sd, ok := parseSigned(&s.rep, s.cms); ok {
		s.signed = sd
		s.digest, err = d.sum(sd.Hash, s.a, s.b, s.end)
	}
	return err
}

// verify checks a CMS signature, with the time-stamps of the document.
func (c *checker) verify(s *candidate) {
	v := verifier{opt: &c.opt, rep: &s.rep, proofs: c.proofs, pades: s.rep.SubFilter == "ETSI.CAdES.detached"}
	stamp := c.stampAfter(s.rep.Revision)
	if stamp != nil {
		v.stamp = stamp.rep.Timestamp
	}
	v.signature(s.signed, s.digest)
	s.paths = v.paths
	if stamp != nil && s.rep.Timestamp == stamp.rep.Timestamp {
		s.paths = append(s.paths, stamp.paths...)
	}
}

// entries checks what PAdES asks of the dictionary (EN 319 142-1, 6.3).
func (c *checker) entries(s *candidate) {
	if kind, _ := s.sig.Dict.Get("Type").(pdf.Name); kind != "" && !kind.Is("Sig") {
		s.add(NotBaseline, "/Type")
	}
	if s.sig.Dict.Get("Filter") == nil {
		s.add(NotBaseline, "/Filter")
	}
	if s.rep.ClaimedTime == nil {
		s.add(TimeEntryMissing, "")
	}
	if s.sig.Dict.Get("Cert") != nil {
		s.add(CertEntryPresent, "")
	}
}

// parseSigned reads a CMS and names why it cannot be.
func parseSigned(rep *SignatureReport, der []byte) (*cms.SignedData, bool) {
	sd, err := cms.Parse(der)
	if err == nil {
		rep.Digest = sd.Hash.String()
		return sd, true
	}
	code := CMSMalformed
	if errors.Is(err, cms.ErrAlgorithm) {
		code = AlgorithmRefused
	}
	rep.Reasons = append(rep.Reasons, Reason{Code: code})
	return nil, false
}

// verifier verifies one CMS signature.
type verifier struct {
	opt   *CheckOptions
	rep   *SignatureReport
	pades bool             // the rules of PAdES baseline apply
	stamp *TimestampReport // a document time-stamp over the signature, or nil
	// proofs is what the document knows of certificates and revocations, or nil.
	proofs *proofs
	// paths are those of the signer and of the time-stamps that were trusted.
	paths []judged
}

func (v *verifier) add(code Code, detail string) {
	v.rep.Reasons = append(v.rep.Reasons, Reason{Code: code, Detail: detail})
}

// signature checks the CMS over content of the given digest, its time-stamps and its chain.
func (v *verifier) signature(sd *cms.SignedData, digest []byte) {
	v.form(sd)
	if got, err := sd.MessageDigest(); err != nil {
		v.add(CMSMalformed, "message-digest")
	} else if !bytes.Equal(got, digest) {
		v.add(DigestMismatch, "")
	}
	cert, err := sd.Signer()
	if err != nil {
		v.add(SignerMissing, "")
		return
	}
	v.rep.Name, v.rep.Certificate, v.rep.Seal, v.rep.Certificates = nameOf(cert), describeCertificate(cert), IsSeal(cert), sd.Certificates
	if err := cms.Verify(cert, sd.Hash, sd.PSS, sd.SignedAttrs, sd.Signature); err != nil {
		v.add(SignatureValueWrong, "")
	}
	if v.designated(sd) {
		// What is left for Verify to find is a designation of another certificate.
		if err := sd.Verify(cert, digest); err != nil && worst(v.rep.Reasons) != Invalid {
			v.add(SigningCertMismatch, "")
		}
	}
	v.specimen(cert)
	v.key(cert)
	v.rep.Timestamp = v.stamp
	v.timestamps(sd)
	v.trust(cert, sd.Certificates)
}

func attributeCount(attrs []cms.Attribute, id asn1.ObjectIdentifier) int {
	n := 0
	for _, a := range attrs {
		if a.Type.Equal(id) {
			n += max(1, len(a.Values))
		}
	}
	return n
}

// form checks what CAdES and PAdES ask of the attributes (EN 319 122-1, 5; EN 319 142-1, 6.3).
func (v *verifier) form(sd *cms.SignedData) {
	if sd.Content != nil {
		v.add(ContentNotDetached, "")
	}
	contentType := asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}
	data := asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	if !sd.ContentType.Equal(data) || attributeCount(sd.Signed, contentType) != 1 || !sd.DeclaresContent() {
		v.add(ContentTypeWrong, "")
	}
	if v.pades && sd.HasSigningTime() {
		v.add(SigningTimePresent, "")
	}
	if v.pades || v.rep.Kind == KindDetached {
		v.baseline(sd)
	}
}

// baseline remarks what is sound but keeps a signature out of the baseline levels.
func (v *verifier) baseline(sd *cms.SignedData) {
	for _, d := range sd.Deviations {
		v.add(NotBaseline, d)
	}
	has := func(n ...int) bool { return attributeCount(sd.Signed, n) > 0 }
	if v.rep.Reason != "" && (has(1, 2, 840, 113549, 1, 9, 16, 2, 15) || has(1, 2, 840, 113549, 1, 9, 16, 2, 16)) {
		v.add(NotBaseline, "/Reason") // beside a policy or a commitment-type
	}
	if has(1, 2, 840, 113583, 1, 1, 8) {
		v.add(NotBaseline, "adbe-revocationInfoArchival")
	}
}

// deviates reports whether a signature is sound without being a baseline one.
func (r *SignatureReport) deviates() bool {
	return slices.ContainsFunc(r.Reasons, func(x Reason) bool { return x.Code == NotBaseline })
}

// designated reports whether there is exactly one signing-certificate-v2 (RFC 5035).
func (v *verifier) designated(sd *cms.SignedData) bool {
	n := attributeCount(sd.Signed, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47})
	if n == 1 {
		return true
	}
	if v.pades || v.rep.Kind == KindDetached {
		v.add(SigningCertMissing, fmt.Sprint(n))
	}
	return false
}

// key checks the strength of the key and what the certificate allows (TS 119 312; RFC 5280,
// 4.2.1.3).
func (v *verifier) key(cert *x509.Certificate) {
	switch k := cert.PublicKey.(type) {
	case *rsa.PublicKey:
		if n := k.N.BitLen(); n < 2048 {
			v.add(WeakKey, fmt.Sprint("RSA ", n))
		} else if n < 3072 {
			v.add(KeyNearEnd, fmt.Sprint("RSA ", n))
		}
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() && k.Curve != elliptic.P384() && k.Curve != elliptic.P521() {
			v.add(WeakKey, k.Curve.Params().Name)
		}
	default:
		v.add(WeakKey, "")
	}
	if cert.KeyUsage&(x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment) == 0 {
		v.add(KeyUsageWrong, "")
	}
}

func nameOf(cert *x509.Certificate) string {
	if cert.Subject.CommonName != "" {
		return cert.Subject.CommonName
	}
	return cert.Subject.String()
}

func describeCertificate(cert *x509.Certificate) *CertificateReport {
	sum := sha256.Sum256(cert.Raw)
	return &CertificateReport{
		Subject: cert.Subject.String(), Issuer: cert.Issuer.String(), Serial: cert.SerialNumber.Text(16),
		SHA256: hex.EncodeToString(sum[:]), NotBefore: cert.NotBefore.UTC(), NotAfter: cert.NotAfter.UTC(), DER: cert.Raw,
	}
}

// digester hashes the prefix that growing signatures share only once.
type digester struct {
	r       io.ReaderAt
	running map[crypto.Hash]*runningHash
}

type runningHash struct {
	hash.Hash
	at int64
}

// sum returns the digest of the bytes [0, a) and [b, end). Calls must come with growing a.
func (d *digester) sum(h crypto.Hash, a, b, end int64) ([]byte, error) {
	run := d.running[h]
	if run == nil || run.at > a {
		run = &runningHash{Hash: h.New()}
		d.running[h] = run
	}
	if err := d.copy(run, run.at, a); err != nil {
		return nil, err
	}
	run.at = a
	cloner, ok := run.Hash.(hash.Cloner)
	if !ok {
		return nil, fmt.Errorf("%w: %T cannot be copied", ErrAlgorithm, run.Hash)
	}
	rest, err := cloner.Clone()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAlgorithm, err)
	}
	if err := d.copy(rest, b, end); err != nil {
		return nil, err
	}
	return rest.Sum(nil), nil
}

func (d *digester) copy(w io.Writer, from, to int64) error {
	buf := make([]byte, min(to-from, copyBuffer))
	for from < to {
		n := min(int64(len(buf)), to-from)
		if m, err := d.r.ReadAt(buf[:n], from); int64(m) < n {
			return fmt.Errorf("reading the document at offset %d: %w", from, noEOF(err))
		}
		_, _ = w.Write(buf[:n]) // a hash never fails
		from += n
	}
	return nil
}

// VerifyDetached verifies a detached CMS signature over content, as [Detached] makes it, with the
// same care as [Check]: integrity, designation of the certificate, trust, time-stamp. It returns a
// report for every input; the error says that opt.At is zero.
func VerifyDetached(der, content []byte, opt CheckOptions) (*SignatureReport, error) {
	if opt.At.IsZero() {
		return nil, fmt.Errorf("checking a detached signature: %w: no time", ErrOptions)
	}
	rep := &SignatureReport{Kind: KindDetached, Revision: -1}
	if sd, ok := parseSigned(rep, der); ok {
		w := sd.Hash.New()
		w.Write(content)
		v := verifier{opt: &opt, rep: rep}
		if at, ok := sd.SigningTime(); ok {
			at = at.UTC()
			rep.ClaimedTime = &at
		}
		v.signature(sd, w.Sum(nil))
	}
	if rep.Verdict = worst(rep.Reasons); rep.Verdict != Invalid && !rep.deviates() {
		rep.Level = "CAdES-BASELINE-B"
		if rep.Timestamp != nil {
			rep.Level = "CAdES-BASELINE-T"
		}
	}
	return rep, nil
}
