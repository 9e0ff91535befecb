// Package slip writes the circulation slip of a letter (bordereau) as a PDF:
// headings, facts and lines, in an embedded font, so that it looks the same
// everywhere and its text can be searched and read aloud.
//
// It must not decide what is said: its caller gives every word. It reads no
// clock and no file; the same words make the same bytes. It fails only when
// its writer does.
package slip

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"io"
	"strings"
	"time"
)

// A Slip is what is written.
type Slip struct {
	Town    string
	Title   string // of the page: "Bordereau de circulation"
	Subject string // the letter, in large
	Facts   []Fact
	Tables  []Table
	Foot    string // on every page
	At      time.Time
}

// A Fact is a word and what it says here.
type Fact struct{ Name, Value string }

// A Table is lines of cells under a heading. Wide are the shares of the width.
type Table struct {
	Heading string
	Columns []string
	Wide    []float64
	Lines   [][]string
	None    string // instead of an empty table
}

// The page, in points: A4 with its margins.
const (
	pageWidth, pageHeight = 595.28, 841.89
	left, right           = 54, pageWidth - 54
	top, bottom           = pageHeight - 54, 64
	gap                   = 8 // between columns
)

// Write writes s to w as a PDF 1.7.
func (s Slip) Write(w io.Writer) error {
	f, err := openFont()
	if err != nil {
		return err
	}
	l := &layout{font: f}
	l.newPage()
	l.text(left, 10, false, grey, s.Town)
	l.down(24)
	l.text(left, 19, true, ink, s.Title)
	l.down(22)
	l.paragraph(left, right, 12, ink, s.Subject)
	l.down(10)
	for _, x := range s.Facts {
		l.fact(x)
	}
	for _, t := range s.Tables {
		l.table(t)
	}
	return l.write(w, s)
}

type colour string

const (
	ink  colour = "0.12 0.14 0.18"
	grey colour = "0.36 0.39 0.44"
	line colour = "0.78 0.80 0.84"
)

// layout places text from the top of a page to its bottom, then on the next.
type layout struct {
	font  *font
	pages []*bytes.Buffer
	y     float64
}

func (l *layout) newPage() {
	l.pages = append(l.pages, &bytes.Buffer{})
	l.y = top
}

func (l *layout) page() *bytes.Buffer { return l.pages[len(l.pages)-1] }

func (l *layout) down(points float64) { l.y -= points }

// room begins a page when fewer points are left.
func (l *layout) room(points float64) {
	if l.y-points < bottom {
		l.newPage()
	}
}

// text writes one line at x. Bold is the same font with a thin outline.
func (l *layout) text(x, size float64, bold bool, c colour, s string) {
	mode := "0 Tr"
	if bold {
		mode = fmt.Sprintf("2 Tr %.2f w %s RG", size/30, c)
	}
	fmt.Fprintf(l.page(), "BT %s rg %s /F1 %.2f Tf 1 0 0 1 %.2f %.2f Tm <%s> Tj ET\n", c, mode, size, x, l.y, l.font.encode(s))
}

// rule draws a thin line across.
func (l *layout) rule() {
	fmt.Fprintf(l.page(), "%s RG 0.6 w %.2f %.2f m %.2f %.2f l S\n", line, float64(left), l.y, float64(right), l.y)
}

// wrap cuts s into lines no wider than width.
func (l *layout) wrap(s string, size, width float64) (out []string) {
	for part := range strings.SplitSeq(s, "\n") {
		row := ""
		for _, word := range l.pieces(part, size, width) {
			longer := strings.TrimPrefix(row+" "+word, " ")
			if row != "" && l.font.width(longer, size) > width {
				out = append(out, row)
				longer = word
			}
			row = longer
		}
		out = append(out, row)
	}
	return out
}

// pieces are the words of s, those too long for a line cut.
func (l *layout) pieces(s string, size, width float64) (out []string) {
	for _, word := range strings.Fields(s) {
		for l.font.width(word, size) > width {
			runes := []rune(word)
			n := 1
			for n < len(runes) && l.font.width(string(runes[:n+1]), size) <= width {
				n++
			}
			out, word = append(out, string(runes[:n])), string(runes[n:])
			if word == "" {
				break
			}
		}
		if word != "" {
			out = append(out, word)
		}
	}
	return out
}

func (l *layout) paragraph(x, end, size float64, c colour, s string) {
	for _, row := range l.wrap(s, size, end-x) {
		l.room(size * 1.4)
		l.text(x, size, false, c, row)
		l.down(size * 1.4)
	}
}

func (l *layout) fact(f Fact) {
	const name, size = 130, 9.5
	rows := l.wrap(f.Value, size, right-left-name)
	l.room(float64(len(rows)) * size * 1.45)
	l.text(left, size, false, grey, f.Name)
	for _, row := range rows {
		l.text(left+name, size, false, ink, row)
		l.down(size * 1.45)
	}
}

func (l *layout) table(t Table) {
	const size = 9
	l.room(90)
	l.down(16)
	l.text(left, 12.5, true, ink, t.Heading)
	l.down(18)
	if len(t.Lines) == 0 {
		l.text(left, size, false, grey, t.None)
		l.down(size * 1.5)
		return
	}
	l.head(t, size)
	for _, cells := range t.Lines {
		l.cells(t, cells, size)
	}
}

func (l *layout) head(t Table, size float64) {
	x := float64(left)
	for i, c := range t.Columns {
		l.text(x, size, true, grey, c)
		x += t.Wide[i] * (right - left)
	}
	l.down(6)
	l.rule()
	l.down(12)
}

// cells writes one line of a table, whole on a page.
func (l *layout) cells(t Table, cells []string, size float64) {
	wrapped, tall := make([][]string, len(cells)), 1
	for i, c := range cells {
		wrapped[i] = l.wrap(c, size, t.Wide[i]*(right-left)-gap)
		tall = max(tall, len(wrapped[i]))
	}
	if l.y-float64(tall)*size*1.35-8 < bottom {
		l.newPage()
		l.head(t, size)
	}
	start, x := l.y, float64(left)
	for i, rows := range wrapped {
		l.y = start
		for _, row := range rows {
			l.text(x, size, false, ink, row)
			l.down(size * 1.35)
		}
		x += t.Wide[i] * (right - left)
	}
	l.y = start - float64(tall-1)*size*1.35 - 5
	l.rule()
	l.down(12)
}

// write puts the objects of the file together.
func (l *layout) write(w io.Writer, s Slip) error {
	f := &file{}
	catalog, tree, font := f.reserve(), f.reserve(), f.reserve()
	var kids []string
	for i, p := range l.pages {
		foot := &layout{font: l.font, pages: []*bytes.Buffer{p}, y: 36}
		foot.text(left, 7.5, false, grey, s.Foot)
		number := fmt.Sprintf("Page %d sur %d", i+1, len(l.pages))
		foot.text(right-l.font.width(number, 7.5), 7.5, false, grey, number)
		content := f.stream("", p.Bytes())
		page := f.object(fmt.Sprintf("<</Type/Page/Parent %d 0 R/MediaBox[0 0 %.2f %.2f]/Resources<</Font<</F1 %d 0 R>>>>/Contents %d 0 R>>",
			tree, pageWidth, pageHeight, font, content))
		kids = append(kids, fmt.Sprintf("%d 0 R", page))
	}
	l.font.embed(f, font) // last: it knows the glyphs that were used
	f.set(tree, fmt.Sprintf("<</Type/Pages/Count %d/Kids[%s]>>", len(kids), strings.Join(kids, " ")))
	f.set(catalog, fmt.Sprintf("<</Type/Catalog/Pages %d 0 R/Lang(fr-FR)/ViewerPreferences<</DisplayDocTitle true>>>>", tree))
	info := f.object(fmt.Sprintf("<</Title %s/Producer(Parapheur)/CreationDate(D:%s)>>", textString(s.Title+" – "+s.Subject), s.At.UTC().Format("20060102150405Z")))
	return f.write(w, catalog, info)
}

// file is the objects of a PDF.
type file struct{ objects [][]byte }

func (f *file) reserve() int {
	f.objects = append(f.objects, nil)
	return len(f.objects)
}

func (f *file) set(n int, body string) { f.objects[n-1] = []byte(body) }

func (f *file) object(body string) int {
	n := f.reserve()
	f.set(n, body)
	return n
}

// stream adds a compressed stream with further entries of its dictionary.
func (f *file) stream(entries string, data []byte) int {
	var z bytes.Buffer
	c := zlib.NewWriter(&z)
	_, _ = c.Write(data) // to memory
	_ = c.Close()
	return f.object(fmt.Sprintf("<<%s/Filter/FlateDecode/Length %d>>\nstream\n%s\nendstream", entries, z.Len(), z.Bytes()))
}

func (f *file) write(w io.Writer, catalog, info int) error {
	var out bytes.Buffer
	out.WriteString("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
	offsets := make([]int, len(f.objects))
	for i, body := range f.objects {
		offsets[i] = out.Len()
		fmt.Fprintf(&out, "%d 0 obj\n%s\nendobj\n", i+1, body)
	}
	start := out.Len()
	fmt.Fprintf(&out, "xref\n0 %d\n0000000000 65535 f \n", len(f.objects)+1)
	for _, at := range offsets {
		fmt.Fprintf(&out, "%010d 00000 n \n", at)
	}
	fmt.Fprintf(&out, "trailer\n<</Size %d/Root %d 0 R/Info %d 0 R>>\nstartxref\n%d\n%%%%EOF\n", len(f.objects)+1, catalog, info, start)
	if _, err := w.Write(out.Bytes()); err != nil {
		return fmt.Errorf("slip: %w", err)
	}
	return nil
}
