package pgtest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// exampleSchema has the weight of the real one: thirty tables and sixty indexes.
func exampleSchema(ctx context.Context, dsn string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for i := range 30 {
		_, err := conn.Exec(ctx, fmt.Sprintf("CREATE TABLE letter%d (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, title text, at timestamptz); CREATE INDEX ON letter%d (title); CREATE INDEX ON letter%d (at)", i, i, i))
		if err != nil {
			return err
		}
	}
	return nil
}

func TestEachTestHasItsOwnDatabase(t *testing.T) {
	t.Parallel()
	for i := range 20 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			pool := DB(t, exampleSchema)
			var count int
			if _, err := pool.Exec(t.Context(), "INSERT INTO letter0 (title) VALUES ('Réponse à M. Œuvrard')"); err != nil {
				t.Fatal(err)
			}
			if err := pool.QueryRow(t.Context(), "SELECT count(*) FROM letter0").Scan(&count); err != nil || count != 1 {
				t.Fatalf("got %d letters, %v, want 1: another test's rows are visible", count, err)
			}
		})
	}
}

func TestFrenchSortingIsAvailable(t *testing.T) {
	t.Parallel()
	var first string
	err := DB(t, nil).QueryRow(t.Context(), `SELECT v FROM (VALUES ('zèbre'), ('Œuvre'), ('été')) x(v) ORDER BY v COLLATE "fr-x-icu" LIMIT 1`).Scan(&first)
	if err != nil || first != "été" {
		t.Fatalf("got %q, %v, want été", first, err)
	}
}

func TestOtherMigrationsInTheSameProcessAreRefused(t *testing.T) {
	t.Parallel()
	DB(t, exampleSchema)
	c, err := shared.get()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.clone(t.Context(), func(context.Context, string) error { return nil }); err == nil {
		t.Fatal("a second schema was silently served from the first template")
	}
}

func TestWithDatabase(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want string }{
		{"postgres://u:p@h:5433/old?sslmode=disable", "postgres://u:p@h:5433/new?sslmode=disable"},
		{"postgres:///old?host=/run/pg&user=u", "postgres:///new?host=/run/pg&user=u"},
		{"postgresql://h", "postgresql://h/new"},
		{"host=/run/pg dbname=old", "host=/run/pg dbname=old dbname=new"},
	} {
		got := withDatabase(c.in, "new")
		if got != c.want {
			t.Errorf("withDatabase(%q) = %q, want %q", c.in, got, c.want)
		}
		if config, err := pgx.ParseConfig(got); err != nil || config.Database != "new" {
			t.Errorf("pgx reads %q as database %q, %v, want new", got, config.Database, err)
		}
	}
}

func TestStaleNames(t *testing.T) {
	t.Parallel()
	now := time.Unix(2_000_000_000, 0)
	for name, want := range map[string]bool{
		prefix + "1999990000_12_1": true,
		prefix + "1999999990_12_1": false,
		prefix + "mine":            false,
		prefix + "x_1_1":           false,
	} {
		if got := isStale(name, now); got != want {
			t.Errorf("isStale(%s) = %v, want %v", name, got, want)
		}
	}
}

func TestAnotherServerIsUsedAndSwept(t *testing.T) {
	t.Parallel()
	private, err := shared.get()
	if err != nil {
		t.Fatal(err)
	}
	left := prefix + "1000000000_1_1" // what a run killed in 2001 left
	if err := private.create(t.Context(), left, "template0"); err != nil {
		t.Fatal(err)
	}
	c, err := open(t.Context(), private.dsn("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.admin.Close)
	var exists bool
	if err := c.admin.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", left).Scan(&exists); err != nil || exists {
		t.Fatalf("the old database still exists (%v), %v", exists, err)
	}
	name, err := c.clone(t.Context(), exampleSchema)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.drop(name); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkClone(b *testing.B) {
	c, err := shared.get()
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		name, err := c.clone(b.Context(), exampleSchema)
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := c.drop(name); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
