// Package blobstest holds every implementation of blobs.Store to the same
// behaviour. A store passes if [Conformance] passes on a real one.
package blobstest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/iotest"

	"parapheur/internal/blobs"
)

// Subject is a store under test, with what the suite cannot do through it.
type Subject struct {
	// Store is fresh and empty.
	Store blobs.Store
	// Corrupt replaces what is stored under a digest, behind the store's back.
	Corrupt func(digest blobs.Digest, content []byte) error
	// Count says how many objects the store holds, temporary ones included.
	Count func() (int, error)
}

// Conformance runs the suite; open is called once for each case.
func Conformance(t *testing.T, open func(t *testing.T) Subject) {
	for name, check := range map[string]func(*testing.T, Subject){
		"round trip of all sizes":             roundTrip,
		"a digest never put is not found":     neverPut,
		"putting twice is putting once":       putTwice,
		"concurrent puts of one digest":       concurrentPuts,
		"a failing reader leaves nothing":     failingReader,
		"an oversized body leaves nothing":    oversized,
		"exactly the limit is accepted":       exactlyLimit,
		"a cancelled context leaves nothing":  cancelled,
		"altered content is corrupt":          corrupt,
		"putting again repairs another size":  repair,
		"ranges and seeks":                    ranges,
		"concurrent ranges of one open blob":  concurrentRanges,
		"segments open as one document":       segments,
		"a missing segment closes the others": missingSegment,
	} {
		t.Run(name, func(t *testing.T) { check(t, open(t)) })
	}
}

// Content returns n reproducible bytes.
func Content(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(n >> 16)}).Read(b) // never fails
	return b
}

func put(t *testing.T, s blobs.Store, content []byte) blobs.Digest {
	t.Helper()
	// One byte reads at first: a store must not depend on full ones.
	r := io.MultiReader(iotest.OneByteReader(bytes.NewReader(content[:min(3, len(content))])), bytes.NewReader(content[min(3, len(content)):]))
	digest, size, err := s.Put(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if want := sha256.Sum256(content); digest != want || size != int64(len(content)) {
		t.Fatalf("Put answers %x, %d bytes; want %x, %d", digest, size, want, len(content))
	}
	return digest
}

func open(t *testing.T, s blobs.Store, digest blobs.Digest) blobs.Blob {
	t.Helper()
	b, err := s.Open(t.Context(), digest)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return b
}

func wantCount(t *testing.T, s Subject, want int) {
	t.Helper()
	if n, err := s.Count(); err != nil || n != want {
		t.Errorf("%d objects stored (%v), want %d", n, err, want)
	}
}

func roundTrip(t *testing.T, s Subject) {
	for _, n := range []int{0, 1, 255, 64 << 10, 256<<10 - 1, 256 << 10, 5<<20 + 7} {
		content := Content(n)
		digest := put(t, s.Store, content)
		if found, err := s.Store.Has(t.Context(), digest); !found || err != nil {
			t.Errorf("%d bytes: Has says %v, %v", n, found, err)
		}
		b := open(t, s.Store, digest)
		got, err := io.ReadAll(b)
		if err != nil || !bytes.Equal(got, content) || b.Size() != int64(n) {
			t.Errorf("%d bytes came back as %d (size %d), %v", n, len(got), b.Size(), err)
		}
	}
}

func neverPut(t *testing.T, s Subject) {
	put(t, s.Store, Content(10))
	if _, err := s.Store.Open(t.Context(), blobs.Digest{1}); !errors.Is(err, blobs.ErrNotFound) || errors.Is(err, blobs.ErrCorrupt) {
		t.Errorf("Open: %v, want ErrNotFound", err)
	}
	if found, err := s.Store.Has(t.Context(), blobs.Digest{1}); found || err != nil {
		t.Errorf("Has: %v, %v", found, err)
	}
}

func putTwice(t *testing.T, s Subject) {
	put(t, s.Store, Content(100))
	put(t, s.Store, Content(100))
	wantCount(t, s, 1)
}

func concurrentPuts(t *testing.T, s Subject) {
	content := Content(300 << 10)
	want := sha256.Sum256(content)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			digest, _, err := s.Store.Put(t.Context(), bytes.NewReader(content))
			if err != nil || digest != want {
				t.Errorf("Put: %x, %v", digest, err)
				return
			}
			b, err := s.Store.Open(t.Context(), digest)
			if err != nil {
				t.Errorf("Open just after Put: %v", err)
				return
			}
			_ = b.Close() // read only
		})
	}
	wg.Wait()
	wantCount(t, s, 1)
}

func failingReader(t *testing.T, s Subject) {
	broken := errors.New("connection reset")
	r := io.MultiReader(bytes.NewReader(Content(400<<10)), iotest.ErrReader(broken))
	if _, _, err := s.Store.Put(t.Context(), r); !errors.Is(err, broken) {
		t.Errorf("Put: %v, want the reader's error", err)
	}
	wantCount(t, s, 0)
}

func oversized(t *testing.T, s Subject) {
	_, _, err := s.Store.Put(t.Context(), blobs.Limit(bytes.NewReader(Content(1001)), 1000))
	if !errors.Is(err, blobs.ErrTooLarge) {
		t.Errorf("Put: %v, want ErrTooLarge", err)
	}
	wantCount(t, s, 0)
}

func exactlyLimit(t *testing.T, s Subject) {
	if _, size, err := s.Store.Put(t.Context(), blobs.Limit(bytes.NewReader(Content(1000)), 1000)); err != nil || size != 1000 {
		t.Errorf("Put: %d bytes, %v", size, err)
	}
}

func cancelled(t *testing.T, s Subject) {
	ctx, cancel := context.WithCancel(t.Context())
	first := true
	r := readerFunc(func(p []byte) (int, error) { // never ends: only the context stops it
		if !first {
			cancel()
		}
		first = false
		return len(p), nil
	})
	if _, _, err := s.Store.Put(ctx, r); !errors.Is(err, context.Canceled) {
		t.Errorf("Put: %v, want context.Canceled", err)
	}
	wantCount(t, s, 0)
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func corrupt(t *testing.T, s Subject) {
	content := Content(1000)
	digest := put(t, s.Store, content)
	flipped := bytes.Clone(content)
	flipped[999] ^= 1
	for name, bad := range map[string][]byte{"one bit": flipped, "cut": content[:999], "longer": append(bytes.Clone(content), 0), "empty": {}} {
		if err := s.Corrupt(digest, bad); err != nil {
			t.Fatal(err)
		}
		if b, err := s.Store.Open(t.Context(), digest); !errors.Is(err, blobs.ErrCorrupt) || b != nil {
			t.Errorf("%s: Open gives %v, %v; want nothing and ErrCorrupt", name, b, err)
		}
	}
}

func repair(t *testing.T, s Subject) {
	digest := put(t, s.Store, Content(1000))
	if err := s.Corrupt(digest, Content(1000)[:500]); err != nil {
		t.Fatal(err)
	}
	put(t, s.Store, Content(1000))
	open(t, s.Store, digest)
}

func ranges(t *testing.T, s Subject) {
	content := Content(600 << 10)
	b := open(t, s.Store, put(t, s.Store, content))
	if err := iotest.TestReader(b, content); err != nil {
		t.Error(err)
	}
	part := make([]byte, 1000)
	if n, err := b.ReadAt(part, 300_001); n != 1000 || err != nil || !bytes.Equal(part, content[300_001:301_001]) {
		t.Errorf("ReadAt in the middle: %d, %v", n, err)
	}
	if n, err := b.ReadAt(part, b.Size()-10); n != 10 || !errors.Is(err, io.EOF) {
		t.Errorf("ReadAt over the end: %d, %v", n, err)
	}
}

func concurrentRanges(t *testing.T, s Subject) {
	content := Content(200 << 10)
	b := open(t, s.Store, put(t, s.Store, content))
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			part, off := make([]byte, 10_000), int64(i*10_000)
			if _, err := b.ReadAt(part, off); err != nil || !bytes.Equal(part, content[off:off+10_000]) {
				t.Errorf("range at %d: %v", off, err)
			}
		})
	}
	wg.Wait()
}

func segments(t *testing.T, s Subject) {
	var digests []blobs.Digest
	var whole []byte
	for _, n := range []int{70_000, 1, 0, 300} {
		digests = append(digests, put(t, s.Store, Content(n)))
		whole = append(whole, Content(n)...)
	}
	b, err := blobs.OpenAll(t.Context(), s.Store, digests...)
	if err != nil {
		t.Fatal(err)
	}
	if err := iotest.TestReader(b, whole); err != nil || b.Size() != int64(len(whole)) {
		t.Errorf("size %d, want %d: %v", b.Size(), len(whole), err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if _, err := b.ReadAt(make([]byte, 1), 0); err == nil {
		t.Error("closing the document left its segments open")
	}
}

func missingSegment(t *testing.T, s Subject) {
	_, err := blobs.OpenAll(t.Context(), s.Store, put(t, s.Store, Content(5)), blobs.Digest{9})
	if !errors.Is(err, blobs.ErrNotFound) {
		t.Errorf("OpenAll: %v, want ErrNotFound", err)
	}
}
