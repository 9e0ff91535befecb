package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"parapheur/certs"
	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/hosting"
	"parapheur/internal/wiring"
)

// operatorName signs in the journal what is done from the command line.
const operatorName = "Opérateur du service"

// townCommand is "parapheur town add|invite|list": what must exist before
// somebody can sign in and administer.
func townCommand(ctx context.Context, args []string, out, errOut io.Writer) int {
	return sub(ctx, "town", []command{
		{"add", "crée une collectivité et montre, une fois, le lien de son premier administrateur", addTown},
		{"invite", "refait un lien d’enrôlement pour une personne, par exemple quand le premier a expiré", inviteFromTown},
		{"name-admin", "nomme administrateur quelqu’un qui a une clé d’accès, quand plus aucun administrateur n’en a", nameAdmin},
		{"oidc", "donne à une collectivité un fournisseur d’identité : ProConnect ou un autre", setTownProvider},
		{"list", "liste les collectivités", listTowns},
	}, args, out, errOut)
}

// sub runs one of the commands of a family.
func sub(ctx context.Context, family string, all []command, args []string, out, errOut io.Writer) int {
	for _, c := range all {
		if len(args) > 0 && args[0] == c.name {
			return c.run(ctx, args[1:], out, errOut)
		}
	}
	w, code := errOut, exitUsage
	if len(args) > 0 && isHelp(args[0]) {
		w, code = out, exitOK
	}
	fmt.Fprintf(w, "Usage : parapheur %s <commande> [options]\n\n", family)
	for _, c := range all {
		fmt.Fprintf(w, "  %-10s  %s\n", c.name, c.help)
	}
	return code
}

// A newTown is what "town add" is told.
type newTown struct {
	siret, name, place, origin, email, admin string
	sandbox                                  bool
	masterKeyFile                            string
}

func addTown(ctx context.Context, args []string, out, errOut io.Writer) int {
	var n newTown
	fs := flag.NewFlagSet("parapheur town add", flag.ContinueOnError)
	dsn := fs.String("database-url", "", "adresse de PostgreSQL, pour un rôle propriétaire du schéma, comme « migrate »")
	fs.StringVar(&n.siret, "siret", "", "SIRET de la collectivité, 14 chiffres : il figure dans toutes les preuves")
	fs.StringVar(&n.name, "name", "", "nom : « Ville de Saint-Aubin-sur-Loire »")
	fs.StringVar(&n.place, "place", "", "lieu qui figure dans les lettres : « Saint-Aubin-sur-Loire »")
	fs.StringVar(&n.origin, "origin", "", "adresse du parapheur : « https://parapheur.saint-aubin.fr » ; en changer rend les clés d’accès inutilisables")
	fs.StringVar(&n.email, "admin-email", "", "adresse électronique du premier administrateur")
	fs.StringVar(&n.admin, "admin-name", "", "prénom et nom du premier administrateur : le prénom est le premier mot")
	fs.BoolVar(&n.sandbox, "sandbox", false, "crée un bac à sable : fausses clés, personnes d’essai, horloge qu’on avance ; sans SIRET, et pour toujours")
	fs.StringVar(&n.masterKeyFile, "master-key-file", "", "avec --sandbox : fichier de la clé maîtresse de l’installation, qui scelle ses fausses clés")
	if err := parse(fs, args, os.Getenv, errOut); err != nil {
		return usage(errOut, err)
	}
	t, err := n.tenant()
	if err != nil {
		return usage(errOut, err)
	}
	if n.sandbox {
		return operate(ctx, *dsn, errOut, func(o *wiring.Operator) error { return n.addSandbox(ctx, o, t, out) })
	}
	return operate(ctx, *dsn, errOut, func(o *wiring.Operator) error {
		link, err := found(ctx, o, t, n)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s est créée.\n\nLien de %s, valable sept jours et montré cette seule fois :\n\n  %s\n\n", t.Name, n.admin, link)
		fmt.Fprintln(out, "Suite : nommer les titulaires des bureaux, puis importer les certificats de signature (« parapheur key import »).")
		return nil
	})
}

// tenant checks what cannot be changed later.
func (n *newTown) tenant() (dossiers.Tenant, error) {
	n.siret = strings.ReplaceAll(n.siret, " ", "")
	switch {
	case n.sandbox && n.siret != "":
		return dossiers.Tenant{}, errors.New("--siret : un bac à sable n’en a pas, il reçoit un numéro que l’INSEE n’attribue à personne")
	case n.sandbox && n.masterKeyFile == "":
		return dossiers.Tenant{}, errors.New("--master-key-file est nécessaire avec --sandbox")
	case !n.sandbox && dossiers.Tenant{SIRET: n.siret}.Sandbox():
		return dossiers.Tenant{}, fmt.Errorf("--siret : %q est un numéro de bac à sable : demandez --sandbox", n.siret)
	case !n.sandbox && !hosting.ValidSIRET(n.siret):
		return dossiers.Tenant{}, fmt.Errorf("--siret : %q n’est pas un SIRET valable (14 chiffres, avec leur clé)", n.siret)
	case strings.TrimSpace(n.name) == "", strings.TrimSpace(n.place) == "":
		return dossiers.Tenant{}, errors.New("--name et --place sont nécessaires")
	case n.email == "":
		return dossiers.Tenant{}, errors.New("--admin-email est nécessaire")
	case len(strings.Fields(n.admin)) < 2:
		return dossiers.Tenant{}, errors.New("--admin-name : indiquez le prénom, puis le nom")
	}
	host, err := originHost(n.origin)
	if err != nil {
		return dossiers.Tenant{}, err
	}
	return dossiers.Tenant{
		SIRET: n.siret, Name: strings.TrimSpace(n.name), Place: strings.TrimSpace(n.place), RPID: host, Origin: n.origin,
	}, nil
}

// originHost names the flag in what hosting.OriginHost refuses.
func originHost(origin string) (string, error) {
	host, err := hosting.OriginHost(origin)
	if why := (*dossiers.InvalidError)(nil); errors.As(err, &why) {
		return "", fmt.Errorf("--origin : %s", why.Reason)
	}
	return host, err
}

// addSandbox creates a sandbox with its people, and shows what is shown once.
func (n *newTown) addSandbox(ctx context.Context, o *wiring.Operator, t dossiers.Tenant, out io.Writer) error {
	key, err := certs.LoadMasterKey(n.masterKeyFile)
	if err != nil {
		return err
	}
	if t, err = o.AddTown(ctx, t); err != nil {
		return err
	}
	given, family, _ := strings.Cut(strings.TrimSpace(n.admin), " ")
	f, err := demo.FoundSandbox(ctx, o.Office.Parts, key, t, dossiers.PlannedPerson{GivenName: given, FamilyName: strings.TrimSpace(family), Email: n.email})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s est créé : un bac à sable, dont rien n’a de valeur (SIRET d’essai %s).\n\n", t.Name, t.SIRET)
	fmt.Fprintf(out, "Montrés cette seule fois :\n\n  Clé d’API       %s\n  Administrateur  %s\n\n", f.APIKeys[demo.SandboxGEC], enrolmentLink(t, f.Invitations[n.email]))
	fmt.Fprintln(out, "Personnes d’essai, dont l’API joue les décisions : redactrice, dgs, maire, adjoint. Le nœud le sert dans les cinq secondes.")
	return nil
}

// found creates the town with its administrator and the two desks and two
// circuits that every town hall begins with, and answers the link.
func found(ctx context.Context, o *wiring.Operator, t dossiers.Tenant, n newTown) (string, error) {
	t, err := o.AddTown(ctx, t)
	if err != nil {
		return "", err
	}
	given, family, _ := strings.Cut(strings.TrimSpace(n.admin), " ")
	f, err := o.Office.Found(ctx, t, hosting.FirstDay(dossiers.PlannedPerson{
		GivenName: given, FamilyName: strings.TrimSpace(family), Email: n.email, Admin: true,
	}))
	if err != nil {
		return "", err
	}
	for _, token := range f.Invitations {
		return enrolmentLink(t, token), nil
	}
	return "", errors.New("l’invitation n’a pas été faite : relancez « parapheur town invite »")
}

func enrolmentLink(t dossiers.Tenant, token string) string { return t.Origin + "/enrolement/" + token }

func inviteFromTown(ctx context.Context, args []string, out, errOut io.Writer) int {
	const who = "adresse électronique d’une personne déjà connue de la collectivité"
	return forPerson(ctx, "invite", who, args, errOut, func(o *wiring.Operator, operator dossiers.Viewer, p dossiers.Person) error {
		token, expires, err := o.Office.InvitePerson(ctx, operator, p.ID)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "Lien de %s, valable jusqu’au %s et montré cette seule fois :\n\n  %s\n\n", p.Name(), expires.Format("02/01/2006 15:04 MST"), enrolmentLink(operator.Tenant, token))
		if p.Passkeys > 0 {
			fmt.Fprintf(out, "Attention : %s a déjà une clé d’accès. L’invitation est inscrite au journal.\n", p.Name())
		}
		return nil
	})
}

func nameAdmin(ctx context.Context, args []string, out, errOut io.Writer) int {
	const who = "adresse électronique d’une personne qui a déjà une clé d’accès"
	return forPerson(ctx, "name-admin", who, args, errOut, func(o *wiring.Operator, operator dossiers.Viewer, p dossiers.Person) error {
		if p.Passkeys == 0 {
			return fmt.Errorf("%s n’a pas de clé d’accès : nommez quelqu’un qui peut confirmer celles des autres", p.Name())
		}
		g, err := o.Office.Organisation(ctx, operator)
		if err != nil {
			return err
		}
		for _, m := range g.People {
			if m.ID != p.ID {
				continue
			}
			m.Admin = true
			if _, err := o.Office.Amend(ctx, operator, dossiers.MemberSet{Member: m}); err != nil {
				return err
			}
		}
		fmt.Fprintf(out, "%s administre désormais %s, et peut confirmer les clés d’accès. C’est inscrit au journal.\n", p.Name(), operator.Tenant.Name)
		return nil
	})
}

// forPerson runs a command of the operator about one person of one town.
func forPerson(ctx context.Context, name, who string, args []string, errOut io.Writer, do func(*wiring.Operator, dossiers.Viewer, dossiers.Person) error) int {
	fs := flag.NewFlagSet("parapheur town "+name, flag.ContinueOnError)
	dsn := fs.String("database-url", "", "adresse de PostgreSQL")
	siret := fs.String("siret", "", "SIRET de la collectivité")
	email := fs.String("email", "", who)
	if err := parse(fs, args, os.Getenv, errOut); err != nil {
		return usage(errOut, err)
	}
	return operate(ctx, *dsn, errOut, func(o *wiring.Operator) error {
		t, err := o.Town(ctx, *siret)
		if err != nil {
			return noTown(*siret, err)
		}
		p, err := o.Store.PersonByEmail(ctx, t.ID, *email)
		if err != nil {
			return noPerson(*email, err)
		}
		return do(o, dossiers.Viewer{Tenant: t, Person: &dossiers.Person{FamilyName: operatorName, Admin: true}}, p)
	})
}

func listTowns(ctx context.Context, args []string, out, errOut io.Writer) int {
	fs := flag.NewFlagSet("parapheur town list", flag.ContinueOnError)
	dsn := fs.String("database-url", "", "adresse de PostgreSQL")
	if err := parse(fs, args, os.Getenv, errOut); err != nil {
		return usage(errOut, err)
	}
	return operate(ctx, *dsn, errOut, func(o *wiring.Operator) error {
		towns, err := o.Towns(ctx)
		for _, t := range towns {
			mark := ""
			switch {
			case t.Demo:
				mark = "  (démonstration)"
			case t.Sandbox():
				mark = "  (bac à sable)"
			}
			fmt.Fprintf(out, "%s  %s  %s%s\n", t.SIRET, t.Origin, t.Name, mark)
		}
		return err
	})
}

// operate runs what the operator asked on a database.
func operate(ctx context.Context, dsn string, errOut io.Writer, do func(*wiring.Operator) error) int {
	if dsn == "" {
		return usage(errOut, errNoDatabase)
	}
	o, err := wiring.OpenOperator(ctx, dsn, time.Now)
	if err != nil {
		return fail(errOut, err)
	}
	defer o.Close()
	if err := do(o); err != nil {
		return fail(errOut, err)
	}
	return exitOK
}

func noTown(siret string, err error) error {
	if errors.Is(err, dossiers.ErrNotFound) {
		return fmt.Errorf("aucune collectivité n’a le SIRET %q : voyez « parapheur town list »", siret)
	}
	return err
}

func noPerson(email string, err error) error {
	if errors.Is(err, dossiers.ErrNotFound) {
		return fmt.Errorf("personne n’a l’adresse %q dans cette collectivité", email)
	}
	return err
}
