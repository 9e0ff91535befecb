package web_test

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"parapheur/dossiers"
	"parapheur/internal/demo"
)

// organisation reads the set-up of the town.
func (at *town) organisation(t *testing.T) dossiers.Organisation {
	t.Helper()
	g, err := at.system.Store.Organisation(t.Context(), at.tenant.ID)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// multipart sends a form that carries a file.
func (c *client) multipart(path string, fields url.Values, name string, file []byte) *httptest.ResponseRecorder {
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	_ = m.WriteField("csrf", c.session.CSRF)
	for k, values := range fields {
		for _, v := range values {
			_ = m.WriteField(k, v)
		}
	}
	if file != nil {
		w, _ := m.CreateFormFile(name, "fichier")
		_, _ = w.Write(file)
	}
	_ = m.Close()
	return c.do(http.MethodPost, path, m.FormDataContentType(), &b)
}

// sent fails unless a form was kept and leads to path.
func sent(t *testing.T, what string, w *httptest.ResponseRecorder, path string) {
	t.Helper()
	if w.Code != http.StatusSeeOther || !strings.HasPrefix(w.Header().Get("Location"), path) {
		t.Fatalf("%s: %d, %s, %s", what, w.Code, w.Header().Get("Location"), text(w))
	}
}

// text is the middle of a page, for messages.
func text(w *httptest.ResponseRecorder) string {
	body := w.Body.String()
	if i := strings.Index(body, `class="err"`); i >= 0 {
		return body[i:min(len(body), i+400)]
	}
	if i := strings.Index(body, "data-problem"); i >= 0 {
		return body[i:min(len(body), i+400)]
	}
	return ""
}

// refusedAt fails unless a form came back with this sentence.
func refusedAt(t *testing.T, what string, w *httptest.ResponseRecorder, sentence string) {
	t.Helper()
	if w.Code != http.StatusUnprocessableEntity {
		t.Errorf("%s: %d, want 422", what, w.Code)
	}
	says(t, what, w.Body.String(), `class="err"`, sentence, `aria-invalid="true"`)
}

// Nobody but an administrator reads or changes the organisation, and nothing
// that is not there is found.
func TestOrganisationIsTheAdministrators(t *testing.T) {
	t.Parallel()
	at := newTown(t)
	dgs, admin, nobody := at.client(t, demo.DGS), at.client(t, demo.Administrator), &client{at: at}
	mayor := string(at.personID(t, demo.Mayor))
	for _, path := range []string{
		"/personnes/" + mayor, "/bureaux/nouveau", "/types", "/types/nouveau", "/types/courrier-simple", "/suites/nouveau", "/delegations", "/delegations/nouveau",
		"/empechements/nouveau", "/absences", "/absences/nouveau", "/fermetures", "/fichier", "/fichier/organisation.yaml", "/journal",
	} {
		path = "/administration" + path
		if w := admin.get(path); w.Code != http.StatusOK {
			t.Errorf("%s: %d", path, w.Code)
		}
		if w := dgs.get(path); w.Code != http.StatusForbidden {
			t.Errorf("%s as the DGS: %d", path, w.Code)
		}
		if w := nobody.get(path); w.Code != http.StatusSeeOther {
			t.Errorf("%s as nobody: %d", path, w.Code)
		}
	}
	before := at.organisation(t).Revision
	for path, form := range map[string]url.Values{
		"/personnes/" + mayor: {"given_name": {"X"}}, "/bureaux/nouveau": {"name": {"X"}, "code": {"x"}}, "/types/nouveau": {"name": {"X"}, "code": {"x"}},
		"/suites/nouveau": {"name": {"X"}, "code": {"x"}, "pattern": {"{annee}-{numero}"}}, "/delegations/apercu": {}, "/empechements/nouveau": {"person": {mayor}},
		"/absences/nouveau": {"person": {mayor}, "from": {"2026-12-01"}, "to": {"2026-12-02"}}, "/fermetures": {"from": {"2026-05-15"}}, "/fermetures/levee": {"on": {"2026-05-15"}},
	} {
		if w := dgs.post("/administration"+path, form); w.Code != http.StatusForbidden {
			t.Errorf("%s as the DGS: %d", path, w.Code)
		}
	}
	for _, path := range []string{"/delegations/nouveau", "/fichier"} {
		if w := dgs.multipart("/administration"+path, url.Values{}, "file", []byte("x")); w.Code != http.StatusForbidden {
			t.Errorf("%s as the DGS: %d", path, w.Code)
		}
	}
	if after := at.organisation(t).Revision; after != before {
		t.Errorf("somebody else changed the organisation: revision %d, then %d", before, after)
	}
	for _, path := range []string{"/personnes/x", "/bureaux/x", "/types/x", "/suites/x", "/delegations/x", "/delegations/x/arrete", "/empechements/x", "/absences/x"} {
		if w := admin.get("/administration" + path); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

// The fiche of a person is kept; what is wrong is told at its field, and what
// was typed stays.
func TestPersonIsSet(t *testing.T) {
	t.Parallel()
	at := newTown(t)
	admin := at.client(t, demo.Administrator)
	id := string(at.personID(t, demo.Mayor))
	path := "/administration/personnes/" + id
	fiche := url.Values{"civility": {"Mme"}, "given_name": {"Hélène"}, "family_name": {"Garnier"}, "email": {demo.Mayor}, "rank": {"1"}, "mandate_end": {"2032-03-20"}}
	sent(t, "the fiche", admin.post(path, fiche), path)
	m, _ := at.organisation(t).Member(at.personID(t, demo.Mayor))
	if m.Rank != 1 || m.MandateEnd != "2032-03-20" || m.Inactive {
		t.Errorf("kept %+v", m)
	}
	at.holds(t, demo.Mayor, "La mienne", "lien d’invitation")
	body := admin.get(path).Body.String()
	says(t, "the fiche", body, `value="2032-03-20"`, "Une seule clé", "Liée à cet appareil", "personne d’autre n’y peut agir", `data-go="deactivate"`)
	for field, value := range map[string]string{"rank": "premier", "email": "pas une adresse"} {
		wrong := url.Values{}
		for k, v := range fiche {
			wrong[k] = v
		}
		wrong.Set(field, value)
		w := admin.post(path, wrong)
		refusedAt(t, field, w, "")
		says(t, field, w.Body.String(), `value="`+value+`"`)
	}
	oneself := admin.get("/administration/personnes/" + string(at.personID(t, demo.Administrator))).Body.String()
	says(t, "oneself", oneself, "Vous ne pouvez pas vous désactiver vous-même")
	fiche = url.Values{"given_name": {"Marc"}, "family_name": {"Delattre"}, "email": {demo.Administrator}}
	w := admin.post("/administration/personnes/"+string(at.personID(t, demo.Administrator)), fiche)
	refusedAt(t, "the last administrator", w, "au moins un administrateur")
}

// A desk is made under another, with people in rows that need no script.
func TestDeskIsSet(t *testing.T) {
	t.Parallel()
	at := newTown(t)
	admin := at.client(t, demo.Administrator)
	dgs := string(at.personID(t, demo.DGS))
	var parent string
	for _, d := range at.organisation(t).Desks {
		if d.Name == demo.DeskDGS {
			parent = string(d.ID)
		}
	}
	form := url.Values{"name": {"Finances"}, "code": {"finances"}, "parent": {parent}, "supervisors": {dgs}, "faire": {"ajouter:holders"}}
	w := admin.post("/administration/bureaux/nouveau", form)
	says(t, "one more line", w.Body.String(), `name="holders-0-person" `, "autofocus", `value="Finances"`)
	form.Del("faire")
	drafter := string(at.personID(t, demo.Drafter))
	form.Set("holders-0-person", drafter)
	refused := admin.post("/administration/bureaux/nouveau", form)
	if refused.Code != http.StatusUnprocessableEntity {
		t.Errorf("a holder without quality: %d", refused.Code)
	}
	form.Set("holders-0-quality", "Directrice des finances")
	sent(t, "the desk", admin.post("/administration/bureaux/nouveau", form), "/administration/bureaux")
	body := admin.get("/administration/bureaux").Body.String()
	says(t, "the tree", body, `aria-label="Sous `+demo.DeskDGS+`"`, "Directrice des finances", "Philippe Rousseau supervise")
	var made dossiers.DeskSetup
	for _, d := range at.organisation(t).Desks {
		if d.Code == "finances" {
			made = d
		}
	}
	loop := url.Values{"name": {demo.DeskDGS}, "code": {"dgs-2"}, "parent": {string(made.ID)}, "sachant": {"1"}}
	refusedAt(t, "a loop", admin.post("/administration/bureaux/"+parent, loop), "au-dessus de lui-même")
	form.Set("faire", "retirer:holders:0")
	says(t, "a line less", admin.post("/administration/bureaux/"+string(made.ID), form).Body.String(), "une lettre s’y arrêterait")
}

// A type is made with its conditions, its fields and its number; a condition
// that cannot be read is told at its line.
func TestTypeIsSet(t *testing.T) {
	t.Parallel()
	at := newTown(t)
	admin := at.client(t, demo.Administrator)
	sent(t, "the sequence", admin.post("/administration/suites/nouveau", url.Values{"code": {"depart"}, "name": {"Courrier départ"}, "pattern": {"{annee}-{numero:04}"}}), "/administration/types")
	refusedAt(t, "a pattern", admin.post("/administration/suites/nouveau", url.Values{"code": {"x"}, "name": {"X"}, "pattern": {"{annee}"}}), "une fois")
	refusedAt(t, "a code taken", admin.post("/administration/suites/nouveau", url.Values{"code": {"depart"}, "name": {"X"}, "pattern": {"{annee}-{numero}"}}), "déjà ce code")
	form := url.Values{
		"code": {"subvention"}, "name": {"Subvention"}, "class": {"decision"}, "level": {"B-LT"}, "assurance": {"device_bound"}, "sequence": {"depart"}, "circuit": {"courrier-simple"},
		"rules-0-when": {"montan > 10000.0"}, "rules-0-circuit": {"courrier-cabinet"},
		"metadata-0-name": {"montant"}, "metadata-0-label": {"Montant TTC"}, "metadata-0-type": {"decimal"}, "metadata-0-at_deposit": {"1"},
		"metadata-1-name": {"domaine"}, "metadata-1-label": {"Domaine"}, "metadata-1-type": {"list"}, "metadata-1-values": {"Sport\nCulture\n"}, "metadata-1-at_steps": {"visa-dgs"},
	}
	refusedAt(t, "a condition", admin.post("/administration/types/nouveau", form), "montan")
	form.Set("rules-0-when", "montant > 10000.0")
	form.Set("metadata-1-values", "")
	refusedAt(t, "an empty list", admin.post("/administration/types/nouveau", form), "Donnez les valeurs de la liste")
	form.Set("metadata-1-values", "Sport\nCulture\n")
	sent(t, "the type", admin.post("/administration/types/nouveau", form), "/administration/types")
	refusedAt(t, "a code taken", admin.post("/administration/types/nouveau", form), "déjà ce code")
	y, ok := at.organisation(t).Type("subvention")
	if !ok || len(y.Rules) != 1 || len(y.Metadata) != 2 || y.Metadata[1].Values[1] != "Culture" || y.Metadata[1].AtSteps[0] != "visa-dgs" || !y.Metadata[0].AtDeposit || y.Level != "B-LT" || y.Sequence != "depart" {
		t.Errorf("kept %+v", y)
	}
	body := admin.get("/administration/types/subvention").Body.String()
	says(t, "the form of the type", body, `value="montant &gt; 10000.0"`, `value="Montant TTC"`, "Sport")
	says(t, "the list", admin.get("/administration/types").Body.String(), "Subvention", "Décision", "Numérotée par", "Clé liée à un appareil")
	form.Set("faire", "monter:metadata:1")
	moved := admin.post("/administration/types/subvention", form).Body.String()
	if strings.Index(moved, `value="Domaine"`) > strings.Index(moved, `value="Montant TTC"`) {
		t.Error("the field did not move up")
	}
}
