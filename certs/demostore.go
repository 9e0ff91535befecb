package certs

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// demoRenewal is how long before its end a certificate is issued anew.
const demoRenewal = 30 * 24 * time.Hour

// demoRecord is a file of the demonstration folder: one key and the
// certificates ever issued for it.
type demoRecord struct {
	// Key is the sealed key with its present chain.
	Key SealedKey `json:"key"`
	// BaseURL is the one written in the present certificate.
	BaseURL string `json:"base_url"`
	// Serials are those of all certificates issued for this key, in decimal; the present one is last.
	Serials []string `json:"serials"`
}

// revocation is an entry of revoked.json.
type revocation struct {
	At     time.Time `json:"at"`
	Reason int       `json:"reason"` // CRLReason, RFC 5280, 5.3.1
}

const (
	demoRecordSuffix = ".key.json"
	demoRevokedFile  = "revoked.json"
)

// load prepares the folder and reads which serial numbers exist and which are revoked.
func (d *Demo) load() error {
	if err := os.MkdirAll(d.opt.Dir, 0o700); err != nil {
		return fmt.Errorf("certs: demonstration folder: %w", err)
	}
	if err := os.Chmod(d.opt.Dir, 0o700); err != nil {
		return fmt.Errorf("certs: demonstration folder: %w", err)
	}
	d.issued, d.revoked = map[string]bool{}, map[string]revocation{}
	names, err := filepath.Glob(filepath.Join(d.opt.Dir, "*"+demoRecordSuffix))
	if err != nil {
		return fmt.Errorf("certs: demonstration folder: %w", err)
	}
	for _, name := range names {
		var r demoRecord
		if err := readJSON(name, &r); err != nil {
			return err
		}
		for _, s := range r.Serials {
			d.issued[s] = true
		}
	}
	err = readJSON(filepath.Join(d.opt.Dir, demoRevokedFile), &d.revoked)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// ensure returns the key kept under name, made at the first call. Its
// certificate is issued anew by parent (nil: by itself) when it nears its end,
// when the address of the services changed, or when the issuer's did.
func (d *Demo) ensure(name string, parent *Key, template *x509.Certificate) (*Key, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	rec, key, err := d.read(name)
	if errors.Is(err, fs.ErrNotExist) {
		return d.create(name, parent, template)
	}
	if err != nil {
		return nil, fmt.Errorf("certs: demonstration key %q: %w", name, err)
	}
	if d.upToDate(rec, key, parent) {
		return key, nil
	}
	return d.issue(name, rec, key.signer, parent, template, true)
}

func (d *Demo) upToDate(rec demoRecord, key, parent *Key) bool {
	expiring := d.opt.Now().After(key.Certificate().NotAfter.Add(-demoRenewal))
	if parent == nil { // the root holds no address, and renewing it would break every trust in it
		return !expiring
	}
	sameIssuer := len(key.chain) > 1 && key.chain[1].Equal(parent.Certificate())
	return !expiring && sameIssuer && rec.BaseURL == d.opt.BaseURL && !d.opt.Vault.Stale(rec.Key.Passphrase)
}

// read opens the record of name with the vault.
func (d *Demo) read(name string) (rec demoRecord, key *Key, err error) {
	if err = readJSON(d.file(name), &rec); err != nil {
		return rec, nil, err
	}
	key, err = rec.Key.Open(d.opt.Vault, d.binding(name))
	return rec, key, err
}

// create draws a key. If another process was faster, its key is the one.
func (d *Demo) create(name string, parent *Key, template *x509.Certificate) (*Key, error) {
	signer, err := newDemoKey(template.IsCA)
	if err != nil {
		return nil, fmt.Errorf("certs: drawing the demonstration key %q: %w", name, err)
	}
	key, err := d.issue(name, demoRecord{}, signer, parent, template, false)
	if errors.Is(err, fs.ErrExist) {
		_, key, err = d.read(name)
	}
	return key, err
}

// issue certifies signer's public key and stores the record.
func (d *Demo) issue(name string, rec demoRecord, signer crypto.Signer, parent *Key, template *x509.Certificate, replace bool) (*Key, error) {
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	template.SerialNumber = serial
	issuer, issuerKey := template, signer
	var above []*x509.Certificate
	if parent != nil {
		issuer, issuerKey, above = parent.Certificate(), parent.signer, parent.chain
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, signer.Public(), issuerKey)
	if err != nil {
		return nil, fmt.Errorf("certs: issuing %q: %w", name, err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("certs: reading back %q: %w", name, err)
	}
	key, err := NewKey(signer, append([]*x509.Certificate{cert}, above...))
	if err != nil {
		return nil, err
	}
	if rec.Key, err = SealKey(d.opt.Vault, d.binding(name), key); err != nil {
		return nil, err
	}
	rec.BaseURL, rec.Serials = d.opt.BaseURL, append(rec.Serials, serial.String())
	if err := writeJSON(d.file(name), rec, replace); err != nil {
		return nil, err
	}
	d.issued[serial.String()] = true
	return key, nil
}

func (d *Demo) file(name string) string { return filepath.Join(d.opt.Dir, name+demoRecordSuffix) }

func (d *Demo) binding(name string) Binding { return Binding{Kind: "demo-pki", ID: name} }

// Revoke puts a certificate of the intermediate authority, or that authority
// itself, on the lists, at once and for good. reason is a CRLReason (RFC 5280,
// 5.3.1): 1 is a compromised key, 5 the end of a mandate. Revoking twice keeps the first date.
func (d *Demo) Revoke(serial *big.Int, reason int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	id := serial.String()
	if !d.issued[id] {
		return fmt.Errorf("certs: the demonstration PKI never issued serial number %s", id)
	}
	if _, done := d.revoked[id]; done {
		return nil
	}
	d.revoked[id] = revocation{At: d.opt.Now().UTC().Truncate(time.Second), Reason: reason}
	if err := writeJSON(filepath.Join(d.opt.Dir, demoRevokedFile), d.revoked, true); err != nil {
		delete(d.revoked, id)
		return err
	}
	return nil
}

func readJSON(path string, v any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("certs: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("certs: reading %s: %w", strings.TrimSuffix(filepath.Base(path), demoRecordSuffix), err)
	}
	return nil
}

func writeJSON(path string, v any, replace bool) error {
	data, err := json.MarshalIndent(v, "", "\t")
	if err != nil {
		return fmt.Errorf("certs: encoding %s: %w", filepath.Base(path), err)
	}
	return writeDurably(path, data, replace)
}
