package web

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// nbsp is the space that French puts before « ? », « : » and inside quotes.
const nbsp = "\u00a0"

// count returns "1 lettre" or "7 lettres": n, a no-break space, and the noun.
// Zero is singular in French.
func count(n int, one, many string) string {
	noun := many
	if n < 2 {
		noun = one
	}
	return number(int64(n)) + nbsp + noun
}

// number returns n with its thousands apart: "184 212".
func number(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "\u202f" + s[i:]
	}
	return s
}

// size returns a length in bytes as people read it: "180 Ko".
func size(n int64) string {
	switch {
	case n >= 10<<20:
		return number(n>>20) + nbsp + "Mo"
	case n >= 1<<20:
		tenths := strings.TrimSuffix(strconv.FormatFloat(float64(n)/(1<<20), 'f', 1, 64), ".0")
		return strings.Replace(tenths, ".", ",", 1) + nbsp + "Mo"
	case n >= 1<<10:
		return number(n>>10) + nbsp + "Ko"
	}
	return count(int(n), "octet", "octets")
}

// months and days answer the names; French writes them without a capital.
func month(m time.Month) string {
	return [...]string{
		"janvier", "février", "mars", "avril", "mai", "juin",
		"juillet", "août", "septembre", "octobre", "novembre", "décembre",
	}[m-1]
}

func weekday(d time.Weekday) string {
	return [...]string{"dimanche", "lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi"}[d]
}

// clock returns "9 h 05".
func clock(t time.Time) string { return fmt.Sprintf("%d"+nbsp+"h"+nbsp+"%02d", t.Hour(), t.Minute()) }

// dayMonth returns "1er décembre" or "20 novembre".
func dayMonth(t time.Time) string {
	day := strconv.Itoa(t.Day())
	if t.Day() == 1 {
		day = "1er"
	}
	return day + nbsp + month(t.Month())
}

// A calendar says when things happened, seen from now.
type calendar struct{ now time.Time }

// days returns how many midnights lie between t and now.
func (c calendar) days(t time.Time) int {
	t = t.In(c.now.Location())
	a := time.Date(t.Year(), t.Month(), t.Day(), 12, 0, 0, 0, time.UTC)
	b := time.Date(c.now.Year(), c.now.Month(), c.now.Day(), 12, 0, 0, 0, time.UTC)
	return int(b.Sub(a).Hours()+1) / 24
}

// day returns "aujourd’hui", "hier", "vendredi 20 novembre" or, for another
// year, "20 novembre 2025".
func (c calendar) day(t time.Time) string {
	t = t.In(c.now.Location())
	switch {
	case c.days(t) == 0:
		return "aujourd’hui"
	case c.days(t) == 1:
		return "hier"
	case t.Year() != c.now.Year():
		return dayMonth(t) + " " + strconv.Itoa(t.Year())
	}
	return weekday(t.Weekday()) + " " + dayMonth(t)
}

// due returns "vendredi 27 novembre" or, for another year, "8 janvier 2027".
func (c calendar) due(t time.Time) string {
	t = t.In(c.now.Location())
	if t.Year() != c.now.Year() {
		return dayMonth(t) + " " + strconv.Itoa(t.Year())
	}
	return weekday(t.Weekday()) + " " + dayMonth(t)
}

// dayOf returns "aujourd’hui", "hier" or "le 27 novembre".
func (c calendar) dayOf(t time.Time) string {
	t = t.In(c.now.Location())
	switch {
	case c.days(t) == 0:
		return "aujourd’hui"
	case c.days(t) == 1:
		return "hier"
	case t.Year() != c.now.Year():
		return "le " + dayMonth(t) + " " + strconv.Itoa(t.Year())
	}
	return "le " + dayMonth(t)
}

// moment returns the day and the hour: "hier, 9 h 05".
func (c calendar) moment(t time.Time) string {
	return c.day(t) + ", " + clock(t.In(c.now.Location()))
}

// full returns "le 23 novembre 2026 à 12 h 47", as a proof says it.
func (c calendar) full(t time.Time) string {
	t = t.In(c.now.Location())
	return "le " + dayMonth(t) + " " + strconv.Itoa(t.Year()) + " à " + clock(t)
}

// since returns "depuis ce matin", "depuis 14 h 05", "depuis hier", "depuis vendredi" or
// "depuis le 3 novembre".
func (c calendar) since(t time.Time) string {
	t = t.In(c.now.Location())
	switch n := c.days(t); {
	case n <= 0 && t.Hour() < 12 && c.now.Hour() >= 12:
		return "depuis ce matin"
	case n <= 0:
		return "depuis aujourd’hui à " + clock(t)
	case n == 1:
		return "depuis hier"
	case n < 7:
		return "depuis " + weekday(t.Weekday())
	case t.Year() != c.now.Year():
		return "depuis le " + dayMonth(t) + " " + strconv.Itoa(t.Year())
	}
	return "depuis le " + dayMonth(t)
}

// typeset puts no-break spaces where French wants them, in sentences that
// come from packages which do not know of screens.
func typeset(s string) string {
	return strings.NewReplacer("« ", "«"+nbsp, " »", nbsp+"»", " :", nbsp+":", " ;", nbsp+";", " ?", nbsp+"?", " !", nbsp+"!").Replace(s)
}
