package signing

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"slices"
	"time"

	"golang.org/x/crypto/ocsp"
)

// Bounds of the evidence that is read from a document.
const (
	maxEvidence        = 128      // certificates
	maxCertificateSize = 64 << 10 // bytes of one
	maxRevocations     = 64       // lists, and as many answers
	maxRevocationSize  = 8 << 20  // bytes of all the lists, or of all the answers
)

// proofs is validation data: what a document carries in its /DSS, or what was collected to go
// there. Nothing in it is believed before its signature was verified by the issuer concerned.
type proofs struct {
	certs     []*x509.Certificate
	lists     []*x509.RevocationList
	responses [][]byte
	now       time.Time // of the check: data from later is not believed
	// Verifications that were made: without this memory, a document with many signatures would have
	// the same list verified for each.
	listed   map[listUse]bool
	answered map[answerUse]*ocsp.Response
}

type listUse struct {
	list   int
	issuer string // its public key
}

type answerUse struct {
	answer       int
	cert, issuer string // serial number and public key
}

func newProofs(now time.Time) *proofs {
	return &proofs{now: now, listed: map[listUse]bool{}, answered: map[answerUse]*ocsp.Response{}}
}

// clone returns proofs to which more may be added.
func (p *proofs) clone() *proofs {
	c := newProofs(p.now)
	c.certs, c.lists, c.responses = slices.Clone(p.certs), slices.Clone(p.lists), slices.Clone(p.responses)
	return c
}

// by reports whether list i was signed by issuer.
func (p *proofs) by(i int, issuer *x509.Certificate) bool {
	l := p.lists[i]
	if !bytes.Equal(l.RawIssuer, issuer.RawSubject) {
		return false
	}
	use := listUse{i, string(issuer.RawSubjectPublicKeyInfo)}
	good, known := p.listed[use]
	if !known {
		good = l.CheckSignatureFrom(issuer) == nil
		p.listed[use] = good
	}
	return good
}

// answer returns answer i if it is about cert and was signed for issuer, else nil.
func (p *proofs) answer(i int, cert, issuer *x509.Certificate) *ocsp.Response {
	use := answerUse{i, cert.SerialNumber.String(), string(issuer.RawSubjectPublicKeyInfo)}
	a, known := p.answered[use]
	if !known {
		var err error
		if a, err = ocsp.ParseResponseForCert(p.responses[i], cert, issuer); err != nil {
			a = nil
		}
		p.answered[use] = a
	}
	return a
}

// revoked reports whether the data says that a certificate of the chain (leaf first) was revoked
// at or before that time, by its own issuer. Age does not matter: a revocation is final.
func (p *proofs) revoked(chain []*x509.Certificate, at time.Time) bool {
	for i := range len(chain) - 1 {
		cert, issuer := chain[i], chain[i+1]
		for n := range p.lists {
			if p.by(n, issuer) && listsRevoked(p.lists[n], cert, at) {
				return true
			}
		}
		for n := range p.responses {
			if a := p.answer(n, cert, issuer); a != nil && a.Status == ocsp.Revoked && !a.RevokedAt.After(at) {
				return true
			}
		}
	}
	return false
}

func listsRevoked(l *x509.RevocationList, cert *x509.Certificate, at time.Time) bool {
	return slices.ContainsFunc(l.RevokedCertificateEntries, func(e x509.RevocationListEntry) bool {
		return e.SerialNumber.Cmp(cert.SerialNumber) == 0 && !e.RevocationTime.After(at)
	})
}

// judged is a certificate whose chains were found, at the time for which it is judged.
type judged struct {
	chains [][]*x509.Certificate // leaf first, root last
	at     time.Time
}

// missing returns a certificate of the path that nothing proves unrevoked, nil when there is proof
// for all of them but the root. The best chain counts.
func (p *proofs) missing(path judged) *x509.Certificate {
	var first *x509.Certificate
	for _, chain := range path.chains {
		lacking := p.lacking(chain, path.at)
		if lacking == nil {
			return nil
		}
		if first == nil {
			first = lacking
		}
	}
	return first
}

func (p *proofs) lacking(chain []*x509.Certificate, at time.Time) *x509.Certificate {
	for i := range len(chain) - 1 {
		if !p.proven(chain[i], chain[i+1], at, 0) {
			return chain[i]
		}
	}
	return nil
}

// proven reports whether a list or an answer says that cert was not revoked at that time, and was
// itself good for that time (EN 319 102-1, 5.2.5): not superseded before it, issued while the
// certificate had not expired, since its authority may forget it later, and not from the future.
func (p *proofs) proven(cert, issuer *x509.Certificate, at time.Time, depth int) bool {
	for i, l := range p.lists {
		if p.timely(l.ThisUpdate, l.NextUpdate, cert, at) && p.by(i, issuer) && speaksOf(l, cert) && !listsRevoked(l, cert, at) {
			return true
		}
	}
	for i := range p.responses {
		a := p.answer(i, cert, issuer)
		if a == nil || !p.timely(a.ThisUpdate, a.NextUpdate, cert, at) || !p.entitled(a, issuer, depth) {
			continue
		}
		if a.Status == ocsp.Good || a.Status == ocsp.Revoked && a.RevokedAt.After(at) {
			return true
		}
	}
	return false
}

// clockTolerance is for authorities whose clock is ahead of ours.
const clockTolerance = 5 * time.Minute

func (p *proofs) timely(this, next time.Time, cert *x509.Certificate, at time.Time) bool {
	if this.After(p.now.Add(clockTolerance)) || this.After(cert.NotAfter) {
		return false
	}
	if next.IsZero() { // an answer that claims no duration is about its own moment and before
		return !this.Before(at.Add(-clockTolerance))
	}
	return !next.Before(at)
}

// maxResponderDepth bounds the responders that vouch for responders.
const maxResponderDepth = 2

// entitled reports whether the issuer, or a responder that it designates and that is not known to
// be revoked, made the answer (RFC 6960, 4.2.2.2).
func (p *proofs) entitled(a *ocsp.Response, issuer *x509.Certificate, depth int) bool {
	c := a.Certificate
	if c == nil || c.Equal(issuer) {
		return true
	}
	if !slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning) || c.CheckSignatureFrom(issuer) != nil ||
		a.ProducedAt.Before(c.NotBefore) || a.ProducedAt.After(c.NotAfter) {
		return false
	}
	noCheck := asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}
	for _, e := range c.Extensions {
		if e.Id.Equal(noCheck) {
			return true
		}
	}
	return depth < maxResponderDepth && p.proven(c, issuer, a.ProducedAt, depth+1)
}

// speaksOf reports whether a list is complete and about certificates like cert: neither a delta
// list, nor indirect, nor of other certificates (RFC 5280, 5.2.4 and 5.2.5).
func speaksOf(l *x509.RevocationList, cert *x509.Certificate) bool {
	for _, e := range l.Extensions {
		if !e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 28}) {
			if e.Critical {
				return false
			}
			continue
		}
		var idp struct {
			Point     asn1.RawValue  `asn1:"optional,tag:0"`
			OnlyUsers bool           `asn1:"optional,tag:1"`
			OnlyCAs   bool           `asn1:"optional,tag:2"`
			Reasons   asn1.BitString `asn1:"optional,tag:3"`
			Indirect  bool           `asn1:"optional,tag:4"`
			OnlyAttrs bool           `asn1:"optional,tag:5"`
		}
		rest, err := asn1.Unmarshal(e.Value, &idp)
		if err != nil || len(rest) > 0 || idp.Indirect || idp.OnlyAttrs || idp.Reasons.BitLength > 0 ||
			idp.OnlyUsers && cert.IsCA || idp.OnlyCAs && !cert.IsCA {
			return false
		}
	}
	return true
}
