// Package preview keeps the page images and texts that people ask for again
// and again, by the digest of the document, over a renderer that is slow and
// hostile-proof. It is a dossiers.Renderer.
//
// It must not decide who may see a page. Its memory is bounded; what does not
// fit is rendered again. A file that cannot be rendered is
// dossiers.ErrUnavailable: it can be signed all the same.
package preview

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/render"
)

// Cache is a dossiers.Renderer. It is safe for concurrent use.
type Cache struct {
	renderer *render.Renderer
	max      int64

	mu    sync.Mutex // guards the three below
	used  int64
	byKey map[key]*list.Element
	order *list.List // of *entry, most recent first
}

var _ dossiers.Renderer = (*Cache)(nil)

type key struct {
	digest      circuits.Digest
	page, width int // page 0: the texts
}

type entry struct {
	key   key
	png   []byte
	texts []string
}

func (e *entry) size() int64 {
	n := int64(len(e.png)) + 128
	for _, t := range e.texts {
		n += int64(len(t))
	}
	return n
}

// New returns a cache of at most max bytes over r.
func New(r *render.Renderer, max int64) *Cache {
	return &Cache{renderer: r, max: max, byKey: map[key]*list.Element{}, order: list.New()}
}

// Page implements dossiers.Renderer.
func (c *Cache) Page(ctx context.Context, digest circuits.Digest, open func() (io.ReadCloser, error), page, width int) ([]byte, error) {
	e, err := c.get(key{digest, page, width}, open, func(r io.Reader, e *entry) (err error) {
		e.png, err = c.renderer.Page(ctx, r, page, width)
		return err
	})
	if err != nil {
		return nil, err
	}
	return e.png, nil
}

// Text implements dossiers.Renderer.
func (c *Cache) Text(ctx context.Context, digest circuits.Digest, open func() (io.ReadCloser, error)) ([]string, error) {
	e, err := c.get(key{digest: digest}, open, func(r io.Reader, e *entry) error {
		p, err := c.renderer.Preview(ctx, r)
		e.texts = p.Text
		return err
	})
	if err != nil {
		return nil, err
	}
	return e.texts, nil
}

func (c *Cache) get(k key, open func() (io.ReadCloser, error), fill func(io.Reader, *entry) error) (*entry, error) {
	if e := c.look(k); e != nil {
		return e, nil
	}
	r, err := open()
	if err != nil {
		return nil, fmt.Errorf("preview: %w", err)
	}
	defer r.Close() //nolint:errcheck // read only
	e := &entry{key: k}
	err = fill(r, e)
	switch {
	case errors.Is(err, render.ErrPage):
		return nil, fmt.Errorf("preview page %d: %w", k.page, dossiers.ErrNotFound)
	case errors.Is(err, render.ErrRefused), errors.Is(err, render.ErrTimeout):
		return nil, fmt.Errorf("preview: %w: %w", dossiers.ErrUnavailable, err)
	case err != nil:
		return nil, fmt.Errorf("preview: %w", err)
	}
	c.keep(e)
	return e, nil
}

func (c *Cache) look(k key) *entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	el, ok := c.byKey[k]
	if !ok {
		return nil
	}
	c.order.MoveToFront(el)
	return el.Value.(*entry)
}

func (c *Cache) keep(e *entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.byKey[e.key]; ok || e.size() > c.max/4 {
		return
	}
	c.byKey[e.key] = c.order.PushFront(e)
	c.used += e.size()
	for c.used > c.max {
		last := c.order.Back()
		old := c.order.Remove(last).(*entry)
		delete(c.byKey, old.key)
		c.used -= old.size()
	}
}
