package postgres

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"parapheur/circuits"
	"parapheur/dossiers"
)

// validUUID keeps what is not a UUID from reaching a cast: it names nothing.
func validUUID(s string) bool {
	_, err := uuid.Parse(s)
	return err == nil && len(s) == 36
}

// A bin is how the dossiers of a list are found: a from clause, a where
// clause and the two columns by which an index keeps them in order. $1 is the
// town and $2 the person, or the desk for the bins of a desk, whose rows are
// read desk by desk: an index on (desk, since) keeps the order within one.
type bin struct {
	from, where, key, id string
	due, asked           string
	whose                func(dossiers.Reader) []string
	newest               bool // first
}

// tray is a bin of what waits for somebody: a dossier once, at the first of
// its lines that are theirs. key is the column that orders it.
func tray(key, also string, whose func(dossiers.Reader) []string) bin {
	return bin{
		from: `turn x`, key: `x.` + key, id: `x.dossier`, due: `x.due`, asked: `x.asked`, whose: whose,
		where: `x.tenant = $1 and x.holder = w.id` + also + ` and not exists (
			select from turn y where y.tenant = x.tenant and y.dossier = x.dossier and y.holder = any($2::uuid[])
			and (y.` + key + `, y.step, y.asked, y.n) < (x.` + key + `, x.step, x.asked, x.n))`,
	}
}

func bins(b dossiers.Bin) (bin, bool) {
	oneself := func(r dossiers.Reader) []string { return []string{string(r.Person.ID)} }
	theirs := func(r dossiers.Reader) []string {
		held, _ := desksOf(r.Person)
		return append(held, string(r.Person.ID))
	}
	drafted := bin{from: `dossier x`, where: `x.tenant = $1 and x.drafter = w.id`, key: `x.updated_at`, id: `x.id`, newest: true, whose: oneself}
	follows := bin{from: `participant x`, where: `x.tenant = $1 and x.person = w.id`, key: `x.moved_at`, id: `x.dossier`, newest: true, whose: oneself}
	for _, one := range []*bin{&drafted, &follows} {
		one.due, one.asked = `null::timestamptz`, `false`
	}
	switch b {
	case dossiers.BinToDo:
		return tray(`since`, ``, theirs), true
	case dossiers.BinLate:
		return tray(`due`, ` and x.due < {now}`, theirs), true
	case dossiers.BinDelegated:
		return tray(`since`, ` and not x.asked`, func(r dossiers.Reader) []string { return list(r.InPlaceOf) }), true
	case dossiers.BinPrepared:
		return tray(`since`, ``, func(r dossiers.Reader) []string {
			_, prepared := desksOf(r.Person)
			return prepared
		}), true
	case dossiers.BinUndoable:
		drafted.where = `x.tenant = $1 and x.undoable_by = w.id`
		return drafted, true
	case dossiers.BinDrafts:
		drafted.where += ` and x.phase in ('draft', 'withdrawn')`
		return drafted, true
	case dossiers.BinReturned:
		drafted.where += ` and x.phase = 'refused'`
		return drafted, true
	case dossiers.BinFollowed:
		follows.where += ` and x.phase = 'running'`
		return follows, true
	case dossiers.BinCompleted:
		follows.where += ` and x.phase = 'completed'`
		return follows, true
	}
	return bin{}, false
}

// desksOf returns the desks that p holds and those that p prepares.
func desksOf(p dossiers.Person) (held, prepared []string) {
	held, prepared = []string{}, []string{}
	for _, s := range p.Seats {
		held = append(held, string(s.Desk))
	}
	for _, d := range p.Prepares {
		prepared = append(prepared, string(d))
	}
	return held, prepared
}

// A cursor is where a list stopped: the key and the identifier of its last row.
type cursor struct {
	Key time.Time `json:"k"`
	ID  string    `json:"i"`
}

func (c cursor) String() string {
	b, err := json.Marshal(c)
	if err != nil {
		panic(err) // a time and a string
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// parseCursor reads a cursor back; start is that of a first page.
func parseCursor(s string, start cursor) (c cursor, err error) {
	if s == "" {
		return start, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || json.Unmarshal(b, &c) != nil || !validUUID(c.ID) {
		return c, &dossiers.InvalidError{Field: "cursor", Reason: "Ce curseur n’est pas l’un des nôtres : reprenez la liste au début."}
	}
	return c, nil
}

// query reads a page: for each desk the first rows in the order of its index,
// then the first of all, then what people read of those only. $3 and $4 are
// the cursor, $5 the limit, $6 the viewer and $7 the instant.
func (b bin) query() string {
	order, beyond := `asc`, `>`
	if b.newest {
		order, beyond = `desc`, `<`
	}
	first := ` order by ` + b.key + ` ` + order + `, ` + b.id + ` ` + order + ` limit $5`
	return `
		with page as (
			select r.* from unnest($2::uuid[]) w(id) cross join lateral (
				select ` + b.key + ` as key, ` + b.id + ` as id, ` + b.due + ` as due, ` + b.asked + ` as asked
				from ` + b.from + ` where ` + strings.ReplaceAll(b.where, `{now}`, `$7`) + `
				and (` + b.key + `, ` + b.id + `) ` + beyond + ` ($3::timestamptz, $4::uuid)` + first + `) r
			order by r.key ` + order + `, r.id ` + order + ` limit $5)
		select d.id::text, d.number, d.title, d.recipient, d.type_name, p.given_name || ' ' || p.family_name, d.state,
			coalesce(d.open_since, d.updated_at), d.updated_at, page.key,
			coalesce(cardinality(d.annexes), (select count(distinct n) - 1 from document_revision r where r.tenant = d.tenant and r.dossier = d.id)),
			exists (select from opened o where o.tenant = d.tenant and o.dossier = d.id and o.person = $6::uuid and o.sha256 = (
				select r.sha256 from document_revision r where r.tenant = d.tenant and r.dossier = d.id and r.n = 1
				order by r.version desc, r.revision desc limit 1)),
			coalesce(page.due, d.due), coalesce(coalesce(page.due, d.due) < $7::timestamptz, false), page.asked
		from page join dossier d on d.tenant = $1 and d.id = page.id
		join person p on p.tenant = d.tenant and p.id = d.drafter
		order by page.key ` + order + `, page.id ` + order
}

// start is the cursor before the first row.
func (b bin) start() cursor {
	if b.newest {
		return cursor{time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), "ffffffff-ffff-ffff-ffff-ffffffffffff"}
	}
	return cursor{time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), "00000000-0000-0000-0000-000000000000"}
}

// List implements dossiers.Store.
func (s *Store) List(ctx context.Context, t dossiers.TenantID, r dossiers.Reader, b dossiers.Bin, page dossiers.Page) (rows []dossiers.Row, next string, err error) {
	want, ok := bins(b)
	if !ok {
		return nil, "", fmt.Errorf("bin %q: %w", b, dossiers.ErrNotFound)
	}
	after, err := parseCursor(page.After, want.start())
	if err != nil {
		return nil, "", err
	}
	var keys []time.Time
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		found, err := tx.Query(ctx, want.query(), t, want.whose(r), after.Key, after.ID, page.Limit+1, r.Person.ID, r.Now)
		if err != nil {
			return fmt.Errorf("list %s: %w", b, err)
		}
		rows, err = pgx.CollectRows(found, func(one pgx.CollectableRow) (dossiers.Row, error) {
			row, key, err := scanRow(one)
			keys = append(keys, key)
			return row, err
		})
		if err != nil {
			return fmt.Errorf("list %s: %w", b, err)
		}
		return nil
	})
	if len(rows) > page.Limit {
		last := page.Limit - 1
		next = cursor{keys[last], string(rows[last].ID)}.String()
		rows = rows[:page.Limit]
	}
	return rows, next, err
}

func scanRow(r pgx.CollectableRow) (row dossiers.Row, key time.Time, err error) {
	var raw []byte
	var due *time.Time
	err = r.Scan(&row.ID, &row.Number, &row.Title, &row.Recipient, &row.TypeName, &row.DrafterName, &raw,
		&row.Since, &row.UpdatedAt, &key, &row.Annexes, &row.Opened, &due, &row.Late, &row.Asked)
	if err != nil {
		return row, key, err
	}
	if due != nil {
		row.Due = *due
	}
	var st circuits.State
	if err := json.Unmarshal(raw, &st); err != nil {
		return row, key, fmt.Errorf("decode state of %s: %w", row.ID, err)
	}
	row.Phase, row.Steps = st.Phase, len(st.Steps)
	at := st.SealingStep()
	if open := st.OpenSteps(); len(open) > 0 {
		at = open[0]
	}
	if at >= 0 {
		row.Step, row.StepTitle, row.StepKind = at+1, st.Circuit.Steps[at].Title, st.Circuit.Steps[at].Kind
		row.Awaiting = st.Steps[at].Awaiting
	}
	if n := len(st.Decisions); n > 0 {
		last := st.Decisions[n-1]
		row.LastDecidedBy = last.By.Name
		if st.Phase == circuits.Refused {
			row.LastRefusal = last.Reason
		}
	}
	return row, key, nil
}

// Count implements dossiers.Store. An index is read as far as its bin is
// counted, and no further.
func (s *Store) Count(ctx context.Context, t dossiers.TenantID, r dossiers.Reader) (map[dossiers.Bin]int, error) {
	counts := map[dossiers.Bin]int{}
	err := s.in(ctx, t, func(tx pgx.Tx) error {
		batch := &pgx.Batch{}
		for _, b := range dossiers.Bins() {
			want, _ := bins(b)
			batch.Queue(want.count(), t, want.whose(r), b.Counted(), r.Now).QueryRow(func(row pgx.Row) error {
				var n int
				err := row.Scan(&n)
				counts[b] = n
				return err
			})
		}
		if err := run(ctx, tx, batch); err != nil {
			return fmt.Errorf("count bins: %w", err)
		}
		return nil
	})
	return counts, err
}

// count counts a bin, up to $3, at the instant $4.
func (b bin) count() string {
	return `select count(*) from (select from unnest($2::uuid[]) w(id) cross join lateral (
		select from ` + b.from + ` where ` + strings.ReplaceAll(b.where, `{now}`, `$4`) + ` limit $3) r limit $3) c where $4::timestamptz is not null`
}

// MarkOpened implements dossiers.Store.
func (s *Store) MarkOpened(ctx context.Context, t dossiers.TenantID, id dossiers.ID, p circuits.PersonID, seen circuits.Digest, at time.Time) error {
	return s.in(ctx, t, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `insert into opened (tenant, dossier, person, sha256, at) values ($1, $2, $3, $4, $5) on conflict do nothing`,
			t, id, p, seen[:], at)
		if err != nil {
			return fmt.Errorf("mark opened: %w", err)
		}
		return nil
	})
}

// Opened implements dossiers.Store.
func (s *Store) Opened(ctx context.Context, t dossiers.TenantID, id dossiers.ID, p circuits.PersonID, seen circuits.Digest) (opened bool, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `select exists (select from opened where tenant = $1 and dossier = $2 and person = $3 and sha256 = $4)`,
			t, id, p, seen[:]).Scan(&opened)
		if err != nil {
			return fmt.Errorf("opened: %w", err)
		}
		return nil
	})
	return opened, err
}
