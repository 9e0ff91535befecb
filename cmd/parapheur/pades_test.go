package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"parapheur/certs"
	"parapheur/internal/pdftest"
	"parapheur/signing"
)

// desk is a folder with a letter, the demonstration PKI and a town's own key.
type desk struct{ dir, letter, pki string }

func (d desk) path(name string) string { return filepath.Join(d.dir, name) }

func newDesk(t *testing.T) desk {
	t.Helper()
	d := desk{dir: t.TempDir()}
	d.letter, d.pki = d.path("lettre.pdf"), d.path("pki")
	letter := pdftest.File("<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>",
		"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>")
	if err := os.WriteFile(d.letter, letter, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errOut := program(t, "pades", "demo-pki", d.pki); code != 0 {
		t.Fatalf("demo-pki: %d %s", code, errOut)
	}
	return d
}

// program runs.
func program(t *testing.T, args ...string) (code int, out, errOut string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(t.Context(), args, &o, &e)
	return code, o.String(), e.String()
}

// must runs « pades » and wants it done.
func (d desk) must(t *testing.T, args ...string) string {
	t.Helper()
	code, out, errOut := program(t, append([]string{"pades"}, args...)...)
	if code != 0 {
		t.Fatalf("pades %v: %d %s%s", args, code, out, errOut)
	}
	return out
}

// levels reads the verdict and the levels of the signatures from verify --json.
func (d desk) levels(t *testing.T, file string) string {
	t.Helper()
	_, out, errOut := program(t, "pades", "verify", "--json", "--demo-pki", d.pki, file)
	var r signing.Report
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("%v: %s%s", err, out, errOut)
	}
	words := []string{string(r.Verdict)}
	for _, s := range r.Signatures {
		if s.Kind == signing.KindSignature {
			words = append(words, strings.TrimPrefix(s.Level, "PAdES-BASELINE-"))
		} else {
			words = append(words, "stamp")
		}
	}
	return strings.Join(words, " ")
}

// Every level is reached without a network, from the demonstration PKI alone, and is never written over.
func TestPadesLevelsOffline(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for level, want := range map[string]string{"B": "valid B", "T": "valid T", "LT": "valid LT", "LTA": "valid LTA stamp", "": "valid LTA stamp"} {
		to := d.path("niveau-" + level + ".pdf")
		args := []string{"sign", d.letter, to, "--demo-pki", d.pki, "--reason", "Décision no 12 : été (x"}
		if level != "" {
			args = append(args, "--level", level)
		}
		d.must(t, args...)
		if got := d.levels(t, to); got != want {
			t.Errorf("%s: %s, want %s", level, got, want)
		}
		if code, _, errOut := program(t, append([]string{"pades"}, args...)...); code != padesRefused || !strings.Contains(errOut, "existe déjà") {
			t.Errorf("%s again: %d %s", level, code, errOut)
		}
		d.must(t, append(args, "--force")...)
	}
	second, renewed := d.path("deux.pdf"), d.path("archive.pdf")
	d.must(t, "sign", "--demo-pki", d.pki, "--level", "T", "--name", "Hélène Garnier", "--place", "1,50,50,220,80", d.path("niveau-T.pdf"), second)
	if got := d.levels(t, second); got != "valid T T" {
		t.Errorf("two: %s", got)
	}
	var result padesResult
	if err := json.Unmarshal([]byte(d.must(t, "augment", "--json", "--demo-pki", d.pki, second, renewed)), &result); err != nil {
		t.Fatal(err)
	}
	if result.Level != "PAdES-BASELINE-LTA" || result.Report.Verdict != signing.Valid || result.Output != renewed {
		t.Errorf("augment: %+v", result)
	}
	d.must(t, "augment", "--demo-pki", d.pki, renewed, d.path("renouvelé.pdf"))
	if got := d.levels(t, d.path("renouvelé.pdf")); got != "valid LTA LTA stamp stamp" {
		t.Errorf("renewed: %s", got)
	}
	d.must(t, "augment", "--level", "LT", "--demo-pki", d.pki, second, d.path("lt.pdf"))
	if got := d.levels(t, d.path("lt.pdf")); got != "valid LT LT" {
		t.Errorf("LT: %s", got)
	}
}

// What the program says of a document, to people and to programs.
func TestPadesInspectAndVerify(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	signed := d.path("signée.pdf")
	d.must(t, "sign", "--demo-pki", d.pki, "--field", "Maire", "--name", "Hélène Garnier", d.letter, signed)
	var info signing.Info
	if err := json.Unmarshal([]byte(d.must(t, "inspect", "--json", signed)), &info); err != nil {
		t.Fatal(err)
	}
	if info.Pages != 1 || info.Revisions != 3 || len(info.Signatures) != 2 || info.Signatures[0].Name != "Hélène Garnier" || info.Evidence == nil || info.Evidence.Lists != 2 {
		t.Errorf("%+v", info)
	}
	for _, want := range []string{"Maire : signature (ETSI.CAdES.detached), certificat de Hélène Garnier", "DocTimeStamp1 : horodatage du document", "2 liste(s)", "Rien de ceci n’a été vérifié"} {
		if out := d.must(t, "inspect", signed); !strings.Contains(out, want) {
			t.Errorf("no %q in %s", want, out)
		}
	}
	raw, err := os.ReadFile(signed)
	if err != nil {
		t.Fatal(err)
	}
	changed := d.path("changée.pdf")
	if err := os.WriteFile(changed, bytes.Replace(raw, []byte("[0 0 595 842]"), []byte("[0 0 595 841]"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"trusted", []string{"--demo-pki", d.pki, signed}, 0, "VALIDE\n1. Maire : signature valide, niveau PAdES-BASELINE-LTA, certificat de Hélène Garnier, horodatée le"},
		{"trusted by folder", []string{"--trust", d.pki, signed}, 0, "VALIDE"},
		{"trusted by file", []string{signed, "--trust", filepath.Join(d.pki, "root.pem")}, 0, "VALIDE"},
		{"nobody trusted", []string{signed}, 2, "NON CONCLUANT"},
		{"changed", []string{"--demo-pki", d.pki, changed}, 1, "NON VALIDE"},
		{"unsigned", []string{"--demo-pki", d.pki, d.letter}, 2, "aucune signature"},
	} {
		code, out, errOut := program(t, append([]string{"pades", "verify"}, c.args...)...)
		if code != c.code || !strings.Contains(out, c.want) {
			t.Errorf("%s: %d %s%s", c.name, code, out, errOut)
		}
	}
	if code, _, errOut := program(t, "pades", "augment", "--demo-pki", d.pki, changed, d.path("x.pdf")); code != padesRefused || !strings.Contains(errOut, "n’est pas valide") {
		t.Errorf("augmenting a changed letter: %d %s", code, errOut)
	}
}

// townKey writes a PKCS#12 file of an authority of its own, with its password, and a folder that trusts it.
func (d desk) townKey(t *testing.T) (p12, password, trust string) {
	t.Helper()
	now := time.Now()
	key := func() *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	ca, person := key(), key()
	issue := func(c, parent *x509.Certificate, pub any) *x509.Certificate {
		der, err := x509.CreateCertificate(rand.Reader, c, parent, pub, ca)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return cert
	}
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Autorité de la ville"}, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	rootCert := issue(root, root, ca.Public())
	leaf := issue(&x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "Hélène Garnier"}, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature,
	}, rootCert, person.Public())
	p12DER, err := pkcs12.Modern.Encode(person, leaf, []*x509.Certificate{rootCert}, "secret")
	if err != nil {
		t.Fatal(err)
	}
	p12, password, trust = d.path("cle.p12"), d.path("mdp"), d.path("racines")
	if err := os.Mkdir(trust, 0o700); err != nil {
		t.Fatal(err)
	}
	for path, b := range map[string][]byte{p12: p12DER, password: []byte("secret\n"), filepath.Join(trust, "ville.crt"): pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: rootCert.Raw})} {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return p12, password, trust
}

// A key of the town: B without any authority; T with a time-stamping authority over HTTP, and nothing at all when that
// authority is down or when nobody says whether the certificate is revoked.
func TestPadesWithATownKey(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	p12, password, trust := d.townKey(t)
	plain := d.path("b.pdf")
	d.must(t, "sign", "--p12", p12, "--password-file", password, d.letter, plain)
	if out := d.must(t, "verify", "--trust", trust, plain); !strings.Contains(out, "niveau PAdES-BASELINE-B, certificat de Hélène Garnier, date déclarée") {
		t.Error(out)
	}
	vault, err := certs.NewVault(bytes.Repeat([]byte{3}, certs.MasterKeySize))
	if err != nil {
		t.Fatal(err)
	}
	demo, err := certs.OpenDemo(certs.DemoOptions{Dir: t.TempDir(), Vault: vault, Guard: certs.Guard{AllowDemo: true}, BaseURL: "http://pki.invalid", Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(demo.TSA())
	t.Cleanup(server.Close)
	if err := writePEM(filepath.Join(d.pki, "root.pem"), demo.Root().Raw); err != nil {
		t.Fatal(err)
	}
	sign := func(to, level string) (int, string) {
		code, out, errOut := program(t, "pades", "sign", "--p12", p12, "--password-file", password, "--tsa", server.URL, "--trust", trust,
			"--trust", filepath.Join(d.pki, "root.pem"), "--demo-pki", d.pki, "--level", level, d.letter, to)
		return code, out + errOut
	}
	stamped := d.path("t.pdf")
	if code, said := sign(stamped, "T"); code != padesDone {
		t.Fatalf("T: %d %s", code, said)
	}
	out := d.must(t, "verify", "--trust", trust, "--trust", filepath.Join(d.pki, "root.pem"), stamped)
	if !strings.Contains(out, "niveau PAdES-BASELINE-T") {
		t.Error(out)
	}
	if code, said := sign(d.path("lta.pdf"), "LTA"); code != padesUnknown || !strings.Contains(said, "état d’un certificat") {
		t.Errorf("no revocation service: %d %s", code, said)
	}
	demo.TSA().SetAvailable(false)
	if code, said := sign(d.path("t2.pdf"), "T"); code != padesUnknown || !strings.Contains(said, "réessayez") {
		t.Errorf("authority down: %d %s", code, said)
	}
	left, err := filepath.Glob(d.path("*.pdf"))
	if err != nil || len(left) != 3 { // the letter, b.pdf and t.pdf
		t.Errorf("files left: %v %v", left, err)
	}
	hidden, err := filepath.Glob(d.path(".pades-*"))
	if err != nil || len(hidden) != 0 {
		t.Errorf("temporary files left: %v %v", hidden, err)
	}
}

func TestPadesRefuses(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	p12, password, trust := d.townKey(t)
	wrong := d.path("faux")
	if err := os.WriteFile(wrong, []byte("autre\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out := d.path("sortie.pdf")
	demo := func(more ...string) []string {
		return append([]string{"sign", "--demo-pki", d.pki, d.letter, out}, more...)
	}
	for _, c := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"nothing", nil, exitUsage, "que faire"},
		{"no such command", []string{"tamponner"}, exitUsage, "n’existe pas"},
		{"help", []string{"--help"}, 0, "Code de sortie"},
		{"help of a command", []string{"sign", "-h"}, 0, "Code de sortie"},
		{"no key", []string{"sign", d.letter, out}, exitUsage, "--p12"},
		{"key without password", []string{"sign", "--p12", p12, d.letter, out}, exitUsage, "--password-file"},
		{"no output", []string{"sign", "--demo-pki", d.pki, d.letter}, exitUsage, "2 fichier"},
		{"unknown option", demo("--vite"), exitUsage, "vite"},
		{"unknown level", demo("--level", "C"), exitUsage, "inconnu"},
		{"level without authority", []string{"sign", "--p12", p12, "--password-file", password, "--level", "T", d.letter, out}, exitUsage, "--tsa"},
		{"authority without trust", []string{"sign", "--p12", p12, "--password-file", password, "--tsa", "http://tsa.invalid", d.letter, out}, exitUsage, "--trust"},
		{"place of four numbers", demo("--place", "1,2,3,4"), exitUsage, "page,x,y"},
		{"place of words", demo("--place", "1,a,3,4,5"), exitUsage, "mesure"},
		{"place of half a page", demo("--place", "1.5,2,3,4,5"), exitUsage, "n’est pas une page"},
		{"place of three numbers", demo("--place", "1,2,3"), exitUsage, "pourcentage"},
		{"place beyond the page", demo("--place", "1,20%,101%"), exitUsage, "100"},
		{"two places", demo("--place", "1,20%,10%", "--tag", "#x#"), exitUsage, "un seul"},
		{"unknown hash", demo("--hash", "SHA-1"), exitUsage, "SHA-256"},
		{"half a token", []string{"sign", "--pkcs11", "x.so", d.letter, out}, exitUsage, "--pin-file"},
		{"two keys", []string{"sign", "--pkcs11", "x.so", "--p12", p12, d.letter, out}, exitUsage, "pas les deux"},
		{"no such tag", demo("--tag", "#absente#"), padesRefused, "la balise de signature n’est pas dans le document"},
		{"image that is none", demo("--image", wrong), padesRefused, "PNG"},
		{"no such image", demo("--image", d.path("absente.png")), padesRefused, "introuvable"},
		{"place off the page", demo("--place", "1,500,10,300,80"), padesRefused, "place"},
		{"no such page", demo("--place", "9,10,10,200,80"), padesRefused, "page n’existe pas"},
		{"wrong password", []string{"sign", "--p12", p12, "--password-file", wrong, d.letter, out}, padesRefused, "mot de passe"},
		{"no such letter", []string{"sign", "--demo-pki", d.pki, d.path("absente.pdf"), out}, padesRefused, "introuvable"},
		{"no demonstration there", []string{"sign", "--demo-pki", d.dir, d.letter, out}, padesRefused, "demo-pki"},
		{"not a PDF", []string{"sign", "--demo-pki", d.pki, wrong, out}, padesRefused, "illisible"},
		{"augment without trust", []string{"augment", "--level", "LT", d.letter, out}, exitUsage, "--trust"},
		{"augment to T", []string{"augment", "--demo-pki", d.pki, "--level", "T", d.letter, out}, exitUsage, "LT et LTA"},
		{"augment what is not signed", []string{"augment", "--demo-pki", d.pki, d.letter, out}, padesRefused, "no_signature"},
		{"trust in an empty folder", []string{"verify", "--trust", d.dir, d.letter}, padesUnknown, "aucun certificat"},
		{"verify what is no PDF", []string{"verify", "--trust", trust, wrong}, padesUnknown, "illisible"},
		{"inspect what is no PDF", []string{"inspect", wrong}, padesUnknown, "illisible"},
	} {
		code, o, e := program(t, append([]string{"pades"}, c.args...)...)
		if code != c.code || !strings.Contains(o+e, c.want) {
			t.Errorf("%s: %d %s", c.name, code, o+e)
		}
		if _, err := os.Stat(out); err == nil {
			t.Fatalf("%s: an output was written", c.name)
		}
	}
}

// The names and types that programs read stay what they are.
func TestPadesJSONIsStable(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	signed := d.path("s.pdf")
	var lines []string
	for _, args := range [][]string{
		{"sign", "--json", "--demo-pki", d.pki, "--field", "Maire", "--reason", "Arrêté", "--town", "Saint-Aubin", d.letter, signed},
		{"inspect", "--json", signed},
		{"verify", "--json", "--demo-pki", d.pki, signed},
	} {
		var v any
		if err := json.Unmarshal([]byte(d.must(t, args...)), &v); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, shapes(args[0], v)...)
	}
	slices.Sort(lines)
	got := strings.Join(slices.Compact(lines), "\n") + "\n"
	golden := filepath.Join("testdata", "pades_json.txt")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil || got != string(want) {
		t.Errorf("%v; the JSON of « pades » changed (-update writes it):\n%s", err, got)
	}
}

// shapes lists the paths of a JSON value with their types, and the words that programs compare.
func shapes(path string, v any) []string {
	switch x := v.(type) {
	case map[string]any:
		out := []string{}
		for k, e := range x {
			out = append(out, shapes(path+"."+k, e)...)
		}
		return out
	case []any:
		out := []string{}
		for _, e := range x {
			out = append(out, shapes(path+"[]", e)...)
		}
		return out
	case string:
		if last := path[strings.LastIndex(path, ".")+1:]; slices.Contains([]string{"verdict", "kind", "level", "sub_filter", "code", "digest"}, last) {
			return []string{path + " string " + x}
		}
	}
	return []string{fmt.Sprintf("%s %T", path, v)}
}

// What came after a signature is listed, and a sound signature of no baseline level says why.
func TestVerifySaysWhatCameAfter(t *testing.T) {
	t.Parallel()
	text := verifyFrench("lettre.pdf", &signing.Report{
		Verdict: signing.Valid,
		Signatures: []signing.SignatureReport{{
			Verdict: signing.Valid, Kind: signing.KindSignature, Field: "Signature1", NoLevel: signing.NotBaseline,
			Reasons: []signing.Reason{{Code: signing.NotBaseline, Detail: "adbe-revocationInfoArchival"}},
		}},
		Revisions: []signing.RevisionReport{{Index: 0}, {Index: 1, Signatures: []string{"Signature1"}}, {Index: 2, Filled: []string{"montant"}}, {Index: 3, Evidence: true, Signatures: []string{"Horodatage"}}},
	})
	for _, want := range []string{
		"aucun niveau PAdES : ses preuves de révocation", "révision 3 : champ « montant » rempli", "révision 4 : données de validation ; signature ou horodatage : Horodatage",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("does not say %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "révision 2 :") {
		t.Errorf("the signature itself is told as added:\n%s", text)
	}
}

// After somebody whose authority is not known, one signs at the level that one
// asks for; theirs stays unknown.
func TestPadesAfterAStranger(t *testing.T) {
	t.Parallel()
	stranger, d := newDesk(t), newDesk(t)
	came, signed := stranger.path("partenaire.pdf"), d.path("signée.pdf")
	stranger.must(t, "sign", "--demo-pki", stranger.pki, "--level", "B", stranger.letter, came)
	var r struct {
		Level  string         `json:"level"`
		Report signing.Report `json:"report"`
	}
	out := d.must(t, "sign", "--json", "--demo-pki", d.pki, "--level", "LTA", came, signed)
	if err := json.Unmarshal([]byte(out), &r); err != nil || r.Level != signing.BLTA.String() {
		t.Fatalf("%v: %s", err, out)
	}
	if s := r.Report.Signatures; len(s) < 2 || s[0].Verdict != signing.Unknown || s[1].Verdict != signing.Valid {
		t.Errorf("%s", out)
	}
}
