// Package keyring finds the key with which a person signs, and lets it be
// used only against the stored evidence of that person's own decision.
//
// Keys are at rest in the database as PKCS#12 under a passphrase sealed by
// the vault. The ring is the key side of the product: it trusts neither the
// use case that asks nor the row that names a passkey. Before each use it
// verifies the evidence again: the gesture, the document as stored, the
// passkey's enrolment and the chain of enrolments of the town.
//
// It fails closed: no key is ErrKeyless, evidence that does not hold is
// certs.ErrRefusedByGate, and nothing falls back to another key.
package keyring

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"parapheur/approvals/proof"
	"parapheur/certs"
	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/signing"
)

// A StoredKey is a key at rest.
type StoredKey struct {
	ID          string
	Person      circuits.PersonID // empty: the seal of the town
	Label       string
	Sealed      []byte // certs.SealedKey in JSON
	Certificate []byte // DER, to show without opening anything
	NotAfter    time.Time
}

// A Store keeps keys at rest and answers what the ring verifies against.
type Store interface {
	// SigningKey answers dossiers.ErrNotFound when the person has none.
	SigningKey(ctx context.Context, t dossiers.TenantID, p circuits.PersonID) (StoredKey, error)
	AddSigningKey(ctx context.Context, t dossiers.TenantID, k StoredKey, by circuits.Actor, at time.Time) error
	Enrolments(ctx context.Context, t dossiers.TenantID) ([][]byte, error)
	EnrolmentHead(ctx context.Context, t dossiers.TenantID) (circuits.Digest, error)
	Revisions(ctx context.Context, t dossiers.TenantID, id dossiers.ID, n int) ([]dossiers.Revision, error)
}

// A Ring is a dossiers.Keys. It is safe for concurrent use.
type Ring struct {
	store Store
	vault *certs.Vault
	guard certs.Guard
	now   func() time.Time
}

var _ dossiers.Keys = (*Ring)(nil)

// New returns a ring over the keys of store, opened by vault. guard refuses
// demonstration keys outside the demonstration.
func New(store Store, vault *certs.Vault, guard certs.Guard, now func() time.Time) *Ring {
	return &Ring{store: store, vault: vault, guard: guard, now: now}
}

const bindingKind = "signing-key"

// Add puts a key at rest for a person, or as the seal of the town when person
// is empty.
func (r *Ring) Add(ctx context.Context, t dossiers.Tenant, id string, person circuits.PersonID, label string, k *certs.Key, by circuits.Actor) error {
	if err := r.guard.Check(k.Chain()...); err != nil {
		return fmt.Errorf("add key: %w", err)
	}
	sealed, err := certs.SealKey(r.vault, certs.Binding{Tenant: t.SIRET, Kind: bindingKind, ID: id}, k)
	if err != nil {
		return fmt.Errorf("add key: %w", err)
	}
	raw, err := json.Marshal(sealed)
	if err != nil {
		return fmt.Errorf("add key: %w", err)
	}
	return r.store.AddSigningKey(ctx, t.ID, StoredKey{
		ID: id, Person: person, Label: label, Sealed: raw, Certificate: k.Certificate().Raw, NotAfter: k.Certificate().NotAfter,
	}, by, r.now())
}

// Signer implements dossiers.Keys.
func (r *Ring) Signer(ctx context.Context, t dossiers.Tenant, p circuits.PersonID, ev proof.Evidence) (signing.Signer, error) {
	file, err := ev.Canonical()
	if err != nil {
		return nil, fmt.Errorf("signer: %w", err)
	}
	return r.signer(ctx, t, p, file, func(presented []byte, _ [][]byte) error { return r.verify(ctx, t, p, presented) })
}

// Seal returns the town's seal (cachet), which signs manifests and never a
// letter in a person's name.
func (r *Ring) Seal(ctx context.Context, t dossiers.Tenant) (signing.Signer, error) {
	return r.signer(ctx, t, "", []byte(bindingKind), func([]byte, [][]byte) error { return nil })
}

func (r *Ring) signer(ctx context.Context, t dossiers.Tenant, p circuits.PersonID, evidence []byte, gate certs.Gate) (signing.Signer, error) {
	stored, err := r.store.SigningKey(ctx, t.ID, p)
	if errors.Is(err, dossiers.ErrNotFound) {
		return nil, dossiers.ErrKeyless
	}
	if err != nil {
		return nil, err
	}
	var sealed certs.SealedKey
	if err := json.Unmarshal(stored.Sealed, &sealed); err != nil {
		return nil, fmt.Errorf("key %s: %w", stored.ID, err)
	}
	key, err := sealed.Open(r.vault, certs.Binding{Tenant: t.SIRET, Kind: bindingKind, ID: stored.ID})
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", stored.ID, err)
	}
	provider, err := certs.NewLocal(key, certs.LocalOptions{Gate: gate, Guard: r.guard, Now: r.now})
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", stored.ID, err)
	}
	s, err := certs.AsSigner(ctx, provider, evidence)
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", stored.ID, err)
	}
	return signer{s}, nil
}

// verify is the gate: nil means that person p of town t decided to sign, with
// an enrolled passkey, the very document that is stored.
func (r *Ring) verify(ctx context.Context, t dossiers.Tenant, p circuits.PersonID, file []byte) error {
	ev, err := proof.ParseEvidence(file)
	if err != nil {
		return err
	}
	st, err := proof.ParseStatement(ev.Statement)
	if err != nil {
		return err
	}
	switch {
	case st.Decision != proof.Sign:
		return fmt.Errorf("the decision is %q, not a signature", st.Decision)
	case st.Actor != string(p) || st.Tenant != t.SIRET:
		return errors.New("the decision is of another person or town")
	}
	enrolment, err := r.enrolment(ctx, t, ev.EnrolmentSHA256)
	if err != nil {
		return err
	}
	document, err := r.document(ctx, t, st)
	if err != nil {
		return err
	}
	_, err = proof.Verify(ev, proof.Expect{Document: document, Enrolment: enrolment, RPID: t.RPID, Origin: t.Origin})
	return err
}

// enrolment follows the town's chain and returns the statement named want.
func (r *Ring) enrolment(ctx context.Context, t dossiers.Tenant, want proof.Digest) ([]byte, error) {
	chain, err := r.store.Enrolments(ctx, t.ID)
	if err != nil {
		return nil, err
	}
	end, err := proof.VerifyEnrolments(t.SIRET, chain)
	if err != nil {
		return nil, err
	}
	head, err := r.store.EnrolmentHead(ctx, t.ID)
	if err != nil {
		return nil, err
	}
	if proof.Digest(head) != end {
		return nil, errors.New("the chain of enrolments does not end at its head")
	}
	i := slices.IndexFunc(chain, func(e []byte) bool { return proof.EnrolmentDigest(e) == want })
	if i < 0 {
		return nil, errors.New("the passkey was never enrolled in this town")
	}
	return chain[i], nil
}

// document finds the stored revision that a statement is about.
func (r *Ring) document(ctx context.Context, t dossiers.Tenant, st proof.Statement) (*proof.Document, error) {
	revisions, err := r.store.Revisions(ctx, t.ID, dossiers.ID(st.Dossier), 1)
	if err != nil {
		return nil, err
	}
	for _, rev := range revisions {
		if rev.Version == st.Version && proof.Digest(rev.SHA256) == st.DocSHA256 {
			return &proof.Document{SHA256: proof.Digest(rev.SHA256), Bytes: rev.Bytes}, nil
		}
	}
	return nil, errors.New("no stored document is the one that was approved")
}

// signer is a certs.Signer in the shape that signing asks for.
type signer struct{ *certs.Signer }

// Identity implements signing.Signer.
func (s signer) Identity(context.Context) (signing.Identity, error) {
	chain := s.Chain()
	return signing.Identity{Certificate: s.Certificate(), Chain: append([]*x509.Certificate(nil), chain[1:]...)}, nil
}

// Sign implements signing.Signer.
func (s signer) Sign(ctx context.Context, tbs []byte, h crypto.Hash) ([]byte, error) {
	return s.Signer.Sign(ctx, tbs, h)
}
