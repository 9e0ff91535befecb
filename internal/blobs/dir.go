package blobs

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// defaultSweepAfter is long against any upload and short against a disk.
const defaultSweepAfter = 6 * time.Hour

// DirOptions configures [OpenDir].
type DirOptions struct {
	// Now is the clock for the age of leftovers. Required.
	Now func() time.Time
	// SweepAfter is the age from which a temporary file is a leftover; 6 hours if
	// zero. It must exceed the longest upload: other nodes may share the folder.
	SweepAfter time.Duration
}

// Dir is a store in a folder:
//
//	root/tmp/put-*            being written; invisible to readers
//	root/ab/abcdef…           a blob, 64 hexadecimal digits, mode 0400
//
// It holds no state of its own, so nothing in it needs a lock: rename is what
// makes a blob appear.
type Dir struct {
	root string
}

var _ Store = (*Dir)(nil)

const tmpDir = "tmp"

// OpenDir opens the store in a folder, which it makes if needed (mode 0700), and
// removes the temporary files that killed processes left.
func OpenDir(root string, opt DirOptions) (*Dir, error) {
	if opt.Now == nil {
		return nil, errors.New("blobs: a directory store needs a clock")
	}
	if opt.SweepAfter == 0 {
		opt.SweepAfter = defaultSweepAfter
	}
	tmp := filepath.Join(root, tmpDir)
	if err := os.MkdirAll(tmp, 0o700); err != nil {
		return nil, fmt.Errorf("blobs: opening the store: %w", err)
	}
	if err := errors.Join(syncDir(root), syncDir(filepath.Dir(root))); err != nil {
		return nil, fmt.Errorf("blobs: opening the store: %w", err)
	}
	d := &Dir{root: root}
	return d, d.sweep(opt.Now().Add(-opt.SweepAfter))
}

// sweep removes temporary files last written before the limit.
func (d *Dir) sweep(before time.Time) error {
	entries, err := os.ReadDir(filepath.Join(d.root, tmpDir))
	if err != nil {
		return fmt.Errorf("blobs: sweeping leftovers: %w", err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && info.ModTime().Before(before) {
			err = os.Remove(filepath.Join(d.root, tmpDir, e.Name()))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // another node finished or swept it
			return fmt.Errorf("blobs: sweeping leftovers: %w", err)
		}
	}
	return nil
}

// Put implements [Store]: temporary file, SHA-256 while copying, fsync, rename,
// fsync of the folder. An existing blob is replaced by the same bytes, which
// also repairs one that the disk damaged.
func (d *Dir) Put(ctx context.Context, r io.Reader) (digest Digest, size int64, err error) {
	f, err := os.CreateTemp(filepath.Join(d.root, tmpDir), "put-*")
	if err != nil {
		return digest, 0, fmt.Errorf("blobs: putting: %w", err)
	}
	// After success the name is gone already; after anything else it must go.
	defer func() { _ = os.Remove(f.Name()) }()
	digest, size, err = copyHashing(ctx, f, r)
	if err == nil {
		err = f.Chmod(0o400)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return Digest{}, 0, fmt.Errorf("blobs: putting: %w", err)
	}
	if err := d.publish(f.Name(), digest); err != nil {
		return Digest{}, 0, fmt.Errorf("blobs: putting %x: %w", digest, err)
	}
	return digest, size, nil
}

// Adopt takes over a file that the caller wrote and hashed on the way, so that
// an upload is written once: it is made durable, loses its own name and bears
// that of its digest, whose truth Adopt trusts and every Open verifies. A file
// of another file system is copied instead, and keeps its name. On an error the
// file is where it was. The offset of f may move; the caller closes f.
func (d *Dir) Adopt(ctx context.Context, f *os.File, digest Digest) error {
	err := d.adopt(f, digest)
	if errors.Is(err, syscall.EXDEV) {
		err = d.copyOf(ctx, f, digest)
	}
	if err != nil {
		return fmt.Errorf("blobs: adopting %x: %w", digest, err)
	}
	return nil
}

func (d *Dir) adopt(f *os.File, digest Digest) error {
	if err := f.Chmod(0o400); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return d.publish(f.Name(), digest)
}

func (d *Dir) copyOf(ctx context.Context, f *os.File, digest Digest) error {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	got, _, err := d.Put(ctx, f)
	if err == nil && got != digest {
		err = fmt.Errorf("%w: the file holds %x", ErrCorrupt, got)
	}
	return err
}

// publish gives a finished file its name, durably.
func (d *Dir) publish(tmp string, digest Digest) error {
	path := d.path(digest)
	shard := filepath.Dir(path)
	switch err := os.Mkdir(shard, 0o700); {
	case err == nil:
		if err := syncDir(d.root); err != nil {
			return err
		}
	case !errors.Is(err, fs.ErrExist):
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	return syncDir(shard)
}

// Open implements [Store].
func (d *Dir) Open(ctx context.Context, digest Digest) (Blob, error) {
	f, err := os.Open(d.path(digest))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %x", ErrNotFound, digest)
	}
	if err != nil {
		return nil, fmt.Errorf("blobs: opening %x: %w", digest, err)
	}
	b, err := verifiedFile(ctx, f, digest)
	if err != nil {
		_ = f.Close() // the reason to give up is the one to report
		return nil, fmt.Errorf("blobs: opening %x: %w", digest, err)
	}
	return b, nil
}

// Has implements [Store].
func (d *Dir) Has(_ context.Context, digest Digest) (bool, error) {
	_, err := os.Stat(d.path(digest))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("blobs: looking for %x: %w", digest, err)
	}
	return true, nil
}

func (d *Dir) path(digest Digest) string {
	name := hex.EncodeToString(digest[:])
	return filepath.Join(d.root, name[:2], name)
}

// fileBlob is an open file of known size.
type fileBlob struct {
	*os.File
	size int64
}

// Size implements [Blob].
func (b fileBlob) Size() int64 { return b.size }

// verifiedFile hashes f from its start and rewinds it.
func verifiedFile(ctx context.Context, f *os.File, digest Digest) (Blob, error) {
	if err := verify(ctx, f, digest); err != nil {
		return nil, err
	}
	size, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return fileBlob{File: f, size: size}, nil
}

// syncDir makes the names of a folder durable.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
