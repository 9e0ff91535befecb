package dossiers

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"parapheur/circuits"
	"parapheur/circuits/delegation"
	"parapheur/internal/conditions"
	"parapheur/internal/trial"
)

// An OrganisationStore keeps what administrators set up. It is part of Store,
// under the same rules: one town, safe for concurrent use, ErrNotFound for
// what does not exist.
type OrganisationStore interface {
	// Organisation reads the whole set-up of a town, at one instant.
	Organisation(ctx context.Context, t TenantID) (Organisation, error)
	// Organise reads the set-up, locked against other Organise of the town,
	// calls decide once, and commits what it answers with one journal entry
	// for each amendment: all of them or nothing. decide has no context:
	// nothing slow belongs in a transaction. It answers the new revision.
	Organise(ctx context.Context, t TenantID, by circuits.Actor, at time.Time, decide func(Organisation) ([]Amendment, error)) (int64, error)
	// Circuit returns one published version, retired or not.
	Circuit(ctx context.Context, t TenantID, code string, version int) (circuits.Definition, error)
	// Filing returns the metadata and the number of a dossier; a dossier
	// without any has an empty one.
	Filing(ctx context.Context, t TenantID, id ID) (Filing, error)
	// SetMetadata replaces the metadata of a dossier and journals what
	// changed.
	SetMetadata(ctx context.Context, t TenantID, id ID, values conditions.Values, by circuits.Actor, at time.Time) error
	// Recusals lists who is kept away from a dossier.
	Recusals(ctx context.Context, t TenantID, id ID) ([]delegation.Recusal, error)
	// RecordDocument journals that a document of the set-up (an arrêté) was
	// received; KeptDocument says whether one was, in this town.
	RecordDocument(ctx context.Context, t TenantID, digest circuits.Digest, size int64, by circuits.Actor, at time.Time) error
	KeptDocument(ctx context.Context, t TenantID, digest circuits.Digest) (bool, error)
}

// An Organisation is everything that administrators set up in a town, at one
// instant. Lists are in the order of pages.
type Organisation struct {
	// Revision grows with each change made by Organise.
	Revision     int64
	Territory    Territory
	Arms         circuits.Digest // of the coat of arms in use; zero without any
	Deposits     DepositRules    // as they were set; what is not there follows DefaultDepositRules
	People       []Member
	Desks        []DeskSetup
	Sequences    []Sequence
	Circuits     []CircuitSetup
	Types        []TypeSetup
	Delegations  []delegation.Delegation
	Absences     []delegation.Absence
	Impediments  []delegation.Impediment
	Closures     []Closure
	Applications []ApplicationSetup
}

// A Member is a person as an administrator sets them up. Passkeys are not
// here: nothing in this file lets anybody decide.
type Member struct {
	ID         circuits.PersonID `json:"id,omitempty"`
	Email      string            `json:"email"`
	ExternalID string            `json:"external_id,omitempty"` // in the directory that provisions people
	Civility   string            `json:"civility,omitempty"`    // "M.", "Mme" or empty
	GivenName  string            `json:"given_name"`
	FamilyName string            `json:"family_name"`
	Drafter    bool              `json:"drafter,omitempty"`
	Admin      bool              `json:"admin,omitempty"`
	Inactive   bool              `json:"inactive,omitempty"`
	// Rank is the place in the tableau of the council: 1 the mayor; 0 for
	// agents. Adjoint is set for those who may replace an impeded mayor.
	Rank    int  `json:"rank,omitempty"`
	Adjoint bool `json:"adjoint,omitempty"`
	// MandateEnd is the last day of the mandate or of the post. From the day
	// after, seats and delegations are worth nothing.
	MandateEnd delegation.Date `json:"mandate_end,omitempty"`
}

// Name returns "Hélène Garnier".
func (m Member) Name() string {
	return Person{GivenName: m.GivenName, FamilyName: m.FamilyName}.Name()
}

// A SeatSetup is a person at a desk, and the quality they have there.
type SeatSetup struct {
	Person  circuits.PersonID `json:"person"`
	Quality string            `json:"quality"`
}

// A DeskSetup is a desk with its place and its people.
type DeskSetup struct {
	ID   circuits.DeskID `json:"id,omitempty"`
	Code string          `json:"code"` // short, stable: "dgs"
	Name string          `json:"name"`
	// Parent is the desk above: the head of this one. Empty at the top.
	Parent    circuits.DeskID `json:"parent,omitempty"`
	Inactive  bool            `json:"inactive,omitempty"`
	Holders   []SeatSetup     `json:"holders,omitempty"`
	Preparers []SeatSetup     `json:"preparers,omitempty"` // prepare the tray, never decide
	// Supervisors see what passes at the desk and never act there.
	Supervisors []circuits.PersonID `json:"supervisors,omitempty"`
}

// A Closure is a day on which the town hall is closed, beside Sundays and
// public holidays: no deadline counts it.
type Closure struct {
	On    delegation.Date `json:"on"`
	Label string          `json:"label,omitempty"` // "Pont de l’Ascension"
}

// An ApplicationSetup is a program of the town, without its keys.
type ApplicationSetup struct {
	ID             string            `json:"id,omitempty"`
	Name           string            `json:"name"`
	DefaultDrafter circuits.PersonID `json:"default_drafter"`
	// Frames are as in Application.
	Frames []string `json:"panel_origins,omitempty"`
}

// A CircuitSetup is a circuit with its versions.
type CircuitSetup struct {
	Code string
	// Draft is being worked on; nil when there is none.
	Draft *circuits.Definition
	// Published is the newest version, which new dossiers take; nil when none
	// was published or the newest is retired.
	Published *circuits.Definition
	Versions  []CircuitVersion // published, in order
	Cases     []trial.Case     // kept as its tests
}

// A CircuitVersion is one immutable version.
type CircuitVersion struct {
	Version     int
	SHA256      circuits.Digest
	PublishedAt time.Time
	Retired     bool // no dossier takes it any more; those that did keep it
}

// Member returns the person of this identifier.
func (g Organisation) Member(id circuits.PersonID) (Member, bool) {
	return find(g.People, func(m Member) bool { return m.ID == id })
}

// Desk returns the desk of this identifier.
func (g Organisation) Desk(id circuits.DeskID) (DeskSetup, bool) {
	return find(g.Desks, func(d DeskSetup) bool { return d.ID == id })
}

// Circuit returns the circuit of this code.
func (g Organisation) Circuit(code string) (CircuitSetup, bool) {
	return find(g.Circuits, func(c CircuitSetup) bool { return c.Code == code })
}

// Sequence returns the sequence of this code.
func (g Organisation) Sequence(code string) (Sequence, bool) {
	return find(g.Sequences, func(s Sequence) bool { return s.Code == code })
}

func find[T any](list []T, is func(T) bool) (found T, ok bool) {
	if i := slices.IndexFunc(list, is); i >= 0 {
		return list[i], true
	}
	return found, false
}

// Snapshot is the town as the law of delegation reads it.
func (g Organisation) Snapshot() delegation.Snapshot {
	s := delegation.Snapshot{
		People: map[circuits.PersonID]delegation.Person{}, Holders: map[circuits.DeskID][]delegation.Holder{},
		Delegations: g.Delegations, Absences: g.Absences, Impediments: g.Impediments,
	}
	for _, m := range g.People {
		s.People[m.ID] = delegation.Person{
			Name: m.Name(), Civility: m.Civility, Active: !m.Inactive, Rank: m.Rank, Adjoint: m.Adjoint, MandateEnd: m.MandateEnd,
		}
	}
	for _, d := range g.Desks {
		for _, h := range d.Holders {
			if !d.Inactive {
				s.Holders[d.ID] = append(s.Holders[d.ID], delegation.Holder{Person: h.Person, Quality: h.Quality})
			}
		}
	}
	return s
}

// Organisation reads the set-up of the town, for its administrators and for
// programs whose key may.
func (o *Office) Organisation(ctx context.Context, v Viewer) (Organisation, error) {
	if err := v.consults(); err != nil {
		return Organisation{}, err
	}
	return o.Store.Organisation(ctx, v.Tenant.ID)
}

// organise makes amendments to the set-up, in one transaction, each journaled
// under v. What they lead to is checked before anything is written.
func (o *Office) organise(ctx context.Context, v Viewer, decide func(Organisation) ([]Amendment, error)) error {
	_, err := o.Store.Organise(ctx, v.Tenant.ID, v.Actor(""), o.now(), func(g Organisation) ([]Amendment, error) {
		made, err := decide(g)
		if err != nil {
			return nil, err
		}
		if err := g.admitAll(v, made, func(_ Amendment, err error) error { return err }); err != nil {
			return nil, err
		}
		return o.handled(made)
	})
	return err
}

// handled gives people a WebAuthn handle; who has one keeps it.
func (o *Office) handled(list []Amendment) ([]Amendment, error) {
	for i, a := range list {
		m, ok := a.(MemberSet)
		if !ok || len(m.Handle) > 0 {
			continue
		}
		m.Handle = make([]byte, 64)
		if _, err := io.ReadFull(o.Rand, m.Handle); err != nil {
			return nil, fmt.Errorf("draw a user handle: %w", err)
		}
		list[i] = m
	}
	return list, nil
}

// Amend makes amendments to the set-up of the town: all of them or none.
// Identifiers that are empty are drawn. It answers what was made, identifiers
// included.
func (o *Office) Amend(ctx context.Context, v Viewer, list ...Amendment) ([]Amendment, error) {
	return o.AmendIf(ctx, v, func(Organisation) error { return nil }, list...)
}

// AmendIf is Amend for who read the set-up before: still is asked, under the
// lock, whether it is as it was read. Its error is answered as it is, and
// nothing is changed.
func (o *Office) AmendIf(ctx context.Context, v Viewer, still func(Organisation) error, list ...Amendment) ([]Amendment, error) {
	if err := v.manages(); err != nil {
		return nil, err
	}
	made := make([]Amendment, len(list))
	for i, a := range list {
		var err error
		if made[i], err = a.identified(o.newID); err != nil {
			return nil, err
		}
	}
	return made, o.organise(ctx, v, func(g Organisation) ([]Amendment, error) { return made, still(g) })
}

// manages says whether v may set the town up: an administrator, or a program
// whose key holds ScopeOrganisationManage.
func (v Viewer) manages() error {
	if v.Application != nil && v.Manages {
		return nil
	}
	return v.administers()
}

// consults says whether v may read the set-up.
func (v Viewer) consults() error {
	if v.Application != nil && (v.Consults || v.Manages) {
		return nil
	}
	return v.administers()
}

// today is the day in a town.
func (o *Office) today(x Territory) delegation.Date { return delegation.DateOf(o.here(x)) }

func (o *Office) location() *time.Location {
	if o.Location == nil {
		return time.UTC
	}
	return o.Location
}

// EndMandates takes their seats and delegations from the people whose mandate
// or post has ended, and says so in the journal. What they could decide ended
// by itself the day before: this only puts the records in order. It answers
// how many people it was about.
func (o *Office) EndMandates(ctx context.Context, t TenantID) (int, error) {
	ended := 0
	_, err := o.Store.Organise(ctx, t, circuits.Actor{Name: "Fin de mandat"}, o.now(), func(g Organisation) ([]Amendment, error) {
		var list []Amendment
		today := o.today(g.Territory)
		gone := map[circuits.PersonID]delegation.Date{}
		for _, m := range g.People {
			if m.MandateEnd != "" && m.MandateEnd < today {
				gone[m.ID] = m.MandateEnd
			}
		}
		for _, d := range g.Desks {
			left := slices.DeleteFunc(slices.Clone(d.Holders), func(s SeatSetup) bool { return gone[s.Person] != "" })
			if len(left) < len(d.Holders) {
				d.Holders = left
				list = append(list, DeskSet{Desk: d})
			}
		}
		for _, d := range g.Delegations {
			_, given := gone[d.Delegator.Person]
			_, received := gone[d.Delegate.Person]
			if d.Withdrawn == "" && (given || received) {
				d.Withdrawn = today
				list = append(list, DelegationSet{Delegation: d})
			}
		}
		if len(list) > 0 {
			ended = len(gone)
		}
		return list, nil
	})
	if err != nil {
		return 0, fmt.Errorf("end mandates of %s: %w", t, err)
	}
	return ended, nil
}
