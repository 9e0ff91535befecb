package certs

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Sessions and patience of a token.
const (
	defaultSessions = 8
	sessionWait     = 20 * time.Second
)

// PKCS11Options names a key in a token: an HSM, a card, SoftHSM.
type PKCS11Options struct {
	// Module is the path of the PKCS#11 library of the maker, such as
	// /usr/lib/softhsm/libsofthsm2.so.
	Module string
	// TokenLabel or TokenSerial names the token; one of them.
	TokenLabel, TokenSerial string
	// KeyLabel (CKA_LABEL) or KeyID (CKA_ID) names the key pair; one of them at least.
	KeyLabel string
	KeyID    []byte
	// PIN of the user.
	PIN string
	// Certificates are the key's own and its issuers, in any order; those that
	// the token holds under the identifier of the key are added.
	Certificates []*x509.Certificate
	// PSS has an RSA key sign with RSASSA-PSS, salt as long as the hash.
	PSS bool
	// Sessions is how many signatures may be made at once; 8 if zero.
	Sessions int

	// Gate, Guard and Now are those of [LocalOptions].
	Gate  Gate
	Guard Guard
	Now   Clock
}

// PKCS11 is the provider of a key that lies in a token and never leaves it. It
// is safe for concurrent use.
//
// A refused PIN is remembered: this provider answers [ErrPIN] from then on
// without asking the token, which would lock. A token that was removed, or
// whose sessions died, is [ErrKeyUnavailable] once; the next use opens it
// again. A signature that failed is never repeated by itself.
type PKCS11 struct {
	*heldToken
	gate Gate
}

// heldToken is what the providers of one key share, whatever their gates.
type heldToken struct {
	opt PKCS11Options

	mu      sync.Mutex
	open    *openKey // nil: to be opened
	refused error    // of the PIN: final
	chain   []*x509.Certificate
}

// openKey is a key found in an open token.
type openKey struct {
	key   *Key
	close func()
}

var _ KeyProvider = (*PKCS11)(nil)

// OpenPKCS11 opens a token and finds the key. The refusals are [ErrNoPKCS11] in
// a build without it, [ErrPIN], [ErrKeyUnavailable] when there is no such token,
// [ErrNoKey], [ErrNoCertificate], [ErrWeakKey], [ErrDemoPKI].
func OpenPKCS11(opt PKCS11Options) (*PKCS11, error) {
	if opt.Now == nil {
		return nil, errors.New("certs: PKCS#11 provider without a clock")
	}
	if opt.Module == "" || (opt.TokenLabel == "") == (opt.TokenSerial == "") || opt.KeyLabel == "" && len(opt.KeyID) == 0 {
		return nil, errors.New("certs: a PKCS#11 key needs a module, a token by label or serial, and a key by label or identifier")
	}
	if opt.Sessions == 0 {
		opt.Sessions = defaultSessions
	}
	p := &PKCS11{heldToken: &heldToken{opt: opt}, gate: opt.Gate}
	if _, err := p.use(); err != nil {
		return nil, err
	}
	if err := opt.Guard.Check(p.chain...); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// use returns the open key, opening it when it is not. It holds the lock while
// it does, so that a token is opened, and a PIN shown, once.
func (p *heldToken) use() (*openKey, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refused != nil {
		return nil, p.refused
	}
	if p.open != nil {
		return p.open, nil
	}
	signer, found, closeToken, err := openToken(p.opt)
	if err != nil {
		if errors.Is(err, ErrPIN) {
			p.refused = err
		}
		return nil, err
	}
	key, err := NewKey(signer, append(append([]*x509.Certificate(nil), p.opt.Certificates...), found...))
	if err == nil && p.chain != nil && !key.Certificate().Equal(p.chain[0]) {
		err = fmt.Errorf("%w: the token now holds another key under this name", ErrNoCertificate)
	}
	if err != nil {
		closeToken()
		return nil, err
	}
	p.open, p.chain = &openKey{key: key, close: closeToken}, key.Chain()
	return p.open, nil
}

// lost forgets a key whose token failed; the next use opens it again.
func (p *heldToken) lost(k *openKey) {
	p.mu.Lock()
	mine := p.open == k
	if mine {
		p.open = nil
	}
	p.mu.Unlock()
	if mine {
		k.close() // waits for the signatures under way
	}
}

// Close leaves the token.
func (p *heldToken) Close() {
	p.mu.Lock()
	k := p.open
	p.mu.Unlock()
	if k != nil {
		p.lost(k)
	}
}

// Chain implements [KeyProvider]; it answers even while the token is away.
func (p *heldToken) Chain(context.Context) ([]*x509.Certificate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]*x509.Certificate(nil), p.chain...), nil
}

// PSS says that an RSA key signs with RSASSA-PSS here; see [Signer.PSS].
func (p *heldToken) PSS() bool { return p.opt.PSS }

// WithGate returns a provider of the same key, over the same open token, which
// asks another gate.
func (p *PKCS11) WithGate(g Gate) *PKCS11 { return &PKCS11{heldToken: p.heldToken, gate: g} }

func (p *PKCS11) admit(ctx context.Context, tbs [][]byte, h crypto.Hash, proof []byte) error {
	chain, err := p.Chain(ctx)
	if err != nil {
		return err
	}
	return admission{gate: p.gate, guard: p.opt.Guard, now: p.opt.Now, chain: chain}.admit(ctx, tbs, h, proof)
}

// Begin implements [KeyProvider]; the activation is always ready.
func (p *PKCS11) Begin(ctx context.Context, tbs [][]byte, h crypto.Hash, proof []byte) (Activation, error) {
	if err := p.admit(ctx, tbs, h, proof); err != nil {
		return Activation{}, err
	}
	return Activation{Ready: true, Hash: h, TBS: tbs, Proof: proof}, nil
}

// Sign implements [KeyProvider].
func (p *PKCS11) Sign(ctx context.Context, a Activation) ([][]byte, error) {
	if err := p.admit(ctx, a.TBS, a.Hash, a.Proof); err != nil {
		return nil, err
	}
	k, err := p.use()
	if err != nil {
		return nil, err
	}
	sigs, err := k.key.signAll(a.TBS, a.Hash, p.opt.PSS)
	if err != nil {
		err = tokenError(err)
		if errors.Is(err, ErrKeyUnavailable) {
			p.lost(k)
		}
		return nil, err
	}
	return sigs, nil
}
