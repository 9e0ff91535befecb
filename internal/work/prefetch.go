package work

import (
	"context"
	"log/slog"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"parapheur/dossiers"
)

// PrefetchArgs names a dossier that reached a signatory.
type PrefetchArgs struct {
	Tenant  dossiers.TenantID `json:"tenant"`
	Dossier dossiers.ID       `json:"dossier"`
}

// Kind implements river.JobArgs.
func (PrefetchArgs) Kind() string { return "prefetch" }

// InsertOpts implements river.JobArgsWithInsertOpts: the signature asks again,
// so two attempts are enough, and they give way to what people wait for.
func (PrefetchArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{MaxAttempts: 2, Priority: 4}
}

// EnqueuePrefetch implements postgres.Enqueuer.
func (q *Queue) EnqueuePrefetch(ctx context.Context, tx pgx.Tx, t dossiers.TenantID, id dossiers.ID) error {
	_, err := q.client.InsertTx(ctx, tx, PrefetchArgs{Tenant: t, Dossier: id}, nil)
	return err
}

type prefetcher struct {
	river.WorkerDefaults[PrefetchArgs]
	office Offices
	log    *slog.Logger
}

// Work implements river.Worker.
func (w *prefetcher) Work(ctx context.Context, job *river.Job[PrefetchArgs]) error {
	o, err := w.office(ctx, job.Args.Tenant)
	if err != nil {
		return err
	}
	err = o.Prefetch(ctx, job.Args.Tenant, job.Args.Dossier)
	if err != nil {
		w.log.WarnContext(ctx, "a letter reached its signatory and the evidence for the signature is not there yet",
			slog.String("dossier", string(job.Args.Dossier)), slog.Int("attempt", job.Attempt), slog.String("error", err.Error()))
	}
	return err
}

var _ river.JobArgs = PrefetchArgs{}
