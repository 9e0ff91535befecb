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

const connectorColumns = `c.id::text, c.application::text, c.kind, c.login, c.secret, c.enabled, c.networks, c.circuits, c.dossier_type, c.provisions, c.aliases, c.created_at`

func connectorFields(c *dossiers.Connector) []any {
	return []any{&c.ID, &c.Application, &c.Kind, &c.Login, &c.Secret, &c.Enabled, &c.Networks, &c.Circuits, &c.Type, &c.Provisions, &c.Aliases, &c.CreatedAt}
}

// Connectors implements dossiers.Store.
func (s *Store) Connectors(ctx context.Context, t dossiers.TenantID) (out []dossiers.Connector, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `select `+connectorColumns+` from connector c where c.tenant = $1 order by c.kind, c.login`, t)
		if err == nil {
			out, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (c dossiers.Connector, err error) {
				err = row.Scan(connectorFields(&c)...)
				return c, err
			})
		}
		if err != nil {
			return fmt.Errorf("connectors: %w", err)
		}
		return nil
	})
	return out, err
}

// Connector implements dossiers.Store.
func (s *Store) Connector(ctx context.Context, t dossiers.TenantID, kind dossiers.ConnectorKind, login string) (c dossiers.Connector, a dossiers.Application, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		fields := append(connectorFields(&c), &a.ID, &a.Name, &a.DefaultDrafter, &a.Networks, &a.Types)
		return one("connector", tx.QueryRow(ctx, `select `+connectorColumns+`, a.id::text, a.name, a.default_drafter::text, a.networks, a.dossier_types
			from connector c join application a on a.tenant = c.tenant and a.id = c.application
			where c.tenant = $1 and c.kind = $2 and c.login = $3`, t, kind, login).Scan(fields...))
	})
	return c, a, err
}

// connectorBody is what the journal says of an account: never its secret.
func connectorBody(c dossiers.Connector, secret bool, by circuits.Actor) any {
	return struct {
		Application string                 `json:"application"`
		Kind        dossiers.ConnectorKind `json:"kind"`
		Login       string                 `json:"login"`
		Enabled     bool                   `json:"enabled"`
		Networks    []string               `json:"networks"`
		Circuits    []string               `json:"circuits,omitempty"`
		Type        string                 `json:"type,omitempty"`
		Provisions  bool                   `json:"provisions,omitempty"`
		Aliases     map[string]string      `json:"aliases,omitempty"`
		Secret      bool                   `json:"secret,omitempty"` // it is a new one
		By          circuits.Actor         `json:"by"`
	}{c.Application, c.Kind, c.Login, c.Enabled, prefixes(c), c.Circuits, c.Type, c.Provisions, c.Aliases, secret, by}
}

func prefixes(c dossiers.Connector) []string {
	out := []string{}
	for _, n := range c.Networks {
		out = append(out, n.String())
	}
	return out
}

// AddConnector implements dossiers.Store.
func (s *Store) AddConnector(ctx context.Context, t dossiers.TenantID, c dossiers.Connector, by circuits.Actor, at time.Time) error {
	f := fact{at: at, subject: c.ID, kind: dossiers.KindConnectorAdded, body: connectorBody(c, true, by)}
	return loginTaken(s.administer(ctx, t, f, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `insert into connector (tenant, id, application, kind, login, secret, enabled, networks, circuits, dossier_type, provisions, aliases, created_at)
			values ($1, $2, $3, $4, $5, $6, $7, $8::text[]::cidr[], $9, $10, $11, $12, $13)`,
			t, c.ID, c.Application, c.Kind, c.Login, c.Secret, c.Enabled, prefixes(c), list(c.Circuits), c.Type, c.Provisions, aliases(c), c.CreatedAt)
		return err
	}))
}

func aliases(c dossiers.Connector) map[string]string {
	if c.Aliases == nil {
		return map[string]string{}
	}
	return c.Aliases
}

func loginTaken(err error) error {
	if violates(err, "connector_tenant_kind_login_key") {
		return &dossiers.InvalidError{Field: "login", Reason: "Un connecteur porte déjà cet identifiant."}
	}
	return err
}

// ChangeConnector implements dossiers.Store.
func (s *Store) ChangeConnector(ctx context.Context, t dossiers.TenantID, id string, by circuits.Actor, at time.Time, change func(*dossiers.Connector) error) (c dossiers.Connector, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `select `+connectorColumns+` from connector c where c.tenant = $1 and c.id::text = $2 for update`, t, id).Scan(connectorFields(&c)...)
		if err != nil {
			return one("connector", err)
		}
		before := c.Secret
		if err := change(&c); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `update connector set login = $3, secret = $4, enabled = $5, networks = $6::text[]::cidr[], circuits = $7, dossier_type = $8, provisions = $9, aliases = $10
			where tenant = $1 and id = $2`, t, c.ID, c.Login, c.Secret, c.Enabled, prefixes(c), list(c.Circuits), c.Type, c.Provisions, aliases(c))
		if err != nil {
			return fmt.Errorf("change connector: %w", err)
		}
		return appendFacts(ctx, tx, t, fact{at: at, subject: c.ID, kind: dossiers.KindConnectorChanged, body: connectorBody(c, c.Secret != before, by)})
	})
	return c, loginTaken(err)
}

// SeatNumbers implements dossiers.Store. Numbers are drawn under a lock of the
// town's own: two nodes that meet a new person give one number.
func (s *Store) SeatNumbers(ctx context.Context, t dossiers.TenantID, seats []dossiers.SeatNumber) (out []dossiers.SeatNumber, err error) {
	people, desks := make([]string, len(seats)), make([]string, len(seats))
	for i, x := range seats {
		people[i], desks[i] = string(x.Person), string(x.Desk)
	}
	const missing = `select w.person::uuid, nullif(w.desk, '')::uuid, w.n from unnest($2::text[], $3::text[]) with ordinality w(person, desk, n)
		where not exists (select from seat_number s where s.tenant = $1 and s.person = w.person::uuid and s.desk is not distinct from nullif(w.desk, '')::uuid)`
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		var n int
		if err := tx.QueryRow(ctx, `select count(*) from (`+missing+`) m`, t, people, desks).Scan(&n); err != nil {
			return fmt.Errorf("seat numbers: %w", err)
		}
		if n > 0 {
			if err := numberSeats(ctx, tx, t, missing, people, desks); err != nil {
				return err
			}
		}
		rows, err := tx.Query(ctx, `select number, person::text, coalesce(desk::text, '') from seat_number where tenant = $1 order by number`, t)
		if err == nil {
			out, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (x dossiers.SeatNumber, err error) {
				return x, row.Scan(&x.Number, &x.Person, &x.Desk)
			})
		}
		if err != nil {
			return fmt.Errorf("seat numbers: %w", err)
		}
		return nil
	})
	return out, err
}

func numberSeats(ctx context.Context, tx pgx.Tx, t dossiers.TenantID, missing string, people, desks []string) error {
	if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock(hashtextextended($1, 0))`, "seat_number "+string(t)); err != nil {
		return fmt.Errorf("number seats: %w", err)
	}
	_, err := tx.Exec(ctx, `insert into seat_number (tenant, number, person, desk)
		select $1, (select coalesce(max(number), 0) from seat_number where tenant = $1) + row_number() over (order by m.n), m.person, m.desk from (`+missing+`) m(person, desk, n)`,
		t, people, desks)
	if err != nil {
		return fmt.Errorf("number seats: %w", err)
	}
	return nil
}

// sentBefore returns the dossier still on its way that was made of the same
// deposit. A deposit sent twice at once waits here for the first to commit.
func sentBefore(ctx context.Context, tx pgx.Tx, t dossiers.TenantID, o dossiers.Origin) (dossiers.ID, error) {
	if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock(hashtextextended($1, 0))`, fmt.Sprintf("%s %x", o.Connector, o.Fingerprint)); err != nil {
		return "", fmt.Errorf("claim a deposit: %w", err)
	}
	var first dossiers.ID
	err := tx.QueryRow(ctx, `select x.dossier::text from connector_dossier x join dossier d on d.tenant = x.tenant and d.id = x.dossier
		where x.tenant = $1 and x.connector = $2 and x.fingerprint = $3 and x.released_at is null and d.phase in ('draft', 'running')
		order by x.at limit 1`, t, o.Connector, o.Fingerprint[:]).Scan(&first)
	if err != nil && !isNoRow(err) {
		return "", fmt.Errorf("find a deposit: %w", err)
	}
	return first, nil
}

// keepOrigin records what a connector keeps of a deposit.
func keepOrigin(ctx context.Context, tx pgx.Tx, t dossiers.TenantID, id dossiers.ID, o dossiers.Origin) error {
	_, err := tx.Exec(ctx, `insert into connector_dossier (tenant, dossier, connector, identifier, fingerprint, sent, at) values ($1, $2, $3, $4, $5, $6, $7)`,
		t, id, o.Connector, o.Identifier, o.Fingerprint[:], o.Sent, o.At)
	if err != nil {
		return fmt.Errorf("keep the origin of %s: %w", id, err)
	}
	return nil
}

// keepPlaces records where blocks were asked for.
func keepPlaces(ctx context.Context, tx pgx.Tx, t dossiers.TenantID, id dossiers.ID, places []dossiers.Place) error {
	b := &pgx.Batch{}
	for i, p := range places {
		style, err := json.Marshal(p.Style)
		if err != nil {
			return fmt.Errorf("encode a place: %w", err)
		}
		b.Queue(`insert into dossier_place (tenant, dossier, n, step, kind, page, across, down, width, height, style) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
			t, id, i+1, p.Step, p.Kind, p.Page, p.X, p.Y, p.Width, p.Height, style)
	}
	if b.Len() == 0 {
		return nil
	}
	if err := run(ctx, tx, b); err != nil {
		return fmt.Errorf("keep the places of %s: %w", id, err)
	}
	return nil
}

// Origin implements dossiers.Store.
func (s *Store) Origin(ctx context.Context, t dossiers.TenantID, id dossiers.ID) (o dossiers.Origin, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		var fingerprint []byte
		var released *time.Time
		err := tx.QueryRow(ctx, `select connector::text, identifier, fingerprint, sent, at, released_at from connector_dossier where tenant = $1 and dossier::text = $2`, t, string(id)).
			Scan(&o.Connector, &o.Identifier, &fingerprint, &o.Sent, &o.At, &released)
		if err != nil {
			return one("origin", err)
		}
		o.Fingerprint, o.At = [32]byte(fingerprint), o.At.UTC()
		if released != nil {
			o.ReleasedAt = released.UTC()
		}
		return nil
	})
	return o, err
}

// Named implements dossiers.Store.
func (s *Store) Named(ctx context.Context, t dossiers.TenantID, connector, identifier string) (id dossiers.ID, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		return one("dossier", tx.QueryRow(ctx, `select dossier::text from connector_dossier where tenant = $1 and connector::text = $2 and identifier = $3`,
			t, connector, identifier).Scan(&id))
	})
	return id, err
}

// Release implements dossiers.Store.
func (s *Store) Release(ctx context.Context, t dossiers.TenantID, id dossiers.ID, by circuits.Actor, at time.Time) error {
	body := struct {
		By circuits.Actor `json:"by"`
	}{by}
	return s.in(ctx, t, func(tx pgx.Tx) error {
		if _, err := load(ctx, tx, t, id); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `update connector_dossier set released_at = $3 where tenant = $1 and dossier = $2 and released_at is null`, t, id, at)
		if err != nil {
			return fmt.Errorf("let go of %s: %w", id, err)
		}
		if tag.RowsAffected() == 0 {
			return nil
		}
		return appendFacts(ctx, tx, t, fact{at: at, subject: about(id, "connector"), kind: dossiers.KindReleased, body: body})
	})
}

// Places implements dossiers.Store.
func (s *Store) Places(ctx context.Context, t dossiers.TenantID, id dossiers.ID) (out []dossiers.Place, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `select step, kind, page, across, down, width, height, style from dossier_place where tenant = $1 and dossier::text = $2 order by n`, t, string(id))
		if err == nil {
			out, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (p dossiers.Place, err error) {
				return p, row.Scan(&p.Step, &p.Kind, &p.Page, &p.X, &p.Y, &p.Width, &p.Height, &p.Style)
			})
		}
		if err != nil {
			return fmt.Errorf("places: %w", err)
		}
		return nil
	})
	return out, err
}
