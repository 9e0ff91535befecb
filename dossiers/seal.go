package dossiers

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"

	"parapheur/approvals/proof"
	"parapheur/circuits"
	"parapheur/internal/segments"
	"parapheur/signing"
)

// The points between a decision and its sealed result at which a crash is
// survived. Parts.Passing is told of each.
const (
	PointPrepared = "prepared" // the signature is laid out and kept
	PointSigned   = "signed"   // the key made its value, nothing kept it yet
	PointKept     = "kept"     // the value is kept
	PointStamped  = "stamped"  // the timestamp is in hand, nothing kept it
	PointStored   = "stored"   // the signed bytes are durable, no fact names them
	PointSealed   = "sealed"   // committed
)

// SealPoints lists the points in the order they are passed.
func SealPoints() []string {
	return []string{PointPrepared, PointSigned, PointKept, PointStamped, PointStored, PointSealed}
}

// Seal uses the key of whoever decided the Sealing step of a dossier: it puts
// the signature, checks the result and records it. It is what the sealing job
// runs. It may run any number of times, on any node: what an earlier run kept
// is taken up, and once sealed it does nothing. ErrAwaiting means that no
// time-stamping authority answered: the decision stands, run it again later.
func (o *Office) Seal(ctx context.Context, t TenantID, id ID) error {
	if err := o.seal(ctx, t, id); err != nil {
		return fmt.Errorf("seal %s: %w", id, err)
	}
	return nil
}

func (o *Office) seal(ctx context.Context, t TenantID, id ID) error {
	tenant, err := o.Store.Tenant(ctx, t)
	if err != nil {
		return err
	}
	d, err := o.Store.Dossier(ctx, t, id)
	if err != nil {
		return err
	}
	step := d.State.SealingStep()
	if step < 0 {
		return nil
	}
	w := sealing{o: o, tenant: tenant, dossier: d, step: step}
	base, err := o.openRevision(ctx, d.Main().Revision)
	if err != nil {
		return err
	}
	defer base.Close() //nolint:errcheck // read only
	if err := w.prepare(ctx, base); err != nil {
		return err
	}
	if err := w.sign(ctx); err != nil {
		return err
	}
	tail, err := w.complete(ctx)
	if err != nil {
		return err
	}
	if err := w.check(ctx, base, tail); err != nil {
		return err
	}
	return w.record(ctx, tail)
}

// A sealing is one run of the use of one key for one step.
type sealing struct {
	o        *Office
	tenant   Tenant
	dossier  Dossier
	step     int
	decision circuits.Decision
	signer   signing.Signer
	prepared signing.Prepared
	value    []byte // of the signature, once made
}

func (w *sealing) passing(point string) {
	if w.o.Passing != nil {
		w.o.Passing(point)
	}
}

// key finds the signer, who is shown the evidence and verifies it again.
func (w *sealing) key(ctx context.Context) error {
	for _, x := range w.dossier.State.Decisions {
		if x.Step == w.step && x.Standing == circuits.Holds && x.Verdict == circuits.Signs {
			w.decision = x
		}
	}
	records, err := w.o.Store.Evidence(ctx, w.tenant.ID, w.dossier.ID)
	if err != nil {
		return err
	}
	for _, r := range records {
		if r.SHA256 != w.decision.Evidence {
			continue
		}
		ev, err := proof.ParseEvidence(r.File)
		if err != nil {
			return fmt.Errorf("evidence %d: %w", r.Seq, err)
		}
		w.signer, err = w.o.Keys.Signer(ctx, w.tenant, w.decision.By.Person, ev)
		return err
	}
	return fmt.Errorf("evidence %s: %w", w.decision.Evidence, ErrNotFound)
}

// prepare lays the signature out, or takes up what an earlier run kept.
func (w *sealing) prepare(ctx context.Context, base *Content) error {
	if err := w.key(ctx); err != nil {
		return err
	}
	kept, err := w.o.Store.Sealing(ctx, w.tenant.ID, w.dossier.ID, w.dossier.State.Version, w.step)
	if isNotFound(err) {
		kept, err = w.layOut(ctx, base)
	}
	if err != nil {
		return err
	}
	w.value = kept.Signature
	if err := w.prepared.UnmarshalBinary(kept.Prepared); err != nil {
		return err
	}
	w.passing(PointPrepared)
	return nil
}

func (w *sealing) layOut(ctx context.Context, base *Content) (Sealing, error) {
	identity, err := w.signer.Identity(ctx)
	if err != nil {
		return Sealing{}, fmt.Errorf("identity of the key: %w", err)
	}
	level := signing.BT
	if w.o.Timestamper == nil {
		level = signing.BB
	}
	by := w.decision.By
	p, err := signing.Prepare(ctx, base, signing.Options{
		Identity: identity, Level: level, Hash: crypto.SHA256, HashState: base.Chosen.HashState,
		Claims: signing.Claims{
			Name: by.Name, Quality: by.Quality, Town: w.tenant.Place, Place: w.tenant.Place,
			Time: w.decision.At.In(w.o.Location),
		},
	})
	if err != nil {
		return Sealing{}, fmt.Errorf("prepare: %w", err)
	}
	raw, err := p.MarshalBinary()
	if err != nil {
		return Sealing{}, fmt.Errorf("prepare: %w", err)
	}
	return w.o.Store.KeepPrepared(ctx, w.tenant.ID, Sealing{
		Dossier: w.dossier.ID, Version: w.dossier.State.Version, Step: w.step, Prepared: raw, StartedAt: w.o.now(),
	})
}

// sign uses the key, once: the value that is kept is the one that serves.
func (w *sealing) sign(ctx context.Context) error {
	if w.value != nil {
		return nil
	}
	value, err := w.signer.Sign(ctx, w.prepared.ToBeSigned(), w.prepared.Hash())
	if err != nil {
		return fmt.Errorf("use the key: %w", err)
	}
	w.passing(PointSigned)
	kept, err := w.o.Store.KeepSignature(ctx, w.tenant.ID, Sealing{
		Dossier: w.dossier.ID, Version: w.dossier.State.Version, Step: w.step, Signature: value,
	})
	if err != nil {
		return err
	}
	w.value = kept.Signature
	w.passing(PointKept)
	return nil
}

// complete timestamps the value and returns the bytes to append.
func (w *sealing) complete(ctx context.Context) ([]byte, error) {
	var token []byte
	if w.prepared.Level() >= signing.BT {
		digest, h := w.prepared.TimestampInput(w.value)
		var err error
		if w.o.Timestamper == nil {
			err = errors.New("no time-stamping authority configured")
		} else {
			token, err = w.o.Timestamper.Timestamp(ctx, h, digest)
		}
		if err != nil {
			return nil, errors.Join(w.await(ctx), fmt.Errorf("%w: %w", ErrAwaiting, err))
		}
	}
	w.passing(PointStamped)
	tail, err := w.prepared.Complete(w.value, token)
	if err != nil {
		return nil, fmt.Errorf("complete: %w", err)
	}
	return tail, nil
}

// await tells the dossier, once, that a timestamp is missing.
func (w *sealing) await(ctx context.Context) error {
	_, err := w.o.Store.Update(ctx, w.tenant.ID, w.dossier.ID, "", func(x Work) (Change, error) {
		events, err := x.Dossier.State.AwaitTimestamp(w.step, w.o.now())
		if errors.Is(err, circuits.ErrState) {
			return Change{}, nil // said already, or sealed meanwhile
		}
		return Change{Events: events}, err
	})
	return err
}

// check is the post-condition: nothing becomes visible that our own verifier
// does not accept.
func (w *sealing) check(ctx context.Context, base *Content, tail []byte) error {
	whole := segments.Concat(base, bytes.NewReader(tail))
	if err := w.o.Verify(ctx, whole, whole.Size()); err != nil {
		return fmt.Errorf("our own verifier refuses the signed letter: %w", err)
	}
	return nil
}

// record stores the tail and commits the fact.
func (w *sealing) record(ctx context.Context, tail []byte) error {
	digest, _, err := w.o.Blobs.Put(ctx, bytes.NewReader(tail))
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	w.passing(PointStored)
	grown, err := w.grown(tail, digest)
	if err != nil {
		return err
	}
	_, err = w.o.Store.Update(ctx, w.tenant.ID, w.dossier.ID, "", func(x Work) (Change, error) {
		grown.Revision.At = w.o.now()
		events, err := x.Dossier.State.Seal(circuits.StepSealed{
			Step: w.step, Signed: grown.Revision.SHA256, Bytes: grown.Revision.Bytes, Level: w.prepared.Level().String(),
			Certificate: certificateDigest(w.prepared.Certificate()), At: grown.Revision.At,
		})
		if errors.Is(err, circuits.ErrState) {
			return Change{}, nil // another run sealed it first
		}
		return Change{Events: events, Revision: &grown}, err
	})
	if err == nil {
		w.passing(PointSealed)
	}
	return err
}

// grown is the revision of the letter with the tail appended.
func (w *sealing) grown(tail []byte, digest [32]byte) (NewRevision, error) {
	doc := w.dossier.Main()
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
	r.Segments = append(append([]Segment(nil), r.Segments...), Segment{digest, int64(len(tail))})
	r.Bytes += int64(len(tail))
	r.SHA256, r.HashState = circuits.Digest(sum), state
	return NewRevision{N: doc.N, Name: doc.Name, Pages: doc.Pages, Revision: r}, nil
}

func certificateDigest(c *x509.Certificate) circuits.Digest { return sha256.Sum256(c.Raw) }

var _ signing.Source = (*Content)(nil)
