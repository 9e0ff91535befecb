package postgres_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"parapheur/approvals"
	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/keyring"
	"parapheur/internal/postgres"
	"parapheur/internal/towntest"
	"parapheur/internal/wiring"
)

// A belonging is what a town has, by the names under which it is asked for.
type belonging struct {
	town       *towntest.Town
	t          dossiers.TenantID
	signed     dossiers.Dossier // completed
	running    dossiers.ID
	person     dossiers.Person // the DGS
	desk       circuits.DeskID
	kid        []byte
	app        dossiers.Application
	token      [32]byte // of the DGS's session
	session    dossiers.Session
	invitation [32]byte
	ceremony   approvals.Ceremony
	noticed    dossiers.ID         // a dossier with a notice
	rule       dossiers.NoticeCode // the one this town refuses, and no other does
	outward
	connected
	identified
	counterparts
}

func belongings(t *testing.T, town *towntest.Town) belonging {
	t.Helper()
	b := belonging{town: town, t: town.Tenant.ID, signed: lived(t, town)}
	b.running = town.Deposit(t).ID
	dgs := town.Person(t, demo.DGS)
	b.person, b.session, b.token = *dgs.Viewer(t).Person, dgs.Session, sha256.Sum256([]byte(dgs.Token))
	b.desk = b.person.Seats[0].Desk
	ctx, s := t.Context(), town.Store
	keys, err := s.Credentials(ctx, b.t, b.person.ID)
	if err != nil || len(keys) == 0 {
		t.Fatal(err)
	}
	b.kid = keys[0].ID
	apps, err := s.Applications(ctx, b.t)
	if err != nil || len(apps) == 0 || len(apps[0].Keys) == 0 {
		t.Fatal(err)
	}
	b.app = apps[0]
	b.invitation = sha256.Sum256([]byte(town.Founded.Invitations[demo.Preparer])) // not used yet
	b.ceremony = approvals.Ceremony{
		ID: []byte(uuid.NewString()), Purpose: approvals.PurposeLogin, HTTPSession: []byte(b.session.ID), Challenge: []byte(uuid.NewString()), Expires: time.Now().Add(time.Minute),
	}
	if err := s.KeepCeremony(ctx, b.t, b.ceremony, nil); err != nil {
		t.Fatal(err)
	}
	waits := dossiers.Sealing{Dossier: b.running, Version: 1, Step: 1, Holder: b.person.ID, Prepared: []byte("p"), StartedAt: time.Now()}
	if _, err := s.AdvanceSealing(ctx, b.t, waits); err != nil {
		t.Fatal(err)
	}
	for _, kid := range []string{pendingOf(b.t), pendingOf(b.t) + "-2"} {
		if err := s.KeepPending(ctx, b.t, pending(kid, b.person.ID), nil, by, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	b.rule = ownRule(town)
	found, _, err := s.Search(ctx, b.t, "", dossiers.Filter{ExternalReference: "GEC-1"}, dossiers.Page{Limit: 1})
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	b.noticed = found[0].ID
	if err := s.RecordDocument(ctx, b.t, sha256.Sum256([]byte(b.t)), 1, by, time.Now()); err != nil {
		t.Fatal(err)
	}
	b.outward = outwards(t, town, b)
	b.connected = connects(t, town, b)
	b.identified = identities(t, town, b)
	hands(t, b)
	sealsEvidence(t, b)
	b.counterparts = sides(t, town, b)
	return b
}

// pendingOf is the identifier of the passkey of a town that waits for a witness.
func pendingOf(t dossiers.TenantID) string { return "waiting-" + string(t) }

func pending(kid string, p circuits.PersonID) dossiers.PendingPasskey {
	return dossiers.PendingPasskey{Person: p, Pending: approvals.Pending{Credential: approvals.Credential{ID: []byte(kid), COSE: []byte("x"), Label: "x"}}}
}

// nothing is what a method answers that found nothing.
var nothing = dossiers.ErrNotFound //nolint:errname // reads as a word below

// some turns an empty answer into nothing.
func some[T any](n int, err error, _ T) error {
	if err == nil && n == 0 {
		return nothing
	}
	return err
}

// A call uses one method of the store, in town t, on what b has. It answers
// an error that is ErrNotFound when nothing was found.
type call func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error

var by = circuits.Actor{Name: "test"} //nolint:gochecknoglobals // a value of this test

func reads() map[string]call {
	return map[string]call{
		"Dossier": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			_, err := s.Dossier(ctx, t, b.signed.ID)
			return err
		},
		"Matter": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			_, err := s.Matter(ctx, t, b.signed.ID)
			return err
		},
		"Waiting": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			x, err := s.Waiting(ctx, t, string(b.desk), "", 10)
			return some(len(x), err, x)
		},
		"Revisions": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			x, err := s.Revisions(ctx, t, b.signed.ID, 1)
			return some(len(x), err, x)
		},
		"Evidence": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			x, err := s.Evidence(ctx, t, b.signed.ID)
			return some(len(x), err, x)
		},
		"Notices": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			x, err := s.Notices(ctx, t, b.noticed)
			return some(len(x), err, x)
		},
		"DepositRules": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			x, err := s.DepositRules(ctx, t)
			if err == nil && x[b.rule] {
				return nil
			}
			return some(0, err, x)
		},
		"List": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			found := 0
			for _, bin := range dossiers.Bins() {
				x, _, err := s.List(ctx, t, dossiers.Reader{Person: b.person, InPlaceOf: []string{string(b.desk)}, Now: time.Now()}, bin, dossiers.Page{Limit: 10})
				if found += len(x); err != nil {
					return err
				}
			}
			return some(found, nil, b)
		},
		"Count": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			x, err := s.Count(ctx, t, dossiers.Reader{Person: b.person, InPlaceOf: []string{string(b.desk)}, Now: time.Now()})
			found := 0
			for _, n := range x {
				found += n
			}
			return some(found, err, x)
		},
		"Search": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			x, _, err := s.Search(ctx, t, b.app.ID, dossiers.Filter{Query: "lettre", ExternalReference: "GEC-1", Phase: circuits.Running}, dossiers.Page{Limit: 10})
			return some(len(x), err, x)
		},
		"Opened": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			ok, err := s.Opened(ctx, t, b.signed.ID, b.person.ID, b.signed.Main().Approved.SHA256)
			if err == nil && !ok {
				return nothing
			}
			return err
		},
		"Sealing": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			_, err := s.Sealing(ctx, t, b.signed.ID, 1, 1)
			return err
		},
		"Sealings": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			x, err := s.Sealings(ctx, t, b.signed.ID, 1)
			return some(len(x), err, x)
		},
		"ArchiveDue": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			x, err := s.ArchiveDue(ctx, t, time.Now().AddDate(100, 0, 0), 10)
			if t != b.t { // the other town has letters of its own
				return nothing
			}
			return some(len(x), err, x)
		},
		"Unsigned": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			x, err := s.Unsigned(ctx, t, b.person.ID)
			return some(len(x), err, x)
		},
		"JournalOf": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			x, err := s.JournalOf(ctx, t, b.signed.ID)
			return some(len(x), err, x)
		},
		"KeptDocument": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			kept, err := s.KeptDocument(ctx, t, sha256.Sum256([]byte(b.t)))
			if err == nil && !kept {
				return nothing
			}
			return err
		},
		"SearchJournal": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			x, err := s.SearchJournal(ctx, t, dossiers.JournalQuery{Person: b.person.ID}, 10)
			return some(len(x), err, x)
		},
		"Feed": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			x, err := s.Feed(ctx, t, b.app.ID, nil, 0, 100)
			return some(len(x), err, x)
		},
		"Person": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			_, err := s.Person(ctx, t, b.person.ID)
			return err
		},
		"PersonByHandle": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			_, err := s.PersonByHandle(ctx, t, b.person.Handle)
			return err
		},
		"Invitation": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			_, err := s.Invitation(ctx, t, b.invitation, time.Now())
			return err
		},
		"PendingPasskeys": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			x, err := s.PendingPasskeys(ctx, t)
			x = slices.DeleteFunc(x, func(p dossiers.PendingPasskey) bool { return string(p.ID) != pendingOf(b.t) })
			return some(len(x), err, x)
		},
		"Credentials": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			x, err := s.Credentials(ctx, t, b.person.ID)
			return some(len(x), err, x)
		},
		"Session": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			_, err := s.Session(ctx, t, b.token, time.Now())
			return err
		},
		"APIKey": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			_, _, _, err := s.APIKey(ctx, t, b.app.Keys[0].ID)
			return err
		},
		"SigningKey": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			mayor, err := s.PersonByEmail(ctx, b.t, demo.Mayor)
			if err == nil {
				_, err = s.SigningKey(ctx, t, mayor.ID)
			}
			return err
		},
	}
}

// keyOf is the signing key of the Mayor of a town.
func keyOf(ctx context.Context, s *postgres.Store, t dossiers.TenantID) (keyring.StoredKey, error) {
	mayor, err := s.PersonByEmail(ctx, t, demo.Mayor)
	if err != nil {
		return keyring.StoredKey{}, err
	}
	return s.SigningKey(ctx, t, mayor.ID)
}

// activation is one of the Mayor of town owner, kept in town t if it is to be.
func activation(ctx context.Context, s *postgres.Store, t, owner dossiers.TenantID, id string, keep bool) (keyring.StoredActivation, error) {
	k, err := keyOf(ctx, s, owner)
	a := keyring.StoredActivation{
		ID: id, Person: k.Person, Key: k.ID, TBS: [][32]byte{{7}}, Activation: []byte("{}"), Expires: time.Now().Add(time.Hour),
	}
	if err != nil || !keep {
		return a, err
	}
	return a, s.KeepActivation(ctx, t, a)
}

// activations keep, find and finish the authorisation of a key, in this order.
func activations() []struct {
	name string
	use  call
} {
	return []struct {
		name string
		use  call
	}{
		{"KeepActivation", func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			_, err := activation(ctx, s, t, b.t, "state of "+string(b.t), true)
			return err
		}},
		{"Activation", func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			a, err := s.Activation(ctx, t, "state of "+string(b.t), time.Now())
			if err == nil && (len(a.TBS) != 1 || a.TBS[0] != [32]byte{7}) {
				return errors.New("the activation is not what was kept")
			}
			return err
		}},
		{"FinishActivation", func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			a, err := activation(ctx, s, t, b.t, "state of "+string(b.t), false)
			if err != nil {
				return err
			}
			return s.FinishActivation(ctx, t, a, time.Now())
		}},
		{"FinishedActivation", func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			a, err := activation(ctx, s, t, b.t, "state of "+string(b.t), false)
			if err != nil {
				return err
			}
			_, err = s.FinishedActivation(ctx, t, a.Key, [32]byte{7}, time.Now())
			return err
		}},
	}
}

// writes come after reads, each once in the other town and then at home.
func writes() map[string]call {
	at := time.Now().UTC().Truncate(time.Microsecond)
	return map[string]call{
		"SetMails": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			return s.SetMails(ctx, t, b.person.ID, dossiers.MailWishes{Waiting: dossiers.MailDigest}, by, at)
		},
		"Update": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			_, err := s.Update(ctx, t, b.running, b.person.ID, func(w dossiers.Work) (dossiers.Change, error) {
				events, err := w.Dossier.State.Withdraw(circuits.Actor{Person: w.Dossier.Drafter.Person}, "", at)
				return dossiers.Change{Events: events}, err
			})
			return err
		},
		"Create": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			d := b.signed
			d.ID, d.ExternalReference, d.Application, d.CreatedAt = dossiers.ID(uuid.NewString()), "", b.app.ID, at
			events, err := circuits.State{}.Deposit(circuits.Deposited{By: circuits.Actor{Application: b.app.ID}, Drafter: d.Drafter.Person, At: at})
			if err != nil {
				return err
			}
			d.State = circuits.State{}
			for i := range d.Documents {
				d.Documents[i].Revision = d.Documents[i].Approved
			}
			_, _, err = s.Create(ctx, t, dossiers.Creation{Dossier: d, Events: events, Application: b.app.ID, Key: "k2"})
			return err
		},
		"MarkOpened": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			return s.MarkOpened(ctx, t, b.signed.ID, b.person.ID, circuits.Digest{7}, at)
		},
		"SealAgain": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			return s.SealAgain(ctx, t, []dossiers.ID{b.signed.ID})
		},
		"AdvanceSealing": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			first, err := s.AdvanceSealing(ctx, t, dossiers.Sealing{Dossier: b.signed.ID, Version: 9, Step: 9, Prepared: []byte("p"), StartedAt: at})
			if err != nil {
				return err
			}
			late := first
			late.Edition, late.Prepared = 0, []byte("late")
			if kept, err := s.AdvanceSealing(ctx, t, late); err != nil || string(kept.Prepared) != "p" {
				return fmt.Errorf("a late comer replaced what was kept: %w", err)
			}
			return nil
		},
		"SetSeat": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			return s.SetSeat(ctx, t, b.desk, b.person.ID, "Directeur", false, by, at)
		},
		"Invite": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			return s.Invite(ctx, t, dossiers.Invitation{TokenHash: sha256.Sum256([]byte(t)), Person: b.person.ID, Expires: at}, by, at)
		},
		"OpenSession": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			return s.OpenSession(ctx, t, sha256.Sum256([]byte(uuid.NewString())), dossiers.Session{ID: "s", Person: b.person.ID, Expires: at})
		},
		"TakeCeremony": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			_, _, err := s.TakeCeremony(ctx, t, b.ceremony.ID, string(b.ceremony.Purpose), b.session.ID, time.Now())
			return err
		},
		"AddApplication": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			return s.AddApplication(ctx, t, dossiers.Application{ID: uuid.NewString(), Name: "Une de plus", DefaultDrafter: b.person.ID}, by, at)
		},
		"AddAPIKey": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			return s.AddAPIKey(ctx, t, b.app.ID, dossiers.APIKey{ID: uuid.NewString(), Scopes: dossiers.Scopes(), CreatedAt: at}, [32]byte{}, by, at)
		},
		"AddSigningKey": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			return s.AddSigningKey(ctx, t, keyring.StoredKey{ID: uuid.NewString(), Person: b.person.ID, Label: "x", Kind: keyring.PKCS12, Settings: []byte("{}"), Sealed: []byte("x"), Certificate: []byte("x"), NotAfter: at}, by, at)
		},
		"RenameCredential": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			return s.RenameCredential(ctx, t, b.person.ID, b.kid, "Téléphone")
		},
		"TouchCredential": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			err := s.TouchCredential(ctx, t, dossiers.Credential{Person: b.person.ID, Credential: approvals.Credential{ID: b.kid, SignCount: 3}}, at)
			if errors.Is(err, approvals.ErrUnknownCredential) {
				return nothing
			}
			return err
		},
		"KeepPending": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			return s.KeepPending(ctx, t, pending(uuid.NewString(), b.person.ID), nil, by, at)
		},
		"EnrolWitnessed": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			head, err := s.EnrolmentHead(ctx, t)
			if err != nil {
				return err
			}
			p := pending(pendingOf(b.t), b.person.ID)
			p.EnrolmentStatement, p.EnrolmentHash = []byte(`{}`), [32]byte{6}
			return s.EnrolWitnessed(ctx, t, dossiers.Credential{Person: b.person.ID, Credential: p.Credential}, head,
				dossiers.Credential{Person: b.person.ID, Credential: approvals.Credential{ID: b.kid}}, by, at)
		},
		"DropPending": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			return s.DropPending(ctx, t, []byte(pendingOf(b.t)+"-2"), by, at)
		},
		"Enrol": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			head, err := s.EnrolmentHead(ctx, t)
			if err != nil {
				return err
			}
			return s.Enrol(ctx, t, dossiers.Credential{Person: b.person.ID, Credential: approvals.Credential{
				ID: []byte(uuid.NewString()), COSE: []byte("x"), EnrolmentStatement: []byte(`{}`), EnrolmentHash: [32]byte{5},
			}}, head, nil, by, at)
		},
	}
}

// keysOfMayor change the Mayor's key before another takes its place.
func keysOfMayor() map[string]call {
	at := time.Now().UTC().Truncate(time.Microsecond)
	return map[string]call{
		"SuspendSigningKey": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			k, err := keyOf(ctx, s, b.t)
			if err != nil {
				return err
			}
			return s.SuspendSigningKey(ctx, t, k.ID, "code refusé", at)
		},
		"ResealSigningKey": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			k, err := keyOf(ctx, s, b.t)
			if err != nil {
				return err
			}
			return s.ResealSigningKey(ctx, t, k.ID, []byte("other"))
		},
	}
}

// last take something away: they come after all others, whatever their order.
func last() map[string]call {
	at := time.Now().UTC().Truncate(time.Microsecond)
	return map[string]call{
		"RetireSigningKey": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			k, err := keyOf(ctx, s, b.t)
			if err != nil {
				return err
			}
			return s.RetireSigningKey(ctx, t, k.ID, "perdue", by, at)
		},
		"RevokeAPIKey": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			return s.RevokeAPIKey(ctx, t, b.app.Keys[0].ID, by, at)
		},
		"RevokeCredential": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			return s.RevokeCredential(ctx, t, b.person.ID, b.kid, by, "perdue", at)
		},
		"Unseat": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			return s.Unseat(ctx, t, b.desk, b.person.ID, by, at)
		},
		"SetActive": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			return s.SetActive(ctx, t, b.person.ID, false, by, at)
		},
	}
}

// ofTown take no identifier but the town's: what they answer in one town may
// name nothing of another. The errors of the rest tell what they found.
func ofTown() map[string]func(ctx context.Context, s *postgres.Store, t dossiers.TenantID) (any, error) {
	return map[string]func(ctx context.Context, s *postgres.Store, t dossiers.TenantID) (any, error){
		"Journal": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID) (any, error) {
			return s.Journal(ctx, t, 0, 1000)
		},
		"JournalHead": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID) (any, error) {
			return s.JournalHead(ctx, t)
		},
		"SigningKeys": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID) (any, error) {
			return s.SigningKeys(ctx, t)
		},
		"Types": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID) (any, error) { return s.Types(ctx, t) },
		"Desks": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID) (any, error) { return s.Desks(ctx, t) },
		"People": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID) (any, error) {
			return s.People(ctx, t)
		},
		"Applications": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID) (any, error) {
			return s.Applications(ctx, t)
		},
		"Enrolments": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID) (any, error) {
			return s.Enrolments(ctx, t)
		},
		"EnrolmentHead": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID) (any, error) {
			return s.EnrolmentHead(ctx, t)
		},
		"Tenant": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID) (any, error) {
			return s.Tenant(ctx, t)
		},
		"PersonByEmail": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID) (any, error) {
			return s.PersonByEmail(ctx, t, demo.DGS)
		},
	}
}

// elsewhere names the methods that other tests use: what is made at
// founding, what ends silently, and what is of no town.
func elsewhere() []string {
	return []string{
		"TenantByHost", "AddPerson", "AddDesk", "PublishType", "KeepCeremony", "RecordDocument", // founding and every journey
		"CloseSession", "CloseSessions", "TouchAPIKey", // silent: their traces are compared below
		"SandboxTowns", "OpenSandbox", "SandboxOf", "AdvanceClock", "AddTestPerson", "TestPersons", // sandbox_test.go: other towns have none
		"Ticking", "Blocked", "OrganisationRevision", // the clock's tests
		"Ping", "Listen", "Sweep", "Unsealed", "Towns", "WebhookTowns",
		"SetSignOn", "RemoveSignOn", "AskIdentity", // of the town alone: the tests of web
		"ReleaseWebhook", // silent likewise
	}
}

// Every method of the store runs on the migrated schema, finds what its own
// town has, and finds nothing when it is given what another town has.
func TestMethodsStayInTheirTown(t *testing.T) {
	t.Parallel()
	town := towntest.New(t)
	other := town.Neighbour(t)
	home, abroad := belongings(t, town), belongings(t, other)
	ctx, s, owner := t.Context(), town.Store, town.Owner(t)
	before := print(t, owner, other.Tenant.ID)
	covered := map[string]bool{}
	for _, c := range activations() {
		covered[c.name] = true
		if err := c.use(ctx, s, home.t, abroad); !errors.Is(err, dossiers.ErrNotFound) {
			t.Errorf("%s finds what the other town has: %v", c.name, err)
		}
		if err := c.use(ctx, s, home.t, home); err != nil {
			t.Errorf("%s at home: %v", c.name, err)
		}
	}
	for _, group := range []map[string]call{
		evidenceSealCalls(), reads(), organisationReads(), outwardReads(), connectorReads(), identityReads(), pictureReads(), keysOfMayor(), writes(), organisationWrites(), outwardWrites(), connectorWrites(), identityWrites(), pictureWrites(), counterpartCalls(), pictureLast(), last(), outwardLast(), identityLast(), counterpartLast(),
	} {
		for name, use := range group {
			covered[name] = true
			if err := use(ctx, s, home.t, abroad); !errors.Is(err, dossiers.ErrNotFound) {
				t.Errorf("%s finds what the other town has: %v", name, err)
			}
			if err := use(ctx, s, home.t, home); err != nil {
				t.Errorf("%s at home: %v", name, err)
			}
		}
	}
	inTown := ofTown()
	maps.Copy(inTown, organisationOfTown())
	maps.Copy(inTown, connectorsOfTown())
	for name, use := range inTown {
		covered[name] = true
		theirs := fmt.Sprint(abroad.t, abroad.signed.ID, abroad.person.ID, abroad.desk, abroad.app.ID)
		got, err := use(ctx, s, home.t)
		raw, _ := json.Marshal(got) //nolint:errchkjson // plain values
		if err != nil || len(raw) < 3 {
			t.Errorf("%s at home: %s, %v", name, raw, err)
		}
		for id := range strings.FieldsSeq(theirs) {
			if strings.Contains(string(raw), id) {
				t.Errorf("%s names %s of the other town", name, id)
			}
		}
		if _, err := use(ctx, s, "no town"); !errors.Is(err, dossiers.ErrNotFound) {
			t.Errorf("%s of no town: %v", name, err)
		}
	}
	if err := errors.Join(s.ReleaseWebhook(ctx, home.t, abroad.hook.ID, "node"), s.CloseSession(ctx, home.t, abroad.token), s.CloseSessions(ctx, home.t, abroad.person.ID, ""), s.TouchAPIKey(ctx, home.t, abroad.app.Keys[0].ID, time.Now())); err != nil {
		t.Error(err)
	}
	for table, sum := range print(t, owner, other.Tenant.ID) {
		if sum != before[table] {
			t.Errorf("%s of the other town changed", table)
		}
	}
	for _, name := range elsewhere() {
		covered[name] = true
	}
	for m := range reflect.TypeFor[*postgres.Store]().Methods() {
		if !covered[m.Name] {
			t.Errorf("no test gives %s what another town has", m.Name)
		}
	}
}

// What has expired goes, what has not stays.
func TestSweep(t *testing.T) {
	t.Parallel()
	town := towntest.New(t, func(c *wiring.Config) { c.Workers = 0 })
	dgs := town.Person(t, demo.DGS)
	if _, err := town.Office.BeginSignIn(t.Context(), town.Tenant, dgs.Session); err != nil {
		t.Fatal(err)
	}
	left := func() (n int) {
		if err := town.Owner(t).QueryRow(t.Context(), `select (select count(*) from session) * 100 + (select count(*) from ceremony)`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	all := left()
	if err := town.Store.Sweep(t.Context(), time.Now()); err != nil || left() != all || all != 201 {
		t.Errorf("swept too early: %d of %d, %v", left(), all, err)
	}
	if err := town.Store.Sweep(t.Context(), time.Now().Add(24*time.Hour)); err != nil || left() != 0 {
		t.Errorf("not swept: %d, %v", left(), err)
	}
}
