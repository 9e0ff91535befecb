package postgres

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"parapheur/circuits"
	"parapheur/dossiers"
)

// Dossier implements dossiers.Store.
func (s *Store) Dossier(ctx context.Context, t dossiers.TenantID, id dossiers.ID) (d dossiers.Dossier, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		for range untorn {
			if d, err = load(ctx, tx, t, id); err != nil || !torn(d) {
				break
			}
		}
		return err
	})
	return d, err
}

// untorn is how often a reading is taken again that another transaction's
// commit fell into.
const untorn = 3

// torn reports whether the state and the documents of d were read on either
// side of a commit: each statement sees what had committed when it began, and
// a letter that is sealed between the two would be read as signed and waiting
// for its signature.
func torn(d dossiers.Dossier) bool {
	return len(d.Documents) > 0 && d.Documents[0].Revision.SHA256 != d.State.LastSealed()
}

const dossierColumns = `d.id::text, d.number, d.title, d.recipient, d.type_code, d.type_name, coalesce(d.external_reference, ''), d.note,
	d.drafter::text, p.given_name || ' ' || p.family_name, coalesce(a.name, ''), d.state, d.evidence_head, d.edits, d.created_at, d.updated_at,
	(select max(n) from document_revision m where m.tenant = d.tenant and m.dossier = d.id)`

const dossierTables = `dossier d join person p on p.tenant = d.tenant and p.id = d.drafter
	left join application a on a.tenant = d.tenant and a.id = d.application`

func scanDossier(row pgx.CollectableRow) (d dossiers.Dossier, err error) {
	var state, head []byte
	err = row.Scan(&d.ID, &d.Number, &d.Title, &d.Recipient, &d.TypeCode, &d.TypeName, &d.ExternalReference, &d.Note,
		&d.Drafter.Person, &d.Drafter.Name, &d.Application, &state, &head, &d.Edits, &d.CreatedAt, &d.UpdatedAt, &d.Numbered)
	if err != nil {
		return d, err
	}
	d.EvidenceHead = circuits.Digest(head)
	if err := json.Unmarshal(state, &d.State); err != nil {
		return d, fmt.Errorf("decode state of %s: %w", d.ID, err)
	}
	return d, nil
}

// load reads a dossier.
func load(ctx context.Context, tx pgx.Tx, t dossiers.TenantID, id dossiers.ID) (d dossiers.Dossier, err error) {
	if !validUUID(string(id)) {
		return d, fmt.Errorf("dossier: %w", dossiers.ErrNotFound)
	}
	b := &pgx.Batch{}
	queueLoad(b, t, id, "", &d)
	err = one("dossier", run(ctx, tx, b))
	return d, err
}

// queueLoad reads a dossier with its documents into d; none is pgx.ErrNoRows.
func queueLoad(b *pgx.Batch, t dossiers.TenantID, id dossiers.ID, locking string, d *dossiers.Dossier) {
	b.Queue(`select `+dossierColumns+` from `+dossierTables+` where d.tenant = $1 and d.id = $2`+locking, t, id).Query(func(rows pgx.Rows) (err error) {
		*d, err = pgx.CollectExactlyOneRow(rows, scanDossier)
		return err
	})
	queueDocuments(b, t, d, id)
}

// queueDocuments fills in the current version of each document of d, the letter
// first and its annexes in their order.
func queueDocuments(b *pgx.Batch, t dossiers.TenantID, d *dossiers.Dossier, id dossiers.ID) {
	b.Queue(revisionColumns+`
		from document_revision r left join (
			select n as listed, place from dossier d, unnest(d.annexes) with ordinality as l (n, place) where d.tenant = $1 and d.id = $2
		) l on l.listed = r.n
		where r.tenant = $1 and r.dossier = $2
		and (r.n = 1 or place is not null or (select annexes is null from dossier d where d.tenant = $1 and d.id = $2))
		and r.version = (select max(version) from document_revision m where m.tenant = $1 and m.dossier = $2 and m.n = r.n)
		order by coalesce(place, 0), n, revision`, t, id).Query(func(rows pgx.Rows) error {
		found, err := pgx.CollectRows(rows, scanRevision)
		if err != nil {
			return err
		}
		for _, r := range found {
			add(d, r)
		}
		if len(d.Documents) == 0 {
			return fmt.Errorf("dossier %s has no document", id)
		}
		return nil
	})
}

// add puts the next revision of the current version of a document into d.
func add(d *dossiers.Dossier, r dossiers.NewRevision) {
	if r.Revision.Number == 0 {
		d.Documents = append(d.Documents, dossiers.Document{N: r.N, Name: r.Name, Pages: r.Pages, Revision: r.Revision, Approved: r.Revision})
		return
	}
	doc := &d.Documents[len(d.Documents)-1]
	r.Revision.Segments = append(append([]dossiers.Segment(nil), doc.Revision.Segments...), r.Revision.Segments...)
	doc.Revision = r.Revision
}

const revisionFields = `select n, version, revision, name, pages, segment_sha256, segment_bytes, bytes, sha256, hash_state, at`

const revisionColumns = revisionFields + ` `

func scanRevision(row pgx.CollectableRow) (dossiers.NewRevision, error) { return scanRevisionAnd(row) }

// scanRevisionAnd reads what follows the columns of a revision into more.
func scanRevisionAnd(row pgx.CollectableRow, more ...any) (r dossiers.NewRevision, err error) {
	var segment, sum []byte
	var seg dossiers.Segment
	err = row.Scan(append([]any{
		&r.N, &r.Revision.Version, &r.Revision.Number, &r.Name, &r.Pages, &segment, &seg.Bytes,
		&r.Revision.Bytes, &sum, &r.Revision.HashState, &r.Revision.At,
	}, more...)...)
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

// Evidence implements dossiers.Store.
func (s *Store) Evidence(ctx context.Context, t dossiers.TenantID, id dossiers.ID) (out []dossiers.EvidenceRecord, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `select seq, version, round, step, turn, person::text, decision, sha256, file, at
			from evidence where tenant = $1 and dossier = $2 order by seq`, t, id)
		if err != nil {
			return fmt.Errorf("evidence: %w", err)
		}
		out, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (e dossiers.EvidenceRecord, err error) {
			var sum []byte
			err = row.Scan(&e.Seq, &e.Version, &e.Round, &e.Step, &e.Turn, &e.Person, &e.Decision, &sum, &e.File, &e.At)
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
