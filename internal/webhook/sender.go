package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"parapheur/dossiers"
)

// A Store keeps endpoints, positions and messages. Its methods say more in
// internal/postgres.
type Store interface {
	WebhookTowns(ctx context.Context) ([]dossiers.TenantID, error)
	Tenant(ctx context.Context, t dossiers.TenantID) (dossiers.Tenant, error)
	// ClaimWebhook leases an endpoint that is due; none is dossiers.ErrNotFound.
	ClaimWebhook(ctx context.Context, t dossiers.TenantID, node string, now, until time.Time) (dossiers.Webhook, error)
	// NextDelivery is what is to be sent; nothing is dossiers.ErrNotFound.
	NextDelivery(ctx context.Context, t dossiers.TenantID, w dossiers.Webhook, node string, now time.Time, compose func(dossiers.FeedEntry, dossiers.Dossier) (dossiers.Delivery, error)) (dossiers.Delivery, error)
	// SettleDelivery is dossiers.ErrConflict when the lease is another's.
	SettleDelivery(ctx context.Context, t dossiers.TenantID, w dossiers.Webhook, node string, d dossiers.Delivery) error
	ReleaseWebhook(ctx context.Context, t dossiers.TenantID, id, node string) error
	Webhooks(ctx context.Context, t dossiers.TenantID, application string) ([]dossiers.Webhook, error)
	ToldWebhook(ctx context.Context, t dossiers.TenantID, id string, at time.Time) error
	Applications(ctx context.Context, t dossiers.TenantID) ([]dossiers.Application, error)
	People(ctx context.Context, t dossiers.TenantID) ([]dossiers.Person, error)
}

// A Mailer sends a mail to each of these addresses.
type Mailer interface {
	Send(ctx context.Context, to []string, subject, text string) error
}

// Parts are what a Sender is made of. All are required but Mail: without one,
// suspensions are told on the page of applications alone.
type Parts struct {
	Store  Store
	Vault  dossiers.Secrets
	Client *http.Client // made by internal/egress, following no redirect
	Mail   Mailer
	Log    *slog.Logger
	Now    func() time.Time
	Jitter func() float64 // from 0 to 1
	Node   string         // names this node among the others
}

const (
	// Timeout is for one attempt, answer included.
	Timeout = 15 * time.Second
	// lease outlasts the attempts that are made under it.
	lease = time.Minute
	// batch is how many messages one endpoint gets before the others' turn.
	batch = 50
	// answerKept is how much of an answer is read: its status is what counts.
	answerKept = 4 << 10
)

// A Sender makes the rounds of a node. It is safe for one round at a time.
type Sender struct{ Parts }

// New returns the sender of a node.
func New(p Parts) *Sender { return &Sender{p} }

// Round sends what is due, town by town, and returns how many attempts it
// made. What goes wrong with one town does not keep the others waiting.
func (s *Sender) Round(ctx context.Context) (sent int, err error) {
	towns, err := s.Store.WebhookTowns(ctx)
	if err != nil {
		return 0, err
	}
	var errs []error
	for _, t := range towns {
		n, err := s.Town(ctx, t)
		sent += n
		errs = append(errs, err)
	}
	return sent, errors.Join(errs...)
}

// Town sends what is due in one town, and tells its administrators of what was
// suspended.
func (s *Sender) Town(ctx context.Context, t dossiers.TenantID) (sent int, err error) {
	town, err := s.Store.Tenant(ctx, t)
	if err != nil {
		return 0, err
	}
	for ctx.Err() == nil {
		w, err := s.Store.ClaimWebhook(ctx, t, s.Node, s.Now(), s.Now().Add(lease))
		if errors.Is(err, dossiers.ErrNotFound) {
			return sent, s.tell(ctx, town)
		}
		if err != nil {
			return sent, err
		}
		n, err := s.serve(ctx, town, w)
		sent += n
		if err != nil && !errors.Is(err, dossiers.ErrConflict) {
			return sent, fmt.Errorf("webhook %s: %w", w.ID, err)
		}
	}
	return sent, ctx.Err()
}

// serve sends to one endpoint under its lease, until nothing is left, an
// attempt fails, or the lease is half through.
func (s *Sender) serve(ctx context.Context, town dossiers.Tenant, w dossiers.Webhook) (sent int, err error) {
	until := s.Now().Add(lease / 2)
	for range batch {
		d, err := s.Store.NextDelivery(ctx, town.ID, w, s.Node, s.Now(), func(e dossiers.FeedEntry, about dossiers.Dossier) (dossiers.Delivery, error) {
			return dossiers.NewDelivery(town, w, e, about, s.Now().UTC().Truncate(time.Microsecond))
		})
		if errors.Is(err, dossiers.ErrNotFound) {
			break
		}
		if err != nil {
			return sent, err
		}
		answer := s.attempt(ctx, town, w, d)
		sent++
		if ctx.Err() != nil {
			return sent, ctx.Err() // stopped in the middle: nothing is known, the lease ends with time
		}
		w, d = s.settle(w, d, answer)
		if err := s.Store.SettleDelivery(ctx, town.ID, w, s.Node, d); err != nil {
			return sent, err
		}
		if s.Now().After(until) {
			break
		}
	}
	return sent, s.Store.ReleaseWebhook(ctx, town.ID, w.ID, s.Node)
}

// An outcome is what an attempt came to.
type outcome struct {
	status int
	fault  string // French; empty when the message was taken
	took   time.Duration
	at     time.Time
}

// attempt sends a message once, signed at this moment with every secret in force.
func (s *Sender) attempt(ctx context.Context, town dossiers.Tenant, w dossiers.Webhook, d dossiers.Delivery) outcome {
	out := outcome{at: s.Now().UTC().Truncate(time.Microsecond)}
	req, err := s.request(ctx, town, w, d, out.at)
	if err != nil {
		s.Log.ErrorContext(ctx, "webhook not signed", slog.String("webhook", w.ID), slog.Any("error", err))
		out.fault = "Le message n’a pas pu être signé : le secret de cette adresse ne se lit plus. Renouvelez-le."
		return out
	}
	started := time.Now() //nolint:forbidigo // a duration, whatever the clock says
	res, err := s.Client.Do(req)
	out.took = time.Since(started)
	if err != nil {
		out.fault = faultOf(err)
		return out
	}
	defer res.Body.Close()                                           //nolint:errcheck // read only
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, answerKept)) // so that the connection serves again
	if out.status = res.StatusCode; out.status < 200 || out.status > 299 {
		out.fault = "L’adresse a répondu " + strconv.Itoa(out.status) + "."
		if out.status >= 300 && out.status < 400 {
			out.fault = "L’adresse renvoie ailleurs (" + strconv.Itoa(out.status) + ") : les redirections ne sont pas suivies."
		}
	}
	return out
}

func (s *Sender) request(ctx context.Context, town dossiers.Tenant, w dossiers.Webhook, d dossiers.Delivery, at time.Time) (*http.Request, error) {
	var secrets [][]byte
	for i, sealed := range w.Sealed {
		if i > 0 && !at.Before(w.OldUntil) {
			break
		}
		secret, err := s.Vault.Open(town, dossiers.SecretKind, w.ID, sealed)
		if err != nil {
			return nil, err
		}
		secrets = append(secrets, secret)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, bytes.NewReader(d.Body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Parapheur-Webhook/1")
	req.Header.Set(HeaderID, d.ID)
	req.Header.Set(HeaderTimestamp, strconv.FormatInt(at.Unix(), 10))
	req.Header.Set(HeaderSignature, Signature(d.ID, at, d.Body, secrets...))
	return req, nil
}

// faultOf says why no answer came, without what the other side sent.
func faultOf(err error) string {
	var timeout interface{ Timeout() bool }
	if errors.As(err, &timeout) && timeout.Timeout() {
		return "L’adresse n’a pas répondu en 15 secondes."
	}
	if refused(err) {
		return "L’adresse n’est pas de celles que le parapheur peut appeler : il faut https et un hôte public, ou un hôte autorisé par l’exploitant."
	}
	return "La connexion n’a pas pu être établie, ou a été coupée."
}

// settle says what an attempt makes of a message and of its endpoint. What was
// asked for out of turn is sent once and moves nothing.
func (s *Sender) settle(w dossiers.Webhook, d dossiers.Delivery, o outcome) (dossiers.Webhook, dossiers.Delivery) {
	d.Attempts, d.LastAt, d.Status, d.Error, d.Took, d.State = d.Attempts+1, o.at, o.status, o.fault, o.took, dossiers.DeliveryDone
	if o.fault != "" {
		d.State = dossiers.DeliveryFailed
	}
	switch {
	case d.Asked:
	case o.fault == "":
		w.Position, w.Attempts, w.DueAt = d.Seq, 0, o.at
	case o.status == http.StatusGone:
		w.Status, w.StatusAt, w.ToldAt = dossiers.WebhookGone, o.at, time.Time{}
		w.Reason = "L’adresse a répondu 410 : elle demande à ne plus être appelée."
	default:
		w.Attempts++
		wait, again := Wait(w.Attempts, s.Jitter())
		w.DueAt = o.at.Add(wait)
		if !again {
			d.State, w.Position, w.Attempts = dossiers.DeliveryDead, d.Seq, 0
			w.Status, w.StatusAt, w.ToldAt = dossiers.WebhookSuspended, o.at, time.Time{}
			w.Reason = "Dix essais en trois jours ont échoué. " + o.fault
		}
	}
	return w, d
}
