package evidence

import (
	"errors"
	"strings"
	"time"

	"parapheur/approvals/proof"
	"parapheur/circuits"
)

// decisions verifies each decision that the journal recorded.
func (v *verification) decisions() {
	var previous proof.Digest
	for i := range v.rep.Decisions {
		if v.rep.Decisions[i].Automatic {
			continue // its evidence is the circuit, which the replay of the journal compared
		}
		v.decision(i, previous)
		previous = proof.Digest(v.rep.Decisions[i].Evidence)
	}
}

// decision verifies decision i against the journal, the letter and the enrolments.
func (v *verification) decision(i int, previous proof.Digest) {
	d := &v.rep.Decisions[i]
	ev, f := v.evidence(i)
	if f != nil {
		v.rep.add(f)
		return
	}
	v.rep.add(v.laidOut(d, ev), v.reason(i, ev), v.outside(i))
	want := proof.Expect{RPID: v.about.Tenant.RPID, Origin: v.about.Tenant.Origin, Previous: &previous}
	var known bool
	if want.Enrolment, known = v.chain[ev.EnrolmentSHA256]; !known {
		v.rep.add(invalid(EnrolmentUnknown, d.Folder, "%s", ev.EnrolmentSHA256))
	}
	want.Document, f = v.document(d)
	v.rep.add(f)
	rep, err := proof.Verify(ev, want)
	if err != nil {
		v.refused(d, known, err)
	}
	if rep.Statement.Schema != "" {
		d.Delegation = rep.Statement.Delegation
		v.rep.add(v.statement(i, rep.Statement))
	}
	received := ev.ReceivedAt.Time()
	d.ReceivedAt = &received
	if d.At.Before(received.Add(-clockSkew)) {
		v.rep.add(invalid(DecisionTime, d.Folder, "received %s, recorded %s", received.Format(time.RFC3339), d.At.Format(time.RFC3339)))
	}
	if rep.Algorithm != 0 && rep.Enrolment.Schema != "" {
		d.Key = &KeyReport{
			Algorithm: rep.Algorithm.String(), KeySHA256: rep.Enrolment.COSEKeySHA256, AAGUID: rep.AAGUID,
			Attestation: rep.AttestationTrust, BackupEligible: rep.Flags.BackupEligible(), Enrolment: ev.EnrolmentSHA256,
			EnrolledAt: rep.Enrolment.IssuedAt.Time(), EnrolledBy: rep.Enrolment.EnrolledBy, IdentityCheck: rep.Enrolment.IdentityCheck,
		}
	}
}

// refused reports what package proof did not accept. A document that is not at hand was reported where it was looked for.
func (v *verification) refused(d *DecisionReport, enrolled bool, err error) {
	var failure *proof.Failure
	if !errors.As(err, &failure) {
		v.rep.add(invalid(DecisionMalformed, d.Folder, "%v", err))
		return
	}
	if failure.Reason == proof.MissingDocument || failure.Reason == proof.MissingEnrolment && !enrolled {
		return
	}
	v.rep.add(finding(failure.Outcome, Code(failure.Reason), d.Folder, "%s", failure.Detail))
}

// evidence reads the evidence of decision i, which must be the one that the journal names.
func (v *verification) evidence(i int) (proof.Evidence, *Finding) {
	d := v.rep.Decisions[i]
	name := d.Folder + "/" + fileEvidence
	raw, f := v.zip.read(name)
	if f != nil {
		return proof.Evidence{}, f
	}
	if digest := circuits.Digest(proof.SHA256(raw)); digest != d.Evidence {
		for k, other := range v.rep.Decisions {
			if other.Evidence == digest {
				return proof.Evidence{}, invalid(DecisionMisplaced, name, "that of decision %d", k+1)
			}
		}
		return proof.Evidence{}, invalid(DecisionDiffers, name, "%s, journal: %s", digest, d.Evidence)
	}
	ev, err := proof.ParseEvidence(raw)
	if err != nil {
		return ev, invalid(DecisionMalformed, name, "%v", err)
	}
	return ev, nil
}

// laidOut compares the files made for people and for openssl with the evidence.
func (v *verification) laidOut(d *DecisionReport, ev proof.Evidence) *Finding {
	files, err := ev.Files()
	if err != nil {
		return invalid(DecisionMalformed, d.Folder, "%v", err)
	}
	known := map[string]bool{d.Folder + "/" + fileEvidence: true, d.Folder + "/" + fileReason: true, d.Folder + "/" + fileProof: d.Outside != nil}
	for _, f := range files {
		name := d.Folder + "/" + f.Name
		known[name] = true
		if b, ok := v.zip.files[name]; !ok || string(b) != string(f.Content) {
			return invalid(DecisionFiles, name, "")
		}
	}
	for _, name := range v.zip.order {
		if within(name, d.Folder) && !known[name] {
			return invalid(EntryExtra, name, "no part of a decision")
		}
	}
	return nil
}

// outside checks the proof of an act done outside: the one that the journal names, handed in for it, when it is in the
// package.
func (v *verification) outside(i int) *Finding {
	d := &v.rep.Decisions[i]
	if d.Outside == nil {
		return nil
	}
	if v.manifest.Schema != schemaManifestBare {
		v.rep.add(v.filed(d, v.fold.acts[i].seq))
	}
	name := d.Folder + "/" + fileProof
	raw, there := v.zip.files[name]
	switch {
	case !there:
		return remark(ProofAbsent, d.Folder, "%s", d.Outside.Proof)
	case circuits.Digest(proof.SHA256(raw)) != d.Outside.Proof:
		return invalid(ProofDiffers, name, "journal: %s", d.Outside.Proof)
	}
	return nil
}

// reason checks what was written with a decision: that of the journal, in the package, under the digest that was approved.
func (v *verification) reason(i int, ev proof.Evidence) *Finding {
	d, text := v.rep.Decisions[i], v.fold.acts[i].said()
	name := d.Folder + "/" + fileReason
	st, err := proof.ParseStatement(ev.Statement)
	if err != nil {
		return nil // reported by proof.Verify
	}
	switch raw, there := v.zip.files[name]; {
	case text == "" && st.ReasonSHA256.IsZero():
		return nil
	case text == "":
		return unverifiable(ReasonMissing, name, "%s", st.ReasonSHA256)
	case !there:
		return invalid(EntryMissing, name, "")
	case string(raw) != text || proof.SHA256(raw) != st.ReasonSHA256:
		return invalid(ReasonDiffers, name, "approved: %s", st.ReasonSHA256)
	}
	return nil
}

// document finds what was approved among the first bytes of the letter. The document of an earlier version is not at
// hand: then the journal alone says which it was.
func (v *verification) document(d *DecisionReport) (*proof.Document, *Finding) {
	if d.Version != v.version && d.Version != v.fold.state.Version {
		f := remark(EarlierVersion, d.Folder, "version %d, %s", d.Version, d.Document)
		return &proof.Document{SHA256: proof.Digest(d.Document), Bytes: d.Bytes}, f
	}
	if v.letter == nil {
		return nil, nil // reported once, about the letter
	}
	digest, ok := v.prefixes[d.Bytes]
	if !ok || d.Version != v.version {
		return nil, unverifiable(Code(proof.MissingDocument), d.Folder, "%d bytes approved, the letter has %d", d.Bytes, v.size)
	}
	return &proof.Document{SHA256: proof.Digest(digest), Bytes: d.Bytes}, nil
}

// statement compares what was approved with what the journal recorded.
func (v *verification) statement(i int, st proof.Statement) *Finding {
	d := v.rep.Decisions[i]
	differs := ""
	switch {
	case st.Tenant != v.about.Tenant.SIRET:
		differs = "tenant"
	case st.Dossier != v.about.Dossier.ID:
		differs = "dossier"
	case st.Version != d.Version:
		differs = "version"
	case circuits.Digest(st.DocSHA256) != d.Document || st.DocBytes != d.Bytes:
		differs = "document"
	case circuits.Digest(st.CircuitSHA256) != d.Circuit:
		differs = "circuit"
	case st.Step != string(d.StepID):
		differs = "step"
	case st.Decision != d.Verdict:
		differs = "decision"
	case st.Actor != string(d.Person):
		differs = "actor"
	case st.Quality != d.Quality:
		differs = "quality"
	case !d.grounded(st.Delegation):
		differs = "delegation"
	case st.AnnexRoot != rootOf(v.fold.acts[i].annexes):
		differs = "annexes"
	}
	if differs == "" {
		return nil
	}
	return invalid(DecisionStatement, d.Folder, "%s", differs)
}

// grounded says whether the act that somebody approved to rest on is the ground that the journal of the dossier recorded. It
// names a delegation by its identifier and the statement by its number: that both are the same is compared with the journal
// of the town (mandates).
func (d *DecisionReport) grounded(ground string) bool {
	switch {
	case d.For == nil:
		return ground == ""
	case d.For.Mandate == circuits.Delegated:
		return ground != ""
	}
	return d.For.Reference != "" && strings.Contains(ground, d.For.Reference)
}

// rootOf is annexRoot over digests.
func rootOf(digests []circuits.Digest) proof.Digest {
	list := make([]Annex, len(digests))
	for i, d := range digests {
		list[i].SHA256 = d
	}
	return annexRoot(list)
}
