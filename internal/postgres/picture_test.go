package postgres_test

import (
	"context"
	"testing"
	"time"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/postgres"
)

// griffeOf is the image of a town's own.
func griffeOf(b belonging) dossiers.Picture {
	return dossiers.Picture{
		Kind: dossiers.PictureGriffe, Person: b.person.ID, SHA256: circuits.Digest{1}, Sealed: []byte("image of " + string(b.t)), At: time.Now().UTC().Truncate(time.Microsecond),
	}
}

func hands(t *testing.T, b belonging) {
	t.Helper()
	if err := b.town.Store.SetPicture(t.Context(), b.t, griffeOf(b), by); err != nil {
		t.Fatal(err)
	}
}

func pictureReads() map[string]call {
	return map[string]call{
		"Picture": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			_, err := s.Picture(ctx, t, dossiers.PictureGriffe, b.person.ID, circuits.Digest{})
			return err
		},
	}
}

func pictureWrites() map[string]call {
	return map[string]call{
		"SetPicture": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			return s.SetPicture(ctx, t, griffeOf(b), by)
		},
	}
}

// pictureLast ends what the others use.
func pictureLast() map[string]call {
	return map[string]call{
		"RemovePicture": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			return s.RemovePicture(ctx, t, dossiers.PictureGriffe, b.person.ID, by, time.Now())
		},
	}
}
