package iparapheur_test

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"parapheur/internal/compat/iparapheur"
	"parapheur/internal/demo"
	"parapheur/internal/heaptest"
	"parapheur/internal/tooltest"
	"parapheur/internal/towntest"
)

// The whole life of a dossier, with final states at its end only.
func TestLifeOfADossier(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	if got := h.call(t, "echo", "Élégie à <![CDATA[l'été & co]]>").Text; !strings.Contains(got, "Élégie à l'été & co") {
		t.Errorf("echo: %q", got)
	}
	types := h.call(t, "GetListeTypes", "").TypeTechnique
	if fmt.Sprint(types) != "[Courrier simple Courrier du cabinet]" && fmt.Sprint(types) != "[Courrier du cabinet Courrier simple]" {
		t.Errorf("types: %q", types)
	}
	if got := h.call(t, "GetListeSousTypes", "Courrier simple").SousType; fmt.Sprint(got) != "[courrier-simple hgarnier]" {
		t.Errorf("sub-types: %q", got)
	}
	const id = "Dossier 42_7 é"
	r := h.call(t, "CreerDossier", deposit(t, id, "hgarnier"))
	if r.MessageRetour.Code != "OK" || r.DossierID != id {
		t.Fatalf("CreerDossier: %+v", r)
	}
	d := h.made(t, id)
	if d.Recipient != "Mme Aubry" || !strings.Contains(d.Note, "À signer vite") || d.Title != "Réfection & trottoir" || len(d.Documents) != 2 {
		t.Errorf("dossier: %+v", d)
	}
	// Trap 4: two lines at least.
	if got := h.statuses(t, id); got != "NonLu NonLu" {
		t.Errorf("sent: %s", got)
	}
	h.decide(t, demo.DGS, d.ID, "visa", "")
	if got := h.statuses(t, id); got != "NonLu NonLu EnCoursVisa" { // never Vise before the end
		t.Errorf("after the visa: %s", got)
	}
	h.completedFromVisa(t, d.ID)
	if got := h.statuses(t, id); got != "NonLu NonLu Vise Signe Archive" {
		t.Errorf("over: %s", got)
	}
	h.checkDossier(t, id)
}

// checkDossier reads everything back.
func (h *hall) checkDossier(t *testing.T, id string) {
	t.Helper()
	r := h.call(t, "GetDossier", id)
	if r.DossierID != id || r.MessageRetour.Code != "OK" || fmt.Sprint(r.TypeTechnique, r.SousType) != "[Courrier simple] [hgarnier]" { // trap 6
		t.Errorf("%q %+v %v %v", r.DossierID, r.MessageRetour, r.TypeTechnique, r.SousType)
	}
	pdf, err := base64.StdEncoding.DecodeString(r.DocPrincipal)
	if err != nil || !bytes.Contains(pdf, []byte("/ByteRange")) {
		t.Errorf("letter: %d bytes, %v", len(pdf), err)
	}
	var names []string
	for _, a := range r.Annexes {
		names = append(names, a.Nom)
	}
	// Trap 5: the client's first, ours, the slip last; two at least.
	if fmt.Sprint(names) != "[plan.pdf preuve.zip bordereau.pdf]" {
		t.Errorf("annexes: %v", names)
	}
	slip, err := base64.StdEncoding.DecodeString(r.Annexes[len(r.Annexes)-1].Fichier)
	if err != nil || !bytes.HasPrefix(slip, []byte("%PDF-")) {
		t.Errorf("slip: %v", err)
	}
	if len(r.Meta) != 2 || r.Meta[0].Nom != "ph:dossierTitre" || r.Meta[1].Valeur != "Mme Aubry" {
		t.Errorf("metadata: %+v", r.Meta)
	}
}

// Refusals come last, and only while they hold.
func TestRefused(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	h.call(t, "CreerDossier", deposit(t, "D1", "courrier-simple"))
	h.decide(t, demo.DGS, h.made(t, "D1").ID, "refus", "La date est fausse")
	r := h.call(t, "GetHistoDossier", "D1")
	if got := h.statuses(t, "D1"); got != "NonLu NonLu RejetVisa" || !strings.Contains(r.LogDossier[2].Annotation, "La date est fausse") {
		t.Errorf("%s %+v", got, r.LogDossier)
	}
	if r := h.call(t, "EffacerDossierRejete", "D1"); r.MessageRetour.Code != "OK" {
		t.Errorf("%+v", r.MessageRetour)
	}
	if r := h.call(t, "GetHistoDossier", "D1"); r.MessageRetour.Code != "KO" {
		t.Errorf("shown after it was erased: %+v", r.MessageRetour)
	}
	h.made(t, "D1") // trap 8: it is still there
}

// Trap 8: erasing hides a dossier from the client and deletes nothing; asked
// again it is done again.
func TestEraseHidesAndDeletesNothing(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	h.call(t, "CreerDossier", deposit(t, "D 2", "courrier-simple"))
	d := h.made(t, "D 2")
	erase := `<n:DossierID>D 2</n:DossierID><n:ArchivageAction>EFFACER</n:ArchivageAction>`
	if r := h.call(t, "ArchiverDossier", erase); r.MessageRetour.Code != "KO" {
		t.Errorf("on its way: %+v", r.MessageRetour)
	}
	if r := h.call(t, "EffacerDossierRejete", "D 2"); r.MessageRetour.Code != "KO" {
		t.Errorf("not refused: %+v", r.MessageRetour)
	}
	h.completed(t, d.ID)
	for range 2 {
		if r := h.call(t, "ArchiverDossier", erase); r.MessageRetour.Code != "OK" || !strings.HasSuffix(r.URL, "/dossiers/"+string(d.ID)) {
			t.Errorf("%+v", r)
		}
	}
	for _, op := range []string{"GetDossier", "GetHistoDossier", "ExercerDroitRemordDossier"} {
		if r := h.call(t, op, "D 2"); r.MessageRetour.Code != "KO" {
			t.Errorf("%s of what was erased: %+v", op, r.MessageRetour)
		}
	}
	if got := h.Read(t, h.Person(t, demo.Mayor).Viewer(t), d.ID, 1, ""); !bytes.Contains(got, []byte("/ByteRange")) {
		t.Error("the letter is gone")
	}
	var evidence bytes.Buffer
	if err := h.Office.Evidence(t.Context(), h.Person(t, demo.Mayor).Viewer(t), d.ID, &evidence); err != nil || evidence.Len() == 0 {
		t.Errorf("the evidence is gone: %v", err)
	}
	if r := h.call(t, "CreerDossier", deposit(t, "D 2", "courrier-simple")); r.MessageRetour.Code != "KO" {
		t.Error("the name of what was erased serves again")
	}
}

// Trap 8: a dossier is taken back until somebody acted.
func TestRetract(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	h.call(t, "CreerDossier", deposit(t, "A", "courrier-simple"))
	h.call(t, "CreerDossier", deposit(t, "B", "courrier-simple"))
	if r := h.call(t, "ExercerDroitRemordDossier", "A"); r.MessageRetour.Code != "OK" {
		t.Errorf("%+v", r.MessageRetour)
	}
	if got := h.statuses(t, "A"); got != "NonLu NonLu RejetVisa" {
		t.Errorf("taken back: %s", got)
	}
	h.decide(t, demo.DGS, h.made(t, "B").ID, "visa", "")
	if r := h.call(t, "ExercerDroitRemordDossier", "B"); r.MessageRetour.Code != "KO" || !strings.Contains(r.MessageRetour.Message, "trop tard") {
		t.Errorf("%+v", r.MessageRetour)
	}
}

// What is wrong with a deposit is KO in HTTP 200, and leaves nothing.
func TestDepositsThatAreKO(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	h.call(t, "CreerDossier", deposit(t, "there", "courrier-simple"))
	good := deposit(t, "x", "courrier-simple")
	for name, one := range map[string]struct{ inner, want string }{
		"trap 7: a name twice": {deposit(t, "there", "courrier-simple"), "déjà"},
		"unknown type":         {strings.Replace(good, "Courrier simple", "Délibération", 1), "Délibération"},
		"unknown sub-type":     {deposit(t, "x", "nimporte"), "nimporte"},
		"no document":          {`<n:TypeTechnique>Courrier simple</n:TypeTechnique><n:SousType>courrier-simple</n:SousType>`, "manque"},
		"not a PDF":            {`<n:TypeTechnique>Courrier simple</n:TypeTechnique><n:SousType>courrier-simple</n:SousType><n:DocumentPrincipal>` + base64.StdEncoding.EncodeToString([]byte("<html>")) + `</n:DocumentPrincipal>`, "PDF"},
		"not base64":           {`<n:TypeTechnique>Courrier simple</n:TypeTechnique><n:SousType>courrier-simple</n:SousType><n:DocumentPrincipal>***</n:DocumentPrincipal>`, "base64"},
		"two to sign":          {good + `<n:DocumentsSupplementaires><n:DocAnnexe><n:nom>b</n:nom></n:DocAnnexe></n:DocumentsSupplementaires>`, "annexe"},
		"a detached signature": {good + `<n:SignatureDocPrincipal>aGVsbG8=</n:SignatureDocPrincipal>`, "détachée"},
	} {
		r := h.call(t, "CreerDossier", one.inner)
		if r.MessageRetour.Code != "KO" || r.MessageRetour.Severite != "ERROR" || !strings.Contains(r.MessageRetour.Message, one.want) {
			t.Errorf("%s: %+v", name, r.MessageRetour)
		}
	}
	left, err := os.ReadDir(h.spool)
	if err != nil || len(left) != 0 {
		t.Errorf("%d files left, %v", len(left), err)
	}
}

// Trap 9 and hostile requests: a clear fault, in bounded memory.
func TestHostileRequests(t *testing.T) {
	h := newHall(t)
	h.call(t, "echo", "") // the secret is known from here on: hashing it takes 19 MiB
	bomb := `<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>` + strings.TrimPrefix(soapHead, `<?xml version="1.0" encoding="UTF-8"?>`) + `<n:echoRequest>&b;</n:echoRequest>` + soapTail
	external := `<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>` + `<x>&e;</x>`
	deep := soapHead + strings.Repeat("<a>", 20000) + strings.Repeat("</a>", 20000) + soapTail
	wide := soapHead + "<n:echoRequest>" + strings.Repeat("<a/>", 20000) + "</n:echoRequest>" + soapTail
	gigabyte := func() io.Reader {
		return io.MultiReader(strings.NewReader(soapHead+"<n:CreerDossierRequest><n:DocumentPrincipal>"), io.LimitReader(heaptest.Endless('A'), 1<<30), strings.NewReader("</n:DocumentPrincipal></n:CreerDossierRequest>"+soapTail))
	}
	for name, one := range map[string]struct {
		body   io.Reader
		status int
		want   string
	}{
		"entities":             {strings.NewReader(bomb), 500, "DTD"},
		"an external entity":   {strings.NewReader(external), 500, "DTD"},
		"too deep":             {strings.NewReader(deep), 500, "profonds"},
		"too wide":             {strings.NewReader(wide), 500, "trop d’éléments"},
		"a gigabyte of base64": {gigabyte(), 413, "volumineu"},
		"a gigabyte of text":   {io.MultiReader(strings.NewReader(soapHead+"<n:echoRequest>"), io.LimitReader(heaptest.Endless('!'), 1<<30)), 413, "volumineu"},
		"an unknown operation": {strings.NewReader(soapHead + "<n:ForcerEtapeRequest>x</n:ForcerEtapeRequest>" + soapTail), 500, "ForcerEtape"},
		"no XML":               {strings.NewReader("bonjour"), 500, "SOAP"},
		"no request":           {strings.NewReader(soapHead + soapTail), 500, "SOAP"},
		"SOAP 1.2":             {strings.NewReader(strings.ReplaceAll(soapHead, "http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope") + "<n:echoRequest/>" + soapTail), 500, "SOAP 1.1"},
		"a cut request":        {strings.NewReader(soapHead + "<n:echoRequest>"), 500, "XML"},
	} {
		var w *httptest.ResponseRecorder
		grown := heaptest.Grown(func() { w = h.post("text/xml", one.body) })
		if w.Code != one.status || !strings.Contains(w.Body.String(), "Fault") || !strings.Contains(w.Body.String(), one.want) {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		if grown > 16<<20 {
			t.Errorf("%s: the heap grew by %d MiB", name, grown>>20)
		}
		t.Logf("%s: heap +%d KiB", name, grown>>10)
	}
	if left, err := os.ReadDir(h.spool); err != nil || len(left) != 0 {
		t.Errorf("%d files left, %v", len(left), err)
	}
}

// A request in MTOM is taken as one with its documents inside.
func TestMTOM(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	pdf := towntest.Sample(t, "lettre-rue-des-mariniers.pdf")
	body := func(href string) (string, io.Reader) {
		var b bytes.Buffer
		m := multipart.NewWriter(&b)
		root, _ := m.CreatePart(textproto.MIMEHeader{"Content-Type": {`application/xop+xml; type="text/xml"`}, "Content-Id": {"<root@x>"}})
		_, _ = io.WriteString(root, soapHead+`<n:CreerDossierRequest><n:TypeTechnique>Courrier simple</n:TypeTechnique><n:SousType>courrier-simple</n:SousType><n:DossierID>`+href+`</n:DossierID><n:DocumentPrincipal m:contentType="application/pdf"><xop:Include xmlns:xop="http://www.w3.org/2004/08/xop/include" href="`+href+`"/></n:DocumentPrincipal></n:CreerDossierRequest>`+soapTail)
		doc, _ := m.CreatePart(textproto.MIMEHeader{"Content-Type": {"application/pdf"}, "Content-Transfer-Encoding": {"binary"}, "Content-Id": {"<doc+1@x>"}})
		_, _ = doc.Write(pdf)
		_ = m.Close()
		return `multipart/related; type="application/xop+xml"; start="<root@x>"; boundary="` + m.Boundary() + `"`, &b
	}
	w := h.post(body("cid:doc%2B1@x"))
	if r := parse(t, w.Body.Bytes()); r.MessageRetour.Code != "OK" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	w = h.post(body("cid:nulle-part"))
	if r := parse(t, w.Body.Bytes()); r.MessageRetour.Code != "KO" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w = h.post(`multipart/related; boundary="x"`, strings.NewReader("--x--")); w.Code != 500 || !strings.Contains(w.Body.String(), "Fault") {
		t.Errorf("no part: %d %s", w.Code, w.Body)
	}
}

// The description is served with its schema, at the town's own address; where
// the kind is off, nothing is.
func TestDescription(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	get := func(url string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.handler.ServeHTTP(w, httptest.NewRequest("GET", url, nil))
		return w
	}
	w := get(towntest.Origin + iparapheur.Path + "?wsdl")
	body := w.Body.String()
	if w.Code != 200 || !strings.Contains(body, `location="`+towntest.Origin+`/ws-iparapheur"`) || xml.Unmarshal(w.Body.Bytes(), new(struct{})) != nil {
		t.Errorf("%d %.300s", w.Code, body)
	}
	for _, name := range []string{"DossierTitre", "DocumentsSupplementaires", "xsd:string"} { // trap 3
		if !strings.Contains(body, name) {
			t.Errorf("the description lacks %s", name)
		}
	}
	if !strings.Contains(body, `schemaLocation="ws-iparapheur/xmlmime.xsd"`) { // trap 2
		t.Error("the schema is elsewhere")
	}
	if w := get(towntest.Origin + iparapheur.Path + "/xmlmime.xsd"); w.Code != 200 || !strings.Contains(w.Body.String(), "contentType") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := get("http://ailleurs.example" + iparapheur.Path + "?wsdl"); w.Code != 404 {
		t.Errorf("another town: %d", w.Code)
	}
}

// A real client of PHP, built from our description, goes through the life of a
// dossier; -short leaves it out.
func TestPHPSoapClient(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts PHP")
	}
	php, err := exec.LookPath("php")
	if err == nil {
		err = exec.CommandContext(t.Context(), php, "-r", "exit(class_exists('SoapClient') ? 0 : 1);").Run()
	}
	if err != nil {
		tooltest.Lacking(t, "PHP with SOAP")
	}
	h := newHall(t)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Host = "localhost:8080" // the town's
		h.handler.ServeHTTP(w, r)
	}))
	defer s.Close()
	dir := t.TempDir()
	letter := filepath.Join(dir, "lettre.pdf")
	if err := os.WriteFile(letter, towntest.Sample(t, "lettre-rue-des-mariniers.pdf"), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(step string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), php, "-d", "soap.wsdl_cache_enabled=0", "testdata/client.php", s.URL+iparapheur.Path, h.login, h.secret, letter, step)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", step, err, out)
		}
	}
	run("send")
	d := h.made(t, "PHP 1 é")
	run("wait")
	h.completed(t, d.ID)
	run("fetch")
}
