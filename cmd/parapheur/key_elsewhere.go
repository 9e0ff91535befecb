package main

import (
	"context"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"parapheur/certs"
	"parapheur/circuits"
	"parapheur/internal/keyring"
	"parapheur/internal/wiring"
)

// A tokenKey is what "key add-pkcs11" is told.
type tokenKey struct {
	newKey
	at                  keyring.Token
	pinFile, certsFiles string
}

func addTokenKey(ctx context.Context, args []string, out, errOut io.Writer) int {
	var k tokenKey
	flags := flag.NewFlagSet("parapheur key add-pkcs11", flag.ContinueOnError)
	dsn := k.newKey.flags(flags)
	flags.StringVar(&k.at.Module, "module", "", "bibliothèque PKCS#11 du fabricant, au même endroit sur chaque nœud")
	flags.StringVar(&k.at.TokenLabel, "token", "", "étiquette du module (token label)")
	flags.StringVar(&k.at.TokenSerial, "token-serial", "", "numéro de série du module, à la place de --token")
	flags.StringVar(&k.at.KeyLabel, "key", "", "étiquette de la paire de clés (CKA_LABEL)")
	flags.StringVar(&k.at.KeyID, "key-id", "", "identifiant de la paire de clés (CKA_ID), en hexadécimal")
	flags.BoolVar(&k.at.PSS, "pss", false, "signe en RSASSA-PSS plutôt qu’en PKCS#1 v1.5 (clé RSA)")
	flags.StringVar(&k.pinFile, "pin-file", "", "fichier du code PIN, sur une ligne")
	flags.StringVar(&k.certsFiles, "certificates", "", "fichier PEM du certificat de la clé et de ses autorités, s’ils ne sont pas dans le module")
	if err := parse(flags, args, os.Getenv, errOut); err != nil {
		return usage(errOut, err)
	}
	if err := errors.Join(k.check(), k.complete()); err != nil {
		return usage(errOut, err)
	}
	return operate(ctx, *dsn, errOut, func(o *wiring.Operator) error { return k.run(ctx, o, out) })
}

func (k *tokenKey) complete() error {
	if k.at.Module == "" || k.pinFile == "" || (k.at.TokenLabel == "") == (k.at.TokenSerial == "") || k.at.KeyLabel == "" && k.at.KeyID == "" {
		return errors.New("--module, --pin-file, --token ou --token-serial, et --key ou --key-id sont nécessaires")
	}
	return nil
}

func (k *tokenKey) run(ctx context.Context, o *wiring.Operator, out io.Writer) error {
	pin, err := firstLine(k.pinFile, "code PIN")
	if err != nil {
		return err
	}
	known, err := readRoots(k.certsFiles)
	if err != nil {
		return err
	}
	return k.bring(ctx, o, out, "La clé reste dans le module ; son code PIN est chiffré dans la base. Effacez le fichier du code.",
		func(ring *keyring.Ring, whose owner, to keyring.Owner) error {
			return ring.AddToken(ctx, whose.town, to, k.at, pin, known)
		})
}

// bring adds a key that lies elsewhere and tells of it.
func (k *newKey) bring(ctx context.Context, o *wiring.Operator, out io.Writer, after string,
	add func(ring *keyring.Ring, whose owner, to keyring.Owner) error,
) error {
	whose, err := k.owner(ctx, o)
	if err != nil {
		return err
	}
	ring, err := k.ring(o, false)
	if err != nil {
		return err
	}
	defer ring.Close()
	id, err := o.ID(ctx)
	if err != nil {
		return err
	}
	var cert *x509.Certificate
	judge := func(chain []*x509.Certificate) error {
		cert = chain[0]
		return k.trusted(chain, time.Now())
	}
	err = add(ring, whose, keyring.Owner{ID: id, Person: whose.person, Label: k.label, Judge: judge, By: circuits.Actor{Name: operatorName}})
	if err != nil {
		return refusedKey(err)
	}
	whose.installed(out, cert)
	fmt.Fprintln(out, after)
	return nil
}

// A remoteKey is what "key add-csc" is told.
type remoteKey struct {
	newKey
	at                               keyring.Remote
	secretFile, refreshFile, pinFile string
}

func addRemoteKey(ctx context.Context, args []string, out, errOut io.Writer) int {
	var k remoteKey
	flags := flag.NewFlagSet("parapheur key add-csc", flag.ContinueOnError)
	dsn := k.newKey.flags(flags)
	flags.StringVar(&k.at.BaseURL, "url", "", "adresse de l’API du service, version comprise : https://…/csc/v2")
	flags.StringVar(&k.at.OAuthURL, "oauth-url", "", "adresse de base de son serveur d’autorisation (défaut : celle de --url sans /csc/v2)")
	flags.StringVar(&k.at.ClientID, "client-id", "", "identifiant de cette installation auprès du service")
	flags.StringVar(&k.secretFile, "client-secret-file", "", "fichier de son secret")
	flags.StringVar(&k.refreshFile, "refresh-token-file", "", "fichier du jeton de renouvellement du titulaire, si le service en veut un")
	flags.StringVar(&k.at.Credential, "credential", "", "identifiant de la clé auprès du service")
	flags.StringVar(&k.pinFile, "pin-file", "", "fichier du code PIN, pour une clé qui en demande un à chaque usage")
	flags.BoolVar(&k.at.PSS, "pss", false, "signe en RSASSA-PSS plutôt qu’en PKCS#1 v1.5 (clé RSA)")
	if err := parse(flags, args, os.Getenv, errOut); err != nil {
		return usage(errOut, err)
	}
	if err := k.check(); err != nil {
		return usage(errOut, err)
	}
	if k.at.BaseURL == "" || k.at.ClientID == "" || k.at.Credential == "" {
		return usage(errOut, errors.New("--url, --client-id et --credential sont nécessaires"))
	}
	if k.at.OAuthURL == "" {
		k.at.OAuthURL, _, _ = strings.Cut(k.at.BaseURL, "/csc/")
	}
	return operate(ctx, *dsn, errOut, func(o *wiring.Operator) error { return k.run(ctx, o, out) })
}

func (k *remoteKey) run(ctx context.Context, o *wiring.Operator, out io.Writer) error {
	var s keyring.RemoteSecrets
	for _, f := range []struct {
		file, what string
		into       *string
	}{{k.secretFile, "secret du service", &s.ClientSecret}, {k.refreshFile, "jeton de renouvellement", &s.RefreshToken}, {k.pinFile, "code PIN", &s.PIN}} {
		if f.file == "" {
			continue
		}
		var err error
		if *f.into, err = firstLine(f.file, f.what); err != nil {
			return err
		}
	}
	return k.bring(ctx, o, out, "La clé reste chez le service ; les secrets qui y mènent sont chiffrés dans la base. Effacez leurs fichiers.",
		func(ring *keyring.Ring, whose owner, to keyring.Owner) error {
			mode, err := ring.AddRemote(ctx, whose.town, to, k.at, s)
			if err == nil && mode == certs.CSCOAuth {
				fmt.Fprintf(out, "Adresse de retour à déclarer auprès du service : %s\n", keyring.Callback(whose.town))
			}
			return err
		})
}
