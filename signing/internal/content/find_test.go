package content

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"parapheur/internal/tooltest"
	"parapheur/signing/internal/pdf"
	"parapheur/signing/internal/pdftest"
)

func find(t testing.TB, file []byte, phrase string) []Hit {
	t.Helper()
	doc, err := pdf.Open(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	hits, complete, err := NewReader(doc).Find(t.Context(), phrase)
	if err != nil || !complete {
		t.Fatalf("complete %v, %v", complete, err)
	}
	return hits[0]
}

// The tags of letters that real producers wrote are found where poppler reads them.
func TestFindInLettersOfProducers(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"chrome", "libreoffice", "ghostscript", "cairo"} {
		path := filepath.Join("testdata", name+".pdf")
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		words := popplerWords(t, path)
		for phrase, word := range map[string]string{
			"#signature#": "#signature#", "#Signature:DGS#": "#signature:dgs#", "# signature : dgs #": "#signature:dgs#",
			"{{cachet été}}": "{{cachet", "Le Maire,": "Maire,",
		} {
			hits := find(t, file, phrase)
			if len(hits) != 1 {
				t.Errorf("%s: %d times %q", name, len(hits), phrase)
				continue
			}
			box := hits[0].Box
			want, ok := words[word]
			if ok && (math.Abs(box.Y0-want.Y0) > 6 || math.Abs(box.Y1-want.Y1) > 6 || box.X0 > want.X0+2 || box.X1 < want.X1-2 || box.Width() > want.Width()*3) {
				t.Errorf("%s: %q at %+v, poppler says %+v", name, phrase, box, want)
			}
		}
		for _, absent := range []string{"#signature", "#signature:maire#", "signature#Pour"} {
			if hits := find(t, file, absent); absent != "#signature" && len(hits) > 0 {
				t.Errorf("%s: %q found", name, absent)
			} else if absent == "#signature" && len(hits) != 2 {
				t.Errorf("%s: %d tags", name, len(hits))
			}
		}
	}
}

var wordPattern = regexp.MustCompile(`<word xMin="([\d.]+)" yMin="([\d.]+)" xMax="([\d.]+)" yMax="([\d.]+)">([^<]*)</word>`)

// popplerWords are the words of a one-page A4 file, by an outside reader.
func popplerWords(t testing.TB, path string) map[string]pdf.Rect {
	t.Helper()
	out := map[string]pdf.Rect{}
	html := []byte(tooltest.Output(t, "", "pdftotext", "-bbox", path, "-"))
	var height float64
	if m := regexp.MustCompile(`height="([\d.]+)"`).FindSubmatch(html); m != nil {
		height, _ = strconv.ParseFloat(string(m[1]), 64)
	}
	for _, m := range wordPattern.FindAllSubmatch(html, -1) {
		var n [4]float64
		for i := range n {
			n[i], _ = strconv.ParseFloat(string(m[i+1]), 64)
		}
		out[string(m[5])] = pdf.Rect{X0: n[0], Y0: height - n[3], X1: n[2], Y1: height - n[1]}
	}
	return out
}

// Every way in which a tag is written, by hand so that each is seen.
func TestFindHoweverTheTagIsWritten(t *testing.T) {
	t.Parallel()
	mapped := "<</Type/Font/Subtype/Type0/BaseFont/X/Encoding/Identity-H/DescendantFonts[<</Type/Font/Subtype/CIDFontType2/DW 500>>]/ToUnicode 9 0 R>>"
	cmap := func(body string) string {
		return fmt.Sprintf("<</Length %d>>\nstream\n%s\nendstream", len(body), body)
	}
	chars := "1 begincodespacerange <0000> <ffff> endcodespacerange 2 beginbfchar <0001> <0023> <0002> <00740075> endbfchar " +
		"2 beginbfrange <0010> <0013> <0061> <0020> <0021> [<0062> <0063>] endbfrange"
	form := "<</Type/XObject/Subtype/Form/BBox[0 0 200 20]/Matrix[1 0 0 1 50 60]/Resources<</Font<</F1 5 0 R>>>>/Length 44>>\nstream\n" +
		"BT /F1 10 Tf 0 0 Td (gna) Tj (ture#) Tj ET   \nendstream"
	differences := "<</Type/Font/Subtype/Type1/BaseFont/X/FirstChar 1/LastChar 9/Widths[500 500 500 500 500 500 500 500 500]" +
		"/Encoding<</Differences[1/numbersign/s/i/g/n/a/t/u/eacute]>>>>"
	for name, c := range map[string]struct{ content, phrase string }{
		"one string":               {"BT /F1 10 Tf 50 60 Td (#signature#) Tj ET", "#signature#"},
		"white and invisible":      {"1 1 1 rg BT 3 Tr /F1 10 Tf 50 60 Td (#signature#) Tj ET", "#signature#"},
		"hexadecimal":              {"BT /F1 10 Tf 50 60 Td <237369676E61747572653A64677323> Tj ET", "#signature:dgs#"},
		"octal escapes":            {"BT /F1 10 Tf 50 60 Td (\\043sign\\141ture#) Tj ET", "#signature#"},
		"kerned":                   {"BT /F1 10 Tf 50 60 Td [(#s) 30 (ig) -20 (nature) 15.5 (#)] TJ ET", "#signature#"},
		"a string for each":        {"BT /F1 10 Tf 50 60 Td (#) Tj (sign) Tj (ature#) Tj ET", "#signature#"},
		"text objects":             {"BT /F1 10 Tf 1 0 0 1 50 60 Tm (#sign) Tj ET BT /F1 10 Tf 1 0 0 1 78 60 Tm (ature#) Tj ET", "#signature#"},
		"two fonts":                {"BT /F1 10 Tf 50 60 Td (#sign) Tj /F3 10 Tf <06070805> Tj /F1 10 Tf (re#) Tj ET", "#signatunre#"},
		"glyph names":              {"BT /F3 10 Tf 50 60 Td <0102030405> Tj ET", "#sign"},
		"accents":                  {"BT /F1 10 Tf 50 60 Td (#sign\\351#) Tj ET", "#SIGNÉ#"},
		"two-byte codes":           {"BT /F2 10 Tf 50 60 Td <0001001000110012001300200021000200000001> Tj ET", "#abcdbctu#"},
		"split into a form":        {"BT /F1 10 Tf 27.6 60 Td (#si) Tj ET /Fm Do", "#signature#"},
		"next line operator":       {"BT /F1 10 Tf 12 TL 50 72 Td (#signature#) ' ET", "#signature#"},
		"turned":                   {"BT /F1 10 Tf 0 1 -1 0 50 60 Tm (#sign) Tj (ature#) Tj ET", "#signature#"},
		"mirrored page":            {"q 1 0 0 -1 0 842 cm BT /F1 10 Tf 1 0 0 -1 50 782 Tm (#sign) Tj (ature#) Tj ET Q", "#signature#"},
		"from right to left":       {"BT /F1 10 Tf 1 0 0 1 78 60 Tm (ature#) Tj 1 0 0 1 50 60 Tm (#sign) Tj ET", "#signature#"},
		"font after font":          {"BT /F1 10 Tf 1 0 0 1 50 60 Tm (#sign) Tj 1 0 0 1 50 300 Tm (ailleurs) Tj 1 0 0 1 78 60 Tm (ature#) Tj ET", "#signature#"},
		"drawn twice for boldness": {"BT /F1 10 Tf 1 0 0 1 50 60 Tm (#) Tj 1 0 0 1 50.2 60 Tm (#) Tj 1 0 0 1 55.6 60 Tm (a) Tj 1 0 0 1 55.8 60 Tm (a) Tj 1 0 0 1 61.2 60 Tm (#) Tj 1 0 0 1 61.4 60 Tm (#) Tj ET", "#a#"},
		"spaced out":               {"BT /F1 10 Tf 4 Tc 50 60 Td (#signature#) Tj ET", "#signature#"},
	} {
		file := letterWith(c.content, form, mapped, cmap(chars), differences)
		hits := find(t, file, c.phrase)
		if len(hits) != 1 {
			t.Errorf("%s: %d times", name, len(hits))
			continue
		}
		if b := hits[0].Box; math.Abs(b.X0-50) > 25 || math.Abs(b.Y0-57.5) > 3 && name != "turned" || b.Width() > 170 {
			t.Errorf("%s: at %+v", name, b)
		}
	}
	for name, content := range map[string]string{
		"another line":  "BT /F1 10 Tf 12 TL 50 60 Td (#sign) Tj T* (ature#) Tj ET",
		"another place": "BT /F1 10 Tf 50 60 Td (#sign) Tj 300 0 Td (ature#) Tj ET",
		"part of it":    "BT /F1 10 Tf 50 60 Td (#signature:dgs#) Tj ET",
		"nothing":       "",
	} {
		if hits := find(t, letterWith(content, form, mapped, cmap(chars), differences), "#signature#"); len(hits) > 0 {
			t.Errorf("%s: found at %+v", name, hits)
		}
	}
}

func letterWith(content, form, mapped, cmap, differences string) []byte {
	return pdftest.Table("",
		"<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>",
		"<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<</Font<</F1 5 0 R/F2 6 0 R/F3 8 0 R>>/XObject<</Fm 7 0 R>>>>"+a4+">>",
		fmt.Sprintf("<</Length %d>>\nstream\n%s\nendstream", len(content), content),
		"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>", mapped, form, differences, cmap)
}

// A document that is endless to read costs bounded time, and says that it was not read.
func TestFindIsBounded(t *testing.T) {
	t.Parallel()
	if raceEnabled {
		t.Skip("four million characters take minutes under the race detector, and no goroutine is involved")
	}
	content := strings.Repeat("BT /F1 10 Tf (aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa) Tj ET ", 20_000)
	kids, pages := "", []string{}
	for i := range 300 {
		kids += fmt.Sprintf("%d 0 R ", i+5)
		pages = append(pages, "<</Type/Page/Parent 2 0 R/Contents 3 0 R/Resources<</Font<</F1 4 0 R>>>>"+a4+">>")
	}
	file := pdftest.Table("", append([]string{
		"<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[" + kids + "]/Count 300>>",
		fmt.Sprintf("<</Length %d>>\nstream\n%s\nendstream", len(content), content), "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
	}, pages...)...)
	doc, err := pdf.Open(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	hits, complete, err := NewReader(doc).Find(t.Context(), strings.Repeat("a", 30)+"b")
	if err != nil || len(hits[0]) > 0 || complete {
		t.Errorf("%d hits, complete %v, %v", len(hits), complete, err)
	}
	if d := time.Since(start); d > 40*time.Second {
		t.Errorf("took %v", d)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := NewReader(doc).Find(ctx, "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func FuzzPage(f *testing.F) {
	f.Add([]byte("q 1 0 0 1 0 0 cm BI ID x EI Q (a\\(b) Tj [ 1 (a) ] TJ <4> ' T* \" /x Do /Fm Do /F1 9 Tf /F2 1 Tf <0001"))
	f.Add([]byte("BT /F1 10 Tf 50 60 Td [(#s) 30 (ig) -20 (nature) 15.5 (#)] TJ ET"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		if bytes.Contains(stream, []byte("endstream")) {
			t.Skip("would end the stream of the fixture")
		}
		file := letterWith(string(stream), "null", "<</Subtype/Type0/ToUnicode 9 0 R>>", "null", "null")
		p := read(t, file)
		for _, r := range append(p.Text, p.Drawn...) {
			if r.Empty() || r != r {
				t.Fatalf("%+v", r)
			}
		}
	})
}

func FuzzCMap(f *testing.F) {
	f.Add([]byte("1 begincodespacerange <0000> <ffff> endcodespacerange 1 beginbfchar <0001> <0023> endbfchar 1 beginbfrange <0010> <0013> <0061> endbfrange"), 0x11)
	f.Add([]byte("beginbfrange <0020> <0021> [<0062> <D83DDE00>] endbfrange"), 0x21)
	f.Fuzz(func(t *testing.T, b []byte, code int) { readCMap(b).text(code) })
}
