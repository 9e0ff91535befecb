package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// journey is a package made once and kept with its letter, its authorities and the journal of its town.
const journey = "../../internal/evidence/testdata/journey/"

// TestVerify runs the command as people do, and wants the exit codes that its usage documents.
func TestVerify(t *testing.T) {
	t.Parallel()
	const letter, zip, roots, journal = journey + "lettre.pdf", journey + "preuve.zip", journey + "racines.pem", journey + "journal.jsonl"
	dir := t.TempDir()
	changed := func(name string, at int) string {
		b, err := os.ReadFile(journey + name)
		if err != nil {
			t.Fatal(err)
		}
		b[at] ^= 1
		path := filepath.Join(dir, "changed-"+name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	badLetter, badJournal := changed("lettre.pdf", 100), changed("journal.jsonl", 700)
	for _, test := range []struct {
		name string
		args []string
		code int
		want string // in the report, or in the error
	}{
		{"all of it", []string{letter, "--evidence", zip, "--root", roots, "--journal", journal}, 0, "VALIDE. Tout"},
		{"options first", []string{"--evidence", zip, "--root", roots, letter}, 0, "5. Décision de signer, par Hélène Garnier, Maire"},
		{"letter alone", []string{letter, "--root", roots}, 0, "Signature 1"},
		{"letter alone, no authority", []string{letter}, 2, "NON CONCLUANT"},
		{"letter changed", []string{badLetter, "--root", roots}, 1, "NON VALIDE"},
		{"letter changed, with evidence", []string{badLetter, "--evidence", zip, "--root", roots}, 1, "letter_differs"},
		{"evidence alone", []string{"--evidence", zip, "--root", roots}, 2, "letter_missing"},
		{"evidence that is none", []string{letter, "--evidence", letter, "--root", roots}, 1, "package_unreadable"},
		{"journal", []string{"--journal", journal}, 0, "17\u00a0inscriptions"},
		{"journal changed", []string{"--journal", badJournal}, 1, "journal_broken"},
		{"evidence, another journal", []string{letter, "--evidence", zip, "--root", roots, "--journal", badJournal}, 1, "journal_broken"},
		{"no such letter", []string{"absente.pdf"}, 2, "absente.pdf"},
		{"a folder", []string{dir}, 2, "n’est pas un fichier"},
		{"authorities that are none", []string{letter, "--root", letter}, 2, "autorités"},
		{"nothing", nil, 64, "rien à vérifier"},
		{"two letters", []string{letter, letter}, 64, "de trop"},
		{"unknown option", []string{letter, "--confiance"}, 64, "confiance"},
		{"journal of a letter alone", []string{letter, "--journal", journal}, 64, "--evidence"},
		{"help", []string{"--help"}, 0, "Code de sortie"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var out, errOut bytes.Buffer
			code := verify(context.Background(), test.args, &out, &errOut)
			text := out.String() + errOut.String()
			if code != test.code || !strings.Contains(text, test.want) {
				t.Errorf("exit %d, want %d with %q:\n%s", code, test.code, test.want, text)
			}
			if (out.Len() > 0) == (errOut.Len() > 0) {
				t.Errorf("%d bytes on the output, %d on the errors", out.Len(), errOut.Len())
			}
		})
	}
}

// TestVerifyJSON wants one JSON object, with the outcome that the exit code gives.
func TestVerifyJSON(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{journey + "lettre.pdf", "--evidence", journey + "preuve.zip", "--root", journey + "racines.pem", "--json"},
		{"--journal", journey + "journal.jsonl", "--json"},
	} {
		var out, errOut bytes.Buffer
		if code := verify(context.Background(), args, &out, &errOut); code != 0 {
			t.Fatalf("exit %d: %s%s", code, &out, &errOut)
		}
		var rep struct{ Schema, Outcome string }
		if err := json.Unmarshal(out.Bytes(), &rep); err != nil || rep.Outcome != "valid" || !strings.HasPrefix(rep.Schema, "parapheur.") {
			t.Errorf("%+v, %v", rep, err)
		}
	}
}
