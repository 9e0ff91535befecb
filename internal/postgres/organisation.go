package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"parapheur/circuits"
	"parapheur/circuits/delegation"
	"parapheur/dossiers"
)

// Organisation implements dossiers.Store.
func (s *Store) Organisation(ctx context.Context, t dossiers.TenantID) (g dossiers.Organisation, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		g, err = organisation(ctx, tx, t)
		return err
	})
	return g, err
}

// Organise implements dossiers.Store. The row of the town in organisation is
// locked first: amendments of one town follow one another. The revision grows
// only with an amendment: the clock asks every town each minute whether a
// mandate ended, and whoever edits the set-up meanwhile has read the last one.
func (s *Store) Organise(ctx context.Context, t dossiers.TenantID, by circuits.Actor, at time.Time, decide func(dossiers.Organisation) ([]dossiers.Amendment, error)) (revision int64, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `insert into organisation (tenant, revision) values ($1, 0)
			on conflict (tenant) do update set revision = organisation.revision returning revision`, t).Scan(&revision)
		if err != nil {
			return fmt.Errorf("lock the set-up: %w", err)
		}
		g, err := organisation(ctx, tx, t)
		if err != nil {
			return err
		}
		list, err := decide(g)
		if err != nil || len(list) == 0 {
			return err
		}
		revision++
		if _, err := tx.Exec(ctx, `update organisation set revision = $2 where tenant = $1`, t, revision); err != nil {
			return fmt.Errorf("count the set-up: %w", err)
		}
		return amend(ctx, tx, t, by, at, list)
	})
	return revision, taken(err)
}

// taken turns the violations that a race may meet into what the person is
// told.
func taken(err error) error {
	for constraint, invalid := range map[string]dossiers.InvalidError{
		"person_email":                          {Field: "email", Reason: "Cette adresse est déjà celle d’une personne de la collectivité."},
		"person_external":                       {Field: "external_id", Reason: "Cet identifiant de l’annuaire est déjà celui d’une autre personne."},
		"desk_tenant_name_key":                  {Field: "name", Reason: "Un bureau porte déjà ce nom."},
		"desk_by_code":                          {Field: "code", Reason: "Un bureau porte déjà ce code."},
		"application_tenant_name_key":           {Field: "name", Reason: "Une application porte déjà ce nom."},
		"circuit_version_pkey":                  {Field: "version", Reason: "Cette version du circuit est déjà publiée."},
		"delegation_tenant_number_delegate_key": {Field: "number", Reason: "Cet arrêté délègue déjà à cette personne."},
		"recusal_pkey":                          {Field: "person", Reason: "Cette personne s’est déjà déportée de ce dossier."},
	} {
		if violates(err, constraint) {
			return &invalid
		}
	}
	return err
}

// amend writes amendments and journals each.
func amend(ctx context.Context, tx pgx.Tx, t dossiers.TenantID, by circuits.Actor, at time.Time, list []dossiers.Amendment) error {
	if len(list) == 0 {
		return nil
	}
	facts := make([]fact, len(list))
	b := &pgx.Batch{}
	for i, a := range list {
		if err := queueAmendment(b, t, a, at); err != nil {
			return fmt.Errorf("%s: %w", a.Kind(), err)
		}
		facts[i] = fact{at: at, subject: a.Subject(), kind: a.Kind(), body: amended{a, by}}
	}
	if err := run(ctx, tx, b); err != nil {
		return fmt.Errorf("amend the set-up: %w", err)
	}
	return appendFacts(ctx, tx, t, facts...)
}

// amended is an amendment in the journal: its own fields, and who made it.
type amended struct {
	dossiers.Amendment
	By circuits.Actor
}

// MarshalJSON implements json.Marshaler.
func (a amended) MarshalJSON() ([]byte, error) {
	body, err := json.Marshal(a.Amendment)
	if err != nil {
		return nil, err
	}
	if string(body) == "{}" {
		return json.Marshal(byWhom{a.By})
	}
	by, err := json.Marshal(a.By)
	if err != nil {
		return nil, err
	}
	return append(append(append(body[:len(body)-1], `,"by":`...), by...), '}'), nil
}

// queueAmendment queues the statements of one amendment.
func queueAmendment(b *pgx.Batch, t dossiers.TenantID, a dossiers.Amendment, at time.Time) error {
	switch a := a.(type) {
	case dossiers.MemberSet:
		queueMember(b, t, a, at)
	case dossiers.DeskSet:
		queueDesk(b, t, a.Desk)
	case dossiers.SequenceSet:
		x := a.Sequence
		b.Queue(`insert into sequence (tenant, code, name, pattern, continuous) values ($1, $2, $3, $4, $5)
			on conflict (tenant, code) do update set name = excluded.name, pattern = excluded.pattern, continuous = excluded.continuous`,
			t, x.Code, x.Name, x.Pattern, x.Continuous)
	case dossiers.TypeSet:
		return queueType(b, t, a.Type)
	case dossiers.CircuitDrafted:
		b.Queue(`insert into circuit_draft (tenant, code, definition, at) values ($1, $2, $3, $4)
			on conflict (tenant, code) do update set definition = excluded.definition, at = excluded.at`, t, a.Circuit.Code, a.Circuit.Canonical(), at)
	case dossiers.CircuitDraftDropped:
		b.Queue(`delete from circuit_draft where tenant = $1 and code = $2`, t, a.Code)
	case dossiers.CasesSet:
		return queueCases(b, t, a)
	case dossiers.CircuitPublished:
		queuePublished(b, t, a, at)
	case dossiers.CircuitRetired:
		b.Queue(`insert into circuit_retired (tenant, code, version, at) values ($1, $2, $3, $4) on conflict do nothing`, t, a.Code, a.Version, at)
	case dossiers.ClosureSet:
		b.Queue(`insert into closure (tenant, day, label) values ($1, $2::date, $3)
			on conflict (tenant, day) do update set label = excluded.label`, t, string(a.Closure.On), a.Closure.Label)
	case dossiers.TerritorySet:
		b.Queue(`update tenant set region = $2, zone = $3 where id = $1`, t, a.Territory.Region, a.Territory.Zone)
	case dossiers.DepositRulesSet:
		for _, c := range dossiers.Contents() {
			b.Queue(`insert into deposit_rule (tenant, content, refused) values ($1, $2, $3)
				on conflict (tenant, content) do update set refused = excluded.refused`, t, c, a.Rules[c])
		}
	case dossiers.ArmsSet:
		queuePicture(b, t, a.Picture)
	case dossiers.ArmsRemoved:
		b.Queue(`delete from picture where tenant = $1 and kind = $2`, t, dossiers.PictureArms)
	case dossiers.ClosureRemoved:
		b.Queue(`delete from closure where tenant = $1 and day = $2::date`, t, string(a.On))
	case dossiers.ApplicationSet:
		x := a.Application
		b.Queue(`insert into application (tenant, id, name, default_drafter, frames) values ($1, $2, $3, $4, $5)
			on conflict (tenant, id) do update set name = excluded.name, default_drafter = excluded.default_drafter, frames = excluded.frames`,
			t, x.ID, x.Name, x.DefaultDrafter, list(x.Frames))
	default:
		return queueLaw(b, t, a)
	}
	return nil
}

func queueMember(b *pgx.Batch, t dossiers.TenantID, a dossiers.MemberSet, at time.Time) {
	m := a.Member
	handle := a.Handle
	if len(handle) == 0 {
		handle = nil
	}
	// Somebody new has a handle; the row of somebody known keeps its own.
	b.Queue(`insert into person (tenant, id, civility, given_name, family_name, email, handle, drafter, admin, active, external_id, rank, adjoint, mandate_end)
		values ($1, $2, $3, $4, $5, $6, coalesce($7, (select handle from person where tenant = $1 and id = $2)), $8, $9, $10, nullif($11, ''), $12, $13, nullif($14, '')::date)
		on conflict (tenant, id) do update set civility = excluded.civility, given_name = excluded.given_name, family_name = excluded.family_name,
			email = excluded.email, drafter = excluded.drafter, admin = excluded.admin, active = excluded.active, external_id = excluded.external_id,
			rank = excluded.rank, adjoint = excluded.adjoint, mandate_end = excluded.mandate_end`,
		t, m.ID, m.Civility, m.GivenName, m.FamilyName, m.Email, handle, m.Drafter, m.Admin, !m.Inactive, m.ExternalID, m.Rank, m.Adjoint, string(m.MandateEnd))
	if m.Inactive {
		b.Queue(`update invitation set used_at = $3 where tenant = $1 and person = $2 and used_at is null`, t, m.ID, at)
		b.Queue(`delete from session where tenant = $1 and person = $2`, t, m.ID)
	}
}

func queueDesk(b *pgx.Batch, t dossiers.TenantID, d dossiers.DeskSetup) {
	b.Queue(`insert into desk (tenant, id, code, name, parent, active, position)
		select $1, $2, $3, $4, nullif($5, '')::uuid, $6, coalesce(max(position), 0) + 1 from desk where tenant = $1
		on conflict (tenant, id) do update set code = excluded.code, name = excluded.name, parent = excluded.parent, active = excluded.active`,
		t, d.ID, d.Code, d.Name, string(d.Parent), !d.Inactive)
	seated := []string{}
	for _, list := range [][]dossiers.SeatSetup{d.Holders, d.Preparers} {
		for _, s := range list {
			seated = append(seated, string(s.Person))
		}
	}
	b.Queue(`delete from seat where tenant = $1 and desk = $2 and not person = any($3::uuid[])`, t, d.ID, seated)
	seat := func(s dossiers.SeatSetup, prepares bool) {
		b.Queue(`insert into seat (tenant, desk, person, quality, prepares) values ($1, $2, $3, $4, $5)
			on conflict (tenant, desk, person) do update set quality = excluded.quality, prepares = excluded.prepares`, t, d.ID, s.Person, s.Quality, prepares)
	}
	for _, s := range d.Holders {
		seat(s, false)
	}
	for _, s := range d.Preparers {
		seat(s, true)
	}
	b.Queue(`delete from desk_supervisor where tenant = $1 and desk = $2`, t, d.ID)
	for _, p := range d.Supervisors {
		b.Queue(`insert into desk_supervisor (tenant, desk, person) values ($1, $2, $3) on conflict do nothing`, t, d.ID, p)
	}
}

// queueType keeps what the spine reads in columns, and the rest as it is.
func queueType(b *pgx.Batch, t dossiers.TenantID, y dossiers.TypeSetup) error {
	setup, err := json.Marshal(y)
	if err != nil {
		return fmt.Errorf("encode type %s: %w", y.Code, err)
	}
	level := map[string]int{"B-T": 1, "B-LT": 2, "B-LTA": 3}[y.Level]
	b.Queue(`insert into dossier_type (tenant, code, name, hint, parent, active, level, setup, circuit_code, circuit_version, position)
		select $1, $2, $3, $4, nullif($5, ''), $6, $7, $8,
			nullif($9, ''), (select max(version) from circuit_version where tenant = $1 and code = $9), (select coalesce(max(position), 0) + 1 from dossier_type where tenant = $1)
		on conflict (tenant, code) do update set name = excluded.name, hint = excluded.hint, parent = excluded.parent, active = excluded.active,
			level = excluded.level, setup = excluded.setup, circuit_code = excluded.circuit_code, circuit_version = excluded.circuit_version`,
		t, y.Code, y.Name, y.Hint, y.Parent, !y.Inactive, level, setup, y.Circuit)
	return nil
}

func queuePublished(b *pgx.Batch, t dossiers.TenantID, a dossiers.CircuitPublished, at time.Time) {
	d := a.Circuit
	b.Queue(`insert into circuit_version (tenant, code, version, definition, sha256, published_at) values ($1, $2, $3, $4, $5, $6)`,
		t, d.Code, d.Version, d.Canonical(), a.SHA256[:], at)
	b.Queue(`update dossier_type set circuit_version = $3 where tenant = $1 and circuit_code = $2`, t, d.Code, d.Version)
	b.Queue(`delete from circuit_draft where tenant = $1 and code = $2`, t, d.Code)
}

// Circuit implements dossiers.Store.
func (s *Store) Circuit(ctx context.Context, t dossiers.TenantID, code string, version int) (d circuits.Definition, err error) {
	err = s.in(ctx, t, func(tx pgx.Tx) error {
		var raw []byte
		err := tx.QueryRow(ctx, `select definition from circuit_version where tenant = $1 and code = $2 and version = $3`, t, code, version).Scan(&raw)
		if err != nil {
			return one("circuit", err)
		}
		return json.Unmarshal(raw, &d)
	})
	return d, err
}

// organisation reads the whole set-up in one round trip.
func organisation(ctx context.Context, tx pgx.Tx, t dossiers.TenantID) (g dossiers.Organisation, err error) {
	b := &pgx.Batch{}
	collect(b, &g.People, scanMember, `select id::text, coalesce(external_id, ''), email, civility, given_name, family_name, drafter, admin, not active, rank, adjoint,
		coalesce(mandate_end::text, '') from person where tenant = $1 order by family_name collate "fr-x-icu", given_name, id`, t)
	collect(b, &g.Desks, scanDesk, deskSelect, t)
	collect(b, &g.Sequences, func(row pgx.CollectableRow) (x dossiers.Sequence, err error) {
		return x, row.Scan(&x.Code, &x.Name, &x.Pattern, &x.Continuous)
	}, `select code, name, pattern, continuous from sequence where tenant = $1 order by code`, t)
	collect(b, &g.Types, scanType, `select code, name, hint, coalesce(parent, ''), not active, level, coalesce(circuit_code, ''), setup
		from dossier_type where tenant = $1 order by position, name`, t)
	var versions []storedVersion
	collect(b, &versions, scanVersion, `select v.code, v.version, v.sha256, v.published_at, r.version is not null,
			case when r.version is null and not exists (select from circuit_version n where n.tenant = v.tenant and n.code = v.code and n.version > v.version)
				then v.definition end
		from circuit_version v left join circuit_retired r on r.tenant = v.tenant and r.code = v.code and r.version = v.version
		where v.tenant = $1 order by v.code, v.version`, t)
	var drafts []circuits.Definition
	collect(b, &drafts, scanRecord[circuits.Definition], `select definition from circuit_draft where tenant = $1 order by code`, t)
	var cases []storedCase
	collect(b, &cases, scanCase, `select code, record from circuit_case where tenant = $1 order by code, position`, t)
	collect(b, &g.Delegations, scanRecord[delegation.Delegation], `select record from delegation where tenant = $1 order by number, id`, t)
	collect(b, &g.Absences, scanRecord[delegation.Absence], `select record from absence where tenant = $1 order by from_on desc, id`, t)
	collect(b, &g.Impediments, scanRecord[delegation.Impediment], `select record from impediment where tenant = $1 order by from_on desc, id`, t)
	collect(b, &g.Closures, func(row pgx.CollectableRow) (x dossiers.Closure, err error) { return x, row.Scan(&x.On, &x.Label) },
		`select day::text, label from closure where tenant = $1 order by day`, t)
	collect(b, &g.Applications, func(row pgx.CollectableRow) (x dossiers.ApplicationSetup, err error) {
		return x, row.Scan(&x.ID, &x.Name, &x.DefaultDrafter, &x.Frames)
	}, `select id::text, name, default_drafter::text, nullif(frames, '{}') from application where tenant = $1 order by name`, t)
	b.Queue(`select (select sha256 from picture where tenant = $1 and kind = $2 and replaced_at is null)`, t, dossiers.PictureArms).QueryRow(func(row pgx.Row) error {
		var sum []byte
		err := row.Scan(&sum)
		copy(g.Arms[:], sum)
		return err
	})
	g.Deposits = dossiers.DepositRules{}
	b.Queue(`select content, refused from deposit_rule where tenant = $1`, t).Query(func(rows pgx.Rows) error {
		var content dossiers.NoticeCode
		var refused bool
		_, err := pgx.ForEachRow(rows, []any{&content, &refused}, func() error {
			g.Deposits[content] = refused
			return nil
		})
		return err
	})
	b.Queue(`select region, zone from tenant where id = $1`, t).QueryRow(func(row pgx.Row) error { return row.Scan(&g.Territory.Region, &g.Territory.Zone) })
	b.Queue(`select coalesce(max(revision), 0) from organisation where tenant = $1`, t).QueryRow(func(row pgx.Row) error { return row.Scan(&g.Revision) })
	if err := run(ctx, tx, b); err != nil {
		return g, fmt.Errorf("read the set-up: %w", err)
	}
	g.Circuits = withCases(gather(versions, drafts), cases)
	return g, nil
}

// collect queues a query whose rows go to out.
func collect[T any](b *pgx.Batch, out *[]T, scan pgx.RowToFunc[T], query string, args ...any) {
	b.Queue(query, args...).Query(func(rows pgx.Rows) (err error) {
		*out, err = pgx.CollectRows(rows, scan)
		return err
	})
}

func scanRecord[T any](row pgx.CollectableRow) (x T, err error) {
	var raw []byte
	if err := row.Scan(&raw); err != nil {
		return x, err
	}
	return x, json.Unmarshal(raw, &x)
}

func scanMember(row pgx.CollectableRow) (m dossiers.Member, err error) {
	return m, row.Scan(&m.ID, &m.ExternalID, &m.Email, &m.Civility, &m.GivenName, &m.FamilyName, &m.Drafter, &m.Admin, &m.Inactive, &m.Rank, &m.Adjoint, &m.MandateEnd)
}

const deskSelect = `select k.id::text, k.code, k.name, coalesce(k.parent::text, ''), not k.active,
	coalesce((select json_agg(json_build_object('person', s.person, 'quality', s.quality) order by p.family_name, p.id)
		from seat s join person p on p.tenant = s.tenant and p.id = s.person where s.tenant = k.tenant and s.desk = k.id and not s.prepares), 'null'),
	coalesce((select json_agg(json_build_object('person', s.person, 'quality', s.quality) order by p.family_name, p.id)
		from seat s join person p on p.tenant = s.tenant and p.id = s.person where s.tenant = k.tenant and s.desk = k.id and s.prepares), 'null'),
	coalesce((select json_agg(x.person order by x.person) from desk_supervisor x where x.tenant = k.tenant and x.desk = k.id), 'null')
	from desk k where k.tenant = $1 order by k.position, k.name, k.id`

func scanDesk(row pgx.CollectableRow) (d dossiers.DeskSetup, err error) {
	return d, row.Scan(&d.ID, &d.Code, &d.Name, &d.Parent, &d.Inactive, &d.Holders, &d.Preparers, &d.Supervisors)
}

// scanType puts the columns, which the spine may have written alone, over the
// record.
func scanType(row pgx.CollectableRow) (y dossiers.TypeSetup, err error) {
	var level int
	var c dossiers.TypeSetup
	var setup []byte
	if err := row.Scan(&c.Code, &c.Name, &c.Hint, &c.Parent, &c.Inactive, &level, &c.Circuit, &setup); err != nil {
		return y, err
	}
	if err := json.Unmarshal(setup, &y); err != nil {
		return y, fmt.Errorf("type %s: %w", c.Code, err)
	}
	y.Code, y.Name, y.Hint, y.Parent, y.Inactive, y.Circuit = c.Code, c.Name, c.Hint, c.Parent, c.Inactive, c.Circuit
	if level > 0 {
		y.Level = []string{"B-B", "B-T", "B-LT", "B-LTA"}[level]
	}
	return y, nil
}

// A storedVersion is a version of a circuit; its definition is read for the
// one in force only.
type storedVersion struct {
	code string
	dossiers.CircuitVersion
	definition *circuits.Definition
}

func scanVersion(row pgx.CollectableRow) (v storedVersion, err error) {
	var sha, definition []byte
	if err := row.Scan(&v.code, &v.Version, &sha, &v.PublishedAt, &v.Retired, &definition); err != nil {
		return v, err
	}
	v.SHA256, v.PublishedAt = circuits.Digest(sha), v.PublishedAt.UTC()
	if definition != nil {
		v.definition = &circuits.Definition{}
		return v, json.Unmarshal(definition, v.definition)
	}
	return v, nil
}

// gather makes circuits of their versions and drafts, in the order of codes.
func gather(versions []storedVersion, drafts []circuits.Definition) (out []dossiers.CircuitSetup) {
	for _, v := range versions {
		if len(out) == 0 || out[len(out)-1].Code != v.code {
			out = append(out, dossiers.CircuitSetup{Code: v.code})
		}
		c := &out[len(out)-1]
		c.Versions = append(c.Versions, v.CircuitVersion)
		if v.definition != nil {
			c.Published = v.definition
		}
	}
	for _, d := range drafts {
		found := false
		for i := range out {
			if out[i].Code == d.Code {
				out[i].Draft, found = &d, true
			}
		}
		if !found {
			out = append(out, dossiers.CircuitSetup{Code: d.Code, Draft: &d})
		}
	}
	return out
}
