package circuits_test

import (
	"testing"

	"parapheur/circuits"
)

func TestALetterGoesFromDrafterToMayor(t *testing.T) {
	t.Parallel()
	x := newLetter(t).stands(circuits.Draft, "")
	x.happens(x.start(drafter)).stands(circuits.Running, "open ahead ahead")
	x.happens(x.visa(dgs)).stands(circuits.Running, "done open ahead")
	x.happens(x.sign(deputy)).stands(circuits.Running, "done sealing ahead")
	x.happens(x.seal()).stands(circuits.Running, "done done open")
	x.happens(x.sign(mayor)).stands(circuits.Running, "done done sealing")
	x.happens(x.seal()).stands(circuits.Completed, "done done done")
	x.decisions("holds holds holds")
	if got := x.events[len(x.events)-1].(circuits.CircuitCompleted).Signed; got != x.state.LastSealed() {
		t.Errorf("completed with %s, last sealed %s", got, x.state.LastSealed())
	}
}

func TestARefusedLetterIsCorrectedAndStartsAgain(t *testing.T) {
	t.Parallel()
	x := newLetter(t)
	x.happens(x.start(drafter))
	x.happens(x.visa(dgs))
	x.happens(x.refuse(deputy)).stands(circuits.Refused, "done refused ahead")
	x.happens(x.correct(drafter)).stands(circuits.Running, "open ahead ahead").decisions("lapsed lapsed")
	if x.state.Version != 2 {
		t.Errorf("version %d after a correction", x.state.Version)
	}
	x.happens(x.visa(dgs)).decisions("lapsed lapsed holds")
}

func TestADecisionIsTakenBackWhileNobodyActedSince(t *testing.T) {
	t.Parallel()
	x := newLetter(t)
	x.happens(x.start(drafter))
	x.happens(x.visa(dgs))
	_, err := x.undo(deputy)
	x.isRefused(circuits.ErrAuthor, nil, err)
	x.happens(x.undo(dgs)).stands(circuits.Running, "open ahead ahead").decisions("undone")
	x.happens(x.refuse(dgs)).stands(circuits.Refused, "refused ahead ahead")
	x.happens(x.undo(dgs)).stands(circuits.Running, "open ahead ahead").decisions("undone undone")
}

func TestNobodyTakesBackWhatOthersBuiltOn(t *testing.T) {
	t.Parallel()
	x := newLetter(t)
	x.happens(x.start(drafter))
	x.happens(x.visa(dgs))
	x.happens(x.refuse(deputy))
	events, err := x.undo(dgs)
	x.isRefused(circuits.ErrActed, events, err)
}

func TestASignatureIsNeverTakenBack(t *testing.T) {
	t.Parallel()
	x := newLetter(t)
	x.happens(x.start(drafter))
	x.happens(x.visa(dgs))
	x.happens(x.sign(deputy))
	for _, by := range []circuits.Actor{deputy, dgs, mayor} {
		events, err := x.undo(by)
		x.isRefused(circuits.ErrSigned, events, err)
	}
	for _, command := range []func(circuits.Actor) ([]circuits.Event, error){x.withdraw, x.correct} {
		events, err := command(drafter)
		x.isRefused(circuits.ErrSigned, events, err)
	}
}

func TestAKeyIsUsedOnce(t *testing.T) {
	t.Parallel()
	x := newLetter(t)
	x.happens(x.start(drafter))
	x.happens(x.visa(dgs))
	x.happens(x.sign(deputy))
	again, err := x.sign(deputy)
	x.isRefused(circuits.ErrStep, again, err)
	seal := circuits.StepSealed{Step: 1, Signed: digest("signé"), Level: "PAdES-BASELINE-T", At: moment(9)}
	x.happens(x.state.Seal(seal, circuits.Facts{}))
	twice, err := x.state.Seal(seal, circuits.Facts{})
	x.isRefused(circuits.ErrState, twice, err)
}

func TestATimestampIsAwaitedOnceAndNothingIsLost(t *testing.T) {
	t.Parallel()
	x := newLetter(t)
	x.happens(x.start(drafter))
	x.happens(x.visa(dgs))
	x.happens(x.sign(deputy))
	x.happens(x.await()).stands(circuits.Running, "done sealing ahead")
	events, err := x.await()
	x.isRefused(circuits.ErrState, events, err)
	x.happens(x.seal()).stands(circuits.Running, "done done open")
	if x.state.Steps[1].Awaiting != "" {
		t.Error("a sealed step still awaits something")
	}
}

func TestADecisionIsAboutTheDocumentThatWasRead(t *testing.T) {
	t.Parallel()
	x := newLetter(t)
	x.happens(x.start(drafter))
	stale := x.choice(dgs)
	x.happens(x.correct(drafter))
	events, err := x.state.Visa(stale, circuits.Facts{})
	x.isRefused(circuits.ErrStale, events, err)
	x.happens(x.visa(dgs))
	x.happens(x.sign(deputy))
	x.happens(x.seal())
	unsigned := x.choice(mayor)
	unsigned.Seen = x.state.Document // the mayor must see the deputy's signature
	events, err = x.state.Sign(unsigned, circuits.Facts{})
	x.isRefused(circuits.ErrStale, events, err)
}

func TestEachConditionOfADecisionIsHeld(t *testing.T) {
	t.Parallel()
	x := newLetter(t)
	x.happens(x.start(drafter))
	good := x.choice(dgs)
	cases := []struct {
		name   string
		change func(*circuits.Choice)
		want   error
	}{
		{"another desk", func(c *circuits.Choice) { c.By = mayor }, circuits.ErrDesk},
		{"an application at the desk", func(c *circuits.Choice) { c.By.Person, c.By.Application = "", "gec" }, circuits.ErrDesk},
		{"a step before the first", func(c *circuits.Choice) { c.Step = -1 }, circuits.ErrStep},
		{"a step after the last", func(c *circuits.Choice) { c.Step = 3 }, circuits.ErrStep},
		{"a step ahead", func(c *circuits.Choice) { c.Step = 2 }, circuits.ErrStep},
		{"no evidence", func(c *circuits.Choice) { c.Evidence = circuits.Digest{} }, circuits.ErrEvidence},
		{"another document", func(c *circuits.Choice) { c.Seen = digest("autre") }, circuits.ErrStale},
	}
	for _, tc := range cases {
		c := good
		tc.change(&c)
		events, err := x.state.Visa(c, circuits.Facts{})
		x.isRefused(tc.want, events, err)
		events, err = x.state.Refuse(c, "motif", circuits.Return{}, circuits.Facts{})
		x.isRefused(tc.want, events, err)
	}
	events, err := x.state.Refuse(good, " \n\t", circuits.Return{}, circuits.Facts{})
	x.isRefused(circuits.ErrReason, events, err)
	events, err = x.state.Sign(good, circuits.Facts{})
	x.isRefused(circuits.ErrKind, events, err)
}

func TestAnApplicationWithdrawsOnlyItsOwn(t *testing.T) {
	t.Parallel()
	x := &letter{t: t}
	x.happens(x.deposit(gec))
	x.happens(x.start(gec))
	other := circuits.Actor{Application: "autre", Name: "Autre"}
	events, err := x.withdraw(other)
	x.isRefused(circuits.ErrDrafter, events, err)
	events, err = x.withdraw(circuits.Actor{})
	x.isRefused(circuits.ErrDrafter, events, err)
	x.happens(x.withdraw(gec)).stands(circuits.Withdrawn, "open ahead ahead")
	y := newLetter(t) // deposited by a person
	events, err = y.withdraw(gec)
	y.isRefused(circuits.ErrDrafter, events, err)
	events, err = y.withdraw(circuits.Actor{Application: "", Name: "personne"})
	y.isRefused(circuits.ErrDrafter, events, err)
}

func TestAWithdrawnLetterStartsAgainFromTheBeginning(t *testing.T) {
	t.Parallel()
	x := newLetter(t)
	x.happens(x.start(drafter))
	x.happens(x.visa(dgs))
	x.happens(x.withdraw(drafter))
	x.happens(x.start(drafter)).stands(circuits.Running, "open ahead ahead").decisions("lapsed")
}

// The bytes of this version carry the deputy's signature: a second journey of
// the same version would ask people to decide on bytes that are gone.
func TestALetterThatWasSignedOnlyLeavesAgainAsANewVersion(t *testing.T) {
	t.Parallel()
	x := newLetter(t)
	x.happens(x.start(drafter))
	x.happens(x.visa(dgs))
	x.happens(x.sign(deputy))
	x.happens(x.seal())
	x.happens(x.refuse(mayor)).stands(circuits.Refused, "done done refused")
	x.happens(x.withdraw(drafter))
	events, err := x.start(drafter)
	x.isRefused(circuits.ErrSigned, events, err)
	x.happens(x.correct(drafter)).stands(circuits.Running, "open ahead ahead")
	if x.state.LastSealed() != x.state.Document {
		t.Error("the new version inherits the signature of the old one")
	}
}

func TestACorrectionIsAnotherDocument(t *testing.T) {
	t.Parallel()
	x := newLetter(t)
	events, err := x.state.Correct(circuits.Correction{By: drafter, Document: x.state.Document, Bytes: 1000, At: x.now()}, circuits.Facts{})
	x.isRefused(circuits.ErrSame, events, err)
	x.happens(x.correct(drafter)).stands(circuits.Draft, "")
}
