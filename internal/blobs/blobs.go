// Package blobs keeps bytes under their SHA-256: PDFs, annexes, appended
// signature segments, evidence files. It has two stores with one behaviour, a
// directory ([Dir]) and an S3 bucket ([S3]); package blobstest holds both to it.
//
// A blob is whole or absent: bytes are written aside, hashed on the way, made
// durable, and only then given their name. Nothing is ever changed under a name,
// so putting twice is putting once, and any number of nodes may put and open at
// the same time.
//
// Every open verifies the whole content before the first byte is handed out. A
// person approves a page because its bytes are those of a digest; a range read
// that nobody verified must therefore never be shown. The price is one pass of
// SHA-256, about 0.6 ms for a letter of 1 MB.
//
// The package knows nothing of dossiers and never deletes a blob.
//
// # Failure handling
//
// [ErrNotFound], [ErrCorrupt] and [ErrTooLarge] are final. Anything else (disk
// full, network) leaves the store as it was and may be tried again. A process
// killed during a Put leaves at most a temporary file, which no reader sees and
// which [OpenDir] removes once it is old.
package blobs

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
)

// Refusals, to be tested with [errors.Is].
var (
	// ErrNotFound: nothing was ever put under this digest.
	ErrNotFound = errors.New("blobs: not found")
	// ErrCorrupt: what is stored under the digest is not what was put.
	ErrCorrupt = errors.New("blobs: stored content does not match its digest")
	// ErrTooLarge: the reader given to Put held more than its limit; see [Limit].
	ErrTooLarge = errors.New("blobs: content above the limit")
)

// Digest is the SHA-256 of a blob, and its only name.
type Digest = [sha256.Size]byte

// Store is what both stores offer. Implementations are safe for concurrent use,
// also by several processes.
type Store interface {
	// Put stores all that r holds and returns its SHA-256 and size in bytes. Once
	// it returns without error, the blob survives a power cut. Memory does not
	// grow with size. An error of r is returned and leaves nothing behind.
	Put(ctx context.Context, r io.Reader) (digest Digest, size int64, err error)
	// Open returns a verified blob: [ErrNotFound], or [ErrCorrupt] if any byte differs.
	Open(ctx context.Context, digest Digest) (Blob, error)
	// Has reports whether something is stored under the digest, without verifying it.
	Has(ctx context.Context, digest Digest) (bool, error)
}

// Blob is an open blob. ReadAt may be called concurrently; Read and Seek share
// one position and may not.
type Blob interface {
	io.ReadSeekCloser
	io.ReaderAt
	// Size is in bytes.
	Size() int64
}

// Limit returns a reader that fails with [ErrTooLarge] as soon as r turns out to
// hold more than limit bytes: given to Put, an oversized body leaves nothing behind.
func Limit(r io.Reader, limit int64) io.Reader { return &limited{r: r, left: limit} }

type limited struct {
	r    io.Reader
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	// One byte more than allowed is asked for, to tell "exactly full" from "too long".
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.r.Read(p)
	l.left -= int64(n)
	if l.left < 0 {
		return 0, ErrTooLarge
	}
	return n, err
}

// copyBuffer is large enough that system calls do not show, small enough that
// many uploads at once do not either.
const copyBuffer = 256 << 10

// copyHashing copies r to w, hashing on the way, until EOF or the end of ctx.
func copyHashing(ctx context.Context, w io.Writer, r io.Reader) (digest Digest, size int64, err error) {
	h := sha256.New()
	buf := make([]byte, copyBuffer)
	for {
		if err := ctx.Err(); err != nil {
			return digest, size, err
		}
		n, readErr := r.Read(buf)
		h.Write(buf[:n])
		if _, err := w.Write(buf[:n]); err != nil {
			return digest, size, err
		}
		size += int64(n)
		if readErr == io.EOF {
			return sum(h), size, nil
		}
		if readErr != nil {
			return digest, size, readErr
		}
	}
}

// sum is h.Sum without an allocation escaping to the caller.
func sum(h hash.Hash) (d Digest) {
	h.Sum(d[:0])
	return d
}

// verify reads r to its end and compares.
func verify(ctx context.Context, r io.Reader, want Digest) error {
	got, _, err := copyHashing(ctx, io.Discard, r)
	if err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("%w: %x holds %x", ErrCorrupt, want, got)
	}
	return nil
}
