package main

import (
	"cmp"
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

// trustedLists are the options that name trusted lists, and what they lead to.
type trustedLists struct {
	paths, signers []string
	lists          []*certs.TrustedList
}

func (t *trustedLists) flags(set *flag.FlagSet) {
	set.Func("trusted-list", "liste de confiance nationale (ETSI TS 119 612) ; plusieurs fois si besoin", func(s string) error {
		t.paths = append(t.paths, s)
		return nil
	})
	set.Func("trusted-list-signer", "certificat (PEM ou DER) de qui signe ces listes : leur signature est alors vérifiée ; plusieurs fois si besoin", func(s string) error {
		t.signers = append(t.signers, s)
		return nil
	})
}

// read reads the lists and, given who signs them, verifies their signatures.
func (t *trustedLists) read() error {
	var signers []*x509.Certificate
	for _, path := range t.signers {
		found, err := readRoots(path)
		if err != nil {
			return fmt.Errorf("signataire de la liste de confiance, %s : %w", path, err)
		}
		signers = append(signers, found...)
	}
	if len(t.signers) > 0 && len(t.paths) == 0 {
		return mistake("--trusted-list-signer demande --trusted-list")
	}
	t.lists = nil
	for _, path := range t.paths {
		l, err := readTrustedList(path, signers)
		if err != nil {
			return err
		}
		t.lists = append(t.lists, l)
	}
	return nil
}

// say tells whether the lists are those of their supervisors.
func (t *trustedLists) say(out io.Writer) error {
	for _, l := range t.lists {
		if _, err := fmt.Fprintf(out, "Liste de confiance %s n° %d : %s.\n", l.Territory, l.Sequence, signerSaid(l)); err != nil {
			return err
		}
	}
	return nil
}

// signerSaid never lets a list pass for verified that is not.
func signerSaid(l *certs.TrustedList) string {
	if l.Signer == nil {
		return "signature de la liste non vérifiée (--trusted-list-signer), qui l’importe en répond"
	}
	return "signature de la liste vérifiée, faite par " + cmp.Or(l.Signer.Subject.CommonName, l.Signer.Subject.String())
}

func readTrustedList(path string, signers []*x509.Certificate) (*certs.TrustedList, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("liste de confiance : %w", err)
	}
	defer f.Close() //nolint:errcheck // read only
	var l *certs.TrustedList
	if len(signers) > 0 {
		l, err = certs.ParseSignedTrustedList(f, signers, time.Now())
	} else {
		l, err = certs.ParseTrustedList(f)
	}
	switch {
	case errors.Is(err, certs.ErrTrustedListSignature):
		return nil, fmt.Errorf("%s : la signature de la liste de confiance est refusée, rien n’en est repris : %w", path, err)
	case err != nil:
		return nil, fmt.Errorf("%s n’est pas une liste de confiance lisible : %w", path, err)
	}
	return l, nil
}

func showTrustedList(_ context.Context, args []string, out, errOut io.Writer) int {
	var lists trustedLists
	flags := flag.NewFlagSet("parapheur trust show", flag.ContinueOnError)
	flags.SetOutput(errOut)
	flags.Func("trusted-list-signer", "certificat (PEM ou DER) de qui signe la liste : sa signature est alors vérifiée", func(s string) error {
		lists.signers = append(lists.signers, s)
		return nil
	})
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
	lists.paths = []string{flags.Arg(0)}
	if err := lists.read(); err != nil {
		return fail(errOut, err)
	}
	l := lists.lists[0]
	sum := sha256.Sum256(raw)
	fmt.Fprintf(out, "Liste de confiance %s n° %d, de %s, publiée le %s.\n", l.Territory, l.Sequence, l.Operator, l.Issued.Format("02/01/2006"))
	fmt.Fprintf(out, "SHA-256 du fichier : %s ; %s.\n", hex.EncodeToString(sum[:]), signerSaid(l))
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
	var lists trustedLists
	flags := flag.NewFlagSet("parapheur trust qualify", flag.ContinueOnError)
	flags.SetOutput(errOut)
	lists.flags(flags)
	asJSON := flags.Bool("json", false, "écrit le rapport en JSON")
	if err := flags.Parse(args); err != nil {
		return usage(errOut, err)
	}
	if len(lists.paths) == 0 || flags.NArg() != 1 {
		return usage(errOut, errors.New("indiquez --trusted-list et un PDF"))
	}
	all, err := qualifyFile(ctx, &lists, flags.Arg(0))
	if err != nil {
		return fail(errOut, err)
	}
	if *asJSON {
		err = json.NewEncoder(out).Encode(all)
	} else {
		err = errors.Join(lists.say(out), sayQualified(out, all))
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

func qualifyFile(ctx context.Context, lists *trustedLists, pdf string) ([]qualifiedSignature, error) {
	if err := lists.read(); err != nil {
		return nil, err
	}
	roots, err := verifyRoots(nil, lists.lists)
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
	return qualifySignatures(lists.lists, check, now), nil
}
