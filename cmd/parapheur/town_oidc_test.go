package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"parapheur/certs"
	"parapheur/internal/pgtest"
	"parapheur/migrations"
)

// A provider is set, its secret readable under the master key alone, and removed.
func TestTownOIDC(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t, migrations.Apply)
	parapheur(t, exitOK, addArgs(dsn)...)
	dir := t.TempDir()
	master, secret := filepath.Join(dir, "master.key"), filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte("le secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	key := bytes.Repeat([]byte("k"), 32)
	if err := os.WriteFile(master, key, 0o600); err != nil {
		t.Fatal(err)
	}
	args := func(more ...string) []string {
		return append([]string{"town", "oidc", "--database-url", dsn, "--siret", siret, "--master-key-file", master}, more...)
	}
	parapheur(t, exitUsage, args("--issuer", "http://idp.example", "--client-id", "c", "--client-secret-file", secret)...)
	parapheur(t, exitUsage, args("--issuer", "https://idp.example/api/v2")...)
	out, _ := parapheur(t, exitOK, args("--issuer", "https://idp.example/api/v2", "--client-id", "c", "--client-secret-file", secret)...)
	if !strings.Contains(out, "https://parapheur.essai.fr/connexion/retour") || strings.Contains(out, "le secret") {
		t.Errorf("said %s", out)
	}
	o := operator(t, dsn)
	town, err := o.Town(t.Context(), siret)
	if err != nil {
		t.Fatal(err)
	}
	s, err := o.Store.SignOn(t.Context(), town.ID)
	if err != nil || s.Name != "ProConnect" || len(s.ACR) != 3 || len(s.Scopes) != 6 || bytes.Contains(s.Sealed, []byte("le secret")) {
		t.Fatalf("%+v, %v", s, err)
	}
	vault, err := certs.NewVault(key)
	if err != nil {
		t.Fatal(err)
	}
	got, err := vault.Open(s.Sealed, certs.Binding{Tenant: siret, Kind: "sign_on", ID: s.Issuer})
	if err != nil || string(got) != "le secret" {
		t.Errorf("the secret is %q, %v", got, err)
	}
	parapheur(t, exitOK, args("--remove")...)
	parapheur(t, 1, args("--remove")...)
}
