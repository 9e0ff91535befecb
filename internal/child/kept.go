package child

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// Keep lets the children of a pool serve several tasks, one after the other. Starting a copy of a large program costs
// some thirty milliseconds of processor, which is a hundred times what the check of an ordinary letter costs. The zero
// value keeps none.
type Keep struct {
	// Tasks is how many one child serves at most.
	Tasks int
	// Idle is how long a child waits for its next task before it ends.
	Idle time.Duration
	// Memory and Wall are the limits of a kept child for each of its tasks. A task that may use more, or that shares more
	// than its input, gets a child of its own.
	Memory int64
	Wall   time.Duration
}

// takes says that a kept child may serve t.
func (k Keep) takes(t Task) bool {
	return k.Tasks > 0 && t.Input != nil && len(t.More) == 0 && t.Limits.Memory <= k.Memory && t.Limits.Wall <= k.Wall
}

// NewKeepingPool is NewPool with children that may serve several tasks. Close ends them.
func NewKeepingPool(atMost int, k Keep) *Pool {
	return &Pool{slots: make(chan struct{}, max(atMost, 1)), keep: k}
}

// kept is a child that serves, or waits for a task. It belongs to one goroutine at a time, or to the pool.
type kept struct {
	job    string
	conn   *net.UnixConn
	cmd    *exec.Cmd
	said   *head
	ended  chan struct{} // closed once it is reaped; said and err are then final
	err    error
	served int
	idle   *time.Timer
}

const (
	// partingTime is given to a child that was told to end.
	partingTime = time.Second
	// hoarded is from how much unused memory on a child gives it back between two tasks.
	hoarded = 64 << 20
)

// ask runs t in a kept child. It is not done when a child of its own has to answer.
func (p *Pool) ask(ctx context.Context, t Task) (frames []Frame, err error, done bool) {
	c := p.take(t.Job)
	if c == nil {
		if c, err = launch(t.Job, p.keep); err != nil {
			return nil, fmt.Errorf("child %s: %w", t.Job, err), true
		}
	}
	limited, cancel := context.WithTimeout(ctx, t.Limits.Wall)
	defer cancel()
	unblock := context.AfterFunc(limited, func() { _ = c.conn.SetDeadline(time.Unix(1, 0)) })
	out, err := c.exchange(t)
	inTime := unblock()
	c.served++
	if err == nil && inTime {
		if frames, _, complete := Decode(out); complete {
			p.park(c)
			return frames, nil, true
		}
	}
	how := c.end(limited.Err() == nil && !errors.Is(err, ErrOutput))
	if c.served > 1 && limited.Err() == nil {
		return nil, nil, false
	}
	if errors.Is(err, ErrOutput) {
		how = ErrOutput
	}
	frames, err = verdict(ctx, limited, t, out, c.said.b, how)
	return frames, err, true
}

// take returns a child that waits for a task of this job; nil when there is none.
func (p *Pool) take(job string) *kept {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := len(p.idle) - 1; i >= 0; i-- {
		c := p.idle[i]
		if c.job != job {
			continue
		}
		p.idle = slices.Delete(p.idle, i, i+1)
		c.idle.Stop()
		select {
		case <-c.ended: // killed from outside while it waited
			_ = c.conn.Close()
		default:
			return c
		}
	}
	return nil
}

// park lets c wait for its next task, or ends it after its last one.
func (p *Pool) park(c *kept) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || c.served >= p.keep.Tasks {
		go func() { _ = c.end(true) }() // see dismiss
		return
	}
	p.idle = append(p.idle, c)
	c.idle = time.AfterFunc(p.keep.Idle, func() { p.dismiss(c) })
}

// dismiss ends c if it is still waiting.
func (p *Pool) dismiss(c *kept) {
	p.mu.Lock()
	i := slices.Index(p.idle, c)
	if i >= 0 {
		p.idle = slices.Delete(p.idle, i, i+1)
	}
	p.mu.Unlock()
	if i >= 0 {
		c.end(true) //nolint:errcheck // how a child ends that nobody needs is nobody's concern
	}
}

// Close ends the children that wait; those at work end with their task. Run may still be called.
func (p *Pool) Close() {
	p.mu.Lock()
	p.closed = true
	idle := p.idle
	p.idle = nil
	p.mu.Unlock()
	for _, c := range idle {
		c.idle.Stop()
		_ = c.end(true) // see dismiss
	}
}

// launch starts a child that waits for tasks on a socket, its first file.
func launch(job string, k Keep) (*kept, error) {
	self, err := executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	ours, theirs, err := pair()
	if err != nil {
		return nil, fmt.Errorf("make a socket: %w", err)
	}
	defer theirs.Close() //nolint:errcheck // the child has its own descriptor
	c := &kept{job: job, conn: ours, cmd: exec.Command(self), said: &head{}, ended: make(chan struct{})}
	prepare(c.cmd, job, Limits{Wall: k.Wall, Memory: k.Memory}, envTasks+"="+strconv.Itoa(k.Tasks))
	c.cmd.Stderr, c.cmd.ExtraFiles = c.said, []*os.File{theirs}
	started := make(chan error)
	go func() {
		// The parent-death signal follows the thread that forks: it must not end before the child does.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := c.cmd.Start()
		started <- err
		if err == nil {
			c.err = c.cmd.Wait()
			close(c.ended)
		}
	}()
	if err := <-started; err != nil {
		_ = ours.Close()
		return nil, fmt.Errorf("start: %w", err)
	}
	return c, nil
}

// pair makes two ends of a socket; no other child inherits either.
func pair() (*net.UnixConn, *os.File, error) {
	syscall.ForkLock.RLock()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fds[0])
		syscall.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, err
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "tasks"), os.NewFile(uintptr(fds[1]), "tasks")
	conn, err := net.FileConn(ours)
	if err = errors.Join(err, ours.Close()); err != nil {
		return nil, nil, errors.Join(err, theirs.Close())
	}
	return conn.(*net.UnixConn), theirs, nil
}

// exchange sends a task, the length of its argument with the descriptor of its input first, and collects the answer.
func (c *kept) exchange(t Task) ([]byte, error) {
	raw, err := t.Input.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("share the input: %w", err)
	}
	var sent error
	err = raw.Control(func(fd uintptr) {
		size := binary.BigEndian.AppendUint32(nil, uint32(len(t.Argument)))
		_, _, sent = c.conn.WriteMsgUnix(size, syscall.UnixRights(int(fd)), nil)
	})
	if err = errors.Join(err, sent); err != nil {
		return nil, fmt.Errorf("send a task: %w", err)
	}
	if _, err := c.conn.Write(t.Argument); err != nil {
		return nil, fmt.Errorf("send a task: %w", err)
	}
	return collect(c.conn, t.Limits.Output)
}

// collect reads an answer up to its last frame.
func collect(r io.Reader, limit int64) ([]byte, error) {
	var out []byte
	for {
		at := len(out)
		out = append(out, make([]byte, headerSize)...)
		if _, err := io.ReadFull(r, out[at:]); err != nil {
			return out[:at], fmt.Errorf("read an answer: %w", err)
		}
		kind, size := out[at], int64(binary.BigEndian.Uint32(out[at+1:]))
		if int64(len(out))+size > limit {
			return nil, ErrOutput
		}
		at = len(out)
		out = append(out, make([]byte, size)...)
		if _, err := io.ReadFull(r, out[at:]); err != nil {
			return out[:at], fmt.Errorf("read an answer: %w", err)
		}
		if kind == kindEnd || kind == kindFail {
			return out, nil
		}
	}
}

// end makes sure that c is gone, and says how it went: by itself, if it is let do so in time.
func (c *kept) end(gently bool) error {
	_ = c.conn.Close() // which a child that waits takes for the end
	if gently {
		timer := time.NewTimer(partingTime)
		defer timer.Stop()
		select {
		case <-c.ended:
			return c.err
		case <-timer.C:
		}
	}
	_ = c.cmd.Process.Kill() // it may have ended meanwhile
	<-c.ended
	return c.err
}

// serve is the life of a kept child: it ends with the socket, or with the first task that it refused.
func serve(job Job) error {
	socket := os.NewFile(firstMore, "tasks")
	per, err := strconv.ParseUint(os.Getenv(envSeconds), 10, 32)
	if err != nil {
		return fmt.Errorf("read the limit of time: %w", err)
	}
	for {
		argument, input, err := receive(socket)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("receive a task: %w", err)
		}
		if err := moreTime(per); err != nil {
			return err
		}
		refused, err := answer(job, input, argument, socket)
		if err = errors.Join(err, input.Close()); err != nil || refused {
			return err
		}
		giveBack()
	}
}

// receive waits for a task; io.EOF says that there will be none.
func receive(socket *os.File) (argument []byte, input *os.File, err error) {
	size, rights := make([]byte, 4), make([]byte, syscall.CmsgSpace(4))
	n, nrights, _, _, err := syscall.Recvmsg(int(socket.Fd()), size, rights, 0)
	switch {
	case err != nil:
		return nil, nil, err
	case n == 0:
		return nil, nil, io.EOF
	}
	messages, err := syscall.ParseSocketControlMessage(rights[:nrights])
	if err != nil || len(messages) != 1 {
		return nil, nil, fmt.Errorf("%d control messages: %w", len(messages), errors.Join(err, ErrOutput))
	}
	fds, err := syscall.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return nil, nil, fmt.Errorf("%d files: %w", len(fds), errors.Join(err, ErrOutput))
	}
	input = os.NewFile(uintptr(fds[0]), "input")
	if _, err := io.ReadFull(socket, size[n:]); err != nil {
		return nil, nil, err
	}
	argument = make([]byte, binary.BigEndian.Uint32(size))
	_, err = io.ReadFull(socket, argument)
	return argument, input, err
}

// moreTime gives this process so many seconds of processor from now on.
func moreTime(seconds uint64) error {
	var used syscall.Rusage
	var limit syscall.Rlimit
	if err := errors.Join(syscall.Getrusage(syscall.RUSAGE_SELF, &used), syscall.Getrlimit(syscall.RLIMIT_CPU, &limit)); err != nil {
		return fmt.Errorf("measure processor time: %w", err)
	}
	limit.Cur = min(limit.Max, uint64(used.Utime.Sec+used.Stime.Sec)+1+seconds)
	if err := syscall.Setrlimit(syscall.RLIMIT_CPU, &limit); err != nil {
		return fmt.Errorf("limit processor time: %w", err)
	}
	return nil
}

// giveBack returns memory to the system after a task that needed much.
func giveBack() {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/free:bytes"}, {Name: "/memory/classes/heap/unused:bytes"}, {Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	var held uint64
	for _, s := range sample {
		held += s.Value.Uint64()
	}
	if held > hoarded {
		debug.FreeOSMemory()
	}
}
