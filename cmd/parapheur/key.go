package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"parapheur/certs"
	"parapheur/circuits"
	"parapheur/internal/wiring"
)

// keyCommand is "parapheur key import".
func keyCommand(ctx context.Context, args []string, out, errOut io.Writer) int {
	return sub(ctx, "key", []command{
		{"import", "donne à une personne, ou à la collectivité, la clé de signature d’un fichier PKCS#12", importKey},
	}, args, out, errOut)
}

// A keyImport is what "key import" is told.
type keyImport struct {
	siret, email, file, passwordFile, label string
	data, masterKeyFile, roots              string
	seal                                    bool
}

func importKey(ctx context.Context, args []string, out, errOut io.Writer) int {
	var k keyImport
	flags := flag.NewFlagSet("parapheur key import", flag.ContinueOnError)
	dsn := flags.String("database-url", "", "adresse de PostgreSQL")
	flags.StringVar(&k.siret, "siret", "", "SIRET de la collectivité")
	flags.StringVar(&k.email, "email", "", "adresse électronique de la personne qui signera avec cette clé")
	flags.BoolVar(&k.seal, "seal", false, "la clé est le cachet de la collectivité, à la place de --email")
	flags.StringVar(&k.file, "p12", "", "fichier PKCS#12 (.p12, .pfx)")
	flags.StringVar(&k.passwordFile, "password-file", "", "fichier du mot de passe du PKCS#12, sur une ligne")
	flags.StringVar(&k.label, "label", "", "nom de la clé dans le journal (défaut : le nom que porte le certificat)")
	flags.StringVar(&k.roots, "roots", "", "fichier PEM des racines des certificats de signature, le même que celui de « serve »")
	flags.StringVar(&k.data, "data", "data", "dossier de données de « serve », où se trouve la clé maîtresse à défaut de --master-key-file")
	flags.StringVar(&k.masterKeyFile, "master-key-file", "", "clé maîtresse de « serve » (défaut : DATA/master.key)")
	if err := parse(flags, args, os.Getenv, errOut); err != nil {
		return usage(errOut, err)
	}
	switch {
	case k.seal == (k.email != ""):
		return usage(errOut, errors.New("indiquez --email ou --seal, l’un des deux"))
	case k.file == "" || k.passwordFile == "":
		return usage(errOut, errors.New("--p12 et --password-file sont nécessaires"))
	}
	return operate(ctx, *dsn, errOut, func(o *wiring.Operator) error { return k.run(ctx, o, out) })
}

func (k *keyImport) run(ctx context.Context, o *wiring.Operator, out io.Writer) error {
	t, err := o.Town(ctx, k.siret)
	if err != nil {
		return noTown(k.siret, err)
	}
	owner, whose := circuits.PersonID(""), "Cachet de "+t.Name
	if !k.seal {
		p, err := o.Store.PersonByEmail(ctx, t.ID, k.email)
		if err != nil {
			return noPerson(k.email, err)
		}
		owner, whose = p.ID, "Clé de "+p.Name()
	}
	key, err := k.read(time.Now())
	if err != nil {
		return err
	}
	master, err := k.masterKey()
	if err != nil {
		return err
	}
	ring, err := o.Ring(wiring.RingOptions{MasterKey: master})
	if err != nil {
		return err
	}
	id, err := o.ID(ctx)
	if err != nil {
		return err
	}
	cert := key.Certificate()
	if k.label == "" {
		k.label = cert.Subject.CommonName
	}
	if err := ring.Add(ctx, t, id, owner, k.label, key, circuits.Actor{Name: operatorName}); err != nil {
		return fmt.Errorf("installer la clé : %w", err)
	}
	fmt.Fprintf(out, "%s : certificat de « %s », émis par « %s », valable jusqu’au %s.\n", whose, cert.Subject.CommonName,
		cert.Issuer.CommonName, cert.NotAfter.Format("02/01/2006"))
	fmt.Fprintln(out, "La clé est chiffrée dans la base. Effacez le fichier PKCS#12 et celui de son mot de passe.")
	return nil
}

// read opens the file and refuses what could not make a valid letter: a
// certificate which is not for documents, is out of date, is one of the
// demonstration, or has no path to the roots by which letters are judged.
func (k *keyImport) read(now time.Time) (*certs.Key, error) {
	key, err := readPKCS12(k.file, k.passwordFile, certs.ImportOptions{At: now})
	if err != nil {
		return nil, refusedKey(err)
	}
	roots, err := readRoots(k.roots)
	if err != nil {
		return nil, err
	}
	if len(roots) == 0 {
		return nil, errors.New("--roots est nécessaire : sans racine, aucune lettre signée avec cette clé ne serait jugée valable")
	}
	trust, err := certs.NewTrust(certs.Guard{}, roots...)
	if err != nil {
		return nil, refusedKey(err)
	}
	if _, err := trust.Verify(key.Certificate(), key.Chain()[1:], now, x509.ExtKeyUsageAny); err != nil {
		return nil, refusedKey(err)
	}
	return key, nil
}

// masterKey reads the key that seals the others. It is never made here: a new
// one would not be that of the nodes.
func (k *keyImport) masterKey() ([]byte, error) {
	file := k.masterKeyFile
	if file == "" {
		file = filepath.Join(k.data, "master.key")
	}
	key, err := certs.LoadMasterKey(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("la clé maîtresse n’est pas dans %s : indiquez celle de « serve » par --master-key-file", file)
	}
	return key, err
}

// refusedKey says in French why a key is refused.
func refusedKey(err error) error {
	for _, r := range []struct {
		err error
		say string
	}{
		{certs.ErrWrongPassword, "le mot de passe n’ouvre pas ce fichier"},
		{certs.ErrMalformed, "ce fichier n’est pas un PKCS#12 lisible"},
		{certs.ErrNoKey, "ce fichier ne contient pas de clé privée"},
		{certs.ErrNoCertificate, "ce fichier ne contient pas le certificat de la clé"},
		{certs.ErrWeakKey, "la clé ou son certificat est trop faible"},
		{certs.ErrKeyUsage, "ce certificat n’est pas fait pour signer des documents"},
		{certs.ErrExpired, "ce certificat a expiré"},
		{certs.ErrNotYetValid, "ce certificat n’est pas encore valable"},
		{certs.ErrDemoPKI, "les certificats de démonstration sont refusés hors de la démonstration"},
		{certs.ErrUntrusted, "ce certificat ne mène à aucune des racines de --roots (le fichier contient-il les certificats intermédiaires ?)"},
	} {
		if errors.Is(err, r.err) {
			return fmt.Errorf("%s : %w", r.say, err)
		}
	}
	return err
}

// readPKCS12 reads a key and the password that opens it, the first line of a
// file of its own.
func readPKCS12(file, passwordFile string, opt certs.ImportOptions) (*certs.Key, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("fichier PKCS#12 : %w", err)
	}
	password, err := os.ReadFile(passwordFile)
	if err != nil {
		return nil, fmt.Errorf("mot de passe : %w", err)
	}
	password, _, _ = bytes.Cut(password, []byte("\n"))
	return certs.ImportPKCS12(raw, string(bytes.TrimSuffix(password, []byte("\r"))), opt)
}
