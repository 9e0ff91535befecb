package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"parapheur/dossiers"
	"parapheur/internal/townfile"
	"parapheur/internal/wiring"
)

// exitDifferent is the code of "config diff" when the file and the town differ.
const exitDifferent = 2

// exitUnready is the code of "config diff" and "config apply" when a circuit of
// the file would stop letters: nothing is, or would be, applied.
const exitUnready = 3

// configCommand is "parapheur config export|diff|apply|starter": the
// organisation of a town as one file, to keep in a repository.
func configCommand(ctx context.Context, args []string, out, errOut io.Writer) int {
	return sub(ctx, "config", []command{
		{"export", "écrit l’organisation d’une collectivité dans un fichier", exportConfig},
		{"diff", "montre ce qu’un fichier changerait, sans rien changer (code 2 s’il y a une différence)", diffConfig},
		{"apply", "montre ce qu’un fichier change, et l’applique avec --yes", applyConfig},
		{"starter", "écrit une organisation de départ : " + strings.Join(townfile.Starters(), ", "), starterConfig},
	}, args, out, errOut)
}

// A townFile is what the commands about the file of a town are told.
type townFile struct {
	dsn, siret, file string
	yes, founding    bool
}

func (c *townFile) flags(name string) *flag.FlagSet {
	fs := flag.NewFlagSet("parapheur config "+name, flag.ContinueOnError)
	fs.StringVar(&c.dsn, "database-url", "", "adresse de PostgreSQL")
	fs.StringVar(&c.siret, "siret", "", "SIRET de la collectivité")
	return fs
}

// begins adds the option of a town whose people have no passkey yet.
func (c *townFile) begins(fs *flag.FlagSet) {
	fs.BoolVar(&c.founding, "before-enrolment", false, "publie aussi les circuits où personne n’a encore de clé d’accès ou de certificat (collectivité qui commence)")
}

func exportConfig(ctx context.Context, args []string, out, errOut io.Writer) int {
	var c townFile
	fs := c.flags("export")
	fs.StringVar(&c.file, "output", "", "fichier à écrire (défaut : la sortie standard)")
	if err := parse(fs, args, os.Getenv, errOut); err != nil {
		return usage(errOut, err)
	}
	return operate(ctx, c.dsn, errOut, func(o *wiring.Operator) error {
		v, err := c.viewer(ctx, o)
		if err != nil {
			return err
		}
		s, _, err := o.Office.SetupOf(ctx, v)
		if err != nil {
			return err
		}
		if c.file == "" {
			return townfile.Format(out, s)
		}
		var file strings.Builder
		if err := townfile.Format(&file, s); err != nil {
			return err
		}
		return os.WriteFile(c.file, []byte(file.String()), 0o600) // it names people
	})
}

func diffConfig(ctx context.Context, args []string, out, errOut io.Writer) int {
	var c townFile
	fs := c.flags("diff")
	fs.StringVar(&c.file, "file", "", "fichier à comparer (« - » : l’entrée standard)")
	c.begins(fs)
	if err := parse(fs, args, os.Getenv, errOut); err != nil {
		return usage(errOut, err)
	}
	code := exitOK
	done := operate(ctx, c.dsn, errOut, func(o *wiring.Operator) error {
		_, _, r, err := c.plan(ctx, o)
		if err != nil {
			return err
		}
		if c.show(out, r); len(r.Lines) > 0 {
			code = exitDifferent
		}
		if r.Refusal(c.founding) != nil {
			code = exitUnready
		}
		return nil
	})
	if done != exitOK {
		return done
	}
	return code
}

func applyConfig(ctx context.Context, args []string, out, errOut io.Writer) int {
	var c townFile
	fs := c.flags("apply")
	fs.StringVar(&c.file, "file", "", "fichier à appliquer (« - » : l’entrée standard)")
	c.begins(fs)
	fs.BoolVar(&c.yes, "yes", false, "applique ce qui est montré ; sans cette option, rien n’est changé")
	if err := parse(fs, args, os.Getenv, errOut); err != nil {
		return usage(errOut, err)
	}
	code := exitOK
	done := operate(ctx, c.dsn, errOut, func(o *wiring.Operator) error {
		var err error
		code, err = c.apply(ctx, o, out)
		return err
	})
	if done != exitOK {
		return done
	}
	return code
}

// apply shows the plan and, when told to, applies it.
func (c *townFile) apply(ctx context.Context, o *wiring.Operator, out io.Writer) (code int, err error) {
	v, s, r, err := c.plan(ctx, o)
	if err != nil {
		return exitOK, err
	}
	c.show(out, r)
	switch {
	case r.Refusal(c.founding) != nil:
		fmt.Fprintln(out, "\nRien n’est changé : une lettre s’arrêterait dans ces circuits. Corrigez ce qui est marqué « ! », puis recommencez.")
		return exitUnready, nil
	case len(r.Lines) == 0:
		return exitOK, nil
	case !c.yes:
		fmt.Fprintln(out, "\nRien n’est changé. Pour appliquer : la même commande avec --yes.")
		return exitOK, nil
	}
	_, err = o.Office.ApplySetup(ctx, v, s, dossiers.Terms{Shown: r.Digest(), Founding: c.founding})
	if errors.Is(err, dossiers.ErrUnready) {
		fmt.Fprintln(out, "\nRien n’est changé :", said(err))
		return exitUnready, nil
	}
	if err != nil {
		return exitOK, said(err)
	}
	fmt.Fprintln(out, "\nC’est appliqué, et inscrit au journal de la collectivité.")
	if newcomers(r) {
		fmt.Fprintln(out, "Les personnes ajoutées n’ont pas encore de clé d’accès : invitez-les (« parapheur town invite », ou la page Personnes).")
	}
	return exitOK, nil
}

func starterConfig(_ context.Context, args []string, out, errOut io.Writer) int {
	if len(args) != 1 {
		return usage(errOut, errors.New("indiquez une organisation de départ : "+strings.Join(townfile.Starters(), ", ")))
	}
	if isHelp(args[0]) {
		fmt.Fprintf(out, "Usage : parapheur config starter %s > ville.yaml\n", strings.Join(townfile.Starters(), "|"))
		return exitOK
	}
	raw, err := townfile.Starter(args[0])
	if err != nil {
		return usage(errOut, err)
	}
	if _, err := out.Write(raw); err != nil {
		return fail(errOut, err)
	}
	return exitOK
}

// viewer is the operator, in the town.
func (c *townFile) viewer(ctx context.Context, o *wiring.Operator) (dossiers.Viewer, error) {
	t, err := o.Town(ctx, c.siret)
	if err != nil {
		return dossiers.Viewer{}, noTown(c.siret, err)
	}
	return dossiers.Viewer{Tenant: t, Person: &dossiers.Person{FamilyName: operatorName, Admin: true}}, nil
}

// plan reads the file and says what it changes.
func (c *townFile) plan(ctx context.Context, o *wiring.Operator) (v dossiers.Viewer, s dossiers.Setup, r dossiers.Reform, err error) {
	if v, err = c.viewer(ctx, o); err != nil {
		return v, s, r, err
	}
	if s, err = c.read(); err != nil {
		return v, s, r, err
	}
	r, err = o.Office.PlanSetup(ctx, v, s)
	return v, s, r, said(err)
}

func (c *townFile) read() (dossiers.Setup, error) {
	switch c.file {
	case "":
		return dossiers.Setup{}, errors.New("--file est nécessaire")
	case "-":
		return townfile.Parse(os.Stdin)
	}
	f, err := os.Open(c.file)
	if err != nil {
		return dossiers.Setup{}, err
	}
	defer f.Close() //nolint:errcheck // read only
	s, err := townfile.Parse(f)
	if err != nil {
		return s, fmt.Errorf("%s :\n%w", c.file, err)
	}
	return s, nil
}

// said gives the French sentence of what is wrong with a set-up.
func said(err error) error {
	var invalid *dossiers.InvalidError
	var unready *dossiers.UnreadyError
	switch {
	case errors.As(err, &invalid):
		return errors.New(invalid.Reason)
	case errors.As(err, &unready):
		var lines []string
		for _, r := range unready.Reasons {
			lines = append(lines, r.Reason)
		}
		return errors.New(strings.Join(lines, "\n"))
	case errors.Is(err, dossiers.ErrConflict):
		return errors.New("l’organisation a changé depuis que le plan a été montré : relancez la commande")
	}
	return err
}

// show writes a plan, and what is to be known of its circuits: "!" keeps it from
// being applied, "?" does not.
func (c *townFile) show(out io.Writer, r dossiers.Reform) {
	if len(r.Lines) == 0 {
		fmt.Fprintln(out, "Rien à changer : la collectivité est comme le fichier la décrit.")
		return
	}
	count := map[string]int{}
	for _, l := range r.Lines {
		count[l.Sign]++
		fmt.Fprintf(out, "%s %s\n", l.Sign, l.What)
		for _, d := range l.Details {
			fmt.Fprintf(out, "    %s\n", d)
		}
	}
	fmt.Fprintf(out, "\n%d ajout(s), %d modification(s), %d mise(s) hors d’usage.\n", count["+"], count["~"], count["-"])
	if len(r.Findings) > 0 {
		fmt.Fprintln(out)
	}
	for _, f := range r.Findings {
		mark := "?"
		if f.Blocks(c.founding) {
			mark = "!"
		}
		fmt.Fprintf(out, "%s %s\n", mark, f.French())
	}
}

// newcomers reports whether the plan adds somebody.
func newcomers(r dossiers.Reform) bool {
	for _, l := range r.Lines {
		if l.Sign == "+" && strings.HasPrefix(l.What, "personne") {
			return true
		}
	}
	return false
}
