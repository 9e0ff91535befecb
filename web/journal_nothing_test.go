package web

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"parapheur/dossiers"
)

// A search of the journal that finds nothing says what was looked for, as the
// form offers it, and leads to less.
func TestNothingInTheJournal(t *testing.T) {
	t.Parallel()
	g := dossiers.Organisation{People: []dossiers.Member{{ID: "p-1", GivenName: "Hélène", FamilyName: "Garnier"}}}
	for asked, want := range map[string]string{
		"qui=p-1": "Aucune ligne [Hélène Garnier]",
		"qui=p-1&dossier=12&quoi=dossier.deposited&du=2026-05-03&au=2026-05-05": "Aucune ligne [Hélène Garnier|dossier n° 12|« Lettre déposée »|du 3 mai au 5 mai 2026]" +
			" Toutes les personnes:au=2026-05-05&dossier=12&du=2026-05-03&quoi=dossier.deposited Tous les dossiers:au=2026-05-05&du=2026-05-03&qui=p-1&quoi=dossier.deposited" +
			" Tous les faits:au=2026-05-05&dossier=12&du=2026-05-03&qui=p-1 Toutes les dates:dossier=12&qui=p-1&quoi=dossier.deposited",
		"du=2026-05-03":                   "Aucune ligne [depuis le 3 mai 2026]",
		"au=2026-05-03":                   "Aucune ligne [jusqu’au 3 mai 2026]",
		"du=2026-05-03&au=2026-05-03":     "Aucune ligne [le 3 mai 2026]",
		"du=2025-12-30&au=2026-01-02":     "Aucune ligne [du 30 décembre 2025 au 2 janvier 2026]",
		"du=2026-05-05&au=2026-05-03":     "Les deux dates sont inversées [du 5 mai au 3 mai 2026] Inverser les dates:au=2026-05-05&du=2026-05-03",
		"qui=secret":                      "Aucune ligne [une personne inconnue ici]",
		"quoi=secret":                     "Aucune ligne [« un fait inconnu ici »]",
		"avant=1":                         "Aucune ligne [] Les dernières lignes:",
		"dossier=secret":                  "La recherche n’a pas été faite []",
		"qui=p-1&du=secret&au=2026-05-05": "La recherche n’a pas été faite []",
	} {
		values, err := url.ParseQuery(asked)
		if err != nil {
			t.Fatal(err)
		}
		q, wrong := journalQuery(values, sampleNow().now.Location())
		p := &journalPage{}
		p.search(g, values, wrong, false)
		n := p.nothing(values, q, wrong, sampleNow())
		got := n.Title + " [" + strings.ReplaceAll(strings.Join(n.Asked, "|"), nbsp, " ") + "]"
		for _, w := range n.Wider {
			got += " " + w.Label + ":" + strings.TrimPrefix(strings.TrimPrefix(w.URL, "/administration/journal"), "?")
		}
		if got != want {
			t.Errorf("%s: %s\nwant %s", asked, got, want)
		}
		if strings.Contains(fmt.Sprint(n), "secret") {
			t.Errorf("%s: repeats what was asked: %v", asked, n)
		}
	}
}
