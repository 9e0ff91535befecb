package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"parapheur/dossiers"
	"parapheur/internal/postgres"
	"parapheur/internal/towntest"
)

// counterparts are the sides of the DGS of a town: one that is linked, one that
// was begun. The store does not look at who is there.
type counterparts struct{ linkedSide, begun dossiers.Counterpart }

func sides(t *testing.T, town *towntest.Town, b belonging) (out counterparts) {
	t.Helper()
	ctx, s, now := t.Context(), town.Store, time.Now().UTC().Truncate(time.Microsecond)
	side := func(origin string) dossiers.Counterpart {
		c := dossiers.Counterpart{ID: uuid.NewString(), Person: b.person.ID, Origin: origin, KID: b.kid, Evidence: []byte("{}"), BeganAt: now}
		if err := s.KeepCounterpart(ctx, b.t, c); err != nil {
			t.Fatal(err)
		}
		c.Other, c.LinkedAt = uuid.NewString(), now
		return c
	}
	out.linkedSide, out.begun = side(town.Tenant.Origin), side("https://autre.example")
	if err := s.LinkCounterpart(ctx, b.t, out.linkedSide, by); err != nil {
		t.Fatal(err)
	}
	return out
}

func counterpartCalls() map[string]call {
	return map[string]call{
		"CounterpartsOf": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			x, err := s.CounterpartsOf(ctx, t, b.person.ID)
			return some(len(x), err, x)
		},
		"KeepCounterpart": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			c := b.begun
			c.ID, c.Origin = uuid.NewString(), "https://encore.example"
			return s.KeepCounterpart(ctx, t, c)
		},
		"LinkCounterpart": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			return s.LinkCounterpart(ctx, t, b.begun, by)
		},
	}
}

func counterpartLast() map[string]call {
	return map[string]call{
		"UnlinkCounterpart": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			return s.UnlinkCounterpart(ctx, t, b.person.ID, b.linkedSide.ID, by, time.Now())
		},
	}
}
