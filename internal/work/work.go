// Package work runs the slow and fallible work that decisions leave behind,
// as jobs enqueued in the deciding transaction: the sealing of signed steps,
// what a signature will need fetched ahead, the renewal of archive timestamps,
// what the clock alone brings about in a town, and the sweep of expired
// ceremonies and sessions.
//
//	Office.FinishDecision ─ one transaction ─▶ state, evidence, journal, job
//	                                                                   │
//	                              Seal worker ─▶ Office.Seal ◀─────────┘ any node, any number of times
//
// It must hold no rule: what may be sealed, and what is already, is said by
// the state.
//
// # Failure handling
//
// A job that fails is tried again, after a second at first and every five
// minutes in the end, for ever: a signature waits for its timestamp as long as
// it takes. A node that starts takes up at once what was decided and is not
// sealed; while it is away the other nodes take its jobs for dead after
// Options.RescueAfter. Both may run the same sealing twice, and the state
// refuses the second.
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
	client  *river.Client[pgx.Tx]
	store   func() Store
	notices Notices
}

// A Store finds what the jobs are about.
type Store interface {
	// Unsealed lists, by town, what was decided and no waiting job will seal.
	Unsealed(ctx context.Context) (map[dossiers.TenantID][]dossiers.ID, error)
	// Towns lists every town, and ArchiveDue the letters of one whose archive
	// timestamp stops serving before a time, the most urgent first.
	Towns(ctx context.Context) ([]dossiers.TenantID, error)
	ArchiveDue(ctx context.Context, t dossiers.TenantID, before time.Time, limit int) ([]dossiers.ID, error)
	Tenant(ctx context.Context, t dossiers.TenantID) (dossiers.Tenant, error)
	// Sweep removes what has expired.
	Sweep(ctx context.Context, now time.Time) error
}

// Offices finds the office of a town: each sandbox has its own.
type Offices func(ctx context.Context, t dossiers.TenantID) (*dossiers.Office, error)

// Parts are what the jobs work with. The queue is made before the two, so it
// asks for them when it runs.
type Parts struct {
	Office Offices
	Store  func() Store
}

// Options are how the jobs of a node run.
type Options struct {
	Log     *slog.Logger
	Now     func() time.Time
	Workers int // at the same time on this node; 0 enqueues only
	// RescueAfter is when a job that runs for so long is taken for dead; 0 is
	// two minutes.
	RescueAfter time.Duration
	// RenewBefore is how long before the end of its authority's certificate an
	// archive timestamp is renewed; 0 is DefaultRenewBefore.
	RenewBefore time.Duration
	// ClockEvery is how often reminders, deadlines and absences are looked at;
	// 0 is DefaultClockEvery.
	ClockEvery time.Duration
	// Notices say which mails the node sends.
	Notices Notices
	// PollInterval is how often the queue is read when no notification comes;
	// 0 is one second.
	PollInterval time.Duration
}

const (
	// runLimit bounds one run of a job, so that one taken for dead is.
	runLimit = time.Minute
	// sweepEvery is how often what has expired is removed.
	sweepEvery = 15 * time.Minute
)

// New returns the queue of a node over a pool of the serving role.
func New(pool *pgxpool.Pool, p Parts, o Options) (*Queue, error) {
	if o.RescueAfter == 0 {
		o.RescueAfter = 2 * time.Minute
	}
	if o.PollInterval == 0 {
		o.PollInterval = time.Second
	}
	if o.RenewBefore == 0 {
		o.RenewBefore = DefaultRenewBefore
	}
	if o.ClockEvery == 0 {
		o.ClockEvery = DefaultClockEvery
	}
	q := &Queue{store: p.Store, notices: o.Notices}
	cfg := &river.Config{
		Logger: o.Log, RescueStuckJobsAfter: o.RescueAfter, FetchPollInterval: o.PollInterval, FetchCooldown: 10 * time.Millisecond,
		JobTimeout: min(runLimit, o.RescueAfter),
	}
	if o.Workers > 0 {
		cfg.Workers = river.NewWorkers()
		err := errors.Join(
			river.AddWorkerSafely(cfg.Workers, &sealer{office: p.Office, log: o.Log, now: o.Now}),
			river.AddWorkerSafely(cfg.Workers, &prefetcher{office: p.Office, log: o.Log}),
			river.AddWorkerSafely(cfg.Workers, &renewal{queue: q, office: p.Office, store: p.Store, log: o.Log, now: o.Now, before: o.RenewBefore}),
			river.AddWorkerSafely(cfg.Workers, &renewer{office: p.Office, now: o.Now, before: o.RenewBefore}),
			river.AddWorkerSafely(cfg.Workers, &clock{queue: q, store: p.Store}),
			river.AddWorkerSafely(cfg.Workers, &townClock{office: p.Office, log: o.Log}),
			river.AddWorkerSafely(cfg.Workers, &sweeper{store: p.Store, now: o.Now}))
		if err != nil {
			return nil, fmt.Errorf("workers: %w", err)
		}
		cfg.PeriodicJobs = []*river.PeriodicJob{every(sweepEvery, SweepArgs{}), every(renewEvery, RenewalArgs{}), every(o.ClockEvery, ClockArgs{})}
		cfg.Queues = map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: o.Workers}}
		if err := q.addNotices(cfg, p, o); err != nil {
			return nil, fmt.Errorf("workers: %w", err)
		}
	}
	client, err := river.NewClient(riverpgxv5.New(pool), cfg)
	if err != nil {
		return nil, fmt.Errorf("job queue: %w", err)
	}
	q.client = client
	return q, nil
}

// every is a job that runs at the start of a node, and then once a period.
func every(period time.Duration, args river.JobArgs) *river.PeriodicJob {
	return river.NewPeriodicJob(river.PeriodicInterval(period), func() (river.JobArgs, *river.InsertOpts) { return args, nil },
		&river.PeriodicJobOpts{RunOnStart: true})
}

// EnqueueSeal implements postgres.Enqueuer.
func (q *Queue) EnqueueSeal(ctx context.Context, tx pgx.Tx, t dossiers.TenantID, id dossiers.ID) error {
	_, err := q.client.InsertTx(ctx, tx, SealArgs{Tenant: t, Dossier: id}, nil)
	return err
}

// InsertOpts implements river.JobArgsWithInsertOpts.
func (SealArgs) InsertOpts() river.InsertOpts { return river.InsertOpts{MaxAttempts: maxAttempts} }

// maxAttempts outlasts any breakdown: with waits of five minutes, a hundred
// days.
const maxAttempts = 30000

// Start takes up what a node that died left unsealed, then works jobs until
// Stop.
func (q *Queue) Start(ctx context.Context) error {
	left, err := q.store().Unsealed(ctx)
	if err != nil {
		return err
	}
	for t, ids := range left {
		for _, id := range ids {
			if _, err := q.client.Insert(ctx, SealArgs{Tenant: t, Dossier: id}, nil); err != nil {
				return fmt.Errorf("take up the sealing of %s: %w", id, err)
			}
		}
	}
	return q.client.Start(ctx)
}

// Stop lets running jobs finish until ctx ends, then hands them back.
func (q *Queue) Stop(ctx context.Context) error {
	err := q.client.Stop(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return q.client.StopAndCancel(context.WithoutCancel(ctx))
	}
	return err
}

// SweepArgs asks for the removal of ceremonies and sessions that expired.
type SweepArgs struct{}

// Kind implements river.JobArgs.
func (SweepArgs) Kind() string { return "sweep" }

type sweeper struct {
	river.WorkerDefaults[SweepArgs]
	store func() Store
	now   func() time.Time
}

// Work implements river.Worker.
func (w *sweeper) Work(ctx context.Context, _ *river.Job[SweepArgs]) error {
	return w.store().Sweep(ctx, w.now())
}

type sealer struct {
	river.WorkerDefaults[SealArgs]
	office Offices
	log    *slog.Logger
	now    func() time.Time
}

// Work implements river.Worker.
func (w *sealer) Work(ctx context.Context, job *river.Job[SealArgs]) error {
	o, err := w.office(ctx, job.Args.Tenant)
	if err != nil {
		return err
	}
	err = o.Seal(ctx, job.Args.Tenant, job.Args.Dossier)
	if errors.Is(err, dossiers.ErrAwaiting) {
		w.log.WarnContext(ctx, "sealing waits for a service outside", slog.String("dossier", string(job.Args.Dossier)),
			slog.Int("attempt", job.Attempt), slog.String("error", err.Error()))
	}
	return err
}

// NextRetry waits 1, 2, 4, 8... seconds, and five minutes at most.
func (w *sealer) NextRetry(job *river.Job[SealArgs]) time.Time { return w.now().Add(wait(job.Attempt)) }

// wait is the pause after attempt, from 1.
func wait(attempt int) time.Duration {
	return min(time.Second<<min(max(attempt-1, 0), 9), 5*time.Minute)
}

var _ river.JobArgs = SealArgs{}
