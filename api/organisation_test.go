package api

import (
	"bytes"
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/townfile"
)

// tell posts a value as JSON.
func (h *hall) tell(t *testing.T, path string, body any, headers ...string) answer {
	t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return h.ask(t, http.MethodPost, base+path, bytes.NewReader(raw), append(headers, "Content-Type", "application/json")...)
}

// The wire says all that the file says, under the same names: a whole set-up
// goes over it and comes back the same.
func TestSetupOnTheWire(t *testing.T) {
	t.Parallel()
	for _, name := range townfile.Starters() {
		raw, err := townfile.Starter(name)
		if err != nil {
			t.Fatal(err)
		}
		want, err := townfile.Parse(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		wire, err := townOf(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := wire.setup()
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v\ngot  %+v\nwant %+v", name, err, got, want)
		}
	}
	sameNames(t, reflect.TypeFor[SetupTown](), reflect.TypeFor[dossiers.Setup](), "setup")
}

// sameNames compares the JSON names of two structs, and of the structs in them.
func sameNames(t *testing.T, wire, domain reflect.Type, where string) {
	t.Helper()
	names := func(x reflect.Type) map[string]reflect.Type {
		out := map[string]reflect.Type{}
		for i := range x.NumField() {
			name, _, _ := strings.Cut(x.Field(i).Tag.Get("json"), ",")
			of := x.Field(i).Type
			if !x.Field(i).IsExported() {
				continue
			}
			for of.Kind() == reflect.Slice || of.Kind() == reflect.Pointer {
				of = of.Elem()
			}
			if name != "id" { // drawn by each town
				out[name] = of
			}
		}
		return out
	}
	a, b := names(wire), names(domain)
	for name, of := range b {
		got, ok := a[name]
		if !ok {
			t.Errorf("%s: the wire lacks %s", where, name)
			continue
		}
		if got.Kind() == reflect.Struct && of.Kind() == reflect.Struct {
			sameNames(t, got, of, where+"."+name)
		}
		delete(a, name)
	}
	for name := range a {
		t.Errorf("%s: the wire says %s, which nobody knows", where, name)
	}
}

// A directory provisions somebody, their desk, and takes them out again: the
// same request twice changes nothing.
func TestProvisioning(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	entries := func() int64 {
		head, err := h.Store.JournalHead(t.Context(), h.Tenant.ID)
		if err != nil {
			t.Fatal(err)
		}
		return head.Seq
	}
	someone := map[string]any{"external_id": "ldap-42", "email": "i.roche@ville.fr", "civility": "Mme", "given_name": "Inès", "family_name": "Roche", "drafter": true}
	var p SetupPerson
	h.tell(t, "/organisation/people", someone).is(http.StatusCreated).into(&p)
	if p.Email != "i.roche@ville.fr" || p.Inactive || p.Admin || !p.Drafter {
		t.Errorf("%+v", p)
	}
	before := entries()
	h.tell(t, "/organisation/people", someone).is(http.StatusOK)
	if entries() != before {
		t.Error("what changes nothing is in the journal")
	}
	// The directory changes the address only: the rest stays.
	h.tell(t, "/organisation/people", map[string]any{"external_id": "ldap-42", "email": "ines.roche@ville.fr"}).is(http.StatusOK).into(&p)
	if p.Email != "ines.roche@ville.fr" || p.GivenName != "Inès" || !p.Drafter {
		t.Errorf("%+v", p)
	}
	desk := map[string]any{"code": "dga", "name": "Pôle ressources", "parent": "maire", "holders": []any{map[string]any{"person": "ines.roche@ville.fr", "quality": "Directrice générale adjointe"}}}
	var d SetupDesk
	h.tell(t, "/organisation/desks", desk).is(http.StatusCreated).into(&d)
	before = entries()
	h.tell(t, "/organisation/desks", desk).is(http.StatusOK).into(&d)
	if entries() != before || d.Parent != "maire" || len(d.Holders) != 1 {
		t.Errorf("%+v", d)
	}
	h.tell(t, "/organisation/people", map[string]any{"external_id": "ldap-42", "active": false}).is(http.StatusOK).into(&p)
	var all People
	h.ask(t, http.MethodGet, base+"/organisation/people?external_id=ldap-42", nil).is(http.StatusOK).into(&all)
	if len(all.Data) != 1 || !all.Data[0].Inactive {
		t.Errorf("%+v", all)
	}
	var desks TownDesks
	h.ask(t, http.MethodGet, base+"/organisation/desks", nil).is(http.StatusOK).into(&desks)
	if len(desks.Data) != 3 {
		t.Errorf("%+v", desks)
	}
	for _, bad := range []struct {
		path string
		body map[string]any
	}{
		{"/organisation/people", map[string]any{"given_name": "X"}},
		{"/organisation/people", map[string]any{"email": "x"}},
		{"/organisation/people", map[string]any{"email": "x@y.fr", "given_name": "X", "family_name": "Y", "admin": true}},
		{"/organisation/people", map[string]any{"email": demo.Administrator, "active": false}},
		{"/organisation/desks", map[string]any{"code": "dga", "parent": "dga"}},
		{"/organisation/desks", map[string]any{"code": "dga", "supervisors": []string{"personne@ville.fr"}}},
		{"/organisation/desks", map[string]any{"code": "Pas un code", "name": "X"}},
	} {
		h.tell(t, bad.path, bad.body).is(http.StatusUnprocessableEntity, "invalid-input")
	}
}

// The whole organisation is read, planned and applied over REST.
func TestOrganisationOverREST(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	var town SetupTown
	h.ask(t, http.MethodGet, base+"/organisation", nil).is(http.StatusOK).into(&town)
	if town.Town != h.Tenant.SIRET || len(town.People) != 5 || len(town.Circuits) != 2 {
		t.Errorf("%+v", town)
	}
	var same, plan, done Plan
	h.tell(t, "/organisation/plan", town).is(http.StatusOK).into(&same)
	if len(same.Lines) != 0 {
		t.Errorf("what is read is not what is there: %+v", same)
	}
	change := SetupTown{Closures: []SetupClosure{{On: "2026-05-15", Label: "Pont"}}}
	h.tell(t, "/organisation/plan", change).is(http.StatusOK).into(&plan)
	if len(plan.Lines) != 1 || plan.Lines[0].Sign != "+" {
		t.Errorf("%+v", plan)
	}
	h.tell(t, "/organisation/apply?plan="+same.Plan, change).is(http.StatusConflict, "conflict")
	h.tell(t, "/organisation/apply?plan="+plan.Plan, change).is(http.StatusOK).into(&done)
	h.tell(t, "/organisation/apply", change).is(http.StatusOK).into(&done)
	if len(done.Lines) != 0 {
		t.Errorf("a second time: %+v", done)
	}
	h.tell(t, "/organisation/apply", map[string]any{"closures": []any{}}).is(http.StatusOK).into(&done)
	if len(done.Lines) != 1 || done.Lines[0].Sign != "-" {
		t.Errorf("an empty part: %+v", done)
	}
	h.tell(t, "/organisation/plan", map[string]any{"peuple": []any{}}).is(http.StatusUnprocessableEntity)
	h.tell(t, "/organisation/plan", map[string]any{"circuits": []any{map[string]any{"code": "x", "bureau": 1}}}).is(http.StatusUnprocessableEntity, "invalid-input")
	h.tell(t, "/organisation/plan", map[string]any{"people": []any{}}).is(http.StatusUnprocessableEntity, "invalid-input") // administrators would be gone
}

// A circuit that would stop letters is not published by a plan either; what
// only waits for passkeys may be, knowingly.
func TestApplyTriesCircuits(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	var town SetupTown
	h.ask(t, http.MethodGet, base+"/organisation", nil).is(http.StatusOK).into(&town)
	when := func(condition string) map[string]any {
		for _, c := range town.Circuits {
			if c["code"] == "courrier-simple" {
				c["steps"].([]any)[0].(map[string]any)["when"] = condition
			}
		}
		return map[string]any{"circuits": town.Circuits}
	}
	var plan Plan
	h.tell(t, "/organisation/plan", when("annexes > 0")).is(http.StatusOK).into(&plan)
	if plan.Ready || len(plan.Findings) == 0 || plan.Findings[0].Circuit != "courrier-simple" || plan.Findings[0].Code != "no_passkey" || !plan.Findings[0].Enrolment {
		t.Errorf("%+v", plan)
	}
	h.tell(t, "/organisation/apply", when("annexes > 0")).is(http.StatusConflict, "circuit-not-ready")
	h.tell(t, "/organisation/apply?before_enrolment=true", when("annexes < 0 && annexes > 0")).is(http.StatusConflict, "circuit-not-ready")
	h.tell(t, "/organisation/apply?before_enrolment=true", when("annexes > 0")).is(http.StatusOK).into(&plan)
	if len(plan.Lines) != 1 {
		t.Errorf("%+v", plan)
	}
	h.Person(t, demo.DGS)
	h.Person(t, demo.Mayor)
	h.tell(t, "/organisation/apply", when("annexes > 1")).is(http.StatusOK).into(&plan)
	if !plan.Ready {
		t.Errorf("%+v", plan)
	}
}
