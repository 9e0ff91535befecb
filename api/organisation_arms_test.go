package api

import (
	"bytes"
	"crypto/sha256"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"net/http"
	"strings"
	"testing"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/townfile"
	"parapheur/internal/towntest"
)

// shield is an image without margins, of a shade.
func shield(shade uint8) image.Image {
	img := image.NewNRGBA(image.Rect(0, 0, 60, 80))
	for i := range img.Pix {
		img.Pix[i] = shade
		if i%4 == 3 {
			img.Pix[i] = 255
		}
	}
	img.SetNRGBA(4, 4, color.NRGBA{200, 10, 10, 255})
	return img
}

func picture(t *testing.T, shade uint8) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, shield(shade)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The coat of arms is put, read, replaced and erased by a program, each journaled
// once under its name; what is no image is refused in the words of the page.
func TestArmsByREST(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	const path = "/organisation/arms"
	reader := "Bearer " + h.newKey(t, "Lecteur", dossiers.ScopeOrganisationRead)
	put := func(body []byte, headers ...string) answer {
		return h.ask(t, http.MethodPut, base+path, bytes.NewReader(body), append([]string{"Content-Type", "image/png"}, headers...)...)
	}
	h.get(t, path).is(404, "not-found")
	h.remove(t, path, "If-Match", "*").is(404, "not-found")
	put(picture(t, 3), "Authorization", reader).is(403, "insufficient-scope")
	put(picture(t, 3), "If-Match", "*").is(412, "stale-version")
	put(picture(t, 3), "Content-Type", "image/gif").is(415)
	put(make([]byte, dossiers.MaxPicture+2)).is(413)
	for want, bad := range map[string][]byte{"ne se lit pas": []byte("GIF89a"), "trop grande": wide(t)} {
		if a := put(bad).is(422, "invalid-input"); !strings.Contains(string(a.body), want) {
			t.Errorf("%s: %s", want, a.body)
		}
	}
	tag := put(picture(t, 3), "If-None-Match", "*").is(201).header.Get("ETag")
	got := h.get(t, path, "Authorization", reader).is(200)
	if sum := circuits.Digest(sha256.Sum256(got.body)); got.header.Get("ETag") != tag || tag != `"`+sum.String()+`"` || got.header.Get("Repr-Digest") != digestOf(sum) {
		t.Errorf("%v, made as %s", got.header, tag)
	}
	partly(t, h, base+path)
	before := h.entries(t)
	put(picture(t, 3), "If-Match", tag).is(204)
	if h.entries(t) != before {
		t.Error("what changes nothing is in the journal")
	}
	put(picture(t, 9)).is(428, "precondition-required")
	put(picture(t, 9), "If-Match", `"0"`).is(412, "stale-version")
	var b bytes.Buffer
	if err := jpeg.Encode(&b, shield(9), nil); err != nil {
		t.Fatal(err)
	}
	next := put(b.Bytes(), "If-Match", tag, "Content-Type", "image/jpeg").is(204).header.Get("ETag")
	if got := h.get(t, path).is(200); got.header.Get("Content-Type") != "image/jpeg" || h.entries(t) != before+1 {
		t.Errorf("%v", got.header)
	}
	found, err := h.Store.JournalOf(t.Context(), h.Tenant.ID, "arms")
	if err != nil || len(found) != 2 || !strings.Contains(string(found[1].Body), "GEC") {
		t.Errorf("%d entries, %v", len(found), err)
	}
	h.remove(t, path).is(428, "precondition-required")
	h.remove(t, path, "If-Match", tag).is(412, "stale-version")
	h.remove(t, path, "If-Match", next).is(204)
	h.get(t, path).is(404, "not-found")
}

// wide is an image of more pixels than are read.
func wide(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 9000, 1))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The file of a town carries its coat of arms to another one: the same plan
// twice is nothing, and what is written back is the same image.
func TestDepositRulesInTheFile(t *testing.T) {
	t.Parallel()
	town, other := towntest.New(t), towntest.New(t)
	ctx, from, to := t.Context(), town.Person(t, demo.Administrator).Viewer(t), other.Person(t, demo.Administrator).Viewer(t)
	always := func(dossiers.DepositRules) error { return nil }
	if s, _, err := town.Office.SetupOf(ctx, from); err != nil || s.Refused != nil {
		t.Errorf("the usual rules are not spoken of: %v, %v", s.Refused, err)
	}
	if err := town.Office.SetDepositRules(ctx, from, dossiers.DepositRules{dossiers.ContentJavaScript: true}, always); err != nil {
		t.Fatal(err)
	}
	s, _, err := town.Office.SetupOf(ctx, from)
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if err := townfile.Format(&file, dossiers.Setup{Refused: s.Refused}); err != nil {
		t.Fatal(err)
	}
	read, err := townfile.Parse(bytes.NewReader(file.Bytes()))
	if err != nil {
		t.Fatalf("%v\n%s", err, file.String())
	}
	for _, want := range []string{"règles de dépôt", ""} { // applied again, it changes nothing
		r, err := other.Office.ApplySetup(ctx, to, read, dossiers.Terms{})
		if err != nil || (len(r.Lines) > 0) != (want != "") || want != "" && (r.Lines[0].What != want || r.Lines[0].Details[0] != "javascript : signalé → refusé") {
			t.Errorf("%+v, %v", r.Lines, err)
		}
	}
	if rules, err := other.Office.DepositRules(ctx, to); err != nil || !rules[dossiers.ContentJavaScript] || !rules[dossiers.ContentLaunch] {
		t.Errorf("%v, %v", rules, err)
	}
	if _, err := other.Office.PlanSetup(ctx, to, dossiers.Setup{Refused: dossiers.DepositRules{"musique": true}}); err == nil || !strings.Contains(err.Error(), "musique") {
		t.Errorf("a content that is none: %v", err)
	}
}

func TestArmsInTheFile(t *testing.T) {
	t.Parallel()
	town := towntest.New(t)
	other := town.Neighbour(t)
	ctx := t.Context()
	from, to := town.Person(t, demo.Administrator).Viewer(t), other.Person(t, demo.Administrator).Viewer(t)
	if err := town.Office.SetPicture(ctx, from, dossiers.PictureArms, picture(t, 3), true); err != nil {
		t.Fatal(err)
	}
	s, _, err := town.Office.SetupOf(ctx, from)
	if err != nil || s.Arms == nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if err := townfile.Format(&file, dossiers.Setup{Arms: s.Arms}); err != nil {
		t.Fatal(err)
	}
	read, err := townfile.Parse(&file)
	if err != nil {
		t.Fatal(err)
	}
	for i, sign := range []string{"+", ""} {
		r, err := other.Office.ApplySetup(ctx, to, read, dossiers.Terms{})
		if err != nil || sign == "" && len(r.Lines) > 0 || sign != "" && (len(r.Lines) != 1 || r.Lines[0].Sign != sign) {
			t.Fatalf("applied %d: %+v, %v", i, r.Lines, err)
		}
	}
	there, _, err := other.Office.SetupOf(ctx, to)
	if err != nil || there.Arms == nil || !bytes.Equal(there.Arms.Image, s.Arms.Image) || there.Arms.SHA256 != s.Arms.SHA256 {
		t.Errorf("not the same arms: %v", err)
	}
	for want, bad := range map[string]dossiers.ArmsSetup{
		"ne se lit pas": {Image: []byte("GIF89a")}, "n’est pas celle": {Image: s.Arms.Image, SHA256: circuits.Digest{1}}, "trop lourde": {Image: make([]byte, dossiers.MaxPicture+1)},
	} {
		if _, err := other.Office.PlanSetup(ctx, to, dossiers.Setup{Arms: &bad}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if _, err := townfile.Parse(strings.NewReader("arms:\n  image: écu\n")); err == nil || !strings.Contains(err.Error(), "base64") {
		t.Errorf("%v", err)
	}
	r, err := other.Office.ApplySetup(ctx, to, dossiers.Setup{Arms: &dossiers.ArmsSetup{}}, dossiers.Terms{})
	if err != nil || len(r.Lines) != 1 || r.Lines[0].Sign != "-" {
		t.Errorf("erased: %+v, %v", r.Lines, err)
	}
}
