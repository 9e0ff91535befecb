package postgres

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"parapheur/approvals"
	"parapheur/circuits"
	"parapheur/dossiers"
)

// Invite implements dossiers.Store. The person's row is locked first: of two
// invitations made at once, one is open.
func (s *Store) Invite(ctx context.Context, t dossiers.TenantID, in dossiers.Invitation, by circuits.Actor, at time.Time) error {
	body := struct {
		Expires time.Time      `json:"expires"`
		By      circuits.Actor `json:"by"`
	}{in.Expires, by}
	return s.administer(ctx, t, fact{at: at, subject: string(in.Person), kind: kindInvited, body: body}, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `select from person where tenant = $1 and id = $2 for no key update`, t, in.Person); err != nil {
			return err
		}
		if err := closeInvitations(ctx, tx, t, in.Person, at); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `insert into invitation (tenant, token_sha256, person, invited_by, expires) values ($1, $2, $3, $4, $5)`,
			t, in.TokenHash[:], in.Person, in.InvitedBy, in.Expires)
		return err
	})
}

// closeInvitations makes the open invitations of p open nothing any more.
func closeInvitations(ctx context.Context, tx pgx.Tx, t dossiers.TenantID, p circuits.PersonID, at time.Time) error {
	if _, err := tx.Exec(ctx, `update invitation set used_at = $3 where tenant = $1 and person = $2 and used_at is null`, t, p, at); err != nil {
		return fmt.Errorf("close invitations: %w", err)
	}
	return nil
}

// Invitation implements dossiers.Store.
func (s *Store) Invitation(ctx context.Context, t dossiers.TenantID, tokenHash [32]byte, now time.Time) (in dossiers.Invitation, err error) {
	in.TokenHash = tokenHash
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `select person::text, invited_by, expires from invitation
			where tenant = $1 and token_sha256 = $2 and used_at is null and expires > $3`, t, tokenHash[:], now).
			Scan(&in.Person, &in.InvitedBy, &in.Expires)
		return one("invitation", err)
	})
	return in, err
}

// Enrol implements dossiers.Store.
func (s *Store) Enrol(ctx context.Context, t dossiers.TenantID, c dossiers.Credential, head circuits.Digest, invitation *[32]byte, by circuits.Actor, at time.Time) error {
	return s.enrol(ctx, t, c, head, by, at, func(tx pgx.Tx) error { return useInvitation(ctx, tx, t, c.Person, invitation, at) })
}

// EnrolWitnessed implements dossiers.Store.
func (s *Store) EnrolWitnessed(ctx context.Context, t dossiers.TenantID, c dossiers.Credential, head circuits.Digest, with dossiers.Credential, by circuits.Actor, at time.Time) error {
	return s.enrol(ctx, t, c, head, by, at, func(tx pgx.Tx) error {
		if err := mayVouch(ctx, tx, t, with.Person, c.Person); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `delete from pending_passkey where tenant = $1 and kid = $2 and person = $3`, t, c.ID, c.Person)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return dossiers.ErrNotFound
		}
		b := &pgx.Batch{}
		queueTouch(b, t, with, at)
		return run(ctx, tx, b)
	})
}

// mayVouch refuses a witness who no longer administers the town, under a lock
// that a change of their right waits for: what the journal then says of them
// before the enrolment is what let them vouch. Holders vouch for themselves.
func mayVouch(ctx context.Context, tx pgx.Tx, t dossiers.TenantID, witness, holder circuits.PersonID) error {
	var may bool
	err := tx.QueryRow(ctx, `select active and (admin or id = $3) from person where tenant = $1 and id = $2 for share`, t, witness, holder).Scan(&may)
	if err == nil && !may {
		err = dossiers.ErrForbidden
	}
	return one("witness", err)
}

// enrol puts c at the end of the chain of enrolments, after before.
func (s *Store) enrol(ctx context.Context, t dossiers.TenantID, c dossiers.Credential, head circuits.Digest, by circuits.Actor, at time.Time, before func(pgx.Tx) error) error {
	body := struct {
		Credential string          `json:"credential"`
		Statement  json.RawMessage `json:"statement"`
		SHA256     string          `json:"statement_sha256"`
		By         circuits.Actor  `json:"by"`
	}{hex.EncodeToString(c.ID), c.EnrolmentStatement, hex.EncodeToString(c.EnrolmentHash[:]), by}
	err := s.administer(ctx, t, fact{at: at, subject: string(c.Person), kind: kindEnrolled, body: body}, func(tx pgx.Tx) error {
		if err := before(tx); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `update journal_head set enrolment = $3, enrolments = enrolments + 1 where tenant = $1 and enrolment = $2`,
			t, head[:], c.EnrolmentHash[:])
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return dossiers.ErrConflict
		}
		record, err := json.Marshal(c.Credential)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `insert into credential (tenant, kid, person, record, cose, enrolment_sha256, label, sign_count, backup_state, created_at,
				enrolment_seq, enrolment)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, (select enrolments from journal_head where tenant = $1), $11)`,
			t, c.ID, c.Person, record, c.COSE, c.EnrolmentHash[:], c.Label, int64(c.SignCount), c.BackupState, at, c.EnrolmentStatement)
		return err
	})
	if violates(err, "credential_pkey") {
		return fmt.Errorf("enrol: %w", dossiers.ErrConflict)
	}
	return err
}

// useInvitation uses an invitation of p up, if one is named, with any other.
// Whether it had expired was asked by Invitation: at is the clock of the town,
// which runs ahead in a sandbox, and invitations end by the real one.
func useInvitation(ctx context.Context, tx pgx.Tx, t dossiers.TenantID, p circuits.PersonID, invitation *[32]byte, at time.Time) error {
	if invitation == nil {
		return nil
	}
	tag, err := tx.Exec(ctx, `update invitation set used_at = $3 where tenant = $1 and token_sha256 = $2 and used_at is null`,
		t, invitation[:], at)
	if err != nil {
		return err
	}
	if tag.RowsAffected() == 0 {
		return dossiers.ErrInvitation
	}
	return closeInvitations(ctx, tx, t, p, at)
}

// EnrolmentHead implements dossiers.Store.
func (s *Store) EnrolmentHead(ctx context.Context, t dossiers.TenantID) (head circuits.Digest, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		var sum []byte
		if err := tx.QueryRow(ctx, `select enrolment from journal_head where tenant = $1`, t).Scan(&sum); err != nil {
			return one("enrolment head", err)
		}
		head = circuits.Digest(sum)
		return nil
	})
	return head, err
}

// Enrolments implements dossiers.Store.
func (s *Store) Enrolments(ctx context.Context, t dossiers.TenantID) (out [][]byte, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `select enrolment from credential where tenant = $1 order by enrolment_seq`, t)
		if err != nil {
			return fmt.Errorf("enrolments: %w", err)
		}
		if out, err = pgx.CollectRows(rows, pgx.RowTo[[]byte]); err != nil {
			return fmt.Errorf("enrolments: %w", err)
		}
		return nil
	})
	return out, err
}

// Credentials implements dossiers.Store. Revoked ones are included.
func (s *Store) Credentials(ctx context.Context, t dossiers.TenantID, p circuits.PersonID) (out []dossiers.Credential, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			select record, label, sign_count, backup_state, clone_warning, coalesce(last_used_at, '0001-01-01Z'), coalesce(revoked_at, '0001-01-01Z'), created_at
			from credential where tenant = $1 and person = $2 order by created_at`, t, p)
		if err != nil {
			return fmt.Errorf("credentials: %w", err)
		}
		out, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (c dossiers.Credential, err error) {
			var record []byte
			var label string
			var count int64
			var backup, clone bool
			var used, revoked, created time.Time
			if err := row.Scan(&record, &label, &count, &backup, &clone, &used, &revoked, &created); err != nil {
				return c, err
			}
			if err := json.Unmarshal(record, &c.Credential); err != nil {
				return c, err
			}
			c.Person, c.Label, c.SignCount, c.BackupState, c.CloneWarning, c.CreatedAt = p, label, uint32(count), backup, clone, created //nolint:gosec // written from a uint32
			if used.Year() > 1 {
				c.LastUsed = used
			}
			if revoked.Year() > 1 {
				c.RevokedAt = revoked
			}
			return c, nil
		})
		if err != nil {
			return fmt.Errorf("credentials: %w", err)
		}
		return nil
	})
	return out, err
}

// TouchCredential implements dossiers.Store.
func (s *Store) TouchCredential(ctx context.Context, t dossiers.TenantID, c dossiers.Credential, at time.Time) error {
	return s.in(ctx, t, func(tx pgx.Tx) error {
		b := &pgx.Batch{}
		queueTouch(b, t, c, at)
		if err := run(ctx, tx, b); err != nil {
			return fmt.Errorf("touch credential: %w", err)
		}
		return nil
	})
}

// RenameCredential implements dossiers.Store.
func (s *Store) RenameCredential(ctx context.Context, t dossiers.TenantID, p circuits.PersonID, kid []byte, label string) error {
	return s.in(ctx, t, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `update credential set label = $4 where tenant = $1 and person = $2 and kid = $3`, t, p, kid, label)
		if err != nil {
			return fmt.Errorf("rename credential: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return fmt.Errorf("rename credential: %w", dossiers.ErrNotFound)
		}
		return nil
	})
}

// RevokeCredential implements dossiers.Store.
func (s *Store) RevokeCredential(ctx context.Context, t dossiers.TenantID, p circuits.PersonID, kid []byte, by circuits.Actor, reason string, at time.Time) error {
	body := struct {
		Credential string         `json:"credential"`
		Reason     string         `json:"reason"`
		By         circuits.Actor `json:"by"`
	}{hex.EncodeToString(kid), reason, by}
	return s.administer(ctx, t, fact{at: at, subject: string(p), kind: kindRevoked, body: body}, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `update credential set revoked_at = $4, revoked_reason = $5
			where tenant = $1 and person = $2 and kid = $3 and revoked_at is null`, t, p, kid, at, reason)
		if err == nil && tag.RowsAffected() == 0 {
			return dossiers.ErrNotFound
		}
		return err
	})
}

// OpenSession implements dossiers.Store.
func (s *Store) OpenSession(ctx context.Context, t dossiers.TenantID, tokenHash [32]byte, x dossiers.Session) error {
	return s.in(ctx, t, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `insert into session (tenant, token_sha256, id, person, csrf, expires) values ($1, $2, $3, nullif($4, '')::uuid, $5, $6)`,
			t, tokenHash[:], x.ID, string(x.Person), x.CSRF, x.Expires)
		if err != nil {
			return fmt.Errorf("open session: %w", err)
		}
		return nil
	})
}

// Session implements dossiers.Store.
func (s *Store) Session(ctx context.Context, t dossiers.TenantID, tokenHash [32]byte, now time.Time) (x dossiers.Session, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `select id, coalesce(person::text, ''), csrf, expires from session
			where tenant = $1 and token_sha256 = $2 and expires > $3`, t, tokenHash[:], now).Scan(&x.ID, &x.Person, &x.CSRF, &x.Expires)
		return one("session", err)
	})
	return x, err
}

// CloseSession implements dossiers.Store.
func (s *Store) CloseSession(ctx context.Context, t dossiers.TenantID, tokenHash [32]byte) error {
	return s.in(ctx, t, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `delete from session where tenant = $1 and token_sha256 = $2`, t, tokenHash[:]); err != nil {
			return fmt.Errorf("close session: %w", err)
		}
		return nil
	})
}

// CloseSessions implements dossiers.Store.
func (s *Store) CloseSessions(ctx context.Context, t dossiers.TenantID, p circuits.PersonID, except string) error {
	return s.in(ctx, t, func(tx pgx.Tx) error { return closeSessions(ctx, tx, t, p, except) })
}

func closeSessions(ctx context.Context, tx pgx.Tx, t dossiers.TenantID, p circuits.PersonID, except string) error {
	if _, err := tx.Exec(ctx, `delete from session where tenant = $1 and person = $2 and id <> $3`, t, p, except); err != nil {
		return fmt.Errorf("close sessions: %w", err)
	}
	return nil
}

// KeepCeremony implements dossiers.Store. A ceremony lost in a crash costs a
// gesture.
func (s *Store) KeepCeremony(ctx context.Context, t dossiers.TenantID, c approvals.Ceremony, note []byte) error {
	record, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("encode ceremony: %w", err)
	}
	return s.lazily(ctx, t, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `insert into ceremony (tenant, id, purpose, session, challenge, record, note, expires) values ($1, $2, $3, $4, $5, $6, $7, $8)`,
			t, c.ID, string(c.Purpose), string(c.HTTPSession), c.Challenge, record, note, c.Expires)
		if err != nil {
			return fmt.Errorf("keep ceremony: %w", err)
		}
		return nil
	})
}

// TakeCeremony implements dossiers.Store. Whatever the ceremony then proves is
// committed after its removal, hence durable only with it: see lazily.
func (s *Store) TakeCeremony(ctx context.Context, t dossiers.TenantID, id []byte, purpose, session string, now time.Time) (c approvals.Ceremony, note []byte, err error) {
	var record []byte
	err = s.lazily(ctx, t, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `delete from ceremony where tenant = $1 and id = $2 and purpose = $3 and session = $4 and expires > $5 returning record, note`,
			t, id, purpose, session, now).Scan(&record, &note)
		return one("ceremony", err)
	})
	if err != nil {
		return c, nil, err
	}
	if err := json.Unmarshal(record, &c); err != nil {
		return c, nil, fmt.Errorf("decode ceremony: %w", err)
	}
	return c, note, nil
}

// Sweep removes the ceremonies, sessions, authorisations of keys and seals of
// evidence of every town that have expired.
func (s *Store) Sweep(ctx context.Context, now time.Time) error {
	towns, err := s.towns(ctx)
	if err != nil {
		return err
	}
	for _, t := range towns {
		err := s.in(ctx, t, func(tx pgx.Tx) error {
			b := &pgx.Batch{}
			b.Queue(`delete from ceremony where tenant = $1 and expires < $2`, t, now)
			b.Queue(`delete from session where tenant = $1 and expires < $2`, t, now)
			b.Queue(`delete from key_activation where tenant = $1 and expires < $2`, t, now)
			b.Queue(`delete from evidence_seal where tenant = $1 and at < $2`, t, now.Add(-dossiers.EvidenceLife))
			queueSweep(b, t, now)
			return run(ctx, tx, b)
		})
		if err != nil {
			return fmt.Errorf("sweep %s: %w", t, err)
		}
	}
	return nil
}
