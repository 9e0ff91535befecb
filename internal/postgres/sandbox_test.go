package postgres_test

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/postgres"
	"parapheur/internal/towntest"
	"parapheur/internal/wiring"
)

// besideSandbox founds a second sandbox on the node of a town, as an operator
// does.
func besideSandbox(t *testing.T, town *towntest.Town) dossiers.Tenant {
	t.Helper()
	o, err := wiring.OpenOperator(t.Context(), town.DSN, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.Close)
	tenant, err := o.AddTown(t.Context(), dossiers.Tenant{
		Name: "Autre bac à sable", Place: "Essai", RPID: "autre-bac.localhost", Origin: "http://autre-bac.localhost:8080",
	})
	if err != nil {
		t.Fatal(err)
	}
	admin := dossiers.PlannedPerson{GivenName: "Nadia", FamilyName: "Roussel", Email: "nadia@essai.fr"}
	if _, err := demo.FoundSandbox(t.Context(), o.Office.Parts, town.MasterKey(), tenant, admin); err != nil {
		t.Fatal(err)
	}
	return tenant
}

// The clock of a sandbox goes forward, whoever moves it and however many do at
// once, and the journal tells each move.
func TestSandboxClockGoesForward(t *testing.T) {
	t.Parallel()
	town := towntest.New(t, func(c *wiring.Config) { c.Workers = 0 })
	box, s, ctx := town.Sandbox(t).Tenant.ID, town.Store, t.Context()
	ahead := func() time.Duration {
		t.Helper()
		kept, err := s.SandboxOf(ctx, box)
		if err != nil || len(kept.PKI) == 0 {
			t.Fatalf("kept %d bytes, %v", len(kept.PKI), err)
		}
		return kept.Ahead
	}
	moves := func() (out []string) {
		t.Helper()
		entries, err := s.Journal(ctx, box, 0, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if e.Kind == dossiers.KindSandboxClock {
				out = append(out, string(e.Body))
			}
		}
		return out
	}
	at := time.Now().UTC().Truncate(time.Microsecond)
	for _, step := range []struct {
		by   time.Duration
		want error
	}{{2*time.Hour + time.Microsecond, nil}, {2*time.Hour + time.Microsecond, nil}, {2 * time.Hour, dossiers.ErrClockBack}, {0, dossiers.ErrClockBack}, {-time.Hour, dossiers.ErrClockBack}} {
		if err := s.AdvanceClock(ctx, box, step.by, by, at); !errors.Is(err, step.want) {
			t.Errorf("to %s: %v", step.by, err)
		}
	}
	if got := ahead(); got != 2*time.Hour+time.Microsecond {
		t.Errorf("ahead by %s", got)
	}
	told := moves()
	var body struct {
		To    time.Time      `json:"to"`
		Ahead int64          `json:"ahead_seconds"`
		By    circuits.Actor `json:"by"`
	}
	if len(told) != 2 || json.Unmarshal([]byte(told[0]), &body) != nil || !body.To.Equal(at) || body.Ahead != 7200 || body.By.Name != by.Name {
		t.Errorf("the journal tells %s", told)
	}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			if err := s.AdvanceClock(ctx, box, time.Duration(i+3)*time.Hour, by, at); err != nil && !errors.Is(err, dossiers.ErrClockBack) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := ahead(); got != 10*time.Hour {
		t.Errorf("eight at once leave it ahead by %s", got)
	}
	// Not even the owner of the schema puts it back.
	if _, err := town.Owner(t).Exec(ctx, `update sandbox set ahead = ahead - 1`); err == nil || !strings.Contains(err.Error(), "run back") {
		t.Errorf("the owner: %v", err)
	}
}

// What a real town is asked of a sandbox it has not, and it cannot become one.
func TestSandboxRefusesARealTown(t *testing.T) {
	t.Parallel()
	town := towntest.New(t, func(c *wiring.Config) { c.Workers = 0 })
	box, s, ctx, owner := town.Sandbox(t).Tenant, town.Store, t.Context(), town.Owner(t)
	real, at := town.Tenant.ID, time.Now()
	dgs, err := s.PersonByEmail(ctx, real, demo.DGS)
	if err != nil {
		t.Fatal(err)
	}
	head, err := s.JournalHead(ctx, real)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []dossiers.TenantID{real, "no town", "00000000-0000-4000-8000-000000000000"} {
		_, err := s.SandboxOf(ctx, id)
		for name, err := range map[string]error{
			"SandboxOf":     err,
			"OpenSandbox":   s.OpenSandbox(ctx, id, []byte("x"), by, at),
			"AdvanceClock":  s.AdvanceClock(ctx, id, time.Hour, by, at),
			"AddTestPerson": s.AddTestPerson(ctx, id, dossiers.TestPerson{Person: dgs.ID, Role: "dgs", KID: []byte("k"), Passkey: []byte("p")}, by, at),
		} {
			if !errors.Is(err, dossiers.ErrNotFound) {
				t.Errorf("%s of %s: %v", name, id, err)
			}
		}
		if all, err := s.TestPersons(ctx, id); len(all) != 0 || err != nil && !errors.Is(err, dossiers.ErrNotFound) {
			t.Errorf("test persons of %s: %v, %v", id, all, err)
		}
	}
	if after, err := s.JournalHead(ctx, real); err != nil || after.Seq != head.Seq {
		t.Errorf("the journal of the real town moved from %d to %d, %v", head.Seq, after.Seq, err)
	}
	if towns, err := s.SandboxTowns(ctx); err != nil || len(towns) != 1 || towns[0].ID != box.ID {
		t.Errorf("the sandboxes are %v, %v", towns, err)
	}
	for _, query := range []string{
		`update tenant set siret = '00000000000099' where id = $1`, `update tenant set sandbox = true where id = $1`,
		`insert into sandbox (tenant, pki) values ($1, 'x')`, `insert into sandbox (tenant, sandbox, pki) values ($1, false, 'x')`,
	} {
		if _, err := owner.Exec(ctx, query, real); err == nil {
			t.Errorf("the owner: %s passed", query)
		}
	}
	if _, err := owner.Exec(ctx, `update tenant set siret = '21490999900010' where id = $1`, box.ID); err == nil {
		t.Error("the owner made a real town of the sandbox")
	}
}

// One sandbox reaches nothing of another, by the store or beside it.
func TestSandboxesStayApart(t *testing.T) {
	t.Parallel()
	town := towntest.New(t, func(c *wiring.Config) { c.Workers = 0 })
	here, there := town.Sandbox(t).Tenant.ID, besideSandbox(t, town).ID
	s, ctx, owner, at := town.Store, t.Context(), town.Owner(t), time.Now()
	before := printOf(t, owner, there, ofSandboxes())
	app, err := postgres.Pool(ctx, town.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer app.Close()
	for _, table := range ofSandboxes() {
		unreached(t, owner, app, table, here, there)
	}
	theirs, err := s.TestPersons(ctx, there)
	if err != nil || len(theirs) != len(demo.Roles()) {
		t.Fatalf("test persons %v, %v", theirs, err)
	}
	ours, err := s.TestPersons(ctx, here)
	if err != nil || len(ours) != len(demo.Roles()) {
		t.Fatalf("test persons %v, %v", ours, err)
	}
	for _, x := range theirs {
		if slices.ContainsFunc(ours, func(o dossiers.TestPerson) bool { return o.Person == x.Person }) {
			t.Errorf("%s plays in both", x.Role)
		}
	}
	stranger := dossiers.TestPerson{Person: theirs[0].Person, Role: "intrus", KID: []byte("k"), Passkey: []byte("p")}
	if err := s.AddTestPerson(ctx, here, stranger, by, at); !errors.Is(err, dossiers.ErrNotFound) {
		t.Errorf("somebody of the other sandbox plays here: %v", err)
	}
	twice := dossiers.TestPerson{Person: ours[0].Person, Role: "encore", KID: []byte("k"), Passkey: []byte("p")}
	if err := s.AddTestPerson(ctx, here, twice, by, at); err == nil {
		t.Error("somebody was given a second passkey in software")
	}
	if err := s.OpenSandbox(ctx, here, []byte("x"), by, at); !errors.Is(err, dossiers.ErrConflict) {
		t.Errorf("set up twice: %v", err)
	}
	if err := s.AdvanceClock(ctx, here, time.Hour, by, at); err != nil {
		t.Error(err)
	}
	if after := printOf(t, owner, there, ofSandboxes()); !maps.Equal(after, before) {
		t.Errorf("the other sandbox changed: %v, was %v", after, before)
	}
	if kept, err := s.SandboxOf(ctx, here); err != nil || string(kept.PKI) == "x" {
		t.Errorf("the keys were replaced: %v", err)
	}
	for _, query := range []string{`update test_person set role = role`, `delete from test_person`} {
		if _, err := owner.Exec(ctx, query); err == nil || !strings.Contains(err.Error(), "append-only") {
			t.Errorf("the owner: %s: %v", query, err)
		}
	}
	if towns, err := s.SandboxTowns(ctx); err != nil || len(towns) != 2 || towns[0].ID != here || towns[1].ID != there {
		t.Errorf("the sandboxes are %v, %v", towns, err)
	}
}
