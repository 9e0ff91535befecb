package dossiers

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"parapheur/circuits"
	"parapheur/internal/specimen"
	"parapheur/signing"
)

// A TenantID names a town (UUID, in text).
type TenantID string

// An ID names a dossier (UUIDv7, in text).
type ID string

// A Tenant is a town or a public body (collectivité).
type Tenant struct {
	ID     TenantID
	SIRET  string // 14 digits
	Name   string // "Ville de Saint-Aubin-sur-Loire"
	Place  string // "Saint-Aubin-sur-Loire", as dates of letters say it
	RPID   string // WebAuthn relying party: the town's host name
	Origin string // "https://parapheur.saint-aubin.fr"
	Demo   bool   // demo keys are accepted here and nowhere else
	// Territory is where the town is: its holidays, and where its days begin.
	Territory Territory
	// SuspendedAt is when the hosting centre stopped the town; zero: it did not.
	SuspendedAt time.Time
}

// Sandbox reports whether the town is a bac à sable: everything that it makes is
// a specimen. It is its SIRET that says so, which every proof carries: no town
// becomes one, or ceases to be one.
func (t Tenant) Sandbox() bool { return specimen.Town(t.SIRET) }

// A Seat is a desk held by a person, with the quality that the person has
// there: "Maire", "Directeur général des services".
type Seat struct {
	Desk    circuits.DeskID
	Name    string // of the desk
	Quality string
}

// A Person is somebody of a town.
type Person struct {
	ID         circuits.PersonID
	Civility   string // "M.", "Mme"
	GivenName  string
	FamilyName string
	Email      string
	Handle     []byte // WebAuthn user handle, 64 random bytes
	Drafter    bool   // may deposit letters
	Admin      bool   // may set the town up; sees no letter by that alone
	Active     bool
	Mails      MailWishes
	Seats      []Seat            // desks held
	Prepares   []circuits.DeskID // desks whose in-tray this person prepares, without ever deciding
	Passkeys   int               // active ones
}

// Name returns "Hélène Garnier".
func (p Person) Name() string { return strings.TrimSpace(p.GivenName + " " + p.FamilyName) }

// Seat returns the seat of p at desk.
func (p Person) Seat(desk circuits.DeskID) (Seat, bool) {
	for _, s := range p.Seats {
		if s.Desk == desk {
			return s, true
		}
	}
	return Seat{}, false
}

// A Desk is a function of the town with those who hold it.
type Desk struct {
	ID        circuits.DeskID
	Name      string // "Direction générale"
	Closed    bool   // nobody acts there any more, holders or not
	Holders   []Holder
	Preparers []Holder
}

// A Holder is a person at a desk.
type Holder struct {
	Person  circuits.PersonID
	Name    string
	Quality string
	Able    bool // active and with a passkey
}

// A Type is a kind of letter with the published circuit it takes.
type Type struct {
	Code string // "courrier-simple"
	Name string // "Courrier simple"
	Hint string // one line for the drafter
	// Level is the least level of its signatures, when it is above the node's.
	Level   signing.Level
	Circuit circuits.Definition
}

// An Application is a program of the town that deposits letters over REST.
type Application struct {
	ID             string
	Name           string
	DefaultDrafter circuits.PersonID // to whom refusals of its letters return
	Networks       []netip.Prefix    // where it may call from; empty: anywhere
	Types          []string          // of letters it may touch; empty: every type
	Frames         []string          // origins whose pages may show its panels in a frame; none: no page may
	Keys           []APIKey
}

// An APIKey is what an application shows: a secret, which is never kept, or
// the proof that it holds the private part of one of the keys in JWKS.
type APIKey struct {
	ID        string // the client_id of OAuth 2
	JWKS      []byte // RFC 7517; nil for a secret
	Scopes    []string
	CreatedAt time.Time
	ExpiresAt time.Time // zero: never
	LastUsed  time.Time // zero: not yet
	RevokedAt time.Time // zero: in force
}

// The scopes an API key may hold. None lets a program decide anything.
const (
	ScopeDossiersRead  = "dossiers:read"
	ScopeDossiersWrite = "dossiers:write"
	ScopeDocumentsRead = "documents:read"
	ScopeEvidenceRead  = "evidence:read"
	ScopeEventsRead    = "events:read"
	ScopeCircuitsRead  = "circuits:read"
	// ScopeOrganisationRead and ScopeOrganisationManage are for a directory or
	// a hosting centre: what administrators set up, passkeys excepted.
	ScopeOrganisationRead   = "organisation:read"
	ScopeOrganisationManage = "organisation:manage"
	// ScopeJournalRead opens the journal of the whole town: who did what, to
	// every letter.
	ScopeJournalRead = "journal:read"
	// ScopeDispatchesWrite says how letters were sent.
	ScopeDispatchesWrite = "dispatches:write"
	ScopeWebhooksManage  = "webhooks:manage"
	// ScopeDossiersAll widens the others to every dossier of the town, for the
	// mail register; without it an application sees what it deposited.
	ScopeDossiersAll = "dossiers:all"
	// ScopeSandbox moves the clock of a sandbox and plays its test persons. No
	// key of a real town holds it, and there it would open nothing.
	ScopeSandbox = "sandbox:play"
)

// Scopes lists the scopes that open operations, in the order documentation
// shows them. ScopeDossiersAll opens none: it widens these. ScopeSandbox is for
// sandboxes alone: see Tenant.Scopes.
func Scopes() []string {
	return []string{ScopeDossiersRead, ScopeDossiersWrite, ScopeDocumentsRead, ScopeEvidenceRead, ScopeEventsRead, ScopeCircuitsRead, ScopeOrganisationRead, ScopeOrganisationManage, ScopeJournalRead, ScopeDispatchesWrite, ScopeWebhooksManage}
}

// Host is where the town is served, as requests say it: "localhost:8080".
func (t Tenant) Host() string {
	_, host, _ := strings.Cut(t.Origin, "://")
	return host
}

// Scopes lists what a key of the town may hold to open operations.
func (t Tenant) Scopes() []string {
	if t.Sandbox() {
		return append(Scopes(), ScopeSandbox)
	}
	return Scopes()
}

// A Viewer is on whose behalf something is asked: a signed-in person or an
// application, of one town.
type Viewer struct {
	Tenant      Tenant
	Person      *Person      // nil for an application
	Application *Application // nil for a person
	All         bool         // an application whose key holds ScopeDossiersAll
	Consults    bool         // an application whose key holds ScopeOrganisationRead
	Manages     bool         // an application whose key holds ScopeOrganisationManage
	Follows     bool         // an application whose key holds ScopeJournalRead
}

// person returns the person that v is, or ErrForbidden: some things are not
// for programs.
func (v Viewer) person() (Person, error) {
	if v.Person == nil {
		return Person{}, fmt.Errorf("an application is nobody: %w", ErrForbidden)
	}
	return *v.Person, nil
}

// Actor returns how the journal names v, acting from desk if that is not
// empty.
func (v Viewer) Actor(desk circuits.DeskID) circuits.Actor {
	if v.Person == nil {
		return circuits.Actor{Application: v.Application.ID, Name: v.Application.Name}
	}
	a := circuits.Actor{Person: v.Person.ID, Name: v.Person.Name()}
	if s, ok := v.Person.Seat(desk); ok {
		a.Desk, a.Quality = desk, s.Quality
	}
	return a
}

// A Revision is one frozen state of a document: an ordered list of segments,
// each a blob. Signing appends a segment, it never rewrites one.
type Revision struct {
	Version  int       // of the document: a correction makes a new one
	Number   int       // 0 as deposited, then one more for each signature
	Segments []Segment // the first as deposited, then one for each signature
	Bytes    int64
	SHA256   circuits.Digest
	// HashState is the marshalled SHA-256 state over all the bytes, so that
	// the next signature only touches what it appends.
	HashState []byte
	At        time.Time
}

// Came returns how many bytes were deposited: what follows was put here.
func (r Revision) Came() int64 { return r.Segments[0].Bytes }

// A Segment is a run of bytes kept as one blob.
type Segment struct {
	Digest circuits.Digest
	Bytes  int64
}

// A Document is the main letter (N = 1) or an annex (N > 1) of a dossier. N
// stays its own when the annexes change.
type Document struct {
	N        int
	Name     string // file name as deposited
	Pages    int
	Revision Revision // the latest of the current version
	// Approved is the revision as frozen at deposit: what decisions name. The
	// signed bytes begin with it.
	Approved Revision
}

// Signed reports whether a signature was appended to the document.
func (d Document) Signed() bool { return d.Revision.Number > 0 }

// A Dossier is the unit that travels.
type Dossier struct {
	ID                ID
	Number            int64 // per town, as people quote it
	Title             string
	Recipient         string
	TypeCode          string
	TypeName          string
	ExternalReference string
	Note              string // from the drafter to those who act
	Drafter           Holder
	Application       string // name of the application that deposited, or empty
	State             circuits.State
	Documents         []Document // main first
	Numbered          int        // the highest number that one of its documents ever had
	EvidenceHead      circuits.Digest
	Edits             int // of its title, recipient or note
	CreatedAt         time.Time
	UpdatedAt         time.Time
}

// Main returns the main document.
func (d *Dossier) Main() *Document { return &d.Documents[0] }

// Annexes returns the documents that are read and not signed.
func (d *Dossier) Annexes() []Document { return d.Documents[1:] }

// Rev is the number of facts about the dossier so far, edits included: its
// entity tag.
func (d *Dossier) Rev() int { return d.State.Events + d.Edits }
