package circuits_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"parapheur/circuits"
)

// TestScenarios plays testdata/scenarios/*.txtar: what it is about, the
// script, and the trace that it leaves, written again with -update.
func TestScenarios(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/scenarios/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 60 {
		t.Errorf("%d scenarios, want at least 60", len(files))
	}
	said := map[string]int{}
	for _, file := range files {
		p := newPlay()
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			playFile(t, p, file)
		})
		for _, e := range p.events {
			said[e.Kind()]++
		}
	}
	for _, kind := range circuits.Kinds() {
		if said[kind] == 0 {
			t.Errorf("no scenario says %s", kind)
		}
	}
}

func playFile(t *testing.T, p *play, file string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	about, script, want := cut(string(b))
	if len(strings.TrimSpace(about)) < 20 {
		t.Error("a scenario says what it is about")
	}
	if err := p.run(script); err != nil {
		t.Fatalf("%v\n%s", err, p.trace())
	}
	if folded := circuits.Fold(journaled(t, p.events)); !reflect.DeepEqual(folded, p.state) {
		t.Errorf("the journal folds to\n%+v\nand the state is\n%+v", folded, p.state)
	}
	var row circuits.State
	if err := json.Unmarshal([]byte(encoded(t, p.state)), &row); err != nil || encoded(t, row) != encoded(t, p.state) {
		t.Errorf("the row reads back otherwise: %v", err)
	}
	got := p.trace()
	if *update {
		out := about + "-- scenario --\n" + script + "-- trace --\n" + got
		if err := os.WriteFile(file, []byte(out), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != want {
		t.Errorf("the trace is\n%s\nwant\n%s", got, want)
	}
}

// cut reads the three parts of a scenario file, in the form of txtar.
func cut(s string) (about, script, trace string) {
	about, rest, _ := strings.Cut(s, "-- scenario --\n")
	script, trace, _ = strings.Cut(rest, "-- trace --\n")
	return about, script, trace
}

// FuzzScenario checks that no script, however wild, makes the engine panic or
// say something that the replay of a journal would refuse.
func FuzzScenario(f *testing.F) {
	files, err := filepath.Glob("testdata/scenarios/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		_, script, _ := cut(string(b))
		f.Add(script)
	}
	f.Fuzz(func(t *testing.T, script string) {
		if len(script) > 4000 {
			return
		}
		p := newPlay()
		err := p.run(script)
		if err != nil && strings.Contains(err.Error(), "the replay of a journal would refuse") {
			t.Fatal(err)
		}
		if folded := circuits.Fold(p.events); !reflect.DeepEqual(folded, p.state) {
			t.Fatal("the events fold to another state")
		}
	})
}
