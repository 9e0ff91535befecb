// Package specimen says what makes a thing worth nothing: the marks of sandbox
// towns, and how they are read. Whatever a sandbox makes carries one of them
// inside what is signed or hashed:
//
//	town         its SIRET begins with a SIREN that INSEE gives to nobody,      in every statement, enrolment,
//	             and is the identity of the town for good                       manifest, and in the genesis of its journal
//	certificate  a critical extension that no program knows                     in the whole fake PKI, root included
//	passkey      the model (AAGUID) of the software authenticator               in its attestation and its enrolment (package proof)
//
// None can be taken off without another thing being signed: that is why they
// were chosen. A program that never heard of them refuses the certificates all
// the same, since RFC 5280 (4.2) has it refuse a critical extension that it
// does not know, even under a root that somebody made it trust.
//
// It must not decide what follows from a mark: the packages that verify do. It
// reads no clock, does no input or output, and cannot fail.
package specimen

import (
	"crypto/x509"
	"encoding/asn1"
	"slices"
	"strings"
)

// French names, in one sentence without a period, whatever carries a mark.
const French = "Spécimen du bac à sable : sans valeur"

// Organisation stands in the subject of every certificate of a sandbox, where
// readers of a signed letter see it.
const Organisation = "SPÉCIMEN — SANS VALEUR"

// SIREN begins the SIRET of every sandbox and of no organisation: it is no
// number that INSEE gives.
const SIREN = "000000000"

// Town reports whether a SIRET is that of a sandbox: proof.OfSandbox, for those
// that know no proofs.
func Town(siret string) bool { return strings.HasPrefix(siret, SIREN) }

// Extension is the critical extension of the certificates of a sandbox. Its
// arc is under the number that RFC 5612 reserves for examples.
func Extension() asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 32473, 2717, 10}
}

// Certificate reports whether c carries the mark, in any of the forms that its
// issuer gave it.
func Certificate(c *x509.Certificate) bool {
	if slices.ContainsFunc(slices.Concat(c.Subject.Organization, c.Issuer.Organization), named) {
		return true
	}
	for _, e := range c.Extensions {
		if e.Id.Equal(Extension()) {
			return true
		}
	}
	return false
}

func named(organisation string) bool {
	return strings.Contains(strings.ToUpper(organisation), Organisation)
}

// Accepted returns c as a verification of the sandbox itself reads it: the mark
// is known to it. Any other critical extension stays unknown. A certificate
// without the mark is returned as nil, so that a sandbox trusts nothing real.
func Accepted(c *x509.Certificate) *x509.Certificate {
	if !Certificate(c) {
		return nil
	}
	out := *c
	out.UnhandledCriticalExtensions = slices.DeleteFunc(slices.Clone(c.UnhandledCriticalExtensions), Extension().Equal)
	return &out
}
