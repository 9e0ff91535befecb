package wiring

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"parapheur/certs"
	"parapheur/dossiers"
	"parapheur/internal/egress"
	"parapheur/internal/keyring"
	"parapheur/internal/postgres"
)

// An Operator is who sets the service up from the command line: towns, their
// first link, signing keys. It opens no document, works no job and writes no
// folder, so it runs beside the nodes, as any user of the system.
type Operator struct {
	// Office knows people and settings only, and whether people brought keys;
	// what needs blobs or uses keys fails.
	Office *dossiers.Office
	Store  *postgres.Store

	pool *pgxpool.Pool
	dsn  string
	now  func() time.Time
}

// OpenOperator connects to a migrated database. For AddTown dsn is that of
// migrations, or of a login that is a member of parapheur_host; it may be that
// of the nodes for everything else.
func OpenOperator(ctx context.Context, dsn string, now func() time.Time) (*Operator, error) {
	pool, err := postgres.OperatorPool(ctx, dsn)
	if err != nil {
		return nil, err
	}
	o := &Operator{Store: postgres.New(pool, nil), pool: pool, dsn: dsn, now: now}
	o.Office = dossiers.Open(dossiers.Parts{Store: o.Store, Keys: storedKeys{ring: keyring.New(keyring.Options{Store: o.Store, Now: now})}, Now: now, Rand: rand.Reader, Location: time.UTC})
	if err := o.Store.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	return o, nil
}

// Close leaves the database.
func (o *Operator) Close() { o.pool.Close() }

// AddTown creates a town, empty, and opens its journal. It answers the town
// with its identifier. One without a SIRET is a sandbox, and is given one.
func (o *Operator) AddTown(ctx context.Context, t dossiers.Tenant) (dossiers.Tenant, error) {
	owner, err := pgx.Connect(ctx, o.dsn)
	if err != nil {
		return t, fmt.Errorf("connect as the owner: %w", err)
	}
	defer owner.Close(context.WithoutCancel(ctx)) //nolint:errcheck // nothing left to say
	id, err := o.ID(ctx)
	if err != nil {
		return t, err
	}
	t.ID = dossiers.TenantID(id)
	if t.SIRET == "" {
		if t.SIRET, err = postgres.NextSandbox(ctx, owner); err != nil {
			return t, err
		}
	}
	return t, postgres.AddTenant(ctx, owner, t)
}

// Town returns the town of this SIRET, or dossiers.ErrNotFound.
func (o *Operator) Town(ctx context.Context, siret string) (dossiers.Tenant, error) {
	towns, err := o.Towns(ctx)
	if err != nil {
		return dossiers.Tenant{}, err
	}
	for _, t := range towns {
		if t.SIRET == siret {
			return t, nil
		}
	}
	return dossiers.Tenant{}, fmt.Errorf("town %s: %w", siret, dossiers.ErrNotFound)
}

// Towns lists the towns of the service, by name.
func (o *Operator) Towns(ctx context.Context) ([]dossiers.Tenant, error) {
	rows, err := o.pool.Query(ctx, `select id::text, siret, name, place, rp_id, origin, demo from tenant order by name, siret`)
	if err != nil {
		return nil, fmt.Errorf("towns: %w", err)
	}
	towns, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (t dossiers.Tenant, err error) {
		return t, row.Scan(&t.ID, &t.SIRET, &t.Name, &t.Place, &t.RPID, &t.Origin, &t.Demo)
	})
	if err != nil {
		return nil, fmt.Errorf("towns: %w", err)
	}
	return towns, nil
}

// RingOptions are what the key ring of an operator knows beside the store.
type RingOptions struct {
	MasterKey []byte
	Roots     []*x509.Certificate // by which letters are judged; none: chains are not judged
	Egress    egress.Allow        // private hosts of remote signing services
	Online    bool                // asks about revocation
}

// Ring returns the key ring under a master key, which refuses demonstration
// keys.
func (o *Operator) Ring(in RingOptions) (*keyring.Ring, error) {
	vault, err := certs.NewVault(in.MasterKey)
	if err != nil {
		return nil, err
	}
	opt := keyring.Options{
		Store: o.Store, Vault: vault, Now: o.now,
		HTTP: egress.NewClient(egress.Options{Allow: in.Egress, Timeout: signingServiceTimeout, Proxy: outgoing()}),
	}
	if len(in.Roots) > 0 {
		if opt.Roots, err = certs.NewTrust(certs.Guard{}, in.Roots...); err != nil {
			return nil, err
		}
	}
	if in.Online {
		if opt.Revocation, err = certs.NewRevocation(certs.RevocationOptions{Now: o.now, Allow: in.Egress, Proxy: outgoing()}); err != nil {
			return nil, err
		}
	}
	return keyring.New(opt), nil
}

// Unlock lets the operator seal secrets under the installation's master key.
func (o *Operator) Unlock(masterKey []byte) error {
	vault, err := certs.NewVault(masterKey)
	if err != nil {
		return err
	}
	o.Office.Vault = sealer{vault}
	return nil
}

// ID draws an identifier (UUID, in text).
func (o *Operator) ID(ctx context.Context) (id string, err error) {
	if err := o.pool.QueryRow(ctx, `select gen_random_uuid()::text`).Scan(&id); err != nil {
		return "", fmt.Errorf("draw an identifier: %w", err)
	}
	return id, nil
}
