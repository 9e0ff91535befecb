package circuits_test

import (
	"crypto/sha256"
	"errors"
	"strings"
	"testing"
	"time"

	"parapheur/circuits"
)

// The people of the tests, each at their desk.
var (
	drafter = circuits.Actor{Person: "p-lea", Name: "Léa Martin"}
	gec     = circuits.Actor{Application: "gec", Name: "Gestion du courrier"}
	dgs     = circuits.Actor{Person: "p-dgs", Name: "Karim Benali", Desk: "dgs", Quality: "Directeur général des services"}
	deputy  = circuits.Actor{Person: "p-adj", Name: "Anne Leroy", Desk: "adjointe", Quality: "Adjointe au maire"}
	mayor   = circuits.Actor{Person: "p-maire", Name: "Hélène Garnier", Desk: "maire", Quality: "Maire"}
)

// three is a circuit with every kind of turn: a visa, then two signatures.
func three() circuits.Definition {
	return circuits.Definition{Code: "deux-signatures", Version: 3, Name: "Visa puis deux signatures", Steps: []circuits.Step{
		{ID: "visa-dgs", Kind: circuits.Visa, Desk: "dgs", Title: "Visa de la direction générale"},
		{ID: "signature-adjointe", Kind: circuits.Signature, Desk: "adjointe", Title: "Signature de l’adjointe"},
		{ID: "signature-maire", Kind: circuits.Signature, Desk: "maire", Title: "Signature du Maire"},
	}}
}

func digest(s string) circuits.Digest { return sha256.Sum256([]byte(s)) }

func moment(minute int) time.Time {
	return time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC).Add(time.Duration(minute) * time.Minute)
}

// A letter is a dossier in a test: each verb says what happens, and the test
// fails where the circuit disagrees.
type letter struct {
	t      *testing.T
	state  circuits.State
	events []circuits.Event
	clock  int
}

func newLetter(t *testing.T) *letter {
	t.Helper()
	x := &letter{t: t}
	x.happens(x.deposit(drafter))
	return x
}

func (x *letter) now() time.Time { x.clock++; return moment(x.clock) }

// happens applies what a command answered.
func (x *letter) happens(events []circuits.Event, err error) *letter {
	x.t.Helper()
	if err != nil {
		x.t.Fatalf("in phase %q: %v", x.state.Phase, err)
	}
	if len(events) == 0 {
		x.t.Fatal("neither an event nor a refusal")
	}
	for _, e := range events {
		x.state = x.state.Apply(e)
	}
	x.events = append(x.events, events...)
	return x
}

// isRefused checks that a command answered want and nothing else.
func (x *letter) isRefused(want error, events []circuits.Event, err error) *letter {
	x.t.Helper()
	if !errors.Is(err, want) || len(events) != 0 {
		x.t.Fatalf("got %d events and %v, want %v", len(events), err, want)
	}
	return x
}

// stands checks the phase and the statuses of the steps: "done open ahead".
func (x *letter) stands(phase circuits.Phase, steps string) *letter {
	x.t.Helper()
	var got []string
	for _, s := range x.state.Steps {
		got = append(got, string(s.Status))
	}
	if x.state.Phase != phase || strings.Join(got, " ") != steps {
		x.t.Fatalf("%s, steps %q; want %s, %q", x.state.Phase, strings.Join(got, " "), phase, steps)
	}
	return x
}

// decisions checks what each decision is worth: "lapsed holds".
func (x *letter) decisions(want string) *letter {
	x.t.Helper()
	var got []string
	for _, d := range x.state.Decisions {
		got = append(got, string(d.Standing))
	}
	if strings.Join(got, " ") != want {
		x.t.Fatalf("decisions %q, want %q", strings.Join(got, " "), want)
	}
	return x
}

func (x *letter) choice(by circuits.Actor) circuits.Choice {
	step := 0
	if open := x.state.OpenSteps(); len(open) > 0 {
		step = open[0]
	} else if s := x.state.SealingStep(); s >= 0 {
		step = s
	}
	return circuits.Choice{By: by, Step: step, Seen: x.state.LastSealed(), Evidence: digest("geste"), At: x.now()}
}

func (x *letter) deposit(by circuits.Actor) ([]circuits.Event, error) {
	return x.state.Deposit(circuits.Deposited{By: by, Drafter: drafter.Person, Document: digest("lettre"), Bytes: 1000, At: x.now()})
}

func (x *letter) start(by circuits.Actor) ([]circuits.Event, error) {
	return x.state.Start(by, three(), circuits.Facts{}, x.now())
}

func (x *letter) visa(by circuits.Actor) ([]circuits.Event, error) {
	return x.state.Visa(x.choice(by), circuits.Facts{})
}

func (x *letter) sign(by circuits.Actor) ([]circuits.Event, error) {
	return x.state.Sign(x.choice(by), circuits.Facts{})
}

func (x *letter) refuse(by circuits.Actor) ([]circuits.Event, error) {
	return x.state.Refuse(x.choice(by), "La formule de politesse manque.", circuits.Return{}, circuits.Facts{})
}

func (x *letter) withdraw(by circuits.Actor) ([]circuits.Event, error) {
	return x.state.Withdraw(by, "Sans objet", x.now())
}

func (x *letter) correct(by circuits.Actor) ([]circuits.Event, error) {
	return x.state.Correct(circuits.Correction{By: by, Document: digest("lettre corrigée " + x.now().String()), Bytes: 1010, At: x.now()}, circuits.Facts{})
}

func (x *letter) undo(by circuits.Actor) ([]circuits.Event, error) {
	return x.state.Undo(by, digest("remords"), x.now())
}

func (x *letter) await() ([]circuits.Event, error) {
	return x.state.AwaitTimestamp(max(x.state.SealingStep(), 0), x.now())
}

func (x *letter) seal() ([]circuits.Event, error) {
	at := x.now()
	return x.state.Seal(circuits.StepSealed{
		Step: max(x.state.SealingStep(), 0), Signed: digest("signé " + at.String()), Bytes: 20000,
		Level: "PAdES-BASELINE-T", Certificate: digest("certificat"), At: at,
	}, circuits.Facts{})
}
