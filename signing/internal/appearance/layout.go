package appearance

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Text is what a block says. Every field may be empty but Name; all are plain
// text in any case and script, cut after [MaxField] characters.
type Text struct {
	Name    string // "Élise Préfète-Gœury"; the organisation for a seal
	Quality string // "Maire", "Adjoint à l’urbanisme"
	Town    string // "Saint-Aubin-sur-Loire"
	Date    string // as [FrenchDate] writes it
	Mention string // "Pour le maire et par délégation", drawn above the name
	Motto   string // small print at the foot
	Reason  string // small print at the foot when there is no motto
	// Seal is the block of an organisation: it says « Cachet », shows no quality, no mention and no
	// handwritten signature, which are a person's.
	Seal bool
	// Warning stands in place of the heading.
	Warning string
	Arms    *Picture // coat of arms or logo, at the left
	Griffe  *Picture // image of a handwritten signature, between the quality and the name
}

// MaxField is the longest field that a block shows, in characters.
const MaxField = 160

// The width of a block follows its text between these bounds, in points: a
// narrow column by a letter's foot, never wider than half an A4 page.
const (
	minWidth = 170.0
	maxWidth = 252.0
)

// The boxes of pictures, in points.
const (
	armsWidth, armsHeight     = 42.0, 50.0
	griffeWidth, griffeHeight = 120.0, 34.0
)

const (
	heading     = "Signé électroniquement"
	sealHeading = "Cachet électronique"
)

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

// row is a field with its style, or a picture.
type row struct {
	text    string
	style   style
	picture *Picture
}

// Layout sets the words in lines. A long name first wraps on two lines, then
// shrinks, then takes the lines it needs: it is never cut below [MaxField].
// Layout never fails; damaged fonts are reported by [Block.Build].
func Layout(c Text) Block { return lay(c.rows(), c.Arms, minWidth, widestText) }

// rows are those of the whole block.
func (c Text) rows() []row {
	title, name := c.title(), style{size: 12, least: 8.5, lines: 2, bold: true, before: 2.5}
	if c.Griffe != nil && !c.Seal {
		name.size, name.before = 11, 4
	}
	rows := []row{
		{text: title, style: style{size: 7.5, least: 7.5, lines: 1, bold: true, tone: Accent}},
	}
	if !c.Seal {
		rows = append(rows, row{text: clean(c.Mention), style: style{size: 8, least: 7, lines: 2, before: 3}})
		if c.Griffe != nil {
			rows = append(rows, row{picture: c.Griffe})
		}
	}
	rows = append(rows, row{text: c.bearer(), style: name})
	if !c.Seal {
		rows = append(rows, row{text: clean(c.Quality), style: style{size: 9, least: 7.5, lines: 2, before: 1}})
	}
	return append(rows,
		row{text: joinPlace(clean(c.Town), clean(c.Date)), style: style{size: 8, least: 6.5, lines: 1, before: 6, rule: true}},
		row{text: c.small(), style: style{size: 6.5, least: 6, lines: 2, tone: Muted, before: 3.5}})
}

// compactWidth is the least width of a compact block, in points.
const compactWidth = 120.0

// Compact is a smaller block for a page with little room: who and when, without pictures.
func Compact(c Text) Block { return lay(c.compact(), nil, compactWidth, widestText) }

func (c Text) compact() []row {
	return []row{
		{text: c.title(), style: style{size: 6.5, least: 6.5, lines: 1, bold: true, tone: Accent}},
		{text: c.bearer(), style: style{size: 9, least: 7.5, lines: 2, bold: true, before: 1}},
		{text: joinPlace("", clean(c.Date)), style: style{size: 7, least: 6.5, lines: 1, before: 1}},
	}
}

// widestText is the room of the lines of a block, in points.
const widestText = maxWidth - padLeft - padRight

const (
	readable = 0.72 // the scale under which a shorter block is preferred
	maxScale = 1.25 // a block in a large field does not shout
)

// Fit chooses the block for a rectangle of width x height points that somebody else drew: the one that
// says most among those that are readable there, set on lines as long as suits its proportions, else
// the one that shrinks least. It also returns how much the block is to be scaled, at most [maxScale].
func Fit(c Text, width, height float64) (Block, float64) {
	plain, bare := c, c
	plain.Motto, plain.Reason = "", ""
	bare.Motto, bare.Reason, bare.Griffe, bare.Town = "", "", nil, ""
	var last Block
	most := 0.0
	for _, v := range []struct {
		rows []row
		arms *Picture
	}{{c.rows(), c.Arms}, {plain.rows(), c.Arms}, {plain.rows(), nil}, {bare.rows(), nil}, {c.compact(), nil}, {c.strip(), nil}} {
		var best Block
		scale := 0.0
		for _, room := range []float64{widestText, 170, 120, 85} {
			b := lay(v.rows, v.arms, 0, room)
			if s := min(width/b.Width, height/b.Height); s > 1.03*scale { // long lines when it makes no difference
				best, scale = b, s
			}
		}
		if scale >= readable {
			return best, min(scale, maxScale)
		}
		if scale > most {
			last, most = best, scale
		}
	}
	return last, min(most, maxScale)
}

// strip is for a long and low field: one line of title, one of name.
func (c Text) strip() []row {
	return []row{
		{text: c.title(), style: style{size: 6, least: 6, lines: 1, bold: true, tone: Accent}},
		{text: c.bearer(), style: style{size: 8.5, least: 7, lines: 1, bold: true, before: 0.5}},
	}
}

func (c Text) title() string {
	if c.Warning != "" {
		return clean(c.Warning)
	}
	if c.Seal {
		return sealHeading
	}
	return heading
}

// bearer is whom the block is about: a person by name, an organisation as the owner of its seal.
func (c Text) bearer() string {
	if c.Seal {
		return sealOf(clean(c.Name))
	}
	return clean(c.Name)
}

func (c Text) small() string {
	if s := clean(c.Motto); s != "" {
		return s
	}
	if s := clean(c.Reason); s != "" {
		return "Motif : " + s
	}
	return ""
}

// sealOf writes « Cachet de la Ville de Saint-Aubin », with the article of the usual kinds of
// organisation; the name alone when its article is not known, since the title says that it is a seal.
func sealOf(name string) string {
	first, _, _ := strings.Cut(strings.ToLower(name), " ")
	for _, a := range []struct{ article, kinds string }{
		{"de la", "ville commune mairie communauté métropole région régie caisse collectivité direction préfecture"},
		{"du", "centre conseil département syndicat service sivu sivom sdis ccas cias cdg pays pôle"},
		{"de l’", "établissement office agglomération association école eurométropole ehpad"},
	} {
		if !slices.Contains(strings.Fields(a.kinds), first) {
			continue
		}
		if strings.HasSuffix(a.article, "’") {
			return "Cachet " + a.article + name
		}
		return "Cachet " + a.article + " " + name
	}
	return name
}

// lay stacks the rows, with lines of at most room points, and gives the block its size.
func lay(rows []row, arms *Picture, least, room float64) Block {
	both, err := faces()
	if err != nil {
		return Block{Width: least, Height: padTop + padBottom}
	}
	b := Block{Arms: arms}
	if arms != nil {
		b.ArmsWidth, b.ArmsHeight = arms.fit(armsWidth, armsHeight)
	}
	for _, r := range rows {
		switch {
		case r.picture != nil:
			w, h := r.picture.fit(min(griffeWidth, room), griffeHeight)
			b.Lines = append(b.Lines, Line{Picture: r.picture, PictureWidth: w, Size: h, Before: 6})
		case r.text != "":
			b.Lines = append(b.Lines, set(both, r.text, r.style, room)...)
		}
	}
	b.Width, b.Height = least, padTop+padBottom
	for _, l := range b.Lines {
		wide := l.PictureWidth
		if l.Picture == nil {
			wide = both[l.faceIndex()].textWidth(l.Text) * l.Size
		}
		b.Width = max(b.Width, wide+b.textLeft()+padRight)
		b.Height += l.height()
	}
	b.Height = max(b.Height, b.ArmsHeight+padTop+padBottom)
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

// set wraps one field in lines of at most width points, shrinking it as its style allows.
func set(both [2]*face, text string, st style, width float64) []Line {
	l := Line{Bold: st.bold, Tone: st.tone}
	f := both[l.faceIndex()]
	var parts []string
	for size := st.size; ; size -= 0.5 {
		l.Size = max(size, st.least)
		parts = wrap(f, text, width/l.Size)
		if len(parts) <= st.lines || l.Size == st.least {
			break
		}
	}
	parts = balance(f, text, parts, width/l.Size)
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
