package trial_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"parapheur/circuits"
	"parapheur/internal/trial"
)

// Every reason that the engine has to refuse a circuit is told in French: the
// reasons are read in its source, so that a new one fails here.
func TestEveryUnsoundCircuitIsToldInFrench(t *testing.T) {
	t.Parallel()
	src, err := os.ReadFile("../../circuits/check.go")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(src), "func (d Definition) Check()")
	fill := strings.NewReplacer("%d", "7", "%q", `"machin"`)
	reasons := regexp.MustCompile(`(?:return |Sprintf\(|Why: )"([^"]+(?:\\"[^"]*)*)"`).FindAllStringSubmatch(after, -1)
	if len(reasons) < 25 {
		t.Fatalf("%d reasons found in the source", len(reasons))
	}
	for _, r := range reasons {
		why := fill.Replace(r[1])
		got := trial.Unsound(fmt.Errorf("try: %w", &circuits.UnsoundError{Step: 2, Why: why}))
		if !strings.HasPrefix(got, "étape 2 : ") || strings.Contains(got, "pas cohérent") || strings.Contains(got, "{") {
			t.Errorf("%q is told %q", why, got)
		}
	}
	if got := trial.Unsound(&circuits.UnsoundError{Step: 1, Why: "quorum of 3 among 2"}); got != "étape 1 : il en faut 3 sur 2, c’est impossible" {
		t.Error(got)
	}
}

// Steps of the same name are told apart by their place.
func TestFindingsTellStepsOfOneNameApart(t *testing.T) {
	t.Parallel()
	d := circuits.Definition{Code: "c", Version: 1, Name: "C", Steps: []circuits.Step{
		{ID: "a", Kind: circuits.Visa, Title: "Visa"}, {ID: "b", Kind: circuits.Visa, Title: "Visa"}, {ID: "c", Kind: circuits.Signature, Title: "Signature"},
	}}
	var told []string
	for _, f := range trial.Lint(d, trial.Town{}, trial.Letter{}, time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)) {
		if f.Code == "no_actor" {
			told = append(told, strings.SplitN(f.Text, " : ", 2)[0])
		}
	}
	if got := strings.Join(told, ", "); got != "« Visa » (étape 1), « Visa » (étape 2), « Signature »" {
		t.Error(got)
	}
}
