package approvals

import (
	"encoding/json"
	"fmt"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"parapheur/approvals/proof"
)

// registrationPayload is the payload of a registration: the nonce to which its challenge commits.
type registrationPayload struct {
	Nonce proof.Nonce `json:"nonce"`
}

// BeginRegistration begins the enrolment of a new passkey. The options go to navigator.credentials.create. Passkeys that
// the user already has, revoked ones included, are excluded: one authenticator holds one key of a person.
func (rp *RelyingParty) BeginRegistration(u User, httpSession []byte) (Ceremony, []byte, error) {
	const op = "beginning a registration"
	if len(httpSession) == 0 {
		return Ceremony{}, nil, refuse(op, ErrSession, "no HTTP session")
	}
	if len(u.Handle) != handleSize {
		return Ceremony{}, nil, refuse(op, ErrRegistration, "a user handle of %d bytes", len(u.Handle))
	}
	nonce, err := proof.NewNonce(rp.rand)
	if err != nil {
		return Ceremony{}, nil, fmt.Errorf("%s: %w", op, err)
	}
	challenge, err := proof.RegistrationChallenge(rp.rpID, u.ID, nonce)
	if err != nil {
		return Ceremony{}, nil, refuseWith(op, ErrRegistration, err)
	}
	all := u.narrowed(func(Credential) bool { return true })
	options, session, err := rp.lib.BeginRegistration(all,
		webauthn.WithExclusions(webauthn.Credentials(all.credentials).CredentialDescriptors()),
		webauthn.WithCredentialParameters(parameters()),
		webauthn.WithExtensions(webauthn.WithExtensionCredProps()),
		webauthn.WithRegistrationOrigin(rp.origin),
		func(o *protocol.PublicKeyCredentialCreationOptions) error {
			o.Challenge = challenge[:]
			return nil
		})
	if err != nil {
		return Ceremony{}, nil, refuseWith(op, ErrRegistration, err)
	}
	payload, err := json.Marshal(registrationPayload{Nonce: nonce})
	if err != nil {
		return Ceremony{}, nil, fmt.Errorf("%s: %w", op, err)
	}
	c, err := rp.begin(PurposeRegistration, httpSession, u.ID, session, challenge[:], payload)
	if err != nil {
		return Ceremony{}, nil, fmt.Errorf("%s: %w", op, err)
	}
	js, err := json.Marshal(options)
	return c, js, err
}

// FinishRegistration checks a new passkey for which nobody vouches, and makes its enrolment. Of the enrolment the caller
// gives Quality, IdentityCheck, EnrolledBy, PrevSHA256 (the head of the chain of enrolments of the town) and Founding; the
// rest is filled here. The credential returned may log in and approve: its Purpose and Label are the caller's to change.
func (rp *RelyingParty) FinishRegistration(u User, httpSession []byte, c Ceremony, response []byte, e proof.Enrolment) (Credential, error) {
	const op = "finishing a registration"
	p, err := rp.FinishPending(u, httpSession, c, response)
	if err != nil {
		return Credential{}, err
	}
	rp.complete(&e, u.ID, p)
	if err := e.Bind(p.AttestationObject); err != nil {
		return Credential{}, refuseWith(op, ErrRegistration, err)
	}
	return p.enrolled(op, e)
}

// FinishPending checks a new passkey that is nobody's yet: it opens nothing until a witness vouches for it.
func (rp *RelyingParty) FinishPending(u User, httpSession []byte, c Ceremony, response []byte) (Pending, error) {
	const op = "finishing a registration"
	session, err := rp.resume(op, PurposeRegistration, httpSession, u.ID, c)
	if err != nil {
		return Pending{}, err
	}
	var payload registrationPayload
	if err := json.Unmarshal(c.Payload, &payload); err != nil {
		return Pending{}, refuseWith(op, ErrCeremony, err)
	}
	challenge, err := proof.RegistrationChallenge(rp.rpID, u.ID, payload.Nonce)
	if err != nil || string(challenge[:]) != string(c.Challenge) {
		return Pending{}, refuse(op, ErrCeremony, "the challenge does not commit to the person and the nonce")
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(response)
	if err != nil {
		return Pending{}, refuseWith(op, ErrResponse, err)
	}
	gesture := gesture{
		kind: protocol.CreateCeremony, clientData: parsed.Raw.AttestationResponse.ClientDataJSON,
		data: parsed.Response.AttestationObject.RawAuthData,
	}
	if err := rp.judge(op, c.Challenge, gesture); err != nil {
		return Pending{}, err
	}
	made, err := rp.lib.CreateCredential(u.narrowed(active(UseApprove)), session, parsed)
	if err != nil {
		return Pending{}, refuseWith(op, ErrRegistration, err)
	}
	if _, known := u.find(made.ID); known {
		return Pending{}, refuse(op, ErrRegistration, "the credential is already that of the user")
	}
	return rp.registered(op, made, payload.Nonce)
}

// registered turns what the library made into a credential.
func (rp *RelyingParty) registered(op string, made *webauthn.Credential, nonce proof.Nonce) (Pending, error) {
	key, err := proof.ParseKey(made.PublicKey)
	if err != nil {
		return Pending{}, refuseWith(op, ErrRegistration, err)
	}
	attestation, err := proof.ParseAttestation(made.Attestation.Object)
	if err != nil {
		return Pending{}, refuseWith(op, ErrRegistration, err)
	}
	if attestation.Data.Credential.AAGUID == proof.SoftwareAAGUID() && !proof.OfSandbox(rp.tenant) {
		return Pending{}, refuse(op, ErrRegistration, "the authenticator of a sandbox, in the town %s", rp.tenant)
	}
	out := Credential{
		ID: made.ID, COSE: made.PublicKey, Alg: key.Algorithm(), AAGUID: attestation.Data.Credential.AAGUID,
		AttestationFormat: made.AttestationFormat, AttestationType: made.AttestationType,
		AttestationObject: made.Attestation.Object, RegistrationClientData: made.Attestation.ClientDataJSON,
		Flags: byte(made.Flags.ProtocolValue()), BackupEligible: made.Flags.BackupEligible, BackupState: made.Flags.BackupState,
		SignCount: made.Authenticator.SignCount, Purpose: UseBoth, Assurance: Device, CreatedAt: rp.now().UTC(),
	}
	if out.BackupEligible {
		out.Assurance = Synced
	}
	for _, t := range made.Transport {
		out.Transports = append(out.Transports, string(t))
	}
	return Pending{Credential: out, Nonce: nonce}, nil
}

// complete fills what the caller of a ceremony does not choose.
func (rp *RelyingParty) complete(e *proof.Enrolment, person string, p Pending) {
	e.Tenant, e.Person, e.Nonce, e.IssuedAt = rp.tenant, person, p.Nonce, proof.At(rp.now())
}
