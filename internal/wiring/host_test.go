package wiring_test

import (
	"context"
	"errors"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/child"
	"parapheur/internal/demo"
	"parapheur/internal/towntest"
	"parapheur/internal/wiring"
)

func TestMain(m *testing.M) {
	child.Main(wiring.Jobs()...)
	os.Exit(m.Run())
}

// hostOf makes a login of a hosting centre and returns its address.
func hostOf(t *testing.T, dsn string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	after := context.WithoutCancel(t.Context())
	name := "host_of_" + conn.Config().Database
	if _, err := conn.Exec(t.Context(), `create role `+name+`; grant parapheur_host to `+name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, err := conn.Exec(after, `drop role `+name)
		if err := errors.Join(err, conn.Close(after)); err != nil {
			t.Error(err)
		}
	})
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("role", name)
	u.RawQuery = q.Encode()
	return u.String()
}

// firstDay are the tables of a town that its hosting centre sets up until the
// first passkey is enrolled, and own those of the centre itself. It has a right
// on no other.
var (
	firstDay = map[string]bool{ //nolint:gochecknoglobals // a table of this test
		"journal_head": true, "person": true, "desk": true, "seat": true, "dossier_type": true,
		"circuit_version": true, "invitation": true, "credential": true, "organisation": true,
	}
	own = map[string]bool{ //nolint:gochecknoglobals // a table of this test
		"tenant": true, "host_person": true, "host_invitation": true, "host_passkey": true, "host_session": true, "host_ceremony": true,
		"host_key": true, "host_request": true, "host_journal": true, "host_journal_head": true,
	}
)

// The role of a hosting centre creates a town up to the link of its first
// administrator, and reads no letter of any town, named or not.
func TestHostSeesNoLetter(t *testing.T) {
	t.Parallel()
	town := towntest.New(t)
	letter := town.Deposit(t)
	dsn := hostOf(t, town.DSN)
	ctx := t.Context()
	o, err := wiring.OpenOperator(ctx, dsn, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	made, err := o.AddTown(ctx, dossiers.Tenant{
		SIRET: "21490777200013", Name: "Ville Neuve", Place: "Ville Neuve", RPID: "neuve.localhost", Origin: "http://neuve.localhost:8080",
	})
	if err != nil {
		t.Fatal(err)
	}
	f, err := o.Office.Found(ctx, made, dossiers.Plan{
		People: []dossiers.PlannedPerson{{GivenName: "Anne", FamilyName: "Petit", Email: "anne@neuve.example", Admin: true}},
		Desks:  []string{"Maire"},
		Types: []dossiers.Type{{Code: "courrier", Name: "Courrier", Circuit: circuits.Definition{
			Code: "courrier", Version: 1, Name: "Courrier", Steps: []circuits.Step{{ID: "maire", Kind: circuits.Signature, Desk: "Maire", Title: "Signature"}},
		}}},
	})
	if err != nil || f.Invitations["anne@neuve.example"] == "" {
		t.Fatalf("%v, %v", f.Invitations, err)
	}
	if _, err := town.Office.InvitedPerson(ctx, made, f.Invitations["anne@neuve.example"]); err != nil {
		t.Errorf("the link of the first administrator: %v", err)
	}
	// What the methods of the store answer to it.
	for name, err := range map[string]error{
		"people":   some(o.Store.People(ctx, town.Tenant.ID)),
		"letter":   second(o.Store.Dossier(ctx, town.Tenant.ID, letter.ID)),
		"evidence": second(o.Store.Evidence(ctx, town.Tenant.ID, letter.ID)),
		"journal":  second(o.Store.Journal(ctx, town.Tenant.ID, 0, 10)),
		"keys":     second(o.Store.SigningKeys(ctx, town.Tenant.ID)),
	} {
		if !denied(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	everyTable(t, dsn, town.Tenant.ID)
	// The nodes of the towns reach nothing of the centre.
	for name := range own {
		if _, err := town.Pool.Exec(ctx, `select from `+pgx.Identifier{name}.Sanitize()); denied(err) == (name == "tenant") {
			t.Errorf("a node reads %s: %v", name, err)
		}
	}
	if p := town.Person(t, demo.Mayor); p == nil {
		t.Error("the town itself")
	}
}

// everyTable reads and writes each table of the schema, from the catalog, in a
// town that has a passkey.
func everyTable(t *testing.T, dsn string, in dossiers.TenantID) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context())) //nolint:errcheck // read only
	rows, err := conn.Query(t.Context(), `select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm') order by 1`)
	if err != nil {
		t.Fatal(err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(names) < 30 {
		t.Fatal(names, err)
	}
	if _, err := conn.Exec(t.Context(), `select set_config('parapheur.tenant', $1, false)`, string(in)); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		table := pgx.Identifier{name}.Sanitize()
		query := `select from ` + table
		if firstDay[name] {
			query += ` where tenant = current_tenant()`
		}
		tag, err := conn.Exec(t.Context(), query)
		switch {
		case own[name]:
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		case firstDay[name]:
			if err != nil || tag.RowsAffected() != 0 {
				t.Errorf("%s shows %d rows of a town that has a passkey, %v", name, tag.RowsAffected(), err)
			}
		case !denied(err):
			t.Errorf("select of %s: %d rows, %v", name, tag.RowsAffected(), err)
		}
		if name == "host_session" || name == "host_ceremony" {
			continue
		}
		if _, err := conn.Exec(t.Context(), `delete from `+table); !denied(err) {
			t.Errorf("delete of %s: %v", name, err)
		}
	}
	// What it may write on a first day, it cannot write in a town that has a passkey.
	for _, query := range []string{
		`insert into person (tenant, id, given_name, family_name, email, handle, admin) values ($1, gen_random_uuid(), 'E', 'V', 'e@v.example', decode(repeat('00', 64), 'hex'), true)`,
		`insert into journal (tenant, seq, at, subject, kind, body, prev, hash) values ($1, 1000000, now(), 'x', 'x', '', '', '')`,
		`insert into invitation (tenant, token_sha256, person, invited_by, expires) select $1, '', gen_random_uuid(), 'x', now()`,
		`insert into desk (tenant, id, name) values ($1, gen_random_uuid(), 'Bureau')`,
		`insert into organisation (tenant, revision) values ($1, 1)`,
	} {
		if _, err := conn.Exec(t.Context(), query, string(in)); !refused(err) {
			t.Errorf("%s: %v", query, err)
		}
	}
	for _, query := range []string{
		`update journal_head set seq = 0 where tenant = $1`, `update person set civility = 'M.' where tenant = $1`, `update dossier_type set name = 'x' where tenant = $1`,
	} {
		if tag, err := conn.Exec(t.Context(), query, string(in)); tag.RowsAffected() != 0 || err != nil && !refused(err) {
			t.Errorf("%s: %d rows, %v", query, tag.RowsAffected(), err)
		}
	}
	for _, query := range []string{`update tenant set name = 'x'`, `update tenant set origin = 'x'`, `update host_journal set body = ''`, `update host_passkey set record = '{}'`} {
		if _, err := conn.Exec(t.Context(), query); !denied(err) {
			t.Errorf("%s: %v", query, err)
		}
	}
}

// some is no refusal when there is something.
func some(people []dossiers.Person, err error) error {
	if err == nil && len(people) == 0 {
		return &pgconn.PgError{Code: "42501", Message: "permission denied, row by row"}
	}
	return err
}

func second[T any](_ T, err error) error { return err }

// refused reports a refusal by privilege or by policy.
func refused(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "42501"
}

// denied reports a refusal by privilege.
func denied(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "42501" && strings.Contains(pg.Message, "permission denied")
}
