package delegation

import (
	"fmt"
	"strings"
	"time"
)

// A Date is a day of the calendar, "2026-03-31", in the town's own time. Text
// order is the order of days; empty is no date.
type Date string

// DateOf returns the day of t where t says it is: pass t in the town's
// location.
func DateOf(t time.Time) Date { return Date(t.Format(time.DateOnly)) }

// Valid reports whether d is a day that exists.
func (d Date) Valid() bool {
	_, err := time.Parse(time.DateOnly, string(d))
	return err == nil
}

// French returns "31 mars 2026", "1er avril 2026", or d itself when it is no
// day.
func (d Date) French() string {
	t, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		return string(d)
	}
	months := [...]string{
		"janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre",
	}
	day := fmt.Sprint(t.Day())
	if day == "1" {
		day = "1er"
	}
	return fmt.Sprintf("%s %s %d", day, months[t.Month()-1], t.Year())
}

// covers reports whether the days from..to, both included, hold at. An empty
// to has no end.
func covers(from, to, at Date) bool { return from <= at && (to == "" || at <= to) }

// An Amount is a sum in hundredths: cents of euro. Its text form is decimal:
// "40000.00".
type Amount int64

// maxAmount keeps sums where nothing overflows: a hundred thousand billions.
const maxAmount = 1e16

// ParseAmount reads "40000", "40000.5" or "40 000,50". More than two decimals
// are rounded away from zero, so that a limit is never passed by rounding.
func ParseAmount(s string) (Amount, error) {
	clean := strings.NewReplacer(" ", "", "\u00a0", "", "\u202f", "", ",", ".").Replace(strings.TrimSpace(s))
	digits, negative := strings.CutPrefix(clean, "-")
	whole, part, _ := strings.Cut(digits, ".")
	if whole == "" || len(whole) > 14 || strings.Trim(whole+part, "0123456789") != "" {
		return 0, fmt.Errorf("amount %q: not a decimal number", s)
	}
	more := len(part) > 2 && strings.Trim(part[2:], "0") != ""
	n := int64(0)
	for _, c := range whole + (part + "00")[:2] {
		n = n*10 + int64(c-'0')
	}
	if more {
		n++
	}
	if n > maxAmount {
		return 0, fmt.Errorf("amount %q: too large", s)
	}
	if negative {
		n = -n
	}
	return Amount(n), nil
}

// String returns "40000.00".
func (a Amount) String() string {
	sign, n := "", int64(a)
	if n < 0 {
		sign, n = "-", -n
	}
	return fmt.Sprintf("%s%d.%02d", sign, n/100, n%100)
}

// French returns "40 000,00 €".
func (a Amount) French() string {
	whole, cents, _ := strings.Cut(strings.TrimPrefix(a.String(), "-"), ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "\u00a0" + whole[i:]
	}
	if a < 0 {
		whole = "-" + whole
	}
	return whole + "," + cents + "\u00a0€"
}

// MarshalText implements encoding.TextMarshaler.
func (a Amount) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (a *Amount) UnmarshalText(b []byte) (err error) {
	*a, err = ParseAmount(string(b))
	return err
}
