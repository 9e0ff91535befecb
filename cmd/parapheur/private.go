package main

import (
	"context"
	"log/slog"
	"time"

	"parapheur/internal/pgdev"
)

// keepUp holds the private PostgreSQL of the demonstration up: killed, it is
// started again on the same data, and the node finds it at the same address.
// It returns what ends both.
func keepUp(ctx context.Context, pg *pgdev.Server, o pgdev.Options, log *slog.Logger) (stop func()) {
	// Requests under way when ctx ends still need the database: only stop ends it.
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for pg != nil {
			select {
			case <-ctx.Done():
				if err := pg.Stop(); err != nil {
					log.WarnContext(ctx, "stop the private PostgreSQL", slog.String("error", err.Error()))
				}
				return
			case <-pg.Done():
				log.WarnContext(ctx, "the private PostgreSQL ended, starting it again")
				pg = startAgain(ctx, o, log)
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// startAgain tries until it works, or answers nil when ctx ends.
func startAgain(ctx context.Context, o pgdev.Options, log *slog.Logger) *pgdev.Server {
	for {
		pg, err := pgdev.Start(ctx, o)
		if err == nil {
			return pg
		}
		if ctx.Err() == nil {
			log.ErrorContext(ctx, "the private PostgreSQL does not start", slog.String("error", err.Error()))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second):
		}
	}
}
