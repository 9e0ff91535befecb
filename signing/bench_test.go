package signing_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"parapheur/internal/heaptest"
	"parapheur/signing"
	"parapheur/signing/internal/pdftest"
	"parapheur/signing/internal/signtest"
)

// BenchmarkSign measures a B-B signature with a P-256 key against its floor, measured in the same
// run: one copy of the document, one SHA-256 of it and one use of the key. The metric x/floor is
// the ratio of the two medians. "whole" copies and hashes the document; "tail" starts from a saved
// hash state and makes only the bytes to append.
func BenchmarkSign(b *testing.B) {
	pki := signtest.New(b)
	p := newPerson(b, pki, "Maire", signtest.P256(b))
	for _, size := range []int{100 << 10, 10 << 20, 100 << 20} {
		doc := pdftest.Big(size)
		out := make([]byte, len(doc)+64<<10)
		floor := floorOf(b, p, doc, out)
		state, err := signing.NewHashState(b.Context(), source(doc), crypto.SHA256)
		if err != nil {
			b.Fatal(err)
		}
		for _, visible := range []bool{false, true} {
			opt := signing.Options{Claims: claims(), Field: signing.Field{Invisible: !visible}}
			name := fmt.Sprintf("size=%dKB/visible=%v", size>>10, visible)
			b.Run("whole/"+name, func(b *testing.B) {
				ratio(b, floor, func(b *testing.B) {
					w := &fixedWriter{b: out}
					o := opt
					o.CopyTo = w
					tail, err := signing.Sign(b.Context(), source(doc), o, p, nil)
					if err != nil {
						b.Fatal(err)
					}
					w.Write(tail)
				})
			})
			b.Run("tail/"+name, func(b *testing.B) {
				opt.HashState = state
				ratio(b, floor, func(b *testing.B) {
					if _, err := signing.Sign(b.Context(), source(doc), opt, p, nil); err != nil {
						b.Fatal(err)
					}
				})
			})
		}
	}
}

// floorOf is the least that a signed copy costs.
func floorOf(b *testing.B, p person, doc, out []byte) func(*testing.B) {
	return func(*testing.B) {
		copy(out, doc)
		sum := sha256.Sum256(doc)
		if _, err := p.Key.Sign(rand.Reader, sum[:], crypto.SHA256); err != nil {
			b.Fatal(err)
		}
	}
}

// ratio runs work b.N times, and floor as often in alternation so that both see the same machine.
func ratio(b *testing.B, floor, work func(*testing.B)) {
	b.Helper()
	b.ReportAllocs()
	floor(b)
	work(b)
	var least, taken []time.Duration
	b.ResetTimer()
	for range b.N {
		b.StopTimer()
		t := time.Now()
		floor(b)
		least = append(least, time.Since(t))
		b.StartTimer()
		t = time.Now()
		work(b)
		taken = append(taken, time.Since(t))
	}
	b.ReportMetric(float64(median(taken))/float64(median(least)), "x/floor")
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

// fixedWriter copies into memory that is already there.
type fixedWriter struct {
	b []byte
	n int
}

func (w *fixedWriter) Write(p []byte) (int, error) {
	n := copy(w.b[w.n:], p)
	w.n += n
	return n, nil
}

// BenchmarkSignFileToFile streams documents of growing size from one file to another and reports
// the peak of the heap above its level at the start: it must not depend on the size.
func BenchmarkSignFileToFile(b *testing.B) {
	pki := signtest.New(b)
	p := newPerson(b, pki, "Maire", signtest.P256(b))
	dir := b.TempDir()
	for _, size := range []int{1 << 20, 10 << 20, 100 << 20} {
		src := filepath.Join(dir, fmt.Sprintf("%d.pdf", size))
		if err := os.WriteFile(src, pdftest.Big(size), 0o600); err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("size=%dMB", size>>20), func(b *testing.B) {
			b.ReportAllocs()
			var peak uint64
			for range b.N {
				peak = max(peak, heaptest.Grown(func() { signFile(b, p, src, filepath.Join(dir, "out.pdf")) }))
			}
			b.ReportMetric(float64(peak)/(1<<20), "peakMB")
		})
	}
}

// signFile is the loop of a caller: the document goes through, then the tail.
func signFile(b testing.TB, p person, from, to string) {
	in, err := os.Open(from)
	if err != nil {
		b.Fatal(err)
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		b.Fatal(err)
	}
	out, err := os.Create(to)
	if err != nil {
		b.Fatal(err)
	}
	tail, err := signing.Sign(context.Background(), io.NewSectionReader(in, 0, info.Size()), signing.Options{Claims: claims(), CopyTo: out}, p, nil)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := out.Write(tail); err != nil {
		b.Fatal(err)
	}
	if err := out.Close(); err != nil {
		b.Fatal(err)
	}
}

// Memory does not grow with the document: 40 MB of it pass through less than 16 MB.
func TestMemoryDoesNotGrowWithTheDocument(t *testing.T) {
	pki := signtest.New(t)
	p := newPerson(t, pki, "Maire", signtest.P256(t))
	dir := t.TempDir()
	src := filepath.Join(dir, "in.pdf")
	if err := os.WriteFile(src, pdftest.Big(40<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if peak := heaptest.Grown(func() { signFile(t, p, src, filepath.Join(dir, "out.pdf")) }); peak > 16<<20 {
		t.Errorf("%d MB above idle", peak>>20)
	}
	b, err := os.ReadFile(filepath.Join(dir, "out.pdf"))
	if err != nil {
		t.Fatal(err)
	}
	if in, err := os.ReadFile(src); err != nil || !bytes.HasPrefix(b, in) {
		t.Error("not the document")
	}
}
