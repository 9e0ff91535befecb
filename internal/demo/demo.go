// Package demo sets up the demonstration town: "Ville de
// Saint-Aubin-sur-Loire", its people, desks, circuits and demonstration keys.
//
// It must never run against a real town: everything it makes bears the mark
// of the demonstration PKI, which production refuses. Seeding twice is
// seeding once; people without a passkey get a fresh link at each start.
package demo

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"parapheur/certs"
	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/postgres"
	"parapheur/internal/wiring"
)

// The people of the demonstration, by their addresses.
const (
	Drafter       = "claire.marchand@saint-aubin.example"
	DGS           = "philippe.rousseau@saint-aubin.example"
	Mayor         = "helene.garnier@saint-aubin.example"
	Administrator = "marc.delattre@saint-aubin.example"
	Preparer      = "nadia.ferreira@saint-aubin.example"
)

// GEC is the application that deposits letters over REST.
const GEC = "Gestion du courrier (démonstration)"

const (
	siret    = "21490999900010"
	townName = "Ville de Saint-Aubin-sur-Loire"
	place    = "Saint-Aubin-sur-Loire"
)

// The desks of the demonstration.
const (
	DeskDGS   = "Direction générale des services"
	DeskMayor = "Maire"
)

//go:embed samples/*.pdf
var samples embed.FS

// Samples returns the letter and the annex to try the product with.
func Samples() fs.FS {
	sub, err := fs.Sub(samples, "samples")
	if err != nil {
		panic(err) // the folder is embedded
	}
	return sub
}

// WriteSamples puts the sample letters in dir, for who wants to deposit them.
func WriteSamples(dir string) error {
	return errors.Join(os.RemoveAll(dir), os.CopyFS(dir, Samples()))
}

// Plan is the set-up of the demonstration town.
func Plan() dossiers.Plan {
	return dossiers.Plan{
		People: []dossiers.PlannedPerson{
			{Civility: "Mme", GivenName: "Claire", FamilyName: "Marchand", Email: Drafter, Drafter: true},
			{Civility: "M.", GivenName: "Philippe", FamilyName: "Rousseau", Email: DGS},
			{Civility: "Mme", GivenName: "Hélène", FamilyName: "Garnier", Email: Mayor},
			{Civility: "M.", GivenName: "Marc", FamilyName: "Delattre", Email: Administrator, Admin: true},
			{Civility: "Mme", GivenName: "Nadia", FamilyName: "Ferreira", Email: Preparer, Drafter: true},
		},
		Desks: []string{DeskDGS, DeskMayor},
		Seats: []dossiers.PlannedSeat{
			{Desk: DeskDGS, Email: DGS, Quality: "Directeur général des services"},
			{Desk: DeskMayor, Email: Mayor, Quality: "Maire"},
			{Desk: DeskMayor, Email: Preparer, Quality: "Cabinet du Maire", Prepares: true},
		},
		Types: []dossiers.Type{
			{
				Code: "courrier-simple", Name: "Courrier simple", Hint: "Information ou réponse, sans décision.",
				Circuit: circuits.Definition{Code: "courrier-simple", Version: 1, Name: "Courrier simple", Steps: []circuits.Step{
					{ID: "visa-dgs", Kind: circuits.Visa, Desk: DeskDGS, Title: "Visa de la direction générale"},
					{ID: "signature-maire", Kind: circuits.Signature, Desk: DeskMayor, Title: "Signature de la Maire"},
				}},
			},
			{
				Code: "courrier-cabinet", Name: "Courrier du cabinet", Hint: "Félicitations, invitations : la Maire signe sans visa.",
				Circuit: circuits.Definition{Code: "courrier-cabinet", Version: 1, Name: "Courrier du cabinet", Steps: []circuits.Step{
					{ID: "signature-maire", Kind: circuits.Signature, Desk: DeskMayor, Title: "Signature de la Maire"},
				}},
			},
		},
		Applications: map[string]string{GEC: Drafter},
	}
}

// Seed makes the town served at origin ("http://localhost:8080") if it does
// not exist yet, and answers what its people need to begin. ownerDSN is the
// address by which the schema was migrated.
func Seed(ctx context.Context, s *wiring.System, ownerDSN, origin string) (dossiers.Tenant, dossiers.Founded, error) {
	u, err := url.Parse(origin)
	if err != nil {
		return dossiers.Tenant{}, dossiers.Founded{}, fmt.Errorf("seed: %w", err)
	}
	return SeedTown(ctx, s, ownerDSN, dossiers.Tenant{SIRET: siret, Name: townName, Place: place, RPID: u.Hostname(), Origin: origin, Demo: true})
}

// SeedTown is Seed for a town of another name. Its ID is drawn here. A town
// whose seeding was interrupted before it had people is founded now.
func SeedTown(ctx context.Context, s *wiring.System, ownerDSN string, t dossiers.Tenant) (dossiers.Tenant, dossiers.Founded, error) {
	if err := tenant(ctx, ownerDSN, &t); err != nil {
		return t, dossiers.Founded{}, fmt.Errorf("seed: %w", err)
	}
	f, err := s.Office.Found(ctx, t, Plan())
	if errors.Is(err, dossiers.ErrConflict) {
		again, err := s.Office.Reinvite(ctx, t)
		return t, dossiers.Founded{Invitations: again}, err
	}
	if err != nil {
		return t, f, fmt.Errorf("seed: %w", err)
	}
	return t, f, addKeys(ctx, s, t, f.People)
}

// tenant creates the town, or, when it exists, moves it to the origin of this
// start: the port may have changed.
func tenant(ctx context.Context, ownerDSN string, t *dossiers.Tenant) error {
	conn, err := pgx.Connect(ctx, ownerDSN)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // nothing left to say
	err = conn.QueryRow(ctx, `update tenant set origin = $2 where siret = $1 and (demo or sandbox) returning id::text`, t.SIRET, t.Origin).Scan(&t.ID)
	if !errors.Is(err, pgx.ErrNoRows) {
		return err
	}
	t.ID = dossiers.TenantID(uuid.NewString())
	return postgres.AddTenant(ctx, conn, *t)
}

// addKeys gives the Mayor a demonstration key, and the town its seal.
func addKeys(ctx context.Context, s *wiring.System, t dossiers.Tenant, people []dossiers.Person) error {
	by := circuits.Actor{Name: "Mise en service"}
	for _, p := range people {
		if p.Email != Mayor {
			continue
		}
		k, err := s.Demo.Person(certs.DemoPerson{Name: p.Name(), Quality: "Maire", Town: t.Name})
		if err != nil {
			return fmt.Errorf("seed: %w", err)
		}
		if err := s.Ring.Add(ctx, t, uuid.NewString(), p.ID, "Clé de démonstration de "+p.Name(), k, by); err != nil {
			return fmt.Errorf("seed: %w", err)
		}
	}
	seal, err := s.Demo.TownSeal(t.Name, t.SIRET)
	if err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	if err := s.Ring.Add(ctx, t, uuid.NewString(), "", "Cachet de démonstration de la ville", seal, by); err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	return nil
}

// SamplesDir is where the demonstration leaves its sample letters.
func SamplesDir(data string) string { return filepath.Join(data, "lettres-exemples") }
