package web

import (
	"fmt"
	"html"
	"html/template"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/trial"
)

// Measures of the picture of a circuit, in its own units: an A4 page is about
// 700 wide.
const (
	pictureWidth = 640
	cardWidth    = 360
	pictureGap   = 34
	pictureLine  = 20
	picturePad   = 14
)

// A canvas draws downwards. Colours are attributes, so that the file stands by
// itself on paper; classes let a page give them those of its theme.
type canvas struct {
	out strings.Builder
	y   int
}

// picture draws the circuit of a trial as an SVG that reads on a screen and on
// paper. What comes from people is escaped here. pictureList says the same to
// who does not see it.
func picture(x dossiers.Trial) template.HTML {
	return template.HTML(drawCircuit(x.Name, x.Definition, x.Standing, x.Letter(""))) //nolint:gosec // every text goes through words
}

func drawCircuit(name string, d circuits.Definition, standing [][]trial.Standing, l trial.Letter) string {
	c := &canvas{y: 4}
	c.end("Dépôt par le rédacteur")
	for i, st := range d.Steps {
		c.arrow()
		c.step(st, standing[i], l)
	}
	c.arrow()
	last := "Retour au rédacteur, preuve archivée"
	if d.Then != "" {
		last = "Suite : circuit « " + d.Then + " »"
	}
	c.end(last)
	title := html.EscapeString(typeset("Circuit « " + name + " », repris en liste"))
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="%s" width="%d" height="%d" viewBox="0 0 %d %d" font-family="Atkinson Hyperlegible Next, Segoe UI, sans-serif" font-size="15" fill="#17201c">%s</svg>`,
		title, pictureWidth, c.y+4, pictureWidth, c.y+4, c.out.String())
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
	fmt.Fprintf(&c.out, `<rect class="%s" fill="%s" stroke="%s" stroke-width="1.5" x="%d" y="%d" width="%d" height="%d" rx="%d"%s/>`, class, fill, stroke, x, y, w, h, radius, extra)
}

func (c *canvas) end(text string) {
	c.rect("cp-end", "#12503d", "none", (pictureWidth-cardWidth)/2, c.y, cardWidth, 40, 20, "")
	c.words("cp-end-t", "#ffffff", pictureWidth/2, c.y+25, 15, true, "middle", text)
	c.y += 40
}

func (c *canvas) arrow() {
	fmt.Fprintf(&c.out, `<path class="cp-line" fill="none" stroke="#737b74" stroke-width="2" d="M%d %dv%d"/><path class="cp-tip" fill="#737b74" d="M%d %dl-6 -9h12z"/>`,
		pictureWidth/2, c.y, pictureGap-6, pictureWidth/2, c.y+pictureGap)
	c.y += pictureGap
}

// A pictureCard is a box: its lines and what frames it.
type pictureCard struct {
	kind    string
	title   int // how many of the lines are the title
	lines   []string
	warning []string
	sign    bool
}

func (k pictureCard) height() int {
	return 2*picturePad + pictureLine*(len(k.lines)+len(k.warning)) + 14
}

// step draws a step: one card, in a frame when it has a condition or several
// actors.
func (c *canvas) step(st circuits.Step, actors []trial.Standing, l trial.Letter) {
	var frame []string
	if st.When != "" {
		frame = append(frame, wrap("Si "+typeset(trial.Words(st.When, l.Schema))+", sinon étape suivante", 62)...)
	}
	if many := trial.Many(st); many != "" {
		frame = append(frame, wrap(typeset(many), 62)...)
	}
	cards, width := stepCards(st, actors)
	if len(frame) == 0 {
		c.card(cards[0], (pictureWidth-width)/2, c.y, width, cards[0].height())
		c.y += cards[0].height()
		return
	}
	c.framed(frame, cards, width)
}

// framed draws cards under the words of their frame, two in a row.
func (c *canvas) framed(frame []string, cards []pictureCard, width int) {
	columns := min(len(cards), 2)
	top, height := c.y, picturePad+pictureLine*len(frame)+4
	for i := 0; i < len(cards); i += columns {
		height += rowHeight(cards[i:min(i+columns, len(cards))]) + picturePad
	}
	outer := columns*width + (columns+1)*picturePad
	left := (pictureWidth - outer) / 2
	c.rect("cp-frame", "#f8f8f5", "#737b74", left, top, outer, height, 12, ` stroke-dasharray="5 4"`)
	y := top + picturePad + 11
	for _, line := range frame {
		c.words("cp-t", "#17201c", pictureWidth/2, y, 15, true, "middle", line)
		y += pictureLine
	}
	y -= 7
	for i := 0; i < len(cards); i += columns {
		row := cards[i:min(i+columns, len(cards))]
		for j, k := range row {
			c.card(k, left+picturePad+j*(width+picturePad), y, width, rowHeight(row))
		}
		y += rowHeight(row) + picturePad
	}
	c.y = top + height
}

func rowHeight(row []pictureCard) (h int) {
	for _, k := range row {
		h = max(h, k.height())
	}
	return h
}

// stepCards are the cards of a step: one for each actor when there are several.
func stepCards(st circuits.Step, actors []trial.Standing) (cards []pictureCard, width int) {
	width = cardWidth
	if len(actors) > 1 {
		width = (pictureWidth - 3*picturePad - 4) / 2
	}
	chars := width/8 - 4
	if len(actors) == 0 {
		actors = []trial.Standing{{Who: "Personne n’est désigné", Badge: trial.Nobody}}
	}
	for _, a := range actors {
		k := pictureCard{kind: strings.ToUpper(trial.Act(st)), sign: st.Kind == circuits.Signature || st.Kind == circuits.Seal}
		k.lines = append(k.lines, wrap(typeset(st.Title), chars)...)
		k.title = len(k.lines)
		k.lines = append(k.lines, wrap(typeset(a.Who), chars)...)
		if a.People != "" {
			k.lines = append(k.lines, wrap(a.People, chars)...)
		}
		if facts := stepFacts(st); facts != "" {
			k.lines = append(k.lines, wrap(facts, chars)...)
		}
		if a.Text != "" {
			k.warning = wrap(typeset(a.Text), chars)
		}
		cards = append(cards, k)
	}
	return cards, width
}

func (c *canvas) card(k pictureCard, x, y, w, h int) {
	class, stroke := "cp-box", "#737b74"
	if k.sign {
		class, stroke = "cp-box cp-sign", "#12503d"
	}
	c.rect(class, "#ffffff", stroke, x, y, w, h, 8, "")
	at := y + picturePad + 10
	c.words("cp-k", "#12503d", x+picturePad, at, 12, true, "start", k.kind)
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

// pictureList is the picture in words.
func pictureList(x dossiers.Trial) []stop {
	out := []stop{{State: "todo", Title: "Dépôt", Lines: []string{"Le rédacteur de la lettre"}}}
	l := x.Letter("")
	for i, st := range x.Definition.Steps {
		one := stop{State: "todo", Title: st.Title}
		for _, line := range trial.Describe(st, x.Town, l) {
			one.Lines = append(one.Lines, typeset(line))
		}
		for _, a := range x.Standing[i] {
			if a.Text != "" {
				one.Lines = append(one.Lines, typeset(a.Who+" : "+a.Text))
			} else if a.People != "" {
				one.Lines = append(one.Lines, typeset(a.Who+" : "+a.People))
			}
		}
		out = append(out, one)
	}
	return append(out, stop{State: "todo", Title: "Retour au rédacteur, preuve archivée"})
}

// circuitPicture is the picture as a file.
func (s *server) circuitPicture(v *visit, w http.ResponseWriter, r *http.Request) error {
	if err := administers(v); err != nil {
		return err
	}
	x, err := s.Office.Trial(r.Context(), v.viewer, chi.URLParam(r, "code"))
	if err != nil {
		return err
	}
	drawing := drawCircuit(x.Name, x.Definition, x.Standing, x.Letter(""))
	h := w.Header()
	h.Set("Content-Type", "image/svg+xml")
	h.Set("Content-Disposition", `attachment; filename="circuit-`+x.Code+`.svg"`)
	h.Set("Cache-Control", "private, no-cache")
	_, err = w.Write([]byte(drawing))
	return ignoreGone(err)
}

// wrap cuts words in lines of at most n characters, where they part.
func wrap(s string, n int) []string {
	var out []string
	line := ""
	for _, word := range strings.Fields(s) {
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
