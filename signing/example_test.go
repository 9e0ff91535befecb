package signing_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"log"
	"math/big"
	"time"

	"parapheur/signing"
	"parapheur/signing/internal/pdftest"
)

// exampleIdentity makes a throw-away certificate.
func exampleIdentity(at time.Time) (crypto.Signer, signing.Identity) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Élise Préfète"},
		NotBefore: at.Add(-time.Hour), NotAfter: at.Add(time.Hour), KeyUsage: x509.KeyUsageContentCommitment,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		log.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		log.Fatal(err)
	}
	return key, signing.Identity{Certificate: cert}
}

// A key that answers at once signs in one call; the result is the bytes to append.
func ExampleSign() {
	now := time.Date(2026, 11, 23, 10, 47, 0, 0, time.UTC)
	signer, err := signing.NewSigner(exampleIdentity(now))
	if err != nil {
		log.Fatal(err)
	}
	letter := pdftest.Letter(1)
	tail, err := signing.Sign(context.Background(), bytes.NewReader(letter), signing.Options{
		Level:  signing.BB,
		Claims: signing.Claims{Name: "Élise Préfète", Quality: "Maire", Town: "Saint-Aubin", Time: now},
	}, signer, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(bytes.HasSuffix(tail, []byte("%%EOF\n")))
	// Output: true
}

// A signed letter is brought to the level of an archive; the same call, years later, renews it.
func ExampleAugment() {
	var (
		letter []byte                 // signed, at level B-T
		source signing.EvidenceSource // asks OCSP responders and revocation lists
		tsa    signing.Timestamper    // asks a time-stamping authority
		roots  *x509.CertPool         // whom to trust
	)
	archived, err := signing.Augment(context.Background(), bytes.NewReader(letter), signing.AugmentOptions{
		Level:       signing.BLTA,
		Evidence:    source,
		Timestamper: tsa,
		Trust:       signing.CheckOptions{Roots: roots, At: time.Now()},
	})
	if err != nil {
		log.Fatal(err) // nothing was reached in part: try again later
	}
	fmt.Println(len(append(letter, archived...)))
}

// A remote key signs hours later: what was prepared waits in a database.
func ExamplePrepare() {
	now := time.Date(2026, 11, 23, 10, 47, 0, 0, time.UTC)
	key, id := exampleIdentity(now)
	letter := pdftest.Letter(1)
	prepared, err := signing.Prepare(context.Background(), bytes.NewReader(letter), signing.Options{
		Identity: id,
		Claims:   signing.Claims{Name: "Élise Préfète", Time: now},
		Field:    signing.Field{Invisible: true},
	})
	if err != nil {
		log.Fatal(err)
	}
	row, err := prepared.MarshalBinary()
	if err != nil {
		log.Fatal(err)
	}

	var waiting signing.Prepared // in another process, when the answer arrives
	if err := waiting.UnmarshalBinary(row); err != nil {
		log.Fatal(err)
	}
	h := waiting.Hash().New()
	h.Write(waiting.ToBeSigned())
	value, err := key.Sign(rand.Reader, h.Sum(nil), waiting.Hash())
	if err != nil {
		log.Fatal(err)
	}
	tail, err := waiting.Complete(value, nil)
	if err != nil {
		log.Fatal(err)
	}
	field, page, _ := waiting.Placement()
	fmt.Println(field, page, len(tail) == waiting.TailSize())
	// Output: Signature1 1 true
}

// A manifest is sealed beside its bytes, and opened again with them.
func ExampleDetached() {
	now := time.Date(2026, 11, 23, 10, 47, 0, 0, time.UTC)
	signer, err := signing.NewSigner(exampleIdentity(now))
	if err != nil {
		log.Fatal(err)
	}
	manifest := []byte(`{"dossier":12}`)
	seal, err := signing.Detached(context.Background(), bytes.NewReader(manifest), signing.DetachedOptions{Time: now}, signer, nil)
	if err != nil {
		log.Fatal(err)
	}
	got, err := signing.OpenDetached(seal, bytes.NewReader(manifest))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(got.Certificate.Subject.CommonName, got.SigningTime.Format(time.DateOnly))
	// Output: Élise Préfète 2026-11-23
}
