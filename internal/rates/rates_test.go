package rates_test

import (
	"strconv"
	"testing"
	"time"

	"parapheur/internal/rates"
)

func noon() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) }

func TestABurstThenOneASecond(t *testing.T) {
	t.Parallel()
	x, now := rates.New(1, 2), noon()
	if !x.Allow("a", now) || x.Wait("a", now) != 0 || x.Allow("a", now) {
		t.Error("a burst of two was not two")
	}
	if wait := x.Wait("a", now); wait != time.Second {
		t.Errorf("the next one in %v, want 1s", wait)
	}
	if !x.Spent("a", now) || x.Spent("a", now.Add(time.Second)) || !x.Allow("a", now.Add(time.Second)) {
		t.Error("a second did not give one back, or asking took it")
	}
	if x.Spent("b", now) {
		t.Error("another key paid for it")
	}
}

func TestMemoryIsBoundedAndAKeyInUseIsKept(t *testing.T) {
	t.Parallel()
	x, now := rates.New(0, 1), noon()
	x.Allow("spent", now)
	for i := range 3 * rates.Room {
		x.Allow(strconv.Itoa(i), now)
		if i%100 == 0 && x.Allow("spent", now) {
			t.Fatalf("forgotten after %d keys although it is in use", i)
		}
	}
	if n := x.Keys(); n > 2*rates.Room {
		t.Errorf("%d keys remembered", n)
	}
}
