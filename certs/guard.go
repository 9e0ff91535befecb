package certs

import (
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"slices"
	"strings"

	"parapheur/internal/specimen"
)

// DemoMarker stands in the organisation of every demonstration certificate, so
// that any reader of the signed letter sees it in the signature panel.
const DemoMarker = "DEMO - SANS VALEUR"

// Object identifiers of the demonstration PKI. They lie under the private
// enterprise number that RFC 5612 reserves for examples: no real authority can
// be using them.
//
//nolint:gochecknoglobals // constants; Go has no constant slices
var (
	oidDemoExtension = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 32473, 2717, 1}
	oidDemoPolicy    = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 32473, 2717, 2}
	oidDemoTSAPolicy = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 32473, 2717, 3}
)

// Guard keeps demonstration certificates out of production, specimens out of
// every real town, and real certificates out of sandboxes. Its zero value
// refuses the first two; only the demo command sets AllowDemo.
type Guard struct {
	// AllowDemo accepts certificates of the demonstration PKI.
	AllowDemo bool
	// Sandbox accepts the specimens of sandbox towns, and nothing else: a key
	// that is worth something never signs there.
	Sandbox bool
}

// Check returns [ErrDemoPKI] if one certificate carries a mark of the
// demonstration PKI: organisation of subject or issuer, policy, or extension.
// One mark is enough, so that a certificate edited to lose the visible one is
// still refused. [ErrSpecimen] is for a specimen outside a sandbox, and for
// anything else inside.
func (g Guard) Check(chain ...*x509.Certificate) error {
	for _, c := range chain {
		if specimen.Certificate(c) != g.Sandbox {
			return fmt.Errorf("%w: %s", ErrSpecimen, c.Subject)
		}
	}
	if g.AllowDemo {
		return nil
	}
	for _, c := range chain {
		if IsDemo(c) {
			return fmt.Errorf("%w: %s", ErrDemoPKI, c.Subject)
		}
	}
	return nil
}

// IsDemo reports whether the certificate carries a mark of the demonstration PKI.
func IsDemo(c *x509.Certificate) bool {
	for _, o := range slices.Concat(c.Subject.Organization, c.Issuer.Organization) {
		if strings.Contains(strings.ToUpper(o), DemoMarker) {
			return true
		}
	}
	for _, p := range c.PolicyIdentifiers {
		if p.Equal(oidDemoPolicy) || p.Equal(oidDemoTSAPolicy) {
			return true
		}
	}
	for _, e := range c.Extensions {
		if e.Id.Equal(oidDemoExtension) {
			return true
		}
	}
	return false
}

// read gives c as a verification under this guard reads it: a sandbox knows the
// critical extension of its specimens, and nobody else does.
func (g Guard) read(c *x509.Certificate) *x509.Certificate {
	if !g.Sandbox {
		return c
	}
	if known := specimen.Accepted(c); known != nil {
		return known
	}
	return c
}
