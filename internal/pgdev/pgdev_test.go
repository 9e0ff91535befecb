package pgdev

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// ownerOf makes this test binary behave as another process that starts the folder, prints what it got and waits.
const ownerOf = "PGDEV_TEST_OWNER_OF"

func TestMain(m *testing.M) {
	dir := os.Getenv(ownerOf)
	if dir == "" {
		os.Exit(m.Run())
	}
	s, err := Start(context.Background(), Options{Dir: dir, Throwaway: dir == "throwaway"})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	fmt.Println(s.Dir(), s.Attached())
	_, _ = os.Stdin.Read(make([]byte, 1)) // until the test closes the pipe
	if err := s.Stop(); err != nil {
		fmt.Println("error", err)
	}
}

// owner is another process that called Start.
type owner struct {
	cmd      *exec.Cmd
	dir      string
	attached bool
	release  func()
}

func startOwner(t *testing.T, dir string) *owner {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), ownerOf+"="+dir)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || strings.HasPrefix(line, "error") {
		t.Fatalf("the other process said %q, %v", line, err)
	}
	o := &owner{cmd: cmd}
	if _, err := fmt.Sscan(line, &o.dir, &o.attached); err != nil {
		t.Fatalf("the other process said %q: %v", line, err)
	}
	var once sync.Once
	o.release = func() { once.Do(func() { _ = in.Close(); _ = cmd.Wait() }) }
	t.Cleanup(o.release)
	return o
}

// folder is a temporary folder that the server's user can reach even when the tests run as root.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "pgdev-test-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func start(t *testing.T, dir string) *Server {
	t.Helper()
	s, err := Start(t.Context(), Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func query(t *testing.T, s *Server, sql string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.DSN("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	var got string
	if err := conn.QueryRow(t.Context(), sql).Scan(&got); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return got
}

func execute(t *testing.T, s *Server, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.DSN("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// eventually waits for a condition of another process, which has no signal to wait on.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !condition(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("still not: %s", what)
		}
	}
}

func TestPersistentClusterKeepsItsData(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(folder(t), "pg")
	s := start(t, dir)
	dsn, err := s.Database(t.Context(), "parapheur")
	if err != nil {
		t.Fatal(err)
	}
	if again, err := s.Database(t.Context(), "parapheur"); err != nil || again != dsn {
		t.Fatalf("second Database = %q, %v, want %q", again, err, dsn)
	}
	execute(t, s, "CREATE TABLE letter AS SELECT 'Mairie' AS title")
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(); err != nil {
		t.Fatalf("second Stop: %v", err)
	}
	if got := query(t, start(t, dir), "SELECT title FROM letter"); got != "Mairie" {
		t.Fatalf("after a restart: %q", got)
	}
}

func TestNothingListensOnTheNetwork(t *testing.T) {
	t.Parallel()
	s := start(t, filepath.Join(folder(t), "pg"))
	if got := query(t, s, "SHOW listen_addresses"); got != "" {
		t.Fatalf("listen_addresses = %q", got)
	}
	info, err := os.Stat(s.Dir())
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Fatalf("mode of the folder: %v, %v, want 0700", info.Mode(), err)
	}
}

func TestEnvironmentDoesNotChangeTheAddress(t *testing.T) {
	t.Setenv("PGPORT", "1")
	t.Setenv("PGDATA", "/nonexistent")
	t.Setenv("PGSSLMODE", "require")
	t.Setenv("PGDATABASE", "elsewhere")
	if got := query(t, start(t, filepath.Join(folder(t), "pg")), "SELECT current_database()"); got != "postgres" {
		t.Fatalf("connected to %q", got)
	}
}

func TestSimultaneousStartsShareOneServer(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(folder(t), "pg")
	owners := make(chan *owner, 4)
	for range cap(owners) {
		go func() { owners <- startOwner(t, dir) }()
	}
	var first *owner
	for range cap(owners) {
		switch o := <-owners; {
		case o.attached:
		case first == nil:
			first = o
		default:
			t.Fatal("two processes started a server on one folder")
		}
	}
	if first == nil {
		t.Fatal("no process started the server")
	}
	s := start(t, dir)
	if !s.Attached() {
		t.Fatal("did not attach to the running server")
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	query(t, s, "SELECT 'the owner still serves'")
}

func TestServerEndsWithItsKilledOwner(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells children that their parent died")
	}
	dir := filepath.Join(folder(t), "pg")
	o := startOwner(t, dir)
	p, ok := readPostmaster(filepath.Join(o.dir, "data", "postmaster.pid"))
	if !ok {
		t.Fatal("no postmaster.pid")
	}
	if err := o.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the server ended with its owner", func() bool { return !isPostgres(p.pid) })
	if start(t, dir).Attached() {
		t.Fatal("attached to a server that had ended")
	}
}

func TestRecoveryWhenOwnerAndServerAreKilled(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(folder(t), "pg")
	o := startOwner(t, dir)
	s := start(t, dir)
	execute(t, s, "CREATE TABLE letter AS SELECT * FROM generate_series(1, 20000)")
	p, ok := readPostmaster(s.pidFile())
	if !ok || !s.Attached() {
		t.Fatal("not attached to the other process's server")
	}
	// The server first: its parent would otherwise let it shut down in order.
	if err := errors.Join(syscall.Kill(p.pid, syscall.SIGKILL), o.cmd.Process.Kill()); err != nil {
		t.Fatal(err)
	}
	if got := query(t, start(t, dir), "SELECT count(*)::text FROM letter"); got != "20000" {
		t.Fatalf("%s committed rows after the crash, want 20000", got)
	}
}

func TestStaleProcessNumberOfAnotherProgram(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells one process from another here")
	}
	dir := filepath.Join(folder(t), "pg")
	s := start(t, dir)
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	// After a restart of the machine the number may belong to anything: here, to this test.
	stale := fmt.Sprintf("%d\n%s\n1\n5432\n%s\n\n1 1\nready   \n", os.Getpid(), s.data(), s.socket)
	if err := os.WriteFile(s.pidFile(), []byte(stale), 0o644); err != nil {
		t.Fatal(err)
	}
	query(t, start(t, dir), "SELECT 'up'")
}

func TestLongPathGetsAShortSocket(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(folder(t), strings.Repeat("commune-", 12), "pg")
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	s := start(t, dir)
	t.Cleanup(func() { _ = os.RemoveAll(s.socket) })
	if s.socket == s.Dir() || !fitsSocket(s.socket) {
		t.Fatalf("socket folder %s", s.socket)
	}
	if !start(t, dir).Attached() {
		t.Fatal("a second start did not find the short socket")
	}
}

func TestSocketFolderOfSomebodyElseIsRefused(t *testing.T) {
	t.Parallel()
	s := &Server{dir: filepath.Join(folder(t), strings.Repeat("x", 100))}
	trap := filepath.Join(os.TempDir(), "parapheur-"+shortHash(s.dir))
	if err := os.Symlink("/tmp", trap); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(trap) })
	if dir, err := s.socketDir(); err == nil {
		t.Fatalf("used %s, which somebody else prepared", dir)
	}
}

func TestRootUnderAClosedFolderMovesAndSaysSo(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root has to run the server as somebody else")
	}
	closed := folder(t)
	if err := os.Chmod(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	s := start(t, filepath.Join(closed, "pg"))
	t.Cleanup(func() { _ = os.RemoveAll(s.Dir()) })
	if strings.HasPrefix(s.Dir(), closed) || !strings.Contains(s.Note(), s.Dir()) || !strings.Contains(s.Note(), closed) {
		t.Fatalf("lives in %s, note %q", s.Dir(), s.Note())
	}
}

func TestThrowawayLeavesNothing(t *testing.T) {
	t.Parallel()
	s, err := Start(t.Context(), Options{Throwaway: true})
	if err != nil {
		t.Fatal(err)
	}
	query(t, s, "SELECT 'up'")
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if exists(s.Dir()) {
		t.Fatalf("%s remains", s.Dir())
	}
}

func TestThrowawayOfAKilledOwnerIsRemoved(t *testing.T) {
	t.Parallel()
	o := startOwner(t, "throwaway")
	if err := o.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, o.dir+" removed", func() bool { return !exists(o.dir) })
}

func TestSweepLeavesLivingClusters(t *testing.T) {
	t.Parallel()
	base := folder(t)
	living, dead := filepath.Join(base, throwawayPrefix+"1"), filepath.Join(base, throwawayPrefix+"2")
	for _, dir := range []string{living, dead} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "lock"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	lock, err := lockFile(t.Context(), filepath.Join(living, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	sweep([]string{base})
	if !exists(living) || exists(dead) {
		t.Fatalf("living kept: %v, dead removed: %v", exists(living), !exists(dead))
	}
}

func TestNoBinaries(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if found := findInstalls([]string{filepath.Join(t.TempDir(), "*")}); len(found) != 0 {
		t.Fatalf("found %v", found)
	}
	if found := findInstalls(usualPlaces()); len(found) == 0 {
		t.Fatal("the system's own install is found only through PATH")
	}
}

func TestChoosesTheVersionThatMadeTheFolder(t *testing.T) {
	t.Parallel()
	installs := []install{{"/18", 18}, {"/15", 15}}
	for _, c := range []struct {
		made, want string
		err        error
	}{
		{"", "/18", nil}, {"15\n", "/15", nil}, {"16\n", "", ErrVersion}, {"rubbish", "", ErrVersion},
	} {
		s := &Server{dir: t.TempDir()}
		if err := os.Mkdir(s.data(), 0o700); err != nil {
			t.Fatal(err)
		}
		if c.made != "" {
			if err := os.WriteFile(filepath.Join(s.data(), "PG_VERSION"), []byte(c.made), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.choose(installs); !errors.Is(err, c.err) || s.bin != c.want {
			t.Errorf("PG_VERSION %q: got %q, %v, want %q, %v", c.made, s.bin, err, c.want, c.err)
		}
	}
}

func TestParseMajor(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]int{
		"postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n": 15,
		"postgres (PostgreSQL) 19beta1\n":                        19,
		"postgres (PostgreSQL) 17":                               17,
		"postgres (PostgreSQL) devel":                            0,
		"something else 15":                                      0,
		"":                                                       0,
	} {
		if got := parseMajor(in); got != want {
			t.Errorf("parseMajor(%q) = %d, want %d", in, got, want)
		}
	}
}

func BenchmarkColdStart(b *testing.B) {
	for b.Loop() {
		s, err := Start(b.Context(), Options{Throwaway: true})
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := s.Stop(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
