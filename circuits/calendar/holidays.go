package calendar

import (
	"slices"
	"time"
)

// A Region is a part of France with public holidays, or a time zone, of its
// own. The zero Region is the metropole outside Alsace and Moselle.
type Region string

// The regions with holidays, or a time zone, of their own.
const (
	// AlsaceMoselle keeps Good Friday and 26 December (code du travail,
	// L3134-13); AlsaceMoselleNoFriday are its communes without a Protestant
	// church nor a church of both faiths, where Good Friday is a working day.
	AlsaceMoselle         Region = "alsace-moselle"
	AlsaceMoselleNoFriday Region = "alsace-moselle-sans-vendredi-saint"
	Guadeloupe            Region = "guadeloupe"
	Guyane                Region = "guyane"
	Martinique            Region = "martinique"
	Mayotte               Region = "mayotte"
	Reunion               Region = "reunion"
	SaintBarthelemy       Region = "saint-barthelemy"
	SaintMartin           Region = "saint-martin"
	SaintPierreMiquelon   Region = "saint-pierre-et-miquelon"
	NouvelleCaledonie     Region = "nouvelle-caledonie"
	PolynesieFrancaise    Region = "polynesie-francaise"
	WallisFutuna          Region = "wallis-et-futuna"
)

// Regions lists the regions with holidays, or a time zone, of their own.
func Regions() []Region {
	return []Region{
		AlsaceMoselle, AlsaceMoselleNoFriday, Guadeloupe, Guyane, Martinique, Mayotte, NouvelleCaledonie, PolynesieFrancaise, Reunion,
		SaintBarthelemy, SaintMartin, SaintPierreMiquelon, WallisFutuna,
	}
}

// Known reports whether r is the metropole or one of Regions.
func (r Region) Known() bool { return r == "" || slices.Contains(Regions(), r) }

// Name returns the region as people call it.
func (r Region) Name() string {
	switch r {
	case "":
		return "Métropole, hors Alsace et Moselle"
	case AlsaceMoselle:
		return "Alsace et Moselle"
	case AlsaceMoselleNoFriday:
		return "Alsace et Moselle, commune sans temple protestant ni église mixte"
	case Guadeloupe:
		return "Guadeloupe"
	case Guyane:
		return "Guyane"
	case Martinique:
		return "Martinique"
	case Mayotte:
		return "Mayotte"
	case Reunion:
		return "La Réunion"
	case SaintBarthelemy:
		return "Saint-Barthélemy"
	case SaintMartin:
		return "Saint-Martin"
	case SaintPierreMiquelon:
		return "Saint-Pierre-et-Miquelon"
	case NouvelleCaledonie:
		return "Nouvelle-Calédonie"
	case PolynesieFrancaise:
		return "Polynésie française"
	case WallisFutuna:
		return "Wallis-et-Futuna"
	}
	return string(r)
}

// Zone returns the name of the region's time zone in the IANA database. Two
// archipelagos of Polynesia have another one (Zones).
func (r Region) Zone() string {
	switch r {
	case Guadeloupe:
		return "America/Guadeloupe"
	case Guyane:
		return "America/Cayenne"
	case Martinique:
		return "America/Martinique"
	case Mayotte:
		return "Indian/Mayotte"
	case Reunion:
		return "Indian/Reunion"
	case SaintBarthelemy:
		return "America/St_Barthelemy"
	case SaintMartin:
		return "America/Marigot"
	case SaintPierreMiquelon:
		return "America/Miquelon"
	case NouvelleCaledonie:
		return "Pacific/Noumea"
	case PolynesieFrancaise:
		return "Pacific/Tahiti"
	case WallisFutuna:
		return "Pacific/Wallis"
	case AlsaceMoselle, AlsaceMoselleNoFriday:
	}
	return "Europe/Paris"
}

// Zones lists the time zones of French town halls.
func Zones() []string {
	out := []string{"Europe/Paris"}
	for _, r := range Regions() {
		if z := r.Zone(); !slices.Contains(out, z) {
			out = append(out, z)
		}
	}
	return append(out, "Pacific/Marquesas", "Pacific/Gambier")
}

// A Holiday is a public holiday with its name in French.
type Holiday struct {
	Date Date
	Name string
}

// Easter returns Easter Sunday of a year of the Gregorian calendar, by the
// anonymous algorithm (Nature, 20 April 1876; J. Meeus, Astronomical
// Algorithms, chapter 8).
func Easter(year int) Date {
	a, b, c := year%19, year/100, year%100
	d, e := b/4, b%4
	g := (8*b + 13) / 25
	h := (19*a + b - d - g + 15) % 30
	i, k := c/4, c%4
	l := (32 + 2*e + 2*i - h - k) % 7
	m := (a + 11*h + 22*l) / 451
	n := h + l - 7*m + 114
	return Date{year, time.Month(n / 31), n%31 + 1}
}

// Holidays returns the public holidays of a year, in order: those of the whole
// country (code du travail, L3133-1), then those of the region.
func (r Region) Holidays(year int) []Holiday {
	easter := Easter(year)
	out := []Holiday{
		{Date{year, time.January, 1}, "Jour de l’an"},
		{easter.Add(1), "Lundi de Pâques"},
		{Date{year, time.May, 1}, "Fête du travail"},
		{Date{year, time.May, 8}, "Victoire de 1945"},
		{easter.Add(39), "Ascension"},
		{easter.Add(50), "Lundi de Pentecôte"},
		{Date{year, time.July, 14}, "Fête nationale"},
		{Date{year, time.August, 15}, "Assomption"},
		{Date{year, time.November, 1}, "Toussaint"},
		{Date{year, time.November, 11}, "Armistice de 1918"},
		{Date{year, time.December, 25}, "Noël"},
	}
	out = append(out, r.own(year, easter)...)
	slices.SortStableFunc(out, func(a, b Holiday) int { return a.Date.Compare(b.Date) })
	return out
}

// own are the holidays that the rest of the country does not have.
func (r Region) own(year int, easter Date) []Holiday {
	on := func(month time.Month, day int, name string) Holiday { return Holiday{Date{year, month, day}, name} }
	friday := Holiday{easter.Add(-2), "Vendredi saint"}
	if day, ok := r.abolition(year); ok {
		return []Holiday{{day, "Abolition de l’esclavage"}}
	}
	switch r {
	case AlsaceMoselle:
		return []Holiday{friday, on(time.December, 26, "Saint-Étienne")}
	case AlsaceMoselleNoFriday:
		return []Holiday{on(time.December, 26, "Saint-Étienne")}
	case NouvelleCaledonie:
		return []Holiday{on(time.September, 24, "Fête de la citoyenneté")}
	case PolynesieFrancaise:
		last := on(time.November, 20, "Matari’i i ni’a")
		if year < 2026 { // the assembly moved the holiday on 6 May 2025
			last = on(time.June, 29, "Fête de l’autonomie")
		}
		return []Holiday{on(time.March, 5, "Arrivée de l’Évangile"), friday, last}
	case WallisFutuna:
		return []Holiday{on(time.April, 28, "Saint Pierre Chanel"), on(time.July, 29, "Fête du Territoire")}
	default:
		return nil
	}
}

// abolition is the day on which a region commemorates the abolition of slavery
// (code du travail, L3422-2). Saint-Martin keeps the 28th of May since 2018: the
// 27th of the code is that of Guadeloupe.
func (r Region) abolition(year int) (Date, bool) {
	switch r {
	case Mayotte:
		return Date{year, time.April, 27}, true
	case Martinique:
		return Date{year, time.May, 22}, true
	case Guadeloupe:
		return Date{year, time.May, 27}, true
	case SaintMartin:
		if year < 2018 {
			return Date{year, time.May, 27}, true
		}
		return Date{year, time.May, 28}, true
	case Guyane:
		return Date{year, time.June, 10}, true
	case SaintBarthelemy:
		return Date{year, time.October, 9}, true
	case Reunion:
		return Date{year, time.December, 20}, true
	default:
		return Date{}, false
	}
}

// Holiday returns the name of the public holiday that falls on d, if any.
func (r Region) Holiday(d Date) (name string, ok bool) {
	for _, h := range r.Holidays(d.Year) {
		if h.Date == d {
			return h.Name, true
		}
	}
	return "", false
}
