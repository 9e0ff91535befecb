package client_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"parapheur/api"
	"parapheur/api/client"
	"parapheur/internal/demo"
	"parapheur/internal/towntest"
)

// sandboxHost presents every request under the name of the sandbox.
type sandboxHost struct{ host string }

// RoundTrip implements http.RoundTripper.
func (h sandboxHost) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Host = h.host
	return http.DefaultTransport.RoundTrip(r)
}

// TestSandbox has a program play a letter to its end in a sandbox, weeks later
// by its clock, when the visa that was late has moved up to the mayor; and the real town beside it refuse all of that.
func TestSandbox(t *testing.T) {
	t.Parallel()
	ctx, town := t.Context(), towntest.New(t)
	box := town.Sandbox(t)
	served := func(o api.Options) string {
		o.Hub, o.Log, o.Spool = town.Hub, slog.New(slog.DiscardHandler), t.TempDir()
		s := httptest.NewServer(api.New(o))
		t.Cleanup(s.Close)
		return s.URL
	}
	c := &client.Client{
		URL: served(api.Options{Office: box.Office, Sandbox: box.Sandbox}), Key: box.Key, HTTP: &http.Client{Transport: sandboxHost{box.Tenant.Host()}},
	}
	d, err := c.Deposit(ctx, "essai-0001", client.Letter{
		Title: "Essai", Recipient: "Mme Lefèvre", Type: "courrier-simple", Document: client.Bytes("lettre.pdf", towntest.Sample(t, "lettre-rue-des-mariniers.pdf")),
	})
	if err != nil {
		t.Fatal(err)
	}
	people, err := c.SandboxPersons(ctx)
	if err != nil || len(people) != len(demo.Roles()) || people[0].Role == "" || people[0].ID == "" || people[0].Name == "" {
		t.Fatalf("persons %+v, %v", people, err)
	}
	clock, err := c.SandboxClock(ctx)
	if err != nil || clock.Ahead != 0 || clock.Now.IsZero() {
		t.Fatalf("clock %+v, %v", clock, err)
	}
	moved, err := c.MoveSandboxClock(ctx, clock.Now.AddDate(0, 0, 20))
	if err != nil || moved.Now.Sub(clock.Now) < 19*24*time.Hour || moved.Done.Reminded != 1 {
		t.Errorf("moved to %+v, %v", moved, err)
	}
	if _, err := c.MoveSandboxClock(ctx, clock.Now); !client.IsProblem(err, "clock-back") {
		t.Errorf("back: %v", err)
	}
	if _, err := c.PlaySandbox(ctx, "refus-0001", d.ID, client.SandboxDecision{Person: "maire", Decision: "refus"}); !client.IsProblem(err, "reason-needed") {
		t.Errorf("a refusal without a reason: %v", err)
	}
	visa := client.SandboxDecision{Person: "maire", Decision: "visa"}
	first, err := c.PlaySandbox(ctx, "visa-0001", d.ID, visa)
	if err != nil || len(first.Decisions) != 1 || first.ETag == "" {
		t.Fatalf("%+v, %v", first, err)
	}
	if again, err := c.PlaySandbox(ctx, "visa-0001", d.ID, visa); err != nil || len(again.Decisions) != 1 {
		t.Errorf("repeated: %+v, %v", again, err)
	}
	if d, err = c.PlaySandbox(ctx, "signature-0001", d.ID, client.SandboxDecision{Person: "maire", Decision: "signature"}); err != nil {
		t.Fatal(err)
	}
	for after := int64(0); d.Phase == "running"; {
		if _, after, err = c.Events(ctx, after, 30*time.Second); err != nil {
			t.Fatal(err)
		}
		if d, err = c.Dossier(ctx, d.ID, ""); err != nil {
			t.Fatal(err)
		}
	}
	var signed bytes.Buffer
	if err := c.Download(ctx, d.Documents[0].Content, &signed); err != nil || !d.Signed() || !bytes.Contains(signed.Bytes(), []byte("/ETSI.CAdES.detached")) {
		t.Errorf("signed %t, %v", d.Signed(), err)
	}

	real := &client.Client{URL: served(api.Options{Office: town.Office}), Key: town.Founded.APIKeys[demo.GEC], HTTP: &http.Client{Transport: townHost{http.DefaultTransport}}}
	_, clockErr := real.SandboxClock(ctx)
	_, moveErr := real.MoveSandboxClock(ctx, time.Now().Add(time.Hour))
	_, personsErr := real.SandboxPersons(ctx)
	_, playErr := real.PlaySandbox(ctx, "visa-0001", d.ID, visa)
	for name, err := range map[string]error{"clock": clockErr, "move": moveErr, "persons": personsErr, "play": playErr} {
		var p *client.Problem
		if !errors.As(err, &p) || p.Status != http.StatusForbidden {
			t.Errorf("%s in a real town: %v", name, err)
		}
	}
}
