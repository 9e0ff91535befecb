package evidence

import (
	"bytes"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"parapheur/internal/tooltest"
)

// recipe are the shell blocks of VERIFY.md, one after the other.
func recipe(t testing.TB) string {
	t.Helper()
	var out strings.Builder
	for _, m := range regexp.MustCompile("(?s)\n```sh\n(.*?)```\n").FindAllSubmatch(guide, -1) {
		out.Write(m[1])
	}
	if out.Len() == 0 {
		t.Fatal("no shell block in VERIFY.md")
	}
	return out.String()
}

// follow unpacks a package, puts the letter beside it, and runs the commands of VERIFY.md with bash and openssl.
func follow(t testing.TB, f *forgery) string {
	t.Helper()
	tooltest.Need(t, "bash", "openssl", "basenc")
	dir := t.TempDir()
	write := func(name string, content []byte) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if !f.keepSeal {
		f.manifest()
	}
	for name, content := range f.files {
		write("preuve/"+name, content)
	}
	write("lettre.pdf", f.letter)
	write("racines.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.of.world.demo.Root().Raw}))
	cmd := exec.Command("bash", "-u", "-c", recipe(t))
	cmd.Dir = filepath.Join(dir, "preuve")
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "TMPDIR="+dir)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s%s", err, out, &stderr)
	}
	return string(out) + stderr.String()
}

// TestRecipe follows VERIFY.md to the letter, as a court expert would, with openssl for only help.
func TestRecipe(t *testing.T) {
	t.Parallel()
	out := follow(t, forge(t, theSample(t)))
	t.Log(out)
	for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
		if !strings.HasPrefix(line, "OK ") && !strings.HasPrefix(line, "subject=") && !strings.HasPrefix(line, "       ") {
			t.Errorf("unexpected: %s", line)
		}
	}
	for _, want := range []string{"OK     cachet", "NTRFR-216901231", "OK     decisions/05-signature/document", "OK     certificat", "CN=Hélène Garnier", "OK     inscription 6, chaînage", "OK     aucun autre fichier"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q", want)
		}
	}
}

// TestRecipeOfADelegation follows VERIFY.md for a letter signed by delegation, then with another arrêté in the journal.
func TestRecipeOfADelegation(t *testing.T) {
	t.Parallel()
	f := forge(t, theFounded(t))
	if out := follow(t, f); strings.Contains(out, "ÉCHEC") || !strings.Contains(out, "OK     decisions/02-signature/arrêté inscrit au journal") || !strings.Contains(out, "OK     inscription 11\n") {
		t.Error(out)
	}
	f.say(kindDelegation, "2026-041", "2026-042")
	if out := follow(t, f); !strings.Contains(out, "ÉCHEC  decisions/02-signature/arrêté inscrit au journal") {
		t.Error(out)
	}
}

// TestRecipeFindsForgeries wants the commands to be able to fail: several things are changed at once, each must be named.
func TestRecipeFindsForgeries(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(f *forgery)
		want   []string
	}{
		"under the seal": {func(f *forgery) {
			f.letter[100] ^= 1
			f.files["decisions/05-signature/signature.der"][9] ^= 1
			f.replace("decisions/01-refus/reason.txt", "fausse", "juste")
			f.replace(fileCircuit, "maire", "Maire")
			f.replace(fileJournal, "dossier.refused", "dossier.reduced")
			f.swap(enrolmentName(0), enrolmentName(1))
			f.replace(fileAnnexes, `"sha256":"`, `"sha256":"00`)
		}, []string{
			"decisions/05-signature/document", "decisions/05-signature/signature", "decisions/01-refus/motif", "decisions/05-signature/circuit",
			"inscription", "enrolments/000001.json suit", "decisions/04-visa/annexes", "lettre signée",
		}},
		"under the manifest": {func(f *forgery) {
			f.keepSeal = true
			f.set("note.txt", []byte("x"))
			f.replace(fileDossier, "voirie", "voisin")
			f.remove("decisions/04-visa")
			f.replace(fileManifest, siret, "21690123100012")
		}, []string{"aucun autre fichier", "dossier.json", "autant de décisions", "decisions/05-signature/ désigne la précédente", "cachet"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := forge(t, theSample(t))
			test.change(f)
			out := follow(t, f)
			for _, want := range test.want {
				if !strings.Contains(out, "ÉCHEC  "+want) {
					t.Errorf("no failure of %q in\n%s", want, out)
				}
			}
		})
	}
}
