package signing

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// Every declared code is in the table, with a French sentence; no sentence is there twice.
func TestEveryCodeHasItsSentence(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "check_reason.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	declared := 0
	ast.Inspect(file, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok || len(v.Values) != 1 {
			return true
		}
		lit, ok := v.Values[0].(*ast.BasicLit)
		if !ok {
			return true
		}
		declared++
		code := Code(strings.Trim(lit.Value, `"`))
		if _, ok := findings()[code]; !ok {
			t.Errorf("%s is not in the table", code)
		}
		return true
	})
	if len(findings()) != declared {
		t.Errorf("%d codes declared, %d in the table", declared, len(findings()))
	}
	seen := map[string]Code{}
	for code, f := range findings() {
		if first, _ := utf8.DecodeRuneInString(f.french); !unicode.IsUpper(first) || strings.HasSuffix(f.french, ".") || strings.Contains(f.french, "'") {
			t.Errorf("%s: %q", code, f.french)
		}
		if o, ok := seen[f.french]; ok {
			t.Errorf("%s and %s have the same sentence", code, o)
		}
		seen[f.french] = code
	}
}

func TestReasonInFrench(t *testing.T) {
	t.Parallel()
	r := Reason{Code: ObjectModified, Object: 4, Role: "page", Detail: "/Contents"}
	if got, want := r.French(), "Le document a été modifié après la signature (objet 4, page, /Contents)."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := (Reason{Code: "future"}).French(), "Anomalie « future »."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if (Reason{Code: "future"}).Verdict() != Invalid {
		t.Error("a code of another version must not pass")
	}
}
