package dossiers_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/towntest"
	"parapheur/internal/wiring"
)

const (
	towns = 50
	few   = 10_000 // dossiers in all, to which the crowd is compared
	// dueAtOnce is how many dossiers one sweep finds at its deadline.
	dueAtOnce = 1
)

// many is how many dossiers the towns have in the end: BENCH_DOSSIERS, or
// 50,000.
func many(b *testing.B) int {
	b.Helper()
	text := os.Getenv("BENCH_DOSSIERS")
	if text == "" {
		return 50_000
	}
	n, err := strconv.Atoi(text)
	if err != nil || n <= few {
		b.Fatalf("BENCH_DOSSIERS %q: want more than %d", text, few)
	}
	return n
}

// A county is fifty towns in one database. What is measured is asked in the
// first; each has as many dossiers.
type county struct {
	*towntest.Town
	owner *pgxpool.Pool
	gec   dossiers.Viewer // of the first town
	now   time.Time
	model dossiers.ID   // of the first town: at its deadline, and copied
	each  int           // dossiers of each town
	waits []dossiers.ID // deposited for decisions
}

func newCounty(b *testing.B) *county {
	b.Helper()
	c := &county{now: time.Now()}
	c.Town = towntest.New(b, func(cfg *wiring.Config) { cfg.Workers, cfg.Now = 0, func() time.Time { return c.now } })
	c.owner = c.Owner(b)
	ctx := b.Context()
	for n := range towns {
		town, founded := c.Tenant, c.Founded
		if n > 0 {
			var err error
			town, founded, err = demo.SeedTown(ctx, c.System, c.DSN, dossiers.Tenant{
				SIRET: fmt.Sprintf("2149%010d", n), Name: fmt.Sprint("Ville ", n), Place: "Ici", Demo: true,
				RPID: fmt.Sprintf("ville%d.localhost", n), Origin: fmt.Sprintf("http://ville%d.localhost:8080", n),
			})
			if err != nil {
				b.Fatal(err)
			}
		}
		v, _, err := c.Office.Authenticate(ctx, town, founded.APIKeys[demo.GEC])
		if err != nil {
			b.Fatal(err)
		}
		d := c.deposit(b, v, "Lettre modèle")
		if n == 0 {
			c.gec, c.model = v, d.ID
		}
	}
	return c
}

// deposit sends a letter along a circuit with deadlines.
func (c *county) deposit(b *testing.B, v dossiers.Viewer, title string) dossiers.Dossier {
	b.Helper()
	ctx, code := b.Context(), "avec-delai"
	g, err := c.Store.Organisation(ctx, v.Tenant.ID)
	if err != nil {
		b.Fatal(err)
	}
	if !slices.ContainsFunc(g.Types, func(y dossiers.TypeSetup) bool { return y.Code == code }) {
		d := circuits.Definition{Code: code, Version: 1, Name: "Avec délai", Steps: []circuits.Step{
			{ID: "dgs", Kind: circuits.Visa, Desk: g.Desks[slices.IndexFunc(g.Desks, func(d dossiers.DeskSetup) bool { return d.Name == demo.DeskDGS })].ID, Title: "Visa", Days: 1, RemindAfter: []int{1}},
			{ID: "maire", Kind: circuits.Signature, Desk: g.Desks[slices.IndexFunc(g.Desks, func(d dossiers.DeskSetup) bool { return d.Name == demo.DeskMayor })].ID, Title: "Signature"},
		}}
		manager := v
		manager.Manages = true
		if _, err := c.Office.Amend(ctx, manager, dossiers.CircuitPublished{Circuit: d, SHA256: d.Hash()},
			dossiers.TypeSet{Type: dossiers.TypeSetup{Code: code, Name: "Avec délai", Circuit: code}}); err != nil {
			b.Fatal(err)
		}
	}
	town := *c.Town
	town.Tenant = v.Tenant
	d, _, err := c.Office.Deposit(ctx, v, dossiers.Draft{Title: title, Recipient: "Mme Lefèvre", TypeCode: code, Main: town.Letter(b), Start: true})
	if err != nil {
		b.Fatal(err)
	}
	return d
}

// grow copies the model of each town until they have n dossiers in all, with
// their documents, people and journal: sixty are on their way, whatever the
// town has behind it.
func (c *county) grow(b *testing.B, n int) {
	b.Helper()
	from, to := c.each+1, n/towns
	c.each = to
	tx, err := c.owner.Begin(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer tx.Rollback(context.WithoutCancel(b.Context())) //nolint:errcheck // after a commit, nothing
	for _, query := range []string{
		`set local session_replication_role = replica`, // foreign keys hold: rows are copies
		`create temporary table fresh on commit drop as
		select d.tenant, d.id as model, gen_random_uuid() as id, n, n <= 60 as runs, j.seq
		from dossier d join journal_head j on j.tenant = d.tenant, generate_series($1, $2) n where d.title = 'Lettre modèle'`,
		`insert into dossier (tenant, id, number, title, recipient, type_code, type_name, note, drafter, application, phase, state, rev,
			open_since, due, tick, evidence_head, created_at, updated_at)
		select d.tenant, f.id, 1000000 + f.n, 'Lettre ' || f.n || case when f.n % 7 = 0 then ' travaux' else ' courrier' end, 'M. Martin ' || f.n % 1000,
			d.type_code, d.type_name, d.note, d.drafter, d.application, case when f.runs then 'running' else 'completed' end,
			d.state #- '{steps,0,reminded}', d.rev,
			case when f.runs then d.open_since + f.n * interval '1 second' end, case when f.runs then d.due end,
			case when f.runs then '2100-01-01'::timestamptz end,
			d.evidence_head, d.created_at - f.n * interval '1 minute', d.updated_at - f.n * interval '1 minute'
		from fresh f join dossier d on d.tenant = f.tenant and d.id = f.model`,
		`insert into dossier_word (tenant, word, created_at, dossier)
		select d.tenant, w, d.created_at, d.id from fresh f join dossier d on d.tenant = f.tenant and d.id = f.id, unnest(tsvector_to_array(d.search)) w`,
		`insert into turn (tenant, dossier, step, n, asked, holder, desk, since, due)
		select t.tenant, f.id, t.step, t.n, t.asked, t.holder, t.desk, t.since + f.n * interval '1 second', t.due
		from fresh f join turn t on t.tenant = f.tenant and t.dossier = f.model where f.runs`,
		`insert into participant (tenant, person, dossier, decided_at, phase, moved_at)
		select f.tenant, p.person, f.id, p.decided_at, case when f.runs then 'running' else 'completed' end, p.moved_at - f.n * interval '1 minute'
		from fresh f join participant p on p.tenant = f.tenant and p.dossier = f.model`,
		`insert into document_revision (tenant, dossier, n, version, revision, name, pages, segment_sha256, segment_bytes, bytes, sha256, hash_state, at)
		select r.tenant, f.id, r.n, r.version, r.revision, r.name, r.pages, r.segment_sha256, r.segment_bytes, r.bytes, r.sha256, r.hash_state, r.at
		from fresh f join document_revision r on r.tenant = f.tenant and r.dossier = f.model`,
		`insert into journal (tenant, seq, at, subject, application, kind, body, prev, hash)
		select j.tenant, f.seq + f.n - $1 + 1, j.at, f.id::text, j.application, j.kind, j.body, j.prev, j.hash
		from fresh f join journal j on j.tenant = f.tenant and j.subject = f.model::text and j.kind = 'dossier.deposited'`,
		`update journal_head set seq = seq + $2 - $1 + 1`,
		`analyze`,
	} {
		query = strings.NewReplacer("$1", strconv.Itoa(from), "$2", strconv.Itoa(to)).Replace(query)
		if _, err := tx.Exec(b.Context(), query); err != nil {
			b.Fatalf("%v: %s", err, query)
		}
	}
	if err := tx.Commit(b.Context()); err != nil {
		b.Fatal(err)
	}
	if _, err := c.owner.Exec(b.Context(), `vacuum analyze dossier, dossier_word, turn, participant, document_revision, journal`); err != nil {
		b.Fatal(err)
	}
}

// due puts some dossiers of the first town at their deadline.
func (c *county) due(b *testing.B) {
	b.Helper()
	_, err := c.owner.Exec(b.Context(), `update dossier set tick = $3 where tenant = $1 and id in
		(select id from dossier where tenant = $1 and tick = '2100-01-01' and jsonb_typeof(state -> 'steps' -> 0 -> 'reminded') is null limit $2)`,
		c.Tenant.ID, dueAtOnce, c.now.Add(-time.Hour))
	if err != nil {
		b.Fatal(err)
	}
}

// measure is the median time of each question.
func (c *county) measure(b *testing.B) map[string]time.Duration {
	b.Helper()
	ctx := b.Context()
	dgs := c.Person(b, demo.DGS)
	v := dgs.Viewer(b)
	page := dossiers.Page{Limit: 50}
	quiet := func(context.Context) {}
	search := func(text string, least int) func(context.Context) error {
		return func(ctx context.Context) error {
			found, _, err := c.Office.Search(ctx, c.gec, dossiers.Filter{Query: text}, page)
			if err == nil && len(found) < least {
				return fmt.Errorf("%d letters found", len(found))
			}
			return err
		}
	}
	asks := []struct {
		name   string
		before func(context.Context)
		ask    func(context.Context) error
	}{
		{"inbox/list", quiet, func(ctx context.Context) error {
			_, _, err := c.Office.List(ctx, v, dossiers.BinToDo, page)
			return err
		}},
		{"inbox/completed", quiet, func(ctx context.Context) error {
			_, _, err := c.Office.List(ctx, v, dossiers.BinCompleted, page)
			return err
		}},
		{"inbox/count", quiet, func(ctx context.Context) error { _, err := c.Office.Bins(ctx, v); return err }},
		{"search/rare", quiet, search("Martin 117", 1)},
		{"search/common", quiet, search("travaux", 20)},
		{"search/none", quiet, search("inexistant", 0)},
		{"search/recent", quiet, search("", 50)},
		{"sweep/idle", quiet, func(ctx context.Context) error { _, err := c.Office.Sweep(ctx, c.Tenant.ID); return err }},
		{"sweep/due", func(context.Context) { c.due(b) }, func(ctx context.Context) error {
			n, err := c.Office.Sweep(ctx, c.Tenant.ID)
			if err == nil && n.Reminded != dueAtOnce {
				return fmt.Errorf("%+v in a town of %d", n, c.each)
			}
			return err
		}},
		{"decision", func(context.Context) { c.waits = append(c.waits, c.deposit(b, c.gec, "À viser").ID) }, func(context.Context) error {
			_, err := dgs.Decide(b, c.waits[len(c.waits)-1], "visa", "")
			return err
		}},
	}
	out := map[string]time.Duration{}
	for _, x := range asks {
		var times []time.Duration
		for range 25 {
			x.before(ctx)
			at := time.Now()
			if err := x.ask(ctx); err != nil {
				b.Fatalf("%s: %v", x.name, err)
			}
			times = append(times, time.Since(at))
		}
		slices.Sort(times)
		out[x.name] = times[len(times)/2]
	}
	return out
}

// BenchmarkTowns asks the same with 10,000 dossiers in fifty towns and with
// many more, and reports the ratio of the medians: the cost must not grow with
// the crowd (at most x2).
func BenchmarkTowns(b *testing.B) {
	n := many(b)
	for b.Loop() {
		c := newCounty(b)
		c.grow(b, few)
		for _, p := range []string{demo.DGS, demo.Administrator} {
			c.Person(b, p)
		}
		c.now = c.now.Add(6 * 24 * time.Hour) // past every deadline
		small := c.measure(b)
		from := time.Now()
		c.grow(b, n)
		b.Logf("%d dossiers in %d towns after %s", n, towns, time.Since(from).Round(time.Second))
		large := c.measure(b)
		for name, at := range large {
			ratio := float64(at) / float64(small[name])
			b.Logf("%-16s %8.2f ms with %d dossiers, %8.2f ms with %d: x%.2f", name, small[name].Seconds()*1e3, few, at.Seconds()*1e3, n, ratio)
			b.ReportMetric(ratio, "x-10k/"+name)
		}
	}
}
