package trial

import (
	"fmt"
	"strings"

	"parapheur/circuits"
)

// Act names what a step asks, as people say it.
func Act(st circuits.Step) string {
	switch st.Kind {
	case circuits.Visa:
		return "Visa"
	case circuits.Signature:
		return "Signature"
	case circuits.Seal:
		if st.Auto {
			return "Cachet automatique"
		}
		return "Cachet"
	case circuits.Opinion:
		return "Avis"
	case circuits.External:
		return "Acte externe"
	case circuits.Information:
		return "Information"
	}
	return string(st.Kind)
}

// Describe says all that a step asks, one French line for each thing.
func Describe(st circuits.Step, t Town, l Letter) []string {
	out := []string{Act(st)}
	add := func(yes bool, format string, args ...any) {
		if yes {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	for _, r := range rules(st) {
		out = append(out, t.Who(r, l))
	}
	add(Many(st) != "", "%s", Many(st))
	add(st.Need.Cumulate, "Une même personne peut agir pour plusieurs bureaux")
	add(st.When != "", "Seulement si : %s", Words(st.When, l.Schema))
	add(st.Days > 0, "Délai : %s", plural(st.Days, "jour ouvré", "jours ouvrés"))
	add(len(st.RemindBefore) > 0, "Relance avant l’échéance : %s", days(st.RemindBefore))
	add(len(st.RemindAfter) > 0, "Relance après l’échéance : %s", days(st.RemindAfter))
	for _, r := range st.Escalate {
		add(true, "%s de retard : %s", plural(r.After, "jour", "jours"), Rung(r.To))
	}
	add(st.Level != "", "Niveau de signature : %s", st.Level)
	add(st.Assurance != "", "Clé d’accès liée à un appareil")
	add(st.MustRead, "Lecture obligatoire avant de décider")
	add(st.NoRefusal, "Pas de refus possible")
	add(st.RefuseTo.To == circuits.ToPrevious, "Un refus renvoie à l’étape précédente")
	add(st.RefuseTo.To == circuits.ToChosen, "Un refus renvoie à l’étape choisie par la personne")
	add(len(st.Fields) > 0, "Champs à remplir : %s", fieldNames(st.Fields, l))
	add(len(st.OnRefusalFields) > 0, "Champs à remplir pour refuser : %s", fieldNames(st.OnRefusalFields, l))
	return out
}

func days(list []int) string {
	out := make([]string, len(list))
	for i, n := range list {
		out[i] = plural(n, "jour", "jours")
	}
	return strings.Join(out, ", ")
}

func fieldNames(list []circuits.FieldRule, l Letter) string {
	out := make([]string, len(list))
	for i, f := range list {
		out[i] = l.label(f.Field)
	}
	return strings.Join(out, ", ")
}

// Rung says what a rung of an escalation does.
func Rung(to string) string {
	switch to {
	case circuits.RungSubstitute:
		return "le tour passe au suppléant"
	case circuits.RungHead:
		return "le tour passe au bureau du dessus"
	}
	return "nouvelle relance"
}

// CompareWhole names what changed of the circuit as a whole, in French.
func CompareWhole(before, after circuits.Definition) (out []string) {
	for _, x := range []struct {
		name    string
		differs bool
	}{
		{"le nom", before.Name != after.Name},
		{"le délai de l’ensemble", before.Days != after.Days},
		{"le circuit qui suit", before.Then != after.Then},
		{"les corrections", !same(before.Correction, after.Correction)},
	} {
		if x.differs {
			out = append(out, x.name)
		}
	}
	return out
}
