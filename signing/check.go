package signing

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"parapheur/signing/internal/cms"
	"parapheur/signing/internal/pdf"
)

// Verdict is the outcome of a check. Unknown is never Valid: it says that nothing false was found
// but that something needed is missing, such as a trusted root.
type Verdict string

// The verdicts.
const (
	Valid   Verdict = "valid"
	Invalid Verdict = "invalid"
	Unknown Verdict = "unknown"
)

// CheckOptions says whom to trust and when.
type CheckOptions struct {
	// Roots are the anchors of the signers. Nil: no signature can be better than Unknown.
	Roots *x509.CertPool
	// TimestampRoots are the anchors of the time-stamping authorities; nil means Roots.
	TimestampRoots *x509.CertPool
	// Intermediates complete the chains that the signatures and the document carry.
	Intermediates []*x509.Certificate
	// At is required: the moment at which a signature without a time-stamp is judged, usually now.
	At time.Time
	// Sandbox says that a sandbox checks what it made itself: specimens, and they alone, are judged
	// under Roots, which hold its own root as specimen.Accepted gives it. For anybody else a specimen
	// is never Valid ([Specimen]).
	Sandbox bool
}

// Report is what a check found. Its JSON form is stable: names are never reused with another meaning.
type Report struct {
	// Verdict is Invalid when anything is, Valid when there is at least one signature, all are
	// Valid and the file holds nothing else, Unknown otherwise.
	Verdict    Verdict           `json:"verdict"`
	Size       int64             `json:"size"`
	Signatures []SignatureReport `json:"signatures"` // by revision, then in field order; none is ever left out
	Revisions  []RevisionReport  `json:"revisions"`  // oldest first
	Reasons    []Reason          `json:"reasons,omitempty"`
}

// SignatureReport is what was found about one signature or document time-stamp.
type SignatureReport struct {
	Verdict Verdict  `json:"verdict"`
	Reasons []Reason `json:"reasons,omitempty"` // why it is not Valid, and remarks
	// Level is the baseline level that was reached, "PAdES-BASELINE-T"; empty when not Valid or Unknown,
	// with [NotBaseline], and for a document time-stamp. LT means that the document itself proves, with data that was
	// fresh and signed by the issuers, that no certificate of the signer's and the time-stamps' paths
	// was revoked; LTA that a document time-stamp covers all of it. A document with validation data
	// that does not suffice is told by [EvidenceMissing] or [EvidenceNotCovered].
	Level string `json:"level,omitempty"`
	// NoLevel is why a signature that is not Invalid has no level: [NotPAdES], a format of before it;
	// [NotBaseline], PAdES and more or less than a baseline level allows; [SubFilterUnknown].
	NoLevel   Code   `json:"no_level,omitempty"`
	Kind      Kind   `json:"kind"`
	Field     string `json:"field"`
	SubFilter string `json:"sub_filter,omitempty"`
	// Revision is the index of the revision that it covers, -1 when it covers none exactly.
	Revision        int     `json:"revision"`
	CoversWholeFile bool    `json:"covers_whole_file"`
	ByteRange       []int64 `json:"byte_range,omitempty"`
	// Name is the common name of the signer's certificate, else its whole subject.
	Name        string             `json:"name,omitempty"`
	Certificate *CertificateReport `json:"certificate,omitempty"`
	// Certificates are all that the signature carries, for who judges them further.
	Certificates []*x509.Certificate `json:"-"`
	// Seal says that the certificate is an organisation's: a seal, never somebody's signature.
	Seal        bool             `json:"seal,omitempty"`
	Digest      string           `json:"digest,omitempty"`       // "SHA-256"
	ClaimedTime *time.Time       `json:"claimed_time,omitempty"` // /M, or signing-time of a detached signature; proves nothing
	ClaimedName string           `json:"claimed_name,omitempty"` // /Name; proves nothing
	Reason      string           `json:"reason,omitempty"`       // /Reason
	Location    string           `json:"location,omitempty"`     // /Location
	Timestamp   *TimestampReport `json:"timestamp,omitempty"`    // the sound one, when there is one
}

// Reaches reports whether the signature reached least or above.
func (r *SignatureReport) Reaches(least Level) bool {
	for l := least; l <= BLTA; l++ {
		if r.Level == l.String() {
			return true
		}
	}
	return false
}

// CameWith reports whether the signature is of the first n bytes of the file: one that a document
// of that size had already.
func (r *SignatureReport) CameWith(n int64) bool {
	return len(r.ByteRange) == 4 && r.ByteRange[2]+r.ByteRange[3] <= n
}

// Kind tells signatures from document time-stamps.
type Kind string

// The kinds of signatures.
const (
	KindSignature         Kind = "signature"
	KindDocumentTimestamp Kind = "document_timestamp"
	KindDetached          Kind = "detached"
)

// CertificateReport identifies a certificate.
type CertificateReport struct {
	Subject   string    `json:"subject"`
	Issuer    string    `json:"issuer"`
	Serial    string    `json:"serial"` // hexadecimal
	SHA256    string    `json:"sha256"` // hexadecimal, of the DER
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
	Trusted   bool      `json:"trusted"` // a chain to a root was found, at the time that counts
	DER       []byte    `json:"-"`       // the certificate itself, for who judges it further
}

// TimestampReport is a time-stamp that covers the signature.
type TimestampReport struct {
	Time        time.Time         `json:"time"`
	Authority   string            `json:"authority"`
	Certificate CertificateReport `json:"certificate"`
}

// RevisionReport is one state of the file.
type RevisionReport struct {
	Index      int      `json:"index"`
	End        int64    `json:"end"`                  // bytes
	Signatures []string `json:"signatures,omitempty"` // fields whose signature covers exactly this state
	Evidence   bool     `json:"evidence,omitempty"`   // it added validation data
	Filled     []string `json:"filled,omitempty"`     // form fields that were filled, as the certification permits
	Changes    []Reason `json:"changes,omitempty"`    // made after a signature and not allowed
}

// maxSignatures bounds the signatures of one file, and with it the work of a check.
const maxSignatures = 64

// Check verifies every signature of a PDF and reports what happened to the document after each.
// It reads nothing but r, reaches no network, and takes bounded time and memory on hostile files.
// A report is returned for every file that can be read, however bad; the error says that it
// cannot: [ErrMalformed], [ErrLimit], [ErrOptions] when opt.At is zero, or the error of r.
func Check(r io.ReaderAt, size int64, opt CheckOptions) (*Report, error) {
	if opt.At.IsZero() {
		return nil, fmt.Errorf("checking signatures: %w: no time", ErrOptions)
	}
	doc, err := pdf.Open(r, size)
	if err != nil {
		return nil, fmt.Errorf("checking signatures: %w", err)
	}
	c := &checker{doc: doc, r: r, size: size, opt: opt}
	if err := c.run(); err != nil {
		return nil, fmt.Errorf("checking signatures: %w", err)
	}
	return c.report(), nil
}

// checker is one run of Check.
type checker struct {
	doc       *pdf.Doc
	r         io.ReaderAt
	size      int64
	opt       CheckOptions
	found     []*candidate
	revisions []RevisionReport
	broken    int // first revision whose place in the file is wrong, or len(revisions)
	reasons   []Reason
	hasDSS    bool
	proofs    *proofs // of the DSS
}

// candidate is one signature under examination.
type candidate struct {
	sig         pdf.Signature
	first, last int // revisions in which it is the value of its field
	rep         SignatureReport
	a, b, end   int64 // its ByteRange is [0 a b end-b]
	cms         []byte
	signed      *cms.SignedData // of a signature, once parsed
	token       *cms.Token      // of a document time-stamp, once parsed
	digest      []byte          // of the bytes that it covers
	paths       []judged        // of the signer and of the time-stamps that count, when they were trusted
}

func (s *candidate) add(code Code, detail string) {
	s.rep.Reasons = append(s.rep.Reasons, Reason{Code: code, Detail: detail})
}

// failed reports whether something false was found.
func (s *candidate) failed() bool { return worst(s.rep.Reasons) == Invalid }

func (c *checker) run() error {
	if err := c.collect(); err != nil {
		return err
	}
	c.checkChain()
	for _, s := range c.found {
		if err := c.locate(s); err != nil {
			return err
		}
	}
	if err := c.compare(); err != nil {
		return err
	}
	if err := c.readEvidence(); err != nil {
		return err
	}
	if err := c.verifyAll(); err != nil {
		return err
	}
	return c.levels()
}

// collect lists the signatures of every revision: one that a later revision hides is still listed.
func (c *checker) collect() error {
	if c.doc.Encrypted() {
		c.reasons = append(c.reasons, Reason{Code: Encrypted})
	}
	byKey := map[string]*candidate{}
	last := len(c.doc.Revisions()) - 1
	for i := range last + 1 {
		state := c.doc // the last one as readers see it, even when it is out of its place
		if i < last {
			state = c.doc.At(i)
		}
		list, err := state.Signatures()
		if err != nil {
			if i == last || errors.Is(err, ErrLimit) {
				return err
			}
			continue // an old state that cannot be read is compared with the next one later
		}
		for _, sig := range list {
			k := candidateKey(sig)
			if s := byKey[k]; s != nil {
				s.last = i
				continue
			}
			if len(byKey) == maxSignatures {
				return fmt.Errorf("%w: more than %d signatures", ErrLimit, maxSignatures)
			}
			s := &candidate{sig: sig, first: i, last: i}
			byKey[k] = s
			c.found = append(c.found, s)
		}
	}
	for _, s := range c.found {
		if s.last != last {
			s.add(SignatureRemoved, "")
		}
	}
	c.findShared()
	return nil
}

// candidateKey tells two signatures apart, however broken they are.
func candidateKey(s pdf.Signature) string {
	var at int64
	if len(s.Contents) > 0 {
		at = s.Contents[0].Start
	}
	return fmt.Sprintf("%d %d %d %s", s.Ref.Number, s.Field.Ref.Number, at, s.Field.Name)
}

// findShared marks the signatures that two fields claim: a reader would show one of them twice.
func (c *checker) findShared() {
	for i, s := range c.found {
		for _, o := range c.found[:i] {
			same := s.sig.Ref.Number != 0 && s.sig.Ref == o.sig.Ref || len(s.sig.Contents) > 0 && len(o.sig.Contents) > 0 &&
				s.sig.Contents[0].Start != 0 && s.sig.Contents[0].Start == o.sig.Contents[0].Start
			if same {
				s.add(SignatureShared, o.sig.Field.Name)
			}
		}
	}
}

// report gathers the verdicts.
func (c *checker) report() *Report {
	r := &Report{Size: c.size, Signatures: make([]SignatureReport, 0, len(c.found)), Revisions: c.revisions, Reasons: c.reasons}
	if len(c.found) == 0 {
		r.Reasons = append(r.Reasons, Reason{Code: NoSignature})
	}
	r.Verdict = worst(r.Reasons)
	for _, s := range c.found {
		s.rep.Verdict = worst(s.rep.Reasons)
		s.rep.NoLevel = s.rep.noLevel()
		r.Signatures = append(r.Signatures, s.rep)
		r.Verdict = lower(r.Verdict, s.rep.Verdict)
		if s.rep.Revision >= 0 {
			rev := &r.Revisions[s.rep.Revision]
			rev.Signatures = append(rev.Signatures, s.rep.Field)
		}
	}
	return r
}

// lower returns the worse of two verdicts.
func lower(a, b Verdict) Verdict {
	if a == Invalid || b == Invalid {
		return Invalid
	}
	if a == Unknown || b == Unknown {
		return Unknown
	}
	return Valid
}

// noLevel is why a signature that may hold has no baseline level; empty when it has one, or may not.
func (r *SignatureReport) noLevel() Code {
	if r.Level != "" || r.Kind == KindDocumentTimestamp || r.Verdict == Invalid {
		return ""
	}
	for _, code := range []Code{NotPAdES, SubFilterUnknown, NotBaseline} {
		if slices.ContainsFunc(r.Reasons, func(x Reason) bool { return x.Code == code }) {
			return code
		}
	}
	return ""
}

// NoLevelFrench says why a signature has no baseline level, without a period; empty when NoLevel is.
func (r *SignatureReport) NoLevelFrench() string {
	const none = "aucun niveau PAdES : "
	switch r.NoLevel { //nolint:exhaustive // the other codes are no reason of this kind
	case NotPAdES:
		return none + "la signature est d’un format antérieur (" + r.SubFilter + ")"
	case SubFilterUnknown:
		return none + "le format de la signature est inconnu"
	case NotBaseline:
		for _, x := range r.Reasons {
			if x.Code == NotBaseline && x.Detail == "adbe-revocationInfoArchival" {
				return none + "ses preuves de révocation sont jointes à la façon d’avant PAdES (adbe-revocationInfoArchival)"
			}
		}
		return none + "la signature s’écarte du profil"
	}
	return ""
}
