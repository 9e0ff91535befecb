package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/trial"
)

// Underway implements dossiers.Store.
func (s *Store) Underway(ctx context.Context, t dossiers.TenantID) (out []dossiers.Underway, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `select state -> 'circuit' ->> 'code', (state -> 'circuit' ->> 'version')::int, count(*)
			from dossier where tenant = $1 and phase = 'running' group by 1, 2 order by 1, 2`, t)
		if err != nil {
			return fmt.Errorf("count what travels: %w", err)
		}
		out, err = pgx.CollectRows(rows, pgx.RowToStructByPos[dossiers.Underway])
		return err
	})
	return out, err
}

// Travelling implements dossiers.Store.
func (s *Store) Travelling(ctx context.Context, t dossiers.TenantID, code string, limit int) (out []dossiers.Travelling, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `select id::text, number, created_at, state from dossier
			where tenant = $1 and phase = 'running' and state -> 'circuit' ->> 'code' = $2 order by number limit $3`, t, code, limit)
		if err != nil {
			return fmt.Errorf("list what travels: %w", err)
		}
		out, err = pgx.CollectRows(rows, scanTravelling)
		return err
	})
	return out, err
}

func scanTravelling(row pgx.CollectableRow) (x dossiers.Travelling, err error) {
	var raw []byte
	var state circuits.State
	if err := row.Scan(&x.ID, &x.Number, &x.Since, &raw); err != nil {
		return x, err
	}
	if err := json.Unmarshal(raw, &state); err != nil {
		return x, fmt.Errorf("dossier %s: %w", x.ID, err)
	}
	x.Version, x.Since = state.Circuit.Version, x.Since.UTC()
	if open := state.OpenSteps(); len(open) > 0 {
		x.Step = state.Circuit.Steps[open[0]].Title
	}
	return x, nil
}

// queueCases replaces the cases of a circuit.
func queueCases(b *pgx.Batch, t dossiers.TenantID, a dossiers.CasesSet) error {
	b.Queue(`delete from circuit_case where tenant = $1 and code = $2`, t, a.Code)
	for i, c := range a.Cases {
		record, err := json.Marshal(c)
		if err != nil {
			return fmt.Errorf("encode case %s: %w", c.Name, err)
		}
		b.Queue(`insert into circuit_case (tenant, code, position, record) values ($1, $2, $3, $4)`, t, a.Code, i+1, record)
	}
	return nil
}

// A storedCase is a case with the circuit it is kept with.
type storedCase struct {
	code string
	trial.Case
}

func scanCase(row pgx.CollectableRow) (c storedCase, err error) {
	var raw []byte
	if err := row.Scan(&c.code, &raw); err != nil {
		return c, err
	}
	return c, json.Unmarshal(raw, &c.Case)
}

// withCases gives circuits their cases.
func withCases(list []dossiers.CircuitSetup, cases []storedCase) []dossiers.CircuitSetup {
	for _, c := range cases {
		if i := slices.IndexFunc(list, func(x dossiers.CircuitSetup) bool { return x.Code == c.code }); i >= 0 {
			list[i].Cases = append(list[i].Cases, c.Case)
		}
	}
	return list
}
