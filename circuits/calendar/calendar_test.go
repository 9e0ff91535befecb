package calendar_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"
	_ "time/tzdata" // zones are tested on machines without them

	"parapheur/circuits/calendar"
)

func date(s string) (d calendar.Date) {
	if err := d.UnmarshalText([]byte(s)); err != nil {
		panic(err)
	}
	return d
}

// Easter Sundays and the days that follow from them, as the official
// calendars of these years gave or give them.
func TestMovableFeasts(t *testing.T) {
	t.Parallel()
	for _, y := range []struct{ easter, ascension, whit string }{
		{"2024-03-31", "2024-05-09", "2024-05-20"},
		{"2025-04-20", "2025-05-29", "2025-06-09"},
		{"2026-04-05", "2026-05-14", "2026-05-25"},
		{"2027-03-28", "2027-05-06", "2027-05-17"},
		{"2028-04-16", "2028-05-25", "2028-06-05"},
		{"2029-04-01", "2029-05-10", "2029-05-21"},
		{"2030-04-21", "2030-05-30", "2030-06-10"},
		{"2031-04-13", "2031-05-22", "2031-06-02"},
		{"2032-03-28", "2032-05-06", "2032-05-17"},
		{"2033-04-17", "2033-05-26", "2033-06-06"},
		{"2034-04-09", "2034-05-18", "2034-05-29"},
		{"2035-03-25", "2035-05-03", "2035-05-14"},
	} {
		easter := date(y.easter)
		if got := calendar.Easter(easter.Year); got != easter {
			t.Errorf("Easter %d is %s, want %s", easter.Year, got, easter)
		}
		var metropole calendar.Region
		for day, want := range map[string]string{
			easter.Add(1).String(): "Lundi de Pâques", y.ascension: "Ascension", y.whit: "Lundi de Pentecôte",
		} {
			if name, _ := metropole.Holiday(date(day)); name != want {
				t.Errorf("%s is %q, want %q", day, name, want)
			}
		}
	}
}

// The earliest and the latest Easter of the Gregorian calendar, and the years
// at which simpler rules go wrong.
func TestEasterAtItsLimits(t *testing.T) {
	t.Parallel()
	for _, want := range []string{"1818-03-22", "1943-04-25", "1954-04-18", "1981-04-19", "2000-04-23", "2038-04-25", "2049-04-18", "2076-04-19", "2285-03-22"} {
		if got := calendar.Easter(date(want).Year); got != date(want) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestHolidaysOfAYear(t *testing.T) {
	t.Parallel()
	want := []string{
		"2026-01-01", "2026-04-06", "2026-05-01", "2026-05-08", "2026-05-14", "2026-05-25", "2026-07-14", "2026-08-15", "2026-11-01", "2026-11-11", "2026-12-25",
	}
	got := calendar.Region("").Holidays(2026)
	if len(got) != len(want) {
		t.Fatalf("%d holidays: %v", len(got), got)
	}
	for i, h := range got {
		if h.Date.String() != want[i] || h.Name == "" {
			t.Errorf("holiday %d is %s %q, want %s", i+1, h.Date, h.Name, want[i])
		}
	}
}

// The days that regions have of their own, over years: those of the abolition
// of slavery (code du travail, L3422-2), of Alsace and Moselle (L3134-13) and of
// the collectivities of the Pacific, which make their own labour law.
func TestHolidaysOfRegions(t *testing.T) {
	t.Parallel()
	goodFridays := map[int]string{2024: "03-29", 2025: "04-18", 2026: "04-03", 2027: "03-26", 2028: "04-14", 2029: "03-30", 2030: "04-19", 2035: "03-23"}
	for year, friday := range goodFridays {
		last := "11-20"
		if year < 2026 {
			last = "06-29"
		}
		for region, own := range map[calendar.Region][]string{
			"":                             {},
			calendar.AlsaceMoselle:         {friday, "12-26"},
			calendar.AlsaceMoselleNoFriday: {"12-26"},
			calendar.Mayotte:               {"04-27"},
			calendar.Martinique:            {"05-22"},
			calendar.Guadeloupe:            {"05-27"},
			calendar.SaintMartin:           {"05-28"},
			calendar.Guyane:                {"06-10"},
			calendar.SaintBarthelemy:       {"10-09"},
			calendar.Reunion:               {"12-20"},
			calendar.SaintPierreMiquelon:   {},
			calendar.NouvelleCaledonie:     {"09-24"},
			calendar.PolynesieFrancaise:    {"03-05", friday, last},
			calendar.WallisFutuna:          {"04-28", "07-29"},
		} {
			var got []string
			for _, h := range region.Holidays(year) {
				// By name: in Guyane the 10th of June 2030 is Whit Monday too.
				if !slices.ContainsFunc(calendar.Region("").Holidays(year), func(x calendar.Holiday) bool { return x.Name == h.Name }) {
					got = append(got, h.Date.String()[5:])
				}
			}
			slices.Sort(own)
			if !slices.Equal(got, own) {
				t.Errorf("%q has %v of its own in %d, want %v", region, got, year, own)
			}
			if n := len(region.Holidays(year)); n != 11+len(own) {
				t.Errorf("%q has %d holidays in %d", region, n, year)
			}
		}
	}
	if _, ok := calendar.SaintMartin.Holiday(date("2017-05-27")); !ok {
		t.Error("Saint-Martin kept the 27th of May until 2017")
	}
}

// Every region has a name, a zone of the database, and the hour that its clocks
// show when it is noon in Greenwich, in winter and in summer.
func TestZonesOfRegions(t *testing.T) {
	t.Parallel()
	for region, want := range map[calendar.Region][2]string{
		"": {"13", "14"}, calendar.AlsaceMoselle: {"13", "14"}, calendar.AlsaceMoselleNoFriday: {"13", "14"},
		calendar.Guadeloupe: {"08", "08"}, calendar.Martinique: {"08", "08"}, calendar.SaintMartin: {"08", "08"}, calendar.SaintBarthelemy: {"08", "08"},
		calendar.Guyane: {"09", "09"}, calendar.SaintPierreMiquelon: {"09", "10"}, calendar.Mayotte: {"15", "15"}, calendar.Reunion: {"16", "16"},
		calendar.NouvelleCaledonie: {"23", "23"}, calendar.PolynesieFrancaise: {"02", "02"}, calendar.WallisFutuna: {"00", "00"},
	} {
		zone, err := time.LoadLocation(region.Zone())
		if err != nil {
			t.Fatal(err)
		}
		for i, month := range []time.Month{time.January, time.July} {
			if got := time.Date(2026, month, 15, 12, 0, 0, 0, time.UTC).In(zone).Format("15"); got != want[i] {
				t.Errorf("noon in Greenwich is %s in %q in %s, want %s", got, region, month, want[i])
			}
		}
		if !region.Known() || region.Name() == string(region) || !slices.Contains(calendar.Zones(), region.Zone()) {
			t.Errorf("%q is %q, on %s", region, region.Name(), region.Zone())
		}
	}
	if len(calendar.Regions()) != 13 || calendar.Region("bretagne").Known() {
		t.Error("a region is not listed, or one too many")
	}
	for _, name := range calendar.Zones() {
		if _, err := time.LoadLocation(name); err != nil {
			t.Error(err)
		}
	}
}

// The end of a day is that of the town: what is due on Monday in Papeete is
// not due at midnight in Paris.
func TestDeadlineOverseas(t *testing.T) {
	t.Parallel()
	for region, due := range map[calendar.Region]string{
		"": "2026-03-09T23:00:00Z", calendar.PolynesieFrancaise: "2026-03-10T10:00:00Z", calendar.NouvelleCaledonie: "2026-03-09T13:00:00Z",
	} {
		zone, err := time.LoadLocation(region.Zone())
		if err != nil {
			t.Fatal(err)
		}
		c := calendar.Calendar{Region: region, Zone: zone}
		friday := time.Date(2026, 3, 6, 9, 0, 0, 0, zone)
		if got := c.Add(friday, 1).Format(time.RFC3339); got != due {
			t.Errorf("%q: due %s, want %s", region, got, due)
		}
	}
}

func TestWorking(t *testing.T) {
	t.Parallel()
	c := calendar.Calendar{
		Closures: []calendar.Closure{{From: date("2026-12-24"), To: date("2026-12-31"), Name: "Fermeture de Noël"}},
		Worked:   []calendar.Date{date("2026-05-25")},
	}
	for day, want := range map[string]bool{
		"2026-03-02": true,  // a Monday
		"2026-03-07": false, // a Saturday
		"2026-03-08": false, // a Sunday
		"2026-05-14": false, // Ascension
		"2026-05-25": true,  // the town works on Whit Monday
		"2026-12-23": true,
		"2026-12-24": false, // the first day of the closure
		"2026-12-31": false, // and the last
		"2027-01-01": false,
		"2027-01-04": true,
	} {
		if got := c.Working(date(day)); got != want {
			t.Errorf("%s works: %t", day, got)
		}
	}
}

// Deadlines of France are at midnight in Paris, on both sides of summer time.
func TestDeadlines(t *testing.T) {
	t.Parallel()
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	c := calendar.Calendar{Zone: paris}
	for _, tc := range []struct {
		at   string
		days int
		due  string
	}{
		{"2026-03-02T08:00:00Z", 1, "2026-03-03T23:00:00Z"},
		{"2026-03-02T23:30:00Z", 1, "2026-03-04T23:00:00Z"}, // already the 3rd in Paris
		{"2026-03-27T08:00:00Z", 1, "2026-03-30T22:00:00Z"}, // summer time has begun
		{"2026-04-02T08:00:00Z", 2, "2026-04-07T22:00:00Z"}, // Easter Monday is between
		{"2026-10-23T08:00:00Z", 1, "2026-10-26T23:00:00Z"}, // and ended
		{"2026-12-31T08:00:00Z", 1, "2027-01-04T23:00:00Z"},
		{"2028-02-28T08:00:00Z", 1, "2028-02-29T23:00:00Z"},
		{"2026-03-07T08:00:00Z", 0, "2026-03-07T23:00:00Z"}, // no day: the day itself, worked or not
	} {
		at, _ := time.Parse(time.RFC3339, tc.at)
		if got := c.Add(at, tc.days).Format(time.RFC3339); got != tc.due {
			t.Errorf("%d days after %s: %s, want %s", tc.days, tc.at, got, tc.due)
		}
	}
}

func TestBackAndAfter(t *testing.T) {
	t.Parallel()
	c := calendar.Calendar{}
	due := c.Add(time.Date(2026, 4, 2, 10, 0, 0, 0, time.UTC), 2) // Tuesday 7 April, after Easter Monday
	for n, want := range map[int]string{0: "2026-04-07", 1: "2026-04-03", 2: "2026-04-02"} {
		if got := calendar.On(c.Back(due, n)); got != date(want) {
			t.Errorf("%d days before: %s, want %s", n, got, want)
		}
	}
	for n, want := range map[int]string{1: "2026-04-08", 3: "2026-04-10", 4: "2026-04-13"} {
		if got := calendar.On(c.After(due, n)); got != date(want) {
			t.Errorf("%d days after: %s, want %s", n, got, want)
		}
	}
	if !c.After(due, 0).Equal(due) {
		t.Error("no day after the deadline is the deadline")
	}
}

// Over twelve years, going n working days forward crosses n working days, and
// a deadline is the end of one.
func TestAddCrossesWorkingDays(t *testing.T) {
	t.Parallel()
	c := calendar.Calendar{Region: calendar.AlsaceMoselle, Closures: []calendar.Closure{{From: date("2027-08-01"), To: date("2027-08-15")}}}
	for at := time.Date(2024, 1, 1, 12, 0, 0, 0, time.UTC); at.Year() < 2036; at = at.AddDate(0, 0, 3) {
		for _, n := range []int{1, 2, 5, 10, 21} {
			due := c.Add(at, n)
			last := due.Add(-time.Nanosecond)
			if got := c.Between(at, last); got != n || !c.Working(calendar.On(last)) {
				t.Fatalf("%d days after %s is %s: %d days", n, at, due, got)
			}
			if back := c.Back(due, n); c.Between(back, last) != n {
				t.Fatalf("%d days before %s is %s", n, due, back)
			}
		}
	}
}

// A town that declares a closure without end gets a date far away, and no
// endless loop.
func TestClosedForEver(t *testing.T) {
	t.Parallel()
	c := calendar.Calendar{Closures: []calendar.Closure{{From: date("2026-01-01"), To: date("9999-12-31")}}}
	if due := c.Add(time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC), 5); due.Year() < 2050 {
		t.Errorf("due %s", due)
	}
}

func TestDateText(t *testing.T) {
	t.Parallel()
	in := calendar.Closure{From: date("2026-12-24"), To: date("2027-01-02"), Name: "Noël"}
	b, err := json.Marshal(in)
	if err != nil || string(b) != `{"from":"2026-12-24","to":"2027-01-02","name":"Noël"}` {
		t.Fatalf("%s, %v", b, err)
	}
	var out calendar.Closure
	if err := json.Unmarshal(b, &out); err != nil || out != in {
		t.Errorf("read back %+v, %v", out, err)
	}
	for _, bad := range []string{"", "2026-02-30", "26-01-01", "2026/01/01", "2026-1-1"} {
		var d calendar.Date
		if err := d.UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q is the date %s", bad, d)
		}
	}
}
