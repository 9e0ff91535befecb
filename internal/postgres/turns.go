package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"parapheur/circuits"
	"parapheur/circuits/calendar"
	"parapheur/dossiers"
)

// A line is one row of turn: what waits for somebody.
type line struct {
	step, n int
	asked   bool
	holder  string
	desk    *string
	since   time.Time
	due     *time.Time
}

// lines reads the in-tray lines of a state. since is when a turn opened that
// does not say so itself, as those of plain steps.
func lines(s circuits.State, since time.Time) []line {
	var out []line
	add := func(step, n int, asked bool, to circuits.Recipient, opened, due time.Time) {
		l := line{step: step, n: n, asked: asked, holder: string(to.Person), since: opened}
		if to.Desk != "" {
			desk := string(to.Desk)
			l.desk = &desk
		}
		if l.holder == "" {
			l.holder = string(to.Desk)
		}
		if opened.IsZero() {
			l.since = since
		}
		if !due.IsZero() {
			l.due = &due
		}
		if l.holder != "" {
			out = append(out, l)
		}
	}
	for _, t := range s.OpenTurns() {
		add(t.Step, t.Turn, false, circuits.Recipient{Desk: t.Desk, Person: t.Person}, t.Since, t.Due)
	}
	for _, q := range s.OpenQuestions() {
		add(q.Step, q.Asked, true, q.To, q.Since, q.Due)
	}
	return out
}

// same reports whether two readings of one dossier are of the same lines, the
// instant of their opening aside.
func same(a, b []line) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		x, y := a[i], b[i]
		if x.step != y.step || x.n != y.n || x.asked != y.asked || x.holder != y.holder || known(x.desk) != known(y.desk) || micros(x.due) != micros(y.due) {
			return false
		}
	}
	return true
}

func known(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func micros(t *time.Time) int64 {
	if t == nil {
		return 0
	}
	return t.UnixMicro()
}

// queueLines writes the in-tray lines of a dossier anew when they changed.
// The wait starts again whenever a step opens, be it at the same desk twice in
// a row: rounds and steps tell.
func queueLines(b *pgx.Batch, t dossiers.TenantID, id dossiers.ID, before, after circuits.State, at time.Time) {
	old, now := lines(before, at), lines(after, at)
	if before.Round == after.Round && same(old, now) {
		return
	}
	if len(old) > 0 {
		b.Queue(`delete from turn where tenant = $1 and dossier = $2`, t, id)
	}
	for _, l := range now {
		b.Queue(`insert into turn (tenant, dossier, step, n, asked, holder, desk, since, due) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			t, id, l.step, l.n, l.asked, l.holder, l.desk, l.since, l.due)
	}
}

// clocked are the columns of a dossier that clocks and lists read.
type clocked struct {
	since, due, tick *time.Time
	blocked          bool
}

func clockOf(s circuits.State, c calendar.Calendar, at time.Time) (out clocked) {
	for _, l := range lines(s, at) {
		if out.since == nil || l.since.Before(*out.since) {
			out.since = &l.since
		}
		if l.due != nil && (out.due == nil || l.due.Before(*out.due)) {
			out.due = l.due
		}
	}
	if next := s.NextDue(c); !next.IsZero() {
		out.tick = &next
	}
	out.blocked = s.BlockedStep() >= 0
	return out
}

// Ticking implements dossiers.Store.
func (s *Store) Ticking(ctx context.Context, t dossiers.TenantID, now time.Time, limit int) ([]dossiers.ID, error) {
	return s.identifiers(ctx, t, `select id::text from dossier where tenant = $1 and tick <= $2 order by tick limit $3`, t, now, limit)
}

// Blocked implements dossiers.Store.
func (s *Store) Blocked(ctx context.Context, t dossiers.TenantID, after dossiers.ID, limit int) ([]dossiers.ID, error) {
	return s.identifiers(ctx, t, `select id::text from dossier where tenant = $1 and blocked and ($2 = '' or id > nullif($2, '')::uuid) order by id limit $3`, t, after, limit)
}

// Waiting implements dossiers.Store.
func (s *Store) Waiting(ctx context.Context, t dossiers.TenantID, holder string, after dossiers.ID, limit int) ([]dossiers.ID, error) {
	if !validUUID(holder) {
		return nil, nil
	}
	return s.identifiers(ctx, t, `select dossier::text from (select distinct dossier from turn where tenant = $1 and holder = $2 and ($3 = '' or dossier > nullif($3, '')::uuid)) w
		order by w.dossier limit $4`, t, holder, after, limit)
}

func (s *Store) identifiers(ctx context.Context, t dossiers.TenantID, query string, args ...any) (out []dossiers.ID, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, query, args...)
		if err != nil {
			return fmt.Errorf("dossiers that wait: %w", err)
		}
		if out, err = pgx.CollectRows(rows, pgx.RowTo[dossiers.ID]); err != nil {
			return fmt.Errorf("dossiers that wait: %w", err)
		}
		return nil
	})
	return out, err
}

// OrganisationRevision implements dossiers.Store.
func (s *Store) OrganisationRevision(ctx context.Context, t dossiers.TenantID) (revision int64, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, revisionQuery, t).Scan(&revision)
		if err != nil {
			return fmt.Errorf("revision of the set-up: %w", err)
		}
		return nil
	})
	return revision, err
}

const revisionQuery = `select coalesce(max(revision), 0) from organisation where tenant = $1`
