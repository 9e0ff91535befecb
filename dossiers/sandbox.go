package dossiers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"parapheur/approvals/proof"
	"parapheur/circuits"
)

// Errors of sandboxes. Match them with errors.Is.
var (
	ErrNotSandbox = errors.New("not a sandbox")
	ErrClockBack  = errors.New("the clock of a sandbox does not run back")
)

// Kinds of journal entries that only sandboxes have.
const (
	KindSandboxOpened = "sandbox.opened"
	KindSandboxClock  = "sandbox.clock"
	KindSandboxPerson = "sandbox.person"
)

// maxAhead is how far the clock of a sandbox may run ahead of the real one:
// more than a mandate.
const maxAhead = 10 * 366 * 24 * time.Hour

// A Sandboxes keeps what sandboxes have and no other town: what does not exist,
// in a real town anything, is ErrNotFound.
type Sandboxes interface {
	// OpenSandbox keeps the fake PKI of a sandbox, sealed; it has one already: ErrConflict.
	OpenSandbox(ctx context.Context, t TenantID, pki []byte, by circuits.Actor, at time.Time) error
	SandboxOf(ctx context.Context, t TenantID) (SandboxKept, error)
	// AdvanceClock sets how far the clock is ahead of the real one; less than
	// it was is ErrClockBack.
	AdvanceClock(ctx context.Context, t TenantID, ahead time.Duration, by circuits.Actor, at time.Time) error
	AddTestPerson(ctx context.Context, t TenantID, p TestPerson, by circuits.Actor, at time.Time) error
	TestPersons(ctx context.Context, t TenantID) ([]TestPerson, error)
}

// SandboxKept is what is kept of a sandbox.
type SandboxKept struct {
	Ahead time.Duration
	PKI   []byte // sealed
}

// A TestPerson is somebody whose decisions the API may play.
type TestPerson struct {
	Person  circuits.PersonID
	Role    string // "maire": what programs call them
	KID     []byte // identifier of the passkey
	Passkey []byte // in software, sealed
}

// A Player is the software authenticator of test persons. It is given to
// sandboxes alone: an Office without one cannot make a gesture.
type Player interface {
	// Register answers the options of a registration with a new passkey, of
	// which it fills KID and Passkey.
	Register(t Tenant, p Person, options []byte, x *TestPerson) (response []byte, err error)
	// Answer answers the options of a decision with the passkey of x.
	Answer(t Tenant, p Person, x TestPerson, options []byte) (response []byte, err error)
}

// A SandboxClock is the clock of a sandbox: the real one, and how far it was
// moved.
type SandboxClock interface {
	Now() time.Time
	Ahead() time.Duration
	// Move is told what was kept. It never runs back.
	Move(ahead time.Duration)
}

// A Sandbox does in one bac à sable what no town can ask for: it moves the
// clock, and plays the decisions of test persons. The ceremonies are those of
// everybody, over the exact bytes, verified by the same code: only who holds
// the passkey differs.
type Sandbox struct {
	Office *Office
	Player Player
	Clock  SandboxClock
	Tenant TenantID // the only town that it serves
}

// of refuses any other town, sandbox or not.
func (s *Sandbox) of(t Tenant) error {
	if s == nil || !t.Sandbox() || t.ID != s.Tenant {
		return ErrNotSandbox
	}
	return nil
}

// A ClockReading is what the clock of a sandbox says.
type ClockReading struct {
	Now, Real time.Time
	Ahead     time.Duration
}

// Read reads the clock.
func (s *Sandbox) Read(v Viewer) (ClockReading, error) {
	if err := s.of(v.Tenant); err != nil {
		return ClockReading{}, err
	}
	return ClockReading{Now: s.Office.now(), Real: s.Office.wall().UTC().Truncate(time.Microsecond), Ahead: s.Clock.Ahead()}, nil
}

// Advance moves the clock forward to an instant, and does at once what had to
// be done until then. One that has passed is ErrClockBack.
func (s *Sandbox) Advance(ctx context.Context, v Viewer, to time.Time) (ClockReading, Swept, error) {
	if err := s.of(v.Tenant); err != nil {
		return ClockReading{}, Swept{}, err
	}
	to = to.UTC().Truncate(time.Microsecond)
	ahead := to.Sub(s.Office.wall().UTC().Truncate(time.Microsecond))
	switch {
	case ahead > maxAhead:
		return ClockReading{}, Swept{}, &InvalidError{"to", "L’horloge du bac à sable avance de dix ans au plus sur la vraie."}
	case to.Before(s.Office.now()):
		return ClockReading{}, Swept{}, ErrClockBack
	}
	if err := s.Office.Store.AdvanceClock(ctx, v.Tenant.ID, ahead, v.Actor(""), to); err != nil {
		return ClockReading{}, Swept{}, fmt.Errorf("advance the clock: %w", err)
	}
	s.Clock.Move(ahead)
	done, err := s.sweep(ctx)
	if err != nil {
		return ClockReading{}, done, fmt.Errorf("advance the clock: %w", err)
	}
	read, err := s.Read(v)
	return read, done, err
}

// maxSweeps bounds what one move of the clock brings about: each sweep may open
// steps that are late in their turn.
const maxSweeps = 20

func (s *Sandbox) sweep(ctx context.Context) (all Swept, err error) {
	for range maxSweeps {
		n, err := s.Office.Sweep(ctx, s.Tenant)
		all.Reminded, all.Resumed, all.Redirected, all.Mandates = all.Reminded+n.Reminded, all.Resumed+n.Resumed, all.Redirected+n.Redirected, all.Mandates+n.Mandates
		if err != nil || n == (Swept{}) {
			return all, err
		}
	}
	return all, nil
}

// A TestActor is a test person as programs see them.
type TestActor struct {
	Role   string
	Person Person
}

// People lists the test persons, by role.
func (s *Sandbox) People(ctx context.Context, v Viewer) ([]TestActor, error) {
	if err := s.of(v.Tenant); err != nil {
		return nil, err
	}
	all, err := s.Office.Store.TestPersons(ctx, v.Tenant.ID)
	if err != nil {
		return nil, err
	}
	out := make([]TestActor, len(all))
	for i, x := range all {
		out[i].Role = x.Role
		if out[i].Person, err = s.Office.Store.Person(ctx, v.Tenant.ID, x.Person); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Play has a test person, named by role or identifier, take a decision on the
// letter as it stands: they read it, and make the gesture of everybody. The
// viewer, an application, must see the dossier. Seen may be zero: the bytes as
// they are.
func (s *Sandbox) Play(ctx context.Context, v Viewer, who string, item DecisionItem) (Dossier, error) {
	if err := s.of(v.Tenant); err != nil {
		return Dossier{}, err
	}
	d, err := s.Office.visible(ctx, v, item.Dossier)
	if err != nil {
		return d, err
	}
	x, p, err := s.person(ctx, who)
	if err != nil {
		return d, err
	}
	if item.Seen.IsZero() {
		item.Seen = d.Main().Revision.SHA256
	}
	as := Viewer{Tenant: v.Tenant, Person: &p}
	if answered, err := s.answers(ctx, as, item); answered || err != nil {
		if err != nil {
			return d, fmt.Errorf("play %s: %w", x.Role, err)
		}
		return s.Office.visible(ctx, v, item.Dossier)
	}
	d, err = s.decide(ctx, as, x, item)
	if errors.Is(err, circuits.ErrMustRead) { // so they read it, as anybody would
		if _, err = s.Office.Acknowledge(ctx, as, item.Dossier, item.Seen); err == nil {
			d, err = s.decide(ctx, as, x, item)
		}
	}
	if err != nil {
		return d, fmt.Errorf("play %s: %w", x.Role, err)
	}
	return d, nil
}

// person finds a test person.
func (s *Sandbox) person(ctx context.Context, who string) (TestPerson, Person, error) {
	all, err := s.Office.Store.TestPersons(ctx, s.Tenant)
	if err != nil {
		return TestPerson{}, Person{}, err
	}
	i := slices.IndexFunc(all, func(x TestPerson) bool { return x.Role == who || string(x.Person) == who })
	if i < 0 {
		return TestPerson{}, Person{}, &InvalidError{"person", "Ce n’est pas une personne d’essai de ce bac à sable."}
	}
	p, err := s.Office.Store.Person(ctx, s.Tenant, all[i].Person)
	return all[i], p, err
}

// answers gives the opinion that was asked of somebody whose turn it is not.
// That takes no gesture, of anybody.
func (s *Sandbox) answers(ctx context.Context, as Viewer, item DecisionItem) (bool, error) {
	if item.Decision != string(proof.Opinion) || item.Advice == nil {
		return false, nil
	}
	view, err := s.Office.View(ctx, as, item.Dossier)
	if isNotFound(err) || err == nil && view.Question == nil {
		return false, nil // the decision says why not
	}
	if err != nil {
		return false, err
	}
	_, err = s.Office.GiveOpinion(ctx, as, item.Dossier, *item.Advice, item.Seen)
	return true, err
}

// decide is the ceremony, whole.
func (s *Sandbox) decide(ctx context.Context, as Viewer, x TestPerson, item DecisionItem) (Dossier, error) {
	id, err := s.Office.token(16)
	if err != nil {
		return Dossier{}, err
	}
	session := Session{ID: id, Person: as.Person.ID}
	asked, err := s.Office.BeginDecision(ctx, as, session, []DecisionItem{item})
	if err != nil {
		return Dossier{}, err
	}
	response, err := s.Player.Answer(as.Tenant, *as.Person, x, asked.Options)
	if err != nil {
		return Dossier{}, err
	}
	done, err := s.Office.FinishDecision(ctx, as, session, asked.Ceremony, response)
	if err != nil {
		return Dossier{}, err
	}
	return done[0].Dossier, done[0].Err
}

// Cast gives a person of the sandbox a passkey in software, through an
// invitation like everybody's, and a role. It is for whoever sets the sandbox
// up, never behind a request.
func (s *Sandbox) Cast(ctx context.Context, t Tenant, p Person, role string) error {
	if err := s.of(t); err != nil {
		return err
	}
	by := circuits.Actor{Name: founder}
	invitation, _, err := s.Office.invite(ctx, t, p.ID, by)
	if err != nil {
		return fmt.Errorf("cast %s: %w", role, err)
	}
	_, session, err := s.Office.OpenVisit(ctx, t)
	if err != nil {
		return fmt.Errorf("cast %s: %w", role, err)
	}
	asked, err := s.Office.BeginEnrolment(ctx, t, session, invitation)
	if err != nil {
		return fmt.Errorf("cast %s: %w", role, err)
	}
	x := TestPerson{Person: p.ID, Role: role}
	response, err := s.Player.Register(t, p, asked.Options, &x)
	if err != nil {
		return fmt.Errorf("cast %s: %w", role, err)
	}
	if _, err := s.Office.FinishEnrolment(ctx, t, session, invitation, asked.Ceremony, response, "Clé logicielle du bac à sable"); err != nil {
		return fmt.Errorf("cast %s: %w", role, err)
	}
	return s.Office.Store.AddTestPerson(ctx, t.ID, x, by, s.Office.now())
}
