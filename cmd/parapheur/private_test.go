package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"parapheur/internal/wiring"
	"parapheur/migrations"
)

// TestKilledPostgreSQL kills the private server of a demonstration, twice: it
// comes back by itself, at the same address and on the same data.
func TestKilledPostgreSQL(t *testing.T) {
	t.Parallel()
	// Not t.TempDir: another user of the system may have to cross it.
	dir, err := os.MkdirTemp("", "parapheur-private-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	c := config{data: dir}
	stop, err := c.database(t.Context(), io.Discard, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	if err := migrations.Apply(t.Context(), c.databaseURL); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		before := postmaster(t, dir)
		if err := syscall.Kill(before, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		for !answers(ctx, c.databaseURL) || postmaster(t, dir) == before {
			if ctx.Err() != nil {
				t.Fatal("the killed server does not come back")
			}
		}
		cancel()
	}
	stop()
	if answers(t.Context(), c.databaseURL) {
		t.Error("the server outlives the demonstration")
	}
}

// answers tries for a moment to read the list of towns.
func answers(ctx context.Context, dsn string) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	o, err := wiring.OpenOperator(ctx, dsn, time.Now)
	if err != nil {
		return false
	}
	defer o.Close()
	_, err = o.Towns(ctx)
	return err == nil
}

func postmaster(t *testing.T, data string) int {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(data, "postgres", "data", "postmaster.pid"))
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(raw), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}
