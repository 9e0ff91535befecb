package wiring

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"parapheur/certs"
	"parapheur/dossiers"
	"parapheur/internal/keyring"
	"parapheur/signing"
)

// level is what letters are sealed at on this node.
func (s *System) level(tsa signing.Timestamper) signing.Level {
	switch {
	case s.cfg.Level != nil:
		return *s.cfg.Level
	case tsa == nil:
		return signing.BB
	}
	return signing.BLTA
}

// verify is the verdict on a signed letter before it becomes visible.
func (s *System) verify(ctx context.Context, pdf io.ReaderAt, size, came int64, least signing.Level) (*signing.Report, error) {
	return judge(ctx, pdf, size, came, least, signing.CheckOptions{Roots: s.Roots(), At: s.cfg.Now()})
}

// judge wants every signature that was put here to hold, at that level or
// above, and those that the letter came with to be untouched: they may be of
// an authority that we do not know.
func judge(ctx context.Context, pdf io.ReaderAt, size, came int64, least signing.Level, opt signing.CheckOptions) (*signing.Report, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	report, err := signing.Check(pdf, size, opt)
	if err != nil {
		return nil, err
	}
	for _, r := range report.Reasons {
		if r.Verdict() != signing.Valid {
			return nil, fmt.Errorf("the letter: %v", r.Code)
		}
	}
	ours := 0
	for _, sig := range report.Signatures {
		theirs := sig.CameWith(came)
		if sig.Verdict == signing.Invalid || sig.Verdict == signing.Unknown && !theirs {
			return nil, fmt.Errorf("signature %s, verdict %v: %v", sig.Field, sig.Verdict, sig.Reasons)
		}
		if theirs || sig.Kind != signing.KindSignature {
			continue
		}
		if ours++; !sig.Reaches(least) {
			return nil, fmt.Errorf("signature %s is %s, not %s: %v", sig.Field, sig.Level, least, sig.Reasons)
		}
	}
	if ours == 0 {
		return nil, errors.New("no signature was put here")
	}
	return report, nil
}

// revocation returns who proves that certificates were not revoked: the network
// and, for the demonstration's, its services in this process.
func (s *System) revocation() (evidence, error) {
	out := evidence{}
	var err error
	if out.online, err = certs.NewRevocation(certs.RevocationOptions{Now: s.cfg.Now, AllowHosts: s.cfg.RevocationHosts, Proxy: outgoing()}); err != nil {
		return out, err
	}
	if s.Demo == nil {
		return out, nil
	}
	base, err := url.Parse(s.cfg.DemoURL)
	if err != nil {
		return out, fmt.Errorf("address of the demonstration PKI: %w", err)
	}
	out.root = s.Demo.Root()
	out.demo, err = certs.NewRevocation(certs.RevocationOptions{
		Now: s.cfg.Now, AllowHosts: []string{base.Host}, Transport: inProcess{s.Demo.Handler(), s.cfg.Breakdown},
	})
	return out, err
}

// outgoing is the proxy that the environment names, or nil: behind a proxy the
// addresses that are asked cannot be told private from public.
func outgoing() func(*http.Request) (*url.URL, error) {
	anywhere := &http.Request{URL: &url.URL{Scheme: "http", Host: "ocsp.example"}}
	if u, err := http.ProxyFromEnvironment(anywhere); u == nil && err == nil {
		return nil
	}
	return http.ProxyFromEnvironment
}

// evidence is a signing.EvidenceSource in the words of dossiers.
type evidence struct {
	online, demo *certs.Revocation
	root         *x509.Certificate // of the demonstration, or nil
}

var (
	_ signing.EvidenceSource = evidence{}
	_ keyring.Revocations    = evidence{}
)

// Collect implements signing.EvidenceSource.
func (e evidence) Collect(ctx context.Context, paths [][]*x509.Certificate, at time.Time) (out signing.Evidence, err error) {
	for _, path := range paths {
		got, err := e.of(path).Collect(ctx, [][]*x509.Certificate{path}, at)
		if errors.Is(err, certs.ErrRevoked) {
			err = fmt.Errorf("%w: %w", dossiers.ErrRevoked, err)
		}
		if err != nil {
			return signing.Evidence{}, err
		}
		out.Certs, out.OCSPs, out.CRLs = append(out.Certs, got.Certs...), append(out.OCSPs, got.OCSPs...), append(out.CRLs, got.CRLs...)
	}
	return out, nil
}

// of is who knows about a path: the demonstration about its own.
func (e evidence) of(path []*x509.Certificate) *certs.Revocation {
	if e.root != nil && path[len(path)-1].Equal(e.root) {
		return e.demo
	}
	return e.online
}

// Known implements keyring.Revocations.
func (e evidence) Known(ctx context.Context, path []*x509.Certificate, at time.Time) error {
	return e.of(path).Known(ctx, path, at)
}

// Prefetch implements keyring.Revocations.
func (e evidence) Prefetch(ctx context.Context, path []*x509.Certificate) error {
	return e.of(path).Prefetch(ctx, path)
}

// inProcess answers requests with a handler of this process: the demonstration
// asks itself about revocation, wherever it is published.
type inProcess struct {
	handler   http.Handler
	breakdown func(path string) error
}

// RoundTrip implements http.RoundTripper.
func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	if p.breakdown != nil {
		if err := p.breakdown(r.URL.Path); err != nil {
			return nil, err
		}
	}
	w := &answer{header: http.Header{}, status: http.StatusOK}
	p.handler.ServeHTTP(w, r)
	return &http.Response{
		Status: http.StatusText(w.status), StatusCode: w.status, Proto: r.Proto, ProtoMajor: r.ProtoMajor, ProtoMinor: r.ProtoMinor,
		Header: w.header, Body: io.NopCloser(&w.body), ContentLength: int64(w.body.Len()), Request: r,
	}, nil
}

// answer is an http.ResponseWriter that keeps what is written.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// Write implements http.ResponseWriter.
func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) { a.status = status }
