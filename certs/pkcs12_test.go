package certs

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"parapheur/internal/tooltest"
)

// selfSigned makes a certificate without any mark of demonstration.
func selfSigned(t *testing.T, key crypto.Signer, mod func(*x509.Certificate)) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "Claire Martin", Organization: []string{"Commune de Saint-Aubin"}},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(2, 0, 0),
		KeyUsage: x509.KeyUsageContentCommitment,
	}
	if mod != nil {
		mod(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func ecKey(t *testing.T, c elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func rsaKey(t *testing.T, bits int) *rsa.PrivateKey {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestImportSaysWhatIsWrong: the administrator sees one clear reason.
func TestImportSaysWhatIsWrong(t *testing.T) {
	t.Setenv("GODEBUG", "rsa1024min=0") // to make the weak key
	const password = "Mot de passe à accents : é€"
	p256 := ecKey(t, elliptic.P256())
	rsa2048 := rsaKey(t, 2048)
	encode := func(key any, cert *x509.Certificate, others ...*x509.Certificate) []byte {
		p12, err := pkcs12.Modern2023.Encode(key, cert, others, password)
		if err != nil {
			t.Fatal(err)
		}
		return p12
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	trustStore, err := pkcs12.Modern2023.EncodeTrustStore([]*x509.Certificate{selfSigned(t, p256, nil)}, password)
	if err != nil {
		t.Fatal(err)
	}
	good := encode(p256, selfSigned(t, p256, nil))
	weak := rsaKey(t, 1024)
	p224 := ecKey(t, elliptic.P224())
	for name, c := range map[string]struct {
		data     []byte
		password string
		want     error
	}{
		"P-256":                      {good, password, nil},
		"RSA-2048 until 2030":        {encode(rsa2048, selfSigned(t, rsa2048, nil)), password, nil},
		"RSA-2048 beyond 2030":       {encode(rsa2048, selfSigned(t, rsa2048, func(c *x509.Certificate) { c.NotAfter = time.Date(2032, 1, 1, 0, 0, 0, 0, time.UTC) })), password, ErrWeakKey},
		"RSA-1024":                   {encode(weak, selfSigned(t, weak, nil)), password, ErrWeakKey},
		"P-224":                      {encode(p224, selfSigned(t, p224, nil)), password, ErrWeakKey},
		"Ed25519":                    {encode(ed, selfSigned(t, ed, nil)), password, ErrWeakKey},
		"wrong password":             {good, "autre", ErrWrongPassword},
		"empty password":             {good, "", ErrWrongPassword},
		"not a file":                 {[]byte("%PDF-1.7"), password, ErrMalformed},
		"empty":                      {nil, password, ErrMalformed},
		"cut":                        {good[:len(good)/2], password, ErrMalformed},
		"too large":                  {make([]byte, MaxPKCS12+1), password, ErrMalformed},
		"certificates only":          {trustStore, password, ErrNoKey},
		"certificate of another key": {encode(p256, selfSigned(t, ecKey(t, elliptic.P256()), nil)), password, ErrNoCertificate},
		"leaf after its issuer":      {encode(p256, selfSigned(t, rsa2048, nil), selfSigned(t, p256, nil)), password, nil},
		"expired":                    {encode(p256, selfSigned(t, p256, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })), password, ErrExpired},
		"not yet valid":              {encode(p256, selfSigned(t, p256, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) })), password, ErrNotYetValid},
		"authority":                  {encode(p256, selfSigned(t, p256, func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true })), password, ErrKeyUsage},
		"for encryption":             {encode(p256, selfSigned(t, p256, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyAgreement })), password, ErrKeyUsage},
	} {
		key, err := ImportPKCS12(c.data, c.password, ImportOptions{At: time.Now()})
		if !errors.Is(err, c.want) || (err == nil) != (key != nil) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// TestImportRefusesEndlessDerivation: each count of iterations, raised alone, is refused at once.
func TestImportRefusesEndlessDerivation(t *testing.T) {
	t.Parallel()
	k := ecKey(t, elliptic.P256())
	for name, encoder := range map[string]*pkcs12.Encoder{"modern": pkcs12.Modern2023, "legacy": pkcs12.LegacyDES} {
		p12, err := encoder.WithIterations(70_000).Encode(k, selfSigned(t, k, nil), nil, "x")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ImportPKCS12(p12, "x", ImportOptions{At: time.Now()}); err != nil {
			t.Errorf("%s, 70 000 iterations: %v", name, err)
		}
		count, many := []byte{2, 3, 0x01, 0x11, 0x70}, []byte{2, 3, 0x7f, 0xff, 0xff}
		n := bytes.Count(p12, count)
		if n < 2 {
			t.Fatalf("%s: %d counts in the file", name, n)
		}
		for i, at := 0, 0; i < n; i++ {
			at += bytes.Index(p12[at:], count)
			bad := bytes.Clone(p12)
			copy(bad[at:], many)
			at += len(count)
			if _, err := ImportPKCS12(bad, "x", ImportOptions{At: time.Now()}); !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), "iterations") {
				t.Errorf("%s, count %d raised: %v", name, i+1, err)
			}
		}
	}
}

// TestImportFromOpenSSL reads what other programs write, old and new.
func TestImportFromOpenSSL(t *testing.T) {
	t.Parallel()
	tooltest.First(t, "openssl")
	dir := t.TempDir()
	key, cert := filepath.Join(dir, "k.pem"), filepath.Join(dir, "c.pem")
	tooltest.Output(t, "", "openssl", "req", "-x509", "-newkey", "rsa:3072", "-nodes", "-keyout", key, "-out", cert, "-days", "30", "-subj", "/CN=Claire Martin", "-addext", "keyUsage=critical,nonRepudiation", "-addext", "basicConstraints=CA:FALSE")
	for name, args := range map[string][]string{"modern": nil, "legacy": {"-legacy"}, "3DES": {"-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1"}} {
		out := filepath.Join(dir, name+".p12")
		tooltest.Output(t, "", "openssl", append([]string{"pkcs12", "-export", "-inkey", key, "-in", cert, "-out", out, "-passout", "pass:été"}, args...)...)
		data, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		if k, err := ImportPKCS12(data, "été", ImportOptions{At: time.Now()}); err != nil || k.Certificate().Subject.CommonName != "Claire Martin" {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := ImportPKCS12(data, "ete", ImportOptions{At: time.Now()}); !errors.Is(err, ErrWrongPassword) {
			t.Errorf("%s, wrong password: %v", name, err)
		}
	}
}

func TestSealedKeyStaysWithItsTown(t *testing.T) {
	t.Parallel()
	v := testVault(t, 1)
	one, two := Binding{Tenant: "a", ID: "1"}, Binding{Tenant: "b", ID: "2"}
	seal := func(b Binding) (SealedKey, *Key) {
		k := ecKey(t, elliptic.P256())
		key, err := NewKey(k, []*x509.Certificate{selfSigned(t, k, nil)})
		if err != nil {
			t.Fatal(err)
		}
		s, err := SealKey(v, b, key)
		if err != nil {
			t.Fatal(err)
		}
		return s, key
	}
	s1, key := seal(one)
	s2, _ := seal(two)
	if back, err := s1.Open(v, one); err != nil || !back.Certificate().Equal(key.Certificate()) {
		t.Fatalf("its owner: %v", err)
	}
	for name, try := range map[string]func() (*Key, error){
		"moved to another town":      func() (*Key, error) { return s1.Open(v, two) },
		"file of another town":       func() (*Key, error) { return SealedKey{s1.PKCS12, s2.Passphrase}.Open(v, two) },
		"passphrase of another town": func() (*Key, error) { return SealedKey{s2.PKCS12, s1.Passphrase}.Open(v, one) },
		"another master key":         func() (*Key, error) { return s1.Open(testVault(t, 2), one) },
	} {
		if k, err := try(); !errors.Is(err, ErrSealed) || k != nil {
			t.Errorf("%s: %v, want ErrSealed", name, err)
		}
	}
	rotated, err := NewVault(append([]byte{9}, make([]byte, 31)...), []byte(strings.Repeat("\x01", 32)))
	if err != nil {
		t.Fatal(err)
	}
	moved, err := s1.Reseal(rotated, one)
	if err != nil || rotated.Stale(moved.Passphrase) {
		t.Fatal("rotation: ", err)
	}
	if _, err := moved.Open(rotated, one); err != nil {
		t.Error("after rotation: ", err)
	}
}

func TestKeyDoesNotPrintItself(t *testing.T) {
	t.Parallel()
	k := ecKey(t, elliptic.P256())
	key, err := NewKey(k, []*x509.Certificate{selfSigned(t, k, nil)})
	if err != nil {
		t.Fatal(err)
	}
	want := "key of CN=Claire Martin,O=Commune de Saint-Aubin"
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if got := fmt.Sprintf(verb, key); got != want {
			t.Errorf("%s prints %s", verb, got)
		}
	}
}

func FuzzImportPKCS12(f *testing.F) {
	f.Add([]byte{0x30, 0x03, 0x02, 0x01, 0x03}, "x")
	f.Fuzz(func(t *testing.T, data []byte, password string) {
		if len(data) > 4096 {
			return
		}
		key, err := ImportPKCS12(data, password, ImportOptions{At: time.Now()})
		if (key == nil) != (err != nil) {
			t.Errorf("key %v with error %v", key, err)
		}
	})
}
