package postgres_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/postgres"
	"parapheur/internal/towntest"
)

// An outward is what a town has of the programs that call it, and that it calls.
type outward struct {
	hook     dossiers.Webhook
	delivery string
	bearer   [32]byte         // of an access token
	answer   string           // an idempotency key with an answer
	letter   dossiers.Dossier // a draft of the application
}

// outwards makes one row of everything.
func outwards(t *testing.T, town *towntest.Town, b belonging) (out outward) {
	t.Helper()
	ctx, s, now := t.Context(), town.Store, time.Now().UTC().Truncate(time.Microsecond)
	fail := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	admin := town.Person(t, demo.Administrator).Viewer(t)
	hook, _, err := town.Office.AddWebhook(ctx, admin, b.app.ID, "https://gec.example.org/"+string(b.t), nil)
	fail(err)
	out.hook = hook
	test, err := town.Office.TestWebhook(ctx, admin, hook.ID)
	fail(err)
	out.delivery = test.ID
	key := b.app.Keys[0].ID
	out.bearer = sha256.Sum256([]byte(b.t))
	fail(s.AddAccessToken(ctx, b.t, dossiers.AccessToken{Key: key, Scopes: dossiers.Scopes(), Created: now, Expires: now.Add(time.Hour)}, out.bearer))
	fail(s.UseAssertion(ctx, b.t, key, sha256.Sum256([]byte("first")), now.Add(time.Hour)))
	fail(s.LogCall(ctx, b.t, dossiers.Call{At: now, Application: b.app.ID, Credential: key, Operation: "getMe", Method: "GET", Path: "/me", Status: 200, Request: "r"}))
	out.answer = "answered-" + string(b.t)
	if _, err := s.ClaimAnswer(ctx, b.t, b.app.ID, out.answer, [32]byte{1}, now, now.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	fail(s.KeepAnswer(ctx, b.t, b.app.ID, out.answer, []byte(`{}`)))
	if _, err := s.ClaimAnswer(ctx, b.t, b.app.ID, "running", [32]byte{1}, now, now.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	_, _, err = s.AddNote(ctx, b.t, dossiers.Note{ID: uuid.NewString(), Dossier: b.signed.ID, Text: "x", By: "x", At: now}, by)
	fail(err)
	_, _, err = s.AddDispatch(ctx, b.t, aDispatch(b.signed.ID, now), by)
	fail(err)
	fail(s.FileProof(ctx, b.t, aProof(b, now), by))
	gec, _, err := town.Office.Authenticate(ctx, town.Tenant, town.Founded.APIKeys[demo.GEC])
	fail(err)
	out.letter, _, err = town.Office.Deposit(ctx, gec, dossiers.Draft{Title: "Un brouillon", Recipient: "Quelqu’un", TypeCode: "courrier-simple", Main: town.Letter(t), Key: "k9"})
	fail(err)
	return out
}

func aDispatch(id dossiers.ID, at time.Time) dossiers.Dispatch {
	return dossiers.Dispatch{ID: uuid.NewString(), Dossier: id, Channel: "courrier", Status: "sent", OccurredAt: at, By: "x", At: at}
}

func aProof(b belonging, at time.Time) dossiers.FiledProof {
	return dossiers.FiledProof{
		OutsideProof: dossiers.OutsideProof{SHA256: circuits.Digest(sha256.Sum256([]byte(b.t))), Bytes: 1, Kind: "application/pdf"},
		Dossier:      b.signed.ID, Version: 1, Round: 1, Step: "paper", Person: b.person.ID, At: at,
	}
}

// What programs leave behind goes in its time, and not before.
func TestSweepOfPrograms(t *testing.T) {
	t.Parallel()
	town := towntest.New(t)
	belongings(t, town)
	left := func() (n int) {
		t.Helper()
		err := town.Owner(t).QueryRow(t.Context(), `select (select count(*) from access_token) + (select count(*) from used_assertion)
			+ (select count(*) from api_call) + (select count(*) from api_answer) + (select count(*) from webhook_delivery)`).Scan(&n)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	all := left()
	if err := town.Store.Sweep(t.Context(), time.Now()); err != nil || left() != all || all < 6 {
		t.Errorf("swept too early: %d of %d, %v", left(), all, err)
	}
	if err := town.Store.Sweep(t.Context(), time.Now().AddDate(1, 0, 0)); err != nil || left() != 0 {
		t.Errorf("not swept: %d, %v", left(), err)
	}
}

func outwardReads() map[string]call {
	return map[string]call{
		"Webhooks": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			x, err := s.Webhooks(ctx, t, b.app.ID)
			return some(len(x), err, x)
		},
		"Deliveries": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			x, _, err := s.Deliveries(ctx, t, b.hook.ID, dossiers.Page{Limit: 10})
			return some(len(x), err, x)
		},
		"AccessToken": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			_, _, _, err := s.AccessToken(ctx, t, b.bearer)
			return err
		},
		"Calls": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			x, _, err := s.Calls(ctx, t, b.app.ID, dossiers.Page{Limit: 10})
			return some(len(x), err, x)
		},
		"Notes": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			x, err := s.Notes(ctx, t, b.signed.ID)
			return some(len(x), err, x)
		},
		"ProofFiled": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			filed, err := s.ProofFiled(ctx, t, aProof(b, time.Now()))
			if err == nil && !filed {
				return nothing
			}
			return err
		},
		"Dispatches": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			x, err := s.Dispatches(ctx, t, b.signed.ID)
			return some(len(x), err, x)
		},
		"NextDelivery": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			_, err := s.NextDelivery(ctx, t, b.hook, "node", time.Now(), nil) // what was asked for needs no composing
			return err
		},
	}
}

func outwardWrites() map[string]call {
	at := time.Now().UTC().Truncate(time.Microsecond)
	return map[string]call{
		"AddWebhook": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			w := b.hook
			w.ID = uuid.NewString()
			return s.AddWebhook(ctx, t, w, by, at)
		},
		"ChangeWebhook": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			_, err := s.ChangeWebhook(ctx, t, b.hook.ID, "webhook.changed", by, at, func(*dossiers.Webhook) error { return nil })
			return err
		},
		"AskDelivery": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			return s.AskDelivery(ctx, t, dossiers.Delivery{ID: b.delivery, Webhook: b.hook.ID}, at)
		},
		"ClaimWebhook": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			return claim(ctx, s, t, b, func(string) error { return nil })
		},
		"SettleDelivery": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			settle := func(node string) error {
				return s.SettleDelivery(ctx, t, b.hook, node, dossiers.Delivery{ID: b.delivery, State: dossiers.DeliveryDone})
			}
			if t == b.t {
				return claim(ctx, s, t, b, settle)
			}
			if err := settle(""); !errors.Is(err, dossiers.ErrConflict) {
				return err
			}
			return nothing
		},
		"ToldWebhook": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			return s.ToldWebhook(ctx, t, b.hook.ID, at)
		},
		"SetApplication": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			return s.SetApplication(ctx, t, dossiers.Application{ID: b.app.ID}, by, at)
		},
		"AddAccessToken": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			return s.AddAccessToken(ctx, t, dossiers.AccessToken{Key: b.app.Keys[0].ID, Scopes: dossiers.Scopes(), Created: at, Expires: at}, sha256.Sum256([]byte(uuid.NewString())))
		},
		"UseAssertion": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			return s.UseAssertion(ctx, t, b.app.Keys[0].ID, sha256.Sum256([]byte("second")), at)
		},
		"LogCall": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			return s.LogCall(ctx, t, dossiers.Call{At: at, Application: b.app.ID})
		},
		"ClaimAnswer": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			_, err := s.ClaimAnswer(ctx, t, b.app.ID, "another", [32]byte{2}, at, at)
			return err
		},
		"KeepAnswer": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			return s.KeepAnswer(ctx, t, b.app.ID, b.answer, []byte(`{}`))
		},
		"DropAnswer": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			return s.DropAnswer(ctx, t, b.app.ID, "running")
		},
		"AddNote": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			_, _, err := s.AddNote(ctx, t, dossiers.Note{ID: uuid.NewString(), Dossier: b.signed.ID, Text: "x", At: at}, by)
			return err
		},
		"AddDispatch": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			_, _, err := s.AddDispatch(ctx, t, aDispatch(b.signed.ID, at), by)
			return err
		},
		"FileProof": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			p := aProof(b, at)
			p.Step = "again"
			return s.FileProof(ctx, t, p, by)
		},
		"Redescribe": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			_, err := s.Redescribe(ctx, t, b.letter.ID, by, at, func(d *dossiers.Dossier) error { d.Note += "."; return nil })
			return err
		},
	}
}

// claim leases the endpoint of b in town t, which has something to be sent,
// and runs fn under the lease.
func claim(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging, fn func(node string) error) error {
	if t == b.t {
		if err := s.AskDelivery(ctx, t, dossiers.Delivery{ID: b.delivery, Webhook: b.hook.ID}, time.Now()); err != nil {
			return err
		}
	}
	for {
		node := uuid.NewString()
		w, err := s.ClaimWebhook(ctx, t, node, time.Now(), time.Now().Add(time.Hour))
		if err != nil {
			return err
		}
		defer s.ReleaseWebhook(ctx, t, w.ID, node) //nolint:errcheck // a test
		if w.ID == b.hook.ID {
			return fn(node)
		}
	}
}

// outwardLast come after all others.
func outwardLast() map[string]call {
	at := time.Now().UTC().Truncate(time.Microsecond)
	return map[string]call{
		"RevokeAccessToken": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			return s.RevokeAccessToken(ctx, t, b.app.Keys[0].ID, b.bearer, at)
		},
		"RemoveWebhook": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			return s.RemoveWebhook(ctx, t, b.hook.ID, by, at)
		},
	}
}
