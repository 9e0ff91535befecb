package signing

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"time"

	"parapheur/signing/internal/cms"
	"parapheur/signing/internal/pdf"
)

// timestamps verifies the signature time-stamps and keeps the earliest sound one, which counts
// before a later document time-stamp (EN 319 122-1, 5.3). A token that is false makes the signature
// Invalid.
func (v *verifier) timestamps(sd *cms.SignedData) {
	for _, der := range sd.Tokens() {
		t, err := cms.ParseToken(der)
		if err != nil {
			v.add(TimestampMalformed, "")
			continue
		}
		w := t.Hash.New()
		w.Write(sd.Signature)
		ts, ok := v.token(t, w.Sum(nil))
		if ok && (v.rep.Timestamp == nil || ts.Time.Before(v.rep.Timestamp.Time)) {
			v.rep.Timestamp = ts
		}
	}
}

// token verifies one token over digest; ok says that it is sound and trusted.
func (v *verifier) token(t *cms.Token, digest []byte) (ts *TimestampReport, ok bool) {
	if err := t.Check(t.Hash, digest); errors.Is(err, cms.ErrImprint) {
		v.add(TimestampImprint, "")
		return nil, false
	} else if err != nil {
		v.add(TimestampValue, "")
		return nil, false
	}
	cert, err := t.SignedData.Signer()
	if err != nil {
		v.add(TimestampValue, "")
		return nil, false
	}
	if !stampsOnly(cert) {
		v.add(TimestampUsage, "")
		return nil, false
	}
	roots := v.opt.TimestampRoots
	if roots == nil {
		roots = v.opt.Roots
	}
	chains := v.chains(cert, roots, t.SignedData.Certificates, t.Time, x509.ExtKeyUsageTimeStamping)
	if len(chains) == 0 || v.revoked != nil && v.revoked.before(chains[0], t.Time) {
		v.add(TimestampUntrusted, nameOf(cert))
		return nil, false
	}
	ts = &TimestampReport{Time: t.Time.UTC(), Authority: nameOf(cert), Certificate: *describeCertificate(cert)}
	ts.Certificate.Trusted = true
	return ts, true
}

// stampsOnly reports whether the certificate has the extended key usage timeStamping, alone and
// critical (RFC 3161, 2.3).
func stampsOnly(cert *x509.Certificate) bool {
	if len(cert.ExtKeyUsage) != 1 || cert.ExtKeyUsage[0] != x509.ExtKeyUsageTimeStamping || len(cert.UnknownExtKeyUsage) > 0 {
		return false
	}
	for _, e := range cert.Extensions {
		if e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 37}) {
			return e.Critical
		}
	}
	return false
}

// trust looks for a chain to a root at the time that a time-stamp proves, or at the time of the
// check without one.
func (v *verifier) trust(cert *x509.Certificate, carried []*x509.Certificate) {
	at, proven := v.opt.At, v.rep.Timestamp != nil
	if proven {
		at = v.rep.Timestamp.Time
	}
	inside := !at.Before(cert.NotBefore) && !at.After(cert.NotAfter)
	switch {
	case v.opt.Roots == nil:
		v.add(NoTrustAnchors, "")
	case !inside && proven:
		v.add(SignedOutsideValidity, "")
	case !inside:
		v.add(SignerExpired, "")
	default:
		v.chainOf(cert, carried, at, proven)
	}
}

// chainOf looks for a chain of the signer that nothing in the document says revoked. A revocation
// counts against a signature that a time-stamp proves to be later; without one it leaves a doubt.
func (v *verifier) chainOf(cert *x509.Certificate, carried []*x509.Certificate, at time.Time, proven bool) {
	chains := v.chains(cert, v.opt.Roots, carried, at, x509.ExtKeyUsageAny)
	for _, chain := range chains {
		if v.revoked == nil || !v.revoked.before(chain, at) {
			v.rep.Certificate.Trusted = true
			return
		}
	}
	switch {
	case len(chains) == 0:
		v.add(SignerUntrusted, "")
	case proven:
		v.add(SignerRevoked, "")
	default:
		v.add(RevokedSince, "")
	}
}

// chains looks for the chains through the certificates at hand.
func (v *verifier) chains(cert *x509.Certificate, roots *x509.CertPool, carried []*x509.Certificate, at time.Time, usage x509.ExtKeyUsage) [][]*x509.Certificate {
	if roots == nil {
		return nil
	}
	pool := x509.NewCertPool()
	for _, list := range [][]*x509.Certificate{carried, v.more, v.opt.Intermediates} {
		for _, c := range list {
			if !bytes.Equal(c.Raw, cert.Raw) {
				pool.AddCert(c)
			}
		}
	}
	chains, err := cert.Verify(x509.VerifyOptions{Roots: roots, Intermediates: pool, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{usage}})
	if err != nil {
		return nil
	}
	return chains
}

// documentTimestamp verifies a /DocTimeStamp: a token over the bytes of its revision.
func (c *checker) documentTimestamp(s *candidate, t *cms.Token, digest []byte) {
	s.rep.Digest = t.Hash.String()
	if cert, err := t.SignedData.Signer(); err == nil {
		s.rep.Name, s.rep.Certificate = nameOf(cert), describeCertificate(cert)
	}
	v := verifier{opt: &c.opt, rep: &s.rep, more: c.evidence, revoked: &c.revoked}
	if c.opt.Roots == nil && c.opt.TimestampRoots == nil {
		s.add(NoTrustAnchors, "")
	}
	if ts, ok := v.token(t, digest); ok {
		s.rep.Timestamp, s.rep.Certificate.Trusted = ts, true
	}
}

// stampAfter returns the earliest sound document time-stamp over a later revision than r, or nil.
func (c *checker) stampAfter(r int) *TimestampReport {
	var first *TimestampReport
	for _, d := range c.found {
		if d.rep.Kind == KindDocumentTimestamp && d.rep.Timestamp != nil && !d.failed() && d.rep.Revision > r &&
			(first == nil || d.rep.Timestamp.Time.Before(first.Time)) {
			first = d.rep.Timestamp
		}
	}
	return first
}

// Bounds of the evidence that is read from the document.
const (
	maxEvidence     = 128
	maxEvidenceSize = 64 << 10
)

// readEvidence reads the certificates of the /DSS, which complete the chains, and notes whether it
// has revocation data (EN 319 142-1, 5.4.2).
func (c *checker) readEvidence() error {
	_, cat, err := c.doc.Catalog()
	if err != nil {
		return err
	}
	dss, err := c.doc.Dict(cat.Get("DSS"))
	if err != nil || dss == nil {
		return ignoreSyntax(err)
	}
	c.hasDSS = true
	if err := c.readRevocations(dss); err != nil {
		return err
	}
	certs, err := c.doc.Array(dss.Get("Certs"))
	if err := ignoreSyntax(err); err != nil {
		return err
	}
	for _, v := range certs[:min(len(certs), maxEvidence)] {
		cert, err := c.certificate(v)
		if err != nil {
			return err
		}
		if cert != nil {
			c.evidence = append(c.evidence, cert)
		}
	}
	return nil
}

// certificate reads one of them; nil when it is not one.
func (c *checker) certificate(v pdf.Object) (*x509.Certificate, error) {
	v, err := c.doc.Resolve(v)
	st, ok := v.(*pdf.Stream)
	if err != nil || !ok {
		return nil, ignoreSyntax(err)
	}
	der, err := c.doc.Decode(st, maxEvidenceSize)
	if err != nil {
		return nil, nil // too large or unreadable: it completes no chain
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, nil
	}
	return cert, nil
}

// levels names the level of each signature (EN 319 142-1, 6.1).
func (c *checker) levels() {
	for _, s := range c.found {
		if s.rep.Kind != KindSignature || s.rep.SubFilter != "ETSI.CAdES.detached" || s.failed() {
			continue
		}
		level := BB
		switch evidence := c.hasDSS && c.revocation; {
		case s.rep.Timestamp == nil:
		case evidence && c.stampAfter(s.rep.Revision) != nil:
			level = BLTA
		case evidence:
			level = BLT
		default:
			level = BT
		}
		s.rep.Level = level.String()
	}
}
