package dossiers

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"parapheur/approvals"
	"parapheur/approvals/proof"
	"parapheur/circuits"
)

// A person who serves two towns is two persons, each with passkeys of their
// own. They may say so with a gesture in each town:
//
//	here: gesture ──▶ side kept, pending ──▶ offer, sealed for the other town
//	there: signed in, reads who asks ──▶ gesture ──▶ side linked ──▶ answer, sealed for here
//	here: still the same person ──▶ side linked
//
// Offer and answer travel in the address, in the person's browser. No town
// reads a row of the other, and no session passes: what is gained is a link to
// the other's door.

// Kinds of the journal about people who are also somebody elsewhere.
const (
	KindPersonLinked   = "person.linked"
	KindPersonUnlinked = "person.unlinked"
)

// LinkLife is how long a link that was begun may be finished.
const LinkLife = 15 * time.Minute

// What the vault knows offers and answers by: one is never read as the other.
const (
	linkOfferKind  = "link_offer"
	linkAnswerKind = "link_answer"
	linkID         = "1"
)

// A Counterpart is the side that this town keeps of a person who is also
// somebody in another town of the service.
type Counterpart struct {
	ID       string // by which the other town names this side
	Person   circuits.PersonID
	Origin   string // of the other town
	Other    string // by which it names its side; empty until both gestures were made
	KID      []byte // the passkey that made the gesture
	COSE     []byte // its public key, as enrolled here; read only
	Evidence []byte // proof.ActEvidence in JSON
	BeganAt  time.Time
	LinkedAt time.Time
	// Name is that of the other town, from the list of towns; read only.
	Name string
}

// Counterparts keeps the sides of one town.
type Counterparts interface {
	// KeepCounterpart keeps a side about to be linked, in place of an earlier
	// attempt towards the same town.
	KeepCounterpart(ctx context.Context, t TenantID, c Counterpart) error
	// LinkCounterpart links the side that c.Person began towards c.Origin, in
	// place of an earlier link there. The same again changes nothing; with
	// another Other it is ErrConflict.
	LinkCounterpart(ctx context.Context, t TenantID, c Counterpart, by circuits.Actor) error
	// CounterpartsOf lists the linked sides of a person, by the other's name;
	// towns that are no longer in the list are left out.
	CounterpartsOf(ctx context.Context, t TenantID, p circuits.PersonID) ([]Counterpart, error)
	UnlinkCounterpart(ctx context.Context, t TenantID, p circuits.PersonID, id string, by circuits.Actor, at time.Time) error
}

// A passage is what travels from one town to another, sealed.
type passage struct {
	From    string    `json:"f"`           // origin
	ID      string    `json:"i"`           // of the side there
	Name    string    `json:"n,omitempty"` // of the person there, as they show themself
	Other   string    `json:"o,omitempty"` // in an answer: of the side here
	Expires time.Time `json:"e"`
}

// A LinkOffer is what somebody of another town asks, as their browser brings it.
type LinkOffer struct {
	Town Tenant // the other: its name and addresses only
	Name string // of the person there
}

// elsewhere finds the other town of the service at an address that was typed
// or carried.
func (o *Office) elsewhere(ctx context.Context, v Viewer, address string) (Tenant, error) {
	address = strings.ToLower(strings.TrimSpace(address))
	if !strings.Contains(address, "://") {
		address = "https://" + address
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return Tenant{}, &InvalidError{"origin", "Donnez l’adresse du parapheur de l’autre collectivité, par exemple parapheur.saint-aubin.fr."}
	}
	t, err := o.Store.TenantByHost(ctx, u.Host)
	switch {
	case isNotFound(err):
		return t, &InvalidError{"origin", "Aucune collectivité de ce service n’est à cette adresse."}
	case err != nil:
		return t, err
	case t.ID == v.Tenant.ID:
		return t, &InvalidError{"origin", "Cette adresse est celle de cette collectivité-ci."}
	}
	return t, nil
}

// BeginLink asks v for the gesture by which they say that they are also
// somebody in the town at this address.
func (o *Office) BeginLink(ctx context.Context, v Viewer, s Session, address string) (Gesture, error) {
	if _, err := v.person(); err != nil {
		return Gesture{}, fmt.Errorf("begin a link: %w", err)
	}
	other, err := o.elsewhere(ctx, v, address)
	if err != nil {
		return Gesture{}, err
	}
	return o.beginLink(ctx, v, s, []proof.Detail{{Name: "other_origin", Value: other.Origin}})
}

// ReadOffer reads what another town's person asks of v, who is about to see it.
func (o *Office) ReadOffer(ctx context.Context, v Viewer, offer string) (LinkOffer, error) {
	p, other, err := o.readPassage(ctx, v, linkOfferKind, offer)
	return LinkOffer{Town: other, Name: p.Name}, err
}

// BeginAnswer asks v for the gesture by which they say that the offer is theirs.
func (o *Office) BeginAnswer(ctx context.Context, v Viewer, s Session, offer string) (Gesture, error) {
	p, other, err := o.readPassage(ctx, v, linkOfferKind, offer)
	if err != nil {
		return Gesture{}, err
	}
	return o.beginLink(ctx, v, s, []proof.Detail{{Name: "other_origin", Value: other.Origin}, {Name: "other", Value: p.ID}})
}

func (o *Office) beginLink(ctx context.Context, v Viewer, s Session, details []proof.Detail) (Gesture, error) {
	id, err := o.newID()
	if err != nil {
		return Gesture{}, err
	}
	rp, err := o.party(v.Tenant)
	if err != nil {
		return Gesture{}, err
	}
	u, err := o.user(ctx, v.Tenant.ID, *v.Person)
	if err != nil {
		return Gesture{}, err
	}
	c, asked, err := rp.BeginAct(u, []byte(s.ID), proof.Act{Kind: KindPersonLinked, Details: append(details, proof.Detail{Name: "id", Value: id})})
	if err != nil {
		return Gesture{}, fmt.Errorf("begin a link: %w", err)
	}
	return o.keep(ctx, v.Tenant, c, asked.OptionsJSON)
}

// FinishLink verifies the gesture of BeginLink or BeginAnswer and answers the
// address in the other town where the person goes on.
func (o *Office) FinishLink(ctx context.Context, v Viewer, s Session, ceremony, response []byte) (next string, err error) {
	p, err := v.person()
	if err != nil {
		return "", fmt.Errorf("link: %w", err)
	}
	act, side, err := o.linkGesture(ctx, v, s, ceremony, response)
	if err != nil {
		return "", err
	}
	other, err := o.elsewhere(ctx, v, side.Origin)
	if err != nil {
		return "", err
	}
	if err := o.Store.KeepCounterpart(ctx, v.Tenant.ID, side); err != nil {
		return "", err
	}
	on := passage{From: v.Tenant.Origin, ID: side.ID, Expires: o.now().Add(LinkLife)}
	if side.Other = act.Detail("other"); side.Other == "" {
		on.Name = p.Name()
		return o.sealPassage(other, linkOfferKind, "/mes-collectivites/relier/", on)
	}
	side.LinkedAt = o.now()
	if err := o.Store.LinkCounterpart(ctx, v.Tenant.ID, side, v.Actor("")); err != nil {
		return "", err
	}
	on.Other = side.Other
	return o.sealPassage(other, linkAnswerKind, "/mes-collectivites/retour/", on)
}

// linkGesture verifies the gesture and makes the side that it commits to.
func (o *Office) linkGesture(ctx context.Context, v Viewer, s Session, ceremony, response []byte) (act proof.Act, side Counterpart, err error) {
	rp, err := o.party(v.Tenant)
	if err != nil {
		return act, side, err
	}
	c, _, err := o.take(ctx, v.Tenant, s, ceremony, approvals.PurposeAct)
	if err != nil {
		return act, side, err
	}
	u, err := o.user(ctx, v.Tenant.ID, *v.Person)
	if err != nil {
		return act, side, err
	}
	act, e, used, err := rp.FinishAct(u, []byte(s.ID), c, response)
	if err == nil || errors.Is(err, approvals.ErrClone) { // the latched flag blocks that passkey from now on
		err = errors.Join(err, o.Store.TouchCredential(ctx, v.Tenant.ID, Credential{Person: v.Person.ID, Credential: used}, o.Now()))
	}
	if err == nil && act.Kind != KindPersonLinked {
		err = ErrCeremony
	}
	if err != nil {
		return act, side, fmt.Errorf("link: %w", err)
	}
	raw, err := json.Marshal(e)
	if err != nil {
		return act, side, fmt.Errorf("link: %w", err)
	}
	return act, Counterpart{
		ID: act.Detail("id"), Person: v.Person.ID, Origin: act.Detail("other_origin"), KID: used.ID, Evidence: raw, BeganAt: o.now(),
	}, nil
}

// CompleteLink links the side that v began, with the answer that their browser
// brought back, and tells which town it is.
func (o *Office) CompleteLink(ctx context.Context, v Viewer, answer string) (Tenant, error) {
	p, other, err := o.readPassage(ctx, v, linkAnswerKind, answer)
	if err != nil {
		return other, err
	}
	side := Counterpart{ID: p.Other, Person: v.Person.ID, Origin: other.Origin, Other: p.ID, LinkedAt: o.now()}
	return other, o.Store.LinkCounterpart(ctx, v.Tenant.ID, side, v.Actor(""))
}

// sealPassage seals p for the other town, in an address of it.
func (o *Office) sealPassage(other Tenant, kind, path string, p passage) (string, error) {
	raw, err := json.Marshal(p)
	if err != nil {
		return "", fmt.Errorf("link: %w", err)
	}
	sealed, err := o.Vault.Seal(other, kind, linkID, raw)
	if err != nil {
		return "", fmt.Errorf("link: %w", err)
	}
	return other.Origin + path + base64.RawURLEncoding.EncodeToString(sealed), nil
}

// readPassage opens what was sealed for the town of v. What is not for it, or
// too old, is ErrCeremony.
func (o *Office) readPassage(ctx context.Context, v Viewer, kind, sealed string) (p passage, other Tenant, err error) {
	if _, err := v.person(); err != nil {
		return p, other, fmt.Errorf("link: %w", err)
	}
	raw, err := base64.RawURLEncoding.DecodeString(sealed)
	if err == nil {
		raw, err = o.Vault.Open(v.Tenant, kind, linkID, raw)
	}
	if err == nil {
		err = json.Unmarshal(raw, &p)
	}
	if err != nil || !o.Now().Before(p.Expires) {
		return passage{}, other, fmt.Errorf("link: what came from the other town cannot be read: %w", ErrCeremony)
	}
	other, err = o.elsewhere(ctx, v, p.From)
	return p, other, err
}

// Elsewhere lists where else the viewer is somebody, by the name of the town.
// A side whose gesture does not verify with a passkey that is the viewer's is
// nobody's: whoever writes in the database links nobody.
func (o *Office) Elsewhere(ctx context.Context, v Viewer) ([]Counterpart, error) {
	p, err := v.person()
	if err != nil {
		return nil, fmt.Errorf("elsewhere: %w", err)
	}
	all, err := o.Store.CounterpartsOf(ctx, v.Tenant.ID, p.ID)
	if err != nil {
		return nil, err
	}
	var out []Counterpart
	for _, c := range all {
		if c.proved(v.Tenant) {
			out = append(out, c)
		}
	}
	return out, nil
}

// proved reports whether the person of c made the gesture that it rests on.
func (c Counterpart) proved(t Tenant) bool {
	var e proof.ActEvidence
	if json.Unmarshal(c.Evidence, &e) != nil {
		return false
	}
	act, err := proof.VerifyAct(e, c.COSE, t.RPID, t.Origin)
	return err == nil && act.Kind == KindPersonLinked && act.Actor == string(c.Person) &&
		act.Detail("id") == c.ID && act.Detail("other_origin") == c.Origin
}

// Unlink forgets a side of the viewer. The other town keeps its own until the
// person forgets it there.
func (o *Office) Unlink(ctx context.Context, v Viewer, id string) error {
	p, err := v.person()
	if err != nil {
		return fmt.Errorf("unlink: %w", err)
	}
	return o.Store.UnlinkCounterpart(ctx, v.Tenant.ID, p.ID, id, v.Actor(""), o.now())
}
