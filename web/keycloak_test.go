//go:build slow

package web_test

import (
	"archive/zip"
	"encoding/json"
	"errors"
	"html"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/egress"
	"parapheur/internal/tooltest"
	"parapheur/internal/towntest"
	"parapheur/internal/wiring"
	"parapheur/web"
)

// keycloakVersion is the one that Maven Central is asked for.
const keycloakVersion = "26.0.7"

// A keycloak is a Keycloak server with one realm, three clients and one person.
type keycloak struct {
	url      string // of the realm: the issuer
	password string
}

// newKeycloak starts one on this machine, for the town of this origin.
func newKeycloak(t *testing.T, origin, siret string) *keycloak {
	t.Helper()
	tooltest.Need(t, "mvn", "java")
	k := &keycloak{password: "un secret d’essai"}
	home := unpacked(t)
	raw, err := json.Marshal(realmOf(origin, siret, k.password))
	if err != nil {
		t.Fatal(err)
	}
	imports := filepath.Join(home, "data", "import")
	if err := errors.Join(os.MkdirAll(imports, 0o755), os.WriteFile(filepath.Join(imports, "agents-realm.json"), raw, 0o600)); err != nil {
		t.Fatal(err)
	}
	k.start(t, home)
	return k
}

// realmOf describes a realm the way an administrator of a town's Keycloak
// would set it up for us: docs/operations.md says so.
func realmOf(origin, siret, password string) map[string]any {
	hard := func(claim, value string) map[string]any {
		return map[string]any{"name": claim, "protocol": "openid-connect", "protocolMapper": "oidc-hardcoded-claim-mapper", "config": map[string]string{
			"claim.name": claim, "claim.value": value, "jsonType.label": "String", "userinfo.token.claim": "true", "id.token.claim": "false", "access.token.claim": "false",
		}}
	}
	client := func(id, siret string, attributes map[string]string) map[string]any {
		attributes["pkce.code.challenge.method"], attributes["post.logout.redirect.uris"] = "S256", origin+"/connexion"
		return map[string]any{
			"clientId": id, "secret": clientSecret, "redirectUris": []string{origin + "/connexion/retour"}, "attributes": attributes, "protocolMappers": []any{hard("siret", siret)},
		}
	}
	return map[string]any{
		"realm": "agents", "enabled": true, "sslRequired": "none", "attributes": map[string]string{"acr.loa.map": `{"eidas2":1}`},
		"users": []any{map[string]any{
			"username": "helene", "enabled": true, "emailVerified": true, "email": "h.garnier@mairie.example", "firstName": "Hélène", "lastName": "Garnier",
			"credentials": []any{map[string]string{"type": "password", "value": password}},
		}},
		"clients": []any{
			client(clientID, siret, map[string]string{"user.info.response.signature.alg": "RS256"}), client("sans-signature", siret, map[string]string{}),
			client("autre-organisme", "12345678900011", map[string]string{"user.info.response.signature.alg": "RS256"}),
		},
	}
}

// unpacked is the distribution, fetched from Maven Central where it is not yet.
func unpacked(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	fetch := exec.Command("mvn", "-q", "-B", "dependency:copy", "-Dartifact=org.keycloak:keycloak-quarkus-dist:"+keycloakVersion+":zip", "-DoutputDirectory="+folder)
	fetch.Dir = folder
	if out, err := fetch.CombinedOutput(); err != nil {
		t.Fatalf("fetch Keycloak: %v\n%s", err, out)
	}
	r, err := zip.OpenReader(filepath.Join(folder, "keycloak-quarkus-dist-"+keycloakVersion+".zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close() //nolint:errcheck // read only
	if err := os.CopyFS(filepath.Join(folder, "out"), r); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(folder, "out", "keycloak-"+keycloakVersion)
}

// start runs the server until the test ends, and waits for its metadata.
func (k *keycloak) start(t *testing.T, home string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_, port, _ := net.SplitHostPort(address)
	k.url = "http://" + address + "/realms/agents"
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	server := exec.Command("bash", filepath.Join(home, "bin", "kc.sh"), "start-dev", "--import-realm", "--http-host=127.0.0.1", "--http-port="+port, "--hostname=http://"+address, "--cache=local")
	server.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	log, err := os.Create(filepath.Join(t.TempDir(), "keycloak.log"))
	if err != nil {
		t.Fatal(err)
	}
	server.Stdout, server.Stderr = log, log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Wait() }()
	t.Cleanup(func() {
		_ = syscall.Kill(-server.Process.Pid, syscall.SIGKILL) // gone already, perhaps
		<-ended
	})
	limit, again := time.After(4*time.Minute), time.NewTicker(250*time.Millisecond)
	defer again.Stop()
	for {
		resp, err := http.Get(k.url + "/.well-known/openid-configuration")
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case err := <-ended:
			ended <- err
			said, _ := os.ReadFile(log.Name())
			t.Fatalf("Keycloak ended: %v\n%s", err, said)
		case <-limit:
			said, _ := os.ReadFile(log.Name())
			t.Fatalf("Keycloak does not answer\n%s", said)
		case <-again.C:
		}
	}
}

var formAction = regexp.MustCompile(`<form id="kc-form-login"[^>]* action="([^"]+)"`)

// signIn types the password on the page of Keycloak, and returns where it
// sends the browser back.
func (k *keycloak) signIn(t *testing.T, address string) *url.URL {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	page, err := client.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(page.Body)
	_ = page.Body.Close()
	found := formAction.FindSubmatch(body)
	if found == nil {
		t.Fatalf("no form: %d %s %s", page.StatusCode, page.Header.Get("Location"), body)
	}
	answer, err := client.PostForm(html.UnescapeString(string(found[1])), url.Values{"username": {"helene"}, "password": {k.password}})
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // not read
	back, err := answer.Location()
	if err != nil {
		t.Fatalf("the password was not taken: %d", answer.StatusCode)
	}
	return back
}

// People sign in by a real Keycloak: its account is linked once, then opens a
// session; a client whose user info is not signed, and one that says another
// establishment, open nothing.
func TestKeycloak(t *testing.T) {
	allow, err := egress.ParseAllow("127.0.0.1/32")
	if err != nil {
		t.Fatal(err)
	}
	at := towntest.New(t, func(c *wiring.Config) { c.Egress, c.Workers = allow, 0 })
	k := newKeycloak(t, at.Tenant.Origin, at.Tenant.SIRET)
	d := &door{town: at, admin: at.Person(t, demo.Administrator).Viewer(t)}
	d.handler = web.New(web.Options{Office: at.Office, Live: at.Hub, Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Version: "essai"})
	set := dossiers.SignOn{Name: "Compte de la ville", Issuer: k.url, ClientID: clientID, Scopes: []string{"profile", "email"}, ACR: []string{"eidas2"}}
	use := func(change func(*dossiers.SignOn)) {
		t.Helper()
		s := set
		change(&s)
		if err := at.Office.SetSignOn(t.Context(), d.admin, s, clientSecret); err != nil {
			t.Fatal(err)
		}
	}
	arrive := func() (*browser, int, string) {
		t.Helper()
		b := &browser{d: d}
		w := b.get("/connexion/proconnect")
		if w.Code != http.StatusSeeOther {
			return b, w.Code, w.Body.String()
		}
		w = b.get(k.signIn(t, w.Header().Get("Location")).RequestURI())
		return b, w.Code, w.Body.String()
	}
	use(func(*dossiers.SignOn) {})
	if _, code, body := arrive(); code != http.StatusForbidden || !strings.Contains(body, "rattaché") {
		t.Fatalf("unknown account: %d %s", code, body)
	}
	asked, err := at.Office.IdentityRequests(t.Context(), d.admin)
	if err != nil || len(asked) != 1 || asked[0].FamilyName != "Garnier" || asked[0].GivenName != "Hélène" || asked[0].Email != "h.garnier@mairie.example" {
		t.Fatalf("%+v, %v", asked, err)
	}
	mayor, err := at.Store.PersonByEmail(t.Context(), at.Tenant.ID, demo.Mayor)
	if err != nil {
		t.Fatal(err)
	}
	if err := at.Office.ApproveIdentity(t.Context(), d.admin, asked[0].ID, mayor.ID); err != nil {
		t.Fatal(err)
	}
	b, code, body := arrive()
	if code != http.StatusSeeOther || b.get("/mes-cles").Code != http.StatusOK {
		t.Fatalf("signed in: %d %s", code, body)
	}
	for name, bent := range map[string]struct {
		change func(*dossiers.SignOn)
		want   string
	}{
		"user info that is not signed": {func(s *dossiers.SignOn) { s.ClientID = "sans-signature" }, "pas abouti"},
		"another establishment":        {func(s *dossiers.SignOn) { s.ClientID = "autre-organisme" }, "un autre organisme"},
	} {
		use(bent.change)
		if b, code, body := arrive(); code != http.StatusForbidden || !strings.Contains(body, bent.want) || b.get("/mes-cles").Code != http.StatusSeeOther {
			t.Errorf("%s: %d %s", name, code, body)
		}
	}
}
