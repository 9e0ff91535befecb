package certs

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"parapheur/internal/egress"
)

// checkCRL verifies a list and that it may speak about cert (RFC 5280, 6.3):
// signed by the issuer, fresh, complete, not reserved to other certificates.
func checkCRL(list *x509.RevocationList, cert, issuer *x509.Certificate, now time.Time) error {
	if !bytes.Equal(list.RawIssuer, issuer.RawSubject) {
		return errors.New("made by another authority")
	}
	if err := list.CheckSignatureFrom(issuer); err != nil {
		return err
	}
	if list.ThisUpdate.After(now.Add(clockTolerance)) || !list.NextUpdate.After(now) {
		return fmt.Errorf("list of %s is not fresh", list.ThisUpdate.Format(time.RFC3339))
	}
	for _, e := range list.Extensions {
		if e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 28}) {
			if err := checkDistributionPoint(e.Value, cert); err != nil {
				return err
			}
		} else if e.Critical { // a delta list, among others
			return fmt.Errorf("unknown critical extension %s", e.Id)
		}
	}
	return nil
}

// checkDistributionPoint reads issuingDistributionPoint (RFC 5280, 5.2.5).
func checkDistributionPoint(der []byte, cert *x509.Certificate) error {
	var idp struct {
		Point     asn1.RawValue  `asn1:"optional,tag:0"`
		OnlyUsers bool           `asn1:"optional,tag:1"`
		OnlyCAs   bool           `asn1:"optional,tag:2"`
		Reasons   asn1.BitString `asn1:"optional,tag:3"`
		Indirect  bool           `asn1:"optional,tag:4"`
		OnlyAttrs bool           `asn1:"optional,tag:5"`
	}
	if err := unmarshalAll(der, &idp); err != nil {
		return fmt.Errorf("issuing distribution point: %w", err)
	}
	switch {
	case idp.Indirect, idp.OnlyAttrs, idp.Reasons.BitLength > 0:
		return errors.New("indirect or partial list")
	case idp.OnlyUsers && cert.IsCA, idp.OnlyCAs && !cert.IsCA:
		return errors.New("list of other certificates")
	}
	return nil
}

// egressOptions says where opt allows to go: to signed answers, hence over http
// too, through a few redirects.
func (opt RevocationOptions) egressOptions() (egress.Options, error) {
	out := egress.Options{
		Allow: opt.Allow, PlainHTTP: true, Redirects: 3, Timeout: opt.Timeout, MaxBody: maxCRL, Proxy: opt.Proxy, OnlyAllowed: len(opt.AllowHosts) > 0,
	}
	var err error
	if out.OnlyAllowed {
		out.Allow, err = egress.ParseAllow(strings.Join(opt.AllowHosts, ","))
	}
	return out, err
}

// newGuardedClient makes a client that only goes where opt allows.
func newGuardedClient(opt RevocationOptions) (*http.Client, error) {
	guarded, err := opt.egressOptions()
	if err != nil {
		return nil, err
	}
	if opt.Transport == nil {
		return egress.NewClient(guarded), nil
	}
	return &http.Client{
		Transport: opt.Transport, Timeout: opt.Timeout,
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			if len(via) > guarded.Redirects {
				return errors.New("too many redirects")
			}
			return egress.CheckURL(req.URL.String(), guarded)
		},
	}, nil
}

// fetch makes one bounded request.
func (r *Revocation) fetch(ctx context.Context, method, address, contentType string, body []byte, limit int64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, r.opt.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if r.opt.Transport != nil { // else the client checks, the resolved address too
		guarded, err := r.opt.egressOptions()
		if err == nil {
			err = egress.CheckURL(address, guarded)
		}
		if err != nil {
			return nil, err
		}
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // read to its end, or given up
	if resp.StatusCode != http.StatusOK {
		return nil, errors.New(resp.Status)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("answer above %d bytes", limit)
	}
	return data, nil
}
