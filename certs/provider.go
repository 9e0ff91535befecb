package certs

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"
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
	// Sign returns one signature per tbs, in order: ASN.1 DER for ECDSA; for RSA,
	// PKCS#1 v1.5, or RSASSA-PSS where the provider says so (see [Signer.PSS]).
	// Each was verified with the certificate. [ErrNotReady] if the holder has not
	// finished.
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
	// Sealed is what a remote provider must remember and nobody else may read,
	// encrypted by the vault.
	Sealed []byte `json:"sealed,omitempty"`
	// Expires is when the authorisation of the holder ends; zero if it does not.
	Expires time.Time `json:"expires,omitzero"`
}

// Only narrows an activation to some of its bytes: one authorisation for N
// letters serves the sealing job of each. The refusal is [ErrActivationExpired].
func (a Activation) Only(tbs []byte, proof []byte) (Activation, error) {
	if !slices.ContainsFunc(a.TBS, func(b []byte) bool { return bytes.Equal(b, tbs) }) {
		return Activation{}, fmt.Errorf("%w: it is for other bytes", ErrActivationExpired)
	}
	a.TBS, a.Proof = [][]byte{tbs}, proof
	return a, nil
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
	// PSS has an RSA key sign with RSASSA-PSS, salt as long as the hash.
	PSS bool
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

// PSS says that an RSA key signs with RSASSA-PSS here; see [Signer.PSS].
func (l *Local) PSS() bool { return l.opt.PSS }

// Begin implements [KeyProvider]; the activation is always ready.
func (l *Local) Begin(ctx context.Context, tbs [][]byte, h crypto.Hash, proof []byte) (Activation, error) {
	if err := l.admission().admit(ctx, tbs, h, proof); err != nil {
		return Activation{}, err
	}
	return Activation{Ready: true, Hash: h, TBS: tbs, Proof: proof}, nil
}

// Sign implements [KeyProvider]. Signatures are deterministic: RFC 6979 for
// ECDSA, PKCS#1 v1.5 for RSA. Each is verified with the certificate before it
// is returned.
func (l *Local) Sign(ctx context.Context, a Activation) ([][]byte, error) {
	if err := l.admission().admit(ctx, a.TBS, a.Hash, a.Proof); err != nil {
		return nil, err
	}
	return l.key.signAll(a.TBS, a.Hash, l.opt.PSS)
}

// signAll signs each tbs, and gives all the signatures or none.
func (k *Key) signAll(list [][]byte, h crypto.Hash, pss bool) ([][]byte, error) {
	out := make([][]byte, len(list))
	for i, tbs := range list {
		sig, err := k.sign(tbs, h, pss)
		if err != nil {
			return nil, fmt.Errorf("certs: signing %d of %d: %w", i+1, len(list), err)
		}
		out[i] = sig
	}
	return out, nil
}

func (l *Local) admission() admission {
	return admission{gate: l.opt.Gate, guard: l.opt.Guard, now: l.opt.Now, chain: l.key.chain}
}

// An admission is everything that must hold before a key is touched, wherever
// it lies.
type admission struct {
	gate  Gate
	guard Guard
	now   Clock
	chain []*x509.Certificate
}

func (d admission) admit(ctx context.Context, tbs [][]byte, h crypto.Hash, proof []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(tbs) == 0 {
		return errors.New("certs: nothing to sign")
	}
	if err := checkHash(h); err != nil {
		return err
	}
	if err := d.guard.Check(d.chain...); err != nil {
		return err
	}
	if err := checkValidity(d.chain[0], d.now()); err != nil {
		return err
	}
	return authorise(d.gate, proof, tbs)
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

// PSS says that an RSA key makes RSASSA-PSS signatures here, salt as long as
// the hash, and not PKCS#1 v1.5: the signed attributes have to announce it.
func (s *Signer) PSS() bool {
	p, ok := s.provider.(interface{ PSS() bool })
	return ok && p.PSS()
}

// Sign hashes tbs (DER signed attributes) with h and signs it, in one go.
// [ErrNotReady] if the provider needs its holder: use the two phases then.
func (s *Signer) Sign(ctx context.Context, tbs []byte, h crypto.Hash) ([]byte, error) {
	a, err := s.provider.Begin(ctx, [][]byte{tbs}, h, s.proof)
	if err != nil {
		return nil, err
	}
	if !a.Ready && a.Redirect != "" {
		return nil, fmt.Errorf("%w: the holder must go to the signing service", ErrNotReady)
	}
	sigs, err := s.provider.Sign(ctx, a)
	if err != nil {
		return nil, err
	}
	if len(sigs) != 1 {
		return nil, fmt.Errorf("%w: %d signatures for one request", ErrBadSignature, len(sigs))
	}
	if err := verifySignature(s.chain[0], tbs, sigs[0], h, s.PSS()); err != nil {
		return nil, err
	}
	return sigs[0], nil
}
