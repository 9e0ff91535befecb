// Command parapheur is the electronic signature book of a town hall: the
// server, its demonstration, its migrations and its offline verifier. It is
// the only place where parts are wired to flags and environment.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"syscall"
	_ "time/tzdata" // the zones of overseas towns, on machines without them

	"parapheur/internal/child"
	"parapheur/internal/wiring"
)

// version is set by the build (-ldflags "-X main.version=1.2.3").
var version = "dev"

// A command is one word after the program's name.
type command struct {
	name, help string
	run        func(ctx context.Context, args []string, out, errOut io.Writer) int
}

// Exit codes shared by the commands; verify documents its own.
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 64
)

func commands() []command {
	return []command{
		{"demo", "démarre une ville de démonstration, sans rien installer d’autre", demoCommand},
		{"serve", "sert les pages et l’API d’une installation", serveCommand},
		{"migrate", "met la base de données au schéma de cette version", migrateCommand},
		{"town", "crée une collectivité et invite son premier administrateur", townCommand},
		{"host", "invite les personnes du centre qui héberge les collectivités, et fait les clés de ses logiciels", hostCommand},
		{"config", "exporte, compare et applique l’organisation d’une collectivité, en un fichier", configCommand},
		{"key", "importe une clé de signature", keyCommand},
		{"verify", "vérifie hors ligne une lettre signée, sa preuve ou un journal", verify},
		{"trust", "lit une liste de confiance européenne, et dit si des signatures sont qualifiées", trustCommand},
		{"pades", "signe, augmente, inspecte et vérifie des PDF (PAdES)", padesCommand},
		{"version", "affiche la version", versionCommand},
	}
}

func main() {
	child.Main(wiring.Jobs()...)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl+C ends at once
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run finds the command and runs it.
func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	all := commands()
	if len(args) > 0 {
		if i := slices.IndexFunc(all, func(c command) bool { return c.name == args[0] }); i >= 0 {
			return all[i].run(ctx, args[1:], out, errOut)
		}
	}
	w, code := errOut, exitUsage
	if len(args) > 0 && isHelp(args[0]) {
		w, code = out, exitOK
	}
	fmt.Fprintf(w, "Usage : parapheur <commande> [options]\n\n")
	for _, c := range all {
		fmt.Fprintf(w, "  %-8s  %s\n", c.name, c.help)
	}
	fmt.Fprintf(w, "\n« parapheur <commande> -h » donne les options d’une commande.\n")
	return code
}

func isHelp(arg string) bool { return slices.Contains([]string{"help", "-h", "--help"}, arg) }

func versionCommand(_ context.Context, _ []string, out, _ io.Writer) int {
	fmt.Fprintf(out, "parapheur %s\n", fullVersion())
	return exitOK
}

// fullVersion names the commit when the build knows it.
func fullVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return version
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return version + "+" + s.Value[:12]
		}
	}
	return version
}
