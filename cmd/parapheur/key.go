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
	"strings"
	"time"

	"parapheur/certs"
	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/egress"
	"parapheur/internal/keyring"
	"parapheur/internal/wiring"
)

// keyCommand is "parapheur key import|add-pkcs11|add-csc|list|check|retire":
// where the keys of signatories and the seal of a town lie.
func keyCommand(ctx context.Context, args []string, out, errOut io.Writer) int {
	return sub(ctx, "key", []command{
		{"import", "donne à une personne, ou à la collectivité, la clé de signature d’un fichier PKCS#12", importKey},
		{"add-pkcs11", "donne à une personne, ou à la collectivité, une clé d’un module matériel (HSM, carte)", addTokenKey},
		{"add-csc", "donne à une personne, ou à la collectivité, une clé gardée par un service de signature (CSC)", addRemoteKey},
		{"list", "liste les clés d’une collectivité", listKeys},
		{"check", "dit si chaque signataire et le cachet pourraient signer aujourd’hui", checkKeys},
		{"retire", "retire une clé, qui ne servira plus", retireKey},
	}, args, out, errOut)
}

// keyringFlags are how a command finds the keys of a town.
type keyringFlags struct {
	siret, roots, data, masterKeyFile, egress string
}

func (k *keyringFlags) flags(set *flag.FlagSet) *string {
	dsn := set.String("database-url", "", "adresse de PostgreSQL")
	set.StringVar(&k.siret, "siret", "", "SIRET de la collectivité")
	set.StringVar(&k.roots, "roots", "", "fichier PEM des racines des certificats de signature, le même que celui de « serve »")
	set.StringVar(&k.data, "data", "data", "dossier de données de « serve », où se trouve la clé maîtresse à défaut de --master-key-file")
	set.StringVar(&k.masterKeyFile, "master-key-file", "", "clé maîtresse de « serve » (défaut : DATA/master.key)")
	set.StringVar(&k.egress, "egress-allow", "", "hôtes et réseaux privés qui peuvent être interrogés, comme « serve »")
	return dsn
}

// ring opens the key ring of the installation.
func (k *keyringFlags) ring(o *wiring.Operator, online bool) (*keyring.Ring, error) {
	master, err := k.masterKey()
	if err != nil {
		return nil, err
	}
	roots, err := readRoots(k.roots)
	if err != nil {
		return nil, err
	}
	allow, err := egress.ParseAllow(k.egress)
	if err != nil {
		return nil, err
	}
	return o.Ring(wiring.RingOptions{MasterKey: master, Roots: roots, Egress: allow, Online: online})
}

// A newKey is what every command that brings a key is told.
type newKey struct {
	keyringFlags
	email, label string
	seal         bool
}

func (k *newKey) flags(set *flag.FlagSet) *string {
	set.StringVar(&k.email, "email", "", "adresse électronique de la personne qui signera avec cette clé")
	set.BoolVar(&k.seal, "seal", false, "la clé est le cachet de la collectivité, à la place de --email")
	set.StringVar(&k.label, "label", "", "nom de la clé dans le journal (défaut : le nom que porte le certificat)")
	return k.keyringFlags.flags(set)
}

func (k *newKey) check() error {
	if k.seal == (k.email != "") {
		return errors.New("indiquez --email ou --seal, l’un des deux")
	}
	return nil
}

// An owner is whose key it is.
type owner struct {
	town   dossiers.Tenant
	person circuits.PersonID // empty: the town
	name   string            // of the person, or of the town
}

func (o owner) said() string {
	if o.person == "" {
		return "Cachet de " + o.name
	}
	return "Clé de " + o.name
}

func (k *newKey) owner(ctx context.Context, o *wiring.Operator) (owner, error) {
	t, err := o.Town(ctx, k.siret)
	if err != nil {
		return owner{}, noTown(k.siret, err)
	}
	if k.seal {
		return owner{town: t, name: t.Name}, nil
	}
	p, err := o.Store.PersonByEmail(ctx, t.ID, k.email)
	if err != nil {
		return owner{}, noPerson(k.email, err)
	}
	return owner{t, p.ID, p.Name()}, nil
}

// installed tells whose key it now is, and what looks wrong.
func (o owner) installed(out io.Writer, cert *x509.Certificate) {
	fmt.Fprintf(out, "%s : certificat de « %s », émis par « %s », valable jusqu’au %s.\n", o.said(), cert.Subject.CommonName,
		cert.Issuer.CommonName, cert.NotAfter.Format("02/01/2006"))
	if o.person != "" && !namesHolder(cert, o.name) {
		fmt.Fprintf(out, "Attention : ce certificat n’est pas au nom de %s. Une signature nomme son titulaire : vérifiez.\n", o.name)
	}
}

// namesHolder reports whether the certificate bears the last word of the name.
func namesHolder(cert *x509.Certificate, name string) bool {
	words := strings.Fields(strings.ToLower(name))
	held := strings.ToLower(cert.Subject.CommonName + " " + cert.Subject.String())
	return len(words) == 0 || strings.Contains(held, words[len(words)-1])
}

// A keyImport is what "key import" is told.
type keyImport struct {
	newKey
	file, passwordFile string
}

func importKey(ctx context.Context, args []string, out, errOut io.Writer) int {
	var k keyImport
	flags := flag.NewFlagSet("parapheur key import", flag.ContinueOnError)
	dsn := k.newKey.flags(flags)
	flags.StringVar(&k.file, "p12", "", "fichier PKCS#12 (.p12, .pfx)")
	flags.StringVar(&k.passwordFile, "password-file", "", "fichier du mot de passe du PKCS#12, sur une ligne")
	if err := parse(flags, args, os.Getenv, errOut); err != nil {
		return usage(errOut, err)
	}
	if err := k.check(); err != nil {
		return usage(errOut, err)
	}
	if k.file == "" || k.passwordFile == "" {
		return usage(errOut, errors.New("--p12 et --password-file sont nécessaires"))
	}
	return operate(ctx, *dsn, errOut, func(o *wiring.Operator) error { return k.run(ctx, o, out) })
}

func (k *keyImport) run(ctx context.Context, o *wiring.Operator, out io.Writer) error {
	whose, err := k.owner(ctx, o)
	if err != nil {
		return err
	}
	key, err := k.read(time.Now())
	if err != nil {
		return err
	}
	ring, err := k.ring(o, false)
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
	if err := ring.Add(ctx, whose.town, id, whose.person, k.label, key, circuits.Actor{Name: operatorName}); err != nil {
		return fmt.Errorf("installer la clé : %w", err)
	}
	whose.installed(out, cert)
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
	return key, k.trusted(key.Chain(), now)
}

// trusted refuses a chain that leads to none of the roots of letters.
func (k *keyringFlags) trusted(chain []*x509.Certificate, now time.Time) error {
	roots, err := readRoots(k.roots)
	if err != nil {
		return err
	}
	if len(roots) == 0 {
		return errors.New("--roots est nécessaire : sans racine, aucune lettre signée avec cette clé ne serait jugée valable")
	}
	trust, err := certs.NewTrust(certs.Guard{}, roots...)
	if err != nil {
		return refusedKey(err)
	}
	if _, err := trust.Verify(chain[0], chain[1:], now, x509.ExtKeyUsageAny); err != nil {
		return refusedKey(err)
	}
	return nil
}

// masterKey reads the key that seals the others. It is never made here: a new
// one would not be that of the nodes.
func (k *keyringFlags) masterKey() ([]byte, error) {
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
		{certs.ErrNoPKCS11, "ce programme ne sait pas parler à un module matériel : construisez-le avec « make build/hsm »"},
		{certs.ErrPIN, "le code PIN est refusé ; il n’a été présenté qu’une fois, car un module se bloque après quelques erreurs"},
		{certs.ErrKeyUnavailable, "la clé ne répond pas : module absent, ou service de signature injoignable"},
		{certs.ErrRemoteRefused, "le service de signature refuse"},
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
	password, err := firstLine(passwordFile, "mot de passe")
	if err != nil {
		return nil, err
	}
	return certs.ImportPKCS12(raw, password, opt)
}

// firstLine reads a secret, the first line of a file of its own.
func firstLine(file, what string) (string, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("%s : %w", what, err)
	}
	line, _, _ := bytes.Cut(raw, []byte("\n"))
	return string(bytes.TrimSuffix(line, []byte("\r"))), nil
}
