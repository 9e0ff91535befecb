package api

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limits of who is not known: what is refused is counted by address.
const (
	strangerRate  = rate.Limit(2)
	strangerBurst = 60
	ratesRoom     = 8192 // keys a generation holds
)

// rates counts requests by a key, in bounded memory: two generations, of which
// the older is dropped when the younger is full. A key in use moves to the
// younger one and keeps its bucket.
type rates struct {
	limit rate.Limit
	burst int

	mu         sync.Mutex // guards what follows
	young, old map[string]*rate.Limiter
}

// wait returns how long the key must wait, or zero if it may go on.
func (x *rates) wait(key string, now time.Time) time.Duration {
	res := x.bucket(key).ReserveN(now, 1)
	if d := res.DelayFrom(now); d > 0 {
		res.CancelAt(now)
		return d
	}
	return 0
}

func (x *rates) bucket(key string) *rate.Limiter {
	x.mu.Lock()
	defer x.mu.Unlock()
	l, ok := x.young[key]
	if ok {
		return l
	}
	if l, ok = x.old[key]; !ok {
		l = rate.NewLimiter(x.limit, x.burst)
	}
	if x.young == nil || len(x.young) >= ratesRoom {
		x.old, x.young = x.young, map[string]*rate.Limiter{}
	}
	x.young[key] = l
	return l
}
