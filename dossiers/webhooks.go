package dossiers

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"parapheur/circuits"
)

// The kinds of the journal that are about a dossier and not about its circuit.
// Their subject is the dossier's identifier and, after a slash, what it is.
const (
	KindAmended    = "dossier.amended"    // title, recipient or note
	KindNoted      = "dossier.noted"      // somebody said something
	KindDispatched = "dossier.dispatched" // how the letter was sent
)

// KindProofFiled is the kind of the entry of a proof that was handed in for an
// act done outside: its subject is the dossier's identifier and "/proof". It is
// no event of the feed: the decision that cites the proof is.
const KindProofFiled = "proof.filed"

// KindTest is the type of the message of the test button. It is in no journal.
const KindTest = "webhook.test"

// EventKinds lists what the feed and webhooks may tell of.
func EventKinds() []string {
	return append(circuits.Kinds(), KindAmended, KindNoted, KindDispatched)
}

// A WebhookStatus says whether an endpoint is called.
type WebhookStatus string

// The statuses of an endpoint.
const (
	WebhookActive    WebhookStatus = "active"
	WebhookPaused    WebhookStatus = "paused"    // by its owner
	WebhookSuspended WebhookStatus = "suspended" // it failed for three days
	WebhookGone      WebhookStatus = "gone"      // it answered 410
)

// A Webhook is an endpoint of an application, called in the order of the
// journal: an event waits until the one before was taken, or given up.
type Webhook struct {
	ID          string
	Application string
	URL         string
	Kinds       []string // empty: every kind
	Everything  bool     // every dossier of the town
	Types       []string // of dossiers the application may see; empty: every type
	Status      WebhookStatus
	Reason      string // French: why it is not active
	StatusAt    time.Time
	ToldAt      time.Time // when administrators were told of the suspension; zero: not yet
	Position    int64     // the last entry of the journal that is behind
	Head        int64     // of the journal, when it was read
	Attempts    int       // failed, for the event after Position
	DueAt       time.Time // when that one is tried again
	CreatedAt   time.Time
	// Sealed are the secrets in force, sealed: the newest first, then the one
	// that a rotation keeps until OldUntil.
	Sealed   [][]byte
	OldUntil time.Time
}

// A DeliveryState says what became of a message.
type DeliveryState string

// The states of a delivery.
const (
	DeliveryPending DeliveryState = "pending"
	DeliveryDone    DeliveryState = "delivered"
	DeliveryFailed  DeliveryState = "failed" // tried again later, unless somebody had asked for it
	DeliveryDead    DeliveryState = "dead"   // given up
)

// A Delivery is one message to one endpoint with its last attempt.
type Delivery struct {
	ID        string // webhook-id: the same at each attempt
	Webhook   string
	Seq       int64 // in the journal; 0 for a test
	Kind      string
	Dossier   ID // empty for a test
	Body      []byte
	State     DeliveryState
	Asked     bool // out of turn, once
	Attempts  int
	CreatedAt time.Time
	LastAt    time.Time
	Status    int    // of the last answer, 0 when none came
	Error     string // why the last attempt failed
	Took      time.Duration
}

// A Webhooks keeps endpoints and their deliveries. Everything is of one town.
type Webhooks interface {
	// Webhooks lists the endpoints of an application, or of all when it is empty.
	Webhooks(ctx context.Context, t TenantID, application string) ([]Webhook, error)
	// AddWebhook starts reading after the journal's head of the moment. It
	// and the other writes are journaled under by.
	AddWebhook(ctx context.Context, t TenantID, w Webhook, by circuits.Actor, at time.Time) error
	// ChangeWebhook calls change on the endpoint, locked, and keeps what it
	// made of it under this kind of entry.
	ChangeWebhook(ctx context.Context, t TenantID, id, kind string, by circuits.Actor, at time.Time, change func(*Webhook) error) (Webhook, error)
	RemoveWebhook(ctx context.Context, t TenantID, id string, by circuits.Actor, at time.Time) error
	// AskDelivery queues a message out of turn: a new one, or again one that
	// was kept.
	AskDelivery(ctx context.Context, t TenantID, d Delivery, at time.Time) error
	// Deliveries lists those of an endpoint, newest first.
	Deliveries(ctx context.Context, t TenantID, webhook string, page Page) ([]Delivery, string, error)
}

// Secrets seals what must be kept and read again under the installation's
// master key, for one town and one record.
type Secrets interface {
	Seal(t Tenant, kind, id string, secret []byte) ([]byte, error)
	Open(t Tenant, kind, id string, sealed []byte) ([]byte, error)
}

const (
	// SecretKind is what the vault knows the secrets of webhooks by.
	SecretKind = "webhook"
	// maxWebhooks is how many endpoints an application may have.
	maxWebhooks = 10
	// rotationLife is how long two secrets sign after a rotation.
	rotationLife = 24 * time.Hour
)

// The kinds under which endpoints are journaled.
const (
	kindWebhookChanged = "webhook.changed"
	kindWebhookRotated = "webhook.rotated"
	kindWebhookRewound = "webhook.rewound"
)

// A WebhookRequest is what may be chosen of an endpoint. In a change, nil
// keeps what there is.
type WebhookRequest struct {
	URL    *string
	Kinds  []string
	Active *bool
}

// notified returns the application whose endpoints v may manage, or empty for
// an administrator, who manages all of them.
func (v Viewer) notified() (string, error) {
	if v.Application != nil {
		return v.Application.ID, nil
	}
	return "", v.administers()
}

// Webhooks lists the endpoints that v manages.
func (o *Office) Webhooks(ctx context.Context, v Viewer) ([]Webhook, error) {
	app, err := v.notified()
	if err != nil {
		return nil, err
	}
	return o.Store.Webhooks(ctx, v.Tenant.ID, app)
}

// Webhook returns one endpoint that v manages, or ErrNotFound.
func (o *Office) Webhook(ctx context.Context, v Viewer, id string) (Webhook, error) {
	all, err := o.Webhooks(ctx, v)
	if err != nil {
		return Webhook{}, err
	}
	for _, w := range all {
		if w.ID == id {
			return w, nil
		}
	}
	return Webhook{}, fmt.Errorf("webhook %s: %w", id, ErrNotFound)
}

// AddWebhook makes an endpoint of an application, called for what happens from
// now on. Its secret, "whsec_…", is answered once.
func (o *Office) AddWebhook(ctx context.Context, v Viewer, application, url string, kinds []string) (Webhook, string, error) {
	app, err := v.notified()
	if err != nil {
		return Webhook{}, "", err
	}
	if app == "" {
		app = application
	}
	if err := o.checkHook(url, kinds); err != nil {
		return Webhook{}, "", err
	}
	apps, err := o.Store.Applications(ctx, v.Tenant.ID)
	if err != nil {
		return Webhook{}, "", err
	}
	if !slices.ContainsFunc(apps, func(a Application) bool { return a.ID == app }) {
		return Webhook{}, "", fmt.Errorf("application %s: %w", app, ErrNotFound)
	}
	there, err := o.Store.Webhooks(ctx, v.Tenant.ID, app)
	if err != nil {
		return Webhook{}, "", err
	}
	if len(there) >= maxWebhooks {
		return Webhook{}, "", &InvalidError{"url", fmt.Sprintf("Une application a au plus %d adresses de notification.", maxWebhooks)}
	}
	id, err := o.newID()
	if err != nil {
		return Webhook{}, "", err
	}
	secret, sealed, err := o.hookSecret(v.Tenant, id)
	if err != nil {
		return Webhook{}, "", err
	}
	w := Webhook{
		ID: id, Application: app, URL: url, Kinds: kinds, Everything: v.All, Status: WebhookActive, StatusAt: o.wall(),
		DueAt: o.wall(), CreatedAt: o.wall(), Sealed: [][]byte{sealed},
	}
	if err := o.Store.AddWebhook(ctx, v.Tenant.ID, w, v.Actor(""), o.now()); err != nil {
		return Webhook{}, "", err
	}
	w, err = o.Webhook(ctx, v, id)
	return w, secret, err
}

// checkHook checks what may be typed in. The network checks the address again
// each time it is called: names change.
func (o *Office) checkHook(url string, kinds []string) error {
	if len(url) > 2000 {
		return &InvalidError{"url", "Cette adresse est trop longue."}
	}
	if err := o.CheckURL(url); err != nil {
		return &InvalidError{"url", "Cette adresse ne peut pas être appelée : il faut https et un hôte public, ou un hôte que l’exploitant a autorisé."}
	}
	return checkKinds(kinds)
}

func checkKinds(kinds []string) error {
	for _, k := range kinds {
		if !slices.Contains(EventKinds(), k) {
			return &InvalidError{"types", "Un des types d’évènement n’existe pas."}
		}
	}
	return nil
}

// hookSecret draws a secret, in the form of Standard Webhooks, and seals it.
func (o *Office) hookSecret(t Tenant, id string) (shown string, sealed []byte, err error) {
	raw := make([]byte, 32)
	if _, err := io.ReadFull(o.Rand, raw); err != nil {
		return "", nil, fmt.Errorf("draw a webhook secret: %w", err)
	}
	defer clear(raw)
	if sealed, err = o.Vault.Seal(t, SecretKind, id, raw); err != nil {
		return "", nil, fmt.Errorf("seal a webhook secret: %w", err)
	}
	return "whsec_" + base64.StdEncoding.EncodeToString(raw), sealed, nil
}

// ChangeWebhook changes an endpoint. Made active again, it goes on where it
// stopped, at once.
func (o *Office) ChangeWebhook(ctx context.Context, v Viewer, id string, r WebhookRequest) (Webhook, error) {
	w, err := o.Webhook(ctx, v, id)
	if err != nil {
		return w, err
	}
	url := w.URL
	if r.URL != nil {
		url = *r.URL
	}
	if err := o.checkHook(url, r.Kinds); err != nil {
		return w, err
	}
	return o.Store.ChangeWebhook(ctx, v.Tenant.ID, id, kindWebhookChanged, v.Actor(""), o.now(), func(w *Webhook) error {
		w.URL = url
		if r.Kinds != nil {
			w.Kinds = r.Kinds
		}
		if r.Active != nil && *r.Active != (w.Status == WebhookActive) {
			w.Status, w.Reason, w.StatusAt, w.ToldAt = WebhookPaused, "Mise en pause.", o.wall(), time.Time{}
			if *r.Active {
				w.Status, w.Reason = WebhookActive, ""
			}
		}
		w.Attempts, w.DueAt = 0, o.wall()
		return nil
	})
}

// RotateWebhook gives an endpoint a new secret, answered once. Messages carry
// the signatures of both for a day: the receiver changes without losing one.
func (o *Office) RotateWebhook(ctx context.Context, v Viewer, id string) (Webhook, string, error) {
	if _, err := o.Webhook(ctx, v, id); err != nil {
		return Webhook{}, "", err
	}
	secret, sealed, err := o.hookSecret(v.Tenant, id)
	if err != nil {
		return Webhook{}, "", err
	}
	w, err := o.Store.ChangeWebhook(ctx, v.Tenant.ID, id, kindWebhookRotated, v.Actor(""), o.now(), func(w *Webhook) error {
		w.Sealed, w.OldUntil = [][]byte{sealed, w.Sealed[0]}, o.wall().Add(rotationLife)
		return nil
	})
	return w, secret, err
}

// RemoveWebhook ends an endpoint with its deliveries.
func (o *Office) RemoveWebhook(ctx context.Context, v Viewer, id string) error {
	if _, err := o.Webhook(ctx, v, id); err != nil {
		return err
	}
	return o.Store.RemoveWebhook(ctx, v.Tenant.ID, id, v.Actor(""), o.now())
}

// ReplayWebhook sends again everything after an entry of the journal, in
// order. Messages keep their identifiers: what was received before is known
// by them.
func (o *Office) ReplayWebhook(ctx context.Context, v Viewer, id string, after int64) (Webhook, error) {
	if _, err := o.Webhook(ctx, v, id); err != nil {
		return Webhook{}, err
	}
	return o.Store.ChangeWebhook(ctx, v.Tenant.ID, id, kindWebhookRewound, v.Actor(""), o.now(), func(w *Webhook) error {
		if after < 0 || after > w.Head {
			return &InvalidError{"after", "Ce point n’existe pas encore dans le journal."}
		}
		w.Position, w.Attempts, w.DueAt = after, 0, o.wall()
		return nil
	})
}

// TestWebhook sends a message that is about nothing, once, even to an endpoint
// that is not active.
func (o *Office) TestWebhook(ctx context.Context, v Viewer, id string) (Delivery, error) {
	if _, err := o.Webhook(ctx, v, id); err != nil {
		return Delivery{}, err
	}
	random := make([]byte, 16)
	if _, err := io.ReadFull(o.Rand, random); err != nil {
		return Delivery{}, fmt.Errorf("draw a message: %w", err)
	}
	now := o.wall()
	body, err := json.Marshal(HookMessage{Type: KindTest, Timestamp: now, Data: HookData{Webhook: id}, Sandbox: v.Tenant.Sandbox()})
	if err != nil {
		return Delivery{}, fmt.Errorf("write a message: %w", err)
	}
	d := Delivery{ID: "msg_" + hex.EncodeToString(random), Webhook: id, Kind: KindTest, Body: body, State: DeliveryPending, Asked: true, CreatedAt: now}
	return d, o.Store.AskDelivery(ctx, v.Tenant.ID, d, now)
}

// Redeliver sends one message again, once, out of turn.
func (o *Office) Redeliver(ctx context.Context, v Viewer, id, message string) error {
	if _, err := o.Webhook(ctx, v, id); err != nil {
		return err
	}
	return o.Store.AskDelivery(ctx, v.Tenant.ID, Delivery{ID: message, Webhook: id}, o.wall())
}

// Deliveries lists the messages of an endpoint, newest first.
func (o *Office) Deliveries(ctx context.Context, v Viewer, id string, p Page) ([]Delivery, string, error) {
	if _, err := o.Webhook(ctx, v, id); err != nil {
		return nil, "", err
	}
	return o.Store.Deliveries(ctx, v.Tenant.ID, id, clamp(p))
}

// A HookMessage is the body of a message (Standard Webhooks): thin, so that
// nothing personal is sent to an address; the receiver reads the rest back.
type HookMessage struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      HookData  `json:"data"`
	// Sandbox says that nothing in it is worth anything.
	Sandbox bool `json:"sandbox,omitempty"`
}

// HookData names what the message is about.
type HookData struct {
	Webhook           string `json:"webhook,omitempty"` // of a test
	Seq               int64  `json:"seq,omitempty"`     // in the journal of the town
	Dossier           ID     `json:"dossier,omitempty"`
	Number            int64  `json:"number,omitempty"`
	ExternalReference string `json:"external_reference,omitempty"`
	State             string `json:"state,omitempty"`   // phase when the message was written
	Version           int    `json:"version,omitempty"` // of the document, likewise
	Revision          int    `json:"revision,omitempty"`
	URL               string `json:"url,omitempty"` // to read the dossier back
}

// NewDelivery writes the message about one entry of the journal. Its
// identifier depends on the endpoint and the entry alone: a message written
// twice is the same to its receiver.
func NewDelivery(t Tenant, w Webhook, e FeedEntry, d Dossier, now time.Time) (Delivery, error) {
	body, err := json.Marshal(HookMessage{Sandbox: t.Sandbox(), Type: e.Kind, Timestamp: e.At, Data: HookData{
		Seq: e.Seq, Dossier: d.ID, Number: d.Number, ExternalReference: d.ExternalReference, State: string(d.State.Phase),
		Version: d.State.Version, Revision: d.Rev(), URL: t.Origin + "/api/v1/dossiers/" + string(d.ID),
	}})
	if err != nil {
		return Delivery{}, fmt.Errorf("write message %d: %w", e.Seq, err)
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%d", t.SIRET, w.ID, e.Seq))
	return Delivery{
		ID: "msg_" + hex.EncodeToString(sum[:16]), Webhook: w.ID, Seq: e.Seq, Kind: e.Kind, Dossier: d.ID, Body: body,
		State: DeliveryPending, CreatedAt: now,
	}, nil
}
