package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"parapheur/circuits"
	"parapheur/dossiers"
)

// Unsealed lists, town by town, the dossiers whose signature was decided and
// that no job will seal: those whose node died, or whose job was lost. A job
// that runs at this moment on another node does not count.
func (s *Store) Unsealed(ctx context.Context) (map[dossiers.TenantID][]dossiers.ID, error) {
	towns, err := s.towns(ctx)
	if err != nil {
		return nil, err
	}
	out := map[dossiers.TenantID][]dossiers.ID{}
	for _, t := range towns {
		err := s.in(ctx, t, func(tx pgx.Tx) error {
			rows, err := tx.Query(ctx, `
				select d.id::text from dossier d where d.tenant = $1 and d.phase = 'running' and not d.blocked and not exists (select from turn u where u.tenant = d.tenant and u.dossier = d.id) and not exists (
					select from river_job j where j.kind = 'seal' and j.args @> jsonb_build_object('tenant', d.tenant, 'dossier', d.id)
					and j.state in ('available', 'pending', 'retryable', 'scheduled'))
				order by d.updated_at`, t)
			if err != nil {
				return err
			}
			found, err := pgx.CollectRows(rows, pgx.RowTo[dossiers.ID])
			if len(found) > 0 {
				out[t] = found
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("unsealed dossiers of %s: %w", t, err)
		}
	}
	return out, nil
}

// Sealing implements dossiers.Store.
func (s *Store) Sealing(ctx context.Context, t dossiers.TenantID, id dossiers.ID, version, step int) (out dossiers.Sealing, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		out, err = sealing(ctx, tx, t, id, version, step)
		return err
	})
	return out, err
}

const sealingColumns = `select s.dossier::text, s.version, s.step, s.edition, s.decision, s.level, coalesce(s.holder::text, ''), s.prepared, s.signature, s.stamped,
	s.tail_sha256, coalesce(s.tail_bytes, 0), s.started_at, s.arms, s.griffe from sealing s `

func scanSealing(row pgx.CollectableRow) (out dossiers.Sealing, err error) {
	var tail, decision, arms, griffe []byte
	err = row.Scan(&out.Dossier, &out.Version, &out.Step, &out.Edition, &decision, &out.Level, &out.Holder, &out.Prepared, &out.Signature, &out.Stamped,
		&tail, &out.Tail.Bytes, &out.StartedAt, &arms, &griffe)
	copy(out.Tail.Digest[:], tail)
	copy(out.Decision[:], decision)
	copy(out.Arms[:], arms)
	copy(out.Griffe[:], griffe)
	return out, err
}

func sealing(ctx context.Context, tx pgx.Tx, t dossiers.TenantID, id dossiers.ID, version, step int) (dossiers.Sealing, error) {
	rows, err := tx.Query(ctx, sealingColumns+`where s.tenant = $1 and s.dossier = $2 and s.version = $3 and s.step = $4`, t, id, version, step)
	if err != nil {
		return dossiers.Sealing{}, fmt.Errorf("sealing: %w", err)
	}
	out, err := pgx.CollectExactlyOneRow(rows, scanSealing)
	return out, one("sealing", err)
}

// Unsigned implements dossiers.Store.
func (s *Store) Unsigned(ctx context.Context, t dossiers.TenantID, p circuits.PersonID) (out []dossiers.Sealing, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sealingColumns+`join dossier d on d.tenant = s.tenant and d.id = s.dossier and d.phase = 'running'
			where s.tenant = $1 and s.holder = $2 and s.signature is null and s.prepared is not null
			and s.version = (d.state->>'version')::int order by s.started_at`, t, p)
		if err != nil {
			return err
		}
		out, err = pgx.CollectRows(rows, scanSealing)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("signatures that wait for %s: %w", p, err)
	}
	return out, nil
}

// ArchiveDue implements dossiers.Store.
func (s *Store) ArchiveDue(ctx context.Context, t dossiers.TenantID, before time.Time, limit int) (out []dossiers.ID, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `select d.id::text from archive a join dossier d on d.tenant = a.tenant and d.id = a.dossier and d.phase = 'completed'
			where a.tenant = $1 and a.stamped_until < $2 order by a.stamped_until, d.id limit $3`, t, before, limit)
		if err != nil {
			return err
		}
		out, err = pgx.CollectRows(rows, pgx.RowTo[dossiers.ID])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("archive timestamps to renew: %w", err)
	}
	return out, nil
}

// Towns lists every town.
func (s *Store) Towns(ctx context.Context) ([]dossiers.TenantID, error) { return s.towns(ctx) }

// SealAgain implements dossiers.Store.
func (s *Store) SealAgain(ctx context.Context, t dossiers.TenantID, ids []dossiers.ID) error {
	return s.in(ctx, t, func(tx pgx.Tx) error {
		for _, id := range ids {
			if _, err := load(ctx, tx, t, id); err != nil {
				return err
			}
			if err := s.jobs.EnqueueSeal(ctx, tx, t, id); err != nil {
				return fmt.Errorf("enqueue sealing: %w", err)
			}
		}
		return nil
	})
}

// AdvanceSealing implements dossiers.Store.
func (s *Store) AdvanceSealing(ctx context.Context, t dossiers.TenantID, in dossiers.Sealing) (out dossiers.Sealing, err error) {
	var digest, size any // none yet
	if in.Tail.Bytes > 0 {
		digest, size = in.Tail.Digest[:], in.Tail.Bytes
	}
	write := `insert into sealing (tenant, dossier, version, step, edition, level, prepared, signature, stamped, tail_sha256, tail_bytes, started_at, holder, decision, arms, griffe)
		values ($1, $2, $3, $4, $5 + 1, $6, $7, $8, $9, $10, $11, $12, nullif($13, '')::uuid, $14, $15, $16) on conflict do nothing`
	if in.Edition > 0 {
		write = `update sealing set edition = edition + 1, level = $6, prepared = $7, signature = $8, stamped = $9,
			tail_sha256 = $10, tail_bytes = $11, started_at = $12, holder = nullif($13, '')::uuid, decision = $14, arms = $15, griffe = $16
			where tenant = $1 and dossier = $2 and version = $3 and step = $4 and edition = $5`
	}
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, write, t, in.Dossier, in.Version, in.Step, in.Edition, in.Level, in.Prepared, in.Signature, in.Stamped, digest, size, in.StartedAt, string(in.Holder), in.Decision[:],
			digestOrNull(in.Arms), digestOrNull(in.Griffe))
		if err != nil {
			return fmt.Errorf("keep sealing stage: %w", err)
		}
		out, err = sealing(ctx, tx, t, in.Dossier, in.Version, in.Step)
		return err
	})
	return out, err
}

// digestOrNull is nothing for the zero digest, which names nothing.
func digestOrNull(d circuits.Digest) any {
	if d.IsZero() {
		return nil
	}
	return d[:]
}
