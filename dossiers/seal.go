package dossiers

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"time"

	"parapheur/approvals/proof"
	"parapheur/circuits"
	"parapheur/internal/specimen"
	"parapheur/signing"
)

// The points between a decision and its sealed result at which a crash is
// survived. Parts.Passing is told of each.
const (
	PointPrepared  = "prepared"  // the signature is laid out and kept
	PointSigned    = "signed"    // the key made its value, nothing kept it yet
	PointKept      = "kept"      // the value is kept
	PointStamped   = "stamped"   // the timestamp is in hand, nothing kept it
	PointCompleted = "completed" // the increment with the stamped signature is kept
	PointRaised    = "raised"    // revocation evidence and archive timestamp are in hand, nothing kept them
	PointStored    = "stored"    // the signed bytes are durable, nothing names them
	PointReady     = "ready"     // the sealing names them, no fact does
	PointSealed    = "sealed"    // committed
)

// SealPoints lists the points in the order they are passed.
func SealPoints() []string {
	return []string{
		PointPrepared, PointSigned, PointKept, PointStamped, PointCompleted, PointRaised, PointStored, PointReady, PointSealed,
	}
}

// A Sealing is how far the use of a key for one step got. It is kept stage by
// stage so that a crash resumes and never signs another thing: each stage is
// made from the one before, and the first comer's is the one that serves.
type Sealing struct {
	Dossier ID
	Version int
	Step    int
	// Edition counts the writes of the row: a stage is kept only over the
	// edition that it was made from. 0: there is no row yet.
	Edition int
	// Decision is the evidence of the decision that it is for. A step may have
	// several, one after the other: each begins anew, over the row of the last.
	Decision circuits.Digest
	Level    signing.Level     // to reach, as it was asked when the key was first wanted
	Holder   circuits.PersonID // of the key for which it is laid out
	Prepared []byte            // signing.Prepared, marshalled
	// Arms and Griffe name the images of its block; zero for none.
	Arms, Griffe circuits.Digest
	Signature    []byte // the key's value over it
	Stamped      []byte // the increment with the signature, at B-B or B-T
	// Tail is everything to append to the letter, durable in the blob store and
	// accepted by our own verifier at Level; zero before.
	Tail      Segment
	StartedAt time.Time
}

// Seal uses the key of whoever decided the Sealing step of a dossier: it puts
// the signature, raises it to the level that was asked, checks the result and
// records it. It is what the sealing job runs. It may run any number of times,
// on any node: what an earlier run kept is taken up, and once sealed it does
// nothing. ErrAwaiting means that something outside did not answer, a
// time-stamping authority or whoever says that no certificate was revoked: the
// decision stands, run it again later.
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
	if err := w.open(ctx); err != nil {
		return err
	}
	if w.base, err = o.openRevision(ctx, d.Main().Revision); err != nil {
		return err
	}
	defer w.base.Close() //nolint:errcheck // read only
	for range maxStages {
		next, err := w.stage(ctx)
		if err != nil {
			return err
		}
		if next == nil {
			return w.record(ctx)
		}
		if w.kept, err = o.Store.AdvanceSealing(ctx, t, *next); err != nil {
			return err
		}
		w.passing(w.point)
	}
	return errors.New("other runs keep changing the sealing")
}

// maxStages bounds one run: five stages, twice over when a key is replaced on
// the way, and what other runs do meanwhile.
const maxStages = 20

// A sealing is one run of the use of one key for one step.
type sealing struct {
	o        *Office
	tenant   Tenant
	dossier  Dossier
	step     int
	decision circuits.Decision
	base     *Content
	kept     Sealing
	prepared signing.Prepared // kept.Prepared
	point    string           // passed once what stage answers is kept
	checked  bool             // this run checked the whole letter
	until    time.Time        // and found that its archive timestamp serves until then
}

func (w *sealing) passing(point string) {
	if w.o.Passing != nil && point != "" {
		w.o.Passing(point)
	}
}

// open takes up what an earlier run kept, or begins.
func (w *sealing) open(ctx context.Context) error {
	var at bool
	if w.decision, at = w.dossier.State.Sealer(); !at {
		return fmt.Errorf("step %d has no decision: %w", w.step, ErrNotFound)
	}
	var err error
	w.kept, err = w.o.Store.Sealing(ctx, w.tenant.ID, w.dossier.ID, w.dossier.State.Version, w.step)
	if !isNotFound(err) && (err != nil || w.kept.Decision == w.decision.Evidence) {
		return err
	}
	edition := w.kept.Edition
	level, err := w.o.level(ctx, w.tenant, w.dossier.TypeCode, w.dossier.State.Circuit.Steps[w.step])
	w.kept = Sealing{Dossier: w.dossier.ID, Version: w.dossier.State.Version, Step: w.step, Edition: edition, Decision: w.decision.Evidence, Level: level, StartedAt: w.o.now()}
	return err
}

// level is the level at which a step seals a letter: the highest of the node's,
// of what the type requires, and of what the step does. A type that is gone
// requires nothing.
func (o *Office) level(ctx context.Context, t Tenant, typeCode string, st circuits.Step) (signing.Level, error) {
	kind, err := o.typeOf(ctx, t, typeCode)
	if err != nil && !errors.Is(err, ErrInvalid) {
		return 0, err
	}
	asked, err := stepLevel(st.Level)
	return max(o.Level, kind.Level, asked), err
}

// stage makes the next thing to keep from what is kept; nil when all is there.
func (w *sealing) stage(ctx context.Context) (*Sealing, error) {
	if w.kept.Prepared != nil {
		if err := w.prepared.UnmarshalBinary(w.kept.Prepared); err != nil {
			return nil, err
		}
	}
	switch {
	case w.kept.Signature == nil:
		return w.use(ctx)
	case w.kept.Stamped == nil:
		return w.stamp(ctx)
	case w.kept.Tail.Bytes == 0:
		return w.raise(ctx)
	}
	return nil, nil //nolint:nilnil // all is there
}

// use lays the signature out, then uses the key on what was kept of it. A key
// that was renewed in between lays out anew: the certificate is part of what is
// signed.
func (w *sealing) use(ctx context.Context) (*Sealing, error) {
	signer, err := w.signer(ctx)
	if errors.Is(err, ErrKeyless) {
		return nil, w.await(ctx, AwaitsKey, err)
	}
	if err != nil {
		return nil, err
	}
	identity, err := signer.Identity(ctx)
	if err != nil {
		return nil, fmt.Errorf("identity of the key: %w", err)
	}
	if w.kept.Prepared == nil || !bytes.Equal(w.prepared.Certificate().Raw, identity.Certificate.Raw) {
		return w.layOut(ctx, identity)
	}
	if w.kept.Level > signing.BT {
		if err := w.o.unrevoked(ctx, identity); err != nil {
			return nil, w.await(ctx, AwaitsKey, err)
		}
	}
	return w.sign(ctx, signer)
}

// signer finds the key, whose side is shown the evidence and verifies it again.
// The seal that nobody puts has no other evidence than the journal.
func (w *sealing) signer(ctx context.Context) (signing.Signer, error) {
	if w.decision.Automatic() {
		return w.o.Keys.AutoSealer(ctx, w.tenant, w.dossier.ID)
	}
	ev, err := w.o.evidenceFor(ctx, w.tenant, w.dossier, w.decision.Evidence)
	if err != nil {
		return nil, err
	}
	if w.decision.Verdict == circuits.Seals {
		return w.o.Keys.Sealer(ctx, w.tenant, ev)
	}
	return w.o.Keys.Signer(ctx, w.tenant, w.decision.By.Person, ev)
}

// evidenceFor is the stored evidence of a decision.
func (o *Office) evidenceFor(ctx context.Context, t Tenant, d Dossier, want circuits.Digest) (proof.Evidence, error) {
	records, err := o.Store.Evidence(ctx, t.ID, d.ID)
	if err != nil {
		return proof.Evidence{}, err
	}
	for _, r := range records {
		if r.SHA256 != want {
			continue
		}
		ev, err := proof.ParseEvidence(r.File)
		if err != nil {
			return ev, fmt.Errorf("evidence %d: %w", r.Seq, err)
		}
		return ev, nil
	}
	return proof.Evidence{}, fmt.Errorf("evidence %s: %w", want, ErrNotFound)
}

func (w *sealing) layOut(ctx context.Context, identity signing.Identity) (*Sealing, error) {
	by, holder := w.decision.By, w.decision.By.Person
	claims := signing.Claims{
		Name: by.Name, Quality: by.Quality, Town: w.tenant.Place, Place: w.tenant.Place, Time: w.decision.At.In(w.o.LocationOf(w.tenant.Territory)),
	}
	if w.tenant.Sandbox() {
		claims.Warning = specimen.Organisation
	}
	if w.decision.Verdict == circuits.Seals { // of the town, in nobody's name
		claims.Name, claims.Quality, claims.Seal, holder = w.tenant.Name, "Cachet de la collectivité", true, ""
	} else if by.For != nil {
		claims.Mention = by.For.Mention
	}
	opt := signing.Options{
		Identity: identity, Level: min(w.kept.Level, signing.BT), Hash: crypto.SHA256, HashState: w.base.Chosen.HashState,
		Claims: claims,
	}
	next := w.kept
	if err := w.adorn(ctx, &opt, &next); err != nil {
		return nil, err
	}
	p, err := w.prepare(ctx, opt)
	if err != nil {
		return nil, fmt.Errorf("prepare: %w", err)
	}
	next.Holder, next.Signature, next.Stamped, next.Tail = holder, nil, nil, Segment{}
	if next.Prepared, err = p.MarshalBinary(); err != nil {
		return nil, fmt.Errorf("prepare: %w", err)
	}
	w.point = PointPrepared
	return &next, nil
}

// sign uses the key, once: the value that is kept is the one that serves.
func (w *sealing) sign(ctx context.Context, signer signing.Signer) (*Sealing, error) {
	value, err := signer.Sign(ctx, w.prepared.ToBeSigned(), w.prepared.Hash())
	if errors.Is(err, ErrActivation) {
		return nil, w.await(ctx, AwaitsActivation, err)
	}
	if err != nil {
		return nil, fmt.Errorf("use the key: %w", err)
	}
	w.passing(PointSigned)
	next := w.kept
	next.Signature, w.point = value, PointKept
	return &next, nil
}
