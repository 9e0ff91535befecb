package signing

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"time"

	"parapheur/signing/internal/cms"
	"parapheur/signing/internal/pdf"
)

// Evidence is what proves, years later and without a network, that no certificate of some paths was
// revoked. OCSPs are complete OCSP responses, CRLs complete lists, in DER.
type Evidence struct {
	Certs []*x509.Certificate
	OCSPs [][]byte
	CRLs  [][]byte
}

// EvidenceSource obtains evidence, from the network or a store. Implementations verify what they
// return; this package verifies again that it suffices.
type EvidenceSource interface {
	// Collect returns the evidence for every certificate of the paths but the last of each, which is
	// the trusted root. Each path goes from a leaf to its root. at is the time for which the paths are
	// judged. There is no partial result.
	Collect(ctx context.Context, paths [][]*x509.Certificate, at time.Time) (Evidence, error)
}

// AugmentOptions says which level to reach, and with what.
type AugmentOptions struct {
	Level       Level          // BLT or BLTA
	Evidence    EvidenceSource // required
	Timestamper Timestamper    // required at BLTA, and when a signature has no time-stamp yet
	// Trust is required: the roots that the paths must reach. Its At is the current time.
	Trust CheckOptions
	// AllowUnknown leaves the signatures that cannot be judged (unknown authority, format of before
	// PAdES) at the level they have. Otherwise they are refused.
	AllowUnknown bool
	Hash         crypto.Hash // of the document time-stamp; 0 means SHA-256
	// HashState, when it is not nil, is the state of Hash after the whole document, which then is not
	// read again for the document time-stamp.
	HashState HashState
	// TokenReserve is the room for the document time-stamp, in bytes; 0 means 12 KiB.
	TokenReserve int
}

func (o *AugmentOptions) validate() error {
	switch {
	case o.Level != BLT && o.Level != BLTA:
		return fmt.Errorf("%w: level %v", ErrOptions, o.Level)
	case o.Evidence == nil:
		return fmt.Errorf("%w: no source of evidence", ErrOptions)
	case o.Trust.Roots == nil || o.Trust.At.IsZero():
		return fmt.Errorf("%w: no roots, or no time", ErrOptions)
	case o.Level == BLTA && o.Timestamper == nil:
		return fmt.Errorf("%w: %v without time-stamping authority", ErrOptions, o.Level)
	case o.TokenReserve < 0 || o.TokenReserve > maxTokenReserve:
		return fmt.Errorf("%w: reserve of %d bytes", ErrOptions, o.TokenReserve)
	case stateMagic(o.hash()) == "":
		return fmt.Errorf("%w: %v", ErrAlgorithm, o.Hash)
	}
	return nil
}

func (o *AugmentOptions) hash() crypto.Hash {
	if o.Hash == 0 {
		return crypto.SHA256
	}
	return o.Hash
}

// Augment raises every signature of a signed document to level B-LT or B-LTA (EN 319 142-1, 6.3) and
// returns the bytes to append to it. It adds to the /DSS the certificates and the revocation data of
// all signatures and time-stamps for which the document has none; at B-LTA a document time-stamp
// then covers everything, in the same increment. Doing it again at B-LTA renews the archive: it adds
// the evidence of the authority of the previous time-stamp and stamps anew, which must be done
// before the certificate of that authority expires.
//
// A signature without time-stamp is first given a document time-stamp. At B-LT a document that needs
// nothing more gives no bytes.
//
// It fails with [ErrUnsound] when a signature of the document does not hold, [ErrEvidence] when the
// evidence cannot be had or does not suffice, [ErrTimestamp] or [ErrReserve] for the document
// time-stamp, and with the errors of [Check]; the causes given by the evidence source and the
// time-stamper come wrapped. No level is ever reached in part.
func Augment(ctx context.Context, doc Source, opt AugmentOptions) (tail []byte, err error) {
	if err := opt.validate(); err != nil {
		return nil, fmt.Errorf("augmenting signatures: %w", err)
	}
	if tail, err = augment(ctx, doc, opt); err != nil {
		return nil, fmt.Errorf("augmenting signatures: %w", err)
	}
	return tail, nil
}

func augment(ctx context.Context, doc Source, opt AugmentOptions) ([]byte, error) {
	a := &augmentation{doc: doc, opt: &opt}
	if err := a.examine(); err != nil {
		return nil, err
	}
	if a.unstamped == "" {
		return a.raise(ctx)
	}
	first, err := a.append(ctx, pdf.Evidence{}, true)
	if err != nil {
		return nil, err
	}
	if opt.HashState != nil {
		if opt.HashState, err = opt.HashState.Extend(opt.hash(), first); err != nil {
			return nil, err
		}
	}
	b := &augmentation{doc: grown{doc, first}, opt: &opt}
	if err := b.examine(); err != nil {
		return nil, err
	}
	if b.unstamped != "" {
		return nil, fmt.Errorf("%w: it does not serve the signature of field %q", ErrTimestamp, b.unstamped)
	}
	rest, err := b.raise(ctx)
	return append(first, rest...), err
}

// grown is a document followed by bytes that are not written yet.
type grown struct {
	doc  Source
	tail []byte
}

var _ Source = grown{}

// Size implements [Source].
func (g grown) Size() int64 { return g.doc.Size() + int64(len(g.tail)) }

// ReadAt implements [io.ReaderAt].
func (g grown) ReadAt(p []byte, off int64) (n int, err error) {
	size := g.doc.Size()
	if off < size {
		head := p[:min(int64(len(p)), size-off)]
		if n, err = g.doc.ReadAt(head, off); n < len(head) {
			return n, err
		}
	}
	if n == len(p) {
		return n, nil
	}
	m, err := bytes.NewReader(g.tail).ReadAt(p[n:], off+int64(n)-size)
	return n + m, err
}

var _ io.ReaderAt = grown{}

// augmentation is one increment under way.
type augmentation struct {
	doc       Source
	opt       *AugmentOptions
	checker   *checker
	paths     []judged // of all signatures and time-stamps that are raised
	unstamped string   // field of a signature without time-stamp
}

// examine checks the document as [Check] does, and refuses one that does not hold.
func (a *augmentation) examine() error {
	d, err := pdf.Open(a.doc, a.doc.Size())
	if err != nil {
		return err
	}
	a.checker = &checker{doc: d, r: a.doc, size: a.doc.Size(), opt: a.opt.Trust}
	if err := a.checker.run(); err != nil {
		return err
	}
	rep := a.checker.report()
	if rep.Verdict == Invalid || rep.Verdict == Unknown && !a.opt.AllowUnknown || len(rep.Signatures) == 0 {
		return unsound(rep)
	}
	for _, s := range a.checker.found {
		if s.rep.Verdict != Valid {
			continue
		}
		if s.rep.Timestamp == nil {
			a.unstamped = s.rep.Field
		}
		a.paths = append(a.paths, s.paths...)
	}
	if len(a.paths) == 0 {
		return unsound(rep)
	}
	if a.unstamped != "" && a.opt.Timestamper == nil {
		return fmt.Errorf("%w: the signature of field %q has no time-stamp, and there is no authority to give one", ErrOptions, a.unstamped)
	}
	return nil
}

// unsound names the first finding that counts.
func unsound(r *Report) error {
	for _, reason := range r.Reasons {
		if reason.Verdict() != Valid {
			return fmt.Errorf("%w: %s", ErrUnsound, reason.Code)
		}
	}
	for _, s := range r.Signatures {
		for _, reason := range s.Reasons {
			if reason.Verdict() != Valid {
				return fmt.Errorf("%w: field %q: %s %s", ErrUnsound, s.Field, reason.Code, reason.Detail)
			}
		}
	}
	return ErrUnsound
}

// raise collects the evidence that is missing and writes the increment.
func (a *augmentation) raise(ctx context.Context) ([]byte, error) {
	more, err := a.collect(ctx)
	if err != nil {
		return nil, err
	}
	if more.Empty() && a.opt.Level == BLT {
		return nil, nil
	}
	return a.append(ctx, more, a.opt.Level == BLTA)
}

// collect returns what the document lacks. What it holds already is not asked again: the authorities
// no longer answer about certificates that have expired since.
func (a *augmentation) collect(ctx context.Context) (pdf.Evidence, error) {
	l := newLedger(a.checker.proofs)
	for _, path := range a.paths {
		for _, cert := range path.chains[0] {
			l.certificate(cert)
		}
		if l.proofs.missing(path) == nil {
			continue
		}
		got, err := a.opt.Evidence.Collect(ctx, path.chains[:1], path.at)
		if err != nil {
			return pdf.Evidence{}, fmt.Errorf("%w: %w", ErrEvidence, err)
		}
		l.add(got)
		if cert := l.proofs.missing(path); cert != nil {
			return pdf.Evidence{}, fmt.Errorf("%w: nothing proves that %q was not revoked at %s", ErrEvidence, nameOf(cert), path.at.Format(time.RFC3339))
		}
	}
	return l.fresh, l.check()
}

// ledger adds evidence to that of a document, each piece once.
type ledger struct {
	proofs *proofs
	known  map[[sha256.Size]byte]bool
	fresh  pdf.Evidence
}

func newLedger(p *proofs) *ledger {
	l := &ledger{proofs: p.clone(), known: map[[sha256.Size]byte]bool{}}
	for _, c := range p.certs {
		l.isNew(c.Raw)
	}
	for _, c := range p.lists {
		l.isNew(c.Raw)
	}
	for _, der := range p.responses {
		l.isNew(der)
	}
	return l
}

func (l *ledger) isNew(der []byte) bool {
	sum := sha256.Sum256(der)
	known := l.known[sum]
	l.known[sum] = true
	return !known
}

func (l *ledger) certificate(c *x509.Certificate) {
	if l.isNew(c.Raw) {
		l.proofs.certs = append(l.proofs.certs, c)
		l.fresh.Certs = append(l.fresh.Certs, c.Raw)
	}
}

func (l *ledger) add(e Evidence) {
	for _, c := range e.Certs {
		l.certificate(c)
	}
	for _, der := range e.OCSPs {
		if l.isNew(der) {
			l.proofs.takeResponse(der)
			l.fresh.OCSPs = append(l.fresh.OCSPs, der)
		}
	}
	for _, der := range e.CRLs {
		if l.isNew(der) {
			l.proofs.takeList(der)
			l.fresh.CRLs = append(l.fresh.CRLs, der)
		}
	}
}

// check refuses more than a verifier with the bounds of [Check] would read.
func (l *ledger) check() error {
	size := 0
	for _, c := range l.proofs.lists {
		size += len(c.Raw)
	}
	if len(l.proofs.certs) > maxEvidence || len(l.proofs.lists) > maxRevocations || len(l.proofs.responses) > maxRevocations || size > maxRevocationSize {
		return fmt.Errorf("%w: %d certificates, %d lists of %d bytes, %d answers", ErrLimit,
			len(l.proofs.certs), len(l.proofs.lists), size, len(l.proofs.responses))
	}
	return nil
}

// append lays out one increment with the evidence, and with a document time-stamp if stamp.
func (a *augmentation) append(ctx context.Context, more pdf.Evidence, stamp bool) ([]byte, error) {
	u, err := a.checker.doc.NewUpdate()
	if err != nil {
		return nil, err
	}
	if err := u.AddEvidence(more); err != nil {
		return nil, err
	}
	if stamp {
		if err := a.timestampField(u); err != nil {
			return nil, err
		}
	}
	tail, hole, err := u.Finish()
	if err != nil || !stamp {
		return tail, err
	}
	h := a.opt.hash()
	w, err := hashDocument(ctx, a.doc, a.opt.HashState, nil, h)
	if err != nil {
		return nil, err
	}
	w.Write(tail[:hole.Start])
	w.Write(tail[hole.End:])
	token, err := a.timestamp(ctx, h, w.Sum(nil))
	if err != nil {
		return nil, err
	}
	if len(token) > hole.Capacity() {
		return nil, fmt.Errorf("%w: %d bytes, %d reserved", ErrReserve, len(token), hole.Capacity())
	}
	hex.Encode(tail[hole.Start+1:], token)
	return tail, nil
}

// timestampField writes the document time-stamp (EN 319 142-1, 5.4.3) in a field without a block, on
// the first page.
func (a *augmentation) timestampField(u *pdf.Update) error {
	fields, err := a.checker.doc.Fields()
	if err != nil {
		return err
	}
	page, err := a.checker.doc.Page(1)
	if err != nil {
		return err
	}
	reserve := a.opt.TokenReserve
	if reserve == 0 {
		reserve = defaultTokenReserve
	}
	sig := u.Alloc()
	u.PutSignature(sig, pdf.NewDict(
		entry("Type", pdf.Name("DocTimeStamp")),
		entry("Filter", pdf.Name("Adobe.PPKLite")),
		entry("SubFilter", pdf.Name("ETSI.RFC3161")),
	), reserve)
	widget := u.Alloc()
	u.Put(widget, pdf.NewDict(
		entry("Type", pdf.Name("Annot")),
		entry("Subtype", pdf.Name("Widget")),
		entry("FT", pdf.Name("Sig")),
		entry("T", pdf.EncodeText(freeName(fields, "DocTimeStamp"))),
		entry("V", sig),
		entry("F", flagsPrintLocked),
		entry("AP", emptyAppearance(u)),
		entry("Rect", pdf.Array{0, 0, 0, 0}),
		entry("P", page.Ref),
	))
	if err := u.AddAnnotation(page, widget); err != nil {
		return err
	}
	return u.AddField(widget)
}

// freeName returns the prefix with the first number that no field has.
func freeName(fields []pdf.Field, prefix string) string {
	for n := 1; ; n++ {
		name := fmt.Sprint(prefix, n)
		if !slices.ContainsFunc(fields, func(f pdf.Field) bool { return nameTaken(f, name) }) {
			return name
		}
	}
}

// timestamp obtains a token over digest that the roots of Trust accept.
func (a *augmentation) timestamp(ctx context.Context, h crypto.Hash, digest []byte) ([]byte, error) {
	token, err := a.opt.Timestamper.Timestamp(ctx, h, digest)
	if err != nil {
		return nil, fmt.Errorf("time-stamping the document: %w", err)
	}
	if err := checkToken(token, h, digest); err != nil {
		return nil, err
	}
	t, err := cms.ParseToken(token)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTimestamp, err)
	}
	v := verifier{opt: &a.opt.Trust, rep: &SignatureReport{}, proofs: a.checker.proofs}
	if _, ok := v.token(t, digest); !ok {
		return nil, fmt.Errorf("%w: %s", ErrTimestamp, v.rep.Reasons[0].Code)
	}
	return token, nil
}
