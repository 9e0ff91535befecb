package keyring_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"parapheur/approvals/proof"
	"parapheur/certs"
	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/child"
	"parapheur/internal/demo"
	"parapheur/internal/keyring"
	"parapheur/internal/towntest"
	"parapheur/internal/wiring"
	"parapheur/signing"
)

func TestMain(m *testing.M) {
	child.Main(wiring.Jobs()...)
	os.Exit(m.Run())
}

// A tampered store is the real one with some answers changed.
type tampered struct {
	keyring.Store
	enrolments func([][]byte) [][]byte
	revisions  func([]dossiers.Revision) []dossiers.Revision
}

func (s tampered) Enrolments(ctx context.Context, t dossiers.TenantID) ([][]byte, error) {
	all, err := s.Store.Enrolments(ctx, t)
	if s.enrolments != nil {
		all = s.enrolments(all)
	}
	return all, err
}

func (s tampered) Revisions(ctx context.Context, t dossiers.TenantID, id dossiers.ID, n int) ([]dossiers.Revision, error) {
	all, err := s.Store.Revisions(ctx, t, id, n)
	if s.revisions != nil {
		all = s.revisions(all)
	}
	return all, err
}

// A hall is a town whose DGS has a key too, where a visa was given and a
// signature decided, and no key was used yet.
type hall struct {
	*towntest.Town
	vault       *certs.Vault
	dgs, mayor  circuits.PersonID
	visa, signs proof.Evidence
	dossier     dossiers.Dossier
	prepared    *signing.Prepared // of the letter, with the Mayor's key, and kept
}

func newHall(t *testing.T) hall {
	t.Helper()
	h := hall{Town: towntest.New(t, func(c *wiring.Config) { c.Workers = 0 })}
	var err error
	if h.vault, err = certs.NewVault(h.Config.MasterKey); err != nil {
		t.Fatal(err)
	}
	dgs, mayor := h.Person(t, demo.DGS), h.Person(t, demo.Mayor)
	h.dgs, h.mayor = dgs.Viewer(t).Person.ID, mayor.Viewer(t).Person.ID
	key, err := h.Demo.Person(certs.DemoPerson{Name: "Philippe Rousseau", Quality: "DGS", Town: h.Tenant.Name})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Ring.Add(t.Context(), h.Tenant, uuid.NewString(), h.dgs, "Clé", key, circuits.Actor{Name: "test"}); err != nil {
		t.Fatal(err)
	}
	d := h.Deposit(t)
	if _, err := dgs.Decide(t, d.ID, "visa", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := mayor.Decide(t, d.ID, "signature", ""); err != nil {
		t.Fatal(err)
	}
	records, err := h.Store.Evidence(t.Context(), h.Tenant.ID, d.ID)
	if err != nil || len(records) != 2 {
		t.Fatal(records, err)
	}
	for i, into := range []*proof.Evidence{&h.visa, &h.signs} {
		if *into, err = proof.ParseEvidence(records[i].File); err != nil {
			t.Fatal(err)
		}
	}
	if h.dossier, err = h.Store.Dossier(t.Context(), h.Tenant.ID, d.ID); err != nil {
		t.Fatal(err)
	}
	s, err := h.Ring.Signer(t.Context(), h.Tenant, h.mayor, h.signs)
	if err != nil {
		t.Fatal(err)
	}
	h.prepared = h.layOut(t, s, nil)
	h.keep(t, 1, h.prepared)
	return h
}

// use has the key of p used on evidence ev.
func (h hall) use(t *testing.T, ring *keyring.Ring, p circuits.PersonID, ev proof.Evidence) ([]byte, error) {
	t.Helper()
	s, err := ring.Signer(t.Context(), h.Tenant, p, ev)
	if err != nil {
		return nil, err
	}
	return s.Sign(t.Context(), h.prepared.ToBeSigned(), crypto.SHA256)
}

// layOut prepares, for the Mayor's key or another one, the signature of the
// letter as it was deposited, of bytes of the test when these are given.
func (h hall) layOut(t *testing.T, s signing.Signer, pdf []byte) *signing.Prepared {
	t.Helper()
	if pdf == nil {
		pdf = h.letter(t)
	}
	id, err := s.Identity(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p, err := signing.Prepare(t.Context(), source{bytes.NewReader(pdf)}, signing.Options{
		Identity: id, Level: signing.BB, Hash: crypto.SHA256, Claims: signing.Claims{Name: "Élise Martin", Time: time.Now()},
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// letter reads the letter of the hall.
func (h hall) letter(t *testing.T) []byte {
	t.Helper()
	var out []byte
	for _, seg := range h.dossier.Main().Revision.Segments {
		b, err := h.Office.Blobs.Open(t.Context(), seg.Digest)
		if err != nil {
			t.Fatal(err)
		}
		raw := make([]byte, seg.Bytes)
		if _, err := b.ReadAt(raw, 0); err != nil && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		out = append(out, raw...)
	}
	return out
}

// keep keeps a prepared signature where the sealing does.
func (h hall) keep(t *testing.T, step int, p *signing.Prepared) {
	t.Helper()
	raw, err := p.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	_, err = h.Store.AdvanceSealing(t.Context(), h.Tenant.ID, dossiers.Sealing{
		Dossier: h.dossier.ID, Version: 1, Step: step, Prepared: raw, StartedAt: time.Now(),
	})
	if err != nil {
		t.Fatal(err)
	}
}

// source is bytes as signing reads them.
type source struct{ *bytes.Reader }

// ring is a ring over a store whose answers are changed.
func (h hall) ring(s tampered) *keyring.Ring {
	s.Store = h.Store
	return keyring.New(keyring.Options{Store: s, Vault: h.vault, Guard: certs.Guard{AllowDemo: true}, Now: time.Now, Blobs: h.Office.Blobs})
}

// A key is used on the evidence of its own person's decision to sign the
// stored document, with a passkey of the town's chain, and on nothing else.
func TestGate(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	if value, err := h.use(t, h.Ring, h.mayor, h.signs); err != nil || len(value) == 0 {
		t.Fatalf("the Mayor's key on the Mayor's decision: %v", err)
	}
	altered := func(change func(*proof.Evidence)) proof.Evidence {
		ev := h.signs
		change(&ev)
		return ev
	}
	other := sha256.Sum256([]byte("another"))
	refused := map[string]struct {
		ring *keyring.Ring
		p    circuits.PersonID
		ev   proof.Evidence
	}{
		"another person's decision": {h.Ring, h.dgs, h.signs},
		"a visa":                    {h.Ring, h.dgs, h.visa},
		"another signature":         {h.Ring, h.mayor, altered(func(ev *proof.Evidence) { ev.Signature = slices.Clone(h.visa.Signature) })},
		"another statement":         {h.Ring, h.mayor, altered(func(ev *proof.Evidence) { ev.Statement = h.visa.Statement })},
		"an unenrolled passkey":     {h.Ring, h.mayor, altered(func(ev *proof.Evidence) { ev.EnrolmentSHA256 = other })},
		"another person's passkey":  {h.Ring, h.mayor, altered(func(ev *proof.Evidence) { ev.EnrolmentSHA256 = h.visa.EnrolmentSHA256 })},
		"no stored document":        {h.ring(tampered{revisions: func([]dossiers.Revision) []dossiers.Revision { return nil }}), h.mayor, h.signs},
		"another document": {h.ring(tampered{revisions: func(all []dossiers.Revision) []dossiers.Revision {
			for i := range all {
				all[i].SHA256 = other
			}
			return all
		}}), h.mayor, h.signs},
		"a document of another length": {h.ring(tampered{revisions: func(all []dossiers.Revision) []dossiers.Revision {
			all[0].Bytes++
			return all
		}}), h.mayor, h.signs},
		"a chain that lost its end":       {h.ring(tampered{enrolments: func(all [][]byte) [][]byte { return all[:len(all)-1] }}), h.mayor, h.signs},
		"a chain that lost its beginning": {h.ring(tampered{enrolments: func(all [][]byte) [][]byte { return all[1:] }}), h.mayor, h.signs},
		"a chain in another order": {h.ring(tampered{enrolments: func(all [][]byte) [][]byte {
			all = slices.Clone(all)
			slices.Reverse(all)
			return all
		}}), h.mayor, h.signs},
		"no chain": {h.ring(tampered{enrolments: func([][]byte) [][]byte { return nil }}), h.mayor, h.signs},
	}
	for name, c := range refused {
		if value, err := h.use(t, c.ring, c.p, c.ev); !errors.Is(err, certs.ErrRefusedByGate) || value != nil {
			t.Errorf("%s: %v, want ErrRefusedByGate", name, err)
		}
	}
}

// Without a key there is no signature, and nobody else's key stands in.
func TestKeyless(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	stranger := h.Person(t, demo.Drafter).Viewer(t).Person.ID
	if _, err := h.Ring.Signer(t.Context(), h.Tenant, stranger, h.signs); !errors.Is(err, dossiers.ErrKeyless) {
		t.Errorf("a person without a key: %v", err)
	}
	other := h.Neighbour(t)
	if _, err := h.Ring.Signer(t.Context(), other.Tenant, h.mayor, h.signs); !errors.Is(err, dossiers.ErrKeyless) {
		t.Errorf("the Mayor in the neighbouring town: %v", err)
	}
	// The key at rest opens with its own town's binding and master key only.
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		t.Fatal(err)
	}
	vault, err := certs.NewVault(key)
	if err != nil {
		t.Fatal(err)
	}
	ring := keyring.New(keyring.Options{Store: h.Store, Vault: vault, Guard: certs.Guard{AllowDemo: true}, Now: time.Now})
	if _, err := ring.Signer(t.Context(), h.Tenant, h.mayor, h.signs); !errors.Is(err, certs.ErrSealed) {
		t.Errorf("with another master key: %v", err)
	}
}

// Demonstration keys serve in the demonstration and nowhere else.
func TestDemoKeyInProduction(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	ring := keyring.New(keyring.Options{Store: h.Store, Vault: h.vault, Now: time.Now})
	if _, err := h.use(t, ring, h.mayor, h.signs); !errors.Is(err, certs.ErrDemoPKI) {
		t.Errorf("a demonstration key at rest: %v", err)
	}
	key, err := h.Demo.Person(certs.DemoPerson{Name: "X", Quality: "Y", Town: h.Tenant.Name})
	if err != nil {
		t.Fatal(err)
	}
	if err := ring.Add(t.Context(), h.Tenant, uuid.NewString(), h.dgs, "Clé", key, circuits.Actor{}); !errors.Is(err, certs.ErrDemoPKI) {
		t.Errorf("a demonstration key put at rest: %v", err)
	}
}
