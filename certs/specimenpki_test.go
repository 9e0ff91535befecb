package certs

import (
	"bytes"
	"crypto/elliptic"
	"crypto/x509"
	"errors"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"parapheur/internal/specimen"
	"parapheur/internal/tooltest"
)

const sandboxSIRET = "00000000000001"

func newSpecimen(t *testing.T) *SpecimenPKI {
	t.Helper()
	p, err := NewSpecimenPKI(time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// specimens are one certificate of each sort that a sandbox has, with its path.
func specimens(t *testing.T, p *SpecimenPKI) map[string][]*x509.Certificate {
	t.Helper()
	person, err := p.Person(DemoPerson{Name: "Élise Préfète", Quality: "Maire", Town: "Commune de Saint-Aubin"})
	if err != nil {
		t.Fatal(err)
	}
	seal, err := p.TownSeal("Bac à sable de Saint-Aubin", sandboxSIRET)
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]*x509.Certificate{
		"root": p.root.Chain(), "authority": p.issuing.Chain(), "time-stamps": p.tsa.unit.Chain(), "person": person.Chain(), "seal": seal.Chain(),
	}
}

// Every certificate of a sandbox carries the critical extension: it is refused
// by OpenSSL and by crypto/x509, though they trust the root.
func TestSpecimensAreRefusedByEverybody(t *testing.T) {
	t.Parallel()
	p := newSpecimen(t)
	openssl, dir := tooltest.First(t, "openssl"), t.TempDir()
	root := writeFile(t, dir, "root.pem", pemOf(p.Root()))
	authority := writeFile(t, dir, "authority.pem", pemOf(p.issuing.Certificate()))
	trusting, others := x509.NewCertPool(), x509.NewCertPool()
	trusting.AddCert(p.Root())
	others.AddCert(p.issuing.Certificate())
	for name, chain := range specimens(t, p) {
		c := chain[0]
		i := slices.IndexFunc(c.UnhandledCriticalExtensions, specimen.Extension().Equal)
		if i < 0 || !slices.Contains(c.Subject.Organization, specimen.Organisation) {
			t.Errorf("%s: critical and unknown are %v, of %v", name, c.UnhandledCriticalExtensions, c.Subject.Organization)
		}
		var why x509.UnhandledCriticalExtension
		_, err := c.Verify(x509.VerifyOptions{Roots: trusting, Intermediates: others, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
		if !errors.As(err, &why) {
			t.Errorf("%s: crypto/x509 says %v", name, err)
		}
		leaf := writeFile(t, dir, name+".pem", pemOf(c))
		out, err := exec.CommandContext(t.Context(), openssl, "verify", "-CAfile", root, "-untrusted", authority, leaf).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "unhandled critical extension") {
			t.Errorf("%s: openssl says %v\n%s", name, err, out)
		}
	}
}

// Only the sandbox itself verifies its specimens, and nothing else does it take.
func TestSandboxKnowsItsSpecimensAlone(t *testing.T) {
	t.Parallel()
	p := newSpecimen(t)
	own, err := NewTrust(Guard{Sandbox: true}, p.Root())
	if err != nil {
		t.Fatal(err)
	}
	stranger := specimens(t, newSpecimen(t))["person"]
	for name, chain := range specimens(t, p) {
		if path, err := own.Verify(chain[0], chain[1:], time.Now(), x509.ExtKeyUsageAny); err != nil || !path[len(path)-1].Equal(p.Root()) {
			t.Errorf("%s: its own sandbox says %v", name, err)
		}
		for guard, g := range map[string]Guard{"production": {}, "demonstration": demoGuard()} {
			if err := g.Check(chain...); !errors.Is(err, ErrSpecimen) {
				t.Errorf("%s in %s: %v", name, guard, err)
			}
		}
	}
	if _, err := own.Verify(stranger[0], stranger[1:], time.Now(), x509.ExtKeyUsageAny); err == nil {
		t.Error("one sandbox trusts another")
	}
	if _, err := NewTrust(Guard{}, p.Root()); !errors.Is(err, ErrSpecimen) {
		t.Errorf("a production trusts the root: %v", err)
	}
}

// A key that is worth something, or of the demonstration, enters a sandbox by
// no door.
func TestSandboxRefusesRealKeys(t *testing.T) {
	t.Parallel()
	inside := Guard{Sandbox: true}
	p, d := newSpecimen(t), openDemo(t, t.TempDir())
	signer := ecKey(t, elliptic.P256())
	real, err := NewKey(signer, []*x509.Certificate{selfSigned(t, signer, nil)})
	if err != nil {
		t.Fatal(err)
	}
	own, err := NewTrust(inside, p.Root())
	if err != nil {
		t.Fatal(err)
	}
	for name, k := range map[string]*Key{"real": real, "demonstration": newPerson(t, d)} {
		sealed, err := SealKey(testVault(t, 1), Binding{Tenant: "a"}, k)
		if err != nil {
			t.Fatal(err)
		}
		for door, try := range map[string]func() error{
			"guard":         func() error { return inside.Check(k.Chain()...) },
			"with the demo": func() error { return Guard{Sandbox: true, AllowDemo: true}.Check(k.Chain()...) },
			"trust store":   func() error { _, err := NewTrust(inside, k.Certificate()); return err },
			"intermediates": func() error { _, err := own.WithIntermediates(k.Certificate()); return err },
			"provider":      func() error { _, err := NewLocal(k, LocalOptions{Guard: inside, Now: time.Now}); return err },
			"import": func() error {
				pass, err := testVault(t, 1).Open(sealed.Passphrase, Binding{Tenant: "a"})
				if err == nil {
					_, err = ImportPKCS12(sealed.PKCS12, string(pass), ImportOptions{At: time.Now(), Guard: inside})
				}
				return err
			},
		} {
			if err := try(); !errors.Is(err, ErrSpecimen) {
				t.Errorf("%s key, %s: %v, want ErrSpecimen", name, door, err)
			}
		}
		if accepted := specimen.Accepted(k.Certificate()); accepted != nil {
			t.Errorf("%s: read as a specimen", name)
		}
	}
	// Nor do authorities that are no specimens, put where the sandbox keeps its own.
	v, b := testVault(t, 1), Binding{Tenant: sandboxSIRET, Kind: "sandbox-pki", ID: "x"}
	if sealed, err := (&SpecimenPKI{root: real, issuing: real, tsa: newDemoTSA(real, time.Now)}).Seal(v, b); err != nil {
		t.Error(err)
	} else if _, err := OpenSpecimenPKI(v, b, sealed, time.Now); !errors.Is(err, ErrSpecimen) {
		t.Errorf("opened over real authorities: %v", err)
	}
	for _, siret := range []string{"21490999900010", "0000000000001", ""} {
		if _, err := p.TownSeal("Ville", siret); !errors.Is(err, ErrSpecimen) {
			t.Errorf("a seal for %q: %v", siret, err)
		}
	}
}

// Each mark suffices: a certificate edited to lose one is a specimen still.
func TestEachSpecimenMarkSufficesAlone(t *testing.T) {
	t.Parallel()
	full := specimens(t, newSpecimen(t))["person"][0]
	for name, c := range map[string]*x509.Certificate{"subject": {Subject: full.Subject}, "issuer": {Issuer: full.Issuer}, "extension": {Extensions: full.Extensions}} {
		if !specimen.Certificate(c) {
			t.Errorf("%s alone is not recognised", name)
		}
	}
}

// The keys at rest open for their own sandbox alone, as they were.
func TestSpecimenAtRest(t *testing.T) {
	t.Parallel()
	p, v, b := newSpecimen(t), testVault(t, 1), Binding{Tenant: sandboxSIRET, Kind: "sandbox-pki", ID: "x"}
	sealed, err := p.Seal(v, b)
	if err != nil {
		t.Fatal(err)
	}
	again, err := OpenSpecimenPKI(v, b, sealed, time.Now)
	if err != nil || !again.Root().Equal(p.Root()) || !bytes.Equal(again.tsa.unit.Certificate().Raw, p.tsa.unit.Certificate().Raw) {
		t.Fatalf("opened: %v", err)
	}
	if bytes.Contains(sealed, []byte("PRIVATE")) {
		t.Error("a key lies open")
	}
	other := b
	other.Tenant = "00000000000002"
	for name, try := range map[string]func() error{
		"another sandbox": func() error { _, err := OpenSpecimenPKI(v, other, sealed, time.Now); return err },
		"another master":  func() error { _, err := OpenSpecimenPKI(testVault(t, 2), b, sealed, time.Now); return err },
	} {
		if err := try(); !errors.Is(err, ErrSealed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := OpenSpecimenPKI(v, b, []byte("not JSON"), time.Now); !errors.Is(err, ErrMalformed) {
		t.Errorf("not JSON: %v", err)
	}
	path := specimens(t, p)["person"]
	lists, err := again.Lists(t.Context(), path)
	if err != nil || len(lists) != 2 {
		t.Fatalf("%d lists, %v", len(lists), err)
	}
	if _, err := again.Lists(t.Context(), specimens(t, newSpecimen(t))["person"]); !errors.Is(err, ErrUntrusted) {
		t.Errorf("lists for another sandbox: %v", err)
	}
}
