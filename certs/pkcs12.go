package certs

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"software.sslmate.com/src/go-pkcs12"
)

// MaxPKCS12 is the largest PKCS#12 file accepted, in bytes.
const MaxPKCS12 = 1 << 20

// ImportOptions says what is accepted by [ImportPKCS12].
type ImportOptions struct {
	// At is when the certificate must be valid: now.
	At time.Time
	// Guard refuses demonstration certificates; the zero value does.
	Guard Guard
}

// ImportPKCS12 reads a PKCS#12 file (.p12, .pfx) handed over by an
// administrator. It reads the formats of OpenSSL 3, OpenSSL -legacy and
// Windows. Refusals: [ErrWrongPassword], [ErrMalformed], [ErrNoKey],
// [ErrNoCertificate], [ErrWeakKey], [ErrKeyUsage], [ErrExpired],
// [ErrNotYetValid], [ErrDemoPKI].
func ImportPKCS12(data []byte, password string, opt ImportOptions) (*Key, error) {
	key, err := decodePKCS12(data, password)
	if err != nil {
		return nil, err
	}
	if err := opt.Guard.Check(key.chain...); err != nil {
		return nil, err
	}
	if err := CheckUsable(key.Certificate(), opt.At); err != nil {
		return nil, err
	}
	return key, nil
}

func decodePKCS12(data []byte, password string) (*Key, error) {
	if len(data) > MaxPKCS12 {
		return nil, fmt.Errorf("%w: larger than %d bytes", ErrMalformed, MaxPKCS12)
	}
	if err := checkWork(data, 0); err != nil {
		return nil, err
	}
	priv, cert, others, err := pkcs12.DecodeChain(data, password)
	switch {
	case errors.Is(err, pkcs12.ErrIncorrectPassword), errors.Is(err, pkcs12.ErrDecryption):
		return nil, ErrWrongPassword
	case err != nil && holdsOnlyCertificates(data, password):
		return nil, ErrNoKey
	case err != nil && err.Error() == "pkcs12: certificate missing":
		return nil, ErrNoCertificate
	case err != nil && err.Error() == "pkcs12: private key missing":
		return nil, ErrNoKey
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	signer, ok := priv.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%w: %T", ErrWeakKey, priv)
	}
	return NewKey(signer, append([]*x509.Certificate{cert}, others...))
}

// holdsOnlyCertificates recognises a trust store, which DecodeChain refuses with a text of its own.
func holdsOnlyCertificates(data []byte, password string) bool {
	certs, err := pkcs12.DecodeTrustStore(data, password)
	return err == nil && len(certs) > 0
}

// SealedKey is a key at rest: a PKCS#12 file under a random passphrase, and this
// passphrase sealed by the vault for one binding. Both parts may be stored in a
// database; neither opens without the master key.
type SealedKey struct {
	// PKCS12 is DER, encrypted under a passphrase of 256 random bits.
	PKCS12 []byte `json:"pkcs12"`
	// Passphrase is sealed by the vault.
	Passphrase []byte `json:"passphrase"`
}

// SealKey wraps a key for rest. The binding names its owner (town, key id).
func SealKey(v *Vault, b Binding, k *Key) (SealedKey, error) {
	raw := make([]byte, 32)
	if _, err := rand.Read(raw); err != nil {
		return SealedKey{}, fmt.Errorf("certs: drawing a passphrase: %w", err)
	}
	pass := base64.RawURLEncoding.EncodeToString(raw)
	p12, err := pkcs12.Modern2023.Encode(k.signer, k.chain[0], k.chain[1:], pass)
	if err != nil {
		return SealedKey{}, fmt.Errorf("certs: wrapping the key: %w", err)
	}
	sealed, err := v.Seal([]byte(pass), b)
	if err != nil {
		return SealedKey{}, err
	}
	return SealedKey{PKCS12: p12, Passphrase: sealed}, nil
}

// Open unwraps a key. Dates and usages are not judged here: the provider does at
// each use. A key sealed for another binding is [ErrSealed].
func (s SealedKey) Open(v *Vault, b Binding) (*Key, error) {
	pass, err := v.Open(s.Passphrase, b)
	if err != nil {
		return nil, err
	}
	defer clear(pass)
	k, err := decodePKCS12(s.PKCS12, string(pass))
	if errors.Is(err, ErrWrongPassword) {
		return nil, fmt.Errorf("%w: the passphrase belongs to another key", ErrSealed)
	}
	return k, err
}

// Reseal moves the key under the current master key of the vault; the PKCS#12
// part does not change.
func (s SealedKey) Reseal(v *Vault, b Binding) (SealedKey, error) {
	pass, err := v.Reseal(s.Passphrase, b)
	if err != nil {
		return SealedKey{}, err
	}
	return SealedKey{PKCS12: s.PKCS12, Passphrase: pass}, nil
}
