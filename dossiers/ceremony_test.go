package dossiers_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"parapheur/approvals"
	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/towntest"
	"parapheur/internal/wiring"
)

// A clock that tests move forward. It never goes back.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time           { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) pass(d time.Duration)     { c.ahead.Add(int64(d)) }
func (c *clock) install(w *wiring.Config) { w.Now = c.now }

// A refusalCase is one way in which a decision, begun rightly, must not be
// taken. meddle acts between begin and finish and answers who finishes with
// what.
type refusalCase struct {
	want   error
	meddle func(t *testing.T, s *scene) (*towntest.Person, []byte)
}

// A scene is a letter that the DGS began to decide.
type scene struct {
	town     *towntest.Town
	clock    *clock
	dgs      *towntest.Person
	d        dossiers.Dossier
	req      dossiers.DecisionRequest
	ceremony []byte // that is finished
}

func refusals() map[string]refusalCase {
	as := func(f func(*scene) *towntest.Person) func(*testing.T, *scene) (*towntest.Person, []byte) {
		return func(t *testing.T, s *scene) (*towntest.Person, []byte) {
			t.Helper()
			return s.dgs, f(s).Gesture(t, s.req)
		}
	}
	owner := func(query string) func(*testing.T, *scene) (*towntest.Person, []byte) {
		return func(t *testing.T, s *scene) (*towntest.Person, []byte) {
			t.Helper()
			execute(t, s.town, query)
			return s.dgs, s.dgs.Gesture(t, s.req)
		}
	}
	return map[string]refusalCase{
		"expired": {dossiers.ErrCeremony, func(t *testing.T, s *scene) (*towntest.Person, []byte) {
			t.Helper()
			s.clock.pass(approvals.TTL + time.Second)
			return s.dgs, s.dgs.Gesture(t, s.req)
		}},
		"other session": {dossiers.ErrCeremony, func(t *testing.T, s *scene) (*towntest.Person, []byte) {
			t.Helper()
			return s.dgs.Elsewhere(t), s.dgs.Gesture(t, s.req)
		}},
		"other person": {dossiers.ErrCeremony, func(t *testing.T, s *scene) (*towntest.Person, []byte) {
			t.Helper()
			return s.town.Person(t, demo.Mayor), s.dgs.Gesture(t, s.req)
		}},
		"other person's passkey": {approvals.ErrUnknownCredential, func(t *testing.T, s *scene) (*towntest.Person, []byte) {
			t.Helper()
			return s.dgs, s.town.Person(t, demo.Mayor).Gesture(t, s.req)
		}},
		"login ceremony": {dossiers.ErrCeremony, func(t *testing.T, s *scene) (*towntest.Person, []byte) {
			t.Helper()
			g, err := s.town.Office.BeginSignIn(t.Context(), s.town.Tenant, s.dgs.Session)
			if err != nil {
				t.Fatal(err)
			}
			s.ceremony = g.Ceremony
			return s.dgs, s.dgs.Answer(t, g.Options)
		}},
		"login gesture": {approvals.ErrChallenge, func(t *testing.T, s *scene) (*towntest.Person, []byte) {
			t.Helper()
			g, err := s.town.Office.BeginSignIn(t.Context(), s.town.Tenant, s.dgs.Session)
			if err != nil {
				t.Fatal(err)
			}
			return s.dgs, s.dgs.Answer(t, g.Options)
		}},
		"wrong origin":       {approvals.ErrOrigin, as(func(s *scene) *towntest.Person { return s.dgs.At("https://parapheur.example") })},
		"nobody verified":    {approvals.ErrUserVerification, as(func(s *scene) *towntest.Person { return s.dgs.Unverified() })},
		"passkey revoked":    {approvals.ErrUnknownCredential, owner(`update credential set revoked_at = now()`)},
		"person deactivated": {dossiers.ErrForbidden, owner(`update person set active = false where email = '` + demo.DGS + `'`)},
		"seat given away":    {circuits.ErrDesk, owner(`delete from seat where person = (select id from person where email = '` + demo.DGS + `')`)},
		"evidence moved":     {dossiers.ErrConflict, owner(`update dossier set evidence_head = sha256('another')`)},
		"annex changed": {dossiers.ErrConflict, owner(`
			insert into document_revision select tenant, dossier, n, 2, 0, name, pages, segment_sha256, segment_bytes, bytes, sha256('other'), hash_state, at
			from document_revision where n = 2`)},
		"letter corrected": {circuits.ErrStale, func(t *testing.T, s *scene) (*towntest.Person, []byte) {
			t.Helper()
			drafter := s.town.Person(t, demo.Drafter).Viewer(t)
			if _, err := s.town.Office.Correct(t.Context(), drafter, s.d.ID, s.town.Annex(t)); err != nil {
				t.Fatal(err)
			}
			return s.dgs, s.dgs.Gesture(t, s.req)
		}},
		"letter withdrawn": {circuits.ErrState, func(t *testing.T, s *scene) (*towntest.Person, []byte) {
			t.Helper()
			drafter := s.town.Person(t, demo.Drafter).Viewer(t)
			if _, err := s.town.Office.Withdraw(t.Context(), drafter, s.d.ID, "", -1); err != nil {
				t.Fatal(err)
			}
			return s.dgs, s.dgs.Gesture(t, s.req)
		}},
	}
}

// Whatever happens between display and decision, what was not decided here,
// now, by this person on these bytes is refused, and nothing is written.
func TestCeremonyRefused(t *testing.T) {
	t.Parallel()
	for name, c := range refusals() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &scene{clock: &clock{}}
			s.town = towntest.New(t, s.clock.install)
			s.dgs, s.d = s.town.Person(t, demo.DGS), s.town.Deposit(t)
			s.town.Person(t, demo.Mayor)
			var err error
			if s.req, err = s.dgs.Begin(t, s.d.ID, "visa", ""); err != nil {
				t.Fatal(err)
			}
			v := s.dgs.Viewer(t) // before anything happens to the person
			s.ceremony = s.req.Ceremony
			who, response := c.meddle(t, s)
			session := who.Session
			if who.Email != s.dgs.Email {
				v = who.Viewer(t)
			}
			before := kinds(t, s.town, s.d.ID)
			out, err := s.town.Office.FinishDecision(t.Context(), v, session, s.ceremony, response)
			if err == nil {
				err = out[0].Err
			}
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			after := kinds(t, s.town, s.d.ID)
			if after[circuits.KindDecided] != 0 || len(after) != len(before) || len(evidenceOf(t, s.town, s.d.ID)) != 0 {
				t.Errorf("something was written: %v, then %v", before, after)
			}
		})
	}
}

// A ceremony serves once, whether it succeeded or failed.
func TestCeremonyServesOnce(t *testing.T) {
	t.Parallel()
	town := towntest.New(t)
	dgs, d := town.Person(t, demo.DGS), town.Deposit(t)
	failed := ready(t, dgs, d.ID, "visa", "")
	if _, err := dgs.Finish(t, failed.req, []byte(`{}`)); !errors.Is(err, approvals.ErrResponse) {
		t.Fatalf("an empty response: %v", err)
	}
	if _, err := dgs.Finish(t, failed.req, failed.response); !errors.Is(err, dossiers.ErrCeremony) {
		t.Errorf("after a failure the ceremony served again: %v", err)
	}
	good := ready(t, dgs, d.ID, "visa", "")
	if _, err := dgs.Finish(t, good.req, good.response); err != nil {
		t.Fatal(err)
	}
	if _, err := dgs.Finish(t, good.req, good.response); !errors.Is(err, dossiers.ErrCeremony) {
		t.Errorf("replayed: %v", err)
	}
}

// What the browser rendered must be what is stored, before any gesture.
func TestSeenIsStored(t *testing.T) {
	t.Parallel()
	town := towntest.New(t)
	dgs, d := town.Person(t, demo.DGS), town.Deposit(t)
	item := town.Item(t, d.ID, "visa", "")
	item.Seen[0] ^= 1
	if _, err := town.Office.BeginDecision(t.Context(), dgs.Viewer(t), dgs.Session, []dossiers.DecisionItem{item}); !errors.Is(err, circuits.ErrStale) {
		t.Errorf("bytes that are not stored: %v", err)
	}
}

func execute(t *testing.T, town *towntest.Town, query string) {
	t.Helper()
	if _, err := town.Owner(t).Exec(t.Context(), query); err != nil {
		t.Fatal(err)
	}
}
