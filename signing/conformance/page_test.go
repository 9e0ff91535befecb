//go:build slow

package conformance_test

import (
	"cmp"
	"flag"
	"fmt"
	"html"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

var (
	update = flag.Bool("update", false, "write docs/conformance.md and its picture")
	only   = flag.String("only", "", "judge the documents alone whose name contains this, and write nothing")
)

const (
	pagePath    = "../../docs/conformance.md"
	picturePath = "../../docs/img/conformance.svg"
)

// bench lists the judges in the order of the page.
func bench() []string {
	return []string{"EU DSS", "pyHanko", "OpenSSL", "pdfsig", "MuPDF", "qpdf", "veraPDF", "Check"}
}

// asked is what each judge says yes to.
func asked() map[string]string {
	return map[string]string{
		"EU DSS":  "the level, TOTAL_PASSED, no warning, no modification; at B-B and B-T, no revocation data but nothing else missing",
		"pyHanko": "strict reading, validity at the level from the file alone, nothing but signatures and evidence added since",
		"OpenSSL": "each CMS value over its bytes and each time-stamp token over what it stamps, up to the root",
		"pdfsig":  "each signature valid (it does not validate document time-stamps)",
		"MuPDF":   "each signature valid over its revision, structure without a remark",
		"qpdf":    "structure without a remark",
		"veraPDF": "the PDF/A flavour of the document, the same before and after",
		"Check":   "our own verdict: valid, at the level",
	}
}

// write makes docs/conformance.md and its picture out of the answers.
func write(t *testing.T, j *judges, all []*cell) {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, pageHead, len(all))
	versions := j.versions(t)
	for _, judge := range bench() {
		n := map[state]int{}
		for _, c := range all {
			if v, ok := c.verdict[judge]; ok {
				n[v.state]++
			}
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %d | %s | %s | %s |\n", judge, versions[judge], asked()[judge],
			n[accepted]+n[foreseen]+n[known]+n[refused], count(n[accepted]), count(n[foreseen]), count(n[known]))
	}
	archival, passed := 0, 0
	for _, c := range all {
		if c.archival() {
			archival++
			if c.verdict["EU DSS"].state == accepted {
				passed++
			}
		}
	}
	fmt.Fprintf(&b, pagePicture, passed, archival)
	writeLimits(&b)
	writeDetail(&b, all)
	save(t, pagePath, b.String())
	save(t, picturePath, picture(all))
}

func save(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func count(n int) string {
	if n == 0 {
		return "–"
	}
	return fmt.Sprint(n)
}

func writeLimits(b *strings.Builder) {
	b.WriteString(pageLimits)
	for _, judge := range slices.Sorted(maps.Keys(limits())) {
		for _, doc := range slices.Sorted(maps.Keys(limits()[judge])) {
			fmt.Fprintf(b, "- %s, *%s*: %s.\n", judge, doc, limits()[judge][doc].why)
		}
	}
	b.WriteString("- MuPDF, keys *RSA PSS*: it does not know the padding.\n")
}

func writeDetail(b *strings.Builder, all []*cell) {
	b.WriteString(pageDetail)
	b.WriteString("| Document | Key | Level | Signatures | " + strings.Join(bench(), " | ") + " |\n|" + strings.Repeat("---|", 4+len(bench())) + "\n")
	for _, c := range all {
		fmt.Fprintf(b, "| %s | %s | %s | %s |", c.name, c.key, c.levelName(), c.signatures())
		for _, judge := range bench() {
			text := "–"
			if v, ok := c.verdict[judge]; ok {
				text = v.text
			}
			fmt.Fprintf(b, " %s |", text)
		}
		b.WriteString("\n")
	}
}

func (c *cell) levelName() string {
	if c.renewed {
		return "B-" + c.level + ", renewed"
	}
	return "B-" + c.level
}

func (c *cell) signatures() string {
	if c.foreign > 0 {
		return fmt.Sprintf("%d + %d", c.foreign, c.signers)
	}
	return fmt.Sprint(c.signers)
}

func (j *judges) versions(t *testing.T) map[string]string {
	t.Helper()
	// Of each line that a program writes about itself, the word that begins with a digit.
	ask := func(name string, args ...string) string {
		out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
		if err != nil && len(out) == 0 {
			t.Fatal(err)
		}
		for _, word := range strings.Fields(string(out)) {
			if word[0] >= '0' && word[0] <= '9' {
				return strings.TrimRight(word, ",")
			}
		}
		return ""
	}
	return map[string]string{
		"EU DSS": j.dssVersion, "pyHanko": pyhankoVersion, "veraPDF": j.pdfaMaker, "Check": "this one",
		"OpenSSL": ask("openssl", "version"), "pdfsig": ask("pdfsig", "-v"), "qpdf": ask("qpdf", "--version"), "MuPDF": ask("mutool", "-v"),
	}
}

// picture draws one square for each document, or key and level, and judge: the worst of its verdicts.
func picture(all []*cell) string {
	type row struct {
		name  string
		worst map[string]state
	}
	var rows []*row
	at := map[string]*row{}
	rank := func(s state) int { return slices.Index([]state{accepted, foreseen, known, refused}, s) }
	for _, c := range all {
		name := c.name
		if c.name == "letter" {
			name = "letter, " + c.key + ", " + c.levelName()
		}
		if document, _, adorned := strings.Cut(c.name, withImages); adorned {
			name = document + " + images"
		}
		r := at[name]
		if r == nil {
			r = &row{name, map[string]state{}}
			at[name] = r
			rows = append(rows, r)
		}
		for judge, v := range c.verdict {
			if old, ok := r.worst[judge]; !ok || rank(v.state) > rank(old) {
				r.worst[judge] = v.state
			}
		}
	}
	slices.SortStableFunc(rows, func(a, b *row) int {
		return cmp.Compare(len(a.name)-len(strings.TrimPrefix(a.name, "letter, ")), len(b.name)-len(strings.TrimPrefix(b.name, "letter, ")))
	})
	const side, label, top = 14, 270, 74
	perColumn := (len(rows) + 1) / 2
	columnWidth := label + side*len(bench()) + 30
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="11" role="img" aria-label="One square for each document and judge">`+"\n",
		2*columnWidth, top+side*perColumn+40)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="#fff"/>`+"\n")
	for i, r := range rows {
		x, y := (i/perColumn)*columnWidth, top+(i%perColumn)*side
		if i%perColumn == 0 {
			for k, judge := range bench() {
				fmt.Fprintf(&b, `<text transform="translate(%d %d) rotate(-55)" fill="#333">%s</text>`+"\n", x+label+k*side+9, top-5, judge)
			}
		}
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end" fill="#333">%s</text>`+"\n", x+label-6, y+11, html.EscapeString(r.name))
		for k, judge := range bench() {
			fill := "#eee"
			if s, ok := r.worst[judge]; ok {
				fill = map[state]string{accepted: "#2f8f4e", foreseen: "#8cc6e8", known: "#e3a32b", refused: "#c0392b"}[s]
			}
			fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%d" height="%d" fill="%s"/>`+"\n", x+label+k*side, y+1, side-2, side-2, fill)
		}
	}
	x := 20
	for _, l := range []struct{ fill, text string }{
		{"#2f8f4e", "accepted"},
		{"#8cc6e8", "no revocation data, as this level has none"},
		{"#e3a32b", "refused: a limit of the judge or of the document"},
		{"#eee", "not asked"},
	} {
		y := top + side*perColumn + 16
		fmt.Fprintf(&b, `<rect x="%d" y="%d" width="12" height="12" fill="%s"/><text x="%d" y="%d" fill="#333">%s</text>`+"\n", x, y, l.fill, x+18, y+10, l.text)
		x += 40 + 6*len(l.text)
	}
	return b.String() + "</svg>\n"
}

const pageHead = `# Conformance: what outside validators answer

This page is written by the suite of signing/conformance, from what the validators answered:

    make conformance     # installs the judges, fails on any surprise, writes this page

%d files were made and judged. Each is a document signed by one person or by several in turn, each with a visible block; at B-LT
and B-LTA the last signature brings the evidence of all of them. Every kind of key signs a letter at every level, and
every kind of document is brought to B-LTA with one signature and with three, PDF/A also with images in its blocks. P-256 is the
demonstration PKI over HTTP (OCSP and revocation lists); the other keys belong to a test PKI with revocation lists. Judges work
offline and trust the root of the PKI alone. The suite also shows them an altered letter, one without evidence and one that is no
PDF/A, which they must refuse.

| Judge | Version | Says yes to | Files | Accepted | No revocation data, as foreseen | Limits, listed below |
|---|---|---|---|---|---|---|
`

const pagePicture = `
**EU DSS answers TOTAL_PASSED, without any warning, to %d of the %d files at B-LT and B-LTA.** At B-B and B-T it cannot conclude
without fetching revocation data, which these levels do not carry: INDETERMINATE is the answer to expect, and the level that
it names is what counts.

![One square for each document and judge](img/conformance.svg)

`

const pageLimits = `## What is refused, and why

The suite fails on any refusal but these, which come from the judge or from the document, whatever signs it. EU DSS accepts all
of these files.

`

const pageDetail = `
## Every answer

The samples named after a program were made by it (signing/conformance/testdata, with the script that makes them); the others
are written by signing/internal/pdftest, *word* with the structure that Microsoft Word gives its files. « 1 + 3 » is one signature of another
program, then three of ours. « + images » has a coat of arms and a handwritten signature in each block: *colours, a photo* as the
product keeps what a town and a person bring, the others straight from the file, be it transparent, grey, with a palette, with a
colour profile or a gamma, in four inks, of 16 bits. They stand in every part of PDF/A (1 to 4), at levels A and B, with an output
intent of three, four or one colour and with none: nothing of a block is transparent there, and its colours are CalRGB.

`
