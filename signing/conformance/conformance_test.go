//go:build slow

// Package conformance_test has outside validators judge files of every level: EU DSS, the reference
// engine of the European Commission, pyHanko in strict mode, poppler and qpdf. The table of
// docs/conformance.md is what they answered; run with -update to write it.
//
// It needs Java 17, Maven and Python 3 with venv, and downloads the pinned validators.
package conformance_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"flag"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/digitorus/timestamp"

	"parapheur/certs"
	"parapheur/signing"
	"parapheur/signing/internal/pdftest"
	"parapheur/signing/internal/signtest"
)

var update = flag.Bool("update", false, "write docs/conformance.md")

// authority is a PKI whose services answer now: lists and time-stamps in this process.
type authority struct{ pki *signtest.PKI }

// Timestamp implements signing.Timestamper.
func (a authority) Timestamp(_ context.Context, h crypto.Hash, digest []byte) ([]byte, error) {
	ts := timestamp.Timestamp{
		HashAlgorithm: h, HashedMessage: digest, Time: time.Now(), Policy: asn1.ObjectIdentifier{1, 2, 3, 4},
		AddTSACertificate: true, Certificates: []*x509.Certificate{a.pki.Root.Certificate},
	}
	resp, err := ts.CreateResponseWithOpts(a.pki.Unit.Certificate, a.pki.Unit.Key, crypto.SHA256)
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
	root    *x509.Certificate
	signers []signing.Signer
	tsa     signing.Timestamper
	source  signing.EvidenceSource
}

func worlds(t *testing.T) []world {
	pki := signtest.New(t)
	rsa := []crypto.Signer{signtest.RSA(t, 3072), signtest.RSA(t, 3072), signtest.RSA(t, 3072)}
	out := []world{demonstration(t)}
	for _, k := range []struct {
		name string
		key  func(i int) crypto.Signer
		pss  bool
	}{
		{"P-384", func(int) crypto.Signer { return signtest.P384(t) }, false},
		{"RSA-3072", func(i int) crypto.Signer { return rsa[i] }, false},
		{"RSA-3072 PSS", func(i int) crypto.Signer { return rsa[i] }, true},
	} {
		w := world{name: k.name, root: pki.Root.Certificate, tsa: authority{pki}, source: authority{pki}}
		for i, name := range []string{"Rédactrice", "DGS", "Maire"} {
			e := pki.Signer(t, name, k.key(i), nil)
			s, err := signing.NewSigner(e.Key, signing.Identity{Certificate: e.Certificate, Chain: pki.Chain(), PSS: k.pss})
			if err != nil {
				t.Fatal(err)
			}
			w.signers = append(w.signers, s)
		}
		out = append(out, w)
	}
	return out
}

// demonstration is the demonstration PKI over HTTP: OCSP for people, lists for authorities.
func demonstration(t *testing.T) world {
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
	w := world{name: "P-256", root: demo.Root(), tsa: client, source: overHTTP{revocation}}
	for _, name := range []string{"Rédactrice", "DGS", "Maire"} {
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
	return w
}

func (w world) augmenting(level signing.Level) signing.AugmentOptions {
	roots := x509.NewCertPool()
	roots.AddCert(w.root)
	return signing.AugmentOptions{Level: level, Evidence: w.source, Timestamper: w.tsa, Trust: signing.CheckOptions{Roots: roots, At: time.Now()}}
}

// produce has a document signed by n people one after the other, all at a level.
func (w world) produce(t *testing.T, file []byte, level signing.Level, n int, renew bool) []byte {
	t.Helper()
	for i, s := range w.signers[:n] {
		opt := signing.Options{Level: level, Augment: w.augmenting(level), Claims: signing.Claims{
			Name: "Élise Préfète-Gœury", Quality: "Maire",
			Town: "Saint-Aubin-sur-Loire", Reason: "Décision no 12 : été (x", Time: time.Now(),
		}}
		if level > signing.BT && i < n-1 {
			opt.Level = signing.BT // archived once, by the last signature
		}
		tail, err := signing.Sign(t.Context(), bytes.NewReader(file), opt, s, w.tsa)
		if err != nil {
			t.Fatalf("%s %v: %v", w.name, level, err)
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

// sample is one file to judge. Its name begins with the level: judge.py reads it there.
type sample struct {
	file, path, level, key string
	input                  string // what kind of document
	signers                int
	renewed                bool
	verdict                map[string]string // by judge
}

func samples(t *testing.T, w world, dir string) []*sample {
	var out []*sample
	for level, short := range map[signing.Level]string{signing.BB: "B", signing.BT: "T", signing.BLT: "LT", signing.BLTA: "LTA"} {
		for _, n := range []int{1, 3} {
			for _, renew := range []bool{false, true} {
				if renew && level != signing.BLTA {
					continue
				}
				s := &sample{input: "letter", level: short, key: w.name, signers: n, renewed: renew}
				s.write(t, dir, w.produce(t, pdftest.Letter(2), level, n, renew))
				out = append(out, s)
			}
		}
	}
	return out
}

// inputs are other kinds of documents, each at B-LTA by two people.
func inputs(t *testing.T, w world, dir string) []*sample {
	t.Helper()
	var out []*sample
	for name, doc := range pdftest.Sound() {
		s := &sample{input: name, level: "LTA", key: w.name, signers: 2}
		s.write(t, dir, w.produce(t, doc, signing.BLTA, 2, false))
		out = append(out, s)
	}
	return out
}

func (s *sample) write(t *testing.T, dir string, file []byte) {
	t.Helper()
	s.verdict = map[string]string{}
	s.file = strings.ReplaceAll(fmt.Sprintf("%s.%s.%s.%d.%v.pdf", s.level, s.key, s.input, s.signers, s.renewed), " ", "-")
	s.path = filepath.Join(dir, strings.ReplaceAll(s.file, "/", "-"))
	s.file = filepath.Base(s.path)
	if err := os.WriteFile(s.path, file, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestConformance has every file judged by everyone.
func TestConformance(t *testing.T) {
	judges := installed(t)
	var all []*sample
	for i, w := range worlds(t) {
		dir := t.TempDir()
		root := filepath.Join(dir, "root.pem")
		if err := os.WriteFile(root, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.root.Raw}), 0o600); err != nil {
			t.Fatal(err)
		}
		list := samples(t, w, dir)
		if i == 0 {
			list = append(list, inputs(t, w, dir)...)
		}
		judges.dss(t, root, list)
		judges.pyhanko(t, root, list)
		for _, s := range list {
			s.check(t, w)
			poppler(t, s)
			qpdf(t, s)
		}
		all = append(all, list...)
	}
	slices.SortFunc(all, func(a, b *sample) int { return strings.Compare(a.sortKey(), b.sortKey()) })
	if *update {
		write(t, judges, all)
	}
}

func (s *sample) sortKey() string {
	return fmt.Sprint(s.input != "letter", len(s.level), s.level, s.renewed, s.input, s.key, s.signers)
}

// TestJudgesCanRefuse shows that the judges judge: a letter altered after its signatures, and one whose
// time-stamped signature claims a level that its evidence does not carry.
func TestJudgesCanRefuse(t *testing.T) {
	judges := installed(t)
	w := demonstration(t)
	dir := t.TempDir()
	root := filepath.Join(dir, "root.pem")
	if err := os.WriteFile(root, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.root.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	sound := w.produce(t, pdftest.Letter(2), signing.BLTA, 1, false)
	at := bytes.Index(sound, []byte("MediaBox")) + len("MediaBox [0 0 5")
	altered := bytes.Clone(sound)
	altered[at]++
	a, b := &sample{input: "altered", level: "LTA", signers: 1}, &sample{input: "bare", level: "LT", signers: 1}
	a.write(t, dir, altered)
	b.write(t, dir, w.produce(t, pdftest.Letter(2), signing.BT, 1, false))
	list := []*sample{a, b}
	dss := rows(must(t, "java", append([]string{"-cp", judges.classpath, "Judge", root}, paths(list)...)...))
	python := rows(must(t, judges.python, append([]string{"judge/judge.py", root}, paths(list)...)...))
	for _, s := range list {
		if f := dss[s.file]; len(f) != 1 || f[0][1] == "TOTAL_PASSED" || f[0][0] == "PAdES-BASELINE-LT" {
			t.Errorf("%s: DSS says %v", s.file, f)
		}
		if f := python[s.file]; len(f) != 1 || f[0][2] != "INVALID" {
			t.Errorf("%s: pyHanko says %v", s.file, f)
		}
	}
}

// check is our own verdict, so that the two agree.
func (s *sample) check(t *testing.T, w world) {
	b, err := os.ReadFile(s.path)
	if err != nil {
		t.Fatal(err)
	}
	opt := w.augmenting(signing.BLT).Trust
	opt.At = time.Now()
	r, err := signing.Check(bytes.NewReader(b), int64(len(b)), opt)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]signing.Level{"B": signing.BB, "T": signing.BT, "LT": signing.BLT, "LTA": signing.BLTA}[s.level].String()
	n := 0
	for _, sig := range r.Signatures {
		if sig.Kind != signing.KindSignature {
			continue
		}
		if n++; sig.Level != want || sig.Verdict != signing.Valid {
			t.Errorf("%s: Check says %s %s %v", s.file, sig.Verdict, sig.Level, sig.Reasons)
		}
	}
	if n != s.signers || r.Verdict != signing.Valid {
		t.Errorf("%s: Check says %s for %d signatures", s.file, r.Verdict, n)
	}
	s.verdict["Check"] = fmt.Sprintf("%d × %s, %s", n, strings.TrimPrefix(want, "PAdES-"), r.Verdict)
}

// poppler validates signatures, not document time-stamps.
func poppler(t *testing.T, s *sample) {
	out, err := exec.Command("pdfsig", "-nocert", s.path).CombinedOutput()
	n := strings.Count(string(out), "Signature is Valid.")
	if err != nil || n != s.signers || strings.Contains(string(out), "Syntax") {
		t.Errorf("%s: pdfsig: %v\n%s", s.file, err, out)
	}
	s.verdict["pdfsig"] = fmt.Sprintf("%d valid", n)
}

func qpdf(t *testing.T, s *sample) {
	out, err := exec.Command("qpdf", "--check", s.path).CombinedOutput()
	s.verdict["qpdf"] = "no error"
	if err != nil || strings.Contains(string(out), "WARNING") {
		s.verdict["qpdf"] = "complains"
		t.Errorf("%s: qpdf: %v\n%s", s.file, err, out)
	}
}
