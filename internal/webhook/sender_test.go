package webhook_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	published "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"parapheur/dossiers"
	"parapheur/internal/child"
	"parapheur/internal/demo"
	"parapheur/internal/egress"
	"parapheur/internal/towntest"
	"parapheur/internal/webhook"
	"parapheur/internal/wiring"
)

func TestMain(m *testing.M) {
	child.Main(wiring.Jobs()...)
	os.Exit(m.Run())
}

// A clock is moved by the test.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// A message is what the receiver got, verified.
type message struct {
	id   string
	body string
	dossiers.HookMessage
}

// A gec is an application that receives, and its town.
type gec struct {
	*towntest.Town
	t      *testing.T
	clock  *clock
	viewer dossiers.Viewer
	hook   dossiers.Webhook
	secret string
	draft  dossiers.ID

	mu     sync.Mutex
	got    []message
	answer func(n int, w http.ResponseWriter, r *http.Request) // n from 1; nil: 204
}

func newGEC(t *testing.T, kinds ...string) *gec {
	t.Helper()
	g := &gec{t: t, clock: &clock{now: time.Now()}}
	allow, err := egress.ParseAllow("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	g.Town = towntest.New(t, func(c *wiring.Config) { c.Egress, c.Now = allow, g.clock.Now })
	receiver := httptest.NewServer(http.HandlerFunc(g.receive))
	t.Cleanup(receiver.Close)
	ctx := t.Context()
	if g.viewer, _, err = g.Office.Authenticate(ctx, g.Tenant, g.Founded.APIKeys[demo.GEC]); err != nil {
		t.Fatal(err)
	}
	g.hook, g.secret, err = g.Office.AddWebhook(ctx, g.viewer, "", receiver.URL+"/parapheur", kinds)
	if err != nil {
		t.Fatal(err)
	}
	d, _, err := g.Office.Deposit(ctx, g.viewer, dossiers.Draft{Title: "Une lettre", Recipient: "M. Lefèvre", TypeCode: "courrier-simple", Main: g.Letter(t)})
	if err != nil {
		t.Fatal(err)
	}
	g.draft = d.ID
	return g
}

func (g *gec) receive(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		g.t.Error(err)
	}
	g.mu.Lock()
	v, err := published.NewWebhook(g.secret)
	if err == nil {
		err = v.VerifyIgnoringTimestamp(body, r.Header) // the clock is the test's
	}
	if err != nil {
		g.t.Errorf("not verified: %v", err)
	}
	m := message{id: r.Header.Get(webhook.HeaderID), body: string(body)}
	if err := json.Unmarshal(body, &m.HookMessage); err != nil {
		g.t.Error(err)
	}
	g.got = append(g.got, m)
	n, answer := len(g.got), g.answer
	g.mu.Unlock()
	if answer == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	answer(n, w, r)
}

// happen makes n more events.
func (g *gec) happen(n int) {
	g.t.Helper()
	for range n {
		note := fmt.Sprint("note ", rand.Int64())
		if _, err := g.Office.Redescribe(g.t.Context(), g.viewer, g.draft, dossiers.Redescription{Note: &note}, -1); err != nil {
			g.t.Fatal(err)
		}
	}
}

func (g *gec) round() int {
	g.t.Helper()
	n, err := g.Webhooks.Round(g.t.Context())
	if err != nil {
		g.t.Fatal(err)
	}
	return n
}

func (g *gec) now() dossiers.Webhook {
	g.t.Helper()
	w, err := g.Office.Webhook(g.t.Context(), g.viewer, g.hook.ID)
	if err != nil {
		g.t.Fatal(err)
	}
	return w
}

func (g *gec) deliveries() []dossiers.Delivery {
	g.t.Helper()
	var all []dossiers.Delivery
	for after := ""; ; {
		page, next, err := g.Office.Deliveries(g.t.Context(), g.viewer, g.hook.ID, dossiers.Page{After: after, Limit: 7})
		if err != nil {
			g.t.Fatal(err)
		}
		all = append(all, page...)
		if after = next; next == "" {
			return all
		}
	}
}

// complete checks that want events came, in order, repetitions being the same
// bytes under the same identifier.
func (g *gec) complete(want int) {
	g.t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	seen := map[int64]message{}
	last := int64(0)
	for _, m := range g.got {
		if first, ok := seen[m.Data.Seq]; ok {
			if first.id != m.id || first.body != m.body {
				g.t.Errorf("event %d came again as another message", m.Data.Seq)
			}
			if m.Data.Seq != last {
				g.t.Errorf("event %d came after %d", m.Data.Seq, last)
			}
			continue
		}
		if m.Data.Seq < last {
			g.t.Errorf("event %d came after %d", m.Data.Seq, last)
		}
		last, seen[m.Data.Seq] = m.Data.Seq, m
	}
	feed, err := g.Store.Feed(g.t.Context(), g.Tenant.ID, g.viewer.Application.ID, nil, 0, 10000)
	if err != nil {
		g.t.Fatal(err)
	}
	if len(feed) != want || len(seen) != want {
		g.t.Errorf("%d events of the journal, %d received, want %d", len(feed), len(seen), want)
	}
	for _, f := range feed {
		m, ok := seen[f.Seq]
		if !ok || m.Type != f.Kind || m.Data.Dossier != f.Dossier || m.Data.Number != f.Number || !m.Timestamp.Equal(f.At) {
			g.t.Errorf("event %d %s was received as %+v", f.Seq, f.Kind, m)
		}
	}
}

func TestEventsArriveInOrderAndThin(t *testing.T) {
	t.Parallel()
	g := newGEC(t)
	g.happen(5)
	if n := g.round(); n != 6 {
		t.Errorf("%d attempts", n)
	}
	if n := g.round(); n != 0 {
		t.Errorf("%d attempts with nothing new", n)
	}
	g.complete(6)
	m := g.got[5]
	if want := g.Tenant.Origin + "/api/v1/dossiers/" + string(g.draft); m.Data.URL != want || m.Data.State != "draft" || m.Data.Version != 1 || m.Data.Revision != 6 {
		t.Errorf("%+v", m)
	}
	if strings.Contains(m.body, "Lefèvre") || len(m.body) > 1000 {
		t.Errorf("the message says too much: %s", m.body)
	}
	if w := g.now(); w.Position != w.Head {
		t.Errorf("%+v", w)
	}
	if all := g.deliveries(); len(all) != 6 || all[0].State != dossiers.DeliveryDone || all[0].Status != 204 || all[0].Seq < all[5].Seq {
		t.Errorf("%+v", all)
	}
}

func TestOnlyTheKindsAskedFor(t *testing.T) {
	t.Parallel()
	g := newGEC(t, dossiers.KindAmended)
	g.happen(2)
	g.round()
	if len(g.got) != 2 || g.got[0].Type != dossiers.KindAmended {
		t.Errorf("%+v", g.got)
	}
	if w := g.now(); w.Position != w.Head {
		t.Errorf("what is not asked for is read again and again: %+v", w)
	}
}

// A receiver that is away for a day misses nothing, and what happened
// meanwhile comes after, in order.
func TestAReceiverDownForADay(t *testing.T) {
	t.Parallel()
	g := newGEC(t)
	g.answer = func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }
	end := g.clock.Now().Add(24 * time.Hour)
	attempts := 0
	for g.clock.Now().Before(end) {
		attempts += g.round()
		g.happen(1)
		g.clock.advance(20 * time.Minute)
	}
	if w := g.now(); w.Status != dossiers.WebhookActive || w.Attempts != attempts || attempts < 6 || attempts > 8 {
		t.Errorf("after a day, %d attempts: %+v", attempts, w)
	}
	g.mu.Lock()
	for _, m := range g.got {
		if m.id != g.got[0].id {
			t.Error("another event overtook the one that waits")
		}
	}
	g.answer = nil
	g.mu.Unlock()
	for range 20 {
		g.clock.advance(2 * time.Hour)
		g.round()
	}
	g.complete(1 + 72)
}

// After three days the message is given up, the endpoint suspended, the
// administrators told once; it goes on from there when it is made active
// again, and the dead letter can be sent.
func TestSuspensionAfterThreeDays(t *testing.T) {
	t.Parallel()
	g := newGEC(t)
	post := &letters{fail: errors.New("the mail server is away")}
	g.Webhooks.Mail = post
	g.happen(1)
	g.answer = func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }
	start := g.clock.Now()
	attempts := 0
	for range 200 {
		attempts += g.round()
		g.clock.advance(time.Hour)
		if g.now().Status != dossiers.WebhookActive {
			break
		}
	}
	w := g.now()
	if took := g.clock.Now().Sub(start); w.Status != dossiers.WebhookSuspended || attempts != 10 || took < 72*time.Hour || took > 100*time.Hour {
		t.Errorf("%d attempts, suspended after %v: %+v", attempts, took, w)
	}
	dead := g.deliveries()[0]
	if dead.State != dossiers.DeliveryDead || dead.Status != 500 || dead.Attempts != 10 {
		t.Errorf("%+v", dead)
	}
	g.round()
	if len(post.sent) != 0 || !w.ToldAt.IsZero() {
		t.Errorf("told %q", post.sent)
	}
	post.fail = nil
	g.round()
	g.round()
	if len(post.sent) != 1 || !strings.Contains(post.sent[0], demo.Administrator) || !strings.Contains(post.sent[0], "500") || g.now().ToldAt.IsZero() {
		t.Errorf("told %q", post.sent)
	}
	head, err := g.Store.JournalHead(t.Context(), g.Tenant.ID)
	if err != nil || head.Kind != "webhook.suspended" {
		t.Errorf("the journal ends with %+v, %v", head, err)
	}
	g.answer = nil
	active := true
	if _, err := g.Office.ChangeWebhook(t.Context(), g.viewer, g.hook.ID, dossiers.WebhookRequest{Active: &active}); err != nil {
		t.Fatal(err)
	}
	before := len(g.got)
	g.round()
	if got := g.got[before:]; len(got) != 1 || got[0].Type != dossiers.KindAmended {
		t.Errorf("after the suspension came %+v", got)
	}
	if err := g.Office.Redeliver(t.Context(), g.viewer, g.hook.ID, dead.ID); err != nil {
		t.Fatal(err)
	}
	g.round()
	if last := g.got[len(g.got)-1]; last.id != dead.ID || last.body != string(dead.Body) {
		t.Errorf("the dead letter came as %+v", last)
	}
}

// letters is a post office that may be closed.
type letters struct {
	fail error
	sent []string
}

// Send implements webhook.Mailer.
func (l *letters) Send(_ context.Context, to []string, subject, text string) error {
	if l.fail != nil {
		return l.fail
	}
	l.sent = append(l.sent, strings.Join(to, ",")+"\n"+subject+"\n"+text)
	return nil
}

// Whatever a bad receiver answers, the event is tried again as it was.
func TestBadReceivers(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	t.Cleanup(elsewhere.Close)
	for name, tc := range map[string]struct {
		answer http.HandlerFunc
		status int
		says   string
	}{
		"redirects": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		}, 307, "redirections"},
		"refuses": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }, 401, "401"},
		"is slow": {func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-r.Context().Done():
			case <-time.After(5 * time.Second):
			}
		}, 0, "15 secondes"},
		"cuts the line": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 0, "coupée"},
		"lies about its length": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000000")
			w.WriteHeader(http.StatusInternalServerError)
		}, 500, "500"},
		"never stops": {func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 1<<16)); err != nil {
					return
				}
			}
		}, 500, "500"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGEC(t)
			if name == "is slow" {
				g.Webhooks.Client.Timeout = 300 * time.Millisecond
			}
			g.answer = func(_ int, w http.ResponseWriter, r *http.Request) { tc.answer(w, r) }
			g.happen(1)
			if n := g.round(); n != 1 {
				t.Errorf("%d attempts", n)
			}
			d := g.deliveries()[0]
			if d.State != dossiers.DeliveryFailed || d.Status != tc.status || !strings.Contains(d.Error, tc.says) {
				t.Errorf("%+v", d)
			}
			if n := g.round(); n != 0 {
				t.Errorf("tried again at once")
			}
			g.answer = nil
			g.clock.advance(6 * time.Second)
			g.round()
			g.complete(2)
		})
	}
}

func TestGoneMeansGone(t *testing.T) {
	t.Parallel()
	g := newGEC(t)
	g.answer = func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) }
	g.round()
	g.clock.advance(100 * time.Hour)
	g.happen(1)
	if n := g.round(); n != 0 || g.now().Status != dossiers.WebhookGone {
		t.Errorf("%d attempts after 410: %+v", n, g.now())
	}
	g.answer = nil
	active := true
	if _, err := g.Office.ChangeWebhook(t.Context(), g.viewer, g.hook.ID, dossiers.WebhookRequest{Active: &active}); err != nil {
		t.Fatal(err)
	}
	g.round()
	g.complete(2)
}

// An address that became private since it was typed is not called.
func TestAnAddressThatBecamePrivateIsNotCalled(t *testing.T) {
	t.Parallel()
	g := newGEC(t)
	g.Webhooks.Client = egress.NewClient(egress.Options{})
	g.round()
	if d := g.deliveries()[0]; len(g.got) != 0 || !strings.Contains(d.Error, "hôte public") {
		t.Errorf("%d calls: %+v", len(g.got), d)
	}
	for _, url := range []string{"http://8.8.8.8/", "https://127.0.0.2/", "https://169.254.169.254/latest", "https://[::1]/", "ftp://gec.example.org/", "https://u:p@gec.example.org/", "nonsense", ""} {
		if _, _, err := g.Office.AddWebhook(t.Context(), g.viewer, "", url, nil); !errors.Is(err, dossiers.ErrInvalid) {
			t.Errorf("%q is accepted: %v", url, err)
		}
	}
}

func TestTestReplayPauseAndRotation(t *testing.T) {
	t.Parallel()
	g := newGEC(t)
	g.happen(3)
	g.round()
	ctx := t.Context()
	paused := false
	if _, err := g.Office.ChangeWebhook(ctx, g.viewer, g.hook.ID, dossiers.WebhookRequest{Active: &paused}); err != nil {
		t.Fatal(err)
	}
	g.happen(1)
	test, err := g.Office.TestWebhook(ctx, g.viewer, g.hook.ID)
	if err != nil {
		t.Fatal(err)
	}
	g.got = nil
	if n := g.round(); n != 1 || g.got[0].Type != dossiers.KindTest || g.got[0].id != test.ID || g.got[0].Data.Webhook != g.hook.ID {
		t.Errorf("%d attempts while paused: %+v", n, g.got)
	}
	active := true
	if _, err := g.Office.ChangeWebhook(ctx, g.viewer, g.hook.ID, dossiers.WebhookRequest{Active: &active}); err != nil {
		t.Fatal(err)
	}
	g.round()
	g.got = nil
	if _, err := g.Office.ReplayWebhook(ctx, g.viewer, g.hook.ID, 0); err != nil {
		t.Fatal(err)
	}
	g.round()
	g.complete(5)
	if _, err := g.Office.ReplayWebhook(ctx, g.viewer, g.hook.ID, 1<<40); !errors.Is(err, dossiers.ErrInvalid) {
		t.Errorf("replay from the future: %v", err)
	}

	old := g.secret
	_, fresh, err := g.Office.RotateWebhook(ctx, g.viewer, g.hook.ID)
	if err != nil || fresh == old {
		t.Fatal(err)
	}
	for _, s := range []string{old, fresh} { // both verify for a day
		g.secret = s
		g.happen(1)
		g.round()
	}
	g.clock.advance(25 * time.Hour)
	g.happen(1)
	g.round()
	g.mu.Lock()
	n := len(g.got)
	g.mu.Unlock()
	if n != 8 {
		t.Errorf("%d messages", n)
	}
}

// A node that is killed at any moment of a delivery, the worst being after the
// receiver took it, loses nothing and keeps the order, whoever goes on.
func TestKilledNodesLoseNothing(t *testing.T) {
	t.Parallel()
	g := newGEC(t)
	const events = 80
	var kill context.CancelFunc
	kills := 0
	g.answer = func(n int, w http.ResponseWriter, r *http.Request) {
		if n%6 == 0 {
			kills++
			kill() // before the answer: the node never learns of it
			<-r.Context().Done()
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
	g.happen(events - 1)
	for node := range 40 {
		parts := g.Webhooks.Parts
		parts.Node = fmt.Sprint("node ", node)
		ctx, cancel := context.WithCancel(t.Context())
		kill = cancel
		if _, err := webhook.New(parts).Round(ctx); err != nil && ctx.Err() == nil {
			t.Fatal(err)
		}
		cancel()
		if n, err := g.Webhooks.Round(t.Context()); kills > node && (n != 0 || err != nil) {
			t.Fatalf("the lease of a dead node was not respected: %d, %v", n, err)
		}
		g.clock.advance(2 * time.Minute)
		if w := g.now(); w.Position == w.Head {
			break
		}
	}
	g.complete(events)
	if kills < 10 || len(g.got) != events+kills {
		t.Errorf("%d nodes were killed, %d messages came", kills, len(g.got))
	}
	t.Logf("%d events, %d nodes killed while they delivered, %d messages: nothing lost, order kept", events, kills, len(g.got))
}

// Nodes that work at the same time do not send the same event, nor out of order.
func TestNodesShareTheWork(t *testing.T) {
	t.Parallel()
	g := newGEC(t)
	const events = 60
	g.happen(events - 1)
	var wg sync.WaitGroup
	for node := range 4 {
		parts := g.Webhooks.Parts
		parts.Node = fmt.Sprint("node ", node)
		wg.Go(func() {
			for range 5 {
				if _, err := webhook.New(parts).Round(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	g.complete(events)
	if len(g.got) != events {
		t.Errorf("%d messages for %d events", len(g.got), events)
	}
}

// A node that runs sends by itself: at once when it is told that a town moved,
// later when it is not; and it ends when it is stopped.
func TestANodeSendsByItself(t *testing.T) {
	t.Parallel()
	g := newGEC(t)
	arrived := make(chan struct{}, 100)
	g.answer = func(_ int, w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent)
		arrived <- struct{}{}
	}
	ctx, stop := context.WithCancel(t.Context())
	moved := make(chan dossiers.TenantID, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		g.Webhooks.Run(ctx, moved, time.Hour)
	}()
	moved <- g.Tenant.ID
	<-arrived
	stop()
	<-done
	ctx, stop = context.WithCancel(t.Context())
	done = make(chan struct{})
	go func() {
		defer close(done)
		g.Webhooks.Run(ctx, nil, 10*time.Millisecond)
	}()
	g.clock.advance(2 * time.Minute) // should the first have been stopped before it wrote down what was taken
	g.happen(1)
	<-arrived
	for w := g.now(); w.Position < w.Head; w = g.now() {
		select { // what was taken is written down a moment later
		case <-arrived:
		case <-time.After(20 * time.Millisecond):
		}
	}
	stop()
	<-done
	g.complete(2)
}

// An endpoint is of its application: another one finds nothing, and an
// application held to types is told of those only.
func TestEndpointsBelongToTheirApplication(t *testing.T) {
	t.Parallel()
	g := newGEC(t)
	ctx := t.Context()
	admin := g.Person(t, demo.Administrator).Viewer(t)
	app, err := g.Office.AddApplication(ctx, admin, "Autre", g.viewer.Application.DefaultDrafter)
	if err != nil {
		t.Fatal(err)
	}
	other := dossiers.Viewer{Tenant: g.Tenant, Application: &app}
	if _, err := g.Office.Webhook(ctx, other, g.hook.ID); !errors.Is(err, dossiers.ErrNotFound) {
		t.Errorf("another application finds the endpoint: %v", err)
	}
	for name, try := range map[string]error{
		"remove": g.Office.RemoveWebhook(ctx, other, g.hook.ID), "redeliver": g.Office.Redeliver(ctx, other, g.hook.ID, "x"),
	} {
		if !errors.Is(try, dossiers.ErrNotFound) {
			t.Errorf("%s: %v", name, try)
		}
	}
	types, err := g.Store.Types(ctx, g.Tenant.ID)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(types, func(y dossiers.Type) bool { return y.Code != "courrier-simple" })
	if err := g.Office.SetApplication(ctx, admin, g.viewer.Application.ID, dossiers.Reach{Types: []string{types[i].Code}}); err != nil {
		t.Fatal(err)
	}
	g.happen(1)
	g.round()
	if len(g.got) != 0 {
		t.Errorf("told of a type it may not touch: %+v", g.got)
	}
	if err := g.Office.RemoveWebhook(ctx, admin, g.hook.ID); err != nil {
		t.Fatal(err)
	}
	if n := g.round(); n != 0 {
		t.Errorf("%d attempts to an endpoint that is gone", n)
	}
}
