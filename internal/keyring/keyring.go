// Package keyring finds the key with which a person signs, and lets it be
// used only against the stored evidence of that person's own decision.
//
//	dossiers ──evidence──► Ring ──► gate ──► stored decision, enrolments, prepared signature
//	                         │
//	                         └──► certs: PKCS#12 at rest · PKCS#11 token · CSC service
//
// Keys are at rest in the database as PKCS#12 under a passphrase sealed by the
// vault, or lie in a token or at a remote service whose secrets are sealed
// likewise. The ring is the key side of the product: it trusts neither the use
// case that asks nor the row that names a passkey. Before each use it verifies
// the evidence again: the gesture, the document as stored, the passkey's
// enrolment and the chain of enrolments of the town; and that the bytes to be
// signed are the signature, laid out and kept, of a document that begins with
// the approved one.
//
// # Failure handling
//
// It fails closed: no key is dossiers.ErrKeyless, evidence that does not hold
// is certs.ErrRefusedByGate, a holder who has to go to a signing service first
// is dossiers.ErrActivation, and nothing falls back to another key.
package keyring

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"parapheur/approvals/proof"
	"parapheur/certs"
	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/journal"
	"parapheur/signing"
)

// A Store keeps keys and answers what the ring verifies against. What does not
// exist is dossiers.ErrNotFound.
type Store interface {
	// SigningKey returns the key in force of a person, or the seal of the town
	// for nobody.
	SigningKey(ctx context.Context, t dossiers.TenantID, p circuits.PersonID) (StoredKey, error)
	// SigningKeys returns every key of the town, the newest first.
	SigningKeys(ctx context.Context, t dossiers.TenantID) ([]StoredKey, error)
	AddSigningKey(ctx context.Context, t dossiers.TenantID, k StoredKey, by circuits.Actor, at time.Time) error
	RetireSigningKey(ctx context.Context, t dossiers.TenantID, id string, reason string, by circuits.Actor, at time.Time) error
	// SuspendSigningKey says that a key is not to be used until it is brought
	// again: its token refused the PIN.
	SuspendSigningKey(ctx context.Context, t dossiers.TenantID, id string, reason string, at time.Time) error
	// ResealSigningKey replaces the sealed secrets of a key.
	ResealSigningKey(ctx context.Context, t dossiers.TenantID, id string, sealed []byte) error

	KeepActivation(ctx context.Context, t dossiers.TenantID, a StoredActivation) error
	// Activation finds one by its identifier, until it expires.
	Activation(ctx context.Context, t dossiers.TenantID, id string, now time.Time) (StoredActivation, error)
	// FinishedActivation finds one that its holder finished for these bytes.
	FinishedActivation(ctx context.Context, t dossiers.TenantID, key string, tbs [32]byte, now time.Time) (StoredActivation, error)
	FinishActivation(ctx context.Context, t dossiers.TenantID, a StoredActivation, at time.Time) error

	Enrolments(ctx context.Context, t dossiers.TenantID) ([][]byte, error)
	EnrolmentHead(ctx context.Context, t dossiers.TenantID) (circuits.Digest, error)
	Revisions(ctx context.Context, t dossiers.TenantID, id dossiers.ID, n int) ([]dossiers.Revision, error)
	// Evidence returns the evidence of every decision on a dossier, in order.
	Evidence(ctx context.Context, t dossiers.TenantID, id dossiers.ID) ([]dossiers.EvidenceRecord, error)
	// JournalOf returns every entry of the journal about a dossier, in order.
	JournalOf(ctx context.Context, t dossiers.TenantID, id dossiers.ID) ([]journal.Entry, error)
	// Sealings returns the signatures laid out for a version of a dossier.
	Sealings(ctx context.Context, t dossiers.TenantID, id dossiers.ID, version int) ([]dossiers.Sealing, error)
}

// Options are the parts of a [Ring]. Store, Vault and Now are required.
type Options struct {
	Store Store
	Vault *certs.Vault
	// Guard refuses demonstration keys outside the demonstration.
	Guard certs.Guard
	Now   func() time.Time
	// Blobs reads what earlier signatures appended to a letter. Without it, a
	// letter that was signed since its approval is refused.
	Blobs dossiers.Blobs
	// Roots judge the chains of keys in [Ring.Readiness]; nil judges none.
	Roots *certs.Trust
	// Revocation answers what is known of a certificate; nil knows nothing.
	Revocation Revocations
	// HTTP reaches remote signing services: see package egress. Nil refuses them.
	HTTP *http.Client
}

// Revocations knows whether the certificates of a path, leaf first and root
// last, were revoked. A *certs.Revocation is one.
type Revocations interface {
	// Known judges without asking anybody: certs.ErrRevoked, or
	// certs.ErrRevocationUnavailable when an answer is missing.
	Known(ctx context.Context, path []*x509.Certificate, at time.Time) error
	// Prefetch asks, so that Known and the next signature have the answers.
	Prefetch(ctx context.Context, path []*x509.Certificate) error
}

var _ Revocations = (*certs.Revocation)(nil)

// A Ring is a dossiers.Keys. It is safe for concurrent use.
type Ring struct {
	opt Options

	mu     sync.Mutex
	open   map[string]opened // by identifier of the key
	chains chains            // of enrolments
}

var _ dossiers.Keys = (*Ring)(nil)

// New returns a ring over the keys of a store, opened by a vault.
func New(opt Options) *Ring { return &Ring{opt: opt, open: map[string]opened{}} }

// Signer implements dossiers.Keys: the key in force of p, bound to one decision.
func (r *Ring) Signer(ctx context.Context, t dossiers.Tenant, p circuits.PersonID, ev proof.Evidence) (signing.Signer, error) {
	return r.letter(ctx, t, p, ev)
}

// Sealer returns the town's seal (cachet) for a step that asks for it, bound to
// the decision of the person who had it applied. The signature names the town
// and is never shown as anybody's.
func (r *Ring) Sealer(ctx context.Context, t dossiers.Tenant, ev proof.Evidence) (signing.Signer, error) {
	return r.letter(ctx, t, "", ev)
}

// letter finds a key and binds it to the evidence of one decision. Nobody as a
// person means the seal of the town.
func (r *Ring) letter(ctx context.Context, t dossiers.Tenant, p circuits.PersonID, ev proof.Evidence) (signing.Signer, error) {
	stored, err := r.find(ctx, t, p)
	if err != nil {
		return nil, err
	}
	proofs, err := packProofs(ev)
	if err != nil {
		return nil, err
	}
	return r.bound(ctx, t, stored, proofs, r.letterGate(ctx, t, stored))
}

// bound gives a key that its gate opens for what the proofs allow.
func (r *Ring) bound(ctx context.Context, t dossiers.Tenant, stored StoredKey, proofs []byte, gate certs.Gate) (signing.Signer, error) {
	provider, err := r.provider(ctx, t, stored, gate)
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", stored.ID, err)
	}
	s, err := certs.AsSigner(ctx, provider, proofs)
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", stored.ID, err)
	}
	return &signer{Signer: s, ring: r, tenant: t.ID, key: stored.ID, provider: provider, proof: proofs}, nil
}

// find returns the key in force.
func (r *Ring) find(ctx context.Context, t dossiers.Tenant, p circuits.PersonID) (StoredKey, error) {
	k, err := r.opt.Store.SigningKey(ctx, t.ID, p)
	if errors.Is(err, dossiers.ErrNotFound) {
		return k, dossiers.ErrKeyless
	}
	if err != nil {
		return k, err
	}
	if k.Suspended != "" {
		return k, fmt.Errorf("key %s: %w: %s", k.ID, certs.ErrPIN, k.Suspended)
	}
	return k, nil
}

// Seal returns the town's seal for one evidence manifest, and for nothing else:
// it signs no letter.
func (r *Ring) Seal(ctx context.Context, t dossiers.Tenant, manifest []byte) (signing.Signer, error) {
	stored, err := r.find(ctx, t, "")
	if err != nil {
		return nil, err
	}
	provider, err := r.provider(ctx, t, stored, func(manifest []byte, list [][]byte) error { return onlyManifest(manifest, list) })
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", stored.ID, err)
	}
	s, err := certs.AsSigner(ctx, provider, manifest)
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", stored.ID, err)
	}
	return &signer{Signer: s, ring: r, tenant: t.ID, key: stored.ID, provider: provider, proof: manifest}, nil
}

// signer is a certs.Signer in the shape that signing asks for.
type signer struct {
	*certs.Signer
	ring     *Ring
	tenant   dossiers.TenantID
	key      string
	provider certs.KeyProvider
	proof    []byte
}

// Identity implements signing.Signer.
func (s *signer) Identity(context.Context) (signing.Identity, error) {
	chain := s.Chain()
	return signing.Identity{Certificate: s.Certificate(), Chain: append([]*x509.Certificate(nil), chain[1:]...), PSS: s.PSS()}, nil
}

// Sign implements signing.Signer. It takes up what the holder authorised at a
// remote service, if that was needed and done.
func (s *signer) Sign(ctx context.Context, tbs []byte, h crypto.Hash) ([]byte, error) {
	value, err := s.sign(ctx, tbs, h)
	switch {
	case errors.Is(err, certs.ErrPIN):
		return nil, errors.Join(err, s.ring.opt.Store.SuspendSigningKey(ctx, s.tenant, s.key, err.Error(), s.ring.opt.Now()))
	case errors.Is(err, certs.ErrNotReady), errors.Is(err, certs.ErrActivationExpired), errors.Is(err, certs.ErrHolderRefused):
		return nil, fmt.Errorf("%w: %w", dossiers.ErrActivation, err)
	}
	return value, err
}

func (s *signer) sign(ctx context.Context, tbs []byte, h crypto.Hash) ([]byte, error) {
	if _, remote := s.provider.(*certs.CSC); !remote {
		return s.Signer.Sign(ctx, tbs, h)
	}
	a, err := s.ring.finished(ctx, s.tenant, s.key, tbs, s.proof)
	if errors.Is(err, dossiers.ErrNotFound) {
		return s.Signer.Sign(ctx, tbs, h)
	}
	if err != nil {
		return nil, err
	}
	values, err := s.provider.Sign(ctx, a)
	if err != nil {
		return nil, err
	}
	return values[0], nil
}
