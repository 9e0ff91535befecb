package postgres

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"parapheur/circuits"
	"parapheur/dossiers"
)

// A list of an application costs what its page costs, whatever the town has
// behind it. Each filter has its index in the order of the list; where several
// are asked, the one that leaves the fewest letters is followed, and what it
// leaves is held against the others:
//
//	one letter    a reference or a number is asked
//	what moved    since an instant, if that is little
//	a word        the rarest of a search, unless phase and type leave less
//	the list      of a phase, of types, or of all, newest first
//
// Each is counted no further than enough: beyond, the newest page is found
// before long, because what is asked is common.

// enough is how far letters are counted to know that they are many.
const enough = 1000

// rarest returns those of the words, as typed, that are kept, the rarest in
// the town first with how many letters have it, counted to enough.
func rarest(ctx context.Context, tx pgx.Tx, t dossiers.TenantID, typed string) (words []string, n int, err error) {
	if typed == "" {
		return nil, 0, nil
	}
	rows, err := tx.Query(ctx, `select w, (select count(*) from (select from dossier_word k where k.tenant = $1 and k.word = w limit $3) c) as n
		from unnest(tsvector_to_array(to_tsvector('french', plain($2)))) w order by n desc, w`, t, typed, enough)
	if err != nil {
		return nil, 0, fmt.Errorf("words of a search: %w", err)
	}
	var w string
	_, err = pgx.ForEachRow(rows, []any{&w, &n}, func() error {
		words = append([]string{w}, words...)
		return nil
	})
	if err != nil {
		return nil, 0, fmt.Errorf("words of a search: %w", err)
	}
	return words, n, nil
}

// A sought is a search as it is written: its arguments and where its letters
// are looked for.
type sought struct {
	dossiers.Filter
	tenant      dossiers.TenantID
	application string   // empty: of the whole town
	words       []string // that the letters need, the rarest first
	byWord      bool     // follow the first of them
	moved       []string // follow these letters; nil: not
	nothing     bool     // only small words are asked, which no letter is found by
	args        []any
}

// arg adds an argument and returns its name.
func (q *sought) arg(v any) string {
	q.args = append(q.args, v)
	return `$` + strconv.Itoa(len(q.args))
}

// one reports whether at most a few letters can be meant.
func (q *sought) one() bool { return q.ExternalReference != "" || q.Number != 0 }

// follow decides what is followed.
func (q *sought) follow(ctx context.Context, tx pgx.Tx) error {
	typed, only := needed(q.Query)
	words, n, err := rarest(ctx, tx, q.tenant, typed)
	q.nothing = q.Query != "" && only && len(words) == 0
	if err != nil || q.one() || q.nothing {
		q.words = words
		return err
	}
	if !q.UpdatedAfter.IsZero() {
		if err := q.followMoved(ctx, tx); err != nil || q.moved != nil {
			q.words = words
			return err
		}
	}
	if len(words) > 0 {
		left, err := q.left(ctx, tx)
		if err != nil {
			return err
		}
		q.byWord = left >= n
	}
	q.words = words
	return nil
}

// followMoved follows the letters that moved, if they are few.
func (q *sought) followMoved(ctx context.Context, tx pgx.Tx) error {
	c := sought{Filter: dossiers.Filter{UpdatedAfter: q.UpdatedAfter}, tenant: q.tenant, application: q.application}
	query := `select d.id::text from dossier d where d.tenant = ` + c.arg(q.tenant) + c.conditions() + ` order by d.updated_at desc limit ` + c.arg(enough+1)
	rows, err := tx.Query(ctx, query, c.args...)
	if err != nil {
		return fmt.Errorf("search: what moved: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("search: what moved: %w", err)
	}
	if len(ids) <= enough {
		q.moved = list(ids)
	}
	return nil
}

// left counts, to enough, what application, phase and types leave.
func (q *sought) left(ctx context.Context, tx pgx.Tx) (n int, err error) {
	if q.application == "" && q.Phase == "" && len(q.types()) == 0 {
		return enough, nil
	}
	c := sought{Filter: dossiers.Filter{Phase: q.Phase, Type: q.Type, Types: q.Types}, tenant: q.tenant, application: q.application}
	tenant := c.arg(q.tenant)
	query := `select count(*) from (select ` + c.listed(tenant, ``, c.arg(enough)) + `) c`
	if err := tx.QueryRow(ctx, query, c.args...).Scan(&n); err != nil {
		return 0, fmt.Errorf("search: what is left: %w", err)
	}
	return n, nil
}

// types are the codes that the list is of; none is any.
func (q *sought) types() []string {
	if q.Type != "" {
		return []string{q.Type}
	}
	return q.Types
}

// conditions are those on one letter, d, that are asked.
func (q *sought) conditions() string {
	var out strings.Builder
	add := func(asked bool, condition string, value any) {
		if asked {
			out.WriteString(` and ` + condition + q.arg(value))
		}
	}
	add(q.application != "", `d.application = `, q.application)
	add(q.Phase != "", `d.phase = `, string(q.Phase))
	add(q.ExternalReference != "", `d.external_reference = `, q.ExternalReference)
	add(q.Number != 0, `d.number = `, q.Number)
	add(q.Type != "", `d.type_code = `, q.Type)
	if len(q.Types) > 0 {
		out.WriteString(` and d.type_code = any(` + q.arg(q.Types) + `)`)
	}
	add(!q.UpdatedAfter.IsZero(), `d.updated_at > `, q.UpdatedAfter)
	if q.Query != "" {
		out.WriteString(q.matching())
	}
	return out.String()
}

// having are the conditions of words, from the nth on, on a letter whose
// instant and identifier are in these columns.
func (q *sought) having(from int, tenant, at, id string) string {
	var out strings.Builder
	for _, w := range q.words[min(from, len(q.words)):] {
		out.WriteString(` and exists (select from dossier_word o where o.tenant = ` + tenant + ` and o.word = ` + q.arg(w) + ` and o.created_at = ` + at + ` and o.dossier = ` + id + `)`)
	}
	return out.String()
}

// newestFirst is the order of the list.
const newestFirst = ` order by d.created_at desc, d.id desc limit `

// listed selects, newest first, the keys of the letters that are asked for.
// Those of types are read type by type and phase by phase: an index keeps the
// order within one.
func (q *sought) listed(tenant, beyond, limit string) string {
	of := `d.created_at, d.id from dossier d`
	if len(q.types()) == 0 {
		return of + ` where d.tenant = ` + tenant + q.conditions() + beyond + newestFirst + limit
	}
	phases := []string{string(q.Phase)}
	if q.Phase == "" {
		phases = []string{string(circuits.Draft), string(circuits.Running), string(circuits.Refused), string(circuits.Withdrawn), string(circuits.Completed)}
	}
	return `d.created_at, d.id from unnest(` + q.arg(q.types()) + `::text[]) y(code) cross join unnest(` + q.arg(phases) + `::text[]) f(phase) cross join lateral (select ` +
		of + ` where d.tenant = ` + tenant + ` and d.type_code = y.code and d.phase = f.phase` + q.conditions() + beyond + newestFirst + limit + `) d` + newestFirst + limit
}

// query writes the whole search.
func (q *sought) query(after cursor, limit int) (string, []any) {
	q.args = nil
	tenant, key, id, most := q.arg(q.tenant), q.arg(after.Key), q.arg(after.ID), q.arg(limit)
	beyond := ` and (d.created_at, d.id) < (` + key + `, ` + id + `::uuid)`
	whole := `select ` + dossierColumns + ` from ` + dossierTables
	switch {
	case q.byWord:
		return whole + ` join dossier_word k on k.tenant = d.tenant and k.dossier = d.id where k.tenant = ` + tenant + ` and d.tenant = ` + tenant +
			` and k.word = ` + q.arg(q.words[0]) + q.having(1, tenant, `k.created_at`, `k.dossier`) + q.conditions() +
			` and (k.created_at, k.dossier) < (` + key + `, ` + id + `::uuid) order by k.created_at desc, k.dossier desc limit ` + most, q.args
	case q.moved != nil:
		return whole + ` where d.tenant = ` + tenant + ` and d.id = any(` + q.arg(q.moved) + `::uuid[])` + q.conditions() + q.having(0, tenant, `d.created_at`, `d.id`) + beyond + newestFirst + most, q.args
	case q.one() || len(q.types()) == 0:
		return whole + ` where d.tenant = ` + tenant + q.conditions() + q.having(0, tenant, `d.created_at`, `d.id`) + beyond + newestFirst + most, q.args
	}
	beyond += q.having(0, tenant, `d.created_at`, `d.id`)
	return whole + ` join (select ` + q.listed(tenant, beyond, most) + `) k on k.id = d.id where d.tenant = ` + tenant + newestFirst + most, q.args
}

// Search implements dossiers.Store. It is planned anew each time: a plan for
// any town and any filter would read all of some.
func (s *Store) Search(ctx context.Context, t dossiers.TenantID, application string, f dossiers.Filter, page dossiers.Page) (out []dossiers.Dossier, next string, err error) {
	after, err := parseCursor(page.After, bin{newest: true}.start())
	if err != nil {
		return nil, "", err
	}
	f.Query = strings.ToValidUTF8(strings.ReplaceAll(f.Query, "\x00", " "), " ") // what PostgreSQL's text cannot hold
	err = s.enter(ctx, t, `; set local plan_cache_mode = force_custom_plan`, func(tx pgx.Tx) error {
		q := sought{Filter: f, tenant: t, application: application}
		if err := q.follow(ctx, tx); err != nil || q.nothing {
			return err
		}
		query, args := q.query(after, page.Limit+1)
		rows, err := tx.Query(ctx, query, args...)
		if err != nil {
			return fmt.Errorf("search: %w", err)
		}
		if out, err = pgx.CollectRows(rows, scanDossier); err != nil {
			return fmt.Errorf("search: %w", err)
		}
		return documents(ctx, tx, t, out)
	})
	if len(out) > page.Limit {
		out = out[:page.Limit]
		last := out[page.Limit-1]
		next = cursor{last.CreatedAt, string(last.ID)}.String()
	}
	return out, next, err
}

// documents fills in the current version of each document of all.
func documents(ctx context.Context, tx pgx.Tx, t dossiers.TenantID, all []dossiers.Dossier) error {
	at, ids := map[string]int{}, make([]string, len(all))
	for i, d := range all {
		at[string(d.ID)], ids[i] = i, string(d.ID)
	}
	rows, err := tx.Query(ctx, revisionFields+`, dossier::text from document_revision r where r.tenant = $1 and r.dossier = any($2::uuid[])
		and r.version = (select max(version) from document_revision m where m.tenant = $1 and m.dossier = r.dossier and m.n = r.n)
		order by dossier, n, revision`, t, ids)
	if err != nil {
		return fmt.Errorf("search: documents: %w", err)
	}
	var id string
	_, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (r dossiers.NewRevision, err error) {
		if r, err = scanRevisionAnd(row, &id); err == nil {
			add(&all[at[id]], r)
		}
		return r, err
	})
	if err != nil {
		return fmt.Errorf("search: documents: %w", err)
	}
	for _, d := range all {
		if len(d.Documents) == 0 {
			return fmt.Errorf("search: dossier %s has no document", d.ID)
		}
	}
	return nil
}
