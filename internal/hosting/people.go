package hosting

import (
	"context"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/mail"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"parapheur/dossiers"
)

// operator is who acts at the command line of the server.
func operator() Actor { return Actor{Name: "Opérateur du service"} }

// by is the body of an entry about a person or a key.
type by struct {
	Name  string `json:"name,omitempty"`
	Email string `json:"email,omitempty"`
	By    Actor  `json:"by"`
}

// Invite makes a link by which somebody of the centre registers a passkey, and
// makes them known if nobody has this address. It is for the operator of the
// server, never behind a request. Earlier links of the person open nothing.
func (c *Centre) Invite(ctx context.Context, name, email string) (link string, expires time.Time, err error) {
	address, err := mail.ParseAddress(strings.TrimSpace(email))
	if err != nil || address.Name != "" {
		return "", expires, invalid("email", "Cette adresse électronique n’est pas valable.")
	}
	p, err := c.person(ctx, func(p Person) bool { return strings.EqualFold(p.Email, address.Address) })
	switch {
	case err == nil && !p.Active:
		return "", expires, invalid("email", "Cette personne a été révoquée : donnez une autre adresse.")
	case errors.Is(err, dossiers.ErrNotFound):
		p, err = c.add(ctx, name, address.Address)
	}
	if err != nil {
		return "", expires, err
	}
	token, err := c.token(32)
	if err != nil {
		return "", expires, err
	}
	expires = c.now().Add(invitationLife)
	f := Fact{At: c.now(), Subject: string(p.ID), Kind: KindPersonInvited, Body: by{Name: p.Name, By: operator()}}
	err = c.Store.Invite(ctx, Invitation{TokenHash: hashToken(token), Person: p.ID, Expires: expires}, f)
	return c.Origin + "/enrolement/" + token, expires, err
}

func (c *Centre) add(ctx context.Context, name, email string) (p Person, err error) {
	if p.Name, err = line("name", name, 120); err != nil {
		return p, err
	}
	id, err := uuid.NewV7FromReader(c.Rand)
	if err != nil {
		return p, fmt.Errorf("draw an identifier: %w", err)
	}
	p.ID, p.Email, p.Active, p.CreatedAt, p.Handle = PersonID(id.String()), email, true, c.now(), make([]byte, 64)
	if _, err := io.ReadFull(c.Rand, p.Handle); err != nil {
		return p, fmt.Errorf("draw a user handle: %w", err)
	}
	return p, c.Store.AddPerson(ctx, p, Fact{At: p.CreatedAt, Subject: string(p.ID), Kind: KindPersonAdded, Body: by{Name: p.Name, Email: p.Email, By: operator()}})
}

// Dismiss takes from the person with this address all that they could do at
// the centre, at once. It is for the operator of the server.
func (c *Centre) Dismiss(ctx context.Context, email string) (Person, error) {
	p, err := c.person(ctx, func(p Person) bool { return p.Active && strings.EqualFold(p.Email, email) })
	if err != nil {
		return p, err
	}
	return p, c.Store.Dismiss(ctx, p.ID, Fact{At: c.now(), Subject: string(p.ID), Kind: KindPersonGone, Body: by{Name: p.Name, By: operator()}})
}

// AddKey makes a key for a program of the centre, for so many days. The secret
// is answered once and kept nowhere. It is for the operator of the server.
func (c *Centre) AddKey(ctx context.Context, name string, days int) (secret string, k Key, err error) {
	if k.Name, err = line("name", name, 120); err != nil {
		return "", k, err
	}
	if days < 1 || days > 1095 {
		return "", k, invalid("days", "Une clé vaut de 1 à 1095 jours.")
	}
	var id [8]byte
	if _, err := io.ReadFull(c.Rand, id[:]); err != nil {
		return "", k, fmt.Errorf("draw an identifier: %w", err)
	}
	k.ID, k.CreatedAt = hex.EncodeToString(id[:]), c.now()
	k.Expires = k.CreatedAt.AddDate(0, 0, days)
	if secret, err = c.token(32); err != nil {
		return "", k, err
	}
	f := Fact{At: k.CreatedAt, Subject: k.ID, Kind: KindKeyAdded, Body: by{Name: k.Name, By: operator()}}
	return keyPrefix + k.ID + "_" + secret, k, c.Store.AddKey(ctx, k, hashToken(secret), f)
}

// keyPrefix begins what a program shows: never that of a key of a town.
const keyPrefix = "hk_"

// RevokeKey takes a key out of use at once. It is for the operator of the server.
func (c *Centre) RevokeKey(ctx context.Context, id string) error {
	k, _, err := c.Store.Key(ctx, id)
	if err != nil {
		return err
	}
	return c.Store.RevokeKey(ctx, k.ID, Fact{At: c.now(), Subject: k.ID, Kind: KindKeyRevoked, Body: by{Name: k.Name, By: operator()}})
}

// Authenticate returns the key that a program shows, or dossiers.ErrSignInNeeded.
func (c *Centre) Authenticate(ctx context.Context, shown string) (Key, error) {
	rest, ours := strings.CutPrefix(shown, keyPrefix)
	id, secret, whole := strings.Cut(rest, "_")
	if !ours || !whole || !utf8.ValidString(id) {
		return Key{}, dossiers.ErrSignInNeeded
	}
	k, want, err := c.Store.Key(ctx, id)
	if errors.Is(err, dossiers.ErrNotFound) {
		return Key{}, dossiers.ErrSignInNeeded
	}
	if err != nil {
		return Key{}, err
	}
	got := hashToken(secret)
	if subtle.ConstantTimeCompare(got[:], want[:]) != 1 || !k.RevokedAt.IsZero() || !c.Now().Before(k.Expires) {
		return Key{}, dossiers.ErrSignInNeeded
	}
	return k, c.Store.TouchKey(ctx, k.ID, c.now())
}
