package proof

import "fmt"

const (
	schemaEnrolment    = "parapheur.enrolment.v1"
	schemaRegistration = "parapheur.registration.v1"
)

// IdentityByInvitation is the identity check of a key enrolled through a link sent to the address that the administrator
// gave: nobody saw the person. The paper record, or a witness, is worth more.
const IdentityByInvitation = "lien d’invitation"

// Enrolment says whose key it is: the statement that ties a person to a passkey. Its digest ([Enrolment.Digest]) is in each
// evidence made with the key, and its canonical bytes go with the evidence. The order of the fields is the canonical order.
type Enrolment struct {
	// Schema is "parapheur.enrolment.v1".
	Schema string `json:"schema"`
	// Tenant is the SIRET of the town.
	Tenant string `json:"tenant"`
	// Person identifies who holds the key; it is the actor of the statements.
	Person string `json:"person"`
	// Quality is the function held at the time: « Maire ».
	Quality string `json:"quality"`
	// CredentialIDSHA256, COSEKeySHA256 and AttestationObjectSHA256 fix the key and its registration.
	CredentialIDSHA256      Digest `json:"credential_id_sha256"`
	COSEKeySHA256           Digest `json:"cose_key_sha256"`
	AttestationObjectSHA256 Digest `json:"attestation_object_sha256"`
	// AAGUID is the model that the authenticator claims.
	AAGUID AAGUID `json:"aaguid"`
	// BackupEligible says that the key may leave its device.
	BackupEligible bool `json:"backup_eligible"`
	// IdentityCheck says how the person was recognised: « en face à face, PV 2026-07 », or IdentityByInvitation.
	IdentityCheck string `json:"identity_check"`
	// EnrolledBy identifies who answers for the enrolment.
	EnrolledBy string `json:"enrolled_by"`
	// PrevSHA256 is the digest of the enrolment before in the town, zero for the first.
	PrevSHA256 Digest `json:"prev_sha256"`
	// Nonce is that of the registration ceremony: the challenge which the new key answered commits to it.
	Nonce Nonce `json:"nonce"`
	// IssuedAt is when the key was registered.
	IssuedAt Instant `json:"issued_at"`
}

// Bind fills what the registration of the key says: the digests, the model, and whether the key may be copied.
func (e *Enrolment) Bind(attestationObject []byte) error {
	a, err := ParseAttestation(attestationObject)
	if err != nil {
		return err
	}
	e.Schema = schemaEnrolment
	e.CredentialIDSHA256 = SHA256(a.Data.Credential.ID)
	e.COSEKeySHA256 = SHA256(a.Data.Credential.COSE)
	e.AttestationObjectSHA256 = SHA256(attestationObject)
	e.AAGUID = a.Data.Credential.AAGUID
	e.BackupEligible = a.Data.Flags.BackupEligible()
	return nil
}

// Canonical returns the bytes which are hashed and stored, or ErrMalformed when a field does not hold.
func (e Enrolment) Canonical() ([]byte, error) {
	if err := e.check(); err != nil {
		return nil, fmt.Errorf("enrolment: %w", err)
	}
	return canonicalJSON(e)
}

// ParseEnrolment reads canonical bytes and nothing else. The error is ErrMalformed.
func ParseEnrolment(raw []byte) (Enrolment, error) {
	var e Enrolment
	if err := parseCanonical(raw, &e); err != nil {
		return Enrolment{}, fmt.Errorf("enrolment: %w", err)
	}
	if err := e.check(); err != nil {
		return Enrolment{}, fmt.Errorf("enrolment: %w", err)
	}
	return e, nil
}

func (e Enrolment) check() error {
	if e.Schema != schemaEnrolment {
		return fmt.Errorf("schema %q: %w", e.Schema, ErrMalformed)
	}
	if err := checkSIRET(e.Tenant); err != nil {
		return err
	}
	if err := checkTexts("person", e.Person, "quality", e.Quality, "identity_check", e.IdentityCheck, "enrolled_by", e.EnrolledBy); err != nil {
		return err
	}
	if e.CredentialIDSHA256.IsZero() || e.COSEKeySHA256.IsZero() || e.AttestationObjectSHA256.IsZero() {
		return fmt.Errorf("no key: %w", ErrMalformed)
	}
	if e.Nonce.IsZero() || e.IssuedAt <= 0 {
		return fmt.Errorf("no nonce or no instant: %w", ErrMalformed)
	}
	return nil
}

// EnrolmentDigest is the hash by which evidence names an enrolment, given its canonical bytes. It is the challenge as
// well of the witness who approves the enrolment with his own key.
func EnrolmentDigest(enrolment []byte) Digest { return prefixed(prefixEnrolment, enrolment) }

// VerifyEnrolments follows the chain of the enrolments of a town, given as canonical bytes from the first: each names the
// digest of the one before. It returns the digest of the last. The error is ErrMalformed or ErrInvalid.
func VerifyEnrolments(tenant string, chain [][]byte) (Digest, error) {
	var head Digest
	for i, raw := range chain {
		e, err := ParseEnrolment(raw)
		if err != nil {
			return head, fmt.Errorf("enrolment %d: %w", i+1, err)
		}
		if e.Tenant != tenant || e.PrevSHA256 != head {
			return head, fmt.Errorf("enrolment %d does not follow %s in the chain of %s: %w", i+1, head, tenant, ErrInvalid)
		}
		head = EnrolmentDigest(raw)
	}
	return head, nil
}

// registration is what the challenge of a registration commits to.
type registration struct {
	Schema string `json:"schema"`
	RPID   string `json:"rp_id"`
	Person string `json:"person"`
	Nonce  Nonce  `json:"nonce"`
}

// RegistrationChallenge is what a new key answers: it commits to the person and to the nonce that the enrolment will hold,
// so a registration cannot be passed off as that of somebody else.
func RegistrationChallenge(rpID, person string, nonce Nonce) (Digest, error) {
	if err := checkTexts("rp_id", rpID, "person", person); err != nil {
		return Digest{}, err
	}
	b, err := canonicalJSON(registration{Schema: schemaRegistration, RPID: rpID, Person: person, Nonce: nonce})
	if err != nil {
		return Digest{}, err
	}
	return prefixed(prefixRegistration, b), nil
}
