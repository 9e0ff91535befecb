package towntest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"parapheur/internal/pgdev"
	"parapheur/migrations"
)

// A Lasting PostgreSQL keeps its data on disk with fsync, as in production,
// and can be killed and started again.
type Lasting struct {
	dir    string
	server *pgdev.Server
}

// NewLasting starts one with a migrated database, at this address whenever it
// runs.
func NewLasting(t testing.TB) (*Lasting, string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "parapheur-lasting-") // its user must be able to enter
	if err != nil {
		t.Fatal(err)
	}
	l := &Lasting{dir: dir}
	l.Start(t)
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

// Start brings the server up, once the last backends of a killed one have
// noticed that it is gone.
func (l *Lasting) Start(t testing.TB) {
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

// Kill ends the server as a power cut does, and returns once it is gone.
func (l *Lasting) Kill(t testing.TB) { l.end(t, syscall.SIGKILL) }

// Quit ends the server as an impatient administrator does ("immediate"): its
// clients are told, nothing is finished, and the next start recovers.
func (l *Lasting) Quit(t testing.TB) { l.end(t, syscall.SIGQUIT) }

func (l *Lasting) end(t testing.TB, how syscall.Signal) {
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
	if err := syscall.Kill(pid, how); err != nil {
		t.Fatal(err)
	}
	<-l.server.Done()
}
