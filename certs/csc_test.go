package certs_test

import (
	"bytes"
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"parapheur/certs"
	"parapheur/internal/egress"
	"parapheur/internal/qtsp"
)

const back = "https://parapheur.essai.fr/signature/retour"

// A remote is a signing service with its clients and a clock that tests move.
type remote struct {
	*qtsp.Server
	url     string
	now     time.Time
	service *certs.CSCService
	vault   *certs.Vault
	kept    string // the refresh token, as the client was told to keep it
}

func (r *remote) clock() time.Time { return r.now }

func openRemote(t *testing.T, change func(*qtsp.Options, *certs.CSCServiceOptions)) *remote {
	t.Helper()
	r := &remote{now: time.Now().Truncate(time.Second)}
	so := qtsp.Options{ClientID: "parapheur", ClientSecret: "s3cret-of-client", Redirects: []string{back}, Confirmations: 2, Now: r.clock}
	var front http.Handler
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) { front.ServeHTTP(w, q) }))
	t.Cleanup(srv.Close)
	allow, err := egress.ParseAllow("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	r.url = srv.URL
	co := certs.CSCServiceOptions{
		BaseURL: srv.URL + "/csc/v2", OAuthURL: srv.URL, ClientID: so.ClientID, ClientSecret: so.ClientSecret,
		HTTP: egress.NewClient(egress.Options{Allow: allow}), Now: r.clock,
		OnRefresh: func(_ context.Context, token string) error { r.kept = token; return nil },
	}
	if change != nil {
		change(&so, &co)
	}
	if r.Server, err = qtsp.New(so); err != nil {
		t.Fatal(err)
	}
	front = r.Server
	if r.service, err = certs.NewCSCService(co); err != nil {
		t.Fatal(err)
	}
	if r.vault, err = certs.NewVault(bytes.Repeat([]byte{9}, certs.MasterKeySize)); err != nil {
		t.Fatal(err)
	}
	return r
}

// decided is the gate of these tests.
func decided(proof []byte, _ [][]byte) error {
	if string(proof) != "decided" {
		return errors.New("nobody decided")
	}
	return nil
}

// provider adds a credential to the service and opens it.
func (r *remote) provider(t *testing.T, c qtsp.Credential, change func(*certs.CSCOptions)) *certs.CSC {
	t.Helper()
	if c.ID == "" {
		c.ID = "C1"
	}
	if c.Multisign == 0 {
		c.Multisign = 5
	}
	if c.SCAL == "" {
		c.SCAL = "2"
	}
	if _, err := r.Add(c); err != nil {
		t.Fatal(err)
	}
	credential, err := r.service.Credential(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	opt := certs.CSCOptions{
		Service: r.service, Credential: credential, Redirect: back, Description: "Ville d’Essai", Vault: r.vault,
		Binding: certs.Binding{Tenant: "1", Kind: "k", ID: c.ID}, Gate: decided, Guard: certs.Guard{AllowDemo: true}, Now: r.clock,
		PollEvery: time.Millisecond, PollFor: 5 * time.Second,
	}
	if c.Mode == qtsp.Explicit {
		opt.Auth = []certs.CSCAuth{{ID: "PIN", Value: "1234"}}
	}
	if change != nil {
		change(&opt)
	}
	p, err := certs.NewCSC(opt)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func list(texts ...string) (out [][]byte) {
	for _, s := range texts {
		out = append(out, []byte(s))
	}
	return out
}

// visit plays the browser of the holder on the page of the service: where it is
// sent back to, with which parameters.
func visit(t *testing.T, address, pin, answer string) url.Values {
	t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	page, err := client.Get(address) //nolint:noctx // a test's
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(page.Body)
	page.Body.Close() //nolint:errcheck // a test's
	if err != nil || page.StatusCode != http.StatusOK || !strings.Contains(string(body), "Autoriser la signature") {
		t.Fatalf("page: %s %s", page.Status, body)
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	form := u.Query()
	form.Set("pin", pin)
	form.Set("answer", answer)
	resp, err := client.PostForm(u.Scheme+"://"+u.Host+u.Path, form) //nolint:noctx // a test's
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close() //nolint:errcheck // a test's
	to, err := resp.Location()
	if err != nil || !strings.HasPrefix(to.String(), back+"?") {
		t.Fatalf("sent to %v, %v, %s", to, err, resp.Status)
	}
	return to.Query()
}

// Every kind of credential signs several letters with one authorisation.
func TestCSCSigns(t *testing.T) {
	t.Parallel()
	r := openRemote(t, nil)
	for name, c := range map[string]struct {
		credential qtsp.Credential
		h          crypto.Hash
		pss        bool
		fault      qtsp.Fault
	}{
		"SCAL1, PIN, P-256":           {qtsp.Credential{Mode: qtsp.Explicit, SCAL: "1", PIN: "1234"}, crypto.SHA256, false, ""},
		"SCAL2, PIN, P-256, SHA-512":  {qtsp.Credential{Mode: qtsp.Explicit, SCAL: "2", PIN: "1234"}, crypto.SHA512, false, ""},
		"SCAL2, PIN, RSA, SHA-384":    {qtsp.Credential{Mode: qtsp.Explicit, SCAL: "2", PIN: "1234", RSA: true}, crypto.SHA384, false, ""},
		"SCAL2, PIN, RSA-PSS":         {qtsp.Credential{Mode: qtsp.Explicit, SCAL: "2", PIN: "1234", RSA: true}, crypto.SHA256, true, ""},
		"SCAL2, telephone":            {qtsp.Credential{Mode: qtsp.Implicit, SCAL: "2"}, crypto.SHA256, false, ""},
		"SCAL2, browser":              {qtsp.Credential{Mode: qtsp.OAuth, SCAL: "2", PIN: "1234"}, crypto.SHA256, false, ""},
		"SCAL1, browser, RSA":         {qtsp.Credential{Mode: qtsp.OAuth, SCAL: "1", PIN: "1234", RSA: true}, crypto.SHA256, false, ""},
		"values as r‖s":               {qtsp.Credential{Mode: qtsp.Explicit, PIN: "1234"}, crypto.SHA256, false, qtsp.RawECDSA},
		"values later, by responseID": {qtsp.Credential{Mode: qtsp.Explicit, PIN: "1234"}, crypto.SHA256, false, qtsp.Later},
	} {
		c.credential.ID = name
		p := r.provider(t, c.credential, func(o *certs.CSCOptions) { o.PSS = c.pss })
		r.Fail(c.fault)
		authorised, tbs := r.Calls("credentials/authorize"), list("one", "two", "three")
		a, err := p.Begin(t.Context(), tbs, c.h, []byte("decided"))
		if err != nil {
			t.Errorf("%s: Begin: %v", name, err)
			continue
		}
		if a.Redirect != "" {
			if _, err := p.Sign(t.Context(), a); !errors.Is(err, certs.ErrNotReady) {
				t.Errorf("%s: signed before the holder came back: %v", name, err)
			}
			if a, err = p.Finish(t.Context(), stored(t, a), visit(t, a.Redirect, "1234", "yes")); err != nil {
				t.Errorf("%s: Finish: %v", name, err)
				continue
			}
		}
		sigs, err := p.Sign(t.Context(), stored(t, a))
		if err != nil || len(sigs) != 3 {
			t.Errorf("%s: Sign: %d, %v", name, len(sigs), err)
			continue
		}
		if !c.pss {
			chain, _ := p.Chain(t.Context()) //nolint:errcheck // a list at hand
			for i, sig := range sigs {
				if err := certs.VerifySignature(chain[0], tbs[i], sig, c.h); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
		if n := r.Calls("credentials/authorize") - authorised; n > 1 {
			t.Errorf("%s: %d authorisations for three letters", name, n)
		}
		r.Fail("")
	}
}

// stored is an activation as it comes back from the database.
func stored(t *testing.T, a certs.Activation) (out certs.Activation) {
	t.Helper()
	raw, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// One authorisation serves the sealing of each letter apart, and no other.
func TestCSCOneAuthorisationForEachLetter(t *testing.T) {
	t.Parallel()
	r := openRemote(t, nil)
	p := r.provider(t, qtsp.Credential{Mode: qtsp.OAuth, PIN: "1234"}, nil)
	a, err := p.Begin(t.Context(), list("one", "two"), crypto.SHA256, []byte("decided"))
	if err != nil {
		t.Fatal(err)
	}
	if a, err = p.Finish(t.Context(), a, visit(t, a.Redirect, "1234", "yes")); err != nil {
		t.Fatal(err)
	}
	for _, tbs := range list("two", "one") {
		one, err := a.Only(tbs, []byte("decided"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Sign(t.Context(), one); err != nil {
			t.Errorf("%s: %v", tbs, err)
		}
	}
	if _, err := a.Only([]byte("three"), nil); !errors.Is(err, certs.ErrActivationExpired) {
		t.Errorf("other bytes: %v", err)
	}
	forged := a
	forged.TBS = list("three")
	if _, err := p.Sign(t.Context(), forged); !errors.Is(err, certs.ErrRemoteRefused) && !errors.Is(err, certs.ErrActivationExpired) {
		t.Errorf("a hash that is not in the authorisation: %v", err)
	}
}

// What a service does wrong is an error that says what to do, and no signature.
func TestCSCFaults(t *testing.T) {
	t.Parallel()
	for fault, want := range map[qtsp.Fault]error{
		qtsp.WrongSignature: certs.ErrBadSignature, qtsp.OtherKey: certs.ErrBadSignature, qtsp.TooFew: certs.ErrBadSignature,
		qtsp.Down: certs.ErrKeyUnavailable, qtsp.NotJSON: certs.ErrKeyUnavailable, qtsp.Endless: certs.ErrRemoteRefused,
		qtsp.Expired: certs.ErrActivationExpired,
	} {
		r := openRemote(t, nil)
		p := r.provider(t, qtsp.Credential{Mode: qtsp.Explicit, PIN: "1234"}, nil)
		r.Fail(fault)
		a, err := p.Begin(t.Context(), list("one"), crypto.SHA256, []byte("decided"))
		if err == nil {
			_, err = p.Sign(t.Context(), a)
		}
		if !errors.Is(err, want) && !(fault == qtsp.Endless && errors.Is(err, egress.ErrTooLarge)) {
			t.Errorf("%s: %v, want %v", fault, err, want)
		}
		if n := r.Calls("signatures/signHash"); n > 1 {
			t.Errorf("%s: the signature was asked for %d times", fault, n)
		}
	}
}

// A telephone that is not answered ends the wait, not the authorisation.
func TestCSCTelephoneNotAnswered(t *testing.T) {
	t.Parallel()
	r := openRemote(t, nil)
	p := r.provider(t, qtsp.Credential{Mode: qtsp.Implicit}, func(o *certs.CSCOptions) { o.PollFor = 30 * time.Millisecond })
	a, err := p.Begin(t.Context(), list("one"), crypto.SHA256, []byte("decided"))
	if err != nil || a.Ready || a.Redirect != "" {
		t.Fatal(a, err)
	}
	r.Fail(qtsp.Never)
	if _, err := p.Sign(t.Context(), a); !errors.Is(err, certs.ErrNotReady) {
		t.Errorf("not answered: %v", err)
	}
	r.Fail("")
	if _, err := p.Sign(t.Context(), a); err != nil {
		t.Errorf("answered at last: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Sign(ctx, a); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
}

// What the browser brings back is held to the request that sent it.
func TestCSCCallback(t *testing.T) {
	t.Parallel()
	r := openRemote(t, nil)
	p := r.provider(t, qtsp.Credential{Mode: qtsp.OAuth, PIN: "1234"}, nil)
	begin := func() certs.Activation {
		a, err := p.Begin(t.Context(), list("one"), crypto.SHA256, []byte("decided"))
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	a := begin()
	if _, err := p.Finish(t.Context(), a, visit(t, a.Redirect, "1234", "no")); !errors.Is(err, certs.ErrHolderRefused) {
		t.Errorf("declined: %v", err)
	}
	a, b := begin(), begin()
	answer := visit(t, a.Redirect, "1234", "yes")
	if _, err := p.Finish(t.Context(), b, answer); !errors.Is(err, certs.ErrActivationExpired) {
		t.Errorf("another request's answer: %v", err)
	}
	answer.Set("state", b.Handle) // and with its own state, another's code: PKCE refuses it
	if _, err := p.Finish(t.Context(), b, answer); !errors.Is(err, certs.ErrRemoteRefused) {
		t.Errorf("another request's code: %v", err)
	}
	a = begin()
	answer = visit(t, a.Redirect, "1234", "yes")
	moved := a
	moved.Handle, moved.Sealed = b.Handle, a.Sealed
	answer.Set("state", b.Handle)
	if _, err := p.Finish(t.Context(), moved, answer); !errors.Is(err, certs.ErrSealed) {
		t.Errorf("a secret moved to another activation: %v", err)
	}
	a = begin()
	answer = visit(t, a.Redirect, "1234", "yes")
	r.now = r.now.Add(time.Hour)
	if _, err := p.Finish(t.Context(), a, answer); !errors.Is(err, certs.ErrActivationExpired) {
		t.Errorf("too late: %v", err)
	}
	a = begin()
	done, err := p.Finish(t.Context(), a, visit(t, a.Redirect, "1234", "yes"))
	if err != nil {
		t.Fatal(err)
	}
	r.now = r.now.Add(time.Hour)
	if _, err := p.Sign(t.Context(), done); !errors.Is(err, certs.ErrActivationExpired) {
		t.Errorf("used too late: %v", err)
	}
}

// A refused PIN is said for what it is, and each use shows it once.
func TestCSCWrongPIN(t *testing.T) {
	t.Parallel()
	r := openRemote(t, nil)
	p := r.provider(t, qtsp.Credential{Mode: qtsp.Explicit, PIN: "9999"}, nil)
	if _, err := p.Begin(t.Context(), list("one"), crypto.SHA256, []byte("decided")); !errors.Is(err, certs.ErrPIN) {
		t.Errorf("%v", err)
	}
	if n := r.Calls("credentials/authorize"); n != 1 {
		t.Errorf("the PIN was shown %d times", n)
	}
}

// The service is asked for nothing that nobody decided, nor for too much.
func TestCSCGate(t *testing.T) {
	t.Parallel()
	r := openRemote(t, nil)
	p := r.provider(t, qtsp.Credential{Mode: qtsp.Explicit, PIN: "1234", Multisign: 2}, nil)
	if _, err := p.Begin(t.Context(), list("one"), crypto.SHA256, []byte("forged")); !errors.Is(err, certs.ErrRefusedByGate) {
		t.Errorf("Begin: %v", err)
	}
	if _, err := p.Begin(t.Context(), list("1", "2", "3"), crypto.SHA256, []byte("decided")); !errors.Is(err, certs.ErrRemoteRefused) {
		t.Errorf("more than one authorisation allows: %v", err)
	}
	if r.Calls("credentials/authorize") != 0 {
		t.Error("the service was asked")
	}
	a, err := p.Begin(t.Context(), list("one"), crypto.SHA256, []byte("decided"))
	if err != nil {
		t.Fatal(err)
	}
	a.Proof = []byte("forged")
	if _, err := p.Sign(t.Context(), a); !errors.Is(err, certs.ErrRefusedByGate) || r.Calls("signatures/signHash") != 0 {
		t.Errorf("Sign: %v", err)
	}
	if _, err := p.WithGate(nil).Sign(t.Context(), a); !errors.Is(err, certs.ErrNoGate) {
		t.Errorf("without a gate: %v", err)
	}
}

// The refresh token is renewed at each use and kept; without it nothing is seen.
func TestCSCRefreshToken(t *testing.T) {
	t.Parallel()
	r := openRemote(t, func(so *qtsp.Options, co *certs.CSCServiceOptions) { so.RefreshToken, co.RefreshToken = "r1", "r1" })
	for _, want := range []string{"r1+", "r1++"} {
		if _, err := r.service.Credentials(t.Context()); err != nil || r.kept != want {
			t.Errorf("kept %q, %v, want %q", r.kept, err, want)
		}
		r.now = r.now.Add(2 * time.Hour) // past the token of access
	}
	stale := openRemote(t, func(so *qtsp.Options, co *certs.CSCServiceOptions) { so.RefreshToken, co.RefreshToken = "r1", "r0" })
	if _, err := stale.service.Credentials(t.Context()); !errors.Is(err, certs.ErrRemoteRefused) {
		t.Errorf("a stale refresh token: %v", err)
	}
}

// No error of the client, and nothing it stores, shows a secret.
func TestCSCSecretsStaySecret(t *testing.T) {
	t.Parallel()
	r := openRemote(t, nil)
	p := r.provider(t, qtsp.Credential{Mode: qtsp.OAuth, PIN: "1234"}, nil)
	a, err := p.Begin(t.Context(), list("one"), crypto.SHA256, []byte("decided"))
	if err != nil {
		t.Fatal(err)
	}
	answer := visit(t, a.Redirect, "1234", "yes")
	done, err := p.Finish(t.Context(), a, answer)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal([]certs.Activation{a, done})
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{string(raw)}
	for _, f := range []qtsp.Fault{qtsp.Down, qtsp.NotJSON, qtsp.Endless} {
		r.Fail(f)
		_, err := p.Sign(t.Context(), done)
		texts = append(texts, err.Error())
	}
	for _, text := range texts {
		for _, secret := range []string{"s3cret-of-client", answer.Get("code")} {
			if strings.Contains(text, secret) {
				t.Errorf("%s shows %s", text, secret)
			}
		}
	}
}

// A credential is read with its chain; one that is refused says why.
func TestCSCCredential(t *testing.T) {
	t.Parallel()
	r := openRemote(t, nil)
	if _, err := r.Add(qtsp.Credential{ID: "off", Mode: qtsp.Explicit, SCAL: "1", Disabled: true, Multisign: 3}); err != nil {
		t.Fatal(err)
	}
	ids, err := r.service.Credentials(t.Context())
	if err != nil || len(ids) != 1 {
		t.Fatal(ids, err)
	}
	c, err := r.service.Credential(t.Context(), "off")
	if err != nil || c.Enabled || c.Multisign != 3 || c.SCAL != "1" || len(c.Chain) != 2 || !c.Chain[1].Equal(r.Root()) {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err := r.service.Credential(t.Context(), "none"); !errors.Is(err, certs.ErrRemoteRefused) {
		t.Errorf("unknown: %v", err)
	}
	info, err := r.service.Info(t.Context())
	if err != nil || info.Specs != "2.0.0.2" {
		t.Errorf("%+v, %v", info, err)
	}
	// A demonstration's credential serves in the demonstration only.
	if _, err := certs.NewCSC(certs.CSCOptions{Service: r.service, Credential: c, Vault: r.vault, Now: r.clock}); !errors.Is(err, certs.ErrDemoPKI) {
		t.Errorf("outside the demonstration: %v", err)
	}
	// By default the service may not lie in the private network.
	blind, err := certs.NewCSCService(certs.CSCServiceOptions{
		BaseURL: r.url + "/csc/v2", OAuthURL: r.url, ClientID: "x", HTTP: egress.NewClient(egress.Options{}), Now: r.clock,
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := blind.Info(t.Context()); !errors.Is(err, egress.ErrRefused) {
		t.Errorf("a service in the private network: %v", err)
	}
}
