package dossiers_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"parapheur/circuits"
	"parapheur/circuits/delegation"
	"parapheur/dossiers"
	"parapheur/internal/conditions"
	"parapheur/internal/demo"
	"parapheur/internal/townfile"
	"parapheur/internal/towntest"
	"parapheur/internal/wiring"
)

// still is a town whose jobs nobody works.
func still(t *testing.T) (*towntest.Town, dossiers.Viewer) {
	t.Helper()
	town := towntest.New(t, func(c *wiring.Config) { c.Workers = 0 })
	return town, town.Person(t, demo.Administrator).Viewer(t)
}

func organisationOf(t *testing.T, town *towntest.Town) dossiers.Organisation {
	t.Helper()
	g, err := town.Store.Organisation(t.Context(), town.Tenant.ID)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func member(t *testing.T, g dossiers.Organisation, email string) dossiers.Member {
	t.Helper()
	i := slices.IndexFunc(g.People, func(m dossiers.Member) bool { return m.Email == email })
	if i < 0 {
		t.Fatalf("nobody is %s", email)
	}
	return g.People[i]
}

// A file is applied once, and the second time changes nothing; what it leaves
// out goes out of use; what it says is what is exported.
func TestApplySetup(t *testing.T) {
	t.Parallel()
	for _, name := range townfile.Starters() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			town, admin := still(t)
			ctx, o := t.Context(), town.Office
			raw, err := townfile.Starter(name)
			if err != nil {
				t.Fatal(err)
			}
			s, err := townfile.Parse(bytes.NewReader(raw))
			if err != nil {
				t.Fatal(err)
			}
			s.People = append(s.People, organisationOf(t, town).Setup().People...) // those who are there stay
			plan, err := o.PlanSetup(ctx, admin, s)
			if err != nil {
				t.Fatal(err)
			}
			done, err := o.ApplySetup(ctx, admin, s, dossiers.Terms{Shown: plan.Digest(), Founding: true})
			if err != nil || done.Digest() != plan.Digest() {
				t.Fatalf("applied %v, %v", done.Lines, err)
			}
			again, err := o.ApplySetup(ctx, admin, s, dossiers.Terms{Founding: true})
			if err != nil || len(again.Lines) != 0 {
				t.Errorf("the second time: %+v, %v", again.Lines, err)
			}
			g := organisationOf(t, town)
			var first, second bytes.Buffer
			if err := townfile.Format(&first, g.Setup()); err != nil {
				t.Fatal(err)
			}
			back, err := townfile.Parse(bytes.NewReader(first.Bytes()))
			if err != nil {
				t.Fatal(err)
			}
			if r, err := o.PlanSetup(ctx, admin, back); err != nil || len(r.Lines) != 0 {
				t.Errorf("what is exported is not what is there: %+v, %v", r.Lines, err)
			}
			if err := townfile.Format(&second, g.Setup()); err != nil || first.String() != second.String() {
				t.Error("two exports differ")
			}
			if _, err := o.ApplySetup(ctx, admin, back, dossiers.Terms{Shown: plan.Digest()}); !errors.Is(err, dossiers.ErrConflict) {
				t.Errorf("another plan than the one shown: %v", err)
			}
			s.Closures = []dossiers.Closure{}
			s.Delegations = s.Delegations[1:]
			r, err := o.ApplySetup(ctx, admin, s, dossiers.Terms{Founding: true})
			if err != nil || len(r.Lines) != 2 || r.Lines[0].Sign != "-" || !strings.HasPrefix(r.Lines[0].What, "délégation") || r.Lines[1].What != "fermeture du 7 mai 2027" {
				t.Errorf("%+v, %v", r.Lines, err)
			}
			if _, err := town.Store.Types(ctx, town.Tenant.ID); err != nil {
				t.Error(err)
			}
		})
	}
}

// What a file must not do is refused, and says where.
func TestSetupRefusals(t *testing.T) {
	t.Parallel()
	town, admin := still(t)
	base := func() dossiers.Setup { return organisationOf(t, town).Setup() }
	for want, change := range map[string]func(*dossiers.Setup){
		"nomme la personne « inconnue@x.fr »": func(s *dossiers.Setup) {
			s.Desks[0].Holders = []dossiers.SeatSetup{{Person: "inconnue@x.fr", Quality: "Maire"}}
		},
		"au-dessus de lui-même": func(s *dossiers.Setup) {
			s.Desks[0].Parent, s.Desks[1].Parent = circuits.DeskID(s.Desks[1].Code), circuits.DeskID(s.Desks[0].Code)
		},
		"n’est pas un champ de ce type": func(s *dossiers.Setup) {
			s.Types[0].Rules = []dossiers.CircuitRule{{When: "montnat > 1", Circuit: s.Circuits[0].Code}}
		},
		"n’est pas publié":           func(s *dossiers.Setup) { s.Types[0].Circuit = "rien" },
		"est écrit deux fois":        func(s *dossiers.Setup) { s.People = append(s.People, s.People[0]) },
		"au moins un administrateur": func(s *dossiers.Setup) { demote(s) },
		"prend encore ce circuit":    func(s *dossiers.Setup) { s.Circuits = s.Circuits[:1] },
		"Ce fichier est celui":       func(s *dossiers.Setup) { s.Town = "21490888800017" },
		"{annee}": func(s *dossiers.Setup) {
			s.Sequences = []dossiers.Sequence{{Code: "x", Name: "X", Pattern: "A-{numero}"}}
		},
		"Type « courrier-simple » : Deux champs": func(s *dossiers.Setup) {
			f := dossiers.Field{Name: "montant", Label: "M", Type: conditions.Decimal}
			i := slices.IndexFunc(s.Types, func(y dossiers.TypeSetup) bool { return y.Code == "courrier-simple" })
			s.Types[i].Metadata = []dossiers.Field{f, f}
		},
		"n’est pas complet": func(s *dossiers.Setup) { s.Circuits[0].Steps = s.Circuits[0].Steps[:0] },
	} {
		s := base()
		change(&s)
		_, err := town.Office.PlanSetup(t.Context(), admin, s)
		var invalid *dossiers.InvalidError
		if !errors.As(err, &invalid) || !strings.Contains(invalid.Reason, want) {
			t.Errorf("%s: got %v", want, err)
		}
	}
	drafter := town.Person(t, demo.Drafter).Viewer(t)
	if _, err := town.Office.PlanSetup(t.Context(), drafter, base()); !errors.Is(err, dossiers.ErrForbidden) {
		t.Errorf("a drafter plans: %v", err)
	}
	if _, err := town.Office.Organisation(t.Context(), drafter); !errors.Is(err, dossiers.ErrForbidden) {
		t.Errorf("a drafter reads: %v", err)
	}
}

func demote(s *dossiers.Setup) {
	for i := range s.People {
		s.People[i].Admin = false
	}
}

// A program provisions people and never makes an administrator.
func TestProgramsMakeNoAdministrator(t *testing.T) {
	t.Parallel()
	town, admin := still(t)
	ctx, o := t.Context(), town.Office
	apps, err := o.Applications(ctx, admin)
	if err != nil {
		t.Fatal(err)
	}
	directory := dossiers.Viewer{Tenant: town.Tenant, Application: &apps[0]}
	someone := dossiers.Member{Email: "n@x.fr", GivenName: "N", FamilyName: "X"}
	if _, err := o.Amend(ctx, directory, dossiers.MemberSet{Member: someone}); !errors.Is(err, dossiers.ErrForbidden) {
		t.Errorf("without the right: %v", err)
	}
	directory.Manages = true
	made, err := o.Amend(ctx, directory, dossiers.MemberSet{Member: someone})
	if err != nil {
		t.Fatal(err)
	}
	known := made[0].(dossiers.MemberSet).Member
	known.Admin = true
	chief := member(t, organisationOf(t, town), demo.Administrator)
	taken, off := chief, chief
	taken.Email, off.Inactive = "voleur@x.fr", true
	for _, m := range []dossiers.Member{known, taken, off} {
		if _, err := o.Amend(ctx, directory, dossiers.MemberSet{Member: m}); !errors.Is(err, dossiers.ErrInvalid) {
			t.Errorf("%+v: %v", m, err)
		}
	}
	if _, err := o.Amend(ctx, admin, dossiers.MemberSet{Member: off}); !errors.Is(err, dossiers.ErrOneself) {
		t.Errorf("an administrator deactivates themselves: %v", err)
	}
}

// Metadata choose the circuit, and what is missing is asked for.
func TestMetadataChooseTheCircuit(t *testing.T) {
	t.Parallel()
	town, admin := still(t)
	ctx, o := t.Context(), town.Office
	y, _ := organisationOf(t, town).Type("courrier-simple")
	y.Rules = []dossiers.CircuitRule{{When: "montant < 1000.0 && annexes == 0", Circuit: "courrier-cabinet"}}
	y.Metadata = []dossiers.Field{
		{Name: "montant", Label: "Montant", Type: conditions.Decimal},
		{Name: "theme", Label: "Thème", Type: conditions.List, Values: []string{"Voirie", "École"}, AtDeposit: true, Default: "École"},
	}
	if _, err := o.Amend(ctx, admin, dossiers.TypeSet{Type: y}); err != nil {
		t.Fatal(err)
	}
	drafter := town.Person(t, demo.Drafter).Viewer(t)
	deposit := func(start bool, values conditions.Values, annexes ...dossiers.Received) (dossiers.Dossier, error) {
		d, _, err := o.Deposit(ctx, drafter, dossiers.Draft{
			Title: "L", Recipient: "R", TypeCode: y.Code, Main: town.Letter(t), Annexes: annexes, Start: start, Metadata: values,
		})
		return d, err
	}
	for _, c := range []struct {
		montant string
		annexes int
		want    string
	}{{"999,99", 0, "courrier-cabinet"}, {"1000", 0, "courrier-simple"}, {"10", 1, "courrier-simple"}} {
		d, err := deposit(true, conditions.Values{"montant": c.montant}, make([]dossiers.Received, 0)...)
		if c.annexes > 0 {
			d, err = deposit(true, conditions.Values{"montant": c.montant}, town.Annex(t))
		}
		if err != nil || d.State.Circuit.Code != c.want {
			t.Errorf("%+v: circuit %s, %v", c, d.State.Circuit.Code, err)
		}
	}
	for field, values := range map[string]conditions.Values{
		"metadata.montant": {},                                   // the rule needs it
		"metadata.theme":   {"montant": "1", "theme": "Musique"}, // not of the list
		"metadata.autre":   {"montant": "1", "autre": "x"},       // not of the type
	} {
		_, err := deposit(true, values)
		var invalid *dossiers.InvalidError
		if !errors.As(err, &invalid) || invalid.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	draft, err := deposit(false, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.Start(ctx, drafter, draft.ID); !errors.Is(err, dossiers.ErrInvalid) {
		t.Errorf("started without its amount: %v", err)
	}
	f, err := o.SetMetadata(ctx, drafter, draft.ID, conditions.Values{"montant": "5"})
	if err != nil || f.Values["theme"] != "École" {
		t.Fatalf("%+v, %v", f, err)
	}
	if d, err := o.Start(ctx, drafter, draft.ID); err != nil || d.State.Circuit.Code != "courrier-cabinet" {
		t.Errorf("circuit %s, %v", d.State.Circuit.Code, err)
	}
	mayor := town.Person(t, demo.Administrator).Viewer(t)
	if _, err := o.SetMetadata(ctx, mayor, draft.ID, conditions.Values{"montant": "6"}); err == nil {
		t.Error("an administrator changes the metadata of a letter")
	}
}

// Who may act on a letter is read from the town as it is that day.
func TestPowers(t *testing.T) {
	t.Parallel()
	town, admin := still(t)
	ctx, o := t.Context(), town.Office
	d := town.Deposit(t)
	g := organisationOf(t, town)
	mayor, dgs, clerk := member(t, g, demo.Mayor), member(t, g, demo.DGS), member(t, g, demo.Drafter)
	mayor.Rank, clerk.Rank, clerk.Adjoint = 1, 2, true
	made, err := o.Amend(ctx, admin, dossiers.MemberSet{Member: mayor}, dossiers.MemberSet{Member: clerk}, dossiers.DelegationSet{Delegation: delegation.Delegation{
		Number: "1", Basis: delegation.Signature, Signed: "2020-03-01", Published: "2020-03-02", Notified: "2020-03-02", Transmitted: "2020-03-02", From: "2020-03-03",
		Delegator: delegation.Party{Person: mayor.ID, Quality: "Maire", Article: "le"}, Delegate: delegation.Party{Person: dgs.ID, Quality: "Directeur général des services"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	desk := town.Desk(t, demo.DeskMayor).ID
	powers := func() delegation.Resolution {
		r, err := o.Powers(ctx, town.Tenant.ID, d, desk, false)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	p, err := powers().Of(dgs.ID)
	if err != nil || p.Mention != "Pour le Maire et par délégation, le Directeur général des services" || p.Number != "1" || p.Principal.Name != mayor.Name() {
		t.Errorf("%+v, %v", p, err)
	}
	// The DGS recuses himself from this letter; for another one nothing changes.
	if err := o.Recuse(ctx, town.Person(t, demo.DGS).Viewer(t), d.ID, delegation.Recusal{Person: dgs.ID, Motive: "Voisin du demandeur"}); err != nil {
		t.Fatal(err)
	}
	if _, err := powers().Of(dgs.ID); !errors.Is(err, delegation.Recused) {
		t.Errorf("recused: %v", err)
	}
	// The mayor is impeded: the first adjoint acts.
	if _, err := o.DeclareImpediment(ctx, admin, delegation.Impediment{Person: mayor.ID, Motive: "Hospitalisation", From: "2020-01-01"}); !errors.Is(err, dossiers.ErrInvalid) {
		t.Errorf("without proof: %v", err)
	}
	i, err := o.DeclareImpediment(ctx, admin, delegation.Impediment{Person: mayor.ID, Motive: "Hospitalisation", Proof: "Certificat", From: "2020-01-01"})
	if err != nil || i.DeclaredBy != admin.Person.ID {
		t.Fatalf("%+v, %v", i, err)
	}
	if p, err := powers().Of(clerk.ID); err != nil || p.Capacity != delegation.Substituted || p.Mention != "La Maire empêchée, l’adjointe suppléante" {
		t.Errorf("%+v, %v", p, err)
	}
	// The mandate ends: nobody acts for her, and the records are put in order.
	mayor.MandateEnd = "2021-01-01"
	if _, err := o.Amend(ctx, admin, dossiers.MemberSet{Member: mayor}); err != nil {
		t.Fatal(err)
	}
	if r := powers(); len(r.Powers) != 0 {
		t.Errorf("after the mandate: %+v", r.Powers)
	}
	if n, err := o.EndMandates(ctx, town.Tenant.ID); err != nil || n != 1 {
		t.Errorf("%d ended, %v", n, err)
	}
	g = organisationOf(t, town)
	if x, _ := g.Desk(desk); len(x.Holders) != 0 || g.Delegations[0].Withdrawn == "" || g.Delegations[0].ID != made[2].(dossiers.DelegationSet).Delegation.ID {
		t.Errorf("%+v, %+v", x, g.Delegations)
	}
	if n, err := o.EndMandates(ctx, town.Tenant.ID); err != nil || n != 0 {
		t.Errorf("a second time: %d, %v", n, err)
	}
}

// People plan their own absences, administrators those of everybody.
func TestAbsences(t *testing.T) {
	t.Parallel()
	town, admin := still(t)
	ctx, o := t.Context(), town.Office
	g := organisationOf(t, town)
	dgs, clerk := member(t, g, demo.DGS), member(t, g, demo.Drafter)
	plan := delegation.Absence{Person: dgs.ID, From: "2026-07-01", To: "2026-07-15", Replacement: clerk.ID, Tray: delegation.ShareTray}
	mine, err := o.PlanAbsence(ctx, town.Person(t, demo.DGS).Viewer(t), plan)
	if err != nil || mine.ID == "" {
		t.Fatal(err)
	}
	if _, err := o.PlanAbsence(ctx, town.Person(t, demo.Drafter).Viewer(t), plan); !errors.Is(err, dossiers.ErrForbidden) {
		t.Errorf("somebody else's: %v", err)
	}
	theft := delegation.Absence{ID: mine.ID, Person: clerk.ID, From: "2026-07-01", To: "2026-07-02"}
	if _, err := o.PlanAbsence(ctx, town.Person(t, demo.Drafter).Viewer(t), theft); !errors.Is(err, dossiers.ErrNotFound) {
		t.Errorf("an absence taken over: %v", err)
	}
	mine.Cancelled = true
	if _, err := o.PlanAbsence(ctx, admin, mine); err != nil {
		t.Error(err)
	}
	for field, bad := range map[string]delegation.Absence{
		"to":          {Person: dgs.ID, From: "2026-07-02", To: "2026-07-01"},
		"from":        {Person: dgs.ID, From: "2026-02-30", To: "2026-07-01"},
		"replacement": {Person: dgs.ID, From: "2026-07-01", To: "2026-07-01", Replacement: dgs.ID},
		"tray":        {Person: dgs.ID, From: "2026-07-01", To: "2026-07-01", Tray: "x"},
	} {
		_, err := o.PlanAbsence(ctx, admin, bad)
		var invalid *dossiers.InvalidError
		if !errors.As(err, &invalid) || invalid.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// A circuit is worked on, published, retired; letters under way keep theirs.
func TestCircuitVersions(t *testing.T) {
	t.Parallel()
	town, admin := still(t)
	ctx, o := t.Context(), town.Office
	before := town.Deposit(t)
	c, _ := organisationOf(t, town).Circuit("courrier-simple")
	draft := *c.Published
	draft.Name = "Courrier simple, renommé"
	if err := o.DraftCircuit(ctx, admin, draft); err != nil {
		t.Fatal(err)
	}
	if got := town.Deposit(t); got.State.Circuit.Name != c.Published.Name {
		t.Error("a letter takes a draft")
	}
	if _, err := o.PublishCircuit(ctx, admin, draft.Code, dossiers.Publication{}); !errors.Is(err, dossiers.ErrUnready) {
		t.Errorf("published while nobody has a passkey: %v", err)
	}
	town.Person(t, demo.DGS)
	town.Person(t, demo.Mayor)
	published, err := o.PublishCircuit(ctx, admin, draft.Code, dossiers.Publication{})
	if err != nil || published.Version != 2 {
		t.Fatalf("version %d, %v", published.Version, err)
	}
	if got := town.Deposit(t); got.State.Circuit.Version != 2 {
		t.Error("a letter does not take the new version")
	}
	if got, err := town.Store.Dossier(ctx, town.Tenant.ID, before.ID); err != nil || got.State.Circuit.Version != 1 {
		t.Errorf("a letter under way changed its circuit: %v", err)
	}
	if _, err := o.PublishCircuit(ctx, admin, draft.Code, dossiers.Publication{}); !errors.Is(err, dossiers.ErrNotFound) {
		t.Errorf("published without a draft: %v", err)
	}
	if err := o.RetireCircuit(ctx, admin, draft.Code, 2); !errors.Is(err, dossiers.ErrInvalid) {
		t.Errorf("retired while a type takes it: %v", err)
	}
	if err := o.RetireCircuit(ctx, admin, draft.Code, 1); err != nil {
		t.Error(err)
	}
	if err := o.RetireCircuit(ctx, admin, draft.Code, 7); !errors.Is(err, dossiers.ErrNotFound) {
		t.Errorf("an unheard-of version: %v", err)
	}
}

// A type is open to whom its permissions name.
func TestPermissions(t *testing.T) {
	t.Parallel()
	town, admin := still(t)
	ctx, o := t.Context(), town.Office
	y, _ := organisationOf(t, town).Type("courrier-simple")
	gec, _, err := o.Authenticate(ctx, town.Tenant, town.Founded.APIKeys[demo.GEC])
	if err != nil {
		t.Fatal(err)
	}
	deposit := func(v dossiers.Viewer) error {
		_, _, err := o.Deposit(ctx, v, dossiers.Draft{Title: "L", Recipient: "R", TypeCode: y.Code, Main: town.Letter(t)})
		return err
	}
	drafter, preparer := town.Person(t, demo.Drafter).Viewer(t), town.Person(t, demo.Preparer).Viewer(t)
	for _, c := range []struct {
		dossiers.Permissions
		drafter, preparer, gec bool
	}{
		{dossiers.Permissions{}, true, true, true},
		{dossiers.Permissions{People: []circuits.PersonID{drafter.Person.ID}}, true, false, false},
		{dossiers.Permissions{Desks: []circuits.DeskID{town.Desk(t, demo.DeskMayor).ID}}, false, true, false},
		{dossiers.Permissions{Applications: []string{demo.GEC}}, false, false, true},
	} {
		y.Permissions = c.Permissions
		if _, err := o.Amend(ctx, admin, dossiers.TypeSet{Type: y}); err != nil {
			t.Fatal(err)
		}
		for who, want := range map[*dossiers.Viewer]bool{&drafter: c.drafter, &preparer: c.preparer, &gec: c.gec} {
			if err := deposit(*who); (err == nil) != want || err != nil && !errors.Is(err, dossiers.ErrInvalid) {
				t.Errorf("%+v: %v, want %v", c.Permissions, err, want)
			}
		}
	}
}

// Circuits that follow one another end, and lead to what is published.
func TestChainsOfCircuits(t *testing.T) {
	t.Parallel()
	town, admin := still(t)
	ctx, o := t.Context(), town.Office
	g := organisationOf(t, town)
	first, _ := g.Circuit("courrier-simple")
	second, _ := g.Circuit("courrier-cabinet")
	chain := func(d circuits.Definition, then string) error {
		d.Then = then
		if err := o.DraftCircuit(ctx, admin, d); err != nil {
			t.Fatal(err)
		}
		_, err := o.PublishCircuit(ctx, admin, d.Code, dossiers.Publication{})
		return err
	}
	town.Person(t, demo.DGS)
	town.Person(t, demo.Mayor)
	if err := chain(*first.Published, "unheard-of"); !errors.Is(err, dossiers.ErrUnready) {
		t.Errorf("to a circuit that is not there: %v", err)
	}
	if err := chain(*first.Published, second.Code); err != nil {
		t.Fatal(err)
	}
	if err := chain(*second.Published, first.Code); !errors.Is(err, dossiers.ErrInvalid) {
		t.Errorf("in a circle: %v", err)
	}
}
