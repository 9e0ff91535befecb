package iparapheur_test

import (
	"encoding/base64"
	"encoding/xml"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/child"
	"parapheur/internal/compat"
	"parapheur/internal/compat/iparapheur"
	"parapheur/internal/demo"
	"parapheur/internal/towntest"
	"parapheur/internal/wiring"
)

func TestMain(m *testing.M) {
	child.Main(wiring.Jobs()...)
	os.Exit(m.Run())
}

// A hall is a town with a connector turned on.
type hall struct {
	*towntest.Town
	handler       http.Handler
	login, secret string
	spool         string
}

func newHall(t *testing.T) *hall {
	t.Helper()
	h := &hall{Town: towntest.New(t), login: "pastell@saint-aubin", spool: t.TempDir()}
	admin := h.Person(t, demo.Administrator).Viewer(t)
	apps, err := h.Office.Applications(t.Context(), admin)
	if err != nil {
		t.Fatal(err)
	}
	_, h.secret, err = h.Office.AddConnector(t.Context(), admin, apps[0].ID, dossiers.ConnectorIParapheur, dossiers.ConnectorRequest{
		Login: h.login, Enabled: true, Networks: []string{"192.0.2.0/24", "127.0.0.1"}, Aliases: map[string]string{"hgarnier": "courrier-simple"},
	})
	if err != nil {
		t.Fatal(err)
	}
	h.handler = iparapheur.New(compat.Options{Office: h.Office, Log: slog.New(slog.DiscardHandler), Spool: h.spool, MaxBody: 64 << 20})
	return h
}

const (
	soapHead = `<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:n="http://www.adullact.org/spring-ws/iparapheur/1.0" xmlns:m="http://www.w3.org/2005/05/xmlmime"><soapenv:Header/><soapenv:Body>`
	soapTail = `</soapenv:Body></soapenv:Envelope>`
)

func (h *hall) post(kind string, body io.Reader, changes ...func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", towntest.Origin+iparapheur.Path, body)
	r.RemoteAddr = "192.0.2.7:40000"
	r.SetBasicAuth(h.login, h.secret)
	r.Header.Set("Content-Type", kind)
	r.Header.Set("SOAPAction", `""`)
	for _, f := range changes {
		f(r)
	}
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, r)
	return w
}

type response struct {
	XMLName       xml.Name
	Text          string `xml:",chardata"`
	TypeTechnique []string
	SousType      []string
	DossierID     string
	URL           string
	MessageRetour struct {
		Code     string `xml:"codeRetour"`
		Message  string `xml:"message"`
		Severite string `xml:"severite"`
	}
	LogDossier []struct {
		Status     string `xml:"status"`
		Annotation string `xml:"annotation"`
		Timestamp  string `xml:"timestamp"`
		Nom        string `xml:"nom"`
	}
	DocPrincipal string
	Annexes      []struct {
		Nom     string `xml:"nom"`
		Fichier string `xml:"fichier"`
	} `xml:"DocumentsAnnexes>DocAnnexe"`
	Meta []struct {
		Nom    string `xml:"nom"`
		Valeur string `xml:"valeur"`
	} `xml:"MetaDonnees>MetaDonnee"`
}

// call asks for one operation.
func (h *hall) call(t *testing.T, operation, inner string) response {
	t.Helper()
	w := h.post("text/xml; charset=utf-8", strings.NewReader(soapHead+"<n:"+operation+"Request>"+inner+"</n:"+operation+"Request>"+soapTail))
	if w.Code != http.StatusOK || !strings.HasPrefix(w.Body.String(), "<?xml") {
		t.Fatalf("%s: %d %.600s", operation, w.Code, w.Body)
	}
	return parse(t, w.Body.Bytes())
}

func parse(t *testing.T, raw []byte) (out response) {
	t.Helper()
	var env struct {
		Body struct {
			Inner []byte `xml:",innerxml"`
		}
	}
	if err := xml.Unmarshal(raw, &env); err != nil {
		t.Fatalf("%v: %.600s", err, raw)
	}
	if err := xml.Unmarshal(env.Body.Inner, &out); err != nil {
		t.Fatalf("%v: %.600s", err, raw)
	}
	return out
}

// deposit is CreerDossier with what changes.
func deposit(t *testing.T, id, subType string) string {
	t.Helper()
	b64 := base64.StdEncoding.EncodeToString
	return `<n:SousType>` + subType + `</n:SousType><n:TypeTechnique>Courrier simple</n:TypeTechnique><n:DossierID>` + id + `</n:DossierID><n:DossierTitre>Réfection &amp; trottoir</n:DossierTitre>` +
		`<n:DocumentPrincipal m:contentType="application/pdf">` + b64(towntest.Sample(t, "lettre-rue-des-mariniers.pdf")) + `</n:DocumentPrincipal><n:NomDocPrincipal>lettre.pdf</n:NomDocPrincipal>` +
		`<n:DocumentsAnnexes><n:DocAnnexe><n:nom>plan.pdf</n:nom><n:fichier m:contentType="application/pdf">` + b64(towntest.Sample(t, "annexe-plan-du-chantier.pdf")) + `</n:fichier><n:mimetype>application/pdf</n:mimetype></n:DocAnnexe></n:DocumentsAnnexes>` +
		`<n:MetaData><n:MetaDonnee><n:nom>destinataire</n:nom><n:valeur>Mme Aubry</n:valeur></n:MetaDonnee></n:MetaData>` +
		`<n:AnnotationPublique>À signer vite</n:AnnotationPublique><n:Visibilite>CONFIDENTIEL</n:Visibilite><n:DateLimite>2026-12-24</n:DateLimite>`
}

// made finds what the client named.
func (h *hall) made(t *testing.T, id string) dossiers.Dossier {
	t.Helper()
	found, _, err := h.Store.Search(t.Context(), h.Tenant.ID, "", dossiers.Filter{ExternalReference: id}, dossiers.Page{Limit: 1})
	if err != nil || len(found) != 1 {
		t.Fatalf("%q: %d, %v", id, len(found), err)
	}
	return found[0]
}

func (h *hall) decide(t *testing.T, who string, id dossiers.ID, decision, reason string) {
	t.Helper()
	p := h.Person(t, who)
	h.Read(t, p.Viewer(t), id, 1, "")
	if _, err := p.Decide(t, id, decision, reason); err != nil {
		t.Fatalf("%s by %s: %v", decision, who, err)
	}
}

// statuses reads the history, as clients walk it.
func (h *hall) statuses(t *testing.T, id string) string {
	t.Helper()
	var out []string
	r := h.call(t, "GetHistoDossier", id)
	if r.MessageRetour.Code != "OK" {
		t.Fatalf("%+v", r.MessageRetour)
	}
	for _, l := range r.LogDossier {
		out = append(out, l.Status)
	}
	return strings.Join(out, " ")
}

func (h *hall) completed(t *testing.T, id dossiers.ID) {
	t.Helper()
	h.decide(t, demo.DGS, id, "visa", "")
	h.completedFromVisa(t, id)
}

func (h *hall) completedFromVisa(t *testing.T, id dossiers.ID) {
	t.Helper()
	h.decide(t, demo.Mayor, id, "signature", "")
	h.Await(t, id, func(d dossiers.Dossier) bool { return d.State.Phase == circuits.Completed })
}
