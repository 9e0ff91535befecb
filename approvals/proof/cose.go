package proof

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"

	"github.com/fxamacker/cbor/v2"
)

// Algorithm is a COSE algorithm identifier (RFC 9053, RFC 8812).
type Algorithm int64

// The two algorithms accepted: both can be checked with "openssl dgst" and are in the lists of the RGS.
const (
	ES256 Algorithm = -7
	RS256 Algorithm = -257
)

// String is the registered name.
func (a Algorithm) String() string {
	switch a {
	case ES256:
		return "ES256"
	case RS256:
		return "RS256"
	}
	return fmt.Sprintf("COSE %d", int64(a))
}

// Bounds of RSA keys: below, too weak (RGS annex B1); above, a way to waste our time.
const (
	minRSABits = 2048
	maxRSABits = 8192
)

// Key is a public key of a passkey.
type Key struct {
	alg Algorithm
	pub crypto.PublicKey
}

// Algorithm is that of the signatures of the key.
func (k Key) Algorithm() Algorithm { return k.alg }

// ParseKey reads a COSE_Key (RFC 9052, 7) of WebAuthn: ES256 on P-256 or RS256, with the labels that these require and no
// other. The error is ErrMalformed.
func ParseKey(cose []byte) (Key, error) {
	var m map[int64]cbor.RawMessage
	if err := cborMode().Unmarshal(cose, &m); err != nil {
		return Key{}, fmt.Errorf("COSE key: %w: %v", ErrMalformed, err)
	}
	var kty, alg int64
	if err := labels(m, map[int64]any{1: &kty, 3: &alg}); err != nil {
		return Key{}, err
	}
	switch {
	case kty == 2 && Algorithm(alg) == ES256:
		return parseES256(m)
	case kty == 3 && Algorithm(alg) == RS256:
		return parseRS256(m)
	}
	return Key{}, fmt.Errorf("COSE key: type %d, algorithm %d: %w", kty, alg, ErrMalformed)
}

// labels decodes labels that must be there.
func labels(m map[int64]cbor.RawMessage, want map[int64]any) error {
	for label, dst := range want {
		raw, ok := m[label]
		if !ok {
			return fmt.Errorf("COSE key: no label %d: %w", label, ErrMalformed)
		}
		if err := cborMode().Unmarshal(raw, dst); err != nil {
			return fmt.Errorf("COSE key: label %d: %w: %v", label, ErrMalformed, err)
		}
	}
	return nil
}

func parseES256(m map[int64]cbor.RawMessage) (Key, error) {
	var crv int64
	var x, y []byte
	if err := labels(m, map[int64]any{-1: &crv, -2: &x, -3: &y}); err != nil {
		return Key{}, err
	}
	if len(m) != 5 || crv != 1 || len(x) != 32 || len(y) != 32 {
		return Key{}, fmt.Errorf("COSE key: not a P-256 key: %w", ErrMalformed)
	}
	point := append(append([]byte{4}, x...), y...)
	pub, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return Key{}, fmt.Errorf("COSE key: %w: %v", ErrMalformed, err)
	}
	return Key{alg: ES256, pub: pub}, nil
}

func parseRS256(m map[int64]cbor.RawMessage) (Key, error) {
	var n, e []byte
	if err := labels(m, map[int64]any{-1: &n, -2: &e}); err != nil {
		return Key{}, err
	}
	if len(m) != 4 || len(e) > 4 || len(n) > maxRSABits/8 {
		return Key{}, fmt.Errorf("COSE key: not an RSA key of ours: %w", ErrMalformed)
	}
	pub := &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}
	if pub.N.BitLen() < minRSABits || pub.N.Bit(0) == 0 || pub.E < 3 || pub.E&1 == 0 || pub.E > 1<<31-1 {
		return Key{}, fmt.Errorf("COSE key: RSA of %d bits, exponent %d: %w", pub.N.BitLen(), pub.E, ErrMalformed)
	}
	return Key{alg: RS256, pub: pub}, nil
}

// Verify says whether signature (DER for ECDSA, PKCS #1 v1.5 for RSA) is that of message by the key.
func (k Key) Verify(message, signature []byte) bool {
	digest := sha256.Sum256(message)
	switch pub := k.pub.(type) {
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(pub, digest[:], signature)
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(pub, crypto.SHA256, digest[:], signature) == nil
	}
	return false
}

// PEM is the SubjectPublicKeyInfo of the key, what openssl reads.
func (k Key) PEM() ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(k.pub)
	if err != nil {
		return nil, fmt.Errorf("encoding the public key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}

// cborMode reads what CTAP2 lets an authenticator write: definite lengths, no tag, no duplicate key, little of it. A
// constant set of options cannot fail; were it to, nothing would decode and every check would refuse.
func cborMode() cbor.DecMode {
	mode, err := cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden,
		MaxNestedLevels: 8, MaxArrayElements: 64, MaxMapPairs: 64, UTF8: cbor.UTF8RejectInvalid,
	}.DecMode()
	if err != nil {
		panic("proof: the CBOR options are constant: " + err.Error())
	}
	return mode
}
