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

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/keyring"
	"parapheur/internal/wiring"
)

// exitUnusable is the code of "key check" when somebody could not sign today.
const exitUnusable = 2

// namedKeys are the keys of a town with the names of their owners.
func namedKeys(ctx context.Context, o *wiring.Operator, t dossiers.Tenant) ([]keyring.StoredKey, map[circuits.PersonID]string, error) {
	all, err := o.Store.SigningKeys(ctx, t.ID)
	if err != nil {
		return nil, nil, err
	}
	people, err := o.Store.People(ctx, t.ID)
	if err != nil {
		return nil, nil, err
	}
	names := map[circuits.PersonID]string{"": "cachet de la collectivité"}
	for _, p := range people {
		names[p.ID] = p.Name()
	}
	return all, names, nil
}

func listKeys(ctx context.Context, args []string, out, errOut io.Writer) int {
	flags := flag.NewFlagSet("parapheur key list", flag.ContinueOnError)
	dsn := flags.String("database-url", "", "adresse de PostgreSQL")
	siret := flags.String("siret", "", "SIRET de la collectivité")
	all := flags.Bool("all", false, "montre aussi les clés retirées ou remplacées")
	if err := parse(flags, args, os.Getenv, errOut); err != nil {
		return usage(errOut, err)
	}
	return operate(ctx, *dsn, errOut, func(o *wiring.Operator) error {
		t, err := o.Town(ctx, *siret)
		if err != nil {
			return noTown(*siret, err)
		}
		keys, names, err := namedKeys(ctx, o, t)
		if err != nil {
			return err
		}
		for _, k := range keys {
			if *all || k.RetiredAt.IsZero() {
				fmt.Fprintf(out, "%s  %-11s  %s  jusqu’au %s  « %s »%s\n", k.ID, kindNamed(k.Kind), names[k.Person], k.NotAfter.Format("02/01/2006"), k.Label, stateOf(k))
			}
		}
		return nil
	})
}

func kindNamed(k keyring.Kind) string {
	switch k {
	case keyring.PKCS11:
		return "module"
	case keyring.CSC:
		return "service"
	case keyring.PKCS12:
	}
	return "fichier"
}

func stateOf(k keyring.StoredKey) string {
	switch {
	case k.RetiredFor != "":
		return ", retirée le " + k.RetiredAt.Format("02/01/2006") + " : " + k.RetiredFor
	case !k.RetiredAt.IsZero():
		return ", remplacée le " + k.RetiredAt.Format("02/01/2006")
	case k.Suspended != "":
		return ", suspendue : code PIN refusé"
	}
	return ""
}

func checkKeys(ctx context.Context, args []string, out, errOut io.Writer) int {
	var k keyringFlags
	flags := flag.NewFlagSet("parapheur key check", flag.ContinueOnError)
	dsn := k.flags(flags)
	offline := flags.Bool("offline", false, "n’interroge personne sur la révocation")
	if err := parse(flags, args, os.Getenv, errOut); err != nil {
		return usage(errOut, err)
	}
	usable := true
	code := operate(ctx, *dsn, errOut, func(o *wiring.Operator) error {
		t, err := o.Town(ctx, k.siret)
		if err != nil {
			return noTown(k.siret, err)
		}
		ring, err := k.ring(o, !*offline)
		if err != nil {
			return err
		}
		usable, err = checkTown(ctx, o, ring, t, out)
		return err
	})
	if code == exitOK && !usable {
		return exitUnusable
	}
	return code
}

// checkTown judges every key in force and answers whether all could sign.
func checkTown(ctx context.Context, o *wiring.Operator, ring *keyring.Ring, t dossiers.Tenant, out io.Writer) (bool, error) {
	keys, names, err := namedKeys(ctx, o, t)
	if err != nil {
		return false, err
	}
	usable, found := true, false
	for _, k := range keys {
		if !k.RetiredAt.IsZero() {
			continue
		}
		found = true
		// Its refusal is part of what is judged next.
		if err := ring.Prefetch(ctx, t, k.Person); err != nil && ctx.Err() != nil {
			return false, err
		}
		state, err := ring.Judge(ctx, t, k)
		if err != nil {
			return false, err
		}
		fmt.Fprintf(out, "%s : %s\n", names[k.Person], judged(state))
		for _, p := range state.Problems {
			fmt.Fprintf(out, "  - %s\n", problemSaid(p))
		}
		usable = usable && state.Usable
	}
	if !found {
		fmt.Fprintln(out, "Aucune clé : personne ne peut signer.")
	}
	return usable && found, nil
}

func judged(s keyring.Readiness) string {
	if !s.Usable {
		return fmt.Sprintf("ne peut pas signer aujourd’hui (certificat de « %s »)", s.Holder)
	}
	return fmt.Sprintf("peut signer, jusqu’au %s (certificat de « %s »)", s.NotAfter.Format("02/01/2006"), s.Holder)
}

// problemSaid is what an operator reads.
func problemSaid(p keyring.Problem) string {
	said, ok := map[keyring.Problem]string{
		keyring.NoKey:           "aucune clé",
		keyring.Suspended:       "le module a refusé le code PIN : corrigez-le, puis apportez de nouveau la clé",
		keyring.Expired:         "le certificat a expiré",
		keyring.NotYetValid:     "le certificat n’est pas encore valable",
		keyring.WeakKey:         "la clé ou son certificat est trop faible (RSA 3072 bits ou P-256 au moins)",
		keyring.WrongUsage:      "le certificat n’est pas fait pour signer des documents",
		keyring.Untrusted:       "le certificat ne mène à aucune des racines de --roots",
		keyring.Revoked:         "le certificat est révoqué",
		keyring.DemoKey:         "c’est une clé de démonstration",
		keyring.ExpiresSoon:     "le certificat expire dans moins de trente jours : demandez-en un autre",
		keyring.RevocationOpen:  "son autorité n’a pas dit si le certificat est révoqué : les niveaux LT et LTA attendront",
		keyring.NeedsActivation: "le titulaire sera envoyé chez son service de signature pour chaque lot",
	}[p]
	if !ok {
		return string(p)
	}
	return said
}

func retireKey(ctx context.Context, args []string, out, errOut io.Writer) int {
	flags := flag.NewFlagSet("parapheur key retire", flag.ContinueOnError)
	dsn := flags.String("database-url", "", "adresse de PostgreSQL")
	siret := flags.String("siret", "", "SIRET de la collectivité")
	id := flags.String("key", "", "identifiant de la clé, tel que le montre « key list »")
	reason := flags.String("reason", "", "motif, inscrit au journal : « fin de mandat », « carte perdue »")
	if err := parse(flags, args, os.Getenv, errOut); err != nil {
		return usage(errOut, err)
	}
	if *id == "" || strings.TrimSpace(*reason) == "" {
		return usage(errOut, errors.New("--key et --reason sont nécessaires"))
	}
	return operate(ctx, *dsn, errOut, func(o *wiring.Operator) error {
		t, err := o.Town(ctx, *siret)
		if err != nil {
			return noTown(*siret, err)
		}
		err = o.Store.RetireSigningKey(ctx, t.ID, *id, *reason, circuits.Actor{Name: operatorName}, time.Now())
		if errors.Is(err, dossiers.ErrNotFound) {
			return fmt.Errorf("aucune clé en service n’a l’identifiant %s : %w", *id, err)
		}
		if err != nil {
			return err
		}
		fmt.Fprintln(out, "La clé est retirée : elle ne servira plus. Les lettres déjà signées restent valables ; si la clé est perdue ou volée, faites aussi révoquer son certificat par son autorité.")
		return nil
	})
}
