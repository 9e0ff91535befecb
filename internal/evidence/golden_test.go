package evidence

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"parapheur/approvals/proof"
)

// update makes the reports of testdata again, and a package where there is none: one that was exported stays as it is.
var update = flag.Bool("update", false, "make the reports of testdata again") //nolint:gochecknoglobals // a flag of the test

// TestGolden verifies packages made once and kept, each named by what it shows: what was exported must verify with every
// later version, and give the same report.
func TestGolden(t *testing.T) {
	t.Parallel()
	for name, of := range map[string]func(testing.TB) *sample{
		"journey":    theSample,  // refused, corrected, approved, taken back, approved again, signed; first form
		"delegation": theFounded, // an act done outside, a signature by delegation, keys for which an administrator vouches
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join("testdata", name)
			if *update {
				updateGolden(t, dir, of)
			}
			var want struct {
				VerifiedAt time.Time `json:"verified_at"`
			}
			if err := json.Unmarshal(kept(t, dir, "rapport.json"), &want); err != nil {
				t.Fatal(err)
			}
			rep := goldenReport(t, dir, want.VerifiedAt)
			if rep.Outcome != proof.Valid {
				t.Errorf("%s: %s", rep.Outcome, show(t, rep))
			}
			if diff := cmp.Diff(string(kept(t, dir, "rapport.json")), own(t, rep)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func kept(t *testing.T, dir, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name)) //nolint:gosec // test data
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// goldenReport verifies what is kept in dir.
func goldenReport(t *testing.T, dir string, at time.Time) *Report {
	t.Helper()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(kept(t, dir, "racines.pem")) {
		t.Fatal("no root")
	}
	opt := Options{Roots: roots, At: at, Journal: bytes.NewReader(kept(t, dir, "journal.jsonl"))}
	return verify(t, kept(t, dir, "preuve.zip"), kept(t, dir, "lettre.pdf"), opt)
}

func updateGolden(t *testing.T, dir string, of func(testing.TB) *sample) {
	t.Helper()
	write := func(name string, b []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil { //nolint:gosec // test data
			t.Fatal(err)
		}
	}
	at := time.Now().UTC().Truncate(time.Second)
	if raw, err := os.ReadFile(filepath.Join(dir, "rapport.json")); err == nil { //nolint:gosec // test data
		var was Report
		if err := json.Unmarshal(raw, &was); err != nil {
			t.Fatal(err)
		}
		at = was.VerifiedAt
	} else {
		s := of(t)
		if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // test data
			t.Fatal(err)
		}
		whole := townJournal(forge(t, s), nil)
		journal := make([]byte, whole.Len())
		if _, err := whole.Read(journal); err != nil {
			t.Fatal(err)
		}
		write("preuve.zip", s.zip)
		write("lettre.pdf", s.letter)
		write("journal.jsonl", journal)
		write("racines.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.world.demo.Root().Raw}))
	}
	write("rapport.json", []byte(own(t, goldenReport(t, dir, at))))
}

// own is the report without the parts that package signing makes.
func own(t *testing.T, rep *Report) string {
	t.Helper()
	rep.Letter.Check, rep.Package.Seal = nil, nil
	b, err := json.MarshalIndent(rep, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b) + "\n"
}
