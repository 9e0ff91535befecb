package intake

import (
	"fmt"
	"math"
	"strings"

	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/types"
	"golang.org/x/text/encoding/charmap"
)

// What is drawn across every page of a specimen, and written at its foot.
const (
	specimenFoot = "SPÉCIMEN — SANS VALEUR. Document d’un bac à sable : il n’engage personne."
	redKey       = "PrphRed"

	specimenSpan   = 0.80 // of the diagonal of the page
	specimenTall   = 0.11 // height of the letters, of the diagonal
	specimenStroke = 0.003
	footSize       = 7.5
	footEdge       = 11 // points from the edge of the sheet
)

// specimenWord is « SPÉCIMEN » in strokes, each letter in a square of one, x to
// the right and y upwards. Strokes and no glyphs, in one path that spans the
// page: it is a background for whoever looks for free room on it, and hides
// nothing of the text below.
func specimenWord() []string {
	s := "0.92 0.82 m 0.85 1.02 0.1 1.08 0.1 0.77 c 0.1 0.42 0.9 0.6 0.9 0.26 c 0.9 -0.08 0.15 -0.05 0.08 0.18 c"
	e := "0.9 0 m 0.12 0 l 0.12 1 l 0.9 1 l 0.12 0.52 m 0.75 0.52 l"
	return []string{
		s,
		"0.12 0 m 0.12 1 l 0.55 1 l 1.02 1 1.02 0.45 0.55 0.45 c 0.12 0.45 l",
		e + " 0.42 1.1 m 0.66 1.26 l",
		"0.95 0.8 m 0.75 1.12 0.08 1.08 0.08 0.5 c 0.08 -0.08 0.75 -0.12 0.95 0.2 c",
		"0.5 0 m 0.5 1 l",
		"0.08 0 m 0.08 1 l 0.5 0.35 l 0.92 1 l 0.92 0 l",
		e,
		"0.1 0 m 0.1 1 l 0.9 0 l 0.9 1 l",
	}
}

// markSpecimen draws on every page, whatever its rotation and its crop.
func (s *stamper) markSpecimen() error {
	for _, p := range s.pages {
		if err := s.put(p, specimenOn(p)); err != nil {
			return fmt.Errorf("mark page %d: %w", p.number, err)
		}
	}
	return nil
}

// specimenOn is the content stream of the mark, after what the page holds.
func specimenOn(p page) []byte {
	width, height := p.size()
	diagonal := math.Hypot(width, height)
	tall, advance := specimenTall*diagonal, specimenSpan*diagonal/float64(len(specimenWord()))
	cos, sin := width/diagonal, height/diagonal
	// The word begins so that its middle is that of the page.
	long := advance * float64(len(specimenWord()))
	x, y := width/2-cos*long/2+sin*tall/2, height/2-sin*long/2-cos*tall/2
	var b strings.Builder
	m := p.shown()
	fmt.Fprintf(&b, "\nQ\n/Artifact<</Type/Pagination/Subtype/Watermark>>BDC\nq %g %g %g %g %.3f %.3f cm\n", m[0], m[1], m[2], m[3], m[4], m[5])
	fmt.Fprintf(&b, "/%s CS 0.88 0.42 0.45 SC %.3f w 1 J 1 j\n", redKey, specimenStroke*diagonal)
	at := func(u, v float64) (float64, float64) { return x + cos*u - sin*v, y + sin*u + cos*v }
	for i, letter := range specimenWord() {
		var operands []float64
		for _, token := range strings.Fields(letter) {
			var n float64
			if _, err := fmt.Sscan(token, &n); err == nil {
				operands = append(operands, n)
				continue
			}
			for k := 0; k+1 < len(operands); k += 2 {
				px, py := at((float64(i)+0.14+0.72*operands[k])*advance, operands[k+1]*tall)
				fmt.Fprintf(&b, "%.2f %.2f ", px, py)
			}
			b.WriteString(token + "\n")
			operands = operands[:0]
		}
	}
	b.WriteString("S\n")
	b.WriteString(footOf(width))
	b.WriteString("Q\nEMC\n")
	return []byte(b.String())
}

// footOf writes the sentence at the foot, where pdftotext and people find it.
func footOf(width float64) string {
	encoded, err := charmap.Windows1252.NewEncoder().String(specimenFoot)
	if err != nil {
		return "" // a constant, of characters that the font has: see TestSpecimen
	}
	wide := textWidth(encoded)
	size := min(footSize, (width-2*footEdge)*1000/wide)
	return fmt.Sprintf("BT /%s cs 0.78 0.16 0.2 sc /%s %.3f Tf 1 0 0 1 %.3f %.3f Tm <%X> Tj ET\n", redKey, fontKey, size, (width-wide*size/1000)/2, float64(footEdge), encoded)
}

// red is calibrated, hence right with every output intent and without any (ISO
// 19005-1, 6.2.3).
func red() types.Array {
	return types.Array{types.Name("CalRGB"), types.Dict{
		"WhitePoint": types.NewNumberArray(0.9505, 1, 1.089), "Gamma": types.NewNumberArray(2.2, 2.2, 2.2),
		"Matrix": types.NewNumberArray(0.4124, 0.2126, 0.0193, 0.3576, 0.7152, 0.1192, 0.1805, 0.0722, 0.9505),
	}}
}
