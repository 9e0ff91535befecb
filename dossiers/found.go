package dossiers

import (
	"context"
	"fmt"
	"slices"
	"time"

	"parapheur/circuits"
)

// A Plan is how a town is set up the first time, before it has an
// administrator. Names stand for what is made: a seat names a desk and a
// person by their keys in the plan.
type Plan struct {
	People []PlannedPerson
	Desks  []string
	Seats  []PlannedSeat
	Types  []Type // Circuit.Steps[i].Desk holds the name of a desk
	// Applications, by name, deposit for the person with this e-mail.
	Applications map[string]string
}

// A PlannedPerson is somebody to make known.
type PlannedPerson struct {
	Civility, GivenName, FamilyName, Email string
	Drafter, Admin                         bool
}

// A PlannedSeat gives the desk to the person with this e-mail.
type PlannedSeat struct {
	Desk, Email, Quality string
	Prepares             bool
}

// Founded is what setting a town up answered: what is shown once and kept
// nowhere.
type Founded struct {
	People      []Person
	Invitations map[string]string // e-mail -> invitation token
	APIKeys     map[string]string // application -> secret
}

// founder signs the entries of a town's first day.
const founder = "Mise en service"

// Founder is who signs the entries of a town's first day.
func Founder() circuits.Actor { return circuits.Actor{Name: founder} }

// Found sets a new town up as plan says. It is for the operator of the
// service, never behind a request, and refuses a town that has people.
func (o *Office) Found(ctx context.Context, t Tenant, plan Plan) (Founded, error) {
	there, err := o.Store.People(ctx, t.ID)
	if err != nil {
		return Founded{}, err
	}
	if len(there) > 0 {
		return Founded{}, fmt.Errorf("found %s: it has people: %w", t.SIRET, ErrConflict)
	}
	f := founding{o: o, t: t, by: circuits.Actor{Name: founder}, people: map[string]Person{}, desks: map[string]circuits.DeskID{}}
	for _, step := range []func(context.Context, Plan) error{f.addPeople, f.addDesks, f.addTypes, f.addApplications} {
		if err := step(ctx, plan); err != nil {
			return Founded{}, fmt.Errorf("found %s: %w", t.SIRET, err)
		}
	}
	return f.out, nil
}

type founding struct {
	o      *Office
	t      Tenant
	by     circuits.Actor
	people map[string]Person
	desks  map[string]circuits.DeskID
	out    Founded
}

func (f *founding) addPeople(ctx context.Context, plan Plan) error {
	for _, x := range plan.People {
		p, err := f.o.addPerson(ctx, f.t, Person{
			Civility: x.Civility, GivenName: x.GivenName, FamilyName: x.FamilyName, Email: x.Email, Drafter: x.Drafter, Admin: x.Admin,
		}, f.by)
		if err != nil {
			return fmt.Errorf("person %s: %w", x.Email, err)
		}
		f.people[x.Email] = p
		f.out.People = append(f.out.People, p)
	}
	var err error
	f.out.Invitations, err = f.o.Reinvite(ctx, f.t)
	return err
}

// Reinvite makes a fresh invitation for each person of the town who has no
// passkey, by e-mail. Like Found it is for the operator of the service.
func (o *Office) Reinvite(ctx context.Context, t Tenant) (map[string]string, error) {
	people, err := o.Store.People(ctx, t.ID)
	if err != nil {
		return nil, err
	}
	tokens := map[string]string{}
	for _, p := range people {
		if p.Passkeys > 0 || !p.Active {
			continue
		}
		if tokens[p.Email], _, err = o.invite(ctx, t, p.ID, circuits.Actor{Name: founder}); err != nil {
			return nil, err
		}
	}
	return tokens, nil
}

func (f *founding) addDesks(ctx context.Context, plan Plan) error {
	for _, name := range plan.Desks {
		d, err := f.o.addDesk(ctx, f.t, name, f.by)
		if err != nil {
			return fmt.Errorf("desk %s: %w", name, err)
		}
		f.desks[name] = d.ID
	}
	for _, s := range plan.Seats {
		err := f.o.seat(ctx, f.t, f.desks[s.Desk], f.people[s.Email].ID, s.Quality, s.Prepares, f.by)
		if err != nil {
			return fmt.Errorf("seat of %s: %w", s.Email, err)
		}
	}
	return nil
}

func (f *founding) addTypes(ctx context.Context, plan Plan) error {
	for _, y := range plan.Types {
		steps := make([]circuits.Step, len(y.Circuit.Steps))
		for i, st := range y.Circuit.Steps {
			st.Desk = f.desks[string(st.Desk)]
			steps[i] = st
		}
		y.Circuit.Steps = steps
		if err := y.Circuit.Check(); err != nil {
			return fmt.Errorf("type %s: %w", y.Code, err)
		}
		if err := f.o.Store.PublishType(ctx, f.t.ID, y, f.by, f.o.now()); err != nil {
			return fmt.Errorf("type %s: %w", y.Code, err)
		}
	}
	return nil
}

func (f *founding) addApplications(ctx context.Context, plan Plan) error {
	f.out.APIKeys = map[string]string{}
	for name, email := range plan.Applications {
		a, err := f.o.addApplication(ctx, f.t, name, f.people[email].ID, f.by)
		if err != nil {
			return fmt.Errorf("application %s: %w", name, err)
		}
		f.out.APIKeys[name], _, err = f.o.addAPIKey(ctx, f.t, a.ID, append(depositing(f.t), ScopeDossiersAll), time.Time{}, f.by)
		if err != nil {
			return fmt.Errorf("application %s: %w", name, err)
		}
	}
	return nil
}

// depositing lists the scopes of an application that deposits letters: it does
// not set the town up. One of a sandbox plays it too.
func depositing(t Tenant) []string {
	return slices.DeleteFunc(t.Scopes(), func(s string) bool {
		return slices.Contains([]string{ScopeOrganisationRead, ScopeOrganisationManage, ScopeJournalRead}, s)
	})
}
