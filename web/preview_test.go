package web

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"parapheur/approvals"
	"parapheur/approvals/proof"
	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/problem"
	"parapheur/journal"
	"parapheur/signing"
)

// This file holds sample values rich enough to show every page in every
// state: what templates are tested with, photographed with and judged with.

var paris = mustLocation("Europe/Paris")

func mustLocation(name string) *time.Location {
	l, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return l
}

func at(day, hour, minute int) time.Time { return time.Date(2026, 11, day, hour, minute, 0, 0, paris) }

func sampleNow() calendar { return calendar{at(23, 12, 47)} }

// The people of a town that does not exist.
func mayor() dossiers.Person {
	return dossiers.Person{
		ID: "garnier", Civility: "Mme", GivenName: "Hélène", FamilyName: "Garnier", Email: "maire@saint-aubin.example", Active: true, Passkeys: 2,
		Seats: []dossiers.Seat{{Desk: "maire", Name: "Maire", Quality: "Maire"}},
	}
}

func manager() dossiers.Person {
	return dossiers.Person{
		ID: "rousseau", Civility: "M.", GivenName: "Philippe", FamilyName: "Rousseau", Email: "dgs@saint-aubin.example", Active: true, Passkeys: 1,
		Seats: []dossiers.Seat{{Desk: "dgs", Name: "Direction générale", Quality: "Directeur général des services"}},
	}
}

func drafter() dossiers.Person {
	return dossiers.Person{
		ID: "marchand", Civility: "Mme", GivenName: "Claire", FamilyName: "Marchand", Email: "c.marchand@saint-aubin.example",
		Active: true, Drafter: true, Passkeys: 1,
	}
}

func administrator() dossiers.Person {
	return dossiers.Person{
		ID: "tessier", Civility: "M.", GivenName: "Yann", FamilyName: "Tessier", Email: "y.tessier@saint-aubin.example",
		Active: true, Admin: true, Drafter: true, Prepares: []circuits.DeskID{"maire"},
	}
}

func sampleCircuit() circuits.Definition {
	return circuits.Definition{Code: "engagement", Version: 3, Name: "Lettre avec engagement financier", Steps: []circuits.Step{
		{ID: "visa-service", Kind: circuits.Visa, Desk: "technique", Title: "Visa des services techniques"},
		{ID: "visa-dgs", Kind: circuits.Visa, Desk: "dgs", Title: "Visa de la direction générale"},
		{ID: "signature", Kind: circuits.Signature, Desk: "maire", Title: "Signature de la Maire"},
	}}
}

func samplePath() []dossiers.PathStep {
	c := sampleCircuit()
	return []dossiers.PathStep{
		{Step: c.Steps[0], Desk: "Services techniques", Holders: []dossiers.Holder{{Person: "legoff", Name: "Sophie Le Goff", Quality: "Directrice des services techniques", Able: true}}, Status: circuits.Ahead},
		{Step: c.Steps[1], Desk: "Direction générale", Holders: []dossiers.Holder{{Person: "rousseau", Name: "Philippe Rousseau", Quality: "Directeur général des services", Able: true}}, Status: circuits.Ahead},
		{Step: c.Steps[2], Desk: "Maire", Holders: []dossiers.Holder{{Person: "garnier", Name: "Hélène Garnier", Quality: "Maire", Able: true}}, Status: circuits.Ahead},
	}
}

func actor(id circuits.PersonID, name, quality string) circuits.Actor {
	return circuits.Actor{Person: id, Name: name, Quality: quality}
}

func digest(b byte) circuits.Digest {
	var d circuits.Digest
	for i := range d {
		d[i] = b + byte(i)*7
	}
	return d
}

func sampleDocuments() []dossiers.Document {
	rev := func(b byte, n int64) dossiers.Revision {
		return dossiers.Revision{Version: 1, Bytes: n, SHA256: digest(b), At: at(20, 9, 12)}
	}
	return []dossiers.Document{
		{N: 1, Name: "Lettre-Lefevre.pdf", Pages: 2, Revision: rev(0x9f, 184212), Approved: rev(0x9f, 184212)},
		{N: 2, Name: "Plan du chantier.pdf", Pages: 1, Revision: rev(0x31, 98304), Approved: rev(0x31, 98304)},
		{N: 3, Name: "Arrêté 2026-388.pdf", Pages: 1, Revision: rev(0x77, 72704), Approved: rev(0x77, 72704)},
	}
}

// sampleView is a letter after its two visas, before the mayor's signature.
func sampleView() dossiers.View {
	c := sampleCircuit()
	legoff, rousseau := actor("legoff", "Sophie Le Goff", "Directrice des services techniques"), actor("rousseau", "Philippe Rousseau", "Directeur général des services")
	events := []circuits.Event{
		circuits.Deposited{By: actor("marchand", "Claire Marchand", ""), Drafter: "marchand", Document: digest(0x9f), Bytes: 184212, At: at(20, 9, 12)},
		circuits.Started{By: actor("marchand", "Claire Marchand", ""), Circuit: c, CircuitHash: c.Hash(), At: at(20, 9, 13)},
		circuits.StepDecided{Step: 0, Verdict: circuits.GivesVisa, By: legoff, Document: digest(0x9f), Evidence: digest(1), At: at(20, 14, 40)},
		circuits.StepDecided{Step: 1, Verdict: circuits.GivesVisa, By: rousseau, Document: digest(0x9f), Evidence: digest(2), At: at(23, 8, 5)},
	}
	v := dossiers.View{
		Dossier: dossiers.Dossier{
			ID: "0193-mariniers", Number: 1147, Title: "Réfection du trottoir, rue des Mariniers", Recipient: "M. et Mme Lefèvre",
			TypeCode: "engagement", TypeName: "Lettre avec engagement financier", ExternalReference: "GEC-2026-04411",
			Note:    "Crédits vérifiés avec les finances. J’ai ajouté la phrase sur l’accès au garage.",
			Drafter: dossiers.Holder{Person: "marchand", Name: "Claire Marchand"}, Documents: sampleDocuments(),
			CreatedAt: at(20, 9, 12), UpdatedAt: at(23, 8, 5),
		},
		Path: samplePath(), Step: 2, As: dossiers.Seat{Desk: "maire", Name: "Maire", Quality: "Maire"},
		Can: dossiers.Verbs{Sign: true, Refuse: true}, Previous: "0193-a", Next: "0193-b", Place: 3, Tray: 7,
	}
	return unfold(v, events)
}

// unfold gives v the state and the history of events.
func unfold(v dossiers.View, events []circuits.Event) dossiers.View {
	v.State = circuits.Fold(events)
	v.History = nil
	times := []time.Time{at(20, 9, 12), at(20, 9, 13), at(20, 14, 40), at(23, 8, 5), at(23, 12, 44), at(23, 12, 45), at(23, 12, 45)}
	for i, e := range events {
		v.History = append(v.History, dossiers.Happening{Seq: int64(4410 + i), At: times[min(i, len(times)-1)], Event: e})
	}
	v.Path = samplePath()
	for i := range v.State.Steps {
		v.Path[i].Status, v.Path[i].Awaiting = v.State.Steps[i].Status, v.State.Steps[i].Awaiting
		for k := range v.State.Decisions {
			if d := &v.State.Decisions[k]; d.Step == i && d.Standing == circuits.Holds {
				v.Path[i].Decision = d
			}
		}
	}
	return v
}

func history(v dossiers.View) []circuits.Event {
	var out []circuits.Event
	for _, h := range v.History {
		out = append(out, h.Event)
	}
	return out
}

// later returns the sample after more happened, for somebody who may do what
// can says.
func later(can dossiers.Verbs, more ...circuits.Event) dossiers.View {
	v := sampleView()
	v = unfold(v, append(history(v), more...))
	v.Can, v.Step, v.Place, v.Tray, v.UpdatedAt = can, -1, 0, 0, at(23, 12, 45)
	return v
}

func sampleSigned() dossiers.View {
	v := later(dossiers.Verbs{},
		circuits.StepDecided{Step: 2, Verdict: circuits.Signs, By: actor("garnier", "Hélène Garnier", "Maire"), Document: digest(0x9f), Evidence: digest(3), At: at(23, 12, 44)},
		circuits.StepSealed{Step: 2, Signed: digest(0x44), Bytes: 210000, Level: "PAdES-BASELINE-T", At: at(23, 12, 45)},
		circuits.CircuitCompleted{Signed: digest(0x44), At: at(23, 12, 45)})
	v.Documents[0].Revision.Number, v.Documents[0].Revision.SHA256 = 1, digest(0x44)
	return v
}

func sampleAwaiting() dossiers.View {
	return later(dossiers.Verbs{},
		circuits.StepDecided{Step: 2, Verdict: circuits.Signs, By: actor("garnier", "Hélène Garnier", "Maire"), Document: digest(0x9f), Evidence: digest(3), At: at(23, 12, 44)},
		circuits.TimestampAwaited{Step: 2, At: at(23, 12, 45)})
}

func sampleRefused() dossiers.View {
	return later(dossiers.Verbs{Correct: true, Withdraw: true},
		circuits.StepRefused{Step: 2, By: actor("garnier", "Hélène Garnier", "Maire"), Reason: "La date du chantier a changé\u00a0: du 14 au 17 décembre. Merci de corriger le troisième paragraphe.", Document: digest(0x9f), Evidence: digest(3), At: at(23, 12, 44)})
}

func sampleDraft() dossiers.View {
	v := sampleView()
	v = unfold(v, history(v)[:1])
	v.Can, v.Step, v.Place, v.Tray = dossiers.Verbs{Start: true, Correct: true, Withdraw: true}, -1, 0, 0
	v.Documents = v.Documents[:1]
	return v
}

func sampleRows() []dossiers.Row {
	row := func(id, title, who, by, kind string, since time.Time, opened bool, annexes int) dossiers.Row {
		return dossiers.Row{
			ID: dossiers.ID(id), Number: 1139 + int64(len(title)), Title: title, Recipient: who, DrafterName: by, TypeName: kind, Phase: circuits.Running,
			StepTitle: "Signature de la Maire", StepKind: circuits.Signature, Step: 3, Steps: 3, Annexes: annexes, Opened: opened,
			Since: since, UpdatedAt: since, LastDecidedBy: "Philippe Rousseau",
		}
	}
	return []dossiers.Row{
		row("l1", "Demande de pièces complémentaires, permis 26 00031", "Mme Jeanne Aubry", "Claire Marchand", "Urbanisme", at(12, 9, 0), false, 0),
		row("l2", "Renouvellement de la convention de secours", "Syndicat des eaux du Val", "Louis Perrin", "Courrier simple", at(20, 10, 0), true, 0),
		row("l3", "Réfection du trottoir, rue des Mariniers", "M. et Mme Lefèvre", "Claire Marchand", "Lettre avec engagement financier", at(20, 15, 0), false, 2),
		row("l4", "Cérémonie de remise du brevet", "Mme la Principale, collège des Tilleuls", "Nadia Ferreira", "Cabinet", at(22, 11, 0), false, 0),
		row("l5", "Admission en non-valeur, exercice 2026", "Centre des finances publiques", "Louis Perrin", "Lettre avec engagement financier", at(23, 8, 0), true, 1),
		row("l6", "Prêt de la halle du port, mars 2027", "Les Amis de la Gabare", "Thomas Nguyen", "Courrier simple", at(23, 9, 30), true, 0),
		row("l7", "Candidature au poste d’animatrice", "Mme Inès Caron", "Aïcha Diallo", "Courrier simple", at(23, 10, 0), false, 0),
	}
}

func sampleTypes() []dossiers.TypeView {
	c := sampleCircuit()
	path := samplePath()
	simple := circuits.Definition{Code: "simple", Version: 1, Name: "Courrier simple", Steps: c.Steps[1:]}
	short := []dossiers.PathStep{path[1], path[2]}
	broken := slices.Clone(path)
	broken[0].Desk, broken[0].Holders = "Finances", nil
	broken[0].Step.Title = "Visa des finances"
	return []dossiers.TypeView{
		{Type: dossiers.Type{Code: "simple", Name: "Courrier simple", Hint: "Réponse à un habitant, à une association.", Circuit: simple}, Path: short},
		{Type: dossiers.Type{Code: "engagement", Name: "Lettre avec engagement financier", Hint: "Dès qu’une dépense est promise.", Circuit: c}, Path: path},
		{Type: dossiers.Type{Code: "finances", Name: "Convention", Hint: "Avec un organisme ou une entreprise.", Circuit: c}, Path: broken},
	}
}

// A sample is a page under the name of its picture.
type sample struct {
	name string
	page page
}

// samples returns every page in every state worth looking at.
func samples(s *server) []sample {
	c := sampleNow()
	fr := func(p dossiers.Person, title, section string) frame {
		v := &visit{tenant: sampleTenant(), session: dossiers.Session{ID: "s", CSRF: "jeton"}, viewer: dossiers.Viewer{Person: &p}}
		f := s.frame(v, title, section)
		f.others = nil // there is no store behind samples
		return f
	}
	out := func(title string) frame {
		f := s.frame(&visit{tenant: sampleTenant()}, title, "")
		f.Body = "center door-page"
		return f
	}
	var all []sample
	add := func(name string, p page) { all = append(all, sample{name, p}) }

	door := &signInPage{frame: out("Se connecter"), Next: "/dossiers/0193"}
	add("connexion", door)
	ended := *door
	ended.Expired = true
	add("connexion-fin", &ended)
	add("enrolement", &enrolPage{frame: out("Bienvenue"), Name: "Hélène Garnier", Token: "jeton-d-invitation"})

	counts := map[dossiers.Bin]int{dossiers.BinToDo: 7, dossiers.BinUndoable: 1, dossiers.BinFollowed: 12, dossiers.BinCompleted: 4}
	bins := newBinsPage(mayor(), dossiers.BinToDo, counts, sampleRows(), c)
	bins.frame, bins.More = fr(mayor(), "À traiter", "bannettes"), "/bannettes?apres=x"
	bins.Live, bins.Scripts = "*", []string{"js/bins.js"}
	add("bannettes", bins)
	none := newBinsPage(mayor(), dossiers.BinToDo, map[dossiers.Bin]int{dossiers.BinFollowed: 12}, nil, c)
	none.frame, none.Alerts = fr(mayor(), "À traiter", "bannettes"), newKeyAlerts([]dossiers.Credential{enrolled(credential("Autre", false, "usb"), "lien d’invitation")}, c)
	add("bannettes-vide", none)
	back := sampleRows()[2:3]
	back[0].Phase, back[0].LastRefusal, back[0].LastDecidedBy = circuits.Refused, "La date du chantier a changé\u00a0: du 14 au 17 décembre.", "Hélène Garnier"
	returned := newBinsPage(drafter(), dossiers.BinReturned, map[dossiers.Bin]int{dossiers.BinReturned: 1, dossiers.BinDrafts: 2, dossiers.BinFollowed: 9}, back, c)
	returned.frame, returned.Scripts = fr(drafter(), "Rejetés", "bannettes"), []string{"js/bins.js"}
	add("bannettes-rejetes", returned)

	letter := func(name string, v dossiers.View, who dossiers.Person) {
		p := newLetterPage(v, who, c)
		p.frame = fr(who, v.Title, "bannettes")
		p.Body, p.Vendor, p.Scripts = "reading", s.assets.vendor, []string{"js/letter.js", "js/decision.js"}
		add(name, p)
	}
	letter("dossier", sampleView(), mayor())
	warned := newLetterPage(sampleView(), mayor(), c)
	warned.frame, warned.Alerts = fr(mayor(), "Une clé de plus", "bannettes"), none.Alerts
	warned.Body, warned.Vendor, warned.Scripts = "reading", s.assets.vendor, []string{"js/letter.js", "js/decision.js"}
	add("dossier-cle-de-plus", warned)
	letter("dossier-signe", sampleSigned(), mayor())
	letter("dossier-attente", sampleAwaiting(), mayor())
	letter("dossier-refuse", sampleRefused(), drafter())
	letter("dossier-brouillon", sampleDraft(), drafter())

	decide := func(name, of string, v dossiers.View, who dossiers.Person) {
		a := actOf(of)
		p := newDecisionPage(a, v, who, 7)
		p.frame = fr(who, a.heading, "bannettes")
		p.Body, p.Scripts = "sheet-page", []string{"js/decision.js"}
		add(name, p)
	}
	decide("signer", "signer", sampleView(), mayor())
	visa := sampleView()
	visa.As, visa.Can = dossiers.Seat{Desk: "dgs", Quality: "Directeur général des services"}, dossiers.Verbs{Visa: true, Refuse: true}
	decide("viser", "viser", visa, manager())
	decide("refuser", "refuser", sampleView(), mayor())
	decide("remords", "remords", later(dossiers.Verbs{Undo: true}), manager())
	actSamples(add, fr, s)

	deposit := &depositPage{frame: fr(drafter(), "Déposer une lettre", "deposer"), MaxSize: size(20 << 20), MaxBytes: 20 << 20}
	deposit.Types, deposit.Scripts = typeChoices(sampleTypes(), "engagement", drafter().Name()), []string{"js/upload.js"}
	add("deposer", deposit)
	wrong := *deposit
	wrong.LetterTitle, wrong.Recipient = field{Value: "Réfection du trottoir"}, field{Error: "Ce champ est nécessaire."}
	wrong.File = field{Error: "«\u00a0lettre.pdf\u00a0»\u00a0: Ce PDF est protégé par un mot de passe. Enregistrez-le sans protection, puis déposez-le à nouveau."}
	wrong.Problem = "Une information est incorrecte."
	wrong.Types = typeChoices(sampleTypes(), "finances", drafter().Name())
	wrong.Stamp = stampForm{Text: field{Value: "Хроно", Error: "Le tampon n’accepte que les lettres latines, les chiffres et la ponctuation."}, Town: true, All: true}
	add("deposer-erreurs", &wrong)
	rules := newRulesPage(dossiers.DefaultDepositRules())
	rules.frame, rules.Said = fr(administrator(), "Les règles de dépôt", "administration"), "Les règles sont enregistrées. Elles valent pour les prochains dépôts."
	add("regles", rules)

	add("retirer", &withdrawPage{frame: withBody(fr(drafter(), "Retirer la lettre", "bannettes"), "sheet-page"), ID: "0193", Back: "/dossiers/0193", Letter: "Réfection du trottoir", Rev: 4})
	correct := newCorrectPage(sampleRefused(), c)
	correct.frame, correct.MaxSize, correct.Scripts = fr(drafter(), "Corriger la lettre", "bannettes"), size(20<<20), []string{"js/upload.js"}
	add("corriger", correct)

	add("identites", identitiesSample(fr(administrator(), "Comptes rattachés", "administration")))
	add("quitter", &leavePage{frame: fr(dossiers.Person{}, "Au revoir", ""), SignOn: "ProConnect", Address: "https://auth.example/fin?state=x"})
	add("enrolements", enrolmentsSample(fr(administrator(), "Demandes d’enrôlement", "administration")))
	keys := newKeysPage([]dossiers.Credential{
		enrolled(credential("Mon téléphone", true, "internal"), "session ouverte avec une clé déjà enrôlée"), enrolled(credential("Clé USB du bureau", false, "usb"), "lien d’invitation"),
	}, c)
	keys.Alerts = newKeyAlerts([]dossiers.Credential{enrolled(credential("Clé USB du bureau", false, "usb"), "lien d’invitation")}, c)
	keys.frame, keys.Scripts = fr(mayor(), "Mes clés d’accès", "mes-cles"), []string{"js/enrol.js"}
	add("mes-cles", keys)
	one := newKeysPage([]dossiers.Credential{enrolled(credential("Mon téléphone", true, "internal"), "session ouverte avec une clé déjà enrôlée")}, c)
	one.frame, one.Problem = fr(mayor(), "Mes clés d’accès", "mes-cles"), "C’est votre dernière clé d’accès. Enregistrez-en une autre avant de révoquer celle-ci."
	add("mes-cles-une", one)

	gone := manager()
	gone.GivenName, gone.FamilyName, gone.Active, gone.Seats, gone.ID = "Karim", "Benali", false, nil, "benali"
	fresh := administrator()
	people := &peoplePage{
		frame: fr(administrator(), "Les personnes", "administration"), People: personLines([]dossiers.Person{mayor(), manager(), drafter(), fresh, gone}),
		Invited: &invitationNote{Name: "Claire Marchand", Link: "https://parapheur.saint-aubin.example/enrolement/8YxXqK2mB0o1zJ3n5rWcVt7uLsEaPdGhIjFkQ9", Expires: "le 30 novembre 2026 à 12" + nbsp + "h" + nbsp + "47", Again: true}, Mails: true,
	}
	add("administration", people)
	add("bureaux", &desksPage{
		frame: fr(administrator(), "Les bureaux", "administration"), People: []choice{{"garnier", "Hélène Garnier"}, {"rousseau", "Philippe Rousseau"}},
		Desks: deskLines([]dossiers.Desk{
			{ID: "maire", Name: "Maire", Holders: samplePath()[2].Holders, Preparers: []dossiers.Holder{{Name: "Nadia Ferreira"}}},
			{ID: "dgs", Name: "Direction générale", Holders: samplePath()[1].Holders},
			{ID: "finances", Name: "Finances"},
		}),
	})
	for name, p := range circuitSamples(fr) {
		add(name, p)
	}
	certificates := newCertificatesPage(sampleKeys(), signing.BLTA.String(), sampleNow())
	certificates.frame = fr(administrator(), "Certificats et clés", "administration")
	add("certificats", certificates)
	for _, one := range pictureSamples(fr) {
		add(one.name, one.page)
	}
	add("autoriser", &activationPage{frame: fr(mayor(), "Autoriser la signature", ""), Count: "2 lettres", Letters: []choice{{"/dossiers/1", "Réfection du trottoir"}, {"/dossiers/2", "Félicitations"}}})
	add("autoriser-service", &activationPage{frame: fr(mayor(), "Autoriser la signature", ""), Count: "2 lettres", Redirect: "https://signature.example/oauth2/authorize?state=s", Host: "signature.example"})
	add("autoriser-rien", &activationPage{frame: fr(mayor(), "Autoriser la signature", ""), Count: "aucune lettre", Problem: "Votre clé de signature doit être activée. Recommencez."})
	add("circuits-vide", &circuitsPage{frame: fr(administrator(), "Les circuits", "administration")})
	connectors := sampleConnectors()
	connectors.frame = fr(administrator(), "Les connecteurs", "administration")
	add("connecteurs", connectors)
	add("applications", &applicationsPage{
		frame: fr(administrator(), "Les applications", "administration"), Scopes: scopeChoices(dossiers.Tenant{}), People: []choice{{"marchand", "Claire Marchand"}},
		Applications: applicationCards([]dossiers.Application{{ID: "gec", Name: "Gestion du courrier", DefaultDrafter: "marchand", Keys: []dossiers.APIKey{
			{ID: "3f9a51cc00d1e27b", Scopes: dossiers.Scopes(), CreatedAt: at(3, 9, 0), ExpiresAt: at(3, 9, 0).AddDate(1, 0, 0), LastUsed: at(23, 12, 40)},
			{ID: "77b1aa0e5c99d210", Scopes: dossiers.Scopes()[:2], CreatedAt: at(1, 9, 0), RevokedAt: at(3, 9, 5)},
		}}}, []dossiers.Person{drafter()}, c),
		Shown: &secretNote{"Gestion du courrier", "pk_3f9a51cc00d1e27b_q0Z8vJ1nX4kT7sYb2LmR9wHcE6uAaGfD3iPoKjN5xVs"},
	})
	program := &applicationPage{
		Scopes: scopeChoices(dossiers.Tenant{}), Secret: "whsec_q0Z8vJ1nX4kT7sYb2LmR9wHcE6uAaGfD3iPoKjN5xVs=", Hooks: []hookCard{
			newHookCard(dossiers.Webhook{ID: "h1", URL: "https://gec.mairie.example/parapheur", Status: dossiers.WebhookActive, Position: 4410, Head: 4415}, []dossiers.Delivery{
				{ID: "msg_1", Kind: circuits.KindCompleted, State: dossiers.DeliveryDone, Attempts: 1, CreatedAt: at(23, 12, 40)},
				{ID: "msg_2", Kind: circuits.KindRefused, State: dossiers.DeliveryFailed, Attempts: 3, Error: "L’adresse a répondu 502.", CreatedAt: at(23, 12, 41)},
			}, c),
			newHookCard(dossiers.Webhook{ID: "h2", URL: "https://ancienne.example/", Status: dossiers.WebhookSuspended, Reason: "Dix essais en trois jours ont échoué.", StatusAt: at(23, 9, 0), Kinds: []string{circuits.KindCompleted}}, nil, c),
		},
	}
	program.fill(dossiers.Application{ID: "gec", Name: "Gestion du courrier", Types: []string{"courrier-simple"}}, sampleTypes(), []dossiers.Call{
		{At: at(23, 12, 45), Method: "GET", Path: "/api/v1/events", Status: 200, Address: "192.0.2.10"}, {At: at(23, 12, 44), Method: "POST", Path: "/api/v1/dossiers", Status: 422, Address: "192.0.2.10"},
	}, c)
	program.frame = fr(administrator(), "Gestion du courrier", "administration")
	add("application", program)
	journalPage := newJournalPage([]journal.Entry{
		{Seq: 4411, At: at(20, 9, 13), Kind: circuits.KindStarted, Body: []byte(`{"by":{"name":"Claire Marchand"}}`), Hash: digest(9)},
		{Seq: 4412, At: at(20, 14, 40), Kind: circuits.KindDecided, Body: []byte(`{"by":{"name":"Sophie Le Goff","quality":"Directrice des services techniques"}}`), Hash: digest(12)},
		{Seq: 4413, At: at(23, 12, 45), Kind: circuits.KindSealed, Body: []byte(`{"step":2}`), Hash: digest(77)},
		{Seq: 4414, At: at(23, 12, 46), Kind: "person.invited", Subject: "garnier", Body: []byte(`{"by":{"name":"Marc Delattre"}}`), Hash: digest(78)},
		{Seq: 4415, At: at(23, 12, 47), Kind: "seat.removed", Subject: "maire", Body: []byte(`{"person":"garnier","by":{"name":"Marc Delattre"}}`), Hash: digest(79)},
	}, map[string]string{"garnier": "Hélène Garnier", "maire": "Maire"}, c)
	journalPage.frame, journalPage.Older = fr(administrator(), "Le journal", "administration"), "/administration/journal?avant=4411"
	add("journal", journalPage)

	all = append(all, organisationSamples(fr)...)
	all = append(all, hostSamples(s, fr)...)

	public := func(title string) frame { return s.frame(&visit{tenant: sampleTenant()}, title, "verifier") }
	add("verifier", &verifyPage{frame: public("Vérifier une lettre"), MaxSize: size(100 << 20)})
	add("verifier-erreur", &verifyPage{frame: fr(mayor(), "Vérifier une lettre", "verifier"), MaxSize: size(100 << 20), File: field{Error: "Choisissez le PDF à vérifier."}})
	verdicts := verifySamples()
	for _, name := range slices.Sorted(maps.Keys(verdicts)) {
		add("verifier-"+name, &verifyPage{frame: public(verdicts[name].Heading), Verdict: verdicts[name]})
	}

	add("accessibilite", &accessPage{fr(mayor(), "Déclaration d’accessibilité", "")})
	text := newTextPage("Réfection du trottoir, rue des Mariniers", "0193", []string{"Madame, Monsieur,\r\nPar votre lettre du 2 novembre, vous avez appelé mon attention sur l’état du\r\ntrottoir devant votre domicile.\r\nJe vous remercie.\r\n", "La Maire,\nHélène Garnier"})
	text.frame = fr(mayor(), "En texte", "bannettes")
	add("texte", text)
	unread := newTextPage("Lettre numérisée", "0193", []string{""})
	unread.frame = fr(mayor(), "En texte", "bannettes")
	add("texte-absent", unread)

	for name, d := range map[string]dossiers.View{"panneau": sampleView(), "panneau-signe": sampleSigned()} {
		p := &panelPage{frame: withBody(s.frame(&visit{tenant: sampleTenant()}, d.Title, ""), "embedded"), Open: "http://localhost/dossiers/0193", Here: "/panneau/jeton"}
		p.fill(d, c)
		add(name, p)
	}
	add("panneau-expire", &panelPage{frame: withBody(s.frame(&visit{tenant: sampleTenant()}, "Panneau", ""), "embedded"), Expired: true})

	fault := func(name string, p problem.Problem, ref string) {
		m := mayor()
		v := &visit{tenant: sampleTenant(), session: dossiers.Session{ID: "s", CSRF: "jeton"}, viewer: dossiers.Viewer{Person: &m}}
		add(name, s.errorPage(v, httptest.NewRequest(http.MethodGet, "/dossiers/0193/signer", nil), p, ref))
	}
	fault("erreur-404", problemOf(dossiers.ErrNotFound), "")
	fault("erreur-403", problemOf(dossiers.ErrForbidden), "")
	fault("erreur-409", problemOf(circuits.ErrState), "")
	fault("erreur-410", problemOf(dossiers.ErrInvitation), "")
	fault("erreur-500", problemOf(os.ErrClosed), "9f3c51ab77")
	return all
}

func withBody(f frame, class string) frame { f.Body = class; return f }

func credential(label string, synced bool, transport string) approvals.Credential {
	return approvals.Credential{ID: []byte(label), Label: label, BackupEligible: synced, Transports: []string{transport}, CreatedAt: at(3, 9, 0)}
}

// enrolled gives c the statement of an enrolment that Marc Delattre answers for.
func enrolled(c approvals.Credential, check string) dossiers.Credential {
	some := proof.SHA256([]byte(c.Label))
	e := proof.Enrolment{
		Schema: "parapheur.enrolment.v1", Tenant: sampleTenant().SIRET, Person: "garnier", Quality: "Maire", IdentityCheck: check, EnrolledBy: "Marc Delattre",
		CredentialIDSHA256: some, COSEKeySHA256: some, AttestationObjectSHA256: some, Nonce: proof.Nonce(some), IssuedAt: 1,
	}
	raw, err := e.Canonical()
	if err != nil {
		panic(err)
	}
	c.EnrolmentStatement = raw
	return dossiers.Credential{Credential: c}
}

// enrolmentsSample is a passkey that waits, and one's own.
func enrolmentsSample(f frame) *enrolmentsPage {
	return &enrolmentsPage{frame: f, Alone: true, Requests: newEnrolmentLines([]dossiers.EnrolmentRequest{
		{Holder: dossiers.Person{ID: "garnier", GivenName: "Hélène", FamilyName: "Garnier", Email: "helene.garnier@saint-aubin.example"}, PendingPasskey: dossiers.PendingPasskey{
			Person: "garnier", InvitedBy: "Marc Delattre", Pending: approvals.Pending{Credential: credential("Mon téléphone", true, "internal")},
		}},
		{Holder: dossiers.Person{ID: "delattre", GivenName: "Marc", FamilyName: "Delattre", Email: "marc.delattre@saint-aubin.example"}, PendingPasskey: dossiers.PendingPasskey{
			Person: "delattre", Pending: approvals.Pending{Credential: credential("Clé USB", false, "usb")},
		}},
	}, "delattre", sampleNow())}
}

// identitiesSample is an account that waits, and one in service.
func identitiesSample(f frame) *identitiesPage {
	p := &identitiesPage{frame: f, SignOn: "ProConnect", People: []personLine{{ID: "garnier", Name: "Mme Hélène Garnier", Email: "helene.garnier@saint-aubin.example"}}}
	p.Requests, p.Linked = newIdentityLines(
		[]dossiers.IdentityRequest{{ID: "1", Account: dossiers.Account{Issuer: "https://auth.example", IDP: "idp"}, GivenName: "Hélène", FamilyName: "Garnier", Email: "h.garnier@saint-aubin.example", ACR: "eidas2"}},
		[]dossiers.Identity{{ID: "2", Person: "delattre", Email: "m.delattre@saint-aubin.example", How: "approval", LinkedBy: "Julien Caron"}},
		[]dossiers.Person{{ID: "delattre", GivenName: "Marc", FamilyName: "Delattre"}}, sampleNow())
	return p
}

func sampleTenant() dossiers.Tenant {
	return dossiers.Tenant{ID: "t", SIRET: "21490000000000", Name: "Ville de Saint-Aubin-sur-Loire", Place: "Saint-Aubin-sur-Loire", RPID: "localhost", Origin: "http://localhost"}
}

func newPreview(tb testing.TB) *server {
	tb.Helper()
	s, err := newServer(Options{Office: &dossiers.Office{}, Version: "0.1"})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// preview serves the samples with their static files and pictures of pages.
func preview(s *server) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/static/", s.assets)
	pages := map[string]page{}
	for _, one := range samples(s) {
		pages[one.name] = one.page
	}
	mux.HandleFunc("/{name}", func(w http.ResponseWriter, r *http.Request) {
		p, ok := pages[r.PathValue("name")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		if err := s.show(w, r, http.StatusOK, p); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	mux.HandleFunc("/dossiers/{id}/{act}", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/"+r.PathValue("act"), http.StatusTemporaryRedirect)
	})
	mux.HandleFunc("/dossiers/{id}/documents/{n}/pages/{page}", func(w http.ResponseWriter, r *http.Request) {
		name := "page1.png"
		switch {
		case r.PathValue("n") != "1":
			name = "annexe.png"
		case strings.HasPrefix(r.PathValue("page"), "2"):
			name = "page2.png"
		}
		http.ServeFile(w, r, filepath.Join("testdata", "pages", name))
	})
	return s.harden(mux)
}
