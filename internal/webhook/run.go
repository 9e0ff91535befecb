package webhook

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"parapheur/dossiers"
)

// together is how many endpoints a node calls at the same time: one that
// answers slowly does not keep the others waiting.
const together = 4

// Run works until ctx ends: at once for a town whose journal moved, and every
// interval for what waits. A town that moved may be told more than once, or
// not at all: the interval makes up for it. It returns once nothing is under
// way any more.
func (s *Sender) Run(ctx context.Context, moved <-chan dossiers.TenantID, interval time.Duration) {
	towns := make(chan dossiers.TenantID)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer close(towns)
	for range together {
		wg.Go(func() {
			for t := range towns {
				_, err := s.Town(ctx, t)
				s.warn(ctx, err)
			}
		})
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		var due []dossiers.TenantID
		select {
		case <-ctx.Done():
			return
		case t := <-moved:
			due = append(due, t)
		case <-tick.C:
			var err error
			due, err = s.Store.WebhookTowns(ctx)
			s.warn(ctx, err)
		}
		for _, t := range due {
			select {
			case <-ctx.Done():
				return
			case towns <- t:
			}
		}
	}
}

func (s *Sender) warn(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil {
		s.Log.WarnContext(ctx, "webhooks", slog.Any("error", err))
	}
}
