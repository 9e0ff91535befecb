package migrations_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"parapheur/internal/pgtest"
	"parapheur/migrations"
)

// TestOwnerWithoutRights migrates as what a hosted database gives: a role that
// owns the database and may create no role. Once a superuser has prepared
// parapheur_app it is enough; before, the refusal says what to do.
func TestOwnerWithoutRights(t *testing.T) {
	t.Parallel()
	conn, hosted := ofOwner(t)
	exec := executor(t, conn)

	err := migrations.Apply(t.Context(), hosted)
	var pg interface{ SQLState() string }
	if !errors.As(err, &pg) || pg.SQLState() != "42501" || !strings.Contains(err.Error(), "is not a member of parapheur_app") {
		t.Fatalf("got %v, want a refusal that names parapheur_app", err)
	}
	owner := ownerOf(conn)
	exec(`grant parapheur_app to ` + owner)
	if err := migrations.Apply(t.Context(), hosted); err != nil {
		t.Fatal(err)
	}
	var name string
	if err := conn.QueryRow(t.Context(), `select tableowner from pg_tables where tablename = 'journal'`).Scan(&name); err != nil || name != owner {
		t.Errorf("the journal belongs to %q, want %q: %v", name, owner, err)
	}
}

// ownerOf names the owner of a database.
func ownerOf(conn *pgx.Conn) string { return "owner_of_" + conn.Config().Database }

// executor runs statements that have to succeed.
func executor(t *testing.T, conn *pgx.Conn) func(sql string) {
	return func(sql string) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
}

// ofOwner makes an empty database of an owner without rights, and returns a
// connection of a superuser to it and the address of the owner's.
func ofOwner(t *testing.T) (conn *pgx.Conn, hosted string) {
	t.Helper()
	dsn := pgtest.DSN(t, nil)
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	after := context.WithoutCancel(t.Context())
	t.Cleanup(func() { _ = conn.Close(after) })
	owner, exec := ownerOf(conn), executor(t, conn)
	exec(`do $$ begin create role parapheur_app nologin; exception when duplicate_object or unique_violation then null; end $$`)
	exec(`create role ` + owner)
	t.Cleanup(func() {
		if _, err := conn.Exec(after, `reset role; reassign owned by `+owner+` to current_user; drop owned by `+owner+`; drop role `+owner); err != nil {
			t.Error(err)
		}
	})
	exec(`do $$ begin execute format('alter database %I owner to ` + owner + `', current_database()); end $$`)
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("role", owner) // a setting of the session: whoever logs in becomes the owner
	u.RawQuery = q.Encode()
	return conn, u.String()
}
