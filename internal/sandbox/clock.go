package sandbox

import (
	"sync/atomic"
	"time"

	"parapheur/dossiers"
)

// A Clock is the real one and how far it was moved. It is safe for concurrent
// use.
type Clock struct {
	real  func() time.Time
	ahead atomic.Int64 // nanoseconds
}

var _ dossiers.SandboxClock = (*Clock)(nil)

// NewClock returns the real clock, moved by nothing yet.
func NewClock(real func() time.Time) *Clock { return &Clock{real: real} }

// Now is the time of the sandbox.
func (c *Clock) Now() time.Time { return c.real().Add(c.Ahead()) }

// Ahead is how far it is ahead of the real clock.
func (c *Clock) Ahead() time.Duration { return time.Duration(c.ahead.Load()) }

// Move sets how far it is ahead, unless it is further already: what another
// node kept, or this one, may be told late.
func (c *Clock) Move(ahead time.Duration) {
	for {
		before := c.ahead.Load()
		if int64(ahead) <= before || c.ahead.CompareAndSwap(before, int64(ahead)) {
			return
		}
	}
}
