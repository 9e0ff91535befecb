package web

import "parapheur/dossiers"

// sampleConnectors shows the page with an account of each kind.
func sampleConnectors() *connectorsPage {
	p := &connectorsPage{Shown: &secretNote{"maarch", "q0Z8vJ1nX4kT7sYb2LmR9wHcE6uAaGfD3iPoKjN5xVs"}, Problem: "Dites d’où le connecteur appelle."}
	types := []dossiers.TypeView{{Type: dossiers.Type{Code: "courrier-simple", Name: "Courrier simple"}}}
	p.fill([]dossiers.Connector{
		{ID: "m", Application: "gec", Kind: dossiers.ConnectorMaarch, Login: "maarch", Enabled: true, Type: "courrier-simple"},
		{ID: "i", Application: "gec", Kind: dossiers.ConnectorIParapheur, Login: "pastell@mairie", Circuits: []string{"courrier-simple"}, Aliases: map[string]string{"hgarnier": "courrier-simple"}},
		{ID: "a", Application: "gec", Kind: dossiers.ConnectorSCIM, Login: "annuaire", Provisions: true},
	}, []dossiers.Application{{ID: "gec", Name: "Gestion du courrier"}}, types, []dossiers.Signatory{
		{SeatNumber: dossiers.SeatNumber{Number: 1, Desk: "maire"}, Person: dossiers.Person{GivenName: "Hélène", FamilyName: "Garnier"}, Seat: dossiers.Seat{Quality: "Maire"}},
		{SeatNumber: dossiers.SeatNumber{Number: 2}, Person: dossiers.Person{GivenName: "Claire", FamilyName: "Marchand"}},
	}, "https://parapheur.mairie.example")
	return p
}
