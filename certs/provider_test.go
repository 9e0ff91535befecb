package certs

import (
	"bytes"
	"context"
	"crypto"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"
)

// localKey is a production-like key, without marks of demonstration.
func localKey(t *testing.T, signer crypto.Signer) *Key {
	t.Helper()
	k, err := NewKey(signer, []*x509.Certificate{selfSigned(t, signer, nil)})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

var (
	errNotDecided = errors.New("nobody decided this")
	tbs           = [][]byte{[]byte("signed attributes 1"), []byte("signed attributes 2")}
)

// gateFor accepts one proof for exactly these bytes.
func gateFor(proof string, want [][]byte) Gate {
	return func(p []byte, got [][]byte) error {
		if string(p) != proof || !slices.EqualFunc(got, want, bytes.Equal) {
			return errNotDecided
		}
		return nil
	}
}

func TestLocalSignsWhatTheGateAccepts(t *testing.T) {
	t.Parallel()
	keys := map[string]struct {
		key crypto.Signer
		h   crypto.Hash
	}{
		"P-256": {ecKey(t, elliptic.P256()), crypto.SHA256}, "P-384": {ecKey(t, elliptic.P384()), crypto.SHA384},
		"RSA": {rsaKey(t, 2048), crypto.SHA512},
	}
	for name, k := range keys {
		l, err := NewLocal(localKey(t, k.key), LocalOptions{Gate: gateFor("proof", tbs), Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		var runs [2][][]byte
		for i := range runs {
			a, err := l.Begin(t.Context(), tbs, k.h, []byte("proof"))
			if err != nil || !a.Ready {
				t.Fatalf("%s: Begin: %+v, %v", name, a, err)
			}
			// The activation may lie in a database between the phases.
			stored, err := json.Marshal(a)
			if err != nil {
				t.Fatal(err)
			}
			var back Activation
			if err := json.Unmarshal(stored, &back); err != nil {
				t.Fatal(err)
			}
			if runs[i], err = l.Sign(t.Context(), back); err != nil {
				t.Fatalf("%s: Sign: %v", name, err)
			}
		}
		chain, _ := l.Chain(t.Context())
		for i := range tbs {
			if !bytes.Equal(runs[0][i], runs[1][i]) {
				t.Errorf("%s: two signatures of the same bytes differ", name)
			}
			if err := VerifySignature(chain[0], tbs[i], runs[0][i], k.h); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if VerifySignature(chain[0], tbs[1-i], runs[0][i], k.h) == nil {
				t.Errorf("%s: signature valid for other bytes", name)
			}
		}
	}
}

func TestLocalRefuses(t *testing.T) {
	t.Parallel()
	key := localKey(t, ecKey(t, elliptic.P256()))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	gate := gateFor("proof", tbs)
	for name, c := range map[string]struct {
		opt   LocalOptions
		ctx   context.Context
		tbs   [][]byte
		h     crypto.Hash
		proof string
		want  error
	}{
		"no gate":        {LocalOptions{Now: time.Now}, t.Context(), tbs, crypto.SHA256, "proof", ErrNoGate},
		"other proof":    {LocalOptions{Gate: gate, Now: time.Now}, t.Context(), tbs, crypto.SHA256, "forged", ErrRefusedByGate},
		"no proof":       {LocalOptions{Gate: gate, Now: time.Now}, t.Context(), tbs, crypto.SHA256, "", ErrRefusedByGate},
		"one more bytes": {LocalOptions{Gate: gate, Now: time.Now}, t.Context(), append(slices.Clone(tbs), []byte("x")), crypto.SHA256, "proof", ErrRefusedByGate},
		"SHA-1":          {LocalOptions{Gate: gate, Now: time.Now}, t.Context(), tbs, crypto.SHA1, "proof", ErrWeakKey},
		"expired since":  {LocalOptions{Gate: gate, Now: func() time.Time { return time.Now().AddDate(3, 0, 0) }}, t.Context(), tbs, crypto.SHA256, "proof", ErrExpired},
		"cancelled":      {LocalOptions{Gate: gate, Now: time.Now}, ctx, tbs, crypto.SHA256, "proof", context.Canceled},
	} {
		l, err := NewLocal(key, c.opt)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.Begin(c.ctx, c.tbs, c.h, []byte(c.proof)); !errors.Is(err, c.want) {
			t.Errorf("%s: Begin: %v, want %v", name, err, c.want)
		}
		// An activation made up by whoever can write the database must not help.
		forged := Activation{Ready: true, Hash: c.h, TBS: c.tbs, Proof: []byte(c.proof)}
		if sigs, err := l.Sign(c.ctx, forged); !errors.Is(err, c.want) || sigs != nil {
			t.Errorf("%s: Sign: %v, want %v", name, err, c.want)
		}
	}
	l, err := NewLocal(key, LocalOptions{Gate: func([]byte, [][]byte) error { return nil }, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Begin(t.Context(), nil, crypto.SHA256, nil); err == nil {
		t.Error("nothing to sign accepted")
	}
	if _, err := NewLocal(key, LocalOptions{}); err == nil {
		t.Error("a provider without a clock")
	}
}

func TestGateErrorIsKept(t *testing.T) {
	t.Parallel()
	l, err := NewLocal(localKey(t, ecKey(t, elliptic.P256())), LocalOptions{Gate: gateFor("proof", nil), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Begin(t.Context(), tbs, crypto.SHA256, nil); !errors.Is(err, errNotDecided) {
		t.Errorf("%v hides the reason of the gate", err)
	}
}

func TestAsSigner(t *testing.T) {
	t.Parallel()
	l, err := NewLocal(localKey(t, ecKey(t, elliptic.P256())), LocalOptions{Gate: gateFor("proof", tbs[:1]), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	s, err := AsSigner(t.Context(), l, []byte("proof"))
	if err != nil {
		t.Fatal(err)
	}
	sig, err := s.Sign(t.Context(), tbs[0], crypto.SHA256)
	if err != nil || VerifySignature(s.Certificate(), tbs[0], sig, crypto.SHA256) != nil {
		t.Errorf("signature %x, %v", sig, err)
	}
	if _, err := s.Sign(t.Context(), tbs[1], crypto.SHA256); !errors.Is(err, ErrRefusedByGate) {
		t.Errorf("other bytes: %v", err)
	}
	for name, c := range map[string]struct {
		p    KeyProvider
		want error
	}{"waiting": {remote{Local: l}, ErrNotReady}, "wrong answer": {remote{Local: l, ready: true}, ErrBadSignature}} {
		s, err := AsSigner(t.Context(), c.p, []byte("proof"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Sign(t.Context(), tbs[0], crypto.SHA256); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// remote is a service that needs its holder, or answers with somebody else's signature.
type remote struct {
	*Local
	ready bool
}

func (r remote) Begin(_ context.Context, tbs [][]byte, h crypto.Hash, proof []byte) (Activation, error) {
	return Activation{Ready: r.ready, Redirect: "https://example.fr/oauth2", Hash: h, TBS: tbs, Proof: proof}, nil
}

func (r remote) Sign(context.Context, Activation) ([][]byte, error) {
	return [][]byte{[]byte("not a signature")}, nil
}
