package preview

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/child"
	"parapheur/internal/pdftest"
	"parapheur/internal/render"
	"parapheur/internal/tooltest"
)

func TestMain(m *testing.M) {
	child.Main(render.Job())
	os.Exit(m.Run())
}

func renderer(t *testing.T) *render.Renderer {
	t.Helper()
	r, err := render.New(render.Options{CacheDir: tooltest.EngineCache()})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A source is a document that counts how often it was opened.
type source struct {
	digest circuits.Digest
	pdf    []byte
	opened atomic.Int32
}

func newSource(pdf []byte) *source { return &source{digest: sha256.Sum256(pdf), pdf: pdf} }

func (s *source) open() (io.ReadCloser, error) {
	s.opened.Add(1)
	return io.NopCloser(bytes.NewReader(s.pdf)), nil
}

// What was rendered is not rendered again, and a page, a width and the texts
// are each remembered for themselves.
func TestRemembers(t *testing.T) {
	t.Parallel()
	c := New(renderer(t), 8<<20)
	s := newSource(pdftest.Pages(pdftest.Text("Une"), pdftest.Text("Deux")))
	for range 3 {
		for _, ask := range [][2]int{{1, 100}, {2, 100}, {1, 200}} {
			png, err := c.Page(t.Context(), s.digest, s.open, ask[0], ask[1])
			if err != nil || !bytes.HasPrefix(png, []byte("\x89PNG")) {
				t.Fatalf("page %d: %v", ask[0], err)
			}
		}
		texts, err := c.Text(t.Context(), s.digest, s.open)
		if err != nil || len(texts) != 2 || !bytes.Contains([]byte(texts[1]), []byte("Deux")) {
			t.Fatalf("texts %q, %v", texts, err)
		}
	}
	if n := s.opened.Load(); n != 4 {
		t.Errorf("the document was opened %d times for 4 questions", n)
	}
	if _, err := c.Page(t.Context(), s.digest, s.open, 3, 100); !errors.Is(err, dossiers.ErrNotFound) {
		t.Errorf("page 3 of 2: %v", err)
	}
}

// What cannot be rendered is unavailable, and an error is never remembered.
func TestUnavailable(t *testing.T) {
	t.Parallel()
	c := New(renderer(t), 8<<20)
	s := newSource([]byte("%PDF-1.7 and nothing that is one"))
	for range 2 {
		if _, err := c.Page(t.Context(), s.digest, s.open, 1, 100); !errors.Is(err, dossiers.ErrUnavailable) {
			t.Errorf("a broken file: %v", err)
		}
	}
	lost := errors.New("lost")
	_, err := c.Text(t.Context(), s.digest, func() (io.ReadCloser, error) { return nil, lost })
	if !errors.Is(err, lost) || errors.Is(err, dossiers.ErrUnavailable) {
		t.Errorf("bytes that cannot be opened: %v", err)
	}
	if len(c.byKey) != 0 || c.used != 0 {
		t.Errorf("%d errors are remembered, %d bytes", len(c.byKey), c.used)
	}
}

// However much is asked, by however many at once, memory keeps its bound and
// its books; what was asked last stays.
func TestBounded(t *testing.T) {
	t.Parallel()
	const most = 64 << 10
	c := New(nil, most)
	page := func(n, size int) *entry { return &entry{key: key{page: n}, png: make([]byte, size)} }
	var all sync.WaitGroup
	for w := range 8 {
		all.Go(func() {
			for i := range 200 {
				c.keep(page(w*1000+i, 1000+i*20))
				c.look(key{page: w*1000 + i/2})
			}
		})
	}
	all.Wait()
	c.keep(page(1, most)) // would push all the rest out
	if c.look(key{page: 1}) != nil {
		t.Error("one page took all the memory")
	}
	var sum int64
	for el := c.order.Front(); el != nil; el = el.Next() {
		sum += el.Value.(*entry).size()
	}
	if c.used != sum || c.used > most || c.used < most/2 || len(c.byKey) != c.order.Len() {
		t.Errorf("%d bytes in the books, %d in fact, of %d; %d keys, %d entries", c.used, sum, most, len(c.byKey), c.order.Len())
	}
	kept := page(-1, 1000)
	c.keep(kept)
	for i := range 500 {
		c.keep(page(100_000+i, 1000))
		if c.look(kept.key) == nil {
			t.Fatalf("what is asked again and again was dropped after %d others", i)
		}
	}
}
