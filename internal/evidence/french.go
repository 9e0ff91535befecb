package evidence

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"parapheur/approvals/proof"
	"parapheur/circuits"
	"parapheur/internal/specimen"
	"parapheur/signing"
)

// nbsp is the space that French puts before « : », « ; » and « ? », and inside quotes.
const nbsp = "\u00a0"

// French writes the report for a mayor, a clerk or a judge. Instants are in UTC, and said to be.
func (r *Report) French(w io.Writer) error {
	out := &page{w: bufio.NewWriter(w)}
	out.heading(r)
	if r.Letter != nil {
		out.letter(r)
	}
	if len(r.Decisions) > 0 {
		out.title("Les décisions, dans l’ordre où elles ont été prises")
		for i := range r.Decisions {
			if i > 0 {
				out.line("")
			}
			out.decision(&r.Decisions[i])
		}
	}
	if len(r.Enrolments) > 0 {
		out.vouched(r)
	}
	if r.Package != nil {
		out.pack(r)
	}
	for _, o := range []proof.Outcome{proof.Invalid, proof.Unverifiable, proof.Valid} {
		out.findings(r.Findings, o)
	}
	out.limits(r)
	return out.w.Flush()
}

// page writes lines; the buffer keeps the first error.
type page struct{ w *bufio.Writer }

// line writes one line, whatever the texts hold: they come from files that nobody vouches for.
func (p *page) line(format string, args ...any) {
	for i, a := range args {
		if s, ok := a.(string); ok {
			args[i] = harmless(s)
		}
	}
	fmt.Fprintf(p.w, format+"\n", args...)
}

// harmless keeps a text on its line and away from the controls of a terminal: a name must not be able to draw another
// conclusion.
func harmless(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || '\u202a' <= r && r <= '\u202e' || '\u2066' <= r && r <= '\u2069':
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

func (p *page) title(s string) { p.line("\n%s\n", s) }

// conclusion is an outcome as French sentences. What is of a sandbox is told as
// such first.
func conclusion(o proof.Outcome, sandbox bool) string {
	switch {
	case o == proof.Valid:
		return "VALIDE. Tout ce qui a été présenté a été vérifié, et tout est exact."
	case o == proof.Invalid && sandbox:
		return specimen.French + ". NON VALIDE de surcroît : voir « Ce qui ne tient pas »."
	case o == proof.Invalid:
		return "NON VALIDE. Au moins un contrôle échoue : voir « Ce qui ne tient pas »."
	case sandbox:
		return specimen.French + ". Il n’engage personne, quoi que disent les autres contrôles."
	default: // proof.Unverifiable
		return "NON CONCLUANT. Rien de faux n’a été trouvé, mais une vérification n’a pas pu être faite."
	}
}

func (p *page) heading(r *Report) {
	p.line("Conclusion%s: %s", nbsp, spaced(conclusion(r.Outcome, r.Specimen)))
	if r.Dossier != nil {
		p.line("")
		p.line("Dossier n°%s%d, %s", nbsp, r.Dossier.Number, quoted(r.Dossier.Title))
		p.line("%s, SIRET %s", r.Tenant.Name, grouped(r.Tenant.SIRET))
		p.line("Type%s: %s. Identifiant%s: %s", nbsp, r.Dossier.Type, nbsp, r.Dossier.ID)
	}
	p.line("Vérification faite le %s.", instantText(r.VerifiedAt))
}

func (p *page) letter(r *Report) {
	p.title("La lettre")
	p.line("  %s, empreinte SHA-256", count(r.Letter.Bytes, "octet", "octets"))
	p.line("  %s", r.Letter.SHA256)
	if r.Letter.Check == nil {
		return
	}
	if len(r.Letter.Check.Signatures) == 0 {
		p.line("  Elle ne porte aucune signature.")
	}
	for i, s := range r.Letter.Check.Signatures {
		p.signature(i, s)
	}
}

func (p *page) signature(i int, s signing.SignatureReport) {
	what := "Signature"
	switch {
	case s.Kind == signing.KindDocumentTimestamp:
		what = "Horodatage du document"
	case s.Seal:
		what = "Cachet"
	}
	p.line("\n  %s %d%s: %s", what, i+1, nbsp, s.Verdict.French())
	if s.Certificate != nil {
		p.line("    Certificat au nom de %s, délivré par %s", quoted(s.Name), quoted(commonName(s.Certificate.Issuer)))
	}
	if s.Level != "" {
		p.line("    Niveau %s", s.Level)
	}
	switch {
	case s.Timestamp != nil:
		p.line("    Horodatée le %s par %s", instantText(s.Timestamp.Time), s.Timestamp.Authority)
	case s.ClaimedTime != nil && unknownAuthority(s):
		p.line("    Datée par son auteur du %s ; son horodatage ne compte qu’avec la racine de son autorité (--root)", instantText(*s.ClaimedTime))
	case s.ClaimedTime != nil:
		p.line("    Datée par son auteur du %s, sans horodatage d’un tiers", instantText(*s.ClaimedTime))
	}
	if s.CoversWholeFile {
		p.line("    Elle couvre tout le fichier.")
	} else if len(s.ByteRange) == 4 {
		p.line("    Elle couvre les %s premiers octets du fichier.", thousands(coveredTo(s)))
	}
	for _, reason := range s.Reasons {
		p.line("    – %s", spaced(reason.French()))
	}
}

// unknownAuthority reports whether s carries a time-stamp whose authority is
// none of those given: it exists, and proves nothing yet.
func unknownAuthority(s signing.SignatureReport) bool {
	return slices.ContainsFunc(s.Reasons, func(r signing.Reason) bool { return r.Code == signing.TimestampUntrusted })
}

// verdictWord names a decision.
func verdictWord(d proof.Decision) string {
	switch d {
	case proof.Visa:
		return "Visa"
	case proof.Sign:
		return "Décision de signer"
	case proof.Seal:
		return "Décision d’apposer le cachet"
	case proof.Opinion:
		return "Avis"
	case proof.Refusal:
		return "Refus"
	case proof.External:
		return "Acte externe constaté"
	case proof.Bypass:
		return "Étape contournée par l’administration"
	case proof.Undoing:
		return "Décision reprise par son auteur (droit de remords)"
	}
	return string(d)
}

// saidOf writes what was said with a decision.
func (p *page) saidOf(d *DecisionReport) {
	if d.Reason != "" {
		p.line("     Motif%s: %s", nbsp, quoted(d.Reason))
	}
	if a := d.Advice; a != nil {
		p.line("     Avis %s", senseWord(a.Sense))
		if a.Text != "" {
			p.line("     %s", quoted(a.Text))
		}
	}
	if o := d.Outside; o != nil {
		p.line("     %s", meansWord(o.Means))
		if o.By != "" {
			p.line("     Par %s", o.By)
		}
		if o.Reference != "" {
			p.line("     Référence%s: %s", nbsp, o.Reference)
		}
		p.line("     Preuve, empreinte %s", o.Proof.String())
	}
}

func senseWord(s circuits.Sense) string {
	switch s {
	case circuits.Favourable:
		return "favorable"
	case circuits.Reserved:
		return "favorable avec réserves"
	case circuits.Unfavourable:
		return "défavorable"
	}
	return string(s)
}

func meansWord(means string) string {
	switch means {
	case "paper":
		return "Signature sur papier, numérisée"
	case "registered_mail":
		return "Envoi recommandé"
	}
	return "Acte fait hors du parapheur"
}

// inTheNameOf writes for whom the person acted, and by which act.
func (p *page) inTheNameOf(d *DecisionReport) {
	f := d.For
	if f == nil {
		return
	}
	if f.Mention != "" {
		p.line("     %s", f.Mention)
	}
	who := f.Name
	if f.Quality != "" {
		who += ", " + f.Quality
	}
	p.line("     pour %s, par %s", who, mandateWord(f.Mandate))
	if d.Delegation != "" {
		p.line("     Acte approuvé%s: %s", nbsp, d.Delegation)
	}
	if d.Mandate != nil {
		p.mandate(d)
	}
}

func mandateWord(m circuits.Mandate) string {
	switch m {
	case circuits.Delegated:
		return "délégation de signature"
	case circuits.Substitutes:
		return "suppléance (CGCT, article L2122-17)"
	case circuits.Recusing:
		return "désignation après un déport"
	case circuits.Absence:
		return "remplacement pendant une absence"
	}
	return string(m)
}

func (p *page) decision(d *DecisionReport) {
	if d.Automatic {
		p.line("  %d. Cachet automatique%s: personne n’a décidé, le circuit le demande", d.Seq, nbsp)
	} else {
		p.line("  %d. %s, par %s, %s", d.Seq, verdictWord(d.Verdict), d.Name, d.Quality)
		p.inTheNameOf(d)
	}
	p.line("     le %s, à l’étape %s", instantText(d.At), quoted(d.StepTitle))
	p.line("     sur la version %d du document%s: %s, empreinte", d.Version, nbsp, count(d.Bytes, "octet", "octets"))
	p.line("     %s", d.Document)
	p.saidOf(d)
	if k := d.Key; k != nil {
		p.line("     Geste fait avec une clé d’accès (%s) enrôlée le %s%s; présence et", k.Algorithm, instantText(k.EnrolledAt), nbsp)
		p.line("     vérification de la personne attestées. Identité%s: %s%s; répondant%s: %s.", nbsp, k.IdentityCheck, nbsp, nbsp, k.EnrolledBy)
		if k.BackupEligible {
			p.line("     Cette clé peut être copiée sur d’autres appareils de la même personne.")
		}
	}
	if d.Signature != nil && d.Verdict == proof.Seal {
		p.line("     Le cachet %d de la lettre a été apposé pour cette décision.", *d.Signature+1)
	} else if d.Signature != nil {
		p.line("     La signature %d de la lettre a été apposée pour cette décision.", *d.Signature+1)
	}
	switch d.Standing {
	case circuits.Lapsed:
		p.line("     Caduque%s: le document a été corrigé, ou le circuit a recommencé, après elle.", nbsp)
	case circuits.Undone:
		p.line("     Reprise ensuite par son auteur%s: elle ne compte plus.", nbsp)
	case circuits.Maintained:
		p.line("     Maintenue%s: elle porte sur une version antérieure, et une correction la laisse compter.", nbsp)
	case circuits.Holds:
	}
	if d.Automatic {
		p.line("     → le circuit figé le permet, aucun geste n’est à vérifier")
		return
	}
	p.line("     → %s", decisionOutcome(d.Outcome))
}

func decisionOutcome(o proof.Outcome) string {
	switch o {
	case proof.Valid:
		return "preuve valide"
	case proof.Invalid:
		return "preuve NON VALIDE"
	default: // proof.Unverifiable
		return "preuve non vérifiable en l’état"
	}
}

func (p *page) pack(r *Report) {
	p.title("Le dossier de preuve")
	switch s := r.Package.Seal; {
	case s != nil:
		p.line("  Manifeste scellé par %s%s: cachet %s", s.Name, nbsp, sealWord(s.Verdict))
		for _, reason := range s.Reasons {
			p.line("    – %s", spaced(reason.French()))
		}
		if s.Timestamp != nil {
			p.line("  Horodaté le %s par %s", instantText(s.Timestamp.Time), s.Timestamp.Authority)
		}
	case !r.Package.Sealed:
		p.line("  Manifeste sans cachet de la collectivité")
	}
	if c := r.Context; c != nil {
		p.line("  Produit le %s par Parapheur %s. Heures des faits%s: %s.", instantText(c.ExportedAt), c.Software, nbsp, c.Clock)
	}
	p.line("  %s du journal sur ce dossier", count(int64(r.Package.Entries), "inscription", "inscriptions"))
	p.line("  Dernière inscription du journal de la collectivité à cette date%s: n°%s%s,", nbsp, nbsp, thousands(r.Package.HeadSeq))
	p.line("  %s", r.Package.HeadHash)
	if r.Package.Grounds > 0 {
		p.line("  %s sur ce dont il dépend%s: délégations, preuves remises, répondants", count(int64(r.Package.Grounds), "inscription", "inscriptions"), nbsp)
	}
	p.line("  Chaîne de %s, dernière empreinte", count(int64(r.Package.Enrolments), "enrôlement", "enrôlements"))
	p.line("  %s", r.Package.EnrolmentHead)
}

func sealWord(v signing.Verdict) string {
	switch v {
	case signing.Valid:
		return "valide"
	case signing.Invalid:
		return "NON VALIDE"
	case signing.Unknown:
	}
	return "indéterminé"
}

// findings lists those of one outcome.
func (p *page) findings(all []Finding, o proof.Outcome) {
	title := map[proof.Outcome]string{
		proof.Invalid: "Ce qui ne tient pas", proof.Unverifiable: "Ce qui n’a pas pu être vérifié", proof.Valid: "Remarques",
	}[o]
	for _, f := range all {
		if f.Outcome != o {
			continue
		}
		if title != "" {
			p.title(title)
			title = ""
		}
		p.line("  – %s", spaced(f.French()))
	}
}

func (p *page) limits(r *Report) {
	p.title("Ce que cette vérification n’établit pas")
	if r.Package != nil {
		p.line("  – Ce qu’un écran affichait%s: un geste vérifié porte sur l’empreinte d’un document.", nbsp)
	}
	if len(r.Decisions) > 0 {
		p.line("  – L’heure exacte des décisions%s: elle est celle de l’horloge du serveur. L’horodatage de la", nbsp)
		p.line("    signature vient, lui, d’un tiers.")
		if !r.Package.Compared {
			p.line("  – Que ce dossier est entier dans le journal de la collectivité%s: donnez le journal complet", nbsp)
			p.line("    (--journal) pour l’établir.")
		}
	}
	p.line("  – Que le certificat n’était pas révoqué, si la lettre n’en porte pas la preuve%s: ce contrôle se", nbsp)
	p.line("    fait auprès de l’autorité.")
}

// quoted puts French quotes.
func quoted(s string) string { return "«" + nbsp + s + nbsp + "»" }

// spaced makes the spaces of French punctuation unbreakable, in texts written with plain ones.
func spaced(s string) string {
	return strings.NewReplacer("« ", "«"+nbsp, " »", nbsp+"»", " :", nbsp+":", " ;", nbsp+";", " ?", nbsp+"?", " !", nbsp+"!").Replace(s)
}

// thousands returns n with its thousands apart.
func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "\u202f" + s[i:]
	}
	return s
}

// count returns « 1 octet » or « 7 octets »; zero is singular.
func count(n int64, one, many string) string {
	if n >= 2 {
		one = many
	}
	return thousands(n) + nbsp + one
}

// grouped returns a SIRET as people read it.
func grouped(s string) string {
	if len(s) != 14 {
		return s
	}
	return s[:3] + nbsp + s[3:6] + nbsp + s[6:9] + nbsp + s[9:]
}

// instantText returns « 1er mars 2026 à 10 h 12 min 07 s (UTC) ».
func instantText(t time.Time) string {
	t = t.UTC()
	day := strconv.Itoa(t.Day())
	if t.Day() == 1 {
		day = "1er"
	}
	month := [...]string{
		"janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre",
	}[t.Month()-1]
	return fmt.Sprintf("%s%s%s %d à %d%sh%s%02d%smin%s%02d%ss (UTC)",
		day, nbsp, month, t.Year(), t.Hour(), nbsp, nbsp, t.Minute(), nbsp, nbsp, t.Second(), nbsp)
}

// commonName is the CN of a subject written as a string, else the whole.
func commonName(subject string) string {
	for part := range strings.SplitSeq(subject, ",") {
		if cn, ok := strings.CutPrefix(part, "CN="); ok {
			return cn
		}
	}
	return subject
}
