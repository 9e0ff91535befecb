package dossiers_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/google/uuid"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/egress"
	"parapheur/internal/keyring"
	"parapheur/internal/qtsp"
	"parapheur/internal/towntest"
	"parapheur/internal/wiring"
	"parapheur/signing"
)

// A remoteTown is a town whose Mayor's key is kept by a signing service that
// asks its holder, in a browser, for each authorisation.
type remoteTown struct {
	*towntest.Town
	service *qtsp.Server
}

func newRemoteTown(t *testing.T, multisign int) remoteTown {
	t.Helper()
	service, err := qtsp.New(qtsp.Options{
		ClientID: "parapheur", ClientSecret: "secret", RefreshToken: "standing", Redirects: []string{towntest.Origin + keyring.CallbackPath}, Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := service.Add(qtsp.Credential{ID: "C1", Holder: "Hélène Garnier", Mode: qtsp.OAuth, SCAL: "2", PIN: "1234", Multisign: multisign}); err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(service)
	t.Cleanup(web.Close)
	level := signing.BT // the service's authority answers nothing about revocation
	allow, err := egress.ParseAllow("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	town := remoteTown{towntest.New(t, func(c *wiring.Config) {
		c.Workers, c.Level, c.Egress = 0, &level, allow
		c.Roots = append(c.Roots, service.Root())
	}), service}
	mayor := town.Person(t, demo.Mayor).Viewer(t).Person
	to := keyring.Owner{ID: uuid.NewString(), Person: mayor.ID, Label: "Clé à distance", By: circuits.Actor{Name: "test"}}
	at := keyring.Remote{BaseURL: web.URL + "/csc/v2", OAuthURL: web.URL, ClientID: "parapheur", Credential: "C1"}
	if _, err := town.Ring.AddRemote(t.Context(), town.Tenant, to, at, keyring.RemoteSecrets{ClientSecret: "secret", RefreshToken: "standing"}); err != nil {
		t.Fatal(err)
	}
	return town
}

// waits runs the sealing of a letter and finds it waiting for its holder.
func (town remoteTown) waits(t *testing.T, id dossiers.ID) {
	t.Helper()
	if err := town.Office.Seal(t.Context(), town.Tenant.ID, id); !errors.Is(err, dossiers.ErrAwaiting) || !errors.Is(err, dossiers.ErrActivation) {
		t.Fatalf("got %v", err)
	}
	town.Await(t, id, func(d dossiers.Dossier) bool { return d.State.Steps[1].Awaiting == dossiers.AwaitsActivation })
}

// holder answers the page of the service and returns what comes back.
func (town remoteTown) holder(t *testing.T, redirect, answer string) url.Values {
	t.Helper()
	to, err := url.Parse(redirect)
	if err != nil {
		t.Fatal(err)
	}
	form := to.Query()
	form.Set("pin", "1234")
	form.Set("answer", answer)
	to.RawQuery = ""
	browser := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := browser.PostForm(to.String(), form)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end below
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusSeeOther {
		t.Fatalf("the service answers %s: %s", resp.Status, body)
	}
	back, err := resp.Location()
	if err != nil || back.Path != keyring.CallbackPath {
		t.Fatalf("sent back to %s, %v", back, err)
	}
	return back.Query()
}

// Two letters, one authorisation: the holder goes to the service once, comes
// back, and both are sealed. Declining loses nothing, and nobody else can come
// back in their place.
func TestRemoteKeyOnceForAll(t *testing.T) {
	t.Parallel()
	town := newRemoteTown(t, 10)
	a, b := decided(t, town.Town), decided(t, town.Town)
	town.waits(t, a.ID)
	town.waits(t, b.ID)
	mayor := town.Person(t, demo.Mayor).Viewer(t)
	o, ctx := town.Office, t.Context()
	if ids, err := o.ToActivate(ctx, mayor); err != nil || len(ids) != 2 {
		t.Fatalf("to activate: %v, %v", ids, err)
	}
	if ids, err := o.ToActivate(ctx, town.Person(t, demo.DGS).Viewer(t)); err != nil || len(ids) != 0 {
		t.Errorf("the DGS may activate %v, %v", ids, err)
	}
	redirect, err := o.Activate(ctx, mayor)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.FinishActivation(ctx, mayor, town.holder(t, redirect, "no")); !errors.Is(err, dossiers.ErrActivation) {
		t.Fatalf("declined: %v", err)
	}
	town.waits(t, a.ID)

	if redirect, err = o.Activate(ctx, mayor); err != nil {
		t.Fatal(err)
	}
	back := town.holder(t, redirect, "yes")
	if _, err := o.FinishActivation(ctx, town.Person(t, demo.DGS).Viewer(t), back); !errors.Is(err, dossiers.ErrForbidden) {
		t.Errorf("the DGS comes back in the Mayor's place: %v", err)
	}
	ids, err := o.FinishActivation(ctx, mayor, back)
	if err != nil || len(ids) != 2 {
		t.Fatalf("finished %v, %v", ids, err)
	}
	for _, id := range ids {
		if err := o.Seal(ctx, town.Tenant.ID, id); err != nil {
			t.Fatal(err)
		}
		town.Await(t, id, completed)
		if s := signatureOf(t, town.Town, id); s.Name != "Hélène Garnier" || s.Level != signing.BT.String() {
			t.Errorf("signed by %s at %s", s.Name, s.Level)
		}
	}
	if _, err := o.Activate(ctx, mayor); !errors.Is(err, dossiers.ErrNotFound) {
		t.Errorf("nothing waits any more: %v", err)
	}
}

// A service that authorises few signatures at once is asked for few.
func TestRemoteKeyInParts(t *testing.T) {
	t.Parallel()
	town := newRemoteTown(t, 1)
	for range 2 {
		town.waits(t, decided(t, town.Town).ID)
	}
	mayor := town.Person(t, demo.Mayor).Viewer(t)
	for left := 2; left > 0; left-- {
		redirect, err := town.Office.Activate(t.Context(), mayor)
		if err != nil {
			t.Fatal(err)
		}
		ids, err := town.Office.FinishActivation(t.Context(), mayor, town.holder(t, redirect, "yes"))
		if err != nil || len(ids) != left {
			t.Fatalf("finished %v, %v", ids, err)
		}
		sealed := 0
		for _, id := range ids {
			err := town.Office.Seal(t.Context(), town.Tenant.ID, id)
			if err == nil {
				sealed++
			} else if !errors.Is(err, dossiers.ErrActivation) {
				t.Fatal(err)
			}
		}
		if sealed != 1 {
			t.Errorf("%d letters sealed with one authorisation", sealed)
		}
	}
}
