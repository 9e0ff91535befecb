package certs

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
)

// KeyProvider is a place where a private key is used: a PKCS#12 file, an HSM
// behind PKCS#11, a remote service behind the CSC API.
//
// Use is in two phases because a remote provider binds its authorisation to
// the hashes (CSC, SCAL2) and may have to send the signatory to another site or
// wait for a telephone between the two. What is signed is the DER encoding of
// the CMS signed attributes (RFC 5652, 5.4), several at once.
//
// Implementations are safe for concurrent use, verify the proof again with
// their [Gate] before each use of the key, and never repeat a signature call by
// themselves (quotas, PIN locks).
type KeyProvider interface {
	// Chain returns the certificates, the signatory's first, each followed by its issuer.
	Chain(ctx context.Context) ([]*x509.Certificate, error)
	// Begin asks for the signature of each tbs under hash h. proof is the stored
	// decision evidence, opaque here. The activation may be stored and used by
	// another process.
	Begin(ctx context.Context, tbs [][]byte, h crypto.Hash, proof []byte) (Activation, error)
	// Sign returns one signature per tbs, in order: ASN.1 DER for ECDSA, PKCS#1
	// v1.5 for RSA. [ErrNotReady] if the holder has not finished.
	Sign(ctx context.Context, a Activation) ([][]byte, error)
}

// Activation is the state between the two phases. It holds no secret that opens
// the key by itself and may be stored as JSON; whatever it contains is verified
// again by Sign.
type Activation struct {
	// Ready says that Sign may be called at once.
	Ready bool `json:"ready"`
	// Redirect is where the holder must go first; empty if nowhere.
	Redirect string `json:"redirect,omitempty"`
	// Handle is what a remote provider gave to find this request again.
	Handle string `json:"handle,omitempty"`
	// Hash is the digest algorithm for every TBS.
	Hash crypto.Hash `json:"hash"`
	// TBS are the bytes to sign, DER signed attributes.
	TBS [][]byte `json:"tbs"`
	// Proof is the decision evidence, given to the gate again before signing.
	Proof []byte `json:"proof"`
}

// Gate verifies the decision evidence for exactly these bytes, independently of
// whoever asks: nil means that a person with a passkey decided it. It is called
// before every use of a key, in Begin and again in Sign. Implementations
// must not accept a proof because it was accepted before.
type Gate func(proof []byte, tbs [][]byte) error

// LocalOptions configures [NewLocal].
type LocalOptions struct {
	// Gate verifies decisions. Required to sign: without it every use of the key is [ErrNoGate].
	Gate Gate
	// Guard refuses demonstration certificates; the zero value does.
	Guard Guard
	// Now is the clock against which the validity of the certificate is checked. Required.
	Now Clock
}

// Local is the provider of a key held in this process, from PKCS#12.
type Local struct {
	key *Key
	opt LocalOptions
}

var _ KeyProvider = (*Local)(nil)

// NewLocal makes a provider of key. It refuses a demonstration certificate
// unless the guard allows it. A nil gate is accepted here, so that a chain can
// be shown, and refused at each use.
func NewLocal(key *Key, opt LocalOptions) (*Local, error) {
	if opt.Now == nil {
		return nil, errors.New("certs: local provider without a clock")
	}
	if err := opt.Guard.Check(key.chain...); err != nil {
		return nil, err
	}
	return &Local{key: key, opt: opt}, nil
}

// Chain implements [KeyProvider].
func (l *Local) Chain(context.Context) ([]*x509.Certificate, error) { return l.key.Chain(), nil }

// Begin implements [KeyProvider]; the activation is always ready.
func (l *Local) Begin(ctx context.Context, tbs [][]byte, h crypto.Hash, proof []byte) (Activation, error) {
	if err := l.admit(ctx, tbs, h, proof); err != nil {
		return Activation{}, err
	}
	return Activation{Ready: true, Hash: h, TBS: tbs, Proof: proof}, nil
}

// Sign implements [KeyProvider]. Signatures are deterministic: RFC 6979 for
// ECDSA, PKCS#1 v1.5 for RSA. Each is verified with the certificate before it
// is returned.
func (l *Local) Sign(ctx context.Context, a Activation) ([][]byte, error) {
	if err := l.admit(ctx, a.TBS, a.Hash, a.Proof); err != nil {
		return nil, err
	}
	out := make([][]byte, len(a.TBS))
	for i, tbs := range a.TBS {
		sig, err := l.key.sign(tbs, a.Hash)
		if err != nil {
			return nil, fmt.Errorf("certs: signing %d of %d: %w", i+1, len(a.TBS), err)
		}
		out[i] = sig
	}
	return out, nil
}

// admit is everything that must hold before the key is touched.
func (l *Local) admit(ctx context.Context, tbs [][]byte, h crypto.Hash, proof []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(tbs) == 0 {
		return errors.New("certs: nothing to sign")
	}
	if err := checkHash(h); err != nil {
		return err
	}
	if err := l.opt.Guard.Check(l.key.chain...); err != nil {
		return err
	}
	if err := checkValidity(l.key.Certificate(), l.opt.Now()); err != nil {
		return err
	}
	return authorise(l.opt.Gate, proof, tbs)
}

// authorise runs the gate and turns its refusal into [ErrRefusedByGate].
func authorise(g Gate, proof []byte, tbs [][]byte) error {
	if g == nil {
		return ErrNoGate
	}
	if err := g(proof, tbs); err != nil {
		return fmt.Errorf("%w: %w", ErrRefusedByGate, err)
	}
	return nil
}

// Signer is a provider bound to one decision, in the shape that package signing
// wants. Make it with [AsSigner].
type Signer struct {
	provider KeyProvider
	chain    []*x509.Certificate
	proof    []byte
}

// AsSigner binds a provider to the proof of one decision. It touches no key.
func AsSigner(ctx context.Context, p KeyProvider, proof []byte) (*Signer, error) {
	chain, err := p.Chain(ctx)
	if err != nil {
		return nil, fmt.Errorf("certs: reading the chain: %w", err)
	}
	if len(chain) == 0 {
		return nil, ErrNoCertificate
	}
	return &Signer{provider: p, chain: chain, proof: proof}, nil
}

// Certificate is the signatory's.
func (s *Signer) Certificate() *x509.Certificate { return s.chain[0] }

// Chain is the signatory's certificate followed by its issuers.
func (s *Signer) Chain() []*x509.Certificate { return s.chain }

// Sign hashes tbs (DER signed attributes) with h and signs it, in one go.
// [ErrNotReady] if the provider needs its holder: use the two phases then.
func (s *Signer) Sign(ctx context.Context, tbs []byte, h crypto.Hash) ([]byte, error) {
	a, err := s.provider.Begin(ctx, [][]byte{tbs}, h, s.proof)
	if err != nil {
		return nil, err
	}
	if !a.Ready {
		return nil, ErrNotReady
	}
	sigs, err := s.provider.Sign(ctx, a)
	if err != nil {
		return nil, err
	}
	if len(sigs) != 1 {
		return nil, fmt.Errorf("%w: %d signatures for one request", ErrBadSignature, len(sigs))
	}
	if err := VerifySignature(s.chain[0], tbs, sigs[0], h); err != nil {
		return nil, err
	}
	return sigs[0], nil
}
