package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/metrics"
	"parapheur/internal/pgdev"
	"parapheur/internal/wiring"
	"parapheur/migrations"
)

func demoCommand(ctx context.Context, args []string, out, errOut io.Writer) int {
	c := config{}
	fs := flag.NewFlagSet("parapheur demo", flag.ContinueOnError)
	c.flags(fs)
	fs.Lookup("log-level").DefValue, c.logLevel = "warn", "warn"
	if err := parse(fs, args, os.Getenv, errOut); err != nil {
		return usage(errOut, err)
	}
	if err := c.demo(ctx, out, errOut); err != nil {
		if errors.Is(err, pgdev.ErrNoBinaries) {
			fmt.Fprintln(errOut, pgdev.FrenchNoBinaries)
			return exitError
		}
		return fail(errOut, err)
	}
	return exitOK
}

func (c *config) demo(ctx context.Context, out, errOut io.Writer) error {
	log, err := c.logger(errOut)
	if err != nil {
		return err
	}
	// Closed to others, but crossed by the user of the private PostgreSQL when
	// root runs us.
	mode := os.FileMode(0o700)
	if os.Geteuid() == 0 {
		mode = 0o711
	}
	if err := os.MkdirAll(c.data, mode); err != nil {
		return fmt.Errorf("dossier de données : %w", err)
	}
	trusted, err := c.proxies()
	if err != nil {
		return err
	}
	stopDB, err := c.database(ctx, out, log)
	if err != nil {
		return err
	}
	defer stopDB()
	if err := migrations.Apply(ctx, c.databaseURL); err != nil {
		return err
	}
	if err := c.onlyDemo(ctx); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", c.listen)
	if err != nil {
		return fmt.Errorf("écouter : %w", err)
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		return err
	}
	origin := "http://localhost:" + port
	centre, err := c.centre(ctx)
	if err != nil {
		return err
	}
	system, err := c.assembleDemo(ctx, log, origin)
	if err != nil {
		return err
	}
	if err := c.welcome(ctx, system, origin, out); err != nil {
		return err
	}
	s := &server{
		system: system, log: log, metrics: metrics.New(system.Pool, fullVersion()), limit: int64(c.maxDocumentMiB) << 20,
		proxies: trusted, elsewhere: origin, centre: centre,
	}
	return s.serve(ctx, listener, c.metrics, false)
}

// database starts the private PostgreSQL unless another one is named.
func (c *config) database(ctx context.Context, out io.Writer, log *slog.Logger) (stop func(), err error) {
	if c.databaseURL != "" {
		return func() {}, nil
	}
	dir, err := filepath.Abs(filepath.Join(c.data, "postgres"))
	if err != nil {
		return nil, err
	}
	options := pgdev.Options{Dir: dir}
	pg, err := pgdev.Start(ctx, options)
	if err != nil {
		return nil, err
	}
	if note := pg.Note(); note != "" {
		fmt.Fprintln(out, note)
	}
	if c.databaseURL, err = pg.Database(ctx, "parapheur"); err != nil {
		return nil, errors.Join(err, pg.Stop())
	}
	return keepUp(ctx, pg, options, log), nil
}

func (c *config) assembleDemo(ctx context.Context, log *slog.Logger, origin string) (*wiring.System, error) {
	node, err := c.wiring(log)
	if err != nil {
		return nil, err
	}
	node.DemoURL = origin + "/pki"
	return c.start(ctx, node)
}

// onlyDemo refuses a database where a real town lives: on this node every
// demonstration key is accepted, and nobody must be able to use one there.
func (c *config) onlyDemo(ctx context.Context) error {
	o, err := wiring.OpenOperator(ctx, c.databaseURL, time.Now)
	if err != nil {
		return err
	}
	defer o.Close()
	towns, err := o.Towns(ctx)
	if err != nil {
		return err
	}
	for _, t := range towns {
		if !t.Demo && !t.Sandbox() {
			return fmt.Errorf("cette base contient une vraie collectivité (%s) : la démonstration veut une base à elle", t.Name)
		}
	}
	return nil
}

// welcome seeds the town and tells a newcomer where to go.
// furnish sets the town up for a newcomer, and answers the invitations, those
// of whom it made known included.
func (c *config) furnish(ctx context.Context, system *wiring.System, t dossiers.Tenant, invitations map[string]string) (map[string]string, error) {
	made, err := demo.Furnish(ctx, system.Office, t)
	if err != nil || !made {
		return invitations, err
	}
	return system.Office.Reinvite(ctx, t)
}

func (c *config) welcome(ctx context.Context, system *wiring.System, origin string, out io.Writer) error {
	tenant, founded, err := demo.Seed(ctx, system, c.databaseURL, origin)
	if err != nil {
		return err
	}
	if founded.Invitations, err = c.furnish(ctx, system, tenant, founded.Invitations); err != nil {
		return err
	}
	letters := filepath.Join(c.data, "lettres-exemples")
	if err := demo.WriteSamples(letters); err != nil {
		return fmt.Errorf("lettres d’exemple : %w", err)
	}
	key, err := c.apiKey("demo-cle-api.txt", founded.APIKeys[demo.GEC])
	if err != nil {
		return err
	}
	root := filepath.Join(c.data, "demo-pki", "root.pem")
	if err := writePEM(root, system.Demo.Root().Raw); err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%s (démonstration) : %s\n\n", tenant.Name, origin)
	for _, who := range []struct{ role, email string }{
		{"Rédactrice", demo.Drafter},
		{"Directeur général", demo.DGS},
		{"Maire", demo.Mayor},
		{"Administrateur", demo.Administrator},
		{"Préparatrice", demo.Preparer},
		{"Adjoint", demo.Adjoint},
	} {
		link := "clé d’accès déjà enrôlée : " + origin + "/connexion"
		if token, ok := founded.Invitations[who.email]; ok {
			link = origin + "/enrolement/" + token
		}
		fmt.Fprintf(out, "  %-18s %s\n", who.role, link)
	}
	fmt.Fprintf(out, "\n  Clé d’API (GEC)    %s\n  API                %s/api/docs\n  Lettres d’exemple  %s\n  Racine de démo     %s\n\n", key, origin, letters, root)
	if err := c.sandbox(ctx, system, origin, out); err != nil {
		return err
	}
	fmt.Fprintf(out, "Vérifier une lettre signée, hors ligne :\n  parapheur verify LETTRE.pdf --evidence PREUVE.zip --root %s\n\n", root)
	fmt.Fprintf(out, "Une personne par profil de navigateur. Ctrl+C arrête tout ; les données restent dans %s.\n", c.data)
	return nil
}

// sandbox seeds the sandbox beside the town, under a name of this machine, and
// tells an integrator where it is.
func (c *config) sandbox(ctx context.Context, system *wiring.System, origin string, out io.Writer) error {
	const host = "bac-a-sable.localhost"
	at := strings.Replace(origin, "//localhost", "//"+host, 1)
	t, founded, err := demo.SeedSandbox(ctx, system, c.databaseURL, host, at)
	if err != nil {
		return err
	}
	key, err := c.apiKey("demo-cle-bac-a-sable.txt", founded.APIKeys[demo.SandboxGEC])
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s (spécimens sans valeur) : %s\n\n  Clé d’API (essais) %s\n  Personnes d’essai  redactrice, dgs, maire, adjoint : leurs décisions se jouent par l’API\n", t.Name, at, key)
	if token, ok := founded.Invitations[demo.Administrator]; ok {
		fmt.Fprintf(out, "  Administrateur     %s/enrolement/%s\n", at, token)
	}
	fmt.Fprintln(out)
	return nil
}

// apiKey keeps a key of the demonstration beside its data, so that a restart
// can show it again. Real keys are shown once and kept nowhere.
func (c *config) apiKey(name, key string) (string, error) {
	file := filepath.Join(c.data, name)
	if key != "" {
		return key, os.WriteFile(file, []byte(key+"\n"), 0o600)
	}
	raw, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return "(affichée au premier démarrage seulement)", nil
	}
	return strings.TrimSpace(string(raw)), err
}
