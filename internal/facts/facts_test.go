package facts_test

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"parapheur/circuits"
	"parapheur/circuits/delegation"
	"parapheur/internal/facts"
)

func town() facts.Town {
	return facts.Town{
		Snapshot: delegation.Snapshot{
			People:  map[circuits.PersonID]delegation.Person{"maire": {Name: "Hélène Garnier", Active: true, Rank: 1}, "adjoint": {Name: "Paul Durand", Active: true, Rank: 2, Adjoint: true}},
			Holders: map[circuits.DeskID][]delegation.Holder{"d1": {{Person: "maire", Quality: "Maire"}}},
		},
		Desks: []facts.Desk{
			{ID: "d1", Code: "maire", Name: "Maire"},
			{ID: "d2", Code: "dst", Name: "Voirie", Parent: "d1"},
			{ID: "d3", Code: "voirie", Name: "Techniques", Parent: "d1"},
			{ID: "d4", Code: "presse", Name: "Presse", Closed: true},
		},
	}
}

func TestNamed(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]circuits.DeskID{
		"": "", "Maire": "d1", "MAIRE": "d1", "Voirie": "d3", "Techniques": "d3", "techniques": "", "presse": "", "Presse": "", "d1": "",
	} {
		if got, known := town().Named(value); got != want || known != (want != "") {
			t.Errorf("%q names %q, want %q", value, got, want)
		}
	}
}

func TestOf(t *testing.T) {
	t.Parallel()
	l := facts.Letter{
		Fields: []string{"service", "montant"}, Values: map[string]string{"service": "dst"}, DrafterDesk: "d2",
		Holds: func(st circuits.Step) (bool, error) {
			if st.When == "montant > 1" {
				return false, errors.New("no amount yet")
			}
			return st.When == "vrai", nil
		},
	}
	simple := circuits.Definition{Steps: []circuits.Step{{ID: "a", Kind: circuits.Visa, Desk: "d1"}}}
	f := town().Of(simple, l, "2026-03-02")
	if !f.Filled["service"] || f.Filled["montant"] || f.Holders != nil || f.Conditions != nil {
		t.Errorf("a circuit that asks nothing of the town was told %+v", f)
	}
	d := circuits.Definition{Steps: []circuits.Step{
		{ID: "a", Kind: circuits.Visa, Desk: "d1", When: "vrai"},
		{ID: "b", Kind: circuits.Visa, Desk: "d1", When: "faux"},
		{ID: "c", Kind: circuits.Visa, Desk: "d1", When: "montant > 1"},
	}}
	f = town().Of(d, l, "2026-03-02")
	if !maps.Equal(f.Conditions, map[circuits.StepID]bool{"a": true, "b": false}) || f.Values["service"] != "d2" || len(f.Values) != 1 ||
		f.Heads["d2"] != "d1" || f.DrafterDesk != "d2" || !slices.Equal(f.Holders["d1"], []circuits.PersonID{"maire"}) || len(f.Substitutes) != 0 {
		t.Errorf("%+v", f)
	}
	impeded := town()
	impeded.Impediments = []delegation.Impediment{{ID: "i", Person: "maire", From: "2026-03-01"}}
	f = impeded.Of(d, l, "2026-03-02")
	if f.Substitutes["d1"].Person != "adjoint" || !slices.Equal(f.Holders["d1"], []circuits.PersonID{"adjoint"}) {
		t.Errorf("impeded: %+v, %+v", f.Holders, f.Substitutes)
	}
}
