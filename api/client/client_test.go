package client_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"parapheur/api"
	"parapheur/api/client"
	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/child"
	"parapheur/internal/demo"
	"parapheur/internal/egress"
	"parapheur/internal/towntest"
	"parapheur/internal/wiring"
)

func TestMain(m *testing.M) {
	child.Main(wiring.Jobs()...)
	os.Exit(m.Run())
}

// townHost presents every request under the town's own name.
type townHost struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (h townHost) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Host = strings.TrimPrefix(towntest.Origin, "http://")
	return h.RoundTripper.RoundTrip(r)
}

func letter(t *testing.T, reference string) client.Letter {
	t.Helper()
	path := filepath.Join(t.TempDir(), "Réponse « urgente ».pdf")
	if err := os.WriteFile(path, towntest.Sample(t, "lettre-rue-des-mariniers.pdf"), 0o600); err != nil {
		t.Fatal(err)
	}
	return client.Letter{
		Title: "Réfection du trottoir", Recipient: "M. Lefèvre", Type: "courrier-simple", Reference: reference,
		Document: client.FileAt(path), Annexes: []client.File{client.Bytes("plan.pdf", towntest.Sample(t, "annexe-plan-du-chantier.pdf"))},
	}
}

// TestWholeLife takes a letter through a real town: deposited, refused when
// deposited otherwise, followed, told by a verified call, fetched signed with
// its evidence, and dispatched.
func TestWholeLife(t *testing.T) {
	t.Parallel()
	allow, err := egress.ParseAllow("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	town := towntest.New(t, func(c *wiring.Config) { c.Egress = allow })
	server := httptest.NewServer(api.New(api.Options{Office: town.Office, Hub: town.Hub, Log: slog.New(slog.DiscardHandler), Spool: t.TempDir()}))
	t.Cleanup(server.Close)
	c := &client.Client{URL: server.URL + "/", Key: town.Founded.APIKeys[demo.GEC], HTTP: &http.Client{Transport: townHost{http.DefaultTransport}}}
	ctx := t.Context()

	var told []client.Message
	var verifier *client.Verifier
	hooks := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		m, err := verifier.Verify(r.Header, body, time.Now())
		if err != nil {
			t.Errorf("a call of the parapheur: %v", err)
		}
		told = append(told, m)
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(hooks.Close)
	_, secret, err := c.AddWebhook(ctx, hooks.URL)
	if err != nil {
		t.Fatal(err)
	}
	if verifier, err = client.NewVerifier(secret); err != nil {
		t.Fatal(err)
	}

	types, err := c.Types(ctx)
	if err != nil || len(types) == 0 || types[0].Code == "" {
		t.Fatalf("types: %v, %v", types, err)
	}
	l := letter(t, "GEC-1")
	d, err := c.Deposit(ctx, "depot-GEC-1", l)
	if err != nil || d.Phase != "running" || d.ETag == "" || len(d.Documents) != 2 || d.Documents[0].Name != "Réponse « urgente ».pdf" {
		t.Fatalf("%+v, %v", d, err)
	}
	if again, err := c.Deposit(ctx, "depot-GEC-1", l); err != nil || again.ID != d.ID {
		t.Errorf("the same key made %s: %v", again.ID, err)
	}
	var p *client.Problem
	if _, err := c.Deposit(ctx, "depot-GEC-1b", l); !client.IsProblem(err, "reference-used") || !errors.As(err, &p) || !strings.HasSuffix(p.Location, d.ID) {
		t.Errorf("another key, the same reference: %v", err)
	}
	if _, err := c.Dossier(ctx, d.ID, d.ETag); !errors.Is(err, client.ErrNotModified) {
		t.Errorf("unchanged: %v", err)
	}
	withdrawn(t, c)

	id := dossiers.ID(d.ID)
	if _, err := town.Person(t, demo.DGS).Decide(t, id, "visa", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Withdraw(ctx, d, "trop tard"); !errors.As(err, &p) || p.Status != http.StatusPreconditionFailed {
		t.Errorf("written over what moved: %v", err)
	}
	if _, err := town.Person(t, demo.Mayor).Decide(t, id, "signature", ""); err != nil {
		t.Fatal(err)
	}
	town.Await(t, id, func(x dossiers.Dossier) bool { return x.State.Phase == circuits.Completed })
	if d, err = c.Dossier(ctx, d.ID, d.ETag); err != nil || !d.Signed() || d.Phase != "completed" || len(d.Decisions) != 2 {
		t.Fatalf("%+v, %v", d, err)
	}
	var signed, evidence, slip bytes.Buffer
	if err := errors.Join(c.Download(ctx, d.Documents[0].Content, &signed), c.Evidence(ctx, d.ID, &evidence), c.Slip(ctx, d.ID, &slip)); err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(signed.Bytes(), towntest.Sample(t, "lettre-rue-des-mariniers.pdf")) || !bytes.HasPrefix(slip.Bytes(), []byte("%PDF-")) {
		t.Error("what was downloaded is not the signed letter, or the slip")
	}
	if _, err := zip.NewReader(bytes.NewReader(evidence.Bytes()), int64(evidence.Len())); err != nil {
		t.Errorf("evidence: %v", err)
	}
	if err := c.Dispatched(ctx, "envoi-GEC-1", d.ID, client.Dispatch{Channel: "recommande", Status: "sent", Provider: "La Poste"}); err != nil {
		t.Error(err)
	}
	if address, expires, err := c.Panel(ctx, d.ID, 5*time.Minute); err != nil || !strings.HasPrefix(address, towntest.Origin+"/panneau/") || time.Until(expires) < time.Minute {
		t.Errorf("panel %q until %s: %v", address, expires, err)
	}
	if _, err := town.Webhooks.Round(ctx); err != nil {
		t.Fatal(err)
	}
	events, next, err := c.Events(ctx, 0, 0)
	if err != nil || len(events) != len(told) || next != events[len(events)-1].Seq {
		t.Fatalf("%d events, %d calls, next %d: %v", len(events), len(told), next, err)
	}
	for i, e := range events {
		if told[i].Type != e.Type || told[i].Data.Dossier != e.Data.Dossier || !told[i].At.Equal(e.At) || told[i].ID == "" {
			t.Errorf("call %d says %+v, the feed %+v", i, told[i], e)
		}
	}
}

// withdrawn makes drafts enough for two pages, starts one and takes it back.
func withdrawn(t *testing.T, c *client.Client) {
	t.Helper()
	ctx := t.Context()
	l := letter(t, "")
	l.Draft, l.Annexes = true, nil
	d, err := c.Deposit(ctx, client.NewKey(), l)
	if err != nil || d.Phase != "draft" {
		t.Fatalf("%+v, %v", d, err)
	}
	if d, err = c.Start(ctx, d); err != nil || d.Phase != "running" {
		t.Fatalf("%+v, %v", d, err)
	}
	if d, err = c.Withdraw(ctx, d, "Erreur de destinataire"); err != nil || d.Phase != "withdrawn" {
		t.Fatalf("%+v, %v", d, err)
	}
	n := 0
	for one, err := range c.Dossiers(ctx, client.Filter{Phase: "withdrawn", Query: "trottoir"}) {
		if err != nil || one.ID != d.ID {
			t.Fatalf("%+v, %v", one, err)
		}
		n++
	}
	if n != 1 {
		t.Errorf("%d withdrawn", n)
	}
}

// An answering server answers in turn, then 200 with a dossier.
type answering struct {
	*client.Client
	asked  atomic.Int32
	slept  []time.Duration
	keys   map[string]bool
	bodies []string
}

func answer(t *testing.T, turns ...http.HandlerFunc) *answering {
	t.Helper()
	a := &answering{keys: map[string]bool{}}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		a.bodies = append(a.bodies, string(body))
		a.keys[r.Header.Get("Idempotency-Key")] = true
		if n := int(a.asked.Add(1)); n <= len(turns) {
			turns[n-1](w, r)
			return
		}
		_, _ = io.WriteString(w, `{"id":"1","phase":"running","tomorrow":{"more":1}}`)
	}))
	t.Cleanup(s.Close)
	a.Client = &client.Client{URL: s.URL, Key: "pk_x", Sleep: func(_ context.Context, d time.Duration) error { a.slept = append(a.slept, d); return nil }}
	return a
}

func status(code int, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, `{"type":"/api/problems/some","title":"Non","status":`+strconv.Itoa(code)+`,"detail":"Pas maintenant."}`)
	}
}

func cut(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// TestRepeats holds the client to what the parapheur asks for, with the same
// key and the same bytes each time, and to giving up.
func TestRepeats(t *testing.T) {
	t.Parallel()
	date := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, one := range map[string]struct {
		turns []http.HandlerFunc
		slept []time.Duration
		asked int32
		fails bool
	}{
		"told to wait":         {[]http.HandlerFunc{status(429, "Retry-After", "7"), status(503, "Retry-After", "2")}, []time.Duration{7 * time.Second, 2 * time.Second}, 3, false},
		"a date":               {[]http.HandlerFunc{status(503, "Retry-After", date.Add(9*time.Second).Format(http.TimeFormat), "Date", date.Format(http.TimeFormat))}, []time.Duration{9 * time.Second}, 2, false},
		"under way":            {[]http.HandlerFunc{status(409, "Retry-After", "2")}, []time.Duration{2 * time.Second}, 2, false},
		"cut, twice":           {[]http.HandlerFunc{cut, cut}, []time.Duration{time.Second, 2 * time.Second}, 3, false},
		"a proxy without node": {[]http.HandlerFunc{status(502)}, []time.Duration{time.Second}, 2, false},
		"a conflict":           {[]http.HandlerFunc{status(409)}, nil, 1, true},
		"too long a wait":      {[]http.HandlerFunc{status(429, "Retry-After", "3600")}, nil, 1, true},
		"refused":              {[]http.HandlerFunc{status(422)}, nil, 1, true},
		"our fault":            {[]http.HandlerFunc{status(500)}, nil, 1, true},
		"for ever":             {[]http.HandlerFunc{status(503, "Retry-After", "1"), status(503, "Retry-After", "1"), status(503, "Retry-After", "1"), status(503, "Retry-After", "1"), status(503, "Retry-After", "1"), status(503, "Retry-After", "1")}, []time.Duration{1e9, 1e9, 1e9, 1e9}, 5, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := answer(t, one.turns...)
			d, err := a.Deposit(t.Context(), "depot-1", client.Letter{Title: "Objet", Document: client.Bytes("l.pdf", []byte("%PDF-1.7 content"))})
			if (err != nil) != one.fails || !one.fails && d.ID != "1" {
				t.Errorf("%+v, %v", d, err)
			}
			if a.asked.Load() != one.asked || len(a.slept) != len(one.slept) {
				t.Fatalf("asked %d times, slept %v", a.asked.Load(), a.slept)
			}
			for i := range one.slept {
				if a.slept[i] != one.slept[i] {
					t.Errorf("slept %v, want %v", a.slept, one.slept)
				}
			}
			for _, body := range a.bodies {
				if body != a.bodies[0] || !strings.Contains(body, "%PDF-1.7 content") {
					t.Errorf("another body: %q", body)
				}
			}
			if len(a.keys) != 1 || !a.keys["depot-1"] {
				t.Errorf("keys %v", a.keys)
			}
		})
	}
}

// TestEndpointsAreAddedOnce: a secret that was answered and lost must not
// leave a second endpoint behind.
func TestEndpointsAreAddedOnce(t *testing.T) {
	t.Parallel()
	a := answer(t, cut)
	if _, _, err := a.AddWebhook(t.Context(), "https://gec.example"); err == nil || a.asked.Load() != 1 {
		t.Errorf("asked %d times, %v", a.asked.Load(), err)
	}
}

// TestWhatCannotBeRead ends before anything is asked.
func TestWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	a := answer(t)
	for _, f := range []client.File{{}, client.FileAt("/nowhere/lettre.pdf")} {
		_, err := a.Deposit(t.Context(), "depot-1", client.Letter{Document: client.Bytes("l.pdf", nil), Annexes: []client.File{f}})
		if !errors.Is(err, os.ErrNotExist) || a.asked.Load() != 0 || len(a.slept) != 0 {
			t.Errorf("%v, asked %d times", err, a.asked.Load())
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := a.Dossier(ctx, "1", ""); !errors.Is(err, context.Canceled) || len(a.slept) != 0 {
		t.Errorf("%v, slept %v", err, a.slept)
	}
}

// TestOtherBytes refuses a download that is not what was announced.
func TestOtherBytes(t *testing.T) {
	t.Parallel()
	for name, digest := range map[string]string{"none": "", "another": "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"} {
		a := answer(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Repr-Digest", digest)
			_, _ = io.WriteString(w, "%PDF-1.7 other")
		})
		if err := a.Download(t.Context(), "/api/v1/x", io.Discard); !errors.Is(err, client.ErrDigest) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestVerify takes the vector of Standard Webhooks, and what is near it.
func TestVerify(t *testing.T) {
	t.Parallel()
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	now := time.Unix(1614265330, 0)
	body := []byte(`{"test": 2432232314}`)
	good := http.Header{"Webhook-Id": {"msg_p5jXN8AQM9LWM0D4loKWxJek"}, "Webhook-Timestamp": {"1614265330"}, "Webhook-Signature": {"v1,AAAA v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="}}
	for name, secrets := range map[string][]string{"one secret": {secret}, "the old one of two": {"whsec_AAAA", secret}} {
		v, err := client.NewVerifier(secrets...)
		if err != nil {
			t.Fatal(err)
		}
		if m, err := v.Verify(good, body, now); err != nil || m.ID != "msg_p5jXN8AQM9LWM0D4loKWxJek" {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
	v, err := client.NewVerifier(secret)
	if err != nil {
		t.Fatal(err)
	}
	for name, one := range map[string]struct {
		header, value string
		body          []byte
		now           time.Time
	}{
		"another body": {"X", "", []byte(`{}`), now}, "another id": {"Webhook-Id", "msg_2", body, now}, "no id": {"Webhook-Id", "", body, now},
		"another time": {"Webhook-Timestamp", "1614265331", body, now}, "no time": {"Webhook-Timestamp", "", body, now},
		"no signature": {"Webhook-Signature", "", body, now}, "another kind": {"Webhook-Signature", "v1a,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", body, now},
		"recorded": {"X", "", body, now.Add(5*time.Minute + time.Second)}, "early": {"X", "", body, now.Add(-5*time.Minute - time.Second)},
	} {
		h := good.Clone()
		h.Set(one.header, one.value)
		if _, err := v.Verify(h, one.body, one.now); !errors.Is(err, client.ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, bad := range [][]string{{}, {""}, {"whsec_"}, {"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}, {"whsec_%"}} {
		if _, err := client.NewVerifier(bad...); err == nil {
			t.Errorf("%q is a secret", bad)
		}
	}
}
