package pgdev

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
)

const (
	throwawayPrefix = "parapheur-pg-"
	hiddenPrefix    = ".parapheur-new-" // not locked yet, so not to be swept
)

// tempBases lists where throw-away clusters may live, best first: memory when there is plenty (a container's /dev/shm
// is often 64 MB), then a temporary folder that the server's user can reach.
func (s *Server) tempBases() []string {
	var bases []string
	if !s.onDisk && roomyMemory("/dev/shm") {
		bases = append(bases, "/dev/shm")
	}
	for _, base := range []string{os.TempDir(), "/tmp"} {
		if s.closedParent(filepath.Join(base, "x")) == "" {
			bases = append(bases, base)
		}
	}
	return bases
}

// newThrowawayDir makes a folder and locks it before giving it the name that sweepers look for.
func (s *Server) newThrowawayDir() (string, *os.File, error) {
	bases := s.tempBases()
	if len(bases) == 0 {
		return "", nil, fmt.Errorf("no temporary folder that the server's user can enter")
	}
	hidden, err := os.MkdirTemp(bases[0], hiddenPrefix)
	if err != nil {
		return "", nil, fmt.Errorf("make a throw-away folder: %w", err)
	}
	if err := s.own(hidden); err != nil {
		return "", nil, err
	}
	lock, err := os.OpenFile(filepath.Join(hidden, "lock"), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return "", nil, fmt.Errorf("lock a throw-away folder: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", nil, fmt.Errorf("lock a throw-away folder: %w", err)
	}
	dir := filepath.Join(bases[0], throwawayPrefix+filepath.Base(hidden)[len(hiddenPrefix):])
	if err := os.Rename(hidden, dir); err != nil {
		return "", nil, fmt.Errorf("name a throw-away folder: %w", err)
	}
	return dir, lock, nil
}

// sweep removes the throw-away clusters whose owner is gone and whose watcher was killed too. What it cannot open or
// lock belongs to somebody else or is in use.
func sweep(bases []string) {
	for _, base := range bases {
		dirs, _ := filepath.Glob(filepath.Join(base, throwawayPrefix+"*")) // the only error is a bad pattern
		for _, dir := range dirs {
			lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|syscall.O_NOFOLLOW, 0)
			if err != nil {
				continue
			}
			if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
				_ = os.RemoveAll(dir) // the next sweep tries again
			}
			_ = lock.Close()
		}
	}
}

// watch starts a shell that waits for this process to end (its pipe closes), then stops the server and removes the
// folder: tests need no TestMain, and a killed test leaves no memory behind.
func (s *Server) watch() error {
	r, w, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make the watcher's pipe: %w", err)
	}
	defer r.Close() //nolint:errcheck // the watcher has its own descriptor
	// A line on the pipe says that Stop has done it all. The pause lets the server end before its files go.
	const script = `read -r word || { kill -QUIT "$1" 2>/dev/null; sleep 1; rm -rf "$2" "$3"; }`
	cmd := exec.Command("/bin/sh", "-c", script, "parapheur-pg-watch", strconv.Itoa(s.cmd.Process.Pid), s.dir, s.socket)
	cmd.Stdin, cmd.Dir = r, "/"
	cmd.Env = environment()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // ^C on the terminal must not reach it
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the watcher: %w", err)
	}
	s.janitor = w
	go func() { _ = cmd.Wait() }() // reaped when Stop closes the pipe
	return nil
}
