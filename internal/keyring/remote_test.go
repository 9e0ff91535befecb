package keyring_test

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"parapheur/certs"
	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/egress"
	"parapheur/internal/keyring"
	"parapheur/internal/qtsp"
	"parapheur/signing"
)

// remote gives the Mayor of a hall a key at a signing service of our own, in
// place of the one before, and returns a ring that reaches it.
func (h hall) remote(t *testing.T, c qtsp.Credential, pin string) (*keyring.Ring, *qtsp.Server) {
	t.Helper()
	s, err := qtsp.New(qtsp.Options{
		ClientID: "ville", ClientSecret: "secret", Redirects: []string{keyring.Callback(h.Tenant)}, Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	c.ID, c.Holder, c.SCAL, c.Multisign = "C1", "Hélène Garnier", "2", 5
	if _, err := s.Add(c); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	allow, err := egress.ParseAllow("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	roots, err := certs.NewTrust(certs.Guard{AllowDemo: true}, s.Root())
	if err != nil {
		t.Fatal(err)
	}
	ring := keyring.New(keyring.Options{
		Store: h.Store, Vault: h.vault, Guard: certs.Guard{AllowDemo: true}, Now: time.Now, Blobs: h.Office.Blobs, Roots: roots,
		HTTP: egress.NewClient(egress.Options{Allow: allow}),
	})
	t.Cleanup(ring.Close)
	_, err = ring.AddRemote(t.Context(), h.Tenant, keyring.Owner{ID: uuid.NewString(), Person: h.mayor, By: circuits.Actor{Name: "test"}},
		keyring.Remote{BaseURL: srv.URL + "/csc/v2", OAuthURL: srv.URL, ClientID: "ville", Credential: "C1"},
		keyring.RemoteSecrets{ClientSecret: "secret", PIN: pin})
	if err != nil {
		t.Fatal(err)
	}
	return ring, s
}

// approve plays the browser of the holder: the parameters it comes back with.
func approve(t *testing.T, address, pin string) url.Values {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	form := u.Query()
	form.Set("pin", pin)
	form.Set("answer", "yes")
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.PostForm(u.Scheme+"://"+u.Host+u.Path, form) //nolint:noctx // a test's
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close() //nolint:errcheck // a test's
	to, err := resp.Location()
	if err != nil {
		t.Fatal(resp.Status, err)
	}
	return to.Query()
}

// A key at a service that wants its holder's browser waits for it, then signs
// what was authorised.
func TestRemoteKeyWithItsHolder(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	ring, service := h.remote(t, qtsp.Credential{Mode: qtsp.OAuth, PIN: "4321"}, "")
	s, err := ring.Signer(t.Context(), h.Tenant, h.mayor, h.signs)
	if err != nil {
		t.Fatal(err)
	}
	p := h.layOut(t, s, nil)
	h.keep(t, 2, p)
	if _, err := s.Sign(t.Context(), p.ToBeSigned(), crypto.SHA256); !errors.Is(err, dossiers.ErrActivation) {
		t.Fatalf("before the holder came: %v", err)
	}
	raw, err := p.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	use := []keyring.Use{{Evidence: h.signs, Prepared: raw}}
	if _, err := ring.Activate(t.Context(), h.Tenant, h.mayor, []keyring.Use{{Evidence: h.visa, Prepared: raw}}); !errors.Is(err, certs.ErrRefusedByGate) {
		t.Errorf("activated by a visa: %v", err)
	}
	redirect, err := ring.Activate(t.Context(), h.Tenant, h.mayor, use)
	if err != nil {
		t.Fatal(err)
	}
	answer := approve(t, redirect, "4321")
	if err := ring.Finish(t.Context(), h.Tenant, h.dgs, answer); !errors.Is(err, dossiers.ErrForbidden) {
		t.Errorf("finished by somebody else: %v", err)
	}
	if err := ring.Finish(t.Context(), h.Tenant, h.mayor, url.Values{"state": {"x"}, "code": {"y"}}); !errors.Is(err, dossiers.ErrActivation) {
		t.Errorf("an unknown state: %v", err)
	}
	if err := ring.Finish(t.Context(), h.Tenant, h.mayor, answer); err != nil {
		t.Fatal(err)
	}
	if err := ring.Finish(t.Context(), h.Tenant, h.mayor, answer); !errors.Is(err, dossiers.ErrActivation) {
		t.Errorf("finished twice: %v", err)
	}
	value, err := s.Sign(t.Context(), p.ToBeSigned(), crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Complete(value, nil); err != nil {
		t.Errorf("the value does not complete the letter: %v", err)
	}
	if n := service.Calls("signatures/signHash"); n != 1 {
		t.Errorf("signed %d times", n)
	}
	state, err := ring.Readiness(t.Context(), h.Tenant, h.mayor)
	if err != nil || !state.Usable || !slices.Equal(state.Problems, []keyring.Problem{keyring.NeedsActivation}) || state.Kind != keyring.CSC {
		t.Errorf("%+v, %v", state, err)
	}
}

// A PIN that a service refuses suspends the key, for every node: it is not
// shown again.
func TestRefusedPINSuspends(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	ring, service := h.remote(t, qtsp.Credential{Mode: qtsp.Explicit, PIN: "4321"}, "0000")
	s, err := ring.Signer(t.Context(), h.Tenant, h.mayor, h.signs)
	if err != nil {
		t.Fatal(err)
	}
	p := h.layOut(t, s, nil)
	h.keep(t, 2, p)
	if _, err := s.Sign(t.Context(), p.ToBeSigned(), crypto.SHA256); !errors.Is(err, certs.ErrPIN) {
		t.Errorf("a refused PIN: %v", err)
	}
	if _, err := ring.Signer(t.Context(), h.Tenant, h.mayor, h.signs); !errors.Is(err, certs.ErrPIN) {
		t.Errorf("the key is offered again: %v", err)
	}
	if n := service.Calls("credentials/authorize"); n != 1 {
		t.Errorf("the PIN was shown %d times", n)
	}
	state, err := ring.Readiness(t.Context(), h.Tenant, h.mayor)
	if err != nil || state.Usable || !slices.Contains(state.Problems, keyring.Suspended) {
		t.Errorf("%+v, %v", state, err)
	}
}

// The bytes to sign are those of the approved letter and of no other, laid out
// for this very key.
func TestGateHoldsTheBytes(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	s, err := h.Ring.Signer(t.Context(), h.Tenant, h.mayor, h.signs)
	if err != nil {
		t.Fatal(err)
	}
	other := h.layOut(t, s, append(slices.Clone(h.letter(t)), []byte("\n% altered\n%%EOF\n")...))
	kept := h.layOut(t, s, append(slices.Clone(h.letter(t)), []byte("\n% altered too\n%%EOF\n")...))
	h.keep(t, 3, kept)
	dgs, err := h.Ring.Signer(t.Context(), h.Tenant, h.dgs, h.signs)
	if err != nil {
		t.Fatal(err)
	}
	foreign := h.layOut(t, dgs, nil)
	h.keep(t, 4, foreign)
	same := slices.Clone(h.letter(t)) // of the same size, one byte of its header's comment apart
	same[bytes.Index(same, []byte("\n%"))+2] ^= 1
	twin := h.layOut(t, s, same)
	h.keep(t, 6, twin)
	for name, tbs := range map[string][]byte{
		"bytes of nothing that is kept":           []byte("anything"),
		"another document, not kept":              other.ToBeSigned(),
		"another document, kept":                  kept.ToBeSigned(),
		"another document of the same size, kept": twin.ToBeSigned(),
		"the letter, laid out for another's key":  foreign.ToBeSigned(),
		"the letter, with a byte of tbs appended": append(h.prepared.ToBeSigned(), 0),
	} {
		if value, err := s.Sign(t.Context(), tbs, crypto.SHA256); !errors.Is(err, certs.ErrRefusedByGate) || value != nil {
			t.Errorf("%s: %v, want ErrRefusedByGate", name, err)
		}
	}
	forged := h.ring(tampered{revisions: func(all []dossiers.Revision) []dossiers.Revision {
		state, err := signing.HashState(all[0].HashState).Extend(crypto.SHA256, []byte("more"))
		if err != nil {
			t.Error(err)
		}
		all[0].HashState = state
		return all
	}})
	if _, err := h.use(t, forged, h.mayor, h.signs); !errors.Is(err, certs.ErrRefusedByGate) {
		t.Errorf("a hash state of another document: %v", err)
	}
	if _, err := h.use(t, h.Ring, h.mayor, h.signs); err != nil {
		t.Errorf("the letter itself: %v", err)
	}
}

// The town's seal signs the manifest that it was asked for, no letter, and no
// letter without a decision to seal.
func TestSealSignsManifestsOnly(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	s, err := h.Ring.Seal(t.Context(), h.Tenant, []byte(`{"a":1}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Sign(t.Context(), h.prepared.ToBeSigned(), crypto.SHA256); !errors.Is(err, certs.ErrRefusedByGate) {
		t.Errorf("a letter: %v", err)
	}
	if s, err = h.Ring.Seal(t.Context(), h.Tenant, h.letter(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Sign(t.Context(), h.prepared.ToBeSigned(), crypto.SHA256); !errors.Is(err, certs.ErrRefusedByGate) {
		t.Errorf("a letter as a manifest: %v", err)
	}
	sealer, err := h.Ring.Sealer(t.Context(), h.Tenant, h.signs)
	if err != nil {
		t.Fatal(err)
	}
	p := h.layOut(t, sealer, nil)
	h.keep(t, 5, p)
	if _, err := sealer.Sign(t.Context(), p.ToBeSigned(), crypto.SHA256); !errors.Is(err, certs.ErrRefusedByGate) {
		t.Errorf("the seal on a decision to sign: %v", err)
	}
}

// What would stop a signature, or soon will, is known before it is asked for.
func TestReadiness(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	roots, err := certs.NewTrust(certs.Guard{AllowDemo: true}, h.Demo.Root())
	if err != nil {
		t.Fatal(err)
	}
	end := h.prepared.Certificate().NotAfter
	judge := func(at time.Time, change func(*keyring.Options)) keyring.Readiness {
		t.Helper()
		opt := keyring.Options{Store: h.Store, Vault: h.vault, Guard: certs.Guard{AllowDemo: true}, Now: func() time.Time { return at }, Roots: roots}
		if change != nil {
			change(&opt)
		}
		out, err := keyring.New(opt).Readiness(t.Context(), h.Tenant, h.mayor)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	other, err := certs.NewTrust(certs.Guard{AllowDemo: true}, selfSigned(t))
	if err != nil {
		t.Fatal(err)
	}
	revocation, err := certs.NewRevocation(certs.RevocationOptions{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		at     time.Time
		change func(*keyring.Options)
		usable bool
		want   []keyring.Problem
	}{
		"today":            {time.Now(), nil, true, nil},
		"nearly over":      {end.Add(-24 * time.Hour), nil, true, []keyring.Problem{keyring.ExpiresSoon}},
		"over":             {end.Add(time.Hour), nil, false, []keyring.Problem{keyring.Expired}},
		"before its time":  {time.Now().AddDate(-1, 0, 0), nil, false, []keyring.Problem{keyring.NotYetValid}},
		"another root":     {time.Now(), func(o *keyring.Options) { o.Roots = other }, false, []keyring.Problem{keyring.Untrusted}},
		"not in the demo":  {time.Now(), func(o *keyring.Options) { o.Guard, o.Roots = certs.Guard{}, nil }, false, []keyring.Problem{keyring.DemoKey}},
		"nobody asked yet": {time.Now(), func(o *keyring.Options) { o.Revocation = revocation }, true, []keyring.Problem{keyring.RevocationOpen}},
	} {
		if got := judge(c.at, c.change); got.Usable != c.usable || !slices.Equal(got.Problems, c.want) || got.Seal {
			t.Errorf("%s: %+v", name, got)
		}
	}
	stranger := h.Person(t, demo.Drafter).Viewer(t).Person.ID
	if got, err := h.Ring.Readiness(t.Context(), h.Tenant, stranger); err != nil || got.Usable || !slices.Equal(got.Problems, []keyring.Problem{keyring.NoKey}) {
		t.Errorf("nobody's key: %+v, %v", got, err)
	}
}

// An operator, who has the database and no vault, is told who brought a key.
func TestReadinessOfWhatIsStored(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	end := h.prepared.Certificate().NotAfter
	stranger := h.Person(t, demo.Drafter).Viewer(t).Person.ID
	for name, c := range map[string]struct {
		at   time.Time
		who  circuits.PersonID
		want []keyring.Problem
	}{
		"today":        {time.Now(), h.mayor, nil},
		"over":         {end.Add(time.Hour), h.mayor, []keyring.Problem{keyring.Expired}},
		"nobody's key": {time.Now(), stranger, []keyring.Problem{keyring.NoKey}},
	} {
		got, err := keyring.New(keyring.Options{Store: h.Store, Now: func() time.Time { return c.at }}).Stored(t.Context(), h.Tenant, c.who)
		if err != nil || got.Usable != (c.want == nil) || !slices.Equal(got.Problems, c.want) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func selfSigned(t *testing.T) *x509.Certificate {
	t.Helper()
	s, err := qtsp.New(qtsp.Options{ClientID: "x", Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return s.Root()
}
