package web_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/egress"
	"parapheur/internal/towntest"
	"parapheur/internal/wiring"
	"parapheur/web"
)

// A door is a town whose people sign in by a provider.
type door struct {
	*provider
	town    *towntest.Town
	handler http.Handler
	admin   dossiers.Viewer
}

func newDoor(t *testing.T) *door {
	t.Helper()
	allow, err := egress.ParseAllow("127.0.0.1/32")
	if err != nil {
		t.Fatal(err)
	}
	town := towntest.New(t, func(c *wiring.Config) { c.Egress, c.Workers = allow, 0 })
	d := &door{town: town, provider: newProvider(t, town.Tenant.Origin, town.Tenant.SIRET)}
	d.handler = web.New(web.Options{Office: town.Office, Live: town.Hub, Log: town.Config.Log, Version: "essai"})
	d.admin = town.Person(t, demo.Administrator).Viewer(t)
	set := dossiers.SignOn{
		Name: "ProConnect", Issuer: d.url, ClientID: clientID, Scopes: strings.Fields("given_name usual_name email uid siret idp_id"),
		ACR: []string{"eidas1-mfa", "eidas2", "eidas3"},
	}
	if err := town.Office.SetSignOn(t.Context(), d.admin, set, clientSecret); err != nil {
		t.Fatal(err)
	}
	return d
}

// A browser keeps the cookie of the town.
type browser struct {
	d     *door
	token string
}

func (b *browser) do(method, path string, form url.Values) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
	r.Host = strings.TrimPrefix(b.d.town.Tenant.Origin, "http://")
	r.Header.Set("Accept", "text/html")
	if method != http.MethodGet {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", b.d.town.Tenant.Origin)
	}
	if b.token != "" {
		r.AddCookie(&http.Cookie{Name: "parapheur", Value: b.token})
	}
	w := httptest.NewRecorder()
	b.d.handler.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		b.token = c.Value
	}
	return w
}

func (b *browser) get(path string) *httptest.ResponseRecorder { return b.do(http.MethodGet, path, nil) }

// begin asks to sign in and answers where the provider sends the browser back.
func (b *browser) begin(t *testing.T, query string) *url.URL {
	t.Helper()
	w := b.get("/connexion/proconnect" + query)
	if w.Code != http.StatusSeeOther {
		t.Fatalf("begin: %d %s", w.Code, w.Body)
	}
	return b.d.signIn(t, w.Header().Get("Location"))
}

// link makes the test's account the person of this address.
func (d *door) link(t *testing.T, email string) dossiers.Person {
	t.Helper()
	p, err := d.town.Store.PersonByEmail(t.Context(), d.town.Tenant.ID, email)
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{d: d}
	if w := b.get(b.begin(t, "").RequestURI()); w.Code != http.StatusForbidden {
		t.Fatalf("unknown account: %d", w.Code)
	}
	asked, err := d.town.Office.IdentityRequests(t.Context(), d.admin)
	if err != nil || len(asked) != 1 {
		t.Fatal(asked, err)
	}
	if err := d.town.Office.ApproveIdentity(t.Context(), d.admin, asked[0].ID, p.ID); err != nil {
		t.Fatal(err)
	}
	return p
}

// An account that nobody linked is refused, shown to the administrator, linked
// on a page, and then opens a session, not another person's of the same e-mail.
func TestSignOnLinksThenOpens(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	dgs := d.town.Person(t, demo.DGS)
	d.info["email"] = demo.Mayor // an e-mail address gives nobody anything
	nobody := &browser{d: d}
	if w := nobody.get("/connexion"); !strings.Contains(w.Body.String(), "Se connecter avec ProConnect") {
		t.Error("no door on the page")
	}
	w := nobody.get(nobody.begin(t, "?retour=/mes-cles").RequestURI())
	if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "rattaché") || nobody.get("/mes-cles").Code != http.StatusSeeOther {
		t.Fatalf("unknown account: %d %s", w.Code, w.Body)
	}
	for _, name := range []string{"state", "nonce"} {
		if len(d.asked.Get(name)) < 32 {
			t.Errorf("%s is %q", name, d.asked.Get(name))
		}
	}
	if d.asked.Get("code_challenge_method") != "S256" || !strings.Contains(d.asked.Get("claims"), `"values":["eidas1-mfa","eidas2","eidas3"]`) {
		t.Errorf("asked %v", d.asked)
	}
	asked, err := d.town.Office.IdentityRequests(t.Context(), d.admin)
	if err != nil || len(asked) != 1 || asked[0].FamilyName != "Garnier" || asked[0].Email != demo.Mayor {
		t.Fatal(asked, err)
	}
	admin := &browser{d: d, token: d.town.Person(t, demo.Administrator).Token}
	if w := admin.get("/administration/identites"); !strings.Contains(w.Body.String(), `data-identity-request="`+asked[0].ID) {
		t.Errorf("page: %d %s", w.Code, w.Body)
	}
	form := url.Values{"csrf": {d.town.Person(t, demo.Administrator).Session.CSRF}, "person": {string(dgs.Viewer(t).Person.ID)}}
	if w := admin.do(http.MethodPost, "/administration/identites/"+asked[0].ID+"/rattacher", form); w.Code != http.StatusSeeOther {
		t.Fatalf("link: %d %s", w.Code, w.Body)
	}
	// Its person is told on their pages, by whom.
	told := (&browser{d: d, token: dgs.Token}).get("/bannettes").Body.String()
	if !strings.Contains(told, "data-account-alert") || !strings.Contains(told, "Marc Delattre") || !strings.Contains(told, demo.Mayor) {
		t.Errorf("the person is not told: %s", told)
	}
	if mine := (&browser{d: d, token: dgs.Token}).get("/mes-cles").Body.String(); !strings.Contains(mine, "data-accounts") {
		t.Error("the account is not among theirs")
	}
	back := nobody.begin(t, "?retour=/mes-cles")
	before := nobody.token
	w = nobody.get(back.RequestURI())
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/mes-cles" || nobody.token == before {
		t.Fatalf("sign-on: %d %s", w.Code, w.Body)
	}
	if w := nobody.get("/mes-cles"); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "Garnier") && !strings.Contains(w.Body.String(), dgs.Viewer(t).Person.FamilyName) {
		t.Errorf("signed in: %d", w.Code)
	}
	// The code and the state serve once, and the old session opens nothing.
	if w := nobody.get(back.RequestURI()); w.Code != http.StatusForbidden {
		t.Errorf("replayed: %d", w.Code)
	}
	if w := (&browser{d: d, token: before}).get("/mes-cles"); w.Code != http.StatusSeeOther {
		t.Errorf("the session before sign-in: %d", w.Code)
	}
	// Unlinking closes the door and the sessions.
	linked, err := d.town.Office.Identities(t.Context(), d.admin)
	if err != nil || len(linked) != 1 {
		t.Fatal(linked, err)
	}
	if err := d.town.Office.UnlinkIdentity(t.Context(), d.admin, linked[0].ID); err != nil {
		t.Fatal(err)
	}
	if w := nobody.get("/mes-cles"); w.Code != http.StatusSeeOther {
		t.Errorf("after unlinking: %d", w.Code)
	}
}

// Nothing but the right answer to the question of this browser opens a session.
func TestSignOnRefuses(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	person := d.link(t, demo.DGS)
	siret := d.town.Tenant.SIRET
	other := "12345678900011"
	for _, one := range []struct {
		name string
		bend func()
		back func(q url.Values)
		want string
		code int
	}{
		{name: "siret of another", bend: func() { d.info["siret"] = other }, want: "un autre organisme"},
		{name: "siret of the same siren", bend: func() { d.info["siret"] = siret[:9] + "99999" }, want: "un autre organisme"},
		{name: "no siret", bend: func() { d.info["siret"] = "" }, want: "un autre organisme"},
		{name: "weak acr", bend: func() { d.acr = "eidas1" }, want: "pas assez sûre"},
		{name: "no acr", bend: func() { d.acr = "" }, want: "pas assez sûre"},
		{name: "nonce of another", bend: func() { d.nonce = strings.Repeat("n", 43) }, want: "pas abouti"},
		{name: "unsigned user info", bend: func() { d.kind = "application/json" }, want: "pas abouti"},
		{name: "user info signed with the secret", bend: func() { d.forge = true }, want: "pas abouti"},
		{name: "user info about another", bend: func() { d.info["sub"] = "id2" }, want: "pas abouti"},
		{name: "user info for another", bend: func() { d.info["aud"] = "another" }, want: "pas abouti"},
		{name: "user info of another", bend: func() { d.info["iss"] = "https://other.example" }, want: "pas abouti"},
		{name: "stale user info", bend: func() { d.info["exp"] = 1000 }, want: "pas abouti"},
		{name: "no idp_id", bend: func() { d.info["idp_id"] = "" }, want: "pas abouti"},
		{name: "same subject at another idp", bend: func() { d.info["idp_id"] = "idp-2" }, want: "encore rattaché"},
		{name: "state of another", back: func(q url.Values) { q.Set("state", strings.Repeat("s", 43)) }, want: "pas abouti"},
		{name: "another code", back: func(q url.Values) { q.Set("code", "x") }, want: "pas abouti"},
		{name: "refused there", back: func(q url.Values) { q.Del("code"); q.Set("error", "access_denied") }, want: "pas abouti"},
		{name: "answer of another issuer", back: func(q url.Values) { q.Set("iss", "https://other.example") }, want: "pas abouti"},
		{name: "right"},
		{name: "inactive person", bend: func() {
			if err := d.town.Office.SetActive(t.Context(), d.admin, person.ID, false); err != nil {
				t.Fatal(err)
			}
		}, want: "pas ce droit"},
	} {
		acr, info := d.acr, d.info
		d.info = map[string]any{}
		for k, v := range info {
			d.info[k] = v
		}
		if one.bend != nil {
			one.bend()
		}
		b := &browser{d: d}
		back := b.begin(t, "")
		q := back.Query()
		if one.back != nil {
			one.back(q)
		}
		w := b.get(back.Path + "?" + q.Encode())
		if one.want == "" {
			if w.Code != http.StatusSeeOther || b.get("/mes-cles").Code != http.StatusOK {
				t.Errorf("%s: %d %s", one.name, w.Code, w.Body)
			}
		} else if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), one.want) || b.get("/mes-cles").Code != http.StatusSeeOther {
			t.Errorf("%s: %d %s", one.name, w.Code, w.Body)
		}
		d.acr, d.info, d.nonce, d.kind, d.forge = acr, info, "", "application/jwt", false
	}
}

// Another browser cannot finish what one began, nor a code serve in the
// sign-in of somebody else.
func TestSignOnIsOfOneBrowser(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	d.link(t, demo.DGS)
	mine, theirs := &browser{d: d}, &browser{d: d}
	stolen := theirs.begin(t, "")
	own := mine.begin(t, "")
	if w := mine.get(stolen.RequestURI()); w.Code != http.StatusForbidden {
		t.Errorf("the answer to another browser: %d", w.Code)
	}
	q := own.Query()
	q.Set("code", stolen.Query().Get("code"))
	if w := mine.get(own.Path + "?" + q.Encode()); w.Code != http.StatusForbidden {
		t.Errorf("the code of another browser: %d", w.Code)
	}
	if w := (&browser{d: d}).get(stolen.RequestURI()); w.Code != http.StatusForbidden {
		t.Errorf("no session at all: %d", w.Code)
	}
}

// An invitation links the account of who has nothing yet, and stays open for
// their passkey; it takes over nobody who has one.
func TestSignOnByInvitation(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	ctx := t.Context()
	made, err := d.town.Office.AddPerson(ctx, d.admin, dossiers.Person{GivenName: "Camille", FamilyName: "Noël", Email: "camille@mairie.example"})
	if err != nil {
		t.Fatal(err)
	}
	dgs := d.town.Person(t, demo.DGS).Viewer(t).Person.ID
	for _, one := range []struct {
		name   string
		person dossiers.Person
		want   int
	}{
		{"has a passkey", dossiers.Person{ID: dgs}, http.StatusForbidden},
		{"has nothing", made, http.StatusSeeOther},
	} {
		token, _, err := d.town.Office.InvitePerson(ctx, d.admin, one.person.ID)
		if err != nil {
			t.Fatal(err)
		}
		b := &browser{d: d}
		if w := b.get("/enrolement/" + token); !strings.Contains(w.Body.String(), "/connexion/proconnect?invitation="+token) {
			t.Errorf("%s: no door: %d", one.name, w.Code)
		}
		if w := b.get(b.begin(t, "?invitation="+token).RequestURI()); w.Code != one.want {
			t.Errorf("%s: %d %s", one.name, w.Code, w.Body)
		}
		if _, err := d.town.Office.InvitedPerson(ctx, d.town.Tenant, token); err != nil {
			t.Errorf("%s: the invitation: %v", one.name, err)
		}
	}
	linked, err := d.town.Office.Identities(ctx, d.admin)
	if err != nil || len(linked) != 1 || linked[0].Person != made.ID || linked[0].How != "invitation" {
		t.Errorf("%v, %v", linked, err)
	}
}

// The session decides nothing: a visa still asks for a passkey, and what a
// browser sends instead is refused.
func TestSignOnDecidesNothing(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	d.link(t, demo.DGS)
	letter := d.town.Deposit(t)
	b := &browser{d: d}
	if w := b.get(b.begin(t, "").RequestURI()); w.Code != http.StatusSeeOther {
		t.Fatal(w.Code)
	}
	path := "/dossiers/" + string(letter.ID)
	if w := b.get(path + "/viser"); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "data-decide") && !strings.Contains(w.Body.String(), "clé") {
		t.Errorf("page of the visa: %d", w.Code)
	}
	session, err := d.town.Office.Visit(t.Context(), d.town.Tenant, b.token)
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{`{}`, `{"ceremony":"AAAA","response":{}}`} {
		r := httptest.NewRequest(http.MethodPost, "/ceremonies/decision/fin", strings.NewReader(body))
		r.Host = strings.TrimPrefix(d.town.Tenant.Origin, "http://")
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Origin", d.town.Tenant.Origin)
		r.Header.Set("X-CSRF-Token", session.CSRF)
		r.AddCookie(&http.Cookie{Name: "parapheur", Value: b.token})
		w := httptest.NewRecorder()
		d.handler.ServeHTTP(w, r)
		if w.Code < 400 || w.Code >= 500 {
			t.Errorf("decided with %s: %d %s", body, w.Code, w.Body)
		}
	}
	after, err := d.town.Store.Dossier(t.Context(), d.town.Tenant.ID, letter.ID)
	if err != nil || !reflect.DeepEqual(after.State, letter.State) {
		t.Errorf("the letter moved: %v, %v", after.State, err)
	}
}

// Leaving closes both sessions: ours at once, then the provider's, which the
// real one accepts.
func TestSignOnLeaves(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	d.link(t, demo.DGS)
	b := &browser{d: d}
	if w := b.get(b.begin(t, "").RequestURI()); w.Code != http.StatusSeeOther {
		t.Fatal(w.Code)
	}
	session, err := d.town.Office.Visit(t.Context(), d.town.Tenant, b.token)
	if err != nil {
		t.Fatal(err)
	}
	token := b.token
	w := b.do(http.MethodPost, "/quitter", url.Values{"csrf": {session.CSRF}})
	_, address, ok := strings.Cut(w.Header().Get("Refresh"), "url=")
	if w.Code != http.StatusOK || !ok {
		t.Fatalf("leave: %d %s", w.Code, w.Body)
	}
	if w := (&browser{d: d, token: token}).get("/mes-cles"); w.Code != http.StatusSeeOther {
		t.Errorf("the session after leaving: %d", w.Code)
	}
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	back := d.follow(t, browser, address)
	if !strings.HasPrefix(back.String(), d.left+"?state=") {
		t.Errorf("sent back to %s", back)
	}
}

// A town without a provider shows no door, and has none.
func TestNoSignOn(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	if err := d.town.Office.RemoveSignOn(t.Context(), d.admin); err != nil {
		t.Fatal(err)
	}
	b := &browser{d: d}
	if w := b.get("/connexion"); strings.Contains(w.Body.String(), "proconnect") {
		t.Error("a door without a provider")
	}
	if w := b.get("/connexion/proconnect"); w.Code != http.StatusNotFound {
		t.Errorf("begin: %d", w.Code)
	}
	if err := d.town.Office.RemoveSignOn(t.Context(), d.admin); err == nil {
		t.Error("removed twice")
	}
}
