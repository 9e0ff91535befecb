package dossiers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"parapheur/circuits"
	"parapheur/internal/conditions"
)

// A Draft is a letter as it is deposited.
type Draft struct {
	Title             string
	Recipient         string
	TypeCode          string
	ExternalReference string
	Note              string
	DrafterEmail      string // whom an application deposits for; empty: its default drafter
	Main              Received
	Annexes           []Received
	// Additions are made to the letter before it is frozen.
	Additions Additions
	Start     bool
	Metadata  conditions.Values // of the type; see TypeSetup.Normal
	// Chosen are the desks picked where the circuit lets choose, by identifier
	// or by code.
	Chosen map[circuits.StepID]circuits.DeskID
	// OnlyIfReady refuses with ErrNotReady to start a circuit of which a
	// signature could not be completed today. Without it the letter leaves and
	// waits there.
	OnlyIfReady bool
	// Circuit is taken instead of the one that the type chooses: one that the
	// type names, or any where it lets compose (TypeSetup.AdHoc). With Start only.
	Circuit *circuits.Definition
	// Places are where blocks go, by step; a Place without Step is for every step
	// that has none. Without any, tags, fields and free space decide.
	Places []Place
	// Origin is what a connector keeps of the deposit.
	Origin *Origin
	// Key and Fingerprint identify one request of an application.
	Key         string
	Fingerprint [32]byte
}

// line checks a one-line text and returns it trimmed.
func line(field, s string, least, most int) (string, error) {
	s = strings.TrimSpace(s)
	n := utf8.RuneCountInString(s)
	switch {
	case !utf8.ValidString(s) || strings.ContainsFunc(s, unseen):
		return s, &InvalidError{field, "Ce champ contient des caractères qui ne s’affichent pas."}
	case n < least:
		return s, &InvalidError{field, "Ce champ est nécessaire."}
	case n > most:
		return s, &InvalidError{field, fmt.Sprintf("Ce champ est limité à %d caractères ; il en a %d.", most, n)}
	}
	return s, nil
}

// unseen reports what a line may not hold: controls, ends of lines, and what
// turns the direction of writing, under which people read something else than
// what they sign (Unicode TR 36, 3.3).
func unseen(r rune) bool {
	return r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' || turning(r)
}

func turning(r rune) bool { return r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' }

// text checks a text of several lines.
func text(field, s string, most int) (string, error) {
	s = strings.TrimSpace(strings.ReplaceAll(s, "\r\n", "\n"))
	if n := utf8.RuneCountInString(s); n > most {
		return s, &InvalidError{field, fmt.Sprintf("Ce champ est limité à %d caractères ; il en a %d.", most, n)}
	}
	if !utf8.ValidString(s) || strings.ContainsRune(s, 0) || strings.ContainsFunc(s, turning) {
		return s, &InvalidError{field, "Ce champ contient des caractères qui ne s’affichent pas."}
	}
	return s, nil
}

// check normalises d and names the first field that is wrong.
func (d *Draft) check() (err error) {
	if d.Title, err = line("title", d.Title, 1, 200); err != nil {
		return err
	}
	if d.Recipient, err = line("recipient", d.Recipient, 1, 200); err != nil {
		return err
	}
	if d.ExternalReference, err = line("external_reference", d.ExternalReference, 0, 100); err != nil {
		return err
	}
	if d.Note, err = text("note", d.Note, 2000); err != nil {
		return err
	}
	if d.DrafterEmail, err = line("drafter", d.DrafterEmail, 0, 254); err != nil {
		return err
	}
	if d.Main.SHA256.IsZero() {
		return missingLetter()
	}
	if err := d.Main.sound(); err != nil {
		return err
	}
	if d.Circuit != nil && !d.Start {
		return &InvalidError{"circuit", "Un circuit se choisit au départ : envoyez le dossier en même temps."}
	}
	if len(d.Annexes) > maxAnnexes {
		return tooManyAnnexes()
	}
	if err := checkPlaces(d.Places); err != nil {
		return err
	}
	return d.Additions.check(d.Annexes)
}

const maxAnnexes = 20

func missingLetter() error { return &InvalidError{"document", "Joignez la lettre, en PDF."} }

// Deposit creates a dossier, and sends it along its circuit if d.Start. The
// boolean says that the same deposit was made before, under the same key: the
// dossier it made then is answered, and nothing is created.
func (o *Office) Deposit(ctx context.Context, v Viewer, d Draft) (Dossier, bool, error) {
	if v.Person != nil && !v.Person.Drafter {
		return Dossier{}, false, fmt.Errorf("deposit: %w", ErrForbidden)
	}
	if err := d.check(); err != nil {
		return Dossier{}, false, err
	}
	kind, err := o.typeOf(ctx, v.Tenant, d.TypeCode)
	if err != nil {
		return Dossier{}, false, err
	}
	if v.Application != nil && !v.Application.Handles(kind.Code) {
		return Dossier{}, false, fmt.Errorf("deposit of type %s: %w", kind.Code, ErrForbidden)
	}
	drafter, err := o.drafterOf(ctx, v, d.DrafterEmail)
	if err != nil {
		return Dossier{}, false, err
	}
	if d.Main, d.Annexes, err = o.Compose(ctx, v.Tenant, d.Main, d.Annexes, d.Additions); err != nil {
		return Dossier{}, false, fmt.Errorf("deposit: %w", err)
	}
	id, err := uuid.NewV7FromReader(o.Rand)
	if err != nil {
		return Dossier{}, false, fmt.Errorf("deposit: %w", err)
	}
	now := o.now()
	circuit, filing, sequence, err := o.file(ctx, v, d)
	if err != nil {
		return Dossier{}, false, err
	}
	if d.Start && d.OnlyIfReady {
		kind.Circuit = circuit
		if err := o.mustBeReady(ctx, v.Tenant, kind); err != nil {
			return Dossier{}, false, err
		}
	}
	c, annexes := d.creation(kind, drafter, now)
	c.Dossier.ID, c.Filing, c.Sequence, c.FiledAt = ID(id.String()), filing, sequence, now.In(o.LocationOf(v.Tenant.Territory))
	if v.Application != nil {
		c.Application, c.Dossier.Application = v.Application.ID, v.Application.ID
	}
	if err := stepsOf(d.Places, circuit); err != nil {
		return Dossier{}, false, err
	}
	told, err := o.foreseen(ctx, v.Tenant, d)
	if err != nil {
		return Dossier{}, false, fmt.Errorf("deposit: %w", err)
	}
	c.Notices = append(c.Notices, told...)
	if err := o.enter(ctx, v, &c, d, annexes, circuit); err != nil {
		return Dossier{}, false, err
	}
	made, replayed, err := o.Store.Create(ctx, v.Tenant.ID, c)
	if err != nil {
		return Dossier{}, false, fmt.Errorf("deposit: %w", err)
	}
	return made, replayed, nil
}

// creation is the row of a deposit, but for what the office gives it, and the
// digests of its annexes.
func (d Draft) creation(kind Type, drafter Person, now time.Time) (Creation, []circuits.Digest) {
	c := Creation{Key: d.Key, Fingerprint: d.Fingerprint, Notices: notices(1, d.Main), Places: d.Places, Dossier: Dossier{
		Title: d.Title, Recipient: d.Recipient, TypeCode: kind.Code, TypeName: kind.Name,
		ExternalReference: d.ExternalReference, Note: d.Note, Drafter: Holder{Person: drafter.ID, Name: drafter.Name()},
		Documents: []Document{received(1, d.Main, now)}, CreatedAt: now, UpdatedAt: now,
	}}
	var annexes []circuits.Digest
	for i, a := range d.Annexes {
		c.Dossier.Documents = append(c.Dossier.Documents, received(i+2, a, now))
		c.Notices = append(c.Notices, notices(i+2, a)...)
		annexes = append(annexes, a.SHA256)
	}
	if d.Origin != nil {
		c.Origin, d.Origin.At = d.Origin, now
		d.Origin.placed(d.Main)
	}
	return c, annexes
}

// enter adds to a creation the events of its deposit and, if d starts, of its
// way into the circuit.
func (o *Office) enter(ctx context.Context, v Viewer, c *Creation, d Draft, annexes []circuits.Digest, circuit circuits.Definition) error {
	var s circuits.State
	now := c.Dossier.CreatedAt
	events, err := s.Deposit(circuits.Deposited{
		By: v.Actor(""), Drafter: c.Dossier.Drafter.Person, Document: d.Main.SHA256, Bytes: d.Main.Bytes, Annexes: annexes, At: now,
	})
	if err != nil {
		return fmt.Errorf("deposit: %w", err)
	}
	c.Events = events
	if !d.Start {
		return nil
	}
	for _, e := range events {
		s = s.Apply(e)
	}
	revision, err := o.Store.OrganisationRevision(ctx, v.Tenant.ID)
	if err != nil {
		return err
	}
	around, err := o.circumstances(ctx, v.Tenant.ID, Matter{Dossier: c.Dossier, Filing: c.Filing, Revision: revision})
	if err != nil {
		return err
	}
	chosen, err := around.town.picked(d.Chosen)
	if err != nil {
		return err
	}
	started, err := s.Start(v.Actor(""), circuit, around.facts(s, circuit, chosen), now)
	if err != nil {
		return fmt.Errorf("deposit: %w", around.explain(err, circuit))
	}
	change, err := around.follow(s, Change{Events: started}, now)
	c.Events, c.Calendar, c.Seal = append(events, change.Events...), change.Calendar, change.Seal
	return err
}

// now is the clock to the microsecond, which is what PostgreSQL keeps.
func (o *Office) now() time.Time { return o.Now().UTC().Truncate(time.Microsecond) }

// wall is the real clock, to the microsecond: that of the town, but in a sandbox.
func (o *Office) wall() time.Time {
	if o.Wall == nil {
		return o.now()
	}
	return o.Wall().UTC().Truncate(time.Microsecond)
}

func received(n int, r Received, at time.Time) Document {
	rev := Revision{
		Version: 1, Segments: []Segment{{r.SHA256, r.Bytes}}, Bytes: r.Bytes, SHA256: r.SHA256, HashState: r.HashState, At: at,
	}
	return Document{N: n, Name: r.Name, Pages: r.Pages, Revision: rev, Approved: rev}
}

func (o *Office) typeOf(ctx context.Context, t Tenant, code string) (Type, error) {
	types, err := o.Store.Types(ctx, t.ID)
	if err != nil {
		return Type{}, err
	}
	for _, y := range types {
		if y.Code == code {
			return y, nil
		}
	}
	return Type{}, unknownType()
}

func (o *Office) drafterOf(ctx context.Context, v Viewer, email string) (Person, error) {
	if v.Person != nil {
		return *v.Person, nil
	}
	if email == "" {
		return o.Store.Person(ctx, v.Tenant.ID, v.Application.DefaultDrafter)
	}
	p, err := o.Store.PersonByEmail(ctx, v.Tenant.ID, email)
	if errors.Is(err, ErrNotFound) || err == nil && !(p.Drafter && p.Active) {
		return p, &InvalidError{"drafter", "Cette adresse n’est celle d’aucun rédacteur de la collectivité."}
	}
	return p, err
}

// Start sends a draft, or what was withdrawn or refused, along the circuit that
// its type and metadata choose.
func (o *Office) Start(ctx context.Context, v Viewer, id ID) (Dossier, error) {
	return o.Depart(ctx, v, id, Departure{})
}

// A Departure is how a draft leaves.
type Departure struct {
	// Chosen are the desks picked where the circuit lets choose, by identifier
	// or by code.
	Chosen map[circuits.StepID]circuits.DeskID
	// Circuit is taken instead of the one that the type chooses: see Draft.
	Circuit *circuits.Definition
	// Again starts what was refused or withdrawn anew, with the same document.
	Again bool
}

// Depart sends a draft along the circuit that its type and metadata choose.
func (o *Office) Depart(ctx context.Context, v Viewer, id ID, how Departure) (Dossier, error) {
	if _, err := o.visible(ctx, v, id); err != nil {
		return Dossier{}, err
	}
	return o.move(ctx, v, id, "start", func(w Work, c circumstances) (Change, error) {
		circuit, err := c.departing(how)
		if err != nil {
			return Change{}, err
		}
		chosen, err := c.town.picked(how.Chosen)
		if err != nil {
			return Change{}, err
		}
		start := w.Dossier.State.Start
		if how.Again {
			start = w.Dossier.State.Recycle
		}
		events, err := start(v.Actor(""), circuit, c.facts(w.Dossier.State, circuit, chosen), o.now())
		if err != nil {
			return Change{}, c.explain(err, circuit)
		}
		return Change{Events: events, Sequence: c.kind.Sequence, FiledAt: c.now}, nil
	})
}

// departing is the circuit that a letter leaves in.
func (c circumstances) departing(how Departure) (circuits.Definition, error) {
	if how.Circuit != nil {
		return *how.Circuit, c.town.asked(c.kind, *how.Circuit)
	}
	return c.town.CircuitFor(c.kind, c.values, c.now)
}

// Withdraw takes a dossier out of its circuit. rev is the revision that was
// read, or negative for any; another one is ErrConflict.
func (o *Office) Withdraw(ctx context.Context, v Viewer, id ID, reason string, rev int) (Dossier, error) {
	reason, err := text("reason", reason, 4000)
	if err != nil {
		return Dossier{}, err
	}
	if d, err := o.visible(ctx, v, id); err != nil {
		return d, err
	}
	return o.update(ctx, v, id, "withdraw", func(w Work) (Change, error) {
		if rev >= 0 && rev != w.Dossier.Rev() {
			return Change{}, ErrConflict
		}
		events, err := w.Dossier.State.Withdraw(v.Actor(""), reason, o.now())
		return Change{Events: events}, err
	})
}

// Correct replaces the main document by a new version, as a substantial
// correction from the first step on.
func (o *Office) Correct(ctx context.Context, v Viewer, id ID, main Received) (Dossier, error) {
	return o.CorrectAs(ctx, v, id, main, Correction{})
}

// A Correction is what a new version of the document changes.
type Correction struct {
	Nature circuits.Nature // empty is substantial
	From   circuits.StepID // the first step that decides again; empty: the first
	Reason string          // for those who decided
}

// CorrectAs replaces the main document by a new version, as the circuit's own
// policy allows.
func (o *Office) CorrectAs(ctx context.Context, v Viewer, id ID, main Received, how Correction) (Dossier, error) {
	if main.SHA256.IsZero() {
		return Dossier{}, missingLetter()
	}
	if err := main.sound(); err != nil {
		return Dossier{}, fmt.Errorf("correct %s: %w", id, err)
	}
	reason, err := text("reason", how.Reason, 4000)
	if err != nil {
		return Dossier{}, err
	}
	if d, err := o.visible(ctx, v, id); err != nil {
		return d, err
	}
	return o.move(ctx, v, id, "correct", func(w Work, c circumstances) (Change, error) {
		s, now := w.Dossier.State, o.now()
		var seats []Seat
		if w.Person != nil {
			seats = w.Person.Seats
		}
		events, err := c.correct(s, v.Actor(""), seats, circuits.Correction{
			Document: main.SHA256, Bytes: main.Bytes, Nature: how.Nature, From: how.From, Reason: reason, At: now,
		}, c.facts(s, s.Circuit, nil))
		if err != nil {
			return Change{}, err
		}
		doc := received(1, main, now)
		doc.Revision.Version = s.Version + 1
		return Change{Events: events, Revision: &NewRevision{N: 1, Name: doc.Name, Pages: doc.Pages, Revision: doc.Revision, Notices: notices(1, main)}}, nil
	})
}

// update runs one decision of the circuit.
func (o *Office) update(ctx context.Context, v Viewer, id ID, what string, decide func(Work) (Change, error)) (Dossier, error) {
	d, err := o.Store.Update(ctx, v.Tenant.ID, id, v.personID(), decide)
	if err != nil {
		return d, fmt.Errorf("%s %s: %w", what, id, err)
	}
	return d, nil
}

func (v Viewer) personID() circuits.PersonID {
	if v.Person == nil {
		return ""
	}
	return v.Person.ID
}
