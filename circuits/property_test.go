package circuits_test

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"testing"

	"parapheur/circuits"
)

// TestRandomJourneys throws commands at dossiers, sensible or not, by anyone,
// and checks what must hold whatever happens.
func TestRandomJourneys(t *testing.T) {
	t.Parallel()
	reached := map[circuits.Phase]int{}
	for seed := range uint64(150) {
		x := &letter{t: t}
		r := rand.New(rand.NewPCG(seed, 1))
		for range 60 {
			before, image := x.state, encoded(t, x.state)
			events, err := random(r, x)
			if encoded(t, before) != image {
				t.Fatalf("seed %d: a command changed the state it was asked of", seed)
			}
			if err != nil {
				if len(events) != 0 {
					t.Fatalf("seed %d: a refusal with %d events", seed, len(events))
				}
				continue
			}
			if before.Phase == circuits.Completed {
				t.Fatalf("seed %d: %s after the end", seed, events[0].Kind())
			}
			x.happens(events, nil)
			holds(t, seed, before, x.state)
		}
		reached[x.state.Phase]++
		if folded := circuits.Fold(journaled(t, x.events)); !reflect.DeepEqual(folded, x.state) {
			t.Fatalf("seed %d: the journal folds to\n%+v\nand the state is\n%+v", seed, folded, x.state)
		}
	}
	for _, phase := range []circuits.Phase{circuits.Running, circuits.Refused, circuits.Withdrawn, circuits.Completed} {
		if reached[phase] == 0 {
			t.Errorf("no journey ends in phase %s: %v", phase, reached)
		}
	}
}

// random is one command, by the right person two times out of three.
func random(r *rand.Rand, x *letter) ([]circuits.Event, error) {
	by := []circuits.Actor{drafter, gec, dgs, deputy, mayor, stranger}[r.IntN(6)]
	if open := x.state.OpenSteps(); len(open) > 0 && r.IntN(3) > 0 {
		by = []circuits.Actor{dgs, deputy, mayor}[open[0]]
	}
	switch r.IntN(14) {
	case 0:
		return x.deposit(by)
	case 1:
		return x.start(drafter)
	case 2, 3:
		return x.visa(by)
	case 4, 5, 6:
		return x.sign(by)
	case 7:
		return x.refuse(by)
	case 8:
		if r.IntN(4) > 0 {
			by = stranger
		}
		return x.withdraw(by)
	case 9:
		return x.correct(by)
	case 10:
		return x.undo(by)
	case 11:
		return x.await()
	default:
		return x.seal()
	}
}

// holds checks what must be true between one state and the next.
func holds(t *testing.T, seed uint64, before, after circuits.State) {
	t.Helper()
	winners, busy, done := map[int]int{}, 0, 0
	for i, d := range after.Decisions {
		if d.Standing == circuits.Holds {
			winners[d.Step]++
		}
		if i < len(before.Decisions) && before.Decisions[i].Standing != circuits.Holds && before.Decisions[i].Standing != d.Standing {
			t.Fatalf("seed %d: decision %d was %s and is %s", seed, i, before.Decisions[i].Standing, d.Standing)
		}
	}
	for step, n := range winners {
		if n > 1 {
			t.Fatalf("seed %d: %d decisions hold at step %d", seed, n, step)
		}
	}
	for i, s := range after.Steps {
		switch s.Status {
		case circuits.Open, circuits.Sealing:
			busy++
		case circuits.Done:
			done++
			if winners[i] != 1 {
				t.Fatalf("seed %d: step %d is done with no decision", seed, i)
			}
			if (after.Circuit.Steps[i].Kind == circuits.Signature) == s.Sealed.IsZero() {
				t.Fatalf("seed %d: step %d is done, sealed %s", seed, i, s.Sealed)
			}
		default:
		}
	}
	if busy > 1 || after.Phase == circuits.Running && busy != 1 {
		t.Fatalf("seed %d: %d steps at work in phase %s", seed, busy, after.Phase)
	}
	if (after.Phase == circuits.Completed) != (len(after.Steps) > 0 && done == len(after.Steps)) {
		t.Fatalf("seed %d: phase %s with %d steps done", seed, after.Phase, done)
	}
	if len(after.Decisions) < len(before.Decisions) || after.Version < before.Version || after.Events <= before.Events {
		t.Fatalf("seed %d: something went backwards", seed)
	}
	if after.Version == before.Version && before.Phase != "" && after.Document != before.Document {
		t.Fatalf("seed %d: the document changed within its version", seed)
	}
}

// journaled writes events as the journal keeps them and reads them back.
func journaled(t *testing.T, events []circuits.Event) []circuits.Event {
	t.Helper()
	var out []circuits.Event
	for _, e := range events {
		back, err := circuits.Decode(e.Kind(), []byte(encoded(t, e)))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(back, e) {
			t.Fatalf("read back %+v, wrote %+v", back, e)
		}
		out = append(out, back)
	}
	return out
}

func encoded(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
