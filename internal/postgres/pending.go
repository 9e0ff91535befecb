package postgres

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"parapheur/circuits"
	"parapheur/dossiers"
)

// What the journal says of a passkey before it is in force.
type pendingFact struct {
	Credential string         `json:"credential"`
	KeySHA256  string         `json:"key_sha256,omitempty"`
	By         circuits.Actor `json:"by"`
}

// KeepPending implements dossiers.Store.
func (s *Store) KeepPending(ctx context.Context, t dossiers.TenantID, p dossiers.PendingPasskey, invitation *[32]byte, by circuits.Actor, at time.Time) error {
	body := pendingFact{hex.EncodeToString(p.ID), p.Fingerprint().String(), by}
	err := s.administer(ctx, t, fact{at: at, subject: string(p.Person), kind: kindRegistered, body: body}, func(tx pgx.Tx) error {
		if err := useInvitation(ctx, tx, t, p.Person, invitation, at); err != nil {
			return err
		}
		record, err := json.Marshal(p.Pending)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `insert into pending_passkey (tenant, kid, person, record, label, invited_by, created_at) values ($1, $2, $3, $4, $5, $6, $7)`,
			t, p.ID, p.Person, record, p.Label, p.InvitedBy, at)
		return err
	})
	if violates(err, "pending_passkey_pkey") {
		return fmt.Errorf("keep pending passkey: %w", dossiers.ErrConflict)
	}
	return err
}

// PendingPasskeys implements dossiers.Store.
func (s *Store) PendingPasskeys(ctx context.Context, t dossiers.TenantID) (out []dossiers.PendingPasskey, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `select record, person::text, label, invited_by, created_at from pending_passkey where tenant = $1 order by created_at, kid`, t)
		if err != nil {
			return fmt.Errorf("pending passkeys: %w", err)
		}
		out, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (p dossiers.PendingPasskey, err error) {
			var record []byte
			var label string
			var created time.Time
			if err := row.Scan(&record, &p.Person, &label, &p.InvitedBy, &created); err != nil {
				return p, err
			}
			err = json.Unmarshal(record, &p.Pending)
			p.Label, p.CreatedAt = label, created
			return p, err
		})
		if err != nil {
			return fmt.Errorf("pending passkeys: %w", err)
		}
		return nil
	})
	return out, err
}

// DropPending implements dossiers.Store.
func (s *Store) DropPending(ctx context.Context, t dossiers.TenantID, kid []byte, by circuits.Actor, at time.Time) error {
	return s.in(ctx, t, func(tx pgx.Tx) error {
		var person string
		err := tx.QueryRow(ctx, `delete from pending_passkey where tenant = $1 and kid = $2 returning person::text`, t, kid).Scan(&person)
		if err := one("pending passkey", err); err != nil {
			return err
		}
		return appendFacts(ctx, tx, t, fact{at: at, subject: person, kind: kindRefused, body: pendingFact{Credential: hex.EncodeToString(kid), By: by}})
	})
}
