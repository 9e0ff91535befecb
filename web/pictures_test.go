package web_test

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"parapheur/dossiers"
	"parapheur/internal/browsertest"
	"parapheur/internal/demo"
)

// shield is a coat of arms of two colours on a transparent ground.
func shield(t *testing.T) []byte {
	t.Helper()
	img := image.NewNRGBA(image.Rect(0, 0, 240, 300))
	for y := range 280 {
		for x := 20; x < 220; x++ {
			if edge := max(0, (y-160)*100/120); x < 20+edge || x > 220-edge {
				continue
			}
			c := color.NRGBA{R: 20, G: 60, B: 140, A: 255}
			if (x < 120) == (y < 140) {
				c = color.NRGBA{R: 200, G: 160, B: 40, A: 255}
			}
			img.SetNRGBA(x, y+10, c)
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// give sends an image as a browser without script does.
func (c *client) give(path, token string, file []byte, ticked ...string) *httptest.ResponseRecorder {
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	_ = m.WriteField("csrf", token)
	for _, name := range ticked {
		_ = m.WriteField(name, "on")
	}
	w, _ := m.CreateFormFile("image", "image.png")
	_, _ = w.Write(file)
	_ = m.Close()
	return c.do(http.MethodPost, path, m.FormDataContentType(), &b)
}

// Images are their owner's: refused with the reason beside the field, shown in
// the block once taken, erased on request, and never anybody else's to see.
func TestPicturesOfBlocks(t *testing.T) {
	at := newTown(t)
	manager, drafter, admin := at.client(t, demo.DGS), at.client(t, demo.Drafter), at.client(t, demo.Administrator)
	for _, one := range []struct {
		name  string
		who   *client
		path  string
		token string
		file  []byte
		want  int
		says  string
	}{
		{"a text", manager, "/ma-griffe", manager.session.CSRF, []byte("griffe"), 422, "ne se lit pas"},
		{"nothing", manager, "/ma-griffe", manager.session.CSRF, nil, 422, "Choisissez une image"},
		{"too heavy", manager, "/ma-griffe", manager.session.CSRF, make([]byte, dossiers.MaxPicture+1), 422, "trop lourde"},
		{"a stale page", manager, "/ma-griffe", "faux", shield(t), 403, ""},
		{"not an administrator", drafter, "/administration/armoiries", drafter.session.CSRF, shield(t), 403, ""},
		{"taken", manager, "/ma-griffe", manager.session.CSRF, shield(t), 303, ""},
		{"arms taken", admin, "/administration/armoiries", admin.session.CSRF, shield(t), 303, ""},
	} {
		w := one.who.give(one.path, one.token, one.file)
		if w.Code != one.want || !strings.Contains(w.Body.String(), one.says) {
			t.Errorf("%s: %d, without %q", one.name, w.Code, one.says)
		}
	}
	bare, with := drafter.get("/ma-griffe/apercu.png"), manager.get("/ma-griffe/apercu.png")
	if with.Code != 200 || !bytes.HasPrefix(with.Body.Bytes(), []byte("\x89PNG")) || with.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("preview: %d %v", with.Code, with.Header())
	}
	if blue := inky(t, with.Body.Bytes()) - inky(t, bare.Body.Bytes()); blue < 500 {
		t.Errorf("the griffe adds %d pixels to the block", blue)
	}
	if body := drafter.get("/ma-griffe").Body.String(); strings.Contains(body, "remove-picture") {
		t.Error("the drafter sees a griffe that is not theirs")
	}
	if w := manager.post("/ma-griffe/retirer", nil); w.Code != 303 {
		t.Errorf("erase: %d", w.Code)
	}
	if body := manager.get("/ma-griffe").Body.String(); strings.Contains(body, "remove-picture") {
		t.Error("the griffe is still there")
	}
}

// The ground of a photograph is left out when the box is ticked, and when it is
// not the whole of it is kept; the page remembers which.
func TestGroundOfAGriffe(t *testing.T) {
	at := newTown(t)
	manager := at.client(t, demo.DGS)
	const box = `name="ink" checked`
	if body := manager.get("/ma-griffe").Body.String(); !strings.Contains(body, box) {
		t.Error("the ground is kept unless somebody says so")
	}
	if body := at.client(t, demo.Administrator).get("/administration/armoiries").Body.String(); strings.Contains(body, `name="ink"`) {
		t.Error("arms have a ground to leave out")
	}
	photo, err := os.ReadFile(photograph)
	if err != nil {
		t.Fatal(err)
	}
	w := manager.give("/ma-griffe", manager.session.CSRF, []byte("griffe"))
	if body := w.Body.String(); w.Code != 422 || strings.Contains(body, box) || !strings.Contains(body, `name="ink"`) {
		t.Errorf("refused, the box is ticked again: %d", w.Code)
	}
	dark := map[string]int{}
	for name, ticked := range map[string][]string{"whole": nil, "ink": {"ink"}} {
		if w := manager.give("/ma-griffe", manager.session.CSRF, photo, ticked...); w.Code != 303 {
			t.Fatalf("%s: %d", name, w.Code)
		}
		dark[name] = grey(t, manager.get("/ma-griffe/apercu.png").Body.Bytes())
	}
	if dark["whole"] < dark["ink"]+10_000 { // words are grey at their edges too
		t.Errorf("grey pixels: %v", dark)
	}
}

// photograph is a hand on a sheet in a bad light, as a telephone keeps it that
// was held upright: on its side, with a tag (EXIF) that says so. It was made
// with ImageMagick and Pillow.
const photograph = "testdata/griffe.jpg"

// grey counts the pixels of paper in the shade.
func grey(t *testing.T, raw []byte) (n int) {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			if r, g, b, _ := img.At(x, y).RGBA(); min(r, g, b)>>8 > 90 && max(r, g, b)>>8 < 225 && max(r, g, b)-min(r, g, b) < 0x3000 {
				n++
			}
		}
	}
	return n
}

// inky counts the pixels of the gold of the shield.
func inky(t *testing.T, raw []byte) (n int) {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			if r, g, b, _ := img.At(x, y).RGBA(); r>>8 > 150 && g>>8 > 110 && b>>8 < 110 {
				n++
			}
		}
	}
	return n
}

// The griffe is drawn on the page, seen in the block, and erased; the arms are
// chosen as a file.
func TestPicturesInBrowser(t *testing.T) {
	at := newTown(t)
	browser := browsertest.Open(t)
	p := at.person(t, browser, 390, 844)
	p.enrol(demo.Administrator)
	file := filepath.Join(t.TempDir(), "blason.png")
	if err := os.WriteFile(file, shield(t), 0o600); err != nil {
		t.Fatal(err)
	}
	p.open("/administration/armoiries")
	p.tap("[data-go=set-picture]")
	p.until("asks for an image", `!document.querySelector("#image-e").hidden`)
	p.choose("#image", file)
	p.tap("[data-go=set-picture]")
	p.until("kept", `location.search === "?dit=posee" && document.querySelector("[data-preview]").naturalWidth > 500`)
	p.open("/ma-griffe")
	p.accessible("the page of a griffe")
	p.until("the preview", `document.querySelector("[data-preview]").naturalWidth > 500`)
	p.shoot("griffe-vide-telephone")
	p.eval(`(() => { const c = document.querySelector("[data-pad] canvas"), b = c.getBoundingClientRect();
		c.setPointerCapture = () => {};
		const at = (type, x, y) => c.dispatchEvent(new PointerEvent(type, {pointerId: 1, bubbles: true, clientX: b.left + x * b.width, clientY: b.top + y * b.height}));
		at("pointerdown", .1, .6);
		for (let i = 0; i <= 60; i++) at("pointermove", .1 + i / 75, .55 + .3 * Math.sin(i / 4) * Math.cos(i / 11));
		at("pointerup", .9, .6); })()`)
	p.shoot("griffe-tracee-telephone")
	p.tap("[data-go=set-picture]")
	p.until("kept", `location.search === "?dit=posee" && document.querySelector("[data-preview]").naturalWidth > 500`)
	for _, size := range []struct {
		name          string
		width, height int64
	}{{"telephone", 390, 844}, {"ordinateur", 1440, 900}} {
		if _, err := chromedp.Run(p.ctx, chromedp.EmulateViewport(size.width, size.height)); err != nil {
			t.Fatal(err)
		}
		for name, path := range map[string]string{"griffe": "/ma-griffe", "armoiries": "/administration/armoiries", "mes-cles": "/mes-cles"} {
			p.open(path)
			p.until("the page stands", `[...document.images].every((i) => i.complete)`)
			p.shoot(name + "-" + size.name)
		}
	}
	p.photographed()
	p.large()
	p.open("/ma-griffe")
	p.tap("[data-go=remove-picture]")
	p.until("erased", `location.search === "?dit=retiree" && !document.querySelector("[data-go=remove-picture]")`)
	if found, err := at.system.Store.SearchJournal(t.Context(), at.tenant.ID, dossiers.JournalQuery{}, 20); err != nil || len(found) == 0 || found[0].Kind != dossiers.KindGriffeRemoved {
		t.Errorf("journal %+v, %v", found, err)
	}
}

// photographed gives a photograph of a telephone that lies on its side: it
// stands upright in the block, with its ground, and without.
func (p *person) photographed() {
	file, err := filepath.Abs(photograph)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, ground := range []string{"photo-entiere", "photo"} {
		p.open("/ma-griffe")
		if ground == "photo-entiere" {
			p.tap("[name=ink]")
		}
		p.choose("#image", file)
		p.tap("[data-go=set-picture]")
		p.until("kept", `location.search === "?dit=posee" && document.querySelector("[data-preview]").naturalWidth > 500`)
		p.shoot("griffe-" + ground)
	}
}

// large gives a photograph of ten million pixels: the page sends what is kept
// of them, and no more.
func (p *person) large() {
	img := image.NewGray(image.Rect(0, 0, 3600, 2700))
	for i := range img.Pix {
		x, y := i%3600, i/3600
		img.Pix[i] = uint8(200 + (x*y)%17)
		if d := y - 1200 - (x%900)/2; x > 400 && x < 3200 && d > 0 && d < 30 {
			img.Pix[i] = 30
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 100}); err != nil {
		p.t.Fatal(err)
	}
	file := filepath.Join(p.t.TempDir(), "grande.jpg")
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		p.t.Fatal(err)
	}
	p.open("/ma-griffe")
	p.choose("#image", file)
	p.until("reduced", fmt.Sprintf(`document.querySelector("#image").files[0].size < %d`, b.Len()*3/4))
	p.tap("[data-go=set-picture]")
	p.until("kept", `location.search === "?dit=posee" && document.querySelector("[data-preview]").naturalWidth > 500`)
}

// The place that a drafter chose is kept with the letter; a page that is no
// number is told at its field, and nothing typed is lost.
func TestDepositSaysWhereToSign(t *testing.T) {
	at := newTown(t)
	drafter := at.client(t, demo.Drafter)
	fields := func(more ...string) map[string]string {
		m := map[string]string{"title": "Objet gardé", "recipient": "Mme Aubry", "type": "courrier-simple", "action": "start", "where": "page"}
		for i := 0; i < len(more); i += 2 {
			m[more[i]] = more[i+1]
		}
		return m
	}
	w := drafter.deposit(fields("where_page", "deux", "where_at", "haut-droite"), readSample(t))
	if body := w.Body.String(); w.Code != 422 || !strings.Contains(body, "La page se compte") || !strings.Contains(body, `value="deux"`) || !strings.Contains(body, `value="haut-droite" selected`) {
		t.Errorf("a page in letters: %d", w.Code)
	}
	w = drafter.deposit(fields("where_page", "", "where_at", "haut-droite"), readSample(t))
	if w.Code != 303 {
		t.Fatalf("deposit: %d %s", w.Code, w.Body)
	}
	id := dossiers.ID(strings.TrimPrefix(w.Header().Get("Location"), "/dossiers/"))
	kept, err := at.system.Store.Places(t.Context(), at.tenant.ID, id)
	if err != nil || len(kept) != 1 || kept[0].Page != 0 || kept[0].X != 55 || kept[0].Y != 6 || kept[0].Step != "" {
		t.Errorf("kept %+v, %v", kept, err)
	}
	w = drafter.deposit(fields("where", "auto", "where_page", "3"), readSample(t))
	id = dossiers.ID(strings.TrimPrefix(w.Header().Get("Location"), "/dossiers/"))
	if kept, err := at.system.Store.Places(t.Context(), at.tenant.ID, id); err != nil || len(kept) != 0 {
		t.Errorf("kept %+v, %v", kept, err)
	}
}
