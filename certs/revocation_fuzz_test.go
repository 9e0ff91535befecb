package certs

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net/http"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"
)

// anything answers every request with the same bytes.
type anything []byte

// RoundTrip implements http.RoundTripper.
func (a anything) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Status: "200 OK", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(a)), ContentLength: int64(len(a)),
	}, nil
}

// FuzzRevocation: no answer of a responder or of a list server crashes the client, takes it long, or is
// kept as evidence unless the authority signed it.
func FuzzRevocation(f *testing.F) {
	now := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	make := func(c *x509.Certificate, by *x509.Certificate, key *ecdsa.PrivateKey, public *ecdsa.PublicKey) *x509.Certificate {
		c.NotBefore, c.NotAfter, c.SerialNumber = now.AddDate(-1, 0, 0), now.AddDate(1, 0, 0), big.NewInt(77)
		der, err := x509.CreateCertificate(rand.Reader, c, by, public, key)
		if err != nil {
			f.Fatal(err)
		}
		out, err := x509.ParseCertificate(der)
		if err != nil {
			f.Fatal(err)
		}
		return out
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	ca := &x509.Certificate{Subject: pkix.Name{CommonName: "Autorité"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign}
	issuer := make(ca, ca, key, &key.PublicKey)
	leaf := make(&x509.Certificate{
		Subject:    pkix.Name{CommonName: "Maire"},
		OCSPServer: []string{"http://pki.exemple.fr/ocsp"}, CRLDistributionPoints: []string{"http://pki.exemple.fr/liste.crl"},
	}, issuer, key, &key.PublicKey)
	answer, err := ocsp.CreateResponse(issuer, issuer, ocsp.Response{Status: ocsp.Good, SerialNumber: leaf.SerialNumber, ThisUpdate: now, NextUpdate: now.Add(time.Hour)}, key)
	if err != nil {
		f.Fatal(err)
	}
	list, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: now, NextUpdate: now.Add(time.Hour)}, issuer, key)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range [][]byte{answer, list, answer[:len(answer)/2], list[:len(list)/2], {0x30, 0x80}, nil} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := NewRevocation(RevocationOptions{Now: func() time.Time { return now }, AllowHosts: []string{"pki.exemple.fr"}, Transport: anything(body)})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		e, err := r.Collect(t.Context(), [][]*x509.Certificate{{leaf, issuer}}, now)
		if took := time.Since(start); took > 2*time.Second {
			t.Fatalf("took %v", took)
		}
		if err != nil {
			return
		}
		for _, der := range e.OCSPs {
			if _, err := ocsp.ParseResponseForCert(der, leaf, issuer); err != nil {
				t.Errorf("kept an answer that nobody signed: %v", err)
			}
		}
		for _, der := range e.CRLs {
			l, err := x509.ParseRevocationList(der)
			if err != nil || l.CheckSignatureFrom(issuer) != nil {
				t.Errorf("kept a list that nobody signed: %v", err)
			}
		}
	})
}
