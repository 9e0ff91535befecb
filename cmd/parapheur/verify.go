package main

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"parapheur/approvals/proof"
	"parapheur/certs"
	"parapheur/internal/evidence"
)

// Exit codes of verify, documented in its usage and in docs/verify.md.
const (
	verifyHolds        = 0
	verifyInvalid      = 1
	verifyUnverifiable = 2
)

const verifyUsage = `Vérifie, sans réseau ni base de données, une lettre signée, sa preuve ou un journal.

Usage :
  parapheur verify lettre.pdf [--root racine.pem]...
  parapheur verify lettre.pdf --evidence preuve.zip [--journal journal.jsonl] [--root racine.pem]...
  parapheur verify --evidence preuve.zip [--root racine.pem]...
  parapheur verify --journal journal.jsonl

Options :
  --evidence FICHIER  le dossier de preuve de la lettre
  --root FICHIER      certificats d’autorités de confiance (PEM ou DER), pour la signature, le cachet et
                      l’horodatage ; plusieurs fois si besoin. Sans elle, aucune autorité n’est connue et la
                      vérification ne peut pas conclure.
  --trusted-list FICHIER
                      liste de confiance nationale (ETSI TS 119 612) : ses services sont reconnus comme autorités, et
                      le rapport dit si la signature est qualifiée ; plusieurs fois si besoin
  --trusted-list-signer FICHIER
                      certificat de qui signe cette liste : sa signature est vérifiée, et une liste qui n’est pas la
                      sienne est refusée. Sans elle, qui donne le fichier en répond, et le rapport le dit
  --journal FICHIER   export complet du journal de la collectivité : seul, sa chaîne est recalculée ; avec une
                      preuve, l’extrait que celle-ci contient y est cherché
  --json              écrit le rapport en JSON

Code de sortie :
  0   tout ce qui a été présenté est exact
  1   quelque chose n’est pas valide
  2   rien n’est faux, mais quelque chose n’a pas pu être vérifié (pièce absente ou illisible, autorité inconnue)
  64  commande mal écrite
`

// verifyRequest is what the command line asks.
type verifyRequest struct {
	letter, evidence, journal string
	roots                     []string
	json                      bool
	lists                     trustedLists
}

// verify is the command « parapheur verify ».
func verify(ctx context.Context, args []string, out, errOut io.Writer) int {
	q, err := parseVerify(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(out, verifyUsage)
		return verifyHolds
	}
	if err != nil {
		fmt.Fprintf(errOut, "parapheur verify : %v\n\n%s", err, verifyUsage)
		return exitUsage
	}
	outcome, err := q.run(ctx, out)
	switch {
	case err != nil:
		fmt.Fprintf(errOut, "parapheur verify : %v\n", err)
		return verifyUnverifiable
	case outcome == proof.Valid:
		return verifyHolds
	case outcome == proof.Invalid:
		return verifyInvalid
	}
	return verifyUnverifiable
}

// parseVerify accepts options before and after the letter.
func parseVerify(args []string) (verifyRequest, error) {
	var q verifyRequest
	fs := flag.NewFlagSet("verify", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&q.evidence, "evidence", "", "")
	fs.StringVar(&q.journal, "journal", "", "")
	fs.BoolVar(&q.json, "json", false, "")
	fs.Func("root", "", func(s string) error { q.roots = append(q.roots, s); return nil })
	q.lists.flags(fs)
	for {
		if err := fs.Parse(args); err != nil {
			return q, err
		}
		if fs.NArg() == 0 {
			break
		}
		if q.letter != "" {
			return q, fmt.Errorf("une seule lettre à la fois : « %s » est de trop", fs.Arg(0))
		}
		q.letter, args = fs.Arg(0), fs.Args()[1:]
	}
	switch {
	case q.letter == "" && q.evidence == "" && q.journal == "":
		return q, errors.New("rien à vérifier")
	case q.letter != "" && q.evidence == "" && q.journal != "":
		return q, errors.New("un journal ne dit rien d’une lettre sans son dossier de preuve (--evidence)")
	}
	return q, nil
}

// report is what each verification answers.
type report interface{ French(w io.Writer) error }

// run verifies and writes the report. An error says that something could not be read.
func (q verifyRequest) run(ctx context.Context, out io.Writer) (proof.Outcome, error) {
	rep, outcome, err := q.verify(ctx)
	if err != nil {
		return "", err
	}
	qualified := qualify(q.lists.lists, rep)
	if !q.json {
		return outcome, errors.Join(rep.French(out), q.lists.say(out), sayQualified(out, qualified))
	}
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if r, ok := rep.(*evidence.Report); ok && qualified != nil {
		return outcome, enc.Encode(struct {
			*evidence.Report
			Qualified []qualifiedSignature `json:"qualified"`
		}{r, qualified})
	}
	return outcome, enc.Encode(rep)
}

func (q *verifyRequest) verify(ctx context.Context) (report, proof.Outcome, error) {
	opt := evidence.Options{At: time.Now().UTC()}
	if q.journal != "" {
		f, err := os.Open(q.journal)
		if err != nil {
			return nil, "", fmt.Errorf("ouvrir le journal : %w", err)
		}
		defer f.Close() //nolint:errcheck // read only
		if q.evidence == "" {
			rep, err := evidence.VerifyJournal(f)
			if err != nil {
				return nil, "", fmt.Errorf("lire le journal : %w", err)
			}
			return rep, rep.Outcome, nil
		}
		opt.Journal = f
	}
	var err error
	if err := q.lists.read(); err != nil {
		return nil, "", err
	}
	if opt.Roots, err = verifyRoots(q.roots, q.lists.lists); err != nil {
		return nil, "", err
	}
	rep, err := q.documents(ctx, opt)
	if err != nil {
		return nil, "", err
	}
	return rep, rep.Outcome, nil
}

// documents verifies a letter, a package, or both.
func (q verifyRequest) documents(ctx context.Context, opt evidence.Options) (*evidence.Report, error) {
	var letter io.ReaderAt
	var size int64
	if q.letter != "" {
		f, n, err := openSized(q.letter)
		if err != nil {
			return nil, fmt.Errorf("ouvrir la lettre : %w", err)
		}
		defer f.Close() //nolint:errcheck // read only
		letter, size = f, n
	}
	if q.evidence == "" {
		return evidence.VerifyLetter(ctx, letter, size, opt)
	}
	pkg, n, err := openSized(q.evidence)
	if err != nil {
		return nil, fmt.Errorf("ouvrir le dossier de preuve : %w", err)
	}
	defer pkg.Close() //nolint:errcheck // read only
	return evidence.Verify(ctx, pkg, n, letter, size, opt)
}

func openSized(path string) (*os.File, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s n’est pas un fichier", path)
	}
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, info.Size(), nil
}

// verifyRoots gathers the anchors; none given is none known.
func verifyRoots(paths []string, lists []*certs.TrustedList) (*x509.CertPool, error) {
	if len(paths) == 0 && len(lists) == 0 {
		return nil, nil //nolint:nilnil // no anchor is how Options says it
	}
	pool := x509.NewCertPool()
	for _, l := range lists {
		for _, c := range append(l.Anchors(certs.CAQC), l.Anchors(certs.QTST)...) {
			pool.AddCert(c)
		}
	}
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("lire une autorité : %w", err)
		}
		found, err := certs.ParseCertificates(raw)
		if err != nil {
			return nil, fmt.Errorf("lire les autorités de %s : %w", path, err)
		}
		for _, c := range found {
			pool.AddCert(c)
		}
	}
	return pool, nil
}
