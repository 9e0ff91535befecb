package trial_test

import (
	"testing"

	"parapheur/circuits"
	"parapheur/circuits/delegation"
	"parapheur/internal/conditions"
	"parapheur/internal/trial"
)

func fields() conditions.Schema {
	return conditions.Schema{
		{Name: "montant", Label: "Montant", Type: conditions.Decimal},
		{Name: "pages", Label: "Nombre de pages", Type: conditions.Integer},
		{Name: "service", Label: "Service", Type: conditions.List, Values: []string{"Urbanisme", `Voirie "nord" && sud`}},
		{Name: "echeance", Label: "Échéance", Type: conditions.Date},
		{Name: "urgent", Label: "Urgent", Type: conditions.Boolean},
		{Name: "themes", Label: "Thèmes", Type: conditions.Lists, Values: []string{"eau", "école"}},
	}
}

// What the assistant writes, CEL accepts, the assistant reads back, and people
// read in French.
func TestClauses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		clauses    []trial.Clause
		any        bool
		expression string
		words      string
	}{
		{[]trial.Clause{{"montant", trial.Above, "25 000"}}, false, `montant > 25000.0`, "Montant dépasse 25\u202f000"},
		{[]trial.Clause{{"montant", trial.AtMost, "12,50"}}, false, `montant <= 12.5`, "Montant est au plus 12,5"},
		{[]trial.Clause{{"pages", trial.AtLeast, "3"}, {"urgent", trial.Equal, "oui"}}, false, `pages >= 3 && urgent == true`, "Nombre de pages est au moins 3 et Urgent : oui"},
		{[]trial.Clause{{"service", trial.Equal, `Voirie "nord" && sud`}, {"echeance", trial.Below, "31/03/2026"}}, true, `service == "Voirie \"nord\" && sud" || echeance < date("2026-03-31")`, "Service est égal à « Voirie \"nord\" && sud » ou Échéance est inférieur à 31/03/2026"},
		{[]trial.Clause{{"themes", trial.Contains, "eau"}, {"montant", trial.Filled, ""}, {"service", trial.Empty, ""}}, false, `"eau" in themes && renseigne(montant) && !renseigne(service)`, "Thèmes contient eau et Montant est renseigné et Service n’est pas renseigné"},
	} {
		got, problem := trial.Express(c.clauses, c.any, fields())
		if got != c.expression || problem != "" {
			t.Errorf("wrote %s, %s; want %s", got, problem, c.expression)
		}
		if _, err := conditions.Compile(got, fields()); err != nil {
			t.Errorf("%s: %v", got, err)
		}
		back, anyOf, ok := trial.Clauses(got, fields())
		if !ok || anyOf != c.any || len(back) != len(c.clauses) {
			t.Errorf("%s read back as %v, %v, %v", got, back, anyOf, ok)
		}
		if words := trial.Words(got, fields()); words != c.words {
			t.Errorf("%s is said %q, want %q", got, words, c.words)
		}
	}
	for _, bad := range []trial.Clause{{"rien", trial.Equal, "1"}, {"montant", trial.Above, "beaucoup"}, {"montant", trial.Above, ""}, {"urgent", trial.Above, "oui"}} {
		if got, problem := trial.Express([]trial.Clause{bad}, false, fields()); problem == "" {
			t.Errorf("%v becomes %s", bad, got)
		}
	}
	for _, own := range []string{`montant > 1.0 && (pages > 2 || urgent)`, `montant>1.0`, `size(themes) > 1`, `inconnu > 3`} {
		if _, _, ok := trial.Clauses(own, fields()); ok || trial.Words(own, fields()) != own {
			t.Errorf("%s is not for the assistant", own)
		}
	}
}

func FuzzClauses(f *testing.F) {
	f.Add(`montant > 25000.0 && service == "Urbanisme"`)
	f.Add(`"eau" in themes || !renseigne(montant)`)
	f.Fuzz(func(t *testing.T, expression string) {
		clauses, anyOf, ok := trial.Clauses(expression, fields())
		if !ok {
			return
		}
		if again, problem := trial.Express(clauses, anyOf, fields()); again != expression || problem != "" {
			t.Errorf("%q comes back as %q, %s", expression, again, problem)
		}
	})
}

func TestStandSaysWhoActsToday(t *testing.T) {
	t.Parallel()
	town := saintAubin()
	town.Absences = []delegation.Absence{{ID: "a", Person: "maire", From: "2026-03-01", To: "2026-03-31"}}
	town.Delegations = []delegation.Delegation{{
		ID: "x", Number: "2026-041", Basis: delegation.Signature, Signed: "2026-01-02", Published: "2026-01-03", Notified: "2026-01-03", Transmitted: "2026-01-03",
		Delegator: delegation.Party{Person: "maire", Quality: "Maire"}, Delegate: delegation.Party{Person: "dgs", Quality: "Directeur général des services"},
		From: "2026-01-04", To: "2026-12-31",
	}}
	d := threeSteps()
	d.Steps = append(d.Steps,
		circuits.Step{ID: "vide", Kind: circuits.Visa, Desk: "d-vide", Title: "Urbanisme"},
		circuits.Step{ID: "chef", Kind: circuits.Visa, Title: "Chef", Actors: []circuits.ActorRule{{Rule: circuits.HeadOfDrafter}, {Rule: circuits.ChosenAtStart, Among: []circuits.DeskID{"d-dgs"}}}, Need: circuits.Need{Mode: circuits.Any}},
		circuits.Step{ID: "cachet", Kind: circuits.Seal, Auto: true, Title: "Cachet"})
	town.Sealless = true
	got := trial.Stand(d, town, letter(), monday())
	for _, want := range []struct {
		step, actor int
		who         string
		badge       trial.Badge
		text        string
	}{
		{2, 0, "Bureau Maire", trial.Delegated, "Délégation à Philippe Rousseau jusqu’au 31 décembre 2026"},
		{3, 0, "Bureau Urbanisme", trial.Nobody, "Aucun titulaire"},
		{4, 0, "Le chef du rédacteur", "", ""},
		{4, 1, "Au choix, au départ : Direction générale", "", ""},
		{5, 0, "Le parapheur, automatiquement", trial.Nobody, "Cachet indisponible"},
	} {
		s := got[want.step][want.actor]
		if s.Who != want.who || s.Badge != want.badge || s.Text != want.text {
			t.Errorf("%d.%d: %+v, want %+v", want.step, want.actor, s, want)
		}
	}
	if many := trial.Many(d.Steps[4]); many != "L’un d’eux, le premier qui agit" {
		t.Error(many)
	}
	found := trial.Lint(d, town, letter(), monday())
	has := false
	for _, f := range found {
		has = has || f.Code == "no_seal" && f.Gravity == trial.Blocking
	}
	if !has {
		t.Errorf("no seal is not told: %+v", found)
	}
}
