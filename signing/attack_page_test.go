package signing_test

import (
	"os"
	"regexp"
	"testing"

	"parapheur/signing"
)

// The page of attacks speaks of codes that exist.
func TestAttackPageNamesRealCodes(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/attacks.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("`([a-z]+(?:_[a-z]+)+)`").FindAllSubmatch(page, -1)
	if len(found) < 20 {
		t.Fatalf("%d codes", len(found))
	}
	for _, m := range found {
		r := signing.Reason{Code: signing.Code(m[1])}
		if r.Verdict() == signing.Invalid && r.French() == "Anomalie « "+string(m[1])+" »." {
			t.Errorf("no code %s", m[1])
		}
	}
}
