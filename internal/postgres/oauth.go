package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"parapheur/circuits"
	"parapheur/dossiers"
)

const kindApplicationChanged = "application.changed"

// How long what nobody needs any more is kept.
const (
	callsKept      = 180 * 24 * time.Hour
	deliveriesKept = 90 * 24 * time.Hour
	answersKept    = 48 * time.Hour
)

func isNoRow(err error) bool { return errors.Is(err, pgx.ErrNoRows) }

// SetApplication implements dossiers.Store.
func (s *Store) SetApplication(ctx context.Context, t dossiers.TenantID, a dossiers.Application, by circuits.Actor, at time.Time) error {
	networks := []string{}
	for _, n := range a.Networks {
		networks = append(networks, n.String())
	}
	body := struct {
		Networks []string       `json:"networks"`
		Types    []string       `json:"types"`
		Frames   []string       `json:"panel_origins"`
		By       circuits.Actor `json:"by"`
	}{networks, list(a.Types), list(a.Frames), by}
	return s.administer(ctx, t, fact{at: at, subject: a.ID, kind: kindApplicationChanged, body: body}, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `update application set networks = $3::text[]::cidr[], dossier_types = $4, frames = $5 where tenant = $1 and id::text = $2`,
			t, a.ID, networks, list(a.Types), list(a.Frames))
		if err == nil && tag.RowsAffected() == 0 {
			return dossiers.ErrNotFound
		}
		return err
	})
}

// AddAccessToken implements dossiers.Store. A token that is lost with a crash
// is asked for again.
func (s *Store) AddAccessToken(ctx context.Context, t dossiers.TenantID, tok dossiers.AccessToken, hash [32]byte) error {
	return s.lazily(ctx, t, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `insert into access_token (tenant, token_sha256, key, scopes, created_at, expires) values ($1, $2, $3, $4, $5, $6)`,
			t, hash[:], tok.Key, tok.Scopes, tok.Created, tok.Expires)
		if err != nil {
			return fmt.Errorf("add access token: %w", err)
		}
		return nil
	})
}

// AccessToken implements dossiers.Store.
func (s *Store) AccessToken(ctx context.Context, t dossiers.TenantID, hash [32]byte) (tok dossiers.AccessToken, k dossiers.APIKey, a dossiers.Application, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		var revoked *time.Time
		err := tx.QueryRow(ctx, `select x.key, x.scopes, x.created_at, x.expires, x.revoked_at, `+keyColumns+`, a.id::text, a.name, a.default_drafter::text, a.networks, a.dossier_types, a.frames
			from access_token x join api_key k on k.tenant = x.tenant and k.id = x.key join application a on a.tenant = k.tenant and a.id = k.application
			where x.tenant = $1 and x.token_sha256 = $2`, t, hash[:]).
			Scan(&tok.Key, &tok.Scopes, &tok.Created, &tok.Expires, &revoked, &k.ID, &k.Scopes, &k.CreatedAt, &k.ExpiresAt, &k.LastUsed, &k.RevokedAt, &k.JWKS,
				&a.ID, &a.Name, &a.DefaultDrafter, &a.Networks, &a.Types, &a.Frames)
		if err != nil {
			return one("access token", err)
		}
		zeroes(&k)
		if revoked != nil {
			tok.Revoked = *revoked
		}
		return nil
	})
	return tok, k, a, err
}

// RevokeAccessToken implements dossiers.Store.
func (s *Store) RevokeAccessToken(ctx context.Context, t dossiers.TenantID, key string, hash [32]byte, at time.Time) error {
	return s.in(ctx, t, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `update access_token set revoked_at = coalesce(revoked_at, $4) where tenant = $1 and key = $2 and token_sha256 = $3`, t, key, hash[:], at)
		if err == nil && tag.RowsAffected() == 0 {
			err = dossiers.ErrNotFound
		}
		if err != nil {
			return fmt.Errorf("revoke access token: %w", err)
		}
		return nil
	})
}

// UseAssertion implements dossiers.Store.
func (s *Store) UseAssertion(ctx context.Context, t dossiers.TenantID, key string, jti [32]byte, expires time.Time) error {
	return s.in(ctx, t, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `insert into used_assertion (tenant, key, jti_sha256, expires) values ($1, $2, $3, $4) on conflict do nothing`, t, key, jti[:], expires)
		if err == nil && tag.RowsAffected() == 0 {
			err = dossiers.ErrConflict
		}
		if err != nil {
			return fmt.Errorf("use assertion: %w", err)
		}
		return nil
	})
}

// LogCall implements dossiers.Store.
func (s *Store) LogCall(ctx context.Context, t dossiers.TenantID, c dossiers.Call) error {
	return s.lazily(ctx, t, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `insert into api_call (tenant, at, application, credential, operation, method, path, status, millis, request, address)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
			t, c.At, c.Application, c.Credential, c.Operation, c.Method, c.Path, c.Status, c.Took.Milliseconds(), c.Request, c.Address)
		if err != nil {
			return fmt.Errorf("log a call: %w", err)
		}
		return nil
	})
}

// Calls implements dossiers.Store. Its cursor is the number of the last row.
func (s *Store) Calls(ctx context.Context, t dossiers.TenantID, application string, page dossiers.Page) (out []dossiers.Call, next string, err error) {
	before := int64(1<<63 - 1)
	if page.After != "" {
		if before, err = strconv.ParseInt(page.After, 36, 64); err != nil {
			return nil, "", &dossiers.InvalidError{Field: "cursor", Reason: "Ce curseur n’est pas l’un des nôtres : reprenez la liste au début."}
		}
	}
	var ids []int64
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `select id, at, application::text, credential, operation, method, path, status, millis, request, address from api_call
			where tenant = $1 and ($2 = '' or application = nullif($2, '')::uuid) and id < $3 order by id desc limit $4`, t, application, before, page.Limit+1)
		if err == nil {
			out, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (c dossiers.Call, err error) {
				var id, millis int64
				err = row.Scan(&id, &c.At, &c.Application, &c.Credential, &c.Operation, &c.Method, &c.Path, &c.Status, &millis, &c.Request, &c.Address)
				c.Took = time.Duration(millis) * time.Millisecond
				ids = append(ids, id)
				return c, err
			})
		}
		if err != nil {
			return fmt.Errorf("calls: %w", err)
		}
		return nil
	})
	if len(out) > page.Limit {
		out, next = out[:page.Limit], strconv.FormatInt(ids[page.Limit-1], 36)
	}
	return out, next, err
}

// ClaimAnswer implements dossiers.Store.
func (s *Store) ClaimAnswer(ctx context.Context, t dossiers.TenantID, application, key string, fingerprint [32]byte, now, until time.Time) (answer []byte, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		// A row whose lock ended is of a request that died: it may be taken over.
		tag, err := tx.Exec(ctx, `insert into api_answer as a (tenant, application, key, fingerprint, at, locked_until) values ($1, $2, $3, $4, $5, $6)
			on conflict (tenant, application, key) do update set locked_until = excluded.locked_until
			where a.answer is null and a.fingerprint = excluded.fingerprint and a.locked_until <= $5`, t, application, key, fingerprint[:], now, until)
		if err != nil || tag.RowsAffected() == 1 {
			return err
		}
		var first []byte
		err = tx.QueryRow(ctx, `select fingerprint, answer from api_answer where tenant = $1 and application = $2 and key = $3`, t, application, key).Scan(&first, &answer)
		switch {
		case isNoRow(err):
			return dossiers.ErrInFlight // it failed meanwhile: the next attempt runs
		case err != nil:
			return err
		case string(first) != string(fingerprint[:]):
			return dossiers.ErrKeyReused
		case answer == nil:
			return dossiers.ErrInFlight
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("claim an idempotency key: %w", err)
	}
	return answer, nil
}

// KeepAnswer implements dossiers.Store.
func (s *Store) KeepAnswer(ctx context.Context, t dossiers.TenantID, application, key string, answer []byte) error {
	return s.onAnswer(ctx, t, `update api_answer set answer = $4 where tenant = $1 and application = $2 and key = $3`, application, key, answer)
}

// DropAnswer implements dossiers.Store.
func (s *Store) DropAnswer(ctx context.Context, t dossiers.TenantID, application, key string) error {
	return s.onAnswer(ctx, t, `delete from api_answer where tenant = $1 and application = $2 and key = $3 and answer is null`, application, key)
}

func (s *Store) onAnswer(ctx context.Context, t dossiers.TenantID, query string, args ...any) error {
	return s.in(ctx, t, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, query, append([]any{t}, args...)...)
		if err == nil && tag.RowsAffected() == 0 {
			err = dossiers.ErrNotFound
		}
		if err != nil {
			return fmt.Errorf("keep an answer: %w", err)
		}
		return nil
	})
}

// queueSweep removes what programs leave behind.
func queueSweep(b *pgx.Batch, t dossiers.TenantID, now time.Time) {
	b.Queue(`delete from access_token where tenant = $1 and expires < $2`, t, now)
	b.Queue(`delete from used_assertion where tenant = $1 and expires < $2`, t, now)
	b.Queue(`delete from api_call where tenant = $1 and at < $2`, t, now.Add(-callsKept))
	b.Queue(`delete from api_answer where tenant = $1 and at < $2`, t, now.Add(-answersKept))
	b.Queue(`delete from idempotency where tenant = $1 and at < $2`, t, now.Add(-answersKept))
	b.Queue(`delete from webhook_delivery where tenant = $1 and created_at < $2`, t, now.Add(-deliveriesKept))
	b.Queue(`delete from counterpart where tenant = $1 and other is null and began_at < $2`, t, now.Add(-dossiers.LinkLife))
}
