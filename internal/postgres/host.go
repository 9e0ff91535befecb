package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"parapheur/dossiers"
	"parapheur/internal/hosting"
	"parapheur/journal"
)

// Host keeps a hosting centre, as parapheur_host: the list of towns, and
// tables of its own. It is safe for concurrent use.
type Host struct{ pool *pgxpool.Pool }

var _ hosting.Store = (*Host)(nil)

// NewHost returns a Host over pool (see HostPool), whose schema is migrated.
func NewHost(pool *pgxpool.Pool) *Host { return &Host{pool} }

// Ping reports whether the database answers, under the role of the centre.
func (h *Host) Ping(ctx context.Context) error { return h.pool.Ping(ctx) }

// Towns implements hosting.Store. The head of the journal of a town is visible
// until its first passkey is enrolled.
func (h *Host) Towns(ctx context.Context) ([]hosting.Town, error) {
	rows, err := h.pool.Query(ctx, `select `+tenantColumns+`, created_at,
		exists (select from journal_head j where j.tenant = t.id) from tenant t order by name, siret`)
	if err != nil {
		return nil, fmt.Errorf("towns: %w", err)
	}
	towns, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (t hosting.Town, err error) {
		err = scanTenant(row, &t.Tenant, &t.CreatedAt, &t.Awaiting)
		t.CreatedAt = t.CreatedAt.UTC()
		return t, err
	})
	if err != nil {
		return nil, fmt.Errorf("towns: %w", err)
	}
	return towns, nil
}

// Found implements hosting.Store.
func (h *Host) Found(ctx context.Context, t dossiers.Tenant, r *hosting.Request, f hosting.Fact, found func(dossiers.Store) error) error {
	err := pgx.BeginFunc(ctx, h.pool, func(tx pgx.Tx) error {
		if err := addTenant(ctx, tx, t); err != nil {
			return err
		}
		if err := found(&Store{pool: h.pool, db: within{tx}}); err != nil {
			return err
		}
		if r != nil {
			if _, err := tx.Exec(ctx, `insert into host_request (key, name, fingerprint, tenant_id, at) values ($1, $2, $3, $4, $5)`,
				r.Key, r.Name, r.Fingerprint[:], t.ID, f.At); err != nil {
				return fmt.Errorf("keep a request: %w", err)
			}
		}
		return appendHost(ctx, tx, f)
	})
	switch {
	case violates(err, "tenant_siret_key"):
		return &dossiers.InvalidError{Field: "siret", Reason: "Une collectivité a déjà ce SIRET dans ce service."}
	case violates(err, "tenant_origin_key"):
		return &dossiers.InvalidError{Field: "origin", Reason: "Une collectivité a déjà cette adresse dans ce service."}
	case violates(err, "host_request_pkey"):
		return hosting.ErrRequest
	}
	return err
}

// Requested implements hosting.Store.
func (h *Host) Requested(ctx context.Context, key, name string) (t dossiers.TenantID, fingerprint [32]byte, err error) {
	var sum []byte
	err = h.pool.QueryRow(ctx, `select tenant_id::text, fingerprint from host_request where key = $1 and name = $2`, key, name).Scan(&t, &sum)
	copy(fingerprint[:], sum)
	return t, fingerprint, one("request", err)
}

// Reenter implements hosting.Store.
func (h *Host) Reenter(ctx context.Context, t dossiers.TenantID, f hosting.Fact, enter func(dossiers.Store) error) error {
	return pgx.BeginFunc(ctx, h.pool, func(tx pgx.Tx) error {
		if err := enterTown(ctx, tx, t); err != nil {
			return err
		}
		// Locked: the first passkey is enrolled after this, or was before.
		err := tx.QueryRow(ctx, `select true from journal_head where tenant = $1 for update`, t).Scan(new(bool))
		if errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("town %s has its first passkey: %w", t, dossiers.ErrConflict)
		}
		if err != nil {
			return fmt.Errorf("enter town %s: %w", t, err)
		}
		if err := enter(&Store{pool: h.pool, db: within{tx}}); err != nil {
			return err
		}
		return appendHost(ctx, tx, f)
	})
}

// Suspend implements hosting.Store.
func (h *Host) Suspend(ctx context.Context, t dossiers.TenantID, reason string, f hosting.Fact) error {
	return h.write(ctx, f, func(tx pgx.Tx) error {
		if err := enterTown(ctx, tx, t); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `update tenant set suspended_at = case when $2 = '' then null else $3::timestamptz end, suspended_for = nullif($2, '')
			where id = $1 and (suspended_at is null) = ($2 <> '')`, t, reason, f.At)
		if err == nil && tag.RowsAffected() == 0 {
			err = dossiers.ErrConflict
		}
		return err
	})
}

// write runs fn and journals f, in one transaction.
func (h *Host) write(ctx context.Context, f hosting.Fact, fn func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, h.pool, func(tx pgx.Tx) error {
		if err := fn(tx); err != nil {
			return fmt.Errorf("%s: %w", f.Kind, err)
		}
		return appendHost(ctx, tx, f)
	})
}

// appendHost locks the head of the centre's journal until commit and chains f
// after it.
func appendHost(ctx context.Context, tx pgx.Tx, f hosting.Fact) error {
	genesis := journal.Genesis(hosting.Chain)
	if _, err := tx.Exec(ctx, `insert into host_journal_head (seq, hash) values (0, $1) on conflict do nothing`, genesis.Hash[:]); err != nil {
		return fmt.Errorf("open the journal of the centre: %w", err)
	}
	var head journal.Entry
	var hash []byte
	if err := tx.QueryRow(ctx, `select seq, hash from host_journal_head for update`).Scan(&head.Seq, &hash); err != nil {
		return fmt.Errorf("lock the journal of the centre: %w", err)
	}
	head.Hash = [32]byte(hash)
	body, err := json.Marshal(f.Body)
	if err != nil {
		return fmt.Errorf("encode %s: %w", f.Kind, err)
	}
	e := journal.Next(head, f.At, f.Subject, f.Kind, body)
	b := &pgx.Batch{}
	b.Queue(`insert into host_journal (seq, at, subject, kind, body, prev, hash) values ($1, $2, $3, $4, $5, $6, $7)`,
		e.Seq, e.At, e.Subject, e.Kind, e.Body, e.Prev[:], e.Hash[:])
	b.Queue(`update host_journal_head set seq = $1, hash = $2`, e.Seq, e.Hash[:])
	if err := run(ctx, tx, b); err != nil {
		return fmt.Errorf("append to the journal of the centre: %w", err)
	}
	return nil
}

// Journal implements hosting.Store.
func (h *Host) Journal(ctx context.Context, after int64, limit int) ([]journal.Entry, error) {
	rows, err := h.pool.Query(ctx, `select `+entryColumns+` from host_journal where seq > $1 order by seq limit $2`, after, limit)
	if err != nil {
		return nil, fmt.Errorf("journal of the centre: %w", err)
	}
	out, err := pgx.CollectRows(rows, scanEntry)
	if err != nil {
		return nil, fmt.Errorf("journal of the centre: %w", err)
	}
	return out, nil
}

// AddKey implements hosting.Store.
func (h *Host) AddKey(ctx context.Context, k hosting.Key, secretHash [32]byte, f hosting.Fact) error {
	return h.write(ctx, f, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `insert into host_key (id, name, secret_sha256, created_at, expires_at) values ($1, $2, $3, $4, $5)`,
			k.ID, k.Name, secretHash[:], k.CreatedAt, k.Expires)
		return err
	})
}

const hostKeySelect = `select id, name, created_at, expires_at, last_used_at, revoked_at, secret_sha256 from host_key`

func scanHostKey(row pgx.CollectableRow) (k keyWithSecret, err error) {
	var used, revoked *time.Time
	err = row.Scan(&k.ID, &k.Name, &k.CreatedAt, &k.Expires, &used, &revoked, &k.secret)
	k.CreatedAt, k.Expires, k.LastUsed, k.RevokedAt = k.CreatedAt.UTC(), k.Expires.UTC(), instantOf(used), instantOf(revoked)
	return k, err
}

type keyWithSecret struct {
	hosting.Key
	secret []byte // its digest
}

// Key implements hosting.Store.
func (h *Host) Key(ctx context.Context, id string) (hosting.Key, [32]byte, error) {
	rows, err := h.pool.Query(ctx, hostKeySelect+` where id = $1`, id)
	if err != nil {
		return hosting.Key{}, [32]byte{}, fmt.Errorf("key: %w", err)
	}
	k, err := pgx.CollectExactlyOneRow(rows, scanHostKey)
	if err != nil {
		return hosting.Key{}, [32]byte{}, one("key", err)
	}
	return k.Key, [32]byte(k.secret), nil
}

// Keys implements hosting.Store.
func (h *Host) Keys(ctx context.Context) (out []hosting.Key, err error) {
	rows, err := h.pool.Query(ctx, hostKeySelect+` order by created_at`)
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	all, err := pgx.CollectRows(rows, scanHostKey)
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	for _, k := range all {
		out = append(out, k.Key)
	}
	return out, nil
}

// RevokeKey implements hosting.Store.
func (h *Host) RevokeKey(ctx context.Context, id string, f hosting.Fact) error {
	return h.write(ctx, f, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `update host_key set revoked_at = $2 where id = $1 and revoked_at is null`, id, f.At)
		if err == nil && tag.RowsAffected() == 0 {
			err = dossiers.ErrConflict
		}
		return err
	})
}

// TouchKey implements hosting.Store.
func (h *Host) TouchKey(ctx context.Context, id string, at time.Time) error {
	if _, err := h.pool.Exec(ctx, `update host_key set last_used_at = $2 where id = $1`, id, at); err != nil {
		return fmt.Errorf("touch key: %w", err)
	}
	return nil
}
