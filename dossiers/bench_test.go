package dossiers_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/heaptest"
	"parapheur/internal/pdftest"
	"parapheur/internal/towntest"
	"parapheur/internal/wiring"
)

// heavy is a PDF of about n bytes, as a scanner makes them: one page, one
// picture that does not compress.
func heavy(b *testing.B, n int) []byte {
	b.Helper()
	picture := make([]byte, n)
	if _, err := rand.Read(picture); err != nil {
		b.Fatal(err)
	}
	side := 1 << 10
	return pdftest.File(
		"<</Type/Catalog/Pages 2 0 R>>",
		"<</Type/Pages/Kids[3 0 R]/Count 1>>",
		"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</XObject<</I 5 0 R>>>>/Contents 4 0 R>>",
		pdftest.Stream("", []byte("q 595 0 0 842 0 0 cm /I Do Q")),
		pdftest.Stream(fmt.Sprintf("/Type/XObject/Subtype/Image/Width %d/Height %d/ColorSpace/DeviceGray/BitsPerComponent 8", side, n/side), picture),
	)
}

// floor is what any deposit costs: the bytes on disk and their SHA-256.
func floor(b *testing.B, dir string, pdf []byte) {
	b.Helper()
	f, err := os.Create(filepath.Join(dir, "floor"))
	if err != nil {
		b.Fatal(err)
	}
	h := sha256.New()
	_, err = io.Copy(io.MultiWriter(f, h), onlyReader{bytes.NewReader(pdf)})
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		b.Fatal(err)
	}
}

// onlyReader hides WriterTo: an upload comes in pieces.
type onlyReader struct{ io.Reader }

// BenchmarkDeposit50MB receives and deposits a letter of 50 MB. Its ratio is
// to writing the file and hashing it, measured in between.
func BenchmarkDeposit50MB(b *testing.B) {
	town := towntest.New(b, func(c *wiring.Config) { c.Workers = 0 })
	v := town.Person(b, demo.Drafter).Viewer(b)
	pdf, dir := heavy(b, 50<<20), b.TempDir()
	var ours, base time.Duration
	var peak uint64
	b.SetBytes(int64(len(pdf)))
	for b.Loop() {
		copy(pdf[len(pdf)/2:], rand.Text()) // another file each time
		at := time.Now()
		floor(b, dir, pdf)
		base += time.Since(at)
		grown := heaptest.Watch()
		at = time.Now()
		got, err := town.Office.Receive(b.Context(), town.Tenant, "scan.pdf", onlyReader{bytes.NewReader(pdf)})
		if err != nil {
			b.Fatal(err)
		}
		_, _, err = town.Office.Deposit(b.Context(), v, dossiers.Draft{Title: "Un scan", Recipient: "Quelqu’un", TypeCode: "courrier-simple", Main: got, Start: true})
		if err != nil {
			b.Fatal(err)
		}
		ours += time.Since(at)
		peak = max(peak, grown())
	}
	b.ReportMetric(float64(ours)/float64(base), "x-floor")
	b.ReportMetric(float64(peak)/(1<<20), "MB-heap-extra")
}

// BenchmarkDecision takes visas on many letters of one town at once, over a
// PostgreSQL with fsync: ceremony, assertion, proof, statement, state, evidence
// and journal. Its ratio is to a transaction that writes one row and commits,
// one after the other, which is what the journal of a town allows at best.
func BenchmarkDecision(b *testing.B) {
	for _, decision := range []string{"visa", "signature"} {
		b.Run(decision, func(b *testing.B) {
			_, dsn := towntest.NewLasting(b)
			town := towntest.On(b, dsn, func(c *wiring.Config) { c.Workers = 0 })
			tries := begun(b, town, decision)
			base := commits(b, town)
			var next atomic.Int64
			b.SetParallelism(4)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					x := tries[next.Add(1)-1]
					if _, err := x.who.Finish(b, x.req, x.response); err != nil {
						b.Error(err)
					}
				}
			})
			b.StopTimer()
			rate := float64(b.N) / b.Elapsed().Seconds()
			base = (base + commits(b, town)) / 2 // other work on the machine comes and goes
			b.ReportMetric(rate, "decisions/s")
			b.ReportMetric(base/rate, "x-floor")
		})
	}
}

// begun deposits b.N letters and begins a decision on each.
func begun(b *testing.B, town *towntest.Town, decision string) []try {
	b.Helper()
	drafter, main := town.Person(b, demo.Drafter).Viewer(b), town.Letter(b)
	who, code := town.Person(b, demo.DGS), "courrier-simple"
	if decision == "signature" {
		who, code = town.Person(b, demo.Mayor), "courrier-cabinet"
	}
	tries := make([]try, b.N)
	for i := range tries {
		d, _, err := town.Office.Deposit(b.Context(), drafter, dossiers.Draft{
			Title: fmt.Sprint("Lettre ", i), Recipient: "Quelqu’un", TypeCode: code, Main: main, Start: true,
		})
		if err != nil {
			b.Fatal(err)
		}
		req, err := who.Begin(b, d.ID, decision, "")
		if err != nil {
			b.Fatal(err)
		}
		tries[i] = try{who, req, who.Gesture(b, req)}
	}
	return tries
}

// commits measures how many small transactions a second the disk takes, one
// after the other.
func commits(b *testing.B, town *towntest.Town) float64 {
	b.Helper()
	owner := town.Owner(b)
	if _, err := owner.Exec(b.Context(), `create table if not exists floor (n int)`); err != nil {
		b.Fatal(err)
	}
	const n = 200
	at := time.Now()
	for i := range n {
		if _, err := owner.Exec(b.Context(), `insert into floor values ($1)`, i); err != nil {
			b.Fatal(err)
		}
	}
	return n / time.Since(at).Seconds()
}

const crowd = 100_000

// populate copies a letter until the town has a crowd of them: most completed,
// some thousands on their way, all of them seen by the same people.
func populate(b *testing.B, town *towntest.Town) {
	b.Helper()
	model := town.Deposit(b)
	dgs, mayor := town.Person(b, demo.DGS).Viewer(b), town.Person(b, demo.Mayor).Viewer(b)
	owner := town.Owner(b)
	for _, query := range []string{
		// The last of every hundred waits at the DGS's desk, as the model does.
		`insert into dossier (tenant, id, number, title, recipient, type_code, type_name, note, drafter, phase, state, rev,
			open_since, undoable_by, evidence_head, created_at, updated_at)
		select tenant, gen_random_uuid(), number + n, title || ' ' || n, recipient, type_code, type_name, note, drafter,
			case when n % 20 = 0 then 'running' else 'completed' end, state, rev,
			case when n % 20 = 0 then open_since + n * interval '1 second' end, null,
			evidence_head, created_at + n * interval '1 second', updated_at + n * interval '1 second'
		from dossier, generate_series(1, $2::int) n where id = $1`,
		`insert into turn (tenant, dossier, step, n, asked, holder, desk, since)
		select d.tenant, d.id, m.step, m.n, m.asked, m.holder, m.desk, d.open_since
		from dossier d join turn m on m.tenant = d.tenant and m.dossier = $1 where $2 > 0 and d.phase = 'running' on conflict do nothing`,
		`insert into participant (tenant, person, dossier, decided_at, phase, moved_at)
		select d.tenant, p, d.id, d.updated_at, d.phase, d.updated_at
		from dossier d, unnest(array[d.drafter, '` + string(dgs.Person.ID) + `'::uuid, '` + string(mayor.Person.ID) + `'::uuid]) p
		where $2 > 0 and d.id <> $1 on conflict do nothing`,
		`insert into document_revision (tenant, dossier, n, version, revision, name, pages, segment_sha256, segment_bytes, bytes, sha256, hash_state, at)
		select r.tenant, d.id, r.n, r.version, r.revision, r.name, r.pages, r.segment_sha256, r.segment_bytes, r.bytes, r.sha256, r.hash_state, r.at
		from document_revision r, dossier d where r.dossier = $1 and d.id <> $1 and $2 > 0`,
	} {
		if _, err := owner.Exec(b.Context(), query, model.ID, crowd); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := owner.Exec(b.Context(), `analyze`); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkInbox lists and counts in a town of 100,000 letters, 5,000 of which
// wait at one desk.
func BenchmarkInbox(b *testing.B) {
	town := towntest.New(b, func(c *wiring.Config) { c.Workers = 0 })
	populate(b, town)
	dgs := town.Person(b, demo.DGS).Viewer(b)
	drafter := town.Person(b, demo.Drafter).Viewer(b)
	page := dossiers.Page{Limit: 50}
	asks := map[string]func(context.Context) error{
		"count":         func(ctx context.Context) error { _, err := town.Office.Bins(ctx, dgs); return err },
		"count/drafter": func(ctx context.Context) error { _, err := town.Office.Bins(ctx, drafter); return err },
		"view": func(ctx context.Context) error {
			rows, _, err := town.Office.List(ctx, dgs, dossiers.BinToDo, dossiers.Page{Limit: 1})
			if err == nil {
				_, err = town.Office.View(ctx, dgs, rows[0].ID)
			}
			return err
		},
	}
	for _, bin := range dossiers.Bins() {
		asks["list/"+string(bin)] = func(ctx context.Context) error { _, _, err := town.Office.List(ctx, dgs, bin, page); return err }
	}
	last := ""
	for range 90 { // deep in the list
		var err error
		if _, last, err = town.Office.List(b.Context(), dgs, dossiers.BinToDo, dossiers.Page{Limit: 50, After: last}); err != nil || last == "" {
			b.Fatal(last, err)
		}
	}
	asks["list/deep"] = func(ctx context.Context) error {
		_, _, err := town.Office.List(ctx, dgs, dossiers.BinToDo, dossiers.Page{Limit: 50, After: last})
		return err
	}
	names := make([]string, 0, len(asks))
	for name := range asks {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		b.Run(name, func(b *testing.B) {
			base := ping(b, town.Pool)
			times := make([]time.Duration, 0, b.N)
			for b.Loop() {
				at := time.Now()
				if err := asks[name](b.Context()); err != nil {
					b.Fatal(err)
				}
				times = append(times, time.Since(at))
			}
			slices.Sort(times)
			b.ReportMetric(times[len(times)/2].Seconds()*1e3, "p50-ms")
			b.ReportMetric(times[len(times)*99/100].Seconds()*1e3, "p99-ms")
			b.ReportMetric(float64(times[len(times)/2])/float64(base), "x-floor")
		})
	}
}

// ping is one empty transaction: no answer costs less.
func ping(b *testing.B, pool *pgxpool.Pool) time.Duration {
	b.Helper()
	const n = 50
	at := time.Now()
	for range n {
		tx, err := pool.Begin(b.Context())
		if err == nil {
			_, err = tx.Exec(b.Context(), `select 1`)
		}
		if err := errors.Join(err, tx.Rollback(b.Context())); err != nil {
			b.Fatal(err)
		}
	}
	return time.Since(at) / n
}
