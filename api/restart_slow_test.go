//go:build slow

package api

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parapheur/api/client"
	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/egress"
	"parapheur/internal/towntest"
	"parapheur/internal/wiring"
	"parapheur/journal"
)

const (
	restartDeposits = 36
	restartAtOnce   = 4
	// restartEvery is how many deposits come through between two ends of the
	// database: with less, there would be no end to it.
	restartEvery = 5
)

// A mailbox takes webhooks: each message once, those of a letter in the order
// in which they first came.
type mailbox struct {
	mu    sync.Mutex
	seen  map[string]bool
	kinds map[string][]string
	again int
	moved chan struct{}
}

func (m *mailbox) open(t *testing.T) (url string, verify func(secret string)) {
	t.Helper()
	var verifier *client.Verifier
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		message, verr := verifier.Verify(r.Header, body, time.Now())
		if err != nil || verr != nil {
			t.Errorf("a call: %v, %v", err, verr)
			return
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.seen[message.ID] {
			m.again++
		} else {
			m.seen[message.ID] = true
			m.kinds[message.Data.Dossier] = append(m.kinds[message.Data.Dossier], message.Type)
		}
		w.WriteHeader(http.StatusNoContent)
		select {
		case m.moved <- struct{}{}:
		default:
		}
	}))
	t.Cleanup(receiver.Close)
	return receiver.URL, func(secret string) {
		var err error
		if verifier, err = client.NewVerifier(secret); err != nil {
			t.Fatal(err)
		}
	}
}

// await returns once n letters were told of with two messages each.
func (m *mailbox) await(t *testing.T, n int) {
	t.Helper()
	limit := time.NewTimer(2 * time.Minute)
	defer limit.Stop()
	for {
		m.mu.Lock()
		all := len(m.seen)
		m.mu.Unlock()
		if all >= 2*n {
			return
		}
		select {
		case <-m.moved:
		case <-limit.C:
			t.Fatalf("%d messages of %d came", all, 2*n)
		}
	}
}

type atTown struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (a atTown) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Host = strings.TrimPrefix(towntest.Origin, "http://")
	return a.RoundTripper.RoundTrip(r)
}

// newRestarted is a town over a database that will be ended, with its
// interface behind a listener and the client of an application.
func newRestarted(t *testing.T, dsn string) (*towntest.Town, *client.Client) {
	t.Helper()
	allow, err := egress.ParseAllow("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	town := towntest.On(t, dsn, func(c *wiring.Config) { c.Egress, c.Outward.Rounds = allow, 200*time.Millisecond })
	server := httptest.NewServer(New(Options{Office: town.Office, Hub: town.Hub, Log: slog.New(slog.DiscardHandler), Version: "test", Rate: 1e6, Burst: 1e6, Spool: t.TempDir()}))
	t.Cleanup(server.Close)
	return town, &client.Client{
		URL: server.URL, Key: town.Founded.APIKeys[demo.GEC], HTTP: &http.Client{Transport: atTown{http.DefaultTransport.(*http.Transport).Clone()}}, Attempts: 500,
		Sleep: func(ctx context.Context, d time.Duration) error { // sooner than it is asked to: the more often it meets an end
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(min(d, 50*time.Millisecond)):
				return nil
			}
		},
	}
}

// TestDatabaseEndsDuringDeposits: PostgreSQL is ended without notice again and
// again while letters are deposited by a client that repeats what was cut
// under the same key. In the end each letter is there, once, with its webhooks
// in order, and the journal holds.
func TestDatabaseEndsDuringDeposits(t *testing.T) {
	t.Parallel()
	pg, dsn := towntest.NewLasting(t)
	town, gec := newRestarted(t, dsn)
	box := &mailbox{seen: map[string]bool{}, kinds: map[string][]string{}, moved: make(chan struct{}, 1)}
	url, verify := box.open(t)
	_, secret, err := gec.AddWebhook(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	verify(secret)

	letter := towntest.Sample(t, sample)
	answered := make([]string, restartDeposits)
	var done atomic.Int64
	progress := make(chan struct{}, restartDeposits)
	var wg sync.WaitGroup
	next := make(chan int)
	for range restartAtOnce {
		wg.Go(func() {
			for n := range next {
				d, err := gec.Deposit(t.Context(), fmt.Sprintf("coupure-%d", n), client.Letter{
					Title: fmt.Sprint("Lettre ", n), Recipient: "M. Dupont", Type: "courrier-simple", Document: client.Bytes("lettre.pdf", letter),
				})
				if err != nil {
					t.Errorf("letter %d: %v", n, err)
				}
				answered[n] = d.ID
				done.Add(1)
				progress <- struct{}{}
			}
		})
	}
	ends := make(chan int)
	go func() {
		n := 0
		defer func() { ends <- n }()
		for done.Load() < restartDeposits-restartAtOnce {
			for range restartEvery {
				<-progress
			}
			if n++; n%2 == 0 {
				pg.Kill(t)
			} else {
				pg.Quit(t)
			}
			pg.Start(t)
		}
	}()
	for n := range restartDeposits {
		next <- n
	}
	close(next)
	wg.Wait()
	ended := <-ends
	box.await(t, restartDeposits)
	counted(t, town, gec, box, answered)
	t.Logf("%d letters, %d ends of the database, %d messages that came again", restartDeposits, ended, box.again)
	if ended < 5 {
		t.Errorf("the database was ended %d times only", ended)
	}
}

// counted holds the town, the answers and the messages against one another.
func counted(t *testing.T, town *towntest.Town, gec *client.Client, box *mailbox, answered []string) {
	t.Helper()
	listed := map[string]string{}
	for d, err := range gec.Dossiers(t.Context(), client.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		listed[d.ID] = d.Title
	}
	if len(listed) != restartDeposits {
		t.Errorf("%d letters in the town", len(listed))
	}
	for n, id := range answered {
		if listed[id] != fmt.Sprint("Lettre ", n) {
			t.Errorf("letter %d was answered as %s, which is %q", n, id, listed[id])
		}
		if got := box.kinds[id]; !slices.Equal(got, []string{"dossier.deposited", "dossier.started"}) {
			t.Errorf("letter %d was told of as %v", n, got)
		}
		d, err := town.Store.Dossier(t.Context(), town.Tenant.ID, dossiers.ID(id))
		if err != nil {
			t.Fatal(err)
		}
		doc := town.Read(t, town.Person(t, demo.Drafter).Viewer(t), d.ID, 1, "approved")
		if !bytes.Equal(doc, towntest.Sample(t, sample)) {
			t.Errorf("letter %d has %d bytes", n, len(doc))
		}
	}
	var after int64
	entries := func(yield func(journal.Entry, error) bool) {
		for {
			page, err := town.Store.Journal(t.Context(), town.Tenant.ID, after, 200)
			for _, e := range page {
				after = e.Seq
				if !yield(e, nil) {
					return
				}
			}
			if err != nil {
				yield(journal.Entry{}, err)
			}
			if err != nil || len(page) == 0 {
				return
			}
		}
	}
	head, err := journal.Verify(journal.Genesis(town.Tenant.SIRET), iter.Seq2[journal.Entry, error](entries))
	if last, lerr := town.Store.JournalHead(t.Context(), town.Tenant.ID); err != nil || lerr != nil || head.Hash != last.Hash || head.Seq < 2*restartDeposits {
		t.Errorf("the journal ends at %d, %v, %v", head.Seq, err, lerr)
	}
}
