package web

import (
	"testing"
	"time"
)

func TestCalendarSpeaksFrench(t *testing.T) {
	t.Parallel()
	c := sampleNow() // Monday 23 November 2026, 12:47
	utc := time.Date(2026, 11, 22, 23, 30, 0, 0, time.UTC)
	for _, one := range []struct{ name, got, want string }{
		{"this morning", c.since(at(23, 9, 0)), "depuis ce matin"},
		{"an hour ago", c.since(at(23, 12, 5)), "depuis aujourd’hui à 12\u00a0h\u00a005"},
		{"yesterday, late", c.since(at(22, 23, 59)), "depuis hier"},
		{"within the week", c.since(at(20, 9, 0)), "depuis vendredi"},
		{"a week ago names the date, not the day", c.since(at(16, 9, 0)), "depuis le 16\u00a0novembre"},
		{"last year names it", c.since(at(23, 9, 0).AddDate(-1, 0, 0)), "depuis le 23\u00a0novembre 2025"},
		{"the day is the town's, not UTC's", c.day(utc), "aujourd’hui"},
		{"first of the month", dayMonth(time.Date(2026, 12, 1, 0, 0, 0, 0, paris)), "1er\u00a0décembre"},
		{"midnight", clock(at(23, 0, 5)), "0\u00a0h\u00a005"},
		{"full", c.full(at(23, 12, 47)), "le 23\u00a0novembre 2026 à 12\u00a0h\u00a047"},
		{"moment", c.moment(at(20, 9, 12)), "vendredi 20\u00a0novembre, 9\u00a0h\u00a012"},
	} {
		if one.got != one.want {
			t.Errorf("%s: %q, want %q", one.name, one.got, one.want)
		}
	}
}

func TestWordsAgree(t *testing.T) {
	t.Parallel()
	for _, one := range []struct{ name, got, want string }{
		{"zero is singular", count(0, "lettre", "lettres"), "0\u00a0lettre"},
		{"one", count(1, "lettre", "lettres"), "1\u00a0lettre"},
		{"two", count(2, "lettre", "lettres"), "2\u00a0lettres"},
		{"thousands", number(184212), "184\u202f212"},
		{"a thousand", number(1000), "1\u202f000"},
		{"small", number(999), "999"},
		{"a round size", size(20 << 20), "20\u00a0Mo"},
		{"a round small size", size(4 << 20), "4\u00a0Mo"},
		{"a size with tenths", size(1<<20 + 1<<19), "1,5\u00a0Mo"},
		{"kilobytes", size(184212), "179\u00a0Ko"},
		{"a list", list([]string{"A", "B", "C"}), "A, B et C"},
		{"a choice", anyOf([]string{"A", "B"}), "A ou B"},
		{"no-break spaces", typeset("« Oui » : non ?"), "«\u00a0Oui\u00a0»\u00a0: non\u00a0?"},
		{"Madame la Maire", address(mayor()), "Madame la Maire"},
		{"a director", address(manager()), "Bonjour Philippe Rousseau"},
	} {
		if one.got != one.want {
			t.Errorf("%s: %q, want %q", one.name, one.got, one.want)
		}
	}
}

func TestParagraphs(t *testing.T) {
	t.Parallel()
	got := paragraphs("Madame, Monsieur,\r\nPar votre lettre du 2 novembre, vous avez appelé mon\r\nattention sur le trottoir.\r\nJe vous remercie de cette alerte précise et rapide ici.\n\nLa Maire")
	want := []string{"Madame, Monsieur,", "Par votre lettre du 2 novembre, vous avez appelé mon attention sur le trottoir.", "Je vous remercie de cette alerte précise et rapide ici.", "La Maire"}
	if len(got) != len(want) {
		t.Fatalf("%d paragraphs %q, want %d", len(got), got, len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("paragraph %d: %q, want %q", i, got[i], want[i])
		}
	}
}
