//go:build pkcs11 && cgo

package certs

import (
	"crypto"
	"crypto/elliptic"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ThalesGroup/crypto11"

	"parapheur/internal/tooltest"
)

// softHSM is where Debian and others put the library.
func softHSM() string {
	for _, p := range []string{
		os.Getenv("PKCS11_MODULE"), "/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
		"/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so", "/usr/local/lib/softhsm/libsofthsm2.so", "/opt/homebrew/lib/softhsm/libsofthsm2.so",
	} {
		if _, err := os.Stat(p); p != "" && err == nil {
			return p
		}
	}
	return ""
}

// TestMain gives the library, which reads its settings once when it is loaded,
// a folder of tokens of its own.
func TestMain(m *testing.M) { os.Exit(runWithTokens(m)) }

func runWithTokens(m *testing.M) int {
	dir, err := os.MkdirTemp("", "softhsm")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	conf := filepath.Join(dir, "softhsm2.conf")
	text := "directories.tokendir = " + filepath.Join(dir, "tokens") + "\nobjectstore.backend = file\nlog.level = ERROR\n"
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "tokens"), 0o700), os.WriteFile(conf, []byte(text), 0o600), os.Setenv("SOFTHSM2_CONF", conf)); err != nil {
		panic(err)
	}
	return m.Run()
}

func tokensDir() string { return filepath.Join(filepath.Dir(os.Getenv("SOFTHSM2_CONF")), "tokens") }

const userPIN = "123456"

// A hsm is one token of a test, alone in the library: every provider is closed
// before the next test opens one, so that SoftHSM looks for its tokens again.
type hsm struct {
	label string
	dir   string
}

//nolint:gochecknoglobals // the library is one to the process: a token is made while nobody uses it
var hsmTurn sync.Mutex

func newHSM(t *testing.T) hsm {
	t.Helper()
	if softHSM() == "" {
		tooltest.Lacking(t, "SoftHSM2")
	}
	hsmTurn.Lock()
	t.Cleanup(hsmTurn.Unlock)
	before, err := filepath.Glob(filepath.Join(tokensDir(), "*"))
	if err != nil {
		t.Fatal(err)
	}
	h := hsm{label: fmt.Sprintf("t%d", len(before))}
	out, err := exec.CommandContext(t.Context(), "softhsm2-util", "--init-token", "--free", "--label", h.label, "--so-pin", "87654321", "--pin", userPIN).CombinedOutput()
	if err != nil {
		t.Fatalf("softhsm2-util: %v\n%s", err, out)
	}
	after, _ := filepath.Glob(filepath.Join(tokensDir(), "*")) //nolint:errcheck // a constant pattern
	for _, d := range after {
		if !strings.Contains(strings.Join(before, "\n"), d) {
			h.dir = d
		}
	}
	return h
}

// make draws a key in the token and stores a certificate for it there.
func (h hsm) make(t *testing.T, label string, bits int, curve elliptic.Curve) *x509.Certificate {
	t.Helper()
	token, err := crypto11.Configure(&crypto11.Config{Path: softHSM(), TokenLabel: h.label, Pin: userPIN, MaxSessions: 4})
	if err != nil {
		t.Fatal(err)
	}
	defer token.Close() //nolint:errcheck // a test's
	id := []byte("id-" + label)
	var signer crypto.Signer
	if curve != nil {
		signer, err = token.GenerateECDSAKeyPairWithLabel(id, []byte(label), curve)
	} else {
		signer, err = token.GenerateRSAKeyPairWithLabel(id, []byte(label), bits)
	}
	if err != nil {
		t.Fatal(err)
	}
	cert := selfSigned(t, signer, nil)
	if err := token.ImportCertificateWithLabel(id, []byte(label), cert); err != nil {
		t.Fatal(err)
	}
	return cert
}

func (h hsm) options(label string) PKCS11Options {
	return PKCS11Options{
		Module: softHSM(), TokenLabel: h.label, KeyLabel: label, PIN: userPIN,
		Gate: func(proof []byte, _ [][]byte) error {
			if string(proof) != "decided" {
				return errors.New("nobody decided")
			}
			return nil
		},
		Now: time.Now,
	}
}

func openHSM(t *testing.T, opt PKCS11Options) *PKCS11 {
	t.Helper()
	p, err := OpenPKCS11(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// Every kind of key that letters are signed with signs in a token, and what it
// makes verifies with the certificate.
func TestPKCS11Keys(t *testing.T) {
	h := newHSM(t)
	for _, c := range []struct {
		name  string
		bits  int
		curve elliptic.Curve
		pss   bool
		h     crypto.Hash
	}{
		{name: "p256", curve: elliptic.P256(), h: crypto.SHA256},
		{name: "p384", curve: elliptic.P384(), h: crypto.SHA384},
		{name: "p256-sha512", curve: elliptic.P256(), h: crypto.SHA512},
		{name: "rsa", bits: 3072, h: crypto.SHA256},
		{name: "rsa-pss", bits: 3072, pss: true, h: crypto.SHA512},
	} {
		cert := h.make(t, c.name, c.bits, c.curve)
		opt := h.options(c.name)
		opt.PSS = c.pss
		p := openHSM(t, opt)
		s, err := AsSigner(t.Context(), p, []byte("decided"))
		if err != nil || !s.Certificate().Equal(cert) || s.PSS() != c.pss {
			t.Fatal(c.name, err)
		}
		tbs := []byte("signed attributes " + c.name)
		sig, err := s.Sign(t.Context(), tbs, c.h)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if err := verifySignature(cert, tbs, sig, c.h, c.pss); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if err := verifySignature(cert, []byte("other"), sig, c.h, c.pss); !errors.Is(err, ErrBadSignature) {
			t.Errorf("%s: a signature of other bytes: %v", c.name, err)
		}
	}
}

// Two hundred letters signed at once over eight sessions.
func TestPKCS11Concurrent(t *testing.T) {
	h := newHSM(t)
	cert := h.make(t, "busy", 0, elliptic.P256())
	p := openHSM(t, h.options("busy"))
	var wg sync.WaitGroup
	began := time.Now()
	for i := range 200 {
		wg.Go(func() {
			tbs := fmt.Appendf(nil, "letter %d", i)
			a, err := p.Begin(t.Context(), [][]byte{tbs}, crypto.SHA256, []byte("decided"))
			if err != nil {
				t.Error(err)
				return
			}
			sigs, err := p.Sign(t.Context(), a)
			if err != nil || VerifySignature(cert, tbs, sigs[0], crypto.SHA256) != nil {
				t.Errorf("letter %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	t.Logf("200 signatures in %v", time.Since(began))
}

// Without an accepted decision the token is not used.
func TestPKCS11Gate(t *testing.T) {
	h := newHSM(t)
	h.make(t, "gated", 0, elliptic.P256())
	opt := h.options("gated")
	p := openHSM(t, opt)
	if _, err := p.Begin(t.Context(), [][]byte{[]byte("x")}, crypto.SHA256, []byte("forged")); !errors.Is(err, ErrRefusedByGate) {
		t.Errorf("Begin: %v", err)
	}
	forged := Activation{Ready: true, Hash: crypto.SHA256, TBS: [][]byte{[]byte("x")}, Proof: []byte("forged")}
	if _, err := p.Sign(t.Context(), forged); !errors.Is(err, ErrRefusedByGate) {
		t.Errorf("Sign: %v", err)
	}
	p.Close()
	opt.Gate = nil
	if _, err := openHSM(t, opt).Sign(t.Context(), forged); !errors.Is(err, ErrNoGate) {
		t.Errorf("without a gate: %v", err)
	}
}

// A wrong PIN is shown to the token once: it would lock.
func TestPKCS11WrongPIN(t *testing.T) {
	h := newHSM(t)
	h.make(t, "k", 0, elliptic.P256())
	opt := h.options("k")
	opt.PIN = "999999"
	if _, err := OpenPKCS11(opt); !errors.Is(err, ErrPIN) {
		t.Fatalf("at the opening: %v", err)
	}
	// The sessions are lost, and the PIN is no longer the right one when the
	// token is opened again.
	p := openHSM(t, h.options("k"))
	p.lost(p.open)
	p.opt.PIN = "999999"
	a := Activation{Ready: true, Hash: crypto.SHA256, TBS: [][]byte{[]byte("x")}, Proof: []byte("decided")}
	if _, err := p.Sign(t.Context(), a); !errors.Is(err, ErrPIN) {
		t.Fatalf("after the PIN changed: %v", err)
	}
	p.opt.PIN = userPIN // would open, if the token were asked
	if _, err := p.Sign(t.Context(), a); !errors.Is(err, ErrPIN) {
		t.Errorf("the PIN was tried again: %v", err)
	}
}

// A token removed while the program runs is a clear error, and serves again
// when it is back, without a restart.
func TestPKCS11Removed(t *testing.T) {
	h := newHSM(t)
	cert := h.make(t, "k", 0, elliptic.P256())
	p := openHSM(t, h.options("k"))
	a := Activation{Ready: true, Hash: crypto.SHA256, TBS: [][]byte{[]byte("x")}, Proof: []byte("decided")}
	if _, err := p.Sign(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	away := h.dir + "-away"
	if err := os.Rename(h.dir, filepath.Join(filepath.Dir(tokensDir()), filepath.Base(away))); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := p.Sign(t.Context(), a); !errors.Is(err, ErrKeyUnavailable) {
			t.Errorf("token removed: %v", err)
		}
	}
	if chain, err := p.Chain(t.Context()); err != nil || !chain[0].Equal(cert) {
		t.Errorf("the certificate is shown all the same: %v", err)
	}
	if err := os.Rename(filepath.Join(filepath.Dir(tokensDir()), filepath.Base(away)), h.dir); err != nil {
		t.Fatal(err)
	}
	sigs, err := p.Sign(t.Context(), a)
	if err != nil || VerifySignature(cert, []byte("x"), sigs[0], crypto.SHA256) != nil {
		t.Errorf("token back: %v", err)
	}
}

// What cannot be found is said for what it is.
func TestPKCS11NotFound(t *testing.T) {
	h := newHSM(t)
	h.make(t, "k", 0, elliptic.P256())
	for name, c := range map[string]struct {
		change func(*PKCS11Options)
		want   error
	}{
		"no such token":  {func(o *PKCS11Options) { o.TokenLabel = "none" }, ErrKeyUnavailable},
		"no such key":    {func(o *PKCS11Options) { o.KeyLabel = "none" }, ErrNoKey},
		"no such module": {func(o *PKCS11Options) { o.Module = "/nonexistent.so" }, ErrKeyUnavailable},
	} {
		opt := h.options("k")
		c.change(&opt)
		if _, err := OpenPKCS11(opt); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
