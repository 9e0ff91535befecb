package dossiers_test

import (
	"testing"
	"time"

	"parapheur/circuits"
	"parapheur/circuits/calendar"
	"parapheur/circuits/delegation"
	"parapheur/dossiers"
	"parapheur/internal/demo"
)

// copies makes rows of n more letters, each waiting where one waits.
func (h *hall) copies(t *testing.T, of dossiers.ID, n int) {
	t.Helper()
	tx, err := h.Owner(t).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{
		`set local session_replication_role = replica`, // foreign keys hold: rows are copies
		`create temporary table fresh on commit drop as select gen_random_uuid() as id, n from generate_series(1, $2) n where $1 <> ''`,
		`insert into dossier (tenant, id, number, title, recipient, type_code, type_name, note, drafter, phase, state, rev, open_since, due, tick, evidence_head, created_at, updated_at)
		select d.tenant, f.id, 1000000 + f.n, d.title, d.recipient, d.type_code, d.type_name, d.note, d.drafter, d.phase, d.state, d.rev, d.open_since, d.due, d.tick,
			d.evidence_head, d.created_at, d.updated_at from fresh f, dossier d where d.id::text = $1 and $2 > 0`,
		`insert into turn (tenant, dossier, step, n, asked, holder, desk, since, due) select t.tenant, f.id, t.step, t.n, t.asked, t.holder, t.desk, t.since, t.due
		from fresh f, turn t where t.dossier::text = $1 and $2 > 0`,
		`insert into document_revision (tenant, dossier, n, version, revision, name, pages, segment_sha256, segment_bytes, bytes, sha256, hash_state, at)
		select r.tenant, f.id, r.n, r.version, r.revision, r.name, r.pages, r.segment_sha256, r.segment_bytes, r.bytes, r.sha256, r.hash_state, r.at
		from fresh f, document_revision r where r.dossier::text = $1 and $2 > 0`,
	} {
		args := []any{string(of), n}
		if query[:3] == "set" {
			args = nil
		}
		if _, err := tx.Exec(t.Context(), query, args...); err != nil {
			t.Fatalf("%v: %s", err, query)
		}
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// A tray that is longer than one page of the sweep goes to the replacement
// whole.
func TestAbsenceMovesALongTray(t *testing.T) {
	t.Parallel()
	const letters = 1100
	h := newHall(t, 0)
	finances, legal := h.holder(t, "finances@essai.fr", "Finances"), h.holder(t, "juriste@essai.fr", "Juridique")
	h.publish(t, circuits.Definition{Steps: []circuits.Step{h.visa(t, "finances", "Finances"), h.signature(t)}})
	h.copies(t, h.letter(t, nil).ID, letters-1)
	h.amend(t, dossiers.AbsenceSet{Absence: delegation.Absence{
		Person: id(t, finances), Replacement: id(t, legal), From: "2026-03-02", To: "2026-03-10", Tray: delegation.MoveTray,
	}})
	began := time.Now()
	n := h.sweep(t)
	t.Logf("%d letters redirected in %s", n.Redirected, time.Since(began).Round(time.Millisecond))
	if n.Redirected != letters {
		t.Errorf("%d letters of %d were redirected", n.Redirected, letters)
	}
	if left, err := h.Store.Waiting(t.Context(), h.Tenant.ID, string(h.desk(t, "Finances")), "", 10); err != nil || len(left) != 0 {
		t.Errorf("still at the desk: %v, %v", left, err)
	}
	if n := h.sweep(t); n.Redirected != 0 {
		t.Errorf("again: %+v", n)
	}
}

// The days of a town overseas are its own: its holidays, its midnight, and the
// morning on which an absence begins.
func TestTerritory(t *testing.T) {
	t.Parallel()
	h := newHall(t, 0)
	h.amend(t, dossiers.TerritorySet{Territory: dossiers.Territory{Region: calendar.Reunion}})
	step := h.visa(t, "finances", "Finances")
	step.Days = 1
	h.publish(t, circuits.Definition{Steps: []circuits.Step{step, h.signature(t)}})
	finances, legal := h.holder(t, "finances@essai.fr", "Finances"), h.holder(t, "juriste@essai.fr", "Juridique")
	h.amend(t, dossiers.AbsenceSet{Absence: delegation.Absence{
		Person: id(t, finances), Replacement: id(t, legal), From: "2029-12-22", To: "2029-12-31", Tray: delegation.MoveTray,
	}})
	h.Person(t, demo.Drafter)   // before the invitations expire
	h.at(t, "2029-12-19 12:00") // Thursday 20 December 2029 commemorates the abolition of slavery there
	d := h.letter(t, nil)
	reunion := h.Office.LocationOf(dossiers.Territory{Region: calendar.Reunion})
	if got := h.state(t, d.ID).Steps[0].Due.In(reunion).Format("2006-01-02 15:04"); got != "2029-12-22 00:00" {
		t.Errorf("due %s, at the end of Friday in Saint-Denis", got)
	}
	h.at(t, "2029-12-21 20:30") // half past eleven there
	if n := h.sweep(t); n.Redirected != 0 {
		t.Errorf("the day before: %+v", n)
	}
	h.at(t, "2029-12-21 21:30") // tomorrow there, still today in Paris
	if n := h.sweep(t); n.Redirected != 1 {
		t.Errorf("on the first day of the absence: %+v", n)
	}
	town, err := h.Store.Tenant(t.Context(), h.Tenant.ID)
	if err != nil || town.Territory.Region != calendar.Reunion || h.Office.Today(town) != "2029-12-22" {
		t.Errorf("%+v, %v", town.Territory, err)
	}
	for _, wrong := range []dossiers.Territory{{Region: "bretagne"}, {Zone: "Europe/London"}} {
		if _, err := h.Office.Amend(t.Context(), h.admin.Viewer(t), dossiers.TerritorySet{Territory: wrong}); err == nil {
			t.Errorf("%+v was taken", wrong)
		}
	}
	// The file of the town says it, and changes it.
	g := organisationOf(t, h.Town)
	setup := g.Setup()
	if setup.Territory == nil || setup.Territory.Region != calendar.Reunion {
		t.Fatalf("the file says %+v", setup.Territory)
	}
	setup = dossiers.Setup{Territory: &dossiers.Territory{Region: calendar.PolynesieFrancaise, Zone: "Pacific/Marquesas"}}
	plan, err := h.Office.ApplySetup(t.Context(), h.admin.Viewer(t), setup, dossiers.Terms{})
	if err != nil || len(plan.Lines) != 1 || plan.Lines[0].What != "territoire de la collectivité" {
		t.Errorf("%+v, %v", plan.Lines, err)
	}
	if plan, err = h.Office.PlanSetup(t.Context(), h.admin.Viewer(t), setup); err != nil || len(plan.Lines) != 0 {
		t.Errorf("again: %+v, %v", plan.Lines, err)
	}
}
