//go:build pkcs11 && cgo

package certs

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"

	"github.com/ThalesGroup/crypto11"
	"github.com/miekg/pkcs11"
)

// openToken logs in, once, and finds the key pair with the certificates that
// the token holds for it.
func openToken(opt PKCS11Options) (crypto.Signer, []*x509.Certificate, func(), error) {
	token, err := crypto11.Configure(&crypto11.Config{
		Path: opt.Module, TokenLabel: opt.TokenLabel, TokenSerial: opt.TokenSerial, Pin: opt.PIN,
		MaxSessions: opt.Sessions + 1, PoolWaitTimeout: sessionWait, // crypto11 keeps one session for itself
	})
	if err != nil {
		return nil, nil, nil, fmt.Errorf("opening the token: %w", openError(err))
	}
	closeToken := func() { _ = token.Close() } // the sessions end with it, whatever it says
	signer, certs, err := findKey(token, opt)
	if err != nil {
		closeToken()
		return nil, nil, nil, err
	}
	return signer, certs, closeToken, nil
}

func findKey(token *crypto11.Context, opt PKCS11Options) (crypto.Signer, []*x509.Certificate, error) {
	var label []byte
	if opt.KeyLabel != "" {
		label = []byte(opt.KeyLabel)
	}
	pairs, err := token.FindKeyPairs(opt.KeyID, label)
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("looking for the key: %w", openError(err))
	case len(pairs) == 0:
		return nil, nil, fmt.Errorf("%w: the token holds no key pair of this name (a private key with its public half and a CKA_ID)", ErrNoKey)
	case len(pairs) > 1:
		return nil, nil, fmt.Errorf("%w: %d key pairs of this name: add the identifier", ErrNoKey, len(pairs))
	}
	id, err := token.GetAttribute(pairs[0], crypto11.CkaId)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the identifier of the key: %w", openError(err))
	}
	var certs []*x509.Certificate
	own, err := token.FindCertificate(id.Value, nil, nil)
	if err == nil && own != nil { // many tokens hold none, and then it comes with the options
		certs = append(certs, own)
	}
	return pairs[0], certs, nil
}

// openError tells a refused PIN from a token that is away.
func openError(err error) error {
	var code pkcs11.Error
	if errors.As(err, &code) && slices.Contains([]uint{
		pkcs11.CKR_PIN_INCORRECT, pkcs11.CKR_PIN_LOCKED, pkcs11.CKR_PIN_EXPIRED, pkcs11.CKR_PIN_INVALID, pkcs11.CKR_PIN_LEN_RANGE,
	}, uint(code)) {
		return fmt.Errorf("%w: %w", ErrPIN, err)
	}
	return fmt.Errorf("%w: %w", ErrKeyUnavailable, err)
}

// tokenError says of a failed signature whether the token is to be opened
// again: it is, unless the token answered that it does not do this.
func tokenError(err error) error {
	var code pkcs11.Error
	switch {
	case errors.Is(err, ErrBadSignature):
		return err
	case errors.As(err, &code) && slices.Contains([]uint{
		pkcs11.CKR_MECHANISM_INVALID, pkcs11.CKR_MECHANISM_PARAM_INVALID, pkcs11.CKR_KEY_FUNCTION_NOT_PERMITTED,
		pkcs11.CKR_KEY_TYPE_INCONSISTENT, pkcs11.CKR_KEY_SIZE_RANGE, pkcs11.CKR_DATA_LEN_RANGE,
	}, uint(code)):
		return fmt.Errorf("%w: %w", ErrKeyUsage, err)
	}
	return fmt.Errorf("%w: %w", ErrKeyUnavailable, err)
}
