// Package heaptest measures how much memory a piece of work takes at most, for
// the tests and benchmarks that hold it to a bound, and reads without end what
// would fill a memory.
//
// What the rest of the process allocates meanwhile is counted: a test that
// holds to a bound runs alone (no t.Parallel). It is for tests: no program may
// contain it.
package heaptest

import (
	"runtime"
	"runtime/metrics"
	"time"
)

// An Endless reader gives one character for ever.
type Endless byte

// Read fills b and never fails.
func (e Endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(e)
	}
	return len(b), nil
}

// Grown returns by how many bytes the heap and the stacks in use grew at most
// while f ran.
func Grown(f func()) uint64 {
	peak := Watch()
	f()
	return peak()
}

// Watch collects what is dead, then looks every millisecond until it is asked
// by how many bytes the heap and the stacks in use grew at most.
func Watch() (peak func() uint64) {
	runtime.GC()
	before := inUse()
	asked, most := make(chan struct{}), make(chan uint64)
	go func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for highest := before; ; {
			highest = max(highest, inUse())
			select {
			case <-asked:
				most <- max(highest, inUse()) - before
				return
			case <-tick.C:
			}
		}
	}()
	return func() uint64 {
		close(asked)
		return <-most
	}
}

// inUse reads without stopping the world, as runtime.ReadMemStats would.
func inUse() (n uint64) {
	read := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/unused:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	metrics.Read(read)
	for _, s := range read {
		n += s.Value.Uint64()
	}
	return n
}
