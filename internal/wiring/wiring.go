// Package wiring puts the parts of one node together: the database pool, the
// job queue, the blob store, the key ring, the child processes that read
// hostile files, the time-stamping authority, and the Office over them. The
// command and the tests that drive the whole product share it, so that what
// is tested is what runs.
//
// It must hold no behaviour of its own. Assemble fails with what could not be
// opened and leaves nothing running.
package wiring

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"parapheur/certs"
	"parapheur/dossiers"
	"parapheur/internal/blobs"
	"parapheur/internal/child"
	"parapheur/internal/egress"
	"parapheur/internal/intake"
	"parapheur/internal/keyring"
	"parapheur/internal/live"
	"parapheur/internal/mailer"
	"parapheur/internal/postgres"
	"parapheur/internal/preview"
	"parapheur/internal/render"
	"parapheur/internal/webhook"
	"parapheur/internal/work"
	"parapheur/signing"
)

// Config says what a node is made of.
type Config struct {
	// DatabaseURL is the address of a migrated database.
	DatabaseURL string
	// DataDir keeps blobs, spool and caches, and the demonstration's keys.
	DataDir string
	// S3, if set, keeps the blobs instead of DataDir.
	S3 *blobs.S3Options
	// MasterKey seals keys at rest: 32 bytes.
	MasterKey []byte
	// DemoURL, if set, opens the demonstration PKI, whose services answer
	// under this address. Without it demonstration keys are refused.
	DemoURL string
	// Roots are the anchors of signatories; the demonstration's is added.
	Roots []*x509.Certificate
	// TSA are the time-stamping authorities, in order, and TSARoots their
	// anchors. The demonstration has its own.
	TSA      []certs.TSAEndpoint
	TSARoots []*x509.Certificate
	// Level is what letters are sealed at; nil is B-LTA with a time-stamping
	// authority and B-B without.
	Level *signing.Level
	// RevocationHosts are the only OCSP responders and lists asked, if not
	// empty, and may then be in a private network; see certs.RevocationOptions.
	RevocationHosts []string
	// Egress are the private hosts and networks that may be asked on behalf of
	// others: signing services, webhooks.
	Egress egress.Allow
	// RenewBefore is how long before the end of its authority's certificate an
	// archive timestamp is renewed; see work.Options.
	RenewBefore time.Duration
	// Breakdown, if set, is asked before each request about revocation in the
	// demonstration: tests break the services there.
	Breakdown func(path string) error
	// EngineCache is the folder of this user alone that keeps the compiled
	// engine of previews, 21 MB; empty is one below DataDir. Nodes may share it.
	EngineCache string
	// Workers is how many jobs run at once here; 0 works none.
	Workers int
	// MaxDocument is the limit of one document in bytes; 0 is 100 MiB.
	MaxDocument int64
	Log         *slog.Logger
	Now         func() time.Time
	Version     string
	// Outward is how programs of others are spoken to.
	Outward Outward
	// RescueAfter is when a running job is taken for dead; see work.Options.
	RescueAfter time.Duration
	// Passing is told of each of dossiers.SealPoints; tests crash there.
	Passing func(point string)
}

// A System is an assembled node.
type System struct {
	Office *dossiers.Office
	Store  *postgres.Store
	Pool   *pgxpool.Pool
	Queue  *work.Queue
	Hub    *live.Hub
	Ring   *keyring.Ring
	Render *render.Renderer
	Demo   *certs.Demo // nil outside the demonstration
	// Webhooks sends them; Start runs it.
	Webhooks *webhook.Sender

	cfg    Config
	vault  *certs.Vault
	boxes  boxes
	mail   *mailer.Mailer // nil: none is sent
	checks func()         // ends the children that wait for a file
	cancel context.CancelFunc
	done   chan struct{}
	moved  chan dossiers.TenantID // whose webhooks have something to send
	sent   chan struct{}          // closed once the sender stopped
}

// Jobs are what the program does in child processes: give them to child.Main
// first thing in main and TestMain.
func Jobs() []child.Job { return []child.Job{render.Job(), intake.Job()} }

// Assemble opens the parts. Start works jobs; Close ends everything.
func Assemble(ctx context.Context, cfg Config) (*System, error) {
	if cfg.MaxDocument == 0 {
		cfg.MaxDocument = 100 << 20
	}
	s := &System{cfg: cfg, Hub: live.NewHub(), boxes: boxes{open: map[dossiers.TenantID]*Box{}}}
	if err := s.assemble(ctx); err != nil {
		s.closePool()
		return nil, err
	}
	return s, nil
}

func (s *System) assemble(ctx context.Context) (err error) {
	cfg := s.cfg
	if s.Pool, err = postgres.Pool(ctx, cfg.DatabaseURL); err != nil {
		return err
	}
	told, err := s.notices()
	if err != nil {
		return err
	}
	s.Queue, err = work.New(s.Pool, work.Parts{
		Office: s.OfficeOf, Store: func() work.Store { return s.Store },
	}, work.Options{Log: cfg.Log, Workers: cfg.Workers, RescueAfter: cfg.RescueAfter, RenewBefore: cfg.RenewBefore, Now: cfg.Now, Notices: told})
	if err != nil {
		return err
	}
	s.Store = postgres.New(s.Pool, s.Queue)
	store, err := s.blobs(ctx)
	if err != nil {
		return err
	}
	s.Render, err = render.New(render.Options{CacheDir: cmp.Or(cfg.EngineCache, filepath.Join(cfg.DataDir, "cache", "render"))})
	if err != nil {
		return err
	}
	vault, err := certs.NewVault(cfg.MasterKey)
	if err != nil {
		return err
	}
	guard := certs.Guard{AllowDemo: cfg.DemoURL != ""}
	if cfg.DemoURL != "" {
		s.Demo, err = certs.OpenDemo(certs.DemoOptions{
			Dir: filepath.Join(cfg.DataDir, "demo-pki"), Vault: vault, Guard: guard, BaseURL: cfg.DemoURL, Now: cfg.Now,
		})
		if err != nil {
			return err
		}
	}
	revocation, err := s.revocation()
	if err != nil {
		return err
	}
	roots, err := s.trust(guard)
	if err != nil {
		return err
	}
	s.Ring = keyring.New(keyring.Options{
		Store: s.Store, Vault: vault, Guard: guard, Now: cfg.Now, Blobs: store, Roots: roots, Revocation: revocation,
		HTTP: egress.NewClient(egress.Options{Allow: cfg.Egress, Timeout: signingServiceTimeout, Proxy: outgoing()}),
	})
	s.vault = vault
	if err := s.office(store, revocation); err != nil {
		return err
	}
	return s.outward(vault)
}

func (s *System) office(store dossiers.Blobs, revocation signing.EvidenceSource) error {
	cfg := s.cfg
	spool := filepath.Join(cfg.DataDir, "blobs", "tmp")
	if err := os.MkdirAll(spool, 0o700); err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		return fmt.Errorf("time zone: %w", err)
	}
	tsa, err := s.timestamper()
	if err != nil {
		return err
	}
	inspector := intake.New(intake.Limits{MaxBytes: cfg.MaxDocument})
	s.checks = inspector.Close
	s.Office = dossiers.Open(dossiers.Parts{
		Store: s.Store, Blobs: store, Keys: keyRing{s.Ring}, Render: preview.New(s.Render, 64<<20),
		Inspect: func(ctx context.Context, pdf *os.File) (dossiers.Intake, error) {
			info, err := inspector.Inspect(ctx, pdf)
			return intakeOf(info), err
		},
		Rewrite: func(ctx context.Context, pdf *os.File, e dossiers.Edit, into *os.File) error {
			return inspector.Rewrite(ctx, pdf, editOf(e), into)
		},
		Timestamper: tsa, Revocation: revocation, Level: s.level(tsa), Verify: s.verify, Trust: dossiers.Trust{Roots: s.Roots(), DemoMark: certs.DemoMarker}, Seal: s.seal, Now: cfg.Now, Rand: rand.Reader, Location: paris,
		Spool: spool, MaxBytes: cfg.MaxDocument, Software: cfg.Version, Passing: cfg.Passing,
	})
	return nil
}

// signingServiceTimeout is for one request to a remote signing service, which
// may wait for its own HSM.
const signingServiceTimeout = 30 * time.Second

// trust judges the chains of signing keys; nil when no root is configured.
func (s *System) trust(guard certs.Guard) (*certs.Trust, error) {
	roots := slices.Clone(s.cfg.Roots)
	if s.Demo != nil {
		roots = append(roots, s.Demo.Root())
	}
	if len(roots) == 0 {
		return nil, nil //nolint:nilnil // chains are judged by nobody
	}
	return certs.NewTrust(guard, roots...)
}

// timestamper returns the configured authorities, or nil without any.
func (s *System) timestamper() (signing.Timestamper, error) {
	cfg := s.cfg
	switch {
	case len(cfg.TSA) > 0:
		trust, err := certs.NewTrust(certs.Guard{AllowDemo: s.Demo != nil}, cfg.TSARoots...)
		if err != nil {
			return nil, fmt.Errorf("time-stamping roots: %w", err)
		}
		client, err := certs.NewTSAClient(certs.TSAClientOptions{Endpoints: cfg.TSA, Trust: trust, Now: cfg.Now})
		if err != nil {
			return nil, err
		}
		return client, nil
	case s.Demo != nil:
		return s.Demo.TSA(), nil
	}
	return nil, nil //nolint:nilnil // no authority: signatures are B-B and say so
}

// MasterKey is what seals the keys at rest of this node.
func (s *System) MasterKey() []byte { return s.cfg.MasterKey }

// Roots are the anchors of every signature and timestamp made here.
func (s *System) Roots() *x509.CertPool {
	pool := x509.NewCertPool()
	for _, c := range append(append([]*x509.Certificate(nil), s.cfg.Roots...), s.cfg.TSARoots...) {
		pool.AddCert(c)
	}
	if s.Demo != nil {
		pool.AddCert(s.Demo.Root())
	}
	return pool
}

// seal signs a manifest with the town's seal; a town without one answers nil.
func (s *System) seal(ctx context.Context, t dossiers.Tenant, manifest []byte) ([]byte, error) {
	return sealManifest(ctx, s.Ring, s.Office.Timestamper, t, manifest, s.cfg.Now())
}

// sealManifest uses the seal of a ring, with a time-stamp if there is an authority.
func sealManifest(ctx context.Context, ring *keyring.Ring, tsa signing.Timestamper, t dossiers.Tenant, manifest []byte, now time.Time) ([]byte, error) {
	signer, err := ring.Seal(ctx, t, manifest)
	if errors.Is(err, dossiers.ErrKeyless) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	opt := signing.DetachedOptions{Level: signing.BT, Time: now}
	if tsa == nil {
		opt.Level = signing.BB
	}
	return signing.Detached(ctx, bytes.NewReader(manifest), opt, signer, tsa)
}

// Start listens to the journal and works jobs, until Close.
func (s *System) Start(ctx context.Context) error {
	ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	s.done = make(chan struct{})
	go s.listen(ctx)
	if s.cfg.Workers == 0 {
		return nil
	}
	if err := s.Queue.Start(ctx); err != nil {
		return fmt.Errorf("start jobs: %w", err)
	}
	s.sent = make(chan struct{})
	go s.send(ctx, s.sent)
	return nil
}

// listen feeds the hub. When the connection is lost, whoever waits is told to
// look again once it is back.
func (s *System) listen(ctx context.Context) {
	defer close(s.done)
	for ctx.Err() == nil {
		err := s.Store.Listen(ctx, s.Hub.Resync, func(t dossiers.TenantID, seq int64, subject, kind string) {
			s.Hub.Publish(t, live.Event{Seq: seq, Dossier: subject, Kind: kind})
			s.wake(t)
		})
		if ctx.Err() != nil {
			return
		}
		s.cfg.Log.WarnContext(ctx, "journal notifications lost, listening again", slog.String("error", err.Error()))
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// Close finishes or hands back running jobs within ctx, then closes the rest.
func (s *System) Close(ctx context.Context) error {
	var err error
	if s.cancel != nil {
		if s.cfg.Workers > 0 {
			err = s.Queue.Stop(ctx)
		}
		s.cancel()
		<-s.done
		if s.sent != nil {
			<-s.sent
		}
	}
	if s.Ring != nil {
		s.Ring.Close()
	}
	if s.checks != nil {
		s.checks()
	}
	s.closePool()
	return err
}

func (s *System) closePool() {
	if s.Pool != nil {
		s.Pool.Close()
	}
}
