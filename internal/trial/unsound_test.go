package trial_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

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
