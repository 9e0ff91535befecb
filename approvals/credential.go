package approvals

import (
	"bytes"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"parapheur/approvals/proof"
)

// Use says what a credential may do.
type Use string

// The uses of a credential.
const (
	UseLogin   Use = "login"
	UseApprove Use = "approve"
	UseBoth    Use = "both"
)

// allows says whether the credential serves for want, which is UseLogin or UseApprove.
func (u Use) allows(want Use) bool { return u == UseBoth || u == want }

// Assurance says how far the key may travel.
type Assurance string

// The levels of assurance, from the weakest.
const (
	// Synced: the key may be copied to other devices of the account (BE).
	Synced Assurance = "synced"
	// Device: the authenticator says that the key does not leave it; its word is not certified.
	Device Assurance = "device"
	// Attested: a certificate of the maker, checked against its metadata, says so. No ceremony of this package grants it
	// yet: that needs the metadata service of the FIDO Alliance.
	Attested Assurance = "attested"
)

// Credential is a passkey as it is stored. ID, COSE, AttestationObject, RegistrationClientData and the enrolment never
// change; Flags, BackupState, SignCount and CloneWarning are written back after each ceremony.
type Credential struct {
	// ID is the identifier chosen by the authenticator ("kid").
	ID []byte
	// COSE is the public key, exact bytes; Alg its algorithm.
	COSE []byte
	Alg  proof.Algorithm
	// AAGUID is the model that the authenticator claims; a label, unless Assurance is Attested.
	AAGUID proof.AAGUID
	// AttestationFormat is "none", "packed"...; AttestationType "none", "basic_surrogate", "basic_full"...
	AttestationFormat string
	AttestationType   string
	// AttestationObject and RegistrationClientData are the exact bytes of the registration.
	AttestationObject      []byte
	RegistrationClientData []byte
	// Transports are hints for the browser: "internal", "usb", "nfc"...
	Transports []string
	// Flags is the octet of flags of the last ceremony, but for UV which is that of the registration.
	Flags byte
	// BackupEligible never changes; BackupState may.
	BackupEligible bool
	BackupState    bool
	// SignCount is the highest counter seen; always 0 for synced passkeys.
	SignCount uint32
	// CloneWarning blocks the credential until a person lifts it.
	CloneWarning bool
	// Purpose is what the credential may do.
	Purpose Use
	// Assurance is what is known of the authenticator.
	Assurance Assurance
	// EnrolmentStatement is the canonical proof.Enrolment, EnrolmentHash its proof.EnrolmentDigest.
	EnrolmentStatement []byte
	EnrolmentHash      proof.Digest
	// Label is a name for people, given by the caller.
	Label string
	// CreatedAt is when the key was registered; RevokedAt is zero until it is revoked.
	CreatedAt time.Time
	RevokedAt time.Time
}

// Active says whether the credential may be used for anything: neither revoked nor suspected of being cloned.
func (c Credential) Active() bool { return c.RevokedAt.IsZero() && !c.CloneWarning }

// record is the credential as the library wants it. The octet of flags is rebuilt from what is stored, since the library's
// own JSON loses it.
func (c Credential) record() webauthn.Credential {
	transports := make([]protocol.AuthenticatorTransport, len(c.Transports))
	for i, t := range c.Transports {
		transports[i] = protocol.AuthenticatorTransport(t)
	}
	return webauthn.Credential{
		ID: c.ID, PublicKey: c.COSE, AttestationType: c.AttestationType, AttestationFormat: c.AttestationFormat,
		Transport: transports, Flags: webauthn.NewCredentialFlags(protocol.AuthenticatorFlags(c.Flags)),
		Authenticator: webauthn.Authenticator{AAGUID: c.AAGUID[:], SignCount: c.SignCount, CloneWarning: c.CloneWarning},
		Attestation:   webauthn.CredentialAttestation{Object: c.AttestationObject, ClientDataJSON: c.RegistrationClientData},
	}
}

// after is the credential once the library has seen an assertion with it.
func (c Credential) after(r *webauthn.Credential) Credential {
	c.Flags = byte(r.Flags.ProtocolValue())
	c.BackupState = r.Flags.BackupState
	c.SignCount = r.Authenticator.SignCount
	c.CloneWarning = c.CloneWarning || r.Authenticator.CloneWarning
	return c
}

// User is a person of the town.
type User struct {
	// ID identifies the person in statements and enrolments.
	ID string
	// Handle is 64 random bytes, the same for ever, never an e-mail.
	Handle []byte
	// Name tells accounts apart in the authenticator's list; DisplayName is the person's name.
	Name        string
	DisplayName string
	// Credentials are all those of the person, revoked ones included.
	Credentials []Credential
}

// find gives the credential of this identifier.
func (u User) find(id []byte) (Credential, bool) {
	for _, c := range u.Credentials {
		if bytes.Equal(c.ID, id) {
			return c, true
		}
	}
	return Credential{}, false
}

// narrowed gives to the library a user and some of his credentials.
func (u User) narrowed(keep func(Credential) bool) libraryUser {
	l := libraryUser{user: u}
	for _, c := range u.Credentials {
		if keep(c) {
			l.credentials = append(l.credentials, c.record())
		}
	}
	return l
}

// active keeps the credentials that may serve for a use.
func active(want Use) func(Credential) bool {
	return func(c Credential) bool { return c.Active() && c.Purpose.allows(want) }
}

// libraryUser is a User in the shape of the library.
type libraryUser struct {
	user        User
	credentials []webauthn.Credential
}

var _ webauthn.User = libraryUser{}

// WebAuthnID is the handle.
func (l libraryUser) WebAuthnID() []byte { return l.user.Handle }

// WebAuthnName is the account name.
func (l libraryUser) WebAuthnName() string { return l.user.Name }

// WebAuthnDisplayName is the person's name.
func (l libraryUser) WebAuthnDisplayName() string { return l.user.DisplayName }

// WebAuthnCredentials are the credentials kept.
func (l libraryUser) WebAuthnCredentials() []webauthn.Credential { return l.credentials }
