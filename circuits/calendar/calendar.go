// Package calendar counts the working days of a French town hall: weeks of
// five days, public holidays (code du travail, L3133-1; Alsace and Moselle,
// L3134-13; the overseas days of the abolition of slavery, L3422-2) and the
// closures that a town declares.
//
// It is pure: the date is an argument, nothing is read from the machine, the
// zone included. It cannot fail: a calendar that never opens (closures without
// end) gives an instant some thirty years away rather than a loop.
package calendar

import (
	"fmt"
	"slices"
	"time"
)

// A Date is a day of the civil calendar, written 2026-11-23.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// On returns the date of an instant in its own zone.
func On(at time.Time) Date {
	y, m, d := at.Date()
	return Date{y, m, d}
}

// Time returns midnight at the beginning of d in a zone.
func (d Date) Time(zone *time.Location) time.Time {
	return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, zone)
}

// Add returns the date n days later, or earlier for a negative n.
func (d Date) Add(n int) Date { return On(d.Time(time.UTC).AddDate(0, 0, n)) }

// Compare orders dates: -1 when d is before x, 0 on the same day, 1 after.
func (d Date) Compare(x Date) int { return d.Time(time.UTC).Compare(x.Time(time.UTC)) }

// Weekday returns the day of the week.
func (d Date) Weekday() time.Weekday { return d.Time(time.UTC).Weekday() }

// String returns the date as ISO 8601 writes it.
func (d Date) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, int(d.Month), d.Day) }

// MarshalText implements encoding.TextMarshaler.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Date) UnmarshalText(b []byte) error {
	at, err := time.Parse(time.DateOnly, string(b))
	if err != nil {
		return fmt.Errorf("date %q: want 2026-11-23", b)
	}
	*d = On(at)
	return nil
}

// A Closure is a span of days, both included, when the town hall is shut.
type Closure struct {
	From Date   `json:"from"`
	To   Date   `json:"to"`
	Name string `json:"name,omitempty"` // as people read it: "Fermeture de Noël"
}

// A Calendar says which days a town works. The zero Calendar is a town of the
// metropole, outside Alsace and Moselle, that never closes, on UTC.
type Calendar struct {
	Region   Region    `json:"region,omitempty"`
	Closures []Closure `json:"closures,omitempty"`
	// Worked are public holidays on which this town works all the same, the
	// day of solidarity for instance (code du travail, L3133-7).
	Worked []Date `json:"worked,omitempty"`
	// Zone is where days begin and end; nil is UTC.
	Zone *time.Location `json:"-"`
}

// Working reports whether the town works on d.
func (c Calendar) Working(d Date) bool {
	switch d.Weekday() {
	case time.Saturday, time.Sunday:
		return false
	default:
	}
	for _, x := range c.Closures {
		if d.Compare(x.From) >= 0 && d.Compare(x.To) <= 0 {
			return false
		}
	}
	if _, holiday := c.Region.Holiday(d); holiday {
		return slices.Contains(c.Worked, d)
	}
	return true
}

// horizon bounds every search for a working day, in days.
const horizon = 30 * 366

// Add returns the instant at which the n-th working day after the day of at
// ends: midnight of the next day, in UTC. What arrives on a Friday with one
// day to act ends on Monday at midnight. For n below 1 it is the end of the
// day of at itself.
func (c Calendar) Add(at time.Time, n int) time.Time {
	d := On(at.In(c.zone()))
	for range horizon {
		if n <= 0 {
			break
		}
		d = d.Add(1)
		if c.Working(d) {
			n--
		}
	}
	return d.Add(1).Time(c.zone()).UTC()
}

// Back returns the beginning of the n-th working day before the day that ends
// at due (an instant that Add gave), in UTC.
func (c Calendar) Back(due time.Time, n int) time.Time {
	d := c.last(due)
	for range horizon {
		if n <= 0 {
			break
		}
		d = d.Add(-1)
		if c.Working(d) {
			n--
		}
	}
	return d.Time(c.zone()).UTC()
}

// After returns the beginning of the n-th working day after the day that ends
// at due, in UTC. For n below 1 it is due itself.
func (c Calendar) After(due time.Time, n int) time.Time {
	if n <= 0 {
		return due.UTC()
	}
	d := On(c.Add(c.last(due).Time(c.zone()), n).In(c.zone())).Add(-1)
	return d.Time(c.zone()).UTC()
}

// Between counts the working days after the day of from, up to and including
// the day of to; 0 when to is not after from.
func (c Calendar) Between(from, to time.Time) int {
	n := 0
	last := On(to.In(c.zone()))
	for d := On(from.In(c.zone())).Add(1); d.Compare(last) <= 0; d = d.Add(1) {
		if c.Working(d) {
			n++
		}
	}
	return n
}

// last is the day that ends at due.
func (c Calendar) last(due time.Time) Date { return On(due.In(c.zone()).Add(-time.Nanosecond)) }

func (c Calendar) zone() *time.Location {
	if c.Zone == nil {
		return time.UTC
	}
	return c.Zone
}
