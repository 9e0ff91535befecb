package towntest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// A Cost is the processor time that a node and what works for it used so far.
// Unlike the time of a clock, it says what a request costs on a machine that
// others use too.
type Cost struct {
	Node     time.Duration // this process: server, and whatever of the test runs in it
	Children time.Duration // copies of this program that checked files and have ended
	Database time.Duration // PostgreSQL, all its processes; 0 when it runs on another machine
}

// All is the sum.
func (c Cost) All() time.Duration { return c.Node + c.Children + c.Database }

// Since is what was used between an earlier moment and this one.
func (c Cost) Since(before Cost) Cost {
	return Cost{c.Node - before.Node, c.Children - before.Children, c.Database - before.Database}
}

// Each is the share of one of n.
func (c Cost) Each(n int) Cost {
	d := time.Duration(n)
	return Cost{c.Node / d, c.Children / d, c.Database / d}
}

// String says it in milliseconds.
func (c Cost) String() string {
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	return fmt.Sprintf("%.1f ms of processor (node %.1f, children %.1f, PostgreSQL %.1f)", ms(c.All()), ms(c.Node), ms(c.Children), ms(c.Database))
}

// Spent reads what was used until now.
func (town *Town) Spent(t testing.TB) Cost {
	t.Helper()
	var self, children syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &self); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Getrusage(syscall.RUSAGE_CHILDREN, &children); err != nil {
		t.Fatal(err)
	}
	used := func(r syscall.Rusage) time.Duration { return time.Duration(r.Utime.Nano() + r.Stime.Nano()) }
	return Cost{used(self), used(children), town.database(t)}
}

// database adds up the processes of a PostgreSQL of this machine: the one that
// listens, those that it started, and those of them that have ended.
func (town *Town) database(t testing.TB) time.Duration {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), town.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context())) //nolint:errcheck // read only
	var folder string
	if err := conn.QueryRow(t.Context(), `show data_directory`).Scan(&folder); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(folder, "postmaster.pid"))
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(raw), "\n")
	processes, _ := filepath.Glob("/proc/[0-9]*/stat") // the only error is a bad pattern
	var ticks int
	for _, path := range processes {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // ended meanwhile, and counted by the one that listens
		}
		// After the name, which may hold anything: 1 is the parent, 11 to 14 the times of it and of its ended children.
		_, rest, _ := strings.Cut(string(stat), ") ")
		fields := strings.Fields(rest)
		if pid := filepath.Base(filepath.Dir(path)); pid != first && (len(fields) < 2 || fields[1] != first) || len(fields) < 15 {
			continue
		}
		for _, f := range fields[11:15] {
			n, _ := strconv.Atoi(f) // the kernel writes numbers
			ticks += n
		}
	}
	return time.Duration(ticks) * time.Second / clockTick
}

// clockTick is how often a second the kernel counts, on every Linux that Go
// runs on (USER_HZ).
const clockTick = 100
