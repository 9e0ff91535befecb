package evidence

import (
	"strings"

	"parapheur/approvals/proof"
	"parapheur/circuits/delegation"
)

// vouched writes who vouches for the keys on which the decisions rest.
func (p *page) vouched(r *Report) {
	p.title("Qui répond des clés d’accès")
	for _, e := range r.Enrolments {
		name := e.Name
		if name == "" {
			name = e.Person
		}
		p.line("  – %s, %s", name, e.Quality)
		p.line("    Identité%s: %s", nbsp, e.IdentityCheck)
		p.line("    %s", spaced(e.French()))
	}
}

// French says who vouches for a key and what they were, as one sentence.
func (e EnrolmentReport) French() string {
	w := e.Witness
	switch {
	case e.Founding == proof.FoundedByOperator:
		return "C’est la première clé de la collectivité, par le lien de l’opérateur du service : personne n’en répond."
	case e.Founding == proof.FoundedForDemonstration:
		return "Collectivité de démonstration : personne n’en répond."
	case w == nil:
		return "Enrôlée avant que l’on demande un répondant : personne n’en répond."
	case w.Same:
		return w.Name + " en répond avec une autre de ses clés, depuis le " + instantText(w.At) + "."
	}
	said := w.Name + " en répond depuis le " + instantText(w.At)
	switch at := " (journal, inscription n° " + thousands(w.Entry) + ")."; {
	case w.Administrator == nil:
		return said + " ; rien de joint ne dit si cette personne administrait la collectivité."
	case *w.Administrator:
		return said + " et administrait la collectivité à cette date" + at
	default:
		return said + " mais N’ADMINISTRAIT PAS la collectivité à cette date" + at
	}
}

// mandate writes the act as the journal of the town records it: what a reader compares with the paper.
func (p *page) mandate(d *DecisionReport) {
	m := d.Mandate
	switch {
	case m.Delegation != nil:
		x := m.Delegation
		p.line("     Arrêté n°%s%s, publié le %s%s%s:", nbsp, x.Number, x.Published.French(), period(x.From, x.To), nbsp)
		p.line("       – %s (%s) délègue à %s (%s)", d.For.Name, x.Delegator.Quality, d.Name, x.Delegate.Quality)
		for _, s := range scope(x.Scope) {
			p.line("       – %s", spaced(s))
		}
	case m.Impediment != nil:
		p.line("     Empêchement%s: %s%s%s", nbsp, m.Impediment.Motive, nbsp, period(m.Impediment.From, m.Impediment.To))
	case m.Absence != nil:
		p.line("     Absence annoncée%s", period(m.Absence.From, m.Absence.To))
	case m.Recusal != nil:
		p.line("     Arrêté de déport n°%s%s, du %s", nbsp, m.Recusal.Number, m.Recusal.On.French())
	}
	p.line("     (journal de la collectivité, inscription n°%s%s)", nbsp, thousands(m.Entry))
}

func period(from, to delegation.Date) string {
	if to == "" {
		return ", en vigueur depuis le " + from.French()
	}
	return ", en vigueur du " + from.French() + " au " + to.French()
}

// scope says what a delegation covers; what this verification cannot compute again is said to be so.
func scope(s delegation.Scope) (out []string) {
	if len(s.Types) > 0 {
		out = append(out, "types de courrier : "+strings.Join(s.Types, ", "))
	}
	if len(s.Desks) > 0 {
		desks := make([]string, len(s.Desks))
		for i, d := range s.Desks {
			desks[i] = string(d)
		}
		out = append(out, "bureaux : "+strings.Join(desks, ", "))
	}
	if len(s.Classes) > 0 {
		classes := make([]string, len(s.Classes))
		for i, c := range s.Classes {
			classes[i] = string(c)
		}
		out = append(out, "catégories d’actes (non recalculées ici) : "+strings.Join(classes, ", "))
	}
	if l := s.Limit; l != nil {
		out = append(out, "montant (non recalculé ici) : « "+l.Field+" » jusqu’à "+l.Max.French())
	}
	return out
}
