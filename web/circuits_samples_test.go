package web

import (
	"time"

	"parapheur/circuits"
	"parapheur/circuits/delegation"
	"parapheur/dossiers"
	"parapheur/internal/conditions"
	"parapheur/internal/trial"
)

// sampleOrganisation is a town with one circuit in two versions, tried with
// three cases of which one fails.
func sampleOrganisation() dossiers.Organisation {
	people := []dossiers.Member{
		{ID: "garnier", GivenName: "Hélène", FamilyName: "Garnier", Civility: "Mme", Rank: 1},
		{ID: "rousseau", GivenName: "Philippe", FamilyName: "Rousseau", Civility: "M."},
		{ID: "legoff", GivenName: "Sophie", FamilyName: "Le Goff", Civility: "Mme"},
		{ID: "benali", GivenName: "Karim", FamilyName: "Benali", Civility: "M.", Rank: 2, Adjoint: true},
		{ID: "marchand", GivenName: "Claire", FamilyName: "Marchand", Drafter: true},
	}
	seat := func(p circuits.PersonID, q string) []dossiers.SeatSetup {
		return []dossiers.SeatSetup{{Person: p, Quality: q}}
	}
	return dossiers.Organisation{
		People: people,
		Desks: []dossiers.DeskSetup{
			{ID: "maire", Code: "maire", Name: "Maire", Holders: seat("garnier", "Maire")},
			{ID: "dgs", Code: "dgs", Name: "Direction générale", Parent: "maire", Holders: seat("rousseau", "Directeur général des services")},
			{ID: "finances", Code: "finances", Name: "Finances", Parent: "dgs"},
			{ID: "technique", Code: "technique", Name: "Services techniques", Parent: "dgs", Holders: seat("legoff", "Directrice des services techniques")},
			{ID: "adjoint", Code: "adjoint", Name: "Adjoint aux finances", Parent: "maire", Holders: seat("benali", "Adjoint aux finances")},
		},
		Types: []dossiers.TypeSetup{{Code: "engagement", Name: "Lettre avec engagement", Circuit: "engagement", Metadata: []dossiers.Field{
			{Name: "montant", Label: "Montant", Type: conditions.Decimal}, {Name: "service", Label: "Service émetteur", Type: conditions.List, Values: []string{"Urbanisme", "Services techniques"}, AtDeposit: true},
		}}, {Code: "simple", Name: "Courrier simple", Hint: "Information ou réponse, sans décision."}},
		Delegations: []delegation.Delegation{{
			ID: "x", Number: "2026-212", Basis: delegation.Signature, Signed: "2026-11-02", Published: "2026-11-03", Notified: "2026-11-03", Transmitted: "2026-11-03",
			Delegator: delegation.Party{Person: "rousseau", Quality: "Directeur général des services"}, Delegate: delegation.Party{Person: "legoff", Quality: "Directrice des services techniques"},
			From: "2026-11-16", To: "2026-11-27",
		}},
		Circuits: []dossiers.CircuitSetup{sampleSetup(), {Code: "ancien", Versions: []dossiers.CircuitVersion{{Version: 1, Retired: true}}}, {Code: "neuf", Draft: &circuits.Definition{Code: "neuf", Name: "Nouveau circuit"}}},
	}
}

func sampleSetup() dossiers.CircuitSetup {
	published := sampleDrawn()
	published.Version = 3
	published.Steps = append([]circuits.Step{}, published.Steps[2:]...)
	draft := sampleDrawn()
	draft.Steps[2].Days = 1
	draft.Days = 15
	return dossiers.CircuitSetup{
		Code: "engagement", Draft: &draft, Published: &published,
		Versions: []dossiers.CircuitVersion{{Version: 2, PublishedAt: at(2, 9, 0)}, {Version: 3, PublishedAt: at(9, 10, 30)}},
		Cases: []trial.Case{
			{Name: "Petite somme", Values: conditions.Values{"montant": "1000", "service": "Urbanisme"}, Expect: []circuits.StepID{"visas", "dgs", "signature"}},
			{Name: "Grosse somme", Values: conditions.Values{"montant": "31000", "service": "Urbanisme"}, Expect: []circuits.StepID{"visas", "avis", "dgs", "signature"}},
		},
	}
}

func sampleDrawn() circuits.Definition {
	return circuits.Definition{Code: "engagement", Version: 1, Name: "Lettre avec engagement financier", Steps: []circuits.Step{
		{ID: "visas", Kind: circuits.Visa, Title: "Visas des services", Need: circuits.Need{Mode: circuits.All}, Days: 2, Actors: []circuits.ActorRule{{Rule: circuits.NamedDesk, Desk: "technique"}, {Rule: circuits.NamedDesk, Desk: "finances"}}},
		{ID: "avis", Kind: circuits.Opinion, Desk: "adjoint", Title: "Avis de l’adjoint", When: "montant > 25000.0"},
		{ID: "dgs", Kind: circuits.Visa, Desk: "dgs", Title: "Visa de la direction générale", MustRead: true, Days: 3, RemindBefore: []int{1}, Escalate: circuits.Escalation{{After: 2, To: circuits.RungHead}}},
		{ID: "signature", Kind: circuits.Signature, Desk: "maire", Title: "Signature de la Maire", Level: "B-LT"},
	}}
}

func sampleTrial(code string, change func(*dossiers.Organisation)) dossiers.Trial {
	g := sampleOrganisation()
	if change != nil {
		change(&g)
	}
	able := map[circuits.PersonID]trial.Means{}
	for _, m := range g.People {
		able[m.ID] = trial.Means{Passkey: m.ID != "benali", Certificate: m.ID == "garnier"}
	}
	x, err := g.Try(code, dossiers.Resources{People: able}, []dossiers.Underway{{Code: "engagement", Version: 3, Dossiers: 11}, {Code: "engagement", Version: 2, Dossiers: 2}}, at(23, 12, 47))
	if err != nil {
		panic(err)
	}
	return x
}

// circuitSamples are the pages of circuits, by name.
func circuitSamples(fr func(dossiers.Person, string, string) frame) map[string]page {
	c, out := sampleNow(), map[string]page{}
	open := func(name string, x dossiers.Trial, see shown) *circuitPage {
		p := newCircuitPage(x, see, c)
		p.frame, p.Scripts = fr(administrator(), "Circuit", "administration"), []string{"js/circuit.js"}
		out[name] = p
		return p
	}
	x := sampleTrial("engagement", nil)
	lines := []dossiers.CircuitLine{x.CircuitLine, sampleTrial("ancien", nil).CircuitLine, sampleTrial("neuf", nil).CircuitLine}
	out["circuits"] = &circuitsPage{frame: fr(administrator(), "Les circuits", "administration"), Rows: circuitRows(lines), Name: field{Value: "", Error: "Donnez un nom."}}
	open("circuit", x, shown{step: "avis", said: "Le cas est gardé."})
	open("circuit-plusieurs", x, shown{step: "visas", about: "etape", problem: "Condition à compléter."})
	open("circuit-neuf", sampleTrial("neuf", nil), shown{})
	open("circuit-publie", sampleTrial("engagement", func(g *dossiers.Organisation) { g.Circuits[0].Draft = nil }), shown{})
	a := trial.Case{Name: "Essai", Values: conditions.Values{"montant": "31000"}, Drafter: "marchand"}
	path := trial.Rehearse(x.Definition, x.Town, x.Letter(""), a, at(23, 9, 0))
	open("circuit-essai-arret", x, shown{about: "essai", try: &attempt{Case: a, on: "2026-11-23", path: &path}})
	good := sampleTrial("engagement", func(g *dossiers.Organisation) { g.Desks[2].Holders = g.Desks[1].Holders })
	path = trial.Rehearse(x.Definition, good.Town, good.Letter(""), a, at(23, 9, 0))
	open("circuit-essai", good, shown{about: "essai", try: &attempt{Case: a, on: "2026-11-23", path: &path}})

	compared := &comparePage{frame: fr(administrator(), "Comparer", "administration"), Code: "engagement", Name: x.Name, Left: versionOptions(x, 3), Right: versionOptions(x, 0)}
	compared.fill(x, *x.Published, x.Definition, "Version"+nbsp+"3", "Brouillon")
	out["circuit-comparer"] = compared
	publish := &publishPage{comparePage: *compared, Edition: "e", Next: 4, Cases: caseLines(x), Running: count(13, "dossier", "dossiers"), Types: "Lettre avec engagement", Kinds: []pick{{Value: "simple", Label: "Courrier simple", Hint: "Sans décision."}}}
	for _, f := range findingNotes(x) {
		if f.Blocking {
			publish.Blocking = append(publish.Blocking, f)
		}
	}
	out["circuit-publier"] = publish
	out["circuit-dossiers"] = &migrationPage{frame: fr(administrator(), "Dossiers en route", "administration"), Code: "engagement", Name: x.Name, InForce: 3, Older: 1, Lines: []migrationLine{
		{ID: "a", Number: "1147", Version: "2", Step: "Visa de la direction générale", Since: c.full(at(3, 9, 0)), Older: true, Problem: "La signature perdrait sa place."},
		{ID: "b", Number: "1152", Version: "3", Step: "Signature de la Maire", Since: c.full(at(12, 9, 0).Add(time.Hour))},
	}}
	return out
}
