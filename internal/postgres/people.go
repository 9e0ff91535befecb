package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/journal"
)

// TenantByHost implements dossiers.Store.
func (s *Store) TenantByHost(ctx context.Context, host string) (t dossiers.Tenant, err error) {
	err = scanTenant(s.pool.QueryRow(ctx, `select `+tenantColumns+` from tenant where origin in ('https://' || $1, 'http://' || $1)`, host), &t)
	return t, one("town", err)
}

// Tenant implements dossiers.Store.
func (s *Store) Tenant(ctx context.Context, id dossiers.TenantID) (t dossiers.Tenant, err error) {
	if !validUUID(string(id)) {
		return t, fmt.Errorf("town %q: %w", id, dossiers.ErrNotFound)
	}
	err = scanTenant(s.pool.QueryRow(ctx, `select `+tenantColumns+` from tenant where id = $1`, id), &t)
	return t, one("town", err)
}

const tenantColumns = `id::text, siret, name, place, rp_id, origin, demo, region, zone, suspended_at`

func scanTenant(row pgx.Row, t *dossiers.Tenant, more ...any) error {
	var suspended *time.Time
	err := row.Scan(append([]any{&t.ID, &t.SIRET, &t.Name, &t.Place, &t.RPID, &t.Origin, &t.Demo, &t.Territory.Region, &t.Territory.Zone, &suspended}, more...)...)
	t.SuspendedAt = instantOf(suspended)
	return err
}

// instantOf is a time that may not be there, in UTC.
func instantOf(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

// towns lists every town of the service.
func (s *Store) towns(ctx context.Context) ([]dossiers.TenantID, error) {
	rows, err := s.pool.Query(ctx, `select id::text from tenant order by siret`)
	if err != nil {
		return nil, fmt.Errorf("towns: %w", err)
	}
	towns, err := pgx.CollectRows(rows, pgx.RowTo[dossiers.TenantID])
	if err != nil {
		return nil, fmt.Errorf("towns: %w", err)
	}
	return towns, nil
}

// AddTenant creates a town and the genesis of its journal. It runs as the
// owner of the schema, at set-up: no request can.
func AddTenant(ctx context.Context, owner interface {
	Begin(ctx context.Context) (pgx.Tx, error)
}, t dossiers.Tenant,
) error {
	return pgx.BeginFunc(ctx, owner, func(tx pgx.Tx) error { return addTenant(ctx, tx, t) })
}

// addTenant creates a town in tx, which sees it from then on.
func addTenant(ctx context.Context, tx pgx.Tx, t dossiers.Tenant) error {
	genesis := journal.Genesis(t.SIRET)
	if err := enterTown(ctx, tx, t.ID); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `insert into tenant (id, siret, name, place, rp_id, origin, demo, region, zone) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		t.ID, t.SIRET, t.Name, t.Place, t.RPID, t.Origin, t.Demo, t.Territory.Region, t.Territory.Zone); err != nil {
		return fmt.Errorf("add town %s: %w", t.SIRET, err)
	}
	if _, err := tx.Exec(ctx, `insert into journal_head (tenant, seq, hash) values ($1, 0, $2)`, t.ID, genesis.Hash[:]); err != nil {
		return fmt.Errorf("open the journal of %s: %w", t.SIRET, err)
	}
	return nil
}

// enterTown makes tx see one town, until it ends.
func enterTown(ctx context.Context, tx pgx.Tx, t dossiers.TenantID) error {
	if _, err := tx.Exec(ctx, `select set_config('parapheur.tenant', $1, true)`, string(t)); err != nil {
		return fmt.Errorf("enter town: %w", err)
	}
	return nil
}

const personSelect = `
	select p.id::text, p.civility, p.given_name, p.family_name, p.email, p.handle, p.drafter, p.admin, p.active, p.mails,
		(select count(*) from credential c where c.tenant = p.tenant and c.person = p.id and c.revoked_at is null),
		coalesce((select json_agg(json_build_object('desk', s.desk, 'name', k.name, 'quality', s.quality, 'prepares', s.prepares) order by k.position, k.name)
			from seat s join desk k on k.tenant = s.tenant and k.id = s.desk where s.tenant = p.tenant and s.person = p.id), '[]')
	from person p where p.tenant = $1`

func scanPerson(row pgx.CollectableRow) (p dossiers.Person, err error) {
	var seats []byte
	err = row.Scan(&p.ID, &p.Civility, &p.GivenName, &p.FamilyName, &p.Email, &p.Handle, &p.Drafter, &p.Admin, &p.Active, &p.Mails, &p.Passkeys, &seats)
	if err != nil {
		return p, err
	}
	var list []struct {
		Desk     circuits.DeskID
		Name     string
		Quality  string
		Prepares bool
	}
	if err := json.Unmarshal(seats, &list); err != nil {
		return p, fmt.Errorf("seats of %s: %w", p.ID, err)
	}
	for _, s := range list {
		if s.Prepares {
			p.Prepares = append(p.Prepares, s.Desk)
			continue
		}
		p.Seats = append(p.Seats, dossiers.Seat{Desk: s.Desk, Name: s.Name, Quality: s.Quality})
	}
	return p, nil
}

func person(ctx context.Context, tx pgx.Tx, t dossiers.TenantID, where string, arg any) (dossiers.Person, error) {
	rows, err := tx.Query(ctx, personSelect+` and `+where, t, arg)
	if err != nil {
		return dossiers.Person{}, fmt.Errorf("person: %w", err)
	}
	p, err := pgx.CollectExactlyOneRow(rows, scanPerson)
	return p, one("person", err)
}

func (s *Store) person(ctx context.Context, t dossiers.TenantID, where string, arg any) (p dossiers.Person, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		p, err = person(ctx, tx, t, where, arg)
		return err
	})
	return p, err
}

// Person implements dossiers.Store.
func (s *Store) Person(ctx context.Context, t dossiers.TenantID, id circuits.PersonID) (dossiers.Person, error) {
	if !validUUID(string(id)) {
		return dossiers.Person{}, fmt.Errorf("person: %w", dossiers.ErrNotFound)
	}
	return s.person(ctx, t, `p.id = $2`, id)
}

// SetMails implements dossiers.Store.
func (s *Store) SetMails(ctx context.Context, t dossiers.TenantID, p circuits.PersonID, m dossiers.MailWishes, by circuits.Actor, at time.Time) error {
	body := struct {
		Mails dossiers.MailWishes `json:"mails"`
		By    circuits.Actor      `json:"by"`
	}{m, by}
	return s.administer(ctx, t, fact{at: at, subject: string(p), kind: dossiers.KindMailsSet, body: body}, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `update person set mails = $3 where tenant = $1 and id = $2`, t, p, m)
		if err == nil && tag.RowsAffected() == 0 {
			err = pgx.ErrNoRows
		}
		return one("person", err)
	})
}

// PersonByEmail implements dossiers.Store.
func (s *Store) PersonByEmail(ctx context.Context, t dossiers.TenantID, email string) (dossiers.Person, error) {
	return s.person(ctx, t, `lower(p.email) = lower($2)`, email)
}

// PersonByHandle implements dossiers.Store.
func (s *Store) PersonByHandle(ctx context.Context, t dossiers.TenantID, handle []byte) (dossiers.Person, error) {
	return s.person(ctx, t, `p.handle = $2`, handle)
}

// People implements dossiers.Store.
func (s *Store) People(ctx context.Context, t dossiers.TenantID) (out []dossiers.Person, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, personSelect+` order by p.family_name collate "fr-x-icu", p.given_name`, t)
		if err != nil {
			return fmt.Errorf("people: %w", err)
		}
		if out, err = pgx.CollectRows(rows, scanPerson); err != nil {
			return fmt.Errorf("people: %w", err)
		}
		return nil
	})
	return out, err
}

// Desks implements dossiers.Store.
func (s *Store) Desks(ctx context.Context, t dossiers.TenantID) (out []dossiers.Desk, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			select k.id::text, k.name, not k.active, coalesce(s.person::text, ''), coalesce(p.given_name || ' ' || p.family_name, ''), coalesce(s.quality, ''),
				coalesce(s.prepares, false), coalesce(p.active and exists (
					select from credential c where c.tenant = p.tenant and c.person = p.id and c.revoked_at is null), false)
			from desk k left join seat s on s.tenant = k.tenant and s.desk = k.id
			left join person p on p.tenant = s.tenant and p.id = s.person
			where k.tenant = $1 order by k.position, k.name, k.id, p.family_name`, t)
		if err != nil {
			return fmt.Errorf("desks: %w", err)
		}
		defer rows.Close()
		for rows.Next() {
			var d dossiers.Desk
			var h dossiers.Holder
			var prepares bool
			if err := rows.Scan(&d.ID, &d.Name, &d.Closed, &h.Person, &h.Name, &h.Quality, &prepares, &h.Able); err != nil {
				return fmt.Errorf("desks: %w", err)
			}
			if len(out) == 0 || out[len(out)-1].ID != d.ID {
				out = append(out, d)
			}
			last := &out[len(out)-1]
			switch {
			case h.Person == "":
			case prepares:
				last.Preparers = append(last.Preparers, h)
			default:
				last.Holders = append(last.Holders, h)
			}
		}
		return rows.Err()
	})
	return out, err
}

// Types implements dossiers.Store.
func (s *Store) Types(ctx context.Context, t dossiers.TenantID) (out []dossiers.Type, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			select y.code, y.name, y.hint, y.level, v.definition from dossier_type y
			join circuit_version v on v.tenant = y.tenant and v.code = y.circuit_code and v.version = y.circuit_version
			where y.tenant = $1 and y.active order by y.position, y.name`, t)
		if err != nil {
			return fmt.Errorf("types: %w", err)
		}
		out, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (y dossiers.Type, err error) {
			var definition []byte
			if err := row.Scan(&y.Code, &y.Name, &y.Hint, &y.Level, &definition); err != nil {
				return y, err
			}
			return y, json.Unmarshal(definition, &y.Circuit)
		})
		if err != nil {
			return fmt.Errorf("types: %w", err)
		}
		return nil
	})
	return out, err
}

// The kinds of journal entries about the town itself.
const (
	kindPersonAdded      = "person.added"
	kindDeactivated      = "person.deactivated"
	kindReactivated      = "person.reactivated"
	kindDeskAdded        = "desk.added"
	kindSeatSet          = "seat.set"
	kindSeatRemoved      = "seat.removed"
	kindTypePublished    = "circuit.published"
	kindInvited          = "person.invited"
	kindEnrolled         = "passkey.enrolled"
	kindRegistered       = "passkey.registered"
	kindRefused          = "passkey.refused"
	kindRevoked          = "passkey.revoked"
	kindApplicationAdded = "application.added"
	kindKeyAdded         = "api_key.added"
	kindKeyRevoked       = "api_key.revoked"
	kindSigningKeyAdded  = "signing_key.added"
)

// administer runs fn and journals what it did, in one transaction.
func (s *Store) administer(ctx context.Context, t dossiers.TenantID, f fact, fn func(pgx.Tx) error) error {
	return s.in(ctx, t, func(tx pgx.Tx) error {
		if err := fn(tx); err != nil {
			return fmt.Errorf("%s: %w", f.kind, err)
		}
		return appendFacts(ctx, tx, t, f)
	})
}

// AddPerson implements dossiers.Store.
func (s *Store) AddPerson(ctx context.Context, t dossiers.TenantID, p dossiers.Person, by circuits.Actor, at time.Time) error {
	body := struct {
		Name    string         `json:"name"`
		Email   string         `json:"email"`
		Drafter bool           `json:"drafter"`
		Admin   bool           `json:"admin"`
		By      circuits.Actor `json:"by"`
	}{p.Name(), p.Email, p.Drafter, p.Admin, by}
	err := s.administer(ctx, t, fact{at: at, subject: string(p.ID), kind: kindPersonAdded, body: body}, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `insert into person (tenant, id, civility, given_name, family_name, email, handle, drafter, admin, active)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
			t, p.ID, p.Civility, p.GivenName, p.FamilyName, p.Email, p.Handle, p.Drafter, p.Admin, p.Active)
		return err
	})
	if violates(err, "person_email") {
		return &dossiers.InvalidError{Field: "email", Reason: "Cette adresse est déjà celle d’une personne de la collectivité."}
	}
	return err
}

// SetActive implements dossiers.Store.
func (s *Store) SetActive(ctx context.Context, t dossiers.TenantID, p circuits.PersonID, active bool, by circuits.Actor, at time.Time) error {
	body := struct {
		By circuits.Actor `json:"by"`
	}{by}
	kind := kindDeactivated
	if active {
		kind = kindReactivated
	}
	return s.administer(ctx, t, fact{at: at, subject: string(p), kind: kind, body: body}, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `update person set active = $3 where tenant = $1 and id = $2 and active <> $3`, t, p, active)
		switch {
		case err != nil:
			return err
		case tag.RowsAffected() == 0:
			return dossiers.ErrNotFound
		case active:
			return nil
		}
		if err := closeInvitations(ctx, tx, t, p, at); err != nil {
			return err
		}
		// Whoever left can no longer erase the image of their hand.
		if _, err := tx.Exec(ctx, `delete from picture where tenant = $1 and kind = $2 and person = $3`, t, dossiers.PictureGriffe, p); err != nil {
			return err
		}
		return closeSessions(ctx, tx, t, p, "")
	})
}

// AddDesk implements dossiers.Store.
func (s *Store) AddDesk(ctx context.Context, t dossiers.TenantID, d dossiers.Desk, by circuits.Actor, at time.Time) error {
	body := struct {
		Name string         `json:"name"`
		By   circuits.Actor `json:"by"`
	}{d.Name, by}
	err := s.administer(ctx, t, fact{at: at, subject: string(d.ID), kind: kindDeskAdded, body: body}, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `insert into desk (tenant, id, name, position)
			select $1, $2, $3, coalesce(max(position), 0) + 1 from desk where tenant = $1`, t, d.ID, d.Name)
		return err
	})
	if violates(err, "desk_tenant_name_key") {
		return &dossiers.InvalidError{Field: "name", Reason: "Un bureau porte déjà ce nom."}
	}
	return err
}

// SetSeat implements dossiers.Store.
func (s *Store) SetSeat(ctx context.Context, t dossiers.TenantID, desk circuits.DeskID, p circuits.PersonID, quality string, prepares bool, by circuits.Actor, at time.Time) error {
	body := struct {
		Desk     circuits.DeskID   `json:"desk"`
		Person   circuits.PersonID `json:"person"`
		Quality  string            `json:"quality"`
		Prepares bool              `json:"prepares"`
		By       circuits.Actor    `json:"by"`
	}{desk, p, quality, prepares, by}
	return s.administer(ctx, t, fact{at: at, subject: string(desk), kind: kindSeatSet, body: body}, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `insert into seat (tenant, desk, person, quality, prepares) values ($1, $2, $3, $4, $5)
			on conflict (tenant, desk, person) do update set quality = excluded.quality, prepares = excluded.prepares`, t, desk, p, quality, prepares)
		return err
	})
}

// Unseat implements dossiers.Store.
func (s *Store) Unseat(ctx context.Context, t dossiers.TenantID, desk circuits.DeskID, p circuits.PersonID, by circuits.Actor, at time.Time) error {
	body := struct {
		Desk   circuits.DeskID   `json:"desk"`
		Person circuits.PersonID `json:"person"`
		By     circuits.Actor    `json:"by"`
	}{desk, p, by}
	return s.administer(ctx, t, fact{at: at, subject: string(desk), kind: kindSeatRemoved, body: body}, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `delete from seat where tenant = $1 and desk = $2 and person = $3`, t, desk, p)
		if err == nil && tag.RowsAffected() == 0 {
			return dossiers.ErrNotFound
		}
		return err
	})
}

// PublishType implements dossiers.Store.
func (s *Store) PublishType(ctx context.Context, t dossiers.TenantID, y dossiers.Type, by circuits.Actor, at time.Time) error {
	hash := y.Circuit.Hash()
	body := struct {
		Type    string              `json:"type"`
		Circuit circuits.Definition `json:"circuit"`
		SHA256  circuits.Digest     `json:"circuit_sha256"`
		By      circuits.Actor      `json:"by"`
	}{y.Code, y.Circuit, hash, by}
	return s.administer(ctx, t, fact{at: at, subject: "circuit/" + y.Circuit.Code, kind: kindTypePublished, body: body}, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `insert into circuit_version (tenant, code, version, definition, sha256, published_at) values ($1, $2, $3, $4, $5, $6)`,
			t, y.Circuit.Code, y.Circuit.Version, y.Circuit.Canonical(), hash[:], at)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `insert into dossier_type (tenant, code, name, hint, circuit_code, circuit_version, level, position)
			select $1, $2, $3, $4, $5, $6, $7, coalesce(max(position), 0) + 1 from dossier_type where tenant = $1
			on conflict (tenant, code) do update set name = excluded.name, hint = excluded.hint,
				circuit_code = excluded.circuit_code, circuit_version = excluded.circuit_version, level = excluded.level`,
			t, y.Code, y.Name, y.Hint, y.Circuit.Code, y.Circuit.Version, y.Level)
		return err
	})
}
