package proof

import "fmt"

const schemaStatement = "parapheur.decision.v1"

// Decision is the word that a statement uses, in French since people will read it in court. The words are never
// conflated.
type Decision string

// The decisions.
const (
	Visa     Decision = "visa"          // internal approval
	Sign     Decision = "signature"     // the author of the letter signs it
	Seal     Decision = "cachet"        // the seal of the legal person is to be applied
	Opinion  Decision = "avis"          // an opinion, which binds nobody
	Refusal  Decision = "refus"         // sent back, always with a reason
	External Decision = "externe"       // an act done outside is recorded with its proof
	Bypass   Decision = "contournement" // an administrator lets a blocked step be passed, always with a reason
	Undoing  Decision = "remords"       // the actor takes back his own decision, before the next step has acted
)

// Known says whether d is one of the decisions.
func (d Decision) Known() bool { return d.MaxBatch() > 0 }

// MaxBatch is how many statements of this decision one gesture may approve: 50 visas or opinions, 20 signatures or seals,
// a single one of the others. Zero for a word that is not a decision.
func (d Decision) MaxBatch() int {
	switch d {
	case Visa, Opinion:
		return 50
	case Sign, Seal:
		return 20
	case Refusal, Undoing, External, Bypass:
		return 1
	}
	return 0
}

// Statement is one decision on one document at one step. The order of the fields is the canonical order.
type Statement struct {
	// Schema is "parapheur.decision.v1".
	Schema string `json:"schema"`
	// Tenant is the SIRET of the town, 14 digits.
	Tenant string `json:"tenant"`
	// Dossier identifies the dossier, for ever.
	Dossier string `json:"dossier"`
	// Version is that of the document, from 1.
	Version int `json:"version"`
	// DocSHA256 and DocBytes are the digest and the length of the frozen document: they hold as well for the first
	// DocBytes bytes of the signed PDF.
	DocSHA256 Digest `json:"doc_sha256"`
	DocBytes  int64  `json:"doc_bytes"`
	// AnnexRoot is the Merkle root over the annexes, none without annex.
	AnnexRoot Digest `json:"annex_root,omitzero"`
	// CircuitSHA256 is the digest of the frozen circuit.
	CircuitSHA256 Digest `json:"circuit_sha256"`
	// Step identifies the step of the circuit.
	Step string `json:"step"`
	// Decision is what was decided.
	Decision Decision `json:"decision"`
	// ReasonSHA256 is the digest of the written reason or remark, required for a refusal.
	ReasonSHA256 Digest `json:"reason_sha256,omitzero"`
	// Actor identifies the person, and is the person of the enrolment.
	Actor string `json:"actor"`
	// Quality is that in which the person acts: « Maire », « DGS ».
	Quality string `json:"quality"`
	// Delegation names the act by which the person decides for another (see ByArrete and the others), empty for who acts in his own right.
	Delegation string `json:"delegation,omitempty"`
	// PrevSHA256 is the digest of the previous evidence of the dossier ([Evidence.Digest]), zero for the first.
	PrevSHA256 Digest `json:"prev_sha256"`
	// Nonce is fresh, so that the neighbours in a batch cannot be guessed from their hashes.
	Nonce Nonce `json:"nonce"`
	// IssuedAt is when the statement was shown, by the server's clock.
	IssuedAt Instant `json:"issued_at"`
}

// ByArrete is what Delegation says of an arrêté of delegation: its number and the digest of its PDF.
func ByArrete(number string, pdf Digest) string {
	return fmt.Sprintf("arrêté %s sha256:%s", number, pdf)
}

// ByImpediment is what it says of suppléance: the identifier of the impediment and the digest of what establishes it, zero
// when no file was kept.
func ByImpediment(id string, document Digest) string {
	return fmt.Sprintf("empêchement %s sha256:%s", id, document)
}

// ByRecusal is what it says of an arrêté of déport, by its number.
func ByRecusal(number string) string { return "arrêté de déport " + number }

// ByAbsence is what it says of an absence, by its identifier.
func ByAbsence(id string) string { return "absence " + id }

// Canonical returns the bytes which are hashed, shown and stored, or ErrMalformed when a field does not hold.
func (s Statement) Canonical() ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("statement: %w", err)
	}
	return CanonicalJSON(s)
}

// Issue sets what is given at the moment of display, and returns the canonical bytes.
func (s Statement) Issue(nonce Nonce, at Instant) ([]byte, error) {
	s.Schema, s.Nonce, s.IssuedAt = schemaStatement, nonce, at
	return s.Canonical()
}

// ParseStatement reads canonical bytes and nothing else. The error is ErrMalformed.
func ParseStatement(raw []byte) (Statement, error) {
	var s Statement
	if err := ParseCanonical(raw, &s); err != nil {
		return Statement{}, fmt.Errorf("statement: %w", err)
	}
	if err := s.check(); err != nil {
		return Statement{}, fmt.Errorf("statement: %w", err)
	}
	return s, nil
}

func (s Statement) check() error {
	if s.Schema != schemaStatement {
		return fmt.Errorf("schema %q: %w", s.Schema, ErrMalformed)
	}
	if err := checkSIRET(s.Tenant); err != nil {
		return err
	}
	if err := checkTexts("dossier", s.Dossier, "step", s.Step, "actor", s.Actor, "quality", s.Quality); err != nil {
		return err
	}
	if s.Delegation != "" {
		if err := checkText("delegation", s.Delegation); err != nil {
			return err
		}
	}
	switch {
	case s.Version < 1:
		return fmt.Errorf("version %d: %w", s.Version, ErrMalformed)
	case s.DocBytes < 1 || s.DocSHA256.IsZero():
		return fmt.Errorf("document of %d bytes, digest %s: %w", s.DocBytes, s.DocSHA256, ErrMalformed)
	case s.CircuitSHA256.IsZero():
		return fmt.Errorf("no circuit: %w", ErrMalformed)
	case !s.Decision.Known():
		return fmt.Errorf("decision %q: %w", s.Decision, ErrMalformed)
	case (s.Decision == Refusal || s.Decision == Bypass) && s.ReasonSHA256.IsZero():
		return fmt.Errorf("a refusal or a bypass without reason: %w", ErrMalformed)
	case s.Nonce.IsZero() || s.IssuedAt <= 0:
		return fmt.Errorf("no nonce or no instant: %w", ErrMalformed)
	}
	return nil
}
