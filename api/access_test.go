package api

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/postgres"
)

// TestAccess asks for every operation of the document with every kind of key.
func TestAccess(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	d := h.putBoth(t, "cle-0001", nil)
	abroad := h.otherTown(t)
	o := newServer(Options{Office: h.Office, Log: nil}).spec.openapi
	for path, item := range o.Paths {
		for _, op := range operations(item) {
			target := base + strings.NewReplacer("{id}", d.ID, "{n}", "2", "{message}", "msg_1").Replace(path)
			t.Run(op.OperationID, func(t *testing.T) {
				ask := func(headers ...string) answer { return h.ask(t, op.Method, target, nil, headers...) }
				if got := ask("Authorization", "").is(401, "key-needed").header.Get("WWW-Authenticate"); got != `Bearer realm="parapheur"` {
					t.Errorf("challenge %s", got)
				}
				for _, bad := range []string{"Bearer pk_valeur-confidentielle", "Bearer pk_a_b", "Bearer " + h.key + "x", "Bearer ", "Basic " + h.key} {
					if got := ask("Authorization", bad).is(401, "key-needed").header.Get("WWW-Authenticate"); !strings.HasPrefix(got, "Bearer ") {
						t.Errorf("challenge %s", got)
					}
				}
				ask("Authorization", "Bearer "+abroad).is(401, "key-needed")
				ask("Host", "inconnu.exemple").is(404, "not-found")
				if scope := op.Security[1][oauth]; len(scope) > 0 {
					others := slices.DeleteFunc(dossiers.Scopes(), func(s string) bool { return s == scope[0] })
					a := ask("Authorization", "Bearer "+h.newKey(t, "Sans "+op.OperationID, others...)).is(403, "insufficient-scope")
					if !strings.Contains(a.header.Get("WWW-Authenticate"), `scope="`+scope[0]+`"`) {
						t.Errorf("challenge %s", a.header.Get("WWW-Authenticate"))
					}
				}
				if strings.Contains(path, "{id}") {
					a := ask("Authorization", "Bearer "+abroad, "Host", "ailleurs.exemple", "If-Match", "*", "Content-Type", "application/json")
					if op.Tags[0] == tagSandbox {
						a.is(403, "insufficient-scope") // that key has not the scope, which opens nothing there anyway
					} else if a.status != 404 && (op.Method == http.MethodGet || !slices.Contains([]int{400, 415, 422}, a.status)) {
						t.Errorf("another town gets %d", a.status)
					}
				}
			})
		}
	}
}

// otherTown makes a second town in the same database and returns a key of it.
func (h *hall) otherTown(t *testing.T) string {
	t.Helper()
	ctx := t.Context()
	conn, err := pgx.Connect(ctx, h.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx) //nolint:errcheck // a test
	town := dossiers.Tenant{
		ID: dossiers.TenantID(uuid.NewString()), SIRET: "21490998100014", Name: "Ailleurs", Place: "Ailleurs",
		RPID: "ailleurs.exemple", Origin: "https://ailleurs.exemple",
	}
	if err := postgres.AddTenant(ctx, conn, town); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Office.Found(ctx, town, demo.Plan()); err != nil {
		t.Fatal(err)
	}
	operator := dossiers.Viewer{Tenant: town, Person: &dossiers.Person{FamilyName: "Mise en service", Admin: true}}
	apps, err := h.Office.Applications(ctx, operator)
	if err != nil {
		t.Fatal(err)
	}
	secret, _, err := h.Office.AddAPIKey(ctx, operator, apps[0].ID, dossiers.Scopes(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	h.abroad = secret
	return secret
}

func TestRevokedAndExpiredKeys(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	admin := h.Person(t, demo.Administrator).Viewer(t)
	apps, err := h.Office.Applications(t.Context(), admin)
	if err != nil {
		t.Fatal(err)
	}
	secret, key, err := h.Office.AddAPIKey(t.Context(), admin, apps[0].ID, dossiers.Scopes(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	h.ask(t, http.MethodGet, "/api/v1/me", nil, "Authorization", "Bearer "+secret).is(http.StatusOK)
	if err := h.Office.RevokeAPIKey(t.Context(), admin, key.ID); err != nil {
		t.Fatal(err)
	}
	h.ask(t, http.MethodGet, "/api/v1/me", nil, "Authorization", "Bearer "+secret).is(401, "key-needed")
}

func TestMeAndTypes(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	var me Me
	h.ask(t, http.MethodGet, "/api/v1/me", nil).is(http.StatusOK).into(&me)
	if me.Application != "GEC" || me.SIRET != h.Tenant.SIRET || !slices.Equal(me.Scopes, dossiers.Scopes()) || me.MaxUpload != maxUpload {
		t.Errorf("%+v", me)
	}
	h.Person(t, demo.DGS)
	var y Types
	h.ask(t, http.MethodGet, "/api/v1/types", nil).is(http.StatusOK).into(&y)
	if len(y.Data) != 2 {
		t.Fatalf("%+v", y)
	}
	for _, k := range y.Data {
		if k.Code != "courrier-simple" {
			continue
		}
		if len(k.Circuit.Steps) != 2 || len(k.Circuit.SHA256) != 64 || len(k.Circuit.Steps[0].Holders) != 1 || !k.Circuit.Steps[0].Holders[0].Able {
			t.Errorf("%+v", k)
		}
	}
}

// TestTheRegisterSeesEverything: a key with dossiers:all reads the dossiers of
// other applications and of people, and changes none.
func TestTheRegisterSeesEverything(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	theirs := h.Deposit(t) // by a person
	register := "Bearer " + h.newKey(t, "Registre", append(dossiers.Scopes(), dossiers.ScopeDossiersAll)...)
	path := dossierPath(theirs.ID)
	h.ask(t, http.MethodGet, path, nil).is(404, "not-found")
	h.ask(t, http.MethodGet, path, nil, "Authorization", register).is(200)
	var l List
	h.ask(t, http.MethodGet, "/api/v1/dossiers", nil, "Authorization", register).is(200).into(&l)
	if len(l.Data) != 1 || l.Data[0].ID != string(theirs.ID) {
		t.Errorf("the register lists %+v", l.Data)
	}
	h.ask(t, http.MethodPost, path+"/withdraw", strings.NewReader(`{}`), "Authorization", register, "If-Match", "*", "Content-Type", "application/json").
		is(403, "drafter-only")
}

func TestAKeyMayNotAskTooOften(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	h := newHall(t, func(o *Options) { o.Rate, o.Burst, o.Now = 0.1, 2, func() time.Time { return now } })
	for range 2 {
		h.ask(t, http.MethodGet, "/api/v1/me", nil).is(http.StatusOK)
	}
	a := h.ask(t, http.MethodGet, "/api/v1/me", nil).is(429, "too-many-requests")
	if got := a.header.Get("Retry-After"); got != "10" {
		t.Errorf("Retry-After %q", got)
	}
	other := h.newKey(t, "Autre", dossiers.ScopeEventsRead)
	h.ask(t, http.MethodGet, "/api/v1/me", nil, "Authorization", "Bearer "+other).is(http.StatusOK)
	now = now.Add(10 * time.Second)
	h.ask(t, http.MethodGet, "/api/v1/me", nil).is(http.StatusOK)
}
