package postgres

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

// written shows alternatives in one line.
func written(all [][]term) string {
	var out []string
	for _, terms := range all {
		var words []string
		for _, t := range terms {
			not := ""
			if t.not {
				not = "-"
			}
			words = append(words, not+"["+t.text+"]")
		}
		out = append(out, strings.Join(words, " "))
	}
	return strings.Join(out, " or ")
}

func TestAlternatives(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"":                                "",
		"  \t ":                           "",
		"réfection":                       "[réfection]",
		" réfection\u00a0 toiture ":       "[réfection] [toiture]",
		"saint-pierre l’école":            "[saint-pierre] [l’école]",
		`"la toiture" école`:              "[la toiture] [école]",
		`« la toiture » école`:            "[la toiture] [école]",
		`“la toiture”, école`:             "[la toiture] [,] [école]",
		`"la toiture`:                     "[la toiture]",
		`écran 27" mural`:                 `[écran] [27"] [mural]`,
		`""`:                              "",
		`" "x`:                            "[x]",
		"toit -école":                     "[toit] -[école]",
		"toit - école":                    "[toit] [-] [école]",
		"toit -":                          "[toit] [-]",
		"toit --école":                    "[toit] [--école]",
		`toit -"saint pierre" -«\u00a0a»`: `[toit] -[saint pierre] -[\u00a0a]`,
		"toit or école Or mer":            "[toit] or [école] or [mer]",
		"or":                              "[or]",
		"or toit":                         "[or] [toit]",
		"toit or":                         "[toit] [or]",
		"toit or or école":                "[toit] or [or] [école]",
		`toit "or" école`:                 "[toit] [or] [école]",
		"d’or de ville":                   "[d’or] [de] [ville]",
	} {
		if got := written(alternatives(typed)); got != want {
			t.Errorf("%q asks for %s, want %s", typed, got, want)
		}
	}
}

// What every letter needs is known but for alternatives.
func TestNeeded(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"":               `"" true`,
		"a b":            `"a b " true`,
		"a -b":           `"a " false`,
		"-b":             `"" false`,
		"a or b":         `"" false`,
		`"a b" -c d or`:  `"a b d or " false`,
		`a "or" b`:       `"a or b " true`,
		"l’école - Jean": `"l’école - Jean " true`,
	} {
		words, only := needed(typed)
		if got := fmt.Sprintf("%q %v", words, only); got != want {
			t.Errorf("%q needs %s, want %s", typed, got, want)
		}
	}
}

// Whatever is typed, nothing of it is lost but spaces, signs of quotation,
// minus and or; no alternative is empty.
func FuzzAlternatives(f *testing.F) {
	for _, typed := range []string{`a "b c" -d or e`, "-«x» or", `""-"`, "or or or", "\u00a0-\xff", "“-”-a"} {
		f.Add(typed)
	}
	bare := strings.NewReplacer(`"`, "", "“", "", "”", "", "„", "", "«", "", "»", "", "-", "", " ", "", "or", "", "oR", "", "Or", "", "OR", "")
	f.Fuzz(func(t *testing.T, typed string) {
		if !utf8.ValidString(typed) {
			return // the store mends it before
		}
		var kept strings.Builder
		for _, all := range alternatives(typed) {
			if len(all) == 0 {
				t.Errorf("%q: an empty alternative", typed)
			}
			for _, x := range all {
				if x.text == "" || x.text != strings.TrimSpace(x.text) {
					t.Errorf("%q: term %q", typed, x.text)
				}
				kept.WriteString(x.text)
			}
		}
		if got, want := bare.Replace(strings.Join(strings.Fields(kept.String()), "")), bare.Replace(strings.Join(strings.Fields(typed), "")); got != want {
			t.Errorf("%q keeps %q, want %q", typed, got, want)
		}
	})
}
