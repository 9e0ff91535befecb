package web_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/op"
	"golang.org/x/text/language"
)

const (
	clientID     = "parapheur"
	clientSecret = "a secret of tests"
)

// A provider is a real OpenID provider (zitadel/oidc) with the manners of
// ProConnect: unknown parameters refused, the secret in the form alone, user
// info as a signed JWT. Each test bends one answer.
type provider struct {
	*storage.Storage
	url    string
	left   string // post_logout_redirect_uri that is registered
	asked  url.Values
	mu     sync.Mutex
	acr    string
	info   map[string]any // claims of the user info, over those that are right
	kind   string         // its Content-Type
	forge  bool           // it is signed by somebody else
	nonce  string         // of the ID token, over the one asked for
	signer op.SigningKey
}

// newProvider runs one for the town at origin.
func newProvider(t *testing.T, origin, siret string) *provider {
	t.Helper()
	p := &provider{left: origin + "/connexion", acr: "eidas2", kind: "application/jwt"}
	p.info = map[string]any{"given_name": "Hélène", "usual_name": "Garnier", "email": "h.garnier@mairie.example", "siret": siret, "idp_id": "idp-1"}
	srv := httptest.NewUnstartedServer(nil)
	p.url = "http://" + srv.Listener.Addr().String()
	p.Storage = storage.NewStorageWithClients(storage.NewUserStore(p.url), map[string]*storage.Client{
		clientID: storage.WebClient(clientID, clientSecret, origin+"/connexion/retour"),
	})
	key, err := p.SigningKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p.signer = key
	provided, err := op.NewProvider(&op.Config{CodeMethodS256: true, AuthMethodPost: true, SupportedUILocales: []language.Tag{language.French}},
		p, op.StaticIssuer(p.url), op.WithAllowInsecure())
	if err != nil {
		t.Fatal(err)
	}
	srv.Config.Handler = p.manners(t, provided)
	srv.Start()
	t.Cleanup(srv.Close)
	return p
}

// manners are what ProConnect adds to the protocol.
func (p *provider) manners(t *testing.T, next http.Handler) http.Handler {
	known := []string{"response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "claims", "code_challenge", "code_challenge_method"}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/authorize":
			for name := range r.URL.Query() {
				if !slices.Contains(known, name) {
					http.Error(w, "Y000400 "+name, http.StatusBadRequest)
					return
				}
			}
			p.mu.Lock()
			p.asked = r.URL.Query()
			p.mu.Unlock()
		case "/oauth/token":
			if _, _, basic := r.BasicAuth(); basic || r.PostFormValue("client_secret") == "" {
				http.Error(w, `{"error":"invalid_client"}`, http.StatusUnauthorized)
				return
			}
		case "/userinfo":
			p.userInfo(t, next, w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// userInfo signs what the provider answers.
func (p *provider) userInfo(t *testing.T, next http.Handler, w http.ResponseWriter, r *http.Request) {
	plain := httptest.NewRecorder()
	next.ServeHTTP(plain, r)
	p.mu.Lock()
	defer p.mu.Unlock()
	claims := map[string]any{}
	if err := json.Unmarshal(plain.Body.Bytes(), &claims); err != nil || plain.Code != http.StatusOK {
		http.Error(w, plain.Body.String(), plain.Code)
		return
	}
	claims["iss"], claims["aud"], claims["exp"], claims["iat"] = p.url, clientID, time.Now().Add(time.Minute).Unix(), time.Now().Unix()
	for k, v := range p.info {
		claims[k] = v
	}
	body, err := json.Marshal(claims)
	if err != nil {
		t.Error(err)
	}
	if p.kind == "application/jwt" {
		body = p.sign(t, body)
	}
	w.Header().Set("Content-Type", p.kind)
	_, _ = w.Write(body)
}

func (p *provider) sign(t *testing.T, body []byte) []byte {
	key := jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: p.signer.Key(), KeyID: p.signer.ID()}}
	if p.forge {
		key = jose.SigningKey{Algorithm: jose.HS256, Key: []byte(strings.Repeat(clientSecret, 4))}
	}
	s, err := jose.NewSigner(key, nil)
	if err != nil {
		t.Error(err)
		return nil
	}
	signed, err := s.Sign(body)
	if err != nil {
		t.Error(err)
		return nil
	}
	out, err := signed.CompactSerialize()
	if err != nil {
		t.Error(err)
	}
	return []byte(out)
}

// A bent is an authorization with the acr, and perhaps the nonce, of the test.
type bent struct {
	op.AuthRequest
	acr, nonce string
}

func (b bent) GetACR() string   { return b.acr }
func (b bent) GetNonce() string { return b.nonce }

// AuthRequestByCode implements op.Storage.
func (p *provider) AuthRequestByCode(ctx context.Context, code string) (op.AuthRequest, error) {
	a, err := p.Storage.AuthRequestByCode(ctx, code)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	b := bent{a, p.acr, a.GetNonce()}
	if p.nonce != "" {
		b.nonce = p.nonce
	}
	return b, nil
}

// A logged is a client that may send browsers back after signing out.
type logged struct {
	op.Client
	left string
}

func (l logged) PostLogoutRedirectURIs() []string { return []string{l.left} }

// GetClientByClientID implements op.Storage.
func (p *provider) GetClientByClientID(ctx context.Context, id string) (op.Client, error) {
	c, err := p.Storage.GetClientByClientID(ctx, id)
	return logged{c, p.left}, err
}

// GetPrivateClaimsFromScopes implements op.Storage.
func (p *provider) GetPrivateClaimsFromScopes(context.Context, string, string, []string) (map[string]any, error) {
	return map[string]any{}, nil
}

// signIn plays the person at the provider: it follows the address that the
// pages gave, types the password, and returns where the browser is sent back.
func (p *provider) signIn(t *testing.T, address string) *url.URL {
	t.Helper()
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	at := p.follow(t, browser, address)
	id := at.Query().Get("authRequestID")
	if err := p.CheckUsernamePassword("test-user@127.0.0.1", "verysecure", id); err != nil {
		t.Fatal(err)
	}
	return p.follow(t, browser, p.url+"/authorize/callback?id="+url.QueryEscape(id))
}

func (p *provider) follow(t *testing.T, browser *http.Client, address string) *url.URL {
	t.Helper()
	resp, err := browser.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // read below
	body, _ := io.ReadAll(resp.Body)
	at, err := resp.Location()
	if err != nil {
		t.Fatalf("%d %s", resp.StatusCode, body)
	}
	return at
}
