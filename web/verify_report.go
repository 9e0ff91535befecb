package web

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"parapheur/dossiers"
	"parapheur/internal/specimen"
)

// This file says a verification in plain French. What it shows comes from files that nobody vouches for: every text of
// theirs passes through plain.

// A verdict is a verification as people read it.
type verdict struct {
	Kind          string // "ok", "bad" or "unsure", of the colours
	Icon, Heading string
	Say, Advice   string
	File          string // name and size of the letter
	Demo          bool   // of a demonstration: worth nothing
	Specimen      bool   // of a sandbox: worth nothing, and said so in the heading unless something is false
	Holds         []remark
	Fails         []remark
	Unknown       []remark
	Signatures    []signatureLine
	Changes       []string // what came after the first signature
	Dossier       string   // that the evidence describes; empty without
	Decisions     []decisionLine
	Facts         []fact
}

// A remark is one thing found, and what it means.
type remark struct{ Title, Text string }

// A fact is one line for a specialist.
type fact struct {
	Name, Value string
	Mono        bool
}

// A signatureLine is one signature of the letter.
type signatureLine struct {
	Title  string
	Tag    tag
	Facts  []fact
	Points []string
}

// A decisionLine is one decision of the evidence.
type decisionLine struct {
	Title, By, When, Reason string
	Notes                   []string
	Tag                     tag
}

// outcomes of a verification and of a signature, as their packages name them.
const (
	outcomeValid   = "valid"
	outcomeInvalid = "invalid"
)

// codeSpecimen is how a verification names what is of a sandbox.
const codeSpecimen = "specimen"

// newVerdict tells v about the file called name.
func newVerdict(v *dossiers.Verification, name string, c calendar) *verdict {
	out := &verdict{Demo: v.Demonstration, Specimen: v.Specimen, File: distinctFile(name, v.Letter.Bytes)}
	for _, f := range v.Findings {
		told := remark{Title: told(f.French())}
		switch outcome := string(f.Outcome); {
		case outcome == outcomeValid, string(f.Code) == codeSpecimen: // the heading says it
		case outcome == outcomeInvalid:
			out.Fails = addOnce(out.Fails, told)
		default:
			out.Unknown = addOnce(out.Unknown, told)
		}
		out.Facts = append(out.Facts, fact{Name: "Constat", Value: typeset(plain(f.French()))})
	}
	var signers []dossiers.FoundSignature
	if check := v.Letter.Check; check != nil {
		for i, s := range check.Signatures {
			l := newSignatureLine(i, len(check.Revisions), s, c)
			if out.Demo && l.Tag.Kind == "ok" {
				l.Tag = tag{"late", "info", "essai, sans valeur"}
			}
			out.Signatures = append(out.Signatures, l)
			if s.Kind == "signature" {
				signers = append(signers, s)
			}
		}
		out.Changes = changes(v)
	}
	out.decide(v, signers, c)
	if out.Kind == "ok" {
		out.praise(v, signers)
	}
	out.limits(v, signers)
	if v.Dossier != nil {
		out.Dossier = fmt.Sprintf("Dossier n°%s%d, «%s%s%s»", nbsp, v.Dossier.Number, nbsp, plain(v.Dossier.Title), nbsp)
		if v.Tenant != nil {
			out.Dossier += ", " + plain(v.Tenant.Name)
		}
	}
	for _, d := range v.Decisions {
		out.Decisions = append(out.Decisions, newDecisionLine(d, v.Enrolments, c))
	}
	out.Facts = append([]fact{{"Empreinte du fichier (SHA-256)", v.Letter.SHA256.String(), true}, {"Vérification faite", c.full(v.VerifiedAt), false}}, out.Facts...)
	return out
}

// decide chooses the words that come first. Nothing but a valid outcome over at least one valid signature of somebody is
// told as such.
func (out *verdict) decide(v *dossiers.Verification, signers []dossiers.FoundSignature, c calendar) {
	check := v.Letter.Check
	sound := check != nil && string(check.Verdict) == outcomeValid && len(signers) > 0
	say := func(kind, icon, heading, sentence, advice string) {
		out.Kind, out.Icon, out.Heading, out.Say, out.Advice = kind, icon, heading, sentence, advice
	}
	switch {
	case string(v.Outcome) == outcomeInvalid && sound:
		say("bad", "x", "Le dossier de preuve ne tient pas", "Prises seules, les signatures de la lettre sont exactes. Mais ce dossier de preuve est abîmé, modifié, ou n’est pas le sien.",
			"Demandez à la mairie le dossier de preuve de cette lettre.")
	case string(v.Outcome) == outcomeInvalid:
		say("bad", "x", "Cette lettre n’est pas valide", "Au moins un contrôle échoue\u00a0: elle a pu être modifiée, ou n’a pas été signée comme elle le prétend.",
			"Ne vous y fiez pas. Demandez à la mairie de vous l’envoyer de nouveau.")
	case v.Specimen:
		say("unsure", "info", typeset(specimen.French), "Ce document vient d’une collectivité d’essai, dont les clés et l’horloge sont fausses\u00a0: il n’engage personne.",
			"Il ne peut pas être authentique, quoi qu’il montre d’autre.")
	case check == nil:
		say("unsure", "circle-help", "Ce PDF n’a pas pu être lu", "Il est incomplet, abîmé ou trop complexe\u00a0: rien ne peut en être dit.", "Vérifiez le fichier tel que vous l’avez reçu, sans l’imprimer ni l’enregistrer de nouveau.")
	case len(check.Signatures) == 0:
		say("unsure", "circle-help", "Ce PDF n’est pas signé", "Il ne porte aucune signature électronique\u00a0: rien n’établit qui l’a écrit ni qu’il n’a pas changé.",
			"Une image de signature ne prouve rien. Si la lettre a été imprimée puis numérisée, vérifiez plutôt le PDF d’origine.")
	case len(signers) == 0:
		say("unsure", "circle-help", "Ce PDF est daté, mais personne ne l’a signé", "Il porte un horodatage, sans signature de quelqu’un.", "N’en concluez rien sur son auteur.")
	case string(v.Outcome) != outcomeValid || !sound:
		say("unsure", "circle-help", "Nous ne pouvons pas conclure", "Rien de faux n’a été trouvé, mais un contrôle n’a pas pu être fait\u00a0: voyez ce que nous ne savons pas.",
			"Ne tenez pas cette lettre pour authentique sur la foi de cette page.")
	case out.Demo:
		say("unsure", "info", "Une signature d’essai, qui n’engage personne", "Les contrôles réussissent et la lettre n’a pas changé, mais la clé est celle d’une démonstration.", "")
	case len(signers) == 1:
		say("ok", "check", "La signature est valable et la lettre n’a pas changé", signedBy(signers, c), "")
	default:
		say("ok", "check", "Les signatures sont valables et la lettre n’a pas changé", signedBy(signers, c), "")
	}
}

// signedBy says who signed and when.
func signedBy(signers []dossiers.FoundSignature, c calendar) string {
	var names []string
	for _, s := range signers {
		who := plain(s.Name)
		if s.Timestamp != nil {
			who += ", " + c.full(s.Timestamp.Time)
		}
		names = append(names, who)
	}
	return "Signée par " + strings.Join(names, "\u00a0; ") + "."
}

// praise lists what holds, for a letter whose verdict is good.
func (out *verdict) praise(v *dossiers.Verification, signers []dossiers.FoundSignature) {
	add := func(title, text string) { out.Holds = append(out.Holds, remark{title, text}) }
	add("Le contenu est celui qui a été signé", "Pas une lettre, pas un chiffre n’a changé depuis.")
	stamped := true
	for _, s := range signers {
		stamped = stamped && s.Timestamp != nil
	}
	if len(signers) == 1 {
		add("Le signataire est identifié", "Son certificat vient d’une autorité reconnue par la mairie.")
	} else {
		add("Les signataires sont identifiés", "Leurs certificats viennent d’autorités reconnues par la mairie.")
	}
	if stamped {
		add("La date est certaine", "Un tiers l’atteste par un horodatage.")
	}
	if len(v.Decisions) > 0 {
		add("Chaque décision a sa preuve", "Elle porte sur ce document, de la main de qui elle dit, dans l’ordre du circuit.")
	}
	if v.Package != nil && v.Package.Seal != nil {
		add("Le dossier de preuve est scellé", "Cachet de "+plain(v.Package.Seal.Name)+".")
	}
}

// limits says what no verification of files establishes.
func (out *verdict) limits(v *dossiers.Verification, signers []dossiers.FoundSignature) {
	if out.Kind == "bad" || out.Specimen || len(signers) == 0 {
		return
	}
	add := func(title, text string) { out.Unknown = append(out.Unknown, remark{title, text}) }
	for _, s := range signers {
		if s.Timestamp == nil {
			add("La date n’est pas certaine", "Le signataire la déclare\u00a0; aucun tiers ne l’atteste.")
			break
		}
	}
	for _, s := range signers {
		if !strings.HasSuffix(s.Level, "-LT") && !strings.HasSuffix(s.Level, "-LTA") {
			add("La révocation n’a pas été cherchée", "La lettre ne porte pas la preuve que le certificat était encore en vigueur. Son autorité peut le dire.")
			break
		}
	}
	if v.Package == nil {
		add("Les visas n’ont pas été vérifiés", "Joignez le dossier de preuve pour savoir qui a décidé, et dans quel ordre.")
	}
	if v.Package == nil {
		add("Le mandat n’est pas dans le fichier", "La signature dit qui a signé, pas s’il en avait le pouvoir ce jour-là.")
		return
	}
	add("L’élection ou la nomination n’est pas dans le fichier", "La preuve dit par quel acte on a décidé pour un autre, pas que celui-ci était toujours en fonction.")
}

// newSignatureLine tells one signature, the i-th, of a file of so many revisions.
func newSignatureLine(i, revisions int, s dossiers.FoundSignature, c calendar) signatureLine {
	l := signatureLine{Title: "Signature " + number(int64(i+1))}
	if s.Kind == "document_timestamp" {
		l.Title = "Horodatage " + number(int64(i+1))
	}
	if s.Name != "" {
		l.Title += nbsp + ": " + plain(s.Name)
	}
	l.Tag = tagOf(string(s.Verdict), s.Verdict.French())
	add := func(name, value string) { l.Facts = append(l.Facts, fact{Name: name, Value: typeset(value)}) }
	add("Date", dateOf(s, c))
	if s.Level != "" {
		add("Niveau", levelName(s.Level))
	} else if why := s.NoLevelFrench(); why != "" {
		add("Niveau", plain(why))
	}
	add("Étendue", coverage(s, revisions))
	if cert := s.Certificate; cert != nil {
		add("Certificat délivré par", plain(commonName(cert.Issuer)))
		add("Validité du certificat", "du "+c.date(cert.NotBefore)+" au "+c.date(cert.NotAfter))
	}
	for _, r := range s.Reasons {
		l.Points = append(l.Points, typeset(plain(r.French())))
	}
	return l
}

// date returns "1er décembre 2026".
func (c calendar) date(t time.Time) string {
	t = t.In(c.now.Location())
	return dayMonth(t) + " " + strconv.Itoa(t.Year())
}

// dateOf says when, and on whose word.
func dateOf(s dossiers.FoundSignature, c calendar) string {
	switch {
	case s.Timestamp != nil && s.Timestamp.Certificate.Trusted:
		return c.full(s.Timestamp.Time) + ", horodatage par " + plain(s.Timestamp.Authority)
	case s.Timestamp != nil:
		return c.full(s.Timestamp.Time) + ", horodatage par " + plain(s.Timestamp.Authority) + ", autorité inconnue ici"
	case s.ClaimedTime != nil:
		return c.full(*s.ClaimedTime) + ", déclarée par le signataire\u00a0: aucun tiers ne l’atteste"
	}
	return "inconnue"
}

// levelName says what a level adds to the one before.
func levelName(level string) string {
	short := strings.Replace(level, "PAdES-BASELINE-", "PAdES B-", 1)
	switch short {
	case "PAdES B-B":
		return short + " : signature sans horodatage"
	case "PAdES B-T":
		return short + " : signature horodatée par un tiers"
	case "PAdES B-LT":
		return short + " : avec les preuves que les certificats n’étaient pas révoqués"
	case "PAdES B-LTA":
		return short + " : avec ces preuves, et l’horodatage qui les conserve"
	}
	return plain(level)
}

// coverage says what the signature covers.
func coverage(s dossiers.FoundSignature, revisions int) string {
	switch {
	case s.CoversWholeFile:
		return "tout le fichier"
	case s.Revision >= 0 && s.Revision < revisions:
		return fmt.Sprintf("le fichier tel qu’il était à son état %d sur %d ; la suite est dite plus bas", s.Revision+1, revisions)
	}
	return "anormale : elle ne correspond à aucun état du fichier"
}

// changes tells what was done to the file after its first signature.
func changes(v *dossiers.Verification) []string {
	check := v.Letter.Check
	first := -1
	for _, s := range check.Signatures {
		if s.Revision >= 0 && (first < 0 || s.Revision < first) {
			first = s.Revision
		}
	}
	if first < 0 {
		return nil
	}
	var out []string
	for _, r := range check.Revisions[min(first+1, len(check.Revisions)):] {
		state := fmt.Sprintf("État %d : ", r.Index+1)
		if n := len(r.Signatures); n > 0 {
			out = append(out, typeset(state+count(n, "signature ou horodatage ajouté", "signatures ou horodatages ajoutés")+", ce qui est permis."))
		}
		if r.Evidence {
			out = append(out, typeset(state+"des preuves de validité ont été ajoutées, ce qui est permis."))
		}
		for _, name := range r.Filled {
			out = append(out, typeset(plain(state+"le champ de formulaire « "+name+" » a été rempli, ce que le document certifié permettait.")))
		}
		for _, c := range r.Changes {
			out = append(out, typeset(plain(state+c.French())))
		}
	}
	if len(out) == 0 && len(check.Revisions) == first+1 && string(check.Verdict) != outcomeInvalid {
		out = append(out, "Rien\u00a0: le fichier s’arrête à cette signature.")
	}
	return out
}

// newDecisionLine tells one decision of the evidence.
func newDecisionLine(d dossiers.FoundDecision, keys []dossiers.FoundEnrolment, c calendar) decisionLine {
	l := decisionLine{
		Title: decisionName(string(d.Verdict)), By: plain(named(d.Name, d.Quality)), When: c.full(d.At) + ", «\u00a0" + plain(d.StepTitle) + "\u00a0»",
		Reason: plain(d.Reason),
	}
	word := map[string]string{outcomeValid: "preuve exacte", outcomeInvalid: "preuve fausse"}[string(d.Outcome)]
	if word == "" {
		word = "preuve non vérifiée"
	}
	l.Tag = tagOf(string(d.Outcome), word)
	switch string(d.Standing) {
	case "lapsed":
		l.Notes = append(l.Notes, "Ne compte plus\u00a0: la lettre a été corrigée, ou le circuit a recommencé, après elle.")
	case "undone":
		l.Notes = append(l.Notes, "Ne compte plus\u00a0: reprise ensuite par son auteur.")
	}
	if f := d.For; f != nil {
		l.Notes = append(l.Notes, onBehalf(d))
	}
	if k := d.Key; k != nil {
		l.Notes = append(l.Notes, "Geste fait avec une clé d’accès, et vérifié.")
		for _, e := range keys {
			if e.SHA256 == k.Enrolment {
				l.Notes = append(l.Notes, typeset(plain("Cette clé : "+lowered(e.French()))))
			}
		}
	}
	if d.Signature != nil {
		l.Notes = append(l.Notes, "C’est pour elle que la signature "+number(int64(*d.Signature+1))+" de la lettre a été faite.")
	}
	return l
}

// onBehalf says for whom somebody decided, and by which act of the journal.
func onBehalf(d dossiers.FoundDecision) string {
	said := "Pour " + plain(named(d.For.Name, d.For.Quality))
	if d.For.Mention != "" {
		said = plain(d.For.Mention) + ", pour " + plain(d.For.Name)
	}
	if d.Mandate != nil && d.Mandate.Delegation != nil {
		x := d.Mandate.Delegation
		said += typeset(", par l’arrêté n° " + plain(x.Number) + " publié le " + plain(x.Published.French()))
	}
	return said + "."
}

// lowered begins a sentence in the middle of another, unless it begins with a name.
func lowered(s string) string {
	for _, first := range []string{"C’est", "Collectivité", "Enrôlée"} {
		if strings.HasPrefix(s, first) {
			return strings.ToLower(s[:1]) + s[1:]
		}
	}
	return s
}

// decisionName names a decision as statements write it.
func decisionName(decision string) string {
	switch decision {
	case "visa":
		return "Visa"
	case "signature":
		return "Décision de signer"
	case "cachet":
		return "Décision d’apposer le cachet"
	case "avis":
		return "Avis"
	case "refus":
		return "Refus"
	case "externe":
		return "Acte externe constaté"
	case "contournement":
		return "Étape contournée"
	case "remords":
		return "Décision reprise"
	}
	return "Décision"
}

// tagOf marks an outcome; only a valid one looks like one.
func tagOf(outcome, word string) tag {
	switch outcome {
	case outcomeValid:
		return tag{"ok", "check", word}
	case outcomeInvalid:
		return tag{"urgent", "x", word}
	}
	return tag{"late", "circle-help", word}
}

// told drops from a finding the parenthesis that is for specialists.
func told(s string) string {
	if i := strings.LastIndex(s, " ("); i > 0 {
		s = s[:i] + "."
	}
	return typeset(plain(s))
}

func addOnce(all []remark, r remark) []remark {
	for _, known := range all {
		if known == r {
			return all
		}
	}
	return append(all, r)
}

func distinctFile(name string, n int64) string {
	return strings.Join(distinct(name, size(n)), ", ")
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

// plain keeps a text of a file from drawing anything but itself: controls, and the marks that turn the direction of what
// follows, are shown as unreadable. It is cut where no name goes.
func plain(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case unicode.IsControl(r), r == '\u2028', r == '\u2029', '\u202a' <= r && r <= '\u202e', '\u2066' <= r && r <= '\u2069':
			return unicode.ReplacementChar
		}
		return r
	}, s)
	if runes := []rune(s); len(runes) > 400 {
		return string(runes[:399]) + "…"
	}
	return s
}
