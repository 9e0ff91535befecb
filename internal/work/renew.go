package work

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/riverqueue/river"

	"parapheur/dossiers"
)

// RenewalArgs asks which archive timestamps have to be renewed.
type RenewalArgs struct{}

// Kind implements river.JobArgs.
func (RenewalArgs) Kind() string { return "renewal" }

// RenewArgs names a signed letter whose archive timestamp stops serving.
type RenewArgs struct {
	Tenant  dossiers.TenantID `json:"tenant"`
	Dossier dossiers.ID       `json:"dossier"`
}

// Kind implements river.JobArgs.
func (RenewArgs) Kind() string { return "renew" }

// InsertOpts implements river.JobArgsWithInsertOpts: what fails today is asked
// again by the renewal of tomorrow.
func (RenewArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{MaxAttempts: 5, Priority: 4}
}

const (
	// renewEvery is how often archive timestamps are looked at.
	renewEvery = 24 * time.Hour
	// renewAtOnce bounds the letters of one town in one look.
	renewAtOnce = 500
	// DefaultRenewBefore is how long before the end of its authority's
	// certificate an archive timestamp is renewed.
	DefaultRenewBefore = 180 * 24 * time.Hour
)

// renewal finds the letters of every town.
type renewal struct {
	river.WorkerDefaults[RenewalArgs]
	queue  *Queue
	office Offices
	store  func() Store
	log    *slog.Logger
	now    func() time.Time
	before time.Duration
}

// Work implements river.Worker.
func (w *renewal) Work(ctx context.Context, _ *river.Job[RenewalArgs]) error {
	towns, err := w.store().Towns(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, t := range towns {
		if err := w.town(ctx, t); err != nil {
			errs = append(errs, fmt.Errorf("renewals of %s: %w", t, err))
		}
	}
	return errors.Join(errs...)
}

// town renews the most urgent letter to see whether that is of use, and
// enqueues the others.
func (w *renewal) town(ctx context.Context, t dossiers.TenantID) error {
	o, err := w.office(ctx, t)
	if err != nil {
		return err
	}
	before := o.Now().Add(w.before)
	due, err := w.store().ArchiveDue(ctx, t, before, renewAtOnce)
	if err != nil || len(due) == 0 {
		return err
	}
	err = o.Renew(ctx, t, due[0], before)
	if errors.Is(err, dossiers.ErrNotLonger) {
		w.log.WarnContext(ctx, "archive timestamps must be renewed and the authority has no newer certificate: ask it, or add another",
			slog.String("town", string(t)), slog.Int("letters", len(due)))
		return nil
	}
	var jobs []river.InsertManyParams
	for _, id := range due[1:] {
		jobs = append(jobs, river.InsertManyParams{Args: RenewArgs{Tenant: t, Dossier: id}})
	}
	if len(jobs) == 0 {
		return err
	}
	_, insert := w.queue.client.InsertMany(ctx, jobs)
	return errors.Join(err, insert)
}

// renewer renews one letter.
type renewer struct {
	river.WorkerDefaults[RenewArgs]
	office Offices
	now    func() time.Time
	before time.Duration
}

// Work implements river.Worker.
func (w *renewer) Work(ctx context.Context, job *river.Job[RenewArgs]) error {
	o, err := w.office(ctx, job.Args.Tenant)
	if err != nil {
		return err
	}
	err = o.Renew(ctx, job.Args.Tenant, job.Args.Dossier, o.Now().Add(w.before))
	if errors.Is(err, dossiers.ErrNotLonger) {
		return river.JobCancel(err)
	}
	return err
}

var (
	_ river.JobArgs = RenewalArgs{}
	_ river.JobArgs = RenewArgs{}
)
