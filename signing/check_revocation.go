package signing

import (
	"bytes"
	"crypto/x509"
	"time"

	"golang.org/x/crypto/ocsp"

	"parapheur/signing/internal/pdf"
)

// Bounds of the revocation data that is read from the document.
const (
	maxRevocations    = 64
	maxRevocationSize = 8 << 20
)

// revocations is the revocation data that a document carries in its /DSS. It can only make a
// verdict worse: its absence proves nothing, and its freshness is not judged here.
type revocations struct {
	lists     []*x509.RevocationList
	responses [][]byte
}

// readRevocations reads the CRLs and the OCSP responses of the /DSS (EN 319 142-1, 5.4.2.2); what
// cannot be read is left out.
func (c *checker) readRevocations(dss *pdf.Dict) error {
	lists, err := c.evidenceStreams(dss.Get("CRLs"))
	if err != nil {
		return err
	}
	for _, der := range lists {
		if l, err := x509.ParseRevocationList(der); err == nil {
			c.revoked.lists = append(c.revoked.lists, l)
		}
	}
	c.revoked.responses, err = c.evidenceStreams(dss.Get("OCSPs"))
	c.revocation = len(c.revoked.lists) > 0 || len(c.revoked.responses) > 0
	return err
}

func (c *checker) evidenceStreams(v pdf.Object) ([][]byte, error) {
	list, err := c.doc.Array(v)
	if err := ignoreSyntax(err); err != nil {
		return nil, err
	}
	var out [][]byte
	left := maxRevocationSize
	for _, e := range list[:min(len(list), maxRevocations)] {
		v, err := c.doc.Resolve(e)
		st, ok := v.(*pdf.Stream)
		if err != nil || !ok {
			if err := ignoreSyntax(err); err != nil {
				return nil, err
			}
			continue
		}
		if der, err := c.doc.Decode(st, left); err == nil {
			out = append(out, der)
			left -= len(der)
		}
	}
	return out, nil
}

// before reports whether the data says that a certificate of the chain (leaf first) was revoked at
// or before that time, by its own issuer.
func (r *revocations) before(chain []*x509.Certificate, at time.Time) bool {
	for i := range len(chain) - 1 {
		if r.listed(chain[i], chain[i+1], at) || r.answered(chain[i], chain[i+1], at) {
			return true
		}
	}
	return false
}

func (r *revocations) listed(cert, issuer *x509.Certificate, at time.Time) bool {
	for _, l := range r.lists {
		if !bytes.Equal(l.RawIssuer, issuer.RawSubject) || l.CheckSignatureFrom(issuer) != nil {
			continue
		}
		for _, e := range l.RevokedCertificateEntries {
			if e.SerialNumber.Cmp(cert.SerialNumber) == 0 && !e.RevocationTime.After(at) {
				return true
			}
		}
	}
	return false
}

func (r *revocations) answered(cert, issuer *x509.Certificate, at time.Time) bool {
	for _, der := range r.responses {
		a, err := ocsp.ParseResponseForCert(der, cert, issuer)
		if err == nil && a.Status == ocsp.Revoked && !a.RevokedAt.After(at) {
			return true
		}
	}
	return false
}
