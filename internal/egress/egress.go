// Package egress makes HTTP clients for addresses that somebody else chose:
// a certificate, an administrator of a town, a provider of signatures.
//
// Such an address must not become a way into the network that the server
// stands in (server-side request forgery). A client made here
//
//   - asks https only, unless plain http is expected or the host is on the
//     operator's allow-list;
//   - resolves the name once, refuses every address that is not on the public
//     Internet unless allow-listed, and connects to the very address that it
//     checked: a name that changes its answer in between (DNS rebinding) gains
//     nothing;
//   - follows no redirect, or a few that pass the same checks and never leave
//     https for http;
//   - bounds time, header and body.
//
// It must not be used for addresses that the operator wrote on the command
// line for this very purpose (a database, an S3 store).
//
// # Failure handling
//
// It fails closed. What it will not do is [ErrRefused], before any byte is
// sent; a longer answer than accepted is [ErrTooLarge], when it is read. The
// rest are the errors of net/http, and trying again later may help.
package egress

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

// Errors of a client. Match them with errors.Is, through the url.Error of net/http.
var (
	// ErrRefused: the address is not one that may be asked.
	ErrRefused = errors.New("egress: address refused")
	// ErrTooLarge: the answer is longer than the client accepts.
	ErrTooLarge = errors.New("egress: answer too large")
)

// Defaults of Options.
const (
	DefaultTimeout = 10 * time.Second
	DefaultMaxBody = 1 << 20

	dialTimeout = 5 * time.Second
	maxHeader   = 64 << 10
)

// A Resolver answers the addresses of a name. *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Options configures [NewClient]. The zero value asks public https addresses only.
type Options struct {
	// Allow is the operator's list: private addresses and plain http are
	// accepted for what is on it.
	Allow Allow
	// OnlyAllowed refuses everything that is not on the list.
	OnlyAllowed bool
	// PlainHTTP accepts http for every public host: for OCSP and revocation
	// lists, whose answers are signed.
	PlainHTTP bool
	// Redirects is how many redirects are followed; 0 hands back the 3xx itself.
	Redirects int
	// Timeout is for a whole request, body included; DefaultTimeout if zero.
	Timeout time.Duration
	// MaxBody is the longest answer in bytes; DefaultMaxBody if zero.
	MaxBody int64
	// Proxy is the outgoing proxy, such as http.ProxyFromEnvironment; none if
	// nil. A proxy resolves names itself: private names are then its to
	// refuse, and only literal addresses are checked here.
	Proxy func(*http.Request) (*url.URL, error)
	// Resolver answers names; the system's if nil.
	Resolver Resolver
	// TLS is cloned; the system's roots and TLS 1.2 or newer if nil.
	TLS *tls.Config
}

// NewClient makes a client. It is safe for concurrent use, as every
// http.Client is, and keeps no cookies.
func NewClient(opt Options) *http.Client {
	if opt.Timeout == 0 {
		opt.Timeout = DefaultTimeout
	}
	if opt.MaxBody == 0 {
		opt.MaxBody = DefaultMaxBody
	}
	if opt.Resolver == nil {
		opt.Resolver = net.DefaultResolver
	}
	g := &guard{opt: opt, dialer: &net.Dialer{Timeout: min(opt.Timeout, dialTimeout)}}
	tlsConfig := &tls.Config{MinVersion: tls.VersionTLS12}
	if opt.TLS != nil {
		tlsConfig = opt.TLS.Clone()
	}
	g.transport = &http.Transport{
		DialContext: g.dial, Proxy: opt.Proxy, TLSClientConfig: tlsConfig, ForceAttemptHTTP2: true,
		TLSHandshakeTimeout: dialTimeout, ResponseHeaderTimeout: opt.Timeout, MaxResponseHeaderBytes: maxHeader,
		MaxIdleConnsPerHost: 2, MaxConnsPerHost: 16, IdleConnTimeout: time.Minute,
	}
	if opt.Proxy != nil {
		g.transport.DialContext = g.dialer.DialContext // to the proxy, which the operator chose
	}
	return &http.Client{Transport: g, CheckRedirect: g.redirect, Timeout: opt.Timeout}
}

// A guard is the transport of a client.
type guard struct {
	opt       Options
	dialer    *net.Dialer
	transport *http.Transport
}

// strictKey marks a request whose address must be on the allow-list.
type strictKey struct{}

// RoundTrip implements http.RoundTripper.
func (g *guard) RoundTrip(req *http.Request) (*http.Response, error) {
	strict, err := g.check(req.URL)
	if err != nil {
		if req.Body != nil {
			_ = req.Body.Close() // the contract of RoundTripper
		}
		return nil, err
	}
	if strict {
		req = req.WithContext(context.WithValue(req.Context(), strictKey{}, true))
	}
	resp, err := g.transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	resp.Body = &bounded{ReadCloser: resp.Body, left: g.opt.MaxBody}
	return resp, nil
}

// CloseIdleConnections lets http.Client close what it keeps open.
func (g *guard) CloseIdleConnections() { g.transport.CloseIdleConnections() }

// check judges an address before any name is resolved. strict says that the
// resolved address has to be on the allow-list.
func (g *guard) check(u *url.URL) (strict bool, err error) {
	if u.Scheme != "https" && u.Scheme != "http" {
		return false, fmt.Errorf("%w: scheme %q", ErrRefused, u.Scheme)
	}
	if u.Hostname() == "" || u.User != nil {
		return false, fmt.Errorf("%w: %q has no host, or names a user", ErrRefused, u.Redacted())
	}
	if g.opt.Allow.Host(u.Hostname(), portOf(u)) {
		return false, nil
	}
	strict = g.opt.OnlyAllowed || u.Scheme == "http" && !g.opt.PlainHTTP
	ip, err := netip.ParseAddr(u.Hostname())
	switch {
	case err == nil:
		return strict, g.address(ip, strict)
	case strict && (g.opt.Proxy != nil || !g.opt.Allow.networks()):
		return false, fmt.Errorf("%w: %s is neither https nor allowed", ErrRefused, u.Redacted())
	}
	return strict, nil
}

// address judges a resolved address.
func (g *guard) address(ip netip.Addr, strict bool) error {
	switch {
	case g.opt.Allow.Address(ip):
		return nil
	case strict:
		return fmt.Errorf("%w: %s is not on the allow-list", ErrRefused, ip)
	case !Public(ip):
		return fmt.Errorf("%w: %s is not a public address", ErrRefused, ip)
	}
	return nil
}

// dial resolves, checks, and connects to what was checked.
func (g *guard) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("%w: %q", ErrRefused, address)
	}
	ips, err := g.resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	strict, _ := ctx.Value(strictKey{}).(bool)
	vouched := g.opt.Allow.Host(host, port)
	failure := fmt.Errorf("%w: %s has no address", ErrRefused, host)
	for _, ip := range ips {
		if !vouched {
			if err := g.address(ip, strict); err != nil {
				failure = fmt.Errorf("%s: %w", host, err)
				continue
			}
		}
		conn, err := g.dialer.DialContext(ctx, network, net.JoinHostPort(ip.String(), port))
		if err == nil {
			return conn, nil
		}
		failure = err
	}
	return nil, failure
}

func (g *guard) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip.Unmap()}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	found, err := g.opt.Resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, fmt.Errorf("resolve %s: %w", host, err)
	}
	for i := range found {
		found[i] = found[i].Unmap()
	}
	return found, nil
}

// redirect follows as many as the options say, each checked like the first
// address, and never from https to http.
func (g *guard) redirect(req *http.Request, via []*http.Request) error {
	if len(via) > g.opt.Redirects {
		if g.opt.Redirects == 0 {
			return http.ErrUseLastResponse
		}
		return fmt.Errorf("%w: more than %d redirects", ErrRefused, g.opt.Redirects)
	}
	if via[len(via)-1].URL.Scheme == "https" && req.URL.Scheme != "https" {
		return fmt.Errorf("%w: redirect from https to %s", ErrRefused, req.URL.Scheme)
	}
	return nil
}

// bounded is a body that refuses to be longer than accepted.
type bounded struct {
	io.ReadCloser
	left int64
}

// Read implements io.Reader.
func (b *bounded) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if int64(n) > b.left {
		n, err = int(b.left), ErrTooLarge
	}
	b.left -= int64(n)
	return n, err
}

func portOf(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}
