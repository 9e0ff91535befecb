package signing

import (
	"context"
	"errors"
	"fmt"

	"parapheur/signing/internal/appearance"
	"parapheur/signing/internal/content"
	"parapheur/signing/internal/pdf"
)

// Notice says what had to give way so that a block covers nothing. Its values are stable.
type Notice string

// The notices. Automatic placement tries, in this order: the whole block in free space of the page, a
// smaller one, the free space of another page, and at last an invisible signature.
const (
	NoticeNone      Notice = ""
	NoticeMoved     Notice = "moved"      // not at the tag or the point, but as near as there is room
	NoticeSmaller   Notice = "smaller"    // the block shows the name and the date only
	NoticeOtherPage Notice = "other_page" // the page has no room: the block is on another one
	NoticeInvisible Notice = "invisible"  // no page has room, or none could be read: no block
)

// French says it to the person who places the signature.
func (n Notice) French() string {
	switch n {
	case NoticeMoved:
		return "la place demandée est occupée : le bloc de signature est au plus près"
	case NoticeSmaller:
		return "la place manque : le bloc de signature est réduit au nom et à la date"
	case NoticeOtherPage:
		return "la page n’a pas de place libre : le bloc de signature est sur une autre page"
	case NoticeInvisible:
		return "aucune page n’a de place libre : la signature n’a pas de bloc visible"
	case NoticeNone:
	}
	return ""
}

// Placement says where a signature is, or will be, shown.
type Placement struct {
	Field  string // name of the field
	Page   int    // 1 is the first
	Rect   Rect   // empty for an invisible signature
	Notice Notice
}

// Locate says where [Prepare] would put the signature: the same options give the same place, and the
// same errors about the document and the place. It needs Claims and Field, and no certificate.
func Locate(ctx context.Context, doc Source, opt Options) (Placement, error) {
	if err := opt.shown(); err != nil {
		return Placement{}, fmt.Errorf("placing a signature: %w", err)
	}
	d, err := pdf.Open(doc, doc.Size())
	if err != nil {
		return Placement{}, fmt.Errorf("placing a signature: %w", err)
	}
	l, err := newLayout(ctx, d, &opt)
	if err != nil {
		return Placement{}, fmt.Errorf("placing a signature: %w", err)
	}
	return l.placement(), nil
}

func (l *layout) placement() Placement {
	return Placement{Field: l.field, Page: l.page.Number, Rect: Rect(l.rect), Notice: l.notice}
}

// choosePlace finds the page and the rectangle of a new field.
func (l *layout) choosePlace(ctx context.Context) error {
	f := &l.opt.Field
	var err error
	switch {
	case len(f.Tags) > 0:
		found, err := l.byTag(ctx)
		if err != nil || found {
			return err
		}
		l.page, err = l.doc.LastPage()
		if err != nil {
			return err
		}
	case f.Page > 0:
		l.page, err = l.doc.Page(f.Page)
	case f.Invisible:
		l.page, err = l.doc.Page(1)
	default:
		l.page, err = l.doc.LastPage()
	}
	switch {
	case err != nil || f.Invisible:
		return err
	case f.Rect != nil:
		return l.useRect(pdf.Rect(*f.Rect))
	case f.At != nil:
		return l.usePoint(ctx, *f.At)
	}
	return l.automatic(ctx, l.page)
}

// blocks are those that are tried in turn.
func (l *layout) blocks() []appearance.Block {
	return []appearance.Block{appearance.Layout(l.words), appearance.Compact(l.words)}
}

// use takes a place for a block.
func (l *layout) use(page pdf.Page, b appearance.Block, p appearance.Placement) {
	l.page, l.block, l.rect, l.matrix = page, &b, p.Rect, p.Matrix
}

// fit chooses the block for the rectangle, which is given.
func (l *layout) fit() {
	w, h := appearance.Seen(l.page.Rotate, l.rect)
	b, scale := appearance.Fit(l.words, w, h)
	l.block, l.scale = &b, scale
}

// onSurface tries the blocks one after the other; false when none has room.
func (l *layout) onSurface(s *appearance.Surface, place func(w, h float64) (appearance.Placement, error)) (bool, error) {
	for i, b := range l.blocks() {
		p, err := place(b.Width, b.Height)
		switch {
		case errors.Is(err, errNoRoom):
			continue
		case err != nil:
			return false, err
		}
		if l.use(s.Page, b, p); i > 0 {
			l.notice = NoticeSmaller
		} else if p.Moved {
			l.notice = NoticeMoved
		}
		return true, nil
	}
	return false, nil
}

// maxOtherPages bounds the pages, from the end, in which free space is looked for.
const maxOtherPages = 12

// automatic looks for free space on a page, then on the pages before it, then does without a block.
func (l *layout) automatic(ctx context.Context, page pdf.Page) error {
	free := func(page pdf.Page) (bool, error) {
		s, err := appearance.NewSurface(l.doc, l.reader, page)
		if err != nil {
			return false, err
		}
		return l.onSurface(s, s.Free)
	}
	if found, err := free(page); err != nil || found {
		return err
	}
	if l.opt.Field.Page > 0 && len(l.opt.Field.Tags) == 0 && l.opt.Field.At == nil {
		return fmt.Errorf("%w: no free space on page %d", ErrPlace, page.Number)
	}
	others, err := l.otherPages(page)
	if err != nil {
		return err
	}
	for _, other := range others {
		if err := ctx.Err(); err != nil {
			return err
		}
		if found, err := free(other); err != nil {
			return err
		} else if found {
			l.notice = NoticeOtherPage
			return nil
		}
	}
	l.page, l.notice = page, NoticeInvisible
	return nil
}

// otherPages are the last pages but one, from the end.
func (l *layout) otherPages(page pdf.Page) ([]pdf.Page, error) {
	var last []pdf.Page
	err := l.doc.Pages(func(p pdf.Page) bool {
		if p.Number != page.Number {
			if last = append(last, p); len(last) > maxOtherPages {
				last = last[1:]
			}
		}
		return true
	})
	for i, j := 0, len(last)-1; i < j; i, j = i+1, j-1 {
		last[i], last[j] = last[j], last[i]
	}
	return last, err
}

// byTag places the block on the first tag that is found; of its occurrences, on the first that has
// room where it is.
func (l *layout) byTag(ctx context.Context) (bool, error) {
	tags := l.opt.Field.Tags
	hits, complete, err := content.NewReader(l.doc).Find(ctx, tags...)
	if err != nil {
		return false, err
	}
	for _, found := range hits {
		if len(found) > 0 {
			return true, l.onTag(ctx, found)
		}
	}
	switch {
	case l.opt.Field.TagsOptional:
		return false, nil
	case !complete:
		return false, fmt.Errorf("%w: %q; a part of the document could not be read", ErrTag, tags)
	}
	return false, fmt.Errorf("%w: %q", ErrTag, tags)
}

func (l *layout) onTag(ctx context.Context, hits []content.Hit) error {
	type attempt struct {
		hit     content.Hit
		surface *appearance.Surface
	}
	var tried []attempt
	for _, h := range hits[:min(len(hits), maxTagsTried)] {
		s, err := appearance.NewSurface(l.doc, l.reader, h.Page)
		if err != nil {
			return err
		}
		b := l.blocks()[0]
		p, err := s.On(h.Box, b.Width, b.Height)
		if err == nil && !p.Moved {
			l.use(h.Page, b, p)
			return nil
		}
		if err != nil && !errors.Is(err, errNoRoom) {
			return err
		}
		tried = append(tried, attempt{h, s})
	}
	first := tried[0]
	found, err := l.onSurface(first.surface, func(w, h float64) (appearance.Placement, error) {
		return first.surface.On(first.hit.Box, w, h)
	})
	if err != nil || found {
		return err
	}
	return l.automatic(ctx, first.hit.Page)
}

// maxTagsTried bounds the occurrences that are tried.
const maxTagsTried = 16

// usePoint hangs the block from a point of the page as it is seen.
func (l *layout) usePoint(ctx context.Context, at Point) error {
	s, err := appearance.NewSurface(l.doc, l.reader, l.page)
	if err != nil {
		return err
	}
	w, h := s.Seen()
	found, err := l.onSurface(s, func(width, height float64) (appearance.Placement, error) {
		return s.At(at.X/100*w, at.Y/100*h, width, height)
	})
	if err != nil || found {
		return err
	}
	return l.automatic(ctx, l.page)
}

// useRect accepts a rectangle that is on the page and covers neither text, a form field nor another
// block.
func (l *layout) useRect(r pdf.Rect) error {
	if r.Empty() || r.Intersect(l.page.CropBox) != r {
		return fmt.Errorf("%w: rectangle outside page %d", ErrPlace, l.page.Number)
	}
	s, err := appearance.NewSurface(l.doc, l.reader, l.page)
	if err != nil {
		return err
	}
	switch annotation, text := s.Covers(r); {
	case annotation:
		return fmt.Errorf("%w: rectangle over a form field or another annotation of page %d", ErrPlace, l.page.Number)
	case text:
		return fmt.Errorf("%w: rectangle over text of page %d", ErrPlace, l.page.Number)
	}
	l.rect, l.matrix = r, appearance.Upright(l.page.Rotate)
	l.fit()
	return nil
}
