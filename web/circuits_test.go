package web_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"parapheur/internal/demo"
)

// Without script the same forms draw a circuit; an older drawing is refused,
// and so is anybody but an administrator.
func TestCircuitWithoutScript(t *testing.T) {
	t.Parallel()
	at := newTown(t)
	admin, dgs := at.client(t, demo.Administrator), at.client(t, demo.DGS)
	const path = "/administration/circuits/a-la-main"
	if w := admin.post("/administration/circuits", url.Values{"name": {"À la main"}}); w.Header().Get("Location") != path {
		t.Fatalf("%d, %s", w.Code, w.Header().Get("Location"))
	}
	edition := func() string {
		return regexp.MustCompile(`name="edition" value="([0-9a-f]+)"`).FindStringSubmatch(admin.get(path).Body.String())[1]
	}
	first := edition()
	add := url.Values{"edition": {first}, "op": {"ajouter-signature"}}
	if w := admin.post(path+"/etapes", add); w.Header().Get("Location") != path+"?etape=signature-1" {
		t.Fatalf("%d, %s", w.Code, w.Header().Get("Location"))
	}
	if w := admin.post(path+"/etapes", add); w.Code != http.StatusConflict {
		t.Errorf("from an older drawing: %d", w.Code)
	}
	step := url.Values{"edition": {edition()}, "etape": {"signature-1"}, "kind": {"signature"}, "title": {"Signature"}, "actor": {"drafter"}, "when": {"libre"}, "cel": {"montant >"}, "days": {"trois"}}
	w := admin.post(path+"/etape", step)
	if w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "écrivez par exemple 3") {
		t.Errorf("a delay that is none: %d", w.Code)
	}
	step.Set("days", "3")
	if w := admin.post(path+"/etape", step); w.Code != http.StatusSeeOther {
		t.Errorf("saved: %d", w.Code)
	}
	says(t, "a number that is none", admin.post(path+"/essai", url.Values{"v_annexes": {"douze"}}).Body.String(), "Nombre d’annexes\u00a0»\u00a0: Écrivez")
	body := admin.get(path + "?etape=signature-1").Body.String()
	says(t, "the drawing", body, "Le rédacteur", "sa condition ne se lit pas", "montant &gt;", `<svg xmlns`)
	says(t, "the check of a condition", admin.post(path+"/condition", url.Values{"cel": {"annexes >"}}).Body.String(), "La condition")
	if w := admin.post(path+"/publier", url.Values{"edition": {edition()}}); w.Code != http.StatusConflict || !strings.Contains(w.Body.String(), "ne peut pas encore être publié") {
		t.Errorf("published while it blocks: %d", w.Code)
	}
	if w := admin.get(path + "/dessin.svg"); w.Header().Get("Content-Type") != "image/svg+xml" || strings.Contains(w.Body.String(), "style=") {
		t.Errorf("the picture: %s", w.Header().Get("Content-Type"))
	}
	for _, p := range []string{"/administration/circuits", path, path + "/publier", path + "/comparer", path + "/dessin.svg", path + "/dossiers"} {
		if w := dgs.get(p); w.Code != http.StatusForbidden {
			t.Errorf("somebody else reads %s: %d", p, w.Code)
		}
	}
	for _, p := range []string{"", "/brouillon", "/etapes", "/etape", "/condition", "/essai", "/cas", "/publier", "/retirer", "/dossiers"} {
		if w := dgs.post(path+p, url.Values{"edition": {edition()}, "op": {"ajouter-visa"}, "version": {"1"}, "name": {"X"}, "reason": {"r"}}); w.Code != http.StatusForbidden && w.Code != http.StatusNotFound {
			t.Errorf("somebody else posts %s: %d", p, w.Code)
		}
	}
}
