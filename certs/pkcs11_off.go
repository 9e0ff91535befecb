//go:build !pkcs11 || !cgo

package certs

import (
	"crypto"
	"crypto/x509"
)

// openToken refuses: the static program holds no C code.
func openToken(PKCS11Options) (crypto.Signer, []*x509.Certificate, func(), error) {
	return nil, nil, nil, ErrNoPKCS11
}

func tokenError(err error) error { return err }
