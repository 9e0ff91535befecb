package postgres

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/keyring"
)

var _ keyring.Store = (*Store)(nil)

// The kinds of journal entries about keys, beside that of people.go.
const (
	kindSigningKeyRetired   = "signing_key.retired"
	kindSigningKeySuspended = "signing_key.suspended"
)

const signingKeyColumns = `id::text, coalesce(person::text, ''), label, kind, settings, sealed, certificate, chain, not_after, created_at,
	coalesce(retired_at, '0001-01-01'), coalesce(retired_for, ''), coalesce(suspended_for, '')`

func signingKey(row pgx.CollectableRow) (k keyring.StoredKey, err error) {
	err = row.Scan(&k.ID, &k.Person, &k.Label, &k.Kind, &k.Settings, &k.Sealed, &k.Certificate, &k.Chain, &k.NotAfter, &k.CreatedAt,
		&k.RetiredAt, &k.RetiredFor, &k.Suspended)
	return k, err
}

// SigningKey implements keyring.Store.
func (s *Store) SigningKey(ctx context.Context, t dossiers.TenantID, p circuits.PersonID) (k keyring.StoredKey, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `select `+signingKeyColumns+` from signing_key
			where tenant = $1 and person is not distinct from nullif($2, '')::uuid and retired_at is null`, t, string(p))
		if err != nil {
			return err
		}
		k, err = pgx.CollectExactlyOneRow(rows, signingKey)
		return one("signing key", err)
	})
	return k, err
}

// SigningKeys implements keyring.Store.
func (s *Store) SigningKeys(ctx context.Context, t dossiers.TenantID) (all []keyring.StoredKey, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `select `+signingKeyColumns+` from signing_key where tenant = $1 order by created_at desc, id`, t)
		if err != nil {
			return fmt.Errorf("signing keys: %w", err)
		}
		all, err = pgx.CollectRows(rows, signingKey)
		return err
	})
	return all, err
}

// AddSigningKey implements keyring.Store.
func (s *Store) AddSigningKey(ctx context.Context, t dossiers.TenantID, k keyring.StoredKey, by circuits.Actor, at time.Time) error {
	certificate := sha256.Sum256(k.Certificate)
	body := struct {
		Person      circuits.PersonID `json:"person,omitempty"`
		Label       string            `json:"label"`
		Kind        keyring.Kind      `json:"kind"`
		Certificate circuits.Digest   `json:"certificate_sha256"`
		By          circuits.Actor    `json:"by"`
	}{k.Person, k.Label, k.Kind, certificate, by}
	if k.Chain == nil {
		k.Chain = [][]byte{}
	}
	return s.administer(ctx, t, fact{at: at, subject: k.ID, kind: kindSigningKeyAdded, body: body}, func(tx pgx.Tx) error {
		// One key in force a person: the one before is kept and retired.
		if _, err := tx.Exec(ctx, `update signing_key set retired_at = $3
			where tenant = $1 and person is not distinct from nullif($2, '')::uuid and retired_at is null`, t, string(k.Person), at); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `insert into signing_key (tenant, id, person, label, kind, settings, sealed, certificate, chain, not_after, created_at)
			values ($1, $2, nullif($3, '')::uuid, $4, $5, $6, $7, $8, $9, $10, $11)`,
			t, k.ID, string(k.Person), k.Label, k.Kind, k.Settings, k.Sealed, k.Certificate, k.Chain, k.NotAfter, at)
		return err
	})
}

// RetireSigningKey implements keyring.Store.
func (s *Store) RetireSigningKey(ctx context.Context, t dossiers.TenantID, id, reason string, by circuits.Actor, at time.Time) error {
	body := struct {
		Reason string         `json:"reason"`
		By     circuits.Actor `json:"by"`
	}{reason, by}
	return s.administer(ctx, t, fact{at: at, subject: id, kind: kindSigningKeyRetired, body: body}, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `update signing_key set retired_at = $3, retired_for = $4 where tenant = $1 and id::text = $2 and retired_at is null`,
			t, id, at, reason)
		if err == nil && tag.RowsAffected() == 0 {
			err = dossiers.ErrNotFound
		}
		return err
	})
}

// SuspendSigningKey implements keyring.Store.
func (s *Store) SuspendSigningKey(ctx context.Context, t dossiers.TenantID, id, reason string, at time.Time) error {
	body := struct {
		Reason string `json:"reason"`
	}{reason}
	return s.administer(ctx, t, fact{at: at, subject: id, kind: kindSigningKeySuspended, body: body}, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `update signing_key set suspended_at = $3, suspended_for = $4 where tenant = $1 and id::text = $2`, t, id, at, reason)
		if err == nil && tag.RowsAffected() == 0 {
			err = dossiers.ErrNotFound
		}
		return err
	})
}

// ResealSigningKey implements keyring.Store.
func (s *Store) ResealSigningKey(ctx context.Context, t dossiers.TenantID, id string, sealed []byte) error {
	return s.in(ctx, t, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `update signing_key set sealed = $3 where tenant = $1 and id::text = $2`, t, id, sealed)
		if err != nil {
			return fmt.Errorf("reseal a signing key: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return fmt.Errorf("signing key %s: %w", id, dossiers.ErrNotFound)
		}
		return nil
	})
}

// KeepActivation implements keyring.Store.
func (s *Store) KeepActivation(ctx context.Context, t dossiers.TenantID, a keyring.StoredActivation) error {
	return s.in(ctx, t, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `insert into key_activation (tenant, id, person, key, tbs_sha256, activation, expires) values ($1, $2, $3, $4, $5, $6, $7)`,
			t, a.ID, a.Person, a.Key, digests(a.TBS), a.Activation, a.Expires)
		if err != nil {
			return fmt.Errorf("keep an activation: %w", err)
		}
		return nil
	})
}

func digests(list [][32]byte) [][]byte {
	out := make([][]byte, len(list))
	for i := range list {
		out[i] = list[i][:]
	}
	return out
}

// Activation implements keyring.Store.
func (s *Store) Activation(ctx context.Context, t dossiers.TenantID, id string, now time.Time) (keyring.StoredActivation, error) {
	return s.activation(ctx, t, `id = $2 and finished_at is null and expires > $3`, id, now)
}

// FinishedActivation implements keyring.Store.
func (s *Store) FinishedActivation(ctx context.Context, t dossiers.TenantID, key string, tbs [32]byte, now time.Time) (keyring.StoredActivation, error) {
	return s.activation(ctx, t, `key::text = $2 and finished_at is not null and expires > $3 and $4 = any (tbs_sha256) order by finished_at desc limit 1`,
		key, now, tbs[:])
}

func (s *Store) activation(ctx context.Context, t dossiers.TenantID, where string, args ...any) (a keyring.StoredActivation, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		var tbs [][]byte
		err := tx.QueryRow(ctx, `select id, person::text, key::text, tbs_sha256, activation, expires from key_activation where tenant = $1 and `+where,
			append([]any{t}, args...)...).Scan(&a.ID, &a.Person, &a.Key, &tbs, &a.Activation, &a.Expires)
		for _, d := range tbs {
			a.TBS = append(a.TBS, [32]byte(d))
		}
		return one("activation", err)
	})
	return a, err
}

// FinishActivation implements keyring.Store.
func (s *Store) FinishActivation(ctx context.Context, t dossiers.TenantID, a keyring.StoredActivation, at time.Time) error {
	return s.in(ctx, t, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `update key_activation set activation = $3, expires = $4, finished_at = $5
			where tenant = $1 and id = $2 and finished_at is null`, t, a.ID, a.Activation, a.Expires, at)
		if err != nil {
			return fmt.Errorf("finish an activation: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return fmt.Errorf("activation: %w", dossiers.ErrNotFound)
		}
		return nil
	})
}

// Sealings implements keyring.Store.
func (s *Store) Sealings(ctx context.Context, t dossiers.TenantID, id dossiers.ID, version int) (all []dossiers.Sealing, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `select step, prepared, started_at from sealing
			where tenant = $1 and dossier::text = $2 and version = $3 and prepared is not null order by step`, t, id, version)
		if err != nil {
			return fmt.Errorf("sealings: %w", err)
		}
		all, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (x dossiers.Sealing, err error) {
			x.Dossier, x.Version = id, version
			return x, row.Scan(&x.Step, &x.Prepared, &x.StartedAt)
		})
		return err
	})
	return all, err
}
