package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"parapheur/circuits"
	"parapheur/dossiers"
)

// kindDocumentKept is the entry of a document of the set-up. Its subject holds
// the digest, which is how it is found again.
const kindDocumentKept = "document.kept"

func keptSubject(digest circuits.Digest) string { return "document/" + digest.String() }

// RecordDocument implements dossiers.Store.
func (s *Store) RecordDocument(ctx context.Context, t dossiers.TenantID, digest circuits.Digest, size int64, by circuits.Actor, at time.Time) error {
	body := struct {
		SHA256 circuits.Digest `json:"sha256"`
		Bytes  int64           `json:"bytes"`
		By     circuits.Actor  `json:"by"`
	}{digest, size, by}
	return s.administer(ctx, t, fact{at: at, subject: keptSubject(digest), kind: kindDocumentKept, body: body}, func(pgx.Tx) error { return nil })
}

// KeptDocument implements dossiers.Store.
func (s *Store) KeptDocument(ctx context.Context, t dossiers.TenantID, digest circuits.Digest) (kept bool, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `select exists (select from journal where tenant = $1 and subject = $2 and kind = $3)`,
			t, keptSubject(digest), kindDocumentKept).Scan(&kept)
		if err != nil {
			return fmt.Errorf("document %s: %w", digest, err)
		}
		return nil
	})
	return kept, err
}
