package dossiers

import (
	"context"
	"time"

	"parapheur/circuits"
	"parapheur/journal"
)

// A JournalQuery narrows the journal of a town. The zero value is all of it.
type JournalQuery struct {
	Before int64             // entries before this one; 0: from the last
	Person circuits.PersonID // who acted, or whom the entry names
	Email  string            // the same by their address, where Person is empty
	Number int64             // of a dossier
	Kind   string            // "delegation.set", or a family: "dossier."
	From   time.Time         // included
	Until  time.Time         // not included
}

// SearchJournal reads the entries that match, the last first, limit at most
// (1 to 200), for administrators and for programs whose key may.
func (o *Office) SearchJournal(ctx context.Context, v Viewer, q JournalQuery, limit int) ([]journal.Entry, error) {
	if err := v.follows(); err != nil {
		return nil, err
	}
	if q.Person == "" && q.Email != "" {
		p, err := o.Store.PersonByEmail(ctx, v.Tenant.ID, q.Email)
		if isNotFound(err) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		q.Person = p.ID
	}
	return o.Store.SearchJournal(ctx, v.Tenant.ID, q, min(max(limit, 1), 200))
}

// follows says whether v may read the journal of the town.
func (v Viewer) follows() error {
	if v.Application != nil && v.Follows {
		return nil
	}
	return v.administers()
}
