package dossiers

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"parapheur/approvals/proof"
	"parapheur/circuits"
)

// maxActivated bounds how many signatures are authorised at once: services say
// less or more, and hashes travel in an address.
const maxActivated = 100

// ToActivate lists the dossiers whose signature v decided and that wait for v
// to authorise the use of their remote key.
func (o *Office) ToActivate(ctx context.Context, v Viewer) ([]ID, error) {
	p, err := v.person()
	if err != nil {
		return nil, err
	}
	kept, err := o.unsigned(ctx, v.Tenant, p.ID)
	if err != nil {
		return nil, err
	}
	out := make([]ID, len(kept))
	for i, s := range kept {
		out[i] = s.Dossier
	}
	return out, nil
}

// unsigned lists the signatures laid out for the key of p when that key is one
// that p authorises elsewhere, and none otherwise.
func (o *Office) unsigned(ctx context.Context, t Tenant, p circuits.PersonID) ([]Sealing, error) {
	kept, err := o.Store.Unsigned(ctx, t.ID, p)
	if err != nil || len(kept) == 0 {
		return nil, err
	}
	key, err := o.Keys.Readiness(ctx, t, p)
	if err != nil {
		return nil, err
	}
	for _, x := range key.Problems {
		if x == KeyNeedsActivation {
			return kept[:min(len(kept), maxActivated)], nil
		}
	}
	return nil, nil
}

// Activate asks the signing service that keeps v's key to authorise every
// signature that v decided and that waits for it, all at once, and answers
// where v's browser has to go. ErrNotFound when nothing waits.
func (o *Office) Activate(ctx context.Context, v Viewer) (redirect string, err error) {
	p, err := v.person()
	if err != nil {
		return "", err
	}
	kept, err := o.unsigned(ctx, v.Tenant, p.ID)
	if err != nil {
		return "", err
	}
	var uses []KeyUse
	for _, s := range kept {
		ev, err := o.signedFor(ctx, v.Tenant, s)
		if errors.Is(err, ErrNotFound) {
			continue // sealed, or taken back, meanwhile
		}
		if err != nil {
			return "", err
		}
		uses = append(uses, KeyUse{Evidence: ev, Prepared: s.Prepared})
	}
	if len(uses) == 0 {
		return "", fmt.Errorf("activate: nothing waits for this key: %w", ErrNotFound)
	}
	for { // services say how many they authorise at once by refusing more
		redirect, err = o.Keys.Activate(ctx, v.Tenant, p.ID, uses)
		if err == nil || len(uses) == 1 {
			return redirect, err
		}
		uses = uses[:len(uses)/2]
	}
}

// signedFor is the evidence of the decision for which a signature was laid out.
func (o *Office) signedFor(ctx context.Context, t Tenant, s Sealing) (proof.Evidence, error) {
	d, err := o.Store.Dossier(ctx, t.ID, s.Dossier)
	if err != nil {
		return proof.Evidence{}, err
	}
	if x, at := d.State.Sealer(); !at || x.Evidence != s.Decision {
		return proof.Evidence{}, ErrNotFound
	}
	return o.evidenceFor(ctx, t, d, s.Decision)
}

// FinishActivation takes the parameters with which v's browser came back from
// the signing service, and has what was authorised sealed.
func (o *Office) FinishActivation(ctx context.Context, v Viewer, query url.Values) ([]ID, error) {
	p, err := v.person()
	if err != nil {
		return nil, err
	}
	if err := o.Keys.Finish(ctx, v.Tenant, p.ID, query); err != nil {
		return nil, err
	}
	kept, err := o.Store.Unsigned(ctx, v.Tenant.ID, p.ID)
	if err != nil {
		return nil, err
	}
	ids := make([]ID, len(kept))
	for i, s := range kept {
		ids[i] = s.Dossier
	}
	return ids, o.Store.SealAgain(ctx, v.Tenant.ID, ids)
}
