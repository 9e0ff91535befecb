// Package certs vouches: it holds the keys, the certificate chains, the
// clients of time-stamping and revocation services, and a demonstration PKI.
//
//	            proof, tbs                 PKCS#12 at rest
//	signing ──► KeyProvider ──► Gate ──► Key ◄── SealedKey ◄── Vault ◄── master key
//	   │         Local, PKCS11, CSC       └──► token, remote service     (file or environment of cmd)
//	   ├──────► TSAClient ──HTTP──► time-stamping authorities ──► VerifyToken
//	   └──────► Revocation ─HTTP──► OCSP responders, CRLs
//	            Demo: root, intermediate, people, seal, TSA, OCSP, CRL (never outside the demonstration)
//
// It imports no other package of the product but internal/egress, which guards
// outgoing requests: its types fit the interfaces that package signing declares. It must not read the environment, take the time by
// itself (a clock is always given), nor use a key before the [Gate] has
// verified the stored decision again. Nothing here turns a failure into a lower
// level of signature: a missing time-stamp or a missing revocation answer is an
// error, and the caller waits.
//
// # Failure handling
//
// Every refusal is one of the sentinels below, wrapped with what was being
// done. [ErrTSAUnavailable], [ErrRevocationUnavailable] and [ErrKeyUnavailable]
// mean "try again later"; all the others mean that trying again with the same input gives the
// same refusal.
package certs

import (
	"errors"
	"time"
)

// Refusals of this package, to be tested with [errors.Is].
var (
	// ErrWrongPassword: the PKCS#12 file does not open with this password.
	ErrWrongPassword = errors.New("certs: wrong password")
	// ErrMalformed: the bytes are not a PKCS#12 file, or one that uses what we do not read.
	ErrMalformed = errors.New("certs: malformed PKCS#12 file")
	// ErrNoKey: the file holds no private key.
	ErrNoKey = errors.New("certs: no private key")
	// ErrNoCertificate: no certificate of the file belongs to the key.
	ErrNoCertificate = errors.New("certs: no certificate for the private key")
	// ErrWeakKey: algorithm or size below what ANSSI and ETSI TS 119 312 accept.
	ErrWeakKey = errors.New("certs: key or certificate signature too weak")
	// ErrKeyUsage: the certificate does not allow signing documents.
	ErrKeyUsage = errors.New("certs: certificate is not meant for signing documents")
	// ErrExpired: the certificate is past its validity.
	ErrExpired = errors.New("certs: certificate has expired")
	// ErrNotYetValid: the validity of the certificate has not begun.
	ErrNotYetValid = errors.New("certs: certificate is not valid yet")
	// ErrDemoPKI: a certificate of the demonstration PKI outside demonstration mode.
	ErrDemoPKI = errors.New("certs: demonstration certificate refused outside demonstration mode")
	// ErrSpecimen: a certificate of a sandbox outside its sandbox, or a real one inside.
	ErrSpecimen = errors.New("certs: specimens serve in sandboxes, and nothing else does there")
	// ErrUntrusted: no path from the certificate to a configured root.
	ErrUntrusted = errors.New("certs: certificate chain not trusted")

	// ErrSealed: a sealed secret does not open: wrong binding, altered, or unknown master key.
	ErrSealed = errors.New("certs: sealed secret does not open")
	// ErrUnknownMasterKey: sealed under a master key this vault was not given. It is also an ErrSealed.
	ErrUnknownMasterKey = errors.New("unknown master key")
	// ErrMasterKey: a master key that is not 32 bytes, is all zero, or lies in a file others can read.
	ErrMasterKey = errors.New("certs: unusable master key")

	// ErrNoGate: a provider was asked to use a key without a gate that verifies decisions.
	ErrNoGate = errors.New("certs: no gate, key use refused")
	// ErrRefusedByGate: the gate did not accept the proof; the key was not used.
	ErrRefusedByGate = errors.New("certs: decision evidence refused, key not used")
	// ErrNotReady: the activation still waits for its holder (redirect, confirmation on a phone).
	ErrNotReady = errors.New("certs: activation not ready")
	// ErrBadSignature: a provider returned a signature that its own certificate does not verify.
	ErrBadSignature = errors.New("certs: provider returned a wrong signature")

	// ErrNoPKCS11: this program was built without PKCS#11.
	ErrNoPKCS11 = errors.New("certs: this build has no PKCS#11, build with -tags pkcs11 and cgo")
	// ErrPIN: the token or the remote service refused the PIN. It is never tried again: tokens lock after a few errors.
	ErrPIN = errors.New("certs: PIN refused")
	// ErrKeyUnavailable: the place that holds the key does not answer: token removed, service down.
	ErrKeyUnavailable = errors.New("certs: key unavailable")
	// ErrRemoteRefused: the remote signing service refused, and would refuse the same request again.
	ErrRemoteRefused = errors.New("certs: remote signing service refused")
	// ErrHolderRefused: the holder of the key declined at the remote signing service.
	ErrHolderRefused = errors.New("certs: the holder declined")
	// ErrActivationExpired: the authorisation of the holder is not, or no longer, good for this signature.
	ErrActivationExpired = errors.New("certs: authorisation of the holder expired")

	// ErrTSAUnavailable: no token was delivered; the operation waits and is tried again later.
	ErrTSAUnavailable = errors.New("certs: time-stamping authority unavailable")
	// ErrTSAInvalid: a token was delivered and is not acceptable; it is never used.
	ErrTSAInvalid = errors.New("certs: invalid time-stamp token")

	// ErrRevocationUnavailable: no fresh, verifiable answer on the status of a certificate.
	ErrRevocationUnavailable = errors.New("certs: revocation status unavailable")
	// ErrRevoked: the certificate is revoked.
	ErrRevoked = errors.New("certs: certificate is revoked")
)

// Clock gives the current time. Production passes time.Now from cmd.
type Clock func() time.Time
