package approvals

import (
	"errors"
	"fmt"

	"github.com/go-webauthn/webauthn/protocol"
)

// The refusals. Every error of a ceremony is one of them.
var (
	// ErrExpired: the ceremony, or the statements, have lived too long; begin again.
	ErrExpired = errors.New("ceremony expired")
	// ErrPurpose: the ceremony was begun for something else, or the credential is not for this use.
	ErrPurpose = errors.New("ceremony or credential of another purpose")
	// ErrSession: the ceremony was begun in another HTTP session, or by another person.
	ErrSession = errors.New("ceremony of another session")
	// ErrCeremony: the stored ceremony does not hold together; somebody or something altered it.
	ErrCeremony = errors.New("ceremony altered")
	// ErrResponse: what the browser sent cannot be read.
	ErrResponse = errors.New("response unreadable")
	// ErrChallenge: the response answers another challenge; a replay, or two ceremonies at once.
	ErrChallenge = errors.New("response to another ceremony")
	// ErrOrigin: the gesture was made for another origin, another RP ID, or inside a frame.
	ErrOrigin = errors.New("gesture made on another site")
	// ErrUserPresence: the authenticator does not say that somebody was there.
	ErrUserPresence = errors.New("user not present")
	// ErrUserVerification: the authenticator did not verify the user, by biometry or PIN.
	ErrUserVerification = errors.New("user not verified")
	// ErrUnknownCredential: the credential is not one of the user's, or is revoked.
	ErrUnknownCredential = errors.New("credential unknown or revoked")
	// ErrNoCredential: the user has no active credential for this use.
	ErrNoCredential = errors.New("no credential for this use")
	// ErrClone: the counter went backwards, two copies of the key may exist. Store the credential returned with it, raise
	// an incident, and let a person judge.
	ErrClone = errors.New("credential possibly cloned")
	// ErrAssertion: the assertion does not verify.
	ErrAssertion = errors.New("assertion refused")
	// ErrRegistration: the new credential does not verify, or is not of a kind that is accepted.
	ErrRegistration = errors.New("registration refused")
	// ErrBatch: too many statements, none, or statements that may not go together.
	ErrBatch = errors.New("batch refused")
	// ErrStatement: a statement does not hold.
	ErrStatement = errors.New("statement refused")
	// ErrConfig: the relying party cannot be made so.
	ErrConfig = errors.New("relying party misconfigured")
)

// refusal is a sentinel with what a log may want. Only the sentinel is reachable by errors.Is and errors.As: the errors of
// the WebAuthn library hold expected challenges and hashes, which must not travel to a client.
type refusal struct {
	op       string
	sentinel error
	detail   string
}

// Error says what was being done and the sentinel, no more.
func (r *refusal) Error() string { return r.op + ": " + r.sentinel.Error() }

// Unwrap gives the sentinel alone.
func (r *refusal) Unwrap() error { return r.sentinel }

// refuse makes a refusal; the arguments after the sentinel are for the log only.
func refuse(op string, sentinel error, format string, args ...any) error {
	return &refusal{op: op, sentinel: sentinel, detail: fmt.Sprintf(format, args...)}
}

// refuseWith makes a refusal out of an error of a library.
func refuseWith(op string, sentinel, cause error) error {
	var unknown *protocol.ErrorUnknownCredential
	if errors.As(cause, &unknown) {
		sentinel = ErrUnknownCredential
	}
	detail := cause.Error()
	var perr *protocol.Error
	if errors.As(cause, &perr) {
		detail = fmt.Sprintf("%s: %s: %s", perr.Type, perr.Details, perr.DevInfo)
	}
	return &refusal{op: op, sentinel: sentinel, detail: detail}
}

// Detail says more about an error of this package, for a log and for nobody else: it may hold expected challenges. It is
// empty for other errors.
func Detail(err error) string {
	var r *refusal
	if errors.As(err, &r) {
		return r.detail
	}
	return ""
}
