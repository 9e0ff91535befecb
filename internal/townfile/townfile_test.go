package townfile_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"parapheur/dossiers"
	"parapheur/internal/townfile"
)

// fresh draws identifiers that tell themselves apart.
func fresh() func() (string, error) {
	n := 0
	return func() (string, error) {
		n++
		return fmt.Sprintf("0190c2d0-0000-7000-8000-%012d", n), nil
	}
}

// A starter is read, plans a whole town from nothing, and is written back as
// the same set-up.
func TestStarters(t *testing.T) {
	t.Parallel()
	for _, name := range townfile.Starters() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			raw, err := townfile.Starter(name)
			if err != nil {
				t.Fatal(err)
			}
			s, err := townfile.Parse(bytes.NewReader(raw))
			if err != nil {
				t.Fatal(err)
			}
			r, err := dossiers.Organisation{}.Plan(s, "2026-06-01", fresh())
			if err != nil || len(r.Lines) < 20 {
				t.Fatalf("%d lines, %v", len(r.Lines), err)
			}
			var out, again bytes.Buffer
			if err := townfile.Format(&out, s); err != nil {
				t.Fatal(err)
			}
			back, err := townfile.Parse(bytes.NewReader(out.Bytes()))
			if err != nil {
				t.Fatalf("%v\n%s", err, &out)
			}
			if err := townfile.Format(&again, back); err != nil || again.String() != out.String() {
				t.Errorf("written twice, it differs: %v", err)
			}
		})
	}
	if _, err := townfile.Starter("../townfile"); err == nil {
		t.Error("a starter of no list")
	}
}

// Each fault is told at its line, in French; several at once.
func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		file string
		want []string
	}{
		"an unknown key": {
			"people:\n  - email: a@b.fr\n    prenom: Anne\n", []string{"ligne 3 : « prenom » n’est pas connu ici", "given_name"},
		},
		"two faults": {
			"peuple: []\ndesks:\n  - code: x\n    nom: y\n", []string{"ligne 1 : « peuple »", "ligne 4 : « nom »"},
		},
		"a key written twice": {"desks: []\ndesks: []\n", []string{"ligne"}},
		"a word for a number": {"people:\n  - rank: premier\n", []string{"ligne 2 : « rank » attend un nombre entier."}},
		"a word for a truth":  {"people:\n  - admin: oui\n", []string{"ligne 2 : « admin » attend true ou false."}},
		"a value for a list":  {"desks: maire\n", []string{"ligne 1 : « desks » attend une liste"}},
		"a list for a value":  {"people:\n  - email: [a]\n", []string{"ligne 2 : « email » attend une seule valeur."}},
		"an amount":           {"delegations:\n  - scope: {limit: {field: m, max: beaucoup}}\n", []string{"ligne 2 : « beaucoup » ne convient pas à « max »."}},
		"a digest":            {"delegations:\n  - pdf_sha256: 12\n", []string{"ligne 2"}},
		"an identifier":       {"people:\n  - id: 0190\n", []string{"« id » n’est pas connu"}},
		"a version":           {"circuits:\n  - version: 3\n", []string{"« version » n’est pas connu"}},
		"a secret":            {"applications:\n  - keys: [pk_a_b]\n", []string{"« keys » n’est pas connu"}},
		"an anchor":           {"people: &a\n  - email: a@b.fr\n", []string{"ancres"}},
		"a billion laughs":    {"desks: &a [x]\npeople: *a\n", []string{"ancres"}},
		"a tag":               {"people: !!python/object []\n", []string{"étiquettes"}},
		"two documents":       {"people: []\n---\npeople: []\n", []string{"plusieurs documents"}},
		"no YAML":             {"people: [\n", []string{"Ce n’est pas du YAML"}},
		"tabs":                {"people:\n\t- email: x\n", []string{"ligne 2 : Ce n’est pas du YAML"}},
		"nothing":             {"", []string{"vide"}},
		"a list at the top":   {"- a\n", []string{"attend des lignes"}},
		"too much":            {"# " + strings.Repeat("x", townfile.MaxBytes), []string{"trop grand"}},
		"an unknown step's key": {
			"circuits:\n  - code: c\n    steps:\n      - {id: a, kind: visa, bureau: x}\n", []string{"ligne 4 : « bureau » n’est pas connu"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := townfile.Parse(strings.NewReader(c.file))
			var errs townfile.Errors
			if !errors.As(err, &errs) {
				t.Fatalf("got %v", err)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want %q", err, want)
				}
			}
		})
	}
}

// Values are what they look like: YAML's guesses do not reach a set-up.
func TestNothingIsGuessed(t *testing.T) {
	t.Parallel()
	s, err := townfile.Parse(strings.NewReader("sequences:\n  - {code: 007, name: yes, pattern: 2026-03-01}\nclosures: []\n"))
	if err != nil {
		t.Fatal(err)
	}
	if x := s.Sequences[0]; x.Code != "007" || x.Name != "yes" || x.Pattern != "2026-03-01" {
		t.Errorf("%+v", x)
	}
	if s.Closures == nil || s.People != nil {
		t.Error("an empty section and an absent one are the same")
	}
	var out bytes.Buffer
	if err := townfile.Format(&out, s); err != nil || !strings.Contains(out.String(), `code: "007"`) || !strings.Contains(out.String(), "closures: []") {
		t.Errorf("%v\n%s", err, &out)
	}
}

// Whatever the bytes: a refusal, or a set-up that is written and read again.
func FuzzParse(f *testing.F) {
	for _, name := range townfile.Starters() {
		raw, _ := townfile.Starter(name)
		f.Add(raw[:min(len(raw), 3000)])
	}
	f.Add([]byte("people:\n  - {email: a@b.fr, rank: 1}\n"))
	f.Add([]byte("delegations:\n  - scope: {limit: {field: m, max: 3}}\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := townfile.Parse(bytes.NewReader(raw))
		if err != nil {
			var errs townfile.Errors
			if !errors.As(err, &errs) {
				t.Fatalf("%v", err)
			}
			return
		}
		var out bytes.Buffer
		if err := townfile.Format(&out, s); err != nil {
			t.Fatal(err)
		}
		if _, err := townfile.Parse(&out); err != nil {
			t.Fatalf("%v\n%s", err, &out)
		}
	})
}
