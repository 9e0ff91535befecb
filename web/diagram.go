package web

import (
	"fmt"
	"html"
	"html/template"
	"strings"

	"parapheur/circuits"
	"parapheur/dossiers"
)

// Measures of the drawing, in its own units.
const (
	boxWidth  = 212
	boxGap    = 46
	boxTop    = 10
	lineStep  = 20
	lineChars = 25 // that fit a box at 15 units, with some room
)

// diagram draws the circuit of a type as an SVG that reads on a screen and on
// paper. Everything that comes from people is escaped here; the words of the
// drawing are repeated as a list beside it, for who does not see it.
func diagram(y dossiers.TypeView) template.HTML {
	var boxes []box
	boxes = append(boxes, box{class: "dg-end", lines: []text{{"dg-end-t", "Dépôt"}}, narrow: true})
	for _, st := range y.Path {
		boxes = append(boxes, stepBox(st))
	}
	boxes = append(boxes, box{class: "dg-end", lines: []text{{"dg-end-t", "Retour"}, {"dg-end-t", "et preuve"}}, narrow: true})
	height := 0
	for _, b := range boxes {
		height = max(height, b.height())
	}
	var out strings.Builder
	x := 2
	for i, b := range boxes {
		if i > 0 {
			arrow(&out, x, boxTop+height/2)
			x += boxGap
		}
		b.draw(&out, x, boxTop+(height-b.height())/2)
		x += b.width()
	}
	name := html.EscapeString(y.Name)
	return template.HTML(fmt.Sprintf(`<svg role="img" aria-label="Circuit « %s », repris en liste ci-dessous" width="%d" height="%d" viewBox="0 0 %d %d">%s</svg>`,
		name, x+2, height+2*boxTop, x+2, height+2*boxTop, out.String())) //nolint:gosec // escaped above and in draw
}

// text is one line of a box.
type text struct{ class, words string }

// A box is a step, or an end, of a drawn circuit.
type box struct {
	class  string
	lines  []text
	narrow bool
}

func (b box) width() int {
	if b.narrow {
		return 112
	}
	return boxWidth
}

func (b box) height() int { return max(64, 28+lineStep*len(b.lines)) }

func stepBox(st dossiers.PathStep) box {
	b := box{class: "dg-box"}
	if st.Step.Kind == circuits.Signature || st.Step.Kind == circuits.Seal {
		b.class = "dg-box dg-sign"
	}
	b.lines = append(b.lines, text{"dg-k", strings.ToUpper(kindLabel(st.Step.Kind))})
	for _, l := range wrap(st.Step.Title, lineChars-2) {
		b.lines = append(b.lines, text{"dg-t", l})
	}
	for _, l := range wrap(st.Desk, lineChars) {
		b.lines = append(b.lines, text{"dg-s", l})
	}
	for _, h := range st.Holders {
		for _, l := range wrap(h.Name, lineChars) {
			b.lines = append(b.lines, text{"dg-s", l})
		}
	}
	if !someoneAble(st.Holders) {
		b.class = "dg-box dg-warn"
		b.lines = append(b.lines, text{"dg-w", "Personne ne peut agir"})
	}
	return b
}

func (b box) draw(out *strings.Builder, x, y int) {
	radius := 8
	if b.narrow {
		radius = 32
	}
	fmt.Fprintf(out, `<rect class="%s" x="%d" y="%d" width="%d" height="%d" rx="%d"/>`, b.class, x, y, b.width(), b.height(), radius)
	top := y + (b.height()-lineStep*len(b.lines))/2 + 15
	for i, l := range b.lines {
		at, anchor := x+14, "start"
		if b.narrow {
			at, anchor = x+b.width()/2, "middle"
		}
		fmt.Fprintf(out, `<text class="%s" x="%d" y="%d" text-anchor="%s">%s</text>`, l.class, at, top+i*lineStep, anchor, html.EscapeString(l.words))
	}
}

func arrow(out *strings.Builder, x, y int) {
	end := x + boxGap
	fmt.Fprintf(out, `<path class="dg-line" d="M%d %dH%d"/><path class="dg-tip" d="M%d %dl-10 -6v12z"/>`, x, y, end-8, end-1, y)
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
