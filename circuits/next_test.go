package circuits_test

import (
	"testing"
	"time"

	"parapheur/circuits"
	"parapheur/circuits/calendar"
)

// The sweep asks Due at the instant that NextDue gives and never before: over
// a year, day by day, nothing is said at another moment.
func TestNextDueIsNeverLate(t *testing.T) {
	t.Parallel()
	d := circuits.Definition{Code: "delais", Version: 1, Name: "Délais", Days: 40, Steps: []circuits.Step{
		{
			ID: "visa", Kind: circuits.Visa, Desk: "dgs", Title: "Visa", Days: 10, RemindBefore: []int{3, 1}, RemindAfter: []int{1, 5},
			Escalate: circuits.Escalation{{After: 2, To: circuits.RungReminder}, {After: 8, To: circuits.RungHead}},
		},
		{ID: "signature", Kind: circuits.Signature, Desk: "maire", Title: "Signature"},
	}}
	f := circuits.Facts{Heads: map[circuits.DeskID]circuits.DeskID{"dgs": "maire"}, Calendar: calendar.Calendar{}}
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	drafter := circuits.Actor{Person: "redactrice", Name: "Léa Morel"}
	var s circuits.State
	apply := func(events []circuits.Event, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			s = s.Apply(e)
		}
	}
	apply(s.Deposit(circuits.Deposited{By: drafter, Drafter: drafter.Person, Document: circuits.Digest{1}, Bytes: 1, At: at}))
	apply(s.Start(drafter, d, f, at))
	said := 0
	for now := at; now.Before(at.AddDate(1, 0, 0)); now = now.Add(6 * time.Hour) {
		next := s.NextDue(f.Calendar)
		events, err := s.Due(now, f)
		if len(events) > 0 && (next.IsZero() || now.Before(next)) {
			t.Fatalf("%v: %v said before %v", now, events, next)
		}
		if len(events) == 0 && !next.IsZero() && !now.Before(next) {
			t.Fatalf("%v: nothing due although %v is past", now, next)
		}
		said += len(events)
		apply(events, err)
	}
	if said < 6 || !s.NextDue(f.Calendar).IsZero() {
		t.Errorf("%d said, next %v", said, s.NextDue(f.Calendar))
	}
}
