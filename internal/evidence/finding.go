package evidence

import (
	"fmt"

	"parapheur/approvals/proof"
)

// Code names a finding. Codes are stable: programs may compare them. A decision that package proof refuses is reported
// under its proof.Reason ("document_differs", "signature_does_not_match"...).
type Code string

// Findings that make the outcome Invalid.
const (
	PackageUnreadable Code = "package_unreadable"      // not a zip, cut, or with bytes that no reader shows
	PackageTooLarge   Code = "package_too_large"       // beyond what any dossier needs: a zip bomb
	EntryName         Code = "entry_name_refused"      // absolute, with "..", or not a plain name
	EntryDuplicate    Code = "entry_duplicate"         // two entries of one name
	EntryExtra        Code = "entry_unexpected"        // a file that the manifest does not announce
	EntryMissing      Code = "entry_missing"           // a file that should be there
	EntryDiffers      Code = "entry_differs"           // size or SHA-256 not those of the manifest
	ManifestMalformed Code = "manifest_malformed"      //
	SealRemoved       Code = "seal_removed"            // announced by the manifest, and not there
	SealInvalid       Code = "seal_invalid"            // not a signature of this manifest
	SealOfAnother     Code = "seal_of_another"         // of another legal person
	DossierMalformed  Code = "dossier_malformed"       //
	DossierDiffers    Code = "dossier_differs"         // dossier.json does not say what the journal says
	CircuitDiffers    Code = "circuit_differs"         // not the circuit that the journal froze
	AnnexesDiffer     Code = "annexes_differ"          // not the annexes that were deposited
	JournalMalformed  Code = "journal_malformed"       //
	JournalSubject    Code = "journal_of_another"      // an entry about another dossier
	JournalOrder      Code = "journal_order"           // entries not in the order of their numbers
	JournalHash       Code = "journal_hash"            // an entry that is not that of its hash
	JournalRefused    Code = "journal_refused"         // a fact that the circuit does not allow there
	JournalAbsent     Code = "journal_absent"          // not in the complete journal that was given
	JournalBroken     Code = "journal_broken"          // the complete journal does not hold
	EnrolmentChain    Code = "enrolment_chain_broken"  //
	EnrolmentUnknown  Code = "enrolment_unknown"       // a decision with a key that is nobody's
	DecisionMalformed Code = "decision_malformed"      //
	DecisionMisplaced Code = "decision_misplaced"      // the evidence of another decision of the dossier
	DecisionDiffers   Code = "decision_differs"        // not the evidence that the journal names
	DecisionFiles     Code = "decision_files_differ"   // the files laid out are not those of evidence.json
	DecisionStatement Code = "decision_not_as_journal" // the statement and the journal do not say the same
	DecisionTime      Code = "decision_time"           // recorded before the gesture
	ReasonDiffers     Code = "reason_differs"          // not the reason, opinion or act that was approved
	ProofDiffers      Code = "outside_proof_differs"   // of an act done outside, not the one that the journal names
	LetterUnknown     Code = "letter_differs"          // not the letter of the dossier, or changed
	SignatureInvalid  Code = "signature_invalid"       //
	SignatureMissing  Code = "signature_missing"       // recorded by the journal, and not in the letter
	SignatureForeign  Code = "signature_certificate"   // by another certificate than the journal says
	SignatureLevel    Code = "signature_level"         // lower than the journal says
	SignatureTime     Code = "signature_before_decision"
	MandateAct        Code = "mandate_act_differs"    // number or PDF of the arrêté
	MandatePersons    Code = "mandate_persons_differ" // delegator, delegate, or their quality
	MandateForce      Code = "mandate_not_in_force"   // on the day of the decision
	MandateScope      Code = "mandate_out_of_scope"   // another desk or type
	WitnessStranger   Code = "witness_not_administrator"
)

// Findings that leave the outcome Unverifiable.
const (
	SealMissing       Code = "seal_missing"
	SealUntrusted     Code = "seal_unverified"        // not tied to a root that was given
	Specimen          Code = "specimen"               // of a sandbox: worth nothing, whatever else holds
	SealOwner         Code = "seal_owner_unknown"     // its certificate does not say of which legal person
	LetterMissing     Code = "letter_missing"         //
	LetterSuperseded  Code = "letter_superseded"      // an earlier state of the letter of the dossier
	LetterUnreadable  Code = "letter_unreadable"      // not a PDF that can be read
	SignatureUnknown  Code = "signature_unverified"   //
	SignatureName     Code = "signature_name"         // the certificate is not in the name of who decided
	SignatureExtra    Code = "signature_unrecorded"   // a signature that the dossier does not know
	SignatureClaim    Code = "signature_claimed_time" // the date in the letter is not that of the decision
	SignatureAbsent   Code = "no_signature"           // a letter alone, without signature
	JournalIncomplete Code = "journal_incomplete"     // the journal given begins after, or ends before
	JournalContinues  Code = "journal_continues"      // an export whose beginning is in another one
	MandateUnknown    Code = "mandate_unknown"        // no entry of the journal records it
	WitnessRole       Code = "witness_role_unknown"   // no entry says what who vouched was
	ProofUnfiled      Code = "outside_proof_unfiled"  // no entry says who handed it in for that step
	ReasonMissing     Code = "reason_missing"         // the text behind reason_sha256 was not kept
)

// Remarks: the outcome does not change.
const (
	EarlierVersion Code = "earlier_version"      // about a version of the letter that is not given
	LetterExtended Code = "letter_extended"      // bytes were added after the last recorded signature
	NothingSigned  Code = "nothing_signed"       // no signature was decided yet
	ProofAbsent    Code = "outside_proof_absent" // the proof of an act done outside was not kept with the package
	SealUndated    Code = "seal_undated"         // no third party says since when it is there
	GroundsAbsent  Code = "grounds_absent"       // a package of the first form, without town.jsonl
	JournalPartial Code = "journal_not_given"    // the extract is not compared with the journal of the town
)

// Finding is one thing that a verification says about one part.
type Finding struct {
	Code Code `json:"code"`
	// Outcome is what it makes of the whole; "valid" for a remark.
	Outcome proof.Outcome `json:"outcome"`
	// Subject is a file of the package, or "letter" with "#" and the number of a signature.
	Subject string `json:"subject,omitempty"`
	// Detail says more, for a specialist.
	Detail string `json:"detail,omitempty"`
}

func finding(o proof.Outcome, c Code, subject, format string, args ...any) *Finding {
	return &Finding{Code: c, Outcome: o, Subject: subject, Detail: fmt.Sprintf(format, args...)}
}

func invalid(c Code, subject, format string, args ...any) *Finding {
	return finding(proof.Invalid, c, subject, format, args...)
}

func unverifiable(c Code, subject, format string, args ...any) *Finding {
	return finding(proof.Unverifiable, c, subject, format, args...)
}

func remark(c Code, subject, format string, args ...any) *Finding {
	return finding(proof.Valid, c, subject, format, args...)
}

// worst is the outcome that findings lead to.
func worst(findings []Finding) proof.Outcome {
	out := proof.Valid
	for _, f := range findings {
		if f.Outcome == proof.Invalid {
			return proof.Invalid
		}
		if f.Outcome == proof.Unverifiable {
			out = proof.Unverifiable
		}
	}
	return out
}
