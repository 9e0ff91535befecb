package revisions

import (
	"parapheur/signing/internal/pdf"
)

// evidence accepts changes of the document security store (ETSI EN 319 142-1, 5.4.2): only its own
// keys, whose values lead to streams.
func (s *step) evidence(old, now pdf.Object) error {
	a, err := plain(s.before, old)
	if err != nil {
		return err
	}
	b, err := plain(s.after, now)
	if err != nil {
		return err
	}
	if a == nil && b == nil {
		return nil // another kind of value was reported with the catalog
	}
	if b == nil || !s.sole(old, now) || !within(differing(a, b), "Type", "Certs", "CRLs", "OCSPs", "VRI") {
		s.report(Change{Kind: Modified, Object: number(now), Role: "evidence", Detail: list(differing(a, b))})
		return nil
	}
	s.diff.Evidence = !sameDict(a, b)
	for _, k := range []pdf.Name{"Certs", "CRLs", "OCSPs"} {
		if err := s.streams(a.Get(k), b.Get(k)); err != nil {
			return err
		}
	}
	return s.perSignature(a.Get("VRI"), b.Get("VRI"))
}

// streams checks an array of evidence: new streams, or those that were there.
func (s *step) streams(old, now pdf.Object) error {
	a, err := array(s.before, old)
	if err != nil {
		return err
	}
	b, err := array(s.after, now)
	if err != nil {
		return err
	}
	had := map[int]bool{}
	for _, v := range a {
		had[number(v)] = true
	}
	good := s.sole(old, now)
	for _, v := range b {
		n := number(v)
		if n == 0 || !had[n] && !s.fresh[n] {
			good = false
		}
	}
	if len(a) != len(b) || !sameTokens(a, b) {
		s.diff.Evidence = true
	}
	if !good {
		s.report(Change{Kind: Modified, Object: number(now), Role: "evidence"})
	}
	return nil
}

// perSignature checks the /VRI dictionary: one dictionary of evidence for each signature.
func (s *step) perSignature(old, now pdf.Object) error {
	a, err := plain(s.before, old)
	if err != nil {
		return err
	}
	b, err := plain(s.after, now)
	if err != nil || a == nil && b == nil {
		return err
	}
	if b == nil || !s.sole(old, now) {
		s.report(Change{Kind: Modified, Object: number(now), Role: "evidence", Detail: "/VRI"})
		return nil
	}
	for _, e := range b.Entries {
		if err := s.oneSignature(a.Get(e.Key), e.Value); err != nil {
			return err
		}
	}
	return nil
}

func (s *step) oneSignature(old, now pdf.Object) error {
	a, err := plain(s.before, old)
	if err != nil {
		return err
	}
	b, err := plain(s.after, now)
	if err != nil {
		return err
	}
	if b == nil || !s.sole(old, now) || !within(differing(a, b), "Type", "Cert", "CRL", "OCSP", "TU", "TS") {
		s.report(Change{Kind: Modified, Object: number(now), Role: "evidence", Detail: "/VRI"})
		return nil
	}
	for _, k := range []pdf.Name{"Cert", "CRL", "OCSP"} {
		if err := s.streams(a.Get(k), b.Get(k)); err != nil {
			return err
		}
	}
	return nil
}
