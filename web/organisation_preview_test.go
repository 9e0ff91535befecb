package web

import (
	"net/url"

	"parapheur/circuits"
	"parapheur/circuits/delegation"
	"parapheur/dossiers"
	"parapheur/internal/trial"
)

// furnishedTown is a town set up well enough to show every page.
func furnishedTown() dossiers.Organisation {
	simple := sampleCircuit()
	return dossiers.Organisation{
		People: []dossiers.Member{
			{ID: "garnier", Civility: "Mme", GivenName: "Hélène", FamilyName: "Garnier", Email: "maire@saint-aubin.example", Rank: 1, MandateEnd: "2032-03-20"},
			{ID: "bonnet", Civility: "M.", GivenName: "Julien", FamilyName: "Bonnet", Email: "j.bonnet@saint-aubin.example", Rank: 2, Adjoint: true},
			{ID: "rousseau", Civility: "M.", GivenName: "Philippe", FamilyName: "Rousseau", Email: "dgs@saint-aubin.example"},
			{ID: "marchand", Civility: "Mme", GivenName: "Claire", FamilyName: "Marchand", Email: "c.marchand@saint-aubin.example", Drafter: true},
		},
		Desks: []dossiers.DeskSetup{
			{ID: "maire", Code: "maire", Name: "Maire", Holders: []dossiers.SeatSetup{{Person: "garnier", Quality: "Maire"}}, Preparers: []dossiers.SeatSetup{{Person: "marchand", Quality: "Cabinet du Maire"}}},
			{ID: "dgs", Code: "dgs", Name: "Direction générale", Parent: "maire", Holders: []dossiers.SeatSetup{{Person: "rousseau", Quality: "Directeur général des services"}}},
			{ID: "finances", Code: "finances", Name: "Finances", Parent: "dgs", Supervisors: []circuits.PersonID{"rousseau"}},
			{ID: "ancien", Code: "ancien", Name: "Urbanisme", Parent: "dgs", Inactive: true},
		},
		Sequences: []dossiers.Sequence{{Code: "depart", Name: "Courrier départ", Pattern: "{annee}-{numero:04}"}},
		Circuits:  []dossiers.CircuitSetup{{Code: simple.Code, Published: &simple}},
		Types: []dossiers.TypeSetup{
			{Code: "finances", Name: "Finances", Class: delegation.Decision, Sequence: "depart"},
			{
				Code: "subvention", Name: "Subvention", Hint: "Réponse à une association : accord ou refus.", Parent: "finances", Circuit: simple.Code, Level: "B-LT", Assurance: "device_bound",
				Rules:       []dossiers.CircuitRule{{When: "renseigne(montant) && montant > 10000.0", Circuit: simple.Code}},
				Metadata:    []dossiers.Field{{Name: "montant", Label: "Montant", Type: "decimal", AtDeposit: true}, {Name: "domaine", Label: "Domaine", Type: "list", Values: []string{"Sport", "Culture"}}},
				Permissions: dossiers.Permissions{Desks: []circuits.DeskID{"dgs"}},
			},
		},
		Delegations: []delegation.Delegation{
			{
				ID: "d1", Number: "2026-041", Basis: delegation.Signature, Signed: "2026-03-28", Published: "2026-03-31", Notified: "2026-04-01", Transmitted: "2026-03-31", From: "2026-04-01", Arrete: digest(4),
				Delegator: delegation.Party{Person: "garnier", Quality: "Maire"}, Delegate: delegation.Party{Person: "rousseau", Quality: "Directeur général des services"},
				Scope: delegation.Scope{Types: []string{"subvention"}, Limit: &delegation.Limit{Field: "montant", Max: 4000000}},
			},
			{
				ID: "d2", Number: "2026-055", Basis: delegation.Functions, Signed: "2026-11-02", From: "2026-11-15", AbsenceOnly: true,
				Delegator: delegation.Party{Person: "garnier", Quality: "Maire"}, Delegate: delegation.Party{Person: "bonnet", Quality: "Adjoint aux sports"},
			},
			{
				ID: "d3", Number: "2025-003", Basis: delegation.Functions, Signed: "2025-01-02", Published: "2025-01-02", Transmitted: "2025-01-02", From: "2025-01-03", Withdrawn: "2026-02-01",
				Delegator: delegation.Party{Person: "garnier", Quality: "Maire"}, Delegate: delegation.Party{Person: "bonnet", Quality: "Adjoint aux finances"},
			},
		},
		Absences: []delegation.Absence{
			{ID: "a1", Person: "garnier", From: "2026-11-20", To: "2026-11-27", Replacement: "bonnet", Tray: delegation.ShareTray, Note: "Congrès des maires"},
			{ID: "a2", Person: "rousseau", From: "2026-12-21", To: "2027-01-03"},
			{ID: "a3", Person: "garnier", From: "2026-07-01", To: "2026-07-15", Cancelled: true},
		},
		Impediments: []delegation.Impediment{{ID: "i1", Person: "garnier", DeclaredBy: "rousseau", Motive: "Hospitalisation", Proof: "Certificat du 3 mars 2026", From: "2026-03-03", To: "2026-03-20"}},
		Closures:    []dossiers.Closure{{On: "2026-05-15", Label: "Pont de l’Ascension"}},
	}
}

// organisationSamples are the pages of the organisation, in the states that
// differ.
func organisationSamples(fr func(dossiers.Person, string, string) frame) (all []sample) {
	g, today := furnishedTown(), delegation.Date("2026-11-23")
	admin := func(title string) frame { return fr(administrator(), title, "administration") }
	add := func(name string, p page) { all = append(all, sample{name, p}) }
	form := func(name string, p *formPage) {
		p.frame = admin(p.Heading)
		p.Scripts = []string{"js/organisation.js"}
		add(name, p)
	}
	person := personPage(memberValues(g.People[0]), nil)
	person.Heading, person.Action, person.Said = "Hélène Garnier", "/administration/personnes/garnier", "La fiche est enregistrée."
	person.Person = newPersonAside(g.People[0], []dossiers.Credential{enrolled(credential("Mon téléphone", true, "internal"), "lien d’invitation")},
		[]dossiers.Expectation{{Desk: "Maire", Letters: 7, Alone: true}, {Desk: "Finances", Letters: 1}, {Letters: 1}}, sampleNow())
	person.Person.CSRF = "jeton"
	form("organisation-personne", person)
	wrong := memberValues(g.People[1])
	wrong.Set("rank", "1")
	stranger := personPage(wrong, &dossiers.InvalidError{Field: "rank", Reason: "Le rang 1 du tableau est déjà celui d’une autre personne."})
	stranger.Heading, stranger.Action = "Julien Bonnet", "/administration/personnes/bonnet"
	stranger.Person = newPersonAside(dossiers.Member{ID: "bonnet", Inactive: true}, nil, nil, sampleNow())
	stranger.Person.CSRF = "jeton"
	form("organisation-personne-erreur", stranger)
	add("organisation-bureaux", &desksPage{frame: admin("Les bureaux"), Tree: deskTree(g, nil), Desks: []deskLine{{}, {}, {}, {}}})
	desk := deskPage(g, deskValues(g.Desks[0]), &dossiers.InvalidError{Field: "quality", Reason: "Ce champ est nécessaire."}, "")
	desk.Heading, desk.Action = "Maire", "/administration/bureaux/maire"
	form("organisation-bureau", desk)
	types := newTypesPage(g, at(23, 12, 0))
	types.frame = admin("Les types de courrier")
	add("organisation-types", types)
	none := newTypesPage(dossiers.Organisation{}, at(23, 12, 0))
	none.frame = admin("Les types de courrier")
	add("organisation-types-vide", none)
	kind := typePage(g, g.Types[1], typeValues(g.Types[1]), &dossiers.InvalidError{Field: "rules.1", Reason: "« montan » n’est pas un champ de ce type."}, "")
	kind.Heading, kind.Action = "Subvention", "/administration/types/subvention"
	form("organisation-type", kind)
	form("organisation-suite", sequencePage(g.Sequences[0], url.Values{"name": {"Courrier départ"}, "pattern": {"{annee}"}}, &dossiers.InvalidError{Field: "pattern", Reason: "Le modèle contient {numero} une fois. Par exemple : {annee}-{numero:04}."}))
	page := newDelegationsPage(g, url.Values{"bureau": {"maire"}, "type": {"subvention"}, "montant": {"50000"}}, today)
	page.frame = admin("Les délégations")
	add("organisation-delegations", page)
	empty := newDelegationsPage(dossiers.Organisation{}, url.Values{}, today)
	empty.frame = admin("Les délégations")
	add("organisation-delegations-vide", empty)
	form("organisation-delegation", delegationPage(g, g.Delegations[0], delegationValues(g.Delegations[0]), nil, today))
	values := delegationValues(g.Delegations[1])
	values.Set("published", "2026-10-01")
	form("organisation-delegation-erreur", delegationPage(g, delegation.Delegation{}, values, &dossiers.InvalidError{Field: "published", Reason: "Un arrêté se publie après sa signature."}, today))
	form("organisation-empechement", impedimentPage(g, delegation.Impediment{}, url.Values{}, &dossiers.InvalidError{Field: "proof", Reason: "Dites ce qui prouve l’empêchement."}))
	mine := &absencesPage{frame: fr(mayor(), "Mes absences", "mes-absences"), Base: "/mes-absences", Now: awayInWords("Mme", g.Absences, today)}
	name := func(id circuits.PersonID) string { return memberName(g, id) }
	mine.split(g.Absences[:1], name, today)
	add("organisation-mes-absences", mine)
	theirs := &absencesPage{frame: admin("Les absences"), Base: "/administration/absences", Everybody: true, Said: "L’absence est enregistrée."}
	theirs.split(g.Absences, name, today)
	add("organisation-absences", theirs)
	add("organisation-absences-vide", &absencesPage{frame: fr(mayor(), "Mes absences", "mes-absences"), Base: "/mes-absences"})
	away := absencePage(g.Absences[0], nil, colleagueOptions(g, "garnier"), absenceValues(g.Absences[0]), &dossiers.InvalidError{Field: "to", Reason: "L’absence finit avant de commencer."}, today)
	away.Action, away.Back, away.Nav = "/mes-absences/a1", choice{"/mes-absences", "Mes absences"}, ""
	away.frame = fr(mayor(), away.Heading, "mes-absences")
	add("organisation-absence", away)
	closed := newClosuresPage(g, 2026, sampleNow().now, url.Values{}, nil)
	closed.frame = admin("Les fermetures")
	add("organisation-fermetures", closed)
	add("organisation-fichier", &filePage{frame: admin("Le fichier d’organisation")})
	plan := &filePage{frame: admin("Le fichier d’organisation"), Problem: "L’organisation a changé depuis que le plan a été montré."}
	plan.plan(dossiers.Reform{Lines: []dossiers.ReformLine{
		{Sign: "+", What: "personne « j.bonnet@saint-aubin.example » (Julien Bonnet)"},
		{Sign: "~", What: "bureau « dgs » (Direction générale)", Details: []string{`parent : rien → "maire"`}},
		{Sign: "-", What: "type « ancien » (Ancien courrier)"},
	}}, []byte("town: x\n"))
	add("organisation-fichier-plan", plan)
	finding := func(gravity trial.Gravity, code, text string) dossiers.ReformFinding {
		return dossiers.ReformFinding{Circuit: "courrier-simple", Finding: trial.Finding{Gravity: gravity, Code: code, Text: text}, Enrolment: code == "no_passkey"}
	}
	lines := []dossiers.ReformLine{{Sign: "~", What: "circuit « courrier-simple » (Courrier simple)", Details: []string{"steps : [2 étapes] → [3 étapes]"}}}
	founding := &filePage{frame: admin("Le fichier d’organisation")}
	founding.plan(dossiers.Reform{Lines: lines, Findings: []dossiers.ReformFinding{
		finding(trial.Blocking, "no_passkey", "« Signature du Maire » : au bureau « Maire », personne n’a encore de clé d’accès : Hélène Garnier."),
		finding(trial.Warning, "always", "« Visa » : sa condition est toujours remplie : elle ne sert à rien."),
	}}, []byte("town: x\n"))
	add("organisation-fichier-debut", founding)
	refused := &filePage{frame: admin("Le fichier d’organisation"), Problem: typeset("Rien n’est appliqué : une lettre s’arrêterait dans ces circuits.")}
	refused.plan(dossiers.Reform{Lines: lines, Findings: []dossiers.ReformFinding{
		finding(trial.Blocking, "never", "« Visa » : sa condition n’est jamais remplie : l’étape n’aurait jamais lieu."),
	}}, []byte("town: x\n"))
	add("organisation-fichier-refuse", refused)
	add("organisation-fichier-erreurs", &filePage{frame: admin("Le fichier d’organisation"), Errors: []string{"ligne 3" + nbsp + ": la clé «" + nbsp + "persones" + nbsp + "» n’est pas connue."}})
	for _, x := range []struct{ name, asked string }{
		{"organisation-journal-refuse", "dossier=x"},
		{"organisation-journal-vide", "qui=" + string(g.People[0].ID) + "&dossier=1247&quoi=dossier.deposited&du=2026-11-02&au=2026-11-06"},
		{"organisation-journal-dates", "du=2026-11-06&au=2026-11-02"},
	} {
		asked, _ := url.ParseQuery(x.asked) // ours
		q, wrong := journalQuery(asked, sampleNow().now.Location())
		search := newJournalPage(nil, nil, sampleNow())
		search.search(g, asked, wrong, false)
		search.frame, search.Nothing = admin("Le journal"), search.nothing(asked, q, wrong, sampleNow())
		add(x.name, search)
	}
	bins := newBinsPage(mayor(), dossiers.BinToDo, nil, nil, sampleNow())
	bins.frame, bins.Away = fr(mayor(), "À traiter", "bannettes"), mine.Now
	add("organisation-bannettes-absente", bins)
	return all
}
