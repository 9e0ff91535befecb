package blobs_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"parapheur/internal/blobs"
	"parapheur/internal/blobs/blobstest"
)

func openDir(t testing.TB, root string, now time.Time) *blobs.Dir {
	t.Helper()
	d, err := blobs.OpenDir(root, blobs.DirOptions{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// files lists what lies in a store, temporary files included.
func files(root string) (names []string, err error) {
	err = filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			names = append(names, path)
		}
		return err
	})
	return names, err
}

func blobPath(root string, digest blobs.Digest) string {
	name := hex.EncodeToString(digest[:])
	return filepath.Join(root, name[:2], name)
}

func TestDirConforms(t *testing.T) {
	t.Parallel()
	blobstest.Conformance(t, func(t *testing.T) blobstest.Subject {
		t.Parallel()
		root := filepath.Join(t.TempDir(), "blobs")
		return blobstest.Subject{
			Store: openDir(t, root, time.Now()),
			Corrupt: func(digest blobs.Digest, content []byte) error {
				path := blobPath(root, digest)
				return errors.Join(os.Remove(path), os.WriteFile(path, content, 0o400))
			},
			Count: func() (int, error) { names, err := files(root); return len(names), err },
		}
	})
}

func TestDirIsPrivateAndReadOnly(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "blobs")
	d := openDir(t, root, time.Now())
	digest, _, err := d.Put(t.Context(), bytes.NewReader([]byte("lettre")))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]fs.FileMode{root: 0o700, filepath.Join(root, "tmp"): 0o700, filepath.Dir(blobPath(root, digest)): 0o700, blobPath(root, digest): 0o400} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: mode %04o, %v; want %04o", path, info.Mode().Perm(), err, want)
		}
	}
}

// TestDirSurvivesKill kills a process in the middle of a Put and looks at what it left.
func TestDirSurvivesKill(t *testing.T) {
	if root := os.Getenv("BLOBS_KILL_ROOT"); root != "" {
		putSlowly(t, root)
		return
	}
	t.Parallel()
	root := filepath.Join(t.TempDir(), "blobs")
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestDirSurvivesKill$")
	child.Env = append(os.Environ(), "BLOBS_KILL_ROOT="+root)
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	half := blobstest.Content(1 << 20)
	if _, err := stdin.Write(half); err != nil {
		t.Fatal(err)
	}
	// The child says so once it has read, hence written, all of it but the last buffer.
	if _, err := io.ReadFull(stdout, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // killed, as it should be

	left, err := files(root)
	if err != nil || len(left) != 1 || filepath.Base(filepath.Dir(left[0])) != "tmp" {
		t.Fatalf("a killed Put left %v (%v), want one temporary file", left, err)
	}
	if info, err := os.Stat(left[0]); err != nil || info.Size() == 0 {
		t.Fatalf("the kill came before any byte was written: %v", err)
	}
	openDir(t, root, time.Now())
	if left, _ := files(root); len(left) != 1 {
		t.Error("a young temporary file was swept: another node may be writing it")
	}
	openDir(t, root, time.Now().Add(7*time.Hour))
	if left, _ := files(root); len(left) != 0 {
		t.Errorf("old leftovers were not swept: %v", left)
	}
}

// putSlowly is the child: it puts its standard input, which never ends.
func putSlowly(t *testing.T, root string) {
	d := openDir(t, root, time.Now())
	read := 0
	_, _, err := d.Put(t.Context(), readerFunc(func(p []byte) (int, error) {
		if read >= 1<<20 {
			_, _ = os.Stdout.Write([]byte("."))
			select {} // until killed
		}
		n, err := os.Stdin.Read(p)
		read += n
		return n, err
	}))
	t.Fatal("the put came to an end: ", err)
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestDirMemoryIsFlat(t *testing.T) {
	const size = 256 << 20
	d := openDir(t, filepath.Join(t.TempDir(), "blobs"), time.Now())
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	digest, n, err := d.Put(t.Context(), io.LimitReader(zeros{}, size))
	if err != nil || n != size {
		t.Fatal(n, err)
	}
	b, err := d.Open(t.Context(), digest)
	if err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 4<<20 {
		t.Errorf("%d MB of memory allocated for a blob of %d MB", used>>20, size>>20)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestOpenDirNeedsAClock(t *testing.T) {
	t.Parallel()
	if _, err := blobs.OpenDir(t.TempDir(), blobs.DirOptions{}); err == nil {
		t.Error("opened without a clock")
	}
}

// BenchmarkDirPut compares a Put of 50 MB with its floor: the same bytes written
// to a file, fsynced, and hashed. The metric "×floor" is what to look at.
func BenchmarkDirPut(b *testing.B) {
	content := blobstest.Content(50 << 20)
	dir := b.TempDir()
	d := openDir(b, filepath.Join(dir, "blobs"), time.Now())
	b.SetBytes(int64(len(content)))
	var floor time.Duration
	for b.Loop() {
		b.StopTimer()
		floor += writeAndHash(b, filepath.Join(dir, "floor"), content)
		b.StartTimer()
		if _, _, err := d.Put(b.Context(), bytes.NewReader(content)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed())/float64(floor), "×floor")
}

func writeAndHash(b *testing.B, path string, content []byte) time.Duration {
	b.Helper()
	start := time.Now()
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	_, err = f.Write(content)
	sum := sha256.Sum256(content)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil || sum == (blobs.Digest{}) {
		b.Fatal(err)
	}
	took := time.Since(start)
	if err := os.Remove(path); err != nil {
		b.Fatal(err)
	}
	return took
}

// BenchmarkDirOpen shows the price of verifying at every open.
func BenchmarkDirOpen(b *testing.B) {
	for name, size := range map[string]int{"1MB": 1 << 20, "50MB": 50 << 20} {
		b.Run(name, func(b *testing.B) {
			d := openDir(b, filepath.Join(b.TempDir(), "blobs"), time.Now())
			digest, _, err := d.Put(b.Context(), bytes.NewReader(blobstest.Content(size)))
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(size))
			for b.Loop() {
				blob, err := d.Open(b.Context(), digest)
				if err != nil {
					b.Fatal(err)
				}
				if err := blob.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
