package dossiers_test

import (
	"sync"
	"testing"
	"time"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/towntest"
	"parapheur/internal/wiring"
)

// PostgreSQL killed after a deposit was acknowledged, after a decision was,
// and while a key is at work: all that was acknowledged is there afterwards.
func TestKilledDatabase(t *testing.T) {
	t.Parallel()
	pg, dsn := towntest.NewLasting(t)
	var once sync.Once
	killed := make(chan struct{})
	town := towntest.On(t, dsn, func(c *wiring.Config) {
		c.RescueAfter = 2 * time.Second
		c.Passing = func(point string) {
			if point == dossiers.PointSigned {
				once.Do(func() {
					pg.Kill(t)
					close(killed)
				})
			}
		}
	})
	dgs, mayor := town.Person(t, demo.DGS), town.Person(t, demo.Mayor)
	deposited := town.Deposit(t)

	pg.Kill(t)
	pg.Start(t)
	if again := eventually(t, town, deposited.ID); again.Rev() != deposited.Rev() || again.State.Phase != circuits.Running {
		t.Fatalf("the acknowledged deposit is at revision %d, phase %s", again.Rev(), again.State.Phase)
	}
	decided, err := dgs.Decide(t, deposited.ID, "visa", "")
	if err != nil {
		t.Fatal(err)
	}
	pg.Kill(t)
	pg.Start(t)
	if again := eventually(t, town, deposited.ID); again.Rev() != decided.Rev() || len(evidenceOf(t, town, deposited.ID)) != 1 {
		t.Fatalf("the acknowledged visa is lost: revision %d of %d", again.Rev(), decided.Rev())
	}
	if _, err := mayor.Decide(t, deposited.ID, "signature", ""); err != nil {
		t.Fatal(err)
	}
	<-killed // the key made its value, and nothing could keep it
	pg.Start(t)
	eventually(t, town, deposited.ID)
	signedOnce(t, town, town.Await(t, deposited.ID, completed))
}

// eventually reads a dossier as soon as the pool has living connections.
func eventually(t *testing.T, town *towntest.Town, id dossiers.ID) (d dossiers.Dossier) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		var err error
		if d, err = town.Store.Dossier(t.Context(), town.Tenant.ID, id); err == nil {
			return d
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// The job of a node that died, and that nobody restarted, is taken for dead
// by the nodes that live.
func TestRescuedJob(t *testing.T) {
	t.Parallel()
	town := towntest.New(t, func(c *wiring.Config) { c.RescueAfter = time.Second })
	d := town.Deposit(t)
	if _, err := town.Person(t, demo.DGS).Decide(t, d.ID, "visa", ""); err != nil {
		t.Fatal(err)
	}
	// From now on every sealing job is one that a dead node was running.
	_, err := town.Owner(t).Exec(t.Context(), `
		create function die() returns trigger language plpgsql as $$ begin
			new.state := 'running'; new.attempt := 1; new.attempted_at := now() - interval '1 hour'; new.attempted_by := '{dead}';
			return new; end $$;
		create trigger dies before insert on river_job for each row when (new.kind = 'seal') execute function die()`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := town.Person(t, demo.Mayor).Decide(t, d.ID, "signature", ""); err != nil {
		t.Fatal(err)
	}
	signedOnce(t, town, town.Await(t, d.ID, completed))
}
