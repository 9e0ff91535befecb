package conditions

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"cel.dev/cel-go/common/types"
)

// Values are the fields of one dossier, by name, as text in the canonical form
// that Normal answers. A field that is absent or empty is not filled. The
// values of Lists are separated by line feeds.
type Values map[string]string

// Normal returns a value in its canonical form, or a French sentence that says
// why it is not one of the type. An empty one stays empty.
//
//	text     as it is, spaces around removed
//	date     2026-03-31, also from 31/03/2026
//	integer  -12
//	decimal  1234.5, also from 1 234,50
//	boolean  true or false, also from oui and non
//	list     one of the values
func (v Variable) Normal(raw string) (value, problem string) {
	raw = strings.TrimSpace(raw)
	if raw == "" {
		return "", ""
	}
	switch v.Type {
	case Date:
		return normalDate(raw)
	case Integer:
		n, err := strconv.ParseInt(unspaced(raw), 10, 64)
		if err != nil {
			return "", "Écrivez un nombre entier, par exemple 12."
		}
		return strconv.FormatInt(n, 10), ""
	case Decimal:
		return normalDecimal(raw)
	case Boolean:
		return normalBoolean(raw)
	case List:
		if len(v.Values) > 0 && !slices.Contains(v.Values, raw) {
			return "", "Choisissez une valeur de la liste : " + quoted(v.Values) + "."
		}
		return raw, ""
	case Lists:
		return v.normalLists(raw)
	case Text:
	}
	if len(raw) > 2000 {
		return "", "Ce texte est trop long : 2000 caractères au plus."
	}
	return raw, ""
}

func unspaced(s string) string {
	return strings.NewReplacer(" ", "", "\u00a0", "", "\u202f", "").Replace(s)
}

func normalDate(raw string) (value, problem string) {
	for _, layout := range []string{time.DateOnly, "02/01/2006"} {
		if t, err := time.Parse(layout, raw); err == nil {
			return t.Format(time.DateOnly), ""
		}
	}
	return "", "Écrivez une date qui existe, par exemple 31/03/2026."
}

// normalDecimal keeps at most 15 digits: what a comparison holds exactly.
func normalDecimal(raw string) (value, problem string) {
	const problems = "Écrivez un nombre, par exemple 1234,50."
	clean := strings.Replace(unspaced(raw), ",", ".", 1)
	digits := strings.TrimPrefix(clean, "-")
	whole, part, dot := strings.Cut(digits, ".")
	switch {
	case whole == "" || dot && part == "" || strings.Trim(whole+part, "0123456789") != "":
		return "", problems
	case len(strings.TrimLeft(whole, "0"))+len(part) > 15:
		return "", "Ce nombre a trop de chiffres."
	}
	whole = strings.TrimLeft(whole, "0")
	if whole == "" {
		whole = "0"
	}
	part = strings.TrimRight(part, "0")
	out := whole
	if part != "" {
		out += "." + part
	}
	if strings.HasPrefix(clean, "-") && out != "0" {
		out = "-" + out
	}
	return out, ""
}

func normalBoolean(raw string) (value, problem string) {
	switch strings.ToLower(raw) {
	case "true", "oui", "vrai", "1":
		return "true", ""
	case "false", "non", "faux", "0":
		return "false", ""
	}
	return "", "Répondez par oui ou par non."
}

func (v Variable) normalLists(raw string) (value, problem string) {
	var out []string
	for x := range strings.Lines(raw) {
		if x = strings.TrimSpace(x); x == "" || slices.Contains(out, x) {
			continue
		}
		if len(v.Values) > 0 && !slices.Contains(v.Values, x) {
			return "", "Choisissez parmi les valeurs de la liste : " + quoted(v.Values) + "."
		}
		out = append(out, x)
	}
	return strings.Join(out, "\n"), ""
}

// native returns the value of a field for CEL; it must be canonical.
func (v Variable) native(value string) (any, error) {
	switch v.Type {
	case Date:
		t, err := time.Parse(time.DateOnly, value)
		return types.Timestamp{Time: t}, err
	case Integer:
		return strconv.ParseInt(value, 10, 64)
	case Decimal:
		return strconv.ParseFloat(value, 64)
	case Boolean:
		return strconv.ParseBool(value)
	case Lists:
		return strings.Split(value, "\n"), nil
	case Text, List:
	}
	return value, nil
}

// Eval says whether the condition holds on values, on day today. A field that
// it comes to need and that is not filled is an *Error whose Missing names it.
func (c *Condition) Eval(values Values, today time.Time) (bool, error) {
	y, m, d := today.Date()
	vars := map[string]any{Today: types.Timestamp{Time: time.Date(y, m, d, 0, 0, 0, 0, time.UTC)}}
	var empty []Variable
	for _, v := range c.schema {
		value := values[v.Name]
		vars[prefix+v.Name] = value != ""
		if value == "" {
			if slices.Contains(c.uses, v.Name) {
				empty = append(empty, v)
			}
			continue
		}
		native, err := v.native(value)
		if err != nil {
			return false, &Error{French: "La valeur du champ « " + v.Label + " » n’est pas de son type.", Missing: v.Name}
		}
		vars[v.Name] = native
	}
	out, _, err := c.program.Eval(vars)
	if err != nil {
		return false, evalError(err, empty)
	}
	yes, ok := out.Value().(bool)
	if !ok {
		return false, &Error{French: "La condition ne répond pas par oui ou par non."}
	}
	return yes, nil
}

// evalError says what stopped an evaluation.
func evalError(err error, empty []Variable) error {
	text := err.Error()
	for _, v := range empty {
		if strings.Contains(text, "no such attribute") && strings.Contains(text, v.Name) {
			return &Error{French: "Le champ « " + v.Label + " » doit être renseigné : le circuit en dépend.", Missing: v.Name}
		}
	}
	switch {
	case strings.Contains(text, "cost limit"):
		return &Error{French: "La condition est trop longue à évaluer : simplifiez-la."}
	case strings.Contains(text, "divide by zero"), strings.Contains(text, "modulus by zero"):
		return &Error{French: "La condition divise par zéro."}
	case strings.Contains(text, "overflow"):
		return &Error{French: "La condition calcule un nombre trop grand."}
	case strings.Contains(text, "date: not a day"):
		return &Error{French: "La condition lit comme une date un texte qui n’en est pas une."}
	}
	return &Error{French: fmt.Sprintf("La condition n’a pas pu être évaluée (%v).", err)}
}
