package conditions_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"parapheur/internal/conditions"
)

func schema() conditions.Schema {
	return conditions.Schema{
		{Name: "montant", Label: "Montant", Type: conditions.Decimal},
		{Name: "service", Label: "Service", Type: conditions.List, Values: []string{"Urbanisme", "Culture"}},
		{Name: "themes", Label: "Thèmes", Type: conditions.Lists, Values: []string{"Voirie", "Eau"}},
		{Name: "objet", Label: "Objet", Type: conditions.Text},
		{Name: "echeance", Label: "Échéance", Type: conditions.Date},
		{Name: "pieces", Label: "Pièces", Type: conditions.Integer},
		{Name: "urgent", Label: "Urgent", Type: conditions.Boolean},
	}
}

func today() time.Time { return time.Date(2026, 3, 2, 23, 30, 0, 0, time.UTC) }

func TestEval(t *testing.T) {
	t.Parallel()
	values := conditions.Values{
		"montant": "40000", "service": "Urbanisme", "themes": "Voirie\nEau", "objet": "Permis", "echeance": "2026-03-12", "pieces": "3", "urgent": "true",
	}
	for expression, want := range map[string]bool{
		`montant > 39999`: true,
		`montant > 40000`: false,
		`montant >= 40000.0 && service == "Urbanisme"`:    true,
		`service in ["Culture"]`:                          false,
		`"Eau" in themes`:                                 true,
		`themes.exists(x, x == "Voirie")`:                 true,
		`objet.startsWith("Perm") && !urgent`:             false,
		`echeance > date("2026-03-11")`:                   true,
		`jours(aujourdhui, echeance) == 10`:               true,
		`aujourdhui == date("2026-03-02")`:                true,
		`pieces == 3 || montant < 1`:                      true,
		`renseigne(montant)`:                              true,
		`pieces * 2 > 5 ? urgent : false`:                 true,
		`objet.contains("ermi") && size(themes) == 2`:     true,
		`objet.matches("^P.*s$")`:                         true,
		`(service == "Culture" || urgent) && pieces != 4`: true,
	} {
		c, err := conditions.Compile(expression, schema())
		if err != nil {
			t.Errorf("%s: %v", expression, err)
			continue
		}
		if got, err := c.Eval(values, today()); err != nil || got != want {
			t.Errorf("%s: got %v, %v; want %v", expression, got, err, want)
		}
	}
}

// What nobody filled is never taken for zero or for "no".
func TestMissing(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]string{
		`montant > 1000`:                       "montant",
		`montant < 1000`:                       "montant",
		`service != "Culture"`:                 "service",
		`renseigne(montant) && montant > 1000`: "",
		`!renseigne(montant) || montant > 0`:   "",
		`urgent || pieces > 2`:                 "pieces",
	} {
		c, err := conditions.Compile(expression, schema())
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Eval(conditions.Values{"urgent": "false"}, today())
		var missing *conditions.Error
		if got := ""; errors.As(err, &missing) && missing.Missing != want || !errors.As(err, &missing) && got != want {
			t.Errorf("%s: %v, want the field %q", expression, err, want)
		}
	}
}

// Each refusal names what is wrong, in French, at its place.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]string{
		``:                                 "Écrivez une condition.",
		`montant`:                          "répond par oui ou par non",
		`montnat > 3`:                      "« montnat » n’est pas un champ",
		`montant > "3"`:                    "« > » ne peut pas rapprocher un nombre décimal et un texte",
		`montant == 3`:                     "1000.0",
		`echeance < "2026-01-01"`:          `date("2026-03-31")`,
		`montant > 3 &&`:                   "s’arrête trop tôt",
		`montant = 3`:                      "deux signes égal",
		`service == "Urbanism"`:            "« Urbanism » n’est pas une valeur du champ « Service »",
		`"Gaz" in themes`:                  "« Gaz » n’est pas une valeur",
		`service in ["Culture", "X"]`:      "« X » n’est pas une valeur",
		`echeance < date("2026-02-30")`:    "« 2026-02-30 » n’est pas une date",
		`renseigne(3)`:                     "« renseigne » attend le nom d’un champ",
		`renseigne(autre)`:                 "« autre » n’est pas un champ",
		`_rempli_montant`:                  "",
		`themes.map(x, x)`:                 "",
		strings.Repeat("(", 80) + "urgent": "",
		strings.Repeat("urgent && ", 400):  "trop longue",
		`objet == «Permis»`:                "",
	} {
		_, err := conditions.Compile(expression, schema())
		var e *conditions.Error
		if expression == `_rempli_montant` {
			continue // harmless: it says what renseigne(montant) says
		}
		if !errors.As(err, &e) || !errors.Is(err, conditions.ErrCondition) || !strings.Contains(e.French, want) || !strings.HasSuffix(e.French, ".") {
			t.Errorf("%s: %v, want %q", expression, err, want)
		}
	}
}

// An evaluation ends, whatever was typed.
func TestCostIsLimited(t *testing.T) {
	t.Parallel()
	var many []string
	for i := range 2000 {
		many = append(many, strings.Repeat("x", i%7+1)+string(rune('a'+i%26)))
	}
	s := conditions.Schema{{Name: "themes", Label: "Thèmes", Type: conditions.Lists}}
	c, err := conditions.Compile(`themes.all(a, themes.all(b, themes.all(c, a != "z")))`, s)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	_, err = c.Eval(conditions.Values{"themes": strings.Join(many, "\n")}, today())
	var e *conditions.Error
	if !errors.As(err, &e) || !strings.Contains(e.French, "simplifiez") {
		t.Errorf("got %v", err)
	}
	if d := time.Since(began); d > 2*time.Second {
		t.Errorf("took %v", d)
	}
}

func TestNormal(t *testing.T) {
	t.Parallel()
	of := func(typ conditions.Type, values ...string) conditions.Variable {
		return conditions.Variable{Name: "x", Label: "X", Type: typ, Values: values}
	}
	for _, c := range []struct {
		v         conditions.Variable
		raw, want string
		bad       bool
	}{
		{of(conditions.Text), "  a b ", "a b", false},
		{of(conditions.Date), "31/03/2026", "2026-03-31", false},
		{of(conditions.Date), "2026-03-31", "2026-03-31", false},
		{of(conditions.Date), "31/02/2026", "", true},
		{of(conditions.Integer), "1 200", "1200", false},
		{of(conditions.Integer), "1,5", "", true},
		{of(conditions.Integer), "99999999999999999999", "", true},
		{of(conditions.Decimal), "1\u00a0234,50", "1234.5", false},
		{of(conditions.Decimal), "-0,00", "0", false},
		{of(conditions.Decimal), "007", "7", false},
		{of(conditions.Decimal), "1e5", "", true},
		{of(conditions.Decimal), "NaN", "", true},
		{of(conditions.Decimal), "1234567890123456", "", true},
		{of(conditions.Boolean), "Oui", "true", false},
		{of(conditions.Boolean), "peut-être", "", true},
		{of(conditions.List, "A"), "A", "A", false},
		{of(conditions.List, "A"), "B", "", true},
		{of(conditions.Lists, "A", "B"), "B\nA\nB\n", "B\nA", false},
		{of(conditions.Lists, "A"), "C", "", true},
		{of(conditions.Integer), "", "", false},
	} {
		got, problem := c.v.Normal(c.raw)
		if got != c.want || (problem != "") != c.bad {
			t.Errorf("%s %q: got %q, %q", c.v.Type, c.raw, got, problem)
		}
		if again, _ := c.v.Normal(got); again != got {
			t.Errorf("%s %q: %q is not canonical", c.v.Type, c.raw, got)
		}
	}
}

func TestUsesAndNames(t *testing.T) {
	t.Parallel()
	c, err := conditions.Compile(`renseigne(echeance) && montant > 3`, schema())
	if err != nil || !slices.Equal(c.Uses(), []string{"montant", "echeance"}) {
		t.Errorf("%v, %v", c.Uses(), err)
	}
	for name, want := range map[string]bool{"montant": true, "a1_b": true, "Montant": false, "date": false, "in": false, "_x": false, "é": false, "": false, "aujourdhui": false} {
		if conditions.ValidName(name) != want {
			t.Errorf("%q: want %v", name, want)
		}
	}
}

// Whatever is typed: a refusal in French, or a condition that ends.
func FuzzCompile(f *testing.F) {
	for _, seed := range []string{`montant > 3`, `service == "Urbanisme" || urgent`, `themes.exists(x, x == "Eau")`, `jours(aujourdhui, echeance) < 3`, `"`, `[[[`, `a.b.c`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, expression string) {
		c, err := conditions.Compile(expression, schema())
		if err != nil {
			var e *conditions.Error
			if !errors.As(err, &e) || e.French == "" {
				t.Fatalf("%q: %v", expression, err)
			}
			return
		}
		_, err = c.Eval(conditions.Values{"montant": "1", "themes": "Eau", "objet": "x", "pieces": "0"}, today())
		if err != nil && !errors.Is(err, conditions.ErrCondition) {
			t.Fatalf("%q: %v", expression, err)
		}
	})
}
