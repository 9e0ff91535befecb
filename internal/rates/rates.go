// Package rates counts requests by a key (an address, a session, a program) and
// says when one has to wait. The pages, the REST interface and the connectors
// share it.
//
// Memory is bounded: a [Table] holds two generations of buckets, of which the
// older is dropped when the younger is full. A key in use moves to the younger
// one and keeps its bucket; one that was not seen for a generation starts
// anew. The package must not know what a key is, nor answer anybody.
//
// It cannot fail. The counts are of this process: a town served by several
// nodes is given as much by each.
package rates

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Room is how many keys a generation holds.
const Room = 8192

// A Table has one bucket for each key: a burst at once, then so many a second.
// It is safe for concurrent use.
type Table struct {
	limit rate.Limit
	burst int

	mu         sync.Mutex // guards what follows
	young, old map[string]*rate.Limiter
}

// New returns a table of buckets of burst, refilled at limit a second.
func New(limit rate.Limit, burst int) *Table {
	return &Table{limit: limit, burst: burst, young: map[string]*rate.Limiter{}}
}

// Allow takes one from the key's bucket, or reports that it is empty.
func (t *Table) Allow(key string, now time.Time) bool { return t.bucket(key).AllowN(now, 1) }

// Wait takes one from the key's bucket and returns zero or, taking nothing,
// how long until there is one.
func (t *Table) Wait(key string, now time.Time) time.Duration {
	res := t.bucket(key).ReserveN(now, 1)
	if d := res.DelayFrom(now); d > 0 {
		res.CancelAt(now)
		return d
	}
	return 0
}

// Spent reports whether the key's bucket is empty, and takes nothing.
func (t *Table) Spent(key string, now time.Time) bool { return t.bucket(key).TokensAt(now) < 1 }

// Keys is how many keys are remembered, at most twice [Room].
func (t *Table) Keys() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.young) + len(t.old)
}

func (t *Table) bucket(key string) *rate.Limiter {
	t.mu.Lock()
	defer t.mu.Unlock()
	b, ok := t.young[key]
	if ok {
		return b
	}
	if b, ok = t.old[key]; !ok {
		b = rate.NewLimiter(t.limit, t.burst)
	}
	if len(t.young) >= Room {
		t.old, t.young = t.young, make(map[string]*rate.Limiter, Room)
	}
	t.young[key] = b
	return b
}
