package trial

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"parapheur/internal/conditions"
)

// An Operator of a Clause.
type Operator string

// The operators that an administrator chooses from.
const (
	Equal    Operator = "eq"
	Unequal  Operator = "ne"
	Above    Operator = "gt"
	AtLeast  Operator = "ge"
	Below    Operator = "lt"
	AtMost   Operator = "le"
	Contains Operator = "in"  // a list that holds several values
	Filled   Operator = "has" // whatever the value
	Empty    Operator = "not"
)

// A Clause is one comparison of a condition, as a form has it: Value is as
// conditions.Variable.Normal answers it, empty for Filled and Empty.
type Clause struct {
	Field    string
	Operator Operator
	Value    string
}

// Operators lists those that make sense for a type of field, in the order of
// forms.
func Operators(t conditions.Type) []Operator {
	switch t {
	case conditions.Integer, conditions.Decimal, conditions.Date:
		return []Operator{Above, AtLeast, Below, AtMost, Equal, Unequal, Filled, Empty}
	case conditions.Boolean:
		return []Operator{Equal, Filled, Empty}
	case conditions.Lists:
		return []Operator{Contains, Filled, Empty}
	case conditions.Text, conditions.List:
	}
	return []Operator{Equal, Unequal, Filled, Empty}
}

// French is how a form and a drawing say the operator.
func (o Operator) French() string {
	return map[Operator]string{
		Equal: "est égal à", Unequal: "est différent de", Above: "dépasse", AtLeast: "est au moins", Below: "est inférieur à", AtMost: "est au plus",
		Contains: "contient", Filled: "est renseigné", Empty: "n’est pas renseigné",
	}[o]
}

func (o Operator) symbol() string {
	return map[Operator]string{Equal: "==", Unequal: "!=", Above: ">", AtLeast: ">=", Below: "<", AtMost: "<="}[o]
}

// Valued reports whether the operator compares with a value.
func (o Operator) Valued() bool { return o != Filled && o != Empty }

// Express writes the condition that clauses say, all of them or, with any, one
// of them at least. problem is a French sentence about the first that says
// nothing.
func Express(clauses []Clause, any bool, s conditions.Schema) (expression, problem string) {
	var parts []string
	for _, c := range clauses {
		part, problem := c.express(s)
		if problem != "" {
			return "", problem
		}
		parts = append(parts, part)
	}
	if any {
		return strings.Join(parts, " || "), ""
	}
	return strings.Join(parts, " && "), ""
}

func (c Clause) express(s conditions.Schema) (part, problem string) {
	v, ok := variable(s, c.Field)
	if !ok || !slices.Contains(Operators(v.Type), c.Operator) {
		return "", "Choisissez un champ et ce qu’on en compare."
	}
	switch c.Operator {
	case Filled:
		return "renseigne(" + c.Field + ")", ""
	case Empty:
		return "!renseigne(" + c.Field + ")", ""
	default:
	}
	value, problem := v.Normal(c.Value)
	if problem != "" {
		return "", problem
	}
	if value == "" {
		return "", "Dites à quoi « " + v.Label + " » est comparé."
	}
	if c.Operator == Contains {
		return quoted(value) + " in " + c.Field, ""
	}
	return c.Field + " " + c.Operator.symbol() + " " + literal(v.Type, value), ""
}

func variable(s conditions.Schema, name string) (conditions.Variable, bool) {
	if i := slices.IndexFunc(s, func(v conditions.Variable) bool { return v.Name == name }); i >= 0 {
		return s[i], true
	}
	return conditions.Variable{}, false
}

func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}

// literal writes a value as conditions read it.
func literal(t conditions.Type, value string) string {
	switch t {
	case conditions.Date:
		return "date(" + quoted(value) + ")"
	case conditions.Decimal:
		if !strings.Contains(value, ".") {
			return value + ".0"
		}
		return value
	case conditions.Integer, conditions.Boolean:
		return value
	case conditions.Text, conditions.List, conditions.Lists:
	}
	return quoted(value)
}

// Clauses reads a condition back into clauses. ok is false for one that only
// its own words can say.
func Clauses(expression string, s conditions.Schema) (clauses []Clause, any, ok bool) {
	parts := outside(expression, "&&")
	if alternatives := outside(expression, "||"); len(alternatives) > 1 {
		parts, any = alternatives, true
	}
	for _, part := range parts {
		c, ok := clause(part, s)
		if !ok {
			return nil, false, false
		}
		clauses = append(clauses, c)
	}
	again, problem := Express(clauses, any, s)
	return clauses, any, problem == "" && again == expression
}

func forms() []*regexp.Regexp {
	return []*regexp.Regexp{
		regexp.MustCompile(`^(!?)renseigne\((\w+)\)$`),
		regexp.MustCompile(`^("(?:[^"\\]|\\.)*") in (\w+)$`),
		regexp.MustCompile(`^(\w+) (==|!=|>=|<=|>|<) (.+)$`),
	}
}

func clause(part string, s conditions.Schema) (c Clause, ok bool) {
	f := forms()
	if m := f[0].FindStringSubmatch(part); m != nil {
		c = Clause{Field: m[2], Operator: Filled}
		if m[1] != "" {
			c.Operator = Empty
		}
		return c, true
	}
	if m := f[1].FindStringSubmatch(part); m != nil {
		value, err := strconv.Unquote(m[1])
		return Clause{m[2], Contains, value}, err == nil
	}
	m := f[2].FindStringSubmatch(part)
	if m == nil {
		return c, false
	}
	v, known := variable(s, m[1])
	for _, o := range []Operator{Equal, Unequal, Above, AtLeast, Below, AtMost} {
		if o.symbol() == m[2] {
			c = Clause{Field: m[1], Operator: o}
		}
	}
	c.Value = m[3]
	switch v.Type {
	case conditions.Date:
		c.Value = strings.TrimSuffix(strings.TrimPrefix(c.Value, `date("`), `")`)
	case conditions.Decimal:
		c.Value = strings.TrimSuffix(c.Value, ".0")
	case conditions.Text, conditions.List:
		value, err := strconv.Unquote(c.Value)
		return Clause{c.Field, c.Operator, value}, known && err == nil
	case conditions.Integer, conditions.Boolean, conditions.Lists:
	}
	return c, known
}

// outside cuts an expression at an operator that is not inside quotes.
func outside(expression, operator string) []string {
	var out []string
	from, within := 0, false
	for i := 0; i < len(expression); i++ {
		switch {
		case within && expression[i] == '\\':
			i++
		case expression[i] == '"':
			within = !within
		case !within && strings.HasPrefix(expression[i:], " "+operator+" "):
			out = append(out, expression[from:i])
			from = i + len(operator) + 2
			i = from - 1
		}
	}
	return append(out, expression[from:])
}

// Words says a condition in French: "Montant dépasse 25 000", or the
// expression itself when only it can say it.
func Words(expression string, s conditions.Schema) string {
	clauses, any, ok := Clauses(expression, s)
	if !ok {
		return expression
	}
	parts := make([]string, len(clauses))
	for i, c := range clauses {
		parts[i] = c.words(s)
	}
	if any {
		return strings.Join(parts, " ou ")
	}
	return strings.Join(parts, " et ")
}

func (c Clause) words(s conditions.Schema) string {
	v, _ := variable(s, c.Field)
	label := v.Label
	if label == "" {
		label = c.Field
	}
	if !c.Operator.Valued() {
		return label + " " + c.Operator.French()
	}
	if v.Type == conditions.Boolean && c.Operator == Equal {
		return label + map[string]string{"true": " : oui", "false": " : non"}[c.Value]
	}
	return label + " " + c.Operator.French() + " " + Shown(v, c.Value)
}

// Shown writes a value of metadata as people read it: "25 000", "31/03/2026",
// "oui".
func Shown(v conditions.Variable, value string) string {
	switch v.Type {
	case conditions.Integer, conditions.Decimal:
		whole, part, dot := strings.Cut(value, ".")
		sign := strings.HasPrefix(whole, "-")
		whole = strings.TrimPrefix(whole, "-")
		for i := len(whole) - 3; i > 0; i -= 3 {
			whole = whole[:i] + "\u202f" + whole[i:]
		}
		if sign {
			whole = "-" + whole
		}
		if dot {
			return whole + "," + part
		}
		return whole
	case conditions.Date:
		if p := strings.Split(value, "-"); len(p) == 3 {
			return p[2] + "/" + p[1] + "/" + p[0]
		}
	case conditions.Boolean:
		return map[string]string{"true": "oui", "false": "non"}[value]
	case conditions.Lists:
		return strings.ReplaceAll(value, "\n", ", ")
	case conditions.Text, conditions.List:
		return "« " + value + " »"
	}
	return value
}
