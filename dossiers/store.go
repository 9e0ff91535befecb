package dossiers

import (
	"context"
	"errors"
	"io"
	"time"

	"parapheur/approvals"
	"parapheur/circuits"
	"parapheur/circuits/calendar"
	"parapheur/journal"
)

// Errors the Office and its Store answer with. Match them with errors.Is.
var (
	ErrNotFound     = errors.New("not found")              // also what is not yours to see
	ErrForbidden    = errors.New("not allowed")            // known, yet not yours to do
	ErrConflict     = errors.New("changed meanwhile")      // somebody was faster; read again
	ErrReference    = errors.New("reference already used") // external_reference of the same application
	ErrInvalid      = errors.New("invalid input")
	ErrInvitation   = errors.New("invitation unknown, used or expired")
	ErrSignInNeeded = errors.New("no open session")
	ErrCeremony     = errors.New("ceremony unknown, used or expired")
	ErrKeyless      = errors.New("no signing key for this person")
	ErrLastPasskey  = errors.New("the last passkey cannot be revoked by its holder")
	ErrOneself      = errors.New("administrators cannot deactivate themselves")
	ErrUnavailable  = errors.New("preview unavailable")
	ErrUndrawn      = errors.New("page not drawn")    // where a stamp needs to know what is free
	ErrNotMailed    = errors.New("mail not accepted") // by the server that it was handed to
	ErrKeyReused    = errors.New("idempotency key used for something else")
	ErrUnread       = errors.New("not opened in this version yet") // a letter decided with others is read first
	ErrAwaiting     = errors.New("waiting for a service outside")  // the sealing job tries again later
	ErrRevoked      = errors.New("certificate revoked")            // of a signatory or of an authority
	ErrActivation   = errors.New("waiting for the key's holder")   // who has to authorise it at a signing service
	ErrSuspended    = errors.New("town suspended")                 // by its hosting centre
)

// An InvalidError names the field that is wrong and says why in French. It
// matches ErrInvalid.
type InvalidError struct {
	Field  string // "title", "document"...
	Reason string // French sentence for the person who typed
}

// Error implements error.
func (e *InvalidError) Error() string { return "invalid " + e.Field + ": " + e.Reason }

// Is makes every InvalidError match ErrInvalid.
func (e *InvalidError) Is(target error) bool { return target == ErrInvalid }

// A Creation is a dossier about to exist.
type Creation struct {
	Dossier Dossier // State zero, Number zero
	Events  []circuits.Event
	// Filing is kept with the dossier; Sequence, if named, numbers it, at
	// FiledAt in the town's time.
	Filing   Filing
	Sequence string
	FiledAt  time.Time
	Calendar calendar.Calendar // as in Change
	Seal     bool              // enqueue the sealing job
	// Application, Key and Fingerprint are set when the deposit came with an
	// Idempotency-Key.
	Application string
	Key         string
	Fingerprint [32]byte
	Notices     []DocumentNotice // of its documents, kept and journaled
	// Origin, if a connector deposited, is kept with it. Without an identifier
	// of the client, a deposit with the fingerprint of one still on its way is
	// that one; with one that was used, it is ErrReference.
	Origin *Origin
	Places []Place // where blocks were asked for, beside those of Origin
}

// Work is what a decision may look at: read in the transaction, under the
// dossier's lock.
type Work struct {
	Dossier Dossier
	// Person is the acting person as the town knows them now, or nil.
	Person *Person
	// Revision is that of the set-up of the town: Organisation.Revision.
	Revision int64
}

// A Change is what a decision writes, all of it or nothing.
type Change struct {
	Events   []circuits.Event
	Evidence *EvidenceRecord // of the decision, if one was taken
	Revision *NewRevision    // of a document, if it grew, was replaced or is new
	Annexes  *[]int          // their numbers from now on, in order; nil: as they are
	Seal     bool            // enqueue the sealing job
	Sequence string          // numbers the dossier, unless it has a number
	FiledAt  time.Time       // of the number, in the town's time
	// ArchivedUntil is when the last archive timestamp of the letter stops
	// serving, with a Revision that has one.
	ArchivedUntil time.Time
	Touched       *Credential // passkey counters to write back; see Store.TouchCredential
	// Calendar is the one by which the clock of the dossier is set; the zero
	// one knows no closure of the town.
	Calendar calendar.Calendar
}

// NewRevision is a revision of document N to record. Name and Pages belong
// to a new version; they stay empty when a signature is appended.
type NewRevision struct {
	N        int
	Name     string
	Pages    int
	Revision Revision
	Notices  []DocumentNotice // of a version as deposited; kept and journaled
}

// An EvidenceRecord is the proof of one decision, exact bytes.
type EvidenceRecord struct {
	Seq      int // in the dossier, from 1; given by the store
	Version  int
	Round    int
	Step     int
	Turn     int
	Person   circuits.PersonID
	Decision string          // a proof.Decision
	SHA256   circuits.Digest // of File: the next statement's prev_sha256
	File     []byte          // proof.Evidence in its canonical JSON form
	At       time.Time
}

// A Credential is a passkey of a person, as stored.
type Credential struct {
	Person circuits.PersonID
	approvals.Credential
	LastUsed time.Time // zero: not yet
}

// An Invitation lets one person register a first passkey.
type Invitation struct {
	TokenHash [32]byte
	Person    circuits.PersonID
	InvitedBy string
	Expires   time.Time
}

// A Session is a browser that signed in, or is about to.
type Session struct {
	ID      string            // public part, bound to ceremonies
	Person  circuits.PersonID // empty before sign-in
	Expires time.Time
	CSRF    string
}

// A Row is a dossier in a list.
type Row struct {
	ID            ID
	Number        int64
	Title         string
	Recipient     string
	TypeName      string
	DrafterName   string
	Phase         circuits.Phase
	StepTitle     string // of the open or sealing step
	StepKind      circuits.Kind
	Step, Steps   int // 1-based open step and their number
	Annexes       int
	Opened        bool // the viewer already opened this version
	Awaiting      string
	Since         time.Time // waits at this desk since
	UpdatedAt     time.Time
	LastRefusal   string // motive, in phase refused
	LastDecidedBy string
	Due           time.Time // the deadline of what waits, zero without one
	Late          bool      // it has passed
	Asked         bool      // of an in-tray: an opinion is asked, not a decision
	For           string    // of BinDelegated: in whose place the viewer would act
}

// A Reader is somebody whose bins are read, at an instant.
type Reader struct {
	Person Person
	// InPlaceOf are the people, and their desks, in whose place they may act
	// for some dossiers: see BinDelegated.
	InPlaceOf []string
	Now       time.Time // deadlines before it have passed
}

// A Bin is a list of dossiers by what they ask of the viewer (bannette).
type Bin string

// The bins.
const (
	BinToDo      Bin = "a-traiter"
	BinUndoable  Bin = "recuperables"
	BinDrafts    Bin = "brouillons"
	BinReturned  Bin = "rejetes"
	BinFollowed  Bin = "suivis"
	BinCompleted Bin = "en-fin-de-circuit"
	BinPrepared  Bin = "a-preparer"
	BinLate      Bin = "en-retard"     // of BinToDo, what is past its deadline
	BinDelegated Bin = "en-delegation" // what somebody may decide in another's place
)

// Bins lists every bin, in the order pages show them.
func Bins() []Bin {
	return []Bin{BinToDo, BinLate, BinDelegated, BinPrepared, BinUndoable, BinReturned, BinDrafts, BinFollowed, BinCompleted}
}

// Counted is how far the letters of a bin are counted: nobody acts differently
// on the next ones, and those that a town leaves behind grow for ever.
func (b Bin) Counted() int {
	if b == BinFollowed || b == BinCompleted {
		return 100
	}
	return 1000
}

// A Page asks for part of a list, by keyset.
type Page struct {
	After string // opaque cursor of the previous page, or empty
	Limit int    // 1..100
}

// A Filter narrows the list an application sees.
type Filter struct {
	Phase             circuits.Phase
	ExternalReference string
	Query             string    // words of title, recipient and reference, in French; accents and case do not count
	Number            int64     // 0: any
	Type              string    // code; empty: any
	Types             []string  // codes the viewer is held to; empty: any
	UpdatedAfter      time.Time // zero: any
}

// A FeedEntry is one line of the event feed, which is the journal of the town
// seen by its applications.
type FeedEntry struct {
	journal.Entry
	Dossier ID
	Number  int64
}

// A Store keeps towns, people, dossiers and their journal. Every method but
// TenantByHost reads and writes one town only, and row-level security holds
// it to that. All methods are safe for concurrent use. What does not exist is
// ErrNotFound.
type Store interface {
	OrganisationStore
	Trials
	Webhooks
	Access
	Records
	Connectors
	Identities
	Pictures
	Counterparts

	// SetMails keeps which mails a person wants, and journals it.
	SetMails(ctx context.Context, t TenantID, p circuits.PersonID, m MailWishes, by circuits.Actor, at time.Time) error
	Sandboxes

	// TenantByHost finds the town served at an origin's host[:port].
	TenantByHost(ctx context.Context, host string) (Tenant, error)

	Tenant(ctx context.Context, t TenantID) (Tenant, error)
	// SandboxTowns lists the sandboxes of the service.
	SandboxTowns(ctx context.Context) ([]Tenant, error)

	// Create inserts a new dossier with its documents, numbers it, applies
	// the events to the zero state and journals them, in one transaction. A
	// key already used for the same creation answers its dossier and true;
	// for another one, ErrKeyReused.
	Create(ctx context.Context, t TenantID, c Creation) (Dossier, bool, error)
	// Update loads the dossier, locked, calls decide once, and commits what
	// it answers together with the journal entries and jobs. When it returns
	// nil they are durable; when decide refuses, nothing is written and its
	// error is returned as it is. decide has no context on purpose: nothing
	// slow belongs in a transaction.
	Update(ctx context.Context, t TenantID, id ID, actor circuits.PersonID, decide func(Work) (Change, error)) (Dossier, error)
	Dossier(ctx context.Context, t TenantID, id ID) (Dossier, error)
	// Matter reads a dossier with what a command must know of it.
	Matter(ctx context.Context, t TenantID, id ID) (Matter, error)
	Revisions(ctx context.Context, t TenantID, id ID, n int) ([]Revision, error)
	Evidence(ctx context.Context, t TenantID, id ID) ([]EvidenceRecord, error)
	// EvidenceSeal is what the last evidence package of a dossier was made of;
	// ErrNotFound without any, or once it was swept.
	EvidenceSeal(ctx context.Context, t TenantID, id ID) (EvidenceSeal, error)
	// KeepEvidenceSeal keeps one in the place of that of the package instead,
	// or of none when it is zero; ErrConflict when another is kept meanwhile.
	KeepEvidenceSeal(ctx context.Context, t TenantID, x EvidenceSeal, instead circuits.Digest) error
	// List reads a bin by keyset, in time that does not grow with the town. Of
	// BinDelegated it lists what waits for those in whose place r may act: the
	// law has its say on each.
	List(ctx context.Context, t TenantID, r Reader, b Bin, page Page) ([]Row, string, error)
	// Count counts every bin, each up to 1000: the index is read no further.
	Count(ctx context.Context, t TenantID, r Reader) (map[Bin]int, error)
	// Search and Feed are narrowed to one application's dossiers, or to none
	// when application is empty.
	Search(ctx context.Context, t TenantID, application string, f Filter, page Page) ([]Dossier, string, error)
	// Ticking lists the dossiers at which the clock alone may bring something
	// about by now, the longest due first; Blocked those whose step cannot go
	// on, and Waiting those with a turn or a question for a desk or a person,
	// both in order after one.
	Ticking(ctx context.Context, t TenantID, now time.Time, limit int) ([]ID, error)
	Blocked(ctx context.Context, t TenantID, after ID, limit int) ([]ID, error)
	Waiting(ctx context.Context, t TenantID, holder string, after ID, limit int) ([]ID, error)
	// OrganisationRevision grows with whatever changes who may act.
	OrganisationRevision(ctx context.Context, t TenantID) (int64, error)
	MarkOpened(ctx context.Context, t TenantID, id ID, p circuits.PersonID, seen circuits.Digest, at time.Time) error
	Opened(ctx context.Context, t TenantID, id ID, p circuits.PersonID, seen circuits.Digest) (bool, error)

	// Sealing returns how far sealing got, or ErrNotFound.
	Sealing(ctx context.Context, t TenantID, id ID, version, step int) (Sealing, error)
	// AdvanceSealing writes s over the edition that it was made from, and
	// returns the row as it then stands: the first comer's.
	AdvanceSealing(ctx context.Context, t TenantID, s Sealing) (Sealing, error)
	// ArchiveDue lists the completed dossiers whose last archive timestamp stops
	// serving before a time, the most urgent first, limit at most.
	ArchiveDue(ctx context.Context, t TenantID, before time.Time, limit int) ([]ID, error)
	// Unsigned lists the sealings of running dossiers that were laid out for the
	// key of a person and that it did not sign yet, oldest first.
	Unsigned(ctx context.Context, t TenantID, p circuits.PersonID) ([]Sealing, error)
	// SealAgain enqueues the sealing job of each dossier, at once.
	SealAgain(ctx context.Context, t TenantID, ids []ID) error

	Journal(ctx context.Context, t TenantID, after int64, limit int) ([]journal.Entry, error)
	// JournalHead is the last entry of the town's journal, or its genesis.
	JournalHead(ctx context.Context, t TenantID) (journal.Entry, error)
	// JournalOf lists the entries of one subject: a dossier's own, those of a
	// person, of "delegation/…", of a dossier's "…/proof".
	JournalOf(ctx context.Context, t TenantID, id ID) ([]journal.Entry, error)
	// SearchJournal reads what matches, the last first.
	SearchJournal(ctx context.Context, t TenantID, q JournalQuery, limit int) ([]journal.Entry, error)
	// Feed is narrowed to these types of letters too, or to none when there are none.
	Feed(ctx context.Context, t TenantID, application string, types []string, after int64, limit int) ([]FeedEntry, error)

	// Notices lists what the depositors of a dossier's documents were told, in
	// the order of the documents, latest version only.
	Notices(ctx context.Context, t TenantID, id ID) ([]DocumentNotice, error)
	// DepositRules are those that the town has set, by content.
	DepositRules(ctx context.Context, t TenantID) (DepositRules, error)

	Types(ctx context.Context, t TenantID) ([]Type, error)
	Desks(ctx context.Context, t TenantID) ([]Desk, error)
	People(ctx context.Context, t TenantID) ([]Person, error)
	Person(ctx context.Context, t TenantID, id circuits.PersonID) (Person, error)
	PersonByEmail(ctx context.Context, t TenantID, email string) (Person, error)
	PersonByHandle(ctx context.Context, t TenantID, handle []byte) (Person, error)
	// AddPerson, SetSeat and the other administrative writes are journaled
	// under by.
	AddPerson(ctx context.Context, t TenantID, p Person, by circuits.Actor, at time.Time) error
	AddDesk(ctx context.Context, t TenantID, d Desk, by circuits.Actor, at time.Time) error
	SetSeat(ctx context.Context, t TenantID, desk circuits.DeskID, p circuits.PersonID, quality string, prepares bool, by circuits.Actor, at time.Time) error
	// Unseat takes a desk, or the preparation of its in-tray, from a person;
	// ErrNotFound when they had neither.
	Unseat(ctx context.Context, t TenantID, desk circuits.DeskID, p circuits.PersonID, by circuits.Actor, at time.Time) error
	// SetActive lets a person act or not. Deactivation closes their sessions
	// and invitations with it, and erases their griffe. ErrNotFound when they already are so.
	SetActive(ctx context.Context, t TenantID, p circuits.PersonID, active bool, by circuits.Actor, at time.Time) error
	PublishType(ctx context.Context, t TenantID, ty Type, by circuits.Actor, at time.Time) error

	// Invite keeps an invitation. The earlier ones of the person open nothing
	// any more.
	Invite(ctx context.Context, t TenantID, in Invitation, by circuits.Actor, at time.Time) error
	Invitation(ctx context.Context, t TenantID, tokenHash [32]byte, now time.Time) (Invitation, error)
	// EnrolmentHead is the digest of the last enrolment of the town, zero
	// before the first.
	EnrolmentHead(ctx context.Context, t TenantID) (circuits.Digest, error)
	// Enrol stores a passkey whose enrolment follows head, consumes the
	// invitation if one is named, with any other of the person, and journals
	// the enrolment statement. When
	// another enrolment came first it is ErrConflict.
	Enrol(ctx context.Context, t TenantID, c Credential, head circuits.Digest, invitation *[32]byte, by circuits.Actor, at time.Time) error
	// KeepPending stores a passkey that waits for a witness, consumes the
	// invitation as Enrol does, and journals it. PendingPasskeys lists them,
	// the oldest first, and DropPending forgets one, journaled.
	KeepPending(ctx context.Context, t TenantID, p PendingPasskey, invitation *[32]byte, by circuits.Actor, at time.Time) error
	PendingPasskeys(ctx context.Context, t TenantID) ([]PendingPasskey, error)
	DropPending(ctx context.Context, t TenantID, kid []byte, by circuits.Actor, at time.Time) error
	// EnrolWitnessed is Enrol for a pending passkey, which ceases to be, and
	// writes back the passkey of its witness as TouchCredential does.
	EnrolWitnessed(ctx context.Context, t TenantID, c Credential, head circuits.Digest, with Credential, by circuits.Actor, at time.Time) error
	// Enrolments returns every enrolment statement of the town, in order.
	Enrolments(ctx context.Context, t TenantID) ([][]byte, error)
	Credentials(ctx context.Context, t TenantID, p circuits.PersonID) ([]Credential, error)
	// TouchCredential writes back the counter, backup state and clone flag; a
	// passkey revoked meanwhile is approvals.ErrUnknownCredential.
	TouchCredential(ctx context.Context, t TenantID, c Credential, at time.Time) error
	RenameCredential(ctx context.Context, t TenantID, p circuits.PersonID, kid []byte, label string) error
	RevokeCredential(ctx context.Context, t TenantID, p circuits.PersonID, kid []byte, by circuits.Actor, reason string, at time.Time) error

	OpenSession(ctx context.Context, t TenantID, tokenHash [32]byte, s Session) error
	Session(ctx context.Context, t TenantID, tokenHash [32]byte, now time.Time) (Session, error)
	CloseSession(ctx context.Context, t TenantID, tokenHash [32]byte) error
	// CloseSessions closes the sessions of a person but the one whose ID is
	// except.
	CloseSessions(ctx context.Context, t TenantID, p circuits.PersonID, except string) error

	// KeepCeremony remembers a ceremony under way, with a note of the Office.
	KeepCeremony(ctx context.Context, t TenantID, c approvals.Ceremony, note []byte) error
	// TakeCeremony removes and returns a ceremony of this purpose and session
	// that has not expired; the removal is committed whatever follows.
	TakeCeremony(ctx context.Context, t TenantID, id []byte, purpose, session string, now time.Time) (approvals.Ceremony, []byte, error)

	Applications(ctx context.Context, t TenantID) ([]Application, error)
	AddApplication(ctx context.Context, t TenantID, a Application, by circuits.Actor, at time.Time) error
	AddAPIKey(ctx context.Context, t TenantID, application string, k APIKey, secretHash [32]byte, by circuits.Actor, at time.Time) error
	RevokeAPIKey(ctx context.Context, t TenantID, keyID string, by circuits.Actor, at time.Time) error
	// APIKey returns the key, its secret's hash and its application.
	APIKey(ctx context.Context, t TenantID, keyID string) (APIKey, [32]byte, Application, error)
	TouchAPIKey(ctx context.Context, t TenantID, keyID string, at time.Time) error
}

// Blobs keeps bytes under their SHA-256. Putting twice is putting once. Put
// is durable once it returns and answers what it stored.
type Blobs interface {
	Put(ctx context.Context, r io.Reader) (digest [32]byte, size int64, err error)
	// Open answers an error for a digest never put.
	Open(ctx context.Context, digest [32]byte) (Blob, error)
}

// A Blob is an open segment.
type Blob interface {
	io.ReaderAt
	io.Closer
	Size() int64
}

func isNotFound(err error) bool { return errors.Is(err, ErrNotFound) }
