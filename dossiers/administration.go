package dossiers

import (
	"context"
	"crypto/subtle"
	"fmt"
	"io"
	"net/mail"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"parapheur/circuits"
	"parapheur/journal"
)

func (v Viewer) administers() error {
	if v.Person == nil || !v.Person.Admin {
		return fmt.Errorf("administration: %w", ErrForbidden)
	}
	return nil
}

// People lists the people of the town.
func (o *Office) People(ctx context.Context, v Viewer) ([]Person, error) {
	if err := v.administers(); err != nil {
		return nil, err
	}
	return o.Store.People(ctx, v.Tenant.ID)
}

// Desks lists the desks of the town and who holds them.
func (o *Office) Desks(ctx context.Context, v Viewer) ([]Desk, error) {
	if err := v.administers(); err != nil {
		return nil, err
	}
	return o.Store.Desks(ctx, v.Tenant.ID)
}

// Applications lists the programs that may call the API.
func (o *Office) Applications(ctx context.Context, v Viewer) ([]Application, error) {
	if err := v.administers(); err != nil {
		return nil, err
	}
	return o.Store.Applications(ctx, v.Tenant.ID)
}

// JournalHead is the last entry of the town's journal.
func (o *Office) JournalHead(ctx context.Context, v Viewer) (journal.Entry, error) {
	if err := v.administers(); err != nil {
		return journal.Entry{}, err
	}
	return o.Store.JournalHead(ctx, v.Tenant.ID)
}

// JournalTail reads the journal of the town after an entry.
func (o *Office) JournalTail(ctx context.Context, v Viewer, after int64, limit int) ([]journal.Entry, error) {
	if err := v.administers(); err != nil {
		return nil, err
	}
	return o.Store.Journal(ctx, v.Tenant.ID, after, min(max(limit, 1), 1000))
}

// AddPerson makes somebody known to the town. They can do nothing before a
// passkey is enrolled.
func (o *Office) AddPerson(ctx context.Context, v Viewer, p Person) (Person, error) {
	if err := v.administers(); err != nil {
		return p, err
	}
	return o.addPerson(ctx, v.Tenant, p, v.Actor(""))
}

func (o *Office) addPerson(ctx context.Context, t Tenant, p Person, by circuits.Actor) (Person, error) {
	var err error
	if p.GivenName, err = line("given_name", p.GivenName, 1, 80); err != nil {
		return p, err
	}
	if p.FamilyName, err = line("family_name", p.FamilyName, 1, 80); err != nil {
		return p, err
	}
	if p.Civility != "" && p.Civility != "M." && p.Civility != "Mme" {
		return p, &InvalidError{"civility", "Choisissez « M. », « Mme » ou rien."}
	}
	address, err := mail.ParseAddress(strings.TrimSpace(p.Email))
	if err != nil || address.Name != "" {
		return p, &InvalidError{"email", "Cette adresse électronique n’est pas valable."}
	}
	p.Email, p.Active = address.Address, true
	id, err := o.newID()
	if err != nil {
		return p, err
	}
	p.ID, p.Handle = circuits.PersonID(id), make([]byte, 64)
	if _, err := io.ReadFull(o.Rand, p.Handle); err != nil {
		return p, fmt.Errorf("draw a user handle: %w", err)
	}
	return p, o.Store.AddPerson(ctx, t.ID, p, by, o.now())
}

func (o *Office) newID() (string, error) {
	id, err := uuid.NewV7FromReader(o.Rand)
	if err != nil {
		return "", fmt.Errorf("draw an identifier: %w", err)
	}
	return id.String(), nil
}

// AddDesk creates a desk.
func (o *Office) AddDesk(ctx context.Context, v Viewer, name string) (Desk, error) {
	if err := v.administers(); err != nil {
		return Desk{}, err
	}
	return o.addDesk(ctx, v.Tenant, name, v.Actor(""))
}

func (o *Office) addDesk(ctx context.Context, t Tenant, name string, by circuits.Actor) (Desk, error) {
	name, err := line("name", name, 1, 80)
	if err != nil {
		return Desk{}, err
	}
	id, err := o.newID()
	if err != nil {
		return Desk{}, err
	}
	d := Desk{ID: circuits.DeskID(id), Name: name}
	return d, o.Store.AddDesk(ctx, t.ID, d, by, o.now())
}

// Seat gives a person a desk, with the quality in which they act there, or
// makes them prepare its in-tray.
func (o *Office) Seat(ctx context.Context, v Viewer, desk circuits.DeskID, person circuits.PersonID, quality string, prepares bool) error {
	if err := v.administers(); err != nil {
		return err
	}
	return o.seat(ctx, v.Tenant, desk, person, quality, prepares, v.Actor(""))
}

func (o *Office) seat(ctx context.Context, t Tenant, desk circuits.DeskID, person circuits.PersonID, quality string, prepares bool, by circuits.Actor) error {
	quality, err := line("quality", quality, 1, 120)
	if err != nil {
		return err
	}
	if _, err := o.Store.Person(ctx, t.ID, person); err != nil {
		return err
	}
	desks, err := o.Store.Desks(ctx, t.ID)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(desks, func(d Desk) bool { return d.ID == desk }) {
		return fmt.Errorf("desk %s: %w", desk, ErrNotFound)
	}
	return o.Store.SetSeat(ctx, t.ID, desk, person, quality, prepares, by, o.now())
}

// Unseat takes a desk from a person, or the preparation of its in-tray. What
// they decided there stays.
func (o *Office) Unseat(ctx context.Context, v Viewer, desk circuits.DeskID, person circuits.PersonID) error {
	if err := v.administers(); err != nil {
		return err
	}
	desks, err := o.Store.Desks(ctx, v.Tenant.ID)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(desks, func(d Desk) bool { return d.ID == desk }) {
		return fmt.Errorf("desk %s: %w", desk, ErrNotFound)
	}
	if _, err := o.Store.Person(ctx, v.Tenant.ID, person); err != nil {
		return err
	}
	return o.Store.Unseat(ctx, v.Tenant.ID, desk, person, v.Actor(""), o.now())
}

// SetActive lets a person act, or not any more: their sessions and invitations
// are closed at once, their passkeys open nothing until they are active again.
// What is already so stays so, unjournaled. Oneself: ErrOneself.
func (o *Office) SetActive(ctx context.Context, v Viewer, person circuits.PersonID, active bool) error {
	if err := v.administers(); err != nil {
		return err
	}
	if person == v.Person.ID && !active {
		return ErrOneself
	}
	p, err := o.Store.Person(ctx, v.Tenant.ID, person)
	if err != nil || p.Active == active {
		return err
	}
	return o.Store.SetActive(ctx, v.Tenant.ID, person, active, v.Actor(""), o.now())
}

// InvitePerson makes a link by which one person enrols a passkey, once. The
// links made before for them open nothing any more. Somebody who already holds
// a passkey is told: see UnexpectedPasskeys.
func (o *Office) InvitePerson(ctx context.Context, v Viewer, person circuits.PersonID) (token string, expires time.Time, err error) {
	if err := v.administers(); err != nil {
		return "", expires, err
	}
	return o.invite(ctx, v.Tenant, person, v.Actor(""))
}

// An InvitationMail is an invitation as its person will read it.
type InvitationMail struct {
	To      Person
	By      string // who invites
	Link    string
	Expires time.Time
}

// MailsInvitations reports whether MailInvitation can send anything.
func (o *Office) MailsInvitations() bool { return o.Mail != nil }

// MailInvitation sends the link of an open invitation to the address of its
// person, before it returns. ErrInvitation: the token opens nothing.
// ErrNotMailed: the mail was not accepted, and the link still serves.
func (o *Office) MailInvitation(ctx context.Context, v Viewer, token string) (Person, error) {
	if err := v.administers(); err != nil {
		return Person{}, err
	}
	in, p, err := o.invitation(ctx, v.Tenant, token)
	if err != nil {
		return Person{}, err
	}
	if o.Mail == nil {
		return p, fmt.Errorf("no mail leaves: %w", ErrNotMailed)
	}
	err = o.Mail(ctx, v.Tenant, InvitationMail{To: p, By: in.InvitedBy, Link: v.Tenant.Origin + "/enrolement/" + token, Expires: in.Expires})
	if err != nil {
		return p, fmt.Errorf("mail an invitation: %w: %w", ErrNotMailed, err)
	}
	return p, nil
}

func (o *Office) invite(ctx context.Context, t Tenant, person circuits.PersonID, by circuits.Actor) (token string, expires time.Time, err error) {
	p, err := o.Store.Person(ctx, t.ID, person)
	if err != nil {
		return "", expires, err
	}
	if !p.Active {
		return "", expires, fmt.Errorf("invite an inactive person: %w", ErrNotFound)
	}
	if token, err = o.token(32); err != nil {
		return "", expires, err
	}
	expires = o.wall().Add(invitationLife)
	in := Invitation{TokenHash: hashToken(token), Person: person, InvitedBy: by.Name, Expires: expires}
	return token, expires, o.Store.Invite(ctx, t.ID, in, by, o.now())
}

// AddApplication makes a program known to the town.
func (o *Office) AddApplication(ctx context.Context, v Viewer, name string, drafter circuits.PersonID) (Application, error) {
	if err := v.administers(); err != nil {
		return Application{}, err
	}
	return o.addApplication(ctx, v.Tenant, name, drafter, v.Actor(""))
}

func (o *Office) addApplication(ctx context.Context, t Tenant, name string, drafter circuits.PersonID, by circuits.Actor) (Application, error) {
	name, err := line("name", name, 1, 80)
	if err != nil {
		return Application{}, err
	}
	p, err := o.Store.Person(ctx, t.ID, drafter)
	if err != nil {
		return Application{}, err
	}
	if !p.Drafter {
		return Application{}, &InvalidError{"drafter", "Choisissez une personne qui rédige : les refus lui reviendront."}
	}
	id, err := o.newID()
	if err != nil {
		return Application{}, err
	}
	a := Application{ID: id, Name: name, DefaultDrafter: drafter}
	return a, o.Store.AddApplication(ctx, t.ID, a, by, o.now())
}

// AddAPIKey makes a key for an application. Its secret, "pk_<id>_<secret>",
// is answered once and kept nowhere.
func (o *Office) AddAPIKey(ctx context.Context, v Viewer, application string, scopes []string, expires time.Time) (secret string, key APIKey, err error) {
	if err := v.administers(); err != nil {
		return "", key, err
	}
	return o.addAPIKey(ctx, v.Tenant, application, scopes, expires, v.Actor(""))
}

func (o *Office) addAPIKey(ctx context.Context, t Tenant, application string, scopes []string, expires time.Time, by circuits.Actor) (secret string, key APIKey, err error) {
	random, key, err := o.makeKey(ctx, t, application, scopes, expires)
	if err != nil {
		return "", key, err
	}
	return keyMark + key.ID + "_" + random, key, o.Store.AddAPIKey(ctx, t.ID, application, key, hashToken(random), by, o.now())
}

// RevokeAPIKey takes a key out of use at once.
func (o *Office) RevokeAPIKey(ctx context.Context, v Viewer, keyID string) error {
	if err := v.administers(); err != nil {
		return err
	}
	return o.Store.RevokeAPIKey(ctx, v.Tenant.ID, keyID, v.Actor(""), o.now())
}

// Authenticate returns the application that an API key belongs to and what
// the key may do, or ErrSignInNeeded.
func (o *Office) Authenticate(ctx context.Context, t Tenant, apiKey string) (Viewer, []string, error) {
	rest, ok := strings.CutPrefix(apiKey, keyMark)
	id, random, both := strings.Cut(rest, "_")
	if !ok || !both {
		return Viewer{}, nil, ErrSignInNeeded
	}
	key, want, app, err := o.Store.APIKey(ctx, t.ID, id)
	got := hashToken(random)
	now := o.wall()
	switch {
	case err != nil && !isNotFound(err):
		return Viewer{}, nil, err
	case subtle.ConstantTimeCompare(got[:], want[:]) != 1 || err != nil:
		return Viewer{}, nil, ErrSignInNeeded
	case key.JWKS != nil, !key.inForce(now):
		return Viewer{}, nil, ErrSignInNeeded
	}
	if err := o.Store.TouchAPIKey(ctx, t.ID, id, now); err != nil {
		return Viewer{}, nil, err
	}
	return o.program(t, app, key.Scopes), key.Scopes, nil
}
