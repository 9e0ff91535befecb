package proof

import "fmt"

const (
	schemaEnrolment    = "parapheur.enrolment.v1" // nobody vouches for it but the server: of towns that began before witnesses
	schemaWitnessed    = "parapheur.enrolment.v2"
	schemaRegistration = "parapheur.registration.v1"
)

// Founding says why nobody vouches for an enrolment with a key of their own.
type Founding string

// The foundings. A chain has one, but that of a demonstration.
const (
	// FoundedByOperator is the first key of a town, that of its first administrator: the operator of the service made the link.
	FoundedByOperator Founding = "opérateur"
	// FoundedForDemonstration is a key of a town that is one for demonstration, from its first key on and for ever.
	FoundedForDemonstration Founding = "démonstration"
	// FoundedForSandbox is a key of a sandbox, and of no other town.
	FoundedForSandbox Founding = "bac à sable"
)

// IdentityByInvitation is the identity check of a key enrolled through a link sent to the address that the administrator
// gave: nobody saw the person. The paper record, or a witness, is worth more.
const IdentityByInvitation = "lien d’invitation"

// Enrolment says whose key it is: the statement that ties a person to a passkey. Its digest ([Enrolment.Digest]) is in each
// evidence made with the key, and its canonical bytes go with the evidence. The order of the fields is the canonical order.
type Enrolment struct {
	// Schema is "parapheur.enrolment.v2", or "parapheur.enrolment.v1" without founding nor witness.
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
	// IssuedAt is when the key became that of the person: when it was registered, or when its witness was shown this. A
	// decision before does not count.
	IssuedAt Instant `json:"issued_at"`
	// Founding says why there is no Witness; an enrolment of the second schema has one or the other.
	Founding Founding `json:"founding,omitempty"`
	// Witness is who vouches for all of the above.
	Witness *Witness `json:"witness,omitempty"`
}

// Bind fills what the registration of the key says: the digests, the model, and whether the key may be copied.
func (e *Enrolment) Bind(attestationObject []byte) error {
	a, err := ParseAttestation(attestationObject)
	if err != nil {
		return err
	}
	e.Schema = schemaWitnessed
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
	return CanonicalJSON(e)
}

// ParseEnrolment reads canonical bytes and nothing else. The error is ErrMalformed.
func ParseEnrolment(raw []byte) (Enrolment, error) {
	var e Enrolment
	if err := ParseCanonical(raw, &e); err != nil {
		return Enrolment{}, fmt.Errorf("enrolment: %w", err)
	}
	if err := e.check(); err != nil {
		return Enrolment{}, fmt.Errorf("enrolment: %w", err)
	}
	return e, nil
}

func (e Enrolment) check() error {
	switch e.Schema {
	case schemaEnrolment:
		if e.Founding != "" || e.Witness != nil {
			return fmt.Errorf("a witness in the first schema: %w", ErrMalformed)
		}
	case schemaWitnessed:
		if err := e.checkVouched(); err != nil {
			return err
		}
	default:
		return fmt.Errorf("schema %q: %w", e.Schema, ErrMalformed)
	}
	if err := checkSIRET(e.Tenant); err != nil {
		return err
	}
	if e.Founding == FoundedForSandbox && !OfSandbox(e.Tenant) {
		return fmt.Errorf("a key of a sandbox in %s: %w", e.Tenant, ErrMalformed)
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

// EnrolmentDigest is the hash by which evidence, and the next enrolment, name an enrolment, given its canonical bytes. Its
// prefix is the same for both schemas.
func EnrolmentDigest(enrolment []byte) Digest { return prefixed(prefixEnrolment, enrolment) }

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
	b, err := CanonicalJSON(registration{Schema: schemaRegistration, RPID: rpID, Person: person, Nonce: nonce})
	if err != nil {
		return Digest{}, err
	}
	return prefixed(prefixRegistration, b), nil
}
