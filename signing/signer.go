package signing

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
)

// Identity is what a signature says of its signer: no key.
type Identity struct {
	// Certificate is the signer's certificate.
	Certificate *x509.Certificate
	// Chain holds its issuers, in any order; the root may be left out.
	Chain []*x509.Certificate
	// PSS says that an RSA key signs with RSASSA-PSS (salt as long as the hash) instead of
	// PKCS #1 v1.5.
	PSS bool
}

// Signer is a key with its certificate: in memory, behind PKCS #11, or remote. Implementations
// must allow concurrent calls.
type Signer interface {
	// Identity returns the certificate; it may ask a token or a service.
	Identity(ctx context.Context) (Identity, error)
	// Sign hashes tbs (DER signed attributes) with h and returns the signature value: PKCS #1 or
	// PSS bytes for RSA, DER ECDSA-Sig-Value for ECDSA. An error that a later attempt may cure must
	// leave the key unused.
	Sign(ctx context.Context, tbs []byte, h crypto.Hash) ([]byte, error)
}

// Timestamper obtains time-stamps (RFC 3161). Implementations check the nonce, the policy and the
// chain of the authority; this package checks again that the token covers what was asked.
type Timestamper interface {
	// Timestamp returns the DER TimeStampToken over digest, a digest of hash h. The token must
	// contain the certificate of the authority.
	Timestamp(ctx context.Context, h crypto.Hash, digest []byte) (token []byte, err error)
}

// keySigner signs with a key in reach of the process.
type keySigner struct {
	key crypto.Signer
	id  Identity
}

var _ Signer = (*keySigner)(nil)

// NewSigner returns the Signer of a key that answers at once (in memory, PKCS #11). It fails with
// [ErrKeyMismatch] when key is not the one of the certificate.
func NewSigner(key crypto.Signer, id Identity) (Signer, error) {
	if id.Certificate == nil {
		return nil, fmt.Errorf("%w: no certificate", ErrOptions)
	}
	pub, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !pub.Equal(id.Certificate.PublicKey) {
		return nil, ErrKeyMismatch
	}
	return &keySigner{key: key, id: id}, nil
}

// Identity implements [Signer].
func (s *keySigner) Identity(context.Context) (Identity, error) { return s.id, nil }

// Sign implements [Signer].
func (s *keySigner) Sign(ctx context.Context, tbs []byte, h crypto.Hash) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !h.Available() {
		return nil, fmt.Errorf("%w: %v", ErrAlgorithm, h)
	}
	w := h.New()
	w.Write(tbs)
	var opts crypto.SignerOpts = h
	if _, isRSA := s.key.Public().(*rsa.PublicKey); isRSA && s.id.PSS {
		opts = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: h}
	}
	sig, err := s.key.Sign(rand.Reader, w.Sum(nil), opts)
	if err != nil {
		return nil, fmt.Errorf("signing with the key of %q: %w", s.id.Certificate.Subject.CommonName, err)
	}
	return sig, nil
}
