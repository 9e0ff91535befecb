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

	"parapheur/internal/metrics"
	"parapheur/internal/wiring"
	"parapheur/migrations"
	"parapheur/signing"
)

var errNoDatabase = errors.New("indiquez la base de données : --database-url ou PARAPHEUR_DATABASE_URL")

func serveCommand(ctx context.Context, args []string, _, errOut io.Writer) int {
	var c config
	fs := flag.NewFlagSet("parapheur serve", flag.ContinueOnError)
	c.flags(fs)
	if err := parse(fs, args, os.Getenv, errOut); err != nil {
		return usage(errOut, err)
	}
	if c.databaseURL == "" {
		return usage(errOut, errNoDatabase)
	}
	if err := c.serve(ctx, errOut); err != nil {
		return fail(errOut, err)
	}
	return exitOK
}

func usage(errOut io.Writer, err error) int {
	if errors.Is(err, flag.ErrHelp) {
		return exitOK
	}
	fmt.Fprintf(errOut, "parapheur : %v\n", err)
	return exitUsage
}

func (c *config) serve(ctx context.Context, errOut io.Writer) error {
	log, err := c.logger(errOut)
	if err != nil {
		return err
	}
	trusted, err := c.proxies()
	if err != nil {
		return err
	}
	if c.migrate {
		if err := migrations.Apply(ctx, c.databaseURL); err != nil {
			return err
		}
	}
	node, err := c.wiring(log)
	if err != nil {
		return err
	}
	// The address first: a node that cannot listen must not take jobs.
	listener, err := net.Listen("tcp", c.listen)
	if err != nil {
		return fmt.Errorf("écouter : %w", err)
	}
	centre, err := c.centre(ctx)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	system, err := c.start(ctx, node)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	c.remind(ctx, node, log)
	log.InfoContext(ctx, "serving", slog.String("listen", listener.Addr().String()), slog.String("version", fullVersion()))
	s := &server{
		system: system, log: log, metrics: metrics.New(system.Pool, fullVersion()), limit: node.MaxDocument, proxies: trusted, centre: centre,
	}
	return s.serve(ctx, listener, c.metrics, true)
}

// start assembles a node, starts it, and prepares what makes the first page
// image slow. A node that does not start leaves nothing running.
func (c *config) start(ctx context.Context, node wiring.Config) (*wiring.System, error) {
	system, err := wiring.Assemble(ctx, node)
	if err != nil {
		return nil, err
	}
	if err := system.Start(ctx); err != nil {
		return nil, errors.Join(err, system.Close(ctx))
	}
	go func() {
		if err := system.Render.Warm(ctx); err != nil && ctx.Err() == nil {
			node.Log.WarnContext(ctx, "page images will be slow at first", slog.String("error", err.Error()))
		}
	}()
	return system, nil
}

// remind warns of what an installation forgets and notices too late.
func (c *config) remind(ctx context.Context, node wiring.Config, log *slog.Logger) {
	if len(node.Roots) == 0 {
		log.WarnContext(ctx, "no --roots: no signature can be judged valid, so letters wait for their seal")
	}
	if len(node.TSA) == 0 {
		log.WarnContext(ctx, "no --tsa: signatures are PAdES-BASELINE-B, without a time-stamp")
		if node.Level != nil && *node.Level > signing.BB {
			log.WarnContext(ctx, "--level asks for a time-stamp: letters wait", slog.String("level", node.Level.String()))
		}
	}
	o, err := wiring.OpenOperator(ctx, c.databaseURL, node.Now)
	if err != nil {
		log.WarnContext(ctx, "the towns cannot be listed", slog.String("error", err.Error()))
		return
	}
	defer o.Close()
	if towns, err := o.Towns(ctx); err == nil && len(towns) == 0 {
		log.WarnContext(ctx, "no town yet: create one with « parapheur town add »")
	}
}

func migrateCommand(ctx context.Context, args []string, out, errOut io.Writer) int {
	fs := flag.NewFlagSet("parapheur migrate", flag.ContinueOnError)
	url := fs.String("database-url", "", "adresse de PostgreSQL, pour un rôle propriétaire du schéma")
	if err := parse(fs, args, os.Getenv, errOut); err != nil {
		return usage(errOut, err)
	}
	if *url == "" {
		return usage(errOut, errNoDatabase)
	}
	if err := migrations.Apply(ctx, *url); err != nil {
		return fail(errOut, err)
	}
	fmt.Fprintln(out, "La base est au schéma de cette version.")
	return exitOK
}
