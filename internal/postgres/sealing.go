package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"parapheur/dossiers"
)

// Sealing implements dossiers.Store.
func (s *Store) Sealing(ctx context.Context, t dossiers.TenantID, id dossiers.ID, version, step int) (out dossiers.Sealing, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		out, err = sealing(ctx, tx, t, id, version, step)
		return err
	})
	return out, err
}

func sealing(ctx context.Context, tx pgx.Tx, t dossiers.TenantID, id dossiers.ID, version, step int) (dossiers.Sealing, error) {
	out := dossiers.Sealing{Dossier: id, Version: version, Step: step}
	err := tx.QueryRow(ctx, `select prepared, signature, started_at from sealing
		where tenant = $1 and dossier = $2 and version = $3 and step = $4`, t, id, version, step).
		Scan(&out.Prepared, &out.Signature, &out.StartedAt)
	return out, one("sealing", err)
}

// KeepPrepared implements dossiers.Store.
func (s *Store) KeepPrepared(ctx context.Context, t dossiers.TenantID, in dossiers.Sealing) (dossiers.Sealing, error) {
	return s.keep(ctx, t, in, `insert into sealing (tenant, dossier, version, step, prepared, started_at)
		values ($1, $2, $3, $4, $5, $6) on conflict do nothing`, in.Prepared, in.StartedAt)
}

// KeepSignature implements dossiers.Store.
func (s *Store) KeepSignature(ctx context.Context, t dossiers.TenantID, in dossiers.Sealing) (dossiers.Sealing, error) {
	return s.keep(ctx, t, in, `update sealing set signature = $5
		where tenant = $1 and dossier = $2 and version = $3 and step = $4 and signature is null`, in.Signature)
}

// keep runs a write that only the first comer performs and returns the row
// as it then stands.
func (s *Store) keep(ctx context.Context, t dossiers.TenantID, in dossiers.Sealing, write string, args ...any) (out dossiers.Sealing, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, write, append([]any{t, in.Dossier, in.Version, in.Step}, args...)...); err != nil {
			return fmt.Errorf("keep sealing stage: %w", err)
		}
		out, err = sealing(ctx, tx, t, in.Dossier, in.Version, in.Step)
		return err
	})
	return out, err
}
