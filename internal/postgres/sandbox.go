package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"parapheur/circuits"
	"parapheur/dossiers"
)

// NextSandbox is the SIRET of the next sandbox: the first number that none has.
// It runs as whoever adds towns, who may be refused it when somebody was faster.
func NextSandbox(ctx context.Context, owner interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
},
) (siret string, err error) {
	err = owner.QueryRow(ctx, `select lpad((coalesce(max(siret::bigint), 0) + 1)::text, 14, '0') from tenant where sandbox`).Scan(&siret)
	if err != nil {
		return "", fmt.Errorf("number a sandbox: %w", err)
	}
	return siret, nil
}

// SandboxTowns implements dossiers.Store.
func (s *Store) SandboxTowns(ctx context.Context) ([]dossiers.Tenant, error) {
	rows, err := s.pool.Query(ctx, `select id::text, siret, name, place, rp_id, origin, demo from tenant where sandbox order by siret`)
	if err != nil {
		return nil, fmt.Errorf("sandboxes: %w", err)
	}
	towns, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (t dossiers.Tenant, err error) {
		return t, row.Scan(&t.ID, &t.SIRET, &t.Name, &t.Place, &t.RPID, &t.Origin, &t.Demo)
	})
	if err != nil {
		return nil, fmt.Errorf("sandboxes: %w", err)
	}
	return towns, nil
}

// OpenSandbox implements dossiers.Store. A real town is dossiers.ErrNotFound:
// the schema has no such row for it.
func (s *Store) OpenSandbox(ctx context.Context, t dossiers.TenantID, pki []byte, by circuits.Actor, at time.Time) error {
	body := struct {
		By circuits.Actor `json:"by"`
	}{by}
	err := s.administer(ctx, t, fact{at: at, subject: string(t), kind: dossiers.KindSandboxOpened, body: body}, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `insert into sandbox (tenant, pki) values ($1, $2)`, t, pki)
		return err
	})
	if violates(err, "sandbox_pkey") {
		return fmt.Errorf("open sandbox: %w", dossiers.ErrConflict)
	}
	return err
}

// SandboxOf implements dossiers.Store.
func (s *Store) SandboxOf(ctx context.Context, t dossiers.TenantID) (out dossiers.SandboxKept, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		var ahead int64
		err := one("sandbox", tx.QueryRow(ctx, `select ahead, pki from sandbox where tenant = $1`, t).Scan(&ahead, &out.PKI))
		out.Ahead = time.Duration(ahead) * time.Microsecond
		return err
	})
	return out, err
}

// AdvanceClock implements dossiers.Store.
func (s *Store) AdvanceClock(ctx context.Context, t dossiers.TenantID, ahead time.Duration, by circuits.Actor, at time.Time) error {
	body := struct {
		To    time.Time      `json:"to"`
		Ahead int64          `json:"ahead_seconds"`
		By    circuits.Actor `json:"by"`
	}{at, int64(ahead / time.Second), by}
	return s.administer(ctx, t, fact{at: at, subject: string(t), kind: dossiers.KindSandboxClock, body: body}, func(tx pgx.Tx) error {
		var before int64
		if err := tx.QueryRow(ctx, `select ahead from sandbox where tenant = $1 for update`, t).Scan(&before); err != nil {
			return one("sandbox", err)
		}
		if ahead.Microseconds() < before {
			return dossiers.ErrClockBack
		}
		_, err := tx.Exec(ctx, `update sandbox set ahead = $2 where tenant = $1`, t, ahead.Microseconds())
		return err
	})
}

// AddTestPerson implements dossiers.Store.
func (s *Store) AddTestPerson(ctx context.Context, t dossiers.TenantID, p dossiers.TestPerson, by circuits.Actor, at time.Time) error {
	body := struct {
		Role string         `json:"role"`
		By   circuits.Actor `json:"by"`
	}{p.Role, by}
	return s.administer(ctx, t, fact{at: at, subject: string(p.Person), kind: dossiers.KindSandboxPerson, body: body}, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `insert into test_person (tenant, person, role, kid, passkey) values ($1, $2, $3, $4, $5)`, t, p.Person, p.Role, p.KID, p.Passkey)
		return err
	})
}

// TestPersons implements dossiers.Store.
func (s *Store) TestPersons(ctx context.Context, t dossiers.TenantID) (out []dossiers.TestPerson, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `select person::text, role, kid, passkey from test_person where tenant = $1 order by role`, t)
		if err == nil {
			out, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (p dossiers.TestPerson, err error) {
				return p, row.Scan(&p.Person, &p.Role, &p.KID, &p.Passkey)
			})
		}
		if err != nil {
			return fmt.Errorf("test persons: %w", err)
		}
		return nil
	})
	return out, err
}
