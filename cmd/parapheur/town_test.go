package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"parapheur/certs"
	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/pgtest"
	"parapheur/internal/towntest"
	"parapheur/internal/wiring"
	"parapheur/migrations"
)

// siret passes the key of Luhn and belongs to nobody.
const siret = "21490999900010"

// parapheur runs a command as people do, and wants an exit code.
func parapheur(t *testing.T, want int, args ...string) (out, errOut string) {
	t.Helper()
	var o, e bytes.Buffer
	if code := run(t.Context(), args, &o, &e); code != want {
		t.Fatalf("parapheur %s: exit %d, want %d\n%s%s", strings.Join(args, " "), code, want, &o, &e)
	}
	return o.String(), e.String()
}

func addArgs(dsn string, change ...string) []string {
	return append([]string{
		"town", "add", "--database-url", dsn, "--siret", siret, "--name", "Ville d’Essai", "--place", "Essai",
		"--origin", "https://parapheur.essai.fr", "--admin-email", "marc@essai.fr", "--admin-name", "Marc de la Tour",
	}, change...)
}

func operator(t *testing.T, dsn string) *wiring.Operator {
	t.Helper()
	o, err := wiring.OpenOperator(t.Context(), dsn, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.Close)
	return o
}

var link = regexp.MustCompile(`https://parapheur\.essai\.fr/enrolement/(\S+)`)

// TestTownAdd begins a town without the demonstration, as an installation does.
func TestTownAdd(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t, migrations.Apply)
	out, _ := parapheur(t, exitOK, addArgs(dsn)...)
	token := link.FindStringSubmatch(out)
	if token == nil {
		t.Fatalf("no link in:\n%s", out)
	}
	o, ctx := operator(t, dsn), t.Context()
	town, err := o.Office.Tenant(ctx, "parapheur.essai.fr")
	if err != nil {
		t.Fatal(err)
	}
	if town.Demo || town.SIRET != siret || town.RPID != "parapheur.essai.fr" {
		t.Errorf("town %+v", town)
	}
	p, err := o.Office.InvitedPerson(ctx, town, token[1])
	if err != nil {
		t.Fatal(err)
	}
	if p.GivenName != "Marc" || p.FamilyName != "de la Tour" || !p.Admin || p.Drafter {
		t.Errorf("administrator %+v", p)
	}
	types, err := o.Office.Types(ctx, dossiers.Viewer{Tenant: town, Person: &p})
	if err != nil || len(types) != 2 || len(types[0].Path) != 2 {
		t.Errorf("types %+v, %v", types, err)
	}

	out, _ = parapheur(t, exitOK, "town", "list", "--database-url", dsn)
	if !strings.Contains(out, siret) || !strings.Contains(out, "Ville d’Essai") {
		t.Errorf("list: %s", out)
	}
	out, _ = parapheur(t, exitOK, "town", "invite", "--database-url", dsn, "--siret", siret, "--email", "MARC@essai.fr")
	again := link.FindStringSubmatch(out)
	if again == nil || again[1] == token[1] {
		t.Errorf("no other link in:\n%s", out)
	}
	entries, err := o.Office.JournalTail(ctx, dossiers.Viewer{Tenant: town, Person: &p}, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	last := entries[len(entries)-1]
	if last.Kind != "person.invited" || !bytes.Contains(last.Body, []byte(operatorName)) {
		t.Errorf("the invitation is not in the journal: %s %s", last.Kind, last.Body)
	}
	if bytes.Contains(last.Body, []byte(again[1])) {
		t.Error("the token is in the journal")
	}

	_, said := parapheur(t, exitError, addArgs(dsn)...)
	if !strings.Contains(said, "déjà") {
		t.Errorf("a second time: %s", said)
	}
	for args, want := range map[string]string{
		"--siret 99999999999999 --email marc@essai.fr": "aucune collectivité",
		"--siret " + siret + " --email x@essai.fr":     "personne n’a l’adresse",
	} {
		_, said := parapheur(t, exitError, append([]string{"town", "invite", "--database-url", dsn}, strings.Fields(args)...)...)
		if !strings.Contains(said, want) {
			t.Errorf("%s: %s", args, said)
		}
	}
}

// TestTownAddRefuses what could not be changed afterwards, before it touches
// the database.
func TestTownAddRefuses(t *testing.T) {
	t.Parallel()
	for _, bad := range [][2]string{
		{"--siret", "21490999900011"},
		{"--siret", "2149099990001"},
		{"--siret", "2149099990001a"},
		{"--siret", "00000000000000"},
		{"--name", " "},
		{"--place", ""},
		{"--admin-email", ""},
		{"--admin-name", "Marc"},
		{"--origin", "parapheur.essai.fr"},
		{"--origin", "http://parapheur.essai.fr"},
		{"--origin", "https://parapheur.essai.fr/"},
		{"--origin", "https://Parapheur.essai.fr"},
		{"--origin", "https://192.0.2.1"},
		{"--origin", "https://[::1]"},
		{"--origin", "https://u@parapheur.essai.fr"},
		{"--origin", "https://parapheur"},
		{"--origin", ""},
	} {
		_, said := parapheur(t, exitUsage, addArgs("postgres://nowhere.invalid/x", bad[0], bad[1])...)
		if !strings.Contains(said, bad[0]) {
			t.Errorf("%s %q: %s", bad[0], bad[1], said)
		}
	}
	for _, good := range []string{"https://a.fr", "https://a.b.fr:8443", "http://localhost:8080", "http://voisine.localhost"} {
		if _, err := originHost(good); err != nil {
			t.Error(err)
		}
	}
	parapheur(t, exitUsage, "town")
	parapheur(t, exitUsage, "town", "remove")
	parapheur(t, exitOK, "town", "-h")
	parapheur(t, exitUsage, append(addArgs(""), "--database-url", "")...)
}

// TestTownAddSandbox creates sandboxes as an installation does: the number, the
// keys and the people come of themselves, and what is printed opens them.
func TestTownAddSandbox(t *testing.T) {
	t.Parallel()
	dsn, dir := pgtest.DSN(t, migrations.Apply), t.TempDir()
	file := filepath.Join(dir, "master.key")
	master, err := certs.LoadOrCreateMasterKey(file)
	if err != nil {
		t.Fatal(err)
	}
	args := func(change ...string) []string {
		return append(addArgs(dsn, "--siret", "", "--name", "Bac à sable d’Essai", "--sandbox", "--master-key-file", file), change...)
	}
	for _, bad := range []struct {
		args []string
		code int
		want string
	}{
		{args("--siret", siret), exitUsage, "--siret"},
		{args("--master-key-file", ""), exitUsage, "--master-key-file"},
		{args("--name", ""), exitUsage, "--name"},
		{args("--origin", "http://parapheur.essai.fr"), exitUsage, "--origin"},
		{addArgs(dsn, "--siret", "00000000000001"), exitUsage, "--sandbox"},
		{args("--master-key-file", filepath.Join(dir, "none")), exitError, "none"},
	} {
		if _, said := parapheur(t, bad.code, bad.args...); !strings.Contains(said, bad.want) {
			t.Errorf("%v: %s", bad.args, said)
		}
	}
	if list, _ := parapheur(t, exitOK, "town", "list", "--database-url", dsn); list != "" {
		t.Fatalf("a refusal left %s", list)
	}
	out, _ := parapheur(t, exitOK, args()...)
	token, key := link.FindStringSubmatch(out), regexp.MustCompile(`Clé d’API\s+(pk_\S+)`).FindStringSubmatch(out)
	if token == nil || key == nil || !strings.Contains(out, "SIRET d’essai 00000000000001") {
		t.Fatalf("said:\n%s", out)
	}
	ctx, o := t.Context(), operator(t, dsn)
	town, err := o.Town(ctx, "00000000000001")
	if err != nil || !town.Sandbox() || town.Demo {
		t.Fatalf("town %+v, %v", town, err)
	}
	box, err := wiring.FoundBox(ctx, o.Office.Parts, master, town)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := box.Office.InvitedPerson(ctx, town, token[1]); err != nil || !p.Admin || p.Email != "marc@essai.fr" {
		t.Errorf("administrator %+v, %v", p, err)
	}
	viewer, _, err := box.Office.Authenticate(ctx, town, key[1])
	if err != nil {
		t.Fatal(err)
	}
	if people, err := box.People(ctx, viewer); err != nil || len(people) != len(demo.Roles()) {
		t.Errorf("test persons %+v, %v", people, err)
	}
	// The keys are sealed under this master key, and no other opens them.
	if _, err := wiring.FoundBox(ctx, o.Office.Parts, bytes.Repeat([]byte{9}, len(master)), town); !errors.Is(err, certs.ErrSealed) {
		t.Errorf("under another master key: %v", err)
	}
	if _, said := parapheur(t, exitError, args()...); !strings.Contains(said, "déjà") {
		t.Errorf("a second time: %s", said)
	}
	out, _ = parapheur(t, exitOK, args("--origin", "https://autre.essai.fr")...)
	if !strings.Contains(out, "SIRET d’essai 00000000000002") {
		t.Errorf("the next one: %s", out)
	}
	if list, _ := parapheur(t, exitOK, "town", "list", "--database-url", dsn); strings.Count(list, "(bac à sable)") != 2 {
		t.Errorf("list: %s", list)
	}
}

// openssl runs it in dir, for keys made as authorities make them.
func openssl(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "openssl", args...)
	cmd.Dir = dir
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, b)
	}
}

// authority makes a root and a PKCS#12 file of a signatory under it.
func authority(t *testing.T, dir string) {
	t.Helper()
	openssl(t, dir, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key", "-out", "ca.pem",
		"-days", "30", "-subj", "/O=Essai/CN=Racine d'essai")
	openssl(t, dir, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "h.key", "-out", "h.csr", "-subj", "/O=Ville/CN=Marc Essai")
	write(t, dir, "ext", "keyUsage=critical,digitalSignature,nonRepudiation\n")
	openssl(t, dir, "x509", "-req", "-in", "h.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "20", "-extfile", "ext", "-out", "h.pem")
	openssl(t, dir, "pkcs12", "-export", "-inkey", "h.key", "-in", "h.pem", "-certfile", "ca.pem", "-out", "h.p12", "-passout", "pass:un secret")
	openssl(t, dir, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "o.key", "-out", "other.pem",
		"-days", "30", "-subj", "/O=Ailleurs/CN=Autre racine")
	openssl(t, dir, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "d.key", "-out", "d.pem",
		"-days", "30", "-subj", "/O="+certs.DemoMarker+"/CN=Marc Essai")
	openssl(t, dir, "pkcs12", "-export", "-inkey", "d.key", "-in", "d.pem", "-out", "demo.p12", "-passout", "pass:un secret")
	write(t, dir, "password", "un secret\n")
	write(t, dir, "wrong", "un autre\n")
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestKeyImport gives the town a seal and a person a key, which the ring of a
// node outside the demonstration then opens.
func TestKeyImport(t *testing.T) {
	t.Parallel()
	dsn, dir := pgtest.DSN(t, migrations.Apply), t.TempDir()
	authority(t, dir)
	parapheur(t, exitOK, addArgs(dsn)...)
	in := func(name string) string { return filepath.Join(dir, name) }
	args := func(more ...string) []string {
		return append([]string{
			"key", "import", "--database-url", dsn, "--siret", siret, "--p12", in("h.p12"), "--password-file", in("password"),
			"--roots", in("ca.pem"), "--data", dir,
		}, more...)
	}
	_, said := parapheur(t, exitError, args("--seal")...)
	if !strings.Contains(said, "clé maîtresse") {
		t.Errorf("without a master key: %s", said)
	}
	master, err := certs.LoadOrCreateMasterKey(in("master.key"))
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []struct {
		args []string
		code int
		want string
	}{
		{args("--email", "marc@essai.fr", "--seal"), exitUsage, "l’un des deux"},
		{args(), exitUsage, "l’un des deux"},
		{args("--seal", "--p12", ""), exitUsage, "--p12"},
		{args("--email", "x@essai.fr"), exitError, "personne n’a l’adresse"},
		{args("--seal", "--siret", "1"), exitError, "aucune collectivité"},
		{args("--seal", "--password-file", in("wrong")), exitError, "mot de passe"},
		{args("--seal", "--p12", in("ca.pem")), exitError, "PKCS#12"},
		{args("--seal", "--roots", ""), exitError, "--roots"},
		{args("--seal", "--roots", in("other.pem")), exitError, "racines"},
		{args("--seal", "--p12", in("demo.p12")), exitError, "démonstration"},
	} {
		_, said := parapheur(t, bad.code, bad.args...)
		if !strings.Contains(said, bad.want) {
			t.Errorf("%v: %s", bad.args, said)
		}
	}

	out, _ := parapheur(t, exitOK, args("--seal")...)
	if !strings.Contains(out, "Cachet de Ville d’Essai") || !strings.Contains(out, "Racine d'essai") {
		t.Errorf("import: %s", out)
	}
	parapheur(t, exitOK, args("--email", "marc@essai.fr")...)
	opensOutsideTheDemo(t, dsn, master)
	// A renewed certificate takes the place of the one before.
	parapheur(t, exitOK, args("--seal")...)
	opensOutsideTheDemo(t, dsn, master)
}

// opensOutsideTheDemo signs with the imported seal and finds the person's key.
func opensOutsideTheDemo(t *testing.T, dsn string, master []byte) {
	t.Helper()
	ctx, o := t.Context(), operator(t, dsn)
	ring, err := o.Ring(wiring.RingOptions{MasterKey: master})
	if err != nil {
		t.Fatal(err)
	}
	town, err := o.Town(ctx, siret)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ring.Seal(ctx, town, []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	who, err := signer.Identity(ctx)
	if err != nil || who.Certificate.Subject.CommonName != "Marc Essai" {
		t.Errorf("seal of %v, %v", who.Certificate, err)
	}
	p, err := o.Store.PersonByEmail(ctx, town.ID, "marc@essai.fr")
	if err != nil {
		t.Fatal(err)
	}
	key, err := o.Store.SigningKey(ctx, town.ID, p.ID)
	if err != nil || bytes.Contains(key.Sealed, []byte("PRIVATE")) || key.Label != "Marc Essai" {
		t.Errorf("key %q, %v", key.Label, err)
	}
}

// TestNameAdmin gives a town whose administrators lost their passkeys somebody
// who may vouch for new ones.
func TestNameAdmin(t *testing.T) {
	t.Parallel()
	town := towntest.New(t).Strict(t)
	args := []string{"town", "name-admin", "--database-url", town.DSN, "--siret", town.Tenant.SIRET, "--email"}
	if _, said := parapheur(t, exitError, append(args, demo.DGS)...); !strings.Contains(said, "n’a pas de clé d’accès") {
		t.Errorf("said: %s", said)
	}
	dgs := town.Person(t, demo.DGS)
	if dgs.Viewer(t).Person.Admin {
		t.Fatal("an administrator already")
	}
	parapheur(t, exitOK, append(args, demo.DGS)...)
	if !dgs.Viewer(t).Person.Admin {
		t.Error("no administrator after it was named")
	}
	town.Unconfirmed(t, demo.Mayor)
	dgs.Vouch(t, demo.Mayor)
	if n := town.Person(t, demo.Administrator).Viewer(t).Person.Passkeys; n != 1 {
		t.Errorf("%d passkeys", n)
	}
	if p, err := town.Store.PersonByEmail(t.Context(), town.Tenant.ID, demo.Mayor); err != nil || p.Passkeys != 1 {
		t.Errorf("the Mayor has %d passkeys, %v", p.Passkeys, err)
	}
}
