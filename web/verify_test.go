package web

import (
	"encoding/json"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"parapheur/approvals/proof"
	"parapheur/dossiers"
	"parapheur/internal/evidence"
	"parapheur/signing"
)

// sampleVerification is a letter signed and dated, alone.
func sampleVerification() *dossiers.Verification {
	stamp := at(23, 12, 47)
	return &dossiers.Verification{Report: &evidence.Report{
		Schema: evidence.SchemaReport, Outcome: proof.Valid, VerifiedAt: at(23, 15, 2), Findings: []evidence.Finding{},
		Letter: &evidence.LetterReport{Bytes: 210004, SHA256: digest(0x44), Check: &signing.Report{
			Verdict: signing.Valid, Size: 210004, Revisions: []signing.RevisionReport{{Index: 0, End: 184212}, {Index: 1, End: 210004, Signatures: []string{"Signature1"}}},
			Signatures: []signing.SignatureReport{{
				Verdict: signing.Valid, Level: "PAdES-BASELINE-T", Kind: signing.KindSignature, Field: "Signature1", Revision: 1, CoversWholeFile: true,
				Name: "Hélène Garnier", Certificate: &signing.CertificateReport{
					Subject: "CN=Hélène Garnier,O=Ville de Saint-Aubin-sur-Loire,C=FR", Issuer: "CN=AC Collectivités Qualifiée,O=Autorité,C=FR",
					NotBefore: at(1, 0, 0), NotAfter: at(1, 0, 0).AddDate(3, 0, 0), Trusted: true,
				},
				Timestamp: &signing.TimestampReport{Time: stamp, Authority: "Horodatage Qualifié", Certificate: signing.CertificateReport{Trusted: true}},
			}},
		}},
	}}
}

// withEvidence adds the decisions of a package.
func withEvidence(v *dossiers.Verification) *dossiers.Verification {
	raw, err := os.ReadFile("../internal/evidence/testdata/journey/rapport.json")
	if err != nil {
		panic(err)
	}
	var rep evidence.Report
	if err := json.Unmarshal(raw, &rep); err != nil {
		panic(err)
	}
	v.Tenant, v.Dossier, v.Package, v.Decisions = rep.Tenant, rep.Dossier, rep.Package, rep.Decisions
	v.Package.Seal = &signing.SignatureReport{Verdict: signing.Valid, Name: "Ville de Saint-Aubin-sur-Loire"}
	return v
}

func altered() *dossiers.Verification {
	v := sampleVerification()
	v.Outcome = proof.Invalid
	v.Findings = []evidence.Finding{{Code: evidence.SignatureInvalid, Outcome: proof.Invalid, Subject: "letter#1", Detail: "object_modified"}}
	c := v.Letter.Check
	c.Verdict, c.Signatures[0].Verdict, c.Signatures[0].CoversWholeFile = signing.Invalid, signing.Invalid, false
	why := signing.Reason{Code: signing.ObjectModified, Revision: 2, Object: 12, Role: "content"}
	c.Signatures[0].Reasons = []signing.Reason{why}
	c.Revisions = append(c.Revisions, signing.RevisionReport{Index: 2, End: 214000, Changes: []signing.Reason{why}})
	return v
}

func untrusted() *dossiers.Verification {
	v := sampleVerification()
	v.Outcome = proof.Unverifiable
	v.Findings = []evidence.Finding{{Code: evidence.SignatureUnknown, Outcome: proof.Unverifiable, Subject: "letter#1", Detail: "signer_untrusted"}}
	c := v.Letter.Check
	c.Verdict, c.Signatures[0].Verdict, c.Signatures[0].Timestamp = signing.Unknown, signing.Unknown, nil
	c.Signatures[0].Reasons = []signing.Reason{{Code: signing.SignerUntrusted}}
	claimed := at(20, 9, 0)
	c.Signatures[0].ClaimedTime, c.Signatures[0].Level = &claimed, "PAdES-BASELINE-B"
	return v
}

func unsigned() *dossiers.Verification {
	v := sampleVerification()
	v.Outcome = proof.Unverifiable
	v.Findings = []evidence.Finding{{Code: evidence.SignatureAbsent, Outcome: proof.Unverifiable, Subject: "letter"}}
	v.Letter.Check = &signing.Report{Verdict: signing.Unknown, Revisions: v.Letter.Check.Revisions[:1], Reasons: []signing.Reason{{Code: signing.NoSignature}}}
	return v
}

func demonstration(v *dossiers.Verification) *dossiers.Verification {
	v.Demonstration = true
	return v
}

// ofSandbox is what a sandbox signed, as anybody verifies it.
func ofSandbox(v *dossiers.Verification) *dossiers.Verification {
	v.Specimen = true
	v.Findings = append([]evidence.Finding{{Code: evidence.Specimen, Outcome: proof.Unverifiable}}, v.Findings...)
	for i := range v.Letter.Check.Signatures {
		s := &v.Letter.Check.Signatures[i]
		s.Reasons = append(s.Reasons, signing.Reason{Code: signing.Specimen})
	}
	return v
}

// verifySamples are the verdicts worth looking at.
func verifySamples() map[string]*verdict {
	c := sampleNow()
	otherPackage := withEvidence(sampleVerification())
	otherPackage.Outcome = proof.Invalid
	otherPackage.Findings = []evidence.Finding{{Code: evidence.LetterUnknown, Outcome: proof.Invalid, Subject: "letter"}}
	unreadable := unsigned()
	unreadable.Letter.Check = nil
	return map[string]*verdict{
		"valable":       newVerdict(sampleVerification(), "Lettre-2026-1147.pdf", c),
		"preuve":        newVerdict(withEvidence(sampleVerification()), "Lettre-2026-1147.pdf", c),
		"demonstration": newVerdict(demonstration(withEvidence(sampleVerification())), "Lettre-2026-1147.pdf", c),
		"specimen":      newVerdict(ofSandbox(untrusted()), "Lettre-2026-1147.pdf", c),
		"specimen-faux": newVerdict(ofSandbox(altered()), "Lettre-2026-1147.pdf", c),
		"modifiee":      newVerdict(altered(), "Lettre-2026-1147.pdf", c),
		"autre-preuve":  newVerdict(otherPackage, "Lettre-2026-1147.pdf", c),
		"inconnue":      newVerdict(untrusted(), strings.Repeat("Nom-de-fichier-tres-long-", 5)+".pdf", c),
		"sans":          newVerdict(unsigned(), "Lettre-2026-1147.pdf", c),
		"illisible":     newVerdict(unreadable, "", c),
	}
}

// TestOnlyValidLooksValid tries every pair of outcomes, and letters that nobody signed: green is for a valid report over a
// valid signature of somebody, not of a demonstration.
func TestOnlyValidLooksValid(t *testing.T) {
	t.Parallel()
	for _, outcome := range []proof.Outcome{proof.Valid, proof.Invalid, proof.Unverifiable, "", "autre"} {
		for _, check := range []signing.Verdict{signing.Valid, signing.Invalid, signing.Unknown, ""} {
			for _, kind := range []signing.Kind{signing.KindSignature, signing.KindDocumentTimestamp, ""} {
				for _, demo := range []bool{false, true} {
					v := sampleVerification()
					v.Outcome, v.Letter.Check.Verdict, v.Letter.Check.Signatures[0].Kind, v.Demonstration = outcome, check, kind, demo
					want := outcome == proof.Valid && check == signing.Valid && kind == signing.KindSignature && !demo
					got := newVerdict(v, "", sampleNow())
					if (got.Kind == "ok") != want || len(got.Holds) > 0 && !want || got.Heading == "" {
						t.Errorf("%q, %q, %q, demonstration %v: %s, %s", outcome, check, kind, demo, got.Kind, got.Heading)
					}
				}
			}
		}
	}
	for name, want := range map[string]string{
		"valable": "ok", "preuve": "ok", "demonstration": "unsure", "modifiee": "bad", "autre-preuve": "bad", "inconnue": "unsure", "sans": "unsure", "illisible": "unsure",
		"specimen": "unsure", "specimen-faux": "bad",
	} {
		if got := verifySamples()[name].Kind; got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

// TestSpecimenIsSaidFirst has what a sandbox signed say so in the heading, once,
// whatever the outcome claims.
func TestSpecimenIsSaidFirst(t *testing.T) {
	t.Parallel()
	const said = "Spécimen du bac à sable\u00a0: sans valeur"
	for _, outcome := range []proof.Outcome{proof.Valid, proof.Unverifiable, ""} {
		v := ofSandbox(untrusted())
		v.Outcome = outcome
		got := newVerdict(v, "", sampleNow())
		if got.Heading != said || got.Kind != "unsure" || len(got.Holds) > 0 {
			t.Errorf("%q: %s, %s", outcome, got.Kind, got.Heading)
		}
		for _, r := range got.Unknown {
			if strings.Contains(r.Title, "Spécimen") {
				t.Errorf("%q: said again: %s", outcome, r.Title)
			}
		}
	}
	if got := verifySamples()["specimen-faux"]; got.Heading != "Cette lettre n’est pas valide" || !got.Specimen {
		t.Errorf("altered: %s", got.Heading)
	}
}

// TestVerdictTellsWhatChanged reads the sentences about a letter that was altered after its signature.
func TestVerdictTellsWhatChanged(t *testing.T) {
	t.Parallel()
	v := newVerdict(altered(), "lettre.pdf", sampleNow())
	if len(v.Changes) != 1 || !strings.Contains(v.Changes[0], "modifié après la signature") || len(v.Fails) != 1 {
		t.Errorf("%q, %+v", v.Changes, v.Fails)
	}
	if got := v.Signatures[0]; got.Tag.Kind != "urgent" || len(got.Points) != 1 || !strings.Contains(got.Facts[2].Value, "état 2 sur 3") {
		t.Errorf("%+v", got)
	}
}

// TestFilesDrawNothing puts in a certificate and in a name what could draw another conclusion.
func TestFilesDrawNothing(t *testing.T) {
	t.Parallel()
	v := sampleVerification()
	s := &v.Letter.Check.Signatures[0]
	s.Name, s.Timestamp.Authority = "Hélène\u202eGarnier\x1b[2J\u2028", strings.Repeat("a", 5000)
	got := newVerdict(v, plain("lettre\u202efdp.exe"), sampleNow())
	all, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"\u202e", "\u001b", `\u2028`, strings.Repeat("a", 500)} {
		if strings.Contains(string(all), bad) {
			t.Errorf("%q goes through", bad[:1])
		}
	}
}

// TestVerifierIsBounded fills the room for files and asks too often.
func TestVerifierIsBounded(t *testing.T) {
	t.Parallel()
	f, now := newVerifier(), time.Unix(0, 0)
	var leaves []func()
	for i := range verifyHeld {
		leave, err := f.enter(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), now)
		if err != nil {
			t.Fatal(err)
		}
		leaves = append(leaves, leave)
	}
	if _, err := f.enter(netip.AddrFrom4([4]byte{198, 51, 100, 1}), now); err != errBusy { //nolint:errorlint // the very one
		t.Errorf("a full room: %v", err)
	}
	for _, leave := range leaves {
		leave()
	}
	refused := false
	for range verifyBurst + 1 {
		leave, err := f.enter(netip.AddrFrom4([4]byte{198, 51, 100, 2}), now)
		if err != nil {
			refused = err == errTooMany //nolint:errorlint // the very one
			break
		}
		leave()
	}
	if !refused {
		t.Error("one address may ask without end")
	}
}
