package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"parapheur/circuits"
	"parapheur/circuits/delegation"
	"parapheur/dossiers"
	"parapheur/internal/conditions"
	"parapheur/internal/demo"
	"parapheur/internal/postgres"
	"parapheur/internal/towntest"
	"parapheur/internal/trial"
	"parapheur/internal/wiring"
)

// organised sets the town up through everything that leaves a row, and has a
// letter filed and numbered. It answers that letter.
func organised(t *testing.T, town *towntest.Town, recused dossiers.ID) dossiers.Dossier {
	t.Helper()
	ctx, o := t.Context(), town.Office
	admin := town.Person(t, demo.Administrator).Viewer(t)
	g, err := o.Organisation(ctx, admin)
	if err != nil {
		t.Fatal(err)
	}
	who := func(email string) dossiers.Member {
		i := slices.IndexFunc(g.People, func(m dossiers.Member) bool { return m.Email == email })
		return g.People[i]
	}
	mayor, dgs, clerk := who(demo.Mayor), who(demo.DGS), who(demo.Drafter)
	mayor.Rank, mayor.MandateEnd = 1, "2032-03-20"
	desk, _ := g.Desk(town.Desk(t, demo.DeskDGS).ID)
	desk.Parent, desk.Supervisors = town.Desk(t, demo.DeskMayor).ID, []circuits.PersonID{clerk.ID}
	letter, _ := g.Type("courrier-simple")
	letter.Sequence, letter.NumberAtDeposit = "depart", true
	letter.Metadata = []dossiers.Field{{Name: "montant", Label: "Montant", Type: conditions.Decimal}}
	cabinet, _ := g.Circuit("courrier-cabinet")
	second := *cabinet.Published
	second.Version, second.Name = 2, "Courrier du cabinet, nouvelle version"
	_, err = o.Amend(ctx, admin,
		dossiers.MemberSet{Member: mayor}, dossiers.DeskSet{Desk: desk},
		dossiers.SequenceSet{Sequence: dossiers.Sequence{Code: "depart", Name: "Courrier au départ", Pattern: "{annee}-{numero:04}"}},
		dossiers.TypeSet{Type: letter},
		dossiers.CircuitPublished{Circuit: second, SHA256: second.Hash()}, dossiers.CircuitRetired{Code: second.Code, Version: 1},
		dossiers.CircuitDrafted{Circuit: *cabinet.Published},
		dossiers.DelegationSet{Delegation: delegation.Delegation{
			Number: "2026-041", Basis: delegation.Signature, Signed: "2026-03-01", Published: "2026-03-02", Notified: "2026-03-02", Transmitted: "2026-03-02", From: "2026-03-03",
			Delegator: delegation.Party{Person: mayor.ID, Quality: "Maire"}, Delegate: delegation.Party{Person: dgs.ID, Quality: "Directeur général des services"},
		}},
		dossiers.AbsenceSet{Absence: delegation.Absence{Person: dgs.ID, From: "2026-07-01", To: "2026-07-15", Replacement: clerk.ID, Tray: delegation.ShareTray}},
		dossiers.ImpedimentSet{Impediment: delegation.Impediment{Person: mayor.ID, Motive: "Hospitalisation", Proof: "Certificat", From: "2026-08-01", To: "2026-08-15"}},
		dossiers.RecusalSet{Dossier: recused, Recusal: delegation.Recusal{Person: dgs.ID, Motive: "Voisin du demandeur", On: "2026-03-02"}},
		dossiers.ClosureSet{Closure: dossiers.Closure{On: "2026-05-15", Label: "Pont de l’Ascension"}},
		dossiers.CasesSet{Code: "courrier-cabinet", Cases: []trial.Case{{Name: "Petite somme", Values: conditions.Values{"montant": "10"}, Expect: []circuits.StepID{"signature-maire"}}}},
	)
	if err != nil {
		t.Fatal(err)
	}
	d, _, err := o.Deposit(ctx, town.Person(t, demo.Drafter).Viewer(t), dossiers.Draft{
		Title: "Subvention", Recipient: "Club de tir", TypeCode: "courrier-simple", Main: town.Letter(t), Metadata: conditions.Values{"montant": "1 500,50"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// What is set up is read back as it was, and each amendment has its entry in
// the journal under the person who made it.
func TestOrganisation(t *testing.T) {
	t.Parallel()
	town := towntest.New(t, func(c *wiring.Config) { c.Workers = 0 })
	ctx, s := t.Context(), town.Store
	first := town.Deposit(t)
	d := organised(t, town, first.ID)
	g, err := s.Organisation(ctx, town.Tenant.ID)
	if err != nil {
		t.Fatal(err)
	}
	if g.Revision == 0 || len(g.Delegations) != 1 || len(g.Absences) != 1 || len(g.Impediments) != 1 || len(g.Closures) != 1 || len(g.Applications) != 1 {
		t.Errorf("%+v", g)
	}
	desk, _ := g.Desk(town.Desk(t, demo.DeskDGS).ID)
	if desk.Code != "direction-generale-des-services" || desk.Parent != town.Desk(t, demo.DeskMayor).ID || len(desk.Holders) != 1 || len(desk.Supervisors) != 1 {
		t.Errorf("desk %+v", desk)
	}
	c, _ := g.Circuit("courrier-cabinet")
	if len(c.Cases) != 1 || c.Cases[0].Values["montant"] != "10" {
		t.Errorf("cases %+v", c.Cases)
	}
	if c.Published == nil || c.Published.Version != 2 || c.Draft == nil || len(c.Versions) != 2 || !c.Versions[0].Retired || c.Versions[1].Retired {
		t.Errorf("circuit %+v", c)
	}
	f, err := s.Filing(ctx, town.Tenant.ID, d.ID)
	if want := fmt.Sprintf("%d-0001", time.Now().Year()); err != nil || f.Number != want || f.Values["montant"] != "1500.5" {
		t.Errorf("%+v, %v, want number %s", f, err, want)
	}
	entries, err := s.Journal(ctx, town.Tenant.ID, 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for _, e := range entries {
		kinds[e.Kind]++
		if e.Kind == dossiers.KindDelegationSet && !strings.Contains(string(e.Body), `"by":{"person":"`) {
			t.Errorf("%s", e.Body)
		}
	}
	for _, kind := range []string{
		dossiers.KindMemberSet, dossiers.KindDeskSet, dossiers.KindSequenceSet, dossiers.KindTypeSet, dossiers.KindRetired, dossiers.KindDrafted,
		dossiers.KindDelegationSet, dossiers.KindAbsenceSet, dossiers.KindImpedimentSet, dossiers.KindRecusalSet, dossiers.KindClosureSet, dossiers.KindCasesSet,
	} {
		if kinds[kind] != 1 {
			t.Errorf("%d entries %s", kinds[kind], kind)
		}
	}
}

// A refused amendment leaves nothing of those made with it.
func TestOrganiseIsAllOrNothing(t *testing.T) {
	t.Parallel()
	town := towntest.New(t, func(c *wiring.Config) { c.Workers = 0 })
	ctx, s := t.Context(), town.Store
	before, err := s.JournalHead(ctx, town.Tenant.ID)
	if err != nil {
		t.Fatal(err)
	}
	founded, err := s.OrganisationRevision(ctx, town.Tenant.ID)
	if err != nil {
		t.Fatal(err)
	}
	refused := errors.New("refused")
	for _, list := range [][]dossiers.Amendment{
		nil,
		{ // the database refuses the second: nobody has this identifier
			dossiers.ClosureSet{Closure: dossiers.Closure{On: "2026-05-15"}},
			dossiers.AbsenceSet{Absence: delegation.Absence{ID: "0190c2d0-0000-7000-8000-000000000001", Person: "0190c2d0-0000-7000-8000-000000000002", From: "2026-01-01", To: "2026-01-02"}},
		},
	} {
		_, err := s.Organise(ctx, town.Tenant.ID, by, time.Now(), func(dossiers.Organisation) ([]dossiers.Amendment, error) {
			if list == nil {
				return nil, refused
			}
			return list, nil
		})
		if !errors.Is(err, refused) && !errors.Is(err, dossiers.ErrNotFound) {
			t.Errorf("got %v", err)
		}
	}
	// Nor does a set-up move that was looked at and left as it was.
	at, err := s.Organise(ctx, town.Tenant.ID, by, time.Now(), func(dossiers.Organisation) ([]dossiers.Amendment, error) { return nil, nil })
	if err != nil || at != founded {
		t.Errorf("untouched: revision %d, want %d, %v", at, founded, err)
	}
	after, err := s.JournalHead(ctx, town.Tenant.ID)
	g, again := s.Organisation(ctx, town.Tenant.ID)
	if err != nil || again != nil || after.Seq != before.Seq || g.Revision != founded || len(g.Closures) != 0 {
		t.Errorf("seq %d, revision %d, closures %v, %v, %v", after.Seq, g.Revision, g.Closures, err, again)
	}
}

// Letters deposited together have numbers without gap, and a deposit that
// fails takes none.
func TestNumbersHaveNoGap(t *testing.T) {
	t.Parallel()
	town := towntest.New(t, func(c *wiring.Config) { c.Workers = 0 })
	organised(t, town, town.Deposit(t).ID) // number 1
	drafter, letter := town.Person(t, demo.Drafter).Viewer(t), town.Letter(t)
	gec, _, err := town.Office.Authenticate(t.Context(), town.Tenant, town.Founded.APIKeys[demo.GEC])
	if err != nil {
		t.Fatal(err)
	}
	var together sync.WaitGroup
	for i := range 20 {
		together.Go(func() {
			d := dossiers.Draft{Title: "L", Recipient: "R", TypeCode: "courrier-simple", Main: letter, Start: i%2 == 0}
			who := drafter
			if i%5 == 0 { // one reference for all: the first passes
				d.ExternalReference, who = "GEC-1", gec
			}
			_, _, err := town.Office.Deposit(t.Context(), who, d)
			if err != nil && !errors.Is(err, dossiers.ErrReference) {
				t.Error(err)
			}
		})
	}
	together.Wait()
	var n, last int
	err = town.Owner(t).QueryRow(t.Context(), `select count(*), max(n) from filing where number is not null`).Scan(&n, &last)
	if err != nil || n != last || n != 18 {
		t.Errorf("%d numbers up to %d, %v; want 18", n, last, err)
	}
}

// A draft that is started later is numbered then, once.
func TestNumberAtStart(t *testing.T) {
	t.Parallel()
	town := towntest.New(t, func(c *wiring.Config) { c.Workers = 0 })
	organised(t, town, town.Deposit(t).ID)
	ctx, o := t.Context(), town.Office
	admin := town.Person(t, demo.Administrator).Viewer(t)
	g, err := o.Organisation(ctx, admin)
	if err != nil {
		t.Fatal(err)
	}
	y, _ := g.Type("courrier-simple")
	y.NumberAtDeposit = false
	if _, err := o.Amend(ctx, admin, dossiers.TypeSet{Type: y}); err != nil {
		t.Fatal(err)
	}
	drafter := town.Person(t, demo.Drafter).Viewer(t)
	d, _, err := o.Deposit(ctx, drafter, dossiers.Draft{Title: "L", Recipient: "R", TypeCode: "courrier-simple", Main: town.Letter(t)})
	if err != nil {
		t.Fatal(err)
	}
	number := func() string {
		f, err := town.Store.Filing(ctx, town.Tenant.ID, d.ID)
		if err != nil {
			t.Fatal(err)
		}
		return f.Number
	}
	if number() != "" {
		t.Errorf("a draft has number %s", number())
	}
	want := fmt.Sprintf("%d-0002", time.Now().Year())
	for range 2 {
		if _, err := o.Start(ctx, drafter, d.ID); err != nil {
			t.Fatal(err)
		}
		if number() != want {
			t.Errorf("number %s, want %s", number(), want)
		}
		if _, err := o.Withdraw(ctx, drafter, d.ID, "", -1); err != nil {
			t.Fatal(err)
		}
	}
}

func organisationReads() map[string]call {
	return map[string]call{
		"Circuit": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			if b.town.Tenant.ID != t { // both towns have circuits of the same codes: another one's is looked for
				_, err := s.Circuit(ctx, t, "unheard-of", 1)
				return err
			}
			_, err := s.Circuit(ctx, t, "courrier-cabinet", 2)
			return err
		},
		"Filing": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			_, err := s.Filing(ctx, t, b.signed.ID)
			return err
		},
		"Recusals": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			x, err := s.Recusals(ctx, t, b.signed.ID)
			return some(len(x), err, x)
		},
	}
}

func organisationWrites() map[string]call {
	at := time.Now().UTC().Truncate(time.Microsecond)
	return map[string]call{
		"SetMetadata": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			return s.SetMetadata(ctx, t, b.signed.ID, conditions.Values{"montant": "1"}, by, at)
		},
		"Organise": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			_, err := s.Organise(ctx, t, by, at, func(dossiers.Organisation) ([]dossiers.Amendment, error) {
				return []dossiers.Amendment{dossiers.AbsenceSet{Absence: delegation.Absence{
					ID: "0190c2d0-0000-7000-8000-000000000003", Person: b.person.ID, From: "2026-01-01", To: "2026-01-02",
				}}}, nil
			})
			return err
		},
	}
}

func organisationOfTown() map[string]func(ctx context.Context, s *postgres.Store, t dossiers.TenantID) (any, error) {
	return map[string]func(ctx context.Context, s *postgres.Store, t dossiers.TenantID) (any, error){
		"Organisation": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID) (any, error) {
			return s.Organisation(ctx, t)
		},
		"Travelling": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID) (any, error) {
			return s.Travelling(ctx, t, "courrier-simple", 10)
		},
		"Underway": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID) (any, error) {
			return s.Underway(ctx, t)
		},
	}
}
