package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"

	"parapheur/dossiers"
	"parapheur/internal/wiring"
)

// A townProvider is what "town oidc" is told.
type townProvider struct {
	key        keyringFlags
	name       string
	issuer     string
	clientID   string
	secretFile string
	scopes     string
	acr        string
	siren      bool
	remove     bool
}

func setTownProvider(ctx context.Context, args []string, out, errOut io.Writer) int {
	var p townProvider
	fs := flag.NewFlagSet("parapheur town oidc", flag.ContinueOnError)
	dsn := fs.String("database-url", "", "adresse de PostgreSQL")
	fs.StringVar(&p.key.siret, "siret", "", "SIRET de la collectivité")
	fs.StringVar(&p.key.data, "data", "data", "dossier de données de « serve », où se trouve la clé maîtresse à défaut de --master-key-file")
	fs.StringVar(&p.key.masterKeyFile, "master-key-file", "", "clé maîtresse de « serve » (défaut : DATA/master.key)")
	fs.StringVar(&p.name, "provider-name", "ProConnect", "nom du fournisseur d’identité, tel que les personnes le lisent")
	fs.StringVar(&p.issuer, "issuer", "", "adresse du fournisseur (issuer) : « https://auth.agentconnect.gouv.fr/api/v2 »")
	fs.StringVar(&p.clientID, "client-id", "", "identifiant de ce parapheur auprès du fournisseur")
	fs.StringVar(&p.secretFile, "client-secret-file", "", "fichier du secret, sur une ligne ; il est chiffré dans la base")
	fs.StringVar(&p.scopes, "scopes", "given_name usual_name email uid siret idp_id", "données demandées, en plus d’openid")
	fs.StringVar(&p.acr, "acr", "eidas1-mfa,eidas2,eidas3", "niveaux d’authentification acceptés, séparés par des virgules")
	fs.BoolVar(&p.siren, "whole-siren", false, "accepte tous les établissements du SIREN, non le seul SIRET")
	fs.BoolVar(&p.remove, "remove", false, "retire le fournisseur ; les comptes rattachés sont gardés")
	if err := parse(fs, args, os.Getenv, errOut); err != nil {
		return usage(errOut, err)
	}
	if err := p.check(); err != nil {
		return usage(errOut, err)
	}
	return operate(ctx, *dsn, errOut, func(o *wiring.Operator) error { return p.run(ctx, o, out) })
}

// check refuses an issuer that is not a plain https address; http is for a
// provider on this machine.
func (p *townProvider) check() error {
	if p.remove {
		return nil
	}
	u, err := url.Parse(p.issuer)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return fmt.Errorf("--issuer : %q n’est pas l’adresse d’un fournisseur", p.issuer)
	}
	local := u.Hostname() == "localhost" || u.Hostname() == "127.0.0.1"
	if u.Scheme != "https" && (u.Scheme != "http" || !local) {
		return fmt.Errorf("--issuer : %s doit commencer par https://", p.issuer)
	}
	if p.clientID == "" || p.secretFile == "" {
		return errors.New("--client-id et --client-secret-file sont nécessaires")
	}
	return nil
}

func (p *townProvider) run(ctx context.Context, o *wiring.Operator, out io.Writer) error {
	t, err := o.Town(ctx, p.key.siret)
	if err != nil {
		return noTown(p.key.siret, err)
	}
	operator := dossiers.Viewer{Tenant: t, Person: &dossiers.Person{FamilyName: operatorName, Admin: true}}
	if p.remove {
		if err := o.Office.RemoveSignOn(ctx, operator); err != nil {
			if errors.Is(err, dossiers.ErrNotFound) {
				return fmt.Errorf("%s n’a pas de fournisseur d’identité", t.Name)
			}
			return err
		}
		fmt.Fprintf(out, "%s n’a plus de fournisseur d’identité : chacun entre avec sa clé d’accès.\n", t.Name)
		return nil
	}
	master, err := p.key.masterKey()
	if err != nil {
		return err
	}
	if err := o.Unlock(master); err != nil {
		return err
	}
	raw, err := os.ReadFile(p.secretFile)
	if err != nil {
		return fmt.Errorf("--client-secret-file : %w", err)
	}
	s := dossiers.SignOn{
		Name: p.name, Issuer: p.issuer, ClientID: p.clientID, Scopes: strings.Fields(p.scopes),
		ACR: strings.FieldsFunc(p.acr, func(r rune) bool { return r == ',' || r == ' ' }), WholeSIREN: p.siren,
	}
	if err := o.Office.SetSignOn(ctx, operator, s, strings.TrimSpace(string(raw))); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s : connexion par %s. Déclarez chez le fournisseur :\n\n  adresse de retour       %s/connexion/retour\n  retour de déconnexion   %s/connexion\n  signature de userinfo   RS256 ou ES256\n\n",
		t.Name, p.name, t.Origin, t.Origin)
	fmt.Fprintln(out, "Le secret est chiffré dans la base. Effacez son fichier.")
	return nil
}
