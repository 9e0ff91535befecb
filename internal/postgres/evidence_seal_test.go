package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/postgres"
)

// sealOf is what makes a package of a town's own again.
func sealOf(b belonging) dossiers.EvidenceSeal {
	at := time.Now().UTC().Truncate(time.Microsecond) // the sweep removes old ones
	return dossiers.EvidenceSeal{Dossier: b.signed.ID, Package: circuits.Digest{1}, ExportedAt: at, HeadSeq: 3, HeadHash: circuits.Digest{2}, Seal: []byte("cms"), At: at}
}

func sealsEvidence(t *testing.T, b belonging) {
	t.Helper()
	if err := b.town.Store.KeepEvidenceSeal(t.Context(), b.t, sealOf(b), circuits.Digest{}); err != nil {
		t.Fatal(err)
	}
}

// evidenceSealCalls read and replace it.
func evidenceSealCalls() map[string]call {
	return map[string]call{
		"EvidenceSeal": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			got, err := s.EvidenceSeal(ctx, t, b.signed.ID)
			if err == nil && got.HeadSeq != 3 {
				return fmt.Errorf("read back as %+v", got)
			}
			return err
		},
		"KeepEvidenceSeal": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			x := sealOf(b)
			for _, instead := range []circuits.Digest{{}, {9}} { // one is there, and it is not that one
				if err := s.KeepEvidenceSeal(ctx, t, x, instead); !errors.Is(err, dossiers.ErrConflict) {
					return err
				}
			}
			return s.KeepEvidenceSeal(ctx, t, x, x.Package)
		},
	}
}
