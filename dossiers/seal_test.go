package dossiers_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"parapheur/certs"
	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/towntest"
	"parapheur/internal/wiring"
	"parapheur/signing"
)

// decided is a letter that the DGS and the Mayor of town agreed to.
func decided(t *testing.T, town *towntest.Town) dossiers.Dossier {
	t.Helper()
	d := town.Deposit(t)
	for _, x := range []struct{ who, decision string }{{demo.DGS, "visa"}, {demo.Mayor, "signature"}} {
		var err error
		if d, err = town.Person(t, x.who).Decide(t, d.ID, x.decision, ""); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

// mayorKey gives the Mayor another demonstration key, under another quality.
func mayorKey(t *testing.T, town *towntest.Town, quality string) *certs.Key {
	t.Helper()
	mayor := town.Person(t, demo.Mayor).Viewer(t).Person
	k, err := town.Demo.Person(certs.DemoPerson{Name: mayor.Name(), Quality: quality, Town: town.Tenant.Name})
	if err != nil {
		t.Fatal(err)
	}
	by := circuits.Actor{Name: "test"}
	if err := town.Ring.Add(t.Context(), town.Tenant, uuid.NewString(), mayor.ID, "Clé de test", k, by); err != nil {
		t.Fatal(err)
	}
	return k
}

// signatureOf is the report on the only signature of a letter.
func signatureOf(t *testing.T, town *towntest.Town, id dossiers.ID) signing.SignatureReport {
	t.Helper()
	letter := town.Read(t, town.Person(t, demo.Mayor).Viewer(t), id, 1, "")
	rep, err := signing.Check(bytes.NewReader(letter), int64(len(letter)), signing.CheckOptions{Roots: town.Roots(), At: time.Now()})
	if err != nil || rep.Verdict != signing.Valid {
		t.Fatalf("%v, %+v", err, rep)
	}
	return rep.Signatures[0]
}

// Nobody answers about revocation: the letter waits at its level, the stamped
// signature is kept, and it is the one that serves.
func TestAwaitingRevocation(t *testing.T) {
	t.Parallel()
	var down atomic.Bool
	down.Store(true)
	town := towntest.New(t, func(c *wiring.Config) {
		c.Workers = 0
		c.Breakdown = func(string) error {
			if down.Load() {
				return errors.New("nobody answers")
			}
			return nil
		}
	})
	d := decided(t, town)
	for range 2 {
		if err := town.Office.Seal(t.Context(), town.Tenant.ID, d.ID); !errors.Is(err, dossiers.ErrAwaiting) {
			t.Fatalf("got %v", err)
		}
	}
	waiting := town.Await(t, d.ID, func(d dossiers.Dossier) bool { return d.State.Steps[1].Awaiting != "" })
	if waiting.State.Phase != circuits.Running || waiting.Main().Signed() || waiting.State.Steps[1].Awaiting != dossiers.AwaitsRevocation || kinds(t, town, d.ID)[circuits.KindSealingAwaited] != 1 {
		t.Fatalf("while it waits: %+v, %v", waiting.State, kinds(t, town, d.ID))
	}
	kept := sealingOf(t, town, d.ID)
	if kept.Level != signing.BLTA || len(kept.Stamped) == 0 || kept.Tail.Bytes != 0 {
		t.Fatalf("kept: level %v, %d bytes stamped, tail %+v", kept.Level, len(kept.Stamped), kept.Tail)
	}
	down.Store(false)
	if err := town.Office.Seal(t.Context(), town.Tenant.ID, d.ID); err != nil {
		t.Fatal(err)
	}
	signedOnce(t, town, town.Await(t, d.ID, completed))
	letter := town.Read(t, town.Person(t, demo.Mayor).Viewer(t), d.ID, 1, "")
	if !bytes.HasPrefix(letter[d.Main().Revision.Bytes:], kept.Stamped) {
		t.Error("the stamped signature that was kept is not the one in the letter")
	}
}

func sealingOf(t *testing.T, town *towntest.Town, id dossiers.ID) dossiers.Sealing {
	t.Helper()
	s, err := town.Store.Sealing(t.Context(), town.Tenant.ID, id, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A node that asks for less does not lower what was asked when the key was
// first wanted.
func TestLevelIsNeverLowered(t *testing.T) {
	t.Parallel()
	down := errors.New("nobody answers")
	town := towntest.New(t, func(c *wiring.Config) {
		c.Workers, c.Breakdown = 0, func(string) error { return down }
	})
	d := decided(t, town)
	if err := town.Office.Seal(t.Context(), town.Tenant.ID, d.ID); !errors.Is(err, dossiers.ErrAwaiting) {
		t.Fatalf("got %v", err)
	}
	lower := signing.BT
	town.Config.Level, town.Config.Breakdown = &lower, nil
	town.Open(t)
	if err := town.Office.Seal(t.Context(), town.Tenant.ID, d.ID); err != nil {
		t.Fatal(err)
	}
	if s := signatureOf(t, town, d.ID); s.Level != signing.BLTA.String() {
		t.Errorf("sealed at %s", s.Level)
	}
	// What comes afterwards is sealed at the level of the node, and says so.
	d = decided(t, town)
	if err := town.Office.Seal(t.Context(), town.Tenant.ID, d.ID); err != nil {
		t.Fatal(err)
	}
	if s := signatureOf(t, town, d.ID); s.Level != signing.BT.String() {
		t.Errorf("sealed at %s", s.Level)
	}
}

// A type of letter may require more than its node gives.
func TestTypeRequiresItsLevel(t *testing.T) {
	t.Parallel()
	lower := signing.BT
	town := towntest.New(t, func(c *wiring.Config) { c.Workers, c.Level = 0, &lower })
	types, err := town.Store.Types(t.Context(), town.Tenant.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, y := range types {
		if y.Code == "courrier-simple" {
			y.Level = signing.BLT
			y.Circuit.Version++
			if err := town.Store.PublishType(t.Context(), town.Tenant.ID, y, circuits.Actor{Name: "test"}, time.Now()); err != nil {
				t.Fatal(err)
			}
		}
	}
	d := decided(t, town)
	if err := town.Office.Seal(t.Context(), town.Tenant.ID, d.ID); err != nil {
		t.Fatal(err)
	}
	if s := signatureOf(t, town, d.ID); s.Level != signing.BLT.String() {
		t.Errorf("sealed at %s", s.Level)
	}
}

// A key that is renewed between the preparation and the use signs with its own
// certificate.
func TestKeyRenewedMeanwhile(t *testing.T) {
	t.Parallel()
	var renew func()
	town := towntest.New(t, func(c *wiring.Config) {
		c.Workers = 0
		c.Passing = func(point string) {
			if point == dossiers.PointPrepared && renew != nil {
				r := renew
				renew = nil
				r()
			}
		}
	})
	d := decided(t, town)
	var fresh *certs.Key
	renew = func() { fresh = mayorKey(t, town, "Maire de la ville") }
	if err := town.Office.Seal(t.Context(), town.Tenant.ID, d.ID); err != nil {
		t.Fatal(err)
	}
	if s := signatureOf(t, town, d.ID); s.Certificate.SHA256 != digestOf(fresh) {
		t.Errorf("signed with %+v", s.Certificate)
	}
	signedOnce(t, town, town.Await(t, d.ID, completed))
}

func digestOf(k *certs.Key) string {
	return circuits.Digest(sha256.Sum256(k.Certificate().Raw)).String()
}

// A revoked certificate does not sign; another one lets the letter leave.
func TestRevokedKeyDoesNotSign(t *testing.T) {
	t.Parallel()
	town := towntest.New(t, func(c *wiring.Config) { c.Workers = 0 })
	bad := mayorKey(t, town, "Maire élue")
	if err := town.Demo.Revoke(bad.Certificate().SerialNumber, 1); err != nil {
		t.Fatal(err)
	}
	d := decided(t, town)
	if err := town.Office.Seal(t.Context(), town.Tenant.ID, d.ID); !errors.Is(err, dossiers.ErrRevoked) {
		t.Fatalf("got %v", err)
	}
	if kept := sealingOf(t, town, d.ID); kept.Signature != nil {
		t.Error("the revoked key was used")
	}
	good := mayorKey(t, town, "Maire")
	if err := town.Office.Seal(t.Context(), town.Tenant.ID, d.ID); err != nil {
		t.Fatal(err)
	}
	if s := signatureOf(t, town, d.ID); s.Certificate.SHA256 != digestOf(good) {
		t.Errorf("signed with %+v", s.Certificate)
	}
}

// A certificate that was revoked between the use of its key and the timestamp
// never reaches the level. Nobody saw that signature: another key makes the one
// that counts.
func TestRevokedMeanwhile(t *testing.T) {
	t.Parallel()
	town := towntest.New(t, func(c *wiring.Config) { c.Workers = 0 })
	bad := mayorKey(t, town, "Maire élue")
	d := decided(t, town)
	town.Demo.TSA().SetAvailable(false)
	if err := town.Office.Seal(t.Context(), town.Tenant.ID, d.ID); !errors.Is(err, dossiers.ErrAwaiting) {
		t.Fatalf("got %v", err)
	}
	if err := town.Demo.Revoke(bad.Certificate().SerialNumber, 1); err != nil {
		t.Fatal(err)
	}
	town.Open(t) // a node that remembers no answer about it
	if err := town.Office.Seal(t.Context(), town.Tenant.ID, d.ID); !errors.Is(err, dossiers.ErrRevoked) {
		t.Fatalf("got %v", err)
	}
	if kept := sealingOf(t, town, d.ID); kept.Stamped == nil || kept.Tail.Bytes != 0 {
		t.Fatalf("kept: %d bytes stamped, tail %+v", len(kept.Stamped), kept.Tail)
	}
	good := mayorKey(t, town, "Maire")
	if err := town.Office.Seal(t.Context(), town.Tenant.ID, d.ID); err != nil {
		t.Fatal(err)
	}
	if s := signatureOf(t, town, d.ID); s.Certificate.SHA256 != digestOf(good) {
		t.Errorf("signed with %+v", s.Certificate)
	}
	signedOnce(t, town, town.Await(t, d.ID, completed))
}

// An archive timestamp whose authority nears its end is covered by another one:
// the circuit stays as it ended, and an older copy of the letter still verifies.
func TestRenewal(t *testing.T) {
	t.Parallel()
	town := towntest.New(t, func(c *wiring.Config) { c.Workers = 0 })
	d := decided(t, town)
	ctx, o, id := t.Context(), town.Office, town.Tenant.ID
	if err := o.Seal(ctx, id, d.ID); err != nil {
		t.Fatal(err)
	}
	signed := town.Await(t, d.ID, completed)
	mayor := town.Person(t, demo.Mayor).Viewer(t)
	before := town.Read(t, mayor, d.ID, 1, "")
	if err := o.Renew(ctx, id, d.ID, time.Now()); err != nil {
		t.Fatal(err)
	}
	if again := town.Await(t, d.ID, completed); again.Rev() != signed.Rev() {
		t.Fatal("what serves for years was renewed")
	}
	far := time.Now().AddDate(20, 0, 0)
	if err := o.Renew(ctx, id, d.ID, far); !errors.Is(err, dossiers.ErrNotLonger) {
		t.Fatalf("the authority has the same certificate: %v", err)
	}
	// Years later, the authority has another certificate.
	var later clock
	later.pass(8*365*24*time.Hour - 10*24*time.Hour)
	later.install(&town.Config)
	town.Open(t)
	due, err := town.Store.ArchiveDue(ctx, id, far, 10)
	if err != nil || len(due) != 1 || due[0] != d.ID {
		t.Fatalf("due: %v, %v", due, err)
	}
	for range 2 {
		if err := town.Office.Renew(ctx, id, d.ID, later.now().AddDate(0, 6, 0)); err != nil {
			t.Fatal(err)
		}
	}
	renewed := town.Await(t, d.ID, completed)
	after := town.Read(t, mayor, d.ID, 1, "")
	if n := kinds(t, town, d.ID); n[circuits.KindRenewed] != 1 || renewed.Main().Revision.Number != 2 || !bytes.HasPrefix(after, before) || len(after) == len(before) {
		t.Errorf("journal %v, revision %d, %d bytes after %d", n, renewed.Main().Revision.Number, len(after), len(before))
	}
	rep, err := signing.Check(bytes.NewReader(after), int64(len(after)), signing.CheckOptions{Roots: town.Roots(), At: later.now()})
	if err != nil || rep.Verdict != signing.Valid || len(rep.Signatures) != 3 || rep.Signatures[0].Level != signing.BLTA.String() {
		t.Fatalf("%v, %+v", err, rep)
	}
}
