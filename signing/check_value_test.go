package signing_test

import (
	"bytes"
	crand "crypto/rand"
	"crypto/x509"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"parapheur/signing"
	"parapheur/signing/internal/cms"
	"parapheur/signing/internal/pdf"
	"parapheur/signing/internal/signtest"
)

// Values of signatures that are sound PDF but not sound CMS, or not the right one.
func TestForgedValues(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	letter := base(letterObjects())
	mayor := o.pki.Signer(t, "Maire", signtest.P256(t), nil)
	other := o.pki.Signer(t, "Autre", signtest.P256(t), nil)
	sealing := o.pki.Signer(t, "Chiffrement", signtest.P256(t), func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment })
	lax := o.pki.Signer(t, "Horodatage", signtest.P256(t), func(c *x509.Certificate) {
		c.UnknownExtKeyUsage, c.ExtKeyUsage = nil, []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping}
	})
	plain := func(digest []byte) []byte { return o.cmsOf(t, mayor, cms.Builder{}, digest, nil) }
	flip := func(der []byte) []byte {
		sd, err := cms.Parse(der)
		if err != nil {
			t.Fatal(err)
		}
		der = bytes.Clone(der)
		der[bytes.Index(der, sd.Signature)+12] ^= 1
		return der
	}
	for name, c := range map[string]struct {
		f       forgery
		verdict signing.Verdict
		code    signing.Code
	}{
		"sound":                       {forgery{value: plain}, signing.Valid, ""},
		"digest of another file":      {forgery{value: func([]byte) []byte { return plain(make([]byte, 32)) }}, signing.Invalid, signing.DigestMismatch},
		"value flipped":               {forgery{value: func(d []byte) []byte { return flip(plain(d)) }}, signing.Invalid, signing.SignatureValueWrong},
		"garbage after the CMS":       {forgery{value: func(d []byte) []byte { return append(plain(d), 0, 0, 1) }}, signing.Invalid, signing.CMSMalformed},
		"not a CMS":                   {forgery{value: func([]byte) []byte { return []byte("hello") }}, signing.Invalid, signing.CMSMalformed},
		"signing-time":                {forgery{value: func(d []byte) []byte { return o.cmsOf(t, mayor, cms.Builder{SigningTime: signtest.Now()}, d, nil) }}, signing.Invalid, signing.SigningTimePresent},
		"SHA-1":                       {forgery{value: func(d []byte) []byte { return byOpenSSL(t, mayor, "-md", "sha1") }}, signing.Invalid, signing.AlgorithmRefused},
		"content of its own":          {forgery{value: func(d []byte) []byte { return byOpenSSL(t, mayor, "-nodetach") }}, signing.Invalid, signing.ContentNotDetached},
		"no signing-certificate-v2":   {forgery{value: func(d []byte) []byte { return o.undesignated(t, mayor, d) }}, signing.Invalid, signing.SigningCertMissing},
		"another signing-certificate": {forgery{value: func(d []byte) []byte { return o.cmsOf(t, mayor, cms.Builder{Certificate: other.Certificate}, d, nil) }}, signing.Invalid, signing.SigningCertMismatch},
		"certificate for encryption":  {forgery{value: func(d []byte) []byte { return o.cmsOf(t, sealing, cms.Builder{}, d, nil) }}, signing.Invalid, signing.KeyUsageWrong},
		"/Cert":                       {forgery{value: plain, entries: []pdf.Entry{{Key: "Cert", Value: pdf.Raw("<00>")}}}, signing.Invalid, signing.CertEntryPresent},
		"no /M":                       {forgery{value: plain, noTime: true}, signing.Invalid, signing.TimeEntryMissing},
		"token of another signature": {forgery{value: func(d []byte) []byte {
			return o.cmsOf(t, mayor, cms.Builder{}, d, func([]byte) []byte { return o.stamp(t, []byte("autre")) })
		}}, signing.Invalid, signing.TimestampImprint},
		"token of a stranger": {forgery{value: func(d []byte) []byte {
			return o.cmsOf(t, mayor, cms.Builder{}, d, func(sig []byte) []byte { return newOffice(t).stamp(t, sig) })
		}}, signing.Unknown, signing.TimestampUntrusted},
		"token by a signer": {forgery{value: func(d []byte) []byte {
			return o.cmsOf(t, mayor, cms.Builder{}, d, func(sig []byte) []byte { return (&office{pki: withUnit(o.pki, other)}).stamp(t, sig) })
		}}, signing.Invalid, signing.TimestampUsage},
		"token, usage not critical": {forgery{value: func(d []byte) []byte {
			return o.cmsOf(t, mayor, cms.Builder{}, d, func(sig []byte) []byte { return (&office{pki: withUnit(o.pki, lax)}).stamp(t, sig) })
		}}, signing.Invalid, signing.TimestampUsage},
		"token that is no token": {forgery{value: func(d []byte) []byte {
			return o.cmsOf(t, mayor, cms.Builder{}, d, func([]byte) []byte { return plain(d) })
		}}, signing.Invalid, signing.TimestampMalformed},
		"signature as time-stamp":   {forgery{kind: "DocTimeStamp", filter: "ETSI.RFC3161", value: plain}, signing.Invalid, signing.TimestampMalformed},
		"time-stamp of other bytes": {forgery{kind: "DocTimeStamp", filter: "ETSI.RFC3161", value: func([]byte) []byte { return o.stampDigest(t, make([]byte, 32)) }}, signing.Invalid, signing.TimestampImprint},
		"signature before PAdES":    {forgery{filter: "adbe.pkcs7.detached", value: plain}, signing.Unknown, signing.NotPAdES},
		"signer of another authority": {forgery{value: func(d []byte) []byte {
			p := newOffice(t)
			return p.cmsOf(t, p.pki.Signer(t, "Maire", signtest.P256(t), nil), cms.Builder{}, d, nil)
		}}, signing.Unknown, signing.SignerUntrusted},
	} {
		r := o.check(t, c.f.apply(t, letter))
		if r.Verdict != c.verdict || len(r.Signatures) != 1 || c.code != "" && !slices.Contains(codes(r.Signatures[0].Reasons), c.code) {
			t.Errorf("%s: %s", name, show(r))
		}
		s := r.Signatures[0]
		if c.verdict == signing.Invalid && (s.Level != "" || s.NoLevel != "") {
			t.Errorf("%s: level %s, none for %s", name, s.Level, s.NoLevel)
		}
		if before := c.code == signing.NotPAdES; before != (s.NoLevel == signing.NotPAdES) || before != strings.Contains(s.NoLevelFrench(), "antérieur (adbe.pkcs7.detached)") {
			t.Errorf("%s: no level for %q: %s", name, s.NoLevel, s.NoLevelFrench())
		}
	}
}

func withUnit(p *signtest.PKI, unit signtest.Entity) *signtest.PKI {
	return &signtest.PKI{Root: p.Issuing, Issuing: p.Issuing, Unit: unit}
}

// Trust depends on the moment: a time-stamp keeps a signature valid after the certificate expires.
func TestTrustAndTime(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	once, twice := o.twice(t)
	stamped := o.sign(t, base(letterObjects()), o.mayor, signing.BT)
	late, early := o.options(), o.options()
	late.At, early.At = signtest.Now().AddDate(25, 0, 0), signtest.Now().AddDate(-25, 0, 0)
	for name, c := range map[string]struct {
		file []byte
		opt  signing.CheckOptions
		want signing.Verdict
		code signing.Code
	}{
		"no roots":             {twice, signing.CheckOptions{At: signtest.Now()}, signing.Unknown, signing.NoTrustAnchors},
		"empty roots":          {twice, signing.CheckOptions{At: signtest.Now(), Roots: x509.NewCertPool()}, signing.Unknown, signing.SignerUntrusted},
		"B-B after expiry":     {once, late, signing.Unknown, signing.SignerExpired},
		"B-B before validity":  {once, early, signing.Unknown, signing.SignerExpired},
		"B-T after expiry":     {stamped, late, signing.Valid, ""},
		"other authority only": {stamped, signing.CheckOptions{At: signtest.Now(), Roots: o.options().Roots, TimestampRoots: x509.NewCertPool()}, signing.Unknown, signing.TimestampUntrusted},
	} {
		r, err := signing.Check(bytes.NewReader(c.file), int64(len(c.file)), c.opt)
		if err != nil {
			t.Fatal(err)
		}
		if r.Verdict != c.want || c.code != "" && !slices.Contains(codes(r.Signatures[0].Reasons), c.code) {
			t.Errorf("%s: %s", name, show(r))
		}
	}
	if _, err := signing.Check(bytes.NewReader(once), int64(len(once)), signing.CheckOptions{}); !errors.Is(err, signing.ErrOptions) {
		t.Errorf("no time: %v", err)
	}
}

// Evidence, a document time-stamp and certification: what may follow a signature, and what may not.
func TestEvidenceAndCertification(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	mayor := o.pki.Signer(t, "Maire", signtest.P256(t), nil)
	plain := func(digest []byte) []byte {
		return o.cmsOf(t, mayor, cms.Builder{}, digest, func(sig []byte) []byte { return o.stamp(t, sig) })
	}
	archive := forgery{
		kind: "DocTimeStamp", filter: "ETSI.RFC3161", noTime: true,
		dss: [][2]string{
			{"Certs", string(o.pki.Root.Certificate.Raw)},
			{"CRLs", o.revocationList(t, nil, time.Time{})},
			{"CRLs", o.listOf(t, o.pki.Root, nil, time.Time{})},
		}, name: "(archive)",
		value: func(d []byte) []byte { return o.stampDigest(t, d) },
	}
	signed := forgery{value: plain}.apply(t, base(letterObjects()))
	archived := archive.apply(t, signed)
	r := o.check(t, archived)
	if r.Verdict != signing.Valid || r.Signatures[0].Level != "PAdES-BASELINE-LTA" || !r.Revisions[2].Evidence || r.Signatures[1].Kind != signing.KindDocumentTimestamp {
		t.Errorf("archive: %s %+v", show(r), r.Revisions)
	}
	closed := forgery{value: plain, certify: 1}.apply(t, base(letterObjects()))
	if r = o.check(t, archive.apply(t, closed)); r.Verdict != signing.Valid {
		t.Errorf("evidence after a certification: %s", show(r))
	}
	if r = o.check(t, forgery{value: plain, name: "(again)"}.apply(t, closed)); !has(r, 0, signing.CertifiedAgainst) {
		t.Errorf("signature after a certification that forbids it: %s", show(r))
	}
	open := forgery{value: plain, certify: 2}.apply(t, base(letterObjects()))
	if r = o.check(t, forgery{value: plain, name: "(again)"}.apply(t, open)); r.Verdict != signing.Valid {
		t.Errorf("signature after a certification that allows it: %s", show(r))
	}
	certifying := forgery{value: plain, certify: 1, name: "(certif)"}
	approved := forgery{value: plain}.apply(t, base(letterObjects()))
	if r = o.check(t, certifying.apply(t, approved)); r.Verdict != signing.Valid {
		t.Errorf("certification after a signature: %s", show(r))
	}
}

// revocationList is a CRL of the issuing authority that revokes one certificate, or none.
func (o *office) revocationList(t testing.TB, cert *x509.Certificate, at time.Time) string {
	t.Helper()
	return o.listOf(t, o.pki.Issuing, cert, at)
}

// listOf is the list of an authority with cert on it, if it is not nil.
func (o *office) listOf(t testing.TB, authority signtest.Entity, cert *x509.Certificate, at time.Time) string {
	t.Helper()
	l := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: signtest.Now(), NextUpdate: signtest.Now().AddDate(0, 1, 0)}
	if cert != nil {
		l.RevokedCertificateEntries = []x509.RevocationListEntry{{SerialNumber: cert.SerialNumber, RevocationTime: at}}
	}
	der, err := x509.CreateRevocationList(crand.Reader, l, authority.Certificate, authority.Key)
	if err != nil {
		t.Fatal(err)
	}
	return string(der)
}

// A revocation in the document counts from its date, if its issuer signed it.
func TestRevokedSigner(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	mayor := o.pki.Signer(t, "Maire", signtest.P256(t), nil)
	before, after := signtest.Now().Add(-time.Hour), signtest.Now().Add(30*time.Minute)
	stamped := func(sig []byte) []byte { return o.stamp(t, sig) }
	response := func(status int, at time.Time) string {
		return string(signtest.Answer(t, o.pki.Issuing, o.pki.Issuing, ocsp.Response{
			Status:       status,
			SerialNumber: mayor.Certificate.SerialNumber, ThisUpdate: signtest.Now(), RevokedAt: at,
		}))
	}
	for name, c := range map[string]struct {
		key, data string
		token     func([]byte) []byte
		want      signing.Verdict
		code      signing.Code
	}{
		"CRL before the signature":  {"CRLs", o.revocationList(t, mayor.Certificate, before), stamped, signing.Invalid, signing.SignerRevoked},
		"CRL after the signature":   {"CRLs", o.revocationList(t, mayor.Certificate, after), stamped, signing.Valid, ""},
		"CRL without time-stamp":    {"CRLs", o.revocationList(t, mayor.Certificate, after), nil, signing.Unknown, signing.RevokedSince},
		"CRL of another authority":  {"CRLs", newOffice(t).revocationList(t, mayor.Certificate, before), stamped, signing.Valid, ""},
		"OCSP before the signature": {"OCSPs", response(ocsp.Revoked, before), stamped, signing.Invalid, signing.SignerRevoked},
		"OCSP good":                 {"OCSPs", response(ocsp.Good, time.Time{}), stamped, signing.Valid, ""},
	} {
		f := forgery{dss: [][2]string{{c.key, c.data}}, value: func(d []byte) []byte { return o.cmsOf(t, mayor, cms.Builder{}, d, c.token) }}
		r := o.check(t, f.apply(t, base(letterObjects())))
		if r.Verdict != c.want || c.code != "" && !slices.Contains(codes(r.Signatures[0].Reasons), c.code) {
			t.Errorf("%s: %s", name, show(r))
		}
	}
}

func TestDetachedVerdicts(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	manifest := []byte("manifeste de preuve")
	opt := signing.DetachedOptions{Level: signing.BT, Time: signtest.Now()}
	der, err := signing.Detached(t.Context(), bytes.NewReader(manifest), opt, o.mayor, o.pki)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		der, content []byte
		opt          signing.CheckOptions
		want         signing.Verdict
		code         signing.Code
	}{
		"sound":         {der, manifest, o.options(), signing.Valid, ""},
		"other content": {der, []byte("autre"), o.options(), signing.Invalid, signing.DigestMismatch},
		"no roots":      {der, manifest, signing.CheckOptions{At: signtest.Now()}, signing.Unknown, signing.NoTrustAnchors},
		"cut":           {der[:len(der)-5], manifest, o.options(), signing.Invalid, signing.CMSMalformed},
		"nothing":       {nil, manifest, o.options(), signing.Invalid, signing.CMSMalformed},
	} {
		r, err := signing.VerifyDetached(c.der, c.content, c.opt)
		if err != nil || r.Verdict != c.want || c.code != "" && !slices.Contains(codes(r.Reasons), c.code) {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
		if c.want == signing.Valid && (r.Level != "CAdES-BASELINE-T" || !r.ClaimedTime.Equal(signtest.Now())) {
			t.Errorf("%s: %+v", name, r)
		}
	}
}
