package postgres_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/child"
	"parapheur/internal/demo"
	"parapheur/internal/postgres"
	"parapheur/internal/towntest"
	"parapheur/internal/wiring"
)

func TestMain(m *testing.M) {
	child.Main(wiring.Jobs()...)
	os.Exit(m.Run())
}

// lived has the town live through everything that leaves a row: a signed
// letter, a deposit under a key, a visit, a ceremony under way.
func lived(t *testing.T, town *towntest.Town) dossiers.Dossier {
	t.Helper()
	ctx, o := t.Context(), town.Office
	d := town.Deposit(t)
	dgs, mayor := town.Person(t, demo.DGS), town.Person(t, demo.Mayor)
	town.Read(t, dgs.Viewer(t), d.ID, 1, "")
	for who, decision := range []string{"visa", "signature"} {
		if _, err := []*towntest.Person{dgs, mayor}[who].Decide(t, d.ID, decision, ""); err != nil {
			t.Fatal(err)
		}
	}
	d = town.Await(t, d.ID, func(d dossiers.Dossier) bool { return d.State.Phase == circuits.Completed })
	if _, err := activation(ctx, town.Store, town.Tenant.ID, town.Tenant.ID, "lived", true); err != nil {
		t.Fatal(err)
	}
	organised(t, town, d.ID)
	gec, _, err := o.Authenticate(ctx, town.Tenant, town.Founded.APIKeys[demo.GEC])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := town.Store.Organise(ctx, town.Tenant.ID, by, time.Now(), func(dossiers.Organisation) ([]dossiers.Amendment, error) {
		return []dossiers.Amendment{dossiers.DepositRulesSet{Rules: dossiers.DepositRules{ownRule(town): true}}}, nil
	}); err != nil {
		t.Fatal(err)
	}
	letter := town.Letter(t)
	letter.Notices = append(letter.Notices, dossiers.Notice{Code: dossiers.NoticeRepaired})
	of, _, err := o.Deposit(ctx, gec, dossiers.Draft{
		Title: "Une lettre", Recipient: "Quelqu’un", TypeCode: "courrier-simple", ExternalReference: "GEC-1", Main: letter, Start: true, Key: "k1",
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dgs.Begin(t, of.ID, "visa", ""); err != nil {
		t.Fatal(err)
	}
	return d
}

// ownRule is the content that this town refuses, and its neighbour does not.
func ownRule(town *towntest.Town) dossiers.NoticeCode {
	sum := 0
	for _, c := range town.Tenant.SIRET {
		sum += int(c)
	}
	return dossiers.Contents()[sum%len(dossiers.Contents())]
}

// ofSandboxes are the tables where no town but a sandbox has a row:
// sandbox_test.go.
func ofSandboxes() []string { return []string{"sandbox", "test_person"} }

// tables lists what bears a town, from the catalog, without what only sandboxes
// have: a new table is covered.
func tables(t *testing.T, owner *pgxpool.Pool) []string {
	t.Helper()
	rows, err := owner.Query(t.Context(), `
		select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant' and not a.attisdropped
		where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') order by 1`)
	if err != nil {
		t.Fatal(err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(names) < 20 {
		t.Fatalf("tables %v, %v", names, err)
	}
	return slices.DeleteFunc(names, func(name string) bool { return slices.Contains(ofSandboxes(), name) })
}

// print is a fingerprint of every row of a town.
func print(t *testing.T, owner *pgxpool.Pool, of dossiers.TenantID) map[string]string {
	t.Helper()
	return printOf(t, owner, of, tables(t, owner))
}

func printOf(t *testing.T, owner *pgxpool.Pool, of dossiers.TenantID, tables []string) map[string]string {
	t.Helper()
	sums := map[string]string{}
	for _, table := range tables {
		var n int
		var sum string
		err := owner.QueryRow(t.Context(), `select count(*), coalesce(md5(string_agg(x::text, '|' order by x::text)), '') from `+
			pgx.Identifier{table}.Sanitize()+` x where tenant = $1`, of).Scan(&n, &sum)
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			t.Errorf("table %s holds nothing of the town: the test proves nothing about it", table)
		}
		sums[table] = sum
	}
	return sums
}

// as runs one statement as the serving role, in town t or in none, and rolls
// it back.
func as(t *testing.T, app *pgxpool.Pool, town dossiers.TenantID, query string, args ...any) (n int64, err error) {
	t.Helper()
	ctx := t.Context()
	tx, err := app.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(context.WithoutCancel(ctx)) //nolint:errcheck // on purpose
	if town != "" {
		if _, err := tx.Exec(ctx, `select set_config('parapheur.tenant', $1, true)`, string(town)); err != nil {
			t.Fatal(err)
		}
	}
	tag, err := tx.Exec(ctx, query, args...)
	return tag.RowsAffected(), err
}

// denied reports whether the database refused by privilege or policy.
func denied(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "42501"
}

// The serving role, in one town, reaches no row of another, whatever the
// statement: it is refused or it finds nothing.
func TestRowsOfAnotherTown(t *testing.T) {
	t.Parallel()
	town := towntest.New(t)
	other := town.Neighbour(t)
	belongings(t, town)
	belongings(t, other)
	owner := town.Owner(t)
	app, err := postgres.Pool(t.Context(), town.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer app.Close()
	before := print(t, owner, other.Tenant.ID)
	for _, table := range tables(t, owner) {
		unreached(t, owner, app, table, town.Tenant.ID, other.Tenant.ID)
	}
	if n, err := as(t, app, town.Tenant.ID, `update tenant set next_number = 1 where id = $1`, other.Tenant.ID); n != 0 {
		t.Errorf("the other town was numbered anew: %v", err)
	}
	for table, sum := range print(t, owner, other.Tenant.ID) {
		if sum != before[table] {
			t.Errorf("%s of the other town changed", table)
		}
	}
}

// unreached tries everything on the rows that the town there has in a table, as
// the serving role in the town here and in none.
func unreached(t *testing.T, owner, app *pgxpool.Pool, table string, here, there dossiers.TenantID) {
	t.Helper()
	name := pgx.Identifier{table}.Sanitize()
	for what, query := range map[string]string{
		"select": `select from ` + name + ` where tenant = $1`,
		"update": `update ` + name + ` set tenant = tenant where tenant = $1`,
		"delete": `delete from ` + name + ` where tenant = $1`,
	} {
		for _, in := range []dossiers.TenantID{here, ""} {
			if n, err := as(t, app, in, query, there); n != 0 || err != nil && !denied(err) {
				t.Errorf("%s of %s from town %q: %d rows, %v", what, table, in, n, err)
			}
		}
	}
	if n, err := as(t, app, "", `select from `+name); n != 0 || err != nil {
		t.Errorf("without a town %s shows %d rows, %v", table, n, err)
	}
	if n, err := as(t, app, here, `update `+name+` set tenant = $1`, there); !denied(err) {
		t.Errorf("%d rows of %s moved to the other town, %v", n, table, err)
	}
	columns, row := sample(t, owner, table, there)
	insert := `insert into ` + name + ` (` + columns + `) select ` + columns + ` from jsonb_populate_record(null::` + name + `, $1)`
	for _, in := range []dossiers.TenantID{here, ""} {
		if _, err := as(t, app, in, insert, row); !denied(err) {
			t.Errorf("insert into %s from town %q: %v, want a refusal by policy", table, in, err)
		}
	}
}

// sample returns the columns of a table that can be written and one row of a
// town, in JSON.
func sample(t *testing.T, owner *pgxpool.Pool, table string, of dossiers.TenantID) (columns string, row []byte) {
	t.Helper()
	var names []string
	err := owner.QueryRow(t.Context(), `
		select array_agg(quote_ident(column_name::text)) from information_schema.columns
		where table_schema = 'public' and table_name = $1 and is_generated = 'NEVER'`, table).Scan(&names)
	if err != nil {
		t.Fatal(err)
	}
	if err := owner.QueryRow(t.Context(), `select to_jsonb(x) from `+pgx.Identifier{table}.Sanitize()+` x where tenant = $1 limit 1`, of).Scan(&row); err != nil {
		t.Fatalf("%s: %v", table, err)
	}
	return strings.Join(names, ", "), row
}

// What is written once stays: for the serving role by privilege, for the
// owner of the schema by a trigger.
func TestAppendOnly(t *testing.T) {
	t.Parallel()
	town := towntest.New(t)
	lived(t, town)
	owner := town.Owner(t)
	app, err := postgres.Pool(t.Context(), town.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer app.Close()
	for _, table := range []string{"journal", "evidence", "document_revision", "circuit_version", "circuit_retired", "recusal"} {
		for _, query := range []string{`update ` + table + ` set tenant = tenant`, `delete from ` + table} {
			if _, err := as(t, app, town.Tenant.ID, query); !denied(err) {
				t.Errorf("the serving role: %s: %v", query, err)
			}
			if _, err := owner.Exec(t.Context(), query); err == nil || !strings.Contains(err.Error(), "append-only") {
				t.Errorf("the owner: %s: %v", query, err)
			}
		}
	}
	for _, query := range []string{`update credential set cose = cose`, `update credential set enrolment = enrolment`, `delete from credential`} {
		if _, err := owner.Exec(t.Context(), query); err == nil {
			t.Errorf("the owner: %s passed", query)
		}
	}
}
