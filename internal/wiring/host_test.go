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

// readable are the tables that the role of a hosting centre may read in some
// column: the set-up of a town's first day.
var readable = map[string]bool{ //nolint:gochecknoglobals // a table of this test
	"tenant": true, "journal_head": true, "person": true, "desk": true, "seat": true, "dossier_type": true,
	"circuit_version": true, "invitation": true, "credential": true, "organisation": true,
}

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
	if p := town.Person(t, demo.Mayor); p == nil {
		t.Error("the town itself")
	}
}

// everyTable reads each table of the schema, from the catalog, in a town.
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
		for what, query := range map[string]string{
			"select": `select from ` + pgx.Identifier{name}.Sanitize(), "delete": `delete from ` + pgx.Identifier{name}.Sanitize(),
		} {
			_, err := conn.Exec(t.Context(), query)
			if may := what == "select" && readable[name]; may != (err == nil) || err != nil && !denied(err) {
				t.Errorf("%s of %s: %v", what, name, err)
			}
		}
	}
}

func second[T any](_ T, err error) error { return err }

// denied reports a refusal by privilege.
func denied(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "42501" && strings.Contains(pg.Message, "permission denied")
}
