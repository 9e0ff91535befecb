package certs

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"golang.org/x/crypto/ocsp"

	"parapheur/internal/egress"
)

const (
	maxOCSPReply = 64 << 10 // real ones have 1 to 3 KB
	maxCRL       = 32 << 20 // the largest public lists have some 20 MB

	defaultRevocationTimeout = 10 * time.Second
	// ocspWithoutEnd is how long an answer without nextUpdate is taken as fresh.
	ocspWithoutEnd = time.Hour
	// clockTolerance is for responders whose clock is ahead of ours.
	clockTolerance = 5 * time.Minute
	// maxResponderDepth bounds the evidence about a responder about a responder.
	maxResponderDepth = 2
)

// RevocationOptions configures [NewRevocation].
type RevocationOptions struct {
	// Now is the clock against which freshness is judged. Required.
	Now Clock
	// AllowHosts are the only hosts asked, if not empty, as "host" or "host:port";
	// they may lie in a private network. If empty, any public address is asked:
	// certificates, hence strangers, choose these addresses (see package egress).
	AllowHosts []string
	// Allow are private hosts and networks that may be asked beside the public
	// ones: the authority of a department, on its own network.
	Allow egress.Allow
	// Proxy is the outgoing proxy, such as http.ProxyFromEnvironment; none if nil.
	Proxy func(*http.Request) (*url.URL, error)
	// Timeout is for one request; 10 seconds if zero.
	Timeout time.Duration
	// Transport carries the requests instead of connections to public addresses,
	// for authorities that answer in this process. AllowHosts still holds.
	Transport http.RoundTripper
}

// Evidence is what proves, years later and offline, that no certificate of a
// path was revoked (PAdES-LT, EN 319 142-1, 5.4). All of it is DER.
type Evidence struct {
	// Certs are the certificates needed: the paths and the OCSP responders'.
	Certs []*x509.Certificate
	// OCSPs are complete OCSP responses.
	OCSPs [][]byte
	// CRLs are complete lists.
	CRLs [][]byte
}

// Revocation asks OCSP responders, then revocation lists, about the
// certificates of a path. It is safe for concurrent use and keeps verified answers
// in memory until their nextUpdate.
type Revocation struct {
	opt    RevocationOptions
	client *http.Client

	mu      sync.Mutex
	cache   map[string]cached    // by kind and address or certificate
	revoked map[string]time.Time // certificates whose last answer revoked them, by DER
}

type cached struct {
	der   []byte
	until time.Time
}

// NewRevocation checks its options; it contacts nobody.
func NewRevocation(opt RevocationOptions) (*Revocation, error) {
	if opt.Now == nil {
		return nil, errors.New("certs: a revocation client needs a clock")
	}
	if opt.Timeout == 0 {
		opt.Timeout = defaultRevocationTimeout
	}
	r := &Revocation{opt: opt, cache: map[string]cached{}, revoked: map[string]time.Time{}}
	var err error
	r.client, err = newGuardedClient(opt)
	return r, err
}

// Collect gathers evidence for every certificate of the paths but their last,
// which is the trusted root. Each path goes from a leaf to its root. at is the
// time the paths are judged at: now for a new signature, the time of the stamp
// for one that exists. [ErrRevoked] if a certificate was revoked by then;
// [ErrRevocationUnavailable] if the status of one cannot be had, in which case
// there is no partial result.
func (r *Revocation) Collect(ctx context.Context, paths [][]*x509.Certificate, at time.Time) (Evidence, error) {
	g := &gathering{r: r, at: at, done: map[string]bool{}}
	for _, path := range paths {
		for i, cert := range path {
			g.addCert(cert)
			if i+1 == len(path) {
				break
			}
			if err := g.certificate(ctx, cert, path[i+1], 0); err != nil {
				return Evidence{}, err
			}
		}
	}
	return g.out, nil
}

// gathering is one Collect under way.
type gathering struct {
	r    *Revocation
	at   time.Time
	done map[string]bool // certificates already proven, by DER
	out  Evidence
	// offline takes answers from the cache only.
	offline bool
}

// errNotCached is why an offline gathering has no answer.
var errNotCached = errors.New("no answer in the cache")

func (g *gathering) addCert(c *x509.Certificate) {
	if !slices.ContainsFunc(g.out.Certs, c.Equal) {
		g.out.Certs = append(g.out.Certs, c)
	}
}

func addDER(list [][]byte, der []byte) [][]byte {
	if slices.ContainsFunc(list, func(b []byte) bool { return slices.Equal(b, der) }) {
		return list
	}
	return append(list, der)
}

// certificate proves one certificate: OCSP by POST, by GET, then its lists.
func (g *gathering) certificate(ctx context.Context, cert, issuer *x509.Certificate, depth int) error {
	if g.done[string(cert.Raw)] {
		return nil
	}
	failures := []error{fmt.Errorf("%w: %s", ErrRevocationUnavailable, cert.Subject)}
	for _, address := range cert.OCSPServer {
		err := g.byOCSP(ctx, address, cert, issuer, depth)
		if err == nil || errors.Is(err, ErrRevoked) {
			g.done[string(cert.Raw)] = err == nil
			return err
		}
		failures = append(failures, err)
	}
	for _, address := range cert.CRLDistributionPoints {
		err := g.byCRL(ctx, address, cert, issuer)
		if err == nil || errors.Is(err, ErrRevoked) {
			g.done[string(cert.Raw)] = err == nil
			return err
		}
		failures = append(failures, err)
	}
	if len(failures) == 1 {
		failures = append(failures, errors.New("the certificate names neither OCSP responder nor list"))
	}
	return errors.Join(failures...)
}

func (g *gathering) byOCSP(ctx context.Context, address string, cert, issuer *x509.Certificate, depth int) error {
	der, err := g.r.ocsp(ctx, address, cert, issuer, g.offline)
	if err != nil {
		return fmt.Errorf("OCSP %s: %w", address, err)
	}
	answer, err := ocsp.ParseResponseForCert(der, cert, issuer)
	if err != nil {
		return fmt.Errorf("OCSP %s: %w", address, err)
	}
	if answer.Status == ocsp.Revoked && !answer.RevokedAt.After(g.at) {
		g.r.noteStatus(cert, answer.RevokedAt)
		return fmt.Errorf("%w since %s: %s", ErrRevoked, answer.RevokedAt.Format(time.RFC3339), cert.Subject)
	}
	if answer.Certificate != nil && !answer.Certificate.Equal(issuer) {
		if err := g.responder(ctx, answer.Certificate, issuer, depth); err != nil {
			// Not %w: a revoked responder does not make the signatory revoked.
			return fmt.Errorf("OCSP %s: responder: %v", address, err)
		}
	}
	if !g.offline {
		g.r.noteStatus(cert, time.Time{})
	}
	g.out.OCSPs = addDER(g.out.OCSPs, der)
	return nil
}

// responder keeps the certificate of a delegated responder and, unless it says
// id-pkix-ocsp-nocheck, proves it in turn.
func (g *gathering) responder(ctx context.Context, responder, issuer *x509.Certificate, depth int) error {
	if !hasExtension(responder, oidOCSPNoCheck) {
		if depth >= maxResponderDepth {
			return errors.New("too many responders vouching for each other")
		}
		if err := g.certificate(ctx, responder, issuer, depth+1); err != nil {
			return err
		}
	}
	g.addCert(responder)
	return nil
}

func (g *gathering) byCRL(ctx context.Context, address string, cert, issuer *x509.Certificate) error {
	der, err := g.r.crl(ctx, address, cert, issuer, g.offline)
	if err != nil {
		return fmt.Errorf("list %s: %w", address, err)
	}
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		return fmt.Errorf("list %s: %w", address, err)
	}
	for _, e := range list.RevokedCertificateEntries {
		if e.SerialNumber.Cmp(cert.SerialNumber) == 0 && !e.RevocationTime.After(g.at) {
			g.r.noteStatus(cert, e.RevocationTime)
			return fmt.Errorf("%w since %s: %s", ErrRevoked, e.RevocationTime.Format(time.RFC3339), cert.Subject)
		}
	}
	g.out.CRLs = addDER(g.out.CRLs, der)
	return nil
}

// remembered returns a cached answer that is still fresh.
func (r *Revocation) remembered(key string) ([]byte, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c, ok := r.cache[key]
	if ok && !c.until.After(r.opt.Now()) {
		delete(r.cache, key)
		ok = false
	}
	return c.der, ok
}

func (r *Revocation) remember(key string, der []byte, until time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.opt.Now()
	for k, c := range r.cache { // a few dozen entries: the authorities of one country
		if !c.until.After(now) {
			delete(r.cache, k)
		}
	}
	r.cache[key] = cached{der: der, until: until}
}

// ocsp returns a verified, fresh answer about cert, good or revoked.
func (r *Revocation) ocsp(ctx context.Context, address string, cert, issuer *x509.Certificate, offline bool) ([]byte, error) {
	key := "ocsp " + string(cert.Raw)
	if der, ok := r.remembered(key); ok {
		return der, nil
	}
	if offline {
		return nil, errNotCached
	}
	query, err := ocsp.CreateRequest(cert, issuer, nil)
	if err != nil {
		return nil, fmt.Errorf("encoding the request: %w", err)
	}
	der, answer, until, err := r.askOCSP(ctx, http.MethodPost, address, query, cert, issuer)
	if err != nil && ctx.Err() == nil {
		// Some responders, and most caches before them, serve GET only.
		first := err
		if der, answer, until, err = r.askOCSP(ctx, http.MethodGet, address, query, cert, issuer); err != nil {
			return nil, errors.Join(first, err)
		}
	}
	if err != nil {
		return nil, err
	}
	if answer.Status == ocsp.Good { // a revocation may be a suspension: always asked again
		r.remember(key, der, until)
	}
	return der, nil
}

// askOCSP asks once and verifies the answer. By GET the request is part of the
// address (RFC 6960, A.1).
func (r *Revocation) askOCSP(ctx context.Context, method, address string, query []byte, cert, issuer *x509.Certificate) (der []byte, answer *ocsp.Response, until time.Time, err error) {
	if method == http.MethodGet {
		u, err := url.Parse(address)
		if err != nil {
			return nil, nil, until, err
		}
		u = u.JoinPath(url.PathEscape(base64.StdEncoding.EncodeToString(query)))
		der, err = r.fetch(ctx, method, u.String(), "", nil, maxOCSPReply)
		if err != nil {
			return nil, nil, until, err
		}
	} else if der, err = r.fetch(ctx, method, address, "application/ocsp-request", query, maxOCSPReply); err != nil {
		return nil, nil, until, err
	}
	if answer, err = ocsp.ParseResponseForCert(der, cert, issuer); err != nil {
		return nil, nil, until, err
	}
	until, err = checkOCSP(answer, issuer, r.opt.Now())
	return der, answer, until, err
}

// checkOCSP adds what x/crypto/ocsp leaves to its caller: the status is known,
// the answer fresh, and a delegated responder entitled by the very issuer of the
// certificate (RFC 6960, 4.2.2.2).
func checkOCSP(answer *ocsp.Response, issuer *x509.Certificate, now time.Time) (until time.Time, err error) {
	if answer.Status != ocsp.Good && answer.Status != ocsp.Revoked {
		return until, errors.New("status unknown to the responder")
	}
	until = answer.NextUpdate
	if until.IsZero() {
		until = answer.ThisUpdate.Add(ocspWithoutEnd)
	}
	if answer.ThisUpdate.After(now.Add(clockTolerance)) || !until.After(now) {
		return until, fmt.Errorf("answer of %s is not fresh", answer.ThisUpdate.Format(time.RFC3339))
	}
	c := answer.Certificate
	if c == nil || c.Equal(issuer) {
		return until, nil
	}
	if err := c.CheckSignatureFrom(issuer); err != nil {
		return until, fmt.Errorf("responder's certificate: %w", err)
	}
	if !slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning) {
		return until, errors.New("responder's certificate is not for OCSP")
	}
	return until, checkValidity(c, now)
}

// crl returns a verified, fresh list that speaks about cert.
func (r *Revocation) crl(ctx context.Context, address string, cert, issuer *x509.Certificate, offline bool) ([]byte, error) {
	key := "crl " + address + "\x00" + string(issuer.RawSubjectPublicKeyInfo)
	der, ok := r.remembered(key)
	if !ok {
		if offline {
			return nil, errNotCached
		}
		var err error
		if der, err = r.fetch(ctx, http.MethodGet, address, "", nil, maxCRL); err != nil {
			return nil, err
		}
	}
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		return nil, err
	}
	if err := checkCRL(list, cert, issuer, r.opt.Now()); err != nil {
		return nil, err
	}
	r.remember(key, der, list.NextUpdate)
	return der, nil
}

func hasExtension(c *x509.Certificate, id []int) bool {
	for _, e := range c.Extensions {
		if slices.Equal(e.Id, id) {
			return true
		}
	}
	return false
}

// Prefetch has the evidence about a path in the cache before it is needed. The
// path goes from a leaf to its root. The error is that of [Revocation.Collect].
func (r *Revocation) Prefetch(ctx context.Context, path []*x509.Certificate) error {
	_, err := r.Collect(ctx, [][]*x509.Certificate{path}, r.opt.Now())
	return err
}

// Known judges a path from the cache alone and contacts nobody: nil when fresh
// answers say that nothing of it is revoked, [ErrRevoked] when an authority
// said so the last time, [ErrRevocationUnavailable] when an answer is missing.
func (r *Revocation) Known(ctx context.Context, path []*x509.Certificate, at time.Time) error {
	g := &gathering{r: r, at: at, done: map[string]bool{}, offline: true}
	for i, cert := range path {
		if since, ok := r.saidRevoked(cert); ok {
			return fmt.Errorf("%w since %s: %s", ErrRevoked, since.Format(time.RFC3339), cert.Subject)
		}
		if i+1 == len(path) {
			break
		}
		if err := g.certificate(ctx, cert, path[i+1], 0); err != nil {
			return err
		}
	}
	return nil
}

// saidRevoked is when the last answer about a certificate revoked it.
func (r *Revocation) saidRevoked(c *x509.Certificate) (time.Time, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	since, ok := r.revoked[string(c.Raw)]
	return since, ok
}

// noteStatus remembers that a certificate is revoked, or no longer: a revocation
// may have been a suspension. Zero means that it is not.
func (r *Revocation) noteStatus(c *x509.Certificate, since time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if since.IsZero() {
		delete(r.revoked, string(c.Raw))
		return
	}
	r.revoked[string(c.Raw)] = since
}
