package signing_test

import (
	"bytes"
	crand "crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"slices"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"parapheur/signing"
	"parapheur/signing/internal/pdf"
	"parapheur/signing/internal/signtest"
)

// list is a revocation list of an authority, changed before it is signed.
func (o *office) list(t testing.TB, authority signtest.Entity, change func(*x509.RevocationList)) []byte {
	t.Helper()
	l := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: signtest.Now(), NextUpdate: signtest.Now().AddDate(0, 1, 0)}
	if change != nil {
		change(l)
	}
	der, err := x509.CreateRevocationList(crand.Reader, l, authority.Certificate, authority.Key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// withEvidence appends a /DSS to a file.
func withEvidence(t testing.TB, file []byte, e pdf.Evidence) []byte {
	t.Helper()
	u, err := openDoc(t, file).NewUpdate()
	if err != nil {
		t.Fatal(err)
	}
	if err := u.AddEvidence(e); err != nil {
		t.Fatal(err)
	}
	tail, _, err := u.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return append(bytes.Clone(file), tail...)
}

// extension is a critical extension of a list with a DER value.
func extension(t testing.TB, value any, id ...int) func(*x509.RevocationList) {
	t.Helper()
	der, err := asn1.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return func(l *x509.RevocationList) {
		l.ExtraExtensions = []pkix.Extension{{Id: id, Critical: true, Value: der}}
	}
}

// responder is a certificate for OCSP, without id-pkix-ocsp-nocheck unless change adds it.
func (o *office) responder(t testing.TB, authority *signtest.PKI, change func(*x509.Certificate)) signtest.Entity {
	t.Helper()
	return authority.Signer(t, "Répondeur", signtest.P256(t), func(c *x509.Certificate) {
		c.UnknownExtKeyUsage, c.ExtKeyUsage = nil, []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}
		if change != nil {
			change(c)
		}
	})
}

func noCheck(c *x509.Certificate) {
	c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}, Value: []byte{5, 0}}}
}

// delegated is an answer about cert that a responder signed.
func (o *office) delegated(t testing.TB, cert *x509.Certificate, by signtest.Entity) []byte {
	t.Helper()
	return signtest.Answer(t, o.pki.Issuing, by, ocsp.Response{
		Status: ocsp.Good, SerialNumber: cert.SerialNumber,
		ThisUpdate: signtest.Now(), NextUpdate: signtest.Now().Add(time.Hour), Certificate: by.Certificate,
	})
}

// The presence of a /DSS is not level LT: the revocation data of every certificate of the paths must
// be there, by its issuer, about it, and good for the time of the signature. Each case lacks one
// thing, and the certificate without proof is named.
func TestLevelNeedsEveryProof(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	mayor := o.pki.Signer(t, "Maire", signtest.P256(t), nil)
	file := forgery{value: func(d []byte) []byte {
		return o.cmsOf(t, mayor, o.builder(mayor), d, func(sig []byte) []byte { return o.stamp(t, sig) })
	}}.apply(t, base(letterObjects()))
	root, issuing := o.pki.Root, o.pki.Issuing
	rootList, stranger := o.list(t, root, nil), newOffice(t).pki
	type idp struct {
		OnlyUsers bool `asn1:"optional,tag:1"`
		OnlyCAs   bool `asn1:"optional,tag:2"`
		Indirect  bool `asn1:"optional,tag:4"`
	}
	lists := func(change func(*x509.RevocationList)) pdf.Evidence {
		return pdf.Evidence{CRLs: [][]byte{rootList, o.list(t, issuing, change)}}
	}
	answers := func(change func(*ocsp.Response)) pdf.Evidence {
		return pdf.Evidence{CRLs: [][]byte{rootList}, OCSPs: [][]byte{o.answer(t, mayor.Certificate, issuing, change)}}
	}
	by := func(e signtest.Entity) pdf.Evidence {
		return pdf.Evidence{CRLs: [][]byte{rootList}, OCSPs: [][]byte{o.delegated(t, mayor.Certificate, e)}}
	}
	now := signtest.Now()
	for name, c := range map[string]struct {
		evidence pdf.Evidence
		missing  string // empty: the level is LT
	}{
		"lists":                              {lists(nil), ""},
		"answer":                             {answers(nil), ""},
		"nothing for the signer":             {pdf.Evidence{CRLs: [][]byte{rootList}}, "Maire"},
		"nothing for the authorities":        {pdf.Evidence{CRLs: [][]byte{o.list(t, issuing, nil)}}, "Horodatage de test"},
		"nothing for the signer's authority": {pdf.Evidence{CRLs: [][]byte{o.list(t, issuing, nil)}, OCSPs: [][]byte{o.answer(t, o.pki.Unit.Certificate, root, nil)}}, "Autorité de test"},
		"certificates alone":                 {pdf.Evidence{Certs: [][]byte{root.Certificate.Raw}}, "Horodatage de test"},
		"garbage":                            {pdf.Evidence{CRLs: [][]byte{[]byte("liste"), rootList}, OCSPs: [][]byte{[]byte("réponse")}}, "Maire"},
		"list of a stranger":                 {pdf.Evidence{CRLs: [][]byte{rootList, newOffice(t).list(t, stranger.Issuing, nil)}}, "Maire"},
		"list superseded before": {lists(func(l *x509.RevocationList) {
			l.ThisUpdate, l.NextUpdate = now.AddDate(0, 0, -9), now.AddDate(0, 0, -2)
		}), "Maire"},
		"list from the future": {lists(func(l *x509.RevocationList) { l.ThisUpdate = now.AddDate(0, 0, 1) }), "Maire"},
		"list after the certificate": {lists(func(l *x509.RevocationList) {
			l.ThisUpdate, l.NextUpdate = now.AddDate(21, 0, 0), now.AddDate(22, 0, 0)
		}), "Maire"},
		"delta list":                         {lists(extension(t, 1, 2, 5, 29, 27)), "Maire"},
		"list of authorities only":           {lists(extension(t, idp{OnlyCAs: true}, 2, 5, 29, 28)), "Maire"},
		"list of people only":                {lists(extension(t, idp{OnlyUsers: true}, 2, 5, 29, 28)), ""},
		"indirect list":                      {lists(extension(t, idp{Indirect: true}, 2, 5, 29, 28)), "Maire"},
		"list with a riddle":                 {lists(extension(t, 1, 1, 2, 3)), "Maire"},
		"answer superseded before":           {answers(func(a *ocsp.Response) { a.ThisUpdate, a.NextUpdate = now.AddDate(0, 0, -9), now.AddDate(0, 0, -2) }), "Maire"},
		"answer without end, of before":      {answers(func(a *ocsp.Response) { a.ThisUpdate, a.NextUpdate = now.Add(-time.Hour), time.Time{} }), "Maire"},
		"answer without end, of after":       {answers(func(a *ocsp.Response) { a.NextUpdate = time.Time{} }), ""},
		"answer that does not know":          {answers(func(a *ocsp.Response) { a.Status = ocsp.Unknown }), "Maire"},
		"answer about another":               {answers(func(a *ocsp.Response) { a.SerialNumber = big.NewInt(7) }), "Maire"},
		"responder with nocheck":             {by(o.responder(t, o.pki, noCheck)), ""},
		"responder without proof":            {by(o.responder(t, o.pki, nil)), "Maire"},
		"responder that is no responder":     {by(o.pki.Signer(t, "Faux", signtest.P256(t), noCheck)), "Maire"},
		"responder of another authority":     {by(o.responder(t, stranger, noCheck)), "Maire"},
		"responder expired when it answered": {by(o.responder(t, o.pki, func(c *x509.Certificate) { noCheck(c); c.NotAfter = now.AddDate(-1, 0, 0) })), "Maire"},
	} {
		r := o.check(t, withEvidence(t, file, c.evidence))
		if r.Verdict != signing.Valid {
			t.Errorf("%s: %s", name, show(r))
			continue
		}
		s := r.Signatures[0]
		if c.missing == "" {
			if s.Level != signing.BLT.String() || len(s.Reasons) != 0 {
				t.Errorf("%s: %s", name, show(r))
			}
			continue
		}
		if s.Level != signing.BT.String() || len(s.Reasons) != 1 || s.Reasons[0] != (signing.Reason{Code: signing.EvidenceMissing, Detail: c.missing}) {
			t.Errorf("%s: %s", name, show(r))
		}
	}
}

// A responder that must itself be proven is, by an answer of its authority that calls it good.
func TestResponderIsProvenInTurn(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	mayor := o.pki.Signer(t, "Maire", signtest.P256(t), nil)
	file := forgery{value: func(d []byte) []byte {
		return o.cmsOf(t, mayor, o.builder(mayor), d, func(sig []byte) []byte { return o.stamp(t, sig) })
	}}.apply(t, base(letterObjects()))
	by := o.responder(t, o.pki, nil)
	for status, want := range map[int]signing.Level{ocsp.Good: signing.BLT, ocsp.Revoked: signing.BT} {
		about := o.answer(t, by.Certificate, o.pki.Issuing, func(a *ocsp.Response) { a.Status, a.RevokedAt = status, signtest.Now().AddDate(-1, 0, 0) })
		e := pdf.Evidence{CRLs: [][]byte{o.list(t, o.pki.Root, nil)}, OCSPs: [][]byte{o.delegated(t, mayor.Certificate, by), about}}
		if r := o.check(t, withEvidence(t, file, e)); r.Signatures[0].Level != want.String() {
			t.Errorf("responder of status %d: %s", status, show(r))
		}
	}
}

// Evidence added after the last document time-stamp is not archived by it.
func TestArchiveMustCoverTheEvidence(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	file := o.sign(t, base(letterObjects()), o.mayor, signing.BT)
	stamp := forgery{kind: "DocTimeStamp", filter: "ETSI.RFC3161", noTime: true, name: "(archive)", value: func(d []byte) []byte { return o.stampDigest(t, d) }}
	all := pdf.Evidence{CRLs: [][]byte{o.list(t, o.pki.Root, nil), o.list(t, o.pki.Issuing, nil)}}
	r := o.check(t, withEvidence(t, stamp.apply(t, file), all))
	if s := r.Signatures[0]; s.Level != signing.BLT.String() || !slices.Contains(codes(s.Reasons), signing.EvidenceNotCovered) || r.Verdict != signing.Valid {
		t.Errorf("evidence after the stamp: %s", show(r))
	}
	if r = o.check(t, stamp.apply(t, withEvidence(t, file, all))); r.Signatures[0].Level != signing.BLTA.String() {
		t.Errorf("evidence before the stamp: %s", show(r))
	}
	foreign := stamp
	foreign.value = func(d []byte) []byte { return newOffice(t).stampDigest(t, d) }
	if r = o.check(t, foreign.apply(t, withEvidence(t, file, all))); r.Signatures[0].Level != signing.BLT.String() {
		t.Errorf("stamp of a stranger: %s", show(r))
	}
}

// A document time-stamp that dates a signature without time-stamp of its own must be proven too.
func TestLevelNeedsTheProofOfTheDocumentTimestamp(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	stamp := forgery{kind: "DocTimeStamp", filter: "ETSI.RFC3161", noTime: true, name: "(archive)", value: func(d []byte) []byte { return o.stampDigest(t, d) }}
	file := stamp.apply(t, o.sign(t, base(letterObjects()), o.mayor, signing.BB))
	e := pdf.Evidence{CRLs: [][]byte{o.list(t, o.pki.Issuing, nil)}, OCSPs: [][]byte{o.answer(t, o.pki.Issuing.Certificate, o.pki.Root, nil)}}
	r := o.check(t, withEvidence(t, file, e))
	if s := r.Signatures[0]; s.Level != signing.BT.String() || len(s.Reasons) != 1 || s.Reasons[0].Detail != "Horodatage de test" {
		t.Errorf("nothing for the authority: %s", show(r))
	}
	e.OCSPs = append(e.OCSPs, o.answer(t, o.pki.Unit.Certificate, o.pki.Root, nil))
	if r = o.check(t, withEvidence(t, file, e)); r.Signatures[0].Level != signing.BLT.String() {
		t.Errorf("all of it: %s", show(r))
	}
}
