package dossiers

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"time"

	"parapheur/approvals"
	"parapheur/circuits"
)

// How long things last.
const (
	anonymousLife  = time.Hour
	sessionLife    = 12 * time.Hour
	invitationLife = 7 * 24 * time.Hour
)

// A Gesture is what a browser needs to ask its authenticator for one.
type Gesture struct {
	Ceremony []byte // its identifier
	Options  []byte // JSON for navigator.credentials
	Expires  time.Time
}

// token returns n fresh random bytes in base64url.
func (o *Office) token(n int) (string, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(o.Rand, b); err != nil {
		return "", fmt.Errorf("draw a token: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b), nil
}

func hashToken(token string) [32]byte { return sha256.Sum256([]byte(token)) }

// OpenVisit opens a session that is nobody's yet, so that the ceremonies that
// follow are bound to one browser. The token goes in its cookie and is not
// kept.
func (o *Office) OpenVisit(ctx context.Context, t Tenant) (token string, s Session, err error) {
	return o.openSession(ctx, t, "", anonymousLife)
}

func (o *Office) openSession(ctx context.Context, t Tenant, p circuits.PersonID, life time.Duration) (token string, s Session, err error) {
	if token, err = o.token(32); err != nil {
		return "", s, err
	}
	if s.ID, err = o.token(16); err != nil {
		return "", s, err
	}
	if s.CSRF, err = o.token(24); err != nil {
		return "", s, err
	}
	s.Person, s.Expires = p, o.wall().Add(life)
	if err := o.Store.OpenSession(ctx, t.ID, hashToken(token), s); err != nil {
		return "", s, err
	}
	return token, s, nil
}

// Visit returns the session of a cookie's token, or ErrSignInNeeded.
func (o *Office) Visit(ctx context.Context, t Tenant, token string) (Session, error) {
	s, err := o.Store.Session(ctx, t.ID, hashToken(token), o.wall())
	if errors.Is(err, ErrNotFound) {
		return s, ErrSignInNeeded
	}
	return s, err
}

// CloseVisit signs out.
func (o *Office) CloseVisit(ctx context.Context, t Tenant, token string) error {
	return o.Store.CloseSession(ctx, t.ID, hashToken(token))
}

// Viewer returns the person of a session, as the town knows them now.
func (o *Office) Viewer(ctx context.Context, t Tenant, s Session) (Viewer, error) {
	if s.Person == "" {
		return Viewer{}, ErrSignInNeeded
	}
	p, err := o.Store.Person(ctx, t.ID, s.Person)
	if err != nil {
		return Viewer{}, err
	}
	if !p.Active {
		return Viewer{}, fmt.Errorf("inactive person: %w", ErrSignInNeeded)
	}
	return Viewer{Tenant: t, Person: &p}, nil
}

// user returns p as approvals knows people, revoked passkeys included.
func (o *Office) user(ctx context.Context, t TenantID, p Person) (approvals.User, error) {
	stored, err := o.Store.Credentials(ctx, t, p.ID)
	if err != nil {
		return approvals.User{}, err
	}
	u := approvals.User{ID: string(p.ID), Handle: p.Handle, Name: p.Email, DisplayName: p.Name()}
	for _, c := range stored {
		u.Credentials = append(u.Credentials, c.Credential)
	}
	return u, nil
}

// take consumes a ceremony. What it answers is consumed for good, whatever
// becomes of it.
func (o *Office) take(ctx context.Context, t Tenant, s Session, ceremony []byte, purpose approvals.Purpose) (approvals.Ceremony, []byte, error) {
	c, note, err := o.Store.TakeCeremony(ctx, t.ID, ceremony, string(purpose), s.ID, o.Now())
	if errors.Is(err, ErrNotFound) {
		return c, nil, ErrCeremony
	}
	return c, note, err
}

// BeginSignIn asks for a gesture of any passkey of the town.
func (o *Office) BeginSignIn(ctx context.Context, t Tenant, s Session) (Gesture, error) {
	rp, err := o.party(t)
	if err != nil {
		return Gesture{}, err
	}
	c, options, err := rp.BeginLogin([]byte(s.ID))
	if err != nil {
		return Gesture{}, fmt.Errorf("sign in: %w", err)
	}
	return o.keep(ctx, t, c, options)
}

func (o *Office) keep(ctx context.Context, t Tenant, c approvals.Ceremony, options []byte) (Gesture, error) {
	if err := o.Store.KeepCeremony(ctx, t.ID, c, nil); err != nil {
		return Gesture{}, err
	}
	return Gesture{Ceremony: c.ID, Options: options, Expires: c.Expires}, nil
}

// FinishSignIn verifies the gesture and opens a session for its person, under
// a new token.
func (o *Office) FinishSignIn(ctx context.Context, t Tenant, s Session, ceremony, response []byte) (token string, p Person, err error) {
	rp, err := o.party(t)
	if err != nil {
		return "", p, err
	}
	c, _, err := o.take(ctx, t, s, ceremony, approvals.PurposeLogin)
	if err != nil {
		return "", p, err
	}
	var kid []byte
	find := func(id, handle []byte) (approvals.User, error) {
		kid = id
		if p, err = o.Store.PersonByHandle(ctx, t.ID, handle); err != nil {
			if isNotFound(err) {
				err = approvals.ErrUnknownCredential
			}
			return approvals.User{}, err
		}
		return o.user(ctx, t.ID, p)
	}
	_, used, err := rp.FinishLogin([]byte(s.ID), c, response, find)
	if errors.Is(err, approvals.ErrClone) {
		// The latched flag is what blocks the passkey from now on.
		if err := o.Store.TouchCredential(ctx, t.ID, Credential{Person: p.ID, Credential: used}, o.Now()); err != nil {
			return "", p, err
		}
	}
	if err != nil {
		return "", p, fmt.Errorf("sign in: %w", o.awaitsWitness(ctx, t.ID, p.ID, kid, err))
	}
	if !p.Active {
		return "", p, fmt.Errorf("sign in: inactive person: %w", ErrForbidden)
	}
	if err := o.Store.TouchCredential(ctx, t.ID, Credential{Person: p.ID, Credential: used}, o.Now()); err != nil {
		return "", p, err
	}
	token, _, err = o.openSession(ctx, t, p.ID, sessionLife)
	return token, p, err
}

// InvitedPerson returns whom an invitation is for, or ErrInvitation.
func (o *Office) InvitedPerson(ctx context.Context, t Tenant, invitation string) (Person, error) {
	_, p, err := o.invitation(ctx, t, invitation)
	return p, err
}

// invitation returns an open invitation with its person, who must be active:
// a town may also be administered in its database.
func (o *Office) invitation(ctx context.Context, t Tenant, token string) (Invitation, Person, error) {
	in, err := o.Store.Invitation(ctx, t.ID, hashToken(token), o.wall())
	if errors.Is(err, ErrNotFound) {
		return in, Person{}, ErrInvitation
	}
	if err != nil {
		return in, Person{}, err
	}
	p, err := o.Store.Person(ctx, t.ID, in.Person)
	if err == nil && !p.Active {
		return in, Person{}, ErrInvitation
	}
	return in, p, err
}

// BeginEnrolment asks the invited person's browser for a new passkey.
func (o *Office) BeginEnrolment(ctx context.Context, t Tenant, s Session, invitation string) (Gesture, error) {
	p, err := o.InvitedPerson(ctx, t, invitation)
	if err != nil {
		return Gesture{}, err
	}
	return o.beginRegistration(ctx, t, s, p)
}

func (o *Office) beginRegistration(ctx context.Context, t Tenant, s Session, p Person) (Gesture, error) {
	rp, err := o.party(t)
	if err != nil {
		return Gesture{}, err
	}
	u, err := o.user(ctx, t.ID, p)
	if err != nil {
		return Gesture{}, err
	}
	c, options, err := rp.BeginRegistration(u, []byte(s.ID))
	if err != nil {
		return Gesture{}, fmt.Errorf("begin enrolment: %w", err)
	}
	return o.keep(ctx, t, c, options)
}

// Passkeys lists the passkeys in force of the viewer.
func (o *Office) Passkeys(ctx context.Context, v Viewer) ([]Credential, error) {
	p, err := v.person()
	if err != nil {
		return nil, fmt.Errorf("passkeys: %w", err)
	}
	all, err := o.Store.Credentials(ctx, v.Tenant.ID, p.ID)
	if err != nil {
		return nil, err
	}
	var out []Credential
	for _, c := range all {
		if c.RevokedAt.IsZero() {
			out = append(out, c)
		}
	}
	return out, nil
}

// surpriseLife is how long a person is told of a passkey that somebody else's
// link added to theirs.
const surpriseLife = 30 * 24 * time.Hour

// UnexpectedPasskeys lists the passkeys in force of the viewer which an
// invitation added in the last 30 days although they had one before, revoked
// since or not: so an administrator would have to go about it to act as them.
func (o *Office) UnexpectedPasskeys(ctx context.Context, v Viewer) ([]Credential, error) {
	p, err := v.person()
	if err != nil {
		return nil, fmt.Errorf("unexpected passkeys: %w", err)
	}
	all, err := o.Store.Credentials(ctx, v.Tenant.ID, p.ID)
	if err != nil {
		return nil, err
	}
	var out []Credential
	for i, c := range all { // from the oldest
		if i == 0 || !c.RevokedAt.IsZero() || o.Now().Sub(c.CreatedAt) > surpriseLife {
			continue
		}
		_, invited, err := c.InvitedBy()
		if err != nil {
			return nil, err
		}
		if invited {
			out = append(out, c)
		}
	}
	return out, nil
}

// RenamePasskey gives a passkey of the viewer another label.
func (o *Office) RenamePasskey(ctx context.Context, v Viewer, kid []byte, label string) error {
	p, err := v.person()
	if err != nil {
		return fmt.Errorf("rename passkey: %w", err)
	}
	if label, err = line("label", label, 1, 60); err != nil {
		return err
	}
	return o.Store.RenameCredential(ctx, v.Tenant.ID, p.ID, kid, label)
}

// RevokePasskey takes a passkey of the viewer out of use at once. What it
// proved before stays proved. The sessions of the viewer are closed, but s:
// whoever came in with that passkey is out. The last one is kept:
// ErrLastPasskey.
func (o *Office) RevokePasskey(ctx context.Context, v Viewer, s Session, kid []byte) error {
	mine, err := o.Passkeys(ctx, v)
	if err != nil {
		return err
	}
	if len(mine) < 2 {
		return ErrLastPasskey
	}
	if err := o.Store.RevokeCredential(ctx, v.Tenant.ID, v.Person.ID, kid, v.Actor(""), "retirée par son titulaire", o.now()); err != nil {
		return err
	}
	return o.Store.CloseSessions(ctx, v.Tenant.ID, v.Person.ID, s.ID)
}
