package wiring

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/http"
	"time"

	"parapheur/certs"
	"parapheur/dossiers"
	"parapheur/internal/egress"
	"parapheur/internal/mailer"
	"parapheur/internal/notice"
	"parapheur/internal/oidc"
	"parapheur/internal/webhook"
	"parapheur/internal/work"
)

// Outward says how a node speaks to programs of others.
type Outward struct {
	// SMTP, if its URL is not empty, takes the mails to people.
	SMTP mailer.Options
	// Waiting says when people are told that a letter waits: "immediate",
	// "digest" or "both"; empty is the first.
	Waiting string
	// Rounds is how often webhooks that wait are looked at; 0 is five seconds,
	// negative is never: only what moves, and what a test asks for.
	Rounds time.Duration
}

// sealer is the vault in the words of dossiers.
type sealer struct{ vault *certs.Vault }

// Seal implements dossiers.Secrets.
func (s sealer) Seal(t dossiers.Tenant, kind, id string, secret []byte) ([]byte, error) {
	return s.vault.Seal(secret, certs.Binding{Tenant: t.SIRET, Kind: kind, ID: id})
}

// Open implements dossiers.Secrets.
func (s sealer) Open(t dossiers.Tenant, kind, id string, sealed []byte) ([]byte, error) {
	return s.vault.Open(sealed, certs.Binding{Tenant: t.SIRET, Kind: kind, ID: id})
}

// guarded are the rules for addresses that a town's administrator types.
func (s *System) guarded() egress.Options {
	return egress.Options{Allow: s.cfg.Egress, Timeout: webhook.Timeout, MaxBody: 64 << 10, Proxy: outgoing()}
}

// outward makes the sender of webhooks, once store and office are there.
func (s *System) outward(vault *certs.Vault) error {
	client := egress.NewClient(s.guarded())
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	node := make([]byte, 8)
	_, _ = rand.Read(node) // never fails: crypto/rand
	parts := webhook.Parts{
		Store: s.Store, Vault: sealer{vault}, Client: client, Log: s.cfg.Log, Now: s.cfg.Now, Jitter: jitter, Node: hex.EncodeToString(node),
	}
	if s.mail != nil {
		parts.Mail = s.mail
		s.Office.Mail = func(ctx context.Context, t dossiers.Tenant, x dossiers.InvitationMail) error {
			return post{s.mail}.Post(ctx, x.To.Email, notice.Invitation(t, x, s.Office.LocationOf(t.Territory)))
		}
	}
	s.Webhooks = webhook.New(parts)
	s.Office.Vault = parts.Vault
	s.Office.CheckURL = func(url string) error { return egress.CheckURL(url, s.guarded()) }
	provider := s.guarded()
	provider.MaxBody = 1 << 20
	s.Office.Identity = oidc.New(egress.NewClient(provider), s.cfg.Now)
	s.moved = make(chan dossiers.TenantID, 64)
	return nil
}

// notices makes the mailer of a node and says what it sends.
func (s *System) notices() (n work.Notices, err error) {
	out := s.cfg.Outward
	if out.SMTP.URL == "" {
		return n, nil
	}
	if s.mail, err = mailer.New(out.SMTP); err != nil {
		return n, fmt.Errorf("mail: %w", err)
	}
	if out.Waiting == "" {
		out.Waiting = "immediate"
	}
	n.Mail = post{s.mail}
	if n.Immediate, n.Digest, err = work.ParseNotices(out.Waiting); err != nil {
		return n, fmt.Errorf("mail: %w", err)
	}
	return n, nil
}

// post is a mailer in the words of work.
type post struct{ *mailer.Mailer }

// Post implements work.Mailer.
func (p post) Post(ctx context.Context, to string, m notice.Mail) error {
	return p.Mailer.Post(ctx, mailer.Letter{To: to, ID: m.ID, Subject: m.Subject, Text: m.Text, HTML: m.HTML})
}

// jitter draws a number from 0 to 1.
func jitter() float64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand
	return float64(binary.BigEndian.Uint64(b[:])>>11) / (1 << 53)
}

// wake tells the sender that the journal of a town moved. When too much is
// waiting the notice is dropped: the next round makes up for it.
func (s *System) wake(t dossiers.TenantID) {
	select {
	case s.moved <- t:
	default:
	}
}

// send runs the sender until ctx ends.
func (s *System) send(ctx context.Context, done chan<- struct{}) {
	defer close(done)
	every := s.cfg.Outward.Rounds
	if every == 0 {
		every = 5 * time.Second
	}
	if every < 0 {
		return
	}
	s.Webhooks.Run(ctx, s.moved, every)
}
