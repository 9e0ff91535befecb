package work

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/notice"
)

// A Mailer sends one mail.
type Mailer interface {
	Post(ctx context.Context, to string, m notice.Mail) error
}

// Notices say which mails a node sends.
type Notices struct {
	Mail      Mailer // nil: none, and nothing is kept for later
	Immediate bool   // tell at once that a letter waits
	Digest    bool   // say each working morning how many do
}

const (
	mailQueue = "mail"
	// digestEvery is how often it is looked whether the morning has come, and
	// morning the hour at which it does.
	digestEvery = 15 * time.Minute
	morning     = 8
)

// NoticeArgs names facts of a dossier of which people are to be told: those of
// its journal from one number to another. It is enqueued by the transaction
// that records them, so none is lost.
type NoticeArgs struct {
	Tenant  dossiers.TenantID `json:"tenant"`
	Dossier dossiers.ID       `json:"dossier"`
	From    int               `json:"from"`
	To      int               `json:"to"`
}

// Kind implements river.JobArgs.
func (NoticeArgs) Kind() string { return "notice" }

// MailArgs names one person to be told of them: nothing personal waits in the
// queue.
type MailArgs struct {
	NoticeArgs
	Person circuits.PersonID    `json:"person"`
	What   dossiers.TellingKind `json:"what"`
	Step   string               `json:"step,omitempty"`
}

// Kind implements river.JobArgs.
func (MailArgs) Kind() string { return "mail" }

// DigestArgs asks for the mails of a morning.
type DigestArgs struct{}

// Kind implements river.JobArgs.
func (DigestArgs) Kind() string { return "digest" }

// MorningArgs names one person and one day.
type MorningArgs struct {
	Tenant dossiers.TenantID `json:"tenant"`
	Person circuits.PersonID `json:"person"`
	Day    string            `json:"day"`
	ToDo   int               `json:"todo" river:"-"`
	Late   int               `json:"late" river:"-"`
}

// Kind implements river.JobArgs.
func (MorningArgs) Kind() string { return "morning" }

// once makes a job that is inserted a second time one and the same, done or
// not.
func once(priority int, keys bool) *river.InsertOpts {
	o := &river.InsertOpts{Queue: mailQueue, Priority: priority}
	if keys {
		o.UniqueOpts = river.UniqueOpts{ByArgs: true, ByState: rivertype.JobStates()}
	}
	return o
}

// EnqueueNotices implements postgres.Enqueuer.
func (q *Queue) EnqueueNotices(ctx context.Context, tx pgx.Tx, t dossiers.TenantID, id dossiers.ID, from, to int) error {
	if q.notices.Mail == nil {
		return nil
	}
	_, err := q.client.InsertTx(ctx, tx, NoticeArgs{t, id, from, to}, once(2, false))
	return err
}

// noticer finds whom to tell, and gives each mail a job of its own: one that a
// server refuses keeps no other from leaving.
type noticer struct {
	river.WorkerDefaults[NoticeArgs]
	queue  *Queue
	office Offices
}

// Work implements river.Worker.
func (w *noticer) Work(ctx context.Context, job *river.Job[NoticeArgs]) error {
	a := job.Args
	o, err := w.office(ctx, a.Tenant)
	if err != nil {
		return err
	}
	_, list, err := o.Tellings(ctx, a.Tenant, a.Dossier, a.From, a.To)
	if err != nil {
		return fmt.Errorf("notices of %s: %w", a.Dossier, err)
	}
	var jobs []river.InsertManyParams
	for _, x := range list {
		if !x.Person.Mails.Wants(x.Kind, w.queue.notices.Immediate) || x.Person.Email == "" {
			continue
		}
		jobs = append(jobs, river.InsertManyParams{Args: MailArgs{a, x.Person.ID, x.Kind, x.Step}, InsertOpts: once(2, true)})
	}
	if len(jobs) == 0 {
		return nil
	}
	_, err = w.queue.client.InsertMany(ctx, jobs)
	return err
}

// postman sends one mail.
type postman struct {
	river.WorkerDefaults[MailArgs]
	queue  *Queue
	office Offices
	store  func() Store
	log    *slog.Logger
}

// Work implements river.Worker. Who is no longer concerned, or no longer
// there, is told nothing.
func (w *postman) Work(ctx context.Context, job *river.Job[MailArgs]) error {
	a := job.Args
	o, err := w.office(ctx, a.Tenant)
	if err != nil {
		return err
	}
	town, err := w.store().Tenant(ctx, a.Tenant)
	if err != nil {
		return err
	}
	d, list, err := o.Tellings(ctx, a.Tenant, a.Dossier, a.From, a.To)
	if err != nil {
		return err
	}
	for _, x := range list {
		if x.Person.ID != a.Person || x.Kind != a.What || x.Step != a.Step {
			continue
		}
		key := fmt.Sprintf("%s/%s/%d/%d/%s/%s/%s", a.Tenant, a.Dossier, a.From, a.To, a.Person, a.What, a.Step)
		if err := w.queue.notices.Mail.Post(ctx, x.Person.Email, notice.Of(town, d, x, key, o.LocationOf(town.Territory))); err != nil {
			w.log.WarnContext(ctx, "a mail could not be sent", slog.String("dossier", string(a.Dossier)), slog.String("what", string(a.What)), slog.Any("error", err))
			return err
		}
	}
	return nil
}

// digester finds, once a day and town, for whom something waits.
type digester struct {
	river.WorkerDefaults[DigestArgs]
	queue  *Queue
	office Offices
	store  func() Store
}

// Work implements river.Worker.
func (w *digester) Work(ctx context.Context, _ *river.Job[DigestArgs]) error {
	towns, err := w.store().Towns(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, t := range towns {
		errs = append(errs, w.town(ctx, t))
	}
	return errors.Join(errs...)
}

// town looks at one, by its own clock.
func (w *digester) town(ctx context.Context, t dossiers.TenantID) error {
	o, err := w.office(ctx, t)
	if err != nil {
		return err
	}
	town, err := w.store().Tenant(ctx, t)
	if err != nil {
		return err
	}
	now := o.Now().In(o.LocationOf(town.Territory))
	if now.Hour() < morning || now.Hour() >= morning+2 {
		return nil // its morning is another hour
	}
	list, err := o.Mornings(ctx, town, w.queue.notices.Digest)
	if err != nil || len(list) == 0 {
		return err
	}
	jobs := make([]river.InsertManyParams, len(list))
	for i, m := range list {
		jobs[i] = river.InsertManyParams{Args: MorningArgs{Tenant: t, Person: m.Person.ID, Day: now.Format(time.DateOnly), ToDo: m.ToDo, Late: m.Late}, InsertOpts: once(3, true)}
	}
	_, err = w.queue.client.InsertMany(ctx, jobs)
	return err
}

// waker sends one person the mail of a morning.
type waker struct {
	river.WorkerDefaults[MorningArgs]
	queue  *Queue
	office Offices
	store  func() Store
}

// Work implements river.Worker.
func (w *waker) Work(ctx context.Context, job *river.Job[MorningArgs]) error {
	a := job.Args
	town, err := w.store().Tenant(ctx, a.Tenant)
	if err != nil {
		return err
	}
	o, err := w.office(ctx, a.Tenant)
	if err != nil {
		return err
	}
	p, err := o.Store.Person(ctx, a.Tenant, a.Person)
	if err != nil || !p.Active || p.Email == "" {
		return err
	}
	return w.queue.notices.Mail.Post(ctx, p.Email, notice.Digest(town, dossiers.Morning{Person: p, ToDo: a.ToDo, Late: a.Late}, a.Day))
}

// LinkedArgs names an account that became somebody's.
type LinkedArgs struct {
	Tenant   dossiers.TenantID `json:"tenant"`
	Person   circuits.PersonID `json:"person"`
	Identity string            `json:"identity"`
}

// Kind implements river.JobArgs.
func (LinkedArgs) Kind() string { return "linked" }

// EnqueueLinked implements postgres.Enqueuer.
func (q *Queue) EnqueueLinked(ctx context.Context, tx pgx.Tx, t dossiers.TenantID, p circuits.PersonID, identity string) error {
	if q.notices.Mail == nil {
		return nil
	}
	_, err := q.client.InsertTx(ctx, tx, LinkedArgs{t, p, identity}, once(1, true))
	return err
}

// warner tells somebody of an account that opens their sessions from now on.
// It does so too when the account was taken away meanwhile: it opened them.
type warner struct {
	river.WorkerDefaults[LinkedArgs]
	queue  *Queue
	office Offices
	store  func() Store
}

// Work implements river.Worker.
func (w *warner) Work(ctx context.Context, job *river.Job[LinkedArgs]) error {
	a := job.Args
	o, err := w.office(ctx, a.Tenant)
	if err != nil {
		return err
	}
	town, err := w.store().Tenant(ctx, a.Tenant)
	if err != nil {
		return err
	}
	p, err := o.Store.Person(ctx, a.Tenant, a.Person)
	if err != nil || p.Email == "" {
		return err
	}
	all, err := o.Store.Identities(ctx, a.Tenant)
	if err != nil {
		return err
	}
	found := dossiers.Identity{ID: a.Identity, Person: a.Person}
	for _, i := range all {
		if i.ID == a.Identity {
			found = i
		}
	}
	return w.queue.notices.Mail.Post(ctx, p.Email, notice.Linked(town, p, found, o.LocationOf(town.Territory)))
}

// addNotices makes a node send mails.
func (q *Queue) addNotices(cfg *river.Config, p Parts, o Options) error {
	if q.notices.Mail == nil {
		return nil
	}
	cfg.Queues[mailQueue] = river.QueueConfig{MaxWorkers: max(o.Workers/2, 1)}
	cfg.PeriodicJobs = append(cfg.PeriodicJobs, river.NewPeriodicJob(river.PeriodicInterval(digestEvery),
		func() (river.JobArgs, *river.InsertOpts) { return DigestArgs{}, once(3, false) }, &river.PeriodicJobOpts{RunOnStart: true}))
	return errors.Join(
		river.AddWorkerSafely(cfg.Workers, &noticer{queue: q, office: p.Office}),
		river.AddWorkerSafely(cfg.Workers, &postman{queue: q, office: p.Office, store: p.Store, log: o.Log}),
		river.AddWorkerSafely(cfg.Workers, &digester{queue: q, office: p.Office, store: p.Store}),
		river.AddWorkerSafely(cfg.Workers, &waker{queue: q, office: p.Office, store: p.Store}),
		river.AddWorkerSafely(cfg.Workers, &warner{queue: q, office: p.Office, store: p.Store}))
}

// ParseNotices reads when people are told that a letter waits: "immediate",
// "digest" or "both".
func ParseNotices(s string) (immediate, digest bool, err error) {
	switch s {
	case "immediate":
		return true, false, nil
	case "digest":
		return false, true, nil
	case "both":
		return true, true, nil
	}
	return false, false, fmt.Errorf("%s: want immediate, digest or both", strconv.Quote(s))
}
