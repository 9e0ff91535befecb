package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"parapheur/circuits"
	"parapheur/dossiers"
)

const keyColumns = `k.id, k.scopes, k.created_at, coalesce(k.expires_at, '0001-01-01Z'), coalesce(k.last_used_at, '0001-01-01Z'), coalesce(k.revoked_at, '0001-01-01Z'), k.jwks`

func zeroes(k *dossiers.APIKey) {
	for _, at := range []*time.Time{&k.ExpiresAt, &k.LastUsed, &k.RevokedAt} {
		if at.Year() == 1 {
			*at = time.Time{}
		}
	}
}

// Applications implements dossiers.Store.
func (s *Store) Applications(ctx context.Context, t dossiers.TenantID) (out []dossiers.Application, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `select id::text, name, default_drafter::text, networks, dossier_types, frames from application where tenant = $1 order by name`, t)
		if err != nil {
			return fmt.Errorf("applications: %w", err)
		}
		out, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (a dossiers.Application, err error) {
			return a, row.Scan(&a.ID, &a.Name, &a.DefaultDrafter, &a.Networks, &a.Types, &a.Frames)
		})
		if err != nil {
			return fmt.Errorf("applications: %w", err)
		}
		for i := range out {
			if out[i].Keys, err = apiKeys(ctx, tx, t, out[i].ID); err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

func apiKeys(ctx context.Context, tx pgx.Tx, t dossiers.TenantID, application string) ([]dossiers.APIKey, error) {
	rows, err := tx.Query(ctx, `select `+keyColumns+` from api_key k where k.tenant = $1 and k.application = $2 order by k.created_at`, t, application)
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	keys, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (k dossiers.APIKey, err error) {
		err = row.Scan(&k.ID, &k.Scopes, &k.CreatedAt, &k.ExpiresAt, &k.LastUsed, &k.RevokedAt, &k.JWKS)
		zeroes(&k)
		return k, err
	})
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	return keys, nil
}

// AddApplication implements dossiers.Store.
func (s *Store) AddApplication(ctx context.Context, t dossiers.TenantID, a dossiers.Application, by circuits.Actor, at time.Time) error {
	body := struct {
		Name string         `json:"name"`
		By   circuits.Actor `json:"by"`
	}{a.Name, by}
	err := s.administer(ctx, t, fact{at: at, subject: a.ID, kind: kindApplicationAdded, body: body}, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `insert into application (tenant, id, name, default_drafter) values ($1, $2, $3, $4)`, t, a.ID, a.Name, a.DefaultDrafter)
		return err
	})
	if violates(err, "application_tenant_name_key") {
		return &dossiers.InvalidError{Field: "name", Reason: "Une application porte déjà ce nom."}
	}
	return err
}

// AddAPIKey implements dossiers.Store.
func (s *Store) AddAPIKey(ctx context.Context, t dossiers.TenantID, application string, k dossiers.APIKey, secretHash [32]byte, by circuits.Actor, at time.Time) error {
	body := struct {
		Application string         `json:"application"`
		Scopes      []string       `json:"scopes"`
		KeySet      bool           `json:"key_set,omitempty"` // public keys, not a secret
		By          circuits.Actor `json:"by"`
	}{application, k.Scopes, k.JWKS != nil, by}
	return s.administer(ctx, t, fact{at: at, subject: k.ID, kind: kindKeyAdded, body: body}, func(tx pgx.Tx) error {
		var expires *time.Time
		if !k.ExpiresAt.IsZero() {
			expires = &k.ExpiresAt
		}
		secret := secretHash[:]
		if k.JWKS != nil {
			secret = nil
		}
		_, err := tx.Exec(ctx, `insert into api_key (tenant, id, application, secret_sha256, scopes, created_at, expires_at, jwks) values ($1, $2, $3, $4, $5, $6, $7, $8)`,
			t, k.ID, application, secret, k.Scopes, k.CreatedAt, expires, k.JWKS)
		return err
	})
}

// RevokeAPIKey implements dossiers.Store.
func (s *Store) RevokeAPIKey(ctx context.Context, t dossiers.TenantID, keyID string, by circuits.Actor, at time.Time) error {
	body := struct {
		By circuits.Actor `json:"by"`
	}{by}
	return s.administer(ctx, t, fact{at: at, subject: keyID, kind: kindKeyRevoked, body: body}, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `update api_key set revoked_at = $3 where tenant = $1 and id = $2 and revoked_at is null`, t, keyID, at)
		if err == nil && tag.RowsAffected() == 0 {
			return dossiers.ErrNotFound
		}
		return err
	})
}

// APIKey implements dossiers.Store.
func (s *Store) APIKey(ctx context.Context, t dossiers.TenantID, keyID string) (k dossiers.APIKey, secretHash [32]byte, a dossiers.Application, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		var hash []byte
		err := tx.QueryRow(ctx, `select `+keyColumns+`, k.secret_sha256, a.id::text, a.name, a.default_drafter::text, a.networks, a.dossier_types, a.frames
			from api_key k join application a on a.tenant = k.tenant and a.id = k.application where k.tenant = $1 and k.id = $2`, t, keyID).
			Scan(&k.ID, &k.Scopes, &k.CreatedAt, &k.ExpiresAt, &k.LastUsed, &k.RevokedAt, &k.JWKS, &hash, &a.ID, &a.Name, &a.DefaultDrafter, &a.Networks, &a.Types, &a.Frames)
		if err != nil {
			return one("key", err)
		}
		zeroes(&k)
		if hash != nil {
			secretHash = [32]byte(hash)
		}
		return nil
	})
	return k, secretHash, a, err
}

// TouchAPIKey implements dossiers.Store. It writes at most once a minute.
func (s *Store) TouchAPIKey(ctx context.Context, t dossiers.TenantID, keyID string, at time.Time) error {
	return s.in(ctx, t, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `update api_key set last_used_at = $3 where tenant = $1 and id = $2
			and (last_used_at is null or last_used_at < $3::timestamptz - interval '1 minute')`, t, keyID, at)
		if err != nil {
			return fmt.Errorf("touch key: %w", err)
		}
		return nil
	})
}
