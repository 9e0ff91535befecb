package conditions

import (
	"regexp"
	"strings"

	"cel.dev/cel-go/common"
)

var (
	undeclared = regexp.MustCompile(`undeclared reference to '([^']+)'`)
	overload   = regexp.MustCompile(`found no matching overload for '([^']+)' applied to '\(?(.*?)\)?'$`)
)

// explain says in French what CEL found, at the place where it found it.
func explain(e *common.Error, s Schema) error {
	out := &Error{Line: e.Location.Line(), Column: e.Location.Column() + 1}
	switch m := e.Message; {
	case undeclared.MatchString(m):
		out.French = unknown(undeclared.FindStringSubmatch(m)[1], s)
	case overload.MatchString(m):
		found := overload.FindStringSubmatch(m)
		out.French = mismatch(found[1], found[2])
	case strings.Contains(m, "renseigne: not a field"):
		out.French = "« renseigne » attend le nom d’un champ : renseigne(montant)."
	case strings.Contains(m, "recursion limit"), strings.Contains(m, "expression nesting"):
		out.French = "La condition comporte trop de parenthèses les unes dans les autres."
	case strings.HasPrefix(m, "Syntax error"):
		out.French = syntax(m)
	default:
		out.French = "La condition ne se comprend pas à cet endroit (" + m + ")."
	}
	return out
}

func unknown(word string, s Schema) string {
	if len(s) == 0 {
		return "« " + word + " » n’est pas un champ de ce type de courrier, qui n’en a aucun."
	}
	var names []string
	for _, v := range s {
		names = append(names, v.Name)
	}
	return "« " + word + " » n’est pas un champ de ce type de courrier. Champs connus : " + strings.Join(names, ", ") +
		". Un texte s’écrit entre guillemets droits : \"" + word + "\"."
}

// mismatch explains two types that cannot be put together.
func mismatch(operator, operands string) string {
	words := map[string]string{
		"string": "un texte", "int": "un nombre entier", "double": "un nombre décimal", "bool": "un oui/non",
		"google.protobuf.Timestamp": "une date", "timestamp": "une date", "list(string)": "une liste de textes",
	}
	var kinds []string
	for part := range strings.SplitSeq(operands, ", ") {
		if w, ok := words[part]; ok {
			part = w
		}
		kinds = append(kinds, part)
	}
	symbol := strings.Trim(strings.ReplaceAll(operator, "@", ""), "_")
	hint := ""
	switch {
	case strings.Contains(operands, "imestamp"):
		hint = " Une date s’écrit date(\"2026-03-31\")."
	case strings.Contains(operands, "double") && strings.Contains(operands, "int"):
		hint = " Écrivez le nombre avec une décimale : 1000.0."
	}
	if len(kinds) < 2 {
		return "« " + symbol + " » ne s’applique pas à " + strings.Join(kinds, "") + "." + hint
	}
	return "« " + symbol + " » ne peut pas rapprocher " + strings.Join(kinds, " et ") + "." + hint
}

var token = regexp.MustCompile(`(?:input|at|recognition error at:) '((?:[^'\\]|\\.)*)'`)

func syntax(m string) string {
	if strings.Contains(m, "<EOF>") {
		return "La condition s’arrête trop tôt : il manque quelque chose à la fin."
	}
	if found := token.FindStringSubmatch(m); found != nil {
		hint, word := "", strings.TrimSpace(found[1])
		switch {
		case word == "=":
			hint = " Pour comparer, écrivez deux signes égal : ==."
		case strings.ContainsAny(word, "«»“”’"):
			hint = " Les textes s’écrivent entre guillemets droits : \"Urbanisme\"."
		}
		return "La condition ne se lit pas à partir de « " + word + " »." + hint
	}
	return "La condition ne se lit pas à cet endroit."
}
