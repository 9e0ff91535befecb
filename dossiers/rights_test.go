package dossiers_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/towntest"
)

// application returns the viewer of an API key.
func application(t *testing.T, town *towntest.Town, secret string) dossiers.Viewer {
	t.Helper()
	v, _, err := town.Office.Authenticate(t.Context(), town.Tenant, secret)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// A cast is everybody who could want something of a dossier.
type cast struct {
	town                                                *towntest.Town
	drafter, dgs, mayor, preparer, admin, gec, otherGEC dossiers.Viewer
	stranger                                            dossiers.Viewer
	register                                            dossiers.Viewer // an application that may see all
}

func newCast(t *testing.T) cast {
	t.Helper()
	town := towntest.New(t)
	c := cast{town: town}
	c.drafter, c.dgs, c.mayor = town.Person(t, demo.Drafter).Viewer(t), town.Person(t, demo.DGS).Viewer(t), town.Person(t, demo.Mayor).Viewer(t)
	c.preparer, c.admin = town.Person(t, demo.Preparer).Viewer(t), town.Person(t, demo.Administrator).Viewer(t)
	c.stranger = town.Newcomer(t, "stagiaire@saint-aubin.example", "").Viewer(t)
	c.register = application(t, town, town.Founded.APIKeys[demo.GEC])
	c.gec, c.otherGEC = c.program(t, "Gestion du courrier"), c.program(t, "Autre application")
	return c
}

// program adds an application with every ordinary scope.
func (c cast) program(t *testing.T, name string) dossiers.Viewer {
	t.Helper()
	a, err := c.town.Office.AddApplication(t.Context(), c.admin, name, c.drafter.Person.ID)
	if err != nil {
		t.Fatal(err)
	}
	secret, _, err := c.town.Office.AddAPIKey(t.Context(), c.admin, a.ID, dossiers.Scopes(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return application(t, c.town, secret)
}

// deposit sends a letter for v.
func (c cast) deposit(t *testing.T, v dossiers.Viewer, start bool) dossiers.ID {
	t.Helper()
	d, _, err := c.town.Office.Deposit(t.Context(), v, dossiers.Draft{
		Title: "Une lettre", Recipient: "Quelqu’un", TypeCode: "courrier-simple", Main: c.town.Letter(t), Start: start,
	})
	if err != nil {
		t.Fatal(err)
	}
	return d.ID
}

// asks are the use cases about one dossier, each as it fails for whom the
// dossier does not exist.
func asks(o *dossiers.Office, main dossiers.Received) map[string]func(t *testing.T, v dossiers.Viewer, id dossiers.ID) error {
	return map[string]func(t *testing.T, v dossiers.Viewer, id dossiers.ID) error{
		"view": func(t *testing.T, v dossiers.Viewer, id dossiers.ID) error {
			_, err := o.View(t.Context(), v, id)
			return err
		},
		"content": func(t *testing.T, v dossiers.Viewer, id dossiers.ID) error {
			c, err := o.Content(t.Context(), v, id, 1, "")
			if err == nil {
				err = c.Close()
			}
			return err
		},
		"page": func(t *testing.T, v dossiers.Viewer, id dossiers.ID) error {
			_, err := o.PageImage(t.Context(), v, id, 1, 1, 200)
			return err
		},
		"texts": func(t *testing.T, v dossiers.Viewer, id dossiers.ID) error {
			_, err := o.PageTexts(t.Context(), v, id, 1)
			return err
		},
		"evidence": func(t *testing.T, v dossiers.Viewer, id dossiers.ID) error {
			return o.Evidence(t.Context(), v, id, io.Discard)
		},
		"withdraw": func(t *testing.T, v dossiers.Viewer, id dossiers.ID) error {
			_, err := o.Withdraw(t.Context(), v, id, "", -1)
			return err
		},
		"correct": func(t *testing.T, v dossiers.Viewer, id dossiers.ID) error {
			_, err := o.Correct(t.Context(), v, id, main)
			return err
		},
		"start": func(t *testing.T, v dossiers.Viewer, id dossiers.ID) error {
			_, err := o.Start(t.Context(), v, id)
			return err
		},
	}
}

// Who sees what. Those who do not see a dossier cannot tell that it exists,
// whatever they ask.
func TestWhoSees(t *testing.T) {
	t.Parallel()
	c := newCast(t)
	of := map[string]dossiers.ID{
		"a draft": c.deposit(t, c.drafter, false), "a running letter": c.deposit(t, c.drafter, true), "a letter of the application": c.deposit(t, c.gec, true),
	}
	viewers := map[string]dossiers.Viewer{
		"drafter": c.drafter, "dgs": c.dgs, "mayor": c.mayor, "preparer": c.preparer, "administrator": c.admin,
		"stranger": c.stranger, "application": c.gec, "other application": c.otherGEC,
		"register": c.register,
	}
	sees := map[string]string{
		"a draft":                     "drafter register",
		"a running letter":            "drafter dgs mayor preparer register",
		"a letter of the application": "drafter dgs mayor preparer application register",
	}
	asked := asks(c.town.Office, c.town.Annex(t))
	for what, id := range of {
		for who, v := range viewers {
			may := strings.Contains(" "+sees[what]+" ", " "+who+" ")
			_, err := c.town.Office.View(t.Context(), v, id)
			if may != (err == nil) {
				t.Errorf("%s looks at %s: %v", who, what, err)
			}
			if may {
				continue
			}
			for use, ask := range asked {
				if err := ask(t, v, id); !errors.Is(err, dossiers.ErrNotFound) {
					t.Errorf("%s asks to %s %s: %v, want ErrNotFound", who, use, what, err)
				}
			}
		}
	}
	for who, v := range viewers {
		if err := asked["view"](t, v, "01900000-0000-7000-8000-000000000000"); !errors.Is(err, dossiers.ErrNotFound) {
			t.Errorf("%s looks at what does not exist: %v", who, err)
		}
		if err := asked["view"](t, v, "x' or true --"); !errors.Is(err, dossiers.ErrNotFound) {
			t.Errorf("%s looks at what is no identifier: %v", who, err)
		}
	}
}

// Those who see a dossier may still not do everything with it.
func TestWhoMay(t *testing.T) {
	t.Parallel()
	c := newCast(t)
	o, asked := c.town.Office, asks(c.town.Office, c.town.Annex(t))
	running, draft := c.deposit(t, c.drafter, true), c.deposit(t, c.drafter, false)
	for who, v := range map[string]dossiers.Viewer{"dgs": c.dgs, "mayor": c.mayor, "preparer": c.preparer, "register": c.register} {
		for _, use := range []string{"withdraw", "correct"} {
			if err := asked[use](t, v, running); !errors.Is(err, circuits.ErrDrafter) {
				t.Errorf("%s may %s: %v", who, use, err)
			}
		}
	}
	if err := asked["start"](t, c.drafter, running); !errors.Is(err, circuits.ErrState) {
		t.Errorf("started twice: %v", err)
	}
	if err := asked["start"](t, c.drafter, draft); err != nil {
		t.Errorf("the drafter starts a draft: %v", err)
	}
	view, err := o.View(t.Context(), c.preparer, running)
	if err != nil || view.Can != (dossiers.Verbs{}) {
		t.Errorf("a preparer may %+v, %v", view.Can, err)
	}
	for name, who := range map[string]string{"preparer": demo.Preparer, "drafter": demo.Drafter, "mayor before her turn": demo.Mayor} {
		p := c.town.Person(t, who)
		if _, err := p.Begin(t, running, "visa", ""); !errors.Is(err, circuits.ErrDesk) {
			t.Errorf("%s decides: %v", name, err)
		}
	}
	dgs := c.town.Person(t, demo.DGS)
	for decision, want := range map[string]error{"signature": circuits.ErrKind, "avis": dossiers.ErrInvalid, "remords": circuits.ErrAuthor} {
		if _, err := dgs.Begin(t, running, decision, ""); !errors.Is(err, want) {
			t.Errorf("%s on a visa step: %v, want %v", decision, err, want)
		}
	}
	if _, err := dgs.Begin(t, running, "refus", " \n "); !errors.Is(err, circuits.ErrReason) {
		t.Errorf("a refusal without its reason: %v", err)
	}
}

// Some things are not for programs, and administration is for administrators.
func TestKindsOfViewers(t *testing.T) {
	t.Parallel()
	c := newCast(t)
	ctx, o := t.Context(), c.town.Office
	for name, err := range map[string]error{
		"begin":          second(o.BeginDecision(ctx, c.gec, dossiers.Session{ID: "x"}, nil)),
		"finish":         second(o.FinishDecision(ctx, c.gec, dossiers.Session{ID: "x"}, nil, nil)),
		"bins":           second(o.Bins(ctx, c.gec)),
		"passkeys":       second(o.Passkeys(ctx, c.gec)),
		"passkey":        second(o.BeginPasskey(ctx, c.gec, dossiers.Session{ID: "x"})),
		"finish passkey": second(o.FinishPasskey(ctx, c.gec, dossiers.Session{ID: "x"}, nil, nil, "")),
		"finish witness": o.FinishWitness(ctx, c.gec, dossiers.Session{ID: "x"}, nil, nil),
		"begin witness":  second(o.BeginWitness(ctx, c.gec, dossiers.Session{ID: "x"}, nil, "")),
		"refuse passkey": o.RefusePasskey(ctx, c.gec, nil),
		"rename":         o.RenamePasskey(ctx, c.gec, nil, "clé"),
		"revoke":         o.RevokePasskey(ctx, c.gec, dossiers.Session{ID: "x"}, nil),
		"people":         second(o.People(ctx, c.gec)),
		"deposit":        third(o.Deposit(ctx, c.stranger, dossiers.Draft{})),
		"events":         second(o.Events(ctx, c.drafter, 0, 10)),
		"search":         third(o.Search(ctx, c.drafter, dossiers.Filter{}, dossiers.Page{})),
		"list":           third(o.List(ctx, c.gec, dossiers.BinToDo, dossiers.Page{})),

		"desks":       second(o.Desks(ctx, c.mayor)),
		"programs":    second(o.Applications(ctx, c.mayor)),
		"journal":     second(o.JournalTail(ctx, c.mayor, 0, 10)),
		"export":      o.ExportJournal(ctx, c.mayor, io.Discard),
		"add person":  second(o.AddPerson(ctx, c.mayor, dossiers.Person{})),
		"add desk":    second(o.AddDesk(ctx, c.mayor, "Bureau")),
		"seat":        o.Seat(ctx, c.mayor, "", "", "", false),
		"unseat":      o.Unseat(ctx, c.mayor, "", ""),
		"deactivate":  o.SetActive(ctx, c.mayor, "", false),
		"invite":      third(o.InvitePerson(ctx, c.mayor, "")),
		"add program": second(o.AddApplication(ctx, c.mayor, "x", "")),
		"add key":     third(o.AddAPIKey(ctx, c.mayor, "", nil, time.Time{})),
		"revoke key":  o.RevokeAPIKey(ctx, c.mayor, ""),
	} {
		if !errors.Is(err, dossiers.ErrForbidden) {
			t.Errorf("%s: %v, want ErrForbidden", name, err)
		}
	}
	for name, key := range map[string]string{"empty": "", "unknown": "pk_00_x", "another secret": c.town.Founded.APIKeys[demo.GEC] + "x"} {
		if _, _, err := o.Authenticate(ctx, c.town.Tenant, key); !errors.Is(err, dossiers.ErrSignInNeeded) {
			t.Errorf("API key %s: %v", name, err)
		}
	}
}

func second[A any](_ A, err error) error        { return err }
func third[A, B any](_ A, _ B, err error) error { return err }
