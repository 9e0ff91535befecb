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
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"parapheur/circuits"
	"parapheur/dossiers"
)

// An Enqueuer puts the sealing job of a dossier in the transaction that
// decided it.
type Enqueuer interface {
	EnqueueSeal(ctx context.Context, tx pgx.Tx, t dossiers.TenantID, id dossiers.ID) error
	// EnqueuePrefetch asks for what a signature will need, when its turn comes.
	EnqueuePrefetch(ctx context.Context, tx pgx.Tx, t dossiers.TenantID, id dossiers.ID) error
	// EnqueueNotices asks that people be told of facts of a dossier, by their
	// numbers in its journal.
	EnqueueNotices(ctx context.Context, tx pgx.Tx, t dossiers.TenantID, id dossiers.ID, from, to int) error
	// EnqueueLinked asks that somebody be told of an account that is theirs
	// from now on, by its identifier.
	EnqueueLinked(ctx context.Context, tx pgx.Tx, t dossiers.TenantID, p circuits.PersonID, identity string) error
}

// Store is a dossiers.Store. It is safe for concurrent use.
type Store struct {
	pool *pgxpool.Pool
	db   beginner // the pool, or a transaction within which all happens
	jobs Enqueuer
}

// A beginner begins transactions.
type beginner interface {
	BeginTx(ctx context.Context, o pgx.TxOptions) (pgx.Tx, error)
}

// within begins transactions inside another one, which names the town.
type within struct{ pgx.Tx }

// BeginTx implements beginner. The options are those of the outer transaction.
func (w within) BeginTx(ctx context.Context, _ pgx.TxOptions) (pgx.Tx, error) { return w.Begin(ctx) }

var _ dossiers.Store = (*Store)(nil)

// connections is the size of a node's pool when the address names none.
const connections = 16

// Pool connects to dsn. Each connection serves as parapheur_app, whoever
// logged in: never as an owner, never past row-level security.
func Pool(ctx context.Context, dsn string) (*pgxpool.Pool, error) {
	return pool(ctx, dsn, `set role parapheur_app`)
}

// OperatorPool is Pool for the command line. Who may not serve as
// parapheur_app serves as parapheur_host, which creates towns and sees none of
// their letters.
func OperatorPool(ctx context.Context, dsn string) (*pgxpool.Pool, error) {
	return pool(ctx, dsn, `select set_config('role', case when pg_has_role('parapheur_app', 'member') then 'parapheur_app' else 'parapheur_host' end, false)`)
}

// HostPool is Pool for a hosting centre: each connection serves as
// parapheur_host, whoever logged in.
func HostPool(ctx context.Context, dsn string) (*pgxpool.Pool, error) {
	return pool(ctx, dsn, `set role parapheur_host`)
}

func pool(ctx context.Context, dsn, role string) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("database address: %w", err)
	}
	if !strings.Contains(dsn, "pool_max_conns") {
		// The driver's default, one connection a core, starves a node whose
		// jobs, streams and requests wait on the disk and not on the processor.
		cfg.MaxConns = max(cfg.MaxConns, connections)
	}
	cfg.AfterConnect = func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, role)
		return err
	}
	p, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	return p, nil
}

// New returns a Store over pool (see Pool), whose schema is migrated.
func New(pool *pgxpool.Pool, jobs Enqueuer) *Store { return &Store{pool: pool, db: pool, jobs: jobs} }

// Ping reports whether the database answers.
func (s *Store) Ping(ctx context.Context) error { return s.pool.Ping(ctx) }

// in runs fn in a transaction that sees town t only. A reference to what the
// town does not have is dossiers.ErrNotFound, as is a name made of bytes that
// no text of the database holds: it names nothing.
func (s *Store) in(ctx context.Context, t dossiers.TenantID, fn func(pgx.Tx) error) error {
	return s.enter(ctx, t, "", fn)
}

// lazily is in for what may be lost when PostgreSQL itself crashes: its commit
// does not wait for the disk. What is committed later is never durable before
// it, since the log has one order.
func (s *Store) lazily(ctx context.Context, t dossiers.TenantID, fn func(pgx.Tx) error) error {
	return s.enter(ctx, t, `; set local synchronous_commit = off`, fn)
}

func (s *Store) enter(ctx context.Context, t dossiers.TenantID, setting string, fn func(pgx.Tx) error) error {
	if !validUUID(string(t)) { // it goes into the text of a statement
		return fmt.Errorf("town %q: %w", t, dossiers.ErrNotFound)
	}
	begin := pgx.TxOptions{BeginQuery: `begin; set local parapheur.tenant = '` + string(t) + `'` + setting}
	err := pgx.BeginTxFunc(ctx, s.db, begin, fn)
	var pg *pgconn.PgError
	if errors.As(err, &pg) && (pg.Code == foreignKeyViolation || pg.Code == noCharacter) {
		return fmt.Errorf("%w: %w", dossiers.ErrNotFound, err)
	}
	return err
}

// Codes of PostgreSQL: a row names another which does not exist; a text holds
// what is no character of UTF-8, or the one that ends.
const (
	foreignKeyViolation = "23503"
	noCharacter         = "22021"
)

// run sends a batch and waits for all of it.
func run(ctx context.Context, tx pgx.Tx, b *pgx.Batch) error { return tx.SendBatch(ctx, b).Close() }

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
