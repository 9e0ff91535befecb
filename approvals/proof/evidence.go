package proof

import "fmt"

// FormatEvidence names the JSON form of an evidence.
const FormatEvidence = "parapheur.evidence.v1"

// maxPath bounds an inclusion proof: 50 statements need 6 siblings.
const maxPath = 6

// Evidence is all that one decision leaves: the exact bytes, to be stored once and never re-serialised from their parts.
// It holds for one dossier; its neighbours in a batch stay hidden behind hashes. In JSON, bytes are in standard base64, and
// the order of the fields is the canonical order.
type Evidence struct {
	// Format is "parapheur.evidence.v1".
	Format string `json:"format"`
	// Statement and Set are canonical bytes; see Statement and Set.
	Statement []byte `json:"statement"`
	Set       []byte `json:"set"`
	// LeafIndex and Path prove that the set contains the statement (RFC 9162).
	LeafIndex int      `json:"leaf_index"`
	Path      []Digest `json:"path"`
	// RPID and Origin are those that the service expected.
	RPID   string `json:"rp_id"`
	Origin string `json:"origin"`
	// CredentialID and COSEKey are the identifier and the public key of the passkey.
	CredentialID []byte `json:"credential_id"`
	COSEKey      []byte `json:"cose_key"`
	// AuthenticatorData, ClientDataJSON and Signature are the assertion.
	AuthenticatorData []byte `json:"authenticator_data"`
	ClientDataJSON    []byte `json:"client_data_json"`
	Signature         []byte `json:"signature"`
	// AttestationObject and RegistrationClientDataJSON are what the registration of the key left.
	AttestationObject          []byte `json:"attestation_object"`
	RegistrationClientDataJSON []byte `json:"registration_client_data_json"`
	// ReceivedAt is when the assertion arrived, by the server's clock.
	ReceivedAt Instant `json:"received_at"`
	// EnrolmentSHA256 is the digest of the enrolment ([EnrolmentDigest]).
	EnrolmentSHA256 Digest `json:"enrolment_sha256"`
}

// Canonical returns the bytes to store, or ErrMalformed. It checks the frame, not the proof: see [Verify].
func (e Evidence) Canonical() ([]byte, error) {
	e.normalise()
	if err := e.check(); err != nil {
		return nil, fmt.Errorf("evidence: %w", err)
	}
	return CanonicalJSON(e)
}

// Digest is the SHA-256 of the canonical bytes: what the next statement of the dossier names as prev_sha256.
func (e Evidence) Digest() (Digest, error) {
	b, err := e.Canonical()
	if err != nil {
		return Digest{}, err
	}
	return SHA256(b), nil
}

// ParseEvidence reads canonical bytes and nothing else. The error is ErrMalformed. Bytes that are missing inside are
// accepted, for Verify to name them.
func ParseEvidence(raw []byte) (Evidence, error) {
	var e Evidence
	if err := ParseCanonical(raw, &e); err != nil {
		return Evidence{}, fmt.Errorf("evidence: %w", err)
	}
	if err := e.check(); err != nil {
		return Evidence{}, fmt.Errorf("evidence: %w", err)
	}
	return e, nil
}

// normalise gives to what is missing its one form in JSON: "" and [] rather than null.
func (e *Evidence) normalise() {
	for _, b := range []*[]byte{
		&e.Statement, &e.Set, &e.CredentialID, &e.COSEKey, &e.AuthenticatorData, &e.ClientDataJSON, &e.Signature,
		&e.AttestationObject, &e.RegistrationClientDataJSON,
	} {
		if *b == nil {
			*b = []byte{}
		}
	}
	if e.Path == nil {
		e.Path = []Digest{}
	}
}

func (e Evidence) check() error {
	if e.Format != FormatEvidence {
		return fmt.Errorf("format %q: %w", e.Format, ErrMalformed)
	}
	if err := checkTexts("rp_id", e.RPID, "origin", e.Origin); err != nil {
		return err
	}
	if e.LeafIndex < 0 || len(e.Path) > maxPath || e.ReceivedAt <= 0 {
		return fmt.Errorf("leaf %d, path of %d, received at %s: %w", e.LeafIndex, len(e.Path), e.ReceivedAt, ErrMalformed)
	}
	for _, b := range [][]byte{
		e.Statement, e.Set, e.CredentialID, e.COSEKey, e.AuthenticatorData, e.ClientDataJSON, e.Signature,
		e.AttestationObject, e.RegistrationClientDataJSON,
	} {
		if b == nil {
			return fmt.Errorf("null bytes: %w", ErrMalformed)
		}
	}
	if e.Path == nil {
		return fmt.Errorf("null path: %w", ErrMalformed)
	}
	return nil
}

// Prove makes the inclusion proof of statement i among those of a set, in the order of the set.
func Prove(statements [][]byte, i int) []Digest { return Path(leaves(statements), i) }
