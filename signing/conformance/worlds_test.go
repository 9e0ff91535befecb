//go:build slow

package conformance_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/digitorus/timestamp"

	"parapheur/certs"
	"parapheur/signing"
	"parapheur/signing/internal/signtest"
)

// authority is a PKI whose services answer now: lists and time-stamps in this process.
type authority struct{ pki *signtest.PKI }

// respond makes the answer to a request; the nonce may be nil.
func (a authority) respond(h crypto.Hash, digest []byte, nonce *big.Int) ([]byte, error) {
	ts := timestamp.Timestamp{
		HashAlgorithm: h, HashedMessage: digest, Nonce: nonce, Time: time.Now(), Policy: asn1.ObjectIdentifier{1, 2, 3, 4},
		AddTSACertificate: true, Certificates: []*x509.Certificate{a.pki.Root.Certificate},
	}
	return ts.CreateResponseWithOpts(a.pki.Unit.Certificate, a.pki.Unit.Key, crypto.SHA256)
}

// serveTSA answers other programs over HTTP and returns its address; the world must not be the demonstration.
func (w *world) serveTSA(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(out, r.Body, 1<<16))
		if err != nil {
			http.Error(out, err.Error(), http.StatusBadRequest)
			return
		}
		ask, err := timestamp.ParseRequest(body)
		if err != nil {
			http.Error(out, err.Error(), http.StatusBadRequest)
			return
		}
		answer, err := w.tsa.(authority).respond(ask.HashAlgorithm, ask.HashedMessage, ask.Nonce)
		if err != nil {
			http.Error(out, err.Error(), http.StatusInternalServerError)
			return
		}
		out.Header().Set("Content-Type", "application/timestamp-reply")
		_, _ = out.Write(answer)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// Timestamp implements signing.Timestamper.
func (a authority) Timestamp(_ context.Context, h crypto.Hash, digest []byte) ([]byte, error) {
	resp, err := a.respond(h, digest, nil)
	if err != nil {
		return nil, err
	}
	parsed, err := timestamp.ParseResponse(resp)
	if err != nil {
		return nil, err
	}
	return parsed.RawToken, nil
}

// Collect implements signing.EvidenceSource with the list of each issuer.
func (a authority) Collect(_ context.Context, paths [][]*x509.Certificate, _ time.Time) (signing.Evidence, error) {
	var e signing.Evidence
	for _, path := range paths {
		e.Certs = append(e.Certs, path...)
		for _, issuer := range path[1:] {
			by := a.pki.Root
			if issuer.Equal(a.pki.Issuing.Certificate) {
				by = a.pki.Issuing
			}
			now := time.Now()
			list := &x509.RevocationList{Number: big.NewInt(now.UnixNano()), ThisUpdate: now, NextUpdate: now.AddDate(0, 1, 0)}
			der, err := x509.CreateRevocationList(rand.Reader, list, by.Certificate, by.Key)
			if err != nil {
				return e, err
			}
			e.CRLs = append(e.CRLs, der)
		}
	}
	return e, nil
}

// overHTTP is the revocation client of the product.
type overHTTP struct{ *certs.Revocation }

// Collect implements signing.EvidenceSource.
func (o overHTTP) Collect(ctx context.Context, paths [][]*x509.Certificate, at time.Time) (signing.Evidence, error) {
	e, err := o.Revocation.Collect(ctx, paths, at)
	return signing.Evidence(e), err
}

// demoSigner is a key of the demonstration PKI behind its gate.
type demoSigner struct{ *certs.Signer }

// Identity implements signing.Signer.
func (s demoSigner) Identity(context.Context) (signing.Identity, error) {
	return signing.Identity{Certificate: s.Certificate(), Chain: s.Chain()[1:]}, nil
}

// world is one kind of key with the services that go with it.
type world struct {
	name    string
	hash    crypto.Hash // 0: the one that goes with the key
	root    *x509.Certificate
	rootPEM string // its file, for the judges
	dir     string // of the files to judge
	signers []signing.Signer
	tsa     signing.Timestamper
	source  signing.EvidenceSource
	foreign signtest.Entity // a key in the open, for another program to sign with; the demonstration has none
}

// people sign one after the other.
func people() []string {
	return []string{"Rédactrice", "Chef de service", "DGS", "Adjoint", "Maire"}
}

// worlds are the kinds of keys; the first is the demonstration PKI, which has the most signers.
func worlds(t *testing.T) []*world {
	pki := signtest.New(t)
	var keys []crypto.Signer
	for range 3 {
		keys = append(keys, signtest.RSA(t, 3072))
	}
	out := []*world{demonstration(t)}
	for _, k := range []struct {
		name string
		key  func(i int) crypto.Signer
		pss  bool
		hash crypto.Hash
	}{
		{"P-384", func(int) crypto.Signer { return signtest.P384(t) }, false, 0},
		{"RSA-3072", func(i int) crypto.Signer { return keys[i] }, false, 0},
		{"RSA-3072 PSS", func(i int) crypto.Signer { return keys[i] }, true, 0},
		{"RSA-4096, SHA-512", func(int) crypto.Signer { return signtest.RSA(t, 4096) }, false, crypto.SHA512},
	} {
		w := &world{name: k.name, hash: k.hash, root: pki.Root.Certificate, tsa: authority{pki}, source: authority{pki}}
		for i, name := range people()[:3] {
			if k.hash != 0 && i > 0 {
				break // one such key is long enough to make
			}
			e := pki.Signer(t, name, k.key(i), nil)
			s, err := signing.NewSigner(e.Key, signing.Identity{Certificate: e.Certificate, Chain: pki.Chain(), PSS: k.pss})
			if err != nil {
				t.Fatal(err)
			}
			w.signers, w.foreign = append(w.signers, s), e
		}
		w.prepare(t)
		out = append(out, w)
	}
	return out
}

// prepare makes the folder of the files to judge, with the root next to them.
func (w *world) prepare(t *testing.T) {
	t.Helper()
	w.dir = t.TempDir()
	w.rootPEM = filepath.Join(w.dir, "root.pem")
	if err := os.WriteFile(w.rootPEM, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.root.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// demonstration is the demonstration PKI over HTTP: OCSP for people, lists for authorities.
func demonstration(t *testing.T) *world {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	vault, err := certs.NewVault(bytes.Repeat([]byte{7}, certs.MasterKeySize))
	if err != nil {
		t.Fatal(err)
	}
	guard := certs.Guard{AllowDemo: true}
	demo, err := certs.OpenDemo(certs.DemoOptions{Dir: t.TempDir(), Vault: vault, Guard: guard, BaseURL: "http://" + listener.Addr().String() + "/pki", Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: demo.Handler(), ReadHeaderTimeout: time.Minute}}
	server.Start()
	t.Cleanup(server.Close)
	client, err := certs.NewTSAClient(certs.TSAClientOptions{Endpoints: []certs.TSAEndpoint{{URL: demo.URL("/tsa")}}, Trust: demo.Trust(), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	revocation, err := certs.NewRevocation(certs.RevocationOptions{Now: time.Now, AllowHosts: []string{listener.Addr().String()}})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{name: "P-256", root: demo.Root(), tsa: client, source: overHTTP{revocation}}
	for _, name := range people() {
		key, err := demo.Person(certs.DemoPerson{Name: name, Quality: name, Town: "Saint-Aubin"})
		if err != nil {
			t.Fatal(err)
		}
		local, err := certs.NewLocal(key, certs.LocalOptions{Gate: func([]byte, [][]byte) error { return nil }, Guard: guard, Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		s, err := certs.AsSigner(t.Context(), local, []byte("conformance"))
		if err != nil {
			t.Fatal(err)
		}
		w.signers = append(w.signers, demoSigner{s})
	}
	w.prepare(t)
	return w
}

func (w *world) augmenting(level signing.Level) signing.AugmentOptions {
	roots := x509.NewCertPool()
	roots.AddCert(w.root)
	return signing.AugmentOptions{Level: level, Evidence: w.source, Timestamper: w.tsa, Trust: signing.CheckOptions{Roots: roots, At: time.Now()}}
}

// produce has a document signed by n people one after the other, all at a level; the last signature
// brings the evidence of all. field is the field that the first one fills, if any.
func (w *world) produce(t *testing.T, in input, level signing.Level, n int, renew bool) []byte {
	t.Helper()
	file := bytes.Clone(in.file)
	for i, s := range w.signers[:n] {
		opt := signing.Options{Level: level, Hash: w.hash, Augment: w.augmenting(level), Arms: in.arms, Griffe: in.griffe, Claims: signing.Claims{
			Name: "Élise Préfète-Gœury", Quality: people()[i],
			Town: "Saint-Aubin-sur-Loire", Reason: "Décision no 12 : été (x", Time: time.Now(),
		}}
		if level > signing.BT && i < n-1 {
			opt.Level = signing.BT // archived once, by the last signature
		}
		if i == 0 {
			opt.Field.Name = in.field
		}
		tail, err := signing.Sign(t.Context(), bytes.NewReader(file), opt, s, w.tsa)
		if err != nil {
			t.Fatalf("%s %s %v: %v", in.name, w.name, level, err)
		}
		file = append(file, tail...)
	}
	if renew {
		tail, err := signing.Augment(t.Context(), bytes.NewReader(file), w.augmenting(signing.BLTA))
		if err != nil {
			t.Fatal(err)
		}
		file = append(file, tail...)
	}
	return file
}
