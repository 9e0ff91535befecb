package dossiers_test

import (
	"slices"
	"strings"
	"testing"

	"parapheur/circuits"
	"parapheur/circuits/delegation"
	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/towntest"
)

// last is the newest fact of a kind about a dossier.
func last[E circuits.Event](t *testing.T, h *hall, id dossiers.ID) (found E) {
	t.Helper()
	entries, err := h.Store.JournalOf(t.Context(), h.Tenant.ID, id)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range slices.Backward(entries) {
		ev, err := circuits.Decode(x.Kind, x.Body)
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := ev.(E); ok {
			return e
		}
	}
	t.Fatalf("no %T in the journal", found)
	return found
}

// Reminders come before and after the deadline, in working days, each once;
// what was slept through is said once, the latest.
func TestReminders(t *testing.T) {
	t.Parallel()
	h := newHall(t, 0)
	step := h.visa(t, "dgs", demo.DeskDGS)
	step.Days, step.RemindBefore, step.RemindAfter = 5, []int{2}, []int{1, 3, 10}
	h.publish(t, circuits.Definition{Steps: []circuits.Step{step, h.signature(t)}})
	d := h.letter(t, nil) // Monday 2 March: due on Monday 9, at the end of the day
	if n := h.sweep(t); n != (dossiers.Swept{}) {
		t.Fatalf("at once: %+v", n)
	}
	for _, x := range []struct {
		at   string
		days int // of the reminder; 0: none
	}{
		{"2026-03-04 18:00", 0},
		{"2026-03-06 10:00", -2},
		{"2026-03-06 18:00", 0},
		{"2026-03-09 10:00", 0},
		{"2026-03-10 08:00", 1},
		{"2026-03-11 10:00", 0},
		{"2026-03-12 08:00", 3},
		{"2031-03-12 10:00", 10},
		{"2036-03-12 10:00", 0},
	} {
		h.at(t, x.at)
		before := h.count(t, d.ID, circuits.KindReminded)
		for range 2 { // asked twice is said once
			h.sweep(t)
		}
		said := h.count(t, d.ID, circuits.KindReminded) - before
		switch {
		case x.days == 0 && said != 0:
			t.Errorf("%s: reminded at %+v", x.at, last[circuits.Reminded](t, h, d.ID))
		case x.days != 0 && said != 1:
			t.Errorf("%s: %d reminders, due %s", x.at, said, h.state(t, d.ID).Steps[0].Due)
		case x.days != 0 && last[circuits.Reminded](t, h, d.ID).Days != x.days:
			t.Errorf("%s: %+v", x.at, last[circuits.Reminded](t, h, d.ID))
		}
		if x.days == 3 {
			h.proves(t, d.ID) // while the seal of the town is in force
		}
	}
}

// Public holidays, weekends and the closures of the town do not count.
func TestWorkingDays(t *testing.T) {
	t.Parallel()
	h := newHall(t, 0)
	step := h.visa(t, "dgs", demo.DeskDGS)
	step.Days = 3
	h.publish(t, circuits.Definition{Steps: []circuits.Step{step, h.signature(t)}})
	h.amend(t, dossiers.ClosureSet{Closure: dossiers.Closure{On: "2026-05-15", Label: "Pont de l’Ascension"}})
	dgs := h.Person(t, demo.DGS)
	h.Person(t, demo.Drafter)   // before the invitations expire
	h.at(t, "2026-05-12 10:00") // 14 May is Ascension, 15 the closure, 16 and 17 a weekend
	d := h.letter(t, nil)
	due := h.state(t, d.ID).Steps[0].Due.In(h.Office.Location)
	if got := due.Format("2006-01-02 15:04"); got != "2026-05-20 00:00" {
		t.Errorf("13, 18 and 19 May are the three working days: due %s", got)
	}
	if !h.holds(t, dgs, d.ID) {
		t.Error("not in the tray")
	}
}

// The ladder of a visa: the substitute, then the head, get the turn. That of a
// signature tells them and moves nothing.
func TestEscalation(t *testing.T) {
	t.Parallel()
	h := newHall(t, 0)
	finances, legal := h.holder(t, "finances@essai.fr", "Finances"), h.holder(t, "juriste@essai.fr", "Juridique")
	g := organisationOf(t, h.Town)
	for _, name := range []string{"Finances", demo.DeskMayor} {
		d, _ := g.Desk(h.desk(t, name))
		d.Parent = h.desk(t, demo.DeskDGS)
		h.amend(t, dossiers.DeskSet{Desk: d})
	}
	h.amend(t, dossiers.AbsenceSet{Absence: delegation.Absence{
		Person: id(t, finances), Replacement: id(t, legal), From: "2026-03-01", To: "2026-12-31", Tray: delegation.ShareTray,
	}})
	ladder := circuits.Escalation{{After: 1, To: circuits.RungReminder}, {After: 2, To: circuits.RungSubstitute}, {After: 4, To: circuits.RungHead}}
	visa, sign := h.visa(t, "finances", "Finances"), h.signature(t)
	visa.Days, visa.Escalate = 2, ladder
	sign.Days, sign.Escalate = 2, circuits.Escalation{{After: 1, To: circuits.RungHead}}
	h.publish(t, circuits.Definition{Steps: []circuits.Step{visa, sign}})
	dgs := h.Person(t, demo.DGS)
	h.Person(t, demo.Mayor) // before the invitations expire
	d := h.letter(t, nil)
	for _, x := range []struct {
		at   string
		rung int
		who  *towntest.Person
	}{{"2026-03-05 10:00", 1, finances}, {"2026-03-06 10:00", 2, legal}, {"2026-03-10 10:00", 3, dgs}} {
		h.at(t, x.at)
		h.sweep(t)
		h.sweep(t)
		e := last[circuits.Escalated](t, h, d.ID)
		if e.Rung != x.rung || h.count(t, d.ID, circuits.KindEscalated) != x.rung || !h.holds(t, x.who, d.ID) {
			t.Fatalf("%s: %+v, in the tray: %v", x.at, e, h.holds(t, x.who, d.ID))
		}
	}
	if h.holds(t, legal, d.ID) {
		t.Error("the substitute keeps what went to the head")
	}
	h.decide(t, dgs, d.ID, "visa", "")
	h.at(t, "2026-04-20 10:00")
	h.sweep(t)
	e := last[circuits.Escalated](t, h, d.ID)
	if e.Step != 1 || e.Moved || e.To.Desk != h.desk(t, demo.DeskDGS) || !h.holds(t, h.Person(t, demo.Mayor), d.ID) {
		t.Errorf("a signature: %+v", e)
	}
	h.proves(t, d.ID)
}

// An opinion that did not come by its date does not hold the letter.
func TestOpinionExpires(t *testing.T) {
	t.Parallel()
	h := newHall(t, 0)
	legal := h.holder(t, "juriste@essai.fr", "Juridique")
	step := h.visa(t, "avis", "Juridique")
	step.Kind, step.Days = circuits.Opinion, 3
	h.publish(t, circuits.Definition{Days: 10, Steps: []circuits.Step{step, h.signature(t)}})
	d := h.letter(t, nil)
	h.at(t, "2026-03-05 10:00")
	h.sweep(t)
	if s := h.state(t, d.ID); s.Steps[0].Status != circuits.Open {
		t.Fatalf("%+v", s.Steps[0])
	}
	h.at(t, "2026-03-06 10:00")
	h.sweep(t)
	h.sweep(t)
	if s := h.state(t, d.ID); s.Steps[1].Status != circuits.Open || h.count(t, d.ID, circuits.KindOpinionExpired) != 1 || h.holds(t, legal, d.ID) {
		t.Fatalf("%+v", s.Steps)
	}
	h.at(t, "2026-03-30 10:00")
	h.sweep(t)
	h.sweep(t)
	if h.count(t, d.ID, circuits.KindOverdue) != 1 || !h.state(t, d.ID).Overdue {
		t.Error("the deadline of the circuit is not said once")
	}
	h.proves(t, d.ID)
}

// What waits for somebody absent goes to the replacement once, signatures
// aside, and nothing twice.
func TestAbsenceMovesTheTray(t *testing.T) {
	t.Parallel()
	h := newHall(t, 0)
	finances, legal := h.holder(t, "finances@essai.fr", "Finances"), h.holder(t, "juriste@essai.fr", "Juridique")
	h.publish(t, circuits.Definition{Steps: []circuits.Step{h.visa(t, "finances", "Finances"), h.signature(t)}})
	waits := h.letter(t, nil)
	for _, p := range []*towntest.Person{finances, h.Person(t, demo.Mayor)} {
		_, err := h.Office.PlanAbsence(t.Context(), p.Viewer(t), delegation.Absence{
			Person: id(t, p), Replacement: id(t, legal), From: "2026-03-04", To: "2026-03-10", Tray: delegation.MoveTray,
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := h.sweep(t); n.Redirected != 0 {
		t.Fatalf("before the absence: %+v", n)
	}
	h.at(t, "2026-03-04 07:00")
	if n := h.sweep(t); n.Redirected != 1 {
		t.Fatalf("at its beginning: %+v", n)
	}
	if n := h.sweep(t); n.Redirected != 0 || h.count(t, waits.ID, circuits.KindRedirected) != 1 {
		t.Fatalf("again: %+v", n)
	}
	if !h.holds(t, legal, waits.ID) || h.holds(t, finances, waits.ID) {
		t.Error("not in the tray of the replacement alone")
	}
	h.decide(t, legal, waits.ID, "visa", "")
	if n := h.sweep(t); n.Redirected != 0 || !h.holds(t, h.Person(t, demo.Mayor), waits.ID) {
		t.Errorf("the signature of the Mayor was moved: %+v", n)
	}
	h.at(t, "2026-03-12 09:00")
	after := h.letter(t, nil)
	if n := h.sweep(t); n.Redirected != 0 || !h.holds(t, finances, after.ID) {
		t.Errorf("after the absence: %+v", n)
	}
	text := said(t, h.proves(t, waits.ID))
	if !strings.Contains(text, "Visa, par Camille juriste@essai.fr") {
		t.Error(text)
	}
}

// A letter that nobody could act on goes on once somebody holds the desk.
func TestBlockedResumes(t *testing.T) {
	t.Parallel()
	h := newHall(t, 0)
	h.publish(t, circuits.Definition{Days: 30, Steps: []circuits.Step{h.visa(t, "finances", "Finances"), h.signature(t)}})
	d := h.letter(t, nil)
	for range 2 {
		if n := h.sweep(t); n.Resumed != 0 || h.count(t, d.ID, circuits.KindBlocked) != 1 {
			t.Fatalf("%+v", n)
		}
	}
	finances := h.holder(t, "finances@essai.fr", "Finances")
	if n := h.sweep(t); n.Resumed != 1 || !h.holds(t, finances, d.ID) {
		t.Fatalf("%+v", n)
	}
	h.decide(t, finances, d.ID, "visa", "")
	h.proves(t, d.ID)
}

// A dossier that cannot be read, and a town that fails, keep no other from its
// reminders.
func TestSweepGoesOn(t *testing.T) {
	t.Parallel()
	h := newHall(t, 0)
	step := h.visa(t, "dgs", demo.DeskDGS)
	step.Days, step.RemindAfter = 1, []int{1}
	h.publish(t, circuits.Definition{Steps: []circuits.Step{step, h.signature(t)}})
	broken, sound := h.letter(t, nil), h.letter(t, nil)
	if _, err := h.Owner(t).Exec(t.Context(), `update dossier set state = '[]' where id = $1`, broken.ID); err != nil {
		t.Fatal(err)
	}
	h.at(t, "2026-03-16 10:00")
	n, err := h.Office.Sweep(t.Context(), h.Tenant.ID)
	if err == nil || !strings.Contains(err.Error(), string(broken.ID)) || n.Reminded != 1 || h.count(t, sound.ID, circuits.KindReminded) != 1 {
		t.Errorf("%+v, %v", n, err)
	}
}

// The job finds every town by itself, on two nodes, and says nothing twice.
func TestClockJob(t *testing.T) {
	t.Parallel()
	h := newHall(t, 0)
	step := h.visa(t, "dgs", demo.DeskDGS)
	step.Days, step.RemindAfter = 1, []int{1}
	h.publish(t, circuits.Definition{Steps: []circuits.Step{step, h.signature(t)}})
	other := h.Neighbour(t)
	d := h.letter(t, nil)
	h.at(t, "2026-03-16 10:00")
	for range 2 {
		h.Config.Workers = 1
		h.Open(t)
	}
	h.Await(t, d.ID, func(d dossiers.Dossier) bool { return len(d.State.Steps[0].Reminded) > 0 })
	if n := h.count(t, d.ID, circuits.KindReminded); n != 1 {
		t.Errorf("%d reminders", n)
	}
	if other.Tenant.ID == h.Tenant.ID {
		t.Error("no neighbour")
	}
}

// A mandate ends by the clock: its holder decides nothing from the next day on.
func TestMandateEnds(t *testing.T) {
	t.Parallel()
	h := newHall(t, 0)
	adjoint := h.holder(t, "adjoint@essai.fr", "Adjoint")
	h.member(t, adjoint, func(m *dossiers.Member) { m.Rank, m.Adjoint, m.MandateEnd = 2, true, "2026-03-22" })
	h.publish(t, circuits.Definition{Steps: []circuits.Step{h.visa(t, "adjoint", "Adjoint"), h.signature(t)}})
	d := h.letter(t, nil)
	h.at(t, "2026-03-22 20:00")
	if n := h.sweep(t); n.Mandates != 0 {
		t.Fatalf("on the last day: %+v", n)
	}
	h.at(t, "2026-03-23 00:10")
	if n := h.sweep(t); n.Mandates != 1 {
		t.Fatalf("the next day: %+v", n)
	}
	if n := h.sweep(t); n.Mandates != 0 {
		t.Fatalf("twice: %+v", n)
	}
	if _, err := adjoint.Decide(t, d.ID, "visa", ""); err == nil {
		t.Error("somebody whose mandate ended decides")
	}
}
