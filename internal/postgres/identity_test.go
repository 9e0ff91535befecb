package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/postgres"
	"parapheur/internal/towntest"
)

// accountOf is somebody's at the provider of a town.
func accountOf(t dossiers.TenantID, sub string) dossiers.Account {
	return dossiers.Account{Issuer: "https://idp.example", IDP: "idp-" + string(t), Subject: sub}
}

// An identified is what a town has of its provider.
type identified struct{ linked, asked string }

func identities(t *testing.T, town *towntest.Town, b belonging) (out identified) {
	t.Helper()
	ctx, s, now := t.Context(), town.Store, time.Now().UTC().Truncate(time.Microsecond)
	admin := town.Person(t, demo.Administrator).Viewer(t)
	set := dossiers.SignOn{Name: "ProConnect", Issuer: "https://idp.example/" + string(b.t), ClientID: "c", ACR: []string{"eidas2"}}
	if err := town.Office.SetSignOn(ctx, admin, set, "secret"); err != nil {
		t.Fatal(err)
	}
	out.linked, out.asked = uuid.NewString(), uuid.NewString()
	if err := s.LinkIdentity(ctx, b.t, dossiers.Identity{Account: accountOf(b.t, "linked"), ID: out.linked, Person: b.person.ID, How: "approval", LinkedAt: now}, by); err != nil {
		t.Fatal(err)
	}
	if err := s.AskIdentity(ctx, b.t, dossiers.IdentityRequest{Account: accountOf(b.t, "asked"), ID: out.asked, At: now}); err != nil {
		t.Fatal(err)
	}
	return out
}

func identityReads() map[string]call {
	return map[string]call{
		"SignOn": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			x, err := s.SignOn(ctx, t)
			if err == nil && x.Issuer != "https://idp.example/"+string(b.t) {
				return nothing
			}
			return err
		},
		"Identity": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			_, err := s.Identity(ctx, t, accountOf(b.t, "linked"))
			return err
		},
		"Identities": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			x, err := s.Identities(ctx, t)
			if err == nil && (len(x) != 1 || x[0].ID != b.identified.linked) {
				return nothing
			}
			return err
		},
		"IdentityRequests": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			x, err := s.IdentityRequests(ctx, t)
			if err == nil && (len(x) != 1 || x[0].ID != b.identified.asked) {
				return nothing
			}
			return err
		},
	}
}

func identityWrites() map[string]call {
	at := time.Now().UTC().Truncate(time.Microsecond)
	return map[string]call{
		"SetLogoutHint": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			return s.SetLogoutHint(ctx, t, b.session.ID, []byte("hint"))
		},
		"LogoutHint": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			_, err := s.LogoutHint(ctx, t, b.session.ID)
			return err
		},
		"LinkIdentity": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			return s.LinkIdentity(ctx, t, dossiers.Identity{Account: accountOf(b.t, "new"), ID: uuid.NewString(), Person: b.person.ID, How: "approval", LinkedAt: at}, by)
		},
		"RefuseIdentity": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			return s.RefuseIdentity(ctx, t, b.identified.asked, by, at)
		},
	}
}

// identityLast end what the others use.
func identityLast() map[string]call {
	at := time.Now().UTC().Truncate(time.Microsecond)
	return map[string]call{
		"UnlinkIdentity": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			return s.UnlinkIdentity(ctx, t, b.identified.linked, by, at)
		},
	}
}
