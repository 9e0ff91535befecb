package proof_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/build"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"parapheur/approvals/proof"
	"parapheur/internal/tooltest"
)

// TestDependencies keeps the verifier independent of the product and of the library that runs the ceremonies.
func TestDependencies(t *testing.T) {
	t.Parallel()
	p := must[*build.Package](t)(build.ImportDir(".", 0))
	for _, path := range p.Imports {
		if first, _, _ := strings.Cut(path, "/"); strings.Contains(first, ".") && path != "github.com/fxamacker/cbor/v2" || first == "parapheur" {
			t.Errorf("proof imports %s", path)
		}
		if path == "net/http" || path == "os" || path == "database/sql" || path == "crypto/rand" {
			t.Errorf("proof imports %s: it is given its bytes and its randomness", path)
		}
	}
}

// TestMerkle proves every leaf of every tree up to 130, and nothing else (RFC 9162, 2.1.3).
func TestMerkle(t *testing.T) {
	t.Parallel()
	for n := 1; n <= 130; n++ {
		leaves := make([]proof.Digest, n)
		for i := range leaves {
			leaves[i] = proof.Leaf(fmt.Append(nil, i))
		}
		root := proof.Root(leaves)
		for i := range leaves {
			path := proof.Path(leaves, i)
			if !proof.Includes(leaves[i], i, n, path, root) {
				t.Fatalf("leaf %d of %d is not proved", i, n)
			}
			if n == 1 {
				continue
			}
			other := (i + 1) % n
			if proof.Includes(leaves[other], i, n, path, root) || proof.Includes(leaves[i], other, n, path, root) ||
				proof.Includes(leaves[i], i, n, append(slices.Clone(path), root), root) ||
				proof.Includes(leaves[i], i, n, path[:len(path)-1], root) || proof.Includes(leaves[i], n, n, path, root) {
				t.Fatalf("leaf %d of %d: a false proof passes", i, n)
			}
		}
	}
}

// TestMerkleVectors compares with the roots of the reference tests of Certificate Transparency (RFC 6962, same hashes).
func TestMerkleVectors(t *testing.T) {
	t.Parallel()
	inputs := []string{
		"", "\x00", "\x10", "\x20\x21", "\x30\x31", "\x40\x41\x42\x43", "\x50\x51\x52\x53\x54\x55\x56\x57",
		"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
	}
	var leaves []proof.Digest
	for _, in := range inputs {
		leaves = append(leaves, proof.Leaf([]byte(in)))
	}
	for n, want := range map[int]string{
		0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
		2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
		3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
		5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
		8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
	} {
		if got := proof.Root(leaves[:n]).String(); got != want {
			t.Errorf("root of %d leaves: got %s, want %s", n, got, want)
		}
	}
}

// TestCanonical fixes the bytes of a statement, of a set and of an enrolment, for ever.
func TestCanonical(t *testing.T) {
	t.Parallel()
	m := newMaker(newES256())
	m.statement = func(s *proof.Statement) {
		s.DocSHA256, s.DocBytes, s.CircuitSHA256 = proof.Digest{0xaa}, 12, proof.Digest{0xbb}
		s.Delegation = proof.ByArrete(`"41" <a&b>`, proof.Digest{0xcc})
	}
	ev, want := m.make(t)
	zeros := strings.Repeat("0", 62)
	got := string(ev.Statement)
	wantStatement := `{"schema":"parapheur.decision.v1","tenant":"21690123100011","dossier":"d-2","version":2,"doc_sha256":"aa` + zeros +
		`","doc_bytes":12,"circuit_sha256":"bb` + zeros + `","step":"maire","decision":"signature","actor":"p-42",` +
		`"quality":"Maire de L’Haÿ-les-Roses","delegation":"arrêté \"41\" <a&b> sha256:cc` + zeros +
		`","prev_sha256":"01` + zeros + `","nonce":"0201` + zeros[2:] + `","issued_at":"2026-03-02T08:30:00Z"}`
	if diff := cmp.Diff(got, wantStatement); diff != "" {
		t.Errorf("statement: %s", diff)
	}
	if again, err := proof.ParseStatement(ev.Statement); err != nil {
		t.Error(err)
	} else if raw, err := again.Canonical(); err != nil || !bytes.Equal(raw, ev.Statement) {
		t.Errorf("statement: %s, %v", raw, err)
	}
	set, err := proof.ParseSet(ev.Set)
	if err != nil {
		t.Fatal(err)
	}
	wantSet := `{"schema":"parapheur.decision-set.v1","rp_id":"parapheur.ville.fr","actor":"p-42","count":5,"merkle_root":"` +
		set.MerkleRoot.String() + `","nonce":"08` + zeros + `","issued_at":"2026-03-02T08:30:00Z","expires_at":"2026-03-02T08:35:00Z"}`
	if diff := cmp.Diff(string(ev.Set), wantSet); diff != "" {
		t.Errorf("set: %s", diff)
	}
	e, err := proof.ParseEnrolment(want.Enrolment)
	if err != nil || !strings.Contains(string(want.Enrolment), `"aaguid":"01020304-0506-0708-0102-030405060708","backup_eligible":true,`) {
		t.Errorf("enrolment %+v: %v", e, err)
	}
}

// TestTexts refuses the texts that JSON libraries write in several ways.
func TestTexts(t *testing.T) {
	t.Parallel()
	base, err := proof.ParseStatement(must2(newMaker(newES256()).make(t)).Statement)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"", "a\nb", "a\x00b", "a\u2028b", "a\u0085b", "a\xffb", "a\ufffdb", strings.Repeat("a", 1025)} {
		s := base
		s.Quality = bad
		if _, err := s.Canonical(); !errors.Is(err, proof.ErrMalformed) {
			t.Errorf("quality %q: %v", bad, err)
		}
	}
}

func must2(ev proof.Evidence, _ proof.Expect) proof.Evidence { return ev }

// TestFiles lays an evidence out and puts it together again, then alters each file.
func TestFiles(t *testing.T) {
	t.Parallel()
	ev, want := newMaker(newES256()).make(t)
	files := must[[]proof.File](t)(ev.Files())
	again := must[proof.Evidence](t)(proof.FromFiles(append(files, proof.File{Name: proof.FileGuide, Content: proof.Guide()})))
	if diff := cmp.Diff(again, ev); diff != "" {
		t.Error(diff)
	}
	for i, f := range files {
		changed := slices.Clone(files)
		changed[i].Content = append(bytes.Clone(f.Content), '\n')
		if ev, err := proof.FromFiles(changed); err == nil {
			if _, err = proof.Verify(ev, want); !errors.Is(err, proof.ErrInvalid) {
				t.Errorf("%s altered: %v", f.Name, err)
			}
		}
		if ev, err := proof.FromFiles(slices.Delete(slices.Clone(files), i, i+1)); err == nil {
			if _, err = proof.Verify(ev, want); !errors.Is(err, proof.ErrUnverifiable) {
				t.Errorf("%s taken away: %v", f.Name, err)
			}
		}
	}
	if _, err := proof.FromFiles(append(files, files[0])); !errors.Is(err, proof.ErrMalformed) {
		t.Errorf("a file given twice: %v", err)
	}
}

// TestGuide runs the commands of VERIFY.md, as they are, with the real openssl, on both algorithms.
func TestGuide(t *testing.T) {
	t.Parallel()
	tooltest.Need(t, "openssl", "basenc", "od", "sha256sum", "sh")
	blocks := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(proof.Guide()), -1)
	if len(blocks) != 6 {
		t.Fatalf("%d blocks of commands in VERIFY.md", len(blocks))
	}
	es, rs := newMaker(newES256()), newMaker(newRS256())
	es.n, es.index = 13, 12
	for _, m := range []*maker{es, rs} {
		ev, want := m.make(t)
		report := must[proof.Report](t)(proof.Verify(ev, want))
		dir := t.TempDir()
		for _, f := range append(must[[]proof.File](t)(ev.Files()), proof.File{Name: proof.FileEnrolment, Content: want.Enrolment},
			proof.File{Name: "document.pdf", Content: document(m.index)}) {
			if err := os.WriteFile(filepath.Join(dir, f.Name), f.Content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		path := ""
		for _, p := range ev.Path {
			path += " " + p.String()
		}
		client := must[proof.ClientData](t)(proof.ParseClientData(ev.ClientDataJSON))
		for i, step := range []struct{ more, want string }{
			{"", "Verified OK\n"},
			{"", client.Challenge + "\n"},
			{fmt.Sprintf("rootof statement.json %d %d%s", ev.LeafIndex, report.Set.Count, path), report.Set.MerkleRoot.String() + " 0\n"},
			{"", fmt.Sprintf("%s\n%d\n", report.Statement.DocSHA256, report.Statement.DocBytes)},
			{"", fmt.Sprintf("%s\n%d\n", proof.SHA256([]byte(rpID)), report.Flags)},
			{"", fmt.Sprintf("%s\n%s\n%s\n", ev.EnrolmentSHA256, report.Enrolment.COSEKeySHA256, report.Enrolment.AttestationObjectSHA256)},
		} {
			if got := run(t, dir, blocks[i][1]+step.more); got != step.want {
				t.Errorf("%s, section %d: got %q, want %q", report.Algorithm, i+1, got, step.want)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, proof.FileClientData), []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := run(t, dir, blocks[0][1]+"true"); strings.Contains(got, "Verified OK") {
			t.Errorf("%s: openssl accepts other client data", report.Algorithm)
		}
	}
}

func run(t *testing.T, dir, script string) string {
	t.Helper()
	cmd := exec.Command("sh", "-c", script)
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		t.Errorf("%v: %s", err, script)
	}
	return string(out)
}

// TestEnrolments follows a chain of enrolments, then breaks it.
func TestEnrolments(t *testing.T) {
	t.Parallel()
	var chain [][]byte
	var head proof.Digest
	for i := range 3 {
		m := newMaker(newES256())
		m.enrolment = func(e *proof.Enrolment) { e.PrevSHA256, e.Nonce = head, proof.Nonce{byte(i + 1)} }
		_, want := m.make(t)
		chain = append(chain, want.Enrolment)
		head = proof.EnrolmentDigest(want.Enrolment)
	}
	if got, err := proof.VerifyEnrolments(siret, chain); err != nil || got != head {
		t.Errorf("got %s, %v", got, err)
	}
	for name, broken := range map[string][][]byte{
		"first missing": chain[1:], "one missing": {chain[0], chain[2]}, "swapped": {chain[1], chain[0], chain[2]},
	} {
		if _, err := proof.VerifyEnrolments(siret, broken); !errors.Is(err, proof.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := proof.VerifyEnrolments("21750001600019", chain); !errors.Is(err, proof.ErrInvalid) {
		t.Errorf("chain of another town: %v", err)
	}
}

// TestEveryByte flips one bit of each byte of each part of an evidence: nothing that counts may change unseen.
func TestEveryByte(t *testing.T) {
	t.Parallel()
	ev, want := newMaker(newES256()).make(t)
	parts := func(e *proof.Evidence) []*[]byte {
		return []*[]byte{
			&e.Statement, &e.Set, &e.CredentialID, &e.COSEKey, &e.AuthenticatorData, &e.ClientDataJSON, &e.Signature,
			&e.AttestationObject, &e.RegistrationClientDataJSON,
		}
	}
	n := 0
	for p := range parts(&ev) {
		for i := range *parts(&ev)[p] {
			e := ev
			b := bytes.Clone(*parts(&e)[p])
			b[i] ^= 1
			*parts(&e)[p] = b
			if _, err := proof.Verify(e, want); !errors.Is(err, proof.ErrInvalid) {
				t.Errorf("part %d, byte %d: %v", p, i, err)
			}
			n++
		}
	}
	if n < 1000 {
		t.Errorf("%d bytes altered", n)
	}
}

// ExampleVerifyBytes verifies the evidence of an archive, first without the enrolment of the key, then with it.
func ExampleVerifyBytes() {
	raw, err := os.ReadFile("testdata/vectors/valid.es256-batch.json")
	if err != nil {
		panic(err)
	}
	var v vector
	if err := json.Unmarshal(raw, &v); err != nil {
		panic(err)
	}
	want := proof.Expect{Document: proof.DocumentOf([]byte(*v.Document))}
	report, err := proof.VerifyBytes([]byte(v.Evidence), want)
	fmt.Println(report.Outcome, report.Reason, errors.Is(err, proof.ErrUnverifiable))
	want.Enrolment = []byte(*v.Enrolment)
	report, err = proof.VerifyBytes([]byte(v.Evidence), want)
	fmt.Println(report.Outcome, report.Statement.Decision, report.Origin, err)
	// Output:
	// unverifiable missing_enrolment true
	// valid signature https://parapheur.ville.fr <nil>
}
