package intake

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"parapheur/internal/pdftest"
	"parapheur/internal/tooltest"
)

const onePage = pdftest.Object("<</Type/Pages/Kids[3 0 R]/Count 1>>")

// with is a letter of one page with something in its catalog, on its page, and among its objects from number 4.
func with(catalog, page string, more ...pdftest.Object) []byte {
	return pdftest.File(append([]pdftest.Object{
		pdftest.Object("<</Type/Catalog/Pages 2 0 R" + catalog + ">>"), onePage,
		pdftest.Object("<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]" + page + ">>"),
	}, more...)...)
}

func TestFindings(t *testing.T) {
	t.Parallel()
	link := func(action string) []byte {
		return with("", "/Annots[4 0 R]", pdftest.Object("<</Type/Annot/Subtype/Link/Rect[0 0 9 9]/A "+action+">>"))
	}
	attached := func(name string, content pdftest.Object) []byte {
		return with("/Names<</EmbeddedFiles<</Names[(x) 4 0 R]>>>>", "", pdftest.Object("<</Type/Filespec/F("+name+")/EF<</F 5 0 R>>>>"), content)
	}
	text := pdftest.Stream("/Type/EmbeddedFile", []byte("bonjour"))
	for name, c := range map[string]struct {
		pdf  []byte
		want []Finding
	}{
		"nothing":                       {letter(), nil},
		"a link to a site":              {link("<</S/URI/URI(https://example.org)>>"), nil},
		"a link to a page":              {link("<</S/GoTo/D[3 0 R/Fit]>>"), nil},
		"a script on a page":            {link("<</S/JavaScript/JS(1)>>"), []Finding{{Kind: KindJavaScript, Page: 1}}},
		"a script behind another":       {link("<</S/GoTo/D[3 0 R/Fit]/Next<</S/JavaScript/JS(1)>>>>"), []Finding{{Kind: KindJavaScript, Page: 1}}},
		"a script when a page opens":    {with("", "/AA<</O<</S/JavaScript/JS(1)>>>>"), []Finding{{Kind: KindJavaScript, Page: 1}}},
		"a script when it opens":        {with("/OpenAction<</S/JavaScript/JS(1)>>", ""), []Finding{{Kind: KindJavaScript, Where: WhereOpening}}},
		"a script by name":              {with("/Names<</JavaScript<</Names[(a)<</S/JavaScript/JS(1)>>]>>>>", ""), []Finding{{Kind: KindJavaScript, Where: WhereDocument}}},
		"a script under an escaped key": {link("<</S/Java#53cript/JS(1)>>"), []Finding{{Kind: KindJavaScript, Page: 1}}},
		"a script nobody refers to":     {with("", "", "<</S/JavaScript/JS(1)>>"), []Finding{{Kind: KindJavaScript, Where: WhereDocument}}},
		"a script in a field": {
			with("/AcroForm<</Fields[4 0 R]>>", "", "<</FT/Tx/T(a)/DA(/F 9 Tf)/AA<</K<</S/JavaScript/JS(1)>>>>>>"),
			[]Finding{{Kind: KindJavaScript, Where: WhereForm}},
		},
		"a program started":                      {link("<</S/Launch/F(cmd.exe)>>"), []Finding{{Kind: KindLaunch, Page: 1, Name: "cmd.exe"}}},
		"a program for Windows":                  {link("<</S/Launch/Win<</F(calc.exe)>>>>"), []Finding{{Kind: KindLaunch, Page: 1, Name: "calc.exe"}}},
		"a form that sends":                      {link("<</S/SubmitForm/F<</FS/URL/F(https://example.org)>>>>"), []Finding{{Kind: KindSubmit, Page: 1, Name: "https://example.org"}}},
		"another file":                           {link("<</S/GoToR/F(autre.pdf)/D[0/Fit]>>"), []Finding{{Kind: KindRemote, Page: 1, Name: "autre.pdf"}}},
		"a film":                                 {with("", "/Annots[<</Type/Annot/Subtype/Screen/Rect[0 0 9 9]>>]"), []Finding{{Kind: KindRichMedia, Page: 1}}},
		"a file":                                 {attached("facture.xml", text), []Finding{{Kind: KindAttachment, Where: WhereDocument, Name: "facture.xml"}}},
		"a program by its name":                  {attached("facture.pdf.exe", text), []Finding{{Kind: KindExecutable, Where: WhereDocument, Name: "facture.pdf.exe"}}},
		"a program by a name that Windows trims": {attached("a.exe. ", text), []Finding{{Kind: KindExecutable, Where: WhereDocument, Name: "a.exe."}}},
		"a program by its bytes":                 {attached("photo.jpg", pdftest.Stream("", []byte("MZ\x90\x00"))), []Finding{{Kind: KindExecutable, Where: WhereDocument, Name: "photo.jpg"}}},
		"a program by its bytes, deflated":       {attached("photo.jpg", pdftest.Deflated([]byte("\x7fELF\x02"))), []Finding{{Kind: KindExecutable, Where: WhereDocument, Name: "photo.jpg"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := inspect(t, Limits{}, write(t, c.pdf))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(got.Findings, c.want, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("got (-), want (+):\n%s", diff)
			}
		})
	}
}

// A thousand scripts are told as fifty, and soon.
func TestFindingsAreBounded(t *testing.T) {
	t.Parallel()
	var kids strings.Builder
	objects := []pdftest.Object{"<</Type/Catalog/Pages 2 0 R>>", ""}
	for i := range 1000 {
		fmt.Fprintf(&kids, "%d 0 R ", i+3)
		objects = append(objects, "<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/AA<</O<</S/JavaScript/JS(1)>>>>>>")
	}
	objects[1] = pdftest.Object("<</Type/Pages/Count 1000/Kids[" + kids.String() + "]>>")
	got, err := inspect(t, Limits{}, write(t, pdftest.File(objects...)))
	if err != nil || len(got.Findings) != maxFindings || got.Findings[0].Page != 1 {
		t.Errorf("%d findings, %v", len(got.Findings), err)
	}
}

// TestStampsStandUpright puts a stamp at the same place of pages turned and cropped in every way, and asks poppler where
// it is: at the top right of what is shown, upright.
func TestStampsStandUpright(t *testing.T) {
	t.Parallel()
	for _, page := range []string{
		"", "/Rotate 90", "/Rotate 180", "/Rotate 270", "/Rotate -90", "/CropBox[100 200 500 700]", "/CropBox[100 200 500 700]/Rotate 90",
		"/Contents[]", "/UserUnit 1",
	} {
		path := write(t, with("", page))
		info, err := inspect(t, Limits{}, path)
		if err != nil {
			t.Fatal(err)
		}
		out, err := rewritten(t, path, []Stamp{{Page: 1, X: 0.5, Y: 0.02, W: 0.48, H: 0.05, Lines: []string{"Chrono 2026-0123", "Haÿ-l’Œuvre, été"}}})
		if err != nil {
			t.Fatalf("%q: %v", page, err)
		}
		runTool(t, tooltest.First(t, "qpdf"), "--check", out)
		box, err := exec.Command(tooltest.First(t, "pdftotext"), "-bbox", "-cropbox", out, "-").Output()
		if err != nil {
			t.Fatal(err)
		}
		m := regexp.MustCompile(`xMin="([0-9.]+)" yMin="([0-9.]+)" xMax="([0-9.]+)" yMax="([0-9.]+)">2026-0123<`).FindStringSubmatch(string(box))
		if m == nil || !strings.Contains(string(box), "Haÿ-l’Œuvre") {
			t.Errorf("%q: no stamp in\n%s", page, box)
			continue
		}
		var at [4]float64
		for i := range at {
			at[i], _ = strconv.ParseFloat(m[i+1], 64) //nolint:errcheck // digits by the expression
		}
		width, height := info.Sizes[0][0], info.Sizes[0][1]
		if at[2] < 0.95*width || at[2] > 0.99*width || at[3] > 0.06*height || at[1] < 0.01*height || at[2]-at[0] < at[3]-at[1] {
			t.Errorf("%q: the stamp is at %v of %v", page, at, info.Sizes[0])
		}
	}
}

// TestStampWidths holds the table against what poppler measures in the font.
func TestStampWidths(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		encoded string
		want    float64
	}{{"A", 710}, {"\x9c", 948}, {"\xe9", 566}, {"AA", 1420}, {"\n", 0}} {
		if got := textWidth(c.encoded); got != c.want {
			t.Errorf("%q is %v wide, want %v", c.encoded, got, c.want)
		}
	}
	if err := os.WriteFile(filepath.Join(t.TempDir(), "font.ttf"), stampFont, 0o600); err != nil || len(stampFont) > 32<<10 {
		t.Errorf("the font has %d bytes, %v", len(stampFont), err)
	}
}

// archive is a one-page document that claims PDF/A.
func archive(claim, profile string) []byte {
	xmp := `<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">` +
		`<rdf:Description rdf:about="" xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/">` + claim + `</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>`
	return with("/Metadata 4 0 R/OutputIntents[<</Type/OutputIntent/S/GTS_PDFA1/OutputConditionIdentifier(x)/DestOutputProfile 5 0 R>>]", "",
		pdftest.Stream("/Type/Metadata/Subtype/XML", []byte(xmp)), pdftest.Stream("/N 3", []byte(profile)))
}

func elements(part, conformance string) string {
	return "<pdfaid:part>" + part + "</pdfaid:part><pdfaid:conformance>" + conformance + "</pdfaid:conformance>"
}

func TestArchivalClaims(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		elements("2", "B"): "2b", elements(" 1\n", "A"): "1a", "<pdfaid:part>4</pdfaid:part>": "4", "": "",
		`<rdf:Description pdfaid:part="3" pdfaid:conformance="U"/>`: "3u", elements("12", "B"): "", elements("2", "<x/>"): "2", "<pdfaid:part>2": "2",
		elements("2", "Z"): "",
	} {
		if got := claim([]byte(in)); got != want {
			t.Errorf("%q claims %q, want %q", in, got, want)
		}
	}
	if info, err := inspect(t, Limits{}, write(t, archive(elements("2", "B"), "x"))); err != nil || info.PDFA != "2b" {
		t.Errorf("%q, %v", info.PDFA, err)
	}
}

// TestArchivesStayArchives joins and stamps: a PDF/A keeps its claim and its intent, or the annex is refused.
func TestArchivesStayArchives(t *testing.T) {
	t.Parallel()
	letter2b := write(t, archive(elements("2", "B"), "sRGB"))
	stamp := []Stamp{{Page: 1, X: 0.5, Y: 0.02, W: 0.48, H: 0.05, Lines: []string{"Chrono"}}}
	for name, c := range map[string]struct {
		letter, annex string
		want          error
	}{
		"alone":                       {letter2b, "", nil},
		"the same format":             {letter2b, write(t, archive(elements("2", "U"), "sRGB")), nil},
		"no archive":                  {letter2b, write(t, letter()), ErrArchival},
		"another part":                {letter2b, write(t, archive(elements("3", "B"), "sRGB")), ErrArchival},
		"another profile":             {letter2b, write(t, archive(elements("2", "B"), "CMYK")), ErrArchival},
		"a letter of level A":         {write(t, archive(elements("2", "A"), "sRGB")), write(t, archive(elements("2", "A"), "sRGB")), ErrArchival},
		"an archive to an ordinary":   {write(t, letter()), letter2b, nil},
		"hidden layers in the annex":  {write(t, letter()), write(t, with("/OCProperties<</OCGs[4 0 R]/D<</OFF[4 0 R]>>>>", "", "<</Type/OCG/Name(x)>>")), ErrJoin},
		"visible layers in the annex": {write(t, letter()), write(t, with("/OCProperties<</OCGs[4 0 R]/D<</ON[4 0 R]>>>>", "", "<</Type/OCG/Name(x)>>")), nil},
	} {
		var annexes []string
		if c.annex != "" {
			annexes = []string{c.annex}
		}
		before, err := inspect(t, Limits{}, c.letter)
		if err != nil {
			t.Fatal(err)
		}
		out, err := rewritten(t, c.letter, stamp, annexes...)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if err != nil {
			continue
		}
		after, err := inspect(t, Limits{}, out)
		if err != nil || after.PDFA != before.PDFA || after.NeedsRepair || after.Pages != before.Pages+len(annexes) {
			t.Errorf("%s: %+v, %v", name, after, err)
		}
		b, err := os.ReadFile(out)
		if err != nil || before.PDFA != "" && !strings.Contains(string(b), "/OutputIntents") {
			t.Errorf("%s: no output intent, %v", name, err)
		}
	}
}

// TestFilesOfRealProducersJoin appends to each file that another program made the same file, and stamps it.
func TestFilesOfRealProducersJoin(t *testing.T) {
	t.Parallel()
	samples, err := filepath.Glob("../../signing/conformance/testdata/*.pdf")
	if err != nil || len(samples) == 0 {
		t.Fatal("no samples", err)
	}
	for _, sample := range samples {
		before, err := inspect(t, Limits{}, sample)
		if err != nil {
			t.Fatal(err)
		}
		out, err := rewritten(t, sample, []Stamp{{Page: 1, X: 0.5, Y: 0.02, W: 0.48, H: 0.05, Lines: []string{"Chrono"}}}, sample)
		if strings.HasSuffix(before.PDFA, "a") && errors.Is(err, ErrArchival) {
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", sample, err)
			continue
		}
		runTool(t, tooltest.First(t, "qpdf"), "--check", out)
		text := textOf(t, sample)
		if after, err := inspect(t, Limits{}, out); err != nil || after.Pages != 2*before.Pages || after.PDFA != before.PDFA ||
			strings.Count(textOf(t, out), strings.Fields(text + " x")[0]) < 2*strings.Count(text, strings.Fields(text + " x")[0]) {
			t.Errorf("%s: %+v, %v", sample, after, err)
		}
	}
}

// TestRewritingChangesNothingElse writes files of real producers anew: the version, the text and the metadata stay, and
// twice gives the same bytes.
func TestRewritingChangesNothingElse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	source := write(t, letter())
	for i, args := range [][]string{
		{"--object-streams=generate"}, {"--linearize"}, {"--object-streams=disable", "--force-version=1.4"}, {"--qdf"}, {"--force-version=2.0"},
	} {
		in := filepath.Join(dir, fmt.Sprintf("%d.pdf", i))
		runTool(t, tooltest.First(t, "qpdf"), append(args, source, in)...)
		before, err := inspect(t, Limits{}, in)
		if err != nil {
			t.Fatal(err)
		}
		out, err := rewritten(t, in, nil)
		if err != nil {
			t.Errorf("%v: %v", args, err)
			continue
		}
		again, err := rewritten(t, in, nil)
		if err != nil {
			t.Fatal(err)
		}
		one, _ := os.ReadFile(out)   //nolint:errcheck // compared below
		two, _ := os.ReadFile(again) //nolint:errcheck // compared below
		if len(one) == 0 || string(one) != string(two) {
			t.Errorf("%v: two writings differ", args)
		}
		after, err := inspect(t, Limits{}, out)
		if err != nil || after.Version != before.Version || after.NeedsRepair || textOf(t, out) != textOf(t, in) || strings.Contains(string(one), "pdfcpu") {
			t.Errorf("%v: %+v became %+v, %v", args, before, after, err)
		}
		runTool(t, tooltest.First(t, "qpdf"), "--check", out)
	}
}

// TestTreesWithinThemselves are refused before validation, which would never end.
func TestTreesWithinThemselves(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"name tree cycle", "page tree cycle", "field tree cycle"} {
		if _, err := inspect(t, Limits{}, write(t, hostile()[name])); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v, want ErrDamaged", name, err)
		}
	}
}

// TestHostileFilesAreNotRewrittenForLong gives the hostile files to the writer, alone and as an annex.
func TestHostileFilesAreNotRewrittenForLong(t *testing.T) {
	t.Parallel()
	good := write(t, letter())
	for name, pdf := range hostile() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := write(t, pdf)
			for what, run := range map[string]func() (string, error){
				"alone":    func() (string, error) { return rewritten(t, path, nil) },
				"as annex": func() (string, error) { return rewritten(t, good, nil, path) },
			} {
				if _, err := run(); err != nil {
					if title, _ := French(err); strings.HasPrefix(title, "La vérification") {
						t.Errorf("%s: the refusal is not explained: %v", what, err)
					}
				}
			}
		})
	}
}

func TestRewritingIsBounded(t *testing.T) {
	t.Parallel()
	path := write(t, letter())
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out, err := os.Create(filepath.Join(t.TempDir(), "out.pdf"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	stamp := Stamp{Page: 1, W: 1, H: 1, Lines: []string{"x"}} // its font outgrows the limit
	if err := New(Limits{MaxBytes: size(t, path) + 100}).Rewrite(t.Context(), f, Edit{Stamps: []Stamp{stamp}}, out); !errors.Is(err, ErrTooLarge) {
		t.Errorf("%v, want ErrTooLarge", err)
	}
}

func FuzzClaim(f *testing.F) {
	f.Add([]byte(elements("2", "B")))
	f.Add([]byte(`<a pdfaid:part="1" pdfaid:conformance="A">`))
	f.Fuzz(func(t *testing.T, xmp []byte) {
		if got := claim(xmp); len(got) > 2 || got != "" && (got[0] < '1' || got[0] > '9') {
			t.Fatalf("%q claims %q", xmp, got)
		}
	})
}
