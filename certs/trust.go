package certs

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Trust is a fixed set of roots: for signatories, or for time-stamping
// authorities. It never holds a demonstration root outside the demonstration.
type Trust struct {
	roots         []*x509.Certificate
	pool          *x509.CertPool // read-only after NewTrust
	intermediates []*x509.Certificate
	guard         Guard
}

// NewTrust makes a store of roots. An empty one is an error: it would refuse
// everything. A demonstration root is [ErrDemoPKI] unless guard allows it.
func NewTrust(guard Guard, roots ...*x509.Certificate) (*Trust, error) {
	if len(roots) == 0 {
		return nil, errors.New("certs: a trust store needs at least one root")
	}
	if err := guard.Check(roots...); err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	for _, c := range roots {
		pool.AddCert(guard.read(c))
	}
	return &Trust{roots: slices.Clone(roots), pool: pool, guard: guard}, nil
}

// WithIntermediates returns a store that also knows these authorities. They are
// not trusted by themselves; they complete paths, because some time-stamping
// authorities put nothing but their own certificate in a token.
func (t *Trust) WithIntermediates(certs ...*x509.Certificate) (*Trust, error) {
	if err := t.guard.Check(certs...); err != nil {
		return nil, err
	}
	out := *t
	out.intermediates = slices.Concat(t.intermediates, certs)
	return &out, nil
}

// Roots returns the trusted certificates.
func (t *Trust) Roots() []*x509.Certificate { return slices.Clone(t.roots) }

// Pool returns the roots in the form that crypto/x509 wants.
func (t *Trust) Pool() *x509.CertPool { return t.pool.Clone() }

// Verify builds a path from leaf to a root at a given time (RFC 5280, 6) and
// returns it, leaf first, root last. others are untrusted certificates that may
// help. usage is the extended usage required of the path, [x509.ExtKeyUsageAny]
// for a signatory. Refusals: [ErrUntrusted], [ErrDemoPKI].
func (t *Trust) Verify(leaf *x509.Certificate, others []*x509.Certificate, at time.Time, usage x509.ExtKeyUsage) ([]*x509.Certificate, error) {
	inter := x509.NewCertPool()
	for _, c := range slices.Concat(others, t.intermediates) {
		inter.AddCert(t.guard.read(c))
	}
	paths, err := t.guard.read(leaf).Verify(x509.VerifyOptions{
		Roots: t.pool, Intermediates: inter, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{usage},
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrUntrusted, leaf.Subject, err)
	}
	path := slices.MinFunc(paths, func(a, b []*x509.Certificate) int { return len(a) - len(b) })
	if err := t.guard.Check(path...); err != nil {
		return nil, err
	}
	return path, nil
}

// ParseCertificates reads certificates in PEM (other blocks are ignored) or
// concatenated DER, as administrators upload them.
func ParseCertificates(data []byte) ([]*x509.Certificate, error) {
	if !bytes.Contains(data, []byte("-----BEGIN ")) {
		list, err := x509.ParseCertificates(data)
		if err != nil {
			return nil, fmt.Errorf("certs: reading DER certificates: %w", err)
		}
		return list, nil
	}
	var list []*x509.Certificate
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certs: reading PEM certificate %d: %w", len(list)+1, err)
		}
		list = append(list, c)
	}
	if len(list) == 0 {
		return nil, errors.New("certs: no certificate in the PEM file")
	}
	return list, nil
}
