package postgres

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"parapheur/circuits"
	"parapheur/dossiers"
)

// Kinds of the journal about endpoints.
const (
	kindWebhookAdded     = "webhook.added"
	kindWebhookRemoved   = "webhook.removed"
	kindWebhookSuspended = "webhook.suspended"
)

// webhookSelect reads endpoints with what their application may see and the
// head of the journal.
const webhookSelect = `select w.id::text, w.application::text, w.url, w.kinds, w.everything, a.dossier_types, w.status, w.reason, w.status_at,
	coalesce(w.told_at, '0001-01-01Z'), w.position, h.seq, w.attempts, w.due_at, w.created_at, w.secret, w.old_secret, coalesce(w.old_until, '0001-01-01Z')
	from webhook w join application a on a.tenant = w.tenant and a.id = w.application join journal_head h on h.tenant = w.tenant where w.tenant = $1`

func scanWebhook(row pgx.CollectableRow) (w dossiers.Webhook, err error) {
	var secret, old []byte
	err = row.Scan(&w.ID, &w.Application, &w.URL, &w.Kinds, &w.Everything, &w.Types, &w.Status, &w.Reason, &w.StatusAt,
		&w.ToldAt, &w.Position, &w.Head, &w.Attempts, &w.DueAt, &w.CreatedAt, &secret, &old, &w.OldUntil)
	w.Sealed = [][]byte{secret}
	if old != nil {
		w.Sealed = append(w.Sealed, old)
	}
	for _, at := range []*time.Time{&w.ToldAt, &w.OldUntil} {
		if at.Year() == 1 {
			*at = time.Time{}
		}
	}
	return w, err
}

func webhooks(ctx context.Context, tx pgx.Tx, query string, args ...any) ([]dossiers.Webhook, error) {
	rows, err := tx.Query(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("webhooks: %w", err)
	}
	out, err := pgx.CollectRows(rows, scanWebhook)
	if err != nil {
		return nil, fmt.Errorf("webhooks: %w", err)
	}
	return out, nil
}

// Webhooks implements dossiers.Store.
func (s *Store) Webhooks(ctx context.Context, t dossiers.TenantID, application string) (out []dossiers.Webhook, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		out, err = webhooks(ctx, tx, webhookSelect+` and ($2 = '' or w.application = nullif($2, '')::uuid) order by w.created_at, w.id`, t, application)
		return err
	})
	return out, err
}

// AddWebhook implements dossiers.Store. The head of the journal is read where
// it is locked to be appended to: the endpoint starts at its own entry.
func (s *Store) AddWebhook(ctx context.Context, t dossiers.TenantID, w dossiers.Webhook, by circuits.Actor, at time.Time) error {
	body := struct {
		Application string         `json:"application"`
		URL         string         `json:"url"`
		Kinds       []string       `json:"types,omitempty"`
		By          circuits.Actor `json:"by"`
	}{w.Application, w.URL, w.Kinds, by}
	return s.administer(ctx, t, fact{at: at, subject: w.ID, kind: kindWebhookAdded, body: body}, func(tx pgx.Tx) error {
		b := &pgx.Batch{}
		b.Queue(`select from journal_head where tenant = $1 for update`, t)
		b.Queue(`insert into webhook (tenant, id, application, url, kinds, everything, secret, status, status_at, position, due_at, created_at)
			select $1, $2, $3, $4, $5, $6, $7, $8, $9, seq, $10, $11 from journal_head where tenant = $1`,
			t, w.ID, w.Application, w.URL, list(w.Kinds), w.Everything, w.Sealed[0], w.Status, w.StatusAt, w.DueAt, w.CreatedAt)
		b.Queue(`update tenant set webhooks = true where id = $1 and not webhooks`, t)
		return run(ctx, tx, b)
	})
}

// list is never null, which a column may refuse.
func list(s []string) []string { return append([]string{}, s...) }

// ChangeWebhook implements dossiers.Store.
func (s *Store) ChangeWebhook(ctx context.Context, t dossiers.TenantID, id, kind string, by circuits.Actor, at time.Time, change func(*dossiers.Webhook) error) (w dossiers.Webhook, err error) {
	if !validUUID(id) {
		return w, fmt.Errorf("webhook: %w", dossiers.ErrNotFound)
	}
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		found, err := webhooks(ctx, tx, webhookSelect+` and w.id = $2 for update of w`, t, id)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return fmt.Errorf("webhook: %w", dossiers.ErrNotFound)
		}
		w = found[0]
		if err := change(&w); err != nil {
			return err
		}
		if err := writeWebhook(ctx, tx, t, w); err != nil {
			return err
		}
		body := struct {
			URL      string                 `json:"url"`
			Kinds    []string               `json:"types,omitempty"`
			Status   dossiers.WebhookStatus `json:"status"`
			Position int64                  `json:"position"`
			By       circuits.Actor         `json:"by"`
		}{w.URL, w.Kinds, w.Status, w.Position, by}
		return appendFacts(ctx, tx, t, fact{at: at, subject: id, kind: kind, body: body})
	})
	return w, err
}

// writeWebhook keeps all that changes of an endpoint. Whoever works for it
// finds its lease gone and begins again with what is written here.
func writeWebhook(ctx context.Context, tx pgx.Tx, t dossiers.TenantID, w dossiers.Webhook) error {
	var old []byte
	if len(w.Sealed) > 1 {
		old = w.Sealed[1]
	}
	_, err := tx.Exec(ctx, `update webhook set url = $3, kinds = $4, status = $5, reason = $6, status_at = $7, told_at = $8, position = $9,
		attempts = $10, due_at = $11, secret = $12, old_secret = $13, old_until = $14, node = null, lease_until = null where tenant = $1 and id = $2`,
		t, w.ID, w.URL, list(w.Kinds), w.Status, w.Reason, w.StatusAt, instant(w.ToldAt), w.Position, w.Attempts, w.DueAt, w.Sealed[0], old, instant(w.OldUntil))
	if err != nil {
		return fmt.Errorf("write webhook: %w", err)
	}
	return nil
}

// instant is a time that may be none.
func instant(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}

// RemoveWebhook implements dossiers.Store.
func (s *Store) RemoveWebhook(ctx context.Context, t dossiers.TenantID, id string, by circuits.Actor, at time.Time) error {
	body := struct {
		By circuits.Actor `json:"by"`
	}{by}
	return s.administer(ctx, t, fact{at: at, subject: id, kind: kindWebhookRemoved, body: body}, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `delete from webhook where tenant = $1 and id::text = $2`, t, id)
		if err == nil && tag.RowsAffected() == 0 {
			return dossiers.ErrNotFound
		}
		return err
	})
}

// AskDelivery implements dossiers.Store.
func (s *Store) AskDelivery(ctx context.Context, t dossiers.TenantID, d dossiers.Delivery, at time.Time) error {
	return s.in(ctx, t, func(tx pgx.Tx) error {
		if d.Body != nil {
			_, err := tx.Exec(ctx, `insert into webhook_delivery (tenant, webhook, id, seq, kind, body, state, asked_at, created_at)
				values ($1, $2, $3, $4, $5, $6, 'pending', $7, $7)`, t, d.Webhook, d.ID, d.Seq, d.Kind, d.Body, at)
			if err != nil {
				return fmt.Errorf("ask for a delivery: %w", err)
			}
			return nil
		}
		tag, err := tx.Exec(ctx, `update webhook_delivery set asked_at = $4 where tenant = $1 and webhook::text = $2 and id = $3`, t, d.Webhook, d.ID, at)
		if err == nil && tag.RowsAffected() == 0 {
			err = dossiers.ErrNotFound
		}
		if err != nil {
			return fmt.Errorf("ask for a delivery: %w", err)
		}
		return nil
	})
}

const deliveryColumns = `id, webhook::text, seq, kind, coalesce(dossier::text, ''), body, state, asked_at is not null, attempts, created_at,
	coalesce(last_at, '0001-01-01Z'), status, error, millis`

func scanDelivery(row pgx.CollectableRow) (d dossiers.Delivery, err error) {
	var millis int64
	err = row.Scan(&d.ID, &d.Webhook, &d.Seq, &d.Kind, &d.Dossier, &d.Body, &d.State, &d.Asked, &d.Attempts, &d.CreatedAt, &d.LastAt, &d.Status, &d.Error, &millis)
	d.Took = time.Duration(millis) * time.Millisecond
	if d.LastAt.Year() == 1 {
		d.LastAt = time.Time{}
	}
	return d, err
}

// Deliveries implements dossiers.Store. Its cursor is the instant and the
// identifier of the last one shown.
func (s *Store) Deliveries(ctx context.Context, t dossiers.TenantID, webhook string, page dossiers.Page) (out []dossiers.Delivery, next string, err error) {
	from, err := deliveryCursor(page.After)
	if err != nil {
		return nil, "", err
	}
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `select `+deliveryColumns+` from webhook_delivery where tenant = $1 and webhook::text = $2
			and (created_at < $3 or created_at = $3 and (seq < $4 or seq = $4 and id > $5)) order by created_at desc, seq desc, id limit $6`,
			t, webhook, from.at, from.seq, from.id, page.Limit+1)
		if err == nil {
			out, err = pgx.CollectRows(rows, scanDelivery)
		}
		if err != nil {
			return fmt.Errorf("deliveries: %w", err)
		}
		return nil
	})
	if len(out) > page.Limit {
		out = out[:page.Limit]
		last := out[page.Limit-1]
		next = strconv.FormatInt(last.CreatedAt.UnixMicro(), 36) + "." + strconv.FormatInt(last.Seq, 36) + "." + last.ID
	}
	return out, next, err
}

// A deliveryPlace is where a page of deliveries ended: several are made at
// once, and those follow the journal.
type deliveryPlace struct {
	at  time.Time
	seq int64
	id  string
}

func deliveryCursor(s string) (deliveryPlace, error) {
	if s == "" {
		return deliveryPlace{at: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)}, nil
	}
	parts := strings.SplitN(s, ".", 3)
	if len(parts) == 3 {
		micros, err := strconv.ParseInt(parts[0], 36, 64)
		seq, again := strconv.ParseInt(parts[1], 36, 64)
		if err == nil && again == nil && micros >= 0 && micros <= 1<<60 {
			return deliveryPlace{time.UnixMicro(micros).UTC(), seq, parts[2]}, nil
		}
	}
	return deliveryPlace{}, &dossiers.InvalidError{Field: "cursor", Reason: "Ce curseur n’est pas l’un des nôtres : reprenez la liste au début."}
}

// WebhookTowns lists the towns that have endpoints.
func (s *Store) WebhookTowns(ctx context.Context) ([]dossiers.TenantID, error) {
	rows, err := s.pool.Query(ctx, `select id::text from tenant where webhooks order by id`)
	if err != nil {
		return nil, fmt.Errorf("towns with webhooks: %w", err)
	}
	out, err := pgx.CollectRows(rows, pgx.RowTo[dossiers.TenantID])
	if err != nil {
		return nil, fmt.Errorf("towns with webhooks: %w", err)
	}
	return out, nil
}

// ClaimWebhook leases to node, until then, an endpoint that has something to
// be sent and that nobody works for; none is ErrNotFound. A node that died
// loses its lease with time.
func (s *Store) ClaimWebhook(ctx context.Context, t dossiers.TenantID, node string, now, until time.Time) (w dossiers.Webhook, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		var id string
		err := tx.QueryRow(ctx, `update webhook set node = $3, lease_until = $4 where tenant = $1 and id = (
			select w.id from webhook w join journal_head h on h.tenant = w.tenant
			where w.tenant = $1 and (w.lease_until is null or w.lease_until <= $2) and (
				w.status = 'active' and w.due_at <= $2 and w.position < h.seq
				or exists (select from webhook_delivery d where d.tenant = w.tenant and d.webhook = w.id and d.asked_at is not null))
			order by w.due_at, w.id limit 1 for update of w skip locked) returning id::text`, t, now, node, until).Scan(&id)
		if err != nil {
			return one("webhook", err)
		}
		found, err := webhooks(ctx, tx, webhookSelect+` and w.id = $2`, t, id)
		if err == nil {
			w = found[0]
		}
		return err
	})
	return w, err
}

// NextDelivery returns what is to be sent next to an endpoint that node
// leased: what was asked for first, then, if it is active and due, the entry
// of the journal after its position, as compose writes it the first time.
// Nothing is ErrNotFound, and the position moves past what was read.
func (s *Store) NextDelivery(ctx context.Context, t dossiers.TenantID, w dossiers.Webhook, node string, now time.Time, compose func(dossiers.FeedEntry, dossiers.Dossier) (dossiers.Delivery, error)) (d dossiers.Delivery, err error) {
	found := false
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `select `+deliveryColumns+` from webhook_delivery where tenant = $1 and webhook = $2 and asked_at is not null
			order by asked_at, id limit 1`, t, w.ID)
		if err != nil {
			return err
		}
		asked, err := pgx.CollectRows(rows, scanDelivery)
		if err != nil {
			return err
		}
		if len(asked) == 1 {
			d, found = asked[0], true
			return nil
		}
		if w.Status != dossiers.WebhookActive || w.DueAt.After(now) {
			return nil
		}
		d, found, err = fromJournal(ctx, tx, t, w, node, compose)
		return err
	})
	if err != nil {
		return d, fmt.Errorf("next delivery: %w", err)
	}
	if !found {
		return d, dossiers.ErrNotFound
	}
	return d, nil
}

func fromJournal(ctx context.Context, tx pgx.Tx, t dossiers.TenantID, w dossiers.Webhook, node string, compose func(dossiers.FeedEntry, dossiers.Dossier) (dossiers.Delivery, error)) (d dossiers.Delivery, found bool, err error) {
	// The head first: entries up to it are visible to what is read after.
	var head int64
	if err := tx.QueryRow(ctx, `select seq from journal_head where tenant = $1`, t).Scan(&head); err != nil {
		return d, false, err
	}
	application := w.Application
	if w.Everything {
		application = ""
	}
	entries, err := feed(ctx, tx, t, application, w.Types, w.Kinds, w.Position, 1)
	if err != nil {
		return d, false, err
	}
	if len(entries) == 0 {
		_, err := tx.Exec(ctx, `update webhook set position = greatest(position, $4) where tenant = $1 and id = $2 and node = $3`, t, w.ID, node, head)
		return d, false, err
	}
	about, err := load(ctx, tx, t, entries[0].Dossier)
	if err != nil {
		return d, false, err
	}
	if d, err = compose(entries[0], about); err != nil {
		return d, false, err
	}
	_, err = tx.Exec(ctx, `insert into webhook_delivery (tenant, webhook, id, seq, kind, dossier, body, state, created_at)
		values ($1, $2, $3, $4, $5, $6, $7, 'pending', $8) on conflict do nothing`, t, w.ID, d.ID, d.Seq, d.Kind, d.Dossier, d.Body, d.CreatedAt)
	if err != nil {
		return d, false, err
	}
	rows, err := tx.Query(ctx, `select `+deliveryColumns+` from webhook_delivery where tenant = $1 and webhook = $2 and id = $3`, t, w.ID, d.ID)
	if err != nil {
		return d, false, err
	}
	d, err = pgx.CollectExactlyOneRow(rows, scanDelivery)
	return d, err == nil, err
}

// SettleDelivery records an attempt, and what it makes of the endpoint, which
// node must still have leased: otherwise ErrConflict, and nothing is written.
func (s *Store) SettleDelivery(ctx context.Context, t dossiers.TenantID, w dossiers.Webhook, node string, d dossiers.Delivery) error {
	return s.in(ctx, t, func(tx pgx.Tx) error {
		var before dossiers.WebhookStatus
		err := tx.QueryRow(ctx, `select status from webhook where tenant = $1 and id = $2 and node = $3 for update`, t, w.ID, node).Scan(&before)
		if isNoRow(err) {
			return fmt.Errorf("settle a delivery: lease lost: %w", dossiers.ErrConflict)
		}
		if err != nil {
			return fmt.Errorf("settle a delivery: %w", err)
		}
		b := &pgx.Batch{}
		b.Queue(`update webhook_delivery set state = $4, attempts = $5, last_at = $6, status = $7, error = $8, millis = $9, asked_at = null
			where tenant = $1 and webhook = $2 and id = $3`, t, w.ID, d.ID, d.State, d.Attempts, d.LastAt, d.Status, d.Error, d.Took.Milliseconds())
		b.Queue(`update webhook set position = $3, attempts = $4, due_at = $5, status = $6, reason = $7, status_at = $8 where tenant = $1 and id = $2`,
			t, w.ID, w.Position, w.Attempts, w.DueAt, w.Status, w.Reason, w.StatusAt)
		if err := run(ctx, tx, b); err != nil {
			return fmt.Errorf("settle a delivery: %w", err)
		}
		if w.Status == before {
			return nil
		}
		body := struct {
			Status dossiers.WebhookStatus `json:"status"`
			Reason string                 `json:"reason"`
		}{w.Status, w.Reason}
		return appendFacts(ctx, tx, t, fact{at: w.StatusAt, subject: w.ID, kind: kindWebhookSuspended, body: body})
	})
}

// ReleaseWebhook ends node's lease, if it still has it.
func (s *Store) ReleaseWebhook(ctx context.Context, t dossiers.TenantID, id, node string) error {
	return s.in(ctx, t, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `update webhook set node = null, lease_until = null where tenant = $1 and id = $2 and node = $3`, t, id, node); err != nil {
			return fmt.Errorf("release webhook: %w", err)
		}
		return nil
	})
}

// ToldWebhook records that the administrators know of a suspension.
func (s *Store) ToldWebhook(ctx context.Context, t dossiers.TenantID, id string, at time.Time) error {
	return s.in(ctx, t, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `update webhook set told_at = $3 where tenant = $1 and id = $2`, t, id, at)
		if err == nil && tag.RowsAffected() == 0 {
			err = dossiers.ErrNotFound
		}
		if err != nil {
			return fmt.Errorf("told of a webhook: %w", err)
		}
		return nil
	})
}
