package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"parapheur/certs"
	"parapheur/signing"
)

func padesInspect(_ context.Context, args []string, out io.Writer) error {
	set := flag.NewFlagSet("inspect", flag.ContinueOnError)
	asJSON := set.Bool("json", false, "")
	files, err := parsePades(set, args, 1)
	if err != nil {
		return err
	}
	f, size, err := openSized(files[0])
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // read only
	info, err := signing.Inspect(f, size)
	if err != nil {
		return err
	}
	if *asJSON {
		return writeJSON(out, info)
	}
	_, err = io.WriteString(out, inspectFrench(files[0], info))
	return err
}

// inspectFrench tells what the document says of itself; the last line recalls that nothing was verified.
func inspectFrench(file string, i *signing.Info) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s : %d octets, %d page(s), %d révision(s)", filepath.Base(file), i.Size, i.Pages, i.Revisions)
	if i.Encrypted {
		b.WriteString(", chiffré")
	}
	if i.Certified > 0 {
		fmt.Fprintf(&b, ", certifié (DocMDP P=%d)", i.Certified)
	}
	b.WriteString("\n")
	for n, s := range i.Signatures {
		what := "signature"
		if s.Kind == signing.KindDocumentTimestamp {
			what = "horodatage du document"
		} else if s.Seal {
			what = "cachet"
		}
		fmt.Fprintf(&b, "%d. %s : %s (%s)", n+1, s.Field, what, s.SubFilter)
		if s.Name != "" {
			fmt.Fprintf(&b, ", certificat de %s valable jusqu’au %s", s.Name, s.NotAfter.Format("02/01/2006"))
		}
		if len(s.Timestamps) > 0 {
			fmt.Fprintf(&b, ", horodatage %s", strings.Join(s.Timestamps, ", "))
		}
		b.WriteString("\n")
	}
	for _, name := range i.EmptyFields {
		fmt.Fprintf(&b, "Champ de signature libre : %s\n", name)
	}
	if e := i.Evidence; e != nil {
		fmt.Fprintf(&b, "Données de validation : %d certificat(s), %d liste(s) de révocation, %d réponse(s) OCSP\n", e.Certificates, e.Lists, e.Answers)
	}
	b.WriteString("Rien de ceci n’a été vérifié : « parapheur pades verify » vérifie.\n")
	return b.String()
}

func padesVerify(_ context.Context, args []string, out io.Writer) error {
	var s padesServices
	set := flag.NewFlagSet("verify", flag.ContinueOnError)
	listFlag(set, "trust", &s.trust)
	set.StringVar(&s.demoDir, "demo-pki", "", "")
	var lists trustedLists
	lists.flags(set)
	asJSON := set.Bool("json", false, "")
	files, err := parsePades(set, args, 1)
	if err != nil {
		return err
	}
	if err := lists.read(); err != nil {
		return err
	}
	for _, l := range lists.lists {
		s.roots = append(s.roots, append(l.Anchors(certs.CAQC), l.Anchors(certs.QTST)...)...)
	}
	if err := s.open(); err != nil {
		return err
	}
	f, size, err := openSized(files[0])
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // read only
	opt := s.check()
	rep, err := signing.Check(f, size, opt)
	if err != nil {
		return err
	}
	var qualified []qualifiedSignature
	if len(lists.lists) > 0 {
		qualified = qualifySignatures(lists.lists, rep, opt.At)
	}
	switch {
	case *asJSON && qualified != nil:
		err = writeJSON(out, struct {
			*signing.Report
			Qualified []qualifiedSignature `json:"qualified"`
		}{rep, qualified})
	case *asJSON:
		err = writeJSON(out, rep)
	default:
		_, err = io.WriteString(out, verifyFrench(files[0], rep))
		err = errors.Join(err, lists.say(out), sayQualified(out, qualified))
	}
	switch {
	case err != nil:
		return err
	case rep.Verdict == signing.Invalid:
		return verdictError{padesRefused}
	case rep.Verdict != signing.Valid:
		return verdictError{padesUnknown}
	}
	return nil
}

// verifyFrench is the report for a reader.
func verifyFrench(file string, r *signing.Report) string {
	var b strings.Builder
	verdict := map[signing.Verdict]string{signing.Valid: "VALIDE", signing.Invalid: "NON VALIDE"}[r.Verdict]
	if verdict == "" {
		verdict = "NON CONCLUANT"
	}
	fmt.Fprintf(&b, "%s : %s\n", filepath.Base(file), verdict)
	for _, reason := range r.Reasons {
		fmt.Fprintf(&b, "   %s\n", reason.French())
	}
	for i, s := range r.Signatures {
		fmt.Fprintf(&b, "%d. %s : %s\n", i+1, s.Field, strings.Join(describe(s), ", "))
		for _, reason := range s.Reasons {
			fmt.Fprintf(&b, "   %s\n", reason.French())
		}
	}
	for _, line := range added(r) {
		fmt.Fprintf(&b, "Ajouté ensuite, %s\n", line)
	}
	return b.String()
}

// added says what each revision after the first signature brought, when it was permitted; what was not is among the
// reasons of the signatures.
func added(r *signing.Report) []string {
	var out []string
	signed := false
	for _, rev := range r.Revisions {
		var what []string
		if signed {
			for _, name := range rev.Filled {
				what = append(what, "champ « "+name+" » rempli, ce que le document certifié permettait")
			}
			if rev.Evidence {
				what = append(what, "données de validation")
			}
			if len(rev.Signatures) > 0 {
				what = append(what, "signature ou horodatage : "+strings.Join(rev.Signatures, ", "))
			}
		}
		signed = signed || len(rev.Signatures) > 0
		if len(what) > 0 {
			out = append(out, fmt.Sprintf("révision %d : %s", rev.Index+1, strings.Join(what, " ; ")))
		}
	}
	return out
}

// describe says the verdict, the level, who and when.
func describe(s signing.SignatureReport) []string {
	words, e := []string{"signature " + s.Verdict.French()}, "e"
	masculine := strings.Replace(s.Verdict.French(), "indéterminée", "indéterminé", 1)
	switch {
	case s.Kind == signing.KindDocumentTimestamp:
		words[0], e = "horodatage du document "+masculine, ""
	case s.Seal:
		words[0], e = "cachet "+masculine, ""
	}
	if s.Level != "" {
		words = append(words, "niveau "+s.Level)
	} else if why := s.NoLevelFrench(); why != "" {
		words = append(words, why)
	}
	if s.Name != "" {
		words = append(words, "certificat de "+s.Name)
	}
	switch {
	case s.Timestamp != nil && s.Kind == signing.KindDocumentTimestamp:
		words = append(words, "du "+frenchInstant(s.Timestamp.Time))
	case s.Timestamp != nil:
		words = append(words, "horodaté"+e+" le "+frenchInstant(s.Timestamp.Time)+" par "+s.Timestamp.Authority)
	case s.ClaimedTime != nil:
		words = append(words, "date déclarée : "+frenchInstant(*s.ClaimedTime))
	}
	if !s.CoversWholeFile && s.Revision >= 0 {
		words = append(words, "suivi"+e+" d’ajouts")
	}
	return words
}

func frenchInstant(t time.Time) string { return t.UTC().Format("02/01/2006 à 15:04:05 UTC") }

func padesDemoPKI(_ context.Context, args []string, out io.Writer) error {
	dirs, err := parsePades(flag.NewFlagSet("demo-pki", flag.ContinueOnError), args, 1)
	if err != nil {
		return err
	}
	demo, err := openDemoPKI(dirs[0], true)
	if err != nil {
		return err
	}
	root := filepath.Join(dirs[0], "root.pem")
	if err := writePEM(root, demo.Root().Raw); err != nil {
		return err
	}
	fmt.Fprintf(out, "Autorités de démonstration, sans aucune valeur : %s\nRacine, pour un autre vérificateur : %s\n"+
		"Essayez : parapheur pades sign --demo-pki %s lettre.pdf lettre-signée.pdf\n", dirs[0], root, dirs[0])
	return nil
}
