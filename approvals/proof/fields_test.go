package proof_test

import (
	"bytes"
	"errors"
	"regexp"
	"strings"
	"testing"

	"parapheur/approvals/proof"
)

// TestFields refuses each field that does not hold, in what is written as in what is read.
func TestFields(t *testing.T) {
	t.Parallel()
	ev, want := newMaker(newES256()).make(t)
	st := must[proof.Statement](t)(proof.ParseStatement(ev.Statement))
	set := must[proof.Set](t)(proof.ParseSet(ev.Set))
	en := must[proof.Enrolment](t)(proof.ParseEnrolment(want.Enrolment))
	type canonical interface{ Canonical() ([]byte, error) }
	statement := func(f func(*proof.Statement)) canonical { s := st; f(&s); return s }
	sets := func(f func(*proof.Set)) canonical { s := set; f(&s); return s }
	enrolment := func(f func(*proof.Enrolment)) canonical { e := en; f(&e); return e }
	evidence := func(f func(*proof.Evidence)) canonical { e := ev; f(&e); return e }
	for name, v := range map[string]canonical{
		"statement: schema":          statement(func(s *proof.Statement) { s.Schema = "" }),
		"statement: short SIRET":     statement(func(s *proof.Statement) { s.Tenant = siret[1:] }),
		"statement: letter in SIRET": statement(func(s *proof.Statement) { s.Tenant = "2169012310001A" }),
		"statement: no dossier":      statement(func(s *proof.Statement) { s.Dossier = "" }),
		"statement: version":         statement(func(s *proof.Statement) { s.Version = 0 }),
		"statement: no document":     statement(func(s *proof.Statement) { s.DocSHA256 = proof.Digest{} }),
		"statement: empty document":  statement(func(s *proof.Statement) { s.DocBytes = 0 }),
		"statement: no circuit":      statement(func(s *proof.Statement) { s.CircuitSHA256 = proof.Digest{} }),
		"statement: no step":         statement(func(s *proof.Statement) { s.Step = "" }),
		"statement: no decision":     statement(func(s *proof.Statement) { s.Decision = "" }),
		"statement: no actor":        statement(func(s *proof.Statement) { s.Actor = "" }),
		"statement: delegation":      statement(func(s *proof.Statement) { s.Delegation = "\t" }),
		"statement: no nonce":        statement(func(s *proof.Statement) { s.Nonce = proof.Nonce{} }),
		"statement: no instant":      statement(func(s *proof.Statement) { s.IssuedAt = 0 }),
		"set: schema":                sets(func(s *proof.Set) { s.Schema = "parapheur.decision.v1" }),
		"set: no RP ID":              sets(func(s *proof.Set) { s.RPID = "" }),
		"set: empty":                 sets(func(s *proof.Set) { s.Count = 0 }),
		"set: no root":               sets(func(s *proof.Set) { s.MerkleRoot = proof.Digest{} }),
		"set: no nonce":              sets(func(s *proof.Set) { s.Nonce = proof.Nonce{} }),
		"enrolment: schema":          enrolment(func(e *proof.Enrolment) { e.Schema = "" }),
		"enrolment: town":            enrolment(func(e *proof.Enrolment) { e.Tenant = "" }),
		"enrolment: nobody":          enrolment(func(e *proof.Enrolment) { e.Person = "" }),
		"enrolment: no check":        enrolment(func(e *proof.Enrolment) { e.IdentityCheck = "" }),
		"enrolment: no key":          enrolment(func(e *proof.Enrolment) { e.COSEKeySHA256 = proof.Digest{} }),
		"enrolment: no nonce":        enrolment(func(e *proof.Enrolment) { e.Nonce = proof.Nonce{} }),
		"evidence: format":           evidence(func(e *proof.Evidence) { e.Format = "" }),
		"evidence: no origin":        evidence(func(e *proof.Evidence) { e.Origin = "" }),
		"evidence: negative place":   evidence(func(e *proof.Evidence) { e.LeafIndex = -1 }),
		"evidence: long path":        evidence(func(e *proof.Evidence) { e.Path = make([]proof.Digest, 7) }),
		"evidence: no instant":       evidence(func(e *proof.Evidence) { e.ReceivedAt = 0 }),
	} {
		if raw, err := v.Canonical(); !errors.Is(err, proof.ErrMalformed) {
			t.Errorf("%s: got %s, %v", name, raw, err)
		}
	}
	raw := must[[]byte](t)(ev.Canonical())
	null := regexp.MustCompile(`"signature":"[^"]*"`).ReplaceAll(raw, []byte(`"signature":null`))
	for _, bad := range [][]byte{null, []byte("null"), []byte("[]"), nil, append(raw, raw...)} {
		if _, err := proof.ParseEvidence(bad); !errors.Is(err, proof.ErrMalformed) {
			t.Errorf("%.40q: %v", bad, err)
		}
	}
}

// TestKeys refuses the keys that are not ES256 on P-256 or RS256 of a decent size.
func TestKeys(t *testing.T) {
	t.Parallel()
	for name, cose := range map[string][]byte{
		"empty":           nil,
		"no algorithm":    coseOf(t, newES256(), func(m map[int]any) { delete(m, 3) }),
		"label twice":     append([]byte{0xa2, 1, 2}, 1, 2),
		"extra label":     coseOf(t, newES256(), func(m map[int]any) { m[4] = []int{2} }),
		"short x":         coseOf(t, newES256(), func(m map[int]any) { m[-2] = m[-2].([]byte)[1:] }),
		"P-384":           coseOf(t, newES256(), func(m map[int]any) { m[-1] = 2 }),
		"ES384":           coseOf(t, newES256(), func(m map[int]any) { m[3] = -35 }),
		"EdDSA":           coseOf(t, newES256(), func(m map[int]any) { m[1], m[3] = 1, -8 }),
		"RSA-1024":        coseOf(t, newRS256(), func(m map[int]any) { m[-1] = m[-1].([]byte)[128:] }),
		"RSA-16384":       coseOf(t, newRS256(), func(m map[int]any) { m[-1] = bytes.Repeat([]byte{0xff}, 2048) }),
		"even modulus":    coseOf(t, newRS256(), func(m map[int]any) { n := bytes.Clone(m[-1].([]byte)); n[255] &= 0xfe; m[-1] = n }),
		"exponent 1":      coseOf(t, newRS256(), func(m map[int]any) { m[-2] = []byte{1} }),
		"even exponent":   coseOf(t, newRS256(), func(m map[int]any) { m[-2] = []byte{1, 0} }),
		"huge exponent":   coseOf(t, newRS256(), func(m map[int]any) { m[-2] = []byte{1, 0, 0, 0, 1} }),
		"RSA extra label": coseOf(t, newRS256(), func(m map[int]any) { m[2] = []byte("kid") }),
		"PS256":           coseOf(t, newRS256(), func(m map[int]any) { m[3] = -37 }),
		"text":            {0x61, 'x'},
		"tail":            append(coseOf(t, newES256(), nil), 0),
	} {
		if _, err := proof.ParseKey(cose); !errors.Is(err, proof.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestOriginFits compares the sites where a key may be used.
func TestOriginFits(t *testing.T) {
	t.Parallel()
	for origin, want := range map[string]bool{
		"https://parapheur.ville.fr":              true,
		"https://a.parapheur.ville.fr:8443":       true,
		"https://ville.fr":                        false,
		"https://xparapheur.ville.fr":             false,
		"https://parapheur.ville.fr.evil.fr":      false,
		"https://parapheur.ville.fr@evil.fr":      false,
		"https://evil.fr/parapheur.ville.fr":      false,
		"https://evil.fr#.parapheur.ville.fr":     false,
		"http://parapheur.ville.fr":               false,
		"ftp://parapheur.ville.fr":                false,
		"https://parapheur.ville.fr/":             false,
		"https://parapheur.ville.fr:443":          false,
		"HTTPS://parapheur.ville.fr":              false,
		"parapheur.ville.fr":                      false,
		"android:apk-key-hash:parapheur.ville.fr": false,
		"": false,
	} {
		if got := proof.OriginFits(origin, rpID); got != want {
			t.Errorf("%q: got %t", origin, got)
		}
	}
}

// TestParts reads back the small values.
func TestParts(t *testing.T) {
	t.Parallel()
	d := proof.SHA256([]byte("x"))
	if got, err := proof.ParseDigest(d.String()); err != nil || got != d {
		t.Errorf("digest %s: %v", got, err)
	}
	for _, bad := range []string{"", strings.ToUpper(d.String()), d.String()[1:], strings.Repeat("g", 64)} {
		if _, err := proof.ParseDigest(bad); !errors.Is(err, proof.ErrMalformed) {
			t.Errorf("digest %q: %v", bad, err)
		}
	}
	for _, bad := range []string{"", "01020304-0506-0708-0102-03040506070", "01020304x0506-0708-0102-030405060708", "0102030G-0506-0708-0102-030405060708"} {
		if err := new(proof.AAGUID).UnmarshalText([]byte(bad)); !errors.Is(err, proof.ErrMalformed) {
			t.Errorf("aaguid %q: %v", bad, err)
		}
	}
	ev, _ := newMaker(newES256()).make(t)
	if got, err := ev.Digest(); err != nil || got != proof.SHA256(must[[]byte](t)(ev.Canonical())) {
		t.Errorf("digest of the evidence: %s, %v", got, err)
	}
	if _, err := proof.NewNonce(strings.NewReader("short")); err == nil {
		t.Error("a nonce out of too few bytes")
	}
}

// BenchmarkVerify measures one verification, registration included.
func BenchmarkVerify(b *testing.B) {
	ev, want := newMaker(newES256()).make(b)
	for b.Loop() {
		if _, err := proof.Verify(ev, want); err != nil {
			b.Fatal(err)
		}
	}
}
