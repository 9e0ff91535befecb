//go:build load

package e2e

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"parapheur/api"
	"parapheur/api/client"
	"parapheur/internal/child"
	"parapheur/internal/demo"
	"parapheur/internal/egress"
	"parapheur/internal/towntest"
	"parapheur/internal/wiring"
)

// TestMain lets the checks of letters run in copies of this program.
func TestMain(m *testing.M) {
	child.Main(wiring.Jobs()...)
	os.Exit(m.Run())
}

// letterBytes is the size of a letter of the load.
const letterBytes = 200 << 10

// A hall under load is a node behind a real listener on this machine, and the
// receiver of its webhooks: server, sender, receiver and depositor share the
// cores and the memory of one process; PostgreSQL runs beside.
type loaded struct {
	*towntest.Town
	*client.Client
	told    *heard
	repeats atomic.Int64 // what the server asked to come back with
}

// heard counts the messages of each dossier, and what is wrong with them.
type heard struct {
	mu    sync.Mutex
	kinds map[string][]string
	all   int
	again int
	ids   map[string]bool
	woken chan struct{}
}

func (h *heard) take(m client.Message) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ids[m.ID] {
		h.again++
		return
	}
	h.ids[m.ID] = true
	h.all++
	h.kinds[m.Data.Dossier] = append(h.kinds[m.Data.Dossier], m.Type)
	select {
	case h.woken <- struct{}{}:
	default:
	}
}

type loadHost struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (h loadHost) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Host = strings.TrimPrefix(towntest.Origin, "http://")
	return h.RoundTripper.RoundTrip(r)
}

func newLoaded(t *testing.T) *loaded {
	t.Helper()
	allow, err := egress.ParseAllow("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	x := &loaded{told: &heard{kinds: map[string][]string{}, ids: map[string]bool{}, woken: make(chan struct{}, 1)}}
	x.Town = towntest.New(t, func(c *wiring.Config) { c.Egress, c.Outward.Rounds = allow, time.Second })
	server := httptest.NewServer(api.New(api.Options{
		Office: x.Office, Hub: x.Hub, Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})), Spool: t.TempDir(), Rate: 1e6, Burst: 1e6,
	}))
	t.Cleanup(server.Close)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 64
	x.Client = &client.Client{
		URL: server.URL, Key: x.Founded.APIKeys[demo.GEC], HTTP: &http.Client{Transport: loadHost{transport}, Timeout: time.Minute}, Attempts: 20,
		Sleep: func(ctx context.Context, d time.Duration) error {
			x.repeats.Add(1)
			timer := time.NewTimer(d)
			defer timer.Stop()
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-timer.C:
				return nil
			}
		},
	}
	return x
}

// listen adds the webhook of the load.
func (x *loaded) listen(t *testing.T) {
	t.Helper()
	var verifier *client.Verifier
	hooks := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		m, verr := verifier.Verify(r.Header, body, time.Now())
		if err != nil || verr != nil {
			t.Errorf("a call: %v, %v", err, verr)
		}
		x.told.take(m)
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(hooks.Close)
	_, secret, err := x.AddWebhook(t.Context(), hooks.URL)
	if err != nil {
		t.Fatal(err)
	}
	if verifier, err = client.NewVerifier(secret); err != nil {
		t.Fatal(err)
	}
}

// letterOf is a PDF of about 200 KB which no other letter equals: one page
// with a picture, as a scanner makes it.
func letterOf(n int) client.Letter {
	var b bytes.Buffer
	offsets := make([]int, 6)
	picture := make([]byte, 400*(letterBytes/400))
	_, _ = rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(n >> 16)}).Read(picture) // never fails
	object := func(i int, text string) {
		offsets[i] = b.Len()
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i, text)
	}
	b.WriteString("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
	object(1, "<</Type/Catalog/Pages 2 0 R>>")
	object(2, "<</Type/Pages/Kids[3 0 R]/Count 1>>")
	object(3, "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</XObject<</I 5 0 R>>>>>>")
	object(4, "<</Length 34>>stream\nq 400 0 0 500 090 170 cm /I Do Q  \nendstream")
	object(5, fmt.Sprintf("<</Type/XObject/Subtype/Image/Width 400/Height %d/ColorSpace/DeviceGray/BitsPerComponent 8/Length %d>>stream\n%s\nendstream", len(picture)/400, len(picture), picture))
	at := b.Len()
	b.WriteString("xref\n0 6\n0000000000 65535 f \n")
	for _, o := range offsets[1:] {
		fmt.Fprintf(&b, "%010d 00000 n \n", o)
	}
	fmt.Fprintf(&b, "trailer<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", at)
	return client.Letter{
		Title: "Charge " + strconv.Itoa(n), Recipient: "M. Lefèvre", Type: "courrier-simple", Reference: "CHARGE-" + strconv.Itoa(n),
		Document: client.Bytes("lettre.pdf", b.Bytes()),
	}
}

func setting(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil && n > 0 {
		return n
	}
	return otherwise
}

func at(sorted []time.Duration, share float64) time.Duration {
	return sorted[min(len(sorted)-1, int(share*float64(len(sorted))))].Round(time.Millisecond / 10)
}

// TestLoad deposits LOAD_RATE letters a second (50) for LOAD_SECONDS (120), a
// new one each turn whether the last ones were answered or not, and waits for
// every webhook. Nothing fails, nothing is missing, each dossier's messages
// come in order.
func TestLoad(t *testing.T) {
	runtime.GOMAXPROCS(2)
	rate, seconds := setting("LOAD_RATE", 50), setting("LOAD_SECONDS", 120)
	x := newLoaded(t)
	x.listen(t)
	total := rate * seconds
	took := make([]time.Duration, total)
	var failed atomic.Int64
	var wg sync.WaitGroup
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	before := x.Spent(t)
	began := time.Now()
	for n := range total {
		<-tick.C
		due := began.Add(time.Duration(n+1) * time.Second / time.Duration(rate))
		wg.Go(func() {
			if _, err := x.Client.Deposit(t.Context(), "charge-"+strconv.Itoa(n), letterOf(n)); err != nil {
				failed.Add(1)
				t.Errorf("letter %d: %v", n, err)
			}
			took[n] = time.Since(due) // waiting for its turn counts
		})
	}
	wg.Wait()
	all := time.Since(began)
	slices.Sort(took)
	deposited := time.Now()
	if n, reached := x.repeats.Load(), float64(total)/all.Seconds(); n > 0 || reached < .97*float64(rate) {
		t.Errorf("%.1f letters a second of %d, and %d times asked to come back", reached, rate, n)
	}
	limit := time.NewTimer(5 * time.Minute)
	defer limit.Stop()
	for {
		x.told.mu.Lock()
		n := x.told.all
		x.told.mu.Unlock()
		if n >= 2*total {
			break
		}
		select {
		case <-x.told.woken:
		case <-limit.C:
			t.Fatalf("%d of %d messages came", n, 2*total)
		}
	}
	for id, kinds := range x.told.kinds {
		if !slices.Equal(kinds, []string{"dossier.deposited", "dossier.started"}) {
			t.Errorf("%s was told %v", id, kinds)
		}
	}
	t.Logf("%d letters of %d KB in %s (%.1f a second), %d failed, %d times asked to come back; p50 %s, p95 %s, p99 %s, worst %s; %d messages, the last %s after the last deposit, %d repeated; %s for each letter; %s",
		total, letterBytes>>10, all.Round(time.Millisecond), float64(total)/all.Seconds(), failed.Load(), x.repeats.Load(), at(took, .5), at(took, .95), at(took, .99), took[total-1].Round(time.Millisecond),
		x.told.all, time.Since(deposited).Round(time.Millisecond), x.told.again, x.Spent(t).Since(before).Each(total), memory())
}

// memory is the largest this process was, as the system counts it.
func memory() string {
	raw, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return "memory unknown"
	}
	for line := range strings.Lines(string(raw)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			return "memory at most " + strings.TrimSpace(value)
		}
	}
	return "memory unknown"
}

// TestCostIsFlat measures what a deposit and a page of each kind of list cost
// with 1,000 letters in the base, and with LOAD_LETTERS (1,000,000): at most
// twice as much, in time of the processor, which other programs do not share.
func TestCostIsFlat(t *testing.T) {
	runtime.GOMAXPROCS(2)
	x := newLoaded(t)
	first, err := x.Client.Deposit(t.Context(), "charge-modele", letterOf(1<<20))
	if err != nil {
		t.Fatal(err)
	}
	costs := map[string][2]time.Duration{}
	for i, size := range []int{1000, setting("LOAD_LETTERS", 1_000_000)} {
		from := time.Now()
		x.fill(t, first.ID, size)
		t.Logf("%7d letters in the base, of %d MB, after %s", size, x.size(t)>>20, time.Since(from).Round(time.Second))
		for _, one := range x.questions(i) {
			var took []time.Duration
			before := x.Spent(t)
			for n := range asked {
				from := time.Now()
				if err := one.ask(t.Context(), n); err != nil {
					t.Fatalf("%s: %v", one.name, err)
				}
				took = append(took, time.Since(from))
			}
			slices.Sort(took)
			cost, c := x.Spent(t).Since(before).Each(asked), costs[one.name]
			c[i] = cost.All()
			costs[one.name] = c
			t.Logf("%7d letters: %-26s p50 %s, p99 %s; %s", size, one.name, at(took, .5), at(took, .99), cost)
		}
	}
	for name, c := range costs {
		if c[1] > 2*c[0]+clock {
			t.Errorf("%s: %s, then %s", name, c[0], c[1])
		}
	}
}

const (
	asked = 100                  // how often each question is
	clock = 2 * time.Millisecond // what the measure of so many leaves uncertain
)

// A question is asked of a base of any size; n makes it another each time.
type question struct {
	name string
	ask  func(ctx context.Context, n int) error
}

// questions are a deposit, and each filter of the list alone and with others:
// what many letters have, what few have, what none has.
func (x *loaded) questions(round int) []question {
	number := func(n int) string { return strconv.Itoa(n%900 + 1) } // of a copy
	filters := map[string]func(n int) client.Filter{
		"all":                  func(int) client.Filter { return client.Filter{} },
		"phase":                func(int) client.Filter { return client.Filter{Phase: "running"} },
		"phase, rare":          func(int) client.Filter { return client.Filter{Phase: "refused"} },
		"phase, none":          func(int) client.Filter { return client.Filter{Phase: "draft"} },
		"reference":            func(n int) client.Filter { return client.Filter{Reference: "copie-" + number(n)} },
		"reference, none":      func(n int) client.Filter { return client.Filter{Reference: "perdue-" + number(n)} },
		"number":               func(n int) client.Filter { return client.Filter{Number: int64(1_000_001 + n)} },
		"type":                 func(int) client.Filter { return client.Filter{Type: "courrier-simple"} },
		"type, none":           func(int) client.Filter { return client.Filter{Type: "decision"} },
		"type and phase, rare": func(int) client.Filter { return client.Filter{Type: "courrier-simple", Phase: "refused"} },
		"moved, little":        func(int) client.Filter { return client.Filter{UpdatedAfter: time.Now().Add(-10 * time.Minute)} },
		"moved, much":          func(int) client.Filter { return client.Filter{UpdatedAfter: time.Now().AddDate(-1, 0, 0)} },
		"moved and phase, rare": func(int) client.Filter {
			return client.Filter{UpdatedAfter: time.Now().AddDate(-1, 0, 0), Phase: "refused"}
		},
		"words, common":         func(int) client.Filter { return client.Filter{Query: "charge"} },
		"words, rare":           func(n int) client.Filter { return client.Filter{Query: "charge " + number(n)} },
		"words, none":           func(int) client.Filter { return client.Filter{Query: "inexistant"} },
		"words and phase, rare": func(int) client.Filter { return client.Filter{Query: "charge lefèvre", Phase: "refused"} },
		"words, phase, type, moved": func(int) client.Filter {
			return client.Filter{Query: "charge", Phase: "completed", Type: "courrier-simple", UpdatedAfter: time.Now().AddDate(-1, 0, 0)}
		},
	}
	out := []question{{"deposit", func(ctx context.Context, n int) error {
		_, err := x.Client.Deposit(ctx, client.NewKey(), letterOf(round<<16+n))
		return err
	}}}
	for _, name := range slices.Sorted(maps.Keys(filters)) {
		out = append(out, question{"list: " + name, func(ctx context.Context, n int) error {
			for _, err := range x.Dossiers(ctx, filters[name](n)) {
				return err // the first page
			}
			return nil
		}})
	}
	return out
}

// fill copies one letter, with all that the base knows of it, until there are
// size of them: a second apart, most of them completed, few refused and none a
// draft. The copies have no bytes of their own, and their entries of the
// journal no valid hash: nobody reads those here.
func (x *loaded) fill(t *testing.T, id string, size int) {
	t.Helper()
	pool := x.Owner(t)
	conn, err := pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	err = pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error {
		tables, err := tablesOf(t.Context(), tx)
		if err != nil {
			return err
		}
		for _, statement := range append([]string{
			`set local session_replication_role = replica`, // the copies need no check
			`select set_config('parapheur.tenant', $1, true)`,
			`create temp table copy on commit drop as select gen_random_uuid() as id, n, n * interval '1 second' as ago,
				case when n % 50 = 0 then 'running' when n < 400 and n % 100 = 1 then 'refused' else 'completed' end as phase
				from generate_series((select count(*)::int from dossier), $2::int - 1) n`,
		}, tables...) {
			statement = strings.NewReplacer("$1", "'"+string(x.Tenant.ID)+"'", "$2", strconv.Itoa(size), "$3", "'"+id+"'").Replace(statement)
			if _, err := tx.Exec(t.Context(), statement); err != nil {
				return fmt.Errorf("%s: %w", statement, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), `vacuum analyze`); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := conn.QueryRow(t.Context(), `select count(*) from dossier`).Scan(&n); err != nil || n < size {
		t.Fatalf("%d letters in the base, %v", n, err)
	}
}

// size is how large the base is, in bytes.
func (x *loaded) size(t *testing.T) (n int64) {
	t.Helper()
	if err := x.Owner(t).QueryRow(t.Context(), `select pg_database_size(current_database())`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// changed is what a copy has of its own, by column and by "table.column".
func changed() map[string]string {
	return map[string]string{
		"dossier": "c.id", "dossier.id": "c.id", "dossier.number": "1000000 + c.n", "dossier.external_reference": "'copie-' || c.n",
		"dossier.title": "'Charge ' || c.n", "dossier.phase": "c.phase", "participant.phase": "c.phase",
		"dossier.created_at": "x.created_at - c.ago", "dossier.updated_at": "x.updated_at - c.ago", "participant.moved_at": "x.moved_at - c.ago",
	}
}

// tablesOf writes the copies of every table that is about dossiers.
func tablesOf(ctx context.Context, tx pgx.Tx) ([]string, error) {
	rows, err := tx.Query(ctx, `select c.table_name::text, array_agg(column_name::text order by ordinal_position) from information_schema.columns c join information_schema.tables t on t.table_schema = c.table_schema and t.table_name = c.table_name
		where c.table_schema = 'public' and table_type = 'BASE TABLE' and is_generated = 'NEVER' and (c.table_name = 'dossier' or exists (select from information_schema.columns o
			where o.table_schema = 'public' and o.table_name = c.table_name and o.column_name = 'dossier')) and c.table_name not in ('idempotency', 'webhook_delivery', 'dossier_word')
		group by c.table_name order by (c.table_name <> 'dossier'), 1`)
	if err != nil {
		return nil, err
	}
	var out []string
	var name string
	var columns []string
	_, err = pgx.ForEachRow(rows, []any{&name, &columns}, func() error {
		values := make([]string, len(columns))
		for i, column := range columns {
			values[i] = cmp.Or(changed()[name+"."+column], changed()[column], "x."+column)
		}
		which, only := "dossier", ""
		switch name {
		case "dossier":
			which = "id"
		case "turn":
			only = " and c.phase = 'running'"
		}
		out = append(out, fmt.Sprintf(`insert into %s (%s) select %s from %[1]s x, copy c where x.%[4]s = $3%[5]s`, name, strings.Join(columns, ", "), strings.Join(values, ", "), which, only))
		return nil
	})
	return append(out,
		`insert into dossier_word (tenant, word, created_at, dossier) select d.tenant, w, d.created_at, d.id from copy c join dossier d on d.tenant = $1 and d.id = c.id, unnest(tsvector_to_array(d.search)) w`,
		`with h as (select seq from journal_head where tenant = $1), e as (select j.*, row_number() over (order by seq) as rank, count(*) over () as entries from journal j where tenant = $1 and subject = $3)
		 insert into journal (tenant, seq, at, subject, application, kind, body, prev, hash)
		 select e.tenant, h.seq + (c.n - (select min(n) from copy)) * e.entries + e.rank, e.at, c.id::text, e.application, e.kind, e.body, e.prev, e.hash from e, copy c, h`,
		`update journal_head set seq = (select max(seq) from journal where tenant = $1) where tenant = $1`), err
}
