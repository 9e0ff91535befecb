package postgres

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
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

// A bin is a where clause over dossier d, with the key by which it is read.
type bin struct {
	where string
	key   string // timestamptz column that orders the list
	desc  bool
}

// bins uses $1 = tenant, $2 = person, $3 = desks held, $4 = desks prepared.
func bins(b dossiers.Bin) (bin, bool) {
	switch b {
	case dossiers.BinToDo:
		return bin{where: `d.open_desk = any($3::uuid[])`, key: `d.open_since`}, true
	case dossiers.BinPrepared:
		return bin{where: `d.open_desk = any($4::uuid[])`, key: `d.open_since`}, true
	case dossiers.BinUndoable:
		return bin{where: `d.undoable_by = $2`, key: `d.updated_at`, desc: true}, true
	case dossiers.BinDrafts:
		return bin{where: `d.drafter = $2 and d.phase in ('draft', 'withdrawn')`, key: `d.updated_at`, desc: true}, true
	case dossiers.BinReturned:
		return bin{where: `d.drafter = $2 and d.phase = 'refused'`, key: `d.updated_at`, desc: true}, true
	case dossiers.BinFollowed:
		return bin{where: `d.phase = 'running' and (d.drafter = $2 or exists (
			select from participant f where f.tenant = $1 and f.person = $2 and f.dossier = d.id))`, key: `d.updated_at`, desc: true}, true
	case dossiers.BinCompleted:
		return bin{where: `d.phase = 'completed' and (d.drafter = $2 or exists (
			select from participant f where f.tenant = $1 and f.person = $2 and f.dossier = d.id))`, key: `d.updated_at`, desc: true}, true
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

func parseCursor(s string) (*cursor, error) {
	if s == "" {
		return nil, nil //nolint:nilnil // no cursor is the start of the list
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	c := &cursor{}
	if err != nil || json.Unmarshal(b, c) != nil || !validUUID(c.ID) {
		return nil, &dossiers.InvalidError{Field: "cursor", Reason: "Ce curseur n’est pas l’un des nôtres : reprenez la liste au début."}
	}
	return c, nil
}

// List implements dossiers.Store.
func (s *Store) List(ctx context.Context, t dossiers.TenantID, p dossiers.Person, b dossiers.Bin, page dossiers.Page) (rows []dossiers.Row, next string, err error) {
	want, ok := bins(b)
	if !ok {
		return nil, "", fmt.Errorf("bin %q: %w", b, dossiers.ErrNotFound)
	}
	after, err := parseCursor(page.After)
	if err != nil {
		return nil, "", err
	}
	held, prepared := desksOf(p)
	args := []any{t, p.ID, held, prepared, page.Limit + 1}
	order, beyond := "asc", ">"
	if want.desc {
		order, beyond = "desc", "<"
	}
	where := want.where
	if after != nil {
		where += fmt.Sprintf(` and (%s, d.id) %s ($6, $7::uuid)`, want.key, beyond)
		args = append(args, after.Key, after.ID)
	}
	// The casts keep PostgreSQL sure of the type of parameters that a bin
	// does not use.
	query := `select d.id::text, d.number, d.title, d.recipient, d.type_name, p.given_name || ' ' || p.family_name, d.state,
			coalesce(d.open_since, d.updated_at), d.updated_at, ` + want.key + `,
			(select count(distinct n) - 1 from document_revision r where r.tenant = d.tenant and r.dossier = d.id),
			exists (select from opened o where o.tenant = d.tenant and o.dossier = d.id and o.person = $2::uuid)
		from dossier d join person p on p.tenant = d.tenant and p.id = d.drafter
		where d.tenant = $1::uuid and ($3::uuid[] is not null and $4::uuid[] is not null) and ` + where + `
		order by ` + want.key + ` ` + order + `, d.id ` + order + ` limit $5`
	var keys []time.Time
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		found, err := tx.Query(ctx, query, args...)
		if err != nil {
			return fmt.Errorf("list %s: %w", b, err)
		}
		rows, err = pgx.CollectRows(found, func(r pgx.CollectableRow) (row dossiers.Row, err error) {
			row, key, err := scanRow(r)
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
	err = r.Scan(&row.ID, &row.Number, &row.Title, &row.Recipient, &row.TypeName, &row.DrafterName, &raw,
		&row.Since, &row.UpdatedAt, &key, &row.Annexes, &row.Opened)
	if err != nil {
		return row, key, err
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

// Count implements dossiers.Store.
func (s *Store) Count(ctx context.Context, t dossiers.TenantID, p dossiers.Person) (map[dossiers.Bin]int, error) {
	held, prepared := desksOf(p)
	counts := map[dossiers.Bin]int{}
	err := s.in(ctx, t, func(tx pgx.Tx) error {
		batch := &pgx.Batch{}
		for _, b := range dossiers.Bins() {
			want, _ := bins(b)
			q := `select count(*) from (select from dossier d where d.tenant = $1::uuid
				and ($2::uuid is not null and $3::uuid[] is not null and $4::uuid[] is not null) and ` + want.where + ` limit 1000) c`
			batch.Queue(q, t, p.ID, held, prepared).QueryRow(func(row pgx.Row) error {
				var n int
				err := row.Scan(&n)
				counts[b] = n
				return err
			})
		}
		if err := tx.SendBatch(ctx, batch).Close(); err != nil {
			return fmt.Errorf("count bins: %w", err)
		}
		return nil
	})
	return counts, err
}

// Search implements dossiers.Store.
func (s *Store) Search(ctx context.Context, t dossiers.TenantID, application string, f dossiers.Filter, page dossiers.Page) (out []dossiers.Dossier, next string, err error) {
	after, err := parseCursor(page.After)
	if err != nil {
		return nil, "", err
	}
	if after == nil {
		after = &cursor{Key: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), ID: "ffffffff-ffff-ffff-ffff-ffffffffffff"}
	}
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `select `+dossierColumns+` from `+dossierTables+`
			where d.tenant = $1 and ($2 = '' or d.application = nullif($2, '')::uuid) and (d.created_at, d.id) < ($3, $4::uuid)
			and ($5 = '' or d.phase = $5) and ($6 = '' or d.external_reference = $6)
			and ($7 = '' or d.search @@ websearch_to_tsquery('french', $7))
			order by d.created_at desc, d.id desc limit $8`,
			t, application, after.Key, after.ID, string(f.Phase), f.ExternalReference, f.Query, page.Limit+1)
		if err != nil {
			return fmt.Errorf("search: %w", err)
		}
		if out, err = pgx.CollectRows(rows, scanDossier); err != nil {
			return fmt.Errorf("search: %w", err)
		}
		for i := range out {
			if err := documents(ctx, tx, t, &out[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if len(out) > page.Limit {
		out = out[:page.Limit]
		last := out[page.Limit-1]
		next = cursor{last.CreatedAt, string(last.ID)}.String()
	}
	return out, next, err
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
