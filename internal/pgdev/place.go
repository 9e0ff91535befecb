package pgdev

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// unprivileged is the user that runs the server: PostgreSQL refuses root, so root runs it as postgres or else nobody.
// Nil means the caller. The user needs an entry in the password file, because initdb looks up its own name.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUID := strconv.ParseUint(u.Uid, 10, 32)
		gid, errGID := strconv.ParseUint(u.Gid, 10, 32)
		if errUID == nil && errGID == nil {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
		}
	}
	return nil, errors.New("PostgreSQL refuses to run as root, and neither user postgres nor user nobody exists")
}

// place makes the folder of a persistent cluster and finds the folder of its socket. When the server's user cannot
// reach the folder asked for (root working under /root), the cluster moves to /var/lib and [Server.Note] says so.
func (s *Server) place(asked string) error {
	dir, err := filepath.Abs(asked)
	if err != nil {
		return fmt.Errorf("find %s: %w", asked, err)
	}
	// What is checked is the real path: a link may lead through a closed folder.
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return fmt.Errorf("find %s: %w", asked, err)
	}
	if closed := s.closedParent(dir); closed != "" {
		other := filepath.Join("/var/lib/parapheur", "dev-"+shortHash(dir))
		if err := s.makeReachable(other); err != nil {
			return fmt.Errorf("%s is closed to the server's user, and its replacement cannot be made: %w", closed, err)
		}
		s.note = fmt.Sprintf("PostgreSQL may not run as root and its user cannot enter %s: the database lives in %s instead of %s",
			closed, other, dir)
		dir = other
	}
	s.dir = dir
	if err := s.own(dir); err != nil {
		return err
	}
	s.socket, err = s.socketDir()
	return err
}

func (s *Server) makeReachable(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if closed := s.closedParent(dir); closed != "" {
		return fmt.Errorf("%s is closed too", closed)
	}
	return nil
}

// closedParent is the first folder on the way to dir that the server's user may not enter, empty when there is none.
// Only mode bits are read: access lists that open a folder are not seen, which errs on the safe side.
func (s *Server) closedParent(dir string) string {
	if s.cred == nil {
		return ""
	}
	for parent := filepath.Dir(dir); ; parent = filepath.Dir(parent) {
		info, err := os.Stat(parent)
		if err != nil || !mayEnter(info, s.cred) {
			return parent
		}
		if parent == filepath.Dir(parent) {
			return ""
		}
	}
}

func mayEnter(info os.FileInfo, who *syscall.Credential) bool {
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return false
	}
	mode := info.Mode().Perm()
	switch {
	case owner.Uid == who.Uid:
		return mode&0o100 != 0
	case owner.Gid == who.Gid:
		return mode&0o010 != 0
	default:
		return mode&0o001 != 0
	}
}

// own gives the folder to the server's user.
func (s *Server) own(dir string) error {
	if s.cred == nil {
		return nil
	}
	if err := os.Chown(dir, int(s.cred.Uid), int(s.cred.Gid)); err != nil {
		return fmt.Errorf("give %s to the server's user: %w", dir, err)
	}
	return nil
}

// socketDir is the cluster's folder, or a short one in the temporary folder when the path of the socket would be longer
// than the system allows. Its name follows from the cluster's, so that every process finds the same one.
func (s *Server) socketDir() (string, error) {
	if fitsSocket(s.dir) {
		return s.dir, nil
	}
	for _, base := range []string{os.TempDir(), "/tmp"} {
		short := filepath.Join(base, "parapheur-"+shortHash(s.dir))
		if !fitsSocket(short) || s.closedParent(short) != "" {
			continue
		}
		if err := os.Mkdir(short, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
			return "", fmt.Errorf("make the socket folder: %w", err)
		} else if err == nil {
			if err := s.own(short); err != nil {
				return "", err
			}
		}
		return short, s.mustBeOurs(short)
	}
	return "", fmt.Errorf("no folder for the socket: %s and the temporary folder are too long", s.dir)
}

func fitsSocket(dir string) bool { return len(filepath.Join(dir, socketName)) <= maxSocket }

// mustBeOurs refuses a socket folder that somebody else prepared: the temporary folder is open to all.
func (s *Server) mustBeOurs(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("check the socket folder: %w", err)
	}
	want := uint32(os.Geteuid())
	if s.cred != nil {
		want = s.cred.Uid
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.IsDir() || owner.Uid != want || info.Mode().Perm() != 0o700 {
		return fmt.Errorf("the socket folder %s belongs to somebody else", dir)
	}
	return nil
}

func shortHash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:5])
}

// lockFile waits for an exclusive lock. Closing the file releases it, and so does the end of the process.
func lockFile(ctx context.Context, path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock: %w", err)
	}
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("wait for %s: %w", path, ctx.Err()), f.Close())
		case <-time.After(pollPause):
		}
	}
}
