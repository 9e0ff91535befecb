package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"parapheur/circuits"
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
				d, err = load(ctx, tx, t, first, false)
				return err
			}
		}
		if err := insertDossier(ctx, tx, t, c); err != nil {
			return err
		}
		d, err = load(ctx, tx, t, c.Dossier.ID, false)
		return err
	})
	if violates(err, "dossier_reference") {
		return d, false, fmt.Errorf("create dossier: %w", dossiers.ErrReference)
	}
	return d, replayed, err
}

// claimKey records the idempotency key, or returns the dossier that has it.
// A concurrent deposit under the same key waits here for the first to commit.
func claimKey(ctx context.Context, tx pgx.Tx, t dossiers.TenantID, c dossiers.Creation) (dossiers.ID, error) {
	tag, err := tx.Exec(ctx, `
		insert into idempotency (tenant, application, key, fingerprint, dossier, at)
		values ($1, $2, $3, $4, $5, $6) on conflict do nothing`,
		t, c.Application, c.Key, c.Fingerprint[:], c.Dossier.ID, c.Dossier.CreatedAt)
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
	err := tx.QueryRow(ctx, `update tenant set next_number = next_number + 1 where id = $1 returning next_number - 1`, t).Scan(&d.Number)
	if err != nil {
		return fmt.Errorf("number dossier: %w", err)
	}
	state, err := json.Marshal(d.State)
	if err != nil {
		return fmt.Errorf("encode state: %w", err)
	}
	desk, since := openDesk(d.State, d.CreatedAt)
	_, err = tx.Exec(ctx, `
		insert into dossier (tenant, id, number, title, recipient, type_code, type_name, external_reference, note, drafter,
			application, phase, state, rev, open_desk, open_since, evidence_head, created_at, updated_at)
		values ($1, $2, $3, $4, $5, $6, $7, nullif($8, ''), $9, $10, nullif($11, '')::uuid, $12, $13, $14, $15, $16, $17, $18, $18)`,
		t, d.ID, d.Number, d.Title, d.Recipient, d.TypeCode, d.TypeName, d.ExternalReference, d.Note, d.Drafter.Person,
		c.Dossier.Application, d.State.Phase, state, d.State.Events, desk, since, d.EvidenceHead[:], d.CreatedAt)
	if err != nil {
		return fmt.Errorf("insert dossier: %w", err)
	}
	for _, doc := range d.Documents {
		r := dossiers.NewRevision{N: doc.N, Name: doc.Name, Pages: doc.Pages, Revision: doc.Approved}
		if err := insertRevision(ctx, tx, t, d.ID, r); err != nil {
			return err
		}
	}
	return appendEvents(ctx, tx, t, d.ID, c.Dossier.Application, c.Events)
}

func insertRevision(ctx context.Context, tx pgx.Tx, t dossiers.TenantID, id dossiers.ID, r dossiers.NewRevision) error {
	last := r.Revision.Segments[len(r.Revision.Segments)-1]
	_, err := tx.Exec(ctx, `
		insert into document_revision (tenant, dossier, n, version, revision, name, pages, segment_sha256, segment_bytes, bytes, sha256, hash_state, at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		t, id, r.N, r.Revision.Version, r.Revision.Number, r.Name, r.Pages, last.Digest[:], last.Bytes,
		r.Revision.Bytes, r.Revision.SHA256[:], r.Revision.HashState, r.Revision.At)
	if err != nil {
		return fmt.Errorf("insert revision %d of document %d: %w", r.Revision.Number, r.N, err)
	}
	return nil
}

// openDesk returns the desk whose in-tray shows the dossier.
func openDesk(s circuits.State, at time.Time) (*string, *time.Time) {
	open := s.OpenSteps()
	if len(open) == 0 {
		return nil, nil
	}
	desk := string(s.Circuit.Steps[open[0]].Desk)
	return &desk, &at
}

// Dossier implements dossiers.Store.
func (s *Store) Dossier(ctx context.Context, t dossiers.TenantID, id dossiers.ID) (d dossiers.Dossier, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		d, err = load(ctx, tx, t, id, false)
		return err
	})
	return d, err
}

const dossierColumns = `d.id::text, d.number, d.title, d.recipient, d.type_code, d.type_name, coalesce(d.external_reference, ''), d.note,
	d.drafter::text, p.given_name || ' ' || p.family_name, coalesce(a.name, ''), d.state, d.evidence_head, d.created_at, d.updated_at`

const dossierTables = `dossier d join person p on p.tenant = d.tenant and p.id = d.drafter
	left join application a on a.tenant = d.tenant and a.id = d.application`

func scanDossier(row pgx.CollectableRow) (d dossiers.Dossier, err error) {
	var state, head []byte
	err = row.Scan(&d.ID, &d.Number, &d.Title, &d.Recipient, &d.TypeCode, &d.TypeName, &d.ExternalReference, &d.Note,
		&d.Drafter.Person, &d.Drafter.Name, &d.Application, &state, &head, &d.CreatedAt, &d.UpdatedAt)
	if err != nil {
		return d, err
	}
	d.EvidenceHead = circuits.Digest(head)
	if err := json.Unmarshal(state, &d.State); err != nil {
		return d, fmt.Errorf("decode state of %s: %w", d.ID, err)
	}
	return d, nil
}

// load reads a dossier, and locks it for the transaction if lock is set.
func load(ctx context.Context, tx pgx.Tx, t dossiers.TenantID, id dossiers.ID, lock bool) (dossiers.Dossier, error) {
	if !validUUID(string(id)) {
		return dossiers.Dossier{}, fmt.Errorf("dossier: %w", dossiers.ErrNotFound)
	}
	q := `select ` + dossierColumns + ` from ` + dossierTables + ` where d.tenant = $1 and d.id = $2`
	if lock {
		q += ` for update of d`
	}
	rows, err := tx.Query(ctx, q, t, id)
	if err != nil {
		return dossiers.Dossier{}, fmt.Errorf("dossier: %w", err)
	}
	d, err := pgx.CollectExactlyOneRow(rows, scanDossier)
	if err != nil {
		return d, one("dossier", err)
	}
	return d, documents(ctx, tx, t, &d)
}

// documents fills in the current version of each document of d.
func documents(ctx context.Context, tx pgx.Tx, t dossiers.TenantID, d *dossiers.Dossier) error {
	rows, err := tx.Query(ctx, revisionColumns+`
		from document_revision r where r.tenant = $1 and r.dossier = $2
		and r.version = (select max(version) from document_revision m where m.tenant = $1 and m.dossier = $2 and m.n = r.n)
		order by n, revision`, t, d.ID)
	if err != nil {
		return fmt.Errorf("documents: %w", err)
	}
	found, err := pgx.CollectRows(rows, scanRevision)
	if err != nil {
		return fmt.Errorf("documents: %w", err)
	}
	for _, r := range found {
		if r.Revision.Number == 0 {
			d.Documents = append(d.Documents, dossiers.Document{N: r.N, Name: r.Name, Pages: r.Pages, Revision: r.Revision, Approved: r.Revision})
			continue
		}
		doc := &d.Documents[len(d.Documents)-1]
		r.Revision.Segments = append(append([]dossiers.Segment(nil), doc.Revision.Segments...), r.Revision.Segments...)
		doc.Revision = r.Revision
	}
	if len(d.Documents) == 0 {
		return fmt.Errorf("dossier %s has no document", d.ID)
	}
	return nil
}

const revisionColumns = `select n, version, revision, name, pages, segment_sha256, segment_bytes, bytes, sha256, hash_state, at `

func scanRevision(row pgx.CollectableRow) (r dossiers.NewRevision, err error) {
	var segment, sum []byte
	var seg dossiers.Segment
	err = row.Scan(&r.N, &r.Revision.Version, &r.Revision.Number, &r.Name, &r.Pages, &segment, &seg.Bytes,
		&r.Revision.Bytes, &sum, &r.Revision.HashState, &r.Revision.At)
	if err != nil {
		return r, err
	}
	seg.Digest, r.Revision.SHA256 = circuits.Digest(segment), circuits.Digest(sum)
	r.Revision.Segments = []dossiers.Segment{seg}
	return r, nil
}

// Revisions implements dossiers.Store.
func (s *Store) Revisions(ctx context.Context, t dossiers.TenantID, id dossiers.ID, n int) (out []dossiers.Revision, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, revisionColumns+`from document_revision
			where tenant = $1 and dossier = $2 and n = $3 order by version, revision`, t, id, n)
		if err != nil {
			return fmt.Errorf("revisions: %w", err)
		}
		found, err := pgx.CollectRows(rows, scanRevision)
		if err != nil {
			return fmt.Errorf("revisions: %w", err)
		}
		var before []dossiers.Segment
		for _, r := range found {
			if r.Revision.Number == 0 {
				before = nil
			}
			before = append(before[:len(before):len(before)], r.Revision.Segments...)
			r.Revision.Segments = before
			out = append(out, r.Revision)
		}
		return nil
	})
	return out, err
}

// Update implements dossiers.Store.
func (s *Store) Update(ctx context.Context, t dossiers.TenantID, id dossiers.ID, actor circuits.PersonID, decide func(dossiers.Work) (dossiers.Change, error)) (d dossiers.Dossier, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		w := dossiers.Work{}
		if w.Dossier, err = load(ctx, tx, t, id, true); err != nil {
			return err
		}
		if actor != "" {
			p, err := person(ctx, tx, t, `p.id = $2`, actor)
			if err != nil && !errors.Is(err, dossiers.ErrNotFound) {
				return err
			}
			if err == nil {
				w.Person = &p
			}
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

// write records a change and returns the dossier after it.
func (s *Store) write(ctx context.Context, tx pgx.Tx, t dossiers.TenantID, d dossiers.Dossier, c dossiers.Change) (dossiers.Dossier, error) {
	if len(c.Events) == 0 {
		return d, nil
	}
	application := d.State.Depositor.Application
	var at time.Time
	for _, e := range c.Events {
		d.State = d.State.Apply(e)
		at = e.When()
	}
	if c.Evidence != nil {
		if err := insertEvidence(ctx, tx, t, d.ID, *c.Evidence); err != nil {
			return d, err
		}
		d.EvidenceHead = c.Evidence.SHA256
	}
	if c.Revision != nil {
		if err := insertRevision(ctx, tx, t, d.ID, *c.Revision); err != nil {
			return d, err
		}
	}
	if err := updateDossier(ctx, tx, t, d, at); err != nil {
		return d, err
	}
	if c.Touched != nil {
		if err := touchCredential(ctx, tx, t, *c.Touched, at); err != nil {
			return d, err
		}
	}
	if c.Seal {
		if err := s.jobs.EnqueueSeal(ctx, tx, t, d.ID); err != nil {
			return d, fmt.Errorf("enqueue sealing: %w", err)
		}
	}
	if err := appendEvents(ctx, tx, t, d.ID, application, c.Events); err != nil {
		return d, err
	}
	d.UpdatedAt = at
	if c.Revision != nil {
		d.Documents = nil
		return d, documents(ctx, tx, t, &d)
	}
	return d, nil
}

func updateDossier(ctx context.Context, tx pgx.Tx, t dossiers.TenantID, d dossiers.Dossier, at time.Time) error {
	state, err := json.Marshal(d.State)
	if err != nil {
		return fmt.Errorf("encode state: %w", err)
	}
	desk, since := openDesk(d.State, at)
	_, err = tx.Exec(ctx, `
		update dossier set phase = $3, state = $4, rev = $5, evidence_head = $6, updated_at = $7, undoable_by = nullif($8, '')::uuid,
			open_since = case when open_desk is not distinct from $9::uuid then coalesce(open_since, $10) else $10 end, open_desk = $9
		where tenant = $1 and id = $2`,
		t, d.ID, d.State.Phase, state, d.State.Events, d.EvidenceHead[:], at, d.State.UndoableBy(), desk, since)
	if err != nil {
		return fmt.Errorf("update dossier: %w", err)
	}
	return nil
}

func insertEvidence(ctx context.Context, tx pgx.Tx, t dossiers.TenantID, id dossiers.ID, e dossiers.EvidenceRecord) error {
	_, err := tx.Exec(ctx, `
		insert into evidence (tenant, dossier, seq, version, round, step, person, decision, sha256, file, at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		t, id, e.Seq, e.Version, e.Round, e.Step, e.Person, e.Decision, e.SHA256[:], e.File, e.At)
	if err != nil {
		return fmt.Errorf("insert evidence: %w", err)
	}
	_, err = tx.Exec(ctx, `insert into participant (tenant, person, dossier, at) values ($1, $2, $3, $4)
		on conflict (tenant, person, dossier) do update set at = excluded.at`, t, e.Person, id, e.At)
	if err != nil {
		return fmt.Errorf("insert participant: %w", err)
	}
	return nil
}

// Evidence implements dossiers.Store.
func (s *Store) Evidence(ctx context.Context, t dossiers.TenantID, id dossiers.ID) (out []dossiers.EvidenceRecord, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `select seq, version, round, step, person::text, decision, sha256, file, at
			from evidence where tenant = $1 and dossier = $2 order by seq`, t, id)
		if err != nil {
			return fmt.Errorf("evidence: %w", err)
		}
		out, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (e dossiers.EvidenceRecord, err error) {
			var sum []byte
			err = row.Scan(&e.Seq, &e.Version, &e.Round, &e.Step, &e.Person, &e.Decision, &sum, &e.File, &e.At)
			e.SHA256 = circuits.Digest(sum)
			return e, err
		})
		if err != nil {
			return fmt.Errorf("evidence: %w", err)
		}
		return nil
	})
	return out, err
}
