package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"

	"parapheur/internal/metrics"
	"parapheur/internal/wiring"
	"parapheur/migrations"
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
	if c.migrate {
		if err := migrations.Apply(ctx, c.databaseURL); err != nil {
			return err
		}
	}
	node, err := c.wiring(log)
	if err != nil {
		return err
	}
	system, err := wiring.Assemble(ctx, node)
	if err != nil {
		return err
	}
	if err := system.Start(ctx); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", c.listen)
	if err != nil {
		return fmt.Errorf("écouter : %w", err)
	}
	log.InfoContext(ctx, "serving", "listen", listener.Addr().String(), "version", fullVersion())
	s := &server{system: system, log: log, metrics: metrics.New(system.Pool, fullVersion()), limit: node.MaxDocument}
	return s.serve(ctx, listener, c.metrics, true)
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
