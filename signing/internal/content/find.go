package content

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"
	"unicode"

	"parapheur/signing/internal/pdf"
)

// Hit is one occurrence of a phrase.
type Hit struct {
	Page pdf.Page
	Box  pdf.Rect // around its characters, in default user space
}

// Find returns the occurrences of each phrase, page after page; case and blanks do not count. complete
// is false when a part of the document could not be read, so that there may be more. It stops when ctx
// ends. It spends what the limits allow: the pages that matter then are read by another Reader.
func (r *Reader) Find(ctx context.Context, phrases ...string) (hits [][]Hit, complete bool, err error) {
	hits = make([][]Hit, len(phrases))
	pages, err := r.inOrder()
	if err != nil {
		return nil, false, err
	}
	complete = true
	for _, p := range pages {
		if err := ctx.Err(); err != nil {
			return nil, false, err
		}
		if r.operators <= 0 || r.bytes <= 0 {
			complete = false
			break
		}
		page := r.page(p, true)
		complete = complete && page.Complete
		for i, phrase := range phrases {
			want := []rune(folded(phrase))
			if len(want) == 0 || len(hits[i]) >= maxHits {
				continue
			}
			for _, box := range occurrences(page.glyphs, want, p.Rotate) {
				hits[i] = append(hits[i], Hit{p, box})
			}
		}
	}
	for _, list := range hits {
		slices.SortStableFunc(list, func(a, b Hit) int { return cmp.Compare(a.Page.Number, b.Page.Number) })
	}
	return hits, complete, nil
}

// lastFirst is how many pages are read before all others: signatures are at the end, and the middle of
// a very long document may be more than the limits allow.
const lastFirst = 20

// inOrder returns the pages, the last ones first.
func (r *Reader) inOrder() ([]pdf.Page, error) {
	var pages []pdf.Page
	if err := r.doc.Pages(func(p pdf.Page) bool { pages = append(pages, p); return true }); err != nil {
		return nil, err
	}
	n := max(0, len(pages)-lastFirst)
	return slices.Concat(pages[n:], pages[:n]), nil
}

// maxHits bounds the occurrences that are kept of one phrase.
const maxHits = 256

// folded drops blanks and invisible characters, and the case.
func folded(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return unicode.ToLower(r)
	}, s)
}

// character is one character of a page, and the glyph that shows it.
type character struct {
	r     rune
	glyph int
}

// occurrences looks in the order of the content, which is that of reading for most producers, then
// line by line as the reader sees them, for those that write fonts one after the other.
func occurrences(glyphs []glyph, want []rune, rotate int) []pdf.Rect {
	if found := search(glyphs, want); len(found) > 0 || !mayHold(glyphs, want) {
		return found
	}
	return search(inLines(glyphs, rotate), want)
}

// mayHold reports whether every character is somewhere on the page: most pages have not the marks of a
// tag, and need not be sorted.
func mayHold(glyphs []glyph, want []rune) bool {
	missing := map[rune]bool{}
	for _, r := range want {
		missing[r] = true
	}
	for i := range glyphs {
		for _, r := range glyphs[i].letters {
			delete(missing, r)
		}
		if len(missing) == 0 {
			return true
		}
	}
	return false
}

func search(glyphs []glyph, want []rune) []pdf.Rect {
	var line []character
	for i := range glyphs {
		for _, r := range glyphs[i].letters {
			line = append(line, character{r, i})
		}
	}
	var out []pdf.Rect
	for i := 0; i+len(want) <= len(line); i++ {
		if matches(glyphs, line[i:i+len(want)], want) {
			out = append(out, around(glyphs, line[i:i+len(want)]))
			i += len(want) - 1
		}
	}
	return out
}

// matches reports whether the letters are those wanted, each near the end of the one before.
func matches(glyphs []glyph, line []character, want []rune) bool {
	for i, l := range line {
		if l.r != want[i] {
			return false
		}
	}
	for i, l := range line {
		if i == 0 || line[i-1].glyph == l.glyph {
			continue
		}
		a, b := &glyphs[line[i-1].glyph], &glyphs[l.glyph]
		x0, y0 := a.end()
		x1, y1 := b.origin()
		if em := max(a.size(), b.size()); math.Hypot(x1-x0, y1-y0) > 1.5*em {
			return false
		}
	}
	return true
}

func around(glyphs []glyph, line []character) pdf.Rect {
	box := glyphs[line[0].glyph].box()
	for _, l := range line {
		b := glyphs[l.glyph].box()
		box = pdf.Rect{X0: math.Min(box.X0, b.X0), Y0: math.Min(box.Y0, b.Y0), X1: math.Max(box.X1, b.X1), Y1: math.Max(box.Y1, b.Y1)}
	}
	return box
}

// inLines sorts the characters as they are read on the page, from the top, and drops those drawn
// twice on the same place, as some producers make bold.
func inLines(glyphs []glyph, rotate int) []glyph {
	type placed struct {
		at         int
		x, y, size float64 // as seen: x to the right, y downwards
	}
	var all []placed
	for i := range glyphs {
		g := &glyphs[i]
		if len(g.letters) == 0 {
			continue
		}
		x, y := g.origin()
		p := placed{at: i, x: x, y: -y, size: max(1, g.size())}
		switch rotate {
		case 90:
			p.x, p.y = y, x
		case 180:
			p.x, p.y = -x, y
		case 270:
			p.x, p.y = -y, -x
		}
		all = append(all, p)
	}
	slices.SortStableFunc(all, func(a, b placed) int { return cmp.Compare(a.y, b.y) })
	for from := 0; from < len(all); {
		to := from + 1
		for to < len(all) && all[to].y-all[to-1].y < 0.25*all[to].size && all[to].y-all[from].y < 0.6*all[from].size {
			to++
		}
		slices.SortStableFunc(all[from:to], func(a, b placed) int { return cmp.Compare(a.x, b.x) })
		from = to
	}
	out := make([]glyph, 0, len(all))
	for i, p := range all {
		if i > 0 && slices.Equal(glyphs[p.at].letters, glyphs[all[i-1].at].letters) &&
			math.Abs(p.x-all[i-1].x) < 0.15*p.size && math.Abs(p.y-all[i-1].y) < 0.15*p.size {
			continue
		}
		out = append(out, glyphs[p.at])
	}
	return out
}
