package client

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// ErrDigest says that what was downloaded is not what was announced.
var ErrDigest = errors.New("not the bytes that were announced")

// A Dossier is a letter with its circuit, its decisions and its documents.
type Dossier struct {
	ID                string     `json:"id"`
	Number            int64      `json:"number"` // as people cite it
	URL               string     `json:"url"`
	Title             string     `json:"title"`
	Recipient         string     `json:"recipient"`
	Type              string     `json:"type"`
	ExternalReference string     `json:"external_reference"`
	Phase             string     `json:"phase"` // draft, running, refused, withdrawn, completed
	Version           int        `json:"version"`
	Revision          int        `json:"revision"`
	CreatedAt         time.Time  `json:"created_at"`
	UpdatedAt         time.Time  `json:"updated_at"`
	Steps             []Step     `json:"steps"`
	Decisions         []Decision `json:"decisions"`
	Documents         []Document `json:"documents"`
	// ETag is the version that was read, to be shown when it is written.
	ETag string `json:"-"`
}

// Signed reports whether the letter carries a signature of the parapheur.
func (d Dossier) Signed() bool { return len(d.Documents) > 0 && d.Documents[0].Signed }

// A Step is one step of the circuit; there are as many as the circuit has.
type Step struct {
	ID     string `json:"id"`
	Kind   string `json:"kind"`
	Title  string `json:"title"`
	Desk   string `json:"desk"`
	Status string `json:"status"`
}

// A Decision is what somebody decided at a step.
type Decision struct {
	Step     string    `json:"step"`
	Verdict  string    `json:"verdict"`
	By       string    `json:"by"`
	Quality  string    `json:"quality"`
	Reason   string    `json:"reason"` // of a refusal
	Standing string    `json:"standing"`
	At       time.Time `json:"at"`
}

// A Document is the letter (N = 1) or an annex.
type Document struct {
	N       int    `json:"n"`
	Name    string `json:"name"`
	Pages   int    `json:"pages"`
	Bytes   int64  `json:"bytes"`
	SHA256  string `json:"sha256"` // hex
	Signed  bool   `json:"signed"`
	Content string `json:"content"` // path to Download
}

func of(id string) string { return base + "/dossiers/" + url.PathEscape(id) }

// Dossier reads a dossier. With known, the ETag of an earlier reading, it is
// ErrNotModified when nothing has moved since.
func (c *Client) Dossier(ctx context.Context, id, known string) (Dossier, error) {
	r := request{method: http.MethodGet, path: of(id)}
	if known != "" {
		r.header = with(nil, "If-None-Match", known)
	}
	var d Dossier
	header, err := c.ask(ctx, r, &d)
	d.ETag = header.Get("ETag")
	return d, err
}

// A Filter narrows a list. What is zero does not.
type Filter struct {
	Phase, Type, Reference string
	Query                  string // words of the title, recipient or reference; accents and case do not count
	Number                 int64  // of the town; 0: any
	UpdatedAfter           time.Time
}

func (f Filter) values() url.Values {
	q := url.Values{"limit": {"100"}}
	for name, value := range map[string]string{"phase": f.Phase, "type": f.Type, "external_reference": f.Reference, "q": f.Query} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if f.Number != 0 {
		q.Set("number", strconv.FormatInt(f.Number, 10))
	}
	if !f.UpdatedAfter.IsZero() {
		q.Set("updated_after", f.UpdatedAfter.Format(time.RFC3339Nano))
	}
	return q
}

// Dossiers lists the dossiers of the application, newest first, without steps
// nor documents, page after page. It ends at the first error.
func (c *Client) Dossiers(ctx context.Context, f Filter) iter.Seq2[Dossier, error] {
	return func(yield func(Dossier, error) bool) {
		q := f.values()
		for {
			var page struct {
				Data []Dossier `json:"data"`
				Next string    `json:"next_cursor"`
			}
			if _, err := c.ask(ctx, request{method: http.MethodGet, path: base + "/dossiers?" + q.Encode()}, &page); err != nil {
				yield(Dossier{}, err)
				return
			}
			for _, d := range page.Data {
				if !yield(d, nil) {
					return
				}
			}
			if page.Next == "" {
				return
			}
			q.Set("cursor", page.Next)
		}
	}
}

// Start sends a draft into its circuit, if it is still as it was read.
func (c *Client) Start(ctx context.Context, d Dossier) (Dossier, error) {
	return c.act(ctx, d, "/start", nil)
}

// Withdraw takes a dossier out of its circuit, if it is still as it was read:
// a signature that was decided since cannot be undone.
func (c *Client) Withdraw(ctx context.Context, d Dossier, reason string) (Dossier, error) {
	return c.act(ctx, d, "/withdraw", map[string]string{"reason": reason})
}

// act writes a dossier under the version that was read. The key makes a
// repetition answer what the first one did, and not 412.
func (c *Client) act(ctx context.Context, d Dossier, verb string, body any) (Dossier, error) {
	r := request{method: http.MethodPost, path: of(d.ID) + verb, header: map[string]string{"If-Match": d.ETag, "Idempotency-Key": NewKey()}}
	if body != nil {
		var err error
		if r, err = r.json(body); err != nil {
			return d, err
		}
	}
	var out Dossier
	header, err := c.ask(ctx, r, &out)
	out.ETag = header.Get("ETag")
	return out, err
}

// An Event is one line of the feed. It says what moved: read the dossier.
type Event struct {
	Seq  int64     `json:"seq"`
	Type string    `json:"type"`
	At   time.Time `json:"timestamp"`
	Data struct {
		Dossier string `json:"dossier"`
		Number  int64  `json:"number"`
		URL     string `json:"url"`
	} `json:"data"`
}

// Events returns what happened after an event, in order, waiting up to wait
// (30 seconds at most) for something to. Keep next once you have acted on
// them all: nothing is lost, whatever stops.
func (c *Client) Events(ctx context.Context, after int64, wait time.Duration) (events []Event, next int64, err error) {
	q := url.Values{"after": {strconv.FormatInt(after, 10)}, "wait": {strconv.Itoa(int(min(wait, 30*time.Second) / time.Second))}}
	var feed struct {
		Data []Event `json:"data"`
		Next int64   `json:"next_after"`
	}
	_, err = c.ask(ctx, request{method: http.MethodGet, path: base + "/events?" + q.Encode()}, &feed)
	return feed.Data, feed.Next, err
}

// Download writes a document, given by its Content, and holds it to the digest
// of the answer. On any error, what was written is worth nothing: write to a
// file of another name, and rename it.
func (c *Client) Download(ctx context.Context, path string, to io.Writer) error {
	res, err := c.do(ctx, request{method: http.MethodGet, path: path})
	if err != nil {
		return err
	}
	defer res.Body.Close() //nolint:errcheck // read only
	h := sha256.New()
	if _, err := io.Copy(io.MultiWriter(to, h), res.Body); err != nil {
		return fmt.Errorf("download %s: %w", path, err)
	}
	if want := "sha-256=:" + base64.StdEncoding.EncodeToString(h.Sum(nil)) + ":"; res.Header.Get("Repr-Digest") != want {
		return fmt.Errorf("download %s: %w", path, ErrDigest)
	}
	return nil
}

// Evidence downloads the evidence file of a dossier, a ZIP.
func (c *Client) Evidence(ctx context.Context, id string, to io.Writer) error {
	return c.Download(ctx, of(id)+"/evidence", to)
}

// Slip downloads the slip of a dossier, a PDF.
func (c *Client) Slip(ctx context.Context, id string, to io.Writer) error {
	return c.Download(ctx, of(id)+"/slip", to)
}

// A Dispatch says how a letter was sent, or what became of it since.
type Dispatch struct {
	Channel   string `json:"channel"` // courrier, recommande, courriel…
	Status    string `json:"status"`  // prepared, sent, delivered…
	Provider  string `json:"provider,omitempty"`
	Reference string `json:"reference,omitempty"`
	Detail    string `json:"detail,omitempty"`
	Proof     string `json:"proof_sha256,omitempty"` // hex
}

// Dispatched records how a letter was sent.
func (c *Client) Dispatched(ctx context.Context, key, id string, s Dispatch) error {
	r, err := request{method: http.MethodPost, path: of(id) + "/dispatches", header: map[string]string{"Idempotency-Key": key}}.json(s)
	if err == nil {
		_, err = c.ask(ctx, r, nil)
	}
	return err
}

// Panel makes the address of a page that shows a dossier, to be put in a frame
// of a page of the application's origins, or of some of them: origins. Where the
// administrator allowed none it is a link. It opens for as long as life, one
// hour at most: ask for one each time it is shown.
func (c *Client) Panel(ctx context.Context, id string, life time.Duration, origins ...string) (address string, expires time.Time, err error) {
	r, err := request{method: http.MethodPost, path: of(id) + "/panel"}.json(struct {
		Origins []string `json:"origins,omitempty"`
		Minutes int      `json:"minutes,omitempty"`
	}{origins, int(life / time.Minute)})
	var out struct {
		URL     string    `json:"url"`
		Expires time.Time `json:"expires_at"`
	}
	if err == nil {
		_, err = c.ask(ctx, r, &out)
	}
	return out.URL, out.Expires, err
}

// A Type is a kind of letters.
type Type struct {
	Code string `json:"code"`
	Name string `json:"name"`
}

// Types lists the kinds of letters that the application may deposit.
func (c *Client) Types(ctx context.Context) ([]Type, error) {
	var out struct {
		Data []Type `json:"data"`
	}
	_, err := c.ask(ctx, request{method: http.MethodGet, path: base + "/types"}, &out)
	return out.Data, err
}

// AddWebhook has an address called for what happens from now on. The secret
// is answered once: keep it, and give it to NewVerifier.
func (c *Client) AddWebhook(ctx context.Context, address string, types ...string) (id, secret string, err error) {
	var out struct {
		ID     string `json:"id"`
		Secret string `json:"secret"`
	}
	r, err := request{method: http.MethodPost, path: base + "/webhooks", once: true}.json(struct {
		URL   string   `json:"url"`
		Types []string `json:"types,omitempty"`
	}{address, types})
	if err == nil {
		_, err = c.ask(ctx, r, &out)
	}
	return out.ID, out.Secret, err
}
