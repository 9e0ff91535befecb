package web

import (
	"log/slog"
	"testing"
	"time"

	"parapheur/approvals/proof"
	"parapheur/dossiers"
	"parapheur/internal/hosting"
	"parapheur/journal"
)

// hostSamples are the pages of a hosting centre, and those of people who serve
// two towns.
func hostSamples(s *server, fr func(dossiers.Person, string, string) frame) (all []sample) {
	add := func(name string, p page) { all = append(all, sample{name, p}) }
	centre := &hosting.Centre{Parts: hosting.Parts{Now: func() time.Time { return sampleNow().now }}}
	h := &host{server: s, centre: centre, location: paris}
	in := &hostVisit{signed: true, viewer: hosting.Viewer{Person: hosting.Person{Name: "Zoé Lambert"}, Session: hosting.Session{ID: "s", CSRF: "jeton"}}}
	out := func(title string) frame {
		f := h.frame(&hostVisit{}, title, "")
		f.Body = "center"
		return f
	}
	add("centre-connexion", &hostDoorPage{frame: out("Se connecter"), Next: "/", Expired: true})
	add("centre-enrolement", &hostEnrolPage{frame: out("Bienvenue"), Name: "Zoé Lambert", Token: "jeton-d-invitation"})
	towns := newTownsPage(sampleTowns(), sampleNow())
	towns.frame, towns.Said = h.frame(in, "Les collectivités", "collectivites"), "La collectivité est de nouveau en service."
	add("centre-collectivites", towns)
	none := newTownsPage(nil, sampleNow())
	none.frame = h.frame(in, "Les collectivités", "collectivites")
	add("centre-collectivites-vide", none)
	made := &newTownPage{frame: h.frame(in, "Créer une collectivité", "collectivites"), Domain: "parapheur.centre.example"}
	made.Scripts = []string{"js/act.js"}
	add("centre-nouvelle", made)
	lines := newHostJournalPage(sampleHostLines(), sampleNow())
	lines.frame = h.frame(in, "Le journal", "journal")
	add("centre-journal", lines)
	add("centre-erreur", h.errorPage(in, problemOf(dossiers.ErrNotFound)))

	mine := &counterpartsPage{frame: fr(manager(), "Mes collectivités", "collectivites"), Here: "Ville de Saint-Aubin-sur-Loire", Sides: []side{
		{ID: "0193", Town: "Communauté de communes des Mariniers", URL: "https://mariniers.parapheur.centre.example/connexion", Since: "Reliée aujourd’hui à 9\u00a0h\u00a012"},
	}}
	mine.Elsewhere = []door{{"Communauté de communes des Mariniers", "https://mariniers.parapheur.centre.example/connexion"}}
	add("mes-collectivites", mine)
	alone := &counterpartsPage{frame: fr(manager(), "Mes collectivités", "collectivites"), Here: "Ville de Saint-Aubin-sur-Loire"}
	add("mes-collectivites-aucune", alone)
	add("relier", &offeredPage{
		frame: fr(manager(), "Relier mes deux comptes", "collectivites"), Here: "Ville de Saint-Aubin-sur-Loire", Name: "Philippe Rousseau",
		There: "Communauté de communes des Mariniers", Them: "Philippe Rousseau", URL: "https://mariniers.parapheur.centre.example", Offer: "x",
	})
	return all
}

func sampleTowns() []hosting.Town {
	town := func(name, siret, host string, day int) hosting.Town {
		return hosting.Town{
			Tenant:    dossiers.Tenant{ID: dossiers.TenantID(siret), SIRET: siret, Name: name, RPID: host, Origin: "https://" + host},
			CreatedAt: at(day, 9, 12),
		}
	}
	waiting := town("Communauté de communes des Mariniers et des Coteaux de la Loire amont", "21490888800007", "mariniers.parapheur.centre.example", 23)
	waiting.Awaiting = true
	stopped := town("Ville de Saint-Martin-des-Prés", "21490777200013", "saint-martin.parapheur.centre.example", 3)
	stopped.SuspendedAt = at(20, 17, 0)
	shown := town("Ville de Saint-Aubin-sur-Loire", "21490999900010", "parapheur.saint-aubin.example", 1)
	shown.Demo = true
	return []hosting.Town{waiting, shown, stopped}
}

func sampleHostLines() []hosting.Line {
	zoe := hosting.Actor{Person: "z", Name: "Zoé Lambert"}
	var out []hosting.Line
	head := journal.Genesis(hosting.Chain)
	for _, l := range []hosting.Line{
		{Entry: journal.Entry{Subject: "z", Kind: hosting.KindPersonAdded}, Name: "Zoé Lambert", By: hosting.Actor{Name: "Opérateur du service"}},
		{Entry: journal.Entry{Subject: "z", Kind: hosting.KindEnrolled}, By: zoe},
		{Entry: journal.Entry{Subject: "21490999900010", Kind: hosting.KindTownCreated}, Name: "Ville de Saint-Aubin-sur-Loire", Origin: "https://parapheur.saint-aubin.example", By: zoe, Evidence: &proof.ActEvidence{}, Proved: true},
		{Entry: journal.Entry{Subject: "21490999900010", Kind: hosting.KindTownSuspended}, Reason: "Convention échue", By: zoe, Evidence: &proof.ActEvidence{}},
	} {
		head = journal.Next(head, at(20, 9, len(out)), l.Subject, l.Kind, []byte("{}"))
		l.Entry = head
		out = append(out, l)
	}
	return out
}

// Every kind of the journal of a centre has its words.
func TestHostWords(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{
		hosting.KindTownCreated, hosting.KindTownInvited, hosting.KindTownSuspended, hosting.KindTownResumed, hosting.KindPersonAdded,
		hosting.KindPersonInvited, hosting.KindPersonGone, hosting.KindEnrolled, hosting.KindKeyAdded, hosting.KindKeyRevoked,
	} {
		if hostWords(kind) == "" {
			t.Errorf("%s has no words", kind)
		}
	}
	if NewHost(HostOptions{Centre: &hosting.Centre{}, Log: slog.New(slog.DiscardHandler)}) == nil {
		t.Error("no pages")
	}
}
