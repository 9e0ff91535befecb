package api

import (
	"bytes"
	"encoding/json"
	"io"
	"io/fs"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"parapheur/dossiers"
	"parapheur/internal/child"
	"parapheur/internal/demo"
	"parapheur/internal/towntest"
	"parapheur/internal/wiring"
)

func TestMain(m *testing.M) {
	child.Main(wiring.Jobs()...)
	os.Exit(everyCell(m.Run(), os.Stderr))
}

const (
	maxDocument = 1 << 20
	maxUpload   = 2 << 20
	sample      = "lettre-rue-des-mariniers.pdf"
)

// A hall is a town with its interface, driven over HTTP.
type hall struct {
	*towntest.Town
	handler http.Handler
	key     string // of an application with every right
	abroad  string // of another town
	router  routers.Router
	log     *bytes.Buffer
}

func newHall(t *testing.T, change ...func(*Options)) *hall {
	t.Helper()
	h := &hall{Town: towntest.New(t, func(c *wiring.Config) { c.MaxDocument = maxDocument }), log: &bytes.Buffer{}}
	o := Options{
		Office: h.Office, Hub: h.Hub, Log: h.logger(), Version: "test", MaxUpload: maxUpload,
		Rate: 1e6, Burst: 1e6, StrangerBurst: 1e6, Spool: t.TempDir(),
	}
	for _, c := range change {
		c(&o)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the interface logged: %s", h.log)
		}
	})
	h.handler = New(o)
	h.key = h.newKey(t, "GEC", dossiers.Scopes()...)
	h.router = routerOf(t, h.handler)
	return h
}

func (h *hall) logger() *slog.Logger { return slog.New(slog.NewTextHandler(&locked{w: h.log}, nil)) }

// locked makes a buffer safe for a logger.
type locked struct {
	mu sync.Mutex
	w  io.Writer
}

// Write implements io.Writer.
func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

func routerOf(t *testing.T, h http.Handler) routers.Router {
	t.Helper()
	res := httptest.NewRecorder()
	h.ServeHTTP(res, httptest.NewRequest(http.MethodGet, "/api/v1/openapi.json", nil))
	doc, err := openapi3.NewLoader().LoadFromData(res.Body.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	router, err := legacy.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	return router
}

// newKey makes a new application of the town with these rights.
func (h *hall) newKey(t *testing.T, name string, scopes ...string) string {
	t.Helper()
	admin := h.Person(t, demo.Administrator).Viewer(t)
	var drafter dossiers.Person
	for _, p := range h.Founded.People {
		if p.Email == demo.Drafter {
			drafter = p
		}
	}
	app, err := h.Office.AddApplication(t.Context(), admin, name, drafter.ID)
	if err != nil {
		t.Fatal(err)
	}
	secret, _, err := h.Office.AddAPIKey(t.Context(), admin, app.ID, scopes, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

// An answer is a response, read and checked against the document.
type answer struct {
	t      *testing.T
	status int
	header http.Header
	body   []byte
}

// ask sends a request with the hall's key, unless headers say otherwise.
func (h *hall) ask(t *testing.T, method, path string, body io.Reader, headers ...string) answer {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, towntest.Origin+path, body)
	r.Header.Set("Authorization", "Bearer "+h.key)
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
		r.Header.Set(headers[i], headers[i+1])
		if headers[i+1] == "" {
			r.Header.Del(headers[i])
		}
	}
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, r)
	a := answer{t: t, status: w.Code, header: w.Result().Header, body: w.Body.Bytes()}
	h.conforms(t, r, a)
	return a
}

// conforms checks an answer against the OpenAPI document, and every problem
// against what all problems are.
func (h *hall) conforms(t *testing.T, r *http.Request, a answer) {
	t.Helper()
	if a.header.Get("X-Request-Id") == "" {
		t.Error("an answer without X-Request-Id")
	}
	if a.status >= 400 && r.Method != http.MethodHead {
		var p Problem
		if err := json.Unmarshal(a.body, &p); err != nil || a.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %s: %d is %s: %s", r.Method, r.URL.Path, a.status, a.header.Get("Content-Type"), a.body)
		}
		if p.Status != a.status || p.TraceID != a.header.Get("X-Request-Id") || p.Title == "" || p.Detail == "" || !strings.HasPrefix(p.Type, problems) || p.Instance != r.URL.EscapedPath() {
			t.Errorf("%s %s: incomplete problem %s", r.Method, r.URL.Path, a.body)
		}
		if bytes.Contains(a.body, []byte("valeur-confidentielle")) {
			t.Errorf("%s %s repeats what was sent: %s", r.Method, r.URL.Path, a.body)
		}
	}
	asked := r.Clone(r.Context())
	asked.URL.Scheme, asked.URL.Host = "", ""
	route, params, err := h.router.FindRoute(asked)
	if err != nil {
		return // not an operation: 404, 405 and HEAD
	}
	a.note(route.Operation.OperationID, r, h.abroad)
	err = openapi3filter.ValidateResponse(r.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: asked, PathParams: params, Route: route},
		Status:                 a.status, Header: a.header, Body: io.NopCloser(bytes.NewReader(a.body)),
		Options: &openapi3filter.Options{
			IncludeResponseStatus: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc,
			ExcludeResponseBody: !strings.Contains(strings.ReplaceAll(a.header.Get("Content-Type"), "jsonl", ""), "json"),
		},
	})
	if err != nil {
		t.Errorf("%s %s: %d does not conform: %v\n%s", r.Method, r.URL.Path, a.status, err, a.body)
	}
}

// is ends the test unless the answer has this status and, for a problem, this
// type.
func (a answer) is(status int, kind ...string) answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("got %d, want %d: %.600s", a.status, status, a.body)
	}
	if len(kind) > 0 {
		var p Problem
		a.into(&p)
		if p.Type != problems+kind[0] {
			a.t.Fatalf("got problem %s, want %s: %s", p.Type, kind[0], a.body)
		}
	}
	return a
}

func (a answer) into(v any) {
	a.t.Helper()
	if err := json.Unmarshal(a.body, v); err != nil {
		a.t.Fatalf("%v: %.600s", err, a.body)
	}
}

func (a answer) dossier() Dossier {
	a.t.Helper()
	var d Dossier
	a.into(&d)
	return d
}

// A part is one part of a deposit.
type part struct {
	name string
	body []byte
}

func metaPart(t *testing.T, m map[string]any) part {
	t.Helper()
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return part{"dossier", b}
}

func letterMeta() map[string]any {
	return map[string]any{"title": "Réfection du trottoir", "recipient": "M. Lefèvre", "type": "courrier-simple"}
}

// form writes the parts; the second value is the Content-Type.
func form(t *testing.T, parts ...part) (*bytes.Buffer, string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, p := range parts {
		header := textproto.MIMEHeader{"Content-Type": {"application/pdf"}, "Content-Disposition": {`form-data; name="` + p.name + `"; filename="Réponse à l’usager.pdf"`}}
		if p.name == "dossier" {
			header = textproto.MIMEHeader{"Content-Type": {"application/json"}, "Content-Disposition": {`form-data; name="dossier"`}}
		}
		pw, err := w.CreatePart(header)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := pw.Write(p.body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &b, w.FormDataContentType()
}

// send deposits the parts under an idempotency key.
func (h *hall) send(t *testing.T, key string, parts []part, headers ...string) answer {
	t.Helper()
	body, media := form(t, parts...)
	return h.ask(t, http.MethodPost, "/api/v1/dossiers", body, append([]string{"Content-Type", media, "Idempotency-Key", key}, headers...)...)
}

// put deposits the sample letter and returns its dossier.
func (h *hall) put(t *testing.T, key string, change func(map[string]any)) Dossier {
	t.Helper()
	m := letterMeta()
	if change != nil {
		change(m)
	}
	return h.send(t, key, []part{metaPart(t, m), {"document", towntest.Sample(t, sample)}}).is(http.StatusCreated).dossier()
}

// stored counts the files that the town keeps, spooled ones included.
func (h *hall) stored(t *testing.T) (n int) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(h.Config.DataDir, "blobs"), func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			n++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
