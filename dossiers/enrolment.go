package dossiers

import (
	"context"
	"errors"
	"fmt"

	"parapheur/approvals"
	"parapheur/approvals/proof"
	"parapheur/circuits"
)

// ErrPending refuses a passkey for which nobody vouched yet.
var ErrPending = errors.New("this passkey waits for a witness")

// A PendingPasskey is a passkey that somebody registered and that opens
// nothing until an officer, or another passkey of that person, vouches for it.
type PendingPasskey struct {
	approvals.Pending
	Person    circuits.PersonID
	InvitedBy string // who made the link; empty: the person added it
}

// Fingerprint is the digest of the public key, by which two people can compare
// what they see on two screens.
func (p PendingPasskey) Fingerprint() circuits.Digest { return circuits.Digest(proof.SHA256(p.COSE)) }

// Enrolled is what an invitation brought about.
type Enrolled struct {
	Person Person
	Token  string          // of the session that was opened; empty when the passkey is pending
	Print  circuits.Digest // of the public key
}

// FinishEnrolment keeps the passkey and uses the invitation up. The first
// passkey of a town, and those of a demonstration, are in force at once: the
// person is signed in under a new token. Any other waits for a witness.
func (o *Office) FinishEnrolment(ctx context.Context, t Tenant, s Session, invitation string, ceremony, response []byte, label string) (Enrolled, error) {
	in, p, err := o.invitation(ctx, t, invitation)
	out := Enrolled{Person: p}
	if err != nil {
		return out, err
	}
	how := registering{invitation: &in.TokenHash, by: in.InvitedBy, label: label}
	made, pending, err := o.finishRegistration(ctx, t, s, p, ceremony, response, how)
	if out.Print = made.Fingerprint(); err != nil || pending {
		return out, err
	}
	out.Token, _, err = o.openSession(ctx, t, p.ID, sessionLife)
	return out, err
}

// registering says how a passkey came to be registered.
type registering struct {
	invitation *[32]byte // nil: a signed-in person adds it
	by         string    // who made the invitation
	label      string
}

// foundingOf says whether p may have a passkey for which nobody vouches, and why.
func foundingOf(t Tenant, p Person, invited bool, chain [][]byte) proof.Founding {
	switch {
	case !invited: // there is a passkey that can vouch
	case t.Sandbox():
		return proof.FoundedForSandbox
	case t.Demo && (len(chain) == 0 || proof.Born(chain) == proof.FoundedForDemonstration):
		return proof.FoundedForDemonstration
	case len(chain) == 0 && p.Admin:
		return proof.FoundedByOperator
	}
	return ""
}

// finishRegistration keeps a new passkey: in force, or pending.
func (o *Office) finishRegistration(ctx context.Context, t Tenant, s Session, p Person, ceremony, response []byte, how registering) (out PendingPasskey, pending bool, err error) {
	rp, err := o.party(t)
	if err != nil {
		return out, false, err
	}
	c, _, err := o.take(ctx, t, s, ceremony, approvals.PurposeRegistration)
	if err != nil {
		return out, false, err
	}
	u, err := o.user(ctx, t.ID, p)
	if err != nil {
		return out, false, err
	}
	if how.label == "" {
		how.label = "Clé d’accès du " + o.here(t.Territory).Format("02/01/2006")
	}
	by := circuits.Actor{Person: p.ID, Name: p.Name()}
	// Enrolments of a town form a chain: one that was overtaken is made again
	// on the new head. The ceremony is already ours.
	for range 8 {
		chain, err := o.Store.Enrolments(ctx, t.ID)
		if err != nil {
			return out, false, err
		}
		e := proof.Enrolment{
			Quality: qualityOf(p), IdentityCheck: proof.IdentityByInvitation, EnrolledBy: how.by, PrevSHA256: headOf(chain),
			Founding: foundingOf(t, p, how.invitation != nil, chain),
		}
		if e.Founding == "" {
			made, err := rp.FinishPending(u, []byte(s.ID), c, response)
			if err != nil {
				return out, false, fmt.Errorf("enrol: %w", err)
			}
			made.Label = how.label
			out = PendingPasskey{Pending: made, Person: p.ID, InvitedBy: how.by}
			return out, true, o.Store.KeepPending(ctx, t.ID, out, how.invitation, by, o.now())
		}
		made, err := rp.FinishRegistration(u, []byte(s.ID), c, response, e)
		if err != nil {
			return out, false, fmt.Errorf("enrol: %w", err)
		}
		made.Label = how.label
		err = o.Store.Enrol(ctx, t.ID, Credential{Person: p.ID, Credential: made}, circuits.Digest(e.PrevSHA256), how.invitation, by, o.now())
		if !errors.Is(err, ErrConflict) {
			out.Credential = made
			return out, false, err
		}
	}
	return out, false, fmt.Errorf("enrol: %w", ErrConflict)
}

// headOf is the digest of the last enrolment of a chain, zero before the first.
func headOf(chain [][]byte) proof.Digest {
	if len(chain) == 0 {
		return proof.Digest{}
	}
	return proof.EnrolmentDigest(chain[len(chain)-1])
}

// qualityOf is the function of a person that their enrolment states.
func qualityOf(p Person) string {
	if len(p.Seats) > 0 {
		return p.Seats[0].Quality
	}
	return "agent"
}

// BeginPasskey asks for one more passkey of a signed-in person.
func (o *Office) BeginPasskey(ctx context.Context, v Viewer, s Session) (Gesture, error) {
	p, err := v.person()
	if err != nil {
		return Gesture{}, fmt.Errorf("begin enrolment: %w", err)
	}
	return o.beginRegistration(ctx, v.Tenant, s, p)
}

// FinishPasskey keeps it, pending, and asks for the gesture by which a passkey
// that the person already has vouches for it: answer it with FinishWitness.
func (o *Office) FinishPasskey(ctx context.Context, v Viewer, s Session, ceremony, response []byte, label string) (Gesture, error) {
	p, err := v.person()
	if err != nil {
		return Gesture{}, fmt.Errorf("enrol: %w", err)
	}
	made, _, err := o.finishRegistration(ctx, v.Tenant, s, p, ceremony, response, registering{label: label})
	if err != nil {
		return Gesture{}, err
	}
	return o.BeginWitness(ctx, v, s, made.ID, "")
}

// An EnrolmentRequest is a passkey that waits for a witness, with its person.
type EnrolmentRequest struct {
	PendingPasskey
	Holder Person
}

// EnrolmentRequests lists the passkeys that wait for a witness: all of them for
// an administrator, one's own for anybody else, the oldest first.
func (o *Office) EnrolmentRequests(ctx context.Context, v Viewer) ([]EnrolmentRequest, error) {
	p, err := v.person()
	if err != nil {
		return nil, fmt.Errorf("enrolment requests: %w", err)
	}
	all, err := o.Store.PendingPasskeys(ctx, v.Tenant.ID)
	if err != nil {
		return nil, err
	}
	var out []EnrolmentRequest
	for _, x := range all {
		if x.Person != p.ID && !p.Admin {
			continue
		}
		holder, err := o.Store.Person(ctx, v.Tenant.ID, x.Person)
		if err != nil {
			return nil, err
		}
		out = append(out, EnrolmentRequest{x, holder})
	}
	return out, nil
}

// request finds a pending passkey that v may vouch for or refuse: an
// administrator any but their own, anybody their own.
func (o *Office) request(ctx context.Context, v Viewer, kid []byte) (EnrolmentRequest, error) {
	all, err := o.EnrolmentRequests(ctx, v)
	if err != nil {
		return EnrolmentRequest{}, err
	}
	r, ok := find(all, func(x EnrolmentRequest) bool { return string(x.ID) == string(kid) })
	if !ok {
		return r, fmt.Errorf("enrolment request: %w", ErrNotFound)
	}
	return r, nil
}

// checkedByHolder is how the holder of a passkey was recognised when another
// of their own vouches for it.
const checkedByHolder = "par une clé déjà enrôlée de la même personne"

// BeginWitness asks v to vouch for a pending passkey with a gesture of their
// own passkey. identity says how they recognised its holder, in their words: it
// is part of what they sign; for their own passkey it says nothing.
func (o *Office) BeginWitness(ctx context.Context, v Viewer, s Session, kid []byte, identity string) (Gesture, error) {
	r, err := o.request(ctx, v, kid)
	if err != nil {
		return Gesture{}, err
	}
	if !r.Holder.Active {
		return Gesture{}, fmt.Errorf("witness: inactive person: %w", ErrForbidden)
	}
	if r.Person == v.Person.ID {
		identity = checkedByHolder
	} else if identity, err = line("identity", identity, 1, 200); err != nil {
		return Gesture{}, err
	}
	rp, err := o.party(v.Tenant)
	if err != nil {
		return Gesture{}, err
	}
	u, err := o.user(ctx, v.Tenant.ID, *v.Person)
	if err != nil {
		return Gesture{}, err
	}
	head, err := o.Store.EnrolmentHead(ctx, v.Tenant.ID)
	if err != nil {
		return Gesture{}, err
	}
	c, asked, err := rp.BeginWitness(u, []byte(s.ID), string(r.Person), r.Pending, proof.Enrolment{
		Quality: qualityOf(r.Holder), IdentityCheck: identity, EnrolledBy: v.Person.Name(), PrevSHA256: proof.Digest(head),
	})
	if err != nil {
		return Gesture{}, fmt.Errorf("witness: %w", err)
	}
	return o.keep(ctx, v.Tenant, c, asked.OptionsJSON)
}

// FinishWitness verifies the gesture of v: the passkey is in force, and the
// enrolment that v vouched for, gesture included, ends the chain of the town.
// ErrConflict when another enrolment came first: ask for the gesture again.
func (o *Office) FinishWitness(ctx context.Context, v Viewer, s Session, ceremony, response []byte) error {
	p, err := v.person()
	if err != nil {
		return fmt.Errorf("witness: %w", err)
	}
	rp, err := o.party(v.Tenant)
	if err != nil {
		return err
	}
	c, _, err := o.take(ctx, v.Tenant, s, ceremony, approvals.PurposeWitness)
	if err != nil {
		return err
	}
	u, err := o.user(ctx, v.Tenant.ID, p)
	if err != nil {
		return err
	}
	made, with, err := rp.FinishWitness(u, []byte(s.ID), c, response)
	if errors.Is(err, approvals.ErrClone) { // the latched flag blocks that passkey from now on
		err = errors.Join(err, o.Store.TouchCredential(ctx, v.Tenant.ID, Credential{Person: p.ID, Credential: with}, o.Now()))
	}
	if err != nil {
		return fmt.Errorf("witness: %w", err)
	}
	r, err := o.request(ctx, v, made.ID) // still there, and still v's to vouch for
	if err != nil {
		return err
	}
	if !r.Holder.Active {
		return fmt.Errorf("witness: inactive person: %w", ErrForbidden)
	}
	e, err := proof.ParseEnrolment(made.EnrolmentStatement)
	if err != nil {
		return fmt.Errorf("witness: %w", err)
	}
	if e.Person != string(r.Person) {
		return fmt.Errorf("witness: %w", ErrForbidden)
	}
	made.Label, made.CreatedAt = r.Label, o.now()
	return o.Store.EnrolWitnessed(ctx, v.Tenant.ID, Credential{Person: r.Person, Credential: made},
		circuits.Digest(e.PrevSHA256), Credential{Person: p.ID, Credential: with}, v.Actor(""), o.now())
}

// RefusePasskey forgets a pending passkey. It opens nothing, then or ever.
func (o *Office) RefusePasskey(ctx context.Context, v Viewer, kid []byte) error {
	r, err := o.request(ctx, v, kid)
	if err != nil {
		return err
	}
	return o.Store.DropPending(ctx, v.Tenant.ID, r.ID, v.Actor(""), o.now())
}

// awaitsWitness turns the refusal of an unknown passkey into what its holder
// can do about it, when they have one that waits.
func (o *Office) awaitsWitness(ctx context.Context, t TenantID, p circuits.PersonID, kid []byte, err error) error {
	if !errors.Is(err, approvals.ErrUnknownCredential) || p == "" {
		return err
	}
	all, listErr := o.Store.PendingPasskeys(ctx, t)
	if listErr != nil {
		return errors.Join(err, listErr)
	}
	for _, x := range all {
		if x.Person == p && string(x.ID) == string(kid) {
			return ErrPending
		}
	}
	return err
}

// InvitedBy returns who let the passkey in when it was not its own holder, as
// its enrolment statement says: who made the link, or who vouched for it.
func (c Credential) InvitedBy() (name string, byOther bool, err error) {
	e, err := proof.ParseEnrolment(c.EnrolmentStatement)
	if err != nil {
		return "", false, fmt.Errorf("passkey %x: %w", c.ID, err)
	}
	byOther = e.IdentityCheck == proof.IdentityByInvitation || e.Witness != nil && e.Witness.Person != e.Person
	return e.EnrolledBy, byOther, nil
}

// WitnessedBy returns who vouched for the passkey with a gesture, and how they
// recognised its holder; nothing for a founding passkey or an older one.
func (c Credential) WitnessedBy() (name, identity string) {
	e, err := proof.ParseEnrolment(c.EnrolmentStatement)
	if err != nil || e.Witness == nil {
		return "", ""
	}
	return e.EnrolledBy, e.IdentityCheck
}
