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

// update makes testdata again: only for a new version of the format, since old packages must stay verifiable for ever.
var update = flag.Bool("update", false, "make testdata again") //nolint:gochecknoglobals // a flag of the test

const golden = "testdata/journey"

// TestGolden verifies a package made once and kept: what was exported must verify with every later version, and give the
// same report.
func TestGolden(t *testing.T) {
	t.Parallel()
	if *update {
		updateGolden(t)
	}
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(golden, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(read("racines.pem")) {
		t.Fatal("no root")
	}
	var want struct {
		VerifiedAt time.Time `json:"verified_at"`
	}
	if err := json.Unmarshal(read("rapport.json"), &want); err != nil {
		t.Fatal(err)
	}
	rep := verify(t, read("preuve.zip"), read("lettre.pdf"), Options{Roots: roots, At: want.VerifiedAt, Journal: bytes.NewReader(read("journal.jsonl"))})
	if rep.Outcome != proof.Valid {
		t.Errorf("%s: %s", rep.Outcome, show(t, rep))
	}
	if diff := cmp.Diff(string(read("rapport.json")), own(t, rep)); diff != "" {
		t.Error(diff)
	}
}

func updateGolden(t *testing.T) {
	t.Helper()
	s := theSample(t)
	write := func(name string, b []byte) {
		if err := os.WriteFile(filepath.Join(golden, name), b, 0o644); err != nil { //nolint:gosec // test data
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(golden, 0o755); err != nil { //nolint:gosec // test data
		t.Fatal(err)
	}
	f := forge(t, s)
	journal := townJournal(f, nil)
	whole := make([]byte, journal.Len())
	if _, err := journal.Read(whole); err != nil {
		t.Fatal(err)
	}
	write("preuve.zip", s.zip)
	write("lettre.pdf", s.letter)
	write("journal.jsonl", whole)
	write("racines.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.world.demo.Root().Raw}))
	opt := s.options()
	opt.At, opt.Journal = opt.At.Truncate(time.Second), bytes.NewReader(whole)
	write("rapport.json", []byte(own(t, verify(t, s.zip, s.letter, opt))))
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
