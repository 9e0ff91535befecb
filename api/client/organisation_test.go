package client_test

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"parapheur/api"
	"parapheur/api/client"
	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/towntest"
)

// The annexes of a draft and the arms of a town are set through a real town.
func TestAnnexesAndArms(t *testing.T) {
	t.Parallel()
	town := towntest.New(t)
	ctx := t.Context()
	server := httptest.NewServer(api.New(api.Options{Office: town.Office, Hub: town.Hub, Log: slog.New(slog.DiscardHandler), Spool: t.TempDir()}))
	t.Cleanup(server.Close)
	admin := town.Person(t, demo.Administrator).Viewer(t)
	apps, err := town.Office.Applications(ctx, admin)
	if err != nil {
		t.Fatal(err)
	}
	key, _, err := town.Office.AddAPIKey(ctx, admin, apps[0].ID, dossiers.Scopes(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	c := &client.Client{URL: server.URL, Key: key, HTTP: &http.Client{Transport: townHost{http.DefaultTransport}}}
	l := letter(t, "")
	l.Draft, l.Annexes = true, nil
	d, err := c.Deposit(ctx, client.NewKey(), l)
	if err != nil {
		t.Fatal(err)
	}
	read := d
	if d, err = c.AddAnnex(ctx, d, towntest.Sample(t, "annexe-plan-du-chantier.pdf")); err != nil || len(d.Documents) != 2 || d.ETag == read.ETag {
		t.Fatalf("%+v, %v", d, err)
	}
	if _, err := c.RemoveAnnex(ctx, read, 2); !client.IsProblem(err, "stale-version") {
		t.Errorf("written over what moved: %v", err)
	}
	if d, err = c.RemoveAnnex(ctx, d, 2); err != nil || len(d.Documents) != 1 {
		t.Errorf("%+v, %v", d, err)
	}
	var got bytes.Buffer
	if err := c.Arms(ctx, &got); !client.IsProblem(err, "not-found") {
		t.Errorf("without arms: %v", err)
	}
	img := image.NewNRGBA(image.Rect(0, 0, 40, 50))
	for i := range 50 {
		img.SetNRGBA(i%40, i, color.NRGBA{120, 20, 20, 255})
	}
	var file bytes.Buffer
	if err := png.Encode(&file, img); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the first, and the same again
		if err := c.SetArms(ctx, file.Bytes()); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Arms(ctx, &got); err != nil || http.DetectContentType(got.Bytes()) != "image/png" {
		t.Errorf("%d bytes, %v", got.Len(), err)
	}
}
