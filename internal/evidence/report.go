package evidence

import (
	"time"

	"parapheur/approvals/proof"
	"parapheur/circuits"
	"parapheur/signing"
)

// SchemaReport names the JSON form of a report. It is stable: names are never reused with another meaning.
const SchemaReport = "parapheur.evidence-report.v1"

// Report is what a verification found. What could not be reached keeps its zero value.
type Report struct {
	Schema string `json:"schema"`
	// Outcome is Invalid when anything is, Unverifiable when nothing is and something is missing, Valid otherwise.
	Outcome    proof.Outcome `json:"outcome"`
	VerifiedAt time.Time     `json:"verified_at"`
	Tenant     *Tenant       `json:"tenant,omitempty"`
	Dossier    *Dossier      `json:"dossier,omitempty"`
	// Context is what the package says of itself.
	Context   *Context         `json:"context,omitempty"`
	Letter    *LetterReport    `json:"letter,omitempty"`
	Package   *PackageReport   `json:"package,omitempty"`
	Decisions []DecisionReport `json:"decisions,omitempty"` // in order, lapsed ones included
	// Enrolments are those on which the keys of the decisions rest: their own first, then those of who vouched for them.
	Enrolments []EnrolmentReport `json:"enrolments,omitempty"`
	// Specimen says that something at hand is of a sandbox: the outcome is then at best Unverifiable.
	Specimen bool      `json:"specimen,omitempty"`
	Findings []Finding `json:"findings"`
}

// LetterReport is about the PDF at hand.
type LetterReport struct {
	Bytes  int64           `json:"bytes"`
	SHA256 circuits.Digest `json:"sha256"`
	// Check is the verdict on the signatures, nil when the PDF cannot be read.
	Check *signing.Report `json:"check,omitempty"`
}

// PackageReport is about the zip.
type PackageReport struct {
	Files  int  `json:"files"`
	Sealed bool `json:"sealed"`
	// Seal is the verdict on the seal of the town.
	Seal *signing.SignatureReport `json:"seal,omitempty"`
	// Entries is the number of journal entries about the dossier, and HeadSeq and HeadHash the last entry of the town's
	// journal at export, to be compared with a published one.
	Entries  int             `json:"journal_entries"`
	HeadSeq  int64           `json:"journal_head_seq"`
	HeadHash circuits.Digest `json:"journal_head_hash"`
	// Grounds is the number of entries about the town on which the dossier rests.
	Grounds int `json:"journal_grounds,omitempty"`
	// Compared says that the entries were found in a complete journal.
	Compared bool `json:"journal_compared"`
	// Enrolments is the length of the chain of enrolments and EnrolmentHead its last digest, to be compared with the
	// paper record.
	Enrolments    int          `json:"enrolments"`
	EnrolmentHead proof.Digest `json:"enrolment_head"`
}

// DecisionReport is about one decision.
type DecisionReport struct {
	Decision
	// Outcome is that of everything found about the decision, under its folder.
	Outcome proof.Outcome `json:"outcome"`
	// Key is the passkey, once the gesture was verified.
	Key *KeyReport `json:"key,omitempty"`
	// Delegation names the act by which the person decided for another, as it was approved; empty: in their own right.
	Delegation string `json:"delegation,omitempty"`
	// Mandate is that act as the journal of the town records it, nil when it is not at hand.
	Mandate *MandateReport `json:"mandate,omitempty"`
	// ReceivedAt is when the gesture reached the server, by its clock.
	ReceivedAt *time.Time `json:"received_at,omitempty"`
	// Signature is the index in Letter.Check.Signatures of the signature made for this decision.
	Signature *int `json:"signature,omitempty"`
}

// KeyReport is the passkey of a decision and what its enrolment says.
type KeyReport struct {
	Algorithm      string                 `json:"algorithm"` // "ES256", "RS256"
	KeySHA256      proof.Digest           `json:"cose_key_sha256"`
	AAGUID         proof.AAGUID           `json:"aaguid"`
	Attestation    proof.AttestationTrust `json:"attestation"`
	BackupEligible bool                   `json:"backup_eligible"`
	Enrolment      proof.Digest           `json:"enrolment_sha256"`
	EnrolledAt     time.Time              `json:"enrolled_at"`
	EnrolledBy     string                 `json:"enrolled_by"`
	IdentityCheck  string                 `json:"identity_check"`
}

// add records findings, nil ones left out.
func (r *Report) add(findings ...*Finding) {
	for _, f := range findings {
		if f != nil {
			r.Findings = append(r.Findings, *f)
		}
	}
}

// conclude computes the outcomes from the findings. What is of a sandbox is said first.
func (r *Report) conclude() {
	if r.Specimen {
		r.Findings = append([]Finding{*unverifiable(Specimen, "", "")}, r.Findings...)
	}
	if r.Findings == nil {
		r.Findings = []Finding{}
	}
	r.Outcome = worst(r.Findings)
	for i := range r.Decisions {
		d := &r.Decisions[i]
		var own []Finding
		for _, f := range r.Findings {
			if d.Folder != "" && within(f.Subject, d.Folder) {
				own = append(own, f)
			}
		}
		d.Outcome = worst(own)
		if d.Key == nil && !d.Automatic && d.Outcome == proof.Valid {
			d.Outcome = proof.Unverifiable // not reached
		}
	}
}

// within says whether a subject is a folder or a file in it.
func within(subject, folder string) bool {
	return subject == folder || len(subject) > len(folder) && subject[:len(folder)] == folder && subject[len(folder)] == '/'
}
