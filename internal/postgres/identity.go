package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"parapheur/circuits"
	"parapheur/dossiers"
)

// Kinds of the journal about identity providers.
const (
	kindSignOnSet        = "sign_on.set"
	kindSignOnRemoved    = "sign_on.removed"
	kindIdentityLinked   = "identity.linked"
	kindIdentityUnlinked = "identity.unlinked"
	kindIdentityRefused  = "identity.refused"
)

// maxIdentityRequests bounds what waits in one town; the oldest go first.
const maxIdentityRequests = 200

// SignOn implements dossiers.Store.
func (s *Store) SignOn(ctx context.Context, t dossiers.TenantID) (x dossiers.SignOn, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `select name, issuer, client_id, secret, scopes, acr, whole_siren from sign_on where tenant = $1`, t).
			Scan(&x.Name, &x.Issuer, &x.ClientID, &x.Sealed, &x.Scopes, &x.ACR, &x.WholeSIREN)
		return one("identity provider", err)
	})
	return x, err
}

// SetSignOn implements dossiers.Store.
func (s *Store) SetSignOn(ctx context.Context, t dossiers.TenantID, x dossiers.SignOn, by circuits.Actor, at time.Time) error {
	body := struct {
		Issuer     string         `json:"issuer"`
		ClientID   string         `json:"client_id"`
		Scopes     []string       `json:"scopes"`
		ACR        []string       `json:"acr"`
		WholeSIREN bool           `json:"whole_siren"`
		By         circuits.Actor `json:"by"`
	}{x.Issuer, x.ClientID, list(x.Scopes), x.ACR, x.WholeSIREN, by}
	return s.administer(ctx, t, fact{at: at, subject: x.Issuer, kind: kindSignOnSet, body: body}, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `insert into sign_on (tenant, issuer, client_id, secret, scopes, acr, whole_siren, at, name) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
			on conflict (tenant) do update set issuer = $2, client_id = $3, secret = $4, scopes = $5, acr = $6, whole_siren = $7, at = $8, name = $9`,
			t, x.Issuer, x.ClientID, x.Sealed, list(x.Scopes), x.ACR, x.WholeSIREN, at, x.Name)
		return err
	})
}

// RemoveSignOn implements dossiers.Store.
func (s *Store) RemoveSignOn(ctx context.Context, t dossiers.TenantID, by circuits.Actor, at time.Time) error {
	return s.in(ctx, t, func(tx pgx.Tx) error {
		var issuer string
		if err := tx.QueryRow(ctx, `delete from sign_on where tenant = $1 returning issuer`, t).Scan(&issuer); err != nil {
			return one("identity provider", err)
		}
		return appendFacts(ctx, tx, t, fact{at: at, subject: issuer, kind: kindSignOnRemoved, body: byWhom{by}})
	})
}

// byWhom is an entry that says nothing more.
type byWhom struct {
	By circuits.Actor `json:"by"`
}

const identitySelect = `select id::text, issuer, idp, subject, person::text, email, how, linked_by, linked_at from identity where tenant = $1`

func scanIdentity(row pgx.CollectableRow) (i dossiers.Identity, err error) {
	return i, row.Scan(&i.ID, &i.Issuer, &i.IDP, &i.Subject, &i.Person, &i.Email, &i.How, &i.LinkedBy, &i.LinkedAt)
}

// Identity implements dossiers.Store.
func (s *Store) Identity(ctx context.Context, t dossiers.TenantID, a dossiers.Account) (i dossiers.Identity, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, identitySelect+` and issuer = $2 and idp = $3 and subject = $4`, t, a.Issuer, a.IDP, a.Subject)
		if err == nil {
			i, err = pgx.CollectExactlyOneRow(rows, scanIdentity)
		}
		return one("identity", err)
	})
	return i, err
}

// Identities implements dossiers.Store.
func (s *Store) Identities(ctx context.Context, t dossiers.TenantID) (out []dossiers.Identity, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, identitySelect+` order by linked_at, id`, t)
		if err == nil {
			out, err = pgx.CollectRows(rows, scanIdentity)
		}
		return one("identities", err)
	})
	return out, err
}

// LinkIdentity implements dossiers.Store.
func (s *Store) LinkIdentity(ctx context.Context, t dossiers.TenantID, i dossiers.Identity, by circuits.Actor) error {
	body := struct {
		Person  circuits.PersonID `json:"person"`
		Issuer  string            `json:"issuer"`
		IDP     string            `json:"idp,omitempty"`
		Subject string            `json:"sub"`
		How     string            `json:"how"`
		By      circuits.Actor    `json:"by"`
	}{i.Person, i.Issuer, i.IDP, i.Subject, i.How, by}
	err := s.in(ctx, t, func(tx pgx.Tx) error {
		var person string
		if err := tx.QueryRow(ctx, `select id from person where tenant = $1 and id = $2`, t, i.Person).Scan(&person); err != nil {
			return one("person", err)
		}
		b := &pgx.Batch{}
		b.Queue(`insert into identity (tenant, id, issuer, idp, subject, person, email, how, linked_by, linked_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
			t, i.ID, i.Issuer, i.IDP, i.Subject, i.Person, i.Email, i.How, i.LinkedBy, i.LinkedAt)
		b.Queue(`delete from identity_request where tenant = $1 and issuer = $2 and idp = $3 and subject = $4`, t, i.Issuer, i.IDP, i.Subject)
		if err := run(ctx, tx, b); err != nil {
			return err
		}
		if err := s.jobs.EnqueueLinked(ctx, tx, t, i.Person, i.ID); err != nil {
			return fmt.Errorf("enqueue the mail: %w", err)
		}
		return appendFacts(ctx, tx, t, fact{at: i.LinkedAt, subject: string(i.Person), kind: kindIdentityLinked, body: body})
	})
	if violates(err, "identity_account") {
		return fmt.Errorf("link identity: %w", dossiers.ErrForbidden)
	}
	return err
}

// UnlinkIdentity implements dossiers.Store.
func (s *Store) UnlinkIdentity(ctx context.Context, t dossiers.TenantID, id string, by circuits.Actor, at time.Time) error {
	if !validUUID(id) {
		return fmt.Errorf("identity: %w", dossiers.ErrNotFound)
	}
	return s.in(ctx, t, func(tx pgx.Tx) error {
		body := struct {
			Issuer  string         `json:"issuer"`
			IDP     string         `json:"idp,omitempty"`
			Subject string         `json:"sub"`
			By      circuits.Actor `json:"by"`
		}{By: by}
		var person circuits.PersonID
		err := tx.QueryRow(ctx, `delete from identity where tenant = $1 and id = $2 returning person::text, issuer, idp, subject`, t, id).
			Scan(&person, &body.Issuer, &body.IDP, &body.Subject)
		if err != nil {
			return one("identity", err)
		}
		if err := closeSessions(ctx, tx, t, person, ""); err != nil {
			return err
		}
		return appendFacts(ctx, tx, t, fact{at: at, subject: string(person), kind: kindIdentityUnlinked, body: body})
	})
}

// AskIdentity implements dossiers.Store.
func (s *Store) AskIdentity(ctx context.Context, t dossiers.TenantID, r dossiers.IdentityRequest) error {
	return s.in(ctx, t, func(tx pgx.Tx) error {
		b := &pgx.Batch{}
		b.Queue(`insert into identity_request (tenant, id, issuer, idp, subject, given_name, family_name, email, acr, at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
			on conflict (tenant, issuer, idp, subject) do update set given_name = $6, family_name = $7, email = $8, acr = $9, at = $10`,
			t, r.ID, r.Issuer, r.IDP, r.Subject, r.GivenName, r.FamilyName, r.Email, r.ACR, r.At)
		b.Queue(`delete from identity_request where tenant = $1 and id in (select id from identity_request where tenant = $1 order by at desc, id offset $2)`, t, maxIdentityRequests)
		return run(ctx, tx, b)
	})
}

// IdentityRequests implements dossiers.Store.
func (s *Store) IdentityRequests(ctx context.Context, t dossiers.TenantID) (out []dossiers.IdentityRequest, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `select id::text, issuer, idp, subject, given_name, family_name, email, acr, at from identity_request where tenant = $1 order by at, id`, t)
		if err == nil {
			out, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (r dossiers.IdentityRequest, err error) {
				return r, row.Scan(&r.ID, &r.Issuer, &r.IDP, &r.Subject, &r.GivenName, &r.FamilyName, &r.Email, &r.ACR, &r.At)
			})
		}
		return one("identity requests", err)
	})
	return out, err
}

// RefuseIdentity implements dossiers.Store.
func (s *Store) RefuseIdentity(ctx context.Context, t dossiers.TenantID, id string, by circuits.Actor, at time.Time) error {
	if !validUUID(id) {
		return fmt.Errorf("identity request: %w", dossiers.ErrNotFound)
	}
	return s.in(ctx, t, func(tx pgx.Tx) error {
		body := struct {
			IDP     string         `json:"idp,omitempty"`
			Subject string         `json:"sub"`
			By      circuits.Actor `json:"by"`
		}{By: by}
		var issuer string
		err := tx.QueryRow(ctx, `delete from identity_request where tenant = $1 and id = $2 returning issuer, idp, subject`, t, id).Scan(&issuer, &body.IDP, &body.Subject)
		if err != nil {
			return one("identity request", err)
		}
		return appendFacts(ctx, tx, t, fact{at: at, subject: issuer, kind: kindIdentityRefused, body: body})
	})
}

// SetLogoutHint implements dossiers.Store.
func (s *Store) SetLogoutHint(ctx context.Context, t dossiers.TenantID, session string, sealed []byte) error {
	return s.in(ctx, t, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `update session set logout_hint = $3 where tenant = $1 and id = $2`, t, session, sealed)
		if err == nil && tag.RowsAffected() == 0 {
			err = pgx.ErrNoRows
		}
		return one("session", err)
	})
}

// LogoutHint implements dossiers.Store.
func (s *Store) LogoutHint(ctx context.Context, t dossiers.TenantID, session string) (sealed []byte, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `select logout_hint from session where tenant = $1 and id = $2`, t, session).Scan(&sealed)
		return one("session", err)
	})
	return sealed, err
}
