package web

import (
	"net"
	"net/http"
	"sync"

	"golang.org/x/time/rate"
)

// Limits of ceremonies. A town hall often shares one address, so addresses
// are given much more than sessions.
const (
	addressRate   = rate.Limit(5)
	addressBurst  = 150
	sessionRate   = rate.Limit(1)
	sessionBurst  = 40
	limiterRoom   = 8192 // keys a generation holds
	formLimit     = 64 << 10
	ceremonyLimit = 256 << 10 // an attestation with its certificates fits in
)

// A limiter holds one bucket for each key, in bounded memory: two
// generations, of which the older is dropped when the younger is full. A key
// in use moves to the younger one and keeps its bucket.
type limiter struct {
	limit rate.Limit
	burst int

	mu         sync.Mutex // guards what follows
	young, old map[string]*rate.Limiter
}

func newLimiter(limit rate.Limit, burst int) *limiter {
	return &limiter{limit: limit, burst: burst, young: map[string]*rate.Limiter{}}
}

// allow takes one token of key's bucket.
func (l *limiter) allow(key string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, ok := l.young[key]
	if !ok {
		if b, ok = l.old[key]; !ok {
			b = rate.NewLimiter(l.limit, l.burst)
		}
		if len(l.young) >= limiterRoom {
			l.old, l.young = l.young, make(map[string]*rate.Limiter, limiterRoom)
		}
		l.young[key] = b
	}
	return b.Allow()
}

// remoteAddress is the client's address without its port. IPv6 clients are
// taken by /64, which is what one of them is given.
func remoteAddress(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	if ip := net.ParseIP(host); ip != nil && ip.To4() == nil {
		return ip.Mask(net.CIDRMask(64, 128)).String()
	}
	return host
}
