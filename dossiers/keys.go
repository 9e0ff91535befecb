package dossiers

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"parapheur/approvals/proof"
	"parapheur/circuits"
	"parapheur/signing"
)

// Keys finds the key with which a person signs. It verifies the evidence of
// the decision again, itself, before the signer it answers does anything.
type Keys interface {
	// Signer answers ErrKeyless when the person has no usable key. Its Sign
	// answers ErrActivation when the holder has to go to a signing service first.
	Signer(ctx context.Context, t Tenant, p circuits.PersonID, evidence proof.Evidence) (signing.Signer, error)
}

// A KeyRing is a Keys that also judges keys ahead, and sends their holders where
// they authorise a signature. Nobody as a person means the seal of the town.
type KeyRing interface {
	Keys
	// Sealer is Signer for the seal of the town, on the decision of somebody to
	// have it applied.
	Sealer(ctx context.Context, t Tenant, evidence proof.Evidence) (signing.Signer, error)
	// AutoSealer is the seal of the town for the step of a dossier at which the
	// machine puts it: the journal of the dossier is what allows it.
	AutoSealer(ctx context.Context, t Tenant, id ID) (signing.Signer, error)
	// Readiness judges a key as it would be judged now. It uses no key and
	// asks nobody: what was fetched ahead counts.
	Readiness(ctx context.Context, t Tenant, p circuits.PersonID) (KeyReadiness, error)
	// Prefetch fetches what proves that the key's certificate is not revoked, so
	// that the signature does not wait for it. ErrRevoked when it is.
	Prefetch(ctx context.Context, t Tenant, p circuits.PersonID) error
	// Activate asks the signing service of p's key to authorise these
	// signatures, all at once, and answers where the browser of p has to go.
	// ErrKeyless when p's key needs no such thing.
	Activate(ctx context.Context, t Tenant, p circuits.PersonID, uses []KeyUse) (redirect string, err error)
	// Finish takes the parameters with which the browser of p came back.
	// ErrActivation when p declined, or came too late.
	Finish(ctx context.Context, t Tenant, p circuits.PersonID, query url.Values) error
}

// A KeyUse is one letter that waits for the holder of a remote key: the
// decision, and the signature laid out and kept.
type KeyUse struct {
	Evidence proof.Evidence
	Prepared []byte // signing.Prepared, marshalled
}

// A KeyReadiness is what is known today of a key, without using it.
type KeyReadiness struct {
	Kind     string // where it is: "pkcs12", "pkcs11", "csc"; empty when there is none
	Holder   string // common name in the certificate
	Issuer   string
	NotAfter time.Time // when the first certificate of its chain ends
	Usable   bool      // no problem stops a signature
	// Archivable says that evidence about revocation was had for the chain.
	Archivable bool
	Problems   []KeyProblem
}

// A KeyProblem is why a key, or a step that needs one, is not ready today. Its
// text is stable: programs read it.
type KeyProblem string

// The problems of keys, as package keyring finds them, and those of steps.
const (
	KeyMissing           KeyProblem = "no-key"
	KeySuspended         KeyProblem = "suspended"          // its token refused the PIN
	KeyExpired           KeyProblem = "expired"            // the certificate, or one above it
	KeyNotYetValid       KeyProblem = "not-yet-valid"      // the certificate
	KeyWeak              KeyProblem = "weak-key"           // below what the policy accepts
	KeyWrongUsage        KeyProblem = "wrong-usage"        // the certificate is not for documents
	KeyUntrusted         KeyProblem = "untrusted"          // no chain to a root by which letters are judged
	KeyRevoked           KeyProblem = "revoked"            // said by its authority
	KeyDemonstration     KeyProblem = "demonstration"      // outside the demonstration
	KeyUnreachable       KeyProblem = "unreachable"        // the token or the service does not answer
	KeyExpiresSoon       KeyProblem = "expires-soon"       // not a problem today
	KeyRevocationUnknown KeyProblem = "revocation-unknown" // its authority did not answer yet
	KeyNeedsActivation   KeyProblem = "needs-activation"   // its holder will be sent to the signing service

	NobodyAble     KeyProblem = "nobody-able"     // nobody who can act holds the desk
	NoTimestamping KeyProblem = "no-timestamping" // the level needs an authority that this node has not
	NoRevocation   KeyProblem = "no-revocation"   // the level needs evidence that this node cannot ask for
)

// Stops reports whether no signature could be completed today with p.
func (p KeyProblem) Stops() bool {
	return !slices.Contains([]KeyProblem{KeyExpiresSoon, KeyRevocationUnknown, KeyNeedsActivation}, p)
}

// A KeyReport is what is known today of the key of somebody.
type KeyReport struct {
	Person circuits.PersonID // empty: the seal of the town
	Name   string
	Seats  []Seat // of the desks that a published circuit makes sign
	KeyReadiness
	// Reaches is the level that a signature would have today, when Usable.
	Reaches signing.Level
}

// A StepReadiness says why a signature step could not be completed today.
type StepReadiness struct {
	Step     int    // index in the circuit
	Title    string // of the step
	Desk     string
	Level    signing.Level // that is asked
	Problems []StepProblem
}

// A StepProblem is a problem of the key of one holder of a desk, or of the desk
// or the node when Name is empty.
type StepProblem struct {
	Problem KeyProblem
	Name    string
}

// ErrNotReady refuses to start a circuit of which a signature could not be
// completed today, for who asked to be refused. It comes as a *NotReadyError.
var ErrNotReady = errors.New("a signature of this circuit could not be completed today")

// A NotReadyError says which steps are not ready, and why.
type NotReadyError struct{ Steps []StepReadiness }

// Error implements error.
func (e *NotReadyError) Error() string { return fmt.Sprintf("%v: %+v", ErrNotReady, e.Steps) }

// Is makes every NotReadyError match ErrNotReady.
func (e *NotReadyError) Is(target error) bool { return target == ErrNotReady }

// SigningKeys lists what is known today of the keys of the town, for its
// administrators: of whoever a published circuit makes sign, of others who have
// one, and, last, of its seal.
func (o *Office) SigningKeys(ctx context.Context, v Viewer) ([]KeyReport, error) {
	if err := v.administers(); err != nil {
		return nil, err
	}
	people, err := o.Store.People(ctx, v.Tenant.ID)
	if err != nil {
		return nil, err
	}
	types, err := o.Store.Types(ctx, v.Tenant.ID)
	if err != nil {
		return nil, err
	}
	desks := signingDesks(types)
	var out []KeyReport
	for _, p := range people {
		if !p.Active {
			continue
		}
		r := KeyReport{Person: p.ID, Name: p.Name()}
		for _, s := range p.Seats {
			if desks[s.Desk] {
				r.Seats = append(r.Seats, s)
			}
		}
		if err := o.judge(ctx, v.Tenant, &r); err != nil {
			return nil, err
		}
		if r.Kind != "" || len(r.Seats) > 0 {
			out = append(out, r)
		}
	}
	seal := KeyReport{Name: v.Tenant.Name}
	if err := o.judge(ctx, v.Tenant, &seal); err != nil {
		return nil, err
	}
	return append(out, seal), nil
}

// askFor bounds how long a page waits for who knows about revocation.
const askFor = 4 * time.Second

// judge fills in what is known of a key, and the level it reaches here. It asks
// about revocation first; no answer is told as such.
func (o *Office) judge(ctx context.Context, t Tenant, r *KeyReport) (err error) {
	asked, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	_ = o.Keys.Prefetch(asked, t, r.Person) // what is known afterwards is what counts
	if r.KeyReadiness, err = o.Keys.Readiness(ctx, t, r.Person); err != nil {
		return fmt.Errorf("key of %q: %w", r.Name, err)
	}
	r.Reaches = o.reaches()
	if !r.Archivable {
		r.Reaches = min(r.Reaches, signing.BT)
	}
	return nil
}

// reaches is the highest level that this node could give a signature.
func (o *Office) reaches() signing.Level {
	switch {
	case o.Timestamper == nil:
		return signing.BB
	case o.Revocation == nil:
		return signing.BT
	}
	return signing.BLTA
}

// signingDesks are the desks whose turn it is to sign in one of the circuits.
func signingDesks(types []Type) map[circuits.DeskID]bool {
	out := map[circuits.DeskID]bool{}
	for _, y := range types {
		for _, st := range y.Circuit.Steps {
			if st.Kind == circuits.Signature {
				out[st.Desk] = true
			}
		}
	}
	return out
}

// readiness lists the steps of a circuit at which a signature or the seal of
// the town could not be completed today, at the level that the type or the step
// asks for. It asks nobody outside.
func (o *Office) readiness(ctx context.Context, t Tenant, y Type, desks []Desk) ([]StepReadiness, error) {
	var out []StepReadiness
	for i, st := range y.Circuit.Steps {
		asked, err := stepLevel(st.Level)
		if err != nil {
			return nil, err
		}
		r := StepReadiness{Step: i, Title: st.Title, Level: max(o.Level, y.Level, asked)}
		switch k := slices.IndexFunc(desks, func(d Desk) bool { return d.ID == st.Desk }); {
		case st.Kind == circuits.Seal:
			if k >= 0 {
				r.Desk = desks[k].Name
			}
			r.Problems, err = o.sealProblems(ctx, t)
		case st.Kind == circuits.Signature && k >= 0:
			r.Desk = desks[k].Name
			r.Problems, err = o.deskProblems(ctx, t, desks[k])
		default:
			continue
		}
		if err != nil {
			return nil, err
		}
		if r.Level > signing.BB && o.Timestamper == nil {
			r.Problems = append(r.Problems, StepProblem{Problem: NoTimestamping})
		} else if r.Level > signing.BT && o.Revocation == nil {
			r.Problems = append(r.Problems, StepProblem{Problem: NoRevocation})
		}
		if len(r.Problems) > 0 {
			out = append(out, r)
		}
	}
	return out, nil
}

// sealProblems is empty when the seal of the town could be put today.
func (o *Office) sealProblems(ctx context.Context, t Tenant) (out []StepProblem, err error) {
	r, err := o.Keys.Readiness(ctx, t, "")
	if err != nil {
		return nil, fmt.Errorf("seal of %q: %w", t.Name, err)
	}
	for _, x := range r.Problems {
		if x.Stops() {
			out = append(out, StepProblem{x, t.Name})
		}
	}
	return out, nil
}

// deskProblems is empty when one of the holders could sign today.
func (o *Office) deskProblems(ctx context.Context, t Tenant, d Desk) ([]StepProblem, error) {
	var out []StepProblem
	able := false
	for _, h := range d.Holders {
		if !h.Able {
			continue
		}
		able = true
		r, err := o.Keys.Readiness(ctx, t, h.Person)
		if err != nil {
			return nil, fmt.Errorf("key of %q: %w", h.Name, err)
		}
		if r.Usable {
			return nil, nil
		}
		for _, x := range r.Problems {
			if x.Stops() {
				out = append(out, StepProblem{x, h.Name})
			}
		}
	}
	if !able {
		out = append(out, StepProblem{Problem: NobodyAble})
	}
	return out, nil
}

// mustBeReady refuses a circuit of which a signature could not be completed
// today.
func (o *Office) mustBeReady(ctx context.Context, t Tenant, y Type) error {
	desks, err := o.Store.Desks(ctx, t.ID)
	if err != nil {
		return err
	}
	ahead, err := o.readiness(ctx, t, y, desks)
	if err == nil && len(ahead) > 0 {
		err = &NotReadyError{ahead}
	}
	return err
}

// Prefetch has the evidence about whoever may sign a dossier now before they
// do. It is what the prefetch job runs when a signature step opens; what could
// not be had is asked again at the signature.
func (o *Office) Prefetch(ctx context.Context, t TenantID, id ID) error {
	tenant, err := o.Store.Tenant(ctx, t)
	if err != nil {
		return err
	}
	d, err := o.Store.Dossier(ctx, t, id)
	if err != nil {
		return err
	}
	desks, err := o.Store.Desks(ctx, t)
	if err != nil {
		return err
	}
	var errs []error
	for _, i := range d.State.OpenSteps() {
		st := d.State.Circuit.Steps[i]
		if st.Kind != circuits.Signature {
			continue
		}
		for _, desk := range desks {
			if desk.ID != st.Desk {
				continue
			}
			for _, h := range desk.Holders {
				if err := o.Keys.Prefetch(ctx, tenant, h.Person); err != nil && !errors.Is(err, ErrKeyless) {
					errs = append(errs, fmt.Errorf("prefetch for %s: %w", h.Name, err))
				}
			}
		}
	}
	return errors.Join(errs...)
}
