package proof

import (
	"crypto/x509"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// Attestation is what the registration of a key left.
type Attestation struct {
	// Format is that of the attestation statement: "none", "packed", "tpm"...
	Format string
	// AuthData are the exact bytes of the authenticator data, and Data what they say; Data.Credential is never nil.
	AuthData []byte
	Data     AuthenticatorData

	statement cbor.RawMessage
}

// ParseAttestation reads an attestation object (Web Authentication, 6.5). The error is ErrMalformed.
func ParseAttestation(raw []byte) (Attestation, error) {
	var m map[string]cbor.RawMessage
	if err := cborMode().Unmarshal(raw, &m); err != nil {
		return Attestation{}, fmt.Errorf("attestation object: %w: %v", ErrMalformed, err)
	}
	a := Attestation{statement: m["attStmt"]}
	if len(m) != 3 || a.statement == nil ||
		cborMode().Unmarshal(m["fmt"], &a.Format) != nil || cborMode().Unmarshal(m["authData"], &a.AuthData) != nil {
		return Attestation{}, fmt.Errorf("attestation object: members: %w", ErrMalformed)
	}
	var err error
	if a.Data, err = ParseAuthenticatorData(a.AuthData); err != nil {
		return Attestation{}, fmt.Errorf("attestation object: %w", err)
	}
	if a.Data.Credential == nil {
		return Attestation{}, fmt.Errorf("attestation object: no credential: %w", ErrMalformed)
	}
	return a, nil
}

// AttestationTrust says what the signature of an attestation was found to be worth.
type AttestationTrust string

// What an attestation is worth. None of them says that the model is the one claimed: that needs the metadata of its maker.
const (
	// AttestationNone carries no signature.
	AttestationNone AttestationTrust = "none"
	// AttestationSelf is signed by the new key itself: it proves its possession at registration.
	AttestationSelf AttestationTrust = "self"
	// AttestationCertified is signed by the key of a certificate, whose chain is not judged here.
	AttestationCertified AttestationTrust = "certified"
	// AttestationUnread is of a format that this package does not check (tpm, apple, android-key...). The enrolment
	// statement still fixes its bytes.
	AttestationUnread AttestationTrust = "unread"
)

// Check verifies the signature of the attestation over the authenticator data and the hash of clientDataJSON, for the
// formats none (Web Authentication, 8.7) and packed (8.2). The error is ErrMalformed.
func (a Attestation) Check(clientData []byte) (AttestationTrust, error) {
	switch a.Format {
	case "none":
		var empty map[string]cbor.RawMessage
		if err := cborMode().Unmarshal(a.statement, &empty); err != nil || len(empty) != 0 {
			return "", fmt.Errorf("attestation none with a statement: %w", ErrMalformed)
		}
		return AttestationNone, nil
	case "packed":
		return a.checkPacked(clientData)
	}
	return AttestationUnread, nil
}

func (a Attestation) checkPacked(clientData []byte) (AttestationTrust, error) {
	var s struct {
		Alg int64    `cbor:"alg"`
		Sig []byte   `cbor:"sig"`
		X5C [][]byte `cbor:"x5c"`
	}
	if err := cborMode().Unmarshal(a.statement, &s); err != nil {
		return "", fmt.Errorf("packed attestation: %w: %v", ErrMalformed, err)
	}
	message := signedBytes(a.AuthData, clientData)
	if s.X5C == nil {
		key, err := ParseKey(a.Data.Credential.COSE)
		if err != nil {
			return "", fmt.Errorf("packed attestation: %w", err)
		}
		if Algorithm(s.Alg) != key.Algorithm() || !key.Verify(message, s.Sig) {
			return "", fmt.Errorf("packed attestation: signature of the key: %w", ErrMalformed)
		}
		return AttestationSelf, nil
	}
	algorithm, known := map[Algorithm]x509.SignatureAlgorithm{ES256: x509.ECDSAWithSHA256, RS256: x509.SHA256WithRSA}[Algorithm(s.Alg)]
	if !known {
		return AttestationUnread, nil
	}
	if len(s.X5C) == 0 {
		return "", fmt.Errorf("packed attestation: no certificate: %w", ErrMalformed)
	}
	cert, err := x509.ParseCertificate(s.X5C[0])
	if err != nil {
		return "", fmt.Errorf("packed attestation: certificate: %w: %v", ErrMalformed, err)
	}
	if err := cert.CheckSignature(algorithm, message, s.Sig); err != nil {
		return "", fmt.Errorf("packed attestation: signature of the certificate: %w: %v", ErrMalformed, err)
	}
	return AttestationCertified, nil
}

// signedBytes is what an authenticator signs: its data, then the digest of clientDataJSON.
func signedBytes(authData, clientData []byte) []byte {
	digest := SHA256(clientData)
	return append(append(make([]byte, 0, len(authData)+len(digest)), authData...), digest[:]...)
}
