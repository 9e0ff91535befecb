// Package child runs work on bytes that may be hostile in a copy of this very program: killable, with limits on time,
// memory and output, with an empty environment and with nothing inherited but the files of its task.
//
// It exists because a goroutine cannot be killed: one page of 114 KB can keep a PDF engine busy for hours, freeze the
// garbage collector of the whole process, or exhaust its memory.
//
//	main ── child.Main(jobs...) first thing ──> not a child: returns at once
//	 │
//	 └─ Pool.Run(ctx, Task) ─ fork, exec ─> child.Main finds its job, sets its own limits, runs it, exits
//	        stdin: the input file · stdout: frames (see frame.go) · stderr: the beginning is kept for the error
//
// A child serves one task, unless its pool keeps children (kept.go): then one may serve several, as long as it answers
// each to its end. What a child that served before refuses or does not finish is asked of a new one, so that no verdict
// on a file depends on the files before it.
//
// It is no sandbox against native code: what runs in a child is either memory-safe Go or WebAssembly.
//
// # Failure handling
//
// The job said no: [*Failure], with the job's own code. Everything else that ends a child is [ErrTimeout], [ErrOutput]
// or [ErrCrashed] (killed for its memory included); when the caller's context ends first, its error is returned. The
// child is always gone when Run returns, and on Linux it also dies with its parent.
package child

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

var (
	// ErrTimeout says that the child was killed because its time was up.
	ErrTimeout = errors.New("the child process took too long and was killed")
	// ErrCrashed says that the child ended without finishing its answer: a crash, or its memory limit.
	ErrCrashed = errors.New("the child process crashed or ran out of memory")
	// ErrOutput says that the child sent more than it may, or something that is no answer.
	ErrOutput = errors.New("the child process sent an answer that is too large or malformed")
)

// Failure is a job's own refusal.
type Failure struct {
	Code   string // a word that the job and its caller agree on
	Detail string // for logs: it may quote the input
}

// Error implements error.
func (f *Failure) Error() string { return f.Code + ": " + f.Detail }

// Job is a piece of work that this program can do in a child process.
type Job struct {
	// Name selects the job; it is unique in the program.
	Name string
	// Run reads the input by position (its offset belongs to the parent) and answers in frames. It returns a *Failure to
	// say no; any other error is reported with the code "error".
	Run func(input *os.File, argument []byte, answer *Writer) error
}

// Limits bounds one task. Every field is required.
type Limits struct {
	Wall   time.Duration // real time, and processor time too
	Memory int64         // bytes of private memory; the Go part is told to collect before it gets there
	Output int64         // bytes of frames
}

// Task is one run of a job.
type Task struct {
	Job      string
	Argument []byte   // small text without NUL: it travels in the environment
	Input    *os.File // read by position; nil for none
	// More are further files that the child shares: see the function of that name. One opened for writing may hold an
	// answer too large for frames.
	More   []*os.File
	Limits Limits
}

// firstMore is the descriptor of the first of Task.More in the child, after the three standard ones.
const firstMore = 3

// More returns the nth file of Task.More, from 0, in the child. Like the input it is read, and written, by position.
func More(n int) *os.File { return os.NewFile(uintptr(firstMore+n), "more-"+strconv.Itoa(n)) }

const (
	envJob      = "PARAPHEUR_CHILD"
	envArgument = "PARAPHEUR_CHILD_ARGUMENT"
	envMemory   = "PARAPHEUR_CHILD_MEMORY"
	envSeconds  = "PARAPHEUR_CHILD_SECONDS"
	envTasks    = "PARAPHEUR_CHILD_TASKS" // of a kept child

	stderrKept = 4 << 10
	maxStack   = 64 << 20 // bytes: endless recursion ends soon instead of eating a gigabyte
)

// Main returns at once in an ordinary process. In a child it runs the job and never returns. Call it before anything
// else in main, and in TestMain of the packages that use children.
func Main(jobs ...Job) {
	name, ok := os.LookupEnv(envJob)
	if !ok {
		return
	}
	for _, job := range jobs {
		if job.Name == name {
			os.Exit(run(job))
		}
	}
	fmt.Fprintf(os.Stderr, "no job %q in this program\n", name)
	os.Exit(2)
}

func run(job Job) int {
	debug.SetMaxStack(maxStack)
	memory, errMemory := strconv.ParseInt(os.Getenv(envMemory), 10, 64)
	seconds, errSeconds := strconv.ParseUint(os.Getenv(envSeconds), 10, 32)
	if err := errors.Join(errMemory, errSeconds); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	debug.SetMemoryLimit(memory - memory/4) // what is not Go's own memory needs some too
	tasks, err := strconv.ParseUint(os.Getenv(envTasks), 10, 16)
	kept := err == nil
	endInTime()
	if err := limitSelf(uint64(memory), seconds, seconds*max(tasks, 1)+1); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	if kept {
		err = serve(job)
	} else {
		_, err = answer(job, os.Stdin, []byte(os.Getenv(envArgument)), os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// answer runs a job and ends its answer; refused says that the job said no.
func answer(job Job, input *os.File, argument []byte, to io.Writer) (refused bool, err error) {
	w := NewWriter(to)
	if err = job.Run(input, argument, w); err == nil {
		return false, w.end()
	}
	var failure *Failure
	if !errors.As(err, &failure) {
		failure = &Failure{"error", err.Error()}
	}
	return true, w.fail(failure)
}

// Pool bounds how many children work at once. It is safe for concurrent use.
type Pool struct {
	slots chan struct{}
	keep  Keep

	mu     sync.Mutex // guards the two below
	idle   []*kept    // the most recently used last
	closed bool
}

// NewPool allows atMost children at a time, and at least one. Each serves one task.
func NewPool(atMost int) *Pool { return NewKeepingPool(atMost, Keep{}) }

// Run waits for a free slot, runs the task in a child process and returns the frames of its answer, the final one
// excluded. The wall clock starts once the slot is free.
func (p *Pool) Run(ctx context.Context, t Task) ([]Frame, error) {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for a free child process: %w", ctx.Err())
	}
	defer func() { <-p.slots }()
	if p.keep.takes(t) {
		if frames, err, done := p.ask(ctx, t); done {
			return frames, err
		}
	}
	limited, cancel := context.WithTimeout(ctx, t.Limits.Wall)
	defer cancel()
	out, stderr, err := execute(limited, t)
	return verdict(ctx, limited, t, out, stderr, err)
}

// verdict says what the end of a child means. ctx is the caller's, limited the one with the time of the task.
func verdict(ctx, limited context.Context, t Task, out, stderr []byte, err error) ([]Frame, error) {
	frames, failure, complete := Decode(out)
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("child %s: %w", t.Job, ctx.Err())
	case limited.Err() != nil:
		return nil, fmt.Errorf("child %s: %w", t.Job, ErrTimeout)
	case errors.Is(err, ErrOutput):
		return nil, fmt.Errorf("child %s: %w", t.Job, ErrOutput)
	case failure != nil:
		return nil, failure
	case err != nil && killedForTime(err):
		return nil, fmt.Errorf("child %s: %w", t.Job, ErrTimeout)
	case err != nil:
		return nil, fmt.Errorf("child %s: %w: %w: %s", t.Job, ErrCrashed, err, firstLine(stderr))
	case !complete:
		return nil, fmt.Errorf("child %s: %w", t.Job, ErrOutput)
	}
	return frames, nil
}

// execute starts the child, collects its bounded output and waits for its end.
func execute(ctx context.Context, t Task) (stdout, stderr []byte, err error) {
	self, err := executable()
	if err != nil {
		return nil, nil, fmt.Errorf("find this program: %w", err)
	}
	ctx, kill := context.WithCancel(ctx)
	defer kill()
	out := &bounded{limit: t.Limits.Output, full: kill}
	said := &head{}
	cmd := exec.CommandContext(ctx, self)
	prepare(cmd, t.Job, t.Limits, envArgument+"="+string(t.Argument))
	cmd.Stdout, cmd.Stderr = out, said
	if t.Input != nil {
		cmd.Stdin = t.Input
	}
	cmd.ExtraFiles = t.More
	// The parent-death signal follows the thread that forks: it must not end before the child does.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err = cmd.Run()
	if out.overflowed {
		err = ErrOutput
	}
	return out.buf.Bytes(), said.b, err
}

// prepare sets what every child has in common: its environment, its limits and its end.
func prepare(cmd *exec.Cmd, job string, l Limits, more string) {
	cmd.Args = []string{"parapheur-" + job} // what ps shows
	cmd.Env = []string{
		envJob + "=" + job, envMemory + "=" + strconv.FormatInt(l.Memory, 10), envSeconds + "=" + strconv.Itoa(seconds(l)), "GOTRACEBACK=none", more,
	}
	cmd.Dir, cmd.WaitDelay = "/", time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	dieWithParent(cmd.SysProcAttr)
}

// seconds of processor time are a little more than the wall clock gives: it is the wall clock that should end a task.
func seconds(l Limits) int { return int(l.Wall/time.Second) + 2 }

// endInTime ends this process when its processor time is used up, which the Go runtime would ignore. Code that keeps
// even this from running is ended by the kernel, at the second limit, or by the parent's clock.
func endInTime() {
	used := make(chan os.Signal, 1)
	signal.Notify(used, syscall.SIGXCPU)
	go func() {
		<-used
		os.Exit(exitTime)
	}()
}

// exitTime is how a child ends whose processor time is used up.
const exitTime = 3

func killedForTime(err error) bool {
	var exit *exec.ExitError
	return errors.As(err, &exit) && exit.ExitCode() == exitTime
}

func firstLine(b []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(b)), "\n")
	return line
}

// bounded keeps what fits and calls full at the first byte too many.
type bounded struct {
	buf        bytes.Buffer
	limit      int64
	full       func()
	overflowed bool
}

// Write implements io.Writer.
func (b *bounded) Write(p []byte) (int, error) {
	if int64(b.buf.Len())+int64(len(p)) > b.limit {
		b.overflowed = true
		b.full()
		return 0, ErrOutput
	}
	return b.buf.Write(p)
}

// head keeps the beginning of what is written and swallows the rest, so that the child never blocks on it.
type head struct{ b []byte }

// Write implements io.Writer.
func (t *head) Write(p []byte) (int, error) {
	if room := stderrKept - len(t.b); room > 0 {
		t.b = append(t.b, p[:min(room, len(p))]...)
	}
	return len(p), nil
}

var (
	_ io.Writer = (*bounded)(nil)
	_ io.Writer = (*head)(nil)
)
