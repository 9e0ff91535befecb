package proof

import (
	"errors"
	"fmt"
)

// Outcome is what a verification concludes.
type Outcome string

// The outcomes.
const (
	// Valid: everything was given and every check passed.
	Valid Outcome = "valid"
	// Invalid: a check failed.
	Invalid Outcome = "invalid"
	// Unverifiable: no check failed, but something is missing to conclude.
	Unverifiable Outcome = "unverifiable"
)

// Errors of a verification that does not conclude to Valid.
var (
	ErrInvalid      = errors.New("evidence invalid")
	ErrUnverifiable = errors.New("evidence cannot be verified")
)

// Reason is the stable code of a check that did not pass.
type Reason string

// Reasons of Unverifiable.
const (
	MissingEvidence           Reason = "missing_evidence"
	MissingDocument           Reason = "missing_document"
	MissingAttestation        Reason = "missing_attestation"
	MissingRegistrationClient Reason = "missing_registration_client_data"
	MissingEnrolment          Reason = "missing_enrolment"
	// Specimen is a decision of a sandbox: worth nothing, however well it verifies.
	Specimen Reason = "specimen"
)

// Reasons of Invalid.
const (
	BadEvidence           Reason = "evidence_malformed"
	BadStatement          Reason = "statement_malformed"
	BadSet                Reason = "set_malformed"
	BadActor              Reason = "actor_differs"
	BadBatch              Reason = "batch_too_large"
	BadLifetime           Reason = "validity_period"
	BadReceived           Reason = "received_outside_validity"
	BadInclusion          Reason = "statement_not_in_set"
	BadDocument           Reason = "document_differs"
	BadPrevious           Reason = "previous_evidence_differs"
	BadClientData         Reason = "client_data_malformed"
	BadType               Reason = "client_data_type"
	BadChallenge          Reason = "challenge_differs"
	BadOrigin             Reason = "origin_differs"
	BadCrossOrigin        Reason = "cross_origin"
	BadAuthenticatorData  Reason = "authenticator_data_malformed"
	BadRPID               Reason = "rp_id_differs"
	BadPresence           Reason = "user_not_present"
	BadVerification       Reason = "user_not_verified"
	BadBackup             Reason = "backup_flags"
	BadKey                Reason = "key_unsupported"
	BadSignature          Reason = "signature_does_not_match"
	BadAttestation        Reason = "attestation_malformed"
	BadAttestedKey        Reason = "attested_key_differs"
	BadRegistrationRP     Reason = "registration_rp_id_differs"
	BadRegistrationUser   Reason = "registration_user_not_verified"
	BadRegistrationClient Reason = "registration_client_data"
	BadRegistrationOrigin Reason = "registration_origin"
	BadRegistrationGoal   Reason = "registration_challenge_differs"
	BadAttestationProof   Reason = "attestation_signature"
	BadEnrolment          Reason = "enrolment_malformed"
	BadEnrolmentDigest    Reason = "enrolment_differs"
	BadEnrolmentKey       Reason = "enrolment_of_another_key"
	BadEnrolmentPerson    Reason = "enrolment_of_another_person"
	BadEnrolmentTime      Reason = "enrolled_after_decision"
)

// Failure is the error of a verification.
type Failure struct {
	// Outcome is Invalid or Unverifiable.
	Outcome Outcome
	// Reason is the first check that failed, or else the first thing missing.
	Reason Reason
	// Detail says more in English, for a log; may be empty.
	Detail string
}

// Error gives the outcome, the code and the detail.
func (f *Failure) Error() string {
	if f.Detail == "" {
		return fmt.Sprintf("%v: %s", f.Unwrap(), f.Reason)
	}
	return fmt.Sprintf("%v: %s: %s", f.Unwrap(), f.Reason, f.Detail)
}

// Unwrap makes the error an ErrInvalid or an ErrUnverifiable.
func (f *Failure) Unwrap() error {
	if f.Outcome == Unverifiable {
		return ErrUnverifiable
	}
	return ErrInvalid
}
