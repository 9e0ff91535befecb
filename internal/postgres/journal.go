package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/journal"
)

// A fact is one entry about to be appended.
type fact struct {
	at                         time.Time
	subject, application, kind string
	body                       any
}

// channel is the NOTIFY channel that says the journal of a town moved.
const channel = "parapheur_journal"

func appendEvents(ctx context.Context, tx pgx.Tx, t dossiers.TenantID, id dossiers.ID, application string, events []circuits.Event, others ...fact) error {
	facts := make([]fact, len(events), len(events)+len(others))
	for i, e := range events {
		facts[i] = fact{e.When(), string(id), application, e.Kind(), e}
	}
	return appendFacts(ctx, tx, t, append(facts, others...)...)
}

// appendFacts locks the head of the town's journal until commit and chains
// the facts after it.
func appendFacts(ctx context.Context, tx pgx.Tx, t dossiers.TenantID, facts ...fact) error {
	var head journal.Entry
	var hash []byte
	err := tx.QueryRow(ctx, `select seq, hash from journal_head where tenant = $1 for update`, t).Scan(&head.Seq, &hash)
	if err != nil {
		return fmt.Errorf("lock the journal: %w", err)
	}
	head.Hash = [32]byte(hash)
	batch := &pgx.Batch{}
	for _, f := range facts {
		body, err := json.Marshal(f.body)
		if err != nil {
			return fmt.Errorf("encode %s: %w", f.kind, err)
		}
		// A variable of its own for each entry: the batch keeps slices of it
		// until it is sent.
		next := journal.Next(head, f.at, f.subject, f.kind, body)
		batch.Queue(`insert into journal (tenant, seq, at, subject, application, kind, body, prev, hash)
			values ($1, $2, $3, $4, nullif($5, '')::uuid, $6, $7, $8, $9)`,
			t, next.Seq, next.At, next.Subject, f.application, next.Kind, next.Body, next.Prev[:], next.Hash[:])
		note, err := json.Marshal(notice{Tenant: string(t), Seq: next.Seq, Subject: f.subject, Kind: f.kind})
		if err != nil {
			return fmt.Errorf("encode notice: %w", err)
		}
		batch.Queue(`select pg_notify($1, $2)`, channel, string(note))
		head = next
	}
	batch.Queue(`update journal_head set seq = $2, hash = $3 where tenant = $1`, t, head.Seq, head.Hash[:])
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("append to the journal: %w", err)
	}
	return nil
}

const entryColumns = `seq, at, subject, kind, body, prev, hash`

func scanEntry(row pgx.CollectableRow) (e journal.Entry, err error) {
	var prev, hash []byte
	if err := row.Scan(&e.Seq, &e.At, &e.Subject, &e.Kind, &e.Body, &prev, &hash); err != nil {
		return e, err
	}
	e.At = e.At.UTC()
	e.Prev, e.Hash = [32]byte(prev), [32]byte(hash)
	return e, nil
}

// Journal implements dossiers.Store.
func (s *Store) Journal(ctx context.Context, t dossiers.TenantID, after int64, limit int) ([]journal.Entry, error) {
	return s.entries(ctx, t, `select `+entryColumns+` from journal where tenant = $1 and seq > $2 order by seq limit $3`, t, after, limit)
}

// JournalHead implements dossiers.Store.
func (s *Store) JournalHead(ctx context.Context, t dossiers.TenantID) (journal.Entry, error) {
	last, err := s.entries(ctx, t, `select `+entryColumns+` from journal where tenant = $1 order by seq desc limit 1`, t)
	if err != nil || len(last) == 1 {
		return first(last), err
	}
	town, err := s.Tenant(ctx, t)
	return journal.Genesis(town.SIRET), err
}

// first is the first of entries, or none.
func first(entries []journal.Entry) (e journal.Entry) {
	if len(entries) > 0 {
		e = entries[0]
	}
	return e
}

// JournalOf implements dossiers.Store.
func (s *Store) JournalOf(ctx context.Context, t dossiers.TenantID, id dossiers.ID) ([]journal.Entry, error) {
	return s.entries(ctx, t, `select `+entryColumns+` from journal where tenant = $1 and subject = $2 order by seq`, t, string(id))
}

func (s *Store) entries(ctx context.Context, t dossiers.TenantID, query string, args ...any) (out []journal.Entry, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, query, args...)
		if err != nil {
			return fmt.Errorf("journal: %w", err)
		}
		if out, err = pgx.CollectRows(rows, scanEntry); err != nil {
			return fmt.Errorf("journal: %w", err)
		}
		return nil
	})
	return out, err
}

// Feed implements dossiers.Store.
func (s *Store) Feed(ctx context.Context, t dossiers.TenantID, application string, types []string, after int64, limit int) (out []dossiers.FeedEntry, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		out, err = feed(ctx, tx, t, application, types, nil, after, limit)
		return err
	})
	return out, err
}

// feed reads entries about dossiers after one: of an application or of all,
// of these types and kinds of entry or of any. The subject begins with the
// dossier's identifier.
func feed(ctx context.Context, tx pgx.Tx, t dossiers.TenantID, application string, types, kinds []string, after int64, limit int) ([]dossiers.FeedEntry, error) {
	rows, err := tx.Query(ctx, `
		select j.seq, j.at, j.subject, j.kind, j.body, j.prev, j.hash, d.id::text, d.number
		from journal j join dossier d on d.tenant = j.tenant
			and d.id = case when j.kind like 'dossier.%' then left(j.subject, 36)::uuid end
		where j.tenant = $1 and ($2 = '' or j.application = nullif($2, '')::uuid) and j.seq > $3
			and (cardinality($5::text[]) = 0 or d.type_code = any($5)) and (cardinality($6::text[]) = 0 or j.kind = any($6))
		order by j.seq limit $4`, t, application, after, limit, list(types), list(kinds))
	if err != nil {
		return nil, fmt.Errorf("feed: %w", err)
	}
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (f dossiers.FeedEntry, err error) {
		var prev, hash []byte
		err = row.Scan(&f.Seq, &f.At, &f.Subject, &f.Kind, &f.Body, &prev, &hash, &f.Dossier, &f.Number)
		if err != nil {
			return f, err
		}
		f.At, f.Prev, f.Hash = f.At.UTC(), [32]byte(prev), [32]byte(hash)
		return f, nil
	})
	if err != nil {
		return nil, fmt.Errorf("feed: %w", err)
	}
	return out, nil
}

// A notice is what NOTIFY carries: where the journal moved, never what
// happened, so that rights are checked where pages are served.
type notice struct {
	Tenant  string `json:"t"`
	Seq     int64  `json:"s"`
	Subject string `json:"d"`
	Kind    string `json:"k"`
}

// Listen calls moved for each entry that commits, on any node, until ctx ends
// or the connection is lost. It is a hint, not a record: whoever must not miss
// an entry reads the journal after its cursor.
func (s *Store) Listen(ctx context.Context, ready func(), moved func(t dossiers.TenantID, seq int64, subject, kind string)) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	c := conn.Hijack()
	defer c.Close(context.WithoutCancel(ctx)) //nolint:errcheck // nothing was written
	if _, err := c.Exec(ctx, `listen `+channel); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	ready()
	for {
		n, err := c.WaitForNotification(ctx)
		if err != nil {
			return fmt.Errorf("listen: %w", err)
		}
		var note notice
		if err := json.Unmarshal([]byte(n.Payload), &note); err != nil {
			return fmt.Errorf("listen: payload: %w", err)
		}
		moved(dossiers.TenantID(note.Tenant), note.Seq, note.Subject, note.Kind)
	}
}
