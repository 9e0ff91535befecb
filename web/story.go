package web

import (
	"slices"

	"parapheur/circuits"
	"parapheur/dossiers"
)

// standing is the sentence that a letter's state asks for, or nil when it
// simply waits for the viewer.
func standing(d dossiers.View, who dossiers.Person, c calendar) *banner {
	if d.State.SupersededBy != "" {
		return &banner{"warn", "copy", "Remplacée par une autre lettre", "Elle ne circule plus."}
	}
	switch d.State.Phase {
	case circuits.Draft:
		return &banner{"", "info", "Brouillon", "Cette lettre n’est pas encore partie. Personne d’autre que vous ne la voit."}
	case circuits.Refused:
		return refused(d, who, c)
	case circuits.Withdrawn:
		return &banner{"warn", "undo-2", "Retirée du circuit", "Elle ne circule plus. Son rédacteur peut la renvoyer ou en déposer une version corrigée."}
	case circuits.Completed:
		text := "Le PDF signé et le dossier de preuve sont prêts."
		if !d.Main().Signed() {
			return &banner{"ok", "circle-check", "Circuit terminé", "La lettre a fait tout son chemin. Le dossier de preuve est prêt."}
		}
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
			b.Title = "Refusée par " + acting(st.Decision.By)
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
		case circuits.Blocked:
			return &banner{"warn", "triangle-alert", "Étape bloquée", "«\u00a0" + st.Step.Title + "\u00a0»\u00a0: " + blocked(d, st) + " Un administrateur peut nommer quelqu’un, ou contourner l’étape si elle n’est pas une signature."}
		case circuits.Open:
			return waiting(d, st, who)
		case circuits.Ahead, circuits.Done, circuits.Rejects, circuits.Skipped, circuits.Bypassed, circuits.Released:
		}
	}
	return nil
}

// waiting is what an open step asks to be told.
func waiting(d dossiers.View, st dossiers.PathStep, who dossiers.Person) *banner {
	switch {
	case d.Can.Decide():
		return nil
	case fixed(st.Step) && !someoneAble(st.Holders):
		return &banner{"warn", "triangle-alert", "Personne ne peut agir à cette étape", "Le bureau «\u00a0" + st.Desk + "\u00a0» n’a aucun titulaire avec une clé d’accès. Prévenez l’administrateur."}
	}
	for _, t := range st.Turns {
		if prepares(who, t.Turn.Desk) && t.Status == circuits.Open {
			return &banner{"deleg", "users", "Vous préparez cette lettre", "La décision revient à " + anyOf(holderNames(t.Holders)) + "."}
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
			names = append(names, acting(x.By)+", "+c.full(x.At))
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
