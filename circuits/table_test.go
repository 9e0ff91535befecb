package circuits_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"parapheur/circuits"
)

var update = flag.Bool("update", false, "write the documents and traces that tests compare again")

// A situation is a state worth a line of the table.
type situation struct {
	name string
	make func(*letter)
}

func situations() []situation {
	start := func(x *letter) { x.happens(x.start(drafter)) }
	visa := func(x *letter) { start(x); x.happens(x.visa(dgs)) }
	sign := func(x *letter) { visa(x); x.happens(x.sign(deputy)) }
	seal := func(x *letter) { sign(x); x.happens(x.seal()) }
	return []situation{
		{"never deposited", func(x *letter) { x.state = circuits.State{} }},
		{"draft", func(*letter) {}},
		{"running, at a visa step", start},
		{"running, at a signature step", visa},
		{"running, sealing", sign},
		{"running, sealing awaits a timestamp", func(x *letter) { sign(x); x.happens(x.await()) }},
		{"running, after a signature", seal},
		{"running, sealing the last signature", func(x *letter) { seal(x); x.happens(x.sign(mayor)) }},
		{"refused", func(x *letter) { visa(x); x.happens(x.refuse(deputy)) }},
		{"refused, after a signature", func(x *letter) { seal(x); x.happens(x.refuse(mayor)) }},
		{"withdrawn, never started", func(x *letter) { x.happens(x.withdraw(drafter)) }},
		{"withdrawn, had started", func(x *letter) { visa(x); x.happens(x.withdraw(drafter)) }},
		{"withdrawn, after a signature", func(x *letter) { seal(x); x.happens(x.refuse(mayor)); x.happens(x.withdraw(drafter)) }},
		{"completed", func(x *letter) { seal(x); x.happens(x.sign(mayor)); x.happens(x.seal()) }},
	}
}

// A command is a column of the table.
type command struct {
	name string
	do   func(x *letter, by circuits.Actor) ([]circuits.Event, error)
	// who is whose command it is: drafter, holder, author, or nobody's.
	who string
}

func commands() []command {
	return []command{
		{"deposit", (*letter).deposit, "drafter"},
		{"start", (*letter).start, "drafter"},
		{"visa", (*letter).visa, "holder"},
		{"sign", (*letter).sign, "holder"},
		{"refuse", (*letter).refuse, "holder"},
		{"withdraw", (*letter).withdraw, "drafter"},
		{"correct", (*letter).correct, "drafter"},
		{"undo", (*letter).undo, "author"},
		{"await timestamp", func(x *letter, _ circuits.Actor) ([]circuits.Event, error) { return x.await() }, "sealer"},
		{"seal", func(x *letter, _ circuits.Actor) ([]circuits.Event, error) { return x.seal() }, "sealer"},
	}
}

// holder is who holds the step at work, or the first.
func holder(x *letter) circuits.Actor {
	desks := []circuits.Actor{dgs, deputy, mayor}
	if open := x.state.OpenSteps(); len(open) > 0 {
		return desks[open[0]]
	}
	return desks[max(x.state.SealingStep(), 0)]
}

// author is who took the last decision, or the DGS.
func author(x *letter) circuits.Actor {
	if n := len(x.state.Decisions); n > 0 {
		return x.state.Decisions[n-1].By
	}
	return dgs
}

// rightful is the person whose command it is; wrong is one of the others.
func rightful(c command, x *letter) circuits.Actor {
	switch c.who {
	case "holder":
		return holder(x)
	case "author":
		return author(x)
	}
	return drafter
}

func wrong(c command, x *letter) circuits.Actor {
	if c.who == "drafter" {
		return holder(x)
	}
	return drafter
}

// outcome writes what a command answers: events, or the refusal's name.
func outcome(t *testing.T, events []circuits.Event, err error) string {
	t.Helper()
	if err != nil {
		for name, sentinel := range refusals() {
			if errors.Is(err, sentinel) {
				return name
			}
		}
		t.Fatalf("not a sentinel of circuits: %v", err)
	}
	var kinds []string
	for _, e := range events {
		kinds = append(kinds, strings.TrimPrefix(e.Kind(), "dossier."))
	}
	return "**" + strings.Join(kinds, ", ") + "**"
}

// TestTable tries every command in every situation and compares what it
// answers with docs/circuits-table.md.
func TestTable(t *testing.T) {
	t.Parallel()
	var doc strings.Builder
	doc.WriteString(preface)
	edges := map[string]bool{}
	for _, part := range []struct {
		title string
		by    func(command, *letter) circuits.Actor
	}{
		{"Asked by the one whose command it is", rightful},
		{"Asked by somebody else", wrong},
	} {
		fmt.Fprintf(&doc, "\n## %s\n\n|  |", part.title)
		for _, c := range commands() {
			fmt.Fprintf(&doc, " %s |", c.name)
		}
		doc.WriteString("\n|---|" + strings.Repeat("---|", len(commands())) + "\n")
		for _, s := range situations() {
			fmt.Fprintf(&doc, "| %s |", s.name)
			for _, c := range commands() {
				x := newLetter(t)
				s.make(x)
				events, err := c.do(x, part.by(c, x))
				fmt.Fprintf(&doc, " %s |", outcome(t, events, err))
				if err == nil {
					before := x.state.Phase
					x.happens(events, nil)
					edges[edge(before, c.name, x.state.Phase)] = true
				}
			}
			doc.WriteString("\n")
		}
	}
	doc.WriteString("\n## The phases\n\nDrawn from the table above.\n\n```mermaid\nstateDiagram-v2\n")
	lines := make([]string, 0, len(edges))
	for e := range edges {
		lines = append(lines, e)
	}
	slices.Sort(lines)
	doc.WriteString(strings.Join(lines, "") + "```\n")
	compare(t, "../docs/circuits-table.md", doc.String())
}

func edge(from circuits.Phase, command string, to circuits.Phase) string {
	if from == "" {
		from = "[*]"
	}
	line := fmt.Sprintf("    %s --> %s: %s\n", from, to, command)
	if to == circuits.Completed {
		line += "    completed --> [*]\n"
	}
	return line
}

func compare(t *testing.T, golden, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is not what the engine does: run go test ./circuits -run TestTable -update, and read the difference", golden)
	}
}

const preface = `# What may happen to a dossier

Made by ` + "`go test ./circuits -run TestTable -update`" + ` and compared by the same test: this page is what the engine does.

The circuit is a visa of the DGS, a signature of the deputy, a signature of the Mayor. A cell holds the facts that the
command records (in bold) or the name of its refusal in package circuits. A command is about the step at work, or the
first one when none is. Decisions belong to the holder of that step's desk, undo to the author of the last decision,
deposit, start, withdraw and correct to the drafter. Await timestamp and seal are the sealer's, which is no person: they
are the same in both tables, and so is deposit, whose rights are checked before the circuit is asked.
`
