package web_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"parapheur/dossiers"
	"parapheur/internal/demo"
)

// An administrator holds an application to addresses, adds an endpoint, tries
// it, pauses it, renews its secret and removes it; everything is said.
func TestAnApplicationAndItsNotifications(t *testing.T) {
	t.Parallel()
	at := newTown(t)
	admin := at.client(t, demo.Administrator)
	list := admin.get("/administration/applications").Body.String()
	found := regexp.MustCompile(`href="(/administration/applications/[0-9a-f-]{36})"`).FindStringSubmatch(list)
	if found == nil {
		t.Fatal("no link to an application")
	}
	page := found[1]
	post := func(path string, want int, form url.Values) string {
		t.Helper()
		w := admin.post(path, form)
		if w.Code != want {
			t.Fatalf("%s answers %d: %.400s", path, w.Code, w.Body)
		}
		return w.Body.String()
	}
	post(page+"/acces", http.StatusSeeOther, url.Values{"networks": {"192.0.2.0/24\n2001:db8::/32\n198.51.100.7"}, "type": {"courrier-simple"}, "frames": {"https://GEC.mairie.example/\nhttp://gec.lan:8000"}})
	says(t, "the page", admin.get(page).Body.String(), "192.0.2.0/24\n2001:db8::/32\n198.51.100.7", `value="courrier-simple" checked`, "https://gec.mairie.example\nhttp://gec.lan:8000")
	says(t, "a refusal", post(page+"/acces", http.StatusUnprocessableEntity, url.Values{"networks": {"partout"}}), "ne se lit pas", ">partout</textarea>")
	says(t, "a refusal", post(page+"/acces", http.StatusUnprocessableEntity, url.Values{"frames": {"https://gec.mairie.example/page"}}), "Une origine s’écrit sans chemin", ">https://gec.mairie.example/page</textarea>")
	says(t, "a refusal", post(page+"/jeu-de-cles", http.StatusUnprocessableEntity, url.Values{"jwks": {"{}"}, "scope": {dossiers.ScopeDossiersRead}}), "n’est pas accepté")
	says(t, "a refusal", post(page+"/notifications", http.StatusUnprocessableEntity, url.Values{"url": {"https://10.0.0.1/"}}), "ne peut pas être appelée", `value="https://10.0.0.1/"`)

	made := post(page+"/notifications", http.StatusOK, url.Values{"url": {"https://gec.invalid/parapheur"}})
	says(t, "the new endpoint", made, "whsec_", "https://gec.invalid/parapheur", "Appelée")
	hook := regexp.MustCompile(`data-hook="([^"]+)"`).FindStringSubmatch(made)
	if hook == nil {
		t.Fatal("no endpoint on the page")
	}
	if body := admin.get(page).Body.String(); strings.Contains(body, "whsec_") {
		t.Error("the secret is shown again")
	}
	on := "/administration/notifications/" + hook[1] + "/"
	post(on+"essai", http.StatusSeeOther, nil)
	tried := func() string { return admin.get(page).Body.String() }
	says(t, "the page", tried(), "webhook.test")
	// The town's own jobs send it, when they like: nobody answers at a name of RFC 6761, 6.4.
	for end := time.Now().Add(time.Minute); strings.Contains(tried(), "À envoyer"); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the message of the test button was never sent")
		}
	}
	says(t, "the page", tried(), "Échec")
	post(on+"pause", http.StatusSeeOther, nil)
	says(t, "the page", admin.get(page).Body.String(), "En pause", "Réactiver")
	post(on+"reprise", http.StatusSeeOther, nil)
	says(t, "a renewed secret", post(on+"secret", http.StatusOK, nil), "whsec_")
	post(on+"rejeu", http.StatusSeeOther, url.Values{"after": {"0"}})
	says(t, "a refusal", post(on+"rejeu", http.StatusUnprocessableEntity, url.Values{"after": {"jamais"}}), "n’existe pas encore")
	for _, email := range []string{demo.Drafter, demo.Mayor} {
		somebody := at.client(t, email)
		if w := somebody.get(page); w.Code != http.StatusForbidden {
			t.Errorf("%s reads the page: %d", email, w.Code)
		}
		if w := somebody.post(on+"suppression", nil); w.Code != http.StatusForbidden {
			t.Errorf("%s removes an endpoint: %d", email, w.Code)
		}
	}
	post(on+"suppression", http.StatusSeeOther, nil)
	if body := admin.get(page).Body.String(); strings.Contains(body, hook[1]) {
		t.Error("the endpoint is still there")
	}
}
