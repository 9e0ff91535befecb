package dossiers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"parapheur/circuits"
)

// Additions are what a depositor asks to be put into the letter before it is
// frozen. The zero value adds nothing.
type Additions struct {
	// Join are the ranks, from 1, of the annexes whose pages follow those of
	// the letter, in the order of the annexes. They are annexes no more.
	Join []int
	// Stamp is put in the free space at the top of the letter's pages.
	Stamp *Stamp
}

// A Stamp is a few words at the top of a letter: its chrono number, a visa, the
// town and the date.
type Stamp struct {
	Text     string // "Chrono 2026-0123"; may be empty if Town or Date is set
	Town     bool   // the town's place, as letters say it
	Date     bool   // of the deposit
	AllPages bool   // of the letter; otherwise the first
}

const (
	maxStamp      = 80 // characters
	maxStampPages = 40 // each page is looked at to find free space
)

func (a Additions) empty() bool { return len(a.Join) == 0 && a.Stamp == nil }

// check normalises the additions to a letter with these annexes.
func (a *Additions) check(annexes []Received) error {
	a.Join = slices.Clone(a.Join) // it is the caller's
	slices.Sort(a.Join)
	a.Join = slices.Compact(a.Join)
	for _, n := range a.Join {
		if n < 1 || n > len(annexes) {
			return &InvalidError{"merge_annexes", "Les annexes à joindre se désignent par leur rang, à partir de 1."}
		}
	}
	if a.Stamp == nil {
		return nil
	}
	stamp := *a.Stamp
	a.Stamp = &stamp
	// The narrow space of French typography is not in the font; the wider is.
	text, err := line("stamp", strings.ReplaceAll(stamp.Text, "\u202f", "\u00a0"), 0, maxStamp)
	if err != nil {
		return err
	}
	stamp.Text = text
	switch {
	case text == "" && !stamp.Town && !stamp.Date:
		return &InvalidError{"stamp", "Écrivez le texte du tampon, ou choisissez la ville ou la date."}
	case strings.ContainsFunc(text, func(r rune) bool { return !stampable(r) }):
		return &InvalidError{"stamp", "Le tampon n’accepte que les lettres latines, les chiffres et la ponctuation."}
	}
	a.Stamp.Text = text
	return nil
}

// stampable are the characters of Windows-1252, which the font of stamps has.
func stampable(r rune) bool {
	return r >= ' ' && r <= '~' || r >= 0xa0 && r <= 0xff || strings.ContainsRune("€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ", r)
}

// lines are what is written, in a town, on a day.
func (s Stamp) lines(place string, day time.Time) []string {
	var out []string
	if s.Text != "" {
		out = append(out, s.Text)
	}
	switch {
	case s.Town && s.Date:
		out = append(out, place+", le "+frenchDate(day))
	case s.Town:
		out = append(out, place)
	case s.Date:
		out = append(out, "Le "+frenchDate(day))
	}
	return out
}

// frenchDate is "1er mars 2026".
func frenchDate(t time.Time) string {
	months := strings.Fields("janvier février mars avril mai juin juillet août septembre octobre novembre décembre")
	day := fmt.Sprint(t.Day())
	if t.Day() == 1 {
		day = "1er"
	}
	return fmt.Sprintf("%s %s %d", day, months[t.Month()-1], t.Year())
}

// Compose makes the letter as it will be frozen, with what is added to it, and
// answers it with the annexes that remain. What was received stays stored.
func (o *Office) Compose(ctx context.Context, t Tenant, main Received, annexes []Received, add Additions) (Received, []Received, error) {
	if err := add.check(annexes); err != nil {
		return main, annexes, err
	}
	if add.empty() {
		return main, annexes, nil
	}
	if main.Signed {
		return main, annexes, alreadySigned(add)
	}
	letter, err := o.spooled(ctx, main)
	if err != nil {
		return main, annexes, err
	}
	defer discard(letter)
	made := Received{Name: main.Name, Notices: done(main)}
	var e Edit
	var rest []Received
	for i, a := range annexes {
		if !slices.Contains(add.Join, i+1) {
			rest = append(rest, a)
			continue
		}
		if a.Signed {
			return main, annexes, &InvalidError{"merge_annexes", fmt.Sprintf("L’annexe %d est signée : joindre ses pages à la lettre casserait sa signature. Gardez-la à part.", i+1)}
		}
		pdf, err := o.spooled(ctx, a)
		if err != nil {
			return main, annexes, err
		}
		defer discard(pdf)
		e.Annexes = append(e.Annexes, pdf)
		made.Notices = append(made.Notices, Notice{Code: NoticeJoined, Name: a.Name})
	}
	if add.Stamp != nil {
		lines := add.Stamp.lines(t.Place, o.here(t.Territory))
		if e.Stamps, err = o.marks(ctx, letter, main, add.Stamp.AllPages, lines); err != nil {
			return main, annexes, err
		}
		made.Notices = append(made.Notices, Notice{Code: NoticeStamped, Name: strings.Join(lines, " · ")})
	}
	if err := o.freeze(ctx, &made, o.rewriting(ctx, letter, e), freezing{keep: o.store}); err != nil {
		return main, annexes, fmt.Errorf("compose %s: %w", main.Name, err)
	}
	if made.Archival != main.Archival {
		return main, annexes, fmt.Errorf("compose %s: PDF/A %q became %q", main.Name, main.Archival, made.Archival)
	}
	return made, rest, nil
}

// done keeps what was done to a file when it was received: what it carries is
// found again in the composed one.
func done(r Received) []Notice {
	return slices.DeleteFunc(slices.Clone(r.Notices), func(n Notice) bool { return slices.Contains(Contents(), n.Code) })
}

func alreadySigned(add Additions) error {
	if add.Stamp != nil {
		return &InvalidError{"stamp", "La lettre porte déjà une signature : un tampon la casserait. Déposez-la sans tampon."}
	}
	return &InvalidError{"merge_annexes", "La lettre porte déjà une signature : y joindre des pages la casserait. Gardez les annexes à part."}
}

// spooled copies a stored file to one that a child process can be given.
func (o *Office) spooled(ctx context.Context, r Received) (*os.File, error) {
	b, err := o.Blobs.Open(ctx, r.SHA256)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", r.Name, err)
	}
	defer b.Close() //nolint:errcheck // read only
	f, err := os.CreateTemp(o.Spool, "compose-*.pdf")
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(f, io.NewSectionReader(b, 0, b.Size())); err != nil {
		discard(f)
		return nil, fmt.Errorf("copy %s: %w", r.Name, err)
	}
	return f, nil
}

func discard(f *os.File) {
	f.Close()           //nolint:errcheck,gosec // only read since
	os.Remove(f.Name()) //nolint:errcheck,gosec // swept at the next start otherwise
}

// marks finds room for the lines on the first page or on all.
func (o *Office) marks(ctx context.Context, letter *os.File, main Received, all bool, lines []string) ([]Mark, error) {
	last := 1
	if all {
		last = main.Pages
	}
	if last > maxStampPages {
		return nil, &InvalidError{"stamp", fmt.Sprintf("Un tampon sur toutes les pages est limité à %d pages ; la lettre en a %d. Choisissez la première page.", maxStampPages, last)}
	}
	widest := 0
	for _, text := range lines {
		widest = max(widest, utf8.RuneCountInString(text))
	}
	var out []Mark
	for page := 1; page <= last; page++ {
		size := main.sizes[page-1]
		room := area{w: min((float64(widest)*stampRune+2*stampMargin)/size[0], 1), h: min((float64(len(lines))*stampLine+2*stampMargin)/size[1], 1)}
		at, err := o.freeAtTop(ctx, letter, main.SHA256, page, room, size)
		if err != nil {
			return nil, err
		}
		margin := area{x: stampMargin / size[0], y: stampMargin / size[1]}
		out = append(out, Mark{
			Page: page, X: at.x + margin.x, Y: at.y + margin.y, W: room.w - 2*margin.x, H: room.h - 2*margin.y, Lines: lines,
		})
	}
	return out, nil
}

func (o *Office) freeAtTop(ctx context.Context, letter *os.File, digest circuits.Digest, page int, room area, size [2]float64) (area, error) {
	open := func() (io.ReadCloser, error) {
		info, err := letter.Stat()
		if err != nil {
			return nil, err
		}
		return io.NopCloser(io.NewSectionReader(letter, 0, info.Size())), nil
	}
	picture, err := o.Render.Page(ctx, digest, open, page, stampPicture)
	if errors.Is(err, ErrUnavailable) {
		return area{}, fmt.Errorf("look for room on page %d: %w: %w", page, ErrUndrawn, err)
	}
	if err != nil {
		return area{}, fmt.Errorf("look for room on page %d: %w", page, err)
	}
	at, ok, err := freeArea(picture, room, stampEdge/size[0], stampEdge/size[1])
	if err != nil {
		return area{}, fmt.Errorf("look for room on page %d: %w", page, err)
	}
	if !ok {
		return area{}, &InvalidError{"stamp", fmt.Sprintf("Il n’y a pas assez de place libre en haut de la page %d pour ce tampon. Raccourcissez-le, ou laissez de la place dans la lettre.", page)}
	}
	return at, nil
}
