package dossiers_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/towntest"
)

// A try is one gesture ready to be sent.
type try struct {
	who      *towntest.Person
	req      dossiers.DecisionRequest
	response []byte
}

func ready(t *testing.T, who *towntest.Person, id dossiers.ID, decision, reason string) try {
	t.Helper()
	req, err := who.Begin(t, id, decision, reason)
	if err != nil {
		t.Fatal(err)
	}
	return try{who, req, who.Gesture(t, req)}
}

// together sends all gestures at once and returns the error of each.
func together(t *testing.T, tries []try) []error {
	t.Helper()
	errs := make([]error, len(tries))
	start := make(chan struct{})
	var all sync.WaitGroup
	for i, x := range tries {
		all.Go(func() {
			<-start
			_, errs[i] = x.who.Finish(t, x.req, x.response)
		})
	}
	close(start)
	all.Wait()
	return errs
}

// oneWinner checks that one gesture won and that each other was told that it
// came too late.
func oneWinner(t *testing.T, errs []error, late ...error) {
	t.Helper()
	won := 0
	for _, err := range errs {
		told := false
		for _, want := range late {
			told = told || errors.Is(err, want)
		}
		switch {
		case err == nil:
			won++
		case !told:
			t.Errorf("told %v, want one of %v", err, late)
		}
	}
	if won != 1 {
		t.Errorf("%d of %d gestures won", won, len(errs))
	}
}

// Eight people hold the desk of the open step and decide in the same instant.
func TestEightOfOneDesk(t *testing.T) {
	t.Parallel()
	town := towntest.New(t)
	holders := []*towntest.Person{town.Person(t, demo.DGS)}
	for i := range 7 {
		holders = append(holders, town.Newcomer(t, fmt.Sprintf("adjoint%d@saint-aubin.example", i), demo.DeskDGS))
	}
	d := town.Deposit(t)
	var tries []try
	for _, p := range holders {
		tries = append(tries, ready(t, p, d.ID, "visa", ""))
	}
	// The next step is the Mayor's desk, which none of them holds.
	oneWinner(t, together(t, tries), circuits.ErrDesk)
	if n := kinds(t, town, d.ID); n[circuits.KindDecided] != 1 || len(evidenceOf(t, town, d.ID)) != 1 {
		t.Errorf("the journal holds %v", n)
	}
}

// One gives a visa while the other refuses: either the letter goes on or it
// returns, and the journal tells one story.
func TestVisaAgainstRefusal(t *testing.T) {
	t.Parallel()
	town := towntest.New(t)
	other := town.Newcomer(t, "adjoint@saint-aubin.example", demo.DeskDGS)
	for range 4 {
		d := town.Deposit(t)
		errs := together(t, []try{
			ready(t, town.Person(t, demo.DGS), d.ID, "visa", ""),
			ready(t, other, d.ID, "refus", "Le numéro de la rue est faux."),
		})
		oneWinner(t, errs, circuits.ErrDesk, circuits.ErrState)
		n := kinds(t, town, d.ID)
		if n[circuits.KindDecided]+n[circuits.KindRefused] != 1 || (errs[0] == nil) != (n[circuits.KindDecided] == 1) {
			t.Errorf("errors %v, journal %v", errs, n)
		}
	}
}

// The same person double-clicks, in one browser and in two.
func TestDoubleClick(t *testing.T) {
	t.Parallel()
	town := towntest.New(t)
	dgs := town.Person(t, demo.DGS)

	one := town.Deposit(t)
	twice := ready(t, dgs, one.ID, "visa", "")
	oneWinner(t, together(t, []try{twice, twice}), dossiers.ErrCeremony)

	two := town.Deposit(t)
	oneWinner(t, together(t, []try{ready(t, dgs, two.ID, "visa", ""), ready(t, dgs.Elsewhere(t), two.ID, "visa", "")}), circuits.ErrDesk)
	for _, id := range []dossiers.ID{one.ID, two.ID} {
		if n := kinds(t, town, id); n[circuits.KindDecided] != 1 || len(evidenceOf(t, town, id)) != 1 {
			t.Errorf("the journal of %s holds %v", id, n)
		}
	}
}
