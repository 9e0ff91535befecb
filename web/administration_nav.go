package web

// An adminArea is what an administrator has in mind when looking for a page.
type adminArea struct {
	Title string
	Here  bool // holds the page that is shown
	Pages []adminPage
}

// An adminPage is a page of the administration; Key is what its template says
// to be found again.
type adminPage struct {
	Key, Path, Title string
	Here             bool
}

// Path is where an area begins.
func (a adminArea) Path() string { return a.Pages[0].Path }

// adminAreas is the table of contents of the administration, with the place
// of the page named here.
func adminAreas(here string) []adminArea {
	areas := []adminArea{
		{Title: "Personnes", Pages: []adminPage{
			{Key: "personnes", Path: "/administration", Title: "Personnes"},
			{Key: "enrolements", Path: "/administration/enrolements", Title: "Enrôlements"},
			{Key: "identites", Path: "/administration/identites", Title: "Comptes"},
		}},
		{Title: "Organisation", Pages: []adminPage{
			{Key: "bureaux", Path: "/administration/bureaux", Title: "Bureaux"},
			{Key: "delegations", Path: "/administration/delegations", Title: "Délégations"},
			{Key: "absences", Path: "/administration/absences", Title: "Absences"},
			{Key: "fermetures", Path: "/administration/fermetures", Title: "Fermetures"},
		}},
		{Title: "Courrier", Pages: []adminPage{
			{Key: "circuits", Path: "/administration/circuits", Title: "Circuits"},
			{Key: "types", Path: "/administration/types", Title: "Types de courrier"},
			{Key: "depot", Path: "/administration/depot", Title: "Règles de dépôt"},
		}},
		{Title: "Signature", Pages: []adminPage{
			{Key: "certificats", Path: "/administration/certificats", Title: "Certificats et clés"},
			{Key: "armoiries", Path: "/administration/armoiries", Title: "Armoiries"},
		}},
		{Title: "Logiciels", Pages: []adminPage{
			{Key: "applications", Path: "/administration/applications", Title: "Applications"},
			{Key: "connecteurs", Path: "/administration/connecteurs", Title: "Connecteurs"},
		}},
		{Title: "Contrôle", Pages: []adminPage{
			{Key: "journal", Path: "/administration/journal", Title: "Journal"},
			{Key: "fichier", Path: "/administration/fichier", Title: "Fichier de configuration"},
		}},
	}
	for i := range areas {
		for j := range areas[i].Pages {
			if areas[i].Pages[j].Key == here {
				areas[i].Here, areas[i].Pages[j].Here = true, true
			}
		}
	}
	return areas
}
