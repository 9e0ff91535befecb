package postgres

import (
	"context"
	"strings"
	"time"

	"parapheur/dossiers"
	"parapheur/journal"
)

// SearchJournal implements dossiers.Store. A person is found wherever an entry
// writes their identifier: as its author, its subject, or one of those it
// names.
func (s *Store) SearchJournal(ctx context.Context, t dossiers.TenantID, q dossiers.JournalQuery, limit int) ([]journal.Entry, error) {
	if q.Person != "" && !validUUID(string(q.Person)) {
		return nil, nil
	}
	moment := func(at time.Time) any {
		if at.IsZero() {
			return nil
		}
		return at
	}
	family := strings.HasSuffix(q.Kind, ".")
	return s.entries(ctx, t, `
		with dossier_of as (select id::text as id from dossier where tenant = $1 and $2::bigint <> 0 and number = $2)
		select `+entryColumns+` from journal where tenant = $1
			and ($3::bigint = 0 or seq < $3)
			and ($2::bigint = 0 or subject in (select id from dossier_of) or exists (select from dossier_of o where subject like o.id || '/%'))
			and ($4 = '' or case when $5 then starts_with(kind, $4) else kind = $4 end)
			and ($6 = '' or subject = $6 or position(convert_to($6, 'UTF8') in body) > 0)
			and ($7::timestamptz is null or at >= $7) and ($8::timestamptz is null or at < $8)
		order by seq desc limit $9`,
		t, q.Number, q.Before, q.Kind, family, string(q.Person), moment(q.From), moment(q.Until), limit)
}
