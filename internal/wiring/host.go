package wiring

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"parapheur/internal/hosting"
	"parapheur/internal/postgres"
)

// A Host is a hosting centre at work, beside a node or at the command line.
type Host struct {
	Centre *hosting.Centre
	pool   *pgxpool.Pool
}

// A HostConfig says what a hosting centre is made of.
type HostConfig struct {
	// DatabaseURL is the address of a migrated database, by a login that is a
	// member of parapheur_host.
	DatabaseURL string
	Origin      string // see hosting.Parts
	Domain      string
	Now         func() time.Time
}

// OpenHost connects to the database under the role of hosting centres.
func OpenHost(ctx context.Context, c HostConfig) (*Host, error) {
	pool, err := postgres.HostPool(ctx, c.DatabaseURL)
	if err != nil {
		return nil, err
	}
	store := postgres.NewHost(pool)
	if err := store.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("connect as the hosting centre (parapheur_host): %w", err)
	}
	centre, err := hosting.Open(hosting.Parts{Store: store, Origin: c.Origin, Domain: c.Domain, Now: c.Now, Rand: rand.Reader})
	if err != nil {
		pool.Close()
		return nil, err
	}
	return &Host{Centre: centre, pool: pool}, nil
}

// Close leaves the database.
func (h *Host) Close() { h.pool.Close() }
