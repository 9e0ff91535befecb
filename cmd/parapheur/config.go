package main

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"parapheur/certs"
	"parapheur/internal/blobs"
	"parapheur/internal/egress"
	"parapheur/internal/mailer"
	"parapheur/internal/wiring"
	"parapheur/signing"
)

// A config is everything an operator may set. Each field is a flag, or the
// environment variable PARAPHEUR_ followed by the flag's name in capitals.
type config struct {
	listen, metrics, databaseURL, data, masterKeyFile string
	s3Endpoint, s3Region, s3Bucket, s3AccessKey       string
	s3SecretKeyFile                                   string
	s3Insecure                                        bool
	tsa, tsaRoots, roots, level, revocationHosts      string
	workers, maxDocumentMiB, renewBefore              int
	logLevel, trustedProxies, egressAllow             string
	smtp, smtpPasswordFile, mailFrom, mailWaiting     string
	trustedList, trustedListSigner                    string
	hostOrigin, hostDatabaseURL, hostDomain           string
	migrate                                           bool
}

// flags declares the options of a command that serves.
func (c *config) flags(fs *flag.FlagSet) {
	fs.StringVar(&c.listen, "listen", "127.0.0.1:8080", "adresse d’écoute des pages et de l’API")
	fs.StringVar(&c.metrics, "metrics", "", "adresse d’écoute des métriques Prometheus, à part (vide : aucune)")
	fs.StringVar(&c.databaseURL, "database-url", "", "adresse de PostgreSQL 15 ou plus : postgres://rôle@hôte/base")
	fs.StringVar(&c.data, "data", "data", "dossier des documents, des caches et des clés de démonstration")
	fs.StringVar(&c.masterKeyFile, "master-key-file", "", "fichier de 32 octets qui scelle les clés au repos (défaut : DATA/master.key, créé au premier démarrage)")
	fs.StringVar(&c.s3Endpoint, "s3-endpoint", "", "hôte d’un stockage S3 qui garde les documents à la place du dossier")
	fs.StringVar(&c.s3Region, "s3-region", "", "région S3")
	fs.StringVar(&c.s3Bucket, "s3-bucket", "", "compartiment S3, déjà créé")
	fs.StringVar(&c.s3AccessKey, "s3-access-key", "", "identifiant S3")
	fs.StringVar(&c.s3SecretKeyFile, "s3-secret-key-file", "", "fichier du secret S3")
	fs.BoolVar(&c.s3Insecure, "s3-insecure", false, "HTTP sans TLS vers S3 (passerelle sur la même machine)")
	fs.StringVar(&c.tsa, "tsa", "", "autorités d’horodatage RFC 3161, dans l’ordre, séparées par des virgules")
	fs.StringVar(&c.tsaRoots, "tsa-roots", "", "fichier PEM des racines des autorités d’horodatage")
	fs.StringVar(&c.roots, "roots", "", "fichier PEM des racines des certificats de signature")
	fs.StringVar(&c.level, "level", "", "niveau PAdES des signatures : B, T, LT ou LTA (défaut : LTA avec une autorité d’horodatage, B sans)")
	fs.IntVar(&c.renewBefore, "renew-before", 180, "jours avant la fin du certificat de l’horodatage d’archive où il est renouvelé")
	fs.StringVar(&c.revocationHosts, "revocation-hosts", "", "seuls hôtes interrogés sur la révocation (OCSP, listes), séparés par des virgules ; ils peuvent être privés")
	fs.StringVar(&c.smtp, "smtp", "", "serveur de courriel des avis aux personnes : smtps://compte@hôte ou smtp://hôte:port (vide : aucun courriel)")
	fs.StringVar(&c.mailWaiting, "mail-waiting", "immediate", "quand prévenir qu’un courrier attend : immediate, digest (chaque matin ouvré) ou both")
	fs.StringVar(&c.smtpPasswordFile, "smtp-password-file", "", "fichier du mot de passe du compte de courriel")
	fs.StringVar(&c.mailFrom, "mail-from", "", "expéditeur des courriels : Parapheur <parapheur@mairie.fr>")
	fs.StringVar(&c.egressAllow, "egress-allow", "", "hôtes et réseaux privés qui peuvent être interrogés pour d’autres (services de signature, webhooks), séparés par des virgules")
	fs.StringVar(&c.trustedList, "trusted-list", "", "liste de confiance nationale (ETSI TS 119 612) dont les services sont reconnus, en plus de --roots et --tsa-roots")
	fs.StringVar(&c.hostOrigin, "host-origin", "", "adresse des pages et de l’API du centre qui héberge les collectivités : https://centre.exemple.fr (vide : aucun centre)")
	fs.StringVar(&c.hostDatabaseURL, "host-database-url", "", "adresse de la base pour le centre, par un compte membre de parapheur_host (défaut : celle des collectivités)")
	fs.StringVar(&c.hostDomain, "host-domain", "", "domaine sous lequel le centre nomme une collectivité d’un mot : parapheur.exemple.fr")
	fs.IntVar(&c.workers, "workers", 4, "travaux menés en même temps sur ce nœud (0 : aucun)")
	fs.IntVar(&c.maxDocumentMiB, "max-document-mib", 100, "taille maximale d’un document, en Mio")
	fs.StringVar(&c.trustedListSigner, "trusted-list-signer", "", "certificat (PEM ou DER) de qui signe la liste de confiance : sa signature est alors vérifiée, sinon qui donne le fichier en répond")
	fs.StringVar(&c.trustedProxies, "trusted-proxies", "", "adresses ou réseaux des mandataires dont l’en-tête X-Forwarded-For est cru, séparés par des virgules")
	fs.StringVar(&c.logLevel, "log-level", "info", "debug, info, warn ou error")
	fs.BoolVar(&c.migrate, "migrate", false, "met d’abord la base au schéma de cette version")
}

// parse reads flags first, then the environment for those not given.
func parse(fs *flag.FlagSet, args []string, getenv func(string) string, errOut io.Writer) error {
	fs.SetOutput(errOut)
	if err := fs.Parse(args); err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return fmt.Errorf("argument inattendu : %s", fs.Arg(0))
	}
	given := map[string]bool{}
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	var errs []error
	fs.VisitAll(func(f *flag.Flag) {
		name := "PARAPHEUR_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		if v := getenv(name); v != "" && !given[f.Name] {
			if err := fs.Set(f.Name, v); err != nil {
				errs = append(errs, fmt.Errorf("%s : %w", name, err))
			}
		}
	})
	return errors.Join(errs...)
}

func (c *config) logger(w io.Writer) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.logLevel)); err != nil {
		return nil, fmt.Errorf("niveau de journal : %w", err)
	}
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level})), nil
}

// wiring turns the options into a node.
func (c *config) wiring(log *slog.Logger) (wiring.Config, error) {
	if err := os.MkdirAll(c.data, 0o700); err != nil {
		return wiring.Config{}, fmt.Errorf("dossier de données : %w", err)
	}
	out := wiring.Config{
		DatabaseURL: c.databaseURL, DataDir: c.data, Workers: c.workers, MaxDocument: int64(c.maxDocumentMiB) << 20,
		Log: log, Now: time.Now, Version: fullVersion(),
	}
	out.RenewBefore = time.Duration(c.renewBefore) * 24 * time.Hour
	file := c.masterKeyFile
	if file == "" {
		file = filepath.Join(c.data, "master.key")
	}
	var err error
	if out.MasterKey, err = certs.LoadOrCreateMasterKey(file); err != nil {
		return out, err
	}
	if err := c.anchors(&out); err != nil {
		return out, err
	}
	if out.Outward.SMTP, err = c.mail(); err != nil {
		return out, err
	}
	out.Outward.Waiting = c.mailWaiting
	if out.Egress, err = egress.ParseAllow(c.egressAllow); err != nil {
		return out, err
	}
	if out.S3, err = c.s3(); err != nil {
		return out, err
	}
	if out.Roots, err = readRoots(c.roots); err != nil {
		return out, err
	}
	if out.TSARoots, err = readRoots(c.tsaRoots); err != nil {
		return out, err
	}
	for u := range strings.SplitSeq(c.tsa, ",") {
		if u = strings.TrimSpace(u); u != "" {
			out.TSA = append(out.TSA, certs.TSAEndpoint{URL: u})
		}
	}
	for h := range strings.SplitSeq(c.revocationHosts, ",") {
		if h = strings.TrimSpace(h); h != "" {
			out.RevocationHosts = append(out.RevocationHosts, h)
		}
	}
	if c.level != "" {
		level, err := parseLevel(c.level)
		if err != nil {
			return out, err
		}
		out.Level = &level
	}
	return out, nil
}

// anchors adds the services of the trusted list to the roots.
func (c *config) anchors(out *wiring.Config) error {
	if c.trustedList == "" && c.trustedListSigner != "" {
		return errors.New("--trusted-list-signer demande --trusted-list")
	}
	if c.trustedList == "" {
		return nil
	}
	lists := trustedLists{paths: []string{c.trustedList}}
	if c.trustedListSigner != "" {
		lists.signers = []string{c.trustedListSigner}
	}
	if err := lists.read(); err != nil {
		return err
	}
	out.Roots = append(out.Roots, lists.lists[0].Anchors(certs.CAQC)...)
	out.TSARoots = append(out.TSARoots, lists.lists[0].Anchors(certs.QTST)...)
	return nil
}

// parseLevel reads "LTA" or "B-LTA".
func parseLevel(s string) (signing.Level, error) {
	i := slices.Index([]string{"B", "T", "LT", "LTA"}, strings.ToUpper(strings.TrimPrefix(s, "B-")))
	if i < 0 {
		return 0, mistake("niveau « %s » inconnu : B, T, LT ou LTA", s)
	}
	return signing.Level(i), nil
}

// mail says which server takes the mails, if any.
func (c *config) mail() (mailer.Options, error) {
	o := mailer.Options{URL: c.smtp, From: c.mailFrom}
	if c.smtp == "" {
		return o, nil
	}
	if c.mailFrom == "" {
		return o, errors.New("avec --smtp, --mail-from est nécessaire")
	}
	if c.smtpPasswordFile != "" {
		password, err := os.ReadFile(c.smtpPasswordFile)
		if err != nil {
			return o, fmt.Errorf("mot de passe du courriel : %w", err)
		}
		o.Password = strings.TrimSpace(string(password))
	}
	return o, nil
}

func (c *config) s3() (*blobs.S3Options, error) {
	if c.s3Endpoint == "" {
		return nil, nil //nolint:nilnil // no S3 store is configured
	}
	if c.s3Bucket == "" || c.s3AccessKey == "" || c.s3SecretKeyFile == "" {
		return nil, errors.New("avec --s3-endpoint, --s3-bucket, --s3-access-key et --s3-secret-key-file sont nécessaires")
	}
	secret, err := os.ReadFile(c.s3SecretKeyFile)
	if err != nil {
		return nil, fmt.Errorf("secret S3 : %w", err)
	}
	return &blobs.S3Options{
		Endpoint: c.s3Endpoint, Region: c.s3Region, Bucket: c.s3Bucket, AccessKey: c.s3AccessKey,
		SecretKey: strings.TrimSpace(string(secret)), Insecure: c.s3Insecure, SpoolDir: filepath.Join(c.data, "spool"),
	}, os.MkdirAll(filepath.Join(c.data, "spool"), 0o700)
}

func readRoots(path string) ([]*x509.Certificate, error) {
	if path == "" {
		return nil, nil
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("racines de confiance : %w", err)
	}
	return certs.ParseCertificates(raw)
}

// writePEM leaves a certificate where a verifier can be pointed at it.
func writePEM(path string, der []byte) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644)
}
