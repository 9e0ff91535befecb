package certs

import (
	"bytes"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// demoGuard is what the demo command sets.
func demoGuard() Guard { return Guard{AllowDemo: true} }

func testVault(t *testing.T, seed byte) *Vault {
	t.Helper()
	v, err := NewVault(bytes.Repeat([]byte{seed}, MasterKeySize))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// openDemo opens the PKI of dir and serves it; the address is written in the certificates.
func openDemo(t *testing.T, dir string) *Demo {
	t.Helper()
	srv := httptest.NewUnstartedServer(nil)
	d, err := OpenDemo(DemoOptions{
		Dir: dir, Vault: testVault(t, 1), Guard: demoGuard(), Now: time.Now,
		BaseURL: "http://" + srv.Listener.Addr().String() + "/pki",
	})
	if err != nil {
		t.Fatal(err)
	}
	srv.Config.Handler = d.Handler()
	srv.Start()
	t.Cleanup(srv.Close)
	return d
}

func newPerson(t *testing.T, d *Demo) *Key {
	t.Helper()
	k, err := d.Person(DemoPerson{Name: "Élise Préfète", Quality: "Maire", Town: "Commune de Saint-Aubin"})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// writeFile puts data in a file of a test's own folder.
func writeFile(t *testing.T, dir, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
