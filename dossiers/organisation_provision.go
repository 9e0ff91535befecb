package dossiers

import (
	"context"
	"fmt"
	"reflect"

	"parapheur/circuits"
)

// ProvisionPerson makes somebody known, or changes them, as a directory does:
// doing it twice is doing it once, and what changes nothing writes nothing.
// They are found by externalID if it is not empty, else by email; change gets
// the person as they are (a new one has neither identifier nor name). It
// answers the person and whether they are new.
func (o *Office) ProvisionPerson(ctx context.Context, v Viewer, externalID, email string, change func(*Member)) (m Member, made bool, err error) {
	if err := v.manages(); err != nil {
		return m, false, err
	}
	if externalID == "" && email == "" {
		return m, false, &InvalidError{"email", "Indiquez l’adresse de la personne, ou son identifiant dans l’annuaire."}
	}
	err = o.organise(ctx, v, func(g Organisation) ([]Amendment, error) {
		was, known := g.provisioned(externalID, email)
		m, made = was, !known
		change(&m)
		m.ID = was.ID
		if known && reflect.DeepEqual(m, was) {
			return nil, nil
		}
		a, err := MemberSet{Member: m}.identified(o.newID)
		if err != nil {
			return nil, err
		}
		set := a.(MemberSet) //nolint:forcetypeassert // what identified answers
		m = set.Member
		return []Amendment{set}, nil
	})
	return m, made, err
}

// provisioned finds a person of a directory. Somebody known by the address and
// of no directory yet is theirs.
func (g Organisation) provisioned(externalID, email string) (Member, bool) {
	if externalID != "" {
		if m, ok := find(g.People, func(m Member) bool { return m.ExternalID == externalID }); ok {
			return m, true
		}
	}
	return find(g.People, func(m Member) bool {
		return email != "" && m.Email == email && (externalID == "" || m.ExternalID == "" || m.ExternalID == externalID)
	})
}

// ProvisionDesk makes a desk, or changes it, found by its code. change gets
// it, and names people by their address and desks by their code, as a Setup
// does.
func (o *Office) ProvisionDesk(ctx context.Context, v Viewer, code string, change func(*DeskSetup)) (d DeskSetup, made bool, err error) {
	if err := v.manages(); err != nil {
		return d, false, err
	}
	err = o.organise(ctx, v, func(g Organisation) ([]Amendment, error) {
		was, known := find(g.Setup().Desks, func(x DeskSetup) bool { return x.Code == code })
		d, made = was, !known
		d.Code = code
		change(&d)
		d.ID, d.Code = "", code
		one := Setup{Desks: []DeskSetup{d}}
		if known && len(differences(was, d)) == 0 {
			return nil, nil
		}
		k := g.keys(one, o.newID)
		id := k.desks[circuits.DeskID(code)]
		k.unknown = nil
		resolved := d
		resolve(k, &resolved)
		if k.err != nil {
			return nil, k.err
		}
		if len(k.unknown) > 0 {
			return nil, &InvalidError{"desk", fmt.Sprintf("Ce bureau nomme %s, que la collectivité ne connaît pas.", k.unknown[0])}
		}
		resolved.ID = id
		return []Amendment{DeskSet{Desk: resolved}}, nil
	})
	return d, made, err
}
