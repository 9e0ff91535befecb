package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"parapheur/internal/pgtest"
	"parapheur/migrations"
)

// TestConfig takes a new town from a starter to its own file and back, as an
// operator who keeps it in a repository.
func TestConfig(t *testing.T) {
	t.Parallel()
	dsn, dir := pgtest.DSN(t, migrations.Apply), t.TempDir()
	parapheur(t, exitOK, addArgs(dsn)...)
	at := func(args ...string) []string {
		return append(append([]string{"config"}, args...), "--database-url", dsn, "--siret", siret)
	}
	starter, _ := parapheur(t, exitOK, "config", "starter", "petite-commune")
	// The administrator of the first day stays: the file describes them too.
	starter = strings.Replace(starter, "people:\n", "people:\n  - {email: marc@essai.fr, given_name: Marc, family_name: de la Tour, admin: true}\n", 1)
	file := filepath.Join(dir, "ville.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(starter)

	// Nobody has a passkey yet: letters would stop, and the command says so.
	out, _ := parapheur(t, exitUnready, at("diff", "--file", file)...)
	if !strings.Contains(out, "! Circuit « ") || !strings.Contains(out, "personne n’a encore de clé d’accès") {
		t.Errorf("what would stop is not told:\n%s", out)
	}
	out, _ = parapheur(t, exitUnready, at("apply", "--file", file, "--yes")...)
	if !strings.Contains(out, "Rien n’est changé : une lettre s’arrêterait") {
		t.Errorf("applied unready:\n%s", out)
	}
	out, _ = parapheur(t, exitDifferent, at("diff", "--file", file, "--before-enrolment")...)
	if !strings.Contains(out, "? Circuit « ") {
		t.Errorf("what is let through is not told:\n%s", out)
	}
	for _, want := range []string{"+ personne « maire@commune.exemple.fr »", "+ type « decision »", "- circuit « courrier-cabinet »", "+ délégation 2026-012"} {
		if !strings.Contains(out, want) {
			t.Errorf("the plan lacks %q:\n%s", want, out)
		}
	}
	out, _ = parapheur(t, exitOK, at("apply", "--file", file, "--before-enrolment")...)
	if !strings.Contains(out, "Rien n’est changé") {
		t.Errorf("without --yes:\n%s", out)
	}
	parapheur(t, exitDifferent, at("diff", "--file", file, "--before-enrolment")...) // nothing was
	out, _ = parapheur(t, exitOK, at("apply", "--file", file, "--before-enrolment", "--yes")...)
	if !strings.Contains(out, "C’est appliqué") || !strings.Contains(out, "town invite") {
		t.Errorf("applied:\n%s", out)
	}
	for range 2 {
		out, _ = parapheur(t, exitOK, at("apply", "--file", file, "--yes")...)
		if !strings.HasPrefix(out, "Rien à changer") {
			t.Errorf("a second time:\n%s", out)
		}
	}

	exported, _ := parapheur(t, exitOK, at("export")...)
	again, _ := parapheur(t, exitOK, at("export")...)
	if exported != again || !strings.Contains(exported, `town: "`+siret+`"`) {
		t.Errorf("the export is not the same twice, or names no town:\n%s", exported)
	}
	write(strings.Replace(exported, "quality: Maire\n", "quality: Maire de la commune\n", 1))
	out, _ = parapheur(t, exitDifferent, at("diff", "--file", file)...)
	if !strings.Contains(out, "~ bureau « maire »") || !strings.Contains(out, "0 ajout(s), 1 modification(s)") {
		t.Errorf("one change:\n%s", out)
	}

	for want, text := range map[string]string{
		"ligne 2 : « prenom » n’est pas connu":           "people:\n  - prenom: Anne\n",
		"Ce fichier est celui de la collectivité":        "town: 21490888800017\n",
		"nomme la personne « personne@x.fr »":            "desks:\n  - {code: maire, name: Maire, holders: [{person: personne@x.fr, quality: Maire}]}\n",
		"au moins un administrateur":                     "people: []\n",
		"Type « x » : Le circuit « y » n’est pas publié": "types:\n  - {code: x, name: X, circuit: y}\n",
	} {
		write(text)
		if _, errOut := parapheur(t, exitError, at("apply", "--yes", "--file", file)...); !strings.Contains(errOut, want) {
			t.Errorf("%q is not told:\n%s", want, errOut)
		}
	}
	if _, errOut := parapheur(t, exitError, "config", "export", "--database-url", dsn, "--siret", "1"); !strings.Contains(errOut, "town list") {
		t.Error(errOut)
	}
	parapheur(t, exitUsage, "config", "starter", "metropole")
}
