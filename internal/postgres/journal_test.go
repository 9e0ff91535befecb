package postgres_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/towntest"
	"parapheur/internal/wiring"
	"parapheur/journal"
)

// entries reads the whole journal of the town.
func entries(t *testing.T, town *towntest.Town) []journal.Entry {
	t.Helper()
	all, err := town.Store.Journal(t.Context(), town.Tenant.ID, 0, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func verify(t *testing.T, town *towntest.Town) {
	t.Helper()
	all := entries(t, town)
	head, err := journal.Verify(journal.Genesis(town.Tenant.SIRET), func(yield func(journal.Entry, error) bool) {
		for _, e := range all {
			if !yield(e, nil) {
				return
			}
		}
	})
	if err != nil || head.Seq != int64(len(all)) {
		t.Errorf("the journal holds up to entry %d of %d: %v", head.Seq, len(all), err)
	}
}

// Sixteen write at once while a follower reads after its cursor: numbers
// without gap, nothing jumped over, one chain.
func TestFollowerLosesNothing(t *testing.T) {
	t.Parallel()
	town := towntest.New(t, func(c *wiring.Config) { c.Workers = 0 })
	start := int64(len(entries(t, town)))
	const writers, each = 16, 15
	var writing sync.WaitGroup
	errs := make(chan error, writers*each)
	for w := range writers {
		writing.Go(func() {
			for i := range each {
				d := dossiers.Desk{ID: circuits.DeskID(uuid.NewString()), Name: fmt.Sprintf("Bureau %d.%d", w, i)}
				errs <- town.Store.AddDesk(t.Context(), town.Tenant.ID, d, circuits.Actor{Name: "test"}, time.Now())
			}
		})
	}
	cursor := start
	for deadline := time.Now().Add(30 * time.Second); cursor < start+writers*each; {
		page, err := town.Store.Journal(t.Context(), town.Tenant.ID, cursor, 7)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page {
			if e.Seq != cursor+1 {
				t.Fatalf("the follower finds entry %d after entry %d", e.Seq, cursor)
			}
			cursor = e.Seq
		}
		if time.Now().After(deadline) {
			t.Fatalf("the follower is at entry %d", cursor)
		}
	}
	writing.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	verify(t, town)
}

// commands are what may be tried on a dossier, rightly or wrongly: they pick
// people, desks and steps at random among those of the town.
func commands(r *rand.Rand, people []dossiers.Person, kind dossiers.Type) []func(s circuits.State, at time.Time) ([]circuits.Event, error) {
	pick := func() circuits.Actor {
		p := people[r.IntN(len(people))]
		a := circuits.Actor{Person: p.ID, Name: p.Name()}
		if len(p.Seats) > 0 {
			a.Desk, a.Quality = p.Seats[0].Desk, p.Seats[0].Quality
		}
		return a
	}
	digest := func() (d circuits.Digest) {
		for i := range d {
			d[i] = byte(r.UintN(256))
		}
		return d
	}
	choice := func(s circuits.State, at time.Time) circuits.Choice {
		c := circuits.Choice{By: pick(), Seen: s.LastSealed(), Evidence: digest(), At: at}
		if open := s.OpenSteps(); len(open) > 0 {
			c.Step = open[0]
		}
		return c
	}
	return []func(s circuits.State, at time.Time) ([]circuits.Event, error){
		func(s circuits.State, at time.Time) ([]circuits.Event, error) {
			return s.Start(pick(), kind.Circuit, circuits.Facts{}, at)
		},
		func(s circuits.State, at time.Time) ([]circuits.Event, error) {
			return s.Visa(choice(s, at), circuits.Facts{})
		},
		func(s circuits.State, at time.Time) ([]circuits.Event, error) {
			return s.Visa(choice(s, at), circuits.Facts{})
		},
		func(s circuits.State, at time.Time) ([]circuits.Event, error) {
			return s.Sign(choice(s, at), circuits.Facts{})
		},
		func(s circuits.State, at time.Time) ([]circuits.Event, error) {
			return s.Refuse(choice(s, at), "Un motif « précis »", circuits.Return{}, circuits.Facts{})
		},
		func(s circuits.State, at time.Time) ([]circuits.Event, error) { return s.Undo(pick(), digest(), at) },
		func(s circuits.State, at time.Time) ([]circuits.Event, error) {
			return s.Withdraw(pick(), "une raison", at)
		},
		func(s circuits.State, at time.Time) ([]circuits.Event, error) {
			return s.Correct(circuits.Correction{By: pick(), Document: digest(), Bytes: 1 + r.Int64N(1e6), At: at}, circuits.Facts{})
		},
		func(s circuits.State, at time.Time) ([]circuits.Event, error) {
			return s.AwaitTimestamp(max(s.SealingStep(), 0), at)
		},
		func(s circuits.State, at time.Time) ([]circuits.Event, error) {
			return s.Seal(circuits.StepSealed{Step: s.SealingStep(), Signed: digest(), Bytes: 1, Level: "PAdES-BASELINE-T", At: at}, circuits.Facts{})
		},
	}
}

// Whatever is done, in whatever order, the stored state is the fold of the
// dossier's journal entries, read back; the columns that lists read say the
// same; and the town's chain holds.
func TestStateIsTheFoldOfTheJournal(t *testing.T) {
	t.Parallel()
	town := towntest.New(t, func(c *wiring.Config) { c.Workers = 0 })
	seed := uint64(time.Now().UnixNano()) //nolint:gosec // any seed will do, and it is told
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // not a secret
	people, err := town.Store.People(t.Context(), town.Tenant.ID)
	if err != nil {
		t.Fatal(err)
	}
	types, err := town.Store.Types(t.Context(), town.Tenant.ID)
	if err != nil {
		t.Fatal(err)
	}
	drafter, letter := town.Person(t, demo.Drafter).Viewer(t), town.Letter(t)
	refused := errors.New("refused")
	phases, owner := map[circuits.Phase]int{}, town.Owner(t)
	for range 30 {
		kind := types[r.IntN(len(types))]
		d, _, err := town.Office.Deposit(t.Context(), drafter, dossiers.Draft{
			Title: "Une lettre", Recipient: "Quelqu’un", TypeCode: kind.Code, Main: letter, Start: r.IntN(4) > 0,
		})
		if err != nil {
			t.Fatal(err)
		}
		try := commands(r, people, kind)
		for range 60 {
			_, err := town.Store.Update(t.Context(), town.Tenant.ID, d.ID, "", func(w dossiers.Work) (dossiers.Change, error) {
				events, err := try[r.IntN(len(try))](w.Dossier.State, time.Now().UTC().Truncate(time.Microsecond))
				if err != nil {
					return dossiers.Change{}, refused
				}
				return dossiers.Change{Events: events}, nil
			})
			if err != nil && !errors.Is(err, refused) {
				t.Fatal(err)
			}
		}
		phases[folded(t, town, owner, d.ID).Phase]++
	}
	t.Logf("ended in %v", phases)
	verify(t, town)
}

// folded compares a dossier with its journal and returns its state.
func folded(t *testing.T, town *towntest.Town, owner *pgxpool.Pool, id dossiers.ID) circuits.State {
	t.Helper()
	d, err := town.Store.Dossier(t.Context(), town.Tenant.ID, id)
	if err != nil {
		t.Fatal(err)
	}
	history, err := town.Store.JournalOf(t.Context(), town.Tenant.ID, id)
	if err != nil {
		t.Fatal(err)
	}
	events := make([]circuits.Event, len(history))
	for i, e := range history {
		if events[i], err = circuits.Decode(e.Kind, e.Body); err != nil {
			t.Fatal(err)
		}
	}
	want, err := json.Marshal(circuits.Fold(events))
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(d.State)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("the stored state\n%s\nis not the fold of the journal\n%s", got, want)
	}
	var same bool
	err = owner.QueryRow(t.Context(), `
		select d.phase = $3 and d.rev = $4 and coalesce(d.undoable_by::text, '') = $5
			and (d.open_since is null) = ($6 = '') and d.blocked = $7
			and coalesce((select string_agg(holder || case when asked then '?' else '' end, ' ' order by step, asked, n) from turn u where u.tenant = d.tenant and u.dossier = d.id), '') = $6
			and not exists (select from participant p where p.tenant = d.tenant and p.dossier = d.id and (p.phase <> d.phase or p.moved_at <> d.updated_at))
		from dossier d where d.tenant = $1 and d.id = $2`,
		town.Tenant.ID, id, d.State.Phase, d.State.Events, d.State.UndoableBy(), waiting(d.State), d.State.BlockedStep() >= 0).Scan(&same)
	if err != nil || !same {
		t.Errorf("the columns of %s do not say what its state says: %v", id, err)
	}
	return d.State
}

// waiting lists who holds what waits at a dossier: its lines in in-trays.
func waiting(s circuits.State) string {
	var out []string
	for _, u := range s.OpenTurns() {
		holder := string(u.Person)
		if holder == "" {
			holder = string(u.Desk)
		}
		out = append(out, holder)
	}
	for _, q := range s.OpenQuestions() {
		holder := string(q.To.Person)
		if holder == "" {
			holder = string(q.To.Desk)
		}
		out = append(out, holder+"?")
	}
	return strings.Join(out, " ")
}
