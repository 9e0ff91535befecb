// Package conditions reads the conditions that administrators write: CEL
// expressions (Common Expression Language) over the metadata of a dossier.
//
//	montant > 40000 && service == "Urbanisme"
//	renseigne(echeance) && echeance < aujourdhui
//
// An expression is type-checked against a Schema before anything is published
// and evaluated later on typed Values, with a limit on its cost: it ends, and
// it answers yes or no, whatever was typed. What is wrong is said in French,
// for who wrote it.
//
// The package must not know dossiers or circuits, read a clock (today is an
// argument) or do input and output.
//
// # Failure handling
//
// Compile answers an *Error, which matches ErrCondition. Eval answers one too:
// a field that the condition needs and that nobody filled is Missing there,
// never a silent "no".
package conditions

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/parser"
)

// A Type is what a field holds.
type Type string

// The types of fields.
const (
	Text    Type = "text"
	Date    Type = "date"
	Integer Type = "integer"
	Decimal Type = "decimal"
	Boolean Type = "boolean"
	List    Type = "list"  // one of the values of a list
	Lists   Type = "lists" // several of the values of a list
)

// Types lists the types of fields, in the order in which pages offer them.
func Types() []Type { return []Type{Text, Date, Integer, Decimal, Boolean, List, Lists} }

// A Variable is a field that conditions may name.
type Variable struct {
	Name   string // "montant"
	Label  string // "Montant", as messages name it
	Type   Type
	Values []string // of a List or Lists: what it is compared with must be one of them
}

// A Schema is what conditions may name. Names are those that ValidName takes.
type Schema []Variable

// Today names the day of the evaluation, always there.
const Today = "aujourdhui"

const (
	maxLength = 2000  // of an expression, in bytes
	maxCost   = 20000 // of one evaluation, in units of CEL
	maxDepth  = 50    // of nesting
	filled    = "renseigne"
	prefix    = "_rempli_" // of the hidden variable behind renseigne(x)
)

// ErrCondition is what every *Error matches.
var ErrCondition = errors.New("unsound condition")

// An Error says what is wrong with a condition.
type Error struct {
	Line, Column int    // from 1; zero when it is about the whole
	French       string // a sentence for who wrote it
	Missing      string // the name of the field that is not filled, at evaluation
}

// Error implements error.
func (e *Error) Error() string {
	return fmt.Sprintf("condition, %d:%d: %s", e.Line, e.Column, e.French)
}

// Is makes every Error match ErrCondition.
func (e *Error) Is(target error) bool { return target == ErrCondition }

var name = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)

// reserved are words of CEL, of this package, or confusing as a name.
func reserved() []string {
	return []string{
		Today, filled, "date", "jours", "as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in", "let",
		"loop", "package", "namespace", "null", "return", "true", "var", "void", "while", "int", "uint", "double", "bool", "string", "bytes",
		"list", "map", "type", "duration", "timestamp", "size", "has", "all", "exists", "exists_one", "filter", "dyn",
	}
}

// ValidName reports whether s may name a field: lower-case letters, digits and
// underscores, beginning with a letter, no word of the language.
func ValidName(s string) bool { return name.MatchString(s) && !slices.Contains(reserved(), s) }

// A Condition is a checked expression. It is safe for concurrent use.
type Condition struct {
	program cel.Program
	schema  Schema
	uses    []string
}

// Uses lists the fields that the condition names, in the order of the schema.
func (c *Condition) Uses() []string { return slices.Clone(c.uses) }

// Compile reads an expression and checks it against the schema.
func Compile(expression string, s Schema) (*Condition, error) {
	switch {
	case strings.TrimSpace(expression) == "":
		return nil, &Error{French: "Écrivez une condition."}
	case len(expression) > maxLength:
		return nil, &Error{French: fmt.Sprintf("La condition est trop longue : %d caractères au plus.", maxLength)}
	}
	env, err := environment(s)
	if err != nil {
		return nil, err
	}
	tree, issues := env.Compile(expression)
	if issues != nil && len(issues.Errors()) > 0 {
		return nil, explain(issues.Errors()[0], s)
	}
	if tree.OutputType() != cel.BoolType {
		return nil, &Error{French: "Une condition répond par oui ou par non : comparez le champ à une valeur, par exemple « montant > 1000 »."}
	}
	uses, err := inspect(tree.NativeRep(), s)
	if err != nil {
		return nil, err
	}
	program, err := env.Program(tree, cel.CostLimit(maxCost), cel.InterruptCheckFrequency(100))
	if err != nil {
		return nil, &Error{French: "La condition ne peut pas être évaluée : simplifiez-la."}
	}
	return &Condition{program: program, schema: s, uses: uses}, nil
}

// environment declares the fields and our three words.
func environment(s Schema) (*cel.Env, error) {
	opts := []cel.EnvOption{
		cel.CrossTypeNumericComparisons(true),
		cel.ParserRecursionLimit(maxDepth), cel.ParserExpressionSizeLimit(maxLength),
		cel.ClearMacros(), cel.Macros(parser.ExistsMacro, parser.AllMacro), cel.Macros(cel.GlobalMacro(filled, 1, expandFilled(s))),
		cel.Variable(Today, cel.TimestampType),
		cel.Function("date", cel.Overload("date_string", []*cel.Type{cel.StringType}, cel.TimestampType, cel.UnaryBinding(toDate))),
		cel.Function("jours", cel.Overload("jours_timestamp_timestamp", []*cel.Type{cel.TimestampType, cel.TimestampType}, cel.IntType, cel.BinaryBinding(days))),
	}
	for _, v := range s {
		if !ValidName(v.Name) {
			return nil, &Error{French: "« " + v.Name + " » ne peut pas nommer un champ."}
		}
		opts = append(opts, cel.Variable(v.Name, celType(v.Type)), cel.Variable(prefix+v.Name, cel.BoolType))
	}
	env, err := cel.NewEnv(opts...)
	if err != nil {
		return nil, fmt.Errorf("conditions: %w", err)
	}
	return env, nil
}

func celType(t Type) *cel.Type {
	switch t {
	case Date:
		return cel.TimestampType
	case Integer:
		return cel.IntType
	case Decimal:
		return cel.DoubleType
	case Boolean:
		return cel.BoolType
	case Lists:
		return cel.ListType(cel.StringType)
	case Text, List:
	}
	return cel.StringType
}

// expandFilled turns renseigne(x) into the hidden variable that says whether
// x is filled.
func expandFilled(s Schema) parser.MacroExpander {
	return func(f parser.ExprHelper, _ ast.Expr, args []ast.Expr) (ast.Expr, *common.Error) {
		if args[0].Kind() == ast.IdentKind && !s.has(args[0].AsIdent()) {
			return nil, f.NewError(args[0].ID(), "undeclared reference to '"+args[0].AsIdent()+"'")
		}
		if args[0].Kind() != ast.IdentKind {
			return nil, f.NewError(args[0].ID(), "renseigne: not a field")
		}
		return f.NewIdent(prefix + args[0].AsIdent()), nil
	}
}

func (s Schema) has(field string) bool {
	return slices.ContainsFunc(s, func(v Variable) bool { return v.Name == field })
}

func (s Schema) field(name string) Variable {
	for _, v := range s {
		if v.Name == name {
			return v
		}
	}
	return Variable{Name: name, Label: name}
}

func toDate(v ref.Val) ref.Val {
	t, err := time.Parse(time.DateOnly, fmt.Sprint(v.Value()))
	if err != nil {
		return types.NewErr("date: not a day")
	}
	return types.Timestamp{Time: t}
}

// days counts the days from one date to another.
func days(from, to ref.Val) ref.Val {
	a, ok := from.(types.Timestamp)
	b, too := to.(types.Timestamp)
	if !ok || !too {
		return types.NewErr("jours: not two days")
	}
	return types.Int(b.Sub(a.Time).Hours() / 24)
}

// inspect lists the fields named and finds what the checker cannot: a date
// that does not exist, a value that the list does not have.
func inspect(tree *ast.AST, s Schema) (uses []string, err error) {
	named := map[string]bool{}
	visit := func(e ast.Expr) {
		switch e.Kind() {
		case ast.IdentKind:
			named[strings.TrimPrefix(e.AsIdent(), prefix)] = true
		case ast.CallKind:
			if found := wrongConstant(e.AsCall(), s); found != "" && err == nil {
				at := tree.SourceInfo().GetStartLocation(e.ID())
				err = &Error{Line: max(at.Line(), 1), Column: at.Column() + 1, French: found}
			}
		default:
		}
	}
	ast.PostOrderVisit(tree.Expr(), ast.NewExprVisitor(visit))
	for _, v := range s {
		if named[v.Name] {
			uses = append(uses, v.Name)
		}
	}
	return uses, err
}

// wrongConstant says in French what is wrong with a constant of a call, or
// nothing.
func wrongConstant(call ast.CallExpr, s Schema) string {
	args := call.Args()
	if call.FunctionName() == "date" && len(args) == 1 && args[0].Kind() == ast.LiteralKind {
		text, _ := args[0].AsLiteral().Value().(string)
		if _, err := time.Parse(time.DateOnly, text); err != nil {
			return "« " + text + " » n’est pas une date : écrivez-la comme date(\"2026-03-31\")."
		}
	}
	if len(args) != 2 || !slices.Contains([]string{"_==_", "_!=_", "@in"}, call.FunctionName()) {
		return ""
	}
	for i, side := range args {
		if side.Kind() != ast.IdentKind {
			continue
		}
		v := s.field(side.AsIdent())
		if v.Type != List && v.Type != Lists || len(v.Values) == 0 {
			continue
		}
		for _, text := range literals(args[1-i]) {
			if !slices.Contains(v.Values, text) {
				return "« " + text + " » n’est pas une valeur du champ « " + v.Label + " » : " + quoted(v.Values) + "."
			}
		}
	}
	return ""
}

// literals returns the strings written in e: itself, or the items of a list.
func literals(e ast.Expr) (out []string) {
	switch e.Kind() {
	case ast.LiteralKind:
		if s, ok := e.AsLiteral().Value().(string); ok {
			out = append(out, s)
		}
	case ast.ListKind:
		for _, x := range e.AsList().Elements() {
			out = append(out, literals(x)...)
		}
	default:
	}
	return out
}

func quoted(values []string) string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = "« " + v + " »"
	}
	return strings.Join(out, ", ")
}
