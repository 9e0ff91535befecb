package dossiers_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/pgdev"
	"parapheur/internal/towntest"
	"parapheur/internal/wiring"
	"parapheur/migrations"
)

// A lasting PostgreSQL keeps its data on disk with fsync, as in production,
// and can be killed.
type lasting struct {
	dir    string
	server *pgdev.Server
}

func newLasting(t testing.TB) (*lasting, string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "parapheur-lasting-") // its user must be able to enter
	if err != nil {
		t.Fatal(err)
	}
	l := &lasting{dir: dir}
	l.start(t)
	t.Cleanup(func() {
		if err := errors.Join(l.server.Stop(), os.RemoveAll(l.server.Dir()), os.RemoveAll(dir)); err != nil {
			t.Error(err)
		}
	})
	dsn, err := l.server.Database(t.Context(), "parapheur")
	if err != nil {
		t.Fatal(err)
	}
	if err := migrations.Apply(t.Context(), dsn); err != nil {
		t.Fatal(err)
	}
	return l, dsn
}

// start brings the server up, once the last backends of a killed one have
// noticed that it is gone.
func (l *lasting) start(t testing.TB) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		s, err := pgdev.Start(context.WithoutCancel(t.Context()), pgdev.Options{Dir: filepath.Join(l.dir, "pg")})
		if err == nil {
			l.server = s
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// kill ends the server as a power cut does, and returns once it is gone.
func (l *lasting) kill(t testing.TB) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(l.server.Dir(), "data", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(raw), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-l.server.Done()
}

// PostgreSQL killed after a deposit was acknowledged, after a decision was,
// and while a key is at work: all that was acknowledged is there afterwards.
func TestKilledDatabase(t *testing.T) {
	t.Parallel()
	pg, dsn := newLasting(t)
	var once sync.Once
	killed := make(chan struct{})
	town := towntest.On(t, dsn, func(c *wiring.Config) {
		c.RescueAfter = 2 * time.Second
		c.Passing = func(point string) {
			if point == dossiers.PointSigned {
				once.Do(func() {
					pg.kill(t)
					close(killed)
				})
			}
		}
	})
	dgs, mayor := town.Person(t, demo.DGS), town.Person(t, demo.Mayor)
	deposited := town.Deposit(t)

	pg.kill(t)
	pg.start(t)
	if again := eventually(t, town, deposited.ID); again.Rev() != deposited.Rev() || again.State.Phase != circuits.Running {
		t.Fatalf("the acknowledged deposit is at revision %d, phase %s", again.Rev(), again.State.Phase)
	}
	decided, err := dgs.Decide(t, deposited.ID, "visa", "")
	if err != nil {
		t.Fatal(err)
	}
	pg.kill(t)
	pg.start(t)
	if again := eventually(t, town, deposited.ID); again.Rev() != decided.Rev() || len(evidenceOf(t, town, deposited.ID)) != 1 {
		t.Fatalf("the acknowledged visa is lost: revision %d of %d", again.Rev(), decided.Rev())
	}
	if _, err := mayor.Decide(t, deposited.ID, "signature", ""); err != nil {
		t.Fatal(err)
	}
	<-killed // the key made its value, and nothing could keep it
	pg.start(t)
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
