package dossiers

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"time"

	"parapheur/circuits"
	"parapheur/internal/segments"
	"parapheur/internal/specimen"
	"parapheur/signing"
)

// What a Sealing step may wait for (circuits.StepState.Awaiting).
const (
	AwaitsTimestamp  = circuits.AwaitsTimestamp
	AwaitsRevocation = "revocation" // whoever says that no certificate was revoked
	AwaitsKey        = "key"        // a certificate that can sign: there is none, or it is revoked
	AwaitsActivation = "activation" // the holder of a remote key, who has to authorise it
)

// stamp timestamps the value of the key and makes the increment.
func (w *sealing) stamp(ctx context.Context) (*Sealing, error) {
	var token []byte
	if w.prepared.Level() >= signing.BT {
		digest, h := w.prepared.TimestampInput(w.kept.Signature)
		var err error
		if w.o.Timestamper == nil {
			err = errNoAuthority
		} else {
			token, err = w.o.Timestamper.Timestamp(ctx, h, digest)
		}
		if err != nil {
			return nil, w.await(ctx, AwaitsTimestamp, err)
		}
	}
	w.passing(PointStamped)
	tail, err := w.prepared.Complete(w.kept.Signature, token)
	if err != nil {
		return nil, fmt.Errorf("complete: %w", err)
	}
	next := w.kept
	next.Stamped, w.point = tail, PointCompleted
	return &next, nil
}

var errNoAuthority = errors.New("no time-stamping authority configured")

// raise adds what the level asks for beyond B-T, checks the whole letter, and
// makes what is to be appended durable.
func (w *sealing) raise(ctx context.Context) (*Sealing, error) {
	tail := w.kept.Stamped
	if w.kept.Level > signing.BT {
		more, err := w.augment(ctx)
		if errors.Is(err, ErrRevoked) {
			return w.replace(ctx, err)
		}
		if err != nil {
			return nil, err
		}
		tail = append(bytes.Clone(tail), more...)
	}
	w.passing(PointRaised)
	if err := w.check(ctx, tail); err != nil {
		return nil, err
	}
	digest, n, err := w.o.Blobs.Put(ctx, bytes.NewReader(tail))
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	w.passing(PointStored)
	next := w.kept
	next.Tail, w.point = Segment{Digest: digest, Bytes: n}, PointReady
	return &next, nil
}

// augment makes the increment that raises the stamped signature, and those
// before it, to the level.
func (w *sealing) augment(ctx context.Context) ([]byte, error) {
	whole := segments.Concat(w.base, bytes.NewReader(w.kept.Stamped))
	state, err := signing.HashState(w.base.Chosen.HashState).Extend(crypto.SHA256, w.kept.Stamped)
	if err != nil {
		return nil, fmt.Errorf("extend the hash: %w", err)
	}
	more, awaits, err := w.o.augment(ctx, whole, state, w.kept.Level)
	if err != nil && awaits != "" {
		return nil, w.await(ctx, awaits, err)
	}
	return more, err
}

// augment is signing.Augment with the evidence and the authorities of this
// node. When it fails for something outside, awaits says what.
func (o *Office) augment(ctx context.Context, letter signing.Source, state signing.HashState, level signing.Level) (tail []byte, awaits string, err error) {
	switch {
	case o.Timestamper == nil:
		return nil, AwaitsTimestamp, errNoAuthority
	case o.Revocation == nil:
		return nil, AwaitsRevocation, errors.New("no source of revocation evidence configured")
	}
	stamper := &listener{Timestamper: o.Timestamper}
	tail, err = signing.Augment(ctx, letter, signing.AugmentOptions{
		Level: level, Evidence: o.Revocation, Timestamper: stamper, HashState: state,
		Trust: o.Trust.own(o.now()), AllowUnknown: true, // what a partner signed stays at its level; Verify wants ours at this one
	})
	switch {
	case err == nil || errors.Is(err, ErrRevoked):
	case stamper.failed:
		awaits = AwaitsTimestamp
	case errors.Is(err, signing.ErrEvidence):
		awaits = AwaitsRevocation
	}
	return tail, awaits, err
}

// A listener hears whether an authority failed.
type listener struct {
	signing.Timestamper
	failed bool
}

// Timestamp implements signing.Timestamper.
func (l *listener) Timestamp(ctx context.Context, h crypto.Hash, digest []byte) ([]byte, error) {
	token, err := l.Timestamper.Timestamp(ctx, h, digest)
	l.failed = err != nil
	return token, err
}

// unrevoked answers ErrRevoked for a certificate that is known to be: its key
// is not used. What cannot be known now is asked again for the level.
func (o *Office) unrevoked(ctx context.Context, id signing.Identity) error {
	if o.Revocation == nil {
		return nil
	}
	path := o.pathOf(id.Certificate, id.Chain)
	if path == nil {
		return nil
	}
	if _, err := o.Revocation.Collect(ctx, [][]*x509.Certificate{path}, o.now()); errors.Is(err, ErrRevoked) {
		return err
	}
	return nil
}

// pathOf returns the shortest path from a signatory's certificate to one of
// the roots, both included, as of now; nil without any.
func (o *Office) pathOf(leaf *x509.Certificate, chain []*x509.Certificate) []*x509.Certificate {
	trust := o.Trust.own(o.now())
	known := func(c *x509.Certificate) *x509.Certificate { return c }
	if trust.Sandbox {
		known = specimen.Accepted
	}
	if leaf = known(leaf); leaf == nil {
		return nil
	}
	others := x509.NewCertPool()
	for _, c := range chain {
		if c = known(c); c != nil {
			others.AddCert(c)
		}
	}
	paths, err := leaf.Verify(x509.VerifyOptions{
		Roots: trust.Roots, Intermediates: others, CurrentTime: o.Now(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		return nil
	}
	best := paths[0]
	for _, p := range paths[1:] {
		if len(p) < len(best) {
			best = p
		}
	}
	return best
}

// replace starts over what nobody has seen and can never reach its level: with
// another key when it is the signatory's certificate that was revoked before
// the signature, with another timestamp when it is the authority's.
func (w *sealing) replace(ctx context.Context, revoked error) (*Sealing, error) {
	id := signing.Identity{Certificate: w.prepared.Certificate()}
	signer, err := w.signer(ctx)
	if err != nil {
		return nil, errors.Join(revoked, err)
	}
	now, err := signer.Identity(ctx)
	if err != nil {
		return nil, errors.Join(revoked, err)
	}
	id.Chain = now.Chain
	if w.o.unrevoked(ctx, id) == nil {
		next := w.kept
		next.Stamped, w.point = nil, ""
		w.kept, err = w.o.Store.AdvanceSealing(ctx, w.tenant.ID, next)
		return nil, errors.Join(err, w.await(ctx, AwaitsTimestamp, revoked))
	}
	if bytes.Equal(now.Certificate.Raw, id.Certificate.Raw) {
		return nil, w.await(ctx, AwaitsKey, revoked)
	}
	return w.layOut(ctx, now)
}

// await tells the dossier, once, what is missing. It answers ErrAwaiting with
// its cause.
func (w *sealing) await(ctx context.Context, why string, cause error) error {
	_, err := w.o.Store.Update(ctx, w.tenant.ID, w.dossier.ID, "", func(x Work) (Change, error) {
		events, err := x.Dossier.State.Await(w.step, why, w.o.now())
		if errors.Is(err, circuits.ErrState) {
			return Change{}, nil // said already, or sealed meanwhile
		}
		return Change{Events: events}, err
	})
	return errors.Join(err, fmt.Errorf("%w: %w", ErrAwaiting, cause))
}

// check is the post-condition: nothing becomes visible that our own verifier
// does not accept, at the level that was asked.
func (w *sealing) check(ctx context.Context, tail []byte) error {
	whole := segments.Concat(w.base, bytes.NewReader(tail))
	rep, err := w.o.Verify(ctx, whole, whole.Size(), w.dossier.Main().Revision.Came(), w.kept.Level)
	if err != nil {
		return fmt.Errorf("our own verifier refuses the signed letter: %w", err)
	}
	w.checked, w.until = true, archivedUntil(rep)
	return nil
}

// archivedUntil is the end of the last document timestamp's certificate:
// another one must cover it before. Zero without any.
func archivedUntil(rep *signing.Report) (until time.Time) {
	last := -1
	for _, s := range rep.Signatures {
		if s.Kind == signing.KindDocumentTimestamp && s.Certificate != nil && s.Revision > last {
			last, until = s.Revision, s.Certificate.NotAfter
		}
	}
	return until
}

// record commits the fact. What an earlier run left is checked again first.
func (w *sealing) record(ctx context.Context) error {
	tail, err := w.o.readBlob(ctx, w.kept.Tail)
	if err != nil {
		return err
	}
	if !w.checked {
		if err := w.check(ctx, tail); err != nil {
			return err
		}
	}
	grown, err := grow(w.dossier.Main(), tail)
	if err != nil {
		return err
	}
	_, err = w.o.move(ctx, Viewer{Tenant: w.tenant}, w.dossier.ID, "record", func(x Work, c circumstances) (Change, error) {
		s := x.Dossier.State
		grown.Revision.At = w.o.now()
		events, err := s.Seal(circuits.StepSealed{
			Step: w.step, Signed: grown.Revision.SHA256, Bytes: grown.Revision.Bytes, Level: w.kept.Level.String(),
			Certificate: sha256.Sum256(w.prepared.Certificate().Raw), At: grown.Revision.At,
		}, c.facts(s, s.Circuit, nil))
		if errors.Is(err, circuits.ErrState) {
			return Change{}, nil // another run sealed it first
		}
		return Change{Events: events, Revision: &grown, ArchivedUntil: w.until}, err
	})
	if err == nil {
		w.passing(PointSealed)
	}
	return err
}

// readBlob reads a segment that is small enough to be held.
func (o *Office) readBlob(ctx context.Context, s Segment) ([]byte, error) {
	b, err := o.Blobs.Open(ctx, s.Digest)
	if err != nil {
		return nil, fmt.Errorf("read what was signed: %w", err)
	}
	defer b.Close() //nolint:errcheck // read only
	out := make([]byte, s.Bytes)
	if _, err := b.ReadAt(out, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read what was signed: %w", err)
	}
	if circuits.Digest(sha256.Sum256(out)) != s.Digest {
		return nil, fmt.Errorf("what was signed and stored under %s is damaged", s.Digest)
	}
	return out, nil
}

// grow is the revision of a document with a tail appended, which is durable.
func grow(doc *Document, tail []byte) (NewRevision, error) {
	state, err := signing.HashState(doc.Revision.HashState).Extend(crypto.SHA256, tail)
	if err != nil {
		return NewRevision{}, fmt.Errorf("extend the hash: %w", err)
	}
	sum, err := state.Digest(crypto.SHA256)
	if err != nil {
		return NewRevision{}, fmt.Errorf("extend the hash: %w", err)
	}
	r := doc.Revision
	r.Number++
	r.Segments = append(append([]Segment(nil), r.Segments...), Segment{sha256.Sum256(tail), int64(len(tail))})
	r.Bytes += int64(len(tail))
	r.SHA256, r.HashState = circuits.Digest(sum), state
	return NewRevision{N: doc.N, Name: doc.Name, Pages: doc.Pages, Revision: r}, nil
}

var _ signing.Source = (*Content)(nil)
