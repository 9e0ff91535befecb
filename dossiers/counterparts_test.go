package dossiers_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"parapheur/approvals"
	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/towntest"
)

// step answers a gesture of a link and tells where the browser goes on.
func step(t *testing.T, o *dossiers.Office, p *towntest.Person, g dossiers.Gesture, err error) (string, error) {
	t.Helper()
	if err != nil {
		return "", err
	}
	return o.FinishLink(t.Context(), p.Viewer(t), p.Session, g.Ceremony, p.Answer(t, g.Options))
}

// carried is what an address carries to the page of a town.
func carried(t *testing.T, next, page string) string {
	t.Helper()
	sealed, ok := strings.CutPrefix(next, page)
	if !ok {
		t.Fatalf("goes on at %q, not at %s", next, page)
	}
	return sealed
}

// Somebody who serves two towns says so with a gesture in each; each then shows
// the door of the other.
func TestTwoTowns(t *testing.T) {
	t.Parallel()
	town := towntest.New(t)
	other := town.Neighbour(t)
	o, ctx := town.Office, t.Context()
	here, there := town.Person(t, demo.DGS), other.Person(t, demo.DGS)

	g, err := o.BeginLink(ctx, here.Viewer(t), here.Session, "voisine.localhost:8080")
	next, err := step(t, o, here, g, err)
	if err != nil {
		t.Fatal(err)
	}
	offer := carried(t, next, other.Tenant.Origin+"/mes-collectivites/relier/")
	asked, err := o.ReadOffer(ctx, there.Viewer(t), offer)
	if err != nil || asked.Town.Name != town.Tenant.Name || asked.Name != here.Viewer(t).Person.Name() {
		t.Fatalf("%+v, %v", asked, err)
	}
	none := func(when string, people ...*towntest.Person) {
		t.Helper()
		for _, p := range people {
			if all, err := o.Elsewhere(ctx, p.Viewer(t)); err != nil || len(all) != 0 {
				t.Errorf("%s: %+v, %v", when, all, err)
			}
		}
	}
	none("after one gesture", here, there)
	g, err = o.BeginAnswer(ctx, there.Viewer(t), there.Session, offer)
	next, err = step(t, o, there, g, err)
	if err != nil {
		t.Fatal(err)
	}
	answer := carried(t, next, town.Tenant.Origin+"/mes-collectivites/retour/")
	none("before the answer is back", here)
	for range 2 { // a page opened again changes nothing
		if back, err := o.CompleteLink(ctx, here.Viewer(t), answer); err != nil || back.ID != other.Tenant.ID {
			t.Fatal(back, err)
		}
	}
	for p, at := range map[*towntest.Person]dossiers.Tenant{here: other.Tenant, there: town.Tenant} {
		all, err := o.Elsewhere(ctx, p.Viewer(t))
		if err != nil || len(all) != 1 || all[0].Origin != at.Origin || all[0].Name != at.Name {
			t.Fatalf("%+v, %v", all, err)
		}
	}
	// Each journal has its own side, and nothing of the person there.
	for at, p := range map[*towntest.Town]*towntest.Person{town: there, other: here} {
		entries, err := at.Store.Journal(ctx, at.Tenant.ID, 0, 1000)
		if err != nil {
			t.Fatal(err)
		}
		last := entries[len(entries)-1]
		if last.Kind != dossiers.KindPersonLinked || strings.Contains(string(last.Body), string(p.Viewer(t).Person.ID)) {
			t.Errorf("%s %s", last.Kind, last.Body)
		}
	}
	// Forgotten here, it stays there, and can be made again.
	mine, _ := o.Elsewhere(ctx, here.Viewer(t))
	if err := o.Unlink(ctx, there.Viewer(t), mine[0].ID); !errors.Is(err, dossiers.ErrNotFound) {
		t.Errorf("forgotten from the other town: %v", err)
	}
	if err := o.Unlink(ctx, here.Viewer(t), mine[0].ID); err != nil {
		t.Fatal(err)
	}
	none("forgotten", here)
	link(t, town, here, there)
	if all, err := o.Elsewhere(ctx, there.Viewer(t)); err != nil || len(all) != 1 {
		t.Errorf("%+v, %v", all, err)
	}
}

// link goes through both towns.
func link(t *testing.T, town *towntest.Town, here, there *towntest.Person) {
	t.Helper()
	o, ctx := town.Office, t.Context()
	g, err := o.BeginLink(ctx, here.Viewer(t), here.Session, there.Viewer(t).Tenant.Origin)
	next, err := step(t, o, here, g, err)
	if err != nil {
		t.Fatal(err)
	}
	g, err = o.BeginAnswer(ctx, there.Viewer(t), there.Session, next[strings.LastIndex(next, "/")+1:])
	if next, err = step(t, o, there, g, err); err != nil {
		t.Fatal(err)
	}
	if _, err := o.CompleteLink(ctx, here.Viewer(t), next[strings.LastIndex(next, "/")+1:]); err != nil {
		t.Fatal(err)
	}
}

// Nobody links somebody else: not with their gesture, their offer or their
// answer, nor with a row in the database.
func TestLinkRefused(t *testing.T) {
	t.Parallel()
	town := towntest.New(t)
	other := town.Neighbour(t)
	o, ctx := town.Office, t.Context()
	here, there, rogue := town.Person(t, demo.DGS), other.Person(t, demo.DGS), town.Person(t, demo.Administrator)
	for _, address := range []string{"", "inconnue.example", town.Tenant.Origin, "::", "https://"} {
		var why *dossiers.InvalidError
		if _, err := o.BeginLink(ctx, here.Viewer(t), here.Session, address); !errors.As(err, &why) || why.Field != "origin" {
			t.Errorf("%q: %v", address, err)
		}
	}
	begin := func(p *towntest.Person) dossiers.Gesture {
		g, err := o.BeginLink(ctx, p.Viewer(t), p.Session, other.Tenant.Origin)
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	g := begin(here)
	if _, err := o.FinishLink(ctx, here.Viewer(t), here.Session, g.Ceremony, rogue.Answer(t, g.Options)); !errors.Is(err, approvals.ErrUnknownCredential) {
		t.Errorf("with the passkey of somebody else: %v", err)
	}
	g = begin(here)
	if _, err := o.FinishLink(ctx, rogue.Viewer(t), rogue.Session, g.Ceremony, here.Answer(t, g.Options)); !errors.Is(err, dossiers.ErrCeremony) {
		t.Errorf("in the session of somebody else: %v", err)
	}
	next, err := step(t, o, here, begin(here), nil)
	if err != nil {
		t.Fatal(err)
	}
	offer := next[strings.LastIndex(next, "/")+1:]
	if _, err := o.ReadOffer(ctx, here.Viewer(t), offer); !errors.Is(err, dossiers.ErrCeremony) {
		t.Errorf("an offer read where it was made: %v", err)
	}
	if _, err := o.CompleteLink(ctx, there.Viewer(t), offer); !errors.Is(err, dossiers.ErrCeremony) {
		t.Errorf("an offer as an answer: %v", err)
	}
	for _, bad := range []string{"", "x", offer[:len(offer)-4], "A" + offer[1:]} {
		if _, err := o.BeginAnswer(ctx, there.Viewer(t), there.Session, bad); !errors.Is(err, dossiers.ErrCeremony) {
			t.Errorf("offer %q: %v", bad, err)
		}
	}
	a, err := o.BeginAnswer(ctx, there.Viewer(t), there.Session, offer)
	if next, err = step(t, o, there, a, err); err != nil {
		t.Fatal(err)
	}
	answer := next[strings.LastIndex(next, "/")+1:]
	if _, err := o.CompleteLink(ctx, rogue.Viewer(t), answer); !errors.Is(err, dossiers.ErrNotFound) {
		t.Errorf("the answer to somebody else: %v", err)
	}
	if all, err := o.Elsewhere(ctx, rogue.Viewer(t)); err != nil || len(all) != 0 {
		t.Errorf("%+v, %v", all, err)
	}
	if _, err := o.CompleteLink(ctx, here.Viewer(t), answer); err != nil {
		t.Fatal(err)
	}
	// A copied row, or one that names another town, is nobody's link.
	owner := town.Owner(t)
	for what, change := range map[string]string{
		"of another person": `update counterpart set person = '` + string(rogue.Viewer(t).Person.ID) + `' where tenant = $1`,
		"towards elsewhere": `update counterpart set origin = (select origin from tenant where id = $1) where tenant = $1`,
		"with another name": `update counterpart set id = gen_random_uuid() where tenant = $1`,
	} {
		tx, err := owner.Begin(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(ctx, change, town.Tenant.ID); err != nil {
			t.Fatal(what, err)
		}
		if err := tx.Commit(ctx); err != nil {
			t.Fatal(err)
		}
		for _, p := range []*towntest.Person{here, rogue} {
			if all, err := o.Elsewhere(ctx, p.Viewer(t)); err != nil || len(all) != 0 {
				t.Errorf("a row %s: %+v, %v", what, all, err)
			}
		}
	}
}

// What was begun and left lapses.
func TestLinkLapses(t *testing.T) {
	t.Parallel()
	town := towntest.New(t)
	other := town.Neighbour(t)
	o, ctx := town.Office, t.Context()
	here, there := town.Person(t, demo.DGS), other.Person(t, demo.DGS)
	g, err := o.BeginLink(ctx, here.Viewer(t), here.Session, other.Tenant.Origin)
	next, err := step(t, o, here, g, err)
	if err != nil {
		t.Fatal(err)
	}
	late := dossiers.Open(o.Parts)
	now := o.Now
	late.Now = func() time.Time { return now().Add(dossiers.LinkLife) }
	if _, err := late.ReadOffer(ctx, there.Viewer(t), next[strings.LastIndex(next, "/")+1:]); !errors.Is(err, dossiers.ErrCeremony) {
		t.Errorf("an old offer: %v", err)
	}
	left := func() (n int) {
		if err := town.Owner(t).QueryRow(ctx, `select count(*) from counterpart`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := left(); n != 1 {
		t.Fatalf("%d sides", n)
	}
	if err := town.Store.Sweep(ctx, now().Add(dossiers.LinkLife+1e9)); err != nil || left() != 0 {
		t.Errorf("%d sides left, %v", left(), err)
	}
}
