//go:build pkcs11 && cgo

package main

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"software.sslmate.com/src/go-pkcs12"

	"parapheur/internal/tooltest"
)

// A letter is signed with a key in a token; a wrong PIN is said to be one, and writes nothing.
func TestPadesWithAToken(t *testing.T) {
	module := "/usr/lib/softhsm/libsofthsm2.so"
	if _, err := os.Stat(module); err != nil {
		tooltest.Lacking(t, "SoftHSM2")
	}
	d := newDesk(t)
	p12, _, trust := d.townKey(t)
	raw, err := os.ReadFile(p12)
	if err != nil {
		t.Fatal(err)
	}
	key, leaf, issuers, err := pkcs12.DecodeChain(raw, "secret")
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	var chain []byte
	for _, c := range append([]*x509.Certificate{leaf}, issuers...) {
		chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	if err := os.Mkdir(d.path("tokens"), 0o700); err != nil {
		t.Fatal(err)
	}
	d.put(t, map[string][]byte{
		"key.pem": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), "chain.pem": chain,
		"softhsm.conf": []byte("directories.tokendir = " + d.path("tokens") + "\n"), "pin": []byte("1234\n"), "wrong": []byte("9999\n"),
	})
	t.Setenv("SOFTHSM2_CONF", d.path("softhsm.conf"))
	for _, args := range [][]string{
		{"--init-token", "--free", "--label", "mairie", "--so-pin", "87654321", "--pin", "1234"},
		{"--import", d.path("key.pem"), "--token", "mairie", "--label", "maire", "--id", "01", "--pin", "1234"},
	} {
		if out, err := exec.Command("softhsm2-util", args...).CombinedOutput(); err != nil {
			t.Fatalf("softhsm2-util: %v\n%s", err, out)
		}
	}
	sign := func(pin, to string) (int, string) {
		code, _, errOut := program(t, "pades", "sign", "--pkcs11", module, "--pkcs11-token", "mairie", "--pkcs11-key", "maire",
			"--pin-file", d.path(pin), "--chain", d.path("chain.pem"), "--level", "B", d.letter, to)
		return code, errOut
	}
	out := filepath.Join(d.dir, "carte.pdf")
	if code, said := sign("wrong", out); code != padesRefused || !strings.Contains(said, "code PIN est refusé") || exists(out) {
		t.Errorf("wrong PIN: %d %s", code, said)
	}
	if code, said := sign("pin", out); code != padesDone {
		t.Fatalf("%d %s", code, said)
	}
	if said := d.must(t, "verify", "--trust", trust, out); !strings.Contains(said, "certificat de Hélène Garnier") {
		t.Error(said)
	}
}
