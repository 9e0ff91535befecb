package maarch_test

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"parapheur/dossiers"
	"parapheur/internal/child"
	"parapheur/internal/compat"
	"parapheur/internal/compat/maarch"
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
	id            string // of the connector
	application   string
	login, secret string
}

// newHall opens a town whose "courrier-simple" lets depositors compose.
func newHall(t *testing.T, change ...func(*dossiers.ConnectorRequest)) *hall {
	t.Helper()
	h := &hall{Town: towntest.New(t), login: "maarch@saint-aubin"}
	h.compose(t, true)
	admin := h.Person(t, demo.Administrator).Viewer(t)
	apps, err := h.Office.Applications(t.Context(), admin)
	if err != nil {
		t.Fatal(err)
	}
	h.application = apps[0].ID
	r := dossiers.ConnectorRequest{Login: h.login, Enabled: true, Networks: []string{"192.0.2.0/24"}, Type: "courrier-simple"}
	for _, f := range change {
		f(&r)
	}
	c, secret, err := h.Office.AddConnector(t.Context(), admin, h.application, dossiers.ConnectorMaarch, r)
	if err != nil {
		t.Fatal(err)
	}
	h.id, h.secret = c.ID, secret
	h.handler = maarch.New(compat.Options{Office: h.Office, Log: slog.New(slog.DiscardHandler), Spool: t.TempDir()})
	return h
}

// compose lets depositors of simple letters compose circuits, or not.
func (h *hall) compose(t *testing.T, yes bool) {
	t.Helper()
	g, err := h.Store.Organisation(t.Context(), h.Tenant.ID)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(g.Types, func(y dossiers.TypeSetup) bool { return y.Code == "courrier-simple" })
	g.Types[i].AdHoc = yes
	if _, err := h.Office.Amend(t.Context(), h.Person(t, demo.Administrator).Viewer(t), dossiers.TypeSet{Type: g.Types[i]}); err != nil {
		t.Fatal(err)
	}
}

// call sends a request as the client does, and reads its answer.
func (h *hall) call(t *testing.T, method, path string, body any) (int, map[string]any, []byte) {
	t.Helper()
	w := h.send(method, path, body)
	out := map[string]any{}
	raw := w.Body.Bytes()
	if len(raw) > 0 && raw[0] == '{' {
		if err := json.Unmarshal(raw, &out); err != nil {
			t.Fatalf("%s %s answered %q: %v", method, path, raw, err)
		}
	}
	return w.Code, out, raw
}

func (h *hall) send(method, path string, body any, changes ...func(*http.Request)) *httptest.ResponseRecorder {
	var r io.Reader
	switch b := body.(type) {
	case nil:
	case io.Reader:
		r = b
	default:
		raw, _ := json.Marshal(body) //nolint:errchkjson // of tests
		// PHP escapes slashes.
		r = bytes.NewReader(bytes.ReplaceAll(raw, []byte("/"), []byte(`\/`)))
	}
	req := httptest.NewRequest(method, towntest.Origin+"/maarch/rest"+path, r)
	req.RemoteAddr = "192.0.2.7:40000"
	req.SetBasicAuth(h.login, h.secret)
	for _, f := range changes {
		f(req)
	}
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, req)
	return w
}

// zipped is base64 of a zip of one file.
func zipped(t *testing.T, name string, content []byte) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	f, err := z.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

// numbers are those of the DGS and of the Mayor.
func (h *hall) numbers(t *testing.T) (dgs, mayor int) {
	t.Helper()
	_, out, raw := h.call(t, "GET", "/users", nil)
	list, _ := out["users"].([]any)
	for _, x := range list {
		u, _ := x.(map[string]any)
		id, _ := u["id"].(float64)
		switch u["email"] {
		case demo.DGS:
			dgs = int(id)
		case demo.Mayor:
			mayor = int(id)
		}
	}
	if dgs == 0 || mayor == 0 {
		t.Fatalf("users: %s", raw)
	}
	return dgs, mayor
}

type object = map[string]any

// letter is what the client sends of a letter that is visaed, then signed.
func (h *hall) letter(t *testing.T) object {
	t.Helper()
	dgs, mayor := h.numbers(t)
	pdf := towntest.Sample(t, "lettre-rue-des-mariniers.pdf")
	annex := towntest.Sample(t, "annexe-plan-du-chantier.pdf")
	return object{
		"title": "Réfection du trottoir, rue des Mariniers", "reference": "MAARCH/2026D/2", "encodedDocument": zipped(t, "lettre.pdf", pdf),
		"sender": "Claire Marchand", "deadline": "2026-12-06 23:59:59",
		"attachments": []object{{"encodedDocument": zipped(t, "plan.pdf", annex), "title": "Plan du chantier", "reference": "MAARCH/2026D/3"}},
		"workflow": []object{
			{"userId": dgs, "mode": "visa", "signatureMode": "stamp", "signaturePositions": []any{}, "externalInformations": nil},
			{
				"userId": mayor, "mode": "sign", "signatureMode": "eidas", "signaturePositions": []object{{"positionX": 60.5, "positionY": 80, "page": 1}},
				"datePositions": []object{{"positionX": 10, "positionY": 12, "page": 1, "color": "#135F7F", "font": "Arial", "format": "d/m/Y", "width": 130}},
			},
		},
		"metadata": object{"Priorité": "Normal", "Destinataire": "M. et Mme Lefèvre"}, "mailingId": nil, "linkId": 123,
		"notes": object{"creator": "Claire", "creationDate": "2026-11-22", "value": "À signer avant vendredi"},
	}
}

// deposited creates the letter, and answers its number and its dossier.
func (h *hall) deposited(t *testing.T, body object) (string, dossiers.Dossier) {
	t.Helper()
	code, out, raw := h.call(t, "POST", "/documents", body)
	id, ok := out["id"].(float64)
	if code != http.StatusOK || !ok {
		t.Fatalf("POST /documents: %d %s", code, raw)
	}
	return h.numbered(t, int64(id))
}

func (h *hall) numbered(t *testing.T, n int64) (string, dossiers.Dossier) {
	t.Helper()
	found, _, err := h.Store.Search(t.Context(), h.Tenant.ID, "", dossiers.Filter{Number: n}, dossiers.Page{Limit: 1})
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	raw, _ := json.Marshal(n) //nolint:errchkjson // a number
	return string(raw), found[0]
}

func (h *hall) decide(t *testing.T, who string, id dossiers.ID, decision, reason string) {
	t.Helper()
	p := h.Person(t, who)
	h.Read(t, p.Viewer(t), id, 1, "")
	if _, err := p.Decide(t, id, decision, reason); err != nil {
		t.Fatalf("%s by %s: %v", decision, who, err)
	}
}

// steps reads the workflow of a document.
func (h *hall) steps(t *testing.T, id string) []object {
	t.Helper()
	code, out, raw := h.call(t, "GET", "/documents/"+id+"/workflow", nil)
	list, ok := out["workflow"].([]any)
	if code != http.StatusOK || !ok {
		t.Fatalf("workflow: %d %s", code, raw)
	}
	steps := []object{}
	for _, x := range list {
		s, _ := x.(map[string]any)
		steps = append(steps, s)
	}
	return steps
}

func statusesOf(steps []object) string {
	var out []string
	for _, s := range steps {
		st, _ := s["status"].(string)
		out = append(out, st)
	}
	return strings.Join(out, ",")
}
