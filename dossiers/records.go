package dossiers

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"parapheur/circuits"
)

// A Redescription changes what a dossier is called; nil keeps what there is.
type Redescription struct {
	Title, Recipient, Note *string
}

// A Note is something that somebody, or an application, said about a dossier.
// It is never changed, and decides nothing.
type Note struct {
	ID          string
	Dossier     ID
	Text        string
	By          string // name
	Person      circuits.PersonID
	Application string
	At          time.Time
}

// A Dispatch is what became of a letter once it left: how it was sent, or what
// its carrier said since. It is never changed: the next one says more.
type Dispatch struct {
	ID          string
	Dossier     ID
	Channel     string // see Channels
	Provider    string // "La Poste"
	Reference   string // of the carrier: "1A 234 567 8901 2"
	Status      string // see DispatchStatuses
	Detail      string
	Proof       circuits.Digest // SHA-256 of the receipt, kept by the application; zero: none
	OccurredAt  time.Time
	By          string
	Application string
	At          time.Time
}

// Channels lists how a letter may be sent.
func Channels() []string {
	return []string{"courrier", "recommande", "recommande_electronique", "courriel", "remise", "teleservice", "autre"}
}

// DispatchStatuses lists what a carrier may say.
func DispatchStatuses() []string {
	return []string{"prepared", "sent", "delivered", "refused", "returned", "failed"}
}

// A Records keeps what is said of dossiers beside their circuit. Everything is
// of one town; writes are journaled under by.
type Records interface {
	// Redescribe calls change on the dossier, locked, and keeps its title,
	// recipient and note.
	Redescribe(ctx context.Context, t TenantID, id ID, by circuits.Actor, at time.Time, change func(*Dossier) error) (Dossier, error)
	// AddNote and AddDispatch answer what is already there under the same
	// identifier, with true.
	AddNote(ctx context.Context, t TenantID, n Note, by circuits.Actor) (Note, bool, error)
	Notes(ctx context.Context, t TenantID, id ID) ([]Note, error)
	AddDispatch(ctx context.Context, t TenantID, d Dispatch, by circuits.Actor) (Dispatch, bool, error)
	Dispatches(ctx context.Context, t TenantID, id ID) ([]Dispatch, error)
	// FileProof records that a proof was handed in, once; ProofFiled says
	// whether one was: bytes, kind and moment are not looked at.
	FileProof(ctx context.Context, t TenantID, p FiledProof, by circuits.Actor) error
	ProofFiled(ctx context.Context, t TenantID, p FiledProof) (bool, error)
}

// mayRedescribe reports whether v is the drafter or the application that deposited.
func mayRedescribe(v Viewer, d Dossier) bool {
	if v.Person != nil {
		return v.Person.ID == d.Drafter.Person
	}
	return d.State.Depositor.Application == v.Application.ID
}

// Redescribe changes the title, recipient or note of a dossier that is not in its
// circuit. What was decided on names the first two: they no longer change
// once somebody decided. rev is the revision that was read, or negative for
// any; another one is ErrConflict.
func (o *Office) Redescribe(ctx context.Context, v Viewer, id ID, a Redescription, rev int) (Dossier, error) {
	if d, err := o.visible(ctx, v, id); err != nil {
		return d, err
	}
	return o.Store.Redescribe(ctx, v.Tenant.ID, id, v.Actor(""), o.now(), func(d *Dossier) error {
		switch {
		case rev >= 0 && rev != d.Rev():
			return ErrConflict
		case !mayRedescribe(v, *d):
			return fmt.Errorf("amend: %w", circuits.ErrDrafter)
		case d.State.Phase == circuits.Running || d.State.Phase == circuits.Completed:
			return fmt.Errorf("amend: %w", circuits.ErrState)
		case (a.Title != nil || a.Recipient != nil) && !d.EvidenceHead.IsZero():
			return fmt.Errorf("amend what was decided on: %w", circuits.ErrState)
		}
		return a.apply(d)
	})
}

func (a Redescription) apply(d *Dossier) (err error) {
	if a.Title != nil {
		if d.Title, err = line("title", *a.Title, 1, 200); err != nil {
			return err
		}
	}
	if a.Recipient != nil {
		if d.Recipient, err = line("recipient", *a.Recipient, 1, 200); err != nil {
			return err
		}
	}
	if a.Note != nil {
		d.Note, err = text("note", *a.Note, 2000)
	}
	return err
}

// sameUnder is the identifier of what a request makes: the same for the same
// key of the same application, so that a request repeated after a crash makes
// nothing twice.
func (o *Office) sameUnder(v Viewer, id ID, what, key string) (string, error) {
	if key == "" || v.Application == nil {
		return o.newID()
	}
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte(v.Application.ID+"/"+string(id)+"/"+what+"/"+key)).String(), nil
}

// AddNote says something about a dossier. key, if any, is that of the request.
func (o *Office) AddNote(ctx context.Context, v Viewer, id ID, said, key string) (Note, error) {
	d, err := o.visible(ctx, v, id)
	if err != nil {
		return Note{}, err
	}
	if said, err = text("text", said, 2000); err != nil {
		return Note{}, err
	}
	if said == "" {
		return Note{}, &InvalidError{"text", "Ce champ est nécessaire."}
	}
	n := Note{Dossier: d.ID, Text: said, By: v.Actor("").Name, Person: v.personID(), At: o.now()}
	if v.Application != nil {
		n.Application = v.Application.ID
	}
	if n.ID, err = o.sameUnder(v, id, "note", key); err != nil {
		return n, err
	}
	n, _, err = o.Store.AddNote(ctx, v.Tenant.ID, n, v.Actor(""))
	return n, err
}

// Notes lists what was said of a dossier, oldest first.
func (o *Office) Notes(ctx context.Context, v Viewer, id ID) ([]Note, error) {
	if _, err := o.visible(ctx, v, id); err != nil {
		return nil, err
	}
	return o.Store.Notes(ctx, v.Tenant.ID, id)
}

// AddDispatch records how a letter was sent, or what became of it since. key
// is that of the request.
func (o *Office) AddDispatch(ctx context.Context, v Viewer, x Dispatch, key string) (Dispatch, error) {
	d, err := o.visible(ctx, v, x.Dossier)
	if err != nil {
		return x, err
	}
	if d.State.Phase != circuits.Completed {
		return x, fmt.Errorf("dispatch: %w", circuits.ErrState)
	}
	if !slices.Contains(Channels(), x.Channel) {
		return x, &InvalidError{"channel", "Ce canal d’envoi n’existe pas."}
	}
	if !slices.Contains(DispatchStatuses(), x.Status) {
		return x, &InvalidError{"status", "Cet état d’envoi n’existe pas."}
	}
	if x.Provider, err = line("provider", x.Provider, 0, 100); err != nil {
		return x, err
	}
	if x.Reference, err = line("reference", x.Reference, 0, 200); err != nil {
		return x, err
	}
	if x.Detail, err = text("detail", x.Detail, 1000); err != nil {
		return x, err
	}
	if x.At = o.now(); x.OccurredAt.IsZero() {
		x.OccurredAt = x.At
	}
	if x.OccurredAt.After(x.At.Add(time.Hour)) {
		return x, &InvalidError{"occurred_at", "Cette date est dans l’avenir."}
	}
	x.OccurredAt, x.By = x.OccurredAt.UTC().Truncate(time.Microsecond), v.Actor("").Name
	if v.Application != nil {
		x.Application = v.Application.ID
	}
	if x.ID, err = o.sameUnder(v, x.Dossier, "dispatch", key); err != nil {
		return x, err
	}
	x, _, err = o.Store.AddDispatch(ctx, v.Tenant.ID, x, v.Actor(""))
	return x, err
}

// Dispatches lists how a letter was sent and what became of it, oldest first.
func (o *Office) Dispatches(ctx context.Context, v Viewer, id ID) ([]Dispatch, error) {
	if _, err := o.visible(ctx, v, id); err != nil {
		return nil, err
	}
	return o.Store.Dispatches(ctx, v.Tenant.ID, id)
}
