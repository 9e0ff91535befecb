package signing

import (
	"crypto/x509"
	"encoding/asn1"
)

// Identifiers of the statements of qualified certificates (ETSI EN 319 412-5, 4.2.3) and of the
// attributes of natural persons (X.520).
var (
	oidStatements     = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 3}
	oidStatementType  = asn1.ObjectIdentifier{0, 4, 0, 1862, 1, 6}
	oidForSignatures  = asn1.ObjectIdentifier{0, 4, 0, 1862, 1, 6, 1}
	oidForSeals       = asn1.ObjectIdentifier{0, 4, 0, 1862, 1, 6, 2}
	oidOrganisationID = asn1.ObjectIdentifier{2, 5, 4, 97}
	oidsOfPersons     = []asn1.ObjectIdentifier{{2, 5, 4, 4}, {2, 5, 4, 42}, {2, 5, 4, 65}} // surname, givenName, pseudonym
)

// IsSeal reports whether a certificate is that of an organisation, whose signatures are seals and are
// never those of a person: it says so by its type (EN 319 412-5, id-etsi-qct-eseal), or without a type
// by an organization identifier and no name of a person (EN 319 412-3, 4.2.1). A nil certificate is no
// seal.
func IsSeal(c *x509.Certificate) bool {
	if c == nil {
		return false
	}
	if seal, person := statedTypes(c); seal || person {
		return seal && !person
	}
	organisation, person := false, false
	for _, a := range c.Subject.Names {
		organisation = organisation || a.Type.Equal(oidOrganisationID)
		for _, oid := range oidsOfPersons {
			person = person || a.Type.Equal(oid)
		}
	}
	return organisation && !person
}

// statedTypes reads the statements of a qualified certificate; what cannot be read states nothing.
func statedTypes(c *x509.Certificate) (seal, person bool) {
	for _, e := range c.Extensions {
		if !e.Id.Equal(oidStatements) {
			continue
		}
		var statements []struct {
			ID   asn1.ObjectIdentifier
			Info asn1.RawValue `asn1:"optional"`
		}
		if rest, err := asn1.Unmarshal(e.Value, &statements); err != nil || len(rest) > 0 {
			continue
		}
		for _, s := range statements {
			var types []asn1.ObjectIdentifier
			if !s.ID.Equal(oidStatementType) {
				continue
			}
			if _, err := asn1.Unmarshal(s.Info.FullBytes, &types); err != nil {
				continue
			}
			for _, t := range types {
				seal, person = seal || t.Equal(oidForSeals), person || t.Equal(oidForSignatures)
			}
		}
	}
	return seal, person
}
