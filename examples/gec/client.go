package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A Client asks the parapheur of one town.
type Client struct {
	URL  string // "https://parapheur.mairie.fr"
	Key  string // "pk_…", from the administrator
	HTTP *http.Client
}

// A Letter is what the GEC has to have signed.
type Letter struct {
	File, Title, Recipient, Type string
	Reference                    string // ours: unique, so that depositing twice is depositing once
}

// A Dossier is what we keep of the parapheur's answer. It says more: read the
// OpenAPI document, and ignore what you do not know.
type Dossier struct {
	ID                string `json:"id"`
	Number            int64  `json:"number"`
	URL               string `json:"url"`
	Phase             string `json:"phase"`
	ExternalReference string `json:"external_reference"`
	Documents         []struct {
		Content string `json:"content"`
		SHA256  string `json:"sha256"`
		Signed  bool   `json:"signed"`
	} `json:"documents"`
}

// A Problem is how the parapheur says no (RFC 9457).
type Problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Status int    `json:"status"`
	Trace  string `json:"trace_id"`
}

// Error implements error.
func (p *Problem) Error() string { return fmt.Sprintf("%s : %s (%s)", p.Title, p.Detail, p.Trace) }

// Deposit sends a letter into its circuit. The key is made of our reference:
// after a cut, the same request answers the dossier that it made.
func (c *Client) Deposit(ctx context.Context, l Letter) (d Dossier, err error) {
	pdf, err := os.ReadFile(l.File)
	if err != nil {
		return d, err
	}
	meta, err := json.Marshal(map[string]string{"title": l.Title, "recipient": l.Recipient, "type": l.Type, "external_reference": l.Reference})
	if err != nil {
		return d, err
	}
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	// The order matters: what the letter is, then the letter.
	for _, part := range []struct {
		name, file, media string
		content           []byte
	}{{"dossier", "", "application/json", meta}, {"document", filepath.Base(l.File), "application/pdf", pdf}} {
		h := textproto.MIMEHeader{"Content-Type": {part.media}, "Content-Disposition": {`form-data; name="` + part.name + `"`}}
		if part.file != "" {
			h.Set("Content-Disposition", fmt.Sprintf("form-data; name=%q; filename=%q", part.name, part.file))
		}
		w, err := form.CreatePart(h)
		if err != nil {
			return d, err
		}
		if _, err := w.Write(part.content); err != nil {
			return d, err
		}
	}
	if err := form.Close(); err != nil {
		return d, err
	}
	err = c.ask(ctx, http.MethodPost, "/api/v1/dossiers", &body, &d, "Content-Type", form.FormDataContentType(), "Idempotency-Key", "depot-"+l.Reference)
	return d, err
}

// Read reads a dossier back. address may be the URL of a message.
func (c *Client) Read(ctx context.Context, id string) (d Dossier, err error) {
	return d, c.ask(ctx, http.MethodGet, "/api/v1/dossiers/"+id, nil, &d)
}

// An Event is one line of the feed.
type Event struct {
	Seq  int64  `json:"seq"`
	Type string `json:"type"`
	Data struct {
		Dossier string `json:"dossier"`
	} `json:"data"`
}

// Events waits up to 30 seconds for what happened after an event.
func (c *Client) Events(ctx context.Context, after int64) (events []Event, next int64, err error) {
	var feed struct {
		Data []Event `json:"data"`
		Next int64   `json:"next_after"`
	}
	err = c.ask(ctx, http.MethodGet, "/api/v1/events?wait=30&after="+strconv.FormatInt(after, 10), nil, &feed)
	return feed.Data, feed.Next, err
}

// Dispatched says how a letter was sent. The key makes saying it twice saying
// it once.
func (c *Client) Dispatched(ctx context.Context, id, channel, status, reference string) error {
	body, err := json.Marshal(map[string]string{"channel": channel, "status": status, "reference": reference})
	if err != nil {
		return err
	}
	return c.ask(ctx, http.MethodPost, "/api/v1/dossiers/"+id+"/dispatches", bytes.NewReader(body), &struct{}{},
		"Content-Type", "application/json", "Idempotency-Key", "envoi-"+id+"-"+status)
}

// Download writes a file of the parapheur, whole or not at all, and holds it
// to the digest that its answer announces.
func (c *Client) Download(ctx context.Context, path, to string) (err error) {
	res, err := c.do(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	defer res.Body.Close() //nolint:errcheck // read only
	f, err := os.CreateTemp(filepath.Dir(to), ".en-cours-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // renamed, or useless
	h := sha256.New()
	_, err = io.Copy(io.MultiWriter(f, h), res.Body)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if want := "sha-256=:" + base64.StdEncoding.EncodeToString(h.Sum(nil)) + ":"; res.Header.Get("Repr-Digest") != want {
		return fmt.Errorf("%s: not the bytes that were announced", path)
	}
	return os.Rename(f.Name(), to)
}

// ask sends a request and decodes its answer. It tries again while the
// parapheur says when to (429, 503 and a request still under way).
func (c *Client) ask(ctx context.Context, method, path string, body io.Reader, into any, header ...string) error {
	var raw []byte
	if body != nil {
		var err error
		if raw, err = io.ReadAll(body); err != nil {
			return err
		}
	}
	for {
		res, err := c.do(ctx, method, path, raw, header...)
		var again *later
		if errors.As(err, &again) {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(again.wait):
				continue
			}
		}
		if err != nil {
			return err
		}
		defer res.Body.Close() //nolint:errcheck // read only
		return json.NewDecoder(res.Body).Decode(into)
	}
}

// later is a refusal that says when to come back.
type later struct {
	*Problem
	wait time.Duration
}

// do sends a request; an answer of 400 or more is a Problem.
func (c *Client) do(ctx context.Context, method, path string, body []byte, header ...string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.URL, "/")+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.Key)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := c.HTTP.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode < http.StatusBadRequest {
		return res, nil
	}
	defer res.Body.Close() //nolint:errcheck // read only
	p := &Problem{Status: res.StatusCode, Title: res.Status}
	_ = json.NewDecoder(res.Body).Decode(p) // a proxy may have answered something else
	if seconds, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil {
		return nil, &later{p, time.Duration(seconds) * time.Second}
	}
	return nil, p
}
