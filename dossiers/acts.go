package dossiers

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"parapheur/circuits"
	"parapheur/circuits/delegation"
)

// theirs finds the open turn that the acting person may take, and in which
// capacity.
func (c circumstances) theirs(w Work) (circuits.Actor, circuits.OpenTurn, error) {
	s := w.Dossier.State
	if w.Person == nil || !w.Person.Active {
		return circuits.Actor{}, circuits.OpenTurn{}, ErrForbidden
	}
	why := circuits.ErrDesk
	for _, turn := range s.OpenTurns() {
		by, err := c.capacity(*w.Person, turn, s.Circuit.Steps[turn.Step].Kind)
		if err == nil {
			return by, turn, nil
		}
		if errors.Is(why, circuits.ErrDesk) {
			why = err
		}
	}
	return circuits.Actor{}, circuits.OpenTurn{}, why
}

// recipient checks that a turn or a question goes to somebody who is there.
func (c circumstances) recipient(field string, to circuits.Recipient) error {
	if to.Desk != "" {
		if d, ok := c.town.Desk(to.Desk); !ok || d.Inactive {
			return &InvalidError{field, "Choisissez un bureau en service."}
		}
	}
	if to.Person != "" {
		if m, ok := c.town.Member(to.Person); !ok || m.Inactive {
			return &InvalidError{field, "Choisissez une personne active de la collectivité."}
		}
	}
	if to == (circuits.Recipient{}) {
		return &InvalidError{field, "Choisissez un bureau ou une personne."}
	}
	return nil
}

// A Consultation asks for opinions before deciding.
type Consultation struct {
	To       []circuits.Recipient
	Question string
	Waits    bool // the viewer does not decide before the answers, or their date
	Days     int  // working days to answer; 0: no date
}

// AskOpinion asks others what they think of a dossier that waits for the
// viewer (avis complémentaire). The turn stays theirs.
func (o *Office) AskOpinion(ctx context.Context, v Viewer, id ID, q Consultation) (Dossier, error) {
	question, err := text("question", q.Question, 2000)
	switch {
	case err != nil:
		return Dossier{}, err
	case question == "":
		return Dossier{}, &InvalidError{"question", "Écrivez votre question."}
	case q.Days < 0 || q.Days > 250:
		return Dossier{}, &InvalidError{"days", "Le délai compte de 0 à 250 jours ouvrés."}
	}
	return o.move(ctx, v, id, "ask opinion", func(w Work, c circumstances) (Change, error) {
		by, turn, err := c.theirs(w)
		if err != nil {
			return Change{}, err
		}
		for _, to := range q.To {
			if err := c.recipient("to", to); err != nil {
				return Change{}, err
			}
		}
		s := w.Dossier.State
		events, err := s.AskOpinion(circuits.Question{
			By: by, Step: turn.Step, To: q.To, Text: question, Waits: q.Waits, Days: q.Days, At: o.now(),
		}, c.facts(s, s.Circuit, nil))
		return Change{Events: events}, err
	})
}

// GiveOpinion answers the opinion that the viewer was asked for. seen is the
// SHA-256 of the bytes that were shown.
func (o *Office) GiveOpinion(ctx context.Context, v Viewer, id ID, a circuits.Advice, seen circuits.Digest) (Dossier, error) {
	var err error
	if a.Text, err = text("advice", a.Text, 4000); err != nil {
		return Dossier{}, err
	}
	if a.Sense != circuits.Favourable && a.Text == "" {
		return Dossier{}, &InvalidError{"advice", "Dites pourquoi l’avis est réservé ou défavorable."}
	}
	return o.move(ctx, v, id, "give opinion", func(w Work, c circumstances) (Change, error) {
		if w.Person == nil || !w.Person.Active {
			return Change{}, ErrForbidden
		}
		why := circuits.ErrOpinion
		for _, q := range w.Dossier.State.OpenQuestions() {
			by, err := c.asked(*w.Person, q.To)
			if err != nil {
				why = err
				continue
			}
			events, err := w.Dossier.State.GiveOpinion(circuits.Answer{By: by, Step: q.Step, Advice: a, Seen: seen, At: o.now()})
			return Change{Events: events}, err
		}
		return Change{}, why
	})
}

// Transfer gives the turn of the viewer to another desk or person, for good.
func (o *Office) Transfer(ctx context.Context, v Viewer, id ID, to circuits.Recipient, reason string) (Dossier, error) {
	reason, err := text("reason", reason, 2000)
	if err != nil {
		return Dossier{}, err
	}
	return o.move(ctx, v, id, "transfer", func(w Work, c circumstances) (Change, error) {
		by, turn, err := c.theirs(w)
		if err == nil {
			err = c.recipient("to", to)
		}
		if err != nil {
			return Change{}, err
		}
		events, err := w.Dossier.State.Transfer(by, turn.Step, to, reason, o.now())
		return Change{Events: events}, err
	})
}

// Recuse keeps a person away from a dossier (déport): the viewer, or somebody
// else by an administrator, or by a program that sets the town up and may see
// the dossier. It is for good: an interest does not go because it
// was said. Their turn goes to the substitute whom the arrêté designates.
func (o *Office) Recuse(ctx context.Context, v Viewer, id ID, r delegation.Recusal) error {
	who, err := o.recusing(ctx, v, id, r.Person)
	if err != nil {
		return err
	}
	if r.On == "" {
		r.On = o.today(v.Tenant.Territory)
	}
	err = o.organise(ctx, v, func(Organisation) ([]Amendment, error) {
		return []Amendment{RecusalSet{Dossier: id, Recusal: r}}, nil
	})
	if err != nil {
		return err
	}
	_, err = o.move(ctx, v, id, "recuse", func(w Work, c circumstances) (Change, error) {
		s := w.Dossier.State
		var to circuits.Recipient
		by := c.personal(who, "")
		for _, turn := range s.OpenTurns() {
			if _, seated := who.Seat(turn.Desk); seated || turn.Person == who.ID {
				by.Desk = turn.Desk
				if r.Substitute != "" {
					to = circuits.Recipient{Desk: turn.Desk, Person: r.Substitute}
				}
				break
			}
		}
		events, err := s.Recuse(by, r.Motive, to, c.facts(s, s.Circuit, nil), o.now())
		if errors.Is(err, circuits.ErrState) { // over, or not begun: the record alone keeps them away
			return Change{}, nil
		}
		return Change{Events: events}, err
	})
	return err
}

// recusing is the person who is to be kept away, if v may say so.
func (o *Office) recusing(ctx context.Context, v Viewer, id ID, person circuits.PersonID) (Person, error) {
	oneself := v.Person != nil && person == v.Person.ID
	if !oneself {
		if err := v.manages(); err != nil {
			return Person{}, err
		}
	}
	if oneself || v.Application != nil {
		if _, err := o.visible(ctx, v, id); err != nil {
			return Person{}, err
		}
	}
	if oneself {
		return *v.Person, nil
	}
	return o.Store.Person(ctx, v.Tenant.ID, person)
}

// RecusalsOf lists who is kept away from a dossier, for who sees it.
func (o *Office) RecusalsOf(ctx context.Context, v Viewer, id ID) ([]delegation.Recusal, error) {
	if _, err := o.visible(ctx, v, id); err != nil {
		return nil, err
	}
	return o.Store.Recusals(ctx, v.Tenant.ID, id)
}

// Acknowledge records that the viewer read the letter as it stands: a reading
// receipt, and what a step with mandatory reading asks for. Twice is once.
func (o *Office) Acknowledge(ctx context.Context, v Viewer, id ID, seen circuits.Digest) (Dossier, error) {
	if _, err := v.person(); err != nil {
		return Dossier{}, err
	}
	if d, err := o.visible(ctx, v, id); err != nil {
		return d, err
	}
	return o.move(ctx, v, id, "read", func(w Work, _ circumstances) (Change, error) {
		events, err := w.Dossier.State.Read(v.Actor(""), seen, o.now())
		if errors.Is(err, circuits.ErrKnown) {
			return Change{}, nil
		}
		return Change{Events: events}, err
	})
}

// Supersede takes a dossier out because another one of the town replaces it.
func (o *Office) Supersede(ctx context.Context, v Viewer, id, by ID, reason string) (Dossier, error) {
	reason, err := text("reason", reason, 2000)
	if err != nil {
		return Dossier{}, err
	}
	for _, x := range []ID{id, by} {
		if _, err := o.visible(ctx, v, x); err != nil {
			return Dossier{}, err
		}
	}
	if id == by {
		return Dossier{}, &InvalidError{"by", "Un dossier ne se remplace pas lui-même."}
	}
	return o.move(ctx, v, id, "supersede", func(w Work, _ circumstances) (Change, error) {
		events, err := w.Dossier.State.Supersede(v.Actor(""), string(by), reason, o.now())
		return Change{Events: events}, err
	})
}

// Migrate passes a running dossier to another published version of a circuit:
// an explicit act of an administrator, journaled. version 0 is the one in
// force.
func (o *Office) Migrate(ctx context.Context, v Viewer, id ID, code string, version int, reason string) (Dossier, error) {
	if err := v.administers(); err != nil {
		return Dossier{}, err
	}
	reason, err := text("reason", reason, 2000)
	if err != nil {
		return Dossier{}, err
	}
	if reason == "" {
		return Dossier{}, &InvalidError{"reason", "Dites pourquoi ce dossier change de circuit."}
	}
	to, err := o.published(ctx, v.Tenant, code, version)
	if err != nil {
		return Dossier{}, err
	}
	return o.move(ctx, v, id, "migrate", func(w Work, c circumstances) (Change, error) {
		s := w.Dossier.State
		events, err := s.Migrate(v.Actor(""), to, reason, c.facts(s, to, s.Chosen), o.now())
		if err != nil {
			return Change{}, c.explain(err, to)
		}
		return Change{Events: events}, nil
	})
}

// published reads a published version of a circuit; 0 is the one in force.
func (o *Office) published(ctx context.Context, t Tenant, code string, version int) (circuits.Definition, error) {
	if version > 0 {
		return o.Store.Circuit(ctx, t.ID, code, version)
	}
	g, err := o.Store.Organisation(ctx, t.ID)
	if err != nil {
		return circuits.Definition{}, err
	}
	c, _ := g.Circuit(code)
	if c.Published == nil {
		return circuits.Definition{}, fmt.Errorf("circuit %s: %w", code, ErrNotFound)
	}
	return *c.Published, nil
}

// Colleagues lists the desks in service and the active people, for whom a
// viewer may ask, or to whom they may pass a dossier.
func (o *Office) Colleagues(ctx context.Context, v Viewer) ([]DeskSetup, []Member, error) {
	if _, err := v.person(); err != nil {
		return nil, nil, err
	}
	revision, err := o.Store.OrganisationRevision(ctx, v.Tenant.ID)
	if err != nil {
		return nil, nil, err
	}
	g, err := o.setUp(ctx, v.Tenant.ID, revision)
	if err != nil {
		return nil, nil, err
	}
	desks := slices.DeleteFunc(slices.Clone(g.Desks), func(d DeskSetup) bool { return d.Inactive })
	people := slices.DeleteFunc(slices.Clone(g.People), func(m Member) bool { return m.Inactive })
	return desks, people, nil
}
