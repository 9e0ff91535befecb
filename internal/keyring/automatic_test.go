package keyring_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"parapheur/certs"
	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/keyring"
	"parapheur/internal/towntest"
	"parapheur/internal/wiring"
	"parapheur/signing"
)

// withEvidence is the real store with other answers about evidence.
type withEvidence struct {
	keyring.Store
	change func([]dossiers.EvidenceRecord) []dossiers.EvidenceRecord
}

func (s withEvidence) Evidence(ctx context.Context, t dossiers.TenantID, id dossiers.ID) ([]dossiers.EvidenceRecord, error) {
	all, err := s.Store.Evidence(ctx, t, id)
	return s.change(all), err
}

// The machine puts the seal only behind gestures that verify: what the journal
// says of them is not enough.
func TestAutomaticSealWantsTheGestures(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	town := towntest.New(t, func(c *wiring.Config) { c.Workers = 0 })
	types, err := town.Store.Types(ctx, town.Tenant.ID)
	if err != nil {
		t.Fatal(err)
	}
	y := types[slices.IndexFunc(types, func(y dossiers.Type) bool { return y.Code == "courrier-simple" })]
	y.Circuit.Version++
	y.Circuit.Steps = []circuits.Step{y.Circuit.Steps[0], {ID: "cachet", Kind: circuits.Seal, Auto: true, Title: "Cachet"}}
	if err := town.Store.PublishType(ctx, town.Tenant.ID, y, circuits.Actor{Name: "test"}, time.Now()); err != nil {
		t.Fatal(err)
	}
	// The key is not used yet: the gate alone is asked.
	stop := errors.New("stop")
	town.Config.Passing = func(point string) {
		if point == dossiers.PointPrepared {
			panic(stop)
		}
	}
	town.Open(t)
	d, other := town.Deposit(t), town.Deposit(t)
	for _, id := range []dossiers.ID{d.ID, other.ID} {
		if _, err := town.Person(t, demo.DGS).Decide(t, id, "visa", ""); err != nil {
			t.Fatal(err)
		}
	}
	func() {
		defer func() {
			if r := recover(); r != any(stop) {
				t.Fatalf("stopped by %v", r)
			}
		}()
		t.Fatal(town.Office.Seal(ctx, town.Tenant.ID, d.ID))
	}()
	kept, err := town.Store.Sealing(ctx, town.Tenant.ID, d.ID, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	var p signing.Prepared
	if err := p.UnmarshalBinary(kept.Prepared); err != nil {
		t.Fatal(err)
	}
	of, err := town.Store.Evidence(ctx, town.Tenant.ID, other.ID)
	if err != nil {
		t.Fatal(err)
	}
	vault, err := certs.NewVault(town.Config.MasterKey)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		change func([]dossiers.EvidenceRecord) []dossiers.EvidenceRecord
		opens  bool
	}{
		{"none", func([]dossiers.EvidenceRecord) []dossiers.EvidenceRecord { return nil }, false},
		{"of another letter", func([]dossiers.EvidenceRecord) []dossiers.EvidenceRecord { return of }, false},
		{"altered", func(all []dossiers.EvidenceRecord) []dossiers.EvidenceRecord {
			all[0].File = append(slices.Clone(all[0].File), ' ')
			return all
		}, false},
		{"as it was", func(all []dossiers.EvidenceRecord) []dossiers.EvidenceRecord { return all }, true},
	} {
		ring := keyring.New(keyring.Options{
			Store: withEvidence{town.Store, test.change}, Vault: vault, Guard: certs.Guard{AllowDemo: true}, Now: time.Now, Blobs: town.Office.Blobs,
		})
		s, err := ring.AutoSealer(ctx, town.Tenant, d.ID)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Sign(ctx, p.ToBeSigned(), p.Hash()); test.opens != (err == nil) || err != nil && !errors.Is(err, certs.ErrRefusedByGate) {
			t.Errorf("evidence %s: %v", test.name, err)
		}
	}
}
