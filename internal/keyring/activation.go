package keyring

import (
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"parapheur/approvals/proof"
	"parapheur/certs"
	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/signing"
)

// CallbackPath is where the browser of a holder comes back to from a remote
// signing service, on the origin of the town.
const CallbackPath = "/signature/retour"

// Callback is the address that a town declares to a remote signing service.
func Callback(t dossiers.Tenant) string { return t.Origin + CallbackPath }

// A StoredActivation is what a holder authorises, or has authorised.
type StoredActivation struct {
	ID         string // the OAuth state
	Person     circuits.PersonID
	Key        string
	TBS        [][32]byte // digests of what is to be signed
	Activation []byte     // certs.Activation in JSON
	Expires    time.Time
}

// A Use is one letter that waits for its holder: the decision, and what it is
// to sign, laid out and kept.
type Use struct {
	Evidence proof.Evidence
	Prepared []byte // signing.Prepared, marshalled
}

// Activate asks the remote service of p's key to authorise the signature of
// these letters, all at once. It answers where the browser of p has to go;
// dossiers.ErrKeyless when p's key needs no such thing. The gate judges each
// decision before the service is asked.
func (r *Ring) Activate(ctx context.Context, t dossiers.Tenant, p circuits.PersonID, uses []Use) (redirect string, err error) {
	k, err := r.find(ctx, t, p)
	if err != nil {
		return "", err
	}
	if k.Kind != CSC {
		return "", fmt.Errorf("activate: %w: the key is not a remote one", dossiers.ErrKeyless)
	}
	list, h, proofs, err := unpack(uses)
	if err != nil {
		return "", fmt.Errorf("activate: %w", err)
	}
	provider, err := r.provider(ctx, t, k, r.letterGate(ctx, t, k))
	if err != nil {
		return "", fmt.Errorf("activate: %w", err)
	}
	a, err := provider.Begin(ctx, list, h, proofs)
	if err != nil {
		return "", fmt.Errorf("activate: %w", err)
	}
	if a.Redirect == "" {
		return "", fmt.Errorf("activate: %w: the service wants no visit of its holder", dossiers.ErrKeyless)
	}
	stored, err := store(a, p, k.ID)
	if err != nil {
		return "", fmt.Errorf("activate: %w", err)
	}
	return a.Redirect, r.opt.Store.KeepActivation(ctx, t.ID, stored)
}

// unpack reads the bytes to sign of each use.
func unpack(uses []Use) (list [][]byte, h crypto.Hash, proofs []byte, err error) {
	var all []proof.Evidence
	for _, u := range uses {
		var p signing.Prepared
		if err := p.UnmarshalBinary(u.Prepared); err != nil {
			return nil, 0, nil, err
		}
		if h != 0 && h != p.Hash() {
			return nil, 0, nil, errors.New("letters of different hashes: activate them apart")
		}
		h = p.Hash()
		list, all = append(list, p.ToBeSigned()), append(all, u.Evidence)
	}
	proofs, err = packProofs(all...)
	return list, h, proofs, err
}

func store(a certs.Activation, p circuits.PersonID, key string) (StoredActivation, error) {
	raw, err := json.Marshal(a)
	out := StoredActivation{ID: a.Handle, Person: p, Key: key, Activation: raw, Expires: a.Expires}
	for _, tbs := range a.TBS {
		out.TBS = append(out.TBS, sha256.Sum256(tbs))
	}
	return out, err
}

// Finish takes the parameters with which the browser of p came back to the
// callback. nil means that the letters of that activation may be sealed: run
// their sealing. dossiers.ErrActivation when p declined or came too late, and
// dossiers.ErrForbidden when the activation is somebody else's.
func (r *Ring) Finish(ctx context.Context, t dossiers.Tenant, p circuits.PersonID, query url.Values) error {
	stored, err := r.opt.Store.Activation(ctx, t.ID, query.Get("state"), r.opt.Now())
	if errors.Is(err, dossiers.ErrNotFound) {
		return fmt.Errorf("finish: %w: unknown or expired", dossiers.ErrActivation)
	}
	if err != nil {
		return err
	}
	if stored.Person != p {
		return fmt.Errorf("finish: %w", dossiers.ErrForbidden)
	}
	k, err := r.find(ctx, t, p)
	if err != nil {
		return err
	}
	provider, err := r.provider(ctx, t, k, r.letterGate(ctx, t, k))
	if err != nil {
		return fmt.Errorf("finish: %w", err)
	}
	remote, ok := provider.(*certs.CSC)
	if !ok || k.ID != stored.Key {
		return fmt.Errorf("finish: %w: the key was replaced", dossiers.ErrActivation)
	}
	var a certs.Activation
	if err := json.Unmarshal(stored.Activation, &a); err != nil {
		return fmt.Errorf("finish: %w", err)
	}
	a, err = remote.Finish(ctx, a, query)
	switch {
	case errors.Is(err, certs.ErrHolderRefused), errors.Is(err, certs.ErrActivationExpired), errors.Is(err, certs.ErrRemoteRefused):
		return fmt.Errorf("finish: %w: %w", dossiers.ErrActivation, err)
	case err != nil:
		return fmt.Errorf("finish: %w", err)
	}
	if stored, err = store(a, p, k.ID); err != nil {
		return fmt.Errorf("finish: %w", err)
	}
	return r.opt.Store.FinishActivation(ctx, t.ID, stored, r.opt.Now())
}

// finished returns the authorisation that covers tbs, narrowed to it.
func (r *Ring) finished(ctx context.Context, t dossiers.TenantID, key string, tbs, proofs []byte) (certs.Activation, error) {
	stored, err := r.opt.Store.FinishedActivation(ctx, t, key, sha256.Sum256(tbs), r.opt.Now())
	if err != nil {
		return certs.Activation{}, err
	}
	var a certs.Activation
	if err := json.Unmarshal(stored.Activation, &a); err != nil {
		return a, fmt.Errorf("activation: %w", err)
	}
	return a.Only(tbs, proofs)
}
