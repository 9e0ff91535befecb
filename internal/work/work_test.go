package work

import (
	"testing"
	"time"
)

// Quick at first, since most breakdowns are short; then every five minutes.
func TestWait(t *testing.T) {
	t.Parallel()
	for attempt, want := range map[int]time.Duration{
		0: time.Second, 1: time.Second, 2: 2 * time.Second, 3: 4 * time.Second, 9: 256 * time.Second, 10: 5 * time.Minute,
		11: 5 * time.Minute, maxAttempts: 5 * time.Minute,
	} {
		if got := wait(attempt); got != want {
			t.Errorf("after attempt %d the job waits %s, want %s", attempt, got, want)
		}
	}
}
