package migrations_test

import (
	"context"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"parapheur/internal/pgtest"
	"parapheur/migrations"
)

// Four nodes start at the same instant on an empty database, and one of them
// once more: each finds the newest schema.
func TestApplyTogether(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t, nil)
	var nodes sync.WaitGroup
	for range 4 {
		nodes.Go(func() {
			if err := migrations.Apply(t.Context(), dsn); err != nil {
				t.Error(err)
			}
		})
	}
	nodes.Wait()
	if err := migrations.Apply(t.Context(), dsn); err != nil {
		t.Error(err)
	}
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context())) //nolint:errcheck // read only
	var applied, twice, open int
	err = conn.QueryRow(t.Context(), `select count(*), count(*) - count(distinct version_id) from goose_db_version where version_id > 0`).Scan(&applied, &twice)
	if err != nil || applied < 3 || twice != 0 {
		t.Errorf("%d migrations applied, %d of them twice, %v", applied, twice, err)
	}
	// Whatever bears a town is held to it, the owner included.
	err = conn.QueryRow(t.Context(), `
		select count(*) from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant' and not a.attisdropped
		where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
		and not (c.relrowsecurity and c.relforcerowsecurity and exists (select from pg_policy p where p.polrelid = c.oid))`).Scan(&open)
	if err != nil || open != 0 {
		t.Errorf("%d tables are open to other towns, %v", open, err)
	}
}

// A database that cannot be reached is an error, not a hang.
func TestApplyNowhere(t *testing.T) {
	t.Parallel()
	if err := migrations.Apply(t.Context(), "postgres:///x?host=/nowhere"); err == nil {
		t.Error("migrated what does not exist")
	}
}
