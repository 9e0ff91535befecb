package approvals

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"parapheur/approvals/proof"
)

// ActRequest is what the browser of who acts needs.
type ActRequest struct {
	// OptionsJSON goes to navigator.credentials.get.
	OptionsJSON []byte
	// Act is the canonical act to which the gesture commits.
	Act []byte
	// Expires is when another request must be made.
	Expires time.Time
}

// BeginAct asks u to do an act with one gesture. Of the act the caller gives Kind and Details. The errors are
// ErrNoCredential, ErrSession and ErrStatement.
func (rp *RelyingParty) BeginAct(u User, httpSession []byte, act proof.Act) (Ceremony, ActRequest, error) {
	const op = "beginning an act"
	if len(httpSession) == 0 {
		return Ceremony{}, ActRequest{}, refuse(op, ErrSession, "no HTTP session")
	}
	allowed := u.narrowed(active(UseApprove))
	if len(allowed.credentials) == 0 {
		return Ceremony{}, ActRequest{}, refuse(op, ErrNoCredential, "%q has %d credentials", u.ID, len(u.Credentials))
	}
	nonce, err := proof.NewNonce(rp.rand)
	if err != nil {
		return Ceremony{}, ActRequest{}, fmt.Errorf("%s: %w", op, err)
	}
	act.RPID, act.Actor = rp.rpID, u.ID
	raw, err := act.Issue(nonce, proof.At(rp.now()))
	if err != nil {
		return Ceremony{}, ActRequest{}, refuseWith(op, ErrStatement, err)
	}
	challenge := proof.ActChallenge(raw)
	options, session, err := rp.lib.BeginLogin(allowed,
		webauthn.WithChallenge(challenge[:]),
		webauthn.WithUserVerification(protocol.VerificationRequired),
		webauthn.WithLoginOrigin(rp.origin))
	if err != nil {
		return Ceremony{}, ActRequest{}, refuseWith(op, ErrAssertion, err)
	}
	c, err := rp.begin(PurposeAct, httpSession, u.ID, session, challenge[:], raw)
	if err != nil {
		return Ceremony{}, ActRequest{}, fmt.Errorf("%s: %w", op, err)
	}
	js, err := json.Marshal(options)
	return c, ActRequest{OptionsJSON: js, Act: raw, Expires: c.Expires}, err
}

// FinishAct checks the gesture and makes its evidence, verified by [proof.VerifyAct]. The credential returned is to be
// stored, also with ErrClone.
func (rp *RelyingParty) FinishAct(u User, httpSession []byte, c Ceremony, response []byte) (proof.Act, proof.ActEvidence, Credential, error) {
	const op = "finishing an act"
	var none proof.ActEvidence
	session, err := rp.resume(op, PurposeAct, httpSession, u.ID, c)
	if err != nil {
		return proof.Act{}, none, Credential{}, err
	}
	if challenge := proof.ActChallenge(c.Payload); string(challenge[:]) != string(c.Challenge) {
		return proof.Act{}, none, Credential{}, refuse(op, ErrCeremony, "the challenge does not commit to the act")
	}
	parsed, err := rp.read(op, c.Challenge, response)
	if err != nil {
		return proof.Act{}, none, Credential{}, err
	}
	stored, err := usable(op, u, parsed.RawID, UseApprove)
	if err != nil {
		return proof.Act{}, none, stored, err
	}
	seen, err := rp.lib.ValidateLogin(u.narrowed(active(UseApprove)), session, parsed)
	if err != nil {
		return proof.Act{}, none, Credential{}, refuseWith(op, ErrAssertion, err)
	}
	updated, err := accept(op, stored, seen)
	if err != nil {
		return proof.Act{}, none, updated, err
	}
	a := parsed.Raw.AssertionResponse
	e := proof.NewActEvidence(c.Payload, rp.rpID, rp.origin)
	e.CredentialID, e.COSEKey, e.ReceivedAt = updated.ID, updated.COSE, proof.At(rp.now())
	e.AuthenticatorData, e.ClientDataJSON, e.Signature = a.AuthenticatorData, a.ClientDataJSON, a.Signature
	act, err := proof.VerifyAct(e, updated.COSE, rp.rpID, rp.origin)
	if err != nil || act.Actor != u.ID {
		return proof.Act{}, none, updated, refuse(op, ErrAssertion, "the evidence of an act of %q does not verify: %v", act.Actor, err)
	}
	return act, e, updated, nil
}
