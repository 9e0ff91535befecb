package dossiers

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"parapheur/internal/evidence"
	"parapheur/signing"
)

// verificationTime is the longest that one verification may read files for. Hostile ones are bounded by the packages that
// read them; this bounds what is left.
const verificationTime = 20 * time.Second

// Trust is what verifications for strangers rest on.
type Trust struct {
	// Roots are the anchors of signatures, seals and time-stamps. Nil: nothing is ever found valid.
	Roots *x509.CertPool
	// Own are the anchors of what the office itself signs and checks before it
	// becomes visible; nil means Roots. Sandbox says that they are of a
	// specimen PKI, which nobody else can trust.
	Own     *x509.CertPool
	Sandbox bool
	// DemoMark is what the subjects of demonstration certificates hold, and no other's.
	DemoMark string
}

// own is how the office judges what it made.
func (t Trust) own(at time.Time) signing.CheckOptions {
	opt := signing.CheckOptions{Roots: t.Own, At: at, Sandbox: t.Sandbox}
	if opt.Roots == nil {
		opt.Roots = t.Roots
	}
	return opt
}

// Held is a file that somebody sent to be verified: already without a name on the disk, so that nothing is left of it
// once closed, even by a crash.
type Held struct {
	file *os.File
	size int64
}

// Close gives the bytes back to the disk.
func (h *Held) Close() error { return h.file.Close() }

// Hold spools what r gives, up to MaxBytes: more is ErrTooLarge. The caller closes it.
func (o *Office) Hold(r io.Reader) (h *Held, err error) {
	f, err := os.CreateTemp(o.Spool, "verification-*")
	if err != nil {
		return nil, fmt.Errorf("hold a file: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	if err = os.Remove(f.Name()); err != nil {
		return nil, fmt.Errorf("hold a file: %w", err)
	}
	n, err := io.Copy(&meter{w: f, left: o.MaxBytes}, r)
	if err != nil {
		return nil, fmt.Errorf("hold a file: %w", err)
	}
	return &Held{file: f, size: n}, nil
}

// A Verification is the verdict on a letter and its evidence. Its JSON form is that of evidence.Report, with demonstration.
type Verification struct {
	*evidence.Report
	// Demonstration says that a certificate at hand is of a demonstration: whatever the outcome, it is worth nothing.
	Demonstration bool `json:"demonstration"`
}

// FoundSignature is one signature of a verified letter.
type FoundSignature = signing.SignatureReport

// FoundDecision is one decision of a verified evidence package.
type FoundDecision = evidence.DecisionReport

// FoundEnrolment says who vouches for a key of a verified evidence package.
type FoundEnrolment = evidence.EnrolmentReport

// Examine verifies the signatures of a letter and, unless pkg is nil, the evidence package about it. It asks nothing of
// the town's data, so that anybody may be answered, and keeps nothing. A letter that is no PDF is an InvalidError of field
// "document"; whatever else is wrong is in the report.
func (o *Office) Examine(ctx context.Context, letter, pkg *Held) (*Verification, error) {
	ctx, cancel := context.WithTimeout(ctx, verificationTime)
	defer cancel()
	if err := letter.isPDF(); err != nil {
		return nil, err
	}
	opt := evidence.Options{Roots: o.Trust.Roots, At: o.Now().UTC()}
	var rep *evidence.Report
	var err error
	if pkg == nil {
		rep, err = evidence.VerifyLetter(ctx, until{ctx, letter.file}, letter.size, opt)
	} else {
		rep, err = evidence.Verify(ctx, until{ctx, pkg.file}, pkg.size, until{ctx, letter.file}, letter.size, opt)
	}
	if err == nil {
		err = ctx.Err() // a verdict on half of the bytes is none
	}
	if err != nil {
		return nil, fmt.Errorf("verify a letter: %w", err)
	}
	return &Verification{Report: rep, Demonstration: o.Trust.demonstrates(rep)}, nil
}

// headLength is where a PDF must begin at the latest, as readers have always allowed (ISO 32000-1, annex H, 3.4.1).
const headLength = 1024

func (h *Held) isPDF() error {
	head := make([]byte, headLength)
	n, err := h.file.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read a letter: %w", err)
	}
	if !bytes.Contains(head[:n], []byte("%PDF-")) {
		return &InvalidError{Field: "document", Reason: "Ce fichier n’est pas un PDF : choisissez la lettre signée, telle que vous l’avez reçue."}
	}
	return nil
}

// demonstrates reports whether any certificate of the report is of a demonstration.
func (t Trust) demonstrates(rep *evidence.Report) bool {
	if rep.Letter != nil && rep.Letter.Check != nil {
		for _, s := range rep.Letter.Check.Signatures {
			if t.marks(s) {
				return true
			}
		}
	}
	return rep.Package != nil && rep.Package.Seal != nil && t.marks(*rep.Package.Seal)
}

func (t Trust) marks(s signing.SignatureReport) bool {
	if t.DemoMark == "" {
		return false
	}
	found := s.Certificate != nil && strings.Contains(s.Certificate.Subject+s.Certificate.Issuer, t.DemoMark)
	if s.Timestamp != nil {
		c := s.Timestamp.Certificate
		found = found || strings.Contains(c.Subject+c.Issuer, t.DemoMark)
	}
	return found
}

// until reads r as long as ctx lasts, for readers that do not know of contexts.
type until struct {
	ctx context.Context //nolint:containedctx // it lives for one verification
	r   io.ReaderAt
}

// ReadAt implements io.ReaderAt.
func (u until) ReadAt(p []byte, off int64) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.r.ReadAt(p, off)
}
