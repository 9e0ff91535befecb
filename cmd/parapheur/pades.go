package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"parapheur/certs"
	"parapheur/signing"
)

// Exit codes of pades, documented in its usage and in docs/pades.md.
const (
	padesDone    = 0
	padesRefused = 1
	padesUnknown = 2
)

const padesUsage = `Signe, archive, inspecte et vérifie des PDF (PAdES, EN 319 142-1), sans serveur ni base de données.

Usage :
  parapheur pades sign --p12 FICHIER --password-file FICHIER [options] ENTRÉE.pdf SORTIE.pdf
  parapheur pades sign --pkcs11 MODULE --pkcs11-token NOM --pkcs11-key NOM --pin-file FICHIER [options] ENTRÉE.pdf SORTIE.pdf
  parapheur pades sign --demo-pki DOSSIER [options] ENTRÉE.pdf SORTIE.pdf
  parapheur pades augment [options] ENTRÉE.pdf SORTIE.pdf
  parapheur pades inspect [--json] FICHIER.pdf
  parapheur pades verify [--json] [--trust DOSSIER]... [--trusted-list LISTE [--trusted-list-signer FICHIER]]... FICHIER.pdf
  parapheur pades demo-pki DOSSIER

Options de « sign » :
  --p12 FICHIER            clé et certificats du signataire (PKCS#12 : .p12, .pfx)
  --password-file FICHIER  mot de passe de ce fichier, sur une ligne
  --pkcs11 MODULE          bibliothèque PKCS#11 d’une carte ou d’un HSM, au lieu de --p12
  --pkcs11-token NOM       étiquette du jeton ; --pkcs11-key NOM, celle de la clé ; --pin-file FICHIER, code PIN sur une ligne
  --chain FICHIER          certificats PEM du signataire et de ses autorités que le jeton ne contient pas
  --pss                    signature RSA-PSS au lieu de PKCS#1 v1.5
  --hash SHA-256|SHA-384|SHA-512   (à défaut : SHA-384 pour une clé P-384, SHA-256 sinon)
  --seal                   cachet d’une organisation : le bloc dit « Cachet », jamais « Signé » (d’office pour un
                           certificat de cachet)

Ce que dit le bloc visible :
  --name NOM               nom affiché et déclaré (à défaut, celui du certificat)
  --quality QUALITÉ        « Maire », « Adjoint à l’urbanisme »…
  --mention TEXTE          « Pour le Maire et par délégation, le Directeur général des services », au-dessus du nom
  --town VILLE             lieu affiché et déclaré
  --reason TEXTE           motif affiché et déclaré
  --image FICHIER          griffe (PNG ou JPEG), au-dessus du nom ; --arms FICHIER, blason ou logotype, à gauche

Où il se place (à défaut, un espace libre de la dernière page ; jamais sur un texte ni sur un autre bloc) :
  --field NOM              champ de signature à remplir, ou nom du champ à créer
  --tag TEXTE              balise du document, par exemple #signature# ; plusieurs fois : la première qu’on y trouve
  --place P,X%,Y%          page (0 : la dernière) et coin supérieur gauche du bloc, en pourcentage depuis celui de la page
  --place P,X,Y,L,H        page et rectangle du bloc, en points depuis le coin inférieur gauche de la page
  --invisible              aucun bloc visible

Options de « augment » :
  --allow-unknown          laisse à leur niveau les signatures qu’on ne sait pas juger, au lieu de refuser

Options de « verify » :
  --trust DOSSIER          dossier des certificats racines de confiance (PEM ou DER), ou l’un d’eux ; plusieurs fois si besoin
  --trusted-list FICHIER   liste de confiance nationale (ETSI TS 119 612) : ses services sont reconnus, et le rapport dit si
                           chaque signature est qualifiée ; plusieurs fois si besoin
  --trusted-list-signer FICHIER   certificat de qui signe cette liste, dont la signature est alors vérifiée

Options communes à « sign » et « augment » :
  --level B|T|LT|LTA       niveau à atteindre (à défaut : LTA s’il y a une autorité d’horodatage, sinon B)
  --tsa URL                autorité d’horodatage (RFC 3161) ; plusieurs fois pour des secours, dans l’ordre
  --trust DOSSIER          dossier des certificats racines de confiance (PEM ou DER), ou l’un d’eux ; plusieurs fois si besoin
  --allow-host HÔTE        n’interroger que ces serveurs de révocation, qui peuvent être d’un réseau privé ; plusieurs fois
  --demo-pki DOSSIER       autorités de démonstration, sans réseau et sans aucune valeur
  --force                  remplace SORTIE.pdf si elle existe
  --json                   écrit le résultat en JSON

« augment » ajoute à toutes les signatures les preuves de non-révocation (LT) et un horodatage d’archivage (LTA). La même
commande, refaite avant la fin du certificat du dernier horodatage, renouvelle l’archivage.

Code de sortie :
  0   c’est fait ; verify : toutes les signatures sont valides
  1   refusé, et rien n’est écrit ; verify : une signature n’est pas valide
  2   une autorité n’a pas répondu, rien n’est écrit, à refaire plus tard ; verify, inspect : on ne peut pas conclure
  64  commande mal écrite
`

// padesCommand is the command « parapheur pades »: the tool of an archivist.
func padesCommand(ctx context.Context, args []string, out, errOut io.Writer) int {
	if len(args) == 0 {
		return padesMistake(errOut, errors.New("que faire ?"))
	}
	if isHelp(args[0]) {
		fmt.Fprint(out, padesUsage)
		return padesDone
	}
	run, ok := map[string]func(context.Context, []string, io.Writer) error{
		"sign": padesSign, "augment": padesAugment, "inspect": padesInspect, "verify": padesVerify, "demo-pki": padesDemoPKI,
	}[args[0]]
	if !ok {
		return padesMistake(errOut, fmt.Errorf("« %s » n’existe pas", args[0]))
	}
	err := run(ctx, args[1:], out)
	var told verdictError
	var mistake usageError
	switch {
	case err == nil:
		return padesDone
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(out, padesUsage)
		return padesDone
	case errors.As(err, &told):
		return told.code
	case errors.As(err, &mistake):
		return padesMistake(errOut, mistake.error)
	}
	fmt.Fprintf(errOut, "parapheur pades : %s\n", padesFrench(err))
	if temporary(err) || args[0] == "verify" || args[0] == "inspect" {
		return padesUnknown
	}
	return padesRefused
}

func padesMistake(errOut io.Writer, err error) int {
	fmt.Fprintf(errOut, "parapheur pades : %v\n\n%s", err, padesUsage)
	return exitUsage
}

// usageError is a command that is badly written.
type usageError struct{ error }

func mistake(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// verdictError is the exit code of a report that was written.
type verdictError struct{ code int }

func (v verdictError) Error() string { return fmt.Sprint("exit code ", v.code) }

// temporary says that the same command may succeed later.
func temporary(err error) bool {
	return errors.Is(err, certs.ErrTSAUnavailable) || errors.Is(err, certs.ErrRevocationUnavailable) || errors.Is(err, certs.ErrKeyUnavailable) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// parsePades reads options before, between and after n file names.
func parsePades(fs *flag.FlagSet, args []string, n int) ([]string, error) {
	fs.SetOutput(io.Discard)
	var files []string
	for {
		if err := fs.Parse(args); errors.Is(err, flag.ErrHelp) {
			return nil, err
		} else if err != nil {
			return nil, usageError{err}
		}
		if fs.NArg() == 0 {
			break
		}
		files, args = append(files, fs.Arg(0)), fs.Args()[1:]
	}
	if len(files) != n {
		return nil, mistake("%d fichier ou dossier attendu, %d donnés", n, len(files))
	}
	return files, nil
}

// listFlag is an option that may come several times.
func listFlag(fs *flag.FlagSet, name string, list *[]string) {
	fs.Func(name, "", func(s string) error { *list = append(*list, s); return nil })
}

func writeJSON(out io.Writer, v any) error {
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// padesFrench is the sentence of an error, followed by its detail.
func padesFrench(err error) string {
	for _, r := range []struct {
		err error
		say string
	}{
		{signing.ErrEncrypted, "le PDF est chiffré"},
		{signing.ErrCertified, "le document est certifié et n’admet plus cette modification"},
		{signing.ErrLocked, "une signature du document verrouille ce champ ; demandez au premier signataire un document non verrouillé"},
		{signing.ErrTag, "la balise de signature n’est pas dans le document"},
		{signing.ErrSigned, "ce champ de signature est déjà signé"},
		{signing.ErrPicture, "l’image n’est pas un PNG ou un JPEG de taille raisonnable"},
		{certs.ErrNoPKCS11, "ce programme est compilé sans PKCS#11 : recompilez-le avec « go build -tags pkcs11 » et cgo"},
		{certs.ErrPIN, "le code PIN est refusé ; ne le retentez pas sans le vérifier, le jeton se bloque vite"},
		{certs.ErrKeyUnavailable, "le jeton ou la clé ne répond pas ; branchez-le et réessayez"},
		{signing.ErrMalformed, "le PDF est illisible ou à réparer"},
		{signing.ErrLimit, "le PDF dépasse une limite de sécurité"},
		{signing.ErrFilter, "la structure du PDF est codée d’une manière non prise en charge"},
		{signing.ErrField, "ce champ de signature ne peut pas être utilisé"},
		{signing.ErrPlace, "le bloc visible n’a pas de place à cet endroit : il couvrirait un texte ou un autre bloc, ou sortirait de la page"},
		{signing.ErrNotFound, "cette page n’existe pas"},
		{signing.ErrReserve, "la signature est plus grande que la place réservée"},
		{signing.ErrUnsound, "une signature du document n’est pas valide, ou n’est rattachée à aucune autorité de --trust"},
		{certs.ErrRevoked, "un certificat est révoqué"},
		{certs.ErrRevocationUnavailable, "une autorité n’a pas donné l’état d’un certificat ; réessayez plus tard"},
		{signing.ErrEvidence, "les preuves de non-révocation ne suffisent pas"},
		{certs.ErrTSAUnavailable, "l’autorité d’horodatage ne répond pas ; réessayez plus tard"},
		{certs.ErrTSAInvalid, "l’horodatage reçu n’est pas acceptable"},
		{signing.ErrTimestamp, "l’horodatage reçu n’est pas acceptable"},
		{signing.ErrWeakKey, "la clé du signataire est trop faible : demandez à l’autorité un certificat RSA de 3072 bits au moins, P-256 ou P-384"},
		{certs.ErrWeakKey, "la clé du signataire est trop faible : demandez à l’autorité un certificat RSA de 3072 bits au moins, P-256 ou P-384"},
		{signing.ErrValidity, "le certificat du signataire n’est pas en cours de validité"},
		{signing.ErrKeyUsage, "le certificat du signataire n’est pas fait pour signer"},
		{certs.ErrSealed, "ce dossier de démonstration appartient à une autre clé maîtresse"},
		{os.ErrNotExist, "fichier introuvable"},
		{os.ErrExist, "la sortie existe déjà (--force la remplace)"},
	} {
		if errors.Is(err, r.err) {
			return fmt.Sprintf("%s (%v)", r.say, err)
		}
	}
	if key := refusedKey(err); key.Error() != err.Error() {
		return key.Error()
	}
	return strings.TrimPrefix(err.Error(), "signing: ")
}
