package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// A SandboxClock is the clock of a sandbox town: what deadlines, delegations,
// certificates and time-stamps follow there.
type SandboxClock struct {
	Now   time.Time `json:"now"`
	Real  time.Time `json:"real"` // that of keys and calls
	Ahead int64     `json:"ahead_seconds"`
	// Done is what the move brought about, zero after a reading.
	Done struct {
		Reminded   int `json:"reminded"`   // reminded, late or escalated
		Resumed    int `json:"resumed"`    // blocked until then
		Redirected int `json:"redirected"` // to who replaces somebody absent
		Mandates   int `json:"mandates"`   // that ended
	} `json:"done"`
}

// SandboxClock reads the clock of a sandbox. A real town refuses this and all
// that follows (403), whatever the key.
func (c *Client) SandboxClock(ctx context.Context) (out SandboxClock, err error) {
	_, err = c.ask(ctx, request{method: http.MethodGet, path: base + "/sandbox/clock"}, &out)
	return out, err
}

// MoveSandboxClock moves the clock of a sandbox to an instant, and answers once
// what was due until then has happened. It never goes back: the problem
// "clock-back". Made twice, it ends where it ended once.
func (c *Client) MoveSandboxClock(ctx context.Context, to time.Time) (out SandboxClock, err error) {
	r, err := request{method: http.MethodPut, path: base + "/sandbox/clock", once: true}.json(struct {
		To time.Time `json:"to"`
	}{to.UTC()})
	if err == nil {
		_, err = c.ask(ctx, r, &out)
	}
	return out, err
}

// A SandboxPerson is somebody of a sandbox whose decisions may be played.
type SandboxPerson struct {
	Role  string   `json:"role"` // what PlaySandbox calls them: "maire"
	ID    string   `json:"id"`
	Name  string   `json:"name"`
	Desks []string `json:"desks"`
}

// SandboxPersons lists the test persons of a sandbox.
func (c *Client) SandboxPersons(ctx context.Context) ([]SandboxPerson, error) {
	var out struct {
		Data []SandboxPerson `json:"data"`
	}
	_, err := c.ask(ctx, request{method: http.MethodGet, path: base + "/sandbox/persons"}, &out)
	return out.Data, err
}

// A SandboxDecision is what a test person decides.
type SandboxDecision struct {
	Person   string `json:"person"`           // role or identifier
	Decision string `json:"decision"`         // visa, signature, cachet, avis, refus, remords, contournement
	Reason   string `json:"reason,omitempty"` // of a refus or a contournement
	Advice   string `json:"advice,omitempty"` // of an avis: favorable, reserve, defavorable
	Text     string `json:"text,omitempty"`   // of an avis
}

// PlaySandbox has a test person of a sandbox decide on a dossier, once for each
// key. A signature is put soon after: follow Events.
func (c *Client) PlaySandbox(ctx context.Context, key, id string, x SandboxDecision) (Dossier, error) {
	r, err := request{method: http.MethodPost, path: base + "/sandbox/dossiers/" + url.PathEscape(id) + "/decisions", header: map[string]string{"Idempotency-Key": key}}.json(x)
	var d Dossier
	if err != nil {
		return d, err
	}
	header, err := c.ask(ctx, r, &d)
	d.ETag = header.Get("ETag")
	return d, err
}
