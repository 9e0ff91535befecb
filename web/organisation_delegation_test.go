package web_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"parapheur/dossiers"
	"parapheur/internal/demo"
)

// An arrêté is inscribed with its PDF, previewed, simulated, refused out of
// its scope, and withdrawn.
func TestDelegationIsInscribed(t *testing.T) {
	t.Parallel()
	at := newTown(t)
	admin := at.client(t, demo.Administrator)
	mayor, dgs := string(at.personID(t, demo.Mayor)), string(at.personID(t, demo.DGS))
	form := url.Values{
		"number": {"2026-041"}, "basis": {"L2122-19"}, "signed": {"2026-03-28"}, "from": {"2026-04-01"}, "priority": {"0"}, "types": {"courrier-simple"},
		"delegator": {mayor}, "delegator_quality": {"Maire"}, "delegate": {dgs}, "delegate_quality": {"Directeur général des services"},
	}
	preview := admin.post("/administration/delegations/apercu", form)
	says(t, "the preview", preview.Body.String(), "Pour la Maire et par délégation, le Directeur général des services", "Il manque", "la transmission au préfet", "la notification au délégataire")
	bad := url.Values{}
	for k, v := range form {
		bad[k] = v
	}
	bad.Set("published", "2026-03-01")
	refusedAt(t, "published before signed", admin.multipart("/administration/delegations/nouveau", bad, "", nil), "")
	w := admin.multipart("/administration/delegations/nouveau", form, "pdf", []byte("not a PDF"))
	refusedAt(t, "what is no PDF", w, "n’est pas un PDF")
	pdf := readSample(t)
	sent(t, "the arrêté", admin.multipart("/administration/delegations/nouveau", form, "pdf", pdf), "/administration/delegations")
	d := at.organisation(t).Delegations[0]
	says(t, "the list", admin.get("/administration/delegations").Body.String(), `data-stage="incomplete"`, "Arrêté 2026-041", "Limitée")
	got := admin.get("/administration/delegations/" + string(d.ID) + "/arrete")
	if got.Code != http.StatusOK || !bytes.Equal(got.Body.Bytes(), pdf) || !strings.Contains(got.Header().Get("Content-Disposition"), "arrete-2026-041.pdf") {
		t.Errorf("the PDF: %d, %d bytes, %s", got.Code, got.Body.Len(), got.Header().Get("Content-Disposition"))
	}
	form.Set("pdf_sha256", d.Arrete.String())
	form.Set("published", "2026-03-31")
	form.Set("transmitted", "2026-03-31")
	form.Set("notified", "2026-04-01")
	sent(t, "its formalities", admin.multipart("/administration/delegations/"+string(d.ID), form, "", nil), "/administration/delegations")
	if kept := at.organisation(t).Delegations[0]; kept.Arrete != d.Arrete || kept.Notified != "2026-04-01" {
		t.Errorf("kept %+v", kept)
	}
	at.simulates(t, admin)
	sent(t, "the withdrawal", admin.post("/administration/delegations/"+string(d.ID)+"/retrait", nil), "/administration/delegations?dit=retiree")
	says(t, "the list after", admin.get("/administration/delegations").Body.String(), `data-stage="terminee"`, "Retirée depuis le")
	says(t, "the journal", admin.get("/administration/journal?quoi=delegation.").Body.String(), "Arrêté 2026-041", "Hélène Garnier à Philippe Rousseau", "Retirée le")
}

func (at *town) simulates(t *testing.T, admin *client) {
	t.Helper()
	var desk string
	for _, d := range at.organisation(t).Desks {
		if d.Name == demo.DeskMayor {
			desk = string(d.ID)
		}
	}
	ask := func(kind, day string) string {
		return admin.get("/administration/delegations?" + url.Values{"bureau": {desk}, "type": {kind}, "jour": {day}}.Encode()).Body.String()
	}
	says(t, "in scope", ask("courrier-simple", "2026-06-01"), "Philippe Rousseau", "Pour la Maire et par délégation", "Peut")
	says(t, "out of scope", ask("courrier-cabinet", "2026-06-01"), "Ne peut pas", "ne couvre pas ce type de courrier")
	says(t, "too early", ask("courrier-simple", "2026-03-30"), "pas encore")
	says(t, "no day", ask("courrier-simple", "hier"), "Choisissez un jour qui existe")
}

// A digest copied from the journal opens no letter.
func TestArreteOpensNoLetter(t *testing.T) {
	t.Parallel()
	at := newTown(t)
	admin, drafter := at.client(t, demo.Administrator), at.client(t, demo.Drafter)
	drafter.deposit(map[string]string{"title": "Trottoir", "recipient": "Mme Aubry", "type": "courrier-simple", "action": "start"}, readSample(t))
	var digest string
	entries, err := at.system.Store.Journal(t.Context(), at.tenant.ID, 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Kind == "dossier.deposited" {
			_, rest, _ := strings.Cut(string(e.Body), `"document":"`)
			digest = rest[:64]
		}
	}
	form := url.Values{
		"number": {"2026-041"}, "basis": {"L2122-19"}, "signed": {"2026-03-28"}, "from": {"2026-04-01"}, "pdf_sha256": {digest},
		"delegator": {string(at.personID(t, demo.Mayor))}, "delegator_quality": {"Maire"}, "delegate": {string(at.personID(t, demo.DGS))}, "delegate_quality": {"DGS"},
	}
	refusedAt(t, "a digest typed", admin.multipart("/administration/delegations/nouveau", form, "", nil), "Choisissez de nouveau le PDF")
	file := "delegations:\n  - number: 2026-041\n    basis: L2122-19\n    signed: 2026-03-28\n    from: 2026-04-01\n    pdf_sha256: " + digest +
		"\n    delegator: {person: " + demo.Mayor + ", quality: Maire}\n    delegate: {person: " + demo.DGS + ", quality: DGS}\n"
	planned := admin.multipart("/administration/fichier", url.Values{}, "file", []byte(file)).Body.String()
	says(t, "the plan", planned, "délégation 2026-041", "Appliquer ce plan")
	_, shown, _ := strings.Cut(planned, `name="shown" value="`)
	sent(t, "the file", admin.multipart("/administration/fichier", url.Values{"shown": {shown[:64]}, "content": {file}}, "", nil), "/administration/fichier?dit=applique")
	id := string(at.organisation(t).Delegations[0].ID)
	if w := admin.get("/administration/delegations/" + id + "/arrete"); w.Code != http.StatusNotFound {
		t.Errorf("a letter opened as an arrêté: %d", w.Code)
	}
}

// An impediment needs its proof; suppléance then goes to the next of the
// tableau.
func TestImpedimentIsDeclared(t *testing.T) {
	t.Parallel()
	at := newTown(t)
	admin := at.client(t, demo.Administrator)
	mayor := string(at.personID(t, demo.Mayor))
	admin.post("/administration/personnes/"+mayor, url.Values{"civility": {"Mme"}, "given_name": {"Hélène"}, "family_name": {"Garnier"}, "email": {demo.Mayor}, "rank": {"1"}})
	form := url.Values{"person": {mayor}, "motive": {"Hospitalisation"}, "from": {"2026-03-03"}}
	refusedAt(t, "without proof", admin.multipart("/administration/empechements/nouveau", form, "", nil), "ce qui prouve l’empêchement")
	refusedAt(t, "a proof that is no PDF", admin.multipart("/administration/empechements/nouveau", form, "pdf", []byte("GIF89a")), "n’est pas un PDF")
	form.Set("proof", "Certificat du 3 mars 2026")
	pdf := readSample(t)
	sent(t, "declared", admin.multipart("/administration/empechements/nouveau", form, "pdf", pdf), "/administration/delegations")
	i := at.organisation(t).Impediments[0]
	says(t, "the list", admin.get("/administration/delegations").Body.String(), "Hospitalisation", "Déclaré par Marc Delattre", string(i.ID)+"/preuve")
	says(t, "the journal", admin.get("/administration/journal?quoi=impediment.set").Body.String(), i.Document.String())
	form.Set("to", "2026-03-20")
	form.Set("pdf_sha256", i.Document.String())
	sent(t, "ended", admin.multipart("/administration/empechements/"+string(i.ID), form, "", nil), "/administration/delegations")
	if all := at.organisation(t).Impediments; len(all) != 1 || all[0].Document != i.Document {
		t.Errorf("impediments %+v", all)
	}

	// Its proof is the administrators' and the impeded person's to read.
	theMayor := at.client(t, demo.Mayor)
	says(t, "what is said to the Mayor", theMayor.get("/mes-absences").Body.String(), "Empêchements déclarés à votre sujet", "/mes-absences/empechements/"+string(i.ID)+"/preuve")
	for who, want := range map[*client]int{admin: http.StatusOK, theMayor: http.StatusOK, at.client(t, demo.DGS): http.StatusForbidden, at.client(t, demo.Drafter): http.StatusForbidden} {
		got := who.get("/mes-absences/empechements/" + string(i.ID) + "/preuve")
		if got.Code != want || want == http.StatusOK && !bytes.Equal(got.Body.Bytes(), pdf) {
			t.Errorf("%s: %d, want %d", who.token, got.Code, want)
		}
	}
	// A digest that was never received here opens no letter.
	form.Set("pdf_sha256", strings.Repeat("ab", 32))
	if w := admin.multipart("/administration/empechements/"+string(i.ID), form, "", nil); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("a digest from elsewhere: %d", w.Code)
	}
}

// The town says where it is: its public holidays and its hours follow.
func TestTerritoryPage(t *testing.T) {
	t.Parallel()
	at := newTown(t)
	admin := at.client(t, demo.Administrator)
	says(t, "the metropole", admin.get("/administration/fermetures?annee=2026").Body.String(), "Où se trouve la collectivité", "Mayotte", "Marquises")
	sent(t, "a territory", admin.post("/administration/fermetures/territoire", url.Values{"region": {"alsace-moselle"}, "zone": {"Europe/Paris"}}), "/administration/fermetures?dit=territoire")
	says(t, "Alsace", admin.get("/administration/fermetures?annee=2026").Body.String(), "Vendredi saint", `data-day="2026-12-26"`, `value="alsace-moselle" selected`)
	sent(t, "Tahiti", admin.post("/administration/fermetures/territoire", url.Values{"region": {"polynesie-francaise"}}), "/administration/fermetures?dit=territoire")
	tahiti, err := time.LoadLocation("Pacific/Tahiti")
	if err != nil {
		t.Fatal(err)
	}
	body := admin.get("/administration/fermetures?annee=2027").Body.String()
	says(t, "Polynesia", body, "Matari’i i ni’a", "Arrivée de l’Évangile")
	if now := time.Now().In(tahiti); !strings.Contains(body, fmt.Sprintf("Il y est %d h", now.Hour())) && now.Minute() < 59 {
		t.Errorf("the hour of Papeete is not told: %s", textIn(body))
	}
	if got := at.organisation(t).Territory; got.Region != "polynesie-francaise" || got.Zone != "" {
		t.Errorf("kept as %+v", got)
	}
	refusedAt(t, "nowhere", admin.post("/administration/fermetures/territoire", url.Values{"region": {"atlantide"}}), "n’est pas un territoire connu")
	refusedAt(t, "a zone from elsewhere", admin.post("/administration/fermetures/territoire", url.Values{"zone": {"Asia/Tokyo"}}), "fuseau horaire français")
	if w := at.client(t, demo.DGS).post("/administration/fermetures/territoire", url.Values{}); w.Code != http.StatusForbidden {
		t.Errorf("by somebody who does not administer: %d", w.Code)
	}
}

// A person plans their own absence, and nobody else's.
func TestOwnAbsence(t *testing.T) {
	t.Parallel()
	at := newTown(t)
	dgs, mayor, admin := at.client(t, demo.DGS), at.client(t, demo.Mayor), at.client(t, demo.Administrator)
	today, later := time.Now().Format(time.DateOnly), time.Now().AddDate(0, 0, 5).Format(time.DateOnly)
	form := url.Values{"from": {later}, "to": {today}, "tray": {"keep"}}
	refusedAt(t, "ends before it begins", dgs.post("/mes-absences/nouveau", form), "finit avant de commencer")
	form = url.Values{"from": {today}, "to": {later}, "tray": {"share"}}
	refusedAt(t, "shared with nobody", dgs.post("/mes-absences/nouveau", form), "Nommez la personne")
	form.Set("replacement", string(at.personID(t, demo.Drafter)))
	form.Set("person", string(at.personID(t, demo.Mayor))) // not theirs to say
	sent(t, "the absence", dgs.post("/mes-absences/nouveau", form), "/mes-absences")
	a := at.organisation(t).Absences[0]
	if a.Person != at.personID(t, demo.DGS) {
		t.Fatalf("the absence is %+v", a)
	}
	says(t, "the in-tray", dgs.get("/bannettes").Body.String(), "Vous êtes absent jusqu’au", `href="/mes-absences"`)
	says(t, "the page", dgs.get("/mes-absences").Body.String(), "partagée avec Claire Marchand", "Vous êtes absent jusqu’au")
	if w := mayor.get("/mes-absences/" + string(a.ID)); w.Code != http.StatusNotFound {
		t.Errorf("somebody else's absence: %d", w.Code)
	}
	if w := mayor.post("/mes-absences/"+string(a.ID), url.Values{"cancel": {"1"}}); w.Code != http.StatusNotFound {
		t.Errorf("somebody else's absence cancelled: %d", w.Code)
	}
	says(t, "the administrator", admin.get("/administration/absences").Body.String(), "Philippe Rousseau")
	sent(t, "cancelled", dgs.post("/mes-absences/"+string(a.ID), url.Values{"cancel": {"1"}}), "/mes-absences?dit=annulee")
	if body := dgs.get("/bannettes").Body.String(); strings.Contains(body, "data-away") {
		t.Error("still announced as away")
	}
	form.Set("person", string(at.personID(t, demo.Mayor)))
	form.Del("replacement")
	form.Del("csrf")
	form.Set("tray", "keep")
	sent(t, "by the administrator", admin.post("/administration/absences/nouveau", form), "/administration/absences")
	says(t, "the Mayor's in-tray", mayor.get("/bannettes").Body.String(), "Vous êtes absente jusqu’au")
}

// Days are closed and opened again, beside the public holidays.
func TestClosures(t *testing.T) {
	t.Parallel()
	at := newTown(t)
	admin := at.client(t, demo.Administrator)
	sent(t, "closed", admin.post("/administration/fermetures", url.Values{"from": {"2026-12-24"}, "to": {"2026-12-26"}, "label": {"Fermeture de Noël"}}), "/administration/fermetures?annee=2026")
	body := admin.get("/administration/fermetures?annee=2026").Body.String()
	says(t, "the year", body, "Fête nationale", "Fermeture de Noël", "Jour férié", `data-day="2026-12-26"`)
	if n := len(at.organisation(t).Closures); n != 3 {
		t.Errorf("%d days closed", n)
	}
	sent(t, "opened", admin.post("/administration/fermetures/levee", url.Values{"on": {"2026-12-24"}}), "/administration/fermetures?annee=2026")
	if n := len(at.organisation(t).Closures); n != 2 {
		t.Errorf("%d days closed", n)
	}
	refusedAt(t, "backwards", admin.post("/administration/fermetures", url.Values{"from": {"2026-12-24"}, "to": {"2026-12-01"}}), "vient après le premier")
	refusedAt(t, "no day", admin.post("/administration/fermetures", url.Values{"from": {"x"}}), "Choisissez le premier jour")
}

// The journal is searched by person, letter, kind and day, by pages.
func TestJournalIsSearched(t *testing.T) {
	t.Parallel()
	at := newTown(t)
	admin, drafter := at.client(t, demo.Administrator), at.client(t, demo.Drafter)
	for _, title := range []string{"Trottoir", "Banc"} {
		drafter.deposit(map[string]string{"title": title, "recipient": "Mme Aubry", "type": "courrier-simple", "action": "start"}, readSample(t))
	}
	search := func(q url.Values) string { return admin.get("/administration/journal?" + q.Encode()).Body.String() }
	count := func(body string) int { return strings.Count(body, "data-seq=") }
	one := search(url.Values{"dossier": {"1"}})
	says(t, "one letter", one, "<td>Lettre déposée", "<td>Lettre envoyée dans un circuit")
	if two := search(url.Values{"dossier": {"2"}}); count(one) == 0 || count(two) == 0 || strings.Contains(one, "<td>Personne ajoutée") {
		t.Errorf("letters have %d and %d lines", count(one), count(two))
	}
	if n := count(search(url.Values{"dossier": {"77"}})); n != 0 {
		t.Errorf("a letter that is not there has %d lines", n)
	}
	mayor := search(url.Values{"qui": {string(at.personID(t, demo.Mayor))}})
	says(t, "the Mayor", mayor, "<td>Personne ajoutée", "<td>Personne invitée")
	if strings.Contains(mayor, "<td>Lettre envoyée") {
		t.Error("a letter of somebody else under the Mayor's name")
	}
	says(t, "a family", search(url.Values{"quoi": {"dossier."}}), "<td>Lettre déposée")
	if body := search(url.Values{"quoi": {"dossier."}}); strings.Contains(body, "<td>Personne ajoutée") {
		t.Error("a person among the letters")
	}
	tomorrow := time.Now().AddDate(0, 0, 2).Format(time.DateOnly)
	says(t, "the days to come", search(url.Values{"du": {tomorrow}}), "Aucune ligne")
	if w := admin.get("/administration/journal?dossier=abc"); w.Code != http.StatusUnprocessableEntity || strings.Contains(w.Body.String(), `value="abc"`) {
		t.Errorf("a number in letters: %d", w.Code)
	}
	for i := range 60 {
		day := time.Date(2026, 1, 1+i, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
		admin.post("/administration/fermetures", url.Values{"from": {day}})
	}
	first := search(url.Values{"quoi": {"closure.set"}})
	_, next, more := strings.Cut(first, `href="/administration/journal?avant=`)
	if count(first) != 50 || !more {
		t.Fatalf("%d lines on the first page, more: %t", count(first), more)
	}
	next, _, _ = strings.Cut(next, `"`)
	if n := count(admin.get("/administration/journal?avant=" + strings.ReplaceAll(next, "&amp;", "&")).Body.String()); n != 10 {
		t.Errorf("%d lines on the second page", n)
	}
}

// A file is read exactly, planned, applied once, and refused when the town
// changed meanwhile.
func TestTownFile(t *testing.T) {
	t.Parallel()
	at := newTown(t)
	admin := at.client(t, demo.Administrator)
	exported := admin.get("/administration/fichier/organisation.yaml")
	says(t, "the file", exported.Body.String(), at.tenant.SIRET, demo.Mayor)
	same := admin.multipart("/administration/fichier", url.Values{}, "file", exported.Body.Bytes())
	says(t, "the same", same.Body.String(), "Rien à changer")
	wrong := admin.multipart("/administration/fichier", url.Values{}, "file", []byte("persones: []\n"))
	says(t, "an unknown key", wrong.Body.String(), "persones", "ligne", "data-problem")
	nobody := admin.multipart("/administration/fichier", url.Values{}, "file", []byte("closures:\n  - on: 2026-13-45\n"))
	if nobody.Code != http.StatusUnprocessableEntity {
		t.Errorf("a day that does not exist: %d", nobody.Code)
	}
	file := "closures:\n  - on: 2026-05-15\n    label: Pont\n"
	planned := admin.multipart("/administration/fichier", url.Values{}, "file", []byte(file)).Body.String()
	_, shown, _ := strings.Cut(planned, `name="shown" value="`)
	apply := url.Values{"shown": {shown[:64]}, "content": {file}}
	admin.post("/administration/fermetures", url.Values{"from": {"2026-05-14"}})
	stale := admin.multipart("/administration/fichier", apply, "", nil)
	says(t, "a stale plan", stale.Body.String(), "Rien n’est appliqué", "Mis hors d’usage")
	if n := len(at.organisation(t).Closures); n != 1 {
		t.Errorf("%d closures after a stale plan", n)
	}
	_, shown, _ = strings.Cut(stale.Body.String(), `name="shown" value="`)
	apply.Set("shown", shown[:64])
	sent(t, "applied", admin.multipart("/administration/fichier", apply, "", nil), "/administration/fichier?dit=applique")
	if c := at.organisation(t).Closures; len(c) != 1 || c[0].On != "2026-05-15" {
		t.Errorf("closures %+v", c)
	}
	if w := admin.multipart("/administration/fichier", url.Values{"csrf": {"faux"}}, "file", nil); w.Code == http.StatusSeeOther {
		t.Error("nothing was applied, and said so")
	}
}

// A file whose circuit would stop letters is shown with why, and not applied;
// in a town that begins, passkeys may come after.
func TestTownFileOfUnreadyCircuits(t *testing.T) {
	t.Parallel()
	at := newTown(t)
	admin := at.client(t, demo.Administrator)
	exported := admin.get("/administration/fichier/organisation.yaml").Body.String()
	_, circuitsPart, _ := strings.Cut(exported, "\ncircuits:\n")
	if !strings.Contains(circuitsPart, "kind: visa\n") {
		t.Fatalf("no visa to change:\n%s", circuitsPart)
	}
	plan := func(when string) (string, url.Values) {
		file := strings.Replace(exported, "kind: visa\n", "kind: visa\n        when: "+when+"\n", 1)
		w := admin.multipart("/administration/fichier", url.Values{}, "file", []byte(file))
		page := w.Body.String()
		_, shown, _ := strings.Cut(page, `name="shown" value="`)
		return page, url.Values{"shown": {(shown + strings.Repeat("0", 64))[:64]}, "content": {file}}
	}
	version := func() (n int) {
		for _, c := range at.organisation(t).Circuits {
			n += len(c.Versions)
		}
		return n
	}
	before := version()
	page, _ := plan("annexes < 0 && annexes > 0")
	says(t, "a condition that never holds", page, "jamais remplie", "Bloquant", "data-refused")
	if strings.Contains(page, "Appliquer ce plan") {
		t.Error("what cannot be applied has a button")
	}
	page, apply := plan("annexes > 0")
	says(t, "a town that begins", page, "clé d’accès", `name="founding"`, "Appliquer ce plan")
	refused := admin.multipart("/administration/fichier", apply, "", nil)
	if refused.Code != http.StatusConflict || version() != before {
		t.Errorf("applied: %d", refused.Code)
	}
	says(t, "not applied", refused.Body.String(), "Rien n’est appliqué")
	apply.Set("founding", "1")
	sent(t, "knowingly", admin.multipart("/administration/fichier", apply, "", nil), "/administration/fichier?dit=applique")
	if version() != before+1 {
		t.Error("not published")
	}
}

// The administrator of another town, on the same node, finds nothing of this
// one: neither by its address nor by naming what it has.
func TestOrganisationOfAnotherTown(t *testing.T) {
	t.Parallel()
	at := newTown(t)
	if _, err := demo.Furnish(t.Context(), at.system.Office, at.tenant); err != nil {
		t.Fatal(err)
	}
	their := at.organisation(t)
	next := *at
	next.host, next.origin = "voisine.localhost:8080", "http://voisine.localhost:8080"
	var err error
	next.tenant, next.founded, err = demo.SeedTown(t.Context(), at.system, at.dsn, dossiers.Tenant{
		SIRET: "21490888800017", Name: "Ville de Saint-Martin-des-Prés", Place: "Saint-Martin-des-Prés", RPID: "voisine.localhost", Origin: next.origin, Demo: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	stranger := next.client(t, demo.Administrator)
	if w := stranger.get("/administration"); w.Code != http.StatusOK {
		t.Fatalf("at home: %d", w.Code)
	}
	for _, path := range []string{
		"/personnes/" + string(their.People[0].ID), "/bureaux/" + string(their.Desks[0].ID), "/types/" + demo.Subsidy, "/suites/" + their.Sequences[0].Code,
		"/delegations/" + string(their.Delegations[0].ID), "/delegations/" + string(their.Delegations[0].ID) + "/arrete",
	} {
		if w := stranger.get("/administration" + path); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	if w := stranger.post("/administration/delegations/"+string(their.Delegations[0].ID)+"/retrait", nil); w.Code != http.StatusNotFound {
		t.Errorf("withdrawn by a stranger: %d", w.Code)
	}
	if body := stranger.get("/administration/journal?" + url.Values{"qui": {string(their.People[0].ID)}}.Encode()).Body.String(); strings.Contains(body, "data-seq=") {
		t.Error("the journal of this town is read from another")
	}
	there := *stranger
	there.at = at
	if w := there.get("/administration/delegations"); w.Code != http.StatusSeeOther {
		t.Errorf("the stranger's session in this town: %d", w.Code)
	}
	if after := at.organisation(t); after.Revision != their.Revision {
		t.Error("a stranger changed this town")
	}
}
