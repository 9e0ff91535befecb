package appearance

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"parapheur/internal/tooltest"
)

func mayor() Text {
	return Text{
		Name: "Élise Préfète-Gœury", Quality: "Maire", Town: "Saint-Aubin-sur-Loire",
		Date: FrenchDate(time.Date(2026, 11, 23, 12, 47, 3, 0, time.UTC)),
	}
}

// document puts blocks on an A4 page over a line of dummy letter text.
func document(t testing.TB, blocks ...Block) []byte {
	t.Helper()
	objects := []string{"<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>", "", ""}
	var names, content strings.Builder
	for n, b := range blocks {
		o, err := b.Build()
		if err != nil {
			t.Fatal(err)
		}
		form := len(objects) + 1
		ref := func(i int) string { return fmt.Sprintf("%d 0 R", form+1+i) }
		objects = append(objects, fmt.Sprintf("<</Type/XObject/Subtype/Form/BBox[0 0 %g %g]/Resources %s/Length %d>>\nstream\n%s\nendstream",
			o.Width, o.Height, o.Resources(ref), len(o.Form), o.Form))
		for _, e := range o.Extra {
			s := e.Dict(ref)
			if e.Stream != nil {
				s += "\nstream\n" + string(e.Stream) + "\nendstream"
			}
			objects = append(objects, s)
		}
		fmt.Fprintf(&names, "/B%d %d 0 R", n, form)
		fmt.Fprintf(&content, "q 1 0 0 1 %d %d cm /B%d Do Q\n", 40+270*(n%2), 720-120*(n/2), n)
	}
	objects[2] = "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</XObject<<" + names.String() + ">>>>>>"
	objects[3] = fmt.Sprintf("<</Length %d>>\nstream\n%s\nendstream", content.Len(), content.String())
	return pdfFile(objects)
}

func pdfFile(objects []string) []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.7\n%\xE2\xE3\xCF\xD3\n")
	xref := "0000000000 65535 f \n"
	for i, o := range objects {
		xref += fmt.Sprintf("%010d 00000 n \n", b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	start := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n%strailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, xref, len(objects)+1, start)
	return b.Bytes()
}

func samples() []Text {
	long := mayor()
	long.Name = "Marie-Élisabeth de La Rochefoucauld-Montmorency d’Ailly de Saint-Sauveur"
	long.Quality = "Adjointe au maire déléguée à l’urbanisme, au patrimoine, à la transition écologique et aux finances"
	long.Mention = "Pour le maire et par délégation (arrêté n° 2026-041)"
	motto := mayor()
	motto.Quality = "Maire de Saint-Aubin-sur-Loire"
	motto.Motto = "« Une commune, des citoyens » — document signé, copie vérifiable hors ligne"
	polish := mayor()
	polish.Name, polish.Town = "Łukasz Żółć-Ÿvès ŒUVRARD", "L’Haÿ-les-Roses"
	foreign := mayor()
	foreign.Name = "山田 太郎 & Ünal İçğış (№ 5)"
	return []Text{mayor(), long, motto, polish, foreign, {Name: "A"}}
}

func blocks() []Block {
	var b []Block
	for _, s := range samples() {
		b = append(b, Layout(s))
	}
	return b
}

func TestQpdfFindsNoFault(t *testing.T) {
	t.Parallel()
	out := tooltest.On(t, document(t, blocks()...), "qpdf", "--check", "FILE")
	if strings.Contains(out, "WARNING") || !strings.Contains(out, "No syntax or stream encoding errors") {
		t.Error(out)
	}
}

func TestEveryFontIsEmbeddedWithUnicode(t *testing.T) {
	t.Parallel()
	out := tooltest.On(t, document(t, Layout(mayor())), "pdffonts", "FILE")
	for _, line := range strings.Split(strings.TrimSpace(out), "\n")[2:] {
		if !strings.Contains(line, "Identity-H") || strings.Count(line, "yes") != 3 {
			t.Errorf("not an embedded subset with ToUnicode: %s", line)
		}
	}
	if strings.Count(out, "PublicSans") != 2 {
		t.Error(out)
	}
}

// The extracted text is the text asked for, accents and no-break spaces included,
// even where the font lacks the character.
func TestExtractedTextEqualsTheInput(t *testing.T) {
	t.Parallel()
	all := Text{Name: "ÀÂÄÆÇÉÈÊËÎÏÔŒÙÛÜŸ àâäæçéèêëîïôœùûüÿ", Quality: "« ’ ‘ “ ” » – — … € ° № ñ ß ł ž ő ș", Town: "L’Haÿ", Date: "1er", Mention: "n° 5\u202F000\u00A0€"}
	for _, c := range append(samples(), all) {
		b := Layout(c)
		var want []string
		for _, l := range b.Lines {
			want = append(want, l.Text)
		}
		got := strings.Fields(tooltest.On(t, document(t, b), "pdftotext", "-raw", "-enc", "UTF-8", "FILE", "-"))
		if w := strings.Fields(strings.Join(want, " ")); !slices.Equal(got, w) {
			t.Errorf("extracted %q\nwant %q", got, w)
		}
	}
}

func TestSameBlockSameBytes(t *testing.T) {
	t.Parallel()
	first := document(t, blocks()...)
	for range 8 {
		if !bytes.Equal(first, document(t, blocks()...)) {
			t.Fatal("two builds differ")
		}
	}
}

func TestDecomposedAccentsAreComposed(t *testing.T) {
	t.Parallel()
	b := Layout(Text{Name: "E\u0301lise Pre\u0301fe\u0300te\u00AD\u200B\r\n  Dupont"})
	if got := b.Lines[1].Text; got != "Élise Préfète Dupont" {
		t.Errorf("got %q", got)
	}
}

func TestMissingNamesWhatTheFontLacks(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"Ÿvonne Œuf’\u00A0\u202F‑": "", "山a山川": "山川", "\U0001F600": "\U0001F600"} {
		got, err := Layout(Text{Name: text}).Missing()
		if err != nil || string(got) != want {
			t.Errorf("%q: missing %q, %v; want %q", text, string(got), err, want)
		}
	}
}

func TestLongNamesKeepEveryCharacter(t *testing.T) {
	t.Parallel()
	name := strings.Repeat("Saint-Ÿ", 20)
	b := Layout(Text{Name: name})
	var got strings.Builder
	for _, l := range b.Lines {
		if l.Bold && l.Tone == Ink {
			got.WriteString(l.Text)
		}
	}
	if got.String() != name {
		t.Errorf("got %q", got.String())
	}
	if b.Width > maxWidth || b.Width < minWidth {
		t.Errorf("width %g", b.Width)
	}
}

func TestFrenchDate(t *testing.T) {
	t.Parallel()
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		at   time.Time
		want string
	}{
		{time.Date(2026, 11, 23, 11, 47, 0, 0, time.UTC), "23 novembre 2026 à 12 h 47"},
		{time.Date(2026, 7, 31, 22, 5, 0, 0, time.UTC), "1er août 2026 à 0 h 05"},
	} {
		got := strings.ReplaceAll(FrenchDate(c.at.In(paris)), "\u00A0", " ")
		if got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func FuzzLayout(f *testing.F) {
	for _, s := range samples() {
		f.Add(s.Name, s.Quality, s.Town, s.Mention)
	}
	f.Add("\xff\x00(", strings.Repeat("W", 3000), "\u202e\u0301", "a\u2028b")
	f.Fuzz(func(t *testing.T, name, quality, town, mention string) {
		b := Layout(Text{Name: name, Quality: quality, Town: town, Mention: mention, Motto: town})
		if !(b.Width <= maxWidth && b.Width >= minWidth && b.Height > 0 && b.Height < 600) {
			t.Fatalf("block of %g x %g", b.Width, b.Height)
		}
		o, err := b.Build()
		if err != nil {
			t.Fatal(err)
		}
		if !utf8.Valid(o.Form) || len(o.Form) > 1<<16 {
			t.Fatalf("form of %d bytes", len(o.Form))
		}
		ref := func(i int) string {
			if i < 0 || i >= len(o.Extra) {
				t.Fatalf("reference to object %d of %d", i, len(o.Extra))
			}
			return "1 0 R"
		}
		o.Resources(ref)
		for _, e := range o.Extra {
			e.Dict(ref)
		}
	})
}

// The subsets kept from one block to the next are those that the block would build alone, in
// parallel and after so many others that the cache was emptied.
func TestSubsetsAreReused(t *testing.T) {
	t.Parallel()
	build := func(name string) string {
		o, err := Layout(Text{Name: name, Date: "23 novembre 2026"}).Build()
		if err != nil {
			t.Error(err)
		}
		all := string(o.Form)
		for _, x := range o.Extra {
			all += x.Dict(func(i int) string { return fmt.Sprint(i) }) + string(x.Stream)
		}
		return all
	}
	want := build("Élise Préfète")
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			if other := build(string(rune('A'+i%26)) + "gnès Kœnig " + strings.Repeat("z", i/26)); other == want {
				t.Error("another name, the same block")
			}
			if build("Élise Préfète") != want {
				t.Error("the same block, other bytes")
			}
		})
	}
	wg.Wait()
}

// A field of any proportions gets a block that fits, says whom it is about, and drops the rest in order.
func TestFitChoosesWhatIsReadable(t *testing.T) {
	t.Parallel()
	c := mayor()
	c.Mention, c.Reason = "Pour le Maire et par délégation", "Arrêté no 12"
	for _, f := range []struct {
		width, height float64
		has, lacks    string
	}{
		{360, 180, "Arrêté no 12", ""},
		{220, 110, "Arrêté no 12", ""},
		{150, 40, "novembre", "délégation"},
		{120, 120, "délégation", ""},
		{300, 24, "Élise", "novembre"},
		{60, 60, "Élise", "délégation"},
		{40, 14, "Élise", "délégation"},
	} {
		b, scale := Fit(c, f.width, f.height)
		var words []string
		for _, l := range b.Lines {
			words = append(words, l.Text)
		}
		text := strings.Join(words, " ")
		if b.Width*scale > f.width+0.01 || b.Height*scale > f.height+0.01 || scale > maxScale || scale <= 0 {
			t.Errorf("%g x %g: block of %g x %g at %g", f.width, f.height, b.Width, b.Height, scale)
		}
		if !strings.Contains(text, f.has) || f.lacks != "" && strings.Contains(text, f.lacks) || !strings.HasPrefix(text, "Signé") {
			t.Errorf("%g x %g: %q", f.width, f.height, text)
		}
	}
}

// A seal is never said to be signed, and speaks French.
func TestSealSpeaksFrench(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"Ville de Blois": "Cachet de la Ville de Blois", "Conseil départemental": "Cachet du Conseil départemental",
		"École des Tilleuls": "Cachet de l’École des Tilleuls", "Cachet de la Ville de Blois": "Cachet de la Ville de Blois", "ACME": "ACME",
	} {
		if got := sealOf(name); got != want {
			t.Errorf("%q: %q", name, got)
		}
	}
	b := Layout(Text{Name: "Ville de Blois", Seal: true, Quality: "Maire", Mention: "Pour le maire"})
	for _, l := range b.Lines {
		if strings.Contains(l.Text, "igné") || strings.Contains(l.Text, "aire") {
			t.Errorf("a seal says %q", l.Text)
		}
	}
}
