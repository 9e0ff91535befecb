package approvals

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"parapheur/approvals/proof"
)

// Pending is a passkey that was registered and is nobody's yet.
type Pending struct {
	Credential
	// Nonce is that of its registration, to which its enrolment will commit.
	Nonce proof.Nonce
}

// enrolled is the credential with its enrolment.
func (p Pending) enrolled(op string, e proof.Enrolment) (Credential, error) {
	statement, err := e.Canonical()
	if err != nil {
		return Credential{}, refuseWith(op, ErrRegistration, err)
	}
	c := p.Credential
	c.EnrolmentStatement, c.EnrolmentHash = statement, proof.EnrolmentDigest(statement)
	return c, nil
}

// WitnessRequest is what the browser of the witness needs.
type WitnessRequest struct {
	// OptionsJSON goes to navigator.credentials.get.
	OptionsJSON []byte
	// Enrolment is what the witness is about to vouch for, but for the assertion.
	Enrolment proof.Enrolment
	// Expires is when another request must be made.
	Expires time.Time
}

// witnessPayload is what the challenge of a witness commits to.
type witnessPayload struct {
	Enrolment proof.Enrolment `json:"enrolment"`
	Pending   Pending         `json:"pending"`
}

// BeginWitness asks witness to vouch that p is the passkey of person, with a key of their own. Of the enrolment the caller gives Quality, IdentityCheck, EnrolledBy and
// PrevSHA256. The errors are ErrNoCredential, ErrSession and ErrRegistration.
func (rp *RelyingParty) BeginWitness(witness User, httpSession []byte, person string, p Pending, e proof.Enrolment) (Ceremony, WitnessRequest, error) {
	const op = "beginning to witness an enrolment"
	if len(httpSession) == 0 {
		return Ceremony{}, WitnessRequest{}, refuse(op, ErrSession, "no HTTP session")
	}
	allowed := witness.narrowed(active(UseApprove))
	if len(allowed.credentials) == 0 {
		return Ceremony{}, WitnessRequest{}, refuse(op, ErrNoCredential, "%q has %d credentials", witness.ID, len(witness.Credentials))
	}
	rp.complete(&e, person, p)
	if err := e.Bind(p.AttestationObject); err != nil {
		return Ceremony{}, WitnessRequest{}, refuseWith(op, ErrRegistration, err)
	}
	e.Witness = &proof.Witness{Person: witness.ID, RPID: rp.rpID, Origin: rp.origin}
	challenge, err := proof.WitnessChallenge(e)
	if err != nil {
		return Ceremony{}, WitnessRequest{}, refuseWith(op, ErrRegistration, err)
	}
	options, session, err := rp.lib.BeginLogin(allowed,
		webauthn.WithChallenge(challenge[:]),
		webauthn.WithUserVerification(protocol.VerificationRequired),
		webauthn.WithLoginOrigin(rp.origin))
	if err != nil {
		return Ceremony{}, WitnessRequest{}, refuseWith(op, ErrAssertion, err)
	}
	payload, err := json.Marshal(witnessPayload{e, p})
	if err != nil {
		return Ceremony{}, WitnessRequest{}, fmt.Errorf("%s: %w", op, err)
	}
	c, err := rp.begin(PurposeWitness, httpSession, witness.ID, session, challenge[:], payload)
	if err != nil {
		return Ceremony{}, WitnessRequest{}, fmt.Errorf("%s: %w", op, err)
	}
	js, err := json.Marshal(options)
	return c, WitnessRequest{OptionsJSON: js, Enrolment: e, Expires: c.Expires}, err
}

// FinishWitness checks the gesture of the witness and makes the enrolment. It answers the credential, which may now log in
// and approve, and that of the witness, which is to be stored, also with ErrClone.
func (rp *RelyingParty) FinishWitness(witness User, httpSession []byte, c Ceremony, response []byte) (made, with Credential, err error) {
	const op = "finishing to witness an enrolment"
	session, err := rp.resume(op, PurposeWitness, httpSession, witness.ID, c)
	if err != nil {
		return made, with, err
	}
	var payload witnessPayload
	if err := json.Unmarshal(c.Payload, &payload); err != nil {
		return made, with, refuseWith(op, ErrCeremony, err)
	}
	e := payload.Enrolment
	if challenge, err := proof.WitnessChallenge(e); err != nil || string(challenge[:]) != string(c.Challenge) || e.Witness.Person != witness.ID {
		return made, with, refuse(op, ErrCeremony, "the challenge does not commit to the enrolment")
	}
	parsed, err := rp.read(op, c.Challenge, response)
	if err != nil {
		return made, with, err
	}
	stored, err := usable(op, witness, parsed.RawID, UseApprove)
	if err != nil {
		return made, stored, err
	}
	seen, err := rp.lib.ValidateLogin(witness.narrowed(active(UseApprove)), session, parsed)
	if err != nil {
		return made, with, refuseWith(op, ErrAssertion, err)
	}
	if with, err = accept(op, stored, seen); err != nil {
		return made, with, err
	}
	a := parsed.Raw.AssertionResponse
	e.Witness.EnrolmentSHA256, e.Witness.COSEKey = with.EnrolmentHash, with.COSE
	e.Witness.AuthenticatorData, e.Witness.ClientDataJSON, e.Witness.Signature = a.AuthenticatorData, a.ClientDataJSON, a.Signature
	made, err = payload.Pending.enrolled(op, e)
	return made, with, err
}
