package signing

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"slices"
	"time"

	"parapheur/internal/specimen"
	"parapheur/signing/internal/cms"
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
	v.specimen(cert)
	if !stampsOnly(cert) {
		v.add(TimestampUsage, "")
		return nil, false
	}
	roots := v.opt.TimestampRoots
	if roots == nil {
		roots = v.opt.Roots
	}
	chains := v.unrevoked(v.chains(cert, roots, t.SignedData.Certificates, t.Time, x509.ExtKeyUsageTimeStamping), t.Time)
	if len(chains) == 0 {
		v.add(TimestampUntrusted, nameOf(cert))
		return nil, false
	}
	v.paths = append(v.paths, judged{chains, t.Time})
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
	good := v.unrevoked(chains, at)
	switch {
	case len(good) > 0:
		v.rep.Certificate.Trusted = true
		v.paths = append(v.paths, judged{good, at})
	case len(chains) == 0:
		v.add(SignerUntrusted, "")
	case proven:
		v.add(SignerRevoked, "")
	default:
		v.add(RevokedSince, "")
	}
}

// unrevoked keeps the chains of which the document does not say that a certificate was revoked.
func (v *verifier) unrevoked(chains [][]*x509.Certificate, at time.Time) [][]*x509.Certificate {
	if v.proofs == nil {
		return chains
	}
	return slices.DeleteFunc(chains, func(chain []*x509.Certificate) bool { return v.proofs.revoked(chain, at) })
}

// chains looks for the chains through the certificates at hand.
func (v *verifier) chains(cert *x509.Certificate, roots *x509.CertPool, carried []*x509.Certificate, at time.Time, usage x509.ExtKeyUsage) [][]*x509.Certificate {
	if cert = v.known(cert); roots == nil || cert == nil {
		return nil
	}
	pool := x509.NewCertPool()
	lists := [][]*x509.Certificate{carried, v.opt.Intermediates}
	if v.proofs != nil {
		lists = append(lists, v.proofs.certs)
	}
	for _, list := range lists {
		for _, c := range list {
			if c = v.known(c); c != nil && !bytes.Equal(c.Raw, cert.Raw) {
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

// specimen says that a certificate is of a sandbox, to everybody but that sandbox.
func (v *verifier) specimen(cert *x509.Certificate) {
	named := slices.ContainsFunc(v.rep.Reasons, func(r Reason) bool { return r.Code == Specimen })
	if !v.opt.Sandbox && !named && specimen.Certificate(cert) {
		v.add(Specimen, "")
	}
}

// known gives a certificate as this verification reads it: a sandbox knows its specimens and nothing
// else, everybody else meets a critical extension that nobody knows.
func (v *verifier) known(cert *x509.Certificate) *x509.Certificate {
	if v.opt.Sandbox {
		return specimen.Accepted(cert)
	}
	return cert
}

// documentTimestamp verifies a /DocTimeStamp: a token over the bytes of its revision.
func (c *checker) documentTimestamp(s *candidate, t *cms.Token, digest []byte) {
	s.rep.Digest = t.Hash.String()
	if cert, err := t.SignedData.Signer(); err == nil {
		s.rep.Name, s.rep.Certificate = nameOf(cert), describeCertificate(cert)
	}
	v := verifier{opt: &c.opt, rep: &s.rep, proofs: c.proofs}
	if c.opt.Roots == nil && c.opt.TimestampRoots == nil {
		s.add(NoTrustAnchors, "")
	}
	if ts, ok := v.token(t, digest); ok {
		s.rep.Timestamp, s.rep.Certificate.Trusted, s.paths = ts, true, v.paths
	}
}

// stampAfter returns the sound document time-stamp over a later revision than r that is the
// earliest, or nil.
func (c *checker) stampAfter(r int) *candidate {
	var first *candidate
	for _, d := range c.found {
		if d.stamps() && d.rep.Revision > r && (first == nil || d.rep.Timestamp.Time.Before(first.rep.Timestamp.Time)) {
			first = d
		}
	}
	return first
}

// stamps reports whether the candidate is a sound and trusted document time-stamp.
func (s *candidate) stamps() bool {
	return s.rep.Kind == KindDocumentTimestamp && s.rep.Timestamp != nil && !s.failed()
}
