package hosting

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"

	"parapheur/approvals"
	"parapheur/dossiers"
)

// token returns n fresh random bytes in base64url.
func (c *Centre) token(n int) (string, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(c.Rand, b); err != nil {
		return "", fmt.Errorf("draw a token: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b), nil
}

func hashToken(token string) [32]byte { return sha256.Sum256([]byte(token)) }

// OpenVisit opens a session that is nobody's yet. The token goes in its cookie
// and is not kept.
func (c *Centre) OpenVisit(ctx context.Context) (token string, s Session, err error) {
	return c.openSession(ctx, "")
}

func (c *Centre) openSession(ctx context.Context, p PersonID) (token string, s Session, err error) {
	if token, err = c.token(32); err != nil {
		return "", s, err
	}
	if s.ID, err = c.token(16); err != nil {
		return "", s, err
	}
	if s.CSRF, err = c.token(24); err != nil {
		return "", s, err
	}
	life := sessionLife
	if p == "" {
		life = anonymousLife
	}
	s.Person, s.Expires = p, c.Now().Add(life)
	return token, s, c.Store.OpenSession(ctx, hashToken(token), s)
}

// Visit returns the session of a cookie's token, with its person if somebody
// signed in; dossiers.ErrSignInNeeded when it opens nothing.
func (c *Centre) Visit(ctx context.Context, token string) (v Viewer, signed bool, err error) {
	v.Session, err = c.Store.Session(ctx, hashToken(token), c.Now())
	if errors.Is(err, dossiers.ErrNotFound) {
		return v, false, dossiers.ErrSignInNeeded
	}
	if err != nil || v.Session.Person == "" {
		return v, false, err
	}
	v.Person, err = c.person(ctx, func(p Person) bool { return p.ID == v.Session.Person && p.Active })
	if errors.Is(err, dossiers.ErrNotFound) {
		return v, false, dossiers.ErrSignInNeeded
	}
	return v, err == nil, err
}

// CloseVisit signs out.
func (c *Centre) CloseVisit(ctx context.Context, token string) error {
	return c.Store.CloseSession(ctx, hashToken(token))
}

// person finds somebody of the centre, which has a handful.
func (c *Centre) person(ctx context.Context, is func(Person) bool) (Person, error) {
	all, err := c.Store.People(ctx)
	if err != nil {
		return Person{}, err
	}
	for _, p := range all {
		if is(p) {
			return p, nil
		}
	}
	return Person{}, fmt.Errorf("person of the centre: %w", dossiers.ErrNotFound)
}

// user returns p as approvals knows people, revoked passkeys included.
func (c *Centre) user(ctx context.Context, p Person) (approvals.User, error) {
	stored, err := c.Store.Credentials(ctx, p.ID)
	return approvals.User{ID: string(p.ID), Handle: p.Handle, Name: p.Email, DisplayName: p.Name, Credentials: stored}, err
}

func (c *Centre) keep(ctx context.Context, ceremony approvals.Ceremony, options []byte) (Gesture, error) {
	if err := c.Store.KeepCeremony(ctx, ceremony, c.Now()); err != nil {
		return Gesture{}, err
	}
	return Gesture{Ceremony: ceremony.ID, Options: options}, nil
}

// take consumes a ceremony, whatever becomes of it.
func (c *Centre) take(ctx context.Context, id []byte, p approvals.Purpose, s Session) (approvals.Ceremony, error) {
	kept, err := c.Store.TakeCeremony(ctx, id, string(p), s.ID, c.Now())
	if errors.Is(err, dossiers.ErrNotFound) {
		return kept, dossiers.ErrCeremony
	}
	return kept, err
}

// BeginSignIn asks for a gesture of any passkey of the centre.
func (c *Centre) BeginSignIn(ctx context.Context, s Session) (Gesture, error) {
	ceremony, options, err := c.rp.BeginLogin([]byte(s.ID))
	if err != nil {
		return Gesture{}, fmt.Errorf("sign in: %w", err)
	}
	return c.keep(ctx, ceremony, options)
}

// FinishSignIn verifies the gesture and opens a session for its person, under a
// new token.
func (c *Centre) FinishSignIn(ctx context.Context, s Session, ceremony, response []byte) (token string, p Person, err error) {
	kept, err := c.take(ctx, ceremony, approvals.PurposeLogin, s)
	if err != nil {
		return "", p, err
	}
	find := func(_, handle []byte) (approvals.User, error) {
		p, err = c.person(ctx, func(x Person) bool { return string(x.Handle) == string(handle) })
		if errors.Is(err, dossiers.ErrNotFound) {
			err = approvals.ErrUnknownCredential
		}
		if err != nil {
			return approvals.User{}, err
		}
		return c.user(ctx, p)
	}
	_, used, err := c.rp.FinishLogin([]byte(s.ID), kept, response, find)
	if err == nil || errors.Is(err, approvals.ErrClone) { // the latched flag blocks that passkey from now on
		err = errors.Join(err, c.Store.TouchCredential(ctx, used, c.now()))
	}
	if err != nil {
		return "", p, fmt.Errorf("sign in: %w", err)
	}
	if !p.Active {
		return "", p, fmt.Errorf("sign in: dismissed person: %w", dossiers.ErrForbidden)
	}
	token, _, err = c.openSession(ctx, p.ID)
	return token, p, err
}

// InvitedPerson returns whom an invitation is for, or dossiers.ErrInvitation.
func (c *Centre) InvitedPerson(ctx context.Context, invitation string) (Person, error) {
	in, err := c.Store.Invitation(ctx, hashToken(invitation), c.Now())
	if err == nil {
		var p Person
		if p, err = c.person(ctx, func(p Person) bool { return p.ID == in.Person && p.Active }); err == nil {
			return p, nil
		}
	}
	if errors.Is(err, dossiers.ErrNotFound) {
		err = dossiers.ErrInvitation
	}
	return Person{}, err
}

// BeginEnrolment asks the invited person's browser for a new passkey.
func (c *Centre) BeginEnrolment(ctx context.Context, s Session, invitation string) (Gesture, error) {
	p, err := c.InvitedPerson(ctx, invitation)
	if err != nil {
		return Gesture{}, err
	}
	u, err := c.user(ctx, p)
	if err != nil {
		return Gesture{}, err
	}
	ceremony, options, err := c.rp.BeginRegistration(u, []byte(s.ID))
	if err != nil {
		return Gesture{}, fmt.Errorf("begin enrolment: %w", err)
	}
	return c.keep(ctx, ceremony, options)
}

// FinishEnrolment keeps the passkey, uses the invitation up, and signs the
// person in. The operator of the server, who made the link, answers for it.
func (c *Centre) FinishEnrolment(ctx context.Context, s Session, invitation string, ceremony, response []byte, label string) (token string, p Person, err error) {
	if p, err = c.InvitedPerson(ctx, invitation); err != nil {
		return "", p, err
	}
	kept, err := c.take(ctx, ceremony, approvals.PurposeRegistration, s)
	if err != nil {
		return "", p, err
	}
	u, err := c.user(ctx, p)
	if err != nil {
		return "", p, err
	}
	made, err := c.rp.FinishPending(u, []byte(s.ID), kept, response)
	if err != nil {
		return "", p, fmt.Errorf("enrol: %w", err)
	}
	if label == "" {
		label = "Clé d’accès"
	}
	if made.Label, err = line("label", label, 60); err != nil {
		return "", p, err
	}
	f := Fact{At: c.now(), Subject: string(p.ID), Kind: KindEnrolled, Body: enrolled{
		CredentialID: made.ID, COSEKey: made.COSE, AttestationObject: made.AttestationObject, By: Actor{Person: p.ID, Name: p.Name},
	}}
	if err := c.Store.Enrol(ctx, Credential{Person: p.ID, Credential: made.Credential}, hashToken(invitation), f); err != nil {
		return "", p, err
	}
	token, _, err = c.openSession(ctx, p.ID)
	return token, p, err
}

// enrolled is the body of the journal about a passkey: what the evidence of
// later acts is verified with.
type enrolled struct {
	CredentialID      []byte `json:"credential_id"`
	COSEKey           []byte `json:"cose_key"`
	AttestationObject []byte `json:"attestation_object"`
	By                Actor  `json:"by"`
}
