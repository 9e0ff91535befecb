package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"parapheur/circuits"
	"parapheur/dossiers"
)

// about is the subject of a fact that is about a dossier and not about its
// circuit: what replays a circuit reads the dossier's own entries only.
func about(id dossiers.ID, what string) string { return string(id) + "/" + what }

// Redescribe implements dossiers.Store.
func (s *Store) Redescribe(ctx context.Context, t dossiers.TenantID, id dossiers.ID, by circuits.Actor, at time.Time, change func(*dossiers.Dossier) error) (d dossiers.Dossier, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		w, err := lock(ctx, tx, t, id, "")
		if err != nil {
			return err
		}
		d = w.Dossier
		before := d
		if err := change(&d); err != nil {
			return err
		}
		if d.Title == before.Title && d.Recipient == before.Recipient && d.Note == before.Note {
			return nil
		}
		d.Edits, d.UpdatedAt = d.Edits+1, at
		_, err = tx.Exec(ctx, `update dossier set title = $3, recipient = $4, note = $5, edits = $6, updated_at = $7 where tenant = $1 and id = $2`,
			t, id, d.Title, d.Recipient, d.Note, d.Edits, at)
		if err != nil {
			return fmt.Errorf("amend: %w", err)
		}
		if _, err := tx.Exec(ctx, `update participant set moved_at = $3 where tenant = $1 and dossier = $2`, t, id, at); err != nil {
			return fmt.Errorf("amend: %w", err)
		}
		body := struct {
			Title     string         `json:"title"`
			Recipient string         `json:"recipient"`
			Note      string         `json:"note,omitempty"`
			By        circuits.Actor `json:"by"`
		}{d.Title, d.Recipient, d.Note, by}
		return appendFacts(ctx, tx, t, fact{at, about(id, "amendment"), d.State.Depositor.Application, dossiers.KindAmended, body})
	})
	return d, err
}

// record inserts a row about a dossier once, journals it, or finds it there.
func (s *Store) record(ctx context.Context, t dossiers.TenantID, id dossiers.ID, what, kind string, at time.Time, body any, insert string, args ...any) (there bool, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		d, err := load(ctx, tx, t, id)
		if err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, insert, append([]any{t}, args...)...)
		if err != nil {
			return fmt.Errorf("record a %s: %w", what, err)
		}
		if there = tag.RowsAffected() == 0; there {
			return nil
		}
		return appendFacts(ctx, tx, t, fact{at, about(id, what), d.State.Depositor.Application, kind, body})
	})
	return there, err
}

// AddNote implements dossiers.Store.
func (s *Store) AddNote(ctx context.Context, t dossiers.TenantID, n dossiers.Note, by circuits.Actor) (dossiers.Note, bool, error) {
	body := struct {
		Note string         `json:"note"`
		Text string         `json:"text"`
		By   circuits.Actor `json:"by"`
	}{n.ID, n.Text, by}
	there, err := s.record(ctx, t, n.Dossier, "note", dossiers.KindNoted, n.At, body, `insert into note (tenant, id, dossier, text, by_name, person, application, at)
		values ($1, $2, $3, $4, $5, nullif($6, '')::uuid, nullif($7, '')::uuid, $8) on conflict do nothing`,
		n.ID, n.Dossier, n.Text, n.By, string(n.Person), n.Application, n.At)
	if err != nil || !there {
		return n, false, err
	}
	all, err := s.Notes(ctx, t, n.Dossier)
	for _, x := range all {
		if x.ID == n.ID {
			return x, true, err
		}
	}
	return n, false, err
}

// Notes implements dossiers.Store.
func (s *Store) Notes(ctx context.Context, t dossiers.TenantID, id dossiers.ID) (out []dossiers.Note, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `select id::text, dossier::text, text, by_name, coalesce(person::text, ''), coalesce(application::text, ''), at
			from note where tenant = $1 and dossier::text = $2 order by at, id`, t, string(id))
		if err == nil {
			out, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (n dossiers.Note, err error) {
				err = row.Scan(&n.ID, &n.Dossier, &n.Text, &n.By, &n.Person, &n.Application, &n.At)
				n.At = n.At.UTC()
				return n, err
			})
		}
		if err != nil {
			return fmt.Errorf("notes: %w", err)
		}
		return nil
	})
	return out, err
}

// AddDispatch implements dossiers.Store.
func (s *Store) AddDispatch(ctx context.Context, t dossiers.TenantID, x dossiers.Dispatch, by circuits.Actor) (dossiers.Dispatch, bool, error) {
	body := struct {
		Dispatch   string          `json:"dispatch"`
		Channel    string          `json:"channel"`
		Provider   string          `json:"provider,omitempty"`
		Reference  string          `json:"reference,omitempty"`
		Status     string          `json:"status"`
		Detail     string          `json:"detail,omitempty"`
		Proof      json.RawMessage `json:"proof_sha256,omitempty"`
		OccurredAt time.Time       `json:"occurred_at"`
		By         circuits.Actor  `json:"by"`
	}{x.ID, x.Channel, x.Provider, x.Reference, x.Status, x.Detail, nil, x.OccurredAt, by}
	var proof []byte
	if !x.Proof.IsZero() {
		proof, body.Proof = x.Proof[:], json.RawMessage(`"`+x.Proof.String()+`"`)
	}
	there, err := s.record(ctx, t, x.Dossier, "dispatch", dossiers.KindDispatched, x.At, body, `
		insert into dispatch (tenant, id, dossier, channel, provider, reference, status, detail, proof_sha256, occurred_at, by_name, application, at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, nullif($12, '')::uuid, $13) on conflict do nothing`,
		x.ID, x.Dossier, x.Channel, x.Provider, x.Reference, x.Status, x.Detail, proof, x.OccurredAt, x.By, x.Application, x.At)
	if err != nil || !there {
		return x, false, err
	}
	all, err := s.Dispatches(ctx, t, x.Dossier)
	for _, y := range all {
		if y.ID == x.ID {
			return y, true, err
		}
	}
	return x, false, err
}

// Dispatches implements dossiers.Store.
func (s *Store) Dispatches(ctx context.Context, t dossiers.TenantID, id dossiers.ID) (out []dossiers.Dispatch, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `select id::text, dossier::text, channel, provider, reference, status, detail, proof_sha256, occurred_at, by_name, coalesce(application::text, ''), at
			from dispatch where tenant = $1 and dossier::text = $2 order by at, id`, t, string(id))
		if err == nil {
			out, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (x dossiers.Dispatch, err error) {
				var proof []byte
				err = row.Scan(&x.ID, &x.Dossier, &x.Channel, &x.Provider, &x.Reference, &x.Status, &x.Detail, &proof, &x.OccurredAt, &x.By, &x.Application, &x.At)
				if proof != nil {
					x.Proof = circuits.Digest(proof)
				}
				x.At, x.OccurredAt = x.At.UTC(), x.OccurredAt.UTC()
				return x, err
			})
		}
		if err != nil {
			return fmt.Errorf("dispatches: %w", err)
		}
		return nil
	})
	return out, err
}
