package webhook

import (
	"context"
	"log/slog"
	"time"

	"parapheur/dossiers"
)

// Run makes rounds until ctx ends: at once for a town whose journal moved, and
// every interval for what waits. towns that moved may be told more than once,
// or not at all: the interval makes up for it.
func (s *Sender) Run(ctx context.Context, moved <-chan dossiers.TenantID, interval time.Duration) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case t := <-moved:
			_, err = s.Town(ctx, t)
		case <-tick.C:
			_, err = s.Round(ctx)
		}
		if err != nil && ctx.Err() == nil {
			s.Log.WarnContext(ctx, "webhooks", slog.Any("error", err))
		}
	}
}
