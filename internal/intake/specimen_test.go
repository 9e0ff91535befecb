package intake

import (
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"parapheur/internal/tooltest"
)

// specimen writes a file anew with the mark of sandboxes.
func specimen(t *testing.T, path string) string {
	t.Helper()
	in, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close() //nolint:errcheck // read only
	out, err := os.Create(filepath.Join(t.TempDir(), "specimen.pdf"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close() //nolint:errcheck // read only from here on
	if err := New(Limits{}).Rewrite(t.Context(), in, Edit{Specimen: true}, out); err != nil {
		t.Fatal(err)
	}
	return out.Name()
}

// The mark is across every page as it is shown, whatever its rotation and its
// crop, and the sentence at its foot is text.
func TestSpecimen(t *testing.T) {
	t.Parallel()
	if !Stampable(specimenFoot) {
		t.Fatal("the sentence has characters that the font lacks")
	}
	for _, page := range []string{
		"", "/Rotate 90", "/Rotate 180", "/Rotate 270", "/CropBox[100 200 500 700]", "/CropBox[100 200 500 700]/Rotate 90", "/Contents[]",
	} {
		path := write(t, with("", page))
		out := specimen(t, path)
		runTool(t, tooltest.First(t, "qpdf"), "--check", out)
		info, err := inspect(t, Limits{}, out)
		if err != nil || info.NeedsRepair {
			t.Fatalf("%q: %+v, %v", page, info, err)
		}
		box, err := exec.Command(tooltest.First(t, "pdftotext"), "-bbox", "-cropbox", out, "-").Output()
		if err != nil {
			t.Fatal(err)
		}
		m := regexp.MustCompile(`xMin="([0-9.]+)" yMin="([0-9.]+)" xMax="([0-9.]+)" yMax="([0-9.]+)">SPÉCIMEN<`).FindStringSubmatch(string(box))
		if m == nil {
			t.Errorf("%q: no word in\n%s", page, box)
			continue
		}
		low, _ := strconv.ParseFloat(m[4], 64) //nolint:errcheck // digits by the expression
		if low < 0.9*info.Sizes[0][1] {
			t.Errorf("%q: the sentence is at %v of %v", page, m[1:], info.Sizes[0])
		}
		if got := crossed(t, out); got != 7 {
			t.Errorf("%q: red in %d of the seven parts of the page along its rising diagonal", page, got)
		}
	}
}

// crossed counts, of seven parts along the rising diagonal of the first page as
// it is shown, corners left out, those that have red in them.
func crossed(t *testing.T, path string) (parts int) {
	t.Helper()
	picture := filepath.Join(t.TempDir(), "page")
	runTool(t, tooltest.First(t, "pdftoppm"), "-png", "-r", "50", "-cropbox", "-singlefile", path, picture)
	f, err := os.Open(picture + ".png")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // read only
	page, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	w, h := page.Bounds().Dx(), page.Bounds().Dy()
	for i := 1; i < 8; i++ {
		found := false
		for x := i * w / 9; x < (i+1)*w/9; x++ {
			for y := h - (i+2)*h/9; y < h-(i-1)*h/9; y++ {
				r, g, b, _ := page.At(x, y).RGBA()
				found = found || r > g+0x2000 && r > b+0x2000
			}
		}
		if found {
			parts++
		}
	}
	return parts
}

// A PDF/A keeps its claim.
func TestSpecimensStayArchives(t *testing.T) {
	t.Parallel()
	info, err := inspect(t, Limits{}, specimen(t, write(t, archive(elements("2", "B"), "sRGB"))))
	if err != nil || info.PDFA != "2b" {
		t.Errorf("%q, %v", info.PDFA, err)
	}
	if text := textOf(t, specimen(t, write(t, letter()))); !strings.Contains(text, "SANS VALEUR") {
		t.Errorf("the text is %q", text)
	}
}
