package main

import (
	"context"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"parapheur/certs"
	"parapheur/signing"
)

// padesServices are the options that name authorities, and what they lead to.
type padesServices struct {
	tsa, trust, hosts []string
	demoDir, level    string

	demo  *certs.Demo
	roots []*x509.Certificate
	stamp signing.Timestamper
}

func (s *padesServices) flags(set *flag.FlagSet) {
	listFlag(set, "tsa", &s.tsa)
	listFlag(set, "trust", &s.trust)
	listFlag(set, "allow-host", &s.hosts)
	set.StringVar(&s.demoDir, "demo-pki", "", "")
	set.StringVar(&s.level, "level", "", "")
}

// open reads the roots and prepares the clients; it contacts nobody.
func (s *padesServices) open() error {
	for _, path := range s.trust {
		found, err := trustedIn(path)
		if err != nil {
			return err
		}
		s.roots = append(s.roots, found...)
	}
	if s.demoDir != "" {
		var err error
		if s.demo, err = openDemoPKI(s.demoDir, false); err != nil {
			return err
		}
		s.roots = append(s.roots, s.demo.Root())
		s.stamp = s.demo.TSA()
	}
	if len(s.tsa) == 0 {
		return nil
	}
	if len(s.roots) == 0 {
		return mistake("--tsa demande --trust : sans racine de confiance, aucun horodatage ne peut être accepté")
	}
	return s.client()
}

func (s *padesServices) client() error {
	trust, err := certs.NewTrust(certs.Guard{AllowDemo: s.demo != nil}, s.roots...)
	if err != nil {
		return err
	}
	opt := certs.TSAClientOptions{Trust: trust, Now: time.Now}
	for _, url := range s.tsa {
		opt.Endpoints = append(opt.Endpoints, certs.TSAEndpoint{URL: url})
	}
	s.stamp, err = certs.NewTSAClient(opt)
	return err
}

// wanted is the level that the options ask for.
func (s *padesServices) wanted() (signing.Level, error) {
	level := signing.BB
	if s.stamp != nil {
		level = signing.BLTA
	}
	if s.level != "" {
		var err error
		if level, err = parseLevel(s.level); err != nil {
			return 0, err
		}
	}
	if level >= signing.BT && s.stamp == nil {
		return 0, mistake("le niveau %v demande une autorité d’horodatage : --tsa ou --demo-pki", level)
	}
	return level, nil
}

// check is how the result is judged; no root is no anchor.
func (s *padesServices) check() signing.CheckOptions {
	opt := signing.CheckOptions{At: time.Now().UTC()}
	if len(s.roots) > 0 {
		opt.Roots = x509.NewCertPool()
		for _, c := range s.roots {
			opt.Roots.AddCert(c)
		}
	}
	return opt
}

// augmenting is what levels LT and LTA need.
func (s *padesServices) augmenting(level signing.Level) (signing.AugmentOptions, error) {
	opt := signing.AugmentOptions{Level: level, Timestamper: s.stamp, Trust: s.check()}
	online, err := certs.NewRevocation(certs.RevocationOptions{Now: time.Now, AllowHosts: s.hosts})
	if err != nil {
		return opt, err
	}
	opt.Evidence = padesEvidence{demo: s.demo, online: online}
	return opt, nil
}

// padesEvidence asks the demonstration PKI in this process about its own certificates, and the network about the others.
type padesEvidence struct {
	demo   *certs.Demo
	online *certs.Revocation
}

var _ signing.EvidenceSource = padesEvidence{}

// Collect implements signing.EvidenceSource.
func (e padesEvidence) Collect(ctx context.Context, paths [][]*x509.Certificate, at time.Time) (signing.Evidence, error) {
	var out signing.Evidence
	for _, path := range paths {
		if e.demo == nil || !path[len(path)-1].Equal(e.demo.Root()) {
			got, err := e.online.Collect(ctx, [][]*x509.Certificate{path}, at)
			if err != nil {
				return signing.Evidence{}, err
			}
			out.Certs, out.OCSPs, out.CRLs = append(out.Certs, got.Certs...), append(out.OCSPs, got.OCSPs...), append(out.CRLs, got.CRLs...)
			continue
		}
		out.Certs = append(out.Certs, path...)
		for _, issuer := range path[1:] {
			list, err := e.demo.CRL(issuer)
			if err != nil {
				return signing.Evidence{}, err
			}
			out.CRLs = append(out.CRLs, list)
		}
	}
	return out, nil
}

// trustedIn reads the certificates of a folder, or of one file.
func trustedIn(path string) ([]*x509.Certificate, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("racines de confiance : %w", err)
	}
	files := []string{path}
	if info.IsDir() {
		files = nil
		for _, pattern := range []string{"*.pem", "*.crt", "*.cer", "*.der"} {
			found, err := filepath.Glob(filepath.Join(path, pattern))
			if err != nil {
				return nil, fmt.Errorf("racines de confiance : %w", err)
			}
			files = append(files, found...)
		}
	}
	var out []*x509.Certificate
	for _, file := range files {
		found, err := readRoots(file)
		if err != nil {
			return nil, fmt.Errorf("racines de confiance, %s : %w", file, err)
		}
		out = append(out, found...)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("racines de confiance : aucun certificat (*.pem, *.crt, *.cer, *.der) dans %s", path)
	}
	return out, nil
}

// demoPKIAddress is in the certificates; nobody is ever asked there (RFC 2606).
const demoPKIAddress = "http://pki-de-demonstration.invalid"

// openDemoPKI opens the demonstration PKI of a folder; it is only made by demo-pki.
func openDemoPKI(dir string, create bool) (*certs.Demo, error) {
	load := certs.LoadMasterKey
	if create {
		load = certs.LoadOrCreateMasterKey
	}
	key, err := load(filepath.Join(dir, "master.key"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("pas d’autorités de démonstration dans %s : « parapheur pades demo-pki %s » les crée : %w", dir, dir, err)
	}
	if err != nil {
		return nil, err
	}
	vault, err := certs.NewVault(key)
	if err != nil {
		return nil, err
	}
	return certs.OpenDemo(certs.DemoOptions{Dir: dir, Vault: vault, Guard: certs.Guard{AllowDemo: true}, BaseURL: demoPKIAddress, Now: time.Now})
}
