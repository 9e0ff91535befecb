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

// Find returns the occurrences of a phrase, page after page; case and blanks do not count. complete is
// false when a part of the document could not be read, so that there may be more. It stops when ctx
// ends.
func (r *Reader) Find(ctx context.Context, phrase string) (hits []Hit, complete bool, err error) {
	want := []rune(folded(phrase))
	complete = true
	if len(want) == 0 {
		return nil, true, nil
	}
	walked := r.doc.Pages(func(p pdf.Page) bool {
		if err = ctx.Err(); err != nil {
			return false
		}
		if r.operators <= 0 || r.bytes <= 0 || len(hits) >= maxHits {
			complete = false
			return false
		}
		page := r.Page(p, true)
		complete = complete && page.Complete
		for _, box := range occurrences(page.Glyphs, want, p.Rotate) {
			hits = append(hits, Hit{p, box})
		}
		return true
	})
	if err == nil {
		err = walked
	}
	return hits, complete, err
}

// maxHits bounds the occurrences that are kept.
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
func occurrences(glyphs []Glyph, want []rune, rotate int) []pdf.Rect {
	if found := search(glyphs, want); len(found) > 0 {
		return found
	}
	return search(inLines(glyphs, rotate), want)
}

func search(glyphs []Glyph, want []rune) []pdf.Rect {
	var line []character
	for i, g := range glyphs {
		for _, r := range folded(g.Text) {
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
func matches(glyphs []Glyph, line []character, want []rune) bool {
	for i, l := range line {
		if l.r != want[i] {
			return false
		}
		if i == 0 || line[i-1].glyph == l.glyph {
			continue
		}
		a, b := glyphs[line[i-1].glyph], glyphs[l.glyph]
		if em := max(a.Size, b.Size); math.Hypot(b.X-a.EndX, b.Y-a.EndY) > 1.5*em {
			return false
		}
	}
	return true
}

func around(glyphs []Glyph, line []character) pdf.Rect {
	box := glyphs[line[0].glyph].Box
	for _, l := range line {
		b := glyphs[l.glyph].Box
		box = pdf.Rect{X0: math.Min(box.X0, b.X0), Y0: math.Min(box.Y0, b.Y0), X1: math.Max(box.X1, b.X1), Y1: math.Max(box.Y1, b.Y1)}
	}
	return box
}

// inLines sorts the characters as they are read on the page, from the top, and drops those drawn
// twice on the same place, as some producers make bold.
func inLines(glyphs []Glyph, rotate int) []Glyph {
	type placed struct {
		Glyph
		x, y float64 // as seen: x to the right, y downwards
	}
	var all []placed
	for _, g := range glyphs {
		if folded(g.Text) == "" {
			continue
		}
		p := placed{Glyph: g, x: g.X, y: -g.Y}
		switch rotate {
		case 90:
			p.x, p.y = g.Y, g.X
		case 180:
			p.x, p.y = -g.X, g.Y
		case 270:
			p.x, p.y = -g.Y, -g.X
		}
		all = append(all, p)
	}
	slices.SortStableFunc(all, func(a, b placed) int { return cmp.Compare(a.y, b.y) })
	for from := 0; from < len(all); {
		to := from + 1
		for to < len(all) && all[to].y-all[to-1].y < 0.25*max(1, all[to].Size) && all[to].y-all[from].y < 0.6*max(1, all[from].Size) {
			to++
		}
		slices.SortStableFunc(all[from:to], func(a, b placed) int { return cmp.Compare(a.x, b.x) })
		from = to
	}
	var out []Glyph
	for i, p := range all {
		if i > 0 && p.Text == all[i-1].Text && math.Abs(p.x-all[i-1].x) < 0.15*p.Size && math.Abs(p.y-all[i-1].y) < 0.15*p.Size {
			continue
		}
		out = append(out, p.Glyph)
	}
	return out
}
