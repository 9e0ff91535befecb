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

// A situation is a state worth a column of the table: the lines of a scenario
// that lead there.
type situation struct{ name, script string }

const everyKind = `
circuit tout version 2
étape visa : visa par dgs
étape juridique : visa par juridique
étape adjointe : signature par adjointe
étape maire : signature par maire
circuit tout version 1
étape visa : visa par dgs, refus au précédent
étape adjointe : signature par adjointe
étape maire : signature par maire
correction mineure permise
`

func situations() []situation {
	start := everyKind + "lea dépose\nlea envoie\n"
	visa := start + "karim@dgs vise\n"
	sign := visa + "anne@adjointe signe\n"
	seal := sign + "la machine scelle\n"
	last := seal + "helene@maire signe\n"
	done := last + "la machine scelle\n"
	at := func(step, more string) string {
		return "circuit tout version 2\nétape autre : visa par dgs\nétape maire : signature par maire\ncircuit tout version 1\nétape " + step +
			"\nétape maire : signature par maire\nlea dépose\nlea envoie\n" + more
	}
	return []situation{
		{"never deposited", everyKind},
		{"draft", everyKind + "lea dépose"},
		{"at a visa step", start},
		{"at a signature step", visa},
		{"sealing", sign},
		{"sealing, a time-stamp is awaited", sign + "la machine attend l’horodatage"},
		{"after a signature", seal},
		{"sealing the last signature", last},
		{"refused", visa + "anne@adjointe refuse : non"},
		{"refused after a signature", seal + "helene@maire refuse : non"},
		{"withdrawn, never started", everyKind + "lea dépose\nlea retire"},
		{"withdrawn, had started", visa + "lea retire"},
		{"withdrawn after a signature", seal + "helene@maire refuse : non\nlea retire"},
		{"superseded", visa + "lea remplace"},
		{"at a quorum, one said yes", at("q : visa par 2 parmi dgs juridique adjointe", "anne@adjointe vise")},
		{"an opinion is asked", at("v : visa par dgs", "karim@dgs demande avis à juridique attend : oui ?")},
		{"at an opinion step", at("o : avis par dgs", "")},
		{"at an external step", at("e : externe par dgs", "")},
		{"at a seal step", at("c : cachet par dgs", "")},
		{"at the machine’s seal", at("c : cachet par machine", "")},
		{"blocked", at("b : visa par champ:service", "")},
		{"between two circuits", "circuit suite\nétape envoi : externe par dgs\ncircuit tout version 1\nétape c : cachet par machine\npuis circuit suite\nlea dépose\nlea envoie\nla machine cachette\nla machine scelle"},
		{"completed", done},
	}
}

// A command is a row of the table: the line for the one whose command it is,
// TURN being who holds the step at work and AUTHOR who decided last; and the
// line for somebody else, or none where it is nobody's or the caller's to check.
type command struct{ name, rightful, wrong string }

func commands() []command {
	return []command{
		{"deposit", "lea dépose", ""},
		{"start", "lea envoie tout version 1", "karim@dgs envoie tout version 1"},
		{"recycle", "lea recycle tout version 1", "karim@dgs recycle tout version 1"},
		{"visa", "TURN vise", "paul@voirie vise"},
		{"sign", "TURN signe", "paul@voirie signe"},
		{"seal in person", "TURN cachette", "paul@voirie cachette"},
		{"automatic seal", "la machine cachette", ""},
		{"opinion", "TURN rend avis favorable", "paul@voirie rend avis favorable"},
		{"external act", "TURN constate papier", "paul@voirie constate papier"},
		{"refuse", "TURN refuse : non", "paul@voirie refuse : non"},
		{"undo", "AUTHOR reprend", "paul@voirie reprend"},
		{"ask opinion", "TURN demande avis à presse : oui ?", "paul@voirie demande avis à presse : oui ?"},
		{"give opinion", "alma@juridique donne avis favorable", "paul@voirie donne avis favorable"},
		{"transfer", "TURN transfère à dga", "paul@voirie transfère à dga"},
		{"redirect", "admin redirige tour 1 vers dga", ""},
		{"recuse", "TURN se déporte", ""},
		{"read", "TURN lit", ""},
		{"bypass", "admin contourne : bloqué", ""},
		{"resume", "admin relance", ""},
		{"withdraw", "lea retire", "karim@dgs retire"},
		{"correct", "lea corrige", "karim@dgs corrige"},
		{"correct, minor", "lea corrige mineurement", "karim@dgs corrige mineurement"},
		{"change annexes", "lea annexe", "karim@dgs annexe"},
		{"change annexes, minor", "lea annexe mineurement", "karim@dgs annexe mineurement"},
		{"supersede", "lea remplace", "karim@dgs remplace"},
		{"migrate", "admin migre tout version 2", ""},
		{"chain", "admin enchaîne suite", ""},
		{"end chain", "admin clôt", ""},
		{"await a time-stamp", "la machine attend l’horodatage", ""},
		{"seal", "la machine scelle", ""},
		{"renew", "la machine renouvelle", ""},
		{"archive", "admin archive", ""},
		{"clock", "l’horloge sonne", ""},
	}
}

// line puts names in a line: who holds the turn, who decided last.
func (c command) line(p *play, s string) string {
	turn, author := "karim@dgs", "karim@dgs"
	people := map[circuits.DeskID]string{"adjointe": "anne@adjointe", "maire": "helene@maire", "juridique": "alma@juridique"}
	if open := p.state.OpenTurns(); len(open) > 0 && people[open[0].Desk] != "" {
		turn = people[open[0].Desk]
	}
	if n := len(p.state.Decisions); n > 0 {
		d := p.state.Decisions[n-1].By
		author = string(d.Person) + "@" + string(d.Desk)
	}
	return strings.NewReplacer("TURN", turn, "AUTHOR", author).Replace(s)
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
	if len(kinds) == 0 {
		return "–"
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
		line  func(command) string
	}{
		{"Asked by the one whose command it is", func(c command) string { return c.rightful }},
		{"Asked by somebody else", func(c command) string { return c.wrong }},
	} {
		fmt.Fprintf(&doc, "\n## %s\n", part.title)
		for from := 0; from < len(situations()); from += 6 {
			some := situations()[from:min(from+6, len(situations()))]
			doc.WriteString("\n|  |")
			for _, s := range some {
				fmt.Fprintf(&doc, " %s |", s.name)
			}
			doc.WriteString("\n|---|" + strings.Repeat("---|", len(some)) + "\n")
			for _, c := range commands() {
				if part.line(c) == "" {
					continue
				}
				fmt.Fprintf(&doc, "| %s |", c.name)
				for _, s := range some {
					fmt.Fprintf(&doc, " %s |", try(t, c, part.line(c), s, edges))
				}
				doc.WriteString("\n")
			}
		}
	}
	doc.WriteString("\n## The phases\n\nDrawn from the tables above.\n\n```mermaid\nstateDiagram-v2\n")
	lines := make([]string, 0, len(edges))
	for e := range edges {
		lines = append(lines, e)
	}
	slices.Sort(lines)
	doc.WriteString(strings.Join(lines, "") + "```\n")
	compare(t, "../docs/circuits-table.md", doc.String())
}

// try gives one command in one situation and says what came of it.
func try(t *testing.T, c command, line string, s situation, edges map[string]bool) string {
	t.Helper()
	p := newPlay()
	if err := p.run(s.script); err != nil {
		t.Fatalf("%s: %v", s.name, err)
	}
	line, reason, _ := strings.Cut(c.line(p, line), " : ")
	events, err := p.command(strings.Fields(line), reason)
	if errors.Is(err, errLine) {
		t.Fatalf("%q is not understood", line)
	}
	answer, before := outcome(t, events, err), p.state.Phase
	if err := p.happen(events); err != nil {
		t.Fatalf("%s, %s: %v", s.name, c.name, err)
	}
	if len(events) > 0 {
		edges[edge(before, c.name, p.state.Phase)] = true
	}
	return answer
}

func edge(from circuits.Phase, command string, to circuits.Phase) string {
	if from == "" {
		from = "[*]"
	}
	line := fmt.Sprintf("    %s --> %s: %s\n", from, to, command)
	if to == circuits.Completed && from != to {
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
		t.Errorf("%s is not what the engine does: run go test ./circuits -update, and read the difference", golden)
	}
}

const preface = `# What may happen to a dossier

Made by ` + "`go test ./circuits -run TestTable -update`" + ` and compared by the same test: this page is what the engine does. What
random journeys went through is in [another](circuits-coverage.md); stories in French, one for each thing a circuit can do,
are in [` + "`circuits/testdata/scenarios`" + `](../circuits/testdata/scenarios).

Where nothing else is said the circuit is a visa of the DGS, a signature of the deputy, a signature of the Mayor, with minor
corrections allowed; the other situations have one more kind of step before the Mayor’s signature. A cell holds the facts
that the command records (in bold, – for none) or the name of its refusal in package circuits. A command is about the step at
work, or the first one when none is. Decisions, questions and transfers belong to the holder of a turn of that step, undo to
the author of the last decision, start, recycle, withdraw, correct and supersede to the drafter. Redirect, bypass, resume,
migrate, chain and archive are an administrator’s or the machine’s: the caller has checked who asks. The circuit of a
migration is the same with one step more.
`
