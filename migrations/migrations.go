// Package migrations holds the schema: numbered SQL, embedded, forward only,
// each in its transaction, together with the tables of the job queue.
//
// Apply may run on several nodes at once: one migrates under a lock, the
// others wait for it. It fails with the statement that failed and leaves the
// database at the last migration that succeeded.
package migrations

import (
	"context"
	"database/sql"
	"embed"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/jackc/pgx/v5/stdlib" // goose speaks database/sql
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

//go:embed *.sql
var files embed.FS

// Apply brings the database at dsn to the newest schema. dsn must name a role
// that may create tables and roles: the owner, never the role that serves.
func Apply(ctx context.Context, dsn string) error {
	return upTo(ctx, dsn, goose.MaxVersion)
}

// upTo brings the database at dsn to a version.
func upTo(ctx context.Context, dsn string, version int64) error {
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	defer db.Close() //nolint:errcheck // nothing left to say
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 60))
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithSessionLocker(locker))
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	if err := queue(ctx, dsn); err != nil {
		return err
	}
	if _, err := provider.UpTo(ctx, version); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// queue creates the tables of the job queue and opens them to the role that
// serves. A job names a town; its rows hold identifiers only.
func queue(ctx context.Context, dsn string) error {
	pool, err := pgxpool.New(ctx, dsn)
	if err != nil {
		return fmt.Errorf("migrate the job queue: %w", err)
	}
	defer pool.Close()
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("migrate the job queue: %w", err)
	}
	defer conn.Release()
	// Session lock: two nodes starting together migrate one after the other.
	if _, err := conn.Exec(ctx, `select pg_advisory_lock(720131)`); err != nil {
		return fmt.Errorf("migrate the job queue: %w", err)
	}
	defer conn.Exec(ctx, `select pg_advisory_unlock(720131)`) //nolint:errcheck // the session ends anyway
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), nil)
	if err != nil {
		return fmt.Errorf("migrate the job queue: %w", err)
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("migrate the job queue: %w", err)
	}
	return nil
}
