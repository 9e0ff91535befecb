package proof

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// Flags is the octet of flags of authenticator data (Web Authentication, 6.1).
type Flags byte

const (
	flagUP Flags = 1 << 0
	flagUV Flags = 1 << 2
	flagBE Flags = 1 << 3
	flagBS Flags = 1 << 4
	flagAT Flags = 1 << 6
	flagED Flags = 1 << 7
)

// UserPresent says that somebody was there (UP).
func (f Flags) UserPresent() bool { return f&flagUP != 0 }

// UserVerified says that the authenticator verified the user, by biometry or PIN (UV).
func (f Flags) UserVerified() bool { return f&flagUV != 0 }

// BackupEligible says that the key may be copied to other devices (BE).
func (f Flags) BackupEligible() bool { return f&flagBE != 0 }

// BackedUp says that the key is copied (BS). It makes no sense without BackupEligible.
func (f Flags) BackedUp() bool { return f&flagBS != 0 }

// AAGUID names a model of authenticator; without a verified attestation it is only a label.
type AAGUID [16]byte

// String is the form of a UUID.
func (a AAGUID) String() string {
	h := hex.EncodeToString(a[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// MarshalText is the form of a UUID.
func (a AAGUID) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText accepts the lower-case form of a UUID alone.
func (a *AAGUID) UnmarshalText(text []byte) error {
	s := string(text)
	if len(s) != 36 {
		return fmt.Errorf("aaguid %q: %w", s, ErrMalformed)
	}
	var out AAGUID
	if _, err := hex.Decode(out[:], []byte(s[:8]+s[9:13]+s[14:18]+s[19:23]+s[24:])); err != nil || out.String() != s {
		return fmt.Errorf("aaguid %q: %w", s, ErrMalformed)
	}
	*a = out
	return nil
}

// AuthenticatorData is what the authenticator signs besides the hash of clientDataJSON.
type AuthenticatorData struct {
	RPIDHash  Digest
	Flags     Flags
	SignCount uint32
	// Credential is nil in an assertion.
	Credential *AttestedCredential
}

// AttestedCredential is the new key in the authenticator data of a registration.
type AttestedCredential struct {
	AAGUID AAGUID
	ID     []byte
	// COSE are the exact bytes of the key.
	COSE []byte
}

// maxCredentialID is the longest credential identifier (Web Authentication, 7.1, step 25).
const maxCredentialID = 1023

// ParseAuthenticatorData reads authenticator data (Web Authentication, 6.1) to the last byte. The key of an attested
// credential is cut out, not parsed. The error is ErrMalformed.
func ParseAuthenticatorData(raw []byte) (AuthenticatorData, error) {
	if len(raw) < 37 {
		return AuthenticatorData{}, fmt.Errorf("authenticator data of %d bytes: %w", len(raw), ErrMalformed)
	}
	a := AuthenticatorData{RPIDHash: Digest(raw[:32]), Flags: Flags(raw[32]), SignCount: binary.BigEndian.Uint32(raw[33:37])}
	rest := raw[37:]
	if a.Flags&flagAT != 0 {
		var err error
		if a.Credential, rest, err = parseAttested(rest); err != nil {
			return AuthenticatorData{}, fmt.Errorf("authenticator data: %w", err)
		}
	}
	if a.Flags&flagED != 0 {
		var extensions map[string]cbor.RawMessage
		var err error
		if rest, err = cborMode().UnmarshalFirst(rest, &extensions); err != nil {
			return AuthenticatorData{}, fmt.Errorf("authenticator data: extensions: %w: %v", ErrMalformed, err)
		}
	}
	if len(rest) != 0 {
		return AuthenticatorData{}, fmt.Errorf("authenticator data: %d bytes left: %w", len(rest), ErrMalformed)
	}
	return a, nil
}

func parseAttested(b []byte) (*AttestedCredential, []byte, error) {
	if len(b) < 18 {
		return nil, nil, fmt.Errorf("attested credential of %d bytes: %w", len(b), ErrMalformed)
	}
	c := &AttestedCredential{AAGUID: AAGUID(b[:16])}
	n := int(binary.BigEndian.Uint16(b[16:18]))
	if b = b[18:]; n == 0 || n > maxCredentialID || len(b) < n {
		return nil, nil, fmt.Errorf("credential identifier of %d bytes: %w", n, ErrMalformed)
	}
	c.ID, b = b[:n:n], b[n:]
	var key cbor.RawMessage
	rest, err := cborMode().UnmarshalFirst(b, &key)
	if err != nil {
		return nil, nil, fmt.Errorf("credential key: %w: %v", ErrMalformed, err)
	}
	c.COSE = key
	return c, rest, nil
}
