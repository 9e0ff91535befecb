package web_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"parapheur/internal/demo"
)

// An administrator adds a connector, sees its secret once, and turns it on
// once they said from where it calls.
func TestConnectorForms(t *testing.T) {
	at := newTown(t)
	admin := at.client(t, demo.Administrator)
	page := admin.get("/administration/connecteurs").Body.String()
	app := regexp.MustCompile(`<option value="([0-9a-f-]{36})">`).FindStringSubmatch(page)
	if app == nil {
		t.Fatal("no application to choose")
	}
	w := admin.post("/administration/connecteurs", url.Values{"kind": {"maarch"}, "application": {app[1]}, "login": {"maarch"}})
	id := regexp.MustCompile(`data-connector="([^"]+)"`).FindStringSubmatch(w.Body.String())
	if w.Code != http.StatusOK || id == nil || !strings.Contains(w.Body.String(), "data-secret-note") {
		t.Fatalf("added: %d, %v, secret %t, %q", w.Code, id, strings.Contains(w.Body.String(), "data-secret-note"), w.Header().Get("Cache-Control"))
	}
	if strings.Contains(admin.get("/administration/connecteurs").Body.String(), "data-secret-note") {
		t.Error("the secret is shown twice")
	}
	set := url.Values{"login": {"maarch"}, "enabled": {"1"}, "type": {"courrier-simple"}}
	if w := admin.post("/administration/connecteurs/"+id[1], set); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("turned on for the whole world: %d", w.Code)
	}
	set.Set("networks", "192.0.2.0/24")
	if w := admin.post("/administration/connecteurs/"+id[1], set); w.Code != http.StatusSeeOther {
		t.Errorf("turned on: %d", w.Code)
	}
	if w := at.client(t, demo.Drafter).post("/administration/connecteurs/"+id[1]+"/secret", nil); w.Code != http.StatusForbidden {
		t.Errorf("a drafter changes the secret: %d", w.Code)
	}
}
