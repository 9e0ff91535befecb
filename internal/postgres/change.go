package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"parapheur/approvals"
	"parapheur/circuits"
	"parapheur/circuits/calendar"
	"parapheur/dossiers"
)

// Create implements dossiers.Store.
func (s *Store) Create(ctx context.Context, t dossiers.TenantID, c dossiers.Creation) (d dossiers.Dossier, replayed bool, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		if c.Key != "" {
			first, err := claimKey(ctx, tx, t, c)
			if err != nil {
				return err
			}
			if first != "" {
				replayed = true
				d, err = load(ctx, tx, t, first)
				return err
			}
		}
		if c.Origin != nil && c.Origin.Identifier == "" {
			first, err := sentBefore(ctx, tx, t, *c.Origin)
			if err != nil {
				return err
			}
			if first != "" {
				replayed = true
				d, err = load(ctx, tx, t, first)
				return err
			}
		}
		if err := insertDossier(ctx, tx, t, c); err != nil {
			return err
		}
		if err := file(ctx, tx, t, c.Dossier.ID, c.Filing, c.Sequence, c.FiledAt); err != nil {
			return err
		}
		if c.Origin != nil {
			if err := keepOrigin(ctx, tx, t, c.Dossier.ID, *c.Origin); err != nil {
				return err
			}
			c.Places = append(slices.Clip(c.Places), c.Origin.Places...)
		}
		if err := keepPlaces(ctx, tx, t, c.Dossier.ID, c.Places); err != nil {
			return err
		}
		if c.Seal {
			if err := s.jobs.EnqueueSeal(ctx, tx, t, c.Dossier.ID); err != nil {
				return fmt.Errorf("enqueue sealing: %w", err)
			}
		}
		if err := s.jobs.EnqueueNotices(ctx, tx, t, c.Dossier.ID, 0, len(c.Events)); err != nil {
			return fmt.Errorf("enqueue notices: %w", err)
		}
		d, err = load(ctx, tx, t, c.Dossier.ID)
		return err
	})
	if violates(err, "dossier_reference") || violates(err, "connector_dossier_identifier") {
		return d, false, fmt.Errorf("create dossier: %w", dossiers.ErrReference)
	}
	return d, replayed, err
}

// claimKey records the idempotency key, or returns the dossier that has it. A
// key that another deposit is recording at this moment, on any node, is
// ErrInFlight: the lock, which ends with the transaction, is tried before the
// row, for which it would wait. A key kept long enough may serve again.
func claimKey(ctx context.Context, tx pgx.Tx, t dossiers.TenantID, c dossiers.Creation) (dossiers.ID, error) {
	tag, err := tx.Exec(ctx, `
		insert into idempotency as i (tenant, application, key, fingerprint, dossier, at)
		select $1::uuid, $2::uuid, $3::text, $4::bytea, $5::uuid, $6::timestamptz
		where pg_try_advisory_xact_lock(hashtextextended($1::uuid::text || $2::uuid::text || $3::text, 0))
		on conflict (tenant, application, key) do update set fingerprint = excluded.fingerprint, dossier = excluded.dossier, at = excluded.at
		where i.at < $7::timestamptz`,
		t, c.Application, c.Key, c.Fingerprint[:], c.Dossier.ID, c.Dossier.CreatedAt, c.Dossier.CreatedAt.Add(-answersKept))
	if err != nil {
		return "", fmt.Errorf("claim idempotency key: %w", err)
	}
	if tag.RowsAffected() == 1 {
		return "", nil
	}
	var first dossiers.ID
	var fingerprint []byte
	err = tx.QueryRow(ctx, `select dossier::text, fingerprint from idempotency where tenant = $1 and application = $2 and key = $3`,
		t, c.Application, c.Key).Scan(&first, &fingerprint)
	if isNoRow(err) {
		return "", dossiers.ErrInFlight
	}
	if err != nil {
		return "", fmt.Errorf("read idempotency key: %w", err)
	}
	if string(fingerprint) != string(c.Fingerprint[:]) {
		return "", dossiers.ErrKeyReused
	}
	return first, nil
}

func insertDossier(ctx context.Context, tx pgx.Tx, t dossiers.TenantID, c dossiers.Creation) error {
	d := c.Dossier
	for _, e := range c.Events {
		d.State = d.State.Apply(e)
	}
	state, err := json.Marshal(d.State)
	if err != nil {
		return fmt.Errorf("encode state: %w", err)
	}
	clock := clockOf(d.State, c.Calendar, d.CreatedAt)
	b := &pgx.Batch{}
	b.Queue(`
		with numbered as (update tenant set next_number = next_number + 1 where id = $1 returning next_number - 1 as number)
		insert into dossier (tenant, id, number, title, recipient, type_code, type_name, external_reference, note, drafter,
			application, phase, state, rev, open_since, due, tick, blocked, evidence_head, created_at, updated_at)
		select $1, $2, number, $3, $4, $5, $6, nullif($7, ''), $8, $9, nullif($10, '')::uuid, $11, $12, $13, $14, $15, $16, $17, $18, $19, $19 from numbered`,
		t, d.ID, d.Title, d.Recipient, d.TypeCode, d.TypeName, d.ExternalReference, d.Note, d.Drafter.Person,
		c.Dossier.Application, d.State.Phase, state, d.State.Events, clock.since, clock.due, clock.tick, clock.blocked,
		d.EvidenceHead[:], d.CreatedAt)
	queueLines(b, t, d.ID, circuits.State{}, d.State, d.CreatedAt)
	b.Queue(`insert into participant (tenant, person, dossier, phase, moved_at) values ($1, $2, $3, $4, $5)`,
		t, d.Drafter.Person, d.ID, d.State.Phase, d.CreatedAt)
	for _, doc := range d.Documents {
		queueRevision(b, t, d.ID, dossiers.NewRevision{N: doc.N, Name: doc.Name, Pages: doc.Pages, Revision: doc.Approved})
	}
	queueNotices(b, t, d.ID, 1, c.Notices)
	if err := run(ctx, tx, b); err != nil {
		return fmt.Errorf("insert dossier: %w", err)
	}
	return appendEvents(ctx, tx, t, d.ID, c.Dossier.Application, c.Events, received(d.ID, c.Dossier.Application, 1, d.CreatedAt, c.Notices)...)
}

func queueRevision(b *pgx.Batch, t dossiers.TenantID, id dossiers.ID, r dossiers.NewRevision) {
	last := r.Revision.Segments[len(r.Revision.Segments)-1]
	b.Queue(`
		insert into document_revision (tenant, dossier, n, version, revision, name, pages, segment_sha256, segment_bytes, bytes, sha256, hash_state, at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		t, id, r.N, r.Revision.Version, r.Revision.Number, r.Name, r.Pages, last.Digest[:], last.Bytes,
		r.Revision.Bytes, r.Revision.SHA256[:], r.Revision.HashState, r.Revision.At)
}

// Update implements dossiers.Store. It takes five round trips whatever is
// decided, since the decisions of a town queue for the head of its journal:
// begin, read under the lock, write and lock the head, append, commit.
func (s *Store) Update(ctx context.Context, t dossiers.TenantID, id dossiers.ID, actor circuits.PersonID, decide func(dossiers.Work) (dossiers.Change, error)) (d dossiers.Dossier, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		w, err := lock(ctx, tx, t, id, actor)
		if err != nil {
			return err
		}
		change, err := decide(w)
		if err != nil {
			return err
		}
		d, err = s.write(ctx, tx, t, w.Dossier, change)
		return err
	})
	if violates(err, "evidence_once") {
		return d, fmt.Errorf("decide: %w", dossiers.ErrConflict)
	}
	return d, err
}

// lock reads a dossier, locked until the end of the transaction, and the
// person who acts. Each statement of the batch sees what had committed when
// the lock was obtained.
func lock(ctx context.Context, tx pgx.Tx, t dossiers.TenantID, id dossiers.ID, actor circuits.PersonID) (w dossiers.Work, err error) {
	if !validUUID(string(id)) {
		return w, fmt.Errorf("dossier: %w", dossiers.ErrNotFound)
	}
	b := &pgx.Batch{}
	queueLoad(b, t, id, ` for update of d`, &w.Dossier)
	if actor != "" {
		b.Queue(personSelect+` and p.id = $2`, t, actor).Query(func(rows pgx.Rows) error {
			p, err := pgx.CollectExactlyOneRow(rows, scanPerson)
			if errors.Is(err, pgx.ErrNoRows) {
				return nil
			}
			w.Person = &p
			return err
		})
	}
	b.Queue(revisionQuery, t).QueryRow(func(row pgx.Row) error { return row.Scan(&w.Revision) })
	err = one("dossier", run(ctx, tx, b))
	return w, err
}

// write records a change and returns the dossier after it.
func (s *Store) write(ctx context.Context, tx pgx.Tx, t dossiers.TenantID, d dossiers.Dossier, c dossiers.Change) (dossiers.Dossier, error) {
	if len(c.Events) == 0 {
		return d, nil
	}
	before := d.State
	for _, e := range c.Events {
		d.State, d.UpdatedAt = d.State.Apply(e), e.When()
	}
	b := &pgx.Batch{}
	if c.Evidence != nil {
		queueEvidence(b, t, d, *c.Evidence)
		d.EvidenceHead = c.Evidence.SHA256
	}
	var told []fact
	if c.Revision != nil {
		queueRevision(b, t, d.ID, *c.Revision)
		queueNotices(b, t, d.ID, c.Revision.Revision.Version, c.Revision.Notices)
		told = received(d.ID, before.Depositor.Application, c.Revision.Revision.Version, d.UpdatedAt, c.Revision.Notices)
	}
	if !c.ArchivedUntil.IsZero() {
		b.Queue(`insert into archive (tenant, dossier, stamped_until) values ($1, $2, $3)
			on conflict (tenant, dossier) do update set stamped_until = excluded.stamped_until`, t, d.ID, c.ArchivedUntil)
	}
	if c.Touched != nil {
		queueTouch(b, t, *c.Touched, d.UpdatedAt)
	}
	if err := queueUpdate(b, t, before, d, c.Calendar); err != nil {
		return d, err
	}
	if c.Annexes != nil {
		b.Queue(`update dossier set annexes = $3 where tenant = $1 and id = $2`, t, d.ID, *c.Annexes)
	}
	if c.Revision != nil || c.Annexes != nil {
		d.Documents, d.Numbered = nil, max(d.Numbered, numberOf(c.Revision))
		queueDocuments(b, t, &d, d.ID)
	}
	if err := run(ctx, tx, b); err != nil {
		return d, fmt.Errorf("write dossier: %w", err)
	}
	if c.Seal {
		if err := s.jobs.EnqueueSeal(ctx, tx, t, d.ID); err != nil {
			return d, fmt.Errorf("enqueue sealing: %w", err)
		}
	}
	if err := s.jobs.EnqueueNotices(ctx, tx, t, d.ID, before.Events, d.State.Events); err != nil {
		return d, fmt.Errorf("enqueue notices: %w", err)
	}
	if err := appendEvents(ctx, tx, t, d.ID, before.Depositor.Application, c.Events, told...); err != nil {
		return d, err
	}
	return d, file(ctx, tx, t, d.ID, dossiers.Filing{}, c.Sequence, c.FiledAt)
}

// numberOf is the number of the document that a revision is of, or 0.
func numberOf(r *dossiers.NewRevision) int {
	if r == nil {
		return 0
	}
	return r.N
}

func queueUpdate(b *pgx.Batch, t dossiers.TenantID, before circuits.State, d dossiers.Dossier, c calendar.Calendar) error {
	state, err := json.Marshal(d.State)
	if err != nil {
		return fmt.Errorf("encode state: %w", err)
	}
	// The wait of a plain step, which does not say when it opened, starts
	// again whenever a step opens, be it at the same desk twice in a row.
	clock, stays := clockOf(d.State, c, d.UpdatedAt), before.Round == d.State.Round && same(lines(before, d.UpdatedAt), lines(d.State, d.UpdatedAt))
	b.Queue(`
		update dossier set phase = $3, state = $4, rev = $5, evidence_head = $6, updated_at = $7, undoable_by = nullif($8, '')::uuid,
			open_since = case when $9::timestamptz is null then null when $10 then open_since else $9 end, due = $11, tick = $12, blocked = $13
		where tenant = $1 and id = $2`,
		t, d.ID, d.State.Phase, state, d.State.Events, d.EvidenceHead[:], d.UpdatedAt, d.State.UndoableBy(), clock.since, stays,
		clock.due, clock.tick, clock.blocked)
	queueLines(b, t, d.ID, before, d.State, d.UpdatedAt)
	b.Queue(`update participant set phase = $3, moved_at = $4 where tenant = $1 and dossier = $2`, t, d.ID, d.State.Phase, d.UpdatedAt)
	return nil
}

func queueEvidence(b *pgx.Batch, t dossiers.TenantID, d dossiers.Dossier, e dossiers.EvidenceRecord) {
	b.Queue(`
		insert into evidence (tenant, dossier, seq, version, round, step, turn, person, decision, sha256, file, at)
		select $1, $2, (select count(*) + 1 from evidence where tenant = $1 and dossier = $2), $3, $4, $5, $6, $7, $8, $9, $10, $11`,
		t, d.ID, e.Version, e.Round, e.Step, e.Turn, e.Person, e.Decision, e.SHA256[:], e.File, e.At)
	b.Queue(`
		insert into participant (tenant, person, dossier, decided_at, phase, moved_at) values ($1, $2, $3, $4, $5, $4)
		on conflict (tenant, person, dossier) do update set decided_at = excluded.decided_at`, t, e.Person, d.ID, e.At, d.State.Phase)
}

// queueTouch writes back what a ceremony moved. The clone flag is latched and
// the counter only grows. A passkey revoked meanwhile proves nothing any more.
func queueTouch(b *pgx.Batch, t dossiers.TenantID, c dossiers.Credential, at time.Time) {
	b.Queue(`
		update credential set sign_count = greatest(sign_count, $3), backup_state = $4, clone_warning = clone_warning or $5, last_used_at = $6
		where tenant = $1 and kid = $2 and revoked_at is null`,
		t, c.ID, int64(c.SignCount), c.BackupState, c.CloneWarning, at).Exec(func(tag pgconn.CommandTag) error {
		if tag.RowsAffected() == 0 {
			return approvals.ErrUnknownCredential
		}
		return nil
	})
}
