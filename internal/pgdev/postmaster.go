package pgdev

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// postmaster is what a running server writes into postmaster.pid.
type postmaster struct {
	pid    int
	socket string // folder of its socket
	status string // starting, ready, stopping…
}

// readPostmaster reads the file; false when there is none or the server has not finished writing it.
func readPostmaster(path string) (postmaster, bool) {
	b, err := os.ReadFile(path)
	if err != nil {
		return postmaster{}, false
	}
	// pid, data folder, start time, port, socket folder, listen address, shared memory key, status
	lines := strings.Split(string(b), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(lines[0]))
	if err != nil || pid <= 0 {
		return postmaster{}, false
	}
	p := postmaster{pid: pid}
	if len(lines) >= 8 {
		p.socket, p.status = strings.TrimSpace(lines[4]), strings.TrimSpace(lines[7])
	}
	return p, true
}

func (s *Server) pidFile() string { return filepath.Join(s.data(), "postmaster.pid") }

// ready says that the server this process launched answers. The file is read first: connecting too early fills the log.
func (s *Server) ready(ctx context.Context) bool {
	p, ok := readPostmaster(s.pidFile())
	return ok && p.pid == s.cmd.Process.Pid && p.status == "ready" && s.answers(ctx)
}

func (s *Server) answers(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.DSN("postgres"))
	if err != nil {
		return false
	}
	return conn.Close(ctx) == nil
}

// attachable looks for a server that already serves this folder. One that is starting or stopping is waited for; the
// remains of a dead one are cleared. The caller holds the start lock.
func (s *Server) attachable(ctx context.Context) (bool, error) {
	for {
		p, ok := readPostmaster(s.pidFile())
		if !ok {
			return false, nil
		}
		if !isPostgres(p.pid) {
			return false, s.clearRemains(p)
		}
		if p.status == "ready" && p.socket != "" {
			own := s.socket
			s.socket = p.socket
			if s.answers(ctx) {
				return true, nil
			}
			s.socket = own
		}
		select {
		case <-ctx.Done():
			return false, fmt.Errorf("a server (process %d) serves %s but does not answer: %w", p.pid, s.dir, ctx.Err())
		case <-time.After(pollPause):
		}
	}
}

// clearRemains removes the lock files of a dead postmaster. PostgreSQL does it by itself when the process is gone, but it
// takes a zombie, or another process of the same user under the same number, for a living server.
func (s *Server) clearRemains(p postmaster) error {
	paths := []string{s.pidFile()}
	for _, socket := range []string{p.socket, s.socket} {
		if socket != "" {
			paths = append(paths, filepath.Join(socket, socketName+".lock"))
		}
	}
	for _, path := range paths {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("clear the remains of a dead server: %w", err)
		}
	}
	return nil
}

func (s *Server) logPath() string { return filepath.Join(s.dir, "postgres.log") }

func (s *Server) openLog() (*os.File, error) {
	flags := os.O_CREATE | os.O_WRONLY | os.O_APPEND | syscall.O_NOFOLLOW
	if info, err := os.Stat(s.logPath()); err == nil && info.Size() > logMaxBytes {
		flags |= os.O_TRUNC
	}
	f, err := os.OpenFile(s.logPath(), flags, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the server's log: %w", err)
	}
	return f, nil
}

// logTail is the end of the server's log, for the error that says why it did not start.
func (s *Server) logTail() string {
	const last = 2048
	f, err := os.Open(s.logPath())
	if err != nil {
		return "no log"
	}
	defer f.Close() //nolint:errcheck // read only
	if info, err := f.Stat(); err == nil && info.Size() > last {
		if _, err := f.Seek(-last, io.SeekEnd); err != nil {
			return "no log"
		}
	}
	b, _ := io.ReadAll(f) // what could be read is better than nothing
	return strings.TrimSpace(string(b))
}
