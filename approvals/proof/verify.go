package proof

import "fmt"

// Document is what is known of the bytes that were approved.
type Document struct {
	SHA256 Digest
	Bytes  int64
}

// DocumentOf measures the bytes that were approved: all of a frozen document, or the first doc_bytes of the signed one.
func DocumentOf(b []byte) *Document { return &Document{SHA256: SHA256(b), Bytes: int64(len(b))} }

// Expect is what the verifier knows from elsewhere.
type Expect struct {
	// Document is the document at hand. Nil: the outcome is at best Unverifiable.
	Document *Document
	// Enrolment is the canonical enrolment of the key, which the verifier trusts or followed to its source (see
	// [VerifyEnrolments]). Nil: the outcome is at best Unverifiable, for the key vouches for itself alone.
	Enrolment []byte
	// RPID and Origin are those of the town. Empty: those that the evidence names, which the report gives.
	RPID   string
	Origin string
	// Sandbox says that a sandbox verifies its own decisions. For anybody else a specimen is at best Unverifiable.
	Sandbox bool
	// Previous is the digest of the evidence before in the dossier, zero for the first. Nil: not checked.
	Previous *Digest
}

// Check is one step of a verification, for a person to read.
type Check struct {
	// Name is a stable code: "evidence", "statement", "set", "inclusion", "document", "client_data", "authenticator_data", "signature",
	// "attestation", "registration", "enrolment", "specimen".
	Name string
	// Outcome is that of the step.
	Outcome Outcome
}

// Report is what a verification found. Fields after the first failure keep their zero values.
type Report struct {
	Outcome Outcome
	// Reason is empty when Outcome is Valid.
	Reason Reason
	// Checks are the steps made, in order; nothing is checked after a step that failed.
	Checks    []Check
	Statement Statement
	Set       Set
	// Enrolment is that given in Expect, once it is found to be that of the key.
	Enrolment Enrolment
	// RPID and Origin are those signed by the passkey.
	RPID, Origin string
	// Flags and SignCount are those of the gesture.
	Flags     Flags
	SignCount uint32
	Algorithm Algorithm
	// PublicKeyPEM is the key in the form that openssl reads.
	PublicKeyPEM []byte
	// AttestationFormat, AttestationTrust and AAGUID come from the registration.
	AttestationFormat string
	AttestationTrust  AttestationTrust
	AAGUID            AAGUID
	ReceivedAt        Instant
}

// Verify checks an evidence with nothing but its bytes and what the verifier expects. The error is nil when the outcome is
// Valid, otherwise a *Failure; the report is filled as far as the verification went.
func Verify(ev Evidence, want Expect) (Report, error) {
	v := &verification{ev: ev, want: want, rep: Report{ReceivedAt: ev.ReceivedAt}}
	for _, step := range []struct {
		name string
		run  func() *Failure
	}{
		{"evidence", v.evidence},
		{"statement", v.statement},
		{"set", v.set},
		{"inclusion", v.inclusion},
		{"document", v.document},
		{"client_data", v.clientData},
		{"authenticator_data", v.authenticatorData},
		{"signature", v.signature},
		{"attestation", v.attestation},
		{"registration", v.registration},
		{"enrolment", v.enrolment},
		{"specimen", v.specimen},
	} {
		f := step.run()
		if f == nil {
			v.rep.Checks = append(v.rep.Checks, Check{step.name, Valid})
			continue
		}
		v.rep.Checks = append(v.rep.Checks, Check{step.name, f.Outcome})
		if f.Outcome == Invalid || step.name == "evidence" {
			v.missing = f
			break
		}
		if v.missing == nil || f.Reason == Specimen { // which matters more than what is missing
			v.missing = f
		}
	}
	if v.missing == nil {
		v.rep.Outcome = Valid
		return v.rep, nil
	}
	v.rep.Outcome, v.rep.Reason = v.missing.Outcome, v.missing.Reason
	return v.rep, v.missing
}

// VerifyBytes is Verify for the canonical bytes of an evidence; bytes that are not such are Invalid.
func VerifyBytes(raw []byte, want Expect) (Report, error) {
	ev, err := ParseEvidence(raw)
	if err != nil {
		f := invalid(BadEvidence, "%v", err)
		return Report{Outcome: f.Outcome, Reason: f.Reason, Checks: []Check{{"evidence", Invalid}}}, f
	}
	return Verify(ev, want)
}

// verification is the state of one call of Verify; each method is one step and relies on those before it.
type verification struct {
	ev      Evidence
	want    Expect
	rep     Report
	missing *Failure
}

func invalid(r Reason, format string, args ...any) *Failure {
	return &Failure{Outcome: Invalid, Reason: r, Detail: fmt.Sprintf(format, args...)}
}

func missing(r Reason) *Failure { return &Failure{Outcome: Unverifiable, Reason: r} }

func (v *verification) evidence() *Failure {
	v.ev.normalise()
	if err := v.ev.check(); err != nil {
		return invalid(BadEvidence, "%v", err)
	}
	for _, b := range [][]byte{
		v.ev.Statement, v.ev.Set, v.ev.CredentialID, v.ev.COSEKey, v.ev.AuthenticatorData, v.ev.ClientDataJSON, v.ev.Signature,
	} {
		if len(b) == 0 {
			return missing(MissingEvidence)
		}
	}
	return nil
}

func (v *verification) statement() *Failure {
	s, err := ParseStatement(v.ev.Statement)
	if err != nil {
		return invalid(BadStatement, "%v", err)
	}
	v.rep.Statement = s
	if v.want.Previous != nil && *v.want.Previous != s.PrevSHA256 {
		return invalid(BadPrevious, "statement names %s", s.PrevSHA256)
	}
	return nil
}

func (v *verification) set() *Failure {
	s, err := ParseSet(v.ev.Set)
	if err != nil {
		return invalid(BadSet, "%v", err)
	}
	v.rep.Set = s
	st := v.rep.Statement
	switch {
	case s.Actor != st.Actor:
		return invalid(BadActor, "set by %q, statement by %q", s.Actor, st.Actor)
	case s.Count > st.Decision.MaxBatch():
		return invalid(BadBatch, "%d times %q", s.Count, st.Decision)
	case s.ExpiresAt.Time().Sub(s.IssuedAt.Time()) > MaxLifetime:
		return invalid(BadLifetime, "from %s to %s", s.IssuedAt, s.ExpiresAt)
	case st.IssuedAt != s.IssuedAt:
		return invalid(BadLifetime, "statement of %s in a set of %s", st.IssuedAt, s.IssuedAt)
	case v.ev.ReceivedAt < s.IssuedAt || v.ev.ReceivedAt > s.ExpiresAt:
		return invalid(BadReceived, "received at %s", v.ev.ReceivedAt)
	}
	return nil
}

func (v *verification) inclusion() *Failure {
	if !Includes(Leaf(v.ev.Statement), v.ev.LeafIndex, v.rep.Set.Count, v.ev.Path, v.rep.Set.MerkleRoot) {
		return invalid(BadInclusion, "leaf %d of %d", v.ev.LeafIndex, v.rep.Set.Count)
	}
	return nil
}

func (v *verification) document() *Failure {
	if v.want.Document == nil {
		return missing(MissingDocument)
	}
	if got, want := *v.want.Document, (Document{v.rep.Statement.DocSHA256, v.rep.Statement.DocBytes}); got != want {
		return invalid(BadDocument, "%d bytes, %s; approved: %d bytes, %s", got.Bytes, got.SHA256, want.Bytes, want.SHA256)
	}
	return nil
}

// clientData follows Web Authentication, 7.2, steps 10 to 14.
func (v *verification) clientData() *Failure {
	c, err := ParseClientData(v.ev.ClientDataJSON)
	if err != nil {
		return invalid(BadClientData, "%v", err)
	}
	switch {
	case c.Type != typeGet:
		return invalid(BadType, "%q", c.Type)
	case !c.answers(Challenge(v.ev.Set)):
		return invalid(BadChallenge, "the challenge is not the hash of the set")
	case c.CrossOrigin || c.TopOrigin != "":
		return invalid(BadCrossOrigin, "in a frame of %q", c.TopOrigin)
	case c.Origin != v.ev.Origin || v.want.Origin != "" && c.Origin != v.want.Origin || !OriginFits(c.Origin, v.ev.RPID):
		return invalid(BadOrigin, "%q", c.Origin)
	}
	v.rep.Origin = c.Origin
	return nil
}

// authenticatorData follows Web Authentication, 7.2, steps 15 to 18.
func (v *verification) authenticatorData() *Failure {
	a, err := ParseAuthenticatorData(v.ev.AuthenticatorData)
	if err != nil {
		return invalid(BadAuthenticatorData, "%v", err)
	}
	switch {
	case a.Credential != nil:
		return invalid(BadAuthenticatorData, "a new credential in an assertion")
	case v.ev.RPID != v.rep.Set.RPID || a.RPIDHash != SHA256([]byte(v.ev.RPID)) || v.want.RPID != "" && v.ev.RPID != v.want.RPID:
		return invalid(BadRPID, "%q", v.ev.RPID)
	case !a.Flags.UserPresent():
		return invalid(BadPresence, "flags %08b", a.Flags)
	case !a.Flags.UserVerified():
		return invalid(BadVerification, "flags %08b", a.Flags)
	case a.Flags.BackedUp() && !a.Flags.BackupEligible():
		return invalid(BadBackup, "backed up and not eligible")
	}
	v.rep.RPID, v.rep.Flags, v.rep.SignCount = v.ev.RPID, a.Flags, a.SignCount
	return nil
}

// signature follows Web Authentication, 7.2, steps 19 to 20.
func (v *verification) signature() *Failure {
	key, err := ParseKey(v.ev.COSEKey)
	if err != nil {
		return invalid(BadKey, "%v", err)
	}
	if !key.Verify(signedBytes(v.ev.AuthenticatorData, v.ev.ClientDataJSON), v.ev.Signature) {
		return invalid(BadSignature, "%s", key.Algorithm())
	}
	if v.rep.PublicKeyPEM, err = key.PEM(); err != nil {
		return invalid(BadKey, "%v", err)
	}
	v.rep.Algorithm = key.Algorithm()
	return nil
}

// attestation checks that the registration is that of the same key.
func (v *verification) attestation() *Failure {
	if len(v.ev.AttestationObject) == 0 {
		return missing(MissingAttestation)
	}
	a, err := ParseAttestation(v.ev.AttestationObject)
	if err != nil {
		return invalid(BadAttestation, "%v", err)
	}
	c := a.Data.Credential
	switch {
	case string(c.COSE) != string(v.ev.COSEKey) || string(c.ID) != string(v.ev.CredentialID):
		return invalid(BadAttestedKey, "key or identifier")
	case a.Data.RPIDHash != SHA256([]byte(v.ev.RPID)):
		return invalid(BadRegistrationRP, "registered for another name than %q", v.ev.RPID)
	case !a.Data.Flags.UserPresent() || !a.Data.Flags.UserVerified():
		return invalid(BadRegistrationUser, "flags %08b", a.Data.Flags)
	case a.Data.Flags.BackupEligible() != v.rep.Flags.BackupEligible():
		return invalid(BadBackup, "eligibility changed since the registration")
	}
	v.rep.AttestationFormat, v.rep.AAGUID = a.Format, c.AAGUID
	return nil
}

// registration checks what the browser said when the key was made, and the signature of the attestation over it.
func (v *verification) registration() *Failure {
	if len(v.ev.AttestationObject) == 0 || len(v.ev.RegistrationClientDataJSON) == 0 {
		return missing(MissingRegistrationClient)
	}
	c, err := ParseClientData(v.ev.RegistrationClientDataJSON)
	switch {
	case err != nil:
		return invalid(BadRegistrationClient, "%v", err)
	case c.Type != typeCreate || c.CrossOrigin || c.TopOrigin != "":
		return invalid(BadRegistrationClient, "type %q, in a frame of %q", c.Type, c.TopOrigin)
	case !OriginFits(c.Origin, v.ev.RPID):
		return invalid(BadRegistrationOrigin, "%q", c.Origin)
	}
	a, err := ParseAttestation(v.ev.AttestationObject)
	if err != nil {
		return invalid(BadAttestation, "%v", err)
	}
	if v.rep.AttestationTrust, err = a.Check(v.ev.RegistrationClientDataJSON); err != nil {
		return invalid(BadAttestationProof, "%v", err)
	}
	return nil
}

// specimen tells what was decided in a sandbox: its town, and the software authenticator of its test persons, are in what
// the passkey signed and in the enrolment of that passkey.
func (v *verification) specimen() *Failure {
	if v.want.Sandbox {
		return nil
	}
	model := v.rep.Enrolment.AAGUID
	if OfSandbox(v.rep.Statement.Tenant) || v.rep.AAGUID == SoftwareAAGUID() || model == SoftwareAAGUID() {
		return missing(Specimen)
	}
	return nil
}

// enrolment checks that the key was that of the actor when he decided.
func (v *verification) enrolment() *Failure {
	if len(v.want.Enrolment) == 0 || v.ev.EnrolmentSHA256.IsZero() {
		return missing(MissingEnrolment)
	}
	e, err := ParseEnrolment(v.want.Enrolment)
	if err != nil {
		return invalid(BadEnrolment, "%v", err)
	}
	st := v.rep.Statement
	switch {
	case EnrolmentDigest(v.want.Enrolment) != v.ev.EnrolmentSHA256:
		return invalid(BadEnrolmentDigest, "the evidence names %s", v.ev.EnrolmentSHA256)
	case e.Person != st.Actor || e.Tenant != st.Tenant:
		return invalid(BadEnrolmentPerson, "%q of %s", e.Person, e.Tenant)
	case e.COSEKeySHA256 != SHA256(v.ev.COSEKey) || e.CredentialIDSHA256 != SHA256(v.ev.CredentialID):
		return invalid(BadEnrolmentKey, "key or identifier")
	case e.BackupEligible != v.rep.Flags.BackupEligible():
		return invalid(BadEnrolmentKey, "backup eligibility")
	case e.IssuedAt > st.IssuedAt:
		return invalid(BadEnrolmentTime, "enrolled at %s, decided at %s", e.IssuedAt, st.IssuedAt)
	}
	if f := v.enrolledRegistration(e); f != nil {
		return f
	}
	v.rep.Enrolment = e
	return nil
}

// enrolledRegistration ties the enrolment to what the registration left, where that is at hand.
func (v *verification) enrolledRegistration(e Enrolment) *Failure {
	if len(v.ev.AttestationObject) != 0 &&
		(e.AttestationObjectSHA256 != SHA256(v.ev.AttestationObject) || e.AAGUID != v.rep.AAGUID) {
		return invalid(BadEnrolmentKey, "attestation")
	}
	if len(v.ev.RegistrationClientDataJSON) == 0 {
		return nil
	}
	challenge, err := RegistrationChallenge(v.ev.RPID, e.Person, e.Nonce)
	if err != nil {
		return invalid(BadRegistrationGoal, "%v", err)
	}
	c, err := ParseClientData(v.ev.RegistrationClientDataJSON)
	if err != nil {
		return invalid(BadRegistrationClient, "%v", err)
	}
	if !c.answers(challenge) {
		return invalid(BadRegistrationGoal, "the challenge does not commit to the enrolment")
	}
	return nil
}
