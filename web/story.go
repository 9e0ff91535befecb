package web

import (
	"slices"

	"parapheur/circuits"
	"parapheur/dossiers"
)

// standing is the sentence that a letter's state asks for, or nil when it
// simply waits for the viewer.
func standing(d dossiers.View, who dossiers.Person, c calendar) *banner {
	switch d.State.Phase {
	case circuits.Draft:
		return &banner{"", "info", "Brouillon", "Cette lettre n’est pas encore partie. Personne d’autre que vous ne la voit."}
	case circuits.Refused:
		return refused(d, who, c)
	case circuits.Withdrawn:
		return &banner{"warn", "undo-2", "Retirée du circuit", "Elle ne circule plus. Son rédacteur peut la renvoyer ou en déposer une version corrigée."}
	case circuits.Completed:
		text := "Le PDF signé et le dossier de preuve sont prêts."
		if names, _ := signers(d, c); len(names) > 0 {
			text = "Par " + list(names) + ". " + text
		}
		return &banner{"ok", "circle-check", "Lettre signée", text}
	case circuits.Running: // below: it depends on the step
	}
	return travelling(d, who)
}

func refused(d dossiers.View, who dossiers.Person, c calendar) *banner {
	b := &banner{"bad", "corner-up-left", "Lettre refusée", ""}
	for _, st := range d.Path {
		if st.Decision != nil && st.Decision.Verdict == circuits.Refuses {
			b.Title = "Refusée par " + named(st.Decision.By.Name, st.Decision.By.Quality)
			b.Text = "«\u00a0" + st.Decision.Reason + "\u00a0»"
		}
	}
	if d.Drafter.Person == who.ID {
		b.Text += " Déposez une version corrigée pour relancer le circuit."
	}
	return b
}

func travelling(d dossiers.View, who dossiers.Person) *banner {
	for _, st := range d.Path {
		switch st.Status {
		case circuits.Sealing:
			if st.Awaiting != "" {
				_, title, text := awaiting(st.Awaiting)
				return &banner{"warn", "hourglass", title, text}
			}
			return &banner{"", "hourglass", "Signature en cours", "La décision est prise et conservée. La signature se pose sur le PDF\u00a0; cette page se met à jour d’elle-même."}
		case circuits.Open:
			able := slices.ContainsFunc(st.Holders, func(h dossiers.Holder) bool { return h.Able })
			if !able {
				return &banner{"warn", "triangle-alert", "Personne ne peut agir à cette étape", "Le bureau «\u00a0" + st.Desk + "\u00a0» n’a aucun titulaire avec une clé d’accès. Prévenez l’administrateur."}
			}
			if !d.Can.Decide() && prepares(who, st.Step.Desk) {
				return &banner{"deleg", "users", "Vous préparez cette lettre", "La décision revient à " + anyOf(holderNames(st.Holders)) + "."}
			}
		case circuits.Ahead, circuits.Done, circuits.Rejects:
		}
	}
	return nil
}

func prepares(who dossiers.Person, desk circuits.DeskID) bool {
	return slices.Contains(who.Prepares, desk)
}

// signers names who signed, with the level that the last signature reached.
func signers(d dossiers.View, c calendar) (names []string, level string) {
	for _, x := range d.State.Decisions {
		if x.Verdict == circuits.Signs && x.Standing == circuits.Holds {
			names = append(names, named(x.By.Name, x.By.Quality)+", "+c.full(x.At))
		}
	}
	for _, h := range d.History {
		if e, ok := h.Event.(circuits.StepSealed); ok {
			level = levelInWords(e.Level)
		}
	}
	return names, level
}

// levelInWords explains a level of EN 319 142-1: never a name without its
// line.
func levelInWords(level string) string {
	what := map[string]string{
		"PAdES-BASELINE-B":   "sans date certifiée par un tiers",
		"PAdES-BASELINE-T":   "avec une date certifiée par un tiers",
		"PAdES-BASELINE-LT":  "avec une date certifiée et de quoi vérifier hors ligne",
		"PAdES-BASELINE-LTA": "avec une date certifiée et une preuve durable",
	}[level]
	if what == "" {
		return level
	}
	return level + nbsp + ": " + what
}

// story tells the history of a dossier, newest first.
func story(d dossiers.View, c calendar) []happening {
	var out []happening
	for _, h := range slices.Backward(d.History) {
		one := tell(h.Event, d.State)
		one.When, one.Seq = c.moment(h.At), h.Seq
		out = append(out, one)
	}
	return out
}

// tell puts a fact in words.
func tell(e circuits.Event, s circuits.State) happening {
	step := func(i int) string {
		if i >= 0 && i < len(s.Circuit.Steps) {
			return s.Circuit.Steps[i].Title
		}
		return ""
	}
	who := func(a circuits.Actor) string { return named(a.Name, a.Quality) }
	switch e := e.(type) {
	case circuits.Deposited:
		return happening{What: "Lettre déposée", Who: who(e.By)}
	case circuits.Started:
		return happening{What: "Envoyée dans le circuit «\u00a0" + e.Circuit.Name + "\u00a0»", Who: who(e.By)}
	case circuits.StepDecided:
		what := "Visa donné"
		if e.Verdict == circuits.Signs {
			what = "Signature décidée"
		}
		return happening{What: what + nbsp + ": " + step(e.Step), Who: who(e.By)}
	case circuits.StepRefused:
		return happening{What: "Lettre refusée" + nbsp + ": " + step(e.Step), Who: who(e.By), Detail: "«\u00a0" + e.Reason + "\u00a0»"}
	case circuits.TimestampAwaited:
		return happening{What: "En attente d’horodatage", Detail: "Le service d’horodatage ne répondait pas."}
	case circuits.StepSealed:
		return happening{What: "Signature apposée sur le PDF", Detail: levelInWords(e.Level)}
	case circuits.DecisionUndone:
		return happening{What: "Décision reprise (droit de remords)" + nbsp + ": " + step(e.Step), Who: who(e.By)}
	case circuits.DossierWithdrawn:
		h := happening{What: "Lettre retirée du circuit", Who: who(e.By)}
		if e.Reason != "" {
			h.Detail = "«\u00a0" + e.Reason + "\u00a0»"
		}
		return h
	case circuits.Corrected:
		return happening{What: "Version corrigée déposée", Who: who(e.By)}
	case circuits.CircuitCompleted:
		return happening{What: "Circuit terminé"}
	}
	return happening{What: e.Kind()}
}
