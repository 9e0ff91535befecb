package cms_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"slices"
	"testing"
	"time"

	"parapheur/signing/internal/cms"
	"parapheur/signing/internal/signtest"
)

// assemble signs content with the key of e.
func assemble(t testing.TB, b cms.Builder, key crypto.Signer, content, token []byte) []byte {
	t.Helper()
	attrs, err := b.SignedAttributes(digest(b.Hash, content))
	if err != nil {
		t.Fatal(err)
	}
	var opts crypto.SignerOpts = b.Hash
	if b.PSS {
		opts = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: b.Hash}
	}
	sig, err := key.Sign(rand.Reader, digest(b.Hash, attrs), opts)
	if err != nil {
		t.Fatal(err)
	}
	der, err := b.Assemble(attrs, sig, token)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func digest(h crypto.Hash, b []byte) []byte {
	w := h.New()
	w.Write(b)
	return w.Sum(nil)
}

// What is built is read back and verifies, for each key, hash and scheme; never with another
// certificate nor over other content.
func TestBuildThenVerify(t *testing.T) {
	t.Parallel()
	pki := signtest.New(t)
	rsaKey := signtest.RSA(t, 3072)
	content := []byte("contenu")
	for _, c := range []struct {
		name string
		key  crypto.Signer
		pss  bool
	}{{"P-256", signtest.P256(t), false}, {"P-384", signtest.P384(t), false}, {"RSA", rsaKey, false}, {"PSS", rsaKey, true}} {
		for _, h := range []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512} {
			e := pki.Signer(t, "Maire", c.key, nil)
			b := cms.Builder{Hash: h, Certificate: e.Certificate, Chain: append(pki.Chain(), e.Certificate), PSS: c.pss}
			der := assemble(t, b, c.key, content, nil)
			sd, err := cms.Parse(append(der, make([]byte, 100)...))
			if err != nil {
				t.Fatal(c.name, h, err)
			}
			cert, err := sd.Signer()
			if err != nil || !cert.Equal(e.Certificate) || len(sd.Certificates) != 3 {
				t.Errorf("%s %v: %d certificates, %v", c.name, h, len(sd.Certificates), err)
			}
			if err := sd.Verify(cert, digest(h, content)); err != nil {
				t.Errorf("%s %v: %v", c.name, h, err)
			}
			if err := sd.Verify(cert, digest(h, []byte("autre"))); !errors.Is(err, cms.ErrSignature) {
				t.Errorf("%s %v over other content: %v", c.name, h, err)
			}
			twin := pki.Signer(t, "Maire", c.key, nil) // the same key under another certificate
			if err := sd.Verify(twin.Certificate, digest(h, content)); !errors.Is(err, cms.ErrSignature) {
				t.Errorf("%s %v with another certificate: %v", c.name, h, err)
			}
			if sd.HasSigningTime() || sd.PSS != c.pss || sd.Hash != h || len(sd.Tokens()) != 0 {
				t.Errorf("%s %v: reads %+v", c.name, h, sd)
			}
			if slack := cms.MaxSignature(cert) - len(sd.Signature); slack < 0 || slack > 10 {
				t.Errorf("%s: signature of %d bytes, at most %d announced", c.name, len(sd.Signature), cms.MaxSignature(cert))
			}
		}
	}
}

// The attributes are exactly the three of PAdES baseline, in DER order, without the default hash.
func TestSignedAttributesAreMinimal(t *testing.T) {
	t.Parallel()
	pki := signtest.New(t)
	e := pki.Signer(t, "Maire", signtest.P256(t), nil)
	attrs, err := cms.Builder{Hash: crypto.SHA256, Certificate: e.Certificate}.SignedAttributes(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	head, sum := "301806092a864886f70d010903310b06092a864886f70d010701", sha256.Sum256(e.Certificate.Raw)
	if !bytes.Contains(attrs, fromHex(t, head)) || bytes.Contains(attrs, fromHex(t, "0609608648016503040201")) || !bytes.Contains(attrs, sum[:]) {
		t.Errorf("%x", attrs)
	}
	if bytes.Contains(attrs, fromHex(t, "2a864886f70d010905")) {
		t.Error("signing-time in a PAdES signature")
	}
	timed, err := cms.Builder{Hash: crypto.SHA256, Certificate: e.Certificate, SigningTime: signtest.Now()}.SignedAttributes(make([]byte, 32))
	if err != nil || !bytes.Contains(timed, []byte("261123094703Z")) {
		t.Errorf("%x, %v", timed, err)
	}
	for _, n := range []int{0, 20, 31, 48} {
		if _, err := (cms.Builder{Hash: crypto.SHA256, Certificate: e.Certificate}).SignedAttributes(make([]byte, n)); !errors.Is(err, cms.ErrAlgorithm) {
			t.Errorf("digest of %d bytes: %v", n, err)
		}
	}
}

func fromHex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A token is accepted over its own imprint only, and not once a bit of it changed.
func TestToken(t *testing.T) {
	t.Parallel()
	pki := signtest.New(t)
	want := digest(crypto.SHA384, []byte("value"))
	der, err := pki.Timestamp(t.Context(), crypto.SHA384, want)
	if err != nil {
		t.Fatal(err)
	}
	tok, err := cms.ParseToken(der)
	if err != nil {
		t.Fatal(err)
	}
	if !tok.Time.Equal(signtest.Now()) {
		t.Errorf("time %v", tok.Time)
	}
	if err := tok.Check(crypto.SHA384, want); err != nil {
		t.Error(err)
	}
	if err := tok.Check(crypto.SHA384, digest(crypto.SHA384, nil)); !errors.Is(err, cms.ErrImprint) {
		t.Errorf("got %v", err)
	}
	if err := tok.Check(crypto.SHA256, want); !errors.Is(err, cms.ErrImprint) {
		t.Errorf("got %v", err)
	}
	at := bytes.Index(der, []byte("20261123"))
	forged := bytes.Clone(der)
	copy(forged[at:], "20251123")
	if tok, err = cms.ParseToken(forged); err != nil {
		t.Fatal(err)
	}
	if err := tok.Check(crypto.SHA384, want); !errors.Is(err, cms.ErrSignature) {
		t.Errorf("forged time: %v", err)
	}
	e := pki.Signer(t, "Maire", signtest.P256(t), nil)
	other := assemble(t, cms.Builder{Hash: crypto.SHA256, Certificate: e.Certificate}, e.Key, nil, nil)
	if _, err := cms.ParseToken(other); !errors.Is(err, cms.ErrMalformed) {
		t.Errorf("a signature taken for a token: %v", err)
	}
}

// Any changed byte of a structure either fails to parse or fails to verify, unless it only touches
// what is not signed: certificates of the path and unsigned attributes.
func TestEveryBitOfTheSignerCounts(t *testing.T) {
	t.Parallel()
	pki := signtest.New(t)
	e := pki.Signer(t, "Maire", signtest.P256(t), nil)
	der := assemble(t, cms.Builder{Hash: crypto.SHA256, Certificate: e.Certificate}, e.Key, []byte("x"), nil)
	sum := digest(crypto.SHA256, []byte("x"))
	start := bytes.Index(der, e.Certificate.Raw) + len(e.Certificate.Raw)
	var accepted []int
	for i := start; i < len(der); i++ {
		forged := bytes.Clone(der)
		forged[i] ^= 1
		sd, err := cms.Parse(forged)
		if err != nil {
			continue
		}
		if sd.Verify(e.Certificate, sum) == nil {
			accepted = append(accepted, i-start)
		}
	}
	// The version of the SignerInfo is not signed.
	if !slices.Equal(accepted, []int{bytes.Index(der[start:], []byte{2, 1, 1}) + 2}) {
		t.Errorf("changes accepted at %v", accepted)
	}
}

func TestCheckCertificate(t *testing.T) {
	t.Parallel()
	pki := signtest.New(t)
	now := signtest.Now()
	e := pki.Signer(t, "Maire", signtest.P256(t), nil)
	for at, want := range map[time.Time]error{
		now: nil, e.Certificate.NotAfter: nil, e.Certificate.NotBefore: nil,
		e.Certificate.NotAfter.Add(1): cms.ErrValidity, e.Certificate.NotBefore.Add(-1): cms.ErrValidity,
	} {
		if err := cms.CheckCertificate(e.Certificate, at); !errors.Is(err, want) {
			t.Errorf("at %v: %v", at, err)
		}
	}
	if err := cms.CheckCertificate(&x509.Certificate{PublicKey: "ed25519"}, now); !errors.Is(err, cms.ErrWeakKey) {
		t.Errorf("got %v", err)
	}
	if cms.HashFor(pki.Signer(t, "x", signtest.P384(t), nil).Certificate) != crypto.SHA384 {
		t.Error("P-384 goes with SHA-384")
	}
}

// FuzzParse: no structure crashes the parser, and none verifies that we did not make.
func FuzzParse(f *testing.F) {
	pki := signtest.New(f)
	e := pki.Signer(f, "Maire", signtest.P256(f), nil)
	token, err := pki.Timestamp(f.Context(), crypto.SHA256, digest(crypto.SHA256, nil))
	if err != nil {
		f.Fatal(err)
	}
	der := assemble(f, cms.Builder{Hash: crypto.SHA256, Certificate: e.Certificate, Chain: pki.Chain()}, e.Key, []byte("x"), token)
	f.Add(der)
	f.Add(token)
	f.Add([]byte{0x30, 0x80})
	f.Fuzz(func(t *testing.T, b []byte) {
		if tok, err := cms.ParseToken(b); err == nil {
			_ = tok.Check(tok.Hash, tok.Imprint)
		}
		sd, err := cms.Parse(b)
		if err != nil {
			return
		}
		if cert, err := sd.Signer(); err == nil && sd.Verify(cert, digest(crypto.SHA256, []byte("y"))) == nil {
			t.Fatal("verifies over other content")
		}
	})
}
