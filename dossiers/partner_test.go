package dossiers_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/towntest"
	"parapheur/signing"
)

// A partner signs with a certificate of an authority that no town knows.
type partner struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newPartner(t *testing.T) partner {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "Société Voisine", Country: []string{"FR"}},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0), KeyUsage: x509.KeyUsageContentCommitment,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return partner{key, cert}
}

// Identity implements signing.Signer.
func (p partner) Identity(context.Context) (signing.Identity, error) {
	return signing.Identity{Certificate: p.cert}, nil
}

// Sign implements signing.Signer.
func (p partner) Sign(_ context.Context, tbs []byte, _ crypto.Hash) ([]byte, error) {
	sum := sha256.Sum256(tbs)
	return p.key.Sign(rand.Reader, sum[:], crypto.SHA256)
}

func (p partner) signed(t *testing.T, pdf []byte) []byte {
	t.Helper()
	tail, err := signing.Sign(t.Context(), bytes.NewReader(pdf), signing.Options{Claims: signing.Claims{Name: "Société Voisine", Time: time.Now()}}, p, nil)
	if err != nil {
		t.Fatal(err)
	}
	return append(bytes.Clone(pdf), tail...)
}

// A letter that a partner signed first, under an authority that the town does
// not know, is signed by the Mayor after it: their signature stays as it came,
// unknown as it was, and the Mayor's reaches its level.
func TestPartnerSignedFirst(t *testing.T) {
	t.Parallel()
	town := towntest.New(t)
	came := newPartner(t).signed(t, towntest.Sample(t, "lettre-rue-des-mariniers.pdf"))
	got, err := receive(t, town, "convention.pdf", bytes.NewReader(came))
	if err != nil || !got.Signed || got.Unsound != "" {
		t.Fatalf("%+v, %v", got, err)
	}
	d, _, err := town.Office.Deposit(t.Context(), town.Person(t, demo.Drafter).Viewer(t), dossiers.Draft{
		Title: "Convention", Recipient: "Société Voisine", TypeCode: "courrier-cabinet", Main: got, Start: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	mayor := town.Person(t, demo.Mayor)
	if _, err := mayor.Decide(t, d.ID, "signature", ""); err != nil {
		t.Fatal(err)
	}
	town.Await(t, d.ID, completed)
	letter := town.Read(t, mayor.Viewer(t), d.ID, 1, "")
	if !bytes.HasPrefix(letter, came) {
		t.Error("what the partner signed was rewritten")
	}
	rep, err := signing.Check(bytes.NewReader(letter), int64(len(letter)), signing.CheckOptions{Roots: town.Roots(), At: time.Now()})
	if err != nil || len(rep.Signatures) < 2 {
		t.Fatalf("%+v, %v", rep, err)
	}
	if first, second := rep.Signatures[0], rep.Signatures[1]; first.Verdict != signing.Unknown || second.Verdict != signing.Valid || second.Level != signing.BLTA.String() {
		t.Errorf("the partner's %v, the Mayor's %v at %s: %v %v", first.Verdict, second.Verdict, second.Level, first.Reasons, second.Reasons)
	}
}

// A letter whose signature is false is refused at deposit, before anybody
// decides over it, and with what is false.
func TestPartnerSignatureIsFalse(t *testing.T) {
	t.Parallel()
	town := towntest.New(t)
	came := newPartner(t).signed(t, towntest.Sample(t, "lettre-rue-des-mariniers.pdf"))
	at := bytes.Index(came, []byte("/MediaBox")) + len("/MediaBox")
	came = append(bytes.Clone(came[:at]), append([]byte(strings.Replace(string(came[at:at+40]), "0", "1", 1)), came[at+40:]...)...)
	got, err := receive(t, town, "convention.pdf", bytes.NewReader(came))
	if err != nil || !got.Signed || got.Unsound == "" {
		t.Fatalf("%+v, %v", got, err)
	}
	drafter := town.Person(t, demo.Drafter).Viewer(t)
	draft := dossiers.Draft{Title: "Convention", Recipient: "Société Voisine", TypeCode: "courrier-cabinet", Main: got, Start: true}
	_, _, err = town.Office.Deposit(t.Context(), drafter, draft)
	var invalid *dossiers.InvalidError
	if !errors.As(err, &invalid) || invalid.Field != "document" || !strings.Contains(invalid.Reason, "a été modifié") {
		t.Errorf("deposited: %v", err)
	}
	draft.Main, draft.Annexes = town.Letter(t), []dossiers.Received{got}
	if _, _, err := town.Office.Deposit(t.Context(), drafter, draft); err != nil {
		t.Errorf("as an annex, which nobody signs: %v", err)
	}
}
