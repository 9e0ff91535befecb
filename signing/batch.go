package signing

import (
	"context"
	"crypto"
	"fmt"
	"sync"
)

// BatchSigner is a [Signer] that signs several documents with one authorisation: a personal code
// typed once, a session of a remote service opened for exactly these digests. A signer without it is
// asked once for each document.
type BatchSigner interface {
	Signer
	// SignBatch signs each of tbs as [Signer.Sign] does, in order. There is no partial result.
	SignBatch(ctx context.Context, tbs [][]byte, h crypto.Hash) ([][]byte, error)
}

// Job is one document of a batch, with its options.
type Job struct {
	Doc     Source
	Options Options
}

// Signed is what became of a job: the bytes to append to its document, or why there are none.
type Signed struct {
	Tail   []byte
	Notice Notice
	Err    error
}

// maxBatch bounds the documents of one batch: their tails are in memory together, some 50 KB each.
const maxBatch = 2000

// stampers is how many time-stamps are asked for at once: their latency is most of the time of a
// batch.
const stampers = 4

// SignBatch signs several documents and uses the key once, for all those that could be prepared: a
// document that cannot be read or placed keeps its own error and does not stop the others. The error
// that is returned is about all of them: the key was not used, or its use failed. All jobs use the
// same hash and the levels of [Sign]; tsa must allow concurrent calls, and may be nil when all jobs
// are at level BB.
func SignBatch(ctx context.Context, jobs []Job, signer Signer, tsa Timestamper) ([]Signed, error) {
	if len(jobs) > maxBatch {
		return nil, fmt.Errorf("signing a batch: %w: %d documents, %d allowed", ErrOptions, len(jobs), maxBatch)
	}
	id, err := signer.Identity(ctx)
	if err != nil {
		return nil, fmt.Errorf("signing a batch: asking the signer for its certificate: %w", err)
	}
	out, prepared := make([]Signed, len(jobs)), make([]*Prepared, len(jobs))
	for i, j := range jobs {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("signing a batch: %w", err)
		}
		prepared[i], out[i].Err = prepareJob(ctx, j, id, tsa)
	}
	values, err := signAll(ctx, prepared, signer)
	if err != nil {
		return nil, fmt.Errorf("signing a batch: %w", err)
	}
	turns := make(chan struct{}, stampers)
	var wg sync.WaitGroup
	for i, p := range prepared {
		if p == nil {
			continue
		}
		turns <- struct{}{}
		wg.Go(func() {
			defer func() { <-turns }()
			out[i].Notice = p.Notice()
			out[i].Tail, out[i].Err = finish(ctx, jobs[i], p, values[i], tsa)
		})
	}
	wg.Wait()
	return out, nil
}

// prepareJob prepares a signature at level BB or BT; what is above is for finish.
func prepareJob(ctx context.Context, j Job, id Identity, tsa Timestamper) (*Prepared, error) {
	opt := j.Options
	if opt.Identity.Certificate == nil {
		opt.Identity = id
	} else if !opt.Identity.Certificate.Equal(id.Certificate) {
		return nil, fmt.Errorf("preparing a signature: %w", ErrKeyMismatch)
	}
	if opt.Level >= BT && tsa == nil {
		return nil, fmt.Errorf("preparing a signature: %w: %v without time-stamping authority", ErrOptions, opt.Level)
	}
	if opt.Level > BT {
		more := j.augmenting(tsa)
		if err := more.validate(); err != nil {
			return nil, fmt.Errorf("preparing a signature: %w", err)
		}
		opt.Level = BT
	}
	return Prepare(ctx, j.Doc, opt)
}

func (j Job) augmenting(tsa Timestamper) AugmentOptions {
	more := j.Options.Augment
	more.Level, more.Timestamper = j.Options.Level, tsa
	return more
}

// signAll has the prepared signatures signed, with one authorisation when the signer can.
func signAll(ctx context.Context, prepared []*Prepared, signer Signer) ([][]byte, error) {
	var tbs [][]byte
	var at []int
	h := crypto.Hash(0)
	for i, p := range prepared {
		if p == nil {
			continue
		}
		if h != 0 && p.Hash() != h {
			return nil, fmt.Errorf("%w: %v and %v in one batch", ErrOptions, h, p.Hash())
		}
		h, tbs, at = p.Hash(), append(tbs, p.ToBeSigned()), append(at, i)
	}
	out := make([][]byte, len(prepared))
	if len(tbs) == 0 {
		return out, nil
	}
	values, err := signBatch(ctx, signer, tbs, h)
	if err != nil {
		return nil, err
	}
	for k, i := range at {
		out[i] = values[k]
	}
	return out, nil
}

func signBatch(ctx context.Context, signer Signer, tbs [][]byte, h crypto.Hash) ([][]byte, error) {
	if b, ok := signer.(BatchSigner); ok {
		values, err := b.SignBatch(ctx, tbs, h)
		if err == nil && len(values) != len(tbs) {
			err = fmt.Errorf("%w: %d values for %d documents", ErrSignature, len(values), len(tbs))
		}
		return values, err
	}
	values := make([][]byte, len(tbs))
	for i, t := range tbs {
		var err error
		if values[i], err = signer.Sign(ctx, t, h); err != nil {
			return nil, fmt.Errorf("document %d of %d: %w", i+1, len(tbs), err)
		}
	}
	return values, nil
}

// finish stamps and completes one signature, and brings it to the level of the job.
func finish(ctx context.Context, j Job, p *Prepared, value []byte, tsa Timestamper) ([]byte, error) {
	var token []byte
	if p.Level() >= BT {
		digest, h := p.TimestampInput(value)
		var err error
		if token, err = tsa.Timestamp(ctx, h, digest); err != nil {
			return nil, fmt.Errorf("time-stamping the signature: %w", err)
		}
	}
	tail, err := p.Complete(value, token)
	if err != nil || j.Options.Level <= BT {
		return tail, err
	}
	more := j.augmenting(tsa)
	if more.HashState, err = extended(p, &more, tail); err != nil {
		return nil, err
	}
	rest, err := Augment(ctx, grown{j.Doc, tail}, more)
	if err != nil {
		return nil, err
	}
	return append(tail, rest...), nil
}

// extended is the hash state after the signature, when the document time-stamp uses the same hash.
func extended(p *Prepared, more *AugmentOptions, tail []byte) (HashState, error) {
	if more.hash() != p.hash {
		return nil, nil
	}
	return p.state.Extend(p.hash, tail)
}
