package dossiers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"parapheur/circuits"
	"parapheur/internal/segments"
	"parapheur/signing"
)

// ErrNotLonger says that a new archive timestamp would serve no longer than the
// one there is: the authority has no newer certificate yet.
var ErrNotLonger = errors.New("the time-stamping authority has no certificate that lasts longer")

// Renew covers a completed letter with one more archive timestamp, and with the
// evidence about the authority of the last one, when that one stops serving
// before a time (EN 319 142-1, 5.5). It is what the renewal job runs: it may run
// any number of times, and does nothing when another run was faster. The circuit
// stays as it ended; the document has one more revision.
func (o *Office) Renew(ctx context.Context, t TenantID, id ID, before time.Time) error {
	if err := o.renew(ctx, t, id, before); err != nil {
		return fmt.Errorf("renew %s: %w", id, err)
	}
	return nil
}

func (o *Office) renew(ctx context.Context, t TenantID, id ID, before time.Time) error {
	d, err := o.Store.Dossier(ctx, t, id)
	if err != nil {
		return err
	}
	if d.State.Phase != circuits.Completed || !d.Main().Signed() {
		return nil
	}
	base, err := o.openRevision(ctx, d.Main().Revision)
	if err != nil {
		return err
	}
	defer base.Close() //nolint:errcheck // read only
	was, err := o.Verify(ctx, base, base.Size(), d.Main().Revision.Came(), signing.BLTA)
	if err != nil {
		return fmt.Errorf("our own verifier refuses the letter as it is: %w", err)
	}
	if archivedUntil(was).After(before) {
		return nil // another run was faster
	}
	tail, _, err := o.augment(ctx, base, base.Chosen.HashState, signing.BLTA)
	if err != nil {
		return err
	}
	whole := segments.Concat(base, bytes.NewReader(tail))
	rep, err := o.Verify(ctx, whole, whole.Size(), d.Main().Revision.Came(), signing.BLTA)
	if err != nil {
		return fmt.Errorf("our own verifier refuses the renewed letter: %w", err)
	}
	if !archivedUntil(rep).After(archivedUntil(was)) {
		return ErrNotLonger
	}
	if _, _, err := o.Blobs.Put(ctx, bytes.NewReader(tail)); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return o.renewed(ctx, t, d, tail, archivedUntil(rep))
}

// renewed commits the fact.
func (o *Office) renewed(ctx context.Context, t TenantID, d Dossier, tail []byte, until time.Time) error {
	grown, err := grow(d.Main(), tail)
	if err != nil {
		return err
	}
	_, err = o.Store.Update(ctx, t, d.ID, "", func(x Work) (Change, error) {
		if x.Dossier.Main().Revision.SHA256 != d.Main().Revision.SHA256 {
			return Change{}, nil // another run was faster
		}
		grown.Revision.At = o.now()
		events, err := x.Dossier.State.Renew(circuits.SignatureRenewed{
			Signed: grown.Revision.SHA256, Bytes: grown.Revision.Bytes, Level: signing.BLTA.String(), At: grown.Revision.At,
		})
		return Change{Events: events, Revision: &grown, ArchivedUntil: until}, err
	})
	return err
}
