// Package pgtest gives every test its own PostgreSQL database, cloned in some ten milliseconds from a migrated template.
//
//	func TestInbox(t *testing.T) {
//		t.Parallel()
//		pool := pgtest.DB(t, migrations.Apply)
//		…
//	}
//
// Each test process starts one private throw-away server (see package pgdev) at the first call; no TestMain is needed and
// nothing is left behind. PARAPHEUR_TEST_DATABASE_URL names another server to use instead: its role must be allowed to
// create databases, and only databases named parapheur_test_* are touched there.
//
// # Failure handling
//
// Everything that goes wrong is fatal for the test, a missing PostgreSQL included: a suite that skips its database has
// tested nothing.
package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"parapheur/internal/pgdev"
)

// Environment names the variable that holds the address of another server.
const Environment = "PARAPHEUR_TEST_DATABASE_URL"

// OnDisk names the variable that, set to anything, keeps the private server out of memory: for tests that fill it with
// gigabytes.
const OnDisk = "PARAPHEUR_TEST_ON_DISK"

// Migrate brings an empty database to the current schema. It is run once for each test process and must have closed its
// connections when it returns. Nil gives empty databases.
type Migrate func(ctx context.Context, dsn string) error

const (
	prefix = "parapheur_test_"
	// stale is older than any test run: go test itself gives up after ten minutes.
	stale = 2 * time.Hour
	// objectInUse is what PostgreSQL answers while a connection to the template is still closing.
	objectInUse = "55006"
)

// DB returns connections to a new database for this test, as its owner and superuser; the database is dropped when the
// test ends. All tests of a process must pass the same migrate.
func DB(t testing.TB, migrate Migrate) *pgxpool.Pool {
	t.Helper()
	config, err := pgxpool.ParseConfig(DSN(t, migrate))
	if err != nil {
		t.Fatalf("pgtest: parse the address: %v", err)
	}
	config.MaxConns = 8 // a server of 200 connections serves some twenty parallel tests
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	if err != nil {
		t.Fatalf("pgtest: open the pool: %v", err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// DSN is [DB] for code that opens its own connections.
func DSN(t testing.TB, migrate Migrate) string {
	t.Helper()
	c, err := shared.get()
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	name, err := c.clone(context.Background(), migrate)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(func() {
		if err := c.drop(name); err != nil {
			t.Errorf("pgtest: %v", err)
		}
	})
	return c.dsn(name)
}

// shared is the one server of the process: starting one for each test would cost half a second each.
var shared lazyCluster

type lazyCluster struct {
	once    sync.Once
	cluster *cluster
	err     error
}

func (l *lazyCluster) get() (*cluster, error) {
	l.once.Do(func() { l.cluster, l.err = open(context.Background(), os.Getenv(Environment)) })
	return l.cluster, l.err
}

// cluster is a server with the template of this process.
type cluster struct {
	admin    *pgxpool.Pool // connected to the maintenance database, never to a template
	dsn      func(database string) string
	strategy string // how databases are copied
	run      string // random: process numbers collide between machines that share a server

	mu       sync.Mutex
	serial   int
	template string  // empty until migrated; guarded by mu
	migrated uintptr // the code of the function that made the template; guarded by mu
}

// open starts the private server, or connects to the one named.
func open(ctx context.Context, address string) (*cluster, error) {
	c := &cluster{run: strings.ToLower(rand.Text()[:8])}
	if address != "" {
		c.dsn = func(database string) string { return withDatabase(address, database) }
	} else {
		server, err := pgdev.Start(ctx, pgdev.Options{Throwaway: true, OnDisk: os.Getenv(OnDisk) != ""})
		if err != nil {
			return nil, err
		}
		c.dsn = server.DSN
		// Copying files is several times faster than writing the copy to the log, where a checkpoint costs nothing.
		c.strategy = " STRATEGY file_copy"
	}
	admin := address
	if admin == "" {
		admin = c.dsn("postgres")
	}
	var err error
	if c.admin, err = pgxpool.New(ctx, admin); err != nil {
		return nil, fmt.Errorf("open the server: %w", err)
	}
	if err := c.admin.Ping(ctx); err != nil {
		return nil, fmt.Errorf("reach the server: %w", err)
	}
	if address != "" {
		err = c.dropStale(ctx)
	}
	return c, err
}

// withDatabase replaces the database of an address, in either of the forms libpq knows.
func withDatabase(address, database string) string {
	u, err := url.Parse(address)
	if err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") {
		return address + " dbname=" + database // of two settings the later one wins
	}
	u.Path = "/" + database
	return u.String()
}

// clone makes the database of one test.
func (c *cluster) clone(ctx context.Context, migrate Migrate) (string, error) {
	template, err := c.templateFor(ctx, migrate)
	if err != nil {
		return "", err
	}
	name := c.nextName()
	if err := c.create(ctx, name, template); err != nil {
		return "", err
	}
	return name, nil
}

// nextName is unique on the server and says when it was made, so that a later run can drop what a killed one left.
func (c *cluster) nextName() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.nextNameLocked()
}

func (c *cluster) nextNameLocked() string {
	c.serial++
	return fmt.Sprintf("%s%d_%s_%d", prefix, time.Now().Unix(), c.run, c.serial)
}

// templateFor makes the migrated template at the first call.
func (c *cluster) templateFor(ctx context.Context, migrate Migrate) (string, error) {
	if migrate == nil {
		return "template0", nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	code := reflect.ValueOf(migrate).Pointer()
	if c.template != "" {
		if c.migrated != code {
			return "", errors.New("two tests of one process gave different migrations")
		}
		return c.template, nil
	}
	name := c.nextNameLocked()
	if err := c.create(ctx, name, "template0"); err != nil {
		return "", err
	}
	if err := migrate(ctx, c.dsn(name)); err != nil {
		return "", fmt.Errorf("migrate the template: %w", err)
	}
	// No connection may remain on a template, not even one that is still closing.
	_, err := c.admin.Exec(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
	if err != nil {
		return "", fmt.Errorf("close the template: %w", err)
	}
	c.template, c.migrated = name, code
	return name, nil
}

func (c *cluster) create(ctx context.Context, name, template string) error {
	statement := "CREATE DATABASE " + pgx.Identifier{name}.Sanitize() + " TEMPLATE " + pgx.Identifier{template}.Sanitize() + c.strategy
	for attempt := 0; ; attempt++ {
		_, err := c.admin.Exec(ctx, statement)
		var refused *pgconn.PgError
		if errors.As(err, &refused) && refused.Code == objectInUse && attempt < 10 {
			continue // PostgreSQL itself waits five seconds before it answers so
		}
		if err != nil {
			return fmt.Errorf("create database %s: %w", name, err)
		}
		return nil
	}
}

func (c *cluster) drop(name string) error {
	_, err := c.admin.Exec(context.Background(), "DROP DATABASE IF EXISTS "+pgx.Identifier{name}.Sanitize()+" WITH (FORCE)")
	if err != nil {
		return fmt.Errorf("drop database %s: %w", name, err)
	}
	return nil
}

// dropStale removes what killed runs left on a server that outlives them.
func (c *cluster) dropStale(ctx context.Context) error {
	rows, err := c.admin.Query(ctx, "SELECT datname FROM pg_database WHERE starts_with(datname, $1)", prefix)
	if err != nil {
		return fmt.Errorf("list old test databases: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("list old test databases: %w", err)
	}
	for _, name := range names {
		if !isStale(name, time.Now()) {
			continue
		}
		if err := c.drop(name); err != nil {
			return err
		}
	}
	return nil
}

// isStale reads the time out of a name that nextName made.
func isStale(name string, now time.Time) bool {
	made, _, ok := strings.Cut(strings.TrimPrefix(name, prefix), "_")
	if !ok {
		return false
	}
	seconds, err := strconv.ParseInt(made, 10, 64)
	return err == nil && now.Sub(time.Unix(seconds, 0)) > stale
}
