package hosting

import (
	"context"
	"errors"
	"fmt"

	"parapheur/approvals"
	"parapheur/approvals/proof"
	"parapheur/dossiers"
)

// Kinds of the journal of a centre.
const (
	KindTownCreated   = "town.created"
	KindTownInvited   = "town.invited"
	KindTownSuspended = "town.suspended"
	KindTownResumed   = "town.resumed"
	KindPersonAdded   = "person.added"
	KindPersonInvited = "person.invited"
	KindPersonGone    = "person.dismissed"
	KindEnrolled      = "passkey.enrolled"
	KindKeyAdded      = "key.added"
	KindKeyRevoked    = "key.revoked"
)

// evidence is the gesture of an act, in the journal.
type evidence = proof.ActEvidence

// A Gesture is what a browser needs to ask its authenticator for one.
type Gesture struct {
	Ceremony []byte
	Options  []byte // JSON for navigator.credentials
}

// A Viewer is somebody of the centre who signed in.
type Viewer struct {
	Person  Person
	Session Session
}

func (v Viewer) actor() Actor { return Actor{Person: v.Person.ID, Name: v.Person.Name} }

// BeginCreate asks v to create a town with a gesture, which commits to all that
// was told of it.
func (c *Centre) BeginCreate(ctx context.Context, v Viewer, n NewTown) (Gesture, error) {
	if err := c.admissible(ctx, &n); err != nil {
		return Gesture{}, err
	}
	host, err := OriginHost(n.Origin)
	if err != nil {
		return Gesture{}, err
	}
	return c.begin(ctx, v, KindTownCreated, []proof.Detail{
		{Name: "siret", Value: n.SIRET},
		{Name: "name", Value: n.Name},
		{Name: "place", Value: n.Place},
		{Name: "origin", Value: n.Origin},
		{Name: "rp_id", Value: host},
		{Name: "given_name", Value: n.GivenName},
		{Name: "family_name", Value: n.FamilyName},
		{Name: "email", Value: n.Email},
	})
}

// BeginOnTown asks v for the gesture of another act on a town: KindTownInvited,
// KindTownSuspended, which says why, or KindTownResumed.
func (c *Centre) BeginOnTown(ctx context.Context, v Viewer, kind, siret, reason string) (Gesture, error) {
	t, err := c.Town(ctx, siret)
	if err != nil {
		return Gesture{}, err
	}
	details := []proof.Detail{{Name: "siret", Value: t.SIRET}, {Name: "name", Value: t.Name}}
	switch kind {
	case KindTownInvited:
		if !t.Awaiting {
			err = fmt.Errorf("%s has its administrator: %w", siret, dossiers.ErrConflict)
		}
	case KindTownSuspended:
		if t.Suspended() {
			return Gesture{}, fmt.Errorf("%s is suspended: %w", siret, dossiers.ErrConflict)
		}
		if reason, err = line("reason", reason, 300); err == nil {
			details = append(details, proof.Detail{Name: "reason", Value: reason})
		}
	case KindTownResumed:
		if !t.Suspended() {
			err = fmt.Errorf("%s is not suspended: %w", siret, dossiers.ErrConflict)
		}
	default:
		err = fmt.Errorf("act %q: %w", kind, dossiers.ErrNotFound)
	}
	if err != nil {
		return Gesture{}, err
	}
	return c.begin(ctx, v, kind, details)
}

func (c *Centre) begin(ctx context.Context, v Viewer, kind string, details []proof.Detail) (Gesture, error) {
	u, err := c.user(ctx, v.Person)
	if err != nil {
		return Gesture{}, err
	}
	ceremony, asked, err := c.rp.BeginAct(u, []byte(v.Session.ID), proof.Act{Kind: kind, Details: details})
	if err != nil {
		return Gesture{}, fmt.Errorf("%s: %w", kind, err)
	}
	return c.keep(ctx, ceremony, asked.OptionsJSON)
}

// Finish verifies the gesture and does the act that it commits to. The answer
// has a link when the act made one.
func (c *Centre) Finish(ctx context.Context, v Viewer, ceremony, response []byte) (kind string, out Created, err error) {
	kept, err := c.take(ctx, ceremony, approvals.PurposeAct, v.Session)
	if err != nil {
		return "", out, err
	}
	u, err := c.user(ctx, v.Person)
	if err != nil {
		return "", out, err
	}
	act, e, used, err := c.rp.FinishAct(u, []byte(v.Session.ID), kept, response)
	if err == nil || errors.Is(err, approvals.ErrClone) { // the latched flag blocks that passkey from now on
		err = errors.Join(err, c.Store.TouchCredential(ctx, used, c.now()))
	}
	if err != nil {
		return "", out, fmt.Errorf("act: %w", err)
	}
	switch act.Kind {
	case KindTownCreated:
		n := NewTown{
			SIRET: act.Detail("siret"), Name: act.Detail("name"), Place: act.Detail("place"), Origin: act.Detail("origin"),
			GivenName: act.Detail("given_name"), FamilyName: act.Detail("family_name"), Email: act.Detail("email"),
		}
		out, err = c.create(ctx, n, nil, v.actor(), e)
	case KindTownInvited:
		out, err = c.reinvite(ctx, act.Detail("siret"), v.actor(), e)
	case KindTownSuspended, KindTownResumed:
		out, err = c.suspend(ctx, act, v.actor(), e)
	default:
		err = fmt.Errorf("act %q: %w", act.Kind, dossiers.ErrNotFound)
	}
	return act.Kind, out, err
}

// suspend stops a town, or lets it go on.
func (c *Centre) suspend(ctx context.Context, act proof.Act, by Actor, e evidence) (Created, error) {
	t, err := c.Town(ctx, act.Detail("siret"))
	if err != nil {
		return Created{}, err
	}
	reason := act.Detail("reason")
	f := Fact{At: c.now(), Subject: t.SIRET, Kind: act.Kind, Body: created{Reason: reason, By: by, Evidence: e}}
	return Created{Town: t}, c.Store.Suspend(ctx, t.ID, reason, f)
}
