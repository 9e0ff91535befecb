package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"parapheur/circuits"
	"parapheur/circuits/delegation"
	"parapheur/dossiers"
	"parapheur/internal/conditions"
)

// kindMetadataSet is the kind of entry of a change of metadata.
const kindMetadataSet = "dossier.metadata_set"

// Filing implements dossiers.Store.
func (s *Store) Filing(ctx context.Context, t dossiers.TenantID, id dossiers.ID) (f dossiers.Filing, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		var raw []byte
		err := tx.QueryRow(ctx, `select coalesce(f.metadata, '{}'), coalesce(f.number, '') from dossier d
			left join filing f on f.tenant = d.tenant and f.dossier = d.id where d.tenant = $1 and d.id = $2`, t, id).Scan(&raw, &f.Number)
		if err != nil {
			return one("filing", err)
		}
		return json.Unmarshal(raw, &f.Values)
	})
	return f, err
}

// Matter implements dossiers.Store.
func (s *Store) Matter(ctx context.Context, t dossiers.TenantID, id dossiers.ID) (m dossiers.Matter, err error) {
	if !validUUID(string(id)) {
		return m, fmt.Errorf("dossier: %w", dossiers.ErrNotFound)
	}
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		for range untorn {
			m = dossiers.Matter{}
			if err := matter(ctx, tx, t, id, &m); err != nil || !torn(m.Dossier) {
				return err
			}
		}
		return nil
	})
	return m, err
}

func matter(ctx context.Context, tx pgx.Tx, t dossiers.TenantID, id dossiers.ID, m *dossiers.Matter) error {
	b := &pgx.Batch{}
	queueLoad(b, t, id, "", &m.Dossier)
	b.Queue(`select metadata, coalesce(number, '') from filing where tenant = $1 and dossier = $2`, t, id).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			if err := rows.Scan(&m.Filing.Values, &m.Filing.Number); err != nil {
				return err
			}
		}
		return rows.Err()
	})
	collect(b, &m.Recusals, scanRecord[delegation.Recusal], `select record from recusal where tenant = $1 and dossier = $2 order by person`, t, id)
	b.Queue(revisionQuery, t).QueryRow(func(row pgx.Row) error { return row.Scan(&m.Revision) })
	return one("dossier", run(ctx, tx, b))
}

// SetMetadata implements dossiers.Store. The dossier is locked first, as for
// every change of it.
func (s *Store) SetMetadata(ctx context.Context, t dossiers.TenantID, id dossiers.ID, values conditions.Values, by circuits.Actor, at time.Time) error {
	return s.in(ctx, t, func(tx pgx.Tx) error {
		var application string
		err := tx.QueryRow(ctx, `select coalesce(application::text, '') from dossier where tenant = $1 and id = $2 for update`, t, id).Scan(&application)
		if err != nil {
			return one("dossier", err)
		}
		_, err = tx.Exec(ctx, `insert into filing (tenant, dossier, metadata) values ($1, $2, $3)
			on conflict (tenant, dossier) do update set metadata = excluded.metadata`, t, id, values)
		if err != nil {
			return fmt.Errorf("metadata of %s: %w", id, err)
		}
		return appendFacts(ctx, tx, t, fact{at: at, subject: string(id) + "/metadata", application: application, kind: kindMetadataSet, body: struct {
			Values conditions.Values `json:"values"`
			By     circuits.Actor    `json:"by"`
		}{values, by}})
	})
}

// file keeps the filing of a dossier that is being made or started, and draws
// its number if sequence names one: in the transaction of the deposit, under
// the lock of the sequence, so that no number is skipped and none given twice.
func file(ctx context.Context, tx pgx.Tx, t dossiers.TenantID, id dossiers.ID, f dossiers.Filing, sequence string, at time.Time) error {
	if len(f.Values) == 0 && sequence == "" {
		return nil
	}
	values := f.Values
	if values == nil {
		values = conditions.Values{}
	}
	_, err := tx.Exec(ctx, `insert into filing (tenant, dossier, metadata) values ($1, $2, $3) on conflict (tenant, dossier) do nothing`, t, id, values)
	if err != nil {
		return fmt.Errorf("file %s: %w", id, err)
	}
	if sequence == "" {
		return nil
	}
	return draw(ctx, tx, t, id, sequence, at)
}

// draw gives a dossier the next number of a sequence, unless it has one.
func draw(ctx context.Context, tx pgx.Tx, t dossiers.TenantID, id dossiers.ID, sequence string, at time.Time) error {
	var x dossiers.Sequence
	err := tx.QueryRow(ctx, `select code, name, pattern, continuous from sequence where tenant = $1 and code = $2
		and not exists (select from filing where tenant = $1 and dossier = $3 and number is not null)`, t, sequence, id).
		Scan(&x.Code, &x.Name, &x.Pattern, &x.Continuous)
	if err == pgx.ErrNoRows { //nolint:errorlint // Scan answers it unwrapped
		return nil // numbered already: a letter keeps its number
	}
	if err != nil {
		return fmt.Errorf("sequence %s: %w", sequence, err)
	}
	year := at.Year()
	if x.Continuous {
		year = 0
	}
	var n int64
	err = tx.QueryRow(ctx, `insert into sequence_drawn (tenant, code, year, last) values ($1, $2, $3, 1)
		on conflict (tenant, code, year) do update set last = sequence_drawn.last + 1 returning last`, t, x.Code, year).Scan(&n)
	if err != nil {
		return fmt.Errorf("draw from %s: %w", sequence, err)
	}
	_, err = tx.Exec(ctx, `update filing set sequence = $3, year = $4, n = $5, number = $6 where tenant = $1 and dossier = $2`,
		t, id, x.Code, year, n, x.Number(n, at))
	if err != nil {
		return fmt.Errorf("number %s: %w", id, err)
	}
	return nil
}
