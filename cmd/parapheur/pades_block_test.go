package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"parapheur/internal/pdftest"
	"parapheur/signing"
)

var update = flag.Bool("update", false, "write the golden files")

// tagged is a letter of one page with a tag in white, and its text.
func tagged(tag string) []byte {
	content := "BT /F1 11 Tf 70 760 Td (Madame, Monsieur,) Tj ET 1 1 1 rg BT /F1 11 Tf 320 400 Td (" + tag + ") Tj ET"
	return pdftest.File("<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>",
		"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
		pdftest.Object(fmt.Sprintf("<</Length %d>>\nstream\n%s\nendstream", len(content), content)), "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>")
}

func picturePNG(t *testing.T) []byte {
	t.Helper()
	img := image.NewNRGBA(image.Rect(0, 0, 60, 20))
	for x := range 50 {
		img.SetNRGBA(x, x%20, color.NRGBA{B: 120, A: 255})
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// put writes files into the folder.
func (d desk) put(t *testing.T, files map[string][]byte) {
	t.Helper()
	for name, b := range files {
		if err := os.WriteFile(d.path(name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// The options of the block lead where they say, and what gave way is told.
func TestPadesPlacesTheBlock(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.put(t, map[string][]byte{"balise.pdf": tagged("#signature#"), "griffe.png": picturePNG(t)})
	sign := func(to string, args ...string) padesResult {
		t.Helper()
		var r padesResult
		if err := json.Unmarshal([]byte(d.must(t, append([]string{"sign", "--json", "--demo-pki", d.pki, "--level", "B", d.path("balise.pdf"), d.path(to)}, args...)...)), &r); err != nil || r.Placement == nil {
			t.Fatalf("%+v, %v", r, err)
		}
		return r
	}
	if p := sign("1.pdf", "--tag", "#absente#", "--tag", "#SIGNATURE#", "--image", d.path("griffe.png")).Placement; len(p.Rect) != 4 || p.Rect[0] > 321 || p.Rect[2] < 360 || p.Rect[3] < 408 || p.Notice != "" {
		t.Errorf("by tag: %+v", p)
	}
	if p := sign("2.pdf", "--place", "1, 10%, 50%").Placement; p.Rect[0] != 59.5 || p.Rect[3] != 421 {
		t.Errorf("by percentage: %+v", p)
	}
	if p := sign("3.pdf", "--place", "0,50,50,220,80").Placement; fmt.Sprint(p.Rect) != "[50 50 270 130]" {
		t.Errorf("by rectangle: %+v", p)
	}
	if p := sign("4.pdf", "--invisible").Placement; p.Rect != nil {
		t.Errorf("invisible: %+v", p)
	}
	if p := sign("5.pdf", "--place", "1,10%,8%").Placement; p.Notice != "moved" {
		t.Errorf("over text: %+v", p)
	}
	if out := d.must(t, "sign", "--demo-pki", d.pki, "--level", "B", "--place", "1,10%,8%", d.path("balise.pdf"), d.path("6.pdf")); !strings.Contains(out, "Attention : la place demandée est occupée") {
		t.Error(out)
	}
	sealed := d.path("7.pdf")
	d.must(t, "sign", "--demo-pki", d.pki, "--seal", "--hash", "SHA-384", "--name", "Ville de Saint-Aubin", d.letter, sealed)
	if out := d.must(t, "inspect", "--json", sealed); !strings.Contains(out, `"digest": "SHA-384"`) {
		t.Error(out)
	}
}

// A seal is told as such, and never as somebody's signature.
func TestPadesTellsSeals(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	seal := signing.SignatureReport{Kind: signing.KindSignature, Verdict: signing.Unknown, Seal: true, Name: "Ville de Blois", Timestamp: &signing.TimestampReport{Time: at, Authority: "Horodatage"}}
	got := strings.Join(describe(seal), ", ")
	if !strings.HasPrefix(got, "cachet indéterminé, certificat de Ville de Blois, horodaté le 23/11/2026") || strings.Contains(got, "sign") {
		t.Error(got)
	}
	if got := inspectFrench("a.pdf", &signing.Info{Signatures: []signing.SignatureInfo{{Kind: signing.KindSignature, Seal: true, Field: "F", SubFilter: "x"}}}); !strings.Contains(got, "F : cachet (x)") {
		t.Error(got)
	}
}

// Every example of the manual is run as it is written; the keys and the authority of a town are replaced by
// those of the demonstration.
func TestPadesManualIsTrue(t *testing.T) {
	manual, err := os.ReadFile("../../docs/pades.md")
	if err != nil {
		t.Fatal(err)
	}
	d := newDesk(t)
	d.put(t, map[string][]byte{"lettre-balise.pdf": tagged("#signature#"), "griffe.png": picturePNG(t), "blason.png": picturePNG(t), "maire.pin": []byte("1234\n")})
	t.Chdir(d.dir)
	if err := os.Rename(d.pki, d.path("racines")); err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, line := range strings.Split(strings.ReplaceAll(string(manual), "\\\n", " "), "\n") {
		command, ok := strings.CutPrefix(line, "    parapheur ")
		if !ok {
			continue
		}
		ran++
		args := words(command)
		if strings.Contains(command, "--pkcs11") {
			if code, _, errOut := program(t, args...); code == exitUsage || code == 0 {
				t.Errorf("%s: %d %s", command, code, errOut)
			}
			continue
		}
		if code, out, errOut := program(t, withDemo(args)...); code != 0 {
			t.Errorf("%s: %d %s%s", command, code, out, errOut)
		}
		if demo := filepath.Join(d.dir, "demo", "root.pem"); strings.Contains(command, "demo-pki demo") && !exists(demo) {
			t.Error("no root in the folder of the demonstration")
		}
		if strings.Contains(command, "lettre-signée.pdf") && strings.Contains(command, "demo-pki demo") {
			continue
		}
		if command == "pades demo-pki demo" { // the letter is signed anew there
			if err := os.Remove("lettre-signée.pdf"); err != nil {
				t.Fatal(err)
			}
		}
	}
	if ran < 9 {
		t.Errorf("%d examples only", ran)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// words cuts a command line, quotes kept together.
func words(line string) []string {
	var out []string
	for i, part := range strings.Split(line, `"`) {
		if i%2 == 1 {
			out = append(out, part)
			continue
		}
		out = append(out, strings.Fields(part)...)
	}
	return out
}

// withDemo replaces the key, the authority and the roots of a town by the demonstration.
func withDemo(args []string) []string {
	var out []string
	for i := 0; i < len(args); i++ {
		switch args[i] {
		case "--p12", "--trust":
			out = append(out, "--demo-pki", "racines")
			i++
		case "--password-file", "--tsa":
			i++
		default:
			out = append(out, args[i])
		}
	}
	return out
}
