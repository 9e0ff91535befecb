package scim_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"

	"parapheur/dossiers"
	"parapheur/internal/child"
	"parapheur/internal/compat"
	"parapheur/internal/compat/scim"
	"parapheur/internal/demo"
	"parapheur/internal/towntest"
	"parapheur/internal/wiring"
)

func TestMain(m *testing.M) {
	child.Main(wiring.Jobs()...)
	os.Exit(m.Run())
}

type object = map[string]any

// A hall is a town with a directory turned on.
type hall struct {
	*towntest.Town
	handler http.Handler
	id      string // of the connector
	token   string
	admin   dossiers.Viewer
}

func newHall(t *testing.T, change ...func(*dossiers.ConnectorRequest)) *hall {
	t.Helper()
	h := &hall{Town: towntest.New(t, func(c *wiring.Config) { c.Workers = 0 })}
	h.admin = h.Person(t, demo.Administrator).Viewer(t)
	apps, err := h.Office.Applications(t.Context(), h.admin)
	if err != nil {
		t.Fatal(err)
	}
	r := dossiers.ConnectorRequest{Login: "annuaire", Enabled: true, Networks: []string{"192.0.2.0/24"}, Provisions: true}
	for _, f := range change {
		f(&r)
	}
	c, secret, err := h.Office.AddConnector(t.Context(), h.admin, apps[0].ID, dossiers.ConnectorSCIM, r)
	if err != nil {
		t.Fatal(err)
	}
	h.id, h.token = c.ID, "annuaire:"+secret
	h.handler = scim.New(compat.Options{Office: h.Office, Log: slog.New(slog.DiscardHandler)})
	return h
}

// call sends a request and reads its answer, which is JSON of the protocol.
func (h *hall) call(t *testing.T, want int, method, path string, body any, changes ...func(*http.Request)) object {
	t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req := httptest.NewRequestWithContext(t.Context(), method, towntest.Origin+scim.Base+path, bytes.NewReader(raw))
	req.RemoteAddr = "192.0.2.7:40000"
	req.Header.Set("Authorization", "Bearer "+h.token)
	req.Header.Set("Content-Type", "application/scim+json")
	for _, f := range changes {
		f(req)
	}
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, req)
	if w.Code != want {
		t.Fatalf("%s %s: got %d, want %d: %s", method, path, w.Code, want, w.Body)
	}
	out := object{}
	if w.Code == http.StatusNoContent {
		return out
	}
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || !strings.HasPrefix(w.Header().Get("Content-Type"), "application/scim+json") {
		t.Fatalf("%s %s: %s: %s", method, path, w.Header().Get("Content-Type"), w.Body)
	}
	if w.Code >= 400 {
		schemas, _ := out["schemas"].([]any)
		if len(schemas) != 1 || schemas[0] != "urn:ietf:params:scim:api:messages:2.0:Error" || out["detail"] == "" {
			t.Errorf("not an error of the protocol: %s", w.Body)
		}
	}
	return out
}

func (h *hall) entries(t *testing.T) int64 {
	t.Helper()
	head, err := h.Store.JournalHead(t.Context(), h.Tenant.ID)
	if err != nil {
		t.Fatal(err)
	}
	return head.Seq
}

func ines(change object) object {
	u := object{
		"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:User"}, "userName": "ines.roche@ville.fr", "externalId": "ldap-42",
		"name": object{"givenName": "Inès", "familyName": "Roche", "honorificPrefix": "Mme"}, "active": true,
		"emails": []object{{"value": "ines.roche@ville.fr", "primary": true}}, "locale": "fr-FR",
	}
	for k, v := range change {
		u[k] = v
	}
	return u
}

// Somebody is made known, found, changed as directories do, deactivated,
// deleted and taken back; what changes nothing writes nothing, and they never
// get a passkey nor the administration.
func TestUsers(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	u := h.call(t, 201, "POST", "/Users", ines(nil))
	id, _ := u["id"].(string)
	if id == "" || u["active"] != true || u["meta"].(object)["location"] != towntest.Origin+"/scim/v2/Users/"+id {
		t.Fatalf("%v", u)
	}
	if e := h.call(t, 409, "POST", "/Users", ines(nil)); e["scimType"] != "uniqueness" {
		t.Errorf("%v", e)
	}
	for _, filter := range []string{`userName eq "INES.roche@ville.fr"`, `externalId eq "ldap-42"`, `id eq "` + id + `"`, `displayName eq "Inès Roche"`, `emails.value eq "ines.roche@ville.fr"`} {
		l := h.call(t, 200, "GET", "/Users?filter="+url.QueryEscape(filter), nil)
		if l["totalResults"] != 1.0 || l["Resources"].([]any)[0].(object)["id"] != id {
			t.Errorf("%s: %v", filter, l)
		}
	}
	for _, filter := range []string{`externalId eq "LDAP-42"`, `userName eq "personne@ville.fr"`} {
		if l := h.call(t, 200, "GET", "/Users?filter="+url.QueryEscape(filter), nil); l["totalResults"] != 0.0 || len(l["Resources"].([]any)) != 0 {
			t.Errorf("%s: %v", filter, l)
		}
	}
	for _, filter := range []string{`userName sw "i"`, `inconnu eq "x"`, `userName eq x`, `userName`} {
		if e := h.call(t, 400, "GET", "/Users?filter="+url.QueryEscape(filter), nil); e["scimType"] != "invalidFilter" {
			t.Errorf("%s: %v", filter, e)
		}
	}
	before := h.entries(t)
	h.call(t, 200, "PUT", "/Users/"+id, ines(nil))
	h.call(t, 200, "PATCH", "/Users/"+id, patch(object{"op": "replace", "path": "active", "value": true}))
	if h.entries(t) != before {
		t.Error("what changes nothing is in the journal")
	}
	// As some directories write it: no path, case and quotes their own.
	u = h.call(t, 200, "PATCH", "/Users/"+id, patch(object{"op": "Replace", "value": object{"active": "False", "name": object{"familyName": "Roche-Petit"}, "title": "Directrice"}}))
	if u["active"] != false || u["name"].(object)["familyName"] != "Roche-Petit" || u["name"].(object)["givenName"] != "Inès" {
		t.Errorf("%v", u)
	}
	if u = h.call(t, 200, "GET", "/Users/"+id, nil); u["active"] != false {
		t.Errorf("%v", u)
	}
	h.call(t, 200, "PATCH", "/Users/"+id, patch(object{"op": "replace", "path": "active", "value": true}, object{"op": "replace", "path": "name.familyName", "value": "Roche"}))

	h.call(t, 204, "DELETE", "/Users/"+id, nil)
	h.call(t, 404, "GET", "/Users/"+id, nil)
	h.call(t, 404, "DELETE", "/Users/"+id, nil)
	if l := h.call(t, 200, "GET", "/Users?filter="+url.QueryEscape(`userName eq "ines.roche@ville.fr"`), nil); l["totalResults"] != 0.0 {
		t.Errorf("%v", l)
	}
	g, err := h.Office.Organisation(t.Context(), h.admin)
	if err != nil {
		t.Fatal(err)
	}
	var kept dossiers.Member
	for _, m := range g.People {
		if string(m.ID) == id {
			kept = m
		}
	}
	if kept.Email != "ines.roche@ville.fr" || !kept.Inactive || kept.Admin {
		t.Errorf("who was deleted left no trace: %+v", kept)
	}
	if u = h.call(t, 201, "POST", "/Users", ines(nil)); u["id"] != id || u["active"] != true {
		t.Errorf("taken back as %v", u)
	}
	people, err := h.Office.People(t.Context(), h.admin)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range people {
		if string(p.ID) == id && (p.Passkeys != 0 || p.Admin || p.Drafter) {
			t.Errorf("a directory gave %+v", p)
		}
	}
}

func patch(ops ...object) object {
	return object{"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:PatchOp"}, "Operations": ops}
}

// What does not fit is refused in the form of the protocol, and changes nothing.
func TestUserRefusals(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	admin := ""
	all := h.call(t, 200, "GET", "/Users", nil)
	for _, x := range all["Resources"].([]any) {
		if u := x.(object); u["userName"] == demo.Administrator {
			admin, _ = u["id"].(string)
		}
	}
	other, _ := h.call(t, 201, "POST", "/Users", ines(nil))["id"].(string)
	before := h.entries(t)
	for name, c := range map[string]struct {
		want         int
		method, path string
		body         any
		kind         string
	}{
		"no address":           {400, "POST", "/Users", ines(object{"userName": "iroche", "externalId": "x"}), "invalidValue"},
		"no name":              {400, "POST", "/Users", ines(object{"userName": "a@b.fr", "externalId": "x", "name": object{}}), "invalidValue"},
		"another shape":        {400, "POST", "/Users", ines(object{"userName": 3}), "invalidSyntax"},
		"an administrator":     {400, "PATCH", "/Users/" + admin, patch(object{"op": "replace", "path": "active", "value": false}), "invalidValue"},
		"another's address":    {409, "PATCH", "/Users/" + other, patch(object{"op": "replace", "path": "userName", "value": demo.DGS}), "uniqueness"},
		"an unknown operation": {400, "PATCH", "/Users/" + other, patch(object{"op": "move", "path": "active"}), "invalidSyntax"},
		"no operation":         {400, "PATCH", "/Users/" + other, patch(), "invalidSyntax"},
		"nothing to remove":    {400, "PATCH", "/Users/" + other, patch(object{"op": "remove"}), "noTarget"},
		"no object":            {400, "PATCH", "/Users/" + other, patch(object{"op": "add", "value": 3}), "invalidPath"},
		"half a truth":         {400, "PATCH", "/Users/" + other, patch(object{"op": "replace", "path": "active", "value": "oui"}), "invalidValue"},
		"no such person":       {404, "PATCH", "/Users/019b0000-0000-7000-8000-000000000000", patch(object{"op": "replace", "path": "active", "value": true}), ""},
		"no such address":      {404, "GET", "/Bulk", nil, ""},
	} {
		if e := h.call(t, c.want, c.method, c.path, c.body); c.kind != "" && e["scimType"] != c.kind {
			t.Errorf("%s: %v", name, e)
		}
	}
	// What is no UTF-8 would become other characters in the name of somebody.
	latin := func(r *http.Request) {
		raw := []byte("{\"userName\":\"ines@ville.fr\",\"name\":{\"givenName\":\"In\xe8s\"}}")
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(raw)), int64(len(raw))
	}
	if e := h.call(t, 400, "POST", "/Users", nil, latin); e["scimType"] != "invalidSyntax" || !strings.Contains(e["detail"].(string), "UTF-8") {
		t.Errorf("%v", e)
	}
	h.call(t, 400, "GET", "/Users?filter=externalId+eq+%22a%00%22", nil)
	if h.entries(t) != before {
		t.Error("a refusal is in the journal")
	}
}

// Groups are desks: their members hold them, under the quality they had.
func TestGroups(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	id, _ := h.call(t, 201, "POST", "/Users", ines(nil))["id"].(string)
	g := h.call(t, 201, "POST", "/Groups", object{"displayName": "Urbanisme & habitat", "members": []object{{"value": id}}})
	desk, _ := g["id"].(string)
	if g["externalId"] != "urbanisme-habitat" || len(g["members"].([]any)) != 1 {
		t.Fatalf("%v", g)
	}
	if e := h.call(t, 409, "POST", "/Groups", object{"displayName": "Urbanisme & habitat"}); e["scimType"] != "uniqueness" {
		t.Errorf("%v", e)
	}
	h.call(t, 400, "POST", "/Groups", object{"displayName": "Autre", "members": []object{{"value": "inconnu"}}})
	l := h.call(t, 200, "GET", "/Groups?excludedAttributes=members&filter="+url.QueryEscape(`displayName eq "urbanisme & habitat"`), nil)
	if l["totalResults"] != 1.0 || l["Resources"].([]any)[0].(object)["members"] != nil {
		t.Errorf("%v", l)
	}
	// Its holder keeps the quality that an administrator gave.
	setup, err := h.Office.Organisation(t.Context(), h.admin)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range setup.Desks {
		if d.Code == "urbanisme-habitat" {
			d.Holders[0].Quality = "Directrice de l’urbanisme"
			if _, err := h.Office.Amend(t.Context(), h.admin, dossiers.DeskSet{Desk: d}); err != nil {
				t.Fatal(err)
			}
		}
	}
	second, _ := h.call(t, 201, "POST", "/Users", ines(object{"userName": "paul@ville.fr", "externalId": "ldap-43"}))["id"].(string)
	h.call(t, 200, "PATCH", "/Groups/"+desk, patch(object{"op": "add", "path": "members", "value": []object{{"value": second}}}, object{"op": "replace", "value": object{"displayName": "Urbanisme"}}))
	setup, err = h.Office.Organisation(t.Context(), h.admin)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range setup.Desks {
		if d.Code == "urbanisme-habitat" && (d.Name != "Urbanisme" || len(d.Holders) != 2 || d.Holders[0].Quality+d.Holders[1].Quality != "Directrice de l’urbanismeUrbanisme" && d.Holders[1].Quality+d.Holders[0].Quality != "Directrice de l’urbanismeUrbanisme") {
			t.Errorf("%+v", d)
		}
	}
	g = h.call(t, 200, "PATCH", "/Groups/"+desk, patch(object{"op": "remove", "path": `members[value eq "` + second + `"]`}))
	if len(g["members"].([]any)) != 1 {
		t.Errorf("%v", g)
	}
	g = h.call(t, 200, "PUT", "/Groups/"+desk, object{"displayName": "Urbanisme", "members": []object{}})
	if g["members"] != nil {
		t.Errorf("%v", g)
	}
	h.call(t, 204, "DELETE", "/Groups/"+desk, nil)
	h.call(t, 404, "GET", "/Groups/"+desk, nil)
	if g = h.call(t, 201, "POST", "/Groups", object{"displayName": "Urbanisme", "externalId": "urbanisme-habitat"}); g["id"] != desk {
		t.Errorf("taken back as %v", g)
	}
}

func TestPagesAndDiscovery(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	l := h.call(t, 200, "GET", "/Users?startIndex=2&count=2", nil)
	if l["totalResults"] != 5.0 || l["startIndex"] != 2.0 || l["itemsPerPage"] != 2.0 || len(l["Resources"].([]any)) != 2 {
		t.Errorf("%v", l)
	}
	if l = h.call(t, 200, "GET", "/Users?count=0", nil); l["totalResults"] != 5.0 || len(l["Resources"].([]any)) != 0 {
		t.Errorf("%v", l)
	}
	if p := h.call(t, 200, "GET", "/ServiceProviderConfig", nil); p["patch"].(object)["supported"] != true || p["bulk"].(object)["supported"] != false {
		t.Errorf("%v", p)
	}
	if l = h.call(t, 200, "GET", "/ResourceTypes", nil); l["totalResults"] != 2.0 {
		t.Errorf("%v", l)
	}
	h.call(t, 200, "GET", "/ResourceTypes/User", nil)
	h.call(t, 200, "GET", "/Schemas", nil)
	h.call(t, 200, "GET", "/Schemas/urn:ietf:params:scim:schemas:core:2.0:Group", nil)
	h.call(t, 404, "GET", "/Schemas/urn:x", nil)
	h.call(t, 403, "GET", "/Schemas?filter="+url.QueryEscape(`id eq "x"`), nil)
}

// A town that did not turn it on has no such thing; nobody comes in without the
// account, nor from elsewhere; an account that only reads changes nothing; the
// account of a directory opens nothing else, and another town is not seen.
func TestWhoComesIn(t *testing.T) {
	t.Parallel()
	h := newHall(t, func(r *dossiers.ConnectorRequest) { r.Provisions = false })
	id, _ := h.call(t, 200, "GET", "/Users", nil)["Resources"].([]any)[0].(object)["id"].(string)
	h.call(t, 403, "POST", "/Users", ines(nil))
	h.call(t, 403, "PATCH", "/Users/"+id, patch(object{"op": "replace", "path": "name.familyName", "value": "X"}))
	h.call(t, 403, "POST", "/Groups", object{"displayName": "X"})
	token := func(v string) func(*http.Request) { return func(r *http.Request) { r.Header.Set("Authorization", v) } }
	h.call(t, 401, "GET", "/Users", nil, token(""))
	h.call(t, 401, "GET", "/Users", nil, token("Bearer "+h.token+"x"))
	h.call(t, 401, "GET", "/Users", nil, token("Bearer annuaire"))
	h.call(t, 403, "GET", "/Users", nil, func(r *http.Request) { r.RemoteAddr = "198.51.100.7:1" })
	h.call(t, 404, "GET", "/Users", nil, func(r *http.Request) { r.Host = "inconnu.exemple" })
	neighbour := h.Neighbour(t)
	h.call(t, 404, "GET", "/Users/"+id, nil, func(r *http.Request) { r.Host = strings.TrimPrefix(neighbour.Tenant.Origin, "https://") })
	if _, err := h.Office.SetConnector(t.Context(), h.admin, h.id, dossiers.ConnectorRequest{Login: "annuaire"}); err != nil {
		t.Fatal(err)
	}
	h.call(t, 404, "GET", "/Users", nil)
	h.call(t, 404, "GET", "/ServiceProviderConfig", nil)
}
