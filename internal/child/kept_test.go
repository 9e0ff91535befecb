package child

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// obey is a job that does what its file says, and remembers what it did.
func obey() Job {
	seen := 0
	return Job{"obey", func(in *os.File, argument []byte, answer *Writer) error {
		seen++
		order, err := io.ReadAll(io.NewSectionReader(in, 0, 1<<10))
		if err != nil {
			return err
		}
		word, seconds, _ := strings.Cut(string(order), " ")
		switch {
		case word == "refuse", word == "refuse-later" && seen > 1:
			return &Failure{"no", word}
		case word == "panic", word == "panic-later" && seen > 1:
			panic(word)
		case word == "flood":
			for answer.Frame('a', make([]byte, 1<<16)) == nil {
			}
		case word == "spin":
			length, err := strconv.ParseFloat(seconds, 64)
			if err != nil {
				return err
			}
			for used := 0.0; used < length; {
				var r syscall.Rusage
				if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
					return err
				}
				used = float64(r.Utime.Sec+r.Stime.Sec) + float64(r.Utime.Usec+r.Stime.Usec)/1e6
			}
		}
		return answer.Frame('a', fmt.Appendf(nil, "%d %d %s %s", os.Getpid(), seen, word, argument))
	}}
}

func keeping(t *testing.T, change ...func(*Keep)) *Pool {
	t.Helper()
	k := Keep{Tasks: 3, Idle: time.Minute, Memory: 256 << 20, Wall: 10 * time.Second}
	for _, c := range change {
		c(&k)
	}
	p := NewKeepingPool(1, k)
	t.Cleanup(p.Close)
	return p
}

func order(t *testing.T, word string) Task {
	t.Helper()
	path := filepath.Join(t.TempDir(), "order")
	if err := os.WriteFile(path, []byte(word), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return Task{Job: "obey", Argument: []byte("é"), Input: f, Limits: limits()}
}

// served says which process served, and how many tasks it had by then.
func served(t *testing.T, p *Pool, task Task) (pid, n int) {
	t.Helper()
	frames, err := p.Run(t.Context(), task)
	if err != nil || len(frames) != 1 {
		t.Fatalf("got %v, %v", frames, err)
	}
	var word, argument string
	if _, err := fmt.Sscan(string(frames[0].Body), &pid, &n, &word, &argument); err != nil || argument != "é" {
		t.Fatalf("got %q, %v", frames[0].Body, err)
	}
	return pid, n
}

func gone(pid int) bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

func TestAKeptChildServesSeveralTasks(t *testing.T) {
	t.Parallel()
	p := keeping(t)
	first, _ := served(t, p, order(t, "go"))
	for want := 2; want <= 3; want++ {
		if pid, n := served(t, p, order(t, "go")); pid != first || n != want {
			t.Fatalf("task %d was served by %d as its %d, not by %d", want, pid, n, first)
		}
	}
	next, n := served(t, p, order(t, "go"))
	if next == first || n != 1 {
		t.Fatalf("a child of three tasks served a fourth")
	}
	p.Close()
	if !gone(next) {
		t.Fatal("a child outlived its pool")
	}
}

// What a child says or does after it served others must be what a new one
// says: a letter must not be refused, nor accepted, for those before it.
func TestNoVerdictDependsOnTheTasksBefore(t *testing.T) {
	t.Parallel()
	for _, later := range []string{"refuse-later", "panic-later"} {
		t.Run(later, func(t *testing.T) {
			t.Parallel()
			p := keeping(t)
			first, _ := served(t, p, order(t, "go"))
			if pid, n := served(t, p, order(t, later)); n != 1 || pid == first {
				t.Fatalf("served by %d as its task %d", pid, n)
			}
			if !gone(first) {
				t.Fatal("the child that refused lives on")
			}
		})
	}
}

func TestEndsOfKeptChildren(t *testing.T) {
	t.Parallel()
	for _, before := range []int{0, 1} {
		for word, want := range map[string]error{"panic": ErrCrashed, "flood": ErrOutput, "spin 100": ErrTimeout} {
			t.Run(fmt.Sprint(word, " after ", before), func(t *testing.T) {
				t.Parallel()
				p := keeping(t)
				var pid int
				for range before {
					pid, _ = served(t, p, order(t, "go"))
				}
				task := order(t, word)
				task.Limits.Wall = time.Second
				if _, err := p.Run(t.Context(), task); !errors.Is(err, want) {
					t.Fatalf("got %v, want %v", err, want)
				}
				if pid != 0 && !gone(pid) {
					t.Fatal("the child lives on")
				}
				if _, n := served(t, p, order(t, "go")); n != 1 {
					t.Fatal("the next task met a child that had failed")
				}
			})
		}
	}
}

func TestARefusalKeepsItsCode(t *testing.T) {
	t.Parallel()
	p := keeping(t)
	for range 2 { // by a kept child, then by one that is kept after another task
		var failure *Failure
		if _, err := p.Run(t.Context(), order(t, "refuse")); !errors.As(err, &failure) || failure.Code != "no" {
			t.Fatalf("got %v", err)
		}
		served(t, p, order(t, "go"))
	}
}

func TestTheCallerOfAKeptChildMayGiveUp(t *testing.T) {
	t.Parallel()
	p := keeping(t)
	pid, _ := served(t, p, order(t, "go"))
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := p.Run(ctx, order(t, "spin 100")); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrTimeout) {
		t.Fatalf("got %v", err)
	}
	if !gone(pid) {
		t.Fatal("the child works on for nobody")
	}
}

// Processor time is given task by task: a child is killed for that of one
// task, not for the sum.
func TestEachTaskHasItsOwnProcessorTime(t *testing.T) {
	t.Parallel()
	p := keeping(t, func(k *Keep) { k.Wall = 0 }) // two seconds of processor, three at most
	c, err := launch("obey", p.keep)
	if err != nil {
		t.Fatal(err)
	}
	p.keep.Wall = time.Minute // so that only the limit of the processor can end it
	p.park(c)
	for i, total := range []string{"1.2", "2.4"} {
		task := order(t, "spin "+total)
		task.Limits.Wall = time.Minute
		if _, n := served(t, p, task); n != i+1 {
			t.Fatalf("task %d met a child of %d tasks", i+1, n)
		}
	}
}

func TestProcessorTimeIsLimited(t *testing.T) {
	t.Parallel()
	task := order(t, "spin 100")
	cmd := exec.Command("/proc/self/exe")
	prepare(cmd, task.Job, Limits{Wall: -time.Second, Memory: 256 << 20}, envArgument+"=")
	cmd.Stdin = task.Input
	if err := cmd.Run(); !killedForTime(err) {
		t.Fatalf("a second of processor, and it ended with %v", err)
	}
}

func TestLargeTasksHaveAChildOfTheirOwn(t *testing.T) {
	t.Parallel()
	p := keeping(t)
	first, _ := served(t, p, order(t, "go"))
	large := order(t, "go")
	large.Limits.Memory *= 2
	if pid, _ := served(t, p, large); pid == first || !gone(pid) {
		t.Fatalf("a task beyond the limits was served by %d, kept", pid)
	}
	if pid, n := served(t, p, order(t, "go")); pid != first || n != 2 {
		t.Fatal("the kept child is gone")
	}
}

func TestIdleChildrenEnd(t *testing.T) {
	t.Parallel()
	p := keeping(t, func(k *Keep) { k.Idle = 50 * time.Millisecond })
	pid, _ := served(t, p, order(t, "go"))
	limit := time.Now().Add(10 * time.Second)
	for !gone(pid) {
		if time.Now().After(limit) {
			t.Fatal("it still waits")
		}
		time.Sleep(10 * time.Millisecond)
	}
	if _, n := served(t, p, order(t, "go")); n != 1 {
		t.Fatalf("served as task %d", n)
	}
}

// A child that is killed while it waits (by the system, short of memory) costs
// nobody a verdict.
func TestAChildKilledWhileItWaits(t *testing.T) {
	t.Parallel()
	p := keeping(t)
	pid, _ := served(t, p, order(t, "go"))
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if again, n := served(t, p, order(t, "go")); again == pid || n != 1 {
		t.Fatalf("served by %d as its task %d", again, n)
	}
}
