package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A Module files what comes back from the parapheur. It is safe to tell it the
// same thing twice.
type Module struct {
	Client *Client
	Dir    string
	Log    *log.Logger
}

// Happened acts on one event: a letter whose circuit ends is filed, the others
// are told.
func (m *Module) Happened(ctx context.Context, kind, dossier string) error {
	if dossier == "" {
		return nil // a test
	}
	d, err := m.Client.Read(ctx, dossier) // the message says what moved, not what it became
	if err != nil {
		return err
	}
	m.Log.Printf("dossier n° %d (%s): %s", d.Number, d.ExternalReference, kind)
	if d.Phase != "completed" {
		return nil
	}
	return m.file(ctx, d)
}

// file keeps the signed letter and its evidence, once.
func (m *Module) file(ctx context.Context, d Dossier) error {
	if err := os.MkdirAll(m.Dir, 0o700); err != nil {
		return err
	}
	name := filepath.Join(m.Dir, strconv.FormatInt(d.Number, 10))
	if _, err := os.Stat(name + ".pdf"); err == nil {
		return nil
	}
	if len(d.Documents) == 0 || !d.Documents[0].Signed {
		return nil // a circuit without signature
	}
	if err := m.Client.Download(ctx, "/api/v1/dossiers/"+d.ID+"/evidence", name+"-preuve.zip"); err != nil {
		return err
	}
	// The letter last: it says that the dossier is filed.
	if err := m.Client.Download(ctx, d.Documents[0].Content, name+".pdf"); err != nil {
		return err
	}
	m.Log.Printf("dossier n° %d: filed as %s.pdf", d.Number, name)
	return m.Client.Dispatched(ctx, d.ID, "courrier", "prepared", d.ExternalReference)
}

// Follow reads the feed for ever. The last event acted on is kept beside the
// letters: nothing is lost, whatever stops.
func (m *Module) Follow(ctx context.Context) error {
	mark := filepath.Join(m.Dir, ".after")
	after := int64(0)
	if raw, err := os.ReadFile(mark); err == nil {
		after, _ = strconv.ParseInt(strings.TrimSpace(string(raw)), 10, 64) // from the start, if it cannot be read
	}
	if err := os.MkdirAll(m.Dir, 0o700); err != nil {
		return err
	}
	for ctx.Err() == nil {
		events, next, err := m.Client.Events(ctx, after)
		if err != nil {
			return err
		}
		for _, e := range events {
			if err := m.Happened(ctx, e.Type, e.Data.Dossier); err != nil {
				return err
			}
		}
		if after = next; len(events) > 0 {
			if err := os.WriteFile(mark, []byte(strconv.FormatInt(after, 10)), 0o600); err != nil {
				return err
			}
		}
	}
	return nil
}

// A Receiver takes the calls of the parapheur.
type Receiver struct {
	module *Module
	secret []byte
	now    func() time.Time
}

// NewReceiver reads the secret, "whsec_" and base64.
func NewReceiver(m *Module, secret string, now func() time.Time) (*Receiver, error) {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil || len(raw) == 0 {
		return nil, errors.New("the secret is not one of Standard Webhooks")
	}
	return &Receiver{m, raw, now}, nil
}

var errSignature = errors.New("signature refused")

// tolerance is how old a call may be: an older one was recorded and played again.
const tolerance = 5 * time.Minute

// verify checks a call (Standard Webhooks): one of its signatures is ours.
func (x *Receiver) verify(h http.Header, body []byte) error {
	id, stamp := h.Get("webhook-id"), h.Get("webhook-timestamp")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if age := x.now().Sub(time.Unix(seconds, 0)).Abs(); err != nil || age > tolerance {
		return errSignature
	}
	mac := hmac.New(sha256.New, x.secret)
	fmt.Fprintf(mac, "%s.%s.%s", id, stamp, body)
	want := mac.Sum(nil)
	for _, s := range strings.Fields(h.Get("webhook-signature")) {
		version, value, _ := strings.Cut(s, ",")
		got, err := base64.StdEncoding.DecodeString(value)
		if version == "v1" && err == nil && hmac.Equal(got, want) {
			return nil
		}
	}
	return errSignature
}

// ServeHTTP implements http.Handler. An answer other than 2xx has the message
// sent again, in its order: what failed here is not lost.
func (x *Receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<10))
	if err != nil || x.verify(r.Header, body) != nil {
		http.Error(w, "not verified", http.StatusUnauthorized)
		return
	}
	var message struct {
		Type string `json:"type"`
		Data struct {
			Dossier string `json:"dossier"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &message); err != nil {
		http.Error(w, "not read", http.StatusBadRequest)
		return
	}
	if err := x.module.Happened(r.Context(), message.Type, message.Data.Dossier); err != nil {
		x.module.Log.Printf("%s: %v", r.Header.Get("webhook-id"), err)
		http.Error(w, "not filed", http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
