package postgres

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"parapheur/circuits/delegation"
	"parapheur/dossiers"
)

// queueLaw queues the amendments that the law of delegation reads.
func queueLaw(b *pgx.Batch, t dossiers.TenantID, a dossiers.Amendment) error {
	switch a := a.(type) {
	case dossiers.DelegationSet:
		d := a.Delegation
		return queueRecord(b, d, `insert into delegation (tenant, id, number, delegator, delegate, from_on, to_on, record)
			values ($2, $3, $4, $5, $6, $7::date, nullif($8, '')::date, $1)
			on conflict (tenant, id) do update set number = excluded.number, delegator = excluded.delegator, delegate = excluded.delegate,
				from_on = excluded.from_on, to_on = excluded.to_on, record = excluded.record`,
			t, d.ID, d.Number, d.Delegator.Person, d.Delegate.Person, string(d.From), string(d.To))
	case dossiers.AbsenceSet:
		x := a.Absence
		return queueRecord(b, x, `insert into absence (tenant, id, person, replacement, from_on, to_on, record)
			values ($2, $3, $4, nullif($5, '')::uuid, $6::date, $7::date, $1)
			on conflict (tenant, id) do update set replacement = excluded.replacement, from_on = excluded.from_on, to_on = excluded.to_on, record = excluded.record`,
			t, x.ID, x.Person, string(x.Replacement), string(x.From), string(x.To))
	case dossiers.ImpedimentSet:
		x := a.Impediment
		return queueRecord(b, x, `insert into impediment (tenant, id, person, declared_by, from_on, to_on, record)
			values ($2, $3, $4, nullif($5, '')::uuid, $6::date, nullif($7, '')::date, $1)
			on conflict (tenant, id) do update set person = excluded.person, from_on = excluded.from_on, to_on = excluded.to_on, record = excluded.record`,
			t, x.ID, x.Person, string(x.DeclaredBy), string(x.From), string(x.To))
	case dossiers.RecusalSet:
		r := a.Recusal
		return queueRecord(b, r, `insert into recusal (tenant, dossier, person, substitute, record) values ($2, $3, $4, nullif($5, '')::uuid, $1)`,
			t, a.Dossier, r.Person, string(r.Substitute))
	}
	return fmt.Errorf("amendment %T is not known", a)
}

// queueRecord queues a statement whose first argument is record, in JSON.
func queueRecord(b *pgx.Batch, record any, statement string, args ...any) error {
	raw, err := json.Marshal(record)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	b.Queue(statement, append([]any{raw}, args...)...)
	return nil
}

// Recusals implements dossiers.Store.
func (s *Store) Recusals(ctx context.Context, t dossiers.TenantID, id dossiers.ID) (out []delegation.Recusal, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `select record from recusal where tenant = $1 and dossier = $2 order by person`, t, id)
		if err != nil {
			return fmt.Errorf("recusals: %w", err)
		}
		if out, err = pgx.CollectRows(rows, scanRecord[delegation.Recusal]); err != nil {
			return fmt.Errorf("recusals: %w", err)
		}
		return nil
	})
	return out, err
}
