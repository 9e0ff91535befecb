package signing

import (
	"crypto/x509"
	"errors"

	"parapheur/signing/internal/pdf"
)

// readEvidence reads the /DSS of the document (EN 319 142-1, 5.4.2): its certificates complete the
// chains, its revocation data counts against a signature and makes its level.
func (c *checker) readEvidence() error {
	var err error
	c.proofs, c.hasDSS, err = c.evidenceOf(c.doc)
	return err
}

// evidenceOf reads the /DSS of one state of the document; what cannot be read is left out.
func (c *checker) evidenceOf(doc *pdf.Doc) (p *proofs, found bool, err error) {
	p = newProofs(c.opt.At)
	_, cat, err := doc.Catalog()
	if err != nil {
		return nil, false, err
	}
	dss, err := doc.Dict(cat.Get("DSS"))
	if err != nil || dss == nil {
		return p, false, ignoreSyntax(err)
	}
	for _, list := range []struct {
		key   pdf.Name
		count int
		size  int
		take  func(der []byte)
	}{
		{"Certs", maxEvidence, maxEvidence * maxCertificateSize, p.takeCertificate},
		{"CRLs", maxRevocations, maxRevocationSize, p.takeList},
		{"OCSPs", maxRevocations, maxRevocationSize, p.takeResponse},
	} {
		if err := streams(doc, dss.Get(list.key), list.count, list.size, list.take); err != nil {
			return nil, false, err
		}
	}
	return p, true, nil
}

func (p *proofs) takeCertificate(der []byte) {
	if len(der) > maxCertificateSize {
		return
	}
	if cert, err := x509.ParseCertificate(der); err == nil {
		p.certs = append(p.certs, cert)
	}
}

func (p *proofs) takeList(der []byte) {
	if l, err := x509.ParseRevocationList(der); err == nil {
		p.lists = append(p.lists, l)
	}
}

func (p *proofs) takeResponse(der []byte) { p.responses = append(p.responses, der) }

// streams gives the data of the streams of an array to take, each once, within bounds of number and of
// total size; after one that is too large the list is read no further.
func streams(doc *pdf.Doc, v pdf.Object, count, size int, take func(der []byte)) error {
	list, err := doc.Array(v)
	if err := ignoreSyntax(err); err != nil {
		return err
	}
	seen := map[pdf.Object]bool{}
	for _, e := range list[:min(len(list), count)] {
		if ref, ok := e.(pdf.Ref); !ok || seen[ref] {
			continue
		}
		seen[e] = true
		v, err := doc.Resolve(e)
		if err := ignoreSyntax(err); err != nil {
			return err
		}
		st, ok := v.(*pdf.Stream)
		if !ok || err != nil {
			continue
		}
		der, err := doc.Decode(st, size)
		if errors.Is(err, ErrLimit) {
			return nil
		}
		if err != nil { // unreadable proves nothing
			continue
		}
		take(der)
		size -= len(der)
	}
	return nil
}

// levels names the level of each signature (EN 319 142-1, 6): T when a trusted time-stamp covers
// it; LT when moreover the document proves that no certificate of its paths was revoked; LTA when a
// document time-stamp covers all of that.
func (c *checker) levels() error {
	archive := c.lastStamp()
	var archived *proofs // what the last document time-stamp covers
	for _, s := range c.found {
		if s.rep.Kind != KindSignature || s.rep.SubFilter != "ETSI.CAdES.detached" || s.failed() || s.rep.deviates() {
			continue
		}
		level := BB
		if s.rep.Timestamp != nil {
			level = BT
		}
		if level == BT && c.hasDSS && c.trusted(s) && s.complete(c.proofs) {
			level = BLT
		}
		if level == BLT && archive != nil && archive.rep.Revision > s.rep.Revision {
			if archived == nil {
				var err error
				if archived, err = c.evidenceAt(archive.rep.Revision); err != nil {
					return err
				}
			}
			if archived.covers(s.paths) {
				level = BLTA
			} else {
				s.add(EvidenceNotCovered, "")
			}
		}
		s.rep.Level = level.String()
	}
	return nil
}

// trusted reports whether paths to roots are known for the signer and for its time-stamp.
func (c *checker) trusted(s *candidate) bool {
	return s.rep.Certificate != nil && s.rep.Certificate.Trusted
}

// complete reports whether the proofs cover every path of a signature, and says what is missing.
func (s *candidate) complete(p *proofs) bool {
	for _, path := range s.paths {
		if cert := p.missing(path); cert != nil {
			s.add(EvidenceMissing, nameOf(cert))
			return false
		}
	}
	return true
}

func (p *proofs) covers(paths []judged) bool {
	for _, path := range paths {
		if p.missing(path) != nil {
			return false
		}
	}
	return true
}

// lastStamp returns the sound document time-stamp over the latest revision, or nil: its evidence
// includes that of the earlier ones.
func (c *checker) lastStamp() *candidate {
	var last *candidate
	for _, d := range c.found {
		if d.stamps() && (last == nil || d.rep.Revision > last.rep.Revision) {
			last = d
		}
	}
	return last
}

// evidenceAt reads the /DSS as of a revision.
func (c *checker) evidenceAt(revision int) (*proofs, error) {
	if revision == len(c.revisions)-1 {
		return c.proofs, nil
	}
	p, _, err := c.evidenceOf(c.doc.At(revision))
	return p, err
}
