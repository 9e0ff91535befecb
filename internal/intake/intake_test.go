package intake

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"parapheur/internal/child"
	"parapheur/internal/pdftest"
	"parapheur/internal/tooltest"
)

func TestMain(m *testing.M) {
	child.Main(Job())
	os.Exit(m.Run())
}

func runTool(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", name, err, out)
	}
}

func write(t *testing.T, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "in.pdf")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func inspect(t *testing.T, l Limits, path string) (Info, error) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return New(l).Inspect(t.Context(), f)
}

// rewritten writes the file at path anew; annexes are paths.
func rewritten(t *testing.T, path string, stamps []Stamp, annexes ...string) (string, error) {
	t.Helper()
	open := func(path string) *os.File {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	edit := Edit{Stamps: stamps}
	for _, a := range annexes {
		edit.Annexes = append(edit.Annexes, open(a))
	}
	out, err := os.Create(filepath.Join(t.TempDir(), "out.pdf"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	return out.Name(), New(Limits{}).Rewrite(t.Context(), open(path), edit, out)
}

func letter() []byte {
	return pdftest.Pages(pdftest.Text("R\xe9ponse \xe0 M. \x8cuvrard"), pdftest.Text("Page deux"))
}

// withInfo adds a document information dictionary as an appended revision would not: by hand, in the trailer.
func withInfo(info string) []byte {
	b := pdftest.File("<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>",
		"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>", pdftest.Object(info))
	return bytes.Replace(b, []byte("/Root 1 0 R"), []byte("/Root 1 0 R/Info 4 0 R"), 1)
}

func TestGoodFiles(t *testing.T) {
	t.Parallel()
	signed := pdftest.File("<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[4 0 R]/SigFlags 3>>>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>",
		"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Annots[4 0 R]>>",
		"<</Type/Annot/Subtype/Widget/FT/Sig/T(s)/F 132/Rect[0 0 0 0]/P 3 0 R/V 5 0 R>>",
		"<</Type/Sig/Filter/Adobe.PPKLite/SubFilter/ETSI.CAdES.detached/ByteRange[0 10 20 10]/Contents<00>>>")
	for _, c := range []struct {
		name string
		pdf  []byte
		want Info
	}{
		{"letter", letter(), Info{Pages: 2, Version: "1.7"}},
		{
			"dates as LibreOffice writes them", withInfo("<</Creator(Writer)/Producer(LibreOffice 7.4)/CreationDate(D:20261123101500Z')/Title<FEFF0043006F0075007200720069006500720020002D00200152>>>"),
			Info{Pages: 1, Version: "1.7", Title: "Courrier - Œ"},
		},
		{"signed", signed, Info{Pages: 1, Version: "1.7", Signed: true}},
		{"signed, flag forgotten", bytes.Replace(signed, []byte("/SigFlags 3"), []byte("           "), 1), Info{Pages: 1, Version: "1.7", Signed: true}},
		{"a hundred bytes before the header", append(bytes.Repeat([]byte("x"), 100), letter()...), Info{Pages: 2, Version: "1.7", NeedsRepair: true}},
		{"five thousand zeros after the end", append(letter(), make([]byte, 5000)...), Info{Pages: 2, Version: "1.7", NeedsRepair: true}},
		{"startxref one byte off", offByOne(letter()), Info{Pages: 2, Version: "1.7", NeedsRepair: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := inspect(t, Limits{}, write(t, c.pdf))
			if err != nil {
				t.Fatal(err)
			}
			c.want.Bytes = int64(len(c.pdf))
			if diff := cmp.Diff(got, c.want, cmpopts.IgnoreFields(Info{}, "Sizes"), cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("got (-), want (+):\n%s", diff)
			}
		})
	}
}

func offByOne(pdf []byte) []byte {
	at := bytes.LastIndex(pdf, []byte("startxref\n")) + len("startxref\n")
	var offset int
	if _, err := fmt.Sscan(string(pdf[at:]), &offset); err != nil {
		panic(err) // the file comes from pdftest
	}
	return append(pdf[:at:at], fmt.Sprintf("%d\n%%%%EOF\n", offset+1)...)
}

func TestFilesOfRealProducers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	source := write(t, letter())
	page := filepath.Join(dir, "page.html")
	if err := os.WriteFile(page, []byte(`<!doctype html><html lang=fr><meta charset=utf-8><title>Délibération</title><h1>Été à L’Haÿ</h1>`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		make func(out string)
		want Info
	}{
		{"Chromium", func(out string) {
			runTool(t, tooltest.First(t, "chromium", "chromium-browser", "google-chrome"), "--headless", "--no-sandbox", "--disable-gpu",
				"--user-data-dir="+filepath.Join(dir, "profile"), "--no-pdf-header-footer", "--print-to-pdf="+out, "file://"+page)
		}, Info{Pages: 1, Title: "Délibération"}},
		{"cairo", func(out string) { runTool(t, tooltest.First(t, "pdftocairo"), "-pdf", source, out) }, Info{Pages: 2}},
		{"qpdf with object streams", func(out string) { runTool(t, tooltest.First(t, "qpdf"), "--object-streams=generate", source, out) }, Info{Pages: 2}},
		{"qpdf linearized", func(out string) { runTool(t, tooltest.First(t, "qpdf"), "--linearize", source, out) }, Info{Pages: 2}},
		{"qpdf, no object streams, 1.4", func(out string) {
			runTool(t, tooltest.First(t, "qpdf"), "--object-streams=disable", "--force-version=1.4", source, out)
		}, Info{Pages: 2}},
	} {
		out := filepath.Join(dir, strings.ReplaceAll(c.name, " ", "-")+".pdf")
		c.make(out)
		got, err := inspect(t, Limits{}, out)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if diff := cmp.Diff(got, c.want, cmpopts.IgnoreFields(Info{}, "Bytes", "Version", "Sizes"), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: got (-), want (+):\n%s", c.name, diff)
		}
	}
}

func TestProtections(t *testing.T) {
	t.Parallel()
	source, dir := write(t, letter()), t.TempDir()
	for _, c := range []struct {
		name, user, bits string
		args             []string
		want             error
	}{
		{"owner password only, AES-256", "", "256", nil, nil},
		{"owner password only, AES-128", "", "128", []string{"--use-aes=y"}, nil},
		{"owner password only, RC4-128", "", "128", nil, nil},
		{"owner password only, RC4-40", "", "40", nil, nil},
		{"owner password only, clear metadata", "", "256", []string{"--cleartext-metadata"}, nil},
		{"user password, AES-256", "secret", "256", nil, ErrEncrypted},
		{"user password, RC4-40", "secret", "40", nil, ErrEncrypted},
	} {
		out := filepath.Join(dir, strings.ReplaceAll(c.name, " ", "-")+".pdf")
		args := append([]string{"--allow-weak-crypto", "--encrypt", c.user, "owner", c.bits}, c.args...)
		runTool(t, tooltest.First(t, "qpdf"), append(args, "--", source, out)...)
		info, err := inspect(t, Limits{}, out)
		if !errors.Is(err, c.want) || err == nil && !info.Protected {
			t.Errorf("%s: %+v, %v, want %v", c.name, info, err, c.want)
		}
		if err != nil {
			continue
		}
		free, err := rewritten(t, out, nil)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if info, err := inspect(t, Limits{}, free); err != nil || info.Protected || info.NeedsRepair || info.Pages != 2 {
			t.Errorf("%s: freed, it is %+v, %v", c.name, info, err)
		}
		runTool(t, tooltest.First(t, "qpdf"), "--check", free)
		if got, want := textOf(t, free), textOf(t, source); got != want {
			t.Errorf("%s: freed, it reads %q, want %q", c.name, got, want)
		}
		broken, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := inspect(t, Limits{}, write(t, append(broken, make([]byte, 500)...))); !errors.Is(err, ErrEncrypted) {
			t.Errorf("%s, and untidy: %v, want ErrEncrypted", c.name, err)
		}
	}
}

// textOf is the text of a file as poppler reads it.
func textOf(t *testing.T, path string) string {
	t.Helper()
	return tooltest.Output(t, "", "pdftotext", "-layout", path, "-")
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	whole := letter()
	manyPages := make([]pdftest.Object, 30)
	for i := range manyPages {
		manyPages[i] = pdftest.Text("x")
	}
	for _, c := range []struct {
		name   string
		pdf    []byte
		limits Limits
		want   error
	}{
		{"empty", nil, Limits{}, ErrNotPDF},
		{"a text", []byte("Bonjour"), Limits{}, ErrNotPDF},
		{"a zip named pdf", []byte("PK\x03\x04 mimetype application/vnd.oasis.opendocument.text"), Limits{}, ErrNotPDF},
		{"header only", []byte("%PDF-1.7\n"), Limits{}, ErrTruncated},
		{"cut at 60 %", whole[:len(whole)*6/10], Limits{}, ErrTruncated},
		{"last byte missing", bytes.TrimRight(whole, "F\n"), Limits{}, ErrTruncated},
		{"a web page after the end", append(whole[:len(whole):len(whole)], "<html>"...), Limits{}, ErrTruncated},
		{"middle missing", append(whole[:40:40], whole[len(whole)-60:]...), Limits{}, ErrDamaged},
		{"too many bytes", whole, Limits{MaxBytes: 100}, ErrTooLarge},
		{"too many pages", pdftest.Pages(manyPages...), Limits{MaxPages: 29}, ErrTooManyPages},
		{"no page", pdftest.File("<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[]/Count 0>>"), Limits{}, ErrDamaged},
		{"dynamic XFA form", pdftest.File("<</Type/Catalog/Pages 2 0 R/NeedsRendering true/AcroForm<</Fields[]/XFA 4 0 R>>>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>",
			"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>", pdftest.Stream("", []byte("<xdp/>"))), Limits{}, ErrXFA},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if info, err := inspect(t, c.limits, write(t, c.pdf)); !errors.Is(err, c.want) {
				t.Fatalf("got %+v, %v, want %v", info, err, c.want)
			}
		})
	}
}

func TestSignedFileInNeedOfRepairIsRefused(t *testing.T) {
	t.Parallel()
	pdf := pdftest.File("<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>", "<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>",
		"<</Type/Sig/Filter/Adobe.PPKLite/ByteRange[0 10 20 10]/Contents<00>>>")
	path := write(t, append(pdf, make([]byte, 500)...))
	if _, err := inspect(t, Limits{}, path); !errors.Is(err, ErrDamaged) {
		t.Fatalf("inspect: %v, want ErrDamaged", err)
	}
	if out, err := rewritten(t, path, nil); !errors.Is(err, ErrDamaged) || size(t, out) != 0 {
		t.Fatalf("rewrite: %v, %d bytes, want ErrDamaged", err, size(t, out))
	}
}

func size(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

func TestRepairedFilesAreTidy(t *testing.T) {
	t.Parallel()
	for name, pdf := range map[string][]byte{
		"bytes before the header": append(bytes.Repeat([]byte("x"), 100), letter()...),
		"zeros after the end":     append(letter(), make([]byte, 5000)...),
		"startxref one byte off":  offByOne(letter()),
	} {
		path, err := rewritten(t, write(t, pdf), nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if info, err := inspect(t, Limits{}, path); err != nil || info.NeedsRepair || info.Pages != 2 {
			t.Errorf("%s: after the repair %+v, %v", name, info, err)
		}
		runTool(t, tooltest.First(t, "qpdf"), "--check", path)
	}
}

// TestHostileFiles holds the files that hang, crash or exhaust careless readers. Any answer will do, and soon; the
// children's memory is bounded by package child.
func TestHostileFiles(t *testing.T) {
	t.Parallel()
	const limit = 5 * time.Second
	for name, pdf := range hostile() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := write(t, pdf)
			began := time.Now()
			info, err := inspect(t, Limits{Timeout: limit, MaxChildren: 1}, path)
			took := time.Since(began).Round(time.Millisecond)
			t.Logf("%d bytes, %s: %+v, %v", len(pdf), took, info, err)
			if took > limit+2*time.Second {
				t.Errorf("took %s", took)
			}
			if title, _ := French(err); err != nil && strings.HasPrefix(title, "La vérification") {
				t.Errorf("the refusal is not explained: %v", err)
			}
		})
	}
}

func hostile() map[string][]byte {
	page := pdftest.Object("<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>")
	tree := func(pages pdftest.Object, more ...pdftest.Object) []byte {
		return pdftest.File(append([]pdftest.Object{"<</Type/Catalog/Pages 2 0 R>>", pages}, more...)...)
	}
	one := pdftest.Object("<</Type/Pages/Kids[3 0 R]/Count 1>>")
	ladder := []pdftest.Object{"<</Type/Catalog/Pages 2 0 R>>"}
	for i := range 40 {
		ladder = append(ladder, pdftest.Object(fmt.Sprintf("<</Type/Pages/Parent %d 0 R/Kids[%d 0 R %d 0 R]/Count 1000000>>", i+1, i+3, i+3)))
	}
	ladder[1] = "<</Type/Pages/Kids[3 0 R 3 0 R]/Count 1000000>>" // the root has no parent
	bomb := append([]byte("1 0 2 40                                "), make([]byte, 1<<20-40)...)
	return map[string][]byte{
		"unterminated array":                 tree(one, "<</Type/Page/Parent 2 0 R/MediaBox [0 0 9 9"),
		"unterminated string":                tree(one, "<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/X (abc"),
		"huge size":                          bytes.Replace(tree(one, page), []byte("/Size 4"), []byte("/Size 9000000000000"), 1),
		"page tree cycle":                    tree("<</Type/Pages/Kids[3 0 R 3 0 R]/Count 2>>", "<</Type/Pages/Parent 2 0 R/Kids[2 0 R 2 0 R]/Count 2>>"),
		"shared ladder":                      pdftest.File(append(ladder, page)...),
		"field tree cycle":                   pdftest.File("<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[4 0 R]>>>>", one, page, "<</T(a)/Kids[4 0 R 4 0 R]>>"),
		"outline cycle":                      pdftest.File("<</Type/Catalog/Pages 2 0 R/Outlines 4 0 R>>", one, page, "<</First 5 0 R/Last 5 0 R/Count 1>>", "<</Title(a)/Parent 4 0 R/Next 5 0 R/Prev 5 0 R/First 5 0 R/Last 5 0 R>>"),
		"name tree cycle":                    pdftest.File("<</Type/Catalog/Pages 2 0 R/Names<</Dests 4 0 R>>>>", one, page, "<</Kids[4 0 R 4 0 R]>>"),
		"reference to itself":                tree("2 0 R", page),
		"previous section loop":              prevLoop(tree(one, page)),
		"deep nesting":                       tree(one, page, pdftest.Object(strings.Repeat("[", 100_000))),
		"zip bomb as contents":               pdftest.Pages(pdftest.Repeated(make([]byte, 1<<20), 300)),
		"zip bomb as objects":                xrefStream("/Type/ObjStm/N 2/First 40", pdftest.Repeated(bomb, 300)),
		"endless object stream":              xrefStream("/Type/ObjStm/N 4611686018427387904/First 10", pdftest.Deflated([]byte("3 0 4 10 <<>>"))),
		"object stream of itself, by length": xrefStream("/Type/ObjStm/N 1/First 4/Extends 3 0 R", pdftest.Deflated([]byte("3 0 <<>>"))),
	}
}

func prevLoop(pdf []byte) []byte {
	at := bytes.LastIndex(pdf, []byte("xref\n0 "))
	return bytes.Replace(pdf, []byte("/Root 1 0 R"), []byte(fmt.Sprintf("/Root 1 0 R/Prev %d", at)), 1)
}

// xrefStream makes a file whose objects 1 and 2 are said to be in the object stream 3, with a cross-reference stream 4
// of absurd bounds in front of the true ones.
func xrefStream(dict string, content pdftest.Object) []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.7\n")
	at := b.Len()
	fmt.Fprintf(&b, "3 0 obj\n%s\nendobj\n", strings.Replace(string(content), "<<", "<<"+dict, 1))
	start := b.Len()
	entries := []byte{0, 0, 0, 0, 255, 2, 0, 0, 3, 0, 2, 0, 0, 3, 1, 1, 0, byte(at >> 8), byte(at), 0, 1, byte(start >> 16), byte(start >> 8), byte(start), 0}
	fmt.Fprintf(&b, "4 0 obj\n%s\nendobj\nstartxref\n%d\n%%%%EOF\n",
		pdftest.Stream("/Type/XRef/Size 5/W[1 3 1]/Index[0 5]/Root 1 0 R", entries), start)
	return b.Bytes()
}

func TestFrenchExplainsEveryRefusal(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, refusal := range []error{ErrNotPDF, ErrTruncated, ErrDamaged, ErrEncrypted, ErrTooManyPages, ErrTooLarge, ErrXFA, ErrTimeout, ErrProtectedSigned, ErrSigned, ErrArchival, ErrJoin} {
		title, detail := French(fmt.Errorf("courrier 12: %w", refusal))
		if title == "" || detail == "" || seen[title] {
			t.Errorf("%v: %q, %q", refusal, title, detail)
		}
		seen[title] = true
		if strings.ContainsAny(title+detail, "'\"") {
			t.Errorf("%v: straight quotation marks in %q", refusal, title+" "+detail)
		}
	}
	if title, _ := French(context.Canceled); seen[title] {
		t.Errorf("an error of ours is blamed on the file: %q", title)
	}
}

func TestOneLine(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Courrier\r\n  n° 12":      "Courrier n° 12",
		"a\u202efdp.exe":           "a fdp.exe",
		"\xff":                     "\uFFFD",
		strings.Repeat("é", 1_000): strings.Repeat("é", maxTitle),
	} {
		if got := oneLine(in); got != want || !utf8.ValidString(got) {
			t.Errorf("oneLine(%.20q) = %.20q, want %.20q", in, got, want)
		}
	}
}

func FuzzSniff(f *testing.F) {
	f.Add([]byte("%PDF-1.7\n"))
	f.Add([]byte("\xef\xbb\xbf%PDF-2.0"))
	f.Add([]byte("%PDF-"))
	f.Fuzz(func(t *testing.T, b []byte) {
		err := Sniff(b)
		if err != nil && !errors.Is(err, ErrNotPDF) {
			t.Fatal(err)
		}
		if (err == nil) != (headerAt(b) >= 0) {
			t.Fatal("Sniff and headerAt disagree")
		}
		if err == nil && !bytes.Contains(b[:min(len(b), headerWithin)], []byte("%PDF-")) {
			t.Fatalf("%q passes", b)
		}
	})
}

func BenchmarkInspect(b *testing.B) {
	path := filepath.Join(b.TempDir(), "in.pdf")
	if err := os.WriteFile(path, letter(), 0o600); err != nil {
		b.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	inspector := New(Limits{})
	for b.Loop() {
		if _, err := inspector.Inspect(b.Context(), f); err != nil {
			b.Fatal(err)
		}
	}
}
