package proof

import (
	"encoding/base64"
	"fmt"
)

const (
	schemaAct = "parapheur.act.v1"
	formatAct = "parapheur.act-evidence.v1"
	// maxDetails bounds the details of an act.
	maxDetails = 20
)

// Act is something done with a gesture that is no decision on a letter: a hosting centre creates a town, a person says
// that they are also somebody elsewhere. The order of the fields is the canonical order.
type Act struct {
	// Schema is "parapheur.act.v1".
	Schema string `json:"schema"`
	// RPID is the domain name to which the passkey is bound.
	RPID string `json:"rp_id"`
	// Actor identifies the person there.
	Actor string `json:"actor"`
	// Kind is what is done: "town.created".
	Kind string `json:"kind"`
	// Details say on what, in the order in which they were shown; 1 to 20.
	Details []Detail `json:"details"`
	// Nonce is fresh: it makes the challenge unpredictable.
	Nonce Nonce `json:"nonce"`
	// IssuedAt is when the act was shown, by the server's clock.
	IssuedAt Instant `json:"issued_at"`
}

// Detail is one name and one value of an act.
type Detail struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Detail returns the value of the first detail of this name, or nothing.
func (a Act) Detail(name string) string {
	for _, d := range a.Details {
		if d.Name == name {
			return d.Value
		}
	}
	return ""
}

// Issue sets what is given at the moment of display, and returns the canonical bytes, or ErrMalformed.
func (a Act) Issue(nonce Nonce, at Instant) ([]byte, error) {
	a.Schema, a.Nonce, a.IssuedAt = schemaAct, nonce, at
	if err := a.check(); err != nil {
		return nil, fmt.Errorf("act: %w", err)
	}
	return CanonicalJSON(a)
}

// ParseAct reads canonical bytes and nothing else. The error is ErrMalformed.
func ParseAct(raw []byte) (Act, error) {
	var a Act
	if err := ParseCanonical(raw, &a); err != nil {
		return Act{}, fmt.Errorf("act: %w", err)
	}
	if err := a.check(); err != nil {
		return Act{}, fmt.Errorf("act: %w", err)
	}
	return a, nil
}

func (a Act) check() error {
	if a.Schema != schemaAct {
		return fmt.Errorf("schema %q: %w", a.Schema, ErrMalformed)
	}
	if err := checkTexts("rp_id", a.RPID, "actor", a.Actor, "kind", a.Kind); err != nil {
		return err
	}
	if len(a.Details) == 0 || len(a.Details) > maxDetails {
		return fmt.Errorf("%d details: %w", len(a.Details), ErrMalformed)
	}
	seen := map[string]bool{}
	for _, d := range a.Details {
		if err := checkTexts("name", d.Name, "value", d.Value); err != nil {
			return err
		}
		if seen[d.Name] {
			return fmt.Errorf("detail %q twice: %w", d.Name, ErrMalformed)
		}
		seen[d.Name] = true
	}
	if a.Nonce.IsZero() || a.IssuedAt <= 0 {
		return fmt.Errorf("no nonce or no instant: %w", ErrMalformed)
	}
	return nil
}

// ActChallenge is what a passkey answers to do an act, given its canonical bytes.
func ActChallenge(act []byte) Digest { return prefixed(prefixAct, act) }

// ActEvidence is an act with the assertion over it. In JSON, bytes are in standard base64.
type ActEvidence struct {
	// Format is "parapheur.act-evidence.v1".
	Format string `json:"format"`
	// Act is the canonical act.
	Act []byte `json:"act"`
	// RPID and Origin are where the gesture was made.
	RPID   string `json:"rp_id"`
	Origin string `json:"origin"`
	// CredentialID and COSEKey are the passkey; whose it is, only an enrolment says.
	CredentialID []byte `json:"credential_id"`
	COSEKey      []byte `json:"cose_key"`
	// AuthenticatorData, ClientDataJSON and Signature are the assertion.
	AuthenticatorData []byte `json:"authenticator_data"`
	ClientDataJSON    []byte `json:"client_data_json"`
	Signature         []byte `json:"signature"`
	// ReceivedAt is when the gesture arrived, by the server's clock.
	ReceivedAt Instant `json:"received_at"`
}

// NewActEvidence returns evidence whose assertion is still to be filled in.
func NewActEvidence(act []byte, rpID, origin string) ActEvidence {
	return ActEvidence{Format: formatAct, Act: act, RPID: rpID, Origin: origin}
}

// VerifyAct verifies that the passkey whose public key is cose made the gesture of e, its user verified, over the act that
// it returns, at this origin. The error is ErrMalformed or ErrInvalid.
func VerifyAct(e ActEvidence, cose []byte, rpID, origin string) (Act, error) {
	act, err := ParseAct(e.Act)
	if err != nil {
		return Act{}, err
	}
	c, err := ParseClientData(e.ClientDataJSON)
	if err != nil {
		return Act{}, err
	}
	a, err := ParseAuthenticatorData(e.AuthenticatorData)
	if err != nil {
		return Act{}, err
	}
	key, err := ParseKey(cose)
	if err != nil {
		return Act{}, err
	}
	challenge := ActChallenge(e.Act)
	switch {
	case e.Format != formatAct || string(e.COSEKey) != string(cose) || e.RPID != rpID || e.Origin != origin || act.RPID != rpID:
		return Act{}, fmt.Errorf("an act of another key or place: %w", ErrInvalid)
	case c.Type != typeGet || c.Challenge != base64.RawURLEncoding.EncodeToString(challenge[:]):
		return Act{}, fmt.Errorf("the gesture answered something else: %w", ErrInvalid)
	case c.Origin != origin || c.CrossOrigin || c.TopOrigin != "" || a.RPIDHash != SHA256([]byte(rpID)):
		return Act{}, fmt.Errorf("the gesture was made elsewhere, at %q: %w", c.Origin, ErrInvalid)
	case a.Credential != nil || !a.Flags.UserPresent() || !a.Flags.UserVerified():
		return Act{}, fmt.Errorf("the user was not verified, flags %08b: %w", a.Flags, ErrInvalid)
	case e.ReceivedAt < act.IssuedAt || e.ReceivedAt > At(act.IssuedAt.Time().Add(MaxLifetime)):
		return Act{}, fmt.Errorf("shown at %s, answered at %s: %w", act.IssuedAt, e.ReceivedAt, ErrInvalid)
	case !key.Verify(signedBytes(e.AuthenticatorData, e.ClientDataJSON), e.Signature):
		return Act{}, fmt.Errorf("the signature does not match: %w", ErrInvalid)
	}
	return act, nil
}
