package dossiers

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"parapheur/approvals"
	"parapheur/circuits"
	"parapheur/signing"
)

// An Intake is what the check of an uploaded PDF found.
type Intake struct {
	Pages  int
	Signed bool
	// Untidy files are readable, and written anew before they are frozen.
	// Never set together with Signed.
	Untidy bool
	// Protected files may be read by anybody and changed by nobody without a
	// password: written anew, they no longer are. Never set with Signed.
	Protected bool
	Archival  string       // the PDF/A that the file claims: "2b"
	Sizes     [][2]float64 // width and height of each page as shown, in points
	Contents  []Notice     // active content; Code is one of Contents()
}

// An Edit is what is added to a PDF when it is written anew.
type Edit struct {
	Annexes []*os.File // whose pages follow
	Stamps  []Mark
	// Specimen draws the word across every page: the document is of a sandbox.
	Specimen bool
}

// A Mark is lines of text on one page, against the right of a box given as
// fractions of the page as it is shown, from its top left.
type Mark struct {
	Page       int // from 1
	X, Y, W, H float64
	Lines      []string
}

// A Renderer turns pages into pictures and text. It may answer
// ErrUnavailable: the letter can be signed all the same.
type Renderer interface {
	// Page returns page (from 1) as a PNG of about width pixels.
	Page(ctx context.Context, digest circuits.Digest, open func() (io.ReadCloser, error), page, width int) ([]byte, error)
	// Text returns the text of every page.
	Text(ctx context.Context, digest circuits.Digest, open func() (io.ReadCloser, error)) ([]string, error)
}

// Parts are what an Office is made of. All are required but Timestamper and
// Revocation: without the first, signatures are PAdES-BASELINE-B.
type Parts struct {
	Store  Store
	Blobs  Blobs
	Keys   KeyRing
	Render Renderer
	// Inspect checks an uploaded PDF before it is frozen, in bounded time and
	// memory. Its errors are shown to the depositor.
	Inspect func(ctx context.Context, pdf *os.File) (Intake, error)
	// Rewrite writes a PDF anew into an empty file, tidy, without protection,
	// with what the Edit adds. A signed one is refused, and an Edit that would
	// cost a PDF/A its conformance.
	Rewrite     func(ctx context.Context, pdf *os.File, e Edit, into *os.File) error
	Timestamper signing.Timestamper
	// Revocation proves that no certificate of a path was revoked, and answers
	// ErrRevoked when one was. Levels above B-T need it.
	Revocation signing.EvidenceSource
	// Level is what letters are sealed at when their type requires no more.
	// What cannot be had waits: nothing is ever lowered.
	Level signing.Level
	// Verify is the verdict on a signed letter before it becomes visible: no
	// error only when every signature put here holds and reached that level
	// (signing.Check under our roots), and those that it came with, in its
	// first came bytes, are what they were: whoever made them answers for them.
	Verify func(ctx context.Context, pdf io.ReaderAt, size, came int64, least signing.Level) (*signing.Report, error)
	// Trust is what the verifications asked by strangers rest on.
	Trust Trust
	// Seal signs the manifest of an evidence file with the town's seal
	// (cachet). Nil, or a nil answer without error: the town has none.
	Seal func(ctx context.Context, t Tenant, manifest []byte) ([]byte, error)
	// Vault seals the secrets of webhooks and of identity providers.
	Vault Secrets
	// Mail sends an invitation to the person it is for; nil where no mail
	// leaves. The link is never stored: what is not sent at once is not sent.
	Mail func(ctx context.Context, t Tenant, x InvitationMail) error
	// CheckURL says whether an address may be called, as far as it says so itself.
	CheckURL func(url string) error
	// Identity speaks to identity providers; nil where nobody signs in by one.
	Identity IdentityProvider
	Now      func() time.Time // the only clock read: the town's
	// Wall, if set, is the real clock, by which sessions, keys of programs and
	// calls to webhooks live where Now is the clock of a sandbox.
	Wall     func() time.Time
	Rand     io.Reader      // nonces, handles, tokens
	Location *time.Location // of towns that did not say where they are
	Spool    string         // folder for uploads under way
	MaxBytes int64          // of one document
	Software string         // version, named in evidence
	// Passing, if set, is told of each of SealPoints as it is passed. Tests
	// crash there.
	Passing func(point string)
	// Only, if set, is the sandbox that the office serves, and no other town.
	// Without it the office serves every town but sandboxes.
	Only TenantID
}

// An Office does what is asked of it. It holds no state of its own but a
// cache of relying parties, set-ups and secrets, and is safe for concurrent use.
type Office struct {
	Parts
	parties sync.Map // TenantID -> *approvals.RelyingParty
	towns   sync.Map // TenantID -> Organisation, as last read
	zones   sync.Map // name of a zone -> *time.Location
	secrets secrets  // of connectors, those that were right
}

// Open returns an Office over its parts.
func Open(p Parts) *Office { return &Office{Parts: p} }

// Tenant returns the town served at host ("localhost:8080"). A town that its
// hosting centre suspended is answered with ErrSuspended: nobody goes further.
func (o *Office) Tenant(ctx context.Context, host string) (Tenant, error) {
	t, err := o.Store.TenantByHost(ctx, strings.ToLower(host))
	if err == nil && !o.serves(t) {
		return Tenant{}, fmt.Errorf("town at %q: %w", host, ErrNotFound)
	}
	if err == nil && !t.SuspendedAt.IsZero() {
		err = fmt.Errorf("town %s: %w", t.SIRET, ErrSuspended)
	}
	return t, err
}

// serves keeps sandboxes and real towns apart.
func (o *Office) serves(t Tenant) bool {
	if o.Only == "" {
		return !t.Sandbox()
	}
	return t.Sandbox() && t.ID == o.Only
}

// party returns the relying party of t.
func (o *Office) party(t Tenant) (*approvals.RelyingParty, error) {
	if rp, ok := o.parties.Load(t.ID); ok {
		return rp.(*approvals.RelyingParty), nil
	}
	rp, err := approvals.New(approvals.Config{
		Tenant: t.SIRET, RPID: t.RPID, Origin: t.Origin, DisplayName: "Parapheur, " + t.Name, Now: o.Now, Rand: o.Rand,
	})
	if err != nil {
		return nil, fmt.Errorf("relying party of %s: %w", t.SIRET, err)
	}
	o.parties.Store(t.ID, rp)
	return rp, nil
}
