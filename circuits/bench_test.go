package circuits_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"parapheur/circuits"
)

// fifty is the journal of a dossier that travelled fifty steps, each with its
// opening and its decision.
func fifty(tb testing.TB) []circuits.Event {
	tb.Helper()
	p := newPlay()
	script := "circuit long\n"
	for i := range 49 {
		script += fmt.Sprintf("étape v%d : visa par d%d, en 3 jours\n", i, i)
	}
	script += "étape s : signature par maire\nlea dépose\nlea envoie\n"
	for i := range 49 {
		script += fmt.Sprintf("p%d@d%d vise\n", i, i)
	}
	if err := p.run(script + "helene@maire signe\nla machine scelle\n"); err != nil {
		tb.Fatal(err)
	}
	return p.events
}

func BenchmarkFold50(b *testing.B) {
	events := fifty(b)
	b.ReportAllocs()
	for b.Loop() {
		if circuits.Fold(events).Phase != circuits.Completed {
			b.Fatal("not completed")
		}
	}
}

// BenchmarkRow50 is what a row costs to write and to read back.
func BenchmarkRow50(b *testing.B) {
	s := circuits.Fold(fifty(b))
	row, err := json.Marshal(s)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		var back circuits.State
		if err := json.Unmarshal(row, &back); err != nil {
			b.Fatal(err)
		}
		if _, err := json.Marshal(back); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(row)), "bytes/row")
}

func BenchmarkDecide50(b *testing.B) {
	events := fifty(b)
	s := circuits.Fold(events[:len(events)-4]) // before the last opening
	for s.Phase == circuits.Running && len(s.OpenTurns()) == 0 {
		b.Fatal("nobody's turn")
	}
	t := s.OpenTurns()[0]
	by := circuits.Actor{Person: "x", Name: "X", Desk: t.Desk}
	c := circuits.Choice{By: by, Step: t.Step, Seen: s.LastSealed(), Evidence: circuits.Digest{1}, At: t.Since}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Sign(c, circuits.Facts{}); err != nil {
			if _, err := s.Visa(c, circuits.Facts{}); err != nil {
				b.Fatal(err)
			}
		}
	}
}
