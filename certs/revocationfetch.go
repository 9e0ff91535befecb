package certs

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"syscall"
	"time"
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

// newGuardedClient makes a client that only goes where opt allows.
func newGuardedClient(opt RevocationOptions) *http.Client {
	dialer := &net.Dialer{Timeout: opt.Timeout}
	if len(opt.AllowHosts) == 0 && opt.Proxy == nil {
		// After resolution, so that a public name for a private address is caught too.
		dialer.Control = func(_, address string, _ syscall.RawConn) error { return publicOnly(address) }
	}
	transport := opt.Transport
	if transport == nil {
		transport = &http.Transport{DialContext: dialer.DialContext, Proxy: opt.Proxy, MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute}
	}
	return &http.Client{
		Transport: transport,
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			if len(via) > 3 {
				return errors.New("too many redirects")
			}
			return checkAddress(req.URL, opt)
		},
	}
}

// publicOnly refuses an address, already resolved, that is not on the public Internet.
func publicOnly(address string) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("certs: %q is no address", address)
	}
	ip := ap.Addr().Unmap()
	shared := netip.MustParsePrefix("100.64.0.0/10") // RFC 6598
	if !ip.IsGlobalUnicast() || ip.IsPrivate() || shared.Contains(ip) {
		return fmt.Errorf("certs: %s is not a public address", ip)
	}
	return nil
}

// checkAddress is the guard that needs no connection: scheme, allowed hosts and,
// behind a proxy that resolves for us, no literal private address.
func checkAddress(u *url.URL, opt RevocationOptions) error {
	if u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("certs: scheme %q not supported", u.Scheme)
	}
	if len(opt.AllowHosts) > 0 {
		if !slices.Contains(opt.AllowHosts, u.Host) && !slices.Contains(opt.AllowHosts, u.Hostname()) {
			return fmt.Errorf("certs: host %q is not among the allowed ones", u.Host)
		}
		return nil
	}
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil {
		return publicOnly(netip.AddrPortFrom(ip, 0).String())
	}
	return nil
}

// fetch makes one bounded request.
func (r *Revocation) fetch(ctx context.Context, method, address, contentType string, body []byte, limit int64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, r.opt.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if err := checkAddress(req.URL, r.opt); err != nil {
		return nil, err
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
