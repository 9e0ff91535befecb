package hosting

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"

	"parapheur/approvals/proof"
	"parapheur/journal"
)

// A Line is an entry of the journal of a centre, read.
type Line struct {
	journal.Entry
	Name   string // of the town, the person or the key
	Origin string // of a town that was created
	Reason string // of a suspension
	By     Actor
	// Evidence is the gesture of the act, if it was one of a person.
	Evidence *proof.ActEvidence
	// Proved says that the gesture is one of a passkey enrolled earlier in the
	// journal by who acted, over this very act.
	Proved bool
	// CredentialID and COSEKey are the passkey that was enrolled.
	CredentialID, COSEKey []byte
}

// ReadLine reads an entry.
func ReadLine(e journal.Entry) (Line, error) {
	var body struct {
		Name         string             `json:"name"`
		Origin       string             `json:"origin"`
		Reason       string             `json:"reason"`
		By           Actor              `json:"by"`
		Evidence     *proof.ActEvidence `json:"evidence"`
		CredentialID []byte             `json:"credential_id"`
		COSEKey      []byte             `json:"cose_key"`
	}
	if err := json.Unmarshal(e.Body, &body); err != nil {
		return Line{}, fmt.Errorf("entry %d of the centre: %w", e.Seq, err)
	}
	return Line{
		Entry: e, Name: body.Name, Origin: body.Origin, Reason: body.Reason, By: body.By, Evidence: body.Evidence,
		CredentialID: body.CredentialID, COSEKey: body.COSEKey,
	}, nil
}

// Lines reads the journal of the centre whole, from its first entry.
func (c *Centre) Lines(ctx context.Context) ([]Line, error) {
	var out []Line
	keys := map[string]Line{} // by identifier, as enrolled
	for e, err := range c.Entries(ctx) {
		if err != nil {
			return nil, err
		}
		l, err := ReadLine(e)
		if err != nil {
			return nil, err
		}
		if l.COSEKey != nil {
			keys[string(l.CredentialID)] = l
		}
		if l.Evidence != nil {
			l.Proved = c.proves(l, keys[string(l.Evidence.CredentialID)])
		}
		out = append(out, l)
	}
	return out, nil
}

// proves reports whether the gesture of l is that of its author, with the
// passkey that was enrolled for them.
func (c *Centre) proves(l, enrolled Line) bool {
	act, err := proof.VerifyAct(*l.Evidence, enrolled.COSEKey, c.rp.RPID(), c.rp.Origin())
	return err == nil && act.Kind == l.Kind && act.Detail("siret") == l.Subject && act.Actor == string(l.By.Person) && l.By.Person == enrolled.By.Person
}

// Entries yields the journal of the centre from its first entry, for
// journal.Write.
func (c *Centre) Entries(ctx context.Context) iter.Seq2[journal.Entry, error] {
	const page = 500
	return func(yield func(journal.Entry, error) bool) {
		after := int64(0)
		for {
			entries, err := c.Store.Journal(ctx, after, page)
			if err != nil {
				yield(journal.Entry{}, err)
				return
			}
			for _, e := range entries {
				if !yield(e, nil) {
					return
				}
				after = e.Seq
			}
			if len(entries) < page {
				return
			}
		}
	}
}
