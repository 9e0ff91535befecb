package work

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"parapheur/dossiers"
)

// ClockArgs asks that the clock of every town be looked at.
type ClockArgs struct{}

// Kind implements river.JobArgs.
func (ClockArgs) Kind() string { return "clock" }

// TownClockArgs names a town whose clock is to be looked at: reminders,
// deadlines, absences, dossiers that may go on.
type TownClockArgs struct {
	Tenant dossiers.TenantID `json:"tenant"`
}

// Kind implements river.JobArgs.
func (TownClockArgs) Kind() string { return "clock_town" }

// InsertOpts implements river.JobArgsWithInsertOpts: a town has one at a time,
// and what fails is looked at again by the next one.
func (TownClockArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{MaxAttempts: 1, Priority: 3, UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
		rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning, rivertype.JobStateRetryable, rivertype.JobStateScheduled,
	}}}
}

// DefaultClockEvery is how often the clock of the towns is looked at.
const DefaultClockEvery = 5 * time.Minute

// clock gives every town a job of its own.
type clock struct {
	river.WorkerDefaults[ClockArgs]
	queue *Queue
	store func() Store
}

// Work implements river.Worker.
func (w *clock) Work(ctx context.Context, _ *river.Job[ClockArgs]) error {
	towns, err := w.store().Towns(ctx)
	if err != nil || len(towns) == 0 {
		return err
	}
	jobs := make([]river.InsertManyParams, len(towns))
	for i, t := range towns {
		jobs[i].Args = TownClockArgs{Tenant: t}
	}
	if _, err := w.queue.client.InsertMany(ctx, jobs); err != nil {
		return fmt.Errorf("clock of %d towns: %w", len(towns), err)
	}
	return nil
}

// townClock sweeps one town. Whatever did not come to its end within the time
// of a job is taken up by the next one.
type townClock struct {
	river.WorkerDefaults[TownClockArgs]
	office Offices
	log    *slog.Logger
}

// Work implements river.Worker.
func (w *townClock) Work(ctx context.Context, job *river.Job[TownClockArgs]) error {
	o, err := w.office(ctx, job.Args.Tenant)
	if err != nil {
		return err
	}
	n, err := o.Sweep(ctx, job.Args.Tenant)
	if n != (dossiers.Swept{}) {
		w.log.InfoContext(ctx, "the clock moved a town", slog.String("town", string(job.Args.Tenant)), slog.Int("reminded", n.Reminded),
			slog.Int("resumed", n.Resumed), slog.Int("redirected", n.Redirected), slog.Int("mandates", n.Mandates))
	}
	if err != nil {
		return fmt.Errorf("clock of %s: %w", job.Args.Tenant, err)
	}
	return nil
}

var (
	_ river.JobArgs = ClockArgs{}
	_ river.JobArgs = TownClockArgs{}
)
