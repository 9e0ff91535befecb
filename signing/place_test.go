package signing_test

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"parapheur/internal/tooltest"
	"parapheur/signing"
	"parapheur/signing/internal/pdf"
	"parapheur/signing/internal/pdftest"
	"parapheur/signing/internal/signtest"
)

// written is a page with the content and further entries of its dictionary.
func written(page, content string) []byte {
	return pdftest.Table("", pdftest.Catalog, pdftest.Pages,
		"<< /Type /Page /Parent 2 0 R /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> "+page+" >>",
		fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", len(content), content),
		"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>")
}

const a4 = "/MediaBox [0 0 595 842]"

// paragraph is lines of text every 16 points from y0 down to y1.
func paragraph(y0, y1 int) string {
	var b strings.Builder
	for y := y0; y >= y1; y -= 16 {
		fmt.Fprintf(&b, "BT /F1 11 Tf 70 %d Td (Monsieur le Directeur, veuillez agr\\351er l'expression de mes sentiments distingu\\351s) Tj ET\n", y)
	}
	return b.String()
}

func locate(t testing.TB, file []byte, f signing.Field) (signing.Placement, error) {
	t.Helper()
	return signing.Locate(t.Context(), source(file), signing.Options{Claims: claims(), Field: f})
}

// The block hangs from the tag, whose text it may cover, and the next signer of the same tag goes on.
func TestTagPlacesTheBlock(t *testing.T) {
	t.Parallel()
	file := written(a4, paragraph(780, 500)+"1 1 1 rg BT /F1 10 Tf 320 440 Td (#signa) Tj (ture:dgs#) Tj ET BT /F1 10 Tf 80 300 Td (#signature#) Tj ET")
	for tag, want := range map[string][2]float64{"#signature:dgs#": {320, 448}, "#Signature#": {80, 308}} {
		p, err := locate(t, file, signing.Field{Tags: []string{"#absente#", tag}})
		if err != nil || p.Notice != signing.NoticeNone || p.Page != 1 {
			t.Errorf("%s: %+v, %v", tag, p, err)
		}
		if dx, dy := p.Rect.X0-want[0], p.Rect.Y1-want[1]; dx > 1 || dx < -60 || dy > 4 || dy < -4 {
			t.Errorf("%s: at %+v, want the corner at %v", tag, p.Rect, want)
		}
	}
	_, err := locate(t, file, signing.Field{Tags: []string{"#absente#"}})
	wantErr(t, err, signing.ErrTag)
	p, err := locate(t, file, signing.Field{Tags: []string{"#absente#"}, TagsOptional: true})
	if err != nil || p.Rect == (signing.Rect{}) {
		t.Errorf("optional: %+v, %v", p, err)
	}
	crowded := written(a4, paragraph(820, 14)+"BT /F1 8 Tf 300 426 Td (#x#) Tj ET")
	p, err = locate(t, crowded, signing.Field{Tags: []string{"#x#"}})
	if err != nil || p.Notice != signing.NoticeInvisible {
		t.Errorf("in the middle of a full page: %+v, %v", p, err)
	}
}

// A point of the page as it is seen is the same place whatever the rotation and the crop box.
func TestPointIsOfThePageAsSeen(t *testing.T) {
	t.Parallel()
	for _, rotate := range []int{0, 90, 180, 270} {
		file := written(fmt.Sprintf("/MediaBox [-50 -50 700 900] /CropBox [10 20 610 820] /Rotate %d", rotate), "")
		p, err := locate(t, file, signing.Field{At: &signing.Point{X: 10, Y: 25}})
		if err != nil || p.Notice != signing.NoticeNone {
			t.Fatalf("%d: %+v, %v", rotate, p, err)
		}
		r := p.Rect
		// The upper left corner as seen, in user space: the page is 600 x 800, or 800 x 600 turned.
		want := map[int][2]float64{0: {10 + 60, 820 - 200}, 90: {10 + 150, 20 + 80}, 180: {610 - 60, 20 + 200}, 270: {610 - 150, 820 - 80}}[rotate]
		got := map[int][2]float64{0: {r.X0, r.Y1}, 90: {r.X0, r.Y0}, 180: {r.X1, r.Y0}, 270: {r.X1, r.Y1}}[rotate]
		if got != want {
			t.Errorf("rotated %d: corner at %v, want %v", rotate, got, want)
		}
	}
	p, err := locate(t, written(a4, ""), signing.Field{At: &signing.Point{X: 100, Y: 100}})
	if err != nil || p.Rect.X1 > 595 || p.Rect.Y0 < 0 {
		t.Errorf("in the corner: %+v, %v", p, err)
	}
	p, err = locate(t, written(a4, paragraph(780, 500)), signing.Field{At: &signing.Point{X: 20, Y: 20}})
	if err != nil || p.Notice != signing.NoticeMoved || p.Rect.Y1 > 508-2.75 {
		t.Errorf("over text: %+v, %v", p, err)
	}
}

// What has to give way is told: first the size, then the page, at last the block.
func TestAutomaticPlacementGivesWayInOrder(t *testing.T) {
	t.Parallel()
	opt := func(f signing.Field) signing.Options {
		c := claims()
		c.Mention, c.Motto = "Pour le Maire et par délégation, le Directeur général des services", "Une commune, des citoyens"
		return signing.Options{Claims: c, Field: f}
	}
	full, short := paragraph(800, 30), paragraph(800, 120)
	two := pdftest.Table("", pdftest.Catalog, "<< /Type /Pages /Kids [3 0 R 6 0 R] /Count 2 >>",
		"<< /Type /Page /Parent 2 0 R "+a4+" >>", fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", len(full), full),
		"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
		"<< /Type /Page /Parent 2 0 R /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> "+a4+" >>")
	for name, c := range map[string]struct {
		file []byte
		page int
		want signing.Notice
	}{
		"room":       {written(a4, paragraph(780, 400)), 1, signing.NoticeNone},
		"smaller":    {written(a4, short), 1, signing.NoticeSmaller},
		"other page": {two, 1, signing.NoticeOtherPage},
		"invisible":  {written(a4, full), 1, signing.NoticeInvisible},
	} {
		p, err := signing.Locate(t.Context(), source(c.file), opt(signing.Field{}))
		if err != nil || p.Notice != c.want || p.Page != c.page || (p.Rect == signing.Rect{}) != (c.want == signing.NoticeInvisible) {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
		if (p.Notice.French() == "") != (p.Notice == signing.NoticeNone) {
			t.Errorf("%s: %q says %q", name, p.Notice, p.Notice.French())
		}
	}
	_, err := signing.Locate(t.Context(), source(two), opt(signing.Field{Page: 2}))
	wantErr(t, err, signing.ErrPlace)
	_, err = signing.Locate(t.Context(), source(two), opt(signing.Field{Page: 2, Rect: &signing.Rect{X0: 80, Y0: 300, X1: 280, Y1: 360}}))
	wantErr(t, err, signing.ErrPlace)
	_, err = signing.Locate(t.Context(), source(written(a4, "q 0 0 9 9 re f")), opt(signing.Field{Rect: &signing.Rect{X0: 80, Y0: 300, X1: 280, Y1: 360}}))
	if err != nil {
		t.Error(err)
	}
}

var words = regexp.MustCompile(`<word xMin="([\d.]+)" yMin="([\d.]+)" xMax="([\d.]+)" yMax="([\d.]+)">([^<]*)</word>`)

// Letters of real producers, signed by six people in every way: poppler, which knows where the words
// are, finds no word under a block, and no two blocks touch.
func TestBlocksCoverNoWordOfRealLetters(t *testing.T) {
	t.Parallel()
	pki := signtest.New(t)
	maire := newPerson(t, pki, "Élise Préfète", signtest.P256(t))
	paths, err := filepath.Glob("internal/content/testdata/*.pdf")
	if err != nil || len(paths) < 4 {
		t.Fatal(paths, err)
	}
	for _, path := range paths {
		if strings.HasPrefix(filepath.Base(path), "scan") { // no text to find
			continue
		}
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		html := tooltest.On(t, file, "pdftotext", "-bbox", "FILE", "-")
		var taken []pdf.Rect
		for _, m := range words.FindAllStringSubmatch(html, -1) {
			n := make([]float64, 4)
			for i := range n {
				n[i], _ = strconv.ParseFloat(m[i+1], 64)
			}
			if !strings.HasPrefix(m[5], "#signature") && !strings.Contains(m[5], "cachet") && !strings.Contains(m[5], "été") {
				// Poppler's boxes have the ascent and descent of the font: take the part with ink.
				h := n[3] - n[1]
				taken = append(taken, pdf.Rect{X0: n[0], Y0: 841.9 - n[3] + 0.2*h, X1: n[2], Y1: 841.9 - n[1] - 0.15*h})
			}
		}
		for i, f := range []signing.Field{
			{Tags: []string{"#signature#"}},
			{Tags: []string{"#signature:dgs#"}},
			{},
			{At: &signing.Point{X: 10, Y: 15}},
			{Tags: []string{"{{cachet été}}"}},
			{Tags: []string{"#signature#"}},
		} {
			c := claims()
			c.Mention = "Pour le Maire et par délégation, le Directeur général des services"
			p, err := signing.Prepare(t.Context(), source(file), signing.Options{Identity: maire.id, Claims: c, Field: f, Griffe: picture(t, true)})
			if err != nil {
				t.Fatalf("%s, %d: %v", path, i, err)
			}
			_, _, at := p.Placement()
			for _, w := range taken {
				if r := pdf.Rect(at); r.Overlaps(w) {
					t.Errorf("%s, signer %d: block %+v over %+v", path, i, at, w)
				}
			}
			taken = append(taken, pdf.Rect(at))
			value, err := maire.Sign(t.Context(), p.ToBeSigned(), p.Hash())
			if err != nil {
				t.Fatal(err)
			}
			tail, err := p.Complete(value, nil)
			if err != nil {
				t.Fatal(err)
			}
			file = append(file, tail...)
		}
		checkTools(t, pki, file, 6)
	}
}

// picture is a handwritten line on nothing, or on white in a JPEG.
func picture(t testing.TB, transparent bool) []byte {
	t.Helper()
	img := image.NewNRGBA(image.Rect(0, 0, 400, 150))
	if !transparent {
		for i := range img.Pix {
			img.Pix[i] = 255
		}
	}
	for x := 30; x < 370; x++ {
		for y := 0; y < 6; y++ {
			img.SetNRGBA(x, 60+y+x%40, color.NRGBA{R: 10, G: 20, B: 120, A: 255})
		}
	}
	var b bytes.Buffer
	var err error
	if transparent {
		err = png.Encode(&b, img)
	} else {
		err = jpeg.Encode(&b, img, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Pictures keep their transparency, but in PDF/A; what is no picture is refused before any key.
func TestPictures(t *testing.T) {
	t.Parallel()
	pki := signtest.New(t)
	maire := newPerson(t, pki, "Élise Préfète", signtest.P256(t))
	xmp := "<x:xmpmeta><pdfaid:part>1</pdfaid:part></x:xmpmeta>"
	archive := pdftest.Table("", "<< /Type /Catalog /Pages 2 0 R /Metadata 4 0 R >>", pdftest.Pages, pdftest.Page,
		fmt.Sprintf("<< /Type /Metadata /Subtype /XML /Length %d >>\nstream\n%s\nendstream", len(xmp), xmp))
	for name, c := range map[string]struct {
		file, image []byte
		mask        bool
		filter      string
	}{
		"PNG":           {pdftest.Letter(1), picture(t, true), true, "/FlateDecode"},
		"PNG in PDF/A":  {archive, picture(t, true), false, "/FlateDecode"},
		"JPEG":          {pdftest.Letter(1), picture(t, false), false, "/DCTDecode"},
		"JPEG in PDF/A": {archive, picture(t, false), false, "/DCTDecode"},
	} {
		opt := signing.Options{Claims: claims(), Arms: c.image, Griffe: c.image}
		file := signed(t, c.file, opt, maire, nil)
		tail := string(file[len(c.file):])
		if got := strings.Contains(tail, "/SMask"); got != c.mask {
			t.Errorf("%s: transparency %v", name, got)
		}
		if !strings.Contains(tail, "/Subtype/Image") || !strings.Contains(tail, "/Filter"+c.filter) {
			t.Errorf("%s: no image in the block", name)
		}
		checkTools(t, pki, file, 1)
	}
	huge := picture(t, true)
	copy(huge[16:], "\x00\x00\xF0\x00\x00\x00\xF0\x00") // the size in the header of the PNG
	var blank bytes.Buffer
	if err := png.Encode(&blank, image.NewNRGBA(image.Rect(0, 0, 9, 9))); err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"text": []byte("griffe"), "cut": picture(t, true)[:100], "huge": huge, "heavy": make([]byte, 5<<20), "blank": blank.Bytes(), "cut JPEG": picture(t, false)[:200],
	} {
		_, err := signing.Locate(t.Context(), source(pdftest.Letter(1)), signing.Options{Claims: claims(), Griffe: b})
		if !errors.Is(err, signing.ErrPicture) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// An image is written anew: smaller, without what its file carried beside its pixels. Of a photographed hand the ink is
// kept, on nothing, whatever the light.
func TestRewrittenPictures(t *testing.T) {
	t.Parallel()
	photo := image.NewNRGBA(image.Rect(0, 0, 1600, 700))
	for y := range 700 {
		for x := range 1600 {
			light := uint8(225 - x/16) // the lamp is on the left
			c := color.NRGBA{R: light, G: light - 6, B: light - 20, A: 255}
			if d := y - 350 - (x%200)/2; x > 200 && x < 1400 && d > 0 && d < 14 {
				c = color.NRGBA{R: 30, G: 35, B: 90, A: 255}
			}
			photo.SetNRGBA(x, y, c)
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, photo, nil); err != nil {
		t.Fatal(err)
	}
	marked := append(b.Bytes()[:2:2], append([]byte("\xFF\xFE\x00\x10GPS 47.3, -0.4"), b.Bytes()[2:]...)...) // a comment
	arms, err := signing.RewritePicture(marked, signing.Arms)
	if err != nil || !bytes.HasPrefix(arms, []byte("\xFF\xD8")) || bytes.Contains(arms, []byte("GPS")) {
		t.Errorf("a photograph as arms: %d bytes, %v", len(arms), err)
	}
	hand, err := signing.RewritePicture(marked, signing.Griffe)
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(hand))
	if err != nil {
		t.Fatal(err)
	}
	box := img.Bounds()
	if box.Dx() > 560 || box.Dx() < 400 || box.Dy() > 100 {
		t.Errorf("kept %v: the paper was not left out", box)
	}
	clear, ink := 0, 0
	for y := range box.Dy() {
		for x := range box.Dx() {
			switch _, _, blue, a := img.At(x, y).RGBA(); {
			case a < 0x0800:
				clear++
			case a > 0xC000 && blue < 0x9000:
				ink++
			}
		}
	}
	if all := box.Dx() * box.Dy(); clear < all/2 || ink < all/40 {
		t.Errorf("of %d pixels %d are clear and %d ink", all, clear, ink)
	}
	again, err := signing.RewritePicture(picture(t, true), signing.Griffe)
	if err != nil || len(again) > len(picture(t, true))*3 {
		t.Errorf("a transparent image: %d bytes, %v", len(again), err)
	}
	if _, err := signing.RewritePicture([]byte("griffe"), signing.Griffe); !errors.Is(err, signing.ErrPicture) {
		t.Errorf("a text: %v", err)
	}
}

// A sketch shows the very block that Prepare lays out, and no verifier takes it for a signature.
func TestSketch(t *testing.T) {
	t.Parallel()
	pki := signtest.New(t)
	maire := newPerson(t, pki, "Élise Préfète", signtest.P256(t))
	opt := signing.Options{Claims: claims(), Arms: picture(t, true), Griffe: picture(t, true)}
	letter := pdftest.Letter(1)
	tail, where, err := signing.Sketch(t.Context(), source(letter), opt)
	if err != nil {
		t.Fatal(err)
	}
	opt.Identity = maire.id
	p, err := signing.Prepare(t.Context(), source(letter), opt)
	if err != nil {
		t.Fatal(err)
	}
	if field, page, rect := p.Placement(); (signing.Placement{Field: field, Page: page, Rect: rect, Notice: p.Notice()}) != where {
		t.Errorf("sketched at %+v, laid out at %v page %d", where, rect, page)
	}
	file := append(bytes.Clone(letter), tail...)
	rep, err := signing.Check(bytes.NewReader(file), int64(len(file)), signing.CheckOptions{At: claims().Time})
	if err != nil || rep.Verdict == signing.Valid || len(rep.Signatures) != 1 || rep.Signatures[0].Verdict != signing.Invalid {
		t.Errorf("a sketch is judged %+v, %v", rep, err)
	}
	if _, _, err := signing.Sketch(t.Context(), source([]byte("no PDF")), opt); err == nil {
		t.Error("a sketch on a text")
	}
}
