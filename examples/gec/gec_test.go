package main

import (
	"bytes"
	"context"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"parapheur/api"
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

// The example does with a real town what its page says: the letter comes back
// signed, told by a webhook that it verified, and is filed once.
func TestTheExampleFilesASignedLetter(t *testing.T) {
	t.Parallel()
	allow, err := egress.ParseAllow("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	town := towntest.New(t, func(c *wiring.Config) { c.Egress = allow })
	parapheur := httptest.NewServer(api.New(api.Options{Office: town.Office, Hub: town.Hub, Log: slog.New(slog.DiscardHandler), Spool: t.TempDir()}))
	t.Cleanup(parapheur.Close)
	var told bytes.Buffer
	client := &Client{URL: parapheur.URL, Key: town.Founded.APIKeys[demo.GEC], HTTP: &http.Client{Transport: townHost{http.DefaultTransport}}}
	module := &Module{Client: client, Dir: filepath.Join(t.TempDir(), "signed"), Log: log.New(&told, "", 0)}

	var receiver *Receiver
	hooks := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { receiver.ServeHTTP(w, r) }))
	t.Cleanup(hooks.Close)
	gec, _, err := town.Office.Authenticate(t.Context(), town.Tenant, client.Key)
	if err != nil {
		t.Fatal(err)
	}
	_, secret, err := town.Office.AddWebhook(t.Context(), gec, "", hooks.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	if receiver, err = NewReceiver(module, secret, time.Now); err != nil {
		t.Fatal(err)
	}

	letter := filepath.Join(t.TempDir(), "lettre.pdf")
	if err := os.WriteFile(letter, towntest.Sample(t, "lettre-rue-des-mariniers.pdf"), 0o600); err != nil {
		t.Fatal(err)
	}
	l := Letter{File: letter, Title: "Réfection du trottoir", Recipient: "M. Lefèvre", Type: "courrier-simple", Reference: "GEC-2026-00123"}
	d, err := client.Deposit(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := client.Deposit(t.Context(), l); err != nil || again.ID != d.ID {
		t.Fatalf("deposited twice: %+v, %v", again, err)
	}
	id := dossiers.ID(d.ID)
	if _, err := town.Person(t, demo.DGS).Decide(t, id, "visa", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := town.Person(t, demo.Mayor).Decide(t, id, "signature", ""); err != nil {
		t.Fatal(err)
	}
	town.Await(t, id, func(x dossiers.Dossier) bool { return x.State.Phase == circuits.Completed })
	if _, err := town.Webhooks.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	filed, err := os.ReadFile(filepath.Join(module.Dir, "1.pdf"))
	if err != nil || !bytes.HasPrefix(filed, towntest.Sample(t, "lettre-rue-des-mariniers.pdf")) {
		t.Fatalf("%d bytes filed, %v; told: %s", len(filed), err, &told)
	}
	if want := town.Read(t, gec, id, 1, "current"); !bytes.Equal(filed, want) {
		t.Error("what is filed is not the signed letter")
	}
	if _, err := os.Stat(filepath.Join(module.Dir, "1-preuve.zip")); err != nil {
		t.Error(err)
	}
	sent, err := town.Office.Dispatches(t.Context(), gec, id)
	if err != nil || len(sent) != 1 {
		t.Errorf("%+v, %v", sent, err)
	}

	// Without incoming calls, the feed gives the same.
	other := &Module{Client: client, Dir: filepath.Join(t.TempDir(), "followed"), Log: log.New(io.Discard, "", 0)}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := other.Follow(ctx); err != nil && ctx.Err() == nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(other.Dir, "1.pdf")); err != nil {
		t.Error(err)
	}
}

// What is not signed with the secret, or was recorded, opens nothing.
func TestForgedCalls(t *testing.T) {
	t.Parallel()
	now := time.Unix(1614265330, 0)
	x, err := NewReceiver(&Module{}, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	body := []byte(`{"test": 2432232314}`)
	good := http.Header{"Webhook-Id": {"msg_p5jXN8AQM9LWM0D4loKWxJek"}, "Webhook-Timestamp": {"1614265330"}, "Webhook-Signature": {"v1,AAAA v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="}}
	if err := x.verify(good, body); err != nil {
		t.Errorf("the vector of the specification: %v", err)
	}
	for name, change := range map[string]func(http.Header) []byte{
		"another body": func(http.Header) []byte { return []byte(`{}`) },
		"another id":   func(h http.Header) []byte { h.Set("webhook-id", "msg_2"); return body },
		"no signature": func(h http.Header) []byte { h.Del("webhook-signature"); return body },
		"another kind": func(h http.Header) []byte {
			h.Set("webhook-signature", "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
			return body
		},
		"another time": func(h http.Header) []byte { h.Set("webhook-timestamp", "1614265331"); return body },
		"no time":      func(h http.Header) []byte { h.Del("webhook-timestamp"); return body },
	} {
		h := good.Clone()
		if sent := change(h); x.verify(h, sent) == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	now = now.Add(6 * time.Minute)
	if x.verify(good, body) == nil {
		t.Error("a recorded call is accepted")
	}
}
