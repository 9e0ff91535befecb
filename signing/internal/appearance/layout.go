package appearance

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Text is what a block says. Every field may be empty but Name; all are plain
// text in any case and script, cut after [MaxField] characters.
type Text struct {
	Name    string // "Élise Préfète-Gœury"
	Quality string // "Maire", "Adjoint à l’urbanisme"
	Town    string // "Saint-Aubin-sur-Loire"
	Date    string // as [FrenchDate] writes it
	Mention string // "Pour le maire et par délégation", drawn above the name
	Motto   string // small print at the foot
}

// MaxField is the longest field that a block shows, in characters.
const MaxField = 160

// The width of a block follows its text between these bounds, in points: a
// narrow column by a letter's foot, never wider than half an A4 page.
const (
	minWidth = 170.0
	maxWidth = 252.0
)

const heading = "Signé électroniquement"

// style is how one field is set: it shrinks from size to least before it wraps
// on more than lines lines.
type style struct {
	size, least float64
	lines       int
	bold        bool
	tone        Tone
	before      float64
	rule        bool
}

// Layout sets the words in lines. A long name first wraps on two lines, then
// shrinks, then takes the lines it needs: it is never cut below [MaxField].
// Layout never fails; damaged fonts are reported by [Block.Build].
func Layout(c Text) Block {
	both, err := faces()
	if err != nil {
		return Block{Width: minWidth, Height: padTop + padBottom}
	}
	place := joinPlace(clean(c.Town), clean(c.Date))
	var b Block
	for _, f := range []struct {
		text  string
		style style
	}{
		{heading, style{size: 7.5, least: 7.5, lines: 1, bold: true, tone: Accent}},
		{clean(c.Mention), style{size: 8, least: 7, lines: 2, before: 3}},
		{clean(c.Name), style{size: 12, least: 8.5, lines: 2, bold: true, before: 2.5}},
		{clean(c.Quality), style{size: 9, least: 7.5, lines: 2, before: 1}},
		{place, style{size: 8, least: 6.5, lines: 1, before: 6, rule: true}},
		{clean(c.Motto), style{size: 6.5, least: 6, lines: 2, tone: Muted, before: 3.5}},
	} {
		if f.text != "" {
			b.Lines = append(b.Lines, set(both, f.text, f.style)...)
		}
	}
	b.Width, b.Height = minWidth, padTop+padBottom
	for _, l := range b.Lines {
		b.Width = max(b.Width, both[l.faceIndex()].textWidth(l.Text)*l.Size+padLeft+padRight)
		b.Height += l.height()
	}
	b.Width, b.Height = math.Ceil(b.Width), math.Ceil(b.Height)
	return b
}

// joinPlace writes "Saint-Aubin-sur-Loire, le 23 novembre 2026 à 12 h 47".
func joinPlace(town, date string) string {
	switch {
	case date == "":
		return town
	case town == "":
		return "Le " + date
	}
	return town + ", le " + date
}

// set wraps one field in lines of at most maxWidth, shrinking it as its style allows.
func set(both [2]*face, text string, st style) []Line {
	l := Line{Bold: st.bold, Tone: st.tone}
	f := both[l.faceIndex()]
	var parts []string
	for size := st.size; ; size -= 0.5 {
		l.Size = max(size, st.least)
		parts = wrap(f, text, (maxWidth-padLeft-padRight)/l.Size)
		if len(parts) <= st.lines || l.Size == st.least {
			break
		}
	}
	parts = balance(f, text, parts, (maxWidth-padLeft-padRight)/l.Size)
	out := make([]Line, len(parts))
	for i, p := range parts {
		out[i] = l
		out[i].Text = p
	}
	if len(out) > 0 {
		out[0].Before, out[0].Rule = st.before, st.rule
	}
	return out
}

// wrap cuts text in lines of at most width (at one point of size), at ordinary
// spaces, after hyphens, or inside a word that alone is too long.
func wrap(f *face, text string, width float64) []string {
	var lines []string
	line := ""
	for _, word := range words(text) {
		if f.textWidth(line+strings.TrimRight(word, " ")) <= width {
			line += word
			continue
		}
		if line != "" {
			lines = append(lines, strings.TrimRight(line, " "))
		}
		for f.textWidth(strings.TrimRight(word, " ")) > width {
			n := fitting(f, word, width)
			lines, word = append(lines, word[:n]), word[n:]
		}
		line = word
	}
	if line = strings.TrimRight(line, " "); line != "" {
		lines = append(lines, line)
	}
	return lines
}

// balance narrows the lines as far as their number allows, so that no word is
// left alone on the last one.
func balance(f *face, text string, parts []string, width float64) []string {
	if len(parts) < 2 {
		return parts
	}
	widest := 0.0
	for _, word := range words(text) {
		widest = max(widest, f.textWidth(strings.TrimRight(word, " ")))
	}
	for step := width / 40; width-step > widest; {
		width -= step
		narrower := wrap(f, text, width)
		if len(narrower) != len(parts) {
			break
		}
		parts = narrower
	}
	return parts
}

// words splits text into pieces that end with the space or hyphen after which a
// line may break.
func words(text string) []string {
	var out []string
	from := 0
	for i, r := range text {
		if r == ' ' || r == '-' {
			out, from = append(out, text[from:i+1]), i+1
		}
	}
	return append(out, text[from:])
}

// fitting returns how many bytes of word fit in width, at least one character.
func fitting(f *face, word string, width float64) int {
	var w float64
	for i, r := range word {
		if w += f.width(r) / 1000; w > width && i > 0 {
			return i
		}
	}
	return len(word)
}

// clean composes accents (a name typed on some systems arrives as "e" and a
// combining accent), turns control characters and runs of spaces into one
// space, and cuts the field.
func clean(s string) string {
	s = norm.NFC.String(strings.ToValidUTF8(s, "\uFFFD"))
	var b strings.Builder
	space, n := true, 0
	for _, r := range s {
		if r == ' ' || unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			if !space {
				b.WriteByte(' ')
				n++
			}
			space = true
			continue
		}
		if unicode.Is(unicode.Cf, r) { // invisible: direction marks, joiners, soft hyphens
			continue
		}
		if n >= MaxField {
			return strings.TrimRight(b.String(), " ") + "…"
		}
		b.WriteRune(r)
		space, n = false, n+1
	}
	return strings.TrimRight(b.String(), " ")
}

// FrenchDate writes t as a French reader does, « 23 novembre 2026 à 12 h 47 »,
// with no-break spaces in the hour. The caller passes t in the zone of the town.
func FrenchDate(t time.Time) string {
	months := [...]string{
		"janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août",
		"septembre", "octobre", "novembre", "décembre",
	}
	day := fmt.Sprint(t.Day())
	if t.Day() == 1 {
		day = "1er"
	}
	return fmt.Sprintf("%s\u00A0%s %d à %d\u00A0h\u00A0%02d", day, months[t.Month()-1], t.Year(), t.Hour(), t.Minute())
}
