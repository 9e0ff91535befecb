//go:build !pkcs11 || !cgo

package certs

import (
	"errors"
	"testing"
	"time"
)

// The static program says that it cannot, and how to get one that can.
func TestPKCS11NotBuilt(t *testing.T) {
	t.Parallel()
	_, err := OpenPKCS11(PKCS11Options{Module: "/usr/lib/softhsm/libsofthsm2.so", TokenLabel: "t", KeyLabel: "k", Now: time.Now})
	if !errors.Is(err, ErrNoPKCS11) {
		t.Errorf("%v", err)
	}
}
