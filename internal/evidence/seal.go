package evidence

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"strings"

	"parapheur/signing"
)

// seal verifies the signature of the town over the manifest.
func (v *verification) seal(manifest []byte) {
	p := v.rep.Package
	p.Sealed = v.manifest.Sealed
	der, there := v.zip.files[fileSeal]
	switch {
	case !v.manifest.Sealed && !there:
		v.rep.add(unverifiable(SealMissing, fileManifest, ""))
		return
	case !there:
		v.rep.add(invalid(SealRemoved, fileSeal, ""))
		return
	case !v.manifest.Sealed:
		return // reported as a file that the manifest does not announce
	}
	rep, err := signing.VerifyDetached(der, manifest, v.opt.check())
	if err != nil {
		v.rep.add(invalid(SealInvalid, fileSeal, "%v", err))
		return
	}
	p.Seal = rep
	switch rep.Verdict {
	case signing.Valid:
	case signing.Invalid:
		v.rep.add(invalid(SealInvalid, fileSeal, "%s", codes(rep.Reasons)))
		return
	case signing.Unknown:
		v.rep.add(unverifiable(SealUntrusted, fileSeal, "%s", codes(rep.Reasons)))
	}
	if rep.Timestamp == nil {
		v.rep.add(remark(SealUndated, fileSeal, ""))
	}
	v.sealOwner(der, manifest)
}

// sealOwner compares the legal person of the certificate with the town.
func (v *verification) sealOwner(der, manifest []byte) {
	s, err := signing.OpenDetached(der, bytes.NewReader(manifest))
	if err != nil {
		v.rep.add(invalid(SealInvalid, fileSeal, "%v", err))
		return
	}
	v.rep.add(v.ofTown(fileSeal, s.Certificate))
}

// ownSeal wants the seal in the letter to be that of the town.
func (v *verification) ownSeal(subject string, der []byte) *Finding {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return unverifiable(SealOwner, subject, "%v", err)
	}
	return v.ofTown(subject, c)
}

// ofTown compares the legal person of a certificate with the town.
func (v *verification) ofTown(subject string, c *x509.Certificate) *Finding {
	siren := v.manifest.Tenant
	if len(siren) == 14 {
		siren = siren[:9]
	}
	switch id := organisation(c); {
	case id == "":
		return unverifiable(SealOwner, subject, "%s", c.Subject)
	case id != siren:
		return invalid(SealOfAnother, subject, "SIREN %s", id)
	}
	return nil
}

// organisation is the SIREN of a certificate's organizationIdentifier, « NTRFR-690123100 » (EN 319 412-1, 5.1.4), or of
// its SIRET in the form of the RGS, « 0002 69012310000011 »; empty when there is none.
func organisation(c *x509.Certificate) string {
	identifier, unit := asn1.ObjectIdentifier{2, 5, 4, 97}, asn1.ObjectIdentifier{2, 5, 4, 11}
	for _, a := range c.Subject.Names {
		s, ok := a.Value.(string)
		if !ok {
			continue
		}
		for _, prefix := range []string{"NTRFR-", "SI:FR-"} {
			if rest, found := strings.CutPrefix(s, prefix); found && a.Type.Equal(identifier) {
				return rest[:min(9, len(rest))]
			}
		}
		if rest, found := strings.CutPrefix(s, "0002 "); found && a.Type.Equal(unit) && len(rest) >= 9 {
			return rest[:9]
		}
	}
	return ""
}

// codes joins the findings of package signing.
func codes(reasons []signing.Reason) string {
	out := make([]string, 0, len(reasons))
	for _, r := range reasons {
		s := string(r.Code)
		if r.Detail != "" {
			s += " (" + r.Detail + ")"
		}
		out = append(out, s)
	}
	return strings.Join(out, ", ")
}
