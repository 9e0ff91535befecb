package wiring

import (
	"context"
	"errors"
	"fmt"

	"parapheur/certs"
	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/keyring"
)

// keyRing is a keyring.Ring in the words of dossiers.
type keyRing struct{ *keyring.Ring }

var _ dossiers.KeyRing = keyRing{}

// Readiness implements dossiers.KeyRing.
func (k keyRing) Readiness(ctx context.Context, t dossiers.Tenant, p circuits.PersonID) (dossiers.KeyReadiness, error) {
	r, err := k.Ring.Readiness(ctx, t, p)
	return readiness(r), err
}

// storedKeys tells an operator, who has no vault, whether people brought keys.
// It gives none: the rest of the interface is not there.
type storedKeys struct {
	dossiers.KeyRing // nil
	ring             *keyring.Ring
}

// Readiness implements dossiers.KeyRing.
func (k storedKeys) Readiness(ctx context.Context, t dossiers.Tenant, p circuits.PersonID) (dossiers.KeyReadiness, error) {
	r, err := k.ring.Stored(ctx, t, p)
	return readiness(r), err
}

func readiness(r keyring.Readiness) dossiers.KeyReadiness {
	out := dossiers.KeyReadiness{
		Kind: string(r.Kind), Holder: r.Holder, Issuer: r.Issuer, NotAfter: r.NotAfter, Usable: r.Usable, Archivable: r.Archivable,
	}
	for _, x := range r.Problems {
		out.Problems = append(out.Problems, dossiers.KeyProblem(x))
	}
	return out
}

// Prefetch implements dossiers.KeyRing.
func (k keyRing) Prefetch(ctx context.Context, t dossiers.Tenant, p circuits.PersonID) error {
	err := k.Ring.Prefetch(ctx, t, p)
	if errors.Is(err, certs.ErrRevoked) {
		err = fmt.Errorf("%w: %w", dossiers.ErrRevoked, err)
	}
	return err
}

// Activate implements dossiers.KeyRing.
func (k keyRing) Activate(ctx context.Context, t dossiers.Tenant, p circuits.PersonID, uses []dossiers.KeyUse) (string, error) {
	list := make([]keyring.Use, len(uses))
	for i, u := range uses {
		list[i] = keyring.Use(u)
	}
	return k.Ring.Activate(ctx, t, p, list)
}
