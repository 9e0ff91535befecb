package notice_test

import (
	"strings"
	"testing"
	"time"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/notice"
	"parapheur/internal/towntest"
	"parapheur/internal/wiring"
)

func wishes(t *testing.T, town *towntest.Town, email string, m dossiers.MailWishes) {
	t.Helper()
	if err := town.Office.SetMails(t.Context(), town.Person(t, email).Viewer(t), m); err != nil {
		t.Fatal(err)
	}
}

// Each says what they want to be told; a refusal reaches who acted whatever
// they said, in the words that greet them.
func TestWishes(t *testing.T) {
	t.Parallel()
	town, r := mailing(t, 0, "")
	wishes(t, town, demo.DGS, dossiers.MailWishes{Waiting: dossiers.MailReminders, NoCopies: true, NoEnds: true, Greeting: "Cher Philippe"})
	wishes(t, town, demo.Drafter, dossiers.MailWishes{NoEnds: true})
	d := town.Deposit(t) // waits for the DGS, who wants no mail of it
	if _, err := town.Person(t, demo.DGS).Decide(t, d.ID, "visa", ""); err != nil {
		t.Fatal(err)
	}
	if got := r.next(1)[0]; !strings.Contains(got.to, demo.Mayor) || !strings.Contains(got.text, towntest.Origin+"/mes-courriels") {
		t.Errorf("%+v", got)
	}
	if _, err := town.Person(t, demo.Mayor).Decide(t, d.ID, "refus", "Le montant est faux."); err != nil {
		t.Fatal(err)
	}
	got := r.next(2)
	if !strings.Contains(got[0].to, demo.Drafter) || !strings.Contains(got[1].to, demo.DGS) || !strings.HasPrefix(got[1].text, "Cher Philippe,\n") {
		t.Errorf("%+v", got)
	}
	wishes(t, town, demo.Mayor, dossiers.MailWishes{Waiting: dossiers.MailDigest})
	done := town.Deposit(t)
	for _, x := range []struct{ who, decision string }{{demo.DGS, "visa"}, {demo.Mayor, "signature"}} {
		if _, err := town.Person(t, x.who).Decide(t, done.ID, x.decision, ""); err != nil {
			t.Fatal(err)
		}
	}
	town.Await(t, done.ID, func(d dossiers.Dossier) bool { return d.State.Phase == circuits.Completed })
	r.none(town) // neither the Mayor, who has a digest, nor the drafter at the end
}

// A morning is told to who asked for it, where the service tells nobody.
func TestWishedDigest(t *testing.T) {
	t.Parallel()
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 3, 9, 8, 30, 0, 0, paris) // a Monday
	town, r := mailing(t, 0, "immediate", func(c *wiring.Config) { c.Workers, c.Now = 0, func() time.Time { return at } })
	if list, err := town.Office.Mornings(t.Context(), town.Tenant, false); err != nil || len(list) != 0 {
		t.Errorf("nobody asked: %+v, %v", list, err)
	}
	wishes(t, town, demo.DGS, dossiers.MailWishes{Waiting: dossiers.MailDigest})
	town.Deposit(t)
	town.Config.Workers = 1
	town.Open(t)
	if got := r.next(1)[0]; !strings.Contains(got.to, demo.DGS) || got.subject != "Parapheur : 1 courrier à traiter" {
		t.Errorf("%+v", got)
	}
	r.none(town)
}

// What each wish lets through, kind by kind.
func TestWants(t *testing.T) {
	t.Parallel()
	all := dossiers.MailWishes{}
	least := dossiers.MailWishes{Waiting: dossiers.MailReminders, NoCopies: true, NoEnds: true}
	for kind, silenced := range map[dossiers.TellingKind]bool{
		dossiers.TellWaiting: true, dossiers.TellInformed: true, dossiers.TellCompleted: true,
		dossiers.TellReminder: false, dossiers.TellEscalated: false, dossiers.TellAsked: false, dossiers.TellAnswered: false, dossiers.TellRefused: false,
		dossiers.TellBlocked: false, dossiers.TellOverdue: false, dossiers.TellSuperseded: false,
	} {
		if !all.Wants(kind, true) || least.Wants(kind, true) == silenced {
			t.Errorf("%s: %t, %t", kind, all.Wants(kind, true), least.Wants(kind, true))
		}
	}
	for waiting, want := range map[dossiers.WaitingMail][2]bool{ // at once, in the morning; where the service tells neither
		dossiers.MailAsTown: {false, false}, dossiers.MailEach: {true, false}, dossiers.MailDigest: {false, true}, dossiers.MailBoth: {true, true}, dossiers.MailReminders: {false, false},
	} {
		m := dossiers.MailWishes{Waiting: waiting}
		if m.Wants(dossiers.TellWaiting, false) != want[0] || m.WantsMorning(false) != want[1] {
			t.Errorf("%q: %t, %t", waiting, m.Wants(dossiers.TellWaiting, false), m.WantsMorning(false))
		}
	}
}

// Somebody is told of an account that opens their sessions, by whom it was
// linked, and where to look.
func TestLinkedAccountIsTold(t *testing.T) {
	t.Parallel()
	town, r := mailing(t, 0, "")
	dgs := town.Person(t, demo.DGS)
	i := dossiers.Identity{
		Account: dossiers.Account{Issuer: "https://idp.example", Subject: "s"}, ID: "0193a000-0000-7000-8000-000000000001", Person: dgs.Viewer(t).Person.ID,
		Email: "philippe@ville.example", How: "approval", LinkedBy: "Marc Delattre", LinkedAt: town.Office.Now(),
	}
	if err := town.Store.LinkIdentity(t.Context(), town.Tenant.ID, i, circuits.Actor{Name: "Marc Delattre"}); err != nil {
		t.Fatal(err)
	}
	got := r.next(1)[0]
	if !strings.Contains(got.to, demo.DGS) || got.subject != "Un compte ouvre votre session au parapheur" || !strings.Contains(got.text, "Le compte philippe@ville.example est rattaché à votre nom depuis le ") ||
		!strings.Contains(got.text, "par Marc Delattre") || !strings.Contains(got.html, `<a href="`+towntest.Origin+`/mes-cles#comptes">`) {
		t.Errorf("%+v", got)
	}
	r.none(town)
	gone := notice.Linked(town.Tenant, *dgs.Viewer(t).Person, dossiers.Identity{ID: i.ID}, time.UTC)
	if !strings.Contains(gone.Text, "puis détaché") {
		t.Error(gone.Text)
	}
}
