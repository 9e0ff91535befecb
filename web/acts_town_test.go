package web_test

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"parapheur/circuits"
	"parapheur/circuits/delegation"
	"parapheur/dossiers"
	"parapheur/internal/conditions"
	"parapheur/internal/demo"
)

// A set is a town whose administrator set more up: desks, a circuit of three
// steps with an opinion, a quorum of visas and a signature, a delegation.
type set struct {
	*town
	admin dossiers.Viewer
	desks map[string]circuits.DeskID
	ids   map[string]circuits.PersonID
}

func (at *town) viewer(t *testing.T, email string) dossiers.Viewer {
	t.Helper()
	p, err := at.system.Store.PersonByEmail(t.Context(), at.tenant.ID, email)
	if err != nil {
		t.Fatal(err)
	}
	return dossiers.Viewer{Tenant: at.tenant, Person: &p}
}

// newSet is a town with the circuit "marche". mandatory lists the fields of
// its type that are asked for at the deposit.
func newSet(t *testing.T, fields ...dossiers.Field) *set {
	t.Helper()
	s := &set{town: newTown(t), desks: map[string]circuits.DeskID{}, ids: map[string]circuits.PersonID{}}
	s.admin = s.viewer(t, demo.Administrator)
	o, ctx := s.system.Office, t.Context()
	for _, p := range s.founded.People {
		s.ids[p.Email] = p.ID
	}
	for _, name := range []string{"Finances", "Juridique"} {
		if _, err := o.AddDesk(ctx, s.admin, name); err != nil {
			t.Fatal(err)
		}
	}
	desks, err := s.system.Store.Desks(ctx, s.tenant.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range desks {
		s.desks[d.Name] = d.ID
	}
	s.seat(t, "Finances", demo.Preparer)
	s.seat(t, "Juridique", demo.Administrator)
	s.publish(t, circuits.Definition{Code: "marche", Name: "Marché public", Steps: s.steps()}, fields...)
	return s
}

func (s *set) seat(t *testing.T, desk, email string) {
	t.Helper()
	if err := s.system.Office.Seat(t.Context(), s.admin, s.desks[desk], s.ids[email], "Responsable "+desk, false); err != nil {
		t.Fatal(err)
	}
}

func (s *set) steps() []circuits.Step {
	on := func(name string) circuits.ActorRule {
		return circuits.ActorRule{Rule: circuits.NamedDesk, Desk: s.desks[name]}
	}
	return []circuits.Step{
		{ID: "avis", Kind: circuits.Opinion, Desk: s.desks["Finances"], Title: "Avis des finances", Days: 3},
		{ID: "visas", Kind: circuits.Visa, Title: "Visas des directions", Actors: []circuits.ActorRule{on("Finances"), on("Juridique"), on(demo.DeskDGS)}, Need: circuits.Need{Mode: circuits.Quorum, N: 2}, Days: 3},
		{ID: "signature", Kind: circuits.Signature, Desk: s.desks[demo.DeskMayor], Title: "Signature de la Maire"},
	}
}

func (s *set) amend(t *testing.T, list ...dossiers.Amendment) {
	t.Helper()
	if _, err := s.system.Office.Amend(t.Context(), s.admin, list...); err != nil {
		t.Fatal(err)
	}
}

// publish puts a circuit in force, with a type of its code that takes it.
func (s *set) publish(t *testing.T, d circuits.Definition, fields ...dossiers.Field) {
	t.Helper()
	s.amend(t, dossiers.CircuitDrafted{Circuit: d})
	d.Version = 1
	s.amend(t, dossiers.CircuitPublished{Circuit: d, SHA256: d.Hash()})
	s.amend(t, dossiers.TypeSet{Type: dossiers.TypeSetup{Code: d.Code, Name: d.Name, Circuit: d.Code, Metadata: fields}})
}

// delegates lets somebody sign for the mayor, from today on.
func (s *set) delegates(t *testing.T, to string, scope delegation.Scope) {
	t.Helper()
	day := delegation.DateOf(time.Now().AddDate(0, -1, 0))
	s.amend(t, dossiers.DelegationSet{Delegation: delegation.Delegation{
		Number: "2026-041", Basis: delegation.Signature, Signed: day, Published: day, Notified: day, Transmitted: day, From: day,
		Delegator: delegation.Party{Person: s.ids[demo.Mayor], Quality: "Maire"}, Delegate: delegation.Party{Person: s.ids[to], Quality: "Directeur général des services"},
		Scope: scope,
	}})
}

// sent deposits a letter of a type over the pages and returns its address.
func (c *client) sent(t *testing.T, kind string, more map[string]string) string {
	t.Helper()
	fields := map[string]string{"title": "Trottoir", "recipient": "Mme Aubry", "type": kind, "action": "start"}
	for k, v := range more {
		fields[kind+"/"+k] = v
	}
	w := c.deposit(fields, readSample(t))
	if w.Code != http.StatusSeeOther {
		t.Fatalf("deposit: %d %s", w.Code, textIn(w.Body.String()))
	}
	return w.Header().Get("Location")
}

// textIn is what a page says, without its markup: failures are readable.
func textIn(page string) string {
	if i := strings.Index(page, "<main"); i >= 0 {
		page = page[i:]
	}
	return strings.Join(strings.Fields(regexp.MustCompile("<[^>]*>").ReplaceAllString(page, " ")), " ")
}

func has(t *testing.T, what, page string, wanted ...string) {
	t.Helper()
	for _, w := range wanted {
		if !strings.Contains(page, w) {
			t.Errorf("%s does not say %q:\n%s", what, w, textIn(page))
		}
	}
}

// What needs no gesture is asked, answered and passed on with plain forms, and
// each lands where its person goes on; others' letters are not there.
func TestActsOnForms(t *testing.T) {
	s := newSet(t)
	drafter, finances, legal, manager := s.client(t, demo.Drafter), s.client(t, demo.Preparer), s.client(t, demo.Administrator), s.client(t, demo.DGS)
	path := drafter.sent(t, "marche", nil)

	// The desk of the finances asks the manager, who was not concerned before.
	if w := legal.post(path+"/demander-avis", url.Values{"to": {"x"}, "question": {"?"}}); w.Code != http.StatusConflict {
		t.Errorf("somebody else's turn asks: %d", w.Code)
	}
	page := finances.get(path + "/demander-avis")
	has(t, "the form of a question", page.Body.String(), "Votre question", "Juridique", "Philippe Rousseau")
	w := finances.post(path+"/demander-avis", url.Values{"to": {"personne:" + string(s.ids[demo.DGS])}, "question": {" "}})
	if w.Code != http.StatusUnprocessableEntity {
		t.Errorf("a question without words: %d", w.Code)
	}
	has(t, "a question without words", w.Body.String(), "Écrivez votre question.", `aria-invalid="true"`)
	w = finances.post(path+"/demander-avis", url.Values{"to": {"personne:" + string(s.ids[demo.DGS])}, "question": {"Est-ce budgété ?"}, "days": {"2"}, "waits": {"1"}})
	if w.Code != http.StatusSeeOther || !strings.HasPrefix(w.Header().Get("Location"), path+"?fait=avis-demande") {
		t.Fatalf("asked: %d %s %s", w.Code, w.Header().Get("Location"), textIn(w.Body.String()))
	}
	has(t, "the bin of who is asked", manager.get("/bannettes").Body.String(), "Trottoir", "Avis demandé")
	letter := manager.get(path).Body.String()
	has(t, "the letter of who is asked", letter, "Nadia Ferreira vous demande votre avis", "Est-ce budgété ?", "Répondre à la demande d’avis")
	seen := between(letter, `data-sha256="`, `"`)
	if w := manager.post(path+"/repondre", url.Values{"sense": {"defavorable"}, "advice": {""}, "seen": {seen}}); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("an unfavourable opinion without words: %d", w.Code)
	}
	w = manager.post(path+"/repondre", url.Values{"sense": {"reserve"}, "advice": {"Après le vote du budget."}, "seen": {seen}})
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/bannettes?fait=avis-rendu" {
		t.Fatalf("answered: %d %s %s", w.Code, w.Header().Get("Location"), textIn(w.Body.String()))
	}
	has(t, "the answer", finances.get(path).Body.String(), "Avis réservé, Philippe Rousseau", "Après le vote du budget.")

	// The turn passes to the legal desk; a reading is recorded.
	if w := finances.post(path+"/lecture", url.Values{"seen": {seen}}); w.Code != http.StatusConflict {
		t.Errorf("a reading of what was never opened: %d", w.Code)
	}
	finances.get(path + "/documents/1/contenu")
	if w := finances.post(path+"/lecture", url.Values{"seen": {seen}}); w.Code != http.StatusSeeOther {
		t.Errorf("read: %d %s", w.Code, textIn(w.Body.String()))
	}
	w = finances.post(path+"/transferer", url.Values{"to": {"bureau:" + string(s.desks["Juridique"])}, "reason": {"Absente"}})
	if w.Code != http.StatusSeeOther {
		t.Fatalf("transferred: %d %s", w.Code, textIn(w.Body.String()))
	}
	has(t, "the letter transferred", legal.get(path).Body.String(), "Lettre transférée à Juridique", "Au lieu de Finances", "Ont accusé lecture", "Donner mon avis")
	w = legal.post(path+"/deport", url.Values{"motive": {"Mon frère habite cette rue."}})
	if w.Code != http.StatusSeeOther {
		t.Fatalf("recused: %d %s", w.Code, textIn(w.Body.String()))
	}
	has(t, "the letter nobody can take", drafter.get(path).Body.String(), "Étape bloquée", "Se sont déportés", "Marc Delattre")

	// The drafter replaces it.
	other := drafter.sent(t, "courrier-simple", nil)
	w = drafter.post(path+"/remplacer", url.Values{"by": {strings.TrimPrefix(other, "/dossiers/")}, "reason": {"Nouvelle version"}})
	if w.Code != http.StatusSeeOther {
		t.Fatalf("superseded: %d %s", w.Code, textIn(w.Body.String()))
	}
	has(t, "the letter replaced", drafter.get(path).Body.String(), "Remplacée par une autre lettre", other)
	zoe := s.stranger(t)
	for _, act := range []string{"transferer", "demander-avis", "repondre", "deport", "remplacer", "recycler", "partir"} {
		if w := drafter.get(path + "/" + act); w.Code != http.StatusConflict {
			t.Errorf("%s of a letter replaced: %d", act, w.Code)
		}
		if w := zoe.get(path + "/" + act); w.Code != http.StatusNotFound {
			t.Errorf("%s of somebody else's letter: %d", act, w.Code)
		}
	}
}

// stranger is somebody of the town whom no letter concerns.
func (s *set) stranger(t *testing.T) *client {
	t.Helper()
	made, err := s.system.Office.AddPerson(t.Context(), s.admin, dossiers.Person{GivenName: "Zoé", FamilyName: "Autre", Email: fmt.Sprintf("zoe%d@x.fr", time.Now().UnixNano())})
	if err != nil {
		t.Fatal(err)
	}
	c := &client{at: s.town, token: "jeton-" + made.Email, session: dossiers.Session{ID: "session-" + made.Email, CSRF: "csrf", Expires: time.Now().Add(time.Hour), Person: made.ID}}
	if err := s.system.Store.OpenSession(t.Context(), s.tenant.ID, sha256.Sum256([]byte(c.token)), c.session); err != nil {
		t.Fatal(err)
	}
	return c
}

func between(s, before, after string) string {
	_, rest, _ := strings.Cut(s, before)
	found, _, _ := strings.Cut(rest, after)
	return found
}

// The fields of a type are asked for at its deposit, beside what is wrong with
// them; a step asks for its own before its decision.
func TestMetadataOnPages(t *testing.T) {
	s := newSet(t,
		dossiers.Field{Name: "montant", Label: "Montant", Type: conditions.Decimal, AtDeposit: true},
		dossiers.Field{Name: "imputation", Label: "Imputation", Type: conditions.Text, AtSteps: []circuits.StepID{"avis"}})
	drafter, finances := s.client(t, demo.Drafter), s.client(t, demo.Preparer)
	has(t, "the form", drafter.get("/deposer").Body.String(), `name="marche/metadata.montant"`, `name="marche/metadata.imputation"`)
	for wrong, said := range map[string]string{"": "Renseignez «\u00a0Montant\u00a0».", "beaucoup": "beaucoup"} {
		w := drafter.deposit(map[string]string{"title": "T", "recipient": "R", "type": "marche", "marche/metadata.montant": wrong}, readSample(t))
		if w.Code != http.StatusUnprocessableEntity {
			t.Errorf("montant %q: %d", wrong, w.Code)
		}
		has(t, "montant "+wrong, w.Body.String(), said)
	}
	path := drafter.sent(t, "marche", map[string]string{"metadata.montant": "1 200,50"})
	has(t, "the letter", drafter.get(path).Body.String(), "1200,5", "Montant")
	has(t, "the decision", finances.get(path+"/avis").Body.String(), "Informations à compléter", `name="metadata.imputation"`, "Enregistrer et continuer")
	w := finances.post(path+"/informations", url.Values{"metadata.imputation": {"60612"}, "retour": {"avis"}})
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != path+"/avis" {
		t.Fatalf("filed: %d %s %s", w.Code, w.Header().Get("Location"), textIn(w.Body.String()))
	}
	page := finances.get(path + "/avis").Body.String()
	has(t, "the decision, filed", page, "Donner mon avis avec ma clé d’accès")
	if strings.Contains(page, "data-before") {
		t.Error("it still asks for something first")
	}
	if w := s.client(t, demo.DGS).post(path+"/informations", url.Values{"metadata.montant": {"1"}}); w.Code != http.StatusConflict {
		t.Errorf("somebody who does not act there files: %d", w.Code)
	}
}

// A desk is chosen when the letter leaves, where its circuit lets choose.
func TestDeskChosenAtStart(t *testing.T) {
	s := newSet(t)
	among := []circuits.DeskID{s.desks["Finances"], s.desks["Juridique"]}
	s.publish(t, circuits.Definition{Code: "choix", Name: "Au choix", Steps: []circuits.Step{
		{ID: "visa", Kind: circuits.Visa, Title: "Visa d’un service", Actors: []circuits.ActorRule{{Rule: circuits.ChosenAtStart, Among: among}}},
		{ID: "signature", Kind: circuits.Signature, Desk: s.desks[demo.DeskMayor], Title: "Signature"},
	}})
	drafter := s.client(t, demo.Drafter)
	w := drafter.deposit(map[string]string{"title": "T", "recipient": "R", "type": "choix"}, readSample(t))
	if w.Code != http.StatusUnprocessableEntity {
		t.Errorf("no desk chosen: %d", w.Code)
	}
	has(t, "no desk chosen", w.Body.String(), "Un bureau reste à choisir")
	path := drafter.sent(t, "choix", map[string]string{"choice.visa": string(among[1])})
	has(t, "the letter", drafter.get(path).Body.String(), "Étape 1 sur 2\u00a0: Juridique", "Visa d’un service")

	// A draft asks on its way.
	w = drafter.deposit(map[string]string{"title": "T", "recipient": "R", "type": "choix", "action": "draft"}, readSample(t))
	draft := w.Header().Get("Location")
	if w := drafter.post(draft+"/envoyer", nil); w.Code != http.StatusSeeOther || w.Header().Get("Location") != draft+"/partir" {
		t.Fatalf("sent: %d %s", w.Code, w.Header().Get("Location"))
	}
	has(t, "the departure", drafter.get(draft+"/partir").Body.String(), "Visa d’un service", "Juridique")
	if w := drafter.post(draft+"/partir", url.Values{"choice.visa": {string(among[0])}}); w.Code != http.StatusSeeOther {
		t.Fatalf("left: %d %s", w.Code, textIn(w.Body.String()))
	}
}

// What waits in somebody's place is in a bin of its own: what the arrêté
// covers, and nothing else. What is late is too.
func TestDelegatedAndLateBins(t *testing.T) {
	s := newSet(t)
	s.publish(t, circuits.Definition{Code: "hors", Name: "Hors délégation", Steps: []circuits.Step{{ID: "s", Kind: circuits.Signature, Desk: s.desks[demo.DeskMayor], Title: "Signature"}}})
	drafter, manager, mayor := s.client(t, demo.Drafter), s.client(t, demo.DGS), s.client(t, demo.Mayor)
	covered, outside := drafter.sent(t, "courrier-cabinet", nil), drafter.sent(t, "hors", nil)
	if page := manager.get("/bannettes").Body.String(); strings.Contains(page, "En délégation") {
		t.Error("a bin of delegation without any")
	}
	s.delegates(t, demo.DGS, delegation.Scope{Types: []string{"courrier-cabinet"}})
	page := manager.get("/bannettes?bannette=en-delegation").Body.String()
	has(t, "the bin", page, covered+"?bannette=en-delegation", "Pour Hélène Garnier", "En délégation <b>1</b>")
	if strings.Contains(page, outside) {
		t.Error("the bin shows what the delegation does not cover")
	}
	has(t, "the letter", manager.get(covered).Body.String(), "Vous agissez pour Hélène Garnier, Maire", "Pour la Maire et par délégation, le Directeur général des services", "Signer")
	if w := manager.get(outside); w.Code != http.StatusNotFound {
		t.Errorf("a letter out of the delegation: %d", w.Code)
	}
	if page := mayor.get("/bannettes").Body.String(); strings.Contains(page, "En délégation") || strings.Contains(page, "En retard") {
		t.Error("the mayor has bins that do not concern her")
	}
	// Late: the deadline of the step passes.
	path := drafter.sent(t, "marche", nil)
	id := strings.TrimPrefix(path, "/dossiers/")
	past := dossiers.Reader{Person: *s.viewer(t, demo.Preparer).Person, Now: time.Now().AddDate(0, 1, 0)}
	rows, _, err := s.system.Store.List(t.Context(), s.tenant.ID, past, dossiers.BinLate, dossiers.Page{Limit: 10})
	if err != nil || !slices.ContainsFunc(rows, func(r dossiers.Row) bool { return string(r.ID) == id && r.Late }) {
		t.Errorf("late: %+v, %v", rows, err)
	}
	past.Now = time.Now()
	if rows, _, err := s.system.Store.List(t.Context(), s.tenant.ID, past, dossiers.BinLate, dossiers.Page{Limit: 10}); err != nil || len(rows) > 0 {
		t.Errorf("late today: %+v, %v", rows, err)
	}
}
