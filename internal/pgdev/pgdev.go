// Package pgdev runs a private PostgreSQL for development, demonstration and tests, from the server binaries the system
// already has: a unix socket and no port, no password, an unprivileged user even when the caller is root, and no server
// left behind when the caller dies.
//
// It is no production database: production sets PARAPHEUR_DATABASE_URL and never comes here. It downloads nothing and knows no
// address to download from; it creates no schema.
//
// # Failure handling
//
//   - No usable binaries: [ErrNoBinaries], one sentence that says what to do.
//   - A data folder made by a major version that is gone: [ErrVersion]; the data is left untouched.
//   - The caller is killed: on Linux the kernel interrupts the server, which shuts down fast; elsewhere it stays up and
//     the next Start attaches to it.
//   - Caller and server are killed: the next Start recovers from the write-ahead log, also when the dead postmaster is a
//     zombie nobody reaps, and also when its process number belongs to somebody else by now.
//   - Several processes start the same folder: one starts the server, the others attach to it.
package pgdev

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

var (
	// ErrNoBinaries says that no PostgreSQL server of a supported version was found.
	ErrNoBinaries = errors.New("no PostgreSQL server (15 or newer) found: run scripts/setup.sh run, install your system's postgresql package, or set PARAPHEUR_DATABASE_URL")
	// ErrVersion says that the data folder belongs to a major version whose binaries are not installed.
	ErrVersion = errors.New("the data folder needs another PostgreSQL version")
)

// FrenchNoBinaries is [ErrNoBinaries] for people who only wanted to try the product.
const FrenchNoBinaries = "PostgreSQL (version 15 ou plus récente) est introuvable sur cette machine : installez le paquet « postgresql » de votre système, ou indiquez l’adresse d’une base dans PARAPHEUR_DATABASE_URL."

// Superuser is the role that owns the private cluster; it bypasses row-level security.
const Superuser = "parapheur"

const (
	port        = "5432"             // part of the socket's name only: nothing listens on the network
	socketName  = ".s.PGSQL." + port // PostgreSQL chooses it
	maxSocket   = 103                // sun_path holds 104 bytes on the BSDs and macOS, 108 on Linux, with a final zero
	startLimit  = 60 * time.Second   // recovery of a large write-ahead log on a slow disk
	stopLimit   = 20 * time.Second   // a fast shutdown writes one checkpoint
	pollPause   = 5 * time.Millisecond
	minMajor    = 15
	logMaxBytes = 8 << 20
)

// Options says where the cluster lives.
type Options struct {
	// Dir is the folder of a persistent cluster, made when missing. Ignored when Throwaway is set.
	Dir string
	// Throwaway asks for a cluster in memory or in the temporary folder, fast and without durability, removed by Stop
	// or, when the process ends without it, by a small watcher.
	Throwaway bool
	// OnDisk keeps a throw-away cluster out of memory: it will hold gigabytes.
	OnDisk bool
}

// Server is a running cluster that this process started or attached to. Its methods are safe for concurrent use.
type Server struct {
	dir, socket, bin string
	major            int
	cred             *syscall.Credential // nil: the server runs as the caller
	throwaway        bool
	onDisk           bool
	attached         bool
	note             string

	cmd     *exec.Cmd
	done    chan struct{} // closed once the server has been reaped; nil when attached
	lock    *os.File      // throw-away only, held for life: a free lock means that the folder may be swept
	janitor *os.File      // throw-away only: its closing tells the watcher to clean up
	stop    sync.Once
	stopErr error
}

// Start brings up the cluster and returns once it answers queries: about half a second on an empty folder, some tens of
// milliseconds on an existing one, less when a server of another process already serves it.
func Start(ctx context.Context, o Options) (*Server, error) {
	if !o.Throwaway && o.Dir == "" {
		return nil, errors.New("pgdev: a persistent cluster needs a folder")
	}
	s := &Server{throwaway: o.Throwaway, onDisk: o.OnDisk}
	var err error
	if s.cred, err = unprivileged(); err != nil {
		return nil, err
	}
	installs := findInstalls(usualPlaces())
	if len(installs) == 0 {
		return nil, ErrNoBinaries
	}
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if s.throwaway {
		err = s.startThrowaway(ctx, installs)
	} else {
		err = s.startPersistent(ctx, o.Dir, installs)
	}
	if err != nil {
		return nil, fmt.Errorf("start the private PostgreSQL: %w", err)
	}
	return s, nil
}

func (s *Server) startPersistent(ctx context.Context, dir string, installs []install) error {
	if err := s.place(dir); err != nil {
		return err
	}
	lock, err := lockFile(ctx, filepath.Join(s.dir, "lock")) // one process at a time starts a folder
	if err != nil {
		return err
	}
	defer lock.Close() //nolint:errcheck // closing is what releases it; nothing was written
	if s.attached, err = s.attachable(ctx); err != nil || s.attached {
		return err
	}
	if err := s.choose(installs); err != nil {
		return err
	}
	return s.bringUp(ctx)
}

func (s *Server) startThrowaway(ctx context.Context, installs []install) error {
	sweep(s.tempBases())
	dir, lock, err := s.newThrowawayDir()
	if err != nil {
		return err
	}
	s.dir, s.lock = dir, lock
	s.socket, err = s.socketDir()
	if err == nil {
		err = s.choose(installs)
	}
	if err == nil {
		err = s.bringUp(ctx)
	}
	if err == nil {
		err = s.watch()
	}
	if err != nil {
		return errors.Join(err, s.Stop(), os.RemoveAll(dir), lock.Close())
	}
	return nil
}

// bringUp makes the cluster if it is new, starts it and waits until it answers.
func (s *Server) bringUp(ctx context.Context) error {
	if !exists(filepath.Join(s.data(), "PG_VERSION")) {
		if err := s.initdb(ctx); err != nil {
			return err
		}
	}
	if err := s.launch(); err != nil {
		return err
	}
	for !s.ready(ctx) {
		select {
		case <-s.done:
			return fmt.Errorf("the server stopped while starting: %s", s.logTail())
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("the server is not ready: %s", s.logTail()), ctx.Err(), s.Stop())
		case <-time.After(pollPause):
		}
	}
	return nil
}

// initdb makes the cluster beside its final place and renames it, so that an interrupted start leaves no half cluster.
func (s *Server) initdb(ctx context.Context) error {
	fresh := s.data() + ".new"
	var err error
	for _, locale := range []string{"C.UTF-8", "C"} { // C.UTF-8 does not exist on older macOS and Red Hat
		if err = os.RemoveAll(fresh); err != nil {
			return fmt.Errorf("clear an interrupted initdb: %w", err)
		}
		err = s.run(ctx, "initdb", "-D", fresh, "-U", Superuser, "-A", "trust", "--auth-host=reject", "--encoding=UTF8", "--locale="+locale,
			"--no-sync", "--no-instructions")
		if err == nil {
			return os.Rename(fresh, s.data())
		}
		if ctx.Err() != nil {
			return err
		}
		if strings.Contains(err.Error(), "effective user ID") {
			return fmt.Errorf("PostgreSQL needs an entry in the password file for user %d; add one or set PARAPHEUR_DATABASE_URL: %w", os.Geteuid(), err)
		}
	}
	return err
}

func (s *Server) launch() error {
	logFile, err := s.openLog()
	if err != nil {
		return err
	}
	defer logFile.Close() //nolint:errcheck // the child has its own descriptor
	s.cmd = exec.Command(filepath.Join(s.bin, "postgres"), s.arguments()...)
	s.cmd.Dir, s.cmd.Env = s.dir, environment()
	s.cmd.Stdout, s.cmd.Stderr = logFile, logFile
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.cred, Setpgid: true} // ^C on the terminal is for the caller
	dieWithParent(s.cmd.SysProcAttr, syscall.SIGINT)
	s.done = make(chan struct{})
	started := make(chan error)
	go func() {
		// The parent-death signal follows the thread that forked, so that thread has to live as long as the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(s.done)
		err := s.cmd.Start()
		started <- err
		if err == nil {
			_ = s.cmd.Wait() // the exit status says nothing that the log does not say better
		}
	}()
	return <-started
}

func (s *Server) arguments() []string {
	settings := []string{
		"listen_addresses=", "port=" + port, "unix_socket_directories=" + s.socket, "unix_socket_permissions=0700",
		"max_connections=200", "shared_buffers=64MB", "dynamic_shared_memory_type=mmap", "jit=off",
		"logging_collector=off", "log_min_messages=warning", "timezone=UTC", "log_timezone=UTC", "lc_messages=C",
	}
	if s.throwaway {
		settings = append(settings, "fsync=off", "synchronous_commit=off", "full_page_writes=off", "wal_level=minimal",
			"max_wal_senders=0", "autovacuum=off", "max_wal_size=4GB")
	}
	args := []string{"-D", s.data()}
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	return args
}

// DSN is the address of one database of this server, for the superuser. It names every setting that the environment of
// the process (PGPORT, PGSSLMODE…) could otherwise change.
func (s *Server) DSN(database string) string {
	q := url.Values{"host": {s.socket}, "port": {port}, "user": {Superuser}, "sslmode": {"disable"}}
	return "postgres:///" + url.PathEscape(database) + "?" + q.Encode()
}

// Database creates the database when it does not exist and returns its address.
func (s *Server) Database(ctx context.Context, name string) (dsn string, err error) {
	conn, err := pgx.Connect(ctx, s.DSN("postgres"))
	if err != nil {
		return "", fmt.Errorf("connect to the private PostgreSQL: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // nothing left to say
	_, err = conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize())
	var refused *pgconn.PgError
	// 42P04 is duplicate_database; 23505 is what the loser of two simultaneous creations gets.
	if errors.As(err, &refused) && (refused.Code == "42P04" || refused.Code == "23505") {
		err = nil
	}
	if err != nil {
		return "", fmt.Errorf("create database %s: %w", name, err)
	}
	return s.DSN(name), nil
}

// Dir is the folder the cluster really lives in; see [Server.Note] for when it is not the one asked for.
func (s *Server) Dir() string { return s.dir }

// Attached says that another process started the server and will stop it.
func (s *Server) Attached() bool { return s.attached }

// Note is a sentence for the developer when the cluster could not live where it was asked to; empty otherwise.
func (s *Server) Note() string { return s.note }

// Done is closed when the server has ended, for whatever reason; it is nil, and blocks for ever, when Attached.
func (s *Server) Done() <-chan struct{} { return s.done }

// Stop shuts the server down fast and waits for it; a throw-away cluster is then removed. It does nothing when Attached,
// and nothing the second time.
func (s *Server) Stop() error {
	s.stop.Do(func() { s.stopErr = s.shutDown() })
	return s.stopErr
}

func (s *Server) shutDown() error {
	if s.attached || s.done == nil {
		return nil
	}
	how := syscall.SIGINT // fast: disconnect everybody, write a checkpoint
	if s.throwaway {
		how = syscall.SIGQUIT // immediate: nothing to keep
	}
	err := s.cmd.Process.Signal(how)
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	select {
	case <-s.done:
	case <-time.After(stopLimit):
		err = errors.Join(err, fmt.Errorf("PostgreSQL did not stop in %s and was killed", stopLimit), s.cmd.Process.Kill())
		<-s.done
	}
	if s.throwaway {
		err = errors.Join(err, os.RemoveAll(s.dir))
		if s.socket != s.dir {
			err = errors.Join(err, os.RemoveAll(s.socket))
		}
		if s.janitor != nil {
			_, told := s.janitor.WriteString("done\n")
			err = errors.Join(err, told, s.janitor.Close())
		}
		err = errors.Join(err, s.lock.Close())
	}
	return err
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// run executes one of PostgreSQL's own tools as the user of the server.
func (s *Server) run(ctx context.Context, tool string, args ...string) error {
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, tool), args...)
	cmd.Dir, cmd.Env = s.dir, environment()
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.cred}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", tool, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// environment leaves out everything that changes PostgreSQL's behaviour (PGDATA, PGPORT, LC_*…).
func environment() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
