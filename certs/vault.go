package certs

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// MasterKeySize is the size of a master key in bytes (AES-256).
const MasterKeySize = 32

// A sealed secret is: vaultMagic, 8 bytes naming the master key, 12 bytes of
// nonce, then the AES-256-GCM ciphertext with its tag. Header and binding are
// authenticated with it.
const (
	vaultMagic    = "PVS1"
	vaultKeyIDLen = 8
	vaultNonceLen = 12
	vaultHeader   = len(vaultMagic) + vaultKeyIDLen + vaultNonceLen
)

// Binding says what a sealed secret belongs to. A secret opens only under the
// binding it was sealed with: copied to another town's row it is useless.
type Binding struct {
	// Tenant is the town (SIRET); empty for what belongs to the installation.
	Tenant string
	// Kind is the use of the secret, such as "signing-key".
	Kind string
	// ID is the identifier of the record that holds it.
	ID string
}

// Vault seals small secrets under a master key. It is safe for concurrent use
// and holds the master keys for its whole life.
type Vault struct {
	current [vaultKeyIDLen]byte
	aeads   map[[vaultKeyIDLen]byte]cipher.AEAD // read-only after NewVault
}

// NewVault makes a vault that seals with current and also opens what was sealed
// with previous keys, during a rotation. Keys have 32 bytes each.
func NewVault(current []byte, previous ...[]byte) (*Vault, error) {
	v := &Vault{aeads: map[[vaultKeyIDLen]byte]cipher.AEAD{}}
	for i, key := range append([][]byte{current}, previous...) {
		aead, err := masterAEAD(key)
		if err != nil {
			return nil, err
		}
		id := masterKeyID(key)
		v.aeads[id] = aead
		if i == 0 {
			v.current = id
		}
	}
	return v, nil
}

func masterAEAD(key []byte) (cipher.AEAD, error) {
	if len(key) != MasterKeySize {
		return nil, fmt.Errorf("%w: %d bytes, want %d", ErrMasterKey, len(key), MasterKeySize)
	}
	if [MasterKeySize]byte(key) == [MasterKeySize]byte{} {
		return nil, fmt.Errorf("%w: all bytes are zero", ErrMasterKey)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMasterKey, err)
	}
	return cipher.NewGCM(block)
}

// masterKeyID names a master key without revealing it.
func masterKeyID(key []byte) (id [vaultKeyIDLen]byte) {
	sum := sha256.Sum256(append([]byte("parapheur master key id\x00"), key...))
	copy(id[:], sum[:])
	return id
}

// Seal encrypts secret for one binding under the current master key.
func (v *Vault) Seal(secret []byte, b Binding) ([]byte, error) {
	out := make([]byte, vaultHeader, vaultHeader+len(secret)+16)
	copy(out, vaultMagic)
	copy(out[len(vaultMagic):], v.current[:])
	nonce := out[vaultHeader-vaultNonceLen : vaultHeader]
	if _, err := rand.Read(nonce); err != nil {
		return nil, fmt.Errorf("certs: drawing a nonce: %w", err)
	}
	return v.aeads[v.current].Seal(out, nonce, secret, b.authenticated(out[:vaultHeader])), nil
}

// Open decrypts what Seal made for the same binding. Every refusal is
// [ErrSealed]; [ErrUnknownMasterKey] tells the one an operator can repair.
func (v *Vault) Open(sealed []byte, b Binding) ([]byte, error) {
	id, err := sealedUnder(sealed)
	if err != nil {
		return nil, err
	}
	aead, ok := v.aeads[id]
	if !ok {
		return nil, fmt.Errorf("%w: %w %x", ErrSealed, ErrUnknownMasterKey, id)
	}
	header := sealed[:vaultHeader]
	secret, err := aead.Open(nil, header[vaultHeader-vaultNonceLen:], sealed[vaultHeader:], b.authenticated(header))
	if err != nil {
		return nil, fmt.Errorf("%w: altered, or sealed for another owner than %q", ErrSealed, b)
	}
	return secret, nil
}

// Stale reports whether sealed should be sealed again: it is under another
// master key than the current one.
func (v *Vault) Stale(sealed []byte) bool {
	id, err := sealedUnder(sealed)
	return err != nil || id != v.current
}

// Reseal opens and seals again under the current master key: the step of a rotation.
func (v *Vault) Reseal(sealed []byte, b Binding) ([]byte, error) {
	secret, err := v.Open(sealed, b)
	if err != nil {
		return nil, err
	}
	defer clear(secret)
	return v.Seal(secret, b)
}

func sealedUnder(sealed []byte) (id [vaultKeyIDLen]byte, err error) {
	if len(sealed) < vaultHeader || string(sealed[:len(vaultMagic)]) != vaultMagic {
		return id, fmt.Errorf("%w: not a sealed secret", ErrSealed)
	}
	copy(id[:], sealed[len(vaultMagic):])
	return id, nil
}

// authenticated is the additional data of the AEAD: header, then each field
// with its length, so that no two bindings share an encoding.
func (b Binding) authenticated(header []byte) []byte {
	out := append([]byte(nil), header...)
	for _, f := range []string{b.Tenant, b.Kind, b.ID} {
		out = binary.BigEndian.AppendUint32(out, uint32(len(f))) //nolint:gosec // identifiers, far below 4 GiB
		out = append(out, f...)
	}
	return out
}

// LoadMasterKey reads a master key of 32 raw bytes. A file that others may read
// is refused with [ErrMasterKey]; an absent one is [fs.ErrNotExist].
func LoadMasterKey(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("certs: master key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%w: %s is open to others (mode %04o), make it 0600", ErrMasterKey, path, info.Mode().Perm())
	}
	key, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("certs: master key: %w", err)
	}
	if _, err := masterAEAD(key); err != nil {
		return nil, fmt.Errorf("%w (%s)", err, path)
	}
	return key, nil
}

// LoadOrCreateMasterKey is [LoadMasterKey], and makes the file at the first run:
// mode 0600, its folder 0700. Concurrent first runs get the same key.
func LoadOrCreateMasterKey(path string) ([]byte, error) {
	key, err := LoadMasterKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	key = make([]byte, MasterKeySize)
	if _, err := rand.Read(key); err != nil {
		return nil, fmt.Errorf("certs: drawing a master key: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("certs: master key folder: %w", err)
	}
	err = writeDurably(path, key, false)
	if errors.Is(err, fs.ErrExist) {
		return LoadMasterKey(path)
	}
	if err != nil {
		return nil, err
	}
	return key, nil
}

// writeDurably writes a 0600 file so that after a crash it is there whole or
// not at all. Without replace, an existing file wins and the error is [fs.ErrExist].
func writeDurably(path string, data []byte, replace bool) (err error) {
	dir := filepath.Dir(path)
	tmp, err := os.CreateTemp(dir, ".new-*") // mode 0600
	if err != nil {
		return fmt.Errorf("certs: writing %s: %w", filepath.Base(path), err)
	}
	defer func() { _ = os.Remove(tmp.Name()) }() // already renamed, or useless
	_, err = tmp.Write(data)
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err == nil && replace {
		err = os.Rename(tmp.Name(), path)
	} else if err == nil {
		err = os.Link(tmp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("certs: writing %s: %w", filepath.Base(path), err)
	}
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("certs: syncing %s: %w", dir, err)
	}
	return errors.Join(d.Sync(), d.Close())
}
