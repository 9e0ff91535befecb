package wiring

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"parapheur/certs"
	"parapheur/dossiers"
	"parapheur/internal/keyring"
	"parapheur/internal/sandbox"
	"parapheur/signing"
)

// pkiKind is what the vault knows the fake PKI of a sandbox by.
const pkiKind = "sandbox-pki"

// A Box is a sandbox at work: an office of its own over the parts of the node,
// with another clock, other keys, another authority and another root. The
// office of real towns has none of these, and serves no sandbox.
type Box struct {
	*dossiers.Sandbox
	PKI  *certs.SpecimenPKI
	Ring *keyring.Ring
}

// boxes keeps the sandboxes that this node opened.
type boxes struct {
	mu    sync.Mutex
	open  map[dossiers.TenantID]*Box
	hosts map[string]dossiers.TenantID
	asked time.Time // when hosts was read
}

// hostsLife is how long a node may not know of a new sandbox.
const hostsLife = 5 * time.Second

// OfficeOf returns the office of a town: that of the node, or the one that a
// sandbox has for itself, at the time its clock now shows.
func (s *System) OfficeOf(ctx context.Context, id dossiers.TenantID) (*dossiers.Office, error) {
	t, err := s.Store.Tenant(ctx, id)
	if err != nil {
		return nil, err
	}
	if !t.Sandbox() {
		return s.Office, nil
	}
	b, err := s.Box(ctx, t)
	if err != nil {
		return nil, err
	}
	return b.Office, nil
}

// Box opens the sandbox of a town, once, and tells its clock what was kept
// since. A real town is dossiers.ErrNotSandbox; a sandbox that was not set up,
// dossiers.ErrNotFound.
func (s *System) Box(ctx context.Context, t dossiers.Tenant) (*Box, error) {
	if !t.Sandbox() {
		return nil, dossiers.ErrNotSandbox
	}
	kept, err := s.Store.SandboxOf(ctx, t.ID)
	if err != nil {
		return nil, err
	}
	s.boxes.mu.Lock()
	defer s.boxes.mu.Unlock()
	b := s.boxes.open[t.ID]
	if b == nil {
		if b, err = openBox(s.Office.Parts, s.vault, t, kept, s.cfg.Now); err != nil {
			return nil, fmt.Errorf("open sandbox %s: %w", t.SIRET, err)
		}
		s.boxes.open[t.ID] = b
	}
	b.Clock.Move(kept.Ahead)
	return b, nil
}

// BoxAt opens the sandbox that is served at host; nil for any other town, and
// for none. It does not ask the database each time.
func (s *System) BoxAt(ctx context.Context, host string) (*Box, error) {
	id, err := s.sandboxAt(ctx, host)
	if err != nil || id == "" {
		return nil, err
	}
	t, err := s.Store.Tenant(ctx, id)
	if err != nil {
		return nil, err
	}
	return s.Box(ctx, t)
}

func (s *System) sandboxAt(ctx context.Context, host string) (dossiers.TenantID, error) {
	s.boxes.mu.Lock()
	id, fresh := s.boxes.hosts[host], s.cfg.Now().Sub(s.boxes.asked) < hostsLife
	s.boxes.mu.Unlock()
	if fresh {
		return id, nil
	}
	towns, err := s.Store.SandboxTowns(ctx)
	if err != nil {
		return "", err
	}
	hosts := map[string]dossiers.TenantID{}
	for _, t := range towns {
		hosts[t.Host()] = t.ID
	}
	s.boxes.mu.Lock()
	defer s.boxes.mu.Unlock()
	s.boxes.hosts, s.boxes.asked = hosts, s.cfg.Now()
	return hosts[host], nil
}

// openBox makes the office of a sandbox from that of the node.
func openBox(node dossiers.Parts, vault *certs.Vault, t dossiers.Tenant, kept dossiers.SandboxKept, now func() time.Time) (*Box, error) {
	clock := sandbox.NewClock(now)
	clock.Move(kept.Ahead)
	pki, err := certs.OpenSpecimenPKI(vault, pkiBinding(t), kept.PKI, clock.Now)
	if err != nil {
		return nil, err
	}
	guard := certs.Guard{Sandbox: true}
	trust, err := certs.NewTrust(guard, pki.Root())
	if err != nil {
		return nil, err
	}
	lists := specimenLists{pki}
	store, ok := node.Store.(keyring.Store)
	if !ok {
		return nil, fmt.Errorf("%T keeps no keys", node.Store)
	}
	// No HTTP: a sandbox asks no signing service for a signature that is worth something.
	ring := keyring.New(keyring.Options{Store: store, Vault: vault, Guard: guard, Now: clock.Now, Blobs: node.Blobs, Roots: trust, Revocation: lists})
	parts := node
	parts.Only, parts.Now, parts.Wall = t.ID, clock.Now, now
	parts.Keys, parts.Timestamper, parts.Revocation, parts.Level = keyRing{ring}, pki.TSA(), lists, signing.BLTA
	parts.Trust.Own, parts.Trust.Sandbox = trust.Pool(), true
	parts.Verify = func(ctx context.Context, pdf io.ReaderAt, size, came int64, least signing.Level) (*signing.Report, error) {
		return judge(ctx, pdf, size, came, least, signing.CheckOptions{Roots: trust.Pool(), At: clock.Now(), Sandbox: true})
	}
	parts.Seal = func(ctx context.Context, t dossiers.Tenant, manifest []byte) ([]byte, error) {
		return sealManifest(ctx, ring, pki.TSA(), t, manifest, clock.Now())
	}
	parts.Vault = sealer{vault}
	return &Box{PKI: pki, Ring: ring, Sandbox: &dossiers.Sandbox{
		Office: dossiers.Open(parts), Player: &sandbox.Player{Vault: sealer{vault}, Rand: rand.Reader}, Clock: clock, Tenant: t.ID,
	}}, nil
}

func pkiBinding(t dossiers.Tenant) certs.Binding {
	return certs.Binding{Tenant: t.SIRET, Kind: pkiKind, ID: string(t.ID)}
}

// specimenLists answers about revocation in a sandbox, where nothing is revoked.
type specimenLists struct{ pki *certs.SpecimenPKI }

var (
	_ signing.EvidenceSource = specimenLists{}
	_ keyring.Revocations    = specimenLists{}
)

// Collect implements signing.EvidenceSource.
func (l specimenLists) Collect(ctx context.Context, paths [][]*x509.Certificate, _ time.Time) (out signing.Evidence, err error) {
	for _, path := range paths {
		lists, err := l.pki.Lists(ctx, path)
		if err != nil {
			return signing.Evidence{}, err
		}
		out.Certs, out.CRLs = append(out.Certs, path...), append(out.CRLs, lists...)
	}
	return out, nil
}

// Known implements keyring.Revocations.
func (l specimenLists) Known(ctx context.Context, path []*x509.Certificate, _ time.Time) error {
	return l.Prefetch(ctx, path)
}

// Prefetch implements keyring.Revocations.
func (l specimenLists) Prefetch(ctx context.Context, path []*x509.Certificate) error {
	_, err := l.pki.Lists(ctx, path)
	return err
}

// FoundBox sets a sandbox up under the master key of the installation: its fake
// PKI, and an office to make its people known with. What was done before stays.
func FoundBox(ctx context.Context, node dossiers.Parts, masterKey []byte, t dossiers.Tenant) (*Box, error) {
	if !t.Sandbox() {
		return nil, dossiers.ErrNotSandbox
	}
	vault, err := certs.NewVault(masterKey)
	if err != nil {
		return nil, err
	}
	kept, err := node.Store.SandboxOf(ctx, t.ID)
	if errors.Is(err, dossiers.ErrNotFound) {
		kept, err = makePKI(ctx, node, vault, t)
	}
	if err != nil {
		return nil, fmt.Errorf("found sandbox %s: %w", t.SIRET, err)
	}
	return openBox(node, vault, t, kept, node.Now)
}

func makePKI(ctx context.Context, node dossiers.Parts, vault *certs.Vault, t dossiers.Tenant) (dossiers.SandboxKept, error) {
	pki, err := certs.NewSpecimenPKI(node.Now)
	if err != nil {
		return dossiers.SandboxKept{}, err
	}
	sealed, err := pki.Seal(vault, pkiBinding(t))
	if err != nil {
		return dossiers.SandboxKept{}, err
	}
	err = node.Store.OpenSandbox(ctx, t.ID, sealed, dossiers.Founder(), node.Now().UTC().Truncate(time.Microsecond))
	if err != nil && !errors.Is(err, dossiers.ErrConflict) {
		return dossiers.SandboxKept{}, err
	}
	return node.Store.SandboxOf(ctx, t.ID)
}
