package live

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

func TestEventsReachTheirTownInOrder(t *testing.T) {
	t.Parallel()
	h := NewHub()
	here, cancel := h.Subscribe("saint-aubin")
	defer cancel()
	other, cancelOther := h.Subscribe("ailleurs")
	defer cancelOther()
	for seq := int64(1); seq <= backlog; seq++ {
		h.Publish("saint-aubin", Event{Seq: seq, Dossier: "d", Kind: "dossier.signed"})
	}
	for seq := int64(1); seq <= backlog; seq++ {
		if got, want := <-here, (Event{Seq: seq, Dossier: "d", Kind: "dossier.signed"}); got != want {
			t.Fatalf("got %+v, want %+v", got, want)
		}
	}
	if len(other) != 0 {
		t.Errorf("another town heard %d events", len(other))
	}
}

func TestSlowSubscriberIsToldToReadAgain(t *testing.T) {
	t.Parallel()
	h := NewHub()
	slow, cancel := h.Subscribe("t")
	defer cancel()
	const published = 3 * backlog
	for seq := int64(1); seq <= published; seq++ {
		h.Publish("t", Event{Seq: seq, Kind: "k"}) // a plain channel would block here
	}
	h.Resync()
	for seq := int64(1); seq <= backlog; seq++ {
		if got := <-slow; got != (Event{Seq: seq, Kind: "k"}) {
			t.Fatalf("got %+v, want entry %d", got, seq)
		}
	}
	if got, want := <-slow, (Event{Seq: backlog + 1, Kind: Resync}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if len(slow) != 0 {
		t.Errorf("%d events wait after the resync", len(slow))
	}
	h.Publish("t", Event{Seq: published + 1, Kind: "k"})
	if got := <-slow; got.Seq != published+1 {
		t.Errorf("got %+v once it caught up", got)
	}
}

func TestResyncReachesEveryTown(t *testing.T) {
	t.Parallel()
	h := NewHub()
	a, cancelA := h.Subscribe("a")
	defer cancelA()
	b, cancelB := h.Subscribe("b")
	defer cancelB()
	h.Resync()
	for _, ch := range []<-chan Event{a, b} {
		if got := <-ch; got != (Event{Kind: Resync}) {
			t.Errorf("got %+v", got)
		}
	}
}

func TestCancelEndsASubscriptionOnce(t *testing.T) {
	t.Parallel()
	h := NewHub()
	ch, cancel := h.Subscribe("t")
	cancel()
	cancel()
	if _, open := <-ch; open {
		t.Error("the channel is open after cancel")
	}
	h.Publish("t", Event{Seq: 1}) // would panic on a closed channel still listed
	if len(h.towns) != 0 {
		t.Errorf("%d towns kept with nobody listening", len(h.towns))
	}
}

func TestCloseEndsThoseWhoWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := NewHub()
		ch, cancel := h.Subscribe("t")
		ended := false
		go func() {
			for range ch {
			}
			ended = true
		}()
		synctest.Wait()
		if ended {
			t.Fatal("ended before Close")
		}
		h.Close()
		synctest.Wait()
		if !ended {
			t.Error("still waits after Close")
		}
		cancel()
		h.Publish("t", Event{Seq: 1})
		late, cancelLate := h.Subscribe("t")
		defer cancelLate()
		if _, open := <-late; open {
			t.Error("a closed hub hands out an open channel")
		}
	})
}

// TestManySubscribers mixes everything at once, for the race detector, and
// checks that no subscriber misses something without being told.
func TestManySubscribers(t *testing.T) {
	t.Parallel()
	const events, readers = 2000, 8
	h := NewHub()
	var ready, done sync.WaitGroup
	var head atomic.Int64 // stands for the journal: written before it is told
	faults := make(chan string, readers)
	for range readers {
		ready.Add(1)
		done.Go(func() {
			ch, cancel := h.Subscribe("t")
			defer cancel()
			ready.Done()
			var last int64
			for e := range ch {
				if e.Seq <= last {
					continue // read already, after a resync
				}
				if e.Kind != Resync && e.Seq != last+1 {
					faults <- fmt.Sprintf("%d after %d with no resync", e.Seq, last)
					return
				}
				if last = e.Seq; e.Kind == Resync {
					last = head.Load()
				}
				if last == events {
					return
				}
			}
		})
	}
	ready.Wait()
	for seq := int64(1); seq <= events; seq++ {
		head.Store(seq)
		h.Publish("t", Event{Seq: seq, Kind: "k"})
	}
	done.Wait()
	close(faults)
	for f := range faults {
		t.Error(f)
	}
}
