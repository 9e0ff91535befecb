package api

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"parapheur/internal/towntest"
)

// letterForm is a deposit without reference as it is sent.
func letterForm(t *testing.T) (body []byte, media string) {
	t.Helper()
	b, media := form(t, metaPart(t, map[string]any{"title": "Voirie", "recipient": "M. Dupont", "type": "courrier-simple"}), part{"document", towntest.Sample(t, sample)})
	return b.Bytes(), media
}

// underKey sends a body to deposit under a key.
func (h *hall) underKey(t *testing.T, key, media string, body io.Reader) answer {
	t.Helper()
	return h.ask(t, http.MethodPost, "/api/v1/dossiers", body, "Content-Type", media, "Idempotency-Key", key)
}

// TestARepetitionMeetsADepositUnderWay: while a deposit is being received, the
// same again is told to come back, and afterwards is answered the same. On
// another node it may overtake: then the first is the repetition.
func TestARepetitionMeetsADepositUnderWay(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	elsewhere := *h
	elsewhere.handler = New(Options{Office: h.Office, Hub: h.Hub, Log: slog.New(slog.DiscardHandler), Version: "test", Rate: 1e6, Burst: 1e6, Spool: t.TempDir()})
	body, media := letterForm(t)
	slowly := func(key string, meanwhile func()) answer {
		r, w := io.Pipe()
		var first answer
		var wg sync.WaitGroup
		wg.Go(func() { first = h.underKey(t, key, media, r) })
		if _, err := w.Write(body[:len(body)/2]); err != nil { // returns once it was read
			t.Error(err)
		}
		meanwhile()
		_, err := w.Write(body[len(body)/2:])
		if err != nil || w.Close() != nil {
			t.Error(err)
		}
		wg.Wait()
		return first
	}
	d := slowly("cle-lente-1", func() {
		again := h.underKey(t, "cle-lente-1", media, bytes.NewReader(body)).is(http.StatusConflict, "request-in-flight")
		if again.header.Get("Retry-After") != "2" {
			t.Errorf("Retry-After %q", again.header.Get("Retry-After"))
		}
		h.underKey(t, "cle-autre-1", media, bytes.NewReader(body)).is(http.StatusCreated)
	}).is(http.StatusCreated).dossier()
	if again := h.underKey(t, "cle-lente-1", media, bytes.NewReader(body)).is(http.StatusCreated); again.dossier().ID != d.ID || again.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("afterwards %s, %v", again.dossier().ID, again.header)
	}
	var overtook answer
	first := slowly("cle-lente-2", func() {
		overtook = elsewhere.underKey(t, "cle-lente-2", media, bytes.NewReader(body)).is(http.StatusCreated)
	}).is(http.StatusCreated)
	if first.dossier().ID != overtook.dossier().ID || first.header.Get("Idempotency-Replayed") != "true" || overtook.header.Get("Idempotency-Replayed") != "" {
		t.Errorf("%s, and on another node %s", first.dossier().ID, overtook.dossier().ID)
	}
	// While another node records its deposit, this one does not wait for it.
	tx, err := h.Owner(t).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	apps, err := h.Store.Applications(t.Context(), h.Tenant.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range apps {
		if _, err := tx.Exec(t.Context(), `select pg_advisory_xact_lock(hashtextextended($1 || $2 || 'cle-lente-3', 0))`, string(h.Tenant.ID), a.ID); err != nil {
			t.Fatal(err)
		}
	}
	h.underKey(t, "cle-lente-3", media, bytes.NewReader(body)).is(http.StatusConflict, "request-in-flight")
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.underKey(t, "cle-lente-3", media, bytes.NewReader(body)).is(http.StatusCreated)
}

// TestManyAtOnceUnderOneKey: of one deposit sent many times at once to several
// nodes, one dossier comes.
func TestManyAtOnceUnderOneKey(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	body, media := letterForm(t)
	var mu sync.Mutex
	made, ids := 0, map[string]bool{}
	var wg sync.WaitGroup
	for range 6 {
		node := *h
		node.handler = New(Options{Office: h.Office, Hub: h.Hub, Log: slog.New(slog.DiscardHandler), Version: "test", Rate: 1e6, Burst: 1e6, Spool: t.TempDir()})
		wg.Go(func() {
			for {
				a := node.underKey(t, "cle-ruee-1", media, bytes.NewReader(body))
				if a.status == http.StatusConflict {
					continue // under way: at once again
				}
				mu.Lock()
				defer mu.Unlock()
				ids[a.is(http.StatusCreated).dossier().ID] = true
				if a.header.Get("Idempotency-Replayed") == "" {
					made++
				}
				return
			}
		})
	}
	wg.Wait()
	if made != 1 || len(ids) != 1 {
		t.Errorf("%d made, %d dossiers", made, len(ids))
	}
}

// TestKeysOfDepositsAreKeptTwoDays: after that a key is another request's, a
// reference still meets its dossier, and the sweep forgets the key.
func TestKeysOfDepositsAreKeptTwoDays(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	body, media := letterForm(t)
	first := h.underKey(t, "cle-vieille-1", media, bytes.NewReader(body)).is(http.StatusCreated).dossier()
	named := []part{metaPart(t, map[string]any{"title": "Voirie", "recipient": "M. Dupont", "type": "courrier-simple", "external_reference": "GEC-7"}), {"document", towntest.Sample(t, sample)}}
	known := h.send(t, "cle-vieille-2", named).is(http.StatusCreated).dossier()
	later := func(d time.Duration) { h.Office.Now = func() time.Time { return time.Now().Add(d) } }
	later(47 * time.Hour)
	if again := h.underKey(t, "cle-vieille-1", media, bytes.NewReader(body)).is(http.StatusCreated); again.dossier().ID != first.ID {
		t.Error("forgotten after 47 hours")
	}
	later(49 * time.Hour)
	again := h.underKey(t, "cle-vieille-1", media, bytes.NewReader(body)).is(http.StatusCreated)
	if again.dossier().ID == first.ID || again.header.Get("Idempotency-Replayed") != "" {
		t.Error("replayed after 49 hours")
	}
	if a := h.send(t, "cle-vieille-2", named).is(http.StatusConflict, "reference-used"); a.header.Get("Location") != known.URL {
		t.Errorf("Location %q", a.header.Get("Location"))
	}
	keys := func() (n int) {
		if err := h.Owner(t).QueryRow(t.Context(), `select count(*) from idempotency where key like 'cle-vieille-%'`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if err := h.Store.Sweep(t.Context(), time.Now().Add(49*time.Hour)); err != nil || keys() != 1 { // one was taken anew
		t.Errorf("%d keys left, %v", keys(), err)
	}
	if err := h.Store.Sweep(t.Context(), time.Now().Add(98*time.Hour)); err != nil || keys() != 0 {
		t.Errorf("%d keys left, %v", keys(), err)
	}
}
