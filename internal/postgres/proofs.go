package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"parapheur/circuits"
	"parapheur/dossiers"
)

// FileProof implements dossiers.Store.
func (s *Store) FileProof(ctx context.Context, t dossiers.TenantID, p dossiers.FiledProof, by circuits.Actor) error {
	body := struct {
		Version int             `json:"version"`
		Round   int             `json:"round"`
		Step    circuits.StepID `json:"step"`
		Proof   circuits.Digest `json:"proof_sha256"`
		Bytes   int64           `json:"bytes"`
		Type    string          `json:"type"`
		By      circuits.Actor  `json:"by"`
	}{p.Version, p.Round, p.Step, p.SHA256, p.Bytes, p.Kind, by}
	_, err := s.record(ctx, t, p.Dossier, "proof", dossiers.KindProofFiled, p.At, body, `
		insert into outside_proof (tenant, dossier, version, round, step, person, sha256, bytes, kind, filed_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict do nothing`,
		p.Dossier, p.Version, p.Round, p.Step, p.Person, p.SHA256[:], p.Bytes, p.Kind, p.At)
	return err
}

// ProofFiled implements dossiers.Store.
func (s *Store) ProofFiled(ctx context.Context, t dossiers.TenantID, p dossiers.FiledProof) (filed bool, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `select exists (select from outside_proof where tenant = $1 and dossier = $2 and version = $3 and round = $4
			and step = $5 and person = $6 and sha256 = $7)`, t, p.Dossier, p.Version, p.Round, p.Step, p.Person, p.SHA256[:]).Scan(&filed)
		if err != nil {
			return fmt.Errorf("proof of an outside act: %w", err)
		}
		return nil
	})
	return filed, err
}
