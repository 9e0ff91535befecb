// Package hosting is what a hosting centre does for the towns it serves: it
// creates them, up to the link of their first administrator, lists them,
// suspends them and lets them go on. Its people and its programs are of no
// town; each of its acts is a gesture of one of its people, or a request of
// one of its programs, and a line of its own journal.
//
// It must know nothing of a town but its name and its addresses: no letter, no
// person, no count. The role under which its store runs holds it to that.
//
//	BeginCreate ──▶ gesture ──▶ Finish ──▶ one transaction: the town, its first
//	                                       day, the link, the line of the journal
//
// # Failure handling
//
// Errors are those of package dossiers: what was typed wrong is an
// InvalidError that names the field, what does not exist is ErrNotFound, what
// is no longer so is ErrConflict. A creation that fails leaves nothing: the
// town, its administrator and its journal are made in one transaction.
package hosting

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"parapheur/approvals"
	"parapheur/dossiers"
	"parapheur/journal"
)

// Chain names the journal of a hosting centre, as a SIRET names that of a town.
const Chain = "parapheur.host"

// How long things last.
const (
	anonymousLife  = time.Hour
	sessionLife    = 4 * time.Hour
	invitationLife = 7 * 24 * time.Hour
)

// A PersonID names somebody of the centre (UUID, in text).
type PersonID string

// A Person is somebody of the centre: a super-administrator.
type Person struct {
	ID        PersonID
	Name      string
	Email     string
	Handle    []byte // WebAuthn user handle, 64 random bytes
	Active    bool
	Passkeys  int // in force
	CreatedAt time.Time
}

// A Session is a browser that signed in at the centre, or is about to.
type Session struct {
	ID      string
	Person  PersonID // empty before sign-in
	CSRF    string
	Expires time.Time
}

// A Credential is a passkey of a person of the centre.
type Credential struct {
	Person PersonID
	approvals.Credential
}

// A Town is a town of the service, as far as its hosting centre knows it.
type Town struct {
	dossiers.Tenant
	CreatedAt time.Time
	// Awaiting says that nobody of the town has a passkey yet: its first
	// administrator did not open the link.
	Awaiting bool
}

// Suspended reports whether the town answers nobody.
func (t Town) Suspended() bool { return !t.SuspendedAt.IsZero() }

// A Key is what a program of the centre shows.
type Key struct {
	ID        string
	Name      string
	CreatedAt time.Time
	Expires   time.Time
	LastUsed  time.Time // zero: never
	RevokedAt time.Time // zero: in force
}

// An Actor is who did something at the centre: a person, a program, or the
// operator of the server.
type Actor struct {
	Person PersonID `json:"person,omitempty"`
	Key    string   `json:"key,omitempty"`
	Name   string   `json:"name"`
}

// A Fact is a line of the journal of the centre.
type Fact struct {
	At      time.Time
	Subject string // the SIRET of a town, or the identifier of a person or a key
	Kind    string
	Body    any
}

// An Invitation lets a person of the centre register a passkey.
type Invitation struct {
	TokenHash [32]byte
	Person    PersonID
	Expires   time.Time
}

// A Request is what a program asked under a name of its own (Idempotency-Key).
type Request struct {
	Key         string // identifier of the program's key
	Name        string
	Fingerprint [32]byte
}

// A Store keeps the centre. Every write is one transaction with its fact. What
// does not exist is dossiers.ErrNotFound.
type Store interface {
	Towns(ctx context.Context) ([]Town, error)
	// Found creates t and calls found on a store that sees that town only, in
	// one transaction with the request, if one is given, and the fact. A town
	// of the same SIRET or origin is an InvalidError; a request already made is
	// ErrRequest.
	Found(ctx context.Context, t dossiers.Tenant, r *Request, f Fact, found func(dossiers.Store) error) error
	// Requested returns the town that a request created, and its fingerprint.
	Requested(ctx context.Context, key, name string) (dossiers.TenantID, [32]byte, error)
	// Reenter calls enter on a store that sees the rows of town t, while it has
	// no passkey; ErrConflict afterwards.
	Reenter(ctx context.Context, t dossiers.TenantID, f Fact, enter func(dossiers.Store) error) error
	// Suspend stops a town, for a reason, or lets it go on, without one.
	// ErrConflict when it already is so.
	Suspend(ctx context.Context, t dossiers.TenantID, reason string, f Fact) error

	People(ctx context.Context) ([]Person, error)
	AddPerson(ctx context.Context, p Person, f Fact) error
	// Dismiss deactivates a person and closes their sessions and links.
	Dismiss(ctx context.Context, p PersonID, f Fact) error
	Invite(ctx context.Context, in Invitation, f Fact) error
	Invitation(ctx context.Context, tokenHash [32]byte, now time.Time) (Invitation, error)
	// Enrol keeps a passkey and uses the invitation up; ErrNotFound when it was.
	Enrol(ctx context.Context, c Credential, invitation [32]byte, f Fact) error
	Credentials(ctx context.Context, p PersonID) ([]approvals.Credential, error)
	TouchCredential(ctx context.Context, c approvals.Credential, at time.Time) error

	OpenSession(ctx context.Context, tokenHash [32]byte, s Session) error
	Session(ctx context.Context, tokenHash [32]byte, now time.Time) (Session, error)
	CloseSession(ctx context.Context, tokenHash [32]byte) error
	// KeepCeremony also forgets the ceremonies and sessions that have expired.
	KeepCeremony(ctx context.Context, c approvals.Ceremony, now time.Time) error
	// TakeCeremony removes a ceremony, and that is committed, before it answers it.
	TakeCeremony(ctx context.Context, id []byte, purpose, session string, now time.Time) (approvals.Ceremony, error)

	AddKey(ctx context.Context, k Key, secretHash [32]byte, f Fact) error
	Key(ctx context.Context, id string) (Key, [32]byte, error)
	Keys(ctx context.Context) ([]Key, error)
	RevokeKey(ctx context.Context, id string, f Fact) error
	TouchKey(ctx context.Context, id string, at time.Time) error

	// Journal reads entries after a number, in order.
	Journal(ctx context.Context, after int64, limit int) ([]journal.Entry, error)
}

// ErrRequest says that a program already asked this, under this name.
var ErrRequest = errors.New("request already made")

// Parts are what a Centre is made of. All are required but Domain.
type Parts struct {
	Store Store
	// Origin is where the people of the centre sign in. Its host is their RP ID.
	Origin string
	// Domain, if set, is where towns named by one word are: "saint-aubin" is
	// then at https://saint-aubin.Domain.
	Domain string
	Now    func() time.Time
	Rand   io.Reader
}

// A Centre is a hosting centre. It is safe for concurrent use.
type Centre struct {
	Parts
	rp *approvals.RelyingParty
}

// Open returns the centre at p.Origin.
func Open(p Parts) (*Centre, error) {
	host, err := OriginHost(p.Origin)
	if err != nil {
		return nil, fmt.Errorf("hosting centre: %w", err)
	}
	rp, err := approvals.New(approvals.Config{
		Townless: true, RPID: host, Origin: p.Origin, DisplayName: "Parapheur, centre d’hébergement", Now: p.Now, Rand: p.Rand,
	})
	if err != nil {
		return nil, fmt.Errorf("hosting centre: %w", err)
	}
	return &Centre{Parts: p, rp: rp}, nil
}

// Serves reports whether a request for this host ("centre.example:8443") is
// for the centre.
func (c *Centre) Serves(host string) bool {
	u, err := url.Parse(c.Origin)
	return err == nil && strings.EqualFold(u.Host, host)
}

// Towns lists the towns of the service, by name.
func (c *Centre) Towns(ctx context.Context) ([]Town, error) { return c.Store.Towns(ctx) }

// Town returns the town of this SIRET, or dossiers.ErrNotFound.
func (c *Centre) Town(ctx context.Context, siret string) (Town, error) {
	towns, err := c.Store.Towns(ctx)
	if err != nil {
		return Town{}, err
	}
	for _, t := range towns {
		if t.SIRET == siret {
			return t, nil
		}
	}
	return Town{}, fmt.Errorf("town %s: %w", siret, dossiers.ErrNotFound)
}

// now is the clock at the precision at which facts are kept.
func (c *Centre) now() time.Time { return c.Now().UTC().Truncate(time.Microsecond) }
