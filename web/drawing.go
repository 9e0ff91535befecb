package web

import (
	"fmt"
	"html"
	"strings"
)

// A figure is how large a picture is drawn, in its own units, which are the
// pixels of a page: what is drawn for a phone is no smaller there, only higher.
type figure struct {
	width, box int // of the whole, and of a card by itself
	columns    int // cards side by side
}

// wideFigure fits a desk and an A4 page, narrowFigure a phone.
func wideFigure() figure   { return figure{width: 640, box: 360, columns: 2} }
func narrowFigure() figure { return figure{width: 320, box: 290, columns: 1} }

// Measures that both share.
const (
	pictureGap  = 34
	pictureLine = 20
	picturePad  = 14
	letterWidth = 8 // of one character, at the size of text
)

// A canvas draws downwards. Colours are attributes, so that the file stands by
// itself on paper; classes let a page give them those of its theme.
type canvas struct {
	figure
	out strings.Builder
	y   int
}

// svg closes the picture. label is for who does not see it.
func (c *canvas) svg(label string) string {
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="%s" width="%d" height="%d" viewBox="0 0 %d %d" font-family="Atkinson Hyperlegible Next, Segoe UI, sans-serif" font-size="15" fill="#17201c">%s</svg>`,
		html.EscapeString(typeset(label)), c.width, c.y+4, c.width, c.y+4, c.out.String())
}

// words writes one line of text.
func (c *canvas) words(class, fill string, x, y, size int, bold bool, anchor, text string) {
	weight := ""
	if bold {
		weight = ` font-weight="640"`
	}
	fmt.Fprintf(&c.out, `<text class="%s" fill="%s" x="%d" y="%d" font-size="%d" text-anchor="%s"%s>%s</text>`,
		class, fill, x, y, size, anchor, weight, html.EscapeString(typeset(text)))
}

func (c *canvas) rect(class, fill, stroke string, x, y, w, h, radius int, extra string) {
	fmt.Fprintf(&c.out, `<rect class="%s" fill="%s" stroke="%s" x="%d" y="%d" width="%d" height="%d" rx="%d"%s/>`, class, fill, stroke, x, y, w, h, radius, extra)
}

func (c *canvas) end(text string) {
	rows := wrap(typeset(text), c.box/letterWidth-4)
	height := 20 + pictureLine*len(rows)
	c.rect("cp-end", "#12503d", "none", (c.width-c.box)/2, c.y, c.box, height, 20, "")
	for i, row := range rows {
		c.words("cp-end-t", "#ffffff", c.width/2, c.y+25+i*pictureLine, 15, true, "middle", row)
	}
	c.y += height
}

// arrow leads to what comes next; ahead is dashed: nobody went there yet.
func (c *canvas) arrow(ahead bool) {
	dash := ""
	if ahead {
		dash = ` stroke-dasharray="4 4"`
	}
	fmt.Fprintf(&c.out, `<path class="cp-line" fill="none" stroke="#737b74" stroke-width="2"%s d="M%d %dv%d"/><path class="cp-tip" fill="#737b74" d="M%d %dl-6 -9h12z"/>`,
		dash, c.width/2, c.y, pictureGap-6, c.width/2, c.y+pictureGap)
	c.y += pictureGap
}

// A pictureCard is a box: its lines and what frames it.
type pictureCard struct {
	kind    string
	mark    pictureMark
	title   int // how many of the lines are the title
	lines   []string
	warning []string
	sign    bool
	round   bool // the beginning or the end of the way
}

// A pictureMark is where a running letter stands with a card: a word, a sign
// and a border, never a colour alone. The zero mark is of no letter.
type pictureMark struct{ state, word string }

func (k pictureCard) height() int {
	n := len(k.lines) + len(k.warning)
	if k.kind != "" || k.mark.word != "" {
		n++
	}
	return 2*picturePad + pictureLine*n - 6
}

// cards draws cards, framed under words when there are any, the first of them
// bold.
func (c *canvas) cards(frame []string, bold int, cards []pictureCard, width int) {
	if len(frame) == 0 {
		c.card(cards[0], (c.width-width)/2, c.y, width, cards[0].height())
		c.y += cards[0].height()
		return
	}
	columns := min(len(cards), c.columns)
	top, height := c.y, picturePad+pictureLine*len(frame)+4
	for i := 0; i < len(cards); i += columns {
		height += rowHeight(cards[i:min(i+columns, len(cards))]) + picturePad
	}
	outer := min(columns*width+(columns+1)*picturePad, c.width-4)
	left := (c.width - outer) / 2
	c.rect("cp-frame", "#f8f8f5", "#737b74", left, top, outer, height, 12, ` stroke-width="1.5" stroke-dasharray="5 4"`)
	y := top + picturePad + 11
	for i, line := range frame {
		class, fill := "cp-s", "#434d46"
		if i < bold {
			class, fill = "cp-t", "#17201c"
		}
		c.words(class, fill, c.width/2, y, 15, i < bold, "middle", line)
		y += pictureLine
	}
	y -= 7
	inner := (outer - (columns+1)*picturePad) / columns
	for i := 0; i < len(cards); i += columns {
		row := cards[i:min(i+columns, len(cards))]
		from := left + picturePad + (columns-len(row))*(inner+picturePad)/2 // the last row is centred
		for j, k := range row {
			c.card(k, from+j*(inner+picturePad), y, inner, rowHeight(row))
		}
		y += rowHeight(row) + picturePad
	}
	c.y = top + height
}

// narrow is how wide a card is in a frame of n of them.
func (f figure) narrow(n int) int {
	if n < 2 {
		return f.box
	}
	return (f.width - (f.columns+1)*picturePad - 4) / f.columns
}

// frameLetters is how many characters a line of a frame of n cards holds.
func (f figure) frameLetters(n int) int {
	columns := max(min(n, f.columns), 1)
	return (min(columns*f.narrow(n)+(columns+1)*picturePad, f.width-4) - 2*picturePad) / letterWidth
}

func rowHeight(row []pictureCard) (h int) {
	for _, k := range row {
		h = max(h, k.height())
	}
	return h
}

// border is how a card is framed: by what it is, and where the letter stands.
func (k pictureCard) border() (class, fill, stroke, extra string) {
	class, fill, stroke, extra = "cp-box", "#ffffff", "#737b74", ` stroke-width="1.5"`
	if k.sign || k.mark.state == "done" {
		class, stroke = "cp-box cp-sign", "#12503d"
	}
	switch k.mark.state {
	case "now":
		class, fill, stroke, extra = "cp-box cp-now", "#dfebe3", "#12503d", ` stroke-width="3"`
	case "todo":
		class, stroke, extra = "cp-box", "#737b74", ` stroke-width="1.5" stroke-dasharray="5 4"`
	case "passed":
		class, stroke, extra = "cp-box", "#737b74", ` stroke-width="1.5" stroke-dasharray="1 4"`
	case "stop":
		class, fill, stroke, extra = "cp-box cp-stop", "#f9e6e2", "#8a1c17", ` stroke-width="3"`
	}
	return class, fill, stroke, extra
}

func (c *canvas) card(k pictureCard, x, y, w, h int) {
	class, fill, stroke, extra := k.border()
	radius := 8
	if k.round {
		radius = 20
	}
	c.rect(class, fill, stroke, x, y, w, h, radius, extra)
	at := y + picturePad + 10
	if k.kind != "" || k.mark.word != "" {
		c.words("cp-k", "#12503d", x+picturePad, at, 12, true, "start", k.kind)
		c.mark(k.mark, x+w-picturePad, at)
	} else {
		at -= pictureLine
	}
	for i, line := range k.lines {
		at += pictureLine
		fill, class := "#434d46", "cp-s"
		if i < k.title {
			fill, class = "#17201c", "cp-t"
		}
		c.words(class, fill, x+picturePad, at, 15, i < k.title, "start", line)
	}
	for _, line := range k.warning {
		at += pictureLine
		c.words("cp-w", "#7a3a00", x+picturePad, at, 14, true, "start", line)
	}
}

// mark writes where the letter stands at the right of a card, with its sign.
func (c *canvas) mark(m pictureMark, right, at int) {
	if m.word == "" {
		return
	}
	class, colour := "cp-m", "#12503d"
	switch m.state {
	case "stop":
		class, colour = "cp-m-stop", "#8a1c17"
	case "todo", "passed":
		class, colour = "cp-m-quiet", "#434d46"
	}
	c.words(class, colour, right-20, at, 12, true, "end", strings.ToUpper(m.word))
	x, y := right-8, at-4
	fmt.Fprintf(&c.out, `<circle class="%s-o" cx="%d" cy="%d" r="7.5" fill="none" stroke="%s" stroke-width="1.5"/>`, class, x, y, colour)
	var sign string
	switch m.state {
	case "done":
		sign = fmt.Sprintf("M%d %dl3 3l5 -6", x-4, y)
	case "stop":
		sign = fmt.Sprintf("M%d %dl6 6m0 -6l-6 6", x-3, y-3)
	case "passed":
		sign = fmt.Sprintf("M%d %dh7", x-3, y)
	case "now":
		sign = fmt.Sprintf("M%d %dv4l3 2", x, y-4)
	default:
		return
	}
	fmt.Fprintf(&c.out, `<path class="%s-o" d="%s" fill="none" stroke="%s" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round"/>`, class, sign, colour)
}

// wrap cuts words in lines of at most n characters, where they part: never at
// a space that holds two words together.
func wrap(s string, n int) []string {
	var out []string
	line := ""
	for _, word := range strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == '\n' }) {
		switch {
		case line == "":
			line = word
		case len([]rune(line))+1+len([]rune(word)) <= n:
			line += " " + word
		default:
			out = append(out, line)
			line = word
		}
	}
	if line != "" {
		out = append(out, line)
	}
	return out
}
