package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"parapheur/circuits"
	"parapheur/dossiers"
)

// EvidenceSeal implements dossiers.Store.
func (s *Store) EvidenceSeal(ctx context.Context, t dossiers.TenantID, id dossiers.ID) (x dossiers.EvidenceSeal, err error) {
	if !validUUID(string(id)) {
		return x, fmt.Errorf("evidence seal: %w", dossiers.ErrNotFound)
	}
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		var sum, head []byte
		err := tx.QueryRow(ctx, `select dossier::text, package, exported_at, head_seq, head_hash, seal, at from evidence_seal
			where tenant = $1 and dossier = $2`, t, id).Scan(&x.Dossier, &sum, &x.ExportedAt, &x.HeadSeq, &head, &x.Seal, &x.At)
		copy(x.Package[:], sum)
		copy(x.HeadHash[:], head)
		x.ExportedAt, x.At = x.ExportedAt.UTC(), x.At.UTC()
		return one("evidence seal", err)
	})
	return x, err
}

// KeepEvidenceSeal implements dossiers.Store.
func (s *Store) KeepEvidenceSeal(ctx context.Context, t dossiers.TenantID, x dossiers.EvidenceSeal, instead circuits.Digest) error {
	if !validUUID(string(x.Dossier)) {
		return fmt.Errorf("dossier: %w", dossiers.ErrNotFound)
	}
	return s.in(ctx, t, func(tx pgx.Tx) error {
		var there bool
		if err := tx.QueryRow(ctx, `select true from dossier where tenant = $1 and id = $2`, t, x.Dossier).Scan(&there); err != nil {
			return one("dossier", err)
		}
		query := `insert into evidence_seal (tenant, dossier, package, exported_at, head_seq, head_hash, seal, at)
			values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (tenant, dossier) do nothing`
		args := []any{t, x.Dossier, x.Package[:], x.ExportedAt, x.HeadSeq, x.HeadHash[:], x.Seal, x.At}
		if !instead.IsZero() {
			query = `update evidence_seal set package = $3, exported_at = $4, head_seq = $5, head_hash = $6, seal = $7, at = $8
				where tenant = $1 and dossier = $2 and package = $9`
			args = append(args, instead[:])
		}
		tag, err := tx.Exec(ctx, query, args...)
		if err == nil && tag.RowsAffected() == 0 {
			err = dossiers.ErrConflict
		}
		if err != nil {
			return fmt.Errorf("keep the seal of an evidence package: %w", err)
		}
		return nil
	})
}
