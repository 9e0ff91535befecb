package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"parapheur/approvals"
	"parapheur/dossiers"
	"parapheur/internal/hosting"
)

// People implements hosting.Store.
func (h *Host) People(ctx context.Context) ([]hosting.Person, error) {
	rows, err := h.pool.Query(ctx, `select id::text, name, email, handle, active, created_at,
		(select count(*) from host_passkey k where k.person = p.id and k.revoked_at is null) from host_person p order by created_at`)
	if err != nil {
		return nil, fmt.Errorf("people of the centre: %w", err)
	}
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p hosting.Person, err error) {
		return p, row.Scan(&p.ID, &p.Name, &p.Email, &p.Handle, &p.Active, &p.CreatedAt, &p.Passkeys)
	})
	if err != nil {
		return nil, fmt.Errorf("people of the centre: %w", err)
	}
	return out, nil
}

// AddPerson implements hosting.Store.
func (h *Host) AddPerson(ctx context.Context, p hosting.Person, f hosting.Fact) error {
	return h.write(ctx, f, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `insert into host_person (id, name, email, handle, active, created_at) values ($1, $2, $3, $4, $5, $6)`,
			p.ID, p.Name, p.Email, p.Handle, p.Active, p.CreatedAt)
		return err
	})
}

// Dismiss implements hosting.Store.
func (h *Host) Dismiss(ctx context.Context, p hosting.PersonID, f hosting.Fact) error {
	return h.write(ctx, f, func(tx pgx.Tx) error {
		b := &pgx.Batch{}
		b.Queue(`update host_person set active = false where id = $1`, p)
		b.Queue(`update host_passkey set revoked_at = $2 where person = $1 and revoked_at is null`, p, f.At)
		b.Queue(`update host_invitation set used_at = $2 where person = $1 and used_at is null`, p, f.At)
		b.Queue(`delete from host_session where person = $1`, p)
		return run(ctx, tx, b)
	})
}

// Invite implements hosting.Store.
func (h *Host) Invite(ctx context.Context, in hosting.Invitation, f hosting.Fact) error {
	return h.write(ctx, f, func(tx pgx.Tx) error {
		b := &pgx.Batch{}
		b.Queue(`update host_invitation set used_at = $2 where person = $1 and used_at is null`, in.Person, f.At)
		b.Queue(`insert into host_invitation (token_sha256, person, expires) values ($1, $2, $3)`, in.TokenHash[:], in.Person, in.Expires)
		return run(ctx, tx, b)
	})
}

// Invitation implements hosting.Store.
func (h *Host) Invitation(ctx context.Context, tokenHash [32]byte, now time.Time) (hosting.Invitation, error) {
	in := hosting.Invitation{TokenHash: tokenHash}
	err := h.pool.QueryRow(ctx, `select person::text, expires from host_invitation where token_sha256 = $1 and used_at is null and expires > $2`,
		tokenHash[:], now).Scan(&in.Person, &in.Expires)
	return in, one("invitation", err)
}

// Enrol implements hosting.Store.
func (h *Host) Enrol(ctx context.Context, c hosting.Credential, invitation [32]byte, f hosting.Fact) error {
	record, err := json.Marshal(c.Credential)
	if err != nil {
		return fmt.Errorf("encode passkey: %w", err)
	}
	return h.write(ctx, f, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `update host_invitation set used_at = $2 where token_sha256 = $1 and used_at is null`, invitation[:], f.At)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return dossiers.ErrInvitation
		}
		_, err = tx.Exec(ctx, `insert into host_passkey (kid, person, record, label, sign_count, backup_state, created_at) values ($1, $2, $3, $4, $5, $6, $7)`,
			c.ID, c.Person, record, c.Label, int64(c.SignCount), c.BackupState, f.At)
		return err
	})
}

// Credentials implements hosting.Store. Revoked ones are included.
func (h *Host) Credentials(ctx context.Context, p hosting.PersonID) ([]approvals.Credential, error) {
	rows, err := h.pool.Query(ctx, `select record, label, sign_count, backup_state, clone_warning, created_at, revoked_at
		from host_passkey where person = $1 order by created_at`, p)
	if err != nil {
		return nil, fmt.Errorf("passkeys of the centre: %w", err)
	}
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c approvals.Credential, err error) {
		var record []byte
		var label string
		var count int64
		var backup, clone bool
		var created time.Time
		var revoked *time.Time
		if err := row.Scan(&record, &label, &count, &backup, &clone, &created, &revoked); err != nil {
			return c, err
		}
		err = json.Unmarshal(record, &c)
		c.Label, c.SignCount, c.BackupState, c.CloneWarning = label, uint32(count), backup, clone //nolint:gosec // written from a uint32
		c.CreatedAt, c.RevokedAt = created.UTC(), instantOf(revoked)
		return c, err
	})
	if err != nil {
		return nil, fmt.Errorf("passkeys of the centre: %w", err)
	}
	return out, nil
}

// TouchCredential implements hosting.Store.
func (h *Host) TouchCredential(ctx context.Context, c approvals.Credential, at time.Time) error {
	_, err := h.pool.Exec(ctx, `update host_passkey set sign_count = $2, backup_state = $3, clone_warning = $4, last_used_at = $5 where kid = $1`,
		c.ID, int64(c.SignCount), c.BackupState, c.CloneWarning, at)
	if err != nil {
		return fmt.Errorf("touch passkey: %w", err)
	}
	return nil
}

// OpenSession implements hosting.Store.
func (h *Host) OpenSession(ctx context.Context, tokenHash [32]byte, s hosting.Session) error {
	_, err := h.pool.Exec(ctx, `insert into host_session (token_sha256, id, person, csrf, expires) values ($1, $2, nullif($3, '')::uuid, $4, $5)`,
		tokenHash[:], s.ID, string(s.Person), s.CSRF, s.Expires)
	if err != nil {
		return fmt.Errorf("open session: %w", err)
	}
	return nil
}

// Session implements hosting.Store.
func (h *Host) Session(ctx context.Context, tokenHash [32]byte, now time.Time) (s hosting.Session, err error) {
	err = h.pool.QueryRow(ctx, `select id, coalesce(person::text, ''), csrf, expires from host_session where token_sha256 = $1 and expires > $2`,
		tokenHash[:], now).Scan(&s.ID, &s.Person, &s.CSRF, &s.Expires)
	return s, one("session", err)
}

// CloseSession implements hosting.Store.
func (h *Host) CloseSession(ctx context.Context, tokenHash [32]byte) error {
	if _, err := h.pool.Exec(ctx, `delete from host_session where token_sha256 = $1`, tokenHash[:]); err != nil {
		return fmt.Errorf("close session: %w", err)
	}
	return nil
}

// KeepCeremony implements hosting.Store.
func (h *Host) KeepCeremony(ctx context.Context, c approvals.Ceremony, now time.Time) error {
	record, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("encode ceremony: %w", err)
	}
	b := &pgx.Batch{}
	b.Queue(`delete from host_ceremony where expires < $1`, now)
	b.Queue(`delete from host_session where expires < $1`, now)
	b.Queue(`insert into host_ceremony (id, purpose, session, challenge, record, expires) values ($1, $2, $3, $4, $5, $6)`,
		c.ID, string(c.Purpose), string(c.HTTPSession), c.Challenge, record, c.Expires)
	if err := h.pool.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("keep ceremony: %w", err)
	}
	return nil
}

// TakeCeremony implements hosting.Store.
func (h *Host) TakeCeremony(ctx context.Context, id []byte, purpose, session string, now time.Time) (c approvals.Ceremony, err error) {
	var record []byte
	err = h.pool.QueryRow(ctx, `delete from host_ceremony where id = $1 and purpose = $2 and session = $3 and expires > $4 returning record`,
		id, purpose, session, now).Scan(&record)
	if err != nil {
		return c, one("ceremony", err)
	}
	if err := json.Unmarshal(record, &c); err != nil {
		return c, fmt.Errorf("decode ceremony: %w", err)
	}
	return c, nil
}
