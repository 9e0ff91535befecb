package blobs

import (
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"parapheur/internal/tooltest"
)

// spooled writes a file as an upload does: hashed on the way.
func spooled(t *testing.T, dir, content string) (*os.File, Digest) {
	t.Helper()
	f, err := os.CreateTemp(dir, "upload-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	if _, err := f.WriteString(content); err != nil {
		t.Fatal(err)
	}
	return f, sha256.Sum256([]byte(content))
}

func openDir(t *testing.T) (*Dir, string) {
	t.Helper()
	root := t.TempDir()
	d, err := OpenDir(root, DirOptions{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return d, root
}

func content(t *testing.T, d *Dir, digest Digest) string {
	t.Helper()
	b, err := d.Open(t.Context(), digest)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close() //nolint:errcheck // read only
	all, err := io.ReadAll(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(all)
}

// An adopted file is a blob like another, and lost its own name.
func TestAdopt(t *testing.T) {
	t.Parallel()
	d, root := openDir(t)
	for range 2 { // the second time is putting once
		f, digest := spooled(t, filepath.Join(root, tmpDir), "une lettre")
		if err := d.Adopt(t.Context(), f, digest); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(f.Name()); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the upload is still there: %v", err)
		}
		if got := content(t, d, digest); got != "une lettre" {
			t.Errorf("adopted %q", got)
		}
		if info, err := os.Stat(d.path(digest)); err != nil || info.Mode().Perm() != 0o400 {
			t.Errorf("mode %v, %v", info.Mode(), err)
		}
	}
}

// A file of another file system is copied.
func TestAdoptFromElsewhere(t *testing.T) {
	t.Parallel()
	const memory = "/dev/shm"
	if _, err := os.Stat(memory); err != nil {
		tooltest.Lacking(t, "a second file system at "+memory)
	}
	d, root := openDir(t)
	f, digest := spooled(t, memory, "une lettre")
	t.Cleanup(func() { _ = os.Remove(f.Name()) })
	if err := d.Adopt(t.Context(), f, digest); err != nil {
		t.Fatal(err)
	}
	if got := content(t, d, digest); got != "une lettre" {
		t.Errorf("adopted %q", got)
	}
	f, digest = spooled(t, memory, "une autre")
	t.Cleanup(func() { _ = os.Remove(f.Name()) })
	digest[0] ^= 1
	if err := d.Adopt(t.Context(), f, digest); !errors.Is(err, ErrCorrupt) {
		t.Errorf("copied under a digest that is not its own: %v", err)
	}
	if left, err := os.ReadDir(filepath.Join(root, tmpDir)); err != nil || len(left) != 0 {
		t.Errorf("left behind %v, %v", left, err)
	}
}

// A digest that is not the file's is found out before any byte is shown.
func TestAdoptedUnderAWrongDigest(t *testing.T) {
	t.Parallel()
	d, root := openDir(t)
	f, digest := spooled(t, filepath.Join(root, tmpDir), "une lettre")
	digest[0] ^= 1
	if err := d.Adopt(t.Context(), f, digest); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Open(t.Context(), digest); !errors.Is(err, ErrCorrupt) {
		t.Errorf("opened: %v", err)
	}
}
