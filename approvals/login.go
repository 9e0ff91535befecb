package approvals

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"parapheur/approvals/proof"
)

// gesture is what a browser and an authenticator said of one ceremony, not yet verified.
type gesture struct {
	kind             protocol.CeremonyType
	clientData, data []byte
}

// judge looks for what is wrong with a gesture before the library does, in this package's own words: it names the refusal,
// and it does not depend on how the library words or configures its checks. The library then checks all of it again, and
// the signature.
func (rp *RelyingParty) judge(op string, challenge []byte, g gesture) error {
	c, err := proof.ParseClientData(g.clientData)
	if err != nil {
		return refuseWith(op, ErrResponse, err)
	}
	a, err := proof.ParseAuthenticatorData(g.data)
	if err != nil {
		return refuseWith(op, ErrResponse, err)
	}
	switch {
	case c.Type != string(g.kind):
		return refuse(op, ErrAssertion, "a response of type %q", c.Type)
	case c.Challenge != protocol.URLEncodedBase64(challenge).String():
		return refuse(op, ErrChallenge, "got %q", c.Challenge)
	case c.Origin != rp.origin || c.CrossOrigin || c.TopOrigin != "":
		return refuse(op, ErrOrigin, "origin %q, cross %t, top %q", c.Origin, c.CrossOrigin, c.TopOrigin)
	case a.RPIDHash != proof.SHA256([]byte(rp.rpID)):
		return refuse(op, ErrOrigin, "RP ID hash %s", a.RPIDHash)
	case !a.Flags.UserPresent():
		return refuse(op, ErrUserPresence, "flags %08b", a.Flags)
	case !a.Flags.UserVerified():
		return refuse(op, ErrUserVerification, "flags %08b", a.Flags)
	}
	return nil
}

// BeginLogin begins a login with a discoverable passkey: nobody says who he is. The options go to
// navigator.credentials.get, with mediation "conditional" for the list under the input field.
func (rp *RelyingParty) BeginLogin(httpSession []byte) (Ceremony, []byte, error) {
	const op = "beginning a login"
	if len(httpSession) == 0 {
		return Ceremony{}, nil, refuse(op, ErrSession, "no HTTP session")
	}
	challenge, err := rp.random(32)
	if err != nil {
		return Ceremony{}, nil, fmt.Errorf("%s: %w", op, err)
	}
	options, session, err := rp.lib.BeginDiscoverableMediatedLogin(protocol.MediationConditional,
		webauthn.WithChallenge(challenge),
		webauthn.WithUserVerification(protocol.VerificationRequired),
		webauthn.WithLoginOrigin(rp.origin))
	if err != nil {
		return Ceremony{}, nil, refuseWith(op, ErrAssertion, err)
	}
	c, err := rp.begin(PurposeLogin, httpSession, "", session, challenge, nil)
	if err != nil {
		return Ceremony{}, nil, fmt.Errorf("%s: %w", op, err)
	}
	js, err := json.Marshal(options)
	return c, js, err
}

// FinishLogin checks the assertion and says who it is. find looks a user up by user handle, with all his credentials; its
// error is returned as ErrUnknownCredential if it is that, and as it is otherwise. The credential returned is to be stored,
// also with ErrClone.
func (rp *RelyingParty) FinishLogin(httpSession []byte, c Ceremony, response []byte, find func(rawID, handle []byte) (User, error)) (User, Credential, error) {
	const op = "finishing a login"
	session, err := rp.resume(op, PurposeLogin, httpSession, "", c)
	if err != nil {
		return User{}, Credential{}, err
	}
	parsed, err := rp.read(op, c.Challenge, response)
	if err != nil {
		return User{}, Credential{}, err
	}
	handle := parsed.Response.UserHandle
	if len(handle) == 0 {
		return User{}, Credential{}, refuse(op, ErrUnknownCredential, "no user handle")
	}
	u, err := find(parsed.RawID, handle)
	if errors.Is(err, ErrUnknownCredential) {
		return User{}, Credential{}, refuseWith(op, ErrUnknownCredential, err)
	}
	if err != nil {
		return User{}, Credential{}, fmt.Errorf("%s: looking the user up: %w", op, err)
	}
	stored, err := usable(op, u, parsed.RawID, UseLogin)
	if err != nil {
		return User{}, stored, err
	}
	_, seen, err := rp.lib.ValidatePasskeyLogin(func(_, _ []byte) (webauthn.User, error) {
		return u.narrowed(active(UseLogin)), nil
	}, session, parsed)
	if err != nil {
		return User{}, Credential{}, refuseWith(op, ErrAssertion, err)
	}
	updated, err := accept(op, stored, seen)
	if err != nil {
		return User{}, updated, err
	}
	return u, updated, nil
}

// read parses an assertion and judges its gesture.
func (rp *RelyingParty) read(op string, challenge, response []byte) (*protocol.ParsedCredentialAssertionData, error) {
	parsed, err := protocol.ParseCredentialRequestResponseBytes(response)
	if err != nil {
		return nil, refuseWith(op, ErrResponse, err)
	}
	raw := parsed.Raw.AssertionResponse
	return parsed, rp.judge(op, challenge, gesture{
		kind: protocol.AssertCeremony, clientData: raw.ClientDataJSON, data: raw.AuthenticatorData,
	})
}

// usable finds the credential that the response names, and checks that it may serve.
func usable(op string, u User, rawID []byte, want Use) (Credential, error) {
	c, ok := u.find(rawID)
	switch {
	case !ok || !c.RevokedAt.IsZero():
		return Credential{}, refuse(op, ErrUnknownCredential, "credential %x, known %t", rawID, ok)
	case c.CloneWarning:
		return c, refuse(op, ErrClone, "credential %x is blocked", rawID)
	case !c.Purpose.allows(want):
		return Credential{}, refuse(op, ErrPurpose, "credential %x is for %q", rawID, c.Purpose)
	}
	return c, nil
}

// accept takes the counter and the flags of a verified assertion. The library only notes that a counter went backwards:
// refusing is ours.
func accept(op string, stored Credential, seen *webauthn.Credential) (Credential, error) {
	updated := stored.after(seen)
	if updated.CloneWarning {
		return updated, refuse(op, ErrClone, "credential %x: counter not above %d", stored.ID, stored.SignCount)
	}
	return updated, nil
}
