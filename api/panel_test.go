package api

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/towntest"
)

// TestPanel asks for the page of a letter, and for what it may not be.
func TestPanel(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	d := h.put(t, "cle-0001", nil)
	ask := func(body string, headers ...string) answer {
		return h.ask(t, http.MethodPost, "/api/v1/dossiers/"+d.ID+"/panel", strings.NewReader(body), append([]string{"Content-Type", "application/json"}, headers...)...)
	}
	admin := h.Person(t, demo.Administrator).Viewer(t)
	apps, err := h.Office.Applications(t.Context(), admin)
	if err != nil {
		t.Fatal(err)
	}
	ask(`{"origins":["https://gec.mairie.example"]}`).is(http.StatusUnprocessableEntity, "invalid-input") // closed until an administrator opens it
	for _, a := range apps {
		if err := h.Office.SetApplication(t.Context(), admin, a.ID, dossiers.Reach{Frames: []string{"https://gec.mairie.example"}}); err != nil {
			t.Fatal(err)
		}
	}
	a := ask(`{"origins":["https://gec.mairie.example"],"minutes":5}`).is(http.StatusCreated)
	var p Panel
	a.into(&p)
	if !strings.HasPrefix(p.URL, towntest.Origin+"/panneau/") || a.header.Get("Location") != p.URL || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s %v", p.URL, a.header)
	}
	if life := time.Until(p.ExpiresAt); life < 4*time.Minute || life > 5*time.Minute {
		t.Errorf("opens for %s", life)
	}
	_, token, _ := strings.Cut(p.URL, "/panneau/")
	shown, err := h.Office.Panel(t.Context(), h.Tenant, token)
	if err != nil || string(shown.View.ID) != d.ID || len(shown.Origins) != 1 {
		t.Errorf("%+v, %v", shown.Origins, err)
	}
	ask(`{}`).is(http.StatusCreated).into(&p)
	if life := time.Until(p.ExpiresAt); life < 14*time.Minute || life > 15*time.Minute {
		t.Errorf("opens for %s when nothing is said", life)
	}
	for _, bad := range []string{`{"origins":["*"]}`, `{"origins":["https://gec.example; script-src *"]}`, `{"minutes":61}`, `{"minutes":-1}`, `{"origins":"https://gec.example"}`} {
		ask(bad).is(http.StatusUnprocessableEntity)
	}
	other := h.newKey(t, "Autre", "dossiers:read")
	ask(`{}`, "Authorization", "Bearer "+other).is(http.StatusNotFound)
}
