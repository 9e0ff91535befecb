package calendar

import (
	"slices"
	"time"
)

// A Region is a part of France with public holidays of its own. The zero
// Region is the metropole outside Alsace and Moselle.
type Region string

// The regions with holidays of their own.
const (
	AlsaceMoselle   Region = "alsace-moselle" // Good Friday and 26 December
	Guadeloupe      Region = "guadeloupe"
	Guyane          Region = "guyane"
	Martinique      Region = "martinique"
	Mayotte         Region = "mayotte"
	Reunion         Region = "reunion"
	SaintBarthelemy Region = "saint-barthelemy"
	SaintMartin     Region = "saint-martin"
)

// Regions lists the regions with holidays of their own.
func Regions() []Region {
	return []Region{AlsaceMoselle, Guadeloupe, Guyane, Martinique, Mayotte, Reunion, SaintBarthelemy, SaintMartin}
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

// Holidays returns the public holidays of a year, in order.
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
	const abolition = "Abolition de l’esclavage"
	switch r {
	case AlsaceMoselle:
		out = append(out, Holiday{easter.Add(-2), "Vendredi saint"}, Holiday{Date{year, time.December, 26}, "Saint-Étienne"})
	case Mayotte:
		out = append(out, Holiday{Date{year, time.April, 27}, abolition})
	case Martinique:
		out = append(out, Holiday{Date{year, time.May, 22}, abolition})
	case Guadeloupe:
		out = append(out, Holiday{Date{year, time.May, 27}, abolition})
	case SaintMartin:
		out = append(out, Holiday{Date{year, time.May, 28}, abolition})
	case Guyane:
		out = append(out, Holiday{Date{year, time.June, 10}, abolition})
	case SaintBarthelemy:
		out = append(out, Holiday{Date{year, time.October, 9}, abolition})
	case Reunion:
		out = append(out, Holiday{Date{year, time.December, 20}, abolition})
	default:
	}
	slices.SortStableFunc(out, func(a, b Holiday) int { return a.Date.Compare(b.Date) })
	return out
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
