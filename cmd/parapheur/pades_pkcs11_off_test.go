//go:build !pkcs11 || !cgo

package main

import (
	"strings"
	"testing"
)

// A program without PKCS#11 says so in one line, and how to get one that has it.
func TestPadesWithoutPKCS11(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.put(t, map[string][]byte{"pin": []byte("1234\n")})
	code, _, errOut := program(t, "pades", "sign", "--pkcs11", "x.so", "--pkcs11-token", "t", "--pkcs11-key", "k", "--pin-file", d.path("pin"), d.letter, d.path("o.pdf"))
	if code != padesRefused || strings.Count(errOut, "\n") != 1 || !strings.Contains(errOut, "-tags pkcs11") {
		t.Errorf("%d %s", code, errOut)
	}
}
