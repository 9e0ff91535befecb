package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"flag"
	"fmt"
	"os"
	"time"

	"parapheur/certs"
	"parapheur/signing"
)

// padesKey are the options that name the signer's key.
type padesKey struct {
	p12, passwordFile                string
	module, token, label, pin, chain string
	pss                              bool
}

func (k *padesKey) flags(set *flag.FlagSet) {
	set.StringVar(&k.p12, "p12", "", "")
	set.StringVar(&k.passwordFile, "password-file", "", "")
	set.StringVar(&k.module, "pkcs11", "", "")
	set.StringVar(&k.token, "pkcs11-token", "", "")
	set.StringVar(&k.label, "pkcs11-key", "", "")
	set.StringVar(&k.pin, "pin-file", "", "")
	set.StringVar(&k.chain, "chain", "", "")
	set.BoolVar(&k.pss, "pss", false, "")
}

// complete refuses what is said by half, or twice; demo is a key of its own.
func (k *padesKey) complete(demo bool) error {
	file, card := k.p12 != "" || k.passwordFile != "", k.module != "" || k.token != "" || k.label != "" || k.pin != ""
	switch {
	case file && card:
		return mistake("--p12 ou --pkcs11, pas les deux")
	case file && (k.p12 == "" || k.passwordFile == ""):
		return mistake("--p12 et --password-file sont nécessaires")
	case card && (k.module == "" || k.token == "" || k.label == "" || k.pin == ""):
		return mistake("--pkcs11, --pkcs11-token, --pkcs11-key et --pin-file sont nécessaires")
	case !file && !card && !demo:
		return mistake("--p12 et --password-file sont nécessaires, ou --pkcs11, ou --demo-pki")
	}
	return nil
}

// provider opens the key. The decision is the command itself: whoever runs it holds the password, the PIN
// or the demonstration.
func (q *padesSignature) provider(ctx context.Context) (certs.KeyProvider, func(), error) {
	gate := func([]byte, [][]byte) error { return ctx.Err() }
	guard := certs.Guard{AllowDemo: q.demo != nil}
	if q.module != "" {
		p, err := q.openToken(gate, guard)
		if err != nil {
			return nil, nil, err
		}
		return p, p.Close, nil
	}
	key, err := q.fileKey(guard)
	if err != nil {
		return nil, nil, err
	}
	local, err := certs.NewLocal(key, certs.LocalOptions{Gate: gate, Guard: guard, PSS: q.pss, Now: time.Now})
	return local, func() {}, err
}

// fileKey is that of the PKCS#12 file, or of a person of the demonstration.
func (q *padesSignature) fileKey(guard certs.Guard) (*certs.Key, error) {
	if q.p12 != "" {
		return readPKCS12(q.p12, q.passwordFile, certs.ImportOptions{At: time.Now(), Guard: guard})
	}
	name, quality := q.name, q.quality
	if name == "" {
		name = "Claire Martin"
	}
	if quality == "" {
		quality = "Maire"
	}
	return q.demo.Person(certs.DemoPerson{Name: name, Quality: quality, Town: "Commune de démonstration"})
}

func (q *padesSignature) openToken(gate certs.Gate, guard certs.Guard) (*certs.PKCS11, error) {
	pin, err := os.ReadFile(q.pin)
	if err != nil {
		return nil, fmt.Errorf("code PIN : %w", err)
	}
	pin, _, _ = bytes.Cut(pin, []byte("\n"))
	opt := certs.PKCS11Options{
		Module: q.module, TokenLabel: q.token, KeyLabel: q.label, PIN: string(bytes.TrimSuffix(pin, []byte("\r"))),
		PSS: q.pss, Sessions: 1, Gate: gate, Guard: guard, Now: time.Now,
	}
	if q.chain != "" {
		if opt.Certificates, err = readRoots(q.chain); err != nil {
			return nil, fmt.Errorf("certificats de --chain : %w", err)
		}
	}
	return certs.OpenPKCS11(opt)
}

// padesSigner is a key of certs as signing wants it.
type padesSigner struct{ *certs.Signer }

// Identity implements signing.Signer.
func (s padesSigner) Identity(context.Context) (signing.Identity, error) {
	return signing.Identity{Certificate: s.Certificate(), Chain: s.Chain()[1:], PSS: s.PSS()}, nil
}

// hashes are those that --hash names.
func hashNamed(name string) (crypto.Hash, error) {
	for _, h := range []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512} {
		if name == h.String() {
			return h, nil
		}
	}
	return 0, mistake("--hash : « %s » n’est ni SHA-256, ni SHA-384, ni SHA-512", name)
}

// nameOf is the name that a block shows when nobody gave one.
func nameOf(c *x509.Certificate) string {
	if signing.IsSeal(c) && len(c.Subject.Organization) > 0 {
		return c.Subject.Organization[0]
	}
	return c.Subject.CommonName
}
