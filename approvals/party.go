package approvals

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/go-webauthn/webauthn/webauthn"

	"parapheur/approvals/proof"
)

// TTL is how long a ceremony of any purpose may last.
const TTL = proof.MaxLifetime

// handleSize is the length of a user handle (Web Authentication, 14.6.1: 64 random bytes).
const handleSize = 64

// Config describes a relying party: one for each town, since evidence and passkeys of a town are bound to its name.
type Config struct {
	// Tenant is the SIRET of the town, 14 digits: enrolments and statements of another town are refused.
	Tenant string
	// Townless relying parties are no town's, and have no Tenant: they make neither enrolments nor statements.
	Townless bool
	// RPID is the host name to which passkeys are bound, for ever: "parapheur.ville.fr". Changing it loses them all.
	RPID string
	// Origin is the one origin from which ceremonies are accepted: "https://parapheur.ville.fr".
	Origin string
	// DisplayName is shown by some authenticators.
	DisplayName string
	// Now is the clock. Default: time.Now.
	Now func() time.Time
	// Rand is the source of challenges, nonces and identifiers. Default: crypto/rand.Reader.
	Rand io.Reader
}

// RelyingParty runs the ceremonies of one town. It holds no state but its configuration and may be used concurrently, if
// Now and Rand may.
type RelyingParty struct {
	tenant string
	rpID   string
	origin string
	now    func() time.Time
	rand   io.Reader
	lib    *webauthn.WebAuthn
}

// New makes a relying party. The error is ErrConfig.
func New(c Config) (*RelyingParty, error) {
	const op = "making a relying party"
	if !proof.OriginFits(c.Origin, c.RPID) {
		return nil, refuse(op, ErrConfig, "origin %q does not fit the RP ID %q", c.Origin, c.RPID)
	}
	if c.Townless != (c.Tenant == "") || !c.Townless && len(c.Tenant) != 14 {
		return nil, refuse(op, ErrConfig, "tenant %q is not a SIRET", c.Tenant)
	}
	timeout := webauthn.TimeoutConfig{Enforce: true, Timeout: TTL, TimeoutUVD: TTL}
	lib, err := webauthn.New(&webauthn.Config{
		RPID: c.RPID, RPDisplayName: c.DisplayName, RPOrigins: []string{c.Origin},
		AttestationPreference: protocol.PreferDirectAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, RequireResidentKey: protocol.ResidentKeyRequired(),
			UserVerification: protocol.VerificationRequired,
		},
		Timeouts: webauthn.TimeoutsConfig{Login: timeout, Registration: timeout},
	})
	if err != nil {
		return nil, refuseWith(op, ErrConfig, err)
	}
	rp := &RelyingParty{tenant: c.Tenant, rpID: c.RPID, origin: c.Origin, now: c.Now, rand: c.Rand, lib: lib}
	if rp.now == nil {
		rp.now = time.Now
	}
	if rp.rand == nil {
		rp.rand = rand.Reader
	}
	return rp, nil
}

// RPID is the name to which the passkeys are bound.
func (rp *RelyingParty) RPID() string { return rp.rpID }

// Origin is the one origin accepted.
func (rp *RelyingParty) Origin() string { return rp.origin }

// NewHandle draws a user handle, to be kept with the user for ever.
func (rp *RelyingParty) NewHandle() ([]byte, error) { return rp.random(handleSize) }

// random reads n bytes.
func (rp *RelyingParty) random(n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(rp.rand, b); err != nil {
		return nil, fmt.Errorf("drawing %d random bytes: %w", n, err)
	}
	return b, nil
}

// parameters are the algorithms offered, the preferred one first.
func parameters() []protocol.CredentialParameter {
	return []protocol.CredentialParameter{
		{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgES256},
		{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgRS256},
	}
}

// Purpose is what a ceremony is for. One purpose never serves for another.
type Purpose string

// The purposes of ceremonies.
const (
	PurposeRegistration Purpose = "reg"
	PurposeLogin        Purpose = "login"
	PurposeDecision     Purpose = "decision"
	PurposeWitness      Purpose = "witness"
	PurposeAct          Purpose = "act"
)

// Ceremony is what must be remembered between the two halves. The caller stores it as it is (the two JSON parts as bytes)
// and gives it back once, having deleted it.
type Ceremony struct {
	// ID names the ceremony: 32 random bytes.
	ID []byte
	// Purpose says what it is for.
	Purpose Purpose
	// HTTPSession identifies the HTTP session that began it.
	HTTPSession []byte
	// Challenge is 32 bytes, unique for ever.
	Challenge []byte
	// Session is the library's own state, JSON. It does not survive a change of version of the library: drain the
	// ceremonies when upgrading.
	Session []byte
	// Payload is what the challenge commits to, JSON; empty for a login.
	Payload []byte
	// UserID is the person, empty for a login.
	UserID string
	// Expires is the end, five minutes at most after the beginning.
	Expires time.Time
}

// begin makes the ceremony around the state of the library.
func (rp *RelyingParty) begin(p Purpose, httpSession []byte, userID string, s *webauthn.SessionData, challenge, payload []byte) (Ceremony, error) {
	id, err := rp.random(32)
	if err != nil {
		return Ceremony{}, err
	}
	state, err := json.Marshal(s)
	if err != nil {
		return Ceremony{}, fmt.Errorf("encoding the session data: %w", err)
	}
	return Ceremony{
		ID: id, Purpose: p, HTTPSession: httpSession, Challenge: challenge, Session: state, Payload: payload,
		UserID: userID, Expires: rp.now().Add(TTL),
	}, nil
}

// resume checks that a stored ceremony is the one that this person, in this session, began for this purpose.
func (rp *RelyingParty) resume(op string, p Purpose, httpSession []byte, userID string, c Ceremony) (webauthn.SessionData, error) {
	var s webauthn.SessionData
	switch {
	case c.Purpose != p:
		return s, refuse(op, ErrPurpose, "ceremony of %q used for %q", c.Purpose, p)
	case len(httpSession) == 0 || subtle.ConstantTimeCompare(c.HTTPSession, httpSession) != 1:
		return s, refuse(op, ErrSession, "another HTTP session")
	case c.UserID != userID:
		return s, refuse(op, ErrSession, "ceremony of %q finished by %q", c.UserID, userID)
	case !rp.now().Before(c.Expires):
		return s, refuse(op, ErrExpired, "at %s", c.Expires)
	}
	if err := json.Unmarshal(c.Session, &s); err != nil {
		return s, refuseWith(op, ErrCeremony, err)
	}
	// Nothing that the library would be lenient about may come from the store.
	if s.Challenge != protocol.URLEncodedBase64(c.Challenge).String() || s.RelyingPartyID != rp.rpID || s.Origin != rp.origin ||
		s.UserVerification != protocol.VerificationRequired || s.Expires.IsZero() {
		return s, refuse(op, ErrCeremony, "the session data are not those that were stored for this challenge")
	}
	return s, nil
}
