// Package postgres keeps towns, people, dossiers and the journal in
// PostgreSQL. Transactions begin and end here; no other package sees one, and
// pgx stops here. It must hold no rule about circuits.
//
// Every transaction names its town in parapheur.tenant, and the role it runs
// under (parapheur_app) is held to that town by row-level security: a query
// that forgets its town finds nothing.
//
// Locks are taken in one order: the dossier, then the head of the town's
// journal. The head is locked until commit, so entries become visible in the
// order of their seq and a reader's cursor never jumps over one.
//
// # Failure handling
//
// What does not exist is dossiers.ErrNotFound; a lost race is
// dossiers.ErrConflict; any other error is PostgreSQL's, wrapped with what was
// being done. A transaction that fails leaves nothing.
package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"parapheur/dossiers"
)

// An Enqueuer puts the sealing job of a dossier in the transaction that
// decided it.
type Enqueuer interface {
	EnqueueSeal(ctx context.Context, tx pgx.Tx, t dossiers.TenantID, id dossiers.ID) error
}

// Store is a dossiers.Store. It is safe for concurrent use.
type Store struct {
	pool *pgxpool.Pool
	jobs Enqueuer
}

var _ dossiers.Store = (*Store)(nil)

// Pool connects to dsn. Each connection serves as parapheur_app, whoever
// logged in: never as an owner, never past row-level security.
func Pool(ctx context.Context, dsn string) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("database address: %w", err)
	}
	cfg.AfterConnect = func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, `set role parapheur_app`)
		return err
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	return pool, nil
}

// New returns a Store over pool (see Pool), whose schema is migrated.
func New(pool *pgxpool.Pool, jobs Enqueuer) *Store { return &Store{pool: pool, jobs: jobs} }

// Ping reports whether the database answers.
func (s *Store) Ping(ctx context.Context) error { return s.pool.Ping(ctx) }

// in runs fn in a transaction that sees town t only.
func (s *Store) in(ctx context.Context, t dossiers.TenantID, fn func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `select set_config('parapheur.tenant', $1, true)`, string(t)); err != nil {
			return fmt.Errorf("enter town: %w", err)
		}
		return fn(tx)
	})
}

// one turns "no row" into dossiers.ErrNotFound.
func one(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, pgx.ErrNoRows):
		return fmt.Errorf("%s: %w", what, dossiers.ErrNotFound)
	default:
		return fmt.Errorf("%s: %w", what, err)
	}
}

// violates reports whether err is a violation of the named constraint.
func violates(err error, constraint string) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.ConstraintName == constraint
}
