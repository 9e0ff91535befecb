package web

import (
	"slices"
	"strconv"
	"strings"

	"parapheur/circuits"
	"parapheur/dossiers"
)

// polite returns "Madame Garnier", or the whole name without civility.
func polite(p dossiers.Person) string {
	switch p.Civility {
	case "Mme":
		return "Madame " + p.FamilyName
	case "M.":
		return "Monsieur " + p.FamilyName
	}
	return p.Name()
}

// address returns how a page speaks to p: "Madame la Maire", "Monsieur le
// Président", or "Bonjour Philippe Rousseau".
func address(p dossiers.Person) string {
	for _, seat := range p.Seats {
		office, _, _ := strings.Cut(strings.ToLower(seat.Quality), " ")
		switch {
		case office == "maire" && p.Civility == "Mme":
			return "Madame la Maire"
		case office == "maire" && p.Civility == "M.":
			return "Monsieur le Maire"
		case office == "président" && p.Civility == "M.":
			return "Monsieur le Président"
		case (office == "présidente" || office == "président") && p.Civility == "Mme":
			return "Madame la Présidente"
		}
	}
	return "Bonjour " + p.Name()
}

// list joins names as a sentence does: "A, B et C".
func list(names []string) string {
	switch len(names) {
	case 0:
		return ""
	case 1:
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " et " + names[len(names)-1]
}

// anyOf joins names of which one acts: "A ou B".
func anyOf(names []string) string {
	if len(names) < 2 {
		return list(names)
	}
	return strings.Join(names[:len(names)-1], ", ") + " ou " + names[len(names)-1]
}

// distinct returns names once each, in order.
func distinct(names ...string) []string {
	var out []string
	for _, n := range names {
		if n != "" && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// named returns "Philippe Rousseau, DGS".
func named(name, quality string) string {
	if quality == "" {
		return name
	}
	return name + ", " + quality
}

// to returns "À M. et Mme Lefèvre".
func to(recipient string) string { return "À " + recipient }

// senseLabel is an opinion in words.
func senseLabel(s circuits.Sense) string {
	switch s {
	case circuits.Favourable:
		return "Avis favorable"
	case circuits.Reserved:
		return "Avis réservé"
	case circuits.Unfavourable:
		return "Avis défavorable"
	}
	return "Avis"
}

// meansLabel is how an act was done outside.
func meansLabel(means string) string {
	switch means {
	case "paper":
		return "Signature sur papier"
	case "registered_mail":
		return "Lettre recommandée"
	}
	return "Autre moyen"
}

// outside tells an act done outside: "Signature sur papier, Hélène Garnier,
// le 20 novembre 2026, réf. 1A 234".
func outside(o circuits.Outside) string {
	parts := []string{meansLabel(o.Means)}
	if o.By != "" {
		parts = append(parts, o.By)
	}
	if !o.On.IsZero() {
		day := o.On.UTC()
		parts = append(parts, "le "+dayMonth(day)+" "+strconv.Itoa(day.Year()))
	}
	if o.Reference != "" {
		parts = append(parts, "réf. "+o.Reference)
	}
	return strings.Join(parts, ", ")
}
