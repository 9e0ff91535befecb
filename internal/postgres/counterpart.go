package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"parapheur/circuits"
	"parapheur/dossiers"
)

// KeepCounterpart implements dossiers.Store.
func (s *Store) KeepCounterpart(ctx context.Context, t dossiers.TenantID, c dossiers.Counterpart) error {
	return s.in(ctx, t, func(tx pgx.Tx) error {
		b := &pgx.Batch{}
		b.Queue(`delete from counterpart where tenant = $1 and person = $2 and origin = $3 and other is null`, t, c.Person, c.Origin)
		b.Queue(`insert into counterpart (tenant, id, person, origin, kid, evidence, began_at) values ($1, $2, $3, $4, $5, $6, $7)`,
			t, c.ID, c.Person, c.Origin, c.KID, c.Evidence, c.BeganAt)
		if err := run(ctx, tx, b); err != nil {
			return fmt.Errorf("keep a counterpart: %w", err)
		}
		return nil
	})
}

// linkedSide is the body of the journal about a counterpart.
type linkedSide struct {
	Origin   string          `json:"origin"`
	ID       string          `json:"id"`
	Evidence json.RawMessage `json:"evidence,omitempty"`
	By       circuits.Actor  `json:"by"`
}

// LinkCounterpart implements dossiers.Store.
func (s *Store) LinkCounterpart(ctx context.Context, t dossiers.TenantID, c dossiers.Counterpart, by circuits.Actor) error {
	if !validUUID(c.ID) || !validUUID(c.Other) {
		return fmt.Errorf("link a counterpart: %w", dossiers.ErrNotFound)
	}
	return s.in(ctx, t, func(tx pgx.Tx) error {
		var other string
		var evidence []byte
		err := tx.QueryRow(ctx, `select coalesce(other::text, ''), evidence from counterpart
			where tenant = $1 and id = $2 and person = $3 and origin = $4 for update`, t, c.ID, c.Person, c.Origin).Scan(&other, &evidence)
		switch {
		case err != nil:
			return one("counterpart", err)
		case other == c.Other:
			return nil
		case other != "":
			return fmt.Errorf("counterpart %s: %w", c.ID, dossiers.ErrConflict)
		}
		b := &pgx.Batch{}
		b.Queue(`delete from counterpart where tenant = $1 and person = $2 and origin = $3 and id <> $4`, t, c.Person, c.Origin, c.ID)
		b.Queue(`update counterpart set other = $3, linked_at = $4 where tenant = $1 and id = $2`, t, c.ID, c.Other, c.LinkedAt)
		if err := run(ctx, tx, b); err != nil {
			return fmt.Errorf("link a counterpart: %w", err)
		}
		return appendFacts(ctx, tx, t, fact{
			at: c.LinkedAt, subject: string(c.Person), kind: dossiers.KindPersonLinked, body: linkedSide{c.Origin, c.ID, evidence, by},
		})
	})
}

// CounterpartsOf implements dossiers.Store.
func (s *Store) CounterpartsOf(ctx context.Context, t dossiers.TenantID, p circuits.PersonID) (out []dossiers.Counterpart, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			select c.id::text, c.person::text, c.origin, c.other::text, c.kid, k.cose, c.evidence, c.began_at, c.linked_at, o.name
			from counterpart c join tenant o on o.origin = c.origin
				join credential k on k.tenant = c.tenant and k.kid = c.kid and k.person = c.person
			where c.tenant = $1 and c.person = $2 and c.other is not null order by o.name, o.origin`, t, p)
		if err != nil {
			return fmt.Errorf("counterparts: %w", err)
		}
		out, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (c dossiers.Counterpart, err error) {
			return c, row.Scan(&c.ID, &c.Person, &c.Origin, &c.Other, &c.KID, &c.COSE, &c.Evidence, &c.BeganAt, &c.LinkedAt, &c.Name)
		})
		if err != nil {
			return fmt.Errorf("counterparts: %w", err)
		}
		return nil
	})
	return out, err
}

// UnlinkCounterpart implements dossiers.Store.
func (s *Store) UnlinkCounterpart(ctx context.Context, t dossiers.TenantID, p circuits.PersonID, id string, by circuits.Actor, at time.Time) error {
	if !validUUID(id) {
		return fmt.Errorf("unlink a counterpart: %w", dossiers.ErrNotFound)
	}
	return s.in(ctx, t, func(tx pgx.Tx) error {
		var origin string
		err := tx.QueryRow(ctx, `delete from counterpart where tenant = $1 and person = $2 and id = $3 returning origin`, t, p, id).Scan(&origin)
		if err != nil {
			return one("counterpart", err)
		}
		return appendFacts(ctx, tx, t, fact{at: at, subject: string(p), kind: dossiers.KindPersonUnlinked, body: linkedSide{origin, id, nil, by}})
	})
}
