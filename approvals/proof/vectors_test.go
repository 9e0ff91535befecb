package proof_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"parapheur/approvals/proof"
)

var update = flag.Bool("update", false, "make the vectors of testdata/vectors again, with new keys")

// vector is one file of testdata/vectors: an evidence in which one rule is broken, named by the reason that must be found,
// or by "valid". Another implementation can run them.
type vector struct {
	Why       string        `json:"why"`
	Outcome   proof.Outcome `json:"outcome"`
	Reason    proof.Reason  `json:"reason"`
	Document  *string       `json:"document"`
	Enrolment *string       `json:"enrolment"`
	RPID      string        `json:"expected_rp_id"`
	Origin    string        `json:"expected_origin"`
	Previous  proof.Digest  `json:"expected_previous"`
	Evidence  string        `json:"evidence"`
}

// TestVectors verifies the vectors.
func TestVectors(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/vectors/*.json")
	if err != nil || len(files) < 50 {
		t.Fatalf("%d vectors: %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var v vector
			raw := must[[]byte](t)(os.ReadFile(file))
			if err := json.Unmarshal(raw, &v); err != nil {
				t.Fatal(err)
			}
			want := proof.Expect{RPID: v.RPID, Origin: v.Origin, Previous: &v.Previous}
			if v.Document != nil {
				want.Document = proof.DocumentOf([]byte(*v.Document))
			}
			if v.Enrolment != nil {
				want.Enrolment = []byte(*v.Enrolment)
			}
			report, err := proof.VerifyBytes([]byte(v.Evidence), want)
			if report.Outcome != v.Outcome || report.Reason != v.Reason {
				t.Errorf("%s: got %s %s (%v), want %s %s", v.Why, report.Outcome, report.Reason, err, v.Outcome, v.Reason)
			}
			if first, _, _ := strings.Cut(name, "."); first != string(v.Reason) && (v.Reason != "" || first != "valid") {
				t.Errorf("the name does not say %q", v.Reason)
			}
			checkError(t, report, err)
		})
	}
}

// checkError checks that error and report say the same.
func checkError(t *testing.T, r proof.Report, err error) {
	t.Helper()
	var f *proof.Failure
	switch r.Outcome {
	case proof.Valid:
		if err != nil {
			t.Errorf("valid, with error %v", err)
		}
	case proof.Invalid, proof.Unverifiable:
		sentinel := map[proof.Outcome]error{proof.Invalid: proof.ErrInvalid, proof.Unverifiable: proof.ErrUnverifiable}[r.Outcome]
		if !errors.As(err, &f) || f.Reason != r.Reason || !errors.Is(err, sentinel) {
			t.Errorf("outcome %s, error %v", r.Outcome, err)
		}
	}
}

// TestReasonsHaveVectors wants at least one vector, and a sentence in French, for each reason declared.
func TestReasonsHaveVectors(t *testing.T) {
	t.Parallel()
	file := must[*ast.File](t)(parser.ParseFile(token.NewFileSet(), "reason.go", nil, 0))
	n := 0
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if id, typed := specType(spec, ok); !typed || id != "Reason" {
			return true
		}
		reason := must[string](t)(strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value))
		n++
		if text := proof.Reason(reason).French(); !strings.HasSuffix(text, ".") {
			t.Errorf("no sentence for %s", reason)
		}
		one, _ := filepath.Glob("testdata/vectors/" + reason + ".json")
		more, _ := filepath.Glob("testdata/vectors/" + reason + ".*.json")
		if len(one)+len(more) == 0 {
			t.Errorf("no vector breaks the rule of %s", reason)
		}
		return true
	})
	if n < 30 {
		t.Errorf("%d reasons found in reason.go", n)
	}
}

func specType(spec *ast.ValueSpec, ok bool) (string, bool) {
	if !ok {
		return "", false
	}
	id, ok := spec.Type.(*ast.Ident)
	if !ok {
		return "", false
	}
	return id.Name, true
}

// TestMutations makes what the vectors hold anew, with fresh keys, and writes the vectors with -update.
func TestMutations(t *testing.T) {
	t.Parallel()
	for _, mu := range mutations() {
		t.Run(mu.name, func(t *testing.T) {
			m := newMaker(newES256())
			if strings.Contains(mu.name, "rs256") {
				m = newMaker(newRS256())
			}
			mu.change(m)
			ev, want := m.make(t)
			raw, err := ev.Canonical()
			if err != nil {
				t.Fatal(err)
			}
			if mu.bytes != nil {
				raw = mu.bytes(raw)
			}
			reason, _, _ := strings.Cut(mu.name, ".")
			if reason == "valid" {
				reason = ""
			}
			report, err := proof.VerifyBytes(raw, want)
			if string(report.Reason) != reason {
				t.Fatalf("got %s %q: %v", report.Outcome, report.Reason, err)
			}
			if *update {
				write(t, mu, m, raw, want, report)
			}
		})
	}
}

func write(t *testing.T, mu mutation, m *maker, raw []byte, want proof.Expect, report proof.Report) {
	t.Helper()
	v := vector{
		Why: mu.why, Outcome: report.Outcome, Reason: report.Reason, RPID: want.RPID, Origin: want.Origin,
		Previous: *want.Previous, Evidence: string(raw),
	}
	if want.Document != nil {
		for _, d := range [][]byte{document(m.index), []byte("autre lettre")} {
			if *proof.DocumentOf(d) == *want.Document {
				s := string(d)
				v.Document = &s
			}
		}
	}
	if want.Enrolment != nil {
		s := string(want.Enrolment)
		v.Enrolment = &s
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("testdata/vectors/"+mu.name+".json", buf.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
