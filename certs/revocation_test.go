package certs

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"parapheur/internal/egress"
)

// switchable serves a demonstration PKI whose parts a test can break, and counts requests.
type switchable struct {
	*Demo
	host     string
	override atomic.Pointer[func(http.ResponseWriter, *http.Request) bool] // true: answered
	requests atomic.Int32
}

func openSwitchable(t *testing.T) *switchable {
	t.Helper()
	s := &switchable{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		if f := s.override.Load(); f != nil && (*f)(w, r) {
			return
		}
		s.Handler().ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	d, err := OpenDemo(DemoOptions{Dir: t.TempDir(), Vault: testVault(t, 1), Guard: demoGuard(), Now: time.Now, BaseURL: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	s.Demo, s.host = d, strings.TrimPrefix(srv.URL, "http://")
	return s
}

func (s *switchable) breaks(f func(http.ResponseWriter, *http.Request) bool) { s.override.Store(&f) }

// down makes every path with one of these prefixes answer 503.
func (s *switchable) down(prefixes ...string) {
	s.breaks(func(w http.ResponseWriter, r *http.Request) bool {
		hit := slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(r.URL.Path, p) })
		if hit {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		return hit
	})
}

func (s *switchable) client(t *testing.T, now Clock) *Revocation {
	t.Helper()
	r, err := NewRevocation(RevocationOptions{Now: now, AllowHosts: []string{s.host}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestCollectProvesSignerAndTSA(t *testing.T) {
	t.Parallel()
	s := openSwitchable(t)
	r := s.client(t, time.Now)
	person := newPerson(t, s.Demo)
	paths := [][]*x509.Certificate{person.Chain(), s.tsa.unit.Chain()}
	ev, err := r.Collect(t.Context(), paths, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	// One answer for each leaf, one list for the intermediate that they share.
	if len(ev.OCSPs) != 2 || len(ev.CRLs) != 1 || len(ev.Certs) != 5 {
		t.Errorf("%d OCSP answers, %d lists, %d certificates; want 2, 1, 5", len(ev.OCSPs), len(ev.CRLs), len(ev.Certs))
	}
	if !slices.ContainsFunc(ev.Certs, s.ocsp.Certificate().Equal) {
		t.Error("the responder's certificate is missing: its answers cannot be verified offline")
	}
	before := s.requests.Load()
	again, err := r.Collect(t.Context(), paths, time.Now())
	if err != nil || s.requests.Load() != before || !slices.EqualFunc(again.OCSPs, ev.OCSPs, bytes.Equal) {
		t.Errorf("the second time asked again (%d requests more), %v", s.requests.Load()-before, err)
	}
}

// A responder that serves GET only is asked again that way (RFC 6960, A.1).
func TestCollectByGET(t *testing.T) {
	t.Parallel()
	s := openSwitchable(t)
	var posted, got atomic.Int32
	s.breaks(func(w http.ResponseWriter, r *http.Request) bool {
		switch {
		case strings.HasPrefix(r.URL.Path, "/ocsp") && r.Method == http.MethodPost:
			posted.Add(1)
			w.WriteHeader(http.StatusMethodNotAllowed)
			return true
		case strings.HasPrefix(r.URL.Path, "/ocsp"):
			got.Add(1)
		}
		return false
	})
	ev, err := s.client(t, time.Now).Collect(t.Context(), [][]*x509.Certificate{newPerson(t, s.Demo).Chain()}, time.Now())
	if err != nil || len(ev.OCSPs) != 1 || posted.Load() != 1 || got.Load() != 1 {
		t.Errorf("%d answers, %d POST, %d GET, %v", len(ev.OCSPs), posted.Load(), got.Load(), err)
	}
}

// What is fetched ahead is known without asking anybody; a revocation too.
func TestKnownAheadOfTheSignature(t *testing.T) {
	t.Parallel()
	s := openSwitchable(t)
	r, path := s.client(t, time.Now), newPerson(t, s.Demo).Chain()
	if err := r.Known(t.Context(), path, time.Now()); !errors.Is(err, ErrRevocationUnavailable) || s.requests.Load() != 0 {
		t.Errorf("before: %v, %d requests", err, s.requests.Load())
	}
	if err := r.Prefetch(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	before := s.requests.Load()
	if err := r.Known(t.Context(), path, time.Now()); err != nil || s.requests.Load() != before {
		t.Errorf("after: %v, %d requests", err, s.requests.Load()-before)
	}
	if err := s.Revoke(path[0].SerialNumber, 1); err != nil {
		t.Fatal(err)
	}
	fresh := s.client(t, time.Now)
	if err := fresh.Prefetch(t.Context(), path); !errors.Is(err, ErrRevoked) {
		t.Errorf("revoked: %v", err)
	}
	if err := fresh.Known(t.Context(), path, time.Now()); !errors.Is(err, ErrRevoked) {
		t.Errorf("known to be revoked: %v", err)
	}
}

func TestCollectRevoked(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string][]string{"by OCSP": {"/none"}, "by list": {"/ocsp"}} {
		s := openSwitchable(t)
		s.down(broken...)
		person := newPerson(t, s.Demo)
		if err := s.Revoke(person.Certificate().SerialNumber, 1); err != nil {
			t.Fatal(err)
		}
		r := s.client(t, time.Now)
		if ev, err := r.Collect(t.Context(), [][]*x509.Certificate{person.Chain()}, time.Now()); !errors.Is(err, ErrRevoked) || len(ev.Certs) > 0 {
			t.Errorf("%s: %v, want ErrRevoked and no evidence", name, err)
		}
		// A signature stamped before the revocation stays provable.
		if _, err := r.Collect(t.Context(), [][]*x509.Certificate{person.Chain()}, time.Now().Add(-time.Minute)); err != nil {
			t.Errorf("%s, judged before: %v", name, err)
		}
	}
}

func TestCollectFallsBackAndWaits(t *testing.T) {
	t.Parallel()
	s := openSwitchable(t)
	path := [][]*x509.Certificate{newPerson(t, s.Demo).Chain()}
	s.down("/ocsp")
	ev, err := s.client(t, time.Now).Collect(t.Context(), path, time.Now())
	if err != nil || len(ev.OCSPs) != 0 || len(ev.CRLs) != 2 {
		t.Errorf("without OCSP: %d answers, %d lists, %v; want 0 and 2", len(ev.OCSPs), len(ev.CRLs), err)
	}
	for name, prefixes := range map[string][]string{"nothing answers": {"/"}, "the root's list is down": {"/crl/root"}} {
		s.down(prefixes...)
		ev, err := s.client(t, time.Now).Collect(t.Context(), path, time.Now())
		if !errors.Is(err, ErrRevocationUnavailable) || len(ev.Certs)+len(ev.CRLs)+len(ev.OCSPs) > 0 {
			t.Errorf("%s: %v, want ErrRevocationUnavailable and nothing partial", name, err)
		}
	}
	bare := &x509.Certificate{Raw: []byte{1}}
	if _, err := s.client(t, time.Now).Collect(t.Context(), [][]*x509.Certificate{{bare, s.Root()}}, time.Now()); !errors.Is(err, ErrRevocationUnavailable) {
		t.Errorf("a certificate without addresses: %v", err)
	}
}

func TestCollectRefusesStaleAnswers(t *testing.T) {
	t.Parallel()
	s := openSwitchable(t)
	path := [][]*x509.Certificate{newPerson(t, s.Demo).Chain()}
	for name, shift := range map[string]time.Duration{"all ended": 8 * 24 * time.Hour, "from the future": -time.Hour} {
		now := func() time.Time { return time.Now().Add(shift) }
		if _, err := s.client(t, now).Collect(t.Context(), path, now()); !errors.Is(err, ErrRevocationUnavailable) {
			t.Errorf("%s: %v, want ErrRevocationUnavailable", name, err)
		}
	}
	// After a day the OCSP answer in memory ends and is asked again.
	var shift atomic.Int64
	r := s.client(t, func() time.Time { return time.Now().Add(time.Duration(shift.Load())) })
	if _, err := r.Collect(t.Context(), path, time.Now()); err != nil {
		t.Fatal(err)
	}
	before := s.requests.Load()
	shift.Store(int64(25 * time.Hour))
	ev, err := r.Collect(t.Context(), path, time.Now())
	if err != nil || s.requests.Load() == before {
		t.Errorf("an ended answer came from memory, %v", err)
	}
	if len(ev.OCSPs) != 0 || len(ev.CRLs) != 2 { // the responder's own clock makes its new answer old too
		t.Errorf("%d OCSP answers, %d lists; want the list instead of an ended answer", len(ev.OCSPs), len(ev.CRLs))
	}
}

// TestCollectRefusesForgedOCSP: x/crypto/ocsp accepts an answer signed by any
// certificate of the same authority; a colleague's key must not vouch.
func TestCollectRefusesForgedOCSP(t *testing.T) {
	t.Parallel()
	s := openSwitchable(t)
	person := newPerson(t, s.Demo)
	colleague, err := s.Person(DemoPerson{Name: "Jean Bon", Quality: "DGS", Town: "Commune de Saint-Aubin"})
	if err != nil {
		t.Fatal(err)
	}
	for name, forger := range map[string]*Key{"not for OCSP": colleague, "honest": s.ocsp} {
		der, err := ocsp.CreateResponse(s.issuing.Certificate(), forger.Certificate(), ocsp.Response{
			Status: ocsp.Good, SerialNumber: person.Certificate().SerialNumber, Certificate: forger.Certificate(),
			ThisUpdate: time.Now().Add(-time.Minute), NextUpdate: time.Now().Add(time.Hour),
		}, forger.signer)
		if err != nil {
			t.Fatal(err)
		}
		s.breaks(func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasPrefix(r.URL.Path, "/ocsp") {
				return false
			}
			writeBinary(w, "application/ocsp-response", der)
			return true
		})
		ev, err := s.client(t, time.Now).Collect(t.Context(), [][]*x509.Certificate{person.Chain()[:2]}, time.Now())
		if honest := name == "honest"; err != nil || (len(ev.OCSPs) == 1) != honest {
			t.Errorf("%s: %d OCSP answers used, %v; a forged one must yield to the list", name, len(ev.OCSPs), err)
		}
	}
}

// TestCollectProvesResponderWithoutNoCheck: its own status is then part of the evidence.
func TestCollectProvesResponderWithoutNoCheck(t *testing.T) {
	t.Parallel()
	s := openSwitchable(t)
	template := s.leaf(pkix.Name{CommonName: "Répondeur sans nocheck"})
	template.OCSPServer = nil // by list: it cannot vouch for itself
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}
	responder, err := s.ensure("other-responder", s.issuing, template)
	if err != nil {
		t.Fatal(err)
	}
	s.ocsp = responder
	path := [][]*x509.Certificate{newPerson(t, s.Demo).Chain()}
	ev, err := s.client(t, time.Now).Collect(t.Context(), path, time.Now())
	if err != nil || len(ev.CRLs) != 2 || len(ev.OCSPs) != 1 {
		t.Errorf("%d lists, %d answers, %v; want 2 and 1", len(ev.CRLs), len(ev.OCSPs), err)
	}
	if err := s.Revoke(responder.Certificate().SerialNumber, 1); err != nil {
		t.Fatal(err)
	}
	// The answer of a revoked responder proves nothing, not even that the signatory is revoked.
	ev, err = s.client(t, time.Now).Collect(t.Context(), path, time.Now())
	if err != nil || len(ev.OCSPs) != 0 || len(ev.CRLs) != 2 {
		t.Errorf("revoked responder: %d answers, %d lists, %v; want 0 and 2", len(ev.OCSPs), len(ev.CRLs), err)
	}
}

func TestRevocationGoesOnlyWhereAllowed(t *testing.T) {
	t.Parallel()
	s := openSwitchable(t)
	path := [][]*x509.Certificate{newPerson(t, s.Demo).Chain()}
	for name, allow := range map[string][]string{"public only": nil, "another host": {"ocsp.example.fr"}} {
		r, err := NewRevocation(RevocationOptions{Now: time.Now, AllowHosts: allow})
		if err != nil {
			t.Fatal(err)
		}
		before := s.requests.Load()
		if _, err := r.Collect(t.Context(), path, time.Now()); !errors.Is(err, ErrRevocationUnavailable) || s.requests.Load() != before {
			t.Errorf("%s: %d requests to the loopback, %v", name, s.requests.Load()-before, err)
		}
	}
	// An allowed responder must not lead elsewhere.
	s.breaks(func(w http.ResponseWriter, r *http.Request) bool {
		http.Redirect(w, r, "http://localhost:1/crl", http.StatusTemporaryRedirect)
		return true
	})
	if _, err := s.client(t, time.Now).Collect(t.Context(), path, time.Now()); !errors.Is(err, egress.ErrRefused) {
		t.Errorf("redirect: %v", err)
	}
}

// TestRevocationListsThatSpeakOfOthers: a list must say nothing about
// certificates it does not cover (RFC 5280, 5.2.5).
func TestRevocationListsThatSpeakOfOthers(t *testing.T) {
	t.Parallel()
	s := openSwitchable(t)
	leaf := newPerson(t, s.Demo).Certificate()
	point := func(tag int, content ...byte) pkix.Extension {
		der, err := asn1.Marshal([]asn1.RawValue{{Class: asn1.ClassContextSpecific, Tag: tag, Bytes: content}})
		if err != nil {
			t.Fatal(err)
		}
		return pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 28}, Critical: true, Value: der}
	}
	for name, c := range map[string]struct {
		ext pkix.Extension
		ok  bool
	}{
		"users only": {point(1, 0xff), true},
		"CAs only":   {point(2, 0xff), false},
		"partial":    {point(3, 0, 0x60), false},
		"indirect":   {point(4, 0xff), false},
		"attributes": {point(5, 0xff), false},
		"delta":      {pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 27}, Critical: true, Value: []byte{2, 1, 1}}, false},
	} {
		der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
			Number: big.NewInt(1), ThisUpdate: time.Now().Add(-time.Minute), NextUpdate: time.Now().Add(time.Hour), ExtraExtensions: []pkix.Extension{c.ext},
		}, s.issuing.Certificate(), s.issuing.signer)
		if err != nil {
			t.Fatal(err)
		}
		list, err := x509.ParseRevocationList(der)
		if err != nil {
			t.Fatal(err)
		}
		if err := checkCRL(list, leaf, s.issuing.Certificate(), time.Now()); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
		if checkCRL(list, leaf, s.Root(), time.Now()) == nil {
			t.Errorf("%s: accepted from another authority", name)
		}
	}
}
