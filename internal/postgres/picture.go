package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"parapheur/circuits"
	"parapheur/dossiers"
)

// Picture implements dossiers.Store.
func (s *Store) Picture(ctx context.Context, t dossiers.TenantID, k dossiers.PictureKind, p circuits.PersonID, named circuits.Digest) (x dossiers.Picture, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		var sum []byte
		err := tx.QueryRow(ctx, `select kind, coalesce(person::text, ''), sha256, sealed, at from picture
			where tenant = $1 and kind = $2 and coalesce(person::text, '') = $3 and ($4::bytea is null and replaced_at is null or sha256 = $4)`,
			t, k, string(p), digestOrNull(named)).Scan(&x.Kind, &x.Person, &sum, &x.Sealed, &x.At)
		copy(x.SHA256[:], sum)
		return one("picture", err)
	})
	return x, err
}

// pictureFact is the entry about an image. The digest alone is told.
func pictureFact(k dossiers.PictureKind, p circuits.PersonID, set bool, sum circuits.Digest, by circuits.Actor, at time.Time) fact {
	kinds := map[dossiers.PictureKind][2]string{
		dossiers.PictureArms: {dossiers.KindArmsRemoved, dossiers.KindArmsSet}, dossiers.PictureGriffe: {dossiers.KindGriffeRemoved, dossiers.KindGriffeSet},
	}
	f := fact{at: at, subject: string(p), kind: kinds[k][0], body: byWhom{by}}
	if p == "" {
		f.subject = string(k)
	}
	if set {
		f.kind = kinds[k][1]
		f.body = struct {
			SHA256 circuits.Digest `json:"sha256"`
			By     circuits.Actor  `json:"by"`
		}{sum, by}
	}
	return f
}

// SetPicture implements dossiers.Store.
func (s *Store) SetPicture(ctx context.Context, t dossiers.TenantID, x dossiers.Picture, by circuits.Actor) error {
	f := pictureFact(x.Kind, x.Person, true, x.SHA256, by, x.At)
	return s.administer(ctx, t, f, func(tx pgx.Tx) error {
		b := &pgx.Batch{}
		queuePicture(b, t, x)
		return run(ctx, tx, b)
	})
}

// queuePicture puts an image in use. What no letter under way was laid out with
// is erased.
func queuePicture(b *pgx.Batch, t dossiers.TenantID, x dossiers.Picture) {
	b.Queue(`update picture set replaced_at = $4 where tenant = $1 and kind = $2 and coalesce(person::text, '') = $3 and replaced_at is null`,
		t, x.Kind, string(x.Person), x.At)
	b.Queue(`insert into picture (tenant, kind, person, sha256, sealed, at) values ($1, $2, nullif($3, '')::uuid, $4, $5, $6)
		on conflict (tenant, kind, person, sha256) do update set sealed = excluded.sealed, at = excluded.at, replaced_at = null`,
		t, x.Kind, string(x.Person), x.SHA256[:], x.Sealed, x.At)
	b.Queue(`delete from picture p where p.tenant = $1 and p.kind = $2 and coalesce(p.person::text, '') = $3 and p.replaced_at is not null
		and not exists (select from sealing s join dossier d on d.tenant = s.tenant and d.id = s.dossier and d.phase = 'running'
			where s.tenant = p.tenant and s.tail_sha256 is null and (s.arms = p.sha256 or s.griffe = p.sha256))`, t, x.Kind, string(x.Person))
}

// RemovePicture implements dossiers.Store.
func (s *Store) RemovePicture(ctx context.Context, t dossiers.TenantID, k dossiers.PictureKind, p circuits.PersonID, by circuits.Actor, at time.Time) error {
	return s.administer(ctx, t, pictureFact(k, p, false, circuits.Digest{}, by, at), func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `delete from picture where tenant = $1 and kind = $2 and coalesce(person::text, '') = $3 returning replaced_at is null`, t, k, string(p))
		if err != nil {
			return err
		}
		used, err := pgx.CollectRows(rows, pgx.RowTo[bool])
		if err != nil {
			return err
		}
		for _, now := range used {
			if now {
				return nil
			}
		}
		return fmt.Errorf("picture: %w", dossiers.ErrNotFound)
	})
}
