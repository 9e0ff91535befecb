package trial_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"parapheur/circuits"
	"parapheur/circuits/calendar"
	"parapheur/circuits/delegation"
	"parapheur/internal/conditions"
	"parapheur/internal/trial"
)

// monday is 2 March 2026.
func monday() time.Time { return time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC) }

// saintAubin is a town where everybody is there and able.
func saintAubin() trial.Town {
	person := func(name string) delegation.Person { return delegation.Person{Name: name, Active: true} }
	mayor := person("Hélène Garnier")
	mayor.Rank = 1
	town := trial.Town{
		Snapshot: delegation.Snapshot{
			People: map[circuits.PersonID]delegation.Person{
				"maire": mayor, "dgs": person("Philippe Rousseau"), "finances": person("Karim Benali"), "agent": person("Léa Morel"),
			},
			Holders: map[circuits.DeskID][]delegation.Holder{
				"d-maire":    {{Person: "maire", Quality: "Maire"}},
				"d-dgs":      {{Person: "dgs", Quality: "Directeur général des services"}},
				"d-finances": {{Person: "finances", Quality: "Directeur des finances"}},
				"d-courrier": {{Person: "agent", Quality: "Agente"}},
			},
		},
		Desks: map[circuits.DeskID]trial.Desk{
			"d-maire":    {Code: "maire", Name: "Maire"},
			"d-dgs":      {Code: "dgs", Name: "Direction générale", Parent: "d-maire"},
			"d-finances": {Code: "finances", Name: "Finances", Parent: "d-dgs"},
			"d-courrier": {Code: "courrier", Name: "Service courrier", Parent: "d-dgs"},
			"d-vide":     {Code: "vide", Name: "Urbanisme", Parent: "d-dgs"},
		},
		Able:     map[circuits.PersonID]trial.Means{},
		Calendar: calendar.Calendar{},
		Circuits: map[string]bool{"suite": true},
	}
	for id := range town.People {
		town.Able[id] = trial.Means{Passkey: true, Certificate: true}
	}
	return town
}

func letter() trial.Letter {
	return trial.Letter{
		Type: "engagement", Class: delegation.Letter, Required: []string{"montant"},
		Schema: conditions.Schema{
			{Name: "montant", Label: "Montant", Type: conditions.Decimal},
			{Name: "service", Label: "Service", Type: conditions.List, Values: []string{"finances", "courrier"}},
			{Name: "urgent", Label: "Urgent", Type: conditions.Boolean},
			{Name: "remise", Label: "Date de remise", Type: conditions.Date},
		},
	}
}

// threeSteps is visa of the finances above a sum, visa of the DGS, signature.
func threeSteps() circuits.Definition {
	return circuits.Definition{Code: "engagement", Version: 1, Name: "Engagement", Steps: []circuits.Step{
		{ID: "finances", Kind: circuits.Visa, Desk: "d-finances", Title: "Visa des finances", When: "montant > 25000.0", Days: 3},
		{ID: "dgs", Kind: circuits.Visa, Desk: "d-dgs", Title: "Visa de la direction", Days: 2},
		{ID: "maire", Kind: circuits.Signature, Desk: "d-maire", Title: "Signature de la Maire", Days: 5},
	}}
}

func TestASoundCircuitHasNothingToSettle(t *testing.T) {
	t.Parallel()
	if found := trial.Lint(threeSteps(), saintAubin(), letter(), monday()); len(found) > 0 {
		t.Errorf("found %+v", found)
	}
}

func TestLintNames(t *testing.T) {
	t.Parallel()
	step := func(i int, change func(*circuits.Step)) func(*circuits.Definition, *trial.Town, *trial.Letter) {
		return func(d *circuits.Definition, _ *trial.Town, _ *trial.Letter) { change(&d.Steps[i]) }
	}
	for code, c := range map[string]struct {
		change  func(*circuits.Definition, *trial.Town, *trial.Letter)
		gravity trial.Gravity
		says    string
	}{
		"no_signatory": {func(d *circuits.Definition, _ *trial.Town, _ *trial.Letter) { d.Steps = d.Steps[:2] }, trial.Blocking, "Personne ne signe"},
		"empty":        {func(d *circuits.Definition, _ *trial.Town, _ *trial.Letter) { d.Steps = nil }, trial.Blocking, "aucune étape"},
		"never":        {step(0, func(s *circuits.Step) { s.When = "montant > 100.0 && montant < 50.0" }), trial.Blocking, "jamais remplie"},
		"always":       {step(0, func(s *circuits.Step) { s.When = "montant > 100.0 || montant <= 100.0" }), trial.Warning, "toujours remplie"},
		"condition":    {step(0, func(s *circuits.Step) { s.When = "montant > \"beaucoup\"" }), trial.Blocking, "ne se lit pas"},
		"condition_optional": {
			func(_ *circuits.Definition, _ *trial.Town, l *trial.Letter) { l.Required = nil }, trial.Warning, "Le rendre obligatoire",
		},
		"desk_empty":    {step(1, func(s *circuits.Step) { s.Desk = "d-vide" }), trial.Blocking, "« Urbanisme » n’a pas de titulaire"},
		"level_unknown": {step(2, func(s *circuits.Step) { s.Level = "B-XL" }), trial.Blocking, "« B-XL » n’existe pas"},
		"desk_unknown":  {step(1, func(s *circuits.Step) { s.Desk = "d-rien" }), trial.Blocking, "n’existe pas"},
		"no_passkey":    {func(_ *circuits.Definition, t *trial.Town, _ *trial.Letter) { t.Able["dgs"] = trial.Means{} }, trial.Blocking, "clé d’accès : Philippe Rousseau"},
		"no_certificate": {
			func(_ *circuits.Definition, t *trial.Town, _ *trial.Letter) {
				t.Able["maire"] = trial.Means{Passkey: true}
			},
			trial.Blocking, "certificat de signature",
		},
		"on_leave": {
			func(_ *circuits.Definition, t *trial.Town, _ *trial.Letter) {
				t.Absences = []delegation.Absence{{ID: "a", Person: "dgs", From: "2026-03-01", To: "2026-03-15"}}
			}, trial.Warning, "en congé jusqu’au 15 mars 2026",
		},
		"desk_unable": {
			func(_ *circuits.Definition, t *trial.Town, _ *trial.Letter) {
				p := t.People["dgs"]
				p.MandateEnd = "2026-02-01"
				t.People["dgs"] = p
			}, trial.Blocking, "ont pris fin le 1er février 2026",
		},
		"deadline_impossible": {func(d *circuits.Definition, _ *trial.Town, _ *trial.Letter) { d.Days = 9 }, trial.Blocking, "10 jours ouvrés"},
		"reminder_too_early":  {step(0, func(s *circuits.Step) { s.RemindBefore = []int{3} }), trial.Warning, "avant l’arrivée"},
		"head_loop": {
			func(d *circuits.Definition, t *trial.Town, _ *trial.Letter) {
				d.Steps[1].Desk, d.Steps[1].Actors = "", []circuits.ActorRule{{Rule: circuits.HeadOfPrevious}}
				x := t.Desks["d-maire"]
				x.Parent = "d-finances"
				t.Desks["d-maire"] = x
			}, trial.Blocking, "au-dessus de lui-même",
		},
		"no_head": {
			func(d *circuits.Definition, _ *trial.Town, _ *trial.Letter) {
				d.Steps[1].Desk = "d-maire"
				d.Steps[2].Desk, d.Steps[2].Actors = "", []circuits.ActorRule{{Rule: circuits.HeadOfPrevious}}
			}, trial.Blocking, "n’a pas de bureau au-dessus",
		},
		"chain_unknown": {func(d *circuits.Definition, _ *trial.Town, _ *trial.Letter) { d.Then = "rien" }, trial.Blocking, "n’est pas publié"},
		"chain_loop":    {func(d *circuits.Definition, _ *trial.Town, _ *trial.Letter) { d.Then = d.Code }, trial.Blocking, "s’enchaîne à lui-même"},
		"choice_empty": {step(1, func(s *circuits.Step) {
			s.Desk, s.Actors = "", []circuits.ActorRule{{Rule: circuits.ChosenAtStart}}
		}), trial.Blocking, "cochez ceux"},
		"quorum_impossible":    {step(1, quorumOf(3)), trial.Blocking, "c’est impossible"},
		"same_person":          {step(0, func(s *circuits.Step) { s.Desk = "d-dgs" }), trial.Warning, "deux fois de suite"},
		"visa_after_signature": {func(d *circuits.Definition, _ *trial.Town, _ *trial.Letter) { slices.Reverse(d.Steps) }, trial.Warning, "déjà signée"},
		"field_unknown":        {step(1, func(s *circuits.Step) { s.Fields = []circuits.FieldRule{{Field: "rien"}} }), trial.Blocking, "n’existe pas dans ce type"},
		"field_optional":       {step(1, byService), trial.Warning, "l’étape est bloquée"},
		"value_without_desk": {
			func(d *circuits.Definition, t *trial.Town, _ *trial.Letter) {
				byService(&d.Steps[1])
				delete(t.Desks, "d-courrier")
			}, trial.Warning, "« courrier »",
		},
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			d, town, l := threeSteps(), saintAubin(), letter()
			c.change(&d, &town, &l)
			found := trial.Lint(d, town, l, monday())
			k := slices.IndexFunc(found, func(f trial.Finding) bool { return f.Code == code })
			if k < 0 {
				t.Fatalf("not found in %+v", found)
			}
			if f := found[k]; f.Gravity != c.gravity || !strings.Contains(f.Text, c.says) {
				t.Errorf("%s: %q, want %s: … %s …", f.Gravity, f.Text, c.gravity, c.says)
			}
			if i := slices.IndexFunc(found, func(f trial.Finding) bool { return f.Gravity == trial.Warning }); i >= 0 &&
				slices.ContainsFunc(found[i:], func(f trial.Finding) bool { return f.Gravity == trial.Blocking }) {
				t.Error("a warning comes before what blocks")
			}
		})
	}
}

func quorumOf(n int) func(*circuits.Step) {
	return func(s *circuits.Step) {
		s.Desk, s.Need = "", circuits.Need{Mode: circuits.Quorum, N: n}
		s.Actors = []circuits.ActorRule{{Rule: circuits.NamedDesk, Desk: "d-dgs"}, {Rule: circuits.NamedDesk, Desk: "d-finances"}}
	}
}

func byService(s *circuits.Step) {
	s.Desk, s.Actors = "", []circuits.ActorRule{{Rule: circuits.FromMetadata, Field: "service"}}
}

func TestWhatCannotBePublishedNeverPasses(t *testing.T) {
	t.Parallel()
	d := threeSteps()
	d.Steps[0].Days = 9999 // no sentence of its own
	found := trial.Lint(d, saintAubin(), letter(), monday())
	if !slices.ContainsFunc(found, func(f trial.Finding) bool { return f.Gravity == trial.Blocking }) {
		t.Errorf("found %+v", found)
	}
}

func TestRehearsalTakesTheShortWayUnderTheSum(t *testing.T) {
	t.Parallel()
	p := trial.Rehearse(threeSteps(), saintAubin(), letter(), trial.Case{Values: conditions.Values{"montant": "1000"}}, monday())
	if !p.Complete || p.Stop != "" {
		t.Fatalf("stopped: %+v", p)
	}
	if got := p.Taken(); !slices.Equal(got, []circuits.StepID{"dgs", "maire"}) || p.Steps[0].Outcome != trial.Skipped {
		t.Errorf("took %v", got)
	}
	if p.Days != 7 { // two and five working days
		t.Errorf("took %d days, until %v", p.Days, p.Ends)
	}
	if !p.Steps[1].Until.Before(p.Steps[2].Until) || !p.Steps[2].Until.Equal(p.Ends) {
		t.Errorf("the steps are done on %v, then %v", p.Steps[1].Until, p.Steps[2].Until)
	}
	if who := p.Steps[1].Turns[0].Powers[0].Name; who != "Philippe Rousseau" {
		t.Errorf("%s acts", who)
	}
}

func TestRehearsalAppliesTheDelegationsOfThatDay(t *testing.T) {
	t.Parallel()
	town := saintAubin()
	town.Absences = []delegation.Absence{{ID: "a", Person: "maire", From: "2026-03-01", To: "2026-03-31"}}
	town.Delegations = []delegation.Delegation{{
		ID: "x", Number: "2026-041", Basis: delegation.Signature, Signed: "2026-01-02", Published: "2026-01-03", Notified: "2026-01-03", Transmitted: "2026-01-03",
		Delegator: delegation.Party{Person: "maire", Quality: "Maire"}, Delegate: delegation.Party{Person: "dgs", Quality: "Directeur général des services"},
		From: "2026-01-04", AbsenceOnly: true, Scope: delegation.Scope{Limit: &delegation.Limit{Field: "montant", Max: 10000_00}},
	}}
	small := trial.Rehearse(threeSteps(), town, letter(), trial.Case{Values: conditions.Values{"montant": "1000"}}, monday())
	last := small.Steps[2].Turns[0]
	if !small.Complete || len(last.Powers) != 2 || !strings.Contains(last.Powers[1].Mention, "par délégation") {
		t.Errorf("the delegate signs: %+v", small.Steps[2])
	}
	large := trial.Rehearse(threeSteps(), town, letter(), trial.Case{Values: conditions.Values{"montant": "20000"}}, monday())
	refused := large.Steps[2].Turns[0].Refused
	if len(refused) != 1 || refused[0].Why.Reason != delegation.OutOfAmount {
		t.Errorf("above the sum the delegation says nothing: %+v", refused)
	}
}

func TestRehearsalStopsWhereALetterWould(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change  func(*circuits.Definition, *trial.Town)
		values  conditions.Values
		missing string
		says    string
	}{
		"a field of a condition is empty": {func(*circuits.Definition, *trial.Town) {}, nil, "montant", "« Montant » doit être renseigné"},
		"nobody holds the desk":           {func(_ *circuits.Definition, t *trial.Town) { delete(t.Holders, "d-dgs") }, conditions.Values{"montant": "1"}, "", "personne ne peut agir"},
		"no desk is found":                {func(d *circuits.Definition, _ *trial.Town) { byService(&d.Steps[1]) }, conditions.Values{"montant": "1"}, "", "n’a pas pu être trouvé"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, town := threeSteps(), saintAubin()
			c.change(&d, &town)
			p := trial.Rehearse(d, town, letter(), trial.Case{Values: c.values}, monday())
			if p.Complete || p.Missing != c.missing || !strings.Contains(p.Stop, c.says) {
				t.Errorf("complete %v, missing %q, %q", p.Complete, p.Missing, p.Stop)
			}
		})
	}
}

func TestRehearsalGoesThroughEveryKindOfStep(t *testing.T) {
	t.Parallel()
	two := []circuits.ActorRule{{Rule: circuits.NamedDesk, Desk: "d-dgs"}, {Rule: circuits.NamedDesk, Desk: "d-finances"}}
	d := circuits.Definition{Code: "tout", Version: 1, Name: "Tout", Steps: []circuits.Step{
		{ID: "lecture", Kind: circuits.Information, Desk: "d-courrier", Title: "Pour information"},
		{ID: "chef", Kind: circuits.Visa, Actors: []circuits.ActorRule{{Rule: circuits.HeadOfDrafter}}, Title: "Visa du chef", MustRead: true},
		{ID: "avis", Kind: circuits.Opinion, Desk: "d-finances", Title: "Avis", Days: 2},
		{ID: "deux", Kind: circuits.Visa, Actors: two, Need: circuits.Need{Mode: circuits.All}, Title: "Deux visas"},
		{ID: "service", Kind: circuits.Visa, Actors: []circuits.ActorRule{{Rule: circuits.FromMetadata, Field: "service"}}, Title: "Visa du service"},
		{ID: "choix", Kind: circuits.Visa, Actors: []circuits.ActorRule{{Rule: circuits.ChosenAtStart, Among: []circuits.DeskID{"d-dgs", "d-finances"}}}, Title: "Au choix"},
		{ID: "redacteur", Kind: circuits.Visa, Actors: []circuits.ActorRule{{Rule: circuits.TheDrafter}}, Title: "Relecture"},
		{ID: "maire", Kind: circuits.Signature, Desk: "d-maire", Title: "Signature"},
		{ID: "cachet", Kind: circuits.Seal, Auto: true, Title: "Cachet"},
		{ID: "papier", Kind: circuits.External, Desk: "d-courrier", Title: "Recommandé"},
	}}
	c := trial.Case{
		Values: conditions.Values{"service": "finances"}, Drafter: "agent", DrafterDesk: "d-courrier",
		Chosen: map[circuits.StepID]circuits.DeskID{"choix": "d-dgs"},
	}
	p := trial.Rehearse(d, saintAubin(), letter(), c, monday())
	if !p.Complete || len(p.Taken()) != len(d.Steps) {
		t.Errorf("took %v, then: %s", p.Taken(), p.Stop)
	}
	if who := p.Steps[1].Turns[0].Desk; who != "Direction générale" {
		t.Errorf("the head of the drafter is %s", who)
	}
}

func anyLetter(trial.Case) trial.Letter { return letter() }

func TestCasesCoverBranches(t *testing.T) {
	t.Parallel()
	cases := []trial.Case{{Name: "petite somme", Values: conditions.Values{"montant": "10"}, Expect: []circuits.StepID{"dgs", "maire"}}}
	results, coverage := trial.Cover(threeSteps(), saintAubin(), anyLetter, cases, monday())
	if !results[0].OK || coverage[0].Whole() || !coverage[1].Whole() {
		t.Errorf("%+v, %+v", results, coverage)
	}
	cases = append(cases, trial.Case{Name: "grosse somme", Values: conditions.Values{"montant": "30000"}, Expect: []circuits.StepID{"dgs", "maire"}})
	results, coverage = trial.Cover(threeSteps(), saintAubin(), anyLetter, cases, monday())
	if results[1].OK || !coverage[0].Whole() {
		t.Errorf("an unexpected path is told, a branch is covered: %+v, %+v", results[1].OK, coverage[0])
	}
}

func TestCompareSetsVersionsSideBySide(t *testing.T) {
	t.Parallel()
	before, after := threeSteps(), threeSteps()
	after.Steps[1].Days = 4
	after.Steps = append(after.Steps[1:], circuits.Step{ID: "cachet", Kind: circuits.Seal, Auto: true, Title: "Cachet"})
	var got []string
	for _, d := range trial.Compare(before, after) {
		st := d.Before
		if st == nil {
			st = d.After
		}
		got = append(got, string(d.Change)+" "+string(st.ID)+" "+strings.Join(d.Fields, ","))
	}
	want := []string{"removed finances ", "altered dgs le délai", "same maire ", "added cachet "}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	swapped := threeSteps()
	swapped.Steps[0], swapped.Steps[1] = swapped.Steps[1], swapped.Steps[0]
	moved := 0
	for _, d := range trial.Compare(before, swapped) {
		if d.Change == trial.Moved {
			moved++
		}
	}
	if moved != 1 {
		t.Errorf("%d moved, want 1", moved)
	}
}
