package certs

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

func TestVaultOpensOnlyForItsOwner(t *testing.T) {
	t.Parallel()
	v := testVault(t, 1)
	owner := Binding{Tenant: "21350001200017", Kind: "signing-key", ID: "k1"}
	sealed, err := v.Seal([]byte("phrase"), owner)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := v.Open(sealed, owner); err != nil || string(got) != "phrase" {
		t.Fatalf("Open: %q, %v", got, err)
	}
	if bytes.Contains(sealed, []byte("phrase")) {
		t.Error("the secret is readable")
	}
	for _, other := range []Binding{
		{},
		{Tenant: "21350001200025", Kind: "signing-key", ID: "k1"},
		{Tenant: "21350001200017", Kind: "signing-key", ID: "k2"},
		{Tenant: "21350001200017", Kind: "webhook", ID: "k1"},
		{Tenant: "21350001200017signing-key", ID: "k1"}, // same letters, cut elsewhere
		{Tenant: "21350001200017", Kind: "signing-keyk1"},
	} {
		if _, err := v.Open(sealed, other); !errors.Is(err, ErrSealed) {
			t.Errorf("%+v opened it: %v", other, err)
		}
	}
}

func TestVaultSeesEveryChange(t *testing.T) {
	t.Parallel()
	v, b := testVault(t, 1), Binding{ID: "x"}
	sealed, err := v.Seal([]byte("secret"), b)
	if err != nil {
		t.Fatal(err)
	}
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		if _, err := v.Open(bad, b); !errors.Is(err, ErrSealed) {
			t.Errorf("byte %d changed: %v", i, err)
		}
		if _, err := v.Open(sealed[:i], b); !errors.Is(err, ErrSealed) {
			t.Errorf("cut at %d: %v", i, err)
		}
	}
	again, err := v.Seal([]byte("secret"), b)
	if err != nil || bytes.Equal(again, sealed) {
		t.Error("two seals are equal: the nonce is not random")
	}
}

func TestVaultRotation(t *testing.T) {
	t.Parallel()
	oldKey, newKey := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
	b := Binding{Tenant: "t", ID: "k"}
	sealed, err := testVault(t, 1).Seal([]byte("secret"), b)
	if err != nil {
		t.Fatal(err)
	}
	both, err := NewVault(newKey, oldKey)
	if err != nil {
		t.Fatal(err)
	}
	if !both.Stale(sealed) {
		t.Error("sealed under the previous key and not stale")
	}
	moved, err := both.Reseal(sealed, b)
	if err != nil || both.Stale(moved) {
		t.Fatalf("Reseal: %v, stale %v", err, both.Stale(moved))
	}
	onlyNew := testVault(t, 2)
	if got, err := onlyNew.Open(moved, b); err != nil || string(got) != "secret" {
		t.Errorf("after rotation: %q, %v", got, err)
	}
	if _, err := onlyNew.Open(sealed, b); !errors.Is(err, ErrUnknownMasterKey) || !errors.Is(err, ErrSealed) {
		t.Errorf("without the old key: %v, want ErrUnknownMasterKey", err)
	}
}

func TestMasterKeyFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "sub", "master.key")
	if _, err := LoadMasterKey(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
	keys := make([][]byte, 8)
	var wg sync.WaitGroup
	for i := range keys {
		wg.Go(func() {
			var err error
			if keys[i], err = LoadOrCreateMasterKey(path); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, k := range keys {
		if !bytes.Equal(k, keys[0]) || len(k) != MasterKeySize {
			t.Fatal("concurrent first runs made different keys")
		}
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadOrCreateMasterKey(path); !errors.Is(err, ErrMasterKey) {
		t.Errorf("readable by the group: %v", err)
	}
	for name, content := range map[string][]byte{"short": make([]byte, 31), "zero": make([]byte, 32), "hex": []byte(fmt.Sprintf("%064x", 1))} {
		if _, err := LoadMasterKey(writeFile(t, dir, name, content)); !errors.Is(err, ErrMasterKey) {
			t.Errorf("%s: %v, want ErrMasterKey", name, err)
		}
	}
}

func FuzzVaultOpen(f *testing.F) {
	v, err := NewVault(bytes.Repeat([]byte{1}, 32))
	if err != nil {
		f.Fatal(err)
	}
	sealed, err := v.Seal([]byte("s"), Binding{ID: "x"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Add([]byte(vaultMagic))
	f.Fuzz(func(t *testing.T, data []byte) {
		// Each process of a fuzzing run seals its own seed, under the same key.
		if got, err := v.Open(data, Binding{ID: "x"}); err == nil && string(got) != "s" {
			t.Errorf("opened %q, never sealed", got)
		}
	})
}
