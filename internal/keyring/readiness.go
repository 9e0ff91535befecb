package keyring

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"parapheur/certs"
	"parapheur/circuits"
	"parapheur/dossiers"
)

// A Problem is why a key cannot sign today, or soon will not. Pages say it in
// French.
type Problem string

// The problems. Those of Blocking stop a signature, the others warn.
const (
	NoKey           Problem = "no-key"             // nobody brought one
	Suspended       Problem = "suspended"          // its token refused the PIN
	Expired         Problem = "expired"            // the certificate, or one above it
	NotYetValid     Problem = "not-yet-valid"      // the certificate
	WeakKey         Problem = "weak-key"           // below what the policy accepts
	WrongUsage      Problem = "wrong-usage"        // the certificate is not for documents
	Untrusted       Problem = "untrusted"          // no path to a root by which letters are judged
	Revoked         Problem = "revoked"            // said by its authority
	DemoKey         Problem = "demonstration"      // outside the demonstration
	ExpiresSoon     Problem = "expires-soon"       // within ExpiryNotice
	RevocationOpen  Problem = "revocation-unknown" // its authority did not answer yet
	NeedsActivation Problem = "needs-activation"   // its holder will be sent to the signing service
)

// ExpiryNotice is how long before its end a certificate is a warning.
const ExpiryNotice = 30 * 24 * time.Hour

// Blocking reports whether no signature can be made with this problem.
func (p Problem) Blocking() bool {
	return p != ExpiresSoon && p != RevocationOpen && p != NeedsActivation
}

// Readiness is whether somebody could sign today.
type Readiness struct {
	// Usable is false when one of the problems is blocking.
	Usable bool
	// Seal says that the key is that of the town (cachet), nobody's signature.
	Seal bool
	Kind Kind
	// Holder and Issuer are the common names in the certificate.
	Holder, Issuer string
	// NotAfter is when the first certificate of the chain ends.
	NotAfter time.Time
	// Archivable says that revocation evidence was had for the chain: levels LT
	// and LTA can be reached, with a time-stamping authority.
	Archivable bool
	Problems   []Problem
}

// Readiness judges the key in force of p, or the seal of the town for nobody,
// as it would be judged now. It uses no key, shows no PIN, and asks no
// revocation service: what was fetched ahead counts (see [Ring.Prefetch]).
func (r *Ring) Readiness(ctx context.Context, t dossiers.Tenant, p circuits.PersonID) (Readiness, error) {
	k, err := r.opt.Store.SigningKey(ctx, t.ID, p)
	if errors.Is(err, dossiers.ErrNotFound) {
		return Readiness{Seal: p == "", Problems: []Problem{NoKey}}, nil
	}
	if err != nil {
		return Readiness{}, err
	}
	return r.Judge(ctx, t, k)
}

// Stored is Readiness as far as the store alone tells it, without the vault nor
// the roots: whether p brought a key, that was not suspended, whose certificate
// is in force. A Ring without Vault answers it.
func (r *Ring) Stored(ctx context.Context, t dossiers.Tenant, p circuits.PersonID) (Readiness, error) {
	k, err := r.opt.Store.SigningKey(ctx, t.ID, p)
	if errors.Is(err, dossiers.ErrNotFound) {
		return Readiness{Seal: p == "", Problems: []Problem{NoKey}}, nil
	}
	if err != nil {
		return Readiness{}, err
	}
	chain, err := k.certificates()
	if err != nil {
		return Readiness{}, err
	}
	out := Readiness{Seal: p == "", Kind: k.Kind, Holder: chain[0].Subject.CommonName, Issuer: chain[0].Issuer.CommonName, NotAfter: chain[0].NotAfter}
	if k.Suspended != "" {
		out.Problems = append(out.Problems, Suspended)
	}
	if why, bad := usable(chain[0], r.opt.Now()); bad {
		out.Problems = append(out.Problems, why)
	}
	out.Usable = len(out.Problems) == 0
	return out, nil
}

// Judge is Readiness for a key at hand.
func (r *Ring) Judge(ctx context.Context, t dossiers.Tenant, k StoredKey) (Readiness, error) {
	chain, err := r.chain(ctx, t, k)
	if err != nil {
		return Readiness{}, err
	}
	now := r.opt.Now()
	out := Readiness{
		Seal: k.Person == "", Kind: k.Kind, Holder: chain[0].Subject.CommonName, Issuer: chain[0].Issuer.CommonName, NotAfter: chain[0].NotAfter,
	}
	add := func(p Problem) { out.Problems = append(out.Problems, p) }
	if k.Suspended != "" {
		add(Suspended)
	}
	if p, bad := usable(chain[0], now); bad {
		add(p)
	}
	if r.opt.Guard.Check(chain...) != nil {
		add(DemoKey)
	}
	r.judgeChain(ctx, &out, chain, now)
	if !now.After(out.NotAfter) && out.NotAfter.Sub(now) < ExpiryNotice {
		add(ExpiresSoon)
	}
	if k.Kind == CSC && remoteMode(k) == certs.CSCOAuth {
		add(NeedsActivation)
	}
	out.Usable = true
	for _, p := range out.Problems {
		out.Usable = out.Usable && !p.Blocking()
	}
	return out, nil
}

func usable(c *x509.Certificate, now time.Time) (Problem, bool) {
	err := certs.CheckUsable(c, now)
	switch {
	case err == nil:
		return "", false
	case errors.Is(err, certs.ErrExpired):
		return Expired, true
	case errors.Is(err, certs.ErrNotYetValid):
		return NotYetValid, true
	case errors.Is(err, certs.ErrWeakKey):
		return WeakKey, true
	}
	return WrongUsage, true
}

// judgeChain looks for a path to the roots, its end, and what is known of its
// revocation.
func (r *Ring) judgeChain(ctx context.Context, out *Readiness, chain []*x509.Certificate, now time.Time) {
	if r.opt.Roots == nil {
		return
	}
	path, err := r.opt.Roots.Verify(chain[0], chain[1:], now, x509.ExtKeyUsageAny)
	if err != nil {
		if now.After(chain[0].NotAfter) || now.Before(chain[0].NotBefore) {
			return // said already, and more precisely
		}
		out.Problems = append(out.Problems, Untrusted)
		return
	}
	for _, c := range path {
		if c.NotAfter.Before(out.NotAfter) {
			out.NotAfter = c.NotAfter
		}
	}
	if r.opt.Revocation == nil {
		return
	}
	switch err := r.opt.Revocation.Known(ctx, path, now); {
	case err == nil:
		out.Archivable = true
	case errors.Is(err, certs.ErrRevoked):
		out.Problems = append(out.Problems, Revoked)
	default:
		out.Problems = append(out.Problems, RevocationOpen)
	}
}

// chain returns the certificates of a key without using it.
func (r *Ring) chain(ctx context.Context, t dossiers.Tenant, k StoredKey) ([]*x509.Certificate, error) {
	if k.Kind != PKCS12 {
		return k.certificates()
	}
	provider, err := r.provider(ctx, t, k, nil)
	if errors.Is(err, certs.ErrDemoPKI) {
		return k.certificates()
	}
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", k.ID, err)
	}
	return provider.Chain(ctx)
}

// Prefetch fetches the revocation evidence of the key in force of p ahead of
// the signature, so that its cache answers then: call it when a letter reaches
// its signatory. certs.ErrRevoked, or certs.ErrRevocationUnavailable.
func (r *Ring) Prefetch(ctx context.Context, t dossiers.Tenant, p circuits.PersonID) error {
	if r.opt.Revocation == nil || r.opt.Roots == nil {
		return nil
	}
	k, err := r.find(ctx, t, p)
	if err != nil {
		return err
	}
	chain, err := r.chain(ctx, t, k)
	if err != nil {
		return err
	}
	path, err := r.opt.Roots.Verify(chain[0], chain[1:], r.opt.Now(), x509.ExtKeyUsageAny)
	if err != nil {
		return err
	}
	return r.opt.Revocation.Prefetch(ctx, path)
}

// remoteMode is how the holder of a remote key authorises its use.
func remoteMode(k StoredKey) string {
	var at Remote
	if json.Unmarshal(k.Settings, &at) != nil {
		return ""
	}
	return at.Mode
}
