package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"parapheur/dossiers"
)

// TestUploadsTakeTurns: a deposit waits for a place, takes the first that is
// free, and is told when to come back when none is.
func TestUploadsTakeTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(Options{Office: &dossiers.Office{}, Log: slog.New(slog.DiscardHandler)})
		for range maxUploads {
			if err := s.turn(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		began := time.Now()
		var busy *refusal
		if err := s.turn(t.Context()); !errors.As(err, &busy) || busy.Status != http.StatusServiceUnavailable || busy.RetryAfter <= 0 || time.Since(began) != uploadQueue {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		time.AfterFunc(time.Second, func() { <-s.uploads })
		began = time.Now()
		if err := s.turn(t.Context()); err != nil || time.Since(began) != time.Second {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		gone, leave := context.WithCancel(t.Context())
		leave()
		if err := s.turn(gone); !errors.Is(err, context.Canceled) {
			t.Errorf("who left waits: %v", err)
		}
	})
}
