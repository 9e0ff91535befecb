package web_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"testing"

	"parapheur/circuits/delegation"
	"parapheur/dossiers"
	"parapheur/internal/demo"
)

// markIn reads what a form says that it was filled from.
func markIn(t *testing.T, what string, w *httptest.ResponseRecorder) string {
	t.Helper()
	found := regexp.MustCompile(`name="lu" value="([^"]+)"`).FindStringSubmatch(w.Body.String())
	if found == nil {
		t.Fatalf("%s carries no mark: %d", what, w.Code)
	}
	return found[1]
}

// A form that was open while another administrator saved undoes nothing: it is
// shown again with what was typed, says what differs, and replaces it only
// when it is saved again.
func TestNothingIsUndoneByAnOlderForm(t *testing.T) {
	t.Parallel()
	at := newTown(t)
	admin := at.client(t, demo.Administrator)
	other, err := at.system.Office.Viewer(t.Context(), at.tenant, admin.session)
	if err != nil {
		t.Fatal(err)
	}
	amend := func(a dossiers.Amendment) {
		t.Helper()
		if _, err := at.system.Office.Amend(t.Context(), other, a); err != nil {
			t.Fatal(err)
		}
	}
	g := at.organisation(t)
	desk := g.Desks[slices.IndexFunc(g.Desks, func(d dossiers.DeskSetup) bool { return d.Name == demo.DeskDGS })]
	kind := g.Types[0]
	member, _ := g.Member(at.personID(t, demo.Drafter))
	amend(dossiers.SequenceSet{Sequence: dossiers.Sequence{Code: "depart", Name: "Départ", Pattern: "{annee}-{numero}"}})
	arrete := delegation.Delegation{
		Number: "2026-041", Basis: delegation.Signature, Signed: "2026-03-28", From: "2026-04-01",
		Delegator: delegation.Party{Person: at.personID(t, demo.Mayor), Quality: "Maire"}, Delegate: delegation.Party{Person: at.personID(t, demo.DGS), Quality: "Directeur"},
	}
	amend(dossiers.DelegationSet{Delegation: arrete})
	arrete = at.organisation(t).Delegations[0]

	seats := url.Values{"name": {desk.Name}, "code": {"dgs"}, "holders-0-person": {string(desk.Holders[0].Person)}, "holders-0-quality": {"Directeur par intérim"}}
	closed, renamed, retired, published := desk, kind, member, arrete
	closed.Inactive, renamed.Hint, retired.Rank, published.Published = true, "Changée", 7, "2026-03-30"
	for _, one := range []struct {
		name, path string
		form       url.Values
		change     dossiers.Amendment
		typed      string
		differs    string
		multipart  bool
	}{
		{"desk", "/administration/bureaux/" + string(desk.ID), seats, dossiers.DeskSet{Desk: closed}, "Directeur par intérim", "Ne sert plus", false},
		{"type", "/administration/types/" + kind.Code, url.Values{"name": {"Mon type"}, "circuit": {kind.Circuit}}, dossiers.TypeSet{Type: renamed}, "Mon type", "Aide au rédacteur", false},
		{
			"person", "/administration/personnes/" + string(member.ID),
			url.Values{"given_name": {"Clara"}, "family_name": {member.FamilyName}, "email": {member.Email}, "drafter": {"1"}},
			dossiers.MemberSet{Member: retired},
			"Clara", "Rang au tableau du conseil", false,
		},
		{"sequence", "/administration/suites/depart", url.Values{"name": {"Mon départ"}, "pattern": {"{annee}-{numero}"}}, dossiers.SequenceSet{Sequence: dossiers.Sequence{Code: "depart", Name: "Départ", Pattern: "{an}/{numero}"}}, "Mon départ", "Modèle", false},
		{
			"delegation", "/administration/delegations/" + string(arrete.ID), url.Values{
				"number": {"2026-041 bis"}, "basis": {"L2122-19"}, "signed": {"2026-03-28"}, "from": {"2026-04-01"}, "priority": {"0"},
				"delegator": {string(arrete.Delegator.Person)}, "delegator_quality": {"Maire"}, "delegate": {string(arrete.Delegate.Person)}, "delegate_quality": {"Directeur"},
			}, dossiers.DelegationSet{Delegation: published}, "2026-041 bis", "Publié le", true,
		},
	} {
		t.Run(one.name, func(t *testing.T) {
			send := func() *httptest.ResponseRecorder {
				if one.multipart {
					return admin.multipart(one.path, one.form, "", nil)
				}
				return admin.post(one.path, one.form)
			}
			one.form.Set("lu", markIn(t, "the form", admin.get(one.path)))
			amend(one.change)
			before := at.organisation(t).Setup()
			w := send()
			if w.Code != http.StatusUnprocessableEntity {
				t.Fatalf("the older form: %d", w.Code)
			}
			says(t, "what it answers", w.Body.String(), "Quelqu’un d’autre a changé cette fiche", one.typed, one.differs, "Voir la fiche telle qu’elle est")
			if now := at.organisation(t).Setup(); !reflect.DeepEqual(now, before) {
				t.Error("something was changed")
			}
			one.form.Set("lu", markIn(t, "the form shown again", w))
			if w := send(); w.Code != http.StatusSeeOther {
				t.Errorf("saved knowingly: %d", w.Code)
			}
		})
	}
}

// A desk that circuits name is not closed, nor emptied, by somebody who was not
// told what would stop; afterwards the list of circuits says so, and whoever
// deposits a letter is warned.
func TestDeskInUseIsClosedKnowingly(t *testing.T) {
	t.Parallel()
	at := newTown(t)
	admin, drafter := at.client(t, demo.Administrator), at.client(t, demo.Drafter)
	w := drafter.deposit(map[string]string{"title": "Trottoir", "recipient": "Mme Aubry", "type": "courrier-simple", "action": "start"}, readSample(t))
	if w.Code != http.StatusSeeOther {
		t.Fatalf("deposit: %d %s", w.Code, w.Body)
	}
	desks := at.organisation(t).Desks
	desk := desks[slices.IndexFunc(desks, func(d dossiers.DeskSetup) bool { return d.Name == demo.DeskDGS })]
	path := "/administration/bureaux/" + string(desk.ID)
	for what, form := range map[string]url.Values{
		"closed":  {"name": {desk.Name}, "code": {desk.Code}, "inactive": {"1"}, "holders-0-person": {string(desk.Holders[0].Person)}, "holders-0-quality": {"Directeur"}},
		"emptied": {"name": {desk.Name}, "code": {desk.Code}},
	} {
		w := admin.post(path, form)
		if w.Code != http.StatusConflict {
			t.Fatalf("%s: %d", what, w.Code)
		}
		says(t, what, w.Body.String(), "Rien n’est enregistré encore", "lettre attend à ce bureau", "en service", "Courrier simple", `name="sachant"`)
	}
	sent(t, "knowingly", admin.post(path, url.Values{"name": {desk.Name}, "code": {desk.Code}, "inactive": {"1"}, "sachant": {"1"}, "holders-0-person": {string(desk.Holders[0].Person)}, "holders-0-quality": {"Directeur"}}), "/administration/bureaux")
	says(t, "the circuits", admin.get("/administration/circuits").Body.String(), "Arrêté : personne au bureau « "+demo.DeskDGS+" »")
	says(t, "the deposit", drafter.get("/deposer").Body.String(), "n’a personne pour agir")
	sent(t, "open again", admin.post(path, url.Values{"name": {desk.Name}, "code": {desk.Code}, "holders-0-person": {string(desk.Holders[0].Person)}, "holders-0-quality": {"Directeur"}}), "/administration/bureaux")
}
