package demo

import (
	"context"
	"fmt"

	"parapheur/circuits"
	"parapheur/circuits/delegation"
	"parapheur/dossiers"
	"parapheur/internal/conditions"
)

// Adjoint is the first adjoint, whom Furnish makes known.
const Adjoint = "julien.bonnet@saint-aubin.example"

// Subsidy is the type of letters that Furnish adds: an amount, a condition,
// an opinion.
const Subsidy = "subvention"

// Furnish gives a newcomer something to look at on the pages of the
// organisation: desks under one another, an adjoint, a type with an amount
// whose condition chooses the circuit, a delegation that covers it, a day of
// closure. What Seed made stays as it is. A town that has the type is left
// alone: its administrators may have changed it. It answers whether it added
// anything.
func Furnish(ctx context.Context, o *dossiers.Office, t dossiers.Tenant) (bool, error) {
	operator := dossiers.Viewer{Tenant: t, Person: &dossiers.Person{FamilyName: "Mise en service", Admin: true}}
	g, err := o.Organisation(ctx, operator)
	if err != nil {
		return false, fmt.Errorf("furnish: %w", err)
	}
	if _, there := g.Type(Subsidy); there {
		return false, nil
	}
	if _, err := o.ApplySetup(ctx, operator, furnished(g.Setup()), dossiers.Terms{Founding: true}); err != nil {
		return false, fmt.Errorf("furnish: %w", err)
	}
	return true, nil
}

// furnished adds to what is there; people are named by their address, desks by
// their code.
func furnished(s dossiers.Setup) dossiers.Setup {
	const culture = "affaires-culturelles"
	for i := range s.People {
		if s.People[i].Email == Mayor {
			s.People[i].Rank, s.People[i].MandateEnd = 1, "2032-03-20"
		}
	}
	s.People = append(s.People, dossiers.Member{Email: Adjoint, Civility: "M.", GivenName: "Julien", FamilyName: "Bonnet", Rank: 2, Adjoint: true, MandateEnd: "2032-03-20"})
	dgs, mayor := codeOf(s, DeskDGS), codeOf(s, DeskMayor)
	for i := range s.Desks {
		if s.Desks[i].Name == DeskDGS {
			s.Desks[i].Parent = mayor
		}
	}
	s.Desks = append(s.Desks, dossiers.DeskSetup{
		Code: culture, Name: "Affaires culturelles et sport", Parent: dgs,
		Holders: []dossiers.SeatSetup{{Person: Adjoint, Quality: "Adjoint à la culture et au sport"}},
	})
	s.Sequences = append(s.Sequences, dossiers.Sequence{Code: "courrier-depart", Name: "Courrier départ", Pattern: "{annee}-{numero:04}"})
	s.Circuits = append(s.Circuits, subsidies(culture, dgs, mayor)...)
	s.Types = append(s.Types, dossiers.TypeSetup{
		Code: Subsidy, Name: "Réponse à une demande de subvention", Hint: "Accord ou refus. Au-delà de 10 000 €, l’adjoint donne son avis.",
		Class: delegation.Decision, Sequence: "courrier-depart", Circuit: "subvention-courante",
		Rules: []dossiers.CircuitRule{{When: "renseigne(montant) && montant > 10000.0", Circuit: "subvention-importante"}},
		Metadata: []dossiers.Field{
			{Name: "montant", Label: "Montant accordé, en euros", Help: "Laissez vide pour un refus.", Type: conditions.Decimal},
			{Name: "domaine", Label: "Domaine", Type: conditions.List, Values: []string{"Culture", "Sport", "Solidarité"}},
		},
	})
	s.Delegations = append(s.Delegations, delegation.Delegation{
		Number: "2026-041", Basis: delegation.Signature, Signed: "2026-03-28", Published: "2026-03-31", Notified: "2026-04-01", Transmitted: "2026-03-31", From: "2026-04-01",
		Delegator: delegation.Party{Person: Mayor, Quality: "Maire"}, Delegate: delegation.Party{Person: DGS, Quality: "Directeur général des services"},
		Scope: delegation.Scope{Types: []string{Subsidy}, Limit: &delegation.Limit{Field: "montant", Max: 500000}},
	})
	s.Closures = append(s.Closures, dossiers.Closure{On: "2027-05-07", Label: "Pont de l’Ascension"})
	return s
}

func codeOf(s dossiers.Setup, name string) circuits.DeskID {
	for _, d := range s.Desks {
		if d.Name == name {
			return circuits.DeskID(d.Code)
		}
	}
	return ""
}

// subsidies are the two circuits between which the amount chooses.
func subsidies(culture, dgs, mayor circuits.DeskID) []circuits.Definition {
	visa := circuits.Step{ID: "visa-dgs", Kind: circuits.Visa, Desk: dgs, Title: "Visa de la direction générale"}
	signature := circuits.Step{ID: "signature-maire", Kind: circuits.Signature, Desk: mayor, Title: "Signature de la Maire"}
	opinion := circuits.Step{ID: "avis-adjoint", Kind: circuits.Opinion, Desk: culture, Title: "Avis de l’adjoint à la culture et au sport"}
	return []circuits.Definition{
		{Code: "subvention-courante", Name: "Subvention courante", Steps: []circuits.Step{visa, signature}},
		{Code: "subvention-importante", Name: "Subvention importante", Steps: []circuits.Step{opinion, visa, signature}},
	}
}
