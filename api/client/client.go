// Package client asks the parapheur of a town over its REST interface: deposit
// a letter, follow it, fetch it signed with its evidence, say how it was sent,
// and verify the calls that the parapheur makes. It imports the standard
// library only: copy it, or import it.
//
//	c := client.Client{URL: "https://parapheur.mairie.fr", Key: os.Getenv("PARAPHEUR_KEY")}
//	d, err := c.Deposit(ctx, "depot-2026-00123", client.Letter{
//		Title: "Réponse à M. Dupont", Recipient: "M. Paul Dupont", Type: "courrier-simple",
//		Reference: "GEC-2026-00123", Document: client.FileAt("lettre.pdf"),
//	})
//
// It must hold no state but what its caller gives it, decide nothing about a
// letter (no program can), or keep what it does not know from its caller: an
// answer may say more tomorrow, and unknown fields are passed over.
//
// # Failure handling
//
// What the parapheur refuses is a *[Problem] with its stable type, matched with
// [IsProblem]. A request that may be repeated without harm (every reading, and
// every writing under an idempotency key or an entity tag) is repeated while
// the parapheur says when to come back (429, 503, a request under way), and
// after a cut; at most Attempts times, and never past its context. Bytes that
// are not those announced are [ErrDigest].
package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	base = "/api/v1"
	// maxAnswer bounds an answer that is read into memory.
	maxAnswer = 16 << 20
	// defaultAttempts is how often a request is made at most, defaultPatience
	// the longest wait between two, firstPause the wait after a first cut.
	defaultAttempts = 5
	defaultPatience = time.Minute
	firstPause      = time.Second
)

// A Client asks the parapheur of one town. URL and Key are required. It is
// safe for concurrent use.
type Client struct {
	URL string // "https://parapheur.mairie.fr"
	Key string // "pk_…", from the administrator, or an access token "pt_…"
	// HTTP makes the requests; default http.DefaultClient. Give it a timeout
	// above the longest wait of Events and the largest letter.
	HTTP *http.Client
	// Attempts is how often a request is made at most; default 5.
	Attempts int
	// Patience is the longest wait that is obeyed between two; default a minute.
	// A longer one is left to the caller, as a *Problem with its RetryAfter.
	Patience time.Duration
	// Sleep waits; default a timer. Tests give their own.
	Sleep func(ctx context.Context, d time.Duration) error
}

// A Problem is how the parapheur says no (RFC 9457). Title and Detail are
// French sentences for people.
type Problem struct {
	Type     string `json:"type"` // "/api/problems/<name>", stable
	Title    string `json:"title"`
	Detail   string `json:"detail"`
	Status   int    `json:"status"`
	Instance string `json:"instance"`
	Trace    string `json:"trace_id"` // to give to whoever can read the logs
	Errors   []struct {
		Location string `json:"location"`
		Message  string `json:"message"`
	} `json:"errors"`
	RetryAfter time.Duration `json:"-"` // zero when the answer does not say
	Location   string        `json:"-"` // of what is in the way (409)
}

// Error implements error.
func (p *Problem) Error() string {
	text := fmt.Sprintf("%d %s : %s", p.Status, p.Title, p.Detail)
	for _, e := range p.Errors {
		text += " [" + e.Location + " : " + e.Message + "]"
	}
	return text + " (" + p.Trace + ")"
}

// IsProblem reports whether err is a Problem of this name, the last part of
// its type: "reference-used".
func IsProblem(err error, name string) bool {
	var p *Problem
	return errors.As(err, &p) && strings.HasSuffix(p.Type, "/"+name)
}

// ErrNotModified says that what was read has not changed since.
var ErrNotModified = errors.New("not modified")

// NewKey draws an idempotency key. Keep it beside what it is for: only the
// same key makes a repetition after a restart one and the same request. A key
// made of your own reference needs no keeping.
func NewKey() string { return rand.Text() }

// A request is one call, which may be made several times.
type request struct {
	method, path string
	header       map[string]string
	body         func() (io.ReadCloser, error) // nil: none; called at each attempt
	once         bool                          // never repeated
}

// json gives the request a JSON body.
func (r request) json(value any) (request, error) {
	raw, err := json.Marshal(value)
	if err != nil {
		return r, fmt.Errorf("write a request: %w", err)
	}
	r.body = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil }
	r.header = with(r.header, "Content-Type", "application/json")
	return r, nil
}

func with(h map[string]string, name, value string) map[string]string {
	if h == nil {
		h = map[string]string{}
	}
	h[name] = value
	return h
}

// ask makes a request and reads its JSON answer into value, unless that is nil.
func (c *Client) ask(ctx context.Context, r request, value any) (http.Header, error) {
	res, err := c.do(ctx, r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close() //nolint:errcheck // read only
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return res.Header, fmt.Errorf("%s %s: read the answer: %w", r.method, r.path, err)
	}
	if len(raw) > maxAnswer {
		return res.Header, fmt.Errorf("%s %s: the answer is larger than %d bytes", r.method, r.path, maxAnswer)
	}
	if value == nil {
		return res.Header, nil
	}
	if err := json.Unmarshal(raw, value); err != nil {
		return res.Header, fmt.Errorf("%s %s: read the answer: %w", r.method, r.path, err)
	}
	return res.Header, nil
}

// do makes a request, again when it may and there is a reason to. Its answer
// is below 300.
func (c *Client) do(ctx context.Context, r request) (*http.Response, error) {
	attempts, pause := c.Attempts, firstPause
	if attempts <= 0 {
		attempts = defaultAttempts
	}
	for n := 1; ; n++ {
		res, err := c.send(ctx, r)
		if err == nil {
			return res, nil
		}
		wait, again := c.again(err, pause)
		if !again || r.once || n >= attempts || ctx.Err() != nil {
			return nil, err
		}
		if err := c.sleep(ctx, wait); err != nil {
			return nil, err
		}
		pause *= 2
	}
}

// again says whether an error is worth another attempt, and after how long:
// what the parapheur asks for, or pause after a cut.
func (c *Client) again(err error, pause time.Duration) (time.Duration, bool) {
	patience := c.Patience
	if patience <= 0 {
		patience = defaultPatience
	}
	var p *Problem
	if !errors.As(err, &p) {
		var unsent *bodyError
		return min(pause, patience), !errors.As(err, &unsent) && !errors.Is(err, ErrNotModified)
	}
	switch p.Status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusConflict:
		return p.RetryAfter, p.RetryAfter > 0 && p.RetryAfter <= patience
	case http.StatusBadGateway, http.StatusGatewayTimeout: // of a proxy, while a node restarts
		return min(pause, patience), true
	}
	return 0, false
}

func (c *Client) sleep(ctx context.Context, d time.Duration) error {
	if c.Sleep != nil {
		return c.Sleep(ctx, d)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// A bodyError is what kept our own bytes from being read: asking again is vain.
type bodyError struct{ err error }

// Error implements error.
func (e *bodyError) Error() string { return "read what is to be sent: " + e.err.Error() }

// Unwrap returns the cause.
func (e *bodyError) Unwrap() error { return e.err }

// send makes a request once.
func (c *Client) send(ctx context.Context, r request) (*http.Response, error) {
	var body io.ReadCloser
	if r.body != nil {
		var err error
		if body, err = r.body(); err != nil {
			return nil, &bodyError{err}
		}
	}
	req, err := http.NewRequestWithContext(ctx, r.method, strings.TrimSuffix(c.URL, "/")+r.path, body)
	if err != nil {
		return nil, &bodyError{err}
	}
	req.Header.Set("Authorization", "Bearer "+c.Key)
	req.Header.Set("User-Agent", "parapheur-go-client/1")
	for name, value := range r.header {
		req.Header.Set(name, value)
	}
	doer := c.HTTP
	if doer == nil {
		doer = http.DefaultClient
	}
	res, err := doer.Do(req)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s %s: %w", r.method, r.path, err)
	case res.StatusCode < http.StatusMultipleChoices:
		return res, nil
	}
	defer res.Body.Close() //nolint:errcheck // read only
	if res.StatusCode == http.StatusNotModified {
		return nil, ErrNotModified
	}
	return nil, refused(res)
}

// refused reads a Problem; a proxy may have answered something else.
func refused(res *http.Response) error {
	p := &Problem{}
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil || json.Unmarshal(raw, p) != nil || p.Title == "" {
		p = &Problem{Title: http.StatusText(res.StatusCode)}
	}
	p.Status, p.RetryAfter, p.Location = res.StatusCode, retryAfter(res.Header), res.Header.Get("Location")
	return p
}

// retryAfter reads seconds, or a date counted from the answer's own (RFC 9110,
// 10.2.3).
func retryAfter(h http.Header) time.Duration {
	value := h.Get("Retry-After")
	if seconds, err := strconv.Atoi(value); err == nil {
		return max(0, time.Duration(seconds)*time.Second)
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return 0
	}
	return max(time.Second, at.Sub(now))
}
