package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"parapheur/dossiers"
)

// The kinds of journal entries about what towns receive.
const (
	kindReceived = "document.received"
)

// DepositRules implements dossiers.Store.
func (s *Store) DepositRules(ctx context.Context, t dossiers.TenantID) (out dossiers.DepositRules, err error) {
	out = dossiers.DepositRules{}
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `select content, refused from deposit_rule where tenant = $1`, t)
		if err != nil {
			return err
		}
		var content dossiers.NoticeCode
		var refused bool
		_, err = pgx.ForEachRow(rows, []any{&content, &refused}, func() error {
			out[content] = refused
			return nil
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("deposit rules: %w", err)
	}
	return out, nil
}

// queueNotices keeps what depositors were told of a version.
func queueNotices(b *pgx.Batch, t dossiers.TenantID, id dossiers.ID, version int, all []dossiers.DocumentNotice) {
	for i, n := range all {
		b.Queue(`insert into document_notice (tenant, dossier, n, version, position, code, page, place, name)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, t, id, n.N, version, i+1, n.Code, n.Page, n.Where, n.Name)
	}
}

// received is the entry that says what was done to the files of a dossier and what they carry; none when there is
// nothing to say. Its subject is not the dossier: the entries of that one are the circuit's, and replayed as such; the
// one before it says who deposited.
func received(id dossiers.ID, application string, version int, at time.Time, all []dossiers.DocumentNotice) []fact {
	if len(all) == 0 {
		return nil
	}
	body := struct {
		Dossier dossiers.ID               `json:"dossier"`
		Version int                       `json:"version"`
		Notices []dossiers.DocumentNotice `json:"notices"`
	}{id, version, all}
	return []fact{{at: at, subject: string(id) + "/documents", application: application, kind: kindReceived, body: body}}
}

// Notices implements dossiers.Store.
func (s *Store) Notices(ctx context.Context, t dossiers.TenantID, id dossiers.ID) (out []dossiers.DocumentNotice, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			select n, code, page, place, name from document_notice d where tenant = $1 and dossier = $2
				and version = (select max(version) from document_revision r where r.tenant = $1 and r.dossier = $2 and r.n = d.n)
				and (n = 1 or coalesce(n = any((select annexes from dossier x where x.tenant = $1 and x.id = $2)::int[]), true))
			order by n, position`, t, id)
		if err != nil {
			return err
		}
		out, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (n dossiers.DocumentNotice, err error) {
			return n, row.Scan(&n.N, &n.Code, &n.Page, &n.Where, &n.Name)
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("notices: %w", err)
	}
	return out, nil
}
