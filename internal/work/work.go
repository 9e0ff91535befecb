// Package work runs the slow and fallible work that decisions leave behind,
// as jobs enqueued in the deciding transaction: today the sealing of signed
// steps, and the sweep of expired ceremonies and sessions.
//
//	Office.FinishDecision ─ one transaction ─▶ state, evidence, journal, job
//	                                                                   │
//	                              Seal worker ─▶ Office.Seal ◀─────────┘ any node, any number of times
//
// It must hold no rule: what may be sealed, and what is already, is said by
// the state. # Failure handling: a job that fails is tried again with growing
// waits, for ever while a timestamp is missing; the jobs of a node that died
// are rescued by the others, or by itself when it comes back.
package work

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"parapheur/dossiers"
)

// SealArgs names the dossier whose Sealing step waits for its key.
type SealArgs struct {
	Tenant  dossiers.TenantID `json:"tenant"`
	Dossier dossiers.ID       `json:"dossier"`
}

// Kind implements river.JobArgs.
func (SealArgs) Kind() string { return "seal" }

// Queue enqueues jobs. It is a postgres.Enqueuer.
type Queue struct {
	client *river.Client[pgx.Tx]
}

// Options are how the jobs of a node run.
type Options struct {
	Log     *slog.Logger
	Workers int // at the same time on this node; 0 enqueues only
	// RescueAfter is when a job that runs for so long is taken for dead; 0 is
	// two minutes.
	RescueAfter time.Duration
	// PollInterval is how often the queue is read when no notification comes;
	// 0 is one second.
	PollInterval time.Duration
}

// sealTimeout bounds one run of a sealing job.
const sealTimeout = time.Minute

// New returns the queue of a node. Attach an Office before Start.
func New(pool *pgxpool.Pool, office func() *dossiers.Office, o Options) (*Queue, error) {
	if o.RescueAfter == 0 {
		o.RescueAfter = 2 * time.Minute
	}
	if o.PollInterval == 0 {
		o.PollInterval = time.Second
	}
	cfg := &river.Config{Logger: o.Log, RescueStuckJobsAfter: o.RescueAfter, FetchPollInterval: o.PollInterval, FetchCooldown: 10 * time.Millisecond, JobTimeout: sealTimeout}
	if o.Workers > 0 {
		workers := river.NewWorkers()
		if err := river.AddWorkerSafely(workers, &sealer{office: office, log: o.Log}); err != nil {
			return nil, fmt.Errorf("workers: %w", err)
		}
		cfg.Workers = workers
		cfg.Queues = map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: o.Workers}}
	}
	client, err := river.NewClient(riverpgxv5.New(pool), cfg)
	if err != nil {
		return nil, fmt.Errorf("job queue: %w", err)
	}
	return &Queue{client: client}, nil
}

// EnqueueSeal implements postgres.Enqueuer.
func (q *Queue) EnqueueSeal(ctx context.Context, tx pgx.Tx, t dossiers.TenantID, id dossiers.ID) error {
	_, err := q.client.InsertTx(ctx, tx, SealArgs{Tenant: t, Dossier: id}, &river.InsertOpts{MaxAttempts: maxAttempts})
	return err
}

// maxAttempts outlasts any breakdown: with waits of five minutes, years.
const maxAttempts = 32000

// Start works jobs until Stop.
func (q *Queue) Start(ctx context.Context) error { return q.client.Start(ctx) }

// Stop lets running jobs finish until ctx ends, then hands them back.
func (q *Queue) Stop(ctx context.Context) error {
	err := q.client.Stop(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return q.client.StopAndCancel(context.WithoutCancel(ctx))
	}
	return err
}

type sealer struct {
	river.WorkerDefaults[SealArgs]
	office func() *dossiers.Office
	log    *slog.Logger
}

// Work implements river.Worker.
func (w *sealer) Work(ctx context.Context, job *river.Job[SealArgs]) error {
	err := w.office().Seal(ctx, job.Args.Tenant, job.Args.Dossier)
	if errors.Is(err, dossiers.ErrAwaiting) {
		w.log.WarnContext(ctx, "sealing waits for a timestamp", slog.String("dossier", string(job.Args.Dossier)),
			slog.Int("attempt", job.Attempt), slog.String("error", err.Error()))
	}
	return err
}

// NextRetry waits 2, 4, 8... seconds, and five minutes at most.
func (w *sealer) NextRetry(job *river.Job[SealArgs]) time.Time {
	return time.Now().Add(min(time.Second<<min(job.Attempt, 9), 5*time.Minute))
}

var _ rivertype.JobArgs = SealArgs{}
