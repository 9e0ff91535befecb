package dossiers_test

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/png"
	"testing"
	"time"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/towntest"
	"parapheur/internal/wiring"
	"parapheur/signing"
)

// stroke is a thick line of one colour on a transparent ground.
func stroke(t *testing.T, c color.NRGBA) []byte {
	t.Helper()
	img := image.NewNRGBA(image.Rect(0, 0, 300, 100))
	for x := 20; x < 280; x++ {
		for y := range 12 {
			img.SetNRGBA(x, 30+y+x%30, c)
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// images counts the images that a signature appended.
func images(t *testing.T, s dossiers.Sealing) int {
	t.Helper()
	var p signing.Prepared
	if err := p.UnmarshalBinary(s.Prepared); err != nil {
		t.Fatal(err)
	}
	raw, err := p.MarshalBinary()
	if err != nil || len(raw) == 0 {
		t.Fatal(err)
	}
	tail, err := p.Complete(nil, nil)
	if !errors.Is(err, signing.ErrSignature) {
		t.Fatalf("%d bytes, %v", len(tail), err)
	}
	return bytes.Count(s.Stamped, []byte("/Subtype/Image"))
}

// The arms and the hand of whoever decided are in the block, named by their
// digests in what is kept; another's hand never is. What is erased is not used
// for the next letter, and the letter that has it keeps it.
func TestPicturesInTheBlock(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	town := towntest.New(t, func(c *wiring.Config) { c.Workers = 0 })
	o := town.Office
	mayor, dgs, admin := town.Person(t, demo.Mayor).Viewer(t), town.Person(t, demo.DGS).Viewer(t), town.Person(t, demo.Administrator).Viewer(t)
	for _, x := range []struct {
		v dossiers.Viewer
		k dossiers.PictureKind
		c color.NRGBA
	}{{admin, dossiers.PictureArms, color.NRGBA{200, 20, 20, 255}}, {mayor, dossiers.PictureGriffe, color.NRGBA{20, 20, 120, 255}}, {dgs, dossiers.PictureGriffe, color.NRGBA{10, 90, 10, 255}}} {
		if err := o.SetPicture(ctx, x.v, x.k, stroke(t, x.c), false); err != nil {
			t.Fatal(err)
		}
	}
	seal := func() dossiers.Sealing {
		d := decided(t, town)
		if err := o.Seal(ctx, town.Tenant.ID, d.ID); err != nil {
			t.Fatal(err)
		}
		kept, err := town.Store.Sealing(ctx, town.Tenant.ID, d.ID, 1, 1)
		if err != nil {
			t.Fatal(err)
		}
		return kept
	}
	digest := func(k dossiers.PictureKind, p circuits.PersonID) circuits.Digest {
		x, err := town.Store.Picture(ctx, town.Tenant.ID, k, p, circuits.Digest{})
		if err != nil {
			t.Fatal(err)
		}
		return x.SHA256
	}
	first := seal()
	if first.Arms != digest(dossiers.PictureArms, "") || first.Griffe != digest(dossiers.PictureGriffe, mayor.Person.ID) || images(t, first) != 4 { // each with its mask
		t.Errorf("arms %s, griffe %s, %d images", first.Arms, first.Griffe, images(t, first))
	}
	if err := o.RemovePicture(ctx, mayor, dossiers.PictureGriffe); err != nil {
		t.Fatal(err)
	}
	if second := seal(); !second.Griffe.IsZero() || second.Arms.IsZero() || images(t, second) != 2 {
		t.Errorf("once erased: griffe %s, %d images", second.Griffe, images(t, second))
	}
	if err := o.RemovePicture(ctx, mayor, dossiers.PictureGriffe); !errors.Is(err, dossiers.ErrNotFound) {
		t.Errorf("erased twice: %v", err)
	}
	if err := town.Store.SetActive(ctx, town.Tenant.ID, dgs.Person.ID, false, circuits.Actor{Name: "test"}, time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := town.Store.Picture(ctx, town.Tenant.ID, dossiers.PictureGriffe, dgs.Person.ID, circuits.Digest{}); !errors.Is(err, dossiers.ErrNotFound) {
		t.Errorf("of somebody who left: %v", err)
	}
}

// A letter laid out anew for the same decision shows the images with which it
// was laid out, even replaced since, and does without those erased.
func TestPicturesOfALetterUnderWay(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	town := towntest.New(t, func(c *wiring.Config) { c.Workers = 0 })
	o, store, id := town.Office, town.Store, town.Tenant.ID
	mayor := town.Person(t, demo.Mayor).Viewer(t)
	blue, black := stroke(t, color.NRGBA{20, 20, 160, 255}), stroke(t, color.NRGBA{10, 10, 10, 255})
	if err := o.SetPicture(ctx, mayor, dossiers.PictureGriffe, blue, false); err != nil {
		t.Fatal(err)
	}
	now, err := store.Picture(ctx, id, dossiers.PictureGriffe, mayor.Person.ID, circuits.Digest{})
	if err != nil {
		t.Fatal(err)
	}
	d := decided(t, town)
	kept, err := store.AdvanceSealing(ctx, id, dossiers.Sealing{
		Dossier: d.ID, Version: 1, Step: 1, Prepared: []byte("laid out"), Griffe: now.SHA256, StartedAt: time.Now(), Holder: mayor.Person.ID,
	})
	if err != nil || kept.Griffe != now.SHA256 {
		t.Fatal(kept.Griffe, err)
	}
	if err := o.SetPicture(ctx, mayor, dossiers.PictureGriffe, black, false); err != nil {
		t.Fatal(err)
	}
	if x, err := store.Picture(ctx, id, dossiers.PictureGriffe, mayor.Person.ID, now.SHA256); err != nil || x.SHA256 != now.SHA256 {
		t.Errorf("replaced while a letter has it: %v", err)
	}
	if x, err := store.Picture(ctx, id, dossiers.PictureGriffe, mayor.Person.ID, circuits.Digest{}); err != nil || x.SHA256 == now.SHA256 {
		t.Errorf("in use: %s, %v", x.SHA256, err)
	}
	if err := o.RemovePicture(ctx, mayor, dossiers.PictureGriffe); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Picture(ctx, id, dossiers.PictureGriffe, mayor.Person.ID, now.SHA256); !errors.Is(err, dossiers.ErrNotFound) {
		t.Errorf("erased, and there: %v", err)
	}
}

// What is no image of a block is refused with what to do, and whose it is not
// neither sees nor changes it.
func TestPicturesRefused(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	town := towntest.New(t, func(c *wiring.Config) { c.Workers = 0 })
	o, mayor := town.Office, town.Person(t, demo.Mayor).Viewer(t)
	huge := stroke(t, color.NRGBA{A: 255})
	copy(huge[16:], "\x00\x00\xF0\x00\x00\x00\xF0\x00")
	for name, file := range map[string][]byte{
		"nothing": nil, "text": []byte("griffe"), "cut": huge[:60], "huge": huge, "heavy": make([]byte, dossiers.MaxPicture+1), "blank": stroke(t, color.NRGBA{255, 255, 255, 255}),
	} {
		var invalid *dossiers.InvalidError
		if err := o.SetPicture(ctx, mayor, dossiers.PictureGriffe, file, false); !errors.As(err, &invalid) || invalid.Reason == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := o.SetPicture(ctx, mayor, dossiers.PictureArms, stroke(t, color.NRGBA{A: 255}), false); !errors.Is(err, dossiers.ErrForbidden) {
		t.Errorf("arms by whom does not administer: %v", err)
	}
	gec, _, err := o.Authenticate(ctx, town.Tenant, town.Founded.APIKeys[demo.GEC])
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := o.PictureFile(ctx, gec, dossiers.PictureGriffe); !errors.Is(err, dossiers.ErrForbidden) {
		t.Errorf("an application: %v", err)
	}
	if _, err := o.BlockPreview(ctx, gec, dossiers.PictureGriffe, 400); !errors.Is(err, dossiers.ErrForbidden) {
		t.Errorf("an application previews: %v", err)
	}
}
