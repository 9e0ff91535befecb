package main

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"parapheur/certs"
	"parapheur/internal/evidence"
	"parapheur/signing"
)

// trustCommand is "parapheur trust show|qualify".
func trustCommand(ctx context.Context, args []string, out, errOut io.Writer) int {
	return sub(ctx, "trust", []command{
		{"show", "montre ce qu’une liste de confiance contient : trust show LISTE.xml", showTrustedList},
		{"qualify", "dit si les signatures d’un PDF sont qualifiées : trust qualify --trusted-list LISTE.xml PDF", qualifyPDF},
	}, args, out, errOut)
}

// readTrustedLists reads the files that the command line names.
func readTrustedLists(paths []string) ([]*certs.TrustedList, error) {
	var out []*certs.TrustedList
	for _, path := range paths {
		l, err := readTrustedList(path)
		if err != nil {
			return nil, err
		}
		out = append(out, l)
	}
	return out, nil
}

func readTrustedList(path string) (*certs.TrustedList, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("liste de confiance : %w", err)
	}
	defer f.Close() //nolint:errcheck // read only
	l, err := certs.ParseTrustedList(f)
	if err != nil {
		return nil, fmt.Errorf("%s n’est pas une liste de confiance lisible : %w", path, err)
	}
	return l, nil
}

func showTrustedList(_ context.Context, args []string, out, errOut io.Writer) int {
	flags := flag.NewFlagSet("parapheur trust show", flag.ContinueOnError)
	flags.SetOutput(errOut)
	if err := flags.Parse(args); err != nil {
		return usage(errOut, err)
	}
	if flags.NArg() != 1 {
		return usage(errOut, errors.New("indiquez une liste"))
	}
	raw, err := os.ReadFile(flags.Arg(0))
	if err != nil {
		return fail(errOut, fmt.Errorf("liste de confiance : %w", err))
	}
	l, err := readTrustedList(flags.Arg(0))
	if err != nil {
		return fail(errOut, err)
	}
	sum := sha256.Sum256(raw)
	fmt.Fprintf(out, "Liste de confiance %s n° %d, de %s, publiée le %s.\n", l.Territory, l.Sequence, l.Operator, l.Issued.Format("02/01/2006"))
	fmt.Fprintf(out, "SHA-256 du fichier : %s. Sa signature XML n’est pas vérifiée ici : qui l’importe en répond.\n", hex.EncodeToString(sum[:]))
	if !l.NextUpdate.IsZero() && time.Now().After(l.NextUpdate) {
		fmt.Fprintf(out, "Attention : une autre était due le %s.\n", l.NextUpdate.Format("02/01/2006"))
	}
	for _, s := range l.Services {
		fmt.Fprintf(out, "%s  %s, « %s » : %s\n", serviceSaid(s), s.Provider, s.Name, statusSaid(s))
	}
	return exitOK
}

func serviceSaid(s certs.TrustedService) string {
	switch {
	case s.Type == certs.QTST:
		return "horodatage  "
	case s.ForSeals && !s.ForSignatures:
		return "cachet      "
	}
	return "certificats "
}

func statusSaid(s certs.TrustedService) string {
	h := s.History[0]
	if h.Granted {
		return "qualifié depuis le " + h.Since.Format("02/01/2006")
	}
	return "plus qualifié depuis le " + h.Since.Format("02/01/2006")
}

// A qualifiedSignature is what lists say of one signature.
type qualifiedSignature struct {
	Field     string               `json:"field"`
	Name      string               `json:"name,omitempty"`
	Verdict   signing.Verdict      `json:"verdict"`
	At        time.Time            `json:"at"` // by a sound time-stamp, else now
	Signature certs.Qualification  `json:"signature"`
	Timestamp *certs.Qualification `json:"timestamp,omitempty"`
}

// qualify judges the signatures of a letter; nil without a list or a letter.
func qualify(lists []*certs.TrustedList, rep report) []qualifiedSignature {
	r, ok := rep.(*evidence.Report)
	if len(lists) == 0 || !ok || r.Letter == nil || r.Letter.Check == nil {
		return nil
	}
	return qualifySignatures(lists, r.Letter.Check, r.VerifiedAt)
}

func qualifySignatures(lists []*certs.TrustedList, check *signing.Report, now time.Time) []qualifiedSignature {
	out := []qualifiedSignature{}
	for _, s := range check.Signatures {
		if s.Kind != signing.KindSignature || s.Certificate == nil {
			continue
		}
		q := qualifiedSignature{Field: s.Field, Name: s.Name, Verdict: s.Verdict, At: now}
		if s.Timestamp != nil {
			q.At = s.Timestamp.Time
			if unit, err := x509.ParseCertificate(s.Timestamp.Certificate.DER); err == nil {
				t := best(lists, func(l *certs.TrustedList) certs.Qualification { return l.Timestamp(unit, s.Certificates, q.At) })
				q.Timestamp = &t
			}
		}
		q.Signature = certs.Qualification{Why: certs.NotListed}
		if cert, err := x509.ParseCertificate(s.Certificate.DER); err == nil {
			q.Signature = best(lists, func(l *certs.TrustedList) certs.Qualification { return l.Signature(cert, s.Certificates, q.At) })
		}
		out = append(out, q)
	}
	return out
}

// best is the answer of the list that knows most.
func best(lists []*certs.TrustedList, ask func(*certs.TrustedList) certs.Qualification) certs.Qualification {
	out := certs.Qualification{Why: certs.NotListed}
	for _, l := range lists {
		q := ask(l)
		if q.Qualified {
			return q
		}
		if q.Why != certs.NotListed {
			out = q
		}
	}
	return out
}

// sayQualified writes what lists say, in French.
func sayQualified(out io.Writer, all []qualifiedSignature) error {
	if all == nil {
		return nil
	}
	var errs []error
	say := func(format string, args ...any) {
		_, err := fmt.Fprintf(out, format, args...)
		errs = append(errs, err)
	}
	say("\nD’après la liste de confiance :\n")
	for _, q := range all {
		say("  %s (%s) : %s\n", q.Name, q.Field, q.said())
		if q.Timestamp != nil && q.Timestamp.Qualified {
			say("    horodatage qualifié, %s\n", q.Timestamp.Provider)
		} else if q.Timestamp != nil {
			say("    horodatage non qualifié\n")
		}
	}
	return errors.Join(errs...)
}

// said never calls qualified what is not valid.
func (q qualifiedSignature) said() string {
	if q.Verdict != signing.Valid {
		return "la signature n’est pas reconnue valable, la question ne se pose pas"
	}
	what := "signature électronique"
	if q.Signature.Seal {
		what = "cachet électronique"
	}
	switch s := q.Signature; {
	case s.Qualified && s.Device:
		return what + " qualifié" + feminine(s) + ", certificat de " + s.Provider
	case s.Qualified:
		return what + " avancé" + feminine(s) + " reposant sur un certificat qualifié, de " + s.Provider
	case s.Why == certs.NotListed:
		return "non qualifiée : aucun service de la liste n’a émis ce certificat"
	case s.Why == certs.NotGranted:
		return "non qualifiée : le service qui a émis ce certificat n’était pas qualifié à ce moment"
	case s.Why == certs.NotInValidity:
		return "non qualifiée : la liste ne remonte pas jusque-là"
	case s.Why == certs.OtherPurpose:
		return "non qualifiée : ce certificat n’est pas fait pour signer"
	}
	return "non qualifiée : ce certificat ne se dit pas qualifié"
}

func feminine(q certs.Qualification) string {
	if q.Seal {
		return ""
	}
	return "e"
}

// qualifyPDF judges by the lists alone.
func qualifyPDF(ctx context.Context, args []string, out, errOut io.Writer) int {
	var lists []string
	flags := flag.NewFlagSet("parapheur trust qualify", flag.ContinueOnError)
	flags.SetOutput(errOut)
	flags.Func("trusted-list", "liste de confiance nationale (ETSI TS 119 612) ; plusieurs fois si besoin", func(s string) error {
		lists = append(lists, s)
		return nil
	})
	asJSON := flags.Bool("json", false, "écrit le rapport en JSON")
	if err := flags.Parse(args); err != nil {
		return usage(errOut, err)
	}
	if len(lists) == 0 || flags.NArg() != 1 {
		return usage(errOut, errors.New("indiquez --trusted-list et un PDF"))
	}
	all, err := qualifyFile(ctx, lists, flags.Arg(0))
	if err != nil {
		return fail(errOut, err)
	}
	if *asJSON {
		err = json.NewEncoder(out).Encode(all)
	} else {
		err = sayQualified(out, all)
	}
	if err != nil {
		return fail(errOut, err)
	}
	for _, q := range all {
		if q.Verdict != signing.Valid || !q.Signature.Qualified {
			return exitUnusable
		}
	}
	if len(all) == 0 {
		return exitUnusable
	}
	return exitOK
}

func qualifyFile(ctx context.Context, paths []string, pdf string) ([]qualifiedSignature, error) {
	lists, err := readTrustedLists(paths)
	if err != nil {
		return nil, err
	}
	roots, err := verifyRoots(nil, lists)
	if err != nil {
		return nil, err
	}
	f, size, err := openSized(pdf)
	if err != nil {
		return nil, fmt.Errorf("ouvrir le PDF : %w", err)
	}
	defer f.Close() //nolint:errcheck // read only
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	now := time.Now().UTC()
	check, err := signing.Check(f, size, signing.CheckOptions{Roots: roots, At: now})
	if err != nil {
		return nil, fmt.Errorf("lire le PDF : %w", err)
	}
	return qualifySignatures(lists, check, now), nil
}
