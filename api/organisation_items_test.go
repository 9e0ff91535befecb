package api

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/towntest"
)

// get reads an operation of the hall.
func (h *hall) get(t *testing.T, path string, headers ...string) answer {
	t.Helper()
	return h.ask(t, http.MethodGet, base+path, nil, headers...)
}

func (h *hall) remove(t *testing.T, path string, headers ...string) answer {
	t.Helper()
	return h.ask(t, http.MethodDelete, base+path, nil, headers...)
}

// entries counts the journal of the town.
func (h *hall) entries(t *testing.T) int64 {
	t.Helper()
	head, err := h.Store.JournalHead(t.Context(), h.Tenant.ID)
	if err != nil {
		t.Fatal(err)
	}
	return head.Seq
}

type object = map[string]any

// Each item of the set-up is made, read, written again without effect,
// changed, and guarded by what was read of it.
func TestItemsOfTheSetup(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	reader := "Bearer " + h.newKey(t, "Lecteur", dossiers.ScopeOrganisationRead)
	for _, c := range []struct {
		path           string
		body, changed  object
		wrong, another object // refused by its content; named otherwise than its address
	}{
		{
			"/organisation/people/ldap-7",
			object{"email": "n.petit@ville.fr", "given_name": "Nadia", "family_name": "Petit", "drafter": true},
			object{"email": "n.petit@ville.fr", "given_name": "Nadia", "family_name": "Petit-Roy", "inactive": true},
			object{"email": "n.petit@ville.fr", "given_name": "Nadia", "family_name": "Petit", "admin": true},
			object{"external_id": "ldap-8", "email": "n.petit@ville.fr", "given_name": "Nadia", "family_name": "Petit"},
		},
		{
			"/organisation/desks/urbanisme",
			object{"code": "urbanisme", "name": "Urbanisme", "holders": []object{{"person": demo.DGS, "quality": "Chef du service"}}},
			object{"code": "urbanisme", "name": "Urbanisme et habitat", "inactive": true},
			object{"code": "urbanisme", "name": "Urbanisme", "holders": []object{{"person": "inconnue@x.fr", "quality": "X"}}},
			object{"code": "habitat", "name": "Habitat"},
		},
		{
			"/organisation/sequences/cabinet",
			object{"code": "cabinet", "name": "Cabinet", "pattern": "CAB-{annee}-{numero:04}"},
			object{"code": "cabinet", "name": "Cabinet", "pattern": "CAB/{an}/{numero:05}"},
			object{"code": "cabinet", "name": "Cabinet", "pattern": "CAB-{numero}"},
			object{"code": "autre", "name": "Cabinet", "pattern": "CAB-{annee}-{numero:04}"},
		},
		{
			"/organisation/types/voirie",
			object{"code": "voirie", "name": "Voirie", "circuit": "courrier-simple", "metadata": []object{{"name": "rue", "label": "Rue", "type": "text", "at_deposit": true}}},
			object{"code": "voirie", "name": "Voirie", "circuit": "courrier-simple", "inactive": true},
			object{"code": "voirie", "name": "Voirie", "circuit": "rien"},
			object{"code": "rues", "name": "Voirie", "circuit": "courrier-simple"},
		},
		{"/organisation/closures/2026-05-15", object{"label": "Pont"}, object{"label": "Pont de l’Ascension"}, object{"label": strings.Repeat("x", 121)}, nil},
		{"/organisation/applications/" + url.PathEscape("Logiciel d’urbanisme"), object{"default_drafter": demo.Drafter}, object{"default_drafter": demo.Drafter, "panel_origins": []string{"https://gec.mairie.fr"}}, object{"default_drafter": "inconnue@x.fr"}, nil},
	} {
		t.Run(c.path, func(t *testing.T) {
			h.get(t, c.path).is(404, "not-found")
			h.replace(t, c.path, c.body, "If-Match", "*").is(412, "stale-version")
			h.replace(t, c.path, c.body, "Authorization", reader).is(403, "insufficient-scope")
			h.replace(t, c.path, c.wrong).is(422, "invalid-input")
			if c.another != nil {
				h.replace(t, c.path, c.another).is(422, "invalid-input")
			}
			h.get(t, c.path).is(404, "not-found")

			tag := h.replace(t, c.path, c.body, "If-None-Match", "*").is(201).header.Get("ETag")
			if got := h.get(t, c.path, "Authorization", reader).is(200).header.Get("ETag"); got != tag || tag == "" {
				t.Errorf("read under %s, made under %s", got, tag)
			}
			before := h.entries(t)
			h.replace(t, c.path, c.body, "If-Match", tag).is(200)
			if h.entries(t) != before {
				t.Error("what changes nothing is in the journal")
			}
			h.replace(t, c.path, c.body).is(428, "precondition-required")
			h.replace(t, c.path, c.body, "If-None-Match", "*").is(412, "stale-version")
			h.replace(t, c.path, c.body, "If-Match", `"0"`).is(412, "stale-version")
			if c.changed == nil {
				return
			}
			next := h.replace(t, c.path, c.changed, "If-Match", tag).is(200).header.Get("ETag")
			if next == tag || h.entries(t) != before+1 {
				t.Error("a change was not made")
			}
			h.replace(t, c.path, c.body, "If-Match", tag).is(412, "stale-version")
		})
	}
	h.replace(t, "/organisation/people/ldap-7", object{"email": "autre@ville.fr", "given_name": "N", "family_name": "P"}, "If-Match", "*").is(422, "invalid-input")
	var closures, sequences, types, applications struct{ Data []object }
	h.get(t, "/organisation/closures").is(200).into(&closures)
	h.get(t, "/organisation/sequences").is(200).into(&sequences)
	h.get(t, "/organisation/types").is(200).into(&types)
	h.get(t, "/organisation/applications").is(200).into(&applications)
	if len(closures.Data) != 1 || len(sequences.Data) != 1 || len(types.Data) != 3 || len(applications.Data) < 3 {
		t.Errorf("%d closures, %d sequences, %d types, %d applications", len(closures.Data), len(sequences.Data), len(types.Data), len(applications.Data))
	}
	h.remove(t, "/organisation/closures/2026-05-15").is(428, "precondition-required")
	h.remove(t, "/organisation/closures/2026-05-15", "If-Match", `"0"`).is(412, "stale-version")
	h.remove(t, "/organisation/closures/2026-05-15", "If-Match", "*").is(204)
	h.remove(t, "/organisation/closures/2026-05-15", "If-Match", "*").is(404, "not-found")
}

func TestDepositRulesByREST(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	const path = "/organisation/deposit-rules"
	var rules SetupDepositRules
	a := h.get(t, path).is(200)
	a.into(&rules)
	if !rules.Refused["launch"] || rules.Refused["javascript"] {
		t.Fatalf("%+v", rules)
	}
	change := object{"refused": object{"javascript": true}}
	h.replace(t, path, change).is(428, "precondition-required")
	h.replace(t, path, object{"refused": object{"inconnu": true}}, "If-Match", "*").is(422, "invalid-input")
	h.replace(t, path, change, "If-Match", a.header.Get("ETag")).is(200).into(&rules)
	if !rules.Refused["javascript"] || !rules.Refused["launch"] {
		t.Errorf("%+v", rules)
	}
	h.replace(t, path, change, "If-Match", a.header.Get("ETag")).is(412, "stale-version")
}

func TestTerritoryByREST(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	const path = "/organisation/territory"
	a := h.get(t, path).is(200)
	h.replace(t, path, object{"region": "mayotte"}).is(428, "precondition-required")
	h.replace(t, path, object{"region": "atlantide"}, "If-Match", "*").is(422, "invalid-input")
	var at SetupTerritory
	h.replace(t, path, object{"region": "mayotte"}, "If-Match", a.header.Get("ETag")).is(200).into(&at)
	if at.Region != "mayotte" {
		t.Errorf("%+v", at)
	}
	h.replace(t, path, object{"region": ""}, "If-Match", a.header.Get("ETag")).is(412, "stale-version")
}

// An absence is planned for somebody, changed and cancelled; the same request
// under the same key plans one.
func TestAbsencesByREST(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	const path = "/organisation/absences"
	body := object{"person": demo.DGS, "from": "2026-07-13", "to": "2026-07-24", "replacement": demo.Mayor, "tray": "share"}
	for want, bad := range map[string]object{
		"aucune personne":  {"person": "inconnue@x.fr", "from": "2026-07-13", "to": "2026-07-24"},
		"finit avant":      {"person": demo.DGS, "from": "2026-07-13", "to": "2026-07-12"},
		"premier et le de": {"person": demo.DGS, "from": "2026-07-32", "to": "2026-08-12"},
		"elle-même":        {"person": demo.DGS, "from": "2026-07-13", "to": "2026-07-14", "replacement": demo.DGS},
	} {
		if a := h.tell(t, path, bad).is(422, "invalid-input"); !strings.Contains(strings.ToLower(string(a.body)), want) {
			t.Errorf("%s: %s", want, a.body)
		}
	}
	a := h.tell(t, path, body, "Idempotency-Key", "absence-0001").is(201)
	var made Absence
	a.into(&made)
	if again := h.tell(t, path, body, "Idempotency-Key", "absence-0001").is(201); again.header.Get("Idempotency-Replayed") != "true" || string(again.body) != string(a.body) {
		t.Errorf("played again: %s", again.body)
	}
	h.tell(t, path, object{"person": demo.Mayor, "from": "2026-07-13", "to": "2026-07-24"}, "Idempotency-Key", "absence-0001").is(422, "idempotency-key-reused")
	one := path + "/" + made.ID
	if a.header.Get("Location") != base+one || h.get(t, one).is(200).header.Get("ETag") != a.header.Get("ETag") {
		t.Errorf("%v", a.header)
	}
	longer := object{"person": demo.DGS, "from": "2026-07-13", "to": "2026-07-31", "replacement": demo.Mayor, "tray": "share"}
	h.replace(t, one, longer).is(428, "precondition-required")
	h.remove(t, one).is(428, "precondition-required")
	h.replace(t, one, object{"person": demo.Mayor, "from": "2026-07-13", "to": "2026-07-31"}, "If-Match", "*").is(422, "invalid-input")
	next := h.replace(t, one, longer, "If-Match", a.header.Get("ETag")).is(200).header.Get("ETag")
	h.replace(t, one, longer, "If-Match", a.header.Get("ETag")).is(412, "stale-version")
	h.remove(t, one, "If-Match", a.header.Get("ETag")).is(412, "stale-version")
	h.remove(t, one, "If-Match", next).is(200).into(&made)
	var all struct{ Data []Absence }
	h.get(t, path).is(200).into(&all)
	if !made.Cancelled || len(all.Data) != 1 || !all.Data[0].Cancelled || all.Data[0].To != "2026-07-31" {
		t.Errorf("%+v, %+v", made, all)
	}
	h.get(t, path+"/019b0000-0000-7000-8000-000000000000").is(404, "not-found")
}

// A delegation is recorded with the PDF of its arrêté, which is given back
// byte for byte; a letter of the town is not to be had under its digest.
func TestDelegationsByREST(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	d := h.put(t, "cle-0001", nil)
	const path = "/organisation/delegations"
	pdf := string(towntest.Sample(t, sample)) + "\n% arrêté\n"
	var kept KeptDocument
	h.ask(t, http.MethodPost, base+"/organisation/documents", strings.NewReader(pdf), "Content-Type", "application/pdf").is(201).into(&kept)
	h.ask(t, http.MethodPost, base+"/organisation/documents", strings.NewReader("PK\x03\x04"), "Content-Type", "application/pdf").is(422, "invalid-input")
	h.ask(t, http.MethodPost, base+"/organisation/documents", strings.NewReader(pdf), "Content-Type", "text/plain").is(415)
	h.ask(t, http.MethodPost, base+"/organisation/documents", strings.NewReader(strings.Repeat(" ", maxSetupDocument+1)), "Content-Type", "application/pdf").is(413)
	body := func(change object) object {
		b := object{
			"number": "2026-041", "basis": "L2122-19", "signed": "2026-03-28", "published": "2026-03-30", "transmitted": "2026-03-30", "notified": "2026-03-31",
			"from": "2026-04-01", "pdf_sha256": kept.SHA256, "delegator": object{"person": demo.Mayor, "quality": "Maire"}, "delegate": object{"person": demo.DGS, "quality": "Directeur général des services"},
			"scope": object{"types": []string{"courrier-simple"}},
		}
		for k, v := range change {
			b[k] = v
		}
		return b
	}
	for want, bad := range map[string]object{
		"Envoyez d’abord":   {"pdf_sha256": d.Documents[0].SHA256},
		"que rien ne décri": {"delegate": object{"person": "inconnue@x.fr", "quality": "DGS"}},
		"n’existe pas":      {"scope": object{"types": []string{"inconnu"}}},
	} {
		if a := h.tell(t, path, body(bad)).is(422, "invalid-input"); !strings.Contains(string(a.body), want) {
			t.Errorf("%s: %s", want, a.body)
		}
	}
	a := h.tell(t, path, body(nil), "Idempotency-Key", "delegation-1").is(201)
	var made TownDelegation
	a.into(&made)
	if h.tell(t, path, body(nil), "Idempotency-Key", "delegation-1").is(201).header.Get("Idempotency-Replayed") != "true" {
		t.Error("recorded twice")
	}
	h.tell(t, path, body(nil)).is(422, "invalid-input")
	one := path + "/" + made.ID
	if got := h.get(t, one+"/arrete").is(200); string(got.body) != pdf {
		t.Error("the arrêté is not as it was sent")
	}
	h.replace(t, one, body(object{"number": "2026-042"}), "If-Match", "*").is(422, "invalid-input")
	h.replace(t, one, body(object{"to": "2027-03-31"})).is(428, "precondition-required")
	h.replace(t, one, body(object{"to": "2027-03-31"}), "If-Match", `"0"`).is(412, "stale-version")
	h.remove(t, one).is(428, "precondition-required")
	partly(t, h, base+one+"/arrete")
	h.replace(t, one, body(object{"to": "2027-03-31"}), "If-Match", a.header.Get("ETag")).is(200).into(&made)
	h.remove(t, one, "If-Match", a.header.Get("ETag")).is(412, "stale-version")
	h.remove(t, one, "If-Match", h.get(t, one).header.Get("ETag")).is(200).into(&made)
	var all struct{ Data []TownDelegation }
	h.get(t, path).is(200).into(&all)
	if made.To != "2027-03-31" || made.Withdrawn == "" || len(all.Data) != 1 || all.Data[0].Withdrawn == "" {
		t.Errorf("%+v, %+v", made, all)
	}
}

// An impediment is declared under the name of an administrator, with its proof.
func TestImpedimentsByREST(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	const path = "/organisation/impediments"
	var g SetupTown
	h.get(t, "/organisation").is(200).into(&g)
	people := g.People
	for i := range people {
		if people[i].Email == demo.Mayor {
			people[i].Rank = 1
		}
	}
	h.tell(t, "/organisation/apply", object{"people": people}).is(200)
	body := func(change object) object {
		b := object{"person": demo.Mayor, "declared_by": demo.Administrator, "motive": "Hospitalisation", "proof": "Certificat du 3 mars", "from": "2026-03-03"}
		for k, v := range change {
			b[k] = v
		}
		return b
	}
	for want, bad := range map[string]object{
		"Nommez l’administrateur": {"declared_by": demo.DGS},
		"ce qui prouve":           {"proof": ""},
		"pour un agent":           {"person": demo.DGS},
		"Envoyez d’abord":         {"document_sha256": strings.Repeat("ab", 32)},
		"SHA-256":                 {"document_sha256": "abc"},
		"finit avant":             {"to": "2026-03-01"},
	} {
		if a := h.tell(t, path, body(bad)).is(422, "invalid-input"); !strings.Contains(string(a.body), want) {
			t.Errorf("%s: %s", want, a.body)
		}
	}
	pdf := towntest.Sample(t, sample)
	var kept KeptDocument
	h.ask(t, http.MethodPost, base+"/organisation/documents", strings.NewReader(string(pdf)), "Content-Type", "application/pdf").is(201).into(&kept)
	a := h.tell(t, path, body(object{"document_sha256": kept.SHA256, "proof": ""}), "Idempotency-Key", "empechement-1").is(201)
	var made Impediment
	a.into(&made)
	if again := h.tell(t, path, body(object{"document_sha256": kept.SHA256, "proof": ""}), "Idempotency-Key", "empechement-1").is(201); again.header.Get("Idempotency-Replayed") != "true" {
		t.Error("declared twice")
	}
	one := path + "/" + made.ID
	if got := h.get(t, one+"/proof").is(200); string(got.body) != string(pdf) || h.get(t, one).is(200).header.Get("ETag") != a.header.Get("ETag") {
		t.Error("the proof is not as it was sent")
	}
	partly(t, h, base+one+"/proof")
	ended := body(object{"to": "2026-04-01"})
	h.replace(t, one, ended).is(428, "precondition-required")
	h.replace(t, one, ended, "If-Match", `"0"`).is(412, "stale-version")
	h.replace(t, one, ended, "If-Match", a.header.Get("ETag")).is(200)
	h.get(t, one+"/proof").is(404, "not-found") // the new declaration names none
	var all struct{ Data []Impediment }
	h.get(t, path).is(200).into(&all)
	if len(all.Data) != 1 || all.Data[0].To != "2026-04-01" || all.Data[0].DeclaredBy != demo.Administrator {
		t.Errorf("%+v", all)
	}
}

// A recusal is recorded on a letter that the application sees, and on no other.
func TestRecusalsByREST(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	d := h.put(t, "cle-0001", nil)
	path := "/dossiers/" + d.ID + "/recusals"
	body := object{"person": demo.DGS, "motive": "L’affaire concerne sa sœur", "substitute": demo.Mayor, "number": "2026-050"}
	h.tell(t, path, object{"person": demo.DGS, "motive": ""}).is(422, "invalid-input")
	h.tell(t, path, object{"person": "inconnue@x.fr", "motive": "X"}).is(422, "invalid-input")
	theirs := h.Deposit(t) // by a person
	h.tell(t, "/dossiers/"+string(theirs.ID)+"/recusals", body).is(404, "not-found")
	h.get(t, "/dossiers/"+string(theirs.ID)+"/recusals").is(404, "not-found")
	a := h.tell(t, path, body, "Idempotency-Key", "deport-0001").is(201)
	if h.tell(t, path, body, "Idempotency-Key", "deport-0001").is(201).header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("recorded twice: %s", a.body)
	}
	var all struct{ Data []Recusal }
	h.get(t, path).is(200).into(&all)
	if len(all.Data) != 1 || all.Data[0].Person != demo.DGS || all.Data[0].Substitute != demo.Mayor || all.Data[0].On == "" {
		t.Errorf("%+v", all)
	}
	var read Dossier
	h.get(t, "/dossiers/"+d.ID).is(200).into(&read)
	if !slices.ContainsFunc(read.Steps, func(s Step) bool { return s.Status == "open" }) {
		t.Errorf("%+v", read.Steps)
	}
}
