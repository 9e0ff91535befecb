package certs

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"math/big"
	"mime"
	"net/http"
	"time"

	"github.com/digitorus/timestamp"
)

const (
	// maxTSAReply bounds an answer of an authority; real ones have 3 to 10 KB.
	maxTSAReply = 1 << 20
	// defaultTSATimeout is for one authority, not for the whole list.
	defaultTSATimeout = 10 * time.Second
	// defaultTSASkew is how far genTime may be from our clock.
	defaultTSASkew = 5 * time.Minute
)

// TSAEndpoint is one time-stamping authority.
type TSAEndpoint struct {
	// URL is http or https; the administrator chooses it, so private addresses are fine.
	URL string
	// Policy is requested and then required; nil takes the authority's default.
	Policy asn1.ObjectIdentifier
	// Header is added to each request, for authorities that ask for credentials.
	Header http.Header
}

// TSAClientOptions configures [NewTSAClient].
type TSAClientOptions struct {
	// Endpoints are asked in this order until one delivers a valid token. At least one, better two.
	Endpoints []TSAEndpoint
	// Trust are the roots of these authorities. Required.
	Trust *Trust
	// Now is the clock that genTime is compared with. Required.
	Now Clock
	// MaxSkew is the accepted distance between genTime and Now; 5 minutes if zero.
	MaxSkew time.Duration
	// Timeout is for one authority; 10 seconds if zero.
	Timeout time.Duration
	// Transport carries the requests; a clone of http.DefaultTransport if nil.
	Transport http.RoundTripper
	// OnFailure, if set, hears of each authority that failed even when a later
	// one delivered. It must not block.
	OnFailure func(url string, err error)
}

// TSAClient asks time-stamping authorities over HTTP (RFC 3161, 3.4). It is safe
// for concurrent use.
type TSAClient struct {
	opt    TSAClientOptions
	client *http.Client
}

// NewTSAClient checks its options; it contacts nobody.
func NewTSAClient(opt TSAClientOptions) (*TSAClient, error) {
	if len(opt.Endpoints) == 0 || opt.Trust == nil || opt.Now == nil {
		return nil, errors.New("certs: a time-stamping client needs an endpoint, trusted roots and a clock")
	}
	for _, e := range opt.Endpoints {
		req, err := http.NewRequest(http.MethodPost, e.URL, nil)
		if err != nil || req.URL.Host == "" || req.URL.Scheme != "http" && req.URL.Scheme != "https" {
			return nil, fmt.Errorf("certs: %q is not the address of a time-stamping authority", e.URL)
		}
	}
	if opt.MaxSkew == 0 {
		opt.MaxSkew = defaultTSASkew
	}
	if opt.Timeout == 0 {
		opt.Timeout = defaultTSATimeout
	}
	if opt.Transport == nil {
		opt.Transport = http.DefaultTransport.(*http.Transport).Clone()
	}
	return &TSAClient{opt: opt, client: &http.Client{Transport: opt.Transport, CheckRedirect: neverRedirect}}, nil
}

// neverRedirect hands back the 3xx itself: an authority that moved is for the
// administrator to change, not for the network to decide.
func neverRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Timestamp returns a verified token (ContentInfo, DER) over digest, made with
// h, from the first authority that delivers one. The error is
// [ErrTSAUnavailable] if trying again later may help, [ErrTSAInvalid] if some
// authority delivered an unacceptable token; both if both happened.
func (c *TSAClient) Timestamp(ctx context.Context, h crypto.Hash, digest []byte) ([]byte, error) {
	if err := checkHash(h); err != nil {
		return nil, err
	}
	if len(digest) != h.Size() {
		return nil, fmt.Errorf("certs: digest of %d bytes for %s", len(digest), h)
	}
	var failures []error
	for _, e := range c.opt.Endpoints {
		token, err := c.ask(ctx, e, h, digest)
		if err == nil {
			return token.Raw, nil
		}
		err = fmt.Errorf("%s: %w", e.URL, err)
		if c.opt.OnFailure != nil {
			c.opt.OnFailure(e.URL, err)
		}
		failures = append(failures, err)
		if ctx.Err() != nil {
			break // the caller gave up: the next authority would only fail likewise
		}
	}
	return nil, errors.Join(failures...)
}

// ask makes one request and verifies its answer.
func (c *TSAClient) ask(ctx context.Context, e TSAEndpoint, h crypto.Hash, digest []byte) (*Token, error) {
	nonce, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 64))
	if err != nil {
		return nil, fmt.Errorf("certs: drawing a nonce: %w", err)
	}
	query, err := (&timestamp.Request{
		HashAlgorithm: h, HashedMessage: digest, Certificates: true, Nonce: nonce, TSAPolicyOID: e.Policy,
	}).Marshal()
	if err != nil {
		return nil, fmt.Errorf("certs: encoding the time-stamp request: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, c.opt.Timeout)
	defer cancel()
	before := c.opt.Now()
	reply, err := c.post(ctx, e, query)
	if err != nil {
		return nil, err
	}
	raw, err := tokenOf(reply)
	if err != nil {
		return nil, err
	}
	token, err := VerifyToken(raw, Expect{Hash: h, Digest: digest, Nonce: nonce, Policy: e.Policy, Trust: c.opt.Trust})
	if err != nil {
		return nil, err
	}
	if token.Time.Before(before.Add(-c.opt.MaxSkew)) || token.Time.After(c.opt.Now().Add(c.opt.MaxSkew)) {
		return nil, fmt.Errorf("%w: time %s is too far from our clock", ErrTSAInvalid, token.Time.Format(time.RFC3339))
	}
	return token, nil
}

func (c *TSAClient) post(ctx context.Context, e TSAEndpoint, query []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.URL, bytes.NewReader(query))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTSAUnavailable, err)
	}
	for k, v := range e.Header {
		req.Header[k] = v
	}
	req.Header.Set("Content-Type", "application/timestamp-query")
	resp, err := c.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTSAUnavailable, err)
	}
	defer func() { _ = resp.Body.Close() }()
	// Sigstore's authority answers 201.
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusCreated {
		return nil, fmt.Errorf("%w: %s", ErrTSAUnavailable, resp.Status)
	}
	// A page of a proxy or a captive portal is no token.
	if t, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); t != "application/timestamp-reply" {
		return nil, fmt.Errorf("%w: answer of type %q", ErrTSAUnavailable, t)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxTSAReply+1))
	if err != nil {
		return nil, fmt.Errorf("%w: reading the answer: %w", ErrTSAUnavailable, err)
	}
	if len(body) > maxTSAReply {
		return nil, fmt.Errorf("%w: answer above %d bytes", ErrTSAInvalid, maxTSAReply)
	}
	return body, nil
}

// tokenOf takes the token out of a TimeStampResp (RFC 3161, 2.4.2). A refusal by
// the authority delivers no token, hence [ErrTSAUnavailable] with its reason.
func tokenOf(reply []byte) ([]byte, error) {
	var resp struct {
		Status struct {
			Status int
			Text   []asn1.RawValue `asn1:"optional"`
			Fail   asn1.BitString  `asn1:"optional"`
		}
		Token asn1.RawValue `asn1:"optional"`
	}
	if err := unmarshalAll(reply, &resp); err != nil {
		return nil, fmt.Errorf("%w: TimeStampResp: %w", ErrTSAInvalid, err)
	}
	const granted, grantedWithMods = 0, 1
	if s := resp.Status.Status; s != granted && s != grantedWithMods {
		return nil, fmt.Errorf("%w: refused with status %d, failure %s %s",
			ErrTSAUnavailable, s, failures(resp.Status.Fail), texts(resp.Status.Text))
	}
	if len(resp.Token.FullBytes) == 0 {
		return nil, fmt.Errorf("%w: granted without a token", ErrTSAInvalid)
	}
	return resp.Token.FullBytes, nil
}

// failures names the bits of PKIFailureInfo.
func failures(bits asn1.BitString) string {
	names := ""
	for i := range bits.BitLength {
		if bits.At(i) != 0 {
			names += timestamp.FailureInfo(i).String() + "; "
		}
	}
	return fmt.Sprintf("%q", names)
}

// texts shows the free text of the authority, quoted: it comes from outside.
func texts(list []asn1.RawValue) string {
	out := ""
	for _, t := range list {
		out += fmt.Sprintf("%.200q ", t.Bytes)
	}
	return out
}
