// Package live tells those who wait that something moved in their town: open
// pages over SSE, and applications in a long poll of the event feed.
//
//	PostgreSQL NOTIFY ─▶ listener (internal/postgres) ─▶ Hub.Publish ─▶ one channel for each subscriber
//
// It says which dossier and at which entry of the journal, never what: whoever
// hears an event asks again, so rights are checked where answers are served.
// The package must not know PostgreSQL, HTTP, or who may see what.
//
// # Failure handling
//
// An event is a hint and the journal is the truth, so events may be lost as
// long as the loss is told. A subscriber too slow to keep up loses what was
// queued for it and finds one event of kind [Resync] instead; so does everyone
// when the listener lost its connection and calls [Hub.Resync]. Publishing
// never waits for a subscriber. Nothing here fails.
package live

import (
	"sync"

	"parapheur/dossiers"
)

// Resync is the kind of an event which says that others were lost: read again
// from the last entry you know. Its Dossier is empty; its Seq is that of the
// first entry lost, or 0 when that is not known.
const Resync = "resync"

// backlog is how many events wait for a subscriber before it is told to read
// again instead. A batch of signatures fits in.
const backlog = 64

// An Event says that entry Seq of a town's journal is about Dossier.
type Event struct {
	Seq     int64  `json:"seq"`
	Dossier string `json:"dossier,omitempty"`
	Kind    string `json:"kind"` // of the entry ("dossier.signed"), or Resync
}

// A Hub hands events to subscribers. It is safe for concurrent use; make it
// with NewHub.
type Hub struct {
	mu     sync.Mutex // guards every field, those of subscribers, and every send and close
	towns  map[dossiers.TenantID]map[*subscriber]struct{}
	closed bool
}

// A subscriber is one channel with its state.
type subscriber struct {
	events chan Event // room for backlog, and one more for the Resync that ends it
	behind bool       // a Resync is the last thing in events, or was
}

// NewHub returns a Hub that nobody listens to yet.
func NewHub() *Hub { return &Hub{towns: map[dossiers.TenantID]map[*subscriber]struct{}{}} }

// Subscribe returns the events of town t published from now on, in the order
// of publication. The channel is closed by cancel, which may be called more
// than once, or when the hub closes. Subscribe first and read the journal
// next: the other way round loses what happens in between.
func (h *Hub) Subscribe(t dossiers.TenantID) (events <-chan Event, cancel func()) {
	s := &subscriber{events: make(chan Event, backlog+1)}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		close(s.events)
		return s.events, func() {}
	}
	if h.towns[t] == nil {
		h.towns[t] = map[*subscriber]struct{}{}
	}
	h.towns[t][s] = struct{}{}
	return s.events, func() { h.leave(t, s) }
}

// Publish tells the subscribers of town t. It does not wait for them.
func (h *Hub) Publish(t dossiers.TenantID, e Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for s := range h.towns[t] {
		s.offer(e)
	}
}

// Resync tells every subscriber of every town that events may have been lost,
// for a listener that connects again.
func (h *Hub) Resync() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, town := range h.towns {
		for s := range town {
			s.offer(Event{Kind: Resync})
		}
	}
}

// Close ends every subscription, so that the requests which wait can end: call
// it when the server shuts down. Whoever subscribes later gets a closed
// channel.
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for _, town := range h.towns {
		for s := range town {
			close(s.events)
		}
	}
	clear(h.towns)
}

// leave ends one subscription.
func (h *Hub) leave(t dossiers.TenantID, s *subscriber) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.towns[t][s]; !ok {
		return
	}
	delete(h.towns[t], s)
	if len(h.towns[t]) == 0 {
		delete(h.towns, t)
	}
	close(s.events)
}

// offer queues e, or a Resync in the place kept for it. While that Resync
// waits to be received, what follows may be dropped: reading again comes
// after. The hub is locked, so only the subscriber changes the length
// meanwhile, downwards: no send blocks.
func (s *subscriber) offer(e Event) {
	switch n := len(s.events); {
	case s.behind && n > 0:
		return
	case n < backlog:
		s.behind = e.Kind == Resync
		s.events <- e
	default:
		s.behind = true
		s.events <- Event{Seq: e.Seq, Kind: Resync}
	}
}
