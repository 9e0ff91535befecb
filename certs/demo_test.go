package certs

import (
	"bytes"
	"context"
	"crypto"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"parapheur/internal/tooltest"
)

func pemOf(certs ...*x509.Certificate) []byte {
	var out []byte
	for _, c := range certs {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return out
}

// TestDemoSatisfiesOpenSSL has an independent implementation judge every service.
func TestDemoSatisfiesOpenSSL(t *testing.T) {
	t.Parallel()
	d, dir := openDemo(t, t.TempDir()), t.TempDir()
	person := newPerson(t, d)
	root := writeFile(t, dir, "root.pem", pemOf(d.Root()))
	inter := writeFile(t, dir, "inter.pem", pemOf(d.issuing.Certificate()))
	leaf := writeFile(t, dir, "leaf.pem", pemOf(person.Certificate()))

	t.Run("chain", func(t *testing.T) {
		tooltest.Output(t, "", "openssl", "verify", "-x509_strict", "-CAfile", root, "-untrusted", inter, leaf)
	})
	t.Run("certificate text", func(t *testing.T) {
		text := tooltest.Output(t, "", "openssl", "x509", "-in", leaf, "-noout", "-text", "-nameopt", "utf8,sep_comma_plus")
		for _, want := range []string{DemoMarker, "Élise Préfète", "Maire", "Commune de Saint-Aubin", "OCSP - URI:" + d.URL("/ocsp"), d.URL("/crl/intermediate.crl"), "1.3.6.1.4.1.32473.2717.2"} {
			if !strings.Contains(text, want) {
				t.Errorf("certificate does not say %q:\n%s", want, text)
			}
		}
	})
	t.Run("time-stamp", func(t *testing.T) {
		letter := writeFile(t, dir, "letter.txt", []byte("Madame, Monsieur,"))
		for _, hash := range []string{"-sha256", "-sha384", "-sha512"} {
			query, reply := filepath.Join(dir, "q"+hash), filepath.Join(dir, "r"+hash)
			tooltest.Output(t, "", "openssl", "ts", "-query", "-data", letter, hash, "-cert", "-out", query)
			tooltest.Output(t, "", "curl", "-sSf", "-H", "Content-Type: application/timestamp-query", "--data-binary", "@"+query, "-o", reply, d.URL("/tsa"))
			out := tooltest.Output(t, "", "openssl", "ts", "-verify", "-data", letter, "-in", reply, "-CAfile", root, "-untrusted", inter)
			if !strings.Contains(out, "Verification: OK") {
				t.Errorf("%s: %s", hash, out)
			}
			tooltest.Output(t, "", "openssl", "ts", "-verify", "-queryfile", query, "-in", reply, "-CAfile", root)
		}
	})
	t.Run("time-stamp refusal is readable", func(t *testing.T) {
		query, reply := filepath.Join(dir, "q"), filepath.Join(dir, "r")
		tooltest.Output(t, "", "openssl", "ts", "-query", "-digest", strings.Repeat("ab", 20), "-sha1", "-out", query)
		tooltest.Output(t, "", "curl", "-sSf", "-H", "Content-Type: application/timestamp-query", "--data-binary", "@"+query, "-o", reply, d.URL("/tsa"))
		if out := tooltest.Output(t, "", "openssl", "ts", "-reply", "-in", reply, "-text"); !strings.Contains(out, "unrecognized or unsupported algorithm") {
			t.Errorf("got %s", out)
		}
	})
	t.Run("OCSP and CRL", func(t *testing.T) { testRevocationWithOpenSSL(t, d, dir, root, inter, leaf, person) })
}

func testRevocationWithOpenSSL(t *testing.T, d *Demo, dir, root, inter, leaf string, person *Key) {
	ask := func() string {
		return tooltest.Output(t, "", "openssl", "ocsp", "-issuer", inter, "-cert", leaf, "-CAfile", root, "-url", d.URL("/ocsp"), "-header", "Host="+strings.Split(strings.TrimPrefix(d.opt.BaseURL, "http://"), "/")[0])
	}
	crl := filepath.Join(dir, "crl")
	list := func() string {
		tooltest.Output(t, "", "curl", "-sSf", "-o", crl, d.URL("/crl/intermediate.crl"))
		tooltest.Output(t, "", "openssl", "crl", "-inform", "DER", "-in", crl, "-CAfile", inter, "-noout", "-verify")
		return tooltest.Output(t, "", "openssl", "crl", "-inform", "DER", "-in", crl, "-noout", "-text")
	}
	if out := ask(); !strings.Contains(out, "Response verify OK") || !strings.Contains(out, "leaf.pem: good") {
		t.Errorf("before: %s", out)
	}
	if out := list(); !strings.Contains(out, "No Revoked Certificates") {
		t.Errorf("before: %s", out)
	}
	if err := d.Revoke(person.Certificate().SerialNumber, 5); err != nil {
		t.Fatal(err)
	}
	if out := ask(); !strings.Contains(out, "leaf.pem: revoked") || !strings.Contains(out, "cessationOfOperation") {
		t.Errorf("after: %s", out)
	}
	if out := list(); !strings.Contains(out, "Cessation Of Operation") {
		t.Errorf("after: %s", out)
	}
	out := tooltest.Output(t, "", "openssl", "ocsp", "-issuer", inter, "-serial", "0x1234", "-CAfile", root, "-url", d.URL("/ocsp"))
	if !strings.Contains(out, "unknown") {
		t.Errorf("never issued: %s", out)
	}
}

func TestDemoSurvivesRestart(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "pki")
	open := func(base string) *Demo {
		d, err := OpenDemo(DemoOptions{Dir: dir, Vault: testVault(t, 1), Guard: demoGuard(), BaseURL: base, Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	first := open("http://127.0.0.1:1/pki")
	p1 := newPerson(t, first)
	if err := first.Revoke(p1.Certificate().SerialNumber, 1); err != nil {
		t.Fatal(err)
	}

	again := open("http://127.0.0.1:1/pki/")
	p2 := newPerson(t, again)
	if !p1.Certificate().Equal(p2.Certificate()) || !first.TSA().Certificate().Equal(again.TSA().Certificate()) {
		t.Error("a restart changed certificates")
	}
	if len(again.revoked) != 1 {
		t.Error("a restart forgot a revocation")
	}

	moved := open("http://127.0.0.1:2/pki")
	p3 := newPerson(t, moved)
	if !moved.Root().Equal(first.Root()) {
		t.Error("a new address changed the root")
	}
	if p3.Certificate().OCSPServer[0] != "http://127.0.0.1:2/pki/ocsp" || !p1.signer.Public().(interface{ Equal(crypto.PublicKey) bool }).Equal(p3.signer.Public()) {
		t.Error("a new address must give a new certificate for the same key")
	}
	if !moved.issued[p1.Certificate().SerialNumber.String()] {
		t.Error("the earlier certificate is forgotten: its status would be unknown")
	}
}

func TestDemoFolderIsPrivateAndSealed(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "pki")
	opt := DemoOptions{Dir: dir, Vault: testVault(t, 1), Guard: demoGuard(), BaseURL: "http://localhost/pki", Now: time.Now}
	if _, err := OpenDemo(opt); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %04o", path, info.Mode().Perm())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	opt.Vault = testVault(t, 2)
	if _, err := OpenDemo(opt); !errors.Is(err, ErrSealed) || !errors.Is(err, ErrUnknownMasterKey) {
		t.Errorf("with another master key: %v, want ErrSealed", err)
	}
	// A record renamed to another name must not open: the binding holds the name.
	tsa := filepath.Join(dir, "tsa"+demoRecordSuffix)
	if err := os.Rename(filepath.Join(dir, "ocsp"+demoRecordSuffix), tsa); err != nil {
		t.Fatal(err)
	}
	opt.Vault = testVault(t, 1)
	if _, err := OpenDemo(opt); !errors.Is(err, ErrSealed) {
		t.Errorf("with a moved record: %v, want ErrSealed", err)
	}
}

func TestDemoConcurrentFirstRunsAgree(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	vault := testVault(t, 1)
	roots, people := make([][]byte, 4), make([][]byte, 4)
	var wg sync.WaitGroup
	for i := range roots {
		wg.Go(func() {
			d, err := OpenDemo(DemoOptions{Dir: dir, Vault: vault, Guard: demoGuard(), BaseURL: "http://localhost/pki", Now: time.Now})
			if err != nil {
				t.Error(err)
				return
			}
			k, err := d.TownSeal("Commune de Saint-Aubin", "21350001200017")
			if err != nil {
				t.Error(err)
				return
			}
			roots[i], people[i] = d.Root().Raw, k.Certificate().Raw
		})
	}
	wg.Wait()
	for i := range roots {
		if !bytes.Equal(roots[i], roots[0]) || !bytes.Equal(people[i], people[0]) {
			t.Fatalf("process %d made its own PKI", i)
		}
	}
}

// TestGuardKeepsDemoOutOfProduction goes through every door a certificate can enter by.
func TestGuardKeepsDemoOutOfProduction(t *testing.T) {
	t.Parallel()
	d := openDemo(t, t.TempDir())
	person := newPerson(t, d)
	sealed, err := SealKey(testVault(t, 1), Binding{Tenant: "a"}, person)
	if err != nil {
		t.Fatal(err)
	}
	doors := map[string]func(Guard) error{
		"guard, person":       func(g Guard) error { return g.Check(person.Certificate()) },
		"guard, root":         func(g Guard) error { return g.Check(d.Root()) },
		"guard, TSA":          func(g Guard) error { return g.Check(d.TSA().Certificate()) },
		"guard, intermediate": func(g Guard) error { return g.Check(d.issuing.Certificate()) },
		"guard, responder":    func(g Guard) error { return g.Check(d.ocsp.Certificate()) },
		"trust store":         func(g Guard) error { _, err := NewTrust(g, d.Root()); return err },
		"intermediates": func(g Guard) error {
			real := selfSigned(t, ecKey(t, elliptic.P256()), nil)
			trust, err := NewTrust(g, real)
			if err != nil {
				t.Fatal(err)
			}
			_, err = trust.WithIntermediates(d.issuing.Certificate())
			return err
		},
		"provider": func(g Guard) error { _, err := NewLocal(person, LocalOptions{Guard: g, Now: time.Now}); return err },
		"PKI itself": func(g Guard) error {
			_, err := OpenDemo(DemoOptions{Dir: t.TempDir(), Vault: testVault(t, 1), Guard: g, BaseURL: "http://x/", Now: time.Now})
			return err
		},
		"import": func(g Guard) error {
			pass, err := testVault(t, 1).Open(sealed.Passphrase, Binding{Tenant: "a"})
			if err != nil {
				return err
			}
			_, err = ImportPKCS12(sealed.PKCS12, string(pass), ImportOptions{At: time.Now(), Guard: g})
			return err
		},
	}
	for name, door := range doors {
		if err := door(Guard{}); !errors.Is(err, ErrDemoPKI) {
			t.Errorf("%s, production: %v, want ErrDemoPKI", name, err)
		}
		if err := door(demoGuard()); err != nil {
			t.Errorf("%s, demonstration: %v", name, err)
		}
	}
}

// TestEachDemoMarkSufficesAlone: losing the visible mark must not open the door.
func TestEachDemoMarkSufficesAlone(t *testing.T) {
	t.Parallel()
	full := newPerson(t, openDemo(t, t.TempDir())).Certificate()
	for name, c := range map[string]*x509.Certificate{
		"subject":   {Subject: full.Subject},
		"issuer":    {Issuer: full.Issuer},
		"policy":    {PolicyIdentifiers: full.PolicyIdentifiers},
		"extension": {Extensions: full.Extensions},
	} {
		if !IsDemo(c) {
			t.Errorf("%s alone is not recognised", name)
		}
	}
	if IsDemo(&x509.Certificate{}) {
		t.Error("a certificate without marks is taken for a demonstration")
	}
}

func TestDemoTSABreakdown(t *testing.T) {
	t.Parallel()
	d := openDemo(t, t.TempDir())
	digest := sha256.Sum256([]byte("lettre"))
	client := newClient(t, d.Trust(), d.URL("/tsa"))
	ctx := context.Background()
	stampers := map[string]interface {
		Timestamp(context.Context, crypto.Hash, []byte) ([]byte, error)
	}{"HTTP": client, "in process": d.TSA()}
	for _, up := range []bool{true, false, true} {
		d.TSA().SetAvailable(up)
		for name, s := range stampers {
			raw, err := s.Timestamp(ctx, crypto.SHA256, digest[:])
			if !up {
				if !errors.Is(err, ErrTSAUnavailable) || errors.Is(err, ErrTSAInvalid) {
					t.Errorf("%s, down: %v, want ErrTSAUnavailable alone", name, err)
				}
				continue
			}
			if err != nil {
				t.Fatalf("%s, up: %v", name, err)
			}
			tok, err := VerifyToken(raw, Expect{Hash: crypto.SHA256, Digest: digest[:], Trust: d.Trust()})
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if len(tok.Chain) != 3 || !tok.Policy.Equal(oidDemoTSAPolicy) {
				t.Errorf("%s: chain of %d, policy %s", name, len(tok.Chain), tok.Policy)
			}
		}
	}
}

func newClient(t *testing.T, trust *Trust, urls ...string) *TSAClient {
	t.Helper()
	opt := TSAClientOptions{Trust: trust, Now: time.Now}
	for _, u := range urls {
		opt.Endpoints = append(opt.Endpoints, TSAEndpoint{URL: u})
	}
	c, err := NewTSAClient(opt)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
